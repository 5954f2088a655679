//! What happens to keys when the resource is deleted.

use keyturn::api::JwksKeySet;
use kube::ResourceExt;
use kube::api::DeleteParams;
use serde_json::json;

use crate::operator::{Fixture, example};

fn set(policy: &str) -> JwksKeySet {
    example("auth", json!({ "keys": [{ "algorithm": "ES256" }], "deletionPolicy": policy }))
}

async fn delete(fixture: &Fixture) {
    fixture.sets().delete("auth", &DeleteParams::default()).await.expect("deleted");
    fixture
        .until("the resource is gone", async || {
            fixture.sets().get_opt("auth").await.expect("the API server answers").is_none().then_some(())
        })
        .await;
}

#[tokio::test]
async fn retain_keeps_everything_and_applying_again_goes_on_with_it() {
    let fixture = Fixture::new("retain").await;
    let _operator = fixture.operator().await;
    fixture.apply(&set("Retain")).await;
    fixture.ready("auth").await;
    let before = fixture.view("auth").await;
    delete(&fixture).await;
    fixture.apply(&example("other", json!({ "keys": [{ "algorithm": "ES256" }] }))).await;
    fixture.ready("other").await;
    assert_eq!(fixture.view("auth").await, before, "the keys stay");
    fixture.apply(&set("Retain")).await;
    let status = fixture.ready("auth").await;
    assert_eq!(fixture.view("auth").await, before, "the same keys go on");
    assert_eq!(status.active_kids, Some(before.active()));
    assert_eq!(status.keyring_revision, Some(1));
}

#[tokio::test]
async fn delete_takes_everything_with_the_resource() {
    let fixture = Fixture::new("delete").await;
    fixture.cluster.start_controller_manager();
    let _operator = fixture.operator().await;
    fixture.apply(&set("Retain")).await;
    fixture.ready("auth").await;
    let before = fixture.view("auth").await;
    let uid = fixture.apply(&set("Delete")).await.uid();
    fixture
        .until("everything is owned by the resource", async || {
            let of = [
                fixture.secret("auth-keyring").await?.metadata,
                fixture.secret("auth-signer").await?.metadata,
                fixture.config_map("auth-jwks").await?.metadata,
            ];
            let owned = |owner: &k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference| {
                Some(&owner.uid) == uid.as_ref()
            };
            of.iter().all(|metadata| metadata.owner_references.iter().flatten().any(owned)).then_some(())
        })
        .await;
    assert_eq!(fixture.view("auth").await, before, "the keys are the same");
    delete(&fixture).await;
    fixture
        .within(crate::operator::PATIENCE * 2, "everything is collected", async || {
            let left = [
                fixture.secret("auth-keyring").await.is_some(),
                fixture.secret("auth-signer").await.is_some(),
                fixture.config_map("auth-jwks").await.is_some(),
            ];
            (left == [false; 3]).then_some(())
        })
        .await;
}

#[tokio::test]
async fn going_back_to_retain_takes_the_owner_away() {
    let fixture = Fixture::new("disown").await;
    let _operator = fixture.operator().await;
    fixture.apply(&set("Delete")).await;
    fixture.ready("auth").await;
    let before = fixture.view("auth").await;
    fixture.apply(&set("Retain")).await;
    fixture
        .until("nothing is owned by the resource", async || {
            let of = [
                fixture.secret("auth-keyring").await?.metadata,
                fixture.secret("auth-signer").await?.metadata,
                fixture.config_map("auth-jwks").await?.metadata,
            ];
            of.iter().all(|metadata| metadata.owner_references.iter().flatten().next().is_none()).then_some(())
        })
        .await;
    assert_eq!(fixture.view("auth").await, before);
}
