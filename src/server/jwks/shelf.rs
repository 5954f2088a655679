//! Every published set that is known, in memory.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use serde::Deserialize;

use super::lifetime::Known;
use super::published::{Published, Unfit};
use crate::api::JwksKeySet;
use crate::keyring::Time;

/// Names one key set.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
pub struct SetName {
    /// Namespace of the resource.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// What a source keeps and what answers are made from.
#[derive(Debug, Default)]
pub struct Shelf {
    sets: RwLock<HashMap<SetName, Kept>>,
    pulses: Mutex<Vec<(Option<String>, Pulse)>>,
}

/// When it was last known that the shelf is as its source is. Never, before the first time.
#[derive(Clone, Debug, Default)]
pub struct Pulse(Arc<Mutex<Option<Instant>>>);

/// What the resource says of its set, as far as it matters to readers.
#[derive(Clone, Debug, Default)]
pub struct Described {
    /// P and C, as the resource states them now.
    pub delays: Option<(TimeDelta, TimeDelta)>,
    /// The issuer of the tokens.
    pub issuer: Option<String>,
    /// When the set changes, as far as that is planned.
    pub changes: Vec<Time>,
    /// The ConfigMaps that Keyturn keeps for it now; empty before it says so.
    pub places: BTreeSet<String>,
    /// The resource, where its timeline is shown.
    pub resource: Option<Arc<JwksKeySet>>,
}

/// What is known of one name.
#[derive(Debug)]
pub enum Found {
    /// Nothing yet of any set.
    Cold,
    /// There is no JWKS of that name.
    Unknown,
    /// There is one, but it is not as Keyturn wrote it.
    Unfit,
    /// This.
    Ready(Arc<Published>, Known, Arc<Described>),
}

#[derive(Debug, Default)]
struct Kept {
    places: BTreeMap<String, Place>,
    described: Option<Arc<Described>>,
}

/// One ConfigMap.
#[derive(Debug, Default)]
struct Place {
    /// What it held when it was last as Keyturn wrote it.
    good: Option<Arc<Published>>,
    unfit: bool,
    gone: bool,
}

impl Shelf {
    /// What is known of a set.
    pub fn find(&self, set: &SetName) -> Found {
        let Some(age) = self.age(&set.namespace) else { return Found::Cold };
        let sets = self.read();
        let Some(kept) = sets.get(set) else { return Found::Unknown };
        let Some(jwks) = kept.best() else {
            return if kept.places.values().any(|place| place.unfit) { Found::Unfit } else { Found::Unknown };
        };
        let described = kept.described.clone().unwrap_or_default();
        // Of a fact that was just edited the shorter one is the safe one, in either direction.
        let written = jwks.facts.map(|facts| (facts.publish_delay, facts.verifier_cache_ttl));
        let delays = written.into_iter().chain(described.delays).reduce(|a, b| (a.0.min(b.0), a.1.min(b.1)));
        let (publish_delay, verifier_cache_ttl) = delays.unwrap_or_default();
        let known = Known { publish_delay, verifier_cache_ttl, age, changes: described.changes.clone() };
        Found::Ready(jwks, known, described)
    }

    /// The resource of a set, where it is kept.
    pub fn resource(&self, set: &SetName) -> Option<Arc<JwksKeySet>> {
        self.read().get(set)?.described.as_ref()?.resource.clone()
    }

    /// Whether every source has told all once.
    pub fn is_warm(&self) -> bool {
        self.oldest_age().is_some()
    }

    /// How old what is served may be, over all sources; `None` before they told all once.
    pub fn oldest_age(&self) -> Option<Duration> {
        self.age_of(|_| true)
    }

    /// How many sets can be served.
    pub fn served(&self) -> usize {
        self.read().values().filter(|kept| kept.best().is_some()).count()
    }

    /// A pulse for a source that tells of one namespace, or of all. Until its first beat nothing is known.
    pub fn pulse(&self, namespace: Option<&str>) -> Pulse {
        let pulse = Pulse::default();
        self.pulses().push((namespace.map(str::to_owned), pulse.clone()));
        pulse
    }

    /// A ConfigMap is there, with a JWKS of all lines or without one, or damaged.
    pub fn put(&self, set: &SetName, place: &str, held: Result<Option<Published>, Unfit>) {
        let mut sets = self.write();
        let kept = sets.entry(set.clone()).or_default();
        let before = kept.places.entry(place.to_owned()).or_default();
        match held {
            Ok(good) => {
                let changed = before.good.as_ref().map(|jwks| &jwks.tag) != good.as_ref().map(|jwks| &jwks.tag);
                if let (true, Some(jwks)) = (changed, &good) {
                    tracing::info!(%set, config_map = place, keys = jwks.keys, revision = jwks.revision, "a new JWKS");
                }
                *before = Place { good: good.map(Arc::new), unfit: false, gone: false };
            }
            Err(why) => {
                if !before.unfit {
                    tracing::warn!(%set, config_map = place, %why, "a ConfigMap was edited; what it held before is served");
                }
                before.unfit = true;
                before.gone = false;
            }
        }
        kept.settle();
    }

    /// A ConfigMap is gone. While the resource is there, Keyturn is about to write it anew, and its last JWKS stays.
    pub fn remove(&self, set: &SetName, place: &str) {
        let mut sets = self.write();
        let Some(kept) = sets.get_mut(set) else { return };
        if let Some(place) = kept.places.get_mut(place) {
            place.gone = true;
        }
        if kept.settle() {
            sets.remove(set);
        }
    }

    /// What the resource says; `None` if there is none any more.
    pub fn describe(&self, set: &SetName, described: Option<Described>) {
        let mut sets = self.write();
        let kept = sets.entry(set.clone()).or_default();
        kept.described = described.map(Arc::new);
        if kept.settle() {
            sets.remove(set);
        }
    }

    fn age(&self, namespace: &str) -> Option<Duration> {
        // A name in a namespace that nobody tells of is unknown as soon as anything is known.
        let covered = self.pulses().iter().any(|(reach, _)| reach.as_deref().is_none_or(|reach| reach == namespace));
        self.age_of(|reach| !covered || reach.is_none_or(|reach| reach == namespace))
    }

    fn age_of(&self, covers: impl Fn(Option<&str>) -> bool) -> Option<Duration> {
        let ages: Option<Vec<Duration>> =
            self.pulses().iter().filter(|(reach, _)| covers(reach.as_deref())).map(|(_, pulse)| pulse.age()).collect();
        ages?.into_iter().max()
    }

    fn pulses(&self) -> MutexGuard<'_, Vec<(Option<String>, Pulse)>> {
        self.pulses.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self) -> RwLockReadGuard<'_, HashMap<SetName, Kept>> {
        self.sets.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashMap<SetName, Kept>> {
        self.sets.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    /// *The* JWKS: the one that holds the most of the lines that the set has now, and of those the newest. A ConfigMap
    /// that the spec named no more is left as it is, and must not win over the one that took its place.
    fn best(&self) -> Option<Arc<Published>> {
        let listed = self.described.as_ref().map(|described| &described.places).filter(|places| !places.is_empty());
        let is_listed = |name: &String| listed.is_none_or(|listed| listed.contains(name));
        let good = |listed_only: bool| -> Vec<(&String, &Arc<Published>)> {
            let all = self.places.iter().filter_map(|(name, place)| Some((name, place.good.as_ref()?)));
            all.filter(|(name, _)| !listed_only || is_listed(name)).collect()
        };
        let mut found = good(true);
        if found.is_empty() {
            found = good(false);
        }
        let newest = found.iter().max_by_key(|(_, jwks)| jwks.revision)?.1;
        let covered = |jwks: &Published| jwks.lines.intersection(&newest.known_lines).count();
        let best = found.iter().max_by_key(|(name, jwks)| (covered(jwks), jwks.revision, std::cmp::Reverse(*name)));
        best.map(|(_, jwks)| Arc::clone(jwks))
    }

    /// Forgets what is gone and will not come back; whether nothing is left.
    fn settle(&mut self) -> bool {
        let stays = self.described.is_some();
        let others = self.places.values().any(|place| !place.gone && place.good.is_some());
        self.places.retain(|_, place| !place.gone || (stays && !others && place.good.is_some()));
        self.described.is_none() && self.places.is_empty()
    }
}

impl Pulse {
    /// The shelf was as its source is at that moment, or later.
    pub fn beat(&self, at: Instant) {
        *self.last() = Some(at);
    }

    /// The same, unless nothing was ever told.
    pub fn beat_again(&self, at: Instant) {
        if let Some(last) = self.last().as_mut() {
            *last = at.max(*last);
        }
    }

    fn age(&self) -> Option<Duration> {
        self.last().map(|last| last.elapsed())
    }

    fn last(&self) -> MutexGuard<'_, Option<Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Display for SetName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.namespace, self.name)
    }
}
