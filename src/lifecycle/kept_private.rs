//! An edit that drops a line takes its private files along. Its key may sign until added lines are active, and keys that must
//! stay loaded are needed until what was made with them has expired: so they stay in the files that held them.

use std::collections::{BTreeMap, BTreeSet};

use super::policy::{File, Output, OutputId, OutputKind, Policy, SignersFile};
use crate::keyring::{KeptPrivateFile, Key, Keyring, PrivateForm};

/// A private file that must stay, and has no room: the spec puts a file under its name that can't hold its keys.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{output}: the file {file:?} holds private keys of a line that the spec no longer names ({}), which pods still need, and \
     what the spec puts there has no room for them: give the new file another name, and leave a keystore its passphrase", kids.join(", ")
)]
pub struct Crowded {
    /// The Secret.
    pub output: OutputId,
    /// The file name.
    pub file: String,
    /// The keys that must stay.
    pub kids: Vec<String>,
}

/// The Secret that holds such a file.
pub(super) fn output(kept: &KeptPrivateFile) -> OutputId {
    OutputId { kind: OutputKind::Secret, name: kept.secret.clone() }
}

/// The files of the spec before that hold keys of lines which the policy does not name, as far as those are still needed there.
pub(super) fn leaving(former: &[Output], policy: &Policy, keyring: &Keyring) -> Vec<KeptPrivateFile> {
    let mut leaving = Vec::new();
    for output in former {
        let Output::Secret { name, files, .. } = output else { continue };
        for (file, before) in files {
            let Some(form) = form(before.content) else { continue };
            let mut kept = KeptPrivateFile { secret: name.clone(), file: file.clone(), form, keys: BTreeSet::new() };
            let held = keyring.keys.iter().filter(|key| before.scope.covers(&key.line));
            kept.keys = held.filter(|key| is_needed(&kept, key, policy, keyring)).map(|key| key.kid.clone()).collect();
            if !kept.keys.is_empty() {
                leaving.push(kept);
            }
        }
    }
    leaving
}

/// Whether pods still need the key of a dropped line in such a file.
pub(super) fn is_needed(kept: &KeptPrivateFile, key: &Key, policy: &Policy, keyring: &Keyring) -> bool {
    let is_dropped = policy.line(&key.line, key.usage()).is_none();
    // A retired key that still has its private half must stay loaded.
    let is_used = key.is_active() || key.is_retired() && kept.form.holds_many();
    let Some(secret) = Secret::of(policy, &kept.secret) else { return false };
    is_dropped && is_used && key.private.is_some() && !secret.serves(&kept.file, key, keyring)
}

/// Kept files for which the policy leaves no room.
pub(super) fn crowded(policy: &Policy, keyring: &Keyring) -> Vec<Crowded> {
    let mut crowded = Vec::new();
    for kept in &keyring.kept_private {
        let Some(secret) = Secret::of(policy, &kept.secret) else { continue };
        let keys = kept.keys.iter().filter_map(|kid| keyring.key(kid));
        let kids: Vec<String> = keys.filter(|key| !secret.has_room(kept, key)).map(|key| key.kid.clone()).collect();
        if !kids.is_empty() {
            crowded.push(Crowded { output: output(kept), file: kept.file.clone(), kids });
        }
    }
    crowded
}

/// A Secret that the policy lists.
struct Secret<'a> {
    files: &'a BTreeMap<String, File<SignersFile>>,
    has_passphrase: bool,
}

impl<'a> Secret<'a> {
    fn of(policy: &'a Policy, wanted: &str) -> Option<Self> {
        policy.outputs.iter().find_map(|output| match output {
            Output::Secret { name, passphrase, files } if name == wanted => {
                Some(Self { files, has_passphrase: passphrase.is_some() })
            }
            Output::Secret { .. } | Output::ConfigMap { .. } => None,
        })
    }

    /// Whether the policy's own file of that name holds the key by itself; or is of one key, and has another that is active.
    fn serves(&self, file: &str, key: &Key, keyring: &Keyring) -> bool {
        self.files.get(file).is_some_and(|File { content, scope, select: _ }| match content {
            SignersFile::Jwks { .. } => scope.covers(&key.line),
            SignersFile::Keystore(_) => scope.covers(&key.line) && is_certifiable(key),
            SignersFile::Jwk | SignersFile::Key { .. } => {
                let mut active = keyring.keys.iter().filter(|other| other.is_active());
                key.is_active() && active.any(|other| scope.covers(&other.line))
            }
            SignersFile::Passphrase | SignersFile::Public(_) => false,
        })
    }

    fn has_room(&self, kept: &KeptPrivateFile, key: &Key) -> bool {
        let Some(file) = self.files.get(&kept.file) else {
            return self.has_passphrase || !matches!(kept.form, PrivateForm::Keystore(_));
        };
        match file.content {
            SignersFile::Jwks { .. } => true,
            SignersFile::Keystore(_) => is_certifiable(key),
            SignersFile::Jwk => key.is_active(),
            SignersFile::Key { .. } => key.is_active() && !key.algorithm.is_symmetric(),
            SignersFile::Passphrase | SignersFile::Public(_) => false,
        }
    }
}

fn is_certifiable(key: &Key) -> bool {
    key.spec.key_kind().can_sign_certificates()
}

fn form(content: SignersFile) -> Option<PrivateForm> {
    match content {
        SignersFile::Jwks { .. } => Some(PrivateForm::JwkSet),
        SignersFile::Jwk => Some(PrivateForm::Jwk),
        SignersFile::Key { encoding, pem } => Some(PrivateForm::Key { encoding, pem }),
        SignersFile::Keystore(profile) => Some(PrivateForm::Keystore(profile)),
        SignersFile::Passphrase | SignersFile::Public(_) => None,
    }
}
