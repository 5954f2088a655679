//! The `keyturn` program.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    keyturn::cli::Cli::parse().execute()
}
