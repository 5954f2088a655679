//! How long a cache may keep an answer.

use std::time::Duration;

use chrono::TimeDelta;

use crate::keyring::Time;

/// How long an answer may be on its way to the verifier. It counts towards P, `publishDelay`, like the age of what is served.
const ON_ITS_WAY: Duration = Duration::from_secs(2);

/// How long an answer is kept, in seconds, while a change is overdue and may come at any moment.
const OVERDUE: u64 = 10;

/// A change that is overdue for longer waits for someone, who may come in days.
const FORGOTTEN: TimeDelta = TimeDelta::minutes(10);

/// What the lifetime of one answer follows from.
#[derive(Clone, Debug)]
pub struct Known {
    /// P: from a change to a verifier that can read it.
    pub publish_delay: TimeDelta,
    /// C: the longest time a verifier keeps an old JWKS.
    pub verifier_cache_ttl: TimeDelta,
    /// How old what is served may be: how long ago it was known to be what Keyturn published.
    pub age: Duration,
    /// Whether it still is what Keyturn published.
    pub surety: Surety,
    /// When the set changes, as far as that is planned.
    pub changes: Vec<Time>,
}

/// Whether what is served is what Keyturn published last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Surety {
    /// It is, as far as is known.
    Whole,
    /// Keyturn has not yet said so of this version: it is new, or edited.
    Unseen,
    /// It was, and its ConfigMap is damaged or gone: no cache may add to its age.
    Overdue,
}

/// The directives of `Cache-Control` (RFC 9111 section 5.2, RFC 5861), in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetime {
    max_age: u64,
    s_maxage: u64,
    stale_if_error: u64,
}

impl Lifetime {
    /// A new key signs P + C (+ S) after its ConfigMap was written, so what was true `age` ago serves until P + C - `age` from
    /// now, and never longer than C: `age` + its way + `max-age` + `stale-if-error` <= P + C.
    ///
    /// One half of that is for fresh answers, the other for times when no answer can be had.
    ///
    /// A verifier that looks at no header keeps for C what a shared cache hands it, so that may be no older than P: `age` + its
    /// way + `s-maxage` <= P. With `s-maxage` a shared cache may hand out nothing stale either (RFC 9111 section 4.2.4).
    pub fn new(known: &Known, now: Time) -> Self {
        let seconds = |delta: TimeDelta| delta.to_std().unwrap_or_default();
        let (publish_delay, ttl) = (seconds(known.publish_delay), seconds(known.verifier_cache_ttl));
        let old = known.age.saturating_add(ON_ITS_WAY);
        let beyond = old.saturating_sub(publish_delay);
        let total = ttl.saturating_sub(beyond).as_secs();
        let mut max_age = total.div_ceil(2);
        for change in &known.changes {
            let left = *change - now;
            if left > -FORGOTTEN {
                max_age = max_age.min(left.to_std().map_or(OVERDUE, |left| left.as_secs()));
            }
        }
        let total = match known.surety {
            Surety::Whole => total,
            Surety::Unseen => total.min(max_age).min(OVERDUE),
            Surety::Overdue => 0,
        };
        max_age = max_age.min(total);
        let s_maxage = publish_delay.saturating_sub(old).as_secs().min(max_age);
        Self { max_age, s_maxage, stale_if_error: total - max_age }
    }

    /// The value of the header.
    pub fn cache_control(self) -> String {
        match self {
            Self { max_age: 0, stale_if_error: 0, .. } => "public, max-age=0, must-revalidate".to_owned(),
            Self { max_age, s_maxage, stale_if_error } => {
                format!("public, max-age={max_age}, s-maxage={s_maxage}, stale-if-error={stale_if_error}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lifetime(publish_delay: i64, ttl: i64, age_ms: u64, changes_ms: &[i64]) -> String {
        let now = Time::from_timestamp(1_000_000, 0).unwrap();
        let known = Known {
            publish_delay: TimeDelta::seconds(publish_delay),
            verifier_cache_ttl: TimeDelta::seconds(ttl),
            age: Duration::from_millis(age_ms),
            surety: Surety::Whole,
            changes: changes_ms.iter().map(|change| now + TimeDelta::milliseconds(*change)).collect(),
        };
        Lifetime::new(&known, now).cache_control()
    }

    #[test]
    fn each_sentence_of_the_rule() {
        let cases = [
            (
                "the defaults",
                lifetime(120, 3600, 10_000, &[]),
                "public, max-age=1800, s-maxage=108, stale-if-error=1800",
            ),
            ("an odd one", lifetime(120, 61, 0, &[]), "public, max-age=31, s-maxage=31, stale-if-error=30"),
            (
                "P covers the age and the way",
                lifetime(120, 3600, 118_000, &[]),
                "public, max-age=1800, s-maxage=0, stale-if-error=1800",
            ),
            (
                "older than P",
                lifetime(120, 3600, 218_000, &[]),
                "public, max-age=1750, s-maxage=0, stale-if-error=1750",
            ),
            (
                "part of a second",
                lifetime(120, 3600, 118_001, &[]),
                "public, max-age=1800, s-maxage=0, stale-if-error=1799",
            ),
            ("almost P + C", lifetime(120, 3600, 3_717_000, &[]), "public, max-age=1, s-maxage=0, stale-if-error=0"),
            ("P + C", lifetime(120, 3600, 3_718_000, &[]), "public, max-age=0, must-revalidate"),
            ("far beyond", lifetime(120, 3600, u64::MAX / 4, &[]), "public, max-age=0, must-revalidate"),
            ("no delay stated", lifetime(0, 5, 500, &[]), "public, max-age=1, s-maxage=0, stale-if-error=1"),
            ("no cache stated", lifetime(120, 0, 0, &[]), "public, max-age=0, must-revalidate"),
            (
                "a change ahead",
                lifetime(120, 3600, 0, &[90_500]),
                "public, max-age=90, s-maxage=90, stale-if-error=3510",
            ),
            (
                "the next of two",
                lifetime(120, 3600, 0, &[90_500, 7_000]),
                "public, max-age=7, s-maxage=7, stale-if-error=3593",
            ),
            ("a change at once", lifetime(120, 3600, 0, &[900]), "public, max-age=0, s-maxage=0, stale-if-error=3600"),
            ("a change overdue", lifetime(120, 3600, 0, &[-1]), "public, max-age=10, s-maxage=10, stale-if-error=3590"),
            (
                "a change that nobody makes",
                lifetime(120, 3600, 0, &[-600_000]),
                "public, max-age=1800, s-maxage=118, stale-if-error=1800",
            ),
            (
                "a change far away",
                lifetime(120, 3600, 0, &[9_000_000]),
                "public, max-age=1800, s-maxage=118, stale-if-error=1800",
            ),
        ];
        for (what, got, expected) in cases {
            assert_eq!(got, expected, "{what}");
        }
    }

    #[test]
    fn what_is_not_sure_is_kept_for_seconds_or_not_at_all() {
        let lifetime = |surety| {
            let known = Known {
                publish_delay: TimeDelta::seconds(120),
                verifier_cache_ttl: TimeDelta::seconds(3600),
                age: Duration::ZERO,
                surety,
                changes: Vec::new(),
            };
            Lifetime::new(&known, Time::UNIX_EPOCH).cache_control()
        };
        assert_eq!(lifetime(Surety::Unseen), "public, max-age=10, s-maxage=10, stale-if-error=0");
        assert_eq!(lifetime(Surety::Overdue), "public, max-age=0, must-revalidate");
    }

    #[test]
    fn no_cache_keeps_an_answer_beyond_the_sum() {
        for publish_delay in [0, 1, 2, 3, 60, 120] {
            for ttl in [0, 1, 2, 5, 60, 3600] {
                for age in (0..200).map(|step| step * 331) {
                    let known = Known {
                        publish_delay: TimeDelta::seconds(publish_delay),
                        verifier_cache_ttl: TimeDelta::seconds(ttl),
                        age: Duration::from_millis(age),
                        surety: Surety::Whole,
                        changes: Vec::new(),
                    };
                    let Lifetime { max_age, s_maxage, stale_if_error } = Lifetime::new(&known, Time::UNIX_EPOCH);
                    let kept = (max_age + stale_if_error) * 1000;
                    let (delay, ttl) = (publish_delay.unsigned_abs() * 1000, ttl.unsigned_abs() * 1000);
                    assert!(kept <= ttl);
                    assert!(s_maxage <= max_age);
                    assert!(s_maxage == 0 || age + 2000 + s_maxage * 1000 <= delay, "{known:?}");
                    assert!(kept == 0 || age + 2000 + kept <= delay + ttl, "{known:?}");
                }
            }
        }
    }
}
