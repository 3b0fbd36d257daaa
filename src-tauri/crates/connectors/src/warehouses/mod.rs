//! Warehouses: tables that others keep, read as Arrow batches. One folder each, one line each in [`open`].
//!
//! Invariants: nothing is ever written to a warehouse. A table is read whole, at one moment, or not at all: what goes
//! beyond a limit is an error that names the table, never a part of it.

use std::path::Path;

use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use tailrace_model::{Result, WarehouseDefinition, WarehouseKind};
use tokio_util::sync::CancellationToken;

mod sqlite;

/// Rows that a table may have.
pub const TABLE_ROWS_MAX: u64 = 20_000_000;
/// Bytes that a table may take in memory.
pub const TABLE_BYTES_MAX: u64 = 2 * 1024 * 1024 * 1024;

/// What a read may take. [`ReadLimits::default`] is for everyday use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadLimits {
    pub rows_max: u64,
    pub bytes_max: u64,
}

impl Default for ReadLimits {
    fn default() -> Self {
        Self {
            rows_max: TABLE_ROWS_MAX,
            bytes_max: TABLE_BYTES_MAX,
        }
    }
}

/// Makes a warehouse from its definition; relative paths start at `base`, the workspace. Speaks to nobody:
/// [`Warehouse::check`] does. An error names the key at fault.
pub fn open(definition: &WarehouseDefinition, base: &Path) -> Result<Box<dyn Warehouse>> {
    match definition.kind {
        WarehouseKind::Sqlite => Ok(Box::new(sqlite::open(definition, base, ReadLimits::default())?)),
    }
}

/// A system with tables.
#[async_trait]
pub trait Warehouse: Send + Sync {
    /// Where it is, without secrets.
    fn target(&self) -> String;

    /// Tries the connection and says in a sentence what was found.
    async fn check(&self, cancel: &CancellationToken) -> Result<String>;

    /// The names of its tables and views, sorted.
    async fn tables(&self, cancel: &CancellationToken) -> Result<Vec<String>>;

    /// All rows of a table or view, as they were at one moment: at least one batch, perhaps empty, all of one schema.
    /// Columns are Int64, Float64, Utf8, Boolean or Binary, and nullable.
    async fn read(&self, table: &str, cancel: &CancellationToken) -> Result<Vec<RecordBatch>>;
}
