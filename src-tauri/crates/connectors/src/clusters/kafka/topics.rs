//! Topics and brokers as a whole cluster has them, their settings, and their changes.
//!
//! Invariants: what is asked of many topics takes a fixed number of requests a broker, whatever the number of topics; a
//! change returns when the cluster shows it; what the cluster refuses is told in its own words.

use std::{
    collections::{BTreeMap, HashMap},
    time::{Duration, Instant},
};

use rdkafka::types::RDKafkaErrorCode;
use tailrace_model::{
    Error, Result,
    api::{Acl, Broker, BrokerDetail, ConfigEntry, PartitionStart, TopicDetail},
};

use super::{
    client::{KafkaClient, REQUEST_MAX, is_internal, valid_topic},
    ffi::{
        Failure,
        admin::OffsetOf,
        cluster,
        configs::{self, ConfigOf, Configs},
        topics,
    },
    wire::{AclFilter, Address, BrokerLogs},
};

/// Between two looks whether a change shows.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// How long a topic that was deleted may still be shown.
const GONE_MAX: Duration = Duration::from_secs(5);

/// Brokers by id and topics by name, without any number that has to be asked for.
#[derive(Debug, Clone, Default)]
pub struct ClusterShape {
    pub brokers: Vec<Broker>,
    pub topics: Vec<TopicDetail>,
}

/// A topic to make; what is absent is left to the cluster.
#[derive(Debug, Clone, Default)]
pub struct NewTopic {
    pub name: String,
    pub partitions: Option<i32>,
    pub replication: Option<i32>,
    pub configs: BTreeMap<String, String>,
}

/// Looks whether the cluster shows a change.
type Seen<'a> = &'a (dyn Fn(&[tailrace_model::api::PartitionDetail]) -> bool + Sync);

impl KafkaClient {
    /// Every broker and every topic, in one request.
    pub async fn shape(&self) -> Result<ClusterShape> {
        let known = self.metadata(None).await?;
        let topics = known.topics.into_iter().map(|topic| TopicDetail {
            internal: is_internal(&topic.name),
            name: topic.name,
            partitions: topic.partitions,
            ..TopicDetail::default()
        });
        Ok(ClusterShape {
            topics: topics.collect(),
            brokers: known.brokers,
        })
    }

    /// The logs of all brokers; of those that do not tell: why, a sentence each.
    pub async fn logs(&self, brokers: &[Broker]) -> (Vec<BrokerLogs>, Vec<String>) {
        self.broker_logs(addresses(brokers), None).await
    }

    /// The same of one topic alone, asked of those that keep a copy of it.
    pub async fn topic_logs(&self, topic: &TopicDetail) -> Result<(Vec<BrokerLogs>, Vec<String>)> {
        let mut brokers = self.metadata(Some(&topic.name)).await?.brokers;
        brokers.retain(|broker| {
            let mut partitions = topic.partitions.iter();
            partitions.any(|of| of.replicas.contains(&broker.id))
        });
        let partitions: Vec<i32> = topic.partitions.iter().map(|of| of.partition).collect();
        let of = Some((topic.name.as_str(), partitions.as_slice()));
        Ok(self.broker_logs(addresses(&brokers), of).await)
    }

    async fn configs(
        &self,
        of: ConfigOf,
        names: Vec<String>,
        keys: &'static [&'static str],
    ) -> Result<Configs> {
        if names.is_empty() {
            return Ok(Configs::new());
        }
        let what = match of {
            ConfigOf::Topic => "asking for the settings of topics",
            ConfigOf::Broker => "asking for the settings of a broker",
        };
        self.ask(what, move |consumer, patience| {
            configs::describe(consumer, of, &names, keys, patience)
        })
        .await
    }

    /// These settings of many topics; a topic that may not be seen is absent.
    pub async fn topic_configs(
        &self,
        topics: Vec<String>,
        keys: &'static [&'static str],
    ) -> Result<HashMap<String, Vec<ConfigEntry>>> {
        let found = self.configs(ConfigOf::Topic, topics, keys).await?;
        Ok(found
            .into_iter()
            .filter_map(|(topic, entries)| Some((topic, entries.ok()?)))
            .collect())
    }

    /// All settings of a topic, by name.
    pub async fn topic_config(&self, topic: &str) -> Result<Vec<ConfigEntry>> {
        if !valid_topic(topic) {
            return Err(self.unknown_topic(topic).await);
        }
        let mut found = self.configs(ConfigOf::Topic, vec![topic.to_owned()], &[]).await?;
        match found.remove(topic) {
            Some(Ok(entries)) => Ok(entries),
            Some(Err(failure)) => Err(self
                .refused(
                    topic,
                    &format!("reading the settings of topic \"{topic}\""),
                    &failure,
                )
                .await),
            None => Err(self.unknown_topic(topic).await),
        }
    }

    /// All settings of a broker, by name.
    pub async fn broker_config(&self, broker: i32) -> Result<Vec<ConfigEntry>> {
        let known = self.metadata(None).await?.brokers;
        if !known.iter().any(|known| known.id == broker) {
            let ids: Vec<String> = known.iter().map(|broker| broker.id.to_string()).collect();
            return Err(Error::user(
                "unknown_broker",
                format!(
                    "cluster \"{}\" has no broker {broker}: its brokers are {}",
                    self.cluster(),
                    ids.join(", ")
                ),
            ));
        }
        let mut found = self
            .configs(ConfigOf::Broker, vec![broker.to_string()], &[])
            .await?;
        match found.remove(&broker.to_string()) {
            Some(Ok(entries)) => Ok(entries),
            Some(Err(failure)) => Err(self.place().failed(
                &format!("reading the settings of broker {broker}"),
                &failure,
                self.context(),
            )),
            None => Ok(Vec::new()),
        }
    }

    /// Brokers with their racks and who is the controller, where the cluster says so.
    pub async fn brokers(&self, shape: &ClusterShape) -> (Vec<BrokerDetail>, Option<String>) {
        let described = self
            .ask("describing the cluster", |consumer, patience| {
                cluster::describe(consumer, patience)
            })
            .await;
        let (nodes, controller, missing) = match described {
            Ok((nodes, controller)) => (nodes, controller, None),
            Err(error) => (
                Vec::new(),
                None,
                Some(format!("racks and the controller are unknown: {}", error.message)),
            ),
        };
        let brokers = shape.brokers.iter().map(|broker| BrokerDetail {
            id: broker.id,
            host: broker.host.clone(),
            port: broker.port,
            rack: nodes
                .iter()
                .find(|node| node.id == broker.id)
                .and_then(|node| node.rack.clone()),
            controller: controller.map(|id| id == broker.id),
            leads: broker.leads,
            ..BrokerDetail::default()
        });
        (brokers.collect(), missing)
    }

    /// Access rules; what is absent matches all. `kind` is as in `api::Acl`.
    pub async fn acls(
        &self,
        kind: Option<&str>,
        name: Option<String>,
        principal: Option<String>,
    ) -> Result<Vec<Acl>> {
        let numbers = [
            ("topic", 2_i8),
            ("group", 3),
            ("cluster", 4),
            ("transactional_id", 5),
            ("delegation_token", 6),
            ("user", 7),
        ];
        let kind = match kind {
            None => None,
            Some(kind) => match numbers.iter().find(|(name, _)| *name == kind) {
                Some((_, number)) => Some(*number),
                None => {
                    let names = numbers.map(|(name, _)| name).join(", ");
                    return Err(Error::user(
                        "unknown_resource_type",
                        format!("there is no resource type `{kind}`: use one of {names}"),
                    ));
                }
            },
        };
        let of = AclFilter {
            kind,
            name,
            principal,
        };
        if !self.wire_can_log_in() {
            return self.acls_by_library(of).await;
        }
        self.acls_by_wire(&of).await?.ok_or_else(|| {
            Error::refused(
                "no_authorizer",
                format!(
                    "cluster \"{}\" has no access rules: its brokers run without an authorizer (authorizer.class.name), \
                     so everybody may do everything",
                    self.cluster()
                ),
            )
        })
    }

    /// librdkafka gives an empty list where the cluster refuses, so an empty one is no answer.
    async fn acls_by_library(&self, of: AclFilter) -> Result<Vec<Acl>> {
        let found = self
            .ask("listing the access rules", move |consumer, patience| {
                cluster::acls(consumer, &of, patience)
            })
            .await?;
        if found.is_empty() {
            return Err(Error::refused(
                "acls_unknown",
                format!(
                    "cluster \"{}\" names no access rules: there is none that matches, or it has no authorizer, or this \
                     user may not describe the cluster; with this kind of login they can't be told apart",
                    self.cluster()
                ),
            ));
        }
        Ok(found)
    }

    /// The first offset at or after a time, by partition; of one without such a record its end.
    pub async fn starts_at(
        &self,
        topic: &str,
        partitions: &[i32],
        time_ms: i64,
    ) -> Result<Vec<PartitionStart>> {
        let of: Vec<_> = partitions
            .iter()
            .map(|partition| super::client::TopicPartition {
                topic: topic.to_owned(),
                partition: *partition,
            })
            .collect();
        let (at, ends) = tokio::try_join!(self.offsets_at(&of, time_ms), self.offsets(&of, OffsetOf::End))?;
        Ok(of
            .into_iter()
            .filter_map(|of| {
                let offset = match at.get(&of) {
                    Some(Some(offset)) => *offset,
                    _ => *ends.get(&of)?,
                };
                Some(PartitionStart {
                    partition: of.partition,
                    offset,
                })
            })
            .collect())
    }

    /// Makes a topic and waits until it can be used. One that exists already: `topic_exists`. `only_validate`: the cluster
    /// judges and does nothing.
    pub async fn make_topic(&self, new: NewTopic, only_validate: bool) -> Result<()> {
        if !valid_topic(&new.name) {
            return Err(Error::user(
                "bad_topic_name",
                format!(
                    "\"{}\" is no name of a topic: use 1 to 249 letters, digits, dots, underscores and hyphens",
                    new.name
                ),
            ));
        }
        let name = new.name.clone();
        let what = format!("making topic \"{name}\"");
        self.change(&name, &what, move |consumer, patience| {
            topics::create(consumer, &new, only_validate, patience)
        })
        .await?;
        if only_validate {
            return Ok(());
        }
        self.wait_until(&name, &|partitions| partitions.iter().all(|of| of.leader >= 0))
            .await
    }

    /// Makes a topic have this many partitions, and waits until they show.
    pub async fn add_partitions(&self, topic: &str, total: usize, only_validate: bool) -> Result<()> {
        let name = topic.to_owned();
        let what = format!("adding partitions to topic \"{topic}\"");
        self.change(topic, &what, move |consumer, patience| {
            topics::grow(consumer, &name, total, only_validate, patience)
        })
        .await?;
        if only_validate {
            return Ok(());
        }
        self.wait_until(topic, &|partitions| {
            partitions.len() >= total && partitions.iter().all(|of| of.leader >= 0)
        })
        .await
    }

    /// Sets (with a value) or resets (without) settings of a topic; the others stay.
    pub async fn alter_topic(
        &self,
        topic: &str,
        changes: Vec<(String, Option<String>)>,
        only_validate: bool,
    ) -> Result<()> {
        let name = topic.to_owned();
        let what = format!("changing the settings of topic \"{topic}\"");
        self.change(topic, &what, move |consumer, patience| {
            configs::alter_topic(consumer, &name, &changes, only_validate, patience)
        })
        .await
    }

    /// Deletes a topic and waits until it is gone.
    pub async fn delete_topic(&self, topic: &str) -> Result<()> {
        let name = topic.to_owned();
        let what = format!("deleting topic \"{topic}\"");
        self.change(topic, &what, move |consumer, patience| {
            topics::delete(consumer, &name, patience)
        })
        .await?;
        let started = Instant::now();
        // What the cluster has accepted is done; it may be shown a moment longer.
        while started.elapsed() < GONE_MAX {
            match self.partitions(topic).await {
                Err(error) if error.code == "unknown_topic" => break,
                _ => tokio::time::sleep(LOOK_AGAIN).await,
            }
        }
        Ok(())
    }

    /// Deletes what lies before each offset; returns where each partition begins now.
    pub async fn delete_records(
        &self,
        topic: &str,
        before: &[PartitionStart],
    ) -> Result<Vec<PartitionStart>> {
        let name = topic.to_owned();
        let offsets: Vec<(i32, i64)> = before.iter().map(|of| (of.partition, of.offset)).collect();
        let what = format!("deleting records of topic \"{topic}\"");
        let answers = self
            .ask(&what, move |consumer, patience| {
                topics::delete_records(consumer, &name, &offsets, patience)
            })
            .await?;
        let mut starts = Vec::with_capacity(answers.len());
        let mut refused = None;
        for (partition, answer) in answers {
            match answer {
                Ok(offset) => starts.push(PartitionStart { partition, offset }),
                Err(failure) => refused = Some((partition, failure)),
            }
        }
        let Some((partition, failure)) = refused else {
            return Ok(starts);
        };
        let error = self.refused(topic, &what, &failure).await;
        let others = match starts.len() {
            0 => String::new(),
            done => format!(" ({done} other partitions are done)"),
        };
        Err(error.context(format!("partition {partition}{others}")))
    }

    /// Runs a change; what the cluster refuses is told in its own words.
    async fn change(
        &self,
        topic: &str,
        what: &str,
        call: impl FnOnce(&super::native::Consumer, &super::native::Patience) -> Result<(), Failure>
        + Send
        + 'static,
    ) -> Result<()> {
        let refusal = self
            .ask(what, move |consumer, patience| match call(consumer, patience) {
                Ok(()) => Ok(None),
                Err(failure) if is_answer(failure.code) => Ok(Some(failure)),
                Err(failure) => Err(failure),
            })
            .await?;
        match refusal {
            None => Ok(()),
            Some(failure) => Err(self.refused(topic, what, &failure).await),
        }
    }

    async fn refused(&self, topic: &str, what: &str, failure: &Failure) -> Error {
        let cluster = self.cluster();
        let said = failure.text.trim_end_matches('.');
        match failure.code {
            RDKafkaErrorCode::TopicAlreadyExists => Error::user(
                "topic_exists",
                format!("cluster \"{cluster}\" has a topic \"{topic}\" already"),
            ),
            RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic => {
                self.unknown_topic(topic).await
            }
            code if is_answer(code) => Error::user(
                "cluster_refuses",
                format!("cluster \"{cluster}\" refuses {what}: {said}"),
            ),
            _ => self.place().failed(what, failure, self.context()),
        }
    }

    /// Brokers learn of a change of a topic a moment later.
    async fn wait_until(&self, topic: &str, seen: Seen<'_>) -> Result<()> {
        let started = Instant::now();
        loop {
            match self.partitions(topic).await {
                Ok(partitions) if seen(&partitions) => return Ok(()),
                Err(error) if error.code != "unknown_topic" => return Err(error),
                _ if started.elapsed() > REQUEST_MAX => {
                    return Err(Error::external(
                        "topic_not_ready",
                        format!(
                            "cluster \"{}\": topic \"{topic}\" was changed but has partitions without a leader yet",
                            self.cluster()
                        ),
                    ));
                }
                _ => tokio::time::sleep(LOOK_AGAIN).await,
            }
        }
    }
}

fn addresses(brokers: &[Broker]) -> Vec<Address> {
    let address = |broker: &Broker| Address {
        id: broker.id,
        host: broker.host.clone(),
        port: u16::try_from(broker.port).unwrap_or(0),
    };
    brokers.iter().map(address).collect()
}

/// Whether the cluster understood and said no.
fn is_answer(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        code,
        Code::TopicAlreadyExists
            | Code::UnknownTopicOrPartition
            | Code::UnknownTopic
            | Code::InvalidTopic
            | Code::InvalidPartitions
            | Code::InvalidReplicationFactor
            | Code::InvalidReplicaAssignment
            | Code::InvalidConfig
            | Code::InvalidRequest
            | Code::PolicyViolation
            | Code::OffsetOutOfRange
            | Code::TopicDeletionDisabled
            | Code::ReassignmentInProgress
            | Code::InvalidArgument
    )
}
