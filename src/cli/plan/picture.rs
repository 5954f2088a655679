//! The lives of keys as bars over time.

use super::words::stamp;
use crate::forecast::{Forecast, Life};
use crate::keyring::Time;

/// The narrowest bar, in characters: both ends of time fit below.
const NARROWEST: usize = 40;

/// The most bars of one line; who wants more asks for JSON.
const MOST_BARS: usize = 12;

/// What bars are drawn with.
pub(super) struct Strokes {
    standby: char,
    active: char,
    retired: char,
}

impl Strokes {
    pub(super) const BLOCKS: Self = Self { standby: '░', active: '█', retired: '▒' };
    pub(super) const ASCII: Self = Self { standby: '.', active: '#', retired: '-' };

    fn legend(&self) -> String {
        let Self { standby, active, retired } = self;
        format!("{standby} Standby  {active} Active  {retired} Retired")
    }
}

/// One bar a key, with the legend above and the two ends of time below.
pub(super) fn draw(forecast: &Forecast, strokes: &Strokes, width: usize) -> Vec<String> {
    let Forecast { from, until, keys, .. } = forecast;
    let label = keys.iter().map(|life| life.kid.len()).max().unwrap_or_default();
    let cells = width.saturating_sub(label + 4).max(NARROWEST);
    let mut rows = vec![format!("  {:label$}  {}", "", strokes.legend())];
    for of_line in keys.chunk_by(|one, next| one.line == next.line) {
        for life in of_line.iter().take(MOST_BARS) {
            let bar = bar(life, *from, *until, strokes, cells);
            rows.push(format!("  {:label$}  {bar}", life.kid).trim_end().to_owned());
        }
        if let Some(more) = of_line.len().checked_sub(MOST_BARS).filter(|more| *more > 0) {
            rows.push(format!("  {:label$}  and {more} more keys", ""));
        }
    }
    let (begin, end) = (stamp(from), stamp(until));
    let between = cells.saturating_sub(begin.len());
    rows.push(format!("  {:label$}  {begin}{end:>between$}", ""));
    rows
}

/// Each cell shows the last phase that it touches, so that a short retirement is seen in a long time.
fn bar(life: &Life, from: Time, until: Time, strokes: &Strokes, cells: usize) -> String {
    let seconds = |time: Time| (time - from).num_seconds();
    let (span, count) = (seconds(until).max(1), i64::try_from(cells).unwrap_or(i64::MAX));
    let end = life.removed.map_or(span, seconds);
    let phases = [(Some(life.minted), strokes.standby), (life.active, strokes.active), (life.retired, strokes.retired)];
    let cell = |number: i64| {
        let (begins, ends) = (span * number / count, span * (number + 1) / count);
        if begins >= end {
            return ' ';
        }
        let begun = |time: Option<Time>| time.is_some_and(|time| seconds(time) < ends.max(begins + 1));
        phases.iter().rev().find(|(time, _)| begun(*time)).map_or(' ', |(_, stroke)| *stroke)
    };
    (0..count).map(cell).collect()
}
