//! Tells when definition files change outside: an editor, a `git checkout`, another tool.
//!
//! The workspace's folder and its definition folders are watched, never `.tailrace/`. Events are gathered until they
//! pause; the reader then reads the workspace again, which says what really changed. A full channel loses nothing:
//! one more "something changed" says no more than the one that waits.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tailrace_model::{Error, Result};
use tokio::{sync::mpsc, time::timeout};

use super::{Kind, WORKSPACE_FILE};

/// A pause this long ends a burst of events.
const QUIET_MS: u64 = 120;
/// A burst is told of after this, even if it does not pause.
const BURST_MS_MAX: u64 = 1_000;
/// Signals that wait; each says no more than "look again".
const SIGNALS_MAX: usize = 16;

/// What the watcher's own thread tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Signal {
    Definitions,
    /// A folder came or went in the workspace: it may be one of definitions.
    Folders,
}

/// See the module's text. Dropping it ends the watching.
#[derive(Debug)]
pub struct Watch {
    dir: PathBuf,
    watcher: RecommendedWatcher,
    signals: mpsc::Receiver<Signal>,
    /// Set between a signal and the answer that tells of it, so that a cancelled call forgets nothing.
    pending: bool,
}

impl Watch {
    pub(super) fn start(dir: &Path) -> Result<Self> {
        let (sender, signals) = mpsc::channel(SIGNALS_MAX);
        let root = dir.to_owned();
        let heard = move |event: notify::Result<Event>| {
            if let Some(signal) = signal(&root, event) {
                // Full: as many signals wait already, and each of them makes the reader look again.
                let _ = sender.try_send(signal);
            }
        };
        let watcher = notify::recommended_watcher(heard).map_err(|error| failed(dir, &error))?;
        let mut watch = Self {
            dir: dir.to_owned(),
            watcher,
            signals,
            pending: false,
        };
        watch
            .watcher
            .watch(dir, RecursiveMode::NonRecursive)
            .map_err(|error| failed(dir, &error))?;
        watch.folders();
        Ok(watch)
    }

    /// Waits until definition files changed, and for the burst of changes to end. `None`: the watching ended.
    /// Cancelling the call loses no change.
    pub async fn changed(&mut self) -> Option<()> {
        if !self.pending {
            let signal = self.signals.recv().await?;
            self.note(signal);
        }
        let burst = async {
            while let Ok(Some(signal)) = timeout(Duration::from_millis(QUIET_MS), self.signals.recv()).await {
                self.note(signal);
            }
        };
        // The end of the burst's time is as good an end as its pause.
        let _ = timeout(Duration::from_millis(BURST_MS_MAX), burst).await;
        self.pending = false;
        Some(())
    }

    fn note(&mut self, signal: Signal) {
        self.pending = true;
        if signal == Signal::Folders {
            self.folders();
        }
    }

    /// Watches the definition folders that there are now; one that was removed and made again is a new one.
    fn folders(&mut self) {
        for kind in Kind::FOLDERS {
            let path = self.dir.join(kind.folder());
            if path.is_dir()
                && let Err(error) = self.watcher.watch(&path, RecursiveMode::NonRecursive)
            {
                tracing::warn!("{}", failed(&path, &error).message);
            }
        }
    }
}

fn failed(path: &Path, error: &notify::Error) -> Error {
    let why = match &error.kind {
        notify::ErrorKind::Io(error) => super::reason(error),
        notify::ErrorKind::MaxFilesWatch => "the system's limit of watched files is reached".to_owned(),
        _ => "the system does not tell of changes there".to_owned(),
    };
    Error::external(
        "watch_failed",
        format!(
            "{} can't be watched for changes ({why}): open it again to see edits",
            path.display()
        ),
    )
}

/// What an event means to the workspace; most mean nothing.
fn signal(root: &Path, event: notify::Result<Event>) -> Option<Signal> {
    // An error may have cost events: look again.
    let Ok(event) = event else {
        return Some(Signal::Folders);
    };
    if event.need_rescan() {
        return Some(Signal::Folders);
    }
    if matches!(event.kind, EventKind::Access(_)) {
        return None;
    }
    event
        .paths
        .iter()
        .filter_map(|path| path_signal(root, path))
        .max_by_key(|signal| *signal == Signal::Folders)
}

fn path_signal(root: &Path, path: &Path) -> Option<Signal> {
    let mut parts = path
        .strip_prefix(root)
        .ok()?
        .iter()
        .map(|part| part.to_str().unwrap_or_default());
    let (first, second) = (parts.next()?, parts.next());
    let kind = Kind::FOLDERS.into_iter().find(|kind| kind.folder() == first);
    match (kind, second) {
        (None, None) if first == WORKSPACE_FILE => Some(Signal::Definitions),
        (Some(_), None) => Some(Signal::Folders),
        (Some(kind), Some(file)) if is_definition(kind, file) => Some(Signal::Definitions),
        _ => None,
    }
}

fn is_definition(kind: Kind, file: &str) -> bool {
    !file.starts_with('.')
        && (file
            .strip_suffix(kind.ending())
            .is_some_and(|name| name.ends_with('.'))
            || (kind.has_sql() && file.ends_with(".sql")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_definition_files_matter() {
        let check = |path: &str, expected: Option<Signal>| {
            assert_eq!(path_signal(Path::new("/w"), Path::new(path)), expected, "{path}");
        };
        check("/w/tailrace.toml", Some(Signal::Definitions));
        check("/w/audiences/a.toml", Some(Signal::Definitions));
        check("/w/audiences/a.sql", Some(Signal::Definitions));
        check("/w/syncs", Some(Signal::Folders));
        check("/w/syncs/a.sql", None);
        check("/w/audiences/.a.toml.1-0.tmp", None);
        check("/w/audiences/a.toml~", None);
        check("/w/.tailrace/state.db", None);
        check("/w/.tailrace", None);
        check("/w/crm.db", None);
        check("/elsewhere/audiences/a.toml", None);
    }
}
