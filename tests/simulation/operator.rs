//! The real engine, stopped at each call of its store: what becomes of the call is for the story to say.

use std::collections::{BTreeMap, BTreeSet};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::task::Poll;

use chrono::TimeDelta;
use keyturn::api::SecretKeyRef;
use keyturn::engine::{Engine, Minter, News, PassError, Report, Request};
use keyturn::jose::{Curve, KeyKind, KeySpec};
use keyturn::keyring::{Keyring, Time};
use keyturn::lifecycle::Now;
use keyturn::lifecycle::policy::OutputId;
use keyturn::material::PrivateKey;
use keyturn::probe::Clock;
use keyturn::publish::{Files, Header};
use keyturn::store::{Referenced, SetRef, Snapshot, Store, StoreError, Stored, Version};

use super::dice::Dice;
use super::habits::Ms;
use super::world::{Asked, W, What, World, Write};

/// How many keys are made before the stories; one that needs more makes its own.
const POOL_SIZE: usize = 200;

pub type Shared = Arc<Mutex<World>>;

/// What a pass came to.
pub type Outcome = (Result<Report, PassError>, Vec<News>);

/// A call of the store.
pub enum Call {
    Load(Vec<OutputId>),
    Write { what: What, seen: Option<u64>, begun: Ms },
}

pub enum Answer {
    Loaded(Result<Snapshot, StoreError>),
    Written(Result<Version, StoreError>),
}

/// How far a pass is.
pub enum Turn {
    Calls(Call),
    Ends(Box<Outcome>),
}

/// The place where a pass waits for its store.
#[derive(Default)]
struct Desk {
    call: Option<Call>,
    answer: Option<Answer>,
}

pub struct SimStore {
    desk: Arc<Mutex<Desk>>,
    world: Shared,
}

pub struct SimClock {
    world: Shared,
    operator: usize,
}

/// A pass under way.
pub struct Running {
    future: Pin<Box<dyn Future<Output = Outcome>>>,
    pub looked: Ms,
    pub asked: Asked,
    /// Where it froze: with a call not sent, or an answer not read.
    pub call: Option<Call>,
    /// Its last write was sent so long after its stamp that it stamps once more.
    pub overslept: bool,
}

pub struct Operator {
    pub number: usize,
    world: Shared,
    desk: Arc<Mutex<Desk>>,
    engine: Arc<Engine<SimStore, SimClock>>,
    keys: KeySupply,
    pub running: Option<Running>,
}

/// Hands out each key once in a story.
#[derive(Clone, Default)]
pub struct KeySupply {
    given: Arc<AtomicUsize>,
}

impl Operator {
    pub fn new(number: usize, world: &Shared, keys: &KeySupply) -> Self {
        let desk = Arc::new(Mutex::new(Desk::default()));
        let store = SimStore { desk: Arc::clone(&desk), world: Arc::clone(world) };
        let clock = SimClock { world: Arc::clone(world), operator: number };
        let supply = keys.clone();
        let minter = Minter::default().with_keys(move |spec| supply.next(spec));
        let engine = Arc::new(Engine::new(store, clock, minter));
        Self { number, world: Arc::clone(world), desk, engine, keys: keys.clone(), running: None }
    }

    /// It is killed, and another process takes its place.
    pub fn crash(&mut self) {
        *self = Self::new(self.number, &self.world, &self.keys);
    }

    pub fn begin(&mut self, request: Request, asked: Asked) {
        let engine = Arc::clone(&self.engine);
        let future = Box::pin(async move {
            let mut news = Vec::new();
            let outcome = engine.pass(&request, &mut news).await;
            (outcome, news)
        });
        self.running = Some(Running { future, looked: 0, asked, call: None, overslept: false });
    }

    /// Goes on until the pass calls its store, or ends.
    pub async fn turn(&mut self) -> Turn {
        let running = self.running.as_mut().expect("a pass is under way");
        if let Some(call) = running.call.take() {
            return Turn::Calls(call);
        }
        let turn = poll_fn(|context| match running.future.as_mut().poll(context) {
            Poll::Ready(outcome) => Poll::Ready(Turn::Ends(Box::new(outcome))),
            Poll::Pending => match self.desk.lock().unwrap().call.take() {
                Some(call) => Poll::Ready(Turn::Calls(call)),
                None => Poll::Pending,
            },
        });
        let turn = turn.await;
        if matches!(turn, Turn::Ends(_)) {
            self.running = None;
        }
        turn
    }

    pub fn answer(&mut self, answer: Answer) {
        self.desk.lock().unwrap().answer = Some(answer);
    }
}

impl SimStore {
    async fn call(&self, call: Call) -> Answer {
        self.desk.lock().unwrap().call = Some(call);
        poll_fn(|_| match self.desk.lock().unwrap().answer.take() {
            Some(answer) => Poll::Ready(answer),
            None => Poll::Pending,
        })
        .await
    }

    async fn write(&self, what: What, seen: Option<&Version>) -> Result<Version, StoreError> {
        let seen = seen.map(|version| version.0.parse().expect("a version of this store"));
        let begun = self.world.lock().unwrap().now;
        match self.call(Call::Write { what, seen, begun }).await {
            Answer::Written(result) => result,
            Answer::Loaded(_) => unreachable!("a write is answered as one"),
        }
    }
}

impl Store for SimStore {
    fn write_bound(&self) -> TimeDelta {
        TimeDelta::milliseconds(W)
    }

    async fn load(&self, _: &SetRef, outputs: &[OutputId]) -> Result<Snapshot, StoreError> {
        match self.call(Call::Load(outputs.to_vec())).await {
            Answer::Loaded(result) => result,
            Answer::Written(_) => unreachable!("a read is answered as one"),
        }
    }

    /// No story refers to anything.
    async fn referenced(
        &self,
        _: &SetRef,
        _: &BTreeSet<SecretKeyRef>,
    ) -> Result<BTreeMap<SecretKeyRef, Referenced>, StoreError> {
        Ok(BTreeMap::new())
    }

    async fn commit(&self, _: &SetRef, keyring: &Keyring, seen: Option<&Version>) -> Result<Version, StoreError> {
        let stored = Keyring::from_bytes(&keyring.to_bytes().expect("it can be written")).expect("it can be read");
        self.write(What::Keyring(Box::new(stored)), seen).await
    }

    async fn publish(
        &self,
        _: &SetRef,
        output: &OutputId,
        files: &Files,
        header: &Header,
        seen: Option<&Stored>,
        _by: Time,
    ) -> Result<Version, StoreError> {
        let what = What::Output { id: output.clone(), files: files.clone(), header: header.clone() };
        self.write(what, seen.map(|stored| &stored.version)).await
    }
}

impl Clock for SimClock {
    fn now(&self) -> Now {
        self.world.lock().unwrap().clock(self.operator)
    }
}

impl Running {
    pub fn write(&self, what: What, seen: Option<u64>) -> Write {
        Write { what, seen, looked: self.looked, asked: self.asked.clone() }
    }
}

impl KeySupply {
    fn next(&self, spec: KeySpec) -> Result<PrivateKey, keyturn::material::GenerateError> {
        if spec.key_kind() != KeyKind::Ec(Curve::P256) {
            return PrivateKey::generate(&spec);
        }
        let given = self.given.fetch_add(1, Ordering::Relaxed);
        pool().get(given).cloned().map_or_else(|| PrivateKey::generate(&spec), Ok)
    }
}

/// Keys that every story takes anew, made once. Their kids stand in the same order to each other in every run, so that a
/// story comes again.
fn pool() -> &'static [PrivateKey] {
    static POOL: OnceLock<Vec<PrivateKey>> = OnceLock::new();
    POOL.get_or_init(|| {
        let spec = KeySpec::Ec { curve: Curve::P256 };
        let mut keys: Vec<PrivateKey> = (0..POOL_SIZE).map(|_| PrivateKey::generate(&spec).expect("a key")).collect();
        keys.sort_by_key(|key| key.public().map(|public| public.thumbprint().to_string()));
        let mut dice = Dice::new(7);
        for index in 1..keys.len() {
            keys.swap(index, dice.index(index + 1));
        }
        keys
    })
}
