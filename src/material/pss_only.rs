//! RSA keys that say of themselves that they are for RSASSA-PSS alone.

use std::fmt;

use pkcs8::AssociatedOid;
use pkcs8::spki::AlgorithmIdentifierRef;
use rsa::pkcs1::RsaPssParamsOwned;
use sha2::{Sha256, Sha384, Sha512};

use crate::jose::Algorithm;

use super::pkcs8_view::RSA_PSS_OID;

/// The algorithms that a key of type `id-RSASSA-PSS` is for: all of PS256 and the like, or the one of its hash (RFC 4055
/// section 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PssOnly(&'static [Algorithm]);

impl PssOnly {
    /// What the type of a key restricts it to, if to anything.
    pub(super) fn of(algorithm: &AlgorithmIdentifierRef<'_>) -> Option<Self> {
        if algorithm.oid != RSA_PSS_OID {
            return None;
        }
        let hash = algorithm.parameters.map(|any| any.decode_as::<RsaPssParamsOwned>().map(|params| params.hash.oid));
        Some(Self(match hash {
            None => &[Algorithm::Ps256, Algorithm::Ps384, Algorithm::Ps512],
            Some(Ok(Sha256::OID)) => &[Algorithm::Ps256],
            Some(Ok(Sha384::OID)) => &[Algorithm::Ps384],
            Some(Ok(Sha512::OID)) => &[Algorithm::Ps512],
            Some(_) => &[],
        }))
    }

    /// Whether the key may be used for it.
    #[must_use]
    pub fn allows(self, algorithm: Algorithm) -> bool {
        self.0.contains(&algorithm)
    }
}

impl fmt::Display for PssOnly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [] => f.write_str("no algorithm of JOSE"),
            [first, rest @ ..] => {
                write!(f, "{first}")?;
                rest.iter().try_for_each(|algorithm| write!(f, " or {algorithm}"))
            }
        }
    }
}
