//! `keyturn rotate`: asks for a rotation by the safe way, and tells when it comes.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Duration;

use chrono::{SecondsFormat, TimeDelta, Utc};
use clap::Args;
use kube::runtime::wait::await_condition;

use super::cluster::{self, Access, Edit};
use super::living::{Living, WhatIf};
use super::plan::{Planned, duration};
use super::screen::about;
use super::{Failure, print};
use crate::api::{Halt, JwksKeySet, ROTATE};
use crate::lifecycle::plan::Waiting;
use crate::timeline::{Lane, Stage};

/// How much longer than foretold a rotation may take before `--wait` gives up, where nobody says how long.
const SLACK: TimeDelta = TimeDelta::minutes(2);

/// Ask for a rotation now, by the safe way: no token breaks, so a key that not everyone knows yet waits for its lead.
///
/// Sets the annotation keyturn.dev/rotate, and tells when the rotation takes effect and what it waits for. A key that
/// someone else may have is not rotated but revoked: see `keyturn revoke`.
#[derive(Debug, Args)]
pub(super) struct Rotate {
    /// Name of the key set.
    #[arg(value_name = "NAME")]
    name: String,
    /// Wait until every line has another active key. The exit code is 1 if that takes too long.
    #[arg(long)]
    wait: bool,
    /// How long to wait, such as 90m. Default: as long as is foretold, and two minutes.
    #[arg(long, value_name = "DURATION", value_parser = duration, requires = "wait")]
    timeout: Option<TimeDelta>,
    #[command(flatten)]
    access: Access,
}

impl Rotate {
    pub(super) fn execute(self) -> Result<ExitCode, Failure> {
        cluster::run(self.ask())
    }

    async fn ask(self) -> Result<ExitCode, Failure> {
        let cluster = self.access.connect().await?;
        let living = Living::new(cluster.get(&self.name).await?);
        if let Some(halt) = living.halt(Halt::AllButRevocation) {
            return Err(Failure::new(format!("{}: {halt}", living.id())));
        }
        let planned = living.planned(None, WhatIf::Rotated)?;
        let before = active_kids(&living.resource);
        if before.is_empty() {
            return Err(Failure::new(format!("{}: no line has an active key yet, so none can rotate", living.id())));
        }
        // Every value has to be a new one, also when two people ask within a second.
        let value = Utc::now().to_rfc3339_opts(SecondsFormat::Micros, true);
        cluster.change(&living.resource, |_| Edit::Annotation(ROTATE, value.clone())).await?;
        let (rows, last) = foretold(&living, &planned);
        print(&(format!("{}: a rotation is asked for\n", living.id()) + &rows.join("")))?;
        if !self.wait {
            return Ok(ExitCode::SUCCESS);
        }
        let patience = match (self.timeout, last) {
            (Some(timeout), _) => timeout,
            (None, Some(last)) => last + SLACK,
            (None, None) => {
                return Err(Failure::new(
                    "it is not known when the rotation will be done, so it is not waited for: state a --timeout",
                ));
            }
        };
        let lines: Vec<String> = planned.policy.lines.iter().map(|line| line.name.clone()).collect();
        let waited = before.clone();
        let rotated = move |set: Option<&JwksKeySet>| {
            set.is_some_and(|set| {
                let after = active_kids(set);
                let of_spec = waited.iter().filter(|(line, _)| lines.contains(*line));
                of_spec.clone().all(|(line, kid)| after.get(line).is_some_and(|now| now != kid))
            })
        };
        let patience = patience.to_std().unwrap_or(Duration::ZERO);
        match tokio::time::timeout(patience, await_condition(cluster.sets(), &self.name, rotated)).await {
            Ok(Ok(Some(set))) => {
                let now = active_kids(&set).into_iter().map(|(line, kid)| format!("  line {line}: {kid} is active\n"));
                print(&(format!("{}: rotated\n", living.id()) + &now.collect::<String>()))?;
                Ok(ExitCode::SUCCESS)
            }
            Ok(Ok(None)) => Err(Failure::new(format!("{} was deleted while it was waited for", living.id()))),
            Ok(Err(error)) => Err(Failure::new(format!("{} can't be watched: {error}", living.id()))),
            Err(_) => Err(Failure::new(format!(
                "{}: not rotated within {}; the request stands, and `keyturn status {}` tells what it waits for",
                living.id(),
                about(TimeDelta::from_std(patience).unwrap_or_default()),
                self.name
            ))),
        }
    }
}

/// Line → kid of its active key.
fn active_kids(set: &JwksKeySet) -> BTreeMap<String, String> {
    let keys = set.status.iter().flat_map(|status| &status.keys);
    keys.filter(|key| key.phase == "Active").map(|key| (key.line.clone(), key.kid.clone())).collect()
}

/// What becomes of each line, and how long the last of them takes, if that is known.
fn foretold(living: &Living, planned: &Planned) -> (Vec<String>, Option<TimeDelta>) {
    let mut rows = Vec::new();
    let mut last = Some(TimeDelta::zero());
    for row in planned.timeline.rows.iter().filter(|row| row.stated) {
        let to_come = row.lanes.iter().filter(|lane| matches!(lane.stage, None | Some(Stage::Standby)));
        let successor = to_come.min_by_key(|lane| (lane.life.active.is_none(), lane.life.active));
        let line = &row.line.name;
        let Some(Lane { life, exists, next, .. }) = successor else {
            rows.push(format!("  line {line}: no key can take over: see `keyturn status`\n"));
            last = None;
            continue;
        };
        let kid = if *exists { &life.kid } else { "a new key" };
        if life.active.is_some_and(|active| active <= living.now) {
            rows.push(format!("  line {line}: {kid} takes over now, because all who need it know it\n"));
            continue;
        }
        let waiting = next.as_ref().map(|next| &next.waiting).or(life.held.as_ref().map(|(_, waiting)| waiting));
        let when = life
            .active
            .map(|time| format!(" at {} UTC (in {})", time.format("%Y-%m-%d %H:%M:%S"), about(time - living.now)));
        rows.push(format!(
            "  line {line}: {kid} takes over{}; it waits for {}\n",
            when.unwrap_or_default(),
            waiting.unwrap_or(&Waiting::Lead)
        ));
        last = last.zip(life.active).map(|(last, time)| last.max(time - living.now));
    }
    (rows, last)
}
