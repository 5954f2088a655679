//! The sealed form of a stored keyring: AES-256-GCM (NIST SP 800-38D) under a system secret.
//!
//! The envelope is the JSON `{v, keyId, revision, nonce, ct}`. `ct` is the ciphertext with its tag of 16 bytes; `nonce` and
//! `ct` are base64. The associated data is the JSON array `["keyturn.dev/keyring", v, namespace, name, revision]`, so a
//! keyring that was moved to another set, or whose revision was rewritten, does not open.

use std::sync::Arc;

use aws_lc_rs::aead::{Aad, MAX_TAG_LEN, NONCE_LEN, Nonce};
use base64ct::{Base64, Encoding};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{FormatError, Keyring, SecretId, SystemSecret};

/// Size of a nonce in bytes. It must be random for each seal: 96 bits serve for 2^32 seals under one secret.
pub const NONCE_BYTES: usize = NONCE_LEN;

/// The envelope that this program writes.
const VERSION: u64 = 1;

/// What the associated data begins with.
const CONTEXT: &str = "keyturn.dev/keyring";

/// Most bytes of an envelope beside `ct`.
const ENVELOPE_BYTES: usize = 128;

/// The key set that a sealed keyring is bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeySetName<'a> {
    /// Namespace of the resource.
    pub namespace: &'a str,
    /// Its name.
    pub name: &'a str,
}

/// Why a keyring could not be sealed.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// It can't be written as JSON.
    #[error("the keyring can't be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// The library failed.
    #[error("the cryptographic library failed to seal the keyring: try again")]
    Library,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Envelope {
    v: u64,
    key_id: SecretId,
    revision: u64,
    nonce: String,
    ct: String,
}

/// What tells an envelope from a plain keyring.
#[derive(Deserialize)]
struct Versioned {
    v: u64,
}

impl Keyring {
    /// The bytes to store, sealed.
    ///
    /// # Errors
    /// [`SealError`]
    pub fn seal(
        &self,
        of: KeySetName<'_>,
        secret: &SystemSecret,
        nonce: [u8; NONCE_BYTES],
    ) -> Result<Vec<u8>, SealError> {
        let associated = Aad::from(associated(VERSION, of, self.revision)?);
        // Sealed in place, so that what was plain is overwritten before the buffer may grow.
        let mut bytes = self.to_bytes()?;
        let tag = secret
            .key()
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), associated, &mut bytes)
            .map_err(|_| SealError::Library)?;
        bytes.extend_from_slice(tag.as_ref());
        let envelope = Envelope {
            v: VERSION,
            key_id: secret.id().clone(),
            revision: self.revision,
            nonce: Base64::encode_string(&nonce),
            ct: Base64::encode_string(&bytes),
        };
        Ok(serde_json::to_vec(&envelope)?)
    }

    /// Reads a stored keyring, sealed or not, and tells which system secret it was sealed under.
    ///
    /// # Errors
    /// [`FormatError`], which never quotes the content.
    pub fn unseal(
        bytes: &[u8],
        of: KeySetName<'_>,
        secrets: &[Arc<SystemSecret>],
    ) -> Result<(Self, Option<SecretId>), FormatError> {
        let Ok(Versioned { v }) = serde_json::from_slice(bytes) else {
            return Self::from_bytes(bytes).map(|keyring| (keyring, None));
        };
        if v != VERSION {
            return Err(FormatError::Newer { found: format!("sealed v{v}") });
        }
        let Envelope { v, key_id, revision, nonce, ct } =
            serde_json::from_slice(bytes).map_err(|error| FormatError::damaged(&error))?;
        let Some(secret) = secrets.iter().find(|secret| *secret.id() == key_id) else {
            let given = secrets.iter().map(|secret| secret.id().clone()).collect();
            return Err(FormatError::SecretMissing { id: key_id, given });
        };
        let changed = || FormatError::Changed { id: key_id.clone() };
        let nonce = Base64::decode_vec(&nonce).ok().and_then(|bytes| bytes.try_into().ok()).ok_or_else(changed)?;
        let mut ct = Zeroizing::new(Base64::decode_vec(&ct).map_err(|_| changed())?);
        let associated = Aad::from(associated(v, of, revision).map_err(|error| FormatError::damaged(&error))?);
        let plain = secret
            .key()
            .open_in_place(Nonce::assume_unique_for_key(nonce), associated, &mut ct)
            .map_err(|_| changed())?;
        Ok((Self::from_bytes(plain)?, Some(key_id)))
    }
}

/// Most bytes that a keyring of `plain` bytes has once it is sealed.
pub fn sealed_size(plain: usize) -> usize {
    (plain + MAX_TAG_LEN).div_ceil(3) * 4 + ENVELOPE_BYTES
}

fn associated(v: u64, of: KeySetName<'_>, revision: u64) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::to_vec(&(CONTEXT, v, of.namespace, of.name, revision))
}
