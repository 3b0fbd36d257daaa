//! The workspaces that the user opened before, newest first: `recent.json` in the user's configuration folder.
//!
//! A list that can't be read is no reason to stop: it is an empty one, and the next workspace opened begins it anew.

use std::{fs, path::Path};

use tailrace_model::{Error, Result, api::RecentWorkspace};

use super::{ConfigDir, WORKSPACE_FILE, cannot_write, write_atomically};

/// Workspaces that are remembered.
pub const RECENT_MAX: usize = 20;
const FILE: &str = "recent.json";

/// Those that are still there.
pub fn list(config: &ConfigDir) -> Vec<RecentWorkspace> {
    let mut all = read(config);
    all.retain(|workspace| Path::new(&workspace.path).join(WORKSPACE_FILE).is_file());
    all
}

/// Puts a workspace at the front.
pub fn add(config: &ConfigDir, name: &str, dir: &Path) -> Result<()> {
    let path = dir
        .canonicalize()
        .unwrap_or_else(|_| dir.to_owned())
        .to_string_lossy()
        .into_owned();
    let mut all = read(config);
    all.retain(|workspace| workspace.path != path);
    all.insert(
        0,
        RecentWorkspace {
            name: name.to_owned(),
            path,
        },
    );
    all.truncate(RECENT_MAX);
    let file = config.path().join(FILE);
    let text = serde_json::to_vec_pretty(&all).map_err(|error| {
        Error::internal(
            "recent",
            format!("the list of recent workspaces could not be written: {error}"),
        )
    })?;
    write_atomically(&file, &text).map_err(|error| cannot_write(&file, &error))
}

fn read(config: &ConfigDir) -> Vec<RecentWorkspace> {
    let text = fs::read(config.path().join(FILE)).unwrap_or_default();
    serde_json::from_slice(&text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_comes_first_and_once() {
        let dir = tempfile::tempdir().unwrap();
        let config = ConfigDir::at(dir.path().join("config"));
        assert_eq!(list(&config), []);
        let workspace = |name: &str| {
            let path = dir.path().join(name);
            fs::create_dir_all(&path).unwrap();
            fs::write(path.join(WORKSPACE_FILE), "").unwrap();
            path
        };
        for name in ["a", "b", "a"] {
            add(&config, name, &workspace(name)).unwrap();
        }
        let names = |config: &ConfigDir| list(config).into_iter().map(|one| one.name).collect::<Vec<_>>();
        assert_eq!(names(&config), ["a", "b"]);
        fs::remove_dir_all(dir.path().join("a")).unwrap();
        assert_eq!(names(&config), ["b"]);
        for count in 0..RECENT_MAX + 5 {
            let name = format!("w{count}");
            add(&config, &name, &workspace(&name)).unwrap();
        }
        assert_eq!(list(&config).len(), RECENT_MAX);
        fs::write(config.path().join(FILE), "{ broken").unwrap();
        assert_eq!(list(&config), []);
        add(&config, "b", &workspace("b")).unwrap();
        assert_eq!(names(&config), ["b"]);
    }
}
