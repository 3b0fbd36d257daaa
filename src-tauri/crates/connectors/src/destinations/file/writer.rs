//! Rows as the bytes of a file.

use std::io::{self, Write};

use arrow::{
    compute::{SortColumn, lexsort_to_indices, take_record_batch},
    record_batch::RecordBatch,
};
use parquet::{
    arrow::ArrowWriter,
    basic::{Compression, ZstdLevel},
    file::properties::WriterProperties,
};
use tailrace_model::Result;

use super::config::Format;
use crate::delivery::rows::{Cells, arrow_error};

/// Rows written between two looks at `stop`.
const CHUNK_ROWS: usize = 4_096;

/// The rows in the order of their keys.
pub(super) fn sorted(rows: &RecordBatch, key: &str) -> Result<RecordBatch> {
    let Some(column) = rows.column_by_name(key) else {
        return Ok(rows.clone());
    };
    let column = SortColumn {
        values: column.clone(),
        options: None,
    };
    let order = lexsort_to_indices(&[column], None).map_err(arrow_error)?;
    take_record_batch(rows, &order).map_err(arrow_error)
}

/// Writes all rows, unless `stop` says otherwise: then an error of the kind `Interrupted`.
pub(super) fn write(
    rows: &RecordBatch,
    format: Format,
    out: &mut (impl Write + Send),
    stop: &dyn Fn() -> bool,
) -> io::Result<()> {
    if format == Format::Parquet {
        return write_parquet(rows, out, stop);
    }
    let cells = Cells::of(rows).map_err(io::Error::other)?;
    match format {
        Format::Csv => write_csv_line(out, cells.names().iter().map(|name| Some((*name).to_owned())))?,
        Format::Json => out.write_all(b"[")?,
        Format::JsonLines | Format::Parquet => {}
    }
    for row in 0..cells.rows() {
        if row % CHUNK_ROWS == 0 && stop() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        match format {
            Format::Csv => {
                let texts =
                    (0..cells.names().len()).map(|column| cells.cell(row, column).map(|cell| cell.text()));
                write_csv_line(out, texts)?;
            }
            _ => {
                if format == Format::Json {
                    out.write_all(if row == 0 { b"\n" } else { b",\n" })?;
                }
                serde_json::to_writer(&mut *out, &cells.object(row))?;
                if format == Format::JsonLines {
                    out.write_all(b"\n")?;
                }
            }
        }
    }
    if format == Format::Json {
        out.write_all(b"\n]\n")?;
    }
    Ok(())
}

fn write_parquet(
    rows: &RecordBatch,
    out: &mut (impl Write + Send),
    stop: &dyn Fn() -> bool,
) -> io::Result<()> {
    let compression = Compression::ZSTD(ZstdLevel::default());
    let properties = WriterProperties::builder().set_compression(compression).build();
    let mut writer = ArrowWriter::try_new(out, rows.schema(), Some(properties)).map_err(io::Error::other)?;
    for from in (0..rows.num_rows()).step_by(CHUNK_ROWS) {
        if stop() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let chunk = rows.slice(from, CHUNK_ROWS.min(rows.num_rows() - from));
        writer.write(&chunk).map_err(io::Error::other)?;
    }
    writer.close().map_err(io::Error::other)?;
    Ok(())
}

/// A line by RFC 4180, but ended by a line feed alone. A null is nothing, an empty text is `""`.
fn write_csv_line(out: &mut impl Write, texts: impl Iterator<Item = Option<String>>) -> io::Result<()> {
    for (column, text) in texts.enumerate() {
        if column > 0 {
            out.write_all(b",")?;
        }
        let Some(text) = text else { continue };
        let plain = !text.is_empty()
            && !text.contains([',', '"', '\n', '\r'])
            && !text.starts_with(char::is_whitespace)
            && !text.ends_with(char::is_whitespace);
        if plain {
            out.write_all(text.as_bytes())?;
        } else {
            write!(out, "\"{}\"", text.replace('"', "\"\""))?;
        }
    }
    out.write_all(b"\n")
}
