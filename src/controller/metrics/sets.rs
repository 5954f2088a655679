//! What is told of each key set: a small record, from which the series are made when they are read, so that they end with it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::gauge::Gauge;

use crate::api::JwksKeySetStatus;
use crate::controller::status::{KEYRING_LOST, READY, held_reason, is_held};
use crate::engine::Report;
use crate::keyring::Time;
use crate::lifecycle::plan::Change;
use crate::metrics::{Description, Kind, Measure};

const fn gauge(
    stem: &'static str,
    unit: Option<Measure>,
    labels: &'static [&'static str],
    meaning: &'static str,
) -> Description {
    Description { stem, kind: Kind::Gauge, unit, labels, meaning }
}

const IS_READY: Description = gauge(
    "keyturn_key_set_ready",
    None,
    &["namespace", "name"],
    "1 where the condition `Ready` of the key set is true, else 0",
);
const IS_LOST: Description = gauge(
    "keyturn_keyring_lost",
    None,
    &["namespace", "name"],
    "1 where the keyring is lost, and someone must say how to go on, else 0",
);
const KEYS: Description = gauge(
    "keyturn_keys",
    None,
    &["namespace", "name", "line", "phase"],
    "How many keys of a line are in a phase: `Standby`, `Active` or `Retired`",
);
const ROTATION_DUE: Description = gauge(
    "keyturn_rotation_due_timestamp",
    Some(Measure::Seconds),
    &["namespace", "name", "line"],
    "When the rotation of a line is due, since 1970 in UTC; none where it rotates only when asked to",
);
const NEXT_TRANSITION: Description = gauge(
    "keyturn_next_transition_timestamp",
    Some(Measure::Seconds),
    &["namespace", "name", "line", "to"],
    "When a key of a line is `Minted`, becomes `Active`, is `Retired` or `Removed` next, since 1970 in UTC, as far as that is known",
);
const LATENESS: Description = gauge(
    "keyturn_rotation_lateness",
    Some(Measure::Seconds),
    &["namespace", "name", "line"],
    "How long after it was due the last rotation of a line came, since this operator began; 0 where it came earlier",
);
const HELD: Description = gauge(
    "keyturn_promotion_held",
    None,
    &["namespace", "name", "line", "reason"],
    "1 where a promotion is due and waits, by the reason of the condition `Rotating`",
);

pub(super) const CATALOG: &[Description] = &[IS_READY, IS_LOST, KEYS, ROTATION_DUE, NEXT_TRANSITION, LATENESS, HELD];

const PHASES: [&str; 3] = ["Standby", "Active", "Retired"];

/// The key sets as they were seen last. Clones share them.
#[derive(Clone, Debug)]
pub(in crate::controller) struct Sets {
    records: Arc<Mutex<BTreeMap<String, Record>>>,
    /// Two operators that told of one set would count it twice.
    leader: Gauge,
}

/// What is told of one key set.
#[derive(Debug, Default)]
pub(in crate::controller) struct Record {
    ready: bool,
    lost: bool,
    lines: Lines,
}

/// The lines that have keys, or will have, by name.
type Lines = BTreeMap<String, Line>;

#[derive(Debug, Default)]
struct Line {
    /// Keys in each of [`PHASES`].
    keys: [u16; PHASES.len()],
    active_since: Option<Time>,
    due: Option<Time>,
    next: Vec<(Change, Time)>,
    held: Option<&'static str>,
    late: Option<f64>,
}

impl Sets {
    pub(super) fn new(leader: Gauge) -> Self {
        Self { records: Arc::default(), leader }
    }

    /// A set was looked after; without a report, what was known of its keys stays. Whether it is seen for the first time.
    pub(in crate::controller) fn saw(&self, set: &str, status: &JwksKeySetStatus, report: Option<&Report>) -> bool {
        let mut records = self.records();
        let is_first = !records.contains_key(set);
        let record = records.entry(set.to_owned()).or_default();
        (record.ready, record.lost) = (status.is_true(READY), status.is_true(KEYRING_LOST));
        if let Some(report) = report {
            let before = std::mem::replace(&mut record.lines, lines_of(report));
            for (name, line) in &mut record.lines {
                line.late = before.get(name).and_then(|before| line.lateness(before));
            }
        }
        is_first
    }

    /// A set was found as it was when an earlier operator looked after it.
    pub(in crate::controller) fn recalls(&self, set: &str, record: Record) {
        self.records().insert(set.to_owned(), record);
    }

    /// A set is gone.
    pub(in crate::controller) fn forget(&self, set: &str) {
        self.records().remove(set);
    }

    /// Nothing is known any more.
    pub(super) fn clear(&self) {
        self.records().clear();
    }

    fn records(&self) -> MutexGuard<'_, BTreeMap<String, Record>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Record {
    /// What a status tells of a settled set.
    pub(in crate::controller) fn of_settled(status: &JwksKeySetStatus) -> Self {
        let time = |text: &String| text.parse::<Time>().ok();
        let mut lines = Lines::default();
        for key in &status.keys {
            let (active, due) = (key.active_time.as_ref().and_then(time), key.rotation_time.as_ref().and_then(time));
            lines.entry(key.line.clone()).or_default().has(&key.phase, active, due);
        }
        for ahead in status.settled.iter().flat_map(|settled| &settled.ahead) {
            if let Some((to, time)) = Change::named(&ahead.to).zip(time(&ahead.time)) {
                lines.entry(ahead.line.clone()).or_default().expects(to, time);
            }
        }
        Self { ready: status.is_true(READY), lost: status.is_true(KEYRING_LOST), lines }
    }
}

fn lines_of(report: &Report) -> Lines {
    let mut lines = Lines::default();
    for name in &report.without_active {
        lines.entry(name.clone()).or_default();
    }
    for key in &report.keys {
        lines.entry(key.line.clone()).or_default().has(key.phase, key.active, key.rotation_due);
    }
    for ahead in &report.ahead {
        let line = lines.entry(ahead.line.clone()).or_default();
        if let Some(time) = ahead.time {
            line.expects(ahead.to, time);
        }
        if is_held(ahead) {
            line.held = Some(held_reason(ahead).name());
        }
    }
    lines
}

impl Line {
    /// One more key.
    fn has(&mut self, phase: &str, active: Option<Time>, due: Option<Time>) {
        for (_, count) in PHASES.iter().zip(&mut self.keys).filter(|(one, _)| **one == phase) {
            *count += 1;
        }
        if phase == "Active" {
            (self.active_since, self.due) = (active, due);
        }
    }

    /// What comes later: the soonest of each change.
    fn expects(&mut self, to: Change, time: Time) {
        if self.next.iter().all(|(known, _)| *known != to) {
            self.next.push((to, time));
        }
    }

    /// How late the last rotation was.
    fn lateness(&self, before: &Self) -> Option<f64> {
        let Some((promoted, due)) =
            self.active_since.zip(before.due).filter(|_| self.active_since != before.active_since)
        else {
            return before.late;
        };
        Some((promoted - due).as_seconds_f64().max(0.0))
    }
}

impl Collector for Sets {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let records = self.records();
        let shown = if self.leader.get() == 0 { None } else { Some(&*records) };
        let sets = || {
            let all = shown.into_iter().flatten();
            all.filter_map(|(set, record)| set.split_once('/').map(|(namespace, name)| (namespace, name, record)))
        };
        let lines = || {
            sets().flat_map(|(namespace, name, record)| {
                record.lines.iter().map(move |(line, known)| ([namespace, name, line.as_str()], known))
            })
        };
        let number = |is: bool| f64::from(u8::from(is));
        IS_READY.encode(&mut encoder, sets().map(|(namespace, name, one)| ([namespace, name], number(one.ready))))?;
        IS_LOST.encode(&mut encoder, sets().map(|(namespace, name, one)| ([namespace, name], number(one.lost))))?;
        let keys = lines().flat_map(|([namespace, name, of], line)| {
            let counts = PHASES.iter().zip(line.keys);
            counts.map(move |(phase, count)| ([namespace, name, of, *phase], f64::from(count)))
        });
        KEYS.encode(&mut encoder, keys)?;
        ROTATION_DUE.encode(&mut encoder, lines().filter_map(|(of, line)| line.due.map(|due| (of, unix(due)))))?;
        let next = lines().flat_map(|([namespace, name, of], line)| {
            line.next.iter().map(move |(to, time)| ([namespace, name, of, to.name()], unix(*time)))
        });
        NEXT_TRANSITION.encode(&mut encoder, next)?;
        LATENESS.encode(&mut encoder, lines().filter_map(|(of, line)| line.late.map(|late| (of, late))))?;
        let held = lines()
            .filter_map(|([namespace, name, of], line)| line.held.map(|reason| ([namespace, name, of, reason], 1.0)));
        HELD.encode(&mut encoder, held)
    }
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 fit into an f64")]
fn unix(time: Time) -> f64 {
    time.timestamp_millis() as f64 / 1000.0
}
