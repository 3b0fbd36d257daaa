//! A query's result as a file: CSV, JSON lines, Parquet or Arrow, by the ending of its name.
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
    error::ArrowError,
    ipc::writer::FileWriter,
    json::{LineDelimitedWriter, WriterBuilder, writer::LineDelimited},
};
use parquet::{
    arrow::ArrowWriter,
    basic::{Compression, ZstdLevel},
    errors::ParquetError,
    file::properties::WriterProperties,
};
use tailrace_model::{Error, Result, api::FileWritten};

use super::{
    Query,
    rows::{Cells, TIMESTAMP_FORMAT, readable},
};

/// Writes all that is left of the query. Times are RFC 3339 in UTC with milliseconds, save in Parquet, which has a type
/// for them.
pub async fn export(mut query: Query, path: &Path) -> Result<FileWritten> {
    let mut file = BatchFile::open(path, format_of(path)?, query.schema())?;
    while let Some(batch) = query.next().await? {
        file.write(&batch)?;
    }
    file.finish()
}

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchFormat {
    Csv,
    /// One object a line.
    Json,
    Parquet,
    /// Arrow's own file.
    Arrow,
}

/// The format that a file's ending stands for.
pub fn format_of(path: &Path) -> Result<BatchFormat> {
    let ending = path.extension().and_then(|ending| ending.to_str());
    Ok(match ending.unwrap_or_default().to_ascii_lowercase().as_str() {
        "csv" => BatchFormat::Csv,
        "json" | "jsonl" | "ndjson" => BatchFormat::Json,
        "parquet" => BatchFormat::Parquet,
        "arrow" | "feather" => BatchFormat::Arrow,
        _ => {
            let message = format!(
                "\"{}\" must end in .csv, .json, .parquet or .arrow: that says how to write it",
                path.display()
            );
            return Err(Error::user("file_format", message));
        }
    })
}

/// A file of rows being written; see the module's invariant.
pub struct BatchFile {
    writer: Writer,
    path: PathBuf,
    rows: u64,
}

impl BatchFile {
    pub fn open(path: &Path, format: BatchFormat, schema: &SchemaRef) -> Result<Self> {
        Ok(Self {
            writer: Writer::open(path, format, schema)?,
            path: path.to_owned(),
            rows: 0,
        })
    }

    pub fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.rows += batch.num_rows() as u64;
        self.writer
            .write(batch)
            .map_err(|error| failed(&self.path, &error))
    }

    /// Gives the file its name.
    pub fn finish(self) -> Result<FileWritten> {
        let bytes = self
            .writer
            .finish(&self.path)
            .map_err(|error| failed(&self.path, &error))?;
        Ok(FileWritten {
            path: self.path.display().to_string(),
            bytes,
            rows: self.rows,
        })
    }
}

fn failed(path: &Path, error: &io::Error) -> Error {
    Error::external(
        "file_write",
        format!("\"{}\" could not be written: {error}", path.display()),
    )
}

enum Format {
    Csv(BufWriter<File>),
    Json(Box<arrow::json::Writer<BufWriter<File>, LineDelimited>>),
    Parquet(Box<ArrowWriter<File>>),
    Arrow(Box<FileWriter<BufWriter<File>>>),
}

struct Writer {
    format: Option<Format>,
    /// The name under which it is written; taken once it was renamed.
    unfinished: Option<PathBuf>,
}

impl Drop for Writer {
    fn drop(&mut self) {
        if let Some(path) = self.unfinished.take() {
            self.format = None;
            // Nothing is lost if it stays: it was never the file that was asked for.
            let _ = fs::remove_file(path);
        }
    }
}

impl Writer {
    fn open(path: &Path, format: BatchFormat, schema: &SchemaRef) -> Result<Self> {
        let mut name = path.file_name().unwrap_or_default().to_os_string();
        name.push(format!(".{}.unfinished", std::process::id()));
        let unfinished = path.with_file_name(name);
        let file = File::create(&unfinished).map_err(|error| failed(path, &error))?;
        let mut writer = Self {
            format: None,
            unfinished: Some(unfinished),
        };
        let format = match format {
            BatchFormat::Csv => csv_header(file, schema),
            BatchFormat::Parquet => parquet_writer(file, schema),
            BatchFormat::Json => Ok(json_writer(file)),
            BatchFormat::Arrow => arrow_writer(file, schema),
        };
        writer.format = Some(format.map_err(|error| failed(path, &error))?);
        Ok(writer)
    }

    fn write(&mut self, batch: &RecordBatch) -> io::Result<()> {
        match &mut self.format {
            Some(Format::Csv(file)) => csv_rows(file, batch),
            Some(Format::Json(writer)) => writer.write(&in_utc(batch)?).map_err(io::Error::other),
            Some(Format::Parquet(writer)) => writer.write(batch).map_err(parquet_error),
            Some(Format::Arrow(writer)) => writer.write(batch).map_err(arrow_error),
            None => Ok(()),
        }
    }

    fn finish(mut self, path: &Path) -> io::Result<u64> {
        let file = match self.format.take() {
            Some(Format::Csv(file)) => file.into_inner()?,
            Some(Format::Json(mut writer)) => {
                writer.finish().map_err(io::Error::other)?;
                writer.into_inner().into_inner()?
            }
            Some(Format::Parquet(writer)) => writer.into_inner().map_err(parquet_error)?,
            Some(Format::Arrow(mut writer)) => {
                writer.finish().map_err(arrow_error)?;
                writer.into_inner().map_err(arrow_error)?.into_inner()?
            }
            None => return Err(io::Error::other("it was finished before")),
        };
        file.sync_all()?;
        let bytes = file.metadata()?.len();
        if let Some(unfinished) = self.unfinished.take() {
            fs::rename(&unfinished, path).inspect_err(|_| {
                let _ = fs::remove_file(&unfinished);
            })?;
        }
        Ok(bytes)
    }
}

fn parquet_error(error: ParquetError) -> io::Error {
    io::Error::other(error)
}

fn arrow_error(error: ArrowError) -> io::Error {
    io::Error::other(error)
}

fn arrow_writer(file: File, schema: &SchemaRef) -> io::Result<Format> {
    let writer = FileWriter::try_new(BufWriter::new(file), schema).map_err(arrow_error)?;
    Ok(Format::Arrow(Box::new(writer)))
}

fn parquet_writer(file: File, schema: &SchemaRef) -> io::Result<Format> {
    let level = ZstdLevel::try_new(3).map_err(parquet_error)?;
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(level))
        .build();
    let writer =
        ArrowWriter::try_new(file, SchemaRef::clone(schema), Some(properties)).map_err(parquet_error)?;
    Ok(Format::Parquet(Box::new(writer)))
}

fn json_writer(file: File) -> Format {
    let writer: LineDelimitedWriter<BufWriter<File>> = WriterBuilder::new()
        .with_explicit_nulls(true)
        .with_timestamp_format(TIMESTAMP_FORMAT.to_owned())
        .with_timestamp_tz_format(TIMESTAMP_FORMAT.to_owned())
        .build(BufWriter::new(file));
    Format::Json(Box::new(writer))
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

fn csv_header(file: File, schema: &SchemaRef) -> io::Result<Format> {
    let mut file = BufWriter::new(file);
    for (at, field) in schema.fields().iter().enumerate() {
        csv_field(&mut file, at, field.name(), false)?;
    }
    file.write_all(b"\n")?;
    Ok(Format::Csv(file))
}

fn csv_rows(file: &mut BufWriter<File>, batch: &RecordBatch) -> io::Result<()> {
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
fn csv_field(file: &mut BufWriter<File>, at: usize, text: &str, quoted: bool) -> io::Result<()> {
    if at > 0 {
        file.write_all(b",")?;
    }
    if quoted || text.contains([',', '"', '\n', '\r']) {
        write!(file, "\"{}\"", text.replace('"', "\"\""))
    } else {
        file.write_all(text.as_bytes())
    }
}
