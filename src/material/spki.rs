//! `SubjectPublicKeyInfo` (RFC 5280 section 4.1): public keys as DER, written and read.

use pkcs8::SubjectPublicKeyInfoRef;
use pkcs8::der::asn1::BitStringRef;
use pkcs8::der::{self, Decode, Encode};
use rsa::pkcs1::{self, UintRef};

use crate::jose::{PublicParams, RsaPublic};

use super::pkcs8_view::{EC_OID, RSA_PSS_OID, UNCOMPRESSED, curve_of};
use super::seed_key::SeedKind;
use super::{CheckError, PssOnly, ec_key};

/// `RSAPublicKey` (RFC 8017 appendix A.1.1).
pub(super) fn rsa_public_der(rsa: &RsaPublic) -> der::Result<Vec<u8>> {
    pkcs1::RsaPublicKeyRef {
        modulus: UintRef::new(rsa.n().octets())?,
        public_exponent: UintRef::new(rsa.e().octets())?,
    }
    .to_der()
}

/// An RSA public key as `SubjectPublicKeyInfo`.
pub(super) fn rsa_der(rsa: &RsaPublic) -> der::Result<Vec<u8>> {
    let key = rsa_public_der(rsa)?;
    SubjectPublicKeyInfoRef { algorithm: pkcs1::ALGORITHM_ID, subject_public_key: BitStringRef::from_bytes(&key)? }
        .to_der()
}

/// Reads `RSAPublicKey`, and checks its size.
pub(super) fn read_rsa_public(der: &[u8]) -> Result<PublicParams, CheckError> {
    let rsa = pkcs1::RsaPublicKeyRef::from_der(der).map_err(|_| CheckError::NotSpki)?;
    Ok(PublicParams::rsa(rsa.modulus.as_bytes(), rsa.public_exponent.as_bytes())?)
}

/// What the type of the key restricts it to, if to anything.
pub(super) fn pss_only(der: &[u8]) -> Option<PssOnly> {
    PssOnly::of(&SubjectPublicKeyInfoRef::from_der(der).ok()?.algorithm)
}

/// Reads `SubjectPublicKeyInfo`, and checks the size of an RSA key, or that a point is on its curve.
pub(super) fn read(der: &[u8]) -> Result<PublicParams, CheckError> {
    let info = SubjectPublicKeyInfoRef::from_der(der).map_err(|_| CheckError::NotSpki)?;
    match info.algorithm.oid {
        pkcs1::ALGORITHM_OID | RSA_PSS_OID => read_rsa_public(info.subject_public_key.raw_bytes()),
        EC_OID => {
            let curve = curve_of(&info.algorithm)?;
            let uncompressed = ec_key::canonical_spki(curve, der).ok_or(CheckError::NotSpki)?;
            let info = SubjectPublicKeyInfoRef::from_der(&uncompressed).map_err(|_| CheckError::NotSpki)?;
            let point = info.subject_public_key.raw_bytes().strip_prefix(&[UNCOMPRESSED]);
            let halves = point.and_then(|point| point.split_at_checked(curve.coordinate_octets()));
            let (x, y) = halves.ok_or(CheckError::NotSpki)?;
            Ok(PublicParams::ec(curve, x, y)?)
        }
        oid => {
            let kind = SeedKind::of_oid(oid).ok_or(CheckError::Unsupported { oid })?;
            Ok(kind.public_params(info.subject_public_key.raw_bytes())?)
        }
    }
}
