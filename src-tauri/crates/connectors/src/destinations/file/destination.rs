//! The whole audience into its file.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use serde_json::{Map, Value};
use tailrace_model::{Error, Result};
use tokio_util::sync::CancellationToken;

use super::{
    config::{self, Config, Format},
    writer,
};
use crate::destinations::{
    DeliveryBatch, Destination, Failure, Pace, RowOutcome, SyncContext, Wants, cancelled, reason,
};

/// Ends the names of files being written.
const UNFINISHED: &str = ".unfinished";

pub(super) struct Files {
    folder: PathBuf,
}

impl Files {
    pub fn open(settings: &Map<String, Value>, base: &Path) -> Result<Self> {
        Ok(Self {
            // `exports`, `./exports` and `exports/` are one folder.
            folder: base.join(Config::read(settings)?.path).components().collect(),
        })
    }
}

/// The sync's file, in the destination's folder.
pub(super) fn place(sync: &SyncContext) -> Result<String> {
    Ok(config::file(&sync.sync, &sync.options)?.0.display().to_string())
}

#[async_trait]
impl Destination for Files {
    fn target(&self) -> String {
        self.folder.display().to_string()
    }

    fn wants(&self) -> Wants {
        Wants::WholeState
    }

    fn pace(&self) -> Pace {
        // A disk that fails does not mend itself within a second.
        Pace {
            attempts_max: 2,
            attempt_timeout_ms: 600_000,
            ..Pace::default()
        }
    }

    fn place(&self, sync: &SyncContext) -> Result<String> {
        place(sync)
    }

    /// A file that can't be looked at is taken to be there: its delivery says what is wrong.
    async fn is_there(&self, sync: &SyncContext) -> Result<bool> {
        let place = self.folder.join(config::file(&sync.sync, &sync.options)?.0);
        let found = tokio::task::spawn_blocking(move || place.try_exists().unwrap_or(true)).await;
        found.map_err(|error| Error::internal("task", format!("the look at a file broke off: {error}")))
    }

    /// Makes the folder when it is not there, and a file in it that it removes again.
    async fn check(&self, cancel: &CancellationToken) -> Result<String> {
        let folder = self.folder.clone();
        let probe = move || {
            fs::create_dir_all(&folder)?;
            let probe = folder.join(format!(".tailrace-check{UNFINISHED}"));
            File::create(&probe)?;
            fs::remove_file(&probe)
        };
        let done = tokio::select! {
            biased;
            () = cancel.cancelled() => return Err(cancelled()),
            done = tokio::task::spawn_blocking(probe) => done,
        };
        done.map_err(|error| Error::internal("task", format!("the check of a folder broke off: {error}")))?
            .map_err(|error| io_failure(&self.folder, &error).error)?;
        Ok(format!("the folder {} can be written to", self.folder.display()))
    }

    async fn deliver(&self, sync: &SyncContext, batch: &DeliveryBatch) -> Result<Vec<RowOutcome>, Failure> {
        let (file, format) = config::file(&sync.sync, &sync.options)?;
        let place = self.folder.join(file);
        let rows = writer::sorted(&batch.upserts, &sync.key)?;
        let run = sync.run.simple().to_string();
        // When this future is dropped the thread goes on; it must not put a file in place after that.
        let stop = CancellationToken::new();
        let _stop = stop.clone().drop_guard();
        let replaced = {
            let place = place.clone();
            tokio::task::spawn_blocking(move || replace(&place, format, &rows, &run, &|| stop.is_cancelled()))
                .await
        };
        replaced
            .map_err(|error| Error::internal("task", format!("the writing of a file broke off: {error}")))?
            .map_err(|error| io_failure(&place, &error))?;
        Ok(vec![RowOutcome::Acknowledged; batch.rows()])
    }
}

/// Puts the rows in place of whatever is there. On an error the old file stays.
fn replace(
    place: &Path,
    format: Format,
    rows: &RecordBatch,
    run: &str,
    stop: &dyn Fn() -> bool,
) -> io::Result<()> {
    let folder = place.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let name = place
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    remove_unfinished(folder, &name)?;
    let unfinished = folder.join(format!(".{name}.{run}{UNFINISHED}"));
    let written = write_synced(&unfinished, format, rows, stop).and_then(|()| {
        if stop() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        fs::rename(&unfinished, place)?;
        sync_folder(folder)
    });
    if written.is_err() {
        // The first error is the one to tell of; what stays behind is removed by the next run.
        let _ = fs::remove_file(&unfinished);
    }
    written
}

fn write_synced(path: &Path, format: Format, rows: &RecordBatch, stop: &dyn Fn() -> bool) -> io::Result<()> {
    let mut out = BufWriter::new(File::create(path)?);
    writer::write(rows, format, &mut out, stop)?;
    out.flush()?;
    out.get_ref().sync_all()
}

/// Removes what earlier runs left of this file when they were killed.
fn remove_unfinished(folder: &Path, name: &str) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let found = entry.file_name().to_string_lossy().into_owned();
        let middle = found
            .strip_prefix(&format!(".{name}."))
            .and_then(|rest| rest.strip_suffix(UNFINISHED));
        if middle.is_some_and(|run| run.len() == 32 && run.bytes().all(|byte| byte.is_ascii_hexdigit())) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Makes a rename last. Elsewhere than on Unix a folder cannot be synced, and renames are journalled.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(folder)?.sync_all()
    } else {
        Ok(())
    }
}

fn io_failure(place: &Path, error: &io::Error) -> Failure {
    let sentence = format!(
        "{} cannot be written, {}: check settings.path and the folder's permissions",
        place.display(),
        reason::of_io(error)
    );
    match error.kind() {
        io::ErrorKind::PermissionDenied
        | io::ErrorKind::NotADirectory
        | io::ErrorKind::IsADirectory
        | io::ErrorKind::AlreadyExists
        | io::ErrorKind::InvalidFilename
        | io::ErrorKind::ReadOnlyFilesystem => Failure::stop(Error::refused("destination_file", sentence)),
        _ => Failure::retry(Error::external("destination_file", sentence)),
    }
}
