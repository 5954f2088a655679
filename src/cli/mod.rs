//! The commands: one file each.

mod controller;
mod crd;
mod manifest;
mod plan;
mod run;
mod system_secrets;
mod terminal;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Keeps JSON Web Key Sets: generates keys, publishes them, and rotates them without breaking a token.
#[derive(Debug, Parser)]
#[command(name = "keyturn", version, about, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::Run),
    Plan(plan::Plan),
    Controller(controller::Controller),
    Crd(crd::Crd),
}

/// Why a command failed, in a sentence that says what to do.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Failure(String);

impl Failure {
    fn new(why: impl std::fmt::Display) -> Self {
        Self(why.to_string())
    }
}

impl Cli {
    /// Runs the command; errors go to standard error, and the exit code is not zero then.
    pub fn execute(self) -> ExitCode {
        let done = match self.command {
            Command::Run(run) => run.execute(),
            Command::Plan(plan) => plan.execute(),
            Command::Controller(controller) => controller.execute(),
            Command::Crd(crd::Crd {}) => crd::Crd::execute(),
        };
        match done {
            Ok(code) => code,
            Err(failure) => {
                terminal::complain(&failure.to_string());
                ExitCode::FAILURE
            }
        }
    }
}
