//! Someone who keeps a spec, and keeps to what it says.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use keyturn::api::JwksKeySetSpec;
use keyturn::engine::Request;
use keyturn::jose::Use;
use keyturn::keyring::Edit;
use keyturn::lifecycle::Policy;
use keyturn::lifecycle::policy::PolicyErrors;
use keyturn::store::SetRef;
use serde_json::{Value, json};

use super::dice::Dice;
use super::habits::Habits;
use super::world::{Asked, W};

const SECOND: i64 = 1_000;

/// Algorithms that encrypt.
const ENC: [&str; 2] = ["ECDH-ES", "A128KW"];

#[derive(Clone)]
pub struct User {
    pub lines: BTreeMap<String, &'static str>,
    pub rotation: Rhythm,
    pub paused: bool,
    pub standby: bool,
    pub confirm: bool,
    pub by_signer: bool,
    pub maps: BTreeSet<&'static str>,
    pub secrets: BTreeSet<&'static str>,
    pub habits: Habits,
    pub revoked: Vec<String>,
    pub rotate: Option<String>,
    pub confirmed: BTreeSet<String>,
    pub remembered: Option<u64>,
    pub accepted_loss: Option<u64>,
    /// How often the spec was edited.
    pub edits: i64,
    /// What the resource states while the policy refuses it: the fields above are what counted before.
    pub refused: Option<Value>,
}

#[derive(Clone, Copy, Debug)]
pub enum Rhythm {
    Interval(i64),
    Schedule(&'static str),
    Never,
}

impl User {
    pub fn new(dice: &mut Dice) -> Self {
        loop {
            let mut lines = BTreeMap::from([("a".to_owned(), "ES256")]);
            if dice.percent(30) {
                lines.insert("b".to_owned(), "ES256");
            }
            if dice.percent(25) {
                lines.insert("e".to_owned(), "ECDH-ES");
            }
            if dice.percent(15) {
                lines.insert("h".to_owned(), *dice.pick::<&str>(&["HS256", "A128KW"]));
            }
            let by_signer = dice.percent(30);
            let maps = if by_signer && dice.percent(50) { BTreeSet::new() } else { BTreeSet::from(["m1"]) };
            let user = Self {
                lines,
                rotation: rhythm(dice),
                paused: false,
                standby: dice.percent(70),
                confirm: dice.percent(10),
                by_signer,
                maps,
                secrets: BTreeSet::from(["s1"]),
                habits: habits(dice),
                revoked: Vec::new(),
                rotate: None,
                confirmed: BTreeSet::new(),
                remembered: None,
                accepted_loss: None,
                edits: 0,
                refused: None,
            };
            if user.is_allowed() {
                return user;
            }
        }
    }

    /// Another spec than before, for some reason.
    pub fn edited(&self, dice: &mut Dice) -> Self {
        loop {
            let mut next = self.clone();
            match dice.between(0, 10) {
                0 | 1 => {
                    let name = *dice.pick(&["a", "b", "c"]);
                    let algorithm = *dice.pick(&["ES256", "ES256", "ES384"]);
                    if next.lines.remove(name).is_none() || dice.percent(30) {
                        next.lines.insert(name.to_owned(), algorithm);
                    }
                }
                2 => {
                    if next.lines.remove("e").is_none() {
                        next.lines.insert("e".to_owned(), "ECDH-ES");
                    }
                }
                3 => {
                    // A line gets another name.
                    let name = dice.pick(&next.lines.keys().cloned().collect::<Vec<_>>()).clone();
                    let algorithm = next.lines.remove(&name).expect("it is there");
                    next.lines.insert(format!("{}x", name.trim_end_matches("xx")), algorithm);
                }
                4 => next.rotation = rhythm(dice),
                5 => next.paused = !next.paused,
                6 => next.standby = !next.standby,
                10 => {
                    if next.lines.remove("h").is_none() {
                        next.lines.insert("h".to_owned(), "HS256");
                    }
                }
                7 => next.confirm = !next.confirm,
                _ => next.habits = habits(dice),
            }
            if next.is_allowed() {
                return next;
            }
        }
    }

    pub fn is_allowed(&self) -> bool {
        self.policy().is_ok()
    }

    pub fn policy(&self) -> Result<Policy, PolicyErrors> {
        Policy::parse("auth", &self.spec(), TimeDelta::milliseconds(W))
    }

    /// What the resource states.
    fn stated(&self) -> JwksKeySetSpec {
        let Some(mut refused) = self.refused.clone() else { return self.spec() };
        refused["revoked"] = self.revoked();
        serde_json::from_value(refused).expect("a spec")
    }

    /// The same with other wishes, and a mistake.
    pub fn mistaken(&self, dice: &mut Dice) -> Value {
        let mut spec = serde_json::to_value(self.edited(dice).spec()).expect("JSON");
        spec["kid"] = json!({ "template": "always-the-same" });
        spec
    }

    fn revoked(&self) -> Value {
        self.revoked.iter().map(|kid| json!({ "kid": kid })).collect()
    }

    pub fn spec(&self) -> JwksKeySetSpec {
        let lines: Vec<Value> = self.lines.iter().map(|(name, algorithm)| line(name, algorithm)).collect();
        let named = |names: &BTreeSet<&str>| names.iter().map(|name| json!({ "name": name })).collect::<Vec<_>>();
        let span = |ms: i64| format!("{}s", ms / SECOND);
        let mut rotation = match self.rotation {
            Rhythm::Interval(ms) => json!({ "interval": span(ms) }),
            Rhythm::Schedule(cron) => json!({ "mode": "Schedule", "schedule": cron, "timeZone": "Europe/Rome" }),
            Rhythm::Never => json!({ "mode": "Never" }),
        };
        rotation["paused"] = self.paused.into();
        rotation["standby"] = self.standby.into();
        let mut spec = json!({
            "keys": lines,
            "rotation": rotation,
            "timing": {
                "publishDelay": span(self.habits.publish),
                "verifierCacheTtl": span(self.habits.cache),
                "signerReloadDelay": span(self.habits.reload),
                "maxTokenLifetime": span(self.habits.lifetime),
                "clockSkew": span(self.habits.skew),
            },
            "publisher": if self.by_signer { "Signer" } else { "Keyturn" },
            "encSelection": "First",
            "configMaps": named(&self.maps),
            "secrets": named(&self.secrets),
            "revoked": self.revoked(),
        });
        if self.confirm {
            spec["promotion"] = json!({ "confirm": [{ "manual": {} }] });
        }
        serde_json::from_value(spec).expect("a spec")
    }

    /// The spec in a line.
    pub fn shown(&self) -> String {
        let Self { lines, rotation, paused, standby, confirm, by_signer, maps, secrets, habits, .. } = self;
        format!(
            "{lines:?} {rotation:?} paused={paused} standby={standby} confirm={confirm} by_signer={by_signer} {maps:?} \
             {secrets:?} {habits:?}"
        )
    }

    pub fn request(&self) -> Request {
        Request {
            set: SetRef { namespace: "iam".to_owned(), name: "auth".to_owned(), owner: None },
            spec: self.stated(),
            edit: Some(Edit { uid: "u".to_owned(), generation: self.edits }),
            rotate: self.rotate.clone(),
            confirmed: self.confirmed.clone(),
            remembered: self.remembered,
            set_back: false,
            accepted_loss: self.accepted_loss,
        }
    }

    pub fn asked(&self) -> Asked {
        let usage = |algorithm: &str| if ENC.contains(&algorithm) { Use::Enc } else { Use::Sig };
        Asked {
            lines: self.lines.iter().map(|(name, algorithm)| (name.clone(), usage(algorithm))).collect(),
            confirm: self.confirm,
            paused: self.paused,
            accepted_loss: self.accepted_loss,
            remembered: self.remembered.is_some(),
        }
    }
}

fn line(name: &str, algorithm: &str) -> Value {
    json!({ "name": name, "algorithm": algorithm })
}

fn rhythm(dice: &mut Dice) -> Rhythm {
    match dice.between(0, 9) {
        0 => Rhythm::Never,
        1 => Rhythm::Schedule(dice.pick::<&str>(&["0 3 1 * *", "30 2 * * 0", "0 */12 * * *", "0 4 * * *"])),
        _ => Rhythm::Interval(dice.pick(&[600, 3_600, 21_600, 86_400, 604_800, 2_592_000]) * SECOND),
    }
}

fn habits(dice: &mut Dice) -> Habits {
    Habits {
        publish: dice.pick(&[0, 5, 120, 600]) * SECOND,
        cache: dice.pick(&[0, 60, 600, 3_600]) * SECOND,
        reload: dice.pick(&[0, 5, 120, 1_200]) * SECOND,
        lifetime: dice.pick(&[60, 900, 3_600, 86_400]) * SECOND,
        skew: dice.pick(&[0, 1, 10, 60, 300]) * SECOND,
    }
}
