//! Keyring → which files hold what, for signers and for verifiers.

mod header;
mod public;
mod remains;
mod secret;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use zeroize::Zeroizing;

pub use header::{Header, RevokedKid};
pub use remains::remains;

use crate::jose::Use;
use crate::keyring::{Key, Keyring, Mark, Marks, Phase, Publisher, Time, sealed_size};
use crate::lifecycle::policy::{Output, OutputId, OutputKind, Policy};

/// Largest output in bytes, files and header together: 900 KiB, which leaves room below the 1 MiB that an object may have.
pub const LARGEST_OUTPUT: usize = 900 * 1024;

/// Largest header in bytes: 224 KiB, which leaves others room below the 256 KiB that the annotations of an object may have.
pub const LARGEST_HEADER: usize = 224 * 1024;

/// File name → content. Wiped when dropped, because a Secret's files are private.
pub type Files = BTreeMap<String, Zeroizing<Vec<u8>>>;

/// What an output is to hold.
#[derive(Clone)]
pub struct Rendered {
    /// Which output.
    pub id: OutputId,
    /// Its files.
    pub files: Files,
    roles: Roles,
}

/// What an output makes of every key, by kid.
#[derive(Clone)]
pub struct Roles(BTreeMap<String, Role>);

/// What an output makes of one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Role {
    held: bool,
    active: bool,
}

/// Why an output can't be made.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// A key of the keyring can't be encoded.
    #[error("key {kid} can't be written: {why}; restore the keyring from a backup")]
    Key {
        /// Which key.
        kid: String,
        /// Why. Never holds key material.
        why: String,
    },
    /// JSON could not be written.
    #[error("the JWKS can't be written")]
    Json(#[from] serde_json::Error),
    /// The keyring is too large for one object.
    #[error(
        "the keyring would have {size} bytes when sealed, and one object may have {LARGEST_OUTPUT}: spread the lines over several key sets"
    )]
    KeyringTooLarge {
        /// Its size in bytes.
        size: usize,
    },
    /// Too large for one object.
    #[error(
        "{output} would have {size} bytes, and one object may have {LARGEST_OUTPUT}: spread the lines over several secrets or \
         configMaps, or rotate less often"
    )]
    TooLarge {
        /// Which output.
        output: OutputId,
        /// Its size in bytes.
        size: usize,
    },
}

/// Makes every output of the policy. Nothing is written before all of them are made.
///
/// # Errors
/// [`RenderError`]
pub fn render(policy: &Policy, keyring: &Keyring) -> Result<Vec<Rendered>, RenderError> {
    let keys = ordered(policy, keyring);
    policy
        .outputs
        .iter()
        .map(|output| {
            let files = match output {
                Output::ConfigMap { files, .. } => public::files(files, &keys)?,
                Output::Secret { files, .. } => secret::files(files, &keys, policy.publisher)?,
            };
            Ok(Rendered { id: output.id(), files, roles: Roles::new(output, policy.publisher, keyring) })
        })
        .collect()
}

/// Refuses a keyring that would not fit into one object, sealed or not: sealing may begin at any time.
///
/// # Errors
/// [`RenderError::KeyringTooLarge`]
pub fn check_keyring_size(keyring: &Keyring) -> Result<(), RenderError> {
    let size = sealed_size(keyring.to_bytes()?.len());
    if size > LARGEST_OUTPUT { Err(RenderError::KeyringTooLarge { size }) } else { Ok(()) }
}

impl Rendered {
    /// Since when this output holds what, see [`Roles::marks`].
    pub fn marks(&self, keyring: &Keyring, before: Option<&Marks>, now: Time) -> Marks {
        self.roles.marks(keyring, before, now)
    }

    /// Whether an output that is intact is as this one would be written.
    pub fn is_written(&self, keyring: &Keyring, header: &Header, files: &Files) -> bool {
        header.revision >= keyring.barrier && *files == self.files && self.is_told_by(keyring, &header.marks)
    }

    /// Whether marks tell of every key of the keyring, in the role that it has in this output. Files may stay the same
    /// while a key comes or a file covers another line; a removal or a recovery that counts on marks would then wait
    /// forever. Marks of keys that are gone do no harm.
    fn is_told_by(&self, keyring: &Keyring, marks: &Marks) -> bool {
        let told = |mark: &Mark| (mark.held.is_some(), mark.active.is_some(), mark.inactive.is_some());
        let wanted = self.marks(keyring, None, Time::UNIX_EPOCH);
        wanted.iter().all(|(kid, wanted)| marks.get(kid).is_some_and(|mark| told(mark) == told(wanted)))
    }

    /// Refuses what would not fit into one object.
    ///
    /// # Errors
    /// [`RenderError::TooLarge`]
    pub fn check_size(&self, header: &Header) -> Result<(), RenderError> {
        let files: usize = self.files.iter().map(|(name, content)| name.len() + content.len()).sum();
        let header = header.to_json()?.len();
        let size = files + header;
        if size > LARGEST_OUTPUT || header > LARGEST_HEADER {
            Err(RenderError::TooLarge { output: self.id.clone(), size })
        } else {
            Ok(())
        }
    }
}

impl Roles {
    /// The roles of a keyring's keys in one output.
    pub fn new(output: &Output, publisher: Publisher, keyring: &Keyring) -> Self {
        Self(keyring.keys.iter().map(|key| (key.kid.clone(), role(output, key, publisher))).collect())
    }

    /// Since when the output holds what, if it is written at `now` over an output with the marks `before`.
    /// Pass no marks where the earlier state can't be trusted.
    pub fn marks(&self, keyring: &Keyring, before: Option<&Marks>, now: Time) -> Marks {
        let mark = |key: &Key| {
            let role = self.0.get(&key.kid).copied().unwrap_or(Role { held: false, active: false });
            let old = before.and_then(|marks| marks.get(&key.kid));
            let since = |holds: bool, old: Option<Time>| holds.then(|| old.unwrap_or(now));
            Mark {
                line: key.line.clone(),
                algorithm: key.algorithm,
                thumbprint: key.thumbprint,
                held: since(role.held, old.and_then(|mark| mark.held)),
                active: since(role.active, old.and_then(|mark| mark.active)),
                inactive: since(!role.active, old.and_then(|mark| mark.inactive)),
            }
        };
        keyring.keys.iter().map(|key| (key.kid.clone(), mark(key))).collect()
    }
}

impl RenderError {
    /// A key that can't be encoded.
    fn key(key: &Key, why: impl std::fmt::Display) -> Self {
        Self::Key { kid: key.kid.clone(), why: why.to_string() }
    }
}

/// The active keys first, since many a reader takes the first key it can use: one that is not active yet must never
/// stand before one that is, whatever line was added above another. Then the next ones, then the retired ones from the
/// newest on; among each the order of the spec's lines, then those of removed lines.
fn ordered<'a>(policy: &Policy, keyring: &'a Keyring) -> Vec<&'a Key> {
    let place = |key: &Key| {
        let line = policy.lines.iter().position(|line| line.name == key.line && line.algorithm.usage() == key.usage());
        let phase = match &key.phase {
            Phase::Active { .. } => (0, None),
            Phase::Standby => (1, None),
            Phase::Retired { retired_since, .. } => (2, Some(std::cmp::Reverse(*retired_since))),
        };
        (phase.0, line.unwrap_or(usize::MAX), key.line.clone(), phase.1)
    };
    let mut keys: Vec<&Key> = keyring.keys.iter().collect();
    keys.sort_by_key(|key| place(key));
    keys
}

fn role(output: &Output, key: &Key, publisher: Publisher) -> Role {
    let listed = match output.id().kind {
        OutputKind::ConfigMap => public::is_published(key),
        OutputKind::Secret => secret::is_listed(key, publisher),
    };
    Role { held: listed && output.lists(&key.line), active: key.is_active() && output.carries(&key.line) }
}

/// Whether the signers' files keep the key's other phases beside the active one: decrypting pods need them, and a
/// server that publishes what it loaded must load them.
fn stays_loaded(usage: Use, publisher: Publisher) -> bool {
    usage == Use::Enc || publisher == Publisher::Signer
}
