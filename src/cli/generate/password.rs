//! Where the keystore's password comes from: never from an argument, which everyone on the machine could read.

use std::io::IsTerminal;
use std::path::Path;

use zeroize::Zeroizing;

use super::Failure;
use crate::store::directory::files;

/// The environment variable that may hold it.
const VARIABLE: &str = "KEYTURN_KEYSTORE_PASSWORD";

/// The password: from the file if one is named, from the environment, or asked for twice on the terminal.
pub(super) fn ask(file: Option<&Path>) -> Result<Zeroizing<String>, Failure> {
    let password = match (file, std::env::var(VARIABLE)) {
        (Some(path), _) => from_file(path)?,
        (None, Ok(password)) => Zeroizing::new(password),
        (None, Err(std::env::VarError::NotUnicode(_))) => return Err(Failure::new(format!("{VARIABLE} is no text"))),
        (None, Err(std::env::VarError::NotPresent)) => prompt()?,
    };
    if password.is_empty() {
        return Err(Failure::new("the keystore's password is empty: choose one"));
    }
    Ok(password)
}

fn from_file(path: &Path) -> Result<Zeroizing<String>, Failure> {
    let octets = files::read(path).map_err(files::failed("reading", path)).map_err(Failure::new)?;
    let text = std::str::from_utf8(&octets).map_err(|_| Failure::new(format!("{} is no text", path.display())))?;
    let text = text.strip_suffix('\n').unwrap_or(text);
    Ok(Zeroizing::new(text.strip_suffix('\r').unwrap_or(text).to_owned()))
}

fn prompt() -> Result<Zeroizing<String>, Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::new(format!(
            "the keystore needs a password: name its file with --keystore-password-file, or set {VARIABLE}"
        )));
    }
    let ask = |question| rpassword::prompt_password(question).map(Zeroizing::new).map_err(Failure::new);
    let password = ask("Password of the keystore: ")?;
    if password == ask("Once more: ")? { Ok(password) } else { Err(Failure::new("the passwords differ: try again")) }
}
