//! Files and folders that are there after a power cut, with their modes from the start.

use std::fmt::Write as _;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::StoreError;

/// Mode bits of what is made; the umask may take away more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Access {
    /// Of folders.
    pub(super) folder: u32,
    /// Of files.
    pub(super) file: u32,
}

impl Access {
    /// For the user that runs Keyturn.
    pub(super) const PRIVATE: Self = Self { folder: 0o700, file: 0o600 };
    /// For everyone to read.
    pub(super) const PUBLIC: Self = Self { folder: 0o755, file: 0o644 };
}

/// Makes a folder, and those above it, unless it is there.
pub(super) fn make_folder(path: &Path, mode: u32) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let parent = folder_of(path);
    match DirBuilder::new().mode(mode).create(path) {
        Err(error) if error.kind() == ErrorKind::NotFound && parent != path => {
            make_folder(&parent, mode)?;
            DirBuilder::new().mode(mode).create(path)?;
        }
        other => other?,
    }
    sync_folder(&parent)
}

/// Replaces a file in one step: after a crash, either the old content is there or the new.
pub(super) fn replace(path: &Path, access: Access, content: &[u8]) -> Result<(), StoreError> {
    let parent = folder_of(path);
    make_folder(&parent, access.folder).map_err(failed("making", &parent))?;
    let mut name = std::ffi::OsString::from("..");
    name.extend(path.file_name());
    name.push(".new");
    let new = parent.join(name);
    // Only a crash leaves one behind: the directory is locked.
    remove_if_there(&new).map_err(failed("removing", &new))?;
    let replaced = create(&new, access.file, content).and_then(|()| fs::rename(&new, path));
    if replaced.is_err() {
        drop(fs::remove_file(&new));
    }
    replaced.and_then(|()| sync_folder(&parent)).map_err(failed("writing", path))
}

/// Makes a file that is not there yet.
pub(crate) fn create(path: &Path, mode: u32, content: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(content)?;
    file.sync_all()
}

/// Takes a file or folder away from all but its owner. Whether it was open; where the file system has no modes it stays so, and
/// there is nothing to tell.
pub(super) fn close(path: &Path) -> bool {
    let open_to = || {
        let found = fs::symlink_metadata(path).ok().filter(|found| found.is_file() || found.is_dir())?;
        Some(found.mode() & 0o7777).filter(|mode| mode & 0o077 != 0)
    };
    let Some(mode) = open_to() else { return false };
    fs::set_permissions(path, Permissions::from_mode(mode & !0o077)).is_ok() && open_to().is_none()
}

/// Reads a file into memory that is wiped.
pub(crate) fn read(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut file = File::open(path)?;
    // Room for the whole file from the start: a buffer that grows leaves copies behind.
    let size = usize::try_from(file.metadata()?.len()).unwrap_or_default();
    let mut content = Zeroizing::new(Vec::with_capacity(size.saturating_add(1)));
    file.read_to_end(&mut content)?;
    Ok(content)
}

/// Removes a file or link, never what a link leads to.
pub(super) fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Makes the names in a folder durable.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// SHA-256 over parts, each with its length, in hexadecimal.
pub(super) fn digest<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().iter().fold(String::new(), |mut text, byte| {
        // Writing into a string can't fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// What the system said about a path, and what to do. Never holds content.
pub(crate) fn failed(doing: &str, path: &Path) -> impl Fn(io::Error) -> StoreError {
    let doing = format!("{doing} {}", path.display());
    move |error| StoreError::Failed { doing: doing.clone(), why: format!("{error}: {}", advice(&error)) }
}

/// What to change.
pub(super) fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::PermissionDenied => "let the user that runs keyturn read and write there",
        ErrorKind::ReadOnlyFilesystem => "mount it writable",
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "make room on that disk",
        ErrorKind::AlreadyExists
        | ErrorKind::NotADirectory
        | ErrorKind::IsADirectory
        | ErrorKind::DirectoryNotEmpty => "something else is in its place: move that away",
        ErrorKind::Unsupported => "use a file system that has locks and symbolic links",
        _ => "see that the folder is there and writable",
    }
}

fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        None => path.to_owned(),
        Some(parent) if parent.as_os_str().is_empty() => PathBuf::from("."),
        Some(parent) => parent.to_owned(),
    }
}
