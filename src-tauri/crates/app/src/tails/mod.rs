//! Tails: records of a topic, live, filtered by SQL, kept here. The window asks for the rows that it shows.
//!
//! Invariants: a record that the filter keeps is never dropped unsaid: what leaves the full table is counted as evicted;
//! a slow reader slows the tail, it loses nothing; a tail always says what it scanned and why it stopped.

mod buffer;
mod export;
mod filter;
mod lines;
mod merge;
mod packed;
mod rows;
mod run;
mod select;

use std::{
    io::Write,
    sync::{Arc, Mutex, PoisonError},
};

use arrow::{array::RecordBatch, datatypes::SchemaRef};

pub use buffer::Keeps;
use buffer::{Buffer, Page};
pub use export::export;
pub use filter::{Filter, kept};
pub use lines::{CSV_HEADER, LineFormat, TailLines};
use run::Reading;
pub use select::SelectedOut;
use select::{Select, as_text};
use tailrace_connectors::clusters::kafka::{Tail, TailFrom, TailPhase, TailSpec, TailWatch};
use tailrace_model::{
    Error, Result,
    api::{
        FormatUsed, Rows, SqlFormat, TailPartition, TailRequest, TailRows, TailStart, TailState, TailStatus,
        Topic,
    },
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{
    core::{Stage, now_ms},
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
    order: Mutex<Order>,
    select: Option<Mutex<Select>>,
    /// Where it was to begin, and whether it waits for what comes.
    asked: (TailStart, bool),
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

/// How the order of time is kept.
#[derive(Debug, Clone, Default)]
struct Order {
    /// Matched records that wait for slower partitions.
    waiting: u64,
    /// Where it was not kept, and why.
    note: Option<String>,
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
    let started_ms = now_ms();
    let reading = Reading {
        values_are_text: formats.values_are_text(),
        formats,
        filter,
        masks: open.masks(&request.cluster, &request.topic),
        limit: request.limit,
        ends: request.stop_at_end || request.until_ms.is_some_and(|until_ms| until_ms <= started_ms),
    };
    let select = match request.select.as_deref() {
        Some(text) => Some(
            Select::plan(
                open,
                &cluster,
                &request.topic,
                (text, &request.formats),
                started_ms,
            )
            .await?,
        ),
        None => None,
    };
    let asked = (request.start, !reading.ends);
    let mut spec = TailSpec::new(&request.topic, TailFrom::Start(request.start));
    spec.partitions = request.partitions.clone();
    spec.stop_at_end = request.stop_at_end;
    spec.until_ms = request.until_ms;
    spec.leaderless_too = true;
    if request.start == TailStart::Beginning
        && request.stop_at_end
        && let Some(ranges) = reading.filter.as_ref().and_then(Filter::ranges)
    {
        spec.from = TailFrom::Ranges(ranges);
        spec.new_partitions = false;
    }
    // A condition sees what is shown: not the bytes as they are where a part of them is hidden.
    if reading.formats.is_plain() && reading.masks.is_none() {
        spec.sieve = reading.filter.as_ref().and_then(Filter::sieve).map(Arc::new);
    }
    let token = open.supervisor.token(Stage::Work);
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
        order: Mutex::default(),
        select: select.map(Mutex::new),
        asked,
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
        runtime.block_on(run::run(&view, tail, reading, &activity, publish));
        activity.end(view.error().map_or(Ok(()), Err));
    });
    Ok(number)
}

fn leaderless(partitions: &[i32]) -> Option<String> {
    let numbers: Vec<String> = partitions.iter().map(ToString::to_string).collect();
    match numbers.as_slice() {
        [] => None,
        [one] => Some(format!("partition {one} has no leader and is not read")),
        all => Some(format!(
            "partitions {} have no leader and are not read",
            all.join(", ")
        )),
    }
}

/// Partitions that a note names.
const NAMED_MAX: usize = 3;

/// That an offset lies past where partitions ended when the tail began.
fn past_end((start, waits): &(TailStart, bool), partitions: &[TailPartition]) -> Option<String> {
    let TailStart::Offset(asked) = start else {
        return None;
    };
    // It was to begin there and begins before it: at the end.
    let short: Vec<&TailPartition> = partitions.iter().filter(|of| of.from < *asked).collect();
    let then = match waits {
        true => "what comes next is shown",
        false => "nothing is read there",
    };
    let named = short.iter().take(NAMED_MAX);
    let mut named: Vec<String> = named
        .map(|of| format!("{} (ends at {})", of.partition, of.from))
        .collect();
    let more = short.len().saturating_sub(NAMED_MAX);
    if more > 0 {
        named.push(format!("{more} more"));
    }
    match short.as_slice() {
        [] => None,
        [one] => Some(format!(
            "offset {asked} is past the end ({}) of partition {}: {then}",
            one.from, one.partition
        )),
        _ => Some(format!(
            "offset {asked} is past the ends of partitions {}: {then}",
            named.join(", ")
        )),
    }
}

fn nothing_selected() -> Error {
    Error::internal("select", "this tail selects no columns")
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
        status.note = ending
            .as_ref()
            .map(|ending| ending.note.clone())
            .or(progress.note);
        let order = self.order.lock().unwrap_or_else(PoisonError::into_inner).clone();
        status.waiting = order.waiting;
        let unseen = self.unseen.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let lost = (progress.lost > 0).then(|| {
            format!(
                "{} records were deleted from the topic before they could be read",
                progress.lost
            )
        });
        let unseen = unseen.filter(|_| status.matched == 0);
        let leaderless = leaderless(&progress.leaderless);
        // Of a tail that goes on, they come when the transaction ends.
        let held_back = (progress.held_back > 0 && ending.is_some()).then(|| {
            format!(
                "{} offsets are held back by an open transaction (isolation.level = \"read_uncommitted\" in the \
                 cluster's file reads them)",
                progress.held_back
            )
        });
        let columns = self.select().and_then(|select| select.note());
        let past_end = past_end(&self.asked, &status.partitions);
        let all = status
            .note
            .into_iter()
            .chain(past_end)
            .chain(leaderless)
            .chain(unseen);
        let said = all.chain(lost).chain(held_back).chain(order.note).chain(columns);
        status.note = said.reduce(|note, more| format!("{note}; {more}"));
        status
    }

    /// Rows from `offset`, counted from the first one that matched. Rows that left the full table are skipped.
    /// Of a tail whose rows are taken, those before `offset` are given up.
    /// `columns` names the fields that are decoded; `None`: all.
    pub fn rows(&self, offset: u64, limit: u32, columns: Option<&[String]>) -> Result<TailRows> {
        let mut page = self.take(offset, limit)?;
        if let Some(columns) = columns {
            page.columns.retain(|column| columns.contains(&column.name));
        }
        rows::render(page)
    }

    fn select(&self) -> Option<std::sync::MutexGuard<'_, Select>> {
        let select = self.select.as_ref()?;
        Some(select.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The columns that are written instead of records.
    fn columns(&self) -> Option<SchemaRef> {
        self.select().map(|select| select.schema())
    }

    /// As [`Self::rows`], the columns that the tail selects; and the number of the row after them.
    fn selected(&self, offset: u64, limit: u32) -> Result<(u64, Vec<RecordBatch>)> {
        let page = self.take(offset, limit)?;
        let mut select = self.select().ok_or_else(nothing_selected)?;
        let rows: usize = page.slices.iter().map(RecordBatch::num_rows).sum();
        let batches = page.slices.iter().map(|slice| select.rows(slice));
        Ok((page.first + rows as u64, batches.collect::<Result<_>>()?))
    }

    /// Begins to write the selected columns as they come.
    pub fn selected_out(&self, sink: Box<dyn Write + Send>, format: SqlFormat) -> Result<SelectedOut> {
        let schema = self.columns().ok_or_else(nothing_selected)?;
        SelectedOut::open(sink, format, &schema)
    }

    /// Writes selected rows from `offset` on; returns the number of the row after them.
    pub fn write_selected(&self, offset: u64, limit: u32, out: &mut SelectedOut) -> Result<u64> {
        let (next, batches) = self.selected(offset, limit)?;
        batches.iter().try_for_each(|batch| out.write(batch))?;
        Ok(next)
    }

    /// As [`Self::write_selected`], as text.
    pub fn selected_text(&self, offset: u64, limit: u32) -> Result<(u64, Rows)> {
        let (next, batches) = self.selected(offset, limit)?;
        let schema = self.columns().ok_or_else(nothing_selected)?;
        Ok((next, as_text(self.matched(), &schema, &batches)))
    }

    /// As [`Self::rows`], as they are.
    fn take(&self, offset: u64, limit: u32) -> Result<Page> {
        let mut buffer = self.buffer();
        if buffer.keeps() == Keeps::Untaken {
            buffer.take_until(offset);
            self.taken.send_replace(());
        }
        buffer.page(offset, limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_past_the_end_is_told() {
        let partition = |partition: i32, from: i64| TailPartition {
            partition,
            from,
            next: from + 5,
            end: from + 5,
        };
        let check = |start: TailStart, waits: bool, froms: &[i64], expected: Option<&str>| {
            let partitions: Vec<TailPartition> = (0..)
                .zip(froms)
                .map(|(number, from)| partition(number, *from))
                .collect();
            assert_eq!(past_end(&(start, waits), &partitions).as_deref(), expected);
        };
        let at = TailStart::Offset;
        check(at(50), true, &[50, 60], None);
        check(TailStart::Beginning, true, &[0], None);
        let one = "offset 90 is past the end (50) of partition 0: nothing is read there";
        check(at(90), false, &[50, 90], Some(one));
        let waits = "offset 90 is past the end (50) of partition 0: what comes next is shown";
        check(at(90), true, &[50], Some(waits));
        let many = "offset 90 is past the ends of partitions 0 (ends at 1), 1 (ends at 2), 2 (ends at 3), 1 more: what \
                    comes next is shown";
        check(at(90), true, &[1, 2, 3, 4], Some(many));
    }
}
