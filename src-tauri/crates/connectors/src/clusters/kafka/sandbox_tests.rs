//! Against the sandbox: consumer groups, lag, lost positions, partitions that come later.

use std::{collections::BTreeMap, time::Duration};

use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    admin::{AdminClient, AdminOptions, NewPartitions},
    client::DefaultClientContext,
    consumer::{BaseConsumer, CommitMode, Consumer},
};
use tailrace_model::api::{GroupPartition, TailStart};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::clusters::sandbox::{Sandbox, SandboxLimits};

const PATIENCE: Duration = Duration::from_secs(60);
const NOW_MS: i64 = 1_700_000_000_000;

async fn cluster(topic: &str, partitions: i32) -> (Sandbox, KafkaClient) {
    let sandbox = Sandbox::start(SandboxLimits::default(), CancellationToken::new())
        .await
        .expect("the sandbox starts");
    let properties = BTreeMap::from([("bootstrap.servers".to_owned(), sandbox.bootstrap())]);
    let client = KafkaClient::new("sandbox", &properties).expect("a client");
    let new = NewTopic {
        name: topic.to_owned(),
        partitions: Some(partitions),
        replication: Some(1),
        configs: BTreeMap::new(),
    };
    client.make_topic(new, false).await.expect("a topic");
    (sandbox, client)
}

fn native(client: &KafkaClient) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", client.bootstrap());
    config
}

fn admin(client: &KafkaClient) -> AdminClient<DefaultClientContext> {
    native(client).create().expect("an admin client")
}

/// Records of one partition; record `at` is `at` seconds after [`NOW_MS`].
async fn produce(client: &KafkaClient, topic: &str, partition: i32, from: i64, to: i64) {
    let record = |at: i64| OutRecord {
        partition: Some(partition),
        value: Some(format!("{{\"n\":{at}}}").into_bytes()),
        timestamp_ms: Some(NOW_MS + at * 1_000),
        ..OutRecord::default()
    };
    tests::produce(client, topic, (from..to).map(record).collect()).await;
}

async fn partitions_of(sampler: &LagSampler, group: &str, now_ms: i64) -> Vec<GroupPartition> {
    let samples = sampler.sample(now_ms).await.expect("a sample");
    let sample = samples
        .into_iter()
        .find(|sample| sample.group == group)
        .expect("the group");
    assert_eq!(sample.error, None);
    sample.partitions
}

#[tokio::test(flavor = "multi_thread")]
async fn offsets_follow_a_checkpoint_and_show_as_lag() {
    let (_sandbox, client) = cluster("t", 4).await;
    for partition in 0..3 {
        produce(&client, "t", partition, 0, 20).await;
    }
    client
        .commit("g", "t", &[(0, 5), (1, 20), (3, 0)])
        .await
        .expect("committed");
    let (committed, errors) = client
        .committed(&["g".into(), "nobody".into()])
        .await
        .expect("offsets");
    let of = |partition| TopicPartition {
        topic: "t".into(),
        partition,
    };
    let found: BTreeMap<&TopicPartition, i64> =
        committed["g"].iter().map(|(of, offset)| (of, *offset)).collect();
    assert_eq!(found, BTreeMap::from([(&of(0), 5), (&of(1), 20), (&of(3), 0)]));
    assert!(committed["nobody"].is_empty() && errors.is_empty());

    let sampler = LagSampler::new(client.clone()).expect("a sampler");
    let now_ms = NOW_MS + 100_000;
    let found: Vec<_> = partitions_of(&sampler, "g", now_ms)
        .await
        .into_iter()
        .map(|of| (of.partition, of.committed, of.start, of.end, of.lag, of.lag_ms))
        .collect();
    // Record 5 is 95 s old; partitions 1 and 3 have nothing to read.
    assert_eq!(
        found,
        [
            (0, Some(5), Some(0), Some(20), Some(15), Some(95_000)),
            (1, Some(20), Some(0), Some(20), Some(0), Some(0)),
            (3, Some(0), Some(0), Some(0), Some(0), Some(0)),
        ]
    );
    // Later, and further on: what is remembered does not stick.
    client.commit("g", "t", &[(0, 15)]).await.expect("committed");
    let first = partitions_of(&sampler, "g", now_ms + 1_000).await.remove(0);
    assert_eq!((first.lag, first.lag_ms), (Some(5), Some(86_000)));
}

#[tokio::test(flavor = "multi_thread")]
async fn members_are_shown_with_what_they_read() {
    let (_sandbox, client) = cluster("t", 2).await;
    produce(&client, "t", 0, 0, 10).await;
    produce(&client, "t", 1, 0, 10).await;
    let member: BaseConsumer = native(&client)
        .set("group.id", "readers")
        .set("client.id", "reader-1")
        .set("auto.offset.reset", "earliest")
        .set("enable.auto.commit", "false")
        .create()
        .expect("a consumer");
    member.subscribe(&["t"]).expect("subscribed");
    let read = tokio::task::spawn_blocking(move || {
        let started = std::time::Instant::now();
        let mut count = 0;
        while count < 20 {
            assert!(started.elapsed() < PATIENCE, "{count} of 20 records came");
            if let Some(message) = member.poll(Duration::from_millis(200)) {
                message.expect("a record");
                count += 1;
            }
        }
        let mut list = TopicPartitionList::new();
        list.add_partition_offset("t", 1, Offset::Offset(10))
            .expect("an offset");
        member.commit(&list, CommitMode::Sync).expect("committed");
        member
    });
    let member = read.await.expect("the reader");
    let groups = client.groups().await.expect("groups");
    assert_eq!(groups.len(), 1);
    assert_eq!(
        (groups[0].group.as_str(), groups[0].state.as_str()),
        ("readers", "Stable")
    );
    assert_eq!(
        (groups[0].members.len(), groups[0].members[0].client.as_str()),
        (1, "reader-1")
    );
    assert_eq!(groups[0].members[0].assignment.len(), 2);
    // Partition 0 is read but not committed: its lag is unknown, and not 0.
    let sampler = LagSampler::new(client.clone()).expect("a sampler");
    let found = partitions_of(&sampler, "readers", NOW_MS).await;
    assert_eq!(
        (found[0].committed, found[0].lag, found[0].lag_ms),
        (None, None, None)
    );
    assert_eq!(
        (found[1].committed, found[1].lag, found[1].lag_ms),
        (Some(10), Some(0), Some(0))
    );
    assert!(found.iter().all(|of| of.member.is_some() && of.host.is_some()));
    let error = client
        .commit("readers", "t", &[(0, 1)])
        .await
        .expect_err("it has members");
    assert_eq!(error.code, "group_in_use", "{error}");
    tokio::task::spawn_blocking(move || drop(member))
        .await
        .expect("ended");
}

#[tokio::test(flavor = "multi_thread")]
async fn deleted_records_are_counted_as_lost() {
    let (_sandbox, client) = cluster("t", 1).await;
    produce(&client, "t", 0, 0, 50).await;
    client.commit("g", "t", &[(0, 10)]).await.expect("committed");
    let mut list = TopicPartitionList::new();
    list.add_partition_offset("t", 0, Offset::Offset(30))
        .expect("an offset");
    admin(&client)
        .delete_records(&list, &AdminOptions::new())
        .await
        .expect("deleted");
    let sampler = LagSampler::new(client.clone()).expect("a sampler");
    let found = partitions_of(&sampler, "g", NOW_MS + 60_000).await.remove(0);
    // What can still be read begins with record 30.
    assert_eq!(
        (found.lag, found.lost, found.lag_ms),
        (Some(20), Some(20), Some(30_000))
    );

    // A place that was deleted after the partition was asked where it begins is not known, and not its end.
    let of = TopicPartition {
        topic: "t".into(),
        partition: 0,
    };
    let reader = record::SharedReader::new(&config::reader(client.config()), "sandbox").expect("a reader");
    let (gone, there) = ((of.clone(), 10), (of, 45));
    let read = tokio::task::spawn_blocking(move || {
        let mut known = stretch::Stretches::default();
        for place in [&gone, &there] {
            known.read(&reader, [(place.clone(), 50)].into(), (9, 9), NOW_MS);
            let found = known.get(place).map(|found| (found.lag(50), found.is_whole(50)));
            assert_eq!(found, (*place == there).then_some((5, true)), "{place:?}");
        }
    });
    read.await.expect("read");

    let spec = TailSpec {
        stop_at_end: true,
        ..TailSpec::new("t", TailFrom::Offsets(vec![(0, 10)]))
    };
    let mut tail = Tail::start(&client, spec, NOW_MS, CancellationToken::new())
        .await
        .expect("a tail");
    let batch = timeout(PATIENCE, tail.next())
        .await
        .expect("in time")
        .expect("no error")
        .expect("records");
    assert_eq!((batch.records.num_rows(), batch.positions), (20, vec![(0, 50)]));
    assert_eq!(tail.progress().lost, 20);
    let error = client.record("t", 0, 12).await.expect_err("deleted");
    assert!(error.message.contains("starts at 30"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partition_that_comes_later_is_read_from_its_beginning() {
    let (_sandbox, client) = cluster("t", 1).await;
    let spec = TailSpec::new("t", TailFrom::Start(TailStart::End));
    let mut tail = Tail::start(&client, spec, NOW_MS, CancellationToken::new())
        .await
        .expect("a tail");
    let options = AdminOptions::new();
    admin(&client)
        .create_partitions(&[NewPartitions::new("t", 2)], &options)
        .await
        .expect("a new partition");
    let made = timeout(PATIENCE, async {
        while client.topic("t").await.expect("the topic").partitions.len() < 2 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    made.await.expect("the new partition is known");
    produce(&client, "t", 1, 0, 7).await;
    let batch = timeout(PATIENCE, async {
        loop {
            let batch = tail.next().await.expect("no error").expect("records");
            // That a partition stands at its end is told without records.
            if batch.records.num_rows() > 0 {
                break batch;
            }
        }
    });
    let batch = batch.await.expect("in time");
    assert_eq!(
        (batch.records.num_rows(), batch.positions),
        (7, vec![(0, 0), (1, 7)])
    );
}
