//! Public JWK Sets over HTTP, as `keyturn serve` answers them. It knows nothing private: all it reads is what Keyturn wrote
//! for verifiers.

mod answer;
mod cluster;
mod directory;
mod discovery;
mod lifetime;
mod metrics;
mod published;
mod shelf;

use std::sync::Arc;

use axum::Router;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::get;

pub use cluster::{Cluster, ClusterError};
pub use directory::Directory;
pub use metrics::{Metrics, page};
pub use published::{Published, Unfit};
pub use shelf::{Described, Found, Pulse, SetName, Shelf};

use answer::{Content, problem};
use lifetime::{Known, Lifetime};

use crate::probe::{Clock, SystemClock};

/// Where published sets come from.
pub trait Source: Send + 'static {
    /// Keeps the shelf as the source is, for ever.
    fn keep(self, shelf: Arc<Shelf>) -> impl Future<Output = ()> + Send;
}

/// What is served, and how.
#[derive(Clone, Debug)]
pub struct Server {
    /// Every set that is known.
    pub shelf: Arc<Shelf>,
    /// The set that is also served at `/.well-known/jwks.json`.
    pub default: Option<SetName>,
}

impl Server {
    /// Everything that `keyturn serve` answers.
    pub fn router(self) -> Router {
        let mut router = Router::new()
            .route("/{namespace}/{name}/jwks.json", get(jwks))
            .route("/{namespace}/{name}/.well-known/jwks.json", get(jwks))
            .route("/{namespace}/{name}/.well-known/openid-configuration", get(openid_configuration));
        if self.default.is_some() {
            router = router
                .route("/.well-known/jwks.json", get(default_jwks))
                .route("/.well-known/openid-configuration", get(default_openid_configuration));
        }
        answer::dressed(router.with_state(Arc::new(self)))
    }

    fn find(
        &self,
        set: &SetName,
        make: impl FnOnce(&Published, &Described) -> Option<Content>,
        headers: &HeaderMap,
    ) -> Response {
        match self.shelf.find(set) {
            Found::Cold => problem(StatusCode::SERVICE_UNAVAILABLE, "the JWK Sets are being read: try again"),
            Found::Unfit => problem(
                StatusCode::SERVICE_UNAVAILABLE,
                "the JWK Set was edited and is about to be restored: try again",
            ),
            Found::Revoked => problem(
                StatusCode::SERVICE_UNAVAILABLE,
                "the JWK Set holds a revoked key and is about to be written anew: try again",
            ),
            Found::Unknown => problem(StatusCode::NOT_FOUND, "there is no JWK Set of that name"),
            Found::Ready(jwks, known, described) => match make(&jwks, &described) {
                Some(content) => answer::content(content, lifetime(&known), headers),
                None => problem(StatusCode::NOT_FOUND, "the key set states no issuer: state spec.issuer"),
            },
        }
    }

    fn jwks(&self, set: &SetName, headers: &HeaderMap) -> Response {
        self.find(set, |jwks, _| Some(Content::jwks(jwks)), headers)
    }

    fn openid_configuration(&self, set: &SetName, headers: &HeaderMap) -> Response {
        let document = |jwks: &Published, described: &Described| {
            discovery::document(described.issuer.as_deref()?, jwks).ok().map(Content::json)
        };
        self.find(set, document, headers)
    }
}

fn lifetime(known: &Known) -> Lifetime {
    Lifetime::new(known, SystemClock.now().later)
}

type NameInPath = Result<Path<SetName>, PathRejection>;

async fn jwks(State(server): State<Arc<Server>>, set: NameInPath, headers: HeaderMap) -> Response {
    set.map_or_else(|_| answer::unknown_path(), |Path(set)| server.jwks(&set, &headers))
}

async fn openid_configuration(State(server): State<Arc<Server>>, set: NameInPath, headers: HeaderMap) -> Response {
    set.map_or_else(|_| answer::unknown_path(), |Path(set)| server.openid_configuration(&set, &headers))
}

async fn default_jwks(State(server): State<Arc<Server>>, headers: HeaderMap) -> Response {
    match &server.default {
        Some(set) => server.jwks(set, &headers),
        None => answer::unknown_path(),
    }
}

async fn default_openid_configuration(State(server): State<Arc<Server>>, headers: HeaderMap) -> Response {
    match &server.default {
        Some(set) => server.openid_configuration(set, &headers),
        None => answer::unknown_path(),
    }
}
