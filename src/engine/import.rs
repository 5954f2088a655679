//! Reads the files of `spec.import`, off the async threads. What becomes of their keys is decided elsewhere.

use uuid::Uuid;
use zeroize::Zeroizing;

use super::minter::{MintError, Minter};
use super::references::References;
use crate::jose::PublicParams;
use crate::keyring::{Keyring, MacKey};
use crate::lifecycle::Policy;
use crate::lifecycle::adoption::{Candidate, CandidateKey, Offer, Offered};
use crate::material::read::{
    FoundCertificate, FoundKey, FoundPublic, PrivateContents, PublicContents, ReadError, Refused, private_contents,
    public_keys,
};
use crate::material::{Certificate, CheckError, PrivateKey};

/// A file, and what it is encrypted with.
struct File {
    entry: usize,
    alias: Option<String>,
    content: Zeroizing<Vec<u8>>,
    passphrase: Option<Zeroizing<Vec<u8>>>,
}

/// What the files of lines that are to adopt keys hold.
pub(super) async fn offer(
    policy: &Policy,
    keyring: &Keyring,
    references: &References,
    minter: &Minter,
) -> Result<Offer, MintError> {
    let mut files = Vec::new();
    for entry in policy.import.due(keyring) {
        let passphrase = entry.passphrase.as_ref().map(|reference| references.passphrase(reference));
        let (Some(content), false) = (references.value(&entry.source), matches!(passphrase, Some(None))) else {
            return Ok(Offer::Waits);
        };
        let (content, alias) = (content.clone(), entry.alias.clone());
        files.push(File { entry: entry.index, alias, content, passphrase: passphrase.flatten() });
    }
    if files.is_empty() {
        return Ok(Offer::Nothing);
    }
    let mac_key = keyring.mac_key.clone();
    let read = move |file: File| Offered { entry: file.entry, found: read(&file, &mac_key) };
    let offered = minter.off_thread(move || files.into_iter().map(read).collect::<Vec<_>>()).await?;
    Ok(Offer::Read(offered.into()))
}

fn read(file: &File, mac_key: &MacKey) -> Result<Vec<Candidate>, String> {
    let text = |passphrase: &Zeroizing<Vec<u8>>| String::from_utf8(passphrase.to_vec()).map(Zeroizing::new);
    let passphrase = file.passphrase.as_ref().map(text).transpose().map_err(|error| {
        drop(Zeroizing::new(error.into_bytes()));
        "its passphrase is no text in UTF-8: correct the passphrase".to_owned()
    })?;
    let mut contents = match private_contents(&file.content, passphrase.as_ref().map(|text| text.as_str())) {
        Ok(contents) => contents,
        Err(ReadError::NoPrivateKey) => PrivateContents::default(),
        Err(ReadError::PassphraseMissing) => return Err(passphrase_missing()),
        Err(error) => return Err(error.to_string()),
    };
    let all_public = public_keys(&file.content).unwrap_or_default();
    if contents.keys.is_empty() && contents.refused.is_empty() {
        let in_keystore = keystore_certificates(contents.certificates, &all_public.keys, |_| true);
        let refused = all_public.refused.into_iter().map(|refused| (position(&refused.place), unusable(refused)));
        let keys = all_public.keys.into_iter().map(|key| (position(&key.place), public(key)));
        let found = in_order(keys.chain(refused).chain(in_keystore));
        return if found.is_empty() { Err(ReadError::NoPrivateKey.to_string()) } else { Ok(found) };
    }
    // Beside keys, a keystore has the certificates of those who signed theirs: only what is named is meant.
    let is_named = |name: &str| file.alias.as_ref().is_some_and(|alias| alias.to_lowercase() == name.to_lowercase());
    let is_of_key = |one: &FoundCertificate| {
        let public = one.certificate.public();
        public.is_ok_and(|public| contents.keys.iter().any(|found| found.key.matches(&public)))
    };
    contents.certificates.retain(|one| !is_of_key(one));
    let named = keystore_certificates(contents.certificates, &all_public.keys, is_named);
    // A set may have keys of which only the public half is left.
    let PublicContents { keys: all_public, refused: no_public } = all_public;
    let is_half = |key: &FoundPublic| contents.keys.iter().any(|found| found.key.public() == Some(&key.params));
    // So may a PEM file, beside a private key. Certificates there are those of issuers.
    let (mut public_halves, others): (Vec<FoundPublic>, Vec<FoundPublic>) = all_public
        .into_iter()
        .filter(|key| !key.had_private && (key.format == "JWK" || key.certificate.is_none() && !is_half(key)))
        .partition(|key| key.format == "JWK");
    let refused = contents.refused.into_iter().map(|refused| {
        let half = public_halves.iter().position(|key| key.place == refused.place);
        let place = position(&refused.place);
        // What is wrong with the public half says more than that the private one is missing.
        let wrong = no_public.iter().find(|other| {
            other.place == refused.place
                && matches!(other.error, ReadError::Check(CheckError::NotOnCurve | CheckError::WeakPoint))
        });
        let unusable = || unusable(wrong.cloned().unwrap_or(refused));
        (place, half.map_or_else(unusable, |half| public(public_halves.swap_remove(half))))
    });
    let refused: Vec<_> = refused.collect();
    let keys = contents.keys.into_iter().map(|key| (position(&key.place), private(key, mac_key)));
    let others = others.into_iter().map(|key| (position(&key.place), public(key)));
    Ok(in_order(keys.chain(refused).chain(others).chain(named)))
}

/// The certificates of a PKCS#12 keystore that have no key there. Those in PEM are found as public keys.
fn keystore_certificates(
    certificates: Vec<FoundCertificate>,
    public_keys: &[FoundPublic],
    is_meant: impl Fn(&str) -> bool,
) -> Vec<(usize, Candidate)> {
    let is_public = |one: &Certificate| public_keys.iter().any(|key| key.certificate.as_ref() == Some(one));
    let meant = certificates
        .into_iter()
        .filter(|one| !is_public(&one.certificate) && is_meant(one.name.as_deref().unwrap_or_default()));
    let candidate = |one: FoundCertificate| one.into_public("PKCS#12").map_or_else(unusable, public);
    meant.map(|one| (position(&one.place), candidate(one))).collect()
}

fn private(found: FoundKey, mac_key: &MacKey) -> Candidate {
    let FoundKey { key, name, alg, usage, pss_only, certificate, place, format } = found;
    let thumbprint = mac_key.thumbprint(&key);
    let (spec, public) = (key.spec(), PrivateKey::public(&key).cloned());
    // The comment of an OpenSSH key names a person and a machine, not a key.
    let name = name.filter(|_| format != "OpenSSH");
    let key = CandidateKey { thumbprint, spec, public, private: Some(key), certificate, uuid: uuid() };
    Candidate { place, name, alg, usage, pss_only, key: Ok(key) }
}

fn public(found: FoundPublic) -> Candidate {
    let FoundPublic { params, name, certificate, place, format, had_private: _, alg, usage, pss_only } = found;
    let name = name.filter(|_| format != "OpenSSH");
    let (thumbprint, spec) = (params.thumbprint(), PublicParams::spec(&params));
    let key = CandidateKey { thumbprint, spec, public: Some(params), private: None, certificate, uuid: uuid() };
    Candidate { place, name, alg, usage, pss_only, key: Ok(key) }
}

fn unusable(refused: Refused) -> Candidate {
    let Refused { place, name, format: _, error } = refused;
    let why = match error {
        ReadError::PassphraseMissing => passphrase_missing(),
        error => error.to_string(),
    };
    Candidate { place, name, alg: None, usage: None, pss_only: None, key: Err(why) }
}

fn passphrase_missing() -> String {
    "it is encrypted: state its passphrase".to_owned()
}

/// The number in `keys[3]` or `block 3`.
fn position(place: &str) -> usize {
    let digits: String = place.chars().filter(char::is_ascii_digit).collect();
    digits.parse().unwrap_or_default()
}

fn in_order(candidates: impl Iterator<Item = (usize, Candidate)>) -> Vec<Candidate> {
    let mut candidates: Vec<_> = candidates.collect();
    candidates.sort_by_key(|(place, _)| *place);
    candidates.into_iter().map(|(_, candidate)| candidate).collect()
}

fn uuid() -> String {
    Uuid::new_v4().to_string()
}
