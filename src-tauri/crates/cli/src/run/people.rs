//! Profiles, traits, audiences.

use tailrace_app::{App, commands as run};
use tailrace_model::{Error, api::*};

use crate::{
    Outcome,
    args::{Audience, Profile, Trait},
    output::{Output, count, time},
    run::{not_over, sql::query},
};

/// A profile by its number, `KIND:VALUE`, or any identifier.
pub async fn find(app: &App, id: &str) -> anyhow::Result<i64> {
    if let Ok(number) = id.parse::<i64>() {
        return Ok(number);
    }
    let text = id.split_once(':').map_or(id, |(_, value)| value);
    let found = run::profile_search(
        app,
        SearchRequest {
            text: text.to_owned(),
            offset: 0,
            limit: 2,
        },
    )
    .await?;
    match found.profiles.as_slice() {
        [] => Err(Error::user("unknown_profile", format!("nobody has the identifier \"{text}\"")).into()),
        [one] => Ok(one.profile_id),
        many => match many
            .iter()
            .find(|it| it.user_id.as_deref() == Some(text) || it.email.as_deref() == Some(text))
        {
            Some(exact) => Ok(exact.profile_id),
            None => Err(Error::user(
                "ambiguous_profile",
                format!(
                    "{} profiles have an identifier that begins with \"{text}\": write it whole",
                    found.total
                ),
            )
            .into()),
        },
    }
}

pub async fn profile(app: &App, args: Profile, output: &Output) -> anyhow::Result<Outcome> {
    match args {
        Profile::Search { text, limit } => {
            let found = run::profile_search(
                app,
                SearchRequest {
                    text,
                    offset: 0,
                    limit,
                },
            )
            .await?;
            output.list(
                &found.profiles,
                &["profile", "name", "email", "events", "last seen"],
                |it| {
                    let email = it.email.clone().unwrap_or_else(|| "-".to_owned());
                    vec![
                        it.profile_id.to_string(),
                        it.name.clone(),
                        email,
                        count(it.events),
                        time(it.last_seen_ms),
                    ]
                },
            )?;
            if !output.json {
                output.note(&format!("{} of {}", found.profiles.len(), count(found.total)));
            }
        }
        Profile::Show { id } => {
            let profile_id = find(app, &id).await?;
            let detail = run::profile_show(app, ProfileRequest { profile_id }).await?;
            if output.json {
                output.object(&detail)?;
            } else {
                print_profile(&detail, output)?;
            }
        }
        other => return super::identity::profile(app, other, output).await,
    }
    Ok(Outcome::Done)
}

fn print_profile(detail: &ProfileDetail, output: &Output) -> anyhow::Result<()> {
    let it = &detail.summary;
    output.line(&format!(
        "{}  (profile {}, {} events, last seen {})",
        it.name,
        it.profile_id,
        count(it.events),
        time(it.last_seen_ms)
    ))?;
    let lines = |title: &str, rows: Vec<Vec<String>>, header: &[&str]| -> anyhow::Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        output.line(&format!("\n{title}"))?;
        output.table(header, &rows)
    };
    let identifiers = detail
        .identifiers
        .iter()
        .map(|it| vec![it.kind.clone(), it.value.clone()])
        .collect();
    lines("IDENTIFIERS", identifiers, &["kind", "value"])?;
    let traits = detail.traits.iter();
    let traits = traits.map(|it| {
        vec![
            it.name.clone(),
            it.value.clone().unwrap_or_else(|| "-".to_owned()),
            it.origin.clone(),
        ]
    });
    lines("TRAITS", traits.collect(), &["trait", "value", "origin"])?;
    let audiences = detail
        .audiences
        .iter()
        .map(|it| vec![it.audience.clone(), time(it.since_ms)])
        .collect();
    lines("AUDIENCES", audiences, &["audience", "since"])?;
    let events = detail.events.iter().take(20).map(|it| {
        vec![
            time(it.timestamp_ms),
            it.event.clone(),
            it.properties.chars().take(80).collect(),
        ]
    });
    lines(
        "EVENTS (newest 20)",
        events.collect(),
        &["time", "event", "properties"],
    )
}

pub async fn traits(app: &App, args: Trait, output: &Output) -> anyhow::Result<Outcome> {
    match args {
        Trait::List => {
            let traits = run::trait_list(app, Nothing {}).await?;
            output.list(&traits, &["trait", "kind", "title", "problem"], |it| {
                let problem = it
                    .error
                    .as_ref()
                    .map(|error| error.message.clone())
                    .unwrap_or_default();
                vec![
                    it.name.clone(),
                    it.kind.clone(),
                    it.title.clone().unwrap_or_default(),
                    problem,
                ]
            })?;
        }
        Trait::Preview { name } => {
            let detail = run::trait_show(app, Named { name: name.clone() }).await?;
            let preview = run::trait_preview(
                app,
                TraitPreviewRequest {
                    name,
                    definition: detail.definition,
                },
            )
            .await?;
            if output.json {
                output.object(&preview)?;
            } else {
                output.line(&preview.sql)?;
                output.line("")?;
                print_rows(&preview.sample, output)?;
                output.note(&format!(
                    "{} profiles have a value ({} ms)",
                    count(preview.profiles),
                    preview.took_ms
                ));
            }
        }
        Trait::Run { name } => {
            run::trait_show(app, Named { name: name.clone() }).await?;
            let sql = format!(
                "SELECT * FROM traits.\"{}\" ORDER BY profile_id",
                name.replace('"', "\"\"")
            );
            query(app, &sql, None, None, output).await?;
        }
    }
    Ok(Outcome::Done)
}

pub fn print_rows(rows: &Rows, output: &Output) -> anyhow::Result<()> {
    let header: Vec<&str> = rows.columns.iter().map(|column| column.name.as_str()).collect();
    let cells: Vec<Vec<String>> = rows
        .rows
        .iter()
        .map(|row| {
            row.iter()
                .map(|cell| cell.clone().unwrap_or_else(|| "null".to_owned()))
                .collect()
        })
        .collect();
    output.table(&header, &cells)
}

pub async fn audience(app: &App, args: Audience, output: &Output) -> anyhow::Result<Outcome> {
    match args {
        Audience::List => list(app, output).await?,
        Audience::Show { name } => show(app, name, output).await?,
        Audience::Preview { name } => preview(app, name, output).await?,
        Audience::Run { name } => {
            let it = run::audience_run(app, Named { name }).await?;
            if output.json {
                output.object(&it)?;
            } else {
                let members = it.members.unwrap_or_default();
                output.line(&format!(
                    "{}: {} members, {} entered, {} exited",
                    it.name,
                    count(members),
                    count(it.entered),
                    count(it.exited)
                ))?;
            }
        }
        Audience::Members {
            name,
            search,
            offset,
            limit,
        } => {
            let request = MembersRequest {
                name,
                text: search,
                offset,
                limit,
            };
            let found = run::audience_members(app, request).await?;
            output.list(&found.members, &["profile", "name", "since"], |it| {
                vec![it.profile_id.to_string(), it.name.clone(), time(it.since_ms)]
            })?;
            if !output.json {
                output.note(&format!("{} of {}", found.members.len(), count(found.total)));
            }
        }
        Audience::Explain { name, profile } => explain(app, name, &profile, output).await?,
        Audience::Export { name, out, force } => {
            not_over(&out, force)?;
            let path = out.display().to_string();
            let written = run::audience_export(app, AudienceExportRequest { name, path }).await?;
            if output.json {
                output.object(&written)?;
            } else {
                output.line(&format!(
                    "{}: {} rows, {} bytes",
                    written.path,
                    count(written.rows),
                    count(written.bytes)
                ))?;
            }
        }
    }
    Ok(Outcome::Done)
}

async fn list(app: &App, output: &Output) -> anyhow::Result<()> {
    let mut rows = run::audience_list(app, Nothing {}).await?;
    // What was evaluated last is shown; nothing is evaluated by looking.
    for it in rows.iter_mut().filter(|it| it.kind != BROKEN_AUDIENCE) {
        let request = MembersRequest {
            name: it.name.clone(),
            limit: 1,
            ..MembersRequest::default()
        };
        it.members = Some(run::audience_members(app, request).await?.total);
    }
    if output.json {
        return rows.iter().try_for_each(|it| output.object(it));
    }
    let table: Vec<Vec<String>> = rows
        .into_iter()
        .map(|it| {
            vec![
                it.name,
                it.kind,
                it.members.map(count).unwrap_or_else(|| "-".to_owned()),
                it.title.unwrap_or_default(),
                it.error.map(|error| error.message).unwrap_or_default(),
            ]
        })
        .collect();
    output.table(&["audience", "kind", "members", "title", "problem"], &table)
}

async fn show(app: &App, name: String, output: &Output) -> anyhow::Result<()> {
    let detail = run::audience_show(app, Named { name }).await?;
    if output.json {
        return output.object(&detail);
    }
    output.line(&format!(
        "{}  ({})",
        detail.summary.title.as_deref().unwrap_or(&detail.summary.name),
        detail.file
    ))?;
    if let Some(sentence) = &detail.sentence {
        output.line(sentence)?;
    }
    output.line("")?;
    output.line(&detail.sql)
}

async fn preview(app: &App, name: String, output: &Output) -> anyhow::Result<()> {
    let detail = run::audience_show(app, Named { name: name.clone() }).await?;
    let it = run::audience_preview(
        app,
        AudiencePreviewRequest {
            name,
            definition: detail.definition,
        },
    )
    .await?;
    if output.json {
        return output.object(&it);
    }
    if let Some(sentence) = &it.sentence {
        output.line(sentence)?;
    }
    output.line(&format!(
        "{} of {} profiles ({} ms)",
        count(it.size),
        count(it.universe),
        it.took_ms
    ))?;
    output.list(&it.sample, &["profile", "name", "why"], |it| {
        vec![it.profile_id.to_string(), it.name.clone(), it.why.clone()]
    })
}

async fn explain(app: &App, name: String, profile: &str, output: &Output) -> anyhow::Result<()> {
    // An audience that is not there is told before a person who is not.
    run::audience_show(app, Named { name: name.clone() }).await?;
    let profile_id = find(app, profile).await?;
    let it = run::audience_explain(
        app,
        ExplainRequest {
            name: name.clone(),
            profile_id,
        },
    )
    .await?;
    if output.json {
        return output.object(&it);
    }
    let since = it
        .since_ms
        .map(|since| format!(" since {}", time(since)))
        .unwrap_or_default();
    let is = if it.member {
        "is a member"
    } else {
        "is not a member"
    };
    output.line(&format!("{} {is} of {name}{since}", it.name))?;
    for condition in &it.conditions {
        let mark = if condition.holds { "yes" } else { "no " };
        let indent = "  ".repeat(condition.depth as usize + 1);
        let value = condition
            .value
            .as_ref()
            .map(|value| format!("  [{value}]"))
            .unwrap_or_default();
        output.line(&format!("{indent}{mark}  {}{value}", condition.sentence))?;
    }
    Ok(())
}
