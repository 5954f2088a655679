//! Exactly what to generate.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{Algorithm, Curve, KeyKind, NO_448, OkpCurve, ParameterSet};

/// The size, curve or parameter set of a key, without an algorithm: RS256 and PS512 may have the same.
///
/// [`KeySpec::new`] makes those that Keyturn generates. Imported RSA keys may have any size from
/// [`MIN_RSA_BITS`](Self::MIN_RSA_BITS) to [`MAX_RSA_BITS`](Self::MAX_RSA_BITS), and their spec says so.
///
/// Serialised with the JWK member names: `{"kty":"RSA","bits":4096}`, `{"kty":"EC","crv":"P-256"}`,
/// `{"kty":"OKP","crv":"X25519"}`, `{"kty":"AKP","alg":"ML-DSA-44"}`.
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

    /// What to generate for `algorithm`; `rsa_bits` and `curve` are the modulus and the curve that the user asked for,
    /// if any.
    ///
    /// # Errors
    /// If `rsa_bits` is not a size that is generated, or is given for an algorithm that takes no RSA key; if the
    /// algorithm takes no key on `curve`.
    pub fn new(algorithm: Algorithm, rsa_bits: Option<u16>, curve: Option<&str>) -> Result<Self, KeySpecError> {
        let kind = match curve {
            None => algorithm.keys().default,
            Some(name) => algorithm
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
        }
    }

    /// The kind of key that this is.
    #[must_use]
    pub const fn key_kind(self) -> KeyKind {
        match self {
            Self::Rsa { .. } => KeyKind::Rsa,
            Self::Ec { curve } => KeyKind::Ec(curve),
            Self::Okp { curve } => KeyKind::Okp(curve),
            Self::Akp { set } => KeyKind::Akp(set),
        }
    }
}

impl fmt::Display for KeySpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rsa { bits } => write!(f, "RSA {bits}"),
            Self::Ec { .. } | Self::Okp { .. } | Self::Akp { .. } => self.key_kind().fmt(f),
        }
    }
}

/// Why nothing can be generated for an algorithm and the `rsaBits` or `curve` beside it.
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
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rsa_defaults_to_4096_bits_for_signing_and_encryption() {
        for algorithm in [Algorithm::Rs256, Algorithm::Ps512, Algorithm::RsaOaep256] {
            assert_eq!(KeySpec::new(algorithm, None, None), Ok(KeySpec::Rsa { bits: 4096 }));
        }
    }

    #[test]
    fn every_generated_size_is_accepted() {
        for bits in KeySpec::GENERATED_RSA_BITS.iter().copied() {
            assert_eq!(KeySpec::new(Algorithm::Rs256, Some(bits), None), Ok(KeySpec::Rsa { bits }));
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
            assert_eq!(KeySpec::new(algorithm, None, curve), expected, "{algorithm} {curve:?}");
        }
    }

    #[test]
    fn every_kind_in_the_table_can_be_asked_for() {
        for algorithm in Algorithm::ALL.iter().copied() {
            for kind in algorithm.keys().iter() {
                assert_eq!(KeySpec::new(algorithm, None, kind.curve()).unwrap().key_kind(), kind);
            }
        }
    }

    #[test]
    fn a_curve_that_the_algorithm_lacks_is_refused_with_those_it_has() {
        let cases = [
            (Algorithm::Es256, "P-384", "ES256 keys are on P-256, not on P-384: remove curve"),
            (Algorithm::Rs256, "P-256", "RS256 takes RSA keys, which have no curve: remove curve"),
            (Algorithm::MlDsa44, "P-256", "ML-DSA-44 takes ML-DSA-44 keys, which have no curve"),
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
            let error = KeySpec::new(algorithm, None, Some(curve)).unwrap_err().to_string();
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
            (Algorithm::EcdhEs, 2048, "ECDH-ES takes a P-256, P-384, P-521 or X25519 key, which has no rsaBits"),
        ];
        for (algorithm, bits, expected) in cases {
            let error = KeySpec::new(algorithm, Some(bits), None).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }

    #[test]
    fn it_is_written_with_jwk_names() {
        let cases = [
            (KeySpec::Rsa { bits: 4096 }, r#"{"kty":"RSA","bits":4096}"#, "RSA 4096"),
            (KeySpec::Ec { curve: Curve::P256 }, r#"{"kty":"EC","crv":"P-256"}"#, "P-256"),
            (KeySpec::Okp { curve: OkpCurve::X25519 }, r#"{"kty":"OKP","crv":"X25519"}"#, "X25519"),
            (KeySpec::Akp { set: ParameterSet::MlDsa44 }, r#"{"kty":"AKP","alg":"ML-DSA-44"}"#, "ML-DSA-44"),
        ];
        for (spec, json, shown) in cases {
            assert_eq!(serde_json::to_string(&spec).unwrap(), json);
            assert_eq!(serde_json::from_str::<KeySpec>(json).unwrap(), spec);
            assert_eq!(spec.to_string(), shown);
        }
        for refused in [r#"{"kty":"RSA","bits":1024}"#, r#"{"kty":"EC","crv":"P-999"}"#, r#"{"kty":"oct"}"#] {
            assert!(serde_json::from_str::<KeySpec>(refused).is_err(), "{refused}");
        }
    }
}
