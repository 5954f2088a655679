//! What the last word may become where only the cluster knows it: names of key sets, and kids.

use std::ffi::OsString;
use std::sync::Arc;
use std::time::Duration;

use clap::{ArgMatches, Command, FromArgMatches};
use clap_complete::engine::{ArgValueCandidates, CompletionCandidate};
use kube::ResourceExt;

use super::Failure;
use super::cluster::{self, Access};
use crate::api::{JwksKeySet, KeyStatus};

/// Nobody waits longer for a word. A cluster that says nothing until then has none to offer.
const PATIENCE: Duration = Duration::from_secs(2);

/// What was typed so far.
struct Typed {
    access: Access,
    names: Vec<String>,
}

/// The commands, of which those that were typed ask the cluster for what comes next.
pub(super) fn from_cluster(commands: Command, words: &[OsString]) -> Command {
    // What is not complete yet has errors.
    let Ok(matches) = commands.clone().ignore_errors(true).try_get_matches_from(words) else { return commands };
    let Some((command, matches)) = matches.subcommand() else { return commands };
    let names = if command == "status" { "names" } else { "name" };
    let Some(typed) = Typed::read(matches, names) else { return commands };
    let typed = Arc::new(typed);
    let sets = Arc::clone(&typed);
    let sets = ArgValueCandidates::new(move || sets.sets());
    let kids = |fits: fn(&JwksKeySet, &KeyStatus) -> bool| ArgValueCandidates::new(move || typed.kids(fits));
    match command {
        "status" | "timeline" | "rotate" => {
            commands.mut_subcommand(command, |it| it.mut_arg(names, |arg| arg.add(sets)))
        }
        "confirm" | "revoke" => {
            let kids = kids(if command == "confirm" { may_be_confirmed } else { may_be_revoked });
            commands.mut_subcommand(command, |it| {
                it.mut_arg(names, |arg| arg.add(sets)).mut_arg("kid", |arg| arg.add(kids))
            })
        }
        _ => commands,
    }
}

fn may_be_confirmed(_: &JwksKeySet, key: &KeyStatus) -> bool {
    key.phase == "Standby"
}

fn may_be_revoked(set: &JwksKeySet, key: &KeyStatus) -> bool {
    !set.spec.revoked.iter().any(|one| one.kid == key.kid)
}

impl Typed {
    fn read(matches: &ArgMatches, names: &str) -> Option<Self> {
        let names = matches.try_get_many::<String>(names).ok()?.into_iter().flatten().cloned().collect();
        Some(Self { access: Access::from_arg_matches(matches).ok()?, names })
    }

    fn sets(&self) -> Vec<CompletionCandidate> {
        let sets = answered(async { Ok(self.access.connect().await?.list(false).await?) }).unwrap_or_default();
        let names = sets.iter().map(ResourceExt::name_any).filter(|name| !self.names.contains(name));
        names.map(CompletionCandidate::new).collect()
    }

    fn kids(&self, fits: fn(&JwksKeySet, &KeyStatus) -> bool) -> Vec<CompletionCandidate> {
        let Some(name) = self.names.first() else { return Vec::new() };
        let set = answered(async { Ok(self.access.connect().await?.get(name).await?) });
        let Some(set) = set else { return Vec::new() };
        let keys = set.status.iter().flat_map(|status| &status.keys).filter(|key| fits(&set, key));
        let told = |key: &KeyStatus| {
            let help = format!("{} key of line {} ({})", key.phase, key.line, key.algorithm);
            CompletionCandidate::new(&key.kid).help(Some(help.into()))
        };
        keys.map(told).collect()
    }
}

/// The cluster's answer. Whoever completes a word has no use for an error.
fn answered<T>(question: impl Future<Output = Result<T, Failure>>) -> Option<T> {
    cluster::run(async { tokio::time::timeout(PATIENCE, question).await.map_err(Failure::new)? }).ok()
}
