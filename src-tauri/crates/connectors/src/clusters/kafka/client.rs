//! A cluster that can be asked: metadata, topics, watermarks.
//!
//! Invariants: no call blocks the async runtime; each ends within [`REQUEST_MAX`] (and [`DOWN_MAX`] after it is known
//! that no broker is reachable), with the reason that librdkafka gave.

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
    thread,
    time::{Duration, Instant},
};

use rdkafka::{
    ClientConfig,
    consumer::Consumer as _,
    error::KafkaError,
    metadata::{Metadata, MetadataPartition},
    types::RDKafkaErrorCode,
};
use tailrace_model::{
    Error, Result,
    api::{Broker, ClusterOverview, PartitionDetail, TopicDetail, TopicSummary},
};

use super::{
    config::{self, Properties},
    ffi::{
        Failure,
        admin::{self, OffsetOf},
    },
    native::{self, Consumer, Patience},
    problem::{Place, unreachable},
    record::SharedReader,
};

/// The time that one question to the cluster may take.
pub(super) const REQUEST_MAX: Duration = Duration::from_secs(10);
/// How long no broker at all may be reachable before a call gives up.
const DOWN_MAX: Duration = Duration::from_secs(1);
/// How long the first try of asking for metadata lasts; each one after it twice as long.
const FIRST_SLICE: Duration = Duration::from_secs(1);
/// How long a question rests that was not answered.
const AGAIN_AFTER: Duration = Duration::from_millis(50);
/// Topics that Kafka keeps for itself.
const INTERNAL: [&str; 4] = [
    "__consumer_offsets",
    "__transaction_state",
    "__share_group_state",
    "__remote_log_metadata",
];

/// A partition of a topic.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicPartition {
    pub topic: String,
    pub partition: i32,
}

/// The first offset that a partition holds, and the one that its next record gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watermarks {
    pub start: i64,
    pub end: i64,
}

/// Where every partition of a cluster begins and ends; those that did not answer are absent.
#[derive(Debug)]
pub struct ClusterMarks {
    pub brokers: Vec<Broker>,
    pub topics: Vec<TopicMarks>,
    pub marks: HashMap<TopicPartition, Watermarks>,
}

#[derive(Debug)]
pub struct TopicMarks {
    pub name: String,
    pub partitions: usize,
    pub replication: usize,
}

/// What the cluster says of itself, brokers by id and topics by name.
#[derive(Default)]
pub(super) struct Known {
    pub brokers: Vec<Broker>,
    pub topics: Vec<KnownTopic>,
}

pub(super) struct KnownTopic {
    pub name: String,
    /// Without watermarks, in order.
    pub partitions: Vec<PartitionDetail>,
    error: Option<RDKafkaErrorCode>,
}

impl KnownTopic {
    fn of(&self) -> impl Iterator<Item = TopicPartition> {
        self.partitions.iter().map(|of| TopicPartition {
            topic: self.name.clone(),
            partition: of.partition,
        })
    }
}

impl Known {
    fn of(metadata: &Metadata) -> Self {
        let leads = |id: i32| {
            let partitions = metadata.topics().iter().flat_map(|topic| topic.partitions());
            partitions.filter(|partition| partition.leader() == id).count() as u64
        };
        let mut brokers: Vec<Broker> = metadata
            .brokers()
            .iter()
            .map(|broker| Broker {
                id: broker.id(),
                host: broker.host().to_owned(),
                port: broker.port(),
                leads: leads(broker.id()),
            })
            .collect();
        brokers.sort_by_key(|broker| broker.id);
        let mut topics: Vec<KnownTopic> = metadata
            .topics()
            .iter()
            .map(|topic| {
                let detail = |of: &MetadataPartition| PartitionDetail {
                    partition: of.id(),
                    leader: of.leader(),
                    replicas: of.replicas().to_vec(),
                    in_sync: of.isr().to_vec(),
                    ..PartitionDetail::default()
                };
                let mut partitions: Vec<PartitionDetail> = topic.partitions().iter().map(detail).collect();
                partitions.sort_by_key(|partition| partition.partition);
                KnownTopic {
                    name: topic.name().to_owned(),
                    partitions,
                    error: topic.error().map(Into::into),
                }
            })
            .collect();
        topics.sort_by(|left, right| left.name.cmp(&right.name));
        Self { brokers, topics }
    }
}

/// A cluster; clones share one connection.
#[derive(Clone)]
pub struct KafkaClient {
    inner: Arc<Inner>,
}

struct Inner {
    place: Place,
    properties: Properties,
    config: ClientConfig,
    consumer: Arc<Consumer>,
    /// Reads single records; made when the first is asked for.
    reader: OnceLock<SharedReader>,
}

impl KafkaClient {
    /// Refuses properties that librdkafka does not know. Nothing is asked of the cluster yet. `properties` are
    /// librdkafka's, with secrets already looked up.
    pub fn new(cluster: &str, properties: &Properties) -> Result<Self> {
        let config = config::base(cluster, properties)?;
        let bootstrap = properties
            .get("bootstrap.servers")
            .or_else(|| properties.get("metadata.broker.list"))
            .map(|servers| servers.trim().to_owned())
            .unwrap_or_default();
        let consumer = native::start(&config, cluster)
            .map_err(|error| error.context(format!("cluster \"{cluster}\"")))?;
        let place = Place {
            cluster: cluster.to_owned(),
            bootstrap,
        };
        let properties = properties.clone();
        Ok(Self {
            inner: Arc::new(Inner {
                place,
                properties,
                config,
                consumer,
                reader: OnceLock::new(),
            }),
        })
    }

    /// The cluster's name in the workspace.
    pub fn cluster(&self) -> &str {
        &self.inner.place.cluster
    }

    pub fn bootstrap(&self) -> &str {
        &self.inner.place.bootstrap
    }

    pub(super) fn place(&self) -> &Place {
        &self.inner.place
    }

    pub(super) fn context(&self) -> &super::context::Context {
        self.inner.consumer.context()
    }

    /// The cluster's file asks for records of transactions that are open or were given up.
    pub(super) fn reads_uncommitted(&self) -> bool {
        let level = self.inner.properties.get("isolation.level");
        level.is_some_and(|level| level == "read_uncommitted")
    }

    pub(super) fn properties(&self) -> &Properties {
        &self.inner.properties
    }

    pub(super) fn config(&self) -> &ClientConfig {
        &self.inner.config
    }

    pub(super) fn reader(&self) -> Result<&SharedReader> {
        if let Some(reader) = self.inner.reader.get() {
            return Ok(reader);
        }
        let made = SharedReader::new(&config::reader(self.config()), self.cluster())?;
        Ok(self.inner.reader.get_or_init(|| made))
    }

    /// Runs a blocking call on a thread for such, and gives up early when no broker can be reached at all. A call that
    /// nobody waits for any more ends soon.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        what: &str,
        call: impl FnOnce(&Consumer, &Patience) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T> {
        let consumer = Arc::clone(&self.inner.consumer);
        let patience = Patience::new(REQUEST_MAX);
        let _waiting = Waiting(patience.clone());
        let task = tokio::task::spawn_blocking(move || call(&consumer, &patience));
        let context = self.inner.consumer.context();
        let down = async {
            let asked = Instant::now();
            loop {
                tokio::time::sleep(Duration::from_millis(50)).await;
                if let Some(since) = context.all_down()
                    && since.max(asked).elapsed() > DOWN_MAX
                {
                    return self.place().unreachable(context.fault().as_ref());
                }
            }
        };
        let answer = tokio::select! {
            answer = task => answer,
            error = down => return Err(error),
        };
        match answer {
            Ok(Ok(value)) => {
                context.answered();
                Ok(value)
            }
            Ok(Err(failure)) => Err(self.place().failed(what, &failure, context)),
            Err(_) => Err(Error::internal(
                "task",
                format!("cluster \"{}\": {what} was interrupted", self.cluster()),
            )),
        }
    }

    pub(super) async fn metadata(&self, topic: Option<&str>) -> Result<Known> {
        let topic = topic.map(str::to_owned);
        self.ask("asking for metadata", move |consumer, patience| {
            // In slices that grow, so that a call that nobody waits for ends soon, and a slow cluster is waited for.
            let mut slice = FIRST_SLICE;
            loop {
                let answer = consumer
                    .client()
                    .fetch_metadata(topic.as_deref(), patience.left().min(slice));
                match answer {
                    Ok(metadata) => return Ok(Known::of(&metadata)),
                    Err(error) if patience.is_over(Duration::ZERO) || !unreachable(code_of(&error)) => {
                        return Err(Failure::new(code_of(&error)));
                    }
                    Err(_) => {
                        slice = slice.saturating_mul(2).min(REQUEST_MAX);
                        // Where nothing can be reached the answer comes at once.
                        thread::sleep(AGAIN_AFTER.min(patience.left()));
                    }
                }
            }
        })
        .await
    }

    /// Brokers and counts.
    pub async fn overview(&self) -> Result<ClusterOverview> {
        let asked = Instant::now();
        let known = self.metadata(None).await?;
        let took_ms = i64::try_from(asked.elapsed().as_millis()).unwrap_or(i64::MAX);
        // Whoever may not list groups sees the rest all the same.
        let groups = self.group_names().await;
        if let Err(error) = &groups {
            tracing::debug!(%error, "the groups of a cluster were not counted");
        }
        let cluster_id = self
            .ask("asking for its id", |consumer, patience| {
                Ok(consumer.client().fetch_cluster_id(patience.left()))
            })
            .await?;
        Ok(ClusterOverview {
            name: self.cluster().to_owned(),
            cluster_id,
            partitions: known
                .topics
                .iter()
                .map(|topic| topic.partitions.len() as u64)
                .sum(),
            topics: known.topics.len() as u64,
            brokers: known.brokers,
            groups: groups.ok().map(|groups| groups.len() as u64),
            took_ms,
        })
    }

    /// Every topic, by name.
    pub async fn topics(&self) -> Result<Vec<TopicSummary>> {
        let known = self.metadata(None).await?;
        let of: Vec<TopicPartition> = known.topics.iter().flat_map(KnownTopic::of).collect();
        let watermarks = self.watermarks(&of).await?;
        let summary = |topic: &KnownTopic| TopicSummary {
            name: topic.name.clone(),
            partitions: u32::try_from(topic.partitions.len()).unwrap_or(u32::MAX),
            replication: topic
                .partitions
                .iter()
                .map(|of| of.replicas.len() as u32)
                .max()
                .unwrap_or(0),
            records: topic
                .of()
                .map(|of| watermarks.get(&of).map(|marks| marks.end - marks.start))
                .sum(),
            internal: is_internal(&topic.name),
            ..TopicSummary::default()
        };
        Ok(known.topics.iter().map(summary).collect())
    }

    /// Brokers, topics and every partition's start and end.
    pub async fn marks(&self) -> Result<ClusterMarks> {
        let known = self.metadata(None).await?;
        let of: Vec<TopicPartition> = known.topics.iter().flat_map(KnownTopic::of).collect();
        let marks = self.watermarks(&of).await?;
        let topics = known.topics.iter().map(|topic| TopicMarks {
            name: topic.name.clone(),
            partitions: topic.partitions.len(),
            replication: topic
                .partitions
                .iter()
                .map(|of| of.replicas.len())
                .max()
                .unwrap_or(0),
        });
        Ok(ClusterMarks {
            topics: topics.collect(),
            brokers: known.brokers,
            marks,
        })
    }

    /// One topic with its partitions. Unknown: `unknown_topic`, with near names.
    pub async fn topic(&self, topic: &str) -> Result<TopicDetail> {
        let mut partitions = self.partitions(topic).await?;
        let of: Vec<TopicPartition> = partitions
            .iter()
            .map(|of| TopicPartition {
                topic: topic.to_owned(),
                partition: of.partition,
            })
            .collect();
        let watermarks = self.watermarks(&of).await?;
        for (partition, of) in partitions.iter_mut().zip(&of) {
            partition.start = watermarks.get(of).map(|marks| marks.start);
            partition.end = watermarks.get(of).map(|marks| marks.end);
        }
        Ok(TopicDetail {
            name: topic.to_owned(),
            internal: is_internal(topic),
            partitions,
            ..TopicDetail::default()
        })
    }

    /// The partitions of a topic, without watermarks, in order. Unknown: `unknown_topic`, with near names.
    pub(super) async fn partitions(&self, topic: &str) -> Result<Vec<PartitionDetail>> {
        if !valid_topic(topic) {
            return Err(self.unknown_topic(topic).await);
        }
        let known = self.metadata(Some(topic)).await?;
        match known.topics.into_iter().find(|found| found.name == topic) {
            Some(KnownTopic {
                error: None,
                partitions,
                ..
            }) if !partitions.is_empty() => Ok(partitions),
            None
            | Some(KnownTopic {
                error: None | Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic),
                ..
            }) => Err(self.unknown_topic(topic).await),
            Some(KnownTopic {
                error: Some(code), ..
            }) => {
                let what = format!("reading topic \"{topic}\"");
                Err(self
                    .place()
                    .failed(&what, &Failure::new(code), self.inner.consumer.context()))
            }
        }
    }

    /// Looks up the names that were meant, if the cluster still answers.
    pub(super) async fn unknown_topic(&self, topic: &str) -> Error {
        let known = self.metadata(None).await.unwrap_or_default();
        let names = known.topics.iter().map(|topic| topic.name.as_str());
        self.place()
            .unknown_topic(topic, names.filter(|name| !INTERNAL.contains(name)))
    }

    /// Start and end of many partitions in two rounds, whatever their number. One that did not answer is absent.
    pub async fn watermarks(&self, of: &[TopicPartition]) -> Result<HashMap<TopicPartition, Watermarks>> {
        let (starts, ends) =
            tokio::try_join!(self.offsets(of, OffsetOf::Start), self.offsets(of, OffsetOf::End))?;
        Ok(starts
            .into_iter()
            .filter_map(|(of, start)| {
                let end = *ends.get(&of)?;
                Some((of, Watermarks { start, end }))
            })
            .collect())
    }

    /// One offset of each partition; one that did not answer is absent.
    pub(super) async fn offsets(
        &self,
        of: &[TopicPartition],
        which: OffsetOf,
    ) -> Result<HashMap<TopicPartition, i64>> {
        let mut wanted = of.to_vec();
        wanted.sort();
        wanted.dedup();
        let answers = self
            .ask("asking for offsets", move |consumer, patience| {
                admin::list_offsets(consumer, &wanted, which, patience)
            })
            .await?;
        Ok(answers
            .into_iter()
            .filter_map(|(of, offset)| Some((of, offset.ok()?)))
            .collect())
    }
}

/// Whether Kafka keeps the topic for itself.
pub(super) fn is_internal(topic: &str) -> bool {
    INTERNAL.contains(&topic)
}

fn code_of(error: &KafkaError) -> RDKafkaErrorCode {
    error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail)
}

/// Goes when the caller does not wait any more.
struct Waiting(Patience);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

/// Whether Kafka allows such a name; librdkafka would ask in vain until the time is over.
pub(super) fn valid_topic(topic: &str) -> bool {
    !topic.is_empty()
        && topic.len() <= 249
        && topic != "."
        && topic != ".."
        && topic
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}
