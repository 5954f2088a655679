//! DER that says by its shape what it is.

use pkcs8::PrivateKeyInfoRef;
use pkcs8::der::asn1::{AnyRef, OctetStringRef};
use pkcs8::der::{Decode, Encode, Reader, SliceReader, Tag, Tagged};
use pkcs8::spki::AlgorithmIdentifierRef;
use pkcs12::pbe_params::EncryptedPrivateKeyInfo;
use rsa::pkcs1;
use sec1::{EcParameters, EcPrivateKey};
use zeroize::Zeroizing;

use crate::material::encrypted_pkcs8::unshroud;
use crate::material::pkcs8_view::EC_OID;
use crate::material::{CheckError, PrivateKey, PssOnly};

use super::ReadError;
use super::private::{Parsed, Reading};

/// What a document is, by the types of its first members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DerShape {
    Pkcs12,
    Pkcs8,
    EncryptedPkcs8,
    Pkcs1,
    Sec1,
    Certificate,
    Spki,
    Pkcs1Public,
}

impl DerShape {
    pub(super) fn of(octets: &[u8]) -> Result<Self, ReadError> {
        const DAMAGED: ReadError = ReadError::Damaged { what: "this DER" };
        let outer = AnyRef::from_der(octets).map_err(|_| DAMAGED)?;
        let mut members = SliceReader::new(outer.value()).map_err(|_| DAMAGED)?;
        let first = AnyRef::decode(&mut members).map_err(|_| DAMAGED)?;
        let second = AnyRef::decode(&mut members).map_err(|_| DAMAGED)?;
        match (first.tag(), first.value(), second.tag()) {
            (Tag::Integer, [3], Tag::Sequence) => Ok(Self::Pkcs12),
            (Tag::Integer, _, Tag::Sequence) => Ok(Self::Pkcs8),
            (Tag::Integer, _, Tag::Integer) if members.is_finished() => Ok(Self::Pkcs1Public),
            (Tag::Integer, _, Tag::Integer) => Ok(Self::Pkcs1),
            (Tag::Integer, _, Tag::OctetString) => Ok(Self::Sec1),
            (Tag::Sequence, _, Tag::OctetString) => Ok(Self::EncryptedPkcs8),
            (Tag::Sequence, _, Tag::BitString) => Ok(Self::Spki),
            (Tag::Sequence, _, Tag::Sequence) => Ok(Self::Certificate),
            _ => Err(ReadError::Unrecognised),
        }
    }
}

pub(super) fn pkcs8(der: &[u8]) -> Result<Parsed, ReadError> {
    let key = PrivateKey::from_pkcs8_der(der).map_err(|error| match error {
        CheckError::NotPkcs8 => ReadError::Damaged { what: "this PKCS#8 key" },
        error => error.into(),
    })?;
    let pss_only = PrivateKeyInfoRef::try_from(der).ok().and_then(|info| PssOnly::of(&info.algorithm));
    Ok(Parsed { key, pss_only })
}

pub(super) fn encrypted_pkcs8(der: &[u8], reading: &mut Reading<'_>) -> Result<Parsed, ReadError> {
    let damaged = ReadError::Damaged { what: "this encrypted PKCS#8 key" };
    let shrouded = EncryptedPrivateKeyInfo::from_der(der).map_err(|_| damaged)?;
    pkcs8(&unshroud(&shrouded, reading.passphrase()?, &mut reading.work)?)
}

pub(super) fn pkcs1(der: &[u8]) -> Result<Parsed, ReadError> {
    const DAMAGED: ReadError = ReadError::Damaged { what: "this PKCS#1 key" };
    pkcs1::RsaPrivateKeyRef::from_der(der).map_err(|_| DAMAGED)?;
    wrap(pkcs1::ALGORITHM_ID, der).ok_or(DAMAGED)?
}

/// SEC1, where the curve stands inside; openssl leaves it out of no file of its own.
pub(super) fn sec1(der: &[u8]) -> Result<Parsed, ReadError> {
    const DAMAGED: ReadError = ReadError::Damaged { what: "this SEC1 key" };
    let key = match EcPrivateKey::from_der(der) {
        Err(_) if has_explicit_curve(der) => return Err(CheckError::ExplicitCurve.into()),
        key => key.map_err(|_| DAMAGED)?,
    };
    let Some(EcParameters::NamedCurve(curve)) = key.parameters else {
        return Err(CheckError::UnsupportedCurve.into());
    };
    wrap(AlgorithmIdentifierRef { oid: EC_OID, parameters: Some((&curve).into()) }, der).ok_or(DAMAGED)?
}

/// Whether the third member spells the curve out, in a sequence, and does not name it.
fn has_explicit_curve(der: &[u8]) -> bool {
    let third = || -> pkcs8::der::Result<AnyRef<'_>> {
        let mut members = SliceReader::new(AnyRef::from_der(der)?.value())?;
        AnyRef::decode(&mut members)?;
        AnyRef::decode(&mut members)?;
        AnyRef::from_der(AnyRef::decode(&mut members)?.value())
    };
    third().is_ok_and(|curve| curve.tag() == Tag::Sequence)
}

/// Puts an older encoding into PKCS#8, which is checked.
fn wrap(algorithm: AlgorithmIdentifierRef<'_>, key: &[u8]) -> Option<Result<Parsed, ReadError>> {
    let info = PrivateKeyInfoRef::new(algorithm, OctetStringRef::new(key).ok()?);
    let der = info.to_der().map(Zeroizing::new).ok()?;
    Some(pkcs8(&der))
}
