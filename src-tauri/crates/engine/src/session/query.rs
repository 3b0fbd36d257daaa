//! A query that runs: its batches, its counters, its end.

use std::{sync::Arc, time::Instant};

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use datafusion::{execution::SendableRecordBatchStream, physical_plan::ExecutionPlan};
use futures::StreamExt;
use tailrace_model::{Result, api::Column};

use super::{
    Core, names,
    rows::ResultSet,
    topics::{QueryTopics, Scan},
};

/// What a query did so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Rows handed out.
    pub rows: u64,
    /// Bytes in memory of the rows handed out.
    pub bytes: u64,
    /// Events that the event log's scans produced.
    pub events_scanned: u64,
    /// Bytes read from files; `None`: no table that counts them was read.
    pub bytes_scanned: Option<u64>,
    pub took_ms: i64,
}

/// A running query. Dropping it ends its work.
pub struct Query {
    core: Arc<Core>,
    plan: Arc<dyn ExecutionPlan>,
    stream: SendableRecordBatchStream,
    topics: Arc<QueryTopics>,
    schema: SchemaRef,
    rows: u64,
    bytes: u64,
    started: Instant,
    took_ms: Option<i64>,
}

impl Query {
    pub(super) fn new(
        core: Arc<Core>,
        plan: Arc<dyn ExecutionPlan>,
        stream: SendableRecordBatchStream,
        topics: Arc<QueryTopics>,
    ) -> Self {
        let schema = stream.schema();
        Self {
            core,
            plan,
            stream,
            topics,
            schema,
            rows: 0,
            bytes: 0,
            started: Instant::now(),
            took_ms: None,
        }
    }

    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    pub fn columns(&self) -> Vec<Column> {
        names::columns(&self.schema)
    }

    /// The next rows; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<RecordBatch>> {
        match self.stream.next().await {
            Some(Ok(batch)) => {
                self.rows += batch.num_rows() as u64;
                self.bytes += batch.get_array_memory_size() as u64;
                Ok(Some(batch))
            }
            Some(Err(error)) => Err(self.core.translate(&error)),
            None => {
                self.took_ms.get_or_insert(elapsed_ms(self.started));
                Ok(None)
            }
        }
    }

    /// Reads on until the end or until the result is full; says whether it was full.
    pub async fn collect_into(&mut self, result: &mut ResultSet) -> Result<bool> {
        while let Some(batch) = self.next().await? {
            if !result.push(batch) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// For whoever watches while another reads.
    pub fn watch(&self) -> QueryWatch {
        QueryWatch(Arc::clone(&self.topics))
    }

    pub fn counters(&self) -> Counters {
        let mut counters = Counters {
            rows: self.rows,
            bytes: self.bytes,
            took_ms: self.took_ms.unwrap_or_else(|| elapsed_ms(self.started)),
            ..Counters::default()
        };
        scans(&self.plan, &mut counters);
        counters
    }
}

/// Shows how far the reading of topics is, and ends it.
#[derive(Debug, Clone)]
pub struct QueryWatch(Arc<QueryTopics>);

impl QueryWatch {
    /// What was read of topics so far; `None`: the query reads none.
    pub fn scan(&self) -> Option<Scan> {
        self.0.scan()
    }

    /// Ends the reading of topics: the query comes to its end with what was read.
    pub fn halt(&self) {
        self.0.halt();
    }
}

fn elapsed_ms(since: Instant) -> i64 {
    i64::try_from(since.elapsed().as_millis()).unwrap_or(i64::MAX)
}

/// Adds up what the leaves of the plan say of themselves. Of all tables only the event log is read from files; a row that
/// its own filter left out was read all the same.
fn scans(plan: &Arc<dyn ExecutionPlan>, counters: &mut Counters) {
    let children = plan.children();
    if let Some(metrics) = plan.metrics() {
        let sum = |name: &str| metrics.sum_by_name(name).map(|value| value.as_usize() as u64);
        if let Some(bytes) = sum("bytes_scanned") {
            *counters.bytes_scanned.get_or_insert(0) += bytes;
            if children.is_empty() {
                let kept = metrics.output_rows().unwrap_or_default() as u64;
                counters.events_scanned += kept + sum("pushdown_rows_pruned").unwrap_or_default();
            }
        }
    }
    for child in children {
        scans(child, counters);
    }
}
