//! What is accepted is produced to Kafka as well.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use integration::{eventually, kafka::Kafka, need, unique};
use serde_json::{Value, json};

use super::{Server, track, workspace};
use crate::workspace::DEADLINE;

async fn copied(kafka: &Kafka, topic: &str) -> Result<Vec<(Option<Vec<u8>>, Value)>> {
    let records = kafka.consume(topic).await?;
    let record = |it: integration::kafka::Consumed| {
        let value = serde_json::from_slice(&it.value.context("a value")?)?;
        Ok((it.key, value))
    };
    records.into_iter().map(record).collect()
}

fn ids(records: &[(Option<Vec<u8>>, Value)]) -> BTreeSet<String> {
    let id = |(_, value): &(_, Value)| value["messageId"].as_str().unwrap_or_default().to_owned();
    records.iter().map(id).collect()
}

#[tokio::test]
async fn everything_accepted_is_produced_even_after_a_crash() -> Result<()> {
    let kafka = need!(Kafka::shared().await);
    let topic = unique("tracked");
    kafka.create_topic(&topic, 3).await?;
    let workspace = workspace(&format!(
        "produce = {{ cluster = \"test\", topic = \"{topic}\" }}"
    ))?;
    workspace.cluster(&kafka.bootstrap())?;
    let mut server = Server::started(&workspace).await?;
    let mut wanted = BTreeSet::new();
    for round in 0..3 {
        let names: Vec<String> = (0..40).map(|number| format!("{round}-{number:02}")).collect();
        let mut events: Vec<Value> = names.iter().map(|name| track(name)).collect();
        events.push(json!({ "type": "track", "messageId": "malformed" }));
        let (status, answer) = server.post("/v1/batch", &json!({ "batch": events })).await?;
        assert_eq!((status, &answer["malformed"]), (200, &json!(1)), "{answer}");
        wanted.extend(names);
        // It goes on where it was, from the journal.
        server.kill().await?;
        server.start(&workspace).await?;
    }
    let found = eventually("every event in the topic", DEADLINE, || {
        let (topic, wanted) = (topic.clone(), wanted.len());
        async move {
            let found = copied(kafka, &topic).await.ok()?;
            (ids(&found).len() >= wanted).then_some(found)
        }
    })
    .await?;
    assert_eq!(ids(&found), wanted);
    for (key, value) in &found {
        assert_eq!(key.as_deref(), Some(b"u1".as_slice()));
        assert!(
            value["receivedAt"].is_string() && value["event"] == "Seen",
            "{value}"
        );
    }
    server.stop().await?;
    // At the end of a copy there is nothing to copy again.
    server.start(&workspace).await?;
    assert_eq!(server.post("/v1/track", &track("last")).await?.0, 200);
    wanted.insert("last".to_owned());
    let again = eventually("the last event in the topic", DEADLINE, || {
        let topic = topic.clone();
        async move {
            let found = copied(kafka, &topic).await.ok()?;
            ids(&found).contains("last").then_some(found)
        }
    })
    .await?;
    assert_eq!(again.len(), found.len() + 1);
    server.stop().await?;
    Ok(())
}
