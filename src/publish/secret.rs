//! Files for signers and decrypting pods.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use zeroize::Zeroizing;

use super::salted::{Entry, Passphrase, Salted};
use super::view::View;
use super::{Made, RenderError, public};
use crate::api::InactiveKeys;
use crate::jose::{Jwks, PrivateJwk, PublicJwk, to_private_json};
use crate::keyring::{KeptPrivateFile, Key, Publisher};
use crate::lifecycle::policy::{File, Scope, SignersFile};
use crate::material::PrivateEncoding;

/// Whether the key is in the private JWKS: the active one; where others must stay loaded, those too. A retired key that
/// still has a private half retired while the server published what it loaded.
pub(super) fn is_listed(key: &Key, publisher: Publisher) -> bool {
    key.private.is_some() && (key.is_active() || key.is_retired() || publisher.keeps_all_loaded(key.algorithm))
}

/// The files of one Secret, and those that are kept in it. A file of one key is left out while its line has none.
pub(super) fn files(
    wanted: &BTreeMap<String, File<SignersFile>>,
    kept: &[&KeptPrivateFile],
    view: &View<'_>,
    passphrase: Option<&Passphrase>,
) -> Result<Made, RenderError> {
    let mut made = Made::default();
    for (name, File { content, scope, select }) in wanted {
        if let SignersFile::Public(content) = *content {
            public::add(&mut made, name, content, scope, *select, view)?;
            continue;
        }
        let kept = kept.iter().find(|kept| kept.file == *name).map(|kept| &kept.keys);
        add(&mut made, name, *content, Holds { scope: Some(scope), kept }, view, passphrase)?;
    }
    for one in kept.iter().filter(|one| !wanted.contains_key(&one.file)) {
        let holds = Holds { scope: None, kept: Some(&one.keys) };
        add(&mut made, &one.file, one.form.into(), holds, view, passphrase)?;
    }
    Ok(made)
}

/// Which keys a file holds: those of its lines, and those that are kept there.
#[derive(Clone, Copy)]
struct Holds<'a> {
    scope: Option<&'a Scope>,
    kept: Option<&'a BTreeSet<String>>,
}

impl Holds<'_> {
    fn covers(self, key: &Key) -> bool {
        self.scope.is_some_and(|scope| scope.covers(&key.line))
    }

    fn keeps(self, key: &Key) -> bool {
        self.kept.is_some_and(|kids| kids.contains(&key.kid))
    }

    /// The one key of a file of one: the active key of its lines, and as long as they have none, one that is kept.
    fn active<'v>(self, view: &View<'v>) -> Option<&'v Key> {
        let active = || view.keys.iter().copied().filter(|key| key.is_active());
        active().find(|key| self.covers(key)).or_else(|| active().find(|key| self.keeps(key)))
    }
}

/// Adds one private file.
fn add(
    made: &mut Made,
    name: &str,
    content: SignersFile,
    holds: Holds<'_>,
    view: &View<'_>,
    passphrase: Option<&Passphrase>,
) -> Result<(), RenderError> {
    match content {
        SignersFile::Jwks { inactive } => {
            drop(made.files.insert(name.to_owned(), jwks(holds, inactive, view)?));
        }
        SignersFile::Jwk => {
            if let Some(jwk) = holds.active(view).map(|key| view.private_jwk(key)).transpose()?.flatten() {
                made.files.insert(name.to_owned(), to_private_json(&jwk)?);
            }
        }
        SignersFile::Key { encoding, pem } => {
            add_key(made, name, encoding, pem, holds.active(view), passphrase)?;
        }
        SignersFile::Keystore(profile) => {
            if let Some(passphrase) = passphrase.cloned() {
                let entries = entries(holds, view);
                made.salted.insert(name.to_owned(), Salted::Keystore { entries, passphrase, profile });
            }
        }
        SignersFile::Passphrase => {
            let bytes = passphrase.map(|passphrase| Zeroizing::new(passphrase.as_bytes().to_vec()));
            made.files.extend(bytes.map(|bytes| (name.to_owned(), bytes)));
        }
        SignersFile::Public(_) => {}
    }
    Ok(())
}

/// A key of a private JWKS: those that signers must not have are public.
#[derive(Serialize)]
#[serde(untagged)]
enum Jwk {
    Private(PrivateJwk),
    Public(PublicJwk),
}

fn jwks(holds: Holds<'_>, inactive: Option<InactiveKeys>, view: &View<'_>) -> Result<Zeroizing<Vec<u8>>, RenderError> {
    let mut keys = Vec::new();
    for key in view.keys.iter().filter(|key| holds.covers(key) || holds.keeps(key)) {
        let private = match inactive {
            None => is_listed(key, view.policy.publisher),
            Some(InactiveKeys::Private) => true,
            // Those of a line that was dropped, or was of another algorithm, must stay loaded all the same.
            Some(InactiveKeys::PublicOnly | InactiveKeys::Omitted) => {
                key.is_active() || view.policy.publisher.keeps_all_loaded(key.algorithm) || holds.keeps(key)
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
fn entries(holds: Holds<'_>, view: &View<'_>) -> Vec<Entry> {
    let here = view.keys.iter().filter(|key| holds.covers(key) || holds.keeps(key));
    let listed = here.filter(|key| is_listed(key, view.policy.publisher));
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
