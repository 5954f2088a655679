//! Exactly what to generate.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{Algorithm, ContentEncryption, Curve, KeyKind, NO_448, OkpCurve, ParameterSet};

/// The size, curve or parameter set of a key, without an algorithm: RS256 and PS512 may have the same.
///
/// [`KeySpec::new`] makes those that Keyturn generates. Imported RSA keys may have any size from
/// [`MIN_RSA_BITS`](Self::MIN_RSA_BITS) to [`MAX_RSA_BITS`](Self::MAX_RSA_BITS), and their spec says so.
///
/// Serialised with the JWK member names: `{"kty":"RSA","bits":4096}`, `{"kty":"EC","crv":"P-256"}`,
/// `{"kty":"OKP","crv":"X25519"}`, `{"kty":"AKP","alg":"ML-DSA-44"}`, `{"kty":"oct","bits":256}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub enum KeySpec {
    /// An RSA key.
    Rsa {
        /// The length of the modulus in bits.
        bits: u16,
    },
    /// An elliptic curve key.
    Ec {
        /// The curve it is on.
        curve: Curve,
    },
    /// An octet key pair.
    Okp {
        /// The curve it is on.
        curve: OkpCurve,
    },
    /// An ML-DSA key.
    Akp {
        /// Its parameter set.
        set: ParameterSet,
    },
    /// A symmetric key.
    Oct {
        /// Its length in bits, a multiple of 8.
        bits: u16,
    },
}

/// What a user may say of a key beside its algorithm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyChoice<'a> {
    /// The RSA modulus in bits.
    pub rsa_bits: Option<u16>,
    /// The name of the curve.
    pub curve: Option<&'a str>,
    /// What a `dir` key encrypts with.
    pub content_encryption: Option<ContentEncryption>,
}

impl KeySpec {
    /// The smallest RSA modulus, in bits, that RFC 7518 permits (sections 3.3, 3.5 and 4.3).
    pub const MIN_RSA_BITS: u16 = 2048;
    /// The largest RSA modulus, in bits, that is read: larger ones are slow, and many verifiers refuse them.
    pub const MAX_RSA_BITS: u16 = 8192;
    /// The RSA modulus, in bits, of a key for which none was asked.
    pub const DEFAULT_RSA_BITS: u16 = 4096;
    /// The RSA moduli, in bits, that are generated.
    pub const GENERATED_RSA_BITS: &'static [u16] = &[2048, 3072, 4096, 8192];

    /// The fewest bits of a symmetric key: those of A128KW and A128GCM. Each algorithm has its own size, see
    /// [`Algorithm::takes`].
    pub const MIN_OCT_BITS: u16 = 128;
    /// The most bits of a symmetric key that is read. HMAC gains nothing beyond 1024.
    pub const MAX_OCT_BITS: u16 = 8192;

    /// What to generate for `algorithm`, with what the user chose beside it.
    ///
    /// # Errors
    /// If the RSA modulus is not a size that is generated, or is given for an algorithm that takes no RSA key; if the
    /// algorithm takes no key on the curve, or does not depend on a content encryption.
    pub fn new(algorithm: Algorithm, choice: KeyChoice<'_>) -> Result<Self, KeySpecError> {
        let KeyChoice { rsa_bits, curve, content_encryption } = choice;
        if content_encryption.is_some() && algorithm != Algorithm::Dir {
            return Err(KeySpecError::NotDirect { algorithm });
        }
        let kind = match (curve, content_encryption) {
            (None, None) => algorithm.keys().default,
            (None, Some(content)) => KeyKind::Oct(content.key_bits()),
            (Some(name), _) => algorithm
                .keys()
                .iter()
                .find(|kind| kind.curve() == Some(name))
                .ok_or_else(|| KeySpecError::curve(algorithm, name))?,
        };
        match (kind, rsa_bits) {
            (KeyKind::Rsa, None) => Ok(Self::Rsa { bits: Self::DEFAULT_RSA_BITS }),
            (KeyKind::Rsa, Some(bits)) if bits < Self::MIN_RSA_BITS => {
                Err(KeySpecError::TooSmall { bits, source_section: algorithm.row().source })
            }
            (KeyKind::Rsa, Some(bits)) if Self::GENERATED_RSA_BITS.contains(&bits) => Ok(Self::Rsa { bits }),
            (KeyKind::Rsa, Some(bits)) => Err(KeySpecError::NotGenerated { bits }),
            (_, Some(_)) => Err(KeySpecError::NotRsa { algorithm }),
            (KeyKind::Ec(curve), None) => Ok(Self::Ec { curve }),
            (KeyKind::Okp(curve), None) => Ok(Self::Okp { curve }),
            (KeyKind::Akp(set), None) => Ok(Self::Akp { set }),
            (KeyKind::Oct(bits), None) => Ok(Self::Oct { bits }),
        }
    }

    /// What a symmetric key of these octets is; `None` if it has less than [`MIN_OCT_BITS`](Self::MIN_OCT_BITS) or more
    /// than [`MAX_OCT_BITS`](Self::MAX_OCT_BITS).
    #[must_use]
    pub fn of_octets(key: &[u8]) -> Option<Self> {
        let bits = u16::try_from(key.len()).ok()?.checked_mul(8)?;
        (Self::MIN_OCT_BITS..=Self::MAX_OCT_BITS).contains(&bits).then_some(Self::Oct { bits })
    }

    /// The kind of key that this is.
    #[must_use]
    pub const fn key_kind(self) -> KeyKind {
        match self {
            Self::Rsa { .. } => KeyKind::Rsa,
            Self::Ec { curve } => KeyKind::Ec(curve),
            Self::Okp { curve } => KeyKind::Okp(curve),
            Self::Akp { set } => KeyKind::Akp(set),
            Self::Oct { bits } => KeyKind::Oct(bits),
        }
    }
}

impl fmt::Display for KeySpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rsa { bits } => write!(f, "RSA {bits}"),
            Self::Ec { .. } | Self::Okp { .. } | Self::Akp { .. } | Self::Oct { .. } => self.key_kind().fmt(f),
        }
    }
}

/// Why nothing can be generated for an algorithm and what was chosen beside it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum KeySpecError {
    /// A modulus that RFC 7518 forbids.
    #[error("rsaBits {bits} is too small, {source_section} requires 2048 or more: write 2048, 3072, 4096 or 8192")]
    TooSmall {
        /// The size asked for.
        bits: u16,
        /// The section that defines the algorithm and the limit.
        source_section: &'static str,
    },
    /// A modulus that is permitted, but not generated.
    #[error("rsaBits {bits} is not offered: write 2048, 3072, 4096 or 8192")]
    NotGenerated {
        /// The size asked for.
        bits: u16,
    },
    /// A modulus for a key that has none.
    #[error("{algorithm} takes a {} key, which has no rsaBits: remove rsaBits", algorithm.keys())]
    NotRsa {
        /// The algorithm asked for.
        algorithm: Algorithm,
    },
    /// A curve for a key that has none.
    #[error("{algorithm} takes {} keys, which have no curve: remove curve", algorithm.keys())]
    NoCurve {
        /// The algorithm asked for.
        algorithm: Algorithm,
    },
    /// A curve that the algorithm does not have.
    #[error("{algorithm} keys are on {}, not on {given}: {}", algorithm.keys(), way_out(given, *algorithm))]
    WrongCurve {
        /// The algorithm asked for.
        algorithm: Algorithm,
        /// The beginning of what was given.
        given: String,
    },
    /// A content encryption for a key that encrypts no content.
    #[error("{algorithm} keys do not depend on contentEncryption, only those for dir do: remove contentEncryption")]
    NotDirect {
        /// The algorithm asked for.
        algorithm: Algorithm,
    },
}

impl KeySpecError {
    fn curve(algorithm: Algorithm, given: &str) -> Self {
        if algorithm.keys().default.curve().is_none() {
            return Self::NoCurve { algorithm };
        }
        Self::WrongCurve { algorithm, given: super::excerpt(given) }
    }
}

fn way_out(given: &str, algorithm: Algorithm) -> String {
    let reason = if given.contains("448") { format!("{NO_448}; ") } else { String::new() };
    let choice = algorithm.keys().iter().nth(1).is_some();
    format!("{reason}{}", if choice { "write one of these, or remove curve" } else { "remove curve" })
}

/// How a spec is written down.
#[derive(Serialize, Deserialize)]
#[serde(tag = "kty")]
enum Written {
    #[serde(rename = "RSA")]
    Rsa { bits: u16 },
    #[serde(rename = "EC")]
    Ec { crv: Curve },
    #[serde(rename = "OKP")]
    Okp { crv: OkpCurve },
    #[serde(rename = "AKP")]
    Akp { alg: ParameterSet },
    #[serde(rename = "oct")]
    Oct { bits: u16 },
}

impl TryFrom<Written> for KeySpec {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        match written {
            Written::Rsa { bits } if (Self::MIN_RSA_BITS..=Self::MAX_RSA_BITS).contains(&bits) => {
                Ok(Self::Rsa { bits })
            }
            Written::Rsa { bits } => Err(format!("RSA keys have 2048 to 8192 bits, not {bits}")),
            Written::Ec { crv } => Ok(Self::Ec { curve: crv }),
            Written::Okp { crv } => Ok(Self::Okp { curve: crv }),
            Written::Akp { alg } => Ok(Self::Akp { set: alg }),
            Written::Oct { bits }
                if (Self::MIN_OCT_BITS..=Self::MAX_OCT_BITS).contains(&bits) && bits.is_multiple_of(8) =>
            {
                Ok(Self::Oct { bits })
            }
            Written::Oct { bits } => Err(format!("symmetric keys have 16 to 1024 whole octets, not {bits} bits")),
        }
    }
}

impl From<KeySpec> for Written {
    fn from(spec: KeySpec) -> Self {
        match spec {
            KeySpec::Rsa { bits } => Self::Rsa { bits },
            KeySpec::Ec { curve } => Self::Ec { crv: curve },
            KeySpec::Okp { curve } => Self::Okp { crv: curve },
            KeySpec::Akp { set } => Self::Akp { alg: set },
            KeySpec::Oct { bits } => Self::Oct { bits },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(algorithm: Algorithm, rsa_bits: Option<u16>, curve: Option<&str>) -> Result<KeySpec, KeySpecError> {
        KeySpec::new(algorithm, KeyChoice { rsa_bits, curve, content_encryption: None })
    }

    #[test]
    fn rsa_defaults_to_4096_bits_for_signing_and_encryption() {
        for algorithm in [Algorithm::Rs256, Algorithm::Ps512, Algorithm::RsaOaep256] {
            assert_eq!(with(algorithm, None, None), Ok(KeySpec::Rsa { bits: 4096 }));
        }
    }

    #[test]
    fn every_generated_size_is_accepted() {
        for bits in KeySpec::GENERATED_RSA_BITS.iter().copied() {
            assert_eq!(with(Algorithm::Rs256, Some(bits), None), Ok(KeySpec::Rsa { bits }));
        }
    }

    #[test]
    fn a_curve_follows_from_the_algorithm_or_is_chosen() {
        let ec = |curve| Ok(KeySpec::Ec { curve });
        let cases = [
            (Algorithm::Es384, None, ec(Curve::P384)),
            (Algorithm::Es256K, Some("secp256k1"), ec(Curve::Secp256k1)),
            (Algorithm::EcdhEs, None, ec(Curve::P256)),
            (Algorithm::EcdhEsA256Kw, Some("P-521"), ec(Curve::P521)),
            (Algorithm::EcdhEs, Some("X25519"), Ok(KeySpec::Okp { curve: OkpCurve::X25519 })),
            (Algorithm::EdDsa, None, Ok(KeySpec::Okp { curve: OkpCurve::Ed25519 })),
            (Algorithm::Ed25519, Some("Ed25519"), Ok(KeySpec::Okp { curve: OkpCurve::Ed25519 })),
            (Algorithm::MlDsa87, None, Ok(KeySpec::Akp { set: ParameterSet::MlDsa87 })),
        ];
        for (algorithm, curve, expected) in cases {
            assert_eq!(with(algorithm, None, curve), expected, "{algorithm} {curve:?}");
        }
    }

    #[test]
    fn every_kind_in_the_table_can_be_asked_for() {
        for algorithm in Algorithm::ALL.iter().copied() {
            for kind in algorithm.keys().iter() {
                let mut contents = ContentEncryption::ALL.iter().copied().filter(|_| algorithm == Algorithm::Dir);
                let content_encryption = contents.find(|one| KeyKind::Oct(one.key_bits()) == kind);
                let choice = KeyChoice { rsa_bits: None, curve: kind.curve(), content_encryption };
                assert_eq!(KeySpec::new(algorithm, choice).unwrap().key_kind(), kind);
            }
        }
    }

    #[test]
    fn a_dir_key_is_as_long_as_its_content_encryption_needs_and_no_other_has_one() {
        let with = |algorithm, content| {
            KeySpec::new(algorithm, KeyChoice { content_encryption: Some(content), ..KeyChoice::default() })
        };
        for (content, bits) in ContentEncryption::ALL.iter().copied().zip([128, 192, 256, 256, 384, 512]) {
            assert_eq!(with(Algorithm::Dir, content), Ok(KeySpec::Oct { bits }), "{content}");
            assert!(Algorithm::Dir.takes(KeySpec::Oct { bits }));
        }
        for other in Algorithm::ALL.iter().copied().filter(|one| *one != Algorithm::Dir) {
            let error = with(other, ContentEncryption::A128Gcm).unwrap_err().to_string();
            assert!(error.starts_with(&format!("{other} keys do not depend on contentEncryption")), "{error}");
        }
    }

    #[test]
    fn a_curve_that_the_algorithm_lacks_is_refused_with_those_it_has() {
        let cases = [
            (Algorithm::Es256, "P-384", "ES256 keys are on P-256, not on P-384: remove curve"),
            (Algorithm::Rs256, "P-256", "RS256 takes RSA keys, which have no curve: remove curve"),
            (Algorithm::MlDsa44, "P-256", "ML-DSA-44 takes ML-DSA-44 keys, which have no curve"),
            (Algorithm::Hs384, "P-384", "HS384 takes 384-bit symmetric keys, which have no curve: remove curve"),
            (
                Algorithm::EcdhEs,
                "secp256k1",
                "ECDH-ES keys are on P-256, P-384, P-521 or X25519, not on secp256k1: write one of these, or remove curve",
            ),
            (
                Algorithm::EdDsa,
                "Ed448",
                "EdDSA keys are on Ed25519, not on Ed448: no released, well-kept library for Rust has Ed448 or X448; remove",
            ),
        ];
        for (algorithm, curve, expected) in cases {
            let error = with(algorithm, None, Some(curve)).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }

    #[test]
    fn refusals_say_why_and_what_to_write() {
        let cases = [
            (Algorithm::Rs256, 1024, "rsaBits 1024 is too small, RFC 7518 section 3.3 requires 2048 or more"),
            (Algorithm::RsaOaep, 0, "rsaBits 0 is too small, RFC 7518 section 4.3 requires 2048 or more"),
            (Algorithm::Rs256, 5000, "rsaBits 5000 is not offered: write 2048, 3072, 4096 or 8192"),
            (Algorithm::Rs256, 16384, "rsaBits 16384 is not offered"),
            (Algorithm::Rsa15, 1024, "rsaBits 1024 is too small, RFC 7518 section 4.2 requires 2048 or more"),
            (Algorithm::Es256, 2048, "ES256 takes a P-256 key, which has no rsaBits: remove rsaBits"),
            (Algorithm::A192Kw, 2048, "A192KW takes a 192-bit symmetric key, which has no rsaBits: remove rsaBits"),
            (Algorithm::EcdhEs, 2048, "ECDH-ES takes a P-256, P-384, P-521 or X25519 key, which has no rsaBits"),
        ];
        for (algorithm, bits, expected) in cases {
            let error = with(algorithm, Some(bits), None).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }

    #[test]
    fn it_is_written_with_jwk_names() {
        let cases = [
            (KeySpec::Rsa { bits: 4096 }, r#"{"kty":"RSA","bits":4096}"#, "RSA 4096"),
            (KeySpec::Ec { curve: Curve::P256 }, r#"{"kty":"EC","crv":"P-256"}"#, "P-256"),
            (KeySpec::Okp { curve: OkpCurve::X25519 }, r#"{"kty":"OKP","crv":"X25519"}"#, "X25519"),
            (KeySpec::Oct { bits: 384 }, r#"{"kty":"oct","bits":384}"#, "384-bit symmetric"),
            (KeySpec::Akp { set: ParameterSet::MlDsa44 }, r#"{"kty":"AKP","alg":"ML-DSA-44"}"#, "ML-DSA-44"),
        ];
        for (spec, json, shown) in cases {
            assert_eq!(serde_json::to_string(&spec).unwrap(), json);
            assert_eq!(serde_json::from_str::<KeySpec>(json).unwrap(), spec);
            assert_eq!(spec.to_string(), shown);
        }
        for refused in [
            r#"{"kty":"RSA","bits":1024}"#,
            r#"{"kty":"EC","crv":"P-999"}"#,
            r#"{"kty":"oct"}"#,
            r#"{"kty":"oct","bits":120}"#,
            r#"{"kty":"oct","bits":257}"#,
        ] {
            assert!(serde_json::from_str::<KeySpec>(refused).is_err(), "{refused}");
        }
    }
}
