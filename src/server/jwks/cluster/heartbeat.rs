//! Signs of life of a watch, which kube's watcher keeps to itself: what it brings, bookmarks among it, and its end, which the
//! API server makes when the time is over that was asked for.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use futures::future::BoxFuture;
use http::{Request, Response};
use hyper::body::{Body, Frame, SizeHint};
use tower::{BoxError, Layer, Service};

use super::{Pulse, WATCH};

/// How the API server begins what says that a watch has lost something.
const ERROR: &[u8] = br#"{"type":"ERROR""#;

/// A watch that ended earlier was cut by someone.
const WHOLE: Duration = Duration::from_secs(WATCH as u64 - 1);

/// Beats with every sign that a watch has told all that happened before.
#[derive(Clone, Debug)]
pub(super) struct Heartbeat(pub(super) Pulse);

/// A service whose watches are listened to.
#[derive(Clone, Debug)]
pub(super) struct Listened<S> {
    inner: S,
    pulse: Pulse,
}

/// What a watch brings.
#[derive(Debug)]
pub(super) struct Listening<B> {
    body: B,
    /// Whose pulse, and since when; `None` for other answers.
    watch: Option<(Pulse, Instant)>,
}

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
{
    type Response = Response<Listening<B>>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Q>) -> Self::Future {
        let query = request.uri().query().unwrap_or_default();
        let is_watch = query.split('&').any(|pair| pair == "watch=true");
        let pulse = self.pulse.clone();
        let answer = self.inner.call(request);
        Box::pin(async move {
            let answer = answer.await?;
            let watch = (is_watch && answer.status().is_success()).then(|| (pulse, Instant::now()));
            Ok(answer.map(|body| Listening { body, watch }))
        })
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Listening<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        if let Some((pulse, began)) = &self.watch {
            let is_sign = match &frame {
                Some(Ok(frame)) => frame.data_ref().is_some_and(|data| !data.starts_with(ERROR)),
                Some(Err(_)) => false,
                None => began.elapsed() >= WHOLE,
            };
            if is_sign {
                pulse.beat_again(Instant::now());
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use http_body_util::{BodyExt, StreamBody};

    use super::super::super::shelf::Shelf;
    use super::*;

    /// Reads a watch that brings these frames; how old what is served may be after that.
    async fn age_after(frames: Vec<&'static str>, began: Instant) -> Duration {
        let shelf = Shelf::default();
        let pulse = shelf.pulse(None);
        pulse.beat(Instant::now().checked_sub(Duration::from_secs(1000)).unwrap());
        let frames = frames.into_iter().map(|text| Ok::<_, Infallible>(Frame::data(Bytes::from(text))));
        let body = StreamBody::new(futures::stream::iter(frames));
        Listening { body, watch: Some((pulse, began)) }.collect().await.unwrap();
        shelf.oldest_age().unwrap()
    }

    #[tokio::test]
    async fn what_a_watch_brings_and_its_end_in_time_are_signs_of_life() {
        let now = Instant::now();
        let long_ago = now.checked_sub(WHOLE).unwrap();
        let bookmark = r#"{"type":"BOOKMARK","object":{}}"#;
        let gone = r#"{"type":"ERROR","object":{"code":410}}"#;
        let cases = [
            ("a bookmark", vec![bookmark], now, true),
            ("a watch that ends in time", vec![], long_ago, true),
            ("a watch that is cut", vec![], now, false),
            ("an error", vec![gone], now, false),
        ];
        for (what, frames, began, is_sign) in cases {
            assert_eq!(age_after(frames, began).await < Duration::from_secs(500), is_sign, "{what}");
        }
    }
}
