//! Topics as tables, on Apache Kafka: what is read, what is passed over, and that nothing is lost by either.

mod parts;
mod predicate;
mod property;

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use integration::{
    eventually,
    kafka::{Kafka, Record},
    need, unique,
};
use serde_json::{Value, json};
use tailrace_app::{App, OpenOptions, commands};
use tailrace_model::api::{RowsRequest, SqlExportRequest, SqlRequest, SqlStatus, ViewRequest};
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(60);
const DAY_MS: i64 = 86_400_000;
const HOUR_MS: i64 = 3_600_000;
/// 2026-03-01T00:00:00Z.
const MARCH_MS: i64 = 1_772_323_200_000;
const PARTITIONS: i32 = 3;

/// A workspace with the cluster `test`, opened in this process.
pub struct Opened {
    pub app: App,
    folder: TempDir,
}

/// A query's end and its rows.
pub struct Answer {
    pub status: SqlStatus,
    pub rows: Vec<Vec<Option<String>>>,
}

impl Answer {
    fn scanned(&self) -> u64 {
        self.status.scan.as_ref().map_or(0, |scan| scan.records)
    }

    fn said(&self) -> String {
        self.status
            .scan
            .as_ref()
            .map_or_else(String::new, |scan| scan.said.join("; "))
    }

    fn one(&self) -> &str {
        self.rows[0][0].as_deref().unwrap_or("NULL")
    }
}

impl Opened {
    pub async fn new(kafka: &Kafka) -> Result<Self> {
        Self::with(kafka, "").await
    }

    /// With more in the cluster's file.
    async fn with(kafka: &Kafka, more: &str) -> Result<Self> {
        let folder = TempDir::with_prefix("tailrace-tables-")?;
        std::fs::create_dir_all(folder.path().join("clusters"))?;
        std::fs::write(folder.path().join("tailrace.toml"), "name = \"test\"\n")?;
        let cluster = format!(
            "kind = \"kafka\"\n\n[properties]\n\"bootstrap.servers\" = \"{}\"\n{more}",
            kafka.bootstrap()
        );
        std::fs::write(folder.path().join("clusters/test.toml"), cluster)?;
        let app = App::open(folder.path().to_owned(), OpenOptions::command()).await?;
        Ok(Self { app, folder })
    }

    pub async fn ask(&self, sql: &str) -> Result<Answer> {
        let view = commands::sql_start(&self.app, SqlRequest { sql: sql.to_owned() })
            .await
            .with_context(|| sql.to_owned())?
            .view;
        let status = eventually(sql, PATIENCE, || async {
            let status = commands::sql_status(&self.app, ViewRequest { view }).await.ok()?;
            (!status.running).then_some(status)
        })
        .await?;
        if let Some(error) = status.error {
            return Err(anyhow::Error::from(error).context(sql.to_owned()));
        }
        let mut rows = Vec::new();
        while (rows.len() as u64) < status.rows {
            let request = RowsRequest {
                view,
                offset: rows.len() as u64,
                limit: 1_000,
            };
            rows.extend(commands::sql_rows(&self.app, request).await?.rows);
        }
        commands::sql_close(&self.app, ViewRequest { view }).await?;
        Ok(Answer { status, rows })
    }
}

/// Orders over thirty days, one a minute in each partition, all with the same fields.
async fn month(kafka: &Kafka, settings: &[(&str, &str)]) -> Result<(String, usize)> {
    let topic = unique("tables.orders");
    kafka.create_topic_with(&topic, PARTITIONS, settings).await?;
    let steps = 30 * 24 * 6;
    let records = (0..steps).flat_map(|step| {
        (0..PARTITIONS).map(move |partition| {
            let total = (step * 7 + i64::from(partition)) % 500;
            let event = if step % 10 == 0 {
                "Order Completed"
            } else {
                "Product Viewed"
            };
            let value =
                json!({ "event": event, "total": total, "user": { "id": format!("u_{}", step % 50) } });
            Record::new(format!("k_{}", step % 50), value.to_string())
                .at(MARCH_MS + step * 600_000)
                .on_partition(partition)
                .header("trace", format!("t{step}"))
        })
    });
    let count = kafka.produce(&topic, records.collect::<Vec<_>>()).await?;
    Ok((topic, count))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_is_a_table_and_its_places_are_seeks() -> Result<()> {
    let kafka = need!(Kafka::shared().await);
    let (topic, count) = month(kafka, &[]).await?;
    let opened = Opened::new(kafka).await?;
    let table = format!("test.\"{topic}\"");

    let all = opened.ask(&format!("SELECT count(*) FROM {table}")).await?;
    assert_eq!(
        (all.one(), all.scanned()),
        (count.to_string().as_str(), count as u64)
    );

    let one = opened
        .ask(&format!(
            "SELECT _partition, _offset, _timestamp, _key, _headers['trace'], value.total, value.\"user\".id, value.event \
             FROM {table} WHERE _partition = 1 AND _offset = 7"
        ))
        .await?;
    let cells: Vec<&str> = one.rows[0]
        .iter()
        .map(|cell| cell.as_deref().unwrap_or("NULL"))
        .collect();
    assert_eq!(
        cells,
        [
            "1",
            "7",
            "2026-03-01T01:10:00.000Z",
            "k_7",
            "t7",
            "50",
            "u_7",
            "Product Viewed"
        ]
    );
    assert_eq!((one.rows.len(), one.scanned()), (1, 1));

    // Two places far apart are two seeks.
    let sql = format!("SELECT _offset FROM {table} WHERE _partition = 0 AND _offset IN (3, 4000)");
    let two = opened.ask(&sql).await?;
    assert_eq!((two.rows.len(), two.scanned()), (2, 2));

    // The last hour of the month: six steps in each partition.
    let from = "TIMESTAMP '2026-03-30T23:00:00Z'";
    let hour = opened
        .ask(&format!(
            "SELECT count(*) FROM {table} WHERE _timestamp >= {from}"
        ))
        .await?;
    assert_eq!((hour.one(), hour.scanned()), ("18", 18));

    let sql = format!("SELECT value.total FROM {table} WHERE value.total > 490 LIMIT 3");
    let few = opened.ask(&sql).await?;
    assert_eq!(few.rows.len(), 3);
    ensure!(
        few.scanned() < count as u64,
        "LIMIT did not stop the read: {}",
        few.said()
    );

    let sql = format!(
        "SELECT a.value.event, count(*) FROM {table} a JOIN {table} b ON a._offset = b._offset AND a._partition = b._partition \
         WHERE a._offset < 100 AND b._offset < 50 GROUP BY 1 ORDER BY 1"
    );
    let joined = opened.ask(&sql).await?;
    let text = |row: usize, column: usize| joined.rows[row][column].clone().unwrap_or_default();
    assert_eq!((text(0, 0), text(0, 1)), ("Order Completed".into(), "15".into()));
    assert_eq!((text(1, 0), text(1, 1)), ("Product Viewed".into(), "135".into()));
    // What is said of one side holds for the other, which it is joined with.
    assert_eq!(joined.scanned(), 3 * 100);
    opened.app.close().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn times_that_producers_set_lose_nothing_and_the_brokers_end_the_reading() -> Result<()> {
    let kafka = need!(Kafka::shared().await);
    let opened = Opened::new(kafka).await?;
    // The last record of each partition is as early as the first day.
    let (topic, count) = month(kafka, &[]).await?;
    let late = (0..PARTITIONS).map(|partition| {
        Record::new("late", r#"{"event":"Late","total":1}"#)
            .at(MARCH_MS + HOUR_MS)
            .on_partition(partition)
    });
    kafka.produce(&topic, late.collect::<Vec<_>>()).await?;
    let day = format!(
        "SELECT count(*) FROM test.\"{topic}\" WHERE _timestamp BETWEEN TIMESTAMP '2026-03-01T00:00:00Z' AND TIMESTAMP '2026-03-01T23:59:59Z'"
    );
    let found = opened.ask(&day).await?;
    assert_eq!(found.one(), (144 * PARTITIONS + PARTITIONS).to_string());
    assert_eq!(found.scanned(), count as u64 + PARTITIONS as u64);
    ensure!(
        found.said().contains("producers set the times"),
        "{}",
        found.said()
    );

    // How late they may be is said: an hour out of the month reads that hour and what may be late for it.
    let late = format!("[topics.\"{topic}\"]\nlateness = \"1 hour\"\n");
    let other = Opened::with(kafka, &late).await?;
    let hour = format!(
        "SELECT count(*) FROM test.\"{topic}\" WHERE _timestamp >= TIMESTAMP '2026-03-10T12:00:00Z' AND _timestamp < \
         TIMESTAMP '2026-03-10T13:00:00Z'"
    );
    let found = other.ask(&hour).await?;
    other.app.close().await;
    assert_eq!(found.one(), (6 * PARTITIONS).to_string());
    assert_eq!(found.scanned(), 12 * PARTITIONS as u64);
    ensure!(found.said().contains("more than 1 hour late"), "{}", found.said());

    // The broker's times never go back: the first record that is too late ends its partition.
    let topic = unique("tables.stamped");
    let stamped = [("message.timestamp.type", "LogAppendTime")];
    kafka.create_topic_with(&topic, 1, &stamped).await?;
    let numbered =
        |from: i64| (from..from + 500).map(|n| Record::new("k", format!("{{\"n\":{n}}}")).on_partition(0));
    kafka.produce(&topic, numbered(0).collect::<Vec<_>>()).await?;
    let newest = opened
        .ask(&format!("SELECT max(_timestamp) FROM test.\"{topic}\""))
        .await?;
    eventually("a later millisecond", PATIENCE, || async {
        let now = chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
        (now.as_str() > newest.one()).then_some(())
    })
    .await?;
    kafka.produce(&topic, numbered(500).collect::<Vec<_>>()).await?;
    let sql = format!(
        "SELECT count(*), max(value.n) FROM test.\"{topic}\" WHERE _timestamp <= TIMESTAMP '{}'",
        newest.one()
    );
    let first = opened.ask(&sql).await?;
    assert_eq!((first.one(), first.rows[0][1].as_deref()), ("500", Some("499")));
    assert_eq!(first.scanned(), 500);
    opened.app.close().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_is_stopped_keeps_what_it_has() -> Result<()> {
    let kafka = need!(Kafka::shared().await);
    let (topic, count) = month(kafka, &[]).await?;
    let opened = Opened::new(kafka).await?;
    let sql = format!("SELECT count(*), max(value.total) FROM test.\"{topic}\"");
    let view = commands::sql_start(&opened.app, SqlRequest { sql }).await?.view;
    let status = commands::sql_stop(&opened.app, ViewRequest { view }).await?;
    ensure!(!status.running && status.error.is_none(), "{status:?}");
    // An aggregate is over what was read by then, and says so if that is not all.
    let request = RowsRequest {
        view,
        offset: 0,
        limit: 1,
    };
    let rows = commands::sql_rows(&opened.app, request).await?.rows;
    let counted: u64 = rows[0][0].as_deref().unwrap_or_default().parse()?;
    let read = status.scan.context("a scan")?.records;
    assert_eq!(counted, read);
    ensure!(
        read == count as u64 || status.note.is_some_and(|note| note.contains("stopped")),
        "read {read} of {count} and did not say so"
    );
    opened.app.close().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_is_said() -> Result<()> {
    let kafka = need!(Kafka::shared().await);
    let opened = Opened::new(kafka).await?;
    let topic = unique("tables.odd");
    kafka.create_topic(&topic, 1).await?;
    // In the midst of it, where the sample does not look: a text for a number, no JSON, a field of its own.
    let value = |n: i64| match n {
        900 => r#"{"total":"many"}"#.to_owned(),
        901 => "not JSON".to_owned(),
        902 => r#"{"total":7,"rare":{"code":"x1"},"count":12.5}"#.to_owned(),
        n => format!("{{\"total\":{n},\"count\":1}}"),
    };
    let records = (0..1_800).map(|n| Record::new("k", value(n)).on_partition(0));
    kafka.produce(&topic, records.collect::<Vec<_>>()).await?;
    let table = format!("test.\"{topic}\"");

    let sum = opened
        .ask(&format!("SELECT count(value.total), count(*) FROM {table}"))
        .await?;
    assert_eq!((sum.one(), sum.rows[0][1].as_deref()), ("1798", Some("1800")));
    let scan = sum.status.scan.clone().context("a scan")?;
    assert_eq!((scan.mistyped, scan.undecoded, scan.records), (1, 1, 1_800));

    // A field that the sample lacks is read when it is named, whatever the query does with it.
    let rare = opened
        .ask(&format!(
            "SELECT _offset FROM {table} WHERE value.rare.code = 'x1'"
        ))
        .await?;
    assert_eq!(rare.one(), "902");
    ensure!(!rare.said().contains("no record"), "{}", rare.said());
    let unknown = opened
        .ask(&format!(
            "SELECT count(value.totl) FROM {table} WHERE value.totals > 5"
        ))
        .await?;
    assert_eq!(unknown.one(), "0");
    ensure!(
        unknown.said().contains("there is value.total"),
        "{}",
        unknown.said()
    );

    // Text is text.
    let texts = unique("tables.texts");
    kafka.create_topic(&texts, 1).await?;
    let lines = (0..10).map(|n| Record::new("k", format!("line {n}")).on_partition(0));
    kafka.produce(&texts, lines.collect::<Vec<_>>()).await?;
    let text = opened
        .ask(&format!(
            "SELECT _offset, value FROM test.\"{texts}\" WHERE value LIKE '%7'"
        ))
        .await?;
    assert_eq!(text.rows, [[Some("7".to_owned()), Some("line 7".to_owned())]]);
    let error = opened
        .ask("SELECT * FROM test.\"tables.none\"")
        .await
        .err()
        .context("no error")?;
    ensure!(format!("{error:#}").contains("tables.none"), "{error:#}");
    opened.app.close().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_is_exported_whole_in_every_format() -> Result<()> {
    let kafka = need!(Kafka::shared().await);
    let (topic, count) = month(kafka, &[]).await?;
    let opened = Opened::new(kafka).await?;
    let sql = format!("SELECT _partition, _offset, value.total FROM test.\"{topic}\"");
    for ending in ["csv", "jsonl", "json", "parquet", "arrow"] {
        let path = opened.folder.path().join(format!("out.{ending}"));
        let request = SqlExportRequest {
            sql: sql.clone(),
            path: path.display().to_string(),
            format: None,
        };
        let written = commands::sql_export(&opened.app, request).await?;
        assert_eq!(written.rows, count as u64, "{ending}");
        let bytes = std::fs::read(&path)?;
        assert_eq!(written.bytes, bytes.len() as u64, "{ending}");
        let rows = match ending {
            "csv" => bytes.iter().filter(|byte| **byte == b'\n').count() - 1,
            "jsonl" => bytes.iter().filter(|byte| **byte == b'\n').count(),
            "json" => serde_json::from_slice::<Vec<Value>>(&bytes)?.len(),
            "arrow" => arrow::ipc::reader::FileReader::try_new(std::io::Cursor::new(bytes), None)?
                .map(|batch| batch.map(|batch| batch.num_rows()))
                .sum::<std::result::Result<usize, _>>()?,
            _ => count,
        };
        assert_eq!(rows, count, "{ending}");
    }
    opened.app.close().await;
    Ok(())
}
