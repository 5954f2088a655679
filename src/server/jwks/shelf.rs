//! Every published set that is known, in memory.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use serde::Deserialize;

use super::lifetime::{Known, Surety};
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
    /// The ConfigMaps that Keyturn keeps for it now, and the `resourceVersion` of each when it was last as it should be, which
    /// is empty before Keyturn says so. `None` where the resource can't be read.
    pub places: Option<BTreeMap<String, String>>,
    /// Kids that must never be served again.
    pub revoked: BTreeSet<String>,
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
    /// There is one, but a key of it was revoked since.
    Revoked,
    /// This.
    Ready(Arc<Published>, Known, Arc<Described>),
}

#[derive(Debug, Default)]
struct Kept {
    places: BTreeMap<String, Place>,
    described: Option<Arc<Described>>,
    /// The ConfigMaps that may be served, by their source's word: anyone who may create one could label it for this set. Where
    /// the source knows which version of it is as it should be, that. It outlives the resource.
    listed: BTreeMap<String, Option<String>>,
}

/// One ConfigMap.
#[derive(Debug, Default)]
struct Place {
    /// What it held when it was last as Keyturn wrote it.
    good: Option<Arc<Published>>,
    /// Its `resourceVersion` then.
    version: Option<String>,
    unfit: bool,
    gone: bool,
}

impl Shelf {
    /// What is known of a set.
    pub fn find(&self, set: &SetName) -> Found {
        let Some(age) = self.age(&set.namespace) else { return Found::Cold };
        let sets = self.read();
        let Some(kept) = sets.get(set) else { return Found::Unknown };
        let Some((name, place, jwks)) = kept.best() else {
            return if kept.places.values().any(|place| place.unfit) {
                Found::Unfit
            } else if kept.usable().next().is_some() {
                Found::Revoked
            } else {
                Found::Unknown
            };
        };
        let described = kept.described.clone().unwrap_or_default();
        let surety = kept.surety(name, place);
        // Of a fact that was just edited the shorter one is the safe one, in either direction.
        let written = jwks.facts.map(|facts| (facts.publish_delay, facts.verifier_cache_ttl));
        let delays = written.into_iter().chain(described.delays).reduce(|a, b| (a.0.min(b.0), a.1.min(b.1)));
        let (publish_delay, verifier_cache_ttl) = delays.unwrap_or_default();
        let known = Known { publish_delay, verifier_cache_ttl, age, surety, changes: described.changes.clone() };
        Found::Ready(Arc::clone(jwks), known, described)
    }

    /// The resource of a set, where it is kept.
    pub fn resource(&self, set: &SetName) -> Option<Arc<JwksKeySet>> {
        self.read().get(set)?.described.as_ref()?.resource.clone()
    }

    /// Whether all is known of the sets of one namespace, or of all.
    pub fn is_warm(&self) -> bool {
        let cold = self.cold();
        self.pulses().iter().any(|(reach, _)| !cold.contains(reach))
    }

    /// The namespaces of which not all was told yet; `None` is all of them.
    pub fn cold(&self) -> BTreeSet<Option<String>> {
        let pulses = self.pulses();
        pulses.iter().filter(|(_, pulse)| pulse.age().is_none()).map(|(reach, _)| reach.clone()).collect()
    }

    /// Whether all was told of a namespace.
    pub fn knows(&self, namespace: &str) -> bool {
        self.age(namespace).is_some()
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

    /// Nobody but Keyturn can have made this ConfigMap: it may be served without a resource that lists it.
    pub fn list(&self, set: &SetName, place: &str) {
        self.write().entry(set.clone()).or_default().listed.insert(place.to_owned(), None);
    }

    /// A ConfigMap is there, with a JWKS of all lines or without one, or damaged.
    pub fn put(&self, set: &SetName, place: &str, version: Option<String>, held: Result<Option<Published>, Unfit>) {
        let mut sets = self.write();
        let kept = sets.entry(set.clone()).or_default();
        let before = kept.places.entry(place.to_owned()).or_default();
        match held {
            Ok(good) => {
                let changed = before.good.as_ref().map(|jwks| &jwks.tag) != good.as_ref().map(|jwks| &jwks.tag);
                if let (true, Some(jwks)) = (changed, &good) {
                    tracing::info!(%set, config_map = place, keys = jwks.keys, revision = jwks.revision, "a new JWKS");
                }
                *before = Place { good: good.map(Arc::new), version, unfit: false, gone: false };
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
        if let Some(places) = described.as_ref().and_then(|described| described.places.as_ref()) {
            kept.listed = places.iter().map(|(name, version)| (name.clone(), Some(version.clone()))).collect();
        }
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
    fn best(&self) -> Option<(&String, &Place, &Arc<Published>)> {
        let revoked = self.described.as_ref().map(|described| &described.revoked);
        let is_revoked = |jwks: &Published| revoked.is_some_and(|revoked| !revoked.is_disjoint(&jwks.kids));
        let found: Vec<_> = self.usable().filter(|(_, _, jwks)| !is_revoked(jwks)).collect();
        let newest = found.iter().max_by_key(|(_, _, jwks)| jwks.revision)?.2;
        let covered = |jwks: &Published| jwks.lines.intersection(&newest.known_lines).count();
        found.into_iter().max_by_key(|(name, _, jwks)| (covered(jwks), jwks.revision, std::cmp::Reverse(*name)))
    }

    /// What is, or was, whole, among the ConfigMaps that are listed.
    fn usable(&self) -> impl Iterator<Item = (&String, &Place, &Arc<Published>)> {
        let listed = self.places.iter().filter(|(name, _)| self.listed.contains_key(*name));
        listed.filter_map(|(name, place)| Some((name, place, place.good.as_ref()?)))
    }

    fn surety(&self, name: &String, place: &Place) -> Surety {
        if place.unfit || place.gone {
            return Surety::Overdue;
        }
        match self.listed.get(name) {
            Some(Some(version)) if place.version.as_ref() != Some(version) => Surety::Unseen,
            _ => Surety::Whole,
        }
    }

    /// Forgets what is gone and will not come back; whether nothing is left.
    fn settle(&mut self) -> bool {
        let stays = self.described.is_some();
        let others = self.usable().any(|(_, place, _)| !place.gone);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn set() -> SetName {
        SetName { namespace: "iam".to_owned(), name: "auth".to_owned() }
    }

    fn jwks(kid: &str, revision: u64) -> Published {
        Published {
            body: kid.to_owned().into(),
            tag: format!("{kid}{revision}"),
            signing: Vec::new(),
            keys: 1,
            kids: BTreeSet::from([kid.to_owned()]),
            facts: None,
            revision,
            lines: BTreeSet::new(),
            known_lines: BTreeSet::new(),
        }
    }

    fn put(shelf: &Shelf, place: &str, version: &str, jwks: Published) {
        shelf.put(&set(), place, Some(version.to_owned()), Ok(Some(jwks)));
    }

    fn listing(places: &[(&str, &str)], revoked: &[&str]) -> Described {
        let places = places.iter().map(|(name, version)| ((*name).to_owned(), (*version).to_owned())).collect();
        let revoked = revoked.iter().map(|kid| (*kid).to_owned()).collect();
        Described { places: Some(places), revoked, ..Described::default() }
    }

    fn warm() -> Shelf {
        let shelf = Shelf::default();
        shelf.pulse(None).beat(Instant::now());
        shelf
    }

    /// What is found, in a word or two.
    fn found(shelf: &Shelf) -> String {
        match shelf.find(&set()) {
            Found::Ready(jwks, known, _) => format!("{} {:?}", String::from_utf8_lossy(&jwks.body), known.surety),
            Found::Cold => "cold".to_owned(),
            Found::Unknown => "unknown".to_owned(),
            Found::Unfit => "unfit".to_owned(),
            Found::Revoked => "revoked".to_owned(),
        }
    }

    #[test]
    fn a_config_map_that_nobody_lists_is_never_served() {
        let shelf = warm();
        put(&shelf, "forged", "1", jwks("forged", 9));
        assert_eq!(found(&shelf), "unknown", "there is no resource");
        shelf.describe(&set(), Some(listing(&[("auth-jwks", "2")], &[])));
        assert_eq!(found(&shelf), "unknown", "what is listed is not there");
        put(&shelf, "auth-jwks", "2", jwks("own", 1));
        assert_eq!(found(&shelf), "own Whole");
        shelf.describe(&set(), Some(Described::default()));
        assert_eq!(found(&shelf), "own Whole", "the resource can't be read");
        shelf.describe(&set(), None);
        assert_eq!(found(&shelf), "own Whole", "the resource is gone, and what it published stays");
        shelf.remove(&set(), "auth-jwks");
        assert_eq!(found(&shelf), "unknown");
    }

    #[test]
    fn a_directory_needs_no_resource() {
        let shelf = warm();
        shelf.list(&set(), "auth-jwks");
        shelf.put(&set(), "auth-jwks", None, Ok(Some(jwks("own", 1))));
        assert_eq!(found(&shelf), "own Whole");
    }

    #[test]
    fn what_keyturn_has_not_seen_is_not_sure() {
        let shelf = warm();
        shelf.describe(&set(), Some(listing(&[("auth-jwks", "")], &[])));
        put(&shelf, "auth-jwks", "1", jwks("own", 1));
        assert_eq!(found(&shelf), "own Unseen", "no status yet");
        shelf.describe(&set(), Some(listing(&[("auth-jwks", "1")], &[])));
        assert_eq!(found(&shelf), "own Whole");
        put(&shelf, "auth-jwks", "2", jwks("forged", 1));
        assert_eq!(found(&shelf), "forged Unseen");
        shelf.put(&set(), "auth-jwks", Some("3".to_owned()), Err(Unfit::Edited));
        assert_eq!(found(&shelf), "forged Overdue");
        put(&shelf, "auth-jwks", "1", jwks("own", 1));
        shelf.remove(&set(), "auth-jwks");
        assert_eq!(found(&shelf), "own Overdue", "the ConfigMap is about to be written anew");
    }

    #[test]
    fn a_revoked_key_is_not_served() {
        let shelf = warm();
        put(&shelf, "auth-jwks", "1", jwks("own", 1));
        shelf.describe(&set(), Some(listing(&[("auth-jwks", "1"), ("other", "1")], &["own"])));
        assert_eq!(found(&shelf), "revoked");
        put(&shelf, "other", "1", jwks("next", 2));
        assert_eq!(found(&shelf), "next Whole");
    }

    #[test]
    fn one_namespace_that_is_not_told_of_leaves_the_others_warm() {
        let shelf = Shelf::default();
        let [iam, _web] = ["iam", "web"].map(|namespace| shelf.pulse(Some(namespace)));
        assert!(!shelf.is_warm());
        iam.beat(Instant::now());
        assert!(shelf.is_warm() && shelf.knows("iam") && !shelf.knows("web"));
        assert_eq!(shelf.cold(), BTreeSet::from([Some("web".to_owned())]));
    }
}
