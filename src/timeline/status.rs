//! What a resource's status tells of the keys.

use chrono::TimeDelta;

use crate::api::{self, JwksKeySet, JwksKeySetSpec, KeyStatus};
use crate::forecast::{Known, KnownKey};
use crate::jose::UnknownAlgorithm;
use crate::keyring::{Phase, Time};
use crate::lifecycle::policy::{Policy, PolicyErrors};

/// Why a status can't be read. The operator of another version wrote it, or someone by hand.
#[derive(Debug, thiserror::Error)]
pub enum StatusError {
    /// A time that is none.
    #[error(
        "status.keys: {field} of {kid} is {value:?}, which is no time of RFC 3339: use the keyturn of the operator's version"
    )]
    Time {
        /// Of which key.
        kid: String,
        /// Which field.
        field: &'static str,
        /// What stands there.
        value: String,
    },
    /// A phase that is not known.
    #[error("status.keys: {kid} is in the unknown phase {phase:?}: use the keyturn of the operator's version")]
    Phase {
        /// Of which key.
        kid: String,
        /// What stands there.
        phase: String,
    },
    /// An algorithm that is not known.
    #[error("status.keys: {kid}: {source}; use the keyturn of the operator's version")]
    Algorithm {
        /// Of which key.
        kid: String,
        /// What is wrong with it.
        source: UnknownAlgorithm,
    },
}

/// The policy that a set is kept by: what it states; or while that is refused, for the reasons given beside it, the spec that the status
/// says goes on, with what the refused one revokes.
///
/// # Errors
/// Why the spec is refused, where the status tells of no other.
pub fn in_force(set: &JwksKeySet, write_bound: TimeDelta) -> Result<InForce, PolicyErrors> {
    let name = set.metadata.name.as_deref().unwrap_or_default();
    let refused = match Policy::parse(name, &set.spec, write_bound) {
        Ok(policy) => return Ok(InForce { policy, spec: set.spec.clone(), refused: None }),
        Err(refused) => refused,
    };
    let told = set.status.as_ref().and_then(|status| status.spec_in_force.clone());
    let spec = told.and_then(|spec| serde_json::from_value::<JwksKeySetSpec>(spec).ok());
    let parse = |spec| Some((Policy::parse_instead(name, &spec, &set.spec, write_bound).ok()?, spec));
    let Some((policy, spec)) = spec.and_then(parse) else { return Err(refused) };
    Ok(InForce { policy, spec, refused: Some(refused) })
}

/// See [`in_force`].
#[derive(Debug)]
pub struct InForce {
    /// The policy.
    pub policy: Policy,
    /// The spec that it is made from.
    pub spec: JwksKeySetSpec,
    /// Why the spec that is stated is none.
    pub refused: Option<PolicyErrors>,
}

/// The set as its status tells. A key of which no time is told is taken to be made at `now`.
///
/// # Errors
/// [`StatusError`]
pub fn known(set: &JwksKeySet, policy: &Policy, now: Time) -> Result<Known, StatusError> {
    let Some(status) = &set.status else { return Ok(Known::default()) };
    Ok(Known {
        keys: status.keys.iter().map(|key| known_key(key, policy, now)).collect::<Result<_, _>>()?,
        facts: None,
        confirmed: set.metadata.annotations.as_ref().map(api::confirmed_kids).unwrap_or_default(),
        halted: status.is_true(api::KEYRING_LOST),
    })
}

fn known_key(key: &KeyStatus, policy: &Policy, now: Time) -> Result<KnownKey, StatusError> {
    let kid = key.kid.clone();
    let time = |field, value: &Option<String>| time(&kid, field, value.as_deref());
    let active = time("activeTime", &key.active_time)?;
    let retired = time("retiredTime", &key.retired_time)?;
    let published = time("publishedTime", &key.published_time)?;
    let algorithm = key.algorithm.parse().map_err(|source| StatusError::Algorithm { kid: kid.clone(), source })?;
    let phase = match (key.phase.as_str(), active, retired) {
        ("Standby", ..) => Phase::Standby,
        ("Active", Some(active_since), _) => Phase::Active {
            active_since,
            rotation_due: time("rotationTime", &key.rotation_time)?.or_else(|| policy.rotation_due(active_since)),
            rotation_asked: key.rotation_requested.unwrap_or_default(),
        },
        ("Retired", active_since, Some(retired_since)) => {
            let not_before = time("removalTime", &key.removal_time)?;
            Phase::Retired { active_since, retired_since, not_before }
        }
        (phase, ..) => return Err(StatusError::Phase { kid, phase: phase.to_owned() }),
    };
    let minted = time("mintedTime", &key.minted_time)?;
    // An operator of an earlier version does not tell when a key was made.
    let minted = minted.or_else(|| [published, active, retired].into_iter().flatten().min());
    let confirmed = time("confirmedTime", &key.confirmed_time)?;
    let minted = minted.unwrap_or(now);
    let given_up = key.removal_time.is_some();
    Ok(KnownKey { kid, line: key.line.clone(), algorithm, minted, published, confirmed, given_up, phase })
}

fn time(kid: &str, field: &'static str, value: Option<&str>) -> Result<Option<Time>, StatusError> {
    let read = |value: &str| {
        chrono::DateTime::parse_from_rfc3339(value).map(|time| time.to_utc()).map_err(|_| StatusError::Time {
            kid: kid.to_owned(),
            field,
            value: value.to_owned(),
        })
    };
    value.map(read).transpose()
}
