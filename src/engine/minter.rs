//! Makes keys: CPU work, off the async threads, bounded by the cores.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::future::try_join_all;
use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::jose::{KeyKind, KeySpec, Thumbprint};
use crate::keyring::{Key, Keyring, MacKey, Time};
use crate::lifecycle::Mint;
use crate::lifecycle::policy::{KidParts, KidTemplate};
use crate::material::{CertificateError, GenerateError, PrivateKey};
use crate::store::SetRef;

/// How often a kid is drawn again that already exists.
const MOST_KID_DRAWS: usize = 8;

/// Why a key could not be made.
#[derive(Debug, thiserror::Error)]
pub enum MintError {
    /// The library gave none.
    #[error("no key could be generated: {0}")]
    Generate(#[from] GenerateError),
    /// The operating system gives no randomness.
    #[error("the operating system gives no random bytes")]
    Randomness,
    /// The machine is shutting down, or the generating thread died.
    #[error("key generation was interrupted")]
    Interrupted,
    /// A key could not sign its own certificate.
    #[error("key {kid} can't have a certificate: {why}")]
    Certificate {
        /// Which key.
        kid: String,
        /// Why.
        why: CertificateError,
    },
    /// The template gives one kid again and again.
    #[error("no unused kid could be made: put {{uuid}} into spec.kid.template")]
    NoKid,
}

/// Who wants to know about keys in the making.
pub trait Progress: Send + Sync {
    /// A key is to be made, as soon as a core is free for it.
    fn asked(&self, _set: &SetRef, _spec: KeySpec) {}
    /// A key is being made.
    fn started(&self, set: &SetRef, line: &str, spec: KeySpec);
    /// It is made, or given up, after so long.
    fn finished(&self, set: &SetRef, line: &str, spec: KeySpec, took: Duration);
}

/// Where new private keys come from.
type Generate = dyn Fn(KeySpec) -> Result<PrivateKey, GenerateError> + Send + Sync;

/// Makes keys.
#[derive(Clone)]
pub struct Minter {
    generate: Arc<Generate>,
    /// RSA takes seconds of a core; all else microseconds. They don't share a queue, so that the others never wait for RSA.
    rsa: Arc<Semaphore>,
    quick: Arc<Semaphore>,
    progress: Option<Arc<dyn Progress>>,
    /// Keys of passes that failed to commit, for the next attempt.
    spare: Arc<Mutex<HashMap<String, Spare>>>,
}

/// Keys that were made for one revision of a keyring.
struct Spare {
    revision: u64,
    keys: Vec<PrivateKey>,
}

impl Default for Minter {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            generate: Arc::new(|spec| PrivateKey::generate(&spec)),
            rsa: Arc::new(Semaphore::new(cores)),
            quick: Arc::new(Semaphore::new(cores)),
            progress: None,
            spare: Arc::default(),
        }
    }
}

impl Minter {
    /// A minter that tells what it does.
    #[must_use]
    pub fn with_progress(self, progress: Arc<dyn Progress>) -> Self {
        Self { progress: Some(progress), ..self }
    }

    /// A minter that takes its keys from elsewhere, one that nobody had before at each call: a simulation that replays
    /// needs keys that come again.
    #[must_use]
    pub fn with_keys(
        self,
        generate: impl Fn(KeySpec) -> Result<PrivateKey, GenerateError> + Send + Sync + 'static,
    ) -> Self {
        Self { generate: Arc::new(generate), ..self }
    }

    /// Makes the keys that a plan asks for. `keyring` is the one that is to be committed with them.
    ///
    /// # Errors
    /// [`MintError`]
    pub async fn mint(
        &self,
        set: &SetRef,
        mints: &[Mint],
        template: &KidTemplate,
        keyring: &Keyring,
        now: Time,
    ) -> Result<Vec<Key>, MintError> {
        let generated = try_join_all(mints.iter().map(|mint| self.private_key(set, mint, keyring.revision))).await?;
        let mut keys: Vec<Key> = Vec::with_capacity(mints.len());
        for (mint, private) in mints.iter().zip(generated) {
            let thumbprint = keyring.mac_key.thumbprint(&private);
            let key = assemble(mint, private, thumbprint, template, now, |kid| {
                keyring.key(kid).is_some()
                    || keyring.revoked.iter().any(|one| one.kid == kid)
                    || keys.iter().any(|key| key.kid == kid)
            })?;
            keys.push(key);
        }
        Ok(keys)
    }

    /// Keeps the keys of a pass that failed to commit that revision, so that no attempt generates them twice. They are for
    /// that revision only: once there is one, it may hold them all the same, and they may have lived and gone since.
    pub fn give_back(&self, set: &SetRef, revision: u64, keys: Vec<Key>) {
        let keys = keys.into_iter().filter_map(|key| key.private);
        let mut spares = self.spares();
        match spares.get_mut(&set.to_string()) {
            Some(spare) if spare.revision == revision => spare.keys.extend(keys),
            _ => drop(spares.insert(set.to_string(), Spare { revision, keys: keys.collect() })),
        }
    }

    /// Drops what is left over for a set.
    pub fn forget(&self, set: &SetRef) {
        self.spares().remove(&set.to_string());
    }

    /// Does short work of the CPU off the async threads, when a core is free for it.
    ///
    /// # Errors
    /// [`MintError::Interrupted`]
    pub async fn off_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, MintError> {
        let _turn = self.quick.acquire().await.map_err(|_| MintError::Interrupted)?;
        tokio::task::spawn_blocking(work).await.map_err(|_| MintError::Interrupted)
    }

    /// A key for the digests of a new keyring.
    ///
    /// # Errors
    /// When the operating system gives no randomness.
    pub fn mac_key() -> Result<MacKey, MintError> {
        let mut bytes = [0; MacKey::BYTES];
        aws_lc_rs::rand::fill(&mut bytes).map_err(|_| MintError::Randomness)?;
        Ok(MacKey::new(bytes))
    }

    async fn private_key(&self, set: &SetRef, mint: &Mint, revision: u64) -> Result<PrivateKey, MintError> {
        let spec = mint.line.spec;
        if let Some(spare) = self.spare(set, revision, spec) {
            return Ok(spare);
        }
        if let Some(progress) = &self.progress {
            progress.asked(set, spec);
        }
        let lane = match spec.key_kind() {
            KeyKind::Rsa => &self.rsa,
            KeyKind::Ec(_) | KeyKind::Okp(_) | KeyKind::Akp(_) | KeyKind::Oct(_) => &self.quick,
        };
        let _turn = lane.acquire().await.map_err(|_| MintError::Interrupted)?;
        if let Some(progress) = &self.progress {
            progress.started(set, &mint.line.name, spec);
        }
        let generate = Arc::clone(&self.generate);
        let begun = Instant::now();
        let made = tokio::task::spawn_blocking(move || generate(spec)).await;
        if let Some(progress) = &self.progress {
            progress.finished(set, &mint.line.name, spec, begun.elapsed());
        }
        Ok(made.map_err(|_| MintError::Interrupted)??)
    }

    fn spare(&self, set: &SetRef, revision: u64, spec: KeySpec) -> Option<PrivateKey> {
        let mut spares = self.spares();
        let spare = spares.get_mut(&set.to_string()).filter(|spare| spare.revision == revision)?;
        let index = spare.keys.iter().position(|key| key.spec() == spec)?;
        Some(spare.keys.swap_remove(index))
    }

    fn spares(&self) -> std::sync::MutexGuard<'_, HashMap<String, Spare>> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn assemble(
    mint: &Mint,
    private: PrivateKey,
    thumbprint: Thumbprint,
    template: &KidTemplate,
    now: Time,
    exists: impl Fn(&str) -> bool,
) -> Result<Key, MintError> {
    let draw = |_| {
        template.kid(&KidParts {
            thumbprint: &thumbprint,
            uuid: &Uuid::new_v4().to_string(),
            line: &mint.line.name,
            algorithm: mint.line.algorithm,
            minted: now,
        })
    };
    let kid = (0..MOST_KID_DRAWS).map(draw).find(|kid| !exists(kid)).ok_or(MintError::NoKid)?;
    Ok(mint.key(kid, private, thumbprint, now))
}

impl fmt::Debug for Minter {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Minter").field("free", &self.rsa.available_permits()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lifecycle::fixtures::{at, fresh_keyring, policy};
    use crate::material::PrivateKey;

    #[tokio::test]
    async fn a_spare_key_is_for_the_revision_it_was_made_for() {
        let policy = policy(serde_json::json!({}));
        let set = SetRef { namespace: "iam".to_owned(), name: "auth".to_owned(), owner: None };
        let mint = Mint { line: policy.lines[0].clone(), role: crate::lifecycle::MintAs::Standby };
        let minter = Minter::default();
        let made = async |revision| {
            let keyring = Keyring { revision, ..fresh_keyring(&policy) };
            let keys = minter.mint(&set, std::slice::from_ref(&mint), &policy.kid, &keyring, at(0)).await.unwrap();
            let private: Option<PrivateKey> = keys[0].private.clone();
            (keys, private)
        };
        let (keys, first) = made(7).await;
        minter.give_back(&set, 7, keys);
        let (keys, again) = made(7).await;
        assert_eq!(again, first, "nobody committed: it is used now");
        minter.give_back(&set, 7, keys);
        assert_ne!(made(8).await.1, first, "revision 7 was committed, and may have held it");
    }
}
