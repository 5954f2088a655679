//! The certificates of a set.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Span;

/// The self-signed certificate that each key gets, for keystores, `x5c` and certificate files. A key keeps its own: a
/// change counts for the next keys.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct CertificateSpec {
    /// Subject and issuer, as RFC 4514 writes a distinguished name, such as `CN=Auth,O=Example`. Default: `CN=` and the
    /// name of the key set, or what the profile says.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    pub subject: Option<String>,
    /// How long a certificate is valid from the making of its key on. Default: `87600h`, ten years. It must outlast the key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validity: Option<Span>,
}
