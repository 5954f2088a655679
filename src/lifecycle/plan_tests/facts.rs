//! Edited facts: longer ones count at once, shorter ones one old horizon later.

use serde_json::{Value, json};

use crate::keyring::Phase;
use crate::lifecycle::fixtures::*;
use crate::lifecycle::plan::Change;

fn lifetime(seconds: i64) -> Value {
    json!({ "timing": { "maxTokenLifetime": format!("{seconds}s") } })
}

fn cache(seconds: i64) -> Value {
    json!({ "timing": { "verifierCacheTtl": format!("{seconds}s") } })
}

#[test]
fn a_longer_lifetime_keeps_keys_that_are_already_retired() {
    let mut world = World::begun(json!({}));
    world.pass(INTERVAL);
    world.edit(lifetime(2_000));
    assert_eq!(told(&world.pass(INTERVAL + RETENTION - 1)), ["settle"]);
    let due = INTERVAL + RETENTION + 1_000;
    assert_eq!(told(&world.pass(due - 1)), [""; 0]);
    assert_eq!(told(&world.pass(due)), ["remove k1 a"]);
}

#[test]
fn a_longer_lifetime_counts_even_in_the_pass_that_would_have_removed_the_key() {
    let mut world = World::begun(json!({}));
    world.pass(INTERVAL);
    world.edit(lifetime(2_000));
    assert_eq!(told(&world.pass(INTERVAL + RETENTION)), ["settle"]);
    assert_eq!(world.phases()[0], "k1:Retired");
}

#[test]
fn a_shorter_lifetime_counts_one_old_horizon_later() {
    let mut world = World::begun(lifetime(2_000));
    world.edit(json!({}));
    let edited = INTERVAL - 100;
    assert_eq!(told(&world.pass(edited)), ["settle"]);
    world.pass(INTERVAL);
    let old_horizon = P + C + R + 2_000 + 2 * S;
    assert!(edited + old_horizon > INTERVAL + RETENTION, "by the new facts alone the key would be gone before");
    let plan = world.plan(INTERVAL);
    assert_eq!(plan.wake, Some(at(edited + old_horizon)));
    assert_eq!(told(&world.pass(edited + old_horizon - 1)), [""; 0]);
    assert_eq!(told(&world.pass(edited + old_horizon)), ["remove k1 a"]);
}

#[test]
fn a_shorter_lifetime_does_not_shorten_what_was_written_down() {
    let mut world = World::begun(lifetime(2_000));
    world.pass(INTERVAL);
    world.edit(json!({}));
    assert_eq!(told(&world.pass(INTERVAL + 1)), ["settle"]);
    let due = INTERVAL + RETENTION + 1_000;
    let Phase::Retired { not_before, .. } = world.keyring.keys[0].phase else { panic!("not retired") };
    assert_eq!(not_before, Some(at(due)));
    let old_horizon = INTERVAL + 1 + P + C + R + 2_000 + 2 * S;
    assert_eq!(told(&world.pass(due - 1)), [""; 0]);
    assert_eq!(told(&world.pass(due.max(old_horizon.min(due)))), ["remove k1 a"]);
}

#[test]
fn a_longer_cache_lengthens_the_lead_at_once() {
    let mut world = World::begun(json!({}));
    world.ask("now");
    world.pass(1);
    world.edit(cache(400));
    assert_eq!(told(&world.pass(LEAD)), ["settle"]);
    assert_eq!(told(&world.pass(LEAD + 300 - 1)), [""; 0]);
    assert_eq!(told(&world.pass(LEAD + 300))[0], "promote k2 a Asked");
}

#[test]
fn a_shorter_cache_shortens_the_lead_one_old_horizon_later() {
    // The lifetime is short, so that the horizon can end within a lead.
    let with = |cache: i64| json!({ "timing": { "verifierCacheTtl": format!("{cache}s"), "maxTokenLifetime": "1s" } });
    let mut world = World::begun(with(2_000));
    world.edit(with(100));
    world.ask("now");
    assert_eq!(told(&world.pass(1)), ["settle", "answer"]);
    let horizon = P + 2_000 + R + 1 + 2 * S;
    let old_lead = W + P + 2_000 + S;
    assert!(1 + horizon < old_lead, "the old facts end first");
    assert_eq!(world.plan(1).wake, Some(at(1 + horizon)));
    assert_eq!(told(&world.pass(horizon)), [""; 0]);
    assert_eq!(told(&world.pass(1 + horizon))[0], "promote k2 a Asked");
}

#[test]
fn facts_that_change_and_change_back_are_two_edits() {
    let mut world = World::begun(json!({}));
    world.pass(INTERVAL);
    world.edit(lifetime(2_000));
    world.pass(INTERVAL + 10);
    world.edit(json!({}));
    assert_eq!(told(&world.pass(INTERVAL + 20)), ["settle"]);
    assert_eq!(told(&world.pass(INTERVAL + RETENTION)), [""; 0], "someone may have made a long-lived token meanwhile");
}

#[test]
fn facts_that_stay_the_same_are_no_step() {
    let mut world = World::begun(json!({}));
    world.edit(json!({ "timing": { "verifierCacheTtl": format!("{}m40s", C / 60) } }));
    assert!(world.plan(50).next.is_none());
}

#[test]
fn another_publisher_is_written_down_and_keeps_both_halves_from_then_on() {
    let mut world = World::begun(json!({}));
    world.edit(json!({ "publisher": "Signer" }));
    assert_eq!(told(&world.pass(100)), ["publisher"]);
    world.pass(INTERVAL);
    assert!(world.keyring.keys[0].is_retired() && world.keyring.keys[0].private.is_some());
}

#[test]
fn a_standby_key_waits_anew_for_those_who_must_know_it_under_another_publisher() {
    let mut world = World::begun(json!({}));
    world.edit(json!({ "publisher": "Signer" }));
    world.ask("now");
    world.pass(1_000);
    let lead = W + R + C + S;
    assert_eq!(told(&world.pass(1_000 + lead - 1)), [""; 0], "until 1000 it was in no Secret");
    assert_eq!(told(&world.pass(1_000 + lead))[0], "promote k2 a Asked");
}

#[test]
fn what_is_ahead_comes_soonest_first() {
    let mut world = World::begun(json!({}));
    world.pass(INTERVAL);
    world.outputs.remove(&config_map("auth-jwks"));
    let plan = world.plan(INTERVAL);
    let order: Vec<(Change, bool)> = plan.ahead.iter().map(|ahead| (ahead.to, ahead.time.is_some())).collect();
    assert_eq!(order, [(Change::Removed, true), (Change::Active, false)], "those of unknown time last");
}

#[test]
fn keys_that_retired_while_the_server_published_stay_loaded_until_their_removal() {
    let mut world = World::begun(json!({ "publisher": "Signer" }));
    world.pass(INTERVAL);
    assert_eq!(world.phases(), ["k1:Retired", "k2:Active", "k3:Standby"]);
    world.edit(json!({}));
    assert_eq!(told(&world.pass(INTERVAL + 1)), ["publisher"]);
    let private = |world: &World| world.keyring.keys.iter().filter(|key| key.private.is_some()).count();
    assert_eq!(private(&world), 3);
    let files = &world.written(&secret("auth-signer")).unwrap().files;
    let jwks = String::from_utf8(files["jwks.json"].to_vec()).unwrap();
    assert!(
        jwks.contains("\"k1\"") && jwks.contains("\"k2\"") && !jwks.contains("\"k3\""),
        "what signed, not what will"
    );
    world.ask("now");
    world.pass(INTERVAL + 1 + LEAD);
    assert_eq!(world.phases()[1..3], ["k2:Retired", "k3:Active"]);
    assert!(world.keyring.keys[1].private.is_none(), "it retired while Keyturn published");
}

#[test]
fn the_secret_of_a_set_without_config_maps_tells_of_longer_facts_that_still_count() {
    let signer = |seconds: i64| {
        let mut spec = lifetime(seconds);
        spec["publisher"] = "Signer".into();
        spec
    };
    let mut world = World::begun(signer(1_000));
    for (seconds, moment) in [(2_000, 1), (1_000, 2)] {
        world.edit(signer(seconds));
        let writes = world.writes;
        world.pass(moment);
        assert_eq!(world.writes, writes + 1, "one write an edit");
        assert_eq!(world.written(&secret("auth-signer")).unwrap().header.facts, world.keyring.facts);
    }
    let facts = &world.written(&secret("auth-signer")).unwrap().header.facts;
    assert_eq!(facts.effective(at(3)).unwrap().max_token_lifetime.num_seconds(), 2_000);
}

#[test]
fn longer_facts_that_a_crash_kept_from_the_outputs_are_told_after_an_edit_back() {
    let mut world = World::begun(lifetime(1_000));
    world.edit(lifetime(2_000));
    world.decide(moment(1));
    world.edit(lifetime(1_000));
    world.pass(2);
    for output in [config_map("auth-jwks"), secret("auth-signer")] {
        assert_eq!(world.written(&output).unwrap().header.facts, world.keyring.facts, "{output}");
    }
}
