//! `tailrace profile ...`

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub enum Profile {
    /// By profile id, or KIND:VALUE such as user_id:u_000001, or any identifier
    Show { id: String },
    /// Identifiers that begin with a text
    Search {
        #[arg(default_value = "")]
        text: String,
        #[arg(long, default_value_t = 20)]
        limit: u32,
    },
    /// What it did, newest first
    Events {
        id: String,
        #[arg(long, default_value_t = 100)]
        limit: u32,
    },
    /// What identify events said of its traits over time
    History { id: String },
    /// Which profiles became one, and what tied them
    Merges { id: String },
    /// Takes a merge back: two profiles again, which nothing merges until it is allowed
    Undo {
        /// Its number, as `profile merges` lists it
        merge: u64,
        #[command(flatten)]
        agreed: Agreed,
    },
    /// Lets what an undo keeps apart be merged again
    Allow { merge: u64 },
    /// Deletes a person: events, profile, memberships, and at destinations with the next run of each sync
    Delete {
        id: String,
        /// Drops what arrives of this person from then on
        #[arg(long)]
        suppress: bool,
        #[command(flatten)]
        agreed: Agreed,
    },
    /// Drops the events of identifiers (KIND:VALUE), or of all those of a profile (its number), from now on
    Suppress {
        #[arg(required = true)]
        who: Vec<String>,
        #[command(flatten)]
        agreed: Agreed,
    },
    /// Takes their events in again
    Unsuppress {
        #[arg(required = true)]
        who: Vec<String>,
        #[command(flatten)]
        agreed: Agreed,
    },
    /// What is suppressed, and how many events were dropped
    Suppressed,
    /// Writes everything that is known of a person as JSON
    Export {
        id: String,
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// Writes over a file that is there already
        #[arg(long)]
        force: bool,
    },
}

#[derive(Debug, Clone, Copy, Args)]
pub struct Agreed {
    /// Does it without asking
    #[arg(long)]
    pub yes: bool,
    /// Shows what would be done, and does nothing
    #[arg(long, conflicts_with = "yes")]
    pub dry_run: bool,
}
