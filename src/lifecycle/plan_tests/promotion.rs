//! When a standby key becomes the active one.

use serde_json::json;

use crate::keyring::Phase;
use crate::lifecycle::fixtures::*;
use crate::lifecycle::plan::{Change, Waiting};

#[test]
fn a_rotation_comes_to_the_second_when_it_is_due() {
    let mut world = World::begun(json!({}));
    let plan = world.plan(5_000);
    let [ahead] = ahead_to(&plan, Change::Active)[..] else { panic!("{:?}", plan.ahead) };
    assert_eq!((ahead.time, &ahead.waiting, ahead.held), (Some(at(INTERVAL)), &Waiting::Rotation, false));
    assert_eq!(plan.wake, Some(at(INTERVAL)));
    assert_eq!(told(&world.pass(INTERVAL - 1)), [""; 0]);
    assert_eq!(told(&world.pass(INTERVAL)), ["promote k2 a Due", "retire k1 a Replaced", "mint a standby"]);
    assert_eq!(world.phases(), ["k1:Retired", "k2:Active", "k3:Standby"]);
    let Phase::Active { rotation_due, .. } = world.keyring.keys[1].phase else { panic!("not active") };
    assert_eq!(rotation_due, Some(at(2 * INTERVAL)));
}

#[test]
fn a_rotation_that_is_due_waits_to_the_second_for_the_lead() {
    let mut world = World::begun(json!({}));
    world.ask("now");
    assert_eq!(told(&world.pass(50)), ["answer"]);
    let plan = world.plan(50);
    let [ahead] = ahead_to(&plan, Change::Active)[..] else { panic!("{:?}", plan.ahead) };
    assert_eq!((ahead.time, &ahead.waiting, ahead.held), (Some(at(LEAD)), &Waiting::Lead, true));
    assert_eq!(told(&world.pass(LEAD - 1)), [""; 0]);
    assert_eq!(told(&world.pass(LEAD)), ["promote k2 a Asked", "retire k1 a Replaced", "mint a standby"]);
}

#[test]
fn promotion_and_retirement_are_one_commit() {
    let mut world = World::begun(json!({}));
    let next = world.plan(INTERVAL).next.unwrap();
    assert_eq!(next.revision, world.keyring.revision + 1);
    let active: Vec<_> = next.keys.iter().filter(|key| key.is_active()).map(|key| key.kid.as_str()).collect();
    assert_eq!(active, ["k2"]);
    let retired = &next.keys[0];
    let phase = Phase::Retired { active_since: Some(at(0)), retired_since: at(INTERVAL), not_before: None };
    assert_eq!(retired.phase, phase);
    assert!(retired.private.is_none(), "nobody needs its private half any more");
    world.edit(json!({ "publisher": "Signer" }));
    let next = world.plan(INTERVAL).next.unwrap();
    assert!(next.keys[0].private.is_some(), "a server that publishes what it loaded needs both halves");
}

#[test]
fn the_lead_counts_from_the_last_of_several_config_maps() {
    let mut world = World::begun(json!({ "configMaps": [{ "name": "one" }, { "name": "two" }] }));
    world.outputs.remove(&config_map("two"));
    world.pass(40);
    world.ask("now");
    world.pass(41);
    assert_eq!(told(&world.pass(40 + LEAD - 1)), [""; 0]);
    assert_eq!(told(&world.pass(40 + LEAD))[0], "promote k2 a Asked");
}

#[test]
fn an_output_that_does_not_list_the_line_is_not_waited_for() {
    let mut world = World::begun(json!({ "configMaps": [
        { "name": "jwks" },
        { "name": "kid", "files": { "kid.txt": { "content": "ActiveKid" } } },
    ] }));
    world.outputs.remove(&config_map("kid"));
    world.ask("now");
    assert_eq!(told(&world.decide(moment(LEAD)))[1], "promote k2 a Asked");
}

#[test]
fn a_missing_foreign_or_edited_output_holds_the_promotion() {
    let jwks = config_map("auth-jwks");
    for what in ["missing", "foreign", "edited"] {
        let mut world = World::begun(json!({}));
        match what {
            "missing" => drop(world.outputs.remove(&jwks)),
            "foreign" => drop(world.outputs.insert(jwks.clone(), Place::Foreign)),
            _ => world.tamper(&jwks),
        }
        let plan = world.plan(INTERVAL + 5_000);
        assert!(plan.next.is_none(), "{what}: {:?}", plan.steps);
        let [ahead] = ahead_to(&plan, Change::Active)[..] else { panic!("{what}: {:?}", plan.ahead) };
        assert_eq!((ahead.time, &ahead.waiting, ahead.held), (None, &Waiting::Output(jwks.clone()), true), "{what}");
    }
}

#[test]
fn a_foreign_secret_does_not_hold_a_key_that_verifiers_know() {
    let mut world = World::begun(json!({}));
    world.outputs.insert(secret("auth-signer"), Place::Foreign);
    assert_eq!(told(&world.pass(INTERVAL))[0], "promote k2 a Due");
}

#[test]
fn drift_restarts_the_lead() {
    let jwks = config_map("auth-jwks");
    let mut world = World::begun(json!({}));
    world.tamper(&jwks);
    assert_eq!(told(&world.pass(INTERVAL - 10)), [""; 0]);
    let mark = world.mark(&jwks, "k2").unwrap();
    assert_eq!(mark.held, Some(at(INTERVAL - 10)), "what it held before is not known");
    let due = INTERVAL - 10 + LEAD;
    assert_eq!(world.plan(INTERVAL).wake, Some(at(due)));
    assert_eq!(told(&world.pass(due - 1)), [""; 0]);
    assert_eq!(told(&world.pass(due))[0], "promote k2 a Due");
}

#[test]
fn a_write_that_changes_other_keys_does_not_restart_the_lead() {
    let mut world = World::begun(json!({}));
    world.edit(json!({ "keys": [{ "algorithm": "ES256", "name": "a" }, { "algorithm": "ES384", "name": "b" }] }));
    world.ask("now");
    world.pass(100);
    assert_eq!(told(&world.pass(LEAD))[0], "promote k2 a Asked");
}

#[test]
fn a_commit_that_was_not_published_begins_no_lead() {
    let mut world = World::new(json!({}));
    world.decide(moment(0));
    world.ask("now");
    world.decide(moment(1));
    assert_eq!(told(&world.decide(moment(5_000))), [""; 0], "nobody can know the key yet");
    world.publish_where(at(6_000), |id| *id == secret("auth-signer"));
    assert_eq!(told(&world.decide(moment(9_000))), [""; 0], "verifiers don't");
    world.publish_where(at(9_000), |id| *id == config_map("auth-jwks"));
    assert_eq!(told(&world.decide(moment(9_000 + LEAD - 1))), [""; 0]);
    assert_eq!(told(&world.decide(moment(9_000 + LEAD)))[0], "promote k2 a Asked");
}

#[test]
fn a_week_away_ends_in_one_rotation_and_not_in_seven() {
    let mut world = World::begun(json!({}));
    let late = 7 * INTERVAL + 3;
    assert_eq!(told(&world.pass(late)), ["promote k2 a Due", "retire k1 a Replaced", "mint a standby"]);
    assert_eq!(told(&world.pass(late + LEAD)), [""; 0]);
    assert_eq!(
        world.plan(late + RETENTION).wake,
        Some(at(late + INTERVAL)),
        "the next interval counts from the promotion"
    );
}

#[test]
fn several_lines_rotate_each_for_itself() {
    let two = json!({ "keys": [{ "algorithm": "ES256", "name": "a" }, { "algorithm": "ES256", "name": "b" }] });
    let mut world = World::begun(json!({}));
    world.edit(two);
    world.pass(4_000);
    world.pass(4_000 + LEAD);
    assert_eq!(told(&world.pass(INTERVAL)), ["promote k2 a Due", "retire k1 a Replaced", "mint a standby"]);
    let promoted = world.pass(4_000 + LEAD + INTERVAL);
    assert_eq!(told(&promoted)[..2], ["promote k4 b Due", "retire k3 b Replaced"]);
}

#[test]
fn a_settled_set_needs_nothing_and_says_when_to_come_back() {
    let mut world = World::begun(json!({}));
    let writes = world.writes;
    for seconds in [1, 60, LEAD, 9_999] {
        let plan = world.plan(seconds);
        assert!(plan.next.is_none() && plan.steps.is_empty() && plan.mints.is_empty());
        assert_eq!(plan.wake, Some(at(INTERVAL)));
        world.pass(seconds);
    }
    assert_eq!((world.writes, world.keyring.revision), (writes, 1));
}
