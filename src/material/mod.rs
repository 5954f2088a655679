//! Private keys: making them, checking them, and writing them down.
//!
//! [`PrivateKey`] is opaque. It holds PKCS#8 DER and the public half, and works out everything else when asked, so
//! that reading a keyring costs no arithmetic. Only [`PrivateKey::generate`] draws randomness; nothing here does I/O.
//!
//! All arithmetic is done by others: `aws-lc-rs` makes RSA keys, `rsa` checks them; `p256`, `p384`, `p521` and `k256` do
//! both for EC keys, `aws-lc-rs` for Ed25519, X25519 and ML-DSA. What differs between kinds of keys is in `rsa_key`,
//! `ec_key` and `seed_key`.

mod ec_key;
pub mod pem;
mod pkcs8_view;
pub mod private_key;
#[cfg(test)]
mod rfc_keys;
#[cfg(test)]
mod round_trips;
mod rsa_key;
mod seed_key;
#[cfg(test)]
mod seed_vectors;
mod stored;

pub use pem::{SpkiError, spki_der, spki_pem};
pub use private_key::{CheckError, GenerateError, PrivateKey, ToJwkError};
