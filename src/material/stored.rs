//! How the keyring holds a private key: base64 (RFC 4648 section 4) of its PKCS#8 DER, or `{"k":…}` for a symmetric key.

use std::fmt;

use base64ct::{Base64, Encoding};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use zeroize::Zeroizing;

use super::PrivateKey;
use super::private_key::Held;
use crate::jose::SecretBase64Url;

/// A symmetric key, with the name of its JWK member (RFC 7518 section 6.4.1).
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Symmetric<K> {
    k: K,
}

impl Serialize for PrivateKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Held::Pair { pkcs8, .. } => serializer.serialize_str(&Zeroizing::new(Base64::encode_string(pkcs8))),
            Held::Symmetric { k, .. } => Symmetric { k }.serialize(serializer),
        }
    }
}

/// Only for what [`Serialize`] wrote: the numbers are not checked again, see [`PrivateKey::check`].
impl<'de> Deserialize<'de> for PrivateKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Stored)
    }
}

struct Stored;

impl<'de> de::Visitor<'de> for Stored {
    type Value = PrivateKey;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a private key as base64 of PKCS#8 DER, or a symmetric key")
    }

    /// The messages leave out the text, which is a secret.
    fn visit_str<E: de::Error>(self, text: &str) -> Result<PrivateKey, E> {
        let der = Base64::decode_vec(text)
            .map(Zeroizing::new)
            .map_err(|_| E::custom("a private key is not base64: restore the keyring from a backup"))?;
        PrivateKey::trusted(der).map_err(E::custom)
    }

    fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<PrivateKey, A::Error> {
        let Symmetric::<SecretBase64Url> { k } = Deserialize::deserialize(de::value::MapAccessDeserializer::new(map))?;
        PrivateKey::symmetric(k).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jose::{Curve, KeySpec};

    #[test]
    fn it_is_base64_of_the_der_and_nothing_else() {
        let key = PrivateKey::generate(&KeySpec::Ec { curve: Curve::P256 }).unwrap();
        let stored: String = serde_json::from_value(serde_json::to_value(&key).unwrap()).unwrap();
        assert_eq!(Base64::decode_vec(&stored).unwrap(), *key.to_pkcs8_der().unwrap());
    }

    #[test]
    fn a_symmetric_key_is_its_member_k() {
        let key = PrivateKey::symmetric(SecretBase64Url::new(&[7; 32])).unwrap();
        let stored = serde_json::to_string(&key).unwrap();
        assert_eq!(stored, format!(r#"{{"k":"{}"}}"#, "BwcH".repeat(10) + "Bwc"));
        assert_eq!(serde_json::from_str::<PrivateKey>(&stored).unwrap(), key);
    }

    #[test]
    fn refusals_show_nothing_of_the_text() {
        for text in
            ["\"sesame open\"", "\"c2VzYW1lIG9wZW4=\"", "\"\"", r#"{"k":"c2VzYW1l"}"#, r#"{"k":"sesame open"}"#, "{}"]
        {
            let error = serde_json::from_str::<PrivateKey>(text).unwrap_err().to_string();
            assert!(!error.contains("sesame") && !error.contains("c2Vz"), "{error}");
        }
    }
}
