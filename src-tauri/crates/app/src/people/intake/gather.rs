//! Collecting what is in the journal, in its order, as if each source were a topic with one partition.
//!
//! Invariants: the position behind an event is in the same checkpoint as the event; what the checkpoint has already is
//! passed over; an entry is collected as its source is defined now, and waits while that can't be: while its file, its
//! transformation or its tracking plan does not hold, nothing goes past them.

use std::{
    collections::BTreeMap,
    sync::{Arc, Weak},
    time::Duration,
};

use arrow::{
    array::{
        BinaryArray, Int32Array, Int64Array, ListArray, RecordBatch, TimestampMillisecondArray,
        new_null_array,
    },
    datatypes::DataType,
};
use tailrace_connectors::clusters::kafka::raw_schema;
use tailrace_model::{Error, Result, SourceDefinition, SourceKind, TrackingPlanDefinition};
use tokio_util::sync::CancellationToken;

use super::{
    super::{
        Pending, People, checkpoint,
        collect::{Reader, keep_plan, plan_of, take},
    },
    PLACE,
    journal::{Entry, JournalReader},
};
use crate::{open::OpenWorkspace, quality::Judge};

/// Bytes of the journal that are collected at a time.
const ROUND_BYTES_MAX: u64 = 4 << 20;
/// While nothing is posted, what the last checkpoint needs no more is looked for this often.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// What could not be collected is tried again after this.
const RETRY: Duration = Duration::from_secs(1);

/// Collects until the token is cancelled.
pub(super) async fn run(weak: Weak<OpenWorkspace>, token: CancellationToken) {
    let Some((mut reader, mut written)) = weak.upgrade().and_then(|open| {
        let journal = &open.held().ok()?.people.intake.journal;
        Some((journal.read(), journal.follow()))
    }) else {
        return;
    };
    let mut gatherer = Gatherer::default();
    let mut owed: Vec<Entry> = Vec::new();
    while !token.is_cancelled() {
        let Some(open) = weak.upgrade() else { return };
        let Ok(held) = open.held() else { return };
        written.mark_unchanged();
        let round = gatherer.round(&open, &mut reader, &mut owed).await;
        held.people.intake.release();
        let stuck = round.as_ref().err().zip(owed.first());
        *People::lock(&held.people.intake.stuck) =
            stuck.map(|(error, entry)| (entry.source.clone(), error.clone()));
        drop(open);
        let wait = async {
            match round {
                Ok(true) => {}
                Ok(false) => {
                    // Files are released after a checkpoint even when nothing more is posted.
                    let _ = tokio::time::timeout(LOOK_INTERVAL, written.changed()).await;
                }
                Err(error) => {
                    tracing::warn!(%error, "what was posted is not collected now");
                    tokio::time::sleep(RETRY).await;
                }
            }
        };
        if token.run_until_cancelled(wait).await.is_none() {
            return;
        }
    }
}

/// Collects all there is, and writes the checkpoint.
pub(super) async fn to_the_end(open: &Arc<OpenWorkspace>) -> Result<()> {
    let intake = &open.held()?.people.intake;
    let mut reader = intake.journal.read();
    let (mut gatherer, mut owed) = (Gatherer::default(), Vec::new());
    let collected = loop {
        match gatherer.round(open, &mut reader, &mut owed).await {
            Ok(true) => {}
            Ok(false) => break Ok(()),
            Err(error) => {
                let stuck = owed.first().map(|entry| (entry.source.clone(), error.clone()));
                *People::lock(&intake.stuck) = stuck;
                break Err(error);
            }
        }
    };
    // What came before the one that can't be collected is.
    checkpoint::write(open).await?;
    collected
}

/// A source and its tracking plan.
type Defined = (SourceDefinition, Option<TrackingPlanDefinition>);

#[derive(Default)]
struct Gatherer {
    /// How each source is read, as it was defined.
    readers: BTreeMap<String, (Defined, Reader)>,
    /// The number behind what is collected, by source.
    positions: BTreeMap<String, u64>,
}

impl Gatherer {
    /// One part of the journal. False: there is nothing more. What could not be collected stays in `owed`.
    async fn round(
        &mut self,
        open: &Arc<OpenWorkspace>,
        reader: &mut JournalReader,
        owed: &mut Vec<Entry>,
    ) -> Result<bool> {
        if owed.is_empty() {
            *owed = tokio::task::block_in_place(|| reader.next(ROUND_BYTES_MAX))?;
        }
        if owed.is_empty() {
            return Ok(false);
        }
        while let Some(first) = owed.first() {
            let source = first.source.clone();
            let count = owed.iter().take_while(|entry| entry.source == source).count();
            self.collect(open, &source, owed.get(..count).unwrap_or_default())
                .await?;
            owed.drain(..count);
        }
        Ok(true)
    }

    /// Entries of one source.
    async fn collect(&mut self, open: &Arc<OpenWorkspace>, source: &str, entries: &[Entry]) -> Result<()> {
        let held = open.held()?;
        let collected = match self.positions.get(source) {
            Some(next) => *next,
            None => {
                let stored = held.store.positions(source, PLACE, "").await?;
                stored.first().map_or(0, |(_, next)| next.max(&0).unsigned_abs())
            }
        };
        let new: Vec<&Entry> = entries.iter().filter(|entry| entry.first >= collected).collect();
        let Some(last) = new.last() else {
            self.positions.insert(source.to_owned(), collected);
            return Ok(());
        };
        begin(open, source).await?;
        let next = last.next();
        let records = records(&new)?;
        if let Some(plan) = self.prepare(open, source)? {
            keep_plan(open, &plan).await?;
        }
        let reader = self.readers.get_mut(source).map(|(_, reader)| reader);
        let reader = reader.ok_or_else(|| Error::internal("intake", "a source has no reader"))?;
        let positions = [(0, next.cast_signed())];
        let full = take(open, source, reader, records, &positions, 0).await?;
        self.positions.insert(source.to_owned(), next);
        while full && checkpoint::write(open).await.is_err() {
            // Everybody is told why. Until it is written nothing more is taken, and the journal has its limit.
            tokio::time::sleep(RETRY).await;
        }
        Ok(())
    }

    /// Makes the reader of a source as it is defined now; the plan that it goes by, when that is news.
    fn prepare(&mut self, open: &OpenWorkspace, source: &str) -> Result<Option<String>> {
        let before = self.readers.get(source).map(|(before, _)| before);
        let of = match (defined(open, source)?, before) {
            (Some(of), _) => of,
            // It is gone: what it took is collected as it was last, or else as Segment's specification has it.
            (None, Some(before)) => before.clone(),
            (None, None) => {
                let definition = SourceDefinition {
                    kind: SourceKind::Tracking,
                    ..SourceDefinition::default()
                };
                (definition, None)
            }
        };
        if before == Some(&of) {
            return Ok(None);
        }
        let judge = Judge::new(source, &of.0, of.1.as_ref())?;
        let reader = Reader::new(source, &of.0, judge)?;
        let plan = of.0.plan.clone();
        self.readers.insert(source.to_owned(), (of, reader));
        Ok(plan)
    }
}

/// As it is defined; absent: no source of the tracking API has the name.
fn defined(open: &OpenWorkspace, source: &str) -> Result<Option<Defined>> {
    let workspace = open.workspace();
    let definitions = &workspace.definitions;
    if !definitions.sources.contains_key(source) {
        return Ok(None);
    }
    // While its file does not parse, nobody knows what was to be left out, masked or blocked.
    let found = definitions.source(source)?;
    let of = || (found.clone(), plan_of(definitions, found));
    Ok((found.kind == SourceKind::Tracking).then(of))
}

/// What is pending of the name is this source's.
async fn begin(open: &Arc<OpenWorkspace>, source: &str) -> Result<()> {
    let people = &open.held()?.people;
    let ours = |pending: Option<&Pending>| pending.is_some_and(|pending| pending.cluster_id == PLACE);
    if ours(people.collecting.lock().await.pending.get(source)) {
        return Ok(());
    }
    // It was a topic's until now.
    checkpoint::write(open).await?;
    let mut collecting = people.collecting.lock().await;
    let pending = collecting.pending.entry(source.to_owned()).or_default();
    pending.begin(source, PLACE, "");
    Ok(())
}

/// Events as records of a topic: the number is the offset, the time of receipt the record's.
pub(super) fn records(entries: &[&Entry]) -> Result<RecordBatch> {
    let count = entries.iter().map(|entry| entry.events.len()).sum();
    let (mut numbers, mut times) = (Vec::with_capacity(count), Vec::with_capacity(count));
    let mut values: Vec<&[u8]> = Vec::with_capacity(count);
    for entry in entries {
        for (number, event) in (entry.first..).zip(&entry.events) {
            numbers.push(number.cast_signed());
            times.push(entry.received_ms);
            values.push(event);
        }
    }
    let schema = raw_schema();
    let failed = |what: &str| Error::internal("raw_batch", format!("what was posted is no batch: {what}"));
    let headers = schema
        .field_with_name("_headers")
        .map_err(|error| failed(&error.to_string()))?;
    let DataType::List(item) = headers.data_type() else {
        return Err(failed("its headers are no list"));
    };
    let headers = ListArray::try_new(
        Arc::clone(item),
        arrow::buffer::OffsetBuffer::new_zeroed(count),
        new_null_array(item.data_type(), 0),
        None,
    );
    RecordBatch::try_new(
        Arc::clone(&schema),
        vec![
            Arc::new(Int32Array::from(vec![0; count])),
            Arc::new(Int64Array::from(numbers)),
            Arc::new(TimestampMillisecondArray::from(times)),
            Arc::new(BinaryArray::from(vec![None::<&[u8]>; count])),
            Arc::new(BinaryArray::from(values)),
            Arc::new(headers.map_err(|error| failed(&error.to_string()))?),
        ],
    )
    .map_err(|error| failed(&error.to_string()))
}
