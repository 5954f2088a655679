//! Those outside: who may use what, and when, at worst. Nothing here knows how the program counts its times.

use std::collections::{BTreeMap, BTreeSet};

use keyturn::jose::Use;
use keyturn::lifecycle::policy::{OutputId, OutputKind};

use super::habits::{FOREVER, History, Ms};

/// From when to when.
pub type Stretch = (Ms, Ms);

/// One state of an output.
pub struct Version {
    pub from: Ms,
    pub to: Ms,
    /// Someone else than an operator brought it about.
    pub by_stranger: bool,
    /// kids of its JWKS.
    pub listed: BTreeSet<String>,
    /// For each line, the key that an honest signer (or sender, where the server publishes) takes.
    pub chosen: BTreeMap<(String, Use), String>,
}

/// An output over time, and when it had readers.
#[derive(Default)]
pub struct Shelf {
    pub versions: Vec<Version>,
    pub readers: Vec<Stretch>,
}

/// What is known of a key by what was committed.
pub struct Known {
    pub number: usize,
    pub line: String,
    pub usage: Use,
    /// Nobody publishes it: whoever uses it loads the Secret.
    pub symmetric: bool,
    pub private: Option<String>,
    pub promoted: Option<Promoted>,
    pub retired: bool,
    /// Revoked, or lost with everything that told of it: what was made with it may fail.
    pub given_up: bool,
}

/// How a key became the active one.
#[derive(Clone, Copy)]
pub struct Promoted {
    pub at: Ms,
    /// When that operator had looked at the outputs.
    pub looked: Ms,
    /// In place of a revoked key: nobody waits for caches.
    pub rushed: bool,
}

pub struct Readers {
    pub habits: History,
    pub shelves: BTreeMap<OutputId, Shelf>,
    /// When verifiers and senders read what the signers' pods publish.
    pub of_pods: Vec<Stretch>,
}

impl Readers {
    /// Begins a new state of an output.
    pub fn turn(&mut self, id: &OutputId, version: Version) {
        let shelf = self.shelves.entry(id.clone()).or_default();
        if let Some(last) = shelf.versions.last_mut() {
            last.to = version.from;
        }
        shelf.versions.push(version);
    }

    /// When someone may sign with, or encrypt to, the key.
    pub fn uses(&self, kid: &str, key: &Known) -> Vec<Stretch> {
        let line = (key.line.clone(), key.usage);
        let chosen = |version: &Version| version.chosen.get(&line).is_some_and(|chosen| chosen == kid);
        match key.usage {
            Use::Sig => self.in_pods(chosen),
            Use::Enc if key.symmetric => self.loaded_and_kept(chosen).into_iter().map(|(stretch, _)| stretch).collect(),
            Use::Enc => {
                let read = self.read_from_maps(|version| version.listed.contains(kid) && !version.by_stranger);
                read.into_iter().chain(self.read_from_pods(chosen)).map(|(stretch, _)| stretch).collect()
            }
        }
    }

    /// When someone may use a state that lacks the key, and so fail to verify or decrypt; with that state.
    pub fn lacks(&self, kid: &str, key: &Known) -> Vec<(Stretch, &Version)> {
        let lacks = |version: &Version| !version.listed.contains(kid) && !Self::is_excused(version, key);
        match key.usage {
            Use::Sig if key.symmetric => self.loaded_and_kept(lacks),
            Use::Sig => {
                let mut lacking = self.read_from_maps(lacks);
                lacking.extend(self.read_from_pods(lacks));
                lacking
            }
            Use::Enc => self.loaded(lacks),
        }
    }

    /// When the last thing that was made with the key is no longer of use to anyone.
    pub fn outlived(&self, stretch: Stretch) -> Ms {
        self.habits.last_end(stretch.0, stretch.1, |habits| habits.lifetime + habits.skew)
    }

    /// What an operator could not know when it decided on the key.
    fn is_excused(version: &Version, key: &Known) -> bool {
        key.promoted.is_some_and(|promoted| {
            (version.by_stranger && version.to > promoted.looked) || (promoted.rushed && version.from < promoted.at)
        })
    }

    fn in_pods(&self, wanted: impl Fn(&Version) -> bool) -> Vec<Stretch> {
        self.loaded(wanted).into_iter().map(|(stretch, _)| stretch).collect()
    }

    /// States of Secrets, from the first pod that loads one to the last that uses it.
    fn loaded(&self, wanted: impl Fn(&Version) -> bool) -> Vec<(Stretch, &Version)> {
        let mut found = Vec::new();
        for (_, shelf) in self.shelves.iter().filter(|(id, _)| id.kind == OutputKind::Secret) {
            for version in shelf.versions.iter().filter(|version| wanted(version)) {
                let used = (version.from, self.after(version.to, |habits| habits.reload));
                found.extend(shelf.readers.iter().filter_map(|readers| Some((common(used, *readers)?, version))));
            }
        }
        found
    }

    /// States of ConfigMaps, from the first read to the end of the last cache.
    fn read_from_maps(&self, wanted: impl Fn(&Version) -> bool) -> Vec<(Stretch, &Version)> {
        let mut found = Vec::new();
        for (_, shelf) in self.shelves.iter().filter(|(id, _)| id.kind == OutputKind::ConfigMap) {
            for version in shelf.versions.iter().filter(|version| wanted(version)) {
                let read = (version.from, self.after(version.to, |habits| habits.publish));
                let reads = shelf.readers.iter().filter_map(|readers| common(read, *readers));
                found.extend(reads.map(|read| (self.cached(read), version)));
            }
        }
        found
    }

    /// The same, where the pods publish what they loaded.
    fn read_from_pods(&self, wanted: impl Fn(&Version) -> bool) -> Vec<(Stretch, &Version)> {
        let loaded = self.loaded(wanted);
        let reads = loaded.into_iter().flat_map(|(loaded, version)| {
            self.of_pods.iter().filter_map(move |readers| Some((common(loaded, *readers)?, version)))
        });
        reads.map(|(read, version)| (self.cached(read), version)).collect()
    }

    /// States of Secrets, as someone uses them who loads a shared key and keeps it like a verifier.
    fn loaded_and_kept(&self, wanted: impl Fn(&Version) -> bool) -> Vec<(Stretch, &Version)> {
        let loaded = self.loaded(wanted);
        loaded.into_iter().map(|(loaded, version)| (self.cached(loaded), version)).collect()
    }

    fn cached(&self, read: Stretch) -> Stretch {
        (read.0, self.habits.last_end(read.0, read.1, |habits| habits.cache))
    }

    fn after(&self, change: Ms, lag: impl Fn(super::habits::Habits) -> Ms) -> Ms {
        if change >= FOREVER { FOREVER } else { change + lag(self.habits.at(change)) }
    }
}

fn common(one: Stretch, other: Stretch) -> Option<Stretch> {
    let both = (one.0.max(other.0), one.1.min(other.1));
    (both.0 <= both.1).then_some(both)
}
