//! Exactly what to generate.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{Algorithm, Curve, KeyKind};

/// The size of an RSA key or the curve of an EC key, without an algorithm: RS256 and PS512 may have the same.
///
/// [`KeySpec::new`] makes those that Keyturn generates. Imported RSA keys may have any size from
/// [`MIN_RSA_BITS`](Self::MIN_RSA_BITS) to [`MAX_RSA_BITS`](Self::MAX_RSA_BITS), and their spec says so.
///
/// Serialised with the JWK member names: `{"kty":"RSA","bits":4096}`, `{"kty":"EC","crv":"P-256"}`.
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

    /// What to generate for `algorithm`; `rsa_bits` is the modulus that the user asked for, if any.
    ///
    /// # Errors
    /// If `rsa_bits` is not a size that is generated, or is given for an algorithm that takes no RSA key.
    pub fn new(algorithm: Algorithm, rsa_bits: Option<u16>) -> Result<Self, KeySpecError> {
        match (algorithm.key_kind(), rsa_bits) {
            (KeyKind::Rsa, None) => Ok(Self::Rsa { bits: Self::DEFAULT_RSA_BITS }),
            (KeyKind::Rsa, Some(bits)) if bits < Self::MIN_RSA_BITS => {
                Err(KeySpecError::TooSmall { bits, source_section: algorithm.row().source })
            }
            (KeyKind::Rsa, Some(bits)) if Self::GENERATED_RSA_BITS.contains(&bits) => Ok(Self::Rsa { bits }),
            (KeyKind::Rsa, Some(bits)) => Err(KeySpecError::NotGenerated { bits }),
            (KeyKind::Ec(curve), None) => Ok(Self::Ec { curve }),
            (kind @ KeyKind::Ec(_), Some(_)) => Err(KeySpecError::NotRsa { algorithm, kind }),
        }
    }

    /// The kind of key that this is.
    #[must_use]
    pub const fn key_kind(self) -> KeyKind {
        match self {
            Self::Rsa { .. } => KeyKind::Rsa,
            Self::Ec { curve } => KeyKind::Ec(curve),
        }
    }
}

impl fmt::Display for KeySpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rsa { bits } => write!(f, "RSA {bits}"),
            Self::Ec { curve } => curve.fmt(f),
        }
    }
}

/// Why nothing can be generated for an algorithm and the `rsaBits` beside it.
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
    #[error("{algorithm} takes a {kind} key, which has no rsaBits: remove rsaBits")]
    NotRsa {
        /// The algorithm asked for.
        algorithm: Algorithm,
        /// The kind of key it takes.
        kind: KeyKind,
    },
}

/// How a spec is written down.
#[derive(Serialize, Deserialize)]
#[serde(tag = "kty")]
enum Written {
    #[serde(rename = "RSA")]
    Rsa { bits: u16 },
    #[serde(rename = "EC")]
    Ec { crv: Curve },
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
        }
    }
}

impl From<KeySpec> for Written {
    fn from(spec: KeySpec) -> Self {
        match spec {
            KeySpec::Rsa { bits } => Self::Rsa { bits },
            KeySpec::Ec { curve } => Self::Ec { crv: curve },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rsa_defaults_to_4096_bits_for_signing_and_encryption() {
        for algorithm in [Algorithm::Rs256, Algorithm::Ps512, Algorithm::RsaOaep256] {
            assert_eq!(KeySpec::new(algorithm, None), Ok(KeySpec::Rsa { bits: 4096 }));
        }
    }

    #[test]
    fn every_generated_size_is_accepted() {
        for bits in KeySpec::GENERATED_RSA_BITS.iter().copied() {
            assert_eq!(KeySpec::new(Algorithm::Rs256, Some(bits)), Ok(KeySpec::Rsa { bits }));
        }
    }

    #[test]
    fn a_curve_follows_from_the_algorithm() {
        assert_eq!(KeySpec::new(Algorithm::Es384, None), Ok(KeySpec::Ec { curve: Curve::P384 }));
    }

    #[test]
    fn refusals_say_why_and_what_to_write() {
        let cases = [
            (Algorithm::Rs256, 1024, "rsaBits 1024 is too small, RFC 7518 section 3.3 requires 2048 or more"),
            (Algorithm::RsaOaep, 0, "rsaBits 0 is too small, RFC 7518 section 4.3 requires 2048 or more"),
            (Algorithm::Rs256, 5000, "rsaBits 5000 is not offered: write 2048, 3072, 4096 or 8192"),
            (Algorithm::Rs256, 16384, "rsaBits 16384 is not offered"),
            (Algorithm::Es256, 2048, "ES256 takes a P-256 key, which has no rsaBits: remove rsaBits"),
        ];
        for (algorithm, bits, expected) in cases {
            let error = KeySpec::new(algorithm, Some(bits)).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }

    #[test]
    fn it_is_written_with_jwk_names() {
        let cases = [
            (KeySpec::Rsa { bits: 4096 }, r#"{"kty":"RSA","bits":4096}"#, "RSA 4096"),
            (KeySpec::Ec { curve: Curve::P256 }, r#"{"kty":"EC","crv":"P-256"}"#, "P-256"),
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
