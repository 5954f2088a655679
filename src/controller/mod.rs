//! The operator: watches key sets and what was written for them, and runs a pass where one is due.

mod backoff;
mod contests;
mod events;
mod health;
mod lease;
pub mod metrics;
mod namespaces;
mod recall;
mod reconcile;
mod references;
mod resealing;
mod resource;
mod settled;
mod status;
mod telemetry;
mod turns;
mod waits;
mod watches;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use futures::stream::{self, select_all};
use futures::{Stream, StreamExt};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::api::ListParams;
use kube::client::ClientBuilder;
use kube::core::PartialObjectMeta;
use kube::runtime::controller::{self, Config as ApplierConfig, ReconcileRequest, trigger_self, trigger_with};
use kube::runtime::reflector::ObjectRef;
use kube::runtime::{applier, watcher};
use kube::{Client, Config, Resource, ResourceExt};
use tokio::sync::oneshot;

use crate::api::JwksKeySet;
use crate::engine::{Engine, Minter};
use crate::probe::ServerClock;
use crate::store::Seal;
use crate::store::kubernetes::{KEY_SET, KubernetesStore, MANAGED_BY, MANAGER, WRITE_BOUND};

use backoff::Backoff;
use contests::Contests;
use events::Events;
use health::{BEAT, Health};
use lease::Election;
use recall::{Gate, Recall};
use reconcile::Context;
use references::References;
use resealing::Resealing;
use settled::{ASKED, Outputs, Settled};
use turns::{Making, Turns};
use watches::cached;

pub use lease::LeaseName;
pub use namespaces::{Namespaces, namespace_name};
pub use telemetry::Telemetry;
pub(crate) use waits::Waits;

/// Changes that come together are answered together.
const DEBOUNCE: Duration = Duration::from_millis(20);

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
}

/// What the operator is started with.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The namespaces whose sets it keeps.
    pub namespaces: Namespaces,
    /// What keyrings are sealed under.
    pub seal: Seal,
    /// The lease that it must hold to run passes; without one it always does.
    pub lease: Option<LeaseName>,
}

/// Runs the operator until it is told to stop.
///
/// # Errors
/// [`ControllerError`], before anything is done.
pub async fn run(options: Options, telemetry: Telemetry) -> Result<(), ControllerError> {
    let mut config = Config::infer().await?;
    // A write that is sent twice could land after the bound that acknowledgements count on.
    config.default_retry = false;
    let clock = ServerClock::default();
    let client = ClientBuilder::try_from(config)?.with_layer(&telemetry.metrics.api_calls()).with_layer(&clock).build();
    run_with(client, clock, options, telemetry, shutdown()).await
}

/// Runs the operator on a client whose answers pass through `clock`, until `stop` ends. Passes that run then are waited for,
/// and the lease is given back.
///
/// # Errors
/// [`ControllerError`], before anything is done.
pub async fn run_with(
    client: Client,
    clock: ServerClock,
    options: Options,
    telemetry: Telemetry,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ControllerError> {
    let Options { namespaces, seal, lease } = options;
    let watched = namespaces.to_string();
    begin(&client, &namespaces).await?;
    let mut election = Election::begin(&client, lease.as_ref(), &telemetry);

    let (sets, set_triggers) = cached(namespaces.apis::<Meta>(&client), &watcher::Config::default(), ASKED, &telemetry);
    let set_triggers = trigger_self(set_triggers, ());
    let ours = watcher::Config::default().labels(&format!("{MANAGED_BY}={MANAGER}"));
    let (secrets, secret_triggers) =
        cached(namespaces.apis::<PartialObjectMeta<Secret>>(&client), &ours, &[KEY_SET], &telemetry);
    let (maps, map_triggers) =
        cached(namespaces.apis::<PartialObjectMeta<ConfigMap>>(&client), &ours, &[KEY_SET], &telemetry);
    let secret_triggers = trigger_with(secret_triggers, of_key_set);
    let map_triggers = trigger_with(map_triggers, of_key_set);

    let references = Arc::new(References::default());
    let reference_triggers = references.clone().triggers(namespaces.apis(&client), &telemetry);
    let resealing = Arc::new(Resealing::new(seal.clone(), sets.clone()));
    let settled = Arc::new(Settled::default());
    let outputs = Outputs { secrets: secrets.clone(), maps: maps.clone() };
    let recall = Recall {
        client: client.clone(),
        namespaces,
        outputs: outputs.clone(),
        settled: Arc::clone(&settled),
        resealing: Arc::clone(&resealing),
        gate: tokio::sync::watch::Sender::default(),
    };
    let gate = recall.gate.clone();
    let lead_triggers = election.triggers(sets.clone(), recall);
    let turns = Arc::new(Turns::default());
    let making = Making { turns: Arc::clone(&turns), metrics: telemetry.metrics.clone() };
    let minter = Minter::default().with_progress(Arc::new(making));
    let context = Arc::new(Context {
        engine: Engine::new(KubernetesStore::new(client.clone(), seal), clock.clone(), minter),
        clock,
        events: Events::new(client.clone()),
        client,
        metrics: telemetry.metrics.clone(),
        turns,
        standing: election.standing(),
        outputs,
        settled,
        gate: gate.subscribe(),
        references,
        resealing: resealing.clone(),
        backoff: Backoff::default(),
        contests: Contests::default(),
    });
    let remembering = Arc::clone(&context);
    let (stopping, mut stopped) = oneshot::channel();
    let stop = async move {
        stop.await;
        gate.send_replace(Gate::Stopping);
        // Nobody waits any more if the passes have ended by themselves.
        let _ = stopping.send(());
    };
    let triggers = [
        set_triggers.boxed(),
        secret_triggers.boxed(),
        map_triggers.boxed(),
        reference_triggers.boxed(),
        resealing.triggers().boxed(),
        lead_triggers.boxed(),
        heartbeat(telemetry.health.clone()).boxed(),
    ];
    let triggers = select_all(triggers).take_until(stop).boxed();
    tracing::info!(version = env!("CARGO_PKG_VERSION"), namespaces = %watched, "watching JwksKeySets");
    let passes = applier(
        |set, context| Box::pin(reconcile::reconcile(set, context)),
        |_, never: &Infallible, _| match *never {},
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
    });
    tokio::pin!(passes);
    let too_long = async {
        drop((&mut stopped).await);
        tokio::time::sleep(WRITE_BOUND.to_std().unwrap_or_default()).await;
    };
    tokio::select! {
        () = &mut passes => {}
        () = too_long => tracing::warn!("passes that did not end are dropped: the next leader finishes what they began"),
    }
    election.end().await;
    tracing::info!("stopped");
    Ok(())
}

/// Sees that the sets of one namespace, at least, can be listed. The others are tried again for ever.
async fn begin(client: &Client, namespaces: &Namespaces) -> Result<(), ControllerError> {
    let mut refusals = Vec::new();
    let apis = namespaces.apis::<PartialObjectMeta<JwksKeySet>>(client);
    let all = apis.len();
    for (namespace, sets) in apis {
        if let Err(error) = sets.list(&ListParams::default().limit(1)).await {
            refusals.push((namespace.unwrap_or_default(), refused(error)));
        }
    }
    let none = refusals.len() == all;
    for (namespace, error) in refusals {
        if none {
            return Err(error);
        }
        tracing::warn!(namespace, %error, "the key sets of this namespace are not kept until that is mended");
    }
    Ok(())
}

/// A stream of nothing, which shows that the loop that starts passes moves.
fn heartbeat(health: Health) -> impl Stream<Item = Result<ReconcileRequest<Meta>, watcher::Error>> + Send {
    stream::repeat(()).then(|()| tokio::time::sleep(BEAT)).filter_map(move |()| {
        health.beats();
        std::future::ready(None)
    })
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
        // An API server that does not know the path answers in plain text, without a reason.
        kube::Error::Api(status) if status.code == 404 => ControllerError::NoCrd,
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

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::*;

    #[test]
    fn a_cluster_without_the_crd_is_told_how_to_get_it() {
        let answers = [
            Status::failure("404 page not found", "Failed to parse error data"),
            Status::failure("the server could not find the requested resource", "NotFound"),
        ];
        for answer in answers {
            let error = refused(kube::Error::Api(answer.with_code(404).boxed()));
            assert!(error.to_string().contains("keyturn crd | kubectl apply -f -"), "{error}");
        }
    }
}
