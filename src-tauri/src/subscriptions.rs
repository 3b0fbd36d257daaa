//! Subscriptions: an ipc channel to the window for each topic it follows. A channel carries revisions only, at most
//! `REVISIONS_PER_SECOND_MAX` a second; rows are asked for.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tailrace_app::App;
use tailrace_model::{
    Error,
    api::{Revision, Topic},
    limits::REVISIONS_PER_SECOND_MAX,
};
use tauri::{State, async_runtime::JoinHandle, ipc::Channel};

/// Topics that the window follows at once.
const SUBSCRIPTIONS_MAX: usize = 256;

#[derive(Default)]
pub struct Subscriptions {
    next: AtomicU64,
    tasks: Mutex<HashMap<u64, JoinHandle<()>>>,
}

#[tauri::command]
pub async fn subscribe(
    app: State<'_, Arc<App>>,
    subscriptions: State<'_, Subscriptions>,
    topic: Topic,
    channel: Channel<Revision>,
) -> Result<u64, Error> {
    let mut revisions = app.follow(&topic).await?;
    let id = subscriptions.next.fetch_add(1, Ordering::Relaxed);
    let task = tauri::async_runtime::spawn(async move {
        let pause = Duration::from_secs(1) / REVISIONS_PER_SECOND_MAX;
        while revisions.changed().await.is_ok() {
            let revision = revisions.borrow_and_update().clone();
            if channel.send(revision).is_err() {
                break;
            }
            tokio::time::sleep(pause).await;
        }
    });
    let mut tasks = subscriptions.tasks.lock().unwrap_or_else(PoisonError::into_inner);
    tasks.retain(|_, task| !task.inner().is_finished());
    if tasks.len() >= SUBSCRIPTIONS_MAX {
        task.abort();
        return Err(Error::internal(
            "too_many_subscriptions",
            "the window follows too many things at once",
        ));
    }
    tasks.insert(id, task);
    Ok(id)
}

#[tauri::command]
pub fn unsubscribe(subscriptions: State<'_, Subscriptions>, id: u64) {
    if let Some(task) = subscriptions
        .tasks
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .remove(&id)
    {
        task.abort();
    }
}
