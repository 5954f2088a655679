//! The watches of one kind, one a namespace, as if they were a single one.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Debug;

use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::ResourceExt;
use kube::core::PartialObjectMeta;
use kube::runtime::reflector::{self, Store as Cache};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Resource};
use serde::de::DeserializeOwned;

use super::telemetry::Telemetry;
use super::waits::Waits;

/// What a watch tells.
pub(super) type Told<K> = Result<watcher::Event<K>, watcher::Error>;

/// A cache of metadata, and a stream of what changed in it. Of labels and annotations it has those names alone.
pub(super) fn cached<K>(
    apis: Vec<(Option<String>, Api<PartialObjectMeta<K>>)>,
    config: &watcher::Config,
    names: &'static [&'static str],
    telemetry: &Telemetry,
) -> (Cache<PartialObjectMeta<K>>, impl Stream<Item = Result<PartialObjectMeta<K>, watcher::Error>> + Send + use<K>)
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
{
    let (cache, writer) = reflector::store();
    let mut merge = Merge::new(apis.iter().map(|(namespace, _)| namespace.clone()), cache.clone());
    let watches = apis.into_iter().enumerate().map(|(place, (namespace, api))| {
        watch(namespace, api, config.clone(), telemetry).map(move |told| (place, told)).boxed()
    });
    let events = stream::select_all(watches).flat_map(move |(place, told)| {
        stream::iter(match told {
            Ok(event) => merge.hear(place, event).into_iter().map(Ok).collect(),
            Err(error) => vec![Err(error)],
        })
    });
    let changes = events
        .modify(|object: &mut PartialObjectMeta<K>| {
            object.types = None;
            object.metadata = needed(std::mem::take(&mut object.metadata), names);
        })
        .reflect(writer)
        .touched_objects();
    (cache, changes)
}

/// One watch, which tries again for ever. That it was interrupted, or has ended, is known to `telemetry`.
pub(super) fn watch<K>(
    namespace: Option<String>,
    api: Api<PartialObjectMeta<K>>,
    config: watcher::Config,
    telemetry: &Telemetry,
) -> BoxStream<'static, Told<PartialObjectMeta<K>>>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
{
    let seen = telemetry.health.watch_of(K::plural(&()).into_owned(), namespace.clone());
    let metrics = telemetry.metrics.clone();
    let ended = seen.clone();
    watcher(api, config)
        .backoff(Waits::default())
        .inspect(move |told| match told {
            Ok(watcher::Event::InitDone) => seen.is_whole(),
            Ok(watcher::Event::Apply(_) | watcher::Event::Delete(_)) => seen.moves(),
            Ok(watcher::Event::Init | watcher::Event::InitApply(_)) => {}
            Err(error) => {
                seen.is_interrupted(error.to_string(), is_gone(error));
                metrics.watch_restarts(&K::plural(&()));
                let namespace = namespace.as_deref();
                tracing::warn!(%error, resource = %K::plural(&()), namespace, "a watch was interrupted");
            }
        })
        .chain(stream::once(async move { ended.has_ended() }).filter_map(|()| async { None }))
        .boxed()
}

/// The part of an object's metadata that is worth its memory.
fn needed(all: ObjectMeta, names: &[&str]) -> ObjectMeta {
    let of_names = |map: Option<BTreeMap<String, String>>| {
        let map = map.into_iter().flatten().filter(|(name, _)| names.contains(&name.as_str()));
        Some(map.collect::<BTreeMap<_, _>>()).filter(|map| !map.is_empty())
    };
    ObjectMeta {
        name: all.name,
        namespace: all.namespace,
        uid: all.uid,
        resource_version: all.resource_version,
        generation: all.generation,
        deletion_timestamp: all.deletion_timestamp,
        labels: of_names(all.labels),
        annotations: of_names(all.annotations),
        ..ObjectMeta::default()
    }
}

/// Whether there is no such resource any more: its CRD was deleted.
fn is_gone(error: &watcher::Error) -> bool {
    let (watcher::Error::InitialListFailed(error) | watcher::Error::WatchStartFailed(error)) = error else {
        return false;
    };
    matches!(error, kube::Error::Api(status) if status.is_not_found())
}

/// Makes one row of events of those of several watches: a cache takes a list that begins anew for the whole truth, which the
/// list of one namespace is not.
struct Merge<K: Resource<DynamicType = ()> + Clone + 'static> {
    namespaces: Vec<Option<String>>,
    cache: Cache<K>,
    /// What was listed, by watch, until one of them has listed all: a namespace that can't be listed holds up no other.
    first: Option<First<K>>,
    /// Names that a watch, which lists anew, has come across.
    relisted: BTreeMap<usize, HashSet<(Option<String>, String)>>,
}

type First<K> = BTreeMap<usize, BTreeMap<(Option<String>, String), K>>;

impl<K: Resource<DynamicType = ()> + Clone + 'static> Merge<K> {
    fn new(namespaces: impl Iterator<Item = Option<String>>, cache: Cache<K>) -> Self {
        Self { namespaces: namespaces.collect(), cache, first: Some(First::new()), relisted: BTreeMap::new() }
    }

    /// What an event of the watch at `place` means for the whole.
    fn hear(&mut self, place: usize, event: watcher::Event<K>) -> Vec<watcher::Event<K>> {
        let Some(first) = &mut self.first else { return self.hear_later(place, event) };
        let objects = first.entry(place).or_default();
        match event {
            watcher::Event::InitDone => return self.release(place),
            watcher::Event::Init => objects.clear(),
            watcher::Event::Apply(object) | watcher::Event::InitApply(object) => {
                objects.insert(name(&object), object);
            }
            watcher::Event::Delete(object) => {
                objects.remove(&name(&object));
            }
        }
        Vec::new()
    }

    /// The first watch has listed all. Those that are still at it go on as if they listed anew.
    fn release(&mut self, whole: usize) -> Vec<watcher::Event<K>> {
        let first = self.first.take().unwrap_or_default();
        let others = first.iter().filter(|(place, _)| **place != whole);
        self.relisted = others.map(|(place, objects)| (*place, objects.keys().cloned().collect())).collect();
        let objects = first.into_values().flatten().map(|(_, object)| watcher::Event::InitApply(object));
        [watcher::Event::Init].into_iter().chain(objects).chain([watcher::Event::InitDone]).collect()
    }

    fn hear_later(&mut self, place: usize, event: watcher::Event<K>) -> Vec<watcher::Event<K>> {
        match event {
            watcher::Event::Init => {
                self.relisted.insert(place, HashSet::new());
                Vec::new()
            }
            watcher::Event::Apply(object) | watcher::Event::InitApply(object) => {
                if let Some(names) = self.relisted.get_mut(&place) {
                    names.insert(name(&object));
                }
                vec![watcher::Event::Apply(object)]
            }
            watcher::Event::Delete(object) => vec![watcher::Event::Delete(object)],
            watcher::Event::InitDone => {
                let Some(names) = self.relisted.remove(&place) else { return Vec::new() };
                let namespace = self.namespaces.get(place).cloned().flatten();
                let of_watch = |object: &K| namespace.is_none() || object.namespace() == namespace;
                let gone = self.cache.state().into_iter().filter(|one| of_watch(one) && !names.contains(&name(&**one)));
                gone.map(|object| watcher::Event::Delete(K::clone(&object))).collect()
            }
        }
    }
}

fn name<K: Resource<DynamicType = ()>>(object: &K) -> (Option<String>, String) {
    (object.namespace(), object.name_any())
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::core::PartialObjectMetaExt;
    use kube::runtime::reflector::store::Writer;
    use kube::runtime::watcher::Event;

    use super::*;

    type Map = PartialObjectMeta<ConfigMap>;

    fn map(namespace: &str, name: &str) -> Map {
        let metadata =
            ObjectMeta { name: Some(name.to_owned()), namespace: Some(namespace.to_owned()), ..ObjectMeta::default() };
        metadata.into_response_partial()
    }

    struct Both {
        merge: Merge<Map>,
        writer: Writer<Map>,
    }

    impl Both {
        fn new(namespaces: &[Option<&str>]) -> Self {
            let (cache, writer) = reflector::store();
            let namespaces = namespaces.iter().map(|namespace| namespace.map(str::to_owned));
            Self { merge: Merge::new(namespaces, cache), writer }
        }

        fn hear(&mut self, place: usize, events: impl IntoIterator<Item = Event<Map>>) {
            for event in events {
                for event in self.merge.hear(place, event) {
                    self.writer.apply_watcher_event(&event);
                }
            }
        }

        fn names(&self) -> Vec<String> {
            let mut names: Vec<String> = self.writer.as_reader().state().iter().map(|map| map.name_any()).collect();
            names.sort();
            names
        }
    }

    #[test]
    fn a_namespace_that_is_not_listed_yet_holds_up_no_other() {
        let mut both = Both::new(&[Some("a"), Some("b")]);
        both.hear(0, [Event::Init, Event::InitApply(map("a", "one")), Event::InitApply(map("a", "gone"))]);
        both.hear(1, [Event::Init, Event::InitApply(map("b", "three"))]);
        assert_eq!(both.names(), [""; 0], "no list is whole");
        both.hear(0, [Event::InitDone, Event::Apply(map("a", "two")), Event::Delete(map("a", "gone"))]);
        assert_eq!(both.names(), ["one", "three", "two"]);
        both.hear(1, [Event::InitApply(map("b", "four")), Event::InitDone]);
        assert_eq!(both.names(), ["four", "one", "three", "two"]);
        both.hear(1, [Event::Init, Event::InitApply(map("b", "four")), Event::InitDone]);
        assert_eq!(both.names(), ["four", "one", "two"]);
    }

    #[test]
    fn one_namespace_that_is_listed_anew_leaves_the_others_alone() {
        let mut both = Both::new(&[Some("a"), Some("b")]);
        both.hear(0, [Event::Init, Event::InitApply(map("a", "one")), Event::InitDone]);
        both.hear(1, [Event::Init, Event::InitApply(map("b", "two")), Event::InitApply(map("b", "three"))]);
        both.hear(1, [Event::InitDone]);
        both.hear(1, [Event::Init, Event::InitApply(map("b", "three")), Event::InitDone]);
        assert_eq!(both.names(), ["one", "three"]);
    }

    #[test]
    fn a_watch_of_all_namespaces_forgets_what_is_gone_from_any() {
        let mut both = Both::new(&[None]);
        both.hear(0, [Event::Init, Event::InitApply(map("a", "one")), Event::InitApply(map("b", "two"))]);
        both.hear(0, [Event::InitDone]);
        both.hear(0, [Event::Init, Event::InitApply(map("b", "two")), Event::InitDone]);
        assert_eq!(both.names(), ["two"]);
    }
}
