//! The user's facts, and how long an edited one still counts.

use chrono::TimeDelta;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Time;

/// Facts about the user's own system (`spec.timing`), each a non-negative number of whole seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Facts {
    /// P: from a changed ConfigMap to a verifier being able to read it.
    #[serde(with = "seconds")]
    pub publish_delay: TimeDelta,
    /// C: the longest time a verifier keeps an old JWKS.
    #[serde(with = "seconds")]
    pub verifier_cache_ttl: TimeDelta,
    /// R: from a changed Secret to the signer using it.
    #[serde(with = "seconds")]
    pub signer_reload_delay: TimeDelta,
    /// L: the longest-lived token that these keys sign.
    #[serde(with = "seconds")]
    pub max_token_lifetime: TimeDelta,
    /// S: the largest difference between two clocks.
    #[serde(with = "seconds")]
    pub clock_skew: TimeDelta,
}

/// Facts that were in the spec, and until when they count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FactsEra {
    /// The facts.
    pub facts: Facts,
    /// Until when they count; `None` for the spec's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Time>,
}

/// The facts of the spec together with earlier, longer ones that still count.
///
/// Longer facts count at once; shorter ones count one old horizon later, because tokens, caches and mounts
/// that follow the old facts live on for that long. What began by an old fact goes on by a new one: out of a cache that is
/// kept for long, a token can come that lives for long. So the horizon is that of the longer of both.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SettledFacts(Vec<FactsEra>);

impl Facts {
    /// The larger of each fact.
    #[must_use]
    pub fn longest(self, other: Self) -> Self {
        Self {
            publish_delay: self.publish_delay.max(other.publish_delay),
            verifier_cache_ttl: self.verifier_cache_ttl.max(other.verifier_cache_ttl),
            signer_reload_delay: self.signer_reload_delay.max(other.signer_reload_delay),
            max_token_lifetime: self.max_token_lifetime.max(other.max_token_lifetime),
            clock_skew: self.clock_skew.max(other.clock_skew),
        }
    }

    /// P + C + R + L + 2S: after this long, nothing that followed these facts is left.
    pub fn horizon(&self) -> TimeDelta {
        self.publish_delay
            + self.verifier_cache_ttl
            + self.signer_reload_delay
            + self.max_token_lifetime
            + self.clock_skew * 2
    }
}

impl SettledFacts {
    /// The facts of a new key set.
    pub fn new(facts: Facts) -> Self {
        Self(vec![FactsEra { facts, until: None }])
    }

    /// The larger of all that count at `now`, which is the earlier clock.
    pub fn effective(&self, now: Time) -> Option<Facts> {
        self.0
            .iter()
            .filter(|era| era.until.is_none_or(|until| now < until))
            .map(|era| era.facts)
            .reduce(Facts::longest)
    }

    /// The facts that the spec stated last.
    pub fn stated(&self) -> Option<Facts> {
        self.0.last().map(|era| era.facts)
    }

    /// When the next earlier fact stops to count.
    pub fn next_expiry(&self, now: Time) -> Option<Time> {
        self.0.iter().filter_map(|era| era.until).filter(|until| *until > now).min()
    }

    /// Takes over new facts from the spec. `earlier` and `later` are the two clocks of the pass.
    #[must_use]
    pub fn settle(&self, facts: Facts, earlier: Time, later: Time) -> Self {
        let grows = self.effective(earlier).is_none_or(|known| known.longest(facts) != known);
        let mut eras: Vec<FactsEra> = self
            .0
            .iter()
            .filter(|era| era.until.is_none_or(|until| earlier < until))
            .map(|era| {
                let outlived = later.checked_add_signed(era.facts.longest(facts).horizon());
                let until = if era.until.is_none() || grows { era.until.max(outlived) } else { era.until };
                FactsEra { until, ..*era }
            })
            .filter(|era| era.facts.longest(facts) != facts)
            .collect();
        // However often facts are edited, the list stays short: the oldest eras merge into one that covers both.
        while eras.len() > MOST_ERAS {
            let oldest = eras.remove(0);
            if let Some(next) = eras.first_mut() {
                next.facts = next.facts.longest(oldest.facts);
                next.until = next.until.max(oldest.until);
            }
        }
        eras.push(FactsEra { facts, until: None });
        Self(eras)
    }
}

/// How many earlier eras are kept apart.
const MOST_ERAS: usize = 8;

/// Durations as whole seconds.
mod seconds {
    use super::{Deserialize, Deserializer, Serialize, Serializer, TimeDelta};

    pub fn serialize<S: Serializer>(delta: &TimeDelta, serializer: S) -> Result<S::Ok, S::Error> {
        delta.num_seconds().serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<TimeDelta, D::Error> {
        let seconds = u32::deserialize(deserializer)?;
        Ok(TimeDelta::seconds(i64::from(seconds)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Time {
        Time::from_timestamp(1_000_000 + seconds, 0).unwrap()
    }

    fn facts(cache: i64, lifetime: i64) -> Facts {
        Facts {
            publish_delay: TimeDelta::seconds(1),
            verifier_cache_ttl: TimeDelta::seconds(cache),
            signer_reload_delay: TimeDelta::seconds(1),
            max_token_lifetime: TimeDelta::seconds(lifetime),
            clock_skew: TimeDelta::zero(),
        }
    }

    #[test]
    fn longer_facts_count_at_once() {
        let settled = SettledFacts::new(facts(10, 100)).settle(facts(20, 200), at(0), at(0));
        assert_eq!(settled.effective(at(0)), Some(facts(20, 200)));
        assert_eq!(settled.next_expiry(at(0)), None, "facts that the new ones cover are forgotten");
    }

    #[test]
    fn shorter_facts_count_one_old_horizon_later() {
        let settled = SettledFacts::new(facts(10, 100)).settle(facts(5, 100), at(0), at(0));
        let horizon = 1 + 10 + 1 + 100;
        assert_eq!(settled.effective(at(horizon - 1)), Some(facts(10, 100)));
        assert_eq!(settled.effective(at(horizon)), Some(facts(5, 100)));
        assert_eq!(settled.next_expiry(at(0)), Some(at(horizon)));
    }

    #[test]
    fn a_token_of_the_longer_lifetime_may_come_out_of_a_cache_of_the_longer_ttl() {
        let at_once = SettledFacts::new(facts(10, 100)).settle(facts(5, 200), at(0), at(0));
        let horizon = 1 + 10 + 1 + 200;
        assert_eq!(at_once.effective(at(0)), Some(facts(10, 200)), "each fact is the longer of the two");
        assert_eq!(at_once.next_expiry(at(0)), Some(at(horizon)));
        let later =
            SettledFacts::new(facts(10, 100)).settle(facts(5, 100), at(0), at(0)).settle(facts(5, 200), at(50), at(50));
        assert_eq!(later.next_expiry(at(50)), Some(at(50 + horizon)));
        let shorter = later.settle(facts(5, 150), at(60), at(60));
        assert_eq!(
            shorter.next_expiry(at(60)),
            Some(at(50 + horizon)),
            "an edit that lengthens nothing prolongs nothing"
        );
    }

    #[test]
    fn many_edits_never_forget_the_longest() {
        let mut settled = SettledFacts::new(facts(1_000, 1_000));
        for cache in (1..40).rev() {
            settled = settled.settle(facts(cache, 1), at(40 - cache), at(40 - cache));
        }
        assert!(settled.0.len() <= MOST_ERAS + 1);
        assert_eq!(settled.effective(at(40)).unwrap().verifier_cache_ttl, TimeDelta::seconds(1_000));
        assert_eq!(settled.effective(at(10_000)), Some(facts(1, 1)));
    }
}
