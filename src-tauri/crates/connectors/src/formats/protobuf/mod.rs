//! Protobuf as its own JSON: <https://protobuf.dev/programming-guides/json/>.
//!
//! Two of the mapping's choices are made for tables: whole numbers of 64 bits are numbers (the mapping reads both), and
//! fields without presence are written when they have their default value, so that `value.count = 0` finds them.

mod decode;
mod plan;

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use plan::Plan;
use prost_reflect::{DescriptorPool, MessageDescriptor, prost::Message as _, prost_types::FileDescriptorSet};
use protox::{
    Compiler,
    file::{ChainFileResolver, File, FileResolver, GoogleFileResolver},
};
use tailrace_model::{Error, Result};

use super::{
    framing::message_indexes,
    write::{Out, Result as Written, Wrong},
};

/// Bytes of one value; where its fields are takes up to six times as much.
const VALUE_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Bytes of a schema's text or of a descriptor set.
const SCHEMA_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Blocks within one another in a schema's text; the compiler allows as many messages.
const SCHEMA_DEPTH_MAX: usize = 32;
/// The name of the file that a schema is compiled as.
const FILE: &str = "tailrace/schema.proto";
/// Messages that an error names.
const NAMED_MAX: usize = 8;

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
    plan: Arc<Plan>,
    messages: Messages,
}

/// Which message of the plan a value is.
#[derive(Debug, Clone)]
enum Messages {
    One(usize),
    /// The record says which, by its place in the file.
    ByPlace(HashMap<Vec<usize>, usize>),
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
        let pool = pool(text, references)?;
        let plan = Plan::new(&pool)?;
        let messages = match message {
            Some(message) => Messages::One(named(&plan, message)?),
            None => {
                let file = pool
                    .get_file_by_name(FILE)
                    .ok_or_else(|| wrong("it has no file"))?;
                let mut places = HashMap::new();
                place(file.messages(), &plan, &mut Vec::new(), &mut places);
                Messages::ByPlace(places)
            }
        };
        Ok(Self {
            plan: Arc::new(plan),
            messages,
        })
    }

    /// One message of a descriptor set, as `protoc --include_imports --descriptor_set_out=FILE` writes it.
    pub fn from_descriptor_set(set: &[u8], message: &str) -> Result<Self> {
        check_size(set.len())?;
        let not_one = |error: &dyn std::fmt::Display| wrong(format_args!("it is no descriptor set, {error}"));
        let files = FileDescriptorSet::decode(set).map_err(|error| not_one(&error))?;
        check_files(&files)?;
        let pool = DescriptorPool::decode(set).map_err(|error| not_one(&error))?;
        let plan = Plan::new(&pool)?;
        Ok(Self {
            messages: Messages::One(named(&plan, message)?),
            plan: Arc::new(plan),
        })
    }

    /// Writes the value as JSON. `framed`: behind Confluent's header, with the place of the message in its file.
    pub(super) fn decode(&self, bytes: &[u8], framed: bool, out: &mut Out) -> Written {
        if bytes.len() > VALUE_BYTES_MAX {
            return Err(Wrong::new(format!("it has more than {VALUE_BYTES_MAX} bytes")));
        }
        let mut place = Vec::new();
        let from = match framed {
            true => message_indexes(bytes, &mut place)?,
            false => 0,
        };
        let message = match &self.messages {
            Messages::One(message) => *message,
            Messages::ByPlace(places) => *places
                .get(&place)
                .ok_or_else(|| Wrong::at(format!("the schema has no message at the place {place:?}"), 0))?,
        };
        decode::write(&self.plan, message, bytes, from, out)
    }
}

/// A message of a file to write, and its place in the file; without a name the first one.
pub(super) fn descriptor(
    text: &str,
    references: &[(String, String)],
    message: Option<&str>,
) -> Result<(MessageDescriptor, Vec<usize>)> {
    let references: Vec<(&str, &str)> = references
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_str()))
        .collect();
    let pool = pool(text, &references)?;
    let file = pool
        .get_file_by_name(FILE)
        .ok_or_else(|| wrong("it has no file"))?;
    let mut found = Vec::new();
    places(file.messages(), &mut Vec::new(), &mut found);
    let mut known: Vec<String> = found
        .iter()
        .map(|(of, _)| of.full_name().to_owned())
        .take(NAMED_MAX)
        .collect();
    known.sort_unstable();
    let wanted = found
        .into_iter()
        .find(|(of, _)| message.is_none_or(|name| of.full_name() == name));
    wanted.ok_or_else(|| match message {
        Some(name) => wrong(format_args!(
            "it has no message `{name}`; it has {}",
            known.join(", ")
        )),
        None => wrong("it has no message"),
    })
}

/// Every message with its place, the first of a file first.
fn places(
    messages: impl Iterator<Item = MessageDescriptor>,
    above: &mut Vec<usize>,
    found: &mut Vec<(MessageDescriptor, Vec<usize>)>,
) {
    for (at, message) in messages.filter(|message| !message.is_map_entry()).enumerate() {
        above.push(at);
        found.push((message.clone(), above.clone()));
        let within: Vec<MessageDescriptor> = message.child_messages().collect();
        places(within.into_iter(), above, found);
        above.pop();
    }
}

/// The place of a message as Confluent writes it; the first message's is a single zero.
pub(super) fn write_place(place: &[usize], out: &mut Vec<u8>) {
    if place == [0] {
        out.push(0);
        return;
    }
    for number in std::iter::once(place.len()).chain(place.iter().copied()) {
        let mut left = (number as u64) << 1;
        while left >= 0x80 {
            out.push(left as u8 | 0x80);
            left >>= 7;
        }
        out.push(left as u8);
    }
}

/// Compiles a file and what it imports.
fn pool(text: &str, references: &[(&str, &str)]) -> Result<DescriptorPool> {
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
    Ok(compiler.descriptor_pool())
}

fn check_size(bytes: usize) -> Result<()> {
    if bytes > SCHEMA_BYTES_MAX {
        return Err(wrong(format_args!("it has more than {SCHEMA_BYTES_MAX} bytes")));
    }
    Ok(())
}

/// What the pool takes for granted of the files of a set, and would panic without.
fn check_files(set: &FileDescriptorSet) -> Result<()> {
    let mut names = HashSet::new();
    for file in &set.file {
        if !matches!(file.syntax.as_deref(), None | Some("proto2" | "proto3")) {
            return Err(wrong(format_args!(
                "its file `{}` is written in `{}`, and only proto2 and proto3 are read here",
                file.name(),
                file.syntax()
            )));
        }
        if !names.insert(file.name()) {
            return Err(wrong(format_args!("it has the file `{}` twice", file.name())));
        }
    }
    Ok(())
}

/// The compiler goes down into the blocks of options without a limit of its own. Comments and strings are gone past.
fn check_depth(text: &str) -> Result<()> {
    let (mut depth, mut rest) = (0usize, text);
    while let Some(at) = rest.find(['{', '[', '<', '}', ']', '>', '/', '"', '\'']) {
        let (first, after) = rest[at..].split_at(1);
        rest = match first {
            "{" | "[" | "<" => {
                depth += 1;
                after
            }
            "/" if after.starts_with('/') => &after[after.find('\n').unwrap_or(after.len())..],
            "/" if after.starts_with('*') => &after[after.find("*/").unwrap_or(after.len())..],
            "/" => after,
            "\"" | "'" => after_string(after, first),
            _ => {
                depth = depth.saturating_sub(1);
                after
            }
        };
        if depth > SCHEMA_DEPTH_MAX {
            return Err(wrong(format_args!("it nests deeper than {SCHEMA_DEPTH_MAX}")));
        }
    }
    Ok(())
}

/// What follows the string that `text` is the inside of.
fn after_string<'a>(text: &'a str, quote: &str) -> &'a str {
    let mut escaped = false;
    for (at, character) in text.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            // A string ends with its line, whether it is whole or not.
            '\n' => return &text[at..],
            _ if quote.starts_with(character) => return &text[at + 1..],
            _ => {}
        }
    }
    ""
}

fn named(plan: &Plan, name: &str) -> Result<usize> {
    plan.names.get(name).copied().ok_or_else(|| {
        let mut known: Vec<&str> = plan
            .names
            .keys()
            .map(String::as_str)
            .filter(|name| !name.starts_with("google.protobuf."))
            .collect();
        known.sort_unstable();
        known.truncate(NAMED_MAX);
        wrong(format_args!(
            "it has no message `{name}`; it has {}",
            match known.is_empty() {
                true => "none".to_owned(),
                false => known.join(", "),
            }
        ))
    })
}

/// Where each message is; those that Protobuf makes of map fields have no place.
fn place(
    messages: impl Iterator<Item = MessageDescriptor>,
    plan: &Plan,
    above: &mut Vec<usize>,
    places: &mut HashMap<Vec<usize>, usize>,
) {
    for (at, message) in messages.filter(|message| !message.is_map_entry()).enumerate() {
        above.push(at);
        if let Some(of) = plan.names.get(message.full_name()) {
            places.insert(above.clone(), *of);
        }
        let within: Vec<MessageDescriptor> = message.child_messages().collect();
        place(within.into_iter(), plan, above, places);
        above.pop();
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
mod tests;
