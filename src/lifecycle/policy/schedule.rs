//! Cron schedules in a time zone.

use std::str::FromStr;

use chrono::{Offset, TimeDelta, Utc};
use chrono_tz::Tz;
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};

use crate::keyring::Time;

/// How many firings are looked at to find the shortest gap: more than two years of days.
const FIRINGS: usize = 800;

/// How many days are searched for clock changes: two years, as a zone may change in one half of the globe's seasons.
const DAYS: i64 = 731;

/// The shortest gap that a cron expression of five fields can have.
const LEAST_GAP: TimeDelta = TimeDelta::minutes(1);

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

    /// The time zone that it is read in.
    pub fn zone(&self) -> Tz {
        self.zone
    }

    /// The first firing after `time`.
    pub fn next_after(&self, time: Time) -> Option<Time> {
        let local = time.with_timezone(&self.zone);
        self.cron.find_next_occurrence(&local, false).ok().map(|next| next.with_timezone(&Utc))
    }

    /// The shortest time between two firings, clock changes included: they bring firings closer together, and a schedule
    /// that fires often would not reach the next one within the firings that are looked at.
    pub fn shortest_gap(&self) -> TimeDelta {
        let mut shortest = shortest(self.firings().take(FIRINGS));
        for day in self.clock_changes() {
            if shortest <= Some(LEAST_GAP) {
                break;
            }
            let end = day + TimeDelta::days(2);
            let around = self.firings_after(day - TimeDelta::days(1)).take_while(|time| *time <= end);
            shortest = [shortest, self::shortest(around)].into_iter().flatten().min();
        }
        shortest.unwrap_or_default()
    }

    /// The longest time between two firings.
    pub fn longest_gap(&self) -> TimeDelta {
        let firings: Vec<Time> = self.firings().take(FIRINGS).collect();
        firings.windows(2).filter_map(|pair| Some(*pair.get(1)? - *pair.first()?)).max().unwrap_or_default()
    }

    /// The days, by the moment at which they begin in UTC, within which the zone's clocks change.
    fn clock_changes(&self) -> impl Iterator<Item = Time> {
        let offset = |time: Time| time.with_timezone(&self.zone).offset().fix();
        let day = |number| start() + TimeDelta::days(number);
        (0..DAYS).map(day).filter(move |day| offset(*day) != offset(*day + TimeDelta::days(1)))
    }

    fn firings(&self) -> impl Iterator<Item = Time> {
        self.firings_after(start())
    }

    fn firings_after(&self, time: Time) -> impl Iterator<Item = Time> {
        std::iter::successors(self.next_after(time), |last| self.next_after(*last))
    }
}

fn start() -> Time {
    Time::from_timestamp(LOOK_FROM, 0).unwrap_or_default()
}

fn shortest(firings: impl Iterator<Item = Time>) -> Option<TimeDelta> {
    let firings: Vec<Time> = firings.collect();
    firings.windows(2).filter_map(|pair| Some(*pair.get(1)? - *pair.first()?)).min()
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
        assert_eq!(gap("0 0-23/2 * * *"), TimeDelta::hours(1), "twelve a day, and the clocks go forward in March");
        assert_eq!(gap("15 1,3 * * *"), TimeDelta::hours(1));
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
