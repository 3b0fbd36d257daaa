//! Collecting: a task for each source reads its topic from the checkpoint on, and hands events to the collector.
//!
//! Invariants: positions advance only together with the events they produced (both are in the same checkpoint);
//! the consumer group's offsets follow the checkpoint, never lead it; a record that is no event is kept with its reason
//! and stops nothing.

use std::{
    collections::BTreeMap,
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use arrow::{
    array::{Array, AsArray, RecordBatch},
    datatypes::{Int32Type, Int64Type},
};
use tailrace_connectors::{
    clusters::kafka::{RawBatch, Tail, TailFrom, TailProgress, TailSpec},
    formats::{
        Problem, RecordDecoder,
        json::{Shape, ShapeLimits},
        preview,
    },
};
use tailrace_engine::{
    events::{self, MalformedRow, Parsed},
    session::RecordProjection,
};
use tailrace_model::{
    Error, Result, SourceDefinition, TopicFormats,
    api::{MalformedRecord, TailPartition, Topic},
    limits::CELL_CHARS_MAX,
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{
    People, SourceStatus,
    backoff::Backoff,
    checkpoint,
    follow::{COMMIT_MAX, Positions, follow},
};
use crate::{
    core::{Stage, now_ms},
    open::OpenWorkspace,
    records::TopicView,
};

/// A source that failed tries again after this, at first; the pause doubles up to [`RETRY_MAX`].
const RETRY_MIN: Duration = Duration::from_secs(1);
const RETRY_MAX: Duration = Duration::from_secs(30);
/// A tail from which nothing comes is looked at this often.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// The task of a source.
#[derive(Debug)]
pub(super) struct SourceTask {
    definition: SourceDefinition,
    token: CancellationToken,
    /// Cancelled when the task has ended.
    ended: CancellationToken,
}

impl SourceTask {
    pub(super) fn new(definition: SourceDefinition, token: CancellationToken) -> Self {
        Self {
            definition,
            token,
            ended: CancellationToken::new(),
        }
    }

    /// Not told to end.
    pub(super) fn runs(&self) -> bool {
        !self.token.is_cancelled()
    }

    #[cfg(test)]
    pub(super) fn token(&self) -> CancellationToken {
        self.token.clone()
    }

    #[cfg(test)]
    pub(super) fn ended(&self) -> CancellationToken {
        self.ended.clone()
    }
}

/// Starts a task for every enabled source that does not run yet, and ends those that are no longer defined so.
pub fn start_sources(open: &Arc<OpenWorkspace>) {
    let Ok(held) = open.held() else { return };
    let wanted: BTreeMap<String, SourceDefinition> = {
        let workspace = open.workspace();
        let sources = workspace.definitions.valid_sources().filter(|(_, it)| it.enabled);
        sources.map(|(name, it)| (name.to_owned(), it.clone())).collect()
    };
    let unknown = held.people.rules_problem();
    let wanted = match &unknown {
        None => wanted,
        Some(error) => {
            for name in wanted.keys() {
                held.people.set_source(name, |status| status.fail(error.clone()));
            }
            BTreeMap::new()
        }
    };
    let mut tasks = People::lock(&held.people.tasks);
    tasks.retain(|name, task| {
        if wanted.get(name) != Some(&task.definition) {
            task.token.cancel();
        }
        // One that is ending is remembered: the next one of its name waits for it.
        !task.ended.is_cancelled()
    });
    for (name, definition) in wanted {
        if tasks.get(&name).is_some_and(SourceTask::runs) {
            continue;
        }
        let token = open.supervisor.token(Stage::Sources);
        let task = SourceTask::new(definition.clone(), token.clone());
        let ended = task.ended.clone();
        let before = tasks.insert(name.clone(), task).map(|task| task.ended);
        let weak = Arc::downgrade(open);
        open.supervisor.spawn(Stage::Sources, |_| async move {
            let _ended = ended.drop_guard();
            // Even when this one is to end already: whoever waits for it waits for the one before, too.
            if let Some(before) = before {
                before.cancelled().await;
            }
            keep_running(&weak, &name, &definition, &token).await;
        });
    }
    drop(tasks);
    checkpoint::start(open);
}

/// Collects until the token is cancelled; what fails is tried again.
async fn keep_running(
    weak: &Weak<OpenWorkspace>,
    name: &str,
    definition: &SourceDefinition,
    token: &CancellationToken,
) {
    let mut backoff = Backoff::new(RETRY_MIN, RETRY_MAX);
    while !token.is_cancelled() {
        let Some(open) = weak.upgrade() else { return };
        let mut read_for = Duration::ZERO;
        let ran = run(&open, name, definition, token, &mut read_for).await;
        let Ok(held) = open.held() else { return };
        held.people.set_source(name, |status| match ran {
            Ok(()) => status.stop(),
            Err(error) => status.fail(error),
        });
        open.hub.add(&Topic::Events, 0);
        drop(open);
        let pause = tokio::time::sleep(backoff.pause_after(read_for));
        if token.run_until_cancelled(pause).await.is_none() {
            return;
        }
    }
}

async fn run(
    open: &Arc<OpenWorkspace>,
    name: &str,
    definition: &SourceDefinition,
    token: &CancellationToken,
    read_for: &mut Duration,
) -> Result<()> {
    let held = open.held()?;
    let mut reader = Reader::new(name, definition)?;
    let cluster = open.cluster(&definition.cluster).await?;
    let formats = TopicView::new(open, &cluster, &definition.topic, &TopicFormats::default())?;
    reader.formats = Some(formats);
    let Some(cluster_id) = token.run_until_cancelled(cluster.id()).await else {
        return Ok(());
    };
    let cluster_id = cluster_id?;
    // What an earlier try collected is in the checkpoint before its positions are read again.
    checkpoint::write(open).await?;
    let positions = held.store.positions(name, &cluster_id, &definition.topic).await?;
    held.people.begin_source(name, &cluster_id, definition).await;
    let mut spec = TailSpec::new(&definition.topic, TailFrom::Offsets(positions));
    spec.new_partitions = true;
    let tail = Tail::start(&cluster.client, spec, now_ms(), token.clone()).await?;
    held.people.set_source(name, SourceStatus::read);
    let began = Instant::now();
    let (tell, newest) = watch::channel(Positions::new());
    let done = CancellationToken::new();
    let reading = async {
        let _done = done.clone().drop_guard();
        if definition.group.is_some() {
            People::lock(&held.people.followers).insert(name.to_owned(), tell);
        }
        let ran = read(open, name, &mut reader, tail, token).await;
        // The last one of this tail, which its group follows.
        let written = checkpoint::write(open).await;
        People::lock(&held.people.followers).remove(name);
        ran.and(written)
    };
    let group = definition.group.as_deref().unwrap_or_default();
    let (client, topic) = (&cluster.client, &definition.topic);
    let commit = async |positions: Positions| client.commit(group, topic, &positions).await;
    let (ran, ()) = tokio::join!(reading, follow(newest, &done, COMMIT_MAX, commit));
    *read_for = began.elapsed();
    ran
}

/// Collects what a tail reads, until it ends.
async fn read(
    open: &Arc<OpenWorkspace>,
    name: &str,
    reader: &mut Reader,
    mut tail: Tail,
    token: &CancellationToken,
) -> Result<()> {
    let people = &open.held()?.people;
    let activity = open.activities.start("source", format!("Collect {name}"), None);
    let mut collected = Collected::default();
    let look = |progress: &TailProgress, collected: &Collected| {
        let mut turned = false;
        people.set_source(name, |status| turned = status.look(progress, collected, now_ms()));
        if turned {
            open.hub.add(&Topic::Events, 0);
        }
    };
    loop {
        let batch = tokio::select! {
            biased;
            () = token.cancelled() => break,
            batch = tail.next() => batch?,
            () = tokio::time::sleep(LOOK_INTERVAL) => {
                look(&tail.progress(), &collected);
                continue;
            }
        };
        let Some(batch) = batch else { break };
        let lost = collected.add(&batch);
        collect(open, name, reader, batch, lost).await?;
        let progress = tail.progress();
        look(&progress, &collected);
        activity.progress(progress.scanned, None, None);
    }
    activity.end(Ok(()));
    Ok(())
}

/// What was collected of a tail, which itself reads ahead.
#[derive(Debug, Default)]
pub(super) struct Collected {
    records: u64,
    lost: i64,
    positions: Vec<(i32, i64)>,
}

impl Collected {
    #[cfg(test)]
    pub(super) fn up_to(records: u64, positions: &[(i32, i64)]) -> Self {
        Self {
            records,
            lost: 0,
            positions: positions.to_vec(),
        }
    }

    /// Returns how many records were deleted before they were read, since the batch before.
    fn add(&mut self, batch: &RawBatch) -> u64 {
        let lost = (batch.lost - self.lost).max(0).unsigned_abs();
        self.lost = batch.lost;
        self.records += batch.records.num_rows() as u64;
        self.positions.clone_from(&batch.positions);
        lost
    }

    /// Records that are known to be lost, and are not counted with a batch yet.
    pub(super) fn lost_since(&self, progress: &TailProgress) -> u64 {
        (progress.lost - self.lost).max(0).unsigned_abs()
    }

    /// Records between what was collected and the ends last heard of.
    pub(super) fn behind(&self, progress: &TailProgress) -> i64 {
        // Everything that was read was collected: what is left up to `next` are no records, but marks of transactions.
        let all = progress.waiting == 0 && progress.scanned == self.records;
        let next = |it: &TailPartition| {
            let collected = self.positions.iter().find(|(found, _)| *found == it.partition);
            if all {
                it.next
            } else {
                collected.map_or(it.from, |(_, next)| *next)
            }
        };
        progress
            .partitions
            .iter()
            .map(|it| (it.end - next(it)).max(0))
            .sum()
    }
}

pub(super) async fn collect(
    open: &Arc<OpenWorkspace>,
    name: &str,
    reader: &mut Reader,
    batch: RawBatch,
    lost: u64,
) -> Result<()> {
    let people = &open.held()?.people;
    let (viewed, problems) = reader.view(&batch.records).await?;
    let mut collecting = people.collecting.lock().await;
    let now = now_ms();
    let records = reader.prepare(batch.records, viewed)?;
    let parsed = reader.parse(&records, now)?;
    let collected = collecting.collector.collect(name, &parsed.events, now)?;
    let mut malformed = parsed.malformed;
    malformed.extend(collected.rejected.into_iter().map(|it| MalformedRow {
        row: parsed.rows[it.index],
        reason: it.reason,
    }));
    for row in &mut malformed {
        if let Ok(at) = problems.binary_search_by_key(&row.row, |problem| problem.row) {
            row.reason.clone_from(&problems[at].reason);
        }
    }
    let malformed = malformed_records(&reader.source, &reader.topic, &reader.raw, &malformed, now)?;
    let pending = collecting.pending.entry(name.to_owned()).or_default();
    pending.counts.events += collected.accepted as u64;
    pending.counts.duplicates += collected.duplicates as u64;
    pending.counts.malformed += malformed.len() as u64;
    pending.counts.lost += lost;
    pending.malformed.extend(malformed);
    pending.set_positions(&batch.positions);
    let full = collecting.collector.is_full() || collecting.malformed_pending() > MALFORMED_PENDING_MAX;
    drop(collecting);
    if full {
        // The reader waits until there is room again: memory is bounded.
        checkpoint::write(open).await?;
    }
    Ok(())
}

/// Malformed records that wait for a checkpoint.
const MALFORMED_PENDING_MAX: usize = 5_000;

fn malformed_records(
    source: &str,
    topic: &str,
    raw: &RecordBatch,
    rows: &[MalformedRow],
    now: i64,
) -> Result<Vec<MalformedRecord>> {
    let column = |name: &str| {
        raw.column_by_name(name)
            .ok_or_else(|| Error::internal("raw_batch", format!("a batch of records has no column {name}")))
    };
    let partitions = column("_partition")?.as_primitive::<Int32Type>();
    let offsets = column("_offset")?.as_primitive::<Int64Type>();
    let values = column("value")?.as_binary::<i32>();
    Ok(rows
        .iter()
        .map(|it| MalformedRecord {
            source: source.to_owned(),
            topic: topic.to_owned(),
            partition: partitions.value(it.row),
            offset: offsets.value(it.row),
            reason: it.reason.clone(),
            value: if values.is_null(it.row) {
                String::new()
            } else {
                preview(values.value(it.row), CELL_CHARS_MAX)
            },
            seen_ms: now,
        })
        .collect())
}

/// Turns records into events: Segment's spec as it is, or a SQL projection over decoded values.
pub(super) struct Reader {
    source: String,
    topic: String,
    projection: Option<Projection>,
    /// How records are read; absent: they are JSON.
    formats: Option<TopicView>,
    /// The batch as it was read, for what is malformed in it.
    raw: RecordBatch,
}

struct Projection {
    sql: RecordProjection,
    paths: Vec<Vec<String>>,
    shape: Shape,
    decoder: RecordDecoder,
}

impl Reader {
    pub(super) fn new(source: &str, definition: &SourceDefinition) -> Result<Self> {
        let projection = match &definition.sql {
            None => None,
            Some(sql) => {
                let sql = RecordProjection::parse(sql)
                    .map_err(|error| error.context(format!("sources/{source}.toml, sql")))?;
                let below = sql
                    .paths()
                    .iter()
                    .filter(|path| path.first().is_some_and(|first| first == "value"));
                let paths: Vec<Vec<String>> = below.map(|path| path[1..].to_vec()).collect();
                let shape = Shape::new(ShapeLimits {
                    values_max: usize::MAX,
                    ..ShapeLimits::default()
                });
                let decoder = RecordDecoder::json(&shape.fields().select(&paths));
                Some(Projection {
                    sql,
                    paths,
                    shape,
                    decoder,
                })
            }
        };
        Ok(Self {
            source: source.to_owned(),
            topic: definition.topic.clone(),
            projection,
            formats: None,
            raw: RecordBatch::new_empty(tailrace_connectors::clusters::kafka::raw_schema()),
        })
    }

    /// The batch in the formats of its topic, and what is not of its format, by row. JSON is as it was read.
    async fn view(&mut self, raw: &RecordBatch) -> Result<(RecordBatch, Vec<Problem>)> {
        let Some(formats) = &mut self.formats else {
            return Ok((raw.clone(), Vec::new()));
        };
        let viewed = formats
            .view_collected(raw, now_ms())
            .await
            .map_err(|error| error.context(format_args!("topic \"{}\"", self.topic)))?;
        Ok((viewed.records, viewed.problems))
    }

    /// The batch that events are parsed from; what parsing borrows lives in it.
    fn prepare(&mut self, raw: RecordBatch, viewed: RecordBatch) -> Result<RecordBatch> {
        self.raw = raw;
        match &mut self.projection {
            None => Ok(viewed),
            Some(projection) => projection.apply(&viewed),
        }
    }

    fn parse<'a>(&self, records: &'a RecordBatch, now_ms: i64) -> Result<Parsed<'a>> {
        match &self.projection {
            None => events::segment::parse_batch(records, now_ms),
            Some(_) => {
                let origin = events::projection::Origin {
                    source: &self.source,
                    topic: &self.topic,
                    now_ms,
                };
                events::projection::parse_batch(records, &origin)
            }
        }
    }
}

impl Projection {
    fn apply(&mut self, raw: &RecordBatch) -> Result<RecordBatch> {
        let values = raw
            .column_by_name("value")
            .and_then(|values| values.as_binary_opt::<i32>())
            .ok_or_else(|| Error::internal("raw_batch", "a batch of records has no values"))?;
        // A field may come, or turn out to have fractions, in any record.
        if self.shape.observe(values) {
            self.decoder = RecordDecoder::json(&self.shape.fields().select(&self.paths));
        }
        self.sql.evaluate(&self.decoder.decode(raw)?.records)
    }
}
