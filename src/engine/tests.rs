//! Passes over a real directory.

use std::sync::atomic::{AtomicI64, Ordering};

use chrono::TimeDelta;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::keyring::Time;
use crate::lifecycle::Now;
use crate::lifecycle::fixtures::{config_map, spec};
use crate::probe::SystemClock;
use crate::store::directory::DirectoryStore;
use crate::store::{Place, Seal, Snapshot};

struct Fixture<C = SystemClock> {
    _dir: TempDir,
    engine: Engine<DirectoryStore, C>,
}

/// A clock on which so many seconds pass whenever someone looks at it.
struct Slow {
    seconds: i64,
    begun: Time,
    looked: AtomicI64,
}

impl Clock for Slow {
    fn now(&self) -> Now {
        let now = self.begun + TimeDelta::seconds(self.seconds * self.looked.fetch_add(1, Ordering::Relaxed));
        Now::new(now, now)
    }
}

impl Fixture {
    fn new() -> Self {
        Self::with(SystemClock)
    }
}

impl<C: Clock> Fixture<C> {
    fn with(clock: C) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = DirectoryStore::open(dir.path(), Seal::default()).unwrap();
        Self { _dir: dir, engine: Engine::new(store, clock, Minter::default()) }
    }

    async fn pass(&self, request: &Request) -> Result<Report, PassError> {
        self.engine.pass(request, &mut Vec::new()).await
    }

    async fn load(&self) -> Snapshot {
        self.engine.store().load(&set(), &[config_map("c")]).await.unwrap()
    }

    /// The names of the files that verifiers read.
    async fn published(&self) -> Vec<String> {
        match self.load().await.outputs.remove(&config_map("c")) {
            Some(Place::Ours(stored)) => stored.files.into_keys().collect(),
            other => panic!("expected an output of this set, found {other:?}"),
        }
    }
}

fn set() -> SetRef {
    SetRef { namespace: "iam".to_owned(), name: "auth".to_owned(), owner: None }
}

fn request(generation: i64, files: &Value) -> Request {
    let keys = json!([{ "name": "a", "algorithm": "ES256" }, { "name": "b", "algorithm": "ES256" }]);
    Request {
        set: set(),
        spec: spec(json!({ "keys": keys, "configMaps": [{ "name": "c", "files": files }] })),
        edit: Some(Edit { uid: "u".to_owned(), generation }),
        rotate: None,
        confirmed: BTreeSet::new(),
        remembered: None,
        accepted_loss: None,
    }
}

#[tokio::test]
async fn whoever_holds_an_older_edit_changes_nothing_and_is_told_to_read_again() {
    let all = json!({ "content": "PublicJwks" });
    let first = request(1, &json!({ "all.json": all, "b.json": { "content": "PublicJwks", "line": "b" } }));
    let second = request(2, &json!({ "all.json": all }));
    let fixture = Fixture::new();
    fixture.pass(&first).await.unwrap();
    fixture.pass(&second).await.unwrap();
    let before = fixture.load().await.keyring.unwrap().keyring;
    assert_eq!(before.kept.len(), 1);

    let late = fixture.pass(&first).await;
    assert!(matches!(late, Err(PassError::Overtaken)), "{late:?}");
    let after = fixture.load().await.keyring.unwrap().keyring;
    assert_eq!((after.revision, &after.kept, &after.accepted), (before.revision, &before.kept, &before.accepted));
    fixture.pass(&second).await.unwrap();
    assert_eq!(fixture.published().await, ["all.json", "b.json"], "what it signed may be valid");
}

#[tokio::test]
async fn a_resource_that_was_set_back_counts_without_a_number() {
    let all = json!({ "content": "PublicJwks" });
    let fixture = Fixture::new();
    fixture.pass(&request(2, &json!({ "all.json": all }))).await.unwrap();
    let back = request(1, &json!({ "all.json": all, "more.json": all }));
    assert!(matches!(fixture.pass(&back).await, Err(PassError::Overtaken)));
    fixture.pass(&Request { edit: None, ..back.clone() }).await.unwrap();
    fixture.pass(&back).await.unwrap();
    assert_eq!(fixture.published().await, ["all.json", "more.json"]);
}

#[tokio::test]
async fn a_slow_disk_stops_nothing_and_what_it_took_long_to_write_is_stamped_by_its_end() {
    let request = request(1, &json!({ "all.json": { "content": "PublicJwks" } }));
    for seconds in [3, 10, 40] {
        let clock = Slow { seconds, begun: SystemClock.now().later, looked: AtomicI64::new(0) };
        let fixture = Fixture::with(clock);
        fixture.pass(&request).await.unwrap();
        let Some(Place::Ours(stored)) = fixture.load().await.outputs.remove(&config_map("c")) else {
            panic!("nothing is published")
        };
        let marks = stored.header.unwrap().marks;
        let held: Vec<Time> = marks.values().filter_map(|mark| mark.held).collect();
        // The ConfigMap is written first: each attempt looks at the clock before and after.
        let attempts = 1 + [0, 2, 15, 60].iter().filter(|allowance| **allowance < seconds).count();
        let ended = |clock: &Slow| clock.begun + TimeDelta::seconds(seconds * i64::try_from(2 * attempts).unwrap());
        assert_eq!(held.len(), 4, "of each line the active one and the standby");
        assert!(held.iter().all(|held| *held >= ended(&fixture.engine.clock)), "{seconds}: {held:?}");
    }
}
