//! Keeps the event log compact, beside collecting: it holds up no checkpoint, and one that fails is tried again later
//! and later.

use std::{pin::pin, sync::Arc, time::Duration};

use tailrace_model::Result;
use tokio_util::sync::CancellationToken;

use super::backoff::Backoff;
use crate::{
    core::{Stage, now_ms},
    open::{Held, OpenWorkspace},
};

/// A compaction that failed is tried again after this, at first; the pause doubles up to [`RETRY_MAX`].
const RETRY_MIN: Duration = Duration::from_secs(1);
const RETRY_MAX: Duration = Duration::from_secs(300);

/// Starts the task that compacts the log whenever checkpoints have made it worth while.
pub(super) fn start(open: &Arc<OpenWorkspace>) {
    let weak = Arc::downgrade(open);
    open.supervisor.spawn(Stage::Work, |token| async move {
        let mut backoff = Backoff::new(RETRY_MIN, RETRY_MAX);
        while !token.is_cancelled() {
            let Some(open) = weak.upgrade() else { return };
            let Ok(held) = open.held() else { return };
            // Before the log is looked at: a checkpoint meanwhile is not missed.
            let mut checkpointed = pin!(held.people.checkpointed.notified());
            checkpointed.as_mut().enable();
            let rest = match compact(held, &token).await {
                Ok(compacted) => {
                    backoff.reset();
                    if compacted {
                        continue;
                    }
                    None
                }
                Err(error) => {
                    let pause = backoff.pause();
                    tracing::warn!(%error, ?pause, "the event log was not compacted; it is tried again");
                    Some(pause)
                }
            };
            let rested = async {
                match rest {
                    Some(pause) => tokio::time::sleep(pause).await,
                    None => checkpointed.await,
                }
            };
            if token.run_until_cancelled(rested).await.is_none() {
                return;
            }
        }
    });
}

/// Merges segments once; false: there was nothing to merge.
async fn compact(held: &Held, token: &CancellationToken) -> Result<bool> {
    // Closing does not wait for it: what it wrote belongs to no checkpoint, and the next opening removes it.
    let compacted = token.run_until_cancelled(held.people.log.compact(now_ms(), token));
    let Some(change) = compacted.await.transpose()?.flatten() else {
        return Ok(false);
    };
    match held.store.checkpoint(Some(&change), &[], now_ms()).await {
        Ok(()) => {
            held.people.log.install(change);
            Ok(true)
        }
        Err(error) => {
            held.people.log.discard_compaction(change);
            Err(error)
        }
    }
}
