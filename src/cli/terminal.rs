//! What people read on a terminal.

use std::collections::HashMap;
use std::io::{IsTerminal, Write};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Local, SecondsFormat};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::screen::visible;
use crate::engine::{News, Progress, Report};
use crate::jose::{KeyKind, KeySpec};
use crate::keyring::Time;
use crate::lifecycle::plan::{Ahead, Change};
use crate::lifecycle::policy::shown;
use crate::store::SetRef;

/// Writes an error to standard error.
pub(super) fn complain(why: &str) {
    // Where even standard error is closed, nobody is there to read.
    drop(writeln!(std::io::stderr(), "keyturn: {}", visible(why)));
}

/// The terminal: lines of what happened, and a moving line for each RSA key in the making.
#[derive(Debug, Default)]
pub(super) struct Terminal {
    bars: MultiProgress,
    running: Mutex<HashMap<String, ProgressBar>>,
}

impl Terminal {
    /// One line, above whatever moves.
    pub(super) fn line(&self, text: &str) {
        // A closed standard output must not stop the keys from rotating.
        self.bars.suspend(|| drop(writeln!(std::io::stdout(), "{}", visible(text))));
    }

    /// What a pass did.
    pub(super) fn tell(&self, set: &str, at: Time, news: &[News]) {
        for news in news {
            self.line(&format!("{}  {set}  {:<9}  {}", clock(at), news.reason.name(), news.note));
        }
    }

    /// What comes next.
    pub(super) fn tell_ahead(&self, set: &str, at: Time, report: &Report) {
        match report.ahead.first() {
            Some(next) => self.line(&format!("{}  {set}  next       {}", clock(at), ahead(next, at))),
            None => self.line(&format!("{}  {set}  next       nothing is planned", clock(at))),
        }
    }

    /// Something that someone has to mend.
    pub(super) fn warn(&self, set: &str, at: Time, why: &str) {
        self.bars.suspend(|| complain(&format!("{}  {set}  {why}", clock(at))));
    }
}

impl Progress for Terminal {
    fn started(&self, set: &SetRef, line: &str, spec: KeySpec) {
        if !matches!(spec.key_kind(), KeyKind::Rsa) {
            return;
        }
        let text = format!("making an {spec} key for line {line} of {}", set.name);
        if !std::io::stderr().is_terminal() {
            complain(&text);
            return;
        }
        let style = ProgressStyle::with_template("{spinner} {msg} ({elapsed})");
        let bar = self.bars.add(ProgressBar::new_spinner().with_message(text.clone()));
        if let Ok(style) = style {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(120));
        self.running.lock().unwrap_or_else(PoisonError::into_inner).insert(text, bar);
    }

    fn finished(&self, set: &SetRef, line: &str, spec: KeySpec, _: Duration) {
        let text = format!("making an {spec} key for line {line} of {}", set.name);
        if let Some(bar) = self.running.lock().unwrap_or_else(PoisonError::into_inner).remove(&text) {
            bar.finish_and_clear();
        }
    }
}

fn ahead(next: &Ahead, at: Time) -> String {
    let Ahead { time, kid, line, to, waiting, held: _ } = next;
    let what = match (kid, to) {
        (Some(kid), Change::Active) => format!("key {kid} becomes the active one of line {line}"),
        (Some(kid), Change::Retired) => format!("key {kid} of line {line} retires"),
        (Some(kid), _) => format!("key {kid} of line {line} is removed"),
        (None, _) => format!("a new key for line {line}"),
    };
    match time {
        Some(time) => format!(
            "{what} at {} (in {}); waits for {waiting}",
            clock(*time),
            shown((*time - at).max(chrono::TimeDelta::zero()))
        ),
        None => format!("{what}; waits for {waiting}"),
    }
}

/// A moment as people read it: the time of day where they are, with the date unless it is today's. What is kept in a file, and
/// read later and elsewhere, has RFC 3339 in UTC.
fn clock(time: Time) -> String {
    if !std::io::stdout().is_terminal() || !std::io::stderr().is_terminal() {
        return time.to_rfc3339_opts(SecondsFormat::Secs, true);
    }
    let local: DateTime<Local> = time.with_timezone(&Local);
    let today = Local::now().date_naive() == local.date_naive();
    local.format(if today { "%H:%M:%S" } else { "%Y-%m-%d %H:%M:%S" }).to_string()
}
