//! Tails: records of a topic, live, filtered by SQL, kept here. The window asks for the rows that it shows.
//!
//! Invariants: a record that the filter keeps is never dropped unsaid: what leaves the full table is counted as evicted;
//! a slow reader slows the tail, it loses nothing; a tail always says what it scanned and why it stopped.

mod buffer;
mod export;
mod filter;
mod rows;

use std::sync::{Arc, Mutex, PoisonError};

use arrow::{
    array::AsArray,
    datatypes::{Int32Type, Int64Type},
};
pub use buffer::Keeps;
use buffer::{Buffer, Counted, Page};
pub use export::export;
pub use filter::{Filter, kept};
pub use rows::Values;
use tailrace_connectors::{
    clusters::kafka::{RawBatch, Tail, TailFrom, TailPhase, TailSpec, TailWatch},
    formats::Viewed,
};
use tailrace_model::{
    Error, Result,
    api::{FormatUsed, TailRequest, TailRows, TailState, TailStatus, Topic},
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{
    core::{ActivityHandle, Stage, now_ms},
    masks::Masks,
    open::OpenWorkspace,
    records::TopicView,
};

/// One tail that is open.
pub struct TailView {
    token: CancellationToken,
    paused: watch::Sender<bool>,
    buffer: Mutex<Buffer>,
    /// Changes when rows were taken.
    taken: watch::Sender<()>,
    progress: TailWatch,
    /// What keys and values are read as.
    formats: Mutex<(Option<FormatUsed>, Option<FormatUsed>)>,
    undecoded_first: Mutex<Option<String>>,
    /// A field of the filter that no record has had so far.
    unseen: Mutex<Option<String>>,
    started_ms: i64,
    ended: watch::Sender<Option<Ending>>,
}

impl std::fmt::Debug for TailView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TailView")
            .field("started_ms", &self.started_ms)
            .finish_non_exhaustive()
    }
}

#[derive(Debug, Clone)]
struct Ending {
    note: String,
    error: Option<Error>,
}

/// Starts a tail and returns its view's number.
pub async fn start(open: &Arc<OpenWorkspace>, request: TailRequest, keeps: Keeps) -> Result<u64> {
    let filter = request
        .filter
        .as_deref()
        .map(str::trim)
        .filter(|text| !text.is_empty());
    let filter = filter.map(|text| Filter::parse(text, now_ms())).transpose()?;
    let cluster = open.cluster(&request.cluster).await?;
    let formats = TopicView::new(open, &cluster, &request.topic, &request.formats)?;
    let reading = Reading {
        values_are_text: formats.values_are_text(),
        formats,
        filter,
        masks: open.masks(&request.cluster, &request.topic),
        limit: request.limit,
    };
    let mut spec = TailSpec::new(&request.topic, TailFrom::Start(request.start));
    spec.partitions = request.partitions.clone();
    spec.stop_at_end = request.stop_at_end;
    spec.until_ms = request.until_ms;
    if reading.formats.is_plain() {
        spec.sieve = reading.filter.as_ref().and_then(Filter::sieve).map(Arc::new);
    }
    let token = open.supervisor.token(Stage::Work);
    let started_ms = now_ms();
    let tail = Tail::start(&cluster.client, spec, started_ms, token.clone()).await?;
    let (number, view) = open.tails.open(|_| TailView {
        token: token.clone(),
        paused: watch::Sender::new(false),
        buffer: Mutex::new(Buffer::new(keeps, reading.values_are_text)),
        formats: Mutex::new((
            reading.formats.key_format().cloned(),
            reading.formats.value_format().cloned(),
        )),
        taken: watch::Sender::new(()),
        progress: tail.watch(),
        undecoded_first: Mutex::default(),
        unseen: Mutex::default(),
        started_ms,
        ended: watch::Sender::new(None),
    })?;
    let title = format!("Tail {} / {}", request.cluster, request.topic);
    let activity = open.activities.start("tail", title, Some(token));
    let weak = Arc::downgrade(open);
    let runtime = tokio::runtime::Handle::current();
    // Decoding and filtering keep a core busy: a thread of their own, beside the reader's.
    open.supervisor.spawn_blocking(Stage::Work, move |_| {
        let publish = |total| {
            if let Some(open) = weak.upgrade() {
                open.hub.publish(&Topic::View(number), total);
            }
        };
        runtime.block_on(run(&view, tail, reading, &activity, publish));
        activity.end(view.error().map_or(Ok(()), Err));
    });
    Ok(number)
}

/// What becomes of the records of a tail.
struct Reading {
    formats: TopicView,
    values_are_text: bool,
    filter: Option<Filter>,
    masks: Option<Masks>,
    limit: Option<u64>,
}

async fn run(
    view: &TailView,
    mut tail: Tail,
    mut reading: Reading,
    activity: &ActivityHandle,
    publish: impl Fn(u64),
) {
    let mut paused = view.paused.subscribe();
    let mut taken = view.taken.subscribe();
    let mut last_note = None;
    let ending = loop {
        tokio::select! {
            biased;
            () = view.token.cancelled() => break Ending { note: "stopped".to_owned(), error: None },
            waited = paused.wait_for(|paused| !paused) => if waited.is_err() {
                break Ending { note: "stopped".to_owned(), error: None };
            },
        }
        // Looked at after the change is marked as seen, so that one in between is not missed.
        taken.mark_unchanged();
        let full = view.buffer().is_full();
        let next = tokio::select! {
            biased;
            () = view.token.cancelled() => continue,
            changed = taken.changed(), if full => match changed { Ok(()) => continue, Err(_) => Ok(None) },
            // What was read before the pause is shown after it.
            changed = paused.changed() => match changed { Ok(()) => continue, Err(_) => Ok(None) },
            next = tail.next(), if !full => next,
            // A tail that waits for its broker says so.
            () = tokio::time::sleep(std::time::Duration::from_millis(500)) => {
                let note = tail.progress().note;
                if note != last_note {
                    last_note = note;
                    publish(view.matched());
                }
                continue;
            }
        };
        match next {
            Ok(Some(batch)) => match keep(view, &mut reading, batch, &mut paused).await {
                Ok(done) => {
                    let progress = tail.progress();
                    activity.progress(progress.scanned, None, None);
                    publish(view.matched());
                    if done {
                        let note = format!(
                            "stopped after {} matched records, as asked",
                            reading.limit.unwrap_or_default()
                        );
                        break Ending { note, error: None };
                    }
                }
                Err(error) => {
                    break Ending {
                        note: error.message.clone(),
                        error: Some(error),
                    };
                }
            },
            Ok(None) if view.token.is_cancelled() => {
                break Ending {
                    note: "stopped".to_owned(),
                    error: None,
                };
            }
            Ok(None) => {
                break Ending {
                    note: "reached the end that the partitions had when it started".to_owned(),
                    error: None,
                };
            }
            Err(error) => {
                break Ending {
                    note: error.message.clone(),
                    error: Some(error),
                };
            }
        }
    };
    view.ended.send_replace(Some(ending));
    publish(view.matched());
}

/// Filters a batch and keeps what matches; a batch that a pause overtakes is kept after it. True when as many matched
/// as were asked for.
async fn keep(
    view: &TailView,
    reading: &mut Reading,
    batch: RawBatch,
    paused: &mut watch::Receiver<bool>,
) -> Result<bool> {
    let limit = reading.limit;
    let viewed = reading.formats.view(&batch.records, now_ms()).await?;
    view.read_as(&reading.formats);
    // Why a value can't be read may quote it.
    if let Some(first) = first_problem(&viewed).filter(|_| reading.masks.is_none()) {
        view.undecoded_first
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert(first);
    }
    let mut counted = Counted {
        records: batch.scanned,
        bytes: batch.scanned_bytes as usize,
        mistyped: 0,
        undecoded: (viewed.problems.len() + viewed.key_problems.len()) as u64,
    };
    let mut matched = viewed.records;
    if let Some(filter) = &mut reading.filter {
        (matched, counted.mistyped) = filter.apply(&matched, reading.values_are_text)?;
        *view.unseen.lock().unwrap_or_else(PoisonError::into_inner) = filter.unseen();
    }
    // What is kept is what is shown: nothing behind it has the record as it was.
    if let Some(masks) = &reading.masks {
        matched = masks.batch(&matched)?;
    }
    loop {
        {
            let mut buffer = view.buffer();
            // Looked at with the buffer held: see `TailView::pause`.
            if !*view.paused.borrow() {
                let left = limit.map_or(u64::MAX, |limit| limit.saturating_sub(buffer.matched()));
                if matched.num_rows() as u64 > left {
                    matched = matched.slice(0, left as usize);
                }
                buffer.add(matched, counted, now_ms());
                return Ok(limit.is_some_and(|limit| buffer.matched() >= limit));
            }
        }
        tokio::select! {
            biased;
            // What was read and not shown is read again by whoever starts again.
            () = view.token.cancelled() => return Ok(false),
            waited = paused.wait_for(|paused| !paused) => if waited.is_err() {
                return Ok(false);
            },
        }
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

impl TailView {
    fn buffer(&self) -> std::sync::MutexGuard<'_, Buffer> {
        self.buffer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read_as(&self, formats: &TopicView) {
        let mut known = self.formats.lock().unwrap_or_else(PoisonError::into_inner);
        if known.0.as_ref() != formats.key_format() || known.1.as_ref() != formats.value_format() {
            *known = (formats.key_format().cloned(), formats.value_format().cloned());
        }
    }

    fn matched(&self) -> u64 {
        self.buffer().matched()
    }

    fn error(&self) -> Option<Error> {
        self.ended
            .borrow()
            .as_ref()
            .and_then(|ending| ending.error.clone())
    }

    /// When it returns, nothing is added any more until the pause is over.
    pub fn pause(&self, paused: bool) {
        let _held = self.buffer();
        self.paused.send_replace(paused);
    }

    pub fn stop(&self) {
        self.token.cancel();
    }

    /// Waits until it has stopped.
    pub async fn ended(&self) -> TailStatus {
        let mut ended = self.ended.subscribe();
        // The sender lives as long as the view.
        let _ = ended.wait_for(Option::is_some).await;
        self.status()
    }

    pub fn status(&self) -> TailStatus {
        let progress = self.progress.progress();
        let ending = self.ended.borrow().clone();
        let buffer = self.buffer();
        let state = match (&ending, *self.paused.borrow(), progress.phase) {
            (Some(ending), ..) if ending.error.is_some() => TailState::Failed,
            (Some(_), ..) => TailState::Stopped,
            (None, true, _) => TailState::Paused,
            (None, false, TailPhase::Waiting) => TailState::Starting,
            (None, false, _) => TailState::Running,
        };
        let mut status = buffer.status(now_ms());
        status.state = state;
        status.started_ms = self.started_ms;
        status.undecoded_first = self
            .undecoded_first
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        status.partitions = progress.partitions;
        (status.key_format, status.value_format) = self
            .formats
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        status.error = ending.as_ref().and_then(|ending| ending.error.clone());
        status.note = ending.map(|ending| ending.note).or(progress.note);
        let unseen = self.unseen.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(unseen) = unseen.filter(|_| status.matched == 0) {
            status.note = Some(match status.note {
                Some(note) => format!("{note}; {unseen}"),
                None => unseen,
            });
        }
        if progress.lost > 0 {
            let lost = format!(
                "{} records were deleted from the topic before they could be read",
                progress.lost
            );
            status.note = Some(
                status
                    .note
                    .map_or_else(|| lost.clone(), |note| format!("{note}; {lost}")),
            );
        }
        status
    }

    /// Rows from `offset`, counted from the first one that matched. Rows that left the full table are skipped.
    /// Of a tail whose rows are taken, those before `offset` are given up.
    pub fn rows(&self, offset: u64, limit: u32, values: Values) -> Result<TailRows> {
        rows::render(self.take(offset, limit), values)
    }

    /// As [`Self::rows`], as they are.
    fn take(&self, offset: u64, limit: u32) -> Page {
        let mut buffer = self.buffer();
        if buffer.keeps() == Keeps::Untaken {
            buffer.take_until(offset);
            self.taken.send_replace(());
        }
        buffer.page(offset, limit)
    }
}
