//! The API server goes away: what is served stays, and says for how long it may be kept.

use std::time::{Duration, Instant};

use keyturn::store::Seal;
use kube::Api;
use kube::api::PostParams;
use serde_json::json;

use crate::cluster::serve;
use crate::operator::wire::Wire;
use crate::operator::{Operator, example, install_crd};
use crate::support::control_plane::ControlPlane;

/// P and C of the set, in seconds. While all is well, what is served is at most one watch old, and the time that the next one takes to begin.
const P: u64 = 16;
const C: u64 = 20;

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_shortens_how_long_answers_are_kept() {
    let mut cluster = ControlPlane::start().await;
    install_crd(&cluster.client().await).await;
    let namespace = cluster.fresh_namespace("outage").await;
    let sets: Api<keyturn::api::JwksKeySet> = Api::namespaced(cluster.client().await, &namespace);
    let timing = json!({ "publishDelay": format!("{P}s"), "verifierCacheTtl": format!("{C}s") });
    let set = example("auth", json!({ "keys": [{ "algorithm": "ES256" }], "timing": timing }));
    sets.create(&PostParams::default(), &set).await.unwrap();
    let wire = Wire::default();
    let operator = Operator::start(cluster.config().await, &wire, &namespace, Seal::default());
    let (server, _config) = serve(&cluster, &namespace, &[]).await;
    let path = format!("/{namespace}/auth/jwks.json");
    // The operator has told that what it wrote is there.
    let body = server.until(&path, "all is well", |answer| answer.lifetime() == (C / 2, C / 2)).body;

    // All is well, for longer than one watch lasts.
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(25) {
        assert_eq!(server.get(&path).lifetime(), (C / 2, C / 2), "after {:?}", begun.elapsed());
        std::thread::sleep(Duration::from_millis(250));
    }
    cluster.stop_api_server();
    let gone = Instant::now();
    let mut last = C;
    while last > 0 {
        let answer = server.get(&path);
        let after = gone.elapsed().as_secs();
        assert_eq!((answer.status, &answer.body), (200, &body), "a JWKS is better than none");
        let (max_age, stale) = answer.lifetime();
        let total = max_age + stale;
        assert!(total <= last, "{total} s after {last} s");
        assert!(total == 0 || after + total <= P + C, "{total} s after {after} s");
        last = total;
        assert!(after <= P + C, "{total} s after {after} s");
        std::thread::sleep(Duration::from_millis(250));
    }
    assert!(gone.elapsed().as_secs() + 16 > P + C, "it counts from the last sign of life");
    assert_eq!(server.get(&path).header("cache-control"), Some("public, max-age=0, must-revalidate"));

    cluster.start_api_server().await;
    server.until(&path, "all is well again", |answer| answer.lifetime() == (C / 2, C / 2));
    assert_eq!(server.get(&path).body, body);
    drop(operator);
}
