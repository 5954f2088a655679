//! What makes a rotation due: intervals, schedules, people; and what stops it.

use serde_json::{Value, json};

use crate::keyring::Phase;
use crate::lifecycle::fixtures::*;
use crate::lifecycle::plan::{Change, Waiting};

fn rotation(rotation: Value) -> Value {
    Value::Object([("rotation".to_owned(), rotation)].into_iter().collect())
}

fn due(world: &World, kid: &str) -> Option<crate::keyring::Time> {
    match &world.keyring.key(kid).unwrap().phase {
        Phase::Active { rotation_due, .. } => *rotation_due,
        other => panic!("{kid} is {other:?}"),
    }
}

#[test]
fn a_changed_interval_applies_from_the_next_promotion() {
    for (other, next) in [("20000s", 20_000), ("2000s", 2_000)] {
        let mut world = World::begun(json!({}));
        world.edit(rotation(json!({ "interval": other })));
        assert_eq!(told(&world.pass(INTERVAL - 1)), [""; 0], "{other}");
        assert_eq!(told(&world.pass(INTERVAL))[0], "promote k2 a Due", "{other}");
        assert_eq!(due(&world, "k2"), Some(at(INTERVAL + next)), "{other}");
    }
}

#[test]
fn never_keeps_a_standby_and_rotates_only_when_asked() {
    let mut world = World::begun(rotation(json!({ "mode": "Never" })));
    assert_eq!(world.phases(), ["k1:Active", "k2:Standby"]);
    let plan = world.plan(1_000 * INTERVAL);
    assert!(plan.next.is_none() && plan.ahead.is_empty());
    assert_eq!(plan.wake, None);
    world.ask("now");
    assert_eq!(told(&world.pass(INTERVAL)), ["answer", "promote k2 a Asked", "retire k1 a Replaced", "mint a standby"]);
}

#[test]
fn an_interval_after_never_counts_from_the_promotion() {
    let mut world = World::begun(rotation(json!({ "mode": "Never" })));
    world.edit(json!({}));
    assert_eq!(told(&world.pass(INTERVAL - 1)), [""; 0]);
    assert_eq!(told(&world.pass(INTERVAL))[0], "promote k2 a Due");
}

#[test]
fn never_after_an_interval_stops_the_rotation_that_was_planned() {
    let mut world = World::begun(json!({}));
    world.edit(rotation(json!({ "mode": "Never" })));
    assert_eq!(told(&world.pass(5 * INTERVAL)), [""; 0]);
}

#[test]
fn a_schedule_rotates_when_it_fires() {
    // 0 is 2027-01-15T08:00:00Z.
    let mut world =
        World::begun(rotation(json!({ "mode": "Schedule", "schedule": "30 9 * * *", "timeZone": "Europe/Rome" })));
    let due = 30 * 60;
    assert_eq!(told(&world.pass(due - 1)), [""; 0]);
    assert_eq!(told(&world.pass(due)), ["promote k2 a Due", "retire k1 a Replaced", "mint a standby"]);
    assert_eq!(told(&world.pass(due + 24 * 3600 - 1)), ["remove k1 a"]);
    assert_eq!(told(&world.pass(due + 24 * 3600))[0], "promote k3 a Due");
}

#[test]
fn a_promotion_that_comes_late_waits_for_the_next_firing() {
    let mut world =
        World::begun(rotation(json!({ "mode": "Schedule", "schedule": "30 9 * * *", "timeZone": "Europe/Rome" })));
    let due = 30 * 60;
    world.pass(due + 3 * 24 * 3600 + 600);
    assert_eq!(world.plan(due + 3 * 24 * 3600 + 9_000).wake, Some(at(due + 4 * 24 * 3600)));
}

#[test]
fn without_standby_the_next_key_is_minted_in_time_for_its_lead() {
    let mut world = World::begun(rotation(json!({ "standby": false })));
    let mint = INTERVAL - LEAD - S;
    let plan = world.plan(0);
    let [ahead] = ahead_to(&plan, Change::Minted)[..] else { panic!("{:?}", plan.ahead) };
    assert_eq!((ahead.time, &ahead.waiting, &ahead.kid), (Some(at(mint)), &Waiting::Rotation, &None));
    assert_eq!(told(&world.pass(mint - 1)), [""; 0]);
    assert_eq!(told(&world.pass(mint)), ["mint a standby"]);
    assert_eq!(told(&world.pass(INTERVAL - 1)), [""; 0]);
    assert_eq!(told(&world.pass(INTERVAL)), ["promote k2 a Due", "retire k1 a Replaced"]);
    assert_eq!(world.plan(INTERVAL + RETENTION + 1).wake, Some(at(mint + INTERVAL)));
}

#[test]
fn without_standby_a_confirmation_has_its_time_too() {
    let mut world = World::begun(json!({
        "rotation": { "standby": false }, "promotion": { "confirm": [{ "manual": {} }] },
    }));
    let mint = INTERVAL - LEAD - S - (P + S) - (C + S);
    assert_eq!(told(&world.pass(mint - 1)), [""; 0]);
    assert_eq!(told(&world.pass(mint)), ["mint a standby"]);
    world.confirmed.insert("k2".to_owned());
    assert_eq!(told(&world.pass(mint + W + P + S)), ["confirm k2"]);
    assert_eq!(told(&world.pass(INTERVAL))[0], "promote k2 a Due");
}

#[test]
fn a_standby_that_is_no_longer_kept_is_still_used() {
    let mut world = World::begun(json!({}));
    world.edit(rotation(json!({ "standby": false })));
    assert_eq!(told(&world.pass(100)), [""; 0]);
    assert_eq!(told(&world.pass(INTERVAL)), ["promote k2 a Due", "retire k1 a Replaced"]);
    world.edit(json!({}));
    assert_eq!(told(&world.pass(INTERVAL + 1)), ["mint a standby"]);
}

#[test]
fn any_new_value_asks_for_a_rotation_once() {
    let mut world = World::begun(json!({}));
    world.ask("one");
    assert_eq!(told(&world.pass(1_000)), ["answer", "promote k2 a Asked", "retire k1 a Replaced", "mint a standby"]);
    assert_eq!(told(&world.pass(1_000 + LEAD)), [""; 0], "the same value is the same wish");
    world.rotate = None;
    assert_eq!(told(&world.pass(1_200)), [""; 0]);
    world.ask("two");
    assert_eq!(told(&world.pass(1_201))[..2], ["answer", "promote k3 a Asked"]);
}

#[test]
fn one_wish_rotates_every_line() {
    let mut world = World::begun(json!({ "keys": [{ "algorithm": "ES256" }, { "algorithm": "ES384" }] }));
    world.ask("now");
    let steps = told(&world.pass(1_000));
    assert_eq!(steps.iter().filter(|step| step.starts_with("promote")).count(), 2, "{steps:?}");
}

#[test]
fn a_wish_from_before_the_first_key_is_answered_by_the_first_key() {
    let mut world = World::new(json!({}));
    world.ask("now");
    world.pass(0);
    assert_eq!(world.keyring.rotate_answered.as_deref(), Some("now"));
    assert_eq!(told(&world.pass(LEAD)), [""; 0]);
}

#[test]
fn without_standby_a_wish_waits_for_a_key_and_its_lead() {
    let mut world = World::begun(rotation(json!({ "standby": false, "mode": "Never" })));
    world.ask("now");
    assert_eq!(told(&world.pass(100)), ["answer", "mint a standby"]);
    assert_eq!(told(&world.pass(100 + LEAD - 1)), [""; 0]);
    assert_eq!(told(&world.pass(100 + LEAD)), ["promote k2 a Asked", "retire k1 a Replaced"]);
}

#[test]
fn a_pause_stops_promotion_and_minting() {
    let mut world = World::begun(json!({}));
    world.edit(rotation(json!({ "paused": true })));
    let plan = world.plan(INTERVAL + 5);
    assert!(plan.next.is_none());
    let [ahead] = ahead_to(&plan, Change::Active)[..] else { panic!("{:?}", plan.ahead) };
    assert_eq!((ahead.time, &ahead.waiting, ahead.held), (None, &Waiting::Pause, true));
    assert_eq!(plan.wake, None);
    world.ask("now");
    assert_eq!(told(&world.pass(INTERVAL + 6)), ["answer"], "a wish is kept for the end of the pause");
    world.edit(json!({}));
    assert_eq!(told(&world.pass(INTERVAL + 7))[0], "promote k2 a Asked");
}

#[test]
fn a_pause_stops_the_minting_of_a_line_and_of_a_key_in_time() {
    let paused = json!({ "paused": true, "standby": false });
    let mut world = World::begun(rotation(json!({ "standby": false })));
    world.edit(rotation(paused.clone()));
    assert_eq!(told(&world.pass(INTERVAL - LEAD - S)), [""; 0]);
    let keys = json!([{ "algorithm": "ES256", "name": "a" }, { "algorithm": "ES384", "name": "b" }]);
    world.edit(json!({ "keys": keys, "rotation": paused }));
    assert_eq!(told(&world.pass(INTERVAL)), [""; 0]);
}

#[test]
fn a_pause_stops_neither_removal_nor_retirement_nor_settling() {
    let keys = json!([{ "algorithm": "ES256", "name": "a" }, { "algorithm": "ES384", "name": "b" }]);
    let mut world = World::begun(json!({ "keys": keys }));
    world.pass(INTERVAL);
    world.edit(json!({ "rotation": { "paused": true }, "timing": { "signerReloadDelay": "21s" } }));
    let steps = told(&world.pass(INTERVAL + 1));
    assert_eq!(steps, ["settle", "retire k4 b LineRemoved", "discard k6 b"]);
    let steps = told(&world.pass(INTERVAL + RETENTION + 2));
    assert_eq!(steps, ["remove k1 a", "remove k3 b", "remove k4 b"]);
}

#[test]
fn a_pause_discards_no_standby_because_none_would_take_its_place() {
    let changed = |members: Value| {
        let mut spec = json!({ "keys": [{ "algorithm": "ES384", "name": "a" }], "rotation": { "paused": true } });
        spec.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        spec
    };
    let mut world = World::begun(json!({}));
    world.edit(changed(json!({})));
    let plan = world.plan(1);
    assert!(plan.next.is_none(), "{:?}", plan.steps);
    let [ahead] = ahead_to(&plan, Change::Minted)[..] else { panic!("{:?}", plan.ahead) };
    assert_eq!((ahead.time, &ahead.waiting), (None, &Waiting::Pause), "the next key is another one");
    world.edit(changed(json!({ "revoked": [{ "kid": "k1" }] })));
    assert_eq!(told(&world.pass(LEAD)), ["revoke k1 used", "promote k2 a Revoked"], "with a key that everyone knows");

    let mut ended = World::begun(json!({}));
    ended.edit(changed(json!({})));
    ended.pass(1);
    ended.edit(changed(json!({ "rotation": {} })));
    assert_eq!(told(&ended.pass(2)), ["discard k2 a", "mint a standby"]);
}
