//! The two clocks of a pass.

use chrono::{DurationRound, TimeDelta};

use crate::keyring::Time;

/// The moment of a pass, as seen by the clocks that matter: the machine's own and the API server's.
///
/// Decisions go by the earlier one, so that nothing happens too soon; what is written down is the later one,
/// rounded up to whole seconds, so that nothing counts from too early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Decide by this.
    pub earlier: Time,
    /// Write this down.
    pub later: Time,
}

impl Now {
    /// Both clocks, in any order.
    pub fn new(one: Time, other: Time) -> Self {
        Self { earlier: one.min(other), later: round_up(one.max(other)) }
    }
}

fn round_up(time: Time) -> Time {
    let second = TimeDelta::seconds(1);
    match time.duration_trunc(second) {
        Ok(whole) if whole < time => whole + second,
        _ => time,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decides_early_and_writes_late() {
        let one = Time::from_timestamp_millis(1_500).unwrap();
        let other = Time::from_timestamp_millis(9_001).unwrap();
        for now in [Now::new(one, other), Now::new(other, one)] {
            assert_eq!(now.earlier, one);
            assert_eq!(now.later, Time::from_timestamp_millis(10_000).unwrap());
        }
        let whole = Time::from_timestamp_millis(9_000).unwrap();
        assert_eq!(Now::new(whole, whole).later, whole);
    }
}
