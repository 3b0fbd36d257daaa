//! Copies of what was accepted: each source that says so has its events produced to a topic of Kafka as well.
//!
//! A copy follows the journal by a position of its own, which is kept after the brokers acknowledged: what is copied is
//! there at least once (after a crash a few events may be there twice, with the same message id), in the order of each
//! person, whose id is the record's key. What is malformed is not copied. While a copy waits for its cluster the journal
//! keeps what it owes, up to the journal's limit.

use std::{
    collections::BTreeMap,
    sync::{Arc, Weak},
    time::Duration,
};

use tailrace_connectors::clusters::kafka::{Fate, OutRecord, Writer};
use tailrace_engine::events::segment::{self, RecordTimes};
use tailrace_model::{Error, ProduceTo, Result};
use tokio_util::sync::CancellationToken;

use super::{
    super::{People, backoff::Backoff},
    COPIES, Intake,
    journal::{Entry, JournalReader},
};
use crate::{clusters::refuse_read_only, core::Stage, open::OpenWorkspace};

/// Bytes of the journal that are copied at a time.
const ROUND_BYTES_MAX: u64 = 1 << 20;
/// Definitions are looked at this often.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
const RETRY_MIN: Duration = Duration::from_secs(1);
const RETRY_MAX: Duration = Duration::from_secs(30);

/// How far a copy is.
#[derive(Debug)]
pub(super) struct Copying {
    /// The number behind the last event that was copied, or passed over.
    pub next: u64,
    error: Option<Error>,
    to: Option<ProduceTo>,
    token: CancellationToken,
}

impl Intake {
    /// Why a source's events are not copied now.
    pub(super) fn copy_error(&self, source: &str) -> Option<Error> {
        let copies = People::lock(&self.copies);
        copies.as_ref()?.get(source)?.error.clone()
    }

    fn set_copy(&self, source: &str, change: impl FnOnce(&mut Copying)) {
        if let Some(copy) = People::lock(&self.copies)
            .as_mut()
            .and_then(|copies| copies.get_mut(source))
        {
            change(copy);
        }
    }
}

/// Where each source is copied to; absent: its definition can't be read now.
fn wanted(open: &OpenWorkspace) -> BTreeMap<String, Option<Option<ProduceTo>>> {
    let workspace = open.workspace();
    let sources = workspace.definitions.sources.iter();
    sources
        .map(|(name, loaded)| {
            let definition = loaded.value.as_ref();
            let to = definition.map(|it| it.tracking.as_ref().and_then(|settings| settings.produce.clone()));
            (name.clone(), to)
        })
        .collect()
}

/// Keeps a copy going for each source that says so, until the token is cancelled.
pub(super) async fn run(weak: Weak<OpenWorkspace>, token: CancellationToken) {
    let mut stored: Option<BTreeMap<(String, String), u64>> = None;
    while !token.is_cancelled() {
        let Some(open) = weak.upgrade() else { return };
        if stored.is_none()
            && let Ok(held) = open.held()
        {
            match held.store.all_positions(COPIES).await {
                Ok(rows) => {
                    let rows = rows.into_iter();
                    stored = Some(
                        rows.map(|(source, topic, next)| ((source, topic), next.max(0).unsigned_abs()))
                            .collect(),
                    );
                }
                Err(error) => tracing::error!(%error, "how far copies to Kafka are can't be read"),
            }
        }
        if let Some(stored) = &stored
            && let Err(error) = reconcile(&open, stored).await
        {
            tracing::error!(%error, "copies to Kafka are not begun or ended");
        }
        drop(open);
        if token
            .run_until_cancelled(tokio::time::sleep(LOOK_INTERVAL))
            .await
            .is_none()
        {
            return;
        }
    }
}

fn place(to: &ProduceTo) -> String {
    format!("{}/{}", to.cluster, to.topic)
}

/// Ends copies that are wanted no more, and starts those that are new. Where a copy begins is kept before anything is
/// copied, so that a crash before that forgets nothing.
async fn reconcile(open: &Arc<OpenWorkspace>, stored: &BTreeMap<(String, String), u64>) -> Result<()> {
    let held = open.held()?;
    let intake = &held.people.intake;
    let wanted = wanted(open);
    let first = People::lock(&intake.copies).is_none();
    // Nothing is copied from before a source said so.
    let begin = if first {
        intake.opened_at
    } else {
        intake.journal.next()
    };
    let mut new = Vec::new();
    for (name, to) in &wanted {
        let there = People::lock(&intake.copies)
            .as_ref()
            .and_then(|copies| Some(copies.get(name)?.to.clone()));
        match to {
            Some(Some(to)) if there.as_ref() != Some(&Some(to.clone())) => {
                let known = stored.get(&(name.clone(), place(to))).copied();
                let next = known.filter(|_| first).unwrap_or(begin);
                held.store
                    .save_position(name, COPIES, &place(to), next.cast_signed())
                    .await?;
                new.push((name.clone(), Some(to.clone()), next));
            }
            // What can't be read now may owe something still.
            None if first => {
                let owed = stored.iter().filter(|((source, _), _)| source == name);
                new.extend(
                    owed.map(|(_, next)| *next)
                        .min()
                        .map(|next| (name.clone(), None, next)),
                );
            }
            _ => {}
        }
    }
    let mut copies = People::lock(&intake.copies);
    let copies = copies.get_or_insert_default();
    copies.retain(|name, copy| {
        let keep = match wanted.get(name) {
            Some(Some(to)) => *to == copy.to,
            Some(None) => true,
            None => false,
        };
        if !keep {
            copy.token.cancel();
        }
        keep
    });
    for (name, to, next) in new {
        let token = open.supervisor.token(Stage::Sources);
        let copying = Copying {
            next,
            error: None,
            to: to.clone(),
            token: token.clone(),
        };
        copies.insert(name.clone(), copying);
        if let Some(to) = to {
            let weak = Arc::downgrade(open);
            open.supervisor.spawn(Stage::Sources, |_| async move {
                keep_copying(&weak, &name, &to, next, &token).await;
            });
        }
    }
    intake.copies_known.send_replace(true);
    Ok(())
}

async fn keep_copying(
    weak: &Weak<OpenWorkspace>,
    source: &str,
    to: &ProduceTo,
    mut next: u64,
    token: &CancellationToken,
) {
    let mut backoff = Backoff::new(RETRY_MIN, RETRY_MAX);
    while !token.is_cancelled() {
        let Some(open) = weak.upgrade() else { return };
        let before = next;
        let ran = copy(&open, source, to, &mut next, token).await;
        let Ok(held) = open.held() else { return };
        if let Err(error) = ran {
            let error = error.context(format!("copying to {}", place(to)));
            held.people
                .intake
                .set_copy(source, |copy| copy.error = Some(error));
        }
        drop(open);
        let went_on = if next > before { RETRY_MAX } else { Duration::ZERO };
        let pause = tokio::time::sleep(backoff.pause_after(went_on));
        if token.run_until_cancelled(pause).await.is_none() {
            return;
        }
    }
}

async fn copy(
    open: &Arc<OpenWorkspace>,
    source: &str,
    to: &ProduceTo,
    next: &mut u64,
    token: &CancellationToken,
) -> Result<()> {
    let held = open.held()?;
    let intake = &held.people.intake;
    refuse_read_only(open, &to.cluster, "what is accepted is not copied to it")?;
    let cluster = open.cluster(&to.cluster).await?;
    let writer = cluster.client.writer(&to.topic).await?;
    let (mut reader, mut written) = (intake.journal.read(), intake.journal.follow());
    while !token.is_cancelled() {
        written.mark_unchanged();
        let Some(last) = round(open, source, &mut reader, &writer, *next, token).await? else {
            if token.run_until_cancelled(written.changed()).await.is_none() {
                break;
            }
            continue;
        };
        if last.ours {
            held.store
                .save_position(source, COPIES, &place(to), last.next.cast_signed())
                .await?;
        }
        *next = last.next.max(*next);
        intake.set_copy(source, |copy| {
            copy.next = copy.next.max(last.next);
            copy.error = None;
        });
    }
    Ok(())
}

struct Round {
    next: u64,
    /// Whether any of it was this source's.
    ours: bool,
}

/// Copies one part of the journal; none: there is nothing more now.
async fn round(
    open: &OpenWorkspace,
    source: &str,
    reader: &mut JournalReader,
    writer: &Writer,
    from: u64,
    token: &CancellationToken,
) -> Result<Option<Round>> {
    let entries = tokio::task::block_in_place(|| reader.next(ROUND_BYTES_MAX))?;
    let Some(last) = entries.last() else {
        return Ok(None);
    };
    let next = last.next();
    let as_is = {
        let workspace = open.workspace();
        let definition = workspace.definitions.source(source);
        definition.is_ok_and(|it| it.sql.is_none())
    };
    let ours = entries
        .iter()
        .filter(|entry| entry.source == source && entry.first >= from);
    let records: Vec<OutRecord> = ours.flat_map(|entry| records(entry, as_is)).collect();
    let ours = !records.is_empty();
    for fate in writer.write(records, token).await? {
        if let Fate::Refused(error) | Fate::Uncertain(error) = fate {
            // Begun again from the position: what is there already is there once more.
            return Err(error);
        }
    }
    Ok(Some(Round { next, ours }))
}

/// A record an event, with the person's id as its key.
fn records(entry: &Entry, as_is: bool) -> Vec<OutRecord> {
    let times = RecordTimes {
        timestamp_ms: Some(entry.received_ms),
        now_ms: entry.received_ms,
    };
    let record = |event: &Vec<u8>| {
        let parsed = segment::parse(event, times);
        if as_is && parsed.is_err() {
            return None;
        }
        let key = parsed.ok().and_then(|event| {
            let found = event
                .identifier("user_id")
                .or_else(|| event.identifier("anonymous_id"));
            found.map(|id| id.as_bytes().to_vec())
        });
        Some(OutRecord {
            key,
            value: Some(event.clone()),
            timestamp_ms: Some(entry.received_ms),
            ..OutRecord::default()
        })
    };
    entry.events.iter().filter_map(record).collect()
}
