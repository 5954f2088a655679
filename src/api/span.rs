//! Durations as Kubernetes users write them.

use std::borrow::Cow;

use chrono::TimeDelta;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// The longest duration a spec may state: a hundred years, in seconds.
const LONGEST: u64 = 100 * 366 * 24 * 3600;

/// The longest text of a duration.
const LONGEST_TEXT: usize = 16;

/// A Go-style duration of whole hours, minutes and seconds, such as `720h` or `1m30s`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Span(pub String);

/// Why a duration can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is no duration: write hours, minutes and seconds as in \"720h\", \"1h30m\" or \"45s\", at most 100 years"
)]
pub struct SpanError {
    text: String,
}

impl Span {
    /// The duration in whole seconds.
    ///
    /// # Errors
    /// When the text is not a sequence of `<number>h`, `<number>m`, `<number>s`, or longer than a hundred years.
    pub fn parse(&self) -> Result<TimeDelta, SpanError> {
        let error = || SpanError { text: self.0.clone() };
        // The same as the schema's pattern, which also keeps the numbers within what the parser can take.
        let mut numbers = self.0.split_inclusive(['h', 'm', 's']);
        let is_number = |number: &str| {
            let digits = number.trim_end_matches(['h', 'm', 's']);
            number.len() == digits.len() + 1
                && (1..=9).contains(&digits.len())
                && digits.bytes().all(|byte| byte.is_ascii_digit())
        };
        if self.0.is_empty() || self.0.len() > LONGEST_TEXT || !numbers.all(is_number) {
            return Err(error());
        }
        let parsed: kube::core::Duration = self.0.parse().map_err(|_| error())?;
        let seconds = std::time::Duration::from(parsed).as_secs();
        if seconds > LONGEST {
            return Err(error());
        }
        i64::try_from(seconds).ok().and_then(TimeDelta::try_seconds).ok_or_else(error)
    }
}

impl From<&str> for Span {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl JsonSchema for Span {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Span".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "maxLength": LONGEST_TEXT, "pattern": "^([0-9]{1,9}(h|m|s))+$" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_kubernetes_users_write() {
        for (text, seconds) in [("720h", 2_592_000), ("1h30m", 5400), ("45s", 45), ("0s", 0), ("1m1s", 61)] {
            assert_eq!(Span::from(text).parse(), Ok(TimeDelta::seconds(seconds)), "{text}");
        }
    }

    #[test]
    fn refuses_everything_else() {
        for text in [
            "",
            "10",
            "-1h",
            "1.5h",
            "100ms",
            "1d",
            "1h ",
            "h",
            "876000000h",
            "999999h",
            "1h1",
            "1hm",
            "99999999999999999999s",
        ] {
            assert!(Span::from(text).parse().is_err(), "{text}");
        }
    }
}
