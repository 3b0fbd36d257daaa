//! Names, statements and settings. The contract needs a server and is run by the integration tests.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use serde_json::{Map, Value, json};

use super::{
    config::{self, Config},
    sql::{self, TableName},
};
use crate::destinations::form::Secret;

fn map(value: Value) -> Map<String, Value> {
    value.as_object().expect("an object").clone()
}

#[test]
fn settings_survive_a_round_trip() {
    let config = Config {
        url: Secret("postgres://crm@db:5433/crm".to_owned()),
        password: Some(Secret("hush".to_owned())),
        batch_rows_max: 10,
        timeout_ms: 2_000,
    };
    let written = map(serde_json::to_value(&config).unwrap());
    let keys: Vec<_> = written.keys().map(String::as_str).collect();
    let form: Vec<_> = config::SETTINGS.iter().map(|field| field.name).collect();
    assert_eq!(keys, form, "the form and the configuration have the same keys");
    assert_eq!(Config::read(&written).unwrap(), config);
    let least = Config::read(&map(json!({ "url": "postgres://db/crm" }))).unwrap();
    assert_eq!(
        (least.batch_rows_max, least.timeout_ms, least.password),
        (1_000, 30_000, None)
    );
}

#[test]
fn addresses_are_checked() {
    let check = |url: &str, expected: &str| {
        let config = Config::read(&map(json!({ "url": url, "password": "p%w" }))).unwrap();
        let message = config
            .connect_options()
            .err()
            .map(|error| error.message)
            .unwrap_or_default();
        assert_eq!(message, expected, "{url}");
    };
    check("postgres://crm@db:5433/crm?sslmode=require", "");
    check("postgres://crm@%2Fvar%2Frun%2Fpostgresql/crm", "");
    check("postgresql://db/crm", "");
    check(
        "mysql://db/crm",
        "settings.url has to begin with postgres://, not mysql://",
    );
    check(
        "postgres://db",
        "settings.url names no database: end it with /DATABASE",
    );
    check("db:5432", "settings.url has to begin with postgres://, not db://");
    check(
        "postgres://db/crm?ssl=yes",
        "settings.url has an unknown parameter ssl: known are sslmode, sslrootcert, sslcert, sslkey",
    );
    let config = Config::read(&map(json!({ "url": "postgres://db/crm?sslmode=perhaps" }))).unwrap();
    assert!(
        config
            .connect_options()
            .unwrap_err()
            .message
            .starts_with("settings.url cannot be used: ")
    );
}

#[test]
fn table_names_are_read() {
    let check = |text: &str, expected: Option<&str>| {
        assert_eq!(
            TableName::parse(text).ok().map(|name| name.quoted()).as_deref(),
            expected,
            "{text}"
        );
    };
    check("vips", Some("\"vips\""));
    check("crm.VIPs", Some("\"crm\".\"VIPs\""));
    check("\"my crm\".\"a.b\"", Some("\"my crm\".\"a.b\""));
    check("\"say \"\"hi\"\"\"", Some("\"say \"\"hi\"\"\""));
    check("vips; drop table x", Some("\"vips; drop table x\""));
    check("a.b.c", None);
    check("a.", None);
    check(".a", None);
    check("", None);
    check("a\"b", None);
    check("\"a", None);
    check("\"a\"b", None);
    check(&"x".repeat(63), Some(&format!("\"{}\"", "x".repeat(63))));
    check(&"x".repeat(64), None);
    let table = |options: Value| config::table("high-value", &map(options)).map(|name| name.quoted());
    assert_eq!(table(json!({})).unwrap(), "\"high-value\"");
    assert_eq!(
        table(json!({ "table": "a.b.c" })).unwrap_err().message,
        "options.table \"a.b.c\" has too many parts: write table or schema.table"
    );
    assert_eq!(
        table(json!({ "tabel": "a" })).unwrap_err().message,
        "options.tabel is not known: the keys are table"
    );
}

#[test]
fn statements_quote_every_name() {
    let table = TableName::parse("crm.vips").unwrap();
    let time = DataType::Timestamp(TimeUnit::Millisecond, None);
    let fields = [
        ("id", DataType::Utf8),
        ("a\"b", DataType::Int64),
        ("seen", time.clone()),
    ];
    let fields = fields.map(|(name, data_type)| Arc::new(Field::new(name, data_type, true)));
    assert_eq!(
        sql::create_table(&table, &Schema::new(fields.to_vec()), "id"),
        "CREATE TABLE IF NOT EXISTS \"crm\".\"vips\" (\"id\" text, \"a\"\"b\" bigint, \"seen\" timestamptz, PRIMARY KEY (\"id\"))"
    );
    assert_eq!(
        sql::upsert(
            &table,
            &[("id", &DataType::Utf8, "uuid"), ("seen", &time, "timestamptz")],
            "id"
        ),
        "INSERT INTO \"crm\".\"vips\" (\"id\", \"seen\") SELECT sent.c0::uuid, sent.c1::timestamptz \
         FROM unnest($1::text[], $2::text[]) AS sent(c0, c1) \
         ON CONFLICT (\"id\") DO UPDATE SET \"seen\" = EXCLUDED.\"seen\""
    );
    assert!(sql::upsert(&table, &[("id", &DataType::Int64, "bigint")], "id").ends_with("DO NOTHING"));
    assert_eq!(
        sql::delete(&table, "id", &DataType::Int64, "integer"),
        "DELETE FROM \"crm\".\"vips\" WHERE \"id\" IN (SELECT sent.c0::integer FROM unnest($1::bigint[]) AS sent(c0))"
    );
    assert_eq!(
        sql::comment(&table, "it's"),
        "COMMENT ON TABLE \"crm\".\"vips\" IS 'it''s'"
    );
}
