//! Looking into PKCS#8 without doing arithmetic.

use k256::Secp256k1;
use p256::NistP256;
use p384::NistP384;
use p521::NistP521;
use pkcs8::spki::AlgorithmIdentifierRef;
use pkcs8::{AssociatedOid, ObjectIdentifier, PrivateKeyInfoRef};
use rsa::pkcs1;
use sec1::EcPrivateKey;
use sec1::der::{Decode, Tag, Tagged};

use crate::jose::{Curve, PrivateParams, PublicParams, RsaPrivateParams, SecretBase64Url};

use super::CheckError;
use super::rsa_key::RsaView;
use super::seed_key::{SeedKind, SeedView};

/// `id-ecPublicKey` (RFC 5480 section 2.1.1).
pub(super) const EC_OID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");

/// `id-RSASSA-PSS` (RFC 8017 appendix A.2.3): an RSA key that may be used for PS256 and the like only.
pub(super) const RSA_PSS_OID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10");

/// `id-X448` and `id-Ed448` (RFC 8410 section 3).
const X448_OID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.111");
const ED448_OID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.113");

/// The members of a key, borrowed from its PKCS#8 DER. None has been checked against another.
pub(super) enum Pkcs8View<'a> {
    /// `RSAPrivateKey` (RFC 8017 appendix A.1.2).
    Rsa(RsaView<'a>),
    /// `ECPrivateKey` (RFC 5915 section 3).
    Ec { curve: Curve, key: EcPrivateKey<'a> },
    /// A key that is all in its seed.
    Seed(SeedView<'a>),
}

impl<'a> Pkcs8View<'a> {
    pub(super) fn read(der: &'a [u8]) -> Result<Self, CheckError> {
        let info = PrivateKeyInfoRef::try_from(der).map_err(|_| CheckError::NotPkcs8)?;
        let key = info.private_key.as_bytes();
        match info.algorithm.oid {
            pkcs1::ALGORITHM_OID | RSA_PSS_OID => {
                let rsa = pkcs1::RsaPrivateKeyRef::try_from(key).map_err(|_| CheckError::NotPkcs8)?;
                if rsa.other_prime_infos.is_some() {
                    return Err(CheckError::MultiPrime);
                }
                Ok(Self::Rsa(rsa))
            }
            EC_OID => {
                let curve = curve_of(&info.algorithm)?;
                let key = EcPrivateKey::from_der(key).map_err(|_| CheckError::NotPkcs8)?;
                Ok(Self::Ec { curve, key })
            }
            X448_OID | ED448_OID => Err(CheckError::No448),
            oid => {
                let kind = SeedKind::of_oid(oid).ok_or(CheckError::Unsupported { oid })?;
                Ok(Self::Seed(SeedView::read(kind, &info)?))
            }
        }
    }

    /// The public half. An EC key must hold it uncompressed, as the canonical encoding does; only a seed must be worked on.
    pub(super) fn public_params(&self) -> Result<PublicParams, CheckError> {
        match self {
            Self::Rsa(rsa) => Ok(PublicParams::rsa(rsa.modulus.as_bytes(), rsa.public_exponent.as_bytes())?),
            Self::Ec { curve, key } => {
                let point = key.public_key.and_then(|point| point.strip_prefix(&[UNCOMPRESSED]));
                let point = point.ok_or(CheckError::NotPkcs8)?;
                let (x, y) = point.split_at_checked(curve.coordinate_octets()).ok_or(CheckError::NotPkcs8)?;
                Ok(PublicParams::ec(*curve, x, y)?)
            }
            Self::Seed(view) => view.public_params(),
        }
    }

    /// The private half.
    pub(super) fn private_params(&self) -> Result<PrivateParams, CheckError> {
        Ok(match self {
            Self::Rsa(rsa) => PrivateParams::Rsa(RsaPrivateParams {
                d: SecretBase64Url::new(rsa.private_exponent.as_bytes()),
                p: SecretBase64Url::new(rsa.prime1.as_bytes()),
                q: SecretBase64Url::new(rsa.prime2.as_bytes()),
                dp: SecretBase64Url::new(rsa.exponent1.as_bytes()),
                dq: SecretBase64Url::new(rsa.exponent2.as_bytes()),
                qi: SecretBase64Url::new(rsa.coefficient.as_bytes()),
            }),
            Self::Ec { key, .. } => PrivateParams::Ec { d: SecretBase64Url::new(key.private_key) },
            Self::Seed(view) => view.private_params()?,
        })
    }
}

/// The first octet of an uncompressed point (SEC 1 section 2.3.3).
pub(super) const UNCOMPRESSED: u8 = 4;

/// The named curve of an EC key (RFC 5480 section 2.1.1).
pub(super) fn curve_of(algorithm: &AlgorithmIdentifierRef<'_>) -> Result<Curve, CheckError> {
    let spelled_out = algorithm.parameters.is_some_and(|parameters| parameters.tag() == Tag::Sequence);
    let unnamed = if spelled_out { CheckError::ExplicitCurve } else { CheckError::UnsupportedCurve };
    let oid = algorithm.parameters_oid().map_err(|_| unnamed)?;
    Curve::ALL.iter().copied().find(|curve| curve_oid(*curve) == oid).ok_or(CheckError::UnsupportedCurve)
}

fn curve_oid(curve: Curve) -> ObjectIdentifier {
    match curve {
        Curve::P256 => NistP256::OID,
        Curve::P384 => NistP384::OID,
        Curve::P521 => NistP521::OID,
        Curve::Secp256k1 => Secp256k1::OID,
    }
}
