//! How commands reach a cluster. They read and write `JwksKeySet`s, and never a Secret.

use std::path::PathBuf;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use clap::Args;
use kube::api::{ListParams, Patch, PatchParams};
use kube::config::{InferConfigError, KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::{Api, Client, Config, ResourceExt};
use serde_json::json;

use super::Failure;
use crate::api::{JwksKeySet, RevokedKid};

/// How long a cluster may take to answer at all.
const CONNECT: Duration = Duration::from_secs(10);

/// How often a change is tried again, as long as others are faster.
const ATTEMPTS: usize = 8;

/// How long until it is tried again; each later wait is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(50);

/// Name of the commands where they change a resource (`metadata.managedFields`).
const FIELD_MANAGER: &str = "keyturn-cli";

/// Which cluster, and where in it.
#[derive(Debug, Args)]
#[command(next_help_heading = "Cluster")]
pub(super) struct Access {
    /// Namespace of the key set. Default: that of the kubeconfig's context.
    #[arg(short, long, value_name = "NAMESPACE")]
    pub(super) namespace: Option<String>,
    /// Context of the kubeconfig. Default: its current one.
    #[arg(long, value_name = "CONTEXT")]
    context: Option<String>,
    /// The kubeconfig. Default: KUBECONFIG, or ~/.kube/config.
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
}

/// A cluster, and a namespace in it.
pub(super) struct Cluster {
    client: Client,
    url: String,
    pub(super) namespace: String,
}

/// What a command changes of a resource.
pub(super) enum Edit {
    /// An annotation, and its new value.
    Annotation(&'static str, String),
    /// All of spec.revoked.
    Revoked(Vec<RevokedKid>),
}

/// Why a cluster gives no answer, or not the one that was hoped for.
#[derive(Debug, thiserror::Error)]
pub(super) enum ClusterError {
    #[error("the kubeconfig can't be used: {0}; state one by --kubeconfig or KUBECONFIG, and its context by --context")]
    Kubeconfig(#[from] KubeconfigError),
    #[error("no cluster is configured: {0}; state one by --kubeconfig, KUBECONFIG or ~/.kube/config")]
    Infer(#[from] Box<InferConfigError>),
    #[error("the client for {url} can't be made: {why}")]
    Client { url: String, why: String },
    #[error("{url} can't be reached: {why}; check the cluster, and that the kubeconfig's context is the right one")]
    Unreachable { url: String, why: String },
    #[error("{url} knows no JwksKeySets: install Keyturn, or its CRD with `keyturn crd | kubectl apply -f -`")]
    NoCrd { url: String },
    #[error("there is no JwksKeySet {name} in namespace {namespace}: see `kubectl get jwkskeysets --all-namespaces`")]
    NotFound { namespace: String, name: String },
    #[error("{url} does not know you: {why}; check the credentials of the kubeconfig's context")]
    Unauthorized { url: String, why: String },
    #[error("you lack a right: {why}; ask for `{verb}` on jwkskeysets.keyturn.dev in that namespace")]
    Forbidden { verb: &'static str, why: String },
    #[error(
        "{namespace}/{name} was changed by others at the same moment, again and again, so nothing was done: see who writes it, and try again"
    )]
    Conflict { namespace: String, name: String },
    #[error("{url} refuses: {why}")]
    Refused { url: String, why: String },
}

impl Access {
    /// Reads the kubeconfig. Nothing is asked of the cluster yet.
    pub(super) async fn connect(&self) -> Result<Cluster, ClusterError> {
        let options = KubeConfigOptions { context: self.context.clone(), ..KubeConfigOptions::default() };
        let mut config = match &self.kubeconfig {
            Some(path) => Config::from_custom_kubeconfig(Kubeconfig::read_from(path)?, &options).await?,
            None if self.context.is_some() => Config::from_kubeconfig(&options).await?,
            None => Config::infer().await.map_err(Box::new)?,
        };
        config.connect_timeout = Some(CONNECT);
        let namespace = self.namespace.clone().unwrap_or_else(|| config.default_namespace.clone());
        let url = config.cluster_url.to_string().trim_end_matches('/').to_owned();
        let client = Client::try_from(config);
        let client = client.map_err(|why| ClusterError::Client { url: url.clone(), why: why.to_string() })?;
        Ok(Cluster { client, url, namespace })
    }
}

impl Cluster {
    /// The resources of the namespace.
    pub(super) fn sets(&self) -> Api<JwksKeySet> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// One resource.
    pub(super) async fn get(&self, name: &str) -> Result<JwksKeySet, ClusterError> {
        self.sets().get(name).await.map_err(|error| self.error(error, "get", name))
    }

    /// Every resource of the namespace, or of all.
    pub(super) async fn list(&self, everywhere: bool) -> Result<Vec<JwksKeySet>, ClusterError> {
        let api = if everywhere { Api::all(self.client.clone()) } else { self.sets() };
        let list = api.list(&ListParams::default()).await.map_err(|error| self.error(error, "list", ""))?;
        Ok(list.items)
    }

    /// Changes exactly the state of a resource that was read. Where someone else was faster, as the operator with its status is, the
    /// change is made again from what is there then.
    pub(super) async fn change(
        &self,
        read: &JwksKeySet,
        edit: impl Fn(&JwksKeySet) -> Edit,
    ) -> Result<(), ClusterError> {
        let overtaken = |error: &ClusterError| matches!(error, ClusterError::Conflict { .. });
        match self.write(read, edit(read)).await {
            Err(error) if overtaken(&error) => {}
            done => return done,
        }
        let again = || async {
            let now = self.get(&read.name_any()).await?;
            // One that was deleted and made anew is another.
            let now = if now.metadata.uid == read.metadata.uid { &now } else { read };
            self.write(now, edit(now)).await
        };
        let waits = ExponentialBuilder::default().with_min_delay(FIRST_WAIT).with_max_times(ATTEMPTS).with_jitter();
        again.retry(waits).when(overtaken).await
    }

    async fn write(&self, read: &JwksKeySet, edit: Edit) -> Result<(), ClusterError> {
        let (name, version) = (read.name_any(), &read.metadata.resource_version);
        let patch = match edit {
            Edit::Annotation(key, value) => {
                json!({ "metadata": { "resourceVersion": version, "annotations": { key: value } } })
            }
            Edit::Revoked(kids) => json!({ "metadata": { "resourceVersion": version }, "spec": { "revoked": kids } }),
        };
        let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        let patched = self.sets().patch(&name, &params, &Patch::Merge(patch)).await;
        patched.map(drop).map_err(|error| self.error(error, "patch", &name))
    }

    /// An error of the client, in words that say what to do.
    pub(super) fn error(&self, error: kube::Error, verb: &'static str, name: &str) -> ClusterError {
        let (url, namespace, name) = (self.url.clone(), self.namespace.clone(), name.to_owned());
        match error {
            kube::Error::Api(status) => {
                let why = status.message.clone();
                // An API server that does not know a path answers in plain text, without details.
                let of_object = status.details.as_ref().is_some_and(|details| !details.name.is_empty());
                match status.code {
                    401 => ClusterError::Unauthorized { url, why },
                    403 => ClusterError::Forbidden { verb, why },
                    404 if of_object => ClusterError::NotFound { namespace, name },
                    404 => ClusterError::NoCrd { url },
                    409 => ClusterError::Conflict { namespace, name },
                    _ => ClusterError::Refused { url, why },
                }
            }
            other => ClusterError::Unreachable { url, why: with_causes(&other) },
        }
    }
}

/// An error with what caused it: the innermost cause is often the one that helps.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut told = error.to_string();
    let mut cause = error.source();
    while let Some(one) = cause {
        let text = one.to_string();
        if !told.contains(&text) {
            told = format!("{told}: {text}");
        }
        cause = one.source();
    }
    told
}

/// Runs what needs a cluster.
pub(super) fn run<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::new)?;
    let done = runtime.block_on(work);
    runtime.shutdown_background();
    done
}

impl From<ClusterError> for Failure {
    fn from(error: ClusterError) -> Self {
        Self::new(error)
    }
}
