//! The files that are written, and the ones that were there.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use zeroize::Zeroizing;

use super::Failure;
use crate::store::directory::files::{self, Access};

/// Files to be written together.
#[derive(Default)]
pub(super) struct Files(Vec<(PathBuf, Access, Zeroizing<Vec<u8>>)>);

impl Files {
    /// A file for its owner only.
    pub(super) fn add_private(&mut self, path: &Path, content: Vec<u8>) {
        self.0.push((path.to_owned(), Access::PRIVATE, Zeroizing::new(content)));
    }

    /// A file for everyone to read.
    pub(super) fn add(&mut self, path: &Path, content: Vec<u8>) {
        self.0.push((path.to_owned(), Access::PUBLIC, Zeroizing::new(content)));
    }

    /// Backs up every file that is there, and only then replaces them, each in one step.
    pub(super) fn write(self, now: DateTime<Utc>) -> Result<(), Failure> {
        for (path, _, _) in &self.0 {
            back_up(path, now)?;
        }
        for (path, access, content) in &self.0 {
            files::replace(path, *access, content).map_err(Failure::new)?;
        }
        Ok(())
    }
}

/// Keeps a file that is there as `FILE.bak-TIME`, with its mode. A backup is never overwritten.
fn back_up(path: &Path, now: DateTime<Utc>) -> Result<(), Failure> {
    let metadata = match fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        other => other.map_err(files::failed("reading", path)).map_err(Failure::new)?,
    };
    if !metadata.is_file() {
        return Err(Failure::new(format!("{} is no file: name another", path.display())));
    }
    let content = files::read(path).map_err(files::failed("reading", path)).map_err(Failure::new)?;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(now.format(".bak-%Y%m%dT%H%M%S%3fZ").to_string());
    let backup = path.with_file_name(name);
    let kept = files::create(&backup, metadata.permissions().mode() & 0o7777, &content);
    kept.map_err(files::failed("writing", &backup)).map_err(Failure::new)
}
