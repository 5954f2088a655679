//! Sets that the operator keeps in a cluster: ConfigMaps and the resources they were made for, and nothing else.

mod heartbeat;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Instant;

use futures::StreamExt;
use futures::stream::{self, BoxStream};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::client::ClientBuilder;
use kube::core::{DeserializeGuard, NamespaceResourceScope};
use kube::runtime::watcher::{self, Event};
use kube::runtime::{WatchStreamExt, watcher as watch};
use kube::{Api, Config, Resource, ResourceExt};
use serde::de::DeserializeOwned;

use super::Source;
use super::published::{Published, Unfit};
use super::shelf::{Described, Pulse, SetName, Shelf};
use crate::api::{JwksKeySet, Publisher};
use crate::controller::{Namespaces, Waits};
use crate::keyring::Time;
use crate::store::kubernetes::{HEADER, KEY_SET, MANAGED_BY, MANAGER};

use heartbeat::Heartbeat;

/// How long the API server keeps one watch open, in seconds. Its end is a sign of life, so this is how old what is served can
/// be while all is well; a dead connection is noticed five seconds later.
const WATCH: u32 = 10;

/// A cluster.
#[derive(Debug)]
pub struct Cluster {
    config: Config,
    namespaces: Namespaces,
    keep_resources: bool,
}

/// Why a cluster can't be watched.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// No cluster is configured.
    #[error(
        "no cluster can be reached: {0}; state one by KUBECONFIG, ~/.kube/config or a pod's service account, or serve a directory \
         with --dir"
    )]
    Config(#[from] kube::config::InferConfigError),
    /// The client could not be made.
    #[error("the client for the API server can't be made: {0}")]
    Client(#[from] kube::Error),
}

/// A watch, and what it is known to have told.
type Watch<K> = (Pulse, BoxStream<'static, Result<Event<K>, watcher::Error>>);

impl Cluster {
    /// The cluster of KUBECONFIG, ~/.kube/config or the pod's service account.
    ///
    /// # Errors
    /// If there is none.
    pub async fn infer(namespaces: Namespaces, keep_resources: bool) -> Result<Self, ClusterError> {
        let config = Config::infer().await?;
        // A configuration that can't be used is told at once.
        ClientBuilder::try_from(config.clone())?;
        Ok(Self { config, namespaces, keep_resources })
    }

    fn watches<K>(&self, shelf: &Shelf, settings: &watcher::Config) -> Vec<Watch<K>>
    where
        K: Resource<Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned + Send + 'static,
        K::DynamicType: Default,
    {
        let reaches: Vec<Option<String>> = match &self.namespaces {
            Namespaces::All => vec![None],
            Namespaces::Listed(names) => names.iter().cloned().map(Some).collect(),
        };
        let one = |reach: Option<String>| {
            let pulse = shelf.pulse(reach.as_deref());
            let builder = ClientBuilder::try_from(self.config.clone()).ok()?;
            let client = builder.with_layer(&Heartbeat(pulse.clone())).build();
            let api = match reach {
                Some(namespace) => Api::namespaced(client, &namespace),
                None => Api::all(client),
            };
            Some((pulse, watch(api, settings.clone()).backoff(Waits::default()).boxed()))
        };
        reaches.into_iter().filter_map(one).collect()
    }
}

impl Source for Cluster {
    async fn keep(self, shelf: Arc<Shelf>) {
        let any = watcher::Config::default().timeout(WATCH);
        let ours = any.clone().labels(&format!("{MANAGED_BY}={MANAGER}"));
        let maps = self.watches::<ConfigMap>(&shelf, &ours).into_iter().map(|(pulse, events)| {
            let shelf = Arc::clone(&shelf);
            Box::pin(follow(events, pulse, Maps { shelf, sets: HashMap::new() })) as BoxStream<'static, ()>
        });
        let sets = self.watches::<DeserializeGuard<JwksKeySet>>(&shelf, &any).into_iter().map(|(pulse, events)| {
            let shelf = Arc::clone(&shelf);
            Box::pin(follow(events, pulse, Sets { shelf, keep: self.keep_resources })) as BoxStream<'static, ()>
        });
        let all: Vec<_> = maps.collect::<Vec<_>>().into_iter().chain(sets).collect();
        stream::select_all(all).collect::<()>().await;
    }
}

/// Takes what one watch tells to the shelf.
trait Ledger<K>: Send + 'static {
    /// An object is there.
    fn there(&mut self, object: K);
    /// An object is gone.
    fn gone(&mut self, namespace: &str, name: &str);
}

/// Runs a watch for ever. A list that begins anew takes away what it does not name.
fn follow<K, L>(
    events: BoxStream<'static, Result<Event<K>, watcher::Error>>,
    pulse: Pulse,
    mut ledger: L,
) -> impl futures::Stream<Item = ()> + Send
where
    K: Resource + Send + 'static,
    K::DynamicType: Default,
    L: Ledger<K>,
{
    let mut known: HashSet<(String, String)> = HashSet::new();
    let mut listed: Option<(Instant, HashSet<(String, String)>)> = None;
    let mut told = false;
    events.map(move |event| match event {
        Ok(Event::Init) => listed = Some((Instant::now(), HashSet::new())),
        Ok(Event::InitApply(object)) => {
            if let Some((_, listed)) = &mut listed {
                listed.insert(place(&object));
            }
            ledger.there(object);
        }
        Ok(Event::InitDone) => {
            if let Some((began, listed)) = listed.take() {
                for (namespace, name) in known.difference(&listed) {
                    ledger.gone(namespace, name);
                }
                known = listed;
                pulse.beat(began);
            }
            told = false;
        }
        Ok(Event::Apply(object)) => {
            known.insert(place(&object));
            ledger.there(object);
        }
        Ok(Event::Delete(object)) => {
            let (namespace, name) = place(&object);
            ledger.gone(&namespace, &name);
            known.remove(&(namespace, name));
        }
        Err(error) => {
            if !std::mem::replace(&mut told, true) {
                let resource = K::plural(&K::DynamicType::default()).into_owned();
                tracing::warn!(%error, resource, "a watch was interrupted; what was read before is served meanwhile");
            }
        }
    })
}

fn place<K: Resource>(object: &K) -> (String, String) {
    (object.namespace().unwrap_or_default(), object.name_any())
}

/// The ConfigMaps, and which set each was seen to be for.
struct Maps {
    shelf: Arc<Shelf>,
    sets: HashMap<(String, String), SetName>,
}

impl Ledger<ConfigMap> for Maps {
    fn there(&mut self, map: ConfigMap) {
        let place = place(&map);
        let before = self.sets.get(&place).cloned();
        match set_of(&map) {
            Some(set) => {
                if let Some(before) = before.filter(|before| *before != set) {
                    self.shelf.remove(&before, &place.1);
                }
                self.shelf.put(&set, &place.1, map.resource_version(), held(&map));
                self.sets.insert(place, set);
            }
            // Someone took away what says whose it is.
            None => {
                if let Some(before) = before {
                    self.shelf.put(&before, &place.1, map.resource_version(), Err(Unfit::Undressed));
                }
            }
        }
    }

    fn gone(&mut self, namespace: &str, name: &str) {
        if let Some(set) = self.sets.remove(&(namespace.to_owned(), name.to_owned())) {
            self.shelf.remove(&set, name);
        }
    }
}

/// The set that a ConfigMap was made for: label and annotation say the same.
fn set_of(map: &ConfigMap) -> Option<SetName> {
    let name = map.annotations().get(KEY_SET)?;
    (map.labels().get(KEY_SET) == Some(name))
        .then(|| SetName { namespace: map.namespace().unwrap_or_default(), name: name.clone() })
}

fn held(map: &ConfigMap) -> Result<Option<Published>, Unfit> {
    let header = map.annotations().get(HEADER).ok_or(Unfit::Undressed)?;
    let header = serde_json::from_str(header).map_err(|_| Unfit::Undressed)?;
    let empty = BTreeMap::new();
    let files = map.data.as_ref().unwrap_or(&empty);
    Published::of(&header, files.iter().map(|(name, text)| (name.as_str(), text.as_bytes())))
}

/// The resources.
struct Sets {
    shelf: Arc<Shelf>,
    keep: bool,
}

impl Ledger<DeserializeGuard<JwksKeySet>> for Sets {
    fn there(&mut self, set: DeserializeGuard<JwksKeySet>) {
        let (namespace, name) = place(&set);
        // One that can't be read is there all the same.
        let described = set.0.map(|set| described(set, self.keep)).unwrap_or_default();
        self.shelf.describe(&SetName { namespace, name }, Some(described));
    }

    fn gone(&mut self, namespace: &str, name: &str) {
        self.shelf.describe(&SetName { namespace: namespace.to_owned(), name: name.to_owned() }, None);
    }
}

fn described(mut set: JwksKeySet, keep: bool) -> Described {
    let timing = &set.spec.timing;
    let delays = timing.publish_delay.parse().ok().zip(timing.verifier_cache_ttl.parse().ok());
    let status = set.status.clone().unwrap_or_default();
    let next = status.next_transition.and_then(|next| next.time);
    let removals = status.keys.into_iter().filter_map(|key| key.removal_time);
    let changes = next.into_iter().chain(removals).filter_map(|time| time.parse::<Time>().ok()).collect();
    let told = !status.outputs.is_empty();
    let maps = status
        .outputs
        .into_iter()
        .filter(|one| one.kind == "ConfigMap" && Some(&one.namespace) == set.metadata.namespace.as_ref());
    let mut places: BTreeMap<String, String> = maps.map(|output| (output.name, output.resource_version)).collect();
    if !told && set.spec.publisher != Some(Publisher::Signer) {
        // Nobody has told what is kept, so what the spec names counts.
        let named = set.spec.config_maps.iter().map(|one| one.name.clone());
        let usual = set.spec.config_maps.is_empty().then(|| format!("{}-jwks", set.name_any()));
        places.extend(named.chain(usual).map(|name| (name, String::new())));
    }
    let revoked = set.spec.revoked.iter().map(|one| one.kid.clone()).collect();
    set.metadata.managed_fields = None;
    let issuer = set.spec.issuer.clone();
    Described { delays, issuer, changes, places: Some(places), revoked, resource: keep.then(|| Arc::new(set)) }
}
