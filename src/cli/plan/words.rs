//! A plan as people read it.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeZone};
use chrono_tz::Tz;

use super::Planned;
use crate::api;
use crate::cli::picture::{self, Strokes};
use crate::engine::Request;
use crate::forecast::Life;
use crate::keyring::Time;
use crate::lifecycle::plan::{Ahead, Change};
use crate::lifecycle::policy::{ALIAS_ADVICE, Policy, Rotation, SYMMETRIC_ADVICE, shown};
use crate::timeline::{Proof, Timeline};

/// Everything about one set that can be safe.
pub(in crate::cli) fn tell(request: &Request, planned: &Planned, strokes: &Strokes, width: usize) -> String {
    let Planned { policy, timeline, refused: _ } = planned;
    let mut rows = vec![format!("{} is safe as long as the facts below are true.", request.set), String::new()];
    rows.extend(timeline.proofs.iter().flat_map(proof));
    rows.extend(rhythm(&request.spec.rotation, policy));
    rows.extend(warnings(policy).map(|(line, message)| format!("warning: line {line}: {message}")));
    rows.push(String::new());
    rows.push(format!("If it is applied as a new set at {} UTC:", stamp(&timeline.now)));
    rows.extend(happenings(policy, timeline));
    rows.push(String::new());
    rows.extend(picture::draw(timeline, strokes, width));
    rows.join("\n") + "\n"
}

/// A set that lives: what was, what is, and what will be.
pub(in crate::cli) fn tell_living(
    request: &Request,
    planned: &Planned,
    problems: &[String],
    strokes: &Strokes,
    width: usize,
) -> String {
    let Planned { policy, timeline, refused } = planned;
    let mut rows = vec![format!("{}, as its status tells at {} UTC", request.set, stamp(&timeline.now))];
    rows.extend(problems.iter().map(|problem| format!("problem: {problem}")));
    if !refused.is_empty() {
        rows.push("All that follows is of the spec before, which goes on while the stated one is refused.".to_owned());
    }
    rows.push(String::new());
    rows.extend(picture::draw(timeline, strokes, width));
    rows.push(String::new());
    if timeline.halted {
        rows.push("Nothing goes on while the keyring is lost.".to_owned());
    } else {
        rows.push("If nobody edits it:".to_owned());
        rows.extend(happenings(policy, timeline));
    }
    rows.push(String::new());
    rows.push("It is safe as long as the facts below are true.".to_owned());
    rows.push(String::new());
    rows.extend(timeline.proofs.iter().flat_map(proof));
    rows.extend(rhythm(&request.spec.rotation, policy));
    rows.extend(warnings(policy).map(|(line, message)| format!("warning: line {line}: {message}")));
    rows.join("\n") + "\n"
}

/// The sums of one kind of keys.
fn proof(proof: &Proof) -> Vec<String> {
    let Proof { keys, lines, rows } = proof;
    let mut told = vec![format!("{keys} keys: {}", lines.join(", "))];
    told.extend(rows.iter().map(|(title, text)| format!("  {title:<9}  {text}")));
    told.push(String::new());
    told
}

/// What decides when keys rotate.
fn rhythm(stated: &api::Rotation, policy: &Policy) -> Vec<String> {
    let mut rows = Vec::new();
    match &policy.rotation {
        Rotation::Interval(interval) => rows.push(format!("Keys rotate every {}.", shown(*interval))),
        Rotation::Schedule(_) => {
            rows.push(format!(
                "Keys rotate when {:?} fires in {}.",
                stated.schedule.as_deref().unwrap_or_default(),
                stated.time_zone
            ));
            if stated.interval != api::Rotation::default().interval {
                rows.push("rotation.interval is ignored, since mode is Schedule.".to_owned());
            }
        }
        Rotation::Never => rows.push(
            "Keys rotate only when asked to, by a new value of the annotation keyturn.dev/rotate (rotation.mode: Never)."
                .to_owned(),
        ),
    }
    if policy.confirm {
        rows.push(
            "Each promotion waits until someone sets the annotation keyturn.dev/confirm to the new key's kid."
                .to_owned(),
        );
    }
    if let Some(certificate) = &policy.certificate {
        rows.push(format!(
            "Certificates end {} after their keys are minted; a key is replaced in time before that.",
            shown(certificate.validity)
        ));
    }
    if !policy.import.entries.is_empty() {
        rows.push(
            "Keys are adopted (import): what the files hold is not read, and each is taken to be one key.".to_owned(),
        );
    }
    if policy.paused {
        rows.push("Nothing is minted or promoted while rotation.paused is true.".to_owned());
    }
    rows
}

/// What is to be said against each line.
pub(super) fn warnings(policy: &Policy) -> impl Iterator<Item = (&str, String)> {
    policy.lines.iter().flat_map(|line| {
        let advice = line.algorithm.advice(line.spec).map(|advice| advice.to_string());
        let folded = policy.kid.may_have_capitals() && policy.has_keystore(&line.name);
        let folded = folded.then(|| ALIAS_ADVICE.to_owned());
        let empty = policy.has_empty_jwks().then(|| SYMMETRIC_ADVICE.to_owned());
        advice.into_iter().chain(folded).chain(empty).map(|message| (line.name.as_str(), message))
    })
}

/// What happens when, a row a moment and line, and then what is still to come.
fn happenings(policy: &Policy, timeline: &Timeline) -> Vec<String> {
    let zone = match &policy.rotation {
        Rotation::Schedule(schedule) if schedule.zone() != Tz::UTC => Some(schedule.zone()),
        _ => None,
    };
    let told: Vec<(Option<Time>, String)> = moments(timeline)
        .into_iter()
        .map(|(time, what)| (Some(time), what))
        .chain(timeline.ahead.iter().map(|ahead| (ahead.time, still_ahead(ahead))))
        .collect();
    let after = |time: Time| shown(time - timeline.now);
    let longest = told.iter().filter_map(|(time, _)| time.map(|time| after(time).len())).max();
    let first = longest.unwrap_or_default().max("after".len());
    let columns = |one: &str, two: &str, three: Option<String>, what: &str| {
        let local = three.map(|three| format!("{three:<19}  ")).unwrap_or_default();
        format!("  {one:<first$}  {two:<19}  {local}{what}")
    };
    let mut rows = vec![columns("after", "UTC", zone.map(|zone| zone.name().to_owned()), "what")];
    let count = told.len() - timeline.ahead.len();
    for (index, (time, what)) in told.iter().enumerate() {
        if index == count {
            rows.push(if timeline.complete {
                format!("Still to come after {}:", after(timeline.until))
            } else {
                format!("Cut short after {}: state a shorter --horizon. Still to come:", after(timeline.until))
            });
        }
        rows.push(match time {
            Some(time) => {
                let local = zone.map(|zone| stamp(&time.with_timezone(&zone)));
                columns(&after(*time), &stamp(time), local, what)
            }
            None => columns("-", "-", zone.map(|_| "-".to_owned()), what),
        });
    }
    rows
}

pub(in crate::cli) fn stamp<Z: TimeZone>(time: &DateTime<Z>) -> String
where
    Z::Offset: std::fmt::Display,
{
    time.format("%Y-%m-%d %H:%M:%S").to_string()
}

/// Every moment at which something happens from now on, line by line: `a#1 retired; a#2 active; a#3 minted, published`.
fn moments(timeline: &Timeline) -> Vec<(Time, String)> {
    let mut moments: BTreeMap<(Time, usize), Vec<String>> = BTreeMap::new();
    let lanes =
        timeline.rows.iter().enumerate().flat_map(|(place, row)| row.lanes.iter().map(move |lane| (place, lane)));
    for (place, lane) in lanes {
        let Life { kid, number: _, line: _, adopted, minted, published, held, active, retired, removed } = &lane.life;
        let mut of_key: BTreeMap<Time, Vec<String>> = BTreeMap::new();
        let waits = held.as_ref().map(|(time, waiting)| (*time, format!("due, waits for {waiting}")));
        let plain = |time: Option<Time>, what: &str| time.map(|time| (time, what.to_owned()));
        let noted = [
            plain(Some(*minted), if *adopted { "adopted" } else { "minted" }),
            plain(*published, "published"),
            waits,
            plain(*active, "active"),
            plain(*retired, "retired"),
            plain(*removed, if retired.is_some() { "removed" } else { "discarded, never used" }),
        ];
        for (time, what) in noted.into_iter().flatten().filter(|(time, _)| *time >= timeline.now) {
            of_key.entry(time).or_default().push(what);
        }
        for (time, what) in of_key {
            moments.entry((time, place)).or_default().push(format!("{kid} {}", what.join(", ")));
        }
    }
    moments.into_iter().map(|((time, _), keys)| (time, keys.join("; "))).collect()
}

fn still_ahead(ahead: &Ahead) -> String {
    let Ahead { time: _, kid, line, to, waiting, held: _ } = ahead;
    let what = match (kid, to) {
        (Some(kid), Change::Active) => format!("{kid} becomes active"),
        (Some(kid), Change::Retired) => format!("{kid} retires"),
        (Some(kid), Change::Removed) => format!("{kid} is removed"),
        (Some(kid), Change::Minted) => format!("{kid} is minted"),
        (None, _) => format!("a new key for line {line}"),
    };
    format!("{what}; waits for {waiting}")
}
