//! One file of the event log: Parquet, sorted by (profile_id, timestamp, message_id), never changed once written.
//!
//! It is written beside its place under a temporary name, synced, renamed, and its folder synced, so that a file with a
//! segment's name is whole. A retired segment (compacted, or never committed) is deleted when the last reader lets go.

use std::{
    fs::{self, File},
    io::{BufWriter, Write},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use parquet::{
    arrow::{
        ArrowWriter,
        arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions},
    },
    basic::{Compression, ZstdLevel},
    file::{
        metadata::ParquetMetaData,
        properties::{EnabledStatistics, WriterProperties},
    },
    schema::types::ColumnPath,
};
use tailrace_model::Error;
use xxhash_rust::xxh3::Xxh3;

use super::{manifest::SegmentRow, schema};

/// What a segment's file is called: `seg-000000000042.parquet`.
pub(super) fn file_name(number: u64) -> String {
    format!("seg-{number:012}.parquet")
}

/// The number in a segment's file name; absent: it is not a segment's.
pub(super) fn file_number(name: &str) -> Option<u64> {
    let digits = name.strip_prefix("seg-")?.strip_suffix(".parquet")?;
    (digits.len() == 12 && digits.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| digits.parse().ok())
        .flatten()
}

/// See the module's text.
#[derive(Debug)]
pub struct Segment {
    row: SegmentRow,
    path: PathBuf,
    metadata: Arc<ParquetMetaData>,
    schema: SchemaRef,
    retired: AtomicBool,
}

impl Segment {
    /// Opens a file and checks that it is the one that the row describes.
    pub(super) fn open(folder: &Path, row: SegmentRow) -> Result<Self, Error> {
        let path = folder.join(&row.name);
        let damaged = |what: String| {
            Error::user(
                "segment_damaged",
                format!(
                    "the event log's segment {} {what}: its {} events are missing until the file is restored from a copy",
                    path.display(),
                    row.rows
                ),
            )
        };
        let file = File::open(&path).map_err(|fault| match fault.kind() {
            std::io::ErrorKind::NotFound => damaged("is not there".to_owned()),
            _ => damaged(format!("cannot be opened ({fault})")),
        })?;
        let bytes = file
            .metadata()
            .map_err(|fault| damaged(format!("cannot be read ({fault})")))?
            .len();
        if bytes != row.bytes {
            return Err(damaged(format!(
                "is damaged ({bytes} bytes, {} were written)",
                row.bytes
            )));
        }
        let options = ArrowReaderOptions::new()
            .with_page_index_policy(parquet::file::metadata::PageIndexPolicy::Optional);
        let read = ArrowReaderMetadata::load(&file, options)
            .map_err(|fault| damaged(format!("is damaged ({fault})")))?;
        let rows = read.metadata().file_metadata().num_rows();
        if u64::try_from(rows) != Ok(row.rows) {
            return Err(damaged(format!(
                "is damaged ({rows} events, {} were written)",
                row.rows
            )));
        }
        let (metadata, schema) = (read.metadata().clone(), read.schema().clone());
        Ok(Self {
            row,
            path,
            metadata,
            schema,
            retired: AtomicBool::new(false),
        })
    }

    pub fn row(&self) -> &SegmentRow {
        &self.row
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The columns that the file has: those of the table that had values.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    pub(super) fn metadata(&self) -> &Arc<ParquetMetaData> {
        &self.metadata
    }

    /// The file goes when the last one who holds this lets go.
    pub(super) fn retire(&self) {
        self.retired.store(true, Ordering::Release);
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        if self.retired.load(Ordering::Acquire)
            && let Err(fault) = fs::remove_file(&self.path)
        {
            // It is no longer in the manifest: the next opening removes it.
            tracing::warn!(path = %self.path.display(), %fault, "a segment that is no longer needed was not removed");
        }
    }
}

/// A segment while it is written.
pub(super) struct SegmentWriter {
    folder: PathBuf,
    name: String,
    temporary: PathBuf,
    writer: Option<ArrowWriter<Hashing<BufWriter<File>>>>,
}

impl SegmentWriter {
    pub fn create(
        folder: &Path,
        number: u64,
        schema: SchemaRef,
        row_group_rows: usize,
    ) -> Result<Self, Error> {
        let name = file_name(number);
        let temporary = folder.join(format!("{name}.tmp"));
        let file = File::create(&temporary).map_err(|fault| unwritten(&temporary, &fault))?;
        let properties = properties(row_group_rows).map_err(|fault| unwritten(&temporary, &fault))?;
        let hashing = Hashing {
            inner: BufWriter::with_capacity(1 << 18, file),
            hash: Xxh3::new(),
            bytes: 0,
        };
        let writer = ArrowWriter::try_new(hashing, schema, Some(properties));
        let writer = writer.map_err(|fault| unwritten(&temporary, &fault))?;
        Ok(Self {
            folder: folder.to_owned(),
            name,
            temporary,
            writer: Some(writer),
        })
    }

    pub fn write(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        match &mut self.writer {
            Some(writer) => writer
                .write(batch)
                .map_err(|fault| unwritten(&self.temporary, &fault)),
            None => Err(Error::internal(
                "segment_finished",
                format!("the segment {} is finished", self.name),
            )),
        }
    }

    /// Makes the file whole and gives it its name. `row` says what is not known here: its bytes and checksum are set.
    pub fn finish(mut self, row: SegmentRow) -> Result<Segment, Error> {
        let failed = |fault: &dyn std::fmt::Display| unwritten(&self.temporary, fault);
        let Some(writer) = self.writer.take() else {
            return Err(Error::internal(
                "segment_finished",
                format!("the segment {} is finished", self.name),
            ));
        };
        let hashing = writer.into_inner().map_err(|fault| failed(&fault))?;
        let (checksum, bytes) = (hashing.hash.digest(), hashing.bytes);
        let file = hashing.inner.into_inner().map_err(|fault| failed(&fault))?;
        file.sync_all().map_err(|fault| failed(&fault))?;
        drop(file);
        let path = self.folder.join(&self.name);
        fs::rename(&self.temporary, &path).map_err(|fault| failed(&fault))?;
        sync_folder(&self.folder).map_err(|fault| failed(&fault))?;
        Segment::open(
            &self.folder,
            SegmentRow {
                name: self.name.clone(),
                bytes,
                checksum,
                ..row
            },
        )
    }
}

impl Drop for SegmentWriter {
    fn drop(&mut self) {
        // Not finished: nothing of it may stay. What cannot be removed here is removed at the next opening.
        drop(self.writer.take());
        let _ = fs::remove_file(&self.temporary);
    }
}

fn unwritten(path: &Path, fault: &dyn std::fmt::Display) -> Error {
    Error::external(
        "segment_not_written",
        format!(
            "the event log cannot write {} ({fault}): make room on the disk or check its permissions",
            path.display()
        ),
    )
}

/// The file's name is safe on disk.
pub(super) fn sync_folder(folder: &Path) -> std::io::Result<()> {
    if cfg!(unix) {
        File::open(folder)?.sync_all()
    } else {
        Ok(())
    }
}

fn properties(row_group_rows: usize) -> Result<WriterProperties, parquet::errors::ParquetError> {
    let paged = |name: &str| ColumnPath::from(name);
    Ok(WriterProperties::builder()
        .set_created_by(concat!("tailrace ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
        .set_max_row_group_row_count(Some(row_group_rows))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        // Questions are asked of a profile and of a time: their pages can be passed over.
        .set_column_statistics_enabled(paged(schema::PROFILE_ID), EnabledStatistics::Page)
        .set_column_statistics_enabled(paged(schema::TIMESTAMP), EnabledStatistics::Page)
        // Every value is another one: a dictionary would be built in vain.
        .set_column_dictionary_enabled(paged(schema::MESSAGE_ID), false)
        .set_column_dictionary_enabled(paged(schema::TIMESTAMP), false)
        .set_column_dictionary_enabled(paged(schema::RECEIVED_AT), false)
        .build())
}

struct Hashing<W> {
    inner: W,
    hash: Xxh3,
    bytes: u64,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hash.update(bytes.get(..written).unwrap_or_default());
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.inner.flush()
    }
}
