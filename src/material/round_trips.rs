//! Properties: what is written reads back, and what is damaged is refused without a panic.

use std::sync::LazyLock;

use proptest::prelude::*;

use crate::jose::{Algorithm, Curve, KeyKind, KeySpec, OkpCurve, ParameterSet, PublicParams, SecretBase64Url};

use super::pkcs8_view::Pkcs8View;
use super::seed_key::{self, SeedKind};
use super::{CheckError, GenerateError, PrivateKey, ToJwkError, ec_key};

static RSA: LazyLock<PrivateKey> = LazyLock::new(|| PrivateKey::generate(&KeySpec::Rsa { bits: 2048 }).unwrap());

/// An EC key with this scalar, big-endian, cut or padded on the left to the length that the curve needs.
fn ec(curve: Curve, scalar: &[u8]) -> Option<PrivateKey> {
    let mut d = vec![0; curve.coordinate_octets()];
    for (to, from) in d.iter_mut().rev().zip(scalar.iter().rev()) {
        *to = *from;
    }
    if curve == Curve::P521 {
        d[0] = 0;
    }
    PrivateKey::trusted(ec_key::from_scalar(curve, &d).ok()?).ok()
}

fn oct(octets: &[u8]) -> PrivateKey {
    PrivateKey::symmetric(SecretBase64Url::new(octets)).unwrap()
}

fn any_ec() -> impl Strategy<Value = PrivateKey> {
    let scalar = prop_oneof![prop::collection::vec(any::<u8>(), 66), prop::collection::vec(any::<u8>(), 1..4)];
    (prop::sample::select(Curve::ALL), scalar)
        .prop_filter_map("zero, or beyond the order of the curve", |(curve, scalar)| ec(curve, &scalar))
}

fn any_seeded() -> impl Strategy<Value = PrivateKey> {
    let kinds = OkpCurve::ALL.iter().copied().map(SeedKind::Okp);
    let kinds: Vec<_> = kinds.chain(ParameterSet::ALL.iter().copied().map(SeedKind::Akp)).collect();
    (prop::sample::select(kinds), any::<[u8; 32]>())
        .prop_map(|(kind, seed)| PrivateKey::trusted(seed_key::pkcs8_der(kind, &seed).unwrap()).unwrap())
}

/// Whether any 32 octets are such a key, so that PKCS#8 alone can't tell a damaged one.
fn is_seeded(key: &PrivateKey) -> bool {
    matches!(key.spec(), KeySpec::Okp { .. } | KeySpec::Akp { .. })
}

fn any_key() -> impl Strategy<Value = PrivateKey> {
    prop_oneof![4 => any_ec(), 3 => any_seeded(), 1 => Just(()).prop_map(|()| RSA.clone())]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_encoding_reads_back_to_the_same_octets(key in any_key(), index in any::<prop::sample::Index>()) {
        let der = key.to_pkcs8_der().unwrap();
        prop_assert_eq!(&PrivateKey::from_pkcs8_der(&der).unwrap().to_pkcs8_der().unwrap(), &der);
        let pem = key.to_pkcs8_pem().unwrap();
        prop_assert_eq!(&PrivateKey::from_pkcs8_pem(&pem).unwrap().to_pkcs8_der().unwrap(), &der);
        let stored = serde_json::to_string(&key).unwrap();
        let restored: PrivateKey = serde_json::from_str(&stored).unwrap();
        prop_assert_eq!(&restored.to_pkcs8_der().unwrap(), &der);
        prop_assert!(restored.matches(key.public().unwrap()));
        restored.check().unwrap();

        let fitting: Vec<_> =
            Algorithm::ALL.iter().copied().filter(|alg| alg.keys().contains(key.spec().key_kind())).collect();
        let jwk = key.to_jwk("kid", *index.get(&fitting)).unwrap();
        prop_assert_eq!(jwk.public().unwrap().params(), key.public().unwrap());
        let json = jwk.to_json().unwrap();
        let read = PrivateKey::from_jwk(&serde_json::from_str(&json).unwrap()).unwrap();
        prop_assert_eq!(&read.to_pkcs8_der().unwrap(), &der);
    }

    #[test]
    fn a_symmetric_key_reads_back_to_the_same_octets_and_has_nothing_public(
        octets in prop::collection::vec(any::<u8>(), 16..=64), index in any::<prop::sample::Index>(),
    ) {
        let key = oct(&octets);
        prop_assert!(key.public().is_none() && key.to_pkcs8_der().is_none() && key.to_pkcs8_pem().is_err());
        let restored: PrivateKey = serde_json::from_str(&serde_json::to_string(&key).unwrap()).unwrap();
        restored.check().unwrap();
        prop_assert_eq!(&restored, &key);
        let fitting: Vec<_> = Algorithm::ALL.iter().copied().filter(|alg| alg.takes(key.spec())).collect();
        for other in Algorithm::ALL.iter().filter(|alg| !fitting.contains(alg)) {
            prop_assert!(key.to_jwk("kid", *other).is_err(), "{}", other);
        }
        if !fitting.is_empty() {
            let json = key.to_jwk("kid", *index.get(&fitting)).unwrap().to_json().unwrap();
            prop_assert_eq!(&PrivateKey::from_jwk(&serde_json::from_str(&json).unwrap()).unwrap(), &key);
        }
        let mut other = octets;
        other[0] ^= 1;
        prop_assert_ne!(oct(&other), key);
    }

    #[test]
    fn a_changed_octet_is_refused_or_changes_nothing(
        key in any_key(), at in any::<prop::sample::Index>(), bits in 1_u8..,
    ) {
        let mut der = key.to_pkcs8_der().unwrap();
        let at = at.index(der.len());
        der[at] ^= bits;
        if let Ok(read) = PrivateKey::from_pkcs8_der(&der) {
            let another = is_seeded(&key) && read.to_pkcs8_der().as_deref() == Some(&der);
            prop_assert!(another || read.to_pkcs8_der() == key.to_pkcs8_der());
        }
        if let Ok(trusted) = PrivateKey::trusted(der) {
            prop_assert!(trusted.check().is_err() || trusted == key || is_seeded(&key));
            let _ = trusted.to_jwk("kid", Algorithm::Rs256);
        }
    }

    #[test]
    fn a_cut_key_is_refused(key in any_key(), at in any::<prop::sample::Index>()) {
        let der = key.to_pkcs8_der().unwrap();
        let refused = PrivateKey::from_pkcs8_der(&der[..at.index(der.len())]);
        prop_assert_eq!(refused, Err(CheckError::NotPkcs8));
    }

    #[test]
    fn no_octets_make_the_readers_panic(octets in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = PrivateKey::from_pkcs8_der(&octets);
        let text = String::from_utf8_lossy(&octets);
        let _ = PrivateKey::from_pkcs8_pem(&text);
        let _ = PrivateKey::from_pkcs8_pem(&format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n"));
    }
}

#[test]
fn coordinates_with_leading_zeros_keep_their_length() {
    for curve in Curve::ALL.iter().copied() {
        for member in ["x", "y"] {
            let (key, octets) = (1_u32..)
                .filter_map(|scalar| ec(curve, &scalar.to_be_bytes()))
                .find_map(|key| {
                    let PublicParams::Ec(public) = key.public().unwrap() else { panic!("not EC") };
                    let octets = if member == "x" { public.x() } else { public.y() }.octets().to_vec();
                    octets.starts_with(&[0]).then_some((key, octets))
                })
                .unwrap();
            assert_eq!(octets.len(), curve.coordinate_octets());
            let characters = (octets.len() * 4).div_ceil(3);
            let alg = Algorithm::ALL.iter().copied().find(|alg| alg.keys().contains(KeyKind::Ec(curve))).unwrap();
            let jwk = key.to_jwk("kid", alg).unwrap();
            let json = serde_json::to_value(&jwk).unwrap();
            // The scalar is small, so d is nearly all zeros.
            for name in [member, "d"] {
                let text = json[name].as_str().unwrap();
                assert_eq!(text.len(), characters, "{curve} {name}");
                assert!(text.starts_with('A'), "{curve} {name}");
            }
            assert_eq!(PrivateKey::from_jwk(&jwk).unwrap().to_pkcs8_der().unwrap(), key.to_pkcs8_der().unwrap());
        }
    }
}

#[test]
fn every_kind_of_key_is_generated_and_passes_the_full_check() {
    let specs = Curve::ALL.iter().map(|curve| KeySpec::Ec { curve: *curve });
    let specs = specs.chain(OkpCurve::ALL.iter().map(|curve| KeySpec::Okp { curve: *curve }));
    let specs = specs.chain(ParameterSet::ALL.iter().map(|set| KeySpec::Akp { set: *set }));
    let rsa = [2048, 3072].map(|bits| KeySpec::Rsa { bits });
    let oct = [128, 192, 256, 384, 512].map(|bits| KeySpec::Oct { bits });
    for spec in specs.chain(rsa).chain(oct) {
        let key = PrivateKey::generate(&spec).unwrap();
        assert_eq!(key.spec(), spec);
        key.check().unwrap();
        if let Some(der) = key.to_pkcs8_der() {
            assert_eq!(PrivateKey::from_pkcs8_der(&der).unwrap().to_pkcs8_der(), Some(der));
        }
        assert_ne!(PrivateKey::generate(&spec).unwrap(), key);
    }
}

#[test]
fn a_key_without_its_public_half_or_with_a_compressed_one_gets_the_canonical_encoding() {
    use pkcs8::der::Encode;
    use pkcs8::der::asn1::OctetStringRef;
    let key = ec(Curve::P256, &[5]).unwrap();
    let der = key.to_pkcs8_der().unwrap();
    let PublicParams::Ec(public) = key.public().unwrap() else { panic!("not EC") };
    let parity = 2 + (public.y().octets()[31] & 1);
    let compressed = [&[parity], public.x().octets()].concat();
    for public_key in [None, Some(&compressed[..])] {
        let Pkcs8View::Ec { key: mut inner, .. } = Pkcs8View::read(&der).unwrap() else { panic!("not EC") };
        inner.public_key = public_key;
        let inner = inner.to_der().unwrap();
        let mut info = pkcs8::PrivateKeyInfoRef::try_from(&der[..]).unwrap();
        info.private_key = OctetStringRef::new(&inner).unwrap();
        let foreign = info.to_der().unwrap();
        assert_eq!(PrivateKey::from_pkcs8_der(&foreign).unwrap().to_pkcs8_der().unwrap(), der);
        assert_eq!(PrivateKey::trusted(zeroize::Zeroizing::new(foreign)), Err(CheckError::NotPkcs8));
    }
}

#[test]
fn only_sizes_on_offer_are_generated() {
    for bits in [0, 1024, 2047, 2049, u16::MAX] {
        assert_eq!(PrivateKey::generate(&KeySpec::Rsa { bits }), Err(GenerateError::Size { bits }));
    }
    for bits in [0, 8, 120] {
        let spec = KeySpec::Oct { bits };
        assert_eq!(PrivateKey::generate(&spec), Err(GenerateError::Unreadable { spec }));
    }
}

#[test]
fn debug_shows_what_it_is_and_no_secret() {
    assert_eq!(format!("{:?}", *RSA), "PrivateKey(RSA 2048)");
    let ec = ec(Curve::P521, &[7]).unwrap();
    assert_eq!(format!("{ec:#?}"), "PrivateKey(P-521)");
    assert_eq!(format!("{:?}", oct(&[7; 24])), "PrivateKey(192-bit symmetric)");
}

#[test]
fn a_jwk_needs_an_algorithm_for_that_key() {
    let refused = RSA.to_jwk("kid", Algorithm::Es256).unwrap_err();
    assert!(matches!(refused, ToJwkError::Jwk(_)));
    assert!(refused.to_string().starts_with("ES256 takes a key of kind P-256, but this one is RSA 2048"), "{refused}");
}

#[test]
fn the_private_members_are_those_of_the_public_key() {
    let one = ec(Curve::P256, &[1]).unwrap();
    let two = ec(Curve::P256, &[2]).unwrap();
    assert!(
        one.matches(one.public().unwrap())
            && !one.matches(two.public().unwrap())
            && !one.matches(RSA.public().unwrap())
    );
    let one = Pkcs8View::read(&one.to_pkcs8_der().unwrap()).unwrap().private_params().unwrap();
    assert_eq!(PrivateKey::from_params(two.public().unwrap(), &one), Err(CheckError::Disagree));
    let short = crate::jose::PrivateParams::Ec { d: SecretBase64Url::new(&[1]) };
    let error = PrivateKey::from_params(two.public().unwrap(), &short).unwrap_err();
    assert!(error.to_string().starts_with("d has 1 octets"), "{error}");
}
