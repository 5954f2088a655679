//! Which keys are in which file, and since when.

mod headers;
mod private;

use serde_json::{Value, json};

use super::*;
use crate::jose::{Algorithm, Use};
use crate::keyring::Phase;
use crate::lifecycle::fixtures::{at, config_map, ec_keys, fresh_keyring, key_of, oct_key, policy, rsa_keys, secret};

const STANDBY: Phase = Phase::Standby;

use super::render_all as render;

fn active(since: i64) -> Phase {
    Phase::Active { active_since: at(since), rotation_due: None, rotation_asked: false }
}

fn retired(since: i64) -> Phase {
    Phase::Retired { active_since: Some(at(since - 1)), retired_since: at(since), not_before: None }
}

/// A keyring of the policy with these keys, none of them in the order in which they are to be written.
fn keyring(policy: &Policy, keys: Vec<Key>) -> Keyring {
    Keyring { revision: 9, keys, ..fresh_keyring(policy) }
}

/// Retired, older retired, standby and active keys of a `sig` line `a`, as Keyturn keeps them where it publishes.
fn sig_keys() -> Vec<Key> {
    let mut keys = loaded_sig_keys();
    keys.iter_mut().filter(|key| key.is_retired()).for_each(|key| key.private = None);
    keys
}

/// The same, as they are kept where the server publishes what it loaded.
fn loaded_sig_keys() -> Vec<Key> {
    let all = [("old", retired(10)), ("next", STANDBY), ("older", retired(5)), ("now", active(10))];
    let keys = all.into_iter().zip(ec_keys());
    keys.map(|((kid, phase), private)| key_of(private, kid, "a", Algorithm::Es256, phase)).collect()
}

/// The same of an `enc` line `e`.
fn enc_keys() -> Vec<Key> {
    let all = [("e-old", retired(10)), ("e-next", STANDBY), ("e-older", retired(5)), ("e-now", active(10))];
    let keys = all.into_iter().zip(rsa_keys());
    keys.map(|((kid, phase), private)| key_of(private, kid, "e", Algorithm::RsaOaep256, phase)).collect()
}

/// The same of a line `m` of symmetric keys that sign, and of a line `w` of those that encrypt.
fn symmetric_keys(line: &str, algorithm: Algorithm) -> Vec<Key> {
    let all = [("old", retired(10)), ("next", STANDBY), ("older", retired(5)), ("now", active(10))];
    let key = |(serial, (kid, phase)): (u32, (&str, Phase))| {
        key_of(&oct_key(serial, 256), &format!("{line}-{kid}"), line, algorithm, phase)
    };
    (0..).zip(all).map(key).collect()
}

fn enc_line() -> Value {
    json!({ "name": "e", "algorithm": "RSA-OAEP-256", "rsaBits": 2048 })
}

fn rendered<'a>(all: &'a [Rendered], id: &OutputId) -> &'a Rendered {
    all.iter().find(|one| one.id == *id).unwrap()
}

fn text<'a>(all: &'a [Rendered], id: &OutputId, file: &str) -> &'a str {
    std::str::from_utf8(&rendered(all, id).files[file]).unwrap()
}

/// The kids of a JWKS, in its order; those with a private half are marked with a `*`.
fn kids(jwks: &str) -> Vec<String> {
    let jwks: Value = serde_json::from_str(jwks).unwrap();
    let kid = |key: &Value| {
        format!("{}{}", key["kid"].as_str().unwrap(), if key.get("d").or(key.get("k")).is_some() { "*" } else { "" })
    };
    jwks["keys"].as_array().unwrap().iter().map(kid).collect()
}

/// The table of the design: what the public JWKS and the signers' Secret hold.
#[test]
fn each_phase_is_where_the_table_says_and_the_active_key_comes_first() {
    let (sig, enc) = (json!([{ "name": "a", "algorithm": "ES256" }]), json!([enc_line()]));
    let cases: [(&Value, &str, &[&str], &[&str]); 4] = [
        (&sig, "Keyturn", &["now", "next", "old", "older"], &["now*"]),
        (&sig, "Signer", &["now", "next", "old", "older"], &["now*", "next*", "old*", "older*"]),
        (&enc, "Keyturn", &["e-now"], &["e-now*", "e-next*", "e-old*", "e-older*"]),
        (&enc, "Signer", &["e-now"], &["e-now*", "e-next*", "e-old*", "e-older*"]),
    ];
    for (keys, publisher, public, private) in cases {
        let policy = policy(json!({
            "keys": keys, "publisher": publisher, "encSelection": "First", "configMaps": [{ "name": "c" }],
        }));
        let keys_of_line = match publisher {
            _ if keys == &enc => enc_keys(),
            "Signer" => loaded_sig_keys(),
            _ => sig_keys(),
        };
        let keyring = keyring(&policy, keys_of_line);
        let all = render(&policy, &keyring).unwrap();
        assert_eq!(kids(text(&all, &config_map("c"), "jwks.json")), public, "{publisher} {keys}");
        assert_eq!(kids(text(&all, &secret("auth-signer"), "jwks.json")), private, "{publisher} {keys}");
    }
}

#[test]
fn symmetric_keys_are_all_in_the_secret_and_in_nothing_public_whoever_publishes() {
    for publisher in ["Keyturn", "Signer"] {
        let policy = policy(json!({
            "keys": [
                { "name": "m", "algorithm": "HS256" },
                { "name": "w", "algorithm": "A256KW" },
                { "name": "a", "algorithm": "ES256" },
            ],
            "publisher": publisher,
            "encSelection": "First",
            "configMaps": [{ "name": "c" }],
            "secrets": [{ "name": "s", "files": {
                "m.jwk": { "content": "PrivateJwk", "line": "m" },
                "m.kid": { "content": "ActiveKid", "line": "m" },
                "jwks.json": { "content": "PrivateJwks" },
                "public.json": { "content": "PublicJwks" },
            } }],
        }));
        let keys =
            [symmetric_keys("m", Algorithm::Hs256), symmetric_keys("w", Algorithm::A256Kw), loaded_sig_keys()].concat();
        let keyring = keyring(&policy, keys);
        let all = render(&policy, &keyring).unwrap();
        let listed = kids(text(&all, &secret("s"), "jwks.json"));
        let others: &[&str] = if publisher == "Signer" { &["next*", "old*", "older*"] } else { &["old*", "older*"] };
        let of = |line: &str| listed.iter().filter(|kid| kid.starts_with(line)).cloned().collect::<Vec<_>>();
        assert_eq!(listed[..3], ["m-now*", "w-now*", "now*"], "{publisher}");
        assert_eq!(of("m-"), ["m-now*", "m-next*", "m-old*", "m-older*"], "{publisher}");
        assert_eq!(of("w-"), ["w-now*", "w-next*", "w-old*", "w-older*"], "{publisher}");
        assert_eq!(listed.len(), 9 + others.len(), "{publisher}");
        assert_eq!(text(&all, &secret("s"), "m.kid"), "m-now");
        assert!(
            text(&all, &secret("s"), "m.jwk")
                .starts_with(r#"{"kty":"oct","use":"sig","alg":"HS256","kid":"m-now","k":"#)
        );
        let public = ["now", "next", "old", "older"];
        assert_eq!(kids(text(&all, &config_map("c"), "jwks.json")), public, "{publisher}");
        assert_eq!(kids(text(&all, &secret("s"), "public.json")), public, "{publisher}");
        let marks = |id: &OutputId| rendered(&all, id).marks(&keyring, None, at(1));
        let (in_map, in_secret) = (marks(&config_map("c")), marks(&secret("s")));
        for key in keyring.keys.iter().filter(|key| key.algorithm.is_symmetric()) {
            assert_eq!((in_map[&key.kid].held, in_map[&key.kid].active), (None, None), "{}", key.kid);
            assert_eq!(in_secret[&key.kid].held, Some(at(1)), "{}", key.kid);
            assert_eq!(in_secret[&key.kid].active.is_some(), key.is_active(), "{}", key.kid);
        }
    }
}

#[test]
fn a_pem_or_public_file_waits_while_the_key_of_its_line_is_still_symmetric() {
    let policy = policy(json!({
        "secrets": [{ "name": "s", "files": {
            "jwks.json": { "content": "PrivateJwks" },
            "a.pem": { "content": "PrivateKeyPem" },
            "a.pub": { "content": "PublicKeyPem" },
            "a.jwk": { "content": "PublicJwk" },
        } }],
    }));
    let names = |keys: Vec<Key>| {
        let all = render(&policy, &keyring(&policy, keys)).unwrap();
        rendered(&all, &secret("s")).files.keys().cloned().collect::<Vec<_>>()
    };
    let former = key_of(&oct_key(1, 256), "m", "a", Algorithm::Hs256, active(1));
    let next = key_of(&ec_keys()[0], "n", "a", Algorithm::Es256, STANDBY);
    assert_eq!(names(vec![former.clone(), next.clone()]), ["jwks.json"]);
    let (former, next) = (Key { phase: retired(2), ..former }, Key { phase: active(2), ..next });
    assert_eq!(names(vec![former, next]), ["a.jwk", "a.pem", "a.pub", "jwks.json"]);
}

#[test]
fn a_retired_key_without_private_half_is_in_no_secret() {
    let policy = policy(json!({ "publisher": "Signer" }));
    let mut keys = loaded_sig_keys();
    keys[0].private = None;
    let all = render(&policy, &keyring(&policy, keys)).unwrap();
    assert_eq!(kids(text(&all, &secret("auth-signer"), "jwks.json")), ["now*", "next*", "older*"]);
}

#[test]
fn lines_come_in_the_order_of_the_spec_and_removed_lines_last() {
    let policy = policy(json!({ "keys": [enc_line(), { "name": "a", "algorithm": "ES256" }] }));
    let gone = key_of(&ec_keys()[5], "gone", "0", Algorithm::Es256, retired(1));
    let keys = [vec![gone], sig_keys(), enc_keys()].concat();
    let all = render(&policy, &keyring(&policy, keys)).unwrap();
    let public = kids(text(&all, &config_map("auth-jwks"), "jwks.json"));
    assert_eq!(public, ["e-now", "now", "next", "old", "older", "gone"]);
}

#[test]
fn no_standby_stands_before_an_active_key_whatever_line_is_added_above() {
    let policy = policy(json!({
        "keys": [{ "name": "new", "algorithm": "ES256" }, { "name": "a", "algorithm": "ES256" }], "publisher": "Signer",
    }));
    let next = key_of(&ec_keys()[5], "new-next", "new", Algorithm::Es256, STANDBY);
    let all = render(&policy, &keyring(&policy, [vec![next], loaded_sig_keys()].concat())).unwrap();
    let private = kids(text(&all, &secret("auth-signer"), "jwks.json"));
    assert_eq!(private, ["now*", "new-next*", "next*", "old*", "older*"]);
}

#[test]
fn a_file_of_one_key_holds_the_active_one_or_what_it_selects() {
    let file = |content: &str, select: Value| json!({ "content": content, "line": "a", "select": select });
    let policy = policy(json!({
        "keys": [{ "name": "a", "algorithm": "ES256" }, { "name": "b", "algorithm": "ES256" }],
        "configMaps": [{ "name": "c", "files": {
            "jwks.json": { "content": "PublicJwks" },
            "a.json": { "content": "PublicJwks", "line": "a" },
            "a.jwk": file("PublicJwk", Value::Null),
            "a.pem": file("PublicKeyPem", "Active".into()),
            "a.kid": file("ActiveKid", Value::Null),
            "next.jwk": file("PublicJwk", "Standby".into()),
            "next.pem": file("PublicKeyPem", "Standby".into()),
            "next.kid": file("ActiveKid", "Standby".into()),
        } }],
        "secrets": [{ "name": "s", "files": {
            "a.pem": file("PrivateKeyPem", Value::Null),
            "a.jwk": file("PrivateJwk", Value::Null),
            "a.pub": file("PublicKeyPem", Value::Null),
            "kid": file("ActiveKid", Value::Null),
            "public.json": { "content": "PublicJwks" },
            "b.json": { "content": "PrivateJwks", "line": "b" },
        } }],
    }));
    let other = key_of(&ec_keys()[4], "b-now", "b", Algorithm::Es256, active(1));
    let keys = [vec![other], sig_keys()].concat();
    let (now, next) = (&ec_keys()[3], &ec_keys()[1]);
    let all = render(&policy, &keyring(&policy, keys)).unwrap();
    let public = |file| text(&all, &config_map("c"), file);
    let private = |file| text(&all, &secret("s"), file);
    let kid = |jwk: &str| serde_json::from_str::<Value>(jwk).unwrap()["kid"].as_str().unwrap().to_owned();
    assert_eq!(kids(public("a.json")), ["now", "next", "old", "older"]);
    assert_eq!((kid(public("a.jwk")), kid(public("next.jwk"))), ("now".to_owned(), "next".to_owned()));
    assert_eq!(public("a.pem"), crate::material::spki_pem(now.public().unwrap()).unwrap());
    assert_eq!(public("next.pem"), crate::material::spki_pem(next.public().unwrap()).unwrap());
    assert_eq!((public("a.kid"), public("next.kid")), ("now", "next"), "no newline");
    assert_eq!(private("a.pem"), now.to_pkcs8_pem().unwrap().as_str());
    assert!(private("a.jwk").contains("\"d\":"));
    assert_eq!((kid(private("a.jwk")), private("kid")), ("now".to_owned(), "now"));
    assert_eq!(private("a.pub"), public("a.pem"));
    assert_eq!(private("public.json"), public("jwks.json"), "as verifiers get it");
    assert_eq!(kids(private("b.json")), ["b-now*"]);
}

#[test]
fn the_active_key_stands_in_where_there_is_no_next_one_and_a_file_without_any_is_left_out() {
    let policy = policy(json!({ "configMaps": [{ "name": "c", "files": {
        "jwks.json": { "content": "PublicJwks" },
        "next": { "content": "ActiveKid", "select": "Standby" },
        "now": { "content": "ActiveKid" },
    } }] }));
    let files = |keys: Vec<Key>| {
        let all = render(&policy, &keyring(&policy, keys)).unwrap();
        let files = &rendered(&all, &config_map("c")).files;
        files
            .iter()
            .map(|(name, content)| (name.clone(), String::from_utf8_lossy(content).into_owned()))
            .collect::<Vec<_>>()
    };
    let [_, next, _, now] = &sig_keys()[..] else { panic!("four keys") };
    let names = |files: Vec<(String, String)>| files.into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    let only_active = files(vec![now.clone()]);
    assert_eq!(only_active[1..], [("next".to_owned(), "now".to_owned()), ("now".to_owned(), "now".to_owned())]);
    assert_eq!(names(files(vec![next.clone()])), ["jwks.json", "next"]);
    assert_eq!(files(vec![]), [("jwks.json".to_owned(), r#"{"keys":[]}"#.to_owned())]);
}

#[test]
fn a_file_of_one_key_follows_the_only_line_when_it_is_renamed() {
    let policy = policy(json!({
        "keys": [{ "name": "renamed", "algorithm": "ES256" }],
        "secrets": [{ "name": "s", "files": { "k.pem": { "content": "PrivateKeyPem" } } }],
    }));
    let key = |index: usize, line, phase| key_of(&ec_keys()[index], "k", line, Algorithm::Es256, phase);
    let pem =
        |keys: Vec<Key>| text(&render(&policy, &keyring(&policy, keys)).unwrap(), &secret("s"), "k.pem").to_owned();
    let of = |index: usize| ec_keys()[index].to_pkcs8_pem().unwrap().to_string();
    assert_eq!(pem(vec![key(0, "a", active(1)), key(1, "renamed", STANDBY)]), of(0), "the old line signs on");
    assert_eq!(pem(vec![key(0, "a", retired(2)), key(1, "renamed", active(2))]), of(1));
}

#[test]
fn a_sender_never_sees_the_encryption_key_that_comes_next() {
    let policy = policy(json!({ "keys": [enc_line()], "configMaps": [{ "name": "c", "files": {
        "jwks.json": { "content": "PublicJwks" },
        "next.jwk": { "content": "PublicJwk", "select": "Standby" },
        "next.pem": { "content": "PublicKeyPem", "select": "Standby" },
        "next.kid": { "content": "ActiveKid", "select": "Standby" },
    } }] }));
    let all = render(&policy, &keyring(&policy, enc_keys())).unwrap();
    let files = &rendered(&all, &config_map("c")).files;
    let [_, next, _, now] = &enc_keys()[..] else { panic!("four keys") };
    let pem = |key: &Key| crate::material::spki_pem(key.public.as_ref().unwrap()).unwrap();
    for content in files.values() {
        let content = std::str::from_utf8(content).unwrap();
        assert!(!content.contains("e-next") && content != pem(next));
    }
    assert_eq!(text(&all, &config_map("c"), "next.pem"), pem(now));
}

#[test]
fn a_key_that_does_not_fit_its_algorithm_is_named_and_nothing_is_rendered() {
    let policy = policy(json!({}));
    let mut keys = sig_keys();
    keys[3].algorithm = Algorithm::Es384;
    let error = render(&policy, &keyring(&policy, keys)).err().unwrap().to_string();
    assert!(error.starts_with("key now can't be written: ES384 takes a key of kind P-384"), "{error}");
}

#[test]
fn stamps_last_as_long_as_the_state_they_tell_of() {
    let policy = policy(json!({}));
    let [old, next, _, now] = &sig_keys()[..] else { panic!("four keys") };
    let marks = |keys: Vec<Key>, before: Option<&Marks>, at: Time| {
        let keyring = keyring(&policy, keys);
        let all = render(&policy, &keyring).unwrap();
        let marks = |id: &OutputId| rendered(&all, id).marks(&keyring, before, at);
        (marks(&config_map("auth-jwks")), marks(&secret("auth-signer")))
    };
    let times = |mark: &Mark| (mark.held, mark.active, mark.inactive);
    let t = |seconds| Some(at(seconds));

    let (jwks, signer) = marks(vec![now.clone(), next.clone()], None, at(1));
    assert_eq!(times(&jwks["now"]), (t(1), t(1), None));
    assert_eq!(times(&jwks["next"]), (t(1), None, t(1)));
    assert_eq!(times(&signer["now"]), (t(1), t(1), None));
    assert_eq!(times(&signer["next"]), (None, None, t(1)), "the Secret does not hold the next key");
    assert_eq!((jwks["now"].line.as_str(), jwks["now"].thumbprint), ("a", now.thumbprint));

    let (later, _) = marks(vec![now.clone(), next.clone(), old.clone()], Some(&jwks), at(2));
    assert_eq!((&later["now"], &later["next"]), (&jwks["now"], &jwks["next"]), "nothing happened to them");
    assert_eq!(times(&later["old"]), (t(2), None, t(2)));

    let promoted = Key { phase: active(3), ..next.clone() };
    let replaced = Key { phase: retired(3), private: None, ..now.clone() };
    let (_, rotated) = marks(vec![replaced.clone(), promoted.clone()], Some(&signer), at(3));
    assert_eq!(times(&rotated["now"]), (None, None, t(3)));
    assert_eq!(times(&rotated["next"]), (t(3), t(3), None));
    let (jwks, _) = marks(vec![replaced, promoted], Some(&jwks), at(3));
    assert_eq!(times(&jwks["now"]), (t(1), None, t(3)), "it is still published");
    assert_eq!(times(&jwks["next"]), (t(1), t(3), None));

    let (gone, _) = marks(vec![], Some(&jwks), at(4));
    assert!(gone.is_empty());
}

#[test]
fn a_key_that_was_away_is_stamped_anew() {
    let policy = policy(json!({}));
    let keyring = keyring(&policy, sig_keys());
    let all = render(&policy, &keyring).unwrap();
    let jwks = rendered(&all, &config_map("auth-jwks"));
    let first = jwks.marks(&keyring, None, at(1));
    let mut without = first.clone();
    without.remove("next");
    let again = jwks.marks(&keyring, Some(&without), at(5));
    assert_eq!((again["next"].held, again["now"].held), (Some(at(5)), Some(at(1))));
    assert!(
        jwks.marks(&keyring, None, at(9)).values().all(|mark| mark.held == Some(at(9))),
        "no earlier state is trusted"
    );
}

#[test]
fn a_key_is_marked_as_held_and_active_only_where_a_file_has_it() {
    let policy = policy(json!({
        "configMaps": [{ "name": "c" }, { "name": "kid", "files": { "kid": { "content": "ActiveKid" } } }],
        "secrets": [
            { "name": "pem", "files": { "k.pem": { "content": "PrivateKeyPem" } } },
            { "name": "public", "files": { "jwks.json": { "content": "PublicJwks" } } },
        ],
    }));
    let keyring = keyring(&policy, sig_keys());
    let all = render(&policy, &keyring).unwrap();
    let state = |id: &OutputId| {
        let mark = rendered(&all, id).marks(&keyring, None, at(1)).remove("now").unwrap();
        (mark.held.is_some(), mark.active.is_some())
    };
    assert_eq!(state(&config_map("c")), (true, true));
    assert_eq!(state(&config_map("kid")), (false, true), "no verifier learns a key from its kid alone");
    assert_eq!(state(&secret("pem")), (false, true), "signers use it, and it lists no other");
    assert_eq!(state(&secret("public")), (false, false));
}

fn header_of(one: &Rendered, keyring: &Keyring) -> Header {
    Header::new(&one.id, &one.files, None, keyring, one.marks(keyring, None, at(1))).unwrap()
}

#[test]
fn keys_of_a_line_that_is_gone_stay_loaded_whatever_a_file_says_of_inactive_ones() {
    let policy = policy(json!({
        "keys": [{ "name": "a", "algorithm": "ES256" }],
        "secrets": [{ "name": "s", "files": { "x": { "content": "PrivateJwks", "inactiveKeys": "Omitted" } } }],
    }));
    let left = enc_keys().into_iter().filter(Key::is_retired).collect();
    let all = render(&policy, &keyring(&policy, [sig_keys(), left].concat())).unwrap();
    assert_eq!(kids(text(&all, &secret("s"), "x")), ["now*", "e-old*", "e-older*"]);
}
