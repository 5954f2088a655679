//! Two operators and one lease.

use std::time::{Duration, Instant};

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::Timestamp;
use keyturn::controller::{LeaseName, Options};
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::json;

use crate::operator::wire::{Call, Wire};
use crate::operator::{Fixture, Operator, example};

/// How long a lease lasts that nobody renews, and the time to take it.
const EXPIRED: Duration = Duration::from_secs(15 + 5);

/// One of several operators.
struct Replica {
    operator: Operator,
    wire: Wire,
}

impl Replica {
    async fn start(fixture: &Fixture) -> Self {
        let wire = Wire::default();
        let namespace = fixture.namespace.clone();
        let lease = LeaseName { namespace: Some(namespace.clone()), name: "keyturn-controller".to_owned() };
        let namespaces = [namespace].into_iter().collect();
        let options = Options { namespaces, lease: Some(lease), ..Options::default() };
        Self { operator: Operator::start_with(fixture.cluster.config().await, &wire, options), wire }
    }

    /// What it wrote, but for the lease.
    fn writes(&self) -> Vec<Call> {
        self.wire.writes().into_iter().filter(|call| !call.path.contains("/leases")).collect()
    }

    async fn is_ready(&self, fixture: &Fixture) {
        let health = &self.operator.telemetry.health;
        fixture.until("it is ready", async || health.waits_for().is_empty().then_some(())).await;
    }
}

/// The one that leads, and the one that stands by.
async fn leader_first(fixture: &Fixture, one: Replica, other: Replica) -> (Replica, Replica) {
    let leads = fixture
        .until("one of them leads", async || match (one.operator.leads(), other.operator.leads()) {
            (true, false) => Some(true),
            (false, true) => Some(false),
            (_, _) => None,
        })
        .await;
    one.is_ready(fixture).await;
    other.is_ready(fixture).await;
    if leads { (one, other) } else { (other, one) }
}

async fn make(fixture: &Fixture, name: &str) {
    fixture.apply(&example(name, json!({ "keys": [{ "algorithm": "ES256" }] }))).await;
    fixture.ready(name).await;
    fixture.view(name).await.assert_settled();
}

/// How many keys were made for a set, and that it has no others.
async fn assert_minted(fixture: &Fixture, name: &str, count: usize) {
    let events = fixture
        .until("the mints are told", async || {
            let events = fixture.events(name).await;
            (events.iter().filter(|(reason, _)| reason == "Minted").count() >= count).then_some(events)
        })
        .await;
    assert_eq!(events.iter().filter(|(reason, _)| reason == "Minted").count(), count, "{events:#?}");
    assert_eq!(fixture.view(name).await.keyring.len(), count);
}

fn lease(fixture: &Fixture) -> Api<Lease> {
    Api::namespaced(fixture.client.clone(), &fixture.namespace)
}

#[tokio::test]
async fn only_the_leader_writes_and_a_clean_stop_hands_over_at_once() {
    let fixture = Fixture::new("leading").await;
    let (leader, follower) =
        leader_first(&fixture, Replica::start(&fixture).await, Replica::start(&fixture).await).await;
    make(&fixture, "first").await;
    let calls: Vec<Call> = follower.wire.calls().into_iter().filter(|call| !call.path.contains("/leases")).collect();
    assert!(calls.is_empty(), "it writes nothing, and reads nothing: {calls:#?}");
    assert!(!leader.writes().is_empty());
    let told = format!("namespace=\"{}\",name=\"first\"", fixture.namespace);
    assert!(leader.operator.telemetry.metrics.text().contains(&told));
    assert!(!follower.operator.telemetry.metrics.text().contains(&told), "two would count it twice");

    leader.operator.stop().await;
    let begun = Instant::now();
    fixture.until("the other leads", async || follower.operator.leads().then_some(())).await;
    let waited = begun.elapsed();
    assert!(waited < Duration::from_secs(2), "the hand-over took {waited:?}");
    make(&fixture, "second").await;
    assert!(!follower.writes().is_empty());
    assert_minted(&fixture, "first", 2).await;
    assert_minted(&fixture, "second", 2).await;

    follower.operator.stop().await;
    let spec = lease(&fixture).get("keyturn-controller").await.expect("the lease").spec.expect("a spec");
    assert_eq!(spec.holder_identity, None, "it was given back");
}

#[tokio::test]
async fn a_killed_leader_is_replaced_when_its_lease_has_expired() {
    let fixture = Fixture::new("killed").await;
    let (leader, follower) =
        leader_first(&fixture, Replica::start(&fixture).await, Replica::start(&fixture).await).await;
    make(&fixture, "first").await;
    drop(leader);
    fixture.within(EXPIRED, "the other leads", async || follower.operator.leads().then_some(())).await;
    make(&fixture, "second").await;
    assert_minted(&fixture, "first", 2).await;
    assert!(follower.operator.is_running());
}

#[tokio::test]
async fn a_leader_that_loses_its_lease_goes_on_as_a_follower() {
    let fixture = Fixture::new("lost-lease").await;
    let replica = Replica::start(&fixture).await;
    fixture.until("it leads", async || replica.operator.leads().then_some(())).await;
    make(&fixture, "first").await;
    let now = MicroTime(Timestamp::now());
    let stolen = json!({ "spec": { "holderIdentity": "somebody", "renewTime": now, "leaseDurationSeconds": 10 } });
    let patch = Patch::Merge(stolen);
    lease(&fixture).patch("keyturn-controller", &PatchParams::default(), &patch).await.expect("the lease is taken");
    fixture.until("it does not lead", async || (!replica.operator.leads()).then_some(())).await;
    replica.is_ready(&fixture).await;
    replica.wire.reset();
    fixture.apply(&example("second", json!({ "keys": [{ "algorithm": "ES256" }] }))).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(replica.writes().is_empty(), "{:#?}", replica.writes());
    fixture.within(EXPIRED, "it leads again", async || replica.operator.leads().then_some(())).await;
    fixture.ready("second").await;
    let first = replica.wire.calls_about("first").into_iter().filter(|call| call.method != http::Method::POST);
    assert_eq!(first.map(|call| call.path).collect::<Vec<_>>(), [""; 0], "what is settled is recalled, not read");
    let told = format!("keyturn_key_set_ready{{namespace=\"{}\",name=\"first\"}}", fixture.namespace);
    let is_told = async || (replica.operator.metric(&told) == Some(1.0)).then_some(());
    fixture.until("it is told of again", is_told).await;
    replica.operator.stop().await;
}
