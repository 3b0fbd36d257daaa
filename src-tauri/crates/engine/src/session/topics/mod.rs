//! Topics as tables: `CLUSTER.TOPIC` with `_partition`, `_offset`, `_timestamp`, `_key`, `_headers` and `value`.
//!
//! What reads a topic is handed in ([`Topics`]); here is what SQL makes of it: which part of the topic has to be read at
//! all ([`TopicRange`]), which records can be passed over ([`Need`]), and which columns are decoded, those of the
//! condition first and the others only of the rows that it keeps.
//!
//! Invariants: a range and a need leave out only rows that the conditions leave out, and the conditions are evaluated
//! all the same; a query reads up to the ends that the partitions had when it was planned.

mod expr;
mod named;
mod need;
mod progress;
mod ranges;
mod table;

use std::{collections::BTreeMap, fmt, sync::Arc};

use arrow::{
    array::{BooleanArray, RecordBatch},
    datatypes::SchemaRef,
};
use async_trait::async_trait;
use tailrace_model::{Result, need::Need};
use tokio_util::sync::CancellationToken;

use expr::is_safe;
pub use named::{Named, Used};
pub(super) use need::need;
pub use progress::Scan;
use progress::ScanCounters;
pub(super) use ranges::ranges;
pub use ranges::{RANGES_MAX, TopicRange};
use table::TopicProvider;

/// The topics that one query reads.
#[derive(Debug, Default)]
pub(super) struct QueryTopics {
    tables: BTreeMap<(String, String), Arc<TopicProvider>>,
    counters: Arc<ScanCounters>,
}

impl QueryTopics {
    pub async fn open(
        &mut self,
        topics: &dyn Topics,
        cluster: &str,
        topic: &str,
        named: &Named,
    ) -> Result<()> {
        let table = topics.open(cluster, topic, named).await?;
        let provider = TopicProvider {
            table,
            counters: Arc::clone(&self.counters),
        };
        self.tables
            .insert((cluster.to_owned(), topic.to_owned()), Arc::new(provider));
        Ok(())
    }

    pub fn is_empty(&self) -> bool {
        self.tables.is_empty()
    }

    pub fn has_cluster(&self, cluster: &str) -> bool {
        self.tables.keys().any(|(known, _)| known == cluster)
    }

    pub fn topics(&self, cluster: &str) -> Vec<String> {
        let of = self.tables.keys().filter(|(known, _)| known == cluster);
        of.map(|(_, topic)| topic.clone()).collect()
    }

    pub fn table(&self, cluster: &str, topic: &str) -> Option<Arc<TopicProvider>> {
        self.tables.get(&(cluster.to_owned(), topic.to_owned())).cloned()
    }

    /// What was read so far; `None`: the query reads no topic.
    pub fn scan(&self) -> Option<Scan> {
        if self.is_empty() {
            return None;
        }
        let notes = self.tables.values().flat_map(|provider| provider.table.notes());
        Some(Scan {
            notes: notes.collect(),
            ..self.counters.scan()
        })
    }

    /// Ends the reading: the query ends with what was read.
    pub fn halt(&self) {
        self.counters.halt.cancel();
    }
}

impl Drop for QueryTopics {
    fn drop(&mut self) {
        self.halt();
    }
}

/// The clusters whose topics are tables.
#[async_trait]
pub trait Topics: Send + Sync {
    /// Whether there is a cluster of this name.
    fn has(&self, cluster: &str) -> bool;

    /// The names of all clusters.
    fn clusters(&self) -> Vec<String>;

    /// A topic, its columns learnt from a sample of its records. Those that the query names and the sample lacks are
    /// there too. Fails when there is no such topic (`unknown_topic`).
    async fn open(&self, cluster: &str, topic: &str, named: &Named) -> Result<Arc<dyn TopicTable>>;
}

/// A topic opened for one query.
#[async_trait]
pub trait TopicTable: fmt::Debug + Send + Sync {
    /// Every column.
    fn schema(&self) -> SchemaRef;

    /// The columns that are wanted.
    fn schema_of(&self, wanted: &[Wanted]) -> SchemaRef;

    /// Looks up where the ranges are and divides them among at most so many readers.
    async fn plan(&self, ranges: &[TopicRange], readers_max: usize) -> Result<Vec<Arc<dyn TopicPart>>>;

    /// What a person should know of it at the end, if it was read: names that no record had, and the like.
    fn notes(&self) -> Vec<String>;
}

/// What one reader reads.
#[async_trait]
pub trait TopicPart: fmt::Debug + Send + Sync {
    /// Offsets from the beginning to the end: there are no more records.
    fn records(&self) -> u64;

    async fn read(&self, read: TopicRead) -> Result<Box<dyn TopicReading>>;
}

/// How it is read.
#[derive(Debug, Clone)]
pub struct TopicRead {
    /// What the condition looks at; absent: there is none.
    pub condition: Option<Vec<Wanted>>,
    pub output: Vec<Wanted>,
    /// What a record must have so that the condition can hold.
    pub need: Need,
    /// So many rows are enough.
    pub limit: Option<usize>,
    pub token: CancellationToken,
}

/// A column that is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    pub column: String,
    /// Fields of a struct, each by the names that lead to it; absent: all of it.
    pub paths: Option<Vec<Vec<String>>>,
}

impl Wanted {
    pub fn whole(column: impl Into<String>) -> Self {
        Self {
            column: column.into(),
            paths: None,
        }
    }
}

/// A read that runs. Dropping it ends it.
#[async_trait]
pub trait TopicReading: Send {
    /// The next rows; `None`: all were read.
    async fn next(&mut self) -> Result<Option<TopicRows>>;
}

/// Rows as they were read.
pub struct TopicRows {
    pub rows: Box<dyn RawRows>,
    /// Records read for them, passed over ones included.
    pub scanned: u64,
    pub bytes: u64,
    /// Records that were deleted before they could be read, so far.
    pub lost: u64,
}

/// Which columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    Condition,
    Output,
}

/// Rows that are not decoded yet.
pub trait RawRows: Send {
    fn count(&self) -> usize;

    /// Decodes the columns of a stage.
    fn decode(&mut self, stage: Stage) -> Result<DecodedRows>;

    /// Goes on with these rows only.
    fn keep(&mut self, rows: &BooleanArray) -> Result<()>;
}

/// Columns of rows.
#[derive(Debug, Clone)]
pub struct DecodedRows {
    /// Of [`TopicTable::schema_of`].
    pub records: RecordBatch,
    /// Fields that were of another type than their column's: they are null.
    pub mistyped: u64,
    /// Values that could not be decoded at all: they are null.
    pub undecoded: u64,
}
