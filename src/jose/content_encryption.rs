//! What a `dir` key encrypts with.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// A content encryption algorithm, the JWE header parameter `enc` (RFC 7518 section 5.1). Only `dir` keys depend on it,
/// because they encrypt the content themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ContentEncryption {
    /// `A128GCM`.
    A128Gcm,
    /// `A192GCM`.
    A192Gcm,
    /// `A256GCM`.
    A256Gcm,
    /// `A128CBC-HS256`.
    A128CbcHs256,
    /// `A192CBC-HS384`.
    A192CbcHs384,
    /// `A256CBC-HS512`.
    A256CbcHs512,
}

impl ContentEncryption {
    /// All of them.
    pub const ALL: &'static [Self] =
        &[Self::A128Gcm, Self::A192Gcm, Self::A256Gcm, Self::A128CbcHs256, Self::A192CbcHs384, Self::A256CbcHs512];

    /// The JOSE name, such as `A256GCM`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::A128Gcm => "A128GCM",
            Self::A192Gcm => "A192GCM",
            Self::A256Gcm => "A256GCM",
            Self::A128CbcHs256 => "A128CBC-HS256",
            Self::A192CbcHs384 => "A192CBC-HS384",
            Self::A256CbcHs512 => "A256CBC-HS512",
        }
    }

    /// The size of its key in bits: 128 to 512 (RFC 7518 sections 5.2.3 to 5.3). CBC needs a second half for its HMAC.
    #[must_use]
    pub const fn key_bits(self) -> u16 {
        match self {
            Self::A128Gcm => 128,
            Self::A192Gcm => 192,
            Self::A256Gcm | Self::A128CbcHs256 => 256,
            Self::A192CbcHs384 => 384,
            Self::A256CbcHs512 => 512,
        }
    }

    /// The names of all of them.
    pub fn names() -> impl Iterator<Item = &'static str> {
        Self::ALL.iter().map(|one| one.name())
    }
}

impl fmt::Display for ContentEncryption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for ContentEncryption {
    type Err = UnknownContentEncryption;

    fn from_str(given: &str) -> Result<Self, UnknownContentEncryption> {
        let known = Self::ALL.iter().copied().find(|one| one.name() == given);
        known.ok_or_else(|| UnknownContentEncryption { given: super::excerpt(given) })
    }
}

/// A name that is no content encryption algorithm.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("unknown contentEncryption \"{given}\": write one of {}", ContentEncryption::names().collect::<Vec<_>>().join(", "))]
pub struct UnknownContentEncryption {
    given: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back_and_others_are_refused_with_a_way_out() {
        for one in ContentEncryption::ALL.iter().copied() {
            assert_eq!(one.to_string().parse(), Ok(one));
        }
        let error = "A256CBC".parse::<ContentEncryption>().unwrap_err().to_string();
        assert!(error.starts_with("unknown contentEncryption \"A256CBC\": write one of A128GCM, A192GCM"), "{error}");
    }
}
