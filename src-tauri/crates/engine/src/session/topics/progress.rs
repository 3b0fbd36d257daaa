//! How far the reading of topics is.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio_util::sync::CancellationToken;

/// What a query read of topics so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scan {
    pub records: u64,
    /// Bytes of keys and values.
    pub bytes: u64,
    /// Records between where it began and where it ends: there may be fewer.
    pub total: u64,
    /// Fields of another type than their column's: they were null.
    pub mistyped: u64,
    /// Values that could not be decoded: they were null.
    pub undecoded: u64,
    /// Records that were deleted before they could be read.
    pub lost: u64,
    /// Whether everything between was read.
    pub complete: bool,
    /// What else is to be known.
    pub notes: Vec<String>,
}

/// The counters of one query.
#[derive(Debug, Default)]
pub(in crate::session) struct ScanCounters {
    pub records: AtomicU64,
    pub bytes: AtomicU64,
    pub total: AtomicU64,
    pub mistyped: AtomicU64,
    pub undecoded: AtomicU64,
    pub lost: AtomicU64,
    pub readers: AtomicU64,
    pub readers_done: AtomicU64,
    /// Ends the reading; what was read goes on through the query.
    pub halt: CancellationToken,
}

impl ScanCounters {
    pub fn scan(&self) -> Scan {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Scan {
            records: of(&self.records),
            bytes: of(&self.bytes),
            total: of(&self.total),
            mistyped: of(&self.mistyped),
            undecoded: of(&self.undecoded),
            lost: of(&self.lost),
            complete: of(&self.readers) == of(&self.readers_done),
            notes: Vec::new(),
        }
    }

    pub fn add(counter: &AtomicU64, more: u64) {
        counter.fetch_add(more, Ordering::Relaxed);
    }
}
