//! Who may sign at once, and who must wait.

use serde_json::json;

use crate::keyring::Phase;
use crate::lifecycle::fixtures::*;
use crate::lifecycle::plan::{Change, Waiting};
use crate::lifecycle::{MintAs, Now};

#[test]
fn the_first_key_signs_at_once_where_no_output_exists() {
    let mut world = World::new(json!({}));
    assert_eq!(told(&world.pass(0)), ["mint a active", "mint a standby"]);
    assert_eq!(world.phases(), ["k1:Active", "k2:Standby"]);
    assert_eq!(world.keyring.revision, 1);
    let active = Phase::Active { active_since: at(0), rotation_due: Some(at(INTERVAL)), rotation_asked: false };
    assert_eq!(world.keyring.keys[0].phase, active);
    assert!(world.mark(&config_map("auth-jwks"), "k2").unwrap().held.is_some(), "its successor is published beside it");
}

#[test]
fn the_first_key_waits_its_lead_where_anything_was_ever_published() {
    for place in ["foreign", "another keyring's"] {
        let mut world = World::new(json!({}));
        let place = match place {
            "foreign" => Place::Foreign,
            _ => World::begun(json!({})).outputs[&secret("auth-signer")].clone(),
        };
        world.outputs.insert(secret("auth-signer"), place);
        assert_eq!(told(&world.plan(0).steps), ["mint a standby"]);
    }
}

#[test]
fn a_first_key_that_waits_is_promoted_exactly_when_its_lead_has_passed() {
    let mut world = World::new(json!({}));
    world.outputs.insert(config_map("auth-jwks"), World::begun(json!({})).outputs[&config_map("auth-jwks")].clone());
    assert_eq!(told(&world.pass(0)), ["mint a standby"]);
    assert_eq!(told(&world.pass(LEAD - 1)), [""; 0]);
    assert_eq!(told(&world.pass(LEAD)), ["promote k1 a First", "mint a standby"]);
}

#[test]
fn a_first_encryption_key_waits_its_lead() {
    let mut world = World::new(json!({ "keys": [{ "algorithm": "RSA-OAEP", "name": "e", "rsaBits": 2048 }] }));
    assert_eq!(told(&world.pass(0)), ["mint e standby"]);
    let lead = W + R + S;
    assert_eq!(world.plan(0).wake, Some(at(lead)));
    assert_eq!(told(&world.pass(lead - 1)), [""; 0]);
    assert_eq!(told(&world.pass(lead)), ["promote k1 e First", "mint e standby"]);
}

#[test]
fn of_several_first_lines_those_that_sign_start_and_those_that_encrypt_wait() {
    let world = World::new(json!({ "keys": [
        { "algorithm": "RSA-OAEP", "name": "e", "rsaBits": 2048 },
        { "algorithm": "ES256", "name": "a" },
        { "algorithm": "ES384", "name": "b" },
    ] }));
    let steps = ["mint e standby", "mint a active", "mint a standby", "mint b active", "mint b standby"];
    assert_eq!(told(&world.plan(0).steps), steps);
}

#[test]
fn a_line_that_is_added_later_waits_its_lead() {
    let mut world = World::begun(json!({}));
    world.edit(json!({ "keys": [{ "algorithm": "ES256", "name": "a" }, { "algorithm": "ES256", "name": "b" }] }));
    assert_eq!(told(&world.pass(1_000)), ["mint b standby"]);
    assert_eq!(told(&world.pass(1_000 + LEAD - 1)), [""; 0]);
    assert_eq!(told(&world.pass(1_000 + LEAD)), ["promote k3 b First", "mint b standby"]);
}

#[test]
fn the_lead_of_a_server_that_publishes_counts_from_its_secret() {
    let mut world = World::new(json!({ "publisher": "Signer" }));
    assert_eq!(told(&world.pass(0)), ["mint a active", "mint a standby"]);
    world.ask("now");
    world.pass(1);
    let lead = W + R + C + S;
    assert_eq!(told(&world.pass(lead - 1)), [""; 0]);
    assert_eq!(told(&world.pass(lead)), ["promote k2 a Asked", "retire k1 a Replaced", "mint a standby"]);
}

#[test]
fn a_set_that_is_paused_from_the_start_makes_nothing_and_starts_at_once_afterwards() {
    let mut world = World::new(json!({ "rotation": { "paused": true } }));
    let plan = world.plan(0);
    assert!(plan.next.is_none() && plan.mints.is_empty());
    let [ahead] = ahead_to(&plan, Change::Minted)[..] else { panic!("{:?}", plan.ahead) };
    assert_eq!((ahead.time, &ahead.waiting), (None, &Waiting::Pause));
    world.edit(json!({}));
    assert_eq!(told(&world.pass(1)), ["mint a active", "mint a standby"]);
}

#[test]
fn without_standby_the_first_key_comes_alone() {
    let world = World::begun(json!({ "rotation": { "standby": false } }));
    assert_eq!(world.phases(), ["k1:Active"]);
}

#[test]
fn what_a_first_key_is_told_depends_on_the_rhythm() {
    for (rotation, due) in [
        (json!({ "interval": "500s" }), Some(at(500))),
        (json!({ "mode": "Never" }), None),
        (json!({ "mode": "Schedule", "schedule": "0 0 1 1 *" }), Some("2028-01-01T00:00:00Z".parse().unwrap())),
    ] {
        let plan = World::new(json!({ "rotation": rotation })).plan(0);
        assert_eq!(plan.mints[0].role, MintAs::Active { rotation_due: due });
        assert_eq!((plan.mints[1].role, plan.mints[1].line.name.as_str()), (MintAs::Standby, "a"));
    }
}

#[test]
fn times_are_written_by_the_later_clock_and_decided_by_the_earlier() {
    let mut world = World::new(json!({}));
    let between = |earlier, later| Now::new(at(earlier), at(later));
    world.pass_between(between(0, 30));
    assert_eq!(world.keyring.keys[0].minted, at(30));
    assert_eq!(world.mark(&config_map("auth-jwks"), "k2").unwrap().held, Some(at(30)));
    world.ask("now");
    world.pass_between(between(40, 60));
    assert_eq!(told(&world.pass_between(between(30 + LEAD - 1, 30 + LEAD + 900))), [""; 0]);
    let steps = world.pass_between(between(30 + LEAD, 30 + LEAD + 7));
    assert_eq!(told(&steps)[0], "promote k2 a Asked");
    let active = Phase::Active {
        active_since: at(30 + LEAD + 7),
        rotation_due: Some(at(30 + LEAD + 7 + INTERVAL)),
        rotation_asked: false,
    };
    assert_eq!(world.keyring.keys[1].phase, active);
}
