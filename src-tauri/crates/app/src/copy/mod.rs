//! Copying records of one topic to another, byte for byte.
//!
//! Invariants: keys, values and headers are never decoded on their way; `positions` are such that everything before them is
//! in the target, whatever happened; a copy that was interrupted, however that was, says so when it is asked for again.

mod progress;
mod records;

use std::{collections::BTreeMap, sync::Arc};

use arrow::array::RecordBatch;
use progress::Journal;
use tailrace_connectors::clusters::kafka::{Fate, OutRecord, RawBatch, Tail, TailFrom, TailSpec, Writer};
use tailrace_model::{
    Error, Result, TopicFormats,
    api::{CopyOutcome, CopyPosition, CopyRequest, Interrupted},
};

use crate::{
    clusters::{Cluster, refuse_read_only},
    core::{
        jobs::{self, Job},
        now_ms,
    },
    masks::Masks,
    open::OpenWorkspace,
    records::TopicView,
    tails::{Filter, kept},
};

/// `0:120,1:98`: positions as the command line takes them.
fn written(positions: &[CopyPosition]) -> String {
    let each = positions
        .iter()
        .map(|it| format!("{}:{}", it.partition, it.offset));
    each.collect::<Vec<_>>().join(",")
}

/// See the module's text. It ends when it is told to stop, or at the end that was asked for.
pub async fn copy(open: &Arc<OpenWorkspace>, mut request: CopyRequest) -> Result<CopyOutcome> {
    let to_topic = request.to_topic.clone().unwrap_or_else(|| request.topic.clone());
    refuse_read_only(open, &request.to_cluster, "nothing was copied")?;
    let filter = request
        .filter
        .as_deref()
        .map(str::trim)
        .filter(|text| !text.is_empty());
    let filter = filter.map(|text| Filter::parse(text, now_ms())).transpose()?;
    let filtered = filter.is_some();
    let from = open.cluster(&request.from_cluster).await?;
    let to = open.cluster(&request.to_cluster).await?;
    refuse_itself(&from, &to, &request, &to_topic, filtered).await?;
    let picker = match filter {
        None => None,
        Some(filter) => Some(Picker {
            filter,
            view: TopicView::new(open, &from, &request.topic, &TopicFormats::default())?,
            masks: open.masks(&request.from_cluster, &request.topic),
        }),
    };
    let writer = to.client.writer(&to_topic).await?;
    if request.keep_partition {
        let have = from.client.topic(&request.topic).await?.partitions;
        if let Some(last) = have.iter().map(|it| it.partition).max() {
            writer
                .check_partition(last)
                .map_err(|error| error.context("the partitions can't be kept, the target has fewer"))?;
        }
    }
    let journal = Journal::of(open, &request, &to_topic);
    request.offsets = from_where(&journal, &request)?;
    let mut spec = TailSpec::new(&request.topic, TailFrom::Start(request.start));
    spec.stop_at_end = request.stop_at_end;
    spec.until_ms = request.until_ms;
    if !request.offsets.is_empty() {
        let offsets = request.offsets.iter().map(|it| (it.partition, it.offset));
        spec.from = TailFrom::Offsets(offsets.collect());
    }
    let title = format!(
        "Copy {} / {} to {} / {to_topic}",
        request.from_cluster, request.topic, request.to_cluster
    );
    let failed = |outcome: &CopyOutcome| outcome.error.clone();
    jobs::run(open, "copy", title, failed, move |job| {
        let tail = job.wait(Tail::start(&from.client, spec, now_ms(), job.token.clone()))?;
        let mut copy = Copy {
            job,
            writer,
            request,
            picker,
            journal,
            outcome: CopyOutcome {
                scanned: 0,
                matched: 0,
                copied: 0,
                failed: 0,
                uncertain: 0,
                positions: Vec::new(),
                again: 0,
                lost: 0,
                took_ms: 0,
                complete: false,
                note: String::new(),
                error: None,
            },
        };
        copy.run(tail)?;
        Ok(copy.outcome)
    })
    .await
}

/// A topic copied into itself grows without an end.
async fn refuse_itself(
    from: &Cluster,
    to: &Cluster,
    request: &CopyRequest,
    to_topic: &str,
    filtered: bool,
) -> Result<()> {
    if request.topic != to_topic {
        return Ok(());
    }
    let same = from.name == to.name || from.id().await? == to.id().await?;
    if !same {
        return Ok(());
    }
    if !filtered {
        return Err(Error::user(
            "copy_to_itself",
            format!(
                "source and target are the same topic \"{to_topic}\": name another topic, or a filter with --where"
            ),
        ));
    }
    if !request.stop_at_end && request.until_ms.is_none() {
        return Err(Error::user(
            "copy_to_itself",
            format!(
                "source and target are the same topic \"{to_topic}\": the copy would read what it writes. Stop at the end with --exit, or at a time with --until"
            ),
        ));
    }
    Ok(())
}

/// Where partitions start: what was asked for, or where the same copy was interrupted.
fn from_where(journal: &Journal, request: &CopyRequest) -> Result<Vec<CopyPosition>> {
    let Some(before) = journal.read() else {
        if request.interrupted == Interrupted::GoOn {
            return Err(Error::user(
                "nothing_interrupted",
                "no copy like this one was interrupted, so there is nothing to resume: leave --resume out to copy from the beginning",
            ));
        }
        return Ok(request.offsets.clone());
    };
    match request.interrupted {
        Interrupted::Anew => Ok(request.offsets.clone()),
        Interrupted::GoOn => Ok(before.positions),
        // Where to start was said for each partition: that is an answer too.
        Interrupted::Ask if !request.offsets.is_empty() => Ok(request.offsets.clone()),
        Interrupted::Ask => Err(Error::user(
            "copy_interrupted",
            format!(
                "this copy was interrupted after {} records; every record before {} is copied. Go on from there with --resume, or begin anew with --anew",
                before.copied,
                written(&before.positions)
            ),
        )),
    }
}

/// Finds the records that the filter keeps, as they are read; those that are copied stay as they are.
struct Picker {
    filter: Filter,
    view: TopicView,
    /// What is hidden can't be found out by asking for it.
    masks: Option<Masks>,
}

impl Picker {
    async fn pick(&mut self, raw: &RecordBatch) -> Result<RecordBatch> {
        let viewed = self.view.view(raw, now_ms()).await?;
        let seen = match &self.masks {
            Some(masks) => masks.batch(&viewed.records)?,
            None => viewed.records,
        };
        let (mask, _) = self.filter.mask(&seen, self.view.values_are_text())?;
        kept(raw, &mask)
    }
}

struct Copy<'j> {
    job: &'j Job,
    writer: Writer,
    request: CopyRequest,
    picker: Option<Picker>,
    journal: Journal,
    outcome: CopyOutcome,
}

impl Copy<'_> {
    fn run(&mut self, mut tail: Tail) -> Result<()> {
        let planned = tail.progress().partitions;
        self.outcome.positions = planned
            .iter()
            .map(|it| CopyPosition {
                partition: it.partition,
                offset: it.from,
            })
            .collect();
        let total = self.request.stop_at_end.then(|| {
            planned
                .iter()
                .map(|it| (it.end - it.from).max(0))
                .sum::<i64>()
                .unsigned_abs()
        });
        self.journal.write(&self.outcome)?;
        let ended = loop {
            match self.job.wait(tail.next()) {
                Ok(Some(batch)) => match self.batch(batch) {
                    Ok(true) => self.job.progress(self.outcome.scanned, total),
                    Ok(false) => break None,
                    Err(error) => break Some(error),
                },
                Ok(None) => break None,
                Err(error) => break Some(error),
            }
            // A batch that was read is copied before it stops.
            if self.job.token.is_cancelled() {
                break None;
            }
        };
        self.outcome.lost = tail.progress().lost.max(0).unsigned_abs();
        self.end(ended)
    }

    /// Copies a batch. False when not all of it was written.
    fn batch(&mut self, batch: RawBatch) -> Result<bool> {
        self.outcome.scanned += batch.records.num_rows() as u64;
        let matched = match &mut self.picker {
            Some(picker) => self.job.wait(picker.pick(&batch.records))?,
            None => batch.records,
        };
        let rows = records::read(
            &matched,
            self.request.keep_partition,
            self.request.keep_timestamps,
        )?;
        let (places, records): (Vec<(i32, i64)>, Vec<OutRecord>) = rows.into_iter().unzip();
        self.outcome.matched += records.len() as u64;
        let fates = self.job.wait(self.writer.write(records, &self.job.token))?;
        let mut firsts: BTreeMap<i32, i64> = BTreeMap::new();
        let mut why = None;
        for ((partition, offset), fate) in places.iter().zip(&fates) {
            let error = match fate {
                Fate::Written { .. } => continue,
                Fate::Refused(error) => {
                    self.outcome.failed += 1;
                    error
                }
                Fate::Uncertain(error) => {
                    self.outcome.uncertain += 1;
                    error
                }
            };
            firsts.entry(*partition).or_insert(*offset);
            why.get_or_insert_with(|| {
                error.clone().context(format_args!(
                    "the record at partition {partition} offset {offset} was not copied"
                ))
            });
        }
        for (place, fate) in places.iter().zip(&fates) {
            if matches!(fate, Fate::Written { .. }) {
                self.outcome.copied += 1;
                let after = firsts.get(&place.0).is_some_and(|first| place.1 > *first);
                self.outcome.again += u64::from(after);
            }
        }
        self.outcome.positions = batch
            .positions
            .iter()
            .map(|(partition, next)| CopyPosition {
                partition: *partition,
                offset: firsts.get(partition).copied().unwrap_or(*next),
            })
            .collect();
        self.journal.write(&self.outcome)?;
        match why {
            None => Ok(true),
            Some(_) if self.job.token.is_cancelled() => Ok(false),
            Some(error) => Err(error),
        }
    }

    fn end(&mut self, error: Option<Error>) -> Result<()> {
        let outcome = &mut self.outcome;
        outcome.took_ms = self.job.took_ms();
        let stopped = self.job.token.is_cancelled();
        outcome.complete = error.is_none() && !stopped;
        outcome.note = match (&error, stopped) {
            (None, false) => "reached the end that was asked for".to_owned(),
            (Some(error), _) => error.message.clone(),
            (None, true) => "it was stopped".to_owned(),
        };
        outcome.error = error;
        if outcome.complete {
            self.journal.remove();
            return Ok(());
        }
        outcome.note.push_str(&format!(
            "; every record before {} is copied: go on from there with --resume, or -o {}",
            written(&outcome.positions),
            written(&outcome.positions)
        ));
        if outcome.again > 0 {
            outcome.note.push_str(&format!(
                "; {} records after that are copied already, and would be copied again",
                outcome.again
            ));
        }
        self.journal.write(&self.outcome)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_written_as_they_are_read() {
        let at = |partition, offset| CopyPosition { partition, offset };
        assert_eq!(written(&[at(0, 12), at(3, 0)]), "0:12,3:0");
        assert_eq!(written(&[]), "");
    }
}
