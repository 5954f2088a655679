//! A set that lives on a cluster, as the commands look at it.

use chrono::{SubsecRound, TimeDelta, Utc};

use super::Failure;
use super::plan::Planned;
use crate::api::{self, Condition, ConditionReason, ConditionStatus, Halt, JwksKeySet, JwksKeySetStatus, KeyStatus};
use crate::engine::Request;
use crate::forecast::{Known, StandIns, horizon};
use crate::keyring::{Phase, Time};
use crate::lifecycle::Policy;
use crate::store::{SetRef, kubernetes};
use crate::timeline::{InForce, Timeline, TimelineError, in_force, known};

/// After this long, what is due should have happened, and the status should tell.
const LATE: TimeDelta = TimeDelta::minutes(2);

/// A set, and the moment at which it was looked at.
pub(super) struct Living {
    pub(super) resource: JwksKeySet,
    pub(super) now: Time,
}

/// What is imagined of a set, to tell what would follow.
#[derive(Clone, Copy)]
pub(super) enum WhatIf<'a> {
    /// All goes on as it is.
    Nothing,
    /// A rotation is asked for.
    Rotated,
    /// A key is revoked.
    Revoked(&'a str),
    /// A key is confirmed.
    Confirmed(&'a str),
}

impl Living {
    pub(super) fn new(resource: JwksKeySet) -> Self {
        Self { resource, now: Utc::now().trunc_subsecs(0) }
    }

    /// `namespace/name`
    pub(super) fn id(&self) -> String {
        let of = |part: &Option<String>| part.clone().unwrap_or_default();
        format!("{}/{}", of(&self.resource.metadata.namespace), of(&self.resource.metadata.name))
    }

    /// What the operator told last; nothing yet, if it is new.
    pub(super) fn status(&self) -> JwksKeySetStatus {
        self.resource.status.clone().unwrap_or_default()
    }

    /// What was, is and will be, as far as `length` from now.
    pub(super) fn planned(&self, length: Option<TimeDelta>, what_if: WhatIf<'_>) -> Result<Planned, Failure> {
        let stand_ins = StandIns::generate().map_err(Failure::new)?;
        let refused = |error: TimelineError| Failure::new(format!("{}: {error}", self.id()));
        let counts = in_force(&self.resource, kubernetes::WRITE_BOUND).map_err(|error| refused(error.into()))?;
        let InForce { mut policy, spec: _, refused: stated } = counts;
        let mut known = known(&self.resource, &policy, self.now).map_err(|error| refused(error.into()))?;
        what_if.imagine(&mut policy, &mut known);
        let until = length.map_or_else(|| horizon(&policy, self.now), |length| self.now + length);
        let timeline = Timeline::new(&policy, &known, &stand_ins, self.now, until);
        let refused = stated.into_iter().flat_map(|errors| errors.0).map(|error| error.to_string()).collect();
        Ok(Planned { policy, timeline, refused })
    }

    /// The set as the engine is asked for it, with the spec that counts.
    pub(super) fn request(&self) -> Request {
        let JwksKeySet { metadata, spec, status: _ } = self.resource.clone();
        let spec = in_force(&self.resource, kubernetes::WRITE_BOUND).map_or(spec, |counts| counts.spec);
        let set = SetRef {
            namespace: metadata.namespace.unwrap_or_default(),
            name: metadata.name.unwrap_or_default(),
            owner: None,
        };
        Request {
            set,
            spec,
            rotate: None,
            confirmed: metadata.annotations.as_ref().map(api::confirmed_kids).unwrap_or_default(),
            remembered: None,
            set_back: false,
            accepted_loss: None,
            edit: None,
        }
    }

    /// Whether every line has a key that may be used, and the operator has seen the spec as it is.
    pub(super) fn is_ready(&self) -> bool {
        self.status().is_true(api::READY) && !self.is_unseen()
    }

    fn is_unseen(&self) -> bool {
        self.status().observed_generation < self.resource.metadata.generation
    }

    /// Why the operator does nothing of that weight for this set until someone acts.
    pub(super) fn halt(&self, weight: Halt) -> Option<String> {
        let status = self.status();
        let halts = |one: &&Condition| match one.type_.as_str() {
            api::KEYRING_LOST => one.status == ConditionStatus::True,
            api::READY if one.status == ConditionStatus::False => {
                let reason = ConditionReason::ALL.into_iter().find(|reason| reason.name() == one.reason);
                // What is said of an earlier spec may be mended, and while one is refused the one before may go on.
                let is_moot = reason == Some(ConditionReason::SpecInvalid)
                    && (self.is_unseen() || status.spec_in_force.is_some());
                reason.is_some_and(|reason| reason.halts() >= weight) && !is_moot
            }
            _ => false,
        };
        let halt = status.conditions.iter().find(halts)?;
        Some(format!("nothing happens until this is settled: {} ({}): {}", halt.type_, halt.reason, halt.message))
    }

    /// What someone should look at, each with what to do.
    pub(super) fn problems(&self) -> Vec<String> {
        let status = self.status();
        let operator = "see whether `keyturn controller` runs in the cluster and watches this namespace";
        if status.conditions.is_empty() {
            return vec![format!("no operator has looked at this key set yet: {operator}")];
        }
        let mut problems: Vec<String> = Vec::new();
        if status.observed_generation.is_some() && self.is_unseen() {
            problems.push(format!("the operator has not looked at the last change of the spec yet: {operator}"));
        }
        for one in &status.conditions {
            let bad = if one.type_ == api::READY { ConditionStatus::False } else { ConditionStatus::True };
            let told = problems.iter().any(|problem| problem.contains(&one.message));
            // That passes by itself, at the time that is told as what comes next.
            let passes = one.reason == ConditionReason::LeadNotPassed.name();
            if one.status == bad && !told && !passes {
                problems.push(format!("{} ({}): {}", one.type_, one.reason, one.message));
            }
        }
        let next = status.next_transition.as_ref();
        let time = next.and_then(|next| next.time.as_ref()?.parse::<Time>().ok());
        if let (Some(next), Some(time)) = (next, time)
            && self.now - time > LATE
        {
            problems.push(format!(
                "key {} was to become {} at {}, and the status tells nothing of it: {operator}",
                next.kid,
                next.to,
                next.time.clone().unwrap_or_default()
            ));
        }
        problems
    }

    /// The key of that ID, or the only one whose ID begins so.
    pub(super) fn key(&self, kid: &str) -> Result<KeyStatus, Failure> {
        let keys = self.status().keys;
        if let Some(key) = keys.iter().find(|key| key.kid == kid) {
            return Ok(key.clone());
        }
        let mut begin: Vec<&KeyStatus> = keys.iter().filter(|key| key.kid.starts_with(kid)).collect();
        if let (Some(only), true) = (begin.pop(), begin.is_empty() && !kid.is_empty()) {
            return Ok(only.clone());
        }
        let known: Vec<String> =
            keys.iter().map(|key| format!("  {} ({}, {})", key.kid, key.line, key.phase)).collect();
        if known.is_empty() {
            return Err(Failure::new(format!("{} has no keys yet", self.id())));
        }
        let what = if begin.is_empty() { "no key has" } else { "several keys have a kid that begins with" };
        let what = if begin.is_empty() { format!("{what} the kid {kid:?}") } else { format!("{what} {kid:?}") };
        Err(Failure::new(format!("{}: {what}. Its keys are\n{}", self.id(), known.join("\n"))))
    }
}

impl WhatIf<'_> {
    fn imagine(self, policy: &mut Policy, known: &mut Known) {
        match self {
            Self::Nothing => {}
            Self::Rotated => {
                for key in &mut known.keys {
                    if let Phase::Active { rotation_asked, .. } = &mut key.phase {
                        *rotation_asked = true;
                    }
                }
            }
            Self::Revoked(kid) => {
                policy.revoked.insert(kid.to_owned());
            }
            Self::Confirmed(kid) => {
                known.confirmed.insert(kid.to_owned());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::lifecycle::fixtures::spec;

    #[allow(clippy::needless_pass_by_value, reason = "callers write the status in place")]
    fn living(conditions: &[(&str, &str, &str)], more: Value) -> Living {
        let mut resource = JwksKeySet::new("auth", spec(json!({})));
        resource.metadata.generation = Some(2);
        let conditions = conditions.iter().map(|(type_, status, reason)| {
            json!({ "type": type_, "status": status, "reason": reason, "message": "m", "lastTransitionTime": "2027-01-01T00:00:00Z" })
        });
        let mut status = json!({ "observedGeneration": 2, "conditions": conditions.collect::<Vec<_>>() });
        status.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        resource.status = Some(serde_json::from_value(status).unwrap());
        Living::new(resource)
    }

    #[test]
    fn a_lead_that_passes_by_itself_is_no_problem() {
        let problems = |reason| living(&[("Rotating", "True", reason)], json!({})).problems();
        assert_eq!(problems("LeadNotPassed"), [""; 0]);
        assert_eq!(problems("NotConfirmed"), ["Rotating (NotConfirmed): m"]);
    }

    #[test]
    fn whatever_halts_a_set_is_told() {
        let halts = |conditions: &[(&str, &str, &str)], more: Value| {
            let set = living(conditions, more);
            [Halt::AllButRevocation, Halt::Everything].map(|weight| set.halt(weight).is_some())
        };
        let not_ready = |reason| halts(&[("Ready", "False", reason)], json!({}));
        for reason in ["KeyringSealed", "KeyringUnreadable", "KeyringTaken", "SpecInvalid", "StoreFailed"] {
            assert_eq!(not_ready(reason), [true, true], "{reason}");
        }
        for reason in ["ReferenceMissing", "ReferenceUnusable", "OutputNotRendered"] {
            assert_eq!(not_ready(reason), [true, false], "{reason}: a revocation waits for no passphrase");
        }
        for reason in ["FirstKeysWait", "GeneratingKeys", "OutputContested", "OutputTaken", "OfALaterVersion"] {
            assert_eq!(not_ready(reason), [false, false], "{reason}");
        }
        assert_eq!(
            halts(&[("Ready", "True", "KeysReady"), ("KeyringLost", "True", "KeyringLost")], json!({})),
            [true; 2]
        );
        assert_eq!(
            halts(&[("Ready", "True", "KeysReady"), ("KeyringLost", "False", "KeyringPresent")], json!({})),
            [false; 2]
        );
        let invalid = &[("Ready", "False", "SpecInvalid")];
        assert_eq!(halts(invalid, json!({ "specInForce": {} })), [false; 2], "the spec before goes on");
        assert_eq!(halts(invalid, json!({ "observedGeneration": 1 })), [false; 2], "it may be mended");
    }

    #[test]
    fn while_a_spec_is_refused_the_one_before_is_told() {
        let mut set = living(&[("Ready", "False", "SpecInvalid")], json!({ "specInForce": spec(json!({})) }));
        set.resource.spec.rotation.interval = "1s".into();
        let planned = set.planned(None, WhatIf::Nothing).unwrap();
        assert_eq!(planned.refused.len(), 1, "{:?}", planned.refused);
        assert_eq!(set.request().spec, spec(json!({})));
        let told = crate::cli::plan::words::tell_living(
            &set.request(),
            &planned,
            &[],
            &crate::cli::picture::Strokes::ASCII,
            100,
        );
        assert!(told.contains("All that follows is of the spec before") && !told.contains("every 1s."), "{told}");
        set.resource.status.as_mut().unwrap().spec_in_force = None;
        assert!(set.planned(None, WhatIf::Nothing).is_err());
    }
}
