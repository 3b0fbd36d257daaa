//! The contract on a folder, the formats, and what goes wrong with disks.

use std::{fs, path::Path, sync::Arc};

use arrow::{
    array::{ArrayRef, AsArray, Float64Array, Int64Array, StringArray, TimestampMillisecondArray},
    record_batch::RecordBatch,
};
use async_trait::async_trait;
use parquet::arrow::arrow_reader::ParquetRecordBatchReader;
use serde_json::{Map, Value, json};
use tailrace_model::{DestinationKind, Result};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::config::{self, Config};
use crate::destinations::{
    DeliveryBatch, Destination, FailureKind, SyncContext,
    contract::{self, Held, KEY, Setup, View},
    open,
};

fn map(value: Value) -> Map<String, Value> {
    value.as_object().expect("an object").clone()
}

fn folder(base: &Path, path: &str) -> Box<dyn Destination> {
    open(DestinationKind::File, &map(json!({ "path": path })), base).unwrap()
}

fn context(file: &str) -> SyncContext {
    SyncContext {
        sync: "vips".to_owned(),
        audience: "vips".to_owned(),
        key: KEY.to_owned(),
        options: map(json!({ "file": file })),
        run: Uuid::from_u128(1),
    }
}

fn batch(upserts: RecordBatch) -> DeliveryBatch {
    let removes = upserts.slice(0, 0);
    DeliveryBatch {
        upserts,
        removes,
        idempotency_key: "1-0".to_owned(),
    }
}

fn rows() -> RecordBatch {
    let columns: [(&str, ArrayRef); 4] = [
        (KEY, Arc::new(StringArray::from(vec!["b", "a", "c"]))),
        (
            "plan",
            Arc::new(StringArray::from(vec![
                Some("say \"hi\", all\nday"),
                Some(""),
                None,
            ])),
        ),
        (
            "value",
            Arc::new(Float64Array::from(vec![Some(1.5), None, Some(f64::INFINITY)])),
        ),
        (
            "seen",
            Arc::new(TimestampMillisecondArray::from(vec![
                Some(1_700_000_000_123),
                None,
                Some(-1),
            ])),
        ),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, array)| (name, array, true))).unwrap()
}

/// Reads a Parquet file of the contract.
struct Folder<'a>(&'a Path);

#[async_trait]
impl View for Folder<'_> {
    async fn held(&self) -> Result<Held> {
        let file = fs::File::open(self.0.join("out/deep/contract.parquet")).unwrap();
        let mut held = Held::new();
        for batch in ParquetRecordBatchReader::try_new(file, 1_024).unwrap() {
            let batch = batch.unwrap();
            let (keys, plans) = (
                batch.column(0).as_string::<i32>(),
                batch.column(1).as_string::<i32>(),
            );
            let rows = keys
                .iter()
                .zip(plans)
                .map(|(key, plan)| (key.unwrap().to_owned(), plan.map(str::to_owned)));
            held.extend(rows);
        }
        Ok(held)
    }
}

#[tokio::test]
async fn a_file_that_was_deleted_is_not_there() {
    let base = TempDir::new().unwrap();
    let files = folder(base.path(), "out");
    let sync = context("a/b.csv");
    assert!(!files.is_there(&sync).await.unwrap());
    files.deliver(&sync, &batch(rows())).await.unwrap();
    assert!(files.is_there(&sync).await.unwrap());
    assert!(!files.is_there(&context("c.csv")).await.unwrap());
    fs::remove_file(base.path().join("out/a/b.csv")).unwrap();
    assert!(!files.is_there(&sync).await.unwrap());
}

#[tokio::test]
async fn keeps_the_contract() {
    let base = TempDir::new().unwrap();
    fs::write(base.path().join("taken"), "a file where a folder is wanted").unwrap();
    let (destination, unreachable) = (folder(base.path(), "out"), folder(base.path(), "taken/out"));
    let setup = Setup {
        destination: destination.as_ref(),
        view: &Folder(base.path()),
        options: map(json!({ "file": "deep/contract.parquet" })),
        refused: None,
        unreachable: unreachable.as_ref(),
        unreachable_retry: false,
    };
    contract::check(&setup).await.unwrap();
    let left: Vec<_> = fs::read_dir(base.path().join("out/deep"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(left, ["contract.parquet"], "nothing unfinished is left behind");
}

#[tokio::test]
async fn formats_say_the_same() {
    let base = TempDir::new().unwrap();
    let destination = folder(base.path(), "out");
    let check = async |file: &str, expected: &str| {
        destination.deliver(&context(file), &batch(rows())).await.unwrap();
        assert_eq!(
            fs::read_to_string(base.path().join("out").join(file)).unwrap(),
            expected,
            "{file}"
        );
    };
    check(
        "vips.csv",
        "user_id,plan,value,seen\na,\"\",,\nb,\"say \"\"hi\"\", all\nday\",1.5,2023-11-14T22:13:20.123Z\n\
         c,,inf,1969-12-31T23:59:59.999Z\n",
    )
    .await;
    let objects = [
        r#"{"user_id":"a","plan":"","value":null,"seen":null}"#,
        r#"{"user_id":"b","plan":"say \"hi\", all\nday","value":1.5,"seen":"2023-11-14T22:13:20.123Z"}"#,
        r#"{"user_id":"c","plan":null,"value":null,"seen":"1969-12-31T23:59:59.999Z"}"#,
    ];
    check("vips.jsonl", &format!("{}\n", objects.join("\n"))).await;
    check("vips.JSON", &format!("[\n{}\n]\n", objects.join(",\n"))).await;
}

#[tokio::test]
async fn an_empty_audience_is_a_file_with_its_columns() {
    let base = TempDir::new().unwrap();
    let destination = folder(base.path(), "out");
    destination
        .deliver(&context("vips.csv"), &batch(rows().slice(0, 0)))
        .await
        .unwrap();
    assert_eq!(
        fs::read_to_string(base.path().join("out/vips.csv")).unwrap(),
        "user_id,plan,value,seen\n"
    );
    destination
        .deliver(&context("vips.json"), &batch(rows().slice(0, 0)))
        .await
        .unwrap();
    assert_eq!(
        fs::read_to_string(base.path().join("out/vips.json")).unwrap(),
        "[\n]\n"
    );
}

#[tokio::test]
async fn whole_numbers_sort_as_numbers() {
    let base = TempDir::new().unwrap();
    let keys: ArrayRef = Arc::new(Int64Array::from(vec![10, 9, 100]));
    let rows = RecordBatch::try_from_iter([(KEY, keys)]).unwrap();
    folder(base.path(), ".")
        .deliver(&context("n.csv"), &batch(rows))
        .await
        .unwrap();
    assert_eq!(
        fs::read_to_string(base.path().join("n.csv")).unwrap(),
        "user_id\n9\n10\n100\n"
    );
}

#[tokio::test]
async fn a_failed_write_leaves_the_old_file() {
    let base = TempDir::new().unwrap();
    let destination = folder(base.path(), "out");
    let stale = base
        .path()
        .join(format!("out/.vips.csv.{}.unfinished", "0".repeat(32)));
    let foreign = base.path().join("out/.vips.csv.mine.unfinished");
    fs::create_dir(base.path().join("out")).unwrap();
    fs::write(&stale, "of a run that was killed").unwrap();
    fs::write(&foreign, "somebody's").unwrap();
    destination
        .deliver(&context("vips.csv"), &batch(rows()))
        .await
        .unwrap();
    assert!(!stale.exists() && foreign.exists());

    fs::create_dir(base.path().join("out/dir.csv")).unwrap();
    let failure = destination
        .deliver(&context("dir.csv"), &batch(rows()))
        .await
        .unwrap_err();
    assert_eq!(failure.kind, FailureKind::Stop);
    assert!(
        failure.error.message.contains("dir.csv cannot be written"),
        "{}",
        failure.error.message
    );
    let unfinished = fs::read_dir(base.path().join("out"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name());
    let unfinished: Vec<_> = unfinished
        .filter(|name| name.to_string_lossy().contains("dir.csv."))
        .collect();
    assert!(unfinished.is_empty(), "{unfinished:?}");
}

#[tokio::test]
async fn a_check_makes_the_folder() {
    let base = TempDir::new().unwrap();
    let said = folder(base.path(), "a/b")
        .check(&CancellationToken::new())
        .await
        .unwrap();
    assert!(said.ends_with("a/b can be written to"), "{said}");
    assert_eq!(fs::read_dir(base.path().join("a/b")).unwrap().count(), 0);
}

#[test]
fn settings_survive_a_round_trip() {
    let config = Config { path: "out".into() };
    let written = map(serde_json::to_value(&config).unwrap());
    let keys: Vec<_> = written.keys().map(String::as_str).collect();
    let form: Vec<_> = config::SETTINGS.iter().map(|field| field.name).collect();
    assert_eq!(keys, form, "the form and the configuration have the same keys");
    assert_eq!(Config::read(&written).unwrap(), config);
}

#[test]
fn file_names_stay_in_their_folder() {
    let check = |options: Value, expected: &str| {
        let file = config::file("vips", &map(options.clone()));
        let said = file.map_or_else(|error| error.message, |(file, _)| file.display().to_string());
        assert_eq!(said, expected, "{options}");
    };
    check(json!({}), "vips.csv");
    check(json!({ "file": "a/b.PARQUET" }), "a/b.PARQUET");
    let leaves = "leaves the destination's folder: write a name, or a path below it";
    check(
        json!({ "file": "../x.csv" }),
        &format!("options.file \"../x.csv\" {leaves}"),
    );
    check(
        json!({ "file": "/x.csv" }),
        &format!("options.file \"/x.csv\" {leaves}"),
    );
    let ends = "has to end in .csv, .parquet, .json or .jsonl";
    check(
        json!({ "file": "x.xlsx" }),
        &format!("options.file \"x.xlsx\" {ends}"),
    );
    check(json!({ "file": "x" }), &format!("options.file \"x\" {ends}"));
    check(
        json!({ "name": "x" }),
        "options.name is not known: the keys are file",
    );
}

#[test]
fn one_file_is_one_place_however_it_is_written() {
    let base = Path::new("/w");
    let of = |folder_path: &str, file: &str| {
        let destination = folder(base, folder_path);
        let place = destination.place(&context(file)).unwrap();
        assert_eq!(
            crate::destinations::place(DestinationKind::File, &context(file)).unwrap(),
            place
        );
        format!("{}/{place}", destination.target())
    };
    let expected = "/w/exports/a/b.csv";
    for (folder_path, file) in [
        ("exports", "a/b.csv"),
        ("./exports/", "a//b.csv"),
        ("exports/a", "b.csv"),
        ("/w/exports", "a/./b.csv"),
    ] {
        assert_eq!(of(folder_path, file), expected, "{folder_path} and {file}");
    }
    assert_ne!(of("exports", "b.csv"), expected);
}
