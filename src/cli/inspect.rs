//! `keyturn inspect`: what a file of keys holds, and what is wrong with it.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use chrono::Utc;
use clap::{Args, ValueEnum};
use zeroize::Zeroizing;

use super::terminal::complain;
use super::{Failure, passphrase, print};
use crate::inspect::{Circumstances, Exposure, InspectError, Report, inspect};
use crate::material::read::MAX_OCTETS;

const GIVE_PASSPHRASE: &str = "name the file with its passphrase by --passphrase-file, or set KEYTURN_PASSPHRASE";

/// The passphrase, where no file with it is given.
const VARIABLE: &str = "KEYTURN_PASSPHRASE";

/// Tell what a file of keys holds: JWK Set, JWK, PEM, DER, certificate, OpenSSH key or PKCS#12.
///
/// For each key: kid, algorithm, size, RFC 7638 thumbprint, dates, whether the halves match, and what is wrong with it.
/// Private keys are never shown. What is encrypted is asked for on the terminal if no passphrase is given. The exit code is 1 if the file cannot be read.
#[derive(Debug, Args)]
pub(super) struct Inspect {
    /// The file, or - for standard input.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The passphrase of what is encrypted is in this file, without the newline at its end. It can also stand in the
    /// environment variable KEYTURN_PASSPHRASE.
    #[arg(long, value_name = "PATH")]
    passphrase_file: Option<PathBuf>,
    /// Warn of every private key, since the file is, or will be, published.
    #[arg(long)]
    public: bool,
    /// Exit with 1 if there is anything to warn of.
    #[arg(long)]
    strict: bool,
    /// For people, or for programs.
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Output {
    Text,
    Json,
}

impl Inspect {
    pub(super) fn execute(self) -> Result<ExitCode, Failure> {
        let passphrase = passphrase::given(self.passphrase_file.as_deref(), VARIABLE)?;
        let (octets, exposure) = self.content()?;
        let now = Utc::now();
        let look = |passphrase: Option<&Zeroizing<String>>| {
            let passphrase = passphrase.map(|passphrase| passphrase.as_str());
            inspect(&octets, &Circumstances { passphrase, now, exposure })
        };
        let mut looked = look(passphrase.as_ref());
        let locked = looked.as_ref().map_or_else(InspectError::is_locked, Report::is_locked);
        if locked && passphrase.is_none() && passphrase::can_ask() {
            let question = format!("Passphrase of {}: ", self.file.display());
            looked = look(Some(&passphrase::ask(&question)?));
        }
        let report = looked.map_err(|error| {
            if error.is_locked() {
                self.failure(&format!("it is encrypted and no passphrase was given: {GIVE_PASSPHRASE}"))
            } else {
                self.failure(&error)
            }
        })?;
        self.print(&report)?;
        if report.is_locked() {
            complain(&format!("some of {} is encrypted: {GIVE_PASSPHRASE}", self.file.display()));
        }
        Ok(if self.strict && report.has_warnings() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }

    /// What is in the file, and who can read it.
    fn content(&self) -> Result<(Zeroizing<Vec<u8>>, Exposure), Failure> {
        if self.file.as_os_str() == "-" {
            let octets = read(io::stdin().lock()).map_err(|error| self.failure(&error))?;
            return Ok((octets, if self.public { Exposure::Everyone } else { Exposure::Owner }));
        }
        let file = File::open(&self.file).map_err(|error| self.failure(&error))?;
        let mode = file.metadata().map_err(|error| self.failure(&error))?.mode();
        let octets = read(file).map_err(|error| self.failure(&error))?;
        let exposure = if self.public {
            Exposure::Everyone
        } else if says_public(&self.file) {
            Exposure::Named
        } else if mode & 0o044 == 0 {
            Exposure::Owner
        } else {
            Exposure::Others
        };
        Ok((octets, exposure))
    }

    fn print(&self, report: &Report) -> Result<(), Failure> {
        let text = match self.output {
            Output::Text => report.to_string(),
            Output::Json => serde_json::to_string_pretty(report).map_err(Failure::new)? + "\n",
        };
        print(&text)
    }

    fn failure(&self, why: &dyn std::fmt::Display) -> Failure {
        let file = if self.file.as_os_str() == "-" { "standard input".into() } else { self.file.to_string_lossy() };
        Failure::new(format!("{file} can't be read: {why}"))
    }
}

/// Reads as much as is looked at, into a buffer that never grows, since what it leaves behind would not be wiped.
fn read(source: impl Read) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut octets = Zeroizing::new(Vec::with_capacity(MAX_OCTETS + 64));
    source.take(MAX_OCTETS as u64 + 1).read_to_end(&mut octets)?;
    Ok(octets)
}

/// Whether a name says that everyone may read the file: `public.pem`, `key.pub`, `.well-known/jwks.json`.
fn says_public(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let published = path.components().any(|part| part.as_os_str() == ".well-known");
    let is_pub = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("pub"));
    published || is_pub || name.contains("public") && !name.contains("private")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_say_that_a_file_is_public() {
        for name in ["public.pem", "id_ed25519.pub", "www/.well-known/jwks.json", "a/jwks-PUBLIC.json"] {
            assert!(says_public(Path::new(name)), "{name}");
        }
        for name in ["jwks.json", "private.pem", "public-client-private.pem", "public/key.pem", "-"] {
            assert!(!says_public(Path::new(name)), "{name}");
        }
    }
}
