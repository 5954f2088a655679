//! Private keys: making them, checking them, writing them down, and reading those that others wrote.
//!
//! [`PrivateKey`] is opaque. It holds PKCS#8 DER and the public half, or the octets of a symmetric key, and works out
//! everything else when asked, so that reading a keyring costs no arithmetic. Randomness is drawn by
//! [`PrivateKey::generate`] for keys, [`Serial::draw`] for certificates, and by what encrypts for its salts:
//! [`PrivateKey::to_encrypted_der`] and [`pkcs12::write`]. Nothing here does I/O or reads a clock.
//!
//! All arithmetic is done by others: `aws-lc-rs` makes RSA keys, `rsa` checks them; `p256`, `p384`, `p521` and `k256` do
//! both for EC keys, `aws-lc-rs` for Ed25519, X25519 and ML-DSA. What differs between kinds of keys is in `rsa_key`,
//! `ec_key`, `seed_key` and `oct_key`.
//!
//! What people already have is read by [`read`]: one function for private keys and one for public ones, whatever the
//! file is.

pub mod certificate;
mod ec_key;
pub mod encoding;
mod encrypted_pkcs8;
mod oct_key;
mod password;
pub mod pem;
pub mod pkcs12;
mod pkcs8_view;
mod point;
pub mod private_key;
mod pss_only;
mod randomness;
pub mod read;
#[cfg(test)]
mod rfc_keys;
#[cfg(test)]
mod round_trips;
mod rsa_key;
mod seed_key;
mod seed_signer;
#[cfg(test)]
mod seed_vectors;
mod spki;
mod stored;
pub mod subject;

pub use certificate::{Certificate, CertificateError, Serial, Validity};
pub use encoding::{EncodeError, PrivateEncoding, pkcs1_public_pem};
pub use pem::{SpkiError, spki_der, spki_pem};
pub use private_key::{CheckError, GenerateError, PrivateKey, ToJwkError};
pub use pss_only::PssOnly;
pub use subject::{Subject, SubjectError};
