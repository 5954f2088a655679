//! The discovery document of an issuer whose tokens can only be verified here, as Kubernetes has it for service accounts
//! (OpenID Connect Discovery 1.0 section 3).

use serde::Serialize;

use super::published::Published;
use crate::jose::Algorithm;

/// The members that the specification asks for and that make sense without endpoints to log in at.
#[derive(Serialize)]
struct Discovery<'a> {
    issuer: &'a str,
    jwks_uri: String,
    response_types_supported: [&'static str; 1],
    subject_types_supported: [&'static str; 1],
    id_token_signing_alg_values_supported: &'a [Algorithm],
}

/// The document as JSON.
///
/// # Errors
/// None in practice.
pub fn document(issuer: &str, jwks: &Published) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::to_vec(&Discovery {
        issuer,
        jwks_uri: format!("{}/.well-known/jwks.json", issuer.trim_end_matches('/')),
        response_types_supported: ["id_token"],
        subject_types_supported: ["public"],
        id_token_signing_alg_values_supported: &jwks.signing,
    })
}
