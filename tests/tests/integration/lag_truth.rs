//! What lag counts and whom it knows, on Apache Kafka: marks of transactions, commits past the end, groups to which the
//! broker assigns partitions, and alerts that end because somebody ended them.

use anyhow::{Context, Result};
use integration::{
    eventually,
    http::Http,
    kafka::{Kafka, Record},
    need, unique,
};
use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{CommitMode, Consumer},
    producer::{BaseProducer, BaseRecord, Producer},
};
use serde_json::Value;

use crate::{
    broker,
    lag::{TIMEOUT, address, partition, topic, workspace},
    workspace::STOP_DEADLINE,
};

/// A producer of transactions.
async fn transactional(kafka: &Kafka) -> Result<BaseProducer> {
    let mut config = kafka.client_config();
    config.set("transactional.id", unique("transactions"));
    tokio::task::spawn_blocking(move || {
        let producer: BaseProducer = config.create()?;
        producer.init_transactions(TIMEOUT)?;
        Ok(producer)
    })
    .await?
}

/// Writes records in a transaction, which stays open unless it shall end.
async fn transaction(producer: BaseProducer, topic: &str, records: usize, end: bool) -> Result<BaseProducer> {
    let topic = topic.to_owned();
    tokio::task::spawn_blocking(move || {
        producer.begin_transaction()?;
        for number in 0..records {
            let value = number.to_string();
            let record = BaseRecord::<str, str>::to(&topic).payload(&value).partition(0);
            producer.send(record).map_err(|(error, _)| error)?;
        }
        producer.flush(TIMEOUT)?;
        if end {
            producer.commit_transaction(TIMEOUT)?;
        }
        Ok(producer)
    })
    .await?
}

#[tokio::test]
async fn marks_of_transactions_are_no_lag() -> Result<()> {
    let kafka = need!(Kafka::shared().await);
    let workspace = workspace(kafka)?;
    let topic = unique("transactions");
    kafka.create_topic(&topic, 1).await?;
    let producer = transactional(kafka).await?;
    let producer = transaction(producer, &topic, 2, true).await?;
    let producer = transaction(producer, &topic, 2, true).await?;
    // Two records and a mark, twice.
    assert_eq!(broker::ends(kafka, &topic, 1).await?[&0], 6);
    let (done, between, begun) = (unique("done"), unique("between"), unique("begun"));
    broker::commit(kafka, &done, &topic, &[(0, 5)]).await?;
    broker::commit(kafka, &between, &topic, &[(0, 2)]).await?;
    broker::commit(kafka, &begun, &topic, &[(0, 0)]).await?;
    let show = async |group: &str| workspace.json(&["groups", "show", "test", group]).await;

    let detail = show(&done).await?;
    let found = partition(&detail, 0)?;
    assert_eq!(
        (&found["lag"], &found["lag_ms"]),
        (&0.into(), &0.into()),
        "{found}"
    );
    assert_eq!(detail["summary"]["status"], "ok");
    assert_eq!(detail["summary"]["reason"], "it has read everything");
    // None of the marks is anything to read: neither where it stands, nor between the records, nor at the end.
    let detail = show(&between).await?;
    assert_eq!(partition(&detail, 0)?["lag"], 2, "{detail}");
    assert_eq!(detail["summary"]["lag"], 2, "{detail}");
    let detail = show(&begun).await?;
    let found = partition(&detail, 0)?;
    assert_eq!(
        (&found["lag"], &found["lag_in_offsets"]),
        (&4.into(), &false.into()),
        "{found}"
    );

    // In the list too; and a mark at the end of one partition is none whatever the others hold.
    let both = unique("both");
    let plain = unique("plain");
    kafka.create_topic(&plain, 2).await?;
    kafka
        .produce(
            &plain,
            (0..4).map(|n| Record::new("k", n.to_string()).on_partition(n % 2)),
        )
        .await?;
    broker::commit(kafka, &both, &topic, &[(0, 5)]).await?;
    broker::commit(kafka, &both, &plain, &[(0, 2), (1, 1)]).await?;
    let listed = workspace.lines(&["groups", "list", "test"]).await?;
    let lag_of = |group: &str| {
        let found = listed.iter().find(|it| it["group"] == group);
        found.map(|it| it["lag"].clone()).unwrap_or_default()
    };
    assert_eq!((lag_of(&done), lag_of(&both)), (0.into(), 1.into()), "{listed:?}");

    // A transaction that stays open holds readers of committed records back, and that is said.
    let producer = transaction(producer, &topic, 3, false).await?;
    let detail = show(&done).await?;
    let found = partition(&detail, 0)?;
    assert_eq!(
        (&found["stable_end"], &found["end"]),
        (&6.into(), &9.into()),
        "{found}"
    );
    let waiting = unique("waiting");
    broker::commit(kafka, &waiting, &topic, &[(0, 6)]).await?;
    let detail = show(&waiting).await?;
    let said = detail["summary"]["reason"].as_str().unwrap_or_default();
    assert!(said.contains("an open transaction holds back readers"), "{said}");
    drop(producer);
    Ok(())
}

#[tokio::test]
async fn where_marks_are_too_many_to_count_the_lag_says_that_it_is_in_offsets() -> Result<()> {
    let kafka = need!(Kafka::shared().await);
    let workspace = workspace(kafka)?;
    let topic = unique("transactions");
    kafka.create_topic(&topic, 1).await?;
    let mut producer = transactional(kafka).await?;
    for _ in 0..3 {
        producer = transaction(producer, &topic, 800, true).await?;
    }
    drop(producer);
    let group = unique("far");
    broker::commit(kafka, &group, &topic, &[(0, 0)]).await?;
    let detail = workspace.json(&["groups", "show", "test", &group]).await?;
    let found = partition(&detail, 0)?;
    // 2,400 records and three marks: as many as were looked at are left out.
    let lag = found["lag"].as_i64().context("a lag")?;
    assert!((2_400..=2_403).contains(&lag), "{found}");
    assert_eq!(found["lag_in_offsets"], true, "{found}");
    assert_eq!(detail["summary"]["lag_in_offsets"], true, "{detail}");
    let table = workspace
        .run(&["groups", "show", "test", &group])
        .await?
        .exits(0)?;
    assert!(table.stdout.contains("offsets"), "{}", table.stdout);
    Ok(())
}

#[tokio::test]
async fn a_commit_past_the_end_is_said_and_its_lag_is_unknown() -> Result<()> {
    let kafka = need!(Kafka::shared().await);
    let (topic, _) = topic(kafka, 2, 100).await?;
    let workspace = workspace(kafka)?;
    let group = unique("ahead");
    broker::commit(kafka, &group, &topic, &[(0, 150), (1, 100)]).await?;
    let detail = workspace.json(&["groups", "show", "test", &group]).await?;
    let ahead = partition(&detail, 0)?;
    assert_eq!(
        (
            &ahead["lag"],
            &ahead["lag_ms"],
            &ahead["past_end"],
            &ahead["status"]
        ),
        (&Value::Null, &Value::Null, &50.into(), &"unknown".into()),
        "{ahead}"
    );
    let summary = &detail["summary"];
    assert_eq!(
        (&summary["status"], &summary["partitions_unknown"]),
        (&"unknown".into(), &1.into())
    );
    for reason in [&ahead["reason"], &summary["reason"]] {
        let said = reason.as_str().unwrap_or_default();
        assert!(said.contains("50 past the end"), "{said}");
    }
    assert_eq!(partition(&detail, 1)?["lag"], 0);
    let table = workspace
        .run(&["groups", "show", "test", &group])
        .await?
        .exits(0)?;
    assert!(table.stdout.contains("50 past the end"), "{}", table.stdout);
    Ok(())
}

#[tokio::test]
async fn a_group_to_which_the_broker_assigns_partitions_is_known_like_any_other() -> Result<()> {
    let kafka = need!(Kafka::shared().await);
    let (topic, _) = topic(kafka, 2, 10).await?;
    let workspace = workspace(kafka)?;
    let group = unique("new-protocol");
    let member = broker::join_by_broker(kafka, &group, &topic, 2).await?;
    let mut offsets = TopicPartitionList::new();
    for (partition, offset) in [(0, 3), (1, 4)] {
        offsets.add_partition_offset(&topic, partition, Offset::Offset(offset))?;
    }
    let member = tokio::task::spawn_blocking(move || {
        member.commit(&offsets, CommitMode::Sync)?;
        anyhow::Ok(member)
    })
    .await??;
    let show = async || workspace.json(&["groups", "show", "test", &group]).await;
    // Whatever it does on the way there has a name.
    let detail = eventually("the group to be stable", TIMEOUT, || async {
        let detail = show().await.ok()?;
        assert_ne!(detail["summary"]["state"], "Unknown", "{detail}");
        (detail["summary"]["state"] == "Stable").then_some(detail)
    })
    .await?;
    let summary = &detail["summary"];
    assert_eq!(
        (&summary["members"], &summary["lag"]),
        (&1.into(), &13.into()),
        "{detail}"
    );
    let assigned: Vec<String> = (0..2).map(|partition| format!("{topic}/{partition}")).collect();
    assert_eq!(detail["members"][0]["assignment"], serde_json::json!(assigned));
    for number in 0..2 {
        let found = partition(&detail, number)?;
        assert_eq!(found["member"], detail["members"][0]["id"], "{found}");
        assert_eq!(found["lag_ms_source"], "record");
    }
    let reset = [
        "groups",
        "reset",
        "test",
        group.as_str(),
        "--to-earliest",
        "--yes",
    ];
    let refused = workspace.run(&reset).await?.exits(1)?;
    assert!(
        refused.stderr.contains("is being read by rdkafka on"),
        "{}",
        refused.stderr
    );
    let kept = broker::committed(kafka, &group, &topic, 2).await?;
    assert_eq!((kept[&0], kept[&1]), (Some(3), Some(4)));

    let leaving = tokio::task::spawn_blocking(move || drop(member));
    leaving.await?;
    eventually("the group to be empty", TIMEOUT, || async {
        let detail = show().await.ok()?;
        (detail["summary"]["members"] == 0).then_some(())
    })
    .await?;
    workspace.run(&reset).await?.exits(0)?;
    let moved = broker::committed(kafka, &group, &topic, 2).await?;
    assert_eq!((moved[&0], moved[&1]), (Some(0), Some(0)));
    Ok(())
}

/// Everything that was posted so far: state and resolution of each.
fn posted(hook: &Http) -> Result<Vec<(String, String)>> {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let news = hook.received().into_iter().map(|request| {
        let news = request.json()?;
        anyhow::Ok((text(&news["state"]), text(&news["resolution"])))
    });
    news.collect()
}

#[tokio::test]
async fn only_a_group_that_got_well_is_called_well_again() -> Result<()> {
    let kafka = need!(Kafka::shared().await);
    let (topic, _) = topic(kafka, 1, 100).await?;
    let workspace = workspace(kafka)?;
    let hook = Http::start().await?;
    let group = unique("ended");
    broker::commit(kafka, &group, &topic, &[(0, 40)]).await?;
    let write = |lag: i64, enabled: bool| {
        let alert = format!(
            "title = \"Far behind\"\ngroups = [\"{group}\"]\nlag = {lag}\nfor = \"1 second\"\ndesktop = false\n\
             enabled = {enabled}\n\n[webhook]\nurl = \"{}\"\n",
            hook.url("/alerts")
        );
        workspace.write("alerts/behind.toml", alert)
    };
    write(50, true)?;
    let mut serving = workspace.start(&["serve", "--listen", "127.0.0.1:0"])?;
    let base = address(&serving).await?;
    let mut told = Vec::new();
    let mut expect = async |state: &str, resolution: &str| -> Result<()> {
        told.push((state.to_owned(), resolution.to_owned()));
        hook.wait_for(told.len(), TIMEOUT).await?;
        assert_eq!(posted(&hook)?, told);
        Ok(())
    };
    expect("firing", "-").await?;
    write(50, false)?;
    expect("resolved", "unwatched").await?;
    write(50, true)?;
    expect("firing", "-").await?;
    write(90, true)?;
    expect("resolved", "alert_edited").await?;
    write(50, true)?;
    expect("firing", "-").await?;
    let delete = ["groups", "delete", "test", group.as_str(), "--yes"];
    workspace.run(&delete).await?.exits(0)?;
    expect("resolved", "group_gone").await?;
    broker::commit(kafka, &group, &topic, &[(0, 30)]).await?;
    expect("firing", "-").await?;
    std::fs::remove_file(workspace.path("clusters/test.toml"))?;
    expect("resolved", "cluster_gone").await?;
    let page = reqwest::get(format!("{base}/metrics")).await?.text().await?;
    assert!(!page.contains("cluster_name=\"test\""), "{page}");

    let output = serving.interrupt(STOP_DEADLINE).await?.exits(0)?;
    for title in [
        "is no longer watched",
        "is not as far behind as the alert now says",
        "test is gone",
        "is gone with its cluster",
    ] {
        assert!(
            output.stderr.contains(title),
            "{title} is not in {}",
            output.stderr
        );
    }
    assert!(!output.stderr.contains("well again"), "{}", output.stderr);
    Ok(())
}
