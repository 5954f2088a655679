//! What was seen of a set's outputs, and what its owner asks for.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;

use super::adoption::Offer;
use super::policy::{Output, OutputId, Policy};
use crate::keyring::{Key, Marks, Time};

/// What a plan is made from, beside the spec and the keyring.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// Every output of the policy.
    pub outputs: BTreeMap<OutputId, OutputState>,
    /// Value of the rotate annotation.
    pub rotate: Option<String>,
    /// Kids that someone confirmed to have registered.
    pub confirmed: BTreeSet<String>,
    /// Keys that may be adopted.
    pub offer: Offer,
    /// The outputs of the spec before, where it was edited since.
    pub former: Vec<Output>,
}

/// What was found in an output's place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OutputState {
    /// Nothing.
    Missing,
    /// Something that Keyturn did not make. It is never touched.
    Foreign,
    /// Keyturn's own.
    Found(Found),
}

/// An output of Keyturn's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Since when it holds what. Trusted only while `intact`.
    pub marks: Marks,
    /// Whether it is as Keyturn wrote it.
    pub intact: bool,
}

/// What an output acknowledges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acknowledged {
    /// Surely since this time.
    Since(Time),
    /// Not yet, or no more.
    Pending,
    /// It has nothing to do with the key.
    Unconcerned,
}

impl Observed {
    /// The marks of an output that is as Keyturn wrote it.
    pub fn marks(&self, output: &OutputId) -> Option<&Marks> {
        match self.outputs.get(output) {
            Some(OutputState::Found(Found { marks, intact: true, .. })) => Some(marks),
            _ => None,
        }
    }

    /// Since when an output surely holds the key, in the role of its phase. `bound` is W.
    pub fn holds(&self, output: &Output, kid: &str, line: &str, bound: TimeDelta) -> Acknowledged {
        if !output.lists(line) {
            return Acknowledged::Unconcerned;
        }
        let held = self.marks(&output.id()).and_then(|marks| marks.get(kid)).and_then(|mark| mark.held);
        held.map_or(Acknowledged::Pending, |since| Acknowledged::Since(since + bound))
    }

    /// Since when every output that must know the key first holds it; `None` while one does not.
    pub fn published(&self, policy: &Policy, key: &Key) -> Option<Time> {
        let timing = policy.timing(key.algorithm, &policy.facts);
        let mut since = key.minted;
        for (kind, _) in &timing.leads {
            for output in policy.outputs.iter().filter(|output| output.id().kind == *kind) {
                match self.holds(output, &key.kid, &key.line, TimeDelta::zero()) {
                    Acknowledged::Since(held) => since = since.max(held),
                    Acknowledged::Pending => return None,
                    Acknowledged::Unconcerned => {}
                }
            }
        }
        Some(since)
    }

    /// Since when no reader of an output signs with, or encrypts to, the key. `bound` is W.
    pub fn gave_up(&self, output: &Output, kid: &str, line: &str, bound: TimeDelta) -> Acknowledged {
        let Some(marks) = self.marks(&output.id()) else {
            return Acknowledged::Pending;
        };
        match marks.get(kid) {
            Some(mark) => mark.inactive.map_or(Acknowledged::Pending, |since| Acknowledged::Since(since + bound)),
            None if output.carries(line) => Acknowledged::Pending,
            None => Acknowledged::Unconcerned,
        }
    }
}
