//! Records of several partitions come in the order of time, in every format and file, and columns can be selected of them.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use integration::{
    cli::Running,
    eventually,
    kafka::{Kafka, Record},
    need, unique,
};
use serde_json::{Value, json};

use crate::workspace::{DEADLINE, STOP_DEADLINE, Workspace};

const PARTITIONS: i32 = 4;
const RECORDS: i64 = 6_000;
const BASE_MS: i64 = 1_700_000_000_000;

/// Partition, offset and time of every record, in the order in which they are produced: a partition after the other, so
/// that they arrive in no order of time. The times of the last partition go back now and then.
fn places() -> Vec<(i32, i64, i64)> {
    let mut all = Vec::new();
    for partition in 0..PARTITIONS {
        // Some have few records, with long times between them.
        let step = i64::from(partition) + 1;
        for offset in 0..RECORDS / step {
            let mut at = offset * step * 3 + i64::from(partition);
            if partition == PARTITIONS - 1 && offset % 7 == 3 {
                at -= 50;
            }
            all.push((partition, offset, BASE_MS + at.max(0)));
        }
    }
    all
}

/// Always the earliest of the partitions' next records, from these offsets on.
fn merged(from: impl Fn(&[(i64, i64)]) -> usize) -> Vec<(i32, i64)> {
    let mut partitions: BTreeMap<i32, Vec<(i64, i64)>> = BTreeMap::new();
    for (partition, offset, at) in places() {
        partitions.entry(partition).or_default().push((offset, at));
    }
    let mut next: BTreeMap<i32, usize> = partitions
        .iter()
        .map(|(it, records)| (*it, from(records)))
        .collect();
    let mut all = Vec::new();
    loop {
        let heads = partitions.iter();
        let heads =
            heads.filter_map(|(partition, records)| Some((records.get(next[partition])?.1, *partition)));
        let Some((_, partition)) = heads.min() else {
            return all;
        };
        let at = next.entry(partition).or_default();
        all.push((partition, partitions[&partition][*at].0));
        *at += 1;
    }
}

async fn stage(kafka: &Kafka, topic: &str) -> Result<Workspace> {
    kafka.create_topic(topic, PARTITIONS).await?;
    let record = |(partition, offset, at): (i32, i64, i64)| {
        let value = format!("{{\"n\":{offset},\"p\":{partition},\"text\":\"a,b\"}}");
        Record::new(format!("k{offset}"), value)
            .at(at)
            .on_partition(partition)
    };
    kafka.produce(topic, places().into_iter().map(record)).await?;
    let workspace = Workspace::new()?;
    workspace.cluster(&kafka.bootstrap())?;
    Ok(workspace)
}

fn which(record: &Value) -> Option<(i32, i64)> {
    Some((
        i32::try_from(record["partition"].as_i64()?).ok()?,
        record["offset"].as_i64()?,
    ))
}

/// What differs first, not all of it.
fn same(found: &[(i32, i64)], wanted: &[(i32, i64)], what: &str) -> Result<()> {
    let at = std::iter::zip(found, wanted).position(|(one, other)| one != other);
    anyhow::ensure!(
        at.is_none() && found.len() == wanted.len(),
        "{what}: {} records instead of {}, and from {at:?} on: {:?} instead of {:?}",
        found.len(),
        wanted.len(),
        at.and_then(|at| found.get(at..(at + 5).min(found.len()))),
        at.and_then(|at| wanted.get(at..(at + 5).min(wanted.len()))),
    );
    Ok(())
}

#[tokio::test]
async fn a_search_is_merged_by_time_in_every_form() -> Result<()> {
    let kafka = need!(Kafka::shared().await);
    let topic = unique("order");
    let workspace = stage(kafka, &topic).await?;
    let tail = ["tail", "test", &topic, "--exit"];
    let whole = [&tail[..], &["-o", "beginning"]].concat();
    let all = merged(|_| 0);
    let run = async |args: &[&str], more: &[&str]| workspace.run(&[args, more].concat()).await?.exits(0);
    let read = async |args: &[&str], more: &[&str]| -> Result<Vec<(i32, i64)>> {
        let output = run(args, more).await?;
        anyhow::ensure!(!output.stderr.contains("order of time"), "{}", output.stderr);
        Ok(output.json_lines()?.iter().filter_map(which).collect())
    };
    same(&read(&whole, &["--json"]).await?, &all, "json")?;
    same(&read(&whole, &["--format", "kcat"]).await?, &all, "kcat")?;
    same(
        &read(&whole, &["--json", "-c", "700"]).await?,
        &all[..700],
        "the first 700",
    )?;
    let fifth: Vec<(i32, i64)> = all.iter().copied().filter(|it| it.1 % 5 == 0).collect();
    same(
        &read(&whole, &["--json", "--where", "value.n % 5 = 0"]).await?,
        &fifth,
        "a filter",
    )?;
    let some = ["--json", "--where", "value.n % 5 = 0", "-c", "33"];
    same(
        &read(&whole, &some).await?,
        &fifth[..33],
        "the first 33 of a filter",
    )?;
    let last = merged(|records| records.len() - 100);
    same(
        &read(&tail, &["-o", "-100", "--json"]).await?,
        &last,
        "the last 100",
    )?;
    let at = BASE_MS + 5_000;
    let since = merged(|records| records.iter().position(|it| it.1 >= at).unwrap_or(records.len()));
    same(
        &read(&tail, &["-o", &format!("s@{at}"), "--json"]).await?,
        &since,
        "from a time on",
    )?;
    let table = run(&whole, &["--format", "csv"]).await?;
    let lines = |text: &str| -> Vec<(i32, i64)> {
        let row = |line: &str| {
            let mut cells = line.split(',');
            Some((cells.next()?.parse().ok()?, cells.next()?.parse().ok()?))
        };
        text.lines().skip(1).filter_map(row).collect()
    };
    same(&lines(&table.stdout), &all, "csv")?;
    let out = workspace.path("all.csv");
    run(&whole, &["--out", out.to_str().context("a path")?]).await?;
    same(&lines(&std::fs::read_to_string(&out)?), &all, "an export")?;
    Ok(())
}

/// More than a hundred megabytes of one partition are later than all of the other: it is held, and nothing is out of order.
#[tokio::test]
async fn a_partition_that_is_ahead_is_held() -> Result<()> {
    let kafka = need!(Kafka::shared().await);
    let topic = unique("order-held");
    kafka.create_topic(&topic, 2).await?;
    // So much more than may wait that it would come early.
    let count = 4_500;
    let text = "x".repeat(25_000);
    for partition in 0..2 {
        let record = |offset: i64| {
            let at = BASE_MS + i64::from(1 - partition) * count + offset;
            Record::new("k", format!("{{\"n\":{offset},\"text\":\"{text}\"}}"))
                .at(at)
                .on_partition(partition)
        };
        for chunk in 0..6 {
            let chunk = chunk * count / 6..(chunk + 1) * count / 6;
            kafka.produce(&topic, chunk.map(record)).await?;
        }
    }
    let workspace = Workspace::new()?;
    workspace.cluster(&kafka.bootstrap())?;
    let output = workspace
        .run(&[
            "tail",
            "test",
            &topic,
            "-o",
            "beginning",
            "--exit",
            "--select",
            "_partition AS partition, _offset AS offset",
            "--json",
        ])
        .await?
        .exits(0)?;
    let found: Vec<(i32, i64)> = output.json_lines()?.iter().filter_map(which).collect();
    let wanted: Vec<(i32, i64)> = [1, 0]
        .iter()
        .flat_map(|partition| (0..count).map(|offset| (*partition, offset)))
        .collect();
    same(&found, &wanted, "a partition ahead")?;
    anyhow::ensure!(!output.stderr.contains("order of time"), "{}", output.stderr);
    Ok(())
}

fn printed(tail: &Running) -> Vec<(i32, i64)> {
    let stdout = tail.stdout();
    // The last line may not be whole yet.
    let whole = stdout.rfind('\n').map_or("", |end| &stdout[..end]);
    let lines = whole.lines().filter_map(|line| serde_json::from_str(line).ok());
    lines.filter_map(|record: Value| which(&record)).collect()
}

async fn until_printed(tail: &Running, count: usize) -> Result<Vec<(i32, i64)>> {
    eventually(&format!("{count} records"), DEADLINE, || async {
        Some(printed(tail)).filter(|all| all.len() >= count)
    })
    .await
    .with_context(|| format!("{} were there; {}", printed(tail).len(), tail.stderr()))
}

#[tokio::test]
async fn a_live_tail_merges_what_was_there_and_goes_on() -> Result<()> {
    let kafka = need!(Kafka::shared().await);
    let topic = unique("order-live");
    let workspace = stage(kafka, &topic).await?;
    let mut tail = workspace.start(&["tail", "test", &topic, "-o", "beginning", "--json"])?;
    let mut wanted = merged(|_| 0);
    let found = until_printed(&tail, wanted.len()).await?;
    same(&found, &wanted, "what was there")?;
    // The others bring nothing: they are not waited for.
    let end = |partition: i32| places().iter().filter(|it| it.0 == partition).count() as i64;
    for (round, partition) in [(0, 2), (1, 2), (2, 0)] {
        let record = Record::new("k", "{}")
            .at(BASE_MS + 1_000_000 + round)
            .on_partition(partition);
        kafka.produce(&topic, [record]).await?;
        wanted.push((partition, end(partition) + i64::from(round == 1)));
        let found = until_printed(&tail, wanted.len()).await?;
        same(&found, &wanted, "what came since")?;
    }
    // Older than all of them, and live: it comes, whatever its time is.
    kafka
        .produce(&topic, [Record::new("k", "{}").at(BASE_MS).on_partition(1)])
        .await?;
    wanted.push((1, end(1)));
    let found = until_printed(&tail, wanted.len()).await?;
    same(&found, &wanted, "what came late")?;
    let output = tail.interrupt(STOP_DEADLINE).await?.exits(0)?;
    assert_eq!(output.stdout.lines().count(), wanted.len());
    Ok(())
}

/// Orders over three partitions, a millisecond apart.
async fn stage_orders(kafka: &Kafka, topic: &str) -> Result<Workspace> {
    kafka.create_topic(topic, 3).await?;
    let record = |n: i64| {
        let revenue = if n % 2 == 0 {
            format!("{n}")
        } else {
            format!("{n}.5")
        };
        let value = format!("{{\"order_id\":\"o{n}\",\"revenue\":{revenue},\"tags\":[\"a\"]}}");
        Record::new(format!("k{n}"), value)
            .at(BASE_MS + n)
            .on_partition((n % 3) as i32)
    };
    kafka.produce(topic, (0..1_500).map(record)).await?;
    let workspace = Workspace::new()?;
    workspace.cluster(&kafka.bootstrap())?;
    Ok(workspace)
}

/// Columns of the orders worth 2 and more; what is selected comes next.
fn tail_of_orders(topic: &str) -> [&str; 9] {
    let orders = "value.revenue >= 2";
    [
        "tail",
        "test",
        topic,
        "-o",
        "beginning",
        "--exit",
        "--where",
        orders,
        "--select",
    ]
}

#[tokio::test]
async fn columns_are_selected_in_every_form() -> Result<()> {
    let kafka = need!(Kafka::shared().await);
    let topic = unique("select");
    let workspace = stage_orders(kafka, &topic).await?;
    let columns = "value.order_id, value.revenue * 100 as cents, _key";
    let tail = tail_of_orders(&topic);
    let args = |select, more: &[&'static str]| [&tail[..], &[select], more].concat();
    let lines = workspace.lines(&args(columns, &["--format", "json"])).await?;
    assert_eq!(lines.len(), 1_498);
    assert_eq!(lines[0], json!({"order_id": "o2", "cents": 200, "_key": "k2"}));
    assert_eq!(lines[1], json!({"order_id": "o3", "cents": 350, "_key": "k3"}));
    let csv = workspace
        .run(&args(columns, &["--format", "csv"]))
        .await?
        .exits(0)?
        .stdout;
    assert!(
        csv.starts_with("order_id,cents,_key\no2,200,k2\no3,350,k3\n"),
        "{}",
        &csv[..80]
    );
    let table = workspace.run(&args(columns, &["-c", "2"])).await?.exits(0)?;
    let rows: Vec<Vec<&str>> = table
        .stdout
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(
        rows,
        [
            ["order_id", "cents", "_key"],
            ["o2", "200", "k2"],
            ["o3", "350", "k3"]
        ]
    );
    for ending in ["parquet", "arrow", "jsonl", "csv"] {
        let path = workspace.path(&format!("columns.{ending}"));
        let out = path.to_str().context("a path")?;
        let told = workspace
            .json(&[&args(columns, &["--out"])[..], &[out]].concat())
            .await?;
        assert_eq!(told["rows"], json!(1_498), "{ending}");
        let bytes = std::fs::read(&path)?;
        match ending {
            "parquet" => assert!(bytes.starts_with(b"PAR1") && bytes.ends_with(b"PAR1")),
            "arrow" => {
                let file = arrow::ipc::reader::FileReader::try_new(std::fs::File::open(&path)?, None)?;
                let names: Vec<String> = file
                    .schema()
                    .fields()
                    .iter()
                    .map(|field| field.name().clone())
                    .collect();
                assert_eq!(names, ["order_id", "cents", "_key"]);
                assert_eq!(
                    file.map(|batch| batch.map_or(0, |batch| batch.num_rows()))
                        .sum::<usize>(),
                    1_498
                );
            }
            "csv" => assert_eq!(String::from_utf8(bytes)?, csv),
            _ => {
                let first: Value =
                    serde_json::from_str(String::from_utf8(bytes)?.lines().next().context("a line")?)?;
                assert_eq!(first, lines[0]);
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn columns_that_cannot_be_selected_are_explained() -> Result<()> {
    let kafka = need!(Kafka::shared().await);
    let topic = unique("select-wrong");
    let workspace = stage_orders(kafka, &topic).await?;
    let columns = "value.order_id, _key";
    let tail = tail_of_orders(&topic);
    let args = |select, more: &[&'static str]| [&tail[..], &[select], more].concat();
    let kcat = workspace
        .sentence(&args(columns, &["--format", "kcat"]), 2)
        .await?;
    assert!(kcat.contains("kcat's lines are of whole records"), "{kcat}");
    let bare = workspace.sentence(&args("_key, order_ids", &[]), 1).await?;
    assert!(
        bare.contains("there is no column \"order_ids\"") && bare.contains("Did you mean value.order_id?"),
        "{bare}"
    );
    let all = workspace.sentence(&args("*", &[]), 1).await?;
    assert!(all.contains("* can't be selected"), "{all}");
    // A field that may still come is null, and what may be meant is said.
    let unseen = workspace
        .run(&args("value.Revenue_, _key", &["--json", "-c", "1"]))
        .await?
        .exits(0)?;
    assert_eq!(unseen.json_lines()?, [json!({"Revenue_": null, "_key": "k2"})]);
    assert!(
        unseen
            .stderr
            .contains("has value.Revenue_; there is value.revenue"),
        "{}",
        unseen.stderr
    );
    Ok(())
}
