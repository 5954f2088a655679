//! How long a watch waits after an error.

use std::time::Duration;

use kube::runtime::utils::Backoff;
use kube::runtime::watcher::DefaultBackoff;

/// The longest wait. kube's own grow to a minute, so that an outage would be felt for minutes after its end.
const LONGEST: Duration = Duration::from_secs(5);

/// kube's waits between attempts, with their jitter, as long as they are short.
#[derive(Default)]
pub(crate) struct Waits(DefaultBackoff);

impl Iterator for Waits {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        self.0.next().map(|wait| wait.min(LONGEST))
    }
}

impl Backoff for Waits {
    fn reset(&mut self) {
        self.0.reset();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_outage_makes_them_long_and_none_ends_them() {
        let waits: Vec<Duration> = Waits::default().take(50).collect();
        assert_eq!(waits.len(), 50);
        assert!(waits.iter().all(|wait| *wait <= LONGEST), "{waits:?}");
        assert!(waits.iter().skip(10).all(|wait| *wait == LONGEST), "they grow: {waits:?}");
    }
}
