//! The names of the program: by what it is called, it is `keyturn`, kubectl's plugin, or the completion of that plugin.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches};
use clap_complete::engine::{CompletionCandidate, complete};

use super::terminal::complain;
use super::{Cli, Failure, candidates, generate, print};

/// What kubectl looks for in the PATH on `kubectl keyturn`.
const PLUGIN: &str = "kubectl-keyturn";
/// What it looks for to complete that.
const COMPLETION: &str = "kubectl_complete-keyturn";

/// What kubectl's completion is told beside the words: a bit each (`ShellCompDirective` of cobra).
const NO_SPACE: u8 = 2;
const NO_FILES: u8 = 4;

/// Runs the program as it is called; `args` begins with the name.
pub fn main(args: Vec<OsString>) -> ExitCode {
    let name = args.first().and_then(|path| Path::new(path).file_stem()).map(OsStr::to_string_lossy);
    if name.as_deref() == Some(COMPLETION) {
        return match complete_words(args) {
            Ok(()) => ExitCode::SUCCESS,
            Err(failure) => {
                complain(&failure.to_string());
                ExitCode::FAILURE
            }
        };
    }
    let command = Cli::command();
    // Usage and help say what was typed.
    let mut command = if name.as_deref() == Some(PLUGIN) { command.bin_name("kubectl keyturn") } else { command };
    let matches = command.try_get_matches_from_mut(generate::with_two_dashes(args));
    match matches
        .and_then(|mut matches| Cli::from_arg_matches_mut(&mut matches).map_err(|why| why.format(&mut command)))
    {
        Ok(cli) => cli.execute(),
        Err(why) => why.exit(),
    }
}

/// Prints what the last word may become, a line each, and at the end what to make of it.
fn complete_words(args: Vec<OsString>) -> Result<(), Failure> {
    let here = std::env::current_dir().ok();
    let last = args.len().saturating_sub(1);
    let mut commands = candidates::from_cluster(Cli::command(), args.get(..last).unwrap_or_default());
    let found = complete(&mut commands, args, last, here.as_deref()).map_err(Failure::new)?;
    let mut text = String::new();
    for one in found.iter().filter(|one| !one.is_hide_set()) {
        text += &line(one);
    }
    let goes_on = found.iter().any(|one| one.get_value().to_string_lossy().ends_with(['/', '=']));
    let directive = if goes_on { NO_SPACE | NO_FILES } else { NO_FILES };
    print(&format!("{text}:{directive}\n"))
}

fn line(candidate: &CompletionCandidate) -> String {
    let word = candidate.get_value().to_string_lossy();
    match candidate.get_help().map(ToString::to_string) {
        Some(help) => format!("{word}\t{}\n", help.lines().next().unwrap_or_default()),
        None => format!("{word}\n"),
    }
}
