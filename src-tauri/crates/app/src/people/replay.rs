//! A source's topic read again from a time, with the transformation and the plan of now, into the same history.
//!
//! Invariants: each batch is one transaction, which holds the events that it adds, those that give way and what the
//! quarantine keeps of it, so that a replay that is killed and begun again ends where one undisturbed would; the source's
//! own positions do not move; nothing else is collected while a batch is written.

use std::{
    collections::BTreeSet,
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
    time::Duration,
};

use rustc_hash::FxHashSet;
use tailrace_connectors::clusters::kafka::{RawBatch, Tail, TailFrom, TailLimits, TailSpec};
use tailrace_model::{
    Error, Result, TopicFormats,
    api::{QuarantineKind, SourceReplay, SourceReplayRequest, TailStart, Topic},
};
use tokio_util::sync::CancellationToken;

use super::{
    Collecting,
    checkpoint::write_pending,
    collect::{Reader, explained},
};
use crate::{
    core::now_ms,
    open::{Held, OpenWorkspace},
    quality::{Judged, Refused, rows_of},
    records::TopicView,
    store::{SourceCheckpoint, SourceCounts, Waiting},
};

/// Records of one transaction: the log is looked through once for each.
const BATCH_RECORDS_MAX: usize = 100_000;
const BATCH_BYTES_MAX: usize = 64 << 20;
/// Message ids that one replay remembers, 8 bytes each and some room.
const IDS_MAX: usize = 32 << 20;
/// The log is compacted now and then, and a replay waits for the end of it.
const COMPACTION_WAIT: Duration = Duration::from_millis(200);
const COMPACTION_WAITS_MAX: usize = 3_000;

/// What a replay goes by.
struct Replay<'a> {
    open: &'a Arc<OpenWorkspace>,
    reader: Reader,
    dry_run: bool,
    /// Of two events of one message id the first counts, in whichever batches they are.
    seen: FxHashSet<u64>,
    /// Places of which the quarantine keeps something.
    quarantined: BTreeSet<(i32, i64)>,
    done: SourceReplay,
}

pub(crate) async fn replay(open: &Arc<OpenWorkspace>, request: &SourceReplayRequest) -> Result<SourceReplay> {
    let began = now_ms();
    let held = open.held()?;
    held.people.require_whole()?;
    if request.to_ms.is_some_and(|to_ms| to_ms <= request.from_ms) {
        return Err(Error::user(
            "replay_range",
            "the replay ends before it begins: give a later time to end at",
        ));
    }
    let definition = open.workspace().definitions.source(&request.name)?.clone();
    if !definition.kind.is_kafka() {
        let sentence = format!(
            "source \"{0}\" takes what is posted to the tracking API, and no topic has that to read again: only a source of a \
             topic can be replayed; `tailrace quarantine replay {0}` tries again what became no event",
            request.name
        );
        return Err(Error::user("source_not_replayable", sentence));
    }
    let mut reader = Reader::of(open, &request.name, &definition)?;
    let cluster = open.cluster(&definition.cluster).await?;
    reader.formats = Some(TopicView::new(
        open,
        &cluster,
        &definition.topic,
        &TopicFormats::default(),
    )?);
    let spec = spec(&definition.topic, request);
    let token = CancellationToken::new();
    let _ended = token.clone().drop_guard();
    let word = if request.dry_run {
        "Preview the replay of"
    } else {
        "Replay"
    };
    let title = format!("{word} {}", request.name);
    let activity = open.activities.start("replay", title, Some(token.clone()));
    let mut tail = Tail::start(&cluster.client, spec, began, token.clone()).await?;
    let mut replay = Replay {
        open,
        reader,
        dry_run: request.dry_run,
        seen: FxHashSet::default(),
        quarantined: held
            .store
            .quarantine_places(&request.name, &definition.topic)
            .await?,
        done: SourceReplay::default(),
    };
    let ran = async {
        while let Some(batch) = tail.next().await? {
            replay.batch(held, batch).await?;
            let progress = tail.progress();
            let total: i64 = progress
                .partitions
                .iter()
                .map(|it| (it.end - it.from).max(0))
                .sum();
            activity.progress(replay.done.records, u64::try_from(total).ok(), None);
        }
        Ok::<(), Error>(())
    }
    .await;
    let cancelled = token.is_cancelled();
    activity.end(ran.clone());
    ran?;
    let mut done = replay.done;
    done.lost = tail.progress().lost.max(0).unsigned_abs();
    done.took_ms = now_ms() - began;
    if cancelled {
        let sentence = format!(
            "the replay was stopped after {} records: what it did stays, and beginning again doubles nothing",
            done.records
        );
        return Err(Error::user("replay_stopped", sentence));
    }
    if !request.dry_run {
        open.hub.publish(&Topic::Events, held.people.total_events());
        held.people.checkpointed.notify_waiters();
    }
    Ok(done)
}

/// The topic from a time on, to where it is asked for or ends now.
fn spec(topic: &str, request: &SourceReplayRequest) -> TailSpec {
    let mut spec = TailSpec::new(topic, TailFrom::Start(TailStart::Timestamp(request.from_ms)));
    spec.until_ms = request.to_ms;
    spec.stop_at_end = true;
    spec.new_partitions = false;
    spec.limits = TailLimits {
        batch_records_max: BATCH_RECORDS_MAX,
        batch_bytes_max: BATCH_BYTES_MAX,
        linger_ms: 200,
        batches_max: 1,
    };
    spec
}

fn short(message_id: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    message_id.hash(&mut hasher);
    hasher.finish()
}

impl Replay<'_> {
    async fn batch(&mut self, held: &Held, batch: RawBatch) -> Result<()> {
        self.done.records += batch.records.num_rows() as u64;
        let (viewed, problems) = self.reader.view(&batch.records).await?;
        let now = now_ms();
        let records = self.reader.prepare(batch.records, viewed)?;
        let mut judged = self.reader.judge(&records, now)?;
        judged.refused = explained(judged.refused, &problems);
        self.leave_out_seen(&mut judged)?;
        for _ in 0..COMPACTION_WAITS_MAX {
            let mut collecting = held.people.collecting.lock().await;
            // What was collected so far is in the log, where the replay looks for it.
            let written = write_pending(held, &mut collecting).await?;
            held.people.tell_followers(&written);
            match self.write(held, &mut collecting, &judged, now).await {
                Err(error) if error.code == "compaction_runs" => {
                    drop(collecting);
                    tokio::time::sleep(COMPACTION_WAIT).await;
                }
                written => return written,
            }
        }
        Err(Error::external(
            "compaction_runs",
            "the event log is being compacted: try again in a while",
        ))
    }

    /// An event that came before, in this replay, is a duplicate.
    fn leave_out_seen(&mut self, judged: &mut Judged<'_>) -> Result<()> {
        let mut rows = judged.rows.iter();
        let mut kept = Vec::with_capacity(judged.rows.len());
        let seen = &mut self.seen;
        let mut again = 0;
        judged.events.retain(|event| {
            let new = seen.insert(short(&event.message_id));
            let row = rows.next().copied().unwrap_or_default();
            if new {
                kept.push(row);
            } else {
                again += 1;
            }
            new
        });
        judged.rows = kept;
        self.done.same += again;
        if self.seen.len() > IDS_MAX {
            let sentence = format!(
                "more than {IDS_MAX} events are too many for one replay: replay them in parts, with --from and --to"
            );
            return Err(Error::user("replay_too_large", sentence));
        }
        Ok(())
    }

    async fn write(
        &mut self,
        held: &Held,
        collecting: &mut Collecting,
        judged: &Judged<'_>,
        now: i64,
    ) -> Result<()> {
        // What was an event and is none by now; but not where the same event came before it.
        let left = judged.left_out.iter().filter_map(|(_, id)| id.as_ref());
        let refused = judged.refused.iter().filter_map(|it| it.message_id.as_ref());
        let gone: Vec<String> = left
            .chain(refused)
            .filter(|id| !self.seen.contains(&short(id)))
            .cloned()
            .collect();
        let source = self.reader.source.clone();
        let (events, dry_run) = (&judged.events, self.dry_run);
        let (change, replayed) = tokio::task::block_in_place(|| {
            collecting.collector.replay(&source, events, &gone, now, dry_run)
        })?;
        let mut refused: Vec<Refused> = judged.refused.clone();
        refused.extend(replayed.rejected.iter().map(|it| Refused {
            row: judged.rows[it.index],
            kind: QuarantineKind::Malformed,
            reason: it.reason.clone(),
            event: Some(judged.events[it.index].event.to_string()),
            message_id: Some(judged.events[it.index].message_id.to_string()),
            fields: None,
        }));
        let malformed = refused
            .iter()
            .filter(|it| it.kind == QuarantineKind::Malformed)
            .count() as u64;
        let added = (replayed.added as u64).saturating_sub(replayed.rejected.len() as u64);
        self.done.added += added;
        self.done.replaced += replayed.replaced as u64;
        self.done.same += replayed.same as u64;
        self.done.removed += replayed.removed as u64;
        self.done.identities += replayed.identities as u64;
        self.done.left_out += judged.left_out.len() as u64;
        self.done.malformed += malformed;
        self.done.blocked += refused.len() as u64 - malformed;
        if dry_run {
            return Ok(());
        }
        let mut quality = self.read_again(refused, now)?;
        quality.removed = replayed.removed as u64;
        let checkpoint = SourceCheckpoint {
            source,
            counts: SourceCounts {
                events: added,
                ..SourceCounts::default()
            },
            quality,
            ..SourceCheckpoint::default()
        };
        let checkpoint = [checkpoint];
        if let Err(error) = held.store.checkpoint(change.as_ref(), &checkpoint, now).await {
            if let Some(change) = change {
                collecting.collector.discard(change);
            }
            return Err(error);
        }
        if let Some(change) = change {
            collecting.collector.install(change);
        }
        held.people.add_counts(&checkpoint, now);
        self.open.hub.publish(&Topic::Events, held.people.total_events());
        Ok(())
    }

    /// What the quarantine keeps of the batch from now on.
    fn read_again(&self, refused: Vec<Refused>, now: i64) -> Result<Waiting> {
        let mut quality = Waiting::default();
        if !self.quarantined.is_empty() {
            let places = crate::quality::places_of(self.reader.raw())?;
            let there = places
                .into_iter()
                .filter(|place| self.quarantined.contains(place));
            quality.read_again = there
                .map(|(partition, offset)| (self.reader.topic.clone(), partition, offset))
                .collect();
        }
        quality.quarantine(rows_of(&self.reader.topic, self.reader.raw(), refused, now)?);
        Ok(quality)
    }
}
