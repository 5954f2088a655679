//! What an output says of itself, what it refuses to hold, and what can be read back from it.

use chrono::TimeDelta;
use proptest::prelude::*;
use serde_json::json;

use super::private::assert_no_secret;
use super::*;
use crate::jose::Thumbprint;
use crate::keyring::{Facts, MacKey, Revoked};

/// A signer's Secret with its header, of a keyring that revoked something.
fn written() -> (Rendered, Header, Keyring) {
    let policy = policy(json!({}));
    let mut keyring = keyring(&policy, sig_keys());
    keyring.revoked =
        vec![Revoked { kid: "bad".to_owned(), thumbprint: Some(keyring.keys[0].thumbprint), since: at(0) }];
    let one = render(&policy, &keyring).unwrap().pop().unwrap();
    let header = header_of(&one, &keyring);
    (one, header, keyring)
}

#[test]
fn a_header_tells_whether_the_output_is_as_it_was_written() {
    let (one, header, keyring) = written();
    let key = &keyring.mac_key;
    assert!(header.is_intact(&one.id, &one.files, key));
    let read: Header = serde_json::from_str(&header.to_json().unwrap()).unwrap();
    assert_eq!(read, header);
    assert!(read.is_intact(&one.id, &one.files, key));

    let broken = |change: &dyn Fn(&mut Header)| {
        let mut header = header.clone();
        change(&mut header);
        assert!(!header.is_intact(&one.id, &one.files, key));
    };
    broken(&|header| header.revision += 1);
    broken(&|header| drop(header.marks.remove("now")));
    broken(&|header| header.marks.get_mut("next").unwrap().held = Some(at(0)));
    broken(&|header| header.marks.get_mut("now").unwrap().active = None);
    broken(&|header| header.revoked.clear());
    broken(&|header| header.revoked[0].thumbprint = None);
    broken(&|header| header.digest.0.clear());
    assert!(!header.is_intact(&one.id, &one.files, &MacKey::new([8; MacKey::BYTES])));
    assert!(!header.is_intact(&secret("another"), &one.files, key), "it can't be moved to another output");
    assert!(!header.is_intact(&config_map("auth-signer"), &one.files, key));
    let mut renamed = one.files.clone();
    let content = renamed.remove("jwks.json").unwrap();
    renamed.insert("jwks".to_owned(), content);
    assert!(!header.is_intact(&one.id, &renamed, key));
    assert!(!header.is_intact(&one.id, &Files::new(), key));
}

#[test]
fn every_output_is_written_anew_when_facts_change() {
    let policy = policy(json!({}));
    let mut keyring = keyring(&policy, sig_keys());
    let outputs = render(&policy, &keyring).unwrap();
    let headers: Vec<Header> = outputs.iter().map(|one| header_of(one, &keyring)).collect();
    let written = |keyring: &Keyring| -> Vec<bool> {
        outputs.iter().zip(&headers).map(|(one, header)| one.is_written(keyring, header, &one.files)).collect()
    };
    assert_eq!(written(&keyring), [true, true]);
    let shorter = Facts { verifier_cache_ttl: TimeDelta::seconds(1), ..policy.facts };
    keyring.facts = keyring.facts.settle(shorter, at(0), at(0));
    assert_eq!(written(&keyring), [false, false]);
}

#[test]
fn an_output_of_more_than_900_kib_is_refused() {
    let (one, header, _) = written();
    one.check_size(&one.files, &header).unwrap();
    let head = header.to_json().unwrap().len();
    let of_size = |size: usize| -> Files { [("x".to_owned(), vec![b' '; size - head - 1].into())].into() };
    one.check_size(&of_size(LARGEST_OUTPUT), &header).unwrap();
    let error = one.check_size(&of_size(LARGEST_OUTPUT + 1), &header).unwrap_err().to_string();
    assert!(
        error.starts_with("Secret \"auth-signer\" would have 921601 bytes, and one object may have 921600: spread"),
        "{error}"
    );
}

#[test]
fn a_header_tells_what_was_revoked_and_nothing_private() {
    let (_, header, keyring) = written();
    let thumbprint: Thumbprint = keyring.keys[0].thumbprint;
    assert_eq!(header.revoked, [RevokedKid { kid: "bad".to_owned(), thumbprint: Some(thumbprint) }]);
    assert_no_secret(header.to_json().unwrap().as_bytes(), &keyring);
}

#[test]
fn what_is_written_can_be_read_back_for_a_recovery() {
    let files = |content: &str| json!({ "x": { "content": content } });
    for (content, has_private) in [
        ("PrivateJwks", true),
        ("PrivateJwk", true),
        ("PrivateKeyPem", true),
        ("PublicJwks", false),
        ("PublicJwk", false),
    ] {
        let policy = policy(json!({ "secrets": [{ "name": "s", "files": files(content) }, { "name": "t" }] }));
        let keyring = keyring(&policy, sig_keys());
        let all = render(&policy, &keyring).unwrap();
        let one = rendered(&all, &secret("s"));
        let remains = remains(&one.id, &header_of(one, &keyring), &one.files, None, at(2));
        let now = &ec_keys()[3];
        assert_eq!(remains.private.iter().any(|found| found.key == *now), has_private, "{content}");
        assert_eq!(
            remains.public.iter().any(|jwk| Some(jwk.params()) == now.public()),
            content != "PrivateKeyPem",
            "{content}"
        );
        assert_eq!((remains.kind, remains.revision), (OutputKind::Secret, 9));
    }
}

#[test]
fn what_can_not_be_read_back_is_passed_over() {
    let (one, header, _) = written();
    let mut files = one.files.clone();
    for (name, content) in
        [("a", &b"\xff\xfe"[..]), ("b", b"{}"), ("c", b"{\"keys\":7}"), ("d", b"-----BEGIN PRIVATE KEY-----")]
    {
        files.insert(name.to_owned(), content.to_vec().into());
    }
    assert_eq!(remains(&one.id, &header, &files, None, at(0)).private.len(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_changed_byte_of_a_file_is_seen(place in any::<prop::sample::Index>(), flip in 1..=255_u8) {
        let (one, header, keyring) = written();
        let mut files = one.files.clone();
        let content = files.get_mut("jwks.json").unwrap();
        let place = place.index(content.len());
        content[place] ^= flip;
        prop_assert!(!header.is_intact(&one.id, &files, &keyring.mac_key));
    }
}
