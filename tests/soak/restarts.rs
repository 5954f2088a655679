//! Two operators of which one is always being replaced.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::operator::program::Program;
use crate::operator::{Fixture, PATIENCE};
use crate::reader::chance;

/// A clean stop hands over within seconds, in the middle. On a busy machine the API server may be slow at times.
const SECONDS: Duration = Duration::from_secs(5);

/// How long a lease lasts that nobody renews, and the time to take it, in the middle too.
const EXPIRED: Duration = Duration::from_secs(15 + 5);

/// W, which passes that run may take, and some more.
const ENDED: Duration = Duration::from_secs(65);

/// What happens, in turn. A rolling update ends the leader cleanly as often as not.
const TURNS: [Turn; 6] = [
    Turn::LeaderStops,
    Turn::FollowerStops,
    Turn::LeaderIsKilled,
    Turn::LeaderStops,
    Turn::LeaderStops,
    Turn::FollowerIsKilled,
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    LeaderStops,
    LeaderIsKilled,
    FollowerStops,
    FollowerIsKilled,
}

/// The two, and what was seen.
pub struct Restarts<'a> {
    fixture: &'a Fixture,
    leader: Program,
    follower: Program,
    turns: usize,
    stopped: Vec<Duration>,
    killed: Vec<Duration>,
}

impl<'a> Restarts<'a> {
    pub fn begin(fixture: &'a Fixture) -> Self {
        let (one, other) = (Program::start(fixture), Program::start(fixture));
        one.ready();
        other.ready();
        Self { fixture, leader: one, follower: other, turns: 0, stopped: Vec::new(), killed: Vec::new() }
    }

    /// Restarts one after the other until it is over; says when it has been enough.
    pub fn go_on(&mut self, enough: &AtomicBool, over: &AtomicBool) {
        for turn in TURNS.into_iter().cycle() {
            if over.load(Ordering::SeqCst) {
                return;
            }
            self.replace(turn);
            self.turns += 1;
            enough.store(self.has_enough(), Ordering::SeqCst);
            std::thread::sleep(Duration::from_secs(1) + chance(Duration::from_secs(4)));
        }
    }

    /// Ends one of them, waits until the other leads, and starts a successor.
    fn replace(&mut self, turn: Turn) {
        let leads = matches!(turn, Turn::LeaderStops | Turn::LeaderIsKilled);
        let stops = matches!(turn, Turn::LeaderStops | Turn::FollowerStops);
        until(PATIENCE, "one of them leads", || self.leader.leads() != self.follower.leads());
        // From here on the one that ends is the follower.
        if self.leader.leads() == leads {
            std::mem::swap(&mut self.leader, &mut self.follower);
        }
        let begun = Instant::now();
        if stops {
            self.follower.terminate();
        } else {
            self.follower.kill();
        }
        until(PATIENCE, "the other leads", || self.leader.leads());
        if leads {
            if stops { &mut self.stopped } else { &mut self.killed }.push(begun.elapsed());
        }
        let ended = self.follower.ended(ENDED);
        assert_eq!(ended.success(), stops, "{ended}");
        assert_calm(&self.follower);
        self.follower = Program::start(self.fixture);
        self.follower.ready();
        assert!(self.leader.is_well("/livez"));
    }

    fn has_enough(&self) -> bool {
        self.stopped.len() >= 3 && !self.killed.is_empty()
    }

    /// Enough happened, leaders handed over in time, and both end as they should.
    pub fn end(self) {
        assert!(self.has_enough(), "too little happened: {self}");
        assert!(middle(&self.stopped) < SECONDS, "{self}");
        assert!(middle(&self.killed) < EXPIRED, "{self}");
        for mut program in [self.follower, self.leader] {
            program.terminate();
            assert!(program.ended(ENDED).success());
            assert_calm(&program);
        }
    }
}

/// Nothing but JSON was logged, so it did not panic, and nothing in it is an error.
pub fn assert_calm(program: &Program) {
    let errors: Vec<_> = program.lines().into_iter().filter(|line| line["level"] == "ERROR").collect();
    assert!(errors.is_empty(), "{errors:#?}");
    // A set that is deleted is no set that lost its keyring.
    let lost: Vec<_> = program.lines().into_iter().filter(|line| line["reason"] == "KeyringLost").collect();
    assert!(lost.is_empty(), "{lost:#?}");
    let is_news = |line: &&Value| line["level"] == "WARN" && line["reason"] != "Discouraged";
    for line in program.lines().iter().filter(is_news) {
        println!("{line}");
    }
}

pub fn until(patience: Duration, what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < patience, "{what}: not after {patience:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

impl fmt::Display for Restarts<'_> {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{} restarts; hand-over of a leader that {}", self.turns, times("stopped", &self.stopped))?;
        write!(to, ", that {}", times("was killed", &self.killed))
    }
}

fn times(what: &str, all: &[Duration]) -> String {
    let last = all.iter().max().copied().unwrap_or_default();
    let (middle, last) = (middle(all).as_secs_f64(), last.as_secs_f64());
    format!("{what} {} times: {middle:.2} s in the middle, {last:.2} s at most", all.len())
}

fn middle(all: &[Duration]) -> Duration {
    let mut all = all.to_vec();
    all.sort_unstable();
    all.get(all.len() / 2).copied().unwrap_or_default()
}
