//! PKCS#8 under a passphrase: `ENCRYPTED PRIVATE KEY` (RFC 5958 section 3).

use pkcs8::der::asn1::OctetString;
use pkcs8::der::{Decode, Encode};
use pkcs12::pbe_params::EncryptedPrivateKeyInfo;
use zeroize::Zeroizing;

use super::password::{Recipe, Work, decrypt, encrypt};
use super::read::ReadError;
use super::{EncodeError, PrivateKey, pem};

/// PBKDF2 with HMAC-SHA-256, as OWASP asks for it. scrypt would be harder to guess at, but Java cannot read it.
const ITERATIONS: u32 = 600_000;

impl PrivateKey {
    /// The key as `EncryptedPrivateKeyInfo` DER under a passphrase: PBES2 with AES-256-CBC and PBKDF2 (RFC 8018), which
    /// openssl since 1.1, Java since 8u301 and Node read. Every call draws a new salt.
    ///
    /// Stretching the passphrase takes a few tenths of a second: keep it off async threads.
    ///
    /// # Errors
    /// If the key is symmetric, the passphrase is empty, or the operating system gives no randomness.
    pub fn to_encrypted_der(&self, passphrase: &str) -> Result<Vec<u8>, EncodeError> {
        let recipe = Recipe::Aes256 { iterations: ITERATIONS };
        shroud(self.pkcs8()?, passphrase, recipe)?.to_der().map_err(|_| EncodeError::Fault)
    }

    /// The key as an `ENCRYPTED PRIVATE KEY` PEM block, with a newline at its end. As
    /// [`to_encrypted_der`](Self::to_encrypted_der) in all else.
    ///
    /// # Errors
    /// As there.
    pub fn to_encrypted_pem(&self, passphrase: &str) -> Result<String, EncodeError> {
        pem::block("ENCRYPTED PRIVATE KEY", &self.to_encrypted_der(passphrase)?).map_err(|_| EncodeError::Fault)
    }
}

/// Encrypts PKCS#8 DER.
pub(super) fn shroud(pkcs8: &[u8], passphrase: &str, recipe: Recipe) -> Result<EncryptedPrivateKeyInfo, EncodeError> {
    let (encryption_algorithm, encrypted) = encrypt(recipe, pkcs8, passphrase)?;
    let encrypted_data = OctetString::new(encrypted).map_err(|_| EncodeError::Fault)?;
    Ok(EncryptedPrivateKeyInfo { encryption_algorithm, encrypted_data })
}

/// Decrypts to PKCS#8 DER. A wrong passphrase can, once in some hundred times, look like a right one until the DER is
/// read.
pub(super) fn unshroud(
    shrouded: &EncryptedPrivateKeyInfo,
    passphrase: &str,
    work: &mut Work,
) -> Result<Zeroizing<Vec<u8>>, ReadError> {
    let plain = decrypt(&shrouded.encryption_algorithm, shrouded.encrypted_data.as_bytes(), passphrase, work)?;
    match pkcs8::PrivateKeyInfoRef::from_der(&plain) {
        Ok(_) => Ok(plain),
        Err(_) => Err(ReadError::WrongPassphrase),
    }
}
