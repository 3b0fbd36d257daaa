//! What becomes of the events of a batch: transformed, checked against the plan, and told apart from those that go to the
//! quarantine. One for a source, on the way of every record.

use arrow::{
    array::{Array, AsArray, RecordBatch},
    datatypes::{Int32Type, Int64Type, TimestampMillisecondType},
};
use tailrace_engine::{
    events::{Event, Parsed},
    session::{EventTransform, Transformed},
};
use tailrace_model::{Error, Result, SourceDefinition, TrackingPlanDefinition, api::QuarantineKind};

use super::plan::{Plan, Verdict, Violation};
use crate::store::{QuarantineRow, ViolationKey, ViolationRow, Waiting, hour_of};

/// Kinds of violations that wait for a checkpoint, for each source.
const KINDS_PENDING_MAX: usize = 5_000;
/// Bytes of quarantined records that wait for a checkpoint, for each source.
pub(crate) const QUARANTINE_PENDING_BYTES_MAX: usize = 32 << 20;

/// See the module's text. Without transformation and plan it lets everything pass.
#[derive(Default)]
pub(crate) struct Judge {
    transform: Option<EventTransform>,
    plan: Option<Plan>,
}

/// A row that is no event.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Refused {
    pub row: usize,
    pub kind: QuarantineKind,
    pub reason: String,
    pub event: Option<String>,
    pub message_id: Option<String>,
    pub fields: Option<String>,
}

/// What of an event did not fit its plan.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Violated {
    pub row: usize,
    pub event: String,
    pub violation: Violation,
}

/// The events of a batch after it.
#[derive(Debug, Default)]
pub(crate) struct Judged<'a> {
    pub events: Vec<Event<'a>>,
    /// The row of the batch that each came from.
    pub rows: Vec<usize>,
    pub refused: Vec<Refused>,
    pub violated: Vec<Violated>,
    /// Rows, with the message ids of their events; those of a source's own SQL have none.
    pub left_out: Vec<(usize, Option<String>)>,
}

impl Judge {
    pub fn new(
        source: &str,
        definition: &SourceDefinition,
        plan: Option<&TrackingPlanDefinition>,
    ) -> Result<Self> {
        let plan = match (&definition.plan, plan) {
            (None, _) => None,
            (Some(name), Some(plan)) => Some(Plan::compile(name, plan)?),
            (Some(name), None) => {
                let sentence = format!(
                    "the tracking plan \"{name}\", which sources/{source}.toml names, is not there or does not hold: nothing is \
                     collected unchecked; see `tailrace check`"
                );
                return Err(Error::user("plan_unusable", sentence));
            }
        };
        let transform = definition
            .transform
            .as_deref()
            .map(EventTransform::parse)
            .transpose()
            .map_err(|error| error.context(format!("the transformation of source \"{source}\"")))?;
        Ok(Self { transform, plan })
    }

    /// Judges the events of a batch. Rows that were no events before it stay refused.
    pub fn judge<'a>(&mut self, parsed: Parsed<'a>) -> Judged<'a> {
        let mut judged = Judged {
            refused: parsed
                .malformed
                .into_iter()
                .map(|it| Refused {
                    row: it.row,
                    kind: QuarantineKind::Malformed,
                    reason: it.reason,
                    event: None,
                    message_id: None,
                    fields: None,
                })
                .collect(),
            ..Judged::default()
        };
        let (events, rows) = match &mut self.transform {
            None => (parsed.events, parsed.rows),
            Some(transform) => transformed(transform, &parsed.events, &parsed.rows, &mut judged),
        };
        let Some(plan) = &self.plan else {
            (judged.events, judged.rows) = (events, rows);
            return judged;
        };
        judged.events.reserve(events.len());
        judged.rows.reserve(events.len());
        for (mut event, row) in events.into_iter().zip(rows) {
            let violations = match plan.judge(&mut event) {
                Verdict::Fits => Vec::new(),
                Verdict::Kept(violations) => violations,
                Verdict::Blocked(violations, reason) => {
                    let fields: Vec<&str> = violations
                        .iter()
                        .map(|one| one.field.as_str())
                        .filter(|field| !field.is_empty())
                        .collect();
                    judged.refused.push(Refused {
                        row,
                        kind: QuarantineKind::Blocked,
                        reason,
                        event: Some(event.event.to_string()),
                        message_id: Some(event.message_id.to_string()),
                        fields: (!fields.is_empty()).then(|| fields.join(", ")),
                    });
                    note(&mut judged.violated, row, &event, violations);
                    continue;
                }
            };
            note(&mut judged.violated, row, &event, violations);
            judged.events.push(event);
            judged.rows.push(row);
        }
        judged
    }
}

fn note(violated: &mut Vec<Violated>, row: usize, event: &Event<'_>, violations: Vec<Violation>) {
    violated.extend(violations.into_iter().map(|violation| Violated {
        row,
        event: event.event.to_string(),
        violation,
    }));
}

fn transformed(
    transform: &mut EventTransform,
    events: &[Event<'_>],
    rows: &[usize],
    judged: &mut Judged<'_>,
) -> (Vec<Event<'static>>, Vec<usize>) {
    let mut kept = (Vec::with_capacity(events.len()), Vec::with_capacity(events.len()));
    for ((outcome, row), event) in transform.apply(events).into_iter().zip(rows).zip(events) {
        match outcome {
            Transformed::Kept(event) => {
                kept.0.push(*event);
                kept.1.push(*row);
            }
            Transformed::LeftOut => judged.left_out.push((*row, Some(event.message_id.to_string()))),
            Transformed::Failed(reason) => judged.refused.push(Refused {
                row: *row,
                kind: QuarantineKind::Failed,
                reason,
                event: Some(event.event.to_string()),
                message_id: Some(event.message_id.to_string()),
                fields: None,
            }),
        }
    }
    kept
}

impl Judged<'_> {
    /// Adds what is known of violations to what waits for a checkpoint.
    pub fn count_violations(
        &self,
        topic: &str,
        raw: &RecordBatch,
        now: i64,
        waiting: &mut Waiting,
    ) -> Result<u64> {
        if self.violated.is_empty() {
            return Ok(0);
        }
        let columns = Raw::new(raw)?;
        for one in &self.violated {
            let key = ViolationKey {
                hour_ms: hour_of(now),
                event: one.event.clone(),
                field: one.violation.field.clone(),
            };
            let row = ViolationRow {
                count: 1,
                reason: one.violation.reason.clone(),
                topic: topic.to_owned(),
                partition: columns.partitions.value(one.row),
                offset: columns.offsets.value(one.row),
                first_ms: now,
                last_ms: now,
            };
            waiting.violated(key, row, KINDS_PENDING_MAX);
        }
        Ok(self.violated.len() as u64)
    }
}

struct Raw<'a> {
    partitions: &'a arrow::array::Int32Array,
    offsets: &'a arrow::array::Int64Array,
    values: &'a arrow::array::BinaryArray,
    keys: Option<&'a arrow::array::BinaryArray>,
    times: Option<&'a arrow::array::TimestampMillisecondArray>,
}

impl<'a> Raw<'a> {
    fn new(raw: &'a RecordBatch) -> Result<Self> {
        let missing =
            |name: &str| Error::internal("raw_batch", format!("a batch of records has no column {name}"));
        let column = |name: &str| raw.column_by_name(name);
        let partitions = column("_partition").and_then(|it| it.as_primitive_opt::<Int32Type>());
        let offsets = column("_offset").and_then(|it| it.as_primitive_opt::<Int64Type>());
        let values = column("value").and_then(|it| it.as_binary_opt::<i32>());
        Ok(Self {
            partitions: partitions.ok_or_else(|| missing("_partition"))?,
            offsets: offsets.ok_or_else(|| missing("_offset"))?,
            values: values.ok_or_else(|| missing("value"))?,
            keys: column("_key").and_then(|it| it.as_binary_opt::<i32>()),
            times: column("_timestamp").and_then(|it| it.as_primitive_opt::<TimestampMillisecondType>()),
        })
    }
}

/// Partition and offset of each record.
pub(crate) fn places_of(raw: &RecordBatch) -> Result<Vec<(i32, i64)>> {
    let columns = Raw::new(raw)?;
    let partitions = columns.partitions.values().iter().copied();
    Ok(partitions.zip(columns.offsets.values().iter().copied()).collect())
}

/// The refused rows of a batch as the quarantine keeps them.
pub(crate) fn rows_of(
    topic: &str,
    raw: &RecordBatch,
    refused: Vec<Refused>,
    now: i64,
) -> Result<Vec<QuarantineRow>> {
    if refused.is_empty() {
        return Ok(Vec::new());
    }
    let columns = Raw::new(raw)?;
    let bytes = |of: Option<&arrow::array::BinaryArray>, row: usize| {
        of.filter(|of| of.is_valid(row)).map(|of| of.value(row).to_vec())
    };
    let row = |it: Refused| QuarantineRow {
        id: 0,
        topic: topic.to_owned(),
        partition: columns.partitions.value(it.row),
        offset: columns.offsets.value(it.row),
        timestamp_ms: columns
            .times
            .filter(|times| times.is_valid(it.row))
            .map(|times| times.value(it.row)),
        kind: it.kind,
        event: it.event,
        message_id: it.message_id,
        fields: it.fields,
        reason: it.reason,
        key: bytes(columns.keys, it.row),
        value: bytes(Some(columns.values), it.row),
        cut: false,
        seen_ms: now,
    };
    Ok(refused.into_iter().map(row).collect())
}
