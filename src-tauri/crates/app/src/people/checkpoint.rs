//! Writes checkpoints: what was collected becomes a segment on disk, and one transaction makes it true.
//!
//! Invariant: while a checkpoint can't be written nothing is lost: what was collected waits, everybody is told why, and
//! it is tried again until it succeeds.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tailrace_model::{Error, Result, api::Topic};

use super::{Collecting, People, compaction};
use crate::{
    core::{Stage, now_ms},
    open::{Held, OpenWorkspace},
    store::SourceCheckpoint,
};

/// Between two checkpoints, while events arrive.
const INTERVAL: Duration = Duration::from_millis(500);

/// Starts the task that writes checkpoints, and the one that compacts the log; the last checkpoint is written when
/// sources have stopped.
pub fn start(open: &Arc<OpenWorkspace>) {
    let Ok(held) = open.held() else { return };
    if held.people.checkpoints_started.swap(true, Ordering::SeqCst) {
        return;
    }
    compaction::start(open);
    let weak = Arc::downgrade(open);
    open.supervisor.spawn(Stage::Sources, |token| async move {
        let mut tick = tokio::time::interval(INTERVAL);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let stopping = token.run_until_cancelled(tick.tick()).await.is_none();
            let Some(open) = weak.upgrade() else { return };
            // One that failed is kept with the people, who show it.
            if write(&open).await.is_err() && stopping {
                tracing::error!("the last checkpoint was not written: what it would have held is read again");
            }
            if stopping {
                return;
            }
        }
    });
}

/// Writes a checkpoint now, when there is something to write.
pub async fn write(open: &Arc<OpenWorkspace>) -> Result<()> {
    let held = open.held()?;
    let collecting = held.people.collecting.lock().await;
    if collecting.pending.values().all(|pending| !pending.dirty) {
        return Ok(());
    }
    write_held(open, held, collecting).await
}

/// Writes a checkpoint now, be it of identity alone.
pub async fn write_all(open: &Arc<OpenWorkspace>) -> Result<()> {
    let held = open.held()?;
    let collecting = held.people.collecting.lock().await;
    write_held(open, held, collecting).await
}

async fn write_held(
    open: &OpenWorkspace,
    held: &Held,
    mut collecting: tokio::sync::MutexGuard<'_, Collecting>,
) -> Result<()> {
    let written = write_pending(held, &mut collecting).await;
    // In the order of the checkpoints: told before the next one may be written.
    let news = held.people.set_unwritten(written.as_ref().err());
    if let Ok(sources) = &written {
        held.people.tell_followers(sources);
    }
    drop(collecting);
    if news {
        open.hub.add(&Topic::Definitions, 0);
        open.hub.add(&Topic::Events, 0);
    }
    written?;
    open.hub.publish(&Topic::Events, held.people.total_events());
    held.people.checkpointed.notify_waiters();
    Ok(())
}

pub(super) async fn write_pending(held: &Held, collecting: &mut Collecting) -> Result<Vec<SourceCheckpoint>> {
    let now = now_ms();
    let change = tokio::task::block_in_place(|| collecting.collector.seal(now))?;
    let sources: Vec<SourceCheckpoint> = collecting
        .pending
        .values()
        .filter(|pending| pending.dirty)
        .map(|pending| pending.checkpoint())
        .collect();
    if let Err(error) = held.store.checkpoint(change.as_ref(), &sources, now).await {
        if let Some(change) = change {
            collecting.collector.discard(change);
        }
        return Err(error);
    }
    if let Some(change) = change {
        collecting.collector.install(change);
    }
    collecting
        .pending
        .values_mut()
        .for_each(|pending| pending.clear());
    // Whoever finds nothing pending finds it counted.
    held.people.add_counts(&sources, now);
    held.people.intake.covered_by(&sources);
    Ok(sources)
}

impl People {
    /// Why the last checkpoint was not written; absent: it was.
    pub fn unwritten(&self) -> Option<Error> {
        Self::lock(&self.unwritten).clone()
    }

    /// True when this is news.
    fn set_unwritten(&self, error: Option<&Error>) -> bool {
        let error = error.cloned().map(|error| Error {
            message: format!(
                "the checkpoint was not written, and is tried again with all that was collected: {}",
                error.message
            ),
            retry: true,
            ..error
        });
        let mut unwritten = Self::lock(&self.unwritten);
        let code = |error: &Option<Error>| error.as_ref().map(|error| error.code.clone());
        let news = code(&unwritten) != code(&error);
        *unwritten = error;
        news
    }
}
