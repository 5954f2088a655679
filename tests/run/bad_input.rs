//! Bad input: each gets a sentence that says what to change, and nothing is lost.

use std::fs;

use crate::program::{Outcome, Workplace, auth, command};
use crate::tree::tree;

const ES256: &str = "keys:\n  - algorithm: ES256";

/// Spec, and what the sentence must hold.
const SPECS: &[(&str, &[&str])] = &[
    ("keys:\n  - algorithm: RS265", &["spec.keys[0].algorithm", "unknown algorithm \"RS265\"", "did you mean RS256?"]),
    ("keys:\n  - algorithm: none", &["unknown algorithm", "known are RS256"]),
    ("keys:\n  - algorithm: HS255", &["unknown algorithm \"HS255\"", "known are RS256"]),
    ("keys:\n  - algorithm: RS256\n    rsaBits: 1024", &["spec.keys[0]", "rsaBits 1024 is too small", "2048"]),
    (
        "keys:\n  - algorithm: RS256\n    rsaBits: 5000",
        &["rsaBits 5000 is not offered", "write 2048, 3072, 4096 or 8192"],
    ),
    ("keys:\n  - algorithm: RS256\n    rsaBits: 70000", &["spec.keys[0].rsaBits", "70000"]),
    ("keys:\n  - algorithm: ES256\n    rsaBits: 2048", &["ES256 takes a P-256 key", "remove rsaBits"]),
    (
        "keys:\n  - algorithm: Ed448",
        &["unknown algorithm \"Ed448\"", "no released, well-kept library for Rust has Ed448"],
    ),
    (
        "keys:\n  - algorithm: ECDH-ES\n    curve: X448",
        &["spec.keys[0]", "P-256, P-384, P-521 or X25519, not on X448", "no released, well-kept library for Rust has"],
    ),
    ("keys:\n  - algorithm: ES256\n    curve: P-384", &["ES256 keys are on P-256, not on P-384", "remove curve"]),
    ("keys:\n  - algorithm: RS256\n    curve: P-256", &["RS256 takes RSA keys, which have no curve", "remove curve"]),
    ("keys:\n  - algorithm: ES256\n  - algorithm: ES256", &["two of spec.keys are named \"es256\"", "its own name"]),
    (
        "keys:\n  - algorithm: ES256\n    name: a\n  - algorithm: ES384\n    name: a",
        &["two of spec.keys are named \"a\"", "its own name"],
    ),
    ("keys:\n  - algorithm: ES256\n    name: Not A Name", &["spec.keys[0].name \"Not A Name\"", "a-z"]),
    ("keys: []", &["spec.keys has 0 lines", "1 to 32"]),
    (
        "keys:\n  - algorithm: ES256\nrotation: { interval: 1h }",
        &["shorter than the lead (1h3m)", "clockSkew 1m", "= 1h4m", "rotate less often"],
    ),
    ("keys:\n  - algorithm: ES256\nrotation: { interval: 0s }", &["spec.rotation", "rotate less often"]),
    (
        "keys:\n  - algorithm: ES256\nrotation: { interval: 2h }\ntiming: { maxTokenLifetime: 24h }",
        &["more than 8 retired", "rotate less often"],
    ),
    (
        "keys:\n  - algorithm: ES256\nrotation: { interval: 30d }",
        &["spec.rotation.interval", "\"30d\" is no duration", "720h"],
    ),
    ("keys:\n  - algorithm: ES256\ntiming: { clockSkew: -1m }", &["spec.timing.clockSkew", "is no duration"]),
    (
        "keys:\n  - algorithm: ES256\nrotation: { mode: Schedule, schedule: every day }",
        &["spec.rotation", "\"every day\" is no cron expression of five fields", "0 3 1 * *"],
    ),
    (
        "keys:\n  - algorithm: ES256\nrotation: { mode: Schedule, schedule: \"0 3 31 2 *\" }",
        &["fires less than twice", "0 3 1 * *"],
    ),
    ("keys:\n  - algorithm: ES256\nrotation: { mode: Schedule }", &["state spec.rotation.schedule"]),
    ("keys:\n  - algorithm: ES256\nrotation: { schedule: \"0 3 1 * *\" }", &["counts only with mode: Schedule"]),
    (
        "keys:\n  - algorithm: ES256\nrotation: { mode: Schedule, schedule: \"* * * * *\" }",
        &["a schedule with 1m between two rotations", "shorter than the lead"],
    ),
    (
        "keys:\n  - algorithm: ES256\nrotation: { mode: Schedule, schedule: \"0 3 1 * *\", timeZone: Europe/Milano }",
        &["timeZone \"Europe/Milano\" is not known", "IANA"],
    ),
    (
        "keys:\n  - algorithm: ES256\nrotation: { mode: Sometimes }",
        &["spec.rotation.mode", "Sometimes", "Interval", "Schedule", "Never"],
    ),
    (
        "keys:\n  - algorithm: ES256\nsecrets:\n  - name: s\n    files:\n      a/b: { content: PrivateJwks }",
        &["Secret \"s\"", "file name \"a/b\"", "letters, digits"],
    ),
    (
        "keys:\n  - algorithm: ES256\nsecrets:\n  - name: s\n    files:\n      ..data: { content: PrivateJwks }",
        &["file name \"..data\"", "not starting with '..'"],
    ),
    (
        "keys:\n  - algorithm: ES256\nconfigMaps:\n  - name: m\n    files:\n      jwks.json: { content: PrivateJwks }",
        &["spec.configMaps[0].files", "PrivateJwks", "PublicJwks"],
    ),
    (
        "keys:\n  - algorithm: ES256\nconfigMaps:\n  - name: m\n    files:\n      key.pem: { content: PrivateKeyPem }",
        &["PrivateKeyPem", "PublicKeyPem"],
    ),
    ("keys:\n  - algorithm: ES256\nsecrets:\n  - name: ../../etc", &["../../etc", "can't be the name of an object"]),
    ("keys:\n  - algorithm: ES256\nsecrets:\n  - name: auth-keyring", &["keyring's own name", "choose another"]),
    ("keys:\n  - algorithm: ES256\nsecrets:\n  - name: s\n  - name: s", &["Secret \"s\" is listed twice"]),
    (
        "keys:\n  - algorithm: ES256\nsecrets:\n  - name: s\n    files:\n      k.pem: { content: PrivateKeyPem, line: rs256 }",
        &["takes line \"rs256\", which is none of spec.keys: es256"],
    ),
    (
        "keys:\n  - algorithm: ES256\n  - algorithm: ES384\nsecrets:\n  - name: s\n    files:\n      k.pem: { content: PrivateKeyPem }",
        &["\"k.pem\" holds one key", "state its line"],
    ),
    ("keys:\n  - algorithm: ES256\nkid: { template: \"key-{date}\" }", &["spec.kid.template", "{uuid}"]),
    ("keys:\n  - algorithm: ES256\nkid: { template: \"{uid}\" }", &["{uid} is not known", "{uuid}"]),
    (
        "keys:\n  - algorithm: RSA-OAEP\n    rsaBits: 2048\npublisher: Signer",
        &["the line \"rsa-oaep\" is for encryption", "encSelection: First"],
    ),
    (
        "keys:\n  - algorithm: ES256\nrotaton: { interval: 720h }",
        &["document 1: spec.rotaton is not a field", "spelling"],
    ),
    ("keys:\n  - algorithm: ES256\n    rsabits: 2048", &["spec.keys.0.rsabits is not a field", "spelling"]),
    (
        "keys:\n  - algorithm: ES256\nrotation: { intervall: 720h }",
        &["spec.rotation.intervall is not a field", "spelling"],
    ),
    ("keys:\n  - name: a", &["document 1", "missing field `algorithm`"]),
    ("keys: [{ algoritm: ES256 }]", &["missing field `algorithm`", "spec.keys.0.algoritm is not a field", "spelling"]),
];

/// Whole files.
const FILES: &[(&str, &[&str])] = &[
    ("", &["set.yaml holds no JwksKeySet"]),
    ("# nothing but a comment\n---\n", &["set.yaml holds no JwksKeySet"]),
    ("keys: [", &["set.yaml is no valid YAML"]),
    ("just words", &["set.yaml: document 1 is", "kind JwksKeySet"]),
    ("apiVersion: v1\nkind: Secret\nmetadata: { name: auth }", &["document 1 is v1 Secret", "kind JwksKeySet"]),
    ("apiVersion: keyturn.dev/v1\nkind: JwksKeySet\nmetadata: { name: auth }", &["keyturn.dev/v1alpha1"]),
    ("apiVersion: keyturn.dev/v1alpha1\nkind: JwksKeySet\nspec:\n  keys: []", &["document 1", "metadata"]),
    ("apiVersion: keyturn.dev/v1alpha1\nkind: JwksKeySet\nmetadata: { name: auth }", &["document 1", "spec"]),
];

/// A set in use, whose next file is bad: it fails with the sentences, and the directory stays as it is.
fn assert_refused(yaml: &str, sentences: &[&str]) {
    let used = Workplace::new(&auth(ES256));
    used.once_well();
    for place in [used, Workplace::new("")] {
        let before = tree(&place.dir());
        place.state(yaml);
        place.once().assert_refused(sentences);
        let after = tree(&place.dir());
        let files = |tree: &std::collections::BTreeMap<std::path::PathBuf, _>| {
            tree.keys().filter(|path| path.is_file() && !path.ends_with(".lock")).cloned().collect::<Vec<_>>()
        };
        if before.is_empty() {
            assert!(files(&after).is_empty(), "nothing is made of bad input: {:?}\n{yaml}", files(&after));
        } else {
            assert_eq!(after, before, "{yaml}");
        }
    }
}

#[test]
fn a_bad_spec_gets_a_sentence_and_nothing_is_lost() {
    for (spec, sentences) in SPECS {
        assert_refused(&auth(spec), sentences);
    }
}

#[test]
fn a_file_that_is_no_key_set_gets_a_sentence_and_nothing_is_lost() {
    for (yaml, sentences) in FILES {
        assert_refused(yaml, sentences);
    }
    assert_refused(&auth(ES256).replace("name: auth", "name: ../auth"), &["../auth"]);
    let long = "a".repeat(64);
    assert_refused(&auth(ES256).replace("name: auth", &format!("name: {long}")), &["longer than 63 characters"]);
}

#[test]
fn several_mistakes_are_told_at_once() {
    let yaml =
        auth("keys:\n  - algorithm: RS265\n  - algorithm: RS256\n    rsaBits: 1024\ntiming: { clockSkew: soon }");
    assert_refused(&yaml, &["did you mean RS256?", "too small", "\"soon\" is no duration"]);
}

#[test]
fn a_missing_or_unreadable_file_is_named() {
    let place = Workplace::new(&auth(ES256));
    let missing = place.beside("missing.yaml");
    let refuse = |files: &[std::path::PathBuf], sentences: &[&str]| {
        Outcome::of(command(files, &place.dir()).arg("--once"), &place.dir()).assert_refused(sentences);
        assert!(!place.dir().exists(), "no directory is made for input that can't be used");
    };
    refuse(&[missing], &["missing.yaml can't be read", "No such file"]);
    refuse(&[place.beside("")], &["can't be read"]);
    let binary = place.beside("binary.yaml");
    fs::write(&binary, [0xff, 0xfe, 0x00]).unwrap();
    refuse(&[binary], &["binary.yaml can't be read"]);
    refuse(&[place.set(), place.set()], &["default/auth is there twice"]);
}

#[test]
fn one_bad_set_does_not_hold_up_the_others() {
    let good = auth(ES256);
    let bad = auth("keys:\n  - algorithm: RS265").replace("name: auth", "name: bad");
    let place = Workplace::new(&format!("{bad}---\n{good}"));
    place.once().assert_refused(&["did you mean RS256?"]);
    assert_eq!(place.in_phase("Active").len(), 1, "the good one is kept");
    assert!(!place.path("keyrings/bad.json").exists());
}

#[test]
fn a_command_line_without_files_or_directory_is_usage() {
    let place = Workplace::new(&auth(ES256));
    for args in [&["run"][..], &["run", "set.yaml"], &["run", "--dir", "keys"], &["run", "--twice", "set.yaml"]] {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_keyturn"));
        let outcome = Outcome::of(command.args(args).current_dir(place.beside("")), &place.dir());
        assert_eq!(outcome.status.code(), Some(2), "{outcome:#?}");
        assert!(outcome.stderr.contains("Usage"), "{outcome:#?}");
    }
}
