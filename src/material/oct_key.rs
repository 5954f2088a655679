//! Symmetric keys: octets from `aws-lc-rs`, as many as the algorithm needs.

use zeroize::Zeroizing;

use crate::jose::{KeySpec, SecretBase64Url};

use super::{GenerateError, PrivateKey};

/// A new key of that many bits, a multiple of 8.
pub(super) fn generate(bits: u16) -> Result<PrivateKey, GenerateError> {
    let spec = KeySpec::Oct { bits };
    let mut octets = Zeroizing::new(vec![0; usize::from(bits / 8)]);
    aws_lc_rs::rand::fill(&mut octets).map_err(|_| GenerateError::Failed { spec })?;
    PrivateKey::symmetric(SecretBase64Url::new(&octets)).map_err(|_| GenerateError::Unreadable { spec })
}

/// Whether two keys are the same, in a time that does not tell where they differ.
pub(super) fn are_equal(one: &SecretBase64Url, other: &SecretBase64Url) -> bool {
    aws_lc_rs::constant_time::verify_slices_are_equal(one.octets(), other.octets()).is_ok()
}
