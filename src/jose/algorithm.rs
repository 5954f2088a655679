//! The algorithm table.
//!
//! A new algorithm is one new row of `table!`: the enum, its names, the parser and the documentation
//! of the variants are all made from it. Algorithms sort in the order of the table.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{ContentEncryption, Curve, KeySpec, Use};

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
    /// A symmetric key of this size.
    Oct(OctSize),
}

/// How large the symmetric key of an algorithm is, in bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OctSize {
    /// Exactly so large.
    Exactly(u16),
    /// So large when it is made, and no smaller when it comes from elsewhere.
    AtLeast(u16),
    /// As large as the content encryption needs: 128 to 512.
    Content,
}

impl KeyKind {
    /// The value of the JWK member `kty` (RFC 7518 section 6.1).
    #[must_use]
    pub const fn kty(self) -> &'static str {
        match self {
            Self::Rsa => "RSA",
            Self::Ec(_) => "EC",
            Self::Oct(_) => "oct",
        }
    }

    /// Whether there is only one key, for both sides, and so no public half.
    #[must_use]
    pub const fn is_symmetric(self) -> bool {
        matches!(self, Self::Oct(_))
    }
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rsa => f.pad("RSA"),
            Self::Ec(curve) => curve.fmt(f),
            Self::Oct(OctSize::Exactly(bits)) => write!(f, "oct {bits}"),
            Self::Oct(OctSize::AtLeast(bits)) => write!(f, "oct {bits} or more"),
            Self::Oct(OctSize::Content) => f.pad("oct 128, 192, 256, 384 or 512"),
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
    Hs256      "HS256"        Use::Sig, KeyKind::Oct(OctSize::AtLeast(256)), "RFC 7518 section 3.2";
    Hs384      "HS384"        Use::Sig, KeyKind::Oct(OctSize::AtLeast(384)), "RFC 7518 section 3.2";
    Hs512      "HS512"        Use::Sig, KeyKind::Oct(OctSize::AtLeast(512)), "RFC 7518 section 3.2";
    A128Kw     "A128KW"       Use::Enc, KeyKind::Oct(OctSize::Exactly(128)), "RFC 7518 section 4.4";
    A192Kw     "A192KW"       Use::Enc, KeyKind::Oct(OctSize::Exactly(192)), "RFC 7518 section 4.4";
    A256Kw     "A256KW"       Use::Enc, KeyKind::Oct(OctSize::Exactly(256)), "RFC 7518 section 4.4";
    A128GcmKw  "A128GCMKW"    Use::Enc, KeyKind::Oct(OctSize::Exactly(128)), "RFC 7518 section 4.7";
    A192GcmKw  "A192GCMKW"    Use::Enc, KeyKind::Oct(OctSize::Exactly(192)), "RFC 7518 section 4.7";
    A256GcmKw  "A256GCMKW"    Use::Enc, KeyKind::Oct(OctSize::Exactly(256)), "RFC 7518 section 4.7";
    Dir        "dir"          Use::Enc, KeyKind::Oct(OctSize::Content),      "RFC 7518 section 4.5";
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

    /// Whether signers and verifiers, or senders and receivers, share one key, which so has no public half.
    #[must_use]
    pub const fn is_symmetric(self) -> bool {
        self.key_kind().is_symmetric()
    }

    /// Whether a key of that kind and size is one for this algorithm.
    #[must_use]
    pub fn takes(self, key: KeySpec) -> bool {
        match (self.key_kind(), key) {
            (KeyKind::Oct(OctSize::AtLeast(least)), KeySpec::Oct { bits }) => bits >= least,
            (KeyKind::Oct(OctSize::Content), KeySpec::Oct { bits }) => {
                ContentEncryption::ALL.iter().any(|one| one.key_bits() == bits)
            }
            (kind, key) => key.key_kind() == kind,
        }
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
    fn symmetric_keys_smaller_than_the_rfc_permits_are_taken_by_no_algorithm() {
        let taken_by = |bits| -> Vec<&str> {
            let fitting = Algorithm::ALL.iter().filter(|one| one.takes(KeySpec::Oct { bits }));
            fitting.map(|one| one.name()).collect()
        };
        let cases: [(u16, &[&str]); 7] = [
            (120, &[]),
            (128, &["A128KW", "A128GCMKW", "dir"]),
            (192, &["A192KW", "A192GCMKW", "dir"]),
            (248, &[]),
            (256, &["HS256", "A256KW", "A256GCMKW", "dir"]),
            (384, &["HS256", "HS384", "dir"]),
            (512, &["HS256", "HS384", "HS512", "dir"]),
        ];
        for (bits, expected) in cases {
            assert_eq!(taken_by(bits), expected, "{bits}");
        }
    }

    #[test]
    fn unknown_names_suggest_the_nearest() {
        let cases: &[(&str, &[Algorithm])] = &[
            ("rs256", &[Algorithm::Rs256]),
            ("RS265", &[Algorithm::Rs256]),
            ("RSA_OAEP", &[Algorithm::RsaOaep]),
            ("RSA-OAEP256", &[Algorithm::RsaOaep256]),
            ("XS256", &[Algorithm::Rs256, Algorithm::Ps256, Algorithm::Es256]),
            ("a256gcm-kw", &[Algorithm::A256GcmKw]),
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
             ES256, ES384, ES512, RSA-OAEP, RSA-OAEP-256, HS256, HS384, HS512, A128KW, A192KW, A256KW, A128GCMKW, \
             A192GCMKW, A256GCMKW, dir"
        );
        let long = "x".repeat(10_000).parse::<Algorithm>().unwrap_err().to_string();
        assert!(long.len() < 350, "{long}");
    }
}
