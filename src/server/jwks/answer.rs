//! What every answer has: its headers, and a sentence in JSON where something is wrong.

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONNECTION, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, RETRY_AFTER, VARY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::{Next, from_fn, map_response};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use tower_http::compression::CompressionLayer;
use tower_http::cors::{Any, CorsLayer};

use super::lifetime::Lifetime;
use super::published::Published;

/// RFC 7517 section 8.5.2, and what the Kubernetes API server says of its own JWKS.
const JWK_SET: HeaderValue = HeaderValue::from_static("application/jwk-set+json");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// How long a browser remembers that it may ask, in seconds.
const PREFLIGHT: u64 = 86_400;

/// Content that names itself.
pub(super) struct Content {
    body: Bytes,
    tag: String,
    kind: HeaderValue,
}

impl Content {
    pub(super) fn jwks(jwks: &Published) -> Self {
        Self { body: jwks.body.clone(), tag: jwks.tag.clone(), kind: JWK_SET }
    }

    pub(super) fn json(body: Vec<u8>) -> Self {
        let tag = super::published::tag(&body);
        Self { body: body.into(), tag, kind: JSON }
    }
}

/// The content, or 304 where the client has it (RFC 9110 section 13.1.2). There is no `Last-Modified`: it counts whole
/// seconds, and a key set may change twice in one.
pub(super) fn content(content: Content, lifetime: Lifetime, asked: &HeaderMap) -> Response {
    // Either the plain octets or the compressed ones, which are another representation with a name of their own.
    let mut tags = [false, true].into_iter().filter_map(|compressed| entity_tag(&content.tag, compressed));
    let known = tags.find(|tag| names(asked, tag));
    let mut headers = HeaderMap::new();
    headers.insert(VARY, HeaderValue::from_name(ACCEPT_ENCODING));
    if let Ok(value) = HeaderValue::from_str(&lifetime.cache_control()) {
        headers.insert(CACHE_CONTROL, value);
    }
    if let Some(tag) = known {
        headers.insert(ETAG, tag);
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    headers.insert(CONTENT_TYPE, content.kind);
    headers.extend(entity_tag(&content.tag, false).map(|tag| (ETAG, tag)));
    (headers, Body::from(content.body)).into_response()
}

/// Whether `If-None-Match` names a tag, by the weak comparison. No tag of ours has a comma.
fn names(asked: &HeaderMap, tag: &HeaderValue) -> bool {
    let lists = asked.get_all(IF_NONE_MATCH).iter().filter_map(|list| list.to_str().ok());
    let mut named = lists.flat_map(|list| list.split(',')).map(str::trim);
    named.any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one).as_bytes() == tag.as_bytes())
}

/// A sentence that says what is wrong.
pub(super) fn problem(status: StatusCode, sentence: &str) -> Response {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, JSON);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if status == StatusCode::SERVICE_UNAVAILABLE {
        headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    (status, headers, json!({ "error": sentence }).to_string()).into_response()
}

/// There is nothing at such a path.
pub(super) fn unknown_path() -> Response {
    problem(StatusCode::NOT_FOUND, "there is nothing here: ask for /NAMESPACE/NAME/jwks.json")
}

/// Puts around every route what all answers have in common.
pub(super) fn dressed(router: Router) -> Router {
    let cors = CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET, Method::HEAD])
        .allow_headers(Any)
        .expose_headers([ETAG])
        .max_age(std::time::Duration::from_secs(PREFLIGHT))
        // Every origin gets the same answer: one copy in a shared cache is enough.
        .vary::<[HeaderName; 0]>([]);
    router
        .fallback(async || unknown_path())
        .method_not_allowed_fallback(async || {
            problem(StatusCode::METHOD_NOT_ALLOWED, "only GET, HEAD and OPTIONS are answered")
        })
        .layer(from_fn(without_body))
        .layer(CompressionLayer::new())
        .layer(map_response(finish))
        .layer(cors)
}

/// Nothing here takes a body.
async fn without_body(request: Request, next: Next) -> Response {
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if is_read && !request.body().is_end_stream() {
        let mut refused = problem(StatusCode::PAYLOAD_TOO_LARGE, "no request here has a body");
        refused.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        return refused;
    }
    next.run(request).await
}

async fn finish(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if headers.contains_key(CONTENT_ENCODING)
        && let Some(tag) = headers.get(ETAG).and_then(|tag| tag.to_str().ok())
        && let Some(tag) = entity_tag(tag.trim_matches('"'), true)
    {
        headers.insert(ETAG, tag);
    }
    response
}

/// A strong entity tag (RFC 9110 section 8.8.3).
fn entity_tag(tag: &str, compressed: bool) -> Option<HeaderValue> {
    let suffix = if compressed { "-gzip" } else { "" };
    HeaderValue::from_str(&format!("\"{tag}{suffix}\"")).ok()
}
