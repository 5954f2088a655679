//! How many sets are looked after at a time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::metrics::Metrics;
use crate::engine::Progress;
use crate::jose::{KeyKind, KeySpec};
use crate::store::SetRef;

/// How many sets are looked after at a time. With all of thousands at once, requests would wait in line for longer than an answer
/// is awaited, and everything that was read would be in memory together.
const AT_A_TIME: usize = 128;

/// The longest turn: a pass that takes longer, because the API server does not answer it, holds up no other.
const LONGEST: Duration = Duration::from_secs(5);

/// Turns of sets. One set never has two.
pub(super) struct Turns {
    free: Arc<Semaphore>,
    longest: Duration,
    taken: Mutex<HashMap<String, OwnedSemaphorePermit>>,
}

impl Default for Turns {
    fn default() -> Self {
        Self { free: Arc::new(Semaphore::new(AT_A_TIME)), longest: LONGEST, taken: Mutex::default() }
    }
}

impl Turns {
    /// Begins the work when it is the set's turn, and ends it, even where the turn is over before. Until then it takes no memory.
    pub(super) async fn take<T, F: Future<Output = T>>(&self, set: &str, work: impl FnOnce() -> F) -> T {
        // It is never closed.
        if let Ok(turn) = Arc::clone(&self.free).acquire_owned().await {
            self.taken.lock().unwrap_or_else(PoisonError::into_inner).insert(set.to_owned(), turn);
        }
        let mut work = Box::pin(work());
        let in_time = tokio::time::timeout(self.longest, &mut work).await;
        self.end(set);
        match in_time {
            Ok(done) => done,
            Err(_) => work.await,
        }
    }

    /// The set's turn is over, if it had one.
    fn end(&self, set: &str) {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).remove(set);
    }
}

/// Hears of keys in the making. A pass that waits for an RSA key, which takes seconds of a core, gives its turn back.
pub(super) struct Making {
    pub(super) turns: Arc<Turns>,
    pub(super) metrics: Metrics,
}

impl Progress for Making {
    fn asked(&self, set: &SetRef, spec: KeySpec) {
        if matches!(spec.key_kind(), KeyKind::Rsa) {
            self.turns.end(&set.to_string());
        }
    }

    fn started(&self, _: &SetRef, _: &str, _: KeySpec) {}

    fn finished(&self, _: &SetRef, _: &str, spec: KeySpec, took: Duration) {
        self.metrics.generated(spec, took);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures::future::join_all;

    use super::*;
    use crate::jose::Algorithm;

    #[tokio::test]
    async fn no_more_than_that_are_at_work_and_all_get_their_turn() {
        let (turns, at_work, most) = (Turns::default(), AtomicUsize::new(0), AtomicUsize::new(0));
        let all = (0..AT_A_TIME * 3).map(|number| {
            let (turns, at_work, most) = (&turns, &at_work, &most);
            async move {
                let work = || async {
                    most.fetch_max(at_work.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
                    tokio::time::sleep(Duration::from_millis(5)).await;
                    at_work.fetch_sub(1, Ordering::Relaxed);
                };
                turns.take(&format!("iam/{number}"), work).await;
            }
        });
        join_all(all).await;
        assert_eq!(most.load(Ordering::Relaxed), AT_A_TIME);
        assert_eq!(turns.free.available_permits(), AT_A_TIME);
    }

    #[tokio::test]
    async fn what_does_not_end_holds_up_nobody() {
        let turns = Turns { longest: Duration::from_millis(10), ..Turns::default() };
        let stuck = (0..AT_A_TIME).map(|number| {
            let turns = &turns;
            async move { turns.take(&format!("iam/{number}"), std::future::pending::<()>).await }
        });
        let other = async {
            tokio::task::yield_now().await;
            turns.take("iam/other", || async {}).await;
        };
        tokio::select! {
            _ = join_all(stuck) => panic!("they never end"),
            () = other => {}
        }
    }

    #[tokio::test]
    async fn a_pass_that_waits_for_an_rsa_key_holds_up_nobody() {
        let turns = Arc::new(Turns::default());
        let making = Making { turns: Arc::clone(&turns), metrics: Metrics::default() };
        let set = SetRef { namespace: "iam".to_owned(), name: "auth".to_owned(), owner: None };
        for (algorithm, free) in [(Algorithm::Es256, AT_A_TIME - 1), (Algorithm::Rs256, AT_A_TIME)] {
            let spec =
                crate::lifecycle::fixtures::policy(serde_json::json!({ "keys": [{ "algorithm": algorithm.name() }] }));
            let spec = spec.lines[0].spec;
            turns
                .take(&set.to_string(), || async {
                    making.asked(&set, spec);
                    assert_eq!(turns.free.available_permits(), free, "{algorithm:?}");
                })
                .await;
        }
    }
}
