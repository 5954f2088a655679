//! The system secrets, as commands are given them.

use std::path::PathBuf;

use clap::Args;
use zeroize::Zeroizing;

use super::Failure;
use crate::keyring::SystemSecret;
use crate::store::Seal;

/// The environment variable of `keyturn run`.
const VARIABLE: &str = "KEYTURN_SYSTEM_SECRET";

/// What keyrings are sealed under.
#[derive(Debug, Args)]
pub(super) struct SystemSecrets {
    /// Seal keyrings (AES-256-GCM) under the secret in this file: 32 random bytes or more, such as `openssl rand -base64 32`
    /// prints. Several may be listed, by commas or by repeating this: the first seals, all unseal. The files are read
    /// again while keyturn runs, and keyrings sealed anew when they change.
    #[arg(long = "system-secret-file", value_name = "PATH", value_delimiter = ',')]
    system_secret_files: Vec<PathBuf>,
}

impl SystemSecrets {
    /// The secrets of the files.
    pub(super) fn open(&self) -> Result<Seal, Failure> {
        Seal::open(self.system_secret_files.clone(), None).map_err(Failure::new)
    }

    /// The secrets of the files, and after them that of the environment.
    pub(super) fn open_with_environment(&self) -> Result<Seal, Failure> {
        let given = std::env::var_os(VARIABLE).map(|value| Zeroizing::new(value.into_encoded_bytes()));
        let given = given.map(|value| SystemSecret::new(&value)).transpose();
        let given = given.map_err(|error| Failure::new(format!("{VARIABLE} can't be used: {error}")))?;
        Seal::open(self.system_secret_files.clone(), given).map_err(Failure::new)
    }
}
