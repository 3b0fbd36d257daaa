//! Collecting what is in the journal, in its order, as if each source were a topic with one partition.
//!
//! Invariants: the position behind an event is in the same checkpoint as the event; what the checkpoint has already is
//! passed over; an entry is collected as its source is defined now, and waits while that can't be.

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
        collect::{Reader, plan_of, take},
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
    while gatherer.round(open, &mut reader, &mut owed).await? {}
    checkpoint::write(open).await
}

#[derive(Default)]
/// A source and its tracking plan.
type Defined = (SourceDefinition, Option<TrackingPlanDefinition>);

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
        let reader = self.reader(open, source)?;
        let positions = [(0, next.cast_signed())];
        let full = take(open, source, reader, records, &positions, 0).await?;
        self.positions.insert(source.to_owned(), next);
        while full && checkpoint::write(open).await.is_err() {
            // Everybody is told why. Until it is written nothing more is taken, and the journal has its limit.
            tokio::time::sleep(RETRY).await;
        }
        Ok(())
    }

    fn reader(&mut self, open: &OpenWorkspace, source: &str) -> Result<&mut Reader> {
        let definition = definition(open, source);
        let plan = plan_of(&open.workspace().definitions, &definition);
        let of = (definition, plan);
        if self.readers.get(source).is_none_or(|(before, _)| *before != of) {
            let judge = Judge::new(source, &of.0, of.1.as_ref())?;
            let reader = Reader::new(source, &of.0, judge)?;
            self.readers.insert(source.to_owned(), (of, reader));
        }
        let found = self.readers.get_mut(source).map(|(_, reader)| reader);
        found.ok_or_else(|| Error::internal("intake", "a source has no reader"))
    }
}

/// As it is defined. What a source took that is gone since is still collected, as Segment's specification has it.
fn definition(open: &OpenWorkspace, source: &str) -> SourceDefinition {
    let workspace = open.workspace();
    let found = workspace.definitions.source(source).ok();
    let tracking = found.filter(|found| found.kind == SourceKind::Tracking);
    tracking.cloned().unwrap_or_else(|| SourceDefinition {
        kind: SourceKind::Tracking,
        ..SourceDefinition::default()
    })
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
    let pending = Pending {
        source: source.to_owned(),
        cluster_id: PLACE.to_owned(),
        ..Pending::default()
    };
    let mut collecting = people.collecting.lock().await;
    collecting.pending.insert(source.to_owned(), pending);
    Ok(())
}

/// Events as records of a topic: the number is the offset, the time of receipt the record's.
fn records(entries: &[&Entry]) -> Result<RecordBatch> {
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
