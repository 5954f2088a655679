//! The commands: one file each.

mod candidates;
mod cluster;
mod completion;
mod confirm;
mod controller;
mod crd;
mod generate;
mod inspect;
mod living;
mod logs;
mod man;
mod manifest;
mod passphrase;
mod picture;
mod plan;
mod plugin;
mod revoke;
mod rotate;
mod run;
mod screen;
mod serve;
mod status;
mod system_secrets;
mod terminal;
mod timeline;

use std::io::Write;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub use plugin::main;

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
    Status(status::Status),
    Timeline(timeline::Timeline),
    Rotate(rotate::Rotate),
    Confirm(confirm::Confirm),
    Revoke(revoke::Revoke),
    Controller(controller::Controller),
    Serve(serve::Serve),
    Inspect(inspect::Inspect),
    Crd(crd::Crd),
    Generate(generate::Generate),
    Completion(completion::Completion),
    Man(man::Man),
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
    let failed = |why| Failure::new(format!("standard output can't be written: {why}"));
    std::io::stdout().write_all(screen::visible(text).as_bytes()).map_err(failed)
}

impl Cli {
    /// Runs the command; errors go to standard error, and the exit code is not zero then.
    pub fn execute(self) -> ExitCode {
        let done = match self.command {
            Command::Run(run) => run.execute(),
            Command::Plan(plan) => plan.execute(),
            Command::Status(status) => status.execute(),
            Command::Timeline(timeline) => timeline.execute(),
            Command::Rotate(rotate) => rotate.execute(),
            Command::Confirm(confirm) => confirm.execute(),
            Command::Revoke(revoke) => revoke.execute(),
            Command::Controller(controller) => controller.execute(),
            Command::Serve(serve) => serve.execute(),
            Command::Inspect(inspect) => inspect.execute(),
            Command::Crd(crd::Crd {}) => crd::Crd::execute(),
            Command::Generate(generate) => generate.execute(),
            Command::Completion(completion) => completion.execute(),
            Command::Man(man) => man.execute(),
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
