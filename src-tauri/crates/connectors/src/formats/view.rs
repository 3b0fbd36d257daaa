//! Raw records as the formats of their topic read them: the same batch, its keys and values JSON or text.
//!
//! Invariant: rows and the other columns stay as they are, so that a row of the view is the row of the raw batch.

use std::sync::Arc;

use arrow::{
    array::{AsArray, BinaryArray},
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

/// A raw batch as it is read.
#[derive(Debug, Clone)]
pub struct Viewed {
    /// The columns of the raw batch.
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
        viewed.records = RecordBatch::try_new(raw.schema(), columns)
            .map_err(|error: ArrowError| Error::internal("arrow", format!("a batch of records: {error}")))?;
        Ok(viewed)
    }
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
