//! What the tests of several rooms are built from: short specs, keys that cost nothing, and a set that lives as the
//! engine lets it live, with its outputs in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::OnceLock;

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::adoption::Offer;
use super::plan::{Ahead, Change, Plan, Step};
use super::policy::{Output, OutputId, OutputKind, Policy};
use super::{Found, Mint, Now, Observed, OutputState, plan};
use crate::api::JwksKeySetSpec;
use crate::jose::{Algorithm, Curve, KeySpec, OkpCurve, PublicParams, SecretBase64Url, Use};
use crate::keyring::{Key, Keyring, MacKey, Mark, Phase, Time};
use crate::material::PrivateKey;
use crate::publish::{Files, Header, Rendered, render_all};

/// The bound on one write, in seconds, as on Kubernetes.
pub(crate) const W: i64 = 60;
/// P, C, R, L and S of [`spec`], in seconds: no two sums of them are alike.
pub(crate) const P: i64 = 10;
pub(crate) const C: i64 = 100;
pub(crate) const R: i64 = 20;
pub(crate) const L: i64 = 1_000;
pub(crate) const S: i64 = 5;
/// How long a key of [`spec`] signs, in seconds.
pub(crate) const INTERVAL: i64 = 10_000;
/// From the write of a standby key to its promotion: `sig`, published by Keyturn.
pub(crate) const LEAD: i64 = W + P + C + S;
/// From the write that stops a key to its removal: `sig`.
pub(crate) const RETENTION: i64 = W + R + L + 2 * S;

/// A moment, in seconds from a fixed one.
pub(crate) fn at(seconds: i64) -> Time {
    Time::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
}

/// A pass at that moment whose two clocks agree.
pub(crate) fn moment(seconds: i64) -> Now {
    Now::new(at(seconds), at(seconds))
}

/// A spec of one ES256 line `a` with the facts above, changed by `members`: objects merge, all else replaces.
pub(crate) fn spec(members: Value) -> JwksKeySetSpec {
    let mut spec = json!({
        "keys": [{ "algorithm": "ES256", "name": "a" }],
        "rotation": { "interval": format!("{INTERVAL}s") },
        "timing": {
            "publishDelay": format!("{P}s"),
            "verifierCacheTtl": format!("{C}s"),
            "signerReloadDelay": format!("{R}s"),
            "maxTokenLifetime": format!("{L}s"),
            "clockSkew": format!("{S}s"),
        },
    });
    merge(&mut spec, members);
    serde_json::from_value(spec).unwrap()
}

fn merge(base: &mut Value, change: Value) {
    match (base, change) {
        (Value::Object(base), Value::Object(change)) => {
            for (name, value) in change {
                merge(base.entry(name).or_insert(Value::Null), value);
            }
        }
        (base, change) => *base = change,
    }
}

/// The policy of [`spec`] for a set named `auth`.
pub(crate) fn policy(members: Value) -> Policy {
    Policy::parse("auth", &spec(members), TimeDelta::seconds(W)).unwrap()
}

pub(crate) fn config_map(name: &str) -> OutputId {
    OutputId { kind: OutputKind::ConfigMap, name: name.to_owned() }
}

pub(crate) fn secret(name: &str) -> OutputId {
    OutputId { kind: OutputKind::Secret, name: name.to_owned() }
}

/// Real P-256 keys, made once for all tests.
pub(crate) fn ec_keys() -> &'static [PrivateKey] {
    static KEYS: OnceLock<Vec<PrivateKey>> = OnceLock::new();
    KEYS.get_or_init(|| generated(KeySpec::Ec { curve: Curve::P256 }, 8))
}

/// Real RSA keys of 2048 bits, made once for all tests.
pub(crate) fn rsa_keys() -> &'static [PrivateKey] {
    static KEYS: OnceLock<Vec<PrivateKey>> = OnceLock::new();
    KEYS.get_or_init(|| generated(KeySpec::Rsa { bits: 2048 }, 4))
}

fn generated(spec: KeySpec, count: usize) -> Vec<PrivateKey> {
    (0..count).map(|_| PrivateKey::generate(&spec).unwrap()).collect()
}

/// Some real key of that kind.
fn some_key(spec: KeySpec) -> PrivateKey {
    match spec {
        KeySpec::Rsa { .. } => rsa_keys()[0].clone(),
        KeySpec::Ec { curve: Curve::P256 } => ec_keys()[0].clone(),
        spec => PrivateKey::generate(&spec).unwrap(),
    }
}

/// A symmetric key of that many bits, different for each serial.
pub(crate) fn oct_key(serial: u32, bits: u16) -> PrivateKey {
    let octets = [vec![0x81; usize::from(bits / 8) - 4], serial.to_be_bytes().to_vec()].concat();
    PrivateKey::symmetric(SecretBase64Url::new(&octets)).unwrap()
}

/// The secret of every keyring here.
pub(crate) fn mac_key() -> MacKey {
    MacKey::new([7; MacKey::BYTES])
}

/// A key around a real private half.
pub(crate) fn key_of(private: &PrivateKey, kid: &str, line: &str, algorithm: Algorithm, phase: Phase) -> Key {
    Key {
        kid: kid.to_owned(),
        line: line.to_owned(),
        algorithm,
        spec: private.spec(),
        adopted_for: None,
        thumbprint: mac_key().thumbprint(private),
        public: private.public().cloned(),
        private: Some(private.clone()),
        minted: at(0),
        certificate: None,
        confirmed: None,
        phase,
    }
}

/// A key whose public half is a number, and whose private half is that of some other key: enough for all that decides
/// and renders, because nothing there does arithmetic.
fn cheap_key(serial: u32, mint: &Mint, now: Time) -> Key {
    let spec = mint.line.spec;
    let octets = |size: usize| [vec![0x81; size - 5], serial.to_be_bytes().to_vec(), vec![1]].concat();
    let public = match spec {
        KeySpec::Ec { curve } => {
            let coordinate = octets(curve.coordinate_octets());
            PublicParams::ec(curve, &coordinate, &coordinate).ok()
        }
        KeySpec::Rsa { bits } => PublicParams::rsa(&octets(usize::from(bits / 8)), &[1, 0, 1]).ok(),
        KeySpec::Okp { curve } => PublicParams::okp(curve, &octets(OkpCurve::OCTETS)).ok(),
        KeySpec::Akp { set } => PublicParams::akp(set, &octets(set.public_octets())).ok(),
        KeySpec::Oct { .. } => None,
    };
    let private = match spec {
        KeySpec::Oct { bits } => oct_key(serial, bits),
        spec => some_key(spec),
    };
    let thumbprint = public.as_ref().map_or_else(|| mac_key().thumbprint(&private), PublicParams::thumbprint);
    Key { public, ..mint.key(format!("k{serial}"), private, thumbprint, now) }
}

/// A keyring that nothing was committed of yet.
pub(crate) fn fresh_keyring(policy: &Policy) -> Keyring {
    Keyring::new(mac_key(), policy.facts, policy.publisher)
}

/// One key set with its outputs. Kids are `k1`, `k2` and so on, in the order of minting.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) policy: Policy,
    pub(crate) keyring: Keyring,
    pub(crate) outputs: BTreeMap<OutputId, Place>,
    pub(crate) rotate: Option<String>,
    pub(crate) confirmed: BTreeSet<String>,
    /// What the files of `spec.import` hold.
    pub(crate) offer: Offer,
    /// The outputs of the spec before the last edit, until a decision was made by it.
    pub(crate) former: Vec<Output>,
    /// How many outputs were written.
    pub(crate) writes: usize,
    minted: u32,
    /// The outputs of the keyring and the policy as they are now.
    rendered: Option<Rc<[Rendered]>>,
}

/// What is in an output's place. Nothing is told by its absence.
#[derive(Clone)]
#[expect(clippy::large_enum_variant, reason = "there are a few in a test")]
pub(crate) enum Place {
    Foreign,
    Ours(Written),
}

/// An output, and whether it is as it was written: worked out once, because digests are slow in tests.
#[derive(Clone)]
pub(crate) struct Written {
    pub(crate) header: Header,
    pub(crate) files: Files,
    pub(crate) intact: bool,
}

impl World {
    pub(crate) fn new(members: Value) -> Self {
        let policy = policy(members);
        Self {
            keyring: fresh_keyring(&policy),
            policy,
            outputs: BTreeMap::new(),
            rotate: None,
            confirmed: BTreeSet::new(),
            offer: Offer::Nothing,
            former: Vec::new(),
            writes: 0,
            minted: 0,
            rendered: None,
        }
    }

    /// A set after its first pass, at 0.
    pub(crate) fn begun(members: Value) -> Self {
        let mut world = Self::new(members);
        world.pass(0);
        world
    }

    pub(crate) fn edit(&mut self, members: Value) {
        let next = policy(members);
        self.former = std::mem::replace(&mut self.policy, next).outputs;
        let is_left = self.policy.left_over("auth").is_some_and(|left| self.outputs.contains_key(&left));
        self.policy.publish_what_is_left("auth", &self.keyring, is_left);
        self.rendered = None;
    }

    pub(crate) fn ask(&mut self, value: &str) {
        self.rotate = Some(value.to_owned());
    }

    pub(crate) fn observed(&self) -> Observed {
        let state = |id: &OutputId| match self.outputs.get(id) {
            None => OutputState::Missing,
            Some(Place::Foreign) => OutputState::Foreign,
            Some(Place::Ours(Written { header, intact, .. })) => {
                OutputState::Found(Found { marks: header.marks.clone(), intact: *intact })
            }
        };
        Observed {
            outputs: self.policy.outputs.iter().map(Output::id).map(|id| (id.clone(), state(&id))).collect(),
            rotate: self.rotate.clone(),
            confirmed: self.confirmed.clone(),
            offer: self.offer.clone(),
            former: self.former.clone(),
        }
    }

    pub(crate) fn plan(&self, seconds: i64) -> Plan {
        plan(&self.policy, &self.keyring, &self.observed(), moment(seconds))
    }

    /// One whole pass: all that is to be done at that moment.
    pub(crate) fn pass(&mut self, seconds: i64) -> Vec<Step> {
        self.pass_between(moment(seconds))
    }

    pub(crate) fn pass_between(&mut self, now: Now) -> Vec<Step> {
        let mut steps = Vec::new();
        for _ in 0..16 {
            steps.extend(self.decide(now));
            self.publish_where(now.later, |_| true);
            if plan(&self.policy, &self.keyring, &self.observed(), now).next.is_none() {
                return steps;
            }
        }
        panic!("a pass that never ends: {steps:?}");
    }

    /// Plans and commits once, and publishes nothing, as if the process had died then.
    pub(crate) fn decide(&mut self, now: Now) -> Vec<Step> {
        let Plan { steps, mints, next, .. } = plan(&self.policy, &self.keyring, &self.observed(), now);
        assert_eq!(steps.is_empty(), next.is_none());
        let Some(mut next) = next else { return steps };
        assert_eq!(next.revision, self.keyring.revision + 1);
        for mint in &mints {
            self.minted += 1;
            next.keys.push(cheap_key(self.minted, mint, now.later));
        }
        self.keyring = next;
        self.former.clear();
        self.rendered = None;
        steps
    }

    pub(crate) fn publish(&mut self, seconds: i64) {
        self.publish_where(at(seconds), |_| true);
    }

    /// Writes those outputs that are not as they should be.
    pub(crate) fn publish_where(&mut self, now: Time, wanted: impl Fn(&OutputId) -> bool) {
        if self.keyring.revision == 0 {
            return;
        }
        let rendered = self.rendered.take().unwrap_or_else(|| render_all(&self.policy, &self.keyring).unwrap().into());
        for one in rendered.iter() {
            let before = match self.outputs.get(&one.id) {
                Some(Place::Foreign) => continue,
                Some(Place::Ours(Written { header, files, intact: true })) => {
                    if one.is_written(&self.keyring, header, files) {
                        continue;
                    }
                    Some(header.marks.clone())
                }
                _ => None,
            };
            if wanted(&one.id) {
                let marks = one.marks(&self.keyring, before.as_ref(), now);
                let files = one.complete(self.keyring.revision).unwrap();
                let header = Header::new(&one.id, &files, one.inputs(), &self.keyring, marks).unwrap();
                let written = Written { header, files, intact: true };
                self.outputs.insert(one.id.clone(), Place::Ours(written));
                self.writes += 1;
            }
        }
        self.rendered = Some(rendered);
    }

    /// Someone edits an output.
    pub(crate) fn tamper(&mut self, id: &OutputId) {
        if let Some(Place::Ours(Written { files, intact, .. })) = self.outputs.get_mut(id) {
            files.insert("stray.txt".to_owned(), b"edited".to_vec().into());
            *intact = false;
        }
    }

    pub(crate) fn written(&self, id: &OutputId) -> Option<&Written> {
        match self.outputs.get(id) {
            Some(Place::Ours(written)) => Some(written),
            Some(Place::Foreign) | None => None,
        }
    }

    pub(crate) fn mark(&self, id: &OutputId, kid: &str) -> Option<&Mark> {
        self.written(id).and_then(|written| written.header.marks.get(kid))
    }

    /// Every key as `kid:Phase`, in the order of minting.
    pub(crate) fn phases(&self) -> Vec<String> {
        self.keyring.keys.iter().map(|key| format!("{}:{}", key.kid, key.phase.name())).collect()
    }

    /// How many active keys a line has.
    pub(crate) fn active(&self, line: &str, usage: Use) -> usize {
        self.keyring.keys.iter().filter(|key| key.belongs_to(line, usage) && key.is_active()).count()
    }
}

/// What is ahead of one kind.
pub(crate) fn ahead_to(plan: &Plan, to: Change) -> Vec<&Ahead> {
    plan.ahead.iter().filter(|ahead| ahead.to == to).collect()
}

/// Steps in the words that users read, without their explanations.
pub(crate) fn told(steps: &[Step]) -> Vec<String> {
    steps
        .iter()
        .map(|step| match step {
            Step::SettleFacts => "settle".to_owned(),
            Step::ChangePublisher => "publisher".to_owned(),
            Step::Revoke { kid, was_used } => format!("revoke {kid} {}", if *was_used { "used" } else { "unused" }),
            Step::Bar { kid } => format!("bar {kid}"),
            Step::AnswerRotate => "answer".to_owned(),
            Step::Confirm { kid } => format!("confirm {kid}"),
            Step::Certify { kid } => format!("certify {kid}"),
            Step::Adopt { kid, line, active } => {
                format!("adopt {kid} {line} {}", if *active { "active" } else { "retired" })
            }
            Step::IgnoreImport { line } => format!("ignore import {line}"),
            Step::Mint { line, active } => format!("mint {line} {}", if *active { "active" } else { "standby" }),
            Step::Promote { kid, line, why } => format!("promote {kid} {line} {why:?}"),
            Step::Retire { kid, line, why } => format!("retire {kid} {line} {why:?}"),
            Step::Discard { kid, line } => format!("discard {kid} {line}"),
            Step::Remove { kid, line } => format!("remove {kid} {line}"),
            Step::Keep { output, file, kids } => format!("keep {}/{file} {}", output.name, kids.join(" ")),
            Step::Release { output, file, kid } => format!("release {}/{file} {kid}", output.name),
        })
        .collect()
}
