//! The `keyturn` program, which is also kubectl's plugin.

use std::process::ExitCode;

fn main() -> ExitCode {
    keyturn::cli::main(std::env::args_os().collect())
}
