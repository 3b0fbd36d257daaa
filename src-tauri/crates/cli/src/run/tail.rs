//! `tailrace tail`: records to the terminal or a file. Ends by saying what it scanned and why it stopped.

use std::{io::Write, time::Duration};

use chrono::DateTime;
use tailrace_app::{App, commands as run};
use tailrace_model::{Error, FormatDefinition, TopicFormats, api::*, limits::ROWS_PAGE_MAX};

use super::{columns::Columns, export, sql::Pipe};
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
    }
}

pub async fn tail(app: &App, args: Tail, output: &Output) -> anyhow::Result<Outcome> {
    let (start, until_ms) = offsets(&args.offset)?;
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
        Some(_) => Place::Columns(Columns::new(Sink::place(&args, format)?, format)?),
        None => Place::Records(Sink::open(&args, format)?),
    };
    let view = tokio::select! {
        started = tailrace_app::tail_all(app, request) => started?.view,
        () = tailrace_app::stop_signal() => return Ok(Outcome::Partly),
    };
    let mut changes = app.follow(&Topic::View(view)).await?;
    let (mut printed, mut said) = (0, None);
    let follow = async {
        loop {
            let status = run::tail_status(app, ViewRequest { view }).await?;
            // What it waits for is told while it waits.
            if status.state == TailState::Starting && status.note.is_some() && status.note != said {
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
        // A table is for the eye: a line each.
        let whole = sink.format != Format::Table;
        let page = tailrace_app::take_rows(app, request, whole).await?;
        if page.rows.is_empty() {
            return Ok(at);
        }
        at = page.first + page.rows.len() as u64;
        sink.write(&page)?;
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
    format: Format,
    topic: String,
    header: bool,
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
        Ok(Self {
            out: Self::place(args, format)?,
            format,
            topic: args.topic.clone(),
            header: false,
        })
    }

    fn write(&mut self, page: &TailRows) -> anyhow::Result<()> {
        if !self.header {
            self.header = true;
            let header = match self.format {
                Format::Table => Some(format!(
                    "{:>3} {:>12}  {:<24}  {:<24}  value",
                    "P", "offset", "time", "key"
                )),
                Format::Csv => Some("partition,offset,timestamp,key,value".to_owned()),
                _ => None,
            };
            if let Some(header) = header {
                self.line(&header)?;
            }
        }
        for row in &page.rows {
            let line = self.render(row);
            self.line(&line)?;
        }
        self.out.flush().or_else(closed)?;
        Ok(())
    }

    fn line(&mut self, text: &str) -> anyhow::Result<()> {
        writeln!(self.out, "{text}").or_else(closed)?;
        Ok(())
    }

    fn render(&self, row: &RecordRow) -> String {
        let at = row.timestamp_ms.map(time).unwrap_or_default();
        let key = row.key.clone().unwrap_or_default();
        let value = row.value.clone().unwrap_or_default();
        match self.format {
            Format::Table => format!(
                "{:>3} {:>12}  {at:<24}  {key:<24}  {value}",
                row.partition, row.offset
            ),
            Format::Csv => {
                let quote = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
                format!(
                    "{},{},{at},{},{}",
                    row.partition,
                    row.offset,
                    quote(&key),
                    quote(&value)
                )
            }
            Format::Kcat => serde_json::json!({
                "topic": self.topic, "partition": row.partition, "offset": row.offset, "tstype": "create",
                "ts": row.timestamp_ms, "key": row.key, "payload": row.value,
            })
            .to_string(),
            _ => {
                let value = row.value.as_deref().map(|text| {
                    serde_json::from_str::<serde_json::Value>(text).unwrap_or_else(|_| text.into())
                });
                serde_json::json!({
                    "partition": row.partition, "offset": row.offset, "timestamp": row.timestamp_ms.map(time),
                    "key": row.key, "value": value, "problem": row.problem,
                })
                .to_string()
            }
        }
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
