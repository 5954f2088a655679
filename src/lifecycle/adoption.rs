//! Keys that exist already become those of a line, all of them or none.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::clock::Now;
use super::policy::{ImportEntry, KidParts, Line, Policy, is_kid};
use crate::api::ImportRole;
use crate::jose::{KeySpec, PublicJwk, PublicParams, Thumbprint, Use};
use crate::keyring::{Key, Keyring, Phase};
use crate::material::{Certificate, PrivateKey, PssOnly};

/// How many keys are adopted at once.
const MOST_KEYS: usize = 64;

/// What was found under the entries of `spec.import` that are due.
#[derive(Clone, Debug, Default)]
pub enum Offer {
    /// Nothing was looked for.
    #[default]
    Nothing,
    /// A file is not there yet.
    Waits,
    /// Every file was read.
    Read(Arc<[Offered]>),
}

/// What one file holds.
#[derive(Clone, Debug)]
pub struct Offered {
    /// Which entry named it.
    pub entry: usize,
    /// Its keys in their order, or why it can't be read.
    pub found: Result<Vec<Candidate>, String>,
}

/// A key that may be adopted.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Where in the file it is.
    pub place: String,
    /// The kid or alias that it has there.
    pub name: Option<String>,
    /// The JWK member `alg`.
    pub alg: Option<String>,
    /// The JWK member `use`.
    pub usage: Option<Use>,
    /// What the key is restricted to, if to anything.
    pub pss_only: Option<PssOnly>,
    /// The key, or why it can't be used.
    pub key: Result<CandidateKey, String>,
}

/// The key itself.
#[derive(Clone, Debug)]
pub struct CandidateKey {
    /// Its thumbprint, as the keyring works it out.
    pub thumbprint: Thumbprint,
    /// Its size or curve.
    pub spec: KeySpec,
    /// The public half, unless it is symmetric.
    pub public: Option<PublicParams>,
    /// The private half, if the file has it.
    pub private: Option<PrivateKey>,
    /// Its certificate, if the file has one.
    pub certificate: Option<Certificate>,
    /// A random UUID, for the template of kids.
    pub uuid: String,
}

/// A key that is not adopted, and with it no other.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{entry}{}: {why}", .name.as_ref().map(|name| format!(", {name}")).unwrap_or_default())]
pub struct Refusal {
    /// The entry, as a sentence names it.
    pub entry: String,
    /// The key in the file, as a sentence names it.
    pub name: Option<String>,
    /// Why.
    pub why: WhyRefused,
}

/// Why a key is not adopted. Each sentence says what to change.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WhyRefused {
    /// The file, or the key in it, can't be read.
    #[error("{0}")]
    Unreadable(String),
    /// No key has that alias.
    #[error("no key in it has the kid or alias {alias:?}; it has {has}: correct alias")]
    NoAlias {
        /// What was asked for.
        alias: String,
        /// What there is.
        has: String,
    },
    /// One kid can't name several keys.
    #[error("it has {0} keys, which can't all have one kid: pick one by its alias, or leave kid out")]
    KidOfSeveral(usize),
    /// Another algorithm.
    #[error("it is for {found}, and line {line} is for {wanted}: import it into a line of its algorithm")]
    Algorithm {
        /// What the file says.
        found: String,
        /// The line.
        line: String,
        /// The line's algorithm.
        wanted: String,
    },
    /// Another kind of key.
    #[error("it is a {found} key, and line {line} ({wanted}) takes {takes}: import it into a line of its kind")]
    Kind {
        /// What it is.
        found: String,
        /// The line.
        line: String,
        /// The line's algorithm.
        wanted: String,
        /// What the line takes.
        takes: String,
    },
    /// The key is for RSASSA-PSS alone.
    #[error(
        "it is of type id-RSASSA-PSS, for {pss_only} alone (RFC 4055), and line {line} is for {wanted}: import it into a line that \
         fits, or make an RSA key"
    )]
    PssOnly {
        /// What it may be used for.
        pss_only: PssOnly,
        /// The line.
        line: String,
        /// The line's algorithm.
        wanted: String,
    },
    /// The algorithm does not take it.
    #[error("{0}")]
    Unfit(String),
    /// The public half is not enough.
    #[error("only its public half is there, and {0}: give the private one")]
    NoPrivate(&'static str),
    /// A public half for a line that would get no signer.
    #[error(
        "it holds no private half, and line {0} would have no key that signs: give the private key, or state role: Retired"
    )]
    NoSigner(String),
    /// A kid that can't be kept.
    #[error("its kid is empty, longer than 256 octets, or has control characters: state kid")]
    Kid,
    /// A kid that is taken.
    #[error("another key has the kid {0:?}: state another kid for one of them, if its tokens name it so")]
    SameKid(String),
    /// The key is there already.
    #[error("it is the same key as {0}: import it once")]
    SameKey(String),
    /// It must never be used again.
    #[error("it was revoked (spec.revoked, or earlier): take it out of spec.import")]
    Revoked,
    /// Too many.
    #[error("more than {MOST_KEYS} keys would be adopted at once: pick those that are needed by alias")]
    TooMany,
}

/// The keys as they join the keyring.
///
/// # Errors
/// All that stands against it.
pub(super) fn adopt(
    policy: &Policy,
    keyring: &Keyring,
    offered: &[Offered],
    now: Now,
) -> Result<Vec<Key>, Vec<Refusal>> {
    let mut refused = Vec::new();
    let mut picked: Vec<(&ImportEntry, &Candidate, &CandidateKey)> = Vec::new();
    for entry in policy.import.due(keyring) {
        let found = offered.iter().find(|one| one.entry == entry.index).map(|one| &one.found);
        match found.map(|found| pick(entry, found)) {
            None => {}
            Some(Ok(keys)) => picked.extend(keys.into_iter().map(|(candidate, key)| (entry, candidate, key))),
            Some(Err(refusals)) => refused.extend(refusals),
        }
    }
    let mut keys: Vec<Key> = Vec::with_capacity(picked.len());
    for (place, (entry, candidate, key)) in picked.iter().enumerate() {
        let active = active_of(&entry.line, &picked);
        match adopted(policy, keyring, &keys, (entry, candidate, key), active == Some(place), now) {
            // Who gives a line's key means it to sign, and a line that has begun adopts no other.
            Ok(key) if active.is_none() && entry.role.is_none() => {
                refused.push(refusal(entry, Some(candidate), WhyRefused::NoSigner(key.line)));
            }
            Ok(key) => keys.push(key),
            Err(why) => refused.push(refusal(entry, Some(candidate), why)),
        }
    }
    if let (Some((entry, ..)), true) = (picked.first(), picked.len() > MOST_KEYS) {
        refused.push(refusal(entry, None, WhyRefused::TooMany));
    }
    if refused.is_empty() { Ok(keys) } else { Err(refused) }
}

type Picked<'a> = Vec<(&'a Candidate, &'a CandidateKey)>;

/// The keys of a file that are asked for.
fn pick<'a>(entry: &ImportEntry, found: &'a Result<Vec<Candidate>, String>) -> Result<Picked<'a>, Vec<Refusal>> {
    let no = |why| vec![refusal(entry, None, why)];
    let all = found.as_ref().map_err(|why| no(WhyRefused::Unreadable(why.clone())))?;
    let wanted: Vec<&Candidate> = match &entry.alias {
        Some(alias) => named(all, alias),
        None => all.iter().collect(),
    };
    match (&entry.alias, wanted.len()) {
        (Some(alias), 0) => {
            let names: Vec<String> = all.iter().filter_map(|one| one.name.as_ref().map(|n| format!("{n:?}"))).collect();
            let has = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            return Err(no(WhyRefused::NoAlias { alias: alias.clone(), has }));
        }
        (_, several) if several > 1 && entry.kid.is_some() => return Err(no(WhyRefused::KidOfSeveral(several))),
        _ => {}
    }
    let unreadable = |one: &&Candidate| Some(refusal(entry, Some(one), WhyRefused::Unreadable(one.key.clone().err()?)));
    let refused: Vec<Refusal> = wanted.iter().filter_map(unreadable).collect();
    let usable = wanted.iter().filter_map(|one| Some((*one, one.key.as_ref().ok()?)));
    if refused.is_empty() { Ok(usable.collect()) } else { Err(refused) }
}

/// The keys of that name. If there is none, the one whose name differs in its case alone: keytool writes aliases in lower
/// case, whatever was typed.
fn named<'a>(all: &'a [Candidate], alias: &str) -> Vec<&'a Candidate> {
    let exact: Vec<&Candidate> = all.iter().filter(|one| one.name.as_deref() == Some(alias)).collect();
    if !exact.is_empty() {
        return exact;
    }
    let lower = alias.to_lowercase();
    let is_alike = |one: &&Candidate| one.name.as_ref().is_some_and(|name| name.to_lowercase() == lower);
    let alike: Vec<&Candidate> = all.iter().filter(is_alike).collect();
    if alike.len() == 1 { alike } else { Vec::new() }
}

/// Which key of a line becomes the active one: the first of the entry that says so; or else the first that has a private
/// half, and of which nothing is said.
fn active_of(line: &Line, picked: &[(&ImportEntry, &Candidate, &CandidateKey)]) -> Option<usize> {
    let of_line = || picked.iter().enumerate().filter(|(_, (entry, ..))| entry.line == *line);
    of_line()
        .find(|(_, (entry, ..))| entry.role == Some(ImportRole::Active))
        .or_else(|| of_line().find(|(_, (entry, _, key))| entry.role.is_none() && key.private.is_some()))
        .map(|(place, _)| place)
}

fn adopted(
    policy: &Policy,
    keyring: &Keyring,
    before: &[Key],
    (entry, candidate, found): (&ImportEntry, &Candidate, &CandidateKey),
    active: bool,
    now: Now,
) -> Result<Key, WhyRefused> {
    let Line { name: line, algorithm, spec } = &entry.line;
    let CandidateKey { thumbprint, spec: found_spec, public, private, certificate, uuid } = found;
    let other = |found: String| WhyRefused::Algorithm { found, line: line.clone(), wanted: algorithm.to_string() };
    if let Some(alg) = candidate.alg.as_ref().filter(|alg| *alg != algorithm.name()) {
        return Err(other(alg.chars().take(40).collect()));
    }
    if let Some(usage) = candidate.usage.filter(|usage| *usage != algorithm.usage()) {
        return Err(other(format!("use {usage}")));
    }
    // Of RSA and symmetric keys any size will do that the algorithm takes.
    let alike = found_spec.key_kind() == spec.key_kind()
        || found_spec.key_kind().is_symmetric() && spec.key_kind().is_symmetric();
    if !alike {
        return Err(WhyRefused::Kind {
            found: found_spec.to_string(),
            line: line.clone(),
            wanted: algorithm.to_string(),
            takes: spec.key_kind().to_string(),
        });
    }
    if let Some(pss_only) = candidate.pss_only.filter(|pss_only| !pss_only.allows(*algorithm)) {
        return Err(WhyRefused::PssOnly { pss_only, line: line.clone(), wanted: algorithm.to_string() });
    }
    let stays_loaded = policy.publisher.keeps_all_loaded(*algorithm);
    match private {
        None if active => return Err(WhyRefused::NoPrivate("it is to be active")),
        None if stays_loaded => return Err(WhyRefused::NoPrivate("the signers must load every key of its line")),
        _ => {}
    }
    let template = || {
        let parts = KidParts { thumbprint, uuid, line, algorithm: *algorithm, minted: now.later };
        policy.kid.kid(&parts)
    };
    let kid = entry.kid.clone().or_else(|| candidate.name.clone()).unwrap_or_else(template);
    if !is_kid(&kid) {
        return Err(WhyRefused::Kid);
    }
    let fits = match (private, public) {
        (Some(private), _) => private.to_jwk(&kid, *algorithm).map(|_| ()).map_err(|error| error.to_string()),
        (None, Some(public)) => {
            PublicJwk::new(kid.clone(), *algorithm, public.clone()).map(|_| ()).map_err(|error| error.to_string())
        }
        (None, None) => Ok(()),
    };
    fits.map_err(WhyRefused::Unfit)?;
    if keyring.is_revoked(&kid, thumbprint) {
        return Err(WhyRefused::Revoked);
    }
    let mut others = keyring.keys.iter().chain(before);
    if let Some(same) = others.find(|key| key.thumbprint == *thumbprint) {
        return Err(WhyRefused::SameKey(format!("{} of line {}", same.kid, same.line)));
    }
    if keyring.keys.iter().chain(before).any(|key| key.kid == kid) {
        return Err(WhyRefused::SameKid(kid));
    }
    let phase = if active {
        let rotation_due = policy.rotation_due(now.later);
        Phase::Active { active_since: now.later, rotation_due, rotation_asked: false }
    } else {
        Phase::Retired { active_since: None, retired_since: now.later, not_before: None }
    };
    Ok(Key {
        kid,
        line: line.clone(),
        algorithm: *algorithm,
        spec: *found_spec,
        adopted_for: Some(*spec),
        thumbprint: *thumbprint,
        public: public.clone(),
        private: private.clone().filter(|_| active || stays_loaded),
        certificate: certificate.clone().filter(|one| policy.certificate.is_some() && is_valid(one, now)),
        minted: now.later,
        confirmed: None,
        phase,
    })
}

/// One that has ended is made anew, like one that never was.
fn is_valid(certificate: &Certificate, now: Now) -> bool {
    certificate.validity().is_ok_and(|validity| validity.not_after > now.later)
}

fn refusal(entry: &ImportEntry, candidate: Option<&Candidate>, why: WhyRefused) -> Refusal {
    let name = candidate.map(|candidate| match &candidate.name {
        Some(name) => format!("{} ({})", candidate.place, name.chars().take(80).collect::<String>()),
        None => candidate.place.clone(),
    });
    Refusal { entry: entry.to_string(), name, why }
}

/// The lines whose keys are still to be adopted.
pub(super) fn waiting_lines(policy: &Policy, keyring: &Keyring) -> BTreeSet<String> {
    policy.import.due(keyring).map(|entry| entry.line.name.clone()).collect()
}
