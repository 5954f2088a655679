//! Files for signers and decrypting pods.

use std::collections::BTreeMap;

use serde::Serialize;
use zeroize::Zeroizing;

use super::salted::{Entry, Passphrase, Salted};
use super::view::View;
use super::{Made, RenderError, public};
use crate::api::InactiveKeys;
use crate::jose::{Jwks, PrivateJwk, PublicJwk, to_private_json};
use crate::keyring::{Key, Publisher};
use crate::lifecycle::policy::{File, Scope, SignersFile};
use crate::material::PrivateEncoding;

/// Whether the key is in the private JWKS: the active one; where others must stay loaded, those too. A retired key that
/// still has a private half retired while the server published what it loaded.
pub(super) fn is_listed(key: &Key, publisher: Publisher) -> bool {
    key.private.is_some() && (key.is_active() || key.is_retired() || publisher.keeps_all_loaded(key.algorithm))
}

/// The files of one Secret. A file of one key is left out while its line has none.
pub(super) fn files(
    wanted: &BTreeMap<String, File<SignersFile>>,
    view: &View<'_>,
    passphrase: Option<&Passphrase>,
) -> Result<Made, RenderError> {
    let mut made = Made::default();
    for (name, File { content, scope, select }) in wanted {
        match *content {
            SignersFile::Public(content) => public::add(&mut made, name, content, scope, *select, view)?,
            SignersFile::Jwks { inactive } => {
                drop(made.files.insert(name.clone(), jwks(scope, inactive, view)?));
            }
            SignersFile::Jwk => {
                if let Some(jwk) = view.active(scope).map(|key| view.private_jwk(key)).transpose()?.flatten() {
                    made.files.insert(name.clone(), to_private_json(&jwk)?);
                }
            }
            SignersFile::Key { encoding, pem } => {
                add_key(&mut made, name, encoding, pem, view.active(scope), passphrase)?;
            }
            SignersFile::Keystore(profile) => {
                if let Some(passphrase) = passphrase.cloned() {
                    let entries = entries(scope, view);
                    made.salted.insert(name.clone(), Salted::Keystore { entries, passphrase, profile });
                }
            }
            SignersFile::Passphrase => {
                let bytes = passphrase.map(|passphrase| Zeroizing::new(passphrase.as_bytes().to_vec()));
                made.files.extend(bytes.map(|bytes| (name.clone(), bytes)));
            }
        }
    }
    Ok(made)
}

/// A key of a private JWKS: those that signers must not have are public.
#[derive(Serialize)]
#[serde(untagged)]
enum Jwk {
    Private(PrivateJwk),
    Public(PublicJwk),
}

fn jwks(scope: &Scope, inactive: Option<InactiveKeys>, view: &View<'_>) -> Result<Zeroizing<Vec<u8>>, RenderError> {
    let mut keys = Vec::new();
    for key in view.keys.iter().filter(|key| scope.covers(&key.line)) {
        let private = match inactive {
            None => is_listed(key, view.policy.publisher),
            Some(InactiveKeys::Private) => true,
            // Those of a line that was dropped, or was of another algorithm, must stay loaded all the same.
            Some(InactiveKeys::PublicOnly | InactiveKeys::Omitted) => {
                key.is_active() || view.policy.publisher.keeps_all_loaded(key.algorithm)
            }
        };
        let private = if private { view.private_jwk(key)? } else { None };
        match private {
            Some(jwk) => keys.push(Jwk::Private(jwk)),
            None if matches!(inactive, None | Some(InactiveKeys::Omitted)) => {}
            None if public::is_published(key) => keys.extend(view.public_jwk(key)?.map(Jwk::Public)),
            None => {}
        }
    }
    Ok(to_private_json(&Jwks { keys })?)
}

/// While a line changes its algorithm, its key that is still active may be of a kind that lacks the encoding: then it is
/// PKCS#8, which pods that start meanwhile can read.
fn add_key(
    made: &mut Made,
    name: &str,
    encoding: PrivateEncoding,
    pem: bool,
    active: Option<&Key>,
    passphrase: Option<&Passphrase>,
) -> Result<(), RenderError> {
    let Some((key, private)) = active.and_then(|key| Some((key, key.private.as_ref()?))) else { return Ok(()) };
    let kind = private.spec().key_kind();
    if kind.is_symmetric() {
        return Ok(());
    }
    let encoding = if encoding.fits(kind) { encoding } else { PrivateEncoding::Pkcs8 };
    if let Some(passphrase) = passphrase.cloned() {
        made.salted.insert(name.to_owned(), Salted::Key { key: private.clone(), passphrase, pem });
        return Ok(());
    }
    let bytes = if pem {
        private.to_pem(encoding).map(|pem| Zeroizing::new(pem.as_bytes().to_vec()))
    } else {
        private.to_der(encoding)
    };
    made.files.insert(name.to_owned(), bytes.map_err(|why| RenderError::key(key, why))?);
    Ok(())
}

/// Every key that signers have, with its certificate. One without, as those that can't sign, has no place in a keystore.
fn entries(scope: &Scope, view: &View<'_>) -> Vec<Entry> {
    let listed = view.keys.iter().filter(|key| scope.covers(&key.line) && is_listed(key, view.policy.publisher));
    let entry = |key: &&Key| {
        let (key, certificate) = (key.private.clone()?, key.certificate.clone()?);
        Some((key, certificate))
    };
    listed
        .filter_map(|key| {
            entry(key).map(|(private, certificate)| Entry { kid: key.kid.clone(), key: private, certificate })
        })
        .collect()
}
