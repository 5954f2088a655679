//! Files that an edit of the spec took out of an output, and that are still read.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::Time;
use crate::material::PrivateEncoding;
use crate::material::pkcs12::KeystoreProfile;

/// A public file that a ConfigMap goes on holding, for keys that the spec has put nowhere else under this name.
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

/// A private file that a Secret goes on holding, for keys of lines that the spec dropped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptPrivateFile {
    /// Name of the Secret.
    pub secret: String,
    /// Name of the file.
    pub file: String,
    /// What it holds.
    pub form: PrivateForm,
    /// The kids, as long as signers need them there.
    pub keys: BTreeSet<String>,
}

/// How a file holds private halves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PrivateForm {
    /// All of them as a JWK Set.
    JwkSet,
    /// The active one as a JWK.
    Jwk,
    /// The active one in an encoding of its own.
    Key {
        /// Which.
        encoding: PrivateEncoding,
        /// As PEM, not DER.
        pem: bool,
    },
    /// All of them as a keystore.
    Keystore(KeystoreProfile),
}

impl PrivateForm {
    /// Whether it holds the keys beside the active one.
    #[must_use]
    pub fn holds_many(self) -> bool {
        match self {
            Self::JwkSet | Self::Keystore(_) => true,
            Self::Jwk | Self::Key { .. } => false,
        }
    }
}
