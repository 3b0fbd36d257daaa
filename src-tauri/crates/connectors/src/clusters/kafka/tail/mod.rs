//! Reading a topic from somewhere, on and on: the core that tails, ingest and previews stand on.
//!
//! Invariants: a tail joins no consumer group and commits nothing; records of a partition come in order, none twice and
//! none left out (what was deleted before it was read is counted in [`TailProgress::lost`]); a reader that is not
//! listened to waits, and drops nothing; brokers that go away are waited for.

mod batch;
mod intake;
mod looks;
mod plan;
mod sieve;
mod worker;

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use arrow::{array::Int64Array, record_batch::RecordBatch};
use tailrace_model::{
    Error, Result,
    api::{TailPartition, TailStart},
};
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

pub use batch::{RawColumns, raw_schema};
pub use plan::{TailPlan, TailRange};
pub use sieve::Sieve;

use super::client::KafkaClient;

/// What to read.
#[derive(Debug, Clone)]
pub struct TailSpec {
    pub topic: String,
    pub from: TailFrom,
    /// Empty: all.
    pub partitions: Vec<i32>,
    /// Ends at the ends that the partitions had when it started.
    pub stop_at_end: bool,
    /// Each partition ends at its first record at or after this time; one that has none by then ends at its end.
    pub until_ms: Option<i64>,
    /// Partitions that the topic gets later are read too, from their beginning. Only when `partitions` is empty.
    pub new_partitions: bool,
    pub limits: TailLimits,
    /// Records that can't be wanted are counted and not handed over.
    pub sieve: Option<Arc<Sieve>>,
    /// The columns that are filled; the others are null or empty.
    pub columns: RawColumns,
    /// Partitions without a leader are left out and told in [`TailProgress::leaderless`], and read once they have one by
    /// a tail without an end. Otherwise a tail that should read one does not start.
    pub leaderless_too: bool,
}

impl TailSpec {
    /// All partitions, later ones too, without an end.
    pub fn new(topic: impl Into<String>, from: TailFrom) -> Self {
        Self {
            topic: topic.into(),
            from,
            partitions: Vec::new(),
            stop_at_end: false,
            until_ms: None,
            new_partitions: true,
            limits: TailLimits::default(),
            sieve: None,
            columns: RawColumns::default(),
            leaderless_too: false,
        }
    }
}

/// Where to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TailFrom {
    Start(TailStart),
    /// The next offset of each partition, from a checkpoint. Partitions not named start at their beginning. An offset
    /// past the partition's end is refused (`offset_past_end`): the topic was made anew.
    Offsets(Vec<(i32, i64)>),
    /// Every record that is in one of these ranges, up to the ends that the partitions have now, and hardly another.
    Ranges(Vec<TailRange>),
    /// So many records of each partition at its beginning, and so many at its end.
    BothEnds(i64),
}

/// How much is handed over at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TailLimits {
    pub batch_records_max: usize,
    /// Bytes of keys, values and headers; one record may be larger.
    pub batch_bytes_max: usize,
    /// How long the first record of a batch waits for more.
    pub linger_ms: u64,
    /// Batches that wait to be taken.
    pub batches_max: usize,
}

impl Default for TailLimits {
    fn default() -> Self {
        Self {
            batch_records_max: 16_384,
            batch_bytes_max: 8 * 1024 * 1024,
            linger_ms: 20,
            batches_max: 4,
        }
    }
}

/// Records as they are in the topic, in the order in which they arrived.
#[derive(Debug, Clone)]
pub struct RawBatch {
    /// Of [`raw_schema`]. None, when the sieve held all back for a while.
    pub records: RecordBatch,
    /// Of keys, values and headers.
    pub bytes: usize,
    /// For every record the largest time of its partition so far, records that the sieve held back included:
    /// `i64::MIN` where none had a time. Never goes back within a partition.
    pub order_ms: Int64Array,
    /// How far every partition is after this batch.
    pub marks: Vec<TailMark>,
    /// The next offset of every partition after this batch: what a checkpoint stores.
    pub positions: Vec<(i32, i64)>,
    /// Records before those positions that were deleted before they were read.
    pub lost: i64,
    /// Records read since the last batch: these, and those that the sieve held back.
    pub scanned: u64,
    /// Bytes of keys and values of those.
    pub scanned_bytes: u64,
}

/// How far a partition is read, for whoever merges partitions by time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TailMark {
    pub partition: i32,
    /// The next offset.
    pub next: i64,
    /// No record that follows has a smaller place in the order of times. `i64::MIN`: none is read yet.
    pub seen_ms: i64,
    pub state: MarkState,
}

/// Whether more of a partition is to be waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MarkState {
    /// What there was when the tail started is not read yet.
    History,
    /// There is more that came since.
    Live,
    /// It is read to its end, for now or for good.
    Idle,
}

/// What a tail did so far.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TailProgress {
    pub phase: TailPhase,
    /// What it waits for, or what happened to it, as a sentence.
    pub note: Option<String>,
    pub partitions: Vec<TailPartition>,
    /// Records handed over in batches.
    pub scanned: u64,
    pub scanned_bytes: u64,
    /// Records read that are in no batch yet: the partitions' `next` is past them.
    pub waiting: u64,
    /// Records that were deleted before they were read.
    pub lost: i64,
    /// Partitions of which the last record read has the broker's own time.
    pub stamped: Vec<i32>,
    /// Partitions that had no leader when it started, and are not read yet.
    pub leaderless: Vec<i32>,
    /// Offsets before the ends, when it started, that an open transaction held back.
    pub held_back: u64,
}

impl TailProgress {
    /// Whether every partition is read to the end last heard of.
    pub fn caught_up(&self) -> bool {
        self.partitions
            .iter()
            .all(|partition| partition.next >= partition.end)
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TailPhase {
    #[default]
    Running,
    /// A broker is away; it goes on by itself when the broker is back.
    Waiting,
    Ended,
}

/// A topic being read. Dropping it ends the reading.
pub struct Tail {
    batches: mpsc::Receiver<Result<RawBatch>>,
    watch: TailWatch,
    held: Held,
    _cancel: DropGuard,
}

impl Tail {
    /// Looks up where to start, and starts the reading thread. `now_ms` is the time now, for `until_ms`. Cancelling
    /// `token` ends it.
    pub async fn start(
        client: &KafkaClient,
        spec: TailSpec,
        now_ms: i64,
        token: CancellationToken,
    ) -> Result<Self> {
        let plan = tokio::select! {
            plan = Self::plan(client, &spec) => plan?,
            () = token.cancelled() => return Err(cancelled()),
        };
        Self::start_at(client, spec, plan, now_ms, &token)
    }

    /// Looks up where to start and where to end, and reads nothing yet.
    pub async fn plan(client: &KafkaClient, spec: &TailSpec) -> Result<TailPlan> {
        plan::plan(client, spec).await
    }

    /// As [`Tail::start`], from where a plan says.
    pub fn start_at(
        client: &KafkaClient,
        spec: TailSpec,
        plan: TailPlan,
        now_ms: i64,
        token: &CancellationToken,
    ) -> Result<Self> {
        let token = token.child_token();
        let watch = TailWatch::default();
        watch.update(|progress| {
            progress.partitions = plan.progress();
            progress.leaderless.clone_from(&plan.leaderless);
            progress.held_back = plan.held_back;
        });
        let (sender, batches) = mpsc::channel(spec.limits.batches_max.max(1));
        let held = Held::default();
        let channels = worker::Channels {
            batches: sender,
            watch: watch.clone(),
            held: held.clone(),
        };
        worker::spawn(client, spec, plan, now_ms, channels, token.clone())?;
        Ok(Self {
            batches,
            watch,
            held,
            _cancel: token.drop_guard(),
        })
    }

    /// The next records; `None` when it has ended (cancelled, or every partition reached its end). After an error
    /// there are none.
    pub async fn next(&mut self) -> Result<Option<RawBatch>> {
        self.batches.recv().await.transpose()
    }

    pub fn progress(&self) -> TailProgress {
        self.watch.progress()
    }

    /// Leaves these partitions where they are until they are not among those held any more; the others are read on.
    pub fn hold(&self, partitions: BTreeSet<i32>) {
        self.held.set(partitions);
    }

    /// For whoever watches while another reads.
    pub fn watch(&self) -> TailWatch {
        self.watch.clone()
    }
}

/// Shows what a tail does.
#[derive(Clone, Default)]
pub struct TailWatch {
    progress: Arc<Mutex<TailProgress>>,
}

impl TailWatch {
    pub fn progress(&self) -> TailProgress {
        self.lock().clone()
    }

    fn update(&self, change: impl FnOnce(&mut TailProgress)) {
        change(&mut self.lock());
    }

    fn lock(&self) -> MutexGuard<'_, TailProgress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The partitions that are not to be read now.
#[derive(Clone, Default)]
struct Held {
    /// Those, and whether the reading thread does not know yet.
    wanted: Arc<Mutex<(BTreeSet<i32>, bool)>>,
}

impl Held {
    fn set(&self, partitions: BTreeSet<i32>) {
        let mut wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        if wanted.0 != partitions {
            *wanted = (partitions, true);
        }
    }

    /// When it has changed.
    fn changed(&self) -> Option<BTreeSet<i32>> {
        let mut wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut wanted.1).then(|| wanted.0.clone())
    }
}

fn cancelled() -> Error {
    Error::user("cancelled", "the tail was stopped before it began")
}
