//! What a sealed keyring keeps to itself, and where alone it opens.

use std::sync::Arc;

use super::*;

const AUTH: KeySetName<'_> = KeySetName { namespace: "iam", name: "auth" };

/// The envelope of an empty keyring, made by the Python library `cryptography` from this text.
const FIXTURE: &[u8] = include_bytes!("../fixtures/sealed.json");
const FIXTURE_SECRET: &[u8] = b"correct horse battery staple, 32+";

fn secret(byte: u8) -> Arc<SystemSecret> {
    Arc::new(SystemSecret::new(&[byte; 32]).unwrap())
}

fn sealed() -> Vec<u8> {
    keyring().seal(AUTH, &secret(1), [9; NONCE_BYTES]).unwrap()
}

fn open(bytes: &[u8]) -> Result<(Keyring, Option<SecretId>), FormatError> {
    Keyring::unseal(bytes, AUTH, &[secret(2), secret(1)])
}

fn edited(edit: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut value = serde_json::from_slice(&sealed()).unwrap();
    edit(&mut value);
    serde_json::to_vec(&value).unwrap()
}

fn assert_changed(bytes: &[u8], what: &str) {
    let error = open(bytes).unwrap_err();
    assert!(matches!(error, FormatError::Changed { .. }), "{what}: {error}");
    assert!(error.to_string().contains("put this key set's own keyring back, from a backup"));
    assert_silent(&format!("{error} {error:?}"));
}

#[test]
fn what_was_sealed_opens_and_says_under_which_secret() {
    let (again, under) = open(&sealed()).unwrap();
    assert_eq!(*again.to_bytes().unwrap(), stored());
    assert_eq!(under.as_ref(), Some(secret(1).id()));
    let (plain, under) = open(stored()).unwrap();
    assert_eq!((&**plain.to_bytes().unwrap(), under), (stored(), None));
}

#[test]
fn what_another_library_sealed_opens() {
    let secret = Arc::new(SystemSecret::new(FIXTURE_SECRET).unwrap());
    let (keyring, under) = Keyring::unseal(FIXTURE, AUTH, std::slice::from_ref(&secret)).unwrap();
    assert_eq!((keyring.revision, keyring.keys.len()), (7, 0));
    assert_eq!(under.unwrap().to_string(), "e6df6c0a81588533");
    assert_eq!(keyring.mac_key.digest([b"x".as_slice()]), MacKey::new([7; MacKey::BYTES]).digest([b"x".as_slice()]));
}

#[test]
fn the_envelope_is_what_it_was_in_the_first_version() {
    let value: Value = serde_json::from_slice(&sealed()).unwrap();
    let names: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, ["ct", "keyId", "nonce", "revision", "v"]);
    assert_eq!((&value["v"], &value["revision"], &value["nonce"]), (&json!(1), &json!(7), &json!("CQkJCQkJCQkJCQkJ")));
    assert_eq!(value["keyId"], secret(1).id().to_string());
    assert_silent(&value.to_string());
    let text = value.to_string();
    assert!(!text.contains("sig-1") && !text.contains("monday"), "nothing of the keyring is plain");
}

#[test]
fn it_opens_nowhere_else_and_at_no_other_revision() {
    for (namespace, name) in [("iam", "other"), ("other", "auth"), ("auth", "iam"), ("iamauth", ""), ("", "iamauth")] {
        let moved = Keyring::unseal(&sealed(), KeySetName { namespace, name }, &[secret(1)]);
        assert!(matches!(moved, Err(FormatError::Changed { .. })), "{namespace}/{name}");
    }
    for revision in [0, 6, 8, u64::MAX] {
        assert_changed(&edited(|value| value["revision"] = revision.into()), "revision");
    }
}

#[test]
fn without_its_secret_the_error_says_which_one_is_missing() {
    let id = secret(1).id().to_string();
    let none = Keyring::unseal(&sealed(), AUTH, &[]).unwrap_err();
    assert!(matches!(&none, FormatError::SecretMissing { given, .. } if given.is_empty()));
    assert!(none.to_string().contains(&id) && none.to_string().contains("--system-secret-file"), "{none}");
    let other = Keyring::unseal(&sealed(), AUTH, &[secret(2), secret(3)]).unwrap_err();
    assert!(matches!(&other, FormatError::SecretMissing { given, .. } if given.len() == 2));
    for id in [id, secret(2).id().to_string(), secret(3).id().to_string()] {
        assert!(other.to_string().contains(&id), "{other}");
    }
    // Another secret under the same name opens nothing.
    let renamed = edited(|value| value["keyId"] = secret(2).id().to_string().into());
    assert_changed(&renamed, "keyId");
}

#[test]
fn a_newer_envelope_is_refused() {
    let error = open(&edited(|value| value["v"] = 2.into())).unwrap_err();
    assert!(matches!(&error, FormatError::Newer { found } if found == "sealed v2"), "{error}");
}

#[test]
fn an_envelope_cut_off_anywhere_does_not_open_and_its_error_is_silent() {
    let bytes = sealed();
    for end in 0..bytes.len() {
        let error = open(&bytes[..end]).unwrap_err();
        assert!(matches!(error, FormatError::Damaged { .. }), "{end}: {error}");
        assert_silent(&format!("{error} {error:?}"));
    }
}

#[test]
fn a_ciphertext_or_nonce_of_another_length_does_not_open() {
    for member in ["ct", "nonce"] {
        let text = serde_json::from_slice::<Value>(&sealed()).unwrap()[member].as_str().unwrap().to_owned();
        for other in ["", "AAAA", &text[..text.len() - 4], &format!("AAAA{text}"), &format!("{text} ")] {
            assert_changed(&edited(|value| value[member] = other.into()), member);
        }
    }
}

#[test]
fn what_a_member_too_many_could_say_is_not_guessed() {
    let error = open(&edited(|value| value["format"] = FORMAT.into())).unwrap_err();
    assert!(matches!(error, FormatError::Damaged { .. }), "{error}");
}

#[test]
fn a_short_secret_is_refused_with_a_sentence() {
    for length in [0, 1, 16, 31] {
        let error = SystemSecret::new(&vec![7; length]).unwrap_err().to_string();
        assert!(error.contains("at least 32 bytes") && error.contains("openssl rand -base64 32"), "{error}");
    }
    assert_ne!(SystemSecret::new(&[7; 32]).unwrap().id(), SystemSecret::new(&[7; 33]).unwrap().id());
}

#[test]
fn debug_shows_the_identifier_of_a_secret_alone() {
    let secret = SystemSecret::new(FIXTURE_SECRET).unwrap();
    assert_eq!(format!("{secret:?}"), "SystemSecret(e6df6c0a81588533)");
}

#[test]
fn the_size_of_a_sealed_keyring_is_known_before() {
    let largest = Keyring { revision: u64::MAX, ..keyring() };
    for keyring in [keyring(), largest] {
        let size = keyring.seal(AUTH, &secret(1), [0; NONCE_BYTES]).unwrap().len();
        let bound = sealed_size(keyring.to_bytes().unwrap().len());
        assert!(size <= bound && bound < size + 64, "{size} bytes of at most {bound}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn no_changed_byte_opens(place in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = sealed();
        let place = place.index(bytes.len());
        prop_assume!(bytes[place] != byte);
        bytes[place] = byte;
        match open(&bytes) {
            Ok(_) => prop_assert!(false, "byte {place} as {byte} opened"),
            Err(error) => assert_silent(&format!("{error} {error:?}")),
        }
    }

    #[test]
    fn secrets_differ_in_their_identifiers_and_keys(one in any::<[u8; 32]>(), other in any::<[u8; 32]>()) {
        prop_assume!(one != other);
        let [one, other] = [one, other].map(|bytes| SystemSecret::new(&bytes).unwrap());
        prop_assert_ne!(one.id(), other.id());
        let nonce = [0; NONCE_BYTES];
        let sealed = |secret: &SystemSecret| {
            let bytes = keyring().seal(AUTH, secret, nonce).unwrap();
            serde_json::from_slice::<Value>(&bytes).unwrap()["ct"].clone()
        };
        prop_assert_ne!(sealed(&one), sealed(&other));
    }
}
