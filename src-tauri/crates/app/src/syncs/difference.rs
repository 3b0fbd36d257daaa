//! The difference between an audience now and what its destination last acknowledged.

use std::collections::{HashMap, HashSet};

use arrow::{
    array::{Array, RecordBatch, UInt32Array},
    compute::{concat_batches, take_record_batch},
    datatypes::SchemaRef,
    json::{LineDelimitedWriter, ReaderBuilder},
};
use tailrace_connectors::{delivery::keys, destinations::Destination};
use tailrace_engine::session::{columns, rows_of};
use tailrace_model::{
    Error, Result, SyncDefinition,
    api::{Column, Rows, SyncDifference},
};

use super::places::{self, Start};
use crate::{
    open::{Held, OpenWorkspace},
    store::{AcknowledgedRow, RowsOf},
};

/// Rows that a difference shows.
const SAMPLE_ROWS_MAX: usize = 50;
/// Fewer acknowledged rows than this are removed by the schedule, be it all of them.
pub const EMPTIED_ROWS_MIN: u64 = 10;

/// See the module's text. `rows` are all members that have a key, in the mapped columns.
#[derive(Debug)]
pub struct Difference {
    pub rows: RecordBatch,
    key: String,
    keys: Vec<String>,
    add: Vec<u32>,
    change: Vec<u32>,
    remove: Vec<(String, Option<String>)>,
    without_key: u64,
    pub added: u64,
    pub changed: u64,
    pub removed: u64,
    /// Nothing of this sync was ever acknowledged where it writes now.
    pub never_delivered: bool,
    /// Rows acknowledged there.
    acknowledged: u64,
    pub start: Start,
}

/// Computes it: members and their mapped values now, against the rows acknowledged where the sync writes now.
pub async fn compute(
    open: &OpenWorkspace,
    held: &Held,
    name: &str,
    definition: &SyncDefinition,
    destination: &dyn Destination,
) -> Result<Difference> {
    let members = members(held, &definition.audience)?;
    let all = held
        .people
        .mapped_rows(open, &members, &definition.mapping)
        .await?;
    let (rows, without_key) = with_key(&all, &definition.key)?;
    let kind = open
        .workspace()
        .definitions
        .destination(&definition.destination)?
        .kind;
    let context = places::context(name, definition);
    let start = Start::of(&held.store, destination, kind, &context).await?;
    let acknowledged = match (start.gone, held.store.sync_place(name).await?) {
        (true, _) => HashMap::new(),
        (false, Some(_)) => held.store.acknowledged(&start.rows_of(name)).await?,
        (false, None) => held.store.acknowledged(&RowsOf::new(name, None)).await?,
    };
    diff(rows, without_key, start, &acknowledged)
}

/// The members of the last evaluation, unless there was none or it failed.
pub fn members(held: &Held, audience: &str) -> Result<Vec<i64>> {
    let Some(state) = held.people.audience(audience) else {
        let why = held.people.audience_error(audience);
        let why = why.map_or_else(String::new, |error| format!(" ({error})"));
        return Err(Error::user(
            "audience_not_evaluated",
            format!(
                "audience \"{audience}\" was not evaluated yet{why}, so nothing is delivered and nothing removed: run \
                 `tailrace audience run {audience}` first, or wait for the window to do it"
            ),
        ));
    };
    match state.error {
        Some(error) => Err(Error::external(
            "audience_failed",
            format!(
                "audience \"{audience}\" could not be evaluated, so nothing is delivered and nothing removed until it can \
                 be: {error}"
            ),
        )),
        None => Ok(state.membership.ids()),
    }
}

/// Keeps the rows that have a key, each key once.
fn with_key(rows: &RecordBatch, key: &str) -> Result<(RecordBatch, u64)> {
    let column = rows.column_by_name(key).ok_or_else(|| {
        Error::user(
            "sync_key",
            format!("the key \"{key}\" is not one of the mapping's columns: add it to [mapping]"),
        )
    })?;
    let text = arrow::compute::cast(column, &arrow::datatypes::DataType::Utf8).map_err(arrow_error)?;
    let text = arrow::array::AsArray::as_string::<i32>(&text);
    let mut seen = HashSet::new();
    let kept: UInt32Array = (0..text.len())
        .filter(|&row| !text.is_null(row) && !text.value(row).is_empty() && seen.insert(text.value(row)))
        .map(|row| row as u32)
        .collect();
    let without_key = (rows.num_rows() - kept.len()) as u64;
    Ok((take_record_batch(rows, &kept).map_err(arrow_error)?, without_key))
}

fn diff(
    rows: RecordBatch,
    without_key: u64,
    start: Start,
    acknowledged: &HashMap<String, AcknowledgedRow>,
) -> Result<Difference> {
    let key = start.place.key.clone();
    let keys = keys(&rows, &key)?;
    let texts = rows_as_json(&rows)?;
    let (mut add, mut change) = (Vec::new(), Vec::new());
    for (row, (key, text)) in keys.iter().zip(&texts).enumerate() {
        match acknowledged.get(key) {
            None => add.push(row as u32),
            Some(AcknowledgedRow { row: None, .. }) => add.push(row as u32),
            Some(known) if known.in_doubt || known.row.as_ref() != Some(text) => change.push(row as u32),
            Some(_) => {}
        }
    }
    let now: HashSet<&String> = keys.iter().collect();
    let mut remove: Vec<(String, Option<String>)> = acknowledged
        .iter()
        .filter(|(key, _)| !now.contains(key))
        .map(|(key, known)| (key.clone(), known.row.clone()))
        .collect();
    remove.sort();
    Ok(Difference {
        added: add.len() as u64,
        changed: change.len() as u64,
        removed: remove.len() as u64,
        never_delivered: acknowledged.is_empty() && !start.place.delivered,
        acknowledged: acknowledged.values().filter(|it| it.row.is_some()).count() as u64,
        start,
        key,
        keys,
        add,
        change,
        remove,
        without_key,
        rows,
    })
}

impl Difference {
    pub fn is_empty(&self) -> bool {
        self.owed() == 0
    }

    /// Why the schedule does not deliver it by itself: it removes every row that is there, and puts less than half as
    /// many in their place.
    pub fn refuse_emptying(&self, name: &str, audience: &str) -> Result<()> {
        let removed = self.remove.iter().filter(|(_, row)| row.is_some()).count() as u64;
        let removed = removed.max(self.start.replaced);
        let few = self.rows.num_rows() as u64 * 2 < removed;
        if removed < EMPTIED_ROWS_MIN || removed < self.acknowledged || !few {
            return Ok(());
        }
        Err(Error::external(
            "sync_would_empty",
            format!(
                "all {removed} rows that this sync wrote to {} would be removed, with {} in their place, which no schedule does \
                 by itself: find out why the audience \"{audience}\" has lost its members, or run `tailrace sync run {name}` \
                 if it is meant",
                self.start.place.shown,
                self.rows.num_rows(),
            ),
        ))
    }

    /// Rows that the destination does not have as they are now.
    pub fn owed(&self) -> u64 {
        self.added + self.changed + self.removed
    }

    /// Added and changed rows; those in `last` come last.
    pub fn upserts(&self, last: &HashSet<String>) -> Result<RecordBatch> {
        let mut wanted: Vec<u32> = self.add.iter().chain(&self.change).copied().collect();
        wanted.sort_by_key(|&row| last.contains(&self.keys[row as usize]));
        self.take(&wanted)
    }

    fn take(&self, wanted: &[u32]) -> Result<RecordBatch> {
        take_record_batch(&self.rows, &UInt32Array::from(wanted.to_vec())).map_err(arrow_error)
    }

    /// Rows to remove, as last acknowledged; of a row that never was, only the key.
    pub fn removes(&self) -> Result<RecordBatch> {
        let mut lines = String::new();
        for (key, row) in &self.remove {
            match row {
                Some(row) => lines.push_str(row),
                None => lines.push_str(&serde_json::json!({ &self.key: key }).to_string()),
            }
            lines.push('\n');
        }
        rows_from_json(&lines, self.rows.schema())
    }

    /// Counts and the first rows.
    pub fn show(&self) -> Result<SyncDifference> {
        let parts = [
            (
                "add",
                self.take(&self.add[..self.add.len().min(SAMPLE_ROWS_MAX)])?,
            ),
            (
                "change",
                self.take(&self.change[..self.change.len().min(SAMPLE_ROWS_MAX)])?,
            ),
            (
                "remove",
                self.removes()?.slice(0, self.remove.len().min(SAMPLE_ROWS_MAX)),
            ),
        ];
        let mut sample = Rows::default();
        for (change, batch) in &parts {
            sample.columns = columns(&batch.schema());
            sample.rows.extend(rows_of(batch).into_iter().map(|mut row| {
                row.insert(0, Some((*change).to_owned()));
                row
            }));
        }
        sample.rows.truncate(SAMPLE_ROWS_MAX);
        let change = Column {
            name: "change".to_owned(),
            data_type: "VARCHAR".to_owned(),
            numeric: false,
        };
        sample.columns.insert(0, change);
        sample.total = self.owed();
        Ok(SyncDifference {
            added: self.added,
            changed: self.changed,
            removed: self.removed,
            unchanged: self.rows.num_rows() as u64 - self.added - self.changed,
            without_key: self.without_key,
            sample,
            note: self.start.note.clone(),
        })
    }
}

/// One JSON object a row, nulls written.
pub fn rows_as_json(rows: &RecordBatch) -> Result<Vec<String>> {
    if rows.num_rows() == 0 {
        return Ok(Vec::new());
    }
    let mut writer: LineDelimitedWriter<Vec<u8>> = arrow::json::WriterBuilder::new()
        .with_explicit_nulls(true)
        .build::<_, arrow::json::writer::LineDelimited>(Vec::new());
    writer.write(rows).map_err(arrow_error)?;
    writer.finish().map_err(arrow_error)?;
    let text = String::from_utf8(writer.into_inner())
        .map_err(|error| Error::internal("sync_rows", format!("rows can't be written as JSON: {error}")))?;
    Ok(text.lines().map(str::to_owned).collect())
}

fn rows_from_json(lines: &str, schema: SchemaRef) -> Result<RecordBatch> {
    // What was acknowledged may have had other columns: all may be missing now.
    let fields = schema
        .fields()
        .iter()
        .map(|field| field.as_ref().clone().with_nullable(true));
    let schema: SchemaRef = std::sync::Arc::new(arrow::datatypes::Schema::new(fields.collect::<Vec<_>>()));
    let reader = ReaderBuilder::new(schema.clone())
        .with_coerce_primitive(true)
        .build(lines.as_bytes())
        .map_err(arrow_error)?;
    let batches = reader.collect::<Result<Vec<_>, _>>().map_err(arrow_error)?;
    concat_batches(&schema, &batches).map_err(arrow_error)
}

fn arrow_error(error: arrow::error::ArrowError) -> Error {
    Error::internal(
        "sync_rows",
        format!("the rows of a sync can't be computed: {error}"),
    )
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::{
        array::{Float64Array, StringArray},
        datatypes::{DataType, Field, Schema},
    };

    use super::*;
    use crate::store::PlaceRow;

    fn batch(rows: &[(Option<&str>, Option<f64>)]) -> RecordBatch {
        let schema = Schema::new(vec![
            Field::new("user_id", DataType::Utf8, true),
            Field::new("value", DataType::Float64, true),
        ]);
        let ids: StringArray = rows.iter().map(|(id, _)| *id).collect();
        let values: Float64Array = rows.iter().map(|(_, value)| *value).collect();
        RecordBatch::try_new(Arc::new(schema), vec![Arc::new(ids), Arc::new(values)]).unwrap()
    }

    fn known(row: Option<&str>, in_doubt: bool) -> AcknowledgedRow {
        AcknowledgedRow {
            row: row.map(str::to_owned),
            in_doubt,
        }
    }

    fn compute(rows: &[(Option<&str>, Option<f64>)], there: &[(&str, AcknowledgedRow)]) -> Difference {
        let there = there
            .iter()
            .map(|(key, row)| ((*key).to_owned(), row.clone()))
            .collect();
        let (rows, without_key) = with_key(&batch(rows), "user_id").unwrap();
        let place = PlaceRow {
            place: "a".to_owned(),
            shown: "a at crm".to_owned(),
            key: "user_id".to_owned(),
            delivered: false,
        };
        let start = Start {
            place,
            gone: false,
            replaced: 0,
            unsaid: false,
            note: None,
        };
        diff(rows, without_key, start, &there).unwrap()
    }

    #[test]
    fn the_difference_is_to_what_was_acknowledged() {
        let a = r#"{"user_id":"a","value":1.0}"#;
        let b = r#"{"user_id":"b","value":2.0}"#;
        let found = compute(
            &[(Some("a"), Some(1.0)), (Some("b"), Some(3.0)), (Some("c"), None)],
            &[
                ("a", known(Some(a), false)),
                ("b", known(Some(b), false)),
                ("gone", known(Some(b), false)),
            ],
        );
        assert_eq!(
            (found.added, found.changed, found.removed, found.owed()),
            (1, 1, 1, 3)
        );
        let upserts = rows_as_json(&found.upserts(&HashSet::new()).unwrap()).unwrap();
        assert_eq!(
            upserts,
            [
                r#"{"user_id":"c","value":null}"#,
                r#"{"user_id":"b","value":3.0}"#
            ]
        );
        let refused = HashSet::from(["c".to_owned()]);
        let last = rows_as_json(&found.upserts(&refused).unwrap()).unwrap();
        assert_eq!(
            last.last().map(String::as_str),
            Some(r#"{"user_id":"c","value":null}"#)
        );
        assert_eq!(found.removes().unwrap().num_rows(), 1);
    }

    #[test]
    fn a_row_in_doubt_is_sent_again_or_removed() {
        let a = r#"{"user_id":"a","value":1.0}"#;
        let found = compute(
            &[(Some("a"), Some(1.0)), (Some("new"), Some(1.0))],
            &[
                ("a", known(Some(a), true)),
                ("new", known(None, true)),
                ("left", known(None, true)),
            ],
        );
        assert_eq!((found.added, found.changed, found.removed), (1, 1, 1));
        let removes = rows_as_json(&found.removes().unwrap()).unwrap();
        assert_eq!(removes, [r#"{"user_id":"left","value":null}"#]);
    }

    #[test]
    fn nothing_changed_is_nothing_owed() {
        let a = r#"{"user_id":"a","value":1.0}"#;
        let found = compute(&[(Some("a"), Some(1.0))], &[("a", known(Some(a), false))]);
        assert!(found.is_empty() && !found.never_delivered);
        assert!(compute(&[], &[]).never_delivered);
    }

    #[test]
    fn a_schedule_empties_no_destination() {
        let there = |count: usize| -> Vec<(String, AcknowledgedRow)> {
            let row = |at: usize| (format!("k{at:02}"), known(Some("{}"), false));
            (0..count).map(row).collect()
        };
        let check = |rows: &[&str], count: usize, refused: bool| {
            let there = there(count);
            let there: Vec<_> = there
                .iter()
                .map(|(key, row)| (key.as_str(), row.clone()))
                .collect();
            let rows: Vec<_> = rows.iter().map(|key| (Some(*key), None)).collect();
            let found = compute(&rows, &there).refuse_emptying("vips", "all");
            assert_eq!(found.is_err(), refused, "{rows:?} {count}");
        };
        check(&[], EMPTIED_ROWS_MIN as usize, true);
        check(&[], EMPTIED_ROWS_MIN as usize - 1, false);
        check(&["new"], 20, true);
        check(&["k01"], 20, false);
        let others: Vec<String> = (0..EMPTIED_ROWS_MIN).map(|at| format!("other{at}")).collect();
        let others: Vec<&str> = others.iter().map(String::as_str).collect();
        check(&others, 20, false);
    }

    #[test]
    fn a_member_without_a_key_is_counted_and_a_key_goes_once() {
        let found = compute(
            &[
                (None, Some(1.0)),
                (Some(""), None),
                (Some("a"), None),
                (Some("a"), Some(2.0)),
            ],
            &[],
        );
        assert_eq!((found.added, found.without_key), (1, 3));
        assert!(with_key(&batch(&[]), "email").is_err());
    }
}
