//! The topics that Kafka keeps for itself, as a broker writes them.

use std::time::Duration;

use anyhow::{Context, Result};
use integration::{kafka::Kafka, need, unique};
use rdkafka::producer::{BaseRecord, Producer, ThreadedProducer};
use serde_json::{Value, json};
use tailrace_connectors::formats::{Format, FormatSettings, Transcoder};

use super::filled;
use crate::broker;

/// Every record of an internal topic, decoded: none may be left.
async fn decoded(kafka: &Kafka, topic: &str) -> Result<Vec<(Value, Option<Value>)>> {
    let (key, value) = Format::of_internal_topic(topic).context("an internal topic")?;
    let mut keys = Transcoder::new(&FormatSettings::new(key), None)?;
    let mut values = Transcoder::new(&FormatSettings::new(value), None)?;
    let mut found = Vec::new();
    for record in kafka.consume(topic).await? {
        let key = record.key.context("a key")?;
        let read = |json: std::result::Result<String, String>| -> Result<Value> {
            let json =
                json.map_err(|reason| anyhow::anyhow!("{reason}: {key:02x?} {:02x?}", record.value))?;
            Ok(serde_json::from_str(&json)?)
        };
        let value = match &record.value {
            Some(value) => Some(read(values.transcode_one_keyed(Some(&key), value))?),
            None => None,
        };
        found.push((read(keys.transcode_one(&key))?, value));
    }
    Ok(found)
}

#[tokio::test]
async fn commits_and_groups_are_read() -> Result<()> {
    let kafka = need!(Kafka::shared().await);
    let topic = filled(kafka, &[]).await?;
    let (group, committing) = (unique("group"), unique("committing"));
    // A member that stays writes what it subscribes to and was assigned.
    let member = broker::join(kafka, &group, &topic, 2).await?;
    broker::commit(kafka, &committing, &topic, &[(1, 7)]).await?;
    let found = decoded(kafka, "__consumer_offsets").await?;
    let (_, commit) = found
        .iter()
        .find(|(key, _)| {
            *key == json!({"type": "offset_commit", "group": committing, "topic": topic, "partition": 1})
        })
        .context("the commit")?;
    assert_eq!(commit.as_ref().context("a value")?["offset"], 7);
    let groups: Vec<&Value> = found
        .iter()
        .filter(|(key, _)| *key == json!({"type": "group_metadata", "group": group}))
        .filter_map(|(_, value)| value.as_ref())
        .collect();
    let last = groups.last().context("the group")?;
    assert_eq!(last["protocol_type"], "consumer");
    assert_eq!(
        last["members"][0]["subscription"]["topics"],
        json!([topic]),
        "{last}"
    );
    assert_eq!(
        last["members"][0]["assignment"]["assigned_partitions"],
        json!([{"topic": topic, "partitions": [0, 1]}]),
        "{last}"
    );
    tokio::task::spawn_blocking(move || drop(member)).await?;
    Ok(())
}

#[tokio::test]
async fn transactions_are_read() -> Result<()> {
    let kafka = need!(Kafka::shared().await);
    let (topic, id) = (filled(kafka, &[]).await?, unique("transaction"));
    let mut config = kafka.client_config();
    config.set("transactional.id", &id);
    let (producer, sent) = (config.create::<ThreadedProducer<_>>()?, topic.clone());
    tokio::task::spawn_blocking(move || -> Result<()> {
        let timeout = Duration::from_secs(30);
        producer.init_transactions(timeout)?;
        producer.begin_transaction()?;
        producer
            .send(BaseRecord::<(), str>::to(&sent).payload("x").partition(0))
            .map_err(|(error, _)| error)?;
        producer.commit_transaction(timeout)?;
        Ok(())
    })
    .await??;
    let states: Vec<String> = decoded(kafka, "__transaction_state")
        .await?
        .into_iter()
        .filter(|(key, _)| key["transactional_id"] == id.as_str())
        .filter_map(|(_, value)| Some(value?["transaction_status"].as_str()?.to_owned()))
        .collect();
    for state in ["Empty", "Ongoing", "PrepareCommit"] {
        assert!(states.iter().any(|found| found == state), "{state}: {states:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_tail_of_them_is_read_by_itself() -> Result<()> {
    let kafka = need!(Kafka::shared().await);
    let workspace = super::workspace(kafka)?;
    let (topic, group) = (filled(kafka, &[]).await?, unique("tailed"));
    broker::commit(kafka, &group, &topic, &[(0, 3)]).await?;
    let filter = format!("_key LIKE '%{group}%' AND value.offset = 3");
    let args = [
        "tail",
        "test",
        "__consumer_offsets",
        "-o",
        "beginning",
        "-e",
        "--where",
        &filter,
        "--json",
    ];
    let output = workspace.run(&args).await?.exits(0)?;
    let records = output.json_lines()?;
    assert_eq!(records.len(), 1, "{}{}", output.stdout, output.stderr);
    let text = records[0].to_string();
    assert!(text.contains("offset_commit") && text.contains(&topic), "{text}");
    Ok(())
}
