//! The intake of `tailrace serve`: what is posted to the tracking API is durable before it is acknowledged, and is
//! collected from there like the records of a topic.
//!
//! Requests wait in a queue; one task writes all that wait to the [`journal`] with one sync and acknowledges them
//! ([`write`]); another collects what is in the journal, whose positions are in the same checkpoint as the events
//! ([`gather`]); a third copies it to Kafka, for sources that say so ([`produce`]).
//!
//! Invariants: an event that was acknowledged is in the journal until a checkpoint has it and every copy was made; after
//! a crash collecting goes on from the checkpoint's position, so that an event is collected exactly once; the queue and
//! the journal have limits, beyond which requests are refused and told when to come back.

mod gather;
mod journal;
#[cfg(test)]
mod journal_tests;
mod listen;
mod meter;
mod produce;
mod write;

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Arc, Mutex, RwLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use arrow::array::RecordBatch;
use journal::{Journal, JournalWriter};
pub use listen::Tracking;
pub use meter::{BUCKETS_S, Meter};
use tailrace_connectors::tracking::Keys;
use tailrace_model::{Domain, Error, Result};
use tokio::sync::{mpsc, watch};
use write::Submission;

use super::People;
use crate::{
    core::Stage,
    open::OpenWorkspace,
    store::{SourceCheckpoint, Store},
};

/// Of the journal, in the workspace's state.
pub(super) const FOLDER: &str = "intake";
/// What positions in the journal are kept under, where those of a topic have the cluster's id.
const PLACE: &str = "tracking";
/// The same of copies to Kafka.
const COPIES: &str = "tracking copies";
/// Requests that wait for the journal.
const REQUESTS_MAX: usize = 2_048;
/// Bytes of the journal that no checkpoint has, or that were not copied yet.
const JOURNAL_BYTES_MAX: u64 = 1 << 30;

/// See the module's text.
#[derive(Debug)]
pub struct Intake {
    journal: Arc<Journal>,
    queue: mpsc::Sender<Submission>,
    /// Taken by the task that writes.
    writing: Mutex<Option<(JournalWriter, mpsc::Receiver<Submission>)>>,
    /// Files that were damaged when the journal was opened.
    pub(super) problems: Vec<Error>,
    /// The number behind the last event that a checkpoint has.
    covered: AtomicU64,
    /// The number that the first event of this opening gets.
    opened_at: u64,
    /// How each copy to Kafka is, by source. Absent: not known yet.
    copies: Mutex<Option<BTreeMap<String, produce::Copying>>>,
    /// Told once they are.
    copies_known: watch::Sender<bool>,
    started: AtomicBool,
    /// Requests are answered.
    listening: AtomicBool,
    keys: RwLock<Arc<Keys>>,
    sources: Mutex<BTreeMap<String, listen::Source>>,
    /// Why nothing more can be written now.
    trouble: Mutex<Option<Error>>,
    /// The source whose events can't be collected now, and why.
    stuck: Mutex<Option<(String, Error)>>,
    meters: Mutex<BTreeMap<String, Meter>>,
}

impl Intake {
    pub(super) async fn open(folder: &Path, store: &Store) -> Result<Self> {
        let covered = store.last_position(PLACE).await?.max(0).unsigned_abs();
        let folder = folder.to_owned();
        let opened = tokio::task::spawn_blocking(move || Journal::open(&folder, covered))
            .await
            .map_err(|_| Error::internal("task", "opening the intake's journal was interrupted"))??;
        let (queue, waiting) = mpsc::channel(REQUESTS_MAX);
        let opened_at = opened.journal.next();
        Ok(Self {
            journal: opened.journal,
            queue,
            writing: Mutex::new(Some((opened.writer, waiting))),
            problems: opened.problems,
            covered: AtomicU64::new(covered),
            opened_at,
            copies: Mutex::default(),
            copies_known: watch::Sender::new(false),
            started: AtomicBool::new(false),
            listening: AtomicBool::new(false),
            keys: RwLock::default(),
            sources: Mutex::default(),
            trouble: Mutex::default(),
            stuck: Mutex::default(),
            meters: Mutex::default(),
        })
    }

    /// Whether a checkpoint has everything that was acknowledged.
    pub(super) fn is_collected(&self) -> bool {
        self.uncollected() == 0
    }

    /// Events that no checkpoint has.
    fn uncollected(&self) -> u64 {
        self.journal
            .next()
            .saturating_sub(self.covered.load(Ordering::SeqCst))
    }

    /// Why what was posted can't be collected now, with the source that it was posted to.
    pub(super) fn stuck(&self) -> Option<Error> {
        let stuck = People::lock(&self.stuck);
        let (source, error) = stuck.as_ref()?;
        Some(
            error
                .clone()
                .context(format!("what was posted to source \"{source}\" waits")),
        )
    }

    /// A checkpoint was written.
    pub(super) fn covered_by(&self, sources: &[SourceCheckpoint]) {
        let ours = sources.iter().filter(|source| source.cluster_id == PLACE);
        let next = ours
            .flat_map(|source| source.positions.iter().map(|(_, next)| *next))
            .max();
        if let Some(next) = next {
            self.covered
                .fetch_max(next.max(0).unsigned_abs(), Ordering::SeqCst);
        }
    }

    /// Removes files that nobody needs any more.
    fn release(&self) {
        // While it is not known what has still to be copied, everything stays.
        let copied = match &*People::lock(&self.copies) {
            Some(copies) => copies.values().map(|copy| copy.next).min(),
            None => return,
        };
        let covered = self.covered.load(Ordering::SeqCst);
        self.journal.release(covered.min(copied.unwrap_or(u64::MAX)));
    }
}

/// The newest events that were posted to a source, as records, so far as the journal of a workspace's state still has
/// them. Blocks.
pub(crate) fn newest(state: &Path, source: &str, events_max: usize) -> Result<RecordBatch> {
    let entries = journal::newest(&state.join(FOLDER), source, events_max)?;
    gather::records(&entries.iter().collect::<Vec<_>>())
}

/// Collects what was acknowledged before the workspace was closed or the process killed, and writes it to a checkpoint:
/// whoever looks at people now sees it. What a definition that does not hold keeps from being collected waits, and is
/// told as a problem of the workspace.
pub async fn recover(open: &Arc<OpenWorkspace>) -> Result<()> {
    let intake = &open.held()?.people.intake;
    if intake.is_collected() {
        return Ok(());
    }
    match gather::to_the_end(open).await {
        Err(error) if error.domain == Domain::User => {
            tracing::warn!(%error, "what was posted is not collected now");
            Ok(())
        }
        collected => collected,
    }
}

/// Starts the tasks, once; tells who may send, as it is defined now.
pub fn start(open: &Arc<OpenWorkspace>) {
    let Ok(held) = open.held() else { return };
    let intake = &held.people.intake;
    if !intake.started.swap(true, Ordering::SeqCst) {
        let writing = People::lock(&intake.writing).take();
        if let Some((writer, waiting)) = writing {
            let weak = Arc::downgrade(open);
            open.supervisor
                .spawn(Stage::Sources, |token| write::run(weak, writer, waiting, token));
        }
        let weak = Arc::downgrade(open);
        open.supervisor
            .spawn(Stage::Sources, |token| gather::run(weak, token));
        let weak = Arc::downgrade(open);
        open.supervisor
            .spawn(Stage::Sources, |token| produce::run(weak, token));
    }
    if intake.listening.load(Ordering::SeqCst) {
        listen::tell(open);
    }
}
