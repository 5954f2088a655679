//! What holds whatever happens, over random sequences of times, edits, drift and crashes.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::jose::Use;
use crate::keyring::{Mark, Phase, Time};
use crate::lifecycle::Now;
use crate::lifecycle::fixtures::*;
use crate::lifecycle::plan::{Change, Plan, Step, WhyPromote};
use crate::lifecycle::policy::{Output, OutputKind};

/// Something that happens to a set.
#[derive(Clone, Debug)]
enum Event {
    /// Time passes, and there is a pass.
    Pass(i64),
    /// Time passes, and there is a pass on a machine whose clock is ahead of the API server's.
    SkewedPass(i64, i64),
    /// Time passes, and a pass dies after its commit.
    Crash(i64),
    /// A pass dies after it wrote one kind of outputs.
    HalfPublished(i64, OutputKind),
    Edit(usize),
    Ask,
    RevokeKey(usize),
    Tamper(usize),
    Delete(usize),
    Confirm,
}

/// Specs that a user might go back and forth between.
fn specs() -> Vec<Value> {
    let line = |name: &str, algorithm: &str| json!({ "name": name, "algorithm": algorithm });
    let enc = json!({ "name": "e", "algorithm": "RSA-OAEP", "rsaBits": 2048 });
    vec![
        json!({}),
        json!({ "keys": [line("a", "ES256"), line("b", "ES384")] }),
        json!({ "keys": [line("a", "ES384")] }),
        json!({ "keys": [line("c", "ES256")] }),
        json!({ "keys": [line("a", "ES256"), enc] }),
        json!({ "rotation": { "paused": true } }),
        json!({ "rotation": { "mode": "Never" } }),
        json!({ "rotation": { "standby": false, "interval": "700s" } }),
        json!({ "timing": { "maxTokenLifetime": "3000s", "verifierCacheTtl": "300s" } }),
        json!({ "publisher": "Signer", "encSelection": "First", "keys": [line("a", "ES256"), enc] }),
        json!({ "promotion": { "confirm": [{ "manual": {} }] } }),
        json!({ "configMaps": [{ "name": "one" }, { "name": "two" }], "secrets": [{ "name": "s" }, { "name": "t" }] }),
        json!({ "keys": [line("a", "HS256"), line("b", "ES384")] }),
        json!({ "keys": [line("a", "HS512"), line("e", "A256KW"), line("d", "dir")], "encSelection": "First" }),
        json!({ "keys": [line("a", "HS256")], "publisher": "Signer", "configMaps": [{ "name": "one" }] }),
    ]
}

fn time() -> impl Strategy<Value = i64> {
    prop_oneof![3 => 0..400_i64, 2 => 400..3_000_i64, 1 => 3_000..25_000_i64]
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        8 => time().prop_map(Event::Pass),
        2 => (time(), 0..=S).prop_map(|(time, skew)| Event::SkewedPass(time, skew)),
        2 => time().prop_map(Event::Crash),
        2 => (time(), prop::sample::select(vec![OutputKind::ConfigMap, OutputKind::Secret]))
            .prop_map(|(time, kind)| Event::HalfPublished(time, kind)),
        4 => (0..specs().len()).prop_map(Event::Edit),
        3 => Just(Event::Ask),
        1 => any::<usize>().prop_map(Event::RevokeKey),
        1 => any::<usize>().prop_map(Event::Tamper),
        1 => any::<usize>().prop_map(Event::Delete),
        1 => Just(Event::Confirm),
    ]
}

/// A set, what happened to it, and what was seen of it.
struct Story {
    world: World,
    now: i64,
    asked: u32,
    members: Value,
    revoked: BTreeSet<String>,
    /// Lines of the present spec that had an active key since they were added.
    begun: BTreeSet<(String, Use)>,
}

impl Story {
    fn new(spec: usize) -> Self {
        let members = specs()[spec].clone();
        let world = World::new(members.clone());
        Self { world, now: 0, asked: 0, members, revoked: BTreeSet::new(), begun: BTreeSet::new() }
    }

    fn edit(&mut self) {
        let mut members = self.members.clone();
        members["revoked"] = self.revoked.iter().map(|kid| json!({ "kid": kid })).collect::<Vec<_>>().into();
        self.world.edit(members);
        let world = &self.world;
        self.begun.retain(|(line, usage)| world.policy.line(line, *usage).is_some());
    }

    fn happen(&mut self, event: &Event) {
        match event {
            Event::Pass(time) => self.pass(*time, 0),
            Event::SkewedPass(time, skew) => self.pass(*time, *skew),
            Event::Crash(time) => {
                self.now += time;
                self.decide(moment(self.now));
            }
            Event::HalfPublished(time, kind) => {
                self.now += time;
                self.decide(moment(self.now));
                self.world.publish_where(at(self.now), |id| id.kind == *kind);
            }
            Event::Edit(spec) => {
                self.members = specs()[*spec].clone();
                self.edit();
            }
            Event::Ask => {
                self.asked += 1;
                self.world.ask(&self.asked.to_string());
            }
            Event::RevokeKey(index) => {
                let kids: Vec<&String> = self.world.keyring.keys.iter().map(|key| &key.kid).collect();
                if let Some(kid) = index.checked_rem(kids.len()).map(|index| kids[index].clone()) {
                    self.revoked.insert(kid);
                    self.edit();
                }
            }
            Event::Tamper(index) | Event::Delete(index) => {
                let ids: Vec<_> = self.world.policy.outputs.iter().map(Output::id).collect();
                let id = &ids[index % ids.len()];
                if matches!(event, Event::Tamper(_)) {
                    self.world.tamper(id);
                } else {
                    self.world.outputs.remove(id);
                }
            }
            Event::Confirm => {
                self.world.confirmed = self.world.keyring.keys.iter().map(|key| key.kid.clone()).collect();
            }
        }
    }

    fn pass(&mut self, time: i64, skew: i64) {
        self.now += time;
        let now = Now::new(at(self.now - skew), at(self.now));
        for _ in 0..16 {
            let steps = self.decide(now);
            self.world.publish_where(now.later, |_| true);
            if steps.is_empty() && self.plan_at(now).next.is_none() {
                return;
            }
        }
        panic!("a pass that never ends");
    }

    fn plan_at(&self, now: Now) -> Plan {
        crate::lifecycle::plan(&self.world.policy, &self.world.keyring, &self.world.observed(), now)
    }

    /// One decision, with all that may be said of it.
    fn decide(&mut self, now: Now) -> Vec<Step> {
        let before = self.world.clone();
        let steps = self.world.decide(now);
        for step in &steps {
            match step {
                Step::Promote { kid, why, .. } if *why != WhyPromote::Revoked => assert_lead(&before, kid, now.earlier),
                Step::Remove { kid, .. } => assert_retention(&before, kid, now.earlier),
                _ => {}
            }
        }
        self.assert_keyring(&before);
        steps
    }

    fn assert_keyring(&mut self, before: &World) {
        let keyring = &self.world.keyring;
        let kids: BTreeSet<&String> = keyring.keys.iter().map(|key| &key.kid).collect();
        assert_eq!(kids.len(), keyring.keys.len(), "a kid came twice");
        assert!(keyring.keys.iter().all(|key| !keyring.is_revoked(&key.kid, &key.thumbprint)));
        let groups: BTreeSet<(String, Use)> = keyring.keys.iter().map(|key| (key.line.clone(), key.usage())).collect();
        for (line, usage) in &groups {
            assert!(self.world.active(line, *usage) <= 1, "{line} has several active keys");
            let standby = keyring.keys.iter().filter(|key| key.belongs_to(line, *usage) && key.phase == Phase::Standby);
            assert!(standby.count() <= 1, "{line} has several standby keys");
        }
        for line in &self.world.policy.lines {
            let group = (line.name.clone(), line.algorithm.usage());
            if self.world.active(&group.0, group.1) == 1 {
                self.begun.insert(group);
            } else {
                assert!(!self.begun.contains(&group), "{} lost its active key", line.name);
            }
        }
        for key in &before.keyring.keys {
            let (Phase::Retired { not_before: old, .. }, Some(key)) = (&key.phase, keyring.key(&key.kid)) else {
                continue;
            };
            let Phase::Retired { not_before: new, .. } = &key.phase else { panic!("{} is used again", key.kid) };
            assert!(new >= old, "the removal of {} moved earlier", key.kid);
        }
    }
}

/// Everyone who must know the key first has it since the lead, by the facts of the spec.
fn assert_lead(world: &World, kid: &str, now: Time) {
    let key = world.keyring.key(kid).unwrap();
    let timing = world.policy.timing(key.algorithm, &world.policy.facts);
    for (kind, lead) in timing.leads {
        for output in world.policy.outputs.iter().filter(|output| output.id().kind == kind) {
            let held = world.mark(&output.id(), kid).and_then(|mark| mark.held);
            let held = held.unwrap_or_else(|| panic!("{kid} was promoted and {} lacks it", output.id()));
            assert!(held + world.policy.write_bound + lead <= now, "{kid} was promoted too early for {}", output.id());
        }
    }
}

/// Everyone who used the key has stopped to, the retention ago, by the facts of the spec.
fn assert_retention(world: &World, kid: &str, now: Time) {
    let key = world.keyring.key(kid).unwrap();
    let timing = world.policy.timing(key.algorithm, &world.policy.facts);
    for (kind, retention) in timing.retentions {
        for output in world.policy.outputs.iter().filter(|output| output.id().kind == kind) {
            let inactive = world.mark(&output.id(), kid).and_then(|mark| mark.inactive);
            let inactive = inactive.unwrap_or_else(|| panic!("{kid} was removed and {} still uses it", output.id()));
            assert!(inactive + retention <= now, "{kid} was removed too early for {}", output.id());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn each_line_has_one_active_key_and_each_step_has_its_time(
        first in 0..specs().len(), events in prop::collection::vec(event(), 1..40),
    ) {
        let mut story = Story::new(first);
        story.pass(0, 0);
        for event in &events {
            story.happen(event);
        }
    }

    #[test]
    fn a_pass_leaves_nothing_to_do_and_costs_nothing_when_repeated(
        first in 0..specs().len(), events in prop::collection::vec(event(), 0..25),
    ) {
        let mut story = Story::new(first);
        for event in &events {
            story.happen(event);
        }
        story.pass(1, 0);
        let (writes, revision) = (story.world.writes, story.world.keyring.revision);
        story.pass(0, 0);
        prop_assert_eq!((story.world.writes, story.world.keyring.revision), (writes, revision));
        let plan = story.world.plan(story.now);
        prop_assert!(plan.next.is_none() && plan.mints.is_empty());
    }

    /// Up to its wake-up a settled set needs no decision, and then it needs one, or has news to tell.
    #[test]
    fn a_settled_set_wakes_up_when_there_is_something_to_do_and_not_before(
        first in 0..specs().len(), events in prop::collection::vec(event(), 0..25), between in any::<u64>(),
    ) {
        let mut story = Story::new(first);
        for event in events.iter().filter(|event| !matches!(event, Event::Confirm)) {
            story.happen(event);
        }
        story.world.confirmed.clear();
        story.pass(1, 0);
        let world = story.world;
        let settled = world.plan(story.now);
        let Some(wake) = settled.wake else {
            prop_assert!(world.plan(story.now + 1_000_000_000).next.is_none());
            return Ok(());
        };
        let wake = (wake - at(0)).num_seconds();
        prop_assert!(wake > story.now);
        let between = story.now + i64::try_from(between % u64::try_from(wake - story.now).unwrap()).unwrap();
        for quiet in [between, wake - 1] {
            let plan = world.plan(quiet);
            prop_assert!(plan.next.is_none(), "{:?} at {quiet}, woken at {wake}", plan.steps);
        }
        let woken = world.plan(wake);
        let facts_ended = world.keyring.facts.next_expiry(at(wake - 1)) == Some(at(wake));
        prop_assert!(woken.next.is_some() || woken.ahead != settled.ahead || facts_ended);
        prop_assert!(woken.wake.is_none_or(|next| next > at(wake)));
    }

    /// Without drift: whoever reads the JWKS as late as the facts allow can verify whatever was signed as early and as
    /// late as they allow.
    #[test]
    fn every_key_is_published_before_it_signs_and_until_what_it_signed_has_expired(
        edits in prop::collection::vec((time(), 0..7_usize, any::<bool>()), 1..30),
    ) {
        // Specs with one set of facts and of outputs: those of the others are in the simulation.
        let specs = [0, 1, 2, 3, 5, 6, 7].map(|index| specs()[index].clone());
        let (jwks, signer) = (config_map("auth-jwks"), secret("auth-signer"));
        let mut world = World::begun(json!({}));
        // kid → from when to when; an open end is still there.
        let mut published: BTreeMap<String, (i64, Option<i64>)> = BTreeMap::new();
        let mut signing = published.clone();
        let mut now = 0;
        let mut note = |world: &World, now: i64| {
            for (seen, id, active) in [(&mut published, &jwks, false), (&mut signing, &signer, true)] {
                let since = |mark: &Mark| if active { mark.active } else { mark.held };
                let here = |kid: &str| world.mark(id, kid).and_then(since).is_some();
                for key in &world.keyring.keys {
                    if here(&key.kid) {
                        seen.entry(key.kid.clone()).or_insert((now, None));
                    }
                }
                for (kid, (_, until)) in seen.iter_mut() {
                    if until.is_none() && !here(kid) {
                        *until = Some(now);
                    }
                }
            }
        };
        note(&world, now);
        for (time, spec, ask) in edits {
            now += time;
            world.edit(specs[spec].clone());
            if ask {
                world.ask(&now.to_string());
            }
            world.pass(now);
            note(&world, now);
            // What was planned ahead comes at its time.
            let until = at(now + 2_000);
            while let Some(wake) = world.plan(now).wake.filter(|wake| *wake < until) {
                now = (wake - at(0)).num_seconds();
                world.pass(now);
                note(&world, now);
            }
        }
        for (kid, (from, until)) in signing {
            let (known, forgotten) = published[&kid];
            prop_assert!(kid == "k1" || known + P + C <= from, "{kid} signs from {from} and is known from {known} on");
            let last_token = until.map(|until| until + R + L);
            prop_assert!(forgotten.is_none_or(|forgotten| last_token.is_some_and(|last| last <= forgotten)), "{kid}");
        }
    }

    #[test]
    fn what_is_ahead_comes_true(first in 0..specs().len(), events in prop::collection::vec(event(), 0..20)) {
        let mut story = Story::new(first);
        for event in &events {
            story.happen(event);
        }
        story.pass(1, 0);
        let plan = story.world.plan(story.now);
        let known = plan.ahead.first().filter(|ahead| ahead.time.is_some() && ahead.time == plan.wake);
        let Some(soonest) = known else { return Ok(()) };
        let at = (plan.wake.unwrap() - at(0)).num_seconds();
        let kid = soonest.kid.clone().unwrap_or_default();
        let done = story.world.plan(at).steps;
        let expected = |step: &Step| match (soonest.to, step) {
            (Change::Minted, Step::Mint { line, .. }) => *line == soonest.line,
            (Change::Active, Step::Promote { kid: promoted, .. }) => *promoted == kid,
            (Change::Removed, Step::Remove { kid: removed, .. }) => *removed == kid,
            _ => false,
        };
        let paused = story.world.policy.paused;
        prop_assert!(paused || done.iter().any(expected), "{soonest:?} at {at}: {done:?}");
    }
}
