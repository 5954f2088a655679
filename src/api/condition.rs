//! The reasons of conditions, each with what it means: the one table of them.

use super::{ConditionStatus, KEYRING_LOST, OUTPUT_CONTESTED, READY, ROTATING};

/// The conditions of a set, each with what it says.
pub const CONDITIONS: [(&str, &str); 4] = [
    (
        READY,
        "Every line has an active key, and every output holds what it should. The promise begins when it turns true.",
    ),
    (ROTATING, "A rotation is due and waits for something."),
    (
        KEYRING_LOST,
        "The keyring is gone, and with it active keys that no Secret holds any more. Everything published stays as it is. \
         Restore the keyring Secret from a backup; or give its private keys up with the annotation \
         `keyturn.dev/accept-key-loss: <the lost revision>`, after which new keys are made and wait their lead.",
    ),
    (
        OUTPUT_CONTESTED,
        "Someone else writes to the outputs as often as Keyturn restores them. Each is then restored less and less often, up to \
         once in two minutes, until nobody has touched it for five. What the resource asks for, and what is due, is still \
         done at once.",
    ),
];

/// Why a condition is as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConditionReason {
    /// All is well.
    KeysReady,
    /// The first key of a line waits its lead: it is for encryption, or its line was added to a set in use, or its keys were lost.
    FirstKeysWait,
    /// The first keys are being made, which takes long for RSA.
    GeneratingKeys,
    /// `rotation.paused` keeps the first keys from being made.
    Paused,
    /// What the API server could not check, such as a bad cron expression.
    SpecInvalid,
    /// Someone else writes to the outputs again and again, so one of them may not hold what it should.
    OutputContested,
    /// Something that Keyturn did not make has an output's name.
    OutputTaken,
    /// `publisher: Signer` waits until retired keys without a private half are gone.
    PublisherChangeWaits,
    /// A key of spec.import can't be adopted, so none is.
    ImportRefused,
    /// The keyring is lost, and active keys with it.
    KeyringLost,
    /// The keyring is sealed under a system secret that is not given.
    KeyringSealed,
    /// The keyring is lost or old, and a Secret holds encrypted files that its passphrase does not open.
    OutputUnopened,
    /// The keyring is damaged, or does not open as this set's own (changed, moved from another set), or a newer version wrote it.
    KeyringUnreadable,
    /// A Secret that is no keyring of this set has the keyring's name.
    KeyringTaken,
    /// The API server refused or failed.
    StoreFailed,
    /// A key could not be made.
    KeyNotGenerated,
    /// A passphrase that the spec refers to is not there.
    ReferenceMissing,
    /// A value that the spec refers to is empty, no text, or not readable.
    ReferenceUnusable,
    /// An output would be too large for one object, or the keyring contradicts itself.
    OutputNotRendered,
    /// No rotation is due.
    Idle,
    /// Nothing rotates while the keyring is lost.
    Halted,
    /// Those who must know the key first may not know it yet.
    LeadNotPassed,
    /// An output does not hold the key as Keyturn wrote it.
    OutputNotPublished,
    /// The confirmation is missing (the message tells if the annotation names a kid that the set does not have), or the caches filled before it may still be in use.
    NotConfirmed,
    /// The keyring is there.
    KeyringPresent,
    /// A webhook or a GitOps tool, for example: see metadata.managedFields of the outputs for who it is.
    OthersWrite,
    /// Nobody else writes to the outputs.
    Uncontested,
}

/// What comes to a stop until someone acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Halt {
    /// Nothing does.
    Nothing,
    /// Everything but revocation, which waits for no passphrase.
    AllButRevocation,
    /// Everything.
    Everything,
}

impl ConditionReason {
    /// All of them, in the order of their documentation.
    pub const ALL: [Self; 27] = [
        Self::KeysReady,
        Self::FirstKeysWait,
        Self::GeneratingKeys,
        Self::Paused,
        Self::SpecInvalid,
        Self::OutputContested,
        Self::OutputTaken,
        Self::PublisherChangeWaits,
        Self::ImportRefused,
        Self::KeyringLost,
        Self::KeyringSealed,
        Self::OutputUnopened,
        Self::KeyringUnreadable,
        Self::KeyringTaken,
        Self::StoreFailed,
        Self::KeyNotGenerated,
        Self::ReferenceMissing,
        Self::ReferenceUnusable,
        Self::OutputNotRendered,
        Self::Idle,
        Self::Halted,
        Self::LeadNotPassed,
        Self::OutputNotPublished,
        Self::NotConfirmed,
        Self::KeyringPresent,
        Self::OthersWrite,
        Self::Uncontested,
    ];

    /// The word in the condition.
    pub fn name(self) -> &'static str {
        match self {
            Self::KeysReady => "KeysReady",
            Self::FirstKeysWait => "FirstKeysWait",
            Self::GeneratingKeys => "GeneratingKeys",
            Self::Paused => "Paused",
            Self::SpecInvalid => "SpecInvalid",
            Self::OutputContested => "OutputContested",
            Self::OutputTaken => "OutputTaken",
            Self::PublisherChangeWaits => "PublisherChangeWaits",
            Self::ImportRefused => "ImportRefused",
            Self::KeyringLost => "KeyringLost",
            Self::KeyringSealed => "KeyringSealed",
            Self::OutputUnopened => "OutputUnopened",
            Self::KeyringUnreadable => "KeyringUnreadable",
            Self::KeyringTaken => "KeyringTaken",
            Self::StoreFailed => "StoreFailed",
            Self::KeyNotGenerated => "KeyNotGenerated",
            Self::ReferenceMissing => "ReferenceMissing",
            Self::ReferenceUnusable => "ReferenceUnusable",
            Self::OutputNotRendered => "OutputNotRendered",
            Self::Idle => "Idle",
            Self::Halted => "Halted",
            Self::LeadNotPassed => "LeadNotPassed",
            Self::OutputNotPublished => "OutputNotPublished",
            Self::NotConfirmed => "NotConfirmed",
            Self::KeyringPresent => "KeyringPresent",
            Self::OthersWrite => "OthersWrite",
            Self::Uncontested => "Uncontested",
        }
    }

    /// What comes to a stop while `Ready` is false for this reason. A refused spec stops nothing where the one before goes on, which
    /// only the status tells.
    pub fn halts(self) -> Halt {
        match self {
            Self::SpecInvalid
            | Self::KeyringLost
            | Self::KeyringSealed
            | Self::OutputUnopened
            | Self::KeyringUnreadable
            | Self::KeyringTaken
            | Self::StoreFailed
            | Self::KeyNotGenerated => Halt::Everything,
            Self::ReferenceMissing | Self::ReferenceUnusable | Self::OutputNotRendered => Halt::AllButRevocation,
            Self::KeysReady
            | Self::FirstKeysWait
            | Self::GeneratingKeys
            | Self::Paused
            | Self::OutputContested
            | Self::OutputTaken
            | Self::PublisherChangeWaits
            | Self::ImportRefused
            | Self::Idle
            | Self::Halted
            | Self::LeadNotPassed
            | Self::OutputNotPublished
            | Self::NotConfirmed
            | Self::KeyringPresent
            | Self::OthersWrite
            | Self::Uncontested => Halt::Nothing,
        }
    }

    /// In which conditions it stands, with which status, and what it means there.
    #[expect(clippy::too_many_lines, reason = "one table")]
    pub fn meanings(self) -> &'static [(&'static str, ConditionStatus, &'static str)] {
        match self {
            Self::KeysReady => &[(READY, ConditionStatus::True, "all is well")],
            Self::FirstKeysWait => &[(
                READY,
                ConditionStatus::False,
                "the first key of a line waits its lead: it is for encryption, or its line was added to a set in use, or its keys were lost",
            )],
            Self::GeneratingKeys => {
                &[(READY, ConditionStatus::False, "the first keys are being made, which takes long for RSA")]
            }
            Self::Paused => &[
                (READY, ConditionStatus::False, "`rotation.paused` keeps the first keys from being made"),
                (ROTATING, ConditionStatus::True, "`rotation.paused` is set"),
            ],
            Self::SpecInvalid => &[(
                READY,
                ConditionStatus::False,
                "what the API server could not check, such as a bad cron expression; the message says what to change. Until then the spec before it counts, and of this one what it revokes ([decision 13](../decisions/0013-refused-specs.md))",
            )],
            Self::OutputContested => &[(
                READY,
                ConditionStatus::False,
                "someone else writes to the outputs again and again, so one of them may not hold what it should: see the condition of that name",
            )],
            Self::OutputTaken => &[(
                READY,
                ConditionStatus::False,
                "something that Keyturn did not make has an output's name; it is left alone",
            )],
            Self::PublisherChangeWaits => &[(
                READY,
                ConditionStatus::False,
                "`publisher: Signer` waits until retired keys without a private half are gone; until then nothing is minted or promoted",
            )],
            Self::ImportRefused => &[(
                READY,
                ConditionStatus::False,
                "a key of `spec.import` can't be adopted, so none is; the message names it and says what to change. See [adoption](../adoption.md)",
            )],
            Self::KeyringLost => &[
                (READY, ConditionStatus::False, "see the condition of that name"),
                (
                    KEYRING_LOST,
                    ConditionStatus::True,
                    "active keys are lost with the keyring, because no Secret holds them any more; the message names keys of `spec.revoked` that the outputs still hold until someone helps",
                ),
            ],
            Self::KeyringSealed => &[(
                READY,
                ConditionStatus::False,
                "the keyring is sealed under a system secret that is not given; the message names it. List its file too, after the first. Until then nothing changes",
            )],
            Self::OutputUnopened => &[(
                READY,
                ConditionStatus::False,
                "the keyring is lost or old, and a Secret holds encrypted files that its passphrase does not open; bring that passphrase back. The message names keys of `spec.revoked` that the outputs still hold until then",
            )],
            Self::KeyringUnreadable => &[(
                READY,
                ConditionStatus::False,
                "the keyring is damaged, or does not open as this set's own (changed, moved from another set), or a newer version wrote it; restore it from a backup. Until then nothing changes",
            )],
            Self::KeyringTaken => {
                &[(READY, ConditionStatus::False, "a Secret that is no keyring of this set has the keyring's name")]
            }
            Self::StoreFailed => {
                &[(READY, ConditionStatus::False, "the API server refused or failed; tried again with growing waits")]
            }
            Self::KeyNotGenerated => &[(READY, ConditionStatus::False, "a key could not be made")],
            Self::ReferenceMissing => &[(
                READY,
                ConditionStatus::False,
                "a passphrase that the spec refers to is not there; what was published stays as it is",
            )],
            Self::ReferenceUnusable => &[(
                READY,
                ConditionStatus::False,
                "a value that the spec refers to is empty, no text, or not readable; the message says which",
            )],
            Self::OutputNotRendered => &[(
                READY,
                ConditionStatus::False,
                "an output would be too large for one object, or the keyring contradicts itself",
            )],
            Self::Idle => &[(ROTATING, ConditionStatus::False, "no rotation is due")],
            Self::Halted => &[(ROTATING, ConditionStatus::False, "nothing rotates while the keyring is lost")],
            Self::LeadNotPassed => {
                &[(ROTATING, ConditionStatus::True, "those who must know the key first may not know it yet")]
            }
            Self::OutputNotPublished => {
                &[(ROTATING, ConditionStatus::True, "an output does not hold the key as Keyturn wrote it")]
            }
            Self::NotConfirmed => &[(
                ROTATING,
                ConditionStatus::True,
                "the confirmation is missing (the message tells if the annotation names a kid that the set does not have), or the caches filled before it may still be in use",
            )],
            Self::KeyringPresent => &[(KEYRING_LOST, ConditionStatus::False, "the keyring is there")],
            Self::OthersWrite => &[(
                OUTPUT_CONTESTED,
                ConditionStatus::True,
                "a webhook or a GitOps tool, for example: see `metadata.managedFields` of the outputs for who it is",
            )],
            Self::Uncontested => &[(OUTPUT_CONTESTED, ConditionStatus::False, "nobody else writes to the outputs")],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_listed() {
        let places: Vec<usize> = ConditionReason::ALL.iter().map(|reason| *reason as usize).collect();
        assert_eq!(places, (0..=ConditionReason::Uncontested as usize).collect::<Vec<_>>());
        let conditions = CONDITIONS.map(|(name, _)| name);
        for (name, ..) in ConditionReason::ALL.iter().flat_map(|reason| reason.meanings()) {
            assert!(conditions.contains(name), "{name}");
        }
    }
}
