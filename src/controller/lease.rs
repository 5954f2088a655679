//! Which of several operators runs passes: the one that holds the lease. No invariant rests on it: it only keeps two from
//! doing the same work.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use futures::{FutureExt, Stream, StreamExt, stream};
use k8s_openapi::api::coordination::v1::Lease;
use kube::client::Body;
use kube::runtime::controller::ReconcileRequest;
use kube::runtime::reflector::{ObjectRef, Store as Cache};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client};
use kube_lease_manager::{LeaseManager, LeaseManagerBuilder, LeaseManagerError, LeaseParams};
use tokio::sync::oneshot;
use tokio::sync::watch::{Receiver, Sender};
use tokio::task::JoinSet;
use tower::BoxError;
use uuid::Uuid;

use super::Meta;
use super::health::Watching;
use super::recall::Recall;
use super::telemetry::Telemetry;
use super::waits::Waits;

/// A leader that does not renew the lease for so many seconds has lost it.
const DURATION: u64 = 15;

/// It renews the lease when so many seconds are left.
const GRACE: u64 = 10;

/// How long one request about the lease may take, so that a leader learns in time that it can't renew it.
const PATIENCE: Duration = Duration::from_secs(4);

/// How long the manager may take to lock a lease that is free.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// The most bytes of the host's name in the holder's: the name of a field manager has 128.
const LONGEST_HOST: usize = 63;

/// The lease that operators contend for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseName {
    /// Its namespace; `None` is that of the pod, or of the kubeconfig.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
}

/// Whether this operator runs passes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Standing {
    /// Yes: there is no lease.
    #[default]
    Alone,
    /// Yes: it holds the lease.
    Leads,
    /// No: another one does.
    StandsBy {
        /// Its name.
        leader: String,
    },
    /// No: it holds the lease no longer, or not yet.
    Unknown {
        /// Why.
        why: String,
    },
}

/// The contest for the lease, which goes on beside the passes, and ends if this is dropped.
pub(super) struct Election {
    standing: Receiver<Standing>,
    /// Where there is no lease, nothing ever changes, and nobody else is to say so.
    alone: Option<Sender<Standing>>,
    stop: Option<oneshot::Sender<()>>,
    elector: JoinSet<()>,
}

/// Contends for the lease.
struct Elector {
    client: Client,
    namespace: String,
    name: String,
    identity: String,
    standing: Sender<Standing>,
    telemetry: Telemetry,
    /// Its part in the health of the operator.
    alive: Watching,
}

impl Drop for Elector {
    /// Whatever ended it: nobody renews the lease any more.
    fn drop(&mut self) {
        if *self.standing.borrow() != stopped() {
            self.stands(Standing::Unknown { why: "nobody contends for it any more".to_owned() });
        }
        self.alive.has_ended();
    }
}

/// How a time in which the lease was watched ended.
enum End {
    /// It may be free.
    Open,
    /// The operator stops.
    Stop,
}

impl Standing {
    pub(super) fn may_write(&self) -> bool {
        matches!(self, Self::Alone | Self::Leads)
    }
}

impl Election {
    /// Begins to contend for the lease, if there is one.
    pub(super) fn begin(client: &Client, lease: Option<&LeaseName>, telemetry: &Telemetry) -> Self {
        let (sender, standing) = tokio::sync::watch::channel(Standing::Alone);
        let mut elector = JoinSet::new();
        telemetry.stands(Standing::Alone);
        let Some(LeaseName { namespace, name }) = lease else {
            return Self { standing, alone: Some(sender), stop: None, elector };
        };
        let contender = Elector {
            client: client.clone(),
            namespace: namespace.clone().unwrap_or_else(|| client.default_namespace().to_owned()),
            name: name.clone(),
            identity: identity(),
            standing: sender,
            telemetry: telemetry.clone(),
            alive: telemetry.health.watch("the lease".to_owned()),
        };
        contender.alive.is_whole();
        contender.stands(Standing::Unknown { why: "the lease was not read yet".to_owned() });
        let (stop, stopped) = oneshot::channel();
        elector.spawn(contender.run(stopped));
        Self { standing, alone: None, stop: Some(stop), elector }
    }

    /// Where this operator stands, now and later.
    pub(super) fn standing(&self) -> Receiver<Standing> {
        self.standing.clone()
    }

    /// All key sets, each time this operator has begun to lead and has recalled what is known of them.
    pub(super) fn triggers(
        &self,
        sets: Cache<Meta>,
        recall: Recall,
    ) -> impl Stream<Item = Result<ReconcileRequest<Meta>, watcher::Error>> + Send + use<> {
        let mut standing = self.standing.clone();
        // Where there is no lease, this operator leads from the start.
        standing.mark_changed();
        stream::unfold((standing, sets, recall), |(mut standing, sets, recall)| async {
            standing.changed().await.ok()?;
            let leads = standing.borrow_and_update().may_write();
            if leads {
                recall.begin().await;
            } else {
                recall.end();
            }
            let due = if leads { sets.state() } else { Vec::new() };
            let due: Vec<_> = due.iter().map(|set| Ok(ObjectRef::from_obj(&**set).into())).collect();
            Some((stream::iter(due), (standing, sets, recall)))
        })
        .flatten()
    }

    /// Gives the lease back.
    pub(super) async fn end(&mut self) {
        drop(self.stop.take());
        drop(self.alone.take());
        while self.elector.join_next().await.is_some() {}
    }
}

impl Elector {
    /// Contends for the lease until it is told to stop, and gives it back then.
    async fn run(self, mut stop: oneshot::Receiver<()>) {
        let mut waits = waits();
        loop {
            match self.term(&mut waits, &mut stop).await {
                Ok(End::Open) => {}
                Ok(End::Stop) => return self.stands(stopped()),
                Err(error) => {
                    // A leader that can't renew the lease can't write either, and others may take it soon.
                    self.stands(Standing::Unknown { why: error.to_string() });
                    let wait = waits.next().unwrap_or(PATIENCE);
                    tokio::select! {
                        () = tokio::time::sleep(wait) => {}
                        _ = &mut stop => return self.stands(stopped()),
                    }
                }
            }
        }
    }

    /// The manager remembers how long another one holds the lease and sleeps as long: one that is made anew looks at once.
    async fn term(
        &self,
        waits: &mut ExponentialBackoff,
        stop: &mut oneshot::Receiver<()>,
    ) -> Result<End, LeaseManagerError> {
        let manager = self.manager().await?;
        let leases: Api<Lease> = Api::namespaced(self.client.clone(), &self.namespace);
        let this = watcher::Config::default().fields(&format!("metadata.name={}", self.name));
        let mut changes = watcher(leases, this).backoff(Waits::default()).touched_objects().boxed();
        let mut changed = Box::pin(manager.changed());
        let mut another_led = false;
        let mut open = futures::future::pending().boxed();
        loop {
            tokio::select! {
                biased;
                _ = &mut *stop => {
                    drop(changed);
                    if let Err(error) = manager.release().await {
                        tracing::warn!(%error, "the lease was not given back: the next leader waits until it has expired");
                    }
                    return Ok(End::Stop);
                }
                leads = &mut changed => {
                    let leads = leads?;
                    changed = Box::pin(manager.changed());
                    *waits = self::waits();
                    open = futures::future::pending().boxed();
                    self.stands(if leads { Standing::Leads } else { lost() });
                }
                () = &mut open => return Ok(End::Open),
                Some(change) = changes.next() => {
                    let Ok(lease) = change else { continue };
                    let leads = *self.standing.borrow() == Standing::Leads;
                    match lease.spec.and_then(|spec| spec.holder_identity) {
                        Some(holder) if holder == self.identity => {}
                        Some(leader) => {
                            self.stands(Standing::StandsBy { leader });
                            if leads {
                                return Ok(End::Open);
                            }
                            *waits = self::waits();
                            another_led = true;
                        }
                        None if leads => {}
                        None if another_led => return Ok(End::Open),
                        // The manager is at it, or is asleep because it has seen a leader before the watch began.
                        None => open = tokio::time::sleep(LOOK_AGAIN).boxed(),
                    }
                }
            }
        }
    }

    async fn manager(&self) -> Result<LeaseManager, LeaseManagerError> {
        LeaseManagerBuilder::new(bounded(&self.client), &self.name)
            .with_namespace(&self.namespace)
            .with_parameters(LeaseParams::new(&self.identity, DURATION, GRACE))
            .build()
            .await
    }

    fn stands(&self, standing: Standing) {
        let changed = self.standing.send_if_modified(|old| {
            let changed = *old != standing;
            old.clone_from(&standing);
            changed
        });
        if !changed {
            return;
        }
        let lease = format!("{}/{}", self.namespace, self.name);
        match &standing {
            Standing::Alone => {}
            Standing::Leads => tracing::info!(lease, "this operator leads"),
            Standing::StandsBy { leader } => tracing::info!(lease, leader, "this operator stands by"),
            Standing::Unknown { why } => tracing::info!(lease, why, "this operator does not lead"),
        }
        self.telemetry.stands(standing);
    }
}

fn stopped() -> Standing {
    Standing::Unknown { why: "it stops".to_owned() }
}

fn lost() -> Standing {
    Standing::Unknown { why: "the lease was lost".to_owned() }
}

fn waits() -> ExponentialBackoff {
    let builder = ExponentialBuilder::default().with_min_delay(Duration::from_millis(500)).with_max_delay(PATIENCE);
    builder.with_jitter().without_max_times().build()
}

/// One name for each process, also where several run in one pod, one after the other.
fn identity() -> String {
    let host = std::env::var("HOSTNAME").unwrap_or_default();
    let host: String = host.chars().filter(char::is_ascii).take(LONGEST_HOST).collect();
    format!("{}_{}", if host.is_empty() { "keyturn" } else { &host }, Uuid::new_v4())
}

/// A client of which every answer comes within [`PATIENCE`].
fn bounded(client: &Client) -> Client {
    let namespace = client.default_namespace().to_owned();
    let client = client.clone();
    let service = tower::service_fn(move |request: http::Request<Body>| {
        let client = client.clone();
        async move {
            match tokio::time::timeout(PATIENCE, client.send(request)).await {
                Ok(answer) => answer.map_err(BoxError::from),
                Err(_) => Err(BoxError::from("the API server did not answer in time")),
            }
        }
    });
    Client::new(service, namespace)
}
