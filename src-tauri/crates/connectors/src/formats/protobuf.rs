//! Protobuf as its own JSON: <https://protobuf.dev/programming-guides/json/>.
//!
//! Two of the mapping's choices are made for tables: whole numbers of 64 bits are numbers (the mapping reads both), and
//! fields without presence are written when they have their default value, so that `value.count = 0` finds them.

use std::collections::HashMap;

use prost_reflect::{
    DescriptorPool, DynamicMessage, FileDescriptor, Kind, MessageDescriptor, ReflectMessage as _,
    SerializeOptions, Value,
};
use protox::{
    Compiler,
    file::{ChainFileResolver, File, FileResolver, GoogleFileResolver},
};
use tailrace_model::{Error, Result};

use super::{
    framing::message_indexes,
    write::{DEPTH_MAX, Out, Result as Written, Wrong},
};

/// Bytes of one value: in memory a message takes many times as much.
const VALUE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Bytes of a schema's text or of a descriptor set.
const SCHEMA_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Blocks within one another in a schema's text.
const SCHEMA_DEPTH_MAX: usize = 100;
/// The name of the file that a schema is compiled as.
const FILE: &str = "tailrace/schema.proto";
const ANY: &str = "google.protobuf.Any";

/// Files that Confluent's registry lets every schema import without a reference.
/// <https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/serdes-protobuf.html>
const CONFLUENT: [(&str, &str); 2] = [
    (
        "confluent/type/decimal.proto",
        "syntax = \"proto3\"; package confluent.type;
        message Decimal { bytes value = 1; uint32 precision = 2; int32 scale = 3; }",
    ),
    (
        "confluent/meta.proto",
        "syntax = \"proto3\"; package confluent; import \"google/protobuf/descriptor.proto\";
        message Meta { string doc = 1; map<string, string> params = 2; repeated string tags = 3; }
        extend google.protobuf.FileOptions { Meta file_meta = 1088; }
        extend google.protobuf.MessageOptions { Meta message_meta = 1088; }
        extend google.protobuf.FieldOptions { Meta field_meta = 1088; }
        extend google.protobuf.EnumOptions { Meta enum_meta = 1088; }
        extend google.protobuf.EnumValueOptions { Meta enum_value_meta = 1088; }",
    ),
];

/// Messages that can be decoded.
#[derive(Debug, Clone)]
pub struct ProtobufSchema {
    messages: Messages,
    /// The pool when it has messages that contain any other.
    any: Option<DescriptorPool>,
}

#[derive(Debug, Clone)]
enum Messages {
    One(MessageDescriptor),
    /// The record says which.
    OfFile(FileDescriptor),
}

fn wrong(what: impl std::fmt::Display) -> Error {
    Error::user(
        "protobuf_schema",
        format!("the Protobuf schema cannot be used: {what}"),
    )
}

impl ProtobufSchema {
    /// The messages of a file; `references` are the files that it imports, by the name in the import. `message` is the
    /// full name of the one that every value is, when it is always the same.
    pub fn compile(text: &str, references: &[(&str, &str)], message: Option<&str>) -> Result<Self> {
        for text in references.iter().map(|(_, text)| *text).chain([text]) {
            check_size(text.len())?;
            check_depth(text)?;
        }
        let mut files: HashMap<String, String> = CONFLUENT
            .iter()
            .chain(references)
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
            .collect();
        files.insert(FILE.to_owned(), text.to_owned());
        let mut resolver = ChainFileResolver::new();
        resolver.add(Files(files));
        resolver.add(GoogleFileResolver::new());
        let mut compiler = Compiler::with_file_resolver(resolver);
        compiler.open_file(FILE).map_err(wrong)?;
        let pool = compiler.descriptor_pool();
        let messages = match message {
            Some(message) => Messages::One(named(&pool, message)?),
            None => Messages::OfFile(
                pool.get_file_by_name(FILE)
                    .ok_or_else(|| wrong("it has no file"))?,
            ),
        };
        Ok(Self::new(messages, pool))
    }

    /// One message of a descriptor set, as `protoc --include_imports --descriptor_set_out=FILE` writes it.
    pub fn from_descriptor_set(set: &[u8], message: &str) -> Result<Self> {
        check_size(set.len())?;
        let pool = DescriptorPool::decode(set)
            .map_err(|error| wrong(format_args!("it is no descriptor set, {error}")))?;
        Ok(Self::new(Messages::One(named(&pool, message)?), pool))
    }

    fn new(messages: Messages, pool: DescriptorPool) -> Self {
        let any = pool.get_message_by_name(ANY).is_some().then_some(pool);
        Self { messages, any }
    }

    /// Writes the value as JSON. `framed`: behind Confluent's header, with the place of the message in its file.
    pub(super) fn decode(&self, bytes: &[u8], framed: bool, out: &mut Out) -> Written {
        let mut indexes = Vec::new();
        let before = match framed {
            true => message_indexes(bytes, &mut indexes)?,
            false => 0,
        };
        let descriptor = match &self.messages {
            Messages::One(message) => message.clone(),
            Messages::OfFile(file) => at(file, &indexes)
                .ok_or_else(|| Wrong::at(format!("the schema has no message at the place {indexes:?}"), 0))?,
        };
        let bytes = &bytes[before..];
        if bytes.len() > VALUE_BYTES_MAX {
            return Err(Wrong::new(format!("it has more than {VALUE_BYTES_MAX} bytes")));
        }
        let message = DynamicMessage::decode(descriptor, bytes).map_err(|error| {
            let text = error.to_string();
            let text = text.strip_prefix("failed to decode Protobuf message: ");
            Wrong::new(text.map_or_else(|| error.to_string(), str::to_owned))
        })?;
        if let Some(pool) = &self.any {
            check_any(&message, pool, 0)?;
        }
        let options = SerializeOptions::new()
            .stringify_64_bit_integers(false)
            .skip_default_fields(false);
        message
            .serialize_with_options(&mut serde_json::Serializer::new(out), &options)
            .map_err(|error| Wrong::new(error.to_string()))
    }
}

fn check_size(bytes: usize) -> Result<()> {
    if bytes > SCHEMA_BYTES_MAX {
        return Err(wrong(format_args!("it has more than {SCHEMA_BYTES_MAX} bytes")));
    }
    Ok(())
}

/// The compiler goes down into blocks without a limit of its own. Braces in comments and strings count too.
fn check_depth(text: &str) -> Result<()> {
    let mut depth = 0usize;
    for byte in text.bytes() {
        match byte {
            b'{' | b'[' | b'<' | b'(' => depth += 1,
            b'}' | b']' | b'>' | b')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > SCHEMA_DEPTH_MAX {
            return Err(wrong(format_args!("it nests deeper than {SCHEMA_DEPTH_MAX}")));
        }
    }
    Ok(())
}

fn named(pool: &DescriptorPool, name: &str) -> Result<MessageDescriptor> {
    pool.get_message_by_name(name).ok_or_else(|| {
        let mut known: Vec<String> = pool
            .all_messages()
            .filter(|message| !message.is_map_entry() && message.package_name() != "google.protobuf")
            .map(|message| message.full_name().to_owned())
            .take(8)
            .collect();
        known.sort();
        wrong(format_args!(
            "it has no message `{name}`; it has {}",
            if known.is_empty() {
                "none".to_owned()
            } else {
                known.join(", ")
            }
        ))
    })
}

/// The message at a place; the messages that Protobuf makes of map fields have none.
fn at(file: &FileDescriptor, indexes: &[usize]) -> Option<MessageDescriptor> {
    let (first, within) = indexes.split_first()?;
    let mut message = file.messages().nth(*first)?;
    for index in within {
        let next = message
            .child_messages()
            .filter(|message| !message.is_map_entry())
            .nth(*index)?;
        message = next;
    }
    Some(message)
}

/// A message of any type is decoded while it is written, where nothing counts how deep it nests.
fn check_any(message: &DynamicMessage, pool: &DescriptorPool, depth: usize) -> Written {
    if depth > DEPTH_MAX {
        return Err(Wrong::new(format!("messages nested deeper than {DEPTH_MAX}")));
    }
    if message.descriptor().full_name() == ANY {
        let text = |number| message.get_field_by_number(number);
        let url = text(1)
            .and_then(|url| url.as_str().map(str::to_owned))
            .unwrap_or_default();
        let name = url.rsplit('/').next().unwrap_or_default();
        let value = text(2)
            .and_then(|value| value.as_bytes().cloned())
            .unwrap_or_default();
        let descriptor = pool.get_message_by_name(name).ok_or_else(|| {
            Wrong::new(format!(
                "the schema has no message `{name}` for a field of any type"
            ))
        })?;
        let within = DynamicMessage::decode(descriptor, value)
            .map_err(|error| Wrong::new(format!("a field of any type: {error}")))?;
        return check_any(&within, pool, depth + 1);
    }
    for (field, value) in message.fields() {
        if matches!(field.kind(), Kind::Message(_)) {
            check_any_value(value, pool, depth + 1)?;
        }
    }
    Ok(())
}

fn check_any_value(value: &Value, pool: &DescriptorPool, depth: usize) -> Written {
    match value {
        Value::Message(message) => check_any(message, pool, depth),
        Value::List(list) => list
            .iter()
            .try_for_each(|value| check_any_value(value, pool, depth)),
        Value::Map(map) => map
            .values()
            .try_for_each(|value| check_any_value(value, pool, depth)),
        _ => Ok(()),
    }
}

struct Files(HashMap<String, String>);

impl FileResolver for Files {
    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        match self.0.get(name) {
            Some(text) => File::from_source(name, text),
            None => Err(protox::Error::file_not_found(name)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use prost_reflect::{DeserializeOptions, prost::Message as _};

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
            google.protobuf.Struct more = 10; map<int32, Line> by = 11; oneof pay { string card = 12; uint64 cash = 13; }
        }
        enum State { NEW = 0; PAID = 1; }"#;
    const LINES: &str =
        "syntax = \"proto3\"; package shop; message Line { string sku = 1; float price = 2; }";

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

    /// The bytes of the message that this JSON says.
    fn encoded(message: &str, json: &str) -> Vec<u8> {
        let Messages::One(descriptor) = schema(Some(message)).messages else {
            panic!("one message")
        };
        let mut json = serde_json::Deserializer::from_str(json);
        DynamicMessage::deserialize_with_options(descriptor, &mut json, &DeserializeOptions::new())
            .expect("a message")
            .encode_to_vec()
    }

    #[test]
    fn messages_are_written_as_their_json() {
        let order = schema(Some("shop.Order"));
        let json = r#"{"id":9007199254740993,"note":"x","lines":[{"sku":"a","price":1.5}],"raw":"AP8=","total":2.0,"at":"2026-03-01T00:00:00.120Z","extra":{"@type":"type.googleapis.com/shop.Line","sku":"b","price":0.0},"state":"PAID","next":{"id":0,"lines":[],"raw":"","total":0.0,"state":"NEW","by":{}},"more":{"k":[true,null]},"by":{"7":{"sku":"c","price":0.0}},"cash":5}"#;
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
            prost_reflect::prost::encoding::encode_varint(bytes.len() as u64, &mut outer);
            outer.extend(&bytes);
            bytes = outer;
        }
        assert_eq!(
            decoded(&any, &bytes, false),
            Err("not Protobuf: messages nested deeper than 100".to_owned())
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_json_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..100), framed in any::<bool>()) {
            let schema = schema(if framed { None } else { Some("shop.Order") });
            if let Ok(text) = decoded(&schema, &bytes, framed) {
                prop_assert!(crate::formats::json::scan::check(&text).is_ok(), "{}", text);
            }
        }
    }
}
