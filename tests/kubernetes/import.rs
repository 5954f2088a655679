//! Keys that exist in Secrets of the user's, on a real API server.

use keyturn::api::ConditionStatus;
use keyturn::jose::{Curve, KeySpec};
use keyturn::material::PrivateKey;
use serde_json::{Value, json};

use crate::operator::wire::Wire;
use crate::operator::{Fixture, condition, example};

fn pem() -> String {
    PrivateKey::generate(&KeySpec::Ec { curve: Curve::P256 }).unwrap().to_pkcs8_pem().unwrap().to_string()
}

fn imports(key: &str) -> Value {
    json!({
        "keys": [{ "algorithm": "ES256" }],
        "import": { "keys": [{ "secretKeyRef": { "name": "legacy", "key": key }, "kid": "old-1" }] },
    })
}

/// A set of which nothing is true yet, and why.
async fn not_ready(fixture: &Fixture, reason: &str, sentence: &str) {
    let status = fixture
        .status("auth", reason, |status| {
            condition(status, "Ready").is_some_and(|(state, why, message)| {
                state == ConditionStatus::False && why == reason && message.contains(sentence)
            })
        })
        .await;
    assert!(status.keys.is_empty(), "{status:?}");
    let made = [fixture.secret("auth-keyring").await, fixture.secret("auth-signer").await];
    assert!(made.iter().all(Option::is_none) && fixture.config_map("auth-jwks").await.is_none());
}

#[tokio::test]
async fn a_key_is_awaited_refused_by_name_and_adopted_as_its_secret_changes() {
    let fixture = Fixture::new("import").await;
    let wire = Wire::default();
    let operator = fixture.operator_on(&wire).await;
    fixture.apply(&example("auth", imports("k.pem"))).await;
    not_ready(&fixture, "ReferenceMissing", "key \"k.pem\" of Secret \"legacy\" in namespace").await;
    fixture.event("auth", "ReferenceMissing").await;

    // Secrets that nobody refers to wake nobody.
    wire.reset();
    fixture.create_secret("other", &[("k.pem", "nothing")]).await;
    fixture.create_secret("legacy", &[("other.pem", "nothing")]).await;
    not_ready(&fixture, "ReferenceMissing", "is not there").await;
    fixture
        .until("the operator looks again", async || {
            wire.calls().iter().any(|call| call.path.ends_with("/secrets/legacy")).then_some(())
        })
        .await;
    assert!(!wire.calls().iter().any(|call| call.path.ends_with("/secrets/other")), "{:#?}", wire.calls());

    let small = json!({ "stringData": { "k.pem": "-----BEGIN PRIVATE KEY-----\nAQAB\n-----END PRIVATE KEY-----\n" } });
    fixture.patch_secret("legacy", &small).await;
    not_ready(&fixture, "ImportRefused", "spec.import.keys[0] (key \"k.pem\" of Secret \"legacy\"), block 1: ").await;
    fixture.event("auth", "ImportRefused").await;

    fixture.patch_secret("legacy", &json!({ "stringData": { "k.pem": pem() } })).await;
    fixture.ready("auth").await;
    let view = fixture.view("auth").await;
    view.assert_settled();
    assert_eq!(view.active(), "old-1");
    assert!(fixture.event("auth", "Imported").await.contains("old-1"));

    // The Secret is not looked at any more, whatever happens to it.
    fixture.apply(&example("calm", json!({ "keys": [{ "algorithm": "ES256" }] }))).await;
    fixture.ready("calm").await;
    wire.reset();
    fixture.patch_secret("legacy", &json!({ "stringData": { "k.pem": pem() } })).await;
    fixture.delete_secret("legacy").await;
    fixture.apply(&example("later", json!({ "keys": [{ "algorithm": "ES256" }] }))).await;
    fixture.ready("later").await;
    let legacy: Vec<_> = wire.calls().into_iter().filter(|call| call.path.ends_with("/secrets/legacy")).collect();
    let about = wire.calls_about("auth").into_iter().filter(|call| call.path.contains("/auth"));
    let reads: Vec<_> = legacy.into_iter().chain(about).collect();
    assert!(reads.is_empty(), "{reads:#?}");
    assert_eq!(fixture.view("auth").await, view);

    // An edit that comes too late is told.
    fixture.apply(&example("auth", imports("other.pem"))).await;
    assert!(fixture.event("auth", "ImportIgnored").await.contains("has begun"));
    assert_eq!(fixture.view("auth").await, view);
    operator.stop().await;
}

#[tokio::test]
async fn the_documented_commands_bring_a_key_in() {
    let fixture = Fixture::new("import-page").await;
    let operator = fixture.operator().await;
    let page = include_str!("../../docs/adoption.md");
    let block = |kind: &str| page.split(&format!("```{kind}\n")).nth(1).unwrap().split("```").next().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let rsa = PrivateKey::generate(&KeySpec::Rsa { bits: 2048 }).unwrap();
    std::fs::write(path("k.pem"), rsa.to_pkcs8_pem().unwrap().as_bytes()).unwrap();
    std::fs::write(path("auth.yaml"), block("yaml").replace("\n   ", "\n").trim_start()).unwrap();
    let here = format!("k.pem={}", path("k.pem"));
    let command = block("sh").replace("--from-file=k.pem", &format!("--from-file={here}"));
    let words: Vec<&str> = command.split_whitespace().skip(1).collect();
    fixture.kubectl(&words);
    fixture.kubectl(&["apply", "--filename", &path("auth.yaml")]);
    fixture.ready("auth").await;
    assert_eq!(fixture.view("auth").await.active(), "old-1");
    operator.stop().await;
}

#[tokio::test]
async fn a_refused_set_costs_nothing_until_something_changes_and_nobody_refers_to_a_keyring() {
    let fixture = Fixture::new("import-refused").await;
    let wire = Wire::default();
    let operator = fixture.operator_on(&wire).await;
    fixture.apply(&example("other", json!({ "keys": [{ "algorithm": "ES256" }] }))).await;
    fixture.ready("other").await;
    let mut spec = imports("keyring.json");
    spec["import"]["keys"][0]["secretKeyRef"]["name"] = "other-keyring".into();
    fixture.apply(&example("auth", spec)).await;
    not_ready(&fixture, "ReferenceMissing", "is a keyring, which is nobody's to refer to").await;
    // What came of its own status and of the watch is answered before another set, that comes later, is.
    fixture.apply(&example("calm", json!({ "keys": [{ "algorithm": "ES256" }] }))).await;
    fixture.ready("calm").await;
    wire.reset();
    fixture.label("auth", "team", "blue").await;
    fixture.apply(&example("last", json!({ "keys": [{ "algorithm": "ES256" }] }))).await;
    fixture.ready("last").await;
    let calls: Vec<_> = wire.calls().into_iter().filter(|call| call.path.contains("other-keyring")).collect();
    assert!(calls.is_empty(), "{calls:#?}");
    operator.stop().await;
}
