//! What becomes of the records of a tail: read in their formats, masked, filtered, merged by time, kept.

use std::{
    sync::PoisonError,
    time::{Duration, Instant},
};

use arrow::{
    array::{AsArray, RecordBatch},
    compute::filter,
    datatypes::{Int32Type, Int64Type},
};
use tailrace_connectors::{
    clusters::kafka::{RawBatch, Tail},
    formats::Viewed,
};
use tailrace_model::{Error, Result};
use tokio::sync::watch;

use super::{
    Ending, Filter, Order, TailView,
    buffer::Counted,
    kept,
    merge::{Merge, MergeLimits},
};
use crate::{
    core::{ActivityHandle, now_ms},
    masks::Masks,
    records::TopicView,
};

/// How often a tail that nothing comes from looks around.
const LOOK_AROUND: Duration = Duration::from_millis(500);

/// How the records of a tail are read.
pub struct Reading {
    pub formats: TopicView,
    pub values_are_text: bool,
    pub filter: Option<Filter>,
    pub masks: Option<Masks>,
    pub limit: Option<u64>,
    /// It reads up to an end that is there already.
    pub ends: bool,
}

/// What comes next.
enum Next {
    Batch(RawBatch),
    /// Nothing for a while.
    Nothing,
    /// Something else changed: look again.
    Again,
    End(Ending),
}

fn ending(note: &str) -> Ending {
    Ending {
        note: note.to_owned(),
        error: None,
    }
}

fn failed(error: Error) -> Ending {
    Ending {
        note: error.message.clone(),
        error: Some(error),
    }
}

/// Until the tail has ended, failed or is stopped.
pub async fn run(
    view: &TailView,
    tail: Tail,
    reading: Reading,
    activity: &ActivityHandle,
    publish: impl Fn(u64),
) {
    let mut run = Run {
        view,
        merge: Merge::new(reading.ends, MergeLimits::default()),
        reading,
        tail,
        paused: view.paused.subscribe(),
        taken: view.taken.subscribe(),
        started: Instant::now(),
    };
    let mut last_note = None;
    let mut ending = loop {
        let stepped = match run.next().await {
            Next::Again => continue,
            Next::End(ending) => break ending,
            Next::Batch(batch) => run.keep(batch).await,
            Next::Nothing => run.release(Counted::default()).await,
        };
        let progress = run.tail.progress();
        activity.progress(progress.scanned, None, None);
        // A tail that waits for its broker says so.
        match stepped {
            Ok(Stepped::Limit) => break run.limit_reached(),
            Ok(Stepped::Nothing) if progress.note == last_note => {}
            Ok(_) => publish(view.matched()),
            Err(error) => break failed(error),
        }
        last_note = progress.note;
    };
    match run.rest().await {
        Ok(true) if ending.error.is_none() => ending = run.limit_reached(),
        Ok(_) => {}
        Err(error) => ending = failed(error),
    }
    view.ended.send_replace(Some(ending));
    publish(view.matched());
}

/// What a step has brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stepped {
    Nothing,
    Something,
    /// As many as were asked for.
    Limit,
}

struct Run<'v> {
    view: &'v TailView,
    tail: Tail,
    reading: Reading,
    merge: Merge,
    paused: watch::Receiver<bool>,
    taken: watch::Receiver<()>,
    started: Instant,
}

impl Run<'_> {
    fn at_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    async fn next(&mut self) -> Next {
        let view = self.view;
        tokio::select! {
            biased;
            () = view.token.cancelled() => return Next::End(ending("stopped")),
            waited = self.paused.wait_for(|paused| !paused) => if waited.is_err() {
                return Next::End(ending("stopped"));
            },
        }
        // Looked at after the change is marked as seen, so that one in between is not missed.
        self.taken.mark_unchanged();
        let full = view.buffer().is_full();
        let from_ms = self.at_ms();
        let due = self.merge.due_in_ms(from_ms).map(Duration::from_millis);
        let wait = due.unwrap_or(LOOK_AROUND).min(LOOK_AROUND);
        let next = tokio::select! {
            biased;
            () = view.token.cancelled() => Next::Again,
            changed = self.taken.changed(), if full => gone_or_again(changed),
            // What was read before the pause is shown after it.
            changed = self.paused.changed() => gone_or_again(changed),
            next = self.tail.next(), if !full => match next {
                Ok(Some(batch)) => Next::Batch(batch),
                Ok(None) if view.token.is_cancelled() => Next::End(ending("stopped")),
                Ok(None) => Next::End(ending("reached the end that the partitions had when it started")),
                Err(error) => Next::End(failed(error)),
            },
            () = tokio::time::sleep(wait) => match full {
                true => Next::Again,
                false => Next::Nothing,
            },
        };
        if !full {
            self.merge.listened(self.at_ms() - from_ms);
        }
        next
    }

    /// Filters a batch and merges what matches.
    async fn keep(&mut self, batch: RawBatch) -> Result<Stepped> {
        let mut counted = Counted {
            records: batch.scanned,
            bytes: batch.scanned_bytes as usize,
            mistyped: 0,
            undecoded: 0,
        };
        let (mut matched, mut order_ms) = (batch.records, batch.order_ms);
        if matched.num_rows() > 0 {
            let reading = &mut self.reading;
            let viewed = reading.formats.view(&matched, now_ms()).await?;
            self.view.read_as(&reading.formats);
            // Why a value can't be read may quote it.
            if let Some(first) = first_problem(&viewed).filter(|_| reading.masks.is_none()) {
                let first_said = &self.view.undecoded_first;
                let mut first_said = first_said.lock().unwrap_or_else(PoisonError::into_inner);
                first_said.get_or_insert(first);
            }
            counted.undecoded = (viewed.problems.len() + viewed.key_problems.len()) as u64;
            matched = viewed.records;
            // Before the filter: what is hidden can't be found out by asking for it. And nothing behind it has the record
            // as it was.
            if let Some(masks) = &reading.masks {
                matched = masks.batch(&matched)?;
            }
            if let Some(condition) = &mut reading.filter {
                let (mask, mistyped) = condition.mask(&matched, reading.values_are_text)?;
                counted.mistyped = mistyped;
                matched = kept(&matched, &mask)?;
                order_ms = filter(&order_ms, &mask)
                    .map_err(|error| {
                        Error::internal("filter", format!("records can't be filtered: {error}"))
                    })?
                    .as_primitive::<Int64Type>()
                    .clone();
                let mut unseen = self.view.unseen.lock().unwrap_or_else(PoisonError::into_inner);
                *unseen = condition.unseen();
            }
        }
        self.merge.add(matched, order_ms, &batch.marks, self.at_ms());
        let stepped = self.release(counted).await?;
        Ok(match stepped {
            Stepped::Nothing => Stepped::Something,
            stepped => stepped,
        })
    }

    /// Keeps the records whose turn has come.
    async fn release(&mut self, counted: Counted) -> Result<Stepped> {
        let released = self.merge.release(self.at_ms())?;
        let held = self.merge.held();
        self.tail.hold(held);
        let any = !released.is_empty();
        Ok(match self.hand_over(released, counted).await? {
            true => Stepped::Limit,
            false if any => Stepped::Something,
            false => Stepped::Nothing,
        })
    }

    /// Keeps what still waits when the tail has ended. True when as many matched as were asked for.
    async fn rest(&mut self) -> Result<bool> {
        if self.merge.waiting() == 0 || self.is_over() {
            return Ok(false);
        }
        let rest = self.merge.rest()?;
        self.hand_over(rest, Counted::default()).await
    }

    /// Keeps released records; those that a pause overtakes are kept after it. True when as many matched as were asked
    /// for.
    async fn hand_over(&mut self, released: Vec<RecordBatch>, counted: Counted) -> Result<bool> {
        loop {
            {
                let mut buffer = self.view.buffer();
                // Looked at with the buffer held: see `TailView::pause`.
                if !*self.view.paused.borrow() {
                    if counted.records > 0 {
                        buffer.count(counted, now_ms());
                    }
                    let limit = self.reading.limit;
                    for records in released {
                        let left = limit.map_or(u64::MAX, |limit| limit.saturating_sub(buffer.matched()));
                        let count = (records.num_rows() as u64).min(left) as usize;
                        buffer.keep(records.slice(0, count))?;
                    }
                    let mut order = self.view.order.lock().unwrap_or_else(PoisonError::into_inner);
                    *order = Order {
                        waiting: self.merge.waiting(),
                        note: self.merge.note(),
                    };
                    return Ok(limit.is_some_and(|limit| buffer.matched() >= limit));
                }
            }
            tokio::select! {
                biased;
                // What was read and not shown is read again by whoever starts again.
                () = self.view.token.cancelled() => return Ok(false),
                waited = self.paused.wait_for(|paused| !paused) => if waited.is_err() {
                    return Ok(false);
                },
            }
        }
    }

    fn is_over(&self) -> bool {
        let limit = self.reading.limit;
        limit.is_some_and(|limit| self.view.matched() >= limit)
    }

    fn limit_reached(&self) -> Ending {
        let limit = self.reading.limit.unwrap_or_default();
        self.view
            .order
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .waiting = 0;
        ending(&format!("stopped after {limit} matched records, as asked"))
    }
}

/// A channel that is gone ends the tail.
fn gone_or_again(changed: std::result::Result<(), watch::error::RecvError>) -> Next {
    match changed {
        Ok(()) => Next::Again,
        Err(_) => Next::End(ending("stopped")),
    }
}

/// `partition 3, offset 51: Avro of schema 1: ...`
fn first_problem(viewed: &Viewed) -> Option<String> {
    let value = viewed.problems.first().map(|problem| ("", problem));
    let key = viewed.key_problems.first().map(|problem| ("the key: ", problem));
    let (what, problem) = value.or(key)?;
    let partitions = viewed
        .records
        .column_by_name("_partition")?
        .as_primitive::<Int32Type>();
    let offsets = viewed
        .records
        .column_by_name("_offset")?
        .as_primitive::<Int64Type>();
    let (partition, offset) = (partitions.value(problem.row), offsets.value(problem.row));
    Some(format!(
        "partition {partition}, offset {offset}: {what}{}",
        problem.reason
    ))
}
