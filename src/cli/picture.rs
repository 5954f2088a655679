//! The lives of keys as bars over time.

use console::measure_text_width;

use super::plan::words::stamp;
use crate::keyring::Time;
use crate::timeline::{Lane, Stage, Timeline};

/// The narrowest bar, in characters: both ends of time fit below.
const NARROWEST: usize = 40;

/// The most bars of one line; who wants more asks for JSON.
const MOST_BARS: usize = 12;

/// The most characters of a kid, so that bars have room: thumbprints are told apart by less.
const LONGEST_LABEL: usize = 24;

/// What bars are drawn with.
pub(super) struct Strokes {
    standby: char,
    active: char,
    retired: char,
    now: char,
    cut: &'static str,
}

impl Strokes {
    pub(super) const BLOCKS: Self = Self { standby: '░', active: '█', retired: '▒', now: '▼', cut: "…" };
    pub(super) const ASCII: Self = Self { standby: '.', active: '#', retired: '-', now: 'v', cut: "~" };

    fn of(&self, stage: Stage) -> char {
        match stage {
            Stage::Standby => self.standby,
            Stage::Active => self.active,
            Stage::Retired => self.retired,
        }
    }

    fn legend(&self) -> String {
        let one = |stage: Stage| format!("{} {}", self.of(stage), stage.name());
        [Stage::Standby, Stage::Active, Stage::Retired].map(one).join("  ")
    }

    /// A kid, cut where it is long.
    pub(super) fn label(&self, kid: &str) -> String {
        if kid.chars().count() <= LONGEST_LABEL {
            return kid.to_owned();
        }
        let kept = LONGEST_LABEL - measure_text_width(self.cut);
        kid.chars().take(kept).chain(self.cut.chars()).collect()
    }
}

/// Time in cells.
struct Scale {
    from: Time,
    span: i64,
    cells: i64,
}

/// One bar a key, with the legend above and the two ends of time below. What lies before now is marked off, if anything does.
pub(super) fn draw(timeline: &Timeline, strokes: &Strokes, width: usize) -> Vec<String> {
    let Timeline { now, from, until, rows: lines, .. } = timeline;
    let lanes = lines.iter().flat_map(|row| &row.lanes);
    let label = lanes.map(|lane| measure_text_width(&strokes.label(&lane.life.kid))).max().unwrap_or_default();
    let cells = width.saturating_sub(label + 4).max(NARROWEST);
    let scale = Scale::new(*from, *until, cells);
    let mut rows = vec![format!("  {:label$}  {}", "", strokes.legend())];
    if now > from {
        let before = usize::try_from(scale.cell(*now)).unwrap_or_default();
        rows.push(format!("  {:label$}  {:before$}{} now", "", "", strokes.now));
    }
    for line in lines {
        for lane in line.lanes.iter().take(MOST_BARS) {
            let name = strokes.label(&lane.life.kid);
            rows.push(format!("  {name:label$}  {}", scale.bar(lane, strokes)).trim_end().to_owned());
        }
        if let Some(more) = line.lanes.len().checked_sub(MOST_BARS).filter(|more| *more > 0) {
            rows.push(format!("  {:label$}  and {more} more keys", ""));
        }
    }
    let (begin, end) = (stamp(from), stamp(until));
    let between = cells.saturating_sub(begin.len());
    rows.push(format!("  {:label$}  {begin}{end:>between$}", ""));
    rows
}

impl Scale {
    fn new(from: Time, until: Time, cells: usize) -> Self {
        Self { from, span: (until - from).num_seconds().max(1), cells: i64::try_from(cells).unwrap_or(i64::MAX) }
    }

    fn seconds(&self, time: Time) -> i64 {
        (time - self.from).num_seconds()
    }

    /// The cell in which a moment lies.
    fn cell(&self, time: Time) -> i64 {
        (self.seconds(time) * self.cells / self.span).clamp(0, self.cells - 1)
    }

    /// Each cell shows the last stage that it touches, so that a short retirement is seen in a long time.
    fn bar(&self, lane: &Lane, strokes: &Strokes) -> String {
        let ends = lane.segments.last().and_then(|last| last.end).map_or(self.span, |end| self.seconds(end.time));
        let cell = |number: i64| {
            let (first, after) = (self.span * number / self.cells, self.span * (number + 1) / self.cells);
            if first >= ends {
                return ' ';
            }
            let begun = |start: Time| self.seconds(start) < after.max(first + 1);
            let last = lane.segments.iter().rev().find(|segment| begun(segment.start.time));
            last.map_or(' ', |segment| strokes.of(segment.stage))
        };
        (0..self.cells).map(cell).collect()
    }
}
