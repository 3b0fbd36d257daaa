//! The sandbox's log: topics, their partitions and the record batches in them, in memory.
//!
//! Invariants: a batch is stored as the bytes that the producer sent, with nothing changed but its base offset and
//! leader epoch (neither is covered by the batch's checksum), so compressed batches need no decompression. Offsets of
//! a partition are dense and never reused. `Log::bytes` is the sum of all stored batches and stays within
//! `total_bytes_max`; a partition stays within `partition_bytes_max`. What is over the limit goes oldest first, which
//! moves the low watermark.

use std::collections::{BTreeMap, HashMap, VecDeque};

use bytes::{Buf, Bytes, BytesMut};
use kafka_protocol::error::ResponseError;
use uuid::Uuid;

use super::SandboxLimits;

/// Size of the header of a version 2 record batch, the only format that the sandbox takes.
const BATCH_HEADER_BYTES: usize = 61;
/// Bytes of the header before `partitionLeaderEpoch`, which `batchLength` does not count.
const BATCH_LENGTH_AFTER: usize = 12;
/// How many of a producer's last batches a partition remembers to recognise one that is sent again.
const PRODUCER_BATCHES_MAX: usize = 5;

/// What the sandbox reads of a batch's header.
#[derive(Debug, Clone, Copy)]
struct BatchHeader {
    attributes: i16,
    base_time_ms: i64,
    max_time_ms: i64,
    producer_id: i64,
    producer_epoch: i16,
    first_sequence: i32,
    records: i32,
}

/// Reads and checks the header of the one batch in `bytes`.
fn read_header(bytes: &[u8]) -> Result<BatchHeader, ResponseError> {
    if bytes.len() < BATCH_HEADER_BYTES {
        return Err(ResponseError::CorruptMessage);
    }
    let mut at = &bytes[8..];
    let length = at.get_i32();
    let _leader_epoch = at.get_i32();
    let magic = at.get_i8();
    let _checksum = at.get_u32();
    let attributes = at.get_i16();
    let last_offset_delta = at.get_i32();
    let header = BatchHeader {
        attributes,
        base_time_ms: at.get_i64(),
        max_time_ms: at.get_i64(),
        producer_id: at.get_i64(),
        producer_epoch: at.get_i16(),
        first_sequence: at.get_i32(),
        records: at.get_i32(),
    };
    if magic != 2 {
        return Err(ResponseError::UnsupportedForMessageFormat);
    }
    if usize::try_from(length).ok() != Some(bytes.len() - BATCH_LENGTH_AFTER) {
        return Err(ResponseError::CorruptMessage);
    }
    // Bits 4 and 5: transactional and control batches, which the sandbox does not have.
    if header.records < 1 || last_offset_delta != header.records - 1 || attributes & 0x30 != 0 {
        return Err(ResponseError::InvalidRecord);
    }
    Ok(header)
}

/// The sequence number `steps` after `first`: they wrap from the largest `i32` to 0.
fn sequence_after(first: i32, steps: i32) -> i32 {
    ((i64::from(first) + i64::from(steps)) & i64::from(i32::MAX)) as i32
}

/// Reads one zigzag varint, the number format inside a record.
fn read_varint(at: &mut &[u8]) -> Option<i64> {
    let mut raw: u64 = 0;
    for shift in (0..64).step_by(7) {
        let (first, rest) = at.split_first()?;
        *at = rest;
        raw |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some((raw >> 1) as i64 ^ -((raw & 1) as i64));
        }
    }
    None
}

/// Offset delta and timestamp of each record of an uncompressed batch; ends early at bytes that make no sense.
fn record_times(batch: &[u8], base_time_ms: i64) -> impl Iterator<Item = (i64, i64)> {
    let mut at = batch.get(BATCH_HEADER_BYTES..).unwrap_or_default();
    std::iter::from_fn(move || {
        let length = usize::try_from(read_varint(&mut at)?).ok()?;
        let mut record = at.get(1..length)?;
        at = at.get(length..)?;
        let time_delta = read_varint(&mut record)?;
        Some((read_varint(&mut record)?, base_time_ms + time_delta))
    })
}

#[derive(Debug)]
struct Batch {
    first: i64,
    last: i64,
    base_time_ms: i64,
    max_time_ms: i64,
    compressed: bool,
    bytes: Bytes,
}

impl Batch {
    /// The first record at or after both `from` and `time_ms`: its offset and timestamp. Inside a compressed batch
    /// the answer is the batch's first offset, which is never later than the record asked for.
    fn find(&self, from: i64, time_ms: i64) -> Option<(i64, i64)> {
        if self.last < from || self.max_time_ms < time_ms {
            return None;
        }
        if self.compressed {
            return Some((self.first.max(from), self.max_time_ms));
        }
        record_times(&self.bytes, self.base_time_ms)
            .map(|(delta, record_ms)| (self.first + delta, record_ms))
            .find(|(offset, record_ms)| *offset >= from && *record_ms >= time_ms)
    }
}

/// What a partition remembers of one idempotent producer.
#[derive(Debug)]
struct Producer {
    epoch: i16,
    /// First sequence, last sequence and base offset of the last batches, oldest first.
    batches: VecDeque<(i32, i32, i64)>,
    /// The partition's offset when the producer last wrote: the least recent is forgotten first.
    last_offset: i64,
}

/// One partition: batches in offset order between the two watermarks.
#[derive(Debug, Default)]
pub struct Partition {
    low: i64,
    high: i64,
    bytes: usize,
    batches: VecDeque<Batch>,
    producers: HashMap<i64, Producer>,
}

impl Partition {
    /// The first offset that can be read.
    pub fn low_watermark(&self) -> i64 {
        self.low
    }

    /// The offset that the next record gets.
    pub fn high_watermark(&self) -> i64 {
        self.high
    }

    /// Bytes of the batches that it holds.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Appends one batch and returns its base offset. A batch that this producer already wrote is not written again.
    fn append(&mut self, sent: &[u8], producers_max: usize) -> Result<i64, ResponseError> {
        let header = read_header(sent)?;
        if let Some(known) = self.check_producer(&header)? {
            return Ok(known);
        }
        let first = self.high;
        let mut bytes = BytesMut::from(sent);
        bytes[..8].copy_from_slice(&first.to_be_bytes());
        bytes[12..16].copy_from_slice(&0_i32.to_be_bytes());
        self.high += i64::from(header.records);
        self.bytes += bytes.len();
        self.batches.push_back(Batch {
            first,
            last: self.high - 1,
            base_time_ms: header.base_time_ms,
            max_time_ms: header.max_time_ms,
            compressed: header.attributes & 7 != 0,
            bytes: bytes.freeze(),
        });
        self.remember_producer(&header, first, producers_max);
        Ok(first)
    }

    /// `Some(base offset)` when the batch is one that was already written, an error when one before it is missing.
    fn check_producer(&self, header: &BatchHeader) -> Result<Option<i64>, ResponseError> {
        let Some(known) = self.producers.get(&header.producer_id) else {
            return Ok(None);
        };
        if header.producer_epoch < known.epoch {
            return Err(ResponseError::InvalidProducerEpoch);
        }
        let first = header.first_sequence;
        if header.producer_epoch > known.epoch {
            return if first == 0 {
                Ok(None)
            } else {
                Err(ResponseError::OutOfOrderSequenceNumber)
            };
        }
        let last = sequence_after(first, header.records - 1);
        if let Some((_, _, offset)) = known.batches.iter().find(|(f, l, _)| *f == first && *l == last) {
            return Ok(Some(*offset));
        }
        match known.batches.back() {
            Some((_, written, _)) if sequence_after(*written, 1) == first => Ok(None),
            Some(_) if known.batches.front().is_some_and(|(oldest, ..)| first < *oldest) => {
                Err(ResponseError::DuplicateSequenceNumber)
            }
            _ => Err(ResponseError::OutOfOrderSequenceNumber),
        }
    }

    fn remember_producer(&mut self, header: &BatchHeader, offset: i64, producers_max: usize) {
        if header.producer_id < 0 {
            return;
        }
        if !self.producers.contains_key(&header.producer_id) && self.producers.len() >= producers_max {
            let oldest = self
                .producers
                .iter()
                .min_by_key(|(_, producer)| producer.last_offset)
                .map(|(id, _)| *id);
            if let Some(id) = oldest {
                self.producers.remove(&id);
            }
        }
        let epoch = header.producer_epoch;
        let producer = self
            .producers
            .entry(header.producer_id)
            .or_insert_with(|| Producer {
                epoch,
                batches: VecDeque::new(),
                last_offset: offset,
            });
        if producer.epoch != epoch {
            producer.epoch = epoch;
            producer.batches.clear();
        }
        if producer.batches.len() == PRODUCER_BATCHES_MAX {
            producer.batches.pop_front();
        }
        let last = sequence_after(header.first_sequence, header.records - 1);
        producer.batches.push_back((header.first_sequence, last, offset));
        producer.last_offset = offset;
    }

    /// Drops the oldest batch; returns the bytes that this frees, 0 when there is none.
    fn drop_oldest(&mut self) -> usize {
        let Some(oldest) = self.batches.pop_front() else {
            return 0;
        };
        self.low = self.low.max(oldest.last + 1);
        self.bytes -= oldest.bytes.len();
        oldest.bytes.len()
    }

    /// Moves the low watermark up to `offset` and drops the batches that are wholly below it; returns bytes freed.
    fn delete_before(&mut self, offset: i64) -> usize {
        self.low = self.low.max(offset.min(self.high));
        let mut freed = 0;
        while self.batches.front().is_some_and(|batch| batch.last < self.low) {
            freed += self.drop_oldest();
        }
        freed
    }

    /// Whole batches from the one that holds `from`, at most `bytes_max` in total. The first one comes whole even if
    /// it is larger when `at_least_one` is set, so that a reader always gets on.
    pub fn read(&self, from: i64, bytes_max: usize, at_least_one: bool) -> Bytes {
        let start = self.batches.partition_point(|batch| batch.last < from);
        let mut end = start;
        let mut total = 0;
        for batch in self.batches.range(start..) {
            let must = at_least_one && end == start;
            if total + batch.bytes.len() > bytes_max && !must {
                break;
            }
            total += batch.bytes.len();
            end += 1;
        }
        if end == start + 1 {
            return self.batches[start].bytes.clone();
        }
        let mut out = BytesMut::with_capacity(total);
        self.batches
            .range(start..end)
            .for_each(|batch| out.extend_from_slice(&batch.bytes));
        out.freeze()
    }

    /// Offset and timestamp of the first record at or after `time_ms`.
    pub fn offset_at(&self, time_ms: i64) -> Option<(i64, i64)> {
        self.batches
            .iter()
            .find_map(|batch| batch.find(self.low, time_ms))
    }

    /// Offset and timestamp of the newest record by timestamp.
    pub fn newest(&self) -> Option<(i64, i64)> {
        let newest_ms = self.batches.iter().map(|batch| batch.max_time_ms).max()?;
        self.offset_at(newest_ms)
    }
}

/// Settings of a topic that change what the sandbox does; all others are refused by name.
#[derive(Debug, Clone, Default)]
pub struct TopicConfig {
    /// As given when the topic was created.
    pub given: BTreeMap<String, String>,
    pub retention_bytes_max: Option<usize>,
    pub retention_ms: Option<i64>,
    pub message_bytes_max: Option<usize>,
}

#[derive(Debug)]
pub struct Topic {
    pub id: Uuid,
    pub partitions: Vec<Partition>,
    pub config: TopicConfig,
}

/// All topics of the sandbox.
#[derive(Debug)]
pub struct Log {
    topics: BTreeMap<String, Topic>,
    bytes: usize,
    created: u64,
    limits: SandboxLimits,
}

impl Log {
    pub fn new(limits: SandboxLimits) -> Self {
        Self {
            topics: BTreeMap::new(),
            bytes: 0,
            created: 0,
            limits,
        }
    }

    pub fn topics(&self) -> &BTreeMap<String, Topic> {
        &self.topics
    }

    pub fn partition(&self, topic: &str, index: i32) -> Result<&Partition, ResponseError> {
        let partitions = self
            .topics
            .get(topic)
            .map(|topic| topic.partitions.as_slice())
            .unwrap_or_default();
        let index = usize::try_from(index).map_err(|_| ResponseError::UnknownTopicOrPartition)?;
        partitions
            .get(index)
            .ok_or(ResponseError::UnknownTopicOrPartition)
    }

    /// Adds an empty topic. The caller has checked name, number of partitions and settings.
    pub fn create(&mut self, name: &str, partitions: usize, config: TopicConfig) -> Uuid {
        self.created += 1;
        let id = Uuid::from_u64_pair(u64::from_be_bytes(*b"sandbox\0"), self.created);
        let partitions = (0..partitions).map(|_| Partition::default()).collect();
        self.topics.insert(
            name.to_owned(),
            Topic {
                id,
                partitions,
                config,
            },
        );
        id
    }

    pub fn delete(&mut self, name: &str) -> Option<Topic> {
        let topic = self.topics.remove(name)?;
        self.bytes -= topic
            .partitions
            .iter()
            .map(|partition| partition.bytes)
            .sum::<usize>();
        Some(topic)
    }

    /// Grows a topic to `count` partitions; the caller has checked that this is more than it has.
    pub fn grow(&mut self, name: &str, count: usize) {
        if let Some(topic) = self.topics.get_mut(name) {
            topic.partitions.resize_with(count, Partition::default);
        }
    }

    /// Gives a topic other settings, or only checks that it exists.
    pub fn configure(
        &mut self,
        name: &str,
        config: TopicConfig,
        check_only: bool,
    ) -> Result<(), ResponseError> {
        let topic = self
            .topics
            .get_mut(name)
            .ok_or(ResponseError::UnknownTopicOrPartition)?;
        if !check_only {
            topic.config = config;
        }
        Ok(())
    }

    /// Appends one batch and keeps the limits; returns the batch's base offset and the partition's low watermark.
    pub fn append(&mut self, name: &str, index: i32, sent: &[u8]) -> Result<(i64, i64), ResponseError> {
        let limits = &self.limits;
        let topic = self
            .topics
            .get_mut(name)
            .ok_or(ResponseError::UnknownTopicOrPartition)?;
        let message_max = topic.config.message_bytes_max.unwrap_or(limits.message_bytes_max);
        let retention_max = topic
            .config
            .retention_bytes_max
            .unwrap_or(limits.partition_bytes_max);
        let index = usize::try_from(index).map_err(|_| ResponseError::UnknownTopicOrPartition)?;
        let partition = topic
            .partitions
            .get_mut(index)
            .ok_or(ResponseError::UnknownTopicOrPartition)?;
        if sent.len()
            > message_max
                .min(limits.partition_bytes_max)
                .min(limits.total_bytes_max)
        {
            return Err(ResponseError::MessageTooLarge);
        }
        let before = partition.bytes;
        let base = partition.append(sent, limits.producers_max)?;
        while partition.bytes > retention_max.min(limits.partition_bytes_max) && partition.batches.len() > 1 {
            partition.drop_oldest();
        }
        let low = partition.low;
        self.bytes = self.bytes + partition.bytes - before;
        self.keep_total();
        Ok((base, low))
    }

    /// Drops from the largest partition until all of them together are within `total_bytes_max`.
    fn keep_total(&mut self) {
        while self.bytes > self.limits.total_bytes_max {
            let all = self
                .topics
                .values_mut()
                .flat_map(|topic| topic.partitions.iter_mut());
            let freed = all
                .max_by_key(|partition| partition.bytes)
                .map_or(0, Partition::drop_oldest);
            if freed == 0 {
                return;
            }
            self.bytes -= freed;
        }
    }

    /// Deletes the records before `offset` (-1: all) and returns the low watermark that results.
    pub fn delete_records(&mut self, name: &str, index: i32, offset: i64) -> Result<i64, ResponseError> {
        let high = self.partition(name, index)?.high;
        let offset = if offset == -1 { high } else { offset };
        if !(0..=high).contains(&offset) {
            return Err(ResponseError::OffsetOutOfRange);
        }
        let topic = self
            .topics
            .get_mut(name)
            .ok_or(ResponseError::UnknownTopicOrPartition)?;
        let partition = topic
            .partitions
            .get_mut(index as usize)
            .ok_or(ResponseError::UnknownTopicOrPartition)?;
        self.bytes -= partition.delete_before(offset);
        Ok(partition.low)
    }

    /// Drops batches that are older than their topic's `retention.ms`.
    pub fn expire(&mut self, now_ms: i64) {
        for topic in self.topics.values_mut() {
            let Some(retention_ms) = topic.config.retention_ms else {
                continue;
            };
            for partition in &mut topic.partitions {
                while partition
                    .batches
                    .front()
                    .is_some_and(|batch| batch.max_time_ms < now_ms.saturating_sub(retention_ms))
                {
                    self.bytes -= partition.drop_oldest();
                }
            }
        }
    }

    /// Bytes of all stored batches.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}
