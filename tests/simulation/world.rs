//! The store, the clocks and everyone who reads: all that is not the program.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use chrono::TimeDelta;
use keyturn::jose::Use;
use keyturn::keyring::{Keyring, Publisher, Time};
use keyturn::lifecycle::policy::{OutputId, OutputKind};
use keyturn::lifecycle::{Now, Policy};
use keyturn::publish::{Files, Header};
use keyturn::store::{Place, Snapshot, Stored, StoredKeyring};
use serde_json::Value;

use super::habits::{FOREVER, Habits, History, Ms};
use super::readers::{Known, Readers, Version};
use super::sabotage::Sabotage;

/// The bound on one write that the store states, and keeps.
pub const W: Ms = 60_000;

/// How much of the story a failure tells.
const TOLD: usize = 120;

/// 2026-01-01T00:00:00Z.
const BEGINNING: i64 = 1_767_225_600_000;

/// What is in an output's place.
#[derive(Clone)]
pub struct Object {
    pub version: u64,
    pub foreign: bool,
    pub header: Option<Header>,
    pub files: Files,
    pub dressed: bool,
}

/// A write on its way.
#[derive(Clone)]
pub struct Write {
    pub what: What,
    /// The state it goes over; none where it creates.
    pub seen: Option<u64>,
    /// When the operator that sends it had looked.
    pub looked: Ms,
    /// What it was asked for by then.
    pub asked: Asked,
}

#[derive(Clone)]
pub enum What {
    Keyring(Box<Keyring>),
    Output { id: OutputId, files: Files, header: Header },
}

/// What of a request the rules need.
#[derive(Clone, Default)]
pub struct Asked {
    pub lines: BTreeSet<(String, Use)>,
    pub confirm: bool,
    pub paused: bool,
    pub accepted_loss: Option<u64>,
    pub remembered: bool,
}

/// What a committed keyring said.
pub struct Decided {
    pub publisher: Publisher,
    pub active: BTreeSet<String>,
    pub standby: BTreeSet<String>,
}

pub struct World {
    pub now: Ms,
    /// How far the clocks are off: the operators' and the API server's.
    pub off: [Ms; 3],
    pub sabotage: Sabotage,
    pub keyring: Option<(Keyring, u64)>,
    pub objects: BTreeMap<OutputId, Object>,
    pub on_the_way: Vec<(Ms, Write)>,
    pub writes: usize,
    counter: u64,

    pub readers: Readers,
    pub keys: BTreeMap<String, Known>,
    pub decided: BTreeMap<u64, Decided>,
    /// The spec.
    pub policy: Policy,
    /// The facts of the spec that no keyring has taken over yet.
    pub awaited: Option<Habits>,
    /// The last keyring before it was lost or set back; gone with the next commit.
    pub damaged: Option<Keyring>,
    pub damaged_at: Ms,
    /// Kids that are revoked, and the first revision that says so.
    pub revoked: BTreeMap<String, u64>,
    pub confirmed: BTreeSet<String>,

    story: VecDeque<(Ms, String)>,
    pub violation: Option<String>,
}

impl World {
    pub fn new(habits: Habits, policy: Policy, sabotage: Sabotage) -> Self {
        let shelves = BTreeMap::new();
        Self {
            now: BEGINNING,
            off: [0; 3],
            sabotage,
            keyring: None,
            objects: BTreeMap::new(),
            on_the_way: Vec::new(),
            writes: 0,
            counter: 0,
            readers: Readers { habits: History::new(sabotage.real(habits)), shelves, of_pods: Vec::new() },
            keys: BTreeMap::new(),
            decided: BTreeMap::new(),
            policy,
            awaited: None,
            damaged: None,
            damaged_at: 0,
            revoked: BTreeMap::new(),
            confirmed: BTreeSet::new(),
            story: VecDeque::new(),
            violation: None,
        }
    }

    pub fn tell(&mut self, what: impl AsRef<str>) {
        if self.story.len() == TOLD {
            self.story.pop_front();
        }
        self.story.push_back((self.now, what.as_ref().to_owned()));
    }

    /// The last of the story, with short names for the keys.
    pub fn told(&self) -> String {
        self.story.iter().map(|line| self.line(line)).collect::<Vec<_>>().join("\n")
    }

    fn line(&self, (at, what): &(Ms, String)) -> String {
        let named = |what: String, (kid, key): (&String, &Known)| what.replace(kid, &format!("K{}", key.number));
        let what = self.keys.iter().fold(what.clone(), named);
        format!("{} {what}", moment(*at).format("%m-%d %H:%M:%S%.3f"))
    }

    /// Something that must never be. The first one counts.
    pub fn violate(&mut self, what: impl AsRef<str>) {
        self.tell(format!("VIOLATION {}", what.as_ref()));
        if self.violation.is_none() {
            self.violation = self.story.back().map(|line| self.line(line));
        }
    }

    /// What an operator's clocks say.
    pub fn clock(&self, operator: usize) -> Now {
        Now::new(moment(self.now + self.off[operator]), moment(self.now + self.off[2]))
    }

    /// The true time at which an operator's earlier clock shows that time.
    pub fn when(&self, operator: usize, shown: Time) -> Ms {
        shown.timestamp_millis() - self.off[operator].min(self.off[2])
    }

    pub fn advance(&mut self, duration: Ms) {
        let until = self.now + duration;
        while let Some(next) = self.next_landing(until) {
            let (at, write) = self.on_the_way.swap_remove(next);
            self.now = self.now.max(at);
            let landed = self.land(&write).is_some();
            self.tell(format!("a late write {}", if landed { "lands" } else { "finds a conflict" }));
        }
        self.now = until;
    }

    fn next_landing(&self, until: Ms) -> Option<usize> {
        let due = self.on_the_way.iter().enumerate().filter(|(_, (at, _))| *at <= until);
        due.min_by_key(|(_, (at, _))| *at).map(|(index, _)| index)
    }

    pub fn snapshot(&self, outputs: &[OutputId]) -> Snapshot {
        let keyring = self.keyring.as_ref().map(|(keyring, version)| StoredKeyring {
            keyring: keyring.clone(),
            version: named(*version),
            dressed: true,
            seal_due: None,
        });
        let hidden = self.sabotage.forgets_outputs && keyring.is_none();
        let place = |id: &OutputId| match self.objects.get(id) {
            None => Place::Empty,
            Some(_) if hidden => Place::Empty,
            Some(object) if object.foreign => Place::Foreign,
            Some(Object { version, foreign: _, header, files, dressed }) => Place::Ours(Stored {
                version: named(*version),
                header: header.as_ref().map(|header| self.forged(id, header, files)),
                files: files.clone(),
                dressed: *dressed && !self.sabotage.restless,
            }),
        };
        let outputs = outputs.iter().map(|id| (id.clone(), place(id))).collect();
        Snapshot { keyring, outputs, closed: Vec::new() }
    }

    fn forged(&self, id: &OutputId, header: &Header, files: &Files) -> Header {
        let (true, Some((keyring, _))) = (self.sabotage.antedates_marks, &self.keyring) else { return header.clone() };
        let mut marks = header.marks.clone();
        for mark in marks.values_mut() {
            let earlier = |time: Time| time - TimeDelta::days(30);
            mark.held = mark.held.map(earlier);
            mark.inactive = mark.inactive.map(earlier);
        }
        let mut as_then = keyring.clone();
        as_then.revision = header.revision;
        Header::new(id, files, header.inputs.clone(), &as_then, marks).expect("it can be written")
    }

    /// A write arrives. The new version, or none where there is a conflict.
    pub fn land(&mut self, write: &Write) -> Option<u64> {
        let present = match &write.what {
            What::Keyring(_) => self.keyring.as_ref().map(|(_, version)| *version),
            What::Output { id, .. } => self.objects.get(id).map(|object| object.version),
        };
        let blind = self.sabotage.ignores_conflicts || self.sabotage.forgets_outputs && self.damaged.is_some();
        if present != write.seen && !blind {
            return None;
        }
        self.counter += 1;
        self.writes += 1;
        match &write.what {
            What::Keyring(keyring) => {
                self.check_commit(keyring, write);
                self.keyring = Some((keyring.as_ref().clone(), self.counter));
                self.damaged = None;
                self.take_over_habits(keyring);
            }
            What::Output { id, files, header } => {
                self.check_publish(id, files, header);
                let object = Object {
                    version: self.counter,
                    foreign: false,
                    header: Some(header.clone()),
                    files: files.clone(),
                    dressed: true,
                };
                let revision = header.revision;
                self.tell(format!("{} at revision {revision} lands", id.name));
                self.place(id, object, false);
            }
        }
        self.check_tokens();
        Some(self.counter)
    }

    /// Puts something into an output's place.
    pub fn place(&mut self, id: &OutputId, object: Object, by_stranger: bool) {
        let version = self.version(id, Some(&object), by_stranger);
        self.objects.insert(id.clone(), object);
        self.readers.turn(id, version);
    }

    /// Someone else than an operator changes what is in an output's place.
    pub fn tamper(&mut self, id: &OutputId, object: Option<Object>) {
        self.counter += 1;
        match object {
            Some(object) => self.place(id, Object { version: self.counter, ..object }, true),
            None => {
                self.objects.remove(id);
                let version = self.version(id, None, true);
                self.readers.turn(id, version);
            }
        }
        self.note_losses();
        self.check_tokens();
    }

    /// The keyring is deleted, or set back to an older one.
    pub fn damage(&mut self, to: Option<Keyring>) {
        let Some((lost, _)) = self.keyring.take() else { return };
        self.damaged.get_or_insert(lost);
        self.damaged_at = self.now;
        self.counter += 1;
        self.keyring = to.map(|keyring| (keyring, self.counter));
        self.note_losses();
    }

    /// Whether the spec lists the output: what is left of others is not looked at.
    pub fn states(&self, id: &OutputId) -> bool {
        self.policy.outputs.iter().any(|output| output.id() == *id)
    }

    /// A keyring that was lost is there again, as it was once.
    pub fn bring_back(&mut self, keyring: Keyring) {
        self.counter += 1;
        self.keyring = Some((keyring, self.counter));
    }

    /// Nobody remembers that there was a set.
    pub fn begin_anew(&mut self) {
        self.readers.shelves.clear();
        self.readers.of_pods.clear();
        self.keys.values_mut().for_each(|key| key.given_up = true);
    }

    /// Whether a backup has the secret of the digests that count now.
    pub fn is_of_this_keyring(&self, backup: &Keyring) -> bool {
        let secret = |keyring: &Keyring| keyring.mac_key.digest([]);
        self.keyring.as_ref().is_some_and(|(keyring, _)| secret(keyring) == secret(backup))
    }

    /// Keys that nothing tells of any more are beyond help.
    fn note_losses(&mut self) {
        let Some(damaged) = &self.damaged else { return };
        let told = |kid: &str, key: &Known| {
            let in_keyring = self.keyring.as_ref().is_some_and(|(keyring, _)| keyring.key(kid).is_some());
            // Where pods must load a key, its public half is not enough.
            let loaded = key.symmetric || key.usage == Use::Enc || damaged.publisher == Publisher::Signer;
            let counts = |id: &OutputId| self.states(id) && (!loaded || id.kind == OutputKind::Secret);
            let shelves = self.readers.shelves.iter().filter(|(id, _)| counts(id));
            let mut versions = shelves.filter_map(|(_, shelf)| shelf.versions.last());
            in_keyring || versions.any(|version| !version.by_stranger && version.listed.contains(kid))
        };
        let lost: Vec<String> =
            self.keys.iter().filter(|(kid, key)| !told(kid, key)).map(|(kid, _)| kid.clone()).collect();
        for kid in lost {
            if let Some(key) = self.keys.get_mut(&kid) {
                key.given_up = true;
            }
        }
    }

    fn version(&self, id: &OutputId, object: Option<&Object>, by_stranger: bool) -> Version {
        let listed = object.filter(|object| !object.foreign).map(|object| kids(&object.files)).unwrap_or_default();
        let mut chosen = BTreeMap::new();
        let decided =
            object.and_then(|object| object.header.as_ref()).and_then(|head| self.decided.get(&head.revision));
        if let (OutputKind::Secret, Some(decided)) = (id.kind, decided) {
            let mut lines = BTreeSet::new();
            for kid in &listed {
                let Some(key) = self.keys.get(kid) else { continue };
                // The first of its line, once it is active: until then the line has nothing to sign with.
                if lines.insert((key.line.clone(), key.usage)) && decided.active.contains(kid) {
                    chosen.insert((key.line.clone(), key.usage), kid.clone());
                }
            }
        }
        Version { from: self.now, to: FOREVER, by_stranger, listed: listed.into_iter().collect(), chosen }
    }

    /// Longer facts are lived by once a keyring has them, shorter ones from the edit on.
    fn take_over_habits(&mut self, keyring: &Keyring) {
        let stated = keyring.facts.stated().map(|facts| Habits {
            publish: facts.publish_delay.num_milliseconds(),
            cache: facts.verifier_cache_ttl.num_milliseconds(),
            reload: facts.signer_reload_delay.num_milliseconds(),
            lifetime: facts.max_token_lifetime.num_milliseconds(),
            skew: facts.clock_skew.num_milliseconds(),
        });
        if let Some(awaited) = self.awaited.filter(|awaited| Some(*awaited) == stated) {
            self.readers.habits.change(self.now, self.sabotage.real(awaited));
            self.awaited = None;
        }
    }

    /// Invariant 1, for everyone who keeps the facts.
    pub fn check_tokens(&mut self) {
        let mut found = None;
        for (kid, key) in self.keys.iter().filter(|(_, key)| !key.given_up && key.promoted.is_some()) {
            let uses = self.readers.uses(kid, key);
            if uses.is_empty() {
                continue;
            }
            for (lack, version) in self.readers.lacks(kid, key) {
                let hit = uses.iter().find(|used| lack.0 < self.readers.outlived(**used) && lack.1 > used.0);
                if let Some(used) = hit {
                    let time = |at: Ms| if at >= FOREVER { "ever".to_owned() } else { moment(at).to_rfc3339() };
                    found = Some(format!(
                        "invariant 1: {kid} of {} is used from {} to {} (valid until {}), and from {} to {} someone may use a \
                         state without it, which was there from {} to {}",
                        key.line,
                        time(used.0),
                        time(used.1),
                        time(self.readers.outlived(*used)),
                        time(lack.0),
                        time(lack.1),
                        time(version.from),
                        time(version.to),
                    ));
                }
            }
        }
        if let Some(found) = found {
            self.violate(found);
        }
    }
}

pub fn moment(ms: Ms) -> Time {
    Time::from_timestamp_millis(ms).expect("within centuries")
}

pub fn named(version: u64) -> keyturn::store::Version {
    keyturn::store::Version(version.to_string())
}

/// The kids of an output's JWKS, in their order.
pub fn kids(files: &Files) -> Vec<String> {
    jwks(files).iter().filter_map(|jwk| jwk.get("kid")?.as_str().map(str::to_owned)).collect()
}

pub fn jwks(files: &Files) -> Vec<Value> {
    let parsed: Option<Value> = files.get("jwks.json").and_then(|bytes| serde_json::from_slice(bytes).ok());
    parsed.and_then(|set| set.get("keys")?.as_array().cloned()).unwrap_or_default()
}
