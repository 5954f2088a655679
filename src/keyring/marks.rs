//! What an output says of itself: since when it holds each key, and in which role.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Time;
use crate::jose::{Algorithm, Thumbprint};

/// kid → mark. Kept beside the output's content, in the same write.
pub type Marks = BTreeMap<String, Mark>;

/// Since when an output holds a key. Each time is the later clock just before the write that brought the change
/// about, so it lasts as long as the state it tells of. Nothing here is private.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Mark {
    /// The line the key belongs to.
    pub line: String,
    /// Its algorithm.
    pub algorithm: Algorithm,
    /// Its thumbprint, as the keyring has it.
    pub thumbprint: Thumbprint,
    /// Since when the output's JWKS holds the key in the role of its phase.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<Time>,
    /// Since when a reader of this output uses the key to sign, or to encrypt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active: Option<Time>,
    /// Since when no reader of this output uses it for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inactive: Option<Time>,
}
