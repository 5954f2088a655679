//! Files for verifiers and senders. Nothing here can hold a private key, by type.

use std::collections::BTreeMap;

use zeroize::Zeroizing;

use super::{Files, RenderError};
use crate::api::{PublicContent, Select};
use crate::jose::{Jwks, PublicJwk, Use};
use crate::keyring::{Key, Phase};
use crate::lifecycle::policy::{File, Scope};
use crate::material;

/// Whether the key is in the public JWKS: any key that verifies; of those that encrypt, the active one only. A symmetric
/// key has no public half.
pub(super) fn is_published(key: &Key) -> bool {
    key.public.is_some()
        && match key.usage() {
            Use::Sig => true,
            Use::Enc => key.is_active(),
        }
}

/// The files of one ConfigMap. A file of one key is left out while its line has none, or one without a public half.
pub(super) fn files(wanted: &BTreeMap<String, File<PublicContent>>, keys: &[&Key]) -> Result<Files, RenderError> {
    let mut files = Files::new();
    for (name, File { content, scope, select }) in wanted {
        if let Some(text) = file(*content, scope, *select, keys)? {
            files.insert(name.clone(), Zeroizing::new(text.into_bytes()));
        }
    }
    Ok(files)
}

/// One public file.
pub(super) fn file(
    content: PublicContent,
    scope: &Scope,
    select: Select,
    keys: &[&Key],
) -> Result<Option<String>, RenderError> {
    if content == PublicContent::PublicJwks {
        let published = keys.iter().filter(|key| is_published(key) && scope.covers(&key.line));
        let published: Result<Vec<PublicJwk>, RenderError> = published.filter_map(|key| jwk(key).transpose()).collect();
        return Ok(Some(Jwks { keys: published? }.to_json()?));
    }
    let Some(key) = selected(scope, select, keys) else { return Ok(None) };
    Ok(match content {
        PublicContent::PublicJwks | PublicContent::PublicJwk => {
            jwk(key)?.map(|jwk| serde_json::to_string(&jwk)).transpose()?
        }
        PublicContent::PublicKeyPem => {
            let pem = key.public.as_ref().map(material::spki_pem);
            pem.transpose().map_err(|why| RenderError::key(key, why))?
        }
        PublicContent::ActiveKid => Some(key.kid.clone()),
    })
}

/// The one key that a file of one key holds.
fn selected<'a>(scope: &Scope, select: Select, keys: &[&'a Key]) -> Option<&'a Key> {
    let in_phase = |standby: bool| {
        keys.iter()
            .copied()
            .find(|key| scope.covers(&key.line) && if standby { key.phase == Phase::Standby } else { key.is_active() })
    };
    match select {
        // A sender may use an encryption key the moment it sees it: it must not see the next one.
        Select::Standby => in_phase(true).filter(|key| key.usage() == Use::Sig).or_else(|| in_phase(false)),
        Select::Active => in_phase(false),
    }
}

fn jwk(key: &Key) -> Result<Option<PublicJwk>, RenderError> {
    key.public_jwk().map_err(|why| RenderError::key(key, why))
}
