//! Signs of life of a watch, which kube's watcher keeps to itself: while nothing changes, the API server sends bookmarks.

use std::task::{Context, Poll};
use std::time::Instant;

use axum::body::Bytes;
use futures::future::BoxFuture;
use http::{Request, Response};
use http_body_util::BodyExt;
use http_body_util::combinators::MapFrame;
use hyper::body::{Body, Frame};
use tower::{BoxError, Layer, Service};

use super::Pulse;

/// How the API server begins what says that a watch has lost something.
const ERROR: &[u8] = br#"{"type":"ERROR""#;

/// Beats with everything that a watch brings: all that happened before it has been told.
#[derive(Clone, Debug)]
pub(super) struct Heartbeat(pub(super) Pulse);

/// A service whose watches are listened to.
#[derive(Clone, Debug)]
pub(super) struct Listened<S> {
    inner: S,
    pulse: Pulse,
}

type Listening<B> = MapFrame<B, Box<dyn FnMut(Frame<Bytes>) -> Frame<Bytes> + Send>>;

impl<S> Layer<S> for Heartbeat {
    type Service = Listened<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Listened { inner, pulse: self.0.clone() }
    }
}

impl<S, Q, B> Service<Request<Q>> for Listened<S>
where
    S: Service<Request<Q>, Response = Response<B>, Error = BoxError>,
    S::Future: Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
{
    type Response = Response<Listening<B>>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Q>) -> Self::Future {
        let query = request.uri().query().unwrap_or_default();
        let watches = query.split('&').any(|pair| pair == "watch=true");
        let pulse = self.pulse.clone();
        let answer = self.inner.call(request);
        Box::pin(async move {
            let answer = answer.await?;
            let tells = watches && answer.status().is_success();
            Ok(answer.map(|body| {
                body.map_frame(Box::new(move |frame: Frame<Bytes>| {
                    if tells && frame.data_ref().is_some_and(|data| !data.starts_with(ERROR)) {
                        pulse.beat_again(Instant::now());
                    }
                    frame
                }) as Box<dyn FnMut(Frame<Bytes>) -> Frame<Bytes> + Send>)
            }))
        })
    }
}
