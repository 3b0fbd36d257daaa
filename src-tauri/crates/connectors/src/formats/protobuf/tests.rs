//! What Protobuf's own library for messages without code encodes is decoded as that library writes it.

use proptest::prelude::*;
use prost_reflect::{
    DynamicMessage, SerializeOptions,
    prost::{Message as _, encoding::encode_varint},
};
use serde_json::Value;

use super::*;

const SHOP: &str = r#"
        syntax = "proto3"; package shop;
        import "google/protobuf/timestamp.proto"; import "google/protobuf/any.proto";
        import "google/protobuf/struct.proto"; import "lines.proto"; import "confluent/meta.proto";
        message First { map<string, int32> m = 1; message Inner { string a = 1; } message Other { bool b = 1; } }
        message Order {
            option (confluent.message_meta).doc = "an order";
            int64 id = 1; optional string note = 2; repeated Line lines = 3; bytes raw = 4; double total = 5;
            google.protobuf.Timestamp at = 6; google.protobuf.Any extra = 7; State state = 8; Order next = 9;
            google.protobuf.Struct more = 10; map<int32, Line> by = 11; oneof pay { string card = 12; uint64 cash = 13; Line gift = 14; }
            repeated sint32 codes = 15;
        }
        enum State { NEW = 0; PAID = 1; }"#;
const LINES: &str = "syntax = \"proto3\"; package shop; message Line { string sku = 1; float price = 2; }";

fn schema(message: Option<&str>) -> ProtobufSchema {
    ProtobufSchema::compile(SHOP, &[("lines.proto", LINES)], message).expect("a schema")
}

fn decoded(schema: &ProtobufSchema, bytes: &[u8], framed: bool) -> Result<String, String> {
    let mut out = Out::after(Vec::new(), 1 << 20);
    schema
        .decode(bytes, framed, &mut out)
        .map_err(|wrong| wrong.reason("Protobuf", 0))?;
    Ok(String::from_utf8(out.into_bytes()).expect("text"))
}

fn descriptor(message: &str) -> MessageDescriptor {
    let pool = pool(SHOP, &[("lines.proto", LINES)]).expect("a schema");
    pool.get_message_by_name(message).expect("a message")
}

/// The bytes of the message that this JSON says.
fn encoded(message: &str, json: &str) -> Vec<u8> {
    let mut json = serde_json::Deserializer::from_str(json);
    DynamicMessage::deserialize(descriptor(message), &mut json)
        .expect("a message")
        .encode_to_vec()
}

/// Names in order, so that maps compare.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(object) => {
            let mut fields: Vec<(String, Value)> = object
                .into_iter()
                .map(|(name, value)| (name, sorted(value)))
                .collect();
            fields.sort_by(|one, other| one.0.cmp(&other.0));
            Value::Object(fields.into_iter().collect())
        }
        Value::Array(list) => list.into_iter().map(sorted).collect(),
        other => other,
    }
}

#[test]
fn messages_are_written_as_their_json() {
    let order = schema(Some("shop.Order"));
    let json = r#"{"id":9007199254740993,"note":"x","lines":[{"sku":"a","price":1.5}],"raw":"AP8=","total":2.0,"at":"2026-03-01T00:00:00.120Z","extra":{"@type":"type.googleapis.com/shop.Line","sku":"b","price":0.0},"state":"PAID","next":{"id":0,"lines":[],"raw":"","total":0.0,"state":"NEW","by":{},"codes":[]},"more":{"k":[true,null]},"by":{"7":{"sku":"c","price":0.0}},"cash":5,"codes":[-1,300]}"#;
    let found = decoded(&order, &encoded("shop.Order", json), false).expect("decoded");
    let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).expect("JSON");
    assert_eq!(read(&found), read(json), "{found}");
    // An unknown number of an enum stays a number.
    assert!(
        decoded(&order, &[0x40, 9], false)
            .expect("decoded")
            .contains("\"state\":9")
    );
}

#[test]
fn the_record_says_which_message() {
    let schema = schema(None);
    let check = |bytes: &[u8], expected: Result<&str, &str>| {
        let found = decoded(&schema, bytes, true);
        assert_eq!(found.as_deref().map_err(String::as_str), expected, "{bytes:?}");
    };
    check(&[0], Ok(r#"{"m":{}}"#));
    check(&[4, 0, 0, 10, 1, b'x'], Ok(r#"{"a":"x"}"#));
    check(&[4, 0, 2], Ok(r#"{"b":false}"#));
    check(
        &[2, 10],
        Err("not Protobuf: the schema has no message at the place [5] at byte 0"),
    );
    check(&[], Err("not Protobuf: the value ends too early at byte 0"));
}

#[test]
fn descriptor_sets() {
    let mut resolver = ChainFileResolver::new();
    resolver.add(Files([("lines.proto".to_owned(), LINES.to_owned())].into()));
    let mut compiler = Compiler::with_file_resolver(resolver);
    compiler.open_file("lines.proto").expect("compiled");
    let set = compiler.include_imports(true).encode_file_descriptor_set();
    let schema = ProtobufSchema::from_descriptor_set(&set, "shop.Line").expect("a schema");
    assert_eq!(
        decoded(&schema, &[10, 1, b'x'], false).as_deref(),
        Ok(r#"{"sku":"x","price":0.0}"#)
    );
    let error = ProtobufSchema::from_descriptor_set(&set, "Line").expect_err("no such message");
    assert_eq!(
        error.message,
        "the Protobuf schema cannot be used: it has no message `Line`; it has shop.Line"
    );
    assert!(ProtobufSchema::from_descriptor_set(b"\xff\xff", "Line").is_err());
}

#[test]
fn broken_schemas_are_refused() {
    let deep = format!("message A {}", "{ message A ".repeat(50_000));
    for text in [
        "message",
        "import \"missing.proto\";",
        "message A { B b = 1; }",
        &deep,
    ] {
        let error = ProtobufSchema::compile(text, &[], None).expect_err("refused");
        assert_eq!(error.code, "protobuf_schema");
        assert!(!error.message.contains('\n'), "{error}");
    }
}

#[test]
fn messages_of_any_type_end() {
    let any = schema(Some("google.protobuf.Any"));
    let mut bytes = Vec::new();
    for _ in 0..200 {
        let url = "type.googleapis.com/google.protobuf.Any";
        let mut outer = vec![10, url.len() as u8];
        outer.extend(url.as_bytes());
        outer.push(18);
        encode_varint(bytes.len() as u64, &mut outer);
        outer.extend(&bytes);
        bytes = outer;
    }
    let reason = decoded(&any, &bytes, false).expect_err("too deep");
    assert!(
        reason.starts_with("not Protobuf: messages nested deeper than 100"),
        "{reason}"
    );
}

#[test]
fn comments_and_strings_have_no_depth() {
    let text = format!(
        "syntax = \"proto3\"; // {0}\n/* {0} */ message A {{ option deprecated = true; string a = 1 [json_name = \"{0}\\\"{0}\"]; }}",
        "<{".repeat(200)
    );
    assert!(ProtobufSchema::compile(&text, &[], Some("A")).is_ok());
}

#[test]
fn what_json_writes_in_a_way_of_its_own() {
    let check = |message: &str, bytes: &[u8], expected: &str| {
        let text = "syntax = \"proto3\"; import \"google/protobuf/duration.proto\"; import \"google/protobuf/any.proto\";
            import \"google/protobuf/wrappers.proto\"; import \"google/protobuf/field_mask.proto\";
            import \"google/protobuf/timestamp.proto\"; import \"google/protobuf/struct.proto\";
            import \"google/protobuf/empty.proto\";";
        let name = format!("google.protobuf.{message}");
        let schema = ProtobufSchema::compile(text, &[], Some(&name)).expect("a schema");
        assert_eq!(
            decoded(&schema, bytes, false).as_deref(),
            Ok(expected),
            "{message}"
        );
    };
    check("Duration", &[8, 1, 16, 0x80, 0xad, 0xe2, 4], "\"1.010s\"");
    check("Duration", &[8, 3], "\"3s\"");
    check(
        "Duration",
        &[16, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1],
        "\"-0.000000001s\"",
    );
    check("Timestamp", &[], "\"1970-01-01T00:00:00Z\"");
    // What is no time is shown as it is.
    check(
        "Timestamp",
        &[16, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1],
        "{\"seconds\":0,\"nanos\":-1}",
    );
    check("Int64Value", &[8, 5], "5");
    check("BoolValue", &[], "false");
    check("BytesValue", &[10, 1, 255], "\"/w==\"");
    check("FieldMask", b"\x0a\x07a.b_c_d\x0a\x01e", "\"a.bCD,e\"");
    check("Empty", &[8, 1], "{}");
    check("Value", &[], "null");
    check("Value", &[8, 0], "null");
    check("Value", &[32, 1], "true");
    check("ListValue", &[10, 2, 32, 1, 10, 0], "[true,null]");
    check(
        "Any",
        b"\x0a\x03a/b\x12\x01x",
        "{\"@type\":\"a/b\",\"value\":\"eA==\"}",
    );
    check(
        "Any",
        b"\x0a\x1c/google.protobuf.StringValue\x12\x03\x0a\x01x",
        "{\"@type\":\"/google.protobuf.StringValue\",\"value\":\"x\"}",
    );
}

#[test]
fn broken_values_are_refused() {
    let order = schema(Some("shop.Order"));
    let check = |bytes: &[u8], expected: &str| {
        assert_eq!(
            decoded(&order, bytes, false),
            Err(format!("not Protobuf: {expected}")),
            "{bytes:?}"
        );
    };
    check(&[8], "the value ends too early at byte 1");
    check(&[0], "a field whose number cannot be at byte 1");
    check(&[0x0e], "a field of a type that Protobuf does not have at byte 1");
    check(&[0x0c], "the end of a group that did not begin at byte 1");
    check(&[0x12, 5, b'a'], "the value ends too early at byte 3");
    check(&[0x12, 1, 0xff], "text that is not UTF-8 at byte 2");
    check(
        &[0x0a, 1, b'a'],
        "a field of another type than the schema says at byte 2",
    );
    check(
        &[8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1],
        "a number of more than 64 bits at byte 11",
    );
    check(
        &[0xa3, 1].repeat(200),
        "groups nested deeper than 100 at byte 204",
    );
    let deep = (0..150).fold(Vec::new(), |within, _| field(9, &within));
    assert!(decoded(&order, &deep, false).is_err_and(|reason| reason.contains("nested deeper than 100")));
}

fn key(number: u64, wire: u64) -> Vec<u8> {
    varint(number << 3 | wire)
}

fn varint(value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_varint(value, &mut bytes);
    bytes
}

fn number(of: u64, value: u64) -> Vec<u8> {
    [key(of, 0), varint(value)].concat()
}

fn field(of: u64, bytes: &[u8]) -> Vec<u8> {
    [key(of, 2), varint(bytes.len() as u64), bytes.to_vec()].concat()
}

fn pieces(piece: impl Strategy<Value = Vec<u8>>, max: usize) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(piece, 0..max).prop_map(|pieces| pieces.concat())
}

fn line() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        "[a-zé]{0,3}".prop_map(|text| field(1, text.as_bytes())),
        // Of others, two shortest texts may be equally near.
        any::<i16>()
            .prop_map(|eighths| f32::from(eighths) / 8.0)
            .prop_map(|value| [key(2, 5), value.to_le_bytes().to_vec()].concat()),
    ];
    pieces(piece, 3)
}

/// Fields of an order in any order, some twice, some unknown.
fn order() -> impl Strategy<Value = Vec<u8>> {
    let time = (0u64..253_402_300_800, 0u64..1_000_000_000)
        .prop_map(|(seconds, nanos)| [number(2, nanos), number(1, seconds)].concat());
    let leaf = prop_oneof![
        any::<u64>().prop_map(|value| number(1, value)),
        "[a-z]{0,3}".prop_map(|text| field(2, text.as_bytes())),
        line().prop_map(|line| field(3, &line)),
        any::<[u8; 3]>().prop_map(|bytes| field(4, &bytes)),
        any::<f64>().prop_map(|value| [key(5, 1), value.to_le_bytes().to_vec()].concat()),
        time.prop_map(|time| field(6, &time)),
        line().prop_map(|line| field(7, &[field(1, b"x/shop.Line"), field(2, &line)].concat())),
        (0u64..4).prop_map(|value| number(8, value)),
        ("[a-b]", any::<bool>()).prop_map(|(name, value)| {
            let value = number(4, value.into());
            field(
                10,
                &field(1, &[field(1, name.as_bytes()), field(2, &value)].concat()),
            )
        }),
        (0u64..3, line()).prop_map(|(key, line)| field(11, &[number(1, key), field(2, &line)].concat())),
        Just(field(11, &[])),
        "[a-z]".prop_map(|text| field(12, text.as_bytes())),
        any::<u64>().prop_map(|value| number(13, value)),
        line().prop_map(|line| field(14, &line)),
        prop::collection::vec(0u64..300, 0..4)
            .prop_map(|list| { field(15, &list.into_iter().flat_map(varint).collect::<Vec<_>>()) }),
        (0u64..300).prop_map(|value| number(15, value)),
        Just([key(99, 3), number(1, 7), field(2, b"x"), key(99, 4)].concat()),
        Just(number(98, 1)),
    ];
    pieces(leaf, 12).prop_recursive(3, 40, 4, |order| {
        (order.clone(), order.clone(), order)
            .prop_map(|(before, within, after)| [before, field(9, &within), after].concat())
    })
}

#[test]
fn blocks_as_deep_as_is_allowed() {
    let nested = |depth: usize| {
        format!(
            "syntax = \"proto3\"; {} {}",
            "message A {".repeat(depth),
            "}".repeat(depth)
        )
    };
    ProtobufSchema::compile(&nested(30), &[], Some("A")).expect("a schema");
    assert!(ProtobufSchema::compile(&nested(33), &[], Some("A")).is_err());
}

proptest! {
    #[test]
    fn a_schema_with_a_mistake_is_used_or_refused(at in any::<prop::sample::Index>(), with in "[ -~]{0,3}", cut in 0usize..4) {
        let at = at.index(SHOP.len());
        let text = format!("{}{with}{}", &SHOP[..at], SHOP.get(at + cut..).unwrap_or(""));
        if let Err(error) = ProtobufSchema::compile(&text, &[("lines.proto", LINES)], None) {
            prop_assert_eq!(error.code, "protobuf_schema");
        }
    }

    #[test]
    fn any_descriptor_set_is_used_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(ProtobufSchema::from_descriptor_set(&bytes, "A").is_err());
    }

    #[test]
    fn agrees_with_the_library(bytes in order()) {
        let message = DynamicMessage::decode(descriptor("shop.Order"), bytes.as_slice()).expect("a message");
        let options = SerializeOptions::new().stringify_64_bit_integers(false).skip_default_fields(false);
        let mut theirs = Vec::new();
        message
            .serialize_with_options(&mut serde_json::Serializer::new(&mut theirs), &options)
            .expect("JSON");
        let theirs: Value = serde_json::from_slice(&theirs).expect("JSON");
        let ours = decoded(&schema(Some("shop.Order")), &bytes, false).expect("decoded");
        let read: Value = serde_json::from_str(&ours).expect("JSON");
        prop_assert!(
            crate::formats::json::values::same(&sorted(read), &sorted(theirs.clone())),
            "{}\n{}", ours, theirs
        );
    }

    #[test]
    fn any_bytes_are_json_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..100), framed in any::<bool>()) {
        let schema = schema(if framed { None } else { Some("shop.Order") });
        if let Ok(text) = decoded(&schema, &bytes, framed) {
            prop_assert!(crate::formats::json::scan::check(&text).is_ok(), "{}", text);
        }
    }
}
