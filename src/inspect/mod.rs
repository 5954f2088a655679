//! What a file of keys holds, and what is wrong with it: `keyturn inspect` without the reading of files.
//!
//! Keys are read by [`material::read`](crate::material::read), which refuses what is wrong; a second look at the members
//! of each JWK, in `raw_jwk`, says what exactly that was. A [`Report`] has no place for private octets.

mod code;
mod encoded;
mod judge;
mod jwk;
mod keyring;
mod raw_jwk;
mod report;
#[cfg(test)]
mod tests;
mod text;

use chrono::{DateTime, Utc};
use thiserror::Error;

pub use code::Code;
pub use report::{CertificateReport, Holds, KeyReport, Report, Warning};
pub use text::turns_text;

use crate::material::read::{ReadError, Refused};

/// What the file does not say of itself.
#[derive(Clone, Copy)]
pub struct Circumstances<'a> {
    /// What it may be encrypted with.
    pub passphrase: Option<&'a str>,
    /// What time it is.
    pub now: DateTime<Utc>,
    /// Who can read it.
    pub exposure: Exposure,
}

/// Who can read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exposure {
    /// Its owner, as far as is known.
    Owner,
    /// Users beside its owner.
    Others,
    /// Everyone, as its name says.
    Named,
    /// Everyone: it is published.
    Everyone,
}

/// Why nothing can be said about a file. No variant holds any part of a key.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum InspectError {
    /// It cannot be read as a whole.
    #[error(transparent)]
    File(#[from] ReadError),
    /// None of its parts can be read.
    #[error("{0}")]
    Part(Refused),
    /// It is a sealed keyring.
    #[error(
        "this is a keyring of Keyturn, sealed under a system secret: open it with that and docs/unseal.mjs, and inspect what \
         comes out"
    )]
    Sealed,
    /// There is nothing in it.
    #[error(
        "this holds no keys that can be shown: give a JWK Set, a JWK, PEM, DER, PKCS#12 or the public lines of OpenSSH"
    )]
    Nothing,
}

impl InspectError {
    /// Whether a passphrase, which was not given, would open it.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        match self {
            Self::File(error) | Self::Part(Refused { error, .. }) => *error == ReadError::PassphraseMissing,
            Self::Sealed | Self::Nothing => false,
        }
    }
}

/// Looks into a file. May take some seconds where it is encrypted.
///
/// # Errors
/// If it cannot be read. Keys that can be read but not used are in the report, with the reason.
pub fn inspect(octets: &[u8], around: &Circumstances<'_>) -> Result<Report, InspectError> {
    let text = octets.strip_prefix(b"\xef\xbb\xbf").unwrap_or(octets).trim_ascii_start();
    let (format, mut keys) = match keyring::keys(text) {
        Some(found) => found,
        None if text.starts_with(b"{") => jwk::keys(octets, text)?,
        None => encoded::keys(octets, around)?,
    };
    for key in &mut keys {
        judge::key(key, around);
    }
    let warnings = judge::file(&keys);
    Ok(Report { format, keys, warnings })
}

/// What was found, where finding nothing is no error yet.
fn or_nothing<T: Default>(read: Result<T, ReadError>) -> Result<T, ReadError> {
    match read {
        Err(ReadError::NoPrivateKey | ReadError::NoPublicKey) => Ok(T::default()),
        read => read,
    }
}
