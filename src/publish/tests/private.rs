//! Nothing private is anywhere but in the signers' Secrets.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::jose::{KeyMaterial, KeySpec, PrivateParams};
use crate::material::PrivateKey;

/// Every private number of the keyring, as base64url, base64 and raw octets.
pub(super) fn assert_no_secret(content: &[u8], keyring: &Keyring) {
    let contains = |needle: &[u8]| content.windows(needle.len()).any(|window| window == needle);
    for private in keyring.keys.iter().filter_map(|key| key.private.as_ref()) {
        for secret in numbers(private) {
            let text = secret.trim_end_matches('=');
            assert!(!contains(text.as_bytes()), "a private number as base64url");
            let plain = text.replace('-', "+").replace('_', "/");
            assert!(!contains(plain.as_bytes()), "a private number as base64");
        }
        let Ok(pem) = private.to_pkcs8_pem() else { continue };
        for line in pem.lines().filter(|line| !line.starts_with('-') && line.len() >= 16).skip(1) {
            assert!(!contains(line.as_bytes()), "a line of a private PEM");
        }
    }
    assert!(!contains(b"PRIVATE"));
}

fn numbers(private: &PrivateKey) -> Vec<String> {
    let algorithm = Algorithm::ALL.iter().find(|one| one.takes(private.spec())).unwrap();
    let jwk = private.to_jwk("k", *algorithm).unwrap();
    let json: Value = serde_json::from_str(&jwk.to_json().unwrap()).unwrap();
    let numbers: Vec<String> = ["d", "p", "q", "dp", "dq", "qi", "priv", "k"]
        .iter()
        .filter_map(|name| json[*name].as_str().map(str::to_owned))
        .collect();
    let expected = if matches!(jwk.material(), KeyMaterial::Pair(_, PrivateParams::Rsa(_))) { 6 } else { 1 };
    assert_eq!(numbers.len(), expected);
    numbers
}

fn phase() -> impl Strategy<Value = Phase> {
    prop_oneof![Just(STANDBY), Just(active(1)), (2..9_i64).prop_map(retired)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn no_config_map_ever_holds_a_private_number(
        phases in prop::collection::vec(phase(), 6),
        by_keyturn in any::<bool>(),
        selects in prop::collection::vec(prop::sample::select(vec!["Active", "Standby"]), 3),
    ) {
        let file = |content: &str, line: &str, select: usize| {
            json!({ "content": content, "line": line, "select": selects[select] })
        };
        let policy = policy(json!({
            "keys": [{ "name": "a", "algorithm": "ES256" }, enc_line()],
            "publisher": if by_keyturn { "Keyturn" } else { "Signer" },
            "encSelection": "First",
            "configMaps": [{ "name": "c" }, { "name": "d", "files": {
                "a.json": { "content": "PublicJwks", "line": "a" },
                "a.jwk": file("PublicJwk", "a", 0),
                "a.pem": file("PublicKeyPem", "a", 1),
                "e.jwk": file("PublicJwk", "e", 2),
                "e.pem": file("PublicKeyPem", "e", 0),
                "e.kid": file("ActiveKid", "e", 1),
            } }],
        }));
        let names = ["k0", "k1", "k2", "k3", "k4", "k5"];
        let keys: Vec<Key> = names.into_iter().zip(phases).enumerate().map(|(index, (kid, phase))| {
            if index < 4 {
                key_of(&ec_keys()[index], kid, "a", Algorithm::Es256, phase)
            } else {
                key_of(&rsa_keys()[index - 4], kid, "e", Algorithm::RsaOaep256, phase)
            }
        }).collect();
        let keyring = keyring(&policy, keys);
        for one in render(&policy, &keyring).unwrap() {
            let header = header_of(&one, &keyring);
            assert_no_secret(header.to_json().unwrap().as_bytes(), &keyring);
            let standby_enc = keyring.keys.iter().filter(|key| key.usage() == Use::Enc && key.phase == STANDBY);
            for content in one.files.values().filter(|_| one.id.kind == OutputKind::ConfigMap) {
                assert_no_secret(content, &keyring);
                for key in standby_enc.clone() {
                    let kid = format!("\"{}\"", key.kid);
                    prop_assert!(!content.windows(kid.len()).any(|window| window == kid.as_bytes()));
                }
            }
        }
    }
}

/// Names of symmetric algorithms, and lines of them.
fn symmetric_lines() -> impl Strategy<Value = Vec<&'static str>> {
    let all: Vec<&str> = Algorithm::ALL.iter().filter(|one| one.is_symmetric()).map(|one| one.name()).collect();
    prop::sample::subsequence(all, 1..=4)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever lines there are, whoever publishes and wherever to.
    #[test]
    fn no_symmetric_key_is_ever_in_a_config_map_or_a_public_file(
        symmetric in symmetric_lines(),
        mixed in any::<bool>(),
        by_keyturn in any::<bool>(),
        stated in any::<bool>(),
        phases in prop::collection::vec(phase(), 8),
    ) {
        let mut lines: Vec<Value> = symmetric.iter().map(|one| json!({ "algorithm": one })).collect();
        if mixed {
            lines.push(json!({ "algorithm": "ES256", "name": "a" }));
        }
        let policy = policy(json!({
            "keys": lines,
            "publisher": if by_keyturn { "Keyturn" } else { "Signer" },
            "encSelection": "First",
            "configMaps": if stated { json!([{ "name": "c" }]) } else { json!([]) },
            "secrets": [
                { "name": "s" },
                { "name": "p", "files": { "public.json": { "content": "PublicJwks" } } },
            ],
        }));
        let mut phases = phases.into_iter().cycle();
        let mut keys: Vec<Key> = sig_keys().into_iter().filter(|_| mixed).collect();
        for (serial, line) in (0..).zip(policy.lines.iter().filter(|line| line.algorithm.is_symmetric())) {
            for one in 0..2 {
                let KeySpec::Oct { bits } = line.spec else { panic!("{line:?}") };
                let kid = format!("{}-{one}", line.name);
                let private = oct_key(2 * serial + one, bits);
                keys.push(key_of(&private, &kid, &line.name, line.algorithm, phases.next().unwrap()));
            }
        }
        let keyring = keyring(&policy, keys);
        let all = render(&policy, &keyring).unwrap();
        let has_config_map = all.iter().any(|one| one.id.kind == OutputKind::ConfigMap);
        prop_assert_eq!(has_config_map, stated || (mixed && by_keyturn));
        for one in &all {
            assert_no_secret(header_of(one, &keyring).to_json().unwrap().as_bytes(), &keyring);
            if one.id == secret("s") {
                let listed = kids(text(&all, &one.id, "jwks.json"));
                for key in keyring.keys.iter().filter(|key| key.algorithm.is_symmetric()) {
                    prop_assert!(listed.contains(&format!("{}*", key.kid)), "the other keys are loaded too");
                }
                continue;
            }
            for content in one.files.values() {
                assert_no_secret(content, &keyring);
                let published: Value = serde_json::from_slice(content).unwrap();
                for jwk in published["keys"].as_array().unwrap() {
                    prop_assert!(jwk["kty"] != "oct" && jwk.get("k").is_none());
                }
            }
        }
    }
}
