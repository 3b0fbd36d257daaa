//! What a transformation and a plan make of live records, before they are saved; and the saving.

use std::{sync::Arc, time::Duration};

use arrow::{
    array::{Array, AsArray, RecordBatch},
    datatypes::{Int32Type, Int64Type},
};
use tailrace_connectors::{
    clusters::kafka::{Tail, TailFrom, TailSpec},
    formats::preview as beginning,
};
use tailrace_engine::session::{EventTransform, reads_records};
use tailrace_model::{
    Error, Result, SourceDefinition, SourceKind, TopicFormats,
    api::{
        PreviewOutcome, PreviewRow, QuarantineKind, SourcePreview, SourcePreviewRequest,
        SourceTransformRequest, TailStart, Topic,
    },
    limits::CELL_CHARS_MAX,
};
use tokio_util::sync::CancellationToken;

use super::{judge::Judged, shown::event_json};
use crate::{
    core::now_ms,
    open::OpenWorkspace,
    people::{self, Reader, explained},
    records::TopicView,
};

/// Records that one preview looks at.
const PREVIEW_RECORDS_MAX: u32 = 500;
/// A preview shows what came within this.
const TIME_MAX: Duration = Duration::from_secs(15);

/// The newest records of a source's topic, or the newest events that were posted to it, before and after.
pub async fn preview(open: &OpenWorkspace, request: &SourcePreviewRequest) -> Result<SourcePreview> {
    let mut definition = open.workspace().definitions.source(&request.name)?.clone();
    let tried = with_transform(&mut definition, request.transform.as_deref())?;
    let mut reader = Reader::of(open, &request.name, &definition)
        .map_err(|error| placed(open, &request.name, tried, error))?;
    let count = request.count.clamp(1, PREVIEW_RECORDS_MAX);
    let rows = match definition.kind {
        SourceKind::Kafka => of_topic(open, &definition, &mut reader, count).await?,
        SourceKind::Tracking => of_posted(open, &definition, &mut reader, count).await?,
    };
    Ok(SourcePreview {
        transform: definition.transform,
        rows,
    })
}

/// The newest events that were posted, newest first, so far as they are kept.
async fn of_posted(
    open: &OpenWorkspace,
    definition: &SourceDefinition,
    reader: &mut Reader,
    count: u32,
) -> Result<Vec<PreviewRow>> {
    let state = open.workspace().state_dir();
    let newest = || people::newest_posted(&state, &reader.source, count as usize);
    let posted = tokio::task::block_in_place(newest)?;
    let rows = rows_of(open, definition, reader, posted).await?;
    Ok(rows.into_iter().rev().map(|(_, row)| row).collect())
}

/// The newest records of the topic, newest first.
async fn of_topic(
    open: &OpenWorkspace,
    definition: &SourceDefinition,
    reader: &mut Reader,
    count: u32,
) -> Result<Vec<PreviewRow>> {
    let cluster = open.cluster(&definition.cluster).await?;
    reader.formats = Some(TopicView::new(
        open,
        &cluster,
        &definition.topic,
        &TopicFormats::default(),
    )?);
    let mut spec = TailSpec::new(
        &definition.topic,
        TailFrom::Start(TailStart::Last(i64::from(count))),
    );
    spec.stop_at_end = true;
    spec.new_partitions = false;
    let token = CancellationToken::new();
    let _ended = token.clone().drop_guard();
    let mut tail = Tail::start(&cluster.client, spec, now_ms(), token).await?;
    let mut rows: Vec<(i64, PreviewRow)> = Vec::new();
    let reading = async {
        while let Some(batch) = tail.next().await? {
            let times = batch.order_ms.clone();
            let read = rows_of(open, definition, reader, batch.records).await?;
            rows.extend(read.into_iter().map(|(at, row)| (times.value(at), row)));
        }
        Ok::<(), Error>(())
    };
    match tokio::time::timeout(TIME_MAX, reading).await {
        Ok(read) => read?,
        Err(_) if rows.is_empty() => {
            let sentence = format!(
                "topic \"{}\" gave no record within {} seconds: try again, or see `tailrace cluster test {}`",
                definition.topic,
                TIME_MAX.as_secs(),
                definition.cluster
            );
            return Err(Error::external("preview_slow", sentence));
        }
        Err(_) => {}
    }
    // The newest of all partitions, newest first.
    rows.sort_by_key(|(at, row)| std::cmp::Reverse((*at, row.offset)));
    rows.truncate(count as usize);
    Ok(rows.into_iter().map(|(_, row)| row).collect())
}

/// Puts a transformation to try into a definition; says whether one was given.
pub(super) fn with_transform(definition: &mut SourceDefinition, transform: Option<&str>) -> Result<bool> {
    let Some(sql) = transform else {
        return Ok(false);
    };
    if sql.trim().is_empty() {
        definition.transform = None;
    } else if reads_records(sql)? {
        // How a record becomes an event is in question, not what becomes of the event.
        definition.sql = Some(sql.to_owned());
    } else {
        EventTransform::parse(sql)?;
        definition.transform = Some(sql.to_owned());
    }
    Ok(true)
}

/// What stands in a file is told with the file; what was typed, with its own lines.
fn placed(open: &OpenWorkspace, source: &str, tried: bool, error: Error) -> Error {
    match tried {
        true => error,
        false => open.workspace().place_sql(source, "transform", error),
    }
}

/// Each record of a batch, before and after, with its place in the batch.
pub(super) async fn rows_of(
    open: &OpenWorkspace,
    definition: &SourceDefinition,
    reader: &mut Reader,
    raw: RecordBatch,
) -> Result<Vec<(usize, PreviewRow)>> {
    let now = now_ms();
    let (viewed, problems) = reader.view(&raw).await?;
    let records = reader.prepare(raw, viewed)?;
    let before = reader.parsed(&records, now)?;
    let texts: Vec<(usize, String)> = before
        .rows
        .iter()
        .copied()
        .zip(before.events.iter().map(event_json))
        .collect();
    let mut judged = reader.judge(&records, now)?;
    judged.refused = explained(judged.refused, &problems);
    let masks = open.masks(&definition.cluster, &definition.topic);
    let masked = |text: String| match &masks {
        Some(masks) => masks.beginning(&text),
        None => text,
    };
    let rows = outcomes(reader.raw(), &texts, &judged)?;
    Ok(rows
        .into_iter()
        .map(|(at, row)| {
            let row = PreviewRow {
                before: masked(row.before),
                after: row.after.map(&masked),
                ..row
            };
            (at, row)
        })
        .collect())
}

fn outcomes(
    raw: &RecordBatch,
    before: &[(usize, String)],
    judged: &Judged<'_>,
) -> Result<Vec<(usize, PreviewRow)>> {
    let missing = || Error::internal("raw_batch", "a batch of records lacks a column");
    let partitions = raw
        .column_by_name("_partition")
        .and_then(|it| it.as_primitive_opt::<Int32Type>());
    let offsets = raw
        .column_by_name("_offset")
        .and_then(|it| it.as_primitive_opt::<Int64Type>());
    let values = raw
        .column_by_name("value")
        .and_then(|it| it.as_binary_opt::<i32>());
    let (partitions, offsets, values) = (
        partitions.ok_or_else(missing)?,
        offsets.ok_or_else(missing)?,
        values.ok_or_else(missing)?,
    );
    let make = |row: usize, outcome: PreviewOutcome, reason: Option<String>, after: Option<String>| {
        let text = before
            .iter()
            .find(|(at, _)| *at == row)
            .map(|(_, text)| text.clone());
        let row_of = PreviewRow {
            partition: partitions.value(row),
            offset: offsets.value(row),
            outcome,
            reason,
            before: text.unwrap_or_else(|| match values.is_valid(row) {
                true => beginning(values.value(row), CELL_CHARS_MAX),
                false => String::new(),
            }),
            after,
            violations: judged
                .violated
                .iter()
                .filter(|one| one.row == row)
                .map(|one| one.violation.to_string())
                .collect(),
        };
        (row, row_of)
    };
    let mut rows = Vec::with_capacity(raw.num_rows());
    for (row, event) in judged.rows.iter().zip(&judged.events) {
        rows.push(make(*row, PreviewOutcome::Event, None, Some(event_json(event))));
    }
    for (row, _) in &judged.left_out {
        rows.push(make(*row, PreviewOutcome::LeftOut, None, None));
    }
    for refused in &judged.refused {
        let outcome = match refused.kind {
            QuarantineKind::Malformed => PreviewOutcome::Malformed,
            QuarantineKind::Blocked => PreviewOutcome::Blocked,
            QuarantineKind::Failed => PreviewOutcome::Failed,
        };
        rows.push(make(refused.row, outcome, Some(refused.reason.clone()), None));
    }
    rows.sort_by_key(|(row, _)| *row);
    Ok(rows)
}

/// Writes a source's transformation where it stands: its `.sql`, or the key in its `.toml`.
pub fn save_transform(open: &Arc<OpenWorkspace>, request: &SourceTransformRequest) -> Result<()> {
    let sql = request.transform.as_deref().filter(|sql| !sql.trim().is_empty());
    if let Some(sql) = sql {
        EventTransform::parse(sql)?;
    }
    open.workspace_mut().save_transform(&request.name, sql)?;
    people::definitions_changed(open);
    open.hub.add(&Topic::Definitions, 1);
    Ok(())
}
