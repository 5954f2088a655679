//! Presets for the worlds that read what Keyturn writes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A table of defaults, nothing more: whatever the spec states counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Profile {
    /// Private and public JWKS.
    #[default]
    Generic,
    /// The Janssen auth server: a PKCS#12 keystore with the web keys beside it.
    Janssen,
    /// Ory: private and public JWKS with random kids.
    Ory,
    /// A Mia-Platform client that logs in with `private_key_jwt`: PEM files with names for `envFrom`.
    MiaPlatform,
    /// Spring Authorization Server: one private key an algorithm.
    Spring,
}
