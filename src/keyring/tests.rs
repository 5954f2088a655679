//! How a keyring is stored, and what it never tells.

mod sealed;

use std::collections::HashSet;
use std::sync::OnceLock;

use hmac::{Hmac, KeyInit, Mac};
use proptest::prelude::*;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::*;
use crate::lifecycle::fixtures::{at, ec_keys, key_of, mac_key, oct_key, policy, rsa_keys};

/// A keyring with something in every place.
fn keyring() -> Keyring {
    let keys = ec_keys();
    let sig = |index: usize, phase| key_of(&keys[index], &format!("sig-{index}"), "a", Algorithm::Es256, phase);
    let mut standby = sig(0, Phase::Standby);
    standby.confirmed = Some(at(5));
    let active = sig(1, Phase::Active { active_since: at(1), rotation_due: Some(at(2)), rotation_asked: true });
    let mut retired =
        sig(2, Phase::Retired { active_since: Some(at(0)), retired_since: at(1), not_before: Some(at(3)) });
    retired.private = None;
    let first = Phase::Active { active_since: at(1), rotation_due: None, rotation_asked: false };
    let enc = key_of(&rsa_keys()[0], "enc-0", "e", Algorithm::RsaOaep256, first);
    let mac = key_of(&oct_key(1, 256), "mac-0", "m", Algorithm::Hs256, Phase::Standby);
    let stated = policy(json!({})).facts;
    let longer = policy(json!({ "timing": { "maxTokenLifetime": "1h" } })).facts;
    Keyring {
        revision: 7,
        barrier: 3,
        mac_key: MacKey::new([42; MacKey::BYTES]),
        rotate_answered: Some("monday".to_owned()),
        facts: SettledFacts::new(longer).settle(stated, at(0), at(0)),
        publisher: Publisher::Signer,
        keys: vec![retired, active, standby, enc, mac],
        imports: std::collections::BTreeMap::new(),
        kept: vec![KeptFile {
            config_map: "c".to_owned(),
            file: "old.json".to_owned(),
            form: PublicForm::JwkSet,
            keys: [("sig-2".to_owned(), None), ("sig-1".to_owned(), Some(at(9)))].into(),
        }],
        kept_private: vec![KeptPrivateFile {
            secret: "s".to_owned(),
            file: "old.p12".to_owned(),
            form: PrivateForm::Keystore(crate::material::pkcs12::KeystoreProfile::Legacy),
            keys: ["enc-0".to_owned()].into(),
        }],
        accepted: Some(AcceptedSpec {
            spec: json!({ "keys": [{ "algorithm": "ES256" }] }),
            edit: Some(Edit { uid: "u".to_owned(), generation: 4 }),
        }),
        revoked: vec![
            Revoked { kid: "gone".to_owned(), thumbprint: Some(mac_key().thumbprint(&keys[3])), since: at(4) },
            Revoked { kid: "stranger".to_owned(), thumbprint: None, since: at(4) },
        ],
    }
}

fn stored() -> &'static [u8] {
    static STORED: OnceLock<Vec<u8>> = OnceLock::new();
    STORED.get_or_init(|| keyring().to_bytes().unwrap().to_vec())
}

/// Everything private in the stored keyring, in all pieces of sixteen characters.
fn secrets() -> &'static HashSet<Vec<u8>> {
    static SECRETS: OnceLock<HashSet<Vec<u8>>> = OnceLock::new();
    SECRETS.get_or_init(|| {
        let value: Value = serde_json::from_slice(stored()).unwrap();
        let keys = value["keys"].as_array().unwrap().iter().map(|key| &key["private"]);
        let text = |secret: &'_ Value| secret.as_str().or_else(|| secret["k"].as_str()).map(str::to_owned);
        let secrets: Vec<String> = keys.chain([&value["macKey"]]).filter_map(text).collect();
        assert_eq!(secrets.len(), 5);
        secrets.iter().flat_map(|secret| secret.as_bytes().windows(16)).map(<[u8]>::to_vec).collect()
    })
}

/// That no sixteen characters in a row of anything private are in the text.
fn assert_silent(text: &str) {
    assert!(!text.as_bytes().windows(16).any(|piece| secrets().contains(piece)), "{text}");
}

#[test]
fn what_is_stored_reads_back_the_same() {
    let bytes = stored();
    let again = Keyring::from_bytes(bytes).unwrap();
    assert_eq!(*again.to_bytes().unwrap(), bytes);
    let (old, new) = (keyring(), again);
    assert_eq!((old.revision, old.barrier, old.publisher), (new.revision, new.barrier, new.publisher));
    assert_eq!((&old.kept, &old.kept_private), (&new.kept, &new.kept_private));
    assert_eq!((&old.rotate_answered, &old.facts, &old.revoked), (&new.rotate_answered, &new.facts, &new.revoked));
    for (old, new) in old.keys.iter().zip(&new.keys) {
        assert_eq!((&old.kid, &old.line, old.algorithm, old.spec), (&new.kid, &new.line, new.algorithm, new.spec));
        assert_eq!((old.thumbprint, &old.public, &old.private), (new.thumbprint, &new.public, &new.private));
        assert_eq!((old.minted, old.confirmed, &old.phase), (new.minted, new.confirmed, &new.phase));
        assert_eq!(
            old.private.as_ref().map(PrivateKey::to_pkcs8_der),
            new.private.as_ref().map(PrivateKey::to_pkcs8_der)
        );
    }
    assert_eq!(
        format!("{:?}", old.mac_key.digest([b"x".as_slice()])),
        format!("{:?}", new.mac_key.digest([b"x".as_slice()]))
    );
}

#[test]
fn the_buffer_never_grows_however_long_the_words_in_it_are() {
    let mut keyring = keyring();
    keyring.rotate_answered = Some("x".repeat(100_000));
    let bytes = keyring.to_bytes().unwrap();
    assert_eq!(bytes.capacity(), bytes.len());
}

#[test]
fn the_stored_form_is_what_it_was_in_the_first_version() {
    let first = Keyring { accepted: None, kept: Vec::new(), kept_private: Vec::new(), ..keyring() };
    let value: Value = serde_json::from_slice(&first.to_bytes().unwrap()).unwrap();
    assert_eq!(value["format"], "keyring/v1");
    let later: Value = serde_json::from_slice(stored()).unwrap();
    assert!(
        later["accepted"]["spec"].is_object() && later["kept"].is_array() && later["keptPrivate"].is_array(),
        "members that came later"
    );
    let names = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" ");
    assert_eq!(names(&value), "barrier facts format keys macKey publisher revision revoked rotateAnswered");
    let [retired, active, standby, enc, mac] = value["keys"].as_array().unwrap().as_slice() else {
        panic!("five keys")
    };
    let common = "algorithm kid line minted";
    assert_eq!(names(retired), format!("activeSince {common} notBefore phase public retiredSince spec thumbprint"));
    assert_eq!(
        names(active),
        format!("activeSince {common} phase private public rotationAsked rotationDue spec thumbprint")
    );
    assert_eq!(names(standby), "algorithm confirmed kid line minted phase private public spec thumbprint");
    assert_eq!(enc["spec"], json!({ "kty": "RSA", "bits": 2048 }));
    assert_eq!(names(mac), "algorithm kid line minted phase private spec thumbprint", "no public half");
    assert_eq!(mac["spec"], json!({ "kty": "oct", "bits": 256 }));
    assert_eq!(names(&mac["private"]), "k");
    assert_eq!([&retired["phase"], &active["phase"], &standby["phase"]], ["Retired", "Active", "Standby"]);
    assert_eq!(active["activeSince"], "2027-01-15T08:00:01Z");
    assert_eq!(value["facts"][0]["facts"]["maxTokenLifetime"], 3600);
}

#[test]
fn a_newer_format_is_refused_and_nothing_is_guessed() {
    let mut value: Value = serde_json::from_slice(stored()).unwrap();
    for format in ["keyring/v2", "keyring/v10", ""] {
        value["format"] = format.into();
        let error = Keyring::from_bytes(&serde_json::to_vec(&value).unwrap()).unwrap_err();
        assert!(matches!(&error, FormatError::Newer { found } if found == format), "{error}");
        assert!(error.to_string().contains("run the newer version of Keyturn that wrote it"));
    }
    // Even where the rest is something that this version knows nothing of.
    let error = Keyring::from_bytes(br#"{"format":"keyring/v2","lines":[]}"#).unwrap_err();
    assert!(matches!(error, FormatError::Newer { .. }), "{error}");
}

#[test]
fn a_keyring_without_a_format_is_damaged() {
    for text in ["", "{}", "null", "[]", "\u{0}", r#"{"format":7}"#, r#"{"format":"keyring/v1"}"#] {
        assert!(matches!(Keyring::from_bytes(text.as_bytes()), Err(FormatError::Damaged { .. })), "{text}");
    }
    let twice = [stored(), stored()].concat();
    assert!(matches!(Keyring::from_bytes(&twice), Err(FormatError::Damaged { .. })));
}

#[test]
fn a_keyring_cut_off_anywhere_is_damaged_and_its_error_shows_nothing_of_it() {
    let bytes = stored();
    for end in 0..bytes.len() {
        let error = Keyring::from_bytes(&bytes[..end]).unwrap_err();
        assert!(matches!(error, FormatError::Damaged { .. }), "{end}");
        assert_silent(&format!("{error} {error:?}"));
    }
}

#[test]
fn debug_hides_everything_private() {
    let keyring = keyring();
    let text = format!("{keyring:?} {:#?} {:?}", keyring, keyring.keys);
    assert!(text.contains("sig-1") && text.contains("PrivateKey(P-256)") && text.contains("MacKey([private])"));
    assert_silent(&text);
    for private in keyring.keys.iter().filter_map(|key| key.private.as_ref()) {
        let Some(der) = private.to_pkcs8_der() else { continue };
        let numbers = format!("{:?}", &der[40..56]);
        assert!(!text.contains(numbers.trim_matches(['[', ']'])));
    }
}

#[test]
fn a_revoked_key_is_known_by_its_kid_and_by_its_thumbprint() {
    let keyring = keyring();
    let (gone, other) = (mac_key().thumbprint(&ec_keys()[3]), mac_key().thumbprint(&ec_keys()[4]));
    assert!(keyring.is_revoked("gone", &other) && keyring.is_revoked("another-name", &gone));
    assert!(keyring.is_revoked("stranger", &other) && !keyring.is_revoked("sig-1", &other));
}

#[test]
fn a_keyring_of_the_first_version_still_reads() {
    let mut old: Value = serde_json::from_slice(stored()).unwrap();
    old["keys"].as_array_mut().unwrap().pop();
    let read = Keyring::from_bytes(&serde_json::to_vec(&old).unwrap()).unwrap();
    assert!(read.keys.iter().all(|key| key.public.is_some()));
    let again: Value = serde_json::from_slice(&read.to_bytes().unwrap()).unwrap();
    assert_eq!(again, old);
}

#[test]
fn the_thumbprint_of_a_symmetric_key_says_nothing_without_the_keyrings_secret() {
    let key = oct_key(1, 256);
    let thumbprint = mac_key().thumbprint(&key);
    assert_eq!(mac_key().thumbprint(&key.clone()), thumbprint);
    let others = [MacKey::new([8; MacKey::BYTES]).thumbprint(&key), mac_key().thumbprint(&oct_key(2, 256))];
    assert!(!others.contains(&thumbprint));
    // The plain hash of RFC 7638, which anyone could compare with guesses.
    let jwk: Value = serde_json::from_str(&key.to_jwk("k", Algorithm::Hs256).unwrap().to_json().unwrap()).unwrap();
    let canonical = format!(r#"{{"k":{},"kty":"oct"}}"#, jwk["k"]);
    assert_ne!(thumbprint.octets()[..], Sha256::digest(&canonical)[..]);
    let mut mac = Hmac::<Sha256>::new_from_slice(&[7; MacKey::BYTES]).unwrap();
    mac.update(canonical.as_bytes());
    assert_eq!(thumbprint.octets()[..], mac.finalize().into_bytes()[..]);
    let pair = &ec_keys()[0];
    assert_eq!(mac_key().thumbprint(pair), pair.public().unwrap().thumbprint());
}

#[test]
fn keys_are_found_by_line_and_use() {
    let keyring = keyring();
    let kid = |key: Option<&Key>| key.map(|key| key.kid.clone());
    assert_eq!(kid(keyring.active("a", Use::Sig)), Some("sig-1".to_owned()));
    assert_eq!(kid(keyring.standby("a", Use::Sig)), Some("sig-0".to_owned()));
    assert_eq!((kid(keyring.active("a", Use::Enc)), kid(keyring.standby("e", Use::Enc))), (None, None));
    assert_eq!(kid(keyring.active("e", Use::Enc)), Some("enc-0".to_owned()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_damage_makes_the_reader_panic_or_talk(place in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = stored().to_vec();
        let place = place.index(bytes.len());
        bytes[place] = byte;
        if let Err(error) = Keyring::from_bytes(&bytes) {
            assert_silent(&format!("{error} {error:?}"));
        }
    }

    #[test]
    fn nothing_else_is_a_keyring(text in "\\PC{0,80}") {
        prop_assert!(Keyring::from_bytes(text.as_bytes()).is_err());
    }
}
