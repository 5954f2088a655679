//! What happened, for people: events on Kubernetes, lines on a terminal.

use std::collections::BTreeSet;

use crate::keyring::{Key, Keyring, SecretId};
use crate::lifecycle::plan::Step;
use crate::lifecycle::policy::{ALIAS_ADVICE, OutputId, Policy, SYMMETRIC_ADVICE};
use crate::publish::Header;

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct News {
    /// What kind of thing.
    pub reason: Reason,
    /// A sentence. Never private.
    pub note: String,
}

/// The kinds of things that happen. The names are the reasons of events, and documented.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// A key was made.
    Minted,
    /// A key that existed already was adopted.
    Imported,
    /// `spec.import` asks for keys for a line that has begun.
    ImportIgnored,
    /// A key was made that the policy of the day advises against: told with the first one of its line.
    Discouraged,
    /// The keyring has no room to remember the spec.
    SpecNotRemembered,
    /// An output was written.
    Published,
    /// A file that the spec names no more stays, for keys that are still needed there.
    Kept,
    /// A standby key became the active one.
    Promoted,
    /// An active key retired.
    Retired,
    /// A key was removed at the end of its life, or before it was ever used.
    Removed,
    /// A key was revoked.
    Revoked,
    /// A promotion is due and waits.
    Held,
    /// The first key of a line waits its lead, as it must.
    FirstHeld,
    /// A confirmation counts.
    Confirmed,
    /// The user's facts changed.
    FactsChanged,
    /// An output that someone changed was written anew.
    Restored,
    /// A keyring that was stored plain, or sealed under another system secret, is sealed under the first.
    Sealed,
    /// A lost keyring, or one that was older than its outputs, was rebuilt from them.
    KeyringRecovered,
    /// A keyring is lost, and the user's word is needed.
    KeyringLost,
    /// A key that is to be adopted can't be, and so none is.
    ImportRefused,
    /// The spec refers to something that is not there.
    ReferenceMissing,
    /// Something else is in an output's place.
    OutputTaken,
    /// Someone else writes to the outputs again and again.
    OutputContested,
    /// A pass could not be done: the message of the condition `Ready` says why.
    Failed,
}

impl Reason {
    /// The word in events.
    pub fn name(self) -> &'static str {
        match self {
            Self::Minted => "Minted",
            Self::Imported => "Imported",
            Self::ImportIgnored => "ImportIgnored",
            Self::Discouraged => "Discouraged",
            Self::SpecNotRemembered => "SpecNotRemembered",
            Self::Published => "Published",
            Self::Kept => "Kept",
            Self::Promoted => "Promoted",
            Self::Retired => "Retired",
            Self::Removed => "Removed",
            Self::Revoked => "Revoked",
            Self::Held | Self::FirstHeld => "Held",
            Self::Confirmed => "Confirmed",
            Self::FactsChanged => "FactsChanged",
            Self::Restored => "Restored",
            Self::Sealed => "Sealed",
            Self::KeyringRecovered => "KeyringRecovered",
            Self::KeyringLost => "KeyringLost",
            Self::ImportRefused => "ImportRefused",
            Self::ReferenceMissing => "ReferenceMissing",
            Self::OutputTaken => "OutputTaken",
            Self::OutputContested => "OutputContested",
            Self::Failed => "Failed",
        }
    }

    /// All of them, in the order of their documentation.
    pub const ALL: [Self; 24] = [
        Self::Minted,
        Self::Imported,
        Self::ImportIgnored,
        Self::Discouraged,
        Self::SpecNotRemembered,
        Self::Published,
        Self::Kept,
        Self::Promoted,
        Self::Retired,
        Self::Removed,
        Self::Revoked,
        Self::Held,
        Self::FirstHeld,
        Self::Confirmed,
        Self::FactsChanged,
        Self::Restored,
        Self::Sealed,
        Self::KeyringRecovered,
        Self::KeyringLost,
        Self::ImportRefused,
        Self::ReferenceMissing,
        Self::OutputTaken,
        Self::OutputContested,
        Self::Failed,
    ];

    /// When there is such an event.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Minted => "a key was made",
            Self::Imported => "a key that existed already was adopted",
            Self::ImportIgnored => "`spec.import` asks for keys for a line that has begun: nothing was adopted",
            Self::Discouraged => {
                "the first key of a line was made that current guidance advises against (RSA1_5, EdDSA, RSA below 3072 bits), or that the files of the set are no good for; says why, and what to write instead"
            }
            Self::SpecNotRemembered => {
                "the keyring has no room to remember the spec: it could not go on while a later one is refused, and no file that an edit takes away would stay"
            }
            Self::Published => "an output was written; says which keys came and which left",
            Self::Kept => {
                "an edit took a public file out of a ConfigMap that is still listed, and it stays as long as what its keys have signed may be valid; or a line with its private file, which stays in the Secret as long as pods need its keys"
            }
            Self::Promoted => "a standby key became the active one",
            Self::Retired => "an active key retired",
            Self::Removed => "a key was removed at the end of its life, or before it was ever used",
            Self::Revoked => "a key was revoked; says whether tokens break, and whether there was such a key at all",
            Self::Held => "a promotion is due and waits; says for what",
            Self::FirstHeld => "the first key of a line waits its lead, as it must",
            Self::Confirmed => "a confirmation counts",
            Self::FactsChanged => "`spec.timing` or `spec.publisher` changed",
            Self::Restored => "an output that someone changed was written anew",
            Self::Sealed => {
                "a keyring that was plain, or sealed under another system secret, is sealed under the first one"
            }
            Self::KeyringRecovered => "a lost or older keyring was rebuilt from the outputs",
            Self::KeyringLost => "the user's word is needed",
            Self::ImportRefused => "a key can't be adopted, so none is; says why",
            Self::ReferenceMissing => "the spec refers to something that is not there",
            Self::OutputTaken => "something else has an output's name",
            Self::OutputContested => "someone else writes to the outputs again and again",
            Self::Failed => "a pass could not be done; says why",
        }
    }

    /// Whether someone should look.
    pub fn is_warning(self) -> bool {
        matches!(
            self,
            Self::Discouraged
                | Self::SpecNotRemembered
                | Self::ImportIgnored
                | Self::ImportRefused
                | Self::ReferenceMissing
                | Self::Revoked
                | Self::Held
                | Self::Restored
                | Self::KeyringRecovered
                | Self::KeyringLost
                | Self::OutputTaken
                | Self::OutputContested
                | Self::Failed
        )
    }
}

pub(super) fn minted(key: &Key) -> News {
    let note = format!(
        "key {} for line {} ({}, {}) is {}",
        key.kid,
        key.line,
        key.algorithm,
        key.spec,
        if key.is_active() { "made and active" } else { "made and on standby" }
    );
    News { reason: Reason::Minted, note }
}

/// What is to be said against keys that were made or adopted: once a line, until its algorithm or size changes.
pub(super) fn discouraged(before: &Keyring, after: &Keyring) -> Vec<News> {
    let same =
        |one: &Key, other: &Key| (&one.line, one.algorithm, one.spec) == (&other.line, other.algorithm, other.spec);
    let mut told: Vec<&Key> = before.keys.iter().collect();
    let mut news = Vec::new();
    for key in after.keys.iter().filter(|key| before.key(&key.kid).is_none()) {
        if let Some(advice) = key.algorithm.advice(key.spec)
            && !told.iter().any(|one| same(one, key))
        {
            news.push(News { reason: Reason::Discouraged, note: format!("line {}: {advice}", key.line) });
        }
        told.push(key);
    }
    news
}

/// Said once a line, when keys with capitals in their kids come into a keystore.
pub(super) fn folded_aliases(policy: &Policy, before: &Keyring, after: &Keyring) -> Vec<News> {
    let folded = |key: &&Key| key.kid.chars().any(char::is_uppercase);
    let told = |line: &str| before.keys.iter().filter(folded).any(|key| key.line == line);
    let lines: BTreeSet<&str> = after.keys.iter().filter(folded).map(|key| key.line.as_str()).collect();
    let new = lines.into_iter().filter(|line| policy.has_keystore(line) && !told(line));
    new.map(|line| News { reason: Reason::Discouraged, note: format!("line {line}: {ALIAS_ADVICE}") }).collect()
}

/// Said once a line, when its first keys are made, where the ConfigMaps that the spec states hold none of the set's.
pub(super) fn nothing_public(policy: &Policy, before: &Keyring, after: &Keyring) -> Vec<News> {
    let is_new = |line: &&str| !before.keys.iter().any(|key| key.line == **line);
    let lines: BTreeSet<&str> = after.keys.iter().map(|key| key.line.as_str()).collect();
    let lines = lines.into_iter().filter(|line| policy.has_empty_jwks() && is_new(line));
    lines.map(|line| News { reason: Reason::Discouraged, note: format!("line {line}: {SYMMETRIC_ADVICE}") }).collect()
}

/// The keyring has no room for the spec.
pub(super) fn not_remembered() -> News {
    let note = "the keyring has no room to remember this spec: should a later one be refused, nothing goes on until that is \
                mended, and public files that the next edit takes away are gone at once. Make the spec shorter, or the set smaller";
    News { reason: Reason::SpecNotRemembered, note: note.to_owned() }
}

/// Places that others could read, which hold private keys.
pub(super) fn closed(place: &str) -> News {
    let note = format!(
        "others could read {place}, because someone changed its mode; only its owner can again. Revoke its keys if somebody did"
    );
    News { reason: Reason::Restored, note }
}

pub(super) fn published(output: &OutputId, header: &Header, before: Option<&Header>, restored: bool) -> News {
    if restored {
        let note = format!("{output} was changed by someone else; it is as Keyturn keeps it again");
        return News { reason: Reason::Restored, note };
    }
    let held = |header: &Header, kid: &str| {
        header.marks.get(kid).is_some_and(|mark| mark.held.is_some() || mark.active.is_some())
    };
    let new: Vec<&str> = header
        .marks
        .keys()
        .filter(|kid| held(header, kid) && !before.is_some_and(|before| held(before, kid)))
        .map(String::as_str)
        .collect();
    let gone: Vec<&str> = before
        .into_iter()
        .flat_map(|before| before.marks.keys().filter(|kid| held(before, kid) && !held(header, kid)))
        .map(String::as_str)
        .collect();
    let with = if new.is_empty() { "without new keys".to_owned() } else { format!("with {}", new.join(", ")) };
    let without = if gone.is_empty() { String::new() } else { format!(", and no more with {}", gone.join(", ")) };
    let note = format!("{output} is written at revision {}, {with}{without}", header.revision);
    News { reason: Reason::Published, note }
}

pub(super) fn sealed(under: &SecretId) -> News {
    News { reason: Reason::Sealed, note: format!("the keyring is sealed under system secret {under} from now on") }
}

pub(super) fn recovered(keyring: &Keyring, base: Option<&Keyring>) -> News {
    let active = keyring.keys.iter().filter(|key| key.is_active()).count();
    let why = if base.is_some() { "was older than its outputs" } else { "was lost" };
    let note = format!(
        "the keyring {why}; it was rebuilt from the outputs as revision {}, with {active} active keys and {} others",
        keyring.revision,
        keyring.keys.len() - active
    );
    News { reason: Reason::KeyringRecovered, note }
}

/// The news of a decision; a minted key has its own.
pub(super) fn step(step: &Step) -> Option<News> {
    let reason = match step {
        Step::Mint { .. } | Step::Certify { .. } | Step::AnswerRotate | Step::Release { .. } => return None,
        Step::SettleFacts | Step::ChangePublisher => Reason::FactsChanged,
        Step::Revoke { .. } | Step::Bar { .. } => Reason::Revoked,
        Step::Confirm { .. } => Reason::Confirmed,
        Step::Keep { .. } => Reason::Kept,
        Step::Adopt { .. } => Reason::Imported,
        Step::IgnoreImport { .. } => Reason::ImportIgnored,
        Step::Promote { .. } => Reason::Promoted,
        Step::Retire { .. } => Reason::Retired,
        Step::Discard { .. } | Step::Remove { .. } => Reason::Removed,
    };
    Some(News { reason, note: step.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_listed() {
        let places: Vec<usize> = Reason::ALL.iter().map(|reason| *reason as usize).collect();
        assert_eq!(places, (0..=Reason::Failed as usize).collect::<Vec<_>>());
    }
}
