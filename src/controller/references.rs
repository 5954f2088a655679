//! Which Secrets of the users' the key sets refer to. All Secrets are watched, by their metadata alone, and of those that
//! no set refers to nothing is kept.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::{Stream, StreamExt, stream};
use k8s_openapi::api::core::v1::Secret;
use kube::core::PartialObjectMeta;
use kube::runtime::controller::ReconcileRequest;
use kube::runtime::reflector::ObjectRef;
use kube::runtime::watcher;
use kube::{Api, ResourceExt};

use super::Meta;
use super::telemetry::Telemetry;
use super::watches::watch;
use crate::store::Version;

/// The Secrets that sets refer to, by namespace and name.
#[derive(Debug, Default)]
pub(super) struct References {
    known: Mutex<BTreeMap<(String, String), Known>>,
}

#[derive(Debug)]
struct Known {
    /// The sets that refer to it.
    sets: BTreeSet<String>,
    told: Told,
    /// Whether the watch, which may be listing anew, has come across it.
    listed: bool,
}

/// What the watch told of a Secret last.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Told {
    /// Nothing since somebody refers to it.
    Nothing,
    /// It is not there.
    Gone,
    /// It has that `resourceVersion`.
    There(String),
}

impl References {
    /// A set refers to these Secrets too. From now on no change of them is missed: so they are read after this.
    pub(super) fn add(&self, namespace: &str, set: &str, secrets: &BTreeSet<String>) {
        let mut known = self.known();
        for secret in secrets {
            let fresh = || Known { sets: BTreeSet::new(), told: Told::Nothing, listed: true };
            let one = known.entry((namespace.to_owned(), secret.clone())).or_insert_with(fresh);
            one.sets.insert(set.to_owned());
        }
    }

    /// A set refers to these Secrets, and to no others.
    pub(super) fn refer(&self, namespace: &str, set: &str, secrets: &BTreeSet<String>) {
        self.add(namespace, set, secrets);
        let mut known = self.known();
        known.retain(|(of, secret), one| {
            if of == namespace && !secrets.contains(secret) {
                one.sets.remove(set);
            }
            !one.sets.is_empty()
        });
    }

    /// Whether nothing was told since a pass saw the Secrets in these states; `None` is one that was not there.
    pub(super) fn are_as_seen(&self, namespace: &str, seen: &BTreeMap<String, Option<Version>>) -> bool {
        let known = self.known();
        seen.iter().all(|(secret, version)| {
            match (known.get(&(namespace.to_owned(), secret.clone())).map(|one| &one.told), version) {
                (None | Some(Told::Nothing), _) | (Some(Told::Gone), None) => true,
                (Some(Told::There(told)), Some(Version(seen))) => told == seen,
                (Some(Told::There(_)), None) | (Some(Told::Gone), Some(_)) => false,
            }
        })
    }

    /// The sets to look at because a Secret changed.
    pub(super) fn triggers(
        self: Arc<Self>,
        secrets: Vec<(Option<String>, Api<PartialObjectMeta<Secret>>)>,
        telemetry: &Telemetry,
    ) -> impl Stream<Item = Result<ReconcileRequest<Meta>, watcher::Error>> + Send + use<> {
        let watches = secrets.into_iter().map(|(namespace, api)| {
            watch(namespace.clone(), api, watcher::Config::default(), telemetry)
                .map(move |told| (namespace.clone(), told))
                .boxed()
        });
        stream::select_all(watches).flat_map(move |(namespace, told)| match told {
            Ok(event) => {
                let sets = self.hear(namespace.as_deref(), event).into_iter();
                stream::iter(sets.map(|set| Ok(set.into())).collect::<Vec<_>>())
            }
            Err(error) => stream::iter(vec![Err(error)]),
        })
    }

    /// Hears what the watch of a namespace tells, or that of all of them.
    fn hear(&self, watched: Option<&str>, event: watcher::Event<PartialObjectMeta<Secret>>) -> Vec<ObjectRef<Meta>> {
        let is_watched = |namespace: &String| watched.is_none_or(|watched| watched == namespace);
        match event {
            watcher::Event::Init => {
                let mut known = self.known();
                let watched = known.iter_mut().filter(|((namespace, _), _)| is_watched(namespace));
                watched.for_each(|(_, one)| one.listed = false);
                Vec::new()
            }
            watcher::Event::InitApply(secret) | watcher::Event::Apply(secret) => {
                let version = secret.metadata.resource_version.clone().unwrap_or_default();
                self.tell(&secret, Told::There(version))
            }
            watcher::Event::Delete(secret) => self.tell(&secret, Told::Gone),
            watcher::Event::InitDone => {
                let mut known = self.known();
                let watched = known.iter_mut().filter(|((namespace, _), _)| is_watched(namespace));
                let unlisted = watched.filter(|(_, one)| !one.listed && one.told != Told::Gone);
                unlisted.flat_map(|((namespace, _), one)| one.turn(namespace, Told::Gone)).collect()
            }
        }
    }

    fn tell(&self, secret: &PartialObjectMeta<Secret>, told: Told) -> Vec<ObjectRef<Meta>> {
        let namespace = secret.namespace().unwrap_or_default();
        let mut known = self.known();
        let Some(one) = known.get_mut(&(namespace.clone(), secret.name_any())) else { return Vec::new() };
        one.listed = true;
        if one.told == told { Vec::new() } else { one.turn(&namespace, told) }
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<(String, String), Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn turn(&mut self, namespace: &str, told: Told) -> Vec<ObjectRef<Meta>> {
        self.told = told;
        self.sets.iter().map(|set| ObjectRef::new(set).within(namespace)).collect()
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
    use kube::core::PartialObjectMetaExt;

    use super::*;

    fn secret(name: &str, version: &str) -> PartialObjectMeta<Secret> {
        let metadata = ObjectMeta {
            name: Some(name.to_owned()),
            namespace: Some("iam".to_owned()),
            resource_version: Some(version.to_owned()),
            ..ObjectMeta::default()
        };
        metadata.into_response_partial()
    }

    fn refer(references: &References, set: &str, secrets: &[&str]) {
        references.refer("iam", set, &secrets.iter().map(|name| (*name).to_owned()).collect());
    }

    fn hear(references: &References, event: watcher::Event<PartialObjectMeta<Secret>>) -> Vec<String> {
        references.hear(None, event).into_iter().map(|set| set.name).collect()
    }

    fn as_seen(references: &References, name: &str, version: Option<&str>) -> bool {
        let version = version.map(|version| Version(version.to_owned()));
        references.are_as_seen("iam", &BTreeMap::from([(name.to_owned(), version)]))
    }

    #[test]
    fn only_those_that_refer_to_a_secret_hear_of_it_and_nothing_else_is_kept() {
        let references = References::default();
        refer(&references, "one", &["pass"]);
        refer(&references, "two", &["pass", "keys"]);
        assert_eq!(hear(&references, watcher::Event::Apply(secret("other", "1"))), [""; 0]);
        assert_eq!(hear(&references, watcher::Event::Apply(secret("pass", "2"))), ["one", "two"]);
        assert_eq!(hear(&references, watcher::Event::Apply(secret("pass", "2"))), [""; 0], "it is the same");
        refer(&references, "two", &["keys"]);
        assert_eq!(hear(&references, watcher::Event::Delete(secret("pass", "3"))), ["one"]);
        refer(&references, "one", &[]);
        refer(&references, "two", &[]);
        assert!(references.known().is_empty());
    }

    #[test]
    fn a_pass_is_due_exactly_when_the_watch_knows_another_state_than_it_saw() {
        let references = References::default();
        refer(&references, "one", &["pass"]);
        assert!(as_seen(&references, "pass", Some("1")) && as_seen(&references, "pass", None), "nothing was told");
        references.hear(None, watcher::Event::Apply(secret("pass", "2")));
        assert!(as_seen(&references, "pass", Some("2")));
        assert!(!as_seen(&references, "pass", Some("1")) && !as_seen(&references, "pass", None));
        references.hear(None, watcher::Event::Delete(secret("pass", "3")));
        assert!(as_seen(&references, "pass", None) && !as_seen(&references, "pass", Some("2")));
    }

    /// While a spec is refused, a pass reads what the one before refers to.
    #[test]
    fn what_is_added_takes_nothing_of_what_is_known_away() {
        let references = References::default();
        refer(&references, "one", &["former"]);
        references.hear(None, watcher::Event::Apply(secret("former", "1")));
        references.add("iam", "one", &BTreeSet::from(["new".to_owned()]));
        assert_eq!(hear(&references, watcher::Event::Apply(secret("former", "2"))), ["one"], "between two passes");
        assert_eq!(hear(&references, watcher::Event::Apply(secret("new", "3"))), ["one"]);
        refer(&references, "one", &["former", "new"]);
        assert!(!as_seen(&references, "former", Some("1")), "it changed while the pass went on");
        refer(&references, "one", &["new"]);
        assert_eq!(hear(&references, watcher::Event::Apply(secret("former", "4"))), [""; 0]);
    }

    #[test]
    fn what_is_gone_after_a_watch_was_interrupted_is_noticed() {
        let references = References::default();
        refer(&references, "one", &["pass"]);
        refer(&references, "two", &["keys"]);
        references.hear(None, watcher::Event::Apply(secret("pass", "1")));
        references.hear(None, watcher::Event::Apply(secret("keys", "1")));
        assert_eq!(hear(&references, watcher::Event::Init), [""; 0]);
        assert_eq!(hear(&references, watcher::Event::InitApply(secret("pass", "1"))), [""; 0]);
        refer(&references, "three", &["late"]);
        assert_eq!(hear(&references, watcher::Event::InitDone), ["two"]);
        assert!(as_seen(&references, "keys", None) && as_seen(&references, "pass", Some("1")));
        assert!(as_seen(&references, "late", Some("7")), "one that was named meanwhile may have been listed before");
    }

    #[test]
    fn one_namespace_that_is_listed_anew_says_nothing_of_another() {
        let references = References::default();
        refer(&references, "one", &["pass"]);
        references.hear(Some("iam"), watcher::Event::Apply(secret("pass", "1")));
        references.hear(Some("other"), watcher::Event::Init);
        assert!(references.hear(Some("other"), watcher::Event::InitDone).is_empty());
        assert!(as_seen(&references, "pass", Some("1")));
        references.hear(Some("iam"), watcher::Event::Init);
        assert_eq!(references.hear(Some("iam"), watcher::Event::InitDone).len(), 1);
    }
}
