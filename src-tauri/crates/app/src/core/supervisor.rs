//! Owns every task. Shutting down is ordered (what collects and delivers first, what it stands on last) and bounded.

use std::{future::Future, time::Duration};

use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// All stages together end within this time; what has not ended by then is abandoned and named in the log.
const SHUTDOWN_MAX: Duration = Duration::from_millis(4_500);

/// What a task belongs to, in the order in which they are stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Tails, queries, syncs, evaluations, samplers: nothing is lost when they stop.
    Work,
    /// Sources: their last checkpoint is written before the stage is over.
    Sources,
    /// Clusters in this process, on which the others stand.
    Clusters,
}

const STAGES: [Stage; 3] = [Stage::Work, Stage::Sources, Stage::Clusters];

/// See the module's text.
#[derive(Debug, Default)]
pub struct Supervisor {
    stages: [(CancellationToken, TaskTracker); 3],
}

impl Supervisor {
    fn stage(&self, stage: Stage) -> &(CancellationToken, TaskTracker) {
        &self.stages[stage as usize]
    }

    /// Cancelled when the stage is being stopped.
    pub fn token(&self, stage: Stage) -> CancellationToken {
        self.stage(stage).0.child_token()
    }

    /// Runs a task that ends soon after its token is cancelled.
    pub fn spawn<F>(&self, stage: Stage, task: impl FnOnce(CancellationToken) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (token, tracker) = self.stage(stage);
        tracker.spawn(task(token.child_token()));
    }

    /// Runs blocking work that ends soon after its token is cancelled.
    pub fn spawn_blocking(&self, stage: Stage, task: impl FnOnce(CancellationToken) + Send + 'static) {
        let (token, tracker) = self.stage(stage);
        let token = token.child_token();
        tracker.spawn_blocking(move || task(token));
    }

    /// Stops everything, stage by stage. False when something did not end in time.
    pub async fn shut_down(&self) -> bool {
        let deadline = tokio::time::Instant::now() + SHUTDOWN_MAX;
        let mut clean = true;
        for stage in STAGES {
            let (token, tracker) = self.stage(stage);
            token.cancel();
            tracker.close();
            if tokio::time::timeout_at(deadline, tracker.wait()).await.is_err() {
                tracing::warn!(?stage, left = tracker.len(), "tasks did not end in time");
                clean = false;
            }
        }
        clean
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        for (token, _) in &self.stages {
            token.cancel();
        }
    }
}
