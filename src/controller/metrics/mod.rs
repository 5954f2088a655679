//! What the operator counts.

mod calls;
mod sets;

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use crate::jose::KeySpec;
use crate::metrics::{Description, Kind, Labels, Measure, PROCESS, register_process, table};

pub use calls::{ApiCalls, Counted};
pub(super) use sets::{Record as SetRecord, Sets};

const RECONCILE_DURATION: Description = Description {
    stem: "keyturn_reconcile_duration",
    kind: Kind::Histogram,
    unit: Some(Measure::Seconds),
    labels: &[],
    meaning: "How long it took to look after one key set; a settled set that needs no look is not counted",
};
const RECONCILE_ERRORS: Description = Description {
    stem: "keyturn_reconcile_errors",
    kind: Kind::Counter,
    unit: None,
    labels: &["reason"],
    meaning: "Looks after a key set that failed and are tried again, by the reason of the condition `Ready`; `Conflict`: someone \
              else wrote at the same time",
};
const KEY_GENERATION: Description = Description {
    stem: "keyturn_key_generation_duration",
    kind: Kind::Histogram,
    unit: Some(Measure::Seconds),
    labels: &["key"],
    meaning: "How long it took to make a private key, by its kind and size, such as `RSA 4096` and `P-256`",
};
const API_REQUESTS: Description = Description {
    stem: "keyturn_api_requests",
    kind: Kind::Counter,
    unit: None,
    labels: &["verb", "resource", "code"],
    meaning: "Requests to the API server; code `none`: no answer came",
};
const WATCH_RESTARTS: Description = Description {
    stem: "keyturn_watch_restarts",
    kind: Kind::Counter,
    unit: None,
    labels: &["resource"],
    meaning: "Watches that were interrupted and began anew",
};
const LEADER: Description = Description {
    stem: "keyturn_leader",
    kind: Kind::Gauge,
    unit: None,
    labels: &[],
    meaning: "1 where this operator writes, 0 where it stands by; only the one that writes tells of key sets",
};

/// The metrics of the operator. Clones share them.
#[derive(Clone, Debug)]
pub struct Metrics(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    registry: Registry,
    sets: Sets,
    reconcile_duration: Histogram,
    reconcile_errors: Family<Labels<1>, Counter>,
    key_generation: Family<Labels<1, String>, Histogram, fn() -> Histogram>,
    api_requests: Family<Labels<3>, Counter>,
    watch_restarts: Family<Labels<1>, Counter>,
    leader: Gauge,
}

/// All that the operator tells, in the order of the documentation.
pub fn catalog() -> Vec<Description> {
    let rest = [RECONCILE_DURATION, RECONCILE_ERRORS, KEY_GENERATION, API_REQUESTS, WATCH_RESTARTS, LEADER].into_iter();
    sets::CATALOG.iter().copied().chain(rest).chain(PROCESS.iter().copied()).collect()
}

/// The page of the documentation: `docs/reference/metrics.md`.
pub fn page() -> String {
    format!(
        "# Metrics\n\nWhat `keyturn controller` tells at `/metrics` of its `--admin-listen` address, in the text format of \
         OpenMetrics. This page is made from the code: `KEYTURN_WRITE_DOCS=1 cargo test --test monitoring`.\n\n\
         Series of a key set end with the set. Its labels `namespace` and `name` are the set's own, so scrape with \
         `honorLabels: true`. Alerts and a dashboard that use them are in [`monitoring/`](../../monitoring), and each alert has a \
         [runbook](../runbooks).\n\n{}",
        table(&catalog())
    )
}

impl Default for Metrics {
    fn default() -> Self {
        let leader = Gauge::default();
        let sets = Sets::new(leader.clone());
        let reconcile_duration = Histogram::new(exponential_buckets(0.005, 2.0, 14));
        let seconds: fn() -> Histogram = || Histogram::new(exponential_buckets(0.001, 2.0, 16));
        let key_generation = Family::new_with_constructor(seconds);
        let (reconcile_errors, api_requests, watch_restarts) =
            (Family::default(), Family::default(), Family::default());
        let mut registry = Registry::default();
        registry.register_collector(Box::new(sets.clone()));
        RECONCILE_DURATION.register(&mut registry, reconcile_duration.clone());
        RECONCILE_ERRORS.register(&mut registry, reconcile_errors.clone());
        KEY_GENERATION.register(&mut registry, key_generation.clone());
        API_REQUESTS.register(&mut registry, api_requests.clone());
        WATCH_RESTARTS.register(&mut registry, watch_restarts.clone());
        LEADER.register(&mut registry, leader.clone());
        register_process(&mut registry);
        Self(Arc::new(Inner {
            registry,
            sets,
            reconcile_duration,
            reconcile_errors,
            key_generation,
            api_requests,
            watch_restarts,
            leader,
        }))
    }
}

impl Metrics {
    /// All of them, in the text format of OpenMetrics.
    pub fn text(&self) -> String {
        let mut text = String::new();
        match encode(&mut text, &self.0.registry) {
            Ok(()) => text,
            // Writing into a string does not fail; half of the metrics would be worse than none.
            Err(_) => String::new(),
        }
    }

    /// A layer that counts what a client asks of the API server.
    pub fn api_calls(&self) -> ApiCalls {
        ApiCalls::new(self.clone())
    }

    /// The key sets.
    pub(super) fn sets(&self) -> &Sets {
        &self.0.sets
    }

    /// One key set was looked after, and perhaps failed.
    pub(super) fn reconciled(&self, took: Duration, failed: Option<&'static str>) {
        self.0.reconcile_duration.observe(took.as_secs_f64());
        if let Some(reason) = failed {
            self.0.reconcile_errors.get_or_create(&RECONCILE_ERRORS.labels([reason])).inc();
        }
    }

    /// A watch was interrupted.
    pub(super) fn watch_restarts(&self, resource: &str) {
        self.0.watch_restarts.get_or_create(&WATCH_RESTARTS.labels([calls::resource(resource)])).inc();
    }

    /// Whether this operator writes.
    pub(super) fn leads(&self, leads: bool) {
        self.0.leader.set(i64::from(leads));
        if !leads {
            // What comes of the sets meanwhile is another's to know.
            self.0.sets.clear();
        }
    }

    /// A key was made, or given up, after so long.
    pub(super) fn generated(&self, spec: KeySpec, took: Duration) {
        self.0.key_generation.get_or_create(&KEY_GENERATION.labels([spec.to_string()])).observe(took.as_secs_f64());
    }

    fn requested(&self, verb: &'static str, resource: &'static str, code: &'static str) {
        self.0.api_requests.get_or_create(&API_REQUESTS.labels([verb, resource, code])).inc();
    }
}
