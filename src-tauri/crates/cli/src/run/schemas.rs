//! `tailrace schemas`: the schema registry of a cluster.

use std::path::PathBuf;

use tailrace_app::{App, commands as run};
use tailrace_model::{Error, api::*};

use super::changes::{Shown, carry_out};
use crate::{
    Outcome,
    args::{SchemaVerb, Schemas, TypeArg},
    output::Output,
};

/// Lines around a difference.
const CONTEXT: usize = 3;

pub async fn schemas(app: &App, args: Schemas, output: &Output) -> anyhow::Result<Outcome> {
    if let Some(verb) = args.verb {
        return verb_of(app, verb, output).await;
    }
    let cluster = args.cluster.unwrap_or_default();
    let Some(subject) = args.subject else {
        return list(app, cluster, output).await;
    };
    match (args.diff, args.version) {
        (Some(diff), _) => compare(app, cluster, subject, &diff, output).await,
        (None, Some(version)) => {
            let request = SchemaRequest {
                cluster,
                subject,
                version: Some(version),
            };
            let schema = run::schema_show(app, request).await?;
            if output.json {
                output.object(&schema)?;
            } else {
                text(&schema, output)?;
            }
            Ok(Outcome::Done)
        }
        (None, None) => show(app, cluster, subject, output).await,
    }
}

fn misuse(message: String) -> Error {
    Error::user("misuse", message)
}

fn type_of(given: TypeArg) -> SchemaType {
    match given {
        TypeArg::Avro => SchemaType::Avro,
        TypeArg::Protobuf => SchemaType::Protobuf,
        TypeArg::Json => SchemaType::Json,
    }
}

fn label(schema_type: SchemaType) -> &'static str {
    match schema_type {
        SchemaType::Avro => "Avro",
        SchemaType::Protobuf => "Protobuf",
        SchemaType::Json => "JSON Schema",
    }
}

fn or_dash(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

fn level(it: &SubjectSummary) -> String {
    match (&it.level, it.level_is_global) {
        (Some(level), Some(true)) => format!("{level} (the registry's own)"),
        (level, _) => or_dash(level.as_ref()),
    }
}

const HEADER: [&str; 6] = ["subject", "type", "versions", "latest", "id", "compatibility"];

fn row(it: &SubjectSummary) -> Vec<String> {
    vec![
        it.subject.clone(),
        or_dash(it.schema_type.map(label)),
        or_dash(it.versions),
        or_dash(it.latest),
        or_dash(it.id),
        level(it),
    ]
}

/// Every subject; partly when the registry did not tell all.
async fn list(app: &App, cluster: String, output: &Output) -> anyhow::Result<Outcome> {
    let request = SubjectListRequest {
        cluster,
        details: true,
    };
    let list = run::subject_list(app, request).await?;
    output.list(&list.subjects, &HEADER, row)?;
    if list.subjects.is_empty() {
        output.note(&format!("tailrace: {} has no subjects yet", list.url));
    }
    for sentence in &list.missing {
        output.note(&format!("tailrace: {sentence}"));
    }
    Ok(match list.missing.is_empty() {
        true => Outcome::Done,
        false => Outcome::Partly,
    })
}

async fn show(app: &App, cluster: String, subject: String, output: &Output) -> anyhow::Result<Outcome> {
    let request = SubjectRequest {
        cluster: cluster.clone(),
        subject: subject.clone(),
    };
    let detail = run::subject_show(app, request).await?;
    let request = SchemaRequest {
        cluster,
        subject,
        version: detail.summary.latest,
    };
    let schema = run::schema_show(app, request).await?;
    if output.json {
        output.object(&serde_json::json!({
            "summary": detail.summary, "global_level": detail.global_level, "versions": detail.versions, "schema": schema,
        }))?;
        return Ok(Outcome::Done);
    }
    output.table(&HEADER, &[row(&detail.summary)])?;
    let versions: Vec<String> = detail.versions.iter().map(i32::to_string).collect();
    output.line(&format!("\nversions: {}\n", versions.join(", ")))?;
    text(&schema, output)?;
    Ok(Outcome::Done)
}

/// What it is stands beside the text, which alone goes to standard output.
fn text(schema: &SchemaVersion, output: &Output) -> anyhow::Result<()> {
    output.note(&format!(
        "{}, version {}, id {}, {}",
        schema.subject,
        schema.version,
        schema.id,
        label(schema.schema_type)
    ));
    for it in &schema.references {
        output.note(&format!(
            "refers to {} ({}, version {})",
            it.name, it.subject, it.version
        ));
    }
    for it in schema.referenced_by.iter().flatten() {
        output.note(&format!("referred to by {}, version {}", it.subject, it.version));
    }
    output.line(&schema.text)
}

/// `1..3`
fn pair(diff: &str) -> Result<(i32, i32), Error> {
    let parts = diff.split_once("..");
    let numbers = parts.and_then(|(a, b)| Some((a.trim().parse().ok()?, b.trim().parse().ok()?)));
    numbers.ok_or_else(|| misuse(format!("\"{diff}\" is no pair of versions: write 1..3")))
}

async fn compare(
    app: &App,
    cluster: String,
    subject: String,
    diff: &str,
    output: &Output,
) -> anyhow::Result<Outcome> {
    let (left, right) = pair(diff)?;
    let of = |version| SchemaUseOf {
        subject: subject.clone(),
        version,
    };
    let request = SchemaCompareRequest {
        cluster,
        left: of(left),
        right: of(right),
    };
    let found = run::schema_compare(app, request).await?;
    if output.json {
        output.object(&found)?;
        return Ok(Outcome::Done);
    }
    difference(&found.difference, output)?;
    Ok(Outcome::Done)
}

/// Fields first, then the lines as `diff -u` has them.
fn difference(found: &SchemaDifference, output: &Output) -> anyhow::Result<()> {
    if found.added + found.removed == 0 {
        output.note("no difference");
        return Ok(());
    }
    for field in found.fields.iter().flatten() {
        output.line(&match (&field.left, &field.right) {
            (Some(left), Some(right)) => format!("~ {}: {left} -> {right}", field.path),
            (left, None) => format!("- {}: {}", field.path, or_dash(left.as_ref())),
            (None, right) => format!("+ {}: {}", field.path, or_dash(right.as_ref())),
        })?;
    }
    if found.fields.as_ref().is_some_and(|fields| !fields.is_empty()) {
        output.line("")?;
    }
    for line in unified(&found.rows) {
        output.line(&line)?;
    }
    Ok(())
}

fn unified(rows: &[DifferenceRow]) -> Vec<String> {
    let near = |at: usize| {
        let around = at.saturating_sub(CONTEXT)..(at + CONTEXT + 1).min(rows.len());
        rows[around]
            .iter()
            .any(|row| row.change != DifferenceChange::Same)
    };
    let (mut out, mut added, mut gap) = (Vec::new(), Vec::new(), true);
    for (at, row) in rows.iter().enumerate() {
        if row.change == DifferenceChange::Same {
            out.append(&mut added);
            if !near(at) {
                gap = true;
                continue;
            }
        }
        if std::mem::take(&mut gap) {
            let number = |line: Option<u32>| line.map_or_else(|| "?".to_owned(), |line| line.to_string());
            out.push(format!(
                "@@ -{} +{} @@",
                number(row.left_line),
                number(row.right_line)
            ));
        }
        match row.change {
            DifferenceChange::Same => out.extend(row.left.as_ref().map(|text| format!("  {text}"))),
            _ => {
                out.extend(row.left.as_ref().map(|text| format!("- {text}")));
                added.extend(row.right.as_ref().map(|text| format!("+ {text}")));
            }
        }
    }
    out.append(&mut added);
    out
}

async fn schema_text(app: &App, file: PathBuf, given: Option<TypeArg>) -> anyhow::Result<SchemaText> {
    let request = SchemaFileRequest {
        path: file.display().to_string(),
    };
    let found = run::schema_file(app, request).await?;
    Ok(SchemaText {
        schema_type: given.map(type_of).or(found.schema_type),
        text: found.text,
        references: None,
    })
}

async fn verb_of(app: &App, verb: SchemaVerb, output: &Output) -> anyhow::Result<Outcome> {
    let (cluster, change, yes) = match verb {
        SchemaVerb::Check {
            cluster,
            subject,
            file,
            all,
            schema_type,
        } => {
            let schema = schema_text(app, file, schema_type).await?;
            let request = SchemaCheckRequest {
                cluster,
                subject,
                schema,
                all,
            };
            return check(app, request, output).await;
        }
        SchemaVerb::Register {
            cluster,
            subject,
            file,
            schema_type,
            yes,
        } => {
            let schema = schema_text(app, file, schema_type).await?;
            (cluster, SchemaChange::Register { subject, schema }, yes)
        }
        SchemaVerb::SetLevel {
            cluster,
            level,
            subject,
            yes,
        } => {
            let level = (!level.eq_ignore_ascii_case("default")).then_some(level);
            (cluster, SchemaChange::SetLevel { subject, level }, yes)
        }
        SchemaVerb::Delete {
            cluster,
            subject,
            version,
            yes,
        } => (cluster, SchemaChange::Delete { subject, version }, yes),
    };
    apply(app, SchemaChangeRequest { cluster, change }, yes, output).await
}

async fn check(app: &App, request: SchemaCheckRequest, output: &Output) -> anyhow::Result<Outcome> {
    let found = run::schema_check(app, request).await?;
    let outcome = match found.compatible {
        true => Outcome::Done,
        false => Outcome::Failed,
    };
    if output.json {
        output.object(&found)?;
        return Ok(outcome);
    }
    let verdict = if found.compatible {
        "compatible"
    } else {
        "NOT compatible"
    };
    let level = found
        .level
        .as_deref()
        .unwrap_or("a level that the registry does not say");
    output.line(&format!("{verdict} with {} under {level}", found.subject))?;
    for it in &found.versions {
        let why = match (it.compatible, it.reasons.is_empty()) {
            (true, _) => "compatible".to_owned(),
            (false, true) => "not compatible; the registry gives no reason".to_owned(),
            (false, false) => format!("not compatible: {}", it.reasons.join("; ")),
        };
        output.line(&format!("  version {}: {why}", it.version))?;
    }
    if let Some(version) = found.registered {
        output.line(&format!("it is version {version} already"))?;
    }
    for note in &found.notes {
        output.note(&format!("tailrace: {note}"));
    }
    Ok(outcome)
}

async fn apply(
    app: &App,
    request: SchemaChangeRequest,
    yes: bool,
    output: &Output,
) -> anyhow::Result<Outcome> {
    let cluster = request.cluster.clone();
    let preview = run::schema_change_preview(app, request).await?;
    let request = SchemaChangeRequest {
        cluster,
        change: preview.change.clone(),
    };
    let shown = Shown {
        title: &preview.title,
        lines: &preview.lines,
        warnings: &preview.warnings,
        nothing: preview.nothing,
    };
    let apply = async { Ok(run::schema_change_apply(app, request).await?.done) };
    carry_out(shown, &preview, apply, yes, output).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs() {
        assert_eq!(pair("1..3").unwrap(), (1, 3));
        for wrong in ["", "1", "1..", "a..b", "1...2"] {
            assert_eq!(pair(wrong).unwrap_err().code, "misuse", "{wrong}");
        }
    }

    #[test]
    fn lines_around_a_difference() {
        let same = |at: u32| DifferenceRow {
            change: DifferenceChange::Same,
            left_line: Some(at),
            left: Some(format!("line {at}")),
            right_line: Some(at),
            right: None,
        };
        let mut rows: Vec<DifferenceRow> = (1..=20).map(same).collect();
        rows[9].change = DifferenceChange::Changed;
        rows[9].right = Some("new".to_owned());
        let out = unified(&rows);
        assert_eq!(out.len(), 1 + 3 + 2 + 3);
        assert_eq!((out[0].as_str(), out[1].as_str()), ("@@ -7 +7 @@", "  line 7"));
        assert_eq!((out[4].as_str(), out[5].as_str()), ("- line 10", "+ new"));
    }
}
