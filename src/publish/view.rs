//! A keyring as its files see it: the keys in their order, and what is said of each.

use std::cmp::Reverse;

use super::RenderError;
use crate::jose::{OptionalMembers, PrivateJwk, PublicJwk};
use crate::keyring::{Key, Keyring, Phase};
use crate::lifecycle::policy::Policy;
use crate::material::Certificate;

/// The keys of a set in the order in which they are written.
pub(super) struct View<'a> {
    pub(super) policy: &'a Policy,
    pub(super) keys: Vec<&'a Key>,
    /// `exp` of every JWK.
    exp: Option<i64>,
}

impl<'a> View<'a> {
    pub(super) fn new(policy: &'a Policy, keyring: &'a Keyring) -> Self {
        let ends = |key: &Key| match key.certificate.as_ref().and_then(|certificate| certificate.validity().ok()) {
            Some(validity) => Some(validity.not_after),
            None => policy.certificate.as_ref().and_then(|certificate| certificate.ends(key.minted)),
        };
        let last = keyring.keys.iter().filter_map(ends).max();
        let exp = policy.jwk.exp.zip(last).map(|(units, last)| last.timestamp() * units);
        Self { policy, keys: ordered(policy, keyring), exp }
    }

    /// The public JWK of a key; `None` for a symmetric one.
    pub(super) fn public_jwk(&self, key: &Key) -> Result<Option<PublicJwk>, RenderError> {
        let jwk = key.public_jwk().map_err(|why| RenderError::key(key, why))?;
        Ok(jwk.map(|jwk| jwk.with(self.optional(key))))
    }

    /// The private JWK of a key; `None` for one whose private half is gone.
    pub(super) fn private_jwk(&self, key: &Key) -> Result<Option<PrivateJwk>, RenderError> {
        let Some(private) = &key.private else { return Ok(None) };
        let jwk = private.to_jwk(&key.kid, key.algorithm).map_err(|why| RenderError::key(key, why))?;
        Ok(Some(jwk.with(self.optional(key))))
    }

    fn optional(&self, key: &Key) -> OptionalMembers {
        let jwk = &self.policy.jwk;
        let minted = key.minted.timestamp();
        let certificate = key.certificate.as_ref();
        OptionalMembers {
            key_ops: jwk.key_ops,
            key_ops_type: jwk.key_ops_type.map(str::to_owned).into_iter().collect(),
            x5c: certificate.filter(|_| jwk.x5c).map(Certificate::x5c).into_iter().collect(),
            x5t_s256: certificate.filter(|_| jwk.x5t_s256).map(Certificate::x5t_s256),
            iat: jwk.iat.then_some(minted),
            // A reader whose clock is behind must not refuse a key that signs the moment it is made.
            nbf: jwk.nbf.then_some(minted - self.policy.facts.clock_skew.num_seconds()),
            exp: self.exp,
        }
    }
}

/// The active keys first, since many a reader takes the first key it can use: one that is not active yet must never
/// stand before one that is, whatever line was added above another. Then the next ones, then the retired ones from the
/// newest on; among each the order of the spec's lines, then those of removed lines.
fn ordered<'a>(policy: &Policy, keyring: &'a Keyring) -> Vec<&'a Key> {
    let place = |key: &Key| {
        let line = policy.lines.iter().position(|line| line.name == key.line && line.algorithm.usage() == key.usage());
        let phase = match &key.phase {
            Phase::Active { .. } => (0, None),
            Phase::Standby => (1, None),
            Phase::Retired { retired_since, .. } => (2, Some(Reverse(*retired_since))),
        };
        (phase.0, line.unwrap_or(usize::MAX), key.line.clone(), phase.1)
    };
    let mut keys: Vec<&Key> = keyring.keys.iter().collect();
    keys.sort_by_key(|key| place(key));
    keys
}
