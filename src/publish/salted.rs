//! Files that differ each time they are made, because encryption draws a salt: whether one must be made anew is told by
//! what goes into it.

use std::fmt;

use zeroize::Zeroizing;

use crate::keyring::{Digest, MacKey};
use crate::material::pkcs12::{self, KeystoreEntry, KeystoreProfile};
use crate::material::{Certificate, EncodeError, PrivateKey};

/// A passphrase of the user's, wiped when dropped.
pub type Passphrase = Zeroizing<String>;

/// How to make one such file.
#[derive(Clone)]
pub(super) enum Salted {
    /// A private key as encrypted PKCS#8.
    Key {
        key: PrivateKey,
        passphrase: Passphrase,
        /// PEM, not DER.
        pem: bool,
    },
    /// A keystore.
    Keystore { entries: Vec<Entry>, passphrase: Passphrase, profile: KeystoreProfile },
}

/// One key of a keystore.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) kid: String,
    pub(super) key: PrivateKey,
    pub(super) certificate: Certificate,
}

impl Salted {
    /// Makes the file. Draws salts, and takes some tenths of a second for each key: keep it off async threads.
    pub(super) fn make(&self) -> Result<Zeroizing<Vec<u8>>, EncodeError> {
        let made = match self {
            Self::Key { key, passphrase, pem: true } => key.to_encrypted_pem(passphrase)?.into_bytes(),
            Self::Key { key, passphrase, pem: false } => key.to_encrypted_der(passphrase)?,
            Self::Keystore { entries, passphrase, profile } => {
                let entries: Vec<KeystoreEntry<'_>> = entries
                    .iter()
                    .map(|Entry { kid, key, certificate }| KeystoreEntry { alias: kid, key, certificate })
                    .collect();
                pkcs12::write(&entries, passphrase, *profile)?
            }
        };
        Ok(Zeroizing::new(made))
    }

    /// Digest of all that goes into it. It is keyed: a plain hash over a passphrase would let anyone test guesses.
    pub(super) fn inputs(&self, name: &str, mac_key: &MacKey) -> Digest {
        let of_key = |key: &PrivateKey| mac_key.thumbprint(key);
        match self {
            Self::Key { key, passphrase, pem } => {
                let kind: &[u8] = if *pem { b"pem" } else { b"der" };
                let thumbprint = of_key(key).to_string();
                mac_key.digest([kind, name.as_bytes(), passphrase.as_bytes(), thumbprint.as_bytes()])
            }
            Self::Keystore { entries, passphrase, profile } => {
                let kind = format!("keystore {profile:?}");
                let thumbprints: Vec<String> = entries.iter().map(|entry| of_key(&entry.key).to_string()).collect();
                let of_entries = entries.iter().zip(&thumbprints).flat_map(|(entry, thumbprint)| {
                    [entry.kid.as_bytes(), thumbprint.as_bytes(), entry.certificate.der()]
                });
                mac_key.digest([kind.as_bytes(), name.as_bytes(), passphrase.as_bytes()].into_iter().chain(of_entries))
            }
        }
    }
}

impl fmt::Debug for Salted {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Key { .. } => "Salted::Key",
            Self::Keystore { .. } => "Salted::Keystore",
        })
    }
}
