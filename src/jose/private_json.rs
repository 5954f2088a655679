//! JSON with private keys in it, in buffers that leave no copy behind.

use serde::Serialize;
use zeroize::Zeroizing;

/// Compact JSON, in a buffer that is wiped when dropped. It is measured first, then written: a buffer that had to grow
/// would leave copies of the keys behind.
///
/// # Errors
/// If the value can't be written as JSON.
pub fn to_private_json(value: &impl Serialize) -> Result<Zeroizing<Vec<u8>>, serde_json::Error> {
    let mut measured = Measure(0);
    serde_json::to_writer(&mut measured, value)?;
    let mut octets = Zeroizing::new(Vec::with_capacity(measured.0));
    serde_json::to_writer(&mut *octets, value)?;
    Ok(octets)
}

/// The same as text.
pub(super) fn private_json_text(value: &impl Serialize) -> Result<Zeroizing<String>, serde_json::Error> {
    let mut octets = to_private_json(value)?;
    String::from_utf8(std::mem::take(&mut *octets)).map(Zeroizing::new).map_err(serde::ser::Error::custom)
}

/// Counts octets and keeps none.
struct Measure(usize);

impl std::io::Write for Measure {
    fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
        self.0 += octets.len();
        Ok(octets.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
