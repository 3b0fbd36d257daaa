//! Merges and their undo; deleting, suppressing and exporting a person.

use serde::Serialize;
use tailrace_app::{App, commands as run};
use tailrace_model::{Error, Result, api::*};

use super::{
    changes::{Shown, carry_out, show},
    not_over,
    people::find,
};
use crate::{
    Outcome,
    args::{Agreed, Profile},
    output::{Output, count, time},
};

pub async fn profile(app: &App, args: Profile, output: &Output) -> anyhow::Result<Outcome> {
    match args {
        Profile::Merges { id } => merges(app, &id, output).await?,
        Profile::Events { id, limit } => events(app, &id, limit, output).await?,
        Profile::History { id } => history(app, &id, output).await?,
        Profile::Undo { merge, agreed } => return undo(app, merge, agreed, output).await,
        Profile::Allow { merge } => {
            let merge = run::merge_allow(app, MergeRequest { merge }).await?;
            if output.json {
                output.object(&merge)?;
            } else {
                output.line("the two may be merged again by the next event that ties them")?;
            }
        }
        Profile::Delete { id, suppress, agreed } => {
            let profile_id = find_exactly(app, &id).await?;
            let request = ProfileDeleteRequest { profile_id, suppress };
            let preview = run::profile_delete_preview(app, request.clone()).await?;
            let apply = async { Ok(run::profile_delete(app, request).await?.done) };
            return change(&preview, apply, agreed, output).await;
        }
        Profile::Suppress { who, agreed } => return suppress(app, &who, false, agreed, output).await,
        Profile::Unsuppress { who, agreed } => return suppress(app, &who, true, agreed, output).await,
        Profile::Suppressed => suppressed(app, output).await?,
        Profile::Export { id, out, force } => {
            not_over(&out, force)?;
            let profile_id = find_exactly(app, &id).await?;
            let path = out.display().to_string();
            let written = run::profile_export(app, ProfileExportRequest { profile_id, path }).await?;
            if output.json {
                output.object(&written)?;
            } else {
                let line = format!(
                    "{}: {} events, {} bytes",
                    written.path,
                    count(written.rows),
                    count(written.bytes)
                );
                output.line(&line)?;
            }
        }
        Profile::Show { .. } | Profile::Search { .. } => {}
    }
    Ok(Outcome::Done)
}

/// A profile by its number, or by an identifier written whole: what is done to a person is not done to a namesake.
async fn find_exactly(app: &App, id: &str) -> anyhow::Result<i64> {
    let profile_id = find(app, id).await?;
    if id.parse::<i64>().is_ok() {
        return Ok(profile_id);
    }
    let graph = run::profile_graph(app, ProfileRequest { profile_id }).await?;
    let exact = |it: &Identifier| it.value == id || format!("{}:{}", it.kind, it.value) == id;
    if graph
        .origins
        .iter()
        .flat_map(|origin| &origin.identifiers)
        .any(exact)
    {
        return Ok(profile_id);
    }
    let message = format!("nobody has the identifier \"{id}\": write it whole, as KIND:VALUE");
    Err(Error::user("unknown_profile", message).into())
}

async fn merges(app: &App, id: &str, output: &Output) -> anyhow::Result<()> {
    let profile_id = find(app, id).await?;
    let merges = run::profile_merges(app, ProfileRequest { profile_id }).await?;
    let names = |of: &[KindValue]| {
        of.iter()
            .map(|it| format!("{}={}", it.kind, it.value))
            .collect::<Vec<_>>()
            .join(", ")
    };
    output.list(
        &merges,
        &[
            "merge",
            "when",
            "of",
            "into",
            "by event",
            "source",
            "tied by",
            "state",
            "it had",
            "the survivor had",
        ],
        |it| {
            let state = match (it.undone_ms, it.refused) {
                (None, _) => "stands".to_owned(),
                (Some(at), true) => format!("undone {}", time(at)),
                (Some(_), false) => "undone, allowed".to_owned(),
            };
            vec![
                it.merge.to_string(),
                time(it.merged_ms),
                it.merged_profile_id.to_string(),
                it.surviving_profile_id.to_string(),
                it.message_id.clone(),
                it.source.clone().unwrap_or_else(|| "-".to_owned()),
                it.evidence.clone(),
                state,
                names(&it.merged_before),
                names(&it.survivor_before),
            ]
        },
    )?;
    if merges.is_empty() && !output.json {
        output.note("nothing was merged into it");
    }
    Ok(())
}

async fn events(app: &App, id: &str, limit: u32, output: &Output) -> anyhow::Result<()> {
    let profile_id = find(app, id).await?;
    let mut cursor = None;
    let mut left = limit;
    let mut events = Vec::new();
    while left > 0 {
        let request = ProfileEventsRequest {
            profile_id,
            cursor,
            limit: left.min(1_000),
        };
        let page = run::profile_events(app, request).await?;
        left = left.saturating_sub(u32::try_from(page.events.len()).unwrap_or(u32::MAX));
        events.extend(page.events);
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    output.list(
        &events,
        &["time", "type", "event", "source", "properties"],
        |it| {
            vec![
                time(it.timestamp_ms),
                it.kind.clone(),
                it.event.clone(),
                it.source.clone(),
                it.properties.chars().take(80).collect(),
            ]
        },
    )?;
    if cursor.is_some() {
        output.note(&format!(
            "the newest {}: --limit shows more",
            count(events.len() as u64)
        ));
    }
    Ok(())
}

async fn history(app: &App, id: &str, output: &Output) -> anyhow::Result<()> {
    let profile_id = find(app, id).await?;
    let history = run::trait_history(app, ProfileRequest { profile_id }).await?;
    output.list(&history.changes, &["time", "trait", "value", "event"], |it| {
        vec![
            time(it.timestamp_ms),
            it.name.clone(),
            it.value.clone(),
            it.message_id.clone(),
        ]
    })?;
    if history.cut {
        output.note("older changes are not listed");
    }
    Ok(())
}

async fn undo(app: &App, merge: u64, agreed: Agreed, output: &Output) -> anyhow::Result<Outcome> {
    let preview = run::merge_undo_preview(app, MergeRequest { merge }).await?;
    let title = format!(
        "undo merge {merge} of {} ({})",
        preview.together.name, preview.merge.evidence
    );
    let shown = Shown {
        title: &title,
        lines: &preview.lines,
        warnings: &preview.warnings,
        nothing: false,
    };
    if agreed.dry_run {
        return dry(&shown, &preview, output);
    }
    let apply = async {
        let undone = run::merge_undo(app, MergeRequest { merge }).await?;
        let (stays, leaves) = (undone.stays.profile, undone.leaves.profile);
        Ok(format!(
            "profile {} ({}, {} events) and profile {} ({}, {} events) are apart",
            stays.profile_id, stays.name, stays.events, leaves.profile_id, leaves.name, leaves.events
        ))
    };
    carry_out(shown, &preview, apply, agreed.yes, output).await
}

async fn suppress(
    app: &App,
    who: &[String],
    end: bool,
    agreed: Agreed,
    output: &Output,
) -> anyhow::Result<Outcome> {
    let mut request = SuppressRequest {
        profile_id: None,
        identifiers: Vec::new(),
        end,
    };
    for one in who {
        match (one.parse::<i64>(), one.split_once(':')) {
            (Ok(number), _) if request.profile_id.is_none() => request.profile_id = Some(number),
            (Ok(_), _) => return Err(misuse("name one profile at a time").into()),
            (_, Some((kind, value))) => request.identifiers.push(KindValue {
                kind: kind.to_owned(),
                value: value.to_owned(),
            }),
            _ => {
                let message = format!(
                    "\"{one}\" is no identifier: write KIND:VALUE, such as user_id:{one}, or the number of a profile"
                );
                return Err(misuse(&message).into());
            }
        }
    }
    let preview = run::profile_suppress_preview(app, request.clone()).await?;
    let apply = async { Ok(run::profile_suppress(app, request).await?.done) };
    change(&preview, apply, agreed, output).await
}

fn misuse(message: &str) -> Error {
    Error::user("misuse", message)
}

async fn suppressed(app: &App, output: &Output) -> anyhow::Result<()> {
    let rows = run::suppression_list(app, Nothing {}).await?;
    output.list(&rows, &["kind", "hash", "since", "until", "dropped"], |it| {
        vec![
            it.kind.clone(),
            it.hash.chars().take(16).collect(),
            time(it.since_ms),
            it.until_ms.map_or_else(|| "-".to_owned(), time),
            count(it.dropped),
        ]
    })
}

async fn change(
    preview: &PersonPreview,
    apply: impl Future<Output = Result<String>>,
    agreed: Agreed,
    output: &Output,
) -> anyhow::Result<Outcome> {
    let shown = Shown {
        title: &preview.title,
        lines: &preview.lines,
        warnings: &preview.warnings,
        nothing: preview.nothing,
    };
    if agreed.dry_run {
        return dry(&shown, preview, output);
    }
    carry_out(shown, preview, apply, agreed.yes, output).await
}

/// Shows what would be done.
fn dry(shown: &Shown<'_>, preview: &impl Serialize, output: &Output) -> anyhow::Result<Outcome> {
    show(shown, output);
    if output.json {
        output.object(&serde_json::json!({ "done": null, "preview": preview }))?;
    }
    output.note("a dry run: nothing was changed");
    Ok(Outcome::Done)
}
