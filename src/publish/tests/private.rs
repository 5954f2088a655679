//! Nothing private is anywhere but in the signers' Secrets.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::jose::PrivateParams;
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
        let pem = private.to_pkcs8_pem().unwrap();
        for line in pem.lines().filter(|line| !line.starts_with('-') && line.len() >= 16).skip(1) {
            assert!(!contains(line.as_bytes()), "a line of a private PEM");
        }
    }
    assert!(!contains(b"PRIVATE"));
}

fn numbers(private: &PrivateKey) -> Vec<String> {
    let algorithm = Algorithm::ALL.iter().find(|one| one.keys().contains(private.spec().key_kind())).unwrap();
    let json: Value = serde_json::from_str(&private.to_jwk("k", *algorithm).unwrap().to_json().unwrap()).unwrap();
    let numbers: Vec<String> = ["d", "p", "q", "dp", "dq", "qi", "priv"]
        .iter()
        .filter_map(|name| json[*name].as_str().map(str::to_owned))
        .collect();
    match private.to_jwk("k", *algorithm).unwrap().private() {
        PrivateParams::Ec { .. } | PrivateParams::Okp { .. } | PrivateParams::Akp { .. } => {
            assert_eq!(numbers.len(), 1);
        }
        PrivateParams::Rsa(_) => assert_eq!(numbers.len(), 6),
    }
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
