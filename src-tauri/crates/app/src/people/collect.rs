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
    array::{AsArray, RecordBatch},
    datatypes::{Int32Type, Int64Type},
};
use tailrace_connectors::{
    clusters::kafka::{RawBatch, Tail, TailFrom, TailProgress, TailSpec},
    formats::{
        Problem, RecordDecoder,
        json::{Shape, ShapeLimits},
    },
};
use tailrace_engine::{
    events::{self, Parsed},
    session::RecordProjection,
};
use tailrace_model::{
    Error, Result, SourceDefinition, TopicFormats, TrackingPlanDefinition,
    api::{QuarantineKind, TailPartition, Topic},
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{
    People, SourceStatus,
    backoff::Backoff,
    checkpoint,
    follow::{COMMIT_MAX, Positions, follow},
    intake,
};
use crate::{
    core::{Stage, now_ms},
    open::OpenWorkspace,
    quality::{Judge, Judged, QUARANTINE_PENDING_BYTES_MAX, Refused, rows_of},
    records::TopicView,
    store::SourceCounts,
    workspace::Definitions,
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
    /// The tracking plan that it names, as it was then.
    plan: Option<TrackingPlanDefinition>,
    token: CancellationToken,
    /// Cancelled when the task has ended.
    ended: CancellationToken,
}

impl SourceTask {
    pub(super) fn new(
        definition: SourceDefinition,
        plan: Option<TrackingPlanDefinition>,
        token: CancellationToken,
    ) -> Self {
        Self {
            definition,
            plan,
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
    let wanted: BTreeMap<String, (SourceDefinition, Option<TrackingPlanDefinition>)> = {
        let workspace = open.workspace();
        let definitions = &workspace.definitions;
        // What is posted is listened for, not read.
        let sources = definitions
            .valid_sources()
            .filter(|(_, it)| it.enabled && it.kind.is_kafka());
        sources
            .map(|(name, it)| (name.to_owned(), (it.clone(), plan_of(definitions, it))))
            .collect()
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
        let same = |(definition, plan): &(SourceDefinition, Option<TrackingPlanDefinition>)| {
            *definition == task.definition && *plan == task.plan
        };
        if !wanted.get(name).is_some_and(same) {
            task.token.cancel();
        }
        // One that is ending is remembered: the next one of its name waits for it.
        !task.ended.is_cancelled()
    });
    for (name, (definition, plan)) in wanted {
        if tasks.get(&name).is_some_and(SourceTask::runs) {
            continue;
        }
        let token = open.supervisor.token(Stage::Sources);
        let task = SourceTask::new(definition.clone(), plan, token.clone());
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
    intake::start(open);
}

/// The plan that a source names, when it holds.
pub(crate) fn plan_of(
    definitions: &Definitions,
    source: &SourceDefinition,
) -> Option<TrackingPlanDefinition> {
    let name = source.plan.as_ref()?;
    let loaded = definitions.plans.get(name)?;
    loaded.problems.is_empty().then(|| loaded.value.clone()).flatten()
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
    let mut reader = Reader::of(open, name, definition)?;
    if let Some(plan) = &definition.plan {
        keep_plan(open, plan).await?;
    }
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

/// Keeps the plan as this version, to compare later ones with.
pub(super) async fn keep_plan(open: &OpenWorkspace, name: &str) -> Result<()> {
    let kept = {
        let workspace = open.workspace();
        let loaded = workspace.definitions.plans.get(name);
        loaded.and_then(|loaded| Some((loaded.value.as_ref()?.version, loaded.text().to_owned())))
    };
    match kept {
        Some((version, text)) => open.held()?.store.keep_plan(name, version, &text, now_ms()).await,
        None => Ok(()),
    }
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
    if take(open, name, reader, batch.records, &batch.positions, lost).await? {
        // The reader waits until there is room again: memory is bounded.
        checkpoint::write(open).await?;
    }
    Ok(())
}

/// Hands records to the collector, and where the source is after them. True: a checkpoint is due before more are taken.
pub(super) async fn take(
    open: &Arc<OpenWorkspace>,
    name: &str,
    reader: &mut Reader,
    records: RecordBatch,
    positions: &[(i32, i64)],
    lost: u64,
) -> Result<bool> {
    let people = &open.held()?.people;
    let (viewed, problems) = reader.view(&records).await?;
    let mut collecting = people.collecting.lock().await;
    let now = now_ms();
    let records = reader.prepare(records, viewed)?;
    let mut judged = reader.judge(&records, now)?;
    let collected = collecting.collector.collect(name, &judged.events, now)?;
    let rejected = collected.rejected.into_iter().map(|it| Refused {
        row: judged.rows[it.index],
        kind: QuarantineKind::Malformed,
        reason: it.reason,
        event: Some(judged.events[it.index].event.to_string()),
        message_id: Some(judged.events[it.index].message_id.to_string()),
        fields: None,
    });
    let rejected: Vec<Refused> = rejected.collect();
    judged.refused.extend(rejected);
    let refused = explained(std::mem::take(&mut judged.refused), &problems);
    let pending = collecting.pending.entry(name.to_owned()).or_default();
    let malformed = refused
        .iter()
        .filter(|it| it.kind == QuarantineKind::Malformed)
        .count();
    let violations = judged.count_violations(&reader.topic, &reader.raw, now, &mut pending.quality)?;
    pending.counts += SourceCounts {
        events: collected.accepted as u64,
        duplicates: collected.duplicates as u64,
        malformed: malformed as u64,
        blocked: (refused.len() - malformed) as u64,
        violations,
        left_out: judged.left_out.len() as u64,
        lost,
    };
    let rows = rows_of(&reader.topic, &reader.raw, refused, now)?;
    pending.quality.quarantine(rows);
    let heavy = pending.quality.bytes() > QUARANTINE_PENDING_BYTES_MAX;
    pending.set_positions(positions);
    Ok(collecting.collector.is_full() || heavy || collecting.refused_pending() > REFUSED_PENDING_MAX)
}

/// Quarantined records that wait for a checkpoint.
const REFUSED_PENDING_MAX: usize = 5_000;

/// What is not of its topic's format is told so, whatever the reader of events makes of it.
pub(crate) fn explained(mut refused: Vec<Refused>, problems: &[Problem]) -> Vec<Refused> {
    for row in &mut refused {
        if let Ok(at) = problems.binary_search_by_key(&row.row, |problem| problem.row) {
            row.reason.clone_from(&problems[at].reason);
        }
    }
    refused
}

/// Turns records into events: Segment's spec as it is, or a SQL projection over decoded values.
pub(crate) struct Reader {
    pub source: String,
    pub topic: String,
    projection: Option<Projection>,
    pub judge: Judge,
    /// How records are read; absent: they are JSON.
    pub formats: Option<TopicView>,
    /// The batch as it was read, for what is malformed in it.
    raw: RecordBatch,
    /// The row of it that each row of the prepared batch came from; absent: they are the same.
    origin: Option<Vec<usize>>,
}

struct Projection {
    sql: RecordProjection,
    paths: Vec<Vec<String>>,
    shape: Shape,
    decoder: RecordDecoder,
}

impl Reader {
    /// With the transformation and the plan of now.
    pub(crate) fn of(open: &OpenWorkspace, source: &str, definition: &SourceDefinition) -> Result<Self> {
        let plan = plan_of(&open.workspace().definitions, definition);
        let judge = Judge::new(source, definition, plan.as_ref())?;
        Self::new(source, definition, judge)
    }

    pub(crate) fn new(source: &str, definition: &SourceDefinition, judge: Judge) -> Result<Self> {
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
            judge,
            formats: None,
            raw: RecordBatch::new_empty(tailrace_connectors::clusters::kafka::raw_schema()),
            origin: None,
        })
    }

    /// The batch in the formats of its topic, and what is not of its format, by row. JSON is as it was read.
    pub(crate) async fn view(&mut self, raw: &RecordBatch) -> Result<(RecordBatch, Vec<Problem>)> {
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
    pub(crate) fn prepare(&mut self, raw: RecordBatch, viewed: RecordBatch) -> Result<RecordBatch> {
        self.raw = raw;
        let Some(projection) = &mut self.projection else {
            return Ok(viewed);
        };
        let records = projection.apply(&viewed)?;
        self.origin = origin(&self.raw, &records);
        Ok(records)
    }

    /// What becomes of the records of a prepared batch.
    pub(crate) fn judge<'a>(&mut self, records: &'a RecordBatch, now_ms: i64) -> Result<Judged<'a>> {
        let parsed = self.parsed(records, now_ms)?;
        let mut judged = self.judge.judge(parsed);
        // What the SQL of the source itself leaves out.
        if let Some(origin) = &self.origin {
            let mut kept = origin.iter().peekable();
            for row in 0..self.raw.num_rows() {
                if kept.next_if_eq(&&row).is_none() {
                    judged.left_out.push((row, None));
                }
            }
        }
        Ok(judged)
    }

    /// The events as the records say them.
    pub(crate) fn parsed<'a>(&self, records: &'a RecordBatch, now_ms: i64) -> Result<Parsed<'a>> {
        let mut parsed = match &self.projection {
            None => events::segment::parse_batch(records, now_ms)?,
            Some(_) => {
                let origin = events::projection::Origin {
                    source: &self.source,
                    topic: &self.topic,
                    now_ms,
                };
                events::projection::parse_batch(records, &origin)?
            }
        };
        if let Some(origin) = &self.origin {
            let of = |row: usize| origin.get(row).copied().unwrap_or(row);
            parsed.rows.iter_mut().for_each(|row| *row = of(*row));
            parsed.malformed.iter_mut().for_each(|it| it.row = of(it.row));
        }
        Ok(parsed)
    }

    pub(crate) fn raw(&self) -> &RecordBatch {
        &self.raw
    }
}

/// The row of `raw` that each projected row came from: their order is the same, and some may be left out. Absent where
/// the SQL made other columns of the places.
fn origin(raw: &RecordBatch, projected: &RecordBatch) -> Option<Vec<usize>> {
    let places = |batch: &RecordBatch| {
        let partitions = batch
            .column_by_name("_partition")?
            .as_primitive_opt::<Int32Type>()?
            .clone();
        let offsets = batch
            .column_by_name("_offset")?
            .as_primitive_opt::<Int64Type>()?
            .clone();
        Some((partitions, offsets))
    };
    let (raw_places, places) = (places(raw)?, places(projected)?);
    let mut at = 0;
    let mut rows = Vec::with_capacity(projected.num_rows());
    for row in 0..projected.num_rows() {
        let place = (places.0.value(row), places.1.value(row));
        at +=
            (at..raw.num_rows()).position(|at| (raw_places.0.value(at), raw_places.1.value(at)) == place)?;
        rows.push(at);
        at += 1;
    }
    Some(rows)
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
