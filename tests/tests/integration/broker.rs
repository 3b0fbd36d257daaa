//! Consumer groups and committed offsets, through a client of the test's own.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use anyhow::Result;
use integration::kafka::Kafka;
use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{BaseConsumer, CommitMode, Consumer},
    error::{KafkaError, RDKafkaErrorCode},
};

const TIMEOUT: Duration = Duration::from_secs(20);

/// Offsets by partition; `None`: nothing is committed.
pub type Offsets = BTreeMap<i32, Option<i64>>;

fn consumer(kafka: &Kafka, group: &str) -> Result<BaseConsumer> {
    let mut config = kafka.client_config();
    config
        .set("group.id", group)
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "earliest");
    Ok(config.create()?)
}

/// What a group has committed.
pub async fn committed(kafka: &Kafka, group: &str, topic: &str, partitions: i32) -> Result<Offsets> {
    let consumer = consumer(kafka, group)?;
    let mut wanted = TopicPartitionList::new();
    wanted.add_partition_range(topic, 0, partitions - 1);
    let found = tokio::task::spawn_blocking(move || consumer.committed_offsets(wanted, TIMEOUT)).await??;
    let offset = |offset| match offset {
        Offset::Offset(offset) => Some(offset),
        _ => None,
    };
    Ok(found
        .elements()
        .iter()
        .map(|it| (it.partition(), offset(it.offset())))
        .collect())
}

/// Where each partition ends.
pub async fn ends(kafka: &Kafka, topic: &str, partitions: i32) -> Result<BTreeMap<i32, i64>> {
    let consumer = consumer(kafka, "ends")?;
    let topic = topic.to_owned();
    let found = tokio::task::spawn_blocking(move || {
        let end = |partition| {
            Ok((
                partition,
                consumer.fetch_watermarks(&topic, partition, TIMEOUT)?.1,
            ))
        };
        (0..partitions).map(end).collect()
    });
    found.await?
}

/// Waits until what a group has committed is as wanted; the error tells what it was last.
pub async fn wait_for_commits(
    kafka: &Kafka,
    group: &str,
    topic: &str,
    partitions: i32,
    deadline: Duration,
    wanted: impl Fn(&Offsets) -> bool,
) -> Result<Offsets> {
    let started = Instant::now();
    loop {
        // A broker that has just started does not know its groups yet.
        let found = committed(kafka, group, topic, partitions).await;
        match found {
            Ok(found) if wanted(&found) => return Ok(found),
            _ => {}
        }
        anyhow::ensure!(
            started.elapsed() < deadline,
            "group {group} on {topic} still stands at {found:?} after {:.0} s",
            deadline.as_secs_f32()
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Commits offsets for a group that has no members. Who coordinates a new group may have to be agreed on first.
pub async fn commit(kafka: &Kafka, group: &str, topic: &str, offsets: &[(i32, i64)]) -> Result<()> {
    let mut list = TopicPartitionList::new();
    for (partition, offset) in offsets {
        list.add_partition_offset(topic, *partition, Offset::Offset(*offset))?;
    }
    commit_with(consumer(kafka, group)?, list).await
}

/// The same by a client of any cluster's.
pub async fn commit_with(consumer: BaseConsumer, offsets: TopicPartitionList) -> Result<()> {
    let committing = tokio::task::spawn_blocking(move || {
        let started = Instant::now();
        loop {
            match consumer.commit(&offsets, CommitMode::Sync) {
                Ok(()) => return Ok(()),
                Err(error) if started.elapsed() < TIMEOUT && is_unsettled(&error) => {
                    std::thread::sleep(Duration::from_millis(50));
                }
                Err(error) => return Err(error.into()),
            }
        }
    });
    committing.await?
}

fn is_unsettled(error: &KafkaError) -> bool {
    use RDKafkaErrorCode::{CoordinatorLoadInProgress, CoordinatorNotAvailable, NotCoordinator};
    error.rdkafka_error_code().is_some_and(|code| {
        matches!(
            code,
            CoordinatorLoadInProgress | CoordinatorNotAvailable | NotCoordinator
        )
    })
}

/// Joins a group and stays in it until the answer is dropped.
pub async fn join(kafka: &Kafka, group: &str, topic: &str, partitions: usize) -> Result<BaseConsumer> {
    take_part(consumer(kafka, group)?, topic, partitions).await
}

/// The same by the protocol in which the broker assigns partitions (KIP-848).
pub async fn join_by_broker(
    kafka: &Kafka,
    group: &str,
    topic: &str,
    partitions: usize,
) -> Result<BaseConsumer> {
    let mut config = kafka.client_config();
    config
        .set("group.id", group)
        .set("group.protocol", "consumer")
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "earliest");
    take_part(config.create()?, topic, partitions).await
}

async fn take_part(consumer: BaseConsumer, topic: &str, partitions: usize) -> Result<BaseConsumer> {
    consumer.subscribe(&[topic])?;
    let joined = tokio::task::spawn_blocking(move || {
        let started = Instant::now();
        while consumer.assignment()?.count() < partitions {
            anyhow::ensure!(
                started.elapsed() < TIMEOUT,
                "the group did not take its member in"
            );
            consumer.poll(Duration::from_millis(100));
        }
        Ok(consumer)
    });
    joined.await?
}
