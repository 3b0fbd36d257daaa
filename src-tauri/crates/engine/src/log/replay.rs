//! Events read again into the same history: what is not there is added, what is there in another form gives way to the new
//! one, and what is the same stays as it is.
//!
//! Invariants: the files that hold an event that gives way are written anew without it, in the transaction that holds its
//! new form, so that at every moment an event is there once; the log itself is asked, not the window of message ids, so
//! that a replay from any time doubles nothing; should the transaction fail, everything is as it was; when an event was
//! received says nothing of its form. Merges and traits that the old form brought about stay.

use std::sync::{Arc, PoisonError};

use arrow::{
    array::{Array, AsArray, BooleanArray, RecordBatch},
    compute::filter_record_batch,
    datatypes::TimestampMillisecondType,
};
use rustc_hash::{FxHashMap, FxHashSet};
use serde_json::Value;
use tailrace_model::Error;

use super::{
    Collector, LogSnapshot,
    collector::Rejected,
    manifest::CheckpointChange,
    merges::Merges,
    pending::{Pending, Running, Seal},
    properties::json_objects,
    rewrite::{RowNumbers, origins, read, unreadable, without},
    rows::Rows,
    schema,
    segment::Segment,
};
use crate::events::{Event, EventKind, columns::Columns};

/// What a replay of events does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Replayed {
    pub added: usize,
    pub replaced: usize,
    pub same: usize,
    /// Events that are not wanted any more.
    pub removed: usize,
    /// Events of identifiers that are suppressed: not added, and those that are there stay.
    pub suppressed: usize,
    /// Of the replaced and the removed: those whose old form said who somebody is, or what their traits are, otherwise.
    pub identities: usize,
    pub rejected: Vec<Rejected>,
}

/// What has to be taken back when the transaction fails, and remembered when it does not.
#[derive(Debug)]
pub(super) struct Taken {
    ids: Vec<String>,
    /// Those that are in the log no more.
    gone: Vec<String>,
    /// Origins, and how many events more or less each has.
    counts: Vec<(i64, i64)>,
    now_ms: i64,
    _compacting: Running,
}

/// An event as it stands in the log, but for its profile and its time of receipt.
#[derive(Debug, PartialEq)]
struct Form {
    /// Type, event, user id, anonymous id, context.
    texts: [Option<String>; 5],
    timestamp_ms: i64,
    /// The other ones.
    identifiers: Value,
    properties: Value,
}

impl Form {
    fn kind(&self) -> Option<EventKind> {
        let [kind, ..] = &self.texts;
        kind.as_deref().and_then(EventKind::parse)
    }

    /// User id, anonymous id, and the others.
    fn ids(&self) -> (&Option<String>, &Option<String>, &Value) {
        let [_, _, user_id, anonymous_id, _] = &self.texts;
        (user_id, anonymous_id, &self.identifiers)
    }

    /// Whether it ties identifiers together or has traits.
    fn tells(&self) -> bool {
        let (user_id, anonymous_id, others) = self.ids();
        let others = others.as_object().map_or(0, serde_json::Map::len);
        let ids = usize::from(user_id.is_some()) + usize::from(anonymous_id.is_some()) + others;
        ids > 1 || self.kind() == Some(EventKind::Identify)
    }

    /// Whether another form of it says otherwise who somebody is, or what their traits are.
    fn told_otherwise(&self, other: &Self) -> bool {
        let identifies = [self, other]
            .iter()
            .any(|form| form.kind() == Some(EventKind::Identify));
        self.ids() != other.ids()
            || (identifies && (self.kind() != other.kind() || self.properties != other.properties))
    }
}

/// An event of a segment that is looked for.
struct Found {
    /// Its number among the segment's rows.
    row: usize,
    message_id: String,
    source: String,
    origin_id: i64,
    form: Form,
}

/// A segment, and the numbers of its rows that give way.
type Touched = (Arc<Segment>, RowNumbers);

impl Collector {
    /// What makes these events part of the log, and those of the message ids `gone` none. Absent: nothing changes, or
    /// `dry_run`. A checkpoint comes before it, in the same turn. Of two events of one message id the first counts.
    /// Blocks: it reads and writes files.
    pub fn replay(
        &mut self,
        source: &str,
        events: &[Event<'_>],
        gone: &[String],
        now_ms: i64,
        dry_run: bool,
    ) -> Result<(Option<CheckpointChange>, Replayed), Error> {
        if self.buffered_rows() > 0 {
            return Err(Error::internal(
                "replay_before_checkpoint",
                "events wait for a checkpoint, so nothing was replayed: try again",
            ));
        }
        // Nothing may write the files anew meanwhile.
        let Some(compacting) = Running::start(self.log.compacting()) else {
            return Err(Error {
                retry: true,
                ..Error::external(
                    "compaction_runs",
                    "the event log is being compacted: try again in a moment",
                )
            });
        };
        let snapshot = self.log.snapshot();
        let given = events.len();
        let events: Vec<(usize, &Event<'_>)> = {
            let log = self.log.clone();
            let identity = log.identity().read().unwrap_or_else(PoisonError::into_inner);
            let all = events.iter().enumerate();
            all.filter(|(_, event)| !identity.suppresses(event)).collect()
        };
        let forms = forms_of(
            &self.columns,
            source,
            events.iter().map(|(_, event)| *event),
            now_ms,
        )?;
        let gone: FxHashSet<&str> = gone
            .iter()
            .map(String::as_str)
            .filter(|id| !forms.contains_key(*id))
            .collect();
        let mut replayed = Replayed {
            suppressed: given - events.len(),
            ..Replayed::default()
        };
        let mut same: FxHashSet<String> = FxHashSet::default();
        let mut touched: Vec<Touched> = Vec::new();
        let (mut counts, mut removed) = (Vec::new(), Vec::new());
        for segment in snapshot.segments() {
            let wanted = |id: &str| forms.contains_key(id) || gone.contains(id);
            let mut rows = RowNumbers::default();
            for found in found(&snapshot, segment, wanted)? {
                match forms.get(&found.message_id) {
                    // What another source collected first is that source's.
                    None if found.source != source => continue,
                    Some(form) if *form == found.form || found.source != source => {
                        replayed.same += 1;
                        same.insert(found.message_id);
                        continue;
                    }
                    Some(form) => {
                        replayed.replaced += 1;
                        replayed.identities += usize::from(found.form.told_otherwise(form));
                    }
                    None => {
                        replayed.removed += 1;
                        replayed.identities += usize::from(found.form.tells());
                        removed.push(found.message_id);
                    }
                }
                counts.push((found.origin_id, -1));
                rows.insert(found.row);
            }
            if !rows.is_empty() {
                touched.push((segment.clone(), rows));
            }
        }
        replayed.added = forms.len() - replayed.same - replayed.replaced;
        if dry_run || forms.len() + replayed.removed == replayed.same {
            return Ok((None, replayed));
        }
        let mut seen: FxHashSet<&str> = FxHashSet::default();
        let new: Vec<(usize, &Event<'_>)> = events
            .into_iter()
            .filter(|(_, event)| !same.contains(event.message_id.as_ref()) && seen.insert(&event.message_id))
            .collect();
        let taken = Taken {
            ids: Vec::new(),
            gone: removed,
            counts,
            now_ms,
            _compacting: compacting,
        };
        let change = self.replace(source, &new, touched, taken, &mut replayed)?;
        Ok((Some(change), replayed))
    }

    fn replace(
        &mut self,
        source: &str,
        new: &[(usize, &Event<'_>)],
        touched: Vec<Touched>,
        mut taken: Taken,
        replayed: &mut Replayed,
    ) -> Result<CheckpointChange, Error> {
        let Some(running) = Running::start(&self.sealing) else {
            return Err(Error::internal(
                "checkpoint_open",
                "the last checkpoint was neither installed nor discarded: do that first",
            ));
        };
        let now_ms = taken.now_ms;
        let mut segments: Vec<Arc<Segment>> = Vec::new();
        let mut removed = Vec::new();
        for (segment, rows) in &touched {
            removed.push(segment.row().name.clone());
            match without(&self.log, segment, rows) {
                Ok(rest) => segments.extend(rest.map(Arc::new)),
                Err(error) => {
                    segments.iter().for_each(|segment| segment.retire());
                    return Err(error);
                }
            }
        }
        let log = self.log.clone();
        let mut identity = log.identity().write().unwrap_or_else(PoisonError::into_inner);
        let mut rows = Rows::default();
        for (index, event) in new {
            match identity.resolve(source, event, event.received_ms) {
                Ok(found) => {
                    rows.push(source, found.origin_id, event, &mut self.columns, now_ms);
                    taken.ids.push(event.message_id.to_string());
                    taken.counts.push((found.origin_id, 1));
                }
                Err(fault) => {
                    taken.gone.push(event.message_id.to_string());
                    replayed.rejected.push(Rejected {
                        index: *index,
                        reason: fault.reason,
                    });
                }
            }
        }
        // What was resolved has been counted; what gave way is counted no more.
        for (origin_id, count) in taken.counts.iter().filter(|(_, count)| *count < 0) {
            identity.count_events(*origin_id, *count);
        }
        let mut buffers = match rows.is_empty() {
            true => Vec::new(),
            false => vec![rows],
        };
        let sealed = self.write(&mut buffers, &mut identity);
        let (new_segments, profiles) = match sealed {
            Ok(sealed) => sealed,
            Err(error) => {
                segments.iter().for_each(|segment| segment.retire());
                for (origin_id, count) in &taken.counts {
                    identity.count_events(*origin_id, -count);
                }
                return Err(error);
            }
        };
        segments.extend(new_segments);
        let changes = identity.take_changes();
        let merges = match changes.merges.is_empty() && changes.undos.is_empty() {
            true => log.state().merges.clone(),
            false => Arc::new(Merges::new(identity.merges(), identity.undos())),
        };
        drop(identity);
        let columns_added = self.columns_added();
        self.columns_persisted = self.columns.len();
        Ok(CheckpointChange {
            checkpoint_ms: now_ms,
            segments_added: segments.iter().map(|segment| segment.row().clone()).collect(),
            segments_removed: removed,
            columns_added,
            identity: changes,
            counts: Vec::new(),
            pending: Pending::Seal(Seal {
                segments,
                // What failed is read again from its topic, not from here.
                buffers: Vec::new(),
                columns: Arc::new(self.columns.clone()),
                merges,
                profiles,
                running,
                replayed: Some(taken),
            }),
        })
    }

    /// The transaction of a replay committed: its events are known from now on.
    pub(super) fn know(&mut self, taken: &Taken) {
        taken.gone.iter().for_each(|id| self.dedupe.remove(id));
        for id in &taken.ids {
            if !self.dedupe.has(id) {
                self.dedupe.insert(id, taken.now_ms);
            }
        }
    }

    /// The transaction of a replay failed.
    pub(super) fn take_back(&mut self, taken: &Taken) {
        let log = self.log.clone();
        let mut identity = log.identity().write().unwrap_or_else(PoisonError::into_inner);
        for (origin_id, count) in &taken.counts {
            identity.count_events(*origin_id, -count);
        }
    }
}

/// The events of a segment whose message ids are wanted.
fn found(
    snapshot: &LogSnapshot,
    segment: &Arc<Segment>,
    wanted: impl Fn(&str) -> bool,
) -> Result<Vec<Found>, Error> {
    let mut rows = RowNumbers::default();
    let mut at = 0;
    for batch in read(segment, &[schema::MESSAGE_ID])? {
        let batch = batch?;
        let Some(ids) = batch.column(0).as_string_view_opt() else {
            return Err(unreadable(segment, &"its message ids are not text"));
        };
        let hits = ids.iter().enumerate().filter(|(_, id)| id.is_some_and(&wanted));
        rows.extend(hits.map(|(row, _)| at + row));
        at += batch.num_rows();
    }
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let mut all = Vec::with_capacity(rows.len());
    at = 0;
    for batch in read(segment, &[])? {
        let batch = batch?;
        let numbers: Vec<usize> = (at..at + batch.num_rows())
            .filter(|row| rows.contains(row))
            .collect();
        let hit: BooleanArray = (at..at + batch.num_rows())
            .map(|row| Some(rows.contains(&row)))
            .collect();
        at += batch.num_rows();
        if numbers.is_empty() {
            continue;
        }
        let hits = filter_record_batch(&batch, &hit).map_err(|fault| unreadable(segment, &fault))?;
        let forms = batch_forms(&snapshot.0.columns, &hits)?;
        let sources = hits.column_by_name(schema::SOURCE);
        let sources = sources.and_then(|sources| sources.as_string_view_opt().cloned());
        let places = numbers.into_iter().zip(origins(&hits)).enumerate();
        for ((place, (row, origin_id)), (message_id, form)) in places.zip(forms) {
            all.push(Found {
                row,
                message_id,
                source: sources
                    .as_ref()
                    .map_or("", |sources| sources.value(place))
                    .to_owned(),
                origin_id,
                form,
            });
        }
    }
    Ok(all)
}

/// Events as they would stand in the log, by message id: of each the first.
fn forms_of<'e>(
    columns: &Columns,
    source: &str,
    events: impl Iterator<Item = &'e Event<'e>>,
    now_ms: i64,
) -> Result<FxHashMap<String, Form>, Error> {
    let mut columns = columns.clone();
    let mut rows = Rows::default();
    let mut seen: FxHashSet<&str> = FxHashSet::default();
    for event in events.filter(|event| seen.insert(&event.message_id)) {
        rows.push(source, 0, event, &mut columns, now_ms);
    }
    if rows.is_empty() {
        return Ok(FxHashMap::default());
    }
    let batch = rows.batch(&columns, |profile_id| profile_id)?;
    Ok(batch_forms(&columns, &batch)?.into_iter().collect())
}

fn batch_forms(columns: &Columns, batch: &RecordBatch) -> Result<Vec<(String, Form)>, Error> {
    let properties = json_objects(columns, batch)?;
    let texts = |name: &str| {
        let column = batch.column_by_name(name)?;
        Some(column.as_string_view_opt()?.clone())
    };
    let ids = texts(schema::MESSAGE_ID);
    let named = [
        texts(schema::TYPE),
        texts(schema::EVENT),
        texts(schema::USER_ID),
        texts(schema::ANONYMOUS_ID),
        texts(schema::CONTEXT),
    ];
    let identifiers = texts(schema::IDENTIFIERS);
    let times = batch.column_by_name(schema::TIMESTAMP);
    let times = times.map(|times| times.as_primitive::<TimestampMillisecondType>());
    let text = |column: &Option<arrow::array::StringViewArray>, row: usize| {
        let column = column.as_ref()?;
        column.is_valid(row).then(|| column.value(row).to_owned())
    };
    let json = |text: Option<String>| {
        text.and_then(|text| serde_json::from_str(&text).ok())
            .unwrap_or(Value::Null)
    };
    let form = |(row, properties): (usize, String)| {
        let form = Form {
            texts: named.each_ref().map(|column| text(column, row)),
            timestamp_ms: times.map_or(0, |times| times.value(row)),
            identifiers: json(text(&identifiers, row)),
            properties: json(Some(properties)),
        };
        (text(&ids, row).unwrap_or_default(), form)
    };
    Ok(properties.into_iter().enumerate().map(form).collect())
}
