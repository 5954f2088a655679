//! Cron schedules in a time zone.

use std::str::FromStr;

use chrono::{TimeDelta, Utc};
use chrono_tz::Tz;
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};

use crate::keyring::Time;

/// How many firings are looked at to find the shortest gap: more than two years of days.
const FIRINGS: usize = 800;

/// From when the shortest gap is looked for: 2026-01-01T00:00:00Z. Any fixed moment does; it only has to be the same each time.
const LOOK_FROM: i64 = 1_767_225_600;

/// When rotations are due: a cron expression of five fields, read in a time zone.
#[derive(Clone, Debug)]
pub struct Schedule {
    cron: Cron,
    zone: Tz,
}

/// What is wrong with a schedule.
#[derive(Debug, thiserror::Error)]
pub enum ScheduleError {
    /// Not a cron expression.
    #[error(
        "schedule {expression:?} is no cron expression of five fields, minute to day of week, such as \"0 3 1 * *\": {why}"
    )]
    Expression {
        /// The expression.
        expression: String,
        /// What is wrong with it.
        why: String,
    },
    /// It never fires, or only once.
    #[error("schedule {0:?} fires less than twice: state one that comes again, such as \"0 3 1 * *\"")]
    Never(String),
    /// Not a time zone.
    #[error("timeZone {0:?} is not known: use an IANA name such as Europe/Rome or UTC")]
    Zone(String),
}

impl Schedule {
    /// Parses a cron expression and an IANA time zone.
    ///
    /// # Errors
    /// When either can't be read, or the expression does not fire again and again.
    pub fn parse(expression: &str, zone: &str) -> Result<Self, ScheduleError> {
        let zone = Tz::from_str(zone).map_err(|_| ScheduleError::Zone(zone.to_owned()))?;
        let cron = CronParser::builder()
            .seconds(Seconds::Disallowed)
            .year(Year::Disallowed)
            .build()
            .parse(expression)
            .map_err(|error| ScheduleError::Expression { expression: expression.to_owned(), why: error.to_string() })?;
        let schedule = Self { cron, zone };
        if schedule.firings().take(2).count() < 2 {
            return Err(ScheduleError::Never(expression.to_owned()));
        }
        Ok(schedule)
    }

    /// The first firing after `time`.
    pub fn next_after(&self, time: Time) -> Option<Time> {
        let local = time.with_timezone(&self.zone);
        self.cron.find_next_occurrence(&local, false).ok().map(|next| next.with_timezone(&Utc))
    }

    /// The shortest time between two firings.
    pub fn shortest_gap(&self) -> TimeDelta {
        let firings: Vec<Time> = self.firings().take(FIRINGS).collect();
        firings.windows(2).filter_map(|pair| Some(*pair.get(1)? - *pair.first()?)).min().unwrap_or_default()
    }

    fn firings(&self) -> impl Iterator<Item = Time> {
        std::iter::successors(self.next_after(Time::from_timestamp(LOOK_FROM, 0).unwrap_or_default()), |last| {
            self.next_after(*last)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Time {
        text.parse().unwrap()
    }

    #[test]
    fn fires_in_its_time_zone_on_both_sides_of_a_clock_change() {
        let schedule = Schedule::parse("0 3 1 * *", "Europe/Rome").unwrap();
        assert_eq!(schedule.next_after(time("2026-11-22T00:00:00Z")), Some(time("2026-12-01T02:00:00Z")));
        assert_eq!(schedule.next_after(time("2026-06-22T00:00:00Z")), Some(time("2026-07-01T01:00:00Z")));
        assert_eq!(schedule.next_after(time("2026-12-01T02:00:00Z")), Some(time("2027-01-01T02:00:00Z")));
    }

    #[test]
    fn knows_its_shortest_gap() {
        let gap = |expression| Schedule::parse(expression, "Europe/Rome").unwrap().shortest_gap();
        assert_eq!(gap("0 */6 * * *"), TimeDelta::hours(5), "the clocks go forward");
        assert_eq!(gap("0 3 1 * *"), TimeDelta::days(28) - TimeDelta::zero());
        assert_eq!(gap("* * * * *"), TimeDelta::minutes(1));
    }

    #[test]
    fn bad_ones_say_what_to_change() {
        let error = |expression, zone| Schedule::parse(expression, zone).unwrap_err().to_string();
        assert!(error("every day", "UTC").contains("five fields"));
        assert!(error("0 0 3 1 * *", "UTC").contains("five fields"));
        assert!(error("0 3 31 2 *", "UTC").contains("fires less than twice"));
        assert!(error("0 3 1 * *", "Mars/Olympus").contains("IANA"));
    }
}
