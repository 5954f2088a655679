//! How keyrings are stored: plain, or sealed under the system secrets as they are now.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use zeroize::Zeroizing;

use super::{SetRef, StoreError};
use crate::keyring::{
    FormatError, KeySetName, Keyring, NONCE_BYTES, SealError, SecretId, SystemSecret, SystemSecretError,
};

/// Most bytes that the file of a system secret may have.
const LARGEST_SECRET: usize = 64 * 1024;

/// The system secrets: the first one seals, and all unseal. Without any, keyrings are stored plain. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Seal(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    files: Vec<PathBuf>,
    /// One that is in no file; the last of the list.
    given: Option<Arc<SystemSecret>>,
    secrets: RwLock<Arc<[Arc<SystemSecret>]>>,
}

/// A keyring as it was read.
pub(super) struct Unsealed {
    pub(super) keyring: Keyring,
    /// The secret that it is to be sealed under, and is not yet.
    pub(super) seal_due: Option<SecretId>,
}

/// Why the system secrets can't be used.
#[derive(Debug, thiserror::Error)]
pub enum SystemSecretsError {
    /// A file can't be read.
    #[error("the system secret {} can't be read: {source}; let keyturn read it, or change --system-secret-file", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file is no secret.
    #[error("the system secret {} can't be used: {source}", .path.display())]
    Unfit {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: SystemSecretError,
    },
}

impl Seal {
    /// Reads the secrets from files, in that order; `given` comes last.
    ///
    /// # Errors
    /// [`SystemSecretsError`]
    pub fn open(files: Vec<PathBuf>, given: Option<SystemSecret>) -> Result<Self, SystemSecretsError> {
        let seal = Self(Arc::new(Inner { files, given: given.map(Arc::new), secrets: RwLock::default() }));
        seal.refresh()?;
        Ok(seal)
    }

    /// Reads the files again. Whether the list is another one now.
    ///
    /// # Errors
    /// [`SystemSecretsError`]; the list stays as it was.
    pub fn refresh(&self) -> Result<bool, SystemSecretsError> {
        let Inner { files, given, secrets } = &*self.0;
        let read = files.iter().map(|path| read(path).map(Arc::new)).collect::<Result<Vec<_>, _>>()?;
        let mut new: Vec<Arc<SystemSecret>> = Vec::new();
        for secret in read.into_iter().chain(given.clone()) {
            // One secret in two files is how a list waits for its next change.
            if new.iter().all(|listed| listed.id() != secret.id()) {
                new.push(secret);
            }
        }
        let mut secrets = secrets.write().unwrap_or_else(PoisonError::into_inner);
        let changed = !new.iter().map(|secret| secret.id()).eq(secrets.iter().map(|secret| secret.id()));
        *secrets = new.into();
        Ok(changed)
    }

    /// Whether the secrets can change while the program runs.
    pub fn is_from_files(&self) -> bool {
        !self.0.files.is_empty()
    }

    /// The secret that keyrings are sealed under; `None` where they are stored plain.
    pub fn first(&self) -> Option<SecretId> {
        self.secrets().first().map(|secret| secret.id().clone())
    }

    /// The bytes to store.
    pub(super) fn encode(&self, set: &SetRef, keyring: &Keyring) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        let failed = |why: String| StoreError::Failed { doing: format!("writing the keyring of key set {set}"), why };
        let Some(secret) = self.secrets().first().cloned() else {
            return keyring.to_bytes().map_err(|error| failed(error.to_string()));
        };
        let mut nonce = [0; NONCE_BYTES];
        aws_lc_rs::rand::fill(&mut nonce)
            .map_err(|_| failed("the operating system gives no random bytes".to_owned()))?;
        let sealed = keyring.seal(of(set), &secret, nonce);
        sealed.map(Zeroizing::new).map_err(|error: SealError| failed(error.to_string()))
    }

    /// The keyring in stored bytes.
    pub(super) fn decode(&self, set: &SetRef, bytes: &[u8]) -> Result<Unsealed, FormatError> {
        let secrets = self.secrets();
        let (keyring, under) = Keyring::unseal(bytes, of(set), &secrets)?;
        let first = secrets.first().map(|secret| secret.id());
        let seal_due = first.filter(|first| under.as_ref() != Some(*first)).cloned();
        Ok(Unsealed { keyring, seal_due })
    }

    fn secrets(&self) -> Arc<[Arc<SystemSecret>]> {
        self.0.secrets.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn of(set: &SetRef) -> KeySetName<'_> {
    KeySetName { namespace: &set.namespace, name: &set.name }
}

/// The secret in a file, without the end of its last line.
fn read(path: &Path) -> Result<SystemSecret, SystemSecretsError> {
    let content = content(path).map_err(|source| SystemSecretsError::Unreadable { path: path.to_owned(), source })?;
    SystemSecret::new(super::without_line_end(&content))
        .map_err(|source| SystemSecretsError::Unfit { path: path.to_owned(), source })
}

fn content(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    // A pipe would wait for someone to write.
    if !path.metadata()?.is_file() {
        return Err(io::Error::new(ErrorKind::InvalidInput, "it is no file"));
    }
    // Room from the start: a buffer that grows leaves copies behind.
    let mut content = Zeroizing::new(Vec::with_capacity(LARGEST_SECRET + 1));
    File::open(path)?.take(LARGEST_SECRET as u64 + 1).read_to_end(&mut content)?;
    if content.len() > LARGEST_SECRET {
        return Err(io::Error::new(ErrorKind::FileTooLarge, format!("it has more than {LARGEST_SECRET} bytes")));
    }
    Ok(content)
}
