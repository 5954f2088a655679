//! How often keys rotate, and whether that leaves time for what must come before and after.

use std::collections::BTreeSet;

use chrono::TimeDelta;

use super::{Policy, PolicyError, PolicyErrors, Rotation, shown};
use crate::api::MOST_RETIRED;
use crate::jose::Use;
use crate::keyring::{Facts, Time};

impl Policy {
    /// What the keys of the set are for.
    pub fn uses(&self) -> BTreeSet<Use> {
        self.lines.iter().map(|line| line.algorithm.usage()).collect()
    }

    /// lead + W + S: a new key is minted at least this long before it is to be promoted.
    pub fn ahead(&self, usage: Use, facts: &Facts) -> TimeDelta {
        self.timing(usage, facts).lead() + self.write_bound + facts.clock_skew
    }

    /// When the rotation of a key is due that is promoted at `promoted`.
    pub fn rotation_due(&self, promoted: Time) -> Option<Time> {
        match &self.rotation {
            Rotation::Interval(interval) => promoted.checked_add_signed(*interval),
            Rotation::Schedule(schedule) => schedule.next_after(promoted),
            Rotation::Never => None,
        }
    }

    /// The shortest time between two rotations; `None` where none is planned.
    pub fn shortest_gap(&self) -> Option<TimeDelta> {
        match &self.rotation {
            Rotation::Interval(interval) => Some(*interval),
            Rotation::Schedule(schedule) => Some(schedule.shortest_gap()),
            Rotation::Never => None,
        }
    }

    /// How many retired keys of a line there are at most, at the rhythm that the spec states; `None` where no rotation is
    /// planned. A retention counts from an acknowledged write, so the bound on the write is part of it.
    pub fn most_retired(&self, usage: Use) -> Option<i64> {
        let gap = self.shortest_gap()?.num_seconds();
        let kept = (self.timing(usage, &self.facts).retention() + self.write_bound).num_seconds();
        kept.checked_add(gap - 1)?.checked_div(gap)
    }

    /// A new key is known and the retired ones stay few, at the rhythm that the spec states.
    pub(super) fn check_rhythm(&self) -> Result<(), PolicyErrors> {
        let Some(gap) = self.shortest_gap() else { return Ok(()) };
        let stated = match &self.rotation {
            Rotation::Schedule(_) => format!("a schedule with {}", shown(gap)),
            Rotation::Interval(_) | Rotation::Never => format!("an interval of {}", shown(gap)),
        };
        let mut errors = Vec::new();
        for usage in self.uses() {
            let timing = self.timing(usage, &self.facts);
            let least = self.ahead(usage, &self.facts);
            if gap < least || gap <= TimeDelta::zero() {
                errors.push(PolicyError::TooOften {
                    stated: stated.clone(),
                    usage,
                    lead: shown(timing.lead()),
                    write: shown(self.write_bound),
                    skew: shown(self.facts.clock_skew),
                    least: shown(least.max(TimeDelta::seconds(1))),
                });
            } else if gap.num_seconds().saturating_mul(MOST_RETIRED) < timing.retention().num_seconds() {
                errors.push(PolicyError::TooMany {
                    stated: stated.clone(),
                    usage,
                    retention: shown(timing.retention()),
                });
            }
        }
        if errors.is_empty() { Ok(()) } else { Err(PolicyErrors(errors)) }
    }
}
