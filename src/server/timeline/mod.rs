//! The timeline of a key set as a page: what every key did, does and will do. It is made on the server, whole: there is no
//! script, and the page asks for nothing else.

mod drawing;
mod page;

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use axum::Router;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use base64ct::{Base64, Encoding};
use chrono::SubsecRound;
use maud::Markup;
use tokio::sync::Semaphore;
use tower_http::compression::CompressionLayer;

use super::jwks::{SetName, Shelf};
use crate::api::JwksKeySet;
use crate::forecast::StandIns;
use crate::probe::{Clock, SystemClock};
use crate::store::kubernetes::WRITE_BOUND;
use crate::timeline::{Timeline, TimelineError};

/// How many pages are made at one time: each is a forecast, which is work for a core.
const AT_ONCE: usize = 2;

/// How long a page may wait for its turn.
const QUEUE: Duration = Duration::from_secs(2);

struct Pages {
    shelf: Arc<Shelf>,
    stand_ins: StandIns,
    room: Arc<Semaphore>,
    policy: HeaderValue,
}

/// Answers `/NAMESPACE/NAME/timeline` for sets whose resource is on the shelf.
pub fn router(shelf: Arc<Shelf>, stand_ins: StandIns) -> Router {
    let pages = Pages { shelf, stand_ins, room: Arc::new(Semaphore::new(AT_ONCE)), policy: content_security_policy() };
    Router::new()
        .route("/{namespace}/{name}/timeline", get(timeline))
        .layer(CompressionLayer::new())
        .with_state(Arc::new(pages))
}

async fn timeline(State(pages): State<Arc<Pages>>, set: Result<Path<SetName>, PathRejection>) -> Response {
    let Ok(Path(set)) = set else { return pages.answer(StatusCode::NOT_FOUND, &page::unknown()) };
    if !pages.shelf.knows(&set.namespace) {
        return pages.later(&page::cold());
    }
    let Some(resource) = pages.shelf.resource(&set) else {
        return pages.answer(StatusCode::NOT_FOUND, &page::unknown());
    };
    let Ok(Ok(turn)) = tokio::time::timeout(QUEUE, Arc::clone(&pages.room).acquire_owned()).await else {
        return pages.later(&page::busy());
    };
    let shown = Arc::clone(&pages);
    let made = tokio::task::spawn_blocking(move || {
        // The work goes on when nobody waits for the page any more, and so does its turn.
        let _turn = turn;
        page::of(&set, &resource, &shown.model(&resource))
    });
    match made.await {
        Ok(page) => pages.answer(StatusCode::OK, &page),
        Err(_) => pages.answer(StatusCode::INTERNAL_SERVER_ERROR, &page::unknown()),
    }
}

impl Pages {
    fn model(&self, resource: &JwksKeySet) -> Result<Timeline, TimelineError> {
        let now = SystemClock.now().later.trunc_subsecs(0);
        Timeline::of_resource(resource, WRITE_BOUND, &self.stand_ins, now, None)
    }

    fn later(&self, page: &Markup) -> Response {
        let mut answer = self.answer(StatusCode::SERVICE_UNAVAILABLE, page);
        answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        answer
    }

    fn answer(&self, status: StatusCode, page: &Markup) -> Response {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        headers.insert(CONTENT_SECURITY_POLICY, self.policy.clone());
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        (status, headers, page.0.clone()).into_response()
    }
}

/// Nothing may be loaded, run, sent or framed; the one style sheet is known by its digest.
fn content_security_policy() -> HeaderValue {
    let sheet = Base64::encode_string(digest(&SHA256, page::STYLE.as_bytes()).as_ref());
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{sheet}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
}
