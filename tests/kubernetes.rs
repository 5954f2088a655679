//! The operator on a real API server.

mod operator;
mod support;

use std::time::Duration;

use keyturn::api::ConditionStatus;
use operator::{Fixture, example};
use serde_json::json;

#[tokio::test]
async fn applying_a_key_set_gives_its_keys_within_seconds() {
    let fixture = Fixture::new("first").await;
    let _operator = fixture.operator().await;
    fixture.apply(&example("auth", json!({ "keys": [{ "algorithm": "ES256" }] }))).await;
    let status = fixture.ready("auth").await;
    assert_eq!(status.key_count, Some(2), "the active key and its standby");
    let signer = fixture.secret("auth-signer").await.expect("the signers' Secret");
    let verifier = fixture.config_map("auth-jwks").await.expect("the verifiers' ConfigMap");
    println!("{}", fixture.kubectl(&["get", "jwks"]));
    println!("{}", fixture.kubectl(&["describe", "jwks", "auth"]));
    println!("{signer:?} {verifier:?}");
    let _ = (ConditionStatus::True, Duration::from_secs(1));
}
