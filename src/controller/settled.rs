//! Which key sets have nothing to do, so that a resync or an event about nothing costs no read.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::ResourceExt;
use kube::core::PartialObjectMeta;
use kube::runtime::reflector::{ObjectRef, Store as Cache};

use super::Meta;
use super::references::References;
use crate::api;
use crate::engine::Report;
use crate::keyring::{SecretId, Time};
use crate::lifecycle::policy::{OutputId, OutputKind, keyring_name};
use crate::store::Version;

/// Annotations by which a resource is asked for something.
pub(super) const ASKED: &[&str] = &[api::ROTATE, api::CONFIRM, api::ACCEPT_KEY_LOSS];

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

#[derive(Debug, Clone, PartialEq, Eq)]
struct Record {
    wanted: Wanted,
    versions: BTreeMap<OutputId, String>,
    references: BTreeMap<String, Option<Version>>,
    wake: Option<Time>,
    sealed_under: Option<SecretId>,
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
        let record = records.get(&key(set))?;
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
        let record = records.get(&key(set))?;
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
        let record = Record { wanted: wanted(set), versions, references, wake: report.wake, sealed_under };
        self.records.lock().unwrap_or_else(PoisonError::into_inner).insert(key(set), record);
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
        self.wanted == wanted(set) && references.are_as_seen(&namespace, &self.references)
    }
}

impl Outputs {
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

fn key(set: &Meta) -> String {
    format!("{}/{}", set.namespace().unwrap_or_default(), set.name_any())
}

fn wanted(set: &Meta) -> Wanted {
    let annotations = set.annotations().iter().filter(|(name, _)| ASKED.contains(&name.as_str()));
    Wanted {
        uid: set.uid(),
        generation: set.metadata.generation,
        annotations: annotations.map(|(name, value)| (name.clone(), value.clone())).collect(),
    }
}
