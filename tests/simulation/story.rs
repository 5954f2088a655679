//! One story: a key set, its user, two operators, and all that befalls them.

use std::sync::{Arc, Mutex, MutexGuard};

use keyturn::engine::{Problem, Report};
use keyturn::keyring::Keyring;
use keyturn::lifecycle::plan::Ahead;
use keyturn::lifecycle::policy::{Output, OutputId, OutputKind};
use keyturn::store::StoreError;

use super::dice::Dice;
use super::fate::Fate;
use super::habits::{FOREVER, Ms};
use super::operator::{Answer, Call, KeySupply, Operator, Outcome, Shared, Turn};
use super::sabotage::Sabotage;
use super::user::User;
use super::world::{W, What, World, moment, named};

pub const SECOND: Ms = 1_000;
pub const HOUR: Ms = 3_600 * SECOND;
pub const DAY: Ms = 24 * HOUR;

/// How many things befall a set in one story.
const EVENTS: usize = 70;

/// A rule that was broken, and how it came to that.
pub struct Failure {
    pub violation: String,
    pub story: String,
}

/// What a story came to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    pub passes: usize,
    pub writes: usize,
    pub keys: usize,
    pub lived: Ms,
}

impl Tally {
    pub fn add(&mut self, other: Self) {
        self.passes += other.passes;
        self.writes += other.writes;
        self.keys += other.keys;
        self.lived += other.lived;
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let months = self.lived / (30 * DAY);
        write!(out, "{months} months, {} passes, {} writes, {} keys", self.passes, self.writes, self.keys)
    }
}

/// How a set stood after a pass that nothing disturbed.
pub struct Settled {
    pub operator: usize,
    pub wake: Option<Ms>,
    pub ahead: Vec<Ahead>,
    pub clocks: [Ms; 3],
}

pub struct Story {
    pub dice: Dice,
    pub shared: Shared,
    pub operators: [Operator; 2],
    pub user: User,
    pub settled: Option<Settled>,
    pub wake: Option<Ms>,
    pub ready: bool,
    pub lost: Option<u64>,
    pub backup: Option<Keyring>,
    pub moves: super::moves::Move,
    passes: usize,
}

/// Plays the story of a seed to its end.
pub fn play(seed: u64, sabotage: Sabotage) -> Result<Tally, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let mut story = Story::new(seed, sabotage);
    let begun = story.world().now;
    runtime.block_on(story.live());
    let world = story.world();
    match &world.violation {
        Some(violation) => Err(Failure { violation: violation.clone(), story: world.told() }),
        None => {
            Ok(Tally { passes: story.passes, writes: world.writes, keys: world.keys.len(), lived: world.now - begun })
        }
    }
}

impl Story {
    fn new(seed: u64, sabotage: Sabotage) -> Self {
        let mut dice = Dice::new(seed);
        let user = User::new(&mut dice);
        let policy = user.policy().expect("the user states what is allowed");
        let shared: Shared = Arc::new(Mutex::new(World::new(user.habits, policy, sabotage)));
        let keys = KeySupply::default();
        let operators = [Operator::new(0, &shared, &keys), Operator::new(1, &shared, &keys)];
        let story = Self {
            dice,
            shared,
            operators,
            user,
            settled: None,
            wake: None,
            ready: false,
            lost: None,
            backup: None,
            moves: super::moves::Move::default(),
            passes: 0,
        };
        story.world().tell(format!("the spec is {}", story.user.shown()));
        story
    }

    pub fn world(&self) -> MutexGuard<'_, World> {
        self.shared.lock().unwrap()
    }

    pub fn failed(&self) -> bool {
        self.world().violation.is_some()
    }

    pub fn tell(&self, what: impl AsRef<str>) {
        self.world().tell(what);
    }

    async fn live(&mut self) {
        self.step_clocks();
        for _ in 0..EVENTS {
            self.befall().await;
            if self.failed() {
                return;
            }
        }
        self.end_well().await;
    }

    /// One pass of an operator that is free, with or without trouble on the way. Whether it was without.
    pub async fn pass(&mut self, troubled: bool) -> bool {
        let Some(who) = self.operators.iter().position(|operator| operator.running.is_none()) else {
            let who = self.dice.index(2);
            self.tell(format!("operator {who} is killed"));
            self.operators[who].crash();
            return false;
        };
        let calm = !troubled && self.is_quiet();
        let before = self.settled.take();
        let writes = self.world().writes;
        self.tell(format!("operator {who} begins a pass{}", if troubled { " in trouble" } else { "" }));
        let (request, asked) = (self.user.request(), self.user.asked());
        self.operators[who].begin(request, asked);
        self.passes += 1;
        let Some(outcome) = self.drive(who, troubled).await else { return false };
        let report = self.hear(&outcome);
        if !calm {
            return false;
        }
        let wrote = self.world().writes - writes;
        match report {
            Ok(report) => self.check_rest(who, before, report, wrote),
            // Only a spec that counts mends a keyring.
            Err(_) if self.user.refused.is_some() && self.world().damaged.is_some() => {}
            Err(why) => self.world().violate(format!("a pass that nothing disturbed failed: {why}")),
        }
        true
    }

    /// Nothing is under way that could disturb a pass.
    fn is_quiet(&self) -> bool {
        self.operators.iter().all(|operator| operator.running.is_none()) && self.world().on_the_way.is_empty()
    }

    /// Invariant 7: nothing to do means no writes, and one wakes when there is something to do.
    fn check_rest(&mut self, who: usize, before: Option<Settled>, report: &Report, wrote: usize) {
        let (now, clocks) = {
            let world = self.world();
            (world.now, world.off)
        };
        let same = before.filter(|before| before.operator == who && before.clocks == clocks);
        if let Some(Settled { wake, ahead, .. }) = same {
            if wake.is_none_or(|wake| now < wake) && wrote > 0 {
                self.world().violate(format!("invariant 7: {wrote} writes before the wake-up {:?}", wake.map(moment)));
            }
            let is_woken = wake.is_some_and(|wake| now >= wake);
            if is_woken
                && wrote == 0
                && ahead == report.ahead
                && report.wake.map(|at| self.world().when(who, at)) == wake
            {
                self.world().violate("invariant 7: woken for nothing");
            }
        }
        let wake = report.wake.map(|at| self.world().when(who, at));
        self.check_revocations(report);
        if report.problems.iter().all(|problem| matches!(problem, Problem::SpecRefused(_))) {
            self.settled = Some(Settled { operator: who, wake, ahead: report.ahead.clone(), clocks });
        }
    }

    /// Invariant 6: what a spec revokes is gone after a pass, be the spec refused or not.
    fn check_revocations(&self, report: &Report) {
        let mut world = self.world();
        let keyring = world.keyring.as_ref().filter(|_| !report.problems.iter().any(Problem::is_loss));
        let kept = |kid: &&String| keyring.is_some_and(|(keyring, _)| keyring.key(kid).is_some());
        if let Some(kid) = self.user.revoked.iter().find(kept) {
            world.violate(format!("invariant 6: {kid} is to be revoked, and is there after a pass"));
        }
    }

    /// What a pass tells.
    fn hear<'a>(&mut self, (result, news): &'a Outcome) -> Result<&'a Report, String> {
        for one in news {
            self.world().tell(format!("  news: {} {}", one.reason.name(), one.note));
            if self.world().is_private(&one.note) {
                self.world().violate("invariant 4: news tell a private key");
            }
        }
        let report = match result {
            Ok(report) => report,
            Err(error) => {
                self.tell(format!("  the pass failed: {error}"));
                if self.world().is_private(&format!("{error} {error:?}")) {
                    self.world().violate("invariant 4: an error tells a private key");
                }
                return Err(error.to_string());
            }
        };
        if self.world().is_private(&format!("{report:?}")) {
            self.world().violate("invariant 4: a report tells a private key");
        }
        for problem in &report.problems {
            self.world().tell(format!("  problem: {problem:?}"));
        }
        self.wake = report.wake.map(|at| self.world().when(0, at));
        self.lost = report.problems.iter().find_map(|problem| match problem {
            Problem::KeyringLost { revision, .. } => Some(*revision),
            _ => None,
        });
        if self.dice.percent(95) {
            self.user.remembered = report.revision;
        }
        self.ready = report.problems.is_empty() && report.without_active.is_empty();
        if self.ready {
            self.get_ready();
        }
        Ok(report)
    }

    /// Goes on with a pass until it ends; nothing, if its operator is killed or freezes.
    pub async fn drive(&mut self, who: usize, troubled: bool) -> Option<Outcome> {
        loop {
            let call = match self.operators[who].turn().await {
                Turn::Ends(outcome) => return Some(*outcome),
                Turn::Calls(call) => call,
            };
            let lag = if troubled { self.dice.between(0, 3 * SECOND) } else { self.dice.between(1, 50) };
            self.world().advance(lag);
            let fate = if troubled { Fate::of_call(&mut self.dice, &call) } else { Fate::Normal };
            match self.suffer(who, call, fate) {
                None => {}
                Some(stopped) => return stopped,
            }
            if self.failed() {
                self.operators[who].crash();
                return None;
            }
        }
    }

    /// What becomes of one call. Something only if the pass goes no further for now.
    #[expect(clippy::option_option, reason = "a pass that stops ends without an outcome")]
    fn suffer(&mut self, who: usize, call: Call, fate: Fate) -> Option<Option<Outcome>> {
        if fate != Fate::Normal {
            self.tell(format!("  {} {fate:?}", call.shown()));
        }
        match fate {
            Fate::CrashBefore => {
                self.operators[who].crash();
                return Some(None);
            }
            Fate::FreezeBefore => {
                self.operators[who].running.as_mut().expect("it runs").call = Some(call);
                return Some(None);
            }
            _ => {}
        }
        let answer = match call {
            Call::Load(outputs) => self.load(who, &outputs, fate),
            Call::Write { what, seen, begun } => self.write(who, what, seen, begun, fate),
        };
        match fate {
            Fate::CrashAfter => {
                self.operators[who].crash();
                Some(None)
            }
            Fate::FreezeAfter => {
                self.operators[who].answer(answer);
                Some(None)
            }
            _ => {
                self.operators[who].answer(answer);
                None
            }
        }
    }

    fn load(&mut self, who: usize, outputs: &[OutputId], fate: Fate) -> Answer {
        if matches!(fate, Fate::Refused | Fate::AnswerLost | Fate::Late) {
            return Answer::Loaded(Err(failed("reading")));
        }
        let (now, snapshot) = {
            let world = self.world();
            (world.now, world.snapshot(outputs))
        };
        self.operators[who].running.as_mut().expect("it runs").looked = now;
        Answer::Loaded(Ok(snapshot))
    }

    fn write(&mut self, who: usize, mut what: What, seen: Option<u64>, begun: Ms, fate: Fate) -> Answer {
        let mut world = self.shared.lock().unwrap();
        let sabotage = world.sabotage;
        if let What::Output { id, files, .. } = &mut what
            && sabotage.leaks
            && id.kind == OutputKind::ConfigMap
        {
            let private = world.keys.values().find_map(|key| key.private.clone()).unwrap_or_default();
            files.insert("x".to_owned(), private.into_bytes().into());
        }
        let running = self.operators[who].running.as_mut().expect("it runs");
        let is_output = matches!(what, What::Output { .. });
        let write = running.write(what, seen);
        // A machine that slept between the stamp and the request tells so itself, unless it dies in the same moment.
        let fate = if is_output && running.overslept { Fate::Normal } else { fate };
        running.overslept = is_output && world.now > begun + W;
        let fate = if running.overslept { Fate::Normal } else { fate };
        let strays = (sabotage.loses_writes || sabotage.late_writes) && is_output && self.dice.percent(25);
        match fate {
            Fate::Refused => Answer::Written(Err(failed("writing"))),
            Fate::Late => {
                let at = self.dice.between(world.now, (begun + W).max(world.now));
                world.on_the_way.push((at, write));
                let patience = self.dice.between(0, 30 * SECOND);
                world.advance(patience);
                Answer::Written(Err(failed("writing")))
            }
            Fate::AnswerLost => {
                world.land(&write);
                world.advance(30 * SECOND);
                Answer::Written(Err(failed("writing")))
            }
            _ => {
                let landed = if strays { Some(u64::MAX) } else { world.land(&write) };
                if strays && sabotage.late_writes {
                    let at = (begun + self.dice.between(W, 20 * W)).max(world.now);
                    world.on_the_way.push((at, write.clone()));
                }
                if fate == Fate::Twice {
                    let at = self.dice.between(world.now, (begun + W).max(world.now));
                    world.on_the_way.push((at, write));
                }
                let conflict = || StoreError::Conflict("an object".to_owned());
                Answer::Written(landed.map(named).ok_or_else(conflict))
            }
        }
    }

    /// The promise begins here, for everyone who reads.
    fn get_ready(&mut self) {
        let mut world = self.shared.lock().unwrap();
        let now = world.now;
        let habits = world.readers.habits.at(now);
        let ids: Vec<OutputId> = world.policy.outputs.iter().map(Output::id).collect();
        for id in ids.iter().filter(|id| !self.moves.leaves(id)) {
            let Some(shelf) = world.readers.shelves.get_mut(id) else { continue };
            if shelf.readers.iter().all(|(_, until)| *until < FOREVER) {
                // Where there was another state once, nobody comes before it is out of sight.
                let from = if shelf.versions.len() > 1 { now + habits.publish.max(habits.reload) } else { now };
                shelf.readers.push((from, FOREVER));
            }
        }
        let closed = world.readers.of_pods.iter().all(|(_, until)| *until < FOREVER);
        if self.user.by_signer && closed && !self.moves.leaves_pods() {
            world.readers.of_pods.push((now + habits.reload, FOREVER));
        }
    }
}

fn failed(doing: &str) -> StoreError {
    StoreError::Failed { doing: doing.to_owned(), why: "the store did not answer".to_owned() }
}
