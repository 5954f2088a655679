//! Edited lines: new parameters, lines that come and lines that go.

use serde_json::{Value, json};

use crate::jose::{Curve, KeySpec, Use};
use crate::lifecycle::fixtures::*;
use crate::lifecycle::plan::{Change, Waiting};

fn lines(lines: &[(&str, &str)]) -> Value {
    json!({ "keys": lines.iter().map(|(name, algorithm)| json!({ "name": name, "algorithm": algorithm, "rsaBits":
        if algorithm.contains("ES") { Value::Null } else { 2048.into() } })).collect::<Vec<_>>() })
}

#[test]
fn changed_parameters_are_a_rotation_with_its_lead() {
    let mut world = World::begun(json!({}));
    world.edit(lines(&[("a", "ES384")]));
    assert_eq!(told(&world.pass(500)), ["discard k2 a", "mint a standby"]);
    assert_eq!(world.phases(), ["k1:Active", "k3:Standby"]);
    assert_eq!(world.keyring.key("k3").unwrap().spec, KeySpec::Ec { curve: Curve::P384 });
    let plan = world.plan(500);
    let [ahead] = ahead_to(&plan, Change::Active)[..] else { panic!("{:?}", plan.ahead) };
    assert_eq!((ahead.time, &ahead.waiting, ahead.held), (Some(at(500 + LEAD)), &Waiting::Lead, true));
    assert_eq!(told(&world.pass(500 + LEAD - 1)), [""; 0]);
    assert_eq!(told(&world.pass(500 + LEAD)), ["promote k3 a Changed", "retire k1 a Replaced", "mint a standby"]);
    assert_eq!(told(&world.pass(501 + LEAD)), [""; 0]);
}

#[test]
fn another_algorithm_of_the_same_key_size_is_a_change_too() {
    let mut world = World::begun(lines(&[("a", "RS256")]));
    world.edit(lines(&[("a", "PS256")]));
    assert_eq!(told(&world.pass(500)), ["discard k2 a", "mint a standby"]);
}

#[test]
fn a_change_that_is_taken_back_leaves_the_active_key() {
    let mut world = World::begun(json!({}));
    world.edit(lines(&[("a", "ES384")]));
    world.pass(500);
    world.edit(json!({}));
    assert_eq!(told(&world.pass(510)), ["discard k3 a", "mint a standby"]);
    assert_eq!(told(&world.pass(510 + LEAD)), [""; 0]);
    assert_eq!(world.phases(), ["k1:Active", "k4:Standby"]);
}

#[test]
fn changed_parameters_rotate_a_set_that_never_rotates() {
    let never = json!({ "mode": "Never", "standby": false });
    let mut world = World::begun(json!({ "rotation": never }));
    world.edit(json!({ "rotation": never, "keys": [{ "algorithm": "ES384", "name": "a" }] }));
    assert_eq!(told(&world.pass(500)), ["mint a standby"]);
    assert_eq!(told(&world.pass(500 + LEAD)), ["promote k2 a Changed", "retire k1 a Replaced"]);
}

#[test]
fn a_removed_line_retires_at_once_where_every_other_line_signs() {
    let mut world = World::begun(lines(&[("a", "ES256"), ("b", "ES256")]));
    world.edit(json!({}));
    assert_eq!(told(&world.pass(100)), ["retire k3 b LineRemoved", "discard k4 b"]);
    assert_eq!(world.phases(), ["k1:Active", "k2:Standby", "k3:Retired"]);
    assert_eq!(told(&world.pass(100 + RETENTION - 1)), [""; 0]);
    assert_eq!(told(&world.pass(100 + RETENTION)), ["remove k3 b"]);
}

#[test]
fn a_removed_line_signs_on_until_the_added_line_does() {
    let mut world = World::begun(json!({}));
    world.edit(lines(&[("c", "ES256")]));
    assert_eq!(told(&world.pass(100)), ["mint c standby", "discard k2 a"]);
    assert_eq!(world.phases(), ["k1:Active", "k3:Standby"]);
    let plan = world.plan(100);
    let [ahead] = ahead_to(&plan, Change::Retired)[..] else { panic!("{:?}", plan.ahead) };
    assert_eq!((ahead.kid.as_deref(), ahead.time, &ahead.waiting), (Some("k1"), None, &Waiting::AddedLines));
    assert_eq!(told(&world.pass(100 + LEAD - 1)), [""; 0]);
    let steps = told(&world.pass(100 + LEAD));
    assert_eq!(steps, ["promote k3 c First", "mint c standby", "retire k1 a LineRemoved"]);
}

#[test]
fn a_removed_line_does_not_rotate_while_it_waits() {
    let mut world = World::begun(json!({}));
    world.outputs.insert(config_map("auth-jwks"), Place::Foreign);
    world.edit(lines(&[("c", "ES256")]));
    world.pass(100);
    assert_eq!(told(&world.pass(3 * INTERVAL)), [""; 0]);
    assert_eq!(world.active("a", Use::Sig), 1);
}

#[test]
fn a_line_that_comes_back_before_it_retired_goes_on() {
    let mut world = World::begun(json!({}));
    world.edit(lines(&[("c", "ES256")]));
    world.pass(100);
    world.edit(json!({}));
    assert_eq!(told(&world.pass(110)), ["mint a standby", "discard k3 c"]);
    assert_eq!(told(&world.pass(INTERVAL))[0], "promote k4 a Due");
}

#[test]
fn a_line_that_comes_back_after_it_retired_begins_anew() {
    let mut world = World::begun(lines(&[("a", "ES256"), ("b", "ES256")]));
    world.edit(json!({}));
    world.pass(100);
    world.edit(lines(&[("a", "ES256"), ("b", "ES256")]));
    assert_eq!(told(&world.pass(110)), ["mint b standby"]);
    assert_eq!(told(&world.pass(110 + LEAD)), ["promote k5 b First", "mint b standby"]);
    assert_eq!(world.phases()[2], "k3:Retired");
}

#[test]
fn a_line_of_one_name_and_another_use_is_another_line() {
    let mut world = World::begun(json!({}));
    world.edit(lines(&[("a", "RSA-OAEP")]));
    assert_eq!(told(&world.pass(100)), ["mint a standby", "discard k2 a"]);
    let steps = told(&world.pass(100 + W + R + S));
    assert_eq!(steps, ["promote k3 a First", "mint a standby", "retire k1 a LineRemoved"]);
    assert_eq!((world.active("a", Use::Sig), world.active("a", Use::Enc)), (0, 1));
}

#[test]
fn an_added_and_a_removed_line_do_not_hold_a_third() {
    let mut world = World::begun(lines(&[("a", "ES256"), ("b", "ES256")]));
    world.edit(lines(&[("a", "ES256"), ("c", "ES256")]));
    world.outputs.insert(secret("auth-signer"), Place::Foreign);
    world.pass(100);
    assert_eq!(told(&world.pass(INTERVAL))[0], "promote k2 a Due");
}
