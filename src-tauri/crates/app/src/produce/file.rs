//! The records of a file, read twice: once to see that all of them can be written, once to write them.

use std::{path::PathBuf, sync::Arc};

use tailrace_connectors::clusters::kafka::{Fate, OutRecord, Writer};
use tailrace_model::{
    Error, Result,
    api::{LineFailure, ProduceFileRequest, ProduceFormat, ProduceOutcome},
};

use super::{
    Encoders,
    lines::{Records, format_of},
};
use crate::{
    clusters::refuse_read_only,
    core::jobs::{self, Job},
    open::OpenWorkspace,
};

/// Records that are under way at once.
const BATCH_RECORDS_MAX: usize = 10_000;
/// Bytes of them; one record may be larger.
const BATCH_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Lines that a refusal names.
const REFUSED_NAMED_MAX: usize = 5;
/// Failures that an outcome names.
const FAILURES_MAX: usize = 100;
/// Records between two looks at whether to stop, while they are only read.
const LOOK_EVERY: u64 = 1_000;

struct Source {
    path: PathBuf,
    format: ProduceFormat,
    partition: Option<i32>,
    encoders: Encoders,
}

impl Source {
    fn records(&self) -> Result<Records<'_>> {
        Records::open(&self.path, self.format, self.partition, &self.encoders)
    }
}

/// Writes the records of a file; see the module's text.
pub async fn file(open: &Arc<OpenWorkspace>, request: ProduceFileRequest) -> Result<ProduceOutcome> {
    refuse_read_only(open, &request.cluster, "nothing was written")?;
    let cluster = open.cluster(&request.cluster).await?;
    let writer = cluster.client.writer(&request.topic).await?;
    if let Some(partition) = request.partition {
        writer.check_partition(partition)?;
    }
    let (key, value) = (request.key_schema.as_ref(), request.value_schema.as_ref());
    let path = PathBuf::from(&request.path);
    let source = Source {
        format: request.format.unwrap_or_else(|| format_of(&path)),
        partition: request.partition,
        encoders: Encoders::new(open, &cluster, key, value).await?,
        path,
    };
    let title = format!("Produce to {} / {}", request.cluster, request.topic);
    let incomplete = |outcome: &ProduceOutcome| {
        let missing = outcome.records - outcome.acknowledged;
        let note = outcome.note.clone().unwrap_or_default();
        (missing > 0).then(|| Error::external("not_written", note))
    };
    jobs::run(open, "produce", title, incomplete, move |job| {
        let records = check(job, &source, &writer)?;
        send(job, &source, &writer, records)
    })
    .await
}

/// Reads every record and refuses the file when one can't be written. Returns how many there are.
fn check(job: &Job, source: &Source, writer: &Writer) -> Result<u64> {
    job.detail("checking every record");
    let mut records = source.records()?;
    let (mut count, mut wrong, mut named) = (0, 0, Vec::new());
    while let Some((line, record)) = records.next()? {
        count += 1;
        let fits = record.and_then(|record| match record.partition {
            Some(partition) => writer.check_partition(partition).map_err(|error| error.message),
            None => Ok(()),
        });
        if let Err(why) = fits {
            wrong += 1;
            if named.len() < REFUSED_NAMED_MAX {
                named.push(format!("line {line}: {why}"));
            }
        }
        if count % LOOK_EVERY == 0 && job.token.is_cancelled() {
            return Err(Error::user(
                "cancelled",
                "it was stopped before anything was written",
            ));
        }
    }
    if wrong == 0 {
        return Ok(count);
    }
    let more = match wrong - named.len() as u64 {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    Err(Error::user(
        "records_refused",
        format!(
            "nothing was written: {wrong} of {count} records of {} can't be. {}{more}",
            source.path.display(),
            named.join("; ")
        ),
    ))
}

fn send(job: &Job, source: &Source, writer: &Writer, total: u64) -> Result<ProduceOutcome> {
    job.detail("");
    let mut records = source.records()?;
    let mut outcome = ProduceOutcome {
        records: total,
        acknowledged: 0,
        failed: 0,
        uncertain: 0,
        failures: Vec::new(),
        took_ms: 0,
        note: None,
    };
    loop {
        let (lines, batch) = next_batch(&mut records)?;
        if batch.is_empty() || job.token.is_cancelled() {
            break;
        }
        let fates = job.wait(writer.write(batch, &job.token))?;
        tally(&mut outcome, &lines, fates);
        job.progress(outcome.acknowledged, Some(total));
        // What failed once fails on: the rest is not tried.
        if outcome.failed + outcome.uncertain > 0 {
            break;
        }
    }
    outcome.took_ms = job.took_ms();
    let unsent = total.saturating_sub(outcome.acknowledged + outcome.failed + outcome.uncertain);
    let stopped = job.token.is_cancelled();
    outcome.failed += unsent;
    if outcome.acknowledged < total {
        let why = match outcome.failures.first() {
            Some(failure) if !stopped => format!("line {}: {}", failure.line, failure.reason),
            _ => "it was stopped".to_owned(),
        };
        outcome.note = Some(format!(
            "{} of {total} records were acknowledged; {} were not written, {} may be: {why}",
            outcome.acknowledged, outcome.failed, outcome.uncertain
        ));
    }
    Ok(outcome)
}

fn next_batch(records: &mut Records<'_>) -> Result<(Vec<u64>, Vec<OutRecord>)> {
    let (mut lines, mut batch, mut bytes) = (Vec::new(), Vec::new(), 0);
    while batch.len() < BATCH_RECORDS_MAX && bytes < BATCH_BYTES_MAX {
        let Some((line, record)) = records.next()? else {
            break;
        };
        // Every line was right a moment ago: the file is being changed.
        let record = record.map_err(|why| {
            Error::user(
                "file_changed",
                format!("line {line} was changed while the file was read: {why}"),
            )
        })?;
        bytes += record.key.as_ref().map_or(0, Vec::len) + record.value.as_ref().map_or(0, Vec::len);
        lines.push(line);
        batch.push(record);
    }
    Ok((lines, batch))
}

fn tally(outcome: &mut ProduceOutcome, lines: &[u64], fates: Vec<Fate>) {
    for (line, fate) in lines.iter().zip(fates) {
        let error = match fate {
            Fate::Written { .. } => {
                outcome.acknowledged += 1;
                continue;
            }
            Fate::Refused(error) => {
                outcome.failed += 1;
                error
            }
            Fate::Uncertain(error) => {
                outcome.uncertain += 1;
                error
            }
        };
        if outcome.failures.len() < FAILURES_MAX {
            outcome.failures.push(LineFailure {
                line: *line,
                reason: error.message,
            });
        }
    }
}
