//! Avro schemas, compiled: types by number, names of fields and symbols ready as JSON.
//!
//! Invariants: every number points to a type of the same schema; a named type may contain itself; a logical type that
//! does not fit what it annotates is left out, as the specification asks for.

use std::collections::HashMap;

use serde_json::{Map, Value};
use tailrace_model::{Error, Result};

use crate::formats::write::Out;

/// Types that a schema may consist of.
const TYPES_MAX: usize = 50_000;
/// Bytes of a schema's text.
const TEXT_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Digits after a decimal's point.
const SCALE_MAX: u64 = 1_000;
/// Bytes of a value of the type `fixed`.
const FIXED_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// A schema ready to decode with.
#[derive(Debug, Clone)]
pub struct AvroSchema {
    pub(super) types: Vec<Type>,
    pub(super) root: usize,
    /// Full names of the types that have one.
    pub(super) names: HashMap<usize, String>,
}

#[derive(Debug, Clone)]
pub(super) enum Type {
    Null,
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Bytes,
    String,
    Fixed(usize),
    /// Symbols as JSON.
    Enum(Vec<Vec<u8>>),
    Array(usize),
    Map(usize),
    Union(Vec<usize>),
    Record(Vec<Field>),
    Date,
    /// Units per second, and whether it is an `int`.
    TimeOfDay {
        per_second: i64,
        digits: usize,
    },
    Timestamp {
        per_second: i64,
        digits: usize,
        zone: &'static str,
    },
    /// `size` is absent where the value says it itself.
    Decimal {
        size: Option<usize>,
        scale: usize,
    },
    Uuid,
    Duration,
}

#[derive(Debug, Clone)]
pub(super) struct Field {
    pub name: String,
    /// `"name":`
    pub json: Vec<u8>,
    pub kind: usize,
    /// What is written where a value has no such field.
    pub default: Option<Value>,
}

impl AvroSchema {
    /// `references` are schemas whose names `text` uses, each before those that use it.
    pub fn parse(text: &str, references: &[&str]) -> Result<Self> {
        let mut parser = Parser::default();
        for reference in references {
            parser.text(reference)?;
        }
        let root = parser.text(text)?;
        Ok(Self {
            names: parser.names.into_iter().map(|(name, at)| (at, name)).collect(),
            types: parser.types,
            root,
        })
    }
}

#[derive(Default)]
struct Parser {
    types: Vec<Type>,
    names: HashMap<String, usize>,
}

fn wrong(what: impl std::fmt::Display) -> Error {
    Error::user("avro_schema", format!("the Avro schema cannot be used: {what}"))
}

/// A name as JSON, and what follows it.
fn json(name: &str, after: &[u8]) -> Result<Vec<u8>> {
    let mut out = Out::name();
    out.string(name)
        .and_then(|()| out.raw(after))
        .map_err(|_| wrong("a name in it is too long"))?;
    Ok(out.into_bytes())
}

impl Parser {
    fn text(&mut self, text: &str) -> Result<usize> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(wrong(format_args!("it has more than {TEXT_BYTES_MAX} bytes")));
        }
        // Registries hold the bare name of a primitive type with its quotes and without.
        let value = match serde_json::from_str(text) {
            Ok(value) => value,
            Err(_) if primitive(text.trim()).is_some() => Value::from(text.trim()),
            Err(error) => return Err(wrong(format_args!("it is not JSON, {error}"))),
        };
        self.schema(&value, "")
    }

    fn add(&mut self, kind: Type) -> Result<usize> {
        if self.types.len() >= TYPES_MAX {
            return Err(wrong(format_args!("it has more than {TYPES_MAX} types")));
        }
        self.types.push(kind);
        Ok(self.types.len() - 1)
    }

    /// `namespace` is that of the type around it.
    fn schema(&mut self, schema: &Value, namespace: &str) -> Result<usize> {
        match schema {
            Value::String(name) => match primitive(name) {
                Some(kind) => self.add(kind),
                None => self.named(name, namespace),
            },
            Value::Array(branches) => {
                let branches = branches
                    .iter()
                    .map(|branch| self.schema(branch, namespace))
                    .collect::<Result<_>>()?;
                self.add(Type::Union(branches))
            }
            Value::Object(object) => self.object(object, namespace),
            other => Err(wrong(format_args!("`{other}` is no type"))),
        }
    }

    fn named(&self, name: &str, namespace: &str) -> Result<usize> {
        let within = match name.contains('.') || namespace.is_empty() {
            true => None,
            false => self.names.get(&format!("{namespace}.{name}")),
        };
        within.or_else(|| self.names.get(name)).copied().ok_or_else(|| {
            wrong(format_args!(
                "the type `{name}` is not defined in it, nor in a schema that it refers to"
            ))
        })
    }

    fn object(&mut self, object: &Map<String, Value>, namespace: &str) -> Result<usize> {
        let kind = match object.get("type") {
            Some(Value::String(kind)) => kind.as_str(),
            Some(inner @ (Value::Object(_) | Value::Array(_))) => return self.schema(inner, namespace),
            _ => return Err(wrong("a type in it has no `type`")),
        };
        match kind {
            "record" | "error" => self.record(object, namespace),
            "enum" => {
                let symbols = list(object, "symbols")?
                    .iter()
                    .map(|symbol| json(symbol.as_str().unwrap_or_default(), b""))
                    .collect::<Result<_>>()?;
                self.define(object, namespace, Type::Enum(symbols))
            }
            "fixed" => {
                let size = object
                    .get("size")
                    .and_then(Value::as_u64)
                    .filter(|size| *size <= FIXED_BYTES_MAX)
                    .and_then(|size| usize::try_from(size).ok())
                    .ok_or_else(|| wrong("a fixed type in it has no `size` that can be used"))?;
                self.define(object, namespace, fixed(object, size))
            }
            "array" | "map" => {
                let key = if kind == "array" { "items" } else { "values" };
                let within = object
                    .get(key)
                    .ok_or_else(|| wrong(format_args!("a type `{kind}` in it has no `{key}`")))?;
                let within = self.schema(within, namespace)?;
                self.add(match kind {
                    "array" => Type::Array(within),
                    _ => Type::Map(within),
                })
            }
            name => match primitive(name) {
                Some(kind) => self.add(logical(object, kind)),
                None => self.named(name, namespace),
            },
        }
    }

    fn record(&mut self, object: &Map<String, Value>, namespace: &str) -> Result<usize> {
        let (_, namespace) = full_name(object, namespace)?;
        // Its fields may be of its own type.
        let at = self.define(object, &namespace, Type::Record(Vec::new()))?;
        let mut fields = Vec::new();
        for field in list(object, "fields")? {
            let name = field.get("name").and_then(Value::as_str);
            let (Some(name), Some(kind)) = (name, field.get("type")) else {
                return Err(wrong("a field in it has no `name` or no `type`"));
            };
            fields.push(Field {
                name: name.to_owned(),
                default: field.get("default").cloned(),
                json: json(name, b":")?,
                kind: self.schema(kind, &namespace)?,
            });
        }
        self.types[at] = Type::Record(fields);
        Ok(at)
    }

    fn define(&mut self, object: &Map<String, Value>, namespace: &str, kind: Type) -> Result<usize> {
        let (name, _) = full_name(object, namespace)?;
        let at = self.add(kind)?;
        self.names.insert(name, at);
        Ok(at)
    }
}

fn list<'a>(object: &'a Map<String, Value>, key: &str) -> Result<&'a [Value]> {
    object
        .get(key)
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .ok_or_else(|| wrong(format_args!("a type in it has no list `{key}`")))
}

/// The full name of a type and its namespace, which is also that of the names within it.
fn full_name(object: &Map<String, Value>, around: &str) -> Result<(String, String)> {
    let text = |key: &str| object.get(key).and_then(Value::as_str);
    let name = text("name").ok_or_else(|| wrong("a named type in it has no `name`"))?;
    if let Some((namespace, _)) = name.rsplit_once('.') {
        return Ok((name.to_owned(), namespace.to_owned()));
    }
    let namespace = text("namespace").unwrap_or(around);
    let full = match namespace.is_empty() {
        true => name.to_owned(),
        false => format!("{namespace}.{name}"),
    };
    Ok((full, namespace.to_owned()))
}

fn primitive(name: &str) -> Option<Type> {
    Some(match name {
        "null" => Type::Null,
        "boolean" => Type::Boolean,
        "int" => Type::Int,
        "long" => Type::Long,
        "float" => Type::Float,
        "double" => Type::Double,
        "bytes" => Type::Bytes,
        "string" => Type::String,
        _ => return None,
    })
}

fn logical_name(object: &Map<String, Value>) -> &str {
    object
        .get("logicalType")
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn logical(object: &Map<String, Value>, kind: Type) -> Type {
    let timestamp = |per_second, digits, zone| Type::Timestamp {
        per_second,
        digits,
        zone,
    };
    match (logical_name(object), &kind) {
        ("date", Type::Int) => Type::Date,
        ("time-millis", Type::Int) => Type::TimeOfDay {
            per_second: 1_000,
            digits: 3,
        },
        ("time-micros", Type::Long) => Type::TimeOfDay {
            per_second: 1_000_000,
            digits: 6,
        },
        ("timestamp-millis", Type::Long) => timestamp(1_000, 3, "Z"),
        ("timestamp-micros", Type::Long) => timestamp(1_000_000, 6, "Z"),
        ("timestamp-nanos", Type::Long) => timestamp(1_000_000_000, 9, "Z"),
        ("local-timestamp-millis", Type::Long) => timestamp(1_000, 3, ""),
        ("local-timestamp-micros", Type::Long) => timestamp(1_000_000, 6, ""),
        ("local-timestamp-nanos", Type::Long) => timestamp(1_000_000_000, 9, ""),
        ("decimal", Type::Bytes) => match scale(object) {
            Some(scale) => Type::Decimal { size: None, scale },
            None => kind,
        },
        _ => kind,
    }
}

fn fixed(object: &Map<String, Value>, size: usize) -> Type {
    match (logical_name(object), size) {
        ("decimal", _) => match scale(object) {
            Some(scale) => Type::Decimal {
                size: Some(size),
                scale,
            },
            None => Type::Fixed(size),
        },
        ("uuid", 16) => Type::Uuid,
        ("duration", 12) => Type::Duration,
        _ => Type::Fixed(size),
    }
}

fn scale(object: &Map<String, Value>) -> Option<usize> {
    let scale = match object.get("scale") {
        None => 0,
        Some(scale) => scale.as_u64()?,
    };
    usize::try_from(scale).ok().filter(|_| scale <= SCALE_MAX)
}
