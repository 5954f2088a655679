//! What the server counts.

use std::fmt;
use std::sync::Arc;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use super::shelf::Shelf;
use crate::metrics::{Description, Kind, Labels, Measure, PROCESS, register_process, table};

const REQUESTS: Description = Description {
    stem: "keyturn_serve_requests",
    kind: Kind::Counter,
    unit: None,
    labels: &["path", "code"],
    meaning: "Requests that were answered, by the kind of path and the status code; path `other`: there is nothing",
};
const SETS: Description = Description {
    stem: "keyturn_serve_sets",
    kind: Kind::Gauge,
    unit: None,
    labels: &[],
    meaning: "Key sets that can be served",
};
const AGE: Description = Description {
    stem: "keyturn_serve_age",
    kind: Kind::Gauge,
    unit: Some(Measure::Seconds),
    labels: &[],
    meaning: "How long ago all that is served was last known to be what Keyturn published; none before everything was read once",
};

/// What paths are counted by.
const PATHS: [&str; 6] = [
    "/{namespace}/{name}/jwks.json",
    "/{namespace}/{name}/.well-known/jwks.json",
    "/{namespace}/{name}/.well-known/openid-configuration",
    "/{namespace}/{name}/timeline",
    "/.well-known/jwks.json",
    "/.well-known/openid-configuration",
];
/// The codes that are told apart.
const CODES: [(u16, &str); 6] = [(200, "200"), (304, "304"), (404, "404"), (405, "405"), (413, "413"), (503, "503")];

/// The metrics of `keyturn serve`. Clones share them.
#[derive(Clone, Debug)]
pub struct Metrics(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    registry: Registry,
    requests: Family<Labels<2>, Counter>,
}

/// The page of the documentation: `docs/reference/metrics-serve.md`.
pub fn page() -> String {
    let all: Vec<Description> = [REQUESTS, SETS, AGE].into_iter().chain(PROCESS.iter().copied()).collect();
    format!(
        "# Metrics of keyturn serve\n\nWhat `keyturn serve` tells at `/metrics` of its `--admin-listen` address, in the text \
         format of OpenMetrics. This page is made from the code: `KEYTURN_WRITE_DOCS=1 cargo test --test serve metrics`.\n\n{}",
        table(&all)
    )
}

impl Metrics {
    /// Metrics of what is on the shelf.
    pub fn new(shelf: Arc<Shelf>) -> Self {
        let requests = Family::default();
        let mut registry = Registry::default();
        REQUESTS.register(&mut registry, requests.clone());
        registry.register_collector(Box::new(OfShelf(shelf)));
        register_process(&mut registry);
        Self(Arc::new(Inner { registry, requests }))
    }

    /// All of them, as text.
    pub fn text(&self) -> String {
        let mut text = String::new();
        match encode(&mut text, &self.0.registry) {
            Ok(()) => text,
            // Writing into a string does not fail; half of the metrics would be worse than none.
            Err(_) => String::new(),
        }
    }

    /// Counts what a router answers.
    pub fn counted(&self, router: Router) -> Router {
        router.layer(from_fn_with_state(self.clone(), count))
    }
}

async fn count(State(metrics): State<Metrics>, request: Request, next: Next) -> Response {
    let matched = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    let path = PATHS.into_iter().find(|path| matched == Some(path)).unwrap_or("other");
    let response = next.run(request).await;
    let status = response.status().as_u16();
    let code = CODES.into_iter().find(|(code, _)| *code == status).map_or("other", |(_, code)| code);
    metrics.0.requests.get_or_create(&REQUESTS.labels([path, code])).inc();
    response
}

/// Looks at the shelf when it is asked.
#[derive(Debug)]
struct OfShelf(Arc<Shelf>);

impl Collector for OfShelf {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let sets = u32::try_from(self.0.served()).unwrap_or(u32::MAX);
        SETS.encode(&mut encoder, [([], f64::from(sets))])?;
        let age = self.0.oldest_age().map(|age| ([], age.as_secs_f64()));
        AGE.encode(&mut encoder, age)
    }
}
