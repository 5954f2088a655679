//! Private keys, out of anything.

use crate::jose::Use;
use crate::material::password::Work;
use crate::material::{Certificate, PrivateKey, PssOnly};

use super::der::DerShape;
use super::{Kind, ReadError, Refused, dek_info, der, json, openssh, pem_blocks, pkcs12};

/// Finds all private keys in a file, and checks each like [`PrivateKey::from_pkcs8_der`].
///
/// It reads: PEM with PKCS#8, PKCS#1, SEC1 and OpenSSH keys, plain and encrypted (PBES2, PKCS#12's schemes, the
/// `DEK-Info` of openssl's older files, OpenSSH's own), and the certificates beside them; the same as DER; private JWKs
/// and JWK Sets; PKCS#12. What the passphrase is not needed for is read without one.
///
/// Blocks the thread, for some seconds at the very worst: keep it off async threads.
///
/// # Errors
/// If the file as a whole cannot be read, or holds no private key. A part that cannot be read, beside others that can,
/// is in [`PrivateContents::refused`].
pub fn private_keys(octets: &[u8], passphrase: Option<&str>) -> Result<PrivateContents, ReadError> {
    with_keys(read(octets, passphrase, Work::new())?)
}

/// The same, where certificates without any key are worth having too: a PKCS#12 trust store.
///
/// # Errors
/// If the file as a whole cannot be read.
pub fn private_contents(octets: &[u8], passphrase: Option<&str>) -> Result<PrivateContents, ReadError> {
    read(octets, passphrase, Work::new())
}

/// The same of a file that Keyturn wrote, whose keystores may hold every key of a large set: it may take ten times as long.
///
/// # Errors
/// As [`private_keys`].
pub fn own_private_keys(octets: &[u8], passphrase: Option<&str>) -> Result<PrivateContents, ReadError> {
    with_keys(read(octets, passphrase, Work::for_own_files())?)
}

fn read(octets: &[u8], passphrase: Option<&str>, work: Work) -> Result<PrivateContents, ReadError> {
    let mut reading = Reading { passphrase, work, found: PrivateContents::default() };
    match Kind::of(octets)? {
        Kind::Pem(text) => read_pem(&text, &mut reading)?,
        Kind::Json(text) => json::private(text, &mut reading)?,
        Kind::Der(octets) => read_der(octets, &mut reading)?,
        Kind::OpenSsh(_) => return Err(ReadError::NoPrivateKey),
    }
    let mut found = reading.found;
    found.join_certificates();
    Ok(found)
}

fn with_keys(found: PrivateContents) -> Result<PrivateContents, ReadError> {
    match (found.keys.is_empty(), found.refused.is_empty()) {
        (true, true) => Err(ReadError::NoPrivateKey),
        _ => Ok(found),
    }
}

/// What was in a file.
#[derive(Debug, Default)]
pub struct PrivateContents {
    /// The keys, in their order.
    pub keys: Vec<FoundKey>,
    /// The parts that hold keys which cannot be used.
    pub refused: Vec<Refused>,
    /// Certificates that belong to none of the keys.
    pub certificates: Vec<FoundCertificate>,
}

impl PrivateContents {
    /// The keys, if there is nothing beside them that could not be used.
    ///
    /// # Errors
    /// The first part that was refused.
    pub fn into_all(self) -> Result<Vec<FoundKey>, Refused> {
        match self.refused.into_iter().next() {
            Some(refused) => Err(refused),
            None => Ok(self.keys),
        }
    }

    /// Puts each certificate beside the key that it is of.
    fn join_certificates(&mut self) {
        for one in std::mem::take(&mut self.certificates) {
            let public = one.certificate.public();
            let owner = self.keys.iter_mut().find(|found| {
                found.certificate.is_none() && public.as_ref().is_ok_and(|public| found.key.matches(public))
            });
            match owner {
                Some(owner) => owner.certificate = Some(one.certificate),
                None => self.certificates.push(one),
            }
        }
    }
}

/// A private key, and what the file says about it.
#[derive(Clone, Debug)]
pub struct FoundKey {
    /// The key, checked.
    pub key: PrivateKey,
    /// Its kid, alias, `friendlyName` or comment, if it has one.
    pub name: Option<String>,
    /// The JWK member `alg`, known here or not.
    pub alg: Option<String>,
    /// The JWK member `use`.
    pub usage: Option<Use>,
    /// What the key is restricted to, if to anything.
    pub pss_only: Option<PssOnly>,
    /// Its certificate, if the file has it.
    pub certificate: Option<Certificate>,
    /// Where in the file it is, such as `block 2` or `keys[1]`.
    pub place: String,
    /// What it was written as, such as `PKCS#1 PEM`.
    pub format: &'static str,
}

/// A certificate without its key.
#[derive(Clone, Debug)]
pub struct FoundCertificate {
    /// The certificate.
    pub certificate: Certificate,
    /// Its alias or `friendlyName`, if it has one.
    pub name: Option<String>,
    /// Where in the file it is, such as `bag 1`.
    pub place: String,
}

/// A key, and what its encoding says of it.
pub(super) struct Parsed {
    pub(super) key: PrivateKey,
    pub(super) pss_only: Option<PssOnly>,
}

impl From<PrivateKey> for Parsed {
    fn from(key: PrivateKey) -> Self {
        Self { key, pss_only: None }
    }
}

/// One reading of one file.
pub(super) struct Reading<'a> {
    passphrase: Option<&'a str>,
    pub(super) work: Work,
    pub(super) found: PrivateContents,
}

impl<'a> Reading<'a> {
    /// The passphrase, where nothing goes on without it.
    pub(super) fn passphrase(&self) -> Result<&'a str, ReadError> {
        self.passphrase.ok_or(ReadError::PassphraseMissing)
    }

    /// Writes down one part of the file.
    pub(super) fn add(
        &mut self,
        place: String,
        name: Option<String>,
        format: &'static str,
        key: Result<impl Into<Parsed>, ReadError>,
    ) {
        match key.map(Into::into) {
            Ok(Parsed { key, pss_only }) => {
                let found = FoundKey { key, name, alg: None, usage: None, pss_only, certificate: None, place, format };
                self.found.keys.push(found);
            }
            Err(error) => self.found.refused.push(Refused { place, name, format, error }),
        }
    }
}

fn read_der(octets: &[u8], reading: &mut Reading<'_>) -> Result<(), ReadError> {
    let (format, key) = match DerShape::of(octets)? {
        DerShape::Pkcs12 => return pkcs12::read(octets, reading),
        DerShape::Pkcs8 => ("PKCS#8 DER", der::pkcs8(octets)?),
        DerShape::EncryptedPkcs8 => ("encrypted PKCS#8 DER", der::encrypted_pkcs8(octets, reading)?),
        DerShape::Pkcs1 => ("PKCS#1 DER", der::pkcs1(octets)?),
        DerShape::Sec1 => ("SEC1 DER", der::sec1(octets)?),
        DerShape::Certificate | DerShape::Spki | DerShape::Pkcs1Public => return Err(ReadError::NoPrivateKey),
    };
    reading.add("the file".to_owned(), None, format, Ok(key));
    Ok(())
}

fn read_pem(text: &str, reading: &mut Reading<'_>) -> Result<(), ReadError> {
    for (index, block) in pem_blocks::blocks(text)?.into_iter().enumerate() {
        let mut name = block.friendly_name.clone();
        let encrypted = block.dek_info.is_some();
        let (format, key) = match (block.label, encrypted) {
            ("PRIVATE KEY", _) => ("PKCS#8 PEM", der::pkcs8(&block.octets)),
            ("ENCRYPTED PRIVATE KEY", _) => ("encrypted PKCS#8 PEM", der::encrypted_pkcs8(&block.octets, reading)),
            ("RSA PRIVATE KEY", false) => ("PKCS#1 PEM", der::pkcs1(&block.octets)),
            ("RSA PRIVATE KEY", true) => ("encrypted PKCS#1 PEM", dek_info::open(&block, reading, der::pkcs1)),
            ("EC PRIVATE KEY", false) => ("SEC1 PEM", der::sec1(&block.octets)),
            ("EC PRIVATE KEY", true) => ("encrypted SEC1 PEM", dek_info::open(&block, reading, der::sec1)),
            ("OPENSSH PRIVATE KEY", _) => {
                ("OpenSSH", openssh::read(&block.octets, reading, &mut name).map(Parsed::from))
            }
            ("CERTIFICATE" | "X509 CERTIFICATE" | "TRUSTED CERTIFICATE", _) => {
                let place = format!("block {}", index + 1);
                let found = |certificate| FoundCertificate { certificate, name, place };
                reading.found.certificates.extend(Certificate::from_der(&block.octets).map(found));
                continue;
            }
            (label, _) if label.ends_with("PRIVATE KEY") => {
                let what = label.chars().take(40).collect::<String>();
                ("PEM", Err(ReadError::unsupported(what, "convert it with openssl pkcs8 -topk8 -nocrypt")))
            }
            // Curve parameters, public keys and the like are no private keys, and no mistake.
            _ => continue,
        };
        reading.add(format!("block {}", index + 1), name, format, key);
    }
    Ok(())
}
