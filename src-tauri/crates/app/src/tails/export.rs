//! All matching records of a topic, or the columns selected of them, as a file: JSON Lines, CSV, Parquet or Arrow.
//!
//! Invariants: every record that matches is in the file, none is cut; the file appears whole or not at all; an export with
//! an end that was stopped before it leaves nothing, one without an end is ended by stopping it.

use std::{
    fs::{self, File},
    io::{BufWriter, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use tailrace_engine::session::{BatchFile, BatchFormat};
use tailrace_model::{
    Error, Result,
    api::{ExportFormat, FileWritten, TailExport, TailExportRequest, TailState, Topic},
    limits::ROWS_PAGE_MAX,
};

use super::{
    Keeps, TailView,
    lines::{Parts, SCHEMA},
    start,
};
use crate::{
    core::jobs::{self, Job},
    open::OpenWorkspace,
};

/// How long the next rows are waited for before the end is looked for.
const LOOK_EVERY: std::time::Duration = std::time::Duration::from_millis(100);

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
        let Some(file) = &mut self.file else { return Ok(()) };
        for row in 0..rows {
            let mut line = parts.json(row, None);
            line.push('\n');
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

fn failed(path: &Path, error: &std::io::Error) -> Error {
    Error::external(
        "file_write",
        format!("\"{}\" could not be written: {error}", path.display()),
    )
}
