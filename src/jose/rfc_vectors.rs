//! Keys and signatures that the RFCs print, and what these say about them.

use super::{Algorithm, ForeignJwks, ForeignPrivateJwk, PublicJwk, PublicParams, Thumbprint, Use};

/// The public set of RFC 7517 appendix A.1. Its RSA key is also that of RFC 7638 section 3.1.
pub(crate) const RFC_7517_A1: &str = include_str!("fixtures/rfc7517-a1.json");
/// The same set with its private members, appendix A.2.
pub(crate) const RFC_7517_A2: &str = include_str!("fixtures/rfc7517-a2.json");
/// The RSA key of RFC 7515 appendix A.2.
pub(crate) const RFC_7515_A2_KEY: &str = include_str!("fixtures/rfc7515-a2.json");
/// The RS256 signature made with it.
pub(crate) const RFC_7515_A2_JWS: &str = include_str!("fixtures/rfc7515-a2.jws");
/// The P-256 key of RFC 7515 appendix A.3.
pub(crate) const RFC_7515_A3_KEY: &str = include_str!("fixtures/rfc7515-a3.json");
/// The ES256 signature made with it.
pub(crate) const RFC_7515_A3_JWS: &str = include_str!("fixtures/rfc7515-a3.jws");
/// The P-521 key of RFC 7515 appendix A.4, whose y coordinate begins with a zero octet.
pub(crate) const RFC_7515_A4_KEY: &str = include_str!("fixtures/rfc7515-a4.json");
/// The ES512 signature made with it.
pub(crate) const RFC_7515_A4_JWS: &str = include_str!("fixtures/rfc7515-a4.jws");
/// The key of RFC 7515 appendix A.1, which is also the second one of RFC 7517 appendix A.3.
pub(crate) const RFC_7515_A1_KEY: &str = include_str!("fixtures/rfc7515-a1.json");
/// The HS256 signature made with it.
pub(crate) const RFC_7515_A1_JWS: &str = include_str!("fixtures/rfc7515-a1.jws");
/// The first key of RFC 7517 appendix A.3.
pub(crate) const RFC_7517_A3_A128KW: &str = include_str!("fixtures/rfc7517-a3-a128kw.json");
/// The keys of RFC 7518 appendix C, between which a key is agreed. (RFC 8812 and RFC 9864 print no keys.)
pub(crate) const RFC_7518_C: [&str; 2] =
    [include_str!("fixtures/rfc7518-c-alice.json"), include_str!("fixtures/rfc7518-c-bob.json")];
/// The Ed25519 key of RFC 8037 appendix A.1.
pub(crate) const RFC_8037_A_KEY: &str = include_str!("fixtures/rfc8037-a.json");
/// The signature made with it, appendix A.4, under the label `EdDSA`.
pub(crate) const RFC_8037_A4_JWS: &str = include_str!("fixtures/rfc8037-a4.jws");
/// The `kid` of the ML-DSA keys of RFC 9964 appendix A.1, which is their thumbprint. All their seeds are zero.
pub(crate) const RFC_9964_A1_KIDS: [(Algorithm, &str); 3] = [
    (Algorithm::MlDsa44, "T4xl70S7MT6Zeq6r9V9fPJGVn76wfnXJ21-gyo0Gu6o"),
    (Algorithm::MlDsa65, "Suiu29qbfuaBaR4Ats-c6XQBePB_OpAxAwcTR_0KXVM"),
    (Algorithm::MlDsa87, "tRn1JNIkgMsABVQBlXeDHxAIcclh-2IX0UdDEzPt5XU"),
];

#[test]
fn rfc_8037_appendix_a_3_thumbprint() {
    let key: PublicParams = serde_json::from_str(RFC_8037_A_KEY).unwrap();
    assert_eq!(key.thumbprint().to_string(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
}

#[test]
fn rfc_7638_section_3_1_thumbprint() {
    let set: ForeignJwks = serde_json::from_str(RFC_7517_A1).unwrap();
    let expected: Thumbprint = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs".parse().unwrap();
    assert_eq!(set.keys[1].thumbprint(), expected);
    let private: ForeignJwks = serde_json::from_str(RFC_7517_A2).unwrap();
    assert_eq!(private.keys[1].thumbprint(), expected);
}

#[test]
fn rfc_7517_appendix_a_1_public_keys() {
    let set: ForeignJwks = serde_json::from_str(RFC_7517_A1).unwrap();
    assert!(set.skipped.is_empty());
    let [ec, rsa] = &set.keys[..] else { panic!("not two keys") };
    assert_eq!((ec.kid.as_deref(), ec.alg.as_deref(), ec.usage), (Some("1"), None, Some(Use::Enc)));
    assert_eq!((rsa.kid.as_deref(), rsa.alg.as_deref(), rsa.usage), (Some("2011-04-29"), Some("RS256"), None));
    assert_eq!(ec.params.spec().to_string(), "P-256");
    assert_eq!(rsa.params.spec().to_string(), "RSA 2048");

    // The second one has all that ours must have.
    let rsa: PublicJwk = serde_json::from_str(&serde_json::to_string(rsa).unwrap()).unwrap();
    assert_eq!((rsa.kid(), rsa.alg(), rsa.usage()), ("2011-04-29", Algorithm::Rs256, Use::Sig));
}

#[test]
fn rfc_7517_appendix_a_2_private_keys() {
    #[derive(serde::Deserialize)]
    struct Set {
        keys: Vec<ForeignPrivateJwk>,
    }
    let private: Set = serde_json::from_str(RFC_7517_A2).unwrap();
    let public: ForeignJwks = serde_json::from_str(RFC_7517_A1).unwrap();
    for (private, public) in private.keys.iter().zip(&public.keys) {
        assert_eq!(private.public.params, public.params);
        assert_eq!(private.public.kid, public.kid);
        assert!(!format!("{private:?}").contains("870MB6gf"));
    }
}

#[test]
fn rfc_7515_appendix_a_4_keeps_its_leading_zero() {
    let params: PublicParams = serde_json::from_str(RFC_7515_A4_KEY).unwrap();
    let PublicParams::Ec(ec) = &params else { panic!("not EC") };
    assert_eq!((ec.y().octets().len(), ec.y().octets()[0]), (66, 0));
    assert!(serde_json::to_string(&params).unwrap().contains(r#""y":"ADSm"#));
}
