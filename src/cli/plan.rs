//! `keyturn plan`: what will happen, when, and whether it is safe. No cluster, no directory, no key is touched.

pub(super) mod json;
pub(super) mod words;

use std::path::PathBuf;
use std::process::ExitCode;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use clap::{Args, ValueEnum};

use super::screen::{self, Drawing, Form};
use super::terminal::complain;
use super::{Failure, manifest, print};
use crate::api::{Span, SpanError};
use crate::engine::Request;
use crate::forecast::{StandIns, forecast, horizon};
use crate::keyring::Time;
use crate::lifecycle::Policy;
use crate::lifecycle::policy::PolicyErrors;
use crate::store::{directory, kubernetes};
use crate::timeline::Timeline;

/// Tell what will happen to key sets, when, and whether it is safe, before they are applied. Needs no cluster.
///
/// The sums of the safe times are shown with your facts, then every step of the keys' lives as if the set were new. A spec
/// that can't be safe is refused with all that is wrong with it, and the exit code is not zero then.
#[derive(Debug, Args)]
pub(super) struct Plan {
    /// Files with JwksKeySet resources (YAML, several documents are fine).
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// What keeps the keys: on a cluster one write may take a minute, which is part of every wait.
    #[arg(long = "for", value_enum, default_value_t = Keeper::Kubernetes)]
    keeper: Keeper,
    /// How far to look, such as 2160h. Default: three rotations and all that follows, or 100 days where none is planned.
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    horizon: Option<TimeDelta>,
    /// When the set is applied (RFC 3339, such as 2027-01-01T00:00:00Z). Default: now.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    from: Option<Time>,
    /// Text for people, or JSON for programs (see docs/plan.md).
    #[arg(long, value_enum, default_value_t = Form::Text)]
    output: Form,
    #[command(flatten)]
    drawing: Drawing,
}

/// What keeps the keys.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Keeper {
    /// `keyturn controller`
    Kubernetes,
    /// `keyturn run`
    Directory,
}

/// One key set, and what becomes of it if it can be safe.
pub(super) struct Outlook {
    pub(super) request: Request,
    pub(super) planned: Result<Planned, PolicyErrors>,
}

/// What becomes of a set.
pub(super) struct Planned {
    pub(super) policy: Policy,
    pub(super) timeline: Timeline,
    /// Of a living set: why the spec that it states is refused, so that the one before it counts.
    pub(super) refused: Vec<String>,
}

impl Plan {
    pub(super) fn execute(self) -> Result<ExitCode, Failure> {
        let (requests, unreadable) = manifest::read_each(&self.files);
        let unreadable: Vec<String> = unreadable.iter().map(ToString::to_string).collect();
        let from = self.from.unwrap_or_else(Utc::now).trunc_subsecs(0);
        let stand_ins = StandIns::generate().map_err(Failure::new)?;
        let sets: Vec<Outlook> =
            requests.into_iter().map(|request| self.look_ahead(request, &stand_ins, from)).collect();
        let text = match self.output {
            Form::Text => {
                let (strokes, width) = (self.drawing.strokes(), screen::width());
                let safe = sets.iter().filter_map(|set| Some((&set.request, set.planned.as_ref().ok()?)));
                let told = safe.map(|(request, planned)| words::tell(request, planned, &strokes, width));
                told.collect::<Vec<_>>().join("\n")
            }
            Form::Json => json::document(&sets, &unreadable).map_err(Failure::new)? + "\n",
        };
        print(&text)?;
        for why in &unreadable {
            complain(why);
        }
        let mut code = if unreadable.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
        for Outlook { request, planned } in &sets {
            if let Err(PolicyErrors(errors)) = planned {
                for error in errors {
                    complain(&format!("{} is refused: {error}", request.set));
                }
                code = ExitCode::FAILURE;
            }
        }
        Ok(code)
    }

    fn look_ahead(&self, request: Request, stand_ins: &StandIns, from: Time) -> Outlook {
        let write_bound = match self.keeper {
            Keeper::Kubernetes => kubernetes::WRITE_BOUND,
            Keeper::Directory => directory::WRITE_BOUND,
        };
        let planned = Policy::parse(&request.set.name, &request.spec, write_bound).map(|policy| {
            let until = self.horizon.map_or_else(|| horizon(&policy, from), |length| from + length);
            let forecast = forecast(&policy, stand_ins, from, until);
            let timeline = Timeline::of_new(&policy, forecast);
            Planned { policy, timeline, refused: Vec::new() }
        });
        Outlook { request, planned }
    }
}

pub(super) fn duration(text: &str) -> Result<TimeDelta, SpanError> {
    Span::from(text).parse()
}

fn moment(text: &str) -> Result<Time, String> {
    let parsed = DateTime::parse_from_rfc3339(text).map(|time| time.to_utc());
    parsed.map_err(|why| format!("{why}: write a time as RFC 3339 does, such as 2027-01-01T00:00:00Z"))
}
