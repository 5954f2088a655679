//! `keyturn status`: how key sets stand, on one page.

use std::process::ExitCode;

use chrono::TimeDelta;
use clap::Args;
use serde::Serialize;

use super::cluster::{self, Access};
use super::living::{Living, WhatIf};
use super::picture::Strokes;
use super::screen::{Drawing, Form, about};
use super::{Failure, print};
use crate::api::{Condition, ConditionStatus, JwksKeySetStatus, KeyStatus};
use crate::keyring::Time;
use crate::lifecycle::plan::Change;
use crate::timeline::Next;

/// Tell how key sets stand: conditions, keys, what comes next, and what someone has to mend.
///
/// The exit code is 0 if all of them are ready, and 1 if one is not. No Secret is read.
#[derive(Debug, Args)]
pub(super) struct Status {
    /// Names of key sets.
    #[arg(value_name = "NAME", required_unless_present_any = ["all", "all_namespaces"], conflicts_with_all = ["all", "all_namespaces"])]
    names: Vec<String>,
    /// Every key set of the namespace.
    #[arg(long)]
    all: bool,
    /// Every key set of every namespace.
    #[arg(short = 'A', long, conflicts_with = "namespace")]
    all_namespaces: bool,
    /// Text for people, or JSON for programs.
    #[arg(long, value_enum, default_value_t = Form::Text)]
    output: Form,
    #[command(flatten)]
    drawing: Drawing,
    #[command(flatten)]
    access: Access,
}

#[derive(Serialize)]
struct Document<'a> {
    sets: Vec<Set<'a>>,
}

#[derive(Serialize)]
struct Set<'a> {
    namespace: &'a str,
    name: &'a str,
    ready: bool,
    problems: Vec<String>,
    status: JwksKeySetStatus,
}

impl Status {
    pub(super) fn execute(self) -> Result<ExitCode, Failure> {
        let resources = cluster::run(async {
            let cluster = self.access.connect().await?;
            if self.all || self.all_namespaces {
                return Ok(cluster.list(self.all_namespaces).await?);
            }
            let mut found = Vec::new();
            for name in &self.names {
                found.push(cluster.get(name).await?);
            }
            Ok(found)
        })?;
        let sets: Vec<Living> = resources.into_iter().map(Living::new).collect();
        let text = match self.output {
            Form::Text if sets.is_empty() => "There are no key sets.\n".to_owned(),
            Form::Text => {
                let strokes = self.drawing.strokes();
                sets.iter().map(|set| tell(set, &strokes)).collect::<Vec<_>>().join("\n")
            }
            Form::Json => document(&sets).map_err(Failure::new)? + "\n",
        };
        print(&text)?;
        Ok(if sets.iter().all(Living::is_ready) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

fn document(sets: &[Living]) -> Result<String, serde_json::Error> {
    let sets = sets.iter().map(|set| Set {
        namespace: set.resource.metadata.namespace.as_deref().unwrap_or_default(),
        name: set.resource.metadata.name.as_deref().unwrap_or_default(),
        ready: set.is_ready(),
        problems: set.problems(),
        status: set.status(),
    });
    serde_json::to_string_pretty(&Document { sets: sets.collect() })
}

fn tell(set: &Living, strokes: &Strokes) -> String {
    let status = set.status();
    let ready = if set.is_ready() { "ready" } else { "not ready" };
    let revision = status.keyring_revision.map(|revision| format!(", keyring revision {revision}")).unwrap_or_default();
    let mut rows = vec![format!("{} is {ready}{revision}", set.id())];
    rows.extend(set.problems().iter().map(|problem| format!("  problem: {problem}")));
    if !status.keys.is_empty() {
        rows.push(String::new());
        rows.extend(keys(set, &status, strokes));
    }
    if !status.conditions.is_empty() {
        rows.push(String::new());
        rows.extend(table(&status.conditions.iter().map(|one| condition(set, one)).collect::<Vec<_>>()));
    }
    rows.join("\n") + "\n"
}

fn keys(set: &Living, status: &JwksKeySetStatus, strokes: &Strokes) -> Vec<String> {
    // What comes next is only told where the spec is one that the operator can keep.
    let planned = set.planned(Some(TimeDelta::zero()), WhatIf::Nothing).ok();
    let next = |kid: &str| {
        let rows = &planned.as_ref()?.timeline.rows;
        rows.iter().flat_map(|row| &row.lanes).find(|lane| lane.life.kid == kid)?.next.clone()
    };
    let header = ["LINE", "PHASE", "ALGORITHM", "KID", "SINCE", "NEXT"].map(str::to_owned).to_vec();
    let row = |key: &KeyStatus| {
        let since = key.retired_time.as_ref().or(key.active_time.as_ref()).or(key.published_time.as_ref());
        let next = next(&key.kid).map(|next| coming(&next, set.now));
        vec![
            key.line.clone(),
            key.phase.clone(),
            key.algorithm.clone(),
            strokes.label(&key.kid),
            since.map_or_else(|| "-".to_owned(), |since| ago(since, set.now)),
            next.unwrap_or_else(|| "-".to_owned()),
        ]
    };
    table(&std::iter::once(header).chain(status.keys.iter().map(row)).collect::<Vec<_>>())
}

fn condition(set: &Living, condition: &Condition) -> Vec<String> {
    let Condition { type_, status, reason, last_transition_time, .. } = condition;
    let status = match status {
        ConditionStatus::True => "True",
        ConditionStatus::False => "False",
        ConditionStatus::Unknown => "Unknown",
    };
    vec![type_.clone(), status.to_owned(), reason.clone(), format!("since {}", ago(last_transition_time, set.now))]
}

/// `Retired in 3h2m` or `Active, waits for the lead …`
pub(super) fn coming(next: &Next, now: Time) -> String {
    let Next { time, to, waiting, held } = next;
    let what = match to {
        Change::Minted => "minted",
        Change::Active => "active",
        Change::Retired => "retires",
        Change::Removed => "removed",
    };
    let when = match time {
        Some(time) if *time <= now => " now".to_owned(),
        Some(time) => format!(" in {} ({})", about(*time - now), time.format("%Y-%m-%d %H:%M:%S")),
        None => String::new(),
    };
    if *held || time.is_none() { format!("{what}{when}, waits for {waiting}") } else { format!("{what}{when}") }
}

fn ago(time: &str, now: Time) -> String {
    time.parse::<Time>().map_or_else(|_| time.to_owned(), |time| format!("{} ago", about(now - time)))
}

/// Columns that are as wide as what is in them.
fn table(rows: &[Vec<String>]) -> Vec<String> {
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or_default()
    };
    let line = |row: &Vec<String>| {
        let cells = row.iter().enumerate().map(|(column, cell)| format!("{cell:<width$}", width = width(column)));
        format!("  {}", cells.collect::<Vec<_>>().join("  ")).trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}
