//! An operator that keeps some namespaces, with rights in these alone.

use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
use keyturn::controller::Options;
use kube::Api;
use kube::api::PostParams;
use serde_json::json;

use crate::operator::wire::Wire;
use crate::operator::{Fixture, Operator, example};

const KEEPER: &str = "keeper-of-some";

#[tokio::test]
async fn roles_in_the_listed_namespaces_are_enough_and_no_other_is_looked_at() {
    let one = Fixture::new("some").await;
    let other = another(&one).await;
    let stranger = another(&one).await;
    for fixture in [&one, &other] {
        permit(fixture).await;
    }
    let mut config = one.cluster.config().await;
    config.auth_info.impersonate = Some(KEEPER.to_owned());
    let namespaces = [&one, &other].map(|fixture| fixture.namespace.clone()).into_iter().collect();
    let wire = Wire::default();
    let operator = Operator::start_with(config, &wire, Options { namespaces, ..Options::default() });

    let set = example("auth", json!({ "keys": [{ "algorithm": "ES256" }] }));
    for fixture in [&stranger, &one, &other] {
        fixture.apply(&set).await;
    }
    for fixture in [&one, &other] {
        fixture.ready("auth").await;
        let before = fixture.view("auth").await;
        before.assert_settled();
        fixture.delete_secret("auth-signer").await;
        fixture.until("the Secret is back", async || (fixture.view("auth").await == before).then_some(())).await;
    }
    assert_eq!(operator.telemetry.health.waits_for(), [""; 0]);
    let metrics = operator.telemetry.metrics.text();
    assert!(!metrics.contains("code=\"403\""), "{metrics}");
    assert!(metrics.contains(&format!("namespace=\"{}\"", other.namespace)), "{metrics}");
    assert!(stranger.secret("auth-keyring").await.is_none(), "nobody asked for that namespace");
    assert!(!metrics.contains(&stranger.namespace), "{metrics}");
    operator.stop().await;
}

async fn another(fixture: &Fixture) -> Fixture {
    let namespace = fixture.cluster.fresh_namespace("some").await;
    Fixture { cluster: fixture.cluster, client: fixture.client.clone(), namespace }
}

async fn permit(fixture: &Fixture) {
    let role = json!({
        "metadata": { "name": KEEPER },
        "rules": [
            { "apiGroups": ["keyturn.dev"], "resources": ["jwkskeysets"], "verbs": ["get", "list", "watch"] },
            { "apiGroups": ["keyturn.dev"], "resources": ["jwkskeysets/status"], "verbs": ["patch"] },
            {
                "apiGroups": [""],
                "resources": ["secrets", "configmaps"],
                "verbs": ["get", "list", "watch", "create", "patch"],
            },
            { "apiGroups": ["events.k8s.io"], "resources": ["events"], "verbs": ["create"] },
        ],
    });
    let binding = json!({
        "metadata": { "name": KEEPER },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": KEEPER },
        "subjects": [{ "apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": KEEPER }],
    });
    let role: Role = serde_json::from_value(role).expect("a Role");
    let binding: RoleBinding = serde_json::from_value(binding).expect("a RoleBinding");
    let params = PostParams::default();
    Api::namespaced(fixture.client.clone(), &fixture.namespace).create(&params, &role).await.expect("created");
    Api::namespaced(fixture.client.clone(), &fixture.namespace).create(&params, &binding).await.expect("created");
}
