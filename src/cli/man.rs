//! `keyturn man`: writes man pages.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory};

use super::{Cli, Failure};

/// Write a man page for each command into a folder, such as /usr/local/share/man/man1.
#[derive(Debug, Args)]
pub(super) struct Man {
    /// The folder. It is made if it is not there.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

impl Man {
    pub(super) fn execute(self) -> Result<ExitCode, Failure> {
        let unwritten = |why| Failure::new(format!("{} can't be written to: {why}", self.folder.display()));
        std::fs::create_dir_all(&self.folder).map_err(unwritten)?;
        clap_mangen::generate_to(Cli::command(), &self.folder).map_err(unwritten)?;
        Ok(ExitCode::SUCCESS)
    }
}
