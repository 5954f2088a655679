//! The public members of a key that depend on its type.

use serde::de::IgnoredAny;
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};
use thiserror::Error;

use super::members::Members;
use super::{Base64Url, Curve, KeyKind, KeySpec, Thumbprint, UnknownCurve};

/// The public half of a key: `n` and `e`, or `crv`, `x` and `y` (RFC 7518 sections 6.2.1 and 6.3.1).
///
/// What exists has the right lengths and ranges and is written in the one canonical way, so that equal keys are equal
/// here and have equal thumbprints. That a point lies on its curve is checked in `material`, which can compute.
///
/// Serialised as a JWK with nothing but the required members; unknown members are ignored when read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "Members<IgnoredAny>")]
pub enum PublicParams {
    /// `kty` is `RSA`.
    Rsa(RsaPublic),
    /// `kty` is `EC`.
    Ec(EcPublic),
}

impl PublicParams {
    /// An RSA public key from its modulus and exponent, big-endian; leading zero octets are dropped.
    ///
    /// # Errors
    /// If the modulus is even or has fewer than 2048 or more than 8192 bits, or if the exponent is even, less than 3
    /// or at least 2³³, which common verifiers refuse.
    pub fn rsa(n: &[u8], e: &[u8]) -> Result<Self, ParamsError> {
        let (n, e) = (without_leading_zeros(n), without_leading_zeros(e));
        let bits = bit_length(n);
        let bits = u16::try_from(bits)
            .ok()
            .filter(|bits| (KeySpec::MIN_RSA_BITS..=KeySpec::MAX_RSA_BITS).contains(bits))
            .ok_or(ParamsError::ModulusSize { bits })?;
        if is_even(n) {
            return Err(ParamsError::ModulusEven);
        }
        if is_even(e) || e == [1] || bit_length(e) > 33 {
            return Err(ParamsError::Exponent);
        }
        Ok(Self::Rsa(RsaPublic { n: Base64Url::new(n), e: Base64Url::new(e), bits }))
    }

    /// An EC public key from the coordinates of its point, big-endian.
    ///
    /// # Errors
    /// If a coordinate does not have exactly [`Curve::coordinate_octets`]: RFC 7518 section 6.2.1.2 demands padding.
    pub fn ec(curve: Curve, x: &[u8], y: &[u8]) -> Result<Self, ParamsError> {
        for (member, coordinate) in [("x", x), ("y", y)] {
            if coordinate.len() != curve.coordinate_octets() {
                return Err(ParamsError::CoordinateLength { member, curve, octets: coordinate.len() });
            }
        }
        Ok(Self::Ec(EcPublic { curve, x: Base64Url::new(x), y: Base64Url::new(y) }))
    }

    /// The kind of key, and so `kty`.
    #[must_use]
    pub const fn key_kind(&self) -> KeyKind {
        self.spec().key_kind()
    }

    /// The size or curve of the key.
    #[must_use]
    pub const fn spec(&self) -> KeySpec {
        match self {
            Self::Rsa(rsa) => KeySpec::Rsa { bits: rsa.bits },
            Self::Ec(ec) => KeySpec::Ec { curve: ec.curve },
        }
    }

    /// The RFC 7638 thumbprint with SHA-256.
    #[must_use]
    pub fn thumbprint(&self) -> Thumbprint {
        Thumbprint::of(self)
    }

    /// Writes the members after `kty`, in a fixed order.
    pub(super) fn write_members<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        match self {
            Self::Rsa(rsa) => {
                map.serialize_entry("n", &rsa.n)?;
                map.serialize_entry("e", &rsa.e)
            }
            Self::Ec(ec) => {
                map.serialize_entry("crv", &ec.curve)?;
                map.serialize_entry("x", &ec.x)?;
                map.serialize_entry("y", &ec.y)
            }
        }
    }
}

impl Serialize for PublicParams {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("kty", self.key_kind().kty())?;
        self.write_members(&mut map)?;
        map.end()
    }
}

/// An RSA public key (RFC 7518 section 6.3.1).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RsaPublic {
    n: Base64Url,
    e: Base64Url,
    bits: u16,
}

impl RsaPublic {
    /// The modulus, big-endian, in the fewest octets that hold it.
    #[must_use]
    pub const fn n(&self) -> &Base64Url {
        &self.n
    }

    /// The public exponent, big-endian, in the fewest octets that hold it.
    #[must_use]
    pub const fn e(&self) -> &Base64Url {
        &self.e
    }

    /// The length of the modulus in bits.
    #[must_use]
    pub const fn bits(&self) -> u16 {
        self.bits
    }
}

/// An elliptic curve public key (RFC 7518 section 6.2.1).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EcPublic {
    curve: Curve,
    x: Base64Url,
    y: Base64Url,
}

impl EcPublic {
    /// The curve.
    #[must_use]
    pub const fn curve(&self) -> Curve {
        self.curve
    }

    /// The x coordinate, big-endian, exactly [`Curve::coordinate_octets`] long.
    #[must_use]
    pub const fn x(&self) -> &Base64Url {
        &self.x
    }

    /// The y coordinate, big-endian, exactly [`Curve::coordinate_octets`] long.
    #[must_use]
    pub const fn y(&self) -> &Base64Url {
        &self.y
    }
}

/// Why members do not make a public key.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ParamsError {
    /// The JWK has no `kty`, or one that this version does not know.
    #[error("key type \"{given}\" is not supported: kty must be RSA or EC")]
    KeyType {
        /// The beginning of what was given.
        given: String,
    },
    /// The JWK has no known `crv`.
    #[error(transparent)]
    Curve(#[from] UnknownCurve),
    /// The JWK lacks a member that its key type needs.
    #[error("member {member} is missing, which {kty} keys need (RFC 7518 section 6)")]
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
}

fn without_leading_zeros(octets: &[u8]) -> &[u8] {
    let zeros = octets.iter().take_while(|octet| **octet == 0).count();
    octets.get(zeros..).unwrap_or_default()
}

/// The bits of a big-endian number without leading zero octets.
fn bit_length(octets: &[u8]) -> usize {
    let leading_zeros = octets.first().map_or(0, |octet| octet.leading_zeros());
    octets.len() * 8 - leading_zeros as usize
}

fn is_even(octets: &[u8]) -> bool {
    octets.last().is_none_or(|octet| octet.is_multiple_of(2))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn modulus(octets: usize) -> Vec<u8> {
        let mut n = vec![0x55; octets];
        n[0] = 0x80;
        n
    }

    #[test]
    fn rsa_numbers_lose_leading_zeros_so_that_equal_keys_are_equal() {
        let plain = PublicParams::rsa(&modulus(256), &[1, 0, 1]).unwrap();
        let mut padded = vec![0, 0];
        padded.extend(modulus(256));
        let padded = PublicParams::rsa(&padded, &[0, 1, 0, 1]).unwrap();
        assert_eq!(plain, padded);
        assert_eq!(plain.thumbprint(), padded.thumbprint());
        assert_eq!(plain.spec(), KeySpec::Rsa { bits: 2048 });
    }

    #[test]
    fn rsa_sizes_outside_2048_to_8192_bits_are_refused() {
        let mut just_short = modulus(256);
        just_short[0] = 0x7f;
        let cases = [(vec![], 0), (vec![0], 0), (modulus(128), 1024), (just_short, 2047), (modulus(1025), 8200)];
        for (n, bits) in cases {
            assert_eq!(PublicParams::rsa(&n, &[1, 0, 1]), Err(ParamsError::ModulusSize { bits }));
        }
        assert!(PublicParams::rsa(&modulus(1024), &[1, 0, 1]).is_ok());
        let huge = vec![1; 1 << 20];
        assert_eq!(PublicParams::rsa(&huge, &[3]), Err(ParamsError::ModulusSize { bits: (1 << 23) - 7 }));
    }

    #[test]
    fn rsa_exponents_are_odd_and_between_3_and_33_bits() {
        for refused in [&[][..], &[0], &[1], &[2], &[1, 0, 0], &[3, 0, 0, 0, 1], &[1, 1, 1, 1, 1, 1, 1, 1, 1]] {
            assert_eq!(PublicParams::rsa(&modulus(256), refused), Err(ParamsError::Exponent), "{refused:?}");
        }
        for accepted in [&[3][..], &[17], &[1, 0, 1], &[1, 0xff, 0xff, 0xff, 0xff]] {
            assert!(PublicParams::rsa(&modulus(256), accepted).is_ok(), "{accepted:?}");
        }
        let mut even = modulus(256);
        even[255] = 4;
        assert_eq!(PublicParams::rsa(&even, &[3]), Err(ParamsError::ModulusEven));
    }

    #[test]
    fn coordinates_have_exactly_the_length_of_their_curve() {
        for curve in Curve::ALL.iter().copied() {
            let right = vec![0; curve.coordinate_octets()];
            assert_eq!(PublicParams::ec(curve, &right, &right).unwrap().spec(), KeySpec::Ec { curve });
            for octets in [0, right.len() - 1, right.len() + 1] {
                let wrong = vec![0; octets];
                let expected = ParamsError::CoordinateLength { member: "y", curve, octets };
                assert_eq!(PublicParams::ec(curve, &right, &wrong), Err(expected));
            }
        }
        let short = PublicParams::ec(Curve::P256, &[1; 31], &[1; 32]).unwrap_err().to_string();
        assert!(short.starts_with("x has 31 octets, but on P-256 it must have exactly 32"), "{short}");
    }
}
