//! Values that the user keeps: files in a folder of theirs, which may be laid out as the kubelet does it, with links.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::files::{self, failed};
use crate::store::{LARGEST_VALUE, Referenced, StoreError, Unreadable, Version};

/// Reads one file. Nothing is read that lies outside of the folder, whatever links lead there.
pub(super) fn read(folder: &Path, name: &str) -> Result<Referenced, StoreError> {
    let path = folder.join(name);
    let found = |version, value| Referenced { place: path.display().to_string(), version, value };
    let missing = |error: io::Error| match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => Ok(found(None, Err(Unreadable::Missing))),
        _ => Err(failed("reading", &path)(error)),
    };
    match fs::symlink_metadata(folder) {
        Err(error) => return missing(error),
        Ok(metadata) if !metadata.is_dir() => return Ok(found(None, Err(Unreadable::Elsewhere))),
        Ok(_) => {}
    }
    let (inside, real) = match (fs::canonicalize(folder), fs::canonicalize(&path)) {
        (Ok(inside), Ok(real)) => (inside, real),
        (Err(error), _) | (_, Err(error)) => return missing(error),
    };
    let metadata = match fs::symlink_metadata(&real) {
        Ok(metadata) => metadata,
        Err(error) => return missing(error),
    };
    // Nothing of the content: a value may be a passphrase that someone could guess.
    let state = [metadata.dev(), metadata.ino(), metadata.len()].map(|number| number.to_string()).join("-");
    let version = Some(Version(format!("{state}-{}.{}", metadata.mtime(), metadata.mtime_nsec())));
    if !real.starts_with(&inside) || !metadata.is_file() {
        return Ok(found(version, Err(Unreadable::Elsewhere)));
    }
    if metadata.len() > LARGEST_VALUE as u64 {
        return Ok(found(version, Err(Unreadable::TooLarge)));
    }
    match files::read(&real) {
        Ok(value) => Ok(found(version, Ok(value))),
        Err(error) => missing(error),
    }
}
