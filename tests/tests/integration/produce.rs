//! Producing: one record, files of every kind, and values by the schemas of a registry.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use integration::{
    kafka::{Consumed, Kafka, Record},
    need,
    registry::Registry,
    unique,
};
use serde_json::{Value, json};

use crate::workspace::Workspace;

fn workspace(kafka: &Kafka) -> Result<Workspace> {
    let workspace = Workspace::new()?;
    workspace.cluster(&kafka.bootstrap())?;
    Ok(workspace)
}

fn text(bytes: &Option<Vec<u8>>) -> Option<String> {
    bytes
        .as_ref()
        .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
}

/// Values by key.
fn by_key(records: Vec<Consumed>) -> BTreeMap<Option<String>, Option<String>> {
    records
        .iter()
        .map(|it| (text(&it.key), text(&it.value)))
        .collect()
}

#[tokio::test]
async fn one_record_is_written_as_it_was_said() -> Result<()> {
    let kafka = need!(Kafka::shared().await);
    let topic = unique("produce-one");
    kafka.create_topic(&topic, 3).await?;
    let workspace = workspace(kafka)?;
    let args = [
        "produce",
        "test",
        &topic,
        "--key",
        "k",
        "--value",
        "{\"a\": 1.50}",
        "-H",
        "trace=4711",
        "-H",
        "trace=",
        "-p",
        "2",
        "--timestamp",
        "2026-01-31T12:00:00Z",
    ];
    let produced = workspace.json(&args).await?;
    assert_eq!(
        (&produced["partition"], &produced["offset"]),
        (&json!(2), &json!(0))
    );
    workspace
        .json(&["produce", "test", &topic, "--key", "k", "--tombstone", "-p", "2"])
        .await?;
    let found = kafka.consume(&topic).await?;
    let wanted = Consumed {
        partition: 2,
        offset: 0,
        timestamp_ms: Some(1_769_860_800_000),
        key: Some(b"k".to_vec()),
        value: Some(b"{\"a\": 1.50}".to_vec()),
        headers: vec![
            ("trace".to_owned(), Some(b"4711".to_vec())),
            ("trace".to_owned(), Some(Vec::new())),
        ],
    };
    assert_eq!(found[0], wanted);
    assert_eq!((found[1].offset, text(&found[1].value)), (1, None));
    let sentence = workspace
        .sentence(&["produce", "test", &topic, "--value", "x", "-p", "3"], 1)
        .await?;
    assert!(sentence.contains("partition 3"), "{sentence}");
    let protected = format!(
        "kind = \"kafka\"\nread_only = true\n[properties]\n\"bootstrap.servers\" = \"{}\"\n",
        kafka.bootstrap()
    );
    workspace.write("clusters/protected.toml", protected)?;
    let sentence = workspace
        .sentence(&["produce", "protected", &topic, "--value", "x"], 1)
        .await?;
    assert!(sentence.contains("is read-only"), "{sentence}");
    assert_eq!(kafka.consume(&topic).await?.len(), 2);
    Ok(())
}

#[tokio::test]
async fn files_are_written_record_by_record() -> Result<()> {
    let kafka = need!(Kafka::shared().await);
    let topic = unique("produce-file");
    kafka.create_topic(&topic, 3).await?;
    let workspace = workspace(kafka)?;
    let lines: String = (0..5_000)
        .map(|n| format!("{{\"key\":\"k{n}\",\"value\":{{\"n\":{n}}},\"headers\":{{\"h\":\"{n}\"}}}}\n"))
        .collect();
    workspace.write("in.jsonl", lines)?;
    let file = workspace.path("in.jsonl");
    let file = file.to_str().context("a path")?;
    let done = workspace
        .json(&["produce", "test", &topic, "--file", file])
        .await?;
    assert_eq!(
        (&done["records"], &done["acknowledged"], &done["failed"]),
        (&json!(5_000), &json!(5_000), &json!(0))
    );
    let found = kafka.consume(&topic).await?;
    assert_eq!(found.len(), 5_000);
    assert!(found.iter().all(|it| it.headers.len() == 1));
    let wanted = (0..5_000).map(|n| (Some(format!("k{n}")), Some(format!("{{\"n\":{n}}}"))));
    assert_eq!(by_key(found), wanted.collect());

    // A value a line from standard input, and CSV.
    let (values, csv) = (unique("produce-values"), unique("produce-csv"));
    kafka.create_topic(&values, 1).await?;
    kafka.create_topic(&csv, 1).await?;
    workspace
        .run_with_input(&["produce", "test", &values], "one\n\n{\"two\": 2}\n")
        .await?
        .exits(0)?;
    let found: Vec<_> = kafka
        .consume(&values)
        .await?
        .iter()
        .map(|it| text(&it.value))
        .collect();
    assert_eq!(
        found,
        ["one", "", "{\"two\": 2}"].map(|value| Some(value.to_owned()))
    );
    let rows = "key,id,city,header.h\na,1,\"Köln, \"\"am\"\" Rhein\",x\nb,2,,\n";
    workspace
        .run_with_input(&["produce", "test", &csv, "--file", "-", "--format", "csv"], rows)
        .await?
        .exits(0)?;
    let found = by_key(kafka.consume(&csv).await?);
    let first: Value = serde_json::from_str(found[&Some("a".to_owned())].as_deref().context("a value")?)?;
    assert_eq!(first, json!({"id": 1, "city": "Köln, \"am\" Rhein"}));
    // What a tail writes can be produced again.
    let copied = unique("produce-again");
    kafka.create_topic(&copied, 3).await?;
    let tailed = workspace
        .run(&["tail", "test", &topic, "-o", "beginning", "--exit", "--json"])
        .await?
        .exits(0)?;
    let again = ["produce", "test", &copied, "--file", "-", "--format", "jsonl"];
    workspace.run_with_input(&again, &tailed.stdout).await?.exits(0)?;
    assert_eq!(
        by_key(kafka.consume(&copied).await?),
        by_key(kafka.consume(&topic).await?)
    );
    Ok(())
}

#[tokio::test]
async fn a_wrong_line_refuses_the_file_and_a_refused_record_is_told_by_its_line() -> Result<()> {
    let kafka = need!(Kafka::shared().await);
    let topic = unique("produce-wrong");
    kafka
        .create_topic_with(&topic, 1, &[("max.message.bytes", "2000")])
        .await?;
    let workspace = workspace(kafka)?;
    let produce = ["produce", "test", &topic, "--file", "-", "--format", "jsonl"];
    let wrong = "{\"value\":1}\n{\"valu\":2}\n{\"value\":3,\"partition\":9}\n{\"value\":4}\n";
    let refused = workspace.run_with_input(&produce, wrong).await?.exits(1)?;
    for said in [
        "nothing was written",
        "2 of 4 records",
        "line 2:",
        "`valu`",
        "line 3:",
        "partition 9",
    ] {
        assert!(
            refused.stderr.contains(said),
            "{said} is not in {}",
            refused.stderr
        );
    }
    assert!(kafka.consume(&topic).await?.is_empty());
    // The broker's own limit is only known by trying. Random text, which no compression makes short.
    let mut dice = 88_172_645_463_325_252_u64;
    let long: String = (0..20_000)
        .map(|_| {
            dice ^= dice << 13;
            dice ^= dice >> 7;
            dice ^= dice << 17;
            char::from(b'a' + (dice % 26) as u8)
        })
        .collect();
    let lines = format!("{{\"value\":\"first\"}}\n{{\"value\":\"{long}\"}}\n");
    let partly = workspace
        .run_with_input(&[&["--json"], &produce[..]].concat(), &lines)
        .await?
        .exits(3)?;
    let outcome = partly.json()?;
    assert_eq!(
        (&outcome["acknowledged"], &outcome["failed"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(outcome["failures"][0]["line"], 2);
    assert_eq!(kafka.consume(&topic).await?.len(), 1);
    Ok(())
}

const ORDER: &str = r#"{"type":"record","name":"Order","namespace":"shop","fields":[{"name":"id","type":"long"},{"name":"total","type":["null","double"],"default":null}]}"#;
const LINE: &str = "syntax = \"proto3\"; package shop; message Line { string sku = 1; int32 count = 2; }";

/// Confluent's header: a zero and the schema's id.
fn framed(id: u32, payload: &[u8]) -> Vec<u8> {
    [&[0], &id.to_be_bytes()[..], payload].concat()
}

#[tokio::test]
async fn values_are_written_by_their_schema_or_refused_with_the_place() -> Result<()> {
    let kafka = need!(Kafka::shared().await);
    let registry = need!(Registry::shared().await);
    let order = registry.register("orders-value", "AVRO", ORDER).await?;
    let key = r#"{"$schema":"http://json-schema.org/draft-07/schema#","type":"string","minLength":2}"#;
    let key = registry.register("orders-key", "JSON", key).await?;
    let line = registry.register("lines-value", "PROTOBUF", LINE).await?;
    let (orders, lines) = (unique("produce-orders"), unique("produce-lines"));
    kafka.create_topic(&orders, 1).await?;
    kafka.create_topic(&lines, 1).await?;
    let workspace = Workspace::new()?;
    let cluster = format!(
        "kind = \"kafka\"\n[properties]\n\"bootstrap.servers\" = \"{}\"\n[registry]\nurl = \"{}\"\n",
        kafka.bootstrap(),
        registry.url()
    );
    workspace.write("clusters/test.toml", cluster)?;
    let avro = [
        "produce",
        "test",
        &orders,
        "--schema",
        "orders-value",
        "--key-schema",
        "orders-key",
    ];
    workspace
        .json(
            &[
                &avro[..],
                &["--key", "\"o-1\"", "--value", "{\"id\": 3, \"total\": 1.5}"],
            ]
            .concat(),
        )
        .await?;
    let found = kafka.consume(&orders).await?;
    assert_eq!(found[0].key, Some(framed(key, b"\"o-1\"")));
    let total = 1.5_f64.to_le_bytes();
    let written = framed(order, &[&b"\x06\x02"[..], &total].concat());
    assert_eq!(found[0].value, Some(written));

    let refused = [
        &avro[..],
        &["--key", "\"o-1\"", "--value", "{\"id\": 3, \"total\": \"much\"}"],
    ]
    .concat();
    let sentence = workspace.sentence(&refused, 1).await?;
    for said in [
        "value.total",
        "Avro schema orders-value version 1",
        "a number is expected",
        "nothing was written",
    ] {
        assert!(sentence.contains(said), "{said} is not in: {sentence}");
    }
    let refused = [&avro[..], &["--key", "\"o\"", "--value", "{\"id\": 3}"]].concat();
    let sentence = workspace.sentence(&refused, 1).await?;
    assert!(
        sentence.contains("key does not fit the JSON schema orders-key version 1"),
        "{sentence}"
    );
    // A file with one record that does not fit sends none.
    let file = [&avro[..], &["--file", "-", "--format", "jsonl"]].concat();
    let input = "{\"key\":\"o-2\",\"value\":{\"id\":4}}\n{\"key\":\"o-3\",\"value\":{\"id\":5,\"totl\":1}}\n";
    let refused = workspace.run_with_input(&file, input).await?.exits(1)?;
    assert!(
        refused.stderr.contains("line 2: value.totl does not fit"),
        "{}",
        refused.stderr
    );
    assert_eq!(kafka.consume(&orders).await?.len(), 1);
    let input = "{\"key\":\"o-2\",\"value\":{\"id\":4}}\n";
    workspace.run_with_input(&file, input).await?.exits(0)?;
    let written = kafka.consume(&orders).await?;
    assert_eq!(written[1].value, Some(framed(order, b"\x08\0")));

    let protobuf = [
        "produce",
        "test",
        &lines,
        "--schema",
        "lines-value",
        "--message",
        "shop.Line",
    ];
    workspace
        .json(&[&protobuf[..], &["--value", "{\"sku\": \"ab\", \"count\": 5}"]].concat())
        .await?;
    let found = kafka.consume(&lines).await?;
    assert_eq!(found[0].value, Some(framed(line, b"\0\x0a\x02ab\x10\x05")));
    let sentence = workspace
        .sentence(
            &[&protobuf[..], &["--value", "{\"count\": \"many\"}"]].concat(),
            1,
        )
        .await?;
    assert!(sentence.contains("value.count"), "{sentence}");
    let sentence = workspace
        .sentence(
            &[
                "produce",
                "test",
                &lines,
                "--schema",
                "nothing-value",
                "--value",
                "1",
            ],
            1,
        )
        .await?;
    assert!(sentence.contains("nothing-value"), "{sentence}");
    // What was written is read again by its schema.
    let read = workspace
        .lines(&[
            "tail",
            "test",
            &orders,
            "-o",
            "beginning",
            "--exit",
            "--where",
            "value.id = 3",
        ])
        .await?;
    assert_eq!(read.len(), 1);
    assert_eq!(read[0]["value"], json!({"id": 3, "total": 1.5}));
    Ok(())
}

/// Known values of Kafka's murmur2, as its own tests have them (`UtilsTest.testMurmur2`).
const MURMUR2: [(&str, i32); 4] = [
    ("21", -973_932_308),
    ("foobar", -790_332_482),
    ("a-little-bit-long-string", -985_981_536),
    ("a-little-bit-longer-string", -1_486_304_829),
];

#[tokio::test]
async fn a_key_goes_where_javas_clients_send_it() -> Result<()> {
    let kafka = need!(Kafka::shared().await);
    let topic = unique("produce-murmur2");
    kafka.create_topic(&topic, 97).await?;
    let workspace = workspace(kafka)?;
    let lines: String = MURMUR2
        .iter()
        .map(|(key, _)| format!("{{\"key\":\"{key}\",\"value\":1}}\n"))
        .collect();
    workspace
        .run_with_input(
            &["produce", "test", &topic, "--file", "-", "--format", "jsonl"],
            &lines,
        )
        .await?
        .exits(0)?;
    let found = kafka.consume(&topic).await?;
    for (key, hash) in MURMUR2 {
        let record = found.iter().find(|it| it.key.as_deref() == Some(key.as_bytes()));
        let partition = record.context("a record of each key")?.partition;
        assert_eq!(partition, (hash & i32::MAX) % 97, "{key}");
    }
    Ok(())
}

#[tokio::test]
async fn headers_and_bytes_go_through_a_pipe() -> Result<()> {
    let kafka = need!(Kafka::shared().await);
    let (topic, copied) = (unique("produce-bytes"), unique("produce-bytes-again"));
    kafka.create_topic(&topic, 1).await?;
    kafka.create_topic(&copied, 1).await?;
    // More bytes than a screen shows.
    let bytes: Vec<u8> = (0..200_000_usize).map(|at| (at % 251) as u8).collect();
    let records = [
        Record::new([0xff_u8, 0x00], bytes.clone()).header("trace", *b"\xfe\x01"),
        Record::new("k", "text").header("a", "1").header("a", "2"),
    ];
    kafka.produce(&topic, records).await?;
    let workspace = workspace(kafka)?;
    let tail = ["tail", "test", &topic, "-o", "beginning", "--exit"];
    let tailed = workspace
        .run(&[&tail[..], &["--json"]].concat())
        .await?
        .exits(0)?;
    let again = ["produce", "test", &copied, "--file", "-", "--format", "jsonl"];
    workspace.run_with_input(&again, &tailed.stdout).await?.exits(0)?;
    let parts = |found: Vec<Consumed>| -> Vec<_> {
        found
            .into_iter()
            .map(|it| (it.key, it.value, it.headers))
            .collect()
    };
    let copied = parts(kafka.consume(&copied).await?);
    assert!(
        copied == parts(kafka.consume(&topic).await?),
        "what came out of the pipe is not what went in"
    );
    assert_eq!(copied[1].2.len(), 2, "a name may come twice");

    let kcat = workspace
        .run(&[&tail[..], &["--format", "kcat"]].concat())
        .await?
        .exits(0)?;
    let second: Value = serde_json::from_str(kcat.stdout.lines().nth(1).context("two records")?)?;
    assert_eq!(second["headers"], json!(["a", "1", "a", "2"]));
    assert_eq!(second["tstype"], "create");
    let csv = workspace
        .run(&[&tail[..], &["--format", "csv"]].concat())
        .await?
        .exits(0)?;
    let first = csv.stdout.lines().nth(1).context("two records")?;
    assert!(first.len() > 2 * bytes.len(), "hexadecimal, and all of it");
    Ok(())
}
