//! Private files of lines that an edit drops.

use serde_json::{Value, json};

use crate::lifecycle::fixtures::*;

/// Secret `s` with these files, for the lines named so: `e` encrypts, `h` is symmetric, the others are ES256.
fn spec_of(lines: &[&str], files: &Value) -> Value {
    let keys: Vec<Value> = lines
        .iter()
        .map(|line| match *line {
            "e" => json!({ "name": "e", "algorithm": "RSA-OAEP", "rsaBits": 2048 }),
            "h" => json!({ "name": "h", "algorithm": "HS256" }),
            line => json!({ "name": line, "algorithm": "ES256" }),
        })
        .collect();
    json!({ "keys": keys, "secrets": [{ "name": "s", "files": files }] })
}

fn by_signer(mut spec: Value) -> Value {
    spec["publisher"] = "Signer".into();
    spec
}

fn jwks(line: &str) -> Value {
    json!({ "content": "PrivateJwks", "line": line })
}

fn one(line: &str) -> Value {
    json!({ "content": "PrivateJwk", "line": line })
}

/// The kids of a file of Secret `s`, each with its private half; `None` where there is no such file.
fn held(world: &World, file: &str) -> Option<Vec<String>> {
    let content = world.written(&secret("s")).unwrap().files.get(file)?;
    let jwks: Value = serde_json::from_slice(content).unwrap();
    let keys = jwks["keys"].as_array().cloned().unwrap_or_else(|| vec![jwks]);
    assert!(keys.iter().all(|key| key.get("d").or(key.get("k")).is_some()), "{file} holds private keys");
    Some(keys.iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect())
}

#[allow(clippy::unnecessary_wraps, reason = "it is held against what may not be there")]
fn kids(kids: &[&str]) -> Option<Vec<String>> {
    Some(kids.iter().map(|kid| (*kid).to_owned()).collect())
}

#[test]
fn the_keys_of_a_dropped_encryption_line_decrypt_until_the_last_sender_forgot_them() {
    let mut world = World::begun(spec_of(&["a", "e"], &json!({ "a.json": jwks("a"), "e.json": jwks("e") })));
    world.pass(W + R + S);
    assert_eq!(held(&world, "e.json"), kids(&["k3", "k4"]));
    world.edit(spec_of(&["a"], &json!({ "a.json": jwks("a") })));
    let steps = told(&world.pass(1_000));
    assert_eq!(steps, ["retire k3 e LineRemoved", "discard k4 e", "keep s/e.json k3"]);
    assert_eq!(held(&world, "e.json"), kids(&["k3"]), "what was encrypted to it can be read");
    assert_eq!(world.written(&secret("s")).unwrap().header.kept_private, world.keyring.kept_private);
    world.tamper(&secret("s"));
    world.pass(1_001);
    assert_eq!(held(&world, "e.json"), kids(&["k3"]), "it is restored like every other file");
    let due = 1_000 + W + P + C + L + 2 * S;
    world.pass(due - 1);
    assert_eq!(held(&world, "e.json"), kids(&["k3"]));
    assert_eq!(told(&world.pass(due)), ["remove k3 e", "release s/e.json k3"]);
    assert_eq!(held(&world, "e.json"), None);
    assert!(world.keyring.kept_private.is_empty());
}

#[test]
fn keys_of_a_dropped_line_that_verifiers_load_stay_loaded_until_what_they_signed_has_expired() {
    let plain: fn(Value) -> Value = |spec| spec;
    for (line, publisher) in [("h", plain), ("b", by_signer)] {
        let file = format!("{line}.json");
        let files = json!({ "a.json": jwks("a"), file.clone(): jwks(line) });
        let mut world = World::begun(publisher(spec_of(&["a", line], &files)));
        assert_eq!(held(&world, &file), kids(&["k3", "k4"]), "{line}");
        world.edit(publisher(spec_of(&["a"], &json!({ "a.json": jwks("a") }))));
        world.pass(1);
        assert_eq!(held(&world, &file), kids(&["k3"]), "{line}");
        world.pass(RETENTION);
        assert_eq!(held(&world, &file), kids(&["k3"]), "{line}: tokens may be alive");
        world.pass(1 + RETENTION);
        assert_eq!(held(&world, &file), None, "{line}");
    }
}

#[test]
fn a_renamed_line_signs_on_from_its_file_until_the_new_name_is_active() {
    let files = |line: &str| json!({ "private.key": one(line), "b.key": one("b") });
    let mut world = World::begun(spec_of(&["a", "b"], &files("a")));
    world.edit(spec_of(&["c", "b"], &files("c")));
    world.pass(1);
    assert_eq!(held(&world, "private.key"), kids(&["k1"]), "who reloads has a key");
    assert!(world.mark(&secret("s"), "k1").unwrap().active.is_some(), "and may sign with it");
    let steps = told(&world.pass(1 + LEAD));
    assert!(steps.contains(&"release s/private.key k1".to_owned()), "{steps:?}");
    assert_eq!(held(&world, "private.key"), kids(&["k5"]));
    assert!(told(&world.pass(1 + LEAD + RETENTION - 1)).is_empty());
    assert_eq!(told(&world.pass(1 + LEAD + RETENTION)), ["remove k1 a"], "it counts from the end of that use");
}

#[test]
fn a_file_that_is_renamed_with_its_line_stays_until_the_new_one_has_a_key() {
    let mut world = World::begun(spec_of(&["a", "b"], &json!({ "a.key": one("a"), "b.json": jwks("b") })));
    world.edit(spec_of(&["c", "b"], &json!({ "c.key": one("c"), "b.json": jwks("b") })));
    world.pass(1);
    assert_eq!((held(&world, "a.key"), held(&world, "c.key")), (kids(&["k1"]), None));
    world.pass(1 + LEAD);
    assert_eq!((held(&world, "a.key"), held(&world, "c.key")), (None, kids(&["k5"])));
}

#[test]
fn a_signing_key_that_retires_at_once_leaves_with_its_file() {
    let mut world = World::begun(spec_of(&["a", "b"], &json!({ "a.json": jwks("a"), "b.json": jwks("b") })));
    world.edit(spec_of(&["a"], &json!({ "a.json": jwks("a") })));
    assert_eq!(told(&world.pass(1)), ["retire k3 b LineRemoved", "discard k4 b"]);
    assert_eq!(held(&world, "b.json"), None, "its private half is written nowhere any more");
}

#[test]
fn a_file_of_a_line_that_goes_on_is_the_users_to_drop() {
    let all = json!({ "content": "PrivateJwks" });
    let mut world = World::begun(spec_of(&["a", "e"], &json!({ "all.json": all, "e.json": jwks("e") })));
    world.pass(W + R + S);
    world.edit(spec_of(&["a", "e"], &json!({ "all.json": all })));
    assert_eq!(told(&world.pass(1_000)), [""; 0]);
    assert_eq!(held(&world, "e.json"), None);
}

#[test]
fn a_jwks_that_takes_the_name_holds_both() {
    let mut world = World::begun(spec_of(&["a", "e"], &json!({ "a.json": jwks("a"), "e.json": jwks("e") })));
    world.pass(W + R + S);
    world.edit(spec_of(&["a"], &json!({ "e.json": jwks("a") })));
    assert!(world.plan(1_000).crowded.is_empty());
    world.pass(1_000);
    assert_eq!(held(&world, "e.json"), kids(&["k1", "k3"]));
}

#[test]
fn a_file_that_would_push_keys_out_is_told_with_what_to_change() {
    for (content, is_crowded) in [
        ("PrivateJwks", false),
        ("PrivateJwk", true),
        ("PrivateKeyPem", true),
        ("PublicJwks", true),
        ("ActiveKid", true),
    ] {
        let mut world = World::begun(spec_of(&["a", "e"], &json!({ "a.json": jwks("a"), "e.json": jwks("e") })));
        world.pass(W + R + S);
        let files = json!({ "a.json": jwks("a"), "e.json": { "content": content, "line": "a" } });
        world.edit(spec_of(&["a"], &files));
        let crowded = world.plan(1_000).crowded;
        assert_eq!(!crowded.is_empty(), is_crowded, "{content}");
        let Some(first) = crowded.first() else { continue };
        let text = first.to_string();
        assert!(text.contains("Secret \"s\": the file \"e.json\"") && text.contains("(k3)"), "{text}");
        assert!(text.contains("give the new file another name"), "{text}");
    }
}

#[test]
fn a_line_that_comes_back_has_its_own_file_again() {
    let before = spec_of(&["a", "e"], &json!({ "a.json": jwks("a"), "e.json": jwks("e") }));
    let mut world = World::begun(before.clone());
    world.pass(W + R + S);
    world.edit(spec_of(&["a"], &json!({ "a.json": jwks("a") })));
    world.pass(1_000);
    world.edit(before);
    world.pass(1_001);
    assert!(world.keyring.kept_private.is_empty());
    assert!(held(&world, "e.json").unwrap().contains(&"k3".to_owned()));
}

#[test]
fn a_revoked_key_stays_in_no_file() {
    let mut world = World::begun(spec_of(&["a", "e"], &json!({ "a.json": jwks("a"), "e.json": jwks("e") })));
    world.pass(W + R + S);
    world.edit(spec_of(&["a"], &json!({ "a.json": jwks("a") })));
    world.pass(1_000);
    let mut spec = spec_of(&["a"], &json!({ "a.json": jwks("a") }));
    spec["revoked"] = json!([{ "kid": "k3" }]);
    world.edit(spec);
    world.pass(1_001);
    assert_eq!(held(&world, "e.json"), None);
    assert!(world.keyring.kept_private.is_empty());
}

#[test]
fn a_secret_that_is_listed_no_more_is_left_as_it_is() {
    let mut world = World::begun(spec_of(&["a", "e"], &json!({ "a.json": jwks("a"), "e.json": jwks("e") })));
    world.pass(W + R + S);
    world.edit(json!({ "keys": [{ "algorithm": "ES256", "name": "a" }], "secrets": [{ "name": "t" }] }));
    world.pass(1_000);
    assert!(world.keyring.kept_private.is_empty());
    assert_eq!(held(&world, "e.json"), kids(&["k3", "k4"]));
}
