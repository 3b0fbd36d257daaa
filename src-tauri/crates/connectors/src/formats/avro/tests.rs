//! What Avro's own library encodes is decoded; what it would not encode is refused.

use apache_avro::{
    Decimal, Schema,
    types::{Record, Value},
};
use proptest::prelude::*;
use serde_json::json;

use super::AvroSchema;
use crate::formats::write::Out;

fn decoded(schema: &AvroSchema, bytes: &[u8], framed: bool) -> Result<String, String> {
    let mut out = Out::after(Vec::new(), 1 << 20);
    schema
        .decode(bytes, framed, &mut out)
        .map_err(|wrong| wrong.reason("Avro", 0))?;
    Ok(String::from_utf8(out.into_bytes()).expect("text"))
}

fn check(schema: &serde_json::Value, value: impl Into<Value>, expected: &str) {
    let text = schema.to_string();
    let theirs = Schema::parse_str(&text).expect("a schema");
    let bytes = apache_avro::to_avro_datum(&theirs, value.into()).expect("a value of the schema");
    let ours = AvroSchema::parse(&text, &[]).expect("a schema");
    assert_eq!(decoded(&ours, &bytes, false).as_deref(), Ok(expected), "{text}");
    // Every shorter value ends too early, and a longer one is not of the schema.
    for length in 0..bytes.len() {
        assert!(
            decoded(&ours, &bytes[..length], false).is_err(),
            "{text} {length}"
        );
    }
    assert!(
        decoded(&ours, &[&bytes[..], b"x"].concat(), false).is_err(),
        "{text}"
    );
}

#[test]
fn every_type() {
    check(&json!("null"), Value::Null, "null");
    check(&json!("boolean"), true, "true");
    check(&json!("int"), i32::MIN, "-2147483648");
    check(&json!("long"), i64::MIN, "-9223372036854775808");
    check(&json!("float"), 0.1f32, "0.1");
    check(&json!("double"), f64::INFINITY, "\"Infinity\"");
    check(&json!("string"), "grüß\n", "\"grüß\\n\"");
    check(&json!("bytes"), vec![0u8, 255], "\"AP8=\"");
    check(
        &json!({"type": "fixed", "name": "f", "size": 2}),
        Value::Fixed(2, vec![1, 2]),
        "\"AQI=\"",
    );
    check(
        &json!({"type": "enum", "name": "e", "symbols": ["A", "B"]}),
        Value::Enum(1, "B".to_owned()),
        "\"B\"",
    );
    check(
        &json!({"type": "array", "items": "int"}),
        Value::Array(vec![1.into(), 2.into()]),
        "[1,2]",
    );
    check(
        &json!({"type": "array", "items": "int"}),
        Value::Array(vec![]),
        "[]",
    );
    check(
        &json!({"type": "map", "values": "boolean"}),
        Value::Map([("a\"".to_owned(), true.into())].into()),
        r#"{"a\"":true}"#,
    );
    check(
        &json!(["null", "string"]),
        Value::Union(1, Box::new("x".into())),
        "\"x\"",
    );
    check(
        &json!(["null", "string"]),
        Value::Union(0, Box::new(Value::Null)),
        "null",
    );
}

#[test]
fn logical_types() {
    let logical = |kind: &str, name: &str| json!({"type": kind, "logicalType": name});
    check(&logical("int", "date"), Value::Date(20_513), "\"2026-03-01\"");
    check(
        &logical("int", "time-millis"),
        Value::TimeMillis(3_600_001),
        "\"01:00:00.001\"",
    );
    check(
        &logical("long", "time-micros"),
        Value::TimeMicros(1),
        "\"00:00:00.000001\"",
    );
    check(
        &logical("long", "timestamp-millis"),
        Value::TimestampMillis(1_772_323_200_123),
        "\"2026-03-01T00:00:00.123Z\"",
    );
    check(
        &logical("long", "timestamp-micros"),
        Value::TimestampMicros(-1),
        "\"1969-12-31T23:59:59.999999Z\"",
    );
    check(
        &logical("long", "local-timestamp-millis"),
        Value::LocalTimestampMillis(0),
        "\"1970-01-01T00:00:00.000\"",
    );
    check(
        &json!({"type": "bytes", "logicalType": "decimal", "precision": 30, "scale": 2}),
        Value::Decimal(Decimal::from((-1_234i32).to_be_bytes())),
        "-12.34",
    );
    check(
        &json!({"type": "string", "logicalType": "uuid"}),
        Value::Uuid("67e55044-10b1-426f-9247-bb680e5fe0c8".parse().expect("a UUID")),
        "\"67e55044-10b1-426f-9247-bb680e5fe0c8\"",
    );
    // One that does not fit its type is as if it were not there.
    check(&logical("string", "date"), "x", "\"x\"");
}

const ORDER: &str = r#"{"type":"record","name":"Order","namespace":"shop","fields":[
    {"name":"id","type":"long"},
    {"name":"note","type":["null","string"],"default":null},
    {"name":"lines","type":{"type":"array","items":{"type":"record","name":"Line","fields":[
        {"name":"sku","type":"string"},{"name":"price","type":"double"}]}}},
    {"name":"first","type":["null","Line"]},
    {"name":"next","type":["null","shop.Order"]}]}"#;

#[test]
fn records_with_names() {
    let theirs = Schema::parse_str(ORDER).expect("a schema");
    let line = || {
        Value::Record(vec![
            ("sku".to_owned(), "a".into()),
            ("price".to_owned(), 1.5f64.into()),
        ])
    };
    let none = || Value::Union(0, Box::new(Value::Null));
    let order = |id: i64, next: Value| {
        let mut record = Record::new(&theirs).expect("a record");
        record.put("id", id);
        record.put("note", none());
        record.put("lines", Value::Array(vec![line()]));
        record.put("first", Value::Union(1, Box::new(line())));
        record.put("next", next);
        Value::from(record)
    };
    let value = order(1, Value::Union(1, Box::new(order(2, none()))));
    check(
        &serde_json::from_str(ORDER).expect("JSON"),
        value,
        r#"{"id":1,"note":null,"lines":[{"sku":"a","price":1.5}],"first":{"sku":"a","price":1.5},"next":{"id":2,"note":null,"lines":[{"sku":"a","price":1.5}],"first":{"sku":"a","price":1.5},"next":null}}"#,
    );
}

#[test]
fn references_and_bare_names() {
    let line =
        r#"{"type":"record","name":"Line","namespace":"shop","fields":[{"name":"sku","type":"string"}]}"#;
    let order =
        r#"{"type":"record","name":"Order","namespace":"shop","fields":[{"name":"line","type":"Line"}]}"#;
    let schema = AvroSchema::parse(order, &[line]).expect("a schema");
    assert_eq!(
        decoded(&schema, b"\x02a", true).as_deref(),
        Ok(r#"{"line":{"sku":"a"}}"#)
    );
    let error = AvroSchema::parse(order, &[]).expect_err("a name is missing");
    assert!(error.message.contains("`Line` is not defined"), "{error}");
    assert!(AvroSchema::parse("string", &[]).is_ok());
    // Confluent's serializer writes bare bytes as they are.
    let bytes = AvroSchema::parse("\"bytes\"", &[]).expect("a schema");
    assert_eq!(decoded(&bytes, b"\xff\xff", true).as_deref(), Ok("\"//8=\""));
}

#[test]
fn broken_schemas_are_refused() {
    for text in [
        "",
        "{",
        "7",
        r#"{"type":"record","name":"r"}"#,
        r#"{"type":"record","fields":[]}"#,
        r#"{"type":"array"}"#,
        r#"{"type":"fixed","name":"f","size":-1}"#,
        r#"{"type":"nothing"}"#,
        r#"{}"#,
    ] {
        let error = AvroSchema::parse(text, &[]).expect_err(text);
        assert_eq!(error.code, "avro_schema", "{text}");
    }
}

#[test]
fn broken_values_are_refused() {
    let check = |schema: &str, bytes: &[u8], expected: &str| {
        let schema = AvroSchema::parse(schema, &[]).expect("a schema");
        assert_eq!(decoded(&schema, bytes, false), Err(expected.to_owned()));
    };
    check("\"string\"", &[0x7f], "not Avro: a negative length at byte 1");
    check(
        "\"string\"",
        &[8, b'a'],
        "not Avro: the value ends too early at byte 2",
    );
    check(
        "\"string\"",
        &[4, b'a', 0xff],
        "not Avro: text that is not UTF-8 at byte 2",
    );
    check(
        "\"long\"",
        &[0xff; 11],
        "not Avro: a number of more than 64 bits at byte 10",
    );
    check(
        r#"["null"]"#,
        &[2],
        "not Avro: branch 1 of a union of 1 at byte 1",
    );
    check(
        "\"boolean\"",
        &[2],
        "not Avro: a boolean that is neither 0 nor 1 at byte 1",
    );
    // Items of no bytes end with the limit of what is written.
    check(
        r#"{"type":"array","items":"null"}"#,
        &[0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1],
        "not Avro: it would be too long as JSON",
    );
    // A record that must contain itself has no end.
    check(
        r#"{"type":"record","name":"r","fields":[{"name":"r","type":"r"}]}"#,
        &[],
        "not Avro: values nested deeper than 100 at byte 0",
    );
}

proptest! {
    #[test]
    fn a_schema_with_a_mistake_is_used_or_refused(at in any::<prop::sample::Index>(), with in r#"[ -~"{}\[\]]{0,3}"#, cut in 0usize..4) {
        let at = at.index(ORDER.len());
        let text = format!("{}{with}{}", &ORDER[..at], ORDER.get(at + cut..).unwrap_or(""));
        if let Err(error) = AvroSchema::parse(&text, &[]) {
            prop_assert_eq!(error.code, "avro_schema");
        }
    }

    #[test]
    fn any_bytes_are_json_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let schema = AvroSchema::parse(ORDER, &[]).expect("a schema");
        if let Ok(text) = decoded(&schema, &bytes, false) {
            prop_assert!(crate::formats::json::scan::check(&text).is_ok(), "{}", text);
        }
    }
}
