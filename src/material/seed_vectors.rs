//! X25519 and ML-DSA keys that the RFCs print, and what a second library makes of such keys.

use aws_lc_rs::encoding::AsRawBytes;
use aws_lc_rs::signature::{ML_DSA_44_SIGNING, PqdsaKeyPair};
use ml_dsa::{MlDsa44, MlDsa65, MlDsa87, MlDsaParams, SigningKey};
use pkcs8::der::asn1::{BitStringRef, OctetString, OctetStringRef};
use pkcs8::der::{Encode, asn1::ContextSpecificRef};
use pkcs8::{DecodePrivateKey, EncodePrivateKey, EncodePublicKey, PrivateKeyInfoRef};

use crate::jose::rfc_vectors::RFC_9964_A1_KIDS;
use crate::jose::{Algorithm, ForeignPrivateJwk, KeyKind, KeySpec, OkpCurve, ParameterSet, PublicParams};

use super::seed_key::{self, SeedKind};
use super::{CheckError, PrivateKey, spki_der};

/// The ephemeral key of RFC 8037 appendix A.6, which is Alice's of RFC 7748 section 6.1.
const RFC_8037_A6: &str = r#"{"kty":"OKP","crv":"X25519","x":"hSDwCYkwp1R0i33ctD73Wg2_Og0mOBr066SpjqqbTmo",
    "d":"dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo"}"#;

/// The ML-DSA-44 key of RFC 9881 appendix C, written by its seed 00 01 … 1f.
const RFC_9881_SEED: &str = "-----BEGIN PRIVATE KEY-----\n\
    MDQCAQAwCwYJYIZIAWUDBAMRBCKAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZ\n\
    GhscHR4f\n\
    -----END PRIVATE KEY-----\n";

fn counting() -> [u8; 32] {
    std::array::from_fn(|index| u8::try_from(index).unwrap())
}

fn seeded(kind: SeedKind, seed: &[u8]) -> PrivateKey {
    PrivateKey::from_pkcs8_der(&seed_key::pkcs8_der(kind, seed).unwrap()).unwrap()
}

#[test]
fn rfc_8037_a_6_the_public_half_follows_from_the_private_one() {
    let jwk: ForeignPrivateJwk = serde_json::from_str(RFC_8037_A6).unwrap();
    let key = PrivateKey::from_params(&jwk.public.params, &jwk.private).unwrap();
    assert_eq!(key.spec(), KeySpec::Okp { curve: OkpCurve::X25519 });
    let json = key.to_jwk("k", Algorithm::EcdhEs).unwrap().to_json().unwrap();
    assert!(json.contains(r#""d":"dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo""#));
}

#[test]
fn rfc_9964_a_1_thumbprints_of_the_keys_whose_seed_is_zero() {
    for (algorithm, kid) in RFC_9964_A1_KIDS {
        let KeyKind::Akp(set) = algorithm.keys().default else { panic!("{algorithm} is not AKP") };
        let key = seeded(SeedKind::Akp(set), &[0; 32]);
        assert_eq!(key.public().unwrap().thumbprint().to_string(), kid, "{algorithm}");
        let jwk = serde_json::to_value(key.to_jwk(kid, algorithm).unwrap()).unwrap();
        assert_eq!((jwk["kty"].as_str(), jwk["alg"].as_str()), (Some("AKP"), Some(algorithm.name())));
        assert_eq!(jwk["priv"], "A".repeat(43));
    }
}

#[test]
fn rfc_9881_the_seed_is_written_as_printed() {
    let key = PrivateKey::from_pkcs8_pem(RFC_9881_SEED).unwrap();
    assert_eq!(key, seeded(SeedKind::Akp(ParameterSet::MlDsa44), &counting()));
    assert_eq!(*key.to_pkcs8_pem().unwrap(), RFC_9881_SEED);
}

fn second_library_agrees<P: MlDsaParams>(set: ParameterSet)
where
    SigningKey<P>: DecodePrivateKey + EncodePrivateKey,
    ml_dsa::VerifyingKey<P>: EncodePublicKey,
{
    use ml_dsa::signature::Keypair;
    let key = PrivateKey::generate(&KeySpec::Akp { set }).unwrap();
    let theirs = SigningKey::<P>::from_pkcs8_der(&key.to_pkcs8_der().unwrap()).unwrap();
    assert_eq!(
        theirs.verifying_key().to_public_key_der().unwrap().as_bytes(),
        spki_der(key.public().unwrap()).unwrap()
    );
    assert_eq!(theirs.to_pkcs8_der().unwrap().as_bytes(), &key.to_pkcs8_der().unwrap()[..]);
}

#[test]
fn a_second_library_reads_the_same_ml_dsa_keys() {
    second_library_agrees::<MlDsa44>(ParameterSet::MlDsa44);
    second_library_agrees::<MlDsa65>(ParameterSet::MlDsa65);
    second_library_agrees::<MlDsa87>(ParameterSet::MlDsa87);
}

/// PKCS#8 of that kind around another inner value.
fn around(kind: SeedKind, inner: &[u8]) -> Vec<u8> {
    let der = seed_key::pkcs8_der(kind, &[0; 32]).unwrap();
    let mut info = PrivateKeyInfoRef::try_from(&der[..]).unwrap();
    info.private_key = OctetStringRef::new(inner).unwrap();
    info.to_der().unwrap()
}

#[test]
fn rfc_9881_a_seed_beside_its_expanded_key_is_read_and_an_expanded_key_alone_is_not() {
    let kind = SeedKind::Akp(ParameterSet::MlDsa44);
    let octets = |octets: &[u8]| OctetString::new(octets).unwrap();
    let expanded = |seed: &[u8]| {
        let pair = PqdsaKeyPair::from_seed(&ML_DSA_44_SIGNING, seed).unwrap();
        octets(pair.private_key().as_raw_bytes().unwrap().as_ref())
    };
    let both = |seed: &[u8], expanded| around(kind, &vec![octets(seed), expanded].to_der().unwrap());

    let key = PrivateKey::from_pkcs8_der(&both(&counting(), expanded(&counting()))).unwrap();
    assert_eq!(*key.to_pkcs8_pem().unwrap(), RFC_9881_SEED);
    let refused = PrivateKey::from_pkcs8_der(&both(&[1; 32], expanded(&counting())));
    assert_eq!(refused, Err(CheckError::Disagree));
    let alone = around(kind, &expanded(&counting()).to_der().unwrap());
    assert_eq!(PrivateKey::from_pkcs8_der(&alone), Err(CheckError::NoSeed));
    assert_eq!(PrivateKey::trusted(zeroize::Zeroizing::new(alone)), Err(CheckError::NotPkcs8));
}

#[test]
fn a_public_half_inside_pkcs8_must_belong_to_the_seed() {
    for kind in
        [SeedKind::Okp(OkpCurve::Ed25519), SeedKind::Okp(OkpCurve::X25519), SeedKind::Akp(ParameterSet::MlDsa65)]
    {
        let (one, two) = (seeded(kind, &[1; 32]), seeded(kind, &[2; 32]));
        let der = one.to_pkcs8_der().unwrap();
        let with = |public: &PrivateKey| {
            let octets = match public.public().unwrap() {
                PublicParams::Okp(okp) => okp.x().octets(),
                PublicParams::Akp(akp) => akp.key().octets(),
                other => panic!("{other:?}"),
            };
            let mut info = PrivateKeyInfoRef::try_from(&der[..]).unwrap();
            info.public_key = Some(BitStringRef::from_bytes(octets).unwrap());
            info.to_der().unwrap()
        };
        assert_eq!(PrivateKey::from_pkcs8_der(&with(&one)).unwrap().to_pkcs8_der().unwrap(), der);
        assert_eq!(PrivateKey::from_pkcs8_der(&with(&two)), Err(CheckError::Disagree));
    }
}

#[test]
fn seeds_of_another_length_are_refused() {
    for length in [0, 31, 33, 57] {
        let seed = vec![1; length];
        let octets = OctetStringRef::new(&seed).unwrap();
        let okp = around(SeedKind::Okp(OkpCurve::Ed25519), &octets.to_der().unwrap());
        assert_eq!(PrivateKey::from_pkcs8_der(&okp), Err(CheckError::NotPkcs8), "{length}");
        let tagged = ContextSpecificRef {
            tag_number: pkcs8::der::TagNumber(0),
            tag_mode: pkcs8::der::TagMode::Implicit,
            value: &octets,
        };
        let akp = around(SeedKind::Akp(ParameterSet::MlDsa44), &tagged.to_der().unwrap());
        assert_eq!(PrivateKey::from_pkcs8_der(&akp), Err(CheckError::NotPkcs8), "{length}");
    }
}

#[test]
fn the_larger_curves_are_refused_with_the_reason() {
    // What `openssl genpkey -algorithm ED448` and `X448` begin with, around a key of zeros.
    for (arc, length) in [(111, 56_u8), (113, 57)] {
        let inner = [&[4, length][..], &vec![0; usize::from(length)]].concat();
        let oid = format!("1.3.101.{arc}").parse().unwrap();
        let algorithm = pkcs8::spki::AlgorithmIdentifierRef { oid, parameters: None };
        let der = PrivateKeyInfoRef::new(algorithm, OctetStringRef::new(&inner).unwrap()).to_der().unwrap();
        let refused = PrivateKey::from_pkcs8_der(&der).unwrap_err();
        assert_eq!(refused, CheckError::No448);
        assert!(refused.to_string().contains("no released, well-kept library"), "{refused}");
    }
}
