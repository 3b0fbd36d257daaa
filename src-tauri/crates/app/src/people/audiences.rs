//! Audiences kept live: evaluated again whenever there is something new, and as time moves windows on.
//!
//! An evaluation is the audience's SQL over everything known at a time `T`: live and batch are one and the same. How
//! often it happens follows what it costs, and every audience says when it was evaluated and how long it took.
//!
//! Invariants: memberships in memory and in the state change together; an evaluation that fails changes nothing.

use std::{
    path::Path,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use tailrace_engine::{
    audiences::{self, Membership},
    session::Session,
};
use tailrace_model::{AudienceDefinition, Error, Result, api::Topic};

use super::People;
use crate::{
    core::{Stage, now_ms},
    open::{Held, OpenWorkspace},
    workspace::Kind,
};

/// Between two evaluations at least.
const INTERVAL_MIN: Duration = Duration::from_millis(500);
/// Without new events, windows are moved on this often.
const INTERVAL_IDLE: Duration = Duration::from_secs(2);
/// Evaluations take at most one part in this many of the time.
const DUTY: u32 = 4;

/// An audience as last evaluated.
#[derive(Debug, Clone)]
pub struct AudienceState {
    pub definition: AudienceDefinition,
    pub membership: Membership,
    /// Since the workspace was opened.
    pub entered: u64,
    pub exited: u64,
    pub evaluated_ms: Option<i64>,
    pub took_ms: Option<i64>,
    pub error: Option<Error>,
}

/// Starts the task that keeps every audience live.
pub fn start_evaluations(open: &Arc<OpenWorkspace>) {
    let weak = Arc::downgrade(open);
    open.supervisor.spawn(Stage::Work, |token| async move {
        loop {
            let Some(open) = weak.upgrade() else { return };
            let Ok(held) = open.held() else { return };
            let seen = held.people.revision();
            let started = Instant::now();
            if token.run_until_cancelled(evaluate_all(&open)).await.is_none() {
                return;
            }
            let rest = (started.elapsed() * (DUTY - 1)).max(INTERVAL_MIN);
            let idle = INTERVAL_IDLE.saturating_sub(rest);
            if token
                .run_until_cancelled(tokio::time::sleep(rest))
                .await
                .is_none()
            {
                return;
            }
            let news = async {
                loop {
                    let told = held.people.checkpointed.notified();
                    if held.people.revision() != seen {
                        return;
                    }
                    told.await;
                }
            };
            tokio::select! {
                () = token.cancelled() => return,
                () = news => {}
                () = tokio::time::sleep(idle) => {}
            }
        }
    });
}

/// Definitions changed on disk: sources and evaluations take them over.
pub fn definitions_changed(open: &Arc<OpenWorkspace>) {
    let Ok(held) = open.held() else { return };
    if held.people.follow_rules(&open.workspace().definitions) {
        let what = "Rules of identity changed: they hold for the events that come from now on; who is one profile already \
                    stays so";
        open.activities.start("identity", what, None).end(Ok(()));
    }
    held.people.definitions_revision.fetch_add(1, Ordering::SeqCst);
    held.people.checkpointed.notify_waiters();
    // A workspace that was opened without its sources collects nothing.
    if held.people.checkpoints_started.load(Ordering::SeqCst) {
        super::start_sources(open);
    }
}

pub(super) async fn evaluate_all(open: &OpenWorkspace) {
    let names: Vec<String> = open
        .workspace()
        .definitions
        .valid_audiences()
        .map(|(name, _)| name.to_owned())
        .collect();
    let Ok(held) = open.held() else { return };
    forget_undefined(open, held).await;
    let session = match held.people.require_whole() {
        Ok(()) => held.people.session(open).await,
        Err(error) => Err(error),
    };
    let session = match session {
        Ok(session) => session,
        Err(error) => {
            for name in names {
                held.people.set_audience_error(&name, Some(error.clone()));
            }
            return;
        }
    };
    let t_ms = now_ms();
    let mut moved = 0;
    for name in names {
        match evaluate_in(open, held, &session, &name, t_ms).await {
            Ok(changes) => moved += changes,
            Err(error) => held.people.set_audience_error(&name, Some(error)),
        }
    }
    open.hub.add(&Topic::Memberships, moved);
}

/// An audience that is defined no more has no members. One whose files are there and don't parse keeps its own.
async fn forget_undefined(open: &OpenWorkspace, held: &Held) {
    let evaluated: Vec<String> = People::lock(&held.people.audiences).keys().cloned().collect();
    for name in evaluated {
        let (defined, dir) = {
            let workspace = open.workspace();
            (
                workspace.definitions.audience(&name).map(drop),
                workspace.dir.clone(),
            )
        };
        let Err(error) = defined else { continue };
        if has_file(&dir, &name) {
            held.people.set_audience_error(&name, Some(error));
            continue;
        }
        People::lock(&held.people.audiences).remove(&name);
        People::lock(&held.people.failed).remove(&name);
        if let Err(error) = held.store.forget_audience(&name).await {
            tracing::warn!(name, %error, "the members of an audience that is gone were not forgotten");
        }
    }
}

/// Whether there may be a file that defines an audience: a folder that can't be read may hold it.
fn has_file(dir: &Path, name: &str) -> bool {
    let folder = dir.join(Kind::Audience.folder());
    ["toml", "sql"].iter().any(|ending| {
        folder
            .join(format!("{name}.{ending}"))
            .try_exists()
            .unwrap_or(true)
    })
}

/// Evaluates one audience now and records who entered and exited; returns how many did.
pub async fn evaluate(open: &OpenWorkspace, name: &str) -> Result<u64> {
    open.workspace().definitions.audience(name)?;
    let held = open.held()?;
    held.people.require_whole()?;
    let session = held.people.session(open).await?;
    let evaluated = evaluate_in(open, held, &session, name, now_ms()).await;
    let moved = evaluated.map_err(|error| error.context(format!("audience \"{name}\"")))?;
    open.hub.add(&Topic::Memberships, moved);
    Ok(moved)
}

async fn evaluate_in(
    open: &OpenWorkspace,
    held: &Held,
    session: &Session,
    name: &str,
    t_ms: i64,
) -> Result<u64> {
    let _turn = held.people.evaluating.lock().await;
    let definition = open.workspace().definitions.audience(name)?.clone();
    let mut state = held.people.load_audience(held, name, &definition).await?;
    // Somebody evaluated it at a later time while this one waited for its turn.
    if state.evaluated_ms.is_some_and(|at| at > t_ms) {
        return Ok(0);
    }
    let evaluated = audiences::members(session, &definition, t_ms).await?;
    // As new as the evaluation or newer: members are told by the profiles that they belong to by now.
    let now = held.people.log.snapshot();
    let changes = state
        .membership
        .apply(&evaluated.members, t_ms, |id| now.canonical(id));
    if !changes.merged.is_empty() {
        held.store.merge_members(name, &changes.merged).await?;
    }
    let moved = (changes.entered.len() + changes.exited.len()) as u64;
    if moved > 0 || !changes.merged.is_empty() || state.evaluated_ms.is_none() {
        let size = state.membership.len() as u64;
        held.store
            .change_members(name, &changes.entered, &changes.exited, t_ms, size)
            .await?;
    }
    state.entered += changes.entered.len() as u64;
    state.exited += changes.exited.len() as u64;
    state.evaluated_ms = Some(t_ms);
    state.took_ms = Some(evaluated.took_ms);
    state.error = None;
    state.definition = definition;
    People::lock(&held.people.audiences).insert(name.to_owned(), state);
    Ok(moved)
}

impl People {
    /// Changes with every checkpoint and every change of a definition.
    pub(super) fn revision(&self) -> super::Revision {
        (
            self.log.snapshot().checkpoint_ms(),
            self.definitions_revision.load(Ordering::SeqCst),
        )
    }

    /// The state of an audience; when it was not evaluated since the workspace was opened, from what is stored.
    async fn load_audience(
        &self,
        held: &Held,
        name: &str,
        definition: &AudienceDefinition,
    ) -> Result<AudienceState> {
        if let Some(state) = Self::lock(&self.audiences).get(name) {
            return Ok(state.clone());
        }
        Ok(AudienceState {
            definition: definition.clone(),
            membership: Membership::restore(held.store.members(name).await?),
            entered: 0,
            exited: 0,
            evaluated_ms: None,
            took_ms: None,
            error: None,
        })
    }

    pub fn set_audience_error(&self, name: &str, error: Option<Error>) {
        if let Some(state) = Self::lock(&self.audiences).get_mut(name) {
            state.error = error;
        } else if let Some(error) = error {
            Self::lock(&self.failed).insert(name.to_owned(), error);
        }
    }

    /// Why an audience that was never evaluated could not be.
    pub fn audience_error(&self, name: &str) -> Option<Error> {
        Self::lock(&self.failed).get(name).cloned()
    }

    /// An audience as last evaluated since the workspace was opened.
    pub fn audience(&self, name: &str) -> Option<AudienceState> {
        Self::lock(&self.audiences).get(name).cloned()
    }

    /// Its members, sorted; absent: not evaluated since the workspace was opened.
    pub fn members(&self, name: &str) -> Option<Vec<i64>> {
        Self::lock(&self.audiences)
            .get(name)
            .map(|state| state.membership.ids())
    }

    /// The audiences that a profile is a member of, and since when.
    pub fn memberships(&self, profile_id: i64) -> Vec<(String, i64)> {
        let audiences = Self::lock(&self.audiences);
        let since = |(name, state): (&String, &AudienceState)| {
            state
                .membership
                .since_ms(profile_id)
                .map(|since| (name.clone(), since))
        };
        audiences.iter().filter_map(since).collect()
    }
}
