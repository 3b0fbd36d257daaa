//! The rules, applied.

use tailrace_model::api::{LagLevel, LagStatus};

use super::{
    GroupWindow, LagRules, Track,
    commits::{COMMITS_MIN, Commits},
    rates::{Rate, drained_in_ms, rate},
    words, worst,
};

/// Rates are taken over this, or over twice the time between two commits where that is longer.
const RATE_MS: i64 = 120_000;

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
    /// The share of the commits that it is to be judged by that were seen, of the partition of which fewest were.
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
    /// How far the commit is past the end, where it is.
    pub past_end: Option<i64>,
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
    PastEnd { by: i64 },
    TooFew,
    ReadAll,
    HadNone,
    KeepsUp { grew: i64, span_ms: i64 },
    Growing { grew: i64, span_ms: i64 },
    Stuck { since_ms: i64, held: bool },
    Rewound { from: i64, to: i64, ago_ms: i64 },
}

impl Finding {
    fn status(&self) -> LagStatus {
        match self {
            Self::NoCommit | Self::NoEnd | Self::PastEnd { .. } | Self::TooFew => LagStatus::Unknown,
            Self::ReadAll | Self::HadNone | Self::KeepsUp { .. } => LagStatus::Ok,
            Self::Growing { .. } => LagStatus::Warn,
            Self::Stuck { held: true, .. } => LagStatus::Stall,
            Self::Stuck { held: false, .. } => LagStatus::Stop,
            Self::Rewound { .. } => LagStatus::Rewind,
        }
    }

    pub fn grew(&self) -> Option<i64> {
        match self {
            Self::KeepsUp { grew, .. } | Self::Growing { grew, .. } => Some(*grew),
            _ => None,
        }
    }

    /// The time over which it grew.
    pub fn span_ms(&self) -> i64 {
        match self {
            Self::KeepsUp { span_ms, .. } | Self::Growing { span_ms, .. } => *span_ms,
            _ => 0,
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
            let finding = find(track, rules);
            let moved = moved(track, &finding, window.at_ms);
            rates.push(moved);
            judge_partition(topic, *partition, track, moved, finding)
        })
        .collect();
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
            false => words::group(status, &partitions, window.members),
        },
        lag,
        lag_ms: partitions.iter().filter_map(|one| one.lag_ms).max(),
        lost: sum(partitions.iter().map(|one| one.lost)),
        partitions_unknown: u32::try_from(partitions.len() - known).unwrap_or(u32::MAX),
        complete: complete(window, rules),
        in_per_second,
        out_per_second,
        drained_in_ms: drained_in_ms(lag, in_per_second, out_per_second),
        skew: skew(&partitions),
        slowest: slowest(&partitions),
        partitions,
    }
}

/// How fast a partition grows and is read.
fn moved(track: &Track, finding: &Finding, now_ms: i64) -> (Rate, Rate) {
    let since_ms = now_ms - RATE_MS.max(2 * track.commits.longest_ms());
    let recent = || track.points.iter().filter(|point| point.at_ms >= since_ms);
    let arriving = rate(recent(), |point| point.end);
    // One that has not been seen to commit yet has no pace, and not that of one that stands still.
    let unseen = *finding == Finding::TooFew && track.commits.seen().next().is_none();
    let leaving = match unseen {
        true => Rate::Unknown,
        false => rate(recent(), |point| point.committed),
    };
    (arriving, leaving)
}

fn complete(window: &GroupWindow, rules: &LagRules) -> f64 {
    let behind = window.partitions.values().filter(|track| {
        let newest = track.points.back().and_then(|point| point.lag);
        newest.is_some_and(|lag| lag > 0)
    });
    let wanted = rules.commits.saturating_sub(1).max(1) as f64;
    behind
        .map(|track| {
            let patience_ms = track.commits.patience_ms(rules, track.owned).max(1);
            let waited = track.commits.silent_ms() as f64 / patience_ms as f64;
            (track.commits.seen().count() as f64 / wanted)
                .max(waited)
                .min(1.0)
        })
        .reduce(f64::min)
        .unwrap_or(1.0)
}

/// That of the worst partition. One that has lag and can't be judged yet keeps the group from being called well.
fn group_status(partitions: &[PartitionJudgement]) -> LagStatus {
    let status = partitions
        .iter()
        .map(|one| one.status)
        .fold(LagStatus::Unknown, worst);
    let unjudged = partitions
        .iter()
        .any(|one| matches!(one.finding, Finding::TooFew | Finding::PastEnd { .. }));
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
    finding: Finding,
) -> PartitionJudgement {
    let newest = track.points.back();
    let lag = newest.and_then(|point| point.lag);
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
        past_end: track.past_end,
        in_per_second,
        out_per_second,
        drained_in_ms: drained_in_ms(lag, in_per_second, out_per_second),
        finding,
    }
}

fn find(track: &Track, rules: &LagRules) -> Finding {
    // What is no longer known now is judged no more.
    let Some(newest) = track.points.back().filter(|point| point.committed.is_some()) else {
        return Finding::NoCommit;
    };
    let Some(lag) = newest.lag else {
        return match track.past_end {
            Some(by) => Finding::PastEnd { by },
            None => Finding::NoEnd,
        };
    };
    if lag == 0 {
        return Finding::ReadAll;
    }
    let commits = &track.commits;
    let silent_ms = commits.silent_ms();
    if silent_ms > commits.patience_ms(rules, track.owned) {
        return Finding::Stuck {
            since_ms: silent_ms,
            held: track.owned,
        };
    }
    if let Some(rewound) = rewound(commits, newest.at_ms) {
        return rewound;
    }
    if commits.had_none(newest.at_ms - rules.window_ms) {
        return Finding::HadNone;
    }
    let seen = commits.seen().count();
    let (Some(first), Some(last)) = (commits.seen().next(), commits.seen().next_back()) else {
        return Finding::TooFew;
    };
    if seen < COMMITS_MIN {
        return Finding::TooFew;
    }
    let (grew, span_ms) = (last.lag - first.lag, last.at_ms - first.at_ms);
    let after = commits.seen().skip(1);
    let never_fell = commits
        .seen()
        .zip(after)
        .all(|(before, after)| after.lag >= before.lag);
    if seen >= rules.samples_min && never_fell {
        return Finding::Growing { grew, span_ms };
    }
    Finding::KeepsUp { grew, span_ms }
}

/// The commit went back within those that are kept, and is not yet where it was.
fn rewound(commits: &Commits, now_ms: i64) -> Option<Finding> {
    let mut furthest = i64::MIN;
    let mut fell: Option<(i64, i64, i64)> = None;
    let mut last = i64::MIN;
    for commit in commits.all() {
        if commit.offset < furthest && fell.is_none_or(|(_, to, _)| commit.offset < to) {
            fell = Some((furthest, commit.offset, commit.at_ms));
        }
        furthest = furthest.max(commit.offset);
        last = commit.offset;
    }
    let (from, to, at_ms) = fell?;
    (last < from).then_some(Finding::Rewound {
        from,
        to,
        ago_ms: now_ms - at_ms,
    })
}
