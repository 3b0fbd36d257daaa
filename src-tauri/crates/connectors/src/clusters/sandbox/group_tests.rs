//! Groups: against librdkafka, and the state machine by itself with times that are passed in.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, StreamConsumer};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{Offset, TopicPartitionList};

use super::tests::{JUNE_MS, WAIT, blocking, config, create, receive, sandbox, send, until};
use super::{Sandbox, SandboxLimits};

fn member(sandbox: &Sandbox, group: &str) -> StreamConsumer {
    let consumer: StreamConsumer = config(sandbox)
        .set("group.id", group)
        .set("client.id", "member")
        .set("auto.offset.reset", "earliest")
        .set("enable.auto.commit", "false")
        .set("session.timeout.ms", "6000")
        .set("heartbeat.interval.ms", "100")
        .create()
        .expect("a member");
    consumer.subscribe(&["t"]).expect("subscribed");
    consumer
}

/// The partitions that a member has; asking it also lets it take part in a rebalance.
async fn partitions(consumer: &StreamConsumer) -> BTreeSet<i32> {
    let _ = tokio::time::timeout(Duration::from_millis(20), consumer.recv()).await;
    let assignment = consumer.assignment().expect("an assignment");
    assignment
        .elements()
        .iter()
        .map(|partition| partition.partition())
        .collect()
}

pub async fn group_state(sandbox: &Sandbox, group: &'static str) -> Option<(String, usize)> {
    let client: BaseConsumer = config(sandbox).create().expect("a client");
    let found = blocking(move || {
        let listed = client.fetch_group_list(Some(group), WAIT).expect("groups");
        let found = listed.groups().iter().find(|found| found.name() == group);
        found.map(|found| (found.state().to_owned(), found.members().len()))
    });
    found.await
}

async fn committed(sandbox: &Sandbox, group: &str) -> BTreeMap<i32, Offset> {
    let client: BaseConsumer = config(sandbox).set("group.id", group).create().expect("a client");
    let found = blocking(move || {
        let mut asked = TopicPartitionList::new();
        asked.add_partition_range("t", 0, 3);
        client.committed_offsets(asked, WAIT).expect("committed offsets")
    });
    found
        .await
        .elements()
        .iter()
        .map(|found| (found.partition(), found.offset()))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_of_a_group_share_the_partitions_and_their_offsets_survive_them() {
    let sandbox = sandbox(SandboxLimits::default()).await;
    create(&sandbox, "t", 4).await;
    let first = member(&sandbox, "g");
    until("the first member has all partitions", async || {
        partitions(&first).await.len() == 4
    })
    .await;
    let second = member(&sandbox, "g");
    until("both members have two partitions", async || {
        let (one, other) = tokio::join!(partitions(&first), partitions(&second));
        one.len() == 2 && other.len() == 2 && one.is_disjoint(&other)
    })
    .await;
    assert_eq!(group_state(&sandbox, "g").await, Some(("Stable".to_owned(), 2)));

    let producer: FutureProducer = config(&sandbox).create().expect("a producer");
    for partition in 0..4 {
        send(&producer, "t", partition, "v", JUNE_MS).await;
    }
    let mut seen = 0;
    while seen < 4 {
        let message = tokio::select! {
            message = first.recv() => (&first, message),
            message = second.recv() => (&second, message),
            () = tokio::time::sleep(WAIT) => panic!("only {seen} of 4 records came"),
        };
        let (consumer, message) = (message.0, message.1.expect("a record"));
        blocking_commit(consumer, &message);
        seen += 1;
    }
    blocking(move || drop((first, second))).await;
    until("the group is empty", async || {
        group_state(&sandbox, "g").await == Some(("Empty".to_owned(), 0))
    })
    .await;
    let offsets = (0..4).map(|partition| (partition, Offset::Offset(1))).collect();
    assert_eq!(committed(&sandbox, "g").await, offsets);

    // A new member begins where the others stopped.
    send(&producer, "t", 2, "next", JUNE_MS).await;
    let third = member(&sandbox, "g");
    assert_eq!(receive(&third).await, (1, "next".to_owned()));
    sandbox.stop().await;
}

fn blocking_commit(consumer: &StreamConsumer, message: &rdkafka::message::BorrowedMessage<'_>) {
    tokio::task::block_in_place(|| consumer.commit_message(message, CommitMode::Sync)).expect("committed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_is_silent_loses_its_place() {
    use super::group::{Join, State};
    use super::groups::Groups;
    let mut groups = Groups::new(SandboxLimits::default());
    let start = Instant::now();
    let second = Duration::from_secs(1);
    let join = |member_id: &str| Join {
        group_id: "g".to_owned(),
        member_id: member_id.to_owned(),
        instance_id: None,
        client_id: "c".to_owned(),
        client_host: "/127.0.0.1".to_owned(),
        session_timeout: 10 * second,
        rebalance_timeout: 60 * second,
        protocol_type: "consumer".to_owned(),
        protocols: vec![("range".to_owned(), Default::default())],
        id_required: false,
    };
    let leader = groups.join(join(""), start).await.expect("joined");
    groups
        .sync("g", &leader.member_id, leader.generation, Vec::new(), start)
        .await
        .expect("synced");
    assert_eq!(groups.get("g").map(|group| group.state), Some(State::Stable));

    // A second member comes; the first one is told, and joins again.
    let waiting = groups.join(join(""), start);
    let told = groups.heartbeat("g", &leader.member_id, leader.generation, start + second);
    assert_eq!(
        told,
        Err(kafka_protocol::error::ResponseError::RebalanceInProgress)
    );
    let again = groups
        .join(join(&leader.member_id), start + second)
        .await
        .expect("joined again");
    let other = waiting.await.expect("joined");
    assert_eq!((again.generation, other.generation), (2, 2));
    assert_eq!(
        (again.members.len(), other.members.len()),
        (2, 0),
        "only the leader is told the members"
    );

    // The first one assigns, then says nothing more; the second one goes on.
    let given = vec![(other.member_id.clone(), bytes::Bytes::from_static(b"all"))];
    groups
        .sync("g", &again.member_id, 2, given, start + 2 * second)
        .await
        .expect("synced");
    let synced = groups
        .sync("g", &other.member_id, 2, Vec::new(), start + 2 * second)
        .await
        .expect("synced");
    assert_eq!(&synced.assignment[..], b"all");
    assert_eq!(
        groups.heartbeat("g", &other.member_id, 2, start + 11 * second),
        Ok(())
    );
    groups.expire(start + 13 * second);
    let group = groups.get("g").expect("the group");
    assert_eq!((group.state, group.members.len()), (State::PreparingRebalance, 1));
    let alone = groups
        .join(join(&other.member_id), start + 13 * second)
        .await
        .expect("joined");
    assert_eq!(
        (alone.generation, alone.leader.as_str()),
        (3, other.member_id.as_str())
    );

    // Nobody is heard of any more: the group is empty, and gone, because it has no offsets.
    groups.expire(start + 60 * second);
    assert!(groups.get("g").is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_and_groups_are_changed_and_deleted() {
    use kafka_protocol::messages::offset_delete_request::{
        OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
    };
    use kafka_protocol::messages::{GroupId, OffsetDeleteRequest, TopicName};
    let sandbox = sandbox(SandboxLimits::default()).await;
    create(&sandbox, "t", 4).await;
    let admin: AdminClient<DefaultClientContext> = config(&sandbox).create().expect("an admin client");
    let options = AdminOptions::new();
    let change = AlterConfig::new(ResourceSpecifier::Topic("t")).set("max.message.bytes", "500");
    assert!(admin.alter_configs([&change], &options).await.expect("an answer")[0].is_ok());
    let producer: FutureProducer = config(&sandbox).create().expect("a producer");
    let large = "x".repeat(1_000);
    let record = FutureRecord::to("t").partition(0).key("k").payload(&large);
    let (error, _) = producer.send(record, WAIT).await.expect_err("too large");
    assert_eq!(
        error.rdkafka_error_code(),
        Some(RDKafkaErrorCode::MessageSizeTooLarge)
    );

    send(&producer, "t", 0, "v", JUNE_MS).await;
    let consumer = member(&sandbox, "g");
    receive(&consumer).await;
    tokio::task::block_in_place(|| consumer.commit_consumer_state(CommitMode::Sync)).expect("committed");
    blocking(move || drop(consumer)).await;
    until("the group is empty", async || {
        group_state(&sandbox, "g").await == Some(("Empty".to_owned(), 0))
    })
    .await;
    assert_eq!(committed(&sandbox, "g").await[&0], Offset::Offset(1));
    let partition = OffsetDeleteRequestPartition::default().with_partition_index(0);
    let topic = OffsetDeleteRequestTopic::default()
        .with_name(TopicName("t".into()))
        .with_partitions(vec![partition]);
    let request = OffsetDeleteRequest::default()
        .with_group_id(GroupId("g".into()))
        .with_topics(vec![topic]);
    let deleted = super::group_offsets::delete(&sandbox.broker, request);
    assert_eq!(
        (deleted.error_code, deleted.topics[0].partitions[0].error_code),
        (0, 0)
    );
    assert_eq!(committed(&sandbox, "g").await[&0], Offset::Invalid);

    let busy = member(&sandbox, "busy");
    until("the member has its partitions", async || {
        partitions(&busy).await.len() == 4
    })
    .await;
    let deleted = admin
        .delete_groups(&["busy", "never"], &options)
        .await
        .expect("an answer");
    let refused = |name: &str, code| Err((name.to_owned(), code));
    let expected = [
        refused("busy", RDKafkaErrorCode::NonEmptyGroup),
        refused("never", RDKafkaErrorCode::GroupIdNotFound),
    ];
    assert_eq!(deleted, expected);
    sandbox.stop().await;
}
