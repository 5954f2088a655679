//! A new key set, and one with nothing left to do.

use keyturn::api::ConditionStatus;
use serde_json::json;

use crate::operator::view::text_of;
use crate::operator::wire::Wire;
use crate::operator::{Fixture, condition, example};

#[tokio::test]
async fn applying_a_key_set_gives_keys_secret_config_map_and_status() {
    let fixture = Fixture::new("first").await;
    let _operator = fixture.operator().await;
    fixture.apply(&example("auth", json!({ "keys": [{ "algorithm": "ES256" }] }))).await;
    let status = fixture.ready("auth").await;
    let view = fixture.view("auth").await;
    view.assert_settled();
    assert_eq!(status.active_kids, Some(view.active()));
    assert_eq!(status.key_count, Some(2));
    assert_eq!(status.keyring_revision, Some(1));
    assert_eq!(status.observed_generation, Some(1));
    let of_key = |kid: &str| status.keys.iter().find(|key| key.kid == kid).expect("the key is in the status").clone();
    let (active, standby) = (of_key(&view.active()), of_key(&view.standby()));
    assert_eq!((active.phase.as_str(), standby.phase.as_str()), ("Active", "Standby"));
    assert!(active.active_time.is_some() && standby.active_time.is_none());
    assert!(active.published_time.is_some() && standby.published_time.is_some());
    assert_eq!(active.use_, "sig");
    let next = status.next_transition.clone().expect("a next transition");
    assert_eq!((next.kid, next.to.as_str()), (view.standby(), "Active"));
    assert_eq!(condition(&status, "Rotating").map(|one| one.0), Some(ConditionStatus::False));
    assert_eq!(condition(&status, "KeyringLost").map(|one| one.0), Some(ConditionStatus::False));
    let outputs: Vec<_> = status.outputs.iter().map(|one| (one.kind.as_str(), one.name.as_str())).collect();
    assert_eq!(outputs, [("ConfigMap", "auth-jwks"), ("Secret", "auth-signer")]);

    let map = fixture.config_map("auth-jwks").await.expect("the ConfigMap");
    assert!(!text_of(&map, "jwks.json").contains("\"d\""), "nothing private is published");
    assert!(map.metadata.owner_references.unwrap_or_default().is_empty(), "Retain sets no owner");
}

#[tokio::test]
async fn kubectl_shows_the_set_and_tells_its_story() {
    let fixture = Fixture::new("story").await;
    let _operator = fixture.operator().await;
    fixture.apply(&example("auth", json!({ "keys": [{ "algorithm": "ES256" }] }))).await;
    fixture.ready("auth").await;
    let active = fixture.view("auth").await.active();
    fixture.event("auth", "Minted").await;
    fixture.event("auth", "Published").await;
    fixture
        .until("both outputs are told of", async || {
            let events = fixture.events("auth").await;
            (events.iter().filter(|(reason, _)| reason == "Published").count() == 2).then_some(())
        })
        .await;

    let table = fixture.kubectl(&["get", "jwks"]);
    let mut lines = table.lines();
    let header: Vec<&str> = lines.next().unwrap_or_default().split_whitespace().collect();
    assert_eq!(header, ["NAME", "READY", "KEYS", "ACTIVE", "NEXT", "ROTATION", "AGE"], "{table}");
    let row: Vec<&str> = lines.next().unwrap_or_default().split_whitespace().collect();
    assert_eq!(&row[..4], ["auth", "True", "2", &active], "{table}");
    assert!(row[4].ends_with('Z') && !table.contains("<invalid>"), "{table}");
    assert!(fixture.kubectl(&["get", "keyturn"]).contains("auth"), "the category keyturn");

    let story = fixture.kubectl(&["describe", "jwks", "auth"]);
    for word in ["Minted", "Published", "made and active", "made and on standby"] {
        assert!(story.contains(word), "{word} is missing: {story}");
    }
    let private = fixture.secret("auth-signer").await.expect("the Secret");
    let private: serde_json::Value =
        serde_json::from_slice(&crate::operator::view::file_of(&private, "jwks.json")).expect("a JWKS");
    let secret_number = private["keys"][0]["d"].as_str().expect("a private key");
    assert!(!story.contains(secret_number), "nothing private is told");
}

#[tokio::test]
async fn a_new_set_costs_four_writes_and_a_settled_one_costs_nothing() {
    let fixture = Fixture::new("writes").await;
    let wire = Wire::default();
    let operator = fixture.operator_on(&wire).await;
    fixture.apply(&example("auth", json!({ "keys": [{ "algorithm": "ES256" }] }))).await;
    fixture.ready("auth").await;
    fixture.event("auth", "Published").await;
    let writes = wire.writes();
    let kinds: Vec<&str> = writes.iter().map(|call| call.path.rsplit('/').next().unwrap_or_default()).collect();
    assert_eq!(kinds, ["secrets", "configmaps", "secrets", "status"], "{writes:#?}");

    // A set that comes later is answered later, so by then the watches have told of all that was written.
    another_set_is_ready(&fixture, "later").await;
    wire.reset();
    fixture.label("auth", "team", "blue").await;
    fixture.annotate("auth", &[("example.com/note", "nothing that matters")]).await;
    another_set_is_ready(&fixture, "even-later").await;
    let about: Vec<_> = wire.calls_about("auth").into_iter().filter(|call| call.method != http::Method::POST).collect();
    assert!(about.is_empty(), "{about:#?}");
    operator.stop().await;

    let wire = Wire::default();
    let _operator = fixture.operator_on(&wire).await;
    fixture
        .until("the new operator looks at the set", async || {
            wire.calls_about("auth").iter().any(|call| call.path.ends_with("/auth-signer")).then_some(())
        })
        .await;
    let before = fixture.view("auth").await;
    another_set_is_ready(&fixture, "latest").await;
    let writes: Vec<_> =
        wire.writes_about("auth").into_iter().filter(|call| call.method != http::Method::POST).collect();
    assert!(writes.is_empty(), "a restart writes nothing: {writes:#?}");
    assert_eq!(fixture.view("auth").await, before);
}

async fn another_set_is_ready(fixture: &Fixture, name: &str) {
    fixture.apply(&example(name, json!({ "keys": [{ "algorithm": "ES256" }] }))).await;
    fixture.ready(name).await;
}
