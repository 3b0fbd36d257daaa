//! Lag of groups that the test itself makes, in messages and in time, and its charts.

use anyhow::{Context, Result};
use integration::{
    kafka::{Kafka, Record},
    need, unique,
};
use serde_json::Value;

use crate::{broker, shop::now_ms, workspace::Workspace};

const RECORDS: i64 = 100;
const SECOND_MS: i64 = 1_000;

/// A topic of four partitions with 100 records each, a second apart, the last one a minute old. Its first time.
async fn topic(kafka: &Kafka) -> Result<(String, i64)> {
    let topic = unique("lag");
    kafka.create_topic(&topic, 4).await?;
    let first_ms = now_ms() - (60 + RECORDS) * SECOND_MS;
    let records = (0..RECORDS).flat_map(|number| {
        (0..4).map(move |partition| {
            Record::new("k", format!("{{\"n\": {number}}}"))
                .at(first_ms + number * SECOND_MS)
                .on_partition(partition)
        })
    });
    kafka.produce(&topic, records).await?;
    Ok((topic, first_ms))
}

async fn workspace(kafka: &Kafka) -> Result<Workspace> {
    let workspace = Workspace::new()?;
    workspace.cluster(&kafka.bootstrap())?;
    Ok(workspace)
}

fn partition<'a>(detail: &'a Value, topic: &str, partition: i32) -> Result<&'a Value> {
    let partitions = detail["partitions"].as_array().context("partitions")?;
    let found = partitions
        .iter()
        .find(|it| it["topic"] == topic && it["partition"] == partition);
    found.with_context(|| format!("partition {partition} in {detail}"))
}

#[tokio::test]
async fn lag_is_ends_less_commits_and_the_age_of_the_next_record() -> Result<()> {
    let kafka = need!(Kafka::shared().await);
    let (topic, first_ms) = topic(kafka).await?;
    let workspace = workspace(kafka).await?;
    let group = unique("readers");
    // Part of the way, at the end, nothing yet; partition 3 was never committed.
    broker::commit(kafka, &group, &topic, &[(0, 40), (1, RECORDS), (2, 0)]).await?;

    let before_ms = now_ms();
    let detail = workspace.json(&["groups", "show", "test", &group]).await?;
    let after_ms = now_ms();
    let summary = &detail["summary"];
    assert_eq!(summary["lag"], 60 + 100, "{detail}");
    assert_eq!(
        (&summary["state"], &summary["members"]),
        (&"Empty".into(), &0.into())
    );
    let age = |value: &Value, offset: i64| {
        let lag_ms = value["lag_ms"].as_i64().unwrap_or(i64::MIN);
        let written_ms = first_ms + offset * SECOND_MS;
        (before_ms - written_ms..=after_ms - written_ms).contains(&lag_ms)
    };
    let first = partition(&detail, &topic, 0)?;
    assert_eq!(
        (&first["committed"], &first["end"], &first["lag"]),
        (&40.into(), &RECORDS.into(), &60.into())
    );
    assert!(age(first, 40), "{first}");
    let done = partition(&detail, &topic, 1)?;
    assert_eq!((&done["lag"], &done["lag_ms"]), (&0.into(), &0.into()));
    let begun = partition(&detail, &topic, 2)?;
    assert_eq!(begun["lag"], RECORDS);
    assert!(age(begun, 0), "{begun}");
    assert!(age(summary, 0), "the group's is the largest: {summary}");
    // Unknown is unknown, never 0: in a list it is there without numbers, or it is not listed at all.
    if let Ok(unknown) = partition(&detail, &topic, 3) {
        assert_eq!(
            (&unknown["committed"], &unknown["lag"], &unknown["lag_ms"]),
            (&Value::Null, &Value::Null, &Value::Null)
        );
        assert_eq!(summary["partitions_unknown"], 1);
    }
    let listed = workspace.lines(&["groups", "list", "test"]).await?;
    let listed = listed.iter().find(|it| it["group"] == group.as_str());
    assert_eq!(listed.context("the group is listed")?["lag"], 160);
    Ok(())
}

#[tokio::test]
async fn a_group_with_a_member_and_without_a_commit_has_no_lag_to_tell() -> Result<()> {
    let kafka = need!(Kafka::shared().await);
    let (topic, _) = topic(kafka).await?;
    let workspace = workspace(kafka).await?;
    let group = unique("members");
    let member = broker::join(kafka, &group, &topic, 4).await?;
    let detail = workspace.json(&["groups", "show", "test", &group]).await?;
    let summary = &detail["summary"];
    assert_eq!(
        (&summary["members"], &summary["state"]),
        (&1.into(), &"Stable".into())
    );
    assert_eq!(summary["partitions_unknown"], 4, "{detail}");
    assert_eq!(
        (&summary["lag"], &summary["lag_ms"]),
        (&Value::Null, &Value::Null)
    );
    for number in 0..4 {
        let partition = partition(&detail, &topic, number)?;
        assert_eq!(partition["lag"], Value::Null);
        assert!(partition["member"].is_string(), "{partition}");
    }
    drop(member);
    Ok(())
}

#[tokio::test]
async fn a_group_that_is_not_there_is_named() -> Result<()> {
    let kafka = need!(Kafka::shared().await);
    let workspace = workspace(kafka).await?;
    let said = workspace
        .sentence(&["groups", "show", "test", "nobody"], 1)
        .await?;
    assert!(said.contains("nobody") && said.contains("test"), "{said}");
    Ok(())
}

#[tokio::test]
async fn the_history_of_lag_is_drawn() -> Result<()> {
    let kafka = need!(Kafka::shared().await);
    let (topic, _) = topic(kafka).await?;
    let workspace = workspace(kafka).await?;
    let group = unique("drawn");
    broker::commit(kafka, &group, &topic, &[(0, 10), (1, 20), (2, 30), (3, 40)]).await?;
    for (file, metric) in [("lag.svg", "records"), ("lag.png", "time")] {
        let path = workspace.path(file);
        let name = path.to_str().context("a name")?;
        let written = workspace
            .json(&[
                "lag",
                "test",
                "--group",
                &group,
                "--chart",
                name,
                "--metric",
                metric,
                "--seconds",
                "4",
            ])
            .await?;
        let bytes = std::fs::read(&path)?;
        assert_eq!(written["bytes"], bytes.len());
        match file.ends_with("svg") {
            true => assert_svg(&String::from_utf8(bytes)?, &group),
            false => assert_png(&bytes),
        }
    }
    Ok(())
}

/// One whole element, with a line and the group's name.
fn assert_svg(svg: &str, group: &str) {
    let svg = svg.trim();
    assert!(svg.starts_with("<svg") && svg.ends_with("</svg>"), "{svg}");
    assert_eq!(svg.matches("<svg").count(), 1);
    assert!(
        svg.contains("<polyline") || svg.contains("<path"),
        "a line: {svg}"
    );
    assert!(svg.contains(group), "the group's name: {svg}");
}

/// The signature, then chunks that lead exactly to the end, of a picture that has a size.
fn assert_png(bytes: &[u8]) {
    assert_eq!(bytes.get(..8), Some(&b"\x89PNG\r\n\x1a\n"[..]));
    let number = |at: usize| {
        let four: [u8; 4] = bytes[at..at + 4].try_into().unwrap_or_default();
        u32::from_be_bytes(four) as usize
    };
    assert!(
        number(16) >= 400 && number(20) >= 200,
        "{}x{}",
        number(16),
        number(20)
    );
    let (mut at, mut chunks) = (8, Vec::new());
    while at + 12 <= bytes.len() {
        chunks.push(&bytes[at + 4..at + 8]);
        at += 12 + number(at);
    }
    assert_eq!(at, bytes.len());
    assert_eq!(
        (chunks.first(), chunks.last()),
        (Some(&&b"IHDR"[..]), Some(&&b"IEND"[..]))
    );
    assert!(chunks.contains(&&b"IDAT"[..]));
}
