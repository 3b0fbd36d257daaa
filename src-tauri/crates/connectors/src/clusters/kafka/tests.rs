//! Against librdkafka's mock cluster: real sockets and the real protocol, brokers that can be taken down. What it does
//! not speak (listing groups, deleting records) is tested against Apache Kafka by the integration tests.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use arrow::{
    array::AsArray,
    datatypes::{Int32Type, Int64Type},
};
use rdkafka::{mocking::MockCluster, producer::DefaultProducerContext};
use tailrace_model::{Domain, api::TailStart};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::*;

const PATIENCE: Duration = Duration::from_secs(30);
const NOW_MS: i64 = 1_700_000_000_000;

type Mock = MockCluster<'static, DefaultProducerContext>;

fn properties(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn cluster(brokers: i32, topics: &[(&str, i32)]) -> (Mock, KafkaClient) {
    let mock = MockCluster::new(brokers).expect("a mock cluster");
    for (topic, partitions) in topics {
        mock.create_topic(topic, *partitions, brokers.min(3))
            .expect("a topic");
    }
    let client = KafkaClient::new(
        "mock",
        &properties(&[("bootstrap.servers", &mock.bootstrap_servers())]),
    );
    (mock, client.expect("a client"))
}

/// Record `at` goes to partition `at % partitions`, a second after the one before it.
fn numbered(from: usize, to: usize, partitions: usize) -> Vec<OutRecord> {
    (from..to)
        .map(|at| OutRecord {
            partition: Some(i32::try_from(at % partitions).expect("small")),
            key: (at % 7 != 0).then(|| format!("k{at}").into_bytes()),
            value: (at % 11 != 0).then(|| format!("{{\"n\":{at}}}").into_bytes()),
            headers: if at % 5 == 0 {
                vec![("h".into(), Some(vec![1, 2])), ("e".into(), None)]
            } else {
                Vec::new()
            },
            timestamp_ms: Some(NOW_MS + i64::try_from(at).expect("small") * 1_000),
        })
        .collect()
}

/// All of them are acknowledged.
pub(super) async fn produce(client: &KafkaClient, topic: &str, records: Vec<OutRecord>) {
    let writer = client.writer(topic).await.expect("a writer");
    let fates = writer.write(records, &CancellationToken::new()).await;
    let fates = fates.expect("written");
    let written = |fate: &Fate| matches!(fate, Fate::Written { .. });
    assert!(fates.iter().all(written), "{fates:?}");
}

async fn start(client: &KafkaClient, spec: TailSpec) -> Tail {
    Tail::start(client, spec, NOW_MS, CancellationToken::new())
        .await
        .expect("a tail")
}

/// Reads until this many records came, or the end: partition and offset of each.
async fn read(tail: &mut Tail, count: usize) -> Vec<(i32, i64)> {
    let mut found = Vec::new();
    while found.len() < count {
        let batch = timeout(PATIENCE, tail.next()).await;
        let batch = batch
            .unwrap_or_else(|_| panic!("{} of {count} records came: {:?}", found.len(), tail.progress()));
        let Some(batch) = batch.expect("no error") else {
            break;
        };
        let partitions = batch.records.column(0).as_primitive::<Int32Type>().values();
        let offsets = batch.records.column(1).as_primitive::<Int64Type>().values();
        found.extend(partitions.iter().copied().zip(offsets.iter().copied()));
        for (partition, next) in batch.positions {
            let last = found.iter().rev().find(|(of, _)| *of == partition);
            assert!(
                last.is_none_or(|(_, offset)| offset + 1 == next),
                "{partition} {last:?} {next}"
            );
        }
    }
    found
}

fn spans(spans: &[(i32, i64, i64)]) -> Vec<(i32, i64)> {
    spans
        .iter()
        .flat_map(|(partition, from, to)| (*from..*to).map(move |offset| (*partition, offset)))
        .collect()
}

fn sorted(mut found: Vec<(i32, i64)>) -> Vec<(i32, i64)> {
    let in_order = |of: i32| found.iter().filter(|(partition, _)| *partition == of).is_sorted();
    assert!((0..16).all(in_order), "records of a partition came out of order");
    found.sort_unstable();
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_is_described() {
    let (_mock, client) = cluster(3, &[("orders", 4), ("payments", 1)]);
    produce(&client, "orders", numbered(0, 10, 4)).await;
    let topics = client.topics().await.expect("topics");
    let found: Vec<(&str, u32, Option<i64>)> = topics
        .iter()
        .map(|topic| (topic.name.as_str(), topic.partitions, topic.records))
        .collect();
    assert_eq!(found, [("orders", 4, Some(10)), ("payments", 1, Some(0))]);
    let detail = client.topic("orders").await.expect("a topic");
    let marks: Vec<_> = detail
        .partitions
        .iter()
        .map(|of| (of.partition, of.start, of.end))
        .collect();
    assert_eq!(
        marks,
        [
            (0, Some(0), Some(3)),
            (1, Some(0), Some(3)),
            (2, Some(0), Some(2)),
            (3, Some(0), Some(2))
        ]
    );
    assert!(
        detail
            .partitions
            .iter()
            .all(|of| of.replicas.len() == 3 && of.leader > 0)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_names_are_explained() {
    let (_mock, client) = cluster(1, &[("orders", 2)]);
    let check = async |topic: &str, partition: i32, code: &str, says: &str| {
        let error = client.record(topic, partition, 0).await.expect_err(code);
        assert_eq!(
            (error.code.as_str(), error.domain),
            (code, Domain::User),
            "{error}"
        );
        assert!(error.message.contains(says), "{error}");
    };
    check("ordres", 0, "unknown_topic", "Did you mean \"orders\"?").await;
    check(
        "no such topic",
        0,
        "unknown_topic",
        "has no topic \"no such topic\"",
    )
    .await;
    check("orders", 7, "unknown_partition", "partitions 0 to 1").await;
    check("orders", 0, "no_record", "ends before 0").await;
    let spec = TailSpec::new("ordres", TailFrom::Start(TailStart::Beginning));
    let error = Tail::start(&client, spec, NOW_MS, CancellationToken::new())
        .await
        .err()
        .expect("refused");
    assert_eq!(error.code, "unknown_topic");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tail_starts_and_ends_where_it_is_told() {
    let (_mock, client) = cluster(1, &[("t", 2)]);
    produce(&client, "t", numbered(0, 40, 2)).await;
    let check =
        async |from: TailFrom, partitions: &[i32], until_ms: Option<i64>, expected: &[(i32, i64, i64)]| {
            let spec = TailSpec {
                stop_at_end: true,
                partitions: partitions.to_vec(),
                until_ms,
                ..TailSpec::new("t", from.clone())
            };
            let mut tail = start(&client, spec).await;
            let found = read(&mut tail, usize::MAX).await;
            assert_eq!(
                sorted(found),
                spans(expected),
                "{from:?} {partitions:?} {until_ms:?}"
            );
            assert_eq!(tail.progress().phase, TailPhase::Ended);
        };
    let whole = [(0, 0, 20), (1, 0, 20)];
    check(TailFrom::Start(TailStart::Beginning), &[], None, &whole).await;
    check(TailFrom::Start(TailStart::Beginning), &[1], None, &[(1, 0, 20)]).await;
    check(TailFrom::Start(TailStart::End), &[], None, &[]).await;
    check(
        TailFrom::Start(TailStart::Last(3)),
        &[],
        None,
        &[(0, 17, 20), (1, 17, 20)],
    )
    .await;
    check(TailFrom::Start(TailStart::Offset(18)), &[0], None, &[(0, 18, 20)]).await;
    check(
        TailFrom::Offsets(vec![(1, 15)]),
        &[],
        None,
        &[(0, 0, 20), (1, 15, 20)],
    )
    .await;
    check(
        TailFrom::BothEnds(3),
        &[],
        None,
        &[(0, 0, 3), (0, 17, 20), (1, 0, 3), (1, 17, 20)],
    )
    .await;
    check(TailFrom::BothEnds(30), &[1], None, &[(1, 0, 20)]).await;
    let range = |partition: i32, from, to| TailRange {
        partitions: Some(vec![partition]),
        from,
        to,
        ..TailRange::all()
    };
    let ranges = vec![range(0, 2, 4), range(0, 9, 11), range(0, 18, 99), range(1, 5, 6)];
    let expected = [(0, 2, 4), (0, 9, 11), (0, 18, 20), (1, 5, 6)];
    check(TailFrom::Ranges(ranges), &[], None, &expected).await;
    check(TailFrom::Ranges(vec![range(0, 30, 40)]), &[], None, &[]).await;
    // Record 10 of the topic is record 5 of partition 0, and has the time.
    check(
        TailFrom::Start(TailStart::Beginning),
        &[],
        Some(NOW_MS + 10_000),
        &[(0, 0, 5), (1, 0, 5)],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_sieve_holds_back_is_counted() {
    use tailrace_model::need::{Need, Place};
    let (_mock, client) = cluster(1, &[("t", 2)]);
    produce(&client, "t", numbered(0, 2_000, 2)).await;
    let check = async |at_least: i64, expected: &[(i32, i64, i64)]| {
        let need = Need::Place {
            column: Place::Offset,
            at_least,
            at_most: i64::MAX,
        };
        let spec = TailSpec {
            stop_at_end: true,
            sieve: Sieve::new(&need).map(Arc::new),
            ..TailSpec::new("t", TailFrom::Start(TailStart::Beginning))
        };
        let mut tail = start(&client, spec).await;
        let (mut found, mut scanned) = (Vec::new(), 0);
        while let Some(batch) = timeout(PATIENCE, tail.next())
            .await
            .expect("in time")
            .expect("no error")
        {
            scanned += batch.scanned;
            let offsets = batch
                .records
                .column(1)
                .as_primitive::<arrow::datatypes::Int64Type>();
            let partitions = batch
                .records
                .column(0)
                .as_primitive::<arrow::datatypes::Int32Type>();
            found
                .extend((0..batch.records.num_rows()).map(|row| (partitions.value(row), offsets.value(row))));
        }
        // The first ones pass in any case.
        found.retain(|(_, offset)| *offset >= 500);
        assert_eq!((sorted(found), scanned), (spans(expected), 2_000), "{at_least}");
        assert_eq!(tail.progress().scanned, 2_000);
    };
    check(990, &[(0, 990, 1_000), (1, 990, 1_000)]).await;
    // Nothing at all is found, and it is still said what was read.
    check(9_999, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn records_come_whole() {
    let (_mock, client) = cluster(1, &[("t", 1)]);
    produce(&client, "t", numbered(0, 60, 1)).await;
    let spec = TailSpec {
        stop_at_end: true,
        limits: TailLimits {
            batch_records_max: 7,
            ..TailLimits::default()
        },
        ..TailSpec::new("t", TailFrom::Start(TailStart::Beginning))
    };
    let mut tail = start(&client, spec).await;
    let mut at = 0;
    while let Some(batch) = timeout(PATIENCE, tail.next())
        .await
        .expect("in time")
        .expect("no error")
    {
        assert_eq!(batch.records.schema(), raw_schema());
        assert!(batch.records.num_rows() <= 7);
        for row in 0..batch.records.num_rows() {
            let expected = &numbered(at, at + 1, 1)[0];
            let times = batch
                .records
                .column(2)
                .as_primitive::<arrow::datatypes::TimestampMillisecondType>();
            assert_eq!(Some(times.value(row)), expected.timestamp_ms);
            let bytes = |column: usize| {
                let column = batch.records.column(column).as_binary::<i32>();
                arrow::array::Array::is_valid(column, row).then(|| column.value(row).to_vec())
            };
            assert_eq!(
                (bytes(3), bytes(4)),
                (expected.key.clone(), expected.value.clone()),
                "record {at}"
            );
            let headers = batch.records.column(5).as_list::<i32>().value(row);
            assert_eq!(
                headers.as_struct().column(0).len(),
                expected.headers.len(),
                "record {at}"
            );
            let record = client.record("t", 0, i64::try_from(at).expect("small")).await;
            if at % 10 == 0 {
                let record = record.expect("a record");
                assert_eq!(
                    (record.key, record.value),
                    (expected.key.clone(), expected.value.clone())
                );
                assert_eq!(record.headers, expected.headers);
            }
            at += 1;
        }
    }
    assert_eq!(at, 60);
    assert_eq!(tail.progress().scanned, 60);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_tail_hears_what_comes() {
    let (_mock, client) = cluster(1, &[("t", 2)]);
    produce(&client, "t", numbered(0, 10, 2)).await;
    let mut tail = start(&client, TailSpec::new("t", TailFrom::Start(TailStart::End))).await;
    produce(&client, "t", numbered(10, 16, 2)).await;
    assert_eq!(sorted(read(&mut tail, 6).await), spans(&[(0, 5, 8), (1, 5, 8)]));
    assert!(tail.progress().caught_up());
    // Nobody reads: the reader waits, and nothing is dropped.
    produce(&client, "t", numbered(16, 5_016, 2)).await;
    assert_eq!(
        sorted(read(&mut tail, 5_000).await),
        spans(&[(0, 8, 2_508), (1, 8, 2_508)])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_dies_is_waited_for() {
    let (mock, client) = cluster(1, &[("t", 2)]);
    produce(&client, "t", numbered(0, 1_000, 2)).await;
    let spec = TailSpec {
        limits: TailLimits {
            batch_records_max: 50,
            batches_max: 1,
            ..TailLimits::default()
        },
        ..TailSpec::new("t", TailFrom::Start(TailStart::Beginning))
    };
    let mut tail = start(&client, spec).await;
    let mut found = read(&mut tail, 300).await;
    mock.broker_down(1).expect("down");
    let watch = tail.watch();
    let said = timeout(PATIENCE, async {
        loop {
            let progress = watch.progress();
            if progress.phase == TailPhase::Waiting {
                return progress.note.unwrap_or_default();
            }
            // What was fetched before is still handed over.
            if let Ok(batch) = timeout(Duration::from_millis(50), read(&mut tail, 1)).await {
                found.extend(batch);
            }
        }
    });
    let said = said.await.expect("it says that it waits");
    assert!(said.contains("waiting for broker 1"), "{said}");
    mock.broker_up(1).expect("up");
    produce(&client, "t", numbered(1_000, 2_000, 2)).await;
    found.extend(read(&mut tail, 2_000 - found.len()).await);
    assert_eq!(sorted(found), spans(&[(0, 0, 1_000), (1, 0, 1_000)]));
    assert_eq!(tail.progress().lost, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_position_is_found_again() {
    use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr::RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE};
    let (mock, client) = cluster(1, &[("t", 1)]);
    produce(&client, "t", numbered(0, 10, 1)).await;
    let mut tail = start(&client, TailSpec::new("t", TailFrom::Start(TailStart::Beginning))).await;
    let mut found = read(&mut tail, 10).await;
    mock.request_errors(RDKafkaApiKey::Fetch, &[RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE]);
    produce(&client, "t", numbered(10, 30, 1)).await;
    found.extend(read(&mut tail, 20).await);
    assert_eq!(sorted(found), spans(&[(0, 0, 30)]));
    assert_eq!(tail.progress().lost, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_past_the_end_is_refused() {
    let (_mock, client) = cluster(1, &[("t", 1)]);
    let spec = TailSpec::new("t", TailFrom::Offsets(vec![(0, 5)]));
    let error = Tail::start(&client, spec, NOW_MS, CancellationToken::new())
        .await
        .err()
        .expect("refused");
    assert_eq!(error.code, "offset_past_end");
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelling_ends_a_tail() {
    let (_mock, client) = cluster(1, &[("t", 1)]);
    let token = CancellationToken::new();
    let spec = TailSpec::new("t", TailFrom::Start(TailStart::Beginning));
    let mut tail = Tail::start(&client, spec, NOW_MS, token.clone())
        .await
        .expect("a tail");
    token.cancel();
    let ended = timeout(PATIENCE, tail.next()).await.expect("in time");
    assert!(ended.expect("no error").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_clusters_are_explained() {
    let check = async |servers: &str, says: &str| {
        let client =
            KafkaClient::new("dead", &properties(&[("bootstrap.servers", servers)])).expect("a client");
        let error = timeout(PATIENCE, client.topics())
            .await
            .expect("in time")
            .expect_err("nobody answers");
        assert_eq!(
            (error.code.as_str(), error.retry),
            ("cluster_unreachable", true),
            "{error}"
        );
        assert!(error.message.contains(says), "{error}");
    };
    check("127.0.0.1:1", "Connection refused").await;
    check("nowhere.invalid:9092", "resolve").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_whose_groups_cannot_be_listed_is_shown_without_their_number() {
    let (_mock, client) = cluster(2, &[("t", 3)]);
    // The mock cluster does not speak that request.
    assert!(client.group_names().await.is_err());
    let overview = client.overview().await.expect("an overview without its groups");
    assert_eq!(
        (overview.topics, overview.partitions, overview.groups),
        (1, 3, None)
    );
    assert_eq!(overview.brokers.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_tried_step_by_step() {
    use tokio::{io::AsyncWriteExt, net::TcpListener};
    let check = async |pairs: &[(&str, &str)], expected: &[(&str, bool)], says: &str| {
        let test = test_connection("c", &properties(pairs)).await;
        let found: Vec<(&str, bool)> = test
            .steps
            .iter()
            .map(|step| (step.step.as_str(), step.ok))
            .collect();
        assert_eq!(found, expected, "{:?}", test.steps);
        assert_eq!(test.ok, test.steps.iter().all(|step| step.ok));
        let last = &test.steps.last().expect("a step").detail;
        assert!(last.contains(says), "{last}");
    };
    let (mock, _client) = cluster(1, &[("t", 1)]);
    let servers = mock.bootstrap_servers();
    let all = [
        ("configuration", true),
        ("name lookup", true),
        ("tcp", true),
        ("kafka", true),
        ("metadata", true),
        ("brokers", true),
        ("authorisation", true),
    ];
    check(&[("bootstrap.servers", &servers)], &all, "").await;
    check(
        &[("bootstrap.servers", "a:b:c")],
        &[("configuration", true), ("name lookup", false)],
        "no host",
    )
    .await;
    check(
        &[("bootstrap.servers", "localhost:port")],
        &[("configuration", false)],
        "host:port",
    )
    .await;
    check(
        &[("bootstrap.srvers", "x")],
        &[("configuration", false)],
        "bootstrap.servers",
    )
    .await;
    let upto = |count: usize| {
        let mut steps = all[..count].to_vec();
        steps[count - 1].1 = false;
        steps
    };
    check(
        &[("bootstrap.servers", "nowhere.invalid:1")],
        &upto(2),
        "no host \"nowhere.invalid\"",
    )
    .await;
    check(
        &[("bootstrap.servers", "127.0.0.1:1")],
        &upto(3),
        "nothing listens on port 1",
    )
    .await;
    check(
        &[("bootstrap.servers", &servers), ("security.protocol", "ssl")],
        &[&all[..3], &[("tls", false)]].concat(),
        "without encryption",
    )
    .await;
    // A port that answers everything in its own way.
    for (answer, says) in [
        (&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], "a web server"),
        (
            &b"\x15\x03\x03\x00\x02\x02\x28\x00\x00\x00\x00"[..],
            "expects TLS",
        ),
        (&b"SSH-2.0-OpenSSH_9.2\r\n"[..], "something else than Kafka"),
        (&b""[..], "does not answer as a Kafka broker"),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let server = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let _ = stream.write_all(answer).await;
            }
        });
        check(&[("bootstrap.servers", &address)], &upto(4), says).await;
        server.abort();
    }
}
