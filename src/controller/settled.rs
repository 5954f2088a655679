//! Which key sets have nothing to do, so that a resync, an event about nothing, or a restart costs no read.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::ResourceExt;
use kube::core::PartialObjectMeta;
use kube::runtime::reflector::{ObjectRef, Store as Cache};

use super::Meta;
use super::metrics::SetRecord;
use super::references::References;
use super::status::shown;
use crate::api::{self, JwksKeySet, JwksKeySetStatus, LineTransition, OutputStatus, SettledStatus};
use crate::engine::Report;
use crate::keyring::{SecretId, Time};
use crate::lifecycle::plan::Ahead;
use crate::lifecycle::policy::{OutputId, OutputKind, keyring_name};
use crate::store::Version;

/// Annotations by which a resource is asked for something.
pub(super) const ASKED: &[&str] = &[api::ROTATE, api::CONFIRM, api::ACCEPT_KEY_LOSS];

/// What this program was built from: another one might leave something else to do.
const BUILD: &str = env!("KEYTURN_BUILD");

/// How long a pass waits until what was written is listed. Without that every set would be read.
const PATIENCE: Duration = Duration::from_secs(5);

/// The metadata of everything that was written.
pub(super) struct Outputs {
    pub(super) secrets: Cache<PartialObjectMeta<Secret>>,
    pub(super) maps: Cache<PartialObjectMeta<ConfigMap>>,
}

/// What a key set looked like when nothing was left to do.
#[derive(Debug, Default)]
pub(super) struct Settled {
    records: Mutex<HashMap<String, Record>>,
}

#[derive(Debug)]
struct Record {
    wanted: Wanted,
    versions: BTreeMap<OutputId, String>,
    references: BTreeMap<String, Option<Version>>,
    wake: Option<Time>,
    sealed_under: Option<SecretId>,
    /// What metrics tell of a set that another operator looked after.
    untold: Option<SetRecord>,
}

/// What of the resource a pass depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Wanted {
    uid: Option<String>,
    generation: Option<i64>,
    annotations: BTreeMap<String, String>,
}

impl Settled {
    /// When a settled set is to be looked at again; `None` for a set that may have something to do.
    #[expect(clippy::option_option, reason = "no deadline is different from not settled")]
    pub(super) fn next_deadline(
        &self,
        set: &Meta,
        outputs: &Outputs,
        references: &References,
        sealing: Option<&SecretId>,
        now: Time,
    ) -> Option<Option<Time>> {
        let records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        let record = records.get(&key(&set.metadata))?;
        let same = record.is_asked_the_same(set, references)
            && record.sealed_under.as_ref() == sealing
            && record.wake.is_none_or(|wake| wake > now)
            && record.versions.iter().all(|(id, version)| outputs.version(set, id).as_ref() == Some(version));
        same.then_some(record.wake)
    }

    /// The deadline of a set of which nothing new is asked and nothing is due, whatever happened to its outputs.
    #[expect(clippy::option_option, reason = "no deadline is different from something new")]
    pub(super) fn asked_nothing_new(&self, set: &Meta, references: &References, now: Time) -> Option<Option<Time>> {
        let records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        let record = records.get(&key(&set.metadata))?;
        (record.is_asked_the_same(set, references) && record.wake.is_none_or(|wake| wake > now)).then_some(record.wake)
    }

    /// Remembers what a set looks like after a pass that left nothing to mend, and under which system secret its keyring
    /// is sealed.
    pub(super) fn remember(&self, set: &Meta, report: &Report, sealed_under: Option<SecretId>) {
        let keyring = OutputId { kind: OutputKind::Secret, name: keyring_name(&set.name_any()) };
        let mut versions: BTreeMap<OutputId, String> =
            report.outputs.iter().map(|output| (output.id.clone(), output.version.0.clone())).collect();
        versions.extend(report.keyring_version.as_ref().map(|version| (keyring, version.0.clone())));
        let references = report.references.clone();
        let record = Record {
            wanted: wanted(&set.metadata),
            versions,
            references,
            wake: report.wake,
            sealed_under,
            untold: None,
        };
        self.records.lock().unwrap_or_else(PoisonError::into_inner).insert(key(&set.metadata), record);
    }

    /// Remembers what another operator saw of a set, as the status tells, unless this one has to look for itself.
    pub(super) fn recall(&self, set: &ObjectMeta, status: &JwksKeySetStatus, sealing: Option<SecretId>) {
        if let Some(record) = recalled(set, status, sealing) {
            self.records.lock().unwrap_or_else(PoisonError::into_inner).insert(key(set), record);
        }
    }

    /// What metrics are to tell of a set that was recalled, once.
    pub(super) fn untold(&self, set: &str) -> Option<SetRecord> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner).get_mut(set)?.untold.take()
    }

    /// The set has something to do, or is gone.
    pub(super) fn forget(&self, set: &str) {
        self.records.lock().unwrap_or_else(PoisonError::into_inner).remove(set);
    }
}

impl Record {
    /// Whether the resource, and what it refers to, ask for what they asked for then.
    fn is_asked_the_same(&self, set: &Meta, references: &References) -> bool {
        let namespace = set.namespace().unwrap_or_default();
        self.wanted == wanted(&set.metadata) && references.are_as_seen(&namespace, &self.references)
    }
}

impl Outputs {
    /// Waits, but not for long, until they are listed.
    pub(super) async fn are_listed(&self) {
        let both = async { tokio::join!(self.secrets.wait_until_ready(), self.maps.wait_until_ready()) };
        // What is not known yet is read.
        drop(tokio::time::timeout(PATIENCE, both).await);
    }

    fn version(&self, set: &Meta, id: &OutputId) -> Option<String> {
        let namespace = set.namespace().unwrap_or_default();
        match id.kind {
            OutputKind::Secret => {
                let found = self.secrets.get(&ObjectRef::new(&id.name).within(&namespace))?;
                found.metadata.resource_version.clone()
            }
            OutputKind::ConfigMap => {
                let found = self.maps.get(&ObjectRef::new(&id.name).within(&namespace))?;
                found.metadata.resource_version.clone()
            }
        }
    }
}

/// What the status is to say of a set that a pass left without anything to do, or to mend.
pub(super) fn told(set: &JwksKeySet, report: &Report, sealed_under: Option<&SecretId>) -> Option<SettledStatus> {
    // What the spec refers to has versions that no status tells.
    let refers = set.spec.references().next().is_some() || !report.references.is_empty();
    if refers || !report.problems.is_empty() || report.ahead.iter().any(|ahead| ahead.held) {
        return None;
    }
    let mut soonest: Vec<&Ahead> = Vec::new();
    for ahead in report.ahead.iter().filter(|ahead| ahead.time.is_some()) {
        if soonest.iter().all(|one| (one.to, &one.line) != (ahead.to, &ahead.line)) {
            soonest.push(ahead);
        }
    }
    let transition = |ahead: &Ahead| {
        Some(LineTransition { line: ahead.line.clone(), to: ahead.to.name().to_owned(), time: shown(ahead.time?) })
    };
    Some(SettledStatus {
        build: BUILD.to_owned(),
        keyring_version: report.keyring_version.as_ref()?.0.clone(),
        sealed_under: sealed_under.map(ToString::to_string),
        until: report.wake.map(shown),
        ahead: soonest.into_iter().filter_map(transition).collect(),
    })
}

/// What [`told`] said of a set, if it holds for this program.
fn recalled(set: &ObjectMeta, status: &JwksKeySetStatus, sealed_under: Option<SecretId>) -> Option<Record> {
    let settled = status.settled.as_ref()?;
    let wanted = wanted(set);
    let is_asked_the_same = status.observed_generation == wanted.generation && wanted.annotations.is_empty();
    let is_sealed_the_same = settled.sealed_under == sealed_under.as_ref().map(ToString::to_string);
    if settled.build != BUILD || !is_asked_the_same || !is_sealed_the_same {
        return None;
    }
    let wake = match &settled.until {
        Some(until) => Some(until.parse().ok()?),
        None => None,
    };
    let version = |output: &OutputStatus| {
        let kind = [OutputKind::Secret, OutputKind::ConfigMap].into_iter().find(|kind| kind.name() == output.kind)?;
        Some((OutputId { kind, name: output.name.clone() }, output.resource_version.clone()))
    };
    let mut versions: BTreeMap<OutputId, String> = status.outputs.iter().map(version).collect::<Option<_>>()?;
    let keyring = OutputId { kind: OutputKind::Secret, name: keyring_name(set.name.as_deref()?) };
    versions.insert(keyring, settled.keyring_version.clone());
    let untold = Some(SetRecord::of_settled(status));
    Some(Record { wanted, versions, references: BTreeMap::new(), wake, sealed_under, untold })
}

fn key(set: &ObjectMeta) -> String {
    format!("{}/{}", set.namespace.as_deref().unwrap_or_default(), set.name.as_deref().unwrap_or_default())
}

fn wanted(set: &ObjectMeta) -> Wanted {
    let annotations = set.annotations.iter().flatten().filter(|(name, _)| ASKED.contains(&name.as_str()));
    Wanted {
        uid: set.uid.clone(),
        generation: set.generation,
        annotations: annotations.map(|(name, value)| (name.clone(), value.clone())).collect(),
    }
}
