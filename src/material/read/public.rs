//! Public keys and certificates, out of anything.

use crate::jose::{PublicParams, Use};
use crate::material::{Certificate, CertificateError, CheckError, PssOnly, point, spki};

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
                found.note(format!("line {number}"), name, "OpenSSH", read.map(|params| (params, None, None)));
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
        let read = match shape {
            DerShape::Spki => spki::read(der).map(|params| (params, None)),
            DerShape::Pkcs1Public => spki::read_rsa_public(der).map(|params| (params, None)),
            DerShape::Certificate => in_certificate(der),
            _ => return,
        };
        let (format, pss_only) = match shape {
            DerShape::Spki => ("SPKI", spki::pss_only(der)),
            DerShape::Pkcs1Public => ("PKCS#1", None),
            _ => ("X.509", read.as_ref().ok().and_then(|(_, certificate)| certificate.as_ref()?.pss_only())),
        };
        self.note(
            place,
            name,
            format,
            read.map(|(params, certificate)| (params, certificate, pss_only)).map_err(ReadError::from),
        );
    }

    fn note(
        &mut self,
        place: String,
        name: Option<String>,
        format: &'static str,
        read: Result<(PublicParams, Option<Certificate>, Option<PssOnly>), ReadError>,
    ) {
        match read {
            Ok((params, certificate, pss_only)) => self.push(FoundPublic {
                params,
                name,
                certificate,
                place,
                format,
                had_private: false,
                alg: None,
                usage: None,
                pss_only,
            }),
            Err(error) => self.refused.push(Refused { place, name, format, error }),
        }
    }

    /// Takes a key, if its point is one that can be used.
    pub(super) fn push(&mut self, found: FoundPublic) {
        match point::check(&found.params) {
            Ok(()) => self.keys.push(found),
            Err(error) => {
                let FoundPublic { place, name, format, .. } = found;
                self.refused.push(Refused { place, name, format, error: error.into() });
            }
        }
    }
}

fn in_certificate(der: &[u8]) -> Result<(PublicParams, Option<Certificate>), CheckError> {
    let certificate = Certificate::from_der(der).map_err(|_: CertificateError| CheckError::NotSpki)?;
    let params = certificate.public()?;
    Ok((params, Some(certificate)))
}
