//! Use cases: what the window and the terminal do, once. A command body lives in [`commands`]; its adapters are a line
//! each.
//!
//! Data flows one way: connectors -> engine -> app -> window. This crate joins the two halves that do not know each
//! other, keeps the state, and owns every task.

pub mod commands;
pub mod core;
pub mod demo;
mod open;
pub mod reports;
pub mod secrets;
pub mod serve;
pub mod store;
pub mod workspace;

mod clusters;
mod connect;
mod connect_workers;
mod copy;
mod dispatch;
mod lag;
mod masks;
mod people;
mod produce;
mod quality;
mod queries;
mod records;
mod schemas;
mod syncs;
mod tables;
mod tails;
mod topics;

use std::{path::PathBuf, sync::Arc};

pub use lag::{ChartOf, alerts::Notice};
pub use open::{OpenOptions, OpenWorkspace};
pub use queries::{Exported, Target};
use tailrace_model::{
    Error, Result,
    api::{FileWritten, Revision, Rows, RowsRequest, SqlFormat, TailRequest, TailRows, TailStarted, Topic},
};
pub use tails::{CSV_HEADER, LineFormat, SelectedOut, TailLines};
use tokio::sync::watch;

#[derive(Debug, Clone, Default)]
enum State {
    #[default]
    Opening,
    Open(Arc<OpenWorkspace>),
    Failed(Error),
    Closed,
}

/// The app: one workspace open at a time. Commands wait while it is being opened.
#[derive(Debug)]
pub struct App {
    state: watch::Sender<State>,
}

impl Default for App {
    fn default() -> Self {
        Self {
            state: watch::Sender::new(State::Opening),
        }
    }
}

impl App {
    /// Opens a workspace; what fails is returned.
    pub async fn open(folder: PathBuf, options: OpenOptions) -> Result<Self> {
        let app = Self::default();
        let open = OpenWorkspace::open(folder, options).await?;
        app.state.send_replace(State::Open(open));
        Ok(app)
    }

    /// Opens a workspace; what fails is the answer of every command until another one is opened.
    pub async fn open_or_explain(&self, folder: Result<PathBuf>, options: OpenOptions) {
        let opened = match folder {
            Ok(folder) => OpenWorkspace::open(folder, options).await,
            Err(error) => Err(error),
        };
        self.state.send_replace(match opened {
            Ok(open) => State::Open(open),
            Err(error) => State::Failed(error),
        });
    }

    /// The workspace, once it is open.
    pub async fn opened(&self) -> Result<Arc<OpenWorkspace>> {
        let mut states = self.state.subscribe();
        let state = states.wait_for(|state| !matches!(state, State::Opening)).await;
        match state.map(|state| state.clone()) {
            Ok(State::Open(open)) => Ok(open),
            Ok(State::Failed(error)) => Err(error),
            _ => Err(Error::user("workspace_closed", "the workspace is closed")),
        }
    }

    /// Closes the workspace and opens another. When the other can't be opened, the first one is opened again.
    pub async fn switch(&self, folder: PathBuf) -> Result<()> {
        let before = self.opened().await.ok();
        if before
            .as_ref()
            .is_some_and(|open| same_folder(open.folder(), &folder))
        {
            return Ok(());
        }
        // Its definitions are read first: a folder that is no workspace closes nothing.
        workspace::Workspace::open(&folder)?;
        self.state.send_replace(State::Opening);
        let options = OpenOptions::live();
        let return_to = before.as_ref().map(|open| open.folder().to_owned());
        if let Some(open) = before {
            open.close().await;
        }
        match (OpenWorkspace::open(folder, options).await, return_to) {
            (Ok(open), _) => {
                self.state.send_replace(State::Open(open));
                Ok(())
            }
            (Err(error), Some(folder)) => {
                self.open_or_explain(Ok(folder), options).await;
                Err(error)
            }
            (Err(error), None) => {
                self.state.send_replace(State::Failed(error.clone()));
                Err(error)
            }
        }
    }

    /// Follows a topic's revisions.
    pub async fn follow(&self, topic: &Topic) -> Result<watch::Receiver<Revision>> {
        Ok(self.opened().await?.hub.follow(topic))
    }

    /// Hands on every notice, of whichever workspace is open, until the app is closed.
    pub async fn follow_notices(&self, mut each: impl FnMut(Notice)) {
        use tokio::sync::broadcast::error::RecvError;
        let mut states = self.state.subscribe();
        loop {
            let notices = match &*states.borrow_and_update() {
                State::Open(open) => Some(open.notices.subscribe()),
                State::Closed => return,
                State::Opening | State::Failed(_) => None,
            };
            let listening = async {
                let Some(mut notices) = notices else {
                    return std::future::pending().await;
                };
                loop {
                    match notices.recv().await {
                        Ok(notice) => each(notice),
                        Err(RecvError::Lagged(_)) => {}
                        Err(RecvError::Closed) => return std::future::pending().await,
                    }
                }
            };
            tokio::select! {
                changed = states.changed() => if changed.is_err() { return },
                () = listening => {}
            }
        }
    }

    /// Stops everything, in order, within five seconds; the checkpoint is written.
    pub async fn close(&self) {
        let before = self.state.send_replace(State::Closed);
        if let State::Open(open) = before {
            open.close().await;
        }
    }
}

fn same_folder(a: &std::path::Path, b: &std::path::Path) -> bool {
    match (a.canonicalize(), b.canonicalize()) {
        (Ok(a), Ok(b)) => a == b,
        _ => a == b,
    }
}

/// The sample workspace in the user's data folder, made when it is not there yet.
pub async fn sample_workspace() -> Result<PathBuf> {
    let folder = match std::env::var_os("TAILRACE_DATA") {
        Some(folder) => PathBuf::from(folder),
        None => dirs::data_dir()
            .ok_or_else(|| Error::user("no_data_folder", "no home folder: set TAILRACE_DATA to a folder"))?
            .join("tailrace"),
    };
    let folder = folder.join("shop-workspace");
    if !folder.join("tailrace.toml").exists() {
        workspace::sample(&folder).await?;
    }
    Ok(folder)
}

/// Ends when the process is asked to stop: `Ctrl C`, or a polite kill.
pub async fn stop_signal() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
            return;
        }
    }
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// What a check of a workspace found, by file and line.
#[derive(Debug)]
pub struct Checked {
    pub problems: Vec<Error>,
    /// What definitions name and this machine does not have.
    pub warnings: Vec<Error>,
}

/// Every problem of a workspace's definitions, by file and line; those of SQL are found by planning it.
pub async fn check(folder: &std::path::Path) -> Result<Checked> {
    // Another process may hold the state: then the files alone are checked.
    let app = match App::open(folder.to_owned(), OpenOptions::command()).await {
        Err(error) if error.code == "workspace_locked" => {
            App::open(folder.to_owned(), OpenOptions::look()).await?
        }
        opened => opened?,
    };
    let open = app.opened().await?;
    let problems = people::check(&open).await;
    let warnings = {
        let workspace = open.workspace();
        workspace::missing(&workspace.definitions, open.folder(), &open.secrets)
    };
    app.close().await;
    Ok(Checked {
        problems: problems?,
        warnings,
    })
}

/// As the command `tail_start`, for a file or a pipe that takes every row with [`take_rows`]: the tail waits for it.
pub async fn tail_all(app: &App, request: TailRequest) -> Result<TailStarted> {
    let view = tails::start(&app.opened().await?, request, tails::Keeps::Untaken).await?;
    Ok(TailStarted { view })
}

/// Runs a query and writes every row to a file or a pipe, telling how far it is: rows written, what was read of topics.
/// Cancelling `halt` ends it with what was read.
pub async fn sql_write(
    app: &App,
    sql: &str,
    target: queries::Target,
    halt: tokio_util::sync::CancellationToken,
    told: impl FnMut(u64, Option<&tailrace_model::api::SqlScan>),
) -> Result<queries::Exported> {
    queries::export_to(&app.opened().await?, sql, target, halt, told).await
}

/// As the command `tail_rows`, for [`tail_all`]: rows before the offset are given up.
pub async fn take_rows(app: &App, request: RowsRequest) -> Result<TailRows> {
    let view = app.opened().await?.tails.get(request.view)?;
    view.rows(request.offset, request.limit, None)
}

/// As [`take_rows`], for files and pipes, where nothing may be cut: each record a line. `topic` is named where the format names it.
pub async fn take_lines(
    app: &App,
    request: RowsRequest,
    topic: &str,
    format: LineFormat,
) -> Result<TailLines> {
    let view = app.opened().await?.tails.get(request.view)?;
    view.lines(request.offset, request.limit, topic, format)
}

/// Begins to write the columns that a tail of [`tail_all`] selects, as its rows come.
pub async fn selected_out(
    app: &App,
    view: u64,
    sink: Box<dyn std::io::Write + Send>,
    format: SqlFormat,
) -> Result<SelectedOut> {
    app.opened().await?.tails.get(view)?.selected_out(sink, format)
}

/// As [`take_rows`], the columns that the tail selects, written. Returns the offset of the row after them.
pub async fn write_selected(app: &App, request: RowsRequest, out: &mut SelectedOut) -> Result<u64> {
    let view = app.opened().await?.tails.get(request.view)?;
    view.write_selected(request.offset, request.limit, out)
}

/// As [`write_selected`], as text.
pub async fn take_selected(app: &App, request: RowsRequest) -> Result<(u64, Rows)> {
    let view = app.opened().await?.tails.get(request.view)?;
    view.selected_text(request.offset, request.limit)
}

/// Draws the history of lag into a file that ends in `.svg` or `.png`.
pub async fn lag_chart_file(app: &App, of: ChartOf<'_>, path: &std::path::Path) -> Result<FileWritten> {
    let spec = lag::chart_spec(&*app.opened().await?, of).await?;
    reports::write_chart(&spec, path)
}

/// True when every source has read to the end of its topic and the checkpoint is written.
pub async fn is_caught_up(app: &App) -> Result<bool> {
    app.opened().await?.held()?.people.is_caught_up().await
}
