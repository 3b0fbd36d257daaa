//! Single records, by partition and offset, many partitions at once.
//!
//! Invariants: a reader is used by one call at a time; whatever it started it stops before the call ends.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use rdkafka::{ClientConfig, consumer::Consumer as _, types::RDKafkaErrorCode};
use tailrace_model::{Error, Result};

use super::{
    client::{KafkaClient, TopicPartition},
    context::Fault,
    ffi::{
        Failure,
        consume::{Flow, Message, Reader, Sink},
    },
    native::{self, Consumer},
};

/// The time that reading one record may take.
const READ_MAX: Duration = Duration::from_secs(10);
/// How long one wait for records lasts before progress is looked at.
const SERVE_MS: i32 = 50;

/// One record, as its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawRecord {
    pub partition: i32,
    pub offset: i64,
    pub timestamp_ms: Option<i64>,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

impl KafkaClient {
    /// The record at this place. `no_record` when there is none (deleted, compacted, or not written yet).
    pub async fn record(&self, topic: &str, partition: i32, offset: i64) -> Result<RawRecord> {
        let partitions = self.partitions(topic).await?;
        if !partitions.iter().any(|of| of.partition == partition) {
            return Err(self.place().unknown_partition(topic, partition, partitions.len()));
        }
        let of = TopicPartition {
            topic: topic.to_owned(),
            partition,
        };
        let missing = |why: String| {
            Error::user(
                "no_record",
                format!("topic \"{topic}\", partition {partition}: there is no record {offset}: {why}"),
            )
        };
        if offset < 0 {
            return Err(missing("offsets start at 0".into()));
        }
        let marks = self
            .watermarks(std::slice::from_ref(&of))
            .await?
            .get(&of)
            .copied();
        if let Some(marks) = marks {
            if offset < marks.start {
                return Err(missing(format!(
                    "the partition starts at {}, what was before is deleted",
                    marks.start
                )));
            }
            if offset >= marks.end {
                return Err(missing(format!("the partition ends before {}", marks.end)));
            }
        }
        let reader = self.reader()?.clone();
        let wanted = vec![(of, offset)];
        let what = format!("reading record {offset} of \"{topic}\"");
        let found = tokio::task::spawn_blocking(move || {
            let mut found = None;
            let outcome = reader.read(&wanted, READ_MAX, |_, heard| {
                if let Heard::Record(message) = heard {
                    found = Some(keep(message));
                }
                Flow::Enough
            });
            (outcome, found, reader.fault())
        })
        .await
        .map_err(|_| {
            Error::internal(
                "task",
                format!("cluster \"{}\": {what} was interrupted", self.cluster()),
            )
        })?;
        let failed = |failure: &Failure| {
            Error::external(
                "kafka",
                format!("cluster \"{}\": {what} failed: {}", self.cluster(), failure.text),
            )
        };
        match found {
            (Ok(_), Some(record), _) if record.offset == offset => Ok(record),
            (Ok(unread), ..) if unread.is_empty() => {
                Err(missing("it was compacted away, or marks a transaction".into()))
            }
            (Ok(mut unread), _, fault) => match (unread.pop().and_then(|(_, why)| why), fault) {
                (Some(failure), _) if is_outside(failure.code) => {
                    Err(missing("the partition does not hold it any more".into()))
                }
                (Some(failure), None) => Err(failed(&failure)),
                (_, fault) => Err(self.place().unreachable(fault.as_ref())),
            },
            (Err(failure), _, fault) => match fault {
                Some(fault) => Err(self.place().unreachable(Some(&fault))),
                None => Err(failed(&failure)),
            },
        }
    }
}

fn keep(message: &Message<'_>) -> RawRecord {
    let mut headers = Vec::new();
    message.headers(|name, value| headers.push((name.to_owned(), value.map(<[u8]>::to_vec))));
    RawRecord {
        partition: message.partition(),
        offset: message.offset(),
        timestamp_ms: message.timestamp_ms(),
        key: message.key().map(<[u8]>::to_vec),
        value: message.value().map(<[u8]>::to_vec),
        headers,
    }
}

/// A partition that did not answer, and why where that is known.
pub(super) type Unread = (TopicPartition, Option<Failure>);

/// A reader that several calls share, one after the other.
#[derive(Clone)]
pub(super) struct SharedReader {
    reader: Arc<Mutex<Reader>>,
    client: Arc<Consumer>,
}

impl SharedReader {
    pub fn new(config: &ClientConfig, name: &str) -> Result<Self> {
        let client = native::start(config, name)?;
        let reader =
            Reader::new(Arc::clone(&client)).map_err(|failure| Error::internal("kafka", failure.text))?;
        Ok(Self {
            reader: Arc::new(Mutex::new(reader)),
            client,
        })
    }

    pub fn fault(&self) -> Option<Fault> {
        self.client.context().fault()
    }

    /// Hands over the records at or after each offset, and where the partition ends, until enough was heard of it. No
    /// partition may be named twice. Blocks for at most `at_most`; returns the partitions of which not enough was heard
    /// by then, and why where that is known: one that fails, or that does not hold the offset any more, holds up no
    /// other.
    pub fn read(
        &self,
        wanted: &[(TopicPartition, i64)],
        at_most: Duration,
        each: impl FnMut(&TopicPartition, Heard<'_>) -> Flow,
    ) -> Result<Vec<Unread>, Failure> {
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let mut stretches = Stretches {
            waiting: HashMap::new(),
            answered: Vec::new(),
            unread: Vec::new(),
            each,
        };
        for (of, offset) in wanted {
            stretches
                .waiting
                .insert((of.topic.as_str(), of.partition), (of, *offset));
            if let Err(failure) = reader.start(&of.topic, of.partition, *offset) {
                reader.stop_all();
                return Err(failure);
            }
        }
        let until = Instant::now() + at_most;
        while !stretches.waiting.is_empty() && Instant::now() < until {
            reader.serve(SERVE_MS, &mut stretches);
            for of in stretches.answered.drain(..) {
                reader.stop(&of.topic, of.partition);
            }
        }
        reader.stop_all();
        let mut unread = stretches.unread;
        let late = stretches.waiting.into_values();
        unread.extend(late.map(|(of, _)| (of.clone(), None)));
        Ok(unread)
    }
}

/// What a partition tells.
pub(super) enum Heard<'m> {
    Record(&'m Message<'m>),
    /// There is nothing before this offset any more; what was asked for is read to its end with that.
    End(i64),
}

/// Outside of what the partition holds: retention was quicker, or the topic was made anew.
fn is_outside(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange
    )
}

/// Takes of each partition what is asked for.
struct Stretches<'w, F> {
    waiting: HashMap<(&'w str, i32), (&'w TopicPartition, i64)>,
    answered: Vec<&'w TopicPartition>,
    unread: Vec<Unread>,
    each: F,
}

impl<F: FnMut(&TopicPartition, Heard<'_>) -> Flow> Sink for Stretches<'_, F> {
    fn take(&mut self, message: &Message<'_>) -> Flow {
        let partition = message.partition();
        let Some((of, wanted)) = self.waiting.get(&(message.topic(), partition)).copied() else {
            return Flow::More;
        };
        match message.note() {
            None if message.offset() < wanted => return Flow::More,
            None => {
                if (self.each)(of, Heard::Record(message)) == Flow::More {
                    return Flow::More;
                }
            }
            Some(RDKafkaErrorCode::PartitionEOF) => {
                (self.each)(of, Heard::End(message.offset()));
            }
            // Outside of what it holds is no end: what is there is not known until somebody asks anew.
            Some(code) => {
                let failure = Failure {
                    code,
                    text: message.said(),
                };
                self.unread.push((of.clone(), Some(failure)));
            }
        }
        self.waiting.remove(&(of.topic.as_str(), partition));
        self.answered.push(of);
        if self.waiting.is_empty() {
            Flow::Enough
        } else {
            Flow::More
        }
    }
}
