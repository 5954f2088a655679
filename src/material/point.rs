//! Whether a public key that others made is a point that can be used: some readers refuse a whole JWK Set for one that isn't.

use curve25519_dalek::MontgomeryPoint;
use curve25519_dalek::edwards::CompressedEdwardsY;
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::IsIdentity;

use super::{CheckError, ec_key};
use crate::jose::{OkpCurve, OkpPublic, PublicParams};

/// Checks the point of an EC, Ed25519 or X25519 key.
///
/// # Errors
/// [`CheckError::NotOnCurve`], or [`CheckError::WeakPoint`] for the few points of small order, under which anyone can make
/// signatures or knows the shared secret (RFC 8032 section 5.1.7, RFC 7748 section 6.1).
pub(super) fn check(params: &PublicParams) -> Result<(), CheckError> {
    match params {
        PublicParams::Ec(ec) if ec_key::spki_der(ec).is_none() => Err(CheckError::NotOnCurve),
        PublicParams::Okp(okp) => check_okp(okp),
        PublicParams::Ec(_) | PublicParams::Rsa(_) | PublicParams::Akp(_) => Ok(()),
    }
}

fn check_okp(public: &OkpPublic) -> Result<(), CheckError> {
    let octets: [u8; OkpCurve::OCTETS] = public.x().octets().try_into().map_err(|_| CheckError::NotOnCurve)?;
    let is_weak = match public.curve() {
        OkpCurve::Ed25519 => CompressedEdwardsY(octets).decompress().ok_or(CheckError::NotOnCurve)?.is_small_order(),
        // Every octet string is a point of the curve or of its twist.
        OkpCurve::X25519 => (MontgomeryPoint(octets) * Scalar::from(8u8)).is_identity(),
    };
    if is_weak { Err(CheckError::WeakPoint) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jose::Curve;
    use crate::jose::KeySpec;
    use crate::material::PrivateKey;

    #[test]
    fn keys_that_were_made_properly_pass() {
        let specs = [
            KeySpec::Ec { curve: Curve::P256 },
            KeySpec::Ec { curve: Curve::P521 },
            KeySpec::Ec { curve: Curve::Secp256k1 },
            KeySpec::Okp { curve: OkpCurve::Ed25519 },
            KeySpec::Okp { curve: OkpCurve::X25519 },
        ];
        for spec in specs {
            let key = PrivateKey::generate(&spec).unwrap();
            assert_eq!(check(key.public().unwrap()), Ok(()), "{spec:?}");
        }
    }

    #[test]
    fn points_that_are_none_and_weak_ones_are_refused() {
        let okp = |curve, first: u8, last: u8| {
            let mut x = [0; 32];
            (x[0], x[31]) = (first, last);
            check(&PublicParams::okp(curve, &x).unwrap())
        };
        for curve in [Curve::P256, Curve::P384, Curve::P521, Curve::Secp256k1] {
            let (x, y) = (vec![1; curve.coordinate_octets()], vec![2; curve.coordinate_octets()]);
            assert_eq!(check(&PublicParams::ec(curve, &x, &y).unwrap()), Err(CheckError::NotOnCurve), "{curve:?}");
        }
        assert_eq!(okp(OkpCurve::Ed25519, 2, 0), Err(CheckError::NotOnCurve));
        assert_eq!(okp(OkpCurve::Ed25519, 1, 0), Err(CheckError::WeakPoint), "the identity");
        assert_eq!(okp(OkpCurve::Ed25519, 0, 0), Err(CheckError::WeakPoint), "of order four");
        assert_eq!(okp(OkpCurve::X25519, 0, 0), Err(CheckError::WeakPoint));
        assert_eq!(okp(OkpCurve::X25519, 1, 0), Err(CheckError::WeakPoint));
    }
}
