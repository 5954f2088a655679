//! How often keys rotate, and whether that leaves time for what must come before and after.

use std::collections::BTreeMap;
use std::fmt;

use chrono::TimeDelta;

use super::{Policy, PolicyError, PolicyErrors, Rotation, shown};
use crate::api::MOST_RETIRED;
use crate::jose::{Algorithm, Use};
use crate::keyring::{Facts, Time};

/// Keys that share their times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Keys {
    /// What they are for.
    pub usage: Use,
    /// Whether they have no public half.
    pub symmetric: bool,
}

impl Keys {
    /// The kind of an algorithm's keys.
    pub fn of(algorithm: Algorithm) -> Self {
        Self { usage: algorithm.usage(), symmetric: algorithm.is_symmetric() }
    }
}

impl fmt::Display for Keys {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}{}", if self.symmetric { "symmetric " } else { "" }, self.usage)
    }
}

impl Policy {
    /// The kinds of keys of the set, each with an algorithm of its kind.
    pub fn kinds(&self) -> BTreeMap<Keys, Algorithm> {
        self.lines.iter().map(|line| (Keys::of(line.algorithm), line.algorithm)).collect()
    }

    /// lead + W + S: a new key is minted at least this long before it is to be promoted.
    pub fn ahead(&self, algorithm: Algorithm, facts: &Facts) -> TimeDelta {
        self.timing(algorithm, facts).lead() + self.write_bound + facts.clock_skew
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
    pub fn most_retired(&self, algorithm: Algorithm) -> Option<i64> {
        let gap = self.shortest_gap()?.num_seconds();
        let kept = (self.timing(algorithm, &self.facts).retention() + self.write_bound).num_seconds();
        kept.checked_add(gap - 1)?.checked_div(gap)
    }

    /// A new key is known and the retired ones stay few, at the rhythm that the spec states.
    pub(super) fn check_rhythm(&self) -> Result<(), PolicyErrors> {
        let Some(gap) = self.shortest_gap() else { return self.check_rare_rotations() };
        let (longest, stated) = match &self.rotation {
            Rotation::Schedule(schedule) => (schedule.longest_gap(), format!("a schedule with {}", shown(gap))),
            Rotation::Interval(_) | Rotation::Never => (gap, format!("an interval of {}", shown(gap))),
        };
        let mut errors = Vec::new();
        for (which, algorithm) in self.kinds() {
            let timing = self.timing(algorithm, &self.facts);
            let least = self.ahead(algorithm, &self.facts);
            if gap < least || gap <= TimeDelta::zero() {
                errors.push(PolicyError::TooOften {
                    stated: stated.clone(),
                    which,
                    lead: shown(timing.lead()),
                    write: shown(self.write_bound),
                    skew: shown(self.facts.clock_skew),
                    least: shown(least.max(TimeDelta::seconds(1))),
                });
            } else if gap.num_seconds().saturating_mul(MOST_RETIRED) < timing.retention().num_seconds() {
                errors.push(PolicyError::TooMany {
                    stated: stated.clone(),
                    which,
                    retention: shown(timing.retention()),
                });
            }
            errors.extend(self.certificate_ends_early(longest, least, timing.retention()));
        }
        if errors.is_empty() { Ok(()) } else { Err(PolicyErrors(errors)) }
    }

    /// Without a rhythm only the end of a certificate makes a key rotate: each is to live for two retentions at least.
    fn check_rare_rotations(&self) -> Result<(), PolicyErrors> {
        let errors: Vec<PolicyError> = self
            .kinds()
            .into_values()
            .filter_map(|algorithm| {
                let retention = self.timing(algorithm, &self.facts).retention();
                let ahead = self.ahead(algorithm, &self.facts);
                self.certificate_ends_early(retention + ahead * 2, ahead, retention)
            })
            .collect();
        if errors.is_empty() { Ok(()) } else { Err(PolicyErrors(errors)) }
    }

    /// A key waits as the next one as long as another is active, is active itself, and is kept for its retention. One that
    /// never rotates by itself makes way in time, so there the certificate decides how often that is.
    fn certificate_ends_early(&self, gap: TimeDelta, ahead: TimeDelta, retention: TimeDelta) -> Option<PolicyError> {
        let validity = self.certificate.as_ref()?.validity;
        let least = TimeDelta::seconds(gap.num_seconds().saturating_mul(2)) + ahead * 2 + retention;
        (validity < least).then(|| PolicyError::ShortCertificate {
            validity: shown(validity),
            gap: shown(gap),
            retention: shown(retention),
            least: shown(least),
        })
    }
}
