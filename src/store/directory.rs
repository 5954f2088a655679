//! Keyrings and outputs as files, without a cluster. One process at a time.
//!
//! Under the directory stand `keyrings/<name>.json`, `secrets/<secret>/<file>` and `configmaps/<configmap>/<file>`, with
//! `<namespace>/` before the name where the namespace is not `default`.

pub(crate) mod files;
mod folder;
pub mod shown;
#[cfg(test)]
mod tests;
mod values;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use zeroize::Zeroizing;

use super::seal::Unsealed;
use super::{Place, Referenced, Seal, SetRef, Snapshot, Store, StoreError, Stored, StoredKeyring, Version};
use crate::api::SecretKeyRef;
use crate::keyring::{Keyring, Time};
use crate::lifecycle::policy::{OutputId, OutputKind};
use crate::publish::{Files, Header};

use files::{Access, advice, failed};
use folder::Folder;

/// W in a directory: a write that could not take effect by its stamp is given up, and nothing is on its way once a call has
/// returned.
pub const WRITE_BOUND: TimeDelta = TimeDelta::zero();

/// The file whose lock says that a process uses the directory.
const LOCK: &str = ".lock";

/// The folders of the directory.
const KEYRINGS: &str = "keyrings";
const SECRETS: &str = "secrets";
const CONFIG_MAPS: &str = "configmaps";

/// The namespace that is not in the paths.
const DEFAULT_NAMESPACE: &str = "default";

/// How long an old version outlives the swap, for readers that were just then on their way through `..data`.
const GRACE: Duration = Duration::from_millis(100);

/// Keeps keyrings and outputs in a directory, which no other process can open meanwhile.
#[derive(Debug)]
pub struct DirectoryStore {
    dir: PathBuf,
    seal: Seal,
    /// Locked until it is dropped.
    lock: File,
    /// When outputs were swapped whose old version is still there.
    swapped: Mutex<HashMap<Folder, Instant>>,
}

/// Why a directory can't be used.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// Another process uses it.
    #[error("{} is in use by another keyturn process: stop it, or use another --dir", .dir.display())]
    InUse {
        /// The directory.
        dir: PathBuf,
    },
    /// It, or something in it, can't be made or opened.
    #[error("{} can't be used: {source}: {}, or use another --dir", .path.display(), advice(.source))]
    Unusable {
        /// The folder or file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

impl DirectoryStore {
    /// Opens a directory, and makes it where there is none.
    ///
    /// # Errors
    /// [`DirectoryError`]
    pub fn open(dir: &Path, seal: Seal) -> Result<Self, DirectoryError> {
        let make = |path: &Path, access: Access| {
            let unusable = |source| DirectoryError::Unusable { path: path.to_owned(), source };
            files::make_folder(path, access.folder).map_err(unusable)
        };
        make(dir, Access::PUBLIC)?;
        let lock = lock(dir)?;
        make(&dir.join(KEYRINGS), Access::PRIVATE)?;
        make(&dir.join(SECRETS), Access::PRIVATE)?;
        make(&dir.join(CONFIG_MAPS), Access::PUBLIC)?;
        Ok(Self { dir: dir.to_owned(), seal, lock, swapped: Mutex::default() })
    }

    /// A directory that was unmounted, moved away or emptied must not look like one in which there are no keys yet.
    fn check_lock(&self) -> Result<(), StoreError> {
        let place = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
        let held = self.lock.metadata().map(place);
        let there = fs::symlink_metadata(self.dir.join(LOCK)).map(place);
        match (held, there) {
            (Ok(held), Ok(there)) if held == there => Ok(()),
            _ => Err(StoreError::Failed {
                doing: format!("using {}", self.dir.display()),
                why: format!(
                    "the {LOCK} that this process holds is not there any more, so the directory was unmounted, moved, deleted \
                     or replaced: bring it back; after restoring a copy, start keyturn again"
                ),
            }),
        }
    }

    /// Removes what this process or a crash left of old versions, unless someone may be reading it.
    fn sweep(&self, folder: &Folder) {
        let mut swapped = self.swapped();
        match swapped.get(folder) {
            Some(since) if since.elapsed() < GRACE => {}
            Some(_) => {
                swapped.remove(folder);
                warn_of(&folder.sweep());
            }
            // What resisted is tried again, but told only once.
            None => drop(folder.sweep()),
        }
    }

    fn swapped(&self) -> MutexGuard<'_, HashMap<Folder, Instant>> {
        self.swapped.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keyring_path(&self, set: &SetRef) -> Result<PathBuf, StoreError> {
        let folder = in_namespace(self.dir.join(KEYRINGS), &set.namespace)?;
        Ok(folder.join(format!("{}.json", plain("key set", &set.name)?)))
    }

    fn folder(&self, set: &SetRef, output: &OutputId) -> Result<Folder, StoreError> {
        let (kind, access) = match output.kind {
            OutputKind::Secret => (SECRETS, Access::PRIVATE),
            OutputKind::ConfigMap => (CONFIG_MAPS, Access::PUBLIC),
        };
        let parent = in_namespace(self.dir.join(kind), &set.namespace)?;
        Ok(Folder::new(parent.join(plain(output.kind.name(), &output.name)?), access, set))
    }
}

impl Store for DirectoryStore {
    fn write_bound(&self) -> TimeDelta {
        WRITE_BOUND
    }

    async fn load(&self, set: &SetRef, outputs: &[OutputId]) -> Result<Snapshot, StoreError> {
        self.check_lock()?;
        let path = self.keyring_path(set)?;
        let keyring = match keyring_bytes(&path)? {
            None => None,
            Some(bytes) => {
                let unreadable = |source| StoreError::Keyring { place: path.display().to_string(), source };
                let Unsealed { keyring, seal_due } = self.seal.decode(set, &bytes).map_err(unreadable)?;
                Some(StoredKeyring { keyring, version: keyring_version(&bytes), dressed: true, seal_due })
            }
        };
        let mut snapshot = Snapshot { keyring, ..Snapshot::default() };
        let keyrings = [self.dir.join(KEYRINGS), path];
        let mut closed: Vec<PathBuf> = keyrings.into_iter().filter(|path| files::close(path)).collect();
        for output in outputs {
            let folder = self.folder(set, output)?;
            let place = folder.look()?;
            if let Place::Ours(_) = place {
                self.sweep(&folder);
                closed.extend(folder.close());
            }
            snapshot.outputs.insert(output.clone(), place);
        }
        snapshot.closed = closed.iter().map(|path| path.display().to_string()).collect();
        Ok(snapshot)
    }

    async fn referenced(
        &self,
        set: &SetRef,
        references: &BTreeSet<SecretKeyRef>,
    ) -> Result<BTreeMap<SecretKeyRef, Referenced>, StoreError> {
        self.check_lock()?;
        let secrets = in_namespace(self.dir.join(SECRETS), &set.namespace)?;
        let read = |reference: &SecretKeyRef| {
            let folder = secrets.join(plain("Secret", &reference.name)?);
            Ok((reference.clone(), values::read(&folder, file_name(&reference.key)?)?))
        };
        references.iter().map(read).collect()
    }

    async fn commit(&self, set: &SetRef, keyring: &Keyring, seen: Option<&Version>) -> Result<Version, StoreError> {
        self.check_lock()?;
        let path = self.keyring_path(set)?;
        let there = keyring_bytes(&path)?.map(|bytes| keyring_version(&bytes));
        if there.as_ref() != seen {
            return Err(StoreError::Conflict(path.display().to_string()));
        }
        let bytes = self.seal.encode(set, keyring)?;
        files::replace(&path, Access::PRIVATE, &bytes)?;
        self.seal.written(set);
        Ok(keyring_version(&bytes))
    }

    async fn publish(
        &self,
        set: &SetRef,
        output: &OutputId,
        files: &Files,
        header: &Header,
        seen: Option<&Stored>,
        by: Time,
    ) -> Result<Version, StoreError> {
        self.check_lock()?;
        let folder = self.folder(set, output)?;
        let published = folder.publish(files, header, seen.map(|stored| &stored.version), by);
        self.swapped().insert(folder, Instant::now());
        published
    }
}

impl Drop for DirectoryStore {
    fn drop(&mut self) {
        let swapped = std::mem::take(&mut *self.swapped());
        if let Some(last) = swapped.values().max() {
            std::thread::sleep(GRACE.saturating_sub(last.elapsed()));
        }
        for folder in swapped.keys() {
            warn_of(&folder.sweep());
        }
    }
}

fn warn_of(left: &[(PathBuf, io::Error)]) {
    for (path, error) in left {
        let (path, advice) = (path.display(), advice(error));
        tracing::warn!(%path, %error, advice, "an old version can't be removed yet; it is tried again");
    }
}

fn lock(dir: &Path) -> Result<File, DirectoryError> {
    let path = dir.join(LOCK);
    let opened = OpenOptions::new().write(true).create(true).truncate(false).mode(Access::PRIVATE.file).open(&path);
    let unusable = |source| DirectoryError::Unusable { path: path.clone(), source };
    let file = opened.map_err(unusable)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(DirectoryError::InUse { dir: dir.to_owned() }),
        Err(TryLockError::Error(source)) => Err(unusable(source)),
    }
}

/// What is in the keyring's place. A link is refused like a folder: one whose target is not mounted would look like a
/// keyring that never was.
fn keyring_bytes(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed("reading", path)(error)),
        Ok(metadata) if metadata.is_file() => files::read(path).map(Some).map_err(failed("reading", path)),
        Ok(_) => Err(StoreError::KeyringTaken(path.display().to_string())),
    }
}

fn keyring_version(bytes: &[u8]) -> Version {
    Version(files::digest([bytes]))
}

fn in_namespace(folder: PathBuf, namespace: &str) -> Result<PathBuf, StoreError> {
    let namespace = plain("namespace", namespace)?;
    Ok(if namespace == DEFAULT_NAMESPACE { folder } else { folder.join(namespace) })
}

/// A key of a Secret, which is the name of a file, and of none that a kubelet would make for itself.
fn file_name(key: &str) -> Result<&str, StoreError> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if key.bytes().all(allowed) && !key.is_empty() && key != "." && !key.starts_with("..") {
        Ok(key)
    } else {
        Err(StoreError::Failed {
            doing: format!("finding the place of key {key:?}"),
            why: "use letters, digits, '-', '_' and '.', not starting with '..'".to_owned(),
        })
    }
}

/// A name that stays in its folder: no API server has looked at it.
fn plain<'a>(what: &str, name: &'a str) -> Result<&'a str, StoreError> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if name.bytes().all(allowed) && name.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric()) {
        Ok(name)
    } else {
        Err(StoreError::Failed {
            doing: format!("finding the place of {what} {name:?}"),
            why: "use letters, digits, '-' and '.', starting with a letter or digit".to_owned(),
        })
    }
}
