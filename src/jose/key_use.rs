//! What a key is for.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::by_name::by_name;

/// The `use` member of a JWK (RFC 7517 section 4.2). It follows from the algorithm, see
/// [`Algorithm::usage`](super::Algorithm::usage).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
pub enum Use {
    /// Signing, and verifying signatures: `sig`.
    Sig,
    /// Encrypting, and decrypting: `enc`.
    Enc,
}

impl Use {
    /// Both.
    pub const ALL: &'static [Self] = &[Self::Sig, Self::Enc];

    /// The value of the JWK member: `sig` or `enc`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sig => "sig",
            Self::Enc => "enc",
        }
    }
}

by_name!(Use, UnknownUse, |given| UnknownUse { given: super::excerpt(given) });

/// A `use` that is neither `sig` nor `enc`.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("unknown key use \"{given}\": write sig or enc (RFC 7517 section 4.2)")]
pub struct UnknownUse {
    given: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back_and_others_are_refused_with_a_way_out() {
        for (usage, name) in [(Use::Sig, "sig"), (Use::Enc, "enc")] {
            assert_eq!(usage.to_string().parse(), Ok(usage));
            assert_eq!(serde_json::to_value(usage).unwrap(), name);
            assert_eq!(serde_json::from_value::<Use>(name.into()).unwrap(), usage);
        }
        let error = "Sig".parse::<Use>().unwrap_err().to_string();
        assert_eq!(error, "unknown key use \"Sig\": write sig or enc (RFC 7517 section 4.2)");
    }
}
