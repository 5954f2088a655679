//! The elliptic curves.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A NIST curve for ECDSA keys (RFC 7518 section 6.2.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
pub enum Curve {
    /// `P-256`, also known as secp256r1 and prime256v1.
    P256,
    /// `P-384`, also known as secp384r1.
    P384,
    /// `P-521`, also known as secp521r1.
    P521,
}

impl Curve {
    /// All curves, smallest first.
    pub const ALL: &'static [Self] = &[Self::P256, Self::P384, Self::P521];

    /// The value of the JWK member `crv`, such as `P-256`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::P256 => "P-256",
            Self::P384 => "P-384",
            Self::P521 => "P-521",
        }
    }

    /// How many octets each of `x`, `y` and `d` has, exactly: 32, 48 or 66. Smaller numbers are padded with zero
    /// octets on the left (RFC 7518 sections 6.2.1.2 and 6.2.2.1).
    #[must_use]
    pub const fn coordinate_octets(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }
}

impl fmt::Display for Curve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Curve {
    type Err = UnknownCurve;

    fn from_str(given: &str) -> Result<Self, UnknownCurve> {
        Self::ALL
            .iter()
            .copied()
            .find(|curve| curve.name() == given)
            .ok_or_else(|| UnknownCurve { given: super::excerpt(given) })
    }
}

impl TryFrom<String> for Curve {
    type Error = UnknownCurve;

    fn try_from(given: String) -> Result<Self, UnknownCurve> {
        given.parse()
    }
}

impl From<Curve> for &'static str {
    fn from(curve: Curve) -> Self {
        curve.name()
    }
}

/// A `crv` that this version does not know.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("unknown curve \"{given}\": supported are P-256, P-384 and P-521 (RFC 7518 section 6.2.1.1)")]
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
        assert!(error.starts_with("unknown curve \"P-256K\": supported are P-256, P-384 and P-521"), "{error}");
    }
}
