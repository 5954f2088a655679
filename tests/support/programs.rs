//! Programs of the machine.

use std::process::{Command, Stdio};

/// Runs one to its end: what it printed, or what it complained of. `needs` says what to install where it is missing.
pub fn run(command: &mut Command, needs: &str) -> Result<String, String> {
    let octets = octets(command, needs)?;
    Ok(String::from_utf8(octets).expect("what is printed is text"))
}

/// Like [`run`], for those that print octets.
pub fn octets(command: &mut Command, needs: &str) -> Result<Vec<u8>, String> {
    let output = command.stdin(Stdio::null()).output();
    let output =
        output.unwrap_or_else(|error| panic!("cannot run {}: {error}. {needs}", command.get_program().display()));
    // Some complain on standard output.
    let said = || [&output.stderr, &output.stdout].map(|octets| String::from_utf8_lossy(octets).into_owned()).concat();
    if output.status.success() { Ok(output.stdout) } else { Err(said()) }
}
