//! Whether a schema may be the next version of a subject: the registry's own word, version by version.

use futures::{StreamExt, stream};
use tailrace_connectors::formats::registry::{NewSchema, Registry, SubjectVersion};
use tailrace_model::{
    Error, Result,
    api::{SchemaCheck, SchemaCheckRequest, SchemaDifference, SchemaVerdict},
};

use super::{ASKED_MAX, difference, registry, shown, summary, text, type_of};
use crate::open::OpenWorkspace;

/// Versions that a schema is checked against; the newest.
const VERSIONS_MAX: usize = 200;

pub async fn check(open: &OpenWorkspace, request: &SchemaCheckRequest) -> Result<SchemaCheck> {
    let registry = registry(open, &request.cluster).await?;
    judge(&registry, request).await
}

pub(super) async fn judge(registry: &Registry, request: &SchemaCheckRequest) -> Result<SchemaCheck> {
    let subject = &request.subject;
    let latest = text::latest(registry, subject).await?;
    let schema = text::new_schema(&request.schema, latest.as_ref())?;
    let global = registry.global_level().await.ok();
    let mut found = SchemaCheck {
        subject: subject.clone(),
        schema_type: type_of(schema.kind),
        level: global.clone(),
        level_is_global: Some(true),
        compatible: true,
        versions: Vec::new(),
        registered: None,
        difference: None,
        notes: Vec::new(),
    };
    let Some(latest) = latest else {
        found.notes.push(format!(
            "subject \"{subject}\" is new: anything may be its first version"
        ));
        // What no schema can be is told now, not when it is registered.
        difference::outlined(&schema, &registry.texts(schema.references.clone()).await?)?;
        return Ok(found);
    };
    let (summary, mut versions) = summary(registry, subject, global.as_deref()).await?;
    (found.level, found.level_is_global) = (summary.level, summary.level_is_global);
    versions.reverse();
    if !request.all {
        versions.truncate(1);
    }
    if versions.len() > VERSIONS_MAX {
        let left = versions.len() - VERSIONS_MAX;
        found.notes.push(format!(
            "{left} older versions were not checked: {VERSIONS_MAX} are at most"
        ));
        versions.truncate(VERSIONS_MAX);
    }
    found.versions = verdicts(registry, subject, &versions, &schema).await?;
    found.compatible = found.versions.iter().all(|verdict| verdict.compatible);
    found.registered = registry.lookup(subject, &schema).await?;
    notes(&mut found, &schema, &latest);
    found.difference = Some(from_latest(registry, &latest, &schema).await);
    Ok(found)
}

fn notes(found: &mut SchemaCheck, schema: &NewSchema, latest: &SubjectVersion) {
    if found.level.as_deref() == Some("NONE") {
        found
            .notes
            .push("the level is NONE: the registry accepts any schema".to_owned());
    }
    if schema.kind != latest.kind {
        let sentence = format!(
            "version {} is {}, this is {}",
            latest.version,
            latest.kind.label(),
            schema.kind.label()
        );
        found.notes.push(sentence);
    }
}

/// The registry's word on each version.
async fn verdicts(
    registry: &Registry,
    subject: &str,
    versions: &[i32],
    schema: &NewSchema,
) -> Result<Vec<SchemaVerdict>> {
    let asked = stream::iter(versions.iter().copied().map(|version| async move {
        let answer = registry.check_compatibility(subject, Some(version), schema).await;
        match answer {
            Ok(answer) => Ok(SchemaVerdict {
                version,
                compatible: answer.is_compatible,
                reasons: match answer.is_compatible {
                    true => Vec::new(),
                    false => answer.reasons(),
                },
            }),
            Err(error) => Err(no_schema(error, schema)),
        }
    }));
    let answers: Vec<Result<SchemaVerdict>> = asked.buffered(ASKED_MAX).collect().await;
    answers.into_iter().collect()
}

/// What is no schema at all is said to be so.
pub(super) fn no_schema(mut error: Error, schema: &NewSchema) -> Error {
    if error.code == "invalid_schema" {
        error.message = format!("the text is no {} schema: {}", schema.kind.label(), error.message);
    }
    error
}

async fn from_latest(registry: &Registry, latest: &SubjectVersion, schema: &NewSchema) -> SchemaDifference {
    let before = super::fields_of(registry, latest).await;
    let references = registry.texts(schema.references.clone()).await;
    let after = references
        .ok()
        .and_then(|texts| difference::fields(schema.kind, &schema.text, &texts));
    difference::difference(
        (&shown(latest.kind, &latest.text), before),
        (&shown(schema.kind, &schema.text), after),
    )
}
