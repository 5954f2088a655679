//! Exactly what to generate.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{Algorithm, ContentEncryption, Curve, KeyKind, OctSize};

/// The size of an RSA or symmetric key or the curve of an EC key, without an algorithm: RS256 and PS512 may have the same.
///
/// [`KeySpec::new`] makes those that Keyturn generates. Imported RSA keys may have any size from
/// [`MIN_RSA_BITS`](Self::MIN_RSA_BITS) to [`MAX_RSA_BITS`](Self::MAX_RSA_BITS), and their spec says so.
///
/// Serialised with the JWK member names: `{"kty":"RSA","bits":4096}`, `{"kty":"EC","crv":"P-256"}`,
/// `{"kty":"oct","bits":256}`.
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
    /// A symmetric key.
    Oct {
        /// Its length in bits, a multiple of 8.
        bits: u16,
    },
}

/// What a user may say of a key beside its algorithm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyChoice {
    /// The RSA modulus in bits.
    pub rsa_bits: Option<u16>,
    /// What a `dir` key is for.
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
    /// The content encryption of a `dir` key for which none was asked.
    pub const DEFAULT_CONTENT_ENCRYPTION: ContentEncryption = ContentEncryption::A256Gcm;

    /// What to generate for `algorithm`, with what the user chose beside it.
    ///
    /// # Errors
    /// If something was chosen that the algorithm does not have, or a size that is not generated.
    pub fn new(algorithm: Algorithm, choice: KeyChoice) -> Result<Self, KeySpecError> {
        let kind = algorithm.key_kind();
        if choice.content_encryption.is_some() && kind != KeyKind::Oct(OctSize::Content) {
            return Err(KeySpecError::NotDirect { algorithm });
        }
        match (kind, choice.rsa_bits) {
            (KeyKind::Rsa, None) => Ok(Self::Rsa { bits: Self::DEFAULT_RSA_BITS }),
            (KeyKind::Rsa, Some(bits)) if bits < Self::MIN_RSA_BITS => {
                Err(KeySpecError::TooSmall { bits, source_section: algorithm.row().source })
            }
            (KeyKind::Rsa, Some(bits)) if Self::GENERATED_RSA_BITS.contains(&bits) => Ok(Self::Rsa { bits }),
            (KeyKind::Rsa, Some(bits)) => Err(KeySpecError::NotGenerated { bits }),
            (KeyKind::Ec(curve), None) => Ok(Self::Ec { curve }),
            (KeyKind::Oct(OctSize::Exactly(bits) | OctSize::AtLeast(bits)), None) => Ok(Self::Oct { bits }),
            (KeyKind::Oct(OctSize::Content), None) => {
                let content = choice.content_encryption.unwrap_or(Self::DEFAULT_CONTENT_ENCRYPTION);
                Ok(Self::Oct { bits: content.key_bits() })
            }
            (KeyKind::Ec(_) | KeyKind::Oct(_), Some(_)) => Err(KeySpecError::NotRsa { algorithm, kind }),
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
            Self::Oct { bits } => KeyKind::Oct(OctSize::Exactly(bits)),
        }
    }
}

impl fmt::Display for KeySpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rsa { bits } => write!(f, "RSA {bits}"),
            Self::Ec { curve } => curve.fmt(f),
            Self::Oct { bits } => write!(f, "oct {bits}"),
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
    #[error("{algorithm} takes keys of kind {kind}, which have no rsaBits: remove rsaBits")]
    NotRsa {
        /// The algorithm asked for.
        algorithm: Algorithm,
        /// The kind of key it takes.
        kind: KeyKind,
    },
    /// A content encryption for a key that encrypts no content.
    #[error("{algorithm} keys do not depend on contentEncryption, only those for dir do: remove contentEncryption")]
    NotDirect {
        /// The algorithm asked for.
        algorithm: Algorithm,
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
            KeySpec::Oct { bits } => Self::Oct { bits },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_bits(algorithm: Algorithm, rsa_bits: Option<u16>) -> Result<KeySpec, KeySpecError> {
        KeySpec::new(algorithm, KeyChoice { rsa_bits, ..KeyChoice::default() })
    }

    #[test]
    fn rsa_defaults_to_4096_bits_for_signing_and_encryption() {
        for algorithm in [Algorithm::Rs256, Algorithm::Ps512, Algorithm::RsaOaep256] {
            assert_eq!(with_bits(algorithm, None), Ok(KeySpec::Rsa { bits: 4096 }));
        }
    }

    #[test]
    fn every_generated_size_is_accepted() {
        for bits in KeySpec::GENERATED_RSA_BITS.iter().copied() {
            assert_eq!(with_bits(Algorithm::Rs256, Some(bits)), Ok(KeySpec::Rsa { bits }));
        }
    }

    #[test]
    fn a_curve_follows_from_the_algorithm() {
        assert_eq!(with_bits(Algorithm::Es384, None), Ok(KeySpec::Ec { curve: Curve::P384 }));
    }

    #[test]
    fn a_symmetric_key_is_as_long_as_its_algorithm_needs() {
        let cases = [("HS256", 256), ("HS384", 384), ("HS512", 512), ("A128KW", 128), ("A192GCMKW", 192), ("dir", 256)];
        for (algorithm, bits) in cases {
            let algorithm: Algorithm = algorithm.parse().unwrap();
            assert_eq!(with_bits(algorithm, None), Ok(KeySpec::Oct { bits }), "{algorithm}");
        }
    }

    #[test]
    fn a_dir_key_is_as_long_as_its_content_encryption_needs_and_no_other_has_one() {
        let with = |algorithm, content| {
            KeySpec::new(algorithm, KeyChoice { content_encryption: Some(content), ..KeyChoice::default() })
        };
        for (content, bits) in ContentEncryption::ALL.iter().copied().zip([128, 192, 256, 256, 384, 512]) {
            assert_eq!(with(Algorithm::Dir, content), Ok(KeySpec::Oct { bits }), "{content}");
        }
        for other in Algorithm::ALL.iter().copied().filter(|one| *one != Algorithm::Dir) {
            let error = with(other, ContentEncryption::A128Gcm).unwrap_err().to_string();
            assert!(error.starts_with(&format!("{other} keys do not depend on contentEncryption")), "{error}");
        }
    }

    #[test]
    fn refusals_say_why_and_what_to_write() {
        let cases = [
            (Algorithm::Rs256, 1024, "rsaBits 1024 is too small, RFC 7518 section 3.3 requires 2048 or more"),
            (Algorithm::RsaOaep, 0, "rsaBits 0 is too small, RFC 7518 section 4.3 requires 2048 or more"),
            (Algorithm::Rs256, 5000, "rsaBits 5000 is not offered: write 2048, 3072, 4096 or 8192"),
            (Algorithm::Rs256, 16384, "rsaBits 16384 is not offered"),
            (Algorithm::Es256, 2048, "ES256 takes keys of kind P-256, which have no rsaBits: remove rsaBits"),
            (Algorithm::A192Kw, 2048, "A192KW takes keys of kind oct 192, which have no rsaBits: remove rsaBits"),
        ];
        for (algorithm, bits, expected) in cases {
            let error = with_bits(algorithm, Some(bits)).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }

    #[test]
    fn it_is_written_with_jwk_names() {
        let cases = [
            (KeySpec::Rsa { bits: 4096 }, r#"{"kty":"RSA","bits":4096}"#, "RSA 4096"),
            (KeySpec::Ec { curve: Curve::P256 }, r#"{"kty":"EC","crv":"P-256"}"#, "P-256"),
            (KeySpec::Oct { bits: 384 }, r#"{"kty":"oct","bits":384}"#, "oct 384"),
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
