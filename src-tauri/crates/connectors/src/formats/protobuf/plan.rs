//! The messages of a pool, compiled: fields by number, their names ready as JSON.
//!
//! Invariants: fields of a message are sorted by number; every number of a message or an enum points into the same plan; a
//! message is one that JSON writes in a way of its own only if it has that message's fields.

use std::collections::{HashMap, hash_map::Entry};

use prost_reflect::{
    DescriptorPool, EnumDescriptor, ExtensionDescriptor, FieldDescriptor, Kind as Described,
};
use tailrace_model::Result;

use super::wrong;
use crate::formats::write::Out;

/// Messages and enums of a schema, and fields of a message.
const TYPES_MAX: usize = 50_000;
const FIELDS_MAX: usize = 50_000;

#[derive(Debug)]
pub(super) struct Plan {
    pub messages: Vec<Message>,
    pub enums: Vec<Enum>,
    pub names: HashMap<String, usize>,
}

#[derive(Debug)]
pub(super) struct Message {
    pub known: Known,
    /// By number.
    pub fields: Vec<Field>,
    /// Which fields are written though they are not set.
    pub always: Vec<u16>,
    pub oneofs: usize,
}

/// Messages that JSON writes in a way of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    No,
    Timestamp,
    Duration,
    /// One field, which stands for the message.
    Wrapper,
    /// A field of several, which stands for the message; none is null.
    Value,
    FieldMask,
    Any,
    Empty,
}

#[derive(Debug)]
pub(super) struct Field {
    pub number: u32,
    /// `"name":`
    pub json: Vec<u8>,
    pub kind: Kind,
    pub shape: Shape,
    /// Which of the message's.
    pub oneof: Option<usize>,
    /// Whether it is left out where it is not set.
    presence: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    One,
    List,
    /// The kind is the message of an entry.
    Map,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Double,
    Float,
    Int32,
    Int64,
    Uint32,
    Uint64,
    Sint32,
    Sint64,
    Fixed32,
    Fixed64,
    Sfixed32,
    Sfixed64,
    Bool,
    String,
    Bytes,
    Enum(usize),
    Message(usize),
}

#[derive(Debug)]
pub(super) struct Enum {
    /// Whether it is the one that stands for JSON's null.
    pub null: bool,
    /// Names as JSON.
    pub names: HashMap<i32, Vec<u8>>,
}

impl Message {
    /// Where the field of this number is; fields mostly come in order.
    #[inline]
    pub fn find(&self, number: u32, guess: usize) -> Option<usize> {
        for at in [guess, guess + 1] {
            if self.fields.get(at).is_some_and(|field| field.number == number) {
                return Some(at);
            }
        }
        self.fields
            .binary_search_by_key(&number, |field| field.number)
            .ok()
    }
}

impl Plan {
    pub fn new(pool: &DescriptorPool) -> Result<Self> {
        let mut plan = Self {
            messages: Vec::new(),
            enums: Vec::new(),
            names: HashMap::new(),
        };
        let mut enums = HashMap::new();
        for (at, of) in pool.all_messages().enumerate() {
            plan.names.insert(of.full_name().to_owned(), at);
        }
        for (at, of) in pool.all_enums().enumerate() {
            enums.insert(of.full_name().to_owned(), at);
            plan.enums.push(names(&of)?);
        }
        if plan.names.len() + plan.enums.len() > TYPES_MAX {
            return Err(wrong(format_args!("it has more than {TYPES_MAX} types")));
        }
        for of in pool.all_messages() {
            let kind = |kind: Described| kind_of(&kind, &plan.names, &enums);
            let mut fields = Vec::new();
            for field in of.fields() {
                fields.push(plain(&field, kind(field.kind())?)?);
            }
            for field in of.extensions() {
                fields.push(extension(&field, kind(field.kind())?)?);
            }
            if fields.len() > FIELDS_MAX {
                return Err(wrong(format_args!(
                    "`{}` has more than {FIELDS_MAX} fields",
                    of.full_name()
                )));
            }
            fields.sort_by_key(|field: &Field| field.number);
            plan.messages.push(Message {
                known: known(of.full_name(), &fields),
                always: (0u16..)
                    .zip(&fields)
                    .filter(|(_, field)| !field.presence)
                    .map(|(at, _)| at)
                    .collect(),
                fields,
                oneofs: of.oneofs().len(),
            });
        }
        Ok(plan)
    }
}

fn json(name: &str, after: &[u8]) -> Result<Vec<u8>> {
    let mut out = Out::name();
    out.string(name)
        .and_then(|()| out.raw(after))
        .map_err(|_| wrong("a name in it is too long"))?;
    Ok(out.into_bytes())
}

fn names(of: &EnumDescriptor) -> Result<Enum> {
    let mut names = HashMap::new();
    for value in of.values() {
        // Of two names for a number, the first is its own.
        if let Entry::Vacant(vacant) = names.entry(value.number()) {
            vacant.insert(json(value.name(), b"")?);
        }
    }
    Ok(Enum {
        null: of.full_name() == "google.protobuf.NullValue",
        names,
    })
}

fn plain(field: &FieldDescriptor, kind: Kind) -> Result<Field> {
    let shape = match (field.is_map(), field.is_list()) {
        (true, _) => Shape::Map,
        (_, true) => Shape::List,
        _ => Shape::One,
    };
    let oneof = field.containing_oneof().and_then(|oneof| {
        let parent = field.parent_message();
        parent.oneofs().position(|of| of.full_name() == oneof.full_name())
    });
    Ok(Field {
        number: field.number(),
        json: json(field.json_name(), b":")?,
        kind,
        shape,
        oneof,
        presence: field.supports_presence(),
    })
}

fn extension(field: &ExtensionDescriptor, kind: Kind) -> Result<Field> {
    Ok(Field {
        number: field.number(),
        json: json(field.json_name(), b":")?,
        kind,
        shape: if field.is_list() { Shape::List } else { Shape::One },
        oneof: None,
        presence: true,
    })
}

fn kind_of(
    kind: &Described,
    messages: &HashMap<String, usize>,
    enums: &HashMap<String, usize>,
) -> Result<Kind> {
    let at = |of: &HashMap<String, usize>, name: &str| {
        of.get(name)
            .copied()
            .ok_or_else(|| wrong(format_args!("it has no type `{name}`")))
    };
    Ok(match kind {
        Described::Double => Kind::Double,
        Described::Float => Kind::Float,
        Described::Int32 => Kind::Int32,
        Described::Int64 => Kind::Int64,
        Described::Uint32 => Kind::Uint32,
        Described::Uint64 => Kind::Uint64,
        Described::Sint32 => Kind::Sint32,
        Described::Sint64 => Kind::Sint64,
        Described::Fixed32 => Kind::Fixed32,
        Described::Fixed64 => Kind::Fixed64,
        Described::Sfixed32 => Kind::Sfixed32,
        Described::Sfixed64 => Kind::Sfixed64,
        Described::Bool => Kind::Bool,
        Described::String => Kind::String,
        Described::Bytes => Kind::Bytes,
        Described::Enum(of) => Kind::Enum(at(enums, of.full_name())?),
        Described::Message(of) => Kind::Message(at(messages, of.full_name())?),
    })
}

/// <https://protobuf.dev/programming-guides/json/>
fn known(name: &str, fields: &[Field]) -> Known {
    let Some(name) = name.strip_prefix("google.protobuf.") else {
        return Known::No;
    };
    let are = |expected: &[(Kind, Shape)]| {
        fields.len() == expected.len()
            && fields
                .iter()
                .zip(expected)
                .enumerate()
                .all(|(at, (field, expected))| {
                    (field.number, field.kind, field.shape) == (at as u32 + 1, expected.0, expected.1)
                })
    };
    let one = |kind| are(&[(kind, Shape::One)]);
    let fits = |fits: bool, known: Known| if fits { known } else { Known::No };
    match name {
        "Timestamp" => fits(
            are(&[(Kind::Int64, Shape::One), (Kind::Int32, Shape::One)]),
            Known::Timestamp,
        ),
        "Duration" => fits(
            are(&[(Kind::Int64, Shape::One), (Kind::Int32, Shape::One)]),
            Known::Duration,
        ),
        "DoubleValue" => fits(one(Kind::Double), Known::Wrapper),
        "FloatValue" => fits(one(Kind::Float), Known::Wrapper),
        "Int64Value" => fits(one(Kind::Int64), Known::Wrapper),
        "UInt64Value" => fits(one(Kind::Uint64), Known::Wrapper),
        "Int32Value" => fits(one(Kind::Int32), Known::Wrapper),
        "UInt32Value" => fits(one(Kind::Uint32), Known::Wrapper),
        "BoolValue" => fits(one(Kind::Bool), Known::Wrapper),
        "StringValue" => fits(one(Kind::String), Known::Wrapper),
        "BytesValue" => fits(one(Kind::Bytes), Known::Wrapper),
        "Struct" => fits(fields.len() == 1 && fields[0].shape == Shape::Map, Known::Wrapper),
        "ListValue" => fits(
            fields.len() == 1 && fields[0].shape == Shape::List,
            Known::Wrapper,
        ),
        "Value" => fits(
            fields.iter().all(|field| field.oneof == Some(0)) && !fields.is_empty(),
            Known::Value,
        ),
        "FieldMask" => fits(are(&[(Kind::String, Shape::List)]), Known::FieldMask),
        "Any" => fits(
            are(&[(Kind::String, Shape::One), (Kind::Bytes, Shape::One)]),
            Known::Any,
        ),
        "Empty" => fits(fields.is_empty(), Known::Empty),
        _ => Known::No,
    }
}
