//! What the reading thread takes out of the partitions: records into the batch, notes for the worker.
//!
//! Invariants: a record before the next one expected is left out (none comes twice), one at or past a partition's end is
//! too; whatever is taken moves the partition's position.

use std::{collections::VecDeque, sync::Arc};

use rdkafka::types::RDKafkaErrorCode as Code;
use tailrace_model::api::TailPartition;

use super::{MarkState, Sieve, TailMark, TailSpec, batch::Batch, plan::Span, sieve::Seen};
use crate::clusters::kafka::ffi::consume::{Flow, Message, Sink};

/// No record is larger: Kafka's own limit on a request.
const MESSAGE_BYTES_MAX: usize = 1 << 30;

/// The first records of a tail pass the sieve, so that whoever filters them sees what records look like.
const UNSIEVED_RECORDS: u32 = 200;

/// A partition being read.
pub(super) struct Part {
    pub partition: i32,
    pub from: i64,
    pub next: i64,
    pub end: i64,
    pub stop: Option<i64>,
    pub done: bool,
    pub lost: i64,
    /// What is read after `stop`: from, stop.
    pub later: VecDeque<(i64, i64)>,
    /// Where the times are the broker's own: nothing at or past this time is wanted.
    pub until_stamped_ms: Option<i64>,
    pub stamped: bool,
    /// The largest time so far.
    pub seen_ms: i64,
    /// What there was when it was planned ends here.
    pub history_end: i64,
    /// The broker said that there is nothing more for now.
    pub exhausted: bool,
    /// Not read for a while: whoever merges waits for others.
    pub held: bool,
    /// It is known to whoever takes the batches that nothing is waited for here.
    pub told_idle: bool,
}

impl Part {
    /// Nothing is known to come.
    pub fn idle(&self) -> bool {
        self.done || self.exhausted || self.next >= self.end
    }

    fn mark(&self) -> TailMark {
        TailMark {
            partition: self.partition,
            next: self.next,
            seen_ms: self.seen_ms,
            state: match () {
                () if self.idle() => MarkState::Idle,
                () if self.next < self.history_end => MarkState::History,
                () => MarkState::Live,
            },
        }
    }
}

/// Something a partition told besides a record.
pub(super) struct Note {
    pub partition: i32,
    pub code: Code,
    pub said: String,
}

/// Takes records into the batch.
pub(super) struct Intake {
    pub parts: Vec<Part>,
    /// Partition -> its place in `parts`, plus one; 0: not read.
    pub index: Vec<u32>,
    pub batch: Batch,
    pub notes: Vec<Note>,
    /// Partitions that have just reached their end.
    pub finished: Vec<i32>,
    /// A partition has come to an end since the last batch was handed over.
    pub ended: bool,
    /// Partitions that go on somewhere else.
    pub moved: Vec<i32>,
    pub records_max: usize,
    pub bytes_max: usize,
    pub until_ms: Option<i64>,
    sieve: Option<Arc<Sieve>>,
    unsieved: u32,
    /// Since the last batch was handed over.
    pub scanned: u64,
    pub scanned_bytes: u64,
}

impl Intake {
    pub fn new(spec: &TailSpec) -> Self {
        Self {
            parts: Vec::new(),
            index: Vec::new(),
            batch: Batch::new(spec.columns),
            notes: Vec::new(),
            finished: Vec::new(),
            ended: false,
            moved: Vec::new(),
            records_max: spec.limits.batch_records_max.max(1),
            bytes_max: spec.limits.batch_bytes_max,
            until_ms: spec.until_ms,
            sieve: spec.sieve.clone(),
            unsieved: UNSIEVED_RECORDS,
            scanned: 0,
            scanned_bytes: 0,
        }
    }

    pub fn add(&mut self, span: Span) {
        let at = usize::try_from(span.partition).unwrap_or(0);
        if self.index.len() <= at {
            self.index.resize(at + 1, 0);
        }
        let Span {
            partition,
            from,
            end,
            stop,
            lost,
            later,
            until_stamped_ms,
        } = span;
        self.parts.push(Part {
            partition,
            from,
            next: from,
            end: end.max(from),
            stop,
            done: false,
            lost,
            later: later.into(),
            until_stamped_ms,
            stamped: false,
            seen_ms: i64::MIN,
            history_end: stop.unwrap_or(end),
            exhausted: false,
            held: false,
            told_idle: false,
        });
        self.index[at] = u32::try_from(self.parts.len()).unwrap_or(0);
    }

    #[inline]
    pub fn part(&mut self, partition: i32) -> Option<&mut Part> {
        let at = *self.index.get(usize::try_from(partition).ok()?)?;
        self.parts.get_mut((at as usize).checked_sub(1)?)
    }

    pub fn done(&self, partition: i32) -> bool {
        self.parts
            .iter()
            .any(|part| part.partition == partition && part.done)
    }

    pub fn all_done(&self) -> bool {
        self.parts.iter().all(|part| part.done)
    }

    pub fn finish(&mut self, partition: i32) {
        self.ended = true;
        let Some(part) = self.part(partition).filter(|part| !part.done) else {
            return;
        };
        match part.later.pop_front() {
            Some((from, stop)) => {
                part.next = part.next.max(from);
                part.stop = Some(stop);
                self.moved.push(partition);
            }
            None => {
                part.done = true;
                self.finished.push(partition);
            }
        }
    }

    /// Nothing further on in the partition is wanted.
    fn finish_all(&mut self, partition: i32) {
        if let Some(part) = self.part(partition) {
            part.later.clear();
        }
        self.finish(partition);
    }

    pub fn stamped(&self) -> Vec<i32> {
        let stamped = self.parts.iter().filter(|part| part.stamped);
        stamped.map(|part| part.partition).collect()
    }

    pub fn full(&self) -> bool {
        self.batch.records() >= self.records_max || self.batch.bytes() >= self.bytes_max
    }

    pub fn positions(&self) -> Vec<(i32, i64)> {
        self.parts
            .iter()
            .map(|part| (part.partition, part.next))
            .collect()
    }

    /// How far every partition is; what is told as idle here is known to be.
    pub fn marks(&mut self) -> Vec<TailMark> {
        self.ended = false;
        let mark = |part: &mut Part| {
            part.told_idle = part.idle();
            part.mark()
        };
        self.parts.iter_mut().map(mark).collect()
    }

    /// Whether a partition has come to an end that nobody was told of.
    pub fn has_news(&self) -> bool {
        self.ended && self.parts.iter().any(|part| part.idle() && !part.told_idle)
    }

    pub fn lost(&self) -> i64 {
        self.parts.iter().map(|part| part.lost).sum()
    }

    pub fn progress(&self) -> Vec<TailPartition> {
        let one = |part: &Part| TailPartition {
            partition: part.partition,
            from: part.from,
            next: part.next,
            end: part.end.max(part.next),
        };
        self.parts.iter().map(one).collect()
    }

    #[cold]
    fn note(&mut self, message: &Message<'_>, code: Code) {
        let partition = message.partition();
        if code == Code::PartitionEOF {
            // Everything before this offset is read, marks of transactions included.
            let at = message.offset();
            self.ended = true;
            // Of a partition that is held, records before its end may have been passed over.
            if let Some(part) = self.part(partition).filter(|part| !part.held) {
                part.exhausted = part.next <= at;
                part.next = part.next.max(at);
                part.end = part.end.max(at);
                if part.stop.is_some_and(|stop| part.next >= stop) {
                    self.finish(partition);
                }
            }
        }
        self.notes.push(Note {
            partition,
            code,
            said: message.said(),
        });
    }
}

impl Sink for Intake {
    #[inline]
    fn take(&mut self, message: &Message<'_>) -> Flow {
        if let Some(code) = message.note() {
            self.note(message, code);
            return if code == Code::PartitionEOF {
                Flow::More
            } else {
                Flow::Enough
            };
        }
        let until_ms = self.until_ms;
        let Some(part) = self.part(message.partition()) else {
            return Flow::More;
        };
        let offset = message.offset();
        if part.done || part.held || offset < part.next {
            return Flow::More;
        }
        let timestamp_ms = message.timestamp_ms();
        let partition = part.partition;
        let stamped_until = part.until_stamped_ms.zip(timestamp_ms);
        if stamped_until.is_some_and(|(until, at)| at >= until) && message.stamped() {
            self.finish_all(partition);
            return Flow::More;
        }
        if part.stop.is_some_and(|stop| offset >= stop) {
            self.finish(partition);
            // The next range may begin right here.
            return match self.part(partition) {
                Some(part) if !part.done && offset >= part.next => self.take(message),
                _ => Flow::More,
            };
        }
        if until_ms.zip(timestamp_ms).is_some_and(|(until, at)| at >= until) {
            self.finish(partition);
            return Flow::More;
        }
        part.next = offset + 1;
        part.exhausted = false;
        part.seen_ms = part.seen_ms.max(timestamp_ms.unwrap_or(i64::MIN));
        let order_ms = part.seen_ms;
        if part.stop.is_some_and(|stop| part.next >= stop) {
            // Only the last record of a range is asked, which is enough for a sample.
            part.stamped = message.stamped();
            self.finish(partition);
        }
        self.scanned += 1;
        if let Some(sieve) = &self.sieve {
            let (key, value) = (message.key(), message.value());
            self.scanned_bytes += (key.map_or(0, <[u8]>::len) + value.map_or(0, <[u8]>::len)) as u64;
            let seen = Seen {
                partition,
                offset,
                timestamp_ms,
                key,
                value,
            };
            if self.unsieved > 0 {
                self.unsieved -= 1;
            } else if !sieve.may_hold(&seen) {
                return Flow::More;
            }
        }
        self.batch.push(message, timestamp_ms, order_ms);
        if self.full() || !self.batch.fits(MESSAGE_BYTES_MAX) {
            Flow::Enough
        } else {
            Flow::More
        }
    }
}
