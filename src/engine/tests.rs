//! Passes over a real directory.

use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::lifecycle::fixtures::{at, config_map, spec};
use crate::probe::SystemClock;
use crate::store::directory::DirectoryStore;
use crate::store::{Place, Seal, Snapshot};

struct Fixture {
    _dir: TempDir,
    engine: Engine<DirectoryStore, SystemClock>,
}

impl Fixture {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = DirectoryStore::open(dir.path(), Seal::default()).unwrap();
        Self { _dir: dir, engine: Engine::new(store, SystemClock, Minter::default()) }
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
