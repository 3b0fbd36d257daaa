//! Axes: where ticks stand and what they say.

use chrono::{DateTime, Timelike, Utc};

use super::Unit;

const SECOND_MS: i64 = 1_000;
const MINUTE_MS: i64 = 60 * SECOND_MS;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;

/// Spaces between hairlines of the value axis, about, and at most.
pub(super) const VALUE_STEPS_MAX: u32 = 4;

/// The value axis: from 0 to `top`, a tick every `step`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct ValueAxis {
    pub unit: Unit,
    pub step: f64,
    pub top: f64,
}

impl ValueAxis {
    /// An axis on which `largest` has its place, with about so many steps.
    pub fn new(unit: Unit, largest: f64, steps: u32) -> Self {
        let steps = f64::from(steps.clamp(1, VALUE_STEPS_MAX));
        let largest = if largest.is_finite() {
            largest.max(0.0)
        } else {
            0.0
        };
        // Of values that are all next to nothing, the axis shows that they are.
        let largest = largest.max(if unit == Unit::DurationMs {
            SECOND_MS as f64
        } else {
            1.0
        });
        let step = match unit {
            Unit::Count => decimal_step(largest / steps).max(1.0),
            Unit::PerSecond => decimal_step(largest / steps),
            Unit::DurationMs => duration_step(largest / steps),
        };
        let top = (largest / step).ceil() * step;
        Self { unit, step, top }
    }

    /// Values and labels from 0 to the top.
    pub fn ticks(&self) -> Vec<(f64, String)> {
        let count = (self.top / self.step).round() as u32;
        (0..=count)
            .map(|index| {
                let value = f64::from(index) * self.step;
                (
                    value,
                    if index == 0 {
                        "0".to_owned()
                    } else {
                        self.label(value)
                    },
                )
            })
            .collect()
    }

    fn label(&self, value: f64) -> String {
        match self.unit {
            Unit::Count => compact(value),
            Unit::PerSecond => format!("{}/s", compact(value)),
            // One unit for the whole axis: 15 m, 30 m, 45 m, 60 m.
            Unit::DurationMs => {
                let (unit_ms, name) = duration_unit(self.step, self.top);
                format!("{} {name}", decimal(value / unit_ms as f64))
            }
        }
    }
}

/// 1, 2, 2.5 or 5 times a power of ten, at least as large as asked.
fn decimal_step(least: f64) -> f64 {
    let power = 10_f64.powf(least.log10().floor());
    let times = least / power;
    let nice = [1.0, 2.0, 2.5, 5.0]
        .into_iter()
        .find(|nice| times <= *nice + 1e-9)
        .unwrap_or(10.0);
    // 2.5 of something that is counted one by one is no step.
    if nice == 2.5 && power == 1.0 {
        5.0
    } else {
        nice * power
    }
}

fn duration_step(least: f64) -> f64 {
    const STEPS: [i64; 24] = [
        100,
        200,
        250,
        500,
        SECOND_MS,
        2 * SECOND_MS,
        5 * SECOND_MS,
        10 * SECOND_MS,
        15 * SECOND_MS,
        30 * SECOND_MS,
        MINUTE_MS,
        2 * MINUTE_MS,
        5 * MINUTE_MS,
        10 * MINUTE_MS,
        15 * MINUTE_MS,
        30 * MINUTE_MS,
        HOUR_MS,
        2 * HOUR_MS,
        3 * HOUR_MS,
        6 * HOUR_MS,
        12 * HOUR_MS,
        DAY_MS,
        2 * DAY_MS,
        7 * DAY_MS,
    ];
    let nice = STEPS
        .into_iter()
        .map(|step| step as f64)
        .find(|step| least <= *step);
    nice.unwrap_or_else(|| decimal_step(least / DAY_MS as f64).max(10.0) * DAY_MS as f64)
}

fn duration_unit(step: f64, top: f64) -> (i64, &'static str) {
    let units = [(DAY_MS, "d"), (HOUR_MS, "h"), (MINUTE_MS, "m")];
    if let Some(unit) = units.into_iter().find(|(unit_ms, _)| step >= *unit_ms as f64) {
        return unit;
    }
    if top >= SECOND_MS as f64 {
        (SECOND_MS, "s")
    } else {
        (1, "ms")
    }
}

/// `950`, `2,500`, `15 k`, `2.2 M`, `3 G`.
fn compact(value: f64) -> String {
    for (least, unit, name) in [
        (1e12, 1e12, "T"),
        (1e9, 1e9, "G"),
        (1e6, 1e6, "M"),
        (1e4, 1e3, "k"),
    ] {
        // What would round up to the next unit is written in it.
        if value.abs() >= least * 0.999_95 {
            return format!("{} {name}", decimal(value / unit));
        }
    }
    let text = decimal(value);
    match text.len() {
        4 if !text.contains('.') => format!("{},{}", &text[..1], &text[1..]),
        _ => text.split_once('.').map_or(text.clone(), |(whole, _)| {
            if whole.len() > 2 {
                whole.to_owned()
            } else {
                text.clone()
            }
        }),
    }
}

/// At most two decimals on small numbers, one on others, and none that are 0.
fn decimal(value: f64) -> String {
    let text = if value.abs() < 1.0 {
        format!("{value:.2}")
    } else {
        format!("{value:.1}")
    };
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text.is_empty() || text == "-0" {
        "0".to_owned()
    } else {
        text.to_owned()
    }
}

/// A value as a person reads it: `2.2 M`, `47 m 12 s`, `5.2 k/s`.
pub fn format_value(unit: Unit, value: f64) -> String {
    if !value.is_finite() {
        return "unknown".to_owned();
    }
    match unit {
        Unit::Count => compact(value),
        Unit::PerSecond => format!("{}/s", compact(value)),
        Unit::DurationMs => duration(value),
    }
}

fn duration(value: f64) -> String {
    let ms = value.round().max(0.0) as i64;
    match ms {
        0 => "0 s".to_owned(),
        1..SECOND_MS => format!("{ms} ms"),
        SECOND_MS..10_000 => format!("{} s", decimal(value / SECOND_MS as f64)),
        10_000..MINUTE_MS => format!("{} s", ms / SECOND_MS),
        MINUTE_MS..HOUR_MS => format!("{} m {:02} s", ms / MINUTE_MS, ms % MINUTE_MS / SECOND_MS),
        HOUR_MS..DAY_MS => format!("{} h {:02} m", ms / HOUR_MS, ms % HOUR_MS / MINUTE_MS),
        _ => format!("{} d {} h", ms / DAY_MS, ms % DAY_MS / HOUR_MS),
    }
}

/// Ticks of the time axis, at round local times; at most `count_max`, but at least one where there is room for any.
pub(super) fn time_ticks(
    from_ms: i64,
    to_ms: i64,
    utc_offset_ms: i64,
    count_max: usize,
) -> Vec<(i64, String)> {
    const STEPS: [i64; 22] = [
        SECOND_MS,
        2 * SECOND_MS,
        5 * SECOND_MS,
        10 * SECOND_MS,
        15 * SECOND_MS,
        30 * SECOND_MS,
        MINUTE_MS,
        2 * MINUTE_MS,
        5 * MINUTE_MS,
        10 * MINUTE_MS,
        15 * MINUTE_MS,
        30 * MINUTE_MS,
        HOUR_MS,
        2 * HOUR_MS,
        3 * HOUR_MS,
        6 * HOUR_MS,
        12 * HOUR_MS,
        DAY_MS,
        2 * DAY_MS,
        7 * DAY_MS,
        14 * DAY_MS,
        28 * DAY_MS,
    ];
    let span = to_ms.saturating_sub(from_ms).max(1);
    let count_max = i64::try_from(count_max.max(1)).unwrap_or(1);
    let step = STEPS.into_iter().find(|step| span / step <= count_max);
    let step = step.unwrap_or_else(|| (span / count_max / DAY_MS + 1) * DAY_MS);
    let local_from = from_ms.saturating_add(utc_offset_ms);
    let first = local_from.div_euclid(step) * step;
    let first = if first < local_from { first + step } else { first };
    (0..=count_max)
        .map(|index| first + index * step)
        .take_while(|local| local - utc_offset_ms <= to_ms)
        .map(|local| (local - utc_offset_ms, time_label(local, step)))
        .collect()
}

fn time_label(local_ms: i64, step: i64) -> String {
    let Some(time) = DateTime::<Utc>::from_timestamp_millis(local_ms) else {
        return String::new();
    };
    let midnight = time.num_seconds_from_midnight() == 0;
    // A day's first tick says which day it is.
    let format = match step {
        DAY_MS.. => "%-d %b",
        MINUTE_MS.. if midnight => "%-d %b",
        MINUTE_MS.. => "%H:%M",
        _ => "%H:%M:%S",
    };
    time.format(format).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn value_axes_have_round_steps() {
        let check = |unit, largest: f64, expected: &[&str]| {
            let labels: Vec<String> = ValueAxis::new(unit, largest, VALUE_STEPS_MAX)
                .ticks()
                .into_iter()
                .map(|(_, label)| label)
                .collect();
            assert_eq!(labels, expected, "up to {largest}");
        };
        check(Unit::Count, 0.0, &["0", "1"]);
        check(Unit::Count, 3.0, &["0", "1", "2", "3"]);
        check(Unit::Count, 7.0, &["0", "2", "4", "6", "8"]);
        check(Unit::Count, 9.0, &["0", "5", "10"]);
        check(Unit::Count, 95.0, &["0", "25", "50", "75", "100"]);
        check(Unit::Count, 9_500.0, &["0", "2,500", "5,000", "7,500", "10 k"]);
        check(Unit::Count, 2_904_551.0, &["0", "1 M", "2 M", "3 M"]);
        check(Unit::Count, 850_000.0, &["0", "250 k", "500 k", "750 k", "1 M"]);
        check(Unit::PerSecond, 5_210.0, &["0", "2,000/s", "4,000/s", "6,000/s"]);
        check(Unit::PerSecond, 0.3, &["0", "0.25/s", "0.5/s", "0.75/s", "1/s"]);
        check(Unit::DurationMs, 0.0, &["0", "0.25 s", "0.5 s", "0.75 s", "1 s"]);
        check(Unit::DurationMs, 1_700.0, &["0", "0.5 s", "1 s", "1.5 s", "2 s"]);
        check(
            Unit::DurationMs,
            47.0 * 60_000.0,
            &["0", "15 m", "30 m", "45 m", "60 m"],
        );
        check(
            Unit::DurationMs,
            100.0 * 60_000.0,
            &["0", "30 m", "60 m", "90 m", "120 m"],
        );
        check(Unit::DurationMs, 50.0 * 3_600_000.0, &["0", "1 d", "2 d", "3 d"]);
        check(Unit::DurationMs, 3e10, &["0", "100 d", "200 d", "300 d", "400 d"]);
        check(Unit::Count, f64::NAN, &["0", "1"]);
        assert_eq!(ValueAxis::new(Unit::Count, 95.0, 2).ticks().len(), 3);
    }

    #[test]
    fn values_read_well() {
        let check = |unit, value: f64, expected: &str| assert_eq!(format_value(unit, value), expected);
        check(Unit::Count, 0.0, "0");
        check(Unit::Count, 412.0, "412");
        check(Unit::Count, 9_999.0, "9,999");
        check(Unit::Count, 18_004.0, "18 k");
        check(Unit::Count, 84_120.0, "84.1 k");
        check(Unit::Count, 999_999.0, "1 M");
        check(Unit::Count, 2_204_551.0, "2.2 M");
        check(Unit::PerSecond, 5_210.0, "5,210/s");
        check(Unit::DurationMs, 0.0, "0 s");
        check(Unit::DurationMs, 200.0, "200 ms");
        check(Unit::DurationMs, 9_100.0, "9.1 s");
        check(Unit::DurationMs, 38_000.0, "38 s");
        check(Unit::DurationMs, 123_000.0, "2 m 03 s");
        check(Unit::DurationMs, 2_832_000.0, "47 m 12 s");
        check(Unit::DurationMs, 3_900_000.0, "1 h 05 m");
        check(Unit::DurationMs, 273_600_000.0, "3 d 4 h");
        check(Unit::DurationMs, f64::INFINITY, "unknown");
    }

    #[test]
    fn times_are_round_in_local_time() {
        // 2026-03-01T13:58:30Z
        const FROM: i64 = 1_772_373_510_000;
        let check = |span_ms: i64, offset_ms: i64, count_max: usize, expected: &[&str]| {
            let ticks = time_ticks(FROM, FROM + span_ms, offset_ms, count_max);
            assert!(ticks.iter().all(|(at, _)| (FROM..=FROM + span_ms).contains(at)));
            let labels: Vec<String> = ticks.into_iter().map(|(_, label)| label).collect();
            assert_eq!(labels, expected);
        };
        check(
            HOUR_MS,
            0,
            7,
            &["14:00", "14:10", "14:20", "14:30", "14:40", "14:50"],
        );
        check(HOUR_MS, HOUR_MS / 2, 3, &["14:30", "15:00"]);
        check(
            10 * SECOND_MS,
            0,
            6,
            &[
                "13:58:30", "13:58:32", "13:58:34", "13:58:36", "13:58:38", "13:58:40",
            ],
        );
        check(DAY_MS, HOUR_MS, 5, &["18:00", "2 Mar", "06:00", "12:00"]);
        check(30 * DAY_MS, 0, 6, &["5 Mar", "12 Mar", "19 Mar", "26 Mar"]);
        check(0, 0, 6, &["13:58:30"]);
    }
}
