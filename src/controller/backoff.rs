//! How long to wait after an error: longer each time, with jitter, for each key set on its own.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use backon::{BackoffBuilder, ExponentialBuilder};

/// The first wait.
const SHORTEST: Duration = Duration::from_millis(500);
/// The longest wait, before jitter, which at most doubles it.
const LONGEST: Duration = Duration::from_secs(60);

/// Failures in a row, by key set.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: Mutex<HashMap<String, Failures>>,
}

#[derive(Debug, Default)]
struct Failures {
    count: usize,
    told: Option<Instant>,
}

impl Backoff {
    /// A key set failed once more. How long to wait before the next attempt.
    pub(super) fn failed(&self, set: &str) -> Duration {
        let mut failures = self.failures();
        let count = &mut failures.entry(set.to_owned()).or_default().count;
        let mut waits = ExponentialBuilder::default()
            .with_min_delay(SHORTEST)
            .with_max_delay(LONGEST)
            .with_jitter()
            .without_max_times()
            .build();
        let wait = waits.nth(*count).unwrap_or(LONGEST);
        *count = (*count + 1).min(16);
        wait
    }

    /// A key set is fine again.
    pub(super) fn succeeded(&self, set: &str) {
        self.failures().remove(set);
    }

    /// Whether a failure may be told in other words than before: not more often than it is tried again at last.
    pub(super) fn tells(&self, set: &str, now: Instant) -> bool {
        let mut failures = self.failures();
        let told = &mut failures.entry(set.to_owned()).or_default().told;
        let tells = told.is_none_or(|told| now.saturating_duration_since(told) >= LONGEST);
        if tells {
            *told = Some(now);
        }
        tells
    }

    fn failures(&self) -> MutexGuard<'_, HashMap<String, Failures>> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_longer_each_time_and_forgets_after_a_success() {
        let backoff = Backoff::default();
        let waits: Vec<Duration> = (0..40).map(|_| backoff.failed("one")).collect();
        assert!(waits[0] >= SHORTEST && waits[0] <= SHORTEST * 2, "{waits:?}");
        assert!(waits[8] >= SHORTEST * 64, "{waits:?}");
        assert!(waits.iter().all(|wait| *wait <= LONGEST * 2), "{waits:?}");
        assert!(backoff.failed("other") <= SHORTEST * 2, "each set has its own");
        backoff.succeeded("one");
        assert!(backoff.failed("one") <= SHORTEST * 2);
    }

    #[test]
    fn new_words_for_a_failure_are_told_once_in_a_while() {
        let (backoff, now) = (Backoff::default(), Instant::now());
        assert!(backoff.tells("one", now) && !backoff.tells("one", now) && backoff.tells("other", now));
        assert!(!backoff.tells("one", now + LONGEST / 2) && backoff.tells("one", now + LONGEST));
        backoff.succeeded("one");
        assert!(backoff.tells("one", now));
    }
}
