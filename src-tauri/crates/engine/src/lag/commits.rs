//! The last commits of a partition, whatever their age: what Burrow's window holds.
//!
//! A commit is seen when a sample finds another offset than the one before; what the first sample finds was made at a
//! time that nobody knows, and counts as none. Invariants: no more commits are kept than the rules say, none of them is
//! older than [`COMMITS_MS_MAX`] but the newest; times without anything to read are nobody's silence.

use std::collections::VecDeque;

use super::LagRules;

/// A commit older than this says nothing of now.
const COMMITS_MS_MAX: i64 = 86_400_000;
/// Seen commits without which nothing is judged, and by which a pace is known.
pub(super) const COMMITS_MIN: usize = 2;
/// What nobody holds is not waited for longer than this where no commit was seen, and otherwise no longer than it or twice
/// the time between two commits.
const UNHELD_MS: i64 = 120_000;
/// An offset that moved between two samples that lie further apart than so many intervals, and this, moved at a time
/// that nobody knows.
const GAP_INTERVALS: i64 = 10;
const GAP_MS: i64 = 120_000;

/// A commit, as of the sample that first showed it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Commit {
    pub at_ms: i64,
    pub offset: i64,
    pub lag: i64,
    /// How long records had waited for it.
    busy_ms: i64,
    /// It was seen to be made.
    seen: bool,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Commits {
    kept: VecDeque<Commit>,
    sampled_ms: i64,
    /// When there last was nothing to read.
    none_ms: Option<i64>,
}

impl Commits {
    pub fn add(&mut self, rules: &LagRules, at_ms: i64, offset: i64, lag: i64) {
        let gap_ms = (rules.every_ms * GAP_INTERVALS).max(GAP_MS);
        let moved = self.kept.back().is_none_or(|last| last.offset != offset);
        if moved && at_ms - self.sampled_ms > gap_ms {
            *self = Self::default();
        }
        if moved {
            let since_ms = self.kept.back().map(|last| self.waits_since(last));
            self.kept.push_back(Commit {
                at_ms,
                offset,
                lag,
                busy_ms: since_ms.map_or(0, |since_ms| at_ms - since_ms),
                seen: since_ms.is_some(),
            });
        }
        if lag == 0 {
            self.none_ms = Some(at_ms);
        }
        self.sampled_ms = at_ms;
        while self.kept.len() > rules.commits.max(1)
            || (self.kept.len() > 1 && at_ms - self.kept[0].at_ms > COMMITS_MS_MAX)
        {
            self.kept.pop_front();
        }
    }

    fn waits_since(&self, last: &Commit) -> i64 {
        self.none_ms.map_or(last.at_ms, |none_ms| none_ms.max(last.at_ms))
    }

    /// Those that were seen to be made, oldest first.
    pub fn seen(&self) -> impl DoubleEndedIterator<Item = &Commit> + Clone {
        self.kept.iter().filter(|commit| commit.seen)
    }

    /// Every offset that was committed, oldest first.
    pub fn all(&self) -> impl Iterator<Item = &Commit> {
        self.kept.iter()
    }

    /// There was nothing to read at some time since a time, or since the oldest commit.
    pub fn had_none(&self, since_ms: i64) -> bool {
        let oldest_ms = self.kept.front().map_or(since_ms, |oldest| oldest.at_ms);
        self.none_ms
            .is_some_and(|none_ms| none_ms >= since_ms.min(oldest_ms))
    }

    /// How long there has been something to read and no commit.
    pub fn silent_ms(&self) -> i64 {
        self.kept
            .back()
            .map_or(0, |last| self.sampled_ms - self.waits_since(last))
    }

    /// The longest time between two commits.
    pub fn longest_ms(&self) -> i64 {
        let pairs = self.kept.iter().zip(self.kept.iter().skip(1));
        pairs
            .map(|(before, after)| after.at_ms - before.at_ms)
            .max()
            .unwrap_or(0)
    }

    /// How long a silence has to be before it means something: longer than its commits span (Burrow's rule), and than
    /// twice the longest time between two of them. An idle time between commits counts for no more than the window.
    pub fn patience_ms(&self, rules: &LagRules, held: bool) -> i64 {
        let longest_ms = self.longest_ms();
        let seen = self.seen().count();
        if seen < COMMITS_MIN {
            // Whoever committed once, without holding it, may do so again.
            let nobody = seen == 0 && !held;
            return if nobody {
                rules.window_ms.min(UNHELD_MS)
            } else {
                rules.window_ms
            };
        }
        let busy = || self.seen().map(|commit| commit.busy_ms);
        let busy_ms = busy().sum::<i64>().max(2 * busy().max().unwrap_or(0));
        let span_ms = match (self.kept.front(), self.kept.back()) {
            (Some(first), Some(last)) => last.at_ms - first.at_ms,
            _ => 0,
        };
        let paced_ms = span_ms.max(2 * longest_ms).min(rules.window_ms);
        let most_ms = if held {
            i64::MAX
        } else {
            UNHELD_MS.max(2 * longest_ms)
        };
        busy_ms.max(paced_ms).min(most_ms)
    }
}
