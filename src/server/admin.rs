//! What the keepers of a cluster ask: is it alive (`/livez`), may it be relied on (`/readyz`), what did it do (`/metrics`).

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;

/// The text format of OpenMetrics 1.0, which every Prometheus since 2.5 reads.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What a program knows of itself. None of it is private: whoever reaches the port may read it.
pub trait Vitals: Send + Sync + 'static {
    /// Why it should be started anew; nothing if it is alive.
    fn ailments(&self) -> Vec<String>;
    /// What it waits for before it does its work; nothing if it is ready.
    fn waits_for(&self) -> Vec<String>;
    /// What it does its work without, for those who read the answer of `/readyz`.
    fn lacks(&self) -> Vec<String> {
        Vec::new()
    }
    /// Its metrics, in the text format of OpenMetrics.
    fn metrics(&self) -> String;
}

/// Answers `/livez`, `/readyz` and `/metrics`.
pub fn router<V: Vitals>(vitals: V) -> Router {
    Router::new()
        .route("/livez", get(async |State(vitals): State<Arc<V>>| verdict(&vitals.ailments(), &[])))
        .route("/readyz", get(async |State(vitals): State<Arc<V>>| verdict(&vitals.waits_for(), &vitals.lacks())))
        .route("/metrics", get(async |State(vitals): State<Arc<V>>| ([(CONTENT_TYPE, OPEN_METRICS)], vitals.metrics())))
        .with_state(Arc::new(vitals))
}

fn verdict(reasons: &[String], lacks: &[String]) -> impl IntoResponse + use<> {
    if reasons.is_empty() {
        (StatusCode::OK, lacks.iter().fold("ok\n".to_owned(), |text, one| text + "but " + one + "\n"))
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, reasons.join("\n") + "\n")
    }
}
