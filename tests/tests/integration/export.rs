//! Exports: every matching record in each format, whole or not at all.

use std::fs::File;

use anyhow::{Context, Result};
use arrow::{
    array::{Array, AsArray, RecordBatch},
    ipc::reader::FileReader,
};
use integration::{
    kafka::{Kafka, Record},
    need, unique,
};
use serde_json::{Value, json};

use crate::workspace::Workspace;

/// More than a page, and more than one batch.
const RECORDS: i64 = 5_000;

#[tokio::test]
async fn every_format_holds_every_record() -> Result<()> {
    let kafka = need!(Kafka::shared().await);
    let topic = unique("export");
    kafka.create_topic(&topic, 2).await?;
    let record = |n: i64| {
        Record::new(format!("k{n}"), format!("{{\"n\":{n},\"text\":\"a,\\\"b\\\"\"}}"))
            .at(1_700_000_000_000 + n)
            .header("h", "1")
    };
    kafka.produce(&topic, (0..RECORDS).map(record)).await?;
    let workspace = Workspace::new()?;
    workspace.cluster(&kafka.bootstrap())?;
    for (ending, where_, wanted) in [
        ("jsonl", None, RECORDS),
        ("csv", None, RECORDS),
        ("parquet", None, RECORDS),
        ("arrow", Some("value.n % 5 = 0"), RECORDS / 5),
    ] {
        let path = workspace.path(&format!("out.{ending}"));
        let out = path.to_str().context("a path")?;
        let mut args = vec!["tail", "test", &topic, "-o", "beginning", "--exit", "--out", out];
        args.extend(where_.iter().flat_map(|filter| ["--where", filter]));
        let told = workspace.json(&args).await?;
        assert_eq!(
            (&told["rows"], &told["scanned"]),
            (&json!(wanted), &json!(RECORDS)),
            "{ending}"
        );
        assert_eq!(told["bytes"], json!(std::fs::metadata(&path)?.len()), "{ending}");
        let keys = match ending {
            "jsonl" => std::fs::read_to_string(&path)?
                .lines()
                .map(|line| {
                    let read: Value = serde_json::from_str(line)?;
                    anyhow::ensure!(read["headers"] == json!([{"name": "h", "value": "1"}]), "{line}");
                    anyhow::ensure!(read["value"]["text"] == "a,\"b\"", "{line}");
                    Ok(read["key"].as_str().unwrap_or_default().to_owned())
                })
                .collect::<Result<Vec<_>>>()?,
            "csv" => {
                let text = std::fs::read_to_string(&path)?;
                assert!(
                    text.starts_with("partition,offset,timestamp,key,value,headers\n"),
                    "{}",
                    &text[..80]
                );
                text.lines()
                    .skip(1)
                    .map(|line| line.split(',').nth(3).unwrap_or_default().to_owned())
                    .collect()
            }
            "parquet" => {
                let magic = std::fs::read(&path)?;
                assert!(magic.starts_with(b"PAR1") && magic.ends_with(b"PAR1"));
                continue;
            }
            _ => {
                let batches: Vec<RecordBatch> =
                    FileReader::try_new(File::open(&path)?, None)?.collect::<Result<_, _>>()?;
                let keys = batches.iter().flat_map(|batch| {
                    let keys = batch["key"].as_string::<i32>();
                    (0..keys.len())
                        .map(|row| keys.value(row).to_owned())
                        .collect::<Vec<_>>()
                });
                keys.collect()
            }
        };
        let mut keys: Vec<i64> = keys
            .iter()
            .filter_map(|key| key.strip_prefix('k')?.parse().ok())
            .collect();
        keys.sort_unstable();
        let step = RECORDS / wanted;
        assert_eq!(
            keys,
            (0..wanted).map(|n| n * step).collect::<Vec<_>>(),
            "{ending}"
        );
    }
    let left: Vec<_> = std::fs::read_dir(workspace.path(""))?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.contains("unfinished"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
    Ok(())
}
