//! Readers who move to another output, or to another publisher, in the order that the documentation asks for.

use keyturn::lifecycle::policy::{OutputId, OutputKind};

use super::story::Story;
use super::user::User;

/// A move under way.
#[derive(Default)]
pub enum Move {
    #[default]
    None,
    /// Readers have left these; when their caches are empty the spec changes.
    Leaving { outputs: Vec<OutputId>, pods: bool, next: Box<User> },
}

impl Move {
    pub fn leaves(&self, id: &OutputId) -> bool {
        matches!(self, Self::Leaving { outputs, .. } if outputs.contains(id))
    }

    pub fn leaves_pods(&self) -> bool {
        matches!(self, Self::Leaving { pods: true, .. })
    }
}

impl Story {
    /// One step of a move, where the set is ready for it.
    pub fn go_on_moving(&mut self) {
        if let Move::Leaving { outputs, pods, next } = std::mem::take(&mut self.moves) {
            let cache = {
                let world = self.world();
                world.readers.habits.at(world.now).cache
            };
            if pods || outputs.iter().any(|id| id.kind == OutputKind::ConfigMap) {
                self.world().advance(cache);
            }
            let mut user = self.user.clone();
            user.maps = next.maps;
            user.secrets = next.secrets;
            user.by_signer = next.by_signer;
            if user.is_allowed() {
                self.adopt(user);
            }
            return;
        }
        if !self.ready || self.settled.is_none() {
            return;
        }
        let mut next = self.user.clone();
        match self.dice.between(0, 3) {
            0 => {
                let other = if next.maps.contains("m1") { "m2" } else { "m1" };
                if next.maps.insert(other) && next.is_allowed() {
                    self.adopt(next);
                }
            }
            1 => {
                let other = if next.secrets.contains("s1") { "s2" } else { "s1" };
                if next.secrets.insert(other) && next.is_allowed() {
                    self.adopt(next);
                }
            }
            2 => {
                // Leave one of several outputs, or the last ConfigMap where the pods publish.
                let from_maps = self.dice.percent(50);
                let (names, kind) = if from_maps {
                    (&mut next.maps, OutputKind::ConfigMap)
                } else {
                    (&mut next.secrets, OutputKind::Secret)
                };
                let Some(name) = names.iter().next().copied() else { return };
                names.remove(name);
                if names.is_empty() && (!from_maps || !next.by_signer) {
                    return;
                }
                if next.is_allowed() {
                    self.leave(vec![OutputId { kind, name: name.to_owned() }], false, next);
                }
            }
            _ if next.by_signer => {
                next.by_signer = false;
                if next.is_allowed() && !next.maps.is_empty() {
                    self.leave(Vec::new(), true, next);
                }
            }
            _ => {
                next.by_signer = true;
                if next.is_allowed() {
                    self.adopt(next);
                }
            }
        }
    }

    fn leave(&mut self, outputs: Vec<OutputId>, pods: bool, next: User) {
        let mut world = self.shared.lock().unwrap();
        let now = world.now;
        let names: Vec<&str> = outputs.iter().map(|id| id.name.as_str()).collect();
        world.tell(format!("readers leave {names:?}{}", if pods { " and the pods" } else { "" }));
        for id in &outputs {
            for reader in world.readers.shelves.get_mut(id).into_iter().flat_map(|shelf| &mut shelf.readers) {
                reader.1 = reader.1.min(now);
            }
        }
        if pods {
            for reader in &mut world.readers.of_pods {
                reader.1 = reader.1.min(now);
            }
        }
        drop(world);
        self.moves = Move::Leaving { outputs, pods, next: Box::new(next) };
    }
}
