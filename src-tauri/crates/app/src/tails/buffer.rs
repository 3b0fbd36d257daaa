//! What a tail keeps: matched records as Arrow batches, the older ones packed, bounded in rows and bytes.

use std::collections::VecDeque;

use arrow::array::{AsArray, RecordBatch};
use tailrace_connectors::formats::json::{Fields, Shape, ShapeLimits};
use tailrace_model::{
    Result,
    api::{Column, TailStatus},
    limits::{ROWS_PAGE_MAX, TAIL_BYTES_MAX, TAIL_RECORDS_MAX},
};

use super::packed::PackedRows;

/// Records of each batch that are looked at for fields worth a column.
const OBSERVED_PER_BATCH_MAX: usize = 32;
/// Decoded columns offered.
const COLUMNS_MAX: usize = 40;
/// The rate is measured over this many milliseconds.
const RATE_WINDOW_MS: i64 = 2_000;

/// See the module's text.
#[derive(Debug)]
pub struct Buffer {
    kept: PackedRows,
    shape: Shape,
    scanned: u64,
    scanned_bytes: u64,
    matched: u64,
    evicted: u64,
    /// Rows that left because they were taken.
    taken: u64,
    keeps: Keeps,
    mistyped: u64,
    undecoded: u64,
    /// Values have no fields.
    values_are_text: bool,
    rates: VecDeque<(i64, u64)>,
}

/// A batch in numbers, before it was filtered.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counted {
    pub records: u64,
    pub bytes: usize,
    pub mistyped: u64,
    pub undecoded: u64,
}

/// What becomes of rows when there is no more room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keeps {
    /// For whoever looks: the oldest leave, and are counted as evicted.
    Newest,
    /// For a file or a pipe that takes every row: none leaves before it was taken, and the tail waits.
    Untaken,
}

impl Buffer {
    pub fn new(keeps: Keeps, values_are_text: bool) -> Self {
        Self {
            taken: 0,
            keeps,
            kept: PackedRows::default(),
            shape: Shape::new(ShapeLimits::default()),
            scanned: 0,
            scanned_bytes: 0,
            matched: 0,
            evicted: 0,
            mistyped: 0,
            undecoded: 0,
            values_are_text,
            rates: VecDeque::new(),
        }
    }

    pub fn keeps(&self) -> Keeps {
        self.keeps
    }

    /// Whether the tail has to wait until rows are taken.
    pub fn is_full(&self) -> bool {
        self.keeps == Keeps::Untaken
            && (self.kept.rows() > TAIL_RECORDS_MAX / 2 || self.kept.bytes() > TAIL_BYTES_MAX)
    }

    /// Rows before `offset` were taken.
    pub fn take_until(&mut self, offset: u64) {
        while let Some(oldest) = self.kept.oldest()
            && self.first() + oldest as u64 <= offset
        {
            self.kept.pop();
            self.taken += oldest as u64;
        }
    }

    /// The number of the oldest row kept.
    fn first(&self) -> u64 {
        self.evicted + self.taken
    }
}

/// A page to render: slices of batches, in order.
pub struct Page {
    /// The number of the first row.
    pub first: u64,
    pub slices: Vec<RecordBatch>,
    pub fields: Fields,
    pub columns: Vec<Column>,
    pub total: u64,
}

impl Buffer {
    /// Records that matched so far, kept or evicted.
    pub fn matched(&self) -> u64 {
        self.matched
    }

    /// Counts a batch, before it was filtered.
    pub fn count(&mut self, counted: Counted, now_ms: i64) {
        self.scanned += counted.records;
        self.scanned_bytes += counted.bytes as u64;
        self.mistyped += counted.mistyped;
        self.undecoded += counted.undecoded;
        if self.rates.is_empty() {
            self.rates.push_back((now_ms, 0));
        }
        self.rates.push_back((now_ms, self.scanned));
        // The newest before the window stays: what came since then is what came in the window.
        while self
            .rates
            .get(1)
            .is_some_and(|(at, _)| now_ms - at > RATE_WINDOW_MS)
        {
            self.rates.pop_front();
        }
    }

    /// Keeps records that matched, the next ones in order.
    pub fn keep(&mut self, matched: RecordBatch) -> Result<()> {
        let count = matched.num_rows();
        if count == 0 {
            return Ok(());
        }
        if let Some(values) = matched.column_by_name("value").filter(|_| !self.values_are_text) {
            let sample = values.slice(0, count.min(OBSERVED_PER_BATCH_MAX));
            self.shape.observe(sample.as_binary::<i32>());
        }
        self.matched += count as u64;
        self.kept.push(matched);
        // What is taken at once need not be packed.
        if self.keeps == Keeps::Newest {
            self.kept.pack()?;
            self.evict();
        }
        Ok(())
    }

    fn evict(&mut self) {
        let full = |kept: &PackedRows| kept.rows() > TAIL_RECORDS_MAX || kept.bytes() > TAIL_BYTES_MAX;
        while self.kept.blocks() > 1 && full(&self.kept) {
            self.evicted += self.kept.pop().unwrap_or_default() as u64;
        }
    }

    fn columns(&self) -> Vec<Column> {
        let mut columns = self.shape.fields().columns();
        // What surrounds an event is in every record, and seldom what is looked for.
        columns.sort_by_key(|column| column.name.starts_with("context."));
        columns.truncate(COLUMNS_MAX);
        columns
    }

    /// Counts and columns; the caller adds state, partitions and note.
    pub fn status(&self, now_ms: i64) -> TailStatus {
        let before = self
            .rates
            .iter()
            .rev()
            .find(|(at, _)| now_ms - at > RATE_WINDOW_MS)
            .or(self.rates.front());
        let rate = match (before, self.rates.back()) {
            (Some((from, first)), Some((_, last))) if now_ms > *from => {
                let elapsed = (now_ms - from).clamp(1, RATE_WINDOW_MS);
                (last - first) as f64 * 1_000.0 / elapsed as f64
            }
            _ => 0.0,
        };
        TailStatus {
            scanned: self.scanned,
            scanned_bytes: self.scanned_bytes,
            matched: self.matched,
            evicted: self.evicted,
            mistyped: self.mistyped,
            undecoded: self.undecoded,
            per_second: rate,
            columns: self.columns(),
            ..TailStatus::default()
        }
    }

    /// Rows `offset..offset + limit`, counted from the first that matched.
    pub fn page(&mut self, offset: u64, limit: u32) -> Result<Page> {
        let first = offset.max(self.first());
        let skip = (first - self.first()) as usize;
        Ok(Page {
            first,
            slices: self.kept.slices(skip, (limit as usize).min(ROWS_PAGE_MAX))?,
            fields: self.shape.fields(),
            columns: self.columns(),
            total: self.matched,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_of_the_last_seconds() {
        let mut buffer = Buffer::new(Keeps::Newest, false);
        let mut at = |now_ms: i64, records: u64| {
            if records > 0 {
                let counted = Counted {
                    records,
                    ..Counted::default()
                };
                buffer.count(counted, now_ms);
            }
            buffer.status(now_ms).per_second
        };
        // A steady stream of 100 a second.
        for tick in 1..=50 {
            at(tick * 100, 10);
        }
        assert_eq!(at(5_000, 0), 105.0);
        // A stream that has ended fades, and is nothing after the window.
        let fading = at(6_000, 0);
        assert!((40.0..60.0).contains(&fading), "{fading}");
        assert_eq!(at(7_001, 0), 0.0);
    }
}
