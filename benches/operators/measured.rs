//! What one round found out about one operator.

use std::collections::BTreeMap;
use std::time::Duration;

/// All of it.
#[derive(Debug)]
pub struct Measured {
    pub objects: usize,
    /// Objects that are new.
    pub creation: Creation,
    /// From the deletion of a Secret until it is there again, sorted.
    pub restorations: Vec<Duration>,
    /// A minute in which nothing happens.
    pub idle: Work,
    /// A start with all objects settled.
    pub restart: Restart,
}

#[derive(Debug)]
pub struct Creation {
    /// From the first request that creates an object until the last object is ready.
    pub ready: Duration,
    /// Until the operator is quiet.
    pub work: Work,
    /// The most memory that it had, in bytes.
    pub peak_memory: u64,
}

#[derive(Debug)]
pub struct Restart {
    /// From the start of the process until its last request before it is quiet.
    pub settled: Duration,
    pub work: Work,
    /// The most memory that it had, in bytes.
    pub peak_memory: u64,
    /// What it has when it is quiet, in bytes.
    pub memory: u64,
}

/// What an operator does in a span of time.
#[derive(Debug, Default)]
pub struct Work {
    /// Time on a core.
    pub cpu: Duration,
    /// Requests by verb, without watches and lists; events under a name of their own.
    pub requests: BTreeMap<String, usize>,
}

impl Measured {
    /// The time within which that share of the Secrets was there again.
    pub fn restored(&self, percent: usize) -> Duration {
        let last = self.restorations.len().saturating_sub(1);
        self.restorations.get((self.restorations.len() * percent / 100).min(last)).copied().unwrap_or_default()
    }
}

impl Work {
    pub fn all_requests(&self) -> usize {
        self.requests.values().sum()
    }
}
