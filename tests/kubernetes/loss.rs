//! A keyring that is gone, or older than its outputs.

use keyturn::api::ConditionStatus;
use serde_json::json;

use crate::operator::view::file_of;
use crate::operator::{Fixture, condition, example};

#[tokio::test]
async fn a_deleted_keyring_is_recovered_from_the_outputs() {
    let fixture = Fixture::new("recovered").await;
    let _operator = fixture.operator().await;
    fixture.apply(&example("auth", json!({ "keys": [{ "algorithm": "ES256" }] }))).await;
    fixture.ready("auth").await;
    let before = fixture.view("auth").await;
    fixture.delete_secret("auth-keyring").await;
    fixture.event("auth", "KeyringRecovered").await;
    let after = fixture
        .until("the set has a standby again", async || {
            let view = fixture.view("auth").await;
            (view.in_phase("Standby").len() == 1).then_some(view)
        })
        .await;
    assert_eq!(after.active(), before.active(), "the key that signs goes on");
    assert_eq!(after.private, before.private);
    assert_eq!(after.in_phase("Retired"), [before.standby()], "nobody has its private half any more");
    let settled = fixture
        .until("the new standby is published", async || {
            let view = fixture.view("auth").await;
            view.published.contains(&after.standby()).then_some(view)
        })
        .await;
    assert!(settled.published.contains(&before.standby()), "what was published stays published");
    fixture.ready("auth").await;
}

#[tokio::test]
async fn a_lost_keyring_waits_for_the_users_word() {
    let fixture = Fixture::new("lost").await;
    let operator = fixture.operator().await;
    fixture.apply(&example("auth", json!({ "keys": [{ "algorithm": "ES256" }] }))).await;
    let revision = fixture.ready("auth").await.keyring_revision.expect("a revision");
    operator.stop().await;
    let before = fixture.view("auth").await;
    let map = fixture.config_map("auth-jwks").await;
    fixture.delete_secret("auth-keyring").await;
    fixture.delete_secret("auth-signer").await;

    let _operator = fixture.operator().await;
    let lost = |status: &keyturn::api::JwksKeySetStatus| {
        condition(status, "KeyringLost").is_some_and(|one| one.0 == ConditionStatus::True)
    };
    let status = fixture.status("auth", "KeyringLost", lost).await;
    let (ready, reason, message) = condition(&status, "Ready").expect("Ready");
    assert_eq!((ready, reason.as_str()), (ConditionStatus::False, "KeyringLost"));
    assert!(message.contains(&format!("keyturn.dev/accept-key-loss={revision}")), "{message}");
    assert_eq!(status.keys.len(), 2, "what was known stays in the status");
    fixture.event("auth", "KeyringLost").await;

    let wrong = (revision + 7).to_string();
    fixture.annotate("auth", &[("keyturn.dev/accept-key-loss", &wrong)]).await;
    // The answer to this edit of the spec comes after the look at the annotation.
    let mut edited = example("auth", json!({ "keys": [{ "algorithm": "ES256" }], "rotation": { "interval": "721h" } }));
    edited.metadata.annotations = None;
    fixture.apply(&edited).await;
    fixture.status("auth", "an answer to the edit", |status| status.observed_generation == Some(2)).await;
    assert!(fixture.secret("auth-keyring").await.is_none(), "nothing is minted in silence");
    assert!(fixture.secret("auth-signer").await.is_none());
    assert_eq!(fixture.config_map("auth-jwks").await, map, "what is published is not touched");

    fixture.annotate("auth", &[("keyturn.dev/accept-key-loss", &revision.to_string())]).await;
    let after = fixture
        .until("new keys are made", async || {
            let view = fixture.view("auth").await;
            let standby = view.in_phase("Standby");
            (standby.len() == 1 && view.published.contains(&standby[0])).then_some(view)
        })
        .await;
    assert!(after.in_phase("Active").is_empty(), "a key that caches may lack does not sign at once: {after:?}");
    for kid in &before.published {
        assert!(after.published.contains(kid), "tokens signed before still verify: {after:?}");
    }
    let status = fixture
        .status("auth", "the first key waits", |status| {
            condition(status, "Ready").is_some_and(|one| one.1 == "FirstKeysWait")
        })
        .await;
    assert!(!lost(&status));
}

#[tokio::test]
async fn an_older_keyring_from_a_backup_loses_to_the_outputs() {
    let fixture = Fixture::new("backup").await;
    let operator = fixture.operator().await;
    let mut set = example("auth", json!({ "keys": [{ "algorithm": "ES256" }] }));
    fixture.apply(&set).await;
    fixture.ready("auth").await;
    let before = fixture.view("auth").await;
    let backup = file_of(&fixture.secret("auth-keyring").await.expect("the keyring"), "keyring.json");

    set.spec.revoked = serde_json::from_value(json!([{ "kid": before.active() }])).expect("a revoked kid");
    fixture.apply(&set).await;
    fixture.event("auth", "Promoted").await;
    fixture.status("auth", "the revocation", |status| status.active_kids == Some(before.standby())).await;
    operator.stop().await;
    let newer = fixture.view("auth").await;
    // The backup is of a time before the revocation, and so is the spec.
    set.spec.revoked.clear();
    fixture.apply(&set).await;
    let text = String::from_utf8(backup).expect("JSON");
    fixture.patch_secret("auth-keyring", &json!({ "stringData": { "keyring.json": text } })).await;

    let _operator = fixture.operator().await;
    fixture.event("auth", "KeyringRecovered").await;
    let after = fixture
        .until("the set has a standby again", async || {
            let view = fixture.view("auth").await;
            let standby = view.in_phase("Standby");
            (standby.len() == 1 && view.published.contains(&standby[0])).then_some(view)
        })
        .await;
    assert_eq!(after.active(), newer.active(), "the key that signs goes on");
    assert_eq!(after.private, newer.private);
    let revoked = before.active();
    assert!(!after.keyring.contains_key(&revoked), "a revoked key does not come back: {after:?}");
    assert!(!after.published.contains(&revoked), "{after:?}");
    for kid in &newer.published {
        assert!(after.published.contains(kid), "what was published stays published: {after:?}");
    }
}
