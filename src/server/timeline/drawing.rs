//! The picture: a bar a key, over time.

use maud::{Markup, html};

use super::page::{days, stamp};
use crate::keyring::Time;
use crate::timeline::{Lane, Row, Segment, Stage, Timeline};

/// Everything is drawn on a sheet of this width, which the browser scales.
const WIDTH: i64 = 960;
/// Where bars begin and end.
const LEFT: i64 = 190;
const RIGHT: i64 = 940;
/// Heights of a line's name, of a key, and of its bar.
const HEADING: i64 = 30;
const LANE: i64 = 26;
const BAR: i64 = 16;
/// Room above the first line, for the word `now`.
const TOP: i64 = 24;
/// Marks on the axis of time.
const MARKS: i64 = 4;
/// The most keys of one line that are drawn; the table below has all of them.
const MOST_LANES: usize = 12;
/// The most characters of a kid; thumbprints are told apart by less.
const LONGEST_KID: usize = 20;

/// Time, across the sheet.
struct Scale {
    from: Time,
    seconds: i64,
}

impl Scale {
    fn x(&self, time: Time) -> i64 {
        let since = (time - self.from).num_seconds().clamp(0, self.seconds);
        LEFT + (RIGHT - LEFT) * since / self.seconds
    }

    fn at(&self, mark: i64) -> Time {
        self.from + chrono::TimeDelta::seconds(self.seconds * mark / MARKS)
    }
}

/// The whole picture, with words for those who don't see it.
pub(super) fn draw(timeline: &Timeline) -> Markup {
    let scale = Scale { from: timeline.from, seconds: (timeline.until - timeline.from).num_seconds().max(1) };
    let rows: Vec<&Row> = timeline.rows.iter().filter(|row| !row.lanes.is_empty()).collect();
    let mut tops = Vec::new();
    let mut height = TOP;
    for row in &rows {
        tops.push(height);
        height += HEADING + LANE * i64::try_from(row.lanes.len().min(MOST_LANES)).unwrap_or_default();
    }
    let now = scale.x(timeline.now);
    let whole = format!("0 0 {WIDTH} {}", height + 34);
    html! {
        svg viewBox=(whole) role="img" aria-labelledby="picture-title picture-text" {
            title #picture-title { "The keys of this set over time" }
            desc #picture-text {
                "One bar a key, from " (stamp(timeline.from)) " to " (stamp(timeline.until))
                ". The tables below say the same in words."
            }
            defs {
                pattern #hatched width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)" {
                    rect class="retired-ground" width="6" height="6" {}
                    rect class="retired-stroke" width="2.5" height="6" {}
                }
            }
            @for mark in 0..=MARKS { (self::mark(&scale, mark, height)) }
            @for (row, top) in rows.iter().zip(tops) { (line(row, top, &scale, timeline)) }
            line class="now" x1=(now) x2=(now) y1=(TOP - 4) y2=(height) {}
            text class="now" x=(now.clamp(LEFT + 14, RIGHT - 14)) y=(TOP - 9) text-anchor="middle" { "now" }
        }
    }
}

fn mark(scale: &Scale, mark: i64, height: i64) -> Markup {
    let time = scale.at(mark);
    let x = scale.x(time);
    let (anchor, x_of_text) = match mark {
        0 => ("start", x),
        MARKS => ("end", x),
        _ => ("middle", x),
    };
    html! {
        line class="mark" x1=(x) x2=(x) y1=(TOP) y2=(height + 4) {}
        text class="mark" x=(x_of_text) y=(height + 20) text-anchor=(anchor) { (days(time, scale.seconds)) }
    }
}

fn line(row: &Row, top: i64, scale: &Scale, timeline: &Timeline) -> Markup {
    let more = row.lanes.len().saturating_sub(MOST_LANES);
    html! {
        text class="line" x="10" y=(top + 20) {
            (row.line.name) ", " (row.line.algorithm.name())
            @if !row.stated { " (no longer in the spec)" }
            @if more > 0 { " and " (more) " more keys" }
        }
        @for (place, lane) in row.lanes.iter().take(MOST_LANES).enumerate() {
            (key(lane, top + HEADING + LANE * i64::try_from(place).unwrap_or_default(), scale, timeline))
        }
    }
}

fn key(lane: &Lane, top: i64, scale: &Scale, timeline: &Timeline) -> Markup {
    html! {
        text class="key" x="18" y=(top + 12) { (short(&lane.life.kid)) }
        @for segment in &lane.segments { (bar(lane, segment, top, scale, timeline)) }
    }
}

/// One stage of a key; what is foretold is paler, in a part of its own.
fn bar(lane: &Lane, segment: &Segment, top: i64, scale: &Scale, timeline: &Timeline) -> Markup {
    let end = segment.end.map_or(timeline.until, |end| end.time);
    let parts =
        [(segment.start.time, end.min(timeline.now), "was"), (segment.start.time.max(timeline.now), end, "will-be")];
    let class = match segment.stage {
        Stage::Standby => "standby",
        Stage::Active => "active",
        Stage::Retired => "retired",
    };
    html! {
        @for (start, end, tense) in parts {
            @if start < end {
                rect class={ "bar " (class) " " (tense) } x=(scale.x(start)) y=(top) height=(BAR) rx="2"
                    width=((scale.x(end) - scale.x(start)).max(2)) {
                    title { (lane.life.kid) ": " (segment.stage.name()) " from " (stamp(start)) " to " (stamp(end)) }
                }
            }
        }
    }
}

fn short(kid: &str) -> String {
    if kid.chars().count() <= LONGEST_KID {
        return kid.to_owned();
    }
    kid.chars().take(LONGEST_KID - 1).chain(['…']).collect()
}
