//! Reads the files of `spec.import`, off the async threads. What becomes of their keys is decided elsewhere.

use uuid::Uuid;
use zeroize::Zeroizing;

use super::minter::{MintError, Minter};
use super::references::References;
use crate::jose::PublicParams;
use crate::keyring::{Keyring, MacKey};
use crate::lifecycle::Policy;
use crate::lifecycle::adoption::{Candidate, CandidateKey, Offer, Offered};
use crate::material::read::{FoundKey, FoundPublic, PublicContents, ReadError, Refused, private_keys, public_keys};
use crate::material::{CheckError, PrivateKey};

/// A file, and what it is encrypted with.
struct File {
    entry: usize,
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
        files.push(File { entry: entry.index, content: content.clone(), passphrase: passphrase.flatten() });
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
    let contents = match private_keys(&file.content, passphrase.as_ref().map(|text| text.as_str())) {
        Ok(contents) => contents,
        Err(ReadError::NoPrivateKey) => {
            let found = public_keys(&file.content).map_err(|_| ReadError::NoPrivateKey.to_string())?;
            let refused = found.refused.into_iter().map(|refused| (position(&refused.place), unusable(refused)));
            let keys = found.keys.into_iter().map(|key| (position(&key.place), public(key)));
            return Ok(in_order(keys.chain(refused)));
        }
        Err(ReadError::PassphraseMissing) => return Err(passphrase_missing()),
        Err(error) => return Err(error.to_string()),
    };
    // A set may have keys of which only the public half is left.
    let PublicContents { keys: all_public, refused: no_public } = public_keys(&file.content).unwrap_or_default();
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
    Ok(in_order(keys.chain(refused).chain(others)))
}

fn private(found: FoundKey, mac_key: &MacKey) -> Candidate {
    let FoundKey { key, name, alg, usage, certificate, place, format } = found;
    let thumbprint = mac_key.thumbprint(&key);
    let (spec, public) = (key.spec(), PrivateKey::public(&key).cloned());
    // The comment of an OpenSSH key names a person and a machine, not a key.
    let name = name.filter(|_| format != "OpenSSH");
    let key = CandidateKey { thumbprint, spec, public, private: Some(key), certificate, uuid: uuid() };
    Candidate { place, name, alg, usage, key: Ok(key) }
}

fn public(found: FoundPublic) -> Candidate {
    let FoundPublic { params, name, certificate, place, format, had_private: _, alg, usage } = found;
    let name = name.filter(|_| format != "OpenSSH");
    let (thumbprint, spec) = (params.thumbprint(), PublicParams::spec(&params));
    let key = CandidateKey { thumbprint, spec, public: Some(params), private: None, certificate, uuid: uuid() };
    Candidate { place, name, alg, usage, key: Ok(key) }
}

fn unusable(refused: Refused) -> Candidate {
    let Refused { place, name, error } = refused;
    let why = match error {
        ReadError::PassphraseMissing => passphrase_missing(),
        error => error.to_string(),
    };
    Candidate { place, name, alg: None, usage: None, key: Err(why) }
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
