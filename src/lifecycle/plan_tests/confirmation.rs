//! A promotion that waits until someone has registered the new key.

use serde_json::{Value, json};

use crate::lifecycle::fixtures::*;
use crate::lifecycle::plan::{Change, Waiting};

/// The earliest moment that a confirmation of a key written at 0 can be about.
const SIGHT: i64 = W + P + S;
/// After it, until the caches that were filled just before are empty.
const CACHES: i64 = C + S;

fn confirmed() -> Value {
    json!({ "promotion": { "confirm": [{ "manual": {} }] } })
}

/// A set whose `k2` is due and waits for its confirmation.
fn waiting() -> World {
    let mut world = World::begun(confirmed());
    world.ask("now");
    world.pass(1);
    world
}

fn confirm(world: &mut World, kid: &str) {
    world.confirmed = [kid.to_owned()].into();
}

#[test]
fn without_a_confirmation_a_promotion_waits_for_ever() {
    let world = waiting();
    let plan = world.plan(9 * INTERVAL);
    assert!(plan.next.is_none());
    let [ahead] = ahead_to(&plan, Change::Active)[..] else { panic!("{:?}", plan.ahead) };
    assert_eq!((ahead.time, &ahead.waiting, ahead.held), (None, &Waiting::Confirmation, true));
    assert_eq!(plan.wake, None);
}

#[test]
fn a_confirmation_counts_from_the_first_hop_after_the_publication_on() {
    let mut world = waiting();
    confirm(&mut world, "k2");
    assert_eq!(told(&world.pass(SIGHT - 1)), [""; 0], "nobody can have seen it yet");
    assert_eq!(told(&world.pass(SIGHT)), ["confirm k2"]);
    assert_eq!(world.keyring.key("k2").unwrap().confirmed, Some(at(SIGHT)));
    assert_eq!(told(&world.pass(SIGHT + 1)), [""; 0], "once is enough");
}

#[test]
fn a_confirmed_key_waits_for_the_caches_filled_before_it() {
    let mut world = waiting();
    confirm(&mut world, "k2");
    world.pass(1_000);
    let plan = world.plan(1_000);
    let [ahead] = ahead_to(&plan, Change::Active)[..] else { panic!("{:?}", plan.ahead) };
    assert_eq!((ahead.time, &ahead.waiting), (Some(at(1_000 + CACHES)), &Waiting::Confirmation));
    world.confirmed.clear();
    assert_eq!(told(&world.pass(1_000 + CACHES - 1)), [""; 0]);
    assert_eq!(told(&world.pass(1_000 + CACHES)), ["promote k2 a Asked", "retire k1 a Replaced", "mint a standby"]);
}

#[test]
fn a_key_that_is_confirmed_early_still_waits_for_its_lead_and_its_rotation() {
    let mut world = World::begun(confirmed());
    confirm(&mut world, "k2");
    world.pass(SIGHT);
    assert_eq!(told(&world.pass(INTERVAL - 1)), [""; 0]);
    assert_eq!(told(&world.pass(INTERVAL))[0], "promote k2 a Due");
}

#[test]
fn a_confirmation_of_another_key_counts_nothing() {
    let mut world = waiting();
    for kid in ["k1", "k3", "nobody"] {
        confirm(&mut world, kid);
        assert_eq!(told(&world.pass(5_000)), [""; 0], "{kid}");
    }
}

#[test]
fn drift_takes_the_confirmation_back() {
    let mut world = waiting();
    confirm(&mut world, "k2");
    world.pass(1_000);
    world.confirmed.clear();
    world.tamper(&config_map("auth-jwks"));
    assert_eq!(told(&world.pass(1_000 + CACHES - 1)), [""; 0]);
    let plan = world.plan(9_000);
    assert!(plan.next.is_none(), "{:?}", plan.steps);
    assert_eq!(ahead_to(&plan, Change::Active)[0].waiting, Waiting::Confirmation);

    confirm(&mut world, "k2");
    assert_eq!(told(&world.pass(9_000)), ["confirm k2"], "someone looked again");
    assert_eq!(told(&world.pass(9_000 + CACHES))[0], "promote k2 a Asked");
}

#[test]
fn an_output_that_is_edited_right_now_confirms_nothing() {
    let mut world = waiting();
    confirm(&mut world, "k2");
    world.tamper(&config_map("auth-jwks"));
    assert!(world.plan(5_000).next.is_none());
}

#[test]
fn a_set_that_asks_for_no_confirmation_takes_none() {
    let mut world = World::begun(json!({}));
    confirm(&mut world, "k2");
    assert_eq!(told(&world.pass(500)), [""; 0]);
}

#[test]
fn the_first_hop_of_a_server_that_publishes_is_its_reload() {
    let mut world = World::begun(json!({ "publisher": "Signer", "promotion": { "confirm": [{ "manual": {} }] } }));
    confirm(&mut world, "k2");
    let sight = W + R + S;
    assert_eq!(told(&world.pass(sight - 1)), [""; 0]);
    assert_eq!(told(&world.pass(sight)), ["confirm k2"]);
}

#[test]
fn each_key_is_confirmed_for_itself() {
    let mut world = waiting();
    confirm(&mut world, "k2");
    world.pass(1_000);
    world.pass(1_000 + CACHES);
    assert_eq!(world.phases(), ["k1:Retired", "k2:Active", "k3:Standby"]);
    let plan = world.plan(5 * INTERVAL);
    assert!(!told(&plan.steps).iter().any(|step| step.starts_with("promote")), "{:?}", plan.steps);
}

#[test]
fn a_confirmation_that_comes_early_is_looked_at_again_when_it_can_count() {
    let mut world = waiting();
    confirm(&mut world, "k2");
    assert_eq!(world.plan(2).wake, Some(at(SIGHT)));
}

#[test]
fn a_promotion_that_comes_due_unconfirmed_is_looked_at_so_that_someone_is_told() {
    let world = World::begun(confirmed());
    assert_eq!(world.plan(1).wake, Some(at(INTERVAL)));
    assert!(ahead_to(&world.plan(INTERVAL), Change::Active)[0].held);
}
