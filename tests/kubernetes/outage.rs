//! The API server goes away and comes back.

use keyturn::api::{ConditionStatus, JwksKeySet};
use keyturn::store::Seal;
use kube::Api;
use kube::api::PostParams;
use serde_json::json;

use crate::operator::wire::Wire;
use crate::operator::{Operator, PATIENCE, condition, example, install_crd};
use crate::support::control_plane::ControlPlane;

#[tokio::test]
async fn the_operator_outlives_an_outage_of_the_api_server() {
    let mut cluster = ControlPlane::start().await;
    let client = cluster.client().await;
    install_crd(&client).await;
    let namespace = cluster.fresh_namespace("outage").await;
    let wire = Wire::default();
    let operator = Operator::start(cluster.config().await, &wire, &namespace, Seal::default());
    create_and_await(&cluster, &namespace, "before").await;

    cluster.stop_api_server();
    let heard = wire.attempts();
    let begun = std::time::Instant::now();
    while wire.attempts() < heard + 3 {
        assert!(begun.elapsed() < PATIENCE, "the operator does not try again");
        assert!(operator.is_running(), "the operator ended");
        assert_eq!(operator.telemetry.health.ailments(), [""; 0], "to start it anew would not help");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    cluster.start_api_server().await;
    assert!(operator.is_running(), "the operator ended");
    create_and_await(&cluster, &namespace, "after").await;
    operator.stop().await;
}

async fn create_and_await(cluster: &ControlPlane, namespace: &str, name: &str) {
    let sets: Api<JwksKeySet> = Api::namespaced(cluster.client().await, namespace);
    let set = example(name, json!({ "keys": [{ "algorithm": "ES256" }] }));
    sets.create(&PostParams::default(), &set).await.expect("created");
    let begun = std::time::Instant::now();
    loop {
        let status = sets.get(name).await.expect("the resource").status.unwrap_or_default();
        if condition(&status, "Ready").is_some_and(|one| one.0 == ConditionStatus::True) {
            return;
        }
        assert!(begun.elapsed() < PATIENCE * 2, "{name} is not ready: {status:#?}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}
