//! `keyturn timeline`: what every key of a living set did, does and will do.

use std::process::ExitCode;

use chrono::TimeDelta;
use clap::Args;

use super::cluster::{self, Access};
use super::living::{Living, WhatIf};
use super::plan::{self, Outlook, duration};
use super::screen::{self, Drawing, Form};
use super::{Failure, print};

/// Tell what every key of a living key set did, does and will do, and why that is safe.
///
/// What was is read from the status of the resource; what will be is what the operator's own plans say, if nobody edits the
/// set. No Secret is read. While the spec is refused, the one before it is told, and the exit code is 1.
#[derive(Debug, Args)]
pub(super) struct Timeline {
    /// Name of the key set.
    #[arg(value_name = "NAME")]
    name: String,
    /// How far to look, such as 2160h. Default: three rotations and all that follows, or 100 days where none is planned.
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    horizon: Option<TimeDelta>,
    /// Text for people, or JSON for programs (see docs/plan.md).
    #[arg(long, value_enum, default_value_t = Form::Text)]
    output: Form,
    #[command(flatten)]
    drawing: Drawing,
    #[command(flatten)]
    access: Access,
}

impl Timeline {
    pub(super) fn execute(self) -> Result<ExitCode, Failure> {
        let resource = cluster::run(async { Ok(self.access.connect().await?.get(&self.name).await?) })?;
        let living = Living::new(resource);
        let planned = living.planned(self.horizon, WhatIf::Nothing)?;
        let refused = !planned.refused.is_empty();
        let text = match self.output {
            Form::Text => {
                let (strokes, width) = (self.drawing.strokes(), screen::width());
                plan::words::tell_living(&living.request(), &planned, &living.problems(), &strokes, width)
            }
            Form::Json => {
                let set = Outlook { request: living.request(), planned: Ok(planned) };
                plan::json::document(&[set], &[]).map_err(Failure::new)? + "\n"
            }
        };
        print(&text)?;
        Ok(if refused { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}
