//! When a retired key goes.

use serde_json::{Value, json};

use crate::keyring::Phase;
use crate::lifecycle::fixtures::*;
use crate::lifecycle::plan::{Change, Waiting};

/// A set whose `k1` retired at [`INTERVAL`].
fn rotated(members: serde_json::Value) -> World {
    let mut world = World::begun(members);
    assert_eq!(world.pass(INTERVAL)[1..2].len(), 1);
    world
}

#[test]
fn a_retired_key_is_removed_to_the_second_when_its_retention_has_passed() {
    let mut world = rotated(json!({}));
    let due = INTERVAL + RETENTION;
    let plan = world.plan(INTERVAL);
    let [ahead] = ahead_to(&plan, Change::Removed)[..] else { panic!("{:?}", plan.ahead) };
    assert_eq!((ahead.time, &ahead.waiting, ahead.kid.as_deref()), (Some(at(due)), &Waiting::Retention, Some("k1")));
    assert_eq!(plan.wake, Some(at(due)));
    assert_eq!(told(&world.pass(due - 1)), [""; 0]);
    assert_eq!(told(&world.pass(due)), ["remove k1 a"]);
    assert_eq!(world.phases(), ["k2:Active", "k3:Standby"]);
}

#[test]
fn the_retention_counts_from_the_last_secret_that_gave_the_key_up() {
    let mut world = World::begun(json!({ "secrets": [{ "name": "one" }, { "name": "two" }] }));
    world.decide(moment(INTERVAL));
    world.publish_where(at(INTERVAL), |id| *id != secret("two"));
    assert_eq!(
        told(&world.decide(moment(5 * INTERVAL))),
        ["promote k3 a Due", "retire k2 a Replaced", "mint a standby"]
    );
    let plan = world.plan(5 * INTERVAL);
    assert_eq!(ahead_to(&plan, Change::Removed)[0].time, None, "some signer still uses k1");
    world.publish(6 * INTERVAL - 1);
    assert_eq!(told(&world.decide(moment(6 * INTERVAL - 1 + RETENTION - 1)))[..1], ["promote k4 a Due"]);
    world.publish(6 * INTERVAL - 1 + RETENTION - 1);
    let gone = told(&world.pass(6 * INTERVAL - 1 + RETENTION));
    assert!(gone.contains(&"remove k1 a".to_owned()), "{gone:?}");
}

#[test]
fn a_secret_that_is_missing_foreign_or_edited_holds_the_removal() {
    let signer = secret("auth-signer");
    for what in ["missing", "foreign", "edited"] {
        let mut world = rotated(json!({}));
        match what {
            "missing" => drop(world.outputs.remove(&signer)),
            "foreign" => drop(world.outputs.insert(signer.clone(), Place::Foreign)),
            _ => world.tamper(&signer),
        }
        let plan = world.plan(INTERVAL + 9 * RETENTION);
        let removals = ahead_to(&plan, Change::Removed);
        assert_eq!(removals[0].time, None, "{what}");
        assert!(!told(&plan.steps).contains(&"remove k1 a".to_owned()), "{what}");
    }
}

#[test]
fn a_secret_that_was_restored_starts_the_retention_anew() {
    let mut world = rotated(json!({}));
    world.tamper(&secret("auth-signer"));
    let restored = INTERVAL + 500;
    world.pass(restored);
    assert_eq!(told(&world.pass(restored + RETENTION - 1)), [""; 0]);
    assert_eq!(told(&world.pass(restored + RETENTION)), ["remove k1 a"]);
}

#[test]
fn a_config_map_that_was_restored_does_not() {
    let mut world = rotated(json!({}));
    world.tamper(&config_map("auth-jwks"));
    world.pass(INTERVAL + 500);
    assert_eq!(told(&world.pass(INTERVAL + RETENTION)), ["remove k1 a"]);
}

#[test]
fn what_was_written_down_is_never_undercut() {
    let mut world = rotated(json!({}));
    let late = INTERVAL + RETENTION + 700;
    let Phase::Retired { not_before, .. } = &mut world.keyring.keys[0].phase else { panic!("not retired") };
    *not_before = Some(at(late));
    assert_eq!(told(&world.pass(late - 1)), [""; 0]);
    assert_eq!(told(&world.pass(late)), ["remove k1 a"]);
}

#[test]
fn the_next_commit_writes_the_removal_down() {
    let mut world = rotated(json!({}));
    world.ask("now");
    world.pass(INTERVAL + 1);
    let Phase::Retired { not_before, .. } = world.keyring.keys[0].phase else { panic!("not retired") };
    assert_eq!(not_before, Some(at(INTERVAL + RETENTION)));
}

#[test]
fn encryption_keys_stay_until_the_last_sender_forgot_them() {
    let mut world = World::begun(json!({ "keys": [{ "algorithm": "RSA-OAEP", "name": "e", "rsaBits": 2048 }] }));
    let lead = W + R + S;
    world.pass(lead);
    let rotated = lead + INTERVAL;
    world.pass(rotated);
    assert!(world.keyring.keys[0].private.is_some(), "it still decrypts");
    let due = rotated + W + P + C + L + 2 * S;
    // A Secret that someone touched changes nothing: the senders read the ConfigMap.
    world.tamper(&secret("auth-signer"));
    world.pass(rotated + 300);
    assert_eq!(told(&world.pass(due - 1)), [""; 0]);
    assert_eq!(told(&world.pass(due)), ["remove k1 e"]);
}

#[test]
fn encryption_keys_of_a_server_that_publishes_count_from_its_secret() {
    let mut world = World::begun(json!({
        "keys": [{ "algorithm": "RSA-OAEP", "name": "e", "rsaBits": 2048 }],
        "publisher": "Signer",
        "encSelection": "First",
    }));
    let lead = W + R + S;
    world.pass(lead);
    let rotated = lead + INTERVAL;
    world.pass(rotated);
    // No ConfigMap, but P + C + L + 2S is in the floor that counts from the retirement.
    let due = rotated + W + R + C + L + 2 * S;
    assert_eq!(told(&world.pass(due - 1)), [""; 0]);
    assert_eq!(told(&world.pass(due)), ["remove k1 e"]);
}

#[test]
fn removal_goes_on_while_promotions_are_held() {
    let mut world = rotated(json!({}));
    world.outputs.insert(config_map("auth-jwks"), Place::Foreign);
    assert_eq!(told(&world.pass(INTERVAL + RETENTION)), ["remove k1 a"]);
}

#[test]
fn a_key_goes_also_where_a_secret_comes_to_cover_its_line_without_a_change_of_its_files() {
    let lines = |a: &str| json!([{ "algorithm": a, "name": "a" }, { "algorithm": "ES256", "name": "b" }]);
    let of_line = |line: Value| json!({ "jwks.json": { "content": "PrivateJwks", "line": line } });
    let secrets =
        json!([{ "name": "sa", "files": of_line("a".into()) }, { "name": "sb", "files": of_line("b".into()) }]);
    let never = json!({ "mode": "Never", "standby": false });
    let mut world = World::begun(json!({ "keys": lines("ES256"), "secrets": secrets, "rotation": never }));
    // The next key of line a is in the Secret sb neither before nor after its promotion.
    world.edit(json!({ "keys": lines("ES384"), "secrets": secrets, "rotation": never }));
    world.pass(10);
    world.pass(10 + LEAD);
    assert_eq!(world.phases(), ["k1:Retired", "k2:Active", "k3:Active"]);
    let b = json!([{ "algorithm": "ES256", "name": "b" }]);
    world.edit(json!({ "keys": b, "secrets": [{ "name": "sb", "files": of_line(Value::Null) }], "rotation": never }));
    assert_eq!(told(&world.pass(1_000)), ["retire k3 a LineRemoved"]);
    world.pass(1_000 + RETENTION);
    assert_eq!(world.phases(), ["k2:Active"]);
}
