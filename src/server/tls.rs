//! The server's certificate, from two files that may change at any time.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{self, ServerConfig};
use zeroize::Zeroizing;

use crate::store::directory::files;

/// How often the files are looked at. The kubelet swaps both in one step; two copies by hand may meet in between.
const GLANCE: Duration = Duration::from_secs(1);

/// A certificate chain and its key, read anew when the files change.
#[derive(Clone)]
pub struct Certificate {
    paths: Paths,
    current: Arc<Current>,
    acceptor: TlsAcceptor,
}

/// Why the files can't be used. Never holds their content.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    /// A file can't be read.
    #[error("{path} can't be read: {why}: see that it is there and that this user may read it")]
    Read {
        /// Which file.
        path: String,
        /// What the system says.
        why: String,
    },
    /// A file holds something else.
    #[error("{path} holds no {wanted} in PEM: {advice}")]
    Pem {
        /// Which file.
        path: String,
        /// What it should hold.
        wanted: &'static str,
        /// What to put there.
        advice: &'static str,
    },
    /// The two don't belong together, or can't be used.
    #[error("{certificate} and {key} can't be used together: {why}: put the certificate of that key first in its file")]
    Pair {
        /// The file with the certificates.
        certificate: String,
        /// The file with the key.
        key: String,
        /// What rustls says.
        why: String,
    },
    /// The protocol versions can't be set up.
    #[error("TLS can't be set up: {0}")]
    Setup(String),
}

#[derive(Clone, Debug)]
struct Paths {
    certificate: PathBuf,
    key: PathBuf,
}

/// Both files as they were read.
type Pair = (Vec<u8>, Zeroizing<Vec<u8>>);

#[derive(Debug)]
struct Current(RwLock<Arc<CertifiedKey>>);

impl Certificate {
    /// Reads the files. TLS 1.2 and 1.3, with HTTP/2 and HTTP/1.1 (ALPN).
    ///
    /// # Errors
    /// [`TlsError`]
    pub fn open(certificate: &Path, key: &Path) -> Result<(Self, Watcher), TlsError> {
        let paths = Paths { certificate: certificate.to_owned(), key: key.to_owned() };
        let pair = paths.read()?;
        let current = Arc::new(Current(RwLock::new(Arc::new(paths.parse(&pair)?))));
        let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(|error| TlsError::Setup(error.to_string()))?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&current) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let certificate = Self { paths, current, acceptor: TlsAcceptor::from(Arc::new(config)) };
        Ok((certificate.clone(), Watcher { certificate, read: pair }))
    }

    /// Takes new connections.
    pub(super) fn acceptor(&self) -> &TlsAcceptor {
        &self.acceptor
    }
}

/// Looks at the files.
pub struct Watcher {
    certificate: Certificate,
    read: Pair,
}

impl Watcher {
    /// Takes up what the files hold, for ever. Files that can't be used change nothing, and a warning says so.
    pub async fn watch(mut self) {
        let mut told = None;
        loop {
            tokio::time::sleep(GLANCE).await;
            let paths = self.certificate.paths.clone();
            let read = tokio::task::spawn_blocking(move || paths.read()).await;
            let Ok(read) = read else { continue };
            let trouble = match read {
                Ok(pair) if pair == self.read => None,
                Ok(pair) => self.take(pair).err(),
                Err(error) => Some(error),
            };
            if let Some(error) = trouble.as_ref().filter(|_| trouble != told) {
                tracing::warn!(%error, "the certificate before it stays");
            }
            told = trouble;
        }
    }

    fn take(&mut self, pair: Pair) -> Result<(), TlsError> {
        let key = self.certificate.paths.parse(&pair)?;
        *self.certificate.current.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(key);
        self.read = pair;
        tracing::info!("a new certificate is served");
        Ok(())
    }
}

impl Paths {
    fn read(&self) -> Result<Pair, TlsError> {
        let read = |path: &Path| {
            files::read(path)
                .map_err(|error| TlsError::Read { path: path.display().to_string(), why: error.to_string() })
        };
        Ok((read(&self.certificate)?.to_vec(), read(&self.key)?))
    }

    fn parse(&self, (certificate, key): &Pair) -> Result<CertifiedKey, TlsError> {
        let shown = |path: &Path| path.display().to_string();
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(certificate).collect();
        let chain = chain.ok().filter(|chain| !chain.is_empty()).ok_or_else(|| TlsError::Pem {
            path: shown(&self.certificate),
            wanted: "certificate",
            advice: "put the server's certificate there, then those of its issuers",
        })?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| TlsError::Pem {
            path: shown(&self.key),
            wanted: "private key",
            advice: "put the key there, without a passphrase",
        })?;
        CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider()).map_err(|error| TlsError::Pair {
            certificate: shown(&self.certificate),
            key: shown(&self.key),
            why: error.to_string(),
        })
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Certificate").field("paths", &self.paths).finish_non_exhaustive()
    }
}
