//! Revoked keys are gone at once, and what takes their place waits for nothing.

use serde_json::{Value, json};

use crate::jose::Use;
use crate::lifecycle::fixtures::*;
use crate::lifecycle::plan::Change;
use crate::lifecycle::{Mint, MintAs};

fn revoking(kids: &[&str]) -> Value {
    json!({ "revoked": kids.iter().map(|kid| json!({ "kid": kid })).collect::<Vec<_>>() })
}

fn with(mut one: Value, other: Value) -> Value {
    let Value::Object(other) = other else { panic!("{other}") };
    one.as_object_mut().unwrap().extend(other);
    one
}

/// That no output and no key of the keyring has the kid any more.
fn assert_gone(world: &World, kid: &str) {
    assert!(world.keyring.key(kid).is_none());
    for (id, place) in &world.outputs {
        let Place::Ours(Written { header, files, .. }) = place else { continue };
        assert!(!header.marks.contains_key(kid), "{id}");
        assert!(header.revoked.iter().any(|one| one.kid == kid), "{id} says what was revoked");
        let quoted = format!("\"{kid}\"");
        assert!(!files.values().any(|file| String::from_utf8_lossy(file).contains(&quoted)), "{id}");
    }
}

#[test]
fn of_an_active_key_the_standby_signs_at_once() {
    let mut world = World::begun(json!({}));
    let thumbprint = world.keyring.key("k1").unwrap().thumbprint;
    world.edit(revoking(&["k1"]));
    assert_eq!(told(&world.pass(1)), ["revoke k1 used", "promote k2 a Revoked", "mint a standby"]);
    assert_gone(&world, "k1");
    assert_eq!(world.phases(), ["k2:Active", "k3:Standby"]);
    assert_eq!(world.keyring.barrier, world.keyring.revision, "no older output may come back");
    assert!(world.keyring.is_revoked("another name", &thumbprint));
    assert_eq!(told(&world.pass(2)), [""; 0], "it is answered once");
}

#[test]
fn of_an_active_key_without_standby_a_new_key_signs_at_once() {
    let never = json!({ "rotation": { "standby": false, "mode": "Never" } });
    for rotation in [json!({ "rotation": { "standby": false } }), never] {
        let mut world = World::begun(rotation.clone());
        world.edit(with(rotation, revoking(&["k1"])));
        assert_eq!(told(&world.pass(1)), ["revoke k1 used", "mint a active"]);
        assert_gone(&world, "k1");
        assert_eq!(world.phases(), ["k2:Active"]);
    }
}

#[test]
fn of_active_and_standby_at_once_a_new_key_signs_and_has_a_standby() {
    let mut world = World::begun(json!({}));
    world.edit(revoking(&["k1", "k2"]));
    assert_eq!(told(&world.pass(1)), ["revoke k1 used", "revoke k2 unused", "mint a active", "mint a standby"]);
    assert_eq!(world.phases(), ["k3:Active", "k4:Standby"]);
    assert_eq!(told(&world.pass(1 + LEAD)), [""; 0], "the rotation is one interval later");
    assert_eq!(told(&world.pass(1 + INTERVAL))[0], "promote k4 a Due");
}

#[test]
fn of_a_standby_another_one_is_made_and_the_active_key_stays() {
    let mut world = World::begun(json!({}));
    world.edit(revoking(&["k2"]));
    assert_eq!(told(&world.pass(500)), ["revoke k2 unused", "mint a standby"]);
    assert_gone(&world, "k2");
    assert_eq!(world.phases(), ["k1:Active", "k3:Standby"]);
    world.ask("now");
    world.pass(501);
    assert_eq!(told(&world.pass(500 + LEAD - 1)), [""; 0], "the new one has its own lead");
}

#[test]
fn of_a_retired_key_only_the_key_goes() {
    let mut world = World::begun(json!({}));
    world.pass(INTERVAL);
    world.edit(revoking(&["k1"]));
    assert_eq!(told(&world.pass(INTERVAL + 1)), ["revoke k1 used"]);
    assert_gone(&world, "k1");
    assert_eq!(world.phases(), ["k2:Active", "k3:Standby"]);
}

#[test]
fn of_a_first_key_that_waits_another_one_waits() {
    let mut world = World::begun(json!({ "keys": [{ "algorithm": "RSA-OAEP", "name": "e", "rsaBits": 2048 }] }));
    world.edit(with(json!({ "keys": [{ "algorithm": "RSA-OAEP", "name": "e", "rsaBits": 2048 }] }), revoking(&["k1"])));
    assert_eq!(told(&world.pass(10)), ["revoke k1 unused", "mint e standby"]);
}

#[test]
fn of_a_kid_that_was_never_seen_it_is_remembered() {
    let mut world = World::begun(json!({}));
    world.edit(revoking(&["stranger"]));
    assert_eq!(told(&world.pass(1)), ["bar stranger"]);
    assert_eq!(world.keyring.revoked[0].kid, "stranger");
    assert_eq!(world.keyring.revoked[0].thumbprint, None);
    assert_eq!(world.phases(), ["k1:Active", "k2:Standby"]);
    world.edit(json!({}));
    assert_eq!(told(&world.pass(2)), [""; 0]);
    assert_eq!(world.keyring.revoked.len(), 1, "a revocation is not taken back");
}

#[test]
fn in_a_set_that_is_just_made_they_are_remembered_from_the_start() {
    let mut world = World::new(revoking(&["stranger"]));
    assert_eq!(told(&world.pass(0)), ["bar stranger", "mint a active", "mint a standby"]);
}

#[test]
fn a_pause_stops_no_revocation() {
    let paused = json!({ "rotation": { "paused": true } });
    let mut world = World::begun(json!({}));
    world.edit(with(paused.clone(), revoking(&["k1"])));
    assert_eq!(told(&world.pass(1)), ["revoke k1 used", "promote k2 a Revoked"]);
    assert_eq!(world.phases(), ["k2:Active"]);
    assert_eq!(
        ahead_to(&world.plan(1), Change::Minted)[0].time,
        None,
        "the next standby waits for the end of the pause"
    );
    world.edit(with(paused, revoking(&["k1", "k2"])));
    assert_eq!(ahead_to(&world.plan(2), Change::Minted).len(), 1, "one standby is ahead, and told once");
    assert_eq!(told(&world.pass(2)), ["revoke k2 used", "mint a active"], "someone has to sign");
    world.edit(revoking(&["k1", "k2"]));
    assert_eq!(told(&world.pass(3)), ["mint a standby"]);
}

#[test]
fn a_standby_of_old_parameters_signs_rather_than_nobody() {
    let mut world = World::begun(json!({}));
    world.edit(with(json!({ "keys": [{ "algorithm": "ES384", "name": "a" }] }), revoking(&["k1"])));
    assert_eq!(told(&world.pass(1)), ["revoke k1 used", "promote k2 a Revoked", "mint a standby"]);
    let steps = world.pass(1 + LEAD);
    assert_eq!(told(&steps), ["promote k3 a Changed", "retire k2 a Replaced", "mint a standby"]);
}

#[test]
fn it_waits_for_no_output() {
    let mut world = World::begun(json!({}));
    world.outputs.insert(config_map("auth-jwks"), Place::Foreign);
    world.outputs.remove(&secret("auth-signer"));
    world.edit(revoking(&["k1"]));
    assert_eq!(told(&world.decide(moment(1)))[..2], ["revoke k1 used", "promote k2 a Revoked"]);
}

#[test]
fn it_stays_in_its_line() {
    let keys = json!({ "keys": [{ "algorithm": "ES256", "name": "a" }, { "algorithm": "ES384", "name": "b" }] });
    let mut world = World::begun(keys.clone());
    assert_eq!(world.phases(), ["k1:Active", "k2:Standby", "k3:Active", "k4:Standby"]);
    world.edit(with(keys, revoking(&["k3"])));
    assert_eq!(told(&world.pass(1)), ["revoke k3 used", "promote k4 b Revoked", "mint b standby"]);
    assert_eq!((world.active("a", Use::Sig), world.active("b", Use::Sig)), (1, 1));
}

#[test]
fn of_a_removed_line_nothing_takes_the_place() {
    let mut world = World::begun(json!({}));
    world.edit(with(json!({ "keys": [{ "algorithm": "ES256", "name": "c" }] }), revoking(&["k1"])));
    assert_eq!(told(&world.pass(1)), ["revoke k1 used", "mint c standby", "discard k2 a"]);
}

#[test]
fn a_new_active_key_has_its_rotation_planned() {
    let mut world = World::begun(json!({ "rotation": { "standby": false } }));
    world.edit(with(json!({ "rotation": { "standby": false } }), revoking(&["k1"])));
    let plan = world.plan(70);
    let [Mint { role, .. }] = plan.mints.as_slice() else { panic!("{:?}", plan.mints) };
    assert_eq!(*role, MintAs::Active { rotation_due: Some(at(70 + INTERVAL)) });
}
