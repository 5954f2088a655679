//! What befalls a set.

use keyturn::lifecycle::policy::{OutputId, OutputKind};

use super::habits::Ms;
use super::story::{DAY, HOUR, SECOND, Story};
use super::user::{Rhythm, User};
use super::world::Object;

#[derive(Clone, Copy)]
enum Event {
    Wake,
    Early,
    Away,
    Edit,
    Rotate,
    Revoke,
    Mistake,
    Confirm,
    Drift,
    Damage,
    Backup,
    Move,
    Clocks,
    Thaw,
    Kill,
    Amnesia,
}

const EVENTS: [(i64, Event); 16] = [
    (42, Event::Wake),
    (7, Event::Early),
    (2, Event::Away),
    (10, Event::Edit),
    (4, Event::Rotate),
    (3, Event::Revoke),
    (3, Event::Mistake),
    (4, Event::Confirm),
    (7, Event::Drift),
    (2, Event::Damage),
    (3, Event::Backup),
    (6, Event::Move),
    (4, Event::Clocks),
    (4, Event::Thaw),
    (1, Event::Kill),
    (1, Event::Amnesia),
];

impl Story {
    pub async fn befall(&mut self) {
        match self.dice.weighted(&EVENTS) {
            Event::Wake => self.wake_up().await,
            Event::Early => {
                let until = self.until_wake();
                let wait = self.dice.between(0, until);
                self.world().advance(wait);
                self.pass(false).await;
            }
            Event::Away => {
                let days = self.dice.between(1, 40);
                self.world().advance(days * DAY);
                self.tell("nobody was there for days");
            }
            Event::Edit => self.edit(),
            Event::Rotate => {
                let value = self.world().now.to_string();
                self.user.rotate = Some(value);
                self.unsettle("a rotation is asked for");
            }
            Event::Revoke => self.revoke(),
            Event::Mistake => self.make_a_mistake(),
            Event::Confirm => {
                let kids: Vec<String> = self.world().keys.keys().cloned().collect();
                self.user.confirmed.extend(kids.iter().cloned());
                self.world().confirmed.extend(kids);
                self.unsettle("every key is confirmed");
            }
            Event::Drift => self.drift().await,
            Event::Damage => self.damage(),
            Event::Backup => {
                let keyring = self.world().keyring.as_ref().map(|(keyring, _)| keyring.clone());
                self.backup = keyring;
            }
            Event::Move => self.go_on_moving(),
            Event::Clocks => self.step_clocks(),
            Event::Thaw => self.thaw().await,
            Event::Kill => {
                for operator in self.operators.iter_mut().filter(|operator| operator.running.is_some()) {
                    operator.crash();
                }
            }
            Event::Amnesia => {
                self.user.remembered = None;
                self.unsettle("the resource is made anew: its status is gone");
            }
        }
    }

    pub fn unsettle(&mut self, why: &str) {
        self.settled = None;
        self.wake = None;
        self.tell(why);
    }

    fn until_wake(&self) -> Ms {
        let now = self.world().now;
        self.wake.map_or(DAY, |wake| (wake - now).clamp(0, 400 * DAY))
    }

    async fn wake_up(&mut self) {
        let wait = match self.wake {
            Some(_) => self.until_wake(),
            None => self.dice.between(0, 20 * SECOND),
        };
        let late = if self.dice.percent(80) { self.dice.between(0, 50) } else { self.dice.between(0, HOUR) };
        self.world().advance(wait + late);
        let troubled = self.dice.percent(40);
        let calm = self.pass(troubled).await;
        if calm && self.dice.percent(30) && !self.failed() {
            self.pass(false).await;
        }
    }

    async fn thaw(&mut self) {
        let Some(who) = self.operators.iter().position(|operator| operator.running.is_some()) else { return };
        self.settled = None;
        self.tell(format!("operator {who} goes on"));
        let outcome = self.drive(who, true).await;
        if outcome.is_some() {
            self.tell(format!("operator {who} ends its pass"));
        }
    }

    fn edit(&mut self) {
        let next = self.user.edited(&mut self.dice);
        self.adopt(next);
    }

    /// The user applies another spec. Facts are edited only once the last edit has arrived.
    pub fn adopt(&mut self, next: User) {
        if next.habits != self.user.habits {
            let mut world = self.world();
            // While pods or verifiers are left with what a stranger put there, nobody knows how long that lasts.
            let in_order = world.readers.shelves.values().filter_map(|shelf| shelf.versions.last());
            let in_order = in_order.into_iter().all(|version| !version.by_stranger);
            if world.awaited.is_some() || world.keyring.is_none() || !in_order {
                return;
            }
            let now = world.now;
            let lived = self.user.habits.smallest(next.habits);
            let real = world.sabotage.real(lived);
            world.readers.habits.change(now, real);
            world.awaited = Some(next.habits);
            let bound = lived.skew / 2;
            world.off = world.off.map(|off| if world.sabotage.wild_clocks { off } else { off.clamp(-bound, bound) });
        }
        let edits = self.user.edits + 1;
        self.user = User { edits, refused: None, ..next };
        self.world().policy = self.user.policy().expect("the user states what is allowed");
        let shown = self.user.shown();
        self.unsettle(&format!("the spec is {shown}"));
    }

    fn revoke(&mut self) {
        let kids: Vec<String> = match &self.world().keyring {
            Some((keyring, _)) => keyring.keys.iter().map(|key| key.kid.clone()).collect(),
            None => Vec::new(),
        };
        if kids.is_empty() {
            return;
        }
        let kid = self.dice.pick(&kids).clone();
        self.user.revoked.push(kid.clone());
        self.user.edits += 1;
        self.unsettle(&format!("{kid} is to be revoked"));
    }

    /// An edit that the policy refuses, or its end. The spec before it counts only if a pass has gone by it.
    fn make_a_mistake(&mut self) {
        if self.user.refused.take().is_some() {
            self.user.edits += 1;
            self.unsettle("the mistake is mended");
        } else if self.settled.is_some() {
            self.user.refused = Some(self.user.mistaken(&mut self.dice));
            self.user.edits += 1;
            self.unsettle("a mistaken spec is refused");
            if self.dice.percent(40) {
                self.revoke();
            }
        }
    }

    /// Someone edits or deletes an output.
    async fn drift(&mut self) {
        let ids: Vec<OutputId> = self.world().objects.keys().cloned().collect();
        if ids.is_empty() {
            return;
        }
        let id = self.dice.pick(&ids).clone();
        let object = self.world().objects[&id].clone();
        let kind = self.dice.between(0, 5);
        let (what, object) = match kind {
            0 | 1 => ("deleted", None),
            2 => {
                let files = [("jwks.json".to_owned(), b"{\"keys\":[]}".to_vec().into())].into();
                ("emptied", Some(Object { files, ..object }))
            }
            3 => ("stripped of its header", Some(Object { header: None, ..object })),
            4 => ("stripped of a label", Some(Object { dressed: false, ..object })),
            _ => ("replaced by a stranger", Some(Object { foreign: true, header: None, ..object })),
        };
        self.unsettle(&format!("{} is {what}", id.name));
        self.world().tamper(&id, object);
        if self.dice.percent(60) {
            let wait = self.dice.between(0, 5 * SECOND);
            self.world().advance(wait);
            let troubled = self.dice.percent(25);
            self.pass(troubled).await;
        }
        self.clear_strangers(70);
    }

    pub fn clear_strangers(&mut self, chance: i64) {
        let world = self.world();
        let foreign: Vec<OutputId> =
            world.objects.iter().filter(|(_, object)| object.foreign).map(|(id, _)| id.clone()).collect();
        drop(world);
        for id in foreign {
            if self.dice.percent(chance) {
                self.unsettle(&format!("the stranger leaves the place of {}", id.name));
                self.world().tamper(&id, None);
            }
        }
    }

    fn damage(&mut self) {
        if let Some(revision) = self.lost.take() {
            match self.backup.clone().filter(|_| self.dice.percent(50)) {
                Some(backup) => {
                    self.unsettle(&format!("keyring {} is brought back from a backup", backup.revision));
                    self.world().bring_back(backup);
                }
                None => {
                    self.user.accepted_loss = Some(revision);
                    self.unsettle(&format!("the loss of keyring {revision} is accepted"));
                }
            }
            return;
        }
        let to = self.backup.clone().filter(|_| self.dice.percent(50));
        // A backup from before a recovery can't check what was written since.
        let to = to.filter(|backup| self.world().is_of_this_keyring(backup));
        let shown = to.as_ref().map_or("lost".to_owned(), |keyring| format!("set back to {}", keyring.revision));
        self.unsettle(&format!("the keyring is {shown}"));
        self.world().damage(to);
    }

    pub fn step_clocks(&mut self) {
        let skew = {
            let world = self.world();
            let skew = world.readers.habits.at(world.now).skew / 2;
            if world.sabotage.wild_clocks { skew.max(HOUR) } else { skew }
        };
        let off = std::array::from_fn(|_| self.dice.between(-skew, skew));
        self.world().off = off;
        self.unsettle(&format!("the clocks are off by {off:?} ms"));
    }

    /// Everything is put in order, and then nothing befalls the set any more: it keeps its rhythm by itself.
    pub async fn end_well(&mut self) {
        for operator in &mut self.operators {
            operator.crash();
        }
        self.clear_strangers(100);
        let edits = self.user.edits + 1;
        let mut last = User { edits, refused: None, ..self.user.clone() };
        last.paused = false;
        last.confirm = false;
        last.standby = self.dice.percent(50);
        last.rotation = Rhythm::Interval(30 * DAY);
        self.user = last;
        self.world().policy = self.user.policy().expect("the user states what is allowed");
        self.unsettle("from now on all is well");
        self.world().advance(2 * 60 * SECOND);
        let mut end = self.world().now + 130 * DAY;
        for _ in 0..120 {
            self.pass(false).await;
            if self.failed() {
                return;
            }
            if let Some(revision) = self.lost.take() {
                self.user.accepted_loss = Some(revision);
                self.unsettle("the loss is accepted");
                end = self.world().now + 130 * DAY;
                continue;
            }
            let wait = self.until_wake();
            if self.world().now + wait > end {
                break;
            }
            self.world().advance(wait);
        }
        self.check_rhythm();
    }

    fn check_rhythm(&mut self) {
        let lines = self.user.asked().lines;
        let ready = self.ready;
        let mut world = self.world();
        let now = world.now;
        let Some((keyring, _)) = world.keyring.clone() else {
            world.violate("liveness: there is no keyring");
            return;
        };
        if !ready {
            world.violate("liveness: the set is not ready in the end");
        }
        for (line, usage) in lines {
            let Some(active) = keyring.active(&line, usage) else {
                world.violate(format!("liveness: {line} has no active key in the end"));
                continue;
            };
            let promoted =
                world.keys.get(&active.kid).and_then(|known| known.promoted).map_or(0, |promoted| promoted.at);
            if promoted < now - 45 * DAY {
                world.violate(format!("liveness: {line} did not rotate for 45 days"));
            }
            let retired = keyring.keys.iter().filter(|key| key.belongs_to(&line, usage) && key.is_retired()).count();
            if retired > 3 {
                world.violate(format!("liveness: {retired} retired keys of {line} are left after months"));
            }
        }
        let kinds = world.objects.keys().filter(|id| id.kind == OutputKind::Secret).count();
        if kinds == 0 {
            world.violate("liveness: there is no Secret");
        }
    }
}
