//! `keyturn serve`: public JWK Sets over HTTP.

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use super::Failure;
use crate::controller;
use crate::forecast::StandIns;
use crate::server::jwks::{Cluster, Directory, Server, SetName, Shelf, Source};
use crate::server::tls::Certificate;
use crate::server::{listener, timeline};

/// Serve the public JWK Sets over HTTP, one at /NAMESPACE/NAME/jwks.json each.
///
/// It reads the ConfigMaps that Keyturn wrote, or with --dir what `keyturn run` keeps, and never anything private.
#[derive(Debug, Args)]
pub(super) struct Serve {
    /// Where to listen.
    #[arg(long, env = "KEYTURN_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
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
    /// Log JSON lines instead of text.
    #[arg(long, env = "KEYTURN_LOG_JSON")]
    log_json: bool,
}

impl Serve {
    pub(super) fn execute(self) -> Result<ExitCode, Failure> {
        let filter = tracing_subscriber::EnvFilter::try_from_default_env()
            .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info,kube=warn"));
        let logs = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(std::io::stderr)
            .with_ansi(std::io::stderr().is_terminal());
        if self.log_json {
            logs.json().init();
        } else {
            logs.init();
        }
        let runtime = tokio::runtime::Runtime::new().map_err(Failure::new)?;
        let done = runtime.block_on(self.serve());
        runtime.shutdown_background();
        done.map(|()| ExitCode::SUCCESS)
    }

    async fn serve(self) -> Result<(), Failure> {
        let mut interrupt = signal(SignalKind::interrupt()).map_err(Failure::new)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(Failure::new)?;
        let certificate = self.certificate()?;
        let listener = TcpListener::bind(self.listen).await.map_err(|error| {
            Failure::new(format!("{} can't be listened on: {error}; state another --listen", self.listen))
        })?;
        let address = listener.local_addr().map_err(Failure::new)?;
        let shelf = Arc::new(Shelf::default());
        match self.dir {
            Some(dir) => drop(tokio::spawn(Directory { dir }.keep(Arc::clone(&shelf)))),
            None => {
                let namespaces = self.namespaces.into_iter().collect();
                let cluster = Cluster::infer(namespaces, self.timeline).await.map_err(Failure::new)?;
                tokio::spawn(cluster.keep(Arc::clone(&shelf)));
            }
        }
        let scheme = if certificate.is_some() { "https" } else { "http" };
        tracing::info!(url = %format!("{scheme}://{address}"), "serving public JWK Sets");
        let mut router = Server { shelf: Arc::clone(&shelf), default: self.default }.router();
        if self.timeline {
            router = router.merge(timeline::router(shelf, StandIns::generate().map_err(Failure::new)?));
        }
        let stop = async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        };
        listener::serve(listener, certificate, router, stop).await;
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

fn set_name(text: &str) -> Result<SetName, String> {
    match text.split_once('/') {
        Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() && !name.contains('/') => {
            Ok(SetName { namespace: namespace.to_owned(), name: name.to_owned() })
        }
        _ => Err("write NAMESPACE/NAME".to_owned()),
    }
}
