//! What Keyturn answers over HTTP.

pub mod jwks;
pub mod listener;
pub mod tls;
