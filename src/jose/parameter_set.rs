//! The parameter sets of ML-DSA.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::by_name::by_name;

/// A parameter set of ML-DSA (FIPS 204 section 4). Its name is the `alg` that every key of `kty` `AKP` carries
/// (RFC 9964 section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
pub enum ParameterSet {
    /// `ML-DSA-44`, of security category 2.
    MlDsa44,
    /// `ML-DSA-65`, of security category 3.
    MlDsa65,
    /// `ML-DSA-87`, of security category 5.
    MlDsa87,
}

impl ParameterSet {
    /// All parameter sets, smallest first.
    pub const ALL: &'static [Self] = &[Self::MlDsa44, Self::MlDsa65, Self::MlDsa87];

    /// How many octets the seed has, exactly, which is the private member `priv` (RFC 9964 section 4).
    pub const SEED_OCTETS: usize = 32;

    /// The value of the JWK member `alg`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::MlDsa44 => "ML-DSA-44",
            Self::MlDsa65 => "ML-DSA-65",
            Self::MlDsa87 => "ML-DSA-87",
        }
    }

    /// How many octets the public key has, exactly, which is the member `pub` (RFC 9964 section 5).
    #[must_use]
    pub const fn public_octets(self) -> usize {
        match self {
            Self::MlDsa44 => 1312,
            Self::MlDsa65 => 1952,
            Self::MlDsa87 => 2592,
        }
    }
}

by_name!(ParameterSet, UnknownParameterSet, |given| UnknownParameterSet { given: super::excerpt(given) });

/// An `alg` of an `AKP` key that this version does not know.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("AKP keys with the alg \"{given}\" are not supported: supported are ML-DSA-44, ML-DSA-65 and ML-DSA-87")]
pub struct UnknownParameterSet {
    given: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back_and_others_are_refused_with_a_way_out() {
        for set in ParameterSet::ALL.iter().copied() {
            assert_eq!(set.to_string().parse(), Ok(set));
            assert_eq!(serde_json::to_value(set).unwrap(), set.name());
        }
        let error = "SLH-DSA".parse::<ParameterSet>().unwrap_err().to_string();
        assert!(error.starts_with("AKP keys with the alg \"SLH-DSA\" are not supported: supported are ML-DSA-44"));
    }
}
