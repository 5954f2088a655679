//! Public files that an edit takes out of a ConfigMap.

use serde_json::{Value, json};

use crate::lifecycle::fixtures::*;

/// Lines `a` and `b`, each in a JWKS of its own; `files` are those of ConfigMap `c`.
fn two_lines(files: &Value) -> Value {
    json!({
        "keys": [{ "name": "a", "algorithm": "ES256" }, { "name": "b", "algorithm": "ES256" }],
        "configMaps": [{ "name": "c", "files": files }],
    })
}

fn jwks(line: &str) -> Value {
    json!({ "content": "PublicJwks", "line": line })
}

fn both() -> Value {
    json!({ "a.json": jwks("a"), "b.json": jwks("b") })
}

fn only_a(files: &Value) -> Value {
    json!({ "keys": [{ "name": "a", "algorithm": "ES256" }], "configMaps": [{ "name": "c", "files": files }] })
}

/// Name → kids of every JWKS in ConfigMap `c`.
fn published(world: &World) -> Vec<(String, Vec<String>)> {
    let files = &world.written(&config_map("c")).unwrap().files;
    let kids = |content: &[u8]| -> Vec<String> {
        let jwks: Value = serde_json::from_slice(content).unwrap();
        let keys = jwks["keys"].as_array().cloned().unwrap_or_else(|| vec![jwks]);
        keys.iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
    };
    files.iter().map(|(name, content)| (name.clone(), kids(content))).collect()
}

fn names(world: &World) -> Vec<String> {
    published(world).into_iter().map(|(name, _)| name).collect()
}

fn file(name: &str, kids: &[&str]) -> (String, Vec<String>) {
    (name.to_owned(), kids.iter().map(|kid| (*kid).to_owned()).collect())
}

#[test]
fn the_jwks_of_a_line_stays_until_the_last_key_of_the_line_is_gone() {
    let mut world = World::begun(two_lines(&both()));
    assert_eq!(published(&world), [file("a.json", &["k1", "k2"]), file("b.json", &["k3", "k4"])]);
    world.edit(only_a(&json!({ "a.json": jwks("a") })));
    let steps = told(&world.pass(1));
    assert!(steps.contains(&"keep c/b.json k3 k4".to_owned()), "{steps:?}");
    assert_eq!(published(&world)[1], file("b.json", &["k3"]), "the standby was never used");
    world.pass(RETENTION);
    assert_eq!(published(&world)[1], file("b.json", &["k3"]), "tokens may be alive");
    let steps = told(&world.pass(1 + RETENTION));
    assert_eq!(steps, ["remove k3 b", "release c/b.json k3"]);
    assert_eq!(names(&world), ["a.json"]);
    assert!(world.keyring.kept.is_empty());
}

#[test]
fn a_crash_before_the_config_map_is_written_takes_nothing_away() {
    let mut world = World::begun(two_lines(&both()));
    world.edit(only_a(&json!({ "a.json": jwks("a") })));
    world.decide(moment(1));
    world.tamper(&config_map("c"));
    world.pass(2);
    assert_eq!(published(&world)[1], file("b.json", &["k3"]));
}

#[test]
fn a_file_of_a_line_that_goes_on_stays_until_what_was_signed_by_the_edit_has_expired() {
    let mut world = World::begun(two_lines(&json!({ "all.json": { "content": "PublicJwks" }, "b.json": jwks("b") })));
    world.edit(two_lines(&json!({ "all.json": { "content": "PublicJwks" } })));
    let steps = told(&world.pass(1));
    assert_eq!(steps, ["keep c/b.json k3 k4"]);
    let until = 1 + RETENTION - W;
    assert_eq!(world.plan(2).wake, Some(at(until)));
    world.pass(until - 1);
    assert_eq!(published(&world)[1], file("b.json", &["k3", "k4"]));
    assert_eq!(told(&world.pass(until)), ["release c/b.json k3", "release c/b.json k4"]);
    assert_eq!(names(&world), ["all.json"]);
}

#[test]
fn a_file_that_comes_back_is_the_specs_own_again() {
    let mut world = World::begun(two_lines(&json!({ "all.json": { "content": "PublicJwks" }, "b.json": jwks("b") })));
    world.edit(two_lines(&json!({ "all.json": { "content": "PublicJwks" } })));
    world.pass(1);
    world.edit(two_lines(&json!({ "all.json": { "content": "PublicJwks" }, "b.json": jwks("b") })));
    world.pass(2);
    assert!(world.keyring.kept.is_empty());
    assert_eq!(published(&world)[1], file("b.json", &["k3", "k4"]));
}

#[test]
fn a_file_that_turns_to_another_line_holds_the_keys_of_both_for_a_while() {
    let mut world = World::begun(two_lines(&both()));
    world.edit(only_a(&json!({ "b.json": jwks("a") })));
    world.pass(1);
    assert_eq!(published(&world), [file("a.json", &["k1", "k2"]), file("b.json", &["k1", "k2", "k3"])]);
    world.pass(1 + RETENTION);
    assert_eq!(published(&world), [file("b.json", &["k1", "k2"])]);
}

#[test]
fn a_file_of_one_key_stays_with_the_key_that_it_held() {
    let one = json!({ "content": "PublicJwk", "line": "b" });
    let mut world = World::begun(two_lines(&json!({ "all.json": { "content": "PublicJwks" }, "b.jwk": one })));
    world.edit(only_a(&json!({ "all.json": { "content": "PublicJwks" } })));
    world.pass(1);
    assert_eq!(published(&world)[1], file("b.jwk", &["k3"]));
    world.pass(1 + RETENTION);
    assert_eq!(names(&world), ["all.json"]);
}

#[test]
fn a_revoked_key_is_in_no_file_that_stays() {
    let mut world = World::begun(two_lines(&both()));
    let spec = |revoked: Value| {
        let mut spec = only_a(&json!({ "a.json": jwks("a") }));
        spec["revoked"] = revoked;
        spec
    };
    world.edit(spec(json!([])));
    world.pass(1);
    world.edit(spec(json!([{ "kid": "k3" }])));
    let steps = told(&world.pass(2));
    assert!(steps.contains(&"release c/b.json k3".to_owned()), "{steps:?}");
    assert_eq!(names(&world), ["a.json"]);
}

#[test]
fn no_encryption_key_stays_because_senders_would_use_it() {
    let keys = json!([{ "name": "a", "algorithm": "ES256" }, { "name": "b", "algorithm": "ECDH-ES" }]);
    let mut world = World::new(json!({ "keys": keys, "configMaps": [{ "name": "c", "files": both() }] }));
    world.pass(0);
    world.pass(INTERVAL / 2);
    assert_eq!(published(&world)[1].1.len(), 1);
    world.edit(only_a(&json!({ "a.json": jwks("a") })));
    world.pass(INTERVAL / 2 + 1);
    assert_eq!(names(&world), ["a.json"]);
    assert!(world.keyring.kept.is_empty());
}

#[test]
fn a_config_map_that_is_listed_no_more_is_left_as_it_is() {
    let mut world = World::begun(two_lines(&both()));
    world.edit(json!({ "keys": [{ "name": "a", "algorithm": "ES256" }] }));
    world.pass(1);
    assert!(world.keyring.kept.is_empty());
    assert_eq!(names(&world), ["a.json", "b.json"]);
}

#[test]
fn a_name_that_another_form_takes_over_belongs_to_the_new_file() {
    let all = json!({ "content": "PublicJwks" });
    let one = json!({ "content": "PublicJwk", "line": "a" });
    let mut world = World::begun(two_lines(&json!({ "all.json": all, "x": one })));
    world.edit(two_lines(&json!({ "all.json": all, "x": jwks("b") })));
    world.pass(1);
    assert_eq!(published(&world)[1], file("x", &["k3", "k4"]));
    world.edit(two_lines(&json!({ "all.json": all, "x": one })));
    world.pass(2);
    let written = &world.written(&config_map("c")).unwrap().files["x"];
    let text = std::str::from_utf8(written).unwrap();
    assert!(text.contains("k1") && !text.contains("k3"), "{text}");
    assert!(world.keyring.kept.is_empty());
}

#[test]
fn a_name_that_is_kept_belongs_to_a_file_of_another_form_that_comes_later() {
    let all = json!({ "content": "PublicJwks" });
    for before in [true, false] {
        let one = json!({ "content": "PublicJwk", "line": "a" });
        let (first, second) = if before { (one, jwks("b")) } else { (jwks("b"), one) };
        let mut world = World::begun(two_lines(&json!({ "all.json": all, "x": first })));
        world.edit(two_lines(&json!({ "all.json": all })));
        world.pass(1);
        assert_eq!(world.keyring.kept.len(), 1, "{before}");
        world.edit(two_lines(&json!({ "all.json": all, "x": second })));
        world.pass(2);
        let wanted: &[&str] = if before { &["k3", "k4"] } else { &["k1"] };
        assert_eq!(published(&world)[1], file("x", wanted), "{before}");
        assert!(world.keyring.kept.is_empty(), "{before}");
    }
}

#[test]
fn the_config_map_tells_what_is_kept_though_its_files_are_the_same() {
    let mut world = World::begun(two_lines(&json!({ "all.json": { "content": "PublicJwks" }, "b.json": jwks("b") })));
    world.edit(two_lines(&json!({ "all.json": { "content": "PublicJwks" } })));
    world.pass(1);
    assert_eq!(world.written(&config_map("c")).unwrap().header.kept, world.keyring.kept);
    assert_eq!(world.keyring.kept.len(), 1);
    let writes = world.writes;
    world.pass(2);
    assert_eq!(world.writes, writes, "and once is enough");
}

#[test]
fn longer_facts_count_for_files_that_are_kept_already() {
    let all = json!({ "all.json": { "content": "PublicJwks" } });
    let mut world = World::begun(two_lines(&json!({ "all.json": { "content": "PublicJwks" }, "b.json": jwks("b") })));
    world.edit(two_lines(&all));
    world.pass(1);
    let mut longer = two_lines(&all);
    longer["timing"] = json!({ "maxTokenLifetime": format!("{}s", 2 * L) });
    world.edit(longer);
    world.pass(2);
    let until = 1 + RETENTION - W + L;
    assert_eq!(world.plan(3).wake, Some(at(until)));
    world.pass(until - 1);
    assert_eq!(names(&world), ["all.json", "b.json"]);
    world.pass(until);
    assert_eq!(names(&world), ["all.json"]);
}
