//! Where passwords come from: not from an argument, which everyone on the machine could read.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::path::Path;

use zeroize::Zeroizing;

use super::Failure;
use crate::store::without_line_end;

/// Most octets that the file of a password may have.
const LARGEST: usize = 64 * 1024;

/// The password in a file or, where none is named, in the environment.
pub(super) fn given(file: Option<&Path>, variable: &str) -> Result<Option<Zeroizing<String>>, Failure> {
    let (octets, place) = match (file, std::env::var_os(variable)) {
        (Some(path), _) => (from_file(path)?, path.display().to_string()),
        (None, Some(value)) => (Zeroizing::new(OsString::into_encoded_bytes(value)), variable.to_owned()),
        (None, None) => return Ok(None),
    };
    let text = str::from_utf8(&octets).map_err(|_| Failure::new(format!("{place} is no UTF-8 text")))?;
    Ok(Some(Zeroizing::new(text.to_owned())))
}

/// Whether there is someone to ask.
pub(super) fn can_ask() -> bool {
    io::stdin().is_terminal()
}

/// Asks for a password on the terminal, which does not show it.
pub(super) fn ask(question: &str) -> Result<Zeroizing<String>, Failure> {
    let answer = rpassword::prompt_password(question).map(Zeroizing::new);
    answer.map_err(|why| Failure::new(format!("the terminal gives no password: {why}")))
}

/// What is in a file, or in a pipe such as a shell's `<(…)`, without the end of its last line.
fn from_file(path: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let unreadable = |why: io::Error| Failure::new(format!("{} can't be read: {why}", path.display()));
    // Room from the start: a buffer that grows leaves copies behind.
    let mut octets = Zeroizing::new(Vec::with_capacity(LARGEST + 64));
    let file = File::open(path).map_err(unreadable)?;
    file.take(LARGEST as u64 + 1).read_to_end(&mut octets).map_err(unreadable)?;
    if octets.len() > LARGEST {
        return Err(Failure::new(format!("{} has more than {LARGEST} bytes: it is no password", path.display())));
    }
    let length = without_line_end(&octets).len();
    octets.truncate(length);
    Ok(octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_as_a_mounted_secret_is() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for (content, password) in
            [("a\n", "a"), ("a\r\n", "a"), ("a\r", "a\r"), ("a\n\n", "a\n"), ("a", "a"), ("\n", "")]
        {
            std::fs::write(file.path(), content).unwrap();
            assert_eq!(given(Some(file.path()), "").unwrap().unwrap().as_str(), password, "{content:?}");
        }
    }
}
