//! Records in every format: found out, chosen, remembered; what cannot be decoded is shown with the reason.

use anyhow::{Context, Result};
use integration::{
    eventually, free_port,
    kafka::{Kafka, Record},
    need,
    registry::Registry,
    unique,
};
use serde_json::{Value, json};

use crate::workspace::{DEADLINE, STOP_DEADLINE, Workspace};

const ORDER: &str = r#"{"type":"record","name":"Order","fields":[
    {"name":"id","type":"long"},{"name":"total","type":"double"},{"name":"status","type":"string"}]}"#;
const EVENT: &str = r#"{"type":"record","name":"Event","fields":[
    {"name":"type","type":"string"},{"name":"event","type":"string"},{"name":"messageId","type":"string"},
    {"name":"userId","type":"string"},{"name":"properties","type":{"type":"record","name":"Properties","fields":[
    {"name":"revenue","type":"double"}]}}]}"#;
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

/// Avro's binary encoding of an event of [`EVENT`].
fn avro_event(message: usize, person: &str, revenue: f64) -> Vec<u8> {
    let texts = ["track", "Order Completed", &format!("m_{message}"), person];
    let texts = texts.map(|text| [&zigzag(text.len() as i64), text.as_bytes()].concat());
    [&texts.concat()[..], &revenue.to_le_bytes()].concat()
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

const LTV: &str = "SELECT profile_id, sum(revenue) AS ltv FROM events GROUP BY profile_id\n";
const LTVS: &str = "SELECT p.user_id, t.ltv FROM profiles AS p JOIN traits.ltv AS t ON t.profile_id = p.profile_id \
                    ORDER BY p.user_id";

/// Avro and JSON side by side, as they are where a topic moves from one to the other; poison stops nothing.
#[tokio::test]
async fn events_in_avro_of_a_registry_are_collected() -> Result<()> {
    let kafka = need!(Kafka::shared().await);
    let registry = need!(Registry::shared().await);
    let id = registry.register(&unique("events"), "AVRO", EVENT).await?;
    let mut records: Vec<Record> = (0..6)
        .map(|at| {
            let event = avro_event(at, &format!("u_{}", at % 3), at as f64 + 0.5);
            record(framed(id, &event))
        })
        .collect();
    let plain = json!({"type": "track", "event": "Order Completed", "messageId": "m_6", "userId": "u_0",
        "properties": {"revenue": 100.0}});
    records.insert(3, record(plain.to_string().into_bytes()));
    records.push(record(framed(id, &avro_event(7, "u_0", 1.0)[..9])));
    records.push(record(framed(999_999, b"of no schema")));
    records.push(record(b"neither".to_vec()));
    let url = format!("[registry]\nurl = \"{}\"\n", registry.url());
    let stage = stage(kafka, records, &url).await?;
    let source = format!("cluster = \"test\"\ntopic = \"{}\"\n", stage.topic);
    stage.workspace.write("sources/shop.toml", source)?;
    stage.workspace.write("traits/ltv.sql", LTV)?;
    let counts = stage.workspace.ingest().await?;
    assert_eq!(
        (&counts["events"], &counts["malformed"]),
        (&json!(7), &json!(3)),
        "{counts}"
    );
    let ltvs = stage.workspace.sql(LTVS).await?;
    assert_eq!(json!(ltvs), json!([["u_0", 104], ["u_1", 6], ["u_2", 8]]));
    Ok(())
}

/// What a registry that does not answer could tell is no poison: it waits.
#[tokio::test]
async fn events_wait_for_a_registry_that_does_not_answer() -> Result<()> {
    let kafka = need!(Kafka::shared().await);
    let registry = need!(Registry::shared().await);
    let id = registry.register(&unique("events"), "AVRO", EVENT).await?;
    let records = vec![record(framed(id, &avro_event(0, "u_0", 2.0)))];
    let away = format!("[registry]\nurl = \"http://127.0.0.1:{}\"\n", free_port()?);
    let stage = stage(kafka, records, &away).await?;
    let source = format!("cluster = \"test\"\ntopic = \"{}\"\n", stage.topic);
    stage.workspace.write("sources/shop.toml", source)?;
    let mut ingest = stage.workspace.start(&["ingest", "--until-caught-up"])?;
    eventually(
        "the source to say that its registry does not answer",
        DEADLINE,
        || {
            let said = ingest.stderr();
            async move { said.contains("source \"shop\": topic").then_some(()) }
        },
    )
    .await?;
    ingest.interrupt(STOP_DEADLINE).await?;
    let cluster = std::fs::read_to_string(stage.workspace.path("clusters/test.toml"))?;
    let (cluster, _) = cluster.split_once("[registry]").context("a registry")?;
    let cluster = format!("{cluster}[registry]\nurl = \"{}\"\n", registry.url());
    stage.workspace.write("clusters/test.toml", cluster)?;
    let counts = stage.workspace.ingest().await?;
    assert_eq!(
        (&counts["events"], &counts["malformed"]),
        (&json!(1), &json!(0)),
        "{counts}"
    );
    Ok(())
}

/// A format that only the cluster's file tells, with a projection of its fields.
#[tokio::test]
async fn events_in_avro_of_a_file_are_collected_by_a_projection() -> Result<()> {
    let kafka = need!(Kafka::shared().await);
    let mut records: Vec<Record> = (1..=4).map(|at| record(avro(at, at as f64, "paid"))).collect();
    records.push(record(vec![0xff; 3]));
    let more = "[topics.\"TOPIC\".value]\nformat = \"avro\"\nschema = \"schemas/order.avsc\"\n";
    let stage = stage(kafka, records, more).await?;
    stage.workspace.write("schemas/order.avsc", ORDER)?;
    let sql = "SELECT 'Order' AS event, 'buyer' AS user_id, value.total AS revenue FROM records";
    let source = format!(
        "cluster = \"test\"\ntopic = \"{}\"\nsql = \"{sql}\"\n",
        stage.topic
    );
    stage.workspace.write("sources/shop.toml", source)?;
    stage.workspace.write("traits/ltv.sql", LTV)?;
    let counts = stage.workspace.ingest().await?;
    let seen = counts["events"].as_i64().zip(counts["malformed"].as_i64());
    anyhow::ensure!(
        seen.is_some_and(|(events, malformed)| events + malformed == 5),
        "{counts}"
    );
    assert_eq!(json!(stage.workspace.sql(LTVS).await?), json!([["buyer", 10]]));
    Ok(())
}
