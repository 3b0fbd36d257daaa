//! JSON as a value of a registered schema, behind Confluent's header: the way back of what is decoded.
//!
//! Invariants: what does not fit its schema is refused with the place and the reason, and nothing of it is written; a field
//! that the schema does not have is not left out unsaid.

use prost_reflect::{DynamicMessage, Kind, MessageDescriptor, prost::Message as _};
use serde_json::Value;
use tailrace_model::{Error, Result};

use super::{
    avro::AvroSchema,
    json_schema::JsonSchema,
    protobuf,
    registry::{RegisteredSchema, Registry, SchemaKind},
};

/// Characters of a value that a reason quotes.
const QUOTE_CHARS_MAX: usize = 60;

/// Why a value does not fit, and where in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit {
    /// From the innermost outwards.
    path: Vec<Step>,
    pub reason: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Field(String),
    Index(usize),
}

impl Misfit {
    pub(super) fn new(reason: impl Into<String>) -> Self {
        Self {
            path: Vec::new(),
            reason: reason.into(),
        }
    }

    pub(super) fn within(mut self, field: &str) -> Self {
        self.path.push(Step::Field(field.to_owned()));
        self
    }

    pub(super) fn at_index(mut self, index: usize) -> Self {
        self.path.push(Step::Index(index));
        self
    }

    /// How many steps it is below the value.
    pub(super) fn depth(&self) -> usize {
        self.path.len()
    }

    /// The names of the fields down to it, or to the first list on the way, outermost first; empty: the value itself.
    pub fn fields(&self) -> Vec<&str> {
        let named = self.path.iter().rev().map_while(|step| match step {
            Step::Field(name) => Some(name.as_str()),
            Step::Index(_) => None,
        });
        named.collect()
    }

    /// `lines[1].price`; empty: the value itself.
    pub fn path(&self) -> String {
        let mut text = String::new();
        for step in self.path.iter().rev() {
            match step {
                Step::Field(name) if text.is_empty() => text.push_str(name),
                Step::Field(name) => {
                    text.push('.');
                    text.push_str(name);
                }
                Step::Index(index) => text.push_str(&format!("[{index}]")),
            }
        }
        text
    }
}

impl std::fmt::Display for Misfit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.path.is_empty() {
            true => f.write_str(&self.reason),
            false => write!(f, "{}: {}", self.path(), self.reason),
        }
    }
}

/// A value's kind, and the value where it is short: `the text "1"`.
pub(super) fn kind_of(value: &Value) -> String {
    let kind = match value {
        Value::Null => return "null".to_owned(),
        Value::Bool(value) => return value.to_string(),
        Value::Array(_) => return "a list".to_owned(),
        Value::Object(_) => return "an object".to_owned(),
        Value::Number(_) => "the number",
        Value::String(_) => "the text",
    };
    let text = value.to_string();
    match text.chars().count() > QUOTE_CHARS_MAX {
        true => format!(
            "{kind} {}...",
            text.chars().take(QUOTE_CHARS_MAX).collect::<String>()
        ),
        false => format!("{kind} {text}"),
    }
}

/// Writes values of one registered schema.
#[derive(Debug)]
pub struct Encoder {
    schema: Schema,
    /// Confluent's header, with the place of the message for Protobuf.
    header: Vec<u8>,
    subject: String,
    version: i32,
    kind: SchemaKind,
}

#[derive(Debug)]
enum Schema {
    Avro(AvroSchema),
    Protobuf(MessageDescriptor),
    Json(JsonSchema),
}

impl Encoder {
    /// Of a subject; `version` `None` is the latest. `message` is the full name of a Protobuf message; absent: the first of
    /// its file.
    pub async fn of_subject(
        registry: &Registry,
        subject: &str,
        version: Option<i32>,
        message: Option<&str>,
    ) -> Result<Self> {
        let found = registry.version(subject, version).await?;
        let schema = registry.schema(found.id).await?;
        let mut encoder = Self::new(&schema, message).map_err(|error| {
            error.context(format_args!("subject \"{subject}\" version {}", found.version))
        })?;
        (encoder.subject, encoder.version) = (found.subject, found.version);
        Ok(encoder)
    }

    /// Of a schema that is known already.
    pub fn new(schema: &RegisteredSchema, message: Option<&str>) -> Result<Self> {
        let mut header = vec![0];
        header.extend(schema.id.to_be_bytes());
        if message.is_some() && schema.kind != SchemaKind::Protobuf {
            let sentence = format!("a message is named, and the schema is {}", schema.kind.label());
            return Err(Error::user("schema_message", sentence));
        }
        let compiled = match schema.kind {
            SchemaKind::Avro => {
                let references: Vec<&str> = schema.references.iter().map(|(_, text)| text.as_str()).collect();
                Schema::Avro(AvroSchema::parse(&schema.text, &references)?)
            }
            SchemaKind::Protobuf => {
                let (descriptor, place) = protobuf::descriptor(&schema.text, &schema.references, message)?;
                protobuf::write_place(&place, &mut header);
                Schema::Protobuf(descriptor)
            }
            SchemaKind::Json => Schema::Json(JsonSchema::parse(&schema.text, &schema.references)?),
        };
        Ok(Self {
            schema: compiled,
            header,
            subject: String::new(),
            version: 0,
            kind: schema.kind,
        })
    }

    /// For a person: `Avro schema orders-value version 3`.
    pub fn label(&self) -> String {
        let kind = match self.kind {
            SchemaKind::Json => "JSON",
            kind => kind.label(),
        };
        format!("{kind} schema {} version {}", self.subject, self.version)
    }

    /// The value that this JSON says, with its header.
    pub fn encode(&self, json: &str) -> Result<Vec<u8>, Misfit> {
        let value: Value = serde_json::from_str(json).map_err(|error| {
            let place = format!("line {} column {}", error.line(), error.column());
            Misfit::new(format!("it is not JSON, at {place}"))
        })?;
        let mut out = self.header.clone();
        match &self.schema {
            Schema::Avro(schema) => schema.encode(&value, true, &mut out)?,
            Schema::Protobuf(descriptor) => out.extend(message(descriptor, &value)?),
            Schema::Json(schema) => {
                schema.check(&value)?;
                out.extend(json.trim().as_bytes());
            }
        }
        Ok(out)
    }
}

fn plain(text: &str) -> String {
    text.trim_end_matches('.').to_owned()
}

/// The bytes of the message that the JSON says.
fn message(descriptor: &MessageDescriptor, value: &Value) -> Result<Vec<u8>, Misfit> {
    match DynamicMessage::deserialize(descriptor.clone(), value) {
        Ok(message) => Ok(message.encode_to_vec()),
        Err(error) => Err(misfit_of(descriptor, value, &error.to_string())),
    }
}

/// The library does not say where: each field is tried alone, and the one that fails is gone into.
fn misfit_of(descriptor: &MessageDescriptor, value: &Value, said: &str) -> Misfit {
    let whole = || Misfit::new(plain(said));
    let Some(object) = value.as_object() else {
        return whole();
    };
    // Messages with a mapping of their own are one value.
    if descriptor.full_name().starts_with("google.protobuf.") {
        return whole();
    }
    for (name, inner) in object {
        let alone = Value::Object([(name.clone(), inner.clone())].into_iter().collect());
        let Err(error) = DynamicMessage::deserialize(descriptor.clone(), &alone) else {
            continue;
        };
        let error = error.to_string();
        let field = descriptor
            .get_field_by_json_name(name)
            .or_else(|| descriptor.get_field_by_name(name));
        let Some(field) = field else {
            return Misfit::new("the schema has no such field").within(name);
        };
        let kind = match (field.is_map(), field.kind()) {
            (true, Kind::Message(entry)) => entry.map_entry_value_field().kind(),
            (_, kind) => kind,
        };
        let Kind::Message(within) = kind else {
            return Misfit::new(plain(&error)).within(name);
        };
        let fails = |value: &Value| DynamicMessage::deserialize(within.clone(), value).err();
        return match inner {
            Value::Array(items) if field.is_list() => {
                let mut items = items.iter().enumerate();
                let found =
                    items.find_map(|(at, item)| fails(item).map(|error| (at, item, error.to_string())));
                found.map(|(at, item, error)| misfit_of(&within, item, &error).at_index(at))
            }
            Value::Object(items) if field.is_map() => {
                let found = items
                    .iter()
                    .find_map(|(key, item)| fails(item).map(|error| (key, item, error.to_string())));
                found.map(|(key, item, error)| misfit_of(&within, item, &error).within(key))
            }
            inner => fails(inner).map(|error| misfit_of(&within, inner, &error.to_string())),
        }
        .unwrap_or_else(|| Misfit::new(plain(&error)))
        .within(name);
    }
    whole()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::formats::{protobuf::ProtobufSchema, write::Out};

    fn schema(kind: SchemaKind, text: &str, references: &[(&str, &str)]) -> RegisteredSchema {
        RegisteredSchema {
            id: 258,
            kind,
            text: text.to_owned(),
            references: references
                .iter()
                .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
                .collect(),
        }
    }

    fn misfit(encoder: &Encoder, value: &Value, path: &str, says: &str) {
        let misfit = encoder.encode(&value.to_string()).expect_err("no fit");
        assert_eq!(misfit.path(), path, "{misfit}");
        assert!(misfit.reason.contains(says), "{misfit}");
    }

    #[test]
    fn json_schemas_refuse_with_place_and_reason() {
        let line = r#"{"type":"object","required":["sku"],"properties":{"sku":{"type":"string"},"price":{"type":"number","minimum":0}}}"#;
        let order = r#"{"type":"object","properties":{"id":{"type":"integer"},"lines":{"type":"array","items":{"$ref":"line.json"}}},"required":["id"],"additionalProperties":false}"#;
        let encoder =
            Encoder::new(&schema(SchemaKind::Json, order, &[("line.json", line)]), None).expect("a schema");
        let good = r#" {"id": 1, "lines": [{"sku": "a", "price": 1.50}]} "#;
        let bytes = encoder.encode(good).expect("it fits");
        // As it was given, digit by digit.
        assert_eq!(bytes, [b"\0\0\0\x01\x02", good.trim().as_bytes()].concat());
        misfit(&encoder, &json!({"lines": []}), "id", "requires");
        misfit(&encoder, &json!({"id": "x"}), "id", "integer");
        misfit(
            &encoder,
            &json!({"id": 1, "lines": [{"sku": "a"}, {"sku": "a", "price": -1}]}),
            "lines[1].price",
            "minimum",
        );
        misfit(
            &encoder,
            &json!({"id": 1, "lines": [{}]}),
            "lines[0].sku",
            "missing",
        );
        misfit(&encoder, &json!({"id": 1, "more": 1}), "more", "no such field");
        assert!(
            encoder
                .encode("{")
                .expect_err("no JSON")
                .reason
                .contains("not JSON")
        );
        // One that nobody gave is not fetched.
        let error = Encoder::new(&schema(SchemaKind::Json, order, &[]), None).expect_err("a reference");
        assert_eq!(error.code, "json_schema");
    }

    const SHOP: &str = r#"syntax = "proto3"; package shop; import "google/protobuf/timestamp.proto";
        message First { message Inner { string a = 1; } message Other { bool b = 1; } }
        message Order { int64 id = 1; repeated Line lines = 2; map<string, Line> by = 3; google.protobuf.Timestamp at = 4; }
        message Line { string sku = 1; float price = 2; }"#;

    #[test]
    fn protobuf_messages_go_there_and_back() {
        let of = |message: Option<&str>| Encoder::new(&schema(SchemaKind::Protobuf, SHOP, &[]), message);
        let decoder = ProtobufSchema::compile(SHOP, &[], None).expect("a schema");
        let check = |message: Option<&str>, place: &[u8], value: Value| {
            let bytes = of(message)
                .expect("a schema")
                .encode(&value.to_string())
                .expect("it fits");
            assert_eq!(&bytes[..5], b"\0\0\0\x01\x02");
            assert_eq!(&bytes[5..5 + place.len()], place);
            let mut out = Out::after(Vec::new(), 1 << 20);
            decoder.decode(&bytes[5..], true, &mut out).expect("decoded");
            let found: Value = serde_json::from_slice(out.as_bytes()).expect("JSON");
            assert_eq!(found, value, "{message:?}");
        };
        check(Some("shop.First.Other"), &[4, 0, 2], json!({"b": true}));
        check(Some("shop.Line"), &[2, 4], json!({"sku": "a", "price": 1.5}));
        let line = json!({"sku": "a", "price": 1.5});
        check(
            Some("shop.Order"),
            &[2, 2],
            json!({"id": 7, "lines": [line], "by": {"x": line}, "at": "2026-03-01T00:00:00Z"}),
        );
        check(None, &[0], json!({}));
        assert!(of(Some("shop.Nothing")).is_err());
        let order = of(Some("shop.Order")).expect("a schema");
        misfit(&order, &json!({"id": "x"}), "id", "");
        misfit(&order, &json!({"ident": 1}), "ident", "no such field");
        misfit(&order, &json!({"lines": [line, {"sku": 2}]}), "lines[1].sku", "");
        misfit(
            &order,
            &json!({"by": {"k": {"prize": 2}}}),
            "by.k.prize",
            "no such field",
        );
        misfit(&order, &json!({"at": "noon"}), "at", "");
        misfit(&order, &json!([]), "", "");
    }

    #[test]
    fn avro_behind_its_header() {
        let text = r#"{"type":"record","name":"R","fields":[{"name":"a","type":"int"},{"name":"b","type":"Other","default":"X"}]}"#;
        let other = r#"{"type":"enum","name":"Other","symbols":["X","Y"]}"#;
        let encoder =
            Encoder::new(&schema(SchemaKind::Avro, text, &[("Other", other)]), None).expect("a schema");
        assert_eq!(
            encoder.encode(r#"{"a": 1}"#).expect("it fits"),
            b"\0\0\0\x01\x02\x02\0"
        );
        assert!(Encoder::new(&schema(SchemaKind::Avro, other, &[]), Some("m")).is_err());
    }
}
