//! Keys whose private half is 32 random octets: octet key pairs and ML-DSA. `aws-lc-rs` works out the public half.

use aws_lc_rs::agreement;
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand;
use aws_lc_rs::signature::{
    Ed25519KeyPair, KeyPair, ML_DSA_44_SIGNING, ML_DSA_65_SIGNING, ML_DSA_87_SIGNING, PqdsaKeyPair,
    PqdsaSigningAlgorithm,
};
use pkcs8::der::asn1::{BitStringRef, ContextSpecific, ContextSpecificRef, OctetStringRef};
use pkcs8::der::{Decode, Encode, TagMode, TagNumber};
use pkcs8::spki::AlgorithmIdentifierRef;
use pkcs8::{ObjectIdentifier, PrivateKeyInfoRef, SubjectPublicKeyInfoRef};
use zeroize::Zeroizing;

use crate::jose::{KeySpec, OkpCurve, ParameterSet, ParamsError, PrivateParams, PublicParams, SecretBase64Url};

use super::{CheckError, GenerateError};

/// How many octets the private half has, whatever the kind.
const SEED_OCTETS: usize = 32;

/// What the private half is the seed of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SeedKind {
    Okp(OkpCurve),
    Akp(ParameterSet),
}

/// The private half inside PKCS#8, borrowed.
pub(super) struct SeedView<'a> {
    pub(super) kind: SeedKind,
    /// `None` where ML-DSA is written in another way than by its seed alone (RFC 9881 section 6).
    seed: Option<&'a [u8]>,
    /// The public half, where PKCS#8 holds it too (RFC 5958 section 2).
    public: Option<&'a [u8]>,
}

impl SeedKind {
    const ALL: [Self; 5] = [
        Self::Okp(OkpCurve::Ed25519),
        Self::Okp(OkpCurve::X25519),
        Self::Akp(ParameterSet::MlDsa44),
        Self::Akp(ParameterSet::MlDsa65),
        Self::Akp(ParameterSet::MlDsa87),
    ];

    pub(super) fn of_oid(oid: ObjectIdentifier) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.oid() == oid)
    }

    /// RFC 8410 section 3, RFC 9881 section 2.
    const fn oid(self) -> ObjectIdentifier {
        match self {
            Self::Okp(OkpCurve::Ed25519) => ObjectIdentifier::new_unwrap("1.3.101.112"),
            Self::Okp(OkpCurve::X25519) => ObjectIdentifier::new_unwrap("1.3.101.110"),
            Self::Akp(ParameterSet::MlDsa44) => ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.17"),
            Self::Akp(ParameterSet::MlDsa65) => ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.18"),
            Self::Akp(ParameterSet::MlDsa87) => ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.19"),
        }
    }

    const fn spec(self) -> KeySpec {
        match self {
            Self::Okp(curve) => KeySpec::Okp { curve },
            Self::Akp(set) => KeySpec::Akp { set },
        }
    }

    /// Neither kind has parameters.
    fn algorithm(self) -> AlgorithmIdentifierRef<'static> {
        AlgorithmIdentifierRef { oid: self.oid(), parameters: None }
    }

    pub(super) fn public_params(self, public: &[u8]) -> Result<PublicParams, ParamsError> {
        match self {
            Self::Okp(curve) => PublicParams::okp(curve, public),
            Self::Akp(set) => PublicParams::akp(set, public),
        }
    }

    /// Works out the public half.
    fn derive(self, seed: &[u8]) -> Result<PublicParams, CheckError> {
        let member = match self {
            Self::Okp(_) => "d",
            Self::Akp(_) => "priv",
        };
        ParamsError::check_length(member, self.spec().key_kind(), seed.len(), SEED_OCTETS)?;
        let failed = CheckError::Disagree;
        let public = match self {
            Self::Okp(OkpCurve::Ed25519) => {
                let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| failed)?;
                self.public_params(pair.public_key().as_ref())
            }
            Self::Okp(OkpCurve::X25519) => {
                let key = agreement::PrivateKey::from_private_key(&agreement::X25519, seed);
                let public = key.map_err(|_| failed.clone())?.compute_public_key().map_err(|_| failed)?;
                self.public_params(public.as_ref())
            }
            Self::Akp(set) => {
                let pair = PqdsaKeyPair::from_seed(signing(set), seed).map_err(|_| failed)?;
                self.public_params(pair.public_key().as_ref())
            }
        };
        Ok(public?)
    }
}

impl<'a> SeedView<'a> {
    /// The key inside this PKCS#8: `CurvePrivateKey` (RFC 8410 section 7) or `ML-DSA-PrivateKey` (RFC 9881 section 6).
    pub(super) fn read(kind: SeedKind, info: &PrivateKeyInfoRef<'a>) -> Result<Self, CheckError> {
        let inner = info.private_key.as_bytes();
        let seed = match kind {
            SeedKind::Okp(_) => {
                let seed = <&OctetStringRef>::from_der(inner).map_err(|_| CheckError::NotPkcs8)?;
                Some(seed.as_bytes())
            }
            SeedKind::Akp(_) => seed_field(inner),
        };
        if info.algorithm.parameters.is_some() || seed.is_some_and(|seed| seed.len() != SEED_OCTETS) {
            return Err(CheckError::NotPkcs8);
        }
        let public = match &info.public_key {
            Some(public) => Some(public.as_bytes().ok_or(CheckError::NotPkcs8)?),
            None => None,
        };
        Ok(Self { kind, seed, public })
    }

    /// The public half, worked out.
    pub(super) fn public_params(&self) -> Result<PublicParams, CheckError> {
        self.kind.derive(self.seed.ok_or(CheckError::NotPkcs8)?)
    }

    pub(super) fn private_params(&self) -> Result<PrivateParams, CheckError> {
        let seed = SecretBase64Url::new(self.seed.ok_or(CheckError::NotPkcs8)?);
        Ok(match self.kind {
            SeedKind::Okp(_) => PrivateParams::Okp { d: seed },
            SeedKind::Akp(_) => PrivateParams::Akp { seed },
        })
    }
}

/// A new key as PKCS#8 DER.
pub(super) fn generate(kind: SeedKind) -> Result<Zeroizing<Vec<u8>>, GenerateError> {
    let failed = |_| GenerateError::Failed { spec: kind.spec() };
    let mut seed = Zeroizing::new([0; SEED_OCTETS]);
    rand::fill(&mut *seed).map_err(failed)?;
    pkcs8_der(kind, &*seed).map_err(|_| GenerateError::Failed { spec: kind.spec() })
}

/// The key as PKCS#8 DER of its seed alone, once that is known to belong to whatever else `der` holds.
pub(super) fn canonical(view: &SeedView<'_>, der: &[u8]) -> Result<Zeroizing<Vec<u8>>, CheckError> {
    let canonical = match (view.seed, view.kind) {
        (Some(seed), kind) => pkcs8_der(kind, seed)?,
        (None, SeedKind::Akp(set)) => {
            // The library knows the other two ways, and checks that a seed and an expanded key agree.
            let pair = PqdsaKeyPair::from_pkcs8(signing(set), der).map_err(|_| CheckError::Disagree)?;
            let seed: Pkcs8V1Der<'_> = pair.private_key().as_der().map_err(|_| CheckError::NoSeed)?;
            Zeroizing::new(seed.as_ref().to_vec())
        }
        (None, SeedKind::Okp(_)) => return Err(CheckError::NotPkcs8),
    };
    if let Some(public) = view.public {
        let given = view.kind.public_params(public)?;
        let info = PrivateKeyInfoRef::try_from(&canonical[..]).map_err(|_| CheckError::Encode)?;
        if SeedView::read(view.kind, &info)?.public_params()? != given {
            return Err(CheckError::Disagree);
        }
    }
    Ok(canonical)
}

/// The key with this private half as PKCS#8 DER (RFC 8410 section 7, RFC 9881 section 6).
pub(super) fn pkcs8_der(kind: SeedKind, seed: &[u8]) -> Result<Zeroizing<Vec<u8>>, CheckError> {
    let encode = || -> pkcs8::der::Result<Zeroizing<Vec<u8>>> {
        let seed = OctetStringRef::new(seed)?;
        let inner = Zeroizing::new(match kind {
            SeedKind::Okp(_) => seed.to_der()?,
            SeedKind::Akp(_) => {
                ContextSpecificRef { tag_number: SEED_TAG, tag_mode: TagMode::Implicit, value: &seed }.to_der()?
            }
        });
        PrivateKeyInfoRef::new(kind.algorithm(), OctetStringRef::new(&inner)?).to_der().map(Zeroizing::new)
    };
    if seed.len() != SEED_OCTETS {
        return Err(CheckError::Disagree);
    }
    encode().map_err(|_| CheckError::Encode)
}

/// The public key as `SubjectPublicKeyInfo` DER (RFC 8410 section 4, RFC 9881 section 4).
pub(super) fn spki_der(kind: SeedKind, public: &[u8]) -> pkcs8::der::Result<Vec<u8>> {
    SubjectPublicKeyInfoRef { algorithm: kind.algorithm(), subject_public_key: BitStringRef::from_bytes(public)? }
        .to_der()
}

/// `seed [0] OCTET STRING` in the choice `ML-DSA-PrivateKey`.
const SEED_TAG: TagNumber = TagNumber(0);

fn seed_field(inner: &[u8]) -> Option<&[u8]> {
    let mut reader = pkcs8::der::SliceReader::new(inner).ok()?;
    let field = ContextSpecific::<&OctetStringRef>::decode_implicit(&mut reader, SEED_TAG).ok()??;
    pkcs8::der::Reader::finish(reader).ok()?;
    Some(field.value.as_bytes())
}

pub(super) const fn signing(set: ParameterSet) -> &'static PqdsaSigningAlgorithm {
    match set {
        ParameterSet::MlDsa44 => &ML_DSA_44_SIGNING,
        ParameterSet::MlDsa65 => &ML_DSA_65_SIGNING,
        ParameterSet::MlDsa87 => &ML_DSA_87_SIGNING,
    }
}
