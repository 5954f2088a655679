//! Key sets that rotate as often as they may, and tokens of some of them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use keyturn::api::{ConditionStatus, JwksKeySet};
use kube::ResourceExt;
use kube::api::ListParams;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::http::get;
use crate::jwt::Jwt;
use crate::operator::{Fixture, condition, example};
use crate::published::Published;
use crate::reader::Source;
use crate::world::{Habits, World};

/// What is true of all readers: P, C, R and L. Those behind `keyturn serve` have no volume that lags; P is for the server.
const P: Duration = Duration::from_secs(1);
const P_OF_SERVER: Duration = Duration::from_secs(6);
const C: Duration = Duration::from_secs(2);
const R: Duration = Duration::from_secs(1);
const L: Duration = Duration::from_secs(4);

/// The most that one rotation may take with restarts in between: the interval, and once the lease of a killed leader, and
/// what a busy machine needs.
const ROTATION: Duration = Duration::from_secs(70 + 30);

/// Lines of the sets that are used.
const LINES: usize = 2 + 2 + 1 + 1;

/// Sets of which nobody uses the keys.
const QUIET: usize = 20;

/// A set that rotates every 70 s: a key waits W, 60 s, before it signs, whatever else is stated.
pub fn set(name: &str, more: Value) -> JwksKeySet {
    timed(name, P, more)
}

fn timed(name: &str, publish_delay: Duration, more: Value) -> JwksKeySet {
    let seconds = |time: Duration| format!("{}s", time.as_secs());
    let mut spec = json!({
        "keys": [{ "algorithm": "ES256" }],
        "rotation": { "interval": "70s" },
        "timing": {
            "publishDelay": seconds(publish_delay),
            "verifierCacheTtl": seconds(C),
            "signerReloadDelay": seconds(R),
            "maxTokenLifetime": seconds(L),
            "clockSkew": "0s",
        },
    });
    let Value::Object(more) = more else { panic!("members of the spec") };
    spec.as_object_mut().unwrap().extend(more);
    example(name, spec)
}

pub fn is_ready(set: &JwksKeySet) -> bool {
    let ready = set.status.as_ref().and_then(|status| condition(status, "Ready"));
    ready.is_some_and(|(status, ..)| status == ConditionStatus::True)
}

/// Signers and verifiers at work, and which keys were active.
pub struct Traffic {
    worlds: BTreeMap<&'static str, World>,
    active: BTreeMap<String, BTreeSet<String>>,
}

impl Traffic {
    /// Makes the sets, waits until they are ready, and begins to sign.
    pub fn begin(runtime: &Runtime, fixture: &Fixture, serve: SocketAddr) -> Self {
        let two = json!([{ "algorithm": "ES256" }, { "algorithm": "EdDSA" }]);
        let late = json!({ "interval": "70s", "standby": false });
        let mut sets = vec![
            set("standby", json!({ "keys": two })),
            set("late", json!({ "keys": two, "rotation": late })),
            set("publisher", json!({ "publisher": "Signer" })),
            timed("served", P_OF_SERVER, json!({})),
        ];
        sets.extend((0..QUIET).map(|index| set(&format!("quiet-{index}"), json!({}))));
        for set in &sets {
            runtime.block_on(fixture.apply(set));
        }
        for set in &sets {
            runtime.block_on(fixture.ready(&set.name_any()));
        }
        let published = |set: &str| Published::new(runtime, fixture, set);
        let world = |set: &str, checkers_read, checker_delays| {
            World::begin::<Jwt>(&Habits {
                makers_read: published(set).for_signers(),
                maker_delays: vec![R],
                checkers_read,
                checker_delays,
                lifetime: L,
            })
        };
        let served = Served(serve, format!("/{}/served/jwks.json", fixture.namespace));
        let worlds = BTreeMap::from([
            ("standby", world("standby", published("standby").for_verifiers(), vec![P, C])),
            ("late", world("late", published("late").for_verifiers(), vec![P, C])),
            ("publisher", world("publisher", published("publisher").for_signers(), vec![R, C])),
            ("served", world("served", Arc::new(served), vec![C])),
        ]);
        Self { worlds, active: BTreeMap::new() }
    }

    /// Looks for that long, at least, what goes on.
    pub fn look(&mut self, runtime: &Runtime, fixture: &Fixture, time: Duration) {
        let begun = Instant::now();
        self.see(runtime, fixture);
        std::thread::sleep(time.saturating_sub(begun.elapsed()));
    }

    /// Whether each line rotated.
    pub fn has_enough(&self) -> bool {
        self.active.len() == LINES + QUIET && self.active.values().all(|kids| kids.len() >= 2)
    }

    pub fn has_failed(&self) -> bool {
        self.worlds.values().any(|world| world.fails(Duration::from_millis(1)))
    }

    /// No token failed, and each set rotated as often as it should.
    pub fn end(mut self, runtime: &Runtime, fixture: &Fixture, lasted: Duration) {
        let (mut made, mut checks) = (0, 0);
        for (set, world) in std::mem::take(&mut self.worlds) {
            let tally = world.end();
            print!("{set}: ");
            tally.assert_flawless();
            (made, checks) = (made + tally.made, checks + tally.checks);
        }
        self.see(runtime, fixture);
        let rotations = |kids: &BTreeSet<String>| kids.len() - 1;
        assert_eq!(self.active.len(), LINES + QUIET);
        let all: usize = self.active.values().map(rotations).sum();
        println!("{made} tokens, {checks} checks, {all} rotations of {} lines", self.active.len());
        let least = usize::try_from(lasted.as_secs() / ROTATION.as_secs()).unwrap();
        for (line, kids) in &self.active {
            assert!(rotations(kids) >= least, "{line} was active with {kids:?} in {lasted:?}");
        }
    }

    fn see(&mut self, runtime: &Runtime, fixture: &Fixture) {
        let sets = runtime.block_on(fixture.sets().list(&ListParams::default())).expect("the API server answers");
        for set in sets {
            let keys = set.status.iter().flat_map(|status| &status.keys).filter(|key| key.phase == "Active");
            for key in keys {
                let line = format!("{} {}", set.name_any(), key.line);
                self.active.entry(line).or_default().insert(key.kid.clone());
            }
        }
    }
}

/// A JWK Set of `keyturn serve`.
struct Served(SocketAddr, String);

impl Source for Served {
    fn read(&self) -> Option<String> {
        let answer = get(self.0, &self.1, &[]);
        (answer.status == 200).then(|| String::from_utf8(answer.body).unwrap())
    }
}
