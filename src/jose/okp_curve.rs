//! The curves of `kty` `OKP`.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::by_name::by_name;

/// Why there is no Ed448 and no X448, for every error that refuses them.
pub const NO_448: &str = "no released, well-kept library for Rust has Ed448 or X448";

/// A curve of octet key pairs (RFC 8037 section 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
pub enum OkpCurve {
    /// `Ed25519`, for signatures (RFC 8032).
    Ed25519,
    /// `X25519`, for key agreement (RFC 7748).
    X25519,
}

impl OkpCurve {
    /// All curves, in alphabetical order.
    pub const ALL: &'static [Self] = &[Self::Ed25519, Self::X25519];

    /// How many octets each of `x` and `d` has, exactly, on either curve.
    pub const OCTETS: usize = 32;

    /// The value of the JWK member `crv`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ed25519 => "Ed25519",
            Self::X25519 => "X25519",
        }
    }
}

by_name!(OkpCurve, UnknownOkpCurve, |given| UnknownOkpCurve { given: super::excerpt(given) });

/// A `crv` that this version does not know.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("unknown curve \"{given}\": OKP keys may be on Ed25519 or X25519 (RFC 8037 section 2); {NO_448}")]
pub struct UnknownOkpCurve {
    given: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back_and_the_larger_curves_are_refused_with_the_reason() {
        for curve in OkpCurve::ALL.iter().copied() {
            assert_eq!(curve.to_string().parse(), Ok(curve));
            assert_eq!(serde_json::to_value(curve).unwrap(), curve.name());
        }
        for given in ["Ed448", "X448"] {
            let error = given.parse::<OkpCurve>().unwrap_err().to_string();
            assert!(error.starts_with(&format!("unknown curve \"{given}\": OKP keys may be on Ed25519")), "{error}");
            assert!(error.ends_with("no released, well-kept library for Rust has Ed448 or X448"), "{error}");
        }
    }
}
