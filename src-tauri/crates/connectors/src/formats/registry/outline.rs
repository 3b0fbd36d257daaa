//! The fields of a schema as a list: where each is, and what is said of its type. Made for telling two versions apart.
//!
//! Invariants: a path is there once; what nests in itself is gone into once; the list is bounded.

use prost_reflect::{EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Map, Value};
use tailrace_model::{Error, Result};

use super::SchemaKind;
use crate::formats::protobuf;

/// Fields of a list.
const FIELDS_MAX: usize = 20_000;
/// Types within one another.
const DEPTH_MAX: usize = 40;
/// Symbols of an enumeration that its type names.
const SYMBOLS_MAX: usize = 50;

/// A field of a schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutlineField {
    /// `address.street`, `items[].price`, `Order.id`.
    pub path: String,
    /// `string | null, default null`, `int64 = 1`.
    pub what: String,
}

#[derive(Default)]
struct Outline {
    fields: Vec<OutlineField>,
}

impl Outline {
    fn add(&mut self, path: &str, what: String) -> Result<()> {
        if self.fields.len() >= FIELDS_MAX {
            return Err(wrong(format!("it has more than {FIELDS_MAX} fields")));
        }
        let path = if path.is_empty() { "(root)" } else { path }.to_owned();
        self.fields.push(OutlineField { path, what });
        Ok(())
    }
}

fn wrong(what: impl std::fmt::Display) -> Error {
    Error::user(
        "schema_outline",
        format!("the fields of the schema cannot be told: {what}"),
    )
}

/// The fields of a schema, in its order. `references` are what it refers to, by name.
pub fn outline(kind: SchemaKind, text: &str, references: &[(String, String)]) -> Result<Vec<OutlineField>> {
    let mut outline = Outline::default();
    match kind {
        SchemaKind::Protobuf => {
            for message in protobuf::messages(text, references)? {
                proto_message(&mut outline, &message)?;
            }
            for one in protobuf::enums(text, references)? {
                proto_enum(&mut outline, &one)?;
            }
        }
        SchemaKind::Avro => avro(&mut outline, &parse(text)?, "", 0)?,
        SchemaKind::Json => json(&mut outline, &parse(text)?, "", "", 0)?,
    }
    Ok(outline.fields)
}

fn parse(text: &str) -> Result<Value> {
    // Registries hold the bare name of a primitive Avro type with its quotes and without.
    serde_json::from_str(text).or_else(|error| match text.trim().chars().all(char::is_alphabetic) {
        true => Ok(Value::from(text.trim())),
        false => Err(wrong(format_args!("it is not JSON, {error}"))),
    })
}

fn join(path: &str, name: &str) -> String {
    match path.is_empty() {
        true => name.to_owned(),
        false => format!("{path}.{name}"),
    }
}

// Avro.

/// The record fields of a type; of a type without any, the type itself.
fn avro(outline: &mut Outline, schema: &Value, path: &str, depth: usize) -> Result<()> {
    if depth == 0 && avro_fields(schema).is_none() {
        outline.add(path, avro_type(schema))?;
    }
    if depth > DEPTH_MAX {
        return Ok(());
    }
    if let Some(fields) = avro_fields(schema) {
        for field in fields {
            let name = field["name"].as_str().unwrap_or("?");
            let path = join(path, name);
            let default = field.get("default").map(|it| format!(", default {it}"));
            outline.add(
                &path,
                format!("{}{}", avro_type(&field["type"]), default.unwrap_or_default()),
            )?;
            avro(outline, &field["type"], &path, depth + 1)?;
        }
        return Ok(());
    }
    match schema {
        Value::Array(branches) => branches
            .iter()
            .try_for_each(|branch| avro(outline, branch, path, depth + 1)),
        Value::Object(object) => match object.get("type") {
            Some(Value::String(kind)) if kind == "array" => {
                avro(outline, &schema["items"], &format!("{path}[]"), depth + 1)
            }
            Some(Value::String(kind)) if kind == "map" => {
                avro(outline, &schema["values"], &format!("{path}{{}}"), depth + 1)
            }
            Some(within @ (Value::Object(_) | Value::Array(_))) => avro(outline, within, path, depth + 1),
            _ => Ok(()),
        },
        _ => Ok(()),
    }
}

fn avro_fields(schema: &Value) -> Option<&Vec<Value>> {
    matches!(schema["type"].as_str(), Some("record" | "error"))
        .then(|| schema["fields"].as_array())
        .flatten()
}

fn avro_type(schema: &Value) -> String {
    match schema {
        Value::String(name) => name.clone(),
        Value::Array(branches) => {
            let branches: Vec<String> = branches.iter().map(avro_type).collect();
            branches.join(" | ")
        }
        Value::Object(object) => {
            let name = object.get("name").and_then(Value::as_str).unwrap_or("?");
            let kind = match object.get("type") {
                Some(Value::String(kind)) => match kind.as_str() {
                    "array" => format!("array of {}", avro_type(&schema["items"])),
                    "map" => format!("map of {}", avro_type(&schema["values"])),
                    "enum" => format!("enum {name}({})", symbols(&schema["symbols"])),
                    "fixed" => format!("fixed {name}({})", schema["size"]),
                    "record" | "error" => format!("{kind} {name}"),
                    other => other.to_owned(),
                },
                Some(within) => avro_type(within),
                None => "?".to_owned(),
            };
            match object.get("logicalType").and_then(Value::as_str) {
                Some("decimal") => {
                    let scale = object
                        .get("scale")
                        .map_or_else(|| "0".to_owned(), Value::to_string);
                    format!("{kind}, decimal({}, {scale})", schema["precision"])
                }
                Some(logical) => format!("{kind}, {logical}"),
                None => kind,
            }
        }
        other => other.to_string(),
    }
}

fn symbols(list: &Value) -> String {
    let Some(list) = list.as_array() else {
        return "?".to_owned();
    };
    let mut names: Vec<String> = list
        .iter()
        .take(SYMBOLS_MAX)
        .map(|symbol| symbol.as_str().map_or_else(|| symbol.to_string(), str::to_owned))
        .collect();
    if list.len() > SYMBOLS_MAX {
        names.push(format!("{} more", list.len() - SYMBOLS_MAX));
    }
    names.join(", ")
}

// JSON Schema.

/// Words of JSON Schema that are told beside the type, where they are plain values.
const SAID: [&str; 12] = [
    "format",
    "const",
    "pattern",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "default",
];

fn json(outline: &mut Outline, schema: &Value, path: &str, need: &str, depth: usize) -> Result<()> {
    outline.add(path, format!("{}{need}", json_type(schema)))?;
    let Some(object) = schema.as_object().filter(|_| depth <= DEPTH_MAX) else {
        return Ok(());
    };
    let required: Vec<&str> = schema["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    for (name, property) in within(object, "properties") {
        let need = if required.contains(&name.as_str()) {
            ", required"
        } else {
            ""
        };
        json(outline, property, &join(path, name), need, depth + 1)?;
    }
    if object.get("items").is_some_and(Value::is_object) {
        json(outline, &schema["items"], &format!("{path}[]"), "", depth + 1)?;
    }
    if object.get("additionalProperties").is_some_and(Value::is_object) {
        json(
            outline,
            &schema["additionalProperties"],
            &format!("{path}{{}}"),
            "",
            depth + 1,
        )?;
    }
    for word in ["oneOf", "anyOf", "allOf"] {
        for (at, branch) in schema[word].as_array().into_iter().flatten().enumerate() {
            json(
                outline,
                branch,
                &join(path, &format!("{word}[{at}]")),
                "",
                depth + 1,
            )?;
        }
    }
    for word in ["definitions", "$defs"] {
        for (name, definition) in within(object, word) {
            json(
                outline,
                definition,
                &join(path, &format!("{word}.{name}")),
                "",
                depth + 1,
            )?;
        }
    }
    Ok(())
}

fn within<'a>(object: &'a Map<String, Value>, word: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    object.get(word).and_then(Value::as_object).into_iter().flatten()
}

fn json_type(schema: &Value) -> String {
    let mut said = vec![match (&schema["type"], &schema["$ref"]) {
        (_, Value::String(reference)) => format!("ref {reference}"),
        (Value::String(kind), _) => kind.clone(),
        (Value::Array(_), _) => symbols(&schema["type"]).replace(", ", " | "),
        _ if schema.is_boolean() => schema.to_string(),
        _ => "any".to_owned(),
    }];
    if schema["enum"].is_array() {
        said.push(format!("one of {}", symbols(&schema["enum"])));
    }
    for word in SAID {
        match &schema[word] {
            Value::Null if schema.get(word).is_none() => {}
            Value::Object(_) | Value::Array(_) => {}
            value => said.push(format!("{word} {value}")),
        }
    }
    if schema["additionalProperties"] == Value::Bool(false) {
        said.push("no other fields".to_owned());
    }
    said.join(", ")
}

// Protobuf.

fn proto_message(outline: &mut Outline, message: &MessageDescriptor) -> Result<()> {
    let name = message.full_name().to_owned();
    let mut fields: Vec<FieldDescriptor> = message.fields().collect();
    fields.sort_by_key(FieldDescriptor::number);
    for field in fields {
        outline.add(&format!("{name}.{}", field.name()), proto_field(&field))?;
    }
    for within in message.child_messages().filter(|it| !it.is_map_entry()) {
        proto_message(outline, &within)?;
    }
    message
        .child_enums()
        .try_for_each(|one| proto_enum(outline, &one))
}

fn proto_enum(outline: &mut Outline, one: &EnumDescriptor) -> Result<()> {
    for value in one.values() {
        outline.add(
            &format!("{}.{}", one.full_name(), value.name()),
            format!("= {}", value.number()),
        )?;
    }
    Ok(())
}

fn proto_field(field: &FieldDescriptor) -> String {
    let what = match field.kind() {
        Kind::Message(entry) if field.is_map() => {
            let of = |at: u32| {
                entry
                    .get_field(at)
                    .map_or_else(|| "?".to_owned(), |it| proto_kind(&it.kind()))
            };
            format!("map<{}, {}>", of(1), of(2))
        }
        kind if field.is_list() => format!("repeated {}", proto_kind(&kind)),
        kind => {
            let group = field.containing_oneof();
            let optional = field.field_descriptor_proto().proto3_optional();
            let before = match group {
                Some(group) if !optional => format!("oneof {} ", group.name()),
                _ if optional => "optional ".to_owned(),
                _ => String::new(),
            };
            format!("{before}{}", proto_kind(&kind))
        }
    };
    format!("{what} = {}", field.number())
}

fn proto_kind(kind: &Kind) -> String {
    match kind {
        Kind::Message(message) => message.full_name().to_owned(),
        Kind::Enum(one) => one.full_name().to_owned(),
        plain => format!("{plain:?}").to_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kind: SchemaKind, text: &str, expected: &[(&str, &str)]) {
        let found = outline(kind, text, &[]).unwrap();
        let found: Vec<(&str, &str)> = found
            .iter()
            .map(|it| (it.path.as_str(), it.what.as_str()))
            .collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn avro() {
        check(SchemaKind::Avro, "\"string\"", &[("(root)", "string")]);
        check(SchemaKind::Avro, "string", &[("(root)", "string")]);
        check(
            SchemaKind::Avro,
            r#"{"type":"record","name":"Order","fields":[
                {"name":"id","type":{"type":"long","logicalType":"timestamp-millis"}},
                {"name":"note","type":["null","string"],"default":null},
                {"name":"total","type":{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}},
                {"name":"state","type":{"type":"enum","name":"State","symbols":["NEW","PAID"]}},
                {"name":"lines","type":{"type":"array","items":{"type":"record","name":"Line","fields":[
                    {"name":"sku","type":"string"},{"name":"next","type":["null","Line"]}]}}},
                {"name":"tags","type":{"type":"map","values":"int"}}]}"#,
            &[
                ("id", "long, timestamp-millis"),
                ("note", "null | string, default null"),
                ("total", "bytes, decimal(9, 2)"),
                ("state", "enum State(NEW, PAID)"),
                ("lines", "array of record Line"),
                ("lines[].sku", "string"),
                ("lines[].next", "null | Line"),
                ("tags", "map of int"),
            ],
        );
    }

    #[test]
    fn json_schema() {
        check(
            SchemaKind::Json,
            r##"{"type":"object","required":["id"],"additionalProperties":false,"properties":{
                "id":{"type":"integer","minimum":1},"state":{"enum":["new","paid"]},
                "to":{"$ref":"#/$defs/Place"},"lines":{"type":"array","items":{"type":"object","properties":{"n":{"type":["number","null"]}}}}},
                "$defs":{"Place":{"type":"string"}}}"##,
            &[
                ("(root)", "object, no other fields"),
                ("id", "integer, minimum 1, required"),
                ("state", "any, one of new, paid"),
                ("to", "ref #/$defs/Place"),
                ("lines", "array"),
                ("lines[]", "object"),
                ("lines[].n", "number | null"),
                ("$defs.Place", "string"),
            ],
        );
    }

    #[test]
    fn protobuf() {
        check(
            SchemaKind::Protobuf,
            "syntax = \"proto3\"; package shop; message Order { int64 id = 1; optional string note = 3; repeated Line lines = 2;
             map<string, int32> tags = 4; oneof how { string card = 5; } State state = 6; message Line { string sku = 1; } }
             enum State { NEW = 0; PAID = 1; }",
            &[
                ("shop.Order.id", "int64 = 1"),
                ("shop.Order.lines", "repeated shop.Order.Line = 2"),
                ("shop.Order.note", "optional string = 3"),
                ("shop.Order.tags", "map<string, int32> = 4"),
                ("shop.Order.card", "oneof how string = 5"),
                ("shop.Order.state", "shop.State = 6"),
                ("shop.Order.Line.sku", "string = 1"),
                ("shop.State.NEW", "= 0"),
                ("shop.State.PAID", "= 1"),
            ],
        );
    }

    #[test]
    fn what_is_no_schema() {
        for (kind, text) in [
            (SchemaKind::Avro, "{"),
            (SchemaKind::Json, "[1"),
            (SchemaKind::Protobuf, "message {"),
        ] {
            assert!(outline(kind, text, &[]).is_err(), "{text}");
        }
    }
}
