//! People: sources collect events into the log, profiles are resolved, audiences are kept live. The half of the app that
//! stands on the event log.

mod audiences;
mod backoff;
mod check;
mod checkpoint;
mod collect;
mod compaction;
mod follow;
pub mod identity;
mod intake;
mod mapping;
mod observed;
pub mod persons;
pub mod profiles;
mod release;
mod replay;
mod status;
#[cfg(test)]
mod tests;
pub mod timeline;
mod warehouses;

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64},
    },
};

pub use audiences::{AudienceState, definitions_changed, evaluate, start_evaluations};
pub use check::check;
use collect::SourceTask;
pub use collect::start_sources;
pub(crate) use collect::{Reader, explained};
use follow::Positions;
pub(crate) use intake::newest as newest_posted;
pub use intake::{BUCKETS_S, Intake, Meter, Tracking, recover};
use observed::ObservedCache;
pub use observed::observed;
pub use profiles::profile_name;
pub(crate) use release::{Released, release};
pub(crate) use replay::replay;
pub use status::SourceStatus;
use tailrace_engine::{
    log::{Collector, EventLog, LogSettings, LogSnapshot, Problem, table::EventsTable},
    session::{Profiles, Session, SessionInputs},
};
use tailrace_model::{Error, Result, SourceDefinition, api::SourceState};
use tokio::sync::{Notify, watch};
use warehouses::Warehouses;

use crate::{
    core::now_ms,
    open::OpenWorkspace,
    store::{SourceCheckpoint, SourceCounts, Store, Waiting},
    workspace::Definitions,
};

/// Changes with every checkpoint and every change of a definition.
type Revision = (Option<i64>, u64);

struct Lookup(Revision, Arc<Session>);

impl std::fmt::Debug for Lookup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Lookup").field(&self.0).finish_non_exhaustive()
    }
}

/// See the module's text.
#[derive(Debug)]
pub struct People {
    pub log: EventLog,
    problems: Vec<Problem>,
    collecting: tokio::sync::Mutex<Collecting>,
    tasks: Mutex<BTreeMap<String, SourceTask>>,
    sources: Mutex<BTreeMap<String, SourceStatus>>,
    counts: Mutex<BTreeMap<String, (SourceCounts, i64)>>,
    checkpoints_started: AtomicBool,
    /// Where the positions of checkpoints go that a source's consumer group follows.
    followers: Mutex<BTreeMap<String, watch::Sender<Positions>>>,
    /// What is posted to the tracking API.
    pub intake: Intake,
    /// Why the last checkpoint was not written.
    unwritten: Mutex<Option<Error>>,
    /// Told after every checkpoint.
    pub checkpointed: Notify,
    pub warehouses: Warehouses,
    audiences: Mutex<BTreeMap<String, AudienceState>>,
    /// Why audiences that were never evaluated could not be.
    failed: Mutex<BTreeMap<String, Error>>,
    observed: ObservedCache,
    /// Counts changes of definitions.
    /// What [`Self::lookup_session`] made last, and of when.
    lookup: Mutex<Option<Lookup>>,
    /// Why the rules of identity are not known, without which nothing is collected.
    rules_unknown: Mutex<Option<Error>>,
    definitions_revision: AtomicU64,
    /// One evaluation at a time.
    evaluating: tokio::sync::Mutex<()>,
}

/// What is collected and not yet in a checkpoint.
#[derive(Debug)]
struct Collecting {
    collector: Collector,
    pending: BTreeMap<String, Pending>,
}

impl Collecting {
    fn refused_pending(&self) -> usize {
        let pending = self.pending.values();
        pending.map(|pending| pending.quality.quarantined.len()).sum()
    }
}

/// How far a source is, since the last checkpoint.
#[derive(Debug, Default)]
struct Pending {
    source: String,
    cluster_id: String,
    topic: String,
    positions: BTreeMap<i32, i64>,
    counts: SourceCounts,
    quality: Waiting,
    dirty: bool,
}

impl Pending {
    /// From now on it is of this place. What waits of the quarantine stays: it has no position.
    fn begin(&mut self, source: &str, cluster_id: &str, topic: &str) {
        self.source = source.to_owned();
        self.cluster_id = cluster_id.to_owned();
        self.topic = topic.to_owned();
        self.positions.clear();
    }

    fn set_positions(&mut self, positions: &[(i32, i64)]) {
        self.dirty = true;
        self.positions.extend(positions.iter().copied());
    }

    fn checkpoint(&self) -> SourceCheckpoint {
        SourceCheckpoint {
            source: self.source.clone(),
            cluster_id: self.cluster_id.clone(),
            topic: self.topic.clone(),
            positions: self
                .positions
                .iter()
                .map(|(partition, next)| (*partition, *next))
                .collect(),
            counts: self.counts,
            quality: self.quality.clone(),
        }
    }

    fn clear(&mut self) {
        self.dirty = false;
        self.counts = SourceCounts::default();
        self.quality = Waiting::default();
    }
}

impl People {
    /// Opens the event log and what is known of people, as of the last checkpoint.
    pub async fn open(state: &Path, store: &Store, definitions: &Definitions) -> Result<Self> {
        let manifest = store.manifest().await?;
        let counts = store.source_counts().await?;
        let folder = state.join("log");
        let rules = identity::rules(definitions);
        let mut settings = LogSettings {
            identity: rules.clone().unwrap_or_default(),
            ..LogSettings::default()
        };
        let workspace = definitions.workspace.value.as_ref();
        if let Some(window) = workspace.and_then(|workspace| workspace.events.dedupe_window) {
            settings.dedupe_window_ms = window.approximate_ms();
        }
        let opened =
            tokio::task::spawn_blocking(move || EventLog::open(&folder, manifest, settings, now_ms()));
        let opened = opened.await.map_err(|error| {
            Error::internal("event_log", format!("the event log was not opened: {error}"))
        })??;
        let intake = Intake::open(&state.join(intake::FOLDER), store).await?;
        Ok(Self {
            log: opened.log,
            problems: opened.problems,
            intake,
            collecting: tokio::sync::Mutex::new(Collecting {
                collector: opened.collector,
                pending: BTreeMap::new(),
            }),
            tasks: Mutex::default(),
            sources: Mutex::default(),
            counts: Mutex::new(counts),
            checkpoints_started: AtomicBool::new(false),
            followers: Mutex::default(),
            unwritten: Mutex::default(),
            checkpointed: Notify::new(),
            warehouses: Warehouses::default(),
            audiences: Mutex::default(),
            failed: Mutex::default(),
            observed: ObservedCache::default(),
            lookup: Mutex::default(),
            rules_unknown: Mutex::new(rules.err()),
            definitions_revision: AtomicU64::new(0),
            evaluating: tokio::sync::Mutex::default(),
        })
    }

    /// What was wrong with the event log's files when it was opened.
    pub fn problems(&self) -> Vec<Problem> {
        self.problems.clone()
    }

    /// What was wrong with the files of what was posted when they were opened, and what keeps it from being collected.
    pub fn intake_problems(&self) -> Vec<Error> {
        let stuck = self.intake.stuck();
        self.intake.problems.iter().cloned().chain(stuck).collect()
    }

    /// Refuses while events that were collected can't be read: who is a member, and who is none, is not known then.
    pub fn require_whole(&self) -> Result<()> {
        let snapshot = self.log.snapshot();
        let Some((first, more)) = snapshot.missing().split_first() else {
            return Ok(());
        };
        let more = match more.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        Err(Error::user(
            "segment_damaged",
            format!(
                "the event log's segment {first}{more} can't be read, so no audience is evaluated and memberships stay \
                 as they were: restore the file in .tailrace/log from a copy and open the workspace again"
            ),
        ))
    }

    fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
        mutex.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The time of the newest event collected.
    pub fn newest_event_ms(&self) -> Option<i64> {
        let now = now_ms();
        let snapshot = self.log.snapshot();
        // A clock that is wrong must not keep a history from being made.
        snapshot
            .segments()
            .iter()
            .map(|segment| segment.row().max_timestamp_ms.min(now))
            .max()
    }

    async fn begin_source(&self, name: &str, cluster_id: &str, definition: &SourceDefinition) {
        let mut collecting = self.collecting.lock().await;
        let pending = collecting.pending.entry(name.to_owned()).or_default();
        pending.begin(name, cluster_id, &definition.topic);
        drop(collecting);
        self.set_source(name, |status| *status = SourceStatus::default());
    }

    fn set_source(&self, name: &str, change: impl FnOnce(&mut SourceStatus)) {
        change(Self::lock(&self.sources).entry(name.to_owned()).or_default());
    }

    /// A source as it runs; absent: it does not.
    pub fn source(&self, name: &str) -> Option<SourceStatus> {
        let mut status = Self::lock(&self.sources).get(name).cloned()?;
        // It reads, but nothing of it is kept.
        if !matches!(status.state, SourceState::Stopped | SourceState::Failed)
            && let Some(error) = self.unwritten()
        {
            status.fail(error);
        }
        Some(status)
    }

    /// True when every source that runs has read to the end of its topic and nothing waits for a checkpoint.
    /// Fails where somebody has to change something first.
    pub async fn is_caught_up(&self) -> Result<bool> {
        if let Some(error) = self.intake.stuck().filter(|error| !error.retry) {
            return Err(error);
        }
        let running: Vec<String> = {
            let tasks = Self::lock(&self.tasks);
            let running = tasks.iter().filter(|(_, task)| task.runs());
            running.map(|(name, _)| name.clone()).collect()
        };
        let caught_up = |name: &String| self.source(name).is_some_and(|it| it.caught_up());
        let caught_up = running.iter().all(caught_up)
            && self.intake.is_collected()
            && self
                .collecting
                .lock()
                .await
                .pending
                .values()
                .all(|pending| !pending.dirty);
        Ok(caught_up)
    }

    fn add_counts(&self, sources: &[SourceCheckpoint], now: i64) {
        let mut counts = Self::lock(&self.counts);
        for source in sources {
            let (total, at) = counts.entry(source.source.clone()).or_default();
            *total += source.counts;
            total.events = total.events.saturating_sub(source.quality.removed);
            *at = now;
        }
    }

    /// Counts of a source, in all, and its last checkpoint.
    pub fn counts(&self, source: &str) -> (SourceCounts, Option<i64>) {
        let counts = Self::lock(&self.counts);
        counts
            .get(source)
            .map_or((SourceCounts::default(), None), |(counts, at)| {
                (*counts, Some(*at))
            })
    }

    /// Over all sources.
    pub fn total_counts(&self) -> SourceCounts {
        let counts = Self::lock(&self.counts);
        let mut all = SourceCounts::default();
        counts.values().for_each(|(one, _)| all += *one);
        all
    }

    /// Events in the log.
    pub fn total_events(&self) -> u64 {
        self.log.snapshot().rows()
    }

    /// Events a second, over all sources.
    pub fn per_second(&self) -> f64 {
        Self::lock(&self.sources)
            .values()
            .map(|status| status.per_second)
            .sum()
    }

    /// Everything that SQL can see, as of the last checkpoint.
    pub async fn session(&self, open: &OpenWorkspace) -> Result<Session> {
        self.warehouses.refresh(open).await;
        self.session_of(open, self.log.snapshot())
    }

    /// Events and profiles as of the last checkpoint, for many small questions: made once a checkpoint.
    pub fn lookup_session(&self, open: &OpenWorkspace) -> Result<Arc<Session>> {
        let revision = self.revision();
        let mut lookup = Self::lock(&self.lookup);
        match &*lookup {
            Some(Lookup(of, session)) if *of == revision => Ok(Arc::clone(session)),
            _ => {
                let session = Arc::new(self.session_of(open, self.log.snapshot())?);
                *lookup = Some(Lookup(revision, Arc::clone(&session)));
                Ok(session)
            }
        }
    }

    /// The same, as of a checkpoint, with the warehouses' tables as they were last read.
    fn session_of(&self, open: &OpenWorkspace, snapshot: LogSnapshot) -> Result<Session> {
        let inputs = {
            let workspace = open.workspace();
            let definitions = &workspace.definitions;
            SessionInputs {
                traits: definitions
                    .valid_traits()
                    .map(|(name, it)| (name.to_owned(), it.clone()))
                    .collect(),
                audiences: definitions
                    .valid_audiences()
                    .map(|(name, it)| (name.to_owned(), it.clone()))
                    .collect(),
                time_zone: definitions.time_zone().to_owned(),
                tables: self.warehouses.tables(),
                profiles: profiles(&snapshot),
                events: Arc::new(EventsTable::new(snapshot)),
            }
        };
        Session::new(inputs)
    }
}

fn profiles(snapshot: &LogSnapshot) -> Profiles {
    let profiles = snapshot.profiles();
    Profiles {
        schema: profiles.schema.clone(),
        batches: profiles.batches.clone(),
    }
}
