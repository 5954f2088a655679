//! Where salts, initialization vectors and serial numbers come from.

use thiserror::Error;

/// Draws octets from the operating system.
///
/// # Errors
/// If it gives none.
pub(super) fn draw<const N: usize>() -> Result<[u8; N], NoRandomness> {
    let mut octets = [0; N];
    aws_lc_rs::rand::fill(&mut octets).map_err(|_| NoRandomness)?;
    Ok(octets)
}

/// The operating system gave no randomness.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the operating system gave no randomness: try again")]
pub struct NoRandomness;
