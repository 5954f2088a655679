//! What the JWKs of a set say beside the key.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Members that the JWKs of a set have beside those that make the key. Left out, each is what the profile says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct JwkMembers {
    /// Write `key_ops` (RFC 7517 section 4.3).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_ops: Option<bool>,
    /// Write `key_ops_type` with this value, Janssen's word for what a key is for. The placeholder `{ops}` of
    /// `kid.template` is the same word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_ops_type: Option<KeyOpsType>,
    /// Write `x5c`, the key's certificate (RFC 7517 section 4.7).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub x5c: Option<bool>,
    /// Write `x5t#S256`, the digest of the key's certificate (RFC 7517 section 4.9).
    #[serde(rename = "x5tS256", skip_serializing_if = "Option::is_none")]
    pub x5t_s256: Option<bool>,
    /// Write `iat`, when the key was made, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iat: Option<bool>,
    /// Write `nbf`, since when the key exists, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nbf: Option<bool>,
    /// Write `exp` in this unit: the end of the certificate that was made last, the same for every key of a file, so that
    /// readers that choose by `exp` take the first key. Keyturn takes each key away earlier, when nobody needs it any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exp: Option<ExpUnit>,
}

impl JwkMembers {
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Janssen's word for what a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum KeyOpsType {
    /// `connect`: OpenID Connect.
    Connect,
    /// `ssa`: software statement assertions, whose keys live 50 years there.
    Ssa,
}

impl KeyOpsType {
    /// The word in the JWK.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Ssa => "ssa",
        }
    }
}

/// The unit of `exp`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ExpUnit {
    /// Seconds since 1970, as JWTs have it (RFC 7519 section 2).
    Seconds,
    /// Milliseconds since 1970, as Janssen has it.
    Milliseconds,
    /// No `exp`, whatever the profile says.
    None,
}
