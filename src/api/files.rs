//! The objects a key set is written to, and the files in them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A Secret for signers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretOutput {
    /// Name of the Secret, in the namespace of the resource.
    #[schemars(
        length(min = 1, max = 253),
        regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")
    )]
    pub name: String,
    /// File name → content. Default: `jwks.json` with the private JWKS.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    pub files: BTreeMap<String, SecretFile>,
}

/// A ConfigMap for verifiers. Its files can only be public.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConfigMapOutput {
    /// Name of the ConfigMap, in the namespace of the resource.
    #[schemars(
        length(min = 1, max = 253),
        regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")
    )]
    pub name: String,
    /// File name → content. Default: `jwks.json` with the public JWKS.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    pub files: BTreeMap<String, ConfigMapFile>,
}

/// One file of a Secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretFile {
    /// What the file holds.
    pub content: SecretContent,
    /// The key line it is taken from. A JWKS without one holds every line; a file of one key needs it where the
    /// set has several lines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub line: Option<String>,
    /// Which key of the line a file of one public key holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub select: Option<Select>,
}

/// One file of a ConfigMap.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConfigMapFile {
    /// What the file holds.
    pub content: PublicContent,
    /// The key line it is taken from. A JWKS without one holds every line; a file of one key needs it where the
    /// set has several lines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub line: Option<String>,
    /// Which key of the line a file of one public key holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub select: Option<Select>,
}

/// What a file in a Secret may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SecretContent {
    /// A JWK Set with private keys (RFC 7517 section 5), the active key first.
    PrivateJwks,
    /// The active key as one private JWK.
    PrivateJwk,
    /// The active key as PKCS#8 PEM (`BEGIN PRIVATE KEY`).
    PrivateKeyPem,
    /// The public JWK Set, as verifiers get it.
    PublicJwks,
    /// One public JWK.
    PublicJwk,
    /// One public key as SPKI PEM (`BEGIN PUBLIC KEY`).
    PublicKeyPem,
    /// The kid of the active key, without a newline.
    ActiveKid,
}

/// What a file in a ConfigMap may hold: nothing private.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PublicContent {
    /// The public JWK Set (RFC 7517 section 5).
    PublicJwks,
    /// One public JWK.
    PublicJwk,
    /// One public key as SPKI PEM (`BEGIN PUBLIC KEY`).
    PublicKeyPem,
    /// The kid of the active key, without a newline.
    ActiveKid,
}

/// Which key of a line a file of one public key holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Select {
    /// The key that signs now (the default).
    Active,
    /// The key that signs next, for those who register a key by hand before it is used; the active one while there is no next.
    Standby,
}
