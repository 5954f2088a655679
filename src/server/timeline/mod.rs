//! The timeline of a key set as a page: what every key did, does and will do. It is made on the server, whole: there is no
//! script, and the page asks for nothing else.

mod drawing;
mod page;

use std::sync::Arc;

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

struct Pages {
    shelf: Arc<Shelf>,
    stand_ins: StandIns,
    room: Semaphore,
    policy: HeaderValue,
}

/// Answers `/NAMESPACE/NAME/timeline` for sets whose resource is on the shelf.
pub fn router(shelf: Arc<Shelf>, stand_ins: StandIns) -> Router {
    let pages = Pages { shelf, stand_ins, room: Semaphore::new(AT_ONCE), policy: content_security_policy() };
    Router::new()
        .route("/{namespace}/{name}/timeline", get(timeline))
        .layer(CompressionLayer::new())
        .with_state(Arc::new(pages))
}

async fn timeline(State(pages): State<Arc<Pages>>, set: Result<Path<SetName>, PathRejection>) -> Response {
    let Ok(Path(set)) = set else { return pages.answer(StatusCode::NOT_FOUND, &page::unknown()) };
    if !pages.shelf.is_warm() {
        let mut answer = pages.answer(StatusCode::SERVICE_UNAVAILABLE, &page::cold());
        answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        return answer;
    }
    let Some(resource) = pages.shelf.resource(&set) else {
        return pages.answer(StatusCode::NOT_FOUND, &page::unknown());
    };
    let shown = Arc::clone(&pages);
    let made = async {
        let _room = pages.room.acquire().await.ok()?;
        tokio::task::spawn_blocking(move || page::of(&set, &resource, &shown.model(&resource))).await.ok()
    };
    match made.await {
        Some(page) => pages.answer(StatusCode::OK, &page),
        None => pages.answer(StatusCode::INTERNAL_SERVER_ERROR, &page::unknown()),
    }
}

impl Pages {
    fn model(&self, resource: &JwksKeySet) -> Result<Timeline, TimelineError> {
        let now = SystemClock.now().later.trunc_subsecs(0);
        Timeline::of_resource(resource, WRITE_BOUND, &self.stand_ins, now, None)
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
