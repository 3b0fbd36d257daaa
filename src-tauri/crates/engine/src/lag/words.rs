//! Why a status is what it is, as sentences.

use tailrace_model::api::LagStatus;

use super::judge::{Finding, PartitionJudgement};

pub(super) fn records(count: i64) -> String {
    if count == 1 {
        "1 record".to_owned()
    } else {
        format!("{count} records")
    }
}

fn wait(count: i64) -> &'static str {
    if count == 1 { "waits" } else { "wait" }
}

fn seconds(ms: i64) -> String {
    match ms / 1_000 {
        0..120 => format!("{} s", ms / 1_000),
        _ => format!("{} min", ms / 60_000),
    }
}

const TOO_FEW: &str = "too few commits were seen yet to judge its lag";

/// Of one partition.
pub(super) fn partition(finding: &Finding, lag: Option<i64>) -> String {
    let lag = lag.unwrap_or(0);
    match finding {
        Finding::NoCommit => "nothing is committed here yet".to_owned(),
        Finding::NoEnd => "where the partition ends is not known".to_owned(),
        Finding::PastEnd { by } => format!(
            "its commit is {by} past the end: the topic was made anew, or lost records; what is left to read is not known"
        ),
        Finding::ReadAll => "it has read everything".to_owned(),
        Finding::TooFew => TOO_FEW.to_owned(),
        Finding::HadNone => format!(
            "it is behind by {} and had none to read within the window",
            records(lag)
        ),
        Finding::KeepsUp { .. } => format!("it is behind by {} and keeps up", records(lag)),
        Finding::Growing { grew, span_ms } => match grew {
            0 => format!(
                "it commits, but its lag of {} has not fallen for {}",
                records(lag),
                seconds(*span_ms)
            ),
            grew => format!(
                "it commits, but is behind by {} more than {} ago",
                records(*grew),
                seconds(*span_ms)
            ),
        },
        Finding::Stuck { since_ms, held } => match held {
            true => format!(
                "no commit for {}, and {} {}",
                seconds(*since_ms),
                records(lag),
                wait(lag)
            ),
            false => format!(
                "nobody reads it, no commit for {}, and {} {}",
                seconds(*since_ms),
                records(lag),
                wait(lag)
            ),
        },
        Finding::Rewound { from, to, ago_ms } => format!(
            "its commit went back from {from} to {to} {} ago: {} {} read again",
            seconds(*ago_ms),
            records(from - to),
            if from - to == 1 { "is" } else { "are" }
        ),
    }
}

/// Of a whole group, from those of its partitions that are as bad as it is.
pub(super) fn group(status: LagStatus, all: &[PartitionJudgement], members: u32) -> String {
    let judged: Vec<&PartitionJudgement> = all.iter().filter(|one| one.lag.is_some()).collect();
    let like: Vec<&PartitionJudgement> = judged
        .iter()
        .copied()
        .filter(|one| one.status == status)
        .collect();
    let span_ms = like.iter().map(|one| one.finding.span_ms()).max().unwrap_or(0);
    let waiting: i64 = like.iter().filter_map(|one| one.lag).sum();
    let here = || places(&like, judged.len());
    let said = match status {
        LagStatus::Unknown if judged.is_empty() => nothing_known(all).to_owned(),
        LagStatus::Unknown if judged.iter().all(|one| one.finding != Finding::TooFew) => {
            "what is left to read is not known of all of it".to_owned()
        }
        LagStatus::Unknown => TOO_FEW.to_owned(),
        LagStatus::Ok => keeps_up(&judged, span_ms),
        LagStatus::Warn => {
            let grew: i64 = like.iter().filter_map(|one| one.finding.grew()).sum();
            match grew {
                0 => format!(
                    "it commits, but its lag of {} has not fallen for {} in {}",
                    records(waiting),
                    seconds(span_ms),
                    here()
                ),
                grew => format!(
                    "it commits, but is behind by {} more than {} ago in {}",
                    records(grew),
                    seconds(span_ms),
                    here()
                ),
            }
        }
        LagStatus::Stall => {
            let since_ms = like
                .iter()
                .filter_map(|one| one.finding.stuck_ms())
                .max()
                .unwrap_or(0);
            format!(
                "no commit for {} in {}, where {} {}",
                seconds(since_ms),
                here(),
                records(waiting),
                wait(waiting)
            )
        }
        LagStatus::Stop if members == 0 => {
            format!(
                "nobody is in the group, and {} {} in {}",
                records(waiting),
                wait(waiting),
                here()
            )
        }
        LagStatus::Stop => {
            format!(
                "nobody reads {}, where {} {}",
                here(),
                records(waiting),
                wait(waiting)
            )
        }
        LagStatus::Rewind => {
            let back: i64 = like.iter().filter_map(|one| one.finding.went_back()).sum();
            format!("its commits went back by {} in {}", records(back), here())
        }
    };
    format!("{said}{}{}{}", past_end(all), held_back(&judged), lost(&judged))
}

fn nothing_known(all: &[PartitionJudgement]) -> &'static str {
    if all.iter().all(|one| matches!(one.finding, Finding::NoCommit)) {
        "it has committed nothing yet"
    } else if all.iter().any(|one| one.past_end.is_some()) {
        "what is left to read is not known"
    } else {
        "the ends of its partitions are not known"
    }
}

fn keeps_up(judged: &[&PartitionJudgement], span_ms: i64) -> String {
    let lag: i64 = judged.iter().filter_map(|one| one.lag).sum();
    let grew: i64 = judged.iter().filter_map(|one| one.finding.grew()).sum();
    let since_none: i64 = judged
        .iter()
        .filter(|one| one.finding == Finding::HadNone)
        .filter_map(|one| one.lag)
        .sum();
    match (lag, grew * 2 > lag) {
        (0, _) => "it has read everything".to_owned(),
        (_, false) if since_none * 2 > lag => format!(
            "it is behind by {} and had none to read within the window",
            records(lag)
        ),
        (_, false) => format!("it is behind by {} and keeps up", records(lag)),
        (_, true) => format!(
            "it is behind by {}, {grew} more than {} ago",
            records(lag),
            seconds(span_ms)
        ),
    }
}

/// Commits that lie where nothing is.
fn past_end(all: &[PartitionJudgement]) -> String {
    let those: Vec<&PartitionJudgement> = all.iter().filter(|one| one.past_end.is_some()).collect();
    match those.as_slice() {
        [] => String::new(),
        [one] => format!(
            "; its commit is {} past the end of {}/{}: the topic was made anew, or lost records",
            one.past_end.unwrap_or_default(),
            one.topic,
            one.partition
        ),
        many => format!(
            "; its commits are past the ends of {}: their topics were made anew, or lost records",
            places(many, all.len())
        ),
    }
}

/// An open transaction ends what readers of committed records may read.
fn held_back(judged: &[&PartitionJudgement]) -> String {
    let held: Vec<&PartitionJudgement> = judged.iter().copied().filter(|one| one.held_back).collect();
    match held.is_empty() {
        true => String::new(),
        false => format!(
            "; an open transaction holds back readers of committed records in {}",
            places(&held, judged.len())
        ),
    }
}

fn lost(judged: &[&PartitionJudgement]) -> String {
    let with: Vec<&PartitionJudgement> = judged
        .iter()
        .copied()
        .filter(|one| one.lost.is_some_and(|lost| lost > 0))
        .collect();
    let lost: i64 = with.iter().filter_map(|one| one.lost).sum();
    match lost {
        0 => String::new(),
        1 => format!(
            "; 1 record was deleted before it was read in {}",
            places(&with, judged.len())
        ),
        lost => format!(
            "; {lost} records were deleted before they were read in {}",
            places(&with, judged.len())
        ),
    }
}

/// `orders/3`, `orders/0, orders/1 and 4 more`, `all 6 partitions`.
fn places(those: &[&PartitionJudgement], of: usize) -> String {
    const NAMED_MAX: usize = 3;
    let names: Vec<String> = those
        .iter()
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
