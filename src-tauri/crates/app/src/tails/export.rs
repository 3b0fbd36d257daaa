//! All matching records of a topic, or the columns selected of them, as a file: JSON Lines, CSV, Parquet or Arrow.
//!
//! Invariants: every record that matches is in the file, none is cut; the file appears whole or not at all; an export with
//! an end that was stopped before it leaves nothing, one without an end is ended by stopping it.

use std::{
    fs::{self, File},
    io::{BufWriter, Write},
    path::{Path, PathBuf},
    sync::{Arc, LazyLock},
};

use arrow::{
    array::{
        Array, ArrayRef, AsArray, BinaryArray, RecordBatch, StringArray, StringBuilder,
        TimestampMillisecondArray,
    },
    datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit, TimestampMillisecondType},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::{DateTime, SecondsFormat};
use serde_json::{Value, json, value::RawValue};
use tailrace_connectors::formats::text_of;
use tailrace_engine::session::{BatchFile, BatchFormat};
use tailrace_model::{
    Error, Result,
    api::{ExportFormat, FileWritten, TailExport, TailExportRequest, TailState, Topic},
    limits::ROWS_PAGE_MAX,
};

use super::{Keeps, TailView, start};
use crate::{
    core::jobs::{self, Job},
    open::OpenWorkspace,
};

/// How long the next rows are waited for before the end is looked for.
const LOOK_EVERY: std::time::Duration = std::time::Duration::from_millis(100);

static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    let time = DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()));
    Arc::new(Schema::new(vec![
        Field::new("partition", DataType::Int32, false),
        Field::new("offset", DataType::Int64, false),
        Field::new("timestamp", time, true),
        Field::new("key", DataType::Utf8, true),
        Field::new("value", DataType::Utf8, true),
        Field::new("headers", DataType::Utf8, true),
    ]))
});

/// Writes the records that the tail finds; see the module's text.
pub async fn export(open: &Arc<OpenWorkspace>, request: TailExportRequest) -> Result<TailExport> {
    let path = open.output_path(&request.path);
    let tail = request.tail;
    let ends = tail.stop_at_end || tail.until_ms.is_some() || tail.limit.is_some();
    let title = format!("Export {} / {} to {}", tail.cluster, tail.topic, path.display());
    let number = start(open, tail, Keeps::Untaken).await?;
    let view = open.tails.get(number)?;
    let mut out = Out::open(&path, request.format, view.columns()).inspect_err(|_| {
        view.stop();
        open.tails.close(number);
    })?;
    let open_too = Arc::clone(open);
    let exported = jobs::run(
        open,
        "export",
        title,
        |_: &TailExport| None,
        move |job| {
            let ended = run(job, &view, &mut out);
            view.stop();
            let status = job.wait(view.ended());
            if open_too.tails.close(number).is_some() {
                open_too.hub.close(&Topic::View(number));
            }
            ended?;
            if let Some(error) = status.error {
                return Err(error);
            }
            if ends && job.token.is_cancelled() {
                return Err(Error::user(
                    "cancelled",
                    "the export was stopped: no file was written",
                ));
            }
            let written = out.finish()?;
            Ok(TailExport {
                path: written.path,
                bytes: written.bytes,
                rows: written.rows,
                scanned: status.scanned,
                scanned_bytes: status.scanned_bytes,
                note: status.note.unwrap_or_default(),
            })
        },
    );
    exported.await
}

/// Takes every row as it is found, until the tail has ended or the job is to stop.
fn run(job: &Job, view: &TailView, out: &mut Out) -> Result<()> {
    let mut at = 0;
    loop {
        // Looked at before the rows are taken: what came before the end is among them.
        let status = view.status();
        let over = matches!(status.state, TailState::Stopped | TailState::Failed) || job.token.is_cancelled();
        loop {
            let page = view.take(at, ROWS_PAGE_MAX as u32)?;
            let rows: usize = page.slices.iter().map(RecordBatch::num_rows).sum();
            if rows == 0 {
                break;
            }
            at = page.first + rows as u64;
            for slice in &page.slices {
                match view.select() {
                    Some(mut select) => out.write_columns(&select.rows(slice)?)?,
                    None => out.write(slice)?,
                }
            }
        }
        let total = status.partitions.iter().map(|it| (it.end - it.from).max(0));
        job.progress(
            status.scanned,
            Some(total.sum::<i64>().unsigned_abs()).filter(|_| !over),
        );
        job.detail(format!("{at} matched"));
        if over {
            return Ok(());
        }
        job.wait(async {
            let _ = tokio::time::timeout(LOOK_EVERY, job.token.cancelled()).await;
        });
    }
}

enum Out {
    Lines(Lines),
    Batches(Option<BatchFile>),
}

impl Out {
    /// Of records, or of these columns.
    fn open(path: &Path, format: ExportFormat, columns: Option<SchemaRef>) -> Result<Self> {
        let format = match format {
            ExportFormat::JsonLines if columns.is_none() => return Lines::open(path).map(Self::Lines),
            ExportFormat::JsonLines => BatchFormat::Json,
            ExportFormat::Csv => BatchFormat::Csv,
            ExportFormat::Parquet => BatchFormat::Parquet,
            ExportFormat::Arrow => BatchFormat::Arrow,
        };
        Ok(Self::Batches(Some(BatchFile::open(
            path,
            format,
            columns.as_ref().unwrap_or(&SCHEMA),
        )?)))
    }

    fn write(&mut self, slice: &RecordBatch) -> Result<()> {
        let parts = Parts::of(slice)?;
        match self {
            Self::Lines(lines) => lines.write(&parts, slice.num_rows()),
            Self::Batches(Some(file)) => file.write(&parts.batch(slice.num_rows())?),
            Self::Batches(None) => Ok(()),
        }
    }

    /// Columns that were selected.
    fn write_columns(&mut self, rows: &RecordBatch) -> Result<()> {
        match self {
            Self::Batches(Some(file)) => file.write(rows),
            Self::Lines(_) | Self::Batches(None) => Ok(()),
        }
    }

    fn finish(&mut self) -> Result<FileWritten> {
        match self {
            Self::Lines(lines) => lines.finish(),
            Self::Batches(file) => match file.take() {
                Some(file) => file.finish(),
                None => Err(Error::internal("export", "the file was finished before")),
            },
        }
    }
}

/// The columns of a batch of records.
struct Parts<'b> {
    partitions: &'b ArrayRef,
    offsets: &'b ArrayRef,
    timestamps: &'b TimestampMillisecondArray,
    keys: &'b BinaryArray,
    values: &'b BinaryArray,
    headers: &'b arrow::array::ListArray,
}

impl<'b> Parts<'b> {
    fn of(slice: &'b RecordBatch) -> Result<Self> {
        let column = |name: &str| {
            slice.column_by_name(name).ok_or_else(|| {
                Error::internal("raw_batch", format!("a batch of records has no column {name}"))
            })
        };
        Ok(Self {
            partitions: column("_partition")?,
            offsets: column("_offset")?,
            timestamps: column("_timestamp")?.as_primitive::<TimestampMillisecondType>(),
            keys: column("_key")?.as_binary(),
            values: column("value")?.as_binary(),
            headers: column("_headers")?.as_list(),
        })
    }

    /// `[{"name": ..., "value": ...}]`; none: nothing.
    fn headers(&self, row: usize) -> Option<Value> {
        let of = self.headers.value(row);
        let of = of.as_struct();
        if of.is_empty() {
            return None;
        }
        let (names, values) = (of.column(0).as_string::<i32>(), of.column(1).as_binary::<i32>());
        let each = (0..of.len()).map(|at| {
            let value = (!values.is_null(at)).then(|| text_of(values.value(at)).into_owned());
            json!({"name": names.value(at), "value": value})
        });
        Some(Value::Array(each.collect()))
    }

    fn batch(&self, rows: usize) -> Result<RecordBatch> {
        let texts =
            |bytes: &BinaryArray| -> StringArray { bytes.iter().map(|bytes| bytes.map(text_of)).collect() };
        let mut headers = StringBuilder::new();
        for row in 0..rows {
            headers.append_option(self.headers(row).map(|headers| headers.to_string()));
        }
        let columns: Vec<ArrayRef> = vec![
            Arc::clone(self.partitions),
            Arc::clone(self.offsets),
            Arc::new(self.timestamps.clone().with_timezone("UTC")),
            Arc::new(texts(self.keys)),
            Arc::new(texts(self.values)),
            Arc::new(headers.finish()),
        ];
        RecordBatch::try_new(Arc::clone(&SCHEMA), columns)
            .map_err(|error| Error::internal("arrow", format!("records of an export: {error}")))
    }
}

/// JSON Lines, as `tailrace produce` reads them.
struct Lines {
    file: Option<BufWriter<File>>,
    path: PathBuf,
    unfinished: PathBuf,
    rows: u64,
}

impl Drop for Lines {
    fn drop(&mut self) {
        if self.file.take().is_some() {
            // Nothing is lost if it stays: it was never the file that was asked for.
            let _ = fs::remove_file(&self.unfinished);
        }
    }
}

impl Lines {
    fn open(path: &Path) -> Result<Self> {
        let mut name = path.file_name().unwrap_or_default().to_os_string();
        name.push(format!(".{}.unfinished", std::process::id()));
        let unfinished = path.with_file_name(name);
        let file = File::create(&unfinished).map_err(|error| failed(path, &error))?;
        Ok(Self {
            file: Some(BufWriter::with_capacity(1 << 20, file)),
            path: path.to_owned(),
            unfinished,
            rows: 0,
        })
    }

    fn write(&mut self, parts: &Parts<'_>, rows: usize) -> Result<()> {
        let partitions = parts.partitions.as_primitive::<arrow::datatypes::Int32Type>();
        let offsets = parts.offsets.as_primitive::<arrow::datatypes::Int64Type>();
        let Some(file) = &mut self.file else { return Ok(()) };
        for row in 0..rows {
            let at = (!parts.timestamps.is_null(row)).then(|| parts.timestamps.value(row));
            let at = at.and_then(DateTime::from_timestamp_millis);
            let at = at.map(|at| at.to_rfc3339_opts(SecondsFormat::Millis, true));
            let mut line = format!(
                "{{\"partition\":{},\"offset\":{},\"timestamp\":{}",
                partitions.value(row),
                offsets.value(row),
                json!(at)
            );
            let key = (!parts.keys.is_null(row)).then(|| parts.keys.value(row));
            part(&mut line, "key", key, false);
            let value = (!parts.values.is_null(row)).then(|| parts.values.value(row));
            part(&mut line, "value", value, true);
            if let Some(headers) = parts.headers(row) {
                line.push_str(&format!(",\"headers\":{headers}"));
            }
            line.push_str("}\n");
            file.write_all(line.as_bytes())
                .map_err(|error| failed(&self.path, &error))?;
        }
        self.rows += rows as u64;
        Ok(())
    }

    fn finish(&mut self) -> Result<FileWritten> {
        let wrong = |error: std::io::Error| failed(&self.path, &error);
        let Some(file) = self.file.take() else {
            return Err(Error::internal("export", "the file was finished before"));
        };
        let renamed = || -> std::io::Result<u64> {
            let file = file.into_inner()?;
            file.sync_all()?;
            let bytes = file.metadata()?.len();
            fs::rename(&self.unfinished, &self.path)?;
            Ok(bytes)
        };
        let bytes = renamed().inspect_err(|_| {
            let _ = fs::remove_file(&self.unfinished);
        });
        Ok(FileWritten {
            path: self.path.display().to_string(),
            bytes: bytes.map_err(wrong)?,
            rows: self.rows,
        })
    }
}

/// `,"value":...`: objects, lists, numbers and booleans as they are, other text as text, and what is no text as base64.
fn part(line: &mut String, name: &str, bytes: Option<&[u8]>, as_json: bool) {
    let Some(bytes) = bytes else {
        line.push_str(&format!(",\"{name}\":null"));
        return;
    };
    let Ok(text) = std::str::from_utf8(bytes) else {
        line.push_str(&format!(",\"{name}_base64\":\"{}\"", STANDARD.encode(bytes)));
        return;
    };
    // A text in quotes, and the word null, would read as something else.
    let plain = as_json
        && text
            .trim_start()
            .starts_with(|c: char| "{[-tf".contains(c) || c.is_ascii_digit());
    match plain && serde_json::from_str::<&RawValue>(text).is_ok() {
        // Within JSON, a line's end is never in a text.
        true => line.push_str(&format!(",\"{name}\":{}", text.trim().replace(['\n', '\r'], " "))),
        false => line.push_str(&format!(",\"{name}\":{}", Value::from(text))),
    }
}

fn failed(path: &Path, error: &std::io::Error) -> Error {
    Error::external(
        "file_write",
        format!("\"{}\" could not be written: {error}", path.display()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_so_that_they_can_be_read_again() {
        let check = |bytes: Option<&[u8]>, expected: &str| {
            let mut line = String::new();
            part(&mut line, "value", bytes, true);
            assert_eq!(line, format!(",{expected}"));
        };
        check(None, r#""value":null"#);
        check(Some(b"{\"a\":\n 1.50}"), r#""value":{"a":  1.50}"#);
        check(Some(b"7"), r#""value":7"#);
        check(Some(b"true"), r#""value":true"#);
        check(Some(b"null"), r#""value":"null""#);
        check(Some(b"\"x\""), r#""value":"\"x\"""#);
        check(Some(b"two\nlines"), r#""value":"two\nlines""#);
        check(Some(b"{broken"), r#""value":"{broken""#);
        check(Some(b"\xff\x00"), r#""value_base64":"/wA=""#);
        check(Some(b""), r#""value":"""#);
    }
}
