//! Public JWK Sets that Keyturn wrote and that someone else may have edited since.

use serde::Deserialize;
use serde_json::{Map, Value};
use thiserror::Error;

use super::{Jwks, PublicJwk};

/// Every member that Keyturn writes into a public JWK. None of them is private in any key type.
const MEMBERS: [&str; 17] = [
    "kty",
    "use",
    "alg",
    "kid",
    "crv",
    "x",
    "y",
    "n",
    "e",
    "pub",
    "key_ops",
    "key_ops_type",
    "x5c",
    "x5t#S256",
    "iat",
    "nbf",
    "exp",
];

/// Why a text is no public JWK Set of Keyturn's. Never quotes a value.
#[derive(Debug, Error)]
pub enum NotPublished {
    /// It is no JWK Set, or one of its keys is no public key.
    #[error("it is no public JWK Set: {0}")]
    Json(#[from] serde_json::Error),
    /// A key has a member that Keyturn publishes in none.
    #[error("keys[{index}] has a member that Keyturn never publishes")]
    Member {
        /// Its place in the set, counted from 0.
        index: usize,
    },
}

/// The set with all its members, looked at by name only.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Names {
    keys: Vec<Map<String, Value>>,
}

/// Reads a JWK Set (RFC 7517 section 5) in which every key is a public one and nothing else is: the same octets may be
/// handed to anyone.
///
/// # Errors
/// [`NotPublished`]
pub fn published(json: &[u8]) -> Result<Jwks<PublicJwk>, NotPublished> {
    let names: Names = serde_json::from_slice(json).map_err(|error| without_content(&error))?;
    let strange = |members: &Map<String, Value>| members.keys().any(|name| !MEMBERS.contains(&name.as_str()));
    if let Some(index) = names.keys.iter().position(strange) {
        return Err(NotPublished::Member { index });
    }
    serde_json::from_slice(json).map_err(|error| without_content(&error).into())
}

/// The error of a reader may quote what it met.
fn without_content(error: &serde_json::Error) -> serde_json::Error {
    let place = format!("line {}, column {}", error.line(), error.column());
    serde::de::Error::custom(format!("{:?} error at {place}", error.classify()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::jose::rfc_vectors::{RFC_7515_A3_KEY, RFC_7517_A1};

    fn ours() -> Value {
        let mut key: Value = serde_json::from_str(RFC_7515_A3_KEY).unwrap();
        key.as_object_mut().unwrap().remove("d");
        key["alg"] = "ES256".into();
        key["kid"] = "one".into();
        key["x5c"] = json!(["MII"]);
        json!({ "keys": [key] })
    }

    #[test]
    fn what_keyturn_publishes_is_read() {
        let set = published(ours().to_string().as_bytes()).unwrap();
        assert_eq!(set.keys.iter().map(PublicJwk::kid).collect::<Vec<_>>(), ["one"]);
        assert!(published(br#"{"keys":[]}"#).unwrap().keys.is_empty());
    }

    #[test]
    fn nothing_private_and_nothing_unknown_gets_through() {
        for member in ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv", "D", "secret", "x5u"] {
            let mut set = ours();
            set["keys"][0][member] = "c2VjcmV0".into();
            let refused = published(set.to_string().as_bytes()).unwrap_err().to_string();
            assert_eq!(refused, "keys[0] has a member that Keyturn never publishes", "{member}");
        }
        let mut beside = ours();
        beside["k"] = "c2VjcmV0".into();
        let mut symmetric = ours();
        symmetric["keys"][0]["kty"] = "oct".into();
        let mut nameless = ours();
        nameless["keys"][0].as_object_mut().unwrap().remove("kid");
        let twice = ours().to_string().replace(r#""kid":"#, r#""kid":"two","kid":"#);
        let texts = [beside.to_string(), symmetric.to_string(), nameless.to_string(), twice];
        for text in texts.iter().map(String::as_str).chain([RFC_7517_A1, "", "[]", "{}", "c2VjcmV0"]) {
            let refused = published(text.as_bytes()).unwrap_err().to_string();
            assert!(!refused.contains("c2VjcmV0"), "{refused}");
        }
    }
}
