//! Octets that a JWK holds as base64url text.

use std::fmt;

use base64ct::{Base64UrlUnpadded, Encoding};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use zeroize::Zeroizing;

/// Public octets, written as base64url without padding (RFC 7515 section 2), such as `AQAB`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Base64Url(Box<[u8]>);

impl Base64Url {
    /// Holds these octets as they are.
    #[must_use]
    pub fn new(octets: &[u8]) -> Self {
        Self(octets.into())
    }

    /// The octets, decoded.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Base64Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Base64UrlUnpadded::encode_string(&self.0))
    }
}

impl fmt::Debug for Base64Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

impl Serialize for Base64Url {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Base64Url {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Decode).map(|octets| Self(octets.into_boxed_slice()))
    }
}

/// Private octets, written as base64url without padding. Wiped when dropped, and never shown by `Debug`.
#[derive(Clone)]
pub struct SecretBase64Url(Zeroizing<Vec<u8>>);

impl SecretBase64Url {
    /// Holds a copy of these octets.
    #[must_use]
    pub fn new(octets: &[u8]) -> Self {
        Self(Zeroizing::new(octets.to_vec()))
    }

    /// The octets, decoded.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for SecretBase64Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[private]")
    }
}

impl Serialize for SecretBase64Url {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = Zeroizing::new(Base64UrlUnpadded::encode_string(&self.0));
        serializer.serialize_str(&text)
    }
}

impl<'de> Deserialize<'de> for SecretBase64Url {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Decode).map(|octets| Self(Zeroizing::new(octets)))
    }
}

/// Reads base64url text straight from the input, without a copy of the text.
struct Decode;

impl de::Visitor<'_> for Decode {
    type Value = Vec<u8>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("base64url text")
    }

    /// The message leaves out the text, which may be a secret.
    fn visit_str<E: de::Error>(self, text: &str) -> Result<Vec<u8>, E> {
        Base64UrlUnpadded::decode_vec(text).map_err(|_| {
            E::custom("a member is not base64url: letters, digits, - and _, without padding (RFC 7515 section 2)")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_7515_appendix_c() {
        let octets = [3, 236, 255, 224, 193];
        assert_eq!(Base64Url::new(&octets).to_string(), "A-z_4ME");
        assert_eq!(serde_json::from_str::<Base64Url>("\"A-z_4ME\"").unwrap().octets(), octets);
        assert_eq!(serde_json::to_string(&SecretBase64Url::new(&octets)).unwrap(), "\"A-z_4ME\"");
    }

    #[test]
    fn only_the_one_right_spelling_is_read() {
        let cases = ["AQAB==", "AQ AB", "A+z/4ME", "A", "A-z_4MF", "Ä"];
        for text in cases {
            let json = format!("\"{text}\"");
            assert!(serde_json::from_str::<Base64Url>(&json).is_err(), "{text}");
        }
    }

    #[test]
    fn neither_debug_nor_errors_show_secret_octets() {
        assert_eq!(format!("{:?}", SecretBase64Url::new(b"secret")), "[private]");
        let error = serde_json::from_str::<SecretBase64Url>("\"sesame+open\"").unwrap_err();
        assert!(!error.to_string().contains("sesame"));
    }
}
