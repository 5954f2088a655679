//! Where the forecast of a set that lives already begins: with the keys that it has, around stand-ins.

use std::collections::BTreeSet;

use super::{InMemory, Life};
use crate::jose::{Algorithm, KeyChoice, KeySpec, Thumbprint};
use crate::keyring::{Key, Keyring, Mark, Phase, SettledFacts, Time};
use crate::lifecycle::policy::{Line, Policy};
use crate::publish::Roles;

/// A set as it stands.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// Its keys, oldest first.
    pub keys: Vec<KnownKey>,
    /// Earlier facts that still count, where they are known.
    pub facts: Option<SettledFacts>,
    /// Kids that someone confirmed to have registered.
    pub confirmed: BTreeSet<String>,
    /// Nothing goes on, because its keyring is lost.
    pub halted: bool,
}

/// A key that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownKey {
    /// Key ID.
    pub kid: String,
    /// Name of its line, which the spec may not have any more.
    pub line: String,
    /// Its algorithm.
    pub algorithm: Algorithm,
    /// When it was made, or adopted.
    pub minted: Time,
    /// Since when all who must know it first can read it. A key of which that is not known is taken to be published at once.
    pub published: Option<Time>,
    /// When its confirmation was accepted.
    pub confirmed: Option<Time>,
    /// Of a retired one: whether every output has given it up, so that the time of its removal is known.
    pub given_up: bool,
    /// Where it stands in its life.
    pub phase: Phase,
}

impl KnownKey {
    /// What a keyring knows of a key, and its outputs: since when it is published, and whether none uses it any more.
    pub fn of(key: &Key, published: Option<Time>, given_up: bool) -> Self {
        let Key { kid, line, algorithm, minted, confirmed, phase, .. } = key.clone();
        Self { kid, line, algorithm, minted, published, confirmed, given_up, phase }
    }

    /// Since when it is, or was, the one in use.
    pub fn active(&self) -> Option<Time> {
        match self.phase {
            Phase::Standby => None,
            Phase::Active { active_since, .. } => Some(active_since),
            Phase::Retired { active_since, .. } => active_since,
        }
    }

    /// Since when it is retired.
    pub fn retired(&self) -> Option<Time> {
        match self.phase {
            Phase::Retired { retired_since, .. } => Some(retired_since),
            Phase::Standby | Phase::Active { .. } => None,
        }
    }

    fn line(&self, policy: &Policy) -> Option<Line> {
        if let Some(line) = policy.line(&self.line, self.algorithm.usage())
            && line.algorithm == self.algorithm
        {
            return Some(line.clone());
        }
        let spec = KeySpec::new(self.algorithm, KeyChoice::default()).ok()?;
        Some(Line { name: self.line.clone(), algorithm: self.algorithm, spec })
    }

    /// What stands for its thumbprint, which nobody sees: it only has to differ from the others', so that the revocation
    /// of one key is not that of another.
    fn thumbprint(&self, keyring: &Keyring) -> Thumbprint {
        let digest = keyring.mac_key.digest([self.kid.as_bytes()]).0;
        let mut octets = [0; 32];
        for (octet, byte) in octets.iter_mut().zip(digest.bytes()) {
            *octet = byte;
        }
        Thumbprint::from_octets(octets)
    }

    /// Since when an output surely holds it, as far as is known; what is not known begins now.
    fn mark(&self, mark: &mut Mark, now: Time) {
        let acknowledged = match self.phase {
            Phase::Retired { retired_since, .. } if self.given_up => retired_since,
            _ => now,
        };
        mark.held = mark.held.map(|_| self.published.or(self.active()).unwrap_or(now));
        mark.active = mark.active.and(self.active());
        mark.inactive = mark.inactive.map(|_| acknowledged);
    }
}

impl InMemory<'_> {
    /// Keys that live already are there from the beginning, in every output that is to hold them.
    pub(super) fn begin_with(&mut self, known: &Known, now: Time) -> Result<(), crate::material::CertificateError> {
        for one in &known.keys {
            let Some(line) = one.line(&self.policy) else { continue };
            let private = self.stand_in(one.algorithm).clone();
            let keeps =
                !matches!(one.phase, Phase::Retired { .. }) || self.policy.publisher.keeps_all_loaded(one.algorithm);
            let count = self.minted.entry(line.name.clone()).or_default();
            *count += 1;
            self.living.push(Life {
                kid: one.kid.clone(),
                number: *count,
                line: line.clone(),
                adopted: false,
                minted: one.minted,
                published: one.published,
                held: None,
                active: one.active(),
                retired: one.retired(),
                removed: None,
            });
            let thumbprint = one.thumbprint(&self.keyring);
            self.keyring.keys.push(Key {
                kid: one.kid.clone(),
                line: line.name,
                algorithm: line.algorithm,
                spec: line.spec,
                adopted_for: None,
                thumbprint,
                public: private.public().cloned(),
                private: keeps.then_some(private),
                certificate: None,
                minted: one.minted,
                confirmed: one.confirmed,
                phase: one.phase.clone(),
            });
        }
        if let Some(facts) = &known.facts {
            self.keyring.facts = facts.clone();
        }
        self.keyring.revision = 1;
        self.confirmed.clone_from(&known.confirmed);
        self.certify()?;
        for output in &self.policy.outputs {
            let mut marks = Roles::new(output, self.policy.publisher, &self.keyring).marks(&self.keyring, None, now);
            for one in &known.keys {
                if let Some(mark) = marks.get_mut(&one.kid) {
                    one.mark(mark, now);
                }
            }
            self.outputs.insert(output.id(), marks);
        }
        self.note(now);
        Ok(())
    }
}
