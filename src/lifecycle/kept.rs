//! An edit may take a public file out of a ConfigMap that verifiers still read. What was signed by then must still verify
//! there: so the file stays, for the signature keys that it held. Encryption keys go at once, because senders would use them.

use std::collections::BTreeMap;

use super::policy::{File, Output, OutputId, OutputKind, Policy, Scope};
use crate::api::{PublicContent, Select};
use crate::jose::Use;
use crate::keyring::{KeptFile, Key, Keyring, Phase, PublicForm, Time};

/// The ConfigMap that holds such a file.
pub(super) fn output(kept: &KeptFile) -> OutputId {
    OutputId { kind: OutputKind::ConfigMap, name: kept.config_map.clone() }
}

/// The files that the ConfigMaps of the spec before held and those of the policy do not, with the keys that readers lose.
/// A key whose line the spec dropped is needed until it is removed; any other signs on for readers of other files, so here it
/// is needed only for what it has signed by now.
pub(super) fn leaving(former: &[Output], policy: &Policy, keyring: &Keyring, at: Time) -> Vec<KeptFile> {
    let mut leaving = Vec::new();
    for output in former {
        let Output::ConfigMap { name, files } = output else { continue };
        let Some(now) = public_files(policy, name) else { continue };
        for (file, before) in files {
            let Some(form) = form(before.content) else { continue };
            if !has_room(now.get(file), form) {
                continue;
            }
            let lost = held(before, keyring).filter(|key| !is_listed(now.get(file), key));
            let since = |key: &Key| policy.line(&key.line, key.usage()).map(|_| at);
            let keys: BTreeMap<String, Option<Time>> = lost.map(|key| (key.kid.clone(), since(key))).collect();
            if !keys.is_empty() {
                leaving.push(KeptFile { config_map: name.clone(), file: file.clone(), form, keys });
            }
        }
    }
    leaving
}

/// Whether a key of such a file is still needed in it.
pub(super) fn is_needed(
    kept: &KeptFile,
    kid: &str,
    until: Option<Time>,
    policy: &Policy,
    keyring: &Keyring,
    now: Time,
) -> bool {
    let Some(files) = public_files(policy, &kept.config_map) else { return false };
    let file = files.get(&kept.file);
    keyring.key(kid).is_some_and(|key| !is_listed(file, key))
        && has_room(file, kept.form)
        && until.is_none_or(|until| now < until)
}

fn public_files<'a>(policy: &'a Policy, config_map: &str) -> Option<&'a BTreeMap<String, File<PublicContent>>> {
    policy.outputs.iter().find_map(|output| match output {
        Output::ConfigMap { name, files } if name == config_map => Some(files),
        Output::ConfigMap { .. } | Output::Secret { .. } => None,
    })
}

/// The signature keys in a public file.
fn held<'a>(file: &'a File<PublicContent>, keyring: &'a Keyring) -> impl Iterator<Item = &'a Key> {
    let public = |key: &&Key| key.public.is_some() && key.usage() == Use::Sig && file.scope.covers(&key.line);
    let all = move || keyring.keys.iter().filter(public);
    let one = || {
        let next = all().find(|key| file.select == Select::Standby && key.phase == Phase::Standby);
        next.or_else(|| all().find(|key| key.is_active()))
    };
    let (many, single) = if file.content == PublicContent::PublicJwks { (Some(all()), None) } else { (None, one()) };
    many.into_iter().flatten().chain(single)
}

/// Whether a file of the policy lists the key by itself.
fn is_listed(file: Option<&File<PublicContent>>, key: &Key) -> bool {
    file.is_some_and(|file| file.content == PublicContent::PublicJwks && file.scope.covers(&key.line))
}

/// Whether there is room under the name of a kept file: it is free, or both files are JWK Sets. Any other file that the policy
/// has there takes the name for itself.
fn has_room(file: Option<&File<PublicContent>>, kept: PublicForm) -> bool {
    file.is_none_or(|file| {
        kept == PublicForm::JwkSet && file.content == PublicContent::PublicJwks && matches!(file.scope, Scope::Line(_))
    })
}

fn form(content: PublicContent) -> Option<PublicForm> {
    match content {
        PublicContent::PublicJwks => Some(PublicForm::JwkSet),
        PublicContent::PublicJwk => Some(PublicForm::Jwk),
        PublicContent::PublicKeyPem => Some(PublicForm::Pem),
        PublicContent::CertificatePem => Some(PublicForm::Certificate),
        PublicContent::ActiveKid | PublicContent::ActiveKids | PublicContent::Revision => None,
    }
}
