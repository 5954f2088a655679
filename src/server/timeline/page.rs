//! The page around the picture: what comes next, every key in words, and why it is safe.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::drawing;
use crate::api::{ConditionStatus, JwksKeySet};
use crate::keyring::Time;
use crate::lifecycle::plan::{Ahead, Change};
use crate::server::jwks::SetName;
use crate::timeline::{Lane, Moment, Row, Timeline, TimelineError};

/// The one style sheet.
pub(super) const STYLE: &str = include_str!("timeline.css");

/// A span of time above which only days are told on the axis, in seconds.
const LONG: i64 = 4 * 86_400;

/// The page of a set, or of what is wrong with it.
pub(super) fn of(set: &SetName, resource: &JwksKeySet, timeline: &Result<Timeline, TimelineError>) -> Markup {
    let content = match timeline {
        Err(error) => html! { p.alarm role="status" { "The timeline can't be drawn: " (error) } },
        Ok(timeline) => body(timeline),
    };
    let title = format!("Timeline of {set}");
    page(
        &title,
        &html! {
            header {
                h1 { "Keys of " span.name { (set) } }
                (verdict(resource))
                @if let Ok(timeline) = timeline {
                    p { "As of " (time(timeline.now)) ". All times are UTC; what is to come is a forecast." }
                }
            }
            main { (content) }
        },
    )
}

/// There is no such set.
pub(super) fn unknown() -> Markup {
    page("No such key set", &html! { main { h1 { "There is no key set of that name" } } })
}

/// Nothing is known yet.
pub(super) fn cold() -> Markup {
    page("Not ready yet", &html! { main { h1 { "The key sets are being read: try again" } } })
}

/// Too many pages are asked for.
pub(super) fn busy() -> Markup {
    page("Too busy", &html! { main { h1 { "Too many timelines are being drawn: try again" } } })
}

fn page(title: &str, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " - Keyturn" }
                style { (PreEscaped(STYLE)) }
            }
            body { (body) }
        }
    }
}

/// What the operator says of the set.
fn verdict(resource: &JwksKeySet) -> Markup {
    let conditions = resource.status.iter().flat_map(|status| &status.conditions);
    let alarm = |type_: &str, status| (type_ == "Ready") == (status == ConditionStatus::False);
    html! {
        ul.conditions {
            @for one in conditions.filter(|one| one.type_ == "Ready" || one.status == ConditionStatus::True) {
                li.alarm[alarm(&one.type_, one.status)] { strong { (one.type_) ": " (word(one.status)) } " " (one.message) }
            }
        }
    }
}

fn word(status: ConditionStatus) -> &'static str {
    match status {
        ConditionStatus::True => "yes.",
        ConditionStatus::False => "no.",
        ConditionStatus::Unknown => "not known.",
    }
}

fn body(timeline: &Timeline) -> Markup {
    html! {
        @if timeline.halted {
            p.alarm role="status" { "The keyring is lost: what is shown is what was, and nothing goes on until it is back." }
        }
        section aria-labelledby="next" {
            h2 #next { "Next" }
            @if timeline.next.is_empty() { p { "Nothing is planned." } }
            ol { @for ahead in &timeline.next { li { (coming(ahead)) } } }
        }
        section aria-labelledby="picture" {
            h2 #picture { "Over time" }
            ul.legend aria-label="What the bars mean" {
                li { span.swatch.standby {} "Standby: published, not used yet" }
                li { span.swatch.active {} "Active: the one in use" }
                li { span.swatch.retired {} "Retired: only verifies or decrypts" }
                li { span.swatch.will-be {} "Paler: to come" }
            }
            div.wide role="region" aria-label="The picture of all keys" tabindex="0" { (drawing::draw(timeline)) }
        }
        section aria-labelledby="keys" {
            h2 #keys { "Every key" }
            @for (place, row) in timeline.rows.iter().enumerate() { (table(row, place)) }
            @if !timeline.complete { p { "The forecast is cut short at " (time(timeline.until)) "." } }
        }
        section aria-labelledby="safe" {
            h2 #safe { "Why it is safe" }
            @for proof in &timeline.proofs {
                h3 { (proof.keys.to_string()) " keys: " (proof.lines.join(", ")) }
                dl { @for (title, text) in &proof.rows {
                    @if !title.is_empty() { dt { (title) } }
                    dd { (text) }
                } }
            }
        }
    }
}

fn coming(ahead: &Ahead) -> Markup {
    let Ahead { time: when, kid, line, to, waiting, held } = ahead;
    html! {
        @match when {
            Some(when) => { (time(*when)) ": " }
            None => { "At a time that is not known: " }
        }
        @match (kid, to) {
            (Some(kid), Change::Active) => { "key " code { (kid) } " of line " (line) " becomes the active one" }
            (Some(kid), Change::Retired) => { "key " code { (kid) } " of line " (line) " retires" }
            (Some(kid), Change::Removed) => { "key " code { (kid) } " of line " (line) " is removed" }
            (Some(kid), Change::Minted) => { "key " code { (kid) } " of line " (line) " is made" }
            (None, _) => { "a new key for line " (line) " is made" }
        }
        "; it waits for " (waiting.to_string())
        @if *held { strong { " (due, and held)" } }
        "."
    }
}

fn table(row: &Row, place: usize) -> Markup {
    let id = format!("line-{place}");
    html! {
        div.wide role="region" aria-labelledby=(id) tabindex="0" {
            table {
                caption #(id) {
                    "Line " (row.line.name) ", " (row.line.algorithm.name())
                    @if !row.stated { ", no longer in the spec" }
                }
                thead { tr {
                    @for head in ["Key", "Now", "Made", "Known to all", "Active", "Retired", "Removed"] { th scope="col" { (head) } }
                } }
                tbody { @for lane in &row.lanes { (key(lane)) } }
            }
        }
    }
}

fn key(lane: &Lane) -> Markup {
    let happened = |time: Option<Time>, done: bool| time.map(|time| Moment { time, foretold: !done });
    let life = &lane.life;
    let found = |stage| lane.segments.iter().find(|segment| segment.stage == stage).map(|segment| segment.start);
    let active = found(crate::timeline::Stage::Active).or(happened(life.active, false));
    let retired = found(crate::timeline::Stage::Retired).or(happened(life.retired, false));
    html! {
        tr.will-be[!lane.exists] {
            th scope="row" { code { (life.kid) } }
            td { @match lane.stage { Some(stage) => (stage.name()), None => "to come" } }
            (moment(happened(Some(life.minted), lane.exists)))
            (moment(lane.published))
            (moment(active))
            (moment(retired))
            (moment(happened(life.removed, false)))
        }
    }
}

/// A cell: when, and whether it is yet to come.
fn moment(moment: Option<Moment>) -> Markup {
    html! {
        td { @match moment {
            None => span.nothing { "not planned" },
            Some(Moment { time: when, foretold }) => {
                (time(when))
                @if foretold { span.foretold { " expected" } }
            }
        } }
    }
}

fn time(when: Time) -> Markup {
    html! { time datetime=(when.format("%Y-%m-%dT%H:%M:%SZ").to_string()) { (stamp(when)) } }
}

pub(super) fn stamp(when: Time) -> String {
    when.format("%Y-%m-%d %H:%M:%S").to_string()
}

/// A mark on an axis of that many seconds.
pub(super) fn days(when: Time, seconds: i64) -> String {
    when.format(if seconds > LONG { "%Y-%m-%d" } else { "%m-%d %H:%M:%S" }).to_string()
}
