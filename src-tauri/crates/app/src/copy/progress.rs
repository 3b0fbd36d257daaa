//! How far a copy is, kept in `.tailrace/copies`, so that one that was interrupted can go on. It is there while a copy runs
//! and after one that did not do all of its work.

use std::{
    fs,
    hash::{BuildHasher, BuildHasherDefault},
    path::PathBuf,
};

use rustc_hash::FxHasher;
use serde::{Deserialize, Serialize};
use tailrace_model::{
    Error, Result,
    api::{CopyOutcome, CopyPosition, CopyRequest},
};

use crate::open::OpenWorkspace;

/// What is kept of a copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// What is copied, for a person who looks into the folder.
    pub copy: String,
    pub copied: u64,
    pub positions: Vec<CopyPosition>,
}

/// The place of one copy's progress: the same for the same source, target and filter.
pub struct Journal {
    path: PathBuf,
    copy: String,
}

impl Journal {
    pub fn of(open: &OpenWorkspace, request: &CopyRequest, to_topic: &str) -> Self {
        let copy = format!(
            "{} / {} to {} / {to_topic}{}",
            request.from_cluster,
            request.topic,
            request.to_cluster,
            match request.filter.as_deref().map(str::trim) {
                None | Some("") => String::new(),
                Some(filter) => format!(" where {filter}"),
            }
        );
        let key = BuildHasherDefault::<FxHasher>::default().hash_one(&copy);
        let folder = open.workspace().state_dir().join("copies");
        Self {
            path: folder.join(format!("{key:016x}.json")),
            copy,
        }
    }

    /// What the same copy left when it was interrupted.
    pub fn read(&self) -> Option<Progress> {
        let text = fs::read_to_string(&self.path).ok()?;
        let found: Progress = serde_json::from_str(&text).ok()?;
        (found.copy == self.copy && !found.positions.is_empty()).then_some(found)
    }

    pub fn write(&self, outcome: &CopyOutcome) -> Result<()> {
        let progress = Progress {
            copy: self.copy.clone(),
            copied: outcome.copied,
            positions: outcome.positions.clone(),
        };
        let failed = |error: std::io::Error| {
            Error::external(
                "file_write",
                format!(
                    "how far the copy is could not be written to {}: {error}",
                    self.path.display()
                ),
            )
        };
        let text = serde_json::to_string(&progress)
            .map_err(|error| Error::internal("copy_progress", format!("how far the copy is: {error}")))?;
        let folder = self.path.parent().map(fs::create_dir_all);
        folder.unwrap_or(Ok(())).map_err(failed)?;
        let unfinished = self.path.with_extension("unfinished");
        fs::write(&unfinished, text).map_err(failed)?;
        fs::rename(&unfinished, &self.path).map_err(failed)
    }

    pub fn remove(&self) {
        // One that stays says that a copy goes on where it ended: nothing is copied twice.
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::warn!(%error, "how far a copy was could not be removed");
        }
    }
}
