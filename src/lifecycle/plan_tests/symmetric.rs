//! Symmetric keys: who signs, encrypts, verifies and decrypts has loaded them, so all times count from the Secrets.

use serde_json::{Value, json};

use crate::jose::Use;
use crate::lifecycle::fixtures::*;
use crate::lifecycle::plan::{Change, Waiting};

/// From the write of a standby key to its promotion: `sig` and `enc`.
const SIG_LEAD: i64 = W + R + C + S;
const ENC_LEAD: i64 = W + R + S;
const ENC_RETENTION: i64 = W + R + C + L + 2 * S;

fn signs(more: Value) -> Value {
    with("HS256", more)
}

fn encrypts() -> Value {
    with("A256KW", json!({ "encSelection": "First" }))
}

fn with(algorithm: &str, mut more: Value) -> Value {
    more["keys"] = json!([{ "name": "a", "algorithm": algorithm }]);
    more
}

#[test]
fn the_first_key_signs_at_once_and_the_first_one_that_encrypts_waits() {
    assert_eq!(told(&World::new(signs(json!({}))).pass(0)), ["mint a active", "mint a standby"]);
    let mut world = World::new(encrypts());
    assert_eq!(told(&world.pass(0)), ["mint a standby"]);
    assert_eq!(told(&world.pass(ENC_LEAD - 1)), [""; 0]);
    assert_eq!(told(&world.pass(ENC_LEAD)), ["promote k1 a First", "mint a standby"]);
}

#[test]
fn lead_and_retention_count_from_the_last_secret_that_lists_the_key() {
    for (members, lead, retention) in [(signs(json!({})), SIG_LEAD, RETENTION), (encrypts(), ENC_LEAD, ENC_RETENTION)] {
        for publisher in ["Keyturn", "Signer"] {
            let mut members = members.clone();
            members["publisher"] = publisher.into();
            members["secrets"] = json!([{ "name": "s" }, { "name": "t" }]);
            // No ConfigMap is asked anything, though there is one, and somebody edited it.
            members["configMaps"] = json!([{ "name": "c" }]);
            let mut world = World::new(members);
            let mut now = 0;
            world.pass(now);
            if world.active("a", world.policy.lines[0].algorithm.usage()) == 0 {
                now += lead;
                world.pass(now);
            }
            world.tamper(&config_map("c"));
            let standby = world.keyring.keys.last().unwrap().kid.clone();
            world.ask("now");
            world.outputs.remove(&secret("t"));
            assert_eq!(told(&world.decide(moment(now + 1))), ["answer"], "a Secret lacks the next key");
            let restored = now + 500;
            world.publish(restored);
            assert_eq!(told(&world.decide(moment(restored + lead - 1))), [""; 0], "{publisher}");
            let steps = told(&world.decide(moment(restored + lead)));
            assert_eq!(steps[0], format!("promote {standby} a Asked"), "{publisher}");
            world.publish_where(at(restored + lead), |id| *id == secret("s"));
            let retired = restored + lead + 100;
            let plan = world.plan(retired);
            assert_eq!(ahead_to(&plan, Change::Removed)[0].time, None, "a Secret still begins with the former key");
            world.publish(retired);
            assert!(!told(&world.plan(retired + retention - 1).steps).join(" ").contains("remove"), "{publisher}");
            assert!(told(&world.plan(retired + retention).steps).join(" ").contains("remove"), "{publisher}");
        }
    }
}

#[test]
fn a_retired_key_keeps_its_octets_until_it_is_removed() {
    let mut world = World::begun(signs(json!({})));
    world.pass(INTERVAL);
    assert_eq!(world.phases(), ["k1:Retired", "k2:Active", "k3:Standby"]);
    assert!(world.keyring.keys.iter().all(|key| key.private.is_some() && key.public.is_none()));
    world.pass(INTERVAL + RETENTION - 1);
    assert!(world.keyring.key("k1").unwrap().private.is_some());
    world.pass(INTERVAL + RETENTION);
    assert_eq!(world.phases(), ["k2:Active", "k3:Standby"]);
}

#[test]
fn a_pair_replaces_a_symmetric_key_and_the_other_way_round() {
    let mut world = World::begun(json!({}));
    world.edit(signs(json!({})));
    assert_eq!(told(&world.pass(1)), ["discard k2 a", "mint a standby"]);
    assert_eq!(told(&world.pass(1 + SIG_LEAD)), ["promote k3 a Changed", "retire k1 a Replaced", "mint a standby"]);
    assert!(world.keyring.key("k1").unwrap().private.is_none(), "nobody signs with it any more");
    assert!(world.mark(&config_map("auth-jwks"), "k1").unwrap().held.is_some(), "it is still published");
    world.edit(json!({}));
    let edited = 2 + SIG_LEAD;
    assert_eq!(told(&world.pass(edited)), ["discard k4 a", "mint a standby"]);
    assert_eq!(told(&world.pass(edited + LEAD)), ["promote k5 a Changed", "retire k3 a Replaced", "mint a standby"]);
    assert!(world.keyring.key("k3").unwrap().private.is_some(), "what it signed is verified with the same octets");
}

#[test]
fn a_confirmation_counts_once_the_secret_can_have_been_loaded() {
    let mut world = World::begun(signs(json!({ "promotion": { "confirm": [{ "manual": {} }] } })));
    world.ask("now");
    world.confirmed = ["k2".to_owned()].into();
    let seen = W + R + S;
    assert_eq!(told(&world.pass(seen - 1)), ["answer"]);
    assert_eq!(told(&world.pass(seen)), ["confirm k2"]);
    let plan = world.plan(seen);
    let [ahead] = ahead_to(&plan, Change::Active)[..] else { panic!("{:?}", plan.ahead) };
    assert_eq!((ahead.time, &ahead.waiting), (Some(at(seen + C + S)), &Waiting::Confirmation));
}

#[test]
fn a_revoked_symmetric_key_is_replaced_at_once() {
    let mut world = World::begun(signs(json!({})));
    world.edit(signs(json!({ "revoked": [{ "kid": "k1" }] })));
    assert_eq!(told(&world.pass(5)), ["revoke k1 used", "promote k2 a Revoked", "mint a standby"]);
    assert_eq!(world.active("a", Use::Sig), 1);
    assert!(world.keyring.is_revoked("other", &mac_key().thumbprint(&oct_key(1, 256))), "also under another name");
}
