//! Public files that an edit of the spec took out of a ConfigMap, and that are still read.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Time;

/// A file that a ConfigMap goes on holding, for keys that the spec has put nowhere else under this name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeptFile {
    /// Name of the ConfigMap.
    pub config_map: String,
    /// Name of the file.
    pub file: String,
    /// What it holds.
    pub form: PublicForm,
    /// kid → when the edit was, if the key is needed there only for what it had signed by then: for one retention. `None`: as
    /// long as the key lives.
    pub keys: BTreeMap<String, Option<Time>>,
}

/// How a file holds public halves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PublicForm {
    /// All of them as a JWK Set.
    JwkSet,
    /// One as a JWK.
    Jwk,
    /// One as SPKI PEM.
    Pem,
    /// The certificate of one.
    Certificate,
}
