//! Someone who reads a published file late: through a volume that lags, then through a cache.
//!
//! Delays are kept honestly, whatever the machine does meanwhile: a copy that grew too old while a thread was stalled
//! is never used.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Where a file is published. What is read is what was there at some moment during the call.
pub trait Source: Send + Sync {
    fn read(&self) -> Option<String>;
}

/// A chain of copies, each taken from the one before when it has become too old.
pub struct Reader {
    source: Arc<dyn Source>,
    stages: Vec<Stage>,
}

struct Stage {
    /// A copy may be used for this long.
    limit: Duration,
    copy: Option<Copy>,
    /// How much older than it is the first copy counts, so that readers don't all read at once.
    phase: Duration,
}

struct Copy {
    text: Arc<str>,
    taken: Instant,
}

impl Reader {
    /// The reader number `index` of `count`, whose phases spread over the whole delay.
    pub fn new(source: Arc<dyn Source>, delays: &[Duration], index: u32, count: u32) -> Self {
        let stage = |limit: &Duration| {
            let slot = *limit / count;
            Stage { limit: *limit, copy: None, phase: slot * index + chance(slot) }
        };
        Self { source, stages: delays.iter().map(stage).collect() }
    }

    /// What this reader holds to be the file's content now; `None` while there is none.
    pub fn read(&mut self) -> Option<Arc<str>> {
        self.copy(self.stages.len(), Instant::now())
    }

    /// Whether what was read last may still be used.
    pub fn is_fresh(&self) -> bool {
        self.stages.last().is_none_or(|stage| stage.is_fresh(Instant::now()))
    }

    /// How old each copy is, and how old it may be.
    pub fn ages(&self) -> String {
        let age = |stage: &Stage| match &stage.copy {
            Some(copy) => format!("{:.1} s of {:.1} s", copy.taken.elapsed().as_secs_f64(), stage.limit.as_secs_f64()),
            None => "no copy".to_owned(),
        };
        self.stages.iter().map(age).collect::<Vec<_>>().join(", then ")
    }

    fn copy(&mut self, stages: usize, now: Instant) -> Option<Arc<str>> {
        let Some(index) = stages.checked_sub(1) else { return self.source.read().map(Into::into) };
        if !self.stages[index].is_fresh(now) {
            // Taken before it is read: it never counts as younger than it is.
            let taken = Instant::now();
            let text = self.copy(index, taken)?;
            let stage = &mut self.stages[index];
            let taken = taken.checked_sub(std::mem::take(&mut stage.phase)).unwrap_or(taken);
            stage.copy = Some(Copy { text, taken });
        }
        self.stages[index].copy.as_ref().map(|copy| Arc::clone(&copy.text))
    }
}

impl Stage {
    fn is_fresh(&self, now: Instant) -> bool {
        self.copy.as_ref().is_some_and(|copy| now.saturating_duration_since(copy.taken) < self.limit)
    }
}

/// A random duration below `most`.
pub fn chance(most: Duration) -> Duration {
    let most = u64::try_from(most.as_micros()).unwrap().max(1);
    Duration::from_micros(RandomState::new().hash_one(most) % most)
}

#[test]
fn a_copy_is_used_as_long_as_it_may_be_and_no_longer() {
    struct Clock(Instant);
    impl Source for Clock {
        fn read(&self) -> Option<String> {
            Some(self.0.elapsed().as_millis().to_string())
        }
    }
    let begun = Instant::now();
    let limits = [Duration::from_millis(40), Duration::from_millis(80)];
    let mut reader = Reader::new(Arc::new(Clock(begun)), &limits, 1, 2);
    let mut oldest = 0;
    // On a busy machine a copy may be looked at too seldom, so it is tried until one has become old.
    while begun.elapsed() < Duration::from_millis(800) || (oldest < 80 && begun.elapsed() < Duration::from_secs(20)) {
        let text = reader.read().unwrap();
        let age = begun.elapsed().as_millis() - text.parse::<u128>().unwrap();
        if reader.is_fresh() {
            oldest = oldest.max(age);
        }
        std::thread::sleep(Duration::from_millis(3));
    }
    assert!((80..=121).contains(&oldest), "{oldest} ms of at most 120");
}
