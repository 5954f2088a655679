//! The elliptic curves of `kty` `EC`.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::by_name::by_name;

/// A curve for ECDSA and ECDH-ES keys (RFC 7518 section 6.2.1.1, RFC 8812 section 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
pub enum Curve {
    /// `P-256`, also known as secp256r1 and prime256v1.
    P256,
    /// `P-384`, also known as secp384r1.
    P384,
    /// `P-521`, also known as secp521r1.
    P521,
    /// `secp256k1`, for ES256K only.
    Secp256k1,
}

impl Curve {
    /// All curves, those of NIST first.
    pub const ALL: &'static [Self] = &[Self::P256, Self::P384, Self::P521, Self::Secp256k1];

    /// The value of the JWK member `crv`, such as `P-256`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::P256 => "P-256",
            Self::P384 => "P-384",
            Self::P521 => "P-521",
            Self::Secp256k1 => "secp256k1",
        }
    }

    /// How many octets each of `x`, `y` and `d` has, exactly: 32, 48 or 66. Smaller numbers are padded with zero
    /// octets on the left (RFC 7518 sections 6.2.1.2 and 6.2.2.1).
    #[must_use]
    pub const fn coordinate_octets(self) -> usize {
        match self {
            Self::P256 | Self::Secp256k1 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }
}

by_name!(Curve, UnknownCurve, |given| UnknownCurve { given: super::excerpt(given) });

/// A `crv` that this version does not know.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "unknown curve \"{given}\": EC keys may be on P-256, P-384, P-521 (RFC 7518 section 6.2.1.1) or secp256k1 \
     (RFC 8812 section 3.1)"
)]
pub struct UnknownCurve {
    given: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back_and_others_are_refused_with_a_way_out() {
        for curve in Curve::ALL.iter().copied() {
            assert_eq!(curve.to_string().parse(), Ok(curve));
            assert_eq!(serde_json::to_value(curve).unwrap(), curve.name());
            assert_eq!(serde_json::from_value::<Curve>(curve.name().into()).unwrap(), curve);
        }
        // What Janssen calls secp256k1.
        let error = "P-256K".parse::<Curve>().unwrap_err().to_string();
        assert!(error.starts_with("unknown curve \"P-256K\": EC keys may be on P-256, P-384, P-521"), "{error}");
        assert!(error.contains("secp256k1"), "{error}");
    }
}
