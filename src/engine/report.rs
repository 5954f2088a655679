//! How a set stands after a pass: all that status, events and a terminal are made from. Nothing in it is private.

use std::collections::BTreeMap;
use std::fmt;

use super::references::ReferenceMissing;
use crate::jose::{Algorithm, Use};
use crate::keyring::{Key, Keyring, Phase, Time};
use crate::lifecycle::Observed;
use crate::lifecycle::adoption::Refusal;
use crate::lifecycle::plan::{Ahead, Change, Plan};
use crate::lifecycle::policy::{OutputId, Policy};
use crate::lifecycle::recovery::Remains;
use crate::store::{Place, Stored, Version};

/// The longest spec that a report repeats, as JSON in bytes: a status has to fit into its resource.
const LONGEST_SPEC_TOLD: usize = 64 * 1024;

/// How a set stands after a pass.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// What someone has to mend.
    pub problems: Vec<Problem>,
    /// While the spec is refused: the one that counts, unless it is too long to be told.
    pub spec_in_force: Option<serde_json::Value>,
    /// Every key.
    pub keys: Vec<KeyReport>,
    /// Lines of the spec that have no active key yet.
    pub without_active: Vec<String>,
    /// What happens later, soonest first.
    pub ahead: Vec<Ahead>,
    /// When the next decision is due.
    pub wake: Option<Time>,
    /// Revision of the keyring; `None` while there is none.
    pub revision: Option<u64>,
    /// State of the stored keyring.
    pub keyring_version: Option<Version>,
    /// The outputs, as they are now.
    pub outputs: Vec<OutputReport>,
    /// The Secrets of the user's that the pass read, and their states; `None` for one that is not there.
    pub references: BTreeMap<String, Option<Version>>,
    /// Kids that someone confirms and that no key of the set has.
    pub strange_confirmations: Vec<String>,
    /// Outputs were written although nothing was decided: someone else changed them, or an earlier pass did not end.
    pub mended: bool,
}

/// One key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyReport {
    /// Key ID.
    pub kid: String,
    /// Its line.
    pub line: String,
    /// Its algorithm.
    pub algorithm: Algorithm,
    /// Its phase.
    pub phase: &'static str,
    /// When it was made, or adopted.
    pub minted: Time,
    /// When a confirmation of it was accepted.
    pub confirmed: Option<Time>,
    /// Whether someone asked for its rotation.
    pub rotation_asked: bool,
    /// Since when every output that must know it first holds it.
    pub published: Option<Time>,
    /// Since when it is, or was, active.
    pub active: Option<Time>,
    /// When the rotation is due that replaces it; `None` for a key that is not active, or rotates only when asked to.
    pub rotation_due: Option<Time>,
    /// Since when it is retired.
    pub retired: Option<Time>,
    /// When it will be removed.
    pub removal: Option<Time>,
}

/// One output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputReport {
    /// Which.
    pub id: OutputId,
    /// Its state.
    pub version: Version,
}

/// Something that someone has to mend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// The spec is refused, for these reasons: the last one that was not goes on, and what this one revokes is revoked.
    SpecRefused(String),
    /// Something that Keyturn did not make is in an output's place.
    OutputTaken(OutputId),
    /// The spec refers to a value that can't be had.
    ReferenceMissing(ReferenceMissing),
    /// A key that is to be adopted can't be, and so none is.
    ImportRefused(Refusal),
    /// The publisher can't change yet.
    PublisherChangeWaits {
        /// Retired keys without a private half.
        kids: Vec<String>,
    },
    /// The keyring is lost or old, and files of an output can't be opened, which may hold the keys that are missing.
    Unopened {
        /// Which output.
        output: OutputId,
        /// Which files.
        files: Vec<String>,
        /// The revision that is lost.
        revision: u64,
        /// What the spec revokes and the outputs still hold.
        revoked: Vec<String>,
    },
    /// The keyring is lost, and active keys with it.
    KeyringLost {
        /// The revision that is lost.
        revision: u64,
        /// The lines that have no active key any more.
        lines: Vec<String>,
        /// What the spec revokes and the outputs still hold.
        revoked: Vec<String>,
    },
}

impl Report {
    /// Whether the spec that is stated is none, so that the one before it counts.
    pub(super) fn is_spec_refused(&self) -> bool {
        self.problems.iter().any(|problem| matches!(problem, Problem::SpecRefused(_)))
    }

    pub(super) fn describe(
        &mut self,
        policy: &Policy,
        keyring: &Keyring,
        observed: &Observed,
        plan: &Plan,
        places: &BTreeMap<OutputId, Place>,
    ) {
        if self.is_spec_refused() {
            let known = keyring.accepted.as_ref().map(|known| known.spec.clone());
            self.spec_in_force = known.filter(|spec| spec.to_string().len() <= LONGEST_SPEC_TOLD);
        }
        self.keys = keyring.keys.iter().map(|key| describe_key(key, policy, observed, plan)).collect();
        let has_active =
            |name: &str, usage: Use| keyring.keys.iter().any(|key| key.belongs_to(name, usage) && key.is_active());
        self.without_active = policy
            .lines
            .iter()
            .filter(|line| !has_active(&line.name, line.algorithm.usage()))
            .map(|line| line.name.clone())
            .collect();
        self.problems.extend(plan.refused.iter().cloned().map(Problem::ImportRefused));
        self.ahead.clone_from(&plan.ahead);
        self.wake = plan.wake;
        self.revision = (keyring.revision > 0).then_some(keyring.revision);
        self.outputs = places
            .iter()
            .filter_map(|(id, place)| match place {
                Place::Ours(Stored { version, .. }) => Some(OutputReport { id: id.clone(), version: version.clone() }),
                Place::Empty | Place::Foreign => None,
            })
            .collect();
    }
}

fn describe_key(key: &Key, policy: &Policy, observed: &Observed, plan: &Plan) -> KeyReport {
    let (active, rotation_due, retired) = match &key.phase {
        Phase::Standby => (None, None, None),
        Phase::Active { active_since, rotation_due, .. } => (Some(*active_since), *rotation_due, None),
        Phase::Retired { active_since, retired_since, .. } => (*active_since, None, Some(*retired_since)),
    };
    let rotation_asked = matches!(key.phase, Phase::Active { rotation_asked: true, .. });
    let removal = plan
        .ahead
        .iter()
        .find(|ahead| ahead.to == Change::Removed && ahead.kid.as_ref() == Some(&key.kid))
        .and_then(|ahead| ahead.time);
    KeyReport {
        kid: key.kid.clone(),
        line: key.line.clone(),
        algorithm: key.algorithm,
        phase: key.phase.name(),
        minted: key.minted,
        confirmed: key.confirmed,
        rotation_asked,
        published: observed.published(policy, key),
        active,
        rotation_due,
        retired,
        removal,
    }
}

impl Problem {
    /// Whether keys are lost until someone helps, so that nothing goes on.
    pub fn is_loss(&self) -> bool {
        matches!(self, Self::KeyringLost { .. } | Self::Unopened { .. })
    }

    /// What an output holds that its passphrase does not open.
    pub(super) fn unopened((output, remains): &(OutputId, Remains), revision: u64, revoked: &[String]) -> Self {
        Self::Unopened { output: output.clone(), files: remains.unopened.clone(), revision, revoked: revoked.to_vec() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SpecRefused(why) => write!(
                out,
                "{why}. Until that is mended the spec before it counts, and of this one what it revokes and its deletionPolicy"
            ),
            Self::OutputTaken(id) => write!(
                out,
                "{id} exists and was not made for this key set, so it is left alone: choose another name in the spec, or move \
                 it away if it is nobody's (its label keyturn.dev/key-set would name another set)"
            ),
            Self::ReferenceMissing(missing) => missing.fmt(out),
            Self::ImportRefused(refusal) => write!(out, "no key is imported, because of {refusal}"),
            Self::PublisherChangeWaits { kids } => write!(
                out,
                "spec.publisher can become Signer only when the retired keys are gone whose private half no longer exists \
                 ({}): until then Keyturn goes on publishing; wait, or set publisher: Keyturn",
                kids.join(", ")
            ),
            Self::Unopened { output, files, revision, revoked } => write!(
                out,
                "the keyring is lost or older than its outputs, and {output} holds files that its passphrase does not open ({}), \
                 among which may be the key in use; everything published stays as it is. Bring back the passphrase that they \
                 were encrypted under, restore the keyring from a newer backup, or give up what they hold: annotate the resource with {}={revision}{}",
                files.join(", "),
                crate::api::ACCEPT_KEY_LOSS,
                waiting(revoked)
            ),
            Self::KeyringLost { revision, lines, revoked } => write!(
                out,
                "the keyring (revision {revision}) is lost, and with it the active keys of {}; everything published stays as \
                 it is. Restore the keyring from a backup, or give its private keys up: annotate the resource with \
                 {}={revision}{}",
                lines.join(", "),
                crate::api::ACCEPT_KEY_LOSS,
                waiting(revoked)
            ),
        }
    }
}

/// What can't be taken away before someone helps.
fn waiting(revoked: &[String]) -> String {
    if revoked.is_empty() {
        return String::new();
    }
    format!(
        ". ATTENTION: spec.revoked names {}, which the outputs still hold, and nothing is revoked until then: if somebody has \
         such a key, do one of these now",
        revoked.join(", ")
    )
}
