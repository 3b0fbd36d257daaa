//! The event log: columnar on disk, clustered by profile and time, exactly once through the app's checkpoint.
//!
//! Segments are Parquet files that never change. [`Collector`] takes events in and writes them as segments;
//! [`EventLog::compact`] merges small segments; both hand the app a [`CheckpointChange`], plain rows for one transaction
//! of its own, and the log shows the result when it is installed. Queries read a [`LogSnapshot`] through
//! [`table::EventsTable`].
//!
//! Invariants: a file that the manifest names is whole and synced before the manifest names it; a file that it does not
//! name is removed at the opening; a file is deleted only after the manifest stopped naming it and the last reader let
//! go; the properties of an event come back exactly as they were sent; a segment that cannot be read is named, never
//! passed over in silence.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use arrow::array::AsArray;
use parquet::arrow::{
    ProjectionMask,
    arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder},
};
use tailrace_model::Error;
use tokio_util::sync::CancellationToken;
use xxhash_rust::xxh3::Xxh3;

mod collector;
mod compaction;
mod dedupe;
mod forget;
#[cfg(test)]
mod histories;
mod manifest;
mod merges;
mod pending;
mod properties;
mod reader;
mod replay;
#[cfg(test)]
mod replay_tests;
mod rewrite;
mod rows;
pub mod schema;
mod segment;
mod settings;
mod snapshot;
pub mod table;
#[cfg(test)]
mod tests;
mod text;
#[cfg(test)]
mod world;

pub use collector::{Collected, Collector, Rejected};
pub use manifest::{CheckpointChange, LogManifest, Problem, SegmentRow, SourceCounts};
pub use replay::Replayed;
pub use segment::Segment;
pub use settings::LogSettings;
pub use snapshot::LogSnapshot;

pub use crate::{
    events::columns::{ColumnRow, ColumnType},
    identity::{MergeDetails, ProfileDetails, ProfileFacts, ProfilePage, ProfilesSnapshot, Split},
};

use crate::{
    events::columns::Columns,
    identity::{Forgotten, IdentifierRow, Identity, IdentitySettings, Side, SuppressionRow},
};
use dedupe::Dedupe;
use merges::Merges;
use pending::{Pending, Seal};
use snapshot::State;

/// What an opening yields.
#[derive(Debug)]
pub struct Opened {
    pub log: EventLog,
    pub collector: Collector,
    /// Segments that cannot be read; the others can.
    pub problems: Vec<Problem>,
}

#[derive(Debug)]
struct Inner {
    folder: PathBuf,
    settings: LogSettings,
    identity: RwLock<Identity>,
    state: RwLock<Arc<State>>,
    next_number: AtomicU64,
    compacting: Arc<AtomicBool>,
}

/// A handle to the log; clones are the same log.
#[derive(Debug, Clone)]
pub struct EventLog {
    inner: Arc<Inner>,
}

impl EventLog {
    /// Opens the log as it was at its last checkpoint. Blocks: it reads the footer of every segment and the message ids
    /// of those within the dedupe window.
    pub fn open(
        folder: &Path,
        manifest: LogManifest,
        settings: LogSettings,
        now_ms: i64,
    ) -> Result<Opened, Error> {
        let LogManifest {
            segments: rows,
            columns,
            identity,
            checkpoint_ms,
        } = manifest;
        fs::create_dir_all(folder).map_err(|fault| unusable(folder, &fault))?;
        let next_number = clean(folder, &rows).map_err(|fault| unusable(folder, &fault))?;
        let columns = Columns::new(schema::NAMING, settings.property_columns_max, columns);
        let mut identity = Identity::open(settings.identity.clone(), identity)?;
        let merges = Arc::new(Merges::new(identity.merges(), identity.undos()));
        let mut state = State::new(Arc::new(columns.clone()), merges, identity.snapshot()?);
        state.checkpoint_ms = checkpoint_ms;

        let mut dedupe = Dedupe::new(settings.dedupe_window_ms, settings.dedupe_ids_max);
        let from_ms = now_ms.saturating_sub(settings.dedupe_window_ms);
        let mut problems = Vec::new();
        let mut by_time = rows;
        by_time.sort_by_key(|row| row.collected_to_ms);
        for row in by_time {
            let name = row.name.clone();
            let opened = Segment::open(folder, row).and_then(|segment| {
                if segment.row().collected_to_ms >= from_ms {
                    remember(&segment, &mut dedupe)?;
                }
                Ok(segment)
            });
            match opened {
                Ok(segment) => state.segments.push(Arc::new(segment)),
                Err(error) => {
                    state.missing.push(name.clone());
                    problems.push(Problem { segment: name, error });
                }
            }
        }
        state
            .segments
            .sort_by(|one, other| one.row().name.cmp(&other.row().name));

        let inner = Inner {
            folder: folder.to_owned(),
            settings,
            identity: RwLock::new(identity),
            state: RwLock::new(Arc::new(state)),
            next_number: AtomicU64::new(next_number),
            compacting: Arc::default(),
        };
        let log = Self {
            inner: Arc::new(inner),
        };
        Ok(Opened {
            collector: Collector::new(log.clone(), dedupe, columns),
            log,
            problems,
        })
    }

    /// The log as of the last checkpoint that was installed.
    pub fn snapshot(&self) -> LogSnapshot {
        LogSnapshot(self.state())
    }

    /// The transaction of a change committed: queries see it from now on.
    pub fn install(&self, change: CheckpointChange) {
        self.install_profiles(change, None);
    }

    /// The same, where the profiles changed beside it.
    fn install_profiles(&self, change: CheckpointChange, changed: Option<Arc<ProfilesSnapshot>>) {
        let mut state = self.inner.state.write().unwrap_or_else(PoisonError::into_inner);
        let mut segments = state.segments.clone();
        segments.retain(|segment| {
            let gone = change.segments_removed.contains(&segment.row().name);
            if gone {
                segment.retire();
            }
            !gone
        });
        let missing = state.missing.clone();
        let next = match change.pending {
            Pending::Compaction { segment, running } => {
                segments.push(segment);
                drop(running);
                let (columns, merges) = (state.columns.clone(), state.merges.clone());
                State {
                    checkpoint_ms: state.checkpoint_ms,
                    ..State::new(columns, merges, state.profiles.clone())
                }
            }
            Pending::Forget {
                segments: new,
                running,
                ..
            } => {
                segments.extend(new);
                drop(running);
                let (columns, merges) = (state.columns.clone(), state.merges.clone());
                State {
                    checkpoint_ms: Some(change.checkpoint_ms),
                    ..State::new(columns, merges, changed.unwrap_or_else(|| state.profiles.clone()))
                }
            }
            Pending::Seal(Seal {
                segments: new,
                columns,
                merges,
                profiles,
                running,
                ..
            }) => {
                segments.extend(new);
                drop(running);
                State {
                    checkpoint_ms: Some(change.checkpoint_ms),
                    ..State::new(columns, merges, profiles)
                }
            }
        };
        segments.sort_by(|one, other| one.row().name.cmp(&other.row().name));
        *state = Arc::new(State {
            segments,
            missing,
            ..next
        });
    }

    /// Profiles whose identifier begins with a text, as they are now; see [`Identity::search`].
    pub fn search(&self, text: &str, offset: u64, limit: u32) -> ProfilePage {
        self.read_identity(|identity| identity.search(text, offset, limit))
    }

    /// A profile, or the one that it was merged into, whole, as it is now.
    pub fn profile(&self, profile_id: i64) -> Option<ProfileDetails> {
        self.read_identity(|identity| identity.profile(profile_id))
    }

    /// The facts of a profile, or of the one that it was merged into, as they are now.
    pub fn facts(&self, profile_id: i64) -> Option<ProfileFacts> {
        self.read_identity(|identity| identity.facts(profile_id))
    }

    /// The merges that a profile had part in; see [`Identity::merges_of`].
    pub fn merges_of(&self, profile_id: i64) -> Vec<MergeDetails> {
        self.read_identity(|identity| identity.merges_of(profile_id))
    }

    /// One merge; see [`Identity::merge_details_of`].
    pub fn merge_details(&self, merge: u64) -> Result<MergeDetails, Error> {
        self.read_identity(|identity| identity.merge_details_of(merge))
    }

    /// What undoing a merge would do; see [`Identity::split`].
    pub fn split(&self, merge: u64) -> Result<Split, Error> {
        self.read_identity(|identity| identity.split(merge))
    }

    /// What deleting a profile would remove, and its identifiers; see [`Identity::forgettable`].
    pub fn forgettable(&self, profile_id: i64) -> Option<(Forgotten, Vec<IdentifierRow>)> {
        self.read_identity(|identity| identity.forgettable(profile_id))
    }

    /// The profile of an identifier, as it is now.
    pub fn find(&self, kind: &str, value: &str) -> Option<i64> {
        self.read_identity(|identity| identity.find(kind, value))
    }

    /// What a profile was made of, each as it was created, and the merges that tie them.
    pub fn origins(&self, profile_id: i64) -> Vec<Side> {
        self.read_identity(|identity| identity.origins(profile_id))
    }

    /// Other rules of identity, for the events that come from now on; true: they are others than before.
    pub fn set_identity(&self, settings: IdentitySettings) -> Result<bool, Error> {
        let mut identity = self
            .inner
            .identity
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if *identity.settings() == settings {
            return Ok(false);
        }
        identity.set_settings(settings).map(|()| true)
    }

    /// What is, and was, suppressed.
    pub fn suppressions(&self) -> Vec<SuppressionRow> {
        self.read_identity(Identity::suppressions)
    }

    /// Values of traits that no profile keeps, because a limit was reached, since the opening.
    pub fn traits_dropped(&self) -> u64 {
        self.read_identity(Identity::traits_dropped)
    }

    /// Reads every file whole and compares it with what was written. Blocks.
    pub fn verify(&self, token: &CancellationToken) -> Vec<Problem> {
        let mut problems = Vec::new();
        for segment in self.snapshot().segments() {
            if token.is_cancelled() {
                break;
            }
            let what = match checksum(segment.path()) {
                Ok(found) if found == segment.row().checksum => continue,
                Ok(_) => "is not what was written".to_owned(),
                Err(fault) => format!("cannot be read ({fault})"),
            };
            let message = format!(
                "the event log's segment {} {what}: restore it from a copy",
                segment.path().display()
            );
            problems.push(Problem {
                segment: segment.row().name.clone(),
                error: Error::user("segment_damaged", message),
            });
        }
        problems
    }

    fn read_identity<T>(&self, read: impl FnOnce(&Identity) -> T) -> T {
        read(&self.inner.identity.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn identity(&self) -> &RwLock<Identity> {
        &self.inner.identity
    }

    fn compacting(&self) -> &Arc<AtomicBool> {
        &self.inner.compacting
    }

    fn settings(&self) -> &LogSettings {
        &self.inner.settings
    }

    fn folder(&self) -> &Path {
        &self.inner.folder
    }

    fn state(&self) -> Arc<State> {
        self.inner
            .state
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn next_number(&self) -> u64 {
        self.inner.next_number.fetch_add(1, Ordering::Relaxed)
    }
}

fn unusable(folder: &Path, fault: &std::io::Error) -> Error {
    Error::user(
        "event_log_folder",
        format!(
            "the event log's folder {} cannot be used ({fault}): check its permissions",
            folder.display()
        ),
    )
}

/// Removes what a crash left behind, and says which number the next segment gets. Files that are not the log's own stay.
fn clean(folder: &Path, rows: &[SegmentRow]) -> std::io::Result<u64> {
    let mut next = 0;
    for row in rows {
        next = next.max(segment::file_number(&row.name).map_or(0, |number| number + 1));
    }
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        let finished = name.strip_suffix(".tmp").unwrap_or(&name);
        let Some(number) = segment::file_number(finished) else {
            continue;
        };
        next = next.max(number + 1);
        if !rows.iter().any(|row| row.name == name) {
            tracing::info!(file = %name, "removing a file that no checkpoint of the event log names");
            fs::remove_file(entry.path())?;
        }
    }
    Ok(next)
}

/// Puts the message ids of a segment into the dedupe window.
fn remember(segment: &Segment, dedupe: &mut Dedupe) -> Result<(), Error> {
    let unreadable = |fault: &dyn std::fmt::Display| {
        Error::user(
            "segment_damaged",
            format!(
                "the event log's segment {} is damaged ({fault}): its {} events are missing until the file is restored from a copy",
                segment.path().display(),
                segment.row().rows
            ),
        )
    };
    let file = File::open(segment.path()).map_err(|fault| unreadable(&fault))?;
    let metadata = ArrowReaderMetadata::try_new(segment.metadata().clone(), ArrowReaderOptions::new())
        .map_err(|fault| unreadable(&fault))?;
    let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata);
    let mask = ProjectionMask::columns(builder.parquet_schema(), [schema::MESSAGE_ID]);
    let reader = builder
        .with_projection(mask)
        .build()
        .map_err(|fault| unreadable(&fault))?;
    for batch in reader {
        let batch = batch.map_err(|fault| unreadable(&fault))?;
        let Some(ids) = batch.column(0).as_string_view_opt() else {
            return Err(unreadable(&"its message ids are not text"));
        };
        for id in ids.iter().flatten() {
            if !dedupe.has(id) {
                dedupe.insert(id, segment.row().collected_to_ms);
            }
        }
    }
    Ok(())
}

fn checksum(path: &Path) -> std::io::Result<u64> {
    use std::io::Read;
    let mut file = File::open(path)?;
    let mut hash = Xxh3::new();
    let mut part = vec![0; 1 << 18];
    loop {
        match file.read(&mut part)? {
            0 => return Ok(hash.digest()),
            read => hash.update(part.get(..read).unwrap_or_default()),
        }
    }
}
