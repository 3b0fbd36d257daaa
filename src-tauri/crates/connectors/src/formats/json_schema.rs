//! JSON Schema: whether a value fits, and where it does not. Drafts 4 to 2020-12, as far as their words are known here.
//! <https://json-schema.org/draft/2020-12/json-schema-validation>
//!
//! Invariants: a word that decides about values and is not known refuses the schema, so that nothing is taken for checked
//! that is not; nothing is fetched, what a schema refers to is given; a reference that leads back to itself ends.
//! `format` says what a text is meant to be and decides nothing, as the drafts have it.

use std::collections::HashMap;

use regex::Regex;
use serde_json::{Map, Value};
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

struct Check<'s> {
    of: &'s JsonSchema,
    steps: usize,
}

impl<'s> Check<'s> {
    fn value(&mut self, at: At<'s>, value: &Value, depth: usize) -> Fits {
        self.steps += 1;
        if depth > DEPTH_MAX || self.steps > STEPS_MAX {
            return Err(Misfit::new("the schema goes too deep to be checked"));
        }
        let object = match at.schema {
            Value::Bool(true) => return Ok(()),
            Value::Object(object) => object,
            _ => return Err(Misfit::new("the schema allows nothing here")),
        };
        if let Some(Value::String(reference)) = object.get("$ref") {
            let to = self
                .of
                .resolve(at, reference)
                .map_err(|error| Misfit::new(error.message))?;
            self.value(to, value, depth + 1)?;
        }
        plain(object, value)?;
        match value {
            Value::Number(_) => number(object, value)?,
            Value::String(text) => self.text(object, text)?,
            Value::Array(items) => self.items(at, object, items, depth)?,
            Value::Object(fields) => self.fields(at, object, fields, depth)?,
            Value::Null | Value::Bool(_) => {}
        }
        self.combined(at, object, value, depth)
    }

    fn fits(&mut self, at: At<'s>, schema: &'s Value, value: &Value, depth: usize) -> Fits {
        self.value(At { schema, ..at }, value, depth + 1)
    }

    fn combined(&mut self, at: At<'s>, object: &'s Map<String, Value>, value: &Value, depth: usize) -> Fits {
        for schema in list(object, "allOf") {
            self.fits(at, schema, value, depth)?;
        }
        if let Some(Value::Array(schemas)) = object.get("anyOf") {
            let mut misfits = Vec::new();
            for schema in schemas {
                match self.fits(at, schema, value, depth) {
                    Ok(()) => {
                        misfits.clear();
                        break;
                    }
                    Err(misfit) => misfits.push(misfit),
                }
            }
            if let Some(misfit) = nearest(misfits) {
                return Err(misfit);
            }
        }
        if let Some(Value::Array(schemas)) = object.get("oneOf") {
            let (mut fitting, mut misfits) = (0, Vec::new());
            for schema in schemas {
                match self.fits(at, schema, value, depth) {
                    Ok(()) => fitting += 1,
                    Err(misfit) => misfits.push(misfit),
                }
            }
            match fitting {
                1 => {}
                0 => {
                    return Err(nearest(misfits)
                        .unwrap_or_else(|| Misfit::new("it fits none of the schema's choices")));
                }
                more => {
                    return Err(Misfit::new(format!(
                        "it fits {more} of the schema's choices, and one is wanted"
                    )));
                }
            }
        }
        if let Some(schema) = object.get("not")
            && self.fits(at, schema, value, depth).is_ok()
        {
            return Err(Misfit::new("it is what the schema says that it must not be"));
        }
        if let Some(schema) = object.get("if") {
            let then = match self.fits(at, schema, value, depth) {
                Ok(()) => "then",
                Err(_) => "else",
            };
            if let Some(schema) = object.get(then) {
                self.fits(at, schema, value, depth)?;
            }
        }
        Ok(())
    }

    fn text(&self, object: &Map<String, Value>, text: &str) -> Fits {
        let count = text.chars().count() as u64;
        bounds(object, count, "minLength", "maxLength", "characters")?;
        match object.get("pattern").and_then(Value::as_str) {
            Some(pattern)
                if !self
                    .of
                    .patterns
                    .get(pattern)
                    .is_some_and(|read| read.is_match(text)) =>
            {
                Err(Misfit::new(format!(
                    "{} does not match the pattern `{pattern}`",
                    kind_of(&Value::from(text))
                )))
            }
            _ => Ok(()),
        }
    }

    fn items(&mut self, at: At<'s>, object: &'s Map<String, Value>, items: &[Value], depth: usize) -> Fits {
        bounds(object, items.len() as u64, "minItems", "maxItems", "items")?;
        if object.get("uniqueItems") == Some(&Value::Bool(true)) {
            for (at, item) in items.iter().enumerate() {
                if items[..at].contains(item) {
                    return Err(Misfit::new("it is in the list twice").at_index(at));
                }
            }
        }
        // Until 2019-09 `items` may be a list, with `additionalItems` for the rest; since then `prefixItems` and `items`.
        let (first, rest) = match (object.get("items"), object.get("prefixItems")) {
            (Some(Value::Array(first)), _) => (first.as_slice(), object.get("additionalItems")),
            (rest, Some(Value::Array(first))) => (first.as_slice(), rest),
            (rest, _) => (&[][..], rest),
        };
        for (index, item) in items.iter().enumerate() {
            if let Some(schema) = first.get(index).or(rest) {
                self.fits(at, schema, item, depth)
                    .map_err(|misfit| misfit.at_index(index))?;
            }
        }
        if let Some(schema) = object.get("contains") {
            let found = items
                .iter()
                .filter(|item| self.fits(at, schema, item, depth).is_ok())
                .count() as u64;
            let least = object.get("minContains").and_then(Value::as_u64).unwrap_or(1);
            let most = object
                .get("maxContains")
                .and_then(Value::as_u64)
                .unwrap_or(u64::MAX);
            if !(least..=most).contains(&found) {
                return Err(Misfit::new(format!(
                    "{found} of its items are what the schema wants it to contain"
                )));
            }
        }
        Ok(())
    }

    fn fields(
        &mut self,
        at: At<'s>,
        object: &'s Map<String, Value>,
        fields: &Map<String, Value>,
        depth: usize,
    ) -> Fits {
        bounds(
            object,
            fields.len() as u64,
            "minProperties",
            "maxProperties",
            "fields",
        )?;
        let missing = |names: &Value| {
            names
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .find(|name| !fields.contains_key(*name))
                .map(str::to_owned)
        };
        if let Some(name) = object.get("required").and_then(missing) {
            return Err(Misfit::new("it is missing, and the schema requires it").within(&name));
        }
        let properties = object.get("properties").and_then(Value::as_object);
        let patterns = object.get("patternProperties").and_then(Value::as_object);
        let rest = object.get("additionalProperties");
        for (name, field) in fields {
            if let Some(schema) = object.get("propertyNames") {
                let value = Value::from(name.as_str());
                self.fits(at, schema, &value, depth)
                    .map_err(|misfit| misfit.within(name))?;
            }
            let mut known = false;
            if let Some(schema) = properties.and_then(|properties| properties.get(name)) {
                known = true;
                self.fits(at, schema, field, depth)
                    .map_err(|misfit| misfit.within(name))?;
            }
            for (pattern, schema) in patterns.into_iter().flatten() {
                if self
                    .of
                    .patterns
                    .get(pattern)
                    .is_some_and(|read| read.is_match(name))
                {
                    known = true;
                    self.fits(at, schema, field, depth)
                        .map_err(|misfit| misfit.within(name))?;
                }
            }
            match rest {
                Some(Value::Bool(false)) if !known => {
                    return Err(Misfit::new("the schema has no such field").within(name));
                }
                Some(schema) if !known => self
                    .fits(at, schema, field, depth)
                    .map_err(|misfit| misfit.within(name))?,
                _ => {}
            }
        }
        for word in ["dependentRequired", "dependentSchemas", "dependencies"] {
            let of = object.get(word).and_then(Value::as_object);
            for (name, then) in of
                .into_iter()
                .flatten()
                .filter(|(name, _)| fields.contains_key(*name))
            {
                if then.is_array() {
                    if let Some(wanted) = missing(then) {
                        return Err(Misfit::new(format!(
                            "it is missing, and the schema requires it beside {name}"
                        ))
                        .within(&wanted));
                    }
                } else {
                    self.fits(at, then, &Value::Object(fields.clone()), depth)?;
                }
            }
        }
        Ok(())
    }
}

/// Of several reasons, the one that goes deepest: it is of the choice that was meant.
fn nearest(misfits: Vec<Misfit>) -> Option<Misfit> {
    misfits
        .into_iter()
        .reduce(|best, next| match next.depth() > best.depth() {
            true => next,
            false => best,
        })
}

fn list<'s>(object: &'s Map<String, Value>, word: &str) -> &'s [Value] {
    object
        .get(word)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

fn bounds(object: &Map<String, Value>, found: u64, least: &str, most: &str, what: &str) -> Fits {
    let bound = |word: &str| object.get(word).and_then(Value::as_f64);
    if let Some(least) = bound(least).filter(|least| (found as f64) < *least) {
        return Err(Misfit::new(format!(
            "it has {found} {what}, and the schema wants at least {least}"
        )));
    }
    if let Some(most) = bound(most).filter(|most| found as f64 > *most) {
        return Err(Misfit::new(format!(
            "it has {found} {what}, and the schema allows {most}"
        )));
    }
    Ok(())
}

/// `type`, `enum` and `const`.
fn plain(object: &Map<String, Value>, value: &Value) -> Fits {
    let is = |kind: &str| match kind {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        // 1.0 is a whole number in every draft since 6.
        "integer" => {
            value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|number| number.fract() == 0.0)
        }
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => false,
    };
    let wanted = match object.get("type") {
        None => Vec::new(),
        Some(Value::String(kind)) => vec![kind.as_str()],
        Some(kinds) => kinds
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect(),
    };
    if object.contains_key("type") && !wanted.iter().any(|kind| is(kind)) {
        let wanted = wanted.join(" or ");
        return Err(Misfit::new(format!(
            "{wanted} is expected, and it is {}",
            kind_of(value)
        )));
    }
    if let Some(Value::Array(allowed)) = object.get("enum")
        && !allowed.iter().any(|one| same(one, value))
    {
        let names: Vec<String> = allowed.iter().take(NAMED_MAX).map(Value::to_string).collect();
        return Err(Misfit::new(format!(
            "{} is none of the schema's {}",
            kind_of(value),
            names.join(", ")
        )));
    }
    match object.get("const") {
        Some(only) if !same(only, value) => Err(Misfit::new(format!(
            "{only} is expected, and it is {}",
            kind_of(value)
        ))),
        _ => Ok(()),
    }
}

/// 1 and 1.0 are the same number.
fn same(one: &Value, other: &Value) -> bool {
    one == other
        || matches!((one, other), (Value::Number(_), Value::Number(_))) && one.as_f64() == other.as_f64()
}

fn number(object: &Map<String, Value>, value: &Value) -> Fits {
    let found = value.as_f64().unwrap_or(f64::NAN);
    let bound = |word: &str| object.get(word).and_then(Value::as_f64);
    let exclusive = |word: &str| object.get(word) == Some(&Value::Bool(true));
    let wants = |what: &str, bound: f64| {
        Err(Misfit::new(format!(
            "it is {value}, and the schema wants {what} {bound}"
        )))
    };
    // In draft 4 `exclusiveMinimum` says how `minimum` is meant.
    match bound("minimum") {
        Some(least) if exclusive("exclusiveMinimum") && found <= least => return wants("more than", least),
        Some(least) if found < least => return wants("a minimum of", least),
        _ => {}
    }
    match bound("maximum") {
        Some(most) if exclusive("exclusiveMaximum") && found >= most => return wants("less than", most),
        Some(most) if found > most => return wants("a maximum of", most),
        _ => {}
    }
    if let Some(least) = bound("exclusiveMinimum").filter(|least| found <= *least) {
        return wants("more than", least);
    }
    if let Some(most) = bound("exclusiveMaximum").filter(|most| found >= *most) {
        return wants("less than", most);
    }
    if let Some(step) = bound("multipleOf").filter(|step| *step > 0.0) {
        let times = found / step;
        // 0.3 is a multiple of 0.1 for people, not quite for a machine.
        if (times - times.round()).abs() > 1e-9 * times.abs().max(1.0) {
            return wants("a multiple of", step);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The values fit; the others do not, at the place and for the reason.
    fn check(schema: &Value, fit: &[Value], misfit: &[(Value, &str, &str)]) {
        let read = JsonSchema::parse(&schema.to_string(), &[]).expect("a schema");
        for value in fit {
            assert_eq!(read.check(value), Ok(()), "{value} of {schema}");
        }
        for (value, path, says) in misfit {
            let misfit = read.check(value).expect_err("no fit");
            assert_eq!(misfit.path(), *path, "{value}: {misfit}");
            assert!(misfit.reason.contains(says), "{value}: {misfit}");
        }
    }

    #[test]
    fn types_and_values() {
        check(
            &json!({"type": "integer"}),
            &[json!(1), json!(1.0)],
            &[
                (json!(1.5), "", "integer is expected"),
                (json!("1"), "", "the text"),
            ],
        );
        check(
            &json!({"type": ["null", "string"]}),
            &[json!(null), json!("x")],
            &[(json!(1), "", "null or string")],
        );
        check(
            &json!({"enum": [1, "a"]}),
            &[json!(1.0), json!("a")],
            &[(json!(2), "", "none of the schema's 1, \"a\"")],
        );
        check(
            &json!({"const": {"a": 1}}),
            &[json!({"a": 1})],
            &[(json!({"a": 2}), "", "is expected")],
        );
        check(&json!(true), &[json!(1)], &[]);
        check(&json!(false), &[], &[(json!(1), "", "allows nothing")]);
        check(
            &json!({"minimum": 1, "exclusiveMaximum": 3, "multipleOf": 0.1}),
            &[json!(1), json!(2.3)],
            &[
                (json!(0), "", "minimum of 1"),
                (json!(3), "", "less than 3"),
                (json!(1.05), "", "multiple"),
            ],
        );
        check(
            &json!({"minimum": 1, "exclusiveMinimum": true}),
            &[json!(2)],
            &[(json!(1), "", "more than 1")],
        );
        check(
            &json!({"minLength": 2, "maxLength": 3, "pattern": "^ü"}),
            &[json!("üb"), json!(1)],
            &[(json!("ü"), "", "1 characters"), (json!("abc"), "", "pattern")],
        );
    }

    #[test]
    fn lists_and_objects() {
        check(
            &json!({"items": {"type": "string"}, "minItems": 1, "uniqueItems": true, "contains": {"const": "a"}}),
            &[json!(["a", "b"])],
            &[
                (json!([]), "", "at least 1"),
                (json!(["a", 1]), "[1]", "string"),
                (json!(["a", "a"]), "[1]", "twice"),
                (json!(["b"]), "", "contain"),
            ],
        );
        check(
            &json!({"prefixItems": [{"type": "string"}], "items": false}),
            &[json!(["a"])],
            &[(json!(["a", 1]), "[1]", "allows nothing")],
        );
        check(
            &json!({"items": [{"type": "string"}], "additionalItems": {"type": "integer"}}),
            &[json!(["a", 1])],
            &[(json!(["a", "b"]), "[1]", "integer")],
        );
        check(
            &json!({"required": ["id"], "properties": {"id": {"type": "integer"}}, "patternProperties": {"^x": {"type": "string"}}, "additionalProperties": false}),
            &[json!({"id": 1, "x1": "a"})],
            &[
                (json!({}), "id", "missing"),
                (json!({"id": "1"}), "id", "integer"),
                (json!({"id": 1, "x": 2}), "x", "string"),
                (json!({"id": 1, "y": 2}), "y", "no such field"),
            ],
        );
        check(
            &json!({"propertyNames": {"maxLength": 1}, "maxProperties": 1}),
            &[json!({"a": 1})],
            &[
                (json!({"ab": 1}), "ab", "2 characters"),
                (json!({"a": 1, "b": 2}), "", "2 fields"),
            ],
        );
        check(
            &json!({"dependentRequired": {"card": ["name"]}, "dependencies": {"a": ["b"], "c": {"required": ["d"]}}}),
            &[json!({"card": 1, "name": 2}), json!({"a": 1, "b": 2})],
            &[
                (json!({"card": 1}), "name", "beside card"),
                (json!({"a": 1}), "b", "beside a"),
                (json!({"c": 1}), "d", "missing"),
            ],
        );
    }

    #[test]
    fn choices() {
        let choice = json!({"anyOf": [{"type": "null"}, {"type": "object", "required": ["a"], "properties": {"a": {"type": "integer"}}}]});
        check(
            &choice,
            &[json!(null), json!({"a": 1})],
            &[(json!({"a": "x"}), "a", "integer"), (json!({}), "a", "missing")],
        );
        check(
            &json!({"oneOf": [{"minimum": 2}, {"maximum": 3}]}),
            &[json!(1), json!(4)],
            &[(json!(2), "", "fits 2")],
        );
        check(
            &json!({"not": {"type": "string"}, "allOf": [{"minimum": 1}]}),
            &[json!(1)],
            &[(json!("x"), "", "must not be"), (json!(0), "", "minimum")],
        );
        let when = json!({"if": {"properties": {"kind": {"const": "card"}}, "required": ["kind"]}, "then": {"required": ["number"]}, "else": {"required": ["iban"]}});
        check(
            &when,
            &[json!({"kind": "card", "number": 1}), json!({"iban": 1})],
            &[
                (json!({"kind": "card"}), "number", "missing"),
                (json!({}), "iban", "missing"),
            ],
        );
    }

    #[test]
    fn references() {
        let tree = json!({"$defs": {"node": {"$anchor": "n", "type": "object", "properties": {"next": {"$ref": "#/$defs/node"}, "v": {"type": "integer"}}, "additionalProperties": false}}, "$ref": "#n"});
        check(
            &tree,
            &[json!({"v": 1, "next": {"v": 2}})],
            &[(json!({"next": {"next": {"v": "x"}}}), "next.next.v", "integer")],
        );
        let line = |id: &str| {
            json!({"$id": id, "type": "object", "properties": {"sku": {"$ref": "#/definitions/sku"}}, "definitions": {"sku": {"type": "string"}}}).to_string()
        };
        let order = |reference: &str| json!({"properties": {"line": {"$ref": reference}}}).to_string();
        for (reference, name, id) in [
            ("line.json", "line.json", ""),
            ("https://shop/line.json", "line", "https://shop/line.json"),
            ("line.json", "x", "https://shop/line.json"),
        ] {
            let schema =
                JsonSchema::parse(&order(reference), &[(name.to_owned(), line(id))]).expect("a schema");
            let misfit = schema.check(&json!({"line": {"sku": 1}})).expect_err("no fit");
            assert_eq!(misfit.path(), "line.sku");
        }
        let unknown = JsonSchema::parse(&order("nowhere.json"), &[]).expect_err("unknown");
        assert!(unknown.message.contains("nowhere.json"), "{unknown}");
        // One that leads to itself ends.
        let loops = JsonSchema::parse(&json!({"$ref": "#"}).to_string(), &[]).expect("a schema");
        assert!(loops.check(&json!(1)).is_err());
    }

    #[test]
    fn what_cannot_be_checked_is_refused() {
        let refused = |schema: Value, says: &str| {
            let error = JsonSchema::parse(&schema.to_string(), &[]).expect_err("refused");
            assert!(error.message.contains(says), "{error}");
        };
        refused(json!({"unevaluatedProperties": false}), "`unevaluatedProperties`");
        refused(
            json!({"properties": {"a": {"$dynamicRef": "#x"}}}),
            "`$dynamicRef`",
        );
        refused(json!({"pattern": "(?=a)"}), "(?=a)");
        refused(json!(7), "neither an object");
        assert!(
            JsonSchema::parse(
                &json!({"x-owner": 1, "title": "t", "format": "date"}).to_string(),
                &[]
            )
            .is_ok()
        );
    }
}
