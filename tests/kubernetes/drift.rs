//! What someone edits or deletes is restored.

use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::ConfigMap;
use keyturn::api::ConditionStatus;
use kube::Api;
use kube::api::{DeleteParams, PostParams};
use serde_json::json;

use crate::operator::view::{file_of, text_of};
use crate::operator::wire::{Call, Wire};
use crate::operator::{Fixture, Operator, condition, example};

struct Settled {
    fixture: Fixture,
    _operator: Operator,
}

async fn settled(prefix: &str) -> Settled {
    let fixture = Fixture::new(prefix).await;
    let operator = fixture.operator().await;
    fixture.apply(&example("auth", json!({ "keys": [{ "algorithm": "ES256" }] }))).await;
    fixture.ready("auth").await;
    Settled { fixture, _operator: operator }
}

#[tokio::test]
async fn an_edited_config_map_is_restored() {
    let Settled { fixture, .. } = &settled("edited").await;
    let before = fixture.view("auth").await;
    let edit = json!({ "data": { "jwks.json": "{\"keys\":[]}", "stray": "text" }, "binaryData": { "more": "AAAA" } });
    fixture.patch_config_map("auth-jwks", &edit).await;
    fixture
        .until("the ConfigMap is as before", async || {
            let map = fixture.config_map("auth-jwks").await?;
            let only_ours = map.data.as_ref().is_some_and(|data| data.len() == 1) && map.binary_data.is_none();
            (only_ours && fixture.view("auth").await == before).then_some(())
        })
        .await;
    assert!(fixture.event("auth", "Restored").await.contains("auth-jwks"));
}

#[tokio::test]
async fn a_deleted_output_is_written_anew() {
    let Settled { fixture, .. } = &settled("deleted").await;
    let before = fixture.view("auth").await;
    fixture.delete_secret("auth-signer").await;
    fixture.delete_config_map("auth-jwks").await;
    fixture.until("both outputs are back", async || (fixture.view("auth").await == before).then_some(())).await;
}

#[tokio::test]
async fn a_stray_file_in_a_secret_goes() {
    let Settled { fixture, .. } = &settled("stray").await;
    let before = fixture.view("auth").await;
    fixture.patch_secret("auth-signer", &json!({ "stringData": { "stray": "text" } })).await;
    fixture
        .until("the stray file is gone", async || {
            let secret = fixture.secret("auth-signer").await?;
            file_of(&secret, "stray").is_empty().then_some(())
        })
        .await;
    assert_eq!(fixture.view("auth").await, before);
}

#[tokio::test]
async fn removed_labels_come_back() {
    let Settled { fixture, .. } = &settled("labels").await;
    let bare =
        json!({ "metadata": { "labels": { "app.kubernetes.io/managed-by": null, "keyturn.dev/key-set": null } } });
    fixture.patch_secret("auth-signer", &bare).await;
    fixture.patch_config_map("auth-jwks", &bare).await;
    fixture.patch_secret("auth-keyring", &bare).await;
    fixture
        .until("the labels are back", async || {
            let of = [
                fixture.secret("auth-signer").await?.metadata,
                fixture.config_map("auth-jwks").await?.metadata,
                fixture.secret("auth-keyring").await?.metadata,
            ];
            let labelled = of.iter().all(|metadata| {
                let labels = metadata.labels.clone().unwrap_or_default();
                labels.get("keyturn.dev/key-set").is_some_and(|set| set == "auth")
                    && labels.get("app.kubernetes.io/managed-by").is_some_and(|manager| manager == "keyturn")
            });
            labelled.then_some(())
        })
        .await;
}

#[tokio::test]
async fn labels_and_annotations_of_others_stay() {
    let Settled { fixture, .. } = &settled("others").await;
    let theirs = json!({
        "metadata": { "labels": { "team": "blue" }, "annotations": { "example.com/note": "kept" } },
        "data": { "jwks.json": "{}" },
    });
    fixture.patch_config_map("auth-jwks", &theirs).await;
    let map = fixture
        .until("the ConfigMap is restored", async || {
            let map = fixture.config_map("auth-jwks").await?;
            (text_of(&map, "jwks.json") != "{}").then_some(map)
        })
        .await;
    assert_eq!(map.metadata.labels.unwrap_or_default().get("team").map(String::as_str), Some("blue"));
    let annotations = map.metadata.annotations.unwrap_or_default();
    assert_eq!(annotations.get("example.com/note").map(String::as_str), Some("kept"));
}

#[tokio::test]
async fn a_removed_header_is_written_anew() {
    let Settled { fixture, .. } = &settled("header").await;
    let before = fixture.view("auth").await;
    let bare = json!({ "metadata": { "annotations": { "keyturn.dev/header": null } } });
    fixture.patch_config_map("auth-jwks", &bare).await;
    fixture.patch_secret("auth-signer", &bare).await;
    fixture
        .until("the headers are back", async || {
            let of = [
                fixture.secret("auth-signer").await?.metadata.annotations,
                fixture.config_map("auth-jwks").await?.metadata.annotations,
            ];
            of.iter().all(|all| all.as_ref().is_some_and(|all| all.contains_key("keyturn.dev/header"))).then_some(())
        })
        .await;
    assert_eq!(fixture.view("auth").await, before);
}

/// A set that someone else has harmed again and again.
struct Contested {
    fixture: Fixture,
    _operator: Operator,
    harms: usize,
    /// What the operator wrote meanwhile.
    writes: Vec<Call>,
}

/// Harms a set for so long, until it is told that someone does.
async fn contested(prefix: &str, time: Duration, harm: impl AsyncFn(&Fixture)) -> Contested {
    let fixture = Fixture::new(prefix).await;
    let wire = Wire::default();
    let operator = fixture.operator_on(&wire).await;
    fixture.apply(&example("auth", json!({ "keys": [{ "algorithm": "ES256" }] }))).await;
    fixture.ready("auth").await;
    wire.reset();
    let began = Instant::now();
    let mut harms = 0;
    while began.elapsed() < time {
        harm(&fixture).await;
        harms += 1;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let writes = wire.writes();
    // The outputs may not be as they should, and so the set is not ready.
    let is_told = |status: &keyturn::api::JwksKeySetStatus| {
        condition(status, "Ready")
            .is_some_and(|one| (one.0, one.1.as_str()) == (ConditionStatus::False, "OutputContested"))
    };
    let status = fixture.status("auth", "it is told", is_told).await;
    let contested = condition(&status, "OutputContested").expect("the condition");
    assert_eq!((contested.0, contested.1.as_str()), (ConditionStatus::True, "OthersWrite"));
    Contested { fixture, _operator: operator, harms, writes }
}

impl Contested {
    /// How often an output, or the keyring, was written; that it was restored was told.
    async fn restorations(&self) -> usize {
        assert!(self.fixture.event("auth", "Restored").await.contains("changed by someone else"));
        let of_outputs = |call: &&Call| call.path.contains("/secrets") || call.path.contains("/configmaps");
        self.writes.iter().filter(of_outputs).count()
    }
}

#[tokio::test]
async fn who_deletes_an_output_again_and_again_does_not_keep_the_api_server_busy() {
    let maps = |fixture: &Fixture| Api::<ConfigMap>::namespaced(fixture.client.clone(), &fixture.namespace);
    let pruned = contested("pruned", Duration::from_secs(12), async |fixture| {
        // One that is not back yet can't be deleted.
        drop(maps(fixture).delete("auth-jwks", &DeleteParams::default()).await);
    })
    .await;
    let writes = pruned.restorations().await;
    assert!((4..15).contains(&writes), "{writes} writes");
}

#[tokio::test]
async fn who_takes_the_labels_again_and_again_does_not_keep_the_api_server_busy() {
    let theirs = json!({ "metadata": { "labels": { "app.kubernetes.io/managed-by": "theirs" } } });
    let relabelled = contested("relabelled", Duration::from_secs(12), async |fixture| {
        fixture.patch_config_map("auth-jwks", &theirs).await;
        fixture.patch_secret("auth-keyring", &theirs).await;
    })
    .await;
    let writes = relabelled.restorations().await;
    assert!((4..30).contains(&writes), "{writes} writes");
}

#[tokio::test]
async fn two_writers_who_disagree_do_not_keep_the_api_server_busy() {
    let Contested { fixture, _operator, harms: edits, writes } =
        contested("contested", Duration::from_secs(15), async |fixture| {
            fixture.patch_config_map("auth-jwks", &json!({ "data": { "stray": "text" } })).await;
        })
        .await;
    let writes = writes.iter().filter(|call| call.is_about("auth-jwks")).count();
    assert!(edits > 20 && (4..15).contains(&writes), "{edits} edits were answered by {writes} writes");
    assert!(fixture.event("auth", "OutputContested").await.contains("managedFields"));

    // What the resource asks for does not wait.
    let before = fixture.view("auth").await;
    let revoked = json!([{ "kid": before.active() }]);
    fixture.apply(&example("auth", json!({ "keys": [{ "algorithm": "ES256" }], "revoked": revoked }))).await;
    fixture
        .until("the revoked key is gone", async || {
            (!fixture.view("auth").await.published.contains(&before.active())).then_some(())
        })
        .await;
}

#[tokio::test]
async fn a_contested_set_still_notices_that_a_stranger_has_left_its_place() {
    let Settled { fixture, .. } = &settled("contested").await;
    let stranger = json!({ "metadata": { "name": "stranger" }, "data": { "theirs": "text" } });
    let stranger: ConfigMap = serde_json::from_value(stranger).expect("a ConfigMap");
    let maps: Api<ConfigMap> = Api::namespaced(fixture.client.clone(), &fixture.namespace);
    maps.create(&PostParams::default(), &stranger).await.expect("created");
    let outputs = json!([{ "name": "auth-jwks" }, { "name": "stranger" }]);
    fixture.apply(&example("auth", json!({ "keys": [{ "algorithm": "ES256" }], "configMaps": outputs }))).await;
    let is = |status: &keyturn::api::JwksKeySetStatus, type_: &str, reason: &str| {
        condition(status, type_).is_some_and(|one| one.1 == reason)
    };
    fixture.status("auth", "the stranger is seen", |status| is(status, "Ready", "OutputTaken")).await;
    let mut edits = 0;
    fixture
        .until("the set is contested", async || {
            let status = fixture.sets().get("auth").await.expect("the resource").status.unwrap_or_default();
            if is(&status, "OutputContested", "OthersWrite") {
                return Some(());
            }
            let map = fixture.config_map("auth-jwks").await?;
            if text_of(&map, "stray").is_empty() {
                edits += 1;
                fixture.patch_config_map("auth-jwks", &json!({ "data": { "stray": edits.to_string() } })).await;
            }
            None
        })
        .await;
    // What the operator wrote itself calls it once more.
    tokio::time::sleep(Duration::from_secs(3)).await;
    fixture.delete_config_map("stranger").await;
    fixture
        .until("its place is taken by the output", async || {
            let map = fixture.config_map("stranger").await?;
            (!text_of(&map, "jwks.json").is_empty()).then_some(())
        })
        .await;
}
