//! `keyturn run`: the engine on a directory, without a cluster.

mod import_watch;

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use clap::Args;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::signal::unix::{SignalKind, signal};

use self::import_watch::ImportWatch;
use super::system_secrets::SystemSecrets;
use super::terminal::Terminal;
use super::{Failure, manifest};
use crate::engine::{Engine, Minter, News, PassError, Report, Request};
use crate::keyring::Time;
use crate::probe::SystemClock;
use crate::store::directory::DirectoryStore;

/// How long nothing is looked at: edits of the files and of the outputs are noticed this soon.
const GLANCE: Duration = Duration::from_secs(1);

/// Keep key sets in a directory, without a cluster: make the keys, stay, and rotate them.
///
/// Edits of the files count at once, also of the annotations under metadata by which a rotation is asked for, a key
/// confirmed or a loss accepted.
///
/// Keyrings are sealed where there is a system secret: in a file, or in the environment variable KEYTURN_SYSTEM_SECRET,
/// which is the last of the list.
#[derive(Debug, Args)]
pub(super) struct Run {
    /// Files with JwksKeySet resources (YAML, several documents are fine).
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Where keyrings, secrets and public keys are kept.
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// Do what is due and exit, for cron. The exit code is not zero if a set could not be kept or someone has to mend something.
    #[arg(long)]
    once: bool,
    #[command(flatten)]
    system_secrets: SystemSecrets,
}

/// What was told of a set, so that nothing is told twice.
#[derive(Default)]
struct Told {
    trouble: Option<String>,
    ahead: Option<(Option<String>, Option<Time>)>,
    import: Option<ImportWatch>,
}

impl Run {
    pub(super) fn execute(self) -> Result<ExitCode, Failure> {
        let runtime = tokio::runtime::Runtime::new().map_err(Failure::new)?;
        let code = runtime.block_on(self.keep());
        // A key that is being made when the program ends is not waited for: nothing was written of it.
        runtime.shutdown_background();
        code
    }

    async fn keep(self) -> Result<ExitCode, Failure> {
        let mut interrupt = signal(SignalKind::interrupt()).map_err(Failure::new)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(Failure::new)?;
        let mut requests = manifest::read(&self.files).map_err(Failure::new)?;
        let seal = self.system_secrets.open_with_environment()?;
        let store = DirectoryStore::open(&self.dir, seal.clone()).map_err(Failure::new)?;
        let terminal = Arc::new(Terminal::default());
        let engine = Engine::new(store, SystemClock, Minter::default().with_progress(terminal.clone()));
        let mut told: HashMap<String, Told> = HashMap::new();
        let (mut bad_files, mut bad_secrets) = (None, None);
        loop {
            let round = self.round(&engine, &requests, &terminal, &mut told);
            let wake = tokio::select! {
                wake = round => wake,
                _ = interrupt.recv() => break,
                _ = terminate.recv() => break,
            };
            if self.once {
                let trouble = told.values().any(|told| told.trouble.is_some());
                return Ok(if trouble { ExitCode::FAILURE } else { ExitCode::SUCCESS });
            }
            let until_wake = wake.and_then(|wake| (wake - Utc::now()).to_std().ok()).unwrap_or(GLANCE);
            tokio::select! {
                () = tokio::time::sleep(until_wake.clamp(Duration::from_millis(50), GLANCE)) => {}
                _ = interrupt.recv() => break,
                _ = terminate.recv() => break,
            }
            let trouble = match manifest::read(&self.files) {
                Ok(read) => {
                    requests = read;
                    None
                }
                Err(error) => Some(error.to_string()),
            };
            tell_bad_input(&terminal, "files", &mut bad_files, trouble);
            let trouble = seal.refresh().err().map(|error| error.to_string());
            tell_bad_input(&terminal, "secrets", &mut bad_secrets, trouble);
        }
        terminal.line("stopped; the next start goes on from here");
        Ok(ExitCode::SUCCESS)
    }

    /// One pass over every set. When the next decision is due.
    async fn round(
        &self,
        engine: &Engine<DirectoryStore, SystemClock>,
        requests: &[Request],
        terminal: &Terminal,
        told: &mut HashMap<String, Told>,
    ) -> Option<Time> {
        let mut wake: Option<Time> = None;
        let mut passes = FuturesUnordered::new();
        for request in requests {
            let seen = import_watch::seen(engine.store(), request).await;
            let waiting = told.get(&request.set.to_string()).and_then(|told| told.import.as_ref());
            if let Some(import) = waiting
                && import.is_as_it_was(request, seen.as_ref(), Utc::now())
            {
                wake = [wake, import.wake].into_iter().flatten().min();
                continue;
            }
            passes.push(async move {
                let mut news = Vec::new();
                let outcome = engine.pass(request, &mut news).await;
                (request, seen, news, outcome)
            });
        }
        while let Some((request, seen, news, outcome)) = passes.next().await {
            let told = told.entry(request.set.to_string()).or_default();
            told.import = None;
            if let Ok(report) = &outcome {
                wake = [wake, report.wake].into_iter().flatten().min();
                told.import = ImportWatch::begin(request, seen, report, Utc::now());
            }
            tell(terminal, &request.set.name, told, &news, &outcome);
        }
        wake
    }
}

fn tell_bad_input(terminal: &Terminal, what: &str, told: &mut Option<String>, trouble: Option<String>) {
    if let Some(why) = &trouble
        && *told != trouble
    {
        terminal.warn(what, Utc::now(), &format!("{why}; going on with what was read before"));
    }
    *told = trouble;
}

fn tell(terminal: &Terminal, set: &str, told: &mut Told, news: &[News], outcome: &Result<Report, PassError>) {
    let now = Utc::now();
    terminal.tell(set, now, news);
    let trouble = match outcome {
        Err(error) => Some(error.to_string()),
        Ok(report) if report.problems.is_empty() => None,
        Ok(report) => Some(report.problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")),
    };
    if let Some(why) = &trouble
        && told.trouble != trouble
    {
        terminal.warn(set, now, why);
    }
    told.trouble = trouble;
    if let Ok(report) = outcome {
        let ahead = report.ahead.first().map(|next| (next.kid.clone(), next.time));
        if !news.is_empty() || told.ahead != ahead {
            terminal.tell_ahead(set, now, report);
        }
        told.ahead = ahead;
    }
}
