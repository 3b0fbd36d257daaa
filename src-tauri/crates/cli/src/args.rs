//! The command line: names, flags and their help.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Kafka topics in, audiences out.
#[derive(Debug, Parser)]
#[command(
    name = "tailrace",
    version,
    propagate_version = true,
    disable_help_subcommand = true
)]
pub struct Cli {
    /// The workspace's folder; default: this folder or the nearest one above with a tailrace.toml
    #[arg(long, short = 'w', global = true, value_name = "DIR")]
    pub workspace: Option<PathBuf>,
    /// One JSON object, or one a line; times in RFC 3339
    #[arg(long, global = true)]
    pub json: bool,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// The whole job on the sandbox: connect, tail, lag, collect, define, stay live, deliver
    Demo(Demo),
    /// A new workspace
    Init { dir: PathBuf },
    /// Validates every definition: file:line for what does not hold
    Check,
    /// Clusters
    #[command(subcommand)]
    Cluster(Cluster),
    /// Topics of a cluster, or the partitions of one topic
    Topics { cluster: String, topic: Option<String> },
    /// Records of a topic
    Tail(Tail),
    /// Consumer groups
    #[command(subcommand)]
    Groups(Groups),
    /// Lag of consumer groups
    Lag(Lag),
    /// Collects events from the sources until stopped
    Ingest {
        /// Ends when every source has reached the end of its topic
        #[arg(long)]
        until_caught_up: bool,
    },
    /// Keeps everything live until stopped: sources, audiences, syncs
    Serve,
    /// One SELECT over events, profiles, traits, audiences and warehouses
    Sql(Sql),
    /// Profiles
    #[command(subcommand)]
    Profile(Profile),
    /// Traits
    #[command(subcommand)]
    Trait(Trait),
    /// Audiences
    #[command(subcommand)]
    Audience(Audience),
    /// Syncs
    #[command(subcommand)]
    Sync(Sync),
    /// Destinations
    #[command(subcommand)]
    Destination(Destination),
    /// Secrets that definitions refer to as secret:NAME
    #[command(subcommand)]
    Secret(Secret),
}

#[derive(Debug, Args)]
pub struct Demo {
    /// How long events keep arriving
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(5..=3600))]
    pub seconds: u32,
    /// Tell progress by lines on stderr where there is no terminal
    #[arg(long)]
    pub progress: bool,
}

#[derive(Debug, Subcommand)]
pub enum Cluster {
    /// The clusters of the workspace
    List,
    /// Connects step by step and says which step failed
    Test { name: String },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Table,
    Json,
    /// As kcat -J prints it
    Kcat,
    Csv,
    Parquet,
}

/// How a result is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SqlFormat {
    Table,
    Csv,
    /// One object a line
    Jsonl,
    /// One array of objects
    Json,
    Parquet,
    /// Arrow's file format
    Arrow,
}

#[derive(Debug, Args)]
pub struct Tail {
    pub cluster: String,
    pub topic: String,
    /// beginning | end | OFFSET | -N (the last N) | s@TIME | e@TIME; TIME in milliseconds or RFC 3339. Twice: s@ and e@
    #[arg(
        short = 'o',
        long = "offset",
        allow_hyphen_values = true,
        default_value = "end"
    )]
    pub offset: Vec<String>,
    /// Partitions, with commas; default: all
    #[arg(short = 'p', long = "partitions", value_delimiter = ',')]
    pub partitions: Vec<i32>,
    /// Exit at the end of the partitions
    #[arg(short = 'e', long = "exit")]
    pub exit: bool,
    /// Exit after this many records
    #[arg(short = 'c', long = "count")]
    pub count: Option<u64>,
    /// A SQL predicate: "value.revenue > 100"
    #[arg(long = "where", value_name = "SQL")]
    pub filter: Option<String>,
    #[arg(long, value_enum)]
    pub format: Option<Format>,
    /// Writes to a file instead of the terminal
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub enum Groups {
    /// The groups of a cluster with their lag
    List { cluster: String },
    /// One group by partition
    Show { cluster: String, group: String },
}

#[derive(Debug, Args)]
pub struct Lag {
    pub cluster: String,
    #[arg(long)]
    pub group: Option<String>,
    /// Samples every two seconds until stopped
    #[arg(long)]
    pub watch: bool,
    /// Draws the history into a file that ends in .svg or .png
    #[arg(long, value_name = "FILE")]
    pub chart: Option<PathBuf>,
    /// What the chart shows
    #[arg(long, value_enum, default_value = "records")]
    pub metric: Metric,
    /// How long --chart samples before it draws, in seconds, when there is no history
    #[arg(long, default_value_t = 10)]
    pub seconds: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Metric {
    Records,
    Time,
}

#[derive(Debug, Args)]
pub struct Sql {
    pub sql: String,
    /// Default: a table, or as FILE ends; every row is written, however many
    #[arg(long, value_enum)]
    pub format: Option<SqlFormat>,
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

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
}

#[derive(Debug, Subcommand)]
pub enum Trait {
    List,
    /// Values for the first profiles
    Preview {
        name: String,
    },
    /// Evaluates it: one row a profile
    Run {
        name: String,
    },
}

#[derive(Debug, Subcommand)]
pub enum Audience {
    List,
    /// Definition, SQL and size
    Show {
        name: String,
    },
    /// Evaluates it and changes nothing
    Preview {
        name: String,
    },
    /// Evaluates it and records who entered and exited
    Run {
        name: String,
    },
    Members {
        name: String,
        /// Only those with this in their name
        #[arg(long, value_name = "TEXT", default_value = "")]
        search: String,
        #[arg(long, default_value_t = 0)]
        offset: u64,
        #[arg(long, default_value_t = 100)]
        limit: u32,
    },
    /// Why a profile is in it, or is not
    Explain {
        name: String,
        profile: String,
    },
    /// All members to a file that ends in .csv, .parquet or .json
    Export {
        name: String,
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub enum Sync {
    List,
    /// Delivers the difference to what was last acknowledged
    Run {
        name: String,
        /// Shows the difference and delivers nothing
        #[arg(long)]
        dry_run: bool,
    },
    Runs {
        name: String,
    },
    /// Delivers again what is still owed
    Retry {
        name: String,
    },
}

#[derive(Debug, Subcommand)]
pub enum Destination {
    List,
    Test { name: String },
}

#[derive(Debug, Subcommand)]
pub enum Secret {
    /// Reads the value from standard input
    Set {
        name: String,
    },
    List,
    Delete {
        name: String,
    },
}
