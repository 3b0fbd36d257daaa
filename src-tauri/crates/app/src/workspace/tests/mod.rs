//! A workspace on disk: what is read, what is said of bad files, what saving leaves behind.

mod alerts;
mod bad_files;
mod outside;
mod saving;

use std::fs;

use super::*;

/// A workspace with these files; `tailrace.toml` is there unless given.
fn workspace(files: &[(&str, &str)]) -> (tempfile::TempDir, Workspace) {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join(WORKSPACE_FILE), "name = \"test\"\n").unwrap();
    for (file, text) in files {
        put(dir.path(), file, text);
    }
    let workspace = Workspace::open(dir.path()).unwrap();
    (dir, workspace)
}

fn put(dir: &Path, file: &str, text: &str) {
    let path = dir.join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn text(dir: &Path, file: &str) -> String {
    fs::read_to_string(dir.join(file)).unwrap()
}
