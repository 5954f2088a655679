//! Keys that exist: all of them are adopted or none, and no token breaks.

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::jose::{Algorithm, Use};
use crate::keyring::Phase;
use crate::lifecycle::adoption::{Candidate, CandidateKey, Offer, Offered};
use crate::lifecycle::fixtures::*;
use crate::lifecycle::plan::Change;
use crate::lifecycle::recovery::{Case, Recovery, recover};
use crate::material::PrivateKey;

/// A spec of line `a` (ES256) that imports, for it unless stated otherwise, what these entries name.
fn imports(entries: Value) -> Value {
    with(json!({}), entries)
}

fn with(mut members: Value, mut entries: Value) -> Value {
    for (index, entry) in entries.as_array_mut().unwrap().iter_mut().enumerate() {
        entry["secretKeyRef"] = json!({ "name": "legacy", "key": format!("{index}.pem") });
    }
    members["import"] = json!({ "keys": entries });
    members
}

fn found(name: Option<&str>, private: &PrivateKey) -> Candidate {
    let key = CandidateKey {
        thumbprint: mac_key().thumbprint(private),
        spec: private.spec(),
        public: private.public().cloned(),
        private: Some(private.clone()),
        certificate: None,
        uuid: "6ba7b810-9dad-11d1-80b4-00c04fd430c8".to_owned(),
    };
    let (place, name) = ("block 1".to_owned(), name.map(str::to_owned));
    Candidate { place, name, alg: None, usage: None, pss_only: None, key: Ok(key) }
}

/// The n-th EC key, named `old-n`.
fn ec(number: usize) -> Candidate {
    found(Some(&format!("old-{number}")), &ec_keys()[number])
}

fn called(name: &str, number: usize) -> Candidate {
    found(Some(name), &ec_keys()[number])
}

fn broken() -> Candidate {
    Candidate { key: Err("its numbers do not belong together".to_owned()), ..ec(1) }
}

fn rsa(number: usize) -> Candidate {
    found(Some(&format!("rsa-{number}")), &rsa_keys()[number])
}

fn public(mut candidate: Candidate) -> Candidate {
    candidate.key.as_mut().unwrap().private = None;
    candidate
}

fn offer(files: Vec<Vec<Candidate>>) -> Offer {
    let offered = files.into_iter().enumerate().map(|(entry, found)| Offered { entry, found: Ok(found) });
    Offer::Read(offered.collect::<Vec<_>>().into())
}

fn world(members: Value, files: Vec<Vec<Candidate>>) -> World {
    let mut world = World::new(members);
    world.offer = offer(files);
    world
}

/// What stands against an import, of which then nothing is adopted.
fn refused(members: Value, files: Vec<Vec<Candidate>>) -> String {
    let plan = world(members, files).plan(0);
    assert!(plan.next.is_none() && plan.steps.is_empty() && plan.mints.is_empty(), "{:?}", plan.steps);
    assert!(!plan.refused.is_empty(), "nothing is refused");
    plan.refused.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

#[test]
fn the_first_commit_publishes_what_was_in_use_and_a_standby_that_waits() {
    let mut world = world(imports(json!([{}])), vec![vec![ec(0), ec(1)]]);
    assert_eq!(told(&world.pass(0)), ["adopt old-0 a active", "adopt old-1 a retired", "mint a standby"]);
    assert_eq!(world.phases(), ["old-0:Active", "old-1:Retired", "k1:Standby"]);
    let active = Phase::Active { active_since: at(0), rotation_due: Some(at(INTERVAL)), rotation_asked: false };
    assert_eq!(world.keyring.keys[0].phase, active, "it rotates one interval after its adoption");
    for kid in ["old-0", "old-1", "k1"] {
        assert!(world.mark(&config_map("auth-jwks"), kid).unwrap().held.is_some(), "{kid} is published");
    }
    assert!(world.mark(&secret("auth-signer"), "old-0").unwrap().active.is_some());
    assert!(world.keyring.key("old-1").unwrap().private.is_none(), "nobody signs with it any more");
    assert_eq!(
        told(&world.pass(RETENTION - 1)),
        [""; 0],
        "a retired key stays for a retention from the outputs' writes"
    );
    assert_eq!(told(&world.pass(RETENTION)), ["remove old-1 a"]);
    assert_eq!(told(&world.pass(INTERVAL)), ["promote k1 a Due", "retire old-0 a Replaced", "mint a standby"]);
}

#[test]
fn no_new_key_signs_at_once_beside_an_import() {
    let two = json!({ "keys": [{ "algorithm": "ES256", "name": "a" }, { "algorithm": "ES384", "name": "b" }] });
    let mut world = world(with(two, json!([{ "line": "a" }])), vec![vec![ec(0)]]);
    assert_eq!(told(&world.pass(0)), ["adopt old-0 a active", "mint a standby", "mint b standby"]);
    assert_eq!(told(&world.pass(LEAD - 1)), [""; 0]);
    assert_eq!(told(&world.pass(LEAD)), ["promote k2 b First", "mint b standby"]);
}

#[test]
fn roles_follow_from_what_is_stated_and_else_from_the_order() {
    let cases = [
        (json!([{}]), vec![vec![ec(0), ec(1)]], "old-0:Active old-1:Retired"),
        (json!([{}]), vec![vec![public(ec(0)), ec(1)]], "old-0:Retired old-1:Active"),
        (json!([{}, {}]), vec![vec![ec(0)], vec![ec(1)]], "old-0:Active old-1:Retired"),
        (
            json!([{}, { "role": "Active" }]),
            vec![vec![ec(0)], vec![ec(1), ec(2)]],
            "old-0:Retired old-1:Active old-2:Retired",
        ),
        (json!([{ "role": "Retired" }, {}]), vec![vec![ec(0)], vec![ec(1)]], "old-0:Retired old-1:Active"),
        (json!([{ "role": "Retired" }]), vec![vec![ec(0), public(ec(1))]], "old-0:Retired old-1:Retired"),
        (json!([{ "role": "Retired" }]), vec![vec![public(ec(0))]], "old-0:Retired"),
        (json!([{ "alias": "old-1" }]), vec![vec![ec(0), ec(1)]], "old-1:Active"),
        (json!([{ "alias": "OLD-1" }]), vec![vec![ec(0), ec(1)]], "old-1:Active"),
        (json!([{ "alias": "Old-1" }]), vec![vec![called("old-1", 0), called("Old-1", 1)]], "Old-1:Active"),
        (json!([{ "alias": "old-0" }]), vec![vec![broken(), ec(0)]], "old-0:Active"),
        (json!([{ "kid": "renamed" }]), vec![vec![ec(0)]], "renamed:Active"),
    ];
    for (entries, files, expected) in cases {
        let mut world = world(imports(entries.clone()), files);
        world.decide(moment(0));
        let phases: Vec<String> = world.phases().into_iter().filter(|phase| !phase.contains("Standby")).collect();
        assert_eq!(phases.join(" "), expected, "{entries}");
    }
}

#[test]
fn a_key_without_a_name_gets_one_from_the_template() {
    let members = with(json!({ "kid": { "template": "{line}/{uuid}" } }), json!([{}]));
    let mut world = world(members, vec![vec![found(None, &ec_keys()[0])]]);
    world.decide(moment(0));
    assert_eq!(world.keyring.keys[0].kid, "a/6ba7b810-9dad-11d1-80b4-00c04fd430c8");
}

#[test]
fn what_can_not_be_adopted_is_refused_by_name_and_nothing_is_adopted() {
    let one = || imports(json!([{}]));
    let alg = |alg: &str| Candidate { alg: Some(alg.to_owned()), ..ec(0) };
    let signer = |entries| with(json!({ "publisher": "Signer" }), entries);
    let many = || (0..65).map(|number| found(Some(&number.to_string()), &ec_keys()[0])).collect();
    let long = || vec![vec![found(Some(&"k".repeat(257)), &ec_keys()[0])]];
    let revoked = with(json!({ "revoked": [{ "kid": "old-0" }] }), json!([{}]));
    let cases: Vec<(Value, Vec<Vec<Candidate>>, &str)> = vec![
        (
            one(),
            vec![vec![ec(0), broken()]],
            "spec.import.keys[0] (key \"0.pem\" of Secret \"legacy\"), block 1 (old-1): its numbers",
        ),
        (one(), vec![vec![alg("PS256")]], "block 1 (old-0): it is for PS256, and line a is for ES256"),
        (one(), vec![vec![Candidate { usage: Some(Use::Enc), ..ec(0) }]], "it is for use enc, and line a is for ES256"),
        (one(), vec![vec![rsa(0)]], "it is a RSA 2048 key, and line a (ES256) takes P-256"),
        (one(), vec![vec![ec(0), ec(0)]], "it is the same key as old-0 of line a"),
        (
            imports(json!([{}, {}])),
            vec![vec![ec(0)], vec![found(Some("old-0"), &ec_keys()[1])]],
            "another key has the kid \"old-0\"",
        ),
        (
            imports(json!([{ "alias": "x" }])),
            vec![vec![ec(0)]],
            "has the kid or alias \"x\"; it has \"old-0\": correct alias",
        ),
        (imports(json!([{ "kid": "x" }])), vec![vec![ec(0), ec(1)]], "it has 2 keys, which can't all have one kid"),
        (
            imports(json!([{ "role": "Active" }])),
            vec![vec![public(ec(0))]],
            "only its public half is there, and it is to be active",
        ),
        (
            one(),
            vec![vec![public(ec(0))]],
            "block 1 (old-0): it holds no private half, and line a would have no key that signs: give the private key, or \
             state role: Retired",
        ),
        (imports(json!([{ "role": "Retired" }, {}])), vec![vec![ec(0)], vec![public(ec(1))]], "state role: Retired"),
        (
            signer(json!([{}])),
            vec![vec![ec(0), public(ec(1))]],
            "only its public half is there, and the signers must load",
        ),
        (revoked, vec![vec![ec(0)]], "it was revoked"),
        (one(), long(), "state kid"),
        (one(), vec![many()], "more than 64 keys"),
    ];
    for (members, files, sentence) in cases {
        let said = refused(members, files);
        assert!(said.contains(sentence), "{sentence:?}: {said}");
    }
    let mut unreadable = World::new(one());
    unreadable.offer = Offer::Read(vec![Offered { entry: 0, found: Err("the passphrase".to_owned()) }].into());
    assert!(
        unreadable.plan(0).refused[0].to_string().ends_with("(key \"0.pem\" of Secret \"legacy\"): the passphrase")
    );
}

#[test]
fn a_key_that_was_revoked_earlier_does_not_come_back_under_another_name() {
    let mut world = World::begun(json!({}));
    let key = world.keyring.keys[0].clone();
    world.keyring.revoked.push(crate::keyring::Revoked {
        kid: "gone".to_owned(),
        thumbprint: Some(ec(3).key.unwrap().thumbprint),
        since: at(0),
    });
    let two = json!({ "keys": [{ "algorithm": "ES256", "name": "a" }, { "algorithm": "ES256", "name": "b" }] });
    world.edit(with(two, json!([{ "line": "b" }])));
    world.offer = offer(vec![vec![ec(3)]]);
    assert!(world.plan(1).refused[0].to_string().contains("it was revoked"));
    assert_eq!(world.active("a", Use::Sig), 1, "{key:?} lives on");
}

#[test]
fn an_imported_size_that_differs_rotates_when_it_is_due_and_an_edited_one_at_once() {
    let line = |bits: u16| json!({ "keys": [{ "algorithm": "RS256", "name": "a", "rsaBits": bits }] });
    let mut world = world(with(line(4096), json!([{}])), vec![vec![rsa(0)]]);
    assert_eq!(told(&world.pass(0)), ["adopt rsa-0 a active", "mint a standby"]);
    let ahead = world.plan(1);
    assert_eq!(ahead_to(&ahead, Change::Active)[0].time, Some(at(INTERVAL)));
    world.edit(with(line(3072), json!([{}])));
    world.pass(1);
    assert!(told(&world.pass(1 + LEAD)).contains(&"retire rsa-0 a Replaced".to_owned()));
}

#[test]
fn a_line_that_waits_for_its_files_holds_up_nothing_but_itself_and_lines_that_go() {
    let mut world = World::begun(json!({}));
    let two = json!({ "keys": [{ "algorithm": "ES256", "name": "b" }, { "algorithm": "ES384", "name": "c" }] });
    let members = with(two, json!([{ "line": "b" }]));
    world.edit(members);
    world.offer = Offer::Waits;
    assert_eq!(told(&world.pass(1)), ["mint c standby", "discard k2 a"]);
    world.pass(1 + LEAD);
    assert_eq!(world.active("a", Use::Sig), 1, "the line that was dropped signs until b has its key");
    world.offer = offer(vec![vec![ec(0)]]);
    assert_eq!(told(&world.pass(2 + LEAD)), ["adopt old-0 b active", "mint b standby", "retire k1 a LineRemoved"]);
}

#[test]
fn a_line_that_has_begun_ignores_imports_and_says_so_once() {
    let mut world = world(imports(json!([{}])), vec![vec![ec(0)]]);
    world.pass(0);
    assert_eq!(told(&world.pass(1)), [""; 0], "nothing is told while the spec stays");
    world.edit(imports(json!([{ "kid": "other" }])));
    assert_eq!(told(&world.pass(2)), ["ignore import a"]);
    assert_eq!(told(&world.pass(3)), [""; 0]);
    let mut made = World::begun(json!({}));
    made.edit(imports(json!([{}])));
    made.offer = offer(vec![vec![ec(0)]]);
    assert_eq!(told(&made.pass(1)), ["ignore import a"]);
    assert_eq!(made.phases(), ["k1:Active", "k2:Standby"]);
}

#[test]
fn a_keyring_that_was_lost_for_good_does_not_adopt_again_what_may_have_rotated_long_ago() {
    let mut world = world(imports(json!([{}])), vec![vec![ec(0)]]);
    let recovered = recover(&Case {
        policy: &world.policy,
        base: None,
        remains: &[],
        remembered: Some(5),
        accepted_loss: Some(5),
        rotate: None,
        mac_key: mac_key(),
        now: moment(0),
    });
    let Recovery::Keyring(keyring) = recovered else { panic!("{recovered:?}") };
    assert_eq!(world.policy.import.due(&keyring).count(), 0);
    world.keyring = *keyring;
    assert_eq!(told(&world.plan(1).steps), ["ignore import a", "mint a standby"]);
}

#[test]
fn an_encryption_key_keeps_its_private_half_when_it_is_retired() {
    let line = json!({ "keys": [{ "algorithm": "RSA-OAEP", "name": "a", "rsaBits": 2048 }] });
    let mut world = world(with(line, json!([{}])), vec![vec![rsa(0), rsa(1)]]);
    assert_eq!(told(&world.pass(0)), ["adopt rsa-0 a active", "adopt rsa-1 a retired", "mint a standby"]);
    assert!(world.keyring.keys.iter().all(|key| key.private.is_some()));
    assert!(world.mark(&secret("auth-signer"), "rsa-1").unwrap().held.is_some());
}

#[test]
fn a_symmetric_key_of_any_size_that_its_algorithm_takes_is_adopted() {
    let line = json!({ "keys": [{ "algorithm": "HS256", "name": "a" }] });
    let key = oct_key(99, 512);
    let mut world = world(with(line.clone(), json!([{}])), vec![vec![found(Some("s"), &key)]]);
    assert_eq!(told(&world.pass(0)), ["adopt s a active", "mint a standby"]);
    assert_eq!(world.keyring.keys[0].algorithm, Algorithm::Hs256);
    let small = refused(with(line, json!([{}])), vec![vec![found(Some("s"), &oct_key(98, 128))]]);
    assert!(small.contains("HS256"), "{small}");
}

proptest! {
    /// Whatever is offered: everything is adopted or nothing; one active key a line at most; kids and keys are unique.
    #[test]
    fn all_or_nothing(
        files in prop::collection::vec((prop::collection::vec((0..5_usize, any::<bool>()), 0..4), 0..3_u8), 1..4),
    ) {
        let entries: Vec<Value> = files.iter().map(|(_, role)| match role {
            0 => json!({}),
            1 => json!({ "role": "Retired" }),
            _ => json!({ "alias": "old-1" }),
        }).collect();
        let keys = |file: &Vec<(usize, bool)>| -> Vec<Candidate> {
            file.iter().map(|(number, half)| if *half { public(ec(*number)) } else { ec(*number) }).collect()
        };
        let mut world = world(imports(entries.into()), files.iter().map(|(file, _)| keys(file)).collect());
        let wanted: usize = files.iter().map(|(file, role)| {
            file.iter().filter(|(number, _)| *role != 2 || *number == 1).count()
        }).sum();
        let plan = world.plan(0);
        prop_assert_eq!(plan.refused.is_empty(), plan.next.is_some());
        if let Some(next) = plan.next {
            prop_assert_eq!(next.keys.len(), wanted);
            prop_assert!(next.keys.iter().filter(|key| key.is_active()).count() <= 1);
            let kids: std::collections::BTreeSet<&String> = next.keys.iter().map(|key| &key.kid).collect();
            prop_assert_eq!(kids.len(), wanted);
            world.pass(0);
            for key in &world.keyring.keys {
                let marks = world.mark(&config_map("auth-jwks"), &key.kid);
                prop_assert!(marks.is_some_and(|mark| mark.held.is_some()), "{} is published", key.kid);
            }
        }
    }
}
