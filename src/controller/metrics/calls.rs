//! Counts what is asked of the API server.

use std::task::{Context, Poll};

use futures::future::BoxFuture;
use http::{Method, Request, Response, StatusCode};
use tower::{Layer, Service};

use super::Metrics;

/// A layer that counts requests by what they ask and what comes of them.
#[derive(Clone, Debug)]
pub struct ApiCalls {
    metrics: Metrics,
}

impl ApiCalls {
    pub(super) fn new(metrics: Metrics) -> Self {
        Self { metrics }
    }
}

impl<S> Layer<S> for ApiCalls {
    type Service = Counted<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Counted { inner, metrics: self.metrics.clone() }
    }
}

/// A service whose requests are counted.
#[derive(Clone, Debug)]
pub struct Counted<S> {
    inner: S,
    metrics: Metrics,
}

impl<S, B, A> Service<Request<B>> for Counted<S>
where
    S: Service<Request<B>, Response = Response<A>>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let metrics = self.metrics.clone();
        let (verb, resource) = asked(request.method(), request.uri().path(), request.uri().query());
        let answer = self.inner.call(request);
        Box::pin(async move {
            let answer = answer.await;
            metrics.requested(verb, resource, answer.as_ref().map_or("none", |answer| code(answer.status())));
            answer
        })
    }
}

/// The verb and the resource of a request, as roles name them.
fn asked(method: &Method, path: &str, query: Option<&str>) -> (&'static str, &'static str) {
    let mut parts = path.split('/').filter(|part| !part.is_empty()).skip_while(|part| !is_version(part)).skip(1);
    let mut kind = parts.next().unwrap_or_default();
    let mut name = parts.next();
    if let ("namespaces", Some(_), Some(namespaced)) = (kind, name, parts.next()) {
        kind = namespaced;
        name = parts.next();
    }
    let part = parts.next();
    let watches = query.is_some_and(|query| query.split('&').any(|one| one == "watch=true" || one == "watch=1"));
    let verb = match *method {
        Method::GET if watches => "watch",
        Method::GET if name.is_some() => "get",
        Method::GET => "list",
        Method::POST => "create",
        Method::PUT => "update",
        Method::PATCH => "patch",
        Method::DELETE => "delete",
        _ => "other",
    };
    (verb, if part == Some("status") { status_of(kind) } else { resource(kind) })
}

fn is_version(part: &str) -> bool {
    part.strip_prefix('v').is_some_and(|rest| rest.starts_with(|letter: char| letter.is_ascii_digit()))
}

fn status_of(kind: &str) -> &'static str {
    if kind == "jwkskeysets" { "jwkskeysets/status" } else { "other" }
}

/// The plural of a resource that the operator deals with.
pub(super) fn resource(plural: &str) -> &'static str {
    match plural {
        "jwkskeysets" => "jwkskeysets",
        "secrets" => "secrets",
        "configmaps" => "configmaps",
        "events" => "events",
        "leases" => "leases",
        _ => "other",
    }
}

fn code(status: StatusCode) -> &'static str {
    match status.as_u16() {
        200 => "200",
        201 => "201",
        400 => "400",
        401 => "401",
        403 => "403",
        404 => "404",
        409 => "409",
        410 => "410",
        413 => "413",
        422 => "422",
        429 => "429",
        500 => "500",
        503 => "503",
        504 => "504",
        _ if status.is_success() => "2xx",
        _ if status.is_redirection() => "3xx",
        _ if status.is_client_error() => "4xx",
        _ => "5xx",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_named_as_roles_name_them() {
        let sets = "/apis/keyturn.dev/v1alpha1/namespaces/iam/jwkskeysets";
        let one = format!("{sets}/auth");
        let status = format!("{sets}/auth/status");
        let cases = [
            (Method::GET, "/apis/keyturn.dev/v1alpha1/jwkskeysets", Some("limit=1"), ("list", "jwkskeysets")),
            (Method::GET, sets, Some("resourceVersion=1&watch=true&timeoutSeconds=290"), ("watch", "jwkskeysets")),
            (Method::GET, &one, Some(""), ("get", "jwkskeysets")),
            (Method::PATCH, &status, Some("force=true"), ("patch", "jwkskeysets/status")),
            (Method::POST, "/api/v1/namespaces/iam/secrets", None, ("create", "secrets")),
            (Method::PATCH, "/api/v1/namespaces/v1/secrets/v2", None, ("patch", "secrets")),
            (Method::GET, "/api/v1/configmaps", Some("watch=1"), ("watch", "configmaps")),
            (Method::POST, "/apis/events.k8s.io/v1/namespaces/iam/events", None, ("create", "events")),
            (Method::GET, "/apis/coordination.k8s.io/v1/namespaces/iam/leases/x", None, ("get", "leases")),
            (Method::GET, "/api/v1/namespaces/iam", None, ("get", "other")),
            (Method::HEAD, "/", None, ("other", "other")),
        ];
        for (method, path, query, expected) in cases {
            assert_eq!(asked(&method, path, query), expected, "{method} {path}");
        }
    }
}
