//! Writing records on and on, with what became of each.
//!
//! Invariants: a record is told as written only when the brokers acknowledged it; a writer is idempotent, so that what it
//! sends again by itself is in the topic once; records that were never sent are told apart from those that may have been.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use rdkafka::{
    ClientContext,
    config::RDKafkaLogLevel,
    error::KafkaError,
    message::{DeliveryResult, Header, Message as _, OwnedHeaders},
    producer::{BaseRecord, Producer as _, ProducerContext, PurgeConfig, ThreadedProducer},
    types::RDKafkaErrorCode,
};
use tailrace_model::{Error, Result};
use tokio_util::sync::CancellationToken;

use super::{client::KafkaClient, config, context::Context, ffi::Failure};

/// librdkafka gives a record up after 30 s; a little more, and something is wrong with us.
const DELIVERY_MAX: Duration = Duration::from_secs(40);
/// How long a write that is stopped waits for what is under way already.
const STOP_MAX: Duration = Duration::from_secs(2);
/// Bytes of one record that are sent at all.
const RECORD_BYTES_MAX: usize = 128 * 1024 * 1024;
const WAIT: Duration = Duration::from_millis(2);

/// A record to write.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OutRecord {
    /// Absent: chosen by the key, as Kafka's own clients do (murmur2), unless the cluster names another `partitioner`.
    pub partition: Option<i32>,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(String, Option<Vec<u8>>)>,
    /// Absent: now.
    pub timestamp_ms: Option<i64>,
}

type Producer = ThreadedProducer<Deliveries>;

/// What became of one record.
#[derive(Debug, Clone, PartialEq)]
pub enum Fate {
    Written {
        partition: i32,
        offset: i64,
    },
    /// It is not in the topic.
    Refused(Error),
    /// It was under way when its answer was given up: it may be in the topic.
    Uncertain(Error),
}

/// A topic that records are written to, over a connection of its own.
pub struct Writer {
    client: KafkaClient,
    topic: String,
    partitions: usize,
    producer: Option<Arc<Producer>>,
}

impl Drop for Writer {
    fn drop(&mut self) {
        // Its end waits for librdkafka's threads, which the async runtime must not.
        if let Some(producer) = self.producer.take() {
            drop(std::thread::spawn(move || drop(producer)));
        }
    }
}

struct Answers {
    /// One a record of the call, by its place.
    fates: Vec<Option<Answer>>,
    left: usize,
}

enum Answer {
    Written { partition: i32, offset: i64 },
    Failed(RDKafkaErrorCode),
}

/// Travels with a record.
struct Ticket {
    at: usize,
    answers: Arc<Mutex<Answers>>,
}

struct Deliveries {
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
    type DeliveryOpaque = Box<Ticket>;

    fn delivery(&self, result: &DeliveryResult<'_>, ticket: Box<Ticket>) {
        let answer = match result {
            Ok(message) => Answer::Written {
                partition: message.partition(),
                offset: message.offset(),
            },
            Err((error, _)) => Answer::Failed(error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail)),
        };
        put(&ticket.answers, ticket.at, answer);
    }
}

fn put(answers: &Mutex<Answers>, at: usize, answer: Answer) {
    let mut answers = answers.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(slot) = answers.fates.get_mut(at)
        && slot.replace(answer).is_none()
    {
        answers.left -= 1;
    }
}

impl KafkaClient {
    /// Opens a topic for writing. Unknown: `unknown_topic`, with near names.
    pub async fn writer(&self, topic: &str) -> Result<Writer> {
        let partitions = self.partitions(topic).await?.len();
        let mut config = config::producer(self.config(), self.properties());
        config.set("enable.idempotence", "true");
        // Whether a record is too large is the broker's to say.
        if !self.properties().contains_key("message.max.bytes") {
            config.set("message.max.bytes", RECORD_BYTES_MAX.to_string());
        }
        let producer: Producer = config
            .create_with_context(Deliveries {
                said: Context::of(&config),
            })
            .map_err(|error| {
                Error::user(
                    "bad_properties",
                    format!(
                        "cluster \"{}\" can't be written to without loss or doubles: {error}",
                        self.cluster()
                    ),
                )
            })?;
        Ok(Writer {
            client: self.clone(),
            topic: topic.to_owned(),
            partitions,
            producer: Some(Arc::new(producer)),
        })
    }
}

impl Writer {
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// How many partitions the topic has.
    pub fn partitions(&self) -> usize {
        self.partitions
    }

    /// Refuses a partition that the topic does not have.
    pub fn check_partition(&self, partition: i32) -> Result<()> {
        match usize::try_from(partition) {
            Ok(of) if of < self.partitions => Ok(()),
            _ => Err(self
                .client
                .place()
                .unknown_partition(&self.topic, partition, self.partitions)),
        }
    }

    /// Writes the records in their order and waits until something has become of each; one fate a record. Cancelling
    /// `stop` sends no more, and waits a little for what is under way.
    pub async fn write(&self, records: Vec<OutRecord>, stop: &CancellationToken) -> Result<Vec<Fate>> {
        if records.is_empty() {
            return Ok(Vec::new());
        }
        let Some(producer) = self.producer.clone() else {
            return Err(Error::internal("writer", "the writer is closed"));
        };
        let (client, topic, stop) = (self.client.clone(), self.topic.clone(), stop.clone());
        tokio::task::spawn_blocking(move || write(&client, &producer, &topic, &records, &stop))
            .await
            .map_err(|_| Error::internal("task", "writing was interrupted"))
    }
}

fn write(
    client: &KafkaClient,
    producer: &Producer,
    topic: &str,
    records: &[OutRecord],
    stop: &CancellationToken,
) -> Vec<Fate> {
    let mut answers = attempt(producer, topic, records, stop);
    if records.len() > 1 {
        // A broker refuses a batch for one large record: each is sent again by itself.
        for (answer, record) in answers.iter_mut().zip(records) {
            let too_large = matches!(
                answer,
                Some(Answer::Failed(RDKafkaErrorCode::MessageSizeTooLarge))
            );
            if too_large && !stop.is_cancelled() {
                *answer = attempt(producer, topic, std::slice::from_ref(record), stop)
                    .pop()
                    .flatten();
            }
        }
    }
    let what = format!("writing to topic \"{topic}\"");
    let fates = answers.into_iter();
    fates
        .map(|answer| fate(client, producer, &what, answer))
        .collect()
}

/// One answer a record; none: nothing was heard of it in time.
fn attempt(
    producer: &Producer,
    topic: &str,
    records: &[OutRecord],
    stop: &CancellationToken,
) -> Vec<Option<Answer>> {
    producer.context().said.renew_login(producer.client());
    let answers = Arc::new(Mutex::new(Answers {
        fates: records.iter().map(|_| None).collect(),
        left: records.len(),
    }));
    let mut until = Instant::now() + DELIVERY_MAX;
    for (at, record) in records.iter().enumerate() {
        if let Err(error) = send(producer, topic, record, at, &answers, until, stop) {
            let code = error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail);
            put(&answers, at, Answer::Failed(code));
        }
    }
    let mut stopping = false;
    let mut purged = false;
    loop {
        if answers.lock().unwrap_or_else(PoisonError::into_inner).left == 0 {
            break;
        }
        if stop.is_cancelled() && !stopping {
            stopping = true;
            producer.purge(PurgeConfig::default().queue());
            until = until.min(Instant::now() + STOP_MAX);
        }
        if Instant::now() > until {
            if purged {
                break;
            }
            purged = true;
            producer.purge(PurgeConfig::default().queue().inflight());
            until = Instant::now() + STOP_MAX;
        }
        std::thread::sleep(WAIT);
    }
    let mut answers = answers.lock().unwrap_or_else(PoisonError::into_inner);
    answers.fates.drain(..).collect()
}

fn fate(client: &KafkaClient, producer: &Producer, what: &str, answer: Option<Answer>) -> Fate {
    let code = match answer {
        Some(Answer::Written { partition, offset }) => return Fate::Written { partition, offset },
        Some(Answer::Failed(code)) => code,
        None => RDKafkaErrorCode::OperationTimedOut,
    };
    match code {
        RDKafkaErrorCode::PurgeQueue => {
            Fate::Refused(Error::user("stopped", "it was stopped before this was sent"))
        }
        RDKafkaErrorCode::PurgeInflight | RDKafkaErrorCode::OperationTimedOut => {
            Fate::Uncertain(Error::external(
                "unacknowledged",
                "it was sent, and no broker said in time whether it was written",
            ))
        }
        code => {
            let said = &producer.context().said;
            let error = client.place().failed(what, &Failure::new(code), said);
            match code {
                // It waited in vain for its answer, or for a broker to be sent to.
                RDKafkaErrorCode::MessageTimedOut => Fate::Uncertain(error),
                _ => Fate::Refused(error),
            }
        }
    }
}

/// Queues one record; a full queue is waited for.
fn send(
    producer: &Producer,
    topic: &str,
    record: &OutRecord,
    at: usize,
    answers: &Arc<Mutex<Answers>>,
    until: Instant,
    stop: &CancellationToken,
) -> Result<(), KafkaError> {
    let ticket = Box::new(Ticket {
        at,
        answers: Arc::clone(answers),
    });
    let mut out: BaseRecord<'_, [u8], [u8], Box<Ticket>> = BaseRecord::with_opaque_to(topic, ticket);
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
        if stop.is_cancelled() {
            return Err(KafkaError::MessageProduction(RDKafkaErrorCode::PurgeQueue));
        }
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
