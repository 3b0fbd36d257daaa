//! Schema registries that speak Confluent's protocol: subjects, their versions, and schemas by id with everything that they
//! refer to. <https://docs.confluent.io/platform/current/schema-registry/develop/api.html>
//!
//! Invariants: a schema of an id never changes, and is asked for once while it is in the cache; the cache is bounded in
//! schemas and bytes; no secret is in an error or a debug text.

mod cache;
mod client;
mod outline;
#[cfg(test)]
pub(super) mod tests;

use std::{collections::HashSet, sync::Arc};

use serde::{Deserialize, Serialize};
use serde_json::json;
use tailrace_model::{Error, Result};

use cache::Cache;
use client::Client;
pub use client::{RegistryAuth, RegistrySettings};
pub use outline::{OutlineField, outline};

/// Schemas that one schema may refer to, whether itself or through others.
const REFERENCES_MAX: usize = 200;
/// Subjects within subjects that references go through.
const REFERENCES_DEPTH_MAX: usize = 20;

/// A registry; clones share its connections and its cache.
#[derive(Clone)]
pub struct Registry {
    inner: Arc<Inner>,
}

struct Inner {
    client: Client,
    cache: Cache,
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Registry")
            .field(&self.inner.client.target())
            .finish()
    }
}

/// The language of a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "UPPERCASE")]
pub enum SchemaKind {
    #[default]
    Avro,
    Protobuf,
    Json,
}

impl SchemaKind {
    /// As a person calls it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Avro => "Avro",
            Self::Protobuf => "Protobuf",
            Self::Json => "JSON Schema",
        }
    }
}

/// Where a schema uses another.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SchemaReference {
    /// As the schema names it: a type in Avro, a file in Protobuf, a URL in JSON Schema.
    pub name: String,
    pub subject: String,
    pub version: i32,
}

/// A schema by its id, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisteredSchema {
    pub id: u32,
    pub kind: SchemaKind,
    pub text: String,
    /// What it refers to, each after what that refers to itself: name and text.
    pub references: Vec<(String, String)>,
}

impl RegisteredSchema {
    fn bytes(&self) -> usize {
        let references = self.references.iter();
        self.text.len()
            + references
                .map(|(name, text)| name.len() + text.len())
                .sum::<usize>()
    }
}

/// One version of a subject.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct SubjectVersion {
    pub subject: String,
    pub version: i32,
    pub id: u32,
    #[serde(rename = "schemaType", default)]
    pub kind: SchemaKind,
    #[serde(rename = "schema")]
    pub text: String,
    #[serde(default)]
    pub references: Vec<SchemaReference>,
}

/// A schema that is not registered yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NewSchema {
    #[serde(rename = "schemaType")]
    pub kind: SchemaKind,
    #[serde(rename = "schema")]
    pub text: String,
    pub references: Vec<SchemaReference>,
}

/// Whether a schema may follow another, and if not, why.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Compatibility {
    pub is_compatible: bool,
    #[serde(default)]
    pub messages: Vec<String>,
    /// Apicurio's own word for it.
    #[serde(default)]
    reason: Option<String>,
}

impl Compatibility {
    /// Why not, as the registry says; it may say nothing.
    pub fn reasons(&self) -> Vec<String> {
        let given = self.messages.iter().chain(self.reason.iter());
        let lines = given.map(|it| it.split_whitespace().collect::<Vec<_>>().join(" "));
        lines.filter(|line| !line.is_empty()).collect()
    }
}

/// A schema as the registry answers for an id.
#[derive(Deserialize)]
struct ById {
    #[serde(rename = "schemaType", default)]
    kind: SchemaKind,
    schema: String,
    #[serde(default)]
    references: Vec<SchemaReference>,
}

#[derive(Deserialize)]
struct Registered {
    id: u32,
}

#[derive(Deserialize)]
struct Level {
    #[serde(rename = "compatibilityLevel")]
    level: String,
}

/// Where a schema is used.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct SchemaUse {
    pub subject: String,
    pub version: i32,
}

impl Registry {
    /// Nothing is sent yet. `registry_settings` when the address or a header cannot be used.
    pub fn new(settings: &RegistrySettings) -> Result<Self> {
        Ok(Self {
            inner: Arc::new(Inner {
                client: Client::new(settings)?,
                cache: Cache::default(),
            }),
        })
    }

    /// Its address without a password, for a person.
    pub fn target(&self) -> &str {
        self.inner.client.target()
    }

    /// The address alone.
    pub fn url(&self) -> &str {
        self.inner.client.url()
    }

    /// Names of subjects, sorted.
    pub async fn subjects(&self) -> Result<Vec<String>> {
        let mut subjects: Vec<String> = self.inner.client.get(&["subjects"], &[]).await?;
        subjects.sort();
        Ok(subjects)
    }

    /// Versions of a subject, the oldest first.
    pub async fn versions(&self, subject: &str) -> Result<Vec<i32>> {
        let mut versions: Vec<i32> = self
            .inner
            .client
            .get(&["subjects", subject, "versions"], &[])
            .await?;
        versions.sort_unstable();
        Ok(versions)
    }

    /// One version of a subject; `None` is the latest.
    pub async fn version(&self, subject: &str, version: Option<i32>) -> Result<SubjectVersion> {
        let version = version.map_or_else(|| "latest".to_owned(), |version| version.to_string());
        self.inner
            .client
            .get(&["subjects", subject, "versions", &version], &[])
            .await
    }

    /// Subjects and versions that a schema is registered as.
    pub async fn uses(&self, id: u32) -> Result<Vec<SchemaUse>> {
        self.inner
            .client
            .get(&["schemas", "ids", &id.to_string(), "versions"], &[])
            .await
    }

    /// The registry's own level: of subjects that have none.
    pub async fn global_level(&self) -> Result<String> {
        let level: Level = self.inner.client.get(&["config"], &[]).await?;
        Ok(level.level)
    }

    /// The level that is set for the subject; `None`: the registry's own holds.
    pub async fn own_level(&self, subject: &str) -> Result<Option<String>> {
        match self.inner.client.get::<Level>(&["config", subject], &[]).await {
            Ok(level) => Ok(Some(level.level)),
            Err(error) if matches!(error.code.as_str(), "no_level" | "unknown_subject") => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Sets the level of a subject, or (`None`) the registry's own.
    pub async fn set_level(&self, subject: Option<&str>, level: &str) -> Result<()> {
        let path: Vec<&str> = ["config"].into_iter().chain(subject).collect();
        let body = json!({"compatibility": level});
        self.inner
            .client
            .put::<serde::de::IgnoredAny>(&path, &body)
            .await?;
        Ok(())
    }

    /// From now on the registry's own level holds for the subject.
    pub async fn reset_level(&self, subject: &str) -> Result<()> {
        let path = ["config", subject];
        match self.inner.client.delete::<serde::de::IgnoredAny>(&path).await {
            Err(error) if error.code != "no_level" => Err(error),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// Deletes a version, or (`None`) the subject; schemas stay readable by their ids where the registry deletes softly.
    pub async fn delete(&self, subject: &str, version: Option<i32>) -> Result<()> {
        let version = version.map(|version| version.to_string());
        let mut path = vec!["subjects", subject];
        path.extend(version.iter().flat_map(|version| ["versions", version.as_str()]));
        self.inner.client.delete::<serde::de::IgnoredAny>(&path).await?;
        Ok(())
    }

    /// The version of the subject that a schema is already; `None`: it is none of them.
    pub async fn lookup(&self, subject: &str, schema: &NewSchema) -> Result<Option<i32>> {
        let found: Result<SubjectVersion> = self
            .inner
            .client
            .post(&["subjects", subject], &[], &json!(schema))
            .await;
        match found {
            Ok(found) => Ok(Some(found.version)),
            Err(error) if matches!(error.code.as_str(), "unknown_schema" | "unknown_subject") => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Ids of the schemas that refer to a version.
    pub async fn referenced_by(&self, subject: &str, version: i32) -> Result<Vec<u32>> {
        let version = version.to_string();
        let path = ["subjects", subject, "versions", &version, "referencedby"];
        self.inner.client.get(&path, &[]).await
    }

    /// Whether a schema may be the next version after `version` (`None`: the latest).
    pub async fn check_compatibility(
        &self,
        subject: &str,
        version: Option<i32>,
        schema: &NewSchema,
    ) -> Result<Compatibility> {
        let version = version.map_or_else(|| "latest".to_owned(), |version| version.to_string());
        self.inner
            .client
            .post(
                &["compatibility", "subjects", subject, "versions", &version],
                &[("verbose", "true")],
                &json!(schema),
            )
            .await
    }

    /// Registers a schema as the next version of a subject, or finds it there; its id.
    pub async fn register(&self, subject: &str, schema: &NewSchema) -> Result<u32> {
        let registered: Registered = self
            .inner
            .client
            .post(&["subjects", subject, "versions"], &[], &json!(schema))
            .await?;
        Ok(registered.id)
    }

    /// The schema of an id with everything that it refers to.
    pub async fn schema(&self, id: u32) -> Result<Arc<RegisteredSchema>> {
        if let Some(schema) = self.inner.cache.get(id) {
            return Ok(schema);
        }
        let found: ById = self
            .inner
            .client
            .get(&["schemas", "ids", &id.to_string()], &[])
            .await?;
        let references = self
            .references(found.references)
            .await
            .map_err(|error| error.context(format_args!("schema {id}")))?;
        let schema = Arc::new(RegisteredSchema {
            id,
            kind: found.kind,
            text: found.schema,
            references,
        });
        self.inner.cache.put(&schema);
        Ok(schema)
    }

    /// Everything that a schema refers to, name and text; what a schema refers to comes before it.
    pub async fn texts(&self, of: Vec<SchemaReference>) -> Result<Vec<(String, String)>> {
        self.references(of).await
    }

    /// Depth first.
    async fn references(&self, of: Vec<SchemaReference>) -> Result<Vec<(String, String)>> {
        struct Step {
            left: std::vec::IntoIter<SchemaReference>,
            /// What comes when nothing is left: absent for the schema itself.
            then: Option<(String, String)>,
        }
        let mut steps = vec![Step {
            left: of.into_iter(),
            then: None,
        }];
        let (mut seen, mut found) = (HashSet::new(), Vec::new());
        while let Some(step) = steps.last_mut() {
            let Some(next) = step.left.next() else {
                found.extend(steps.pop().and_then(|step| step.then));
                continue;
            };
            // Cycles end here too: what was begun is not begun again.
            if !seen.insert(next.clone()) {
                continue;
            }
            if seen.len() > REFERENCES_MAX || steps.len() > REFERENCES_DEPTH_MAX {
                return Err(Error::refused(
                    "schema_references",
                    format!(
                        "it refers to more than {REFERENCES_MAX} schemas, or through more than {REFERENCES_DEPTH_MAX}"
                    ),
                ));
            }
            let version = self.version(&next.subject, Some(next.version)).await?;
            steps.push(Step {
                left: version.references.into_iter(),
                then: Some((next.name, version.text)),
            });
        }
        Ok(found)
    }
}
