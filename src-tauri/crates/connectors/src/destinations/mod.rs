//! Destinations: the systems that act on an audience. One folder each, one line each in [`registry`].
//!
//! Invariants: a destination takes Arrow batches and knows nothing of audiences, profiles or SQL. Every delivery may be
//! made twice with the same result. A destination deletes only the rows it is handed as removes: those that this sync
//! wrote, which its caller tracks. Batching, retrying and pacing are [`crate::delivery`]'s, never a destination's own.
//! No address, error or check result carries a secret.

use std::{path::Path, time::Duration};

use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use serde_json::{Map, Value};
use tailrace_model::{DestinationKind, Error, Result};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

mod file;
pub mod form;
mod postgres;
pub(crate) mod reason;
pub mod testing;
mod webhook;

pub use form::{Field, FieldKind};
pub use testing::contract;
pub use webhook::Notices;

/// Every kind of destination there is.
pub fn registry() -> &'static [Connector] {
    &[postgres::CONNECTOR, webhook::CONNECTOR, file::CONNECTOR]
}

/// One kind of destination: its form, and how it is opened.
#[derive(Clone, Copy)]
pub struct Connector {
    pub kind: DestinationKind,
    pub title: &'static str,
    /// Keys of `[settings]` in `destinations/NAME.toml`.
    pub settings: &'static [Field],
    /// Keys of `[options]` in a sync that leads here.
    pub options: &'static [Field],
    open: Open,
    place: fn(&SyncContext) -> Result<String>,
}

type Open = fn(&Map<String, Value>, &Path) -> Result<Box<dyn Destination>>;

/// The connector of a kind.
pub fn connector(kind: DestinationKind) -> Result<&'static Connector> {
    registry()
        .iter()
        .find(|connector| connector.kind == kind)
        .ok_or_else(|| {
            Error::internal(
                "destination_kind",
                "this kind of destination is not in the registry",
            )
        })
}

/// Makes a destination from its settings, whose secrets are resolved. Speaks to nobody: [`Destination::check`] does.
/// Relative paths start at `base`, the workspace. An error names the key at fault (`settings.url`).
pub fn open(
    kind: DestinationKind,
    settings: &Map<String, Value>,
    base: &Path,
) -> Result<Box<dyn Destination>> {
    (connector(kind)?.open)(settings, base)
}

/// What of a destination of this kind the sync owns: its table, its file; see [`Destination::place`]. Needs no settings,
/// so it can be told where a secret of theirs is not known. Two syncs with one target and one place would take each
/// other's rows away.
pub fn place(kind: DestinationKind, sync: &SyncContext) -> Result<String> {
    (connector(kind)?.place)(sync)
}

/// What a sync is, as far as a destination cares.
#[derive(Debug, Clone)]
pub struct SyncContext {
    pub sync: String,
    pub audience: String,
    /// The column that tells rows apart.
    pub key: String,
    /// The sync's `[options]`.
    pub options: Map<String, Value>,
    /// New for every run; idempotency keys begin with it.
    pub run: Uuid,
}

/// What a destination is handed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wants {
    /// Rows that changed, in batches.
    Difference,
    /// Every row, in one batch whose `upserts` are the whole audience.
    WholeState,
}

/// Rows to be made so, and rows to be taken away. No key is in both or twice in one.
#[derive(Debug, Clone)]
pub struct DeliveryBatch {
    pub upserts: RecordBatch,
    /// Rows as they were last acknowledged.
    pub removes: RecordBatch,
    /// The same for every attempt at this batch, and for no other.
    pub idempotency_key: String,
}

impl DeliveryBatch {
    pub fn rows(&self) -> usize {
        self.upserts.num_rows() + self.removes.num_rows()
    }
}

/// What became of one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowOutcome {
    Acknowledged,
    /// `retry`: the same row may be taken if it is sent again soon.
    Refused {
        reason: String,
        retry: bool,
    },
}

/// Why a batch got no answer row by row.
#[derive(Debug, Clone)]
pub struct Failure {
    pub kind: FailureKind,
    pub error: Error,
    /// The destination asked for this much patience.
    pub retry_after: Option<Duration>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// The same batch may be taken later.
    Retry,
    /// Something in the batch was refused and nothing of it was written: its parts may fare better.
    Split,
    /// No batch will be taken until somebody mends something.
    Stop,
}

impl Failure {
    pub fn retry(error: Error) -> Self {
        Self {
            kind: FailureKind::Retry,
            error,
            retry_after: None,
        }
    }

    pub fn split(error: Error) -> Self {
        Self {
            kind: FailureKind::Split,
            error,
            retry_after: None,
        }
    }

    pub fn stop(error: Error) -> Self {
        Self {
            kind: FailureKind::Stop,
            error,
            retry_after: None,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        if error.retry {
            Self::retry(error)
        } else {
            Self::stop(error)
        }
    }
}

/// How fast, how much at once and how stubbornly a destination is spoken to.
#[derive(Debug, Clone, PartialEq)]
pub struct Pace {
    pub batch_rows_max: usize,
    /// Bytes of values and column names in a batch. A single row beyond it is refused.
    pub batch_bytes_max: usize,
    /// Attempts at one batch before the run fails.
    pub attempts_max: u32,
    /// The wait after the first failed attempt; it doubles after each further one.
    pub backoff_first_ms: u64,
    pub backoff_max_ms: u64,
    /// A destination that asks for more patience than this fails the run.
    pub retry_after_max_ms: u64,
    /// An attempt without an answer counts as failed after this long.
    pub attempt_timeout_ms: u64,
    pub rows_per_second_max: Option<f64>,
    pub requests_per_second_max: Option<f64>,
    /// A run stops when this many rows are refused with none acknowledged between them.
    pub refused_in_a_row_max: u64,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            batch_rows_max: 1_000,
            batch_bytes_max: 8 * 1024 * 1024,
            attempts_max: 5,
            backoff_first_ms: 250,
            backoff_max_ms: 10_000,
            retry_after_max_ms: 60_000,
            attempt_timeout_ms: 30_000,
            rows_per_second_max: None,
            requests_per_second_max: None,
            refused_in_a_row_max: 200,
        }
    }
}

/// A system that takes rows.
#[async_trait]
pub trait Destination: Send + Sync {
    /// Where it leads, without secrets.
    fn target(&self) -> String;

    /// Equal for two destinations that lead to one system, whatever its target leaves out; holds no secret either.
    fn identity(&self) -> String {
        self.target()
    }

    fn wants(&self) -> Wants;

    fn pace(&self) -> Pace;

    /// What of the destination the sync owns: its table, its file. Reads the sync's options and speaks to nobody.
    fn place(&self, sync: &SyncContext) -> Result<String>;

    /// Whether what was delivered is still there, where that can be told at no cost; elsewhere it is taken to be.
    async fn is_there(&self, _sync: &SyncContext) -> Result<bool> {
        Ok(true)
    }

    /// Tries the connection and says in a sentence what was found.
    async fn check(&self, cancel: &CancellationToken) -> Result<String>;

    /// Writes one batch. `Ok` holds an outcome a row, of the upserts and then of the removes; on `Err` it is not known
    /// whether anything was written, except with [`FailureKind::Split`], when nothing was. Dropping the future gives up
    /// the attempt. Called by [`crate::delivery::run`] alone.
    async fn deliver(&self, sync: &SyncContext, batch: &DeliveryBatch) -> Result<Vec<RowOutcome>, Failure>;
}

/// The error of a task that was told to stop.
pub(crate) fn cancelled() -> Error {
    Error::external("cancelled", "stopped on request")
}
