//! `tailrace produce` and `tailrace copy`.

use std::path::Path;

use tailrace_app::{App, commands as run};
use tailrace_model::{Error, api::*};

use super::{
    progress::follow,
    tail::{misuse, moment, offsets},
};
use crate::{
    Outcome,
    args::{Copy, FileFormat, Produce},
    output::{Output, count, duration},
};

pub async fn produce(app: &App, args: Produce, output: &Output) -> anyhow::Result<Outcome> {
    let key_schema = args
        .key_schema
        .as_deref()
        .map(|text| schema(text, None))
        .transpose()?;
    let message = args.message.clone();
    let value_schema = args
        .schema
        .as_deref()
        .map(|text| schema(text, message))
        .transpose()?;
    if args.value.is_none() && !args.tombstone {
        return file(app, args, key_schema, value_schema, output).await;
    }
    let headers = args.headers.iter().map(|text| header(text));
    let request = ProduceRequest {
        cluster: args.cluster,
        topic: args.topic,
        key: args.key,
        value: args.value,
        headers: headers.collect::<Result<_, _>>()?,
        partition: args.partition,
        timestamp_ms: args.timestamp.as_deref().map(moment).transpose()?,
        key_schema,
        value_schema,
    };
    let produced = run::record_produce(app, request).await?;
    match output.json {
        true => output.object(&produced)?,
        false => output.line(&format!(
            "partition {} offset {}",
            produced.partition, produced.offset
        ))?,
    }
    Ok(Outcome::Done)
}

/// `orders-value@3`.
fn schema(text: &str, message: Option<String>) -> Result<ProduceSchema, Error> {
    let (subject, version) = match text.rsplit_once('@') {
        Some((subject, version)) => {
            let read = version.parse().map_err(|_| {
                misuse(format!(
                    "\"{text}\" has no version after its @: write SUBJECT or SUBJECT@3"
                ))
            });
            (subject, Some(read?))
        }
        None => (text, None),
    };
    Ok(ProduceSchema {
        subject: subject.to_owned(),
        version,
        message,
    })
}

fn header(text: &str) -> Result<RecordHeader, Error> {
    let (name, value) = text
        .split_once('=')
        .ok_or_else(|| misuse(format!("\"{text}\" is no header: write NAME=VALUE")))?;
    Ok(RecordHeader {
        name: name.to_owned(),
        value: Some(value.to_owned()),
    })
}

/// Every record of a file; standard input is kept in a file first, because it is read twice.
async fn file(
    app: &App,
    args: Produce,
    key_schema: Option<ProduceSchema>,
    value_schema: Option<ProduceSchema>,
    output: &Output,
) -> anyhow::Result<Outcome> {
    if args.key.is_some() || !args.headers.is_empty() || args.timestamp.is_some() {
        let sentence = "a key, headers and a timestamp are of one record: give its --value, or --tombstone";
        return Err(misuse(sentence.to_owned()).into());
    }
    let named = args.file.as_deref().filter(|path| *path != Path::new("-"));
    let spooled = match named {
        Some(_) => None,
        None => {
            let mut file = tempfile::NamedTempFile::new()?;
            std::io::copy(&mut std::io::stdin().lock(), &mut file)?;
            Some(file)
        }
    };
    let path = match (&spooled, named) {
        (Some(file), _) => file.path(),
        (None, path) => path.unwrap_or(Path::new("-")),
    };
    let format = args.format.map(|format| match format {
        FileFormat::Jsonl => ProduceFormat::JsonLines,
        FileFormat::Values => ProduceFormat::Values,
        FileFormat::Csv => ProduceFormat::Csv,
    });
    let request = ProduceFileRequest {
        cluster: args.cluster,
        topic: args.topic,
        path: path.to_string_lossy().into_owned(),
        format,
        partition: args.partition,
        key_schema,
        value_schema,
    };
    let outcome = follow(app, "produce", run::file_produce(app, request)).await?;
    if output.json {
        output.object(&outcome)?;
    } else {
        output.line(&format!(
            "{} of {} records acknowledged in {}",
            count(outcome.acknowledged),
            count(outcome.records),
            duration(Some(outcome.took_ms))
        ))?;
        for failure in &outcome.failures {
            output.note(&format!("line {}: {}", failure.line, failure.reason));
        }
    }
    if let Some(note) = &outcome.note {
        output.note(&format!("tailrace: {note}"));
    }
    // Most often the command before the pipe has failed.
    if outcome.records == 0 {
        let from = named.map_or_else(|| "standard input".to_owned(), |path| path.display().to_string());
        output.note(&format!("tailrace: {from} holds no record: nothing was produced"));
        return Ok(Outcome::Failed);
    }
    Ok(ended(
        outcome.acknowledged,
        outcome.acknowledged == outcome.records,
    ))
}

fn ended(done: u64, all: bool) -> Outcome {
    match (all, done) {
        (true, _) => Outcome::Done,
        (false, 0) => Outcome::Failed,
        (false, _) => Outcome::Partly,
    }
}

pub async fn copy(app: &App, args: Copy, output: &Output) -> anyhow::Result<Outcome> {
    let (start, positions) = match positions(&args.offset)? {
        Some(positions) => (TailStart::Beginning, positions),
        None => (offsets(std::slice::from_ref(&args.offset))?.0, Vec::new()),
    };
    let request = CopyRequest {
        from_cluster: args.from_cluster,
        topic: args.topic,
        to_cluster: args.to_cluster,
        to_topic: args.to_topic,
        filter: args.filter,
        start,
        offsets: positions,
        until_ms: args.until.as_deref().map(moment).transpose()?,
        stop_at_end: args.exit,
        keep_partition: args.keep_partition,
        keep_timestamps: args.keep_timestamps,
        interrupted: match (args.resume, args.anew) {
            (true, _) => Interrupted::GoOn,
            (_, true) => Interrupted::Anew,
            _ => Interrupted::Ask,
        },
    };
    let outcome = follow(app, "copy", run::topic_copy(app, request)).await?;
    match output.json {
        true => output.object(&outcome)?,
        false => output.line(&format!(
            "scanned {} records, matched {}, copied {} in {}",
            count(outcome.scanned),
            count(outcome.matched),
            count(outcome.copied),
            duration(Some(outcome.took_ms))
        ))?,
    }
    let mut note = outcome.note.clone();
    if outcome.failed + outcome.uncertain > 0 {
        note.push_str(&format!(
            "; {} records were not copied, {} may be",
            count(outcome.failed),
            count(outcome.uncertain)
        ));
    }
    if outcome.lost > 0 {
        note.push_str(&format!(
            "; {} records were deleted from the source before they could be read",
            count(outcome.lost)
        ));
    }
    output.note(&format!("tailrace: {note}"));
    Ok(ended(outcome.copied, outcome.complete && outcome.lost == 0))
}

/// `0:120,1:98`; `None` when it is another notation.
fn positions(text: &str) -> Result<Option<Vec<CopyPosition>>, Error> {
    if !text.contains(':') || text.contains('@') {
        return Ok(None);
    }
    let each = text.split(',').map(|part| {
        let (partition, offset) = part.split_once(':')?;
        Some(CopyPosition {
            partition: partition.trim().parse().ok()?,
            offset: offset.trim().parse().ok()?,
        })
    });
    let read: Option<Vec<CopyPosition>> = each.collect();
    read.map(Some)
        .ok_or_else(|| misuse(format!("\"{text}\" names no offsets: write PARTITION:OFFSET,...")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_by_partition() {
        let check = |text: &str, expected: Option<Option<usize>>| {
            let found = positions(text).ok().map(|found| found.map(|found| found.len()));
            assert_eq!(found, expected, "{text}");
        };
        check("0:12, 1:40", Some(Some(2)));
        check("beginning", Some(None));
        check("s@2026-01-31T12:00:00Z", Some(None));
        check("0:12,1", None);
        check("a:1", None);
    }

    #[test]
    fn schemas_by_subject_and_version() {
        let check = |text: &str, subject: &str, version: Option<i32>| {
            let found = schema(text, None).unwrap();
            assert_eq!((found.subject.as_str(), found.version), (subject, version));
        };
        check("orders-value", "orders-value", None);
        check("orders-value@3", "orders-value", Some(3));
        assert!(schema("orders@x", None).is_err());
    }
}
