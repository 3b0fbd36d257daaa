//! Sources, tracking plans, the quarantine, replay.

use tailrace_app::{App, commands as run};
use tailrace_model::{Error, Span, api::*};

use super::{
    changes::{agreed, require_somebody},
    tail::moment,
};
use crate::{
    Outcome,
    args::{
        Plan, Quarantine, QuarantineReplay as QuarantineReplayArgs, Replay, Source,
        SourcePreview as PreviewArgs,
    },
    output::{Output, count, time},
};

/// Rows of a sample for the eye.
const SHOWN_MAX: usize = 20;

pub async fn source(app: &App, args: Source, output: &Output) -> anyhow::Result<Outcome> {
    match args {
        Source::List => {
            let sources = run::source_list(app, Nothing {}).await?;
            let header = [
                "source",
                "from",
                "plan",
                "transform",
                "events",
                "duplicates",
                "malformed",
                "blocked",
                "quarantined",
                "violations",
                "left out",
                "lost",
            ];
            output.list(&sources, &header, |it| {
                vec![
                    it.name.clone(),
                    match it.definition.kind.is_kafka() {
                        true => format!("{} / {}", it.definition.cluster, it.definition.topic),
                        false => "tracking API".to_owned(),
                    },
                    it.definition.plan.clone().unwrap_or_else(|| "-".to_owned()),
                    if it.definition.transform.is_some() {
                        "yes"
                    } else {
                        "-"
                    }
                    .to_owned(),
                    count(it.events),
                    count(it.duplicates),
                    count(it.malformed),
                    count(it.blocked),
                    count(it.quarantined),
                    count(it.violations),
                    count(it.left_out),
                    count(it.lost),
                ]
            })?;
            Ok(Outcome::Done)
        }
        Source::Preview(args) => preview(app, args, output).await,
    }
}

async fn preview(app: &App, args: PreviewArgs, output: &Output) -> anyhow::Result<Outcome> {
    let transform = match (&args.sql, &args.file) {
        (Some(sql), _) => Some(sql.clone()),
        (None, Some(file)) => Some(std::fs::read_to_string(file).map_err(|error| {
            Error::user(
                "file_unreadable",
                format!("{} can't be read: {error}", file.display()),
            )
        })?),
        (None, None) => None,
    };
    if args.save && transform.is_none() {
        return Err(Error::user("misuse", "there is nothing to save: give --sql or --file").into());
    }
    let request = SourcePreviewRequest {
        name: args.name.clone(),
        transform: transform.clone(),
        count: args.count,
    };
    let found = run::source_preview(app, request).await?;
    if output.json {
        found.rows.iter().try_for_each(|row| output.object(row))?;
    } else {
        found.rows.iter().try_for_each(|row| shown(row, output))?;
        if found.rows.is_empty() {
            output.note("there is no record to look at: none is in the topic, or none was posted lately");
        }
    }
    let fails = |row: &&PreviewRow| !matches!(row.outcome, PreviewOutcome::Event | PreviewOutcome::LeftOut);
    let failing = found.rows.iter().filter(fails).count();
    if args.save && failing > 0 {
        output.note(&format!(
            "not saved: {failing} of {} records become no event",
            found.rows.len()
        ));
        return Ok(Outcome::Failed);
    }
    if args.save {
        let request = SourceTransformRequest {
            name: args.name.clone(),
            transform,
        };
        run::source_transform_save(app, request).await?;
        output.note(&format!("saved in sources/{}", args.name));
    }
    Ok(Outcome::Done)
}

fn shown(row: &PreviewRow, output: &Output) -> anyhow::Result<()> {
    let verdict = match row.outcome {
        PreviewOutcome::Event => "event",
        PreviewOutcome::LeftOut => "left out",
        PreviewOutcome::Blocked => "BLOCKED",
        PreviewOutcome::Failed => "FAILED",
        PreviewOutcome::Malformed => "MALFORMED",
    };
    output.line(&format!("{} {verdict}", place("", row.partition, row.offset)))?;
    output.line(&format!("  before {}", row.before))?;
    if let Some(after) = &row.after {
        output.line(&format!("  after  {after}"))?;
    }
    if let Some(reason) = &row.reason {
        output.line(&format!("  why    {reason}"))?;
    }
    row.violations
        .iter()
        .try_for_each(|violation| output.line(&format!("  plan   {violation}")))
}

/// Where a record lies; what was posted has a number of its own, and no topic.
fn place(topic: &str, partition: i32, offset: i64) -> String {
    match topic {
        "" => format!("{partition}-{offset}"),
        topic => format!("{topic}/{partition}-{offset}"),
    }
}

fn kind(kind: QuarantineKind) -> &'static str {
    match kind {
        QuarantineKind::Malformed => "malformed",
        QuarantineKind::Blocked => "blocked",
        QuarantineKind::Failed => "failed",
    }
}

pub async fn quarantine(app: &App, args: Quarantine, output: &Output) -> anyhow::Result<Outcome> {
    match args {
        Quarantine::List {
            source,
            search,
            event,
            offset,
            limit,
        } => {
            let request = QuarantineRequest {
                source: source.unwrap_or_default(),
                text: search,
                event,
                field: String::new(),
                offset,
                limit,
            };
            let found = run::quarantine_list(app, request).await?;
            output.list(
                &found.records,
                &["id", "source", "kind", "event", "record", "seen", "tries", "why"],
                |it| {
                    vec![
                        it.id.to_string(),
                        it.source.clone(),
                        kind(it.kind).to_owned(),
                        it.event.clone().unwrap_or_else(|| "-".to_owned()),
                        place(&it.topic, it.partition, it.offset),
                        time(it.seen_ms),
                        it.tries.to_string(),
                        it.reason.clone(),
                    ]
                },
            )?;
            if found.total > found.records.len() as u64 {
                output.note(&format!("{} of {}", found.records.len(), count(found.total)));
            }
            if found.evicted > 0 {
                output.note(&format!(
                    "{} older ones had to leave: {} records and {} MB are kept for each source",
                    count(found.evicted),
                    count(found.records_max),
                    found.bytes_max >> 20
                ));
            }
            Ok(Outcome::Done)
        }
        Quarantine::Show { id } => {
            let found = run::quarantine_show(app, QuarantineShowRequest { id }).await?;
            if output.json {
                output.object(&found)?;
                return Ok(Outcome::Done);
            }
            let it = &found.record;
            output.line(&format!("{} of source {}, {}", it.id, it.source, kind(it.kind)))?;
            output.line(&format!("record  {}", place(&it.topic, it.partition, it.offset)))?;
            output.line(&format!("seen    {}", time(it.seen_ms)))?;
            output.line(&format!("why     {}", it.reason))?;
            output.line(&found.value)?;
            if found.cut {
                output.note("only the beginning is kept, it was too large: it can't be replayed from here");
            }
            Ok(Outcome::Done)
        }
        Quarantine::Replay(args) => replay_quarantine(app, args, output).await,
    }
}

async fn replay_quarantine(
    app: &App,
    args: QuarantineReplayArgs,
    output: &Output,
) -> anyhow::Result<Outcome> {
    let request = QuarantineReplayRequest {
        source: args.source.unwrap_or_default(),
        ids: args.ids,
        filter: args.filter,
        transform: args.transform,
        dry_run: true,
    };
    // Before it is looked at what would come of it, which may take long.
    if !args.dry_run && !args.yes {
        require_somebody()?;
    }
    if args.dry_run || !args.yes {
        let planned = run::quarantine_replay(app, request.clone()).await?;
        if args.dry_run && output.json {
            output.object(&planned)?;
            return Ok(Outcome::Done);
        }
        if !output.json {
            planned
                .sample
                .iter()
                .take(SHOWN_MAX)
                .try_for_each(|row| shown(row, output))?;
        }
        let summary = replayed("would", &planned);
        if args.dry_run {
            output.line(&summary)?;
            return Ok(Outcome::Done);
        }
        output.note(&summary);
        if planned.records == 0 {
            return Ok(Outcome::Done);
        }
        if !agreed("Replay them?", output).await? {
            return Ok(Outcome::Failed);
        }
    }
    let done = run::quarantine_replay(
        app,
        QuarantineReplayRequest {
            dry_run: false,
            ..request
        },
    )
    .await?;
    match output.json {
        true => output.object(&done)?,
        false => output.line(&replayed("did", &done))?,
    }
    Ok(if done.stayed == 0 {
        Outcome::Done
    } else {
        Outcome::Partly
    })
}

fn replayed(word: &str, it: &QuarantineReplay) -> String {
    let (become_, leave, stay) = match word {
        "would" => ("would become events", "would be left out", "would stay"),
        _ => ("became events", "were left out", "stayed"),
    };
    format!(
        "{} records: {} {become_}, {} had been collected before, {} {leave}, {} {stay}",
        count(it.records),
        count(it.collected),
        count(it.duplicates),
        count(it.left_out),
        count(it.stayed)
    )
}

pub async fn replay(app: &App, args: Replay, output: &Output) -> anyhow::Result<Outcome> {
    let request = SourceReplayRequest {
        name: args.source,
        from_ms: moment(&args.from)?,
        to_ms: args.to.as_deref().map(moment).transpose()?,
        dry_run: true,
    };
    if !args.dry_run && !args.yes {
        require_somebody()?;
    }
    if args.dry_run || !args.yes {
        let planned = run::source_replay(app, request.clone()).await?;
        if args.dry_run {
            match output.json {
                true => output.object(&planned)?,
                false => output.line(&read_again(&planned))?,
            }
            return Ok(Outcome::Done);
        }
        output.note(&read_again(&planned));
        if planned.added + planned.replaced + planned.removed == 0 {
            output.note("nothing of it changes the history");
            return Ok(Outcome::Done);
        }
        if !agreed(&format!("Replay {}?", request.name), output).await? {
            return Ok(Outcome::Failed);
        }
    }
    let done = run::source_replay(
        app,
        SourceReplayRequest {
            dry_run: false,
            ..request
        },
    )
    .await?;
    match output.json {
        true => output.object(&done)?,
        false => output.line(&read_again(&done))?,
    }
    Ok(Outcome::Done)
}

fn read_again(it: &SourceReplay) -> String {
    let mut text = format!(
        "{} records: {} events added, {} replaced, {} the same, {} removed; {} left out, {} blocked, {} malformed",
        count(it.records),
        count(it.added),
        count(it.replaced),
        count(it.same),
        count(it.removed),
        count(it.left_out),
        count(it.blocked),
        count(it.malformed)
    );
    if it.identities > 0 {
        text.push_str(&format!(
            "; {} of them named people or traits otherwise before: what that merged and set stays",
            count(it.identities)
        ));
    }
    if it.lost > 0 {
        text.push_str(&format!("; {} were deleted from the topic", count(it.lost)));
    }
    text
}

pub async fn plan(app: &App, args: Plan, output: &Output) -> anyhow::Result<Outcome> {
    match args {
        Plan::List => {
            let plans = run::plan_list(app, Nothing {}).await?;
            output.list(&plans, &["plan", "version", "events", "sources", "title"], |it| {
                vec![
                    it.name.clone(),
                    it.version.to_string(),
                    count(it.events),
                    it.sources.join(", "),
                    it.title.clone().unwrap_or_default(),
                ]
            })?;
            Ok(Outcome::Done)
        }
        Plan::Show { name } => {
            let found = run::plan_show(app, Named { name }).await?;
            if output.json {
                output.object(&found)?;
                return Ok(Outcome::Done);
            }
            output.line(found.text.trim_end())?;
            for version in &found.versions {
                output.note(&format!(
                    "version {} was used first at {}",
                    version.version,
                    time(version.saved_ms)
                ));
            }
            Ok(Outcome::Done)
        }
        Plan::Infer {
            source,
            observed,
            save,
        } => {
            if source.is_none() && !observed {
                return Err(Error::user("misuse", "of what? Name a source, or give --observed").into());
            }
            infer(app, source, save, output).await
        }
        Plan::Diff { from, to } => diff(app, PlanDiffRequest { from, to }, output).await,
        Plan::Violations {
            source,
            since,
            by_hour,
        } => violations(app, source, &since, by_hour, output).await,
    }
}

async fn infer(
    app: &App,
    source: Option<String>,
    save: Option<String>,
    output: &Output,
) -> anyhow::Result<Outcome> {
    let inferred = run::plan_infer(app, PlanInferRequest { source }).await?;
    for note in &inferred.notes {
        output.note(note);
    }
    output.note(&format!(
        "{} events of {} names",
        count(inferred.events),
        inferred.definition.events.len()
    ));
    match save {
        Some(name) => {
            let request = PlanSaveRequest {
                name,
                text: inferred.text,
                create: true,
            };
            let saved = run::plan_save(app, request).await?;
            output.line(&format!(
                "{} is written: name it in a source with plan = \"{}\"",
                saved.file, saved.name
            ))?;
        }
        None if output.json => output.object(&inferred.definition)?,
        None => output.line(inferred.text.trim_end())?,
    }
    Ok(Outcome::Done)
}

async fn diff(app: &App, request: PlanDiffRequest, output: &Output) -> anyhow::Result<Outcome> {
    let found = run::plan_diff(app, request).await?;
    if found.changes.is_empty() && !output.json {
        output.note("nothing changed");
        return Ok(Outcome::Done);
    }
    output.list(&found.changes, &["", "event", "field", "what"], |it| {
        let sign = match it.kind {
            PlanChangeKind::Added => "+",
            PlanChangeKind::Removed => "-",
            PlanChangeKind::Changed => "~",
        };
        vec![
            sign.to_owned(),
            it.event.clone().unwrap_or_default(),
            it.field.clone().unwrap_or_default(),
            format!("{}{}", it.what, if it.stricter { " (stricter)" } else { "" }),
        ]
    })?;
    Ok(Outcome::Done)
}

async fn violations(
    app: &App,
    source: Option<String>,
    since: &str,
    by_hour: bool,
    output: &Output,
) -> anyhow::Result<Outcome> {
    let since = Span::try_from(since.to_owned())?;
    let request = ViolationRequest {
        source: source.unwrap_or_default(),
        from_ms: Some(chrono::Utc::now().timestamp_millis() - since.approximate_ms()),
    };
    let found = run::violation_list(app, request).await?;
    if !by_hour || output.json {
        output.list(
            &found.violations,
            &["source", "event", "field", "count", "last", "record", "why"],
            |it| {
                vec![
                    it.source.clone(),
                    it.event.clone(),
                    if it.field.is_empty() {
                        "-".to_owned()
                    } else {
                        it.field.clone()
                    },
                    count(it.count),
                    time(it.last_ms),
                    place(&it.topic, it.partition, it.offset),
                    it.reason.clone(),
                ]
            },
        )?;
        return Ok(Outcome::Done);
    }
    let mut rows = Vec::new();
    for it in &found.violations {
        for hour in &it.hours {
            rows.push(vec![
                time(hour.hour_ms),
                it.source.clone(),
                it.event.clone(),
                it.field.clone(),
                count(hour.count),
            ]);
        }
    }
    rows.sort();
    output.table(&["hour", "source", "event", "field", "count"], &rows)?;
    Ok(Outcome::Done)
}
