//! A query's result as a file or in a pipe: CSV, JSON, JSON lines, Parquet or Arrow, batch by batch.
//!
//! Invariant: the file appears whole or not at all. It is written under another name beside it and renamed at the end;
//! a failed or dropped export leaves nothing behind.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use arrow::{
    array::{ArrayRef, RecordBatch},
    datatypes::{DataType, SchemaRef},
    ipc::writer::FileWriter,
    json::{
        WriterBuilder,
        writer::{JsonArray, LineDelimited},
    },
};
use parquet::{
    arrow::ArrowWriter,
    basic::{Compression, ZstdLevel},
    errors::ParquetError,
    file::properties::WriterProperties,
};
use tailrace_model::{
    Error, Result,
    api::{FileWritten, SqlFormat},
};

use super::{
    Query,
    rows::{Cells, PlainNumbers, TIMESTAMP_FORMAT, readable},
};

/// Writes all that is left of the query. Times are RFC 3339 in UTC with milliseconds, save in Parquet and Arrow, which
/// have a type for them.
pub async fn export(mut query: Query, path: &Path) -> Result<FileWritten> {
    let mut exporter = Exporter::file(path, None, query.schema())?;
    while let Some(batch) = query.next().await? {
        exporter.write(&batch)?;
    }
    exporter.finish()
}

/// Where the bytes go.
type Sink = Box<dyn Write + Send>;

enum Writer {
    Csv(BufWriter<Sink>),
    Lines(Box<arrow::json::Writer<BufWriter<Sink>, LineDelimited>>),
    Array(Box<arrow::json::Writer<BufWriter<Sink>, JsonArray>>),
    Parquet(Box<ArrowWriter<Sink>>),
    Arrow(Box<FileWriter<BufWriter<Sink>>>),
}

/// A result being written, batch by batch. A file that is not finished leaves nothing behind.
pub struct Exporter {
    writer: Option<Writer>,
    file: Option<Unfinished>,
    name: String,
    rows: u64,
}

/// A file under the name that it has while it is written.
struct Unfinished {
    file: File,
    path: PathBuf,
    named: PathBuf,
}

impl Drop for Exporter {
    fn drop(&mut self) {
        self.writer = None;
        if let Some(unfinished) = self.file.take() {
            // Nothing is lost if it stays: it was never the file that was asked for.
            let _ = fs::remove_file(unfinished.path);
        }
    }
}

/// The format that a file's name ends in.
fn format_of(path: &Path) -> Result<SqlFormat> {
    let ending = path.extension().and_then(|ending| ending.to_str());
    match ending.unwrap_or_default().to_ascii_lowercase().as_str() {
        "csv" => Ok(SqlFormat::Csv),
        "jsonl" | "ndjson" => Ok(SqlFormat::Jsonl),
        "json" => Ok(SqlFormat::Json),
        "parquet" => Ok(SqlFormat::Parquet),
        "arrow" | "feather" => Ok(SqlFormat::Arrow),
        _ => Err(Error::user(
            "file_format",
            format!(
                "\"{}\" must end in .csv, .jsonl, .json, .parquet or .arrow, or a format must be named: that says how to write it",
                path.display()
            ),
        )),
    }
}

impl Exporter {
    /// Into a file, in a format or in the one that its name ends in.
    pub fn file(path: &Path, format: Option<SqlFormat>, schema: &SchemaRef) -> Result<Self> {
        let format = format.map_or_else(|| format_of(path), Ok)?;
        let mut name = path.file_name().unwrap_or_default().to_os_string();
        name.push(format!(".{}.unfinished", std::process::id()));
        let unfinished = path.with_file_name(name);
        let shown = format!("\"{}\"", path.display());
        let file = File::create(&unfinished).map_err(|error| failed(&shown, &error))?;
        let mut exporter = Self {
            writer: None,
            file: Some(Unfinished {
                file: file.try_clone().map_err(|error| failed(&shown, &error))?,
                path: unfinished,
                named: path.to_owned(),
            }),
            name: shown,
            rows: 0,
        };
        exporter.writer = Some(exporter.open(Box::new(file), format, schema)?);
        Ok(exporter)
    }

    /// Into a pipe.
    pub fn pipe(sink: Box<dyn Write + Send>, format: SqlFormat, schema: &SchemaRef) -> Result<Self> {
        let mut exporter = Self {
            writer: None,
            file: None,
            name: "the output".to_owned(),
            rows: 0,
        };
        exporter.writer = Some(exporter.open(sink, format, schema)?);
        Ok(exporter)
    }

    fn open(&self, sink: Sink, format: SqlFormat, schema: &SchemaRef) -> Result<Writer> {
        let writer = match format {
            SqlFormat::Csv => csv_header(sink, schema),
            SqlFormat::Jsonl => Ok(Writer::Lines(Box::new(json_writer().build(BufWriter::new(sink))))),
            SqlFormat::Json => Ok(Writer::Array(Box::new(json_writer().build(BufWriter::new(sink))))),
            SqlFormat::Parquet => parquet_writer(sink, schema),
            SqlFormat::Arrow => FileWriter::try_new(BufWriter::new(sink), schema)
                .map(|writer| Writer::Arrow(Box::new(writer)))
                .map_err(io::Error::other),
        };
        writer.map_err(|error| failed(&self.name, &error))
    }

    pub fn rows(&self) -> u64 {
        self.rows
    }

    pub fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.rows += batch.num_rows() as u64;
        let written = match &mut self.writer {
            Some(Writer::Csv(file)) => csv_rows(file, batch),
            Some(Writer::Lines(writer)) => {
                in_utc(batch).and_then(|batch| writer.write(&batch).map_err(io::Error::other))
            }
            Some(Writer::Array(writer)) => {
                in_utc(batch).and_then(|batch| writer.write(&batch).map_err(io::Error::other))
            }
            Some(Writer::Parquet(writer)) => writer.write(batch).map_err(parquet_error),
            Some(Writer::Arrow(writer)) => writer.write(batch).map_err(io::Error::other),
            None => Ok(()),
        };
        written.map_err(|error| failed(&self.name, &error))
    }

    /// What was written so far is handed on to whoever reads it meanwhile.
    pub fn flush(&mut self) -> Result<()> {
        let flushed = match &mut self.writer {
            Some(Writer::Csv(file)) => file.flush(),
            Some(Writer::Lines(writer)) => writer.get_mut().flush(),
            // The others are of no use before they end.
            _ => Ok(()),
        };
        flushed.map_err(|error| failed(&self.name, &error))
    }

    /// The file appears. Of a pipe, the path and the bytes are empty.
    pub fn finish(mut self) -> Result<FileWritten> {
        let bytes = self.close().map_err(|error| failed(&self.name, &error))?;
        let (path, bytes) = bytes.unwrap_or_default();
        Ok(FileWritten {
            path: path.display().to_string(),
            bytes,
            rows: self.rows,
        })
    }

    fn close(&mut self) -> io::Result<Option<(PathBuf, u64)>> {
        match self.writer.take() {
            Some(Writer::Csv(mut file)) => file.flush()?,
            Some(Writer::Lines(mut writer)) => {
                writer.finish().map_err(io::Error::other)?;
                writer.into_inner().flush()?;
            }
            Some(Writer::Array(mut writer)) => {
                writer.finish().map_err(io::Error::other)?;
                let mut file = writer.into_inner();
                file.write_all(b"\n")?;
                file.flush()?;
            }
            Some(Writer::Parquet(writer)) => {
                writer.into_inner().map_err(parquet_error)?.flush()?;
            }
            Some(Writer::Arrow(mut writer)) => {
                writer.finish().map_err(io::Error::other)?;
                writer.into_inner().map_err(io::Error::other)?.flush()?;
            }
            None => return Err(io::Error::other("it was finished before")),
        }
        let Some(unfinished) = self.file.take() else {
            return Ok(None);
        };
        let placed = unfinished.file.sync_all().and_then(|()| {
            let bytes = unfinished.file.metadata()?.len();
            fs::rename(&unfinished.path, &unfinished.named)?;
            Ok(bytes)
        });
        let bytes = placed.inspect_err(|_| {
            let _ = fs::remove_file(&unfinished.path);
        })?;
        Ok(Some((unfinished.named, bytes)))
    }
}

fn failed(name: &str, error: &io::Error) -> Error {
    Error::external("file_write", format!("{name} could not be written: {error}"))
}

fn parquet_error(error: ParquetError) -> io::Error {
    io::Error::other(error)
}

fn parquet_writer(sink: Sink, schema: &SchemaRef) -> io::Result<Writer> {
    let level = ZstdLevel::try_new(3).map_err(parquet_error)?;
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(level))
        .build();
    let writer =
        ArrowWriter::try_new(sink, SchemaRef::clone(schema), Some(properties)).map_err(parquet_error)?;
    Ok(Writer::Parquet(Box::new(writer)))
}

fn json_writer() -> WriterBuilder {
    WriterBuilder::new()
        .with_explicit_nulls(true)
        .with_timestamp_format(TIMESTAMP_FORMAT.to_owned())
        .with_timestamp_tz_format(TIMESTAMP_FORMAT.to_owned())
        .with_encoder_factory(std::sync::Arc::new(PlainNumbers))
}

/// The batch with every time column in UTC, for a format that says `Z`.
fn in_utc(batch: &RecordBatch) -> io::Result<RecordBatch> {
    let times = |data_type: &DataType| matches!(data_type, DataType::Timestamp(..));
    let column = |column: &ArrayRef| {
        if times(column.data_type()) {
            readable(column)
        } else {
            ArrayRef::clone(column)
        }
    };
    let columns: Vec<ArrayRef> = batch.columns().iter().map(column).collect();
    let fields: Vec<_> = std::iter::zip(batch.schema().fields(), &columns)
        .map(|(field, column)| field.as_ref().clone().with_data_type(column.data_type().clone()))
        .collect();
    let schema = std::sync::Arc::new(arrow::datatypes::Schema::new(fields));
    RecordBatch::try_new(schema, columns).map_err(io::Error::other)
}

fn csv_header(sink: Sink, schema: &SchemaRef) -> io::Result<Writer> {
    let mut file = BufWriter::new(sink);
    for (at, field) in schema.fields().iter().enumerate() {
        csv_field(&mut file, at, field.name(), false)?;
    }
    file.write_all(b"\n")?;
    Ok(Writer::Csv(file))
}

fn csv_rows(file: &mut BufWriter<Sink>, batch: &RecordBatch) -> io::Result<()> {
    let columns: Vec<ArrayRef> = batch.columns().iter().map(readable).collect();
    let cells: Vec<Option<Cells>> = columns
        .iter()
        .map(|column| (column.data_type() != &DataType::Null).then(|| Cells::new(column)))
        .collect();
    for row in 0..batch.num_rows() {
        for (at, cells) in cells.iter().enumerate() {
            match cells.as_ref().and_then(|cells| cells.text(row)) {
                Some(text) => csv_field(file, at, &text, text.is_empty())?,
                None if at > 0 => file.write_all(b",")?,
                None => {}
            }
        }
        file.write_all(b"\n")?;
    }
    Ok(())
}

/// RFC 4180; an empty text is quoted, so that it differs from a null.
fn csv_field(file: &mut BufWriter<Sink>, at: usize, text: &str, quoted: bool) -> io::Result<()> {
    if at > 0 {
        file.write_all(b",")?;
    }
    if quoted || text.contains([',', '"', '\n', '\r']) {
        write!(file, "\"{}\"", text.replace('"', "\"\""))
    } else {
        file.write_all(text.as_bytes())
    }
}

/// How rows are written by their file's ending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchFormat {
    Csv,
    /// One object a line.
    Json,
    Parquet,
    /// Arrow's own file.
    Arrow,
}

/// A file of rows being written; see the module's invariant.
pub struct BatchFile(Exporter);

impl BatchFile {
    pub fn open(path: &Path, format: BatchFormat, schema: &SchemaRef) -> Result<Self> {
        let format = match format {
            BatchFormat::Csv => SqlFormat::Csv,
            BatchFormat::Json => SqlFormat::Jsonl,
            BatchFormat::Parquet => SqlFormat::Parquet,
            BatchFormat::Arrow => SqlFormat::Arrow,
        };
        Exporter::file(path, Some(format), schema).map(Self)
    }

    pub fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.0.write(batch)
    }

    pub fn finish(self) -> Result<FileWritten> {
        self.0.finish()
    }
}
