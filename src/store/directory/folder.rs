//! One output as a folder, whose files change together, as the kubelet does it for volumes.
//!
//! ```text
//! auth-signer/
//!   ..7-5f2c…/            one version: all files and the header
//!   ..data -> ..7-5f2c…   swapped in one step
//!   jwks.json -> ..data/jwks.json
//! ```
//!
//! No name of an output's file starts with two dots. A reader that needs several files of one version resolves `..data`
//! once, and reads them there.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::files::{self, Access, failed};
use crate::keyring::Time;
use crate::probe::{Clock, SystemClock};
use crate::publish::{Files, Header, LARGEST_OUTPUT};
use crate::store::{Place, SetRef, StoreError, Stored, Version};

/// The link to the version that counts.
pub(super) const CURRENT: &str = "..data";

/// A link that is about to take its place.
const NEXT: &str = "..new";

/// The file in each version that says what the output says of itself. Not `.keyturn.json`: an output may have a file of
/// that name.
pub(super) const HEADER: &str = "..keyturn.json";

/// No file of an output is larger, with room for the header's braces. What is, someone else put there.
const LARGEST_FILE: u64 = 2 * LARGEST_OUTPUT as u64;

/// One output's folder.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Folder {
    path: PathBuf,
    access: Access,
    /// The set it is for, as `<namespace>/<name>`.
    set: String,
}

/// What stands in the folder under one name.
#[derive(Debug, PartialEq, Eq)]
enum Entry {
    /// `..data`, leading to this version.
    Current(String),
    /// A version, whole or not.
    Version,
    /// A link that never took its place.
    Next,
    /// A file's name, as Keyturn links it.
    Linked,
    /// A folder of someone else, for instance of the namespace that has this output's name. Never touched.
    Folder,
    /// Anything else.
    Stray,
}

#[derive(Deserialize)]
struct Owner {
    set: String,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Stamp<H> {
    pub(super) set: String,
    pub(super) header: H,
}

type Entries = BTreeMap<OsString, Entry>;

impl Folder {
    /// The folder of an output of that set.
    pub(super) fn new(path: PathBuf, access: Access, set: &SetRef) -> Self {
        Self { path, access, set: set.to_string() }
    }

    /// What is in the output's place. The files are read by the names that readers use, so that whatever someone
    /// changed shows; what is no file counts as an empty one.
    pub(super) fn look(&self) -> Result<Place, StoreError> {
        let Some(entries) = self.entries()? else { return Ok(Place::Foreign) };
        let current = current(&entries).unwrap_or_default();
        if current.is_empty() && entries.values().any(|entry| matches!(entry, Entry::Stray | Entry::Folder)) {
            return Ok(Place::Foreign);
        }
        if current.is_empty() && !entries.values().any(|entry| *entry == Entry::Linked) {
            return Ok(Place::Empty);
        }
        let stamp = content(&self.path.join(CURRENT).join(HEADER))?.unwrap_or_default();
        if serde_json::from_slice::<Owner>(&stamp).is_ok_and(|owner| owner.set != self.set) {
            return Ok(Place::Foreign);
        }
        let mut files = Files::new();
        let mut dressed = true;
        for (name, entry) in &entries {
            let content = match entry {
                Entry::Current(_) | Entry::Version | Entry::Next | Entry::Folder => continue,
                Entry::Linked => content(&self.path.join(CURRENT).join(name))?,
                Entry::Stray => content(&self.path.join(name))?,
            };
            dressed &= *entry == Entry::Linked && content.is_some();
            if let Some(content) = content {
                files.insert(name.to_string_lossy().into_owned(), content);
            }
        }
        let version = version(current, &stamp, &files);
        let header = serde_json::from_slice::<Stamp<Header>>(&stamp).ok().map(|stamp| stamp.header);
        Ok(Place::Ours(Stored { version, header, files, dressed }))
    }

    /// Makes a version, swaps it in unless it is later than `by`, and puts everything beside it right. The old version is left
    /// to [`Folder::sweep`].
    pub(super) fn publish(
        &self,
        files: &Files,
        header: &Header,
        seen: Option<&Version>,
        by: Time,
    ) -> Result<Version, StoreError> {
        let conflict = || StoreError::Conflict(self.path.display().to_string());
        let there = match self.look()? {
            Place::Empty => None,
            Place::Ours(stored) => Some(stored.version),
            Place::Foreign => return Err(conflict()),
        };
        if there.as_ref() != seen {
            return Err(conflict());
        }
        let stamp = serde_json::to_vec(&Stamp { set: self.set.clone(), header })
            .map_err(|error| failed("writing", &self.path)(error.into()))?;
        files::make_folder(&self.path, self.access.folder).map_err(failed("making", &self.path))?;
        let name = format!("..{}-{}", header.revision, Uuid::new_v4().simple());
        let fresh = self.path.join(&name);
        let written = self.write_version(&fresh, files, &stamp).and_then(|()| {
            let is_late = SystemClock.now().earlier > by;
            if is_late { Err(StoreError::Late(self.path.display().to_string())) } else { Ok(()) }
        });
        if let Err(error) = written {
            drop(fs::remove_dir_all(&fresh));
            return Err(error);
        }
        self.link(CURRENT, Path::new(&name))?;
        // The old version's names and files go only when nothing can bring back the link to it.
        self.sync()?;
        self.settle(files)?;
        Ok(version(&name, &stamp, files))
    }

    /// Removes versions and links that a crash left behind, and says what resists.
    pub(super) fn sweep(&self) -> Vec<(PathBuf, io::Error)> {
        let Ok(Some(entries)) = self.entries() else { return Vec::new() };
        // Without a current version there is nothing to tell the others from.
        let Some(current) = current(&entries) else { return Vec::new() };
        let remove = |(name, entry): (&OsString, &Entry)| {
            let path = self.path.join(name);
            let removed = match entry {
                Entry::Version if name != OsStr::new(current) => fs::remove_dir_all(&path),
                Entry::Next => files::remove_if_there(&path),
                _ => Ok(()),
            };
            removed.err().map(|error| (path, error))
        };
        entries.iter().filter_map(remove).collect()
    }

    /// Takes what is private away from all but its owner. Which folders and files others could read.
    pub(super) fn close(&self) -> Vec<PathBuf> {
        if self.access != Access::PRIVATE {
            return Vec::new();
        }
        let entries = self.entries().ok().flatten().unwrap_or_default();
        let mut places = vec![self.path.clone()];
        if let Some(current) = current(&entries) {
            let version = self.path.join(current);
            let files = fs::read_dir(&version).into_iter().flatten();
            places.extend(files.filter_map(|file| Some(file.ok()?.path())));
            places.push(version);
        }
        places.retain(|place| files::close(place));
        places
    }

    fn write_version(&self, fresh: &Path, files: &Files, stamp: &[u8]) -> Result<(), StoreError> {
        files::make_folder(fresh, self.access.folder).map_err(failed("making", fresh))?;
        let stamped = [(HEADER, stamp)].into_iter();
        for (name, content) in files.iter().map(|(name, content)| (name.as_str(), content.as_slice())).chain(stamped) {
            let path = fresh.join(name);
            files::create(&path, self.access.file, content).map_err(failed("writing", &path))?;
        }
        files::sync_folder(fresh).map_err(failed("writing", fresh))
    }

    /// Gives every file its name and takes away the names of others. One that resists does not hold up the rest.
    fn settle(&self, files: &Files) -> Result<(), StoreError> {
        let entries = self.entries()?.unwrap_or_default();
        let mut settled = Ok(());
        for name in files.keys() {
            if entries.get(OsStr::new(name)) != Some(&Entry::Linked) {
                settled = settled.and(self.link(name, &Path::new(CURRENT).join(name)));
            }
        }
        for (name, entry) in &entries {
            let wanted = name.to_str().is_some_and(|name| files.contains_key(name));
            if !wanted && matches!(entry, Entry::Linked | Entry::Stray) {
                let path = self.path.join(name);
                settled = settled.and(files::remove_if_there(&path).map_err(failed("removing", &path)));
            }
        }
        settled.and(self.sync())
    }

    /// Puts a link in the place of whatever is no folder, in one step.
    fn link(&self, name: &str, target: &Path) -> Result<(), StoreError> {
        let next = self.path.join(NEXT);
        let path = self.path.join(name);
        files::remove_if_there(&next)
            .and_then(|()| symlink(target, &next))
            .and_then(|()| fs::rename(&next, &path))
            .map_err(failed("making the link", &path))
    }

    fn sync(&self) -> Result<(), StoreError> {
        files::sync_folder(&self.path).map_err(failed("writing", &self.path))
    }

    /// Everything in the folder; `None` where something else is in its place.
    fn entries(&self) -> Result<Option<Entries>, StoreError> {
        match fs::symlink_metadata(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Some(Entries::new())),
            Ok(metadata) if !metadata.is_dir() => return Ok(None),
            Ok(_) | Err(_) => {}
        }
        let read = || fs::read_dir(&self.path)?.map(|found| self.entry(&found?)).collect::<io::Result<Entries>>();
        read().map(Some).map_err(failed("reading", &self.path))
    }

    fn entry(&self, found: &fs::DirEntry) -> io::Result<(OsString, Entry)> {
        let name = found.file_name();
        let kind = found.file_type()?;
        let entry = if kind.is_symlink() {
            let target = fs::read_link(self.path.join(&name))?.into_os_string();
            match target.into_string() {
                Ok(target) if name == CURRENT && is_version(&target) => Entry::Current(target),
                Ok(_) if name == NEXT => Entry::Next,
                Ok(target) if target.strip_prefix("..data/").is_some_and(|file| name == file) => Entry::Linked,
                Ok(_) | Err(_) => Entry::Stray,
            }
        } else if kind.is_dir() {
            if name.to_str().is_some_and(is_version) { Entry::Version } else { Entry::Folder }
        } else {
            Entry::Stray
        };
        Ok((name, entry))
    }
}

/// Content of a file; empty where it is no file, or none that can be an output's; `None` where nothing is.
fn content(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
    let read = || match fs::symlink_metadata(path)? {
        metadata if metadata.is_file() && metadata.len() <= LARGEST_FILE => files::read(path),
        _ => Ok(Zeroizing::default()),
    };
    match read() {
        Ok(content) => Ok(Some(content)),
        Err(error) => match error.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory => Ok(None),
            ErrorKind::PermissionDenied => Ok(Some(Zeroizing::default())),
            _ => Err(failed("reading", path)(error)),
        },
    }
}

fn current(entries: &Entries) -> Option<&str> {
    entries.values().find_map(|entry| match entry {
        Entry::Current(version) => Some(version.as_str()),
        _ => None,
    })
}

/// Whether a name is one that [`Folder::publish`] gives a version: `..<revision>-<UUID>`.
fn is_version(name: &str) -> bool {
    let parts = name.strip_prefix("..").and_then(|name| name.split_once('-'));
    parts.is_some_and(|(revision, unique)| {
        !revision.is_empty()
            && revision.bytes().all(|byte| byte.is_ascii_digit())
            && unique.len() == 32
            && unique.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

fn version(current: &str, stamp: &[u8], files: &Files) -> Version {
    let contents = files.iter().flat_map(|(name, content)| [name.as_bytes(), content.as_slice()]);
    Version(format!("{}:{}", current.trim_start_matches('.'), files::digest([stamp].into_iter().chain(contents))))
}
