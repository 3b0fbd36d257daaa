//! `tailrace sql`: a result on the terminal, in a pipe or in a file. Ends by saying what was read of topics.

use std::{io, path::Path, time::Duration};

use indicatif::{ProgressBar, ProgressStyle};
use tailrace_app::{App, Exported, Target, commands as run};
use tailrace_model::{Error, api::*, limits::ROWS_PAGE_MAX};
use tokio_util::sync::CancellationToken;

use crate::{
    Outcome,
    args::{Sql, SqlFormat as Format},
    output::{Output, count, duration},
    run::{not_over, people::print_rows},
};

pub async fn sql(app: &App, args: Sql, output: &Output) -> anyhow::Result<Outcome> {
    if let Some(path) = &args.out {
        not_over(path, args.force)?;
    }
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
    let format = format.or(output.json.then_some(Format::Jsonl));
    let target = match (out, format) {
        (Some(path), format) => Target::File(path.to_owned(), format.map(written_as).transpose()?),
        (None, None | Some(Format::Table)) => return table(app, sql, output).await,
        (None, Some(Format::Parquet | Format::Arrow)) if output.is_terminal() => {
            let message = "Parquet and Arrow are not for the eye: name a file with --out, or pipe it";
            return Err(Error::user("misuse", message).into());
        }
        (None, Some(format)) => Target::Pipe(Box::new(Pipe), written_as(format)?),
    };
    let bar = bar();
    let halt = CancellationToken::new();
    let told = |rows: u64, scan: Option<&SqlScan>| bar.set_message(progress(rows, scan));
    let work = tailrace_app::sql_write(app, sql, target, halt.clone(), told);
    tokio::pin!(work);
    let exported = tokio::select! {
        exported = &mut work => exported,
        () = tailrace_app::stop_signal() => {
            halt.cancel();
            work.await
        }
    };
    bar.finish_and_clear();
    let Exported { file, scan, note } = exported?;
    if out.is_some() {
        output.note(&format!(
            "{}: {} rows, {} bytes",
            file.path,
            count(file.rows),
            count(file.bytes)
        ));
    }
    Ok(ended(scan, note, output))
}

fn written_as(format: Format) -> Result<SqlFormat, Error> {
    match format {
        Format::Table => Err(Error::user(
            "misuse",
            "a file is written as csv, jsonl, json, parquet or arrow: a table is for the terminal",
        )),
        Format::Csv => Ok(SqlFormat::Csv),
        Format::Jsonl => Ok(SqlFormat::Jsonl),
        Format::Json => Ok(SqlFormat::Json),
        Format::Parquet => Ok(SqlFormat::Parquet),
        Format::Arrow => Ok(SqlFormat::Arrow),
    }
}

/// Standard output. A reader that has gone away (`| head`) ends the output, not with an error.
pub struct Pipe;

impl io::Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match io::stdout().lock().write_all(bytes) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
            done => done.map(|()| bytes.len()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stdout().lock().flush()
    }
}

/// Shown on a terminal only, on standard error.
fn bar() -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{msg}") {
        bar.set_style(style);
    }
    bar
}

fn progress(rows: u64, scan: Option<&SqlScan>) -> String {
    let Some(scan) = scan else {
        return format!("{} rows", count(rows));
    };
    let percent = match scan.total {
        0 => 100,
        total => (scan.records.min(total) as f64 / total as f64 * 100.0) as u64,
    };
    format!(
        "{} of {} records ({percent} %) · {} MB · {} records/s · {} left · {} rows",
        count(scan.records),
        count(scan.total),
        count(scan.bytes / 1_000_000),
        count(scan.records_per_second as u64),
        duration(scan.left_ms),
        count(rows)
    )
}

/// Says what was read of topics; partly done when the query was stopped.
fn ended(scan: Option<SqlScan>, note: Option<String>, output: &Output) -> Outcome {
    for said in scan.into_iter().flat_map(|scan| scan.said) {
        output.note(&said);
    }
    match note {
        Some(note) => {
            output.note(&note);
            Outcome::Partly
        }
        None => Outcome::Done,
    }
}

async fn table(app: &App, sql: &str, output: &Output) -> anyhow::Result<Outcome> {
    let view = run::sql_start(app, SqlRequest { sql: sql.to_owned() })
        .await?
        .view;
    let bar = bar();
    let follow = async {
        let mut changes = app.follow(&Topic::View(view)).await?;
        loop {
            let status = run::sql_status(app, ViewRequest { view }).await?;
            if !status.running {
                return anyhow::Ok(status);
            }
            bar.set_message(progress(status.rows, status.scan.as_ref()));
            let _ = tokio::time::timeout(Duration::from_millis(200), changes.changed()).await;
        }
    };
    let status = tokio::select! {
        status = follow => status?,
        () = tailrace_app::stop_signal() => run::sql_stop(app, ViewRequest { view }).await?,
    };
    bar.finish_and_clear();
    if let Some(error) = status.error {
        return Err(error.into());
    }
    let mut all = Rows::default();
    while (all.rows.len() as u64) < status.rows {
        let request = RowsRequest {
            view,
            offset: all.rows.len() as u64,
            limit: ROWS_PAGE_MAX as u32,
        };
        all.rows.extend(run::sql_rows(app, request).await?.rows);
    }
    all.columns = status.columns;
    print_rows(&all, output)?;
    Ok(ended(status.scan, status.note, output))
}
