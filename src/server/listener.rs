//! Connections: how many, how long, and how they end.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tower::ServiceExt;

use super::tls::Certificate;

/// Connections at one time. Others wait until one ends.
const CONNECTIONS: usize = 900;

/// A connection that asks nothing for so long is ended, also one that sends its request, or takes its answer, drop by drop.
const IDLE: Duration = Duration::from_secs(30);

/// The same before the first request, with what TLS needs before it.
const FIRST: Duration = Duration::from_secs(10);

/// Octets that the head of a request may have.
const HEAD: usize = 16 * 1024;

/// Requests at one time on one HTTP/2 connection.
const STREAMS: u32 = 64;

/// How long requests that are under way may take when the server is told to stop.
const FAREWELL: Duration = Duration::from_secs(10);

/// After an error of the system's, such as too many open files.
const PAUSE: Duration = Duration::from_millis(100);

/// Answers requests until `stop` ends, then finishes those that are under way. HTTP/1.1 and HTTP/2, the latter also without
/// TLS where the client knows.
pub async fn serve(
    listener: TcpListener,
    certificate: Option<Certificate>,
    app: Router,
    stop: impl Future<Output = ()>,
) {
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    let (stopping, stopped) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut stop = pin!(stop);
    loop {
        let accepted = tokio::select! {
            () = &mut stop => break,
            accepted = accept(&listener, &room) => accepted,
        };
        // What has ended is forgotten.
        while connections.try_join_next().is_some() {}
        match accepted {
            Ok((stream, permit)) => {
                let (certificate, app, stopped) = (certificate.clone(), app.clone(), stopped.clone());
                connections.spawn(async move {
                    greet(stream, certificate, app, stopped).await;
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection can't be accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    drop(listener);
    stopping.send_replace(true);
    let finished = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(FAREWELL, finished).await.is_err() {
        tracing::warn!("some connections did not end in time and are cut");
    }
}

async fn accept(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
) -> io::Result<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let permit = Arc::clone(room).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    Ok((stream, permit))
}

async fn greet(stream: TcpStream, certificate: Option<Certificate>, app: Router, stopped: watch::Receiver<bool>) {
    // A late answer is only slower then.
    let _ = stream.set_nodelay(true);
    let began = Instant::now();
    match certificate {
        None => converse(stream, began, app, stopped).await,
        Some(certificate) => match tokio::time::timeout(FIRST, certificate.acceptor().accept(stream)).await {
            Ok(Ok(stream)) => converse(stream, began, app, stopped).await,
            Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
            Err(_) => tracing::debug!("a TLS handshake took too long"),
        },
    }
}

/// When a connection last asked something, in milliseconds after it began; 0 before that.
#[derive(Clone, Default)]
struct Activity(Arc<AtomicU64>);

impl Activity {
    fn asks(&self, began: Instant) {
        let since = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.0.store(since.max(1), Ordering::Relaxed);
    }

    /// When the connection is to end unless it asks something.
    fn deadline(&self, began: Instant) -> Instant {
        match self.0.load(Ordering::Relaxed) {
            0 => began + FIRST,
            last => began + Duration::from_millis(last) + IDLE,
        }
    }
}

async fn converse<S>(stream: S, began: Instant, app: Router, mut stopped: watch::Receiver<bool>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let activity = Activity::default();
    let heard = activity.clone();
    let service = tower::service_fn(move |request: Request<Incoming>| {
        heard.asks(began);
        let app = app.clone();
        async move { Ok::<_, Infallible>(app.oneshot(request).await.unwrap_or_else(|never| match never {})) }
    });
    let builder = builder();
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service)));
    let mut leaving = false;
    loop {
        let deadline = activity.deadline(began);
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "a connection broke");
                }
                return;
            }
            _ = stopped.wait_for(|stopped| *stopped), if !leaving => {
                leaving = true;
                connection.as_mut().graceful_shutdown();
            }
            () = tokio::time::sleep_until(deadline.into()) => {
                if Instant::now() >= activity.deadline(began) {
                    return;
                }
            }
        }
    }
}

fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(IDLE).max_buf_size(HEAD);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(u32::try_from(HEAD).unwrap_or(u32::MAX));
    builder
}
