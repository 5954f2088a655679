//! Outputs that someone else writes again and again: each is restored at once the first times, then ever less often, so
//! that two writers who disagree don't keep the API server busy without end.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::backoff::Backoff;

/// So many restorations in a row are made at once.
const FREE: u32 = 3;

/// After this long without a restoration, a set is calm again.
const CALM: Duration = Duration::from_secs(300);

/// The key sets whose outputs were restored lately.
#[derive(Debug, Default)]
pub(super) struct Contests {
    running: Mutex<HashMap<String, Contest>>,
    backoff: Backoff,
}

#[derive(Debug)]
struct Contest {
    restored: u32,
    last: Instant,
    until: Instant,
}

impl Contests {
    /// An output of the set was restored. Whether that now happens so often that someone should look.
    pub(super) fn restored(&self, set: &str, now: Instant) -> bool {
        let mut running = self.running();
        let fresh = Contest { restored: 0, last: now, until: now };
        let contest = running.entry(set.to_owned()).or_insert(fresh);
        if now.saturating_duration_since(contest.last) >= CALM {
            contest.restored = 0;
            self.backoff.succeeded(set);
        }
        contest.restored += 1;
        contest.last = now;
        if contest.restored > FREE {
            contest.until = now + self.backoff.failed(set);
        }
        contest.restored > FREE
    }

    /// When a contested set will be calm again, if it is left alone; `None` for one that is.
    pub(super) fn calm_in(&self, set: &str, now: Instant) -> Option<Duration> {
        let left = |contest: &Contest| CALM.saturating_sub(now.saturating_duration_since(contest.last));
        let left = self.running().get(set).filter(|contest| contest.restored > FREE).map(left)?;
        (!left.is_zero()).then_some(left)
    }

    /// How long the outputs of the set are still left as they are.
    pub(super) fn wait(&self, set: &str, now: Instant) -> Option<Duration> {
        let wait = self.running().get(set)?.until.saturating_duration_since(now);
        (!wait.is_zero()).then_some(wait)
    }

    /// The set is gone.
    pub(super) fn forget(&self, set: &str) {
        self.running().remove(set);
        self.backoff.succeeded(set);
    }

    fn running(&self) -> std::sync::MutexGuard<'_, HashMap<String, Contest>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_restorations_are_free_and_the_others_come_ever_later() {
        let contests = Contests::default();
        let mut now = Instant::now();
        for _ in 0..FREE {
            assert!(!contests.restored("a", now) && contests.wait("a", now).is_none());
        }
        let mut waits = Vec::new();
        for _ in 0..12 {
            assert!(contests.restored("a", now) && contests.calm_in("a", now) == Some(CALM));
            let wait = contests.wait("a", now).unwrap();
            now += wait;
            assert_eq!(contests.wait("a", now), None);
            waits.push(wait);
        }
        assert!(waits[0] <= Duration::from_secs(1) && waits[11] >= Duration::from_secs(60), "{waits:?}");
        assert_eq!(contests.calm_in("b", now), None);
    }

    #[test]
    fn a_set_that_is_left_alone_is_calm_again() {
        let contests = Contests::default();
        let now = Instant::now();
        for _ in 0..9 {
            contests.restored("a", now);
        }
        let later = now + CALM;
        assert_eq!((contests.calm_in("a", now), contests.calm_in("a", later)), (Some(CALM), None));
        let soon = now + Duration::from_secs(200);
        assert_eq!(contests.calm_in("a", soon), Some(Duration::from_secs(100)));
        assert!(!contests.restored("a", later) && contests.wait("a", later).is_none());
    }
}
