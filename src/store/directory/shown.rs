//! What `keyturn run` keeps for verifiers, read by another process: the public folders only, without the lock.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::folder::{self, Stamp};
use super::{CONFIG_MAPS, DEFAULT_NAMESPACE, files};
use crate::publish::{Files, Header};
use crate::store::LARGEST_VALUE;

/// A ConfigMap's folder, and the version that counted when it was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The namespace that its place says.
    pub namespace: String,
    /// The name of the ConfigMap.
    pub name: String,
    /// The folder of that version. Nothing in it changes.
    pub version: PathBuf,
}

/// Folders that can't be read, and why.
pub type Unread = Vec<(PathBuf, io::Error)>;

/// Every ConfigMap below a directory that `keyturn run` keeps, but for those in folders that can't be read.
///
/// # Errors
/// If the directory itself can't be read.
pub fn shown(dir: &Path) -> io::Result<(Vec<Shown>, Unread)> {
    let (mut found, mut unread) = (Vec::new(), Unread::new());
    for outer in folders(&dir.join(CONFIG_MAPS))? {
        match look(DEFAULT_NAMESPACE, &outer).and_then(|one| Ok((one, folders(&outer)?))) {
            Ok((one, inner)) => {
                found.extend(one);
                let namespace = name_of(&outer);
                for folder in inner {
                    match look(&namespace, &folder) {
                        Ok(one) => found.extend(one),
                        Err(error) => unread.push((folder, error)),
                    }
                }
            }
            Err(error) => unread.push((outer, error)),
        }
    }
    Ok((found, unread))
}

/// What a ConfigMap says of itself, and its files: the set as `<namespace>/<name>`, the header, the files. `None` where that
/// version is gone, or was never one of Keyturn's.
///
/// # Errors
/// If a file can't be read.
pub fn read(shown: &Shown) -> io::Result<Option<(String, Header, Files)>> {
    let mut content = Files::new();
    let mut stamp = None;
    let Some(entries) = if_there(fs::read_dir(&shown.version))? else { return Ok(None) };
    for entry in entries {
        let entry = entry?;
        let metadata = entry.metadata()?;
        let size = usize::try_from(metadata.len()).unwrap_or(usize::MAX);
        if !metadata.is_file() || size > LARGEST_VALUE {
            continue;
        }
        let Some(bytes) = if_there(files::read(&entry.path()))? else { return Ok(None) };
        match entry.file_name().into_string() {
            Ok(name) if name == folder::HEADER => stamp = serde_json::from_slice::<Stamp<Header>>(&bytes).ok(),
            Ok(name) => drop(content.insert(name, bytes)),
            Err(_) => {}
        }
    }
    Ok(stamp.map(|Stamp { set, header }| (set, header, content)))
}

fn look(namespace: &str, folder: &Path) -> io::Result<Option<Shown>> {
    match fs::read_link(folder.join(folder::CURRENT)) {
        Ok(target) if target.components().count() == 1 => {
            let version = folder.join(target);
            Ok(Some(Shown { namespace: namespace.to_owned(), name: name_of(folder), version }))
        }
        Ok(_) => Ok(None),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::InvalidInput) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The folders in a folder, but for those whose names begin with a dot.
fn folders(parent: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(parent)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() && !entry.file_name().to_string_lossy().starts_with('.') {
            found.push(entry.path());
        }
    }
    Ok(found)
}

fn name_of(folder: &Path) -> String {
    folder.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn if_there<T>(read: io::Result<T>) -> io::Result<Option<T>> {
    match read {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        other => other.map(Some),
    }
}
