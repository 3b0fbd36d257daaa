//! What is tried on arbitrary bytes: everything that reads bytes from outside. The fuzzer runs these bodies for hours,
//! `make test` runs them on the seeds and on thousands of mutations of them.
//!
//! What has to hold whatever the bytes are: nothing panics; what comes out is JSON; it is no longer than its limit.

#![allow(clippy::panic, reason = "a fuzzer is told by a panic")]

use std::sync::LazyLock;

use arrow::array::{
    Array, ArrayRef, BinaryArray, Int32Array, Int64Array, RecordBatch, TimestampMillisecondArray,
};
use tailrace_connectors::{
    clusters::kafka::import::{Store, import},
    formats::{
        AvroSchema, Encoder, Format, FormatSettings, Framing, ProtobufSchema, RecordDecoder, Transcoder,
        describe, detect_values, frame, json, preview, problem,
        registry::{RegisteredSchema, SchemaKind},
        text_of,
    },
    tracking::{self, Call, Stamp},
};

/// A body by the name of its target.
pub type Body = fn(&[u8]);

/// Every target. The names are those of `fuzz_targets/` and of the folders in `seeds/`.
pub const TARGETS: [(&str, Body); 21] = [
    ("json", json_body),
    ("avro", avro),
    ("avro_confluent", avro_confluent),
    ("avro_schema", avro_schema),
    ("glue", glue),
    ("protobuf", protobuf),
    ("protobuf_confluent", protobuf_confluent),
    ("protobuf_schema", protobuf_schema),
    ("json_schema", json_schema),
    ("messagepack", messagepack),
    ("cbor", cbor),
    ("csv", csv),
    ("text", text),
    ("hex", hex),
    ("integers", integers),
    ("consumer_offsets", consumer_offsets),
    ("transaction_state", transaction_state),
    ("view", view),
    ("client_properties", importer),
    ("kcat_conf", importer),
    ("tracking", tracking),
];

/// Bytes of one value as JSON, as `formats::transcode` promises: so many, and so many times those that it was.
const JSON_BYTES_MIN: usize = 1024 * 1024;
const JSON_TIMES_MAX: usize = 1024;
/// Bytes of an error's sentence.
const REASON_BYTES_MAX: usize = 4 * 1024;
/// Characters of a preview.
const PREVIEW_CHARS_MAX: usize = 80;

/// Every kind of Avro, and a type within itself.
const AVRO: &str = r#"{"type":"record","name":"R","fields":[
    {"name":"n","type":"null"},{"name":"b","type":"boolean"},{"name":"i","type":"int"},{"name":"l","type":"long"},
    {"name":"f","type":"float"},{"name":"d","type":"double"},{"name":"y","type":"bytes"},{"name":"s","type":"string"},
    {"name":"e","type":{"type":"enum","name":"E","symbols":["A","B"]}},
    {"name":"x","type":{"type":"fixed","name":"F","size":4}},
    {"name":"m","type":{"type":"map","values":["null","R"]}},
    {"name":"a","type":{"type":"array","items":["null","long","string"]}},
    {"name":"z","type":{"type":"array","items":"null"}},
    {"name":"dec","type":{"type":"bytes","logicalType":"decimal","precision":40,"scale":5}},
    {"name":"fix","type":{"type":"fixed","name":"G","size":16,"logicalType":"decimal","precision":30,"scale":2}},
    {"name":"date","type":{"type":"int","logicalType":"date"}},
    {"name":"t","type":{"type":"int","logicalType":"time-millis"}},
    {"name":"tu","type":{"type":"long","logicalType":"time-micros"}},
    {"name":"ts","type":{"type":"long","logicalType":"timestamp-millis"}},
    {"name":"tm","type":{"type":"long","logicalType":"timestamp-micros"}},
    {"name":"tn","type":{"type":"long","logicalType":"timestamp-nanos"}},
    {"name":"u","type":{"type":"string","logicalType":"uuid"}},
    {"name":"next","type":["null","R"],"default":null}]}"#;

/// Every kind of Protobuf, and a message within itself.
const PROTOBUF: &str = r#"syntax = "proto3"; package shop;
    import "google/protobuf/timestamp.proto"; import "google/protobuf/duration.proto";
    import "google/protobuf/struct.proto"; import "google/protobuf/any.proto";
    import "google/protobuf/wrappers.proto"; import "google/protobuf/field_mask.proto";
    message Order {
        double d = 1; float f = 2; int32 i = 3; int64 l = 4; uint32 u = 5; uint64 ul = 6; sint32 si = 7; sint64 sl = 8;
        fixed32 fx = 9; fixed64 fxl = 10; sfixed32 sf = 11; sfixed64 sfl = 12; bool b = 13; string s = 14; bytes y = 15;
        enum Kind { NONE = 0; SOME = 1; } Kind kind = 16; repeated int32 many = 17; repeated string names = 18;
        map<string, Order> within = 19; map<int64, bytes> blobs = 20; optional int32 maybe = 21;
        oneof one { string a = 22; Order o = 23; } repeated Kind kinds = 24;
        google.protobuf.Timestamp at = 30; google.protobuf.Duration took = 31; google.protobuf.Struct free = 32;
        google.protobuf.Value any_value = 33; google.protobuf.ListValue list = 34; google.protobuf.Any any = 35;
        google.protobuf.Int64Value wrapped = 36; google.protobuf.FieldMask mask = 37;
        message Line { string sku = 1; repeated double prices = 2; } repeated Line lines = 38;
    }"#;

fn avro_settings(framing: Framing) -> FormatSettings {
    FormatSettings {
        schema: Some(AVRO.to_owned()),
        framing: Some(framing),
        ..FormatSettings::new(Format::Avro)
    }
}

fn protobuf_settings(framing: Framing) -> FormatSettings {
    FormatSettings {
        schema: Some(PROTOBUF.to_owned()),
        message: (framing == Framing::Plain).then(|| "shop.Order".to_owned()),
        framing: Some(framing),
        ..FormatSettings::new(Format::Protobuf)
    }
}

fn transcoder(settings: &FormatSettings) -> Transcoder {
    match Transcoder::new(settings, None) {
        Ok(transcoder) => transcoder,
        Err(error) => panic!("the format of a target can be used: {error}"),
    }
}

/// Reads one value, alone and in a batch: JSON within its limit, or a sentence.
fn read(transcoder: &mut Transcoder, key: Option<&[u8]>, bytes: &[u8]) {
    let alone = transcoder.transcode_one_keyed(key, bytes);
    match &alone {
        Ok(text) => check_json(text, bytes.len()),
        Err(reason) => {
            assert!(
                !reason.is_empty() && reason.len() <= REASON_BYTES_MAX,
                "a reason of {} bytes",
                reason.len()
            );
        }
    }
    let values = BinaryArray::from(vec![Some(bytes), None, Some(bytes)]);
    let keys = BinaryArray::from(vec![key, key, key]);
    let batch = transcoder.transcode_keyed(&values, Some(&keys));
    assert_eq!(batch.values.len(), 3);
    assert!(batch.values.is_null(1), "no value is no value");
    match &alone {
        Ok(text) if batch.problems.is_empty() => check_same(text.as_bytes(), batch.values.value(0)),
        Ok(_) => panic!("alone it is read, in a batch: {:?}", batch.problems),
        Err(_) => {
            let rows: Vec<usize> = batch.problems.iter().map(|problem| problem.row).collect();
            assert_eq!(rows, [0, 2], "alone it is not read");
            assert_eq!(batch.values.value(0), bytes, "the bytes as they were");
        }
    }
    assert_eq!(batch.unquoted().len(), 3);
    let described = transcoder.describe_keyed(key, Some(bytes));
    assert_eq!(described.problem.is_some(), alone.is_err());
}

/// JSON that is its own JSON may keep its spaces in a batch.
fn check_same(alone: &[u8], in_batch: &[u8]) {
    if alone != in_batch {
        let value = |bytes| serde_json::from_slice::<serde_json::Value>(bytes);
        if let (Ok(alone), Ok(in_batch)) = (value(alone), value(in_batch)) {
            assert_eq!(alone, in_batch, "alone and in a batch");
        }
    }
}

fn check_json(text: &str, from: usize) {
    assert!(
        text.len() <= from * JSON_TIMES_MAX + JSON_BYTES_MIN,
        "{} bytes of JSON from {from}",
        text.len()
    );
    if let Err(error) = serde_json::from_str::<&serde_json::value::RawValue>(text) {
        panic!("{error}: {}", preview(text.as_bytes(), 500));
    }
}

fn of_format(format: Format, bytes: &[u8]) {
    read(&mut transcoder(&FormatSettings::new(format)), None, bytes);
}

/// The bytes as two, cut where the first says.
fn in_two(bytes: &[u8]) -> (&[u8], &[u8]) {
    match bytes.split_first() {
        Some((at, rest)) => rest.split_at(usize::from(*at).min(rest.len())),
        None => (&[], &[]),
    }
}

/// Keys and values as columns: what the filter and the tables see.
fn columns(bytes: &[u8]) {
    let values: Vec<Option<&[u8]>> = bytes
        .split(|byte| *byte == b'\n')
        .map(Some)
        .chain([None])
        .take(64)
        .collect();
    let values = BinaryArray::from(values);
    let shape = json::Shape::infer(&values, json::ShapeLimits::default());
    let rows = values.len() as i32;
    let column =
        |name: &str, column: ArrayRef| (name.to_owned(), column, name != "_partition" && name != "_offset");
    let raw = RecordBatch::try_from_iter_with_nullable([
        column(
            "_partition",
            std::sync::Arc::new(Int32Array::from_iter_values(0..rows)),
        ),
        column(
            "_offset",
            std::sync::Arc::new(Int64Array::from_iter_values(0..i64::from(rows))),
        ),
        column(
            "_timestamp",
            std::sync::Arc::new(TimestampMillisecondArray::from_iter(
                (0..rows).map(|at| Some(i64::from(at))),
            )),
        ),
        column("_key", std::sync::Arc::new(values.clone())),
        column("value", std::sync::Arc::new(values.clone())),
    ]);
    let raw = match raw {
        Ok(raw) => raw,
        Err(error) => panic!("a batch of records: {error}"),
    };
    for decoder in [RecordDecoder::json(&shape), RecordDecoder::text()] {
        match decoder.decode(&raw) {
            Ok(decoded) => assert_eq!(decoded.records.num_rows(), values.len()),
            Err(error) => panic!("bytes are never an error: {error}"),
        }
    }
}

pub fn json_body(bytes: &[u8]) {
    of_format(Format::Json, bytes);
    columns(bytes);
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Some(indented) = json::pretty(text)
    {
        assert!(
            serde_json::from_str::<&serde_json::value::RawValue>(&indented).is_ok(),
            "indented it is still JSON"
        );
    }
}

thread_local! {
    static AVRO_PLAIN: std::cell::RefCell<Transcoder> = transcoder(&avro_settings(Framing::Plain)).into();
    static AVRO_FRAMED: std::cell::RefCell<Transcoder> = transcoder(&avro_settings(Framing::Confluent)).into();
    static AVRO_GLUE: std::cell::RefCell<Transcoder> = transcoder(&avro_settings(Framing::Glue)).into();
    static PROTOBUF_PLAIN: std::cell::RefCell<Transcoder> = transcoder(&protobuf_settings(Framing::Plain)).into();
    static PROTOBUF_FRAMED: std::cell::RefCell<Transcoder> = transcoder(&protobuf_settings(Framing::Confluent)).into();
}

pub fn avro(bytes: &[u8]) {
    AVRO_PLAIN.with_borrow_mut(|transcoder| read(transcoder, None, bytes));
}

/// With a schema that is given, and with one that nobody knows.
pub fn avro_confluent(bytes: &[u8]) {
    AVRO_FRAMED.with_borrow_mut(|transcoder| read(transcoder, None, bytes));
    of_format(Format::Avro, bytes);
    of_format(Format::Registry, bytes);
}

/// A schema from a registry, and a value of it.
pub fn avro_schema(bytes: &[u8]) {
    let mut parts = bytes.splitn(2, |byte| *byte == 0);
    let (schema, value) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let Ok(schema) = std::str::from_utf8(schema) else {
        return;
    };
    let parsed = AvroSchema::parse(schema, &[]).is_ok();
    let settings = FormatSettings {
        schema: Some(schema.to_owned()),
        ..FormatSettings::new(Format::Avro)
    };
    match Transcoder::new(&settings, None) {
        Ok(mut transcoder) => read(&mut transcoder, None, value),
        Err(_) => assert!(!parsed, "what can be parsed can be used"),
    }
    write_value(SchemaKind::Avro, schema, value);
}

/// JSON that is to be written by a schema: bytes, or what does not fit.
fn write_value(kind: SchemaKind, schema: &str, json: &[u8]) {
    let schema = RegisteredSchema {
        id: 1,
        kind,
        text: schema.to_owned(),
        references: Vec::new(),
    };
    if let (Ok(encoder), Ok(json)) = (Encoder::new(&schema, None), std::str::from_utf8(json))
        && let Err(misfit) = encoder.encode(json)
    {
        assert!(!misfit.to_string().is_empty(), "a sentence");
    }
}

pub fn glue(bytes: &[u8]) {
    AVRO_GLUE.with_borrow_mut(|transcoder| read(transcoder, None, bytes));
    let framed = FormatSettings {
        framing: Some(Framing::Glue),
        ..FormatSettings::new(Format::JsonSchema)
    };
    read(&mut transcoder(&framed), None, bytes);
}

pub fn protobuf(bytes: &[u8]) {
    PROTOBUF_PLAIN.with_borrow_mut(|transcoder| read(transcoder, None, bytes));
}

pub fn protobuf_confluent(bytes: &[u8]) {
    PROTOBUF_FRAMED.with_borrow_mut(|transcoder| read(transcoder, None, bytes));
}

/// A file from a registry, or a set of descriptors; messages that each takes are of no use without one.
pub fn protobuf_schema(bytes: &[u8]) {
    drop(ProtobufSchema::from_descriptor_set(bytes, "shop.Order"));
    if let Ok(text) = std::str::from_utf8(bytes) {
        drop(ProtobufSchema::compile(text, &[], Some("shop.Order")));
        write_value(SchemaKind::Protobuf, text, b"{}");
    }
}

/// JSON behind a header, and a schema with a value to write.
pub fn json_schema(bytes: &[u8]) {
    of_format(Format::JsonSchema, bytes);
    let (schema, value) = in_two(bytes);
    if let Ok(schema) = std::str::from_utf8(schema) {
        write_value(SchemaKind::Json, schema, value);
    }
}

pub fn messagepack(bytes: &[u8]) {
    of_format(Format::MessagePack, bytes);
}

pub fn cbor(bytes: &[u8]) {
    of_format(Format::Cbor, bytes);
}

/// With names of fields, and without.
pub fn csv(bytes: &[u8]) {
    for (delimiter, header) in [(',', &["a", "b", "a"][..]), (';', &[]), ('\t', &["only"])] {
        let settings = FormatSettings {
            delimiter,
            header: header.iter().map(|name| (*name).to_owned()).collect(),
            ..FormatSettings::new(Format::Csv)
        };
        read(&mut transcoder(&settings), None, bytes);
    }
}

pub fn text(bytes: &[u8]) {
    of_format(Format::Text, bytes);
    columns(bytes);
}

pub fn hex(bytes: &[u8]) {
    of_format(Format::Hex, bytes);
}

pub fn integers(bytes: &[u8]) {
    for format in [Format::Int8, Format::Int16, Format::Int32, Format::Int64] {
        of_format(format, bytes);
    }
}

pub fn consumer_offsets(bytes: &[u8]) {
    internal(Format::ConsumerOffsetsKey, Format::ConsumerOffsets, bytes);
}

pub fn transaction_state(bytes: &[u8]) {
    internal(Format::TransactionStateKey, Format::TransactionState, bytes);
}

/// A key, a value that it tells of, and a value of which nothing is told.
fn internal(key_format: Format, value_format: Format, bytes: &[u8]) {
    let (key, value) = in_two(bytes);
    of_format(key_format, key);
    let mut values = transcoder(&FormatSettings::new(value_format));
    read(&mut values, Some(key), value);
    read(&mut values, None, bytes);
}

/// What a person sees of bytes that nobody knows.
pub fn view(bytes: &[u8]) {
    let described = describe(Some(bytes));
    if let Some(indented) = &described.json {
        assert!(
            serde_json::from_str::<&serde_json::value::RawValue>(indented).is_ok(),
            "indented it is still JSON"
        );
    }
    for format in Format::ALL {
        drop(problem(bytes, format));
    }
    let _ = (frame(bytes), text_of(bytes).len());
    for chars in [0, 1, PREVIEW_CHARS_MAX] {
        // The cut's mark, and of bytes how many more there are.
        let shown = preview(bytes, chars).chars().count();
        assert!(shown <= chars + 48, "{shown} characters of {chars}");
    }
    let sample: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').take(64).collect();
    assert!(detect_values(&BinaryArray::from_iter_values(&sample)).is_some());
}

/// A file of another client: every setting of it is told of, and what is secret is nowhere else.
pub fn importer(bytes: &[u8]) {
    static STORES: LazyLock<[Store; 5]> = LazyLock::new(|| {
        [
            Store::Pem,
            Store::Pkcs12,
            Store::Jks,
            Store::Unknown,
            Store::Missing,
        ]
    });
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let look = |path: &str| (STORES[path.len() % STORES.len()], path.to_owned());
    let imported = import(text, "certs/converted.pem", &look);
    for name in imported.secrets.keys() {
        assert!(
            !imported.properties.contains_key(name),
            "{name} is a secret and a property"
        );
    }
    for (name, secret) in &imported.secrets {
        // A fuzzer that reads what is compared makes a secret of the sentence itself.
        let plain = |place: &str| {
            imported.secrets.keys().fold(place.to_owned(), |place, name| {
                place.replace(&format!("{name} goes to the secret store"), "")
            })
        };
        // What is short may stand in any word, and what stands elsewhere too is told as what it is there.
        let alone = secret.len() > 8 && text.matches(secret.as_str()).count() < 2;
        let told =
            |place: &str| alone && !name.contains(secret.as_str()) && plain(place).contains(secret.as_str());
        let mut sentences = imported.lines.iter().map(|line| line.detail.as_str());
        let known = imported
            .lines
            .iter()
            .any(|line| line.key.contains(secret.as_str()));
        assert!(known || !sentences.any(told), "{name} is told");
    }
    let _ = Store::of(bytes);
}

/// A body of the tracking API, by each of its calls: events that are JSON where they were, that say when they were received
/// and have a message id, and not more bytes than is allowed.
pub fn tracking(bytes: &[u8]) {
    let Ok(body) = tracking::Body::parse(bytes) else {
        return;
    };
    let _ = body.write_key();
    for (_, call) in Call::PATHS.into_iter().chain([("", Call::Message)]) {
        let mut made = 0;
        let mut stamp = Stamp {
            received_ms: 1_767_225_600_000,
            message_id: &mut || {
                made += 1;
                format!("made-{made}")
            },
        };
        let Ok(posted) = body.events(call, &mut stamp) else {
            continue;
        };
        let whole: usize = posted.events.iter().map(Vec::len).sum();
        assert!(whole <= tracking::STAMPED_BYTES_MAX, "{whole} bytes");
        assert!((1..=tracking::BATCH_EVENTS_MAX).contains(&posted.events.len()));
        for event in &posted.events {
            let Ok(tree) = serde_json::from_slice::<serde_json::Value>(event) else {
                // Half a surrogate pair, a number that is too large, too deep for a tree: whoever reads it says so. Its
                // outline is JSON all the same.
                let outline = serde_json::from_slice::<&serde_json::value::RawValue>(event);
                assert!(outline.is_ok(), "an event is no JSON: {outline:?}");
                continue;
            };
            let Some(event) = tree.as_object() else { continue };
            assert_eq!(event.get("receivedAt"), Some(&"2026-01-01T00:00:00.000Z".into()));
            assert!(
                event
                    .get("messageId")
                    .is_some_and(|id| *id != "" && !id.is_null())
            );
            assert!(!event.contains_key("writeKey"), "the key goes no further");
            if let Call::One(kind) = call {
                assert_eq!(event.get("type"), Some(&kind.into()));
            }
        }
    }
}
