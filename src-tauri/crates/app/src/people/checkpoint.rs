//! Writes checkpoints: what was collected becomes a segment on disk, and one transaction makes it true.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tailrace_model::{Result, api::Topic};

use crate::{
    core::{Stage, now_ms},
    open::{Held, OpenWorkspace},
    store::SourceCheckpoint,
};

/// Between two checkpoints, while events arrive.
const INTERVAL: Duration = Duration::from_millis(500);
/// A commit of group offsets that takes longer is given up; the next one says the same and more.
const COMMIT_MAX: Duration = Duration::from_secs(2);

/// Starts the task that writes checkpoints and compacts the log; the last one is written when sources have stopped.
pub fn start(open: &Arc<OpenWorkspace>) {
    let Ok(held) = open.held() else { return };
    if held.people.checkpoints_started.swap(true, Ordering::SeqCst) {
        return;
    }
    let weak = Arc::downgrade(open);
    open.supervisor.spawn(Stage::Sources, |token| async move {
        let mut tick = tokio::time::interval(INTERVAL);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let stopping = token.run_until_cancelled(tick.tick()).await.is_none();
            let Some(open) = weak.upgrade() else { return };
            if let Err(error) = write(&open).await {
                tracing::error!(%error, "the checkpoint was not written; what was collected is kept and tried again");
            }
            if stopping {
                return;
            }
            if let Err(error) = compact(&open).await {
                tracing::warn!(%error, "the event log was not compacted");
            }
        }
    });
}

/// Writes a checkpoint now, when there is something to write.
pub async fn write(open: &Arc<OpenWorkspace>) -> Result<()> {
    let held = open.held()?;
    let mut collecting = held.people.collecting.lock().await;
    if collecting.pending.values().all(|pending| !pending.dirty) {
        return Ok(());
    }
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
    drop(collecting);
    let events: u64 = held.people.total_events();
    open.hub.publish(&Topic::Events, events);
    held.people.checkpointed.notify_waiters();
    follow(open, held, sources);
    Ok(())
}

/// Commits the group offsets of each source that has a group, after its checkpoint. The offsets are for people who
/// watch lag; the checkpoint is what counts, and a slow broker holds it not up.
fn follow(open: &OpenWorkspace, held: &Held, sources: Vec<SourceCheckpoint>) {
    for source in sources {
        let Some((cluster, group)) = held.people.group_of(&source.source) else {
            continue;
        };
        // One after the other, so that an older checkpoint is never committed after a newer one.
        let turn = Arc::clone(&held.people.following).lock_owned();
        open.supervisor.spawn(Stage::Sources, |_| async move {
            let _turn = turn.await;
            let commit = cluster.client.commit(&group, &source.topic, &source.positions);
            match tokio::time::timeout(COMMIT_MAX, commit).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::debug!(group, %error, "group offsets were not committed"),
                Err(_) => tracing::debug!(group, "group offsets were not committed in time"),
            }
        });
    }
}

async fn compact(open: &Arc<OpenWorkspace>) -> Result<()> {
    let held = open.held()?;
    let token = open.supervisor.token(Stage::Sources);
    let Some(change) = held.people.log.compact(now_ms(), &token).await? else {
        return Ok(());
    };
    match held.store.checkpoint(Some(&change), &[], now_ms()).await {
        Ok(()) => {
            held.people.log.install(change);
            Ok(())
        }
        Err(error) => {
            held.people.log.discard_compaction(change);
            Err(error)
        }
    }
}
