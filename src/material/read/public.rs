//! Public keys and certificates, out of anything.

use crate::jose::{PublicParams, Use};
use crate::material::{Certificate, CheckError, PssOnly, point, spki};

use super::der::DerShape;
use super::private::FoundCertificate;
use super::{Kind, ReadError, Refused, json, openssh, pem_blocks};

/// Finds all public keys and certificates in a file: PEM and DER of SPKI, PKCS#1 and X.509, JWKs and JWK Sets, the public lines
/// of OpenSSH.
///
/// Private keys in PEM and DER are passed over: [`private_keys`](super::private_keys) finds those. Of a private JWK the
/// public half is given.
///
/// # Errors
/// If the file as a whole cannot be read, or holds nothing public.
pub fn public_keys(octets: &[u8]) -> Result<PublicContents, ReadError> {
    let mut found = PublicContents::default();
    match Kind::of(octets)? {
        Kind::Json(text) => json::public(text, &mut found)?,
        Kind::OpenSsh(text) => {
            for (number, line) in openssh::public_lines(&text) {
                let mut name = None;
                let read = openssh::read_public(line, &mut name);
                found.note(format!("line {number}"), name, "OpenSSH", None, read);
            }
        }
        Kind::Der(octets) => found.add("the file".to_owned(), None, DerShape::of(octets)?, octets),
        Kind::Pem(text) => {
            for (index, block) in pem_blocks::blocks(&text)?.into_iter().enumerate() {
                let shape = match block.label {
                    "PUBLIC KEY" => DerShape::Spki,
                    "RSA PUBLIC KEY" => DerShape::Pkcs1Public,
                    "CERTIFICATE" | "X509 CERTIFICATE" => DerShape::Certificate,
                    _ => continue,
                };
                found.add(format!("block {}", index + 1), block.friendly_name, shape, &block.octets);
            }
        }
    }
    match (found.keys.is_empty(), found.refused.is_empty()) {
        (true, true) => Err(ReadError::NoPublicKey),
        _ => Ok(found),
    }
}

/// What was in a file.
#[derive(Debug, Default)]
pub struct PublicContents {
    /// The public keys, in their order.
    pub keys: Vec<FoundPublic>,
    /// The parts that hold keys which cannot be used.
    pub refused: Vec<Refused>,
}

/// A public key, and what the file says about it.
#[derive(Clone, Debug)]
pub struct FoundPublic {
    /// The key.
    pub params: PublicParams,
    /// Its kid or `friendlyName`, if it has one.
    pub name: Option<String>,
    /// The certificate that it is in, if it is in one.
    pub certificate: Option<Certificate>,
    /// Where in the file it is, such as `block 2` or `keys[1]`.
    pub place: String,
    /// What it was written as, such as `SPKI`.
    pub format: &'static str,
    /// Whether its private half stands beside it.
    pub had_private: bool,
    /// The JWK member `alg`, known here or not.
    pub alg: Option<String>,
    /// The JWK member `use`.
    pub usage: Option<Use>,
    /// What the key is restricted to, if to anything.
    pub pss_only: Option<PssOnly>,
}

impl PublicContents {
    fn add(&mut self, place: String, name: Option<String>, shape: DerShape, der: &[u8]) {
        match shape {
            DerShape::Spki => {
                let read = spki::read(der).map_err(ReadError::from);
                self.note(place, name, "SPKI", spki::pss_only(der), read);
            }
            DerShape::Pkcs1Public => {
                self.note(place, name, "PKCS#1", None, spki::read_rsa_public(der).map_err(ReadError::from));
            }
            DerShape::Certificate => self.push(match Certificate::from_der(der) {
                Ok(certificate) => FoundCertificate { certificate, name, place }.into_public("X.509"),
                Err(_) => Err(Refused { place, name, format: "X.509", error: CheckError::NotSpki.into() }),
            }),
            _ => {}
        }
    }

    fn note(
        &mut self,
        place: String,
        name: Option<String>,
        format: &'static str,
        pss_only: Option<PssOnly>,
        read: Result<PublicParams, ReadError>,
    ) {
        self.push(match read {
            Ok(params) => FoundPublic { pss_only, ..FoundPublic::new(params, name, place, format) }.checked(),
            Err(error) => Err(Refused { place, name, format, error }),
        });
    }

    pub(super) fn push(&mut self, found: Result<FoundPublic, Refused>) {
        match found {
            Ok(key) => self.keys.push(key),
            Err(refused) => self.refused.push(refused),
        }
    }
}

impl FoundPublic {
    /// A key of which nothing else is said.
    pub(super) fn new(params: PublicParams, name: Option<String>, place: String, format: &'static str) -> Self {
        Self {
            params,
            name,
            certificate: None,
            place,
            format,
            had_private: false,
            alg: None,
            usage: None,
            pss_only: None,
        }
    }

    /// The key, if its point is one that can be used.
    pub(super) fn checked(self) -> Result<Self, Refused> {
        match point::check(&self.params) {
            Ok(()) => Ok(self),
            Err(error) => Err(Refused { place: self.place, name: self.name, format: self.format, error: error.into() }),
        }
    }
}

impl FoundCertificate {
    /// The public key that the certificate is of, which was written as `format`.
    ///
    /// # Errors
    /// If the key can't be used.
    pub fn into_public(self, format: &'static str) -> Result<FoundPublic, Refused> {
        let Self { certificate, name, place } = self;
        match certificate.public() {
            Ok(params) => {
                let pss_only = certificate.pss_only();
                let found = FoundPublic::new(params, name, place, format);
                FoundPublic { pss_only, certificate: Some(certificate), ..found }.checked()
            }
            Err(error) => Err(Refused { place, name, format, error: error.into() }),
        }
    }
}
