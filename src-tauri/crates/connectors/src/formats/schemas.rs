//! Schemas that records are decoded by: one that was given, or those of a registry as records name them.
//!
//! Invariants: a schema is asked for once; one that cannot be had is not asked for again before [`AGAIN_MS`], or never when
//! asking again is no use; what is kept is bounded.

use std::collections::HashMap;

use futures::{StreamExt as _, stream};
use tailrace_model::{Error, Result};

use super::{
    avro::AvroSchema,
    json::scan,
    protobuf::ProtobufSchema,
    registry::{RegisteredSchema, Registry, SchemaKind},
    write::{Out, Result as Written, Wrong},
};

/// Schemas asked for at the same time.
const ASKED_AT_ONCE_MAX: usize = 8;
/// How long after a registry failed it is asked again.
const AGAIN_MS: i64 = 10_000;
/// Compiled schemas that are kept.
const READY_MAX: usize = 500;
/// Schemas that could not be had. Where there are more, the records are not what they seem.
const FAILED_MAX: usize = 1_000;

/// A schema ready to decode with.
#[derive(Debug, Clone)]
pub(super) enum Schema {
    Avro(AvroSchema),
    Protobuf(ProtobufSchema),
    /// Values are JSON already.
    Json,
}

impl Schema {
    fn compile(of: &RegisteredSchema) -> Result<Self> {
        Ok(match of.kind {
            SchemaKind::Avro => {
                let references: Vec<&str> = of.references.iter().map(|(_, text)| text.as_str()).collect();
                Self::Avro(AvroSchema::parse(&of.text, &references)?)
            }
            SchemaKind::Protobuf => {
                let references: Vec<(&str, &str)> = of
                    .references
                    .iter()
                    .map(|(name, text)| (name.as_str(), text.as_str()))
                    .collect();
                Self::Protobuf(ProtobufSchema::compile(&of.text, &references, None)?)
            }
            SchemaKind::Json => Self::Json,
        })
    }

    pub fn kind(&self) -> SchemaKind {
        match self {
            Self::Avro(_) => SchemaKind::Avro,
            Self::Protobuf(_) => SchemaKind::Protobuf,
            Self::Json => SchemaKind::Json,
        }
    }

    /// `framed`: behind Confluent's header.
    pub fn decode(&self, bytes: &[u8], framed: bool, out: &mut Out) -> Written {
        match self {
            Self::Avro(schema) => schema.decode(bytes, framed, out),
            Self::Protobuf(schema) => schema.decode(bytes, framed, out),
            Self::Json => json(bytes, out),
        }
    }
}

/// JSON as it is.
pub(super) fn json(bytes: &[u8], out: &mut Out) -> Written {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| Wrong::at("text that is not UTF-8", error.valid_up_to()))?;
    scan::check(text).map_err(|wrong| Wrong::at(wrong.what, wrong.at))?;
    out.raw(bytes)
}

/// The schemas of a registry that were named so far.
#[derive(Debug)]
pub(super) struct Schemas {
    registry: Option<Registry>,
    /// What every schema has to be.
    expected: Option<SchemaKind>,
    ready: HashMap<u32, Schema>,
    failed: HashMap<u32, Failed>,
}

#[derive(Debug)]
struct Failed {
    reason: String,
    /// Absent: asking again is no use.
    again_ms: Option<i64>,
}

impl Schemas {
    pub fn new(registry: Option<Registry>, expected: Option<SchemaKind>) -> Self {
        Self {
            registry,
            expected,
            ready: HashMap::new(),
            failed: HashMap::new(),
        }
    }

    /// The schema, or why there is none.
    pub fn get(&self, id: u32) -> std::result::Result<&Schema, String> {
        if let Some(schema) = self.ready.get(&id) {
            return Ok(schema);
        }
        Err(match (self.failed.get(&id), &self.registry) {
            (Some(failed), _) => failed.reason.clone(),
            (None, None) => format!("schema {id} is not known: the cluster has no schema registry"),
            (None, Some(_)) if self.failed.len() >= FAILED_MAX => format!(
                "schema {id} was not asked for: {FAILED_MAX} other schemas that records name do not exist, \
                 so that they are probably of another format"
            ),
            (None, Some(registry)) => format!("schema {id} was not read from {}", registry.target()),
        })
    }

    /// Asks for the schemas that are not known.
    pub async fn prepare(&mut self, ids: impl Iterator<Item = u32>, now_ms: i64) {
        let Some(registry) = self.registry.clone() else {
            return;
        };
        let mut asked: Vec<u32> = Vec::new();
        for id in ids {
            if self.ready.contains_key(&id) {
                continue;
            }
            let again = match self.failed.get(&id) {
                None => self.failed.len() + asked.len() < FAILED_MAX,
                Some(failed) => failed.again_ms.is_some_and(|again| again <= now_ms),
            };
            if again && !asked.contains(&id) {
                asked.push(id);
            }
        }
        let mut answers = stream::iter(asked)
            .map(|id| {
                let registry = registry.clone();
                async move { (id, registry.schema(id).await) }
            })
            .buffer_unordered(ASKED_AT_ONCE_MAX);
        while let Some((id, answer)) = answers.next().await {
            let compiled = answer.and_then(|schema| self.compile(&schema));
            self.keep(id, compiled, now_ms);
        }
    }

    /// Why a schema is not known that may be known later: its registry does not answer.
    pub fn owed(&self, mut ids: impl Iterator<Item = u32>) -> Option<&str> {
        ids.find_map(|id| self.failed.get(&id).filter(|failed| failed.again_ms.is_some()))
            .map(|failed| failed.reason.as_str())
    }

    fn compile(&self, schema: &RegisteredSchema) -> Result<Schema> {
        if let Some(expected) = self.expected.filter(|expected| *expected != schema.kind) {
            return Err(Error::user(
                "schema_kind",
                format!("it is {}, not {}", schema.kind.label(), expected.label()),
            ));
        }
        Schema::compile(schema)
    }

    fn keep(&mut self, id: u32, answer: Result<Schema>, now_ms: i64) {
        match answer {
            Ok(schema) => {
                if self.ready.len() >= READY_MAX {
                    self.ready.clear();
                }
                self.failed.remove(&id);
                self.ready.insert(id, schema);
            }
            Err(error) => {
                let failed = Failed {
                    reason: format!("schema {id}: {}", error.message),
                    again_ms: error.retry.then(|| now_ms.saturating_add(AGAIN_MS)),
                };
                self.failed.insert(id, failed);
            }
        }
    }
}
