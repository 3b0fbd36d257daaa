//! Lag over time: what the samples of a consumer group say of it.
//!
//! Pure functions over samples; nothing here asks a cluster. The rules follow Burrow's: a group is judged by its worst
//! partition, and a partition by how its commits and its lag moved within the window. What is unknown counts in no sum
//! and makes no judgement.

use std::collections::BTreeMap;

use tailrace_model::api::LagStatus;

/// Samples older than this say nothing of now.
pub const LAG_WINDOW_MS: i64 = 60_000;
/// Samples that a judgement needs.
pub const LAG_SAMPLES_MIN: usize = 3;
/// The least time that those samples have to span: commits come every few seconds.
pub const LAG_SPAN_MS_MIN: i64 = 10_000;

/// A group at one time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LagSample {
    pub at_ms: i64,
    /// Consumers that are in the group.
    pub members: u32,
    pub partitions: Vec<PartitionSample>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionSample {
    pub topic: String,
    pub partition: i32,
    /// `None`: no commit yet.
    pub committed: Option<i64>,
    /// The high watermark; `None`: it could not be read.
    pub end: Option<i64>,
    /// Time lag; `None`: unknown.
    pub lag_ms: Option<i64>,
}

impl PartitionSample {
    /// Records between the commit and the end.
    pub fn lag(&self) -> Option<i64> {
        Some((self.end? - self.committed?).max(0))
    }
}

/// What the samples come to.
#[derive(Debug, Clone, PartialEq)]
pub struct LagEvaluation {
    pub status: LagStatus,
    /// Why, as a sentence.
    pub reason: String,
    /// Over the partitions that have one, in the newest sample; `None`: none has.
    pub lag: Option<i64>,
    /// The largest of the partitions.
    pub lag_ms: Option<i64>,
    pub partitions_unknown: u32,
    pub in_per_second: Option<f64>,
    pub out_per_second: Option<f64>,
    /// Time until the lag is 0 at these rates; `None`: never, or unknown.
    pub drained_in_ms: Option<i64>,
}

/// Judges a group by its samples, oldest first. Samples older than the window before the newest one are left out.
pub fn evaluate(samples: &[LagSample]) -> LagEvaluation {
    let Some(newest) = samples.last() else {
        return LagEvaluation {
            status: LagStatus::Unknown,
            reason: "it was not sampled yet".to_owned(),
            lag: None,
            lag_ms: None,
            partitions_unknown: 0,
            in_per_second: None,
            out_per_second: None,
            drained_in_ms: None,
        };
    };
    let from = samples.partition_point(|sample| sample.at_ms < newest.at_ms - LAG_WINDOW_MS);
    let window = &samples[from..];
    let lags: Vec<i64> = newest
        .partitions
        .iter()
        .filter_map(PartitionSample::lag)
        .collect();
    let lag = (!lags.is_empty()).then(|| lags.iter().sum::<i64>());
    let in_per_second = rate(window, |partition| partition.end);
    let out_per_second = rate(window, |partition| partition.committed);
    let (status, reason) = judge(window, newest);
    LagEvaluation {
        status,
        reason,
        lag,
        lag_ms: newest
            .partitions
            .iter()
            .filter_map(|partition| partition.lag_ms)
            .max(),
        partitions_unknown: u32::try_from(newest.partitions.len() - lags.len()).unwrap_or(u32::MAX),
        in_per_second,
        out_per_second,
        drained_in_ms: drained_in_ms(lag, in_per_second, out_per_second),
    }
}

/// Time, committed, lag.
type Points = Vec<(i64, i64, i64)>;

/// One partition's commits and lag through the window.
struct Series<'a> {
    topic: &'a str,
    partition: i32,
    /// Only where both are known.
    points: Points,
}

fn series<'a>(window: &'a [LagSample], newest: &'a LagSample) -> Vec<Series<'a>> {
    let mut by_partition: BTreeMap<(&str, i32), Points> = BTreeMap::new();
    for sample in window {
        for partition in &sample.partitions {
            if let (Some(committed), Some(lag)) = (partition.committed, partition.lag()) {
                let key = (partition.topic.as_str(), partition.partition);
                by_partition
                    .entry(key)
                    .or_default()
                    .push((sample.at_ms, committed, lag));
            }
        }
    }
    // What is no longer assigned or known now is judged no more.
    let is_there = |topic: &str, number: i32| {
        newest
            .partitions
            .iter()
            .any(|now| now.topic == topic && now.partition == number && now.lag().is_some())
    };
    by_partition
        .into_iter()
        .filter(|((topic, partition), _)| is_there(topic, *partition))
        .map(|((topic, partition), points)| Series {
            topic,
            partition,
            points,
        })
        .collect()
}

fn judge(window: &[LagSample], newest: &LagSample) -> (LagStatus, String) {
    let all = series(window, newest);
    if all.is_empty() {
        let why = if newest
            .partitions
            .iter()
            .all(|partition| partition.committed.is_none())
        {
            "it has committed nothing yet"
        } else {
            "the ends of its partitions are not known"
        };
        return (LagStatus::Unknown, why.to_owned());
    }
    let lag: i64 = all
        .iter()
        .filter_map(|one| one.points.last())
        .map(|point| point.2)
        .sum();
    if lag == 0 {
        return (LagStatus::Ok, "it has read everything".to_owned());
    }
    let mut stuck: Vec<(&Series, i64)> = Vec::new();
    let mut growing: Vec<&Series> = Vec::new();
    let mut judged = 0;
    for one in &all {
        match state(&one.points) {
            State::TooFew => {}
            State::Fine => judged += 1,
            State::Stuck(since_ms) => {
                judged += 1;
                stuck.push((one, since_ms));
            }
            State::Growing => {
                judged += 1;
                growing.push(one);
            }
        }
    }
    if let Some((_, since_ms)) = stuck.iter().max_by_key(|(_, since_ms)| *since_ms) {
        let places = places(stuck.iter().map(|(one, _)| *one), all.len());
        let seconds = since_ms / 1_000;
        let waiting: i64 = stuck
            .iter()
            .filter_map(|(one, _)| one.points.last())
            .map(|point| point.2)
            .sum();
        return if newest.members == 0 {
            (
                LagStatus::Stop,
                format!(
                    "nobody is in the group, and {} wait{} in {places}",
                    records(waiting),
                    s(waiting)
                ),
            )
        } else {
            let reason = format!(
                "no commit for {seconds} s in {places}, where {} wait{}",
                records(waiting),
                s(waiting)
            );
            (LagStatus::Stall, reason)
        };
    }
    if !growing.is_empty() {
        let grew: i64 = growing.iter().map(|one| growth(&one.points)).sum();
        let places = places(growing.iter().copied(), all.len());
        let reason = format!(
            "it commits, but is behind by {} more than {} s ago in {places}",
            records(grew),
            span_ms(window) / 1_000
        );
        return (LagStatus::Warn, reason);
    }
    if judged == 0 {
        return (
            LagStatus::Unknown,
            "there are too few samples yet to judge its lag".to_owned(),
        );
    }
    let grew: i64 = all.iter().map(|one| growth(&one.points)).sum();
    let reason = match grew * 2 > lag {
        false => format!("it is behind by {} and keeps up", records(lag)),
        true => format!(
            "it is behind by {}, {grew} more than {} s ago",
            records(lag),
            span_ms(window) / 1_000
        ),
    };
    (LagStatus::Ok, reason)
}

fn records(count: i64) -> String {
    if count == 1 {
        "1 record".to_owned()
    } else {
        format!("{count} records")
    }
}

fn s(count: i64) -> &'static str {
    if count == 1 { "s" } else { "" }
}

enum State {
    TooFew,
    Fine,
    /// No commit for this long, with lag all the time.
    Stuck(i64),
    /// Commits move, and the lag never fell.
    Growing,
}

fn state(points: &[(i64, i64, i64)]) -> State {
    let (Some(first), Some(last)) = (points.first(), points.last()) else {
        return State::TooFew;
    };
    if last.2 == 0 {
        return State::Fine;
    }
    if points.len() < LAG_SAMPLES_MIN || last.0 - first.0 < LAG_SPAN_MS_MIN {
        return State::TooFew;
    }
    // Since when the commit is what it is, and there was something to read.
    let still = points
        .iter()
        .rev()
        .take_while(|point| point.1 == last.1 && point.2 > 0)
        .last();
    let still_ms = still.map_or(0, |point| last.0 - point.0);
    // A consumer that is slow between two commits is no stall: all of the window, or as long as one is judged by at least.
    if still_ms >= (last.0 - first.0).min(LAG_WINDOW_MS / 2) {
        return State::Stuck(still_ms);
    }
    let never_zero = points.iter().all(|point| point.2 > 0);
    let never_fell = points.windows(2).all(|pair| pair[1].2 >= pair[0].2);
    if never_zero && never_fell && last.2 > first.2 {
        State::Growing
    } else {
        State::Fine
    }
}

fn growth(points: &[(i64, i64, i64)]) -> i64 {
    match (points.first(), points.last()) {
        (Some(first), Some(last)) => last.2 - first.2,
        _ => 0,
    }
}

fn span_ms(window: &[LagSample]) -> i64 {
    match (window.first(), window.last()) {
        (Some(first), Some(last)) => last.at_ms - first.at_ms,
        _ => 0,
    }
}

/// `orders/3`, `orders/0, orders/1 and 4 more`, `all 6 partitions`.
fn places<'a>(series: impl Iterator<Item = &'a Series<'a>>, of: usize) -> String {
    const NAMED_MAX: usize = 3;
    let names: Vec<String> = series
        .map(|one| format!("{}/{}", one.topic, one.partition))
        .collect();
    match names.as_slice() {
        all if all.len() == of && of > NAMED_MAX => format!("all {of} partitions"),
        [most @ .., last] if names.len() <= NAMED_MAX && !most.is_empty() => {
            format!("{} and {last}", most.join(", "))
        }
        [only] => only.clone(),
        names => format!(
            "{} and {} more",
            names[..2.min(names.len())].join(", "),
            names.len().saturating_sub(2)
        ),
    }
}

/// How fast a number of the partitions grew, summed; only over partitions that both ends of the window know. An end that
/// went back (a topic made anew, offsets reset) gives no rate.
fn rate(window: &[LagSample], of: impl Fn(&PartitionSample) -> Option<i64>) -> Option<f64> {
    let (first, last) = (window.first()?, window.last()?);
    let span_ms = last.at_ms - first.at_ms;
    if span_ms <= 0 {
        return None;
    }
    let mut before: BTreeMap<(&str, i32), i64> = BTreeMap::new();
    for partition in &first.partitions {
        before.extend(of(partition).map(|value| ((partition.topic.as_str(), partition.partition), value)));
    }
    let mut total = 0;
    let mut known = false;
    for partition in &last.partitions {
        let was = before.get(&(partition.topic.as_str(), partition.partition));
        if let (Some(now), Some(was)) = (of(partition), was) {
            if now < *was {
                return None;
            }
            total += now - was;
            known = true;
        }
    }
    known.then(|| total as f64 * 1_000.0 / span_ms as f64)
}

fn drained_in_ms(lag: Option<i64>, in_per_second: Option<f64>, out_per_second: Option<f64>) -> Option<i64> {
    let lag = lag?;
    if lag == 0 {
        return Some(0);
    }
    let gain = out_per_second? - in_per_second?;
    if gain <= 0.0 {
        return None;
    }
    let ms = lag as f64 / gain * 1_000.0;
    // Longer than a century is never.
    (ms < 3.2e12).then_some(ms.ceil() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Samples every five seconds of one topic; a row a sample, `(committed, end)` a partition.
    fn samples(members: u32, rows: &[&[(Option<i64>, i64)]]) -> Vec<LagSample> {
        let sample = |(at, row): (usize, &&[(Option<i64>, i64)])| LagSample {
            at_ms: at as i64 * 5_000,
            members,
            partitions: row
                .iter()
                .enumerate()
                .map(|(partition, (committed, end))| PartitionSample {
                    topic: "orders".to_owned(),
                    partition: partition as i32,
                    committed: *committed,
                    end: Some(*end),
                    lag_ms: None,
                })
                .collect(),
        };
        rows.iter().enumerate().map(sample).collect()
    }

    fn check(members: u32, rows: &[&[(Option<i64>, i64)]], status: LagStatus, reason: &str) -> LagEvaluation {
        let found = evaluate(&samples(members, rows));
        assert_eq!((found.status, found.reason.as_str()), (status, reason));
        found
    }

    #[test]
    fn groups_are_judged_by_their_worst_partition() {
        check(1, &[&[(Some(5), 5)]], LagStatus::Ok, "it has read everything");
        check(
            1,
            &[&[(None, 5)]],
            LagStatus::Unknown,
            "it has committed nothing yet",
        );
        check(
            1,
            &[&[(Some(1), 5)], &[(Some(1), 6)]],
            LagStatus::Unknown,
            "there are too few samples yet to judge its lag",
        );
        check(
            1,
            &[&[(Some(0), 10)], &[(Some(5), 12)], &[(Some(11), 14)]],
            LagStatus::Ok,
            "it is behind by 3 records and keeps up",
        );
        check(
            2,
            &[
                &[(Some(0), 10), (Some(3), 4)],
                &[(Some(5), 12), (Some(3), 6)],
                &[(Some(11), 14), (Some(3), 9)],
            ],
            LagStatus::Stall,
            "no commit for 10 s in orders/1, where 6 records wait",
        );
        check(
            0,
            &[&[(Some(3), 4)], &[(Some(3), 4)], &[(Some(3), 4)]],
            LagStatus::Stop,
            "nobody is in the group, and 1 record waits in orders/0",
        );
        check(
            1,
            &[&[(Some(1), 10)], &[(Some(2), 20)], &[(Some(3), 40)]],
            LagStatus::Warn,
            "it commits, but is behind by 28 records more than 10 s ago in orders/0",
        );
        check(
            1,
            &[
                &[(Some(1), 10)],
                &[(Some(2), 20)],
                &[(Some(20), 21)],
                &[(Some(21), 40)],
            ],
            LagStatus::Ok,
            "it is behind by 19 records, 10 more than 15 s ago",
        );
    }

    #[test]
    fn a_commit_that_rests_between_two_is_no_stall() {
        let rows: Vec<Vec<(Option<i64>, i64)>> = (0..12)
            .map(|at| vec![(Some(if at < 9 { at * 10 } else { 80 }), 200)])
            .collect();
        let rows: Vec<&[(Option<i64>, i64)]> = rows.iter().map(Vec::as_slice).collect();
        assert_eq!(evaluate(&samples(1, &rows)).status, LagStatus::Ok);
    }

    #[test]
    fn rates_and_the_time_to_drain() {
        let found = check(
            1,
            &[&[(Some(0), 100)], &[(Some(30), 105)], &[(Some(60), 110)]],
            LagStatus::Ok,
            "it is behind by 50 records and keeps up",
        );
        assert_eq!(
            (found.in_per_second, found.out_per_second),
            (Some(1.0), Some(6.0))
        );
        assert_eq!((found.lag, found.drained_in_ms), (Some(50), Some(10_000)));
        let found = evaluate(&samples(1, &[&[(Some(50), 100)], &[(Some(0), 105)]]));
        assert_eq!(found.out_per_second, None, "offsets that were reset give no rate");
        let found = evaluate(&samples(1, &[&[(Some(0), 100)], &[(Some(1), 105)]]));
        assert_eq!(found.drained_in_ms, None, "it never drains");
    }

    #[test]
    fn unknown_partitions_count_in_no_sum() {
        let found = evaluate(&samples(1, &[&[(Some(5), 9), (None, 70)]]));
        assert_eq!((found.lag, found.partitions_unknown), (Some(4), 1));
        assert_eq!(evaluate(&[]).status, LagStatus::Unknown);
    }

    #[test]
    fn old_samples_are_left_out() {
        let mut all = samples(1, &[&[(Some(0), 10)]]);
        for (at, committed) in [(100_000, 50), (105_000, 55), (110_000, 60)] {
            let mut next = all[0].clone();
            next.at_ms = at;
            next.partitions[0].committed = Some(committed);
            next.partitions[0].end = Some(60);
            all.push(next);
        }
        assert_eq!(evaluate(&all).out_per_second, Some(1.0));
    }
}
