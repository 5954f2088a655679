//! Which key sets have nothing to do, so that a resync, an event about nothing, or a restart costs no read.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

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

/// The metadata of everything that was written.
#[derive(Clone)]
pub(super) struct Outputs {
    pub(super) secrets: Cache<PartialObjectMeta<Secret>>,
    pub(super) maps: Cache<PartialObjectMeta<ConfigMap>>,
}

/// What a key set looked like when nothing was left to do.
#[derive(Debug, Default)]
pub(super) struct Settled {
    /// `None` for a set that is looked after, or was without that being the end of it.
    records: Mutex<HashMap<String, Option<Record>>>,
}

#[derive(Debug)]
struct Record {
    wanted: Wanted,
    versions: BTreeMap<OutputId, String>,
    references: BTreeMap<String, Option<Version>>,
    wake: Option<Time>,
    sealed_under: Option<SecretId>,
    /// Whether others wrote to its outputs again and again: the status says so until the next pass.
    contested: bool,
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
        contested: bool,
        now: Time,
    ) -> Option<Option<Time>> {
        let records = self.records();
        let record = records.get(&key(&set.metadata))?.as_ref()?;
        let same = record.is_asked_the_same(set, references)
            && record.sealed_under.as_ref() == sealing
            && record.contested == contested
            && record.wake.is_none_or(|wake| wake > now)
            && record.versions.iter().all(|(id, version)| outputs.version(set, id).as_ref() == Some(version));
        same.then_some(record.wake)
    }

    /// The deadline of a set of which nothing new is asked and nothing is due, whatever happened to its outputs.
    #[expect(clippy::option_option, reason = "no deadline is different from something new")]
    pub(super) fn asked_nothing_new(&self, set: &Meta, references: &References, now: Time) -> Option<Option<Time>> {
        let records = self.records();
        let record = records.get(&key(&set.metadata))?.as_ref()?;
        (record.is_asked_the_same(set, references) && record.wake.is_none_or(|wake| wake > now)).then_some(record.wake)
    }

    /// Remembers what a set looks like after a pass that left nothing to mend, and under which system secret its keyring
    /// is sealed.
    pub(super) fn remember(&self, set: &Meta, report: &Report, sealed_under: Option<SecretId>, contested: bool) {
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
            contested,
            untold: None,
        };
        self.records().insert(key(&set.metadata), Some(record));
    }

    /// Another operator may have led: what this one remembers counts no more.
    pub(super) fn forget_all(&self) {
        self.records().retain(|_, record| record.is_none());
    }

    /// Remembers what another operator saw of a set, as the status tells, unless this one has to look for itself.
    pub(super) fn recall(&self, set: &ObjectMeta, status: &JwksKeySetStatus, sealing: Option<SecretId>) {
        if let Some(record) = recalled(set, status, sealing) {
            // A pass that runs knows better.
            self.records().entry(key(set)).or_insert(Some(record));
        }
    }

    /// What metrics are to tell of a set that was recalled, once.
    pub(super) fn untold(&self, set: &str) -> Option<SetRecord> {
        self.records().get_mut(set)?.as_mut()?.untold.take()
    }

    /// The set has something to do.
    pub(super) fn begin(&self, set: &str) {
        self.records().insert(set.to_owned(), None);
    }

    /// The set is gone.
    pub(super) fn forget(&self, set: &str) {
        self.records().remove(set);
    }

    fn records(&self) -> MutexGuard<'_, HashMap<String, Option<Record>>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
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
    /// Waits until they are listed, or never will be.
    pub(super) async fn are_listed(&self) {
        // Whatever comes of it: what is not known is read.
        let _ = tokio::join!(self.secrets.wait_until_ready(), self.maps.wait_until_ready());
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
    let waits = !report.without_active.is_empty() || report.ahead.iter().any(|ahead| ahead.held);
    if refers || waits || !report.problems.is_empty() {
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
    let wake = settled.until.as_ref().map(|until| until.parse()).transpose().ok()?;
    let version = |output: &OutputStatus| {
        let kind = [OutputKind::Secret, OutputKind::ConfigMap].into_iter().find(|kind| kind.name() == output.kind)?;
        Some((OutputId { kind, name: output.name.clone() }, output.resource_version.clone()))
    };
    let mut versions: BTreeMap<OutputId, String> = status.outputs.iter().map(version).collect::<Option<_>>()?;
    let keyring = OutputId { kind: OutputKind::Secret, name: keyring_name(set.name.as_deref()?) };
    versions.insert(keyring, settled.keyring_version.clone());
    let untold = Some(SetRecord::of_settled(status));
    Some(Record { wanted, versions, references: BTreeMap::new(), wake, sealed_under, contested: false, untold })
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

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta};
    use kube::core::PartialObjectMetaExt;
    use kube::runtime::reflector;
    use serde_json::json;

    use super::*;
    use crate::engine::OutputReport;

    const NOW: Time = DateTime::UNIX_EPOCH;

    fn set() -> JwksKeySet {
        let mut set = JwksKeySet::new("auth", crate::lifecycle::fixtures::spec(json!({})));
        set.metadata.namespace = Some("iam".to_owned());
        set.metadata.generation = Some(3);
        set
    }

    fn meta(set: &JwksKeySet) -> Meta {
        set.metadata.clone().into_response_partial()
    }

    fn report() -> Report {
        let version = |text: &str| Version(text.to_owned());
        let id = OutputId { kind: OutputKind::ConfigMap, name: "auth-jwks".to_owned() };
        Report {
            keyring_version: Some(version("7")),
            outputs: vec![OutputReport { id, version: version("8") }],
            wake: Some(NOW + TimeDelta::milliseconds(90_500)),
            ..Report::default()
        }
    }

    fn status(settled: SettledStatus) -> JwksKeySetStatus {
        let output = OutputStatus {
            kind: "ConfigMap".to_owned(),
            namespace: "iam".to_owned(),
            name: "auth-jwks".to_owned(),
            resource_version: "8".to_owned(),
        };
        JwksKeySetStatus {
            observed_generation: Some(3),
            outputs: vec![output],
            settled: Some(settled),
            ..JwksKeySetStatus::default()
        }
    }

    /// What the watches know: the keyring and the ConfigMap, in these versions.
    fn outputs(keyring: &str, map: &str) -> Outputs {
        let object = |name: &str, version: &str| ObjectMeta {
            name: Some(name.to_owned()),
            namespace: Some("iam".to_owned()),
            resource_version: Some(version.to_owned()),
            ..ObjectMeta::default()
        };
        let (secrets, mut secret_writer) = reflector::store();
        let (maps, mut map_writer) = reflector::store();
        let keyring = object("auth-keyring", keyring).into_response_partial();
        secret_writer.apply_watcher_event(&kube::runtime::watcher::Event::Apply(keyring));
        let map = object("auth-jwks", map).into_response_partial();
        map_writer.apply_watcher_event(&kube::runtime::watcher::Event::Apply(map));
        Outputs { secrets, maps }
    }

    #[test]
    fn what_a_status_tells_counts_while_everything_is_as_it_was() {
        let told = told(&set(), &report(), None).unwrap();
        assert_eq!(told.until.as_deref(), Some("1970-01-01T00:01:30Z"), "rather early than late");
        let deadline = |set: &JwksKeySet, status: &JwksKeySetStatus, outputs: &Outputs, seconds: i64| {
            let settled = Settled::default();
            settled.recall(&set.metadata, status, None);
            let now = NOW + TimeDelta::seconds(seconds);
            settled.next_deadline(&meta(set), outputs, &References::default(), None, false, now)
        };
        let (same, as_it_was) = (status(told.clone()), outputs("7", "8"));
        assert_eq!(deadline(&set(), &same, &as_it_was, 89), Some(Some(NOW + TimeDelta::seconds(90))));
        assert_eq!(deadline(&set(), &same, &as_it_was, 90), None, "it is due");
        assert_eq!(deadline(&set(), &same, &outputs("9", "8"), 0), None, "another keyring");
        assert_eq!(deadline(&set(), &same, &outputs("7", "9"), 0), None, "another output");
        let mut edited = set();
        edited.metadata.generation = Some(4);
        assert_eq!(deadline(&edited, &same, &as_it_was, 0), None);
        let mut asked = set();
        asked.metadata.annotations = Some([(api::ROTATE.to_owned(), "now".to_owned())].into());
        assert_eq!(deadline(&asked, &same, &as_it_was, 0), None);
        let changed = |change: &dyn Fn(&mut SettledStatus)| {
            let mut told = told.clone();
            change(&mut told);
            deadline(&set(), &status(told), &as_it_was, 0)
        };
        assert_eq!(changed(&|told| told.build = "another".to_owned()), None);
        assert_eq!(changed(&|told| told.sealed_under = Some("0123456789abcdef".to_owned())), None);
        assert_eq!(changed(&|told| told.until = Some("soon".to_owned())), None);
        assert_eq!(changed(&|told| told.until = None), Some(None), "nothing is planned");
    }

    #[test]
    fn a_set_that_needs_a_look_of_its_own_is_not_told_to_be_settled() {
        let lacking = Report { without_active: vec!["main".to_owned()], ..report() };
        let referring = Report { references: [("pass".to_owned(), None)].into(), ..report() };
        let without_keyring = Report { keyring_version: None, ..report() };
        for report in [lacking, referring, without_keyring] {
            assert_eq!(told(&set(), &report, None), None, "{report:?}");
        }
    }

    #[test]
    fn a_set_that_is_looked_after_is_not_recalled_and_what_was_remembered_ends_with_the_lead() {
        let (set, status) = (set(), status(told(&set(), &report(), None).unwrap()));
        let settled = Settled::default();
        let is_settled = |contested: bool| {
            let outputs = outputs("7", "8");
            settled.next_deadline(&meta(&set), &outputs, &References::default(), None, contested, NOW).is_some()
        };
        settled.begin("iam/auth");
        settled.recall(&set.metadata, &status, None);
        assert!(!is_settled(false), "a pass that failed comes again");
        settled.forget_all();
        settled.recall(&set.metadata, &status, None);
        assert!(!is_settled(false), "also if the lead was lost meanwhile");
        settled.remember(&meta(&set), &report(), None, true);
        assert!(is_settled(true) && !is_settled(false), "that the contest is over is told by a pass");
        settled.forget_all();
        assert!(!is_settled(true));
        settled.recall(&set.metadata, &status, None);
        assert!(is_settled(false));
        assert!(settled.untold("iam/auth").is_some() && settled.untold("iam/auth").is_none(), "it is told once");
    }
}
