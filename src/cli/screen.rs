//! What the output of a command is drawn on.

use std::borrow::Cow;

use chrono::TimeDelta;
use clap::{Args, ValueEnum};
use console::Term;

use crate::inspect::turns_text;

use super::picture::Strokes;

/// How wide the output is where no terminal says so, in characters.
const WIDTH: usize = 100;

/// For people or for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Form {
    Text,
    Json,
}

/// How bars are drawn.
#[derive(Debug, Args)]
pub(super) struct Drawing {
    /// Draw with ASCII characters only. Default: where the locale is not UTF-8.
    #[arg(long)]
    ascii: bool,
}

impl Drawing {
    pub(super) fn strokes(&self) -> Strokes {
        if self.ascii || !locale_is_utf8() { Strokes::ASCII } else { Strokes::BLOCKS }
    }
}

/// The width of the terminal, in characters.
pub(super) fn width() -> usize {
    Term::stdout().size_checked().map_or(WIDTH, |(_, columns)| usize::from(columns))
}

/// Text as it is safe to show: what others wrote into a cluster could hold sequences that move a terminal's cursor, or letters that
/// turn the direction of reading. Each such character is told as JSON tells it. Lines and tabs stay.
pub(super) fn visible(text: &str) -> Cow<'_, str> {
    let hidden = |letter: char| letter.is_control() && !matches!(letter, '\n' | '\t') || turns_text(letter);
    if !text.contains(hidden) {
        return Cow::Borrowed(text);
    }
    let told = |letter: char| if hidden(letter) { format!("\\u{:04x}", u32::from(letter)) } else { letter.to_string() };
    Cow::Owned(text.chars().map(told).collect())
}

/// A duration by its two largest units: `89d23h`, `4m10s`.
pub(super) fn about(delta: TimeDelta) -> String {
    let seconds = delta.num_seconds().max(0);
    let parts = [(seconds / 86_400, "d"), (seconds / 3600 % 24, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s")];
    let largest = parts.iter().position(|(number, _)| *number != 0).unwrap_or(parts.len() - 1);
    let next = parts.get(largest + 1).filter(|(number, _)| *number != 0);
    let told = parts.get(largest).into_iter().chain(next).map(|(number, unit)| format!("{number}{unit}"));
    told.collect::<Vec<_>>().concat()
}

/// Whether the locale is one of UTF-8: the first of the three variables that is set decides (POSIX, section 8.2).
fn locale_is_utf8() -> bool {
    let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(set).unwrap_or_default().to_lowercase();
    locale.ends_with("utf-8") || locale.ends_with("utf8")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_others_wrote_reaches_the_terminal_as_a_command() {
        assert!(matches!(visible("plain\n\tünï█"), Cow::Borrowed(_)));
        let told = visible("\u{1b}]0;x\u{7}\u{9b}2J\r\u{202e}\n");
        assert_eq!(told, "\\u001b]0;x\\u0007\\u009b2J\\u000d\\u202e\n");
        let json = serde_json::to_string("a\u{9b}b").unwrap();
        assert_eq!(serde_json::from_str::<String>(&visible(&json)).unwrap(), "a\u{9b}b", "JSON stays what it was");
    }

    #[test]
    fn durations_are_told_by_their_two_largest_units() {
        for (seconds, wanted) in
            [(-5, "0s"), (0, "0s"), (59, "59s"), (250, "4m10s"), (3600, "1h"), (3605, "1h"), (7_775_999, "89d23h")]
        {
            assert_eq!(about(TimeDelta::seconds(seconds)), wanted);
        }
    }
}
