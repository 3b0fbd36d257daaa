//! Records in and out: produce, fetch and the ids of idempotent producers.
//!
//! Invariants: a produce request is answered after its batches are in the log. A fetch answers at once when it has
//! `min_bytes`, an error, or no time left; it holds no lock while it waits, and it has no session (KIP-227): each
//! request names all of its partitions.

use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::fetch_request::FetchPartition;
use kafka_protocol::messages::fetch_response::{FetchableTopicResponse, PartitionData};
use kafka_protocol::messages::produce_request::PartitionProduceData;
use kafka_protocol::messages::produce_response::{PartitionProduceResponse, TopicProduceResponse};
use kafka_protocol::messages::{
    BrokerId, FetchRequest, FetchResponse, InitProducerIdRequest, InitProducerIdResponse, ProduceRequest,
    ProduceResponse, ProducerId,
};
use tokio::time::Instant;

use super::Broker;
use super::log::Log;
use super::topics::{code, text};

/// Longest that a fetch waits, whatever it asks for.
const FETCH_WAIT_MS_MAX: u64 = 30_000;
/// What a client is told that asks for transactions.
pub const NO_TRANSACTIONS: &str = "The sandbox has no transactions: leave transactional.id out.";
/// The error of the same: the one that makes clients give up at once instead of trying again.
pub const NO_TRANSACTIONS_ERROR: ResponseError = ResponseError::TransactionalIdAuthorizationFailed;

/// Appends what was sent; `None` when the producer wants no answer (`acks` 0).
pub fn produce(broker: &Broker, request: ProduceRequest) -> Option<ProduceResponse> {
    let transactional = request.transactional_id.is_some();
    let mut log = broker.log();
    let responses = request.topic_data.into_iter().map(|topic| {
        let partitions = topic.partition_data.iter().map(|sent| {
            let appended = match transactional {
                true => Err(NO_TRANSACTIONS_ERROR),
                false => append(&mut log, &topic.name, sent),
            };
            let message = transactional.then(|| text(NO_TRANSACTIONS));
            let error = code(&appended);
            let (base, low) = appended.unwrap_or((-1, -1));
            PartitionProduceResponse::default()
                .with_index(sent.index)
                .with_error_code(error)
                .with_error_message(message)
                .with_base_offset(base)
                .with_log_append_time_ms(-1)
                .with_log_start_offset(low)
        });
        let partitions = partitions.collect();
        TopicProduceResponse::default()
            .with_name(topic.name)
            .with_partition_responses(partitions)
    });
    let responses = responses.collect();
    drop(log);
    broker.wake_fetches();
    (request.acks != 0).then(|| ProduceResponse::default().with_responses(responses))
}

fn append(log: &mut Log, topic: &str, sent: &PartitionProduceData) -> Result<(i64, i64), ResponseError> {
    let records = sent.records.as_ref().ok_or(ResponseError::InvalidRecord)?;
    log.append(topic, sent.index, records)
}

pub fn init_producer_id(broker: &Broker, request: &InitProducerIdRequest) -> InitProducerIdResponse {
    if request.transactional_id.is_some() {
        return InitProducerIdResponse::default()
            .with_error_code(NO_TRANSACTIONS_ERROR.code())
            .with_producer_id(ProducerId(-1))
            .with_producer_epoch(-1);
    }
    let id = broker.next_producer_id.fetch_add(1, Ordering::Relaxed);
    InitProducerIdResponse::default()
        .with_producer_id(ProducerId(id))
        .with_producer_epoch(0)
}

/// Answers a fetch, waiting for records up to the time that the request allows.
pub async fn fetch(broker: &Broker, request: FetchRequest) -> FetchResponse {
    if request.session_id != 0 {
        return FetchResponse::default().with_error_code(ResponseError::FetchSessionIdNotFound.code());
    }
    let wait_ms = u64::try_from(request.max_wait_ms)
        .unwrap_or(0)
        .min(FETCH_WAIT_MS_MAX);
    let deadline = Instant::now() + Duration::from_millis(wait_ms);
    let min_bytes = usize::try_from(request.min_bytes).unwrap_or(0);
    let mut appended = broker.appended.subscribe();
    loop {
        appended.mark_unchanged();
        let found = collect(broker, &request);
        if found.failed || found.bytes >= min_bytes || Instant::now() >= deadline {
            return FetchResponse::default().with_responses(found.topics);
        }
        // Either there may be more, or the time is over and the next look is the last. The sender cannot go away
        // before its broker does.
        let _ = tokio::time::timeout_at(deadline, appended.changed()).await;
    }
}

struct Found {
    topics: Vec<FetchableTopicResponse>,
    bytes: usize,
    failed: bool,
}

/// What the log has for a fetch right now.
fn collect(broker: &Broker, request: &FetchRequest) -> Found {
    let log = broker.log();
    let limit = usize::try_from(request.max_bytes)
        .unwrap_or(0)
        .min(broker.limits.fetch_bytes_max);
    let mut found = Found {
        topics: Vec::with_capacity(request.topics.len()),
        bytes: 0,
        failed: false,
    };
    for topic in &request.topics {
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for asked in &topic.partitions {
            let partition_max = usize::try_from(asked.partition_max_bytes).unwrap_or(0);
            let left = limit.saturating_sub(found.bytes).min(partition_max);
            let data = read(&log, &topic.topic, asked, left, found.bytes == 0);
            found.failed |= data.error_code != 0;
            found.bytes += data.records.as_ref().map_or(0, Bytes::len);
            partitions.push(data);
        }
        found.topics.push(
            FetchableTopicResponse::default()
                .with_topic(topic.topic.clone())
                .with_partitions(partitions),
        );
    }
    found
}

fn read(
    log: &Log,
    topic: &str,
    asked: &FetchPartition,
    bytes_max: usize,
    at_least_one: bool,
) -> PartitionData {
    let answer = PartitionData::default()
        .with_partition_index(asked.partition)
        .with_preferred_read_replica(BrokerId(-1))
        .with_aborted_transactions(None)
        .with_records(Some(Bytes::new()));
    let partition = match log.partition(topic, asked.partition) {
        Ok(partition) => partition,
        Err(error) => {
            return answer
                .with_error_code(error.code())
                .with_high_watermark(-1)
                .with_last_stable_offset(-1);
        }
    };
    let (low, high) = (partition.low_watermark(), partition.high_watermark());
    let answer = answer
        .with_high_watermark(high)
        .with_last_stable_offset(high)
        .with_log_start_offset(low);
    if !(low..=high).contains(&asked.fetch_offset) {
        return answer.with_error_code(ResponseError::OffsetOutOfRange.code());
    }
    answer.with_records(Some(partition.read(asked.fetch_offset, bytes_max, at_least_one)))
}
