//! Every format through the transcoder: what is right is JSON, what is wrong keeps its bytes and says why.

use std::sync::{Arc, atomic::Ordering};

use arrow::{
    array::{Array, ArrayRef, AsArray, BinaryArray, Int32Array, Int64Array, TimestampMillisecondArray},
    datatypes::Int64Type,
    record_batch::RecordBatch,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{
    Format, FormatSettings, Framing, PROBLEM, RecordDecoder, RecordView, Transcoder, VALUE_BYTES,
    json::{Shape, ShapeLimits, scan},
    registry::{
        RegistryAuth,
        tests::{Server, SubjectVersionOf},
    },
};

const ORDER: &str = r#"{"type":"record","name":"Order","fields":[{"name":"id","type":"long"},{"name":"note","type":["null","string"]}]}"#;
const MESSAGE: &str = "syntax = \"proto3\"; message Order { int64 id = 1; string note = 2; }";

fn plain(format: Format) -> FormatSettings {
    FormatSettings::new(format)
}

fn avro() -> FormatSettings {
    FormatSettings {
        schema: Some(ORDER.to_owned()),
        ..plain(Format::Avro)
    }
}

fn protobuf() -> FormatSettings {
    FormatSettings {
        schema: Some(MESSAGE.to_owned()),
        message: Some("Order".to_owned()),
        ..plain(Format::Protobuf)
    }
}

fn framed(of: FormatSettings, framing: Framing) -> FormatSettings {
    FormatSettings {
        framing: Some(framing),
        ..of
    }
}

fn transcoder(settings: &FormatSettings) -> Transcoder {
    Transcoder::new(settings, None).expect("settings")
}

#[test]
fn every_format() {
    let check = |settings: FormatSettings, value: &[u8], expected: Result<&str, &str>| {
        let found = transcoder(&settings).transcode_one(value);
        let found = found.as_deref().map_err(String::as_str);
        assert_eq!(found, expected, "{:?} {value:?}", settings.format);
    };
    check(plain(Format::Json), b" {\"a\":1.50}", Ok(" {\"a\":1.50}"));
    check(
        plain(Format::Json),
        b"{",
        Err("not JSON: a string was expected at byte 1"),
    );
    check(plain(Format::Text), b"a\"b", Ok("\"a\\\"b\""));
    check(
        plain(Format::Text),
        b"a\xff",
        Err("not Text: a byte that is not UTF-8 at byte 1"),
    );
    check(plain(Format::Hex), b"\x00\xff", Ok("\"00ff\""));
    check(plain(Format::Int8), &[0xff], Ok("-1"));
    check(plain(Format::Int16), &[1, 0], Ok("256"));
    check(plain(Format::Int32), &i32::MIN.to_be_bytes(), Ok("-2147483648"));
    check(
        plain(Format::Int64),
        &i64::MAX.to_be_bytes(),
        Ok("9223372036854775807"),
    );
    check(
        plain(Format::Int64),
        &[1],
        Err("not Integer of 64 bits: it has 1 bytes instead of 8"),
    );
    check(plain(Format::MessagePack), b"\x81\xa1a\x01", Ok(r#"{"a":1}"#));
    check(plain(Format::Cbor), b"\xa1\x61a\x01", Ok(r#"{"a":1}"#));
    check(plain(Format::Csv), b"1,x", Ok(r#"{"c1":1,"c2":"x"}"#));
    check(avro(), b"\x0e\x02\x02x", Ok(r#"{"id":7,"note":"x"}"#));
    check(protobuf(), b"\x08\x07\x12\x01x", Ok(r#"{"id":7,"note":"x"}"#));
    // Behind a header, places are counted from the beginning of the record.
    let confluent = |of| framed(of, Framing::Confluent);
    check(
        plain(Format::JsonSchema),
        b"\0\0\0\0\x07{\"a\":1}",
        Ok("{\"a\":1}"),
    );
    check(
        plain(Format::JsonSchema),
        b"\0\0\0\0\x07{\"a\"",
        Err("not JSON Schema: a colon was expected after a name at byte 9"),
    );
    check(
        plain(Format::JsonSchema),
        b"{}",
        Err(
            "not JSON Schema: it does not begin as a schema registry's record does, with a zero and a schema's id at byte 0",
        ),
    );
    check(
        confluent(avro()),
        b"\0\0\0\0\x07\x0e\0",
        Ok(r#"{"id":7,"note":null}"#),
    );
    check(
        confluent(avro()),
        b"\0\0\0\0\x07\x0e",
        Err("not Avro: the value ends too early at byte 6"),
    );
    check(
        confluent(protobuf()),
        b"\0\0\0\0\x07\0\x08\x07",
        Ok(r#"{"id":7,"note":""}"#),
    );
    check(
        confluent(plain(Format::MessagePack)),
        b"\0\0\0\0\x07\x01",
        Ok("1"),
    );
    let header = [&[3, 0][..], &[7; 16]].concat();
    let glue = |payload: &[u8]| [&header, payload].concat();
    check(
        framed(avro(), Framing::Glue),
        &glue(b"\x0e\0"),
        Ok(r#"{"id":7,"note":null}"#),
    );
    check(
        framed(plain(Format::JsonSchema), Framing::Glue),
        &glue(b"{}"),
        Ok("{}"),
    );
    check(
        framed(plain(Format::Registry), Framing::Glue),
        &glue(b"{}"),
        Err(
            "schema version 07070707-0707-0707-0707-070707070707 of AWS Glue is not known: give the schema in the topic's decoder",
        ),
    );
    check(
        plain(Format::Avro),
        b"\0\0\0\0\x07\x0e",
        Err("schema 7 is not known: the cluster has no schema registry"),
    );
}

#[test]
fn settings_that_cannot_be() {
    let check = |settings: FormatSettings, code: &str| {
        let error = Transcoder::new(&settings, None).expect_err("refused");
        assert_eq!(error.code, code, "{error}");
    };
    check(framed(plain(Format::Avro), Framing::Plain), "format_settings");
    check(
        FormatSettings {
            message: None,
            ..protobuf()
        },
        "format_settings",
    );
    check(
        FormatSettings {
            schema: None,
            ..protobuf()
        },
        "format_settings",
    );
    check(
        FormatSettings {
            schema: Some("{".to_owned()),
            ..avro()
        },
        "avro_schema",
    );
    check(
        FormatSettings {
            delimiter: '"',
            ..plain(Format::Csv)
        },
        "csv_settings",
    );
}

#[test]
fn batches_keep_their_rows() {
    let values = BinaryArray::from(vec![
        Some(&b"\x0e\0"[..]),
        None,
        Some(b"\xff"),
        Some(b"\x0e\x02\x02x"),
    ])
    .slice(1, 3);
    let found = transcoder(&avro()).transcode(&values);
    let rows: Vec<Option<&[u8]>> = found.values.iter().collect();
    assert_eq!(rows, [None, Some(&b"\xff"[..]), Some(br#"{"id":7,"note":"x"}"#)]);
    let problems: Vec<(usize, &str)> = found
        .problems
        .iter()
        .map(|problem| (problem.row, problem.reason.as_str()))
        .collect();
    assert_eq!(problems, [(1, "not Avro: the value ends too early at byte 1")]);
}

#[test]
fn json_is_not_copied() {
    let values = BinaryArray::from(vec![Some(&b"{\"a\":1}"[..]), None, Some(b"{"), Some(b"\xff")]);
    let found = transcoder(&plain(Format::Json)).transcode(&values);
    assert_eq!(found.values.values().as_ptr(), values.values().as_ptr());
    let rows: Vec<usize> = found.problems.iter().map(|problem| problem.row).collect();
    assert_eq!(rows, [2, 3]);
}

#[test]
fn text_is_shown_without_its_quotes() {
    let values = BinaryArray::from(vec![
        Some(&b"a\n"[..]),
        None,
        Some(b"\"\xff\""),
        Some(b"\"q\""),
        Some(b""),
    ]);
    let found = transcoder(&plain(Format::Text)).transcode(&values);
    let shown = found.unquoted();
    let rows: Vec<Option<&[u8]>> = shown.iter().collect();
    assert_eq!(
        rows,
        [
            Some(&b"a\n"[..]),
            None,
            Some(b"\"\xff\""),
            Some(b"\"q\""),
            Some(b"")
        ]
    );
}

fn records(keys: Vec<Option<&[u8]>>, values: Vec<Option<&[u8]>>) -> RecordBatch {
    let offsets = Int64Array::from_iter_values(0..values.len() as i64);
    RecordBatch::try_from_iter_with_nullable([
        ("_offset", Arc::new(offsets) as ArrayRef, false),
        ("_key", Arc::new(BinaryArray::from(keys)), true),
        ("value", Arc::new(BinaryArray::from(values)), true),
    ])
    .expect("a batch")
}

#[test]
fn records_are_viewed() {
    let raw = records(
        vec![Some(&[0, 0, 0, 9]), None, Some(b"x")],
        vec![Some(b"\x81\xa1a\x01"), Some(b"\xc1"), None],
    );
    let mut view = RecordView {
        key: Some(transcoder(&plain(Format::Int32))),
        value: Some(transcoder(&plain(Format::MessagePack))),
    };
    let viewed = view.view(&raw).expect("viewed");
    let names: Vec<String> = viewed
        .records
        .schema()
        .fields()
        .iter()
        .map(|field| field.name().clone())
        .collect();
    assert_eq!(names, ["_offset", "_key", "value", PROBLEM, VALUE_BYTES]);
    let problems: Vec<Option<&str>> = viewed.records.column(3).as_string::<i32>().iter().collect();
    assert!(problems[0].is_none() && problems[1].is_some_and(|why| !why.starts_with("the key")));
    assert!(
        problems[2].is_some_and(|why| why.starts_with("the key: ")),
        "{problems:?}"
    );
    let lengths: Vec<Option<i64>> = viewed
        .records
        .column(4)
        .as_primitive::<Int64Type>()
        .iter()
        .collect();
    assert_eq!(lengths, [Some(4), Some(1), None]);
    let column = |name: &str| {
        let column = viewed.records.column_by_name(name).expect("a column");
        column
            .as_binary::<i32>()
            .iter()
            .map(|value| value.map(<[u8]>::to_vec))
            .collect::<Vec<_>>()
    };
    assert_eq!(column("_key"), [Some(b"9".to_vec()), None, Some(b"x".to_vec())]);
    assert_eq!(
        column("value"),
        [Some(br#"{"a":1}"#.to_vec()), Some(b"\xc1".to_vec()), None]
    );
    assert_eq!((viewed.problems[0].row, viewed.key_problems[0].row), (1, 2));
    let untouched = RecordView::default().view(&raw).expect("viewed");
    assert_eq!(untouched.records, raw);
}

/// From bytes of any format to typed columns: what is behind a view knows JSON alone.
#[test]
fn a_view_is_decoded_as_json_is() {
    let raw = RecordBatch::try_from_iter_with_nullable([
        (
            "_partition",
            Arc::new(Int32Array::from(vec![0, 0, 0])) as ArrayRef,
            false,
        ),
        ("_offset", Arc::new(Int64Array::from(vec![0, 1, 2])), false),
        (
            "_timestamp",
            Arc::new(TimestampMillisecondArray::from(vec![0, 0, 0])),
            true,
        ),
        (
            "_key",
            Arc::new(BinaryArray::from(vec![&b"\0\x07"[..], b"\0\x08", b"x"])),
            true,
        ),
        (
            "value",
            Arc::new(BinaryArray::from(vec![&b"\x0e\x02\x02x"[..], b"\x10\0", b"\xff"])),
            true,
        ),
    ])
    .expect("a batch");
    let mut view = RecordView {
        key: Some(transcoder(&plain(Format::Int16))),
        value: Some(transcoder(&avro())),
    };
    let viewed = view.view(&raw).expect("viewed");
    let values = viewed.records.column(4).as_binary::<i32>();
    let fields = Shape::infer(values, ShapeLimits::default());
    let decoded = RecordDecoder::json(&fields)
        .decode(&viewed.records)
        .expect("decoded");
    let keys: Vec<_> = decoded.records.column(3).as_string::<i32>().iter().collect();
    assert_eq!(keys, [Some("7"), Some("8"), Some("x")]);
    let value = decoded.records.column(4).as_struct();
    let ids = value
        .column_by_name("id")
        .expect("a column")
        .as_primitive::<Int64Type>();
    assert_eq!(ids.iter().collect::<Vec<_>>(), [Some(7), Some(8), None]);
    let notes = value.column_by_name("note").expect("a column").as_string::<i32>();
    assert_eq!(notes.iter().collect::<Vec<_>>(), [Some("x"), None, None]);
    assert_eq!((decoded.undecoded_count, viewed.problems.len()), (1, 1));
}

#[test]
fn a_value_is_described() {
    let mut order = transcoder(&avro());
    let found = order.describe(Some(b"\x0e\x02\x02x"));
    assert_eq!(
        (found.format, found.json.as_deref(), found.problem),
        ("avro", Some("{\n  \"id\": 7,\n  \"note\": \"x\"\n}"), None)
    );
    let found = order.describe(Some(b"\xff"));
    assert_eq!((found.json, found.text.as_deref()), (None, Some("ff")));
    assert!(found.problem.is_some());
    assert!(order.describe(None).problem.is_some());
}

async fn server() -> Server {
    let held = |id: u32, kind: &'static str, schema: &str, references: Value| SubjectVersionOf {
        subject: if id == 5 { "money" } else { "order" },
        version: id as i32,
        id,
        kind,
        schema: schema.to_owned(),
        references,
    };
    let money = json!([{"name": "money.proto", "subject": "money", "version": 5}]);
    let wide = "syntax = \"proto3\"; import \"money.proto\"; message Order { Money total = 1; }";
    Server::start(
        vec![
            held(1, "AVRO", ORDER, Value::Null),
            held(2, "PROTOBUF", MESSAGE, Value::Null),
            held(3, "JSON", "{}", Value::Null),
            held(4, "PROTOBUF", wide, money),
            held(
                5,
                "PROTOBUF",
                "syntax = \"proto3\"; message Money { int64 cents = 1; }",
                Value::Null,
            ),
            held(6, "AVRO", "{\"type\":\"what\"}", Value::Null),
        ],
        None,
    )
    .await
}

#[tokio::test]
async fn records_name_their_schemas() {
    let server = server().await;
    let registry = server.registry(RegistryAuth::None);
    let values = BinaryArray::from_iter_values([
        &b"\0\0\0\0\x01\x0e\0"[..],
        b"\0\0\0\0\x02\0\x08\x07",
        b"\0\0\0\0\x03{\"id\":7}",
        b"\0\0\0\0\x04\0\x0a\x02\x08\x05",
        b"\0\0\0\0\x06\x0e",
        b"\0\0\0\0\x63\x0e",
        b"{}",
    ]);
    let mut all = Transcoder::new(&plain(Format::Registry), Some(&registry)).expect("settings");
    let before = all.transcode(&values).problems;
    assert_eq!(before.len(), 7);
    assert!(
        before[0].reason.starts_with("schema 1 was not read from"),
        "{before:?}"
    );
    all.prepare(&values, 0).await;
    let found = all.transcode(&values);
    let rows: Vec<&str> = found
        .values
        .iter()
        .flatten()
        .take(4)
        .map(|value| std::str::from_utf8(value).expect("text"))
        .collect();
    assert_eq!(
        rows,
        [
            r#"{"id":7,"note":null}"#,
            r#"{"id":7,"note":""}"#,
            r#"{"id":7}"#,
            r#"{"total":{"cents":5}}"#
        ]
    );
    let reasons: Vec<&str> = found
        .problems
        .iter()
        .map(|problem| problem.reason.as_str())
        .collect();
    assert!(
        reasons[0].starts_with("schema 6: the Avro schema cannot be used: "),
        "{reasons:?}"
    );
    assert!(
        reasons[1].starts_with("schema 99: ") && reasons[1].contains("has no such schema"),
        "{reasons:?}"
    );
    assert!(reasons[2].starts_with("not Schema registry: "), "{reasons:?}");
    // What is known, or known not to be, is not asked for again.
    let asked = server.requests.load(Ordering::SeqCst);
    all.prepare(&values, i64::MAX).await;
    assert_eq!(server.requests.load(Ordering::SeqCst), asked);
    // One kind was asked for, and records are of another.
    let mut only = Transcoder::new(&plain(Format::Avro), Some(&registry)).expect("settings");
    only.prepare_one(values.value(1), 0).await;
    let reason = only.transcode_one(values.value(1)).expect_err("another kind");
    assert_eq!(reason, "schema 2: it is Protobuf, not Avro");
}

#[tokio::test]
async fn a_registry_that_fails_is_asked_again_later() {
    let server = server().await;
    let registry = server.registry(RegistryAuth::None);
    let values = BinaryArray::from_iter_values([b"\0\0\0\x01\xf4x"]);
    let mut all = Transcoder::new(&plain(Format::Registry), Some(&registry)).expect("settings");
    for (now_ms, asked) in [(0, 1), (1, 1), (9_999, 1), (10_000, 2), (10_001, 2)] {
        all.prepare(&values, now_ms).await;
        assert_eq!(server.requests.load(Ordering::SeqCst), asked, "{now_ms}");
    }
    let reason = all.transcode_one(values.value(0)).expect_err("it failed");
    assert!(reason.contains("answered 500"), "{reason}");
}

fn settings() -> impl Strategy<Value = FormatSettings> {
    let formats = prop::sample::select(Format::ALL.to_vec()).prop_map(|format| match format {
        Format::Avro => avro(),
        Format::Protobuf => protobuf(),
        other => plain(other),
    });
    let framings = prop::sample::select(vec![
        None,
        Some(Framing::Plain),
        Some(Framing::Confluent),
        Some(Framing::Glue),
    ]);
    (formats, framings).prop_map(|(settings, framing)| FormatSettings {
        framing: framing.filter(|_| settings.format != Format::Registry),
        ..settings
    })
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    let bytes = prop::collection::vec(any::<u8>(), 0..64);
    prop_oneof![
        4 => bytes.clone(),
        1 => bytes.clone().prop_map(|bytes| [&b"\0\0\0\0\x01"[..], &bytes].concat()),
        1 => bytes.clone().prop_map(|bytes| [&[3, 0][..], &[1; 16], &bytes].concat()),
        1 => bytes.prop_map(|bytes| [&[3, 5][..], &[1; 16], &bytes].concat()),
        1 => crate::formats::json::values::object().prop_map(|value| value.to_string().into_bytes()),
    ]
}

proptest! {
    /// Whatever the bytes: JSON, or the bytes with a reason; and one value alone is as it is in a batch.
    #[test]
    fn any_bytes_are_json_or_a_problem(settings in settings(), values in prop::collection::vec(prop::option::of(value()), 0..6)) {
        let mut transcoder = transcoder(&settings);
        let array: BinaryArray = values.iter().map(Option::as_deref).collect();
        let found = transcoder.transcode(&array);
        prop_assert_eq!(found.values.len(), values.len());
        for (row, value) in values.iter().enumerate() {
            let problem = found.problems.iter().find(|problem| problem.row == row);
            prop_assert_eq!(found.values.is_null(row), value.is_none());
            let Some(value) = value else {
                prop_assert!(problem.is_none());
                continue;
            };
            let written = found.values.value(row);
            let alone = transcoder.transcode_one(value);
            match problem {
                Some(problem) => {
                    prop_assert_eq!(written, value.as_slice());
                    prop_assert_eq!(alone.as_ref(), Err(&problem.reason));
                    prop_assert!(!problem.reason.is_empty() && !problem.reason.contains('\n'));
                }
                None => {
                    let text = std::str::from_utf8(written).expect("text");
                    prop_assert!(scan::check(text).is_ok(), "{}", text);
                    prop_assert_eq!(alone.as_deref(), Ok(text));
                }
            }
        }
        prop_assert_eq!(found.unquoted().len(), values.len());
    }
}
