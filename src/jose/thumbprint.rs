//! RFC 7638 thumbprints.

use std::fmt;
use std::str::FromStr;

use base64ct::{Base64UrlUnpadded, Encoding};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thiserror::Error;

use super::PublicParams;

/// The SHA-256 thumbprint of a public key (RFC 7638): 32 octets, written as 43 characters of base64url.
///
/// It depends on the key alone, not on `kid` or `use`, nor on `alg` save for `kty` `AKP` (RFC 9964 section 6), and the
/// private half has the same one. What stands for it where a key has no public half, `MacKey` in `keyring` works out.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Thumbprint([u8; 32]);

impl Thumbprint {
    /// The thumbprint of this key.
    #[must_use]
    pub fn of(params: &PublicParams) -> Self {
        // Section 3.3: the required members in lexicographic order, without white space. None needs escaping.
        let members = match params {
            PublicParams::Rsa(rsa) => format!(r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#, rsa.e(), rsa.n()),
            PublicParams::Ec(ec) => {
                format!(r#"{{"crv":"{}","kty":"EC","x":"{}","y":"{}"}}"#, ec.curve(), ec.x(), ec.y())
            }
            PublicParams::Okp(okp) => format!(r#"{{"crv":"{}","kty":"OKP","x":"{}"}}"#, okp.curve(), okp.x()),
            PublicParams::Akp(akp) => format!(r#"{{"alg":"{}","kty":"AKP","pub":"{}"}}"#, akp.set(), akp.key()),
        };
        Self(Sha256::digest(members).into())
    }

    /// A thumbprint that was worked out elsewhere: that of a symmetric key needs a secret.
    #[must_use]
    pub const fn from_octets(octets: [u8; 32]) -> Self {
        Self(octets)
    }

    /// The 32 octets of the hash.
    #[must_use]
    pub const fn octets(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&Base64UrlUnpadded::encode_string(&self.0))
    }
}

impl fmt::Debug for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Thumbprint({self})")
    }
}

impl FromStr for Thumbprint {
    type Err = InvalidThumbprint;

    fn from_str(text: &str) -> Result<Self, InvalidThumbprint> {
        let mut octets = [0; 32];
        match Base64UrlUnpadded::decode(text, &mut octets) {
            Ok(decoded) if decoded.len() == 32 => Ok(Self(octets)),
            _ => Err(InvalidThumbprint),
        }
    }
}

impl TryFrom<String> for Thumbprint {
    type Error = InvalidThumbprint;

    fn try_from(text: String) -> Result<Self, InvalidThumbprint> {
        text.parse()
    }
}

impl From<Thumbprint> for String {
    fn from(thumbprint: Thumbprint) -> Self {
        thumbprint.to_string()
    }
}

/// A text that is no SHA-256 thumbprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not a SHA-256 thumbprint: write the 43 characters of base64url that RFC 7638 gives")]
pub struct InvalidThumbprint;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_any_other_length_or_alphabet_is_refused() {
        let right = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs";
        let thumbprint: Thumbprint = right.parse().unwrap();
        assert_eq!(thumbprint.to_string(), right);
        assert_eq!(serde_json::to_string(&thumbprint).unwrap(), format!("\"{right}\""));
        assert_eq!(format!("{thumbprint:?}"), format!("Thumbprint({right})"));
        let wrong = ["", "AQAB", &right[1..], &format!("{right}A"), &right.replace('-', "+"), &format!("{right}=")];
        for text in wrong {
            assert_eq!(text.parse::<Thumbprint>(), Err(InvalidThumbprint), "{text}");
        }
    }
}
