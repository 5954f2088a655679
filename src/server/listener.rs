//! Connections: how many, how long, and how they end.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv6Addr};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
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

/// How many connections there may be at one time.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Of all peers. Others wait until one ends.
    pub all: usize,
    /// Of one peer: an address, or of IPv6 a network of 64 bits, which is what one household gets. More are ended at once.
    pub of_one_peer: usize,
}

impl Limits {
    /// For whoever verifies: a quarter of all for one peer.
    pub const PUBLIC: Self = Self { all: 900, of_one_peer: 225 };
    /// For probes and metrics.
    pub const ADMIN: Self = Self { all: 64, of_one_peer: 32 };
}

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
    limits: Limits,
    stop: impl Future<Output = ()>,
) {
    let room = Arc::new(Semaphore::new(limits.all));
    let peers = Peers::default();
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
            Ok((stream, peer, permit)) => {
                let Some(place) = peers.admit(peer, limits.of_one_peer) else {
                    tracing::debug!(%peer, "a connection is ended: this peer has as many as it may");
                    continue;
                };
                let (certificate, app, stopped) = (certificate.clone(), app.clone(), stopped.clone());
                connections.spawn(async move {
                    greet(stream, certificate, app, stopped).await;
                    drop((permit, place));
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
) -> io::Result<(TcpStream, IpAddr, tokio::sync::OwnedSemaphorePermit)> {
    let permit = Arc::clone(room).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, peer) = listener.accept().await?;
    Ok((stream, peer.ip(), permit))
}

/// How many connections each peer has.
#[derive(Clone, Default)]
struct Peers(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// One connection of a peer, until it is dropped.
struct Counted {
    peers: Peers,
    peer: IpAddr,
}

impl Peers {
    /// Counts a connection more, unless the peer has `most`.
    fn admit(&self, peer: IpAddr, most: usize) -> Option<Counted> {
        let peer = network(peer);
        let mut counts = self.counts();
        let count = counts.entry(peer).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(Counted { peers: self.clone(), peer })
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut counts = self.peers.counts();
        if let Entry::Occupied(mut count) = counts.entry(self.peer) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

/// What counts as one peer.
fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_has_its_share_and_no_more() {
        let peers = Peers::default();
        let admit = |peer: &str| peers.admit(peer.parse().unwrap(), 2);
        let (one, _two) = (admit("192.0.2.1").unwrap(), admit("::ffff:192.0.2.1").unwrap());
        assert!(admit("192.0.2.1").is_none());
        let _other = admit("192.0.2.2").unwrap();
        drop(one);
        assert!(admit("192.0.2.1").is_some());
        let _network = (admit("2001:db8::1").unwrap(), admit("2001:db8::2").unwrap());
        assert!(admit("2001:db8:0:0:9::3").is_none());
        assert!(admit("2001:db8:0:1::3").is_some());
        assert_eq!(peers.counts().len(), 3, "who has none is forgotten");
    }
}
