//! JSON Schema: whether a value fits, and where it does not, in a person's words. The `jsonschema` crate decides; drafts 4
//! to 2020-12 by `$schema`. <https://json-schema.org/specification>
//!
//! Invariants: nothing is fetched, what a schema refers to is given; a schema without `$schema` is of draft 7, as
//! Confluent's registry takes it, and a word that decides about values and that the draft does not have refuses the
//! schema, so that nothing is taken for checked that is not; `format` says what a text is meant to be and decides nothing,
//! as registries have it; the work of one check has an end, however schemas refer to each other.

mod budget;
mod reason;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use jsonschema::{Draft, PatternOptions, Retrieve, Uri, Validator, error::ValidationErrorKind};
use serde_json::Value;
use tailrace_model::{Error, Result};

use super::encode::Misfit;

/// Steps back that one pattern may take on one text.
const BACKTRACK_MAX: usize = 100_000;
/// Bytes of one pattern, compiled.
const PATTERN_BYTES_MAX: usize = 10 << 20;
/// `$ref`s of a schema and of what it refers to: a chain of them is gone along on the stack.
const REFERENCES_MAX: usize = 1_000;
/// Schemas gone into for one value, to say whether it fits.
const STEPS_MAX: usize = 2_000_000;
/// The same to say where it does not: every choice that was not met is written down.
const REASON_STEPS_MAX: usize = 200_000;

/// What relative references are relative to.
const BASE: &str = "schema:///";

/// Words that decide about values and came with a draft: an older one passes them over.
const CAME_WITH: [(&str, Draft); 15] = [
    ("const", Draft::Draft6),
    ("contains", Draft::Draft6),
    ("propertyNames", Draft::Draft6),
    ("if", Draft::Draft7),
    ("then", Draft::Draft7),
    ("else", Draft::Draft7),
    ("dependentRequired", Draft::Draft201909),
    ("dependentSchemas", Draft::Draft201909),
    ("minContains", Draft::Draft201909),
    ("maxContains", Draft::Draft201909),
    ("unevaluatedItems", Draft::Draft201909),
    ("unevaluatedProperties", Draft::Draft201909),
    ("$recursiveRef", Draft::Draft201909),
    ("$dynamicRef", Draft::Draft202012),
    ("prefixItems", Draft::Draft202012),
];

/// A schema ready to check values with.
#[derive(Debug)]
pub struct JsonSchema {
    validator: Validator,
}

type Fits = std::result::Result<(), Misfit>;

fn wrong(what: impl std::fmt::Display) -> Error {
    Error::user("json_schema", format!("the JSON Schema cannot be used: {what}"))
}

impl JsonSchema {
    /// `references` are the schemas that it refers to, by name.
    pub fn parse(text: &str, references: &[(String, String)]) -> Result<Self> {
        let mut documents = vec![Document::parse("", text)?];
        for (name, text) in references {
            documents.push(Document::parse(name, text)?);
        }
        let used: usize = documents.iter().map(|document| count(&document.schema)).sum();
        if used > REFERENCES_MAX {
            let sentence = format!("it refers to others {used} times, and {REFERENCES_MAX} are the most");
            return Err(wrong(sentence));
        }
        let (schema, draft) = (documents[0].schema.clone(), documents[0].draft);
        let patterns = PatternOptions::fancy_regex()
            .backtrack_limit(BACKTRACK_MAX)
            .size_limit(PATTERN_BYTES_MAX)
            .dfa_size_limit(PATTERN_BYTES_MAX);
        let options = jsonschema::options()
            .with_draft(draft)
            .with_base_uri(BASE)
            .with_retriever(Given(documents.into()))
            .with_pattern_options(patterns)
            .should_validate_formats(false);
        let validator = budget::counted(options).build(&schema).map_err(|error| {
            match reason::of(&error, &schema) {
                // Said of what it refers to, not of a place in it.
                misfit if matches!(error.kind(), ValidationErrorKind::Referencing(_)) => wrong(misfit.reason),
                misfit if misfit.depth() == 0 => wrong(misfit.reason),
                misfit => wrong(format_args!("{} in it: {}", misfit.path(), misfit.reason)),
            }
        })?;
        Ok(Self { validator })
    }

    /// Whether the value fits; the first place where it does not.
    pub fn check(&self, value: &Value) -> Fits {
        let fits = budget::within(STEPS_MAX, || self.validator.is_valid(value));
        match fits {
            Some(true) => return Ok(()),
            Some(false) => {}
            None => return Err(Misfit::new("the schema goes too deep to be checked")),
        }
        let said = budget::within(REASON_STEPS_MAX, || {
            let error = self.validator.validate(value).err();
            error.map(|error| reason::of(&error, value))
        });
        Err(said
            .flatten()
            .unwrap_or_else(|| Misfit::new("it does not fit, and the schema goes too deep to say where")))
    }
}

impl JsonSchema {
    /// All places where the value does not fit, at most so many; empty: it fits.
    pub fn misfits(&self, value: &Value, most: usize) -> Vec<Misfit> {
        match budget::within(STEPS_MAX, || self.validator.is_valid(value)) {
            Some(true) => return Vec::new(),
            Some(false) => {}
            None => return vec![Misfit::new("the schema goes too deep to be checked")],
        }
        let said = budget::within(REASON_STEPS_MAX, || {
            let errors = self.validator.iter_errors(value).take(most);
            errors
                .flat_map(|error| reason::all_of(&error, value))
                .take(most)
                .collect::<Vec<_>>()
        });
        match said {
            Some(misfits) if !misfits.is_empty() => misfits,
            _ => vec![Misfit::new(
                "it does not fit, and the schema goes too deep to say where",
            )],
        }
    }
}

/// A schema, or one that it refers to.
#[derive(Debug)]
struct Document {
    /// What references call it: the name in the registry, and its own `$id`.
    names: Vec<String>,
    schema: Value,
    draft: Draft,
}

impl Document {
    fn parse(name: &str, text: &str) -> Result<Self> {
        let mut schema: Value =
            serde_json::from_str(text).map_err(|error| wrong(format_args!("it is not JSON, {error}")))?;
        let draft = match Draft::Draft7.detect(&schema) {
            Draft::Unknown => Draft::Draft7,
            draft => draft,
        };
        all_heard(draft, &schema)?;
        let id = ["$id", "id"]
            .iter()
            .find_map(|word| schema.get(word).and_then(Value::as_str));
        let names = [Some(name), id].into_iter().flatten();
        let names = names.map(|name| name.trim_end_matches('#').to_owned());
        let names = names.filter(|name| !name.is_empty()).collect();
        budget::mark(&mut schema);
        Ok(Self { names, schema, draft })
    }

    /// A reference may say the whole address or only the end of it.
    fn is_named(&self, reference: &str) -> bool {
        let short = reference.strip_prefix(BASE).unwrap_or(reference);
        self.names.iter().any(|name| {
            name == short
                || name.ends_with(&format!("/{short}"))
                || reference.ends_with(&format!("/{}", name.trim_start_matches("./")))
        })
    }
}

/// Refuses words that decide about values and that the draft passes over.
fn all_heard(draft: Draft, schema: &Value) -> Result<()> {
    for word in schema.as_object().into_iter().flat_map(serde_json::Map::keys) {
        let since = CAME_WITH.iter().find(|(known, _)| known == word);
        if since.is_some_and(|(_, since)| draft < *since) {
            let sentence = format!(
                "`{word}` in it is not of its draft, which would pass it over: write the draft as \"$schema\" (without it, \
                 the schema is of draft 7)"
            );
            return Err(wrong(sentence));
        }
    }
    draft
        .subresources_of(schema)
        .try_for_each(|within| all_heard(draft, within))
}

/// How often a schema refers to another.
fn count(schema: &Value) -> usize {
    match schema {
        Value::Object(fields) => fields
            .iter()
            .map(|(word, within)| {
                usize::from(matches!(word.as_str(), "$ref" | "$dynamicRef" | "$recursiveRef")) + count(within)
            })
            .sum(),
        Value::Array(items) => items.iter().map(count).sum(),
        _ => 0,
    }
}

/// The documents that were given, and no others.
struct Given(Arc<[Document]>);

impl Retrieve for Given {
    fn retrieve(
        &self,
        uri: &Uri<String>,
    ) -> std::result::Result<Value, Box<dyn std::error::Error + Send + Sync>> {
        let found = self.0.iter().find(|document| document.is_named(uri.as_str()));
        found
            .map(|document| document.schema.clone())
            .ok_or_else(|| "it was not given".into())
    }
}
