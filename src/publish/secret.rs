//! Files for signers and decrypting pods.

use std::collections::BTreeMap;

use zeroize::Zeroizing;

use super::{Files, RenderError, public};
use crate::api::{PublicContent, SecretContent, Select};
use crate::jose::{Jwks, PrivateJwk};
use crate::keyring::{Key, Publisher};
use crate::lifecycle::policy::{File, Scope};

/// Whether the key is in the private JWKS: the active one; where others must stay loaded, those too. A retired key that
/// still has a private half retired while the server published what it loaded.
pub(super) fn is_listed(key: &Key, publisher: Publisher) -> bool {
    key.private.is_some() && (key.is_active() || key.is_retired() || publisher.keeps_all_loaded(key.algorithm))
}

/// The files of one Secret. A file of one key is left out while its line has none.
pub(super) fn files(
    wanted: &BTreeMap<String, File<SecretContent>>,
    keys: &[&Key],
    publisher: Publisher,
) -> Result<Files, RenderError> {
    let mut files = Files::new();
    for (name, File { content, scope, select }) in wanted {
        if let Some(bytes) = file(*content, scope, *select, keys, publisher)? {
            files.insert(name.clone(), bytes);
        }
    }
    Ok(files)
}

fn file(
    content: SecretContent,
    scope: &Scope,
    select: Select,
    keys: &[&Key],
    publisher: Publisher,
) -> Result<Option<Zeroizing<Vec<u8>>>, RenderError> {
    let public = |content| {
        let text = public::file(content, scope, select, keys)?;
        Ok(text.map(|text| Zeroizing::new(text.into_bytes())))
    };
    let active = || keys.iter().copied().find(|key| key.is_active() && scope.covers(&key.line));
    match content {
        SecretContent::PrivateJwks => {
            let listed = keys.iter().filter(|key| is_listed(key, publisher) && scope.covers(&key.line));
            let keys: Result<Vec<PrivateJwk>, RenderError> = listed.filter_map(|key| jwk(key).transpose()).collect();
            Ok(Some(bytes(&Jwks { keys: keys? }.to_private_json()?)))
        }
        SecretContent::PrivateJwk => match active().map(jwk).transpose()?.flatten() {
            Some(jwk) => Ok(Some(bytes(&jwk.to_json()?))),
            None => Ok(None),
        },
        SecretContent::PrivateKeyPem => {
            let Some(key) = active() else { return Ok(None) };
            // While a line changes its algorithm, the key that is still active may be symmetric.
            let Some(private) = key.private.as_ref().filter(|_| !key.algorithm.is_symmetric()) else { return Ok(None) };
            let pem = private.to_pkcs8_pem().map_err(|why| RenderError::key(key, why))?;
            Ok(Some(bytes(&pem)))
        }
        SecretContent::PublicJwks => public(PublicContent::PublicJwks),
        SecretContent::PublicJwk => public(PublicContent::PublicJwk),
        SecretContent::PublicKeyPem => public(PublicContent::PublicKeyPem),
        SecretContent::ActiveKid => public(PublicContent::ActiveKid),
    }
}

fn jwk(key: &Key) -> Result<Option<PrivateJwk>, RenderError> {
    let private = key.private.as_ref().map(|private| private.to_jwk(&key.kid, key.algorithm));
    private.transpose().map_err(|why| RenderError::key(key, why))
}

fn bytes(text: &Zeroizing<String>) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(text.as_bytes().to_vec())
}
