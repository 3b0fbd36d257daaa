//! Lag over time: what the samples of a consumer group say of it.
//!
//! Pure functions over samples and times that are passed in; nothing here asks a cluster. The rules are Burrow's
//! (<https://github.com/linkedin/Burrow/wiki/Consumer-Lag-Evaluation-Rules>), a partition at a time, over its last
//! commits (ten, whatever their age), so that one who commits every five minutes is judged as one who does every five
//! seconds:
//!
//! 1. No lag now: OK.
//! 2. Records wait, and no commit for longer than the commits before span: STOP. Where fewer than two were seen: none
//!    in the whole window.
//! 3. The same where a member holds the partition: STALL.
//! 4. The commit went back and is not where it was: REWIND, even where there was no lag for a while.
//! 5. No lag at any time since the oldest of the commits, or in the window: OK.
//! 6. Commits move, and the lag is not less after any of them: WARN.
//! 7. Otherwise: OK.
//!
//! Burrow hears of every commit and tells 2 from 3 by commits that repeat an offset. From outside such a commit cannot
//! be seen, so that the two are told apart by whether anybody is there to make one. A group is judged by its worst
//! partition; Burrow's own sum of it (OK, WARN, ERR) is `LagStatus::level`. What is unknown counts in no sum and makes
//! no judgement.

pub mod alerts;
mod commits;
mod judge;
mod rates;
pub mod reset;
mod words;

#[cfg(test)]
mod pace_tests;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};

use tailrace_model::{LagSettings, api::LagStatus};

use commits::Commits;
pub use judge::{GroupJudgement, PartitionJudgement};
pub use rates::interpolated_lag_ms;

/// Points that a partition keeps of its window; more are thinned out.
pub const POINTS_MAX: usize = 96;

const EVERY_MS: i64 = 2_000;
const WINDOW_MS: i64 = 600_000;
const COMMITS: usize = 10;
const SAMPLES_MIN: usize = 3;

/// What lag is judged by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LagRules {
    /// Between two samples.
    pub every_ms: i64,
    /// Samples older than this say nothing of now; and how long one of whom no pace is known is waited for.
    pub window_ms: i64,
    /// The last commits, by which a partition is judged.
    pub commits: usize,
    /// Commits that have to be seen before lag that does not fall is a warning.
    pub samples_min: usize,
}

impl LagRules {
    pub fn new(settings: &LagSettings) -> Self {
        let ms = |span: Option<tailrace_model::Span>, default: i64| {
            span.map_or(default, tailrace_model::Span::approximate_ms)
        };
        Self {
            every_ms: ms(settings.every, EVERY_MS),
            window_ms: ms(settings.window, WINDOW_MS),
            commits: settings.commits.map_or(COMMITS, |commits| commits as usize),
            samples_min: settings
                .samples_min
                .map_or(SAMPLES_MIN, |samples| samples as usize),
        }
    }
}

impl Default for LagRules {
    fn default() -> Self {
        Self::new(&LagSettings::default())
    }
}

/// One partition of a group at one time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PartitionSample {
    pub topic: String,
    pub partition: i32,
    /// `None`: no commit yet.
    pub committed: Option<i64>,
    /// The high watermark; `None`: it could not be read.
    pub end: Option<i64>,
    /// The end for readers of committed records, where it was asked for.
    pub stable_end: Option<i64>,
    /// Records to read; `None`: unknown.
    pub lag: Option<i64>,
    /// Lag in time; `None`: unknown.
    pub lag_ms: Option<i64>,
    /// The lag in time is guessed from samples.
    pub guessed: bool,
    /// Records deleted before they were read.
    pub lost: Option<i64>,
    /// How far the commit is past the end, where it is.
    pub past_end: Option<i64>,
    /// A member holds it.
    pub owned: bool,
}

/// A partition at one time of its window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LagPoint {
    pub at_ms: i64,
    pub committed: Option<i64>,
    pub end: Option<i64>,
    pub lag: Option<i64>,
    pub lag_ms: Option<i64>,
    /// The lag in time is guessed from samples.
    pub guessed: bool,
}

/// The samples of one group that are young enough to say something of now.
#[derive(Debug, Clone, Default)]
pub struct GroupWindow {
    at_ms: i64,
    members: u32,
    partitions: BTreeMap<(String, i32), Track>,
}

#[derive(Debug, Clone, Default)]
struct Track {
    points: VecDeque<LagPoint>,
    commits: Commits,
    stable_end: Option<i64>,
    lost: Option<i64>,
    past_end: Option<i64>,
    owned: bool,
}

impl GroupWindow {
    /// Adds what was sampled at a time; partitions that are not in it any more are forgotten.
    pub fn add(&mut self, rules: &LagRules, at_ms: i64, members: u32, samples: &[PartitionSample]) {
        self.at_ms = at_ms;
        self.members = members;
        let mut before = std::mem::take(&mut self.partitions);
        for sample in samples {
            let key = (sample.topic.clone(), sample.partition);
            let mut track = before.remove(&key).unwrap_or_default();
            track.stable_end = sample.stable_end;
            track.lost = sample.lost;
            track.past_end = sample.past_end;
            track.owned = sample.owned;
            track.push(
                rules,
                LagPoint {
                    at_ms,
                    committed: sample.committed,
                    end: sample.end,
                    lag: sample.lag,
                    lag_ms: sample.lag_ms,
                    guessed: sample.guessed,
                },
            );
            self.partitions.insert(key, track);
        }
    }

    /// The points of a partition, oldest first.
    pub fn points(&self, topic: &str, partition: i32) -> impl Iterator<Item = &LagPoint> {
        self.partitions
            .get(&(topic.to_owned(), partition))
            .into_iter()
            .flat_map(|track| &track.points)
    }

    /// Every partition and its points.
    pub fn all(&self) -> impl Iterator<Item = (&str, i32, &VecDeque<LagPoint>)> {
        self.partitions
            .iter()
            .map(|((topic, partition), track)| (topic.as_str(), *partition, &track.points))
    }

    /// Judges the group as of its newest sample.
    pub fn judge(&self, rules: &LagRules) -> GroupJudgement {
        judge::judge(self, rules)
    }
}

impl Track {
    fn push(&mut self, rules: &LagRules, point: LagPoint) {
        match (point.committed, point.lag) {
            (Some(committed), Some(lag)) => self.commits.add(rules, point.at_ms, committed, lag),
            // What is past the end, or gone, is followed anew from where it is found again.
            (None, _) => self.commits = Commits::default(),
            _ if self.past_end.is_some() => self.commits = Commits::default(),
            _ => {}
        }
        // A long window keeps no more points than a short one: the newest gives way to one that is too close to it.
        let step_ms = rules.window_ms / (POINTS_MAX as i64 / 2);
        let last = self.points.len().checked_sub(1);
        if let Some(last) = last
            && last > 0
            && self.points[last].at_ms - self.points[last - 1].at_ms < step_ms
        {
            self.points.pop_back();
        }
        self.points.push_back(point);
        let from = point.at_ms - rules.window_ms;
        while self.points.front().is_some_and(|oldest| oldest.at_ms < from) || self.points.len() > POINTS_MAX
        {
            self.points.pop_front();
        }
    }
}

/// The worse of two states.
fn worst(left: LagStatus, right: LagStatus) -> LagStatus {
    left.max(right)
}
