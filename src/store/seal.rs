//! How keyrings are stored: plain, or sealed under the system secrets as they are now.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use zeroize::Zeroizing;

use super::{SetRef, StoreError};
use crate::keyring::{
    FormatError, KeySetName, Keyring, NONCE_BYTES, SealError, SecretId, SystemSecret, SystemSecretError,
};

/// Most bytes that the file of a system secret may have.
const LARGEST_SECRET: usize = 64 * 1024;

/// So often a keyring is sealed anew that someone else has sealed otherwise: two operators that list the system secrets in
/// another order would go on without end.
const MOST_RESEALINGS: u8 = 3;

/// The system secrets: the first one seals, and all unseal. Without any, keyrings are stored plain. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Seal(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    files: Vec<PathBuf>,
    /// One that is in no file; the last of the list.
    given: Option<Arc<SystemSecret>>,
    secrets: RwLock<Arc<[Arc<SystemSecret>]>>,
    /// The keyrings that were found sealed otherwise since the list is as it is, by key set.
    resealed: Mutex<HashMap<String, Resealed>>,
}

/// What was done about a keyring that was sealed otherwise.
#[derive(Debug, Default)]
struct Resealed {
    /// The next write seals it anew.
    due: bool,
    times: u8,
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
        let seal = Self(Arc::new(Inner { files, given: given.map(Arc::new), ..Inner::default() }));
        seal.refresh()?;
        Ok(seal)
    }

    /// Reads the files again. Whether the list is another one now.
    ///
    /// # Errors
    /// [`SystemSecretsError`]; the list stays as it was.
    pub fn refresh(&self) -> Result<bool, SystemSecretsError> {
        let Inner { files, given, secrets, resealed: _ } = &*self.0;
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
        if changed {
            self.resealed().clear();
        }
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
        let otherwise = first.filter(|first| under.as_ref() != Some(*first)).cloned();
        Ok(Unsealed { keyring, seal_due: otherwise.filter(|_| self.reseals(set)) })
    }

    /// A keyring was written.
    pub(super) fn written(&self, set: &SetRef) {
        let mut resealed = self.resealed();
        let Some(one) = resealed.get_mut(&set.to_string()).filter(|one| one.due) else { return };
        one.due = false;
        one.times += 1;
        if one.times == MOST_RESEALINGS {
            tracing::warn!(
                set = %set,
                "someone else seals this keyring under another system secret again and again, so it is left so: give all operators \
                 the same list, in the same order"
            );
        }
    }

    /// Whether the keyring of a set is left as someone else has sealed it.
    pub fn leaves(&self, set: &SetRef) -> bool {
        self.resealed().get(&set.to_string()).is_some_and(|one| one.times >= MOST_RESEALINGS)
    }

    /// Whether a keyring that is sealed otherwise is to be sealed anew.
    fn reseals(&self, set: &SetRef) -> bool {
        let mut resealed = self.resealed();
        let one = resealed.entry(set.to_string()).or_default();
        one.due = one.times < MOST_RESEALINGS;
        one.due
    }

    fn resealed(&self) -> MutexGuard<'_, HashMap<String, Resealed>> {
        self.0.resealed.lock().unwrap_or_else(PoisonError::into_inner)
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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::lifecycle::fixtures::{fresh_keyring, policy};

    #[test]
    fn two_lists_in_another_order_come_to_rest_until_one_of_them_changes() {
        let folder = tempfile::tempdir().unwrap();
        let secret = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::write(&path, text).unwrap();
            path
        };
        let (one, two) = (secret("one", &"1".repeat(32)), secret("two", &"2".repeat(32)));
        let here = Seal::open(vec![one.clone(), two.clone()], None).unwrap();
        let there = Seal::open(vec![two, one.clone()], None).unwrap();
        let set = SetRef { namespace: "iam".to_owned(), name: "auth".to_owned(), owner: None };
        let keyring = fresh_keyring(&policy(serde_json::json!({})));

        let mut stored = here.encode(&set, &keyring).unwrap();
        here.written(&set);
        let mut writes = 0;
        let mut quiet = 0;
        while quiet < 2 {
            let seal = if (writes + quiet) % 2 == 0 { &there } else { &here };
            if seal.decode(&set, &stored).unwrap().seal_due.is_none() {
                quiet += 1;
                continue;
            }
            assert!(writes < 20, "they never come to rest");
            stored = seal.encode(&set, &keyring).unwrap();
            seal.written(&set);
            writes += 1;
        }
        assert!(here.leaves(&set) || there.leaves(&set));
        let left = if here.leaves(&set) { &here } else { &there };
        let other = SetRef { name: "other".to_owned(), ..set.clone() };
        assert!(left.decode(&other, &here.encode(&other, &keyring).unwrap()).is_ok() && !left.leaves(&other));

        fs::write(&one, "3".repeat(32)).unwrap();
        assert!(left.refresh().unwrap() && !left.leaves(&set), "a new list is a new word");
    }
}
