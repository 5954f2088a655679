//! Keyring → which files hold what, for signers and for verifiers.

mod header;
mod public;
mod remains;
mod salted;
mod secret;
#[cfg(test)]
mod tests;
mod view;

use std::collections::{BTreeMap, BTreeSet};

use zeroize::Zeroizing;

pub use header::{Header, RevokedKid};
pub use remains::{headless_remains, remains};
pub use salted::Passphrase;

use crate::keyring::{Digest, KeptFile, KeptPrivateFile, Key, Keyring, Mark, Marks, Publisher, Time, sealed_size};
use crate::lifecycle::policy::{Output, OutputId, OutputKind, Policy};

use salted::Salted;
use view::View;

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
    files: Files,
    /// Files that differ each time they are made.
    salted: BTreeMap<String, Salted>,
    /// Files that hold the revision of the output itself.
    revisions: BTreeSet<String>,
    /// What the salted files are made from.
    inputs: Option<Digest>,
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
    /// A file can't be encrypted.
    #[error("{output}: the file {file:?} can't be made: {why}")]
    File {
        /// Which output.
        output: OutputId,
        /// Which file.
        file: String,
        /// Why. Never holds key material.
        why: String,
    },
    /// A passphrase is not there.
    #[error(
        "the passphrase of secret {name:?} is missing: put it into {reference}; until then the output stays as it is"
    )]
    NoPassphrase {
        /// Which Secret needs it.
        name: String,
        /// Where it should be.
        reference: String,
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

/// Makes one output of the policy, but for what [`Rendered::complete`] adds.
///
/// # Errors
/// [`RenderError`]
pub fn render(
    policy: &Policy,
    output: &Output,
    keyring: &Keyring,
    passphrase: Option<&Passphrase>,
) -> Result<Rendered, RenderError> {
    let view = View::new(policy, keyring);
    let made = match output {
        Output::ConfigMap { name, files } => {
            public::config_map(files, keyring.kept.iter().filter(|kept| kept.config_map == *name), &view)?
        }
        Output::Secret { name, files, .. } => {
            check_passphrase(output, passphrase)?;
            let kept = keyring.kept_private.iter().filter(|kept| kept.secret == *name);
            secret::files(files, &kept.collect::<Vec<_>>(), &view, passphrase)?
        }
    };
    let Made { files, salted, revisions } = made;
    let inputs = (!salted.is_empty()).then(|| {
        let digests: Vec<Digest> = salted.iter().map(|(name, salted)| salted.inputs(name, &keyring.mac_key)).collect();
        keyring.mac_key.digest(digests.iter().map(|digest| digest.0.as_bytes()))
    });
    let roles = Roles::new(output, policy.publisher, keyring);
    Ok(Rendered { id: output.id(), files, salted, revisions, inputs, roles })
}

/// Refuses an output whose passphrase is not there.
///
/// # Errors
/// [`RenderError::NoPassphrase`]
pub fn check_passphrase(output: &Output, passphrase: Option<&Passphrase>) -> Result<(), RenderError> {
    match (output, passphrase) {
        (Output::Secret { name, passphrase: Some(reference), .. }, None) => {
            Err(RenderError::NoPassphrase { name: name.clone(), reference: reference.to_string() })
        }
        _ => Ok(()),
    }
}

/// Makes every output of a policy whose Secrets have no passphrases.
///
/// # Errors
/// [`RenderError`]
#[cfg(test)]
pub(crate) fn render_all(policy: &Policy, keyring: &Keyring) -> Result<Vec<Rendered>, RenderError> {
    policy.outputs.iter().map(|output| render(policy, output, keyring, None)).collect()
}

/// The files of one output.
#[derive(Default)]
struct Made {
    files: Files,
    salted: BTreeMap<String, Salted>,
    revisions: BTreeSet<String>,
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

    /// All files, as they are to be written at that revision of the keyring. Draws salts where something is encrypted under a
    /// passphrase, and takes some tenths of a second for each key then: keep it off async threads.
    ///
    /// # Errors
    /// If a file can't be encrypted.
    pub fn complete(&self, revision: u64) -> Result<Files, RenderError> {
        let mut files = self.files.clone();
        for (name, salted) in &self.salted {
            let made = salted.make().map_err(|why| RenderError::File {
                output: self.id.clone(),
                file: name.clone(),
                why: why.to_string(),
            })?;
            files.insert(name.clone(), made);
        }
        self.state_revision(&mut files, revision);
        Ok(files)
    }

    /// Has the files that hold the revision hold that one.
    pub fn state_revision(&self, files: &mut Files, revision: u64) {
        let revision = |name: &String| (name.clone(), Zeroizing::new(revision.to_string().into_bytes()));
        files.extend(self.revisions.iter().map(revision));
    }

    /// Whether readers who go by the revision alone would miss what this output says now, other than what Keyturn wrote there
    /// at the keyring's revision.
    pub fn needs_new_revision(&self, keyring: &Keyring, header: &Header, files: &Files) -> bool {
        !self.revisions.is_empty()
            && header.revision == keyring.revision
            && (header.inputs != self.inputs || !self.has_files(files))
    }

    /// Digest of what those files are made from that differ each time they are made.
    pub fn inputs(&self) -> Option<Digest> {
        self.inputs.clone()
    }

    /// Whether making it takes long.
    pub fn is_slow(&self) -> bool {
        !self.salted.is_empty()
    }

    /// Whether an output that is intact is as this one would be written.
    pub fn is_written(&self, keyring: &Keyring, header: &Header, files: &Files) -> bool {
        self.has_files(files)
            && header.inputs == self.inputs
            && header.revision >= keyring.barrier
            && self.is_told_by(keyring, &header.marks)
            // Who serves a JWKS tells caches by them how long to keep it, and a recovery keeps what followed longer ones.
            && header.facts == keyring.facts
            && self.tells_what_is_kept(keyring, header)
    }

    /// Whether those are the files of this output, as far as they are the same each time they are made.
    fn has_files(&self, files: &Files) -> bool {
        let changing = |name: &String| self.salted.contains_key(name) || self.revisions.contains(name);
        let same = |(name, content): (&String, &Zeroizing<Vec<u8>>)| {
            changing(name) || self.files.get(name).is_some_and(|wanted| wanted == content)
        };
        files.len() == self.files.len() + self.salted.len() + self.revisions.len() && files.iter().all(same)
    }

    /// Whether a header tells which files of the output are kept. They may be the same without that, but a keyring that is
    /// recovered from it would drop them.
    fn tells_what_is_kept(&self, keyring: &Keyring, header: &Header) -> bool {
        let public = |kept: &&KeptFile| kept.config_map == self.id.name;
        let private = |kept: &&KeptPrivateFile| kept.secret == self.id.name;
        match self.id.kind {
            OutputKind::ConfigMap => header.kept.iter().filter(public).eq(keyring.kept.iter().filter(public)),
            OutputKind::Secret => {
                let kept = keyring.kept_private.iter().filter(private);
                header.kept_private.iter().filter(private).eq(kept)
            }
        }
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
    pub fn check_size(&self, files: &Files, header: &Header) -> Result<(), RenderError> {
        let files: usize = files.iter().map(|(name, content)| name.len() + content.len()).sum();
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
        Self(
            keyring
                .keys
                .iter()
                .map(|key| (key.kid.clone(), role(output, key, publisher, &keyring.kept_private)))
                .collect(),
        )
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

fn role(output: &Output, key: &Key, publisher: Publisher, kept: &[KeptPrivateFile]) -> Role {
    let (lists, carries) = (output.lists(&key.line), output.carries(&key.line));
    match output {
        Output::ConfigMap { .. } => {
            let active = key.is_active() && key.public.is_some() && carries;
            Role { held: public::is_published(key) && lists, active }
        }
        Output::Secret { name, .. } => {
            let mut here = kept.iter().filter(|kept| kept.secret == *name && kept.keys.contains(&key.kid)).peekable();
            let active = key.is_active() && (carries || here.peek().is_some());
            let lists = lists || here.any(|kept| kept.form.holds_many());
            Role { held: secret::is_listed(key, publisher) && lists, active }
        }
    }
}
