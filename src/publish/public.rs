//! Files for verifiers and senders. Nothing here can hold a private key, by type.

use std::collections::BTreeMap;

use zeroize::Zeroizing;

use super::view::View;
use super::{Made, RenderError};
use crate::api::{PublicContent, Select};
use crate::jose::{Jwks, PublicJwk, Use};
use crate::keyring::{KeptFile, Key, Phase, PublicForm};
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
pub(super) fn config_map<'a>(
    wanted: &BTreeMap<String, File<PublicContent>>,
    kept: impl Iterator<Item = &'a KeptFile>,
    view: &View<'_>,
) -> Result<Made, RenderError> {
    let mut made = Made::default();
    for (name, File { content, scope, select }) in wanted {
        add(&mut made, name, *content, scope, *select, view)?;
    }
    // A file of one key has no room for another, so the spec's own stays what it says.
    for KeptFile { config_map: _, file, form, keys } in
        kept.filter(|kept| kept.form == PublicForm::JwkSet || !wanted.contains_key(&kept.file))
    {
        let scope = wanted.get(file).map(|file| &file.scope);
        let is_in = |key: &Key| keys.contains_key(&key.kid) || scope.is_some_and(|scope| scope.covers(&key.line));
        let here: Vec<&Key> = view.keys.iter().copied().filter(|key| is_in(key)).collect();
        let text = match form {
            PublicForm::JwkSet => Some(jwk_set(here.into_iter(), view)?),
            PublicForm::Jwk => here.first().map(|key| one(PublicContent::PublicJwk, key, view)).transpose()?.flatten(),
            PublicForm::Pem => {
                here.first().map(|key| one(PublicContent::PublicKeyPem, key, view)).transpose()?.flatten()
            }
            PublicForm::Certificate => {
                here.first().map(|key| one(PublicContent::CertificatePem, key, view)).transpose()?.flatten()
            }
        };
        made.files.extend(text.map(|text| (file.clone(), Zeroizing::new(text.into_bytes()))));
    }
    Ok(made)
}

/// Adds one public file.
pub(super) fn add(
    made: &mut Made,
    name: &str,
    content: PublicContent,
    scope: &Scope,
    select: Select,
    view: &View<'_>,
) -> Result<(), RenderError> {
    if content == PublicContent::Revision {
        made.revisions.insert(name.to_owned());
    } else if let Some(text) = text(content, scope, select, view)? {
        made.files.insert(name.to_owned(), Zeroizing::new(text.into_bytes()));
    }
    Ok(())
}

fn text(content: PublicContent, scope: &Scope, select: Select, view: &View<'_>) -> Result<Option<String>, RenderError> {
    let keys = view.keys.iter().filter(|key| scope.covers(&key.line));
    if content == PublicContent::PublicJwks {
        return jwk_set(keys.copied(), view).map(Some);
    }
    if content == PublicContent::ActiveKids {
        let active: BTreeMap<&str, &str> =
            keys.filter(|key| key.is_active()).map(|key| (key.line.as_str(), key.kid.as_str())).collect();
        return Ok(Some(serde_json::to_string(&active)?));
    }
    let Some(key) = selected(scope, select, &view.keys) else { return Ok(None) };
    one(content, key, view)
}

fn jwk_set<'a>(keys: impl Iterator<Item = &'a Key>, view: &View<'_>) -> Result<String, RenderError> {
    let published = keys.filter(|key| is_published(key)).filter_map(|key| view.public_jwk(key).transpose());
    let published: Result<Vec<PublicJwk>, RenderError> = published.collect();
    Ok(Jwks { keys: published? }.to_json()?)
}

/// What a file of one key says of it.
fn one(content: PublicContent, key: &Key, view: &View<'_>) -> Result<Option<String>, RenderError> {
    Ok(match content {
        PublicContent::PublicJwks | PublicContent::ActiveKids | PublicContent::Revision => None,
        PublicContent::PublicJwk => view.public_jwk(key)?.map(|jwk| serde_json::to_string(&jwk)).transpose()?,
        PublicContent::PublicKeyPem => {
            let pem = key.public.as_ref().map(material::spki_pem);
            pem.transpose().map_err(|why| RenderError::key(key, why))?
        }
        PublicContent::CertificatePem => {
            let pem = key.certificate.as_ref().map(material::Certificate::to_pem);
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
