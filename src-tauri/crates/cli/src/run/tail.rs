//! `tailrace tail`: records to the terminal or a file. Ends by saying what it scanned and why it stopped.

use std::{io::Write, time::Duration};

use chrono::DateTime;
use tailrace_app::{App, CSV_HEADER, LineFormat, TailLines, commands as run};
use tailrace_model::{Error, FormatDefinition, TopicFormats, api::*, limits::ROWS_PAGE_MAX};

use super::{
    columns::{Columns, written_as},
    export, not_over,
    sql::Pipe,
};
use crate::{
    Outcome,
    args::{Format, Tail},
    output::{Output, count, time},
};

/// What is not asked for is as the cluster's file says, or found out.
fn formats(args: &Tail) -> TopicFormats {
    let value = args.value_format.as_ref().map(|format| FormatDefinition {
        schema: args.schema.clone(),
        descriptor_set: args.descriptor_set.clone(),
        message: args.message.clone(),
        ..FormatDefinition::named(format)
    });
    TopicFormats {
        key: args.key_format.as_ref().map(FormatDefinition::named),
        value,
        lateness: None,
    }
}

pub async fn tail(app: &App, args: Tail, output: &Output) -> anyhow::Result<Outcome> {
    let (start, until_ms) = offsets(&args.offset)?;
    if let Some(path) = &args.out {
        not_over(path, args.force)?;
    }
    let format = args
        .format
        .unwrap_or(if output.json { Format::Json } else { Format::Table });
    let request = TailRequest {
        cluster: args.cluster.clone(),
        topic: args.topic.clone(),
        start,
        until_ms,
        partitions: args.partitions.clone(),
        filter: args.filter.clone(),
        select: args.select.clone(),
        stop_at_end: args.exit,
        limit: args.count,
        formats: formats(&args),
    };
    if let Some(path) = &args.out
        && let Some(format) = export::format_of(args.format, output.json, path)?
    {
        return export::export(app, request, path, format, output).await;
    }
    let mut sink = match args.select {
        Some(_) => {
            let written = written_as(format)?;
            Place::Columns(Columns::new(Sink::place(&args, format)?, written))
        }
        None => Place::Records(Sink::open(&args, format)?),
    };
    let view = tokio::select! {
        started = tailrace_app::tail_all(app, request) => started?.view,
        () = tailrace_app::stop_signal() => return Ok(Outcome::Partly),
    };
    let mut changes = app.follow(&Topic::View(view)).await?;
    let (mut printed, mut said, mut first) = (0, None, true);
    let follow = async {
        loop {
            let status = run::tail_status(app, ViewRequest { view }).await?;
            // What it waits for is told while it waits; and at once that it does not begin where it was asked to.
            let waits = status.state == TailState::Starting;
            let begins = status.state == TailState::Running && first;
            first = false;
            if (waits || begins) && status.note.is_some() && status.note != said {
                output.note(&format!(
                    "tailrace: {}",
                    status.note.as_deref().unwrap_or_default()
                ));
                said = status.note.clone();
            }
            printed = sink.drain(app, view, printed).await?;
            if printed >= status.matched && matches!(status.state, TailState::Stopped | TailState::Failed) {
                return anyhow::Ok(());
            }
            // A revision may have come before it was followed: look again now and then.
            let _ = tokio::time::timeout(Duration::from_millis(200), changes.changed()).await;
        }
    };
    tokio::select! {
        done = follow => done?,
        () = tailrace_app::stop_signal() => {}
    }
    let status = run::tail_stop(app, ViewRequest { view }).await?;
    if status.state != TailState::Failed {
        printed = sink.drain(app, view, printed).await?;
    }
    sink.finish()?;
    // It may tell more of the columns now that all are written.
    let status = TailStatus {
        note: run::tail_status(app, ViewRequest { view }).await?.note,
        ..status
    };
    output.note(&ending(&status));
    match status.error {
        Some(error) => Err(error.into()),
        None => Ok(if status.evicted > 0 && printed < status.matched {
            Outcome::Partly
        } else {
            Outcome::Done
        }),
    }
}

/// Whole records, or columns selected of them.
enum Place {
    Records(Sink),
    Columns(Columns),
}

impl Place {
    async fn drain(&mut self, app: &App, view: u64, from: u64) -> anyhow::Result<u64> {
        match self {
            Self::Records(sink) => drain(app, view, from, sink).await,
            Self::Columns(columns) => columns.drain(app, view, from).await,
        }
    }

    fn finish(self) -> anyhow::Result<()> {
        match self {
            Self::Records(sink) => sink.finish(),
            Self::Columns(columns) => columns.finish(),
        }
    }
}

async fn drain(app: &App, view: u64, from: u64, sink: &mut Sink) -> anyhow::Result<u64> {
    let mut at = from;
    loop {
        let request = RowsRequest {
            view,
            offset: at,
            limit: ROWS_PAGE_MAX as u32,
        };
        // A table is for the eye.
        let (lines, next) = match sink.lines {
            None => {
                let page = tailrace_app::take_rows(app, request).await?;
                let next = page.first + page.rows.len() as u64;
                (page.rows.iter().map(in_table).collect(), next)
            }
            Some(format) => {
                let TailLines { lines, next } =
                    tailrace_app::take_lines(app, request, &sink.topic, format).await?;
                (lines, next)
            }
        };
        if lines.is_empty() {
            return Ok(at);
        }
        at = next;
        sink.write(&lines)?;
    }
}

fn ending(status: &TailStatus) -> String {
    let mut text = format!(
        "scanned {} records ({} bytes), matched {}",
        count(status.scanned),
        count(status.scanned_bytes),
        count(status.matched)
    );
    if status.evicted > 0 {
        text.push_str(&format!(", {} left the buffer", count(status.evicted)));
    }
    if status.mistyped > 0 {
        text.push_str(&format!(
            ", {} values were not of their field's type",
            count(status.mistyped)
        ));
    }
    if status.undecoded > 0 {
        text.push_str(&format!(", {} not decoded", count(status.undecoded)));
        if let Some(first) = &status.undecoded_first {
            text.push_str(&format!(" (the first: {first})"));
        }
    }
    text.push_str(&format!("; {}", status.note.as_deref().unwrap_or("stopped")));
    text
}

pub fn misuse(message: String) -> Error {
    Error::user("misuse", message)
}

pub fn moment(text: &str) -> Result<i64, Error> {
    text.parse::<i64>().ok().or_else(|| DateTime::parse_from_rfc3339(text).ok().map(|at| at.timestamp_millis())).ok_or_else(
        || misuse(format!("\"{text}\" is not a time: write milliseconds since 1970 or RFC 3339 such as 2026-01-31T12:00:00Z")),
    )
}

/// kcat's notation; `s@` and `e@` together make a range.
pub fn offsets(texts: &[String]) -> Result<(TailStart, Option<i64>), Error> {
    let (mut start, mut until) = (None, None);
    for text in texts {
        let read = match text.as_str() {
            "beginning" => TailStart::Beginning,
            "end" => TailStart::End,
            _ if text.starts_with("e@") => {
                until = Some(moment(&text[2..])?);
                continue;
            }
            _ if text.starts_with("s@") => TailStart::Timestamp(moment(&text[2..])?),
            _ => match text.parse::<i64>() {
                Ok(last) if last < 0 => TailStart::Last(-last),
                Ok(offset) => TailStart::Offset(offset),
                Err(_) => {
                    return Err(misuse(format!(
                        "\"{text}\" is no offset: write beginning, end, a number, -N for the last N, s@TIME or e@TIME"
                    )));
                }
            },
        };
        start = Some(read);
    }
    let fallback = if until.is_some() {
        TailStart::Beginning
    } else {
        TailStart::End
    };
    Ok((start.unwrap_or(fallback), until))
}

/// Where records go.
struct Sink {
    out: Box<dyn Write + Send>,
    /// Absent: a table.
    lines: Option<LineFormat>,
    topic: String,
    /// What stands above the first.
    header: Option<String>,
}

/// What stands for a value that is not there; one that says `null` is JSON.
const TOMBSTONE: &str = "null (tombstone)";

/// A record on a line that is for the eye: what is long is cut.
fn in_table(row: &RecordRow) -> String {
    let at = row.timestamp_ms.map(time).unwrap_or_default();
    format!(
        "{:>3} {:>12}  {at:<24}  {:<24}  {}",
        row.partition,
        row.offset,
        row.key.as_deref().unwrap_or_default(),
        row.value.as_deref().unwrap_or(TOMBSTONE)
    )
}

impl Sink {
    /// Standard output, or the file that is named.
    fn place(args: &Tail, format: Format) -> anyhow::Result<Box<dyn Write + Send>> {
        if matches!(format, Format::Parquet | Format::Arrow) {
            return Err(misuse("Parquet and Arrow are written to a file: add --out FILE".to_owned()).into());
        }
        Ok(match &args.out {
            None => Box::new(Pipe),
            Some(path) => Box::new(std::io::BufWriter::new(std::fs::File::create(path).map_err(
                |error| {
                    Error::user(
                        "file_write",
                        format!("{} can't be written: {error}", path.display()),
                    )
                },
            )?)),
        })
    }

    fn open(args: &Tail, format: Format) -> anyhow::Result<Self> {
        let (lines, header) = match format {
            Format::Table => {
                let titles = ("P", "offset", "time", "key");
                let header = format!(
                    "{:>3} {:>12}  {:<24}  {:<24}  value",
                    titles.0, titles.1, titles.2, titles.3
                );
                (None, Some(header))
            }
            Format::Csv => (Some(LineFormat::Csv), Some(CSV_HEADER.to_owned())),
            Format::Kcat => (Some(LineFormat::Kcat), None),
            _ => (Some(LineFormat::Json), None),
        };
        Ok(Self {
            out: Self::place(args, format)?,
            lines,
            topic: args.topic.clone(),
            header,
        })
    }

    fn write(&mut self, lines: &[String]) -> anyhow::Result<()> {
        if let Some(header) = self.header.take() {
            self.line(&header)?;
        }
        lines.iter().try_for_each(|line| self.line(line))?;
        self.out.flush().or_else(closed)?;
        Ok(())
    }

    fn line(&mut self, text: &str) -> anyhow::Result<()> {
        writeln!(self.out, "{text}").or_else(closed)?;
        Ok(())
    }

    fn finish(mut self) -> anyhow::Result<()> {
        Ok(self.out.flush()?)
    }
}

/// A reader that has gone away ends the output, not with an error.
pub fn closed(error: std::io::Error) -> std::io::Result<()> {
    if error.kind() == std::io::ErrorKind::BrokenPipe {
        std::process::exit(0);
    }
    Err(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tombstone_is_told_from_an_empty_value_and_from_null() {
        let row = |value: Option<&str>| RecordRow {
            partition: 0,
            offset: 7,
            timestamp_ms: None,
            key: Some("k".to_owned()),
            value: value.map(str::to_owned),
            value_bytes: 0,
            fields: Vec::new(),
            problem: None,
        };
        let shown = |value| {
            let line = in_table(&row(value));
            line.split_once(" k ")
                .map(|(_, rest)| rest.trim().to_owned())
                .unwrap_or(line)
        };
        assert_eq!(shown(None), "null (tombstone)");
        assert_eq!(shown(Some("")), "");
        assert_eq!(shown(Some("null")), "null");
    }

    #[test]
    fn offsets_are_kcats() {
        let check = |texts: &[&str], expected: Option<(TailStart, Option<i64>)>| {
            let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
            assert_eq!(offsets(&texts).ok(), expected, "{texts:?}");
        };
        check(&["beginning"], Some((TailStart::Beginning, None)));
        check(&["end"], Some((TailStart::End, None)));
        check(&["42"], Some((TailStart::Offset(42), None)));
        check(&["-5"], Some((TailStart::Last(5), None)));
        check(&["s@1000"], Some((TailStart::Timestamp(1_000), None)));
        check(
            &["s@1970-01-01T00:00:01Z", "e@2000"],
            Some((TailStart::Timestamp(1_000), Some(2_000))),
        );
        check(&["e@2000"], Some((TailStart::Beginning, Some(2_000))));
        check(&["yesterday"], None);
        check(&["s@noon"], None);
    }
}
