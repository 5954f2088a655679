//! What is left of a set whose keyring is lost, or older than its outputs.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::fixtures::*;
use super::policy::{OutputId, Policy};
use super::recovery::{Case, FoundKey, Recovery, Remains, recover};
use crate::jose::{Algorithm, Use};
use crate::keyring::{KeptPrivateFile, Key, Keyring, MacKey, Phase, PrivateForm, Publisher, Revoked};
use crate::publish::{Header, remains, render_all};

const STANDBY: Phase = Phase::Standby;

fn active(since: i64) -> Phase {
    Phase::Active { active_since: at(since), rotation_due: Some(at(since + INTERVAL)), rotation_asked: false }
}

fn retired(since: i64) -> Phase {
    Phase::Retired { active_since: Some(at(since - INTERVAL)), retired_since: at(since), not_before: None }
}

/// A key of line `a` around the real key of that number.
fn key(number: usize, phase: Phase) -> Key {
    let mut key = key_of(&ec_keys()[number], &format!("k{number}"), "a", Algorithm::Es256, phase);
    if key.is_retired() {
        key.private = None;
    }
    key
}

fn keyring(policy: &Policy, revision: u64, keys: Vec<Key>) -> Keyring {
    Keyring { revision, barrier: 1, keys, ..fresh_keyring(policy) }
}

/// `k1` retired, `k2` signs, `k3` comes next, at revision 5.
fn rotated(policy: &Policy) -> Keyring {
    keyring(policy, 5, vec![key(1, retired(INTERVAL)), key(2, active(INTERVAL)), key(3, STANDBY)])
}

/// What the outputs hold that were written for the keyring.
fn left(policy: &Policy, keyring: &Keyring) -> BTreeMap<OutputId, Remains> {
    let written = render_all(policy, keyring).unwrap().into_iter().map(|one| {
        let marks = one.marks(keyring, None, at(INTERVAL));
        let files = one.complete(keyring.revision).unwrap();
        let header = Header::new(&one.id, &files, one.inputs(), keyring, marks).unwrap();
        (one.id.clone(), remains(&one.id, &header, &files, None, at(0)))
    });
    written.collect()
}

struct Given {
    policy: Policy,
    base: Option<Keyring>,
    left: BTreeMap<OutputId, Remains>,
    remembered: Option<u64>,
    accepted: Option<u64>,
}

impl Given {
    /// A lost keyring of which every output is left.
    fn lost(members: Value) -> Self {
        let policy = policy(members);
        let left = left(&policy, &rotated(&policy));
        Self { policy, base: None, left, remembered: Some(5), accepted: None }
    }

    fn recover(&self) -> Recovery {
        let remains: Vec<Remains> = self.left.values().cloned().collect();
        recover(&Case {
            policy: &self.policy,
            base: self.base.as_ref(),
            remains: &remains,
            remembered: self.remembered,
            accepted_loss: self.accepted,
            rotate: Some("asked before".to_owned()),
            mac_key: MacKey::new([9; MacKey::BYTES]),
            now: moment(2 * INTERVAL),
        })
    }

    fn keyring(&self) -> Keyring {
        match self.recover() {
            Recovery::Keyring(keyring) => *keyring,
            Recovery::Lost { revision, lines, .. } => panic!("lost {lines:?} at {revision}"),
        }
    }

    fn lost_at(&self) -> (u64, Vec<String>) {
        match self.recover() {
            Recovery::Keyring(keyring) => panic!("recovered {keyring:?}"),
            Recovery::Lost { revision, lines, .. } => (revision, lines),
        }
    }
}

fn phases(keyring: &Keyring) -> Vec<String> {
    keyring.keys.iter().map(|key| format!("{}:{}", key.kid, key.phase.name())).collect()
}

#[test]
fn a_lost_keyring_keeps_the_active_key_of_the_secret_and_retires_the_others() {
    let given = Given::lost(json!({}));
    let keyring = given.keyring();
    assert_eq!(phases(&keyring), ["k1:Retired", "k2:Active", "k3:Retired"]);
    let [first, signs, next] = keyring.keys.as_slice() else { panic!("three keys") };
    assert_eq!(signs.private.as_ref(), Some(&ec_keys()[2]), "its private half is that of the Secret");
    assert_eq!(signs.phase, active(INTERVAL), "it has been active since the Secret says so");
    let full = Phase::Retired { active_since: None, retired_since: at(2 * INTERVAL), not_before: None };
    assert_eq!((&first.phase, &next.phase), (&full, &full), "a full retention from now on");
    assert!(first.private.is_none() && next.private.is_none());
    assert_eq!((first.public.as_ref(), first.thumbprint), (ec_keys()[1].public(), mac_key().thumbprint(&ec_keys()[1])));
    assert_eq!((keyring.revision, keyring.barrier), (6, 6), "every output is written anew");
    assert_eq!(keyring.rotate_answered.as_deref(), Some("asked before"), "an old wish is no new one");
}

#[test]
fn a_recovered_set_signs_on_and_waits_a_lead_with_its_next_key() {
    let given = Given::lost(json!({}));
    let mut world = World::new(json!({}));
    world.keyring = given.keyring();
    world.rotate = Some("asked before".to_owned());
    let now = 2 * INTERVAL;
    // k2 was due long ago, but its successor is not known yet.
    assert_eq!(told(&world.pass(now)), ["mint a standby"]);
    assert_eq!(told(&world.pass(now + LEAD - 1)), [""; 0]);
    assert_eq!(told(&world.pass(now + LEAD)), ["promote k1 a Due", "retire k2 a Replaced", "mint a standby"]);
}

#[test]
fn a_private_key_is_found_in_pem_alone() {
    let pem = json!({ "secrets": [{ "name": "s", "files": { "key.pem": { "content": "PrivateKeyPem" } } }] });
    let mut given = Given::lost(pem);
    assert_eq!(phases(&given.keyring()), ["k1:Retired", "k2:Active", "k3:Retired"]);
    given.left.remove(&config_map("auth-jwks"));
    let keyring = given.keyring();
    assert_eq!(phases(&keyring), ["k2:Active"], "of the others nobody has even the public half");
    assert_eq!(keyring.keys[0].public.as_ref(), ec_keys()[2].public());
}

#[test]
fn a_server_that_publishes_has_every_private_key() {
    let mut given = Given::lost(json!({ "publisher": "Signer" }));
    let mut before = rotated(&given.policy);
    before.keys[0].private = Some(ec_keys()[1].clone());
    given.left = left(&given.policy, &before);
    let keyring = given.keyring();
    assert_eq!(phases(&keyring), ["k1:Retired", "k2:Active", "k3:Retired"]);
    assert!(keyring.keys.iter().all(|key| key.private.is_some()));
}

#[test]
fn encryption_keys_keep_their_private_half_until_they_are_removed() {
    let line = json!({ "keys": [{ "name": "e", "algorithm": "RSA-OAEP-256", "rsaBits": 2048 }] });
    let mut given = Given::lost(line);
    let enc =
        |number: usize, phase| key_of(&rsa_keys()[number], &format!("e{number}"), "e", Algorithm::RsaOaep256, phase);
    let before = keyring(&given.policy, 5, vec![enc(0, retired(INTERVAL)), enc(1, active(INTERVAL)), enc(2, STANDBY)]);
    given.left = left(&given.policy, &before);
    let keyring = given.keyring();
    assert_eq!(phases(&keyring), ["e0:Retired", "e1:Active", "e2:Retired"]);
    assert!(keyring.keys.iter().all(|key| key.private.is_some()), "all of them still decrypt");
}

/// Line `m` of symmetric keys: `h0` retired, `h1` signs, `h2` comes next.
fn symmetric(policy: &Policy) -> Keyring {
    let all = [retired(INTERVAL), active(INTERVAL), STANDBY];
    let key = |(number, phase): (u32, Phase)| {
        key_of(&oct_key(number, 256), &format!("h{number}"), "m", Algorithm::Hs256, phase)
    };
    keyring(policy, 5, (0..).zip(all).map(key).collect())
}

fn symmetric_lost() -> Given {
    let mut given = Given::lost(json!({ "keys": [{ "name": "m", "algorithm": "HS256" }] }));
    given.left = left(&given.policy, &symmetric(&given.policy));
    given
}

#[test]
fn symmetric_keys_come_back_by_their_kids_where_the_secret_of_their_thumbprints_is_lost() {
    let keyring = symmetric_lost().keyring();
    assert_eq!(phases(&keyring), ["h0:Retired", "h1:Active", "h2:Retired"]);
    for (number, key) in (0..).zip(&keyring.keys) {
        let private = oct_key(number, 256);
        assert_eq!((key.private.as_ref(), key.public.as_ref(), key.spec), (Some(&private), None, private.spec()));
        assert_eq!(key.thumbprint, MacKey::new([9; MacKey::BYTES]).thumbprint(&private), "by the new keyring's secret");
    }
}

#[test]
fn a_symmetric_key_of_an_older_keyring_is_known_by_its_thumbprint() {
    let mut given = symmetric_lost();
    let newest = symmetric(&given.policy);
    given.base = Some(keyring(&given.policy, 4, newest.keys[..1].to_vec()));
    assert_eq!(phases(&given.keyring()), ["h0:Retired", "h1:Active", "h2:Retired"]);
    for found in &mut given.left.get_mut(&secret("auth-signer")).unwrap().private {
        found.key = oct_key(99, 256);
    }
    assert_eq!(given.lost_at(), (5, vec!["m".to_owned()]), "somebody put another key there");
}

#[test]
fn a_symmetric_key_without_a_kid_or_of_a_wrong_size_is_not_taken() {
    type Damage = fn(&mut FoundKey);
    let damages: [Damage; 3] =
        [|found| found.kid = None, |found| found.kid = Some("other".to_owned()), |found| found.key = oct_key(1, 128)];
    for damage in damages {
        let mut given = symmetric_lost();
        given.left.get_mut(&secret("auth-signer")).unwrap().private.iter_mut().for_each(damage);
        assert_eq!(given.lost_at(), (5, vec!["m".to_owned()]));
    }
}

#[test]
fn a_revoked_symmetric_key_does_not_come_back_under_another_name() {
    let mut given = symmetric_lost();
    for remains in given.left.values_mut() {
        let thumbprint = Some(mac_key().thumbprint(&oct_key(2, 256)));
        remains.revoked = vec![Revoked { kid: "former-name".to_owned(), thumbprint, since: at(1) }];
    }
    assert_eq!(phases(&given.keyring()), ["h0:Retired", "h1:Active"]);
}

#[test]
fn without_its_secret_a_lost_keyring_is_an_alarm_until_the_right_revision_is_given_up() {
    let mut given = Given::lost(json!({}));
    given.left.remove(&secret("auth-signer"));
    assert_eq!(given.lost_at(), (5, vec!["a".to_owned()]));
    for wrong in [0, 4, 6] {
        given.accepted = Some(wrong);
        assert_eq!(given.lost_at().0, 5, "{wrong}");
    }
    given.accepted = Some(5);
    let keyring = given.keyring();
    assert_eq!(phases(&keyring), ["k1:Retired", "k2:Retired", "k3:Retired"], "what verifiers have, they keep");
    assert_eq!(keyring.revision, 6);
}

#[test]
fn a_new_key_after_a_loss_waits_its_lead() {
    let mut given = Given::lost(json!({}));
    given.left.clear();
    given.accepted = Some(5);
    let mut world = World::new(json!({}));
    world.keyring = given.keyring();
    assert_eq!((world.keyring.keys.len(), world.keyring.revision), (0, 6));
    world.rotate = Some("asked before".to_owned());
    assert_eq!(told(&world.pass(0)), ["mint a standby"]);
    assert_eq!(told(&world.pass(LEAD)), ["promote k1 a First", "mint a standby"]);
}

#[test]
fn where_nothing_is_left_every_line_is_lost() {
    let mut given =
        Given::lost(json!({ "keys": [{ "algorithm": "ES256", "name": "a" }, { "algorithm": "ES256", "name": "b" }] }));
    given.left.clear();
    assert_eq!(given.lost_at(), (5, vec!["a".to_owned(), "b".to_owned()]));
    given.remembered = None;
    assert_eq!(given.lost_at().0, 0);
}

#[test]
fn a_line_that_was_just_added_is_not_lost() {
    let mut given = Given::lost(json!({}));
    given.policy =
        policy(json!({ "keys": [{ "algorithm": "ES256", "name": "a" }, { "algorithm": "ES256", "name": "b" }] }));
    assert_eq!(phases(&given.keyring()), ["k1:Retired", "k2:Active", "k3:Retired"]);
}

#[test]
fn the_newest_output_names_the_lost_revision() {
    let mut given = Given::lost(json!({}));
    given.left.remove(&secret("auth-signer"));
    given.left.get_mut(&config_map("auth-jwks")).unwrap().revision = 8;
    assert_eq!(given.lost_at().0, 8, "the status was not written any more");
    given.remembered = Some(11);
    assert_eq!(given.lost_at().0, 11);
}

#[test]
fn of_an_older_keyring_the_key_of_the_secret_stays_active() {
    let policy = policy(json!({}));
    let before = rotated(&policy);
    let base = keyring(&policy, 3, vec![key(1, active(0)), key(2, STANDBY)]);
    let given = Given {
        left: left(&policy, &before),
        base: Some(Keyring { mac_key: MacKey::new([3; MacKey::BYTES]), ..base }),
        policy,
        remembered: Some(5),
        accepted: None,
    };
    let keyring = given.keyring();
    assert_eq!(phases(&keyring), ["k1:Retired", "k2:Active", "k3:Retired"]);
    assert!(keyring.keys[0].private.is_none() && keyring.keys[1].private.is_some());
    assert_eq!((keyring.revision, keyring.barrier), (6, 6));
    assert_eq!(
        format!("{:?}", keyring.mac_key.digest([])),
        format!("{:?}", MacKey::new([3; MacKey::BYTES]).digest([]))
    );
}

#[test]
fn of_an_older_keyring_whose_key_still_signs_its_rotation_stays_planned() {
    let policy = policy(json!({}));
    let asked = Phase::Active { active_since: at(7), rotation_due: Some(at(8)), rotation_asked: true };
    let base = keyring(&policy, 3, vec![key(2, asked.clone())]);
    let before = keyring(&policy, 5, vec![key(2, active(7)), key(3, STANDBY)]);
    let given = Given { left: left(&policy, &before), base: Some(base), policy, remembered: None, accepted: None };
    let keyring = given.keyring();
    assert_eq!(keyring.keys.iter().find(|key| key.kid == "k2").unwrap().phase, asked);
    assert_eq!(keyring.revision, 6);
}

#[test]
fn of_several_secrets_the_newest_one_that_names_a_key_wins() {
    let policy = policy(json!({ "secrets": [{ "name": "s" }, { "name": "t" }] }));
    let older = keyring(&policy, 4, vec![key(1, active(0)), key(2, STANDBY)]);
    let mut left_over = left(&policy, &rotated(&policy));
    let behind = left(&policy, &older).remove(&secret("t")).unwrap();
    left_over.insert(secret("t"), behind);
    let given = Given { left: left_over, base: None, policy, remembered: None, accepted: None };
    let keyring = given.keyring();
    assert_eq!(phases(&keyring), ["k1:Retired", "k2:Active", "k3:Retired"]);
    assert_eq!(keyring.revision, 6);
}

#[test]
fn whatever_is_known_to_be_revoked_stays_revoked() {
    let policy = policy(json!({}));
    let revoked = |kid: &str, number: Option<usize>| Revoked {
        kid: kid.to_owned(),
        thumbprint: number.map(|number| mac_key().thumbprint(&ec_keys()[number])),
        since: at(1),
    };
    let mut base = keyring(&policy, 3, vec![key(1, active(0)), key(2, STANDBY)]);
    base.revoked = vec![revoked("older", None), revoked("both", None)];
    let mut before = keyring(&policy, 5, vec![key(2, active(INTERVAL)), key(3, STANDBY)]);
    // k1 under another name, by its thumbprint; and one that both know, one of them better.
    before.revoked = vec![revoked("another-name", Some(1)), revoked("both", Some(4))];
    let given = Given { left: left(&policy, &before), base: Some(base), policy, remembered: None, accepted: None };
    let keyring = given.keyring();
    let known: Vec<(&str, bool)> =
        keyring.revoked.iter().map(|one| (one.kid.as_str(), one.thumbprint.is_some())).collect();
    assert_eq!(known, [("older", false), ("both", true), ("another-name", true)]);
    assert_eq!(phases(&keyring), ["k2:Active", "k3:Retired"], "k1 does not come back");
}

#[test]
fn an_active_key_that_was_revoked_does_not_come_back_from_a_secret_left_behind() {
    let mut given = Given::lost(json!({ "secrets": [{ "name": "s" }, { "name": "t" }] }));
    let mut after = keyring(&given.policy, 6, vec![key(1, retired(INTERVAL)), key(3, active(INTERVAL))]);
    after.revoked =
        vec![Revoked { kid: "k2".to_owned(), thumbprint: Some(mac_key().thumbprint(&ec_keys()[2])), since: at(0) }];
    let behind = given.left.remove(&secret("t")).unwrap();
    given.left = left(&given.policy, &after);
    given.left.insert(secret("t"), behind);
    let keyring = given.keyring();
    assert_eq!(phases(&keyring), ["k1:Retired", "k3:Active"]);
}

#[test]
fn a_key_is_not_taken_for_another_because_of_its_name() {
    let mut given = Given::lost(json!({}));
    let signer = given.left.get_mut(&secret("auth-signer")).unwrap();
    signer.private = vec![FoundKey { kid: Some("k2".to_owned()), key: ec_keys()[7].clone() }];
    signer.public.clear();
    assert_eq!(given.lost_at(), (5, vec!["a".to_owned()]), "somebody put another key there");
}

#[test]
fn at_most_one_key_of_a_line_is_active_whatever_the_secrets_say() {
    let policy = policy(json!({ "secrets": [{ "name": "s" }, { "name": "t" }] }));
    let one = keyring(&policy, 5, vec![key(1, active(10))]);
    let other = keyring(&policy, 5, vec![key(2, active(20))]);
    let mut both = left(&policy, &one);
    let mut later = left(&policy, &other).remove(&secret("t")).unwrap();
    later.marks.get_mut("k2").unwrap().active = Some(at(INTERVAL + 1));
    both.insert(secret("t"), later);
    both.insert(config_map("other"), left(&policy, &other).remove(&config_map("auth-jwks")).unwrap());
    let given = Given { left: both, base: None, policy, remembered: None, accepted: None };
    let keyring = given.keyring();
    assert_eq!(phases(&keyring), ["k1:Retired", "k2:Active"], "the one that began later");
    assert_eq!(keyring.keys.iter().filter(|key| key.belongs_to("a", Use::Sig) && key.is_active()).count(), 1);
}

#[test]
fn each_line_keeps_its_active_key_where_the_lines_are_split_over_secrets() {
    let policy = policy(json!({
        "keys": [{ "algorithm": "ES256", "name": "a" }, { "algorithm": "ES256", "name": "b" }],
        "secrets": [
            { "name": "s", "files": { "b.pem": { "content": "PrivateKeyPem", "line": "b" } } },
            { "name": "z", "files": { "a.pem": { "content": "PrivateKeyPem", "line": "a" } } },
        ],
    }));
    let other = Key { line: "b".to_owned(), ..key(2, active(0)) };
    let before = keyring(&policy, 5, vec![key(1, active(0)), other]);
    for base in [None, Some(Keyring { revision: 4, ..before.clone() })] {
        let left = left(&policy, &before);
        let given = Given { policy: policy.clone(), base, left, remembered: Some(5), accepted: None };
        assert_eq!(phases(&given.keyring()), ["k1:Active", "k2:Active"]);
    }
}

#[test]
fn a_standby_of_an_older_keyring_that_newer_outputs_know_is_retired() {
    let policy = policy(json!({}));
    // By revision 7 the backup's standby has signed and is retired.
    let newer = keyring(&policy, 7, vec![key(2, retired(INTERVAL)), key(3, active(INTERVAL))]);
    let base = keyring(&policy, 4, vec![key(1, active(0)), key(2, STANDBY)]);
    let left = left(&policy, &newer);
    let given = Given { policy, base: Some(base), left, remembered: Some(7), accepted: None };
    assert_eq!(phases(&given.keyring()), ["k2:Retired", "k3:Active"], "and k1, which had been removed, stays away");
}

#[test]
fn where_no_output_is_left_every_key_of_an_older_keyring_may_have_been_used() {
    let mut given = Given::lost(json!({}));
    given.base = Some(keyring(&given.policy, 3, vec![key(1, active(0)), key(2, STANDBY)]));
    given.left.clear();
    let recovered = given.keyring();
    assert_eq!(phases(&recovered), ["k1:Retired", "k2:Retired"], "what either of them signed may still be valid");
}

#[test]
fn a_recovery_knows_who_published_last() {
    let mut given = Given::lost(json!({}));
    given.policy = policy(json!({ "publisher": "Signer" }));
    assert_eq!(given.keyring().publisher, Publisher::Keyturn, "k1 has no private half for a server to publish it");
    given.base = Some(Keyring { publisher: Publisher::Signer, ..rotated(&given.policy) });
    given.base.as_mut().unwrap().revision = 6;
    assert_eq!(given.keyring().publisher, Publisher::Signer, "the keyring knows more than the outputs");
}

#[test]
fn a_recovery_goes_on_waiting_for_what_follows_longer_facts() {
    let mut given = Given::lost(json!({}));
    given.policy = policy(json!({ "timing": { "maxTokenLifetime": "10s" } }));
    let mut world = World::new(json!({ "timing": { "maxTokenLifetime": "10s" } }));
    world.keyring = given.keyring();
    world.rotate = Some("asked before".to_owned());
    let now = 2 * INTERVAL;
    world.pass(now);
    world.pass(now + RETENTION - 1);
    assert!(world.keyring.key("k3").is_some(), "what a retired key signed lives by the facts before the edit");
}

#[test]
fn a_line_whose_first_key_still_waits_is_not_lost() {
    let policy = policy(json!({ "keys": [
        { "algorithm": "ES256", "name": "a" },
        { "algorithm": "RSA-OAEP", "name": "e", "rsaBits": 2048 },
    ] }));
    let waiting = key_of(&rsa_keys()[0], "e1", "e", Algorithm::RsaOaep, STANDBY);
    let left = left(&policy, &keyring(&policy, 1, vec![key(1, active(0)), key(2, STANDBY), waiting]));
    let given = Given { policy, base: None, left, remembered: Some(1), accepted: None };
    assert_eq!(given.keyring().active("a", Use::Sig).unwrap().kid, "k1");
}

/// Lines `a` and `b`, each in a Secret of its own: `k1` signs for `a`, `k2` for `b`.
fn two_secrets(revoked: &[&str]) -> Policy {
    policy(json!({
        "keys": [{ "name": "a", "algorithm": "ES256" }, { "name": "b", "algorithm": "ES256" }],
        "secrets": [
            { "name": "a", "files": { "a.json": { "content": "PrivateJwks", "line": "a" } } },
            { "name": "b", "files": { "b.json": { "content": "PrivateJwks", "line": "b" } } },
        ],
        "revoked": revoked.iter().map(|kid| json!({ "kid": kid })).collect::<Vec<_>>(),
    }))
}

/// The keyring is lost, and the Secret of line `a` with it.
fn lost_with_a(revoked: &[&str]) -> Given {
    let policy = two_secrets(revoked);
    let of_b = Key { line: "b".to_owned(), ..key(2, active(INTERVAL)) };
    let mut left = left(&policy, &keyring(&policy, 5, vec![key(1, active(INTERVAL)), of_b]));
    assert!(left.remove(&secret("a")).is_some());
    Given { policy, base: None, left, remembered: Some(5), accepted: None }
}

#[test]
fn while_a_loss_halts_the_set_it_is_told_what_is_revoked_and_still_out() {
    let given = lost_with_a(&["k2", "stranger"]);
    let Recovery::Lost { lines, revoked, .. } = given.recover() else { panic!("line a is lost") };
    assert_eq!((lines, revoked), (vec!["a".to_owned()], vec!["k2".to_owned()]));
    let accepted = Given { accepted: Some(5), ..given };
    assert!(accepted.keyring().key("k2").is_some(), "the plan revokes it, and another key takes its place");
}

#[test]
fn whoever_revokes_the_very_key_that_is_lost_gives_it_up() {
    let Recovery::Lost { lines, .. } = lost_with_a(&[]).recover() else { panic!("line a is lost") };
    assert_eq!(lines, ["a"]);
    let keyring = lost_with_a(&["k1"]).keyring();
    assert_eq!(phases(&keyring), ["k1:Retired", "k2:Active"], "the plan takes it away");
}

#[test]
fn a_revoked_key_of_which_nothing_is_left_is_remembered_by_its_thumbprint() {
    let mut given = lost_with_a(&["k1"]);
    given.left.remove(&config_map("auth-jwks")).unwrap();
    let keyring = given.keyring();
    let [revoked] = keyring.revoked.as_slice() else { panic!("{:?}", keyring.revoked) };
    assert_eq!((revoked.kid.as_str(), revoked.thumbprint), ("k1", Some(mac_key().thumbprint(&ec_keys()[1]))));
}

#[test]
fn private_files_that_are_kept_outlive_the_keyring() {
    let policy = policy(json!({}));
    let kept = KeptPrivateFile {
        secret: "auth-signer".to_owned(),
        file: "b.key".to_owned(),
        form: PrivateForm::Jwk,
        keys: ["k4".to_owned()].into(),
    };
    let of_b = Key { line: "b".to_owned(), ..key(4, active(INTERVAL)) };
    let mut before = rotated(&policy);
    before.keys.push(of_b);
    before.kept_private = vec![kept.clone()];
    let given = Given { left: left(&policy, &before), policy, base: None, remembered: Some(5), accepted: None };
    let keyring = given.keyring();
    assert_eq!(keyring.kept_private, [kept]);
    assert!(keyring.key("k4").unwrap().is_active() && keyring.key("k4").unwrap().private.is_some());
}
