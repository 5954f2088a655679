//! One key set on a cluster: what is asked, one pass, what came of it.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kube::runtime::controller::Action;
use kube::{Client, ResourceExt};
use tokio::sync::watch::Receiver;
use tracing::Instrument;
use uuid::Uuid;

use super::backoff::Backoff;
use super::contests::Contests;
use super::events::Events;
use super::lease::Standing;
use super::metrics::Metrics;
use super::recall::Gate;
use super::references::References;
use super::resealing::Resealing;
use super::resource::{Resource, Written};
use super::settled::{self, Outputs, Settled};
use super::turns::Turns;
use super::{Meta, status};
use crate::api::{self, ConditionReason, DeletionPolicy, JwksKeySet};
use crate::engine::{Engine, PassError, Problem, Report, Request};
use crate::keyring::{Edit, SecretId, Time};
use crate::probe::{Clock, ServerClock};
use crate::store::SetRef;
use crate::store::kubernetes::KubernetesStore;

/// A set is looked at this often even where nothing is due.
const RESYNC: Duration = Duration::from_secs(3600);

/// What someone has to mend outside of what is watched, such as a stranger in an output's place, is looked for this often.
const LOOK_AGAIN: Duration = Duration::from_secs(15);

/// Where the resource changed while a pass ran, the next one comes so soon.
const SOON: Duration = Duration::from_millis(500);

/// All that reconciliations share.
pub(super) struct Context {
    pub(super) engine: Engine<KubernetesStore, ServerClock>,
    pub(super) clock: ServerClock,
    pub(super) client: Client,
    pub(super) events: Events,
    pub(super) metrics: Metrics,
    pub(super) turns: Arc<Turns>,
    pub(super) standing: Receiver<Standing>,
    pub(super) outputs: Outputs,
    pub(super) settled: Arc<Settled>,
    /// Whether what earlier operators saw is recalled.
    pub(super) gate: Receiver<Gate>,
    pub(super) references: Arc<References>,
    pub(super) resealing: Arc<Resealing>,
    pub(super) backoff: Backoff,
    pub(super) contests: Contests,
}

impl Context {
    /// Unless the operator stops, or another one leads.
    fn passes_may_begin(&self) -> bool {
        self.standing.borrow().may_write() && *self.gate.borrow() == Gate::Open
    }

    /// Gives back what is remembered of a set that is gone.
    pub(super) fn forget(&self, set: &str) {
        if let Some((namespace, name)) = set.split_once('/') {
            self.references.refer(namespace, name, &BTreeSet::new());
        }
        self.settled.forget(set);
        self.metrics.sets().forget(set);
        self.backoff.succeeded(set);
        self.contests.forget(set);
    }
}

/// Why a reconciliation is to be tried again soon.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReconcileError {
    /// The resource could not be read.
    #[error("the resource can't be read: {0}")]
    Read(kube::Error),
    /// The resource was not read in time.
    #[error("the resource can't be read: the API server did not answer")]
    Unanswered,
    /// The pass failed.
    #[error(transparent)]
    Pass(#[from] PassError),
    /// The status could not be written.
    #[error("the status can't be written: {0}")]
    Status(String),
}

impl ReconcileError {
    /// What metrics call it.
    fn reason(&self) -> &'static str {
        match self {
            Self::Pass(error) if error.is_conflict() => "Conflict",
            Self::Pass(error) => status::error_reason(error).name(),
            Self::Read(_) | Self::Unanswered => "ResourceNotRead",
            Self::Status(_) => "StatusNotWritten",
        }
    }
}

/// Looks after one set, unless there is nothing to do. It never fails: what did is logged, counted, and tried again later,
/// each time after a longer wait.
pub(super) async fn reconcile(meta: Arc<Meta>, context: Arc<Context>) -> Result<Action, Infallible> {
    let namespace = meta.namespace().unwrap_or_default();
    let id = format!("{namespace}/{}", meta.name_any());
    if meta.metadata.deletion_timestamp.is_some() {
        context.forget(&id);
        return Ok(Action::await_change());
    }
    if !context.standing.borrow().may_write() {
        // All sets are called when this operator leads.
        return Ok(Action::await_change());
    }
    // A gate that nobody opens any more stays closed.
    drop(context.gate.clone().wait_for(|gate| *gate != Gate::Closed).await);
    if !context.passes_may_begin() {
        return Ok(Action::await_change());
    }
    let now = context.clock.now().earlier;
    let first = context.resealing.first();
    let calm = context.contests.calm_in(&id, Instant::now());
    let settled = &context.settled;
    if let Some(wake) =
        settled.next_deadline(&meta, &context.outputs, &context.references, first.as_ref(), calm.is_some(), now)
    {
        context.resealing.sealed(&meta, first.as_ref());
        if let Some(record) = context.settled.untold(&id) {
            context.metrics.sets().recalls(&id, record);
        }
        let wait = until(wake, now);
        return Ok(Action::requeue(calm.map_or(wait, |calm| wait.min(calm))));
    }
    if let Some(wait) = context.contests.wait(&id, Instant::now())
        && let Some(wake) = context.settled.asked_nothing_new(&meta, &context.references, now)
    {
        return Ok(Action::requeue(until(wake, now).min(wait)));
    }
    context.settled.begin(&id);
    Ok(context.turns.take(&id, || attempt(&meta, &id, first, &context)).await)
}

/// Looks after one set that may have something to do, when it is its turn.
async fn attempt(meta: &Meta, id: &str, first: Option<SecretId>, context: &Context) -> Action {
    // It may have changed while others had their turn.
    if !context.passes_may_begin() {
        context.settled.forget(id);
        return Action::await_change();
    }
    let number = Uuid::new_v4().simple();
    let span = tracing::info_span!("reconcile", set = %id, id = %number);
    let begun = Instant::now();
    let done = look_after(meta, id, first, context).instrument(span.clone()).await;
    context.metrics.reconciled(begun.elapsed(), done.as_ref().err().map(ReconcileError::reason));
    done.unwrap_or_else(|error| {
        let wait = context.backoff.failed(id);
        let seconds = format!("{:.1} s", wait.as_secs_f32());
        span.in_scope(|| tracing::warn!(%error, wait = seconds, "trying again"));
        Action::requeue(wait)
    })
}

/// One pass over a set that may have something to do.
async fn look_after(
    meta: &Meta,
    id: &str,
    first: Option<SecretId>,
    context: &Context,
) -> Result<Action, ReconcileError> {
    let namespace = meta.namespace().unwrap_or_default();
    let Some(mut resource) = Resource::read(&context.client, meta).await? else {
        context.forget(id);
        return Ok(Action::await_change());
    };
    if let Some(status) = status::beginning(&resource.set, context.clock.now().later) {
        match resource.write_status(&context.client, &status).await {
            Ok(Written::Now) => resource.set.status = Some(status),
            Ok(Written::Overtaken | Written::Gone) => return Ok(Action::requeue(SOON)),
            // No key waits for it.
            Err(error) => tracing::debug!(%error, "it can't be told that the first keys are being made"),
        }
    }
    let mut news = Vec::new();
    context.references.add(&namespace, &meta.name_any(), &referred(&resource.set));
    let mut outcome = context.engine.pass(&request(&resource.set), &mut news).await;
    if matches!(outcome, Err(PassError::Overtaken)) {
        let Some(again) = Resource::read(&context.client, meta).await? else {
            context.forget(id);
            return Ok(Action::await_change());
        };
        let mut request = request(&again.set);
        // One that says the same as before was set back from a backup: it counts, whatever the keyring knows.
        request.set_back = again.set.metadata.generation == resource.set.metadata.generation;
        resource = again;
        context.references.add(&namespace, &meta.name_any(), &referred(&resource.set));
        outcome = context.engine.pass(&request, &mut news).await;
    }
    let set = &resource.set;
    let outcome = match resource.explain(outcome) {
        Err(error) if error.is_conflict() => {
            // Someone else is at work on this set: whoever comes last tells how it stands.
            context.events.publish(set, &news).await;
            return Err(error.into());
        }
        outcome => outcome,
    };
    if matches!(&outcome, Ok(report) if report.mended) {
        context.contests.restored(id, Instant::now());
    }
    let calm = context.contests.calm_in(id, Instant::now());
    let contested = calm.is_some();
    let before = set.status.clone().unwrap_or_default();
    let quiet = outcome.as_ref().ok().filter(|_| !contested && !context.resealing.leaves(meta));
    let settled = quiet.and_then(|report| settled::told(set, report, first.as_ref()));
    let after = status::after(set, &outcome, contested, settled, context.clock.now().later);
    // Each write of the status brings the set back at once: a failure that words itself anew each time would keep it busy.
    let is_told = after == before
        || outcome.is_err() && status::says_the_same(&before, &after) && !context.backoff.tells(id, Instant::now());
    let written = if is_told { Ok(Written::Now) } else { resource.write_status(&context.client, &after).await };
    // Who was overtaken, or outlived the resource, may have seen it half gone: whoever comes last tells how it stands.
    if !matches!(written, Ok(Written::Overtaken | Written::Gone)) {
        let is_first = context.metrics.sets().saw(id, &after, outcome.as_ref().ok());
        news.extend(status::news(&before, &after, &outcome));
        if is_first && news.is_empty() {
            // It was told before this operator began, who may be the first whose log someone reads.
            status::trouble(&after);
        }
    }
    for one in &news {
        if one.reason.is_warning() {
            tracing::warn!(reason = one.reason.name(), "{}", one.note);
        } else {
            tracing::info!(reason = one.reason.name(), "{}", one.note);
        }
    }
    let set = &resource.set;
    context.events.publish(set, &news).await;
    match written? {
        Written::Now => {}
        // Nobody did anything wrong, so no wait grows.
        Written::Overtaken => return Ok(Action::requeue(SOON)),
        Written::Gone => {
            context.forget(id);
            return Ok(Action::await_change());
        }
    }
    let report = match outcome {
        Err(PassError::Spec(_)) => {
            // Nothing changes until someone edits the spec.
            context.backoff.succeeded(id);
            return Ok(Action::requeue(RESYNC));
        }
        other => other?,
    };
    context.backoff.succeeded(id);
    // While a spec is refused, the one before it may refer to others.
    context.references.refer(
        &namespace,
        &meta.name_any(),
        &referred(set).into_iter().chain(report.references.keys().cloned()).collect(),
    );
    context.resealing.sealed(meta, first.as_ref());
    let wait = settle(context, meta, set, &report, first, contested);
    // The condition goes when the set is calm again, and not before somebody looks.
    Ok(Action::requeue(calm.map_or(wait, |calm| wait.min(calm))))
}

/// The Secrets that the spec refers to.
fn referred(set: &JwksKeySet) -> BTreeSet<String> {
    set.spec.references().map(|reference| reference.name.clone()).collect()
}

/// Remembers a set that has nothing left to do. How long it may be left alone.
fn settle(
    context: &Context,
    meta: &Meta,
    set: &JwksKeySet,
    report: &Report,
    first: Option<SecretId>,
    contested: bool,
) -> Duration {
    let now = context.clock.now().earlier;
    // What would end these is not watched.
    let unwatched = |problem: &Problem| problem.is_loss() || matches!(problem, Problem::OutputTaken(_));
    if report.problems.iter().any(unwatched) {
        return until(report.wake, now).min(LOOK_AGAIN);
    }
    // The pass answered the resource as it was read, which may be newer than what the watch has told so far.
    if set.metadata.generation == meta.metadata.generation {
        context.settled.remember(meta, report, first, contested);
    }
    until(report.wake, now)
}

/// How long to wait for a deadline: at most until the next resync.
fn until(wake: Option<Time>, now: Time) -> Duration {
    // A wake that passed while the pass ran is due at once.
    let until = wake.map(|wake| (wake - now).to_std().unwrap_or_default());
    // A little late is on time; a little early is a pass for nothing.
    until.map_or(RESYNC, |until| (until + Duration::from_millis(20)).min(RESYNC))
}

fn request(set: &JwksKeySet) -> Request {
    let annotations = set.annotations();
    let status = set.status.as_ref();
    Request {
        set: SetRef {
            namespace: set.namespace().unwrap_or_default(),
            name: set.name_any(),
            owner: set.uid().filter(|_| set.spec.deletion_policy == DeletionPolicy::Delete),
        },
        spec: set.spec.clone(),
        edit: set.uid().zip(set.metadata.generation).map(|(uid, generation)| Edit { uid, generation }),
        rotate: annotations.get(api::ROTATE).cloned(),
        confirmed: api::confirmed_kids(annotations),
        remembered: status.and_then(|status| status.keyring_revision),
        set_back: false,
        accepted_loss: annotations.get(api::ACCEPT_KEY_LOSS).and_then(|text| text.trim().parse().ok()),
    }
}

/// What problems are called in conditions.
pub(super) fn problem_reason(problem: &Problem) -> ConditionReason {
    match problem {
        Problem::SpecRefused(_) => ConditionReason::SpecInvalid,
        Problem::OutputTaken(_) => ConditionReason::OutputTaken,
        Problem::PublisherChangeWaits { .. } => ConditionReason::PublisherChangeWaits,
        Problem::Unopened { .. } => ConditionReason::OutputUnopened,
        Problem::KeyringLost { .. } => ConditionReason::KeyringLost,
        Problem::ReferenceMissing(_) => ConditionReason::ReferenceMissing,
        Problem::ImportRefused(_) => ConditionReason::ImportRefused,
    }
}
