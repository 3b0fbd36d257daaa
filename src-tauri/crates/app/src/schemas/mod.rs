//! The schema registry of a cluster: its subjects, their versions beside each other, what may follow them, and changes
//! that are shown before they are made.
//!
//! Invariants: what the registry does not answer is absent, and told; a change is refused on a read-only cluster before
//! anything is sent; texts are shown indented, and compared as they are shown.

mod change;
mod check;
mod difference;
mod lines;
mod text;

use std::time::Duration;

use futures::{StreamExt, stream};
use tailrace_connectors::formats::{
    json::pretty,
    registry::{Registry, SchemaKind, SchemaReference, SubjectVersion},
};
use tailrace_model::{
    Error, Result,
    api::{
        SchemaCompareRequest, SchemaComparison, SchemaLink, SchemaRequest, SchemaType, SchemaUseOf,
        SchemaVersion, SubjectDetail, SubjectList, SubjectListRequest, SubjectRequest, SubjectSummary,
    },
};

pub use self::{
    change::{apply, preview},
    check::check,
    text::file,
};
use crate::open::OpenWorkspace;

/// Subjects that are asked for at once.
const ASKED_MAX: usize = 12;
/// How long the details of a list may take; subjects that were not reached by then are listed by name alone.
const DETAILS_MAX: Duration = Duration::from_secs(20);
/// Schemas that are told by name among those that refer to a version.
const REFERENCED_BY_MAX: usize = 50;

/// The registry that the cluster's file names.
async fn registry(open: &OpenWorkspace, cluster: &str) -> Result<Registry> {
    let definition = open.workspace().definitions.cluster(cluster)?.registry.clone();
    if definition.is_none() {
        return Err(Error::user(
            "no_registry",
            format!(
                "cluster \"{cluster}\" has no schema registry: add [registry] with url = \"...\" to clusters/{cluster}.toml"
            ),
        ));
    }
    let registry = open.cluster(cluster).await?.registry(open, definition.as_ref())?;
    registry.ok_or_else(|| {
        Error::internal(
            "no_registry",
            format!("cluster \"{cluster}\" has no schema registry"),
        )
    })
}

fn kind_of(schema_type: SchemaType) -> SchemaKind {
    match schema_type {
        SchemaType::Avro => SchemaKind::Avro,
        SchemaType::Protobuf => SchemaKind::Protobuf,
        SchemaType::Json => SchemaKind::Json,
    }
}

fn type_of(kind: SchemaKind) -> SchemaType {
    match kind {
        SchemaKind::Avro => SchemaType::Avro,
        SchemaKind::Protobuf => SchemaType::Protobuf,
        SchemaKind::Json => SchemaType::Json,
    }
}

/// What a person calls the languages.
pub fn label(schema_type: SchemaType) -> &'static str {
    kind_of(schema_type).label()
}

/// As it is shown: JSON indented, Protobuf as it is.
fn shown(kind: SchemaKind, text: &str) -> String {
    match kind {
        SchemaKind::Protobuf => text.trim_end().to_owned(),
        SchemaKind::Avro | SchemaKind::Json => pretty(text).unwrap_or_else(|| text.to_owned()),
    }
}

fn unknown_subject(registry: &Registry, subject: &str) -> Error {
    Error::user(
        "unknown_subject",
        format!(
            "{} has no subject \"{subject}\": `tailrace schemas CLUSTER` lists them",
            registry.target()
        ),
    )
}

/// Says which subject is not there, where a registry says it in its own words.
fn known(registry: &Registry, subject: &str) -> impl Fn(Error) -> Error {
    move |error| match error.code.as_str() {
        "unknown_subject" => unknown_subject(registry, subject),
        _ => error,
    }
}

fn bare(subject: String) -> SubjectSummary {
    SubjectSummary {
        subject,
        schema_type: None,
        versions: None,
        latest: None,
        id: None,
        references: None,
        level: None,
        level_is_global: None,
    }
}

/// Every subject; with details, what each is.
pub async fn list(open: &OpenWorkspace, request: &SubjectListRequest) -> Result<SubjectList> {
    let registry = registry(open, &request.cluster).await?;
    let names = registry.subjects().await?;
    let mut list = SubjectList {
        cluster: request.cluster.clone(),
        url: registry.url().to_owned(),
        level: None,
        subjects: names.into_iter().map(bare).collect(),
        missing: Vec::new(),
    };
    match registry.global_level().await {
        Ok(level) => list.level = Some(level),
        Err(error) => list.missing.push(error.message),
    }
    if request.details {
        add_details(&registry, &mut list).await;
    }
    Ok(list)
}

async fn add_details(registry: &Registry, list: &mut SubjectList) {
    let global = list.level.clone();
    let wanted = list.subjects.iter().map(|it| it.subject.clone()).enumerate();
    let wanted: Vec<(usize, String)> = wanted.collect();
    let asked = stream::iter(wanted.into_iter().map(|(at, subject)| {
        let global = global.as_deref();
        async move { (at, summary(registry, &subject, global).await) }
    }));
    let mut answers = std::pin::pin!(asked.buffer_unordered(ASKED_MAX));
    let until = tokio::time::Instant::now() + DETAILS_MAX;
    let (mut answered, mut failed, mut gone) = (0, None, Vec::new());
    while let Ok(Some((at, answer))) = tokio::time::timeout_at(until, answers.next()).await {
        answered += 1;
        match answer {
            Ok((found, _)) => list.subjects[at] = found,
            // Deleted since it was listed.
            Err(error) if error.code == "unknown_subject" => gone.push(at),
            Err(error) => {
                let (count, _) = failed.get_or_insert((0, error.message));
                *count += 1;
            }
        }
    }
    let total = list.subjects.len();
    if answered < total {
        list.missing.push(format!(
            "{} of {total} subjects were not asked for: the registry took {} s for the others",
            total - answered,
            DETAILS_MAX.as_secs()
        ));
    }
    if let Some((count, message)) = failed {
        list.missing.push(format!(
            "of {count} of {total} subjects nothing more is known: {message}"
        ));
    }
    gone.sort_unstable();
    for at in gone.into_iter().rev() {
        list.subjects.remove(at);
    }
}

/// A subject with its versions.
async fn summary(
    registry: &Registry,
    subject: &str,
    global: Option<&str>,
) -> Result<(SubjectSummary, Vec<i32>)> {
    let (versions, latest, own) = tokio::join!(
        registry.versions(subject),
        registry.version(subject, None),
        registry.own_level(subject),
    );
    let versions = versions.map_err(known(registry, subject))?;
    let latest = latest.map_err(known(registry, subject))?;
    let own = own?;
    let is_global = match (&own, global) {
        (None, _) => Some(true),
        (Some(own), Some(global)) => Some(own == global),
        (Some(_), None) => None,
    };
    let summary = SubjectSummary {
        subject: subject.to_owned(),
        schema_type: Some(type_of(latest.kind)),
        versions: u32::try_from(versions.len()).ok(),
        latest: Some(latest.version),
        id: Some(latest.id),
        references: u32::try_from(latest.references.len()).ok(),
        level: own.or_else(|| global.map(str::to_owned)),
        level_is_global: is_global,
    };
    Ok((summary, versions))
}

pub async fn detail(open: &OpenWorkspace, request: &SubjectRequest) -> Result<SubjectDetail> {
    let registry = registry(open, &request.cluster).await?;
    let global_level = registry.global_level().await.ok();
    let (summary, versions) = summary(&registry, &request.subject, global_level.as_deref()).await?;
    Ok(SubjectDetail {
        summary,
        global_level,
        versions,
    })
}

fn links(references: &[SchemaReference]) -> Vec<SchemaLink> {
    let link = |it: &SchemaReference| SchemaLink {
        name: it.name.clone(),
        subject: it.subject.clone(),
        version: it.version,
    };
    references.iter().map(link).collect()
}

/// A version as the registry has it. A subject without any is told from a version that is not there.
async fn version(registry: &Registry, subject: &str, version: Option<i32>) -> Result<SubjectVersion> {
    let found = registry.version(subject, version).await;
    let error = match found {
        Ok(found) => return Ok(found),
        Err(error) if matches!(error.code.as_str(), "unknown_version" | "unknown_subject") => error,
        Err(error) => return Err(error),
    };
    let Ok(versions) = registry.versions(subject).await else {
        return Err(unknown_subject(registry, subject));
    };
    let (Some(wanted), Some(first), Some(last)) = (version, versions.first(), versions.last()) else {
        return Err(error);
    };
    Err(Error::user(
        "unknown_version",
        format!(
            "{} has no version {wanted} of subject \"{subject}\": it has {} from {first} to {last}",
            registry.target(),
            versions.len()
        ),
    ))
}

fn version_shown(found: &SubjectVersion) -> SchemaVersion {
    SchemaVersion {
        subject: found.subject.clone(),
        version: found.version,
        id: found.id,
        schema_type: type_of(found.kind),
        text: shown(found.kind, &found.text),
        references: links(&found.references),
        referenced_by: None,
    }
}

pub async fn show(open: &OpenWorkspace, request: &SchemaRequest) -> Result<SchemaVersion> {
    let registry = registry(open, &request.cluster).await?;
    let found = version(&registry, &request.subject, request.version).await?;
    let mut shown = version_shown(&found);
    shown.referenced_by = referenced_by(&registry, &found.subject, found.version).await;
    Ok(shown)
}

/// Versions of subjects that refer to a version; `None` when the registry does not say.
async fn referenced_by(registry: &Registry, subject: &str, version: i32) -> Option<Vec<SchemaUseOf>> {
    let ids = registry.referenced_by(subject, version).await.ok()?;
    if ids.len() > REFERENCED_BY_MAX {
        return None;
    }
    let mut found = Vec::new();
    for id in ids {
        let uses = registry.uses(id).await.ok()?;
        found.extend(uses.into_iter().map(|it| SchemaUseOf {
            subject: it.subject,
            version: it.version,
        }));
    }
    found.sort();
    found.dedup();
    Some(found)
}

pub async fn compare(open: &OpenWorkspace, request: &SchemaCompareRequest) -> Result<SchemaComparison> {
    let registry = registry(open, &request.cluster).await?;
    let (left, right) = tokio::try_join!(
        version(&registry, &request.left.subject, Some(request.left.version)),
        version(&registry, &request.right.subject, Some(request.right.version)),
    )?;
    let (left_fields, right_fields) = tokio::join!(fields_of(&registry, &left), fields_of(&registry, &right));
    let (left, right) = (version_shown(&left), version_shown(&right));
    Ok(SchemaComparison {
        difference: difference::difference((&left.text, left_fields), (&right.text, right_fields)),
        left,
        right,
    })
}

/// The fields of a registered schema; `None` where they cannot be told.
async fn fields_of(registry: &Registry, of: &SubjectVersion) -> difference::Fields {
    let whole = registry.schema(of.id).await.ok()?;
    difference::fields(of.kind, &of.text, &whole.references)
}
