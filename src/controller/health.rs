//! Whether the operator is alive, and whether it may do its work: what the probes of its pod are answered.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::lease::Standing;

/// How often the loop that starts passes shows that it moves.
pub(super) const BEAT: Duration = Duration::from_secs(5);

/// A loop that has not moved for this long never will again.
const DEAD: Duration = Duration::from_secs(60);

/// What is known of the operator's parts. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Health(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    beat: Option<Instant>,
    watches: Vec<Watch>,
    standing: Standing,
}

#[derive(Debug)]
struct Watch {
    of: String,
    namespace: Option<String>,
    whole: bool,
    ended: bool,
    interruption: Option<String>,
}

/// The part of one watch in it.
#[derive(Clone, Debug)]
pub(super) struct Watching {
    health: Health,
    place: usize,
}

impl Health {
    /// Why the program should be started anew; nothing if it is alive. An API server that does not answer is no reason.
    pub fn ailments(&self) -> Vec<String> {
        let state = self.state();
        let ended = state.watches.iter().filter(|watch| watch.ended).map(|watch| {
            let why = watch.interruption.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
            format!("the watch of {} has ended{why}", watch.of)
        });
        let still = state.beat.map(|beat| beat.elapsed()).filter(|still| *still >= DEAD);
        let still = still.map(|still| format!("the loop that starts passes has not moved for {} s", still.as_secs()));
        ended.chain(still).collect()
    }

    /// What the operator waits for before it does its work, or takes over from the one that leads; nothing if it may.
    pub fn waits_for(&self) -> Vec<String> {
        let state = self.state();
        if state.watches.is_empty() {
            return vec!["the API server has not yet listed JwksKeySets".to_owned()];
        }
        // Of several namespaces one is enough: a new process would know no more of the others.
        let cold = state.watches.iter().filter(|watch| !watch.whole);
        let none = state.namespaces().all(|namespace| state.is_cold(namespace));
        let cold = cold.filter(|watch| watch.namespace.is_none() || none).map(Watch::is_waited_for);
        let lease = match &state.standing {
            Standing::Alone | Standing::Leads | Standing::StandsBy { .. } => None,
            Standing::Unknown { why } => Some(format!("nobody is known to hold the lease: {why}")),
        };
        cold.chain(lease).collect()
    }

    /// What it does its work without: namespaces that it can't read yet.
    pub fn lacks(&self) -> Vec<String> {
        let state = self.state();
        state.watches.iter().filter(|watch| !watch.whole).map(Watch::is_waited_for).collect()
    }

    /// The loop that starts passes moves.
    pub(super) fn beats(&self) {
        self.state().beat = Some(Instant::now());
    }

    /// Who leads.
    pub(super) fn stands(&self, standing: Standing) {
        self.state().standing = standing;
    }

    /// One more watch.
    pub(super) fn watch(&self, of: String) -> Watching {
        self.watch_of(of, None)
    }

    /// One more watch, of a namespace or of all.
    pub(super) fn watch_of(&self, of: String, namespace: Option<String>) -> Watching {
        let mut state = self.state();
        state.watches.push(Watch { of, namespace, whole: false, ended: false, interruption: None });
        Watching { health: self.clone(), place: state.watches.len() - 1 }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn namespaces(&self) -> impl Iterator<Item = &String> {
        self.watches.iter().filter_map(|watch| watch.namespace.as_ref())
    }

    fn is_cold(&self, namespace: &String) -> bool {
        self.watches.iter().any(|watch| watch.namespace.as_ref() == Some(namespace) && !watch.whole)
    }
}

impl Watch {
    fn is_waited_for(&self) -> String {
        let why = self.interruption.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
        let place = self.namespace.as_ref().map(|namespace| format!(" of namespace {namespace}")).unwrap_or_default();
        format!("{}{place} are not all listed yet{why}", self.of)
    }
}

impl Watching {
    /// All objects were listed.
    pub(super) fn is_whole(&self) {
        self.change(|watch| {
            watch.whole = true;
            watch.interruption = None;
        });
    }

    /// Something was told.
    pub(super) fn moves(&self) {
        self.change(|watch| watch.interruption = None);
    }

    /// It tries again. Where what it watches is gone, it must be listed anew first.
    pub(super) fn is_interrupted(&self, why: String, gone: bool) {
        self.change(|watch| {
            watch.whole &= !gone;
            watch.interruption = Some(why);
        });
    }

    /// It will tell nothing more.
    pub(super) fn has_ended(&self) {
        self.change(|watch| watch.ended = true);
    }

    fn change(&self, change: impl FnOnce(&mut Watch)) {
        if let Some(watch) = self.health.state().watches.get_mut(self.place) {
            change(watch);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_when_every_watch_has_listed_and_somebody_leads() {
        let health = Health::default();
        assert_eq!(health.waits_for(), ["the API server has not yet listed JwksKeySets"]);
        let (sets, maps) = (health.watch("jwkskeysets".to_owned()), health.watch("configmaps".to_owned()));
        sets.is_whole();
        maps.is_interrupted("nobody answers".to_owned(), false);
        assert_eq!(health.waits_for(), ["configmaps are not all listed yet: nobody answers"]);
        maps.is_whole();
        assert_eq!(health.waits_for(), [""; 0]);
        maps.is_interrupted("nobody answers".to_owned(), false);
        assert_eq!(health.waits_for(), [""; 0], "what is known stays known");
        sets.is_interrupted("there is no such resource".to_owned(), true);
        assert_eq!(health.waits_for(), ["jwkskeysets are not all listed yet: there is no such resource"]);
        sets.is_whole();
        health.stands(Standing::Unknown { why: "it can't be read".to_owned() });
        assert_eq!(health.waits_for(), ["nobody is known to hold the lease: it can't be read"]);
        health.stands(Standing::StandsBy { leader: "the other".to_owned() });
        assert_eq!((health.waits_for(), health.ailments()), (Vec::new(), Vec::new()));
    }

    #[test]
    fn ready_when_one_of_several_namespaces_is_listed() {
        let health = Health::default();
        let [iam, web] = ["iam", "web"].map(|one| health.watch_of("jwkskeysets".to_owned(), Some(one.to_owned())));
        web.is_interrupted("403".to_owned(), false);
        assert_eq!(health.waits_for().len(), 2);
        iam.is_whole();
        assert_eq!(health.waits_for(), [""; 0]);
        assert_eq!(health.lacks(), ["jwkskeysets of namespace web are not all listed yet: 403"]);
        web.is_whole();
        assert_eq!(health.lacks(), [""; 0]);
    }

    #[test]
    fn alive_until_a_watch_ends_or_the_loop_stands_still() {
        let health = Health::default();
        let sets = health.watch("jwkskeysets".to_owned());
        health.beats();
        sets.is_interrupted("nobody answers".to_owned(), false);
        assert_eq!(health.ailments(), [""; 0], "an API server that is away is no reason to start anew");
        health.state().beat = Instant::now().checked_sub(DEAD);
        assert_eq!(health.ailments(), ["the loop that starts passes has not moved for 60 s"]);
        health.beats();
        sets.has_ended();
        assert_eq!(health.ailments(), ["the watch of jwkskeysets has ended: nobody answers"]);
    }
}
