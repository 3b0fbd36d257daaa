//! SQL results that are open: a query runs, its rows are kept up to the limits, the window pages through them.

use std::{
    io::Write,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tailrace_engine::session::{Exporter, Query, QueryWatch, ResultSet, Scan};
use tailrace_model::{
    Error, Result,
    api::{FileWritten, Rows, SqlExportRequest, SqlFormat, SqlScan, SqlStatus, Topic},
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{
    core::{ActivityHandle, Stage, now_ms},
    open::OpenWorkspace,
    tables::WorkspaceTopics,
};

/// How often whoever watches is told how far it is.
const TELL_EVERY: Duration = Duration::from_millis(250);
/// How long a query that is stopped may take to end with what it has.
const END_MAX: Duration = Duration::from_secs(5);

/// One result.
#[derive(Debug)]
pub struct QueryView {
    token: CancellationToken,
    watch: QueryWatch,
    result: Mutex<ResultSet>,
    ended: watch::Sender<Option<Ending>>,
    halted: watch::Sender<bool>,
    started_ms: i64,
}

#[derive(Debug, Clone, Default)]
struct Ending {
    took_ms: i64,
    scan: Option<SqlScan>,
    note: Option<String>,
    error: Option<Error>,
}

/// Plans a query over everything that the workspace has; what can't be read of it is told.
async fn plan(open: &Arc<OpenWorkspace>, sql: &str, started_ms: i64) -> Result<(Query, Option<String>)> {
    let people = &open.held()?.people;
    // What can be read is queried, and what can't is told with it.
    let partial = people
        .require_whole()
        .err()
        .map(|error| format!("only a part of the events: {error}"));
    let session = open.shown(people.session(open).await?)?;
    let session = session.with_topics(Arc::new(WorkspaceTopics::new(open, started_ms)));
    Ok((session.query(sql, started_ms).await?, partial))
}

/// Starts a query; what is wrong with its text is told now.
pub async fn start(open: &Arc<OpenWorkspace>, sql: &str) -> Result<u64> {
    let started_ms = now_ms();
    let (mut query, partial) = plan(open, sql, started_ms).await?;
    let token = open.supervisor.token(Stage::Work);
    let (number, view) = open.queries.open(|_| QueryView {
        token: token.clone(),
        watch: query.watch(),
        result: Mutex::new(ResultSet::new(query.schema().clone())),
        ended: watch::Sender::new(None),
        halted: watch::Sender::new(false),
        started_ms,
    })?;
    let activity = open
        .activities
        .start("query", first_line(sql), Some(token.clone()));
    let weak = Arc::downgrade(open);
    open.supervisor.spawn(Stage::Work, |_| async move {
        let publish = || {
            if let Some(open) = weak.upgrade() {
                open.hub.publish(&Topic::View(number), view.result().rows());
            }
        };
        let reading = read(&view, &mut query, &activity, &publish);
        let ended = match token.run_until_cancelled(reading).await {
            None => Ok(Some("stopped: these are the rows that it had".to_owned())),
            Some(ended) => ended,
        };
        let halted = *view.halted.borrow();
        let took_ms = now_ms() - view.started_ms;
        let error = ended.as_ref().err().cloned();
        activity.end(error.clone().map_or(Ok(()), Err));
        let notes = [halted.then(halted_note), ended.unwrap_or_default(), partial];
        view.ended.send_replace(Some(Ending {
            took_ms,
            scan: view.watch.scan().map(|scan| shown(scan, took_ms, true)),
            note: notes
                .into_iter()
                .flatten()
                .reduce(|first, then| format!("{first}; {then}")),
            error,
        }));
        publish();
    });
    Ok(number)
}

fn halted_note() -> String {
    "stopped: the result is over what was read by then".to_owned()
}

async fn read(
    view: &QueryView,
    query: &mut Query,
    activity: &ActivityHandle,
    publish: impl Fn(),
) -> Result<Option<String>> {
    let mut tick = tokio::time::interval(TELL_EVERY);
    loop {
        let next = tokio::select! {
            next = query.next() => next?,
            _ = tick.tick() => {
                tell(activity, view.scan());
                publish();
                continue;
            }
        };
        let Some(batch) = next else { return Ok(None) };
        let fits = view.result().push(batch);
        publish();
        if !fits {
            return Ok(Some(view.result().full_note()));
        }
    }
}

fn tell(activity: &ActivityHandle, scan: Option<SqlScan>) {
    if let Some(scan) = scan {
        activity.progress(scan.records, Some(scan.total), Some(scan.records_per_second));
    }
}

/// What was read, as a person is shown it.
fn shown(scan: Scan, took_ms: i64, ended: bool) -> SqlScan {
    let seconds = took_ms.max(1) as f64 / 1_000.0;
    let per_second = scan.records as f64 / seconds;
    let left = scan.total.saturating_sub(scan.records) as f64;
    let left_ms = (!ended && per_second > 0.0).then_some((left / per_second * 1_000.0) as i64);
    let said = if ended { said(&scan) } else { Vec::new() };
    SqlScan {
        records: scan.records,
        bytes: scan.bytes,
        total: scan.total,
        records_per_second: per_second,
        bytes_per_second: scan.bytes as f64 / seconds,
        left_ms,
        mistyped: scan.mistyped,
        undecoded: scan.undecoded,
        lost: scan.lost,
        said,
    }
}

fn said(scan: &Scan) -> Vec<String> {
    let mut said = Vec::new();
    let [records, total, bytes] = [scan.records, scan.total, scan.bytes].map(count);
    said.push(match scan.complete {
        true => format!("read {records} records of topics, {bytes} bytes, to their ends"),
        false => format!(
            "read {records} of at most {total} records of topics, {bytes} bytes: the rest was not needed, or not waited for"
        ),
    });
    for (number, what) in [
        (
            scan.mistyped,
            "fields were of another type than their column and are NULL",
        ),
        (scan.undecoded, "values are no JSON objects and are NULL"),
        (scan.lost, "records were deleted before they could be read"),
    ] {
        if number > 0 {
            said.push(format!("{} {what}", count(number)));
        }
    }
    said.extend(scan.notes.iter().cloned());
    said
}

/// `1,234,567`.
fn count(number: u64) -> String {
    let digits = number.to_string();
    let grouped = digits.as_bytes().rchunks(3).rev();
    let grouped: Vec<&str> = grouped
        .filter_map(|three| std::str::from_utf8(three).ok())
        .collect();
    grouped.join(",")
}

/// Where an export goes.
pub enum Target {
    File(PathBuf, Option<SqlFormat>),
    Pipe(Box<dyn Write + Send>, SqlFormat),
}

/// What was exported.
#[derive(Debug, Clone)]
pub struct Exported {
    pub file: FileWritten,
    pub scan: Option<SqlScan>,
    /// Why it is not the whole result.
    pub note: Option<String>,
}

/// Runs a query and writes every row, batch by batch. When `halt` is cancelled it ends with what was read of topics; a
/// query that reads none fails then.
pub async fn export_to(
    open: &Arc<OpenWorkspace>,
    sql: &str,
    target: Target,
    halt: CancellationToken,
    mut told: impl FnMut(u64, Option<&SqlScan>),
) -> Result<Exported> {
    let started_ms = now_ms();
    let (mut query, partial) = plan(open, sql, started_ms).await?;
    // A file outlives what is said beside it.
    if let (Some(partial), Target::File(..)) = (&partial, &target) {
        return Err(Error::user("segment_damaged", partial.clone()));
    }
    let watch = query.watch();
    let mut exporter = match target {
        Target::File(path, format) => Exporter::file(&path, format, query.schema())?,
        Target::Pipe(sink, format) => Exporter::pipe(sink, format, query.schema())?,
    };
    let mut tick = tokio::time::interval(TELL_EVERY);
    let mut halted = false;
    loop {
        let next = tokio::select! {
            next = query.next() => next?,
            () = halt.cancelled(), if !halted => {
                if watch.scan().is_none() {
                    return Err(Error::user("stopped", "stopped before the whole result was written"));
                }
                watch.halt();
                halted = true;
                continue;
            }
            _ = tick.tick() => {
                let scan = watch.scan().map(|scan| shown(scan, now_ms() - started_ms, false));
                told(exporter.rows(), scan.as_ref());
                continue;
            }
        };
        match next {
            Some(batch) => exporter.write(&batch)?,
            None => break,
        }
    }
    let scan = watch.scan().map(|scan| shown(scan, now_ms() - started_ms, true));
    Ok(Exported {
        file: exporter.finish()?,
        scan,
        note: [halted.then(halted_note), partial]
            .into_iter()
            .flatten()
            .reduce(|first, then| format!("{first}; {then}")),
    })
}

/// The command: into a file, as an activity that can be stopped.
pub async fn export(open: &Arc<OpenWorkspace>, request: SqlExportRequest) -> Result<FileWritten> {
    let token = open.supervisor.token(Stage::Work);
    let title = format!("Export {}", first_line(&request.sql));
    let activity = open.activities.start("export", title, Some(token.clone()));
    let target = Target::File(open.output_path(&request.path), request.format);
    let told = |rows: u64, scan: Option<&SqlScan>| match scan {
        Some(scan) => activity.progress(scan.records, Some(scan.total), Some(scan.records_per_second)),
        None => activity.progress(rows, None, None),
    };
    let exported = export_to(open, &request.sql, target, token, told).await;
    if let Ok(exported) = &exported {
        let said = exported.scan.iter().flat_map(|scan| scan.said.clone());
        let all: Vec<String> = exported.note.iter().cloned().chain(said).collect();
        if !all.is_empty() {
            activity.detail(all.join("; "));
        }
    }
    activity.end(exported.as_ref().map(drop).map_err(Clone::clone));
    exported.map(|exported| exported.file)
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

    fn scan(&self) -> Option<SqlScan> {
        let took_ms = now_ms() - self.started_ms;
        self.watch.scan().map(|scan| shown(scan, took_ms, false))
    }

    /// Ends it with what it has: of topics, what was read by then goes through the whole query.
    pub async fn end(&self) -> SqlStatus {
        if self.watch.scan().is_some() && self.ended.borrow().is_none() {
            self.halted.send_replace(true);
            self.watch.halt();
            let _ = tokio::time::timeout(END_MAX, self.ended()).await;
        }
        self.stop();
        self.ended().await
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
            scan: match &ending {
                Some(ending) => ending.scan.clone(),
                None => self.scan(),
            },
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        let shown = [0, 12, 999, 1_000, 12_345_678].map(count);
        assert_eq!(shown, ["0", "12", "999", "1,000", "12,345,678"]);
    }
}
