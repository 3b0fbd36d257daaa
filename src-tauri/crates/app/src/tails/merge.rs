//! Records of several partitions merged by their times.
//!
//! A record's place is the largest time of its partition up to it, records that did not match included, then its
//! partition, then its offset. For times that never go back this is their order; where they do, it is what a merge gives
//! that always takes the earliest of the partitions' next records.
//!
//! Invariants: a partition's own order is always kept, and no record is lost; a record is released when no partition that
//! is still read can bring one before it. A tail that has an end waits for as long as that takes. One that has none waits
//! as long for what there was when it started, unless a partition does not move at all; for what comes it waits
//! `linger_ms`, or `idle_ms` where the partition is at its end as far as is known. What waits is bounded: partitions that
//! are ahead are held before that, and where the bound is reached all the same, records are released early. Every place
//! in which the order was not kept is counted and told.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque},
    sync::Arc,
};

use arrow::{
    array::{Array, AsArray, Int64Array, RecordBatch},
    compute::interleave_record_batch,
    datatypes::Int32Type,
};
use tailrace_connectors::clusters::kafka::{MarkState, TailMark};
use tailrace_model::{Error, Result};

/// So many records in a row of one partition are handed on as they are, not copied into a batch with others.
const SLICE_ROWS_MIN: usize = 256;
/// And records of so many bytes.
const SLICE_BYTES_MIN: usize = 256 * 1024;
/// Of a batch that is put together.
const BATCH_ROWS_MAX: usize = 8_192;
const BATCH_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Of the batches that one is put together from: its columns' offsets have 32 bits, and a record may be very large.
const FROM_BYTES_MAX: usize = 512 * 1024 * 1024;

/// How much waits, and how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MergeLimits {
    /// Where so much waits, partitions that are ahead are not read on.
    pub hold_rows: usize,
    pub hold_bytes: usize,
    /// Where so much waits all the same, records are released early.
    pub rows_max: usize,
    pub bytes_max: usize,
    /// How long a record of a tail without an end waits for what comes in other partitions.
    pub linger_ms: u64,
    /// The same, for partitions that stand at their end: what is produced at one time arrives at slightly different ones.
    pub idle_ms: u64,
    /// A partition that brought nothing while it was listened to for so long is not waited for, unless the tail has an end.
    pub stalled_ms: u64,
}

impl Default for MergeLimits {
    fn default() -> Self {
        Self {
            hold_rows: 200_000,
            hold_bytes: 32 * 1024 * 1024,
            rows_max: 600_000,
            bytes_max: 96 * 1024 * 1024,
            linger_ms: 200,
            idle_ms: 50,
            stalled_ms: 5_000,
        }
    }
}

/// A place in the order: time and partition. Within a partition, records are in order as they come.
type Place = (i64, i32);

/// Matched records of a batch.
#[derive(Debug)]
struct Taken {
    records: RecordBatch,
    order_ms: Int64Array,
    row_bytes: usize,
    arrived_ms: u64,
}

/// Records in a row of one partition.
#[derive(Debug)]
struct Run {
    of: Arc<Taken>,
    at: usize,
    end: usize,
}

impl Run {
    fn first_ms(&self) -> i64 {
        self.of.order_ms.value(self.at)
    }

    fn last_ms(&self) -> i64 {
        self.of.order_ms.value(self.end - 1)
    }

    /// How many of its records are before a place.
    fn before(&self, partition: i32, limit: Option<Place>) -> usize {
        let order = &self.of.order_ms.values()[self.at..self.end];
        match limit {
            None => order.len(),
            Some(limit) if order.last().is_some_and(|last| (*last, partition) < limit) => order.len(),
            Some(limit) => order.partition_point(|ms| (*ms, partition) < limit),
        }
    }
}

#[derive(Debug)]
struct Part {
    runs: VecDeque<Run>,
    seen_ms: i64,
    state: MarkState,
    next: i64,
    /// When it moved last, of the time in which the tail was listened to.
    moved_ms: u64,
}

/// Why records were released before it was known that none comes before them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Early {
    Full,
    Lingered,
    Idle,
    Stalled,
}

/// See the module's text.
#[derive(Debug)]
pub struct Merge {
    limits: MergeLimits,
    /// The tail has an end.
    ends: bool,
    parts: BTreeMap<i32, Part>,
    rows: usize,
    bytes: usize,
    listened_ms: u64,
    held: BTreeSet<i32>,
    last: Option<Place>,
    places: u64,
    early: BTreeSet<Early>,
}

impl Merge {
    pub fn new(ends: bool, limits: MergeLimits) -> Self {
        Self {
            limits,
            ends,
            parts: BTreeMap::new(),
            rows: 0,
            bytes: 0,
            listened_ms: 0,
            held: BTreeSet::new(),
            last: None,
            places: 0,
            early: BTreeSet::new(),
        }
    }

    /// Takes what matched of a batch, with the place of each record in the order of times, and how far the partitions are.
    /// `at_ms` is a time that never goes back.
    pub fn add(&mut self, records: RecordBatch, order_ms: Int64Array, marks: &[TailMark], at_ms: u64) {
        for mark in marks {
            let part = self.parts.entry(mark.partition).or_insert_with(|| Part {
                runs: VecDeque::new(),
                seen_ms: mark.seen_ms,
                state: mark.state,
                next: mark.next,
                moved_ms: self.listened_ms,
            });
            if part.next != mark.next {
                part.moved_ms = self.listened_ms;
            }
            (part.seen_ms, part.state, part.next) = (mark.seen_ms, mark.state, mark.next);
        }
        let rows = records.num_rows();
        let Some(partitions) = records.column_by_name("_partition").filter(|_| rows > 0) else {
            return;
        };
        let partitions = partitions.as_primitive::<Int32Type>().clone();
        let row_bytes = (bytes_of(&records) / rows).max(1);
        self.rows += rows;
        self.bytes += rows * row_bytes;
        let of = Arc::new(Taken {
            records,
            order_ms,
            row_bytes,
            arrived_ms: at_ms,
        });
        let mut at = 0;
        for run in partitions.values().chunk_by(|one, other| one == other) {
            let end = at + run.len();
            let part = self.parts.entry(run[0]).or_insert_with(|| Part {
                runs: VecDeque::new(),
                seen_ms: i64::MIN,
                state: MarkState::Idle,
                next: 0,
                moved_ms: self.listened_ms,
            });
            part.runs.push_back(Run {
                of: Arc::clone(&of),
                at,
                end,
            });
            at = end;
        }
    }

    /// The tail was listened to for so long.
    pub fn listened(&mut self, ms: u64) {
        self.listened_ms += ms;
    }

    /// Records that wait.
    pub fn waiting(&self) -> u64 {
        self.rows as u64
    }

    /// When records that wait may have waited long enough.
    pub fn due_in_ms(&self, at_ms: u64) -> Option<u64> {
        if self.ends {
            return None;
        }
        let firsts = self.parts.values().filter_map(|part| part.runs.front());
        let waits = [self.limits.idle_ms, self.limits.linger_ms];
        let due = firsts.flat_map(|run| waits.map(|wait| run.of.arrived_ms + wait));
        due.filter(|due| *due > at_ms).min().map(|due| due - at_ms)
    }

    /// The records whose turn has come, in order.
    pub fn release(&mut self, at_ms: u64) -> Result<Vec<RecordBatch>> {
        let limit = self.limit(at_ms);
        self.release_before(limit)
    }

    /// All that is left, in order.
    pub fn rest(&mut self) -> Result<Vec<RecordBatch>> {
        self.release_before(None)
    }

    /// Partitions that should not be read on until others are as far.
    pub fn held(&mut self) -> BTreeSet<i32> {
        let over = |part: usize| {
            self.rows > self.limits.hold_rows / part || self.bytes > self.limits.hold_bytes / part
        };
        let (over, far) = (over(1), over(2));
        let parts = &self.parts;
        // The one that is waited for has none.
        let ahead = |partition: &i32| {
            let part = parts.get(partition);
            part.is_some_and(|part| !part.runs.is_empty() && part.state != MarkState::Idle)
        };
        let mut held = self.held.clone();
        held.retain(|partition| far && ahead(partition));
        if over {
            held.extend(parts.keys().copied().filter(ahead));
        }
        for partition in self.held.difference(&held) {
            if let Some(part) = self.parts.get_mut(partition) {
                // It did not move because it was not to.
                part.moved_ms = self.listened_ms;
            }
        }
        self.held = held;
        self.held.clone()
    }

    /// In how many places the order is not kept, and why.
    pub fn note(&self) -> Option<String> {
        if self.places == 0 {
            return None;
        }
        let why = self.early.iter().map(|early| match early {
            Early::Full => format!(
                "more than {} records or {} MB waited for a slower partition",
                self.limits.rows_max,
                self.limits.bytes_max / (1024 * 1024)
            ),
            Early::Lingered => format!(
                "a live tail waits {} ms for a slower partition",
                self.limits.linger_ms
            ),
            Early::Idle => format!(
                "a live tail waits {} ms for a partition at its end",
                self.limits.idle_ms
            ),
            Early::Stalled => format!(
                "a partition did not move for {} seconds",
                self.limits.stalled_ms / 1_000
            ),
        });
        let places = match self.places {
            1 => "1 place".to_owned(),
            places => format!("{places} places"),
        };
        let mut why = why.collect::<Vec<_>>().join(", and ");
        if why.is_empty() {
            why.push_str("they arrived after records of a later time");
        }
        Some(format!("not in the order of time in {places}, because {why}"))
    }

    /// Records before this place can be released; `None`: all.
    fn limit(&mut self, at_ms: u64) -> Option<Place> {
        let mut stalled = false;
        let mut for_good: Option<Place> = None;
        let (mut lingering, mut idle): (Option<Place>, Option<Place>) = (None, None);
        for (partition, part) in &self.parts {
            let limit = match (self.ends, part.state) {
                (true, MarkState::Idle) => continue,
                (true, _) => &mut for_good,
                (false, MarkState::Idle) => &mut idle,
                (false, MarkState::Live) => &mut lingering,
                (false, _)
                    if self.held.contains(partition)
                        || self.listened_ms - part.moved_ms < self.limits.stalled_ms =>
                {
                    &mut for_good
                }
                (false, _) => {
                    stalled = true;
                    continue;
                }
            };
            // After its own records: it brings none before those that it has brought.
            let place = (part.seen_ms, partition.saturating_add(1));
            *limit = Some(limit.map_or(place, |limit| limit.min(place)));
        }
        if stalled && self.rows > 0 {
            self.early.insert(Early::Stalled);
        }
        let waits = [
            (lingering, self.limits.linger_ms, Early::Lingered),
            (idle, self.limits.idle_ms, Early::Idle),
        ];
        let mut limit = for_good;
        for (for_a_while, wait_ms, why) in waits {
            let Some(mut until) = for_a_while else { continue };
            if let Some(waited) = self.waited(wait_ms, at_ms)
                && waited > until
            {
                self.early.insert(why);
                until = waited;
            }
            limit = Some(limit.map_or(until, |limit| limit.min(until)));
        }
        limit
    }

    /// After the last of the records that have waited long enough.
    fn waited(&self, wait_ms: u64, at_ms: u64) -> Option<Place> {
        let last = |(partition, part): (&i32, &Part)| {
            let waited = |run: &&Run| run.of.arrived_ms + wait_ms <= at_ms;
            let run = part.runs.iter().take_while(waited).last()?;
            Some((run.last_ms(), partition.saturating_add(1)))
        };
        self.parts.iter().filter_map(last).max()
    }

    fn is_full(&self) -> bool {
        self.rows > self.limits.rows_max || self.bytes > self.limits.bytes_max
    }

    fn release_before(&mut self, limit: Option<Place>) -> Result<Vec<RecordBatch>> {
        let first =
            |(partition, part): (&i32, &Part)| Some(Reverse((part.runs.front()?.first_ms(), *partition)));
        let mut firsts: BinaryHeap<Reverse<Place>> = self.parts.iter().filter_map(first).collect();
        let mut out = Output::default();
        while let Some(Reverse((_, partition))) = firsts.pop() {
            let mut until = match (firsts.peek(), limit) {
                (Some(Reverse(next)), Some(limit)) => Some(limit.min(*next)),
                (next, limit) => next.map(|Reverse(next)| *next).or(limit),
            };
            if self.is_full() && !self.is_before(partition, limit) {
                self.early.insert(Early::Full);
                until = firsts.peek().map(|Reverse(next)| *next);
            }
            if !self.take(partition, until, &mut out)? {
                break;
            }
            if let Some(run) = self.parts.get(&partition).and_then(|part| part.runs.front()) {
                firsts.push(Reverse((run.first_ms(), partition)));
            }
        }
        out.finish()
    }

    fn is_before(&self, partition: i32, limit: Option<Place>) -> bool {
        let first = self.parts.get(&partition).and_then(|part| part.runs.front());
        first.is_some_and(|run| limit.is_none_or(|limit| (run.first_ms(), partition) < limit))
    }

    /// Releases the records of a partition that are before a place. False: its first one is not.
    fn take(&mut self, partition: i32, until: Option<Place>, out: &mut Output) -> Result<bool> {
        let Some(part) = self.parts.get_mut(&partition) else {
            return Ok(false);
        };
        let mut any = false;
        while let Some(run) = part.runs.front_mut() {
            let count = run.before(partition, until);
            if count == 0 {
                break;
            }
            any = true;
            if self.last.is_some_and(|last| (run.first_ms(), partition) < last) {
                self.places += 1;
            }
            self.last = Some((run.of.order_ms.value(run.at + count - 1), partition));
            self.rows -= count;
            self.bytes -= count * run.of.row_bytes;
            out.push(&run.of, run.at, count)?;
            run.at += count;
            if run.at == run.end {
                part.runs.pop_front();
            }
        }
        Ok(any)
    }
}

/// Puts released records together: long runs as they are, short ones copied side by side.
#[derive(Default)]
struct Output {
    batches: Vec<RecordBatch>,
    /// What waits to be copied, and from where.
    from: Vec<Arc<Taken>>,
    rows: Vec<(usize, usize)>,
    bytes: usize,
    from_bytes: usize,
}

impl Output {
    fn push(&mut self, of: &Arc<Taken>, at: usize, count: usize) -> Result<()> {
        let bytes = count * of.row_bytes;
        if count >= SLICE_ROWS_MIN || bytes >= SLICE_BYTES_MIN {
            self.copy()?;
            self.batches.push(of.records.slice(at, count));
            return Ok(());
        }
        let other = self
            .from
            .first()
            .is_some_and(|first| first.records.schema_ref() != of.records.schema_ref());
        let full = self.rows.len() + count > BATCH_ROWS_MAX
            || self.bytes + bytes > BATCH_BYTES_MAX
            || self.from_bytes > FROM_BYTES_MAX;
        if other || full {
            self.copy()?;
        }
        let from = match self.from.iter().rposition(|from| Arc::ptr_eq(from, of)) {
            Some(from) => from,
            None => {
                self.from_bytes += of.records.num_rows() * of.row_bytes;
                self.from.push(Arc::clone(of));
                self.from.len() - 1
            }
        };
        self.rows.extend((at..at + count).map(|row| (from, row)));
        self.bytes += bytes;
        Ok(())
    }

    fn copy(&mut self) -> Result<()> {
        let (from, rows) = (std::mem::take(&mut self.from), std::mem::take(&mut self.rows));
        (self.bytes, self.from_bytes) = (0, 0);
        let Some((_, first)) = rows.first().copied() else {
            return Ok(());
        };
        let in_a_row = from.len() == 1 && rows.iter().enumerate().all(|(at, (_, row))| *row == first + at);
        if in_a_row {
            self.batches.push(from[0].records.slice(first, rows.len()));
            return Ok(());
        }
        let batches: Vec<&RecordBatch> = from.iter().map(|from| &from.records).collect();
        let merged = interleave_record_batch(&batches, &rows)
            .map_err(|error| Error::internal("arrow", format!("records could not be merged: {error}")))?;
        self.batches.push(merged);
        Ok(())
    }

    fn finish(mut self) -> Result<Vec<RecordBatch>> {
        self.copy()?;
        Ok(self.batches)
    }
}

/// What records take, without what else is in the buffers that they lie in.
pub fn bytes_of(records: &RecordBatch) -> usize {
    let columns = records.columns().iter();
    columns
        .map(|column| column.to_data().get_slice_memory_size().unwrap_or_default())
        .sum()
}

#[cfg(test)]
#[path = "merge_tests.rs"]
mod tests;
