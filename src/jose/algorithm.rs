//! The algorithm table.
//!
//! A new algorithm is one new row of `table!`: the enum, its names, the parser and the documentation
//! of the variants are all made from it. Algorithms sort in the order of the table.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{Curve, Use};

/// What is special about one algorithm. Read it with [`Algorithm::row`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// The name in the JWK member `alg` (RFC 7517 section 4.4), case-sensitive.
    pub name: &'static str,
    /// What keys of this algorithm are for.
    pub usage: Use,
    /// Which kind of key it takes.
    pub key: KeyKind,
    /// The section that defines it.
    pub source: &'static str,
}

/// The kind of key that an algorithm takes: code that differs between RSA and EC matches on this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyKind {
    /// RSA, of any size.
    Rsa,
    /// An elliptic curve key on exactly this curve.
    Ec(Curve),
}

impl KeyKind {
    /// The value of the JWK member `kty` (RFC 7518 section 6.1).
    #[must_use]
    pub const fn kty(self) -> &'static str {
        match self {
            Self::Rsa => "RSA",
            Self::Ec(_) => "EC",
        }
    }
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rsa => f.pad("RSA"),
            Self::Ec(curve) => curve.fmt(f),
        }
    }
}

macro_rules! table {
    ($( $variant:ident $name:literal $usage:expr, $key:expr, $source:literal; )+) => {
        /// A JOSE algorithm that a key is made for (RFC 7518).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "&'static str")]
        pub enum Algorithm {
            $( #[doc = concat!("`", $name, "`, ", $source, ".")] $variant, )+
        }

        impl Algorithm {
            /// Every algorithm, in the order of the table.
            pub const ALL: &'static [Self] = &[$( Self::$variant ),+];

            /// Everything that is special about this algorithm.
            pub const fn row(self) -> &'static Row {
                match self {
                    $( Self::$variant => &Row { name: $name, usage: $usage, key: $key, source: $source }, )+
                }
            }
        }
    };
}

table! {
    Rs256      "RS256"        Use::Sig, KeyKind::Rsa,             "RFC 7518 section 3.3";
    Rs384      "RS384"        Use::Sig, KeyKind::Rsa,             "RFC 7518 section 3.3";
    Rs512      "RS512"        Use::Sig, KeyKind::Rsa,             "RFC 7518 section 3.3";
    Ps256      "PS256"        Use::Sig, KeyKind::Rsa,             "RFC 7518 section 3.5";
    Ps384      "PS384"        Use::Sig, KeyKind::Rsa,             "RFC 7518 section 3.5";
    Ps512      "PS512"        Use::Sig, KeyKind::Rsa,             "RFC 7518 section 3.5";
    Es256      "ES256"        Use::Sig, KeyKind::Ec(Curve::P256), "RFC 7518 section 3.4";
    Es384      "ES384"        Use::Sig, KeyKind::Ec(Curve::P384), "RFC 7518 section 3.4";
    Es512      "ES512"        Use::Sig, KeyKind::Ec(Curve::P521), "RFC 7518 section 3.4";
    RsaOaep    "RSA-OAEP"     Use::Enc, KeyKind::Rsa,             "RFC 7518 section 4.3";
    RsaOaep256 "RSA-OAEP-256" Use::Enc, KeyKind::Rsa,             "RFC 7518 section 4.3";
}

impl Algorithm {
    /// The JOSE name, such as `RS256`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.row().name
    }

    /// Whether its keys sign or encrypt.
    #[must_use]
    pub const fn usage(self) -> Use {
        self.row().usage
    }

    /// Which kind of key it takes.
    #[must_use]
    pub const fn key_kind(self) -> KeyKind {
        self.row().key
    }

    /// The names of all algorithms, in the order of the table.
    pub fn names() -> impl Iterator<Item = &'static str> {
        Self::ALL.iter().map(|algorithm| algorithm.name())
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Algorithm {
    type Err = UnknownAlgorithm;

    fn from_str(given: &str) -> Result<Self, UnknownAlgorithm> {
        Self::ALL
            .iter()
            .copied()
            .find(|algorithm| algorithm.name() == given)
            .ok_or_else(|| UnknownAlgorithm::new(given))
    }
}

impl TryFrom<String> for Algorithm {
    type Error = UnknownAlgorithm;

    fn try_from(given: String) -> Result<Self, UnknownAlgorithm> {
        given.parse()
    }
}

impl From<Algorithm> for &'static str {
    fn from(algorithm: Algorithm) -> Self {
        algorithm.name()
    }
}

/// A name that is not in the table. Its message suggests the nearest names and lists all.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("unknown algorithm \"{given}\"{}; known are {}", self.hint(), known_names())]
pub struct UnknownAlgorithm {
    given: String,
    suggestions: Vec<Algorithm>,
}

impl UnknownAlgorithm {
    /// The algorithms whose names are nearest to what was given, up to three; empty if none is near.
    #[must_use]
    pub fn suggestions(&self) -> &[Algorithm] {
        &self.suggestions
    }

    fn new(given: &str) -> Self {
        let given = super::excerpt(given);
        let suggestions = nearest(&given);
        Self { given, suggestions }
    }

    fn hint(&self) -> String {
        if self.suggestions.is_empty() {
            return String::new();
        }
        let names: Vec<_> = self.suggestions.iter().map(|algorithm| algorithm.name()).collect();
        format!(", did you mean {}?", names.join(" or "))
    }
}

fn known_names() -> String {
    Algorithm::names().collect::<Vec<_>>().join(", ")
}

/// The algorithms at the smallest edit distance, if that is at most two; case and `_` for `-` count nothing.
fn nearest(given: &str) -> Vec<Algorithm> {
    const MOST_EDITS: usize = 2;
    const MOST_SUGGESTIONS: usize = 3;
    let given = given.to_ascii_uppercase().replace('_', "-");
    let distance = |algorithm: &Algorithm| strsim::osa_distance(&given, algorithm.name());
    let Some(smallest) = Algorithm::ALL.iter().map(distance).min().filter(|edits| *edits <= MOST_EDITS) else {
        return Vec::new();
    };
    Algorithm::ALL.iter().copied().filter(|algorithm| distance(algorithm) == smallest).take(MOST_SUGGESTIONS).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_name_parses_back_and_is_unique() {
        let mut seen = HashSet::new();
        for algorithm in Algorithm::ALL.iter().copied() {
            assert_eq!(algorithm.name().parse(), Ok(algorithm));
            assert_eq!(algorithm.to_string(), algorithm.name());
            let json = serde_json::to_string(&algorithm).unwrap();
            assert_eq!(json, format!("\"{}\"", algorithm.name()));
            assert_eq!(serde_json::from_str::<Algorithm>(&json).unwrap(), algorithm);
            assert!(seen.insert(algorithm.name()));
        }
    }

    #[test]
    fn algorithms_sort_in_table_order() {
        assert!(Algorithm::ALL.is_sorted());
    }

    #[test]
    fn rows_say_use_kind_and_source() {
        assert_eq!(Algorithm::Es512.key_kind(), KeyKind::Ec(Curve::P521));
        assert_eq!(Algorithm::RsaOaep256.usage(), Use::Enc);
        assert_eq!(Algorithm::Ps384.row().source, "RFC 7518 section 3.5");
        assert_eq!(KeyKind::Ec(Curve::P384).to_string(), "P-384");
    }

    #[test]
    fn unknown_names_suggest_the_nearest() {
        let cases: &[(&str, &[Algorithm])] = &[
            ("rs256", &[Algorithm::Rs256]),
            ("RS265", &[Algorithm::Rs256]),
            ("RSA_OAEP", &[Algorithm::RsaOaep]),
            ("RSA-OAEP256", &[Algorithm::RsaOaep256]),
            ("XS256", &[Algorithm::Rs256, Algorithm::Ps256, Algorithm::Es256]),
            ("", &[]),
            ("something else", &[]),
        ];
        for (given, expected) in cases {
            let error = given.parse::<Algorithm>().unwrap_err();
            assert_eq!(error.suggestions(), *expected, "{given}");
        }
    }

    #[test]
    fn the_error_lists_what_is_known_and_stays_short() {
        let error = "RS265".parse::<Algorithm>().unwrap_err().to_string();
        assert_eq!(
            error,
            "unknown algorithm \"RS265\", did you mean RS256?; known are RS256, RS384, RS512, PS256, PS384, PS512, \
             ES256, ES384, ES512, RSA-OAEP, RSA-OAEP-256"
        );
        let long = "x".repeat(10_000).parse::<Algorithm>().unwrap_err().to_string();
        assert!(long.len() < 250, "{long}");
    }
}
