//! EC keys: `p256`, `p384`, `p521` and `k256` make and check them.

use p256::elliptic_curve::Generate;
use pkcs8::{DecodePrivateKey, DecodePublicKey, EncodePrivateKey, EncodePublicKey};
use zeroize::Zeroizing;

use crate::jose::{Curve, EcPublic, KeySpec, ParamsError};

use super::pkcs8_view::UNCOMPRESSED;
use super::{CheckError, GenerateError};

/// The same expression for each curve, with the crate of the curve under the name `$krate`.
macro_rules! on {
    ($curve:expr, |$krate:ident| $do:expr) => {
        match $curve {
            $crate::jose::Curve::P256 => {
                use p256 as $krate;
                $do
            }
            $crate::jose::Curve::P384 => {
                use p384 as $krate;
                $do
            }
            $crate::jose::Curve::P521 => {
                use p521 as $krate;
                $do
            }
            $crate::jose::Curve::Secp256k1 => {
                use k256 as $krate;
                $do
            }
        }
    };
}

pub(super) use on;

/// A new key as PKCS#8 DER.
pub(super) fn generate(curve: Curve) -> Result<Zeroizing<Vec<u8>>, GenerateError> {
    let failed = GenerateError::Failed { spec: KeySpec::Ec { curve } };
    let der = on!(curve, |krate| krate::SecretKey::try_generate().map(|key| key.to_pkcs8_der()));
    match der {
        Ok(Ok(der)) => Ok(der.to_bytes()),
        _ => Err(failed),
    }
}

/// The key as PKCS#8 DER with its public half, once that is known to belong to the private one.
pub(super) fn canonical(curve: Curve, der: &[u8]) -> Result<Zeroizing<Vec<u8>>, CheckError> {
    let der =
        on!(curve, |krate| krate::SecretKey::from_pkcs8_der(der).map_err(|_| CheckError::Disagree)?.to_pkcs8_der());
    Ok(der.map_err(|_| CheckError::Encode)?.to_bytes())
}

/// The key with this private scalar, big-endian and of full length, as PKCS#8 DER.
pub(super) fn from_scalar(curve: Curve, d: &[u8]) -> Result<Zeroizing<Vec<u8>>, CheckError> {
    if d.len() != curve.coordinate_octets() {
        return Err(ParamsError::CoordinateLength { member: "d", curve, octets: d.len() }.into());
    }
    let der = on!(curve, |krate| krate::SecretKey::from_slice(d).map_err(|_| CheckError::Disagree)?.to_pkcs8_der());
    Ok(der.map_err(|_| CheckError::Encode)?.to_bytes())
}

/// The public key as `SubjectPublicKeyInfo` DER (RFC 5480 section 2), if it is a point of the curve.
pub(super) fn spki_der(public: &EcPublic) -> Option<Vec<u8>> {
    let point = [&[UNCOMPRESSED], public.x().octets(), public.y().octets()].concat();
    let der = on!(public.curve(), |krate| krate::PublicKey::from_sec1_bytes(&point).ok()?.to_public_key_der());
    Some(der.ok()?.into_vec())
}

/// The same `SubjectPublicKeyInfo` with its point uncompressed, if it is a point of the curve.
pub(super) fn canonical_spki(curve: Curve, der: &[u8]) -> Option<Vec<u8>> {
    let der = on!(curve, |krate| krate::PublicKey::from_public_key_der(der).ok()?.to_public_key_der());
    Some(der.ok()?.into_vec())
}
