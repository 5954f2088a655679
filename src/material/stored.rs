//! How the keyring holds a private key: base64 (RFC 4648 section 4) of its PKCS#8 DER.

use std::fmt;

use base64ct::{Base64, Encoding};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use zeroize::Zeroizing;

use super::PrivateKey;

impl Serialize for PrivateKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = Zeroizing::new(Base64::encode_string(&self.to_pkcs8_der()));
        serializer.serialize_str(&text)
    }
}

/// Only for what [`Serialize`] wrote: the numbers are not checked again, see [`PrivateKey::check`].
impl<'de> Deserialize<'de> for PrivateKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Stored)
    }
}

struct Stored;

impl de::Visitor<'_> for Stored {
    type Value = PrivateKey;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a private key as base64 of PKCS#8 DER")
    }

    /// The messages leave out the text, which is a secret.
    fn visit_str<E: de::Error>(self, text: &str) -> Result<PrivateKey, E> {
        let der = Base64::decode_vec(text)
            .map(Zeroizing::new)
            .map_err(|_| E::custom("a private key is not base64: restore the keyring from a backup"))?;
        PrivateKey::trusted(der).map_err(E::custom)
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
        assert_eq!(Base64::decode_vec(&stored).unwrap(), *key.to_pkcs8_der());
    }

    #[test]
    fn refusals_show_nothing_of_the_text() {
        for text in ["\"sesame open\"", "\"c2VzYW1lIG9wZW4=\"", "\"\""] {
            let error = serde_json::from_str::<PrivateKey>(text).unwrap_err().to_string();
            assert!(!error.contains("sesame") && !error.contains("c2Vz"), "{error}");
        }
    }
}
