//! What every key of a set did, does and will do: one model, which a terminal and a page draw. Pure.
//!
//! What happened is as far as it is told: a key that was removed is told nowhere any more. What will happen is what the
//! operator's own plan says ([`crate::forecast`]), begun with the keys as they stand.

mod proof;
mod status;
#[cfg(test)]
mod tests;

use chrono::TimeDelta;

pub use proof::{Proof, proofs};
pub use status::{InForce, StatusError, in_force, known};

use crate::api::JwksKeySet;
use crate::forecast::{Forecast, Known, KnownKey, Life, StandIns, forecast_from, horizon};
use crate::keyring::{Phase, Time};
use crate::lifecycle::plan::{Ahead, Change, Waiting};
use crate::lifecycle::policy::{Line, Policy, PolicyErrors};

/// The keys of one set over time.
#[derive(Clone, Debug)]
pub struct Timeline {
    /// Where the past ends.
    pub now: Time,
    /// When the first thing happened that is known.
    pub from: Time,
    /// How far the forecast goes.
    pub until: Time,
    /// Whether it goes as far as was asked: one of very many rotations is cut short.
    pub complete: bool,
    /// Nothing goes on, because the keyring is lost: what is shown is what was.
    pub halted: bool,
    /// The key lines, in the order of the spec, then those that were removed from it.
    pub rows: Vec<Row>,
    /// What happens next, soonest first.
    pub next: Vec<Ahead>,
    /// What is still to come at the end, soonest first.
    pub ahead: Vec<Ahead>,
    /// Why it is safe, for each kind of keys.
    pub proofs: Vec<Proof>,
}

/// One key line.
#[derive(Clone, Debug)]
pub struct Row {
    /// Its name, algorithm and what is generated for it.
    pub line: Line,
    /// Whether the spec has it.
    pub stated: bool,
    /// Its keys, oldest first.
    pub lanes: Vec<Lane>,
}

/// One key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lane {
    /// When it entered each stage, or will: its kid, its number and its times.
    pub life: Life,
    /// Whether it exists now.
    pub exists: bool,
    /// Where it stands now; `None` before it is minted.
    pub stage: Option<Stage>,
    /// Since when all who must know it first can read it.
    pub published: Option<Moment>,
    /// Its life, without gaps.
    pub segments: Vec<Segment>,
    /// What happens to it next, if anything is planned.
    pub next: Option<Next>,
}

/// A part of a life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Which.
    pub stage: Stage,
    /// When it begins.
    pub start: Moment,
    /// When it ends; `None` where no end is in sight.
    pub end: Option<Moment>,
}

/// A time that is known, or that is foretold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// When.
    pub time: Time,
    /// Whether it did not happen yet.
    pub foretold: bool,
}

/// A stage of a key's life, as it is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Published, never used yet.
    Standby,
    /// The one in use.
    Active,
    /// Verifies or decrypts only.
    Retired,
}

/// What happens to a key next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Next {
    /// When, if that is known.
    pub time: Option<Time>,
    /// What.
    pub to: Change,
    /// What it waits for.
    pub waiting: Waiting,
    /// Whether its time has come, and something else holds it.
    pub held: bool,
}

/// Why a timeline can't be told.
#[derive(Debug, thiserror::Error)]
pub enum TimelineError {
    /// The spec can't be safe.
    #[error("the spec is refused: {0}")]
    Spec(#[from] PolicyErrors),
    /// The status can't be read.
    #[error(transparent)]
    Status(#[from] StatusError),
}

impl Stage {
    /// The word that users read.
    pub fn name(self) -> &'static str {
        match self {
            Self::Standby => "Standby",
            Self::Active => "Active",
            Self::Retired => "Retired",
        }
    }
}

impl Timeline {
    /// The timeline of a resource, from its spec and its status. `write_bound` is W, which depends on the store; `length` is
    /// how far to look from `now`, by default as far as [`horizon`] says.
    ///
    /// # Errors
    /// [`TimelineError`]
    pub fn of_resource(
        set: &JwksKeySet,
        write_bound: TimeDelta,
        stand_ins: &StandIns,
        now: Time,
        length: Option<TimeDelta>,
    ) -> Result<Self, TimelineError> {
        let InForce { policy, .. } = in_force(set, write_bound)?;
        let known = known(set, &policy, now)?;
        let until = length.map_or_else(|| horizon(&policy, now), |length| now + length);
        Ok(Self::new(&policy, &known, stand_ins, now, until))
    }

    /// The timeline of a set whose keys are known.
    pub fn new(policy: &Policy, known: &Known, stand_ins: &StandIns, now: Time, until: Time) -> Self {
        Self::told(policy, known, forecast_from(policy, known, stand_ins, now, until))
    }

    /// The timeline of a set that is new.
    pub fn of_new(policy: &Policy, forecast: Forecast) -> Self {
        Self::told(policy, &Known::default(), forecast)
    }

    fn told(policy: &Policy, known: &Known, forecast: Forecast) -> Self {
        let Forecast { from: now, until, complete, keys, next, ahead } = forecast;
        let mut rows: Vec<Row> =
            policy.lines.iter().map(|line| Row { line: line.clone(), stated: true, lanes: Vec::new() }).collect();
        for life in &keys {
            let lane = Lane::new(life, known.keys.iter().find(|key| key.kid == life.kid), &next);
            match rows.iter_mut().find(|row| row.line.name == life.line.name) {
                Some(row) => row.lanes.push(lane),
                None => rows.push(Row { line: life.line.clone(), stated: false, lanes: vec![lane] }),
            }
        }
        Self {
            now,
            from: keys.iter().map(|life| life.minted).chain([now]).min().unwrap_or(now),
            until,
            complete,
            halted: known.halted,
            rows,
            next,
            ahead,
            proofs: proofs(policy),
        }
    }
}

impl Lane {
    fn new(life: &Life, known: Option<&KnownKey>, ahead: &[Ahead]) -> Self {
        let moment = |time: Option<Time>, happened: bool| time.map(|time| Moment { time, foretold: !happened });
        let exists = known.is_some();
        let stage = known.map(|key| match key.phase {
            Phase::Standby => Stage::Standby,
            Phase::Active { .. } => Stage::Active,
            Phase::Retired { .. } => Stage::Retired,
        });
        let minted = moment(Some(life.minted), exists);
        let active = moment(life.active, known.is_some_and(|key| key.active().is_some()));
        let retired = moment(life.retired, known.is_some_and(|key| key.retired().is_some()));
        let removed = moment(life.removed, false);
        let begins = [(Stage::Standby, minted), (Stage::Active, active), (Stage::Retired, retired)];
        let begins: Vec<(Stage, Moment)> =
            begins.into_iter().filter_map(|(stage, start)| Some((stage, start?))).collect();
        let ends = begins.iter().skip(1).map(|(_, start)| Some(*start)).chain([removed]);
        let segments =
            begins.iter().zip(ends).map(|((stage, start), end)| Segment { stage: *stage, start: *start, end });
        Self {
            life: life.clone(),
            exists,
            stage,
            published: moment(life.published, known.is_some_and(|key| key.published.is_some())),
            // A first key that is used at once has no time as a standby.
            segments: segments.filter(|segment| segment.end.is_none_or(|end| end.time > segment.start.time)).collect(),
            next: next(life, stage, ahead),
        }
    }
}

/// What happens next to a key that is there. An active one retires in the step that promotes the next.
fn next(life: &Life, stage: Option<Stage>, ahead: &[Ahead]) -> Option<Next> {
    let own = ahead.iter().find(|ahead| ahead.kid.as_ref() == Some(&life.kid));
    if let Some(Ahead { time, to, waiting, held, .. }) = own {
        return Some(Next { time: *time, to: *to, waiting: waiting.clone(), held: *held });
    }
    if stage != Some(Stage::Active) {
        return None;
    }
    let of_line = || ahead.iter().filter(|ahead| ahead.line == life.line.name);
    let successor = of_line().find(|ahead| ahead.to == Change::Active);
    match successor {
        Some(Ahead { time, waiting, held, .. }) => {
            Some(Next { time: *time, to: Change::Retired, waiting: waiting.clone(), held: *held })
        }
        None => life.retired.map(|time| Next {
            time: Some(time),
            to: Change::Retired,
            waiting: Waiting::Rotation,
            held: false,
        }),
    }
}
