//! Long work that a person asked for and may leave: it goes on by itself, is shown in Activity, and can be cancelled there.

use std::{future::Future, sync::Arc, time::Instant};

use tailrace_model::{Error, Result};
use tokio_util::sync::CancellationToken;

use super::{ActivityHandle, Stage};
use crate::open::OpenWorkspace;

/// What a job is given.
pub struct Job {
    /// Cancelled when it is to stop with what it has.
    pub token: CancellationToken,
    activity: ActivityHandle,
    runtime: tokio::runtime::Handle,
    started: Instant,
}

impl Job {
    /// Tells how far it is.
    pub fn progress(&self, done: u64, total: Option<u64>) {
        let seconds = self.started.elapsed().as_secs_f64();
        let rate = (seconds > 0.2).then(|| done as f64 / seconds);
        self.activity.progress(done, total, rate);
    }

    pub fn detail(&self, detail: impl Into<String>) {
        self.activity.detail(detail);
    }

    pub fn took_ms(&self) -> i64 {
        i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX)
    }

    /// Waits for something, on the job's own thread.
    pub fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }
}

/// Runs blocking work as an activity. It goes on when nobody waits for its outcome any more. `ended` says what is wrong
/// with an outcome that is no error: an activity that did not do all of its work has failed.
pub async fn run<T: Send + 'static>(
    open: &Arc<OpenWorkspace>,
    kind: &str,
    title: String,
    ended: impl Fn(&T) -> Option<Error> + Send + 'static,
    work: impl FnOnce(&Job) -> Result<T> + Send + 'static,
) -> Result<T> {
    let token = open.supervisor.token(Stage::Work);
    let job = Job {
        token: token.clone(),
        activity: open.activities.start(kind, title, Some(token)),
        runtime: tokio::runtime::Handle::current(),
        started: Instant::now(),
    };
    let (tell, told) = tokio::sync::oneshot::channel();
    open.supervisor.spawn_blocking(Stage::Work, move |_| {
        let outcome = work(&job);
        let Job { activity, .. } = job;
        match &outcome {
            Ok(outcome) => activity.end(ended(outcome).map_or(Ok(()), Err)),
            Err(error) => activity.end(Err(error.clone())),
        }
        // Whoever asked may have left: the outcome is in Activity.
        let _ = tell.send(outcome);
    });
    told.await
        .map_err(|_| Error::internal("task", "the work was interrupted"))?
}
