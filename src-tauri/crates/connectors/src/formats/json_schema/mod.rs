//! JSON Schema: whether a value fits, and where it does not. Drafts 4 to 2020-12, as far as their words are known here.
//! <https://json-schema.org/draft/2020-12/json-schema-validation>
//!
//! Invariants: a word that decides about values and is not known refuses the schema, so that nothing is taken for checked
//! that is not; nothing is fetched, what a schema refers to is given; a reference that leads back to itself ends.
//! `format` says what a text is meant to be and decides nothing, as the drafts have it.

mod check;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use check::Check;
use regex::Regex;
use serde_json::Value;
use tailrace_model::{Error, Result};

use super::encode::{Misfit, kind_of};

/// Schemas gone into for one value, through references too.
const DEPTH_MAX: usize = 200;
/// Checks of one value, all told: schemas within `anyOf` within `anyOf` multiply.
const STEPS_MAX: usize = 2_000_000;
/// Names that a reason lists.
const NAMED_MAX: usize = 20;

/// Words that say nothing about which values fit.
const ANNOTATIONS: [&str; 24] = [
    "$schema",
    "$id",
    "id",
    "$comment",
    "$defs",
    "definitions",
    "$anchor",
    "$vocabulary",
    "title",
    "description",
    "default",
    "examples",
    "example",
    "deprecated",
    "readOnly",
    "writeOnly",
    "format",
    "contentEncoding",
    "contentMediaType",
    "contentSchema",
    "javaType",
    "existingJavaType",
    "connect.type",
    "connect.index",
];
/// Words that are checked.
const KNOWN: [&str; 36] = [
    "$ref",
    "type",
    "enum",
    "const",
    "properties",
    "patternProperties",
    "additionalProperties",
    "propertyNames",
    "required",
    "dependentRequired",
    "dependentSchemas",
    "dependencies",
    "minProperties",
    "maxProperties",
    "items",
    "prefixItems",
    "additionalItems",
    "contains",
    "minContains",
    "maxContains",
    "minItems",
    "maxItems",
    "uniqueItems",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "pattern",
    "allOf",
    "anyOf",
    "oneOf",
    "not",
    "if",
];
/// Words that stand beside others that are checked.
const BESIDE: [&str; 2] = ["then", "else"];

/// A schema ready to check values with.
#[derive(Debug)]
pub struct JsonSchema {
    /// The schema first, then what it refers to.
    documents: Vec<Document>,
    patterns: HashMap<String, Regex>,
}

#[derive(Debug)]
struct Document {
    /// What references call it: the name in the registry, and its own `$id`.
    names: Vec<String>,
    schema: Value,
}

type Fits = std::result::Result<(), Misfit>;

fn wrong(what: impl std::fmt::Display) -> Error {
    Error::user("json_schema", format!("the JSON Schema cannot be used: {what}"))
}

/// A place in the documents: which one, and the schema within it.
#[derive(Clone, Copy)]
struct At<'s> {
    document: usize,
    schema: &'s Value,
}

impl JsonSchema {
    /// `references` are the schemas that it refers to, by name.
    pub fn parse(text: &str, references: &[(String, String)]) -> Result<Self> {
        let mut documents = vec![Document::parse("", text)?];
        for (name, text) in references {
            documents.push(Document::parse(name, text)?);
        }
        let mut schema = Self {
            documents,
            patterns: HashMap::new(),
        };
        for document in 0..schema.documents.len() {
            let of = schema.documents[document].schema.clone();
            schema.learn(
                At {
                    document,
                    schema: &of,
                },
                0,
            )?;
        }
        Ok(schema)
    }

    /// Looks through a schema: every word is known, every reference leads somewhere, every pattern can be used.
    fn learn(&mut self, at: At<'_>, depth: usize) -> Result<()> {
        if depth > DEPTH_MAX {
            return Err(wrong(format_args!("it nests deeper than {DEPTH_MAX}")));
        }
        let Some(object) = at.schema.as_object() else {
            return match at.schema.is_boolean() {
                true => Ok(()),
                false => Err(wrong("a schema in it is neither an object nor true or false")),
            };
        };
        for (word, given) in object {
            let word = word.as_str();
            if ANNOTATIONS.contains(&word) {
                if matches!(word, "$defs" | "definitions") {
                    self.learn_each(at, given, depth)?;
                }
                continue;
            }
            if !KNOWN.contains(&word) && !BESIDE.contains(&word) {
                // Makers of schemas add words of their own, which decide nothing.
                if word.starts_with("x-") || word.contains('.') || word.starts_with("confluent:") {
                    continue;
                }
                return Err(wrong(format_args!("the word `{word}` in it is not known here")));
            }
            match (word, given) {
                ("$ref", Value::String(name)) => {
                    self.resolve(at, name)?;
                }
                ("pattern", Value::String(pattern)) => self.pattern(pattern)?,
                ("patternProperties", Value::Object(of)) => {
                    for pattern in of.keys() {
                        self.pattern(pattern)?;
                    }
                    self.learn_each(at, given, depth)?;
                }
                ("properties" | "dependentSchemas", Value::Object(_)) => self.learn_each(at, given, depth)?,
                ("dependencies", Value::Object(of)) => {
                    for schema in of.values().filter(|given| !given.is_array()) {
                        self.learn(At { schema, ..at }, depth + 1)?;
                    }
                }
                ("items" | "allOf" | "anyOf" | "oneOf" | "prefixItems", Value::Array(of)) => {
                    for schema in of {
                        self.learn(At { schema, ..at }, depth + 1)?;
                    }
                }
                (
                    "items"
                    | "additionalItems"
                    | "additionalProperties"
                    | "propertyNames"
                    | "contains"
                    | "not"
                    | "if"
                    | "then"
                    | "else",
                    schema,
                ) => self.learn(At { schema, ..at }, depth + 1)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn learn_each(&mut self, at: At<'_>, given: &Value, depth: usize) -> Result<()> {
        let of = given
            .as_object()
            .ok_or_else(|| wrong("a list of schemas by name in it is none"))?;
        for schema in of.values() {
            self.learn(At { schema, ..at }, depth + 1)?;
        }
        Ok(())
    }

    fn pattern(&mut self, pattern: &str) -> Result<()> {
        if !self.patterns.contains_key(pattern) {
            let read = Regex::new(pattern)
                .map_err(|_| wrong(format_args!("the pattern `{pattern}` in it cannot be checked")))?;
            self.patterns.insert(pattern.to_owned(), read);
        }
        Ok(())
    }

    /// The schema that a reference names: of the same document (`#/$defs/x`, `#anchor`), or of another by its name or `$id`.
    fn resolve<'s>(&'s self, from: At<'_>, reference: &str) -> Result<At<'s>> {
        let missing = || {
            wrong(format_args!(
                "it refers to `{reference}`, which is not in it nor registered with it"
            ))
        };
        let (name, fragment) = reference.split_once('#').unwrap_or((reference, ""));
        let document = match name.is_empty() {
            true => from.document,
            false => self
                .documents
                .iter()
                .position(|document| document.is_named(name))
                .ok_or_else(missing)?,
        };
        let root = &self.documents[document].schema;
        let schema = match (fragment.is_empty(), fragment.starts_with('/')) {
            (true, _) => Some(root),
            (false, true) => root.pointer(&unescaped(fragment)),
            (false, false) => anchored(root, fragment, 0),
        };
        Ok(At {
            document,
            schema: schema.ok_or_else(missing)?,
        })
    }

    /// Whether the value fits; the first place where it does not.
    pub fn check(&self, value: &Value) -> Fits {
        let at = At {
            document: 0,
            schema: &self.documents[0].schema,
        };
        let mut check = Check { of: self, steps: 0 };
        check.value(at, value, 0)
    }
}

/// `%20` as the sign that it stands for.
fn unescaped(fragment: &str) -> String {
    let mut bytes = Vec::with_capacity(fragment.len());
    let mut rest = fragment.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = after.get(..2).filter(|_| *first == b'%');
        let sign = hex.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        match sign {
            Some(sign) => {
                bytes.push(sign);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The schema with this `$anchor`, or with this as its `$id`.
fn anchored<'s>(schema: &'s Value, anchor: &str, depth: usize) -> Option<&'s Value> {
    if depth > DEPTH_MAX {
        return None;
    }
    match schema {
        Value::Object(object) => {
            let own = |word: &str| object.get(word).and_then(Value::as_str);
            if own("$anchor") == Some(anchor)
                || own("$id").and_then(|id| id.strip_prefix('#')) == Some(anchor)
            {
                return Some(schema);
            }
            object
                .values()
                .find_map(|within| anchored(within, anchor, depth + 1))
        }
        Value::Array(items) => items
            .iter()
            .find_map(|within| anchored(within, anchor, depth + 1)),
        _ => None,
    }
}

impl Document {
    fn parse(name: &str, text: &str) -> Result<Self> {
        let schema: Value =
            serde_json::from_str(text).map_err(|error| wrong(format_args!("it is not JSON, {error}")))?;
        let id = ["$id", "id"]
            .iter()
            .find_map(|word| schema.get(word).and_then(Value::as_str));
        let names = [Some(name), id].into_iter().flatten();
        let names = names.map(|name| name.trim_end_matches('#').to_owned());
        Ok(Self {
            names: names.filter(|name| !name.is_empty()).collect(),
            schema,
        })
    }

    /// A reference may say the whole address or only the end of it.
    fn is_named(&self, reference: &str) -> bool {
        let short = reference.trim_start_matches("./").trim_start_matches('/');
        self.names.iter().any(|name| {
            name == reference
                || name == short
                || name.ends_with(&format!("/{short}"))
                || reference.ends_with(&format!("/{name}"))
        })
    }
}
