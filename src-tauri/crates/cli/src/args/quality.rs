//! Sources, tracking plans, the quarantine, replay.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub enum Source {
    /// The sources of the workspace, and what they collected
    List,
    /// What becomes of the newest records of its topic, before and after
    Preview(SourcePreview),
}

#[derive(Debug, Args)]
pub struct SourcePreview {
    pub name: String,
    /// The transformation to try: "SELECT * EXCLUDE (phone) FROM events"; empty: none. Default: the source's own
    #[arg(long, value_name = "SQL", conflicts_with = "file")]
    pub sql: Option<String>,
    /// The same from a file
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// So many records
    #[arg(short = 'c', long = "count", default_value_t = 10)]
    pub count: u32,
    /// Writes --sql or --file into the source when every record shown becomes an event or is left out
    #[arg(long)]
    pub save: bool,
}

#[derive(Debug, Subcommand)]
pub enum Quarantine {
    /// Records that became no event, newest first
    List {
        /// Default: all
        source: Option<String>,
        /// Only those with this in the reason, event, message id or value
        #[arg(long, value_name = "TEXT", default_value = "")]
        search: String,
        /// Only those of this event
        #[arg(long, value_name = "EVENT", default_value = "")]
        event: String,
        #[arg(long, default_value_t = 0)]
        offset: u64,
        #[arg(long, default_value_t = 50)]
        limit: u32,
    },
    /// One record, whole
    Show { id: i64 },
    /// Tries them again: what passes is collected, once, and the rest stays with its new reason
    Replay(QuarantineReplay),
}

#[derive(Debug, Args)]
pub struct QuarantineReplay {
    /// Default: all
    pub source: Option<String>,
    /// Only these; may be given more than once
    #[arg(long = "id", value_name = "ID")]
    pub ids: Vec<i64>,
    /// A SQL predicate over source, kind, event, message_id, fields, reason, topic, partition, offset, tries and value
    #[arg(long = "where", value_name = "SQL")]
    pub filter: Option<String>,
    /// Instead of the source's own: "SELECT ... FROM events", or "SELECT ... FROM records" for what is no event yet
    #[arg(long, value_name = "SQL")]
    pub transform: Option<String>,
    /// Shows what would come of it and changes nothing
    #[arg(long, conflicts_with = "yes")]
    pub dry_run: bool,
    /// Does not ask
    #[arg(long)]
    pub yes: bool,
}

#[derive(Debug, Subcommand)]
pub enum Plan {
    /// The tracking plans of the workspace
    List,
    /// One plan, and the versions of it that sources used
    Show { name: String },
    /// A plan made from collected events: types, what is always there, few values
    Infer {
        /// Only from the events of this source
        source: Option<String>,
        /// From the events of all sources
        #[arg(long, conflicts_with = "source")]
        observed: bool,
        /// Saves it as tracking-plans/NAME.json
        #[arg(long, value_name = "NAME")]
        save: Option<String>,
    },
    /// What changed between two: NAME, NAME@VERSION as a source used it, or FILE.json (git show REVISION:tracking-plans/NAME.json > FILE.json)
    Diff { from: String, to: String },
    /// How often events did not fit, by event, field and source
    Violations {
        /// Default: all
        source: Option<String>,
        /// How far back: "24 hours", "7 days"
        #[arg(long, value_name = "SPAN", default_value = "7 days")]
        since: String,
        /// One row an hour
        #[arg(long)]
        by_hour: bool,
    },
}

#[derive(Debug, Args)]
pub struct Replay {
    pub source: String,
    /// From the first record at or after this time: milliseconds since 1970 or RFC 3339
    #[arg(long, value_name = "TIME")]
    pub from: String,
    /// Up to the first record at or after this time; default: to the end that the topic has now
    #[arg(long, value_name = "TIME")]
    pub to: Option<String>,
    /// Shows what would change and changes nothing
    #[arg(long, conflicts_with = "yes")]
    pub dry_run: bool,
    /// Does not ask
    #[arg(long)]
    pub yes: bool,
}
