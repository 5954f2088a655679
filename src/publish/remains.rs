//! Reads keys back out of outputs, for the day on which the keyring is lost or older than they are.

use super::{Files, Header};
use crate::jose::{ForeignJwks, Jwks, PrivateJwk, PublicJwk};
use crate::keyring::Revoked;
use crate::lifecycle::policy::OutputId;
use crate::lifecycle::recovery::{FoundKey, Remains};
use crate::material::PrivateKey;

/// What an output still holds. What can't be read is passed over: every key that can be is worth having.
pub fn remains(id: &OutputId, header: &Header, files: &Files, since: crate::keyring::Time) -> Remains {
    let mut public = Vec::new();
    let mut private = Vec::new();
    for text in files.values().filter_map(|content| std::str::from_utf8(content).ok()) {
        if let Ok(jwks) = Jwks::<PrivateJwk>::from_mixed_json(text) {
            private.extend(jwks.keys.iter().filter_map(found));
        } else if let Ok(jwk) = serde_json::from_str::<PrivateJwk>(text) {
            private.extend(found(&jwk));
        } else if let Ok(key) = PrivateKey::from_pkcs8_pem(text) {
            private.push(FoundKey { kid: None, key });
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

fn found(jwk: &PrivateJwk) -> Option<FoundKey> {
    Some(FoundKey { kid: Some(jwk.kid().to_owned()), key: PrivateKey::from_jwk(jwk).ok()? })
}
