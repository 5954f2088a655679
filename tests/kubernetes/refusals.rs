//! What only a running operator can see: it says so, and leaves everything as it is.

use keyturn::api::{ConditionStatus, JwksKeySet};
use serde_json::{Value, json};

use crate::operator::view::{file_of, text_of};
use crate::operator::{Fixture, condition, example};

fn one_line() -> JwksKeySet {
    example("auth", json!({ "keys": [{ "algorithm": "ES256" }] }))
}

/// Waits until the set is not ready for that reason; the message.
async fn refused(fixture: &Fixture, reason: &str) -> String {
    let status = fixture
        .status("auth", reason, |status| {
            condition(status, "Ready").is_some_and(|one| one.0 == ConditionStatus::False && one.1 == reason)
        })
        .await;
    condition(&status, "Ready").map(|one| one.2).unwrap_or_default()
}

async fn create_config_map(fixture: &Fixture, name: &str, data: Value) {
    let map = json!({ "metadata": { "name": name }, "data": data });
    let api = kube::Api::namespaced(fixture.client.clone(), &fixture.namespace);
    let map: k8s_openapi::api::core::v1::ConfigMap = serde_json::from_value(map).expect("a ConfigMap");
    api.create(&kube::api::PostParams::default(), &map).await.expect("created");
}

#[tokio::test]
async fn a_bad_schedule_or_time_zone_is_told_and_changes_nothing() {
    let fixture = Fixture::new("schedule").await;
    let _operator = fixture.operator().await;
    let with = |schedule: &str, zone: &str| {
        let rotation = json!({ "mode": "Schedule", "schedule": schedule, "timeZone": zone });
        example("auth", json!({ "keys": [{ "algorithm": "ES256" }], "rotation": rotation }))
    };
    fixture.apply(&with("every day", "UTC")).await;
    let message = refused(&fixture, "SpecInvalid").await;
    assert!(message.contains("five fields") && message.contains("every day"), "{message}");
    assert!(fixture.secret("auth-keyring").await.is_none(), "no key is made");

    fixture.apply(&with("0 3 1 * *", "Europe/Rome")).await;
    fixture.ready("auth").await;
    let before = fixture.view("auth").await;
    fixture.apply(&with("0 3 1 * *", "Mars/Olympus")).await;
    let message = refused(&fixture, "SpecInvalid").await;
    assert!(message.contains("Mars/Olympus") && message.contains("IANA"), "{message}");
    assert_eq!(fixture.view("auth").await, before);
    fixture.apply(&with("0 3 1 * *", "UTC")).await;
    fixture.ready("auth").await;
    assert_eq!(fixture.view("auth").await.active(), before.active());
}

#[tokio::test]
async fn what_a_refused_spec_revokes_is_revoked() {
    let fixture = Fixture::new("refused-revokes").await;
    let _operator = fixture.operator().await;
    fixture.apply(&one_line()).await;
    fixture.ready("auth").await;
    let before = fixture.view("auth").await;
    let (active, next) = (before.in_phase("Active")[0].clone(), before.in_phase("Standby")[0].clone());
    let rotation = json!({ "mode": "Schedule", "schedule": "every day" });
    let revoked = json!([{ "kid": active, "reason": "Compromised" }]);
    let keys = json!([{ "algorithm": "ES384" }]);
    fixture.apply(&example("auth", json!({ "keys": keys, "rotation": rotation, "revoked": revoked }))).await;
    fixture
        .until("the revoked key is gone", async || {
            let view = fixture.view("auth").await;
            let next = [next.clone()];
            let everywhere =
                view.in_phase("Active") == next && view.private == next && !view.published.contains(&active);
            everywhere.then_some(())
        })
        .await;
    let message = refused(&fixture, "SpecInvalid").await;
    assert!(message.contains("every day") && message.contains("the spec before it counts"), "{message}");
}

#[tokio::test]
async fn a_strangers_secret_in_an_outputs_place_is_never_touched() {
    let fixture = Fixture::new("taken-secret").await;
    fixture.create_secret("auth-signer", &[("jwks.json", "theirs")]).await;
    let theirs = fixture.secret("auth-signer").await;
    let _operator = fixture.operator().await;
    fixture.apply(&one_line()).await;
    let message = refused(&fixture, "OutputTaken").await;
    assert!(message.contains("auth-signer") && message.contains("choose another name in the spec"), "{message}");
    fixture.event("auth", "OutputTaken").await;
    assert_eq!(fixture.secret("auth-signer").await, theirs);
    assert!(fixture.secret("auth-keyring").await.is_none(), "nothing else is written");
    assert!(fixture.config_map("auth-jwks").await.is_none(), "nothing else is written");

    fixture.delete_secret("auth-signer").await;
    fixture.ready("auth").await;
    fixture.view("auth").await.assert_settled();
}

#[tokio::test]
async fn a_strangers_config_map_in_an_outputs_place_is_never_touched() {
    let fixture = Fixture::new("taken-map").await;
    let operator = fixture.operator().await;
    fixture.apply(&one_line()).await;
    fixture.ready("auth").await;
    operator.stop().await;
    let before = fixture.view("auth").await;
    fixture.delete_config_map("auth-jwks").await;
    create_config_map(&fixture, "auth-jwks", json!({ "jwks.json": "theirs" })).await;

    let _operator = fixture.operator().await;
    let message = refused(&fixture, "OutputTaken").await;
    assert!(message.contains("auth-jwks"), "{message}");
    let map = fixture.config_map("auth-jwks").await.expect("their ConfigMap");
    assert_eq!(text_of(&map, "jwks.json"), "theirs");
    assert!(map.metadata.labels.is_none() && map.metadata.annotations.is_none());
    assert_eq!(fixture.view("auth").await.private, before.private, "signers go on");

    fixture.delete_config_map("auth-jwks").await;
    fixture.ready("auth").await;
    assert_eq!(fixture.view("auth").await, before);
}

#[tokio::test]
async fn a_keyring_that_is_cut_off_is_told_and_kept() {
    let fixture = Fixture::new("cut").await;
    let _operator = fixture.operator().await;
    fixture.apply(&one_line()).await;
    fixture.ready("auth").await;
    let before = fixture.view("auth").await;
    let whole = file_of(&fixture.secret("auth-keyring").await.expect("the keyring"), "keyring.json");
    let whole = String::from_utf8(whole).expect("JSON");
    let half = &whole[..whole.len() / 2];
    fixture.patch_secret("auth-keyring", &json!({ "stringData": { "keyring.json": half } })).await;
    let message = refused(&fixture, "KeyringUnreadable").await;
    assert!(message.contains("auth-keyring") && message.contains("restore it from a backup"), "{message}");
    assert!(!message.contains("\"d\""), "nothing private is told");
    let kept = file_of(&fixture.secret("auth-keyring").await.expect("the keyring"), "keyring.json");
    assert_eq!(String::from_utf8(kept).expect("JSON"), half);
    let after = fixture.view("auth").await;
    assert_eq!((&after.published, &after.private), (&before.published, &before.private), "the outputs stay");

    fixture.patch_secret("auth-keyring", &json!({ "stringData": { "keyring.json": whole } })).await;
    fixture.ready("auth").await;
    assert_eq!(fixture.view("auth").await, before);
}

#[tokio::test]
async fn a_strangers_secret_in_the_keyrings_place_is_never_touched() {
    let fixture = Fixture::new("taken-keyring").await;
    fixture.create_secret("auth-keyring", &[("keyring.json", "theirs")]).await;
    let theirs = fixture.secret("auth-keyring").await;
    let _operator = fixture.operator().await;
    fixture.apply(&one_line()).await;
    let message = refused(&fixture, "KeyringTaken").await;
    assert!(message.contains("auth-keyring") && message.contains("rename or delete it"), "{message}");
    assert_eq!(fixture.secret("auth-keyring").await, theirs);
    assert!(fixture.secret("auth-signer").await.is_none() && fixture.config_map("auth-jwks").await.is_none());
    fixture.delete_secret("auth-keyring").await;
    fixture.ready("auth").await;
    fixture.view("auth").await.assert_settled();
}
