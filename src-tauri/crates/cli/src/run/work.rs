//! Workspaces, SQL, secrets, ingest.

use std::{
    collections::BTreeMap,
    io::{IsTerminal, Read},
    path::{Path, PathBuf},
    time::Duration,
};

use tailrace_app::{App, OpenOptions, commands as run, secrets, workspace};
use tailrace_model::{Error, api::*, limits::ROWS_PAGE_MAX};

use crate::{
    Outcome,
    args::{Format, Secret, Sql},
    output::{Output, count},
    run::people::print_rows,
};

pub fn init(dir: &Path, output: &Output) -> anyhow::Result<Outcome> {
    workspace::init(dir)?;
    output.line(&format!(
        "{} is a workspace: see the examples in it, and rename those that you want",
        dir.display()
    ))?;
    Ok(Outcome::Done)
}

pub async fn check(folder: &Path, output: &Output) -> anyhow::Result<Outcome> {
    let problems = tailrace_app::check(folder).await?;
    if output.json {
        problems.iter().try_for_each(|problem| output.object(problem))?;
    } else {
        problems
            .iter()
            .try_for_each(|problem| output.line(&problem.message))?;
        match problems.len() {
            0 => output.line("every definition holds")?,
            1 => output.note("1 problem"),
            many => output.note(&format!("{many} problems")),
        }
    }
    Ok(if problems.is_empty() {
        Outcome::Done
    } else {
        Outcome::Failed
    })
}

pub fn secret(args: Secret, output: &Output) -> anyhow::Result<Outcome> {
    let store = secrets::SecretStore::open(&workspace::ConfigDir::from_env()?);
    match args {
        Secret::Set { name } => {
            if std::io::stdin().is_terminal() {
                output.note(
                    "Type the value and end it with Ctrl D; it is shown as you type, so better pipe it in.",
                );
            }
            let mut value = String::new();
            std::io::stdin().read_to_string(&mut value)?;
            let value = value.trim_end_matches(['\n', '\r']).to_owned();
            store.set(&name, &secrets::Secret::new(value))?;
            output.note(&format!("secret:{name} is set"));
        }
        Secret::List => {
            for entry in store.list()? {
                if output.json {
                    output.line(&serde_json::json!({ "name": entry.name }).to_string())?;
                } else {
                    output.line(&entry.name)?;
                }
            }
        }
        Secret::Delete { name } => {
            if !store.delete(&name)? {
                return Err(Error::user("unknown_secret", format!("there is no secret \"{name}\"")).into());
            }
        }
    }
    Ok(Outcome::Done)
}

pub async fn ingest(folder: PathBuf, until_caught_up: bool, output: &Output) -> anyhow::Result<Outcome> {
    let options = OpenOptions {
        state: true,
        sources: true,
        live: false,
        masked: false,
        holder: "tailrace ingest",
    };
    let app = App::open(folder, options).await?;
    let work = async {
        some_source(&app, output).await?;
        let mut ticks = 0_u32;
        let mut said = BTreeMap::new();
        loop {
            let sources = run::source_list(&app, Nothing {}).await?;
            if let Some(error) = failed_for_good(&sources) {
                return Err(anyhow::Error::from(error));
            }
            say_new(&sources, &mut said, output);
            if until_caught_up && tailrace_app::is_caught_up(&app).await? {
                return Ok(());
            }
            ticks += 1;
            if output.is_terminal() && !output.json && ticks.is_multiple_of(10) {
                let events: u64 = sources.iter().map(|it| it.events).sum();
                let behind: i64 = sources.iter().filter_map(|it| it.behind).sum();
                output.note(&format!("{} events, {} records behind", count(events), behind));
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let ended = tokio::select! {
        ended = work => ended.map(|()| Outcome::Done),
        // Whoever waits for the end has not got it.
        () = tailrace_app::stop_signal() => Ok(if until_caught_up { Outcome::Partly } else { Outcome::Done }),
    };
    let sources = run::source_list(&app, Nothing {}).await;
    app.close().await;
    let outcome = ended?;
    output.list(
        &sources?,
        &["source", "events", "duplicates", "malformed", "lost"],
        |it| {
            vec![
                it.name.clone(),
                count(it.events),
                count(it.duplicates),
                count(it.malformed),
                count(it.lost),
            ]
        },
    )?;
    Ok(outcome)
}

/// Fails when there is nothing to collect from; says which definitions of sources do not hold.
async fn some_source(app: &App, output: &Output) -> anyhow::Result<()> {
    let sources = run::source_list(app, Nothing {}).await?;
    let problems = run::workspace_show(app, Nothing {}).await?.problems;
    let of_sources = |error: &&Error| {
        error
            .position
            .as_ref()
            .and_then(|at| at.file.as_deref())
            .is_some_and(|file| file.starts_with("sources/"))
    };
    let mut problems = problems.iter().filter(of_sources).peekable();
    if sources.iter().any(|it| it.definition.enabled) {
        problems.for_each(|error| output.note(&format!("tailrace: {error}")));
        return Ok(());
    }
    let error = problems.next().cloned().unwrap_or_else(|| {
        Error::user(
            "no_source",
            "there is nothing to collect from: add sources/NAME.toml with a cluster and a topic, or set enabled = true in one",
        )
    });
    Err(error.into())
}

/// Says what a source waits for, once for each reason.
fn say_new(sources: &[SourceSummary], said: &mut BTreeMap<String, String>, output: &Output) {
    for source in sources {
        match &source.error {
            Some(error) if said.get(&source.name) != Some(&error.message) => {
                output.note(&format!("tailrace: source \"{}\": {error}", source.name));
                said.insert(source.name.clone(), error.message.clone());
            }
            None => drop(said.remove(&source.name)),
            Some(_) => {}
        }
    }
}

/// An error that waiting does not mend.
fn failed_for_good(sources: &[SourceSummary]) -> Option<Error> {
    let failed = sources
        .iter()
        .filter_map(|source| source.error.as_ref().map(|error| (source, error)));
    failed
        .filter(|(_, error)| !error.retry)
        .map(|(source, error)| error.clone().context(format!("source \"{}\"", source.name)))
        .next()
}

pub async fn serve(folder: PathBuf, listen: &str, output: &Output) -> anyhow::Result<Outcome> {
    let options = OpenOptions {
        holder: "tailrace serve",
        ..OpenOptions::live()
    };
    let app = App::open(folder, options).await?;
    let serving = match app.opened().await {
        Ok(open) => tailrace_app::serve::start(&open, listen).await,
        Err(error) => Err(error),
    };
    let serving = match serving {
        Ok(serving) => serving,
        Err(error) => {
            app.close().await;
            return Err(error.into());
        }
    };
    output.note(&format!(
        "everything is kept live, metrics at http://{}/metrics; Ctrl C ends it",
        serving.address
    ));
    if serving.is_open() {
        output.note(
            "anybody in the network may ask this address, and nothing is encrypted: put a proxy with TLS before it",
        );
    }
    let notices = app.follow_notices(|notice| output.note(&format!("{}: {}", notice.title, notice.text)));
    tokio::select! {
        () = tailrace_app::stop_signal() => {}
        () = notices => {}
    }
    app.close().await;
    Ok(Outcome::Done)
}

pub async fn sql(app: &App, args: Sql, output: &Output) -> anyhow::Result<Outcome> {
    query(app, &args.sql, args.format, args.out.as_deref(), output).await
}

/// Runs a query and prints it, or writes it to a file.
pub async fn query(
    app: &App,
    sql: &str,
    format: Option<Format>,
    out: Option<&Path>,
    output: &Output,
) -> anyhow::Result<Outcome> {
    if let Some(path) = out {
        let request = SqlExportRequest {
            sql: sql.to_owned(),
            path: path.display().to_string(),
        };
        let written = run::sql_export(app, request).await?;
        output.note(&format!(
            "{}: {} rows, {} bytes",
            written.path,
            count(written.rows),
            count(written.bytes)
        ));
        return Ok(Outcome::Done);
    }
    let view = run::sql_start(app, SqlRequest { sql: sql.to_owned() })
        .await?
        .view;
    let mut changes = app.follow(&Topic::View(view)).await?;
    let status = loop {
        let status = run::sql_status(app, ViewRequest { view }).await?;
        if !status.running {
            break status;
        }
        let _ = tokio::time::timeout(Duration::from_millis(200), changes.changed()).await;
    };
    if let Some(error) = status.error {
        return Err(error.into());
    }
    let format = format.unwrap_or(if output.json { Format::Json } else { Format::Table });
    let mut all = Rows::default();
    while (all.rows.len() as u64) < status.rows {
        let offset = all.rows.len() as u64;
        let page = run::sql_rows(
            app,
            RowsRequest {
                view,
                offset,
                limit: ROWS_PAGE_MAX as u32,
            },
        )
        .await?;
        all.rows.extend(page.rows);
    }
    all.columns = status.columns;
    print(&all, format, output)?;
    if let Some(note) = status.note {
        output.note(&note);
        return Ok(Outcome::Partly);
    }
    Ok(Outcome::Done)
}

fn print(rows: &Rows, format: Format, output: &Output) -> anyhow::Result<()> {
    match format {
        Format::Table => print_rows(rows, output),
        Format::Csv => {
            let quote = |text: &str| match text.contains([',', '"', '\n', '\r']) {
                true => format!("\"{}\"", text.replace('"', "\"\"")),
                false => text.to_owned(),
            };
            let line = |cells: Vec<String>| output.line(&cells.join(","));
            line(rows.columns.iter().map(|column| quote(&column.name)).collect())?;
            rows.rows.iter().try_for_each(|row| {
                line(
                    row.iter()
                        .map(|cell| quote(cell.as_deref().unwrap_or_default()))
                        .collect(),
                )
            })
        }
        Format::Json => rows.rows.iter().try_for_each(|row| {
            let fields = rows
                .columns
                .iter()
                .zip(row)
                .map(|(column, cell)| (column.name.clone(), typed(column, cell.as_deref())));
            output.line(&serde_json::Value::Object(fields.collect()).to_string())
        }),
        Format::Kcat | Format::Parquet | Format::Arrow => Err(Error::user(
            "misuse",
            "a result is printed as table, json or csv; for Parquet and Arrow name a file with --out FILE.parquet",
        )
        .into()),
    }
}

fn typed(column: &Column, cell: Option<&str>) -> serde_json::Value {
    let Some(text) = cell else {
        return serde_json::Value::Null;
    };
    let nested = matches!(column.data_type.as_str(), "BOOLEAN" | "STRUCT" | "LIST");
    match column.numeric || nested {
        true => serde_json::from_str(text).unwrap_or_else(|_| text.into()),
        false => text.into(),
    }
}
