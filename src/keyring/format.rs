//! How a keyring is stored: JSON that names its format, read forward only.

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{Keyring, SecretId};
use crate::jose::to_private_json;

/// The format that this program writes.
pub const FORMAT: &str = "keyring/v1";

/// Why stored bytes are no keyring.
#[derive(Debug, thiserror::Error)]
pub enum FormatError {
    /// The bytes are cut off or damaged.
    #[error(
        "the keyring is damaged ({at}): restore it from a backup; if there is none, delete it, and Keyturn recovers \
         the active keys from the signers' files"
    )]
    Damaged {
        /// Where reading stopped. Never the content.
        at: String,
    },
    /// A newer program wrote it.
    #[error(
        "the keyring has the format {found:?}, which this version can't read: run the newer version of Keyturn that wrote it"
    )]
    Newer {
        /// The format it names.
        found: String,
    },
    /// It is sealed, and the system secret for it is not there.
    #[error("the keyring is sealed under system secret {id}, {}", missing(.given))]
    SecretMissing {
        /// The secret it names.
        id: SecretId,
        /// Those that are there.
        given: Vec<SecretId>,
    },
    /// It is sealed, and does not open under its own system secret.
    #[error(
        "the keyring does not open under system secret {id}, under which it was sealed: it was changed, or it is that of another \
         key set, namespace or revision; put this key set's own keyring back, from a backup"
    )]
    Changed {
        /// The secret it names.
        id: SecretId,
    },
}

impl FormatError {
    pub(super) fn damaged(error: &serde_json::Error) -> Self {
        Self::Damaged {
            at: format!("{:?} error at line {}, column {}", error.classify(), error.line(), error.column()),
        }
    }
}

fn missing(given: &[SecretId]) -> String {
    if given.is_empty() {
        return "and no system secret is given: name its file with --system-secret-file".to_owned();
    }
    let given: Vec<String> = given.iter().map(ToString::to_string).collect();
    format!("which is not one of those given ({}): list its file too, after the first", given.join(", "))
}

#[derive(Deserialize)]
struct Named {
    format: String,
}

#[derive(Serialize)]
struct WithFormat<'a> {
    format: &'static str,
    #[serde(flatten)]
    keyring: &'a Keyring,
}

impl Keyring {
    /// Reads a stored keyring that is not sealed.
    ///
    /// # Errors
    /// [`FormatError`], which never quotes the content.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FormatError> {
        let Named { format } = serde_json::from_slice(bytes).map_err(|error| FormatError::damaged(&error))?;
        if format != FORMAT {
            return Err(FormatError::Newer { found: format.chars().take(40).collect() });
        }
        serde_json::from_slice(bytes).map_err(|error| FormatError::damaged(&error))
    }

    /// The bytes to store.
    ///
    /// # Errors
    /// None in practice: every part of a keyring can be written as JSON.
    pub fn to_bytes(&self) -> Result<Zeroizing<Vec<u8>>, serde_json::Error> {
        to_private_json(&WithFormat { format: FORMAT, keyring: self })
    }
}
