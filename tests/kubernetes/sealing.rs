//! Keyrings that are sealed, on a real API server.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use http::Method;
use keyturn::api::ConditionStatus;
use keyturn::store::Seal;
use serde_json::{Value, json};

use crate::operator::view::file_of;
use crate::operator::wire::Wire;
use crate::operator::{Fixture, condition, example};

const OLD: &str = "an old secret, of thirty-two bytes or more";
const NEW: &str = "a new secret, of thirty-two bytes or more";

/// Replaces a file in one step, as the kubelet does.
fn write(path: &Path, secret: &str) {
    let new = path.with_extension("new");
    fs::write(&new, secret).expect("written");
    fs::rename(new, path).expect("renamed");
}

impl Fixture {
    /// The stored form of a keyring, and the state of its Secret.
    async fn stored_keyring(&self, set: &str) -> (Value, String) {
        let secret = self.secret(&format!("{set}-keyring")).await.expect("the keyring");
        let stored = serde_json::from_slice(&file_of(&secret, "keyring.json")).expect("JSON");
        (stored, secret.metadata.resource_version.expect("a version"))
    }
}

#[tokio::test]
async fn a_keyring_is_sealed_and_sealed_anew_and_without_its_secret_nothing_changes() {
    let fixture = Fixture::new("seal").await;
    let folder = tempfile::tempdir().expect("a folder");
    let (first, second) = (folder.path().join("first"), folder.path().join("second"));
    let seal = || Seal::open(vec![first.clone(), second.clone()], None).expect("system secrets");
    let set = example("auth", json!({ "keys": [{ "algorithm": "ES256" }] }));
    write(&first, OLD);
    write(&second, OLD);

    // Made before there was a secret, then sealed once.
    let operator = fixture.operator().await;
    fixture.apply(&set).await;
    fixture.ready("auth").await;
    fixture.view("auth").await.assert_settled();
    operator.stop().await;
    let wire = Wire::default();
    let operator = fixture.sealing_operator_on(&wire, seal()).await;
    fixture.event("auth", "Sealed").await;
    let (stored, _) = fixture.stored_keyring("auth").await;
    let old = stored["keyId"].as_str().expect("it is sealed").to_owned();
    assert_eq!(stored["revision"], 1, "sealing is no new revision");
    let outputs = (fixture.secret("auth-signer").await, fixture.config_map("auth-jwks").await);
    another_set_is_ready(&fixture, "sealed-from-the-start").await;
    assert!(fixture.stored_keyring("sealed-from-the-start").await.0.get("ct").is_some());

    // A settled set is sealed anew when the mounted file changes, by one write, which the status tells, and costs nothing
    // afterwards.
    wire.reset();
    write(&first, NEW);
    fixture
        .until("the keyring is sealed under the new secret", async || {
            (fixture.stored_keyring("auth").await.0["keyId"] != old.as_str()).then_some(())
        })
        .await;
    fixture
        .until("the status tells it", async || {
            wire.writes_about("auth").iter().any(|call| call.path.ends_with("/auth/status")).then_some(())
        })
        .await;
    another_set_is_ready(&fixture, "later").await;
    let writes: Vec<_> = wire.writes_about("auth").into_iter().filter(|call| call.method != Method::POST).collect();
    let last: Vec<&str> = writes.iter().filter_map(|call| call.path.rsplit('/').next()).collect();
    assert_eq!(last, ["auth-keyring", "status"], "{writes:#?}");
    wire.reset();
    fixture.label("auth", "team", "blue").await;
    another_set_is_ready(&fixture, "even-later").await;
    let calls: Vec<_> = wire.calls_about("auth").into_iter().filter(|call| call.method != Method::POST).collect();
    assert!(calls.is_empty(), "{calls:#?}");
    let now = (fixture.secret("auth-signer").await, fixture.config_map("auth-jwks").await);
    assert_eq!(now, outputs, "outputs know nothing of it");

    // The secret it is sealed under is taken away: an alarm, and nothing is written but the status.
    let before = fixture.stored_keyring("auth").await;
    wire.reset();
    write(&first, OLD);
    let status = fixture
        .status("auth", "an alarm", |status| condition(status, "Ready").is_some_and(|one| one.1 == "KeyringSealed"))
        .await;
    let (ready, _, message) = condition(&status, "Ready").expect("Ready");
    assert_eq!(ready, ConditionStatus::False);
    let new = before.0["keyId"].as_str().expect("it is sealed");
    assert!(message.contains(new) && message.contains(&old) && message.contains("list its file too"), "{message}");
    assert!(!message.contains(OLD) && !message.contains(NEW), "{message}");
    assert_eq!(status.keys.len(), 2, "what was known stays in the status");
    let looked = wire.calls().len();
    fixture.annotate("auth", &[("keyturn.dev/rotate", "now"), ("keyturn.dev/accept-key-loss", "1")]).await;
    fixture
        .until("the operator looks again", async || {
            let later = wire.calls().into_iter().skip(looked);
            later.into_iter().any(|call| call.path.ends_with("/auth-keyring")).then_some(())
        })
        .await;
    assert_eq!(fixture.stored_keyring("auth").await, before);
    let now = (fixture.secret("auth-signer").await, fixture.config_map("auth-jwks").await);
    assert_eq!(now, outputs, "what is published is not touched");
    let writes: Vec<_> = wire.writes_about("auth").into_iter().filter(|call| !call.path.ends_with("/status")).collect();
    assert!(writes.is_empty(), "{writes:#?}");

    // It is back, behind the first: the set goes on without a restart.
    write(&second, NEW);
    fixture.ready("auth").await;
    assert_eq!(fixture.stored_keyring("auth").await.0["keyId"], old.as_str());
    operator.stop().await;
}

#[tokio::test]
async fn operators_that_list_the_secrets_in_another_order_come_to_rest() {
    let fixture = Fixture::new("reseal").await;
    let folder = tempfile::tempdir().expect("a folder");
    let (first, second) = (folder.path().join("first"), folder.path().join("second"));
    write(&first, OLD);
    write(&second, NEW);
    let seal = |files: [&Path; 2]| Seal::open(files.map(Path::to_owned).into(), None).expect("system secrets");
    let _one = fixture.sealing_operator_on(&Wire::default(), seal([&first, &second])).await;
    let _other = fixture.sealing_operator_on(&Wire::default(), seal([&second, &first])).await;
    fixture.apply(&example("auth", json!({ "keys": [{ "algorithm": "ES256" }] }))).await;
    fixture.ready("auth").await;
    let begun = Instant::now();
    let (mut last, mut since) = (String::new(), Instant::now());
    while since.elapsed() < Duration::from_secs(4) {
        let (_, version) = fixture.stored_keyring("auth").await;
        if version != last {
            (last, since) = (version, Instant::now());
        }
        assert!(begun.elapsed() < Duration::from_secs(40), "they seal against each other without end");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn another_set_is_ready(fixture: &Fixture, name: &str) {
    fixture.apply(&example(name, json!({ "keys": [{ "algorithm": "ES256" }] }))).await;
    fixture.ready(name).await;
}
