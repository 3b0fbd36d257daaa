//! A source as it runs, from one look at its tail after the other.
//!
//! Invariants: the state follows from the last look, never from an older one; a source that has ended has no rate; how far
//! one is behind that has ended or waits for a broker is unknown.

use tailrace_connectors::clusters::kafka::{TailPhase, TailProgress};
use tailrace_model::{Error, api::SourceState};

use super::collect::Collected;

/// A live source stays live while it is behind by no more than it reads in this time, or for no longer than this.
const LIVE_WITHIN_MS: i64 = 5_000;
/// A rate is measured over at least this.
const RATE_OVER_MS: i64 = 1_000;

/// See the module's text.
#[derive(Debug, Clone)]
pub struct SourceStatus {
    pub state: SourceState,
    pub error: Option<Error>,
    /// Records between what was read and the end of the topic.
    pub behind: Option<i64>,
    /// Records that were deleted before they were read, and are not counted in a checkpoint yet.
    pub lost: u64,
    pub per_second: f64,
    /// When the rate was last measured, and the records read by then.
    scanned: Option<(i64, u64)>,
    /// When everything up to the end of the topic was last collected.
    level_ms: Option<i64>,
}

impl Default for SourceStatus {
    fn default() -> Self {
        Self {
            state: SourceState::Starting,
            error: None,
            behind: None,
            lost: 0,
            per_second: 0.0,
            scanned: None,
            level_ms: None,
        }
    }
}

impl SourceStatus {
    /// Of a source that does not run.
    pub fn stopped() -> Self {
        Self {
            state: SourceState::Stopped,
            ..Self::default()
        }
    }

    /// Whether everything up to the end of the topic was collected when it was last looked at.
    pub fn caught_up(&self) -> bool {
        self.state == SourceState::Live && self.behind == Some(0)
    }

    /// Its tail has started.
    pub(super) fn read(&mut self) {
        self.state = SourceState::CatchingUp;
        self.error = None;
    }

    /// It takes what is posted: so many events so far, so many of which are in no checkpoint yet. `error`: what keeps it
    /// from taking more. True: the state is another one than before.
    pub(super) fn listen(&mut self, taken: u64, behind: u64, error: Option<Error>, now_ms: i64) -> bool {
        let before = self.state;
        self.measure(taken, now_ms);
        self.state = match error {
            None => SourceState::Live,
            Some(_) => SourceState::Waiting,
        };
        self.behind = Some(i64::try_from(behind).unwrap_or(i64::MAX));
        self.error = error;
        self.state != before
    }

    pub(super) fn stop(&mut self) {
        self.state = SourceState::Stopped;
        self.stand_still();
    }

    pub(super) fn fail(&mut self, error: Error) {
        self.state = SourceState::Failed;
        self.error = Some(error);
        self.stand_still();
    }

    /// Looks at the tail; true: the state is another one than before.
    pub(super) fn look(&mut self, progress: &TailProgress, collected: &Collected, now_ms: i64) -> bool {
        let before = self.state;
        self.lost = collected.lost_since(progress);
        self.measure(progress.scanned, now_ms);
        if progress.phase == TailPhase::Waiting {
            let note = progress.note.as_deref().unwrap_or("waiting for the cluster");
            self.state = SourceState::Waiting;
            self.error = Some(Error::external("source_waiting", note));
            // Partitions whose leader is there go on, and their rate with them.
            self.behind = None;
        } else {
            let behind = collected.behind(progress);
            self.error = None;
            self.behind = Some(behind);
            if behind == 0 {
                self.level_ms = Some(now_ms);
            }
            self.state = if behind == 0 || (before == SourceState::Live && self.is_near(behind, now_ms)) {
                SourceState::Live
            } else {
                SourceState::CatchingUp
            };
        }
        self.state != before
    }

    fn is_near(&self, behind: i64, now_ms: i64) -> bool {
        let level_lately = self.level_ms.is_some_and(|at| now_ms - at < LIVE_WITHIN_MS);
        level_lately || behind as f64 <= self.per_second * LIVE_WITHIN_MS as f64 / 1_000.0
    }

    fn measure(&mut self, scanned: u64, now_ms: i64) {
        let Some((at, before)) = self.scanned else {
            self.scanned = Some((now_ms, scanned));
            return;
        };
        if now_ms - at >= RATE_OVER_MS {
            self.per_second = scanned.saturating_sub(before) as f64 * 1_000.0 / (now_ms - at) as f64;
            self.scanned = Some((now_ms, scanned));
        }
    }

    fn stand_still(&mut self) {
        self.behind = None;
        self.per_second = 0.0;
    }
}

#[cfg(test)]
mod tests {
    use tailrace_model::api::TailPartition;

    use super::*;

    fn progress(phase: TailPhase, scanned: u64, end: i64) -> TailProgress {
        TailProgress {
            phase,
            note: (phase == TailPhase::Waiting).then(|| "waiting for broker 1: refused".to_owned()),
            partitions: vec![TailPartition {
                partition: 0,
                from: 0,
                next: scanned as i64,
                end,
            }],
            scanned,
            ..TailProgress::default()
        }
    }

    /// Looks at a source that has collected all that it read.
    fn look(status: &mut SourceStatus, scanned: u64, end: i64, now_ms: i64) -> SourceState {
        let collected = Collected::up_to(scanned, &[(0, scanned as i64)]);
        status.look(&progress(TailPhase::Running, scanned, end), &collected, now_ms);
        status.state
    }

    #[test]
    fn a_live_source_that_falls_behind_for_seconds_is_catching_up_again() {
        let mut status = SourceStatus::default();
        status.read();
        assert_eq!(look(&mut status, 0, 100, 1_000), SourceState::CatchingUp);
        assert!(!status.caught_up());
        assert_eq!(look(&mut status, 100, 100, 2_000), SourceState::Live);
        assert!(status.caught_up());
        assert_eq!(status.per_second, 100.0);
        // Behind by less than what it reads in a few seconds.
        assert_eq!(look(&mut status, 200, 300, 3_000), SourceState::Live);
        assert!(!status.caught_up());
        // One record of a quiet topic is no backlog until it lies there.
        assert_eq!(look(&mut status, 300, 300, 4_000), SourceState::Live);
        assert_eq!(look(&mut status, 300, 301, 8_000), SourceState::Live);
        assert_eq!(look(&mut status, 300, 301, 9_000), SourceState::CatchingUp);
        assert_eq!(status.per_second, 0.0);
        assert_eq!(look(&mut status, 301, 301, 10_000), SourceState::Live);
        // A backlog of minutes.
        assert_eq!(look(&mut status, 401, 90_000, 16_000), SourceState::CatchingUp);
    }

    #[test]
    fn a_source_that_waits_for_its_broker_says_so_and_is_not_caught_up() {
        let mut status = SourceStatus::default();
        status.read();
        look(&mut status, 0, 100, 1_000);
        assert_eq!(look(&mut status, 100, 100, 2_000), SourceState::Live);
        let collected = Collected::up_to(100, &[(0, 100)]);
        let waiting = progress(TailPhase::Waiting, 100, 100);
        assert!(status.look(&waiting, &collected, 2_500));
        assert!(!status.look(&waiting, &collected, 2_600));
        assert_eq!(status.state, SourceState::Waiting);
        assert_eq!(status.behind, None);
        assert!(!status.caught_up());
        let error = status.error.clone().unwrap();
        assert_eq!(
            (error.message.as_str(), error.retry),
            ("waiting for broker 1: refused", true)
        );
        assert!(!status.look(&waiting, &collected, 3_500));
        assert_eq!(status.per_second, 0.0, "nothing was read meanwhile");
        assert_eq!(look(&mut status, 100, 150, 4_000), SourceState::CatchingUp);
        assert_eq!(status.error, None);
    }

    #[test]
    fn a_source_that_does_not_read_has_no_rate_and_an_unknown_distance() {
        for end in [SourceStatus::stop as fn(&mut SourceStatus), |it| {
            it.fail(Error::external("kafka", "gone"));
        }] {
            let mut status = SourceStatus::default();
            status.read();
            look(&mut status, 0, 1_000, 1_000);
            look(&mut status, 500, 1_000, 2_000);
            assert_eq!((status.behind, status.per_second), (Some(500), 500.0));
            end(&mut status);
            assert_eq!((status.behind, status.per_second), (None, 0.0));
        }
    }
}
