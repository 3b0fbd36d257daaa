//! Who may send, and the way of a request into the journal.

use std::{
    sync::{Arc, PoisonError, atomic::Ordering},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use tailrace_connectors::tracking::{
    self, Answered, KEY_HASH_PREFIX, Keys, Listening, MalformedEvent, Origins, Posted, Refusal, RefusalCode,
    WriteKeyHash,
};
use tailrace_engine::events::segment::{self, RecordTimes};
use tailrace_model::{Error, Result, SourceDefinition, SourceKind, TrackingSettings, api::Topic};
use tokio::sync::{mpsc::error::TrySendError, oneshot};

use super::{super::People, JOURNAL_BYTES_MAX, Meter, write::Submission};
use crate::{
    core::{ActivityHandle, Stage, now_ms},
    open::OpenWorkspace,
    secrets,
};

/// The state of sources is looked at this often.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// A source without a key gets the requests that nobody is known for.
const NOBODY: &str = "";
const RETRY_AFTER_S: u32 = 1;
/// The state is asked how far copies are, which is a matter of milliseconds.
const COPIES_KNOWN_MAX: Duration = Duration::from_secs(20);

/// A source that listens.
#[derive(Debug)]
pub(super) struct Source {
    /// Whether its events are of Segment's specification as they are: then a request is told which are not.
    as_is: bool,
    events_per_second_max: Option<u32>,
    /// Events that it may still take, at a time.
    allowance: (f64, Instant),
    taken: u64,
    activity: Option<ActivityHandle>,
}

/// The tracking API's intake of a workspace.
#[derive(Debug)]
pub struct Tracking {
    open: Arc<OpenWorkspace>,
}

impl Tracking {
    /// Begins to listen for the sources that are defined, and goes on with what they become.
    pub async fn start(open: &Arc<OpenWorkspace>) -> Result<Arc<Self>> {
        let intake = &open.held()?.people.intake;
        // Where copies to Kafka begin is kept before anything is taken.
        let mut copies = intake.copies_known.subscribe();
        let known = tokio::time::timeout(COPIES_KNOWN_MAX, copies.wait_for(|known| *known)).await;
        if !matches!(known, Ok(Ok(_))) {
            let sentence = "how far copies to Kafka are can't be read from the workspace's state";
            return Err(Error::internal("state", sentence));
        }
        intake.listening.store(true, Ordering::SeqCst);
        tell(open);
        let weak = Arc::downgrade(open);
        open.supervisor.spawn(Stage::Work, |token| async move {
            let mut tick = tokio::time::interval(LOOK_INTERVAL);
            while token.run_until_cancelled(tick.tick()).await.is_some() {
                let Some(open) = weak.upgrade() else { return };
                look(&open);
            }
            if let Some(open) = weak.upgrade() {
                end(&open);
            }
        });
        Ok(Arc::new(Self {
            open: Arc::clone(open),
        }))
    }

    fn people(&self) -> Result<&People> {
        Ok(&self.open.held()?.people)
    }
}

impl super::Intake {
    /// What requests came to, by source; the empty name: those whose source is not known.
    pub fn meters(&self) -> Vec<(String, Meter)> {
        let meters = People::lock(&self.meters);
        meters
            .iter()
            .map(|(source, meter)| (source.clone(), meter.clone()))
            .collect()
    }

    /// The sources that listen.
    pub fn listening(&self) -> Vec<String> {
        People::lock(&self.sources).keys().cloned().collect()
    }

    /// Events of the journal that no checkpoint has yet, and its bytes.
    pub fn backlog(&self) -> (u64, u64) {
        (self.uncollected(), self.journal.bytes())
    }

    fn refusal(&self, people: &People) -> Option<Error> {
        if let Some(trouble) = People::lock(&self.trouble).clone() {
            return Some(trouble);
        }
        (self.journal.bytes() > JOURNAL_BYTES_MAX).then(|| {
            people.unwritten().unwrap_or_else(|| {
                Error::external(
                    "intake_full",
                    "what was posted is not collected, or not copied to Kafka, as fast as it comes: the intake waits",
                )
            })
        })
    }

    /// What a source may not take any more now.
    fn spend(&self, source: &str, events: usize, now: Instant) -> Result<bool, Refusal> {
        let mut sources = People::lock(&self.sources);
        let Some(state) = sources.get_mut(source) else {
            if !self.listening.load(Ordering::SeqCst) {
                return Err(stopped());
            }
            return Err(Refusal::new(
                RefusalCode::WriteKey,
                "the source does not listen any more: check that it is defined and enabled",
            ));
        };
        if let Some(max) = state.events_per_second_max {
            let max = f64::from(max);
            let (left, at) = state.allowance;
            let left = (left + now.duration_since(at).as_secs_f64() * max).min(max);
            // A batch that is larger than a second's worth is taken whole, and paid for afterwards.
            if left <= 0.0 {
                let wait = (-left / max).ceil().clamp(1.0, 300.0);
                let sentence = format!("this source takes {max} events a second: send this again later");
                return Err(Refusal::new(RefusalCode::Rate, sentence).retry_after(wait as u32));
            }
            state.allowance = (left - events as f64, now);
        }
        Ok(state.as_is)
    }
}

fn stopped() -> Refusal {
    Refusal::new(
        RefusalCode::Stopped,
        "the server is being stopped: send this again later",
    )
    .retry_after(RETRY_AFTER_S)
}

#[async_trait]
impl tracking::Intake for Tracking {
    fn keys(&self) -> Arc<Keys> {
        self.people().map_or_else(
            |_| Arc::default(),
            |people| Arc::clone(&people.intake.keys.read().unwrap_or_else(PoisonError::into_inner)),
        )
    }

    async fn take(&self, source: &Listening, posted: Posted) -> Result<Vec<MalformedEvent>, Refusal> {
        let people = self.people().map_err(|_| stopped())?;
        let intake = &people.intake;
        if let Some(error) = intake.refusal(people) {
            return Err(Refusal::new(RefusalCode::Full, error.message).retry_after(RETRY_AFTER_S));
        }
        let as_is = intake.spend(&source.source, posted.events.len(), Instant::now())?;
        let malformed = match as_is {
            true => malformed(&posted),
            false => Vec::new(),
        };
        let count = posted.events.len() as u64;
        let (done, told) = oneshot::channel();
        let submission = Submission {
            source: Arc::clone(&source.source),
            received_ms: posted.received_ms,
            events: posted.events,
            done,
        };
        intake.queue.try_send(submission).map_err(|error| match error {
            TrySendError::Full(_) => Refusal::new(
                RefusalCode::Full,
                "more is posted than can be written: send this again later",
            )
            .retry_after(RETRY_AFTER_S),
            TrySendError::Closed(_) => stopped(),
        })?;
        match told.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                return Err(Refusal::new(RefusalCode::Full, error.message).retry_after(RETRY_AFTER_S));
            }
            Err(_) => return Err(stopped()),
        }
        if let Some(state) = People::lock(&intake.sources).get_mut(&*source.source) {
            state.taken += count;
        }
        Ok(malformed)
    }

    fn answered(&self, answered: Answered<'_>) {
        let Ok(people) = self.people() else { return };
        let mut meters = People::lock(&people.intake.meters);
        let source = answered.source.unwrap_or(NOBODY);
        match meters.get_mut(source) {
            Some(meter) => meter.count(&answered),
            None => meters.entry(source.to_owned()).or_default().count(&answered),
        }
    }

    fn now_ms(&self) -> i64 {
        now_ms()
    }

    fn message_id(&self) -> String {
        uuid::Uuid::new_v4().to_string()
    }
}

/// Which of the events are none, by Segment's specification. All are kept, and found so again when they are collected.
fn malformed(posted: &Posted) -> Vec<MalformedEvent> {
    let times = RecordTimes {
        timestamp_ms: Some(posted.received_ms),
        now_ms: posted.received_ms,
    };
    let events = posted.events.iter().enumerate();
    events
        .filter_map(|(index, event)| {
            let reason = segment::parse(event, times).err()?.reason;
            Some(MalformedEvent { index, reason })
        })
        .collect()
}

/// Reads who may send, as it is defined now.
pub(super) fn tell(open: &Arc<OpenWorkspace>) {
    let Ok(held) = open.held() else { return };
    let intake = &held.people.intake;
    let wanted: Vec<(String, SourceDefinition)> = {
        let workspace = open.workspace();
        let sources = workspace.definitions.valid_sources();
        let tracking = sources.filter(|(_, it)| it.enabled && it.kind == SourceKind::Tracking);
        tracking.map(|(name, it)| (name.to_owned(), it.clone())).collect()
    };
    let mut keys = Vec::new();
    let mut sources = People::lock(&intake.sources);
    let mut before = std::mem::take(&mut *sources);
    for (name, definition) in wanted {
        let Some(settings) = &definition.tracking else {
            continue;
        };
        let hash = match key(open, settings) {
            Ok(hash) => hash,
            Err(error) => {
                held.people.set_source(&name, |status| status.fail(error));
                continue;
            }
        };
        let state = before.remove(&name);
        let state = Source {
            as_is: definition.sql.is_none(),
            events_per_second_max: settings.events_per_second_max,
            ..state.unwrap_or_else(|| Source {
                as_is: true,
                events_per_second_max: None,
                allowance: (
                    f64::from(settings.events_per_second_max.unwrap_or(0)),
                    Instant::now(),
                ),
                taken: 0,
                activity: Some(
                    open.activities
                        .start("source", format!("Listen for {name}"), None),
                ),
            })
        };
        let listening = Listening {
            source: name.as_str().into(),
            origins: Origins::new(settings.cors_origins.iter().map(String::as_str)),
        };
        keys.push((hash, listening));
        sources.insert(name, state);
    }
    drop(sources);
    *intake.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(Keys::new(keys));
    for (name, state) in before {
        stop(&held.people, &name, state);
    }
    look(open);
}

fn key(open: &OpenWorkspace, settings: &TrackingSettings) -> Result<WriteKeyHash> {
    if settings.write_key.starts_with(KEY_HASH_PREFIX) {
        return WriteKeyHash::parse(&settings.write_key).ok_or_else(|| {
            Error::user(
                "write_key",
                "the hashed write key is not \"sha256:\" and 64 hexadecimal digits",
            )
        });
    }
    let name = secrets::reference(&settings.write_key).unwrap_or_else(|| {
        Err(Error::user(
            "write_key",
            "the write key is not written as \"secret:NAME\"",
        ))
    })?;
    Ok(WriteKeyHash::of(open.secrets.get(name)?.expose()))
}

fn stop(people: &People, name: &str, state: Source) {
    people.set_source(name, super::super::SourceStatus::stop);
    if let Some(activity) = state.activity {
        activity.end(Ok(()));
    }
}

/// Says how each source is.
fn look(open: &OpenWorkspace) {
    let Ok(held) = open.held() else { return };
    let (people, now) = (&held.people, now_ms());
    let intake = &people.intake;
    let error = intake.refusal(people);
    let behind = intake.uncollected();
    let mut turned = false;
    for (name, state) in People::lock(&intake.sources).iter() {
        let error = error
            .clone()
            .or_else(|| intake.stuck())
            .or_else(|| intake.copy_error(name));
        people.set_source(name, |status| {
            turned |= status.listen(state.taken, behind, error, now);
        });
        if let Some(activity) = &state.activity {
            activity.progress(state.taken, None, None);
        }
    }
    if turned {
        open.hub.add(&Topic::Events, 0);
    }
}

fn end(open: &OpenWorkspace) {
    let Ok(held) = open.held() else { return };
    held.people.intake.listening.store(false, Ordering::SeqCst);
    let sources = std::mem::take(&mut *People::lock(&held.people.intake.sources));
    for (name, state) in sources {
        stop(&held.people, &name, state);
    }
}
