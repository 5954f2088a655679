//! `keyturn serve`: public JWK Sets over HTTP.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;

use super::{Failure, logs};
use crate::controller;
use crate::forecast::StandIns;
use crate::server::jwks::{Cluster, Directory, Metrics, Server, SetName, Shelf, Source};
use crate::server::listener::Limits;
use crate::server::tls::Certificate;
use crate::server::{self, admin, listener, timeline};

/// Serve the public JWK Sets over HTTP, one at /NAMESPACE/NAME/jwks.json each.
///
/// It reads the ConfigMaps that Keyturn wrote, or with --dir what `keyturn run` keeps, and never anything private.
#[derive(Debug, Args)]
pub(super) struct Serve {
    /// Where to listen.
    #[arg(long, env = "KEYTURN_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:8080", value_parser = server::address)]
    listen: SocketAddr,
    /// Serve only the key sets of this namespace; several by commas, or by repeating this. Default: those of all.
    #[arg(
        long = "namespace",
        env = "KEYTURN_NAMESPACE",
        value_name = "NAMESPACE",
        value_delimiter = ',',
        value_parser = controller::namespace_name
    )]
    namespaces: Vec<String>,
    /// Serve what `keyturn run` keeps in this directory instead of a cluster's sets.
    #[arg(long, value_name = "DIR", conflicts_with = "namespaces")]
    dir: Option<PathBuf>,
    /// Also serve this set at /.well-known/jwks.json.
    #[arg(long, value_name = "NAMESPACE/NAME", value_parser = set_name)]
    default: Option<SetName>,
    /// Also show the timeline of each set, as a page at /NAMESPACE/NAME/timeline.
    #[arg(long, env = "KEYTURN_TIMELINE", conflicts_with = "dir")]
    timeline: bool,
    /// The server's certificate in PEM, with those of its issuers behind it. Read anew when it changes.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The private key of that certificate in PEM.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// How many of its 900 connections one client address (of IPv6: one network of 64 bits) may have at one time. Raise it where
    /// many clients come by one address, as behind a proxy or a NAT; 900 is no limit.
    #[arg(long, value_name = "NUMBER", default_value_t = Limits::PUBLIC.of_one_peer, value_parser = connections)]
    connections_per_client: usize,
    /// Answer /livez, /readyz and /metrics by plain HTTP at this address, such as 0.0.0.0:8081. Default: nowhere.
    #[arg(long, env = "KEYTURN_ADMIN_LISTEN", value_name = "ADDRESS", value_parser = server::address)]
    admin_listen: Option<SocketAddr>,
    /// Log JSON lines instead of text.
    #[arg(long, env = "KEYTURN_LOG_JSON")]
    log_json: bool,
}

impl Serve {
    pub(super) fn execute(self) -> Result<ExitCode, Failure> {
        logs::init(self.log_json)?;
        let runtime = tokio::runtime::Runtime::new().map_err(Failure::new)?;
        let done = runtime.block_on(self.serve());
        runtime.shutdown_background();
        done.map(|()| ExitCode::SUCCESS)
    }

    async fn serve(self) -> Result<(), Failure> {
        let mut interrupt = signal(SignalKind::interrupt()).map_err(Failure::new)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(Failure::new)?;
        let certificate = self.certificate()?;
        let listener = server::bind(self.listen).await.map_err(Failure::new)?;
        let address = listener.local_addr().map_err(Failure::new)?;
        let shelf = Arc::new(Shelf::default());
        let source = match self.dir {
            Some(dir) => tokio::spawn(Directory { dir }.keep(Arc::clone(&shelf))),
            None => {
                let namespaces = self.namespaces.into_iter().collect();
                let cluster = Cluster::infer(namespaces, self.timeline).await.map_err(Failure::new)?;
                tokio::spawn(cluster.keep(Arc::clone(&shelf)))
            }
        };
        let metrics = Metrics::new(Arc::clone(&shelf));
        let stopping = Arc::new(AtomicBool::new(false));
        let vitals = Vitals { shelf: Arc::clone(&shelf), metrics: metrics.clone(), source, stopping: stopping.clone() };
        let admin = match self.admin_listen {
            None => None,
            Some(address) => {
                let listener = server::bind(address).await.map_err(Failure::new)?;
                Some(server::serve(listener, admin::router(vitals)))
            }
        };
        let mut router = Server { shelf: Arc::clone(&shelf), default: self.default }.router();
        if self.timeline {
            router = router.merge(timeline::router(shelf, StandIns::generate().map_err(Failure::new)?));
        }
        let scheme = if certificate.is_some() { "https" } else { "http" };
        tracing::info!(url = %format!("{scheme}://{address}"), "serving public JWK Sets");
        let stop = async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            stopping.store(true, Ordering::Relaxed);
        };
        let limits = Limits { of_one_peer: self.connections_per_client, ..Limits::PUBLIC };
        listener::serve(listener, certificate, metrics.counted(router), limits, stop).await;
        if let Some(admin) = admin {
            admin.stop().await;
        }
        tracing::info!("stopped");
        Ok(())
    }

    fn certificate(&self) -> Result<Option<Certificate>, Failure> {
        let (Some(certificate), Some(key)) = (&self.tls_cert, &self.tls_key) else { return Ok(None) };
        let (certificate, watcher) = Certificate::open(certificate, key).map_err(Failure::new)?;
        tokio::spawn(watcher.watch());
        Ok(Some(certificate))
    }
}

/// What the server knows of itself, for those who probe it.
struct Vitals {
    shelf: Arc<Shelf>,
    metrics: Metrics,
    source: JoinHandle<()>,
    stopping: Arc<AtomicBool>,
}

impl admin::Vitals for Vitals {
    /// Not an outage of the API server: a new process would know less.
    fn ailments(&self) -> Vec<String> {
        let ended = self.source.is_finished().then(|| "nothing is read any more".to_owned());
        ended.into_iter().collect()
    }

    fn waits_for(&self) -> Vec<String> {
        let cold = (!self.shelf.is_warm()).then(|| "the JWK Sets are being read".to_owned());
        let stopping = self.stopping.load(Ordering::Relaxed).then(|| "it was told to stop".to_owned());
        cold.into_iter().chain(stopping).collect()
    }

    fn lacks(&self) -> Vec<String> {
        let cold = self.shelf.cold();
        cold.into_iter()
            .flatten()
            .map(|namespace| format!("the JWK Sets of namespace {namespace} are not read yet"))
            .collect()
    }

    fn metrics(&self) -> String {
        self.metrics.text()
    }
}

fn connections(text: &str) -> Result<usize, String> {
    let most = Limits::PUBLIC.all;
    let number = text.parse().ok().filter(|number| (1..=most).contains(number));
    number.ok_or_else(|| format!("write a number from 1 to {most}"))
}

fn set_name(text: &str) -> Result<SetName, String> {
    match text.split_once('/') {
        Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() && !name.contains('/') => {
            Ok(SetName { namespace: namespace.to_owned(), name: name.to_owned() })
        }
        _ => Err("write NAMESPACE/NAME".to_owned()),
    }
}
