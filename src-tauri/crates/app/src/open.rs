//! A workspace that is open: its definitions, its state and everything that runs on it.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
    time::Duration,
};

use tailrace_engine::session::Session;
use tailrace_model::{Error, Result, api::Topic};
use tokio::{sync::broadcast, time::Instant};

use crate::{
    clusters::{Cluster, Clusters},
    core::{Activities, Hub, Stage, Supervisor, Views, now_ms},
    lag,
    masks::{self, Masks, PeopleMasks},
    people::People,
    queries::QueryView,
    secrets::SecretStore,
    store::Store,
    syncs::{self, Syncs},
    tables::KnownTopics,
    tails::TailView,
    workspace::{ConfigDir, Workspace, WorkspaceLock, recent},
};

/// Closing takes no longer than this, in all.
const CLOSE_MAX: Duration = Duration::from_secs(5);

/// Notices that wait for a listener.
const NOTICES_MAX: usize = 64;

/// What runs by itself while the workspace is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenOptions {
    /// Takes the workspace's lock and opens its state. Without it only clusters can be looked at.
    pub state: bool,
    /// Sources collect.
    pub sources: bool,
    /// Audiences are kept live, syncs run when due, lag is sampled.
    pub live: bool,
    /// What the workspace's masks hide is taken out of records.
    pub masked: bool,
    /// Who holds the lock, for the sentence that another one gets.
    pub holder: &'static str,
}

impl OpenOptions {
    /// The window: everything.
    pub fn live() -> Self {
        Self {
            state: true,
            sources: true,
            live: true,
            masked: true,
            holder: "the window",
        }
    }

    /// Looks at clusters and definitions; needs no lock.
    pub fn look() -> Self {
        Self {
            state: false,
            sources: false,
            live: false,
            masked: false,
            holder: "",
        }
    }

    /// One command in the terminal that reads or changes the state; nothing runs by itself.
    pub fn command() -> Self {
        Self {
            state: true,
            sources: false,
            live: false,
            masked: false,
            holder: "a tailrace command",
        }
    }
}

impl OpenOptions {
    /// The same, with or without masks.
    pub fn masked(self, masked: bool) -> Self {
        Self { masked, ..self }
    }
}

/// What only the holder of the lock has.
#[derive(Debug)]
pub struct Held {
    pub store: Store,
    pub alerts: lag::alerts::Alerts,
    pub people: People,
    pub syncs: Syncs,
    _lock: WorkspaceLock,
}

/// See the module's text.
#[derive(Debug)]
pub struct OpenWorkspace {
    folder: PathBuf,
    workspace: RwLock<Workspace>,
    pub(crate) config: ConfigDir,
    pub(crate) secrets: SecretStore,
    pub(crate) supervisor: Supervisor,
    pub(crate) hub: Arc<Hub>,
    pub(crate) activities: Arc<Activities>,
    pub(crate) clusters: Clusters,
    pub(crate) tails: Views<TailView>,
    pub(crate) queries: Views<QueryView>,
    pub(crate) known_topics: KnownTopics,
    pub(crate) samplers: lag::Samplers,
    /// What a person shall see now; a slow listener misses the oldest.
    pub(crate) notices: broadcast::Sender<lag::alerts::Notice>,
    /// Whether records are masked, and what hashes are made with.
    masked: bool,
    mask_key: Arc<masks::Key>,
    held: Option<Held>,
}

impl OpenWorkspace {
    pub(crate) async fn open(folder: PathBuf, options: OpenOptions) -> Result<Arc<Self>> {
        let config = ConfigDir::from_env()?;
        let workspace = Workspace::open(&folder)?;
        let held = match options.state {
            true => Some(Self::hold(&workspace, options.holder).await?),
            false => None,
        };
        let hub = Arc::new(Hub::default());
        let open = Arc::new(Self {
            secrets: SecretStore::open(&config),
            folder,
            supervisor: Supervisor::default(),
            activities: Arc::new(Activities::new(Arc::clone(&hub))),
            hub,
            clusters: Clusters::default(),
            tails: Views::default(),
            queries: Views::default(),
            known_topics: KnownTopics::default(),
            samplers: lag::Samplers::default(),
            notices: broadcast::Sender::new(NOTICES_MAX),
            workspace: RwLock::new(workspace),
            masked: options.masked,
            mask_key: Arc::default(),
            config,
            held,
        });
        if open.held.is_some() {
            crate::people::recover(&open).await?;
        }
        open.start(options)?;
        Ok(open)
    }

    async fn hold(workspace: &Workspace, holder: &str) -> Result<Held> {
        let lock = WorkspaceLock::acquire(&workspace.dir, holder)?;
        let store = Store::open(&workspace.state_dir()).await?;
        store.close_open_runs(now_ms()).await?;
        let people = People::open(&workspace.state_dir(), &store, &workspace.definitions).await?;
        Ok(Held {
            alerts: lag::alerts::Alerts::open(&store).await?,
            store,
            people,
            syncs: Syncs::default(),
            _lock: lock,
        })
    }

    fn start(self: &Arc<Self>, options: OpenOptions) -> Result<()> {
        if options.state && options.live {
            recent::add(&self.config, self.workspace().definitions.name(), &self.folder)?;
            self.watch_definitions()?;
        }
        if options.sources {
            crate::people::start_sources(self);
        }
        if options.live {
            crate::people::start_evaluations(self);
            lag::start_sampling(self);
            crate::quality::start_alerts(self);
            syncs::start_schedule(self);
        }
        Ok(())
    }

    fn watch_definitions(self: &Arc<Self>) -> Result<()> {
        let mut watch = self.workspace().watch()?;
        let open = Arc::downgrade(self);
        self.supervisor.spawn(Stage::Work, |token| async move {
            while let Some(Some(())) = token.run_until_cancelled(watch.changed()).await {
                let Some(open) = open.upgrade() else { return };
                open.reload();
            }
        });
        Ok(())
    }

    /// Reads the definitions again and tells who follows them.
    fn reload(self: &Arc<Self>) {
        let changed = self.workspace_mut().reload();
        match changed {
            Ok(changed) if changed.is_empty() => {}
            Ok(changed) => {
                self.hub.add(&Topic::Definitions, changed.len() as u64);
                crate::people::definitions_changed(self);
            }
            Err(error) => tracing::warn!(%error, "the definitions can't be read again"),
        }
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The definitions as they are now. Not to be held across an await.
    pub(crate) fn workspace(&self) -> RwLockReadGuard<'_, Workspace> {
        self.workspace.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn workspace_mut(&self) -> RwLockWriteGuard<'_, Workspace> {
        self.workspace.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state, when it was opened with it.
    pub(crate) fn held(&self) -> Result<&Held> {
        self.held.as_ref().ok_or_else(|| {
            Error::internal(
                "no_state",
                "this command needs the workspace's state, which was not opened",
            )
        })
    }

    /// Whether lag is sampled without anybody looking.
    pub(crate) fn samples_in_background(&self) -> bool {
        self.samplers.started()
    }

    pub(crate) async fn cluster(&self, name: &str) -> Result<Arc<Cluster>> {
        self.clusters.get(self, name).await
    }

    /// The time of the newest event collected; the sandbox's history begins there.
    pub(crate) fn newest_event_ms(&self) -> Option<i64> {
        self.held.as_ref().and_then(|held| held.people.newest_event_ms())
    }

    /// What of a topic's records must not be shown.
    pub(crate) fn masks(&self, cluster: &str, topic: &str) -> Option<Masks> {
        if !self.masked {
            return None;
        }
        let workspace = self.workspace();
        Masks::of(workspace.definitions.masks(), cluster, topic, &self.mask_key)
    }

    /// What must not be shown of people.
    pub(crate) fn people_masks(&self) -> Option<Arc<PeopleMasks>> {
        if !self.masked {
            return None;
        }
        let workspace = self.workspace();
        PeopleMasks::of(&workspace.definitions, &self.mask_key).map(Arc::new)
    }

    /// Everything that SQL can see, as it may be shown.
    pub(crate) fn shown(&self, session: Session) -> Result<Session> {
        match self.people_masks() {
            Some(masks) => session.behind(masks),
            None => Ok(session),
        }
    }

    /// Everything that SQL can see, with people named as they may be.
    pub(crate) fn named(&self, session: Session) -> Session {
        match self.people_masks() {
            Some(masks) => session.named_behind(masks),
            None => session,
        }
    }

    /// What is wrong with the event log: segments that can't be read, a checkpoint that can't be written.
    pub(crate) fn log_problems(&self) -> Vec<Error> {
        let Some(held) = &self.held else {
            return Vec::new();
        };
        let damaged = held.people.problems().into_iter();
        damaged
            .map(|problem| problem.error)
            .chain(held.people.intake_problems())
            .chain(held.people.unwritten())
            .collect()
    }

    /// A path that a person gave for a result: relative to where the process runs.
    pub(crate) fn output_path(&self, path: &str) -> PathBuf {
        PathBuf::from(path)
    }

    /// How far the workspace's time zone is from UTC at a time, in milliseconds.
    pub(crate) fn utc_offset_ms(&self, at_ms: i64) -> i64 {
        use chrono::{Offset, TimeZone};
        let zone: Option<arrow::array::timezone::Tz> = self.workspace().definitions.time_zone().parse().ok();
        let offset = zone.and_then(|zone| {
            let at = chrono::DateTime::from_timestamp_millis(at_ms)?.naive_utc();
            Some(zone.offset_from_utc_datetime(&at).fix().local_minus_utc())
        });
        i64::from(offset.unwrap_or(0)) * 1_000
    }

    /// Stops everything, in order, and closes the state, within [`CLOSE_MAX`].
    pub(crate) async fn close(&self) {
        self.close_by(Instant::now() + CLOSE_MAX).await;
    }

    async fn close_by(&self, deadline: Instant) {
        for tail in self.tails.take_all() {
            tail.stop();
        }
        for query in self.queries.take_all() {
            query.stop();
        }
        let closing = async {
            self.supervisor.shut_down().await;
        };
        end_by(deadline, "the tasks", closing).await;
        let state = async {
            if let Some(held) = &self.held {
                held.store.close().await;
            }
        };
        // Neither stands on the other, and each is begun even when there is no time left.
        tokio::join!(
            end_by(deadline, "the clusters", self.clusters.close()),
            end_by(deadline, "the workspace's state", state),
        );
    }
}

/// What has not ended by then is abandoned, and named in the log.
async fn end_by(deadline: Instant, what: &str, ending: impl Future<Output = ()>) {
    if tokio::time::timeout_at(deadline, ending).await.is_err() {
        tracing::warn!("{what} did not close in time");
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use super::*;
    use crate::workspace::WORKSPACE_FILE;

    #[tokio::test]
    async fn closing_ends_in_time_whatever_still_uses_the_state() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(WORKSPACE_FILE), "name = \"test\"\n").unwrap();
        let open = OpenWorkspace::open(folder.path().to_owned(), OpenOptions::command())
            .await
            .unwrap();
        // Begun and not gone on with: it has a connection to the state, and keeps it.
        let mut using = pin!(open.held().unwrap().store.manifest());
        assert!(futures::poll!(using.as_mut()).is_pending());
        let closing = open.close_by(Instant::now() + Duration::from_millis(20));
        let closed = tokio::time::timeout(Duration::from_secs(60), closing).await;
        assert!(closed.is_ok(), "closing waits for whoever uses the state");
    }
}
