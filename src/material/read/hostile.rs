//! Files that are damaged, or made to do harm.

use ::pkcs12::pbe_params::{EncryptedPrivateKeyInfo, Pbes2Params, Pkcs12PbeParams};
use pkcs5::pbes2;
use pkcs8::der::asn1::OctetString;
use pkcs8::der::{Any, Encode};
use pkcs8::spki::AlgorithmIdentifierOwned;
use proptest::prelude::*;

use super::*;
use crate::jose::{Curve, KeySpec};
use crate::material::{PrivateEncoding, PrivateKey, rfc_keys, spki_pem};

/// One key in every unencrypted encoding.
fn plain_files() -> Vec<Vec<u8>> {
    let ec = PrivateKey::generate(&KeySpec::Ec { curve: Curve::P256 }).unwrap();
    let mut files = Vec::new();
    for key in [&ec, &rfc_keys::rsa()] {
        for encoding in PrivateEncoding::ALL.iter().filter(|encoding| encoding.fits(key.spec().key_kind())) {
            files.push(key.to_der(*encoding).unwrap().to_vec());
            files.push(key.to_pem(*encoding).unwrap().as_bytes().to_vec());
        }
    }
    files
}

fn encrypted(oid: &str, parameters: &(impl pkcs8::der::EncodeValue + pkcs8::der::Tagged)) -> Vec<u8> {
    let encryption_algorithm = AlgorithmIdentifierOwned {
        oid: pkcs8::ObjectIdentifier::new_unwrap(oid),
        parameters: Some(Any::encode_from(parameters).unwrap()),
    };
    let encrypted_data = OctetString::new([7; 64]).unwrap();
    EncryptedPrivateKeyInfo { encryption_algorithm, encrypted_data }.to_der().unwrap()
}

#[test]
fn every_plain_file_is_read_and_bad_ends_are_refused() {
    for file in plain_files() {
        let found = private_keys(&file, None).unwrap();
        assert_eq!((found.keys.len(), found.refused.len()), (1, 0), "{}", found.keys[0].format);
        for end in [0, 1, 2, file.len() / 2, file.len() - 30] {
            assert!(private_keys(&file[..end], None).is_err() || file[0] == b'-', "{}", found.keys[0].format);
        }
    }
}

#[test]
fn too_much_and_nothing_are_refused() {
    assert_eq!(private_keys(&vec![b'-'; MAX_OCTETS + 1], None).unwrap_err(), ReadError::TooLarge);
    for (nothing, error) in [
        (&b""[..], ReadError::Empty),
        (b"   \n", ReadError::Empty),
        (b"hello", ReadError::Unrecognised),
        (b"\xff\xff", ReadError::Unrecognised),
    ] {
        assert_eq!(private_keys(nothing, None).unwrap_err(), error);
    }
    let public = spki_pem(rfc_keys::rsa().public().unwrap()).unwrap();
    assert_eq!(private_keys(public.as_bytes(), None).unwrap_err(), ReadError::NoPrivateKey);
    assert_eq!(private_keys(b"{\"keys\":[]}", None).unwrap_err(), ReadError::NoPrivateKey);
    let private = rfc_keys::rsa().to_pem(PrivateEncoding::Pkcs8).unwrap();
    assert_eq!(public_keys(private.as_bytes()).unwrap_err(), ReadError::NoPublicKey);
}

#[test]
fn foreign_keystores_are_named_with_a_way_out() {
    for start in [&b"\xfe\xed\xfe\xed\0\0\0\x02"[..], b"\xce\xce\xce\xce\0\0\0\x02", b"\x30\x80\x02\x01\x03"] {
        assert!(matches!(private_keys(start, None).unwrap_err(), ReadError::Unsupported { .. }));
    }
    let dsa = "-----BEGIN DSA PRIVATE KEY-----\nAQAB\n-----END DSA PRIVATE KEY-----\n";
    let refused = private_keys(dsa.as_bytes(), None).unwrap().into_all().unwrap_err().to_string();
    assert!(refused.starts_with("block 1: DSA PRIVATE KEY is not supported: convert it"), "{refused}");
}

#[test]
fn stretching_that_would_hang_is_refused_before_it_begins() {
    let pbkdf2 = pbes2::Parameters::generate_pbkdf2_sha256_aes256cbc(99_000_000, b"saltsalt", [0; 16]).unwrap();
    let scrypt = |log_n, r, p| {
        let params = scrypt_params(log_n, r, p);
        pbes2::Parameters { kdf: params.into(), encryption: pbes2::EncryptionScheme::Aes256Cbc { iv: [0; 16] } }
    };
    let older = Pkcs12PbeParams { salt: OctetString::new([1; 8]).unwrap(), iterations: i32::MAX };
    let files = [
        encrypted("1.2.840.113549.1.5.13", &pbkdf2),
        encrypted("1.2.840.113549.1.5.13", &scrypt(20, 8, 1)),
        encrypted("1.2.840.113549.1.5.13", &scrypt(14, 8, 1000)),
        encrypted("1.2.840.113549.1.5.13", &scrypt(63, 65_535, 65_535)),
        encrypted("1.2.840.113549.1.12.1.3", &older),
    ];
    for file in files {
        assert_eq!(private_keys(&file, Some("x")).unwrap_err(), ReadError::TooCostly);
        assert_eq!(private_keys(&file, None).unwrap_err(), ReadError::PassphraseMissing);
    }
}

fn scrypt_params(log_n: u32, block_size: u16, parallelization: u16) -> pbes2::ScryptParams {
    let salt = pbes2::Salt::new(b"saltsalt").unwrap();
    pbes2::ScryptParams { salt, cost_parameter: 1 << log_n, block_size, parallelization, key_length: None }
}

#[test]
fn an_initialization_vector_that_is_too_short_is_refused() {
    let kdf = pbes2::Parameters::generate_pbkdf2_sha256_aes256cbc(1, b"saltsalt", [0; 16]).unwrap().kdf;
    for (cipher, octets) in [("1.2.840.113549.3.7", 7), ("1.2.840.113549.3.7", 0), ("2.16.840.1.101.3.4.1.42", 8)] {
        let iv = OctetString::new(vec![0; octets]).unwrap();
        let encryption = AlgorithmIdentifierOwned {
            oid: pkcs8::ObjectIdentifier::new_unwrap(cipher),
            parameters: Some(Any::encode_from(&iv).unwrap()),
        };
        let kdf = pkcs8::der::Decode::from_der(&kdf.to_der().unwrap()).unwrap();
        let file = encrypted("1.2.840.113549.1.5.13", &Pbes2Params { kdf, encryption });
        assert!(matches!(private_keys(&file, Some("x")).unwrap_err(), ReadError::Damaged { .. }), "{cipher}");
    }
}

#[test]
fn the_rest_of_a_set_is_read_and_all_or_nothing_is_a_choice() {
    let jwk = rfc_keys::rsa().to_jwk("one", crate::jose::Algorithm::Rs256).unwrap().to_json().unwrap();
    let set = format!("{{\"keys\":[{{\"kty\":\"oct\",\"kid\":\"two\",\"k\":\"c2VzYW1l\"}},{}]}}", *jwk);
    let found = private_keys(set.as_bytes(), None).unwrap();
    assert_eq!(found.keys.len(), 1);
    let key = &found.keys[0];
    assert_eq!((key.place.as_str(), key.name.as_deref(), key.alg.as_deref()), ("keys[1]", Some("one"), Some("RS256")));
    let refused = found.into_all().unwrap_err().to_string();
    assert!(
        refused.starts_with("keys[0] (two): the symmetric key has 6 octets") && !refused.contains("c2Vz"),
        "{refused}"
    );
}

#[test]
fn what_stands_in_the_wrong_place_is_not_repeated() {
    for text in [r#"{"keys":"sesame"}"#, r#"{"kty":"RSA","x5c":"sesame","oth":"sesame","d":["sesame"]}"#, r#"{"sesame"#]
    {
        let error = match private_keys(text.as_bytes(), None) {
            Err(error) => error.to_string(),
            Ok(found) => found.into_all().unwrap_err().to_string(),
        };
        assert!(error.contains("this is no JWK") && !error.contains("sesame"), "{error}");
    }
}

#[test]
fn what_is_wrong_with_a_jwk_is_named() {
    for (text, expected) in [
        (r#"{"kty":"WAT","x":1}"#, "key type \"WAT\" is not supported: kty must be RSA, EC, OKP or AKP"),
        (r#"{"kid":"a","n":"AQAB"}"#, "kty is missing, which every JWK needs"),
        (r#"{"kty":"oct","kid":7,"k":"AAECAwQFBgcICQoLDA0ODw"}"#, "member kid has the wrong type"),
        (r#"{"kty":"RSA","kid":7,"n":"AQAB","e":"AQAB","d":"AQAB"}"#, "member kid has the wrong type"),
        (r#"{"kty":"RSA","n":"AQ+B","e":"AQAB","d":"AQAB"}"#, "member n is not base64url: letters"),
        (r#"{"kty":"RSA","kid":"a","kid":"b","n":"AQAB","e":"AQAB","d":"AQAB"}"#, "duplicate field `kid`"),
    ] {
        for (place, text) in [("the JWK", text.to_owned()), ("keys[0]", format!("{{\"keys\":[{text}]}}"))] {
            let said = private_keys(text.as_bytes(), None).unwrap().into_all().unwrap_err();
            let reason = format!("this is no JWK or JWK Set that can be used: {expected}");
            assert!(said.place == place && said.error.to_string().starts_with(&reason), "{said}");
            assert!(!said.to_string().contains("column"), "{said}");
        }
    }
    assert!(private_keys(br#"[{"kty":"oct"}]"#, None).unwrap_err().to_string().contains("write it as a JWK Set"));
    let keys = private_keys(br#"{"keys":{"kty":"oct"}}"#, None).unwrap_err().to_string();
    assert!(keys.ends_with("member keys is no array of JWKs"), "{keys}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn nothing_panics(octets in proptest::collection::vec(any::<u8>(), 0..200), start in 0_usize..5) {
        let start: &[u8] = [&b"\x30\x80"[..], b"\x30\x81\x80\x02\x01", b"-----BEGIN ", b"{", b""][start];
        let file = [start, &octets].concat();
        let _ = private_keys(&file, Some("x"));
        let _ = public_keys(&file);
    }

    #[test]
    fn a_changed_octet_never_makes_another_key(place in any::<prop::sample::Index>(), octet in any::<u8>()) {
        let ec = PrivateKey::from_pkcs8_pem(FIXED).unwrap();
        for encoding in [PrivateEncoding::Pkcs8, PrivateEncoding::Sec1] {
            let mut der = ec.to_der(encoding).unwrap();
            let at = place.index(der.len());
            der[at] = octet;
            if let Ok(found) = private_keys(&der, None) {
                prop_assert!(found.keys[0].key == ec);
            }
        }
    }
}

/// Made for this test with `openssl genpkey`, and used nowhere else.
const FIXED: &str = "-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg5y9B+Wa+si/dIhKD
j7uA6bgnn24oaoTNj+AjVyFL9WOhRANCAARHO0tLfn4lG3QvpD5CLEXKBevuja30
N6qQMiOsjRWqdNtayRjmv86/mmYRzbtdnr2tSeC+ieN5dWinrg1Bqx0L
-----END PRIVATE KEY-----
";
