use std::sync::Arc;

use arrow::{
    array::{ArrayRef, Int64Array, RecordBatch},
    datatypes::{DataType, Field, Schema},
};
use tailrace_model::Error;

use super::{
    testing::{DAY_MS, T, of_sql, sample},
    *,
};

async fn run(session: &Session, sql: &str) -> Result<Vec<Vec<Option<String>>>, Error> {
    let mut query = session.query(sql, T).await?;
    let mut result = ResultSet::new(Arc::clone(query.schema()));
    assert!(!query.collect_into(&mut result).await?, "the result was full");
    Ok(result.page(0, 1000).rows)
}

async fn one(session: &Session, sql: &str) -> String {
    match run(session, sql).await.unwrap().as_slice() {
        [row] => row
            .iter()
            .map(|cell| cell.clone().unwrap_or_else(|| "NULL".to_owned()))
            .collect::<Vec<_>>()
            .join("|"),
        rows => panic!("{} rows", rows.len()),
    }
}

#[tokio::test]
async fn everything_is_a_table() {
    let session = sample().session();
    assert_eq!(one(&session, "SELECT count(*) FROM events").await, "9");
    assert_eq!(
        one(&session, "SELECT count(*), count(user_id) FROM profiles").await,
        "5|3"
    );
    assert_eq!(one(&session, "SELECT sum(seats) FROM crm.accounts").await, "8");
    assert_eq!(
        one(
            &session,
            "SELECT orders_14_days FROM traits.orders_14_days WHERE profile_id = 5"
        )
        .await,
        "0"
    );
    assert_eq!(one(&session, "SELECT count(*) FROM audiences.rich").await, "2");
    assert_eq!(one(&session, "SELECT count(*) FROM audiences.buyers").await, "3");
    let names: Vec<String> = session
        .catalog()
        .await
        .tables
        .into_iter()
        .map(|table| table.name)
        .collect();
    assert_eq!(
        names,
        [
            "events",
            "profiles",
            "traits.best_order",
            "traits.lifetime_value",
            "traits.orders_14_days",
            "audiences.buyers",
            "audiences.rich",
            "crm.accounts"
        ]
    );
}

#[tokio::test]
async fn now_is_the_time_of_evaluation() {
    let session = sample().session();
    assert_eq!(
        one(&session, "SELECT now(), CURRENT_TIMESTAMP").await,
        "2025-03-31T10:00:00.000Z|2025-03-31T10:00:00.000Z"
    );
    let mut later = session
        .query(
            "SELECT count(*) FROM events WHERE timestamp <= now()",
            T + 2 * DAY_MS,
        )
        .await
        .unwrap();
    let batch = later.next().await.unwrap().unwrap();
    assert_eq!(
        cell(batch.column(0), 0).as_deref(),
        Some("9"),
        "the event of tomorrow is in"
    );
    let berlin = testing::Shop {
        time_zone: Some("Europe/Berlin".to_owned()),
        ..sample()
    }
    .session();
    // A day back over the change of the clocks is 23 hours.
    assert_eq!(
        one(
            &berlin,
            "SELECT now() - INTERVAL '1 day', now() - INTERVAL '24 hours'"
        )
        .await,
        "2025-03-30T10:00:00.000Z|2025-03-30T10:00:00.000Z"
    );
    assert_eq!(
        one(&berlin, "SELECT now() - INTERVAL '2 days'").await,
        "2025-03-29T11:00:00.000Z"
    );
    assert_eq!(
        one(&berlin, "SELECT now() - INTERVAL '1 month'").await,
        "2025-02-28T11:00:00.000Z"
    );
    let wrong = SessionInputs {
        time_zone: "Mars/Olympus".to_owned(),
        ..inputs()
    };
    assert_eq!(
        Session::new(wrong).err().map(|error| error.code).as_deref(),
        Some("time_zone")
    );
}

fn inputs() -> SessionInputs {
    let schema = Arc::new(Schema::new(vec![Field::new(
        "profile_id",
        DataType::Int64,
        false,
    )]));
    SessionInputs {
        events: Arc::new(MemTable::try_new(testing::events_schema(), vec![vec![]]).unwrap()),
        profiles: Profiles {
            schema,
            batches: Vec::new(),
        },
        tables: Vec::new(),
        traits: BTreeMap::new(),
        audiences: BTreeMap::new(),
        time_zone: "UTC".to_owned(),
    }
}

#[tokio::test]
async fn an_empty_workspace_answers() {
    let session = Session::new(inputs()).unwrap();
    assert_eq!(one(&session, "SELECT count(*) FROM events").await, "0");
    assert_eq!((session.universe(), session.has_profile(1)), (0, false));
    let reserved = SessionInputs {
        tables: vec![WarehouseSnapshot {
            warehouse: "traits".to_owned(),
            table: "x".to_owned(),
            schema: Arc::new(Schema::empty()),
            batches: Vec::new(),
            key: "a".to_owned(),
            identifier: "user_id".to_owned(),
        }],
        ..inputs()
    };
    assert_eq!(
        Session::new(reserved).err().map(|error| error.code).as_deref(),
        Some("warehouse_name")
    );
}

#[tokio::test]
async fn errors_are_sentences_with_a_place() {
    let session = sample()
        .with_trait("broken", r#"{"sql": "SELECT profile_id, revenu FROM events"}"#)
        .with_audience("a", of_sql("SELECT profile_id FROM audiences.b"))
        .with_audience("b", of_sql("SELECT profile_id FROM audiences.a"))
        .session();
    let check = async |sql: &str, code: &str, message: &str| {
        let error = run(&session, sql).await.err();
        let found = error
            .as_ref()
            .map(|error| (error.code.as_str(), error.message.as_str()));
        assert_eq!(found, Some((code, message)), "{sql}");
    };
    check(
        "SELECT revenu FROM events",
        "unknown_column",
        "line 1, column 8: there is no column \"revenu\". Did you mean \"revenue\"?",
    )
    .await;
    check(
        "SELECT e.revenu\nFROM events e WHERE e.evnt = 'x'",
        "unknown_column",
        "line 2, column 21: there is no column \"evnt\" in \"e\". Did you mean \"event\"?",
    )
    .await;
    check(
        "SELECT *\n  FROM evnts",
        "unknown_table",
        "line 2, column 8: there is no table \"evnts\". Did you mean \"events\"?",
    )
    .await;
    check(
        "SELECT * FROM accounts",
        "unknown_table",
        "line 1, column 15: there is no table \"accounts\". Did you mean \"crm.accounts\"?",
    )
    .await;
    check(
        "SELECT * FROM traits.lifetime",
        "unknown_table",
        "line 1, column 15: there is no table \"traits.lifetime\". Did you mean \"traits.lifetime_value\"?",
    )
    .await;
    check(
        "SELECT lenght(event) FROM events",
        "unknown_function",
        "line 1, column 8: there is no function \"lenght\". Did you mean \"length\"?",
    )
    .await;
    check(
        "SELECT FROM events WHERE",
        "sql_syntax",
        "line 1, column 25: the SQL ends where an expression was expected",
    )
    .await;
    check(
        "SELECT count(* FROM events",
        "sql_syntax",
        "line 1, column 16: expected ) but found FROM",
    )
    .await;
    check(
        "SELECT 'abc",
        "sql_syntax",
        "line 1, column 8: unterminated string literal",
    )
    .await;
    check("", "sql_empty", "there is no SQL: write a SELECT").await;
    check(
        "SELECT 1; SELECT 2",
        "sql_refused",
        "there are 2 statements: write one, without a \";\" between",
    )
    .await;
    check(
        "SELECT * FROM traits.broken",
        "unknown_column",
        "trait \"broken\": line 1, column 20: there is no column \"revenu\". Did you mean \"revenue\"?",
    )
    .await;
    check("SELECT * FROM audiences.a", "definition_cycle", "a definition can't depend on itself: audience \"a\" reads audience \"b\" reads audience \"a\"; remove one of these").await;
    check(
        "SELECT 1 / 0 FROM events",
        "sql_value",
        "a value was divided by zero: guard the divisor with NULLIF(divisor, 0)",
    )
    .await;
    check(
        "SELECT CAST(category AS BIGINT) FROM events WHERE category = 'bags'",
        "sql_value",
        "cannot cast string 'bags' to value of BIGINT type",
    )
    .await;
    check(
        "SELECT profile_id FROM events e, profiles p",
        "ambiguous_column",
        "line 1, column 8: more than one table has a column \"profile_id\": put the table's name before it",
    )
    .await;
    check(
        "SELECT event, count(*) FROM events",
        "sql_group",
        "line 1, column 8: \"event\" stands beside an aggregate: add it to GROUP BY, or aggregate it too",
    )
    .await;
    check(
        "SELECT sum(category) FROM events",
        "sql_type",
        "no function takes these types: sum(VARCHAR)",
    )
    .await;
    check(
        "SELECT event + gift FROM events",
        "sql_type",
        "line 1, column 8: cannot coerce arithmetic expression VARCHAR + BOOLEAN to valid types",
    )
    .await;
    check(
        "SELECT abs(category, 1) FROM events",
        "sql_type",
        "no function takes these types: abs(VARCHAR, BIGINT)",
    )
    .await;
    check(
        "SELECT profile_id FROM profiles WHERE city",
        "sql_type",
        "WHERE needs true or false, and city is a VARCHAR: compare it with something",
    )
    .await;
    check(
        "SELECT nothing FROM profiles",
        "unknown_column",
        "line 1, column 8: there is no column \"nothing\"",
    )
    .await;
    check(
        "SELECT regexp_like(event, '(') FROM events",
        "sql_value",
        "a regular expression is not valid: unclosed group",
    )
    .await;
    check(
        "SELECT CAST('x' AS foo)",
        "sql_unsupported",
        "unsupported SQL type foo",
    )
    .await;
}

#[tokio::test]
async fn only_reading_is_allowed() {
    let session = sample().session();
    for sql in [
        "INSERT INTO events VALUES (1)",
        "DELETE FROM events",
        "UPDATE events SET event = 'x'",
        "DROP TABLE events",
        "CREATE TABLE x AS SELECT 1",
        "CREATE VIEW x AS SELECT 1",
        "CREATE EXTERNAL TABLE x STORED AS CSV LOCATION '/etc/passwd'",
        "COPY events TO '/tmp/x.csv'",
        "COPY (SELECT 1) TO '/tmp/x.csv'",
        "SET datafusion.execution.batch_size = 1",
        "RESET datafusion.execution.batch_size",
        "EXPLAIN ANALYZE INSERT INTO events VALUES (1)",
        "SELECT 1 INTO x",
        "WITH x AS (SELECT 1) INSERT INTO events SELECT * FROM x",
        "TRUNCATE TABLE events",
        "BEGIN",
        "PREPARE p AS SELECT 1",
        "SELECT * FROM '/etc/passwd'",
    ] {
        let error = run(&session, sql).await.err();
        let code = error.as_ref().map(|error| error.code.as_str());
        assert!(
            matches!(code, Some("sql_refused" | "unknown_table")),
            "{sql}: {error:?}"
        );
    }
    for sql in [
        "EXPLAIN SELECT * FROM events",
        "SHOW TABLES",
        "DESCRIBE events",
        "EXPLAIN ANALYZE SELECT count(*) FROM events",
        "SHOW COLUMNS FROM events",
        "VALUES (1)",
        "SELECT 1;",
    ] {
        assert!(
            run(&session, sql).await.is_ok_and(|rows| !rows.is_empty()),
            "{sql}"
        );
    }
}

#[tokio::test]
async fn cells_are_text() {
    let session = sample().session();
    let sql = "SELECT 1.0, 1e21, CAST(0.1 AS FLOAT), true, NULL, DATE '2025-01-31', TIMESTAMP '2025-01-31 08:00:00.5', [1, NULL], \
               {a: 'x', b: TIMESTAMP '2025-01-31 08:00:00'}, X'00ff', CAST('1.50' AS DECIMAL(5, 2)), INTERVAL '1 day'";
    assert_eq!(
        one(&session, sql).await,
        "1|1000000000000000000000|0.1|true|NULL|2025-01-31|2025-01-31T08:00:00.500Z|[1,null]|{\"a\":\"x\",\"b\":\"2025-01-31T08:00:00.000Z\"}|00ff|1.50|1 days"
    );
}

#[tokio::test]
async fn results_are_paged_over_batches_and_say_when_they_are_full() {
    let batch = |from: i64, rows: i64| {
        let ids = Arc::new(Int64Array::from_iter_values(from..from + rows)) as ArrayRef;
        RecordBatch::try_from_iter([("n", ids)]).unwrap()
    };
    let mut result = ResultSet::with_limits(batch(0, 1).schema(), 10, 1 << 20);
    assert!(result.push(batch(0, 3)));
    assert!(result.push(batch(3, 4)));
    assert!(!result.push(batch(7, 5)), "only three of these fit");
    assert_eq!((result.rows(), result.page(0, 100).total), (10, 10));
    let numbers = |offset, limit| -> Vec<String> {
        result
            .page(offset, limit)
            .rows
            .into_iter()
            .flatten()
            .flatten()
            .collect()
    };
    assert_eq!(numbers(2, 3), ["2", "3", "4"]);
    assert_eq!(numbers(3, 1), ["3"]);
    assert_eq!(numbers(9, 5), ["9"]);
    assert_eq!(numbers(10, 5), [""; 0]);
    assert!(result.full_note().starts_with("stopped after 10 rows"));
    let mut small = ResultSet::with_limits(batch(0, 1).schema(), 10, 8);
    assert!(!small.push(batch(0, 9)));
}

#[tokio::test]
async fn results_are_exported_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let session = sample().session();
    let sql = "SELECT profile_id, category, timestamp, revenue FROM events WHERE profile_id IN (3, 4) ORDER BY timestamp DESC, profile_id";
    let write = async |name: &str| {
        let path = folder.path().join(name);
        let query = session.query(sql, T).await.unwrap();
        (
            super::export(query, &path).await.unwrap(),
            std::fs::read(&path).unwrap(),
        )
    };
    let (written, bytes) = write("rows.csv").await;
    assert_eq!((written.rows, written.bytes), (3, bytes.len() as u64));
    assert_eq!(
        String::from_utf8(bytes).unwrap(),
        "profile_id,category,timestamp,revenue\n3,shoes,2025-04-01T10:00:00.000Z,999\n3,bags,2025-03-30T22:00:00.000Z,\n4,\"it's \"\"odd\"\"\",2025-03-26T10:00:00.000Z,10\n"
    );
    let (_, bytes) = write("rows.jsonl").await;
    assert_eq!(
        String::from_utf8(bytes).unwrap().lines().nth(1).unwrap(),
        r#"{"profile_id":3,"category":"bags","timestamp":"2025-03-30T22:00:00.000Z","revenue":null}"#
    );
    let (written, bytes) = write("rows.parquet").await;
    let reader =
        parquet::arrow::arrow_reader::ParquetRecordBatchReader::try_new(bytes::Bytes::from(bytes), 100)
            .unwrap();
    assert_eq!(
        reader.map(|batch| batch.unwrap().num_rows() as u64).sum::<u64>(),
        written.rows
    );

    let query = session
        .query("SELECT CAST(category AS BIGINT) FROM events", T)
        .await
        .unwrap();
    assert!(
        super::export(query, &folder.path().join("fails.csv"))
            .await
            .is_err()
    );
    let query = session.query(sql, T).await.unwrap();
    assert_eq!(
        super::export(query, &folder.path().join("x.xls"))
            .await
            .err()
            .map(|error| error.code)
            .as_deref(),
        Some("file_format")
    );
    let mut left: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    left.sort();
    assert_eq!(left, ["rows.csv", "rows.jsonl", "rows.parquet"]);
}

#[tokio::test]
async fn queries_count_what_they_do_and_end_when_dropped() {
    let session = sample().session();
    let mut query = session
        .query(
            "SELECT p.profile_id FROM profiles p JOIN events e ON e.profile_id = p.profile_id",
            T,
        )
        .await
        .unwrap();
    while query.next().await.unwrap().is_some() {}
    let counters = query.counters();
    assert_eq!(counters.rows, 9);
    assert!(counters.bytes >= 9 * 8);
    let endless = "SELECT count(*) FROM generate_series(1, 100000000000) a(x) WHERE x % 7 = 3";
    let mut query = session.query(endless, T).await.unwrap();
    let step = tokio::time::timeout(std::time::Duration::from_millis(50), query.next()).await;
    assert!(step.is_err(), "it runs for hours");
    drop(query);
}

/// The event log is files; here one, as DataFusion itself reads it.
async fn session_over_a_file(folder: &std::path::Path) -> Session {
    use datafusion::datasource::{
        file_format::parquet::ParquetFormat,
        listing::{ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl},
    };
    let path = folder.join("events.parquet");
    let query = sample().session().query("SELECT * FROM events", T).await.unwrap();
    super::export(query, &path).await.unwrap();
    let url = ListingTableUrl::parse(path.to_str().unwrap()).unwrap();
    let config = ListingTableConfig::new(url)
        .with_listing_options(ListingOptions::new(Arc::new(ParquetFormat::default())))
        .with_schema(testing::events_schema());
    let events = Arc::new(ListingTable::try_new(config).unwrap());
    Session::new(SessionInputs { events, ..inputs() }).unwrap()
}

#[tokio::test]
async fn queries_over_files_count_events_and_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let session = session_over_a_file(folder.path()).await;
    let sql = "SELECT count(*) FROM events WHERE event = 'Order Refunded' AND timestamp <= now()";
    let mut query = session.query(sql, T).await.unwrap();
    let found = query.next().await.unwrap().unwrap();
    assert_eq!(cell(found.column(0), 0).as_deref(), Some("1"));
    while query.next().await.unwrap().is_some() {}
    let counters = query.counters();
    assert_eq!(counters.events_scanned, 9);
    assert!(
        counters.bytes_scanned.is_some_and(|bytes| bytes > 100),
        "{counters:?}"
    );
}
