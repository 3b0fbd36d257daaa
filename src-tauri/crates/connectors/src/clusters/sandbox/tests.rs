//! The sandbox against librdkafka.

use std::future::Future;
use std::time::{Duration, Instant};

use rdkafka::admin::{
    AdminClient, AdminOptions, NewPartitions, NewTopic, ResourceSpecifier, TopicReplication,
};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer, StreamConsumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::producer::{FutureProducer, FutureRecord, Producer};
use rdkafka::{Offset, TopicPartitionList};
use tokio_util::sync::CancellationToken;

use super::{Sandbox, SandboxLimits};

pub const WAIT: Duration = Duration::from_secs(20);
/// 2024-06-01T00:00:00Z.
pub const JUNE_MS: i64 = 1_717_200_000_000;

pub async fn sandbox(limits: SandboxLimits) -> Sandbox {
    Sandbox::start(limits, CancellationToken::new())
        .await
        .expect("the sandbox starts")
}

pub fn config(sandbox: &Sandbox) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", sandbox.bootstrap());
    config
}

pub async fn create(sandbox: &Sandbox, topic: &str, partitions: i32) {
    let admin: AdminClient<DefaultClientContext> = config(sandbox).create().expect("an admin client");
    let new = NewTopic::new(topic, partitions, TopicReplication::Fixed(1));
    let created = admin
        .create_topics([&new], &AdminOptions::new())
        .await
        .expect("an answer");
    created
        .into_iter()
        .for_each(|result| assert_eq!(result, Ok(topic.to_owned())));
}

pub async fn send(producer: &FutureProducer, topic: &str, partition: i32, value: &str, time_ms: i64) -> i64 {
    let record = FutureRecord::to(topic)
        .partition(partition)
        .key("k")
        .payload(value)
        .timestamp(time_ms);
    producer
        .send(record, WAIT)
        .await
        .map(|delivery| delivery.offset)
        .expect("delivered")
}

/// Asks until it is so, for at most [`WAIT`].
pub async fn until<F: Future<Output = bool>>(what: &str, mut so: impl FnMut() -> F) {
    let deadline = Instant::now() + WAIT;
    while !so().await {
        assert!(Instant::now() < deadline, "after {WAIT:?} still not: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Runs blocking client calls beside the broker.
pub async fn blocking<T: Send + 'static>(call: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(call).await.expect("the call ends")
}

/// A consumer of one partition, from `offset`.
fn reader(sandbox: &Sandbox, topic: &str, offset: Offset) -> StreamConsumer {
    let consumer: StreamConsumer = config(sandbox)
        .set("group.id", "reader")
        .set("enable.auto.commit", "false")
        .create()
        .expect("a consumer");
    let mut assignment = TopicPartitionList::new();
    assignment
        .add_partition_offset(topic, 0, offset)
        .expect("an offset");
    consumer.assign(&assignment).expect("assigned");
    consumer
}

pub async fn receive(consumer: &StreamConsumer) -> (i64, String) {
    let message = tokio::time::timeout(WAIT, consumer.recv())
        .await
        .expect("a record in time")
        .expect("a record");
    let value = String::from_utf8_lossy(message.payload().unwrap_or_default()).into_owned();
    (message.offset(), value)
}

async fn watermarks(sandbox: &Sandbox, topic: &'static str) -> (i64, i64) {
    let client: BaseConsumer = config(sandbox).create().expect("a client");
    blocking(move || client.fetch_watermarks(topic, 0, WAIT))
        .await
        .expect("watermarks")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_produced_is_consumed_with_its_offset_key_and_time() {
    let sandbox = sandbox(SandboxLimits::default()).await;
    create(&sandbox, "t", 1).await;
    let producer: FutureProducer = config(&sandbox).create().expect("a producer");
    for index in 0..50 {
        assert_eq!(
            send(&producer, "t", 0, &format!("v{index}"), JUNE_MS + index).await,
            index
        );
    }
    let consumer = reader(&sandbox, "t", Offset::Offset(20));
    for index in 20..50 {
        let message = tokio::time::timeout(WAIT, consumer.recv())
            .await
            .expect("in time")
            .expect("a record");
        assert_eq!(message.offset(), index);
        assert_eq!(message.key(), Some(&b"k"[..]));
        assert_eq!(message.payload(), Some(format!("v{index}").as_bytes()));
        assert_eq!(message.timestamp().to_millis(), Some(JUNE_MS + index));
    }
    // A record that comes while a fetch waits reaches it.
    let (sent, received) = tokio::join!(send(&producer, "t", 0, "late", JUNE_MS), receive(&consumer));
    assert_eq!((sent, received), (50, (50, "late".to_owned())));
    sandbox.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn compressed_batches_pass_through() {
    let sandbox = sandbox(SandboxLimits::default()).await;
    create(&sandbox, "t", 1).await;
    for (expected, codec) in (0..).zip(["gzip", "snappy", "lz4", "zstd"]) {
        let producer: FutureProducer = config(&sandbox)
            .set("compression.type", codec)
            .create()
            .expect(codec);
        assert_eq!(
            send(&producer, "t", 0, &codec.repeat(100), JUNE_MS).await,
            expected
        );
        let consumer = reader(&sandbox, "t", Offset::Offset(expected));
        assert_eq!(receive(&consumer).await, (expected, codec.repeat(100)));
    }
    sandbox.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_time_leads_to_the_first_record_at_or_after_it() {
    let sandbox = sandbox(SandboxLimits::default()).await;
    create(&sandbox, "t", 1).await;
    // All in one batch, so that the answer has to come from inside it.
    let producer: FutureProducer = config(&sandbox)
        .set("linger.ms", "200")
        .create()
        .expect("a producer");
    let times = [0, 1_000, 5_000, 2_000, 9_000].map(|ms| JUNE_MS + ms);
    let sending = times.iter().map(|time_ms| send(&producer, "t", 0, "v", *time_ms));
    assert_eq!(futures::future::join_all(sending).await, [0, 1, 2, 3, 4]);
    let client: BaseConsumer = config(&sandbox).create().expect("a client");
    let client = std::sync::Arc::new(client);
    let cases = [
        (-1, Offset::Offset(0)),
        (1, Offset::Offset(1)),
        (1_001, Offset::Offset(2)),
    ];
    let cases = cases
        .into_iter()
        .chain([(5_001, Offset::Offset(4)), (9_001, Offset::End)]);
    for (ms, expected) in cases {
        let client = client.clone();
        let found = blocking(move || {
            let mut asked = TopicPartitionList::new();
            asked
                .add_partition_offset("t", 0, Offset::Offset(JUNE_MS + ms))
                .expect("a time");
            client.offsets_for_times(asked, WAIT).expect("offsets")
        });
        let found = found.await;
        assert_eq!(
            found.find_partition("t", 0).expect("t 0").offset(),
            expected,
            "at {ms} ms"
        );
    }
    let consumer = reader(&sandbox, "t", Offset::Offset(4));
    assert_eq!(receive(&consumer).await.0, 4);
    sandbox.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idempotent_producer_writes_once_and_in_order() {
    let sandbox = sandbox(SandboxLimits::default()).await;
    create(&sandbox, "t", 1).await;
    let producer: FutureProducer = config(&sandbox)
        .set("enable.idempotence", "true")
        .set("batch.num.messages", "7")
        .create()
        .expect("a producer");
    let values: Vec<_> = (0..200).map(|index| format!("v{index}")).collect();
    let sending = values.iter().map(|value| send(&producer, "t", 0, value, JUNE_MS));
    assert_eq!(
        futures::future::join_all(sending).await,
        (0..200).collect::<Vec<_>>()
    );
    let consumer = reader(&sandbox, "t", Offset::Beginning);
    for (index, value) in values.iter().enumerate() {
        assert_eq!(receive(&consumer).await, (index as i64, value.clone()));
    }
    assert_eq!(watermarks(&sandbox, "t").await, (0, 200));
    sandbox.stop().await;
}

/// A batch with one empty record for each sequence number; its checksum is left out, as the broker has no use for it.
fn batch(producer_id: i64, epoch: i16, first_sequence: i32, records: i32) -> Vec<u8> {
    let mut rest = Vec::new();
    rest.extend(0_i32.to_be_bytes());
    rest.push(2);
    rest.extend(0_u32.to_be_bytes());
    rest.extend(0_i16.to_be_bytes());
    rest.extend((records - 1).to_be_bytes());
    rest.extend(
        [
            JUNE_MS.to_be_bytes(),
            JUNE_MS.to_be_bytes(),
            producer_id.to_be_bytes(),
        ]
        .concat(),
    );
    rest.extend(epoch.to_be_bytes());
    rest.extend(first_sequence.to_be_bytes());
    rest.extend(records.to_be_bytes());
    for index in 0..records as u8 {
        // Length 6 (zigzag 12): attributes, time delta, offset delta, no key, no value, no headers.
        rest.extend([12, 0, 0, index * 2, 1, 1, 0]);
    }
    [
        &0_i64.to_be_bytes()[..],
        &(rest.len() as i32).to_be_bytes()[..],
        &rest,
    ]
    .concat()
}

#[test]
fn a_batch_that_is_sent_again_is_not_written_again() {
    use super::log::{Log, TopicConfig};
    use kafka_protocol::error::ResponseError;
    let mut log = Log::new(SandboxLimits::default());
    log.create("t", 1, TopicConfig::default());
    let mut append = |epoch, first, records| {
        log.append("t", 0, &batch(9, epoch, first, records))
            .map(|(base, _)| base)
    };
    assert_eq!(append(0, 0, 3), Ok(0));
    assert_eq!(append(0, 3, 2), Ok(3));
    assert_eq!(
        append(0, 0, 3),
        Ok(0),
        "the answer to a repeated batch is the first one"
    );
    assert_eq!(
        append(0, 6, 1),
        Err(ResponseError::OutOfOrderSequenceNumber),
        "5 is missing"
    );
    assert_eq!(append(0, 5, 1), Ok(5));
    assert_eq!(
        append(1, 4, 1),
        Err(ResponseError::OutOfOrderSequenceNumber),
        "a new epoch begins at 0"
    );
    assert_eq!(append(1, 0, 1), Ok(6));
    assert_eq!(append(0, 6, 1), Err(ResponseError::InvalidProducerEpoch));
    for sequence in 1..7 {
        assert_eq!(append(1, sequence, 1), Ok(6 + i64::from(sequence)));
    }
    assert_eq!(
        append(1, 0, 1),
        Err(ResponseError::DuplicateSequenceNumber),
        "too long ago to know its offset"
    );
    assert_eq!(log.partition("t", 0).expect("t 0").high_watermark(), 13);
    assert_eq!(
        log.append("t", 0, &batch(-1, -1, -1, 1)[..40]),
        Err(ResponseError::CorruptMessage)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_oldest_records_go_when_a_partition_or_the_whole_is_full() {
    let limits = SandboxLimits {
        partition_bytes_max: 30_000,
        total_bytes_max: 50_000,
        ..SandboxLimits::default()
    };
    let sandbox = sandbox(limits).await;
    create(&sandbox, "t", 1).await;
    create(&sandbox, "u", 1).await;
    let producer: FutureProducer = config(&sandbox).create().expect("a producer");
    let value = "x".repeat(1_000);
    for index in 0..60 {
        assert_eq!(send(&producer, "t", 0, &value, JUNE_MS).await, index);
    }
    let (low, high) = watermarks(&sandbox, "t").await;
    assert!(low > 25 && high == 60, "{low} to {high}");
    assert!(sandbox.bytes() <= 30_000);
    for _ in 0..60 {
        send(&producer, "u", 0, &value, JUNE_MS).await;
    }
    assert!(
        (40_000..=50_000).contains(&sandbox.bytes()),
        "{} bytes",
        sandbox.bytes()
    );
    // What is gone cannot be read; what is left can.
    let (low, _) = watermarks(&sandbox, "t").await;
    let consumer = reader(&sandbox, "t", Offset::Beginning);
    assert_eq!(receive(&consumer).await, (low, value));
    sandbox.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deleted_records_are_gone() {
    let sandbox = sandbox(SandboxLimits::default()).await;
    create(&sandbox, "t", 1).await;
    let producer: FutureProducer = config(&sandbox)
        .set("linger.ms", "100")
        .create()
        .expect("a producer");
    let values: Vec<_> = (0..10).map(|index| format!("v{index}")).collect();
    futures::future::join_all(values.iter().map(|value| send(&producer, "t", 0, value, JUNE_MS))).await;
    let admin: AdminClient<DefaultClientContext> = config(&sandbox).create().expect("an admin client");
    let mut before = TopicPartitionList::new();
    before
        .add_partition_offset("t", 0, Offset::Offset(4))
        .expect("an offset");
    let deleted = admin
        .delete_records(&before, &AdminOptions::new())
        .await
        .expect("deleted");
    assert_eq!(
        deleted.find_partition("t", 0).expect("t 0").offset(),
        Offset::Offset(4)
    );
    assert_eq!(watermarks(&sandbox, "t").await, (4, 10));
    // The batch still holds the deleted records; the reader does not see them.
    assert_eq!(
        receive(&reader(&sandbox, "t", Offset::Beginning)).await,
        (4, "v4".to_owned())
    );

    before.set_all_offsets(Offset::End).expect("the end");
    admin
        .delete_records(&before, &AdminOptions::new())
        .await
        .expect("deleted");
    assert_eq!((watermarks(&sandbox, "t").await, sandbox.bytes()), ((10, 10), 0));
    sandbox.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_that_does_not_exist_is_an_error_and_stays_so() {
    let sandbox = sandbox(SandboxLimits::default()).await;
    let producer: FutureProducer = config(&sandbox)
        .set("topic.metadata.propagation.max.ms", "0")
        .set("message.timeout.ms", "5000")
        .create()
        .expect("a producer");
    let record = FutureRecord::to("nowhere").key("k").payload("v");
    let (error, _) = producer.send(record, WAIT).await.expect_err("refused");
    let codes = [
        RDKafkaErrorCode::UnknownTopic,
        RDKafkaErrorCode::UnknownTopicOrPartition,
    ];
    assert!(
        codes.iter().any(|code| error.rdkafka_error_code() == Some(*code)),
        "{error}"
    );
    let client: BaseConsumer = config(&sandbox).create().expect("a client");
    let names = blocking(move || {
        client
            .fetch_metadata(None, WAIT)
            .expect("metadata")
            .topics()
            .len()
    })
    .await;
    assert_eq!(names, 0);
    sandbox.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn topics_are_described_grown_and_deleted() {
    let sandbox = sandbox(SandboxLimits::default()).await;
    let admin: AdminClient<DefaultClientContext> = config(&sandbox).create().expect("an admin client");
    let options = AdminOptions::new();
    let small = NewTopic::new("t", 2, TopicReplication::Fixed(1)).set("retention.bytes", "5000");
    let wrong = NewTopic::new("u", 2, TopicReplication::Fixed(1)).set("cleanup.policy", "compact");
    let copies = NewTopic::new("v", 2, TopicReplication::Fixed(3));
    let created = admin
        .create_topics([&small, &wrong, &copies], &options)
        .await
        .expect("an answer");
    let refused = |topic: &str, code| Err((topic.to_owned(), code));
    let expected = [
        Ok("t".to_owned()),
        refused("u", RDKafkaErrorCode::InvalidConfig),
        refused("v", RDKafkaErrorCode::InvalidReplicationFactor),
    ];
    assert_eq!(created, expected);

    let described = admin
        .describe_configs([&ResourceSpecifier::Topic("t")], &options)
        .await
        .expect("an answer");
    let described = described[0].as_ref().expect("settings");
    let value = |name: &str| described.get(name).and_then(|entry| entry.value.clone());
    assert_eq!(value("retention.bytes").as_deref(), Some("5000"));
    assert_eq!(value("cleanup.policy").as_deref(), Some("delete"));

    let grown = admin
        .create_partitions([&NewPartitions::new("t", 5)], &options)
        .await
        .expect("an answer");
    assert_eq!(grown, [Ok("t".to_owned())]);
    let again = admin
        .create_partitions([&NewPartitions::new("t", 5)], &options)
        .await
        .expect("an answer");
    assert_eq!(again, [refused("t", RDKafkaErrorCode::InvalidPartitions)]);
    let client: BaseConsumer = config(&sandbox).create().expect("a client");
    let count = blocking(move || {
        client.fetch_metadata(Some("t"), WAIT).expect("t").topics()[0]
            .partitions()
            .len()
    });
    assert_eq!(count.await, 5);

    let deleted = admin
        .delete_topics(&["t", "u"], &options)
        .await
        .expect("an answer");
    let unknown = refused("u", RDKafkaErrorCode::UnknownTopicOrPartition);
    assert_eq!(deleted, [Ok("t".to_owned()), unknown]);
    sandbox.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transactions_are_refused_at_once() {
    let sandbox = sandbox(SandboxLimits::default()).await;
    let producer: FutureProducer = config(&sandbox)
        .set("transactional.id", "tx")
        .create()
        .expect("a producer");
    let refused = blocking(move || producer.init_transactions(WAIT))
        .await
        .expect_err("refused");
    let KafkaError::Transaction(error) = &refused else {
        panic!("another error: {refused}")
    };
    assert_eq!(error.code(), RDKafkaErrorCode::TransactionalIdAuthorizationFailed);
    sandbox.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_is_too_large_ends_its_connection_only() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let sandbox = sandbox(SandboxLimits::default()).await;
    let mut stream = tokio::net::TcpStream::connect(sandbox.bootstrap())
        .await
        .expect("connected");
    stream
        .write_all(b"GET / HTTP/1.1\r\n\r\n")
        .await
        .expect("written");
    let mut answer = Vec::new();
    let read = tokio::time::timeout(WAIT, stream.read_to_end(&mut answer))
        .await
        .expect("closed in time");
    assert!(answer.is_empty(), "{read:?}");
    create(&sandbox, "t", 1).await;
    sandbox.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_version_of_api_versions_is_answered_in_version_0() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let sandbox = sandbox(SandboxLimits::default()).await;
    let mut stream = tokio::net::TcpStream::connect(sandbox.bootstrap())
        .await
        .expect("connected");
    let request = [
        &10_i32.to_be_bytes()[..],
        &18_i16.to_be_bytes(),
        &99_i16.to_be_bytes(),
        &7_i32.to_be_bytes(),
        &[0xff; 2],
    ];
    stream.write_all(&request.concat()).await.expect("written");
    let length = stream.read_i32().await.expect("a length");
    assert_eq!(stream.read_i32().await.expect("a correlation id"), 7);
    assert_eq!(stream.read_i16().await.expect("an error"), 35);
    let keys = stream.read_i32().await.expect("a count");
    assert_eq!(length, 4 + 2 + 4 + keys * 6);
    sandbox.stop().await;
}
