//! Keystores: PKCS#12 (RFC 7292), as Java and openssl read them.

use std::collections::HashSet;

use hmac::digest::Digest;
use hmac::digest::block_api::{BlockSizeUser, EagerHash};
use hmac::digest::{FixedOutputReset, OutputSizeUser};
use hmac::{Hmac, KeyInit, Mac};
use pkcs8::ObjectIdentifier;
use pkcs8::der::asn1::{BmpString, OctetString, SetOfVec};
use pkcs8::der::{self, Any, Encode};
use pkcs8::spki::AlgorithmIdentifierOwned;
use pkcs12::cms::content_info::{CmsVersion, ContentInfo};
use pkcs12::cms::encrypted_data::EncryptedData;
use pkcs12::cms::enveloped_data::EncryptedContentInfo;
use pkcs12::kdf::{Pkcs12KeyType, derive_key_utf8};
use pkcs12::pfx::{Pfx, Version};
use pkcs12::safe_bag::SafeBag;
use pkcs12::{CertBag, DigestInfo, MacData};
use sha1::Sha1;
use sha2::{Sha256, Sha384, Sha512};
use x509_cert::attr::{Attribute, Attributes};
use zeroize::Zeroizing;

use super::encrypted_pkcs8::shroud;
use super::password::{Recipe, encrypt};
use super::randomness::draw;
use super::{Certificate, EncodeError, PrivateKey};

/// One key of a keystore.
#[derive(Clone, Copy, Debug)]
pub struct KeystoreEntry<'a> {
    /// Its name in the keystore, which Java compares in lower case: the kid.
    pub alias: &'a str,
    /// The key.
    pub key: &'a PrivateKey,
    /// Its certificate, without which Java does not see the key.
    pub certificate: &'a Certificate,
}

/// How a keystore is encrypted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum KeystoreProfile {
    /// AES-256-CBC with PBKDF2 and HMAC-SHA-256: for Java since 8u301, and openssl since 1.1.
    #[default]
    Modern,
    /// Triple DES and SHA-1: for older readers. openssl 3 reads it only with `-legacy` switched on.
    Legacy,
}

impl KeystoreProfile {
    /// Ten times what Java itself takes. Each key of the keystore is stretched anew, and Java does so while a server
    /// starts, so it is fewer than a PEM file's.
    const ITERATIONS: u32 = 100_000;

    const fn recipe(self) -> Recipe {
        match self {
            Self::Modern => Recipe::Aes256 { iterations: Self::ITERATIONS },
            Self::Legacy => Recipe::TripleDes { iterations: Self::ITERATIONS },
        }
    }
}

/// Writes a keystore. Every call draws new salts, so that the same keys never make the same octets.
///
/// Takes about a tenth of a second, and half of one for each key: keep it off async threads. Java before 16 wants the
/// passphrase in ASCII.
///
/// # Errors
/// If the passphrase is empty, two aliases are the same for Java, a certificate is of another key, or the operating
/// system gives no randomness.
pub fn write(
    entries: &[KeystoreEntry<'_>],
    passphrase: &str,
    profile: KeystoreProfile,
) -> Result<Vec<u8>, EncodeError> {
    let mut aliases = HashSet::new();
    let mut keys = Vec::with_capacity(entries.len());
    let mut certificates = Vec::with_capacity(entries.len());
    for KeystoreEntry { alias, key, certificate } in entries {
        if !aliases.insert(alias.to_lowercase()) {
            return Err(EncodeError::SameAlias { alias: (*alias).to_owned() });
        }
        if !certificate.public().is_ok_and(|public| key.matches(&public)) {
            return Err(EncodeError::ForeignCertificate { alias: (*alias).to_owned() });
        }
        let attributes = attributes(alias, certificate)?;
        let shrouded = shroud(key.pkcs8()?, passphrase, profile.recipe())?;
        keys.push(bag(pkcs12::PKCS_12_PKCS8_KEY_BAG_OID, &shrouded, &attributes)?);
        let cert_value = OctetString::new(certificate.der()).map_err(fault)?;
        let certificate = CertBag { cert_id: pkcs12::PKCS_12_X509_CERT_OID, cert_value };
        certificates.push(bag(pkcs12::PKCS_12_CERT_BAG_OID, &certificate, &attributes)?);
    }
    let safes = vec![
        encrypted_data(&certificates.to_der().map_err(fault)?, passphrase, profile.recipe())?,
        data(&keys.to_der().map_err(fault)?).map_err(fault)?,
    ];
    let safes = safes.to_der().map_err(fault)?;
    let mac = match profile {
        KeystoreProfile::Modern => mac::<Sha256>(MacDigest::Sha256, &safes, passphrase)?,
        KeystoreProfile::Legacy => mac::<Sha1>(MacDigest::Sha1, &safes, passphrase)?,
    };
    let pfx = Pfx { version: Version::V3, auth_safe: data(&safes).map_err(fault)?, mac_data: Some(mac) };
    pfx.to_der().map_err(fault)
}

/// `friendlyName` (PKCS#9, RFC 2985 section 5.5.1).
pub(super) const FRIENDLY_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.20");
/// `localKeyId` (RFC 2985 section 5.5.2), which ties a certificate to its key.
const LOCAL_KEY_ID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.21");
/// `id-data` (RFC 5652 section 4).
pub(super) const DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.1");
/// `id-encryptedData` (RFC 5652 section 8).
pub(super) const ENCRYPTED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.6");

/// The hashes that a keystore's MAC is made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MacDigest {
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

impl MacDigest {
    const ALL: [Self; 4] = [Self::Sha1, Self::Sha256, Self::Sha384, Self::Sha512];

    pub(super) fn from_oid(oid: ObjectIdentifier) -> Option<Self> {
        Self::ALL.into_iter().find(|digest| digest.oid() == oid)
    }

    const fn oid(self) -> ObjectIdentifier {
        ObjectIdentifier::new_unwrap(match self {
            Self::Sha1 => "1.3.14.3.2.26",
            Self::Sha256 => "2.16.840.1.101.3.4.2.1",
            Self::Sha384 => "2.16.840.1.101.3.4.2.2",
            Self::Sha512 => "2.16.840.1.101.3.4.2.3",
        })
    }

    /// The MAC over a keystore's contents, still to be compared; an error if the passphrase cannot be PKCS#12's.
    pub(super) fn verifies(self, mac: &MacData, contents: &[u8], passphrase: &str) -> der::Result<bool> {
        match self {
            Self::Sha1 => verifies::<Sha1>(mac, contents, passphrase),
            Self::Sha256 => verifies::<Sha256>(mac, contents, passphrase),
            Self::Sha384 => verifies::<Sha384>(mac, contents, passphrase),
            Self::Sha512 => verifies::<Sha512>(mac, contents, passphrase),
        }
    }
}

fn mac<D>(digest: MacDigest, contents: &[u8], passphrase: &str) -> Result<MacData, EncodeError>
where
    D: EagerHash + Digest + FixedOutputReset + BlockSizeUser,
{
    let salt = draw::<16>()?;
    let iterations = i32::try_from(KeystoreProfile::ITERATIONS).map_err(|_| EncodeError::Fault)?;
    let hmac = keyed::<D>(contents, &salt, iterations, passphrase)
        .map_err(|_| EncodeError::Characters { what: "the passphrase" })?;
    Ok(MacData {
        mac: DigestInfo {
            algorithm: AlgorithmIdentifierOwned { oid: digest.oid(), parameters: Some(Any::null()) },
            digest: OctetString::new(hmac.finalize().into_bytes().as_slice()).map_err(fault)?,
        },
        mac_salt: OctetString::new(salt.as_slice()).map_err(fault)?,
        iterations,
    })
}

fn verifies<D>(mac: &MacData, contents: &[u8], passphrase: &str) -> der::Result<bool>
where
    D: EagerHash + Digest + FixedOutputReset + BlockSizeUser,
{
    let hmac = keyed::<D>(contents, mac.mac_salt.as_bytes(), mac.iterations, passphrase)?;
    Ok(hmac.verify_slice(mac.mac.digest.as_bytes()).is_ok())
}

/// RFC 7292 appendix B.4, up to the last step.
fn keyed<D>(contents: &[u8], salt: &[u8], iterations: i32, passphrase: &str) -> der::Result<Hmac<D>>
where
    D: EagerHash + Digest + FixedOutputReset + BlockSizeUser,
{
    let octets = <D as OutputSizeUser>::output_size();
    let key = derive_key_utf8::<D>(passphrase, salt, Pkcs12KeyType::Mac, iterations, octets).map(Zeroizing::new)?;
    let mut hmac = Hmac::<D>::new_from_slice(&key).map_err(|_| der::Tag::OctetString.length_error())?;
    hmac.update(contents);
    Ok(hmac)
}

fn attributes(alias: &str, certificate: &Certificate) -> Result<Attributes, EncodeError> {
    let name = BmpString::from_utf8(alias).map_err(|_| EncodeError::Characters { what: "an alias" })?;
    let id = OctetString::new(certificate.x5t_s256().octets()).map_err(fault)?;
    let mut attributes = Attributes::new();
    for (oid, value) in [(FRIENDLY_NAME, Any::encode_from(&name)), (LOCAL_KEY_ID, Any::encode_from(&id))] {
        let values = SetOfVec::try_from([value.map_err(fault)?]).map_err(fault)?;
        attributes.insert(Attribute { oid, values }).map_err(fault)?;
    }
    Ok(attributes)
}

fn bag(bag_id: ObjectIdentifier, value: &impl Encode, attributes: &Attributes) -> Result<SafeBag, EncodeError> {
    Ok(SafeBag { bag_id, bag_value: value.to_der().map_err(fault)?, bag_attributes: Some(attributes.clone()) })
}

fn data(octets: &[u8]) -> der::Result<ContentInfo> {
    Ok(ContentInfo { content_type: DATA, content: Any::encode_from(&OctetString::new(octets)?)? })
}

fn encrypted_data(plain: &[u8], passphrase: &str, recipe: Recipe) -> Result<ContentInfo, EncodeError> {
    let (content_enc_alg, encrypted) = encrypt(recipe, plain, passphrase)?;
    let encrypted = EncryptedData {
        version: CmsVersion::V0,
        enc_content_info: EncryptedContentInfo {
            content_type: DATA,
            content_enc_alg,
            encrypted_content: Some(OctetString::new(encrypted).map_err(fault)?),
        },
        unprotected_attrs: None,
    };
    Ok(ContentInfo { content_type: ENCRYPTED_DATA, content: Any::encode_from(&encrypted).map_err(fault)? })
}

fn fault(_: der::Error) -> EncodeError {
    EncodeError::Fault
}
