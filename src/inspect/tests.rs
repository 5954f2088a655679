//! One wrong thing at a time, and the warnings that it brings.

use base64ct::{Base64, Base64UrlUnpadded, Encoding};
use chrono::DateTime;
use serde_json::{Value, json};

use super::*;
use crate::jose::rfc_vectors::{RFC_7517_A1, RFC_7517_A2};
use crate::jose::{Curve, KeySpec, OkpCurve, Use};
use crate::material::{Certificate, PrivateKey, Serial, Validity, spki_der};

const NOW: i64 = 1_800_000_000;

fn look(json: &Value, exposure: Exposure) -> Report {
    let now = DateTime::from_timestamp(NOW, 0).unwrap();
    inspect(json.to_string().as_bytes(), &Circumstances { passphrase: None, now, exposure }).unwrap()
}

/// All codes, those of the file first.
fn codes(report: &Report) -> Vec<&'static str> {
    let warnings = report.warnings.iter().chain(report.keys.iter().flat_map(|key| &key.warnings));
    warnings.map(|warning| warning.code.name()).collect()
}

/// The EC key of RFC 7517 appendix A.2, with nothing wrong.
fn ec() -> Value {
    let mut key = serde_json::from_str::<Value>(RFC_7517_A2).unwrap()["keys"][0].take();
    key["alg"] = json!("ECDH-ES");
    key
}

fn public_ec() -> Value {
    let mut key = ec();
    key.as_object_mut().unwrap().remove("d");
    key
}

/// The same with one member changed; `null` takes it out.
fn with(mut key: Value, member: &str, value: Value) -> Value {
    match value {
        Value::Null => drop(key.as_object_mut().unwrap().remove(member)),
        value => key[member] = value,
    }
    key
}

fn rsa(bits: usize) -> Value {
    let n = vec![0xff; bits / 8];
    json!({"kty": "RSA", "kid": "r", "alg": "RS256", "n": Base64UrlUnpadded::encode_string(&n), "e": "AQAB"})
}

fn certificate(key: &PrivateKey, from: i64, until: i64) -> Certificate {
    let [not_before, not_after] = [from, until].map(|at| DateTime::from_timestamp(at, 0).unwrap());
    let subject = "CN=keys".parse().unwrap();
    let serial = Serial::from_octets([7; 20]);
    Certificate::self_signed(key, Use::Sig, &subject, Validity { not_before, not_after }, &serial).unwrap()
}

#[test]
fn each_wrong_thing_has_its_warning_and_no_other() {
    let okp = |x: &[u8]| json!({"kty": "OKP", "crv": "Ed25519", "kid": "o", "alg": "Ed25519", "x": Base64UrlUnpadded::encode_string(x)});
    let ed25519 = PrivateKey::generate(&KeySpec::Okp { curve: OkpCurve::Ed25519 }).unwrap();
    let spki = spki_der(ed25519.public().unwrap()).unwrap();
    let k256 = PrivateKey::generate(&KeySpec::Ec { curve: Curve::Secp256k1 }).unwrap();
    let k256 = serde_json::to_value(k256.to_jwk("k", "ES256K".parse().unwrap()).unwrap().public().unwrap()).unwrap();
    let x = public_ec()["x"].as_str().unwrap().to_owned();
    let long_n = format!("AAAA{}", rsa(4096)["n"].as_str().unwrap());
    let oct = json!({"kty": "oct", "kid": "s", "alg": "A128KW", "k": "AAECAwQFBgcICQoLDA0ODw"});
    let hs = |octets: usize| {
        with(with(oct.clone(), "alg", json!("HS256")), "k", json!(Base64UrlUnpadded::encode_string(&vec![7; octets])))
    };
    let ops = |usage: &str, ops: Value| {
        with(with(with(public_ec(), "alg", json!("ES256")), "use", json!(usage)), "key_ops", ops)
    };
    let cases: [(Value, &[&str]); 40] = [
        (ec(), &[]),
        (public_ec(), &[]),
        (okp(&[9; 32]), &[]),
        (oct.clone(), &[]),
        (k256.clone(), &[]),
        (rsa(4096), &[]),
        (rsa(2048), &["rsa-short"]),
        (rsa(1024), &["unusable", "rsa-refused"]),
        (with(rsa(4096), "n", json!(long_n)), &["leading-zeros"]),
        (with(rsa(4096), "e", json!("AQAB=")), &["unusable", "not-base64url"]),
        (with(public_ec(), "kid", Value::Null), &["kid-missing"]),
        (with(public_ec(), "kid", json!("")), &["kid-missing"]),
        (with(public_ec(), "alg", Value::Null), &["alg-missing"]),
        (with(public_ec(), "alg", json!("ES999")), &["alg-unknown"]),
        (with(public_ec(), "alg", json!("RS256")), &["alg-mismatch", "use-mismatch"]),
        (with(public_ec(), "use", json!("sig")), &["use-mismatch"]),
        (with(public_ec(), "use", json!("dance")), &["use-mismatch"]),
        (with(okp(&[9; 32]), "alg", json!("EdDSA")), &["alg-discouraged"]),
        (okp(&spki), &["unusable", "okp-too-long"]),
        (with(k256, "crv", json!("P-256K")), &["unusable", "curve-name"]),
        (with(public_ec(), "x", json!("AQAB")), &["unusable", "coordinate-unpadded"]),
        (with(ec(), "d", json!("AQAB")), &["unusable", "coordinate-unpadded"]),
        (with(ec(), "d", json!("AAECAwQFBgcICQoLDA0ODwABAgMEBQYHCAkKCwwNDg8")), &["halves-differ"]),
        (with(public_ec(), "x", json!(format!("{x}="))), &["unusable", "not-base64url"]),
        (with(public_ec(), "exp", json!(NOW)), &["expired"]),
        (with(public_ec(), "exp", json!((NOW + 1) * 1000)), &["time-in-milliseconds"]),
        (with(public_ec(), "exp", json!("soon")), &["time-not-a-number"]),
        (with(public_ec(), "nbf", json!(NOW + 1)), &["not-yet-valid"]),
        (with(oct.clone(), "k", json!("AAEC")), &["symmetric-short"]),
        (with(public_ec(), "x5c", json!(["AAEC"])), &["x5c-unreadable"]),
        (hs(32), &[]),
        (hs(31), &["symmetric-short"]),
        (hs(8), &["symmetric-short"]),
        (ops("sig", json!(["verify"])), &[]),
        (ops("sig", json!(["sign"])), &["key-ops-mismatch"]),
        (ops("sig", json!(["verify", "verify"])), &["key-ops-mismatch"]),
        (ops("sig", json!(["encrypt"])), &["key-ops-mismatch"]),
        (ops("sig", json!("verify")), &["key-ops-mismatch"]),
        (with(public_ec(), "key_ops", json!(["deriveBits"])), &[]),
        (with(ec(), "key_ops", json!(["sign"])), &["key-ops-mismatch"]),
    ];
    for (jwk, expected) in cases {
        let report = look(&jwk, Exposure::Owner);
        assert_eq!(codes(&report), expected, "{jwk}: {report}");
        assert_eq!(codes(&look(&json!({"keys": [jwk]}), Exposure::Owner)), expected, "{jwk}");
    }
}

/// Other people's readers refuse a whole set for one such key.
#[test]
fn a_point_that_is_none_and_a_weak_one_are_refused() {
    let x = |octet: u8| json!(Base64UrlUnpadded::encode_string(&[octet; 32]));
    let off = with(with(public_ec(), "x", x(1)), "y", x(2));
    let ed = |x: Value| json!({ "kty": "OKP", "crv": "Ed25519", "kid": "e", "alg": "Ed25519", "x": x });
    let mut two = [0; 32];
    two[0] = 2;
    for (key, why) in [
        (off, "no point of its curve"),
        (ed(json!(Base64UrlUnpadded::encode_string(&two))), "no point of its curve"),
        (ed(x(0)), "small order"),
    ] {
        let report = look(&json!({ "keys": [key] }), Exposure::Everyone);
        assert!(report.keys[0].problem.as_ref().is_some_and(|problem| problem.contains(why)), "{report:?}");
    }
}

#[test]
fn certificates_are_held_against_the_key_and_the_clock() {
    let key = PrivateKey::generate(&KeySpec::Ec { curve: Curve::P256 }).unwrap();
    let other = PrivateKey::generate(&KeySpec::Ec { curve: Curve::P256 }).unwrap();
    let private = key.to_jwk("c", "ES256".parse().unwrap()).unwrap();
    let cases: [(Certificate, &[&str]); 4] = [
        (certificate(&key, NOW, NOW), &[]),
        (certificate(&key, NOW - 2, NOW - 1), &["certificate-expired"]),
        (certificate(&key, NOW + 1, NOW + 2), &["certificate-not-yet-valid"]),
        (certificate(&other, NOW, NOW), &["x5c-other-key"]),
    ];
    for (certificate, expected) in cases {
        let mut jwk = serde_json::to_value(private.public().unwrap()).unwrap();
        jwk["x5c"] = json!([Base64::encode_string(certificate.der())]);
        let report = look(&jwk, Exposure::Owner);
        assert_eq!(codes(&report), expected, "{report}");
        assert_eq!(report.keys[0].certificate.as_ref().unwrap().subject, "CN=keys");
        jwk["x5t#S256"] = json!("AAEC");
        assert!(codes(&look(&jwk, Exposure::Owner)).contains(&"x5t-mismatch"));
    }
}

#[test]
fn members_that_are_there_twice_are_named() {
    let now = DateTime::from_timestamp(NOW, 0).unwrap();
    let around = Circumstances { passphrase: None, now, exposure: Exposure::Owner };
    for (member, expected) in
        [(r#""kid":"b""#, &["unusable", "member-repeated"][..]), (r#""exp":1"#, &["member-repeated", "expired"])]
    {
        let text = with(public_ec(), "exp", json!(1)).to_string();
        let text = if member.contains("kid") { public_ec().to_string() } else { text };
        let report = inspect(text.replacen('{', &format!("{{{member},"), 1).as_bytes(), &around).unwrap();
        assert_eq!(codes(&report), expected, "{report}");
    }
}

#[test]
fn what_turns_the_text_around_it_is_not_printed() {
    let report = look(&with(public_ec(), "kid", json!("a\u{202e}b\u{2066}c\u{2028}d")), Exposure::Owner);
    assert!(report.to_string().contains("a\u{fffd}b\u{fffd}c\u{fffd}d"), "{report}");
}

#[test]
fn a_private_rsa_key_without_its_primes_is_used() {
    let key: Value = serde_json::from_str(crate::jose::rfc_vectors::RFC_7515_A2_KEY).unwrap();
    let bare = ["p", "q", "dp", "dq", "qi"].into_iter().fold(key.clone(), |key, member| with(key, member, Value::Null));
    assert_eq!(look(&bare, Exposure::Owner).keys[0].halves_match, Some(true));
    let some = look(&with(key, "qi", Value::Null), Exposure::Owner);
    assert!(some.keys[0].problem.as_ref().unwrap().contains("private member qi is missing"), "{some}");
}

#[test]
fn a_set_is_judged_as_a_whole() {
    let oct = json!({"kty": "oct", "kid": "s", "alg": "A128KW", "k": "AAECAwQFBgcICQoLDA0ODw"});
    let twice = json!({"keys": [public_ec(), public_ec()]});
    assert_eq!(codes(&look(&twice, Exposure::Owner)), ["duplicate-kid"]);
    assert_eq!(codes(&look(&json!({"keys": [public_ec(), oct]}), Exposure::Owner)), ["symmetric-beside-public"]);
    assert_eq!(codes(&look(&json!({"keys": [ec(), oct]}), Exposure::Owner)), [""; 0]);
    assert_eq!(codes(&look(&json!({"keys": []}), Exposure::Owner)), [""; 0]);
}

#[test]
fn only_private_keys_are_ever_in_a_wrong_place() {
    let public = serde_json::from_str(RFC_7517_A1).unwrap();
    let private = serde_json::from_str(RFC_7517_A2).unwrap();
    for exposure in [Exposure::Others, Exposure::Everyone] {
        assert!(!codes(&look(&public, exposure)).contains(&"private-in-public"));
        let report = look(&private, exposure);
        let codes = codes(&report);
        assert_eq!(codes.iter().filter(|code| **code == "private-in-public").count(), report.keys.len(), "{report}");
    }
    assert!(!codes(&look(&private, Exposure::Owner)).contains(&"private-in-public"));
}

#[test]
fn what_holds_no_keys_is_refused_with_a_sentence() {
    let now = DateTime::from_timestamp(NOW, 0).unwrap();
    let around = Circumstances { passphrase: None, now, exposure: Exposure::Owner };
    for text in ["", "{}", "{\"issuer\": \"https://example.com\"}", "{\"keys\": 5}", "hello", "{\"kty\""] {
        let error = inspect(text.as_bytes(), &around).unwrap_err().to_string();
        assert!(error.starts_with("this "), "{text}: {error}");
    }
}

#[test]
fn a_keyring_is_called_one_and_what_is_no_key_is_not_called_public() {
    let keyring = crate::lifecycle::fixtures::World::begun(json!({})).keyring.to_bytes().unwrap();
    let now = DateTime::from_timestamp(NOW, 0).unwrap();
    let around = Circumstances { passphrase: None, now, exposure: Exposure::Others };
    let report = inspect(&keyring, &around).unwrap();
    let text = report.to_string();
    assert!(text.starts_with("Keyturn keyring, which holds private keys, 2 keys"), "{text}");
    assert!(text.contains("private (active in its keyring)") && text.contains("private (on standby in its keyring)"));
    assert_eq!(codes(&report), ["private-in-public"; 2]);
    let sealed = inspect(br#"{"v":1,"keyId":"a","revision":1,"nonce":"","ct":""}"#, &around).unwrap_err();
    assert!(sealed.to_string().contains("sealed under a system secret"), "{sealed}");
    let nothing = look(&json!({ "keys": [{ "no": "key" }] }), Exposure::Owner);
    assert_eq!(nothing.keys[0].holds, Holds::Unknown);
}
