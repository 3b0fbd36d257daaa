//! Producing records, many at once, until they are acknowledged.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use rdkafka::{
    ClientContext,
    config::RDKafkaLogLevel,
    error::KafkaError,
    message::{DeliveryResult, Header, OwnedHeaders},
    producer::{BaseRecord, Producer as _, ProducerContext, ThreadedProducer},
    types::RDKafkaErrorCode,
};
use tailrace_model::{Error, Result};

use super::{client::KafkaClient, config, context::Context, ffi::Failure};

/// librdkafka gives a record up after 30 s; a little more, and something is wrong with us.
const DELIVERY_MAX: Duration = Duration::from_secs(40);
const WAIT: Duration = Duration::from_millis(2);

/// A record to write.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OutRecord {
    /// Absent: chosen by the key, as Kafka's own clients do.
    pub partition: Option<i32>,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(String, Option<Vec<u8>>)>,
    /// Absent: now.
    pub timestamp_ms: Option<i64>,
}

pub(super) type Producer = ThreadedProducer<Deliveries>;

/// What became of the records of one call.
#[derive(Default)]
pub(super) struct Tally {
    delivered: AtomicU64,
    failed: AtomicU64,
    first_failure: Mutex<Option<RDKafkaErrorCode>>,
}

/// Keeps what librdkafka says, and counts deliveries.
pub(super) struct Deliveries {
    said: Context,
}

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.said.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.said.error(error, reason);
    }

    fn stats_raw(&self, _: &[u8]) {}
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = Arc<Tally>;

    fn delivery(&self, result: &DeliveryResult<'_>, tally: Arc<Tally>) {
        match result {
            Ok(_) => {
                tally.delivered.fetch_add(1, Ordering::Release);
            }
            Err((error, _)) => {
                let code = error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail);
                tally
                    .first_failure
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .get_or_insert(code);
                tally.failed.fetch_add(1, Ordering::Release);
            }
        }
    }
}

impl KafkaClient {
    /// Writes the records and waits until all are acknowledged; returns how many. When some were not, the error says
    /// how many and why.
    pub async fn produce(&self, topic: &str, records: Vec<OutRecord>) -> Result<u64> {
        if records.is_empty() {
            return Ok(0);
        }
        let partitions = self.partitions(topic).await?;
        let wrong = records
            .iter()
            .filter_map(|record| record.partition)
            .find(|wanted| !partitions.iter().any(|of| of.partition == *wanted));
        if let Some(wrong) = wrong {
            return Err(self.place().unknown_partition(topic, wrong, partitions.len()));
        }
        let client = self.clone();
        let topic = topic.to_owned();
        tokio::task::spawn_blocking(move || client.produce_blocking(&topic, records))
            .await
            .map_err(|_| Error::internal("task", "producing was interrupted"))?
    }

    fn produce_blocking(&self, topic: &str, records: Vec<OutRecord>) -> Result<u64> {
        let producer = self.producer()?;
        producer.context().said.renew_login(producer.client());
        let tally = Arc::new(Tally::default());
        let count = records.len() as u64;
        let until = Instant::now() + DELIVERY_MAX;
        let what = format!("writing to topic \"{topic}\"");
        for record in &records {
            send(producer, topic, record, &tally, until)
                .map_err(|error| self.place().kafka(&what, &error, &producer.context().said))?;
        }
        loop {
            let failed = tally.failed.load(Ordering::Acquire);
            let delivered = tally.delivered.load(Ordering::Acquire);
            if delivered == count {
                return Ok(count);
            }
            if delivered + failed == count || Instant::now() > until {
                let code = *tally.first_failure.lock().unwrap_or_else(PoisonError::into_inner);
                let failure = Failure::new(code.unwrap_or(RDKafkaErrorCode::OperationTimedOut));
                let error = self.place().failed(&what, &failure, &producer.context().said);
                return Err(error.context(format!(
                    "{} of {count} records were not written",
                    count - delivered
                )));
            }
            std::thread::sleep(WAIT);
        }
    }

    fn producer(&self) -> Result<&Producer> {
        if let Some(producer) = self.producer_slot().get() {
            return Ok(producer);
        }
        let config = config::producer(self.config(), self.properties());
        let made: Producer = config
            .create_with_context(Deliveries {
                said: Context::of(&config),
            })
            .map_err(|error| {
                Error::user(
                    "bad_properties",
                    format!("cluster \"{}\": {error}", self.cluster()),
                )
            })?;
        Ok(self.producer_slot().get_or_init(|| made))
    }
}

/// Queues one record; a full queue is waited for.
fn send(
    producer: &Producer,
    topic: &str,
    record: &OutRecord,
    tally: &Arc<Tally>,
    until: Instant,
) -> Result<(), KafkaError> {
    let mut out: BaseRecord<'_, [u8], [u8], Arc<Tally>> =
        BaseRecord::with_opaque_to(topic, Arc::clone(tally));
    out.partition = record.partition;
    out.key = record.key.as_deref();
    out.payload = record.value.as_deref();
    out.timestamp = record.timestamp_ms;
    if !record.headers.is_empty() {
        let headers = OwnedHeaders::new_with_capacity(record.headers.len());
        out.headers = Some(record.headers.iter().fold(headers, |headers, (key, value)| {
            headers.insert(Header {
                key,
                value: value.as_deref(),
            })
        }));
    }
    loop {
        match producer.send(out) {
            Ok(()) => return Ok(()),
            Err((error, back)) => {
                let full = error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull);
                if !full || Instant::now() > until {
                    return Err(error);
                }
                out = back;
                std::thread::sleep(WAIT);
            }
        }
    }
}
