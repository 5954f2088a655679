//! The algorithm table.
//!
//! A new algorithm is one new row of `table!`: the enum, its names, the parser and the documentation
//! of the variants are all made from it. Algorithms sort in the order of the table.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::by_name::by_name;
use super::{Curve, KeyKind, KeyKinds, KeySpec, NO_448, OkpCurve, ParameterSet, Use};

/// What is special about one algorithm. Read it with [`Algorithm::row`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// The name in the JWK member `alg` (RFC 7517 section 4.4), case-sensitive.
    pub name: &'static str,
    /// What keys of this algorithm are for.
    pub usage: Use,
    /// Which kinds of key it takes.
    pub keys: KeyKinds,
    /// The section that defines it.
    pub source: &'static str,
    /// Why it should not be chosen any more, and what instead: a sentence. See [`Algorithm::advice`].
    pub discouraged: Option<&'static str>,
}

macro_rules! table {
    ($( $variant:ident $name:literal $usage:ident, $keys:expr, $source:literal $(, discouraged: $why:literal)?; )+) => {
        /// A JOSE algorithm that a key is made for (RFC 7518 and its successors).
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
                    $( Self::$variant => const {
                        let discouraged = first(&[$( $why )?]);
                        &Row { name: $name, usage: Use::$usage, keys: $keys, source: $source, discouraged }
                    }, )+
                }
            }
        }
    };
}

const fn first(sentences: &[&'static str]) -> Option<&'static str> {
    match sentences {
        [sentence, ..] => Some(*sentence),
        [] => None,
    }
}

const RSA: KeyKinds = KeyKinds::only(KeyKind::Rsa);

/// ECDH-ES leaves the curve to the key (RFC 7518 section 4.6.1, RFC 8037 section 3.2).
const ECDH: KeyKinds = KeyKinds::or(
    KeyKind::Ec(Curve::P256),
    &[KeyKind::Ec(Curve::P384), KeyKind::Ec(Curve::P521), KeyKind::Okp(OkpCurve::X25519)],
);

const fn ec(curve: Curve) -> KeyKinds {
    KeyKinds::only(KeyKind::Ec(curve))
}

const fn okp(curve: OkpCurve) -> KeyKinds {
    KeyKinds::only(KeyKind::Okp(curve))
}

const fn akp(set: ParameterSet) -> KeyKinds {
    KeyKinds::only(KeyKind::Akp(set))
}

const fn oct(bits: u16) -> KeyKinds {
    KeyKinds::only(KeyKind::Oct(bits))
}

/// `dir` leaves the size to the content encryption.
const DIR: KeyKinds =
    KeyKinds::or(KeyKind::Oct(256), &[KeyKind::Oct(128), KeyKind::Oct(192), KeyKind::Oct(384), KeyKind::Oct(512)]);

table! {
    Rs256         "RS256"          Sig, RSA,                        "RFC 7518 section 3.3";
    Rs384         "RS384"          Sig, RSA,                        "RFC 7518 section 3.3";
    Rs512         "RS512"          Sig, RSA,                        "RFC 7518 section 3.3";
    Ps256         "PS256"          Sig, RSA,                        "RFC 7518 section 3.5";
    Ps384         "PS384"          Sig, RSA,                        "RFC 7518 section 3.5";
    Ps512         "PS512"          Sig, RSA,                        "RFC 7518 section 3.5";
    Es256         "ES256"          Sig, ec(Curve::P256),            "RFC 7518 section 3.4";
    Es384         "ES384"          Sig, ec(Curve::P384),            "RFC 7518 section 3.4";
    Es512         "ES512"          Sig, ec(Curve::P521),            "RFC 7518 section 3.4";
    Es256K        "ES256K"         Sig, ec(Curve::Secp256k1),       "RFC 8812 section 3.2";
    Ed25519       "Ed25519"        Sig, okp(OkpCurve::Ed25519),     "RFC 9864 section 2.2";
    EdDsa         "EdDSA"          Sig, okp(OkpCurve::Ed25519),     "RFC 8037 section 3.1",
        discouraged: "the label EdDSA is deprecated, because it does not say the curve (RFC 9864): write Ed25519 where \
            the readers know that name";
    MlDsa44       "ML-DSA-44"      Sig, akp(ParameterSet::MlDsa44), "RFC 9964 section 5";
    MlDsa65       "ML-DSA-65"      Sig, akp(ParameterSet::MlDsa65), "RFC 9964 section 5";
    MlDsa87       "ML-DSA-87"      Sig, akp(ParameterSet::MlDsa87), "RFC 9964 section 5";
    Rsa15         "RSA1_5"         Enc, RSA,                        "RFC 7518 section 4.2",
        discouraged: "the padding of RSA1_5 has let attackers decrypt, and RSAES-OAEP is to be preferred (RFC 8725 \
            section 3.2, RFC 8017 section 7.2): write RSA-OAEP-256 where the readers know it";
    RsaOaep       "RSA-OAEP"       Enc, RSA,                        "RFC 7518 section 4.3";
    RsaOaep256    "RSA-OAEP-256"   Enc, RSA,                        "RFC 7518 section 4.3";
    RsaOaep384    "RSA-OAEP-384"   Enc, RSA,                        "RFC 7518 section 4.3 with SHA-384 (W3C Web Cryptography)";
    RsaOaep512    "RSA-OAEP-512"   Enc, RSA,                        "RFC 7518 section 4.3 with SHA-512 (W3C Web Cryptography)";
    EcdhEs        "ECDH-ES"        Enc, ECDH,                       "RFC 7518 section 4.6";
    EcdhEsA128Kw  "ECDH-ES+A128KW" Enc, ECDH,                       "RFC 7518 section 4.6";
    EcdhEsA192Kw  "ECDH-ES+A192KW" Enc, ECDH,                       "RFC 7518 section 4.6";
    EcdhEsA256Kw  "ECDH-ES+A256KW" Enc, ECDH,                       "RFC 7518 section 4.6";
    Hs256         "HS256"          Sig, oct(256),                   "RFC 7518 section 3.2";
    Hs384         "HS384"          Sig, oct(384),                   "RFC 7518 section 3.2";
    Hs512         "HS512"          Sig, oct(512),                   "RFC 7518 section 3.2";
    A128Kw        "A128KW"         Enc, oct(128),                   "RFC 7518 section 4.4";
    A192Kw        "A192KW"         Enc, oct(192),                   "RFC 7518 section 4.4";
    A256Kw        "A256KW"         Enc, oct(256),                   "RFC 7518 section 4.4";
    A128GcmKw     "A128GCMKW"      Enc, oct(128),                   "RFC 7518 section 4.7";
    A192GcmKw     "A192GCMKW"      Enc, oct(192),                   "RFC 7518 section 4.7";
    A256GcmKw     "A256GCMKW"      Enc, oct(256),                   "RFC 7518 section 4.7";
    Dir           "dir"            Enc, DIR,                        "RFC 7518 section 4.5";
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

    /// Which kinds of key it takes.
    #[must_use]
    pub const fn keys(self) -> KeyKinds {
        self.row().keys
    }

    /// The name for places that allow only lower case, digits and `-`, such as line names: `ecdh-es-a128kw`, `rsa1-5`.
    #[must_use]
    pub fn slug(self) -> String {
        self.name().to_ascii_lowercase().replace(['+', '_'], "-")
    }

    /// Whether signers and verifiers, or senders and receivers, share one key, which so has no public half.
    #[must_use]
    pub const fn is_symmetric(self) -> bool {
        self.keys().default.is_symmetric()
    }

    /// Whether a key of that kind and size is one for this algorithm. HMAC takes longer ones than are made for it
    /// (RFC 7518 section 3.2).
    #[must_use]
    pub fn takes(self, key: KeySpec) -> bool {
        match (self.usage(), self.keys().default, key) {
            (Use::Sig, KeyKind::Oct(least), KeySpec::Oct { bits }) => bits >= least,
            (_, _, key) => self.keys().contains(key.key_kind()),
        }
    }

    /// The names of all algorithms, in the order of the table.
    pub fn names() -> impl Iterator<Item = &'static str> {
        Self::ALL.iter().map(|algorithm| algorithm.name())
    }
}

by_name!(Algorithm, UnknownAlgorithm, UnknownAlgorithm::new);

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
        if self.given.contains("448") {
            return format!(": {NO_448}");
        }
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

/// The algorithms at the smallest edit distance, if that is at most two; case and `_` or `+` for `-` count nothing.
fn nearest(given: &str) -> Vec<Algorithm> {
    const MOST_EDITS: usize = 2;
    const MOST_SUGGESTIONS: usize = 3;
    let given = given.to_ascii_uppercase().replace(['_', '+'], "-");
    let distance = |algorithm: &Algorithm| strsim::osa_distance(&given, &algorithm.slug().to_ascii_uppercase());
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
    fn slugs_are_unique_and_fit_where_names_do_not() {
        let slugs: HashSet<_> = Algorithm::ALL.iter().map(|algorithm| algorithm.slug()).collect();
        assert_eq!(slugs.len(), Algorithm::ALL.len());
        assert!(slugs.iter().flat_map(|slug| slug.chars()).all(|c| matches!(c, 'a'..='z' | '0'..='9' | '-')));
        assert_eq!((Algorithm::EcdhEsA128Kw.slug().as_str(), &*Algorithm::Rsa15.slug()), ("ecdh-es-a128kw", "rsa1-5"));
    }

    #[test]
    fn algorithms_sort_in_table_order() {
        assert!(Algorithm::ALL.is_sorted());
    }

    #[test]
    fn rows_say_use_kind_and_source() {
        assert_eq!(Algorithm::Es512.keys(), KeyKinds::only(KeyKind::Ec(Curve::P521)));
        assert_eq!(Algorithm::EcdhEsA192Kw.keys().to_string(), "P-256, P-384, P-521 or X25519");
        assert_eq!(Algorithm::MlDsa65.keys().default.to_string(), "ML-DSA-65");
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
            ("ed25519", &[Algorithm::Ed25519]),
            ("ECDH-ES-A128KW", &[Algorithm::EcdhEsA128Kw]),
            ("RSA15", &[Algorithm::Rsa15]),
            ("a256gcm-kw", &[Algorithm::A256GcmKw]),
            ("MLDSA65", &[Algorithm::MlDsa65]),
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
             ES256, ES384, ES512, ES256K, Ed25519, EdDSA, ML-DSA-44, ML-DSA-65, ML-DSA-87, RSA1_5, RSA-OAEP, \
             RSA-OAEP-256, RSA-OAEP-384, RSA-OAEP-512, ECDH-ES, ECDH-ES+A128KW, ECDH-ES+A192KW, ECDH-ES+A256KW, \
             HS256, HS384, HS512, A128KW, A192KW, A256KW, A128GCMKW, A192GCMKW, A256GCMKW, dir"
        );
        let ed448 = "Ed448".parse::<Algorithm>().unwrap_err().to_string();
        assert!(ed448.starts_with("unknown algorithm \"Ed448\": no released, well-kept library"), "{ed448}");
        let long = "x".repeat(10_000).parse::<Algorithm>().unwrap_err().to_string();
        assert!(long.len() < 450, "{long}");
    }
}
