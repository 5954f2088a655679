//! What can be wrong with the members of a public key.

use thiserror::Error;

use super::{Curve, KeyKind, UnknownCurve, UnknownOkpCurve, UnknownParameterSet};

/// Why members do not make a public key.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ParamsError {
    /// The JWK has no `kty`.
    #[error("kty is missing, which every JWK needs (RFC 7517 section 4.1): export the key again")]
    NoKeyType,
    /// The JWK has a `kty` that this version does not know.
    #[error("key type \"{given}\" is not supported: kty must be {}", KeyKind::KTYS)]
    KeyType {
        /// The beginning of what was given.
        given: String,
    },
    /// An EC key has no known `crv`.
    #[error(transparent)]
    Curve(#[from] UnknownCurve),
    /// An octet key pair has no known `crv`.
    #[error(transparent)]
    OkpCurve(#[from] UnknownOkpCurve),
    /// An `AKP` key has no known `alg`.
    #[error(transparent)]
    ParameterSet(#[from] UnknownParameterSet),
    /// The JWK lacks a member that its key type needs.
    #[error("member {member} is missing, which {kty} keys need ({})", defined_in(kty))]
    Missing {
        /// The name of the member.
        member: &'static str,
        /// The key type.
        kty: &'static str,
    },
    /// The RSA modulus is too short or too long.
    #[error("the RSA modulus has {bits} bits, but must have 2048 (RFC 7518 section 3.3) to 8192: use another key")]
    ModulusSize {
        /// Its length in bits.
        bits: usize,
    },
    /// The RSA modulus is even, so it is no product of two large primes.
    #[error("the RSA modulus is even, so it is damaged: export the key again")]
    ModulusEven,
    /// The RSA public exponent is out of range.
    #[error("the RSA exponent must be odd, at least 3 and less than 2^33; 65537 (AQAB) is usual: use another key")]
    Exponent,
    /// A coordinate of the point has the wrong length.
    #[error(
        "{member} has {octets} octets, but on {curve} it must have exactly {} (RFC 7518 section 6.2): pad it with zero \
         octets on the left",
        curve.coordinate_octets()
    )]
    CoordinateLength {
        /// The name of the member: `x`, `y` or `d`.
        member: &'static str,
        /// The curve.
        curve: Curve,
        /// How many octets were given.
        octets: usize,
    },
    /// A member of a fixed length has another one.
    #[error(
        "{member} has {octets} octets, but {kind} keys have exactly {exactly} there ({}): export the key again",
        defined_in(kind.kty())
    )]
    Length {
        /// The name of the member.
        member: &'static str,
        /// The kind of key.
        kind: KeyKind,
        /// How many octets were given.
        octets: usize,
        /// How many it must have.
        exactly: usize,
    },
}

impl ParamsError {
    /// What is wrong with a `kty`, of public keys or of symmetric ones, if anything is.
    #[must_use]
    pub fn of_key_type(kty: Option<&str>) -> Option<Self> {
        match kty.unwrap_or_default() {
            "" => Some(Self::NoKeyType),
            "RSA" | "EC" | "OKP" | "AKP" | "oct" => None,
            other => Some(Self::KeyType { given: super::excerpt(other) }),
        }
    }

    /// Nothing, if the member has the length that it must have.
    pub(crate) fn check_length(member: &'static str, kind: KeyKind, octets: usize, exactly: usize) -> Result<(), Self> {
        if octets == exactly { Ok(()) } else { Err(Self::Length { member, kind, octets, exactly }) }
    }
}

fn defined_in(kty: &str) -> &'static str {
    match kty {
        "OKP" => "RFC 8037 section 2",
        "AKP" => "RFC 9964 sections 3 to 5",
        _ => "RFC 7518 section 6",
    }
}
