//! The public members of a key that depend on its type.

use serde::de::IgnoredAny;
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};

use super::members::Members;
use super::{Base64Url, Curve, KeyKind, KeySpec, OkpCurve, ParameterSet, ParamsError, Thumbprint};

/// The public half of a key: `n` and `e`; `crv`, `x` and `y` (RFC 7518 sections 6.2.1 and 6.3.1); `crv` and `x` (RFC 8037
/// section 2); or `alg` and `pub` (RFC 9964 section 3).
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
    /// `kty` is `OKP`.
    Okp(OkpPublic),
    /// `kty` is `AKP`.
    Akp(AkpPublic),
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

    /// The public key of an octet key pair, as RFC 8032 or RFC 7748 encode it.
    ///
    /// # Errors
    /// If it does not have exactly [`OkpCurve::OCTETS`].
    pub fn okp(curve: OkpCurve, x: &[u8]) -> Result<Self, ParamsError> {
        ParamsError::check_length("x", KeyKind::Okp(curve), x.len(), OkpCurve::OCTETS)?;
        Ok(Self::Okp(OkpPublic { curve, x: Base64Url::new(x) }))
    }

    /// An ML-DSA public key, as FIPS 204 encodes it.
    ///
    /// # Errors
    /// If it does not have exactly [`ParameterSet::public_octets`].
    pub fn akp(set: ParameterSet, key: &[u8]) -> Result<Self, ParamsError> {
        ParamsError::check_length("pub", KeyKind::Akp(set), key.len(), set.public_octets())?;
        Ok(Self::Akp(AkpPublic { set, key: Base64Url::new(key) }))
    }

    /// The kind of key, and so `kty`.
    #[must_use]
    pub const fn key_kind(&self) -> KeyKind {
        self.spec().key_kind()
    }

    /// The size, curve or parameter set of the key.
    #[must_use]
    pub const fn spec(&self) -> KeySpec {
        match self {
            Self::Rsa(rsa) => KeySpec::Rsa { bits: rsa.bits },
            Self::Ec(ec) => KeySpec::Ec { curve: ec.curve },
            Self::Okp(okp) => KeySpec::Okp { curve: okp.curve },
            Self::Akp(akp) => KeySpec::Akp { set: akp.set },
        }
    }

    /// The RFC 7638 thumbprint with SHA-256.
    #[must_use]
    pub fn thumbprint(&self) -> Thumbprint {
        Thumbprint::of(self)
    }

    /// The `alg` that belongs to the key itself: only keys of `kty` `AKP` have one (RFC 9964 section 3).
    pub(super) const fn own_alg(&self) -> Option<&'static str> {
        match self {
            Self::Akp(akp) => Some(akp.set.name()),
            Self::Rsa(_) | Self::Ec(_) | Self::Okp(_) => None,
        }
    }

    /// Writes the members of this type that follow `kty` and `alg`, in a fixed order.
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
            Self::Okp(okp) => {
                map.serialize_entry("crv", &okp.curve)?;
                map.serialize_entry("x", &okp.x)
            }
            Self::Akp(akp) => map.serialize_entry("pub", &akp.key),
        }
    }
}

impl Serialize for PublicParams {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("kty", self.key_kind().kty())?;
        if let Some(alg) = self.own_alg() {
            map.serialize_entry("alg", alg)?;
        }
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

/// The public key of an octet key pair (RFC 8037 section 2).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OkpPublic {
    curve: OkpCurve,
    x: Base64Url,
}

impl OkpPublic {
    /// The curve.
    #[must_use]
    pub const fn curve(&self) -> OkpCurve {
        self.curve
    }

    /// The public key, exactly [`OkpCurve::OCTETS`] long.
    #[must_use]
    pub const fn x(&self) -> &Base64Url {
        &self.x
    }
}

/// An ML-DSA public key (RFC 9964 section 5).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AkpPublic {
    set: ParameterSet,
    key: Base64Url,
}

impl AkpPublic {
    /// The parameter set.
    #[must_use]
    pub const fn set(&self) -> ParameterSet {
        self.set
    }

    /// The public key, which is the member `pub`, exactly [`ParameterSet::public_octets`] long.
    #[must_use]
    pub const fn key(&self) -> &Base64Url {
        &self.key
    }
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

    #[test]
    fn raw_public_keys_have_exactly_the_length_of_their_kind() {
        for octets in [0, 31, 33] {
            let refused = PublicParams::okp(OkpCurve::Ed25519, &vec![0; octets]).unwrap_err().to_string();
            let expected =
                format!("x has {octets} octets, but Ed25519 keys have exactly 32 there (RFC 8037 section 2)");
            assert!(refused.starts_with(&expected), "{refused}");
        }
        for set in ParameterSet::ALL.iter().copied() {
            assert_eq!(PublicParams::akp(set, &vec![0; set.public_octets()]).unwrap().spec(), KeySpec::Akp { set });
            let refused = PublicParams::akp(set, &vec![0; set.public_octets() + 1]).unwrap_err().to_string();
            assert!(refused.starts_with("pub has ") && refused.contains("RFC 9964"), "{refused}");
        }
    }
}
