//! What the program answers by HTTP.

pub mod admin;
pub mod jwks;
pub mod listener;
pub mod timeline;
pub mod tls;

use std::io;
use std::net::SocketAddr;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use listener::Limits;

/// Nobody can be answered at an address.
#[derive(Debug, thiserror::Error)]
#[error("{address} can't be listened at: {source}; choose another port, or end the program that has it")]
pub struct BindError {
    address: SocketAddr,
    source: io::Error,
}

/// A server that answers until it is stopped or dropped.
#[derive(Debug)]
pub struct Serving {
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

/// Reads an address and a port to listen at.
///
/// # Errors
/// A sentence that says what it must look like.
pub fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|_| format!("{text:?} is no address and port: write 0.0.0.0:8081, 127.0.0.1:8081 or [::]:8081"))
}

/// Listens at an address.
///
/// # Errors
/// If it is taken, not this machine's, or not permitted.
pub async fn bind(address: SocketAddr) -> Result<TcpListener, BindError> {
    TcpListener::bind(address).await.map_err(|source| BindError { address, source })
}

/// Answers what is asked by those who look after the program. Must be called from a tokio runtime.
pub fn serve(listener: TcpListener, router: Router) -> Serving {
    let (stop, stopped) = oneshot::channel::<()>();
    let stopped = async move { drop(stopped.await) };
    let task = tokio::spawn(listener::serve(listener, None, router, Limits::ADMIN, stopped));
    Serving { stop: Some(stop), task }
}

impl Serving {
    /// Takes no more questions, and waits for the answers that are under way.
    pub async fn stop(mut self) {
        drop(self.stop.take());
        if (&mut self.task).await.is_err() {
            tracing::debug!("answers that were under way were dropped");
        }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.task.abort();
    }
}
