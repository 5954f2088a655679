//! What will happen to a key set, new or alive, and when: the real plan of each moment, carried out in virtual time on
//! outputs in memory. Pure.

mod known;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;

pub use known::{Known, KnownKey};

use crate::api::ImportRole;
use crate::jose::Algorithm;
use crate::keyring::{Keyring, MacKey, Marks, Phase, Time};
use crate::lifecycle::plan::{Ahead, Change, MintAs, Plan, Waiting, plan};
use crate::lifecycle::policy::{Import, Line, Output, OutputId, Policy};
use crate::lifecycle::{Found, Mint, Now, Observed, OutputState};
use crate::material::{Certificate, CertificateError, PrivateKey, Serial};
use crate::publish::Roles;

/// How many plans are made before a forecast is cut short.
const MOST_PLANS: usize = 10_000;

/// How many rotations a forecast shows where nobody says how far to look.
const ROTATIONS: usize = 3;

/// How far it looks where no rotation is planned.
const WITHOUT_ROTATION: TimeDelta = TimeDelta::days(100);

/// What takes the place of every private key: nothing but certificates that nobody sees is signed, and nothing written.
#[derive(Clone, Debug)]
pub struct StandIns {
    /// On P-256, for the quickest certificates.
    pub asymmetric: PrivateKey,
    /// Of any size.
    pub symmetric: PrivateKey,
}

/// The life of a set that is never edited from `from` on.
#[derive(Clone, Debug)]
pub struct Forecast {
    /// When the set is applied; of one that lives already, now.
    pub from: Time,
    /// How far the forecast goes.
    pub until: Time,
    /// Whether it goes as far as was asked: one of very many rotations is cut short.
    pub complete: bool,
    /// Every key, by line in the order of the spec, then in the order of minting.
    pub keys: Vec<Life>,
    /// What comes after all that is due at `from`, soonest first.
    pub next: Vec<Ahead>,
    /// What is still to come at the end, soonest first. Its kids are those of `keys`.
    pub ahead: Vec<Ahead>,
}

/// The life of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Life {
    /// Its name in the forecast: the line, `#`, and a number that counts from 1, because no real kid is known beforehand.
    /// A key that lives already has its own.
    pub kid: String,
    /// Its place in the row of its line, from 1.
    pub number: usize,
    /// Its line.
    pub line: Line,
    /// Whether it existed before, and is adopted then (`spec.import`).
    pub adopted: bool,
    /// When it is minted, or adopted.
    pub minted: Time,
    /// Since when all who must know it first can read it.
    pub published: Option<Time>,
    /// Since when its promotion is due but has to wait, and what for.
    pub held: Option<(Time, Waiting)>,
    /// Since when it is the one in use.
    pub active: Option<Time>,
    /// When another one took its place.
    pub retired: Option<Time>,
    /// When it is removed, or discarded if it was never used.
    pub removed: Option<Time>,
}

/// How far to look where nobody says so: three rotations and all that follows from them, or a hundred days where none is
/// planned.
pub fn horizon(policy: &Policy, from: Time) -> Time {
    let Some(third) = (0..ROTATIONS).try_fold(from, |last, _| policy.rotation_due(last)) else {
        return from + WITHOUT_ROTATION;
    };
    let settled = |kind| policy.ahead(kind, &policy.facts) + policy.timing(kind, &policy.facts).retention();
    third + policy.kinds().into_values().map(settled).max().unwrap_or_default() + policy.write_bound
}

/// Carries out every plan from `from` to `until`, of a set that is applied at `from`. It is cut short where very much
/// happens, and where certificates would end past the year 9999.
pub fn forecast(policy: &Policy, stand_ins: &StandIns, from: Time, until: Time) -> Forecast {
    let mut set = InMemory::new(policy, stand_ins);
    let most = if set.adopt(from).is_ok() { MOST_PLANS } else { 0 };
    set.live(most, from, until)
}

/// Carries out every plan from `from` to `until`, of a set that has keys. One that has none is taken to be new.
pub fn forecast_from(policy: &Policy, known: &Known, stand_ins: &StandIns, from: Time, until: Time) -> Forecast {
    if known.keys.is_empty() {
        return forecast(policy, stand_ins, from, until);
    }
    let mut set = InMemory::new(policy, stand_ins);
    set.policy.import = Import::default();
    let is_known = |kid: &&String| known.keys.iter().any(|key| key.kid == **kid);
    set.policy.revoked = policy.revoked.iter().filter(is_known).cloned().collect();
    let begun = set.begin_with(known, from);
    if known.halted {
        return Forecast { from, until, complete: true, keys: set.in_order(), next: Vec::new(), ahead: Vec::new() };
    }
    set.live(if begun.is_ok() { MOST_PLANS } else { 0 }, from, until)
}

/// A key set whose outputs are written in no time.
struct InMemory<'a> {
    policy: Policy,
    stand_ins: &'a StandIns,
    keyring: Keyring,
    outputs: BTreeMap<OutputId, Marks>,
    /// How many keys of each line were made.
    minted: BTreeMap<String, usize>,
    /// Kids that someone confirmed.
    confirmed: BTreeSet<String>,
    living: Vec<Life>,
    ended: Vec<Life>,
}

impl<'a> InMemory<'a> {
    fn new(policy: &Policy, stand_ins: &'a StandIns) -> Self {
        // Revoked kids are those of other keys than the ones that are made here.
        let policy = Policy { revoked: [].into(), ..policy.clone() };
        Self {
            keyring: Keyring::new(MacKey::new([0; MacKey::BYTES]), policy.facts, policy.publisher),
            policy,
            stand_ins,
            outputs: BTreeMap::new(),
            minted: BTreeMap::new(),
            confirmed: BTreeSet::new(),
            living: Vec::new(),
            ended: Vec::new(),
        }
    }

    /// Carries out at most so many plans.
    fn live(mut self, most: usize, from: Time, until: Time) -> Forecast {
        let mut now = from;
        let mut next_of_all = None;
        for _ in 0..most {
            let Plan { next, mints, ahead, wake, steps: _, refused: _, crowded: _ } = self.plan(now);
            if let Some(next) = next {
                if self.carry_out(next, &mints, now).is_err() {
                    break;
                }
                continue;
            }
            self.note_held(&ahead, now);
            let next = next_of_all.get_or_insert_with(|| ahead.clone());
            match wake {
                Some(wake) if wake <= until => now = wake,
                _ => {
                    let next = std::mem::take(next);
                    return Forecast { from, until, complete: true, keys: self.in_order(), next, ahead };
                }
            }
        }
        let ahead = self.plan(now).ahead;
        let next = next_of_all.unwrap_or_else(|| ahead.clone());
        Forecast { from, until: now, complete: false, keys: self.in_order(), next, ahead }
    }

    fn plan(&self, now: Time) -> Plan {
        plan(&self.policy, &self.keyring, &self.observed(), Now::new(now, now))
    }

    fn observed(&self) -> Observed {
        let state = |id: &OutputId| match self.outputs.get(id) {
            None => OutputState::Missing,
            Some(marks) => OutputState::Found(Found { marks: marks.clone(), intact: true }),
        };
        Observed {
            outputs: self.policy.outputs.iter().map(Output::id).map(|id| (id.clone(), state(&id))).collect(),
            confirmed: self.confirmed.clone(),
            ..Observed::default()
        }
    }

    fn carry_out(&mut self, next: Keyring, mints: &[Mint], now: Time) -> Result<(), CertificateError> {
        self.keyring = next;
        for mint in mints {
            self.add(mint, now, false);
        }
        self.publish(now)
    }

    /// Keys that exist are there from the beginning, before the first plan, which then has none to wait for. Each entry is
    /// taken to be one key: what the files hold is not known here.
    fn adopt(&mut self, now: Time) -> Result<(), CertificateError> {
        let Import { entries, .. } = std::mem::take(&mut self.policy.import);
        if entries.is_empty() {
            return Ok(());
        }
        for entry in &entries {
            let of_line = || entries.iter().filter(|other| other.line == entry.line);
            let active = of_line()
                .find(|other| other.role == Some(ImportRole::Active))
                .or_else(|| of_line().find(|other| other.role.is_none()));
            let role = MintAs::Active { rotation_due: self.policy.rotation_due(now) };
            self.add(&Mint { line: entry.line.clone(), role }, now, true);
            if active == Some(entry) {
                continue;
            }
            if let Some(key) = self.keyring.keys.last_mut() {
                key.phase = Phase::Retired { active_since: None, retired_since: now, not_before: None };
                key.private = key.private.take().filter(|_| self.policy.publisher.keeps_all_loaded(key.algorithm));
            }
        }
        self.keyring.revision = 1;
        self.publish(now)
    }

    fn add(&mut self, mint: &Mint, now: Time, adopted: bool) {
        let line = mint.line.clone();
        let count = self.minted.entry(line.name.clone()).or_default();
        *count += 1;
        let number = *count;
        let kid = format!("{}#{number}", line.name);
        let private = self.stand_in(line.algorithm);
        let thumbprint = self.keyring.mac_key.thumbprint(private);
        self.keyring.keys.push(mint.key(kid.clone(), private.clone(), thumbprint, now));
        let (published, held, active, retired, removed) = (None, None, None, None, None);
        self.living.push(Life { kid, number, line, adopted, minted: now, published, held, active, retired, removed });
    }

    fn stand_in(&self, algorithm: Algorithm) -> &'a PrivateKey {
        let StandIns { asymmetric, symmetric } = self.stand_ins;
        if algorithm.is_symmetric() { symmetric } else { asymmetric }
    }

    fn publish(&mut self, now: Time) -> Result<(), CertificateError> {
        self.certify()?;
        for output in &self.policy.outputs {
            let roles = Roles::new(output, self.policy.publisher, &self.keyring);
            let marks = roles.marks(&self.keyring, self.outputs.get(&output.id()), now);
            self.outputs.insert(output.id(), marks);
        }
        self.note(now);
        Ok(())
    }

    /// A rotation is due in time before a certificate ends.
    fn certify(&mut self) -> Result<(), CertificateError> {
        let Some(wanted) = &self.policy.certificate else { return Ok(()) };
        for key in self.keyring.keys.iter_mut().filter(|key| key.lacks_certificate()) {
            let times = wanted.times(key.minted, &self.policy.facts).ok_or(CertificateError::Fault)?;
            let (usage, serial) = (key.usage(), Serial::from_octets([0; 20]));
            let made = Certificate::self_signed(&self.stand_ins.asymmetric, usage, &wanted.subject, times, &serial)?;
            key.certificate = Some(made);
        }
        Ok(())
    }

    /// Writes down what has become of every key.
    fn note(&mut self, now: Time) {
        let observed = self.observed();
        for life in &mut self.living {
            let Some(key) = self.keyring.key(&life.kid) else {
                life.removed = Some(now);
                continue;
            };
            life.published = life.published.or_else(|| observed.published(&self.policy, key));
            match key.phase {
                Phase::Standby => {}
                Phase::Active { active_since, .. } => life.active = Some(active_since),
                Phase::Retired { retired_since, .. } => life.retired = Some(retired_since),
            }
        }
        self.ended.extend(self.living.extract_if(.., |life| life.removed.is_some()));
    }

    fn note_held(&mut self, ahead: &[Ahead], now: Time) {
        for Ahead { kid, waiting, .. } in ahead.iter().filter(|ahead| ahead.held && ahead.to == Change::Active) {
            if let Some(life) = self.living.iter_mut().find(|life| Some(&life.kid) == kid.as_ref()) {
                life.held.get_or_insert_with(|| (now, waiting.clone()));
            }
        }
    }

    fn in_order(self) -> Vec<Life> {
        let place = |life: &Life| {
            let line = self.policy.lines.iter().position(|line| line.name == life.line.name);
            (line.unwrap_or(usize::MAX), life.line.name.clone(), life.number)
        };
        let mut lives = [self.ended, self.living].concat();
        lives.sort_by_key(place);
        lives
    }
}
