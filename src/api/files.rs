//! The objects a key set is written to, and the files in them.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::reference::SecretValue;
use super::rules;

/// A Secret for signers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = rules::keystores_have_a_passphrase(), validation = rules::encrypted_keys_are_pkcs8())]
#[serde(rename_all = "camelCase")]
pub struct SecretOutput {
    /// Name of the Secret, in the namespace of the resource.
    #[schemars(
        length(min = 1, max = 253),
        regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")
    )]
    pub name: String,
    /// A passphrase of the user's. It encrypts the private keys in PEM and DER files (PKCS#8) and the keystores, which are
    /// written anew when it changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passphrase: Option<SecretValue>,
    /// File name → content. Default: what the profile says; `Generic`: `jwks.json` with the private JWKS. File names may be
    /// those of environment variables, for `envFrom`.
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
    /// File name → content. Default: what the profile says; `Generic`: `jwks.json` with the public JWKS.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    pub files: BTreeMap<String, ConfigMapFile>,
}

/// One file of a Secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = rules::file_options_fit_the_content())]
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
    /// With `PrivateKeyPem` and `PrivateKeyDer`: how the key is encoded. Default: what the profile says, or `PKCS8`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<Encoding>,
    /// With `PrivateJwks`: how it holds the keys that are not active, where they need not be loaded. Default: `Omitted`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inactive_keys: Option<InactiveKeys>,
    /// With `Pkcs12`: how it is encrypted. Default: `Modern`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption: Option<KeystoreEncryption>,
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
    /// The active key as PEM: `BEGIN PRIVATE KEY` (PKCS#8), or what `encoding` says; with a passphrase
    /// `BEGIN ENCRYPTED PRIVATE KEY`.
    PrivateKeyPem,
    /// The same as DER.
    PrivateKeyDer,
    /// A PKCS#12 keystore with every private key that the signers have, each with its certificate, under its kid as alias.
    /// Needs a passphrase.
    Pkcs12,
    /// The passphrase, for readers that want it beside the key, such as in an environment variable.
    Passphrase,
    /// The public JWK Set, as verifiers get it.
    PublicJwks,
    /// One public JWK.
    PublicJwk,
    /// One public key as SPKI PEM (`BEGIN PUBLIC KEY`).
    PublicKeyPem,
    /// The certificate of one key as PEM (`BEGIN CERTIFICATE`).
    CertificatePem,
    /// The kid of the active key, without a newline.
    ActiveKid,
    /// The kids of all active keys as a JSON object, line → kid.
    ActiveKids,
    /// The revision of the keyring that all files of the object were made from, in decimal digits. Whatever changes in one of
    /// them, this changes in the same write.
    Revision,
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
    /// The certificate of one key as PEM (`BEGIN CERTIFICATE`).
    CertificatePem,
    /// The kid of the active key, without a newline.
    ActiveKid,
    /// The kids of all active keys as a JSON object, line → kid.
    ActiveKids,
    /// The revision of the keyring that all files of the object were made from, in decimal digits. Whatever changes in one of
    /// them, this changes in the same write.
    Revision,
}

/// How a private key is encoded in PEM and DER files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Encoding {
    /// `PRIVATE KEY` (RFC 5958), for keys of every kind.
    #[serde(rename = "PKCS8")]
    Pkcs8,
    /// `RSA PRIVATE KEY` (RFC 8017), for RSA keys.
    #[serde(rename = "PKCS1")]
    Pkcs1,
    /// `EC PRIVATE KEY` (RFC 5915), for EC keys.
    #[serde(rename = "SEC1")]
    Sec1,
}

/// How a private JWKS holds keys that are not active.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum InactiveKeys {
    /// With their private halves, behind the active ones. A reader that takes any but the first key would sign too early.
    Private,
    /// Their public halves only.
    PublicOnly,
    /// Not at all, for readers that fail when they see two keys of one algorithm.
    Omitted,
}

/// How a keystore is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum KeystoreEncryption {
    /// AES-256 and HMAC-SHA-256: Java since 8u301, openssl since 1.1.
    Modern,
    /// Triple DES and SHA-1, for older readers.
    Legacy,
}

/// Which key of a line a file of one public key holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Select {
    /// The key that signs now (the default).
    Active,
    /// The key that signs next, for those who register a key by hand before it is used; the active one while there is no next.
    Standby,
}
