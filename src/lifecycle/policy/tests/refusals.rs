//! The sentences that refuse a spec. Each says what to change.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{Policy, parse, policy, refused, shown};
use crate::lifecycle::fixtures::spec;

/// What is wrong, a spec of which that is true, and what its refusal says.
type Case = (&'static str, Value, &'static str);

fn assert_refused(cases: Vec<Case>) {
    for (name, members, sentence) in cases {
        let error = refused(members);
        assert!(error.contains(sentence), "{name}: {error}");
    }
}

#[test]
fn bad_lines_are_refused_with_a_sentence_that_says_what_to_change() {
    let keys = |keys: Value| json!({ "keys": keys });
    assert_refused(vec![
        ("no lines", keys(json!([])), "spec.keys has 0 lines: state 1 to 32"),
        ("33 lines", keys(vec![json!({ "algorithm": "ES256" }); 33].into()), "spec.keys has 33 lines"),
        (
            "an unknown algorithm",
            keys(json!([{ "algorithm": "RS265" }])),
            "spec.keys[0].algorithm: unknown algorithm \"RS265\", did you mean RS256?",
        ),
        (
            "1024 bits",
            keys(json!([{ "algorithm": "RS256", "rsaBits": 1024 }])),
            "spec.keys[0]: rsaBits 1024 is too small, RFC 7518 section 3.3 requires 2048",
        ),
        (
            "2049 bits",
            keys(json!([{ "algorithm": "RS256", "rsaBits": 2049 }])),
            "spec.keys[0]: rsaBits 2049 is not offered: write 2048, 3072, 4096 or 8192",
        ),
        (
            "rsaBits on EC",
            keys(json!([{ "algorithm": "ES256", "rsaBits": 2048 }])),
            "spec.keys[0]: ES256 takes a P-256 key, which has no rsaBits: remove rsaBits",
        ),
        (
            "a content encryption for a key that encrypts none",
            keys(json!([{ "algorithm": "A256KW", "contentEncryption": "A128GCM" }])),
            "spec.keys[0]: A256KW keys do not depend on contentEncryption, only those for dir do: remove",
        ),
        (
            "an unknown content encryption",
            keys(json!([{ "algorithm": "dir", "contentEncryption": "A128CBC" }])),
            "spec.keys[0]: unknown contentEncryption \"A128CBC\": write one of A128GCM, A192GCM, A256GCM, A128CBC-HS256",
        ),
        (
            "a curve that the algorithm lacks",
            keys(json!([{ "algorithm": "ES256", "curve": "P-384" }])),
            "spec.keys[0]: ES256 keys are on P-256, not on P-384: remove curve",
        ),
        (
            "two lines of one name",
            keys(json!([{ "algorithm": "ES256" }, { "algorithm": "RS256", "name": "es256" }])),
            "two of spec.keys are named \"es256\" (by default the algorithm in lower case)",
        ),
        (
            "a bad line name",
            keys(json!([{ "algorithm": "ES256", "name": "A_" }])),
            "spec.keys[0].name \"A_\": use at most 63 of a-z, 0-9, '-' and '.'",
        ),
        ("a long line name", keys(json!([{ "algorithm": "ES256", "name": "a".repeat(64) }])), "use at most 63"),
    ]);
}

#[test]
fn a_file_that_names_a_line_of_an_unknown_algorithm_is_not_wrong_as_well() {
    let error = refused(json!({
        "keys": [{ "algorithm": "RS265", "name": "a" }],
        "configMaps": [{ "name": "c", "files": { "a.pem": { "content": "PublicKeyPem", "line": "a" } } }],
    }));
    assert!(error.contains("RS265") && !error.contains("which is none of spec.keys"), "{error}");
}

#[test]
fn bad_times_and_kids_are_refused_with_a_sentence_that_says_what_to_change() {
    let enc = json!([{ "algorithm": "RSA-OAEP" }]);
    let rotation = |rotation: Value| json!({ "rotation": rotation });
    let kid = |template: &str| json!({ "kid": { "template": template } });
    assert_refused(vec![
        (
            "a span without a unit",
            json!({ "timing": { "clockSkew": "5" } }),
            "spec.timing.clockSkew: \"5\" is no duration",
        ),
        (
            "a negative interval",
            rotation(json!({ "interval": "-5s" })),
            "spec.rotation.interval: \"-5s\" is no duration",
        ),
        (
            "too short an interval",
            rotation(json!({ "interval": "179s" })),
            "an interval of 2m59s between two rotations of sig keys is shorter than the lead (1m55s) + 1m for one write",
        ),
        (
            "too short an interval for enc",
            json!({ "keys": enc, "rotation": { "interval": "89s" } }),
            "of enc keys is shorter than the lead (25s) + 1m for one write + clockSkew 5s = 1m30s: rotate less often",
        ),
        (
            "too short an interval for symmetric keys",
            json!({ "keys": [{ "algorithm": "HS256" }], "rotation": { "interval": "189s" } }),
            "of symmetric sig keys is shorter than the lead (2m5s) + 1m for one write + clockSkew 5s = 3m10s: rotate less",
        ),
        (
            "too many retired keys",
            json!({ "rotation": { "interval": "180s" }, "timing": { "maxTokenLifetime": "24h" } }),
            "more than 8 retired sig keys of a line, each for 24h30s: rotate less often, or state a shorter",
        ),
        (
            "Schedule without a schedule",
            rotation(json!({ "mode": "Schedule" })),
            "spec.rotation.mode is Schedule: state spec.rotation.schedule",
        ),
        (
            "a bad schedule",
            rotation(json!({ "mode": "Schedule", "schedule": "daily" })),
            "spec.rotation: schedule \"daily\" is no cron expression of five fields",
        ),
        (
            "a schedule that never fires",
            rotation(json!({ "mode": "Schedule", "schedule": "0 0 30 2 *" })),
            "fires less than twice",
        ),
        (
            "a bad time zone",
            rotation(json!({ "mode": "Schedule", "schedule": "0 3 * * *", "timeZone": "Rome" })),
            "spec.rotation: timeZone \"Rome\" is not known: use an IANA name",
        ),
        (
            "too frequent a schedule",
            rotation(json!({ "mode": "Schedule", "schedule": "*/2 * * * *" })),
            "a schedule with 2m between two rotations of sig keys is shorter than the lead",
        ),
        ("a kid that is not unique", kid("{line}-{date}"), "spec.kid.template: {thumbprint} or {uuid} must be in it"),
        ("an unknown placeholder", kid("{uuid}{name}"), "spec.kid.template: {name} is not known"),
        ("a bad character in a kid", kid("{uuid} "), "spec.kid.template: ' ' can't be in a kid"),
        ("an open brace in a kid", kid("{uuid}{"), "spec.kid.template: '{' can't be in a kid"),
        (
            "a long kid template",
            kid(&format!("{{uuid}}{}", "x".repeat(123))),
            "spec.kid.template: it is longer than 128 characters",
        ),
    ]);
}

#[test]
fn bad_outputs_are_refused_with_a_sentence_that_says_what_to_change() {
    let secrets = |secrets: Value| json!({ "secrets": secrets });
    let secret = |files: Value| json!([{ "name": "s", "files": files }]);
    let maps = |files: Value| json!([{ "name": "c", "files": files }]);
    let public = json!({ "content": "PublicJwks" });
    let file =
        |file: &str, content: Value| json!({ "configMaps": maps(json!({ file: content, "jwks.json": public })) });
    let pem = json!({ "k.pem": { "content": "PrivateKeyPem" } });
    let enc = json!([{ "algorithm": "RSA-OAEP" }]);
    let two = json!([{ "algorithm": "ES256", "name": "a" }, { "algorithm": "ES256", "name": "b" }]);
    assert_refused(vec![
        (
            "a file name that is no key of a Secret",
            file("a/b", json!({ "content": "PublicJwks" })),
            "ConfigMap \"c\": the file name \"a/b\" can't be the key of an object",
        ),
        ("a file name of two dots", file("..data", json!({ "content": "PublicJwks" })), "not starting with '..'"),
        ("a file name of one dot", file(".", json!({ "content": "PublicJwks" })), "the file name \".\""),
        ("an empty file name", file("", json!({ "content": "PublicJwks" })), "the file name \"\""),
        (
            "a line that is not there",
            file("b.pem", json!({ "content": "PublicKeyPem", "line": "b" })),
            "ConfigMap \"c\": the file \"b.pem\" takes line \"b\", which is none of spec.keys: a",
        ),
        (
            "a file of one key without a line",
            json!({ "keys": two, "secrets": secret(json!({
                "k.pem": { "content": "PrivateKeyPem" }, "jwks.json": { "content": "PrivateJwks" },
            })) }),
            "Secret \"s\": the file \"k.pem\" holds one key, and the set has several lines: state its line",
        ),
        (
            "a secret named like the keyring",
            secrets(json!([{ "name": "auth-keyring" }])),
            "secret \"auth-keyring\" is the keyring's own name",
        ),
        (
            "an output twice",
            secrets(json!([{ "name": "s" }, { "name": "s" }])),
            "Secret \"s\" is listed twice: put its files into one entry",
        ),
        ("an output without a name", secrets(json!([{ "name": "" }])), "Secret \"\" can't be the name of an object"),
        (
            "a bad output name",
            secrets(json!([{ "name": "Signer" }])),
            "Secret \"Signer\" can't be the name of an object: use at most 253 of a-z",
        ),
        (
            "enc by the signer",
            json!({ "keys": enc, "publisher": "Signer" }),
            "\"rsa-oaep\" is for encryption: that is safe only if senders take the first key. State spec.encSelection",
        ),
        (
            "a line in no Secret",
            json!({ "keys": two, "secrets": secret(json!({ "k.pem": { "content": "PrivateKeyPem", "line": "a" } })) }),
            "the line \"b\" is in no secret, so nobody could use it",
        ),
        (
            "only public files in a Secret",
            secrets(json!([{ "name": "s", "files": { "p": { "content": "PublicJwks" } } }])),
            "the line \"a\" is in no secret",
        ),
        (
            "a line in no PublicJwks",
            json!({ "keys": two, "configMaps": maps(json!({
                "a.json": { "content": "PublicJwks", "line": "a" }, "b.pem": { "content": "PublicKeyPem", "line": "b" },
            })) }),
            "the line \"b\" is in no PublicJwks file of spec.configMaps",
        ),
        (
            "enc only as PEM",
            json!({ "keys": enc, "secrets": secret(pem.clone()) }),
            "the line \"rsa-oaep\" needs a PrivateJwks file (with inactiveKeys",
        ),
        (
            "a server that publishes, only as PEM",
            json!({ "publisher": "Signer", "secrets": secret(pem.clone()) }),
            "the line \"a\" needs a PrivateJwks file (with inactiveKeys",
        ),
    ]);
}

#[test]
fn symmetric_keys_in_the_wrong_place_are_refused_with_a_sentence_that_says_what_to_change() {
    let two = json!([{ "algorithm": "HS256", "name": "m" }, { "algorithm": "ES256", "name": "a" }]);
    let one = json!([{ "algorithm": "HS256", "name": "m" }]);
    let enc = |publisher| json!({ "keys": [{ "algorithm": "dir" }], "publisher": publisher });
    let map = |keys: &Value, content: &str, line: Value| {
        let files = json!({ "x": { "content": content, "line": line }, "jwks.json": { "content": "PublicJwks" } });
        json!({ "keys": keys, "configMaps": [{ "name": "c", "files": files }] })
    };
    let secret = |keys: &Value, content: &str, line: Value| {
        let files = json!({ "x": { "content": content, "line": line }, "jwks.json": { "content": "PrivateJwks" } });
        json!({ "keys": keys, "secrets": [{ "name": "s", "files": files }] })
    };
    let in_map = "ConfigMap \"c\": the file \"x\" takes line \"m\", whose keys are symmetric and have no public half";
    let in_secret = "Secret \"s\": the file \"x\" takes line \"m\", whose keys are symmetric and have no public half";
    let no_pem = "Secret \"s\": the file \"x\" takes line \"m\", whose keys are symmetric and have no PEM form: write PrivateJwks";
    let m = || Value::from("m");
    let mut cases: Vec<Case> = Vec::new();
    for content in ["PublicJwks", "PublicJwk", "PublicKeyPem", "ActiveKid"] {
        cases.push((content, map(&two, content, m()), in_map));
    }
    for content in ["PublicJwk", "PublicKeyPem", "ActiveKid"] {
        cases.push((content, map(&one, content, Value::Null), in_map));
    }
    for content in ["PublicJwks", "PublicJwk", "PublicKeyPem"] {
        cases.push((content, secret(&two, content, m()), in_secret));
    }
    cases.push(("PublicJwk of the only line", secret(&one, "PublicJwk", Value::Null), in_secret));
    cases.push(("PEM", secret(&two, "PrivateKeyPem", m()), no_pem));
    cases.push(("PEM of the only line", secret(&one, "PrivateKeyPem", Value::Null), no_pem));
    let first = "the line \"dir\" is symmetric and for encryption: a sender may use a key as soon as it has loaded it";
    cases.push(("dir", enc("Keyturn"), first));
    cases.push(("dir by the signer", enc("Signer"), first));
    let only_one = json!({ "x": { "content": "PrivateJwk" } });
    let only_one = json!({ "keys": one, "secrets": [{ "name": "s", "files": only_one }] });
    cases.push(("only the active key", only_one, "the line \"m\" needs a PrivateJwks file (with inactiveKeys"));
    assert_refused(cases);
    for taken in [
        map(&two, "PublicJwks", Value::Null),
        map(&one, "PublicJwks", Value::Null),
        secret(&two, "ActiveKid", m()),
        secret(&one, "PrivateJwk", Value::Null),
        secret(&one, "PublicJwks", Value::Null),
    ] {
        parse(&spec(taken)).unwrap();
    }
}

#[test]
fn the_name_of_a_set_leaves_room_for_suffixes() {
    let parse = |length| Policy::parse(&"n".repeat(length), &spec(json!({})), TimeDelta::zero());
    parse(63).unwrap();
    assert!(parse(64).unwrap_err().to_string().contains("is longer than 63 characters: choose a shorter one"));
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let error = parse(&spec(json!({
        "keys": [{ "algorithm": "ES256", "rsaBits": 2048 }, { "algorithm": "XS1" }],
        "kid": { "template": "x" },
        "timing": { "clockSkew": "?" },
    })))
    .unwrap_err();
    assert!(error.0.len() >= 4, "{error}");
    assert!(error.to_string().matches("; ").count() >= 3, "{error}");
}

#[test]
fn bad_imports_are_refused_with_a_sentence_that_says_what_to_change() {
    let from = |name: &str, key: &str, mut more: Value| {
        more["secretKeyRef"] = json!({ "name": name, "key": key });
        more
    };
    let import = |entries: Value| json!({ "import": { "keys": entries } });
    let one = |more: Value| import(json!([from("old", "k.pem", more)]));
    let mut two_lines = one(json!({}));
    two_lines["keys"] = json!([{ "algorithm": "ES256" }, { "algorithm": "ES384" }]);
    let active = || from("old", "k.pem", json!({ "role": "Active" }));
    assert_refused(vec![
        ("no entries", import(json!([])), "spec.import.keys has 0 entries: state 1 to 32"),
        ("33 entries", import(vec![active(); 33].into()), "spec.import.keys has 33 entries"),
        ("no line", two_lines, "spec.import.keys[0] must state its line"),
        ("another line", one(json!({ "line": "b" })), "spec.import.keys[0].line \"b\" is none of spec.keys"),
        ("a path", import(json!([from("old", "../k", json!({}))])), "there can't be a key \"../k\" of Secret \"old\""),
        ("a bad name", import(json!([from("Old", "k", json!({}))])), "of Secret \"Old\": correct its name or key"),
        (
            "a bad passphrase",
            one(json!({ "passphrase": { "secretKeyRef": { "name": "..", "key": "k" } } })),
            "there can't be a key \"k\" of Secret \"..\"",
        ),
        ("an empty kid", one(json!({ "kid": "" })), "a kid or alias has 1 to 256 octets"),
        ("a line break", one(json!({ "alias": "a\nb" })), "no control characters"),
        ("two active keys", import(json!([active(), active()])), "two entries of line \"a\" have the role Active"),
    ]);
}

/// Two leads with W and S, here 180 s each, and the retention, here 1030 s, after it was the next one and the active one.
#[test]
fn a_certificate_outlives_its_key_to_the_second() {
    for (rotation, least) in [
        (json!({ "interval": "10000s" }), 2 * 10_000 + 2 * 180 + 1_030),
        (json!({ "mode": "Never" }), 2 * (1_030 + 2 * 180) + 2 * 180 + 1_030),
    ] {
        let lives = |seconds: i64| {
            json!({
                "rotation": rotation,
                "certificate": { "subject": "CN=a", "validity": format!("{seconds}s") },
                "secrets": [{ "name": "s", "files": {
                    "jwks.json": { "content": "PrivateJwks" },
                    "crt.pem": { "content": "CertificatePem" },
                } }],
            })
        };
        policy(lives(least));
        let error = refused(lives(least - 1));
        assert!(error.contains("is shorter than a key lives"), "{error}");
        assert!(error.contains(&format!("together {}", shown(TimeDelta::seconds(least)))), "{error}");
    }
}

#[test]
fn a_certificate_that_would_end_before_its_key_is_refused() {
    let never = json!({ "mode": "Never" });
    assert_refused(vec![
        (
            "shorter than two intervals and a retention",
            json!({ "certificate": { "validity": "5h" } }),
            "spec.certificate.validity 5h is shorter than a key lives: 2h46m40s as the next one",
        ),
        (
            "so short that keys without a rhythm would rotate all the time",
            json!({ "certificate": { "validity": "1h" }, "rotation": never }),
            "spec.certificate.validity 1h is shorter than a key lives",
        ),
        ("no subject", json!({ "certificate": { "subject": "nonsense" } }), "spec.certificate: subject: "),
    ]);
    for members in [
        json!({ "certificate": { "validity": "6h" } }),
        json!({ "certificate": { "validity": "2h" }, "rotation": never }),
    ] {
        parse(&spec(members)).unwrap();
    }
}
