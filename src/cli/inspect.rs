//! `keyturn inspect`: what a file of keys holds, and what is wrong with it.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use chrono::Utc;
use clap::{Args, ValueEnum};
use zeroize::Zeroizing;

use super::Failure;
use crate::inspect::{Circumstances, Exposure, Report, inspect};
use crate::material::read::MAX_OCTETS;

/// The passphrase, where no file with it is given.
const VARIABLE: &str = "KEYTURN_PASSPHRASE";

/// Tell what a file of keys holds: JWK Set, JWK, PEM, DER, certificate, OpenSSH key or PKCS#12.
///
/// For each key: kid, algorithm, size, RFC 7638 thumbprint, dates, whether the halves match, and what is wrong with it.
/// Private keys are never shown. The exit code is 1 if the file cannot be read.
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
        let passphrase = self.passphrase()?;
        let (octets, exposure) = self.content()?;
        let around = Circumstances {
            passphrase: passphrase.as_ref().map(|passphrase| passphrase.as_str()),
            now: Utc::now(),
            exposure: if self.public { Exposure::Everyone } else { exposure },
        };
        let report = inspect(&octets, &around).map_err(|error| self.failure(&error))?;
        self.print(&report)?;
        Ok(if self.strict && report.has_warnings() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }

    /// What is in the file, and who can read it.
    fn content(&self) -> Result<(Zeroizing<Vec<u8>>, Exposure), Failure> {
        if self.file.as_os_str() == "-" {
            let octets = read(io::stdin().lock()).map_err(|error| self.failure(&error))?;
            return Ok((octets, Exposure::Owner));
        }
        let file = File::open(&self.file).map_err(|error| self.failure(&error))?;
        let mode = file.metadata().map_err(|error| self.failure(&error))?.mode();
        let octets = read(file).map_err(|error| self.failure(&error))?;
        Ok((octets, if mode & 0o044 == 0 { Exposure::Owner } else { Exposure::Others }))
    }

    fn passphrase(&self) -> Result<Option<Zeroizing<String>>, Failure> {
        let (octets, place) = match (&self.passphrase_file, std::env::var_os(VARIABLE)) {
            (Some(path), _) => (without_newline(path)?, path.display().to_string()),
            (None, Some(value)) => (Zeroizing::new(OsString::into_encoded_bytes(value)), VARIABLE.to_owned()),
            (None, None) => return Ok(None),
        };
        let text = str::from_utf8(&octets).map_err(|_| Failure::new(format!("{place} is no UTF-8 text")))?;
        Ok(Some(Zeroizing::new(text.to_owned())))
    }

    fn print(&self, report: &Report) -> Result<(), Failure> {
        let text = match self.output {
            Output::Text => report.to_string(),
            Output::Json => serde_json::to_string_pretty(report).map_err(Failure::new)? + "\n",
        };
        io::stdout().write_all(text.as_bytes()).map_err(Failure::new)
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

fn without_newline(path: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let unreadable = |error: io::Error| Failure::new(format!("{} can't be read: {error}", path.display()));
    let mut octets = read(File::open(path).map_err(unreadable)?).map_err(unreadable)?;
    for end in [b'\n', b'\r'] {
        if octets.last() == Some(&end) {
            octets.pop();
        }
    }
    Ok(octets)
}
