//! Consumer groups follow checkpoints: one task a source commits the newest positions that are in a checkpoint.
//!
//! The offsets are for people who watch lag; the checkpoint is what counts, and a slow broker holds it not up. Only the
//! newest positions wait, so there is one commit at a time, never an older one after a newer, and never a queue.

use std::{future::Future, time::Duration};

use tailrace_model::Result;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::People;
use crate::store::SourceCheckpoint;

/// A commit of group offsets that takes longer is given up; the next one says the same and more.
pub(super) const COMMIT_MAX: Duration = Duration::from_secs(2);

/// Partition and next offset.
pub(super) type Positions = Vec<(i32, i64)>;

/// Commits the newest positions until the token is cancelled, and then those of the last checkpoint.
pub(super) async fn follow<F>(
    mut newest: watch::Receiver<Positions>,
    token: &CancellationToken,
    commit_max: Duration,
    commit: impl Fn(Positions) -> F,
) where
    F: Future<Output = Result<()>>,
{
    loop {
        let ended = tokio::select! {
            biased;
            told = newest.changed() => told.is_err(),
            () = token.cancelled() => true,
        };
        if ended {
            return;
        }
        let positions = newest.borrow_and_update().clone();
        match tokio::time::timeout(commit_max, commit(positions)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "group offsets were not committed"),
            Err(_) => tracing::debug!("group offsets were not committed in time"),
        }
    }
}

impl People {
    /// Tells the follower of each source what its checkpoint holds.
    pub(super) fn tell_followers(&self, sources: &[SourceCheckpoint]) {
        let followers = Self::lock(&self.followers);
        for source in sources {
            if let Some(follower) = followers.get(&source.source) {
                follower.send_replace(source.positions.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tokio::sync::Semaphore;

    use super::*;

    /// A broker that takes commits, each when there is a permit.
    #[derive(Clone)]
    struct Broker {
        asked: watch::Sender<usize>,
        answers: Arc<Semaphore>,
        taken: Arc<Mutex<Vec<i64>>>,
    }

    impl Broker {
        fn start(
            token: &CancellationToken,
            commit_max: Duration,
        ) -> (Self, watch::Sender<Positions>, tokio::task::JoinHandle<()>) {
            let broker = Self {
                asked: watch::Sender::new(0),
                answers: Arc::new(Semaphore::new(0)),
                taken: Arc::default(),
            };
            let (tell, newest) = watch::channel(Positions::new());
            let (at, token) = (broker.clone(), token.clone());
            let task = tokio::spawn(async move {
                follow(newest, &token, commit_max, |positions| at.commit(positions)).await;
            });
            (broker, tell, task)
        }

        async fn commit(&self, positions: Positions) -> Result<()> {
            self.asked.send_modify(|asked| *asked += 1);
            self.answers.acquire().await.unwrap().forget();
            self.taken.lock().unwrap().push(positions[0].1);
            Ok(())
        }
    }

    #[tokio::test]
    async fn only_the_newest_positions_wait_and_the_last_are_committed_at_the_end() {
        let token = CancellationToken::new();
        let (broker, tell, task) = Broker::start(&token, Duration::from_secs(60));
        tell.send_replace(vec![(0, 1)]);
        broker
            .asked
            .subscribe()
            .wait_for(|asked| *asked == 1)
            .await
            .unwrap();
        for next in 2..100 {
            tell.send_replace(vec![(0, next)]);
        }
        token.cancel();
        broker.answers.add_permits(2);
        task.await.unwrap();
        assert_eq!(*broker.taken.lock().unwrap(), [1, 99]);
    }

    #[tokio::test]
    async fn a_broker_that_does_not_answer_holds_up_neither_the_next_commit_nor_the_end() {
        let token = CancellationToken::new();
        let (broker, tell, task) = Broker::start(&token, Duration::from_millis(10));
        tell.send_replace(vec![(0, 1)]);
        broker
            .asked
            .subscribe()
            .wait_for(|asked| *asked == 1)
            .await
            .unwrap();
        tell.send_replace(vec![(0, 2)]);
        // The first is given up, which is what the second waits for.
        broker
            .asked
            .subscribe()
            .wait_for(|asked| *asked == 2)
            .await
            .unwrap();
        token.cancel();
        task.await.unwrap();
        assert_eq!(*broker.taken.lock().unwrap(), Vec::<i64>::new());
    }
}
