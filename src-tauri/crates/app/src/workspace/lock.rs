//! One process at a time works with a workspace's state.
//!
//! The lock is the operating system's on `.tailrace/lock`: it ends with the process, however that ends. The file's
//! text tells others who holds it.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{Seek, Write},
    path::Path,
};

use tailrace_model::{Error, Result};

use super::{
    STATE_FOLDER,
    files::{cannot_write, reason},
};

/// Held as long as the workspace is open; dropping it releases the workspace.
#[derive(Debug)]
pub struct WorkspaceLock {
    _file: File,
}

impl WorkspaceLock {
    /// Takes the workspace, or says who has it. `what` names the holder to others: `the window`, `tailrace serve`.
    pub fn acquire(dir: &Path, what: &str) -> Result<Self> {
        let state = dir.join(STATE_FOLDER);
        fs::create_dir_all(&state).map_err(|error| cannot_write(&state, &error))?;
        let path = state.join("lock");
        let opened = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path);
        let mut file = opened.map_err(|error| cannot_write(&path, &error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(locked(dir, &path)),
            Err(TryLockError::Error(error)) => {
                let message = format!(
                    "{} can't be locked ({}): keep the workspace on a local disk",
                    path.display(),
                    reason(&error)
                );
                return Err(Error::user("workspace_lock_failed", message).about(dir));
            }
        }
        let holder = format!("{}\n{what}\n", std::process::id());
        let told = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| file.write_all(holder.as_bytes()));
        told.map_err(|error| cannot_write(&path, &error))?;
        Ok(Self { _file: file })
    }
}

fn locked(dir: &Path, path: &Path) -> Error {
    let text = fs::read_to_string(path).unwrap_or_default();
    let mut lines = text.lines();
    let process = lines.next().and_then(|line| line.parse::<u32>().ok());
    let what = lines
        .next()
        .filter(|what| !what.is_empty())
        .unwrap_or("another Tailrace");
    let holder = match process {
        Some(process) if process == std::process::id() => format!("{what} in this same process ({process})"),
        Some(process) => format!("{what} (process {process})"),
        None => what.to_owned(),
    };
    Error::user(
        "workspace_locked",
        format!(
            "the workspace {} is already open in {holder}: close that one first, or open another workspace",
            dir.display()
        ),
    )
    .about(dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workspace_is_held_once_until_it_is_dropped() {
        let dir = tempfile::tempdir().unwrap();
        let held = WorkspaceLock::acquire(dir.path(), "the window").unwrap();
        let error = WorkspaceLock::acquire(dir.path(), "tailrace serve").unwrap_err();
        let (shown, process) = (dir.path().display(), std::process::id());
        assert_eq!(error.code, "workspace_locked");
        assert_eq!(error.path.as_deref(), dir.path().to_str());
        assert_eq!(
            error.message,
            format!(
                "the workspace {shown} is already open in the window in this same process ({process}): close that one \
                 first, or open another workspace"
            )
        );
        drop(held);
        WorkspaceLock::acquire(dir.path(), "tailrace serve").unwrap();
    }

    #[test]
    fn the_file_of_a_process_that_died_holds_nobody_up() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join(STATE_FOLDER)).unwrap();
        fs::write(
            dir.path().join(STATE_FOLDER).join("lock"),
            "4711\nthe window with a long name\n",
        )
        .unwrap();
        let _held = WorkspaceLock::acquire(dir.path(), "x").unwrap();
        let text = fs::read_to_string(dir.path().join(STATE_FOLDER).join("lock")).unwrap();
        assert_eq!(text, format!("{}\nx\n", std::process::id()));
    }
}
