//! What the terminal prints: aligned tables for people, JSON for programs.

use std::io::{self, IsTerminal, Write};

use chrono::{DateTime, SecondsFormat};
use serde::Serialize;
use serde_json::Value;

/// Where results go. A reader that has gone away (`| head`) ends the output, not with an error.
pub struct Output {
    pub json: bool,
}

impl Output {
    /// Whether a person watches.
    pub fn is_terminal(&self) -> bool {
        io::stdout().is_terminal()
    }

    /// One object, as JSON.
    pub fn object<T: Serialize>(&self, value: &T) -> anyhow::Result<()> {
        let mut value = serde_json::to_value(value)?;
        readable_times(&mut value);
        self.line(&serde_json::to_string(&value)?)
    }

    /// A listing: one object a line, or a table.
    pub fn list<T: Serialize>(
        &self,
        items: &[T],
        header: &[&str],
        row: impl Fn(&T) -> Vec<String>,
    ) -> anyhow::Result<()> {
        if self.json {
            return items.iter().try_for_each(|item| self.object(item));
        }
        let rows: Vec<Vec<String>> = items.iter().map(row).collect();
        self.table(header, &rows)
    }

    /// A table; columns of numbers are right-aligned.
    pub fn table(&self, header: &[&str], rows: &[Vec<String>]) -> anyhow::Result<()> {
        let width = |column: usize| {
            let cells = rows
                .iter()
                .filter_map(|row| row.get(column))
                .map(|cell| cell.chars().count());
            cells.chain([header[column].chars().count()]).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..header.len()).map(width).collect();
        let numeric: Vec<bool> = (0..header.len()).map(|column| is_numeric(rows, column)).collect();
        let line = |cells: &[String]| {
            let padded = cells.iter().enumerate().map(|(column, cell)| {
                let pad = " ".repeat(
                    widths
                        .get(column)
                        .copied()
                        .unwrap_or(0)
                        .saturating_sub(cell.chars().count()),
                );
                if numeric.get(column) == Some(&true) {
                    format!("{pad}{cell}")
                } else {
                    format!("{cell}{pad}")
                }
            });
            padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        };
        self.line(&line(
            &header.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>(),
        ))?;
        rows.iter().try_for_each(|row| self.line(&line(row)))
    }

    pub fn line(&self, text: &str) -> anyhow::Result<()> {
        let mut out = io::stdout().lock();
        match writeln!(out, "{text}") {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
            done => Ok(done?),
        }
    }

    /// Something for the person beside the result: it goes to standard error.
    pub fn note(&self, text: &str) {
        // Nobody to tell: nothing to do.
        let _ = writeln!(io::stderr().lock(), "{text}");
    }
}

fn is_numeric(rows: &[Vec<String>], column: usize) -> bool {
    let mut cells = rows
        .iter()
        .filter_map(|row| row.get(column))
        .filter(|cell| *cell != "-")
        .peekable();
    cells.peek().is_some()
        && cells.all(|cell| {
            cell.chars()
                .all(|c| c.is_ascii_digit() || ",.-+% smhdkMGTPB".contains(c))
                && cell.starts_with(|c: char| c.is_ascii_digit() || c == '-' || c == '+')
        })
}

/// Fields that end in `_ms` and are moments become RFC 3339 with milliseconds, under a name without the ending.
/// Durations (`took_ms`, `lag_ms`, `drained_in_ms`) stay numbers of milliseconds.
fn readable_times(value: &mut Value) {
    const DURATIONS: [&str; 4] = ["took_ms", "lag_ms", "drained_in_ms", "retention_ms"];
    match value {
        Value::Array(items) => items.iter_mut().for_each(readable_times),
        Value::Object(fields) => {
            let taken = std::mem::take(fields);
            for (name, mut field) in taken {
                readable_times(&mut field);
                match (name.strip_suffix("_ms"), field.as_i64()) {
                    (Some(short), Some(ms)) if !DURATIONS.contains(&name.as_str()) => {
                        fields.insert(at(short), Value::String(time(ms)));
                    }
                    (Some(short), None) if field.is_null() && !DURATIONS.contains(&name.as_str()) => {
                        fields.insert(at(short), Value::Null);
                    }
                    _ => {
                        fields.insert(name, field);
                    }
                }
            }
        }
        _ => {}
    }
}

/// `seen` becomes `seen_at`, `timestamp` and `at` stay.
fn at(short: &str) -> String {
    if matches!(short, "at" | "timestamp") {
        short.to_owned()
    } else {
        format!("{short}_at")
    }
}

/// RFC 3339 with milliseconds, in UTC.
pub fn time(ms: i64) -> String {
    DateTime::from_timestamp_millis(ms).map_or_else(
        || ms.to_string(),
        |time| time.to_rfc3339_opts(SecondsFormat::Millis, true),
    )
}

/// `1,234,567`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A number that may be unknown: `-`.
pub fn maybe(number: Option<i64>) -> String {
    number.map_or_else(
        || "-".to_owned(),
        |number| {
            let sign = if number < 0 { "-" } else { "" };
            format!("{sign}{}", count(number.unsigned_abs()))
        },
    )
}

/// `512 B`, `1.5 kB`, `20 MB`; unknown: `-`.
pub fn bytes(bytes: Option<i64>) -> String {
    const UNITS: [&str; 6] = ["B", "kB", "MB", "GB", "TB", "PB"];
    let Some(bytes) = bytes else {
        return "-".to_owned();
    };
    let (mut value, mut unit) = (bytes as f64, 0);
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1_000.0;
        unit += 1;
    }
    match unit > 0 && value < 9.95 {
        true => format!("{value:.1} {}", UNITS[unit]),
        false => format!("{value:.0} {}", UNITS[unit]),
    }
}

/// A rate that may be unknown.
pub fn rate(rate: Option<f64>) -> String {
    rate.map_or_else(|| "-".to_owned(), |rate| count(rate.round().max(0.0) as u64))
}

/// `0.2 s`, `47 m 12 s`, `3 h 05 m`, `12 d 3 h`; unknown: `-`.
pub fn duration(ms: Option<i64>) -> String {
    let Some(ms) = ms else { return "-".to_owned() };
    let seconds = ms / 1_000;
    match seconds {
        ..10 => format!("{}.{} s", seconds, (ms % 1_000) / 100),
        10..60 => format!("{seconds} s"),
        60..3_600 => format!("{} m {:02} s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{} h {:02} m", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3_600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(count(0), "0");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(maybe(Some(-1_200)), "-1,200");
        assert_eq!(maybe(None), "-");
        assert_eq!(duration(Some(210)), "0.2 s");
        assert_eq!(duration(Some(2_832_000)), "47 m 12 s");
        assert_eq!(duration(Some(11_100_000)), "3 h 05 m");
        assert_eq!(duration(None), "-");
        assert_eq!(bytes(Some(0)), "0 B");
        assert_eq!(bytes(Some(999)), "999 B");
        assert_eq!(bytes(Some(1_540)), "1.5 kB");
        assert_eq!(bytes(Some(20_400_000)), "20 MB");
        assert_eq!(bytes(None), "-");
        assert_eq!(rate(Some(1_234.4)), "1,234");
    }

    #[test]
    fn moments_become_rfc_3339_and_durations_stay() {
        let mut value =
            serde_json::json!({"seen_ms": 0, "took_ms": 12, "ended_ms": null, "list": [{"at_ms": 1}]});
        readable_times(&mut value);
        assert_eq!(
            value,
            serde_json::json!({"seen_at": "1970-01-01T00:00:00.000Z", "took_ms": 12, "ended_at": null,
                "list": [{"at": "1970-01-01T00:00:00.001Z"}]})
        );
    }
}
