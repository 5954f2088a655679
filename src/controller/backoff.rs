//! How long to wait after an error: longer each time, with jitter, for each key set on its own.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};

/// The first wait.
const SHORTEST: Duration = Duration::from_millis(500);
/// The longest wait, before jitter, which at most doubles it.
const LONGEST: Duration = Duration::from_secs(60);

/// Failures in a row, by key set.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: Mutex<HashMap<String, usize>>,
}

impl Backoff {
    /// A key set failed once more. How long to wait before the next attempt.
    pub(super) fn failed(&self, set: &str) -> Duration {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let count = failures.entry(set.to_owned()).or_default();
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
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).remove(set);
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
}
