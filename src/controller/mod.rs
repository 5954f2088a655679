//! The operator: watches key sets and what was written for them, and runs a pass where one is due.

mod backoff;
mod contests;
mod events;
mod reconcile;
mod references;
mod resealing;
mod settled;
mod status;

use std::sync::Arc;
use std::time::Duration;

use futures::{Stream, StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::client::ClientBuilder;
use kube::core::PartialObjectMeta;
use kube::runtime::controller::{self, Config as ApplierConfig, ReconcileRequest, trigger_self, trigger_with};
use kube::runtime::reflector::{self, ObjectRef, Store as Cache};
use kube::runtime::{WatchStreamExt, applier, watcher};
use kube::{Api, Client, Config, Resource, ResourceExt};
use serde::de::DeserializeOwned;

use crate::api::JwksKeySet;
use crate::engine::{Engine, Minter};
use crate::probe::ServerClock;
use crate::store::Seal;
use crate::store::kubernetes::{KEY_SET, KubernetesStore, MANAGED_BY, MANAGER};

use backoff::Backoff;
use contests::Contests;
use events::Events;
use reconcile::Context;
use references::References;
use resealing::Resealing;
use settled::{Outputs, Settled};

/// Changes that come together are answered together.
const DEBOUNCE: Duration = Duration::from_millis(100);

/// The resource's metadata: all that is kept in memory of it.
type Meta = PartialObjectMeta<JwksKeySet>;

/// Why the operator can't run.
#[derive(Debug, thiserror::Error)]
pub enum ControllerError {
    /// No cluster is configured.
    #[error("no cluster can be reached: {0}; state one by KUBECONFIG, ~/.kube/config or a pod's service account")]
    Config(#[from] kube::config::InferConfigError),
    /// The client could not be made.
    #[error("the client for the API server can't be made: {0}")]
    Client(#[from] kube::Error),
    /// The CRD is not there.
    #[error("this cluster knows no JwksKeySets: install the CRD with `keyturn crd | kubectl apply -f -`")]
    NoCrd,
    /// The API server refuses.
    #[error("JwksKeySets can't be listed: {0}; check the address, the credentials and the operator's rights")]
    Refused(String),
    /// The caches were never filled.
    #[error("the watches ended before they began")]
    NoCache(#[from] reflector::store::WriterDropped),
}

/// Runs the operator until it is told to stop.
///
/// # Errors
/// [`ControllerError`], before anything is done.
pub async fn run(namespace: Option<String>, seal: Seal) -> Result<(), ControllerError> {
    let mut config = Config::infer().await?;
    // A write that is sent twice could land after the bound that acknowledgements count on.
    config.default_retry = false;
    let clock = ServerClock::default();
    let client = ClientBuilder::try_from(config)?.with_layer(&clock).build();
    run_with(client, clock, namespace, seal, shutdown()).await
}

/// Runs the operator on a client whose answers pass through `clock`, until `stop` ends.
///
/// # Errors
/// [`ControllerError`], before anything is done.
pub async fn run_with(
    client: Client,
    clock: ServerClock,
    namespace: Option<String>,
    seal: Seal,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ControllerError> {
    let sets: Api<Meta> = api(&client, namespace.as_deref());
    sets.list(&kube::api::ListParams::default().limit(1)).await.map_err(refused)?;

    let (sets, set_triggers) = watch(sets, watcher::Config::default());
    let set_triggers = trigger_self(set_triggers, ());
    let ours = watcher::Config::default().labels(&format!("{MANAGED_BY}={MANAGER}"));
    let (secrets, secret_triggers) = watch(api::<Secret>(&client, namespace.as_deref()), ours.clone());
    let (maps, map_triggers) = watch(api::<ConfigMap>(&client, namespace.as_deref()), ours);
    let secret_triggers = trigger_with(secret_triggers, of_key_set);
    let map_triggers = trigger_with(map_triggers, of_key_set);

    let references = Arc::new(References::default());
    let reference_triggers = references.clone().triggers(api::<Secret>(&client, namespace.as_deref()));
    let resealing = Arc::new(Resealing::new(seal.clone(), sets.clone()));
    let context = Arc::new(Context {
        engine: Engine::new(KubernetesStore::new(client.clone(), seal), clock.clone(), Minter::default()),
        clock,
        events: Events::new(client.clone()),
        client,
        outputs: Outputs { secrets: secrets.clone(), maps: maps.clone() },
        settled: Settled::default(),
        references,
        resealing: resealing.clone(),
        backoff: Backoff::default(),
        contests: Contests::default(),
    });
    let remembering = Arc::clone(&context);
    let triggers = futures::stream::select(set_triggers, futures::stream::select(secret_triggers, map_triggers));
    let triggers = futures::stream::select(triggers, reference_triggers);
    let triggers = futures::stream::select(triggers, resealing.triggers()).take_until(stop).boxed();
    tracing::info!("watching JwksKeySets");
    applier(
        |set, context| Box::pin(reconcile::reconcile(set, context)),
        reconcile::after_error,
        context,
        sets,
        triggers,
        ApplierConfig::default().debounce(DEBOUNCE),
    )
    .for_each(|outcome| {
        match outcome {
            Ok(_) => {}
            Err(controller::Error::ObjectNotFound(set)) => {
                remembering.forget(&format!("{}/{}", set.namespace.unwrap_or_default(), set.name));
            }
            Err(error) => tracing::debug!(%error, "reconciliation ended early"),
        }
        std::future::ready(())
    })
    .await;
    tracing::info!("stopped");
    Ok(())
}

fn api<K>(client: &Client, namespace: Option<&str>) -> Api<PartialObjectMeta<K>>
where
    K: Resource<Scope = kube::core::NamespaceResourceScope, DynamicType = ()>,
{
    match namespace {
        Some(namespace) => Api::namespaced(client.clone(), namespace),
        None => Api::all(client.clone()),
    }
}

/// A cache of metadata, and a stream of what changed in it.
fn watch<K>(
    api: Api<PartialObjectMeta<K>>,
    config: watcher::Config,
) -> (Cache<PartialObjectMeta<K>>, impl Stream<Item = Result<PartialObjectMeta<K>, watcher::Error>> + Send)
where
    K: Resource<DynamicType = ()> + Clone + std::fmt::Debug + DeserializeOwned + Send + Sync + 'static,
{
    let (cache, writer) = reflector::store();
    let changes = watcher(api, config)
        .default_backoff()
        .modify(|object: &mut PartialObjectMeta<K>| object.metadata.managed_fields = None)
        .reflect(writer)
        .touched_objects()
        .inspect_err(|error| tracing::warn!(%error, kind = %K::kind(&()), "a watch was interrupted"));
    (cache, changes)
}

/// The key set that an object was written for.
#[expect(clippy::needless_pass_by_value, reason = "the signature that kube's trigger calls")]
fn of_key_set<K: Resource<DynamicType = ()>>(object: PartialObjectMeta<K>) -> Option<ReconcileRequest<Meta>> {
    let set = object.labels().get(KEY_SET).or_else(|| object.annotations().get(KEY_SET))?.clone();
    let namespace = object.namespace()?;
    Some(ObjectRef::new(&set).within(&namespace).into())
}

fn refused(error: kube::Error) -> ControllerError {
    match error {
        kube::Error::Api(status) if status.is_not_found() => ControllerError::NoCrd,
        kube::Error::Api(status) => ControllerError::Refused(format!("{} ({})", status.message, status.code)),
        other => ControllerError::Refused(other.to_string()),
    }
}

async fn shutdown() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}
