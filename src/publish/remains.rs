//! Reads keys back out of outputs, for the day on which the keyring is lost or older than they are.

use super::{Files, Header, Passphrase};
use crate::jose::{ForeignJwks, Jwks, PrivateJwk, PublicJwk};
use crate::keyring::{Mark, Revoked};
use crate::lifecycle::policy::{OutputId, OutputKind};
use crate::lifecycle::recovery::{FoundKey, Remains};
use crate::material::PrivateKey;
use crate::material::read::{self, ReadError};

/// What an output still holds. What can't be read is passed over: every key that can be is worth having. Reading a keystore
/// takes some tenths of a second for each key.
pub fn remains(
    id: &OutputId,
    header: &Header,
    files: &Files,
    passphrase: Option<&Passphrase>,
    since: crate::keyring::Time,
) -> Remains {
    let Contents { public, private, unopened } = contents(files, passphrase);
    let revoked =
        header.revoked.iter().map(|one| Revoked { kid: one.kid.clone(), thumbprint: one.thumbprint, since }).collect();
    Remains {
        kind: id.kind,
        revision: header.revision,
        marks: header.marks.clone(),
        facts: header.facts.clone(),
        publisher: header.publisher,
        kept: header.kept.clone(),
        kept_private: header.kept_private.clone(),
        revoked,
        public,
        private,
        unopened,
    }
}

/// What a Secret still holds whose header is gone. What `verifiers` knows of its keys, a ConfigMap of the same set, is taken for
/// those whose private halves are there: they are the set's own, since nobody else has them.
pub fn headless_remains(verifiers: &Remains, files: &Files, passphrase: Option<&Passphrase>) -> Remains {
    let Contents { public, private, unopened } = contents(files, passphrase);
    let is_here = |mark: &Mark| {
        let mut halves = private.iter().filter_map(|found| found.key.public());
        halves.any(|half| half.thumbprint() == mark.thumbprint)
    };
    let marks = verifiers.marks.iter().filter(|(_, mark)| is_here(mark));
    let marks = marks.map(|(kid, mark)| (kid.clone(), Mark { held: None, ..mark.clone() })).collect();
    Remains { kind: OutputKind::Secret, marks, public, private, unopened, ..verifiers.clone() }
}

/// Keys in files. What can't be read is passed over.
struct Contents {
    public: Vec<PublicJwk>,
    private: Vec<FoundKey>,
    unopened: Vec<String>,
}

fn contents(files: &Files, passphrase: Option<&Passphrase>) -> Contents {
    let mut public = Vec::new();
    let mut private = Vec::new();
    let mut unopened = Vec::new();
    for (name, content) in files {
        let Some(text) = std::str::from_utf8(content).ok().filter(|text| text.trim_start().starts_with('{')) else {
            match encoded(content, passphrase) {
                Some(keys) => private.extend(keys),
                None => unopened.push(name.clone()),
            }
            continue;
        };
        if let Ok(jwks) = Jwks::<PrivateJwk>::from_mixed_json(text) {
            private.extend(jwks.keys.iter().filter_map(found));
        } else if let Ok(jwk) = serde_json::from_str::<PrivateJwk>(text) {
            private.extend(found(&jwk));
        }
        if let Ok(jwks) = serde_json::from_str::<ForeignJwks>(text) {
            let ours = |jwk: crate::jose::ForeignJwk| {
                let algorithm = jwk.alg.as_deref()?.parse().ok()?;
                PublicJwk::new(jwk.kid?, algorithm, jwk.params).ok()
            };
            public.extend(jwks.keys.into_iter().filter_map(ours));
        } else if let Ok(jwk) = serde_json::from_str::<PublicJwk>(text) {
            public.push(jwk);
        }
    }
    Contents { public, private, unopened }
}

/// Keys in PEM, DER and keystores; `None` where some can't be opened with the passphrase that there is.
fn encoded(content: &[u8], passphrase: Option<&Passphrase>) -> Option<Vec<FoundKey>> {
    let is_closed = |error: &ReadError| {
        matches!(error, ReadError::PassphraseMissing | ReadError::WrongPassphrase | ReadError::TooCostly)
    };
    match read::own_private_keys(content, passphrase.map(|passphrase| passphrase.as_str())) {
        Ok(contents) if contents.refused.iter().any(|refused| is_closed(&refused.error)) => None,
        Ok(contents) => {
            Some(contents.keys.into_iter().map(|found| FoundKey { kid: found.name, key: found.key }).collect())
        }
        Err(error) if is_closed(&error) => None,
        Err(_) => Some(Vec::new()),
    }
}

fn found(jwk: &PrivateJwk) -> Option<FoundKey> {
    Some(FoundKey { kid: Some(jwk.kid().to_owned()), key: PrivateKey::from_jwk(jwk).ok()? })
}
