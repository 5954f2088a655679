//! Digests by which an output that someone changed is told.

use std::fmt;

use base64ct::{Base64, Encoding};
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::jose::Thumbprint;
use crate::material::PrivateKey;

/// The key of the digests, 64 random bytes. A plain hash over a passphrase would let anyone test guesses.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct MacKey([u8; MacKey::BYTES]);

/// HMAC-SHA-256 (RFC 2104) over an output, in base64.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Digest(pub String);

impl MacKey {
    /// Size of the key in bytes: that of SHA-256's block (RFC 2104 section 2), the longest that is used as it is.
    pub const BYTES: usize = 64;

    /// Takes 64 random bytes.
    pub fn new(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// Digest over parts, each with its length, so that no two lists of parts give the same input.
    pub fn digest<'a>(&self, parts: impl IntoIterator<Item = &'a [u8]>) -> Digest {
        let mut mac = Hmac::<Sha256>::new(&self.0.into());
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        Digest(Base64::encode_string(&mac.finalize().into_bytes()))
    }

    /// The thumbprint of a key: that of RFC 7638, and for a symmetric key an HMAC in place of the plain hash, because
    /// thumbprints are shown, and section 7 warns that whoever sees the hash of a secret can test guesses.
    pub fn thumbprint(&self, key: &PrivateKey) -> Thumbprint {
        key.thumbprint(|json| {
            let mut mac = Hmac::<Sha256>::new(&self.0.into());
            // No digest is over the same octets: those begin with a length, which is never that of `{"k":"`.
            for piece in json {
                mac.update(piece);
            }
            mac.finalize().into_bytes().into()
        })
    }
}

impl fmt::Debug for MacKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("MacKey([private])")
    }
}

impl Serialize for MacKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Zeroizing::new(Base64::encode_string(&self.0)).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for MacKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        let mut bytes = [0; Self::BYTES];
        let wrong = || de::Error::custom("macKey must be 64 bytes in base64");
        let found = Base64::decode(text.as_bytes(), &mut bytes).map_err(|_| wrong())?.len();
        if found == Self::BYTES { Ok(Self(bytes)) } else { Err(wrong()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_parts_are_told_apart() {
        let key = MacKey::new([7; MacKey::BYTES]);
        let digest = |parts: &[&[u8]]| key.digest(parts.iter().copied());
        assert_eq!(digest(&[b"ab", b"c"]), digest(&[b"ab", b"c"]));
        assert_ne!(digest(&[b"ab", b"c"]), digest(&[b"a", b"bc"]));
        assert_ne!(digest(&[b"ab"]), MacKey::new([8; MacKey::BYTES]).digest([b"ab".as_slice()]));
    }

    #[test]
    fn debug_hides_the_key() {
        assert_eq!(format!("{:?}", MacKey::new([7; MacKey::BYTES])), "MacKey([private])");
    }
}
