//! Keeps what became of the rows that were sent, and of runs that came to nothing.

use std::collections::HashSet;

use async_trait::async_trait;
use tailrace_connectors::{
    delivery::{BatchReport, Change, Recorder, keys},
    destinations::{DeliveryBatch, RowOutcome, SyncContext},
};
use tailrace_model::{
    Error, Result,
    api::{RunState, Topic},
};

use super::difference::rows_as_json;
use crate::{
    core::{ActivityHandle, now_ms},
    open::{Held, OpenWorkspace},
    store::{RowsOf, RunRow, Settled, Store},
};

/// Records that the schedule could not begin a run. While the reason stays the same it is one run, whose end moves on:
/// what was delivered is not pushed out of the list.
pub async fn not_begun(open: &OpenWorkspace, held: &Held, sync: &str, error: &Error) -> Result<()> {
    let (now, counts) = (now_ms(), RunRow::default());
    let last = held.store.runs(sync, 0, 1).await?.into_iter().next();
    let same = last.filter(|run| {
        let why = run.error.as_ref().map(|it| it.code.as_str());
        run.state == RunState::Failed
            && why == Some(&error.code)
            && run.added + run.changed + run.removed == 0
    });
    let id = match same {
        Some(run) => run.id,
        None => held.store.start_run(sync, now, &counts).await?,
    };
    held.store
        .end_run(id, now, RunState::Failed, &counts, Some(error))
        .await?;
    open.hub.add(&Topic::Syncs, 1);
    Ok(())
}

/// Records that nothing is owed any more, when the last run said otherwise.
pub async fn in_step(open: &OpenWorkspace, held: &Held, sync: &str) -> Result<()> {
    let last = held.store.runs(sync, 0, 1).await?.into_iter().next();
    if !last.is_some_and(|run| matches!(run.state, RunState::Failed | RunState::Partial)) {
        return Ok(());
    }
    let (now, counts) = (now_ms(), RunRow::default());
    let id = held.store.start_run(sync, now, &counts).await?;
    held.store
        .end_run(id, now, RunState::Succeeded, &counts, None)
        .await?;
    open.hub.add(&Topic::Syncs, 1);
    Ok(())
}

/// Writes attempts and outcomes to the state, and tells the activity how far the run is.
pub struct StoreRecorder<'a> {
    store: &'a Store,
    sync: &'a SyncContext,
    of: RowsOf,
    activity: &'a ActivityHandle,
    done: u64,
    planned: u64,
    /// Keys refused in this run.
    pub refused: HashSet<String>,
}

impl<'a> StoreRecorder<'a> {
    pub fn new(
        store: &'a Store,
        sync: &'a SyncContext,
        of: RowsOf,
        activity: &'a ActivityHandle,
        planned: u64,
    ) -> Self {
        Self {
            store,
            sync,
            of,
            activity,
            done: 0,
            planned,
            refused: HashSet::new(),
        }
    }
}

#[async_trait]
impl Recorder for StoreRecorder<'_> {
    async fn on_attempt(&mut self, batch: &DeliveryBatch) -> Result<()> {
        let mut sent = keys(&batch.upserts, &self.sync.key)?;
        sent.extend(keys(&batch.removes, &self.sync.key)?);
        self.store.attempt(&self.of, &sent).await
    }

    async fn on_outcome(&mut self, report: &BatchReport) -> Result<()> {
        let upserts = keys(&report.upserts, &self.sync.key)?;
        let removes = keys(&report.removes, &self.sync.key)?;
        let rows = rows_as_json(&report.upserts)?;
        let mut settled = Settled::default();
        for (change, row, outcome) in report.rows() {
            match (change, outcome) {
                (Change::Upsert, RowOutcome::Acknowledged) => {
                    settled.upserted.push((upserts[row].clone(), rows[row].clone()));
                }
                (Change::Remove, RowOutcome::Acknowledged) => settled.removed.push(removes[row].clone()),
                (Change::Upsert, RowOutcome::Refused { .. }) => {
                    self.refused.insert(upserts[row].clone());
                    settled.refused.push(upserts[row].clone());
                }
                // It may be there: it stays owed.
                (Change::Remove, RowOutcome::Refused { .. }) => {
                    self.refused.insert(removes[row].clone());
                }
            }
        }
        self.store.settle(&self.of, &settled).await?;
        self.done += (settled.upserted.len() + settled.removed.len()) as u64;
        self.activity
            .progress(self.done, Some(self.planned.max(self.done)), None);
        Ok(())
    }
}
