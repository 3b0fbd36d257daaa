//! The reading thread of a tail.

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use rdkafka::{consumer::Consumer as _, types::RDKafkaErrorCode as Code};
use tailrace_model::{Error, Result};
use tokio::{runtime::Handle, sync::mpsc};
use tokio_util::sync::CancellationToken;

use super::{
    Held, RawBatch, TailFrom, TailLimits, TailPhase, TailSpec, TailWatch,
    intake::Intake,
    looks::{self, Looks},
    plan::{Span, TailPlan},
};
use crate::clusters::kafka::{
    client::{KafkaClient, TopicPartition},
    config,
    ffi::{
        Failure,
        admin::{OffsetOf, list_offsets},
        consume::Reader,
    },
    native::{self, Consumer, Patience, listen},
    problem::{Place, unreachable},
};

/// The longest wait for records before the thread looks around.
const LOOK_AROUND: Duration = Duration::from_millis(100);
/// How often the ends and the connections are looked at.
const REPORT: Duration = Duration::from_millis(200);
/// New partitions that wait to be read.
const NEW_PARTITIONS_MAX: usize = 16;
/// The time that finding a lost position again may take.
const LOST_POSITION_MAX: Duration = Duration::from_secs(10);

/// How the thread and whoever takes its batches speak to each other.
pub(super) struct Channels {
    pub batches: mpsc::Sender<Result<RawBatch>>,
    pub watch: TailWatch,
    pub held: Held,
}

/// Starts the thread; it ends when `token` is cancelled, when nobody takes its batches any more, or at the ends.
pub(super) fn spawn(
    client: &KafkaClient,
    spec: TailSpec,
    plan: TailPlan,
    now_ms: i64,
    channels: Channels,
    token: CancellationToken,
) -> Result<()> {
    let Channels { batches, watch, held } = channels;
    let runtime = Handle::current();
    let (found, new_partitions) = mpsc::channel(NEW_PARTITIONS_MAX);
    let goes_on = !spec.stop_at_end && matches!(spec.from, TailFrom::Start(_) | TailFrom::Offsets(_));
    let looks = Looks {
        new: spec.new_partitions && spec.partitions.is_empty(),
        known: plan.spans.iter().map(|span| span.partition).collect(),
        leaderless: match goes_on {
            true => plan.leaderless.clone(),
            false => Vec::new(),
        },
    };
    if looks.new || !looks.leaderless.is_empty() {
        runtime.spawn(looks::look_for_partitions(
            client.clone(),
            spec.clone(),
            looks,
            found,
            token.clone(),
        ));
    }
    let config = config::tail(client.config(), client.properties());
    let place = client.place().clone();
    let mut name = format!("tail {}", spec.topic);
    name.truncate(name.floor_char_boundary(15));
    let run = move || {
        let worker = Worker::new(&config, &spec, plan, now_ms, place, (watch.clone(), held), token);
        let (outcome, worker) = match worker {
            Ok(mut worker) => (worker.run(&batches, new_partitions, &runtime), Some(worker)),
            Err(error) => (Err(error), None),
        };
        watch.update(|progress| progress.phase = TailPhase::Ended);
        if let Err(error) = outcome {
            watch.update(|progress| progress.note = Some(error.message.clone()));
            // Nobody listens any more: then nobody waits for it.
            drop(batches.blocking_send(Err(error)));
        }
        // Whoever listens learns of the end before librdkafka's threads have ended.
        drop(batches);
        drop(worker);
    };
    thread::Builder::new()
        .name(name)
        .spawn(run)
        .map(drop)
        .map_err(|error| Error::internal("thread", format!("a thread cannot be started: {error}")))
}

struct Worker {
    place: Place,
    topic: String,
    reader: Reader,
    intake: Intake,
    limits: TailLimits,
    watch: TailWatch,
    held: Held,
    token: CancellationToken,
    started: Instant,
    now_ms: i64,
    reported: Instant,
    /// Since when the batch has a record.
    first: Option<Instant>,
    scanned: u64,
    scanned_bytes: u64,
    note: Option<String>,
}

impl Worker {
    fn new(
        config: &rdkafka::ClientConfig,
        spec: &TailSpec,
        plan: TailPlan,
        now_ms: i64,
        place: Place,
        (watch, held): (TailWatch, Held),
        token: CancellationToken,
    ) -> Result<Self> {
        let client: Arc<Consumer> = Arc::new(native::create(config)?);
        // Its token, where it logs in with one, before it is asked for records.
        listen(&client, Duration::ZERO);
        let reader = Reader::new(client).map_err(|failure| Error::internal("kafka", failure.text))?;
        let intake = Intake::new(spec);
        let mut worker = Self {
            place,
            topic: spec.topic.clone(),
            reader,
            intake,
            limits: spec.limits,
            watch,
            held,
            token,
            started: Instant::now(),
            now_ms,
            reported: Instant::now(),
            first: None,
            scanned: 0,
            scanned_bytes: 0,
            note: None,
        };
        for span in plan.spans {
            worker.add(span)?;
        }
        Ok(worker)
    }

    /// Begins with a partition.
    fn add(&mut self, span: Span) -> Result<()> {
        let Span {
            partition,
            from,
            stop,
            lost,
            ..
        } = span;
        self.intake.add(span);
        if lost > 0 {
            self.note = Some(format!(
                "{lost} records of partition {partition} were deleted before they were read"
            ));
        }
        if stop.is_some_and(|stop| from >= stop) {
            self.intake.finish(partition);
            return Ok(());
        }
        self.reader
            .start(&self.topic, partition, from)
            .map_err(|failure| self.failed(&failure))
    }

    fn failed(&self, failure: &Failure) -> Error {
        let what = format!("reading topic \"{}\"", self.topic);
        self.place.failed(&what, failure, self.reader.client().context())
    }

    fn run(
        &mut self,
        batches: &mpsc::Sender<Result<RawBatch>>,
        mut new_partitions: mpsc::Receiver<Span>,
        runtime: &Handle,
    ) -> Result<()> {
        let linger = Duration::from_millis(self.limits.linger_ms);
        while !self.token.is_cancelled() && !batches.is_closed() {
            let wait = match self.first {
                Some(first) if !self.intake.batch.is_empty() => linger.saturating_sub(first.elapsed()),
                _ => LOOK_AROUND,
            };
            self.reader.serve(
                i32::try_from(wait.as_millis()).unwrap_or(i32::MAX),
                &mut self.intake,
            );
            if self.first.is_none() && (!self.intake.batch.is_empty() || self.intake.scanned > 0) {
                self.first = Some(Instant::now());
            }
            self.take_notes()?;
            self.go_on()?;
            self.hold()?;
            let ended = self.ended();
            let lingered = self.first.map_or(Duration::ZERO, |first| first.elapsed());
            // Whoever merges may wait for a partition that has nothing more.
            let news = self.intake.has_news();
            let due = match self.intake.batch.is_empty() {
                false => self.intake.full() || lingered >= linger,
                // That nothing was found in so many records is told as well.
                true => lingered >= REPORT || news,
            };
            let any = !self.intake.batch.is_empty() || self.intake.scanned > 0 || news;
            if (due || ended) && any && !self.hand_over(batches, runtime)? {
                return Ok(());
            }
            if ended {
                break;
            }
            if self.reported.elapsed() >= REPORT {
                self.report();
                while let Ok(span) = new_partitions.try_recv() {
                    let partition = span.partition;
                    self.watch
                        .update(|progress| progress.leaderless.retain(|it| *it != partition));
                    self.add(span)?;
                }
            }
        }
        self.report();
        Ok(())
    }

    /// Partitions with another range to read begin with it.
    fn go_on(&mut self) -> Result<()> {
        for partition in std::mem::take(&mut self.intake.moved) {
            let Some(part) = self
                .intake
                .part(partition)
                .filter(|part| !part.done && !part.held)
            else {
                continue;
            };
            let from = part.next;
            if part.stop.is_some_and(|stop| from >= stop) {
                self.intake.finish(partition);
                continue;
            }
            self.reader
                .restart(&self.topic, partition, from)
                .map_err(|failure| self.failed(&failure))?;
        }
        Ok(())
    }

    /// Leaves partitions where they are, or goes on with them.
    fn hold(&mut self) -> Result<()> {
        let Some(wanted) = self.held.changed() else {
            return Ok(());
        };
        for at in 0..self.intake.parts.len() {
            let part = &mut self.intake.parts[at];
            let (partition, from) = (part.partition, part.next);
            let hold = wanted.contains(&partition);
            if part.done || part.held == hold {
                continue;
            }
            part.held = hold;
            // Stopped and begun again, as where a position was lost: what was fetched of it and not handed over is
            // fetched again.
            match hold {
                true => self.reader.stop(&self.topic, partition),
                false => self
                    .reader
                    .start(&self.topic, partition, from)
                    .map_err(|failure| self.failed(&failure))?,
            }
        }
        Ok(())
    }

    /// Whether every partition has reached its end.
    fn ended(&mut self) -> bool {
        // Fetching more of what is finished would only cost.
        let finished = std::mem::take(&mut self.intake.finished);
        if !finished.is_empty() && !self.intake.all_done() {
            drop(self.reader.pause(&self.topic, &finished));
        }
        self.intake.all_done()
    }

    /// What the partitions told besides records.
    fn take_notes(&mut self) -> Result<()> {
        for note in std::mem::take(&mut self.intake.notes) {
            match note.code {
                Code::PartitionEOF => self.at_end(note.partition),
                Code::AutoOffsetReset | Code::OffsetOutOfRange => self.find_position(note.partition)?,
                Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition => {
                    return Err(Error::user(
                        "unknown_topic",
                        format!(
                            "topic \"{}\" of cluster \"{}\" is gone: it was deleted while it was read",
                            self.topic, self.place.cluster
                        ),
                    ));
                }
                // Waited for; `report` says so.
                code if unreachable(code) || code == Code::LeaderNotAvailable => {}
                code => {
                    let failure = Failure {
                        code,
                        text: note.said,
                    };
                    return Err(self
                        .failed(&failure)
                        .context(format!("partition {}", note.partition)));
                }
            }
        }
        Ok(())
    }

    /// With an end in time, a partition that has nothing more ends when that time is over.
    fn at_end(&mut self, partition: i32) {
        let elapsed_ms = i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX);
        let now_ms = self.now_ms.saturating_add(elapsed_ms);
        if self.intake.until_ms.is_some_and(|until_ms| now_ms >= until_ms) {
            self.intake.finish(partition);
        }
    }

    /// The next record was deleted before it was read: goes on with the first that is there, and says how many are
    /// lost.
    fn find_position(&mut self, partition: i32) -> Result<()> {
        let of = [TopicPartition {
            topic: self.topic.clone(),
            partition,
        }];
        let client = Arc::clone(self.reader.client());
        let ask = |which| {
            let patience = Patience::new(LOST_POSITION_MAX);
            let answers = list_offsets(&client, &of, which, &patience)?;
            answers
                .into_iter()
                .next()
                .map_or(Err(Failure::new(Code::Fail)), |(_, offset)| offset)
        };
        let both = || ask(OffsetOf::Start).and_then(|start| Ok((start, ask(OffsetOf::End)?)));
        let (start, end) = loop {
            match both() {
                Ok(found) => break found,
                // A leader that does not answer at this moment is waited for, as everywhere.
                Err(failure) if unreachable(failure.code) || failure.code == Code::LeaderNotAvailable => {
                    if self.token.is_cancelled() {
                        return Ok(());
                    }
                    self.report();
                }
                Err(failure) => return Err(self.failed(&failure)),
            }
        };
        let Some(part) = self.intake.part(partition) else {
            return Ok(());
        };
        let next = part.next;
        if next > end {
            return Err(Error::user(
                "offset_past_end",
                format!(
                    "topic \"{}\", partition {partition}: the next record to read is {next}, but the partition ends at \
                     {end}: the topic was made anew or cut while it was read",
                    self.topic
                ),
            ));
        }
        // Of a range that ends before the first record that is there, only what it wanted is lost.
        let lost = (start.min(part.stop.unwrap_or(i64::MAX)) - next).max(0);
        part.next = next.max(start);
        part.lost += lost;
        let from = part.next;
        if lost > 0 {
            self.note = Some(format!(
                "{lost} records of partition {partition} were deleted before they were read"
            ));
        }
        self.reader
            .restart(&self.topic, partition, from)
            .map_err(|failure| self.failed(&failure))
    }

    /// Gives the batch away; waits while nobody takes it. `false`: nobody ever will.
    fn hand_over(&mut self, batches: &mpsc::Sender<Result<RawBatch>>, runtime: &Handle) -> Result<bool> {
        self.first = None;
        let bytes = self.intake.batch.bytes();
        let scanned = std::mem::take(&mut self.intake.scanned);
        // Without a sieve they are all in the batch.
        let scanned_bytes = std::mem::take(&mut self.intake.scanned_bytes).max(bytes as u64);
        self.scanned += scanned;
        self.scanned_bytes += scanned_bytes;
        let (records, order_ms) = self.intake.batch.finish()?;
        // Before it is taken, so that whoever has a batch finds it counted, and with the ends that are known now.
        self.report();
        let batch = RawBatch {
            records,
            order_ms,
            marks: self.intake.marks(),
            bytes,
            positions: self.intake.positions(),
            lost: self.intake.lost(),
            scanned,
            scanned_bytes,
        };
        if let Err(full) = batches.try_send(Ok(batch)) {
            let batch = match full {
                mpsc::error::TrySendError::Full(batch) => batch,
                mpsc::error::TrySendError::Closed(_) => return Ok(false),
            };
            return Ok(self.wait_for_room(batches, batch, runtime));
        }
        Ok(true)
    }

    fn wait_for_room(
        &self,
        batches: &mpsc::Sender<Result<RawBatch>>,
        batch: Result<RawBatch>,
        runtime: &Handle,
    ) -> bool {
        loop {
            let room = runtime.block_on(async {
                tokio::select! {
                    room = batches.reserve() => Some(room.ok()),
                    () = self.token.cancelled() => Some(None),
                    () = tokio::time::sleep(REPORT) => None,
                }
            });
            match room {
                Some(Some(room)) => {
                    room.send(batch);
                    return true;
                }
                Some(None) => return false,
                // What librdkafka says must not pile up meanwhile.
                None => listen(self.reader.client(), Duration::ZERO),
            }
        }
    }

    /// Looks at ends and connections, and tells whoever watches.
    fn report(&mut self) {
        self.reported = Instant::now();
        let client = self.reader.client();
        // Each call takes one event; a few are there at most.
        for _ in 0..8 {
            listen(client, Duration::ZERO);
        }
        for part in &mut self.intake.parts {
            if let Some(end) = self.reader.end_heard(&self.topic, part.partition) {
                part.end = part.end.max(end);
            }
        }
        let waits_for = self.waits_for();
        let partitions = self.intake.progress();
        let lost = self.intake.lost();
        let phase = if waits_for.is_some() {
            TailPhase::Waiting
        } else {
            TailPhase::Running
        };
        let note = waits_for.or_else(|| self.note.clone());
        let (scanned, scanned_bytes) = (self.scanned, self.scanned_bytes);
        let stamped = self.intake.stamped();
        let waiting = self.intake.batch.records() as u64;
        self.watch.update(|progress| {
            progress.phase = phase;
            progress.note = note;
            progress.partitions = partitions;
            progress.scanned = scanned;
            progress.scanned_bytes = scanned_bytes;
            progress.waiting = waiting;
            progress.lost = lost;
            progress.stamped = stamped;
        });
    }

    /// The brokers that are away, with the reason.
    fn waits_for(&self) -> Option<String> {
        let context = self.reader.client().context();
        let connections = context.connections();
        let why = context
            .fault()
            .map(|fault| format!(": {}", fault.reason))
            .unwrap_or_default();
        if !connections.away.is_empty() {
            // At the very start nothing is connected yet, and nothing has failed either.
            return (!why.is_empty())
                .then(|| format!("waiting for broker {}{why}", connections.away.join(", ")));
        }
        let open = |partition: &&i32| !self.intake.done(**partition);
        let leaderless: Vec<String> = connections
            .leaderless
            .iter()
            .filter(open)
            .map(ToString::to_string)
            .collect();
        (!leaderless.is_empty() && self.started.elapsed() > Duration::from_secs(2))
            .then(|| format!("waiting for a leader of partition {}{why}", leaderless.join(", ")))
    }
}
