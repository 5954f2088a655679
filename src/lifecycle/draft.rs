//! A plan in the making: each decision is a small method that records its step and changes the draft.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;

use super::adoption::{self, Offer, Refusal};
use super::clock::Now;
use super::observed::{Acknowledged, Observed, OutputState};
use super::plan::{Ahead, Change, Mint, MintAs, Plan, Step, Waiting, WhyPromote, WhyRetire};
use super::policy::{Line, Output, Policy, Rotation};
use super::{kept, kept_private};
use crate::jose::{Algorithm, Use};
use crate::keyring::{Facts, KeptFile, KeptPrivateFile, Key, Keyring, Phase, Revoked, Time};

/// A keyring that decisions are applied to.
pub(super) struct Draft<'a> {
    policy: &'a Policy,
    observed: &'a Observed,
    now: Now,
    facts: Facts,
    keyring: Keyring,
    steps: Vec<Step>,
    mints: Vec<Mint>,
    ahead: Vec<Ahead>,
    /// When to look again, beside what is told in `ahead`.
    looks: Vec<Time>,
    /// Lines whose active key was revoked in this pass.
    bereft: Vec<(String, Use)>,
    /// Lines that wait for the keys they are to adopt.
    waiting: BTreeSet<String>,
    refused: Vec<Refusal>,
}

/// When a standby key may be promoted.
struct Readiness {
    at: Option<Time>,
    waiting: Waiting,
}

impl<'a> Draft<'a> {
    pub(super) fn new(policy: &'a Policy, keyring: &Keyring, observed: &'a Observed, now: Now) -> Self {
        Self {
            policy,
            observed,
            now,
            facts: policy.effective_facts(&keyring.facts, now.earlier),
            keyring: keyring.clone(),
            steps: Vec::new(),
            mints: Vec::new(),
            ahead: Vec::new(),
            looks: Vec::new(),
            bereft: Vec::new(),
            waiting: BTreeSet::new(),
            refused: Vec::new(),
        }
    }

    /// Longer facts count at once, shorter ones one old horizon later.
    pub(super) fn settle(&mut self) {
        if self.keyring.facts.stated() != Some(self.policy.facts) {
            self.keyring.facts = self.keyring.facts.settle(self.policy.facts, self.now.earlier, self.now.later);
            self.steps.push(Step::SettleFacts);
        }
        if self.keyring.publisher != self.policy.publisher {
            self.keyring.publisher = self.policy.publisher;
            self.steps.push(Step::ChangePublisher);
        }
    }

    /// A revoked key is gone at once; its kid and thumbprint are remembered.
    pub(super) fn revoke(&mut self) {
        for kid in &self.policy.revoked {
            if self.keyring.revoked.iter().any(|one| one.kid == *kid) {
                continue;
            }
            let thumbprint = self.keyring.key(kid).map(|key| key.thumbprint);
            if thumbprint.is_none() {
                self.steps.push(Step::Bar { kid: kid.clone() });
            }
            self.keyring.revoked.push(Revoked { kid: kid.clone(), thumbprint, since: self.now.later });
        }
        let keys = std::mem::take(&mut self.keyring.keys);
        let (gone, kept): (Vec<Key>, Vec<Key>) =
            keys.into_iter().partition(|key| self.keyring.is_revoked(&key.kid, &key.thumbprint));
        self.keyring.keys = kept;
        for key in gone {
            if key.is_active() {
                self.bereft.push((key.line.clone(), key.usage()));
            }
            self.steps.push(Step::Revoke { was_used: key.phase != Phase::Standby, kid: key.kid });
            self.keyring.barrier = self.keyring.revision + 1;
        }
    }

    /// Any new value of the annotation makes every line's rotation due.
    pub(super) fn answer_rotate(&mut self) {
        let Some(value) = &self.observed.rotate else { return };
        if self.keyring.rotate_answered.as_ref() == Some(value) {
            return;
        }
        self.keyring.rotate_answered = Some(value.clone());
        for key in &mut self.keyring.keys {
            if let Phase::Active { rotation_asked, .. } = &mut key.phase {
                *rotation_asked = true;
            }
        }
        self.steps.push(Step::AnswerRotate);
    }

    /// A confirmation counts only if the key can have been seen by then, and only as long as no output lost it since.
    pub(super) fn confirm(&mut self) {
        if !self.policy.confirm {
            return;
        }
        let mut confirmed = Vec::new();
        for key in self.keyring.keys.iter().filter(|key| key.phase == Phase::Standby) {
            let seen_from = self.earliest_sight(key);
            let already = key.confirmed.zip(seen_from).is_some_and(|(at, from)| at >= from);
            if already || !self.observed.confirmed.contains(&key.kid) {
                continue;
            }
            match seen_from {
                Some(from) if from <= self.now.earlier => confirmed.push(key.kid.clone()),
                Some(from) => self.looks.push(from),
                None => {}
            }
        }
        for kid in confirmed {
            if let Some(key) = self.keyring.keys.iter_mut().find(|key| key.kid == kid) {
                key.confirmed = Some(self.now.later);
            }
            self.steps.push(Step::Confirm { kid });
        }
    }

    /// Keys that were made before their files needed certificates get one. A new key gets its own when it is made.
    pub(super) fn certify(&mut self) {
        if self.policy.certificate.is_none() {
            return;
        }
        let lacking = self.keyring.keys.iter().filter(|key| key.lacks_certificate());
        self.steps.extend(lacking.map(|key| Step::Certify { kid: key.kid.clone() }));
    }

    /// Lines that begin take over the keys that exist, all of them or none; until they can, they wait.
    pub(super) fn adopt(&mut self) {
        let begun = self.policy.import.statements().keys();
        let due = adoption::waiting_lines(self.policy, &self.keyring);
        for line in begun.filter(|line| !due.contains(*line)) {
            let said = self.policy.import.statements().get(line);
            if self.keyring.imports.get(line) != said {
                self.keyring.imports.extend(said.map(|said| (line.clone(), said.clone())));
                self.steps.push(Step::IgnoreImport { line: line.clone() });
            }
        }
        let Offer::Read(offered) = &self.observed.offer else {
            self.waiting = due;
            return;
        };
        match adoption::adopt(self.policy, &self.keyring, offered, self.now) {
            Ok(keys) => {
                for key in keys {
                    let active = key.is_active();
                    self.steps.push(Step::Adopt { kid: key.kid.clone(), line: key.line.clone(), active });
                    self.keyring.keys.push(key);
                }
                let answered = self.policy.import.statements().iter().filter(|(line, _)| due.contains(*line));
                self.keyring.imports.extend(answered.map(|(line, said)| (line.clone(), said.clone())));
            }
            Err(refused) => {
                self.refused = refused;
                self.waiting = due;
            }
        }
    }

    /// Mints, discards and promotes keys of one line.
    pub(super) fn keep_line(&mut self, line: &Line) {
        if self.waiting.contains(&line.name) {
            return;
        }
        let usage = line.algorithm.usage();
        if self.bereft.contains(&(line.name.clone(), usage)) {
            self.replace_revoked(line);
        }
        self.discard_standby(line, |standby| !is_made_as(standby, line));
        let Some((due, why)) = self.rotation_due(line) else {
            // Never rotates by itself: the standby is there for the day someone asks.
            if self.policy.standby && self.keyring.standby(&line.name, usage).is_none() {
                self.mint_standby(line);
            }
            return;
        };
        if why == WhyPromote::Ends && due <= self.now.earlier {
            // One that is as old as the active key has a certificate that ends as soon.
            self.discard_standby(line, |standby| standby.minted < due);
        }
        match self.keyring.standby(&line.name, usage).cloned() {
            Some(standby) if self.policy.paused && !is_made_as(&standby, line) => self.mint_standby(line),
            Some(standby) => self.promote_when_ready(line, &standby, due, why),
            None if self.first_key_may_sign(line) => self.mint_active(line),
            None => self.mint_in_time(line, due),
        }
    }

    /// Not in a pause, in which no other takes its place: should the active key be revoked, one that is known signs.
    fn discard_standby(&mut self, line: &Line, unwanted: impl Fn(&Key) -> bool) {
        if self.policy.paused {
            return;
        }
        let standby = self.keyring.standby(&line.name, line.algorithm.usage()).filter(|standby| unwanted(standby));
        if let Some(kid) = standby.map(|standby| standby.kid.clone()) {
            self.keyring.keys.retain(|key| key.kid != kid);
            self.steps.push(Step::Discard { kid, line: line.name.clone() });
        }
    }

    /// The active keys of lines that the spec dropped retire, once every line of the spec has one.
    pub(super) fn retire_removed_lines(&mut self) {
        let all_active = self.policy.lines.iter().all(|line| self.has_active(line));
        let dropped: Vec<Key> = self
            .keyring
            .keys
            .iter()
            .filter(|key| self.policy.line(&key.line, key.usage()).is_none() && !key.is_retired())
            .cloned()
            .collect();
        for key in dropped {
            if key.phase == Phase::Standby {
                self.keyring.keys.retain(|other| other.kid != key.kid);
                self.steps.push(Step::Discard { kid: key.kid, line: key.line });
            } else if all_active {
                self.retire(&key.kid, WhyRetire::LineRemoved);
            } else {
                self.ahead.push(Ahead {
                    time: None,
                    kid: Some(key.kid),
                    line: key.line,
                    to: Change::Retired,
                    waiting: Waiting::AddedLines,
                    held: true,
                });
            }
        }
    }

    /// Retired keys go when their retention has passed, counted from what the outputs acknowledged.
    pub(super) fn remove(&mut self) {
        let retired: Vec<Key> = self.keyring.keys.iter().filter(|key| key.is_retired()).cloned().collect();
        for key in retired {
            let time = self.removal(&key);
            if time.is_some_and(|time| time <= self.now.earlier) {
                self.keyring.keys.retain(|other| other.kid != key.kid);
                self.steps.push(Step::Remove { kid: key.kid, line: key.line });
            } else {
                self.ahead.push(Ahead {
                    time,
                    kid: Some(key.kid),
                    line: key.line,
                    to: Change::Removed,
                    waiting: Waiting::Retention,
                    held: false,
                });
            }
        }
    }

    /// Public files that an edit took away stay for what was signed by then.
    pub(super) fn keep_files(&mut self) {
        for one in kept::leaving(&self.observed.former, self.policy, &self.keyring, self.now.later) {
            let kids = one.keys.keys().cloned().collect();
            self.steps.push(Step::Keep { output: kept::output(&one), file: one.file.clone(), kids });
            let same = |known: &&mut KeptFile| {
                (&known.config_map, &known.file, known.form) == (&one.config_map, &one.file, one.form)
            };
            match self.keyring.kept.iter_mut().find(same) {
                Some(known) => known.keys.extend(one.keys),
                None => self.keyring.kept.push(one),
            }
        }
    }

    /// A kept file goes when nobody needs it, and when the spec names it again. Longer facts count for those that are kept already.
    pub(super) fn release_files(&mut self) {
        let mut kept = std::mem::take(&mut self.keyring.kept);
        let (policy, facts, keyring) = (self.policy, &self.facts, &self.keyring);
        let until = |kid: &str, since: Option<Time>| {
            let key = keyring.key(kid)?;
            since?.checked_add_signed(policy.timing(key.algorithm, facts).retention())
        };
        for file in &mut kept {
            let needed =
                |kid: &str, since| kept::is_needed(file, kid, until(kid, since), policy, keyring, self.now.earlier);
            let (stay, gone): (BTreeMap<_, _>, BTreeMap<_, _>) =
                file.keys.clone().into_iter().partition(|(kid, since)| needed(kid, *since));
            self.looks.extend(stay.iter().filter_map(|(kid, since)| until(kid, *since)));
            self.steps.extend(gone.into_keys().map(|kid| Step::Release {
                output: kept::output(file),
                file: file.file.clone(),
                kid,
            }));
            file.keys = stay;
        }
        kept.retain(|file| !file.keys.is_empty());
        self.keyring.kept = kept;
    }

    /// Private files of dropped lines stay for keys that sign on, and for those that must stay loaded.
    pub(super) fn keep_private_files(&mut self) {
        for one in kept_private::leaving(&self.observed.former, self.policy, &self.keyring) {
            let kids = one.keys.iter().cloned().collect();
            self.steps.push(Step::Keep { output: kept_private::output(&one), file: one.file.clone(), kids });
            let same = |known: &&mut KeptPrivateFile| (&known.secret, &known.file) == (&one.secret, &one.file);
            match self.keyring.kept_private.iter_mut().find(same) {
                Some(known) => {
                    known.form = one.form;
                    known.keys.extend(one.keys);
                }
                None => self.keyring.kept_private.push(one),
            }
        }
    }

    /// Such a file goes when nobody needs it, and when the spec has the line again.
    pub(super) fn release_private_files(&mut self) {
        let mut kept = std::mem::take(&mut self.keyring.kept_private);
        for file in &mut kept {
            let needed = |kid: &String| {
                let key = self.keyring.key(kid);
                key.is_some_and(|key| kept_private::is_needed(file, key, self.policy, &self.keyring))
            };
            let (stay, gone): (BTreeSet<_>, BTreeSet<_>) = file.keys.iter().cloned().partition(needed);
            self.steps.extend(gone.into_iter().map(|kid| Step::Release {
                output: kept_private::output(file),
                file: file.file.clone(),
                kid,
            }));
            file.keys = stay;
        }
        kept.retain(|file| !file.keys.is_empty());
        self.keyring.kept_private = kept;
    }

    /// Writes down what is known, drops what nobody needs, and closes the plan.
    pub(super) fn finish(mut self) -> Plan {
        self.ahead.sort_by_key(|ahead| (ahead.time.is_none(), ahead.time));
        let wake = self
            .ahead
            .iter()
            .filter_map(|ahead| ahead.time)
            .chain(self.keyring.facts.next_expiry(self.now.earlier))
            .chain(self.looks.iter().copied())
            .filter(|time| *time > self.now.earlier)
            .min();
        let crowded = kept_private::crowded(self.policy, &self.keyring);
        // A set that is to begin with keys that exist does not begin without them.
        if self.steps.is_empty() || self.keyring.revision == 0 && !self.waiting.is_empty() {
            let (steps, mints) = (Vec::new(), Vec::new());
            return Plan { steps, mints, next: None, ahead: self.ahead, wake, refused: self.refused, crowded };
        }
        let written: Vec<Option<Time>> = self.keyring.keys.iter().map(|key| self.removal(key)).collect();
        for (key, removal) in self.keyring.keys.iter_mut().zip(written) {
            if let Phase::Retired { not_before, .. } = &mut key.phase {
                *not_before = (*not_before).max(removal);
            }
        }
        self.keyring.revision += 1;
        let Self { steps, mints, keyring, ahead, refused, .. } = self;
        Plan { steps, mints, next: Some(keyring), ahead, wake, refused, crowded }
    }

    /// In place of a revoked key the standby signs at once, and without one a new key does.
    fn replace_revoked(&mut self, line: &Line) {
        match self.keyring.standby(&line.name, line.algorithm.usage()).map(|key| key.kid.clone()) {
            Some(kid) => self.promote(&kid, line, WhyPromote::Revoked),
            None => self.mint_active(line),
        }
    }

    /// When the next promotion of a line is due, and why; `None` where none is planned.
    fn rotation_due(&self, line: &Line) -> Option<(Time, WhyPromote)> {
        let now = self.now.earlier;
        let Some(active) = self.keyring.active(&line.name, line.algorithm.usage()) else {
            // A key that is minted as active in this very pass has its standby minted beside it.
            let minted = self.mints.iter().find(|mint| mint.line == *line);
            return match minted.map(|mint| mint.role) {
                Some(MintAs::Active { rotation_due }) => rotation_due.map(|due| (due, WhyPromote::Due)),
                _ => Some((now, WhyPromote::First)),
            };
        };
        let Phase::Active { active_since, rotation_due, rotation_asked } = &active.phase else { return None };
        if !is_made_as(active, line) {
            return Some((now, WhyPromote::Changed));
        }
        if *rotation_asked {
            return Some((now, WhyPromote::Asked));
        }
        let due = match self.policy.rotation {
            Rotation::Never => None,
            Rotation::Interval(_) | Rotation::Schedule(_) => {
                rotation_due.or_else(|| self.policy.rotation_due(*active_since))
            }
        };
        match due {
            Some(due) => Some((due, WhyPromote::Due)),
            // The policy sees to it that other keys are gone long before their certificates end.
            None => self.certificate_change(active).map(|due| (due, WhyPromote::Ends)),
        }
    }

    /// When a key that never rotates by itself has to make way, so that its certificate, or its `exp` where it can have none,
    /// does not end before what it signed, with time for the next one's lead.
    fn certificate_change(&self, key: &Key) -> Option<Time> {
        let validity = match &key.certificate {
            Some(certificate) => certificate.validity().ok()?,
            None if self.policy.jwk.exp.is_some() && !key.spec.key_kind().can_sign_certificates() => {
                self.policy.certificate.as_ref()?.times(key.minted, &self.policy.facts)?
            }
            None => return None,
        };
        let retention = self.policy.timing(key.algorithm, &self.facts).retention();
        let last = validity.not_after - retention - self.policy.ahead(key.algorithm, &self.facts) * 2;
        // Longer facts may count for a while: no key makes way before half of its certificate's time.
        Some(last.max(validity.not_before + (validity.not_after - validity.not_before) / 2))
    }

    /// A key may sign at once only where nothing can be cached: no output of the set was ever there, nor is there an issuer
    /// whose keys are imported.
    fn first_key_may_sign(&self, line: &Line) -> bool {
        self.keyring.revision == 0
            && self.policy.import.entries.is_empty()
            && line.algorithm.usage() == Use::Sig
            && !self.policy.paused
            && !self.mints.iter().any(|mint| mint.line == *line)
            && self.observed.outputs.values().all(|state| *state == OutputState::Missing)
    }

    fn promote_when_ready(&mut self, line: &Line, standby: &Key, due: Time, why: WhyPromote) {
        let Readiness { at, waiting } = self.readiness(standby);
        let time = at.map(|at| at.max(due));
        if !self.policy.paused && time.is_some_and(|time| time <= self.now.earlier) {
            self.promote(&standby.kid, line, why);
            if self.policy.standby {
                self.mint_standby(line);
            }
            return;
        }
        let is_due = due <= self.now.earlier;
        let waiting = if self.policy.paused {
            Waiting::Pause
        } else if !is_due && at.is_some_and(|at| at <= due) {
            Waiting::Rotation
        } else {
            waiting
        };
        let time = if self.policy.paused { None } else { time };
        if time.is_none() {
            // From then on the promotion is held, and someone must be told.
            self.looks.push(due);
        }
        self.ahead.push(Ahead {
            time,
            kid: Some(standby.kid.clone()),
            line: line.name.clone(),
            to: Change::Active,
            waiting,
            held: is_due,
        });
    }

    fn mint_in_time(&mut self, line: &Line, due: Time) {
        let lead = self.policy.ahead(line.algorithm, &self.facts);
        let mint_at = due - lead - self.confirmation_time(line.algorithm);
        if self.policy.standby || mint_at <= self.now.earlier {
            self.mint_standby(line);
        } else {
            self.ahead.push(Ahead {
                time: Some(mint_at),
                kid: None,
                line: line.name.clone(),
                to: Change::Minted,
                waiting: Waiting::Rotation,
                held: false,
            });
        }
    }

    fn mint_standby(&mut self, line: &Line) {
        if self.mints.iter().any(|mint| mint.line == *line && mint.role == MintAs::Standby) {
            return;
        }
        if self.policy.paused {
            let paused = Ahead {
                time: None,
                kid: None,
                line: line.name.clone(),
                to: Change::Minted,
                waiting: Waiting::Pause,
                held: false,
            };
            if !self.ahead.contains(&paused) {
                self.ahead.push(paused);
            }
            return;
        }
        self.steps.push(Step::Mint { line: line.name.clone(), active: false });
        self.mints.push(Mint { line: line.clone(), role: MintAs::Standby });
    }

    fn mint_active(&mut self, line: &Line) {
        let rotation_due = self.policy.rotation_due(self.now.later);
        self.steps.push(Step::Mint { line: line.name.clone(), active: true });
        self.mints.push(Mint { line: line.clone(), role: MintAs::Active { rotation_due } });
        if self.policy.standby {
            self.mint_standby(line);
        }
    }

    /// The promotion and the retirement of the one before are one step.
    fn promote(&mut self, kid: &str, line: &Line, why: WhyPromote) {
        let replaced = self.keyring.active(&line.name, line.algorithm.usage()).map(|key| key.kid.clone());
        let rotation_due = self.policy.rotation_due(self.now.later);
        if let Some(key) = self.keyring.keys.iter_mut().find(|key| key.kid == kid) {
            key.phase = Phase::Active { active_since: self.now.later, rotation_due, rotation_asked: false };
        }
        self.steps.push(Step::Promote { kid: kid.to_owned(), line: line.name.clone(), why });
        if let Some(replaced) = replaced {
            self.retire(&replaced, WhyRetire::Replaced);
        }
    }

    fn retire(&mut self, kid: &str, why: WhyRetire) {
        let Some(key) = self.keyring.keys.iter_mut().find(|key| key.kid == kid) else { return };
        let active_since = match &key.phase {
            Phase::Active { active_since, .. } => Some(*active_since),
            Phase::Standby | Phase::Retired { .. } => None,
        };
        key.phase = Phase::Retired { active_since, retired_since: self.now.later, not_before: None };
        // One that retired while the server published stays loaded, and so published by the server, until its removal.
        if !self.policy.publisher.keeps_all_loaded(key.algorithm) {
            key.private = None;
        }
        self.steps.push(Step::Retire { kid: kid.to_owned(), line: key.line.clone(), why });
    }

    /// Whether the line has an active key, or gets one in this pass.
    fn has_active(&self, line: &Line) -> bool {
        self.keyring.active(&line.name, line.algorithm.usage()).is_some()
            || self.mints.iter().any(|mint| mint.line == *line && mint.role != MintAs::Standby)
    }

    /// max(acknowledged + lead, confirmed + C + S).
    fn readiness(&self, key: &Key) -> Readiness {
        let timing = self.policy.timing(key.algorithm, &self.facts);
        let mut at = key.minted;
        for (kind, lead) in &timing.leads {
            for output in self.policy.outputs.iter().filter(|output| output.id().kind == *kind) {
                match self.observed.holds(output, &key.kid, &key.line, self.policy.write_bound) {
                    Acknowledged::Since(since) => at = at.max(since + *lead),
                    Acknowledged::Pending => return Readiness { at: None, waiting: Waiting::Output(output.id()) },
                    Acknowledged::Unconcerned => {}
                }
            }
        }
        if !self.policy.confirm {
            return Readiness { at: Some(at), waiting: Waiting::Lead };
        }
        match (key.confirmed, self.earliest_sight(key)) {
            (Some(confirmed), Some(from)) if confirmed >= from => {
                let settled = confirmed + timing.after_confirmation;
                let waiting = if settled > at { Waiting::Confirmation } else { Waiting::Lead };
                Readiness { at: Some(at.max(settled)), waiting }
            }
            _ => Readiness { at: None, waiting: Waiting::Confirmation },
        }
    }

    /// The earliest moment at which a confirmation of the key can be about what the outputs hold now.
    fn earliest_sight(&self, key: &Key) -> Option<Time> {
        let timing = self.policy.timing(key.algorithm, &self.facts);
        let mut from = key.minted;
        for output in self.leading_outputs(key.algorithm) {
            match self.observed.holds(output, &key.kid, &key.line, self.policy.write_bound) {
                Acknowledged::Since(since) => from = from.max(since + timing.first_hop),
                Acknowledged::Pending => return None,
                Acknowledged::Unconcerned => {}
            }
        }
        Some(from)
    }

    fn leading_outputs(&self, algorithm: Algorithm) -> impl Iterator<Item = &'a Output> {
        let kinds: Vec<_> = self.policy.timing(algorithm, &self.facts).leads.iter().map(|(kind, _)| *kind).collect();
        self.policy.outputs.iter().filter(move |output| kinds.contains(&output.id().kind))
    }

    /// max(what was written down, acknowledged + retention), once every output has acknowledged.
    fn removal(&self, key: &Key) -> Option<Time> {
        let Phase::Retired { not_before, retired_since, .. } = key.phase else { return None };
        let timing = self.policy.timing(key.algorithm, &self.facts);
        let mut at = not_before.max(Some(retired_since + timing.retention()));
        for (kind, retention) in timing.retentions {
            for output in self.policy.outputs.iter().filter(|output| output.id().kind == kind) {
                match self.observed.gave_up(output, &key.kid, &key.line, self.policy.write_bound) {
                    Acknowledged::Since(since) => at = at.max(Some(since + retention)),
                    Acknowledged::Pending => return None,
                    Acknowledged::Unconcerned => {}
                }
            }
        }
        at
    }

    fn confirmation_time(&self, algorithm: Algorithm) -> TimeDelta {
        if self.policy.confirm {
            let timing = self.policy.timing(algorithm, &self.facts);
            timing.first_hop + timing.after_confirmation
        } else {
            TimeDelta::zero()
        }
    }
}

/// Whether the key was generated, or adopted, as the line says now.
fn is_made_as(key: &Key, line: &Line) -> bool {
    key.algorithm == line.algorithm && (key.spec == line.spec || key.adopted_for == Some(line.spec))
}
