//! A workspace: a folder of text files that a team keeps in git, read whole, edited in place and watched for changes
//! from outside.
//!
//! Invariants: state lives in `.tailrace/` and never in a definition; a file that does not parse is a problem with
//! file, line and column, and takes nothing else with it; a definition is written atomically, keeps its comments, and
//! is never written over while it does not parse; nothing here reads SQL or speaks to another system.

mod check;
mod check_identity;
mod check_lag;
mod check_people;
mod check_sources;
mod check_zone;
mod definitions;
mod edit;
mod files;
mod init;
mod locate;
mod lock;
mod missing;
mod parse;
mod plans;
pub mod recent;
mod save;
mod watch;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

pub use check::NAME_CHARS_MAX;
pub use check_people::CONDITION_DEPTH_MAX;
pub use definitions::{
    DefinitionRef, Definitions, FILES_PER_FOLDER_MAX, Kind, Loaded, Named, WORKSPACE_FILE,
};
pub use files::{CONFIG_DIR_VARIABLE, ConfigDir, FILE_BYTES_MAX, write_atomically};
pub(crate) use files::{cannot_write, reason, write_private};
pub use init::{ensure_sample, init, sample};
pub use lock::WorkspaceLock;
pub use missing::missing;
pub(crate) use parse::nearest;
pub(crate) use plans::parse as parse_plan;
use tailrace_model::{Error, Result};
pub use watch::Watch;

/// The folder of the state, in the workspace.
pub const STATE_FOLDER: &str = ".tailrace";

/// A workspace that was read.
#[derive(Debug, Clone)]
pub struct Workspace {
    /// Absolute.
    pub dir: PathBuf,
    pub definitions: Definitions,
    /// Changes from outside that a save came upon, for the next [`Workspace::reload`] to tell of.
    unseen: Vec<DefinitionRef>,
}

impl Workspace {
    /// Reads a workspace. Only a folder that is none is an error; what is wrong in its files is in
    /// [`Definitions::problems`]. No lock is taken: see [`WorkspaceLock`].
    pub fn open(dir: &Path) -> Result<Self> {
        let shown = dir.display();
        let dir = dir.canonicalize().map_err(|error| {
            Error::user(
                "no_workspace",
                format!("{shown} can't be opened ({}): name a workspace, or make one with `tailrace init {shown}`", reason(&error)),
            )
            .about(dir)
        })?;
        if !dir.join(WORKSPACE_FILE).is_file() {
            let message = format!(
                "{shown} is no workspace, it has no {WORKSPACE_FILE}: name another folder, or make one with `tailrace init {shown}`"
            );
            return Err(Error::user("no_workspace", message).about(&dir));
        }
        let definitions = Definitions::load(&dir);
        Ok(Self {
            dir,
            definitions,
            unseen: Vec::new(),
        })
    }

    /// Reads everything again and says which definitions are not what they were, but for those saved here.
    pub fn reload(&mut self) -> Result<Vec<DefinitionRef>> {
        let changed = self.read_again()?;
        let mut all = std::mem::take(&mut self.unseen);
        all.extend(changed);
        all.sort();
        all.dedup();
        Ok(all)
    }

    fn read_again(&mut self) -> Result<Vec<DefinitionRef>> {
        let now = Self::open(&self.dir)?;
        let changed = now.definitions.differences(&self.definitions);
        self.definitions = now.definitions;
        Ok(changed)
    }

    /// Tells of changes to the definition files.
    pub fn watch(&self) -> Result<Watch> {
        Watch::start(&self.dir)
    }

    pub fn problems(&self) -> Vec<Error> {
        self.definitions.problems()
    }

    /// `.tailrace` in the workspace.
    pub fn state_dir(&self) -> PathBuf {
        self.dir.join(STATE_FOLDER)
    }

    /// A path that a definition names: relative to the workspace, or absolute.
    pub fn path(&self, named: &str) -> PathBuf {
        self.dir.join(named)
    }
}
