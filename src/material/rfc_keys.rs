//! The keys that RFC 7515, RFC 7517 and RFC 8037 print, and the signatures made with them.

use base64ct::{Base64UrlUnpadded, Encoding};
use pkcs8::{DecodePrivateKey, DecodePublicKey};
use rsa::{Pkcs1v15Sign, RsaPrivateKey, RsaPublicKey};
use sha2::{Digest, Sha256};

use crate::jose::rfc_vectors::{
    RFC_7515_A1_JWS, RFC_7515_A1_KEY, RFC_7515_A2_JWS, RFC_7515_A2_KEY, RFC_7515_A3_JWS, RFC_7515_A3_KEY,
    RFC_7515_A4_JWS, RFC_7515_A4_KEY, RFC_7517_A2, RFC_7517_A3_A128KW, RFC_7518_C, RFC_8037_A_KEY, RFC_8037_A4_JWS,
};
use crate::jose::{
    Algorithm, ForeignPrivateJwk, KeyMaterial, KeySpec, PrivateJwk, PrivateParams, PublicParams, SecretBase64Url,
};

use super::{CheckError, PrivateKey, spki_der};

/// The RSA key of RFC 7515 appendix A.2, of 2048 bits.
pub(super) fn rsa() -> PrivateKey {
    import(RFC_7515_A2_KEY)
}

fn import(json: &str) -> PrivateKey {
    let jwk: ForeignPrivateJwk = serde_json::from_str(json).unwrap();
    PrivateKey::from_params(&jwk.public.params, &jwk.private).unwrap()
}

/// What was signed, and the signature.
fn split(jws: &str) -> (&[u8], Vec<u8>) {
    let (signed, signature) = jws.trim_end().rsplit_once('.').unwrap();
    (signed.as_bytes(), Base64UrlUnpadded::decode_vec(signature).unwrap())
}

/// A printed symmetric key, given what Keyturn's own keys always have, and taken into the keyring's form and out again.
fn through(printed: &str, alg: Algorithm) -> PrivateJwk {
    let mut jwk: serde_json::Value = serde_json::from_str(printed).unwrap();
    jwk["kid"] = "k".into();
    jwk["alg"] = alg.name().into();
    let key = PrivateKey::from_jwk(&serde_json::from_str(&jwk.to_string()).unwrap()).unwrap();
    let stored: PrivateKey = serde_json::from_str(&serde_json::to_string(&key).unwrap()).unwrap();
    let again = stored.to_jwk("k", alg).unwrap();
    jwk["use"] = alg.usage().name().into();
    assert_eq!(serde_json::to_value(&again).unwrap(), jwk);
    again
}

#[test]
fn rfc_7515_a_1_the_key_makes_the_printed_signature() {
    use hmac::{Hmac, KeyInit, Mac};
    let jwk = through(RFC_7515_A1_KEY, Algorithm::Hs256);
    let KeyMaterial::Symmetric(k) = jwk.material() else { panic!("not symmetric") };
    let (signed, signature) = split(RFC_7515_A1_JWS);
    let mut mac = Hmac::<Sha256>::new_from_slice(k.octets()).unwrap();
    mac.update(signed);
    assert_eq!(mac.finalize().into_bytes().as_slice(), signature);
}

#[test]
fn rfc_7517_a_3_symmetric_keys() {
    let wraps = PrivateKey::from_jwk(&through(RFC_7517_A3_A128KW, Algorithm::A128Kw)).unwrap();
    let signs = PrivateKey::from_jwk(&through(RFC_7515_A1_KEY, Algorithm::Hs512)).unwrap();
    assert_eq!([wraps.spec(), signs.spec()], [128, 512].map(|bits| KeySpec::Oct { bits }));
    assert!(wraps.to_jwk("k", Algorithm::Hs256).is_err() && signs.to_jwk("k", Algorithm::A256Kw).is_err());
}

#[test]
fn rfc_7515_a_2_the_key_makes_and_verifies_the_printed_signature() {
    let key = import(RFC_7515_A2_KEY);
    let (signed, signature) = split(RFC_7515_A2_JWS);
    let (scheme, hash) = (Pkcs1v15Sign::new::<Sha256>(), Sha256::digest(signed));
    let public = RsaPublicKey::from_public_key_der(&spki_der(key.public().unwrap()).unwrap()).unwrap();
    public.verify(scheme.clone(), &hash, &signature).unwrap();
    let private = RsaPrivateKey::from_pkcs8_der(&key.to_pkcs8_der().unwrap()).unwrap();
    assert_eq!(private.sign(scheme, &hash).unwrap(), signature);
}

#[test]
fn rfc_7515_a_3_the_key_verifies_the_printed_signature() {
    use p256::ecdsa::signature::Verifier;
    let key = import(RFC_7515_A3_KEY);
    let (signed, signature) = split(RFC_7515_A3_JWS);
    let public = p256::ecdsa::VerifyingKey::from_public_key_der(&spki_der(key.public().unwrap()).unwrap()).unwrap();
    public.verify(signed, &p256::ecdsa::Signature::from_slice(&signature).unwrap()).unwrap();
}

#[test]
fn rfc_7515_a_4_the_key_verifies_the_printed_signature() {
    use p521::ecdsa::signature::Verifier;
    let key = import(RFC_7515_A4_KEY);
    let (signed, signature) = split(RFC_7515_A4_JWS);
    let public = p521::ecdsa::VerifyingKey::from_public_key_der(&spki_der(key.public().unwrap()).unwrap()).unwrap();
    public.verify(signed, &p521::ecdsa::Signature::from_slice(&signature).unwrap()).unwrap();
}

#[test]
fn rfc_8037_a_4_the_key_makes_and_verifies_the_printed_signature() {
    use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, UnparsedPublicKey};
    let key = import(RFC_8037_A_KEY);
    let (signed, signature) = split(RFC_8037_A4_JWS);
    let Some(PublicParams::Okp(public)) = key.public() else { panic!("not OKP") };
    UnparsedPublicKey::new(&ED25519, public.x().octets()).verify(signed, &signature).unwrap();
    let pair = Ed25519KeyPair::from_pkcs8(&key.to_pkcs8_der().unwrap()).unwrap();
    assert_eq!(pair.sign(signed).as_ref(), signature);
}

#[test]
fn every_printed_private_key_matches_its_public_half_and_comes_back_as_printed() {
    let set: serde_json::Value = serde_json::from_str(RFC_7517_A2).unwrap();
    let (a2_ec, a2_rsa) = (set["keys"][0].to_string(), set["keys"][1].to_string());
    let cases = [
        (a2_ec.as_str(), Algorithm::Es256),
        (&a2_rsa, Algorithm::RsaOaep256),
        (RFC_7515_A2_KEY, Algorithm::Rs256),
        (RFC_7515_A3_KEY, Algorithm::Es256),
        (RFC_7515_A4_KEY, Algorithm::Es512),
        (RFC_7518_C[0], Algorithm::EcdhEs),
        (RFC_7518_C[1], Algorithm::EcdhEsA256Kw),
        (RFC_8037_A_KEY, Algorithm::EdDsa),
        (RFC_8037_A_KEY, Algorithm::Ed25519),
    ];
    for (printed, alg) in cases {
        let key = import(printed);
        key.check().unwrap();
        let jwk = key.to_jwk("k", alg).unwrap();
        assert!(PrivateKey::from_jwk(&jwk).unwrap().matches(key.public().unwrap()));

        let mut expected: serde_json::Value = serde_json::from_str(printed).unwrap();
        expected["kid"] = "k".into();
        expected["alg"] = alg.name().into();
        expected["use"] = alg.usage().name().into();
        assert_eq!(serde_json::to_value(&jwk).unwrap(), expected);
    }
}

#[test]
fn an_rsa_key_with_one_foreign_member_is_refused() {
    let jwk: ForeignPrivateJwk = serde_json::from_str(RFC_7515_A2_KEY).unwrap();
    let PrivateParams::Rsa(right) = &jwk.private else { panic!("not RSA") };
    let other = SecretBase64Url::new(&[0x55; 128]);
    for member in 0..6 {
        let mut wrong = right.clone();
        let members = [&mut wrong.d, &mut wrong.p, &mut wrong.q, &mut wrong.dp, &mut wrong.dq, &mut wrong.qi];
        *members.into_iter().nth(member).unwrap() = other.clone();
        let refused = PrivateKey::from_params(&jwk.public.params, &PrivateParams::Rsa(wrong));
        assert_eq!(refused, Err(CheckError::Disagree), "member {member}");
    }
    // Degenerate numbers must be refused as calmly.
    for octets in [&[][..], &[0], &[1], &[2], &[0xff; 2048]] {
        let mut wrong = right.clone();
        (wrong.p, wrong.q) = (SecretBase64Url::new(octets), SecretBase64Url::new(octets));
        let refused = PrivateKey::from_params(&jwk.public.params, &PrivateParams::Rsa(wrong));
        assert_eq!(refused, Err(CheckError::Disagree), "{} octets", octets.len());
    }
}

#[test]
fn halves_of_two_keys_are_refused() {
    let set: serde_json::Value = serde_json::from_str(RFC_7517_A2).unwrap();
    let one: ForeignPrivateJwk = serde_json::from_str(&set["keys"][0].to_string()).unwrap();
    let two: ForeignPrivateJwk = serde_json::from_str(RFC_7515_A3_KEY).unwrap();
    let rsa: ForeignPrivateJwk = serde_json::from_str(RFC_7515_A2_KEY).unwrap();
    let okp: ForeignPrivateJwk = serde_json::from_str(RFC_8037_A_KEY).unwrap();
    for (public, private) in [(&one, &two), (&two, &one), (&one, &rsa), (&rsa, &one), (&okp, &one), (&one, &okp)] {
        let refused = PrivateKey::from_params(&public.public.params, &private.private);
        assert_eq!(refused, Err(CheckError::Disagree));
    }
    for d in [[0; 32], [0xff; 32]] {
        let private = PrivateParams::Ec { d: SecretBase64Url::new(&d) };
        assert_eq!(PrivateKey::from_params(&one.public.params, &private), Err(CheckError::Disagree));
    }
}

#[test]
fn an_rsa_key_of_its_private_exponent_alone_gets_its_primes_back() {
    let mut printed: serde_json::Value = serde_json::from_str(RFC_7515_A2_KEY).unwrap();
    let whole = import(RFC_7515_A2_KEY).to_jwk("k", Algorithm::Rs256).unwrap();
    for member in ["p", "q", "dp", "dq", "qi"] {
        printed.as_object_mut().unwrap().remove(member);
    }
    let key = import(&printed.to_string());
    key.check().unwrap();
    let again = key.to_jwk("k", Algorithm::Rs256).unwrap();
    assert_eq!(again.to_json().unwrap(), whole.to_json().unwrap());

    let mut small = printed.clone();
    small["e"] = "Aw".into();
    let jwk: ForeignPrivateJwk = serde_json::from_value(small).unwrap();
    let refused = PrivateKey::from_params(&jwk.public.params, &jwk.private);
    assert_eq!(refused, Err(CheckError::NoPrimes));
    let jwk: ForeignPrivateJwk = serde_json::from_value(printed).unwrap();
    for octets in [&[][..], &[0], &[1], &[2], &[3], &[0x55; 32], &[0x55; 256], &[0xff; 256], &[0xff; 2048]] {
        let d = SecretBase64Url::new(octets);
        let refused = PrivateKey::from_params(&jwk.public.params, &PrivateParams::RsaExponent { d });
        assert_eq!(refused, Err(CheckError::Disagree), "{} octets", octets.len());
    }
}
