//! Spans of time as definitions write them: `14 days`, `2 hours`, `3 months`.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::Error;

/// A unit of a [`Span`]. Days and longer follow the calendar of the workspace's time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SpanUnit {
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Year,
}

const UNITS: [(SpanUnit, &str, &str); 7] = [
    (SpanUnit::Second, "second", "s"),
    (SpanUnit::Minute, "minute", "m"),
    (SpanUnit::Hour, "hour", "h"),
    (SpanUnit::Day, "day", "d"),
    (SpanUnit::Week, "week", "w"),
    (SpanUnit::Month, "month", "mo"),
    (SpanUnit::Year, "year", "y"),
];

/// A positive span of time, written `14 days`; read also as `14d`, `1 day`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(try_from = "String", into = "String")]
#[ts(type = "string")]
pub struct Span {
    pub count: u32,
    pub unit: SpanUnit,
}

impl Span {
    pub const fn new(count: u32, unit: SpanUnit) -> Self {
        Self { count, unit }
    }

    /// Milliseconds, with a month of 30 and a year of 365 days: for cadences and limits, never for windows over events.
    pub fn approximate_ms(self) -> i64 {
        let unit = match self.unit {
            SpanUnit::Second => 1_000,
            SpanUnit::Minute => 60_000,
            SpanUnit::Hour => 3_600_000,
            SpanUnit::Day => 86_400_000,
            SpanUnit::Week => 7 * 86_400_000,
            SpanUnit::Month => 30 * 86_400_000,
            SpanUnit::Year => 365 * 86_400_000,
        };
        i64::from(self.count) * unit
    }

    /// The unit's name in the singular.
    pub fn unit_name(self) -> &'static str {
        UNITS
            .iter()
            .find(|(unit, ..)| *unit == self.unit)
            .map_or("", |(_, name, _)| name)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {}{}",
            self.count,
            self.unit_name(),
            if self.count == 1 { "" } else { "s" }
        )
    }
}

impl From<Span> for String {
    fn from(span: Span) -> Self {
        span.to_string()
    }
}

impl TryFrom<String> for Span {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl FromStr for Span {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let trimmed = text.trim().to_ascii_lowercase();
        let digits = trimmed
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(trimmed.len());
        let (count, unit) = trimmed.split_at(digits);
        let unit = unit.trim();
        let found = UNITS.iter().find(|(_, name, short)| {
            unit == *name || unit == *short || unit.strip_suffix('s').is_some_and(|one| one == *name)
        });
        match (count.parse::<u32>(), found) {
            (Ok(count), Some((unit, ..))) if count > 0 => Ok(Self { count, unit: *unit }),
            _ => Err(Error::user(
                "span",
                format!(
                    "\"{text}\" is not a span of time: write a number and a unit, such as \"14 days\" or \"2 hours\""
                ),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_and_write() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(
                text.parse::<Span>().ok().map(|span| span.to_string()).as_deref(),
                expected,
                "{text}"
            );
        };
        check("14 days", Some("14 days"));
        check("1 day", Some("1 day"));
        check("1d", Some("1 day"));
        check(" 90 Seconds", Some("90 seconds"));
        check("6mo", Some("6 months"));
        check("0 days", None);
        check("days", None);
        check("5 fortnights", None);
        check("-3 days", None);
        check("99999999999 days", None);
    }
}
