//! The JOSE vocabulary: algorithms, JSON Web Keys and thumbprints.
//!
//! This room is pure: it reads no clock, draws no randomness and does no I/O. It knows what a JWK may say
//! (RFC 7517, RFC 7518, RFC 8037, RFC 8812, RFC 9964) and checks lengths and ranges; curve and big-number arithmetic belong to `material`.
//!
//! Two rules shape it:
//! - Whatever is special about an algorithm is one row of the table in [`algorithm`]. Other code asks the row, and
//!   matches on [`KeyKind`] where the kind of key matters; nothing else matches on [`Algorithm`].
//! - [`PublicJwk`] and [`ForeignJwk`] have no place for a private member, nor for a symmetric key. Only sets of
//!   [`PublicOnly`] keys have [`Jwks::to_json`], so a private key cannot reach a public JWKS by mistake.

pub mod advice;
pub mod algorithm;
pub mod base64url;
mod by_name;
pub mod content_encryption;
pub mod curve;
pub mod foreign_jwk;
pub mod jwks;
pub mod key_kind;
pub mod key_spec;
pub mod key_use;
mod members;
pub mod okp_curve;
pub mod optional_members;
pub mod parameter_set;
pub mod params_error;
mod private_json;
pub mod private_jwk;
pub mod public_jwk;
pub mod public_params;
pub mod published;
#[cfg(test)]
pub(crate) mod rfc_vectors;
pub mod thumbprint;

pub use advice::Advice;
pub use algorithm::{Algorithm, Row, UnknownAlgorithm};
pub use base64url::{Base64Url, SecretBase64Url};
pub use content_encryption::{ContentEncryption, UnknownContentEncryption};
pub use curve::{Curve, UnknownCurve};
pub use foreign_jwk::{ForeignJwk, ForeignJwks, ForeignPrivateJwk, SkippedJwk};
pub use jwks::{Jwks, PublicOnly};
pub use key_kind::{KeyKind, KeyKinds};
pub use key_spec::{KeyChoice, KeySpec, KeySpecError};
pub use key_use::{UnknownUse, Use};
pub use okp_curve::{NO_448, OkpCurve, UnknownOkpCurve};
pub use optional_members::OptionalMembers;
pub use parameter_set::{ParameterSet, UnknownParameterSet};
pub use params_error::ParamsError;
pub use private_json::to_private_json;
pub use private_jwk::{KeyMaterial, PrivateJwk, PrivateParams, RsaPrivateParams};
pub use public_jwk::{JwkError, PublicJwk};
pub use public_params::{AkpPublic, EcPublic, OkpPublic, PublicParams, RsaPublic};
pub use published::{NotPublished, published};
pub use thumbprint::{InvalidThumbprint, Thumbprint};

/// The first characters of something a user wrote, for an error message.
///
/// Cut short, because a misplaced member may be long, and may be a secret.
fn excerpt(given: &str) -> String {
    const LIMIT: usize = 24;
    let mut characters = given.chars();
    let mut short: String = characters.by_ref().take(LIMIT).filter(|c| !c.is_control()).collect();
    if characters.next().is_some() {
        short.push('…');
    }
    short
}
