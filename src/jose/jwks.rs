//! Sets of keys.

use serde::{Deserialize, Serialize};

use super::members::Members;
use super::{PrivateJwk, SecretBase64Url};

/// A JWK Set (RFC 7517 section 5): `{"keys":[…]}`, in the order given. Unknown members are ignored when read.
///
/// One bad key makes the whole set unreadable, which is right for sets that Keyturn wrote; for others see
/// [`ForeignJwks`](super::ForeignJwks).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jwks<K> {
    /// The keys. Readers may prefer the first one.
    pub keys: Vec<K>,
}

/// A key that cannot hold a private member, by its type: only these may be published.
pub trait PublicOnly: Serialize {}

impl<K: PublicOnly> Jwks<K> {
    /// One line of compact JSON without a newline at its end: the same keys always give the same octets.
    ///
    /// # Errors
    /// None that is known: `serde_json` can refuse to write only what is not in a JWK.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }
}

impl Jwks<PrivateJwk> {
    /// Reads the keys that have a private half out of a set in which others may have none, as sets for signers do whose
    /// inactive keys are public only. The others, and those of a kind that is not known, are passed over.
    ///
    /// # Errors
    /// If this is no JWK Set, or one of its members is no base64url text.
    pub fn from_mixed_json(json: &str) -> Result<Self, serde_json::Error> {
        let set: Jwks<Members<SecretBase64Url>> = serde_json::from_str(json)?;
        Ok(Self { keys: set.keys.into_iter().filter_map(|members| members.try_into().ok()).collect() })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::jose::rfc_vectors::{RFC_7515_A2_KEY, RFC_7515_A3_KEY, RFC_7517_A1};
    use crate::jose::{PublicJwk, to_private_json};

    fn keys() -> Vec<PrivateJwk> {
        [(RFC_7515_A2_KEY, "RS256"), (RFC_7515_A3_KEY, "ES256")]
            .into_iter()
            .map(|(key, alg)| {
                let mut key: Value = serde_json::from_str(key).unwrap();
                key["alg"] = alg.into();
                key["kid"] = alg.into();
                serde_json::from_value(key).unwrap()
            })
            .collect()
    }

    #[test]
    fn private_sets_keep_their_order_and_read_back() {
        let set = Jwks { keys: keys() };
        let json = to_private_json(&set).unwrap();
        assert_eq!(json.capacity(), json.len());
        assert!(json.starts_with(br#"{"keys":[{"kty":"RSA","use":"sig","alg":"RS256","kid":"RS256","n":"#));
        let again: Jwks<PrivateJwk> = serde_json::from_slice(&json).unwrap();
        assert_eq!(to_private_json(&again).unwrap(), json);
    }

    #[test]
    fn public_sets_of_the_same_keys_hold_no_private_member() {
        let public: Vec<PublicJwk> = keys().iter().map(|key| key.public().unwrap().clone()).collect();
        let json: Value = serde_json::from_str(&Jwks { keys: public }.to_json().unwrap()).unwrap();
        for key in json["keys"].as_array().unwrap() {
            for private in ["d", "p", "q", "dp", "dq", "qi", "priv", "k", "oth"] {
                assert!(key.get(private).is_none(), "{private}");
            }
        }
    }

    #[test]
    fn private_keys_are_read_from_among_public_ones() {
        let [rsa, ec] = &keys()[..] else { panic!("not two keys") };
        let oct = json!({"kty": "oct", "kid": "hmac", "alg": "HS256", "k": "A".repeat(43)});
        let weak = json!({"kty": "oct", "kid": "weak", "alg": "HS256", "k": "A".repeat(22)});
        let unknown = json!({"kty": "OKP", "crv": "X448", "x": "AQAB", "d": "AQAB"});
        let mixed = json!({"keys": [rsa, ec.public(), unknown, oct, weak]}).to_string();
        assert!(serde_json::from_str::<Jwks<PrivateJwk>>(&mixed).is_err());
        let read = Jwks::from_mixed_json(&mixed).unwrap();
        assert_eq!(read.keys.iter().map(PrivateJwk::kid).collect::<Vec<_>>(), ["RS256", "hmac"]);
        assert!(Jwks::from_mixed_json(RFC_7517_A1).unwrap().keys.is_empty());
        assert!(Jwks::from_mixed_json("{}").is_err());
    }
}
