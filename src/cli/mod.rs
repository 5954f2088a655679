//! The commands: one file each.

mod controller;
mod crd;
mod generate;
mod inspect;
mod logs;
mod manifest;
mod passphrase;
mod picture;
mod plan;
mod run;
mod screen;
mod serve;
mod system_secrets;
mod terminal;

use std::io::Write;
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
    Serve(serve::Serve),
    Inspect(inspect::Inspect),
    Crd(crd::Crd),
    Generate(generate::Generate),
}

/// Why a command failed, in a sentence that says what to do.
#[derive(Debug, thiserror::Error)]
#[error("{why}")]
pub struct Failure {
    why: String,
    code: u8,
}

impl Failure {
    /// It was tried, and failed: exit code 1.
    fn new(why: impl std::fmt::Display) -> Self {
        Self { why: why.to_string(), code: 1 }
    }

    /// It was asked for in a way that makes no sense: exit code 2, like clap's own.
    fn misuse(why: impl std::fmt::Display) -> Self {
        Self { why: why.to_string(), code: 2 }
    }
}

/// Writes to standard output.
fn print(text: &str) -> Result<(), Failure> {
    std::io::stdout().write_all(text.as_bytes()).map_err(Failure::new)
}

impl Cli {
    /// Runs the command; errors go to standard error, and the exit code is not zero then.
    pub fn execute(self) -> ExitCode {
        let done = match self.command {
            Command::Run(run) => run.execute(),
            Command::Plan(plan) => plan.execute(),
            Command::Controller(controller) => controller.execute(),
            Command::Serve(serve) => serve.execute(),
            Command::Inspect(inspect) => inspect.execute(),
            Command::Crd(crd::Crd {}) => crd::Crd::execute(),
            Command::Generate(generate) => generate.execute(),
        };
        match done {
            Ok(code) => code,
            Err(failure) => {
                terminal::complain(&failure.to_string());
                ExitCode::from(failure.code)
            }
        }
    }
}
