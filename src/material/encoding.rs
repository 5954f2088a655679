//! The encodings of a private key: PKCS#8, PKCS#1 and SEC1, as DER and as PEM.

use std::fmt;

use pkcs8::PrivateKeyInfoRef;
use pkcs8::der::{self, Decode, Encode};
use sec1::{EcParameters, EcPrivateKey};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::jose::{KeyKind, PublicParams};

use super::private_key::Held;
use super::{PrivateKey, pem, spki};

/// How a private key is written. Every key of a pair has PKCS#8; the other two are for readers that want nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum PrivateEncoding {
    /// `PRIVATE KEY` (RFC 5958), for key pairs of every kind.
    Pkcs8,
    /// `RSA PRIVATE KEY` (RFC 8017 appendix A.1.2), for RSA keys.
    Pkcs1,
    /// `EC PRIVATE KEY` (RFC 5915), for EC keys, with the name of the curve and the public key.
    Sec1,
}

impl PrivateEncoding {
    /// All encodings, the most general first.
    pub const ALL: &'static [Self] = &[Self::Pkcs8, Self::Pkcs1, Self::Sec1];

    /// Whether keys of this kind have this encoding.
    #[must_use]
    pub const fn fits(self, kind: KeyKind) -> bool {
        match self {
            Self::Pkcs8 => !kind.is_symmetric(),
            Self::Pkcs1 => matches!(kind, KeyKind::Rsa),
            Self::Sec1 => matches!(kind, KeyKind::Ec(_)),
        }
    }

    /// The label of its PEM block (RFC 7468 section 10; the other two are what openssl writes).
    #[must_use]
    pub const fn pem_label(self) -> &'static str {
        match self {
            Self::Pkcs8 => "PRIVATE KEY",
            Self::Pkcs1 => "RSA PRIVATE KEY",
            Self::Sec1 => "EC PRIVATE KEY",
        }
    }

    /// The encodings that keys of this kind have, as a list to read.
    fn names_for(kind: KeyKind) -> String {
        let names = Self::ALL.iter().filter(|encoding| encoding.fits(kind)).map(ToString::to_string);
        names.collect::<Vec<_>>().join(" or ")
    }
}

impl fmt::Display for PrivateEncoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Pkcs8 => "PKCS#8",
            Self::Pkcs1 => "PKCS#1",
            Self::Sec1 => "SEC1",
        })
    }
}

impl PrivateKey {
    /// PKCS#8 DER, which symmetric keys do not have.
    pub(super) fn pkcs8(&self) -> Result<&Zeroizing<Vec<u8>>, EncodeError> {
        match &self.0 {
            Held::Pair { pkcs8, .. } => Ok(pkcs8),
            Held::Symmetric { spec, .. } => Err(EncodeError::Symmetric { kind: spec.key_kind() }),
        }
    }

    /// The key as unencrypted DER. Costs no arithmetic.
    ///
    /// # Errors
    /// If keys of this kind do not have this encoding.
    pub fn to_der(&self, encoding: PrivateEncoding) -> Result<Zeroizing<Vec<u8>>, EncodeError> {
        let pkcs8 = self.pkcs8()?;
        let kind = self.spec().key_kind();
        if !encoding.fits(kind) {
            return Err(EncodeError::WrongKind { encoding, kind });
        }
        match encoding {
            PrivateEncoding::Pkcs8 => Ok(pkcs8.clone()),
            PrivateEncoding::Pkcs1 => {
                let info = PrivateKeyInfoRef::try_from(pkcs8.as_slice()).map_err(|_| EncodeError::Fault)?;
                Ok(Zeroizing::new(info.private_key.as_bytes().to_vec()))
            }
            PrivateEncoding::Sec1 => sec1_der(pkcs8).map_err(|_| EncodeError::Fault),
        }
    }

    /// The key as an unencrypted PEM block, with a newline at its end.
    ///
    /// # Errors
    /// If keys of this kind do not have this encoding.
    pub fn to_pem(&self, encoding: PrivateEncoding) -> Result<Zeroizing<String>, EncodeError> {
        pem::private_block(encoding.pem_label(), &self.to_der(encoding)?).map_err(|_| EncodeError::Fault)
    }
}

/// The RSA public key as an `RSA PUBLIC KEY` PEM block (RFC 8017 appendix A.1.1), with a newline at its end.
///
/// # Errors
/// If this is no RSA key.
pub fn pkcs1_public_pem(public: &PublicParams) -> Result<String, EncodeError> {
    let PublicParams::Rsa(rsa) = public else {
        return Err(EncodeError::WrongKind { encoding: PrivateEncoding::Pkcs1, kind: public.key_kind() });
    };
    let der = spki::rsa_public_der(rsa).map_err(|_| EncodeError::Fault)?;
    pem::block("RSA PUBLIC KEY", &der).map_err(|_| EncodeError::Fault)
}

/// `ECPrivateKey` with its curve in it, which PKCS#8 has outside.
fn sec1_der(pkcs8: &[u8]) -> der::Result<Zeroizing<Vec<u8>>> {
    let info = PrivateKeyInfoRef::from_der(pkcs8)?;
    let inner = EcPrivateKey::from_der(info.private_key.as_bytes())?;
    let curve = info.algorithm.parameters_oid().map_err(|_| der::Tag::ObjectIdentifier.value_error())?;
    let whole = EcPrivateKey { parameters: Some(EcParameters::NamedCurve(curve)), ..inner };
    whole.to_der().map(Zeroizing::new)
}

/// Why a key could not be written. No variant holds any part of a key or of a passphrase.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum EncodeError {
    /// Keys of this kind do not have this encoding.
    #[error("{kind} keys have no {encoding} encoding: choose {}", PrivateEncoding::names_for(*kind))]
    WrongKind {
        /// The encoding asked for.
        encoding: PrivateEncoding,
        /// The kind of key.
        kind: KeyKind,
    },
    /// Symmetric keys have no encoding but JWK.
    #[error("{kind} keys have neither DER, PEM nor a place in a keystore: write a JWK")]
    Symmetric {
        /// The kind of key.
        kind: KeyKind,
    },
    /// An empty passphrase protects nothing, and some readers refuse it.
    #[error("the passphrase is empty: give one, or ask for a file that is not encrypted")]
    EmptyPassphrase,
    /// PKCS#12 writes text in 16 bits a character.
    #[error("{what} has a character that PKCS#12 cannot hold: use characters of the Basic Multilingual Plane only")]
    Characters {
        /// Which text: the passphrase, or an alias.
        what: &'static str,
    },
    /// Two keys of a keystore have the same alias; Java compares them in lower case.
    #[error("two keys of the keystore have the alias \"{alias}\", and Java does not tell capital letters: rename one")]
    SameAlias {
        /// The alias.
        alias: String,
    },
    /// A certificate is of another key than the one it stands with.
    #[error("the certificate of \"{alias}\" is of another key: make it anew for this key")]
    ForeignCertificate {
        /// The alias of the key.
        alias: String,
    },
    /// The operating system gave no randomness.
    #[error(transparent)]
    Randomness(#[from] super::randomness::NoRandomness),
    /// The key could not be written.
    #[error("the key could not be encoded: this is a fault of Keyturn, please report it")]
    Fault,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jose::{Curve, KeySpec};
    use crate::material::rfc_keys;

    #[test]
    fn a_symmetric_key_has_no_encoding_but_jwk() {
        let key = PrivateKey::symmetric(crate::jose::SecretBase64Url::new(&[7; 32])).unwrap();
        let error = EncodeError::Symmetric { kind: KeyKind::Oct(256) };
        for encoding in PrivateEncoding::ALL.iter().copied() {
            assert!(!encoding.fits(KeyKind::Oct(256)));
            assert_eq!(key.to_pem(encoding), Err(error.clone()));
        }
        assert_eq!(key.to_encrypted_pem("secret"), Err(error.clone()));
        assert!(error.to_string().starts_with("256-bit symmetric keys have neither DER, PEM nor"), "{error}");
    }

    #[test]
    fn an_encoding_that_a_key_has_not_is_refused_with_those_it_has() {
        let ec = PrivateKey::generate(&KeySpec::Ec { curve: Curve::P256 }).unwrap();
        let error = ec.to_pem(PrivateEncoding::Pkcs1).unwrap_err().to_string();
        assert_eq!(error, "P-256 keys have no PKCS#1 encoding: choose PKCS#8 or SEC1");
        let error = rfc_keys::rsa().to_der(PrivateEncoding::Sec1).unwrap_err().to_string();
        assert_eq!(error, "RSA keys have no SEC1 encoding: choose PKCS#8 or PKCS#1");
        assert!(pkcs1_public_pem(ec.public().unwrap()).is_err());
    }

    #[test]
    fn labels_are_those_that_openssl_writes() {
        let ec = PrivateKey::generate(&KeySpec::Ec { curve: Curve::P521 }).unwrap();
        let pem = ec.to_pem(PrivateEncoding::Sec1).unwrap();
        assert!(pem.starts_with("-----BEGIN EC PRIVATE KEY-----\n") && pem.ends_with("-----END EC PRIVATE KEY-----\n"));
        let pem = rfc_keys::rsa().to_pem(PrivateEncoding::Pkcs1).unwrap();
        assert!(pem.starts_with("-----BEGIN RSA PRIVATE KEY-----\n"));
        assert!(
            pkcs1_public_pem(rfc_keys::rsa().public().unwrap())
                .unwrap()
                .starts_with("-----BEGIN RSA PUBLIC KEY-----\n")
        );
    }
}
