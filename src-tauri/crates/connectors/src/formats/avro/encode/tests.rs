//! Encoding: there and back, and what does not fit.

use serde_json::json;

use super::*;
use crate::formats::write::Out;

/// What is encoded is decoded as it was, and is what Avro's own library reads.
fn round(schema: &Value, value: Value) {
    let text = schema.to_string();
    let ours = AvroSchema::parse(&text, &[]).expect("a schema");
    let mut bytes = Vec::new();
    ours.encode(&value, false, &mut bytes)
        .unwrap_or_else(|misfit| panic!("{value}: {misfit}"));
    let mut out = Out::after(Vec::new(), 1 << 20);
    ours.decode(&bytes, false, &mut out).expect("decoded");
    let back: Value = serde_json::from_slice(out.as_bytes()).expect("JSON");
    assert_eq!(back, value, "{text}");
    let theirs = apache_avro::Schema::parse_str(&text).expect("a schema");
    let mut rest = &bytes[..];
    apache_avro::from_avro_datum(&theirs, &mut rest, None).expect("their library reads it");
    assert!(rest.is_empty(), "{text}");
}

fn misfit(schema: &Value, value: Value, path: &str, says: &str) {
    let ours = AvroSchema::parse(&schema.to_string(), &[]).expect("a schema");
    let mut bytes = vec![9];
    let misfit = ours.encode(&value, false, &mut bytes).expect_err("no fit");
    assert_eq!(bytes, [9], "nothing of it is left");
    assert_eq!(misfit.path(), path, "{misfit}");
    assert!(misfit.reason.contains(says), "{misfit}");
}

#[test]
fn every_type_goes_there_and_back() {
    round(&json!("null"), Value::Null);
    round(&json!("boolean"), json!(true));
    round(&json!("int"), json!(i32::MIN));
    round(&json!("long"), json!(i64::MAX));
    round(&json!("float"), json!(0.5));
    round(&json!("double"), json!("-Infinity"));
    round(&json!("string"), json!("grüß\n"));
    round(&json!("bytes"), json!("AP8="));
    round(&json!({"type": "fixed", "name": "f", "size": 2}), json!("AQI="));
    round(
        &json!({"type": "enum", "name": "e", "symbols": ["A", "B"]}),
        json!("B"),
    );
    round(&json!({"type": "array", "items": "int"}), json!([1, -2, 3]));
    round(&json!({"type": "array", "items": "int"}), json!([]));
    round(
        &json!({"type": "map", "values": "boolean"}),
        json!({"a\"": true, "b": false}),
    );
    round(&json!(["null", "string"]), json!("x"));
    round(&json!(["null", "string"]), Value::Null);
    let logical = |kind: &str, name: &str| json!({"type": kind, "logicalType": name});
    round(&logical("int", "date"), json!("2026-03-01"));
    round(&logical("int", "time-millis"), json!("01:00:00.001"));
    round(&logical("long", "time-micros"), json!("00:00:00.000001"));
    round(
        &logical("long", "timestamp-millis"),
        json!("2026-03-01T00:00:00.123Z"),
    );
    round(
        &logical("long", "timestamp-micros"),
        json!("1969-12-31T23:59:59.999999Z"),
    );
    round(
        &logical("long", "local-timestamp-millis"),
        json!("1970-01-01T00:00:00.000"),
    );
    let decimal = json!({"type": "bytes", "logicalType": "decimal", "precision": 30, "scale": 2});
    for number in ["-12.34", "0.0", "1.27", "-1.28", "90071992547.41"] {
        round(&decimal, serde_json::from_str(number).expect("a number"));
    }
    let fixed = json!({"type": "fixed", "name": "d", "size": 12, "logicalType": "duration"});
    round(&fixed, json!("P1M2DT3.004S"));
}

const ORDER: &str = r#"{"type":"record","name":"Order","namespace":"shop","fields":[
    {"name":"id","type":"long"},
    {"name":"note","type":["null","string"],"default":null},
    {"name":"raw","type":"bytes","default":"\u00ff"},
    {"name":"lines","type":{"type":"array","items":{"type":"record","name":"Line","fields":[
        {"name":"sku","type":"string"},{"name":"price","type":"double"}]}},"default":[]},
    {"name":"pay","type":["null","Line",{"type":"map","values":"int"}],"default":null},
    {"name":"next","type":["null","shop.Order"],"default":null}]}"#;

#[test]
fn records_unions_and_defaults() {
    let schema: Value = serde_json::from_str(ORDER).expect("JSON");
    let whole = |pay: Value, next: Value| json!({"id": 1, "note": "x", "raw": "AP8=", "lines": [{"sku": "a", "price": 1.5}], "pay": pay, "next": next});
    let line = json!({"sku": "b", "price": 2.0});
    round(&schema, whole(line.clone(), whole(json!({"a": 3}), Value::Null)));
    // Defaults, and branches by their names, are decoded as what they stand for.
    let ours = AvroSchema::parse(ORDER, &[]).expect("a schema");
    let check = |given: Value, expected: Value| {
        let mut bytes = Vec::new();
        ours.encode(&given, false, &mut bytes).expect("it fits");
        let mut out = Out::after(Vec::new(), 1 << 20);
        ours.decode(&bytes, false, &mut out).expect("decoded");
        let found: Value = serde_json::from_slice(out.as_bytes()).expect("JSON");
        assert_eq!(found, expected);
    };
    let bare = json!({"id": 1, "note": null, "raw": "/w==", "lines": [], "pay": null, "next": null});
    check(json!({"id": 1}), bare.clone());
    let mut paid = bare.clone();
    paid["pay"] = line.clone();
    check(json!({"id": 1, "pay": {"shop.Line": line}}), paid.clone());
    check(json!({"id": 1, "pay": {"Line": line}}), paid);
    let mut noted = bare;
    noted["note"] = json!("y");
    check(json!({"id": 1, "note": {"string": "y"}}), noted);
}

#[test]
fn what_does_not_fit_says_where_and_why() {
    let schema: Value = serde_json::from_str(ORDER).expect("JSON");
    misfit(&schema, json!([]), "", "an object is expected");
    misfit(&schema, json!({}), "id", "missing");
    misfit(
        &schema,
        json!({"id": "1"}),
        "id",
        "a whole number of 64 bits is expected, and it is the text \"1\"",
    );
    misfit(&schema, json!({"id": 1, "ident": 2}), "ident", "no such field");
    misfit(&schema, json!({"id": 1, "note": 2}), "note", "text is expected");
    misfit(
        &schema,
        json!({"id": 1, "lines": [{"sku": "a", "price": 1}, {"sku": "a", "price": "b"}]}),
        "lines[1].price",
        "a number",
    );
    misfit(
        &schema,
        json!({"id": 1, "pay": 7}),
        "pay",
        "fits none of the schema's null, shop.Line, map",
    );
    misfit(
        &schema,
        json!({"id": 1, "next": {"shop.Order": {"id": 1.5}}}),
        "next.shop.Order.id",
        "a whole number",
    );
    misfit(&json!("int"), json!(3_000_000_000_i64), "", "32 bits");
    misfit(
        &json!({"type": "enum", "name": "e", "symbols": ["A", "B"]}),
        json!("C"),
        "",
        "A, B",
    );
    misfit(
        &json!({"type": "int", "logicalType": "time-millis"}),
        json!("01:00:00.0001"),
        "",
        "finer",
    );
    let decimal = json!({"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2});
    misfit(&decimal, json!(1.234), "", "more than 2 digits");
    misfit(&decimal, json!(12345678901234567890.12), "", "as text");
}
