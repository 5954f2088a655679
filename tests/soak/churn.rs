//! One operator that stays, and leads, while key sets rotate, come and go, and the lease is taken from it.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::Timestamp;
use kube::Api;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use serde_json::json;
use tokio::runtime::Runtime;

use crate::operator::program::Program;
use crate::operator::{Fixture, PATIENCE};
use crate::restarts::{assert_calm, until};
use crate::traffic::{is_ready, set};

/// Sets that rotate for as long as it lasts.
const ROTATING: usize = 20;

/// Sets that come and go together.
const BATCH: usize = 20;

/// The lease is taken after so many batches, each time.
const TAKEN_AFTER: usize = 8;

/// One of those that stay.
pub const STAYING: &str = "rotates-0";

/// The operator that stays.
pub struct Churn<'a> {
    fixture: &'a Fixture,
    pub operator: Program,
    deleted: AtomicUsize,
    taken: AtomicUsize,
}

impl<'a> Churn<'a> {
    pub fn begin(runtime: &Runtime, fixture: &'a Fixture) -> Self {
        let operator = Program::start(fixture);
        until(PATIENCE, "it leads", || operator.leads());
        for index in 0..ROTATING {
            runtime.block_on(fixture.apply(&set(&format!("rotates-{index}"), json!({}))));
        }
        Self { fixture, operator, deleted: AtomicUsize::new(0), taken: AtomicUsize::new(0) }
    }

    pub fn go_on(&self, runtime: &Runtime, over: &AtomicBool) {
        for batch in 1.. {
            if over.load(Ordering::SeqCst) {
                return;
            }
            runtime.block_on(self.come_and_go());
            if batch % TAKEN_AFTER == 0 {
                runtime.block_on(self.take_lease());
            }
        }
    }

    /// Makes some sets, waits until they are ready, deletes them, and waits until what was written for them is gone.
    async fn come_and_go(&self) {
        let fixture = self.fixture;
        for index in 0..BATCH {
            fixture.apply(&set(&format!("goes-{index}"), json!({ "deletionPolicy": "Delete" }))).await;
        }
        fixture
            .until("they are ready", async || {
                let sets = fixture.sets().list(&ListParams::default()).await.expect("the API server answers");
                sets.iter().all(is_ready).then_some(())
            })
            .await;
        for index in 0..BATCH {
            let name = format!("goes-{index}");
            fixture.sets().delete(&name, &DeleteParams::background()).await.expect("deleted");
        }
        let secrets: Api<Secret> = Api::namespaced(fixture.client.clone(), &fixture.namespace);
        let maps: Api<ConfigMap> = Api::namespaced(fixture.client.clone(), &fixture.namespace);
        fixture
            .until("what was written for them is collected", async || {
                let all = ListParams::default();
                let secrets = secrets.list_metadata(&all).await.expect("the API server answers").items;
                let maps = maps.list_metadata(&all).await.expect("the API server answers").items;
                let mut names = secrets.iter().map(|one| &one.metadata).chain(maps.iter().map(|one| &one.metadata));
                (!names.any(|one| one.name.as_ref().is_some_and(|name| name.starts_with("goes-")))).then_some(())
            })
            .await;
        self.deleted.fetch_add(BATCH, Ordering::SeqCst);
    }

    /// Somebody takes the lease from it, and does not renew it.
    async fn take_lease(&self) {
        let leases: Api<Lease> = Api::namespaced(self.fixture.client.clone(), &self.fixture.namespace);
        let now = MicroTime(Timestamp::now());
        let taken = json!({ "spec": { "holderIdentity": "somebody", "renewTime": now, "leaseDurationSeconds": 2 } });
        let taken = leases.patch("keyturn-controller", &PatchParams::default(), &Patch::Merge(taken)).await;
        taken.expect("the lease is taken");
        self.fixture.until("it does not lead", async || (!self.operator.leads()).then_some(())).await;
        self.fixture.until("it leads again", async || self.operator.leads().then_some(())).await;
        self.taken.fetch_add(1, Ordering::SeqCst);
    }

    pub fn has_enough(&self) -> bool {
        self.deleted.load(Ordering::SeqCst) >= 3 * BATCH
    }

    /// Enough happened, and nothing is remembered of what is gone.
    pub fn end(mut self, runtime: &Runtime, fixture: &Fixture) {
        assert!(self.has_enough(), "too little happened: {self}");
        until(Duration::from_secs(10), "series of deleted sets end", || {
            !self.operator.metrics().contains("name=\"goes-")
        });
        runtime.block_on(fixture.until("the others are ready", async || {
            let sets = fixture.sets().list(&ListParams::default()).await.expect("the API server answers");
            (sets.iter().count() == ROTATING && sets.iter().all(is_ready)).then_some(())
        }));
        self.operator.terminate();
        assert!(self.operator.ended(PATIENCE).success());
        assert_calm(&self.operator);
    }
}

impl fmt::Display for Churn<'_> {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (deleted, taken) = (self.deleted.load(Ordering::SeqCst), self.taken.load(Ordering::SeqCst));
        write!(to, "{deleted} sets came and went, {ROTATING} rotated, the lease was taken {taken} times")
    }
}
