//! Long work: what runs, how far it is, how it ended. It lives here and survives leaving a screen.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use tailrace_model::{
    Error, Result,
    api::{Activity, ActivityState, Topic},
};
use tokio_util::sync::CancellationToken;

use super::{Hub, now_ms};

/// Ended activities that are kept; running ones are always kept.
const ENDED_MAX: usize = 200;

#[derive(Debug)]
struct Entry {
    activity: Activity,
    token: Option<CancellationToken>,
}

/// See the module's text.
#[derive(Debug)]
pub struct Activities {
    hub: Arc<Hub>,
    next: AtomicU64,
    entries: Mutex<VecDeque<Entry>>,
}

impl Activities {
    pub fn new(hub: Arc<Hub>) -> Self {
        Self {
            hub,
            next: AtomicU64::new(0),
            entries: Mutex::default(),
        }
    }

    /// Starts an entry; `token` is what cancelling it cancels.
    pub fn start(
        self: &Arc<Self>,
        kind: &str,
        title: impl Into<String>,
        token: Option<CancellationToken>,
    ) -> ActivityHandle {
        let id = self.next.fetch_add(1, Ordering::Relaxed) + 1;
        let activity = Activity {
            id,
            kind: kind.to_owned(),
            title: title.into(),
            state: ActivityState::Running,
            done: None,
            total: None,
            per_second: None,
            started_ms: now_ms(),
            ended_ms: None,
            detail: None,
            error: None,
            can_cancel: token.is_some(),
        };
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.push_front(Entry { activity, token });
        let mut ended = 0;
        entries.retain(|entry| {
            ended += usize::from(entry.activity.state != ActivityState::Running);
            entry.activity.state == ActivityState::Running || ended <= ENDED_MAX
        });
        drop(entries);
        self.hub.add(&Topic::Activity, 1);
        ActivityHandle {
            id,
            activities: Arc::clone(self),
        }
    }

    /// Newest first.
    pub fn list(&self) -> Vec<Activity> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.iter().map(|entry| entry.activity.clone()).collect()
    }

    /// How many run.
    pub fn running(&self) -> u64 {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries
            .iter()
            .filter(|entry| entry.activity.state == ActivityState::Running)
            .count() as u64
    }

    /// Asks one to stop.
    pub fn cancel(&self, id: u64) -> Result<()> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = entries.iter().find(|entry| entry.activity.id == id);
        match entry.map(|entry| &entry.token) {
            Some(Some(token)) => {
                token.cancel();
                Ok(())
            }
            Some(None) => Err(Error::user("not_cancellable", "this activity can't be cancelled")),
            None => Err(Error::user(
                "unknown_activity",
                format!("there is no activity {id} any more"),
            )),
        }
    }

    fn change(&self, id: u64, change: impl FnOnce(&mut Activity)) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = entries.iter_mut().find(|entry| entry.activity.id == id) {
            change(&mut entry.activity);
        }
        drop(entries);
        self.hub.add(&Topic::Activity, 0);
    }
}

/// One running entry. Dropped without [`ActivityHandle::end`], it counts as cancelled.
#[derive(Debug)]
pub struct ActivityHandle {
    id: u64,
    activities: Arc<Activities>,
}

impl ActivityHandle {
    /// Tells how far it is.
    pub fn progress(&self, done: u64, total: Option<u64>, per_second: Option<f64>) {
        self.activities.change(self.id, |activity| {
            activity.done = Some(done);
            activity.total = total;
            activity.per_second = per_second;
        });
    }

    /// Tells what it is doing.
    pub fn detail(&self, detail: impl Into<String>) {
        self.activities
            .change(self.id, |activity| activity.detail = Some(detail.into()));
    }

    /// Ends it.
    pub fn end(self, result: Result<(), Error>) {
        self.activities.change(self.id, |activity| {
            activity.ended_ms = Some(now_ms());
            activity.state = if result.is_ok() {
                ActivityState::Done
            } else {
                ActivityState::Failed
            };
            activity.error = result.err();
            activity.can_cancel = false;
        });
    }
}

impl Drop for ActivityHandle {
    fn drop(&mut self) {
        self.activities.change(self.id, |activity| {
            if activity.state == ActivityState::Running {
                activity.state = ActivityState::Cancelled;
                activity.ended_ms = Some(now_ms());
                activity.can_cancel = false;
            }
        });
    }
}
