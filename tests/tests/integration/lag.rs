//! Lag on Apache Kafka: deleted records, offsets that are moved, metrics and alerts.

use std::time::Duration;

use anyhow::{Context, Result};
use integration::{
    eventually,
    http::Http,
    kafka::{Kafka, Record},
    need, unique,
};
use rdkafka::{
    Message as _,
    consumer::{BaseConsumer, Consumer},
};
use serde_json::Value;

use crate::{
    broker,
    shop::now_ms,
    workspace::{STOP_DEADLINE, Workspace},
};

pub const TIMEOUT: Duration = Duration::from_secs(30);
const SECOND_MS: i64 = 1_000;

pub fn workspace(kafka: &Kafka) -> Result<Workspace> {
    let workspace = Workspace::new()?;
    workspace.cluster(&kafka.bootstrap())?;
    Ok(workspace)
}

/// A topic with as many records in each partition, a second apart, the last one a minute old. Its first time.
pub async fn topic(kafka: &Kafka, partitions: i32, records: i64) -> Result<(String, i64)> {
    let topic = unique("groups");
    kafka.create_topic(&topic, partitions).await?;
    let first_ms = now_ms() - (60 + records) * SECOND_MS;
    let all = (0..records).flat_map(|number| {
        (0..partitions).map(move |partition| {
            Record::new("k", format!("{{\"n\": {number}}}"))
                .at(first_ms + number * SECOND_MS)
                .on_partition(partition)
        })
    });
    kafka.produce(&topic, all).await?;
    Ok((topic, first_ms))
}

pub fn partition(detail: &Value, partition: i32) -> Result<&Value> {
    let partitions = detail["partitions"].as_array().context("partitions")?;
    let found = partitions.iter().find(|it| it["partition"] == partition);
    found.with_context(|| format!("partition {partition} in {detail}"))
}

#[tokio::test]
async fn records_deleted_before_they_were_read_are_lost_and_no_negative_lag() -> Result<()> {
    let kafka = need!(Kafka::shared().await);
    let (topic, first_ms) = topic(kafka, 2, 100).await?;
    let workspace = workspace(kafka)?;
    let group = unique("late");
    broker::commit(kafka, &group, &topic, &[(0, 10), (1, 100)]).await?;
    kafka.delete_records(&topic, 0, 50).await?;
    let before_ms = now_ms();
    let detail = workspace.json(&["groups", "show", "test", &group]).await?;
    let after_ms = now_ms();
    let late = partition(&detail, 0)?;
    assert_eq!(
        (&late["start"], &late["lag"], &late["lost"]),
        (&50.into(), &50.into(), &40.into()),
        "{late}"
    );
    let lag_ms = late["lag_ms"].as_i64().context("a lag in time")?;
    let written_ms = first_ms + 50 * SECOND_MS;
    assert!(
        (before_ms - written_ms..=after_ms - written_ms).contains(&lag_ms),
        "{late}"
    );
    assert_eq!(late["lag_ms_source"], "record");
    let reason = late["reason"].as_str().unwrap_or_default();
    assert!(
        reason.contains("40 records were deleted before it read them"),
        "{reason}"
    );
    assert_eq!(detail["summary"]["lost"], 40);
    // Everything is gone: nothing is left to read, and 90 were lost.
    kafka.delete_records(&topic, 0, 100).await?;
    let detail = workspace.json(&["groups", "show", "test", &group]).await?;
    let gone = partition(&detail, 0)?;
    assert_eq!((&gone["lag"], &gone["lost"]), (&0.into(), &90.into()), "{gone}");
    Ok(())
}

/// The offset of the first record of a partition that a consumer of the group reads.
async fn first_read(kafka: &Kafka, group: &str, topic: &str) -> Result<i64> {
    let mut config = kafka.client_config();
    config.set("group.id", group).set("enable.auto.commit", "false");
    let topic = topic.to_owned();
    tokio::task::spawn_blocking(move || {
        let consumer: BaseConsumer = config.create()?;
        consumer.subscribe(&[&topic])?;
        let started = std::time::Instant::now();
        loop {
            anyhow::ensure!(started.elapsed() < TIMEOUT, "the group read nothing");
            if let Some(message) = consumer.poll(Duration::from_millis(100)) {
                return Ok(message?.offset());
            }
        }
    })
    .await?
}

#[tokio::test]
async fn offsets_are_moved_to_every_kind_of_place() -> Result<()> {
    let kafka = need!(Kafka::shared().await);
    let (topic, first_ms) = topic(kafka, 1, 100).await?;
    let workspace = workspace(kafka)?;
    kafka.delete_records(&topic, 0, 20).await?;
    let csv = workspace.path("offsets.csv");
    workspace.write("offsets.csv", format!("topic,partition,offset\n{topic},0,66\n"))?;
    let csv = csv.to_str().context("a name")?;
    let at = (first_ms + 71 * SECOND_MS).to_string();
    // Between the records 40 and 41 now, and later ones by the time that it is asked: a slow run has a minute to spare.
    let ago = format!("{} seconds", (now_ms() - first_ms) / SECOND_MS - 40);
    let kinds: [(&[&str], std::ops::RangeInclusive<i64>, Option<i64>); 9] = [
        (&["--to-earliest"], 20..=20, None),
        (&["--to-offset", "45"], 45..=45, None),
        (&["--to-offset", "7"], 20..=20, Some(7)),
        (&["--to-timestamp", &at], 71..=71, None),
        (&["--by-shift", "-5"], 25..=25, None),
        (&["--by-shift", "12"], 42..=42, None),
        (&["--by-duration", &ago], 40..=99, None),
        (&["--from-file", csv], 66..=66, None),
        (&["--to-latest"], 100..=100, None),
    ];
    for (kind, expected, clamped) in kinds {
        let group = unique("moved");
        broker::commit(kafka, &group, &topic, &[(0, 30)]).await?;
        let reset = ["groups", "reset", "test", group.as_str(), "--topic", &topic];
        let plan = workspace
            .json(&[&reset[..], kind, &["--dry-run"]].concat())
            .await?;
        let row = &plan["rows"][0];
        let new = row["new"].as_i64().context("where to")?;
        assert!(expected.contains(&new), "{kind:?}: {row}");
        assert_eq!(
            (&row["current"], &row["change"]),
            (&30.into(), &(new - 30).into())
        );
        assert_eq!(row["clamped_from"], serde_json::json!(clamped), "{kind:?}");
        assert_eq!(
            (&plan["skipped"], &plan["again"]),
            (&(new - 30).max(0).into(), &(30 - new).max(0).into())
        );
        let before = broker::committed(kafka, &group, &topic, 1).await?;
        assert_eq!(before[&0], Some(30), "a preview changes nothing");
        workspace.json(&[&reset[..], kind, &["--yes"]].concat()).await?;
        let after = broker::committed(kafka, &group, &topic, 1).await?;
        let moved = after[&0].context("a commit")?;
        assert!(expected.contains(&moved), "{kind:?}: {after:?}");
        if moved < 100 {
            assert_eq!(first_read(kafka, &group, &topic).await?, moved, "{kind:?}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_reset_is_refused_where_it_must_not_be() -> Result<()> {
    let kafka = need!(Kafka::shared().await);
    let (topic, _) = topic(kafka, 2, 10).await?;
    let workspace = workspace(kafka)?;
    let group = unique("busy");
    broker::commit(kafka, &group, &topic, &[(0, 3), (1, 4)]).await?;
    let member = broker::join(kafka, &group, &topic, 2).await?;
    let reset = ["groups", "reset", "test", &group, "--to-earliest"];
    let output = workspace
        .run(&[&reset[..], &["--yes"]].concat())
        .await?
        .exits(1)?;
    assert!(
        output.stderr.contains("is being read by rdkafka on"),
        "{}",
        output.stderr
    );
    let plan = workspace.json(&[&reset[..], &["--dry-run"]].concat()).await?;
    assert!(
        plan["refused"]
            .as_str()
            .is_some_and(|why| why.contains("stop it first")),
        "{plan}"
    );
    assert_eq!(plan["rows"].as_array().map(Vec::len), Some(2));
    let deleted = workspace
        .sentence(&["groups", "delete", "test", &group, "--yes"], 1)
        .await?;
    assert!(deleted.contains("is being read by"), "{deleted}");
    let leaving = tokio::task::spawn_blocking(move || drop(member));
    leaving.await?;
    // Nobody is there to be asked, and a place that is none.
    let asked = workspace.sentence(&reset, 2).await?;
    assert!(asked.contains("--yes"), "{asked}");
    let nowhere = [&reset[..4], &["--topic", "nowhere", "--to-latest", "--dry-run"]].concat();
    let said = workspace.sentence(&nowhere, 1).await?;
    assert!(said.contains("nowhere"), "{said}");
    let outside = format!("{topic}:7");
    let nowhere = [&reset[..4], &["--topic", &outside, "--to-latest", "--dry-run"]].concat();
    let said = workspace.sentence(&nowhere, 1).await?;
    assert!(said.contains("no partition 7"), "{said}");

    let cluster = format!(
        "kind = \"kafka\"\nread_only = true\n\n[properties]\n\"bootstrap.servers\" = \"{}\"\n",
        kafka.bootstrap()
    );
    workspace.write("clusters/test.toml", cluster)?;
    let output = workspace
        .run(&[&reset[..], &["--yes"]].concat())
        .await?
        .exits(1)?;
    assert!(output.stderr.contains("read_only = true"), "{}", output.stderr);
    let deleted = workspace
        .sentence(&["groups", "delete", "test", &group, "--yes"], 1)
        .await?;
    assert!(deleted.contains("is read-only"), "{deleted}");
    let kept = broker::committed(kafka, &group, &topic, 2).await?;
    assert_eq!((kept[&0], kept[&1]), (Some(3), Some(4)));
    Ok(())
}

#[tokio::test]
async fn groups_and_their_offsets_are_deleted() -> Result<()> {
    let kafka = need!(Kafka::shared().await);
    let (one, _) = topic(kafka, 1, 5).await?;
    let (other, _) = topic(kafka, 1, 5).await?;
    let workspace = workspace(kafka)?;
    let group = unique("gone");
    broker::commit(kafka, &group, &one, &[(0, 3)]).await?;
    broker::commit(kafka, &group, &other, &[(0, 4)]).await?;
    let delete = ["groups", "delete", "test", group.as_str()];
    workspace
        .run(&[&delete[..], &["--topic", &one, "--yes"]].concat())
        .await?
        .exits(0)?;
    assert_eq!(broker::committed(kafka, &group, &one, 1).await?[&0], None);
    assert_eq!(broker::committed(kafka, &group, &other, 1).await?[&0], Some(4));
    workspace
        .run(&[&delete[..], &["--yes"]].concat())
        .await?
        .exits(0)?;
    let said = workspace.sentence(&["groups", "show", "test", &group], 1).await?;
    assert!(said.contains(&group), "{said}");
    Ok(())
}

/// Where a server that has started listens.
pub async fn address(running: &integration::cli::Running) -> Result<String> {
    eventually("the server to listen", TIMEOUT, || {
        let said = running.stderr();
        async move {
            let (_, rest) = said.split_once("metrics at ")?;
            rest.split_once("/metrics").map(|(address, _)| address.to_owned())
        }
    })
    .await
}

#[tokio::test]
async fn metrics_are_scraped_and_alerts_told_once() -> Result<()> {
    let kafka = need!(Kafka::shared().await);
    let (topic, _) = topic(kafka, 2, 100).await?;
    let workspace = workspace(kafka)?;
    let hook = Http::start().await?;
    let group = unique("watched");
    broker::commit(kafka, &group, &topic, &[(0, 40), (1, 100)]).await?;
    let alert = format!(
        "title = \"Far behind\"\ngroups = [\"{group}\"]\nlag = 50\nfor = \"1 second\"\ndesktop = false\n\n\
         [webhook]\nurl = \"{}\"\nheaders = {{ X-Token = \"t0ken\" }}\n",
        hook.url("/alerts/s3cret")
    );
    workspace.write("alerts/behind.toml", alert)?;
    // The first attempt fails, and is made up for.
    hook.next_replies([integration::http::Reply::status(503)]);
    let mut serving = workspace.start(&["serve", "--listen", "127.0.0.1:0"])?;
    let base = address(&serving).await?;
    let scrape =
        async || -> Result<String> { Ok(reqwest::get(format!("{base}/metrics")).await?.text().await?) };
    let lag = format!("kafka_consumergroup_group_sum_lag{{cluster_name=\"test\",group=\"{group}\"}} 60");
    let page = eventually("the group in the metrics", TIMEOUT, || async {
        scrape().await.ok().filter(|page| page.contains(&lag))
    })
    .await?;
    for line in [
        format!(
            "kafka_consumergroup_group_lag{{cluster_name=\"test\",group=\"{group}\",topic=\"{topic}\",partition=\"0\",member_host=\"\",consumer_id=\"\",client_id=\"\"}} 60"
        ),
        format!(
            "kafka_consumergroup_group_max_lag{{cluster_name=\"test\",group=\"{group}\",is_simple_consumer=\"true\"}} 60"
        ),
        format!(
            "kafka_partition_latest_offset{{cluster_name=\"test\",topic=\"{topic}\",partition=\"1\"}} 100"
        ),
        format!(
            "kafka_partition_earliest_offset{{cluster_name=\"test\",topic=\"{topic}\",partition=\"1\"}} 0"
        ),
        format!(
            "kminion_kafka_consumer_group_topic_lag{{cluster_name=\"test\",group_id=\"{group}\",topic_name=\"{topic}\"}} 60"
        ),
        format!(
            "kminion_kafka_consumer_group_topic_partition_lag{{cluster_name=\"test\",group_id=\"{group}\",partition_id=\"1\",topic_name=\"{topic}\"}} 0"
        ),
        format!(
            "kminion_kafka_topic_high_water_mark_sum{{cluster_name=\"test\",topic_name=\"{topic}\"}} 200"
        ),
        "# TYPE kafka_consumergroup_group_lag_seconds gauge".to_owned(),
        "kminion_exporter_up".to_owned(),
    ] {
        assert!(page.contains(&line), "{line} is not in {page}");
    }
    let health: Value = reqwest::get(format!("{base}/health")).await?.json().await?;
    assert_eq!(
        (&health["ok"], &health["clusters"][0]["cluster"]),
        (&true.into(), &"test".into())
    );

    let told = hook.wait_for(2, TIMEOUT).await?;
    for request in &told {
        let news = request.json()?;
        assert_eq!(
            (&news["state"], &news["group"], &news["lag"]),
            (&"firing".into(), &group.as_str().into(), &60.into()),
            "{news}"
        );
        assert_eq!(request.header("x-token"), Some("t0ken"));
    }
    assert_eq!(
        told[0].header("idempotency-key"),
        told[1].header("idempotency-key"),
        "both attempts are one"
    );
    // That it was told is written a moment after the answer: before that a restart would make the same attempt again.
    eventually("the alert to be told", TIMEOUT, || async {
        let listed = workspace.lines(&["alerts"]).await.ok()?;
        listed.first()?["instances"][0]["error"].is_null().then_some(())
    })
    .await?;
    // It fires on over a restart, and nobody is told again.
    serving.interrupt(STOP_DEADLINE).await?.exits(0)?;
    let listed = workspace.lines(&["alerts"]).await?;
    assert_eq!(listed[0]["instances"][0]["state"], "firing", "{listed:?}");
    let mut serving = workspace.start(&["serve", "--listen", "127.0.0.1:0"])?;
    let base = address(&serving).await?;
    eventually("the group in the metrics", TIMEOUT, || async {
        let page = reqwest::get(format!("{base}/metrics"))
            .await
            .ok()?
            .text()
            .await
            .ok()?;
        page.contains(&lag).then_some(())
    })
    .await?;
    broker::commit(kafka, &group, &topic, &[(0, 99)]).await?;
    let told = hook.wait_for(3, TIMEOUT).await?;
    assert_eq!(told.len(), 3, "firing was told once");
    let news = told[2].json()?;
    assert_eq!(
        (&news["state"], &news["lag"]),
        (&"resolved".into(), &1.into()),
        "{news}"
    );
    let output = serving.interrupt(STOP_DEADLINE).await?.exits(0)?;
    assert!(output.stderr.contains("Far behind"), "{}", output.stderr);
    assert!(!output.stderr.contains("s3cret"), "{}", output.stderr);
    let listed = workspace.lines(&["alerts"]).await?;
    assert_eq!(listed[0]["instances"][0]["state"], "resolved", "{listed:?}");
    Ok(())
}

#[tokio::test]
async fn charts_of_a_group_by_partition_and_by_rate() -> Result<()> {
    let kafka = need!(Kafka::shared().await);
    let (topic, _) = topic(kafka, 2, 100).await?;
    let workspace = workspace(kafka)?;
    let group = unique("drawn");
    broker::commit(kafka, &group, &topic, &[(0, 10), (1, 20)]).await?;
    let path = workspace.path("lag.svg");
    let name = path.to_str().context("a name")?;
    let chart = [
        "lag",
        "test",
        "--group",
        &group,
        "--chart",
        name,
        "--seconds",
        "4",
    ];
    workspace
        .json(&[&chart[..], &["--by-partition", "--since", "6 hours"]].concat())
        .await?;
    let svg = std::fs::read_to_string(&path)?;
    for partition in 0..2 {
        assert!(svg.contains(&format!("{topic}/{partition}")), "{svg}");
    }
    let said = workspace
        .sentence(&[&chart[..], &["--since", "soon"]].concat(), 2)
        .await?;
    assert!(said.contains("soon"), "{said}");
    Ok(())
}

#[tokio::test]
async fn many_groups_are_sampled_whole() -> Result<()> {
    const GROUPS: usize = 40;
    let kafka = need!(Kafka::shared().await);
    let (topic, _) = topic(kafka, 50, 4).await?;
    let workspace = workspace(kafka)?;
    let name = unique("crowd");
    let commits: Vec<(i32, i64)> = (0..50).map(|partition| (partition, 1)).collect();
    for number in 0..GROUPS {
        broker::commit(kafka, &format!("{name}-{number}"), &topic, &commits).await?;
    }
    let listed = workspace.lines(&["groups", "list", "test"]).await?;
    let ours: Vec<&Value> = listed
        .iter()
        .filter(|it| {
            it["group"]
                .as_str()
                .is_some_and(|group| group.starts_with(&format!("{name}-")))
        })
        .collect();
    assert_eq!(ours.len(), GROUPS);
    for group in ours {
        assert_eq!(
            (&group["lag"], &group["partitions"]),
            (&150.into(), &50.into()),
            "{group}"
        );
        assert_eq!(group["lag_ms_source"], "record", "{group}");
    }
    Ok(())
}
