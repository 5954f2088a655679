//! A plan, or the timeline of a living set, as programs read it. `docs/plan.md` documents every field.

use serde::Serialize;

use super::{Outlook, Planned, words};
use crate::api::Mode;
use crate::engine::Request;
use crate::forecast::Life;
use crate::jose::{Algorithm, Use};
use crate::keyring::Time;
use crate::lifecycle::plan::Ahead;
use crate::lifecycle::policy::{Keys, OutputKind, Policy};
use crate::lifecycle::{Fact, Sum};
use crate::timeline::{Lane, Stage};

#[derive(Serialize)]
struct Document<'a> {
    sets: Vec<Set<'a>>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    unreadable: &'a [String],
}

#[derive(Serialize)]
#[serde(untagged)]
enum Set<'a> {
    Planned(PlannedSet<'a>),
    Refused(RefusedSet<'a>),
}

#[derive(Serialize)]
struct RefusedSet<'a> {
    namespace: &'a str,
    name: &'a str,
    safe: bool,
    refused: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PlannedSet<'a> {
    namespace: &'a str,
    name: &'a str,
    safe: bool,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    refused: &'a [String],
    write_bound_seconds: i64,
    rotation: Rotation<'a>,
    uses: Vec<OfKind<'a>>,
    warnings: Vec<Warning<'a>>,
    from_time: Time,
    until_time: Time,
    complete: bool,
    keys: Vec<KeyTimes<'a>>,
    next: Vec<Next<'a>>,
    ahead: Vec<Next<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Rotation<'a> {
    mode: Mode,
    #[serde(skip_serializing_if = "Option::is_none")]
    shortest_gap_seconds: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    schedule: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time_zone: Option<&'a str>,
    paused: bool,
    confirm: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OfKind<'a> {
    #[serde(rename = "use")]
    usage: Use,
    symmetric: bool,
    lines: Vec<&'a str>,
    leads: Vec<Wait>,
    retentions: Vec<Wait>,
    least_gap_seconds: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    most_retired_keys: Option<i64>,
}

#[derive(Serialize)]
struct Wait {
    output: OutputKind,
    sum: Vec<Term>,
    seconds: i64,
}

#[derive(Serialize)]
struct Term {
    fact: &'static str,
    times: i32,
    seconds: i64,
}

#[derive(Serialize)]
struct Warning<'a> {
    line: &'a str,
    message: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct KeyTimes<'a> {
    key: &'a str,
    line: &'a str,
    algorithm: Algorithm,
    #[serde(rename = "use")]
    usage: Use,
    #[serde(skip_serializing_if = "Option::is_none")]
    phase: Option<&'static str>,
    adopted: bool,
    minted_time: Time,
    #[serde(skip_serializing_if = "Option::is_none")]
    published_time: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    held_time: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    held_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    active_time: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retired_time: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    removal_time: Option<Time>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Next<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    line: &'a str,
    to: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<Time>,
    waiting_for: String,
    held: bool,
}

/// All sets, in the order of the files, and why files can't be read.
pub(in crate::cli) fn document(sets: &[Outlook], unreadable: &[String]) -> Result<String, serde_json::Error> {
    let sets = sets.iter().map(|Outlook { request, planned }| match planned {
        Ok(planned) => Set::Planned(planned_set(request, planned)),
        Err(errors) => Set::Refused(RefusedSet {
            namespace: &request.set.namespace,
            name: &request.set.name,
            safe: false,
            refused: errors.0.iter().map(ToString::to_string).collect(),
        }),
    });
    serde_json::to_string_pretty(&Document { sets: sets.collect(), unreadable })
}

fn planned_set<'a>(request: &'a Request, Planned { policy, timeline, refused }: &'a Planned) -> PlannedSet<'a> {
    let stated = &request.spec.rotation;
    let warnings = words::warnings(policy).map(|(line, message)| Warning { line, message });
    PlannedSet {
        namespace: &request.set.namespace,
        name: &request.set.name,
        safe: refused.is_empty(),
        refused,
        write_bound_seconds: policy.write_bound.num_seconds(),
        rotation: Rotation {
            mode: stated.mode,
            shortest_gap_seconds: policy.shortest_gap().map(|gap| gap.num_seconds()),
            schedule: stated.schedule.as_deref(),
            time_zone: stated.schedule.is_some().then_some(stated.time_zone.as_str()),
            paused: policy.paused,
            confirm: policy.confirm,
        },
        uses: policy.kinds().into_iter().map(|(which, algorithm)| of_kind(policy, which, algorithm)).collect(),
        warnings: warnings.collect(),
        from_time: timeline.now,
        until_time: timeline.until,
        complete: timeline.complete,
        keys: timeline.rows.iter().flat_map(|row| &row.lanes).map(key).collect(),
        next: timeline.next.iter().map(next).collect(),
        ahead: timeline.ahead.iter().map(next).collect(),
    }
}

fn of_kind(policy: &Policy, which: Keys, algorithm: Algorithm) -> OfKind<'_> {
    let sums = policy.sums(algorithm);
    let term = |(fact, times): &(Fact, i32)| Term {
        fact: fact.name(),
        times: *times,
        seconds: fact.of(&policy.facts).num_seconds(),
    };
    let wait = |(output, sum): &(OutputKind, Sum)| Wait {
        output: *output,
        sum: sum.0.iter().map(term).collect(),
        seconds: sum.over(&policy.facts).num_seconds(),
    };
    OfKind {
        usage: which.usage,
        symmetric: which.symmetric,
        lines: policy.lines.iter().filter(|line| Keys::of(line.algorithm) == which).map(|line| &*line.name).collect(),
        leads: sums.leads.iter().map(wait).collect(),
        retentions: sums.retentions.iter().map(wait).collect(),
        least_gap_seconds: policy.ahead(algorithm, &policy.facts).num_seconds(),
        most_retired_keys: policy.most_retired(algorithm),
    }
}

fn key(lane: &Lane) -> KeyTimes<'_> {
    let Life { kid, number: _, line, adopted, minted, published, held, active, retired, removed } = &lane.life;
    KeyTimes {
        key: kid,
        line: &line.name,
        algorithm: line.algorithm,
        usage: line.algorithm.usage(),
        phase: lane.stage.map(Stage::name),
        adopted: *adopted,
        minted_time: *minted,
        published_time: *published,
        held_time: held.as_ref().map(|(time, _)| *time),
        held_by: held.as_ref().map(|(_, waiting)| waiting.to_string()),
        active_time: *active,
        retired_time: *retired,
        removal_time: *removed,
    }
}

fn next(ahead: &Ahead) -> Next<'_> {
    let Ahead { time, kid, line, to, waiting, held } = ahead;
    Next { key: kid.as_deref(), line, to: to.name(), time: *time, waiting_for: waiting.to_string(), held: *held }
}
