//! What a pass makes of the status.

use chrono::SecondsFormat;
use kube::ResourceExt;

use super::reconcile::problem_reason;
use crate::api::{
    self, Condition, ConditionReason, ConditionStatus, JwksKeySet, JwksKeySetStatus, KeyStatus, NextTransition,
    OutputStatus, SettledStatus,
};
use crate::engine::{KeyReport, News, PassError, Problem, Reason, Report};
use crate::jose::KeyKind;
use crate::keyring::{FormatError, Time};
use crate::lifecycle::Policy;
use crate::lifecycle::plan::{Ahead, Change, Waiting};
use crate::publish::RenderError;
use crate::store::StoreError;
use crate::store::kubernetes::WRITE_BOUND;

pub use crate::api::{KEYRING_LOST, OUTPUT_CONTESTED, READY, ROTATING};

/// The status after a pass. Where the pass failed, what was known before stays.
pub(super) fn after(
    set: &JwksKeySet,
    outcome: &Result<Report, PassError>,
    contested: bool,
    settled: Option<SettledStatus>,
    now: Time,
) -> JwksKeySetStatus {
    let mut status = set.status.clone().unwrap_or_default();
    let lost = matches!(outcome, Ok(report) if is_lost(report));
    if lost {
        // What was planned does not happen; what the keys were is still worth knowing.
        status.next_rotation = None;
        status.next_transition = None;
    } else if let Ok(report) = outcome {
        describe(&mut status, set, report);
    }
    if matches!(outcome, Err(PassError::Spec(_))) {
        status.spec_in_force = None;
    }
    status.settled = settled;
    status.observed_generation = set.metadata.generation;
    set_condition(&mut status, set, now, READY, ready(outcome, contested));
    if let Ok(report) = outcome {
        set_condition(&mut status, set, now, ROTATING, rotating(report));
        set_condition(&mut status, set, now, KEYRING_LOST, keyring_lost(report));
        set_condition(&mut status, set, now, OUTPUT_CONTESTED, output_contested(contested));
    }
    status
}

/// Whether two states differ in words alone.
pub(super) fn says_the_same(before: &JwksKeySetStatus, after: &JwksKeySetStatus) -> bool {
    let without_words = |status: &JwksKeySetStatus| {
        let mut status = status.clone();
        status.conditions.iter_mut().for_each(|condition| condition.message.clear());
        status
    };
    without_words(before) == without_words(after)
}

/// What is told of a set that nothing is told of yet, while its first keys are made, if that takes long.
pub(super) fn beginning(set: &JwksKeySet, now: Time) -> Option<JwksKeySetStatus> {
    if set.status.as_ref().is_some_and(|status| !status.conditions.is_empty()) {
        return None;
    }
    let policy = Policy::parse(&set.name_any(), &set.spec, WRITE_BOUND).ok()?;
    let is_slow = policy.lines.iter().any(|line| line.spec.key_kind() == KeyKind::Rsa);
    if policy.paused || !is_slow {
        return None;
    }
    let mut status = set.status.clone().unwrap_or_default();
    let message = "the first keys are being made; RSA takes seconds, and longer where many sets are new".to_owned();
    set_condition(&mut status, set, now, READY, (ConditionStatus::False, ConditionReason::GeneratingKeys, message));
    Some(status)
}

/// Logs why a set is not ready.
pub(super) fn trouble(status: &JwksKeySetStatus) {
    if let Some(ready) = status.condition(READY).filter(|one| one.status == ConditionStatus::False) {
        tracing::warn!(reason = %ready.reason, since = %ready.last_transition_time, "not ready: {}", ready.message);
    }
}

/// News that only a comparison with the earlier status shows, so that it is told once.
pub(super) fn news(
    before: &JwksKeySetStatus,
    after: &JwksKeySetStatus,
    outcome: &Result<Report, PassError>,
) -> Vec<News> {
    let turned = |type_: &str| {
        let state = |status: &JwksKeySetStatus| status.condition(type_).map(|one| (one.status, one.reason.clone()));
        state(before) != state(after)
    };
    let report = match outcome {
        Ok(report) => report,
        Err(error) if turned(READY) => return vec![News { reason: Reason::Failed, note: error.to_string() }],
        Err(_) => return Vec::new(),
    };
    let mut news = Vec::new();
    let contested = |status: &JwksKeySetStatus| {
        let found = status.condition(OUTPUT_CONTESTED);
        found.filter(|one| one.status == ConditionStatus::True).map(|one| one.message.clone())
    };
    if let (None, Some(note)) = (contested(before), contested(after)) {
        news.push(News { reason: Reason::OutputContested, note });
    }
    if turned(ROTATING) {
        let held = report.ahead.iter().filter(|ahead| is_held(ahead));
        let is_first = |ahead: &Ahead| ahead.waiting == Waiting::Lead && report.without_active.contains(&ahead.line);
        let reason = |ahead| if is_first(ahead) { Reason::FirstHeld } else { Reason::Held };
        news.extend(held.map(|ahead| News { reason: reason(ahead), note: held_note(ahead) }));
    }
    if turned(READY) {
        news.extend(report.problems.iter().filter_map(|problem| {
            let reason = match problem {
                Problem::SpecRefused(_) => Reason::Failed,
                Problem::OutputTaken(_) => Reason::OutputTaken,
                Problem::KeyringLost { .. } | Problem::Unopened { .. } => Reason::KeyringLost,
                Problem::ReferenceMissing(_) => Reason::ReferenceMissing,
                Problem::ImportRefused(_) => Reason::ImportRefused,
                Problem::PublisherChangeWaits { .. } => return None,
            };
            Some(News { reason, note: problem.to_string() })
        }));
    }
    news
}

fn describe(status: &mut JwksKeySetStatus, set: &JwksKeySet, report: &Report) {
    let namespace = set.namespace().unwrap_or_default();
    status.spec_in_force.clone_from(&report.spec_in_force);
    status.keys = report.keys.iter().map(key).collect();
    status.key_count = u32::try_from(report.keys.len()).ok();
    status.keyring_revision = report.revision;
    status.outputs = report
        .outputs
        .iter()
        .map(|output| OutputStatus {
            kind: output.id.kind.name().to_owned(),
            namespace: namespace.clone(),
            name: output.id.name.clone(),
            resource_version: output.version.0.clone(),
        })
        .collect();
    let active: Vec<&KeyReport> = report.keys.iter().filter(|key| key.phase == "Active").collect();
    status.active_kids = match active.as_slice() {
        [] => None,
        [only] => Some(only.kid.clone()),
        several => Some(format!("{} lines", several.len())),
    };
    let next_of = |change: Change| report.ahead.iter().find(|ahead| ahead.to == change && ahead.time.is_some());
    status.next_rotation = next_of(Change::Active).and_then(|ahead| ahead.time).map(shown);
    status.next_transition = report.ahead.iter().find_map(transition);
}

fn key(key: &KeyReport) -> KeyStatus {
    let KeyReport {
        kid,
        line,
        algorithm,
        phase,
        minted,
        published,
        confirmed,
        active,
        rotation_due,
        rotation_asked,
        retired,
        removal,
    } = key;
    KeyStatus {
        kid: kid.clone(),
        line: line.clone(),
        algorithm: algorithm.name().to_owned(),
        use_: algorithm.usage().name().to_owned(),
        phase: (*phase).to_owned(),
        minted_time: Some(shown(*minted)),
        published_time: published.map(shown),
        confirmed_time: confirmed.map(shown),
        active_time: active.map(shown),
        rotation_time: rotation_due.map(shown),
        rotation_requested: rotation_asked.then_some(true),
        retired_time: retired.map(shown),
        removal_time: removal.map(shown),
    }
}

fn transition(ahead: &Ahead) -> Option<NextTransition> {
    Some(NextTransition {
        time: ahead.time.map(shown),
        kid: ahead.kid.clone()?,
        to: ahead.to.name().to_owned(),
        waiting_for: ahead.waiting.to_string(),
    })
}

type State = (ConditionStatus, ConditionReason, String);

fn ready(outcome: &Result<Report, PassError>, contested: bool) -> State {
    let report = match outcome {
        Ok(report) => report,
        Err(error) => return (ConditionStatus::False, error_reason(error), error.to_string()),
    };
    if let Some(problem) = report.problems.first() {
        let all: Vec<String> = report.problems.iter().map(ToString::to_string).collect();
        return (ConditionStatus::False, problem_reason(problem), all.join("; "));
    }
    if report.without_active.is_empty() && contested {
        let message = "every line has an active key, but someone else changes the outputs again and again, so they may not hold \
                       what they should: see the condition OutputContested";
        return (ConditionStatus::False, ConditionReason::OutputContested, message.to_owned());
    }
    if report.without_active.is_empty() {
        let message =
            format!("{} keys; every line has an active one, and every output holds what it should", report.keys.len());
        return (ConditionStatus::True, ConditionReason::KeysReady, message);
    }
    let waits = report.ahead.iter().filter(|ahead| report.without_active.contains(&ahead.line));
    let paused = waits.clone().any(|ahead| ahead.waiting == Waiting::Pause);
    let at = waits.filter(|ahead| ahead.to == Change::Active).filter_map(|ahead| ahead.time).max();
    let message = format!(
        "the first key of {} becomes active when all who need it can know it{}",
        report.without_active.join(", "),
        at.map(|time| format!(", at {}", shown(time))).unwrap_or_default()
    );
    if paused {
        (
            ConditionStatus::False,
            ConditionReason::Paused,
            "rotation.paused keeps the first keys from being made: set it to false".to_owned(),
        )
    } else {
        (ConditionStatus::False, ConditionReason::FirstKeysWait, message)
    }
}

fn rotating(report: &Report) -> State {
    if is_lost(report) {
        return (
            ConditionStatus::False,
            ConditionReason::Halted,
            "nothing rotates while the keyring is lost".to_owned(),
        );
    }
    match report.ahead.iter().find(|ahead| is_held(ahead)) {
        Some(ahead) if ahead.waiting == Waiting::Confirmation && !report.strange_confirmations.is_empty() => {
            let strange = report.strange_confirmations.join(", ");
            let note = format!(
                "{}; the annotation {} names {strange}, which is no key of this set",
                held_note(ahead),
                api::CONFIRM
            );
            (ConditionStatus::True, held_reason(ahead), note)
        }
        Some(ahead) => (ConditionStatus::True, held_reason(ahead), held_note(ahead)),
        None => (ConditionStatus::False, ConditionReason::Idle, "no rotation is due".to_owned()),
    }
}

fn keyring_lost(report: &Report) -> State {
    match report.problems.iter().find(|problem| problem.is_loss()) {
        Some(problem) => (ConditionStatus::True, ConditionReason::KeyringLost, problem.to_string()),
        None => (ConditionStatus::False, ConditionReason::KeyringPresent, "the keyring is there".to_owned()),
    }
}

fn output_contested(contested: bool) -> State {
    if contested {
        let message = "someone else changes the outputs as often as they are restored, so they are restored less and less \
                       often: see metadata.managedFields of the Secrets and ConfigMaps for who it is (a webhook, a GitOps \
                       tool), and exclude objects labelled keyturn.dev/key-set there";
        (ConditionStatus::True, ConditionReason::OthersWrite, message.to_owned())
    } else {
        (ConditionStatus::False, ConditionReason::Uncontested, "nobody else writes to the outputs".to_owned())
    }
}

fn is_lost(report: &Report) -> bool {
    report.problems.iter().any(Problem::is_loss)
}

pub(super) fn is_held(ahead: &Ahead) -> bool {
    ahead.to == Change::Active && ahead.held
}

pub(super) fn held_reason(ahead: &Ahead) -> ConditionReason {
    match ahead.waiting {
        Waiting::Lead | Waiting::Rotation | Waiting::Retention | Waiting::AddedLines => ConditionReason::LeadNotPassed,
        Waiting::Output(_) => ConditionReason::OutputNotPublished,
        Waiting::Confirmation => ConditionReason::NotConfirmed,
        Waiting::Pause => ConditionReason::Paused,
    }
}

fn held_note(ahead: &Ahead) -> String {
    let until = ahead.time.map(|time| format!(" (until {})", shown(time))).unwrap_or_default();
    let kid = ahead.kid.as_deref().unwrap_or("not made yet");
    format!("line {} is to change to key {kid}, which waits for {}{until}", ahead.line, ahead.waiting)
}

pub(super) fn error_reason(error: &PassError) -> ConditionReason {
    match error {
        PassError::Spec(_) => ConditionReason::SpecInvalid,
        PassError::Store(StoreError::Keyring { source: FormatError::SecretMissing { .. }, .. }) => {
            ConditionReason::KeyringSealed
        }
        PassError::Store(StoreError::Keyring { .. }) => ConditionReason::KeyringUnreadable,
        PassError::Store(StoreError::KeyringTaken(_)) => ConditionReason::KeyringTaken,
        // Only a failure gets here: else whoever comes last tells how the set stands.
        PassError::Store(StoreError::Failed { .. } | StoreError::Late(_) | StoreError::Conflict(_))
        | PassError::Overtaken => ConditionReason::StoreFailed,
        PassError::Mint(_) => ConditionReason::KeyNotGenerated,
        PassError::Render(RenderError::NoPassphrase { .. }) => ConditionReason::ReferenceMissing,
        PassError::Render(_) => ConditionReason::OutputNotRendered,
        PassError::Passphrase { .. } => ConditionReason::ReferenceUnusable,
    }
}

/// Sets a condition; its transition time changes only with its status.
fn set_condition(status: &mut JwksKeySetStatus, set: &JwksKeySet, now: Time, type_: &str, state: State) {
    let (value, reason, message) = state;
    let old = status.condition(type_);
    let since = old.filter(|old| old.status == value).map(|old| old.last_transition_time.clone());
    let condition = Condition {
        type_: type_.to_owned(),
        status: value,
        reason: reason.name().to_owned(),
        message,
        last_transition_time: since.unwrap_or_else(|| shown(now)),
        observed_generation: set.metadata.generation,
    };
    match status.conditions.iter_mut().find(|one| one.type_ == type_) {
        Some(place) => *place = condition,
        None => status.conditions.push(condition),
    }
}

/// RFC 3339 in UTC, whole seconds.
pub(super) fn shown(time: Time) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    #[test]
    fn a_set_whose_first_keys_take_long_says_so_until_more_is_known() {
        let now = DateTime::UNIX_EPOCH;
        let set = |spec| JwksKeySet::new("auth", crate::lifecycle::fixtures::spec(spec));
        let quick = set(serde_json::json!({ "keys": [{ "algorithm": "ES256" }] }));
        assert_eq!(beginning(&quick, now), None);
        let mut slow = set(serde_json::json!({ "keys": [{ "algorithm": "ES256" }, { "algorithm": "RS256" }] }));
        let status = beginning(&slow, now).unwrap();
        let [ready] = status.conditions.as_slice() else { panic!("{status:?}") };
        assert_eq!((ready.status, ready.reason.as_str()), (ConditionStatus::False, "GeneratingKeys"));
        assert_eq!((status.keyring_revision, status.observed_generation), (None, None), "no keyring is remembered yet");
        slow.status = Some(status);
        assert_eq!(beginning(&slow, now), None, "it is told once");
        let status = after(&slow, &Ok(Report::default()), false, None, now);
        assert_eq!(status.conditions.iter().filter(|one| one.type_ == READY).count(), 1);
    }

    #[test]
    fn a_set_whose_outputs_are_contested_is_not_ready() {
        let set = JwksKeySet::new("auth", crate::lifecycle::fixtures::spec(serde_json::json!({})));
        for (contested, expected) in
            [(false, (ConditionStatus::True, "KeysReady")), (true, (ConditionStatus::False, OUTPUT_CONTESTED))]
        {
            let status = after(&set, &Ok(Report::default()), contested, None, DateTime::UNIX_EPOCH);
            let ready = status.conditions.iter().find(|one| one.type_ == READY).unwrap();
            assert_eq!((ready.status, ready.reason.as_str()), expected);
            assert_eq!(ready.message.contains("every output holds what it should"), !contested, "{}", ready.message);
        }
    }
}
