//! What a timeline says of a resource.

use serde_json::{Value, json};

use super::*;
use crate::lifecycle::fixtures::{INTERVAL, LEAD, RETENTION, W, at, ec_keys, oct_key, spec};

#[allow(clippy::needless_pass_by_value, reason = "callers write the parts in place")]
fn resource(members: Value, annotations: Value, keys: Value, conditions: Value) -> JwksKeySet {
    serde_json::from_value(json!({
        "apiVersion": "keyturn.dev/v1alpha1",
        "kind": "JwksKeySet",
        "metadata": { "name": "auth", "namespace": "shop", "annotations": annotations },
        "spec": spec(members),
        "status": { "keys": keys, "conditions": conditions },
    }))
    .unwrap()
}

#[allow(clippy::needless_pass_by_value, reason = "callers write the times in place")]
fn key(kid: &str, phase: &str, times: Value) -> Value {
    let mut key = json!({ "kid": kid, "line": "a", "algorithm": "ES256", "use": "sig", "phase": phase });
    for (field, seconds) in times.as_object().unwrap() {
        key[field] = match seconds.as_i64() {
            Some(seconds) => json!(at(seconds).to_rfc3339()),
            None => seconds.clone(),
        };
    }
    key
}

fn timeline(set: &JwksKeySet, now: i64, length: i64) -> Result<Timeline, TimelineError> {
    let stand_ins = StandIns { asymmetric: ec_keys()[0].clone(), symmetric: oct_key(1, 256) };
    Timeline::of_resource(set, TimeDelta::seconds(W), &stand_ins, at(now), Some(TimeDelta::seconds(length)))
}

/// `k1 now Active: Standby 0..10, Active 10..(10000), Retired (10000)..`: what is foretold stands in brackets.
fn told(timeline: &Timeline) -> Vec<String> {
    let moment = |moment: Moment| {
        let seconds = (moment.time - at(0)).num_seconds();
        if moment.foretold { format!("({seconds})") } else { seconds.to_string() }
    };
    let segment = |segment: &Segment| {
        let end = segment.end.map(moment).unwrap_or_default();
        format!("{} {}..{end}", segment.stage.name(), moment(segment.start))
    };
    let lane = |lane: &Lane| {
        let segments: Vec<String> = lane.segments.iter().map(segment).collect();
        let now = lane.stage.map_or("to come", Stage::name);
        format!("{} {now}: {}", lane.life.kid, segments.join(", "))
    };
    timeline.rows.iter().flat_map(|row| row.lanes.iter().map(lane)).collect()
}

fn nexts(timeline: &Timeline) -> Vec<String> {
    let lanes = timeline.rows.iter().flat_map(|row| &row.lanes);
    let nexts = lanes.filter_map(|lane| {
        let Next { time, to, waiting, held } = lane.next.as_ref()?;
        let seconds = time.map_or("?".to_owned(), |time| (time - at(0)).num_seconds().to_string());
        let held = if *held { ", held" } else { "" };
        Some(format!("{} {} {seconds} {waiting}{held}", lane.life.kid, to.name()))
    });
    nexts.collect()
}

/// A set that rotated once, at 10000, and was asked for nothing since.
#[allow(clippy::needless_pass_by_value, reason = "callers write the times in place")]
fn rotated(more: Value) -> Value {
    let mut active =
        json!({ "mintedTime": 0, "publishedTime": 2, "activeTime": INTERVAL, "rotationTime": 2 * INTERVAL });
    active.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!([
        key(
            "k1",
            "Retired",
            json!({
                "mintedTime": 0, "publishedTime": 0, "activeTime": 0, "retiredTime": INTERVAL,
                "removalTime": INTERVAL + RETENTION + 3,
            })
        ),
        key("k2", "Active", active),
        key("k3", "Standby", json!({ "mintedTime": INTERVAL, "publishedTime": INTERVAL + 1 })),
    ])
}

#[test]
fn what_was_is_told_by_the_status_and_what_will_be_by_the_plan() {
    let set = resource(json!({}), json!({}), rotated(json!({})), json!([]));
    let timeline = timeline(&set, INTERVAL + 50, INTERVAL).unwrap();
    let (second, gone) = (2 * INTERVAL, INTERVAL + RETENTION + 3);
    assert_eq!(
        told(&timeline),
        [
            format!("k1 Retired: Active 0..{INTERVAL}, Retired {INTERVAL}..({gone})"),
            format!("k2 Active: Standby 0..{INTERVAL}, Active {INTERVAL}..({second}), Retired ({second}).."),
            format!("k3 Standby: Standby {INTERVAL}..({second}), Active ({second}).."),
            format!("a#4 to come: Standby ({second}).."),
        ]
    );
    assert_eq!(
        nexts(&timeline),
        [
            format!("k1 Removed {gone} {}", Waiting::Retention),
            format!("k2 Retired {second} {}", Waiting::Rotation),
            format!("k3 Active {second} {}", Waiting::Rotation),
        ]
    );
    assert_eq!((timeline.from, timeline.now), (at(0), at(INTERVAL + 50)));
    assert_eq!(timeline.proofs.len(), 1);
    assert!(timeline.complete && !timeline.halted);
}

#[test]
fn a_rotation_that_was_asked_for_waits_for_its_lead() {
    let set = resource(json!({}), json!({}), rotated(json!({ "rotationRequested": true })), json!([]));
    let timeline = timeline(&set, INTERVAL + 50, 1_000).unwrap();
    let ready = INTERVAL + 1 + LEAD;
    assert_eq!(
        nexts(&timeline)[1..],
        [format!("k2 Retired {ready} {}, held", Waiting::Lead), format!("k3 Active {ready} {}, held", Waiting::Lead)]
    );
}

#[test]
fn a_confirmation_is_awaited_until_it_was_given() {
    let confirm = json!({ "promotion": { "confirm": [{ "manual": {} }] } });
    let promoted = |annotations: Value, times: Value| {
        let mut keys = rotated(json!({}));
        keys[2].as_object_mut().unwrap().extend(times.as_object().unwrap().clone());
        let timeline = timeline(&resource(confirm.clone(), annotations, keys, json!([])), INTERVAL + 50, INTERVAL);
        let k3 = timeline.unwrap().rows[0].lanes[2].next.clone().unwrap();
        (k3.time, k3.waiting)
    };
    let later = at(INTERVAL + 1_000).to_rfc3339();
    assert_eq!(promoted(json!({}), json!({})), (None, Waiting::Confirmation));
    let due = (Some(at(2 * INTERVAL)), Waiting::Rotation);
    assert_eq!(promoted(json!({}), json!({ "confirmedTime": later })), due);
    assert_eq!(promoted(json!({ "keyturn.dev/confirm": "k3" }), json!({})).1, Waiting::Confirmation);
}

#[test]
fn a_removed_line_stands_below_the_others() {
    let mut keys = rotated(json!({}));
    for key in keys.as_array_mut().unwrap() {
        key["line"] = json!("old");
    }
    let set = resource(json!({}), json!({}), keys, json!([]));
    let timeline = timeline(&set, INTERVAL + 50, INTERVAL).unwrap();
    let rows: Vec<_> = timeline.rows.iter().map(|row| (row.line.name.as_str(), row.stated)).collect();
    assert_eq!(rows, [("a", true), ("old", false)]);
    // The line of the spec has keys first, after its lead, and then the old one retires.
    let promoted = INTERVAL + 50 + LEAD;
    assert_eq!(
        told(&timeline)[..2],
        [
            format!("a#1 to come: Standby ({})..({promoted}), Active ({promoted})..", INTERVAL + 50),
            format!("a#2 to come: Standby ({promoted}).."),
        ]
    );
    assert!(
        told(&timeline)[3].starts_with(&format!("k2 Active: Standby 0..{INTERVAL}, Active {INTERVAL}..({promoted})"))
    );
}

#[test]
fn nothing_is_foretold_while_the_keyring_is_lost() {
    let lost = json!([{
        "type": "KeyringLost", "status": "True", "reason": "KeyringLost", "message": "gone",
        "lastTransitionTime": at(0).to_rfc3339(),
    }]);
    let set = resource(json!({}), json!({}), rotated(json!({})), lost);
    let timeline = timeline(&set, 5 * INTERVAL, INTERVAL).unwrap();
    assert!(timeline.halted && timeline.next.is_empty());
    assert_eq!(
        told(&timeline),
        [
            format!("k1 Retired: Active 0..{INTERVAL}, Retired {INTERVAL}.."),
            format!("k2 Active: Standby 0..{INTERVAL}, Active {INTERVAL}.."),
            format!("k3 Standby: Standby {INTERVAL}.."),
        ]
    );
}

#[test]
fn a_set_without_keys_is_new_and_an_older_operator_tells_less() {
    let new = timeline(&resource(json!({}), json!({}), json!([]), json!([])), 0, INTERVAL).unwrap();
    assert_eq!(
        told(&new),
        [
            format!("a#1 to come: Active (0)..({INTERVAL}), Retired ({INTERVAL}).."),
            format!("a#2 to come: Standby (0)..({INTERVAL}), Active ({INTERVAL}).."),
            format!("a#3 to come: Standby ({INTERVAL}).."),
        ]
    );
    let keys =
        json!([key("k1", "Active", json!({ "publishedTime": 7, "activeTime": 7 })), key("k2", "Standby", json!({})),]);
    let due = INTERVAL + 7;
    let older = timeline(&resource(json!({}), json!({}), keys, json!([])), 100, INTERVAL).unwrap();
    assert_eq!(
        told(&older)[..2],
        [
            format!("k1 Active: Active 7..({due}), Retired ({due}).."),
            format!("k2 Standby: Standby 100..({due}), Active ({due}).."),
        ]
    );
}

#[test]
fn what_cannot_be_told_says_why() {
    let keys = |key: Value| resource(json!({}), json!({}), json!([key]), json!([]));
    for (set, wanted) in [
        (resource(json!({ "rotation": { "interval": "1s" } }), json!({}), json!([]), json!([])), "the spec is refused"),
        (keys(key("k", "Standby", json!({ "publishedTime": "soon" }))), "publishedTime of k is \"soon\""),
        (keys(key("k", "Sleeping", json!({}))), "unknown phase \"Sleeping\""),
        (keys(key("k", "Active", json!({}))), "unknown phase \"Active\""),
    ] {
        let error = timeline(&set, 0, 10).unwrap_err().to_string();
        assert!(error.contains(wanted), "{error}");
    }
}
