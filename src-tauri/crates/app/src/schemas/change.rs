//! Changes of the registry: shown exactly, then made once, and refused where the cluster is read-only.

use tailrace_connectors::formats::registry::Registry;
use tailrace_model::{
    Error, Result,
    api::{
        ChangeLine, SchemaChange, SchemaChangePreview, SchemaChangeRequest, SchemaChanged,
        SchemaCheckRequest, SchemaText,
    },
};

use super::{check, known, label, referenced_by, registry, summary, text};
use crate::{clusters::refuse_read_only, open::OpenWorkspace};

/// What the protocol has. <https://docs.confluent.io/platform/current/schema-registry/fundamentals/schema-evolution.html>
pub const LEVELS: [&str; 7] = [
    "BACKWARD",
    "BACKWARD_TRANSITIVE",
    "FORWARD",
    "FORWARD_TRANSITIVE",
    "FULL",
    "FULL_TRANSITIVE",
    "NONE",
];
/// Reasons against a schema that a preview tells.
const REASONS_MAX: usize = 5;

pub async fn preview(open: &OpenWorkspace, request: SchemaChangeRequest) -> Result<SchemaChangePreview> {
    refuse_read_only(open, &request.cluster, "its schema registry is not changed")?;
    let registry = registry(open, &request.cluster).await?;
    let cluster = &request.cluster;
    match request.change {
        SchemaChange::Register { subject, schema } => register(&registry, cluster, subject, schema).await,
        SchemaChange::SetLevel { subject, level } => set_level(&registry, cluster, subject, level).await,
        SchemaChange::Delete { subject, version } => delete(&registry, cluster, subject, version).await,
    }
}

fn line(what: impl Into<String>, before: Option<String>, after: Option<String>) -> ChangeLine {
    ChangeLine {
        what: what.into(),
        before,
        after,
        note: None,
    }
}

async fn register(
    registry: &Registry,
    cluster: &str,
    subject: String,
    schema: SchemaText,
) -> Result<SchemaChangePreview> {
    if subject.trim().is_empty() {
        return Err(Error::user(
            "subject_name",
            "the subject has no name: topics look for TOPIC-value and TOPIC-key",
        ));
    }
    let request = SchemaCheckRequest {
        cluster: cluster.to_owned(),
        subject: subject.clone(),
        schema: schema.clone(),
        all: false,
    };
    let found = check::judge(registry, &request).await?;
    let latest = text::latest(registry, &subject).await?;
    let schema = text::new_schema(&schema, latest.as_ref())?;
    let mut lines = vec![line(
        "latest version",
        latest.as_ref().map(|it| it.version.to_string()),
        Some(match found.registered {
            Some(version) => format!("{version}, which is this schema"),
            None => "a new one".to_owned(),
        }),
    )];
    let changes = found
        .difference
        .iter()
        .filter_map(|it| it.fields.as_ref())
        .flatten();
    lines.extend(changes.map(|it| line(it.path.clone(), it.left.clone(), it.right.clone())));
    let mut warnings: Vec<String> = found.notes;
    for verdict in found.versions.iter().filter(|verdict| !verdict.compatible) {
        let mut reasons = verdict.reasons.clone();
        reasons.truncate(REASONS_MAX);
        let why = if reasons.is_empty() {
            "it gives no reason".to_owned()
        } else {
            reasons.join("; ")
        };
        warnings.push(format!(
            "the registry will refuse it: it is not compatible with version {} ({why})",
            verdict.version
        ));
    }
    let kind = label(found.schema_type);
    Ok(SchemaChangePreview {
        title: format!("Register the {kind} schema as the next version of \"{subject}\" on {cluster}?"),
        lines,
        warnings,
        destructive: false,
        nothing: found.registered.is_some(),
        change: SchemaChange::Register {
            subject,
            schema: text::resolved(&schema),
        },
    })
}

async fn set_level(
    registry: &Registry,
    cluster: &str,
    subject: Option<String>,
    level: Option<String>,
) -> Result<SchemaChangePreview> {
    let level = level.map(|level| level.trim().to_ascii_uppercase());
    if let Some(level) = level.as_ref().filter(|level| !LEVELS.contains(&level.as_str())) {
        let sentence = format!(
            "\"{level}\" is no compatibility level: it is one of {}",
            LEVELS.join(", ")
        );
        return Err(Error::user("compatibility_level", sentence));
    }
    let global = registry.global_level().await?;
    let (before, after, title, warnings) = match &subject {
        Some(subject) => {
            let (now, _) = summary(registry, subject, Some(&global)).await?;
            let after = level
                .clone()
                .unwrap_or_else(|| format!("{global}, the registry's own"));
            let title = format!("Set the compatibility level of \"{subject}\" on {cluster}?");
            (now.level, after, title, Vec::new())
        }
        None => {
            let Some(level) = level.clone() else {
                return Err(Error::user(
                    "compatibility_level",
                    "name a level: the registry's own can't be reset",
                ));
            };
            let warning = "it holds for every subject that has no level of its own".to_owned();
            let title = format!("Set the registry's own compatibility level on {cluster}?");
            (Some(global), level, title, vec![warning])
        }
    };
    let mut warnings = warnings;
    if after == "NONE" {
        warnings.push(
            "with NONE the registry accepts any schema: consumers may fail on what is written then"
                .to_owned(),
        );
    }
    Ok(SchemaChangePreview {
        title,
        nothing: before.as_deref() == Some(after.as_str()),
        lines: vec![line("compatibility level", before, Some(after))],
        warnings,
        destructive: false,
        change: SchemaChange::SetLevel { subject, level },
    })
}

async fn delete(
    registry: &Registry,
    cluster: &str,
    subject: String,
    version: Option<i32>,
) -> Result<SchemaChangePreview> {
    let versions = registry
        .versions(&subject)
        .await
        .map_err(known(registry, &subject))?;
    let gone: Vec<i32> = match version {
        None => versions.clone(),
        // Asked for, so that one that is not there is told.
        Some(version) => vec![super::version(registry, &subject, Some(version)).await?.version],
    };
    let mut lines = Vec::new();
    let mut warnings = vec![
        "consumers that have not read its schema yet may not find it any more; a registry that deletes softly still answers for its id"
            .to_owned(),
    ];
    for version in &gone {
        lines.push(line(
            format!("version {version}"),
            Some("registered".to_owned()),
            None,
        ));
        let uses = referenced_by(registry, &subject, *version)
            .await
            .unwrap_or_default();
        for used in uses {
            warnings.push(format!(
                "version {version} is referred to by \"{}\", version {}",
                used.subject, used.version
            ));
        }
    }
    if version.is_some() && versions.len() == 1 {
        warnings.push("it is the only version: the subject goes with it".to_owned());
    }
    let what = match version {
        Some(version) => format!("version {version} of \"{subject}\""),
        None => format!("subject \"{subject}\" with {} versions", gone.len()),
    };
    Ok(SchemaChangePreview {
        title: format!("Delete {what} on {cluster}?"),
        lines,
        warnings,
        destructive: true,
        nothing: false,
        change: SchemaChange::Delete { subject, version },
    })
}

pub async fn apply(open: &OpenWorkspace, request: SchemaChangeRequest) -> Result<SchemaChanged> {
    refuse_read_only(open, &request.cluster, "its schema registry is not changed")?;
    let registry = registry(open, &request.cluster).await?;
    let done = match request.change {
        SchemaChange::Register { subject, schema } => {
            let latest = text::latest(&registry, &subject).await?;
            let schema = text::new_schema(&schema, latest.as_ref())?;
            let registered = registry.register(&subject, &schema).await;
            let id = registered.map_err(|error| check::no_schema(error, &schema))?;
            let version = registry.lookup(&subject, &schema).await.ok().flatten();
            match version {
                Some(version) => format!("{subject} has version {version}, with the id {id}"),
                None => format!("{subject} has a new version, with the id {id}"),
            }
        }
        SchemaChange::SetLevel { subject, level } => match (&subject, &level) {
            (Some(name), None) => {
                registry.reset_level(name).await?;
                format!("{name} keeps to the registry's own level")
            }
            (_, Some(level)) => {
                registry.set_level(subject.as_deref(), level).await?;
                format!(
                    "{} keeps to {level}",
                    subject.as_deref().unwrap_or("the registry")
                )
            }
            (None, None) => {
                return Err(Error::user(
                    "compatibility_level",
                    "name a level: the registry's own can't be reset",
                ));
            }
        },
        SchemaChange::Delete { subject, version } => {
            let deleted = registry.delete(&subject, version).await;
            deleted.map_err(known(&registry, &subject))?;
            match version {
                Some(version) => format!("version {version} of {subject} is deleted"),
                None => format!("{subject} is deleted"),
            }
        }
    };
    Ok(SchemaChanged { done })
}
