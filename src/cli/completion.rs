//! `keyturn completion`: completion for shells.

use std::process::ExitCode;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::{Cli, Failure};

/// Print the completion of a shell, such as for `source <(keyturn completion bash)`.
///
/// For kubectl's own completion, put a link named kubectl_complete-keyturn to this program into the PATH, beside the one
/// named kubectl-keyturn. That one also completes the names of key sets and kids, by asking the cluster.
#[derive(Debug, Args)]
pub(super) struct Completion {
    /// Which shell.
    #[arg(value_enum)]
    shell: Shell,
}

impl Completion {
    pub(super) fn execute(self) -> Result<ExitCode, Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "keyturn", &mut script);
        super::print(&String::from_utf8(script).map_err(Failure::new)?)?;
        Ok(ExitCode::SUCCESS)
    }
}
