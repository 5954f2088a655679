//! A resource that others change while a pass runs, and one that is set back.

use std::time::Duration;

use serde_json::{Value, json};

use crate::operator::view::file_of;
use crate::operator::wire::{Fault, Wire};
use crate::operator::{Fixture, condition, example};

#[tokio::test]
async fn a_status_is_not_written_over_a_resource_that_changed_meanwhile() {
    let fixture = Fixture::new("conflict").await;
    // After the keyring and both outputs comes the status.
    let wire = Wire::with(Fault::Held(4));
    let _operator = fixture.operator_on(&wire).await;
    fixture.apply(&example("auth", json!({ "keys": [{ "algorithm": "ES256" }] }))).await;
    fixture.until("the status is about to be written", async || wire.has_struck().then_some(())).await;
    fixture.annotate("auth", &[("example.com/note", "someone was faster")]).await;
    wire.release();
    fixture.ready("auth").await;
    fixture.view("auth").await.assert_settled();
    let statuses = wire.writes_about("auth").iter().filter(|call| call.path.ends_with("/status")).count();
    assert_eq!(statuses, 2, "the first is refused, and the second is for the resource as it is");
}

#[tokio::test]
async fn a_resource_that_states_an_older_edit_than_the_keyring_knows_is_read_again_and_counts() {
    let fixture = Fixture::new("set-back").await;
    let operator = fixture.operator().await;
    fixture.apply(&example("auth", json!({ "keys": [{ "algorithm": "ES256" }] }))).await;
    fixture.ready("auth").await;
    operator.stop().await;
    let keyring = async || -> Value {
        let secret = fixture.secret("auth-keyring").await.expect("the keyring");
        serde_json::from_slice(&file_of(&secret, "keyring.json")).expect("JSON")
    };
    let mut later = keyring().await;
    assert_eq!(later["accepted"]["edit"]["generation"], 1);
    later["accepted"]["edit"]["generation"] = json!(7);
    fixture.patch_secret("auth-keyring", &json!({ "stringData": { "keyring.json": later.to_string() } })).await;

    let wire = Wire::default();
    let _operator = fixture.operator_on(&wire).await;
    let edit = async || keyring().await["accepted"]["edit"]["generation"].as_i64().filter(|edit| *edit == 1);
    fixture.within(Duration::from_secs(60), "the keyring knows the edit that is stated", edit).await;
    let reads = wire.calls_about("auth");
    let reads = reads.iter().filter(|call| call.method == "GET" && call.path.ends_with("/jwkskeysets/auth")).count();
    assert!(reads >= 2, "it is read again before it counts: {reads}");
    fixture.ready("auth").await;
    fixture.view("auth").await.assert_settled();
}

#[tokio::test]
async fn a_set_whose_first_keys_take_long_has_a_condition_meanwhile() {
    let fixture = Fixture::new("slow").await;
    // Before the keyring, which holds the keys, comes the status.
    let wire = Wire::with(Fault::Held(2));
    let _operator = fixture.operator_on(&wire).await;
    fixture.apply(&example("auth", json!({ "keys": [{ "algorithm": "RS256", "rsaBits": 2048 }] }))).await;
    fixture
        .status("auth", "GeneratingKeys", |status| {
            condition(status, "Ready").is_some_and(|one| one.1 == "GeneratingKeys")
        })
        .await;
    let row = fixture.kubectl(&["get", "jwks", "auth", "--no-headers"]);
    assert!(row.contains("False"), "{row}");
    fixture.until("the keyring is about to be written", async || wire.has_struck().then_some(())).await;
    wire.release();
    fixture.ready("auth").await;
    let statuses = wire.writes_about("auth").iter().filter(|call| call.path.ends_with("/status")).count();
    assert_eq!(statuses, 2, "one more than for quick keys");
}
