//! System secrets: what keyrings are sealed under.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, LessSafeKey, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// Salt of the derivation (RFC 5869 section 3.1): not secret, it only keeps Keyturn's keys apart from those of others.
const SALT: &[u8] = b"keyturn.dev/system-secret";
/// What the encryption key is derived for.
const SEALING: &[u8] = b"keyring/aes-256-gcm";
/// What the identifier is derived for.
const IDENTIFYING: &[u8] = b"keyring/key-id";

/// A system secret, held only as what is derived from it: a key, and an identifier.
pub struct SystemSecret {
    id: SecretId,
    key: LessSafeKey,
}

/// Tells system secrets apart: 16 hexadecimal digits, derived from the secret beside the key, so it says nothing of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct SecretId(String);

/// Why something is no system secret.
#[derive(Debug, thiserror::Error)]
pub enum SystemSecretError {
    /// It can't carry a key of 256 bits.
    #[error(
        "a system secret has at least {} bytes, because it carries a key of 256 bits, and this one has {found}: make one \
         with `openssl rand -base64 32`",
        SystemSecret::LEAST_BYTES
    )]
    TooShort {
        /// How many bytes it has.
        found: usize,
    },
    /// The library failed.
    #[error("the cryptographic library can't derive a key")]
    Library,
}

impl SystemSecret {
    /// Fewest bytes of a secret.
    pub const LEAST_BYTES: usize = 32;

    /// Derives the key and the identifier by HKDF-SHA-256 (RFC 5869). The secret must be random, not a phrase that people
    /// remember: HKDF does not slow guessing down.
    ///
    /// # Errors
    /// [`SystemSecretError`]
    pub fn new(secret: &[u8]) -> Result<Self, SystemSecretError> {
        if secret.len() < Self::LEAST_BYTES {
            return Err(SystemSecretError::TooShort { found: secret.len() });
        }
        let derived = Salt::new(HKDF_SHA256, SALT).extract(secret);
        let key = UnboundKey::new(&AES_256_GCM, &expand::<32>(&derived, SEALING)?[..]);
        let id = u64::from_be_bytes(*expand(&derived, IDENTIFYING)?);
        Ok(Self {
            id: SecretId(format!("{id:016x}")),
            key: LessSafeKey::new(key.map_err(|_| SystemSecretError::Library)?),
        })
    }

    /// Its identifier.
    pub fn id(&self) -> &SecretId {
        &self.id
    }

    pub(super) fn key(&self) -> &LessSafeKey {
        &self.key
    }
}

/// That many bytes.
struct Bytes(usize);

impl KeyType for Bytes {
    fn len(&self) -> usize {
        self.0
    }
}

fn expand<const N: usize>(derived: &Prk, info: &[u8]) -> Result<Zeroizing<[u8; N]>, SystemSecretError> {
    let mut bytes = Zeroizing::new([0; N]);
    let info = [info];
    let filled = derived.expand(&info, Bytes(N)).and_then(|stream| stream.fill(&mut *bytes));
    filled.map_err(|_| SystemSecretError::Library)?;
    Ok(bytes)
}

impl TryFrom<String> for SecretId {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let digits = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if digits && text.len() == 16 { Ok(Self(text)) } else { Err("keyId must be 16 hexadecimal digits") }
    }
}

impl fmt::Display for SecretId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl fmt::Debug for SystemSecret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "SystemSecret({})", self.id)
    }
}
