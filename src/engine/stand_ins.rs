//! What a forecast puts in the place of private keys.

use crate::forecast::StandIns;
use crate::jose::{Curve, KeySpec};
use crate::material::{GenerateError, PrivateKey};

impl StandIns {
    /// Makes them, in no time worth naming.
    ///
    /// # Errors
    /// When the machine gives no randomness.
    pub fn generate() -> Result<Self, GenerateError> {
        Ok(Self {
            asymmetric: PrivateKey::generate(&KeySpec::Ec { curve: Curve::P256 })?,
            symmetric: PrivateKey::generate(&KeySpec::Oct { bits: 256 })?,
        })
    }
}
