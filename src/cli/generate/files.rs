//! The files that are written, and the ones that were there.

use std::fs::{self, Metadata, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::Failure;
use crate::cli::terminal::complain;
use crate::store::directory::files;

/// Files that stand complete beside the places where they belong. Dropped, they leave nothing behind.
#[derive(Default)]
pub(super) struct Staged(Vec<File>);

struct File {
    /// Where it belongs, with links followed: a link stays a link.
    target: PathBuf,
    /// Where it stands until then; gone when it was put in its place.
    new: PathBuf,
    former: Option<Metadata>,
}

/// Who may read a file that was not there yet.
#[derive(Clone, Copy)]
pub(super) enum Readers {
    Owner,
    Everyone,
}

impl Staged {
    /// Writes a file beside its place. One that is there already keeps its owner, its group, and what the group may do;
    /// everyone else may read it only if it is for everyone.
    pub(super) fn add(&mut self, path: &Path, readers: Readers, content: Vec<u8>) -> Result<(), Failure> {
        let content = Zeroizing::new(content);
        let (target, former) = place(path)?;
        if self.0.iter().any(|file| file.target == target) {
            return Err(Failure::misuse(format!("{} is named twice: give each its own file", path.display())));
        }
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        let new = target.with_file_name(format!(".{name}.{}.new", Uuid::new_v4()));
        let (mode, kept) = match readers {
            Readers::Owner => (0o600, 0o660),
            Readers::Everyone => (0o644, 0o666),
        };
        let first = if former.is_some() { 0o600 } else { mode };
        files::create(&new, first, &content).map_err(files::failed("writing", path)).map_err(Failure::new)?;
        let file = File { target, new, former };
        let same = file.former.as_ref().map_or(Ok(()), |former| be_like(&file.new, former, kept));
        self.0.push(file);
        same.map_err(|why| unlike(path, &why))
    }

    /// Keeps every file that is there as `FILE.bak-TIME`, and only then replaces them, each in one step.
    pub(super) fn put_in_place(self, now: DateTime<Utc>) -> Result<(), Failure> {
        for file in &self.0 {
            if let Some(former) = &file.former {
                let backup = back_up(&file.target, former, now)?;
                complain(&format!("the former {} is kept as {}", file.target.display(), backup.display()));
            }
        }
        for file in &self.0 {
            let folder = file.target.parent().unwrap_or(Path::new("/"));
            let placed = fs::rename(&file.new, &file.target).and_then(|()| files::sync_folder(folder));
            placed.map_err(files::failed("replacing", &file.target)).map_err(Failure::new)?;
        }
        Ok(())
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        for file in &self.0 {
            // It is gone already if it was put in its place.
            drop(fs::remove_file(&file.new));
        }
    }
}

/// Where a path leads to, and what is there.
fn place(path: &Path) -> Result<(PathBuf, Option<Metadata>), Failure> {
    let failed = |error| Failure::new(files::failed("writing", path)(error));
    match fs::canonicalize(path) {
        Ok(target) => {
            let metadata = fs::metadata(&target).map_err(failed)?;
            if !metadata.is_file() {
                return Err(Failure::misuse(format!("{} is no file: name another", path.display())));
            }
            Ok((target, Some(metadata)))
        }
        Err(error) if error.kind() == ErrorKind::NotFound && fs::symlink_metadata(path).is_err() => {
            let name = path.file_name().ok_or_else(|| failed(error))?;
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            Ok((fs::canonicalize(folder).map_err(failed)?.join(name), None))
        }
        Err(error) => Err(failed(error)),
    }
}

/// Copies a file to `FILE.bak-TIME`, which is never one that is there.
fn back_up(path: &Path, former: &Metadata, now: DateTime<Utc>) -> Result<PathBuf, Failure> {
    let content = files::read(path).map_err(files::failed("reading", path)).map_err(Failure::new)?;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(now.format(".bak-%Y%m%dT%H%M%S%3fZ").to_string());
    let backup = path.with_file_name(name);
    files::create(&backup, 0o600, &content).map_err(files::failed("writing", &backup)).map_err(Failure::new)?;
    be_like(&backup, former, 0o7777).map_err(|why| unlike(&backup, &why))?;
    Ok(backup)
}

/// Gives a new file the owner and group of a former one, and those bits of its mode.
fn be_like(path: &Path, former: &Metadata, bits: u32) -> io::Result<()> {
    let own = fs::metadata(path)?;
    if (own.uid(), own.gid()) != (former.uid(), former.gid()) {
        chown(path, Some(former.uid()), Some(former.gid()))?;
    }
    fs::set_permissions(path, Permissions::from_mode(former.mode() & bits | 0o600))
}

/// A server that can't read its keystore any more is down.
fn unlike(path: &Path, why: &io::Error) -> Failure {
    Failure::new(format!(
        "{} can't be given the owner and group of the former file ({why}): run keyturn as that user, or as root",
        path.display()
    ))
}
