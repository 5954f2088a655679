//! Keys that somebody else published.

use std::fmt;

use serde::de::IgnoredAny;
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};

use super::members::Members;
use super::{JwkError, ParamsError, PrivateParams, PublicOnly, PublicParams, SecretBase64Url, Thumbprint, Use};

/// A public key of another issuer, which may lack everything that RFC 7517 makes optional, and whose `alg` may be
/// unknown here.
///
/// When read, private and unknown members are dropped; when written, `kty`, `use`, `alg`, `kid` and the members of its
/// type come out as they came in.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "Members<IgnoredAny>")]
pub struct ForeignJwk {
    /// The key ID, if it has one.
    pub kid: Option<String>,
    /// The algorithm, if it has one, known here or not.
    pub alg: Option<String>,
    /// What it is for, if it says so in a way that RFC 7517 section 4.2 defines.
    pub usage: Option<Use>,
    /// The public key itself.
    pub params: PublicParams,
    /// Whether a private member was there. Published, that is a leak that its owner should hear of.
    pub had_private: bool,
}

impl ForeignJwk {
    /// The RFC 7638 thumbprint with SHA-256.
    #[must_use]
    pub fn thumbprint(&self) -> Thumbprint {
        self.params.thumbprint()
    }

    fn from_members<P>(members: &mut Members<P>) -> Result<Self, ParamsError> {
        let params = members.public_params()?;
        let had_private = members.has_private();
        let usage = members.usage.take().and_then(|usage| usage.parse().ok());
        Ok(Self { kid: members.kid.take(), alg: members.alg.take(), usage, params, had_private })
    }
}

impl PublicOnly for ForeignJwk {}

impl Serialize for ForeignJwk {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { kid, alg, usage, params, had_private: _ } = self;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("kty", params.key_kind().kty())?;
        if let Some(usage) = usage {
            map.serialize_entry("use", usage)?;
        }
        if let Some(alg) = alg.as_deref().or(params.own_alg()) {
            map.serialize_entry("alg", alg)?;
        }
        if let Some(kid) = kid {
            map.serialize_entry("kid", kid)?;
        }
        params.write_members(&mut map)?;
        map.end()
    }
}

impl TryFrom<Members<IgnoredAny>> for ForeignJwk {
    type Error = ParamsError;

    fn try_from(mut members: Members<IgnoredAny>) -> Result<Self, ParamsError> {
        Self::from_members(&mut members)
    }
}

/// A key pair of another issuer, to be imported: like [`ForeignJwk`], but with the private members of its type, all of
/// which must be there.
///
/// `PrivateKey::from_params` in `material` checks that the halves belong together. `Debug` shows no private member.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Members<SecretBase64Url>")]
pub struct ForeignPrivateJwk {
    /// The public half and what is said about the key.
    pub public: ForeignJwk,
    /// The private half.
    pub private: PrivateParams,
}

impl TryFrom<Members<SecretBase64Url>> for ForeignPrivateJwk {
    type Error = JwkError;

    fn try_from(mut members: Members<SecretBase64Url>) -> Result<Self, JwkError> {
        let public = ForeignJwk::from_members(&mut members)?;
        let private = PrivateParams::from_members(members, &public.params)?;
        Ok(Self { public, private })
    }
}

/// A JWK Set of another issuer, read as RFC 7517 section 5 asks: keys that are not understood are skipped, and the rest
/// is used.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "Set")]
pub struct ForeignJwks {
    /// The keys that were understood, in their order.
    pub keys: Vec<ForeignJwk>,
    /// The keys that were not.
    pub skipped: Vec<SkippedJwk>,
}

/// A key of a foreign set that was skipped. Its `Display` is a sentence for the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkippedJwk {
    /// Its place in the set, counted from 0.
    pub index: usize,
    /// Why, and what to change.
    pub reason: String,
}

impl fmt::Display for SkippedJwk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "keys[{}] was skipped: {}", self.index, self.reason)
    }
}

/// A set whose keys are looked at one by one.
#[derive(Deserialize)]
struct Set {
    keys: Vec<serde_json::Value>,
}

impl From<Set> for ForeignJwks {
    fn from(set: Set) -> Self {
        let mut read = Self { keys: Vec::new(), skipped: Vec::new() };
        for (index, key) in set.keys.into_iter().enumerate() {
            match serde_json::from_value(key) {
                Ok(key) => read.keys.push(key),
                Err(error) => read.skipped.push(SkippedJwk { index, reason: error.to_string() }),
            }
        }
        read
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::jose::rfc_vectors::{RFC_7517_A1, RFC_7517_A2};

    #[test]
    fn the_rest_of_a_set_survives_a_key_that_is_not_understood() {
        let mut set: serde_json::Value = serde_json::from_str(RFC_7517_A1).unwrap();
        let keys = set["keys"].as_array_mut().unwrap();
        keys.insert(0, json!({"kty": "OKP", "crv": "Ed448", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}));
        keys.push(json!({"kty": "EC", "crv": "P-256", "x": "AQAB", "y": "AQAB"}));
        keys.push(json!("not even an object"));
        keys.push(json!({"kty": "RSA", "n": 5, "e": "AQAB"}));
        keys.push(json!({"kty": "oct", "k": "c2VzYW1l"}));
        keys.push(json!({"kty": "AKP", "pub": "AQAB"}));
        keys.push(json!({"kty": "AKP", "alg": "ML-KEM-768", "pub": "AQAB"}));
        let set: ForeignJwks = serde_json::from_value(set).unwrap();
        assert_eq!(set.keys.len(), 2);
        let reasons: Vec<_> = set.skipped.iter().map(ToString::to_string).collect();
        let expected = [
            "keys[0] was skipped: unknown curve \"Ed448\": OKP keys may be on Ed25519 or X25519",
            "keys[3] was skipped: x has 3 octets, but on P-256",
            "keys[4] was skipped: invalid type: string",
            "keys[5] was skipped: invalid type: integer `5`",
            "keys[6] was skipped: key type \"oct\" is not supported: kty must be RSA, EC, OKP or AKP",
            "keys[7] was skipped: member alg is missing, which AKP keys need (RFC 9964",
            "keys[8] was skipped: AKP keys with the alg \"ML-KEM-768\" are not supported",
        ];
        assert_eq!(reasons.len(), expected.len());
        for (reason, expected) in reasons.iter().zip(expected) {
            assert!(reason.starts_with(expected), "{reason}");
        }
    }

    #[test]
    fn what_is_no_set_is_refused() {
        for text in ["", "[]", "{}", r#"{"keys":{}}"#, r#"{"keys":null}"#] {
            assert!(serde_json::from_str::<ForeignJwks>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn private_members_are_dropped_and_reported() {
        let set: ForeignJwks = serde_json::from_str(RFC_7517_A2).unwrap();
        assert!(set.keys.iter().all(|key| key.had_private));
        let public: ForeignJwks = serde_json::from_str(RFC_7517_A1).unwrap();
        assert!(public.keys.iter().all(|key| !key.had_private));
        for (key, public) in set.keys.iter().zip(&public.keys) {
            assert_eq!(serde_json::to_string(key).unwrap(), serde_json::to_string(public).unwrap());
        }
    }

    #[test]
    fn an_unknown_algorithm_passes_and_an_unknown_use_does_not() {
        let mut key = serde_json::from_str::<serde_json::Value>(RFC_7517_A1).unwrap()["keys"][0].take();
        key["alg"] = json!("ECDH-ES+C20PKW");
        key["use"] = json!("dance");
        key["x5u"] = json!("https://example.com/cert");
        let key: ForeignJwk = serde_json::from_value(key).unwrap();
        assert_eq!(
            serde_json::to_string(&key).unwrap(),
            r#"{"kty":"EC","alg":"ECDH-ES+C20PKW","kid":"1","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}"#
        );
    }
}
