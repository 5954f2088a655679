//! Keys that exist already, to be adopted.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::reference::{SecretKeyRef, SecretValue};

/// Keys that exist already. They are adopted when their line begins, all of them or none; from then on they rotate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Import {
    /// Where the keys are. 1 to 32.
    #[schemars(length(min = 1, max = 32))]
    pub keys: Vec<ImportedKey>,
}

/// A file with one key or several: PEM (PKCS#1, PKCS#8, SEC1, OpenSSH), DER, JWK, JWK Set or PKCS#12.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImportedKey {
    /// Where the file is. It is read until the keys are adopted, and never again.
    pub secret_key_ref: SecretKeyRef,
    /// What it is encrypted with. One line end after it does not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passphrase: Option<SecretValue>,
    /// The key line that the keys are for. May be left out where the set has only one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub line: Option<String>,
    /// Takes only the key that has this `kid` (JWK) or alias (PKCS#12) in the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub alias: Option<String>,
    /// The kid under which tokens name the key. Default: the `kid` or alias that it has in the file, or else one made by
    /// `spec.kid.template`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub kid: Option<String>,
    /// `Active`: the first key of the file signs, the others are retired. `Retired`: all of them are. Default: the
    /// line's first key that has a private half is the active one, unless another is stated to be, and all others are
    /// retired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<ImportRole>,
}

/// What becomes of a key that is adopted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ImportRole {
    /// It goes on signing, or being encrypted to, until its rotation, one interval later.
    Active,
    /// It only verifies, or decrypts, for one retention.
    Retired,
}
