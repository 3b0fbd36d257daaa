//! The rules, applied.

use tailrace_model::api::{LagLevel, LagStatus};

use super::{
    GroupWindow, LAG_SPAN_MS_MIN, LagPoint, LagRules, Track,
    rates::{Rate, drained_in_ms, rate},
    words, worst,
};

/// What a group's samples come to.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupJudgement {
    pub status: LagStatus,
    pub level: LagLevel,
    /// Why, as a sentence.
    pub reason: String,
    /// Over the partitions that have one; `None`: none has.
    pub lag: Option<i64>,
    /// The largest of the partitions.
    pub lag_ms: Option<i64>,
    pub lost: Option<i64>,
    pub partitions_unknown: u32,
    /// The share of the window that the samples span.
    pub complete: f64,
    pub in_per_second: Option<f64>,
    pub out_per_second: Option<f64>,
    /// Time until the lag is 0 at these rates; `None`: never, or unknown.
    pub drained_in_ms: Option<i64>,
    /// The largest lag of a partition over the mean.
    pub skew: Option<f64>,
    /// The index of the partition that is furthest behind, in `partitions`.
    pub slowest: Option<usize>,
    /// By topic and partition.
    pub partitions: Vec<PartitionJudgement>,
}

/// What a partition's samples come to.
#[derive(Debug, Clone, PartialEq)]
pub struct PartitionJudgement {
    pub topic: String,
    pub partition: i32,
    pub status: LagStatus,
    pub reason: String,
    pub lag: Option<i64>,
    pub lag_ms: Option<i64>,
    pub lost: Option<i64>,
    /// An open transaction ends what readers of committed records may read, and the commit is there.
    pub held_back: bool,
    pub in_per_second: Option<f64>,
    pub out_per_second: Option<f64>,
    pub drained_in_ms: Option<i64>,
    pub(super) finding: Finding,
}

/// Which rule it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Finding {
    NoCommit,
    NoEnd,
    TooFew,
    ReadAll,
    HadNone,
    KeepsUp { grew: i64 },
    Growing { grew: i64, span_ms: i64 },
    Stuck { since_ms: i64, held: bool },
    Rewound { from: i64, to: i64, ago_ms: i64 },
}

impl Finding {
    fn status(&self) -> LagStatus {
        match self {
            Self::NoCommit | Self::NoEnd | Self::TooFew => LagStatus::Unknown,
            Self::ReadAll | Self::HadNone | Self::KeepsUp { .. } => LagStatus::Ok,
            Self::Growing { .. } => LagStatus::Warn,
            Self::Stuck { held: true, .. } => LagStatus::Stall,
            Self::Stuck { held: false, .. } => LagStatus::Stop,
            Self::Rewound { .. } => LagStatus::Rewind,
        }
    }

    pub fn grew(&self) -> Option<i64> {
        match self {
            Self::KeepsUp { grew } | Self::Growing { grew, .. } => Some(*grew),
            _ => None,
        }
    }

    pub fn stuck_ms(&self) -> Option<i64> {
        match self {
            Self::Stuck { since_ms, .. } => Some(*since_ms),
            _ => None,
        }
    }

    pub fn went_back(&self) -> Option<i64> {
        match self {
            Self::Rewound { from, to, .. } => Some(from - to),
            _ => None,
        }
    }
}

pub(super) fn judge(window: &GroupWindow, rules: &LagRules) -> GroupJudgement {
    let mut rates = Vec::with_capacity(window.partitions.len());
    let partitions: Vec<PartitionJudgement> = window
        .partitions
        .iter()
        .map(|((topic, partition), track)| {
            let moved = (
                rate(track.points.iter(), |point| point.end),
                rate(track.points.iter(), |point| point.committed),
            );
            rates.push(moved);
            judge_partition(topic, *partition, track, moved, rules)
        })
        .collect();
    let oldest = window
        .partitions
        .values()
        .filter_map(|track| track.points.front());
    let span_ms = oldest.map(|point| window.at_ms - point.at_ms).max().unwrap_or(0);
    let lag = sum(partitions.iter().map(|one| one.lag));
    let in_per_second = Rate::sum(rates.iter().map(|rate| rate.0));
    let out_per_second = Rate::sum(rates.iter().map(|rate| rate.1));
    let status = group_status(&partitions);
    let known = partitions.iter().filter(|one| one.lag.is_some()).count();
    GroupJudgement {
        status,
        level: status.level(),
        reason: match window.partitions.is_empty() {
            true => "it has committed nothing yet".to_owned(),
            false => words::group(status, &partitions, window.members, span_ms),
        },
        lag,
        lag_ms: partitions.iter().filter_map(|one| one.lag_ms).max(),
        lost: sum(partitions.iter().map(|one| one.lost)),
        partitions_unknown: u32::try_from(partitions.len() - known).unwrap_or(u32::MAX),
        complete: (span_ms as f64 / rules.window_ms.max(1) as f64).min(1.0),
        in_per_second,
        out_per_second,
        drained_in_ms: drained_in_ms(lag, in_per_second, out_per_second),
        skew: skew(&partitions),
        slowest: slowest(&partitions),
        partitions,
    }
}

/// That of the worst partition. One that has lag and can't be judged yet keeps the group from being called well.
fn group_status(partitions: &[PartitionJudgement]) -> LagStatus {
    let status = partitions
        .iter()
        .map(|one| one.status)
        .fold(LagStatus::Unknown, worst);
    let unjudged = partitions.iter().any(|one| one.finding == Finding::TooFew);
    match status {
        LagStatus::Ok if unjudged => LagStatus::Unknown,
        status => status,
    }
}

/// The sum of what is known; `None`: nothing is.
fn sum(values: impl Iterator<Item = Option<i64>>) -> Option<i64> {
    values.flatten().reduce(|sum, value| sum + value)
}

fn skew(partitions: &[PartitionJudgement]) -> Option<f64> {
    let lags: Vec<i64> = partitions.iter().filter_map(|one| one.lag).collect();
    let (total, largest) = (lags.iter().sum::<i64>(), lags.iter().max()?);
    (lags.len() > 1 && total > 0).then(|| *largest as f64 * lags.len() as f64 / total as f64)
}

fn slowest(partitions: &[PartitionJudgement]) -> Option<usize> {
    let behind = partitions
        .iter()
        .enumerate()
        .filter(|(_, one)| one.lag.is_some_and(|lag| lag > 0));
    behind
        .max_by_key(|(index, one)| (one.lag_ms, one.lag, std::cmp::Reverse(*index)))
        .map(|(index, _)| index)
}

fn judge_partition(
    topic: &str,
    partition: i32,
    track: &Track,
    (arriving, leaving): (Rate, Rate),
    rules: &LagRules,
) -> PartitionJudgement {
    let newest = track.points.back();
    let lag = newest.and_then(|point| point.lag);
    let finding = find(track, rules);
    let committed = newest.and_then(|point| point.committed);
    let held_back = match (committed, track.stable_end, newest.and_then(|point| point.end)) {
        (Some(committed), Some(stable), Some(end)) => stable < end && committed >= stable,
        _ => false,
    };
    let (in_per_second, out_per_second) = (arriving.known(), leaving.known());
    let mut reason = words::partition(&finding, lag);
    if held_back {
        reason.push_str("; an open transaction holds back readers of committed records here");
    }
    if let Some(lost) = track.lost.filter(|lost| *lost > 0) {
        let were = if lost == 1 { "was" } else { "were" };
        reason.push_str(&format!(
            "; {} {were} deleted before it read them",
            words::records(lost)
        ));
    }
    PartitionJudgement {
        topic: topic.to_owned(),
        partition,
        status: finding.status(),
        reason,
        lag,
        lag_ms: newest.and_then(|point| point.lag_ms),
        lost: track.lost,
        held_back,
        in_per_second,
        out_per_second,
        drained_in_ms: drained_in_ms(lag, in_per_second, out_per_second),
        finding,
    }
}

/// A point of which commit and lag are known.
#[derive(Clone, Copy)]
struct Known {
    at_ms: i64,
    committed: i64,
    lag: i64,
}

fn known(point: &LagPoint) -> Option<Known> {
    Some(Known {
        at_ms: point.at_ms,
        committed: point.committed?,
        lag: point.lag?,
    })
}

fn find(track: &Track, rules: &LagRules) -> Finding {
    // What is no longer known now is judged no more.
    match track.points.back() {
        None | Some(LagPoint { committed: None, .. }) => return Finding::NoCommit,
        Some(LagPoint { lag: None, .. }) => return Finding::NoEnd,
        Some(_) => {}
    }
    let points: Vec<Known> = track.points.iter().filter_map(known).collect();
    let (Some(first), Some(last)) = (points.first(), points.last()) else {
        return Finding::NoCommit;
    };
    if last.lag == 0 {
        return Finding::ReadAll;
    }
    if let Some(rewound) = rewound(&points, last) {
        return rewound;
    }
    if points.iter().any(|point| point.lag == 0) {
        return Finding::HadNone;
    }
    let span_ms = last.at_ms - first.at_ms;
    if points.len() < rules.samples_min || span_ms < LAG_SPAN_MS_MIN.min(rules.window_ms / 2) {
        return Finding::TooFew;
    }
    let commits = commits(&points);
    let newest_ms = commits.last().map_or(first.at_ms, |commit| commit.at_ms);
    if last.at_ms - newest_ms > newest_ms - first.at_ms {
        return Finding::Stuck {
            since_ms: last.at_ms - newest_ms,
            held: track.owned,
        };
    }
    let grew = last.lag - first.lag;
    let never_fell = commits.windows(2).all(|pair| pair[1].lag >= pair[0].lag);
    if commits.len() >= rules.samples_min && never_fell {
        return Finding::Growing {
            grew: grew.max(0),
            span_ms,
        };
    }
    Finding::KeepsUp { grew }
}

/// The points at which a new commit was first seen, and the first of all.
fn commits(points: &[Known]) -> Vec<Known> {
    let mut commits: Vec<Known> = Vec::new();
    for point in points {
        if commits
            .last()
            .is_none_or(|last| last.committed != point.committed)
        {
            commits.push(*point);
        }
    }
    commits
}

/// The commit went back within the window, and is not yet where it was.
fn rewound(points: &[Known], last: &Known) -> Option<Finding> {
    let mut furthest = points.first()?.committed;
    let mut fell: Option<(i64, &Known)> = None;
    for point in points {
        if point.committed < furthest && fell.is_none_or(|(_, to)| point.committed < to.committed) {
            fell = Some((furthest, point));
        }
        furthest = furthest.max(point.committed);
    }
    let (from, to) = fell?;
    (last.committed < from).then(|| Finding::Rewound {
        from,
        to: to.committed,
        ago_ms: last.at_ms - to.at_ms,
    })
}
