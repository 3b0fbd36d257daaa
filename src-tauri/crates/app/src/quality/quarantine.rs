//! The quarantine: looked through, and replayed: what then passes becomes an event, exactly once, and the rest stays with
//! its new reason.

use std::sync::Arc;

use arrow::{
    array::{
        ArrayRef, BinaryArray, Int32Array, Int64Array, RecordBatch, StringArray, TimestampMillisecondArray,
        new_null_array,
    },
    datatypes::{DataType, Field, Schema},
};
use tailrace_connectors::{clusters::kafka::raw_schema, formats::text_of};
use tailrace_engine::session::RecordFilter;
use tailrace_model::{
    Error, Result, TopicFormats,
    api::{
        QuarantineDetail, QuarantineList, QuarantineReplay, QuarantineReplayRequest, QuarantineRequest,
        QuarantinedRecord, Topic,
    },
    limits::ROWS_PAGE_MAX,
};

use super::preview::{rows_of, with_transform};
use crate::{
    core::now_ms,
    open::OpenWorkspace,
    people::{Reader, Released},
    records::TopicView,
    store::{QUARANTINE_BYTES_MAX, QUARANTINE_RECORDS_MAX, QuarantineRow, QuarantineWanted, kind_name},
};

/// Records that are judged at once.
const BATCH_RECORDS: u32 = 2_000;
/// Records that an outcome shows.
const SAMPLE_MAX: usize = 200;

pub async fn list(open: &OpenWorkspace, request: &QuarantineRequest) -> Result<QuarantineList> {
    let store = &open.held()?.store;
    let wanted = QuarantineWanted {
        source: request.source.clone(),
        text: request.text.clone(),
        event: request.event.clone(),
        field: request.field.clone(),
    };
    let limit = request.limit.min(ROWS_PAGE_MAX as u32);
    let (mut records, total) = store.quarantine(&wanted, request.offset, limit).await?;
    for record in &mut records {
        mask(open, record);
    }
    Ok(QuarantineList {
        records,
        total,
        evicted: store.quarantine_evicted(&request.source).await?,
        records_max: QUARANTINE_RECORDS_MAX,
        bytes_max: QUARANTINE_BYTES_MAX,
    })
}

fn masks(open: &OpenWorkspace, record: &QuarantinedRecord) -> Option<crate::masks::Masks> {
    let cluster = {
        let workspace = open.workspace();
        let source = workspace.definitions.source(&record.source);
        source.map_or_else(|_| String::new(), |source| source.cluster.clone())
    };
    open.masks(&cluster, &record.topic)
}

fn mask(open: &OpenWorkspace, record: &mut QuarantinedRecord) {
    if let Some(masks) = masks(open, record) {
        record.value = masks.beginning(&record.value);
        record.reason = masks.beginning(&record.reason);
    }
}

pub async fn show(open: &OpenWorkspace, id: i64) -> Result<QuarantineDetail> {
    let (mut record, value) = open.held()?.store.quarantined(id).await?;
    let cut = value.is_none() && !record.value.is_empty();
    let value = match (value, masks(open, &record)) {
        (Some(value), Some(masks)) => masks.value(&value).unwrap_or_default(),
        (Some(value), None) => value,
        (None, _) => record.value.clone().into_bytes(),
    };
    mask(open, &mut record);
    Ok(QuarantineDetail {
        record,
        value: text_of(&value).into_owned(),
        cut,
    })
}

/// Tries records again with the source's definition, or with another transformation.
pub async fn replay(
    open: &Arc<OpenWorkspace>,
    request: &QuarantineReplayRequest,
) -> Result<QuarantineReplay> {
    let store = &open.held()?.store;
    let mut filter = request
        .filter
        .as_deref()
        .filter(|sql| !sql.trim().is_empty())
        .map(|sql| RecordFilter::parse_over(sql, now_ms(), &columns()))
        .transpose()?;
    let sources = match request.source.is_empty() {
        false => vec![request.source.clone()],
        true => store.quarantine_sources().await?,
    };
    let mut outcome = QuarantineReplay::default();
    for source in sources {
        // What was done of the others stays done, and what was asked for is there or is not.
        let definition = open.workspace().definitions.source(&source).cloned();
        let mut definition = match definition {
            Err(_) if request.source.is_empty() => {
                outcome.stayed += store.quarantine(&of(&source), 0, 1).await?.1;
                continue;
            }
            definition => definition?,
        };
        with_transform(&mut definition, request.transform.as_deref())?;
        let mut reader = Reader::of(open, &source, &definition)?;
        // What was posted is JSON.
        if definition.kind.is_kafka() {
            let cluster = open.cluster(&definition.cluster).await?;
            let formats = TopicView::new(open, &cluster, &definition.topic, &TopicFormats::default())?;
            reader.formats = Some(formats);
        }
        let mut after = 0;
        loop {
            let rows = store.quarantine_after(&source, after, BATCH_RECORDS).await?;
            let Some((last, _)) = rows.last() else { break };
            after = last.id;
            let mut chosen = choose(&source, rows, &request.ids, filter.as_mut())?;
            let all = chosen.len();
            chosen.retain(|row| !row.cut);
            // Of these only the beginning is here: they stay as they are.
            outcome.stayed += (all - chosen.len()) as u64;
            outcome.records += (all - chosen.len()) as u64;
            if chosen.is_empty() {
                continue;
            }
            let raw = raw_of(&chosen)?;
            if outcome.sample.len() < SAMPLE_MAX {
                let sample = rows_of(open, &definition, &mut reader, raw.clone()).await?;
                let room = SAMPLE_MAX - outcome.sample.len();
                outcome
                    .sample
                    .extend(sample.into_iter().take(room).map(|(_, row)| row));
            }
            let released = crate::people::release(open, &mut reader, raw, &chosen, request.dry_run).await?;
            outcome.records += chosen.len() as u64;
            add(&mut outcome, &released);
        }
    }
    if !request.dry_run && outcome.records > 0 {
        open.hub.add(&Topic::Events, 0);
    }
    Ok(outcome)
}

fn add(outcome: &mut QuarantineReplay, released: &Released) {
    outcome.collected += released.collected;
    outcome.duplicates += released.duplicates;
    outcome.left_out += released.left_out;
    outcome.stayed += released.stayed;
}

fn of(source: &str) -> QuarantineWanted {
    QuarantineWanted {
        source: source.to_owned(),
        ..QuarantineWanted::default()
    }
}

/// Those that are wanted, and whose whole value is there.
fn choose(
    source: &str,
    rows: Vec<(QuarantineRow, u32)>,
    ids: &[i64],
    filter: Option<&mut RecordFilter>,
) -> Result<Vec<QuarantineRow>> {
    let rows: Vec<(QuarantineRow, u32)> = rows
        .into_iter()
        .filter(|(row, _)| ids.is_empty() || ids.contains(&row.id))
        .collect();
    let Some(filter) = filter else {
        return Ok(rows.into_iter().map(|(row, _)| row).collect());
    };
    let holds = filter.evaluate(&table_of(source, &rows)?)?;
    Ok(rows
        .into_iter()
        .zip(holds.iter())
        .filter(|(_, holds)| *holds == Some(true))
        .map(|((row, _), _)| row)
        .collect())
}

/// What a predicate sees of the quarantine.
fn columns() -> Arc<Schema> {
    let text = |name: &str| Field::new(name, DataType::Utf8, true);
    let whole = |name: &str| Field::new(name, DataType::Int64, true);
    Arc::new(Schema::new(vec![
        whole("id"),
        text("source"),
        text("kind"),
        text("event"),
        text("message_id"),
        text("fields"),
        text("reason"),
        text("topic"),
        whole("partition"),
        whole("offset"),
        whole("tries"),
        text("value"),
    ]))
}

fn table_of(source: &str, rows: &[(QuarantineRow, u32)]) -> Result<RecordBatch> {
    let text = |of: &dyn Fn(&QuarantineRow) -> Option<String>| -> ArrayRef {
        Arc::new(StringArray::from_iter(rows.iter().map(|(row, _)| of(row))))
    };
    let whole = |of: &dyn Fn(&(QuarantineRow, u32)) -> i64| -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(rows.iter().map(of)))
    };
    let value = |row: &QuarantineRow| row.value.as_deref().map(|value| text_of(value).into_owned());
    let arrays = vec![
        whole(&|(row, _)| row.id),
        text(&|_| Some(source.to_owned())),
        text(&|row| Some(kind_name(row.kind).to_owned())),
        text(&|row| row.event.clone()),
        text(&|row| row.message_id.clone()),
        text(&|row| row.fields.clone()),
        text(&|row| Some(row.reason.clone())),
        text(&|row| Some(row.topic.clone())),
        whole(&|(row, _)| i64::from(row.partition)),
        whole(&|(row, _)| row.offset),
        whole(&|(_, tries)| i64::from(*tries)),
        text(&value),
    ];
    RecordBatch::try_new(columns(), arrays).map_err(broken)
}

fn broken(error: arrow::error::ArrowError) -> Error {
    Error::internal("quarantine", format!("records of the quarantine: {error}"))
}

/// Records as a tail hands them over.
fn raw_of(rows: &[QuarantineRow]) -> Result<RecordBatch> {
    let schema = raw_schema();
    let mut arrays: Vec<ArrayRef> = Vec::with_capacity(schema.fields().len());
    for field in schema.fields() {
        arrays.push(match field.name().as_str() {
            "_partition" => Arc::new(Int32Array::from_iter_values(rows.iter().map(|row| row.partition))),
            "_offset" => Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.offset))),
            "_timestamp" => {
                let times = TimestampMillisecondArray::from_iter(rows.iter().map(|row| row.timestamp_ms));
                arrow::compute::cast(&times, field.data_type()).map_err(broken)?
            }
            "_key" => Arc::new(BinaryArray::from_iter(rows.iter().map(|row| row.key.as_deref()))),
            "value" => Arc::new(BinaryArray::from_iter(
                rows.iter().map(|row| row.value.as_deref()),
            )),
            _ => empty(field, rows.len())?,
        });
    }
    RecordBatch::try_new(schema, arrays).map_err(broken)
}

/// Headers are not kept: nothing that becomes an event reads them.
fn empty(field: &Field, rows: usize) -> Result<ArrayRef> {
    match field.data_type() {
        DataType::List(_) | DataType::Map(..) if !field.is_nullable() => {
            let data = arrow::array::ArrayData::new_null(field.data_type(), rows);
            let data = data.into_builder().nulls(None).build().map_err(broken)?;
            Ok(arrow::array::make_array(data))
        }
        data_type => Ok(new_null_array(data_type, rows)),
    }
}
