//! What a cluster last said of all its topics.
//!
//! Invariants: one refresh at a time, in a task of its own; whoever asks while it runs gets what was known before; parts
//! that take long (sizes, settings) are asked for less often and never hold up the others.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError, Weak},
};

use tailrace_connectors::clusters::kafka::{BrokerLogs, ClusterShape, TopicPartition};
use tailrace_model::{
    Error, Result,
    api::{ConfigEntry, PartitionDetail, Topic, TopicDetail, TopicList, TopicSummary},
};
use tokio::sync::{Notify, futures::Notified};

use super::{rates::History, records, total};
use crate::{clusters::Cluster, core::now_ms, lag::CommittedOf, open::OpenWorkspace};

/// An answer younger than this is shown as it is.
const FRESH_MS: i64 = 2_000;
/// Sizes and settings change slowly, and are asked for this often at most.
const SIZES_EVERY_MS: i64 = 15_000;
const CONFIGS_EVERY_MS: i64 = 30_000;
/// Settings that the list shows.
const LISTED: [&str; 2] = ["cleanup.policy", "retention.ms"];

/// See the module's text.
#[derive(Debug, Default)]
pub struct TopicCache {
    state: Mutex<State>,
    changed: Notify,
}

/// Bytes on each broker, by topic and partition.
type Sizes = HashMap<(String, i32), Vec<(i32, i64)>>;

#[derive(Debug, Default)]
struct State {
    running: bool,
    error: Option<Error>,
    /// With watermarks.
    shape: Option<ClusterShape>,
    sampled_ms: i64,
    sizes: Option<Part<Sizes>>,
    configs: Option<Part<HashMap<String, Vec<ConfigEntry>>>>,
    ends: HashMap<String, History<i32>>,
    /// By group and partition.
    commits: HashMap<String, History<(String, i32)>>,
}

/// A part of the answer, with its own age.
#[derive(Debug)]
struct Part<T> {
    at_ms: i64,
    value: T,
    missing: Vec<String>,
}

fn is_old<T>(part: &Option<Part<T>>, now_ms: i64, every_ms: i64) -> bool {
    part.as_ref()
        .is_none_or(|part| now_ms - part.at_ms >= every_ms || !part.missing.is_empty())
}

impl TopicCache {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the caller is to refresh now.
    pub fn begin(&self, now_ms: i64) -> bool {
        let mut state = self.state();
        let fresh = state.error.is_none() && state.shape.is_some() && now_ms - state.sampled_ms < FRESH_MS;
        if state.running || fresh {
            return false;
        }
        state.running = true;
        true
    }

    /// The refresh that was begun is over.
    pub fn end(&self, outcome: Result<()>) {
        let mut state = self.state();
        state.running = false;
        state.error = outcome.err();
        drop(state);
        self.changed.notify_waiters();
    }

    /// What was changed is never shown as it was: whoever looks next waits for an answer from now on.
    pub fn forget(&self) {
        let mut state = self.state();
        state.shape = None;
        state.sizes = None;
        state.configs = None;
    }

    pub fn is_known(&self) -> bool {
        self.state().shape.is_some()
    }

    /// Resolves when something changes after this call.
    pub fn changed(&self) -> Notified<'_> {
        self.changed.notified()
    }

    /// `None`: nothing is known yet, and is being asked for.
    pub fn list(&self) -> Result<Option<TopicList>> {
        let state = self.state();
        if let (Some(error), false) = (&state.error, state.running && state.shape.is_none()) {
            return Err(error.clone());
        }
        let Some(shape) = &state.shape else {
            if state.running {
                return Ok(None);
            }
            return Err(Error::external(
                "not_asked",
                "the topics are not asked for any more: the workspace is being closed",
            ));
        };
        let mut missing: Vec<String> = Vec::new();
        missing.extend(state.sizes.iter().flat_map(|part| part.missing.clone()));
        missing.extend(state.configs.iter().flat_map(|part| part.missing.clone()));
        Ok(Some(TopicList {
            topics: shape.topics.iter().map(|topic| state.summary(topic)).collect(),
            sampled_ms: state.sampled_ms,
            refreshing: state.running,
            missing,
        }))
    }

    /// Fills in the rates of a topic that was just asked for, and remembers where it stands. `commits`: when groups were
    /// sampled, and what each had committed of a partition.
    pub fn add_rates(&self, detail: &mut TopicDetail, commits: Option<(i64, CommittedOf)>, at_ms: i64) {
        let mut state = self.state();
        let ends = state.ends.entry(detail.name.clone()).or_default();
        ends.add(at_ms, ends_of(&detail.partitions));
        let rates = ends.rates();
        for partition in &mut detail.partitions {
            partition.in_per_second = rates.get(&partition.partition).copied();
        }
        let Some((sampled_ms, commits)) = commits else {
            return;
        };
        let history = state.commits.entry(detail.name.clone()).or_default();
        history.add(sampled_ms, commits);
        let rates = history.rates();
        for partition in &mut detail.partitions {
            let of_groups = rates
                .iter()
                .filter(|((_, index), _)| *index == partition.partition)
                .map(|(_, rate)| *rate);
            partition.out_per_second = of_groups.reduce(|sum, rate| sum + rate);
        }
    }
}

fn ends_of(partitions: &[PartitionDetail]) -> HashMap<i32, i64> {
    partitions
        .iter()
        .filter_map(|of| Some((of.partition, of.end?)))
        .collect()
}

impl State {
    fn summary(&self, topic: &TopicDetail) -> TopicSummary {
        let partitions = &topic.partitions;
        let size = |of: &PartitionDetail| -> Option<&Vec<(i32, i64)>> {
            let sizes = self.sizes.as_ref()?;
            sizes.value.get(&(topic.name.clone(), of.partition))
        };
        let setting = |name: &str| {
            let entries = self.configs.as_ref()?.value.get(&topic.name)?;
            entries.iter().find(|entry| entry.name == name)?.value.clone()
        };
        let count = |of: &dyn Fn(&PartitionDetail) -> bool| {
            u32::try_from(partitions.iter().filter(|partition| of(partition)).count()).unwrap_or(u32::MAX)
        };
        let copies = partitions.iter().map(|of| of.replicas.len()).max().unwrap_or(0);
        let rates = self.ends.get(&topic.name).map(History::rates).unwrap_or_default();
        TopicSummary {
            name: topic.name.clone(),
            internal: topic.internal,
            partitions: count(&|_| true),
            replication: u32::try_from(copies).unwrap_or(u32::MAX),
            records: total(partitions, records),
            bytes: total(partitions, |of| {
                let (_, bytes) = size(of)?.iter().find(|(broker, _)| *broker == of.leader)?;
                Some(*bytes)
            }),
            bytes_on_disk: total(partitions, |of| {
                let sizes = size(of)?;
                let on = |broker: &i32| sizes.iter().find(|(on, _)| on == broker).map(|(_, bytes)| *bytes);
                of.replicas.iter().map(on).sum()
            }),
            in_per_second: partitions
                .iter()
                .map(|of| rates.get(&of.partition).copied())
                .sum::<Option<f64>>()
                .filter(|_| !partitions.is_empty()),
            under_replicated: count(&|of| of.in_sync.len() < of.replicas.len()),
            leaderless: count(&|of| of.leader < 0),
            cleanup_policy: setting(LISTED[0]),
            retention_ms: setting(LISTED[1]).and_then(|value| value.parse().ok()),
        }
    }
}

/// Asks the cluster anew and tells who follows.
pub async fn refresh(open: &Weak<OpenWorkspace>, cluster: &Cluster) {
    let outcome = ask(cluster).await;
    cluster.topics.end(outcome);
    if let Some(open) = open.upgrade() {
        open.hub.add(&Topic::Topics, 1);
    }
}

async fn ask(cluster: &Cluster) -> Result<()> {
    let (client, cache) = (&cluster.client, &cluster.topics);
    let mut shape = client.shape().await?;
    let names: Vec<String> = shape.topics.iter().map(|topic| topic.name.clone()).collect();
    let brokers = shape.brokers.clone();
    let (sizes_old, configs_old) = {
        let (state, now) = (cache.state(), now_ms());
        let has = |name: &String| {
            let configs = state.configs.as_ref();
            configs.is_some_and(|part| part.value.contains_key(name))
        };
        (
            is_old(&state.sizes, now, SIZES_EVERY_MS),
            is_old(&state.configs, now, CONFIGS_EVERY_MS) || !names.iter().all(has),
        )
    };
    let marks = async {
        let of: Vec<TopicPartition> = places(&shape);
        let marks = client.watermarks(&of).await?;
        let at_ms = now_ms();
        for topic in &mut shape.topics {
            for partition in &mut topic.partitions {
                let place = TopicPartition {
                    topic: topic.name.clone(),
                    partition: partition.partition,
                };
                partition.start = marks.get(&place).map(|marks| marks.start);
                partition.end = marks.get(&place).map(|marks| marks.end);
            }
        }
        let mut state = cache.state();
        let known: std::collections::HashSet<&String> = names.iter().collect();
        state.ends.retain(|topic, _| known.contains(topic));
        state.commits.retain(|topic, _| known.contains(topic));
        for topic in &shape.topics {
            let ends = state.ends.entry(topic.name.clone()).or_default();
            ends.add(at_ms, ends_of(&topic.partitions));
        }
        state.shape = Some(shape);
        state.sampled_ms = at_ms;
        drop(state);
        cache.changed.notify_waiters();
        Ok::<_, Error>(())
    };
    let sizes = async {
        if sizes_old {
            let (logs, missing) = client.logs(&brokers).await;
            cache.state().sizes = Some(Part {
                at_ms: now_ms(),
                value: by_partition(logs),
                missing,
            });
        }
    };
    let configs = async {
        if configs_old {
            let (value, missing) = match client.topic_configs(names.clone(), &LISTED).await {
                Ok(found) => (found, Vec::new()),
                Err(error) => (HashMap::new(), vec![error.message]),
            };
            cache.state().configs = Some(Part {
                at_ms: now_ms(),
                value,
                missing,
            });
        }
    };
    let (marked, (), ()) = tokio::join!(marks, sizes, configs);
    marked
}

fn places(shape: &ClusterShape) -> Vec<TopicPartition> {
    let of = |topic: &TopicDetail| {
        let name = topic.name.clone();
        topic
            .partitions
            .iter()
            .map(move |of| TopicPartition {
                topic: name.clone(),
                partition: of.partition,
            })
            .collect::<Vec<_>>()
    };
    shape.topics.iter().flat_map(of).collect()
}

fn by_partition(logs: Vec<BrokerLogs>) -> HashMap<(String, i32), Vec<(i32, i64)>> {
    let mut sizes: HashMap<(String, i32), Vec<(i32, i64)>> = HashMap::new();
    for logs in logs {
        for (topic, partition, bytes) in logs.partitions {
            sizes
                .entry((topic, partition))
                .or_default()
                .push((logs.broker, bytes));
        }
    }
    sizes
}

#[cfg(test)]
mod tests {
    use super::{super::put_sizes, *};

    fn topic(replicas: &[i32], in_sync: &[i32], leader: i32) -> TopicDetail {
        TopicDetail {
            name: "t".into(),
            partitions: vec![PartitionDetail {
                partition: 0,
                leader,
                replicas: replicas.to_vec(),
                in_sync: in_sync.to_vec(),
                start: Some(5),
                end: Some(25),
                ..PartitionDetail::default()
            }],
            ..TopicDetail::default()
        }
    }

    #[test]
    fn unknown_is_unknown() {
        let state = State::default();
        let found = state.summary(&topic(&[1, 2], &[1], 1));
        assert_eq!((found.records, found.under_replicated), (Some(20), 1));
        assert_eq!(
            (found.bytes, found.bytes_on_disk, found.in_per_second),
            (None, None, None)
        );
        assert_eq!((found.cleanup_policy, found.retention_ms), (None, None));
    }

    #[test]
    fn sizes_are_of_the_leader_and_of_all_copies() {
        let log = |broker: i32, bytes: i64| BrokerLogs {
            broker,
            partitions: vec![("t".into(), 0, bytes)],
            ..BrokerLogs::default()
        };
        let summed = |logs: Vec<BrokerLogs>| {
            let mut state = State::default();
            let value = by_partition(logs.clone());
            state.sizes = Some(Part {
                at_ms: 0,
                value,
                missing: Vec::new(),
            });
            let found = state.summary(&topic(&[1, 2], &[1, 2], 2));
            let mut detail = topic(&[1, 2], &[1, 2], 2);
            put_sizes(&mut detail, &logs);
            let of = &detail.partitions[0];
            assert_eq!((of.bytes, of.bytes_on_disk), (found.bytes, found.bytes_on_disk));
            (found.bytes, found.bytes_on_disk)
        };
        assert_eq!(summed(vec![log(1, 70), log(2, 100)]), (Some(100), Some(170)));
        // A broker that does not tell leaves the sum unknown.
        assert_eq!(summed(vec![log(2, 100)]), (Some(100), None));
        assert_eq!(summed(vec![log(1, 70)]), (None, None));
    }

    #[test]
    fn one_refresh_at_a_time_and_a_failure_is_told() {
        let cache = TopicCache::default();
        assert!(cache.begin(1_000));
        assert!(!cache.begin(1_000));
        assert!(matches!(cache.list(), Ok(None)));
        cache.end(Err(Error::external("x", "away")));
        assert_eq!(cache.list().expect_err("away").message, "away");
        assert!(cache.begin(1_001));
        cache.state().shape = Some(ClusterShape::default());
        cache.state().sampled_ms = 1_001;
        cache.end(Ok(()));
        assert!(!cache.begin(1_002), "fresh");
        assert!(cache.begin(1_001 + FRESH_MS));
    }
}
