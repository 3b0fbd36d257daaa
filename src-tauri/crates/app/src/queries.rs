//! SQL results that are open: a query runs, its rows are kept up to the limits, the window pages through them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tailrace_engine::session::{Query, ResultSet};
use tailrace_model::{
    Error, Result,
    api::{Rows, SqlStatus, Topic},
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{
    core::{Stage, now_ms},
    open::OpenWorkspace,
};

/// One result.
#[derive(Debug)]
pub struct QueryView {
    token: CancellationToken,
    result: Mutex<ResultSet>,
    ended: watch::Sender<Option<Ending>>,
    started_ms: i64,
}

#[derive(Debug, Clone, Default)]
struct Ending {
    took_ms: i64,
    note: Option<String>,
    error: Option<Error>,
}

/// Starts a query; what is wrong with its text is told now.
pub async fn start(open: &Arc<OpenWorkspace>, sql: &str) -> Result<u64> {
    let started_ms = now_ms();
    let people = &open.held()?.people;
    // What can be read is queried, and what can't is told with it.
    let partial = people
        .require_whole()
        .err()
        .map(|error| format!("only a part of the events: {error}"));
    let session = people.session(open).await?;
    let mut query = session.query(sql, started_ms).await?;
    let token = open.supervisor.token(Stage::Work);
    let (number, view) = open.queries.open(|_| QueryView {
        token: token.clone(),
        result: Mutex::new(ResultSet::new(query.schema().clone())),
        ended: watch::Sender::new(None),
        started_ms,
    })?;
    let activity = open
        .activities
        .start("query", first_line(sql), Some(token.clone()));
    let weak = Arc::downgrade(open);
    open.supervisor.spawn(Stage::Work, |_| async move {
        let publish = |view: &QueryView| {
            if let Some(open) = weak.upgrade() {
                open.hub.publish(&Topic::View(number), view.result().rows());
            }
        };
        let ended = match token.run_until_cancelled(read(&view, &mut query, publish)).await {
            None => Ok(Some("stopped: these are the rows that it had".to_owned())),
            Some(ended) => ended,
        };
        let took_ms = now_ms() - view.started_ms;
        let error = ended.as_ref().err().cloned();
        activity.end(error.clone().map_or(Ok(()), Err));
        view.ended.send_replace(Some(Ending {
            took_ms,
            note: [ended.unwrap_or_default(), partial]
                .into_iter()
                .flatten()
                .reduce(|first, then| format!("{first}; {then}")),
            error,
        }));
        if let Some(open) = weak.upgrade() {
            open.hub.publish(&Topic::View(number), view.result().rows());
        }
    });
    Ok(number)
}

async fn read(view: &QueryView, query: &mut Query, publish: impl Fn(&QueryView)) -> Result<Option<String>> {
    while let Some(batch) = query.next().await? {
        let fits = view.result().push(batch);
        publish(view);
        if !fits {
            return Ok(Some(view.result().full_note()));
        }
    }
    Ok(None)
}

fn first_line(sql: &str) -> String {
    let line = sql.trim().lines().next().unwrap_or_default();
    let short: String = line.chars().take(80).collect();
    if short.len() < sql.trim().len() {
        format!("{short} …")
    } else {
        short
    }
}

impl QueryView {
    fn result(&self) -> MutexGuard<'_, ResultSet> {
        self.result.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn stop(&self) {
        self.token.cancel();
    }

    /// Waits until it has ended.
    pub async fn ended(&self) -> SqlStatus {
        let mut ended = self.ended.subscribe();
        // The sender lives as long as the view.
        let _ = ended.wait_for(Option::is_some).await;
        self.status()
    }

    pub fn status(&self) -> SqlStatus {
        let ending = self.ended.borrow().clone();
        let result = self.result();
        SqlStatus {
            running: ending.is_none(),
            rows: result.rows(),
            bytes: result.bytes(),
            columns: result.page(0, 0).columns,
            took_ms: ending
                .as_ref()
                .map_or(now_ms() - self.started_ms, |ending| ending.took_ms),
            note: ending.as_ref().and_then(|ending| ending.note.clone()),
            error: ending.and_then(|ending| ending.error),
        }
    }

    pub fn rows(&self, offset: u64, limit: u32) -> Rows {
        self.result().page(offset, limit)
    }
}
