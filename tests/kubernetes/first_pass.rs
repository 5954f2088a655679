//! A new key set, and one with nothing left to do.

use keyturn::api::ConditionStatus;
use kube::api::{Patch, PatchParams};
use serde_json::json;

use crate::operator::view::text_of;
use crate::operator::wire::Wire;
use crate::operator::{Fixture, Operator, condition, example};

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
    let before = fixture.view("auth").await;
    another_set_is_ready(&fixture, "latest").await;
    let about: Vec<_> = wire.calls_about("auth").into_iter().filter(|call| call.method != http::Method::POST).collect();
    assert!(about.is_empty(), "a restart sees from metadata alone that nothing is to be done: {about:#?}");
    assert_eq!(fixture.view("auth").await, before);
}

#[tokio::test]
async fn a_restarted_operator_tells_of_what_it_did_not_read_and_reads_what_may_have_changed() {
    let fixture = Fixture::new("recalled").await;
    let operator = fixture.operator().await;
    let spec = json!({ "keys": [{ "algorithm": "ES256", "name": "main" }] });
    for name in ["same", "edited", "drifted", "asked", "other-build"] {
        fixture.apply(&example(name, spec.clone())).await;
        fixture.ready(name).await;
    }
    let told = |operator: &Operator, of: &str| {
        let set = format!("namespace=\"{}\",name=\"same\"", fixture.namespace);
        let keys = |phase: &str| format!("keyturn_keys{{{set},line=\"main\",phase=\"{phase}\"}}");
        let of_line = |name: &str, more: &str| format!("{name}_timestamp_seconds{{{set},line=\"main\"{more}}}");
        operator.metric(&match of {
            "ready" => format!("keyturn_key_set_ready{{{set}}}"),
            "lost" => format!("keyturn_keyring_lost{{{set}}}"),
            "due" => of_line("keyturn_rotation_due", ""),
            "next" => of_line("keyturn_next_transition", ",to=\"Active\""),
            phase => keys(phase),
        })
    };
    let all = ["ready", "lost", "Active", "Standby", "Retired", "due", "next"];
    let whole = |operator: &Operator| all.map(|of| told(operator, of).map(f64::floor));
    fixture.until("it is told", async || told(&operator, "ready")).await;
    let before = whole(&operator);
    assert!(before.iter().all(Option::is_some), "{before:?}");
    operator.stop().await;

    let mut edited = spec.clone();
    edited["rotation"] = json!({ "interval": "200h" });
    fixture.apply(&example("edited", edited)).await;
    let lie = json!({ "metadata": { "annotations": { "example.com/note": "somebody was here" } } });
    fixture.patch_config_map("drifted-jwks", &lie).await;
    fixture.annotate("asked", &[("keyturn.dev/rotate", "now")]).await;
    let status = json!({ "status": { "settled": { "build": "another" } } });
    let patched = fixture.sets().patch_status("other-build", &PatchParams::default(), &Patch::Merge(&status)).await;
    patched.expect("the status is patched");

    let wire = Wire::default();
    let operator = fixture.operator_on(&wire).await;
    for name in ["edited", "drifted", "asked", "other-build"] {
        fixture
            .until(&format!("{name} is looked at"), async || {
                wire.calls_about(name).iter().any(|call| call.path.ends_with("-signer")).then_some(())
            })
            .await;
    }
    fixture.until("it is told", async || told(&operator, "ready")).await;
    assert_eq!(whole(&operator), before);
    let about: Vec<_> = wire.calls_about("same").into_iter().filter(|call| call.method != http::Method::POST).collect();
    assert!(about.is_empty(), "{about:#?}");
    operator.stop().await;
}

async fn another_set_is_ready(fixture: &Fixture, name: &str) {
    fixture.apply(&example(name, json!({ "keys": [{ "algorithm": "ES256" }] }))).await;
    fixture.ready(name).await;
}
