//! Raw records as the formats of their topic read them: the same batch, its keys and values JSON or text, and beside them
//! why a value is not of its format and how many bytes it was.
//!
//! Invariant: rows and the other columns stay as they are, so that a row of the view is the row of the raw batch.

use std::{borrow::Cow, sync::Arc};

use arrow::{
    array::{AsArray, BinaryArray, Int64Array, StringArray},
    datatypes::{DataType, Field, Schema},
    error::ArrowError,
    record_batch::RecordBatch,
};
use tailrace_model::{Error, Result};

use super::transcode::{Problem, Transcoder};

/// How a topic's keys and values are read; absent: they are JSON or text already.
#[derive(Debug, Default)]
pub struct RecordView {
    pub key: Option<Transcoder>,
    pub value: Option<Transcoder>,
}

/// Why the value, or else the key, is not of its format (text, null where it is). Only where a format was read.
pub const PROBLEM: &str = "_problem";
/// The bytes of the value before it was read (64 bits, null where there was none). Only where a format was read.
pub const VALUE_BYTES: &str = "_value_bytes";

/// A raw batch as it is read.
#[derive(Debug, Clone)]
pub struct Viewed {
    /// The columns of the raw batch, and where a format was read [`PROBLEM`] and [`VALUE_BYTES`].
    pub records: RecordBatch,
    /// Values that are not of their format, by row.
    pub problems: Vec<Problem>,
    pub key_problems: Vec<Problem>,
}

impl RecordView {
    /// Asks the registry for the schemas that these records name, if it has to be asked.
    pub async fn prepare(&mut self, raw: &RecordBatch, now_ms: i64) -> Result<()> {
        for (name, transcoder) in [("_key", &mut self.key), ("value", &mut self.value)] {
            if let Some(transcoder) = transcoder {
                transcoder.prepare(column(raw, name)?.1, now_ms).await;
            }
        }
        Ok(())
    }

    /// Why some of these records, though prepared, cannot be read now and may be later.
    pub fn owed(&self, raw: &RecordBatch) -> Result<Option<&str>> {
        for (name, transcoder) in [("_key", &self.key), ("value", &self.value)] {
            if let Some(transcoder) = transcoder
                && let Some(why) = transcoder.owed(column(raw, name)?.1)
            {
                return Ok(Some(why));
            }
        }
        Ok(None)
    }

    /// `raw` has at least the columns `_key` and `value`, of bytes.
    pub fn view(&mut self, raw: &RecordBatch) -> Result<Viewed> {
        let mut viewed = Viewed {
            records: raw.clone(),
            problems: Vec::new(),
            key_problems: Vec::new(),
        };
        if self.key.is_none() && self.value.is_none() {
            return Ok(viewed);
        }
        let mut columns = raw.columns().to_vec();
        for (name, transcoder, problems) in [
            ("_key", &mut self.key, &mut viewed.key_problems),
            ("value", &mut self.value, &mut viewed.problems),
        ] {
            let Some(transcoder) = transcoder else {
                continue;
            };
            let (at, bytes) = column(raw, name)?;
            let keys = (name == "value").then(|| column(raw, "_key")).transpose()?;
            let transcoded = transcoder.transcode_keyed(bytes, keys.map(|(_, keys)| keys));
            columns[at] = Arc::new(transcoded.unquoted());
            *problems = transcoded.problems;
        }
        let mut fields = raw.schema_ref().fields().to_vec();
        fields.push(Arc::new(Field::new(PROBLEM, DataType::Utf8, true)));
        columns.push(Arc::new(reasons(&viewed, raw.num_rows())));
        fields.push(Arc::new(Field::new(VALUE_BYTES, DataType::Int64, true)));
        columns.push(Arc::new(lengths(column(raw, "value")?.1)));
        viewed.records = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
            .map_err(|error: ArrowError| Error::internal("arrow", format!("a batch of records: {error}")))?;
        Ok(viewed)
    }
}

fn reasons(viewed: &Viewed, rows: usize) -> StringArray {
    let mut reasons: Vec<Option<Cow<'_, str>>> = vec![None; rows];
    for problem in &viewed.key_problems {
        reasons[problem.row] = Some(Cow::Owned(format!("the key: {}", problem.reason)));
    }
    for problem in &viewed.problems {
        reasons[problem.row] = Some(Cow::Borrowed(&problem.reason));
    }
    reasons.into_iter().collect()
}

fn lengths(values: &BinaryArray) -> Int64Array {
    values
        .iter()
        .map(|value| value.map(|value| i64::try_from(value.len()).unwrap_or(i64::MAX)))
        .collect()
}

fn column<'a>(raw: &'a RecordBatch, name: &str) -> Result<(usize, &'a BinaryArray)> {
    raw.schema_ref()
        .index_of(name)
        .ok()
        .and_then(|at| Some((at, raw.column(at).as_binary_opt::<i32>()?)))
        .ok_or_else(|| {
            Error::internal(
                "arrow",
                format!("a batch of records has no column {name} of bytes"),
            )
        })
}
