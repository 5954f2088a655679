//! Public keys and certificates, out of anything.

use crate::jose::{PublicParams, Use};
use crate::material::{Certificate, CertificateError, CheckError, point, spki};

use super::der::DerShape;
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
                found.note(format!("line {number}"), name, read.map(|params| ("OpenSSH", params, None)));
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
}

impl PublicContents {
    fn add(&mut self, place: String, name: Option<String>, shape: DerShape, der: &[u8]) {
        let read = match shape {
            DerShape::Spki => spki::read(der).map(|params| ("SPKI", params, None)),
            DerShape::Pkcs1Public => spki::read_rsa_public(der).map(|params| ("PKCS#1", params, None)),
            DerShape::Certificate => in_certificate(der),
            _ => return,
        };
        self.note(place, name, read.map_err(ReadError::from));
    }

    fn note(
        &mut self,
        place: String,
        name: Option<String>,
        read: Result<(&'static str, PublicParams, Option<Certificate>), ReadError>,
    ) {
        match read {
            Ok((format, params, certificate)) => self.push(FoundPublic {
                params,
                name,
                certificate,
                place,
                format,
                had_private: false,
                alg: None,
                usage: None,
            }),
            Err(error) => self.refused.push(Refused { place, name, error }),
        }
    }

    /// Takes a key, if its point is one that can be used.
    pub(super) fn push(&mut self, found: FoundPublic) {
        match point::check(&found.params) {
            Ok(()) => self.keys.push(found),
            Err(error) => self.refused.push(Refused { place: found.place, name: found.name, error: error.into() }),
        }
    }
}

fn in_certificate(der: &[u8]) -> Result<(&'static str, PublicParams, Option<Certificate>), CheckError> {
    let certificate = Certificate::from_der(der).map_err(|_: CertificateError| CheckError::NotSpki)?;
    let params = certificate.public()?;
    Ok(("X.509", params, Some(certificate)))
}
