//! Makers and checkers at work: signers and verifiers, or senders and those who decrypt.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use crate::reader::{Reader, Source, chance};

/// How often a maker makes something with every key in use.
const MAKE_EVERY: Duration = Duration::from_millis(250);
/// How often a checker checks everything that has not expired.
const CHECK_EVERY: Duration = Duration::from_millis(700);

const MAKERS: u32 = 2;
const CHECKERS: u32 = 4;

/// What is made, and how it is checked.
pub trait Scheme: 'static {
    type Keys;
    type CheckKeys;
    /// Reads the file that makers read.
    fn keys(jwks: &str) -> Self::Keys;
    /// Makes one thing with each key in use: line, kid, and what was made.
    fn make(keys: &Self::Keys, expires: SystemTime) -> Vec<(String, String, String)>;
    /// Reads the file that checkers read.
    fn check_keys(jwks: &str) -> Self::CheckKeys;
    fn check(keys: &Self::CheckKeys, made: &str) -> Result<(), String>;
}

/// How the readers of a system behave, which is to say: what is true, whatever the spec states.
pub struct Habits {
    pub makers_read: Arc<dyn Source>,
    pub maker_delays: Vec<Duration>,
    pub checkers_read: Arc<dyn Source>,
    pub checker_delays: Vec<Duration>,
    pub lifetime: Duration,
}

/// Everything that is going on; it stops when this value is dropped.
pub struct World {
    shared: Arc<Shared>,
    makers: Vec<JoinHandle<()>>,
    checkers: Vec<JoinHandle<()>>,
}

/// What came of it.
#[derive(Debug)]
pub struct Tally {
    /// How many keys each line was used with.
    pub keys: BTreeMap<String, usize>,
    pub made: u64,
    pub checks: u64,
    pub failures: Vec<String>,
}

#[derive(Default)]
struct Shared {
    alive: Mutex<Vec<Arc<Item>>>,
    used: Mutex<BTreeMap<String, BTreeSet<String>>>,
    failures: Mutex<Vec<String>>,
    made: AtomicU64,
    checks: AtomicU64,
    makers_stop: AtomicBool,
    checkers_stop: AtomicBool,
}

struct Item {
    kid: String,
    content: String,
    made: SystemTime,
    expires: SystemTime,
}

impl World {
    pub fn begin<S: Scheme>(habits: &Habits) -> Self {
        let shared = Arc::new(Shared::default());
        let reader = |source: &Arc<dyn Source>, delays: &[Duration], index, count| {
            (Arc::clone(&shared), Reader::new(Arc::clone(source), delays, index, count))
        };
        let lifetime = habits.lifetime;
        let makers = (0..MAKERS).map(|index| {
            let (shared, reader) = reader(&habits.makers_read, &habits.maker_delays, index, MAKERS);
            std::thread::spawn(move || shared.make::<S>(reader, lifetime))
        });
        let checkers = (0..CHECKERS).map(|index| {
            let (shared, reader) = reader(&habits.checkers_read, &habits.checker_delays, index, CHECKERS);
            std::thread::spawn(move || shared.check::<S>(reader, index))
        });
        let (checkers, makers) = (checkers.collect(), makers.collect());
        Self { shared, makers, checkers }
    }

    /// Waits until each of `lines` lines was used with that many keys, one after the other.
    pub fn until_used(&self, lines: usize, keys: usize, within: Duration) {
        let begun = Instant::now();
        loop {
            let used = self.shared.used.lock().unwrap().clone();
            if used.len() >= lines && used.values().all(|kids| kids.len() >= keys) {
                return;
            }
            assert!(begun.elapsed() < within, "after {within:?} the lines were used with {used:?}");
            self.assert_all_work();
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Waits for a failure; whether one came.
    pub fn fails(&self, within: Duration) -> bool {
        let begun = Instant::now();
        while begun.elapsed() < within {
            if !self.shared.failures.lock().unwrap().is_empty() {
                return true;
            }
            self.assert_all_work();
            std::thread::sleep(Duration::from_millis(100));
        }
        false
    }

    /// Ends the making, and the checking when everything has expired.
    pub fn end(mut self) -> Tally {
        self.shared.makers_stop.store(true, Ordering::SeqCst);
        self.makers.drain(..).for_each(|maker| maker.join().expect("a maker works"));
        while !self.shared.live(SystemTime::now()).is_empty() {
            self.assert_all_work();
            std::thread::sleep(Duration::from_millis(100));
        }
        self.shared.checkers_stop.store(true, Ordering::SeqCst);
        self.checkers.drain(..).for_each(|checker| checker.join().expect("a checker works"));
        let used = std::mem::take(&mut *self.shared.used.lock().unwrap());
        Tally {
            keys: used.into_iter().map(|(line, kids)| (line, kids.len())).collect(),
            made: self.shared.made.load(Ordering::SeqCst),
            checks: self.shared.checks.load(Ordering::SeqCst),
            failures: std::mem::take(&mut *self.shared.failures.lock().unwrap()),
        }
    }

    fn assert_all_work(&self) {
        let ended = self.makers.iter().chain(&self.checkers).any(JoinHandle::is_finished);
        assert!(!ended, "a maker or a checker panicked, see above");
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.shared.makers_stop.store(true, Ordering::SeqCst);
        self.shared.checkers_stop.store(true, Ordering::SeqCst);
    }
}

impl Shared {
    fn make<S: Scheme>(&self, mut reader: Reader, lifetime: Duration) {
        let mut known: Option<(Arc<str>, S::Keys)> = None;
        while !self.makers_stop.load(Ordering::SeqCst) {
            std::thread::sleep(MAKE_EVERY / 2 + chance(MAKE_EVERY));
            let Some(text) = reader.read() else { continue };
            let keys = match known.take() {
                Some((old, keys)) if old == text => keys,
                _ => S::keys(&text),
            };
            let made = SystemTime::now();
            let expires = whole_seconds(made) + lifetime;
            let items = S::make(&keys, expires);
            known = Some((text, keys));
            // What took too long was made with keys that were too old by then: it never was.
            if !reader.is_fresh() {
                continue;
            }
            for (line, kid, content) in items {
                self.used.lock().unwrap().entry(line).or_default().insert(kid.clone());
                self.alive.lock().unwrap().push(Arc::new(Item { kid, content, made, expires }));
                self.made.fetch_add(1, Ordering::SeqCst);
            }
        }
    }

    fn check<S: Scheme>(&self, mut reader: Reader, index: u32) {
        let mut known: Option<(Arc<str>, S::CheckKeys)> = None;
        while !self.checkers_stop.load(Ordering::SeqCst) {
            std::thread::sleep(CHECK_EVERY / 2 + chance(CHECK_EVERY));
            // In this order a stall at any point is harmless: what is checked was made before the keys were found
            // fresh, and expires after they were read.
            let items = self.live(SystemTime::now());
            let Some(text) = reader.read() else { continue };
            let now = SystemTime::now();
            if !reader.is_fresh() {
                continue;
            }
            let ages = reader.ages();
            let keys = match known.take() {
                Some((old, keys)) if old == text => keys,
                _ => S::check_keys(&text),
            };
            for item in items.iter().filter(|item| item.expires > now) {
                self.checks.fetch_add(1, Ordering::SeqCst);
                if let Err(why) = S::check(&keys, &item.content) {
                    let age = item.made.elapsed().unwrap_or_default().as_secs_f64();
                    let failure = format!("checker {index}, {ages}: made {age:.1} s ago with {}: {why}", item.kid);
                    self.failures.lock().unwrap().push(failure);
                }
            }
            known = Some((text, keys));
        }
    }

    fn live(&self, now: SystemTime) -> Vec<Arc<Item>> {
        let mut alive = self.alive.lock().unwrap();
        alive.retain(|item| item.expires > now);
        alive.clone()
    }
}

fn whole_seconds(time: SystemTime) -> SystemTime {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).expect("a clock after 1970");
    SystemTime::UNIX_EPOCH + Duration::from_secs(since.as_secs())
}

impl Tally {
    /// Much was done and nothing failed.
    pub fn assert_flawless(&self) {
        let first = &self.failures[..self.failures.len().min(10)];
        assert!(first.is_empty(), "{} of {} checks failed; the first: {first:#?}", self.failures.len(), self.checks);
        assert!(self.made > 50 && self.checks > 10 * self.made, "too little was done to mean anything: {self:?}");
        println!("{} made, {} checks, no failure; keys {:?}", self.made, self.checks, self.keys);
    }
}
