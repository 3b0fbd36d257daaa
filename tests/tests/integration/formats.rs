//! Records in every format: found out, chosen, remembered; what cannot be decoded is shown with the reason.

use anyhow::{Context, Result};
use integration::{
    kafka::{Kafka, Record},
    need,
    registry::Registry,
    unique,
};
use serde_json::{Value, json};

use crate::workspace::Workspace;

const ORDER: &str = r#"{"type":"record","name":"Order","fields":[
    {"name":"id","type":"long"},{"name":"total","type":"double"},{"name":"status","type":"string"}]}"#;
const ORDER_PROTO: &str =
    "syntax = \"proto3\";\npackage shop;\nmessage Order { int64 id = 1; string status = 2; }\n";

/// Avro's binary encoding of an order: a zigzag number, eight bytes, a counted text.
fn avro(id: i64, total: f64, status: &str) -> Vec<u8> {
    let mut bytes = zigzag(id);
    bytes.extend(total.to_le_bytes());
    bytes.extend(zigzag(status.len() as i64));
    bytes.extend(status.as_bytes());
    bytes
}

fn zigzag(number: i64) -> Vec<u8> {
    varint(((number << 1) ^ (number >> 63)).cast_unsigned())
}

fn varint(mut rest: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while rest >= 0x80 {
        bytes.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    bytes.push(rest as u8);
    bytes
}

fn protobuf(id: u64, status: &str) -> Vec<u8> {
    let mut bytes = vec![0x08];
    bytes.extend(varint(id));
    bytes.push(0x12);
    bytes.extend(varint(status.len() as u64));
    bytes.extend(status.as_bytes());
    bytes
}

/// Confluent's header: a zero and the schema's id.
fn framed(id: u32, payload: &[u8]) -> Vec<u8> {
    [&[0], &id.to_be_bytes()[..], payload].concat()
}

fn record(value: Vec<u8>) -> Record {
    Record {
        key: Some(b"k".to_vec()),
        value: Some(value),
        partition: Some(0),
        ..Record::default()
    }
}

struct Stage {
    kafka: &'static Kafka,
    workspace: Workspace,
    topic: String,
}

/// A topic with these records, and a workspace whose cluster has `more` in its file.
async fn stage(kafka: &'static Kafka, records: Vec<Record>, more: &str) -> Result<Stage> {
    let workspace = Workspace::new()?;
    let topic = unique("formats");
    kafka.create_topic(&topic, 1).await?;
    kafka.produce(&topic, records).await?;
    let cluster = format!(
        "kind = \"kafka\"\n\n[properties]\n\"bootstrap.servers\" = \"{}\"\n\n{}",
        kafka.bootstrap(),
        more.replace("TOPIC", &topic)
    );
    workspace.write("clusters/test.toml", cluster)?;
    Ok(Stage {
        kafka,
        workspace,
        topic,
    })
}

impl Stage {
    async fn values(&self, args: &[&str]) -> Result<Vec<Value>> {
        let args = [&["tail", "test", &self.topic, "-o", "beginning", "--exit"], args].concat();
        let records = self.workspace.lines(&args).await?;
        Ok(records
            .into_iter()
            .map(|record| record["value"].clone())
            .collect())
    }
}

#[tokio::test]
async fn avro_and_protobuf_of_a_registry_are_found_out_and_filtered() -> Result<()> {
    let kafka = need!(Kafka::shared().await);
    let registry = need!(Registry::shared().await);
    let subject = unique("orders");
    let id = registry.register(&subject, "AVRO", ORDER).await?;
    let proto = registry
        .register(&unique("protos"), "PROTOBUF", ORDER_PROTO)
        .await?;
    let mut records: Vec<Record> = (0..50)
        .map(|at| record(framed(id, &avro(at, at as f64 * 1.5, "paid"))))
        .collect();
    // The message's place in its file: the first.
    records.push(record(framed(proto, &[&[0][..], &protobuf(7, "sent")].concat())));
    // Cut short.
    records.push(record(framed(id, &avro(9, 1.0, "paid")[..5])));
    let url = format!("[registry]\nurl = \"{}\"\n", registry.url());
    let stage = stage(kafka, records, &url).await?;

    let values = stage.values(&[]).await?;
    assert_eq!(values.len(), 52);
    assert_eq!(values[3], json!({ "id": 3, "total": 4.5, "status": "paid" }));
    assert_eq!(values[50], json!({ "id": 7, "status": "sent" }));
    assert!(values[51].is_string(), "the bytes as they are: {}", values[51]);

    let found = stage.values(&["--where", "value.total >= 72"]).await?;
    let ids: Vec<&Value> = found.iter().map(|value| &value["id"]).collect();
    assert_eq!(ids, [&json!(48), &json!(49)]);

    let all = stage
        .workspace
        .run(&["tail", "test", &stage.topic, "-o", "51", "-e"])
        .await?
        .exits(0)?;
    let told = format!("{}{}", all.stdout, all.stderr);
    anyhow::ensure!(told.contains("Avro of schema"), "the reason: {told}");
    Ok(())
}

#[tokio::test]
async fn a_format_in_the_cluster_s_file_is_used_and_one_that_cannot_be_is_refused() -> Result<()> {
    let kafka = need!(Kafka::shared().await);
    let records = vec![record(avro(1, 2.5, "open")), record(avro(2, 7.0, "paid"))];
    let more = "[topics.\"TOPIC\".value]\nformat = \"avro\"\nschema = \"schemas/order.avsc\"\n";
    let stage = stage(kafka, records, more).await?;
    let missing = stage
        .workspace
        .sentence(&["tail", "test", &stage.topic, "-o", "beginning", "-e"], 1)
        .await?;
    anyhow::ensure!(missing.contains("schemas/order.avsc can't be read"), "{missing}");
    stage.workspace.write("schemas/order.avsc", ORDER)?;
    let values = stage.values(&["--where", "value.status = 'paid'"]).await?;
    assert_eq!(values, [json!({ "id": 2, "total": 7.0, "status": "paid" })]);
    // For this tail alone.
    let hex = stage.values(&["--value-format", "hex"]).await?;
    assert_eq!(
        hex[0],
        json!("0200000000000004400c6f70656e".replace("0c6f", "086f"))
    );
    let unknown = stage
        .workspace
        .sentence(&["tail", "test", &stage.topic, "--value-format", "xml", "-e"], 1)
        .await?;
    anyhow::ensure!(
        unknown.contains("there is no format `xml`: use one of json"),
        "{unknown}"
    );
    Ok(())
}

#[tokio::test]
async fn formats_without_a_schema_are_found_out() -> Result<()> {
    let kafka = need!(Kafka::shared().await);
    let check = async |values: Vec<Vec<u8>>, filter: &str, wanted: Value| -> Result<()> {
        let stage = stage(kafka, values.into_iter().map(record).collect(), "").await?;
        let found = stage.values(&["--where", filter]).await?;
        anyhow::ensure!(found == [wanted.clone()], "{filter}: {found:?}, not {wanted}");
        Ok(())
    };
    // MessagePack: {"n": 0..5}.
    let packed = (0..5).map(|n| vec![0x81, 0xa1, b'n', n]).collect();
    check(packed, "value.n = 3", json!({ "n": 3 })).await?;
    // CBOR: {"n": 0..5}.
    let cbor = (0..5).map(|n| vec![0xa1, 0x61, b'n', n]).collect();
    check(cbor, "value.n = 4", json!({ "n": 4 })).await?;
    // CSV.
    let lines = (0..8).map(|n| format!("{n},name {n},1.5").into_bytes()).collect();
    check(
        lines,
        "value.c1 = 6",
        json!({ "c1": 6, "c2": "name 6", "c3": 1.5 }),
    )
    .await
}

#[tokio::test]
async fn a_registry_that_does_not_answer_is_named_with_each_record() -> Result<()> {
    let kafka = need!(Kafka::shared().await);
    let port = integration::free_port()?;
    let registry = format!("[registry]\nurl = \"http://127.0.0.1:{port}\"\n");
    let records = (0..20)
        .map(|at| record(framed(3, &avro(at, 1.0, "paid"))))
        .collect();
    let stage = stage(kafka, records, &registry).await?;
    let output = stage
        .workspace
        .run(&["tail", "test", &stage.topic, "-o", "beginning", "-e", "-c", "1"])
        .await?
        .exits(0)?;
    let told = format!("{}{}", output.stdout, output.stderr);
    anyhow::ensure!(
        told.contains("schema 3") && told.contains(&port.to_string()),
        "{told}"
    );
    // The cluster itself is there all the same.
    stage.kafka.consume(&stage.topic).await.context("the topic")?;
    Ok(())
}
