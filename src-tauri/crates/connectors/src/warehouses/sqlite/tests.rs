//! Reading real SQLite files, sound and unsound.

use std::{fs, path::Path};

use arrow::{
    array::Array,
    datatypes::DataType,
    util::display::{ArrayFormatter, FormatOptions},
};
use sqlx::{ConnectOptions, Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use tailrace_model::{Error, WarehouseDefinition};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::open;
use crate::warehouses::{ReadLimits, Warehouse};

/// A file `w.db` made by a script, and the connection that made it.
async fn database(folder: &TempDir, script: &'static str) -> SqliteConnection {
    let options = SqliteConnectOptions::new()
        .filename(folder.path().join("w.db"))
        .create_if_missing(true);
    let mut connection = options.connect().await.unwrap();
    sqlx::raw_sql(script).execute(&mut connection).await.unwrap();
    connection
}

fn definition(path: &str) -> WarehouseDefinition {
    serde_json::from_value(serde_json::json!({ "kind": "sqlite", "path": path, "tables": {} })).unwrap()
}

fn warehouse(base: &Path, path: &str) -> super::table::Sqlite {
    open(&definition(path), base, ReadLimits::default()).unwrap()
}

async fn read_error(warehouse: &impl Warehouse, table: &str) -> Error {
    warehouse
        .read(table, &CancellationToken::new())
        .await
        .unwrap_err()
}

/// The columns' types, and the rows as text.
async fn read(warehouse: &impl Warehouse, table: &str) -> (Vec<DataType>, Vec<String>) {
    let batches = warehouse.read(table, &CancellationToken::new()).await.unwrap();
    let types = batches[0]
        .schema()
        .fields()
        .iter()
        .map(|field| field.data_type().clone())
        .collect();
    let options = FormatOptions::new().with_null("-");
    let mut rows = Vec::new();
    for batch in &batches {
        let columns: Vec<_> = batch
            .columns()
            .iter()
            .map(|array| ArrayFormatter::try_new(array, &options).unwrap())
            .collect();
        rows.extend((0..batch.num_rows()).map(|row| {
            columns
                .iter()
                .map(|column| column.value(row).to_string())
                .collect::<Vec<_>>()
                .join("|")
        }));
    }
    (types, rows)
}

#[tokio::test]
async fn columns_are_typed_by_declaration_and_values() {
    let folder = TempDir::new().unwrap();
    database(
        &folder,
        "CREATE TABLE accounts (id INTEGER PRIMARY KEY, plan TEXT, mrr REAL, active BOOLEAN, since DATETIME,
             seats INTEGER, odd INTEGER, raw BLOB, \"a \"\"b\"\"\" NUMERIC);
         INSERT INTO accounts VALUES
             (1, 'pro', 20, 1, '2026-01-02 03:04:05', 5, 7, x'00ff', 1),
             (2, 'free', 0.5, 0, NULL, 2.5, 'seven', NULL, NULL),
             (3, NULL, NULL, NULL, '2026-01-03', NULL, x'07', x'01', 9007199254740993);
         CREATE VIEW pros AS SELECT id, plan || '!' AS said, count(*) OVER () AS n FROM accounts WHERE plan = 'pro';
         CREATE TABLE blank (id INTEGER, name TEXT, flag BOOL, anything);",
    )
    .await;
    let warehouse = warehouse(folder.path(), "w.db");
    let cancel = CancellationToken::new();
    assert_eq!(
        warehouse.tables(&cancel).await.unwrap(),
        ["accounts", "blank", "pros"]
    );
    let said = warehouse.check(&cancel).await.unwrap();
    assert!(said.ends_with("w.db with 3 tables"), "{said}");

    use DataType::*;
    let (types, rows) = read(&warehouse, "accounts").await;
    assert_eq!(
        types,
        [Int64, Utf8, Float64, Boolean, Utf8, Float64, Utf8, Binary, Int64]
    );
    assert_eq!(
        rows,
        [
            "1|pro|20.0|true|2026-01-02 03:04:05|5.0|7|00ff|1",
            "2|free|0.5|false|-|2.5|seven|-|-",
            "3|-|-|-|2026-01-03|-|07|01|9007199254740993",
        ]
    );
    assert_eq!(
        read(&warehouse, "pros").await,
        (vec![Int64, Utf8, Int64], vec!["1|pro!|1".to_owned()])
    );
    assert_eq!(
        read(&warehouse, "blank").await,
        (vec![Int64, Utf8, Boolean, Utf8], vec![])
    );
}

#[tokio::test]
async fn many_rows_come_in_batches() {
    let folder = TempDir::new().unwrap();
    database(
        &folder,
        "CREATE TABLE n (i INTEGER, t TEXT);
         WITH RECURSIVE c(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM c WHERE i < 19999)
         INSERT INTO n SELECT i, 'row ' || i FROM c;",
    )
    .await;
    let warehouse = warehouse(folder.path(), "w.db");
    let batches = warehouse.read("n", &CancellationToken::new()).await.unwrap();
    let sizes: Vec<_> = batches.iter().map(|batch| batch.num_rows()).collect();
    assert_eq!(sizes, [8_192, 8_192, 3_616]);
    assert!(batches.iter().all(|batch| batch.column(0).null_count() == 0));

    let read_with = async |rows_max: u64, bytes_max: u64| {
        let limited = open(
            &definition("w.db"),
            folder.path(),
            ReadLimits { rows_max, bytes_max },
        )
        .unwrap();
        read_error(&limited, "n").await.message
    };
    let message = read_with(19_999, u64::MAX).await;
    assert!(
        message.contains("the table \"n\"") && message.contains("20000 rows, and at most 19999"),
        "{message}"
    );
    let message = read_with(20_000, 100_000).await;
    assert!(
        message.contains("the table \"n\"") && message.contains("more than the 100000 bytes"),
        "{message}"
    );
}

#[tokio::test]
async fn what_is_wrong_is_said_in_a_sentence() {
    let folder = TempDir::new().unwrap();
    let mut writer = database(&folder, "CREATE TABLE t (i INTEGER); INSERT INTO t VALUES (1);").await;
    fs::write(
        folder.path().join("notes.txt"),
        "this is no database, however long it may go on. ".repeat(50),
    )
    .unwrap();
    let check = |error: Error, code: &str, part: &str| {
        assert_eq!(
            (error.code.as_str(), error.message.contains(part)),
            (code, true),
            "{}",
            error.message
        );
    };
    let sound = warehouse(folder.path(), "w.db");
    check(
        read_error(&sound, "tt").await,
        "unknown_table",
        "there is no table \"tt\" in ",
    );
    check(
        read_error(&sound, "t\"; DROP TABLE t; --").await,
        "unknown_table",
        "there is no table",
    );
    check(
        read_error(&warehouse(folder.path(), "v.db"), "t").await,
        "warehouse_path",
        "there is no file ",
    );
    assert!(!folder.path().join("v.db").exists(), "reading makes no file");
    check(
        read_error(&warehouse(folder.path(), "."), "t").await,
        "warehouse_path",
        "is a folder",
    );
    let text = warehouse(folder.path(), "notes.txt");
    check(
        read_error(&text, "t").await,
        "warehouse_format",
        "is not a SQLite database",
    );
    check(
        text.check(&CancellationToken::new()).await.unwrap_err(),
        "warehouse_format",
        "notes.txt",
    );

    sqlx::raw_sql("BEGIN EXCLUSIVE")
        .execute(&mut writer)
        .await
        .unwrap();
    let error = read_error(&sound, "t").await;
    assert!(error.retry, "a lock passes");
    check(error, "warehouse_locked", "is locked by another program");
    sqlx::raw_sql("ROLLBACK").execute(&mut writer).await.unwrap();
    assert_eq!(read(&sound, "t").await.1, ["1"]);

    sqlx::raw_sql("CREATE TABLE bad (t TEXT); INSERT INTO bad VALUES (CAST(x'ff' AS TEXT))")
        .execute(&mut writer)
        .await
        .unwrap();
    check(
        read_error(&sound, "bad").await,
        "warehouse_value",
        "the column \"t\" of the table \"bad\"",
    );
    writer.close().await.unwrap();
}

#[tokio::test]
async fn a_cancelled_read_stops() {
    let folder = TempDir::new().unwrap();
    database(&folder, "CREATE TABLE t (i INTEGER);").await;
    let cancel = CancellationToken::new();
    cancel.cancel();
    let error = warehouse(folder.path(), "w.db")
        .read("t", &cancel)
        .await
        .unwrap_err();
    assert_eq!(error.code, "cancelled");
}

#[test]
fn a_path_is_needed() {
    let check = |path: &str, expected: Option<&str>| {
        let opened = super::config::path(&definition(path), Path::new("/base"));
        let shown = opened
            .map_err(|error| error.code)
            .map(|path| path.display().to_string());
        assert_eq!(shown.as_deref().ok(), expected, "{path}");
    };
    check("w.db", Some("/base/w.db"));
    check("/elsewhere/w.db", Some("/elsewhere/w.db"));
    check(" ", None);
}
