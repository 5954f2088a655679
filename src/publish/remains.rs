//! Reads keys back out of outputs, for the day on which the keyring is lost or older than they are.

use super::{Files, Header, Passphrase};
use crate::jose::{ForeignJwks, Jwks, PrivateJwk, PublicJwk};
use crate::keyring::Revoked;
use crate::lifecycle::policy::OutputId;
use crate::lifecycle::recovery::{FoundKey, Remains};
use crate::material::{PrivateKey, read};

/// What an output still holds. What can't be read is passed over: every key that can be is worth having. Reading a keystore
/// takes some tenths of a second for each key.
pub fn remains(
    id: &OutputId,
    header: &Header,
    files: &Files,
    passphrase: Option<&Passphrase>,
    since: crate::keyring::Time,
) -> Remains {
    let mut public = Vec::new();
    let mut private = Vec::new();
    for content in files.values() {
        let Some(text) = std::str::from_utf8(content).ok().filter(|text| text.trim_start().starts_with('{')) else {
            private.extend(encoded(content, passphrase));
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
    let revoked =
        header.revoked.iter().map(|one| Revoked { kid: one.kid.clone(), thumbprint: one.thumbprint, since }).collect();
    Remains { kind: id.kind, revision: header.revision, marks: header.marks.clone(), revoked, public, private }
}

/// Keys in PEM, DER and keystores.
fn encoded(content: &[u8], passphrase: Option<&Passphrase>) -> impl Iterator<Item = FoundKey> + use<> {
    let read = read::private_keys(content, passphrase.map(|passphrase| passphrase.as_str()));
    read.into_iter().flat_map(|contents| contents.keys).map(|found| FoundKey { kid: found.name, key: found.key })
}

fn found(jwk: &PrivateJwk) -> Option<FoundKey> {
    Some(FoundKey { kid: Some(jwk.kid().to_owned()), key: PrivateKey::from_jwk(jwk).ok()? })
}
