//! Passes over a real directory.

use std::sync::atomic::{AtomicI64, Ordering};

use chrono::TimeDelta;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::keyring::Time;
use crate::lifecycle::Now;
use crate::lifecycle::fixtures::{at, config_map, spec};
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
        set_back: false,
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
async fn a_resource_that_was_set_back_counts_and_what_is_older_still_does_not() {
    let all = json!({ "content": "PublicJwks" });
    let fixture = Fixture::new();
    fixture.pass(&request(3, &json!({ "all.json": all }))).await.unwrap();
    let back = request(2, &json!({ "all.json": all, "more.json": all }));
    assert!(matches!(fixture.pass(&back).await, Err(PassError::Overtaken)));
    fixture.pass(&Request { set_back: true, ..back.clone() }).await.unwrap();
    let frozen = fixture.pass(&request(1, &json!({ "all.json": all }))).await;
    assert!(matches!(frozen, Err(PassError::Overtaken)), "{frozen:?}");
    fixture.pass(&back).await.unwrap();
    assert_eq!(fixture.published().await, ["all.json", "more.json"]);
}

#[tokio::test]
async fn while_a_spec_is_refused_it_is_told_which_one_counts() {
    let good = request(1, &json!({ "all.json": { "content": "PublicJwks" } }));
    let mut bad = good.clone();
    bad.edit = Some(Edit { uid: "u".to_owned(), generation: 2 });
    bad.spec.rotation.time_zone = "Mars/Olympus".to_owned();
    bad.spec.rotation.mode = crate::api::Mode::Schedule;
    bad.spec.rotation.schedule = Some("0 3 1 * *".to_owned());
    let fixture = Fixture::new();
    assert_eq!(fixture.pass(&good).await.unwrap().spec_in_force, None);
    let report = fixture.pass(&bad).await.unwrap();
    assert!(matches!(report.problems.as_slice(), [Problem::SpecRefused(_)]), "{:?}", report.problems);
    assert_eq!(report.spec_in_force, Some(serde_json::to_value(&good.spec).unwrap()));
    assert_eq!(fixture.pass(&good).await.unwrap().spec_in_force, None);
}

#[tokio::test]
async fn a_spec_that_can_not_be_remembered_is_told_once() {
    let short = request(1, &json!({ "all.json": { "content": "PublicJwks" } }));
    let mut long = short.clone();
    long.edit = Some(Edit { uid: "u".to_owned(), generation: 2 });
    long.spec.promotion.confirm = Some(vec![serde_json::from_value(json!({ "manual": {} })).unwrap(); 100_000]);
    let told = async |fixture: &Fixture, request: &Request| {
        let mut news = Vec::new();
        fixture.engine.pass(request, &mut news).await.unwrap();
        news.iter().filter(|news| news.reason == Reason::SpecNotRemembered).count()
    };
    let fixture = Fixture::new();
    assert_eq!(told(&fixture, &short).await, 0);
    assert_eq!(told(&fixture, &long).await, 1, "the spec before is forgotten");
    assert_eq!(told(&fixture, &long).await, 0);
    let fixture = Fixture::new();
    assert_eq!(told(&fixture, &long).await, 1, "of a new set");
    assert_eq!(told(&fixture, &long).await, 0);
}

#[tokio::test]
async fn a_public_set_that_no_key_can_be_in_is_warned_of_once() {
    let warned = async |fixture: &Fixture, spec: Value| {
        let mut news = Vec::new();
        let request = Request { spec: self::spec(spec), ..request(1, &json!({})) };
        fixture.engine.pass(&request, &mut news).await.unwrap();
        let of = |news: &&News| news.reason == Reason::Discouraged && news.note.contains("holds no key");
        news.iter().filter(of).count()
    };
    let stated = json!([{ "name": "c", "files": { "jwks.json": { "content": "PublicJwks" } } }]);
    let (hs, es) = (json!({ "algorithm": "HS256" }), json!({ "algorithm": "ES256" }));
    let fixture = Fixture::new();
    assert_eq!(warned(&fixture, json!({ "keys": [hs], "configMaps": stated })).await, 1);
    assert_eq!(warned(&fixture, json!({ "keys": [hs], "configMaps": stated })).await, 0);
    assert_eq!(warned(&Fixture::new(), json!({ "keys": [hs, es], "configMaps": stated })).await, 0);
    assert_eq!(warned(&Fixture::new(), json!({ "keys": [hs] })).await, 0, "it has no ConfigMap");
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

#[tokio::test]
async fn an_edit_that_leaves_no_room_for_keys_that_pods_need_is_refused() {
    let with = |generation: i64, keys: Value, files: Value| Request {
        spec: spec(json!({ "keys": keys, "secrets": [{ "name": "s", "files": files }] })),
        ..request(generation, &json!({}))
    };
    let (a, h) = (json!({ "name": "a", "algorithm": "ES256" }), json!({ "name": "h", "algorithm": "HS256" }));
    let jwks = |line: &str| json!({ "content": "PrivateJwks", "line": line });
    let pem = json!({ "content": "PrivateKeyPem", "line": "a" });
    let before = with(1, json!([a, h]), json!({ "a.json": jwks("a"), "h.json": jwks("h") }));
    let crowding = with(2, json!([a]), json!({ "a.json": jwks("a"), "h.json": pem }));
    let mended = with(3, json!([a]), json!({ "a.json": jwks("a"), "a.pem": pem }));
    let fixture = Fixture::new();
    let secret_id = crate::lifecycle::fixtures::secret("s");
    let in_secret = async || {
        let mut snapshot = fixture.engine.store().load(&set(), std::slice::from_ref(&secret_id)).await.unwrap();
        match snapshot.outputs.remove(&secret_id) {
            Some(Place::Ours(stored)) => stored.files,
            other => panic!("expected an output of this set, found {other:?}"),
        }
    };
    fixture.pass(&before).await.unwrap();
    let first = in_secret().await;

    let report = fixture.pass(&crowding).await.unwrap();
    let [Problem::SpecRefused(why)] = report.problems.as_slice() else { panic!("{:?}", report.problems) };
    assert!(why.contains("\"h.json\"") && why.contains("give the new file another name"), "{why}");
    assert_eq!(in_secret().await, first, "the spec before goes on");

    let report = fixture.pass(&mended).await.unwrap();
    assert!(report.problems.is_empty(), "{:?}", report.problems);
    let files = in_secret().await;
    assert_eq!(files.keys().collect::<Vec<_>>(), ["a.json", "a.pem", "h.json"]);
    let loaded: Value = serde_json::from_slice(&files["h.json"]).unwrap();
    assert_eq!(loaded["keys"].as_array().unwrap().len(), 1, "it verifies until what it signed has expired");
}

/// A clock that a test sets.
#[derive(Clone)]
struct SetClock(std::sync::Arc<std::sync::Mutex<crate::keyring::Time>>);

impl Clock for SetClock {
    fn now(&self) -> crate::lifecycle::Now {
        let now = *self.0.lock().unwrap();
        crate::lifecycle::Now::new(now, now)
    }
}

#[tokio::test]
async fn certificates_that_come_late_run_from_then_on_and_no_exp_has_passed() {
    let validity = chrono::TimeDelta::hours(8_760);
    for key in [
        json!({ "name": "a", "algorithm": "ES256" }),
        json!({ "name": "a", "algorithm": "ECDH-ES", "curve": "X25519" }),
    ] {
        let with = |generation: i64, mut members: Value| {
            members["keys"] = json!([key]);
            members["rotation"] = json!({ "mode": "Never" });
            members["configMaps"] = json!([{ "name": "c" }]);
            Request { spec: spec(members), ..request(generation, &json!({})) }
        };
        let dir = tempfile::tempdir().unwrap();
        let store = DirectoryStore::open(dir.path(), Seal::default()).unwrap();
        let clock = SetClock(std::sync::Arc::new(std::sync::Mutex::new(at(0))));
        let engine = Engine::new(store, clock.clone(), Minter::default());
        let load = async || engine.store().load(&set(), &[config_map("c")]).await.unwrap();
        for seconds in [0, 1_000, 1_000_000] {
            *clock.0.lock().unwrap() = at(seconds);
            engine.pass(&with(1, json!({})), &mut Vec::new()).await.unwrap();
        }
        let before = load().await.keyring.unwrap().keyring;

        let edited = at(0) + validity * 2;
        *clock.0.lock().unwrap() = edited;
        let late = with(2, json!({ "certificate": { "validity": "8760h" }, "jwk": { "exp": "Seconds" } }));
        engine.pass(&late, &mut Vec::new()).await.unwrap();
        let mut snapshot = load().await;
        let keyring = snapshot.keyring.unwrap().keyring;
        for key in &keyring.keys {
            let Some(certificate) = &key.certificate else { continue };
            let validity = certificate.validity().unwrap();
            assert!(validity.not_before <= edited && edited < validity.not_after, "{validity:?}");
            assert!(before.key(&key.kid).is_some(), "a certificate that has just been made is no reason to rotate");
        }
        let Some(Place::Ours(stored)) = snapshot.outputs.remove(&config_map("c")) else { panic!("it is there") };
        let jwks: Value = serde_json::from_slice(&stored.files["jwks.json"]).unwrap();
        let published = jwks["keys"].as_array().unwrap();
        assert!(!published.is_empty());
        for jwk in published {
            assert_eq!(jwk["exp"], (edited + validity).timestamp(), "{jwk}");
        }
    }
}
