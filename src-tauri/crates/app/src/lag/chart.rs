//! The history of lag as a picture: what the store has, and after it what was sampled since.

use std::collections::BTreeMap;

use tailrace_model::{Result, api::LagMetric};

use crate::{
    core::now_ms,
    open::OpenWorkspace,
    reports::{ChartSpec, ColorRole, Mark, SERIES_MAX, Series, Unit},
    store::{LagRow, LagValues, YEAR_STEP_MS},
};

/// How far back a chart goes when nobody says.
const RANGE_MS: i64 = 3_600_000;
const RANGE_MS_MAX: i64 = crate::store::YEAR_MS;
/// No chart is narrower than this.
const RANGE_MS_MIN: i64 = 60_000;
/// Up to this range every ten seconds are drawn; beyond it every ten minutes, and every ten seconds of the last hour.
const FINE_RANGE_MS: i64 = 86_400_000;
const FINE_MS: i64 = 3_600_000;
/// Points of a line; more are thinned out evenly, the last one kept.
const POINTS_MAX: usize = 1_500;
/// A line is broken where nothing was sampled for longer than this.
const GAP_MS: i64 = 90_000;
/// Rates are taken over at least this, so that commits every few seconds make a line and no comb.
const RATE_MS_MIN: i64 = 10_000;
/// Rebalances that one chart marks.
const MARKS_MAX: u32 = 60;

/// What a chart shows.
#[derive(Debug, Clone, Copy)]
pub struct ChartOf<'a> {
    pub cluster: &'a str,
    /// Absent: every group, a line each.
    pub group: Option<&'a str>,
    pub metric: LagMetric,
    pub range_ms: Option<i64>,
    pub by_partition: bool,
}

type Values = Vec<(i64, LagValues)>;
type Points = Vec<(i64, Option<f64>)>;
/// From when to when.
type Spans = Vec<(i64, i64)>;

pub async fn chart_spec(open: &OpenWorkspace, of: ChartOf<'_>) -> Result<ChartSpec> {
    let now = now_ms();
    let range_ms = of.range_ms.unwrap_or(RANGE_MS).clamp(RANGE_MS_MIN, RANGE_MS_MAX);
    let since_ms = now - range_ms;
    let fine_ms = if range_ms > FINE_RANGE_MS {
        now - FINE_MS
    } else {
        since_ms
    };
    let store = &open.held()?.store;
    let history = store.lag_since(of.cluster, of.group, since_ms, fine_ms).await?;
    let lines = lines(open, of, history, since_ms).await?;
    let first = lines
        .values()
        .filter_map(|values| values.first())
        .map(|(at, _)| *at)
        .min();
    // What was just begun is not squeezed into the right edge.
    let from_ms = match of.range_ms {
        Some(_) => since_ms,
        None => first.unwrap_or(now).clamp(since_ms, now - RANGE_MS_MIN),
    };
    let marks = match of.group {
        Some(group) => store.lag_marks(of.cluster, group, from_ms, MARKS_MAX).await?,
        None => Vec::new(),
    };
    let marks = marks.into_iter().enumerate().map(|(index, mark)| Mark {
        at_ms: mark.at_ms,
        // Only the last one is named: the others are told apart by their places.
        label: if index == 0 {
            "rebalance".to_owned()
        } else {
            String::new()
        },
        role: ColorRole::Mute,
    });
    let series = series(of, lines);
    let guessed = series.iter().any(|one| !one.guessed.is_empty());
    Ok(ChartSpec {
        title: Some(title(of, guessed)),
        series,
        unit: match of.metric {
            LagMetric::Records => Unit::Count,
            LagMetric::Time => Unit::DurationMs,
            LagMetric::Rates => Unit::PerSecond,
        },
        from_ms,
        to_ms: now,
        utc_offset_ms: open.utc_offset_ms(now),
        marks: marks.collect(),
        empty: "no samples yet".to_owned(),
    })
}

fn title(of: ChartOf<'_>, guessed: bool) -> String {
    let what = match of.metric {
        LagMetric::Records => "Lag, records",
        LagMetric::Time if guessed => "Lag in time (dashed: guessed)",
        LagMetric::Time => "Lag in time",
        LagMetric::Rates if of.group.is_some() && !of.by_partition => {
            "Arriving and committed, records a second"
        }
        LagMetric::Rates => "Committed, records a second",
    };
    match of.by_partition && of.group.is_some() {
        true => format!("{what}, by partition"),
        false => what.to_owned(),
    }
}

/// The values of each line, by its name, oldest first.
async fn lines(
    open: &OpenWorkspace,
    of: ChartOf<'_>,
    history: BTreeMap<String, Vec<LagRow>>,
    since_ms: i64,
) -> Result<BTreeMap<String, Values>> {
    let by_partition = of.by_partition && of.group.is_some();
    let mut lines: BTreeMap<String, Values> = BTreeMap::new();
    for (group, rows) in history {
        for row in rows {
            if by_partition {
                for ((topic, partition), values) in row.partitions {
                    let line = lines.entry(format!("{topic}/{partition}")).or_default();
                    line.push((row.at_ms, values));
                }
            } else {
                lines
                    .entry(group.clone())
                    .or_default()
                    .push((row.at_ms, row.total));
            }
        }
    }
    let cluster = open.cluster(of.cluster).await?;
    let state = cluster.lag();
    for watched in state.groups() {
        if of.group.is_some_and(|group| group != watched.sample.group) {
            continue;
        }
        if by_partition {
            for (topic, partition, points) in watched.window.all() {
                let recent = points.iter().map(|point| {
                    (
                        point.at_ms,
                        LagValues {
                            lag: point.lag,
                            lag_ms: point.lag_ms,
                            guessed: point.guessed,
                            committed: point.committed,
                            end: point.end,
                        },
                    )
                });
                extend(
                    lines.entry(format!("{topic}/{partition}")).or_default(),
                    recent,
                    since_ms,
                );
            }
        } else {
            let recent = watched.totals.iter().copied();
            extend(
                lines.entry(watched.sample.group.clone()).or_default(),
                recent,
                since_ms,
            );
        }
    }
    lines.retain(|_, values| !values.is_empty());
    Ok(lines)
}

/// What was sampled since takes the place of what the store has of the same time.
fn extend(line: &mut Values, recent: impl Iterator<Item = (i64, LagValues)>, since_ms: i64) {
    let recent: Values = recent.filter(|(at, _)| *at >= since_ms).collect();
    if let Some((first, _)) = recent.first() {
        line.retain(|(at, _)| at < first);
    }
    line.extend(recent);
}

fn series(of: ChartOf<'_>, lines: BTreeMap<String, Values>) -> Vec<Series> {
    let single = lines.len() == 1 && of.group.is_some() && !of.by_partition;
    if single && of.metric == LagMetric::Rates {
        let values = lines.into_values().next().unwrap_or_default();
        let line = |name: &str, role, of: fn(&LagValues) -> Option<i64>| Series {
            name: name.to_owned(),
            role,
            points: thin(rates(&values, of)),
            filled: false,
            guessed: Vec::new(),
        };
        return vec![
            line("arriving", ColorRole::Info, |it| it.end),
            line("committed", ColorRole::Accent, |it| it.committed),
        ];
    }
    let mut all: Vec<(String, Points, Spans)> = lines
        .into_iter()
        .map(|(name, values)| (name, points(of.metric, &values), guessed(of.metric, &values)))
        .collect();
    if all.len() > SERIES_MAX {
        // The chart names how many it leaves out; those that are worst are drawn.
        let last = |points: &Points| points.iter().rev().find_map(|(_, value)| *value).unwrap_or(-1.0);
        all.sort_by(|left, right| last(&right.1).total_cmp(&last(&left.1)));
    }
    let alone = all.len() == 1;
    all.into_iter()
        .enumerate()
        .map(|(index, (name, points, guessed))| Series {
            name,
            role: match (alone, of.metric) {
                (true, LagMetric::Records) => ColorRole::Accent,
                (true, LagMetric::Time) => ColorRole::Warn,
                _ => ColorRole::nth(index),
            },
            points: thin(points),
            filled: alone,
            guessed,
        })
        .collect()
}

fn points(metric: LagMetric, values: &Values) -> Points {
    match metric {
        LagMetric::Records => broken(values.iter().map(|(at, it)| (*at, it.lag))),
        LagMetric::Time => broken(values.iter().map(|(at, it)| (*at, it.lag_ms))),
        LagMetric::Rates => rates(values, |it| it.committed),
    }
}

/// When the lag in time was guessed from samples.
fn guessed(metric: LagMetric, values: &Values) -> Spans {
    if metric != LagMetric::Time {
        return Vec::new();
    }
    let runs = values.chunk_by(|(_, before), (_, after)| before.guessed == after.guessed);
    runs.filter(|run| run[0].1.guessed)
        .filter_map(|run| Some((run.first()?.0, run.last()?.0)))
        .collect()
}

/// Nothing is drawn over a time that was not sampled.
fn broken(values: impl Iterator<Item = (i64, Option<i64>)>) -> Points {
    let mut points = Points::new();
    for (at, value) in values {
        if let Some((before, _)) = points.last()
            && at - before > gap_ms(at - before)
        {
            points.push((before + 1, None));
        }
        points.push((at, value.map(|value| value as f64)));
    }
    points
}

/// Points of ten minutes are no gap.
fn gap_ms(step_ms: i64) -> i64 {
    let coarse = step_ms > GAP_MS && (YEAR_STEP_MS / 2..YEAR_STEP_MS * 5 / 2).contains(&step_ms);
    if coarse { YEAR_STEP_MS * 5 / 2 } else { GAP_MS }
}

/// How fast a number grew from point to point; where it went back, or was not known, nothing.
fn rates(values: &Values, of: fn(&LagValues) -> Option<i64>) -> Points {
    let mut points = Points::new();
    let mut before: Option<(i64, i64)> = None;
    for (at, value) in values {
        let Some(value) = of(value) else {
            before = None;
            points.push((*at, None));
            continue;
        };
        match before {
            Some((was_at, _)) if at - was_at < RATE_MS_MIN => continue,
            Some((was_at, was)) => {
                let known = value >= was && at - was_at <= gap_ms(at - was_at);
                let rate = (value - was) as f64 * 1_000.0 / (at - was_at) as f64;
                points.push((*at, known.then_some(rate)));
            }
            None => {}
        }
        before = Some((*at, value));
    }
    points
}

/// Of neighbours the highest stays, so that no peak is lost.
fn thin(points: Points) -> Points {
    let step = points.len().div_ceil(POINTS_MAX).max(1);
    if step == 1 {
        return points;
    }
    points
        .chunks(step)
        .filter_map(|some| {
            let known = some.iter().filter(|(_, value)| value.is_some());
            known
                .max_by(|left, right| left.1.unwrap_or(0.0).total_cmp(&right.1.unwrap_or(0.0)))
                .or(some.last())
                .copied()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_without_samples_breaks_the_line() {
        let check = |values: &[(i64, Option<i64>)], breaks: usize| {
            let points = broken(values.iter().copied());
            let found = points.iter().filter(|(_, value)| value.is_none()).count();
            assert_eq!(found, breaks, "{values:?}");
        };
        check(&[(0, Some(1)), (10_000, Some(2))], 0);
        check(&[(0, Some(1)), (200_000, Some(2))], 1);
        check(&[(0, Some(1)), (10_000, None), (20_000, Some(2))], 1);
        // Every ten minutes, and a night without.
        check(
            &[(0, Some(1)), (YEAR_STEP_MS, Some(2)), (YEAR_STEP_MS * 2, Some(2))],
            0,
        );
        check(&[(0, Some(1)), (YEAR_STEP_MS * 50, Some(2))], 1);
    }

    #[test]
    fn what_was_guessed_is_marked() {
        let value = |guessed| LagValues {
            lag_ms: Some(1),
            guessed,
            ..LagValues::default()
        };
        let values: Values = [false, true, true, false, true]
            .into_iter()
            .zip(0..)
            .map(|(guessed, at)| (at * 10, value(guessed)))
            .collect();
        assert_eq!(guessed(LagMetric::Time, &values), [(10, 20), (40, 40)]);
        assert!(guessed(LagMetric::Records, &values).is_empty());
    }

    #[test]
    fn rates_are_differences() {
        let values: Values = [
            (0, Some(0)),
            (5_000, Some(40)),
            (10_000, Some(100)),
            (20_000, Some(50)),
            (30_000, None),
            (40_000, Some(60)),
            (50_000, Some(160)),
        ]
        .map(|(at, committed)| {
            (
                at,
                LagValues {
                    committed,
                    ..LagValues::default()
                },
            )
        })
        .to_vec();
        let found = rates(&values, |it| it.committed);
        assert_eq!(
            found,
            [
                (10_000, Some(10.0)),
                (20_000, None),
                (30_000, None),
                (50_000, Some(10.0))
            ]
        );
    }

    #[test]
    fn thinning_keeps_the_peak() {
        let points: Points = (0..10_000)
            .map(|at| (at, Some(if at == 5_555 { 9.0 } else { 1.0 })))
            .collect();
        let thinned = thin(points);
        assert!(thinned.len() <= POINTS_MAX);
        assert!(thinned.contains(&(5_555, Some(9.0))));
    }
}
