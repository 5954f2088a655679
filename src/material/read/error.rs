//! Why a file could not be read.

use std::borrow::Cow;

use thiserror::Error;

use crate::material::CheckError;

use super::MAX_OCTETS;

/// Why something could not be read, and what to do. No variant holds any part of a key or of a passphrase.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ReadError {
    /// There is too much of it.
    #[error("this has more than {MAX_OCTETS} octets, and no more are read: give a file that holds only the keys")]
    TooLarge,
    /// It is nothing that is known.
    #[error(
        "this is neither PEM, DER, JSON nor PKCS#12: export the key again, for example as PEM; the bare octets of a symmetric key \
         go into a JWK, as base64url: {{\"kty\":\"oct\",\"k\":\"…\"}}"
    )]
    Unrecognised,
    /// There are no octets, or white space alone.
    #[error("this is empty: give the file that has the key")]
    Empty,
    /// There is nothing in it.
    #[error("this holds no private key: give the file that has it, such as PKCS#8 PEM, a private JWK Set or PKCS#12")]
    NoPrivateKey,
    /// There is nothing in it.
    #[error(
        "this holds no public key and no certificate: give a file that has one, such as openssl pkey -pubout writes"
    )]
    NoPublicKey,
    /// It is encrypted, and no passphrase was given.
    #[error("this is encrypted and no passphrase was given: give its passphrase")]
    PassphraseMissing,
    /// The passphrase does not open it.
    #[error("the passphrase does not open this: give the one that it was encrypted with")]
    WrongPassphrase,
    /// Trying the passphrase would take far longer than usual.
    #[error(
        "opening this would take too long, since it asks for too many rounds: encrypt it anew with the usual number"
    )]
    TooCostly,
    /// It is well made, but of a kind that is not read.
    #[error("{what} is not supported: {advice}")]
    Unsupported {
        /// What it is.
        what: Cow<'static, str>,
        /// What to do.
        advice: &'static str,
    },
    /// It is cut off or mixed up.
    #[error("{what} is damaged: export the key again")]
    Damaged {
        /// What is damaged.
        what: &'static str,
    },
    /// It is no JSON, or none that holds a JWK.
    #[error("this is no JWK or JWK Set that can be used: {reason}")]
    Json {
        /// What is wrong, and where.
        reason: String,
    },
    /// A key was found, but cannot be used.
    #[error(transparent)]
    Check(#[from] CheckError),
}

impl ReadError {
    pub(in crate::material) fn unsupported(what: impl Into<Cow<'static, str>>, advice: &'static str) -> Self {
        Self::Unsupported { what: what.into(), advice }
    }
}
