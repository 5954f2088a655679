//! PKCS#12 (RFC 7292) of any program: all its bags, each decrypted within what work is left.

use pkcs8::der::asn1::{BmpString, ContextSpecific, OctetString};
use pkcs8::der::{AnyRef, Decode, Encode};
use pkcs12::cms::content_info::ContentInfo;
use pkcs12::cms::encrypted_data::EncryptedData;
use pkcs12::pbe_params::EncryptedPrivateKeyInfo;
use pkcs12::safe_bag::{SafeBag, SafeContents};
use pkcs12::{AuthenticatedSafe, CertBag, MacData, Pfx};
use zeroize::{Zeroize, Zeroizing};

use crate::material::Certificate;
use crate::material::encrypted_pkcs8::unshroud;
use crate::material::password::decrypt;
use crate::material::pkcs12::{DATA, ENCRYPTED_DATA, FRIENDLY_NAME, MacDigest};

use super::private::{FoundCertificate, Parsed, Reading};
use super::{ReadError, der};

const DAMAGED: ReadError = ReadError::Damaged { what: "this PKCS#12 keystore" };
const REWRITE: &str = "write it anew with openssl pkcs12 -export, or keytool -importkeystore";

pub(super) fn read(octets: &[u8], reading: &mut Reading<'_>) -> Result<(), ReadError> {
    let pfx = Pfx::from_der(octets).map_err(|_| DAMAGED)?;
    if pfx.auth_safe.content_type != DATA {
        return Err(ReadError::unsupported("a PKCS#12 keystore under a signature", REWRITE));
    }
    let contents = pfx.auth_safe.content.decode_as::<OctetString>().map_err(|_| DAMAGED)?;
    if let Some(mac) = &pfx.mac_data {
        verify(mac, contents.as_bytes(), reading)?;
    }
    let safes = AuthenticatedSafe::from_der(contents.as_bytes()).map_err(|_| DAMAGED)?;
    let mut place = 0;
    for safe in safes {
        for mut bag in SafeContents::from_der(&open(&safe, reading)?).map_err(|_| DAMAGED)? {
            place += 1;
            read_bag(&bag, place, reading);
            bag.bag_value.zeroize();
        }
    }
    Ok(())
}

/// Checks the passphrase before anything is decrypted.
fn verify(mac: &MacData, contents: &[u8], reading: &mut Reading<'_>) -> Result<(), ReadError> {
    let oid = mac.mac.algorithm.oid;
    let digest = MacDigest::from_oid(oid)
        .ok_or_else(|| ReadError::unsupported(format!("a PKCS#12 keystore with a MAC of type {oid}"), REWRITE))?;
    let passphrase = reading.passphrase()?;
    reading.work.spend(u64::try_from(mac.iterations).map_err(|_| DAMAGED)?)?;
    match digest.verifies(mac, contents, passphrase) {
        Ok(true) => Ok(()),
        _ => Err(ReadError::WrongPassphrase),
    }
}

/// The bags of one safe, decrypted.
fn open(safe: &ContentInfo, reading: &mut Reading<'_>) -> Result<Zeroizing<Vec<u8>>, ReadError> {
    match safe.content_type {
        DATA => {
            let octets = safe.content.decode_as::<OctetString>().map_err(|_| DAMAGED)?;
            Ok(Zeroizing::new(octets.into_bytes().into()))
        }
        ENCRYPTED_DATA => {
            let data = safe.content.decode_as::<EncryptedData>().map_err(|_| DAMAGED)?.enc_content_info;
            let encrypted = data.encrypted_content.ok_or(DAMAGED)?;
            decrypt(&data.content_enc_alg, encrypted.as_bytes(), reading.passphrase()?, &mut reading.work)
        }
        oid => Err(ReadError::unsupported(format!("a PKCS#12 keystore with contents of type {oid}"), REWRITE)),
    }
}

fn read_bag(bag: &SafeBag, place: usize, reading: &mut Reading<'_>) {
    let key = match bag.bag_id {
        pkcs12::PKCS_12_KEY_BAG_OID => plain_key(bag),
        pkcs12::PKCS_12_PKCS8_KEY_BAG_OID => shrouded_key(bag, reading),
        pkcs12::PKCS_12_CERT_BAG_OID => {
            let found = |certificate| FoundCertificate { certificate, name: friendly_name(bag), place: at(place) };
            reading.found.certificates.extend(certificate(bag).map(found));
            return;
        }
        pkcs12::PKCS_12_SECRET_BAG_OID => {
            Err(ReadError::unsupported("a secret key in PKCS#12", "give symmetric keys as a JWK"))
        }
        pkcs12::PKCS_12_SAFE_CONTENTS_BAG_OID => {
            Err(ReadError::unsupported("a PKCS#12 keystore with a safe inside a safe", REWRITE))
        }
        // Revocation lists and whatever else holds no key.
        _ => return,
    };
    reading.add(at(place), friendly_name(bag), "PKCS#12", key);
}

fn at(place: usize) -> String {
    format!("bag {place}")
}

fn plain_key(bag: &SafeBag) -> Result<Parsed, ReadError> {
    let outer = AnyRef::from_der(&bag.bag_value).map_err(|_| DAMAGED)?;
    der::pkcs8(outer.value())
}

fn shrouded_key(bag: &SafeBag, reading: &mut Reading<'_>) -> Result<Parsed, ReadError> {
    let shrouded: ContextSpecific<EncryptedPrivateKeyInfo> =
        ContextSpecific::from_der(&bag.bag_value).map_err(|_| DAMAGED)?;
    der::pkcs8(&unshroud(&shrouded.value, reading.passphrase()?, &mut reading.work)?)
}

/// A certificate that cannot be read keeps no key from being found.
fn certificate(bag: &SafeBag) -> Option<Certificate> {
    let bag: ContextSpecific<CertBag> = ContextSpecific::from_der(&bag.bag_value).ok()?;
    Certificate::from_der(bag.value.cert_value.as_bytes()).ok()
}

fn friendly_name(bag: &SafeBag) -> Option<String> {
    let attribute = bag.bag_attributes.as_ref()?.iter().find(|attribute| attribute.oid == FRIENDLY_NAME)?;
    let value = attribute.values.iter().next()?.to_der().ok()?;
    let name = BmpString::from_der(&value).ok()?.to_string();
    Some(name).filter(|name| !name.is_empty())
}
