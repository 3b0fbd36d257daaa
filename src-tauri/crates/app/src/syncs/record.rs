//! Keeps what became of the rows that were sent.

use std::collections::HashSet;

use async_trait::async_trait;
use tailrace_connectors::{
    delivery::{BatchReport, Change, Recorder, keys},
    destinations::{DeliveryBatch, RowOutcome, SyncContext},
};
use tailrace_model::Result;

use super::difference::rows_as_json;
use crate::{
    core::ActivityHandle,
    store::{Settled, Store},
};

/// Writes attempts and outcomes to the state, and tells the activity how far the run is.
pub struct StoreRecorder<'a> {
    store: &'a Store,
    sync: &'a SyncContext,
    activity: &'a ActivityHandle,
    done: u64,
    planned: u64,
    /// Keys refused in this run.
    pub refused: HashSet<String>,
}

impl<'a> StoreRecorder<'a> {
    pub fn new(store: &'a Store, sync: &'a SyncContext, activity: &'a ActivityHandle, planned: u64) -> Self {
        Self {
            store,
            sync,
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
        self.store.attempt(&self.sync.sync, &sent).await
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
                (change, RowOutcome::Refused { .. }) => {
                    let key = if change == Change::Upsert {
                        &upserts[row]
                    } else {
                        &removes[row]
                    };
                    self.refused.insert(key.clone());
                    settled.refused.push(key.clone());
                }
            }
        }
        self.store.settle(&self.sync.sync, &settled).await?;
        self.done += (settled.upserted.len() + settled.removed.len()) as u64;
        self.activity
            .progress(self.done, Some(self.planned.max(self.done)), None);
        Ok(())
    }
}
