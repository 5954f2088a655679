//! What stands in the way of one write holds up no other, and is told.

use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use keyturn::api::{ConditionStatus, JwksKeySet, JwksKeySetStatus};
use keyturn::store::Seal;
use kube::api::{ApiResource, DynamicObject, Patch, PatchParams};
use kube::{Api, CustomResourceExt, ResourceExt};
use serde_json::{Value, json};

use crate::operator::view::text_of;
use crate::operator::wire::Wire;
use crate::operator::{Fixture, Operator, condition, example, install_crd};
use crate::support::control_plane::ControlPlane;

fn is_not_ready(status: &JwksKeySetStatus, reason: &str) -> bool {
    condition(status, "Ready").is_some_and(|one| (one.0, one.1.as_str()) == (ConditionStatus::False, reason))
}

fn kids_in(map: &ConfigMap) -> usize {
    let jwks: Value = serde_json::from_str(&text_of(map, "jwks.json")).unwrap_or_default();
    jwks["keys"].as_array().map_or(0, Vec::len)
}

#[tokio::test]
async fn an_output_is_restored_although_no_decision_can_be_made() {
    let fixture = Fixture::new("undecided").await;
    let _operator = fixture.operator().await;
    fixture.create_secret("pass", &[("word", "correct horse battery")]).await;
    let files = json!({ "private.pem": { "content": "PrivateKeyPem", "line": "a" } });
    let secret = json!([{
        "name": "auth-signer", "files": files, "passphrase": { "secretKeyRef": { "name": "pass", "key": "word" } },
    }]);
    let lines = |lines: &Value| json!({ "keys": lines, "secrets": secret });
    fixture.apply(&example("auth", lines(&json!([{ "name": "a", "algorithm": "ES256" }])))).await;
    fixture.ready("auth").await;
    fixture.delete_secret("pass").await;
    let more = json!([{ "name": "a", "algorithm": "ES256" }, { "name": "b", "algorithm": "ES256" }]);
    let mut spec = lines(&more);
    spec["secrets"][0]["files"]["b.json"] = json!({ "content": "PrivateJwks", "line": "b" });
    fixture.apply(&example("auth", spec)).await;
    fixture.status("auth", "b has no key", |status| is_not_ready(status, "ReferenceMissing")).await;

    let before = fixture.config_map("auth-jwks").await.expect("the ConfigMap");
    fixture.delete_config_map("auth-jwks").await;
    let after = fixture.until("the ConfigMap is back", async || fixture.config_map("auth-jwks").await).await;
    assert_eq!(after.data, before.data);
}

#[tokio::test]
async fn an_output_that_can_not_be_written_holds_up_no_other() {
    let fixture = Fixture::new("immutable").await;
    let _operator = fixture.operator().await;
    let maps = json!([{ "name": "auth-jwks" }, { "name": "auth-more" }]);
    let lines = |lines: &Value| example("auth", json!({ "keys": lines, "configMaps": maps }));
    fixture.apply(&lines(&json!([{ "name": "a", "algorithm": "ES256" }]))).await;
    fixture.ready("auth").await;
    fixture.patch_config_map("auth-jwks", &json!({ "immutable": true })).await;
    fixture.apply(&lines(&json!([{ "name": "a", "algorithm": "ES256" }, { "name": "b", "algorithm": "ES256" }]))).await;
    fixture
        .until("the other is written", async || (kids_in(&fixture.config_map("auth-more").await?) > 2).then_some(()))
        .await;
    let status = fixture.status("auth", "it is told", |status| is_not_ready(status, "StoreFailed")).await;
    assert!(condition(&status, "Ready").unwrap().2.contains("immutable"), "{status:#?}");
    fixture.delete_config_map("auth-more").await;
    fixture
        .until("the other is back", async || (kids_in(&fixture.config_map("auth-more").await?) > 2).then_some(()))
        .await;
    assert_eq!(kids_in(&fixture.config_map("auth-jwks").await.unwrap()), 2);

    // Once it is gone, it is written anew.
    fixture.delete_config_map("auth-jwks").await;
    fixture.until("all is well", async || (kids_in(&fixture.config_map("auth-jwks").await?) > 2).then_some(())).await;
}

#[tokio::test]
async fn what_a_policy_of_the_cluster_changes_is_not_taken_for_written() {
    let fixture = Fixture::new("mutated").await;
    let wire = Wire::default();
    let _operator = fixture.operator_on(&wire).await;
    let name = &fixture.namespace;
    let policy = json!({ "apiVersion": "v1", "kind": "List", "items": [
        {
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingAdmissionPolicy", "metadata": { "name": name },
            "spec": {
                "matchConstraints": { "resourceRules": [
                    { "apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["configmaps"] },
                ] },
                "failurePolicy": "Fail",
                "reinvocationPolicy": "Never",
                "mutations": [{
                    "patchType": "ApplyConfiguration",
                    "applyConfiguration": { "expression": "Object{data: {\"stray\": \"text\"}}" },
                }],
            },
        },
        {
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingAdmissionPolicyBinding", "metadata": { "name": name },
            "spec": {
                "policyName": name,
                "matchResources": { "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": name } } },
            },
        },
    ] });
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), policy.to_string()).unwrap();
    fixture.kubectl(&["apply", "-f", file.path().to_str().unwrap()]);
    // The API server takes up policies within seconds.
    fixture
        .until("the policy counts", async || {
            let probe = json!({ "metadata": { "name": "probe" }, "data": {} });
            let maps: Api<ConfigMap> = Api::namespaced(fixture.client.clone(), &fixture.namespace);
            drop(maps.create(&kube::api::PostParams::default(), &serde_json::from_value(probe).unwrap()).await);
            let map = fixture.config_map("probe").await?;
            let counts = !text_of(&map, "stray").is_empty();
            fixture.delete_config_map("probe").await;
            counts.then_some(())
        })
        .await;
    fixture.apply(&example("auth", json!({ "keys": [{ "algorithm": "ES256" }] }))).await;
    let status = fixture.status("auth", "it is told", |status| is_not_ready(status, "StoreFailed")).await;
    assert!(condition(&status, "Ready").unwrap().2.contains("webhook or policy"), "{status:#?}");
    fixture.kubectl(&["delete", "mutatingadmissionpolicybinding,mutatingadmissionpolicy", name]);
    fixture.ready("auth").await;
    assert_eq!(text_of(&fixture.config_map("auth-jwks").await.unwrap(), "stray"), "");
}

/// A newer version stated what this one does not know, and was taken back with its CRD.
#[tokio::test]
async fn a_resource_of_a_newer_version_goes_on_by_the_last_spec_that_was_understood() {
    let cluster = ControlPlane::start().await;
    let client = cluster.client().await;
    install_crd(&client).await;
    let namespace = cluster.fresh_namespace("newer").await;
    let operator = Operator::start(cluster.config().await, &Wire::default(), &namespace, Seal::default());
    let fixture = Fixture { cluster: Box::leak(Box::new(cluster)), client: client.clone(), namespace };
    fixture.apply(&example("auth", json!({ "keys": [{ "algorithm": "ES256" }] }))).await;
    fixture.ready("auth").await;
    let before = fixture.view("auth").await;

    let crds: Api<CustomResourceDefinition> = Api::all(client.clone());
    let name = JwksKeySet::crd().name_any();
    let place = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/profile/enum";
    let newer = json!([{ "op": "remove", "path": place }]);
    crds.patch(&name, &PatchParams::default(), &Patch::<()>::Json(serde_json::from_value(newer).unwrap()))
        .await
        .unwrap();
    let sets: Api<DynamicObject> =
        Api::namespaced_with(client.clone(), &fixture.namespace, &ApiResource::erase::<JwksKeySet>(&()));
    let state = |patch: Value| {
        let sets = sets.clone();
        async move { sets.patch("auth", &PatchParams::default(), &Patch::Merge(patch)).await.is_ok() }
    };
    fixture
        .until("the CRD counts", async || state(json!({ "spec": { "profile": "Newer" } })).await.then_some(()))
        .await;
    let is_told = || async {
        let set = sets.get("auth").await.unwrap();
        let told = set.data["status"]["conditions"].as_array().unwrap().iter().any(|one| {
            one["type"] == "Ready"
                && one["reason"] == "SpecInvalid"
                && one["message"].to_string().contains("does not understand")
        });
        told.then_some(())
    };
    fixture.until("it is told", async || is_told().await).await;
    fixture.delete_config_map("auth-jwks").await;
    fixture.until("it is restored", async || (fixture.view("auth").await == before).then_some(())).await;
    assert!(state(json!({ "spec": { "revoked": [{ "kid": before.active() }] } })).await);
    fixture
        .until("what it revokes is revoked", async || {
            (!fixture.view("auth").await.published.contains(&before.active())).then_some(())
        })
        .await;
    operator.stop().await;
}
