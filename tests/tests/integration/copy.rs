//! Copying between topics and clusters: byte for byte, exactly counted, and going on after an interruption.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use integration::{
    eventually,
    kafka::{Consumed, Kafka, Record},
    need, unique,
};
use serde_json::Value;

use crate::workspace::{DEADLINE, STOP_DEADLINE, Workspace};

const PARTITIONS: i32 = 3;

fn workspace(kafka: &Kafka) -> Result<Workspace> {
    let workspace = Workspace::new()?;
    workspace.cluster(&kafka.bootstrap())?;
    let protected = format!(
        "kind = \"kafka\"\nread_only = true\n[properties]\n\"bootstrap.servers\" = \"{}\"\n",
        kafka.bootstrap()
    );
    workspace.write("clusters/protected.toml", protected)?;
    Ok(workspace)
}

/// Keys, values and headers that are no text, tombstones, records without a key.
fn odd(number: i64) -> Record {
    let value = match number % 5 {
        0 => None,
        1 => Some(vec![0, 255, number as u8]),
        _ => Some(format!("{{\"n\":{number},\"even\":{}}}", number % 2 == 0).into_bytes()),
    };
    Record {
        key: (number % 3 != 0).then(|| vec![0xff, number as u8]),
        value,
        timestamp_ms: Some(1_700_000_000_000 + number),
        partition: Some((number % i64::from(PARTITIONS)) as i32),
        headers: vec![
            ("h".to_owned(), vec![0xfe, number as u8]),
            ("h".to_owned(), Vec::new()),
        ],
    }
}

/// What a topic holds, by partition, without offsets.
fn by_partition(records: Vec<Consumed>) -> BTreeMap<i32, Vec<Consumed>> {
    let mut found: BTreeMap<i32, Vec<_>> = BTreeMap::new();
    for record in records {
        let of = found.entry(record.partition).or_default();
        of.push(Consumed { offset: 0, ..record });
    }
    found
}

async fn topics(kafka: &Kafka) -> Result<(String, String)> {
    let (from, to) = (unique("copy-from"), unique("copy-to"));
    kafka.create_topic(&from, PARTITIONS).await?;
    kafka.create_topic(&to, PARTITIONS).await?;
    Ok((from, to))
}

fn number(value: &Value, name: &str) -> Result<i64> {
    value[name].as_i64().with_context(|| value.to_string())
}

#[tokio::test]
async fn records_are_copied_byte_for_byte() -> Result<()> {
    let kafka = need!(Kafka::shared().await);
    let (from, to) = topics(kafka).await?;
    kafka.produce(&from, (0..1_000).map(odd)).await?;
    let workspace = workspace(kafka)?;
    let copy = [
        "copy",
        "test",
        &from,
        "test",
        &to,
        "--exit",
        "--keep-partition",
        "--keep-timestamps",
    ];
    let done = workspace.json(&copy).await?;
    assert_eq!(
        (number(&done, "scanned")?, number(&done, "copied")?),
        (1_000, 1_000)
    );
    assert_eq!((number(&done, "failed")?, number(&done, "again")?), (0, 0));
    let (found, wanted) = (kafka.consume(&to).await?, kafka.consume(&from).await?);
    assert_eq!(wanted[0].headers.len(), 2);
    assert_eq!(by_partition(found), by_partition(wanted));
    Ok(())
}

#[tokio::test]
async fn a_filter_and_a_range_choose_what_is_copied() -> Result<()> {
    let kafka = need!(Kafka::shared().await);
    let (from, to) = topics(kafka).await?;
    let numbered = (0..600_i64).map(|n| (format!("k{n}"), format!("{{\"n\":{n}}}"), 1_700_000_000_000 + n));
    kafka.produce(&from, numbered).await?;
    let workspace = workspace(kafka)?;
    let copy = [
        "copy",
        "test",
        &from,
        "test",
        &to,
        "--exit",
        "--where",
        "value.n % 10 = 7",
    ];
    let done = workspace.json(&copy).await?;
    assert_eq!(
        (
            number(&done, "scanned")?,
            number(&done, "matched")?,
            number(&done, "copied")?
        ),
        (600, 60, 60)
    );
    let mut keys: Vec<Vec<u8>> = kafka
        .consume(&to)
        .await?
        .into_iter()
        .filter_map(|it| it.key)
        .collect();
    let mut wanted: Vec<Vec<u8>> = (0..600)
        .filter(|n| n % 10 == 7)
        .map(|n| format!("k{n}").into_bytes())
        .collect();
    keys.sort();
    wanted.sort();
    assert_eq!(keys, wanted);
    let last = [
        "copy",
        "test",
        &from,
        "test",
        &to,
        "--exit",
        "-o",
        "s@1700000000500",
        "--until",
        "1700000000600",
    ];
    let done = workspace.json(&last).await?;
    assert_eq!(number(&done, "copied")?, 100);
    Ok(())
}

#[tokio::test]
async fn what_would_harm_is_refused() -> Result<()> {
    let kafka = need!(Kafka::shared().await);
    let (from, to) = topics(kafka).await?;
    let narrow = unique("copy-narrow");
    kafka.create_topic(&narrow, 1).await?;
    kafka.produce(&from, (0..10).map(odd)).await?;
    let workspace = workspace(kafka)?;
    let check = async |args: &[&str], says: &str| -> Result<()> {
        let sentence = workspace.sentence(&[&["copy"], args].concat(), 1).await?;
        anyhow::ensure!(sentence.contains(says), "{says} is not in: {sentence}");
        Ok(())
    };
    check(&["test", &from, "protected", &to, "--exit"], "is read-only").await?;
    check(&["test", &from, "test", "--exit"], "are the same topic").await?;
    // By another name it is the same cluster all the same.
    check(&["protected", &from, "test", "--exit"], "are the same topic").await?;
    check(
        &["test", &from, "test", "--where", "value.n = 1"],
        "would read what it writes",
    )
    .await?;
    check(
        &["test", &from, "test", &narrow, "--exit", "--keep-partition"],
        "the target has fewer",
    )
    .await?;
    check(&["test", &from, "test", "copy-nowhere", "--exit"], "copy-nowhere").await?;
    assert!(kafka.consume(&to).await?.is_empty());
    assert_eq!(kafka.consume(&from).await?.len(), 10);
    Ok(())
}

#[tokio::test]
async fn an_interrupted_copy_goes_on_where_it_was() -> Result<()> {
    let kafka = need!(Kafka::shared().await);
    let (from, to) = topics(kafka).await?;
    kafka.produce(&from, (0..500).map(odd)).await?;
    let workspace = workspace(kafka)?;
    let copy = [
        "--json",
        "copy",
        "test",
        &from,
        "test",
        &to,
        "--keep-partition",
        "--keep-timestamps",
    ];
    // Live: it waits for more until it is stopped.
    let mut running = workspace.start(&copy)?;
    eventually("500 records to be copied", DEADLINE, || async {
        kafka.consume(&to).await.ok().filter(|found| found.len() == 500)
    })
    .await?;
    let stopped = running.interrupt(STOP_DEADLINE).await?;
    let outcome = stopped.clone().exits(3)?.json()?;
    assert_eq!(
        (number(&outcome, "copied")?, number(&outcome, "again")?),
        (500, 0)
    );
    assert!(stopped.stderr.contains("--resume"), "{}", stopped.stderr);

    // Killed without a word: the next one knows.
    let mut killed = workspace.start(&[&copy[..], &["--resume"]].concat())?;
    kafka.produce(&from, (500..800).map(odd)).await?;
    eventually("800 records to be copied", DEADLINE, || async {
        kafka.consume(&to).await.ok().filter(|found| found.len() == 800)
    })
    .await?;
    // What was copied is written down a moment after the broker has it.
    let asked = [&copy[1..], &["--exit"]].concat();
    let noted = eventually("how far it is to be written down", DEADLINE, || async {
        let said = workspace.sentence(&asked, 1).await.ok()?;
        said.contains("interrupted after 300 records").then_some(said)
    })
    .await?;
    assert!(noted.contains("--resume") && noted.contains("--anew"), "{noted}");
    killed.process().signal("KILL")?;
    killed.wait(STOP_DEADLINE).await?;
    kafka.produce(&from, (800..900).map(odd)).await?;
    let done = workspace.json(&[&asked[..], &["--resume"]].concat()).await?;
    assert_eq!((number(&done, "scanned")?, number(&done, "copied")?), (100, 100));
    assert_eq!(
        by_partition(kafka.consume(&to).await?),
        by_partition(kafka.consume(&from).await?)
    );
    // Whole now: nothing is left to go on with, and the same copy begins anew.
    let again = workspace.json(&asked).await?;
    assert_eq!(number(&again, "copied")?, 900);
    Ok(())
}
