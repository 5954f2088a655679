//! What must hold of every write, whoever sent it and whenever it lands.

use std::collections::{BTreeMap, BTreeSet};

use keyturn::jose::Use;
use keyturn::keyring::{Key, Keyring, Phase, Publisher};
use keyturn::lifecycle::policy::{OutputId, OutputKind};
use keyturn::publish::{Files, Header};
use serde_json::Value;

use super::habits::Ms;
use super::readers::{Known, Promoted};
use super::world::{Decided, World, Write, jwks, moment};

impl World {
    /// Rules of a keyring that is committed: invariants 2, 3, 5, 6 and 8.
    pub fn check_commit(&mut self, next: &Keyring, write: &Write) {
        let before = self.keyring.as_ref().map(|(keyring, _)| keyring.clone());
        let recovers = self.damaged.is_some();
        let old = before.iter().flat_map(|old| &old.keys);
        let bereft: BTreeSet<(String, Use)> = old
            .filter(|key| key.is_active() && next.is_revoked(&key.kid, &key.thumbprint))
            .map(|key| (key.line.clone(), key.usage()))
            .collect();
        self.check_lines(before.as_ref(), next, write);
        for one in &next.revoked {
            self.revoked.entry(one.kid.clone()).or_insert(next.revision);
        }
        for key in &next.keys {
            self.meet(key, before.as_ref(), recovers, write, &bereft);
        }
        for (kid, known) in &mut self.keys {
            known.given_up |= next.revoked.iter().any(|one| one.kid == *kid);
        }
        let gone: Vec<&Key> =
            before.iter().flat_map(|old| &old.keys).filter(|key| next.key(&key.kid).is_none()).collect();
        for key in gone {
            self.check_removal(key);
        }
        let kids = |wanted: fn(&Key) -> bool| -> BTreeSet<String> {
            next.keys.iter().filter(|key| wanted(key)).map(|key| key.kid.clone()).collect()
        };
        let decided = Decided {
            publisher: next.publisher,
            active: kids(Key::is_active),
            standby: kids(|key| key.phase == Phase::Standby),
        };
        self.decided.insert(next.revision, decided);
        let shown: Vec<String> =
            next.keys.iter().map(|key| format!("{}:{}={}", key.line, key.kid, key.phase.name())).collect();
        self.tell(format!("keyring {} lands: {}", next.revision, shown.join(" ")));
    }

    fn check_lines(&mut self, before: Option<&Keyring>, next: &Keyring, write: &Write) {
        let mut lines: BTreeMap<(String, Use), (usize, usize)> = BTreeMap::new();
        let mut kids = BTreeSet::new();
        for key in &next.keys {
            let counts = lines.entry((key.line.clone(), key.usage())).or_default();
            counts.0 += usize::from(key.is_active());
            counts.1 += usize::from(key.phase == Phase::Standby);
            if !kids.insert(&key.kid) {
                self.violate(format!("invariant 5: {} is there twice", key.kid));
            }
            // A keyring that was set back may know less; what it tells of is not published before the spec is heard.
            if self.damaged.is_none() && self.revoked.contains_key(&key.kid)
                || next.is_revoked(&key.kid, &key.thumbprint)
            {
                self.violate(format!("invariant 6: {} is revoked and back", key.kid));
            }
        }
        for (line, (active, standby)) in &lines {
            if *active > 1 {
                self.violate(format!("invariant 3: {} has {active} active keys", line.0));
            }
            if *standby > 1 {
                self.violate(format!("invariant 5: {} has {standby} standby keys", line.0));
            }
        }
        let last = self.damaged.clone().or_else(|| before.cloned());
        let Some(last) = last else { return };
        let notes_a_spec = next.revision == last.revision && is_same_but_for_the_spec(&last, next);
        if self.damaged.is_none() && next.revision <= last.revision && !notes_a_spec {
            self.violate(format!("keyring {} goes back to {}", last.revision, next.revision));
        }
        let lost = self.damaged.is_some();
        let forgotten = self.objects.is_empty() && !write.asked.remembered;
        let before_all = write.looked < self.damaged_at;
        if lost && self.keyring.is_none() && (forgotten || before_all) {
            // Not even a status or an output tells that there was a set, or nothing did when the operator looked: the
            // promise begins anew.
            self.begin_anew();
            return;
        }
        for (line, usage) in &write.asked.lines {
            let had = last.active(line, *usage).map(|key| key.kid.clone());
            let has = next.active(line, *usage).map(|key| key.kid.clone());
            match (had, has) {
                // No output tells that it was active, so nobody has used it.
                (Some(had), None) if lost && !self.is_told(&had) => {}
                (Some(had), None) if lost => {
                    let excused = write.asked.accepted_loss.is_some() || self.keyring.is_some();
                    if !excused && !next.revoked.iter().any(|one| one.kid == had) {
                        self.violate(format!("invariant 8: {line} lost its active key {had} in silence"));
                    }
                }
                (Some(had), None) => self.violate(format!("invariant 3: {line} has no active key after {had}")),
                _ => {}
            }
        }
        let newer = |set_back: u64| {
            let headers = self.objects.values().filter_map(|object| object.header.as_ref());
            headers.into_iter().any(|header| header.revision > set_back)
        };
        let looked = write.looked >= self.damaged_at;
        let told = self.keyring.as_ref().is_none_or(|(set_back, _)| looked && newer(set_back.revision));
        if lost && told && next.keys.iter().any(|key| !self.keys.contains_key(&key.kid)) {
            self.violate("invariant 8: a key is minted in silence where the keyring was lost or set back");
        }
    }

    /// Whether an output that nobody but an operator touched was written while the key was active.
    fn is_told(&self, kid: &str) -> bool {
        let symmetric = self.keys.get(kid).is_some_and(|key| key.symmetric);
        let outputs = self.objects.iter().filter(|(id, _)| self.states(id));
        let mut outputs = outputs.filter(|(id, _)| !symmetric || id.kind == OutputKind::Secret);
        outputs.any(|(id, object)| {
            let version = self.readers.shelves.get(id).and_then(|shelf| shelf.versions.last());
            let revision = object.header.as_ref().map(|header| header.revision);
            let decided = revision.and_then(|revision| self.decided.get(&revision));
            version.is_some_and(|version| !version.by_stranger) && decided.is_some_and(|one| one.active.contains(kid))
        })
    }

    /// A key in a keyring that is committed.
    fn meet(
        &mut self,
        key: &Key,
        before: Option<&Keyring>,
        recovers: bool,
        write: &Write,
        bereft: &BTreeSet<(String, Use)>,
    ) {
        let number = self.keys.len() + 1;
        let first_ever = self.keys.values().all(|known| known.promoted.is_none() || known.given_up);
        let is_new = !self.keys.contains_key(&key.kid);
        let known = self.keys.entry(key.kid.clone()).or_insert_with(|| Known {
            number,
            line: key.line.clone(),
            usage: key.usage(),
            symmetric: key.algorithm.is_symmetric(),
            private: key.private.as_ref().and_then(|private| scalar(private, key)),
            promoted: None,
            retired: false,
            given_up: false,
        });
        let retired = known.retired;
        // A recovery may have to take a promotion back that no Secret tells of.
        known.retired = key.is_retired() || known.retired && !recovers;
        if key.is_active() && retired && !recovers {
            self.violate(format!("{} is used again after it retired", key.kid));
        }
        if !key.is_active() || self.keys[&key.kid].promoted.is_some() {
            return;
        }
        let rushed = bereft.contains(&(key.line.clone(), key.usage()));
        let promoted = Promoted { at: self.now, looked: write.looked, rushed };
        if let Some(known) = self.keys.get_mut(&key.kid) {
            known.promoted = Some(promoted);
        }
        if rushed {
            return;
        }
        if write.asked.paused {
            self.violate(format!("{} is promoted in a pause", key.kid));
        }
        if is_new {
            let first = first_ever || before.is_none();
            if !first {
                self.violate(format!("invariant 2: {} is new and active at once", key.kid));
            }
            return;
        }
        if write.asked.confirm && !self.confirmed.contains(&key.kid) {
            self.violate(format!("{} is promoted without a confirmation", key.kid));
        }
        self.check_lead(&key.kid);
    }

    fn check_lead(&mut self, kid: &str) {
        let now = self.now;
        let known = &self.keys[kid];
        let lacking = self.readers.lacks(kid, known);
        let early = lacking.iter().find(|(lack, _)| lack.1 > now).map(|(lack, version)| (lack.1, version.from));
        if let Some((until, from)) = early {
            let until = if until > now + 400 * 86_400_000 { "ever".to_owned() } else { moment(until).to_rfc3339() };
            self.violate(format!(
                "invariant 2: {kid} is promoted, and a state of {} without it may be used until {until}",
                moment(from)
            ));
        }
    }

    fn check_removal(&mut self, key: &Key) {
        let Some(known) = self.keys.get(&key.kid) else { return };
        if known.given_up {
            return;
        }
        let uses = self.readers.uses(&key.kid, known);
        let last: Option<Ms> = uses.iter().map(|used| self.readers.outlived(*used)).max();
        if let Some(last) = last.filter(|last| *last > self.now) {
            self.violate(format!(
                "invariant 1: {} is removed; what it made lives {} s longer",
                key.kid,
                (last - self.now) / 1000
            ));
        }
    }

    /// Rules of an output that is written: invariants 4 and 6, and no way back.
    pub fn check_publish(&mut self, id: &OutputId, files: &Files, header: &Header) {
        let members = jwks(files);
        let text = |jwk: &Value, name: &str| jwk.get(name).and_then(Value::as_str).map(str::to_owned);
        let kids: Vec<String> = members.iter().filter_map(|jwk| text(jwk, "kid")).collect();
        let private: Vec<String> =
            members.iter().filter_map(|jwk| text(jwk, "d").or_else(|| text(jwk, "k")).and(text(jwk, "kid"))).collect();
        let latest = self.objects.get(id).and_then(|object| object.header.as_ref()).map(|header| header.revision);
        for kid in &kids {
            let barred = self.revoked.get(kid).copied();
            match self.keys.get(kid) {
                None => self.violate(format!("invariant 4: {kid} is in {} and was in no keyring", id.name)),
                // Until the output is written after the revocation, a write from before it may still arrive; and where a
                // stranger made room, nothing can bar it.
                Some(_) if barred.is_some_and(|since| header.revision >= since || latest >= Some(since)) => {
                    self.violate(format!("invariant 6: {kid} is revoked and written to {}", id.name));
                }
                Some(_) => {}
            }
        }
        if id.kind == OutputKind::ConfigMap && (!private.is_empty() || self.leaks_in(files, header)) {
            self.violate(format!("invariant 4: {} holds a private key", id.name));
        }
        let before = self.readers.shelves.get(id).and_then(|shelf| shelf.versions.last());
        if before.is_some_and(|version| !version.by_stranger) && latest.is_some_and(|latest| latest > header.revision) {
            self.violate(format!("{} goes back from revision {latest:?} to {}", id.name, header.revision));
        }
        let Some(decided) = self.decided.get(&header.revision) else {
            self.violate(format!("{} is written at revision {}, which was never committed", id.name, header.revision));
            return;
        };
        let is_enc = |kid: &String| self.keys.get(kid).is_some_and(|key| key.usage == Use::Enc);
        let is_symmetric = |kid: &String| self.keys.get(kid).is_some_and(|key| key.symmetric);
        let wrong = match id.kind {
            OutputKind::ConfigMap => kids.iter().find(|kid| is_enc(kid) && !decided.active.contains(*kid)),
            OutputKind::Secret if decided.publisher == Publisher::Keyturn => {
                private.iter().find(|kid| !is_enc(kid) && !is_symmetric(kid) && decided.standby.contains(*kid))
            }
            OutputKind::Secret => None,
        };
        let waiting = kids.iter().position(|kid| decided.standby.contains(kid));
        let active = kids.iter().rposition(|kid| decided.active.contains(kid));
        let misplaced =
            id.kind == OutputKind::Secret && waiting.zip(active).is_some_and(|(waiting, active)| waiting < active);
        if let Some(kid) = wrong.cloned() {
            self.violate(format!("{kid} is not active and must not be in {}", id.name));
        }
        if misplaced {
            self.violate(format!("{}: a key that waits stands before an active one", id.name));
        }
    }

    fn leaks_in(&self, files: &Files, header: &Header) -> bool {
        let head = header.to_json().unwrap_or_default();
        let mut texts: Vec<&str> = files.values().filter_map(|bytes| std::str::from_utf8(bytes).ok()).collect();
        texts.push(&head);
        texts.iter().any(|text| self.is_private(text))
    }

    /// Whether a text holds the private half of any key that ever was.
    pub fn is_private(&self, text: &str) -> bool {
        self.keys.values().filter_map(|key| key.private.as_deref()).any(|private| text.contains(private))
    }
}

/// Which spec counts may be noted without a decision.
fn is_same_but_for_the_spec(one: &Keyring, other: &Keyring) -> bool {
    let bytes =
        |keyring: &Keyring| Keyring { accepted: None, ..keyring.clone() }.to_bytes().expect("it can be written");
    bytes(one) == bytes(other)
}

/// The private exponent or scalar, as JSON shows it.
fn scalar(private: &keyturn::material::PrivateKey, key: &Key) -> Option<String> {
    let jwk = private.to_jwk(&key.kid, key.algorithm).ok()?;
    let json: Value = serde_json::from_str(&jwk.to_json().ok()?).ok()?;
    json.get("d").or_else(|| json.get("k"))?.as_str().map(str::to_owned)
}
