//! The command line: names, flags and their help.

mod profiles;
mod quality;
mod schemas;
mod topics;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub use profiles::{Agreed, Profile};
pub use quality::{Plan, Quarantine, QuarantineReplay, Replay, Source, SourcePreview};
pub use schemas::{AlertVerb, Alerts, SchemaVerb, Schemas, TypeArg};
pub use topics::{Acls, TopicVerb, Topics};

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
    /// Records as the window shows them: with what [[masks]] hide taken out
    #[arg(long, global = true)]
    pub masked: bool,
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
    /// A Java client.properties or a kcat.conf as clusters/NAME.toml; its secrets go to the secret store
    Import(Import),
    /// Topics of a cluster, or the partitions of one topic; and their changes
    #[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
    Topics(Topics),
    /// Brokers of a cluster, or the settings of one broker
    Brokers { cluster: String, broker: Option<i32> },
    /// Access rules of a cluster
    Acls(Acls),
    /// Quotas of a cluster
    Quotas { cluster: String },
    /// Records of a topic
    Tail(Box<Tail>),
    /// Writes one record, or those of a file, or of standard input a value a line
    Produce(Produce),
    /// Copies the records of a topic to another, byte for byte
    Copy(Copy),
    /// Kafka Connect: connectors and their tasks
    #[command(subcommand)]
    Connect(Connect),
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
    /// Reads a source's topic again from a time, with the transformation and the plan of now, into the same history
    Replay(Replay),
    /// Sources of events, and what becomes of their records
    #[command(subcommand)]
    Source(Source),
    /// Tracking plans, and how often events did not fit
    #[command(subcommand)]
    Plan(Plan),
    /// Records that became no event
    #[command(subcommand)]
    Quarantine(Quarantine),
    /// Keeps everything live until stopped: sources, audiences, syncs, lag and its alerts; takes events over HTTP
    /// (sources of kind "tracking"); metrics for Prometheus
    Serve {
        /// Where the tracking API, GET /metrics and GET /health are answered; a port of 0 is any free one
        #[arg(long, value_name = "ADDR", default_value = tailrace_app::serve::LISTEN)]
        listen: String,
    },
    /// Alerts on lag, and what they say now
    Alerts(Alerts),
    /// The schema registry of a cluster: subjects, or one subject and its versions; and their changes
    #[command(
        args_conflicts_with_subcommands = true,
        subcommand_negates_reqs = true,
        disable_version_flag = true
    )]
    Schemas(Schemas),
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

#[derive(Debug, Args)]
pub struct Import {
    pub file: PathBuf,
    /// Of the cluster; default: made from the file's name
    #[arg(long)]
    pub name: Option<String>,
    /// Where the file does not name them
    #[arg(long, value_name = "HOST:PORT")]
    pub bootstrap_servers: Option<String>,
    /// Shows what would be written and writes nothing
    #[arg(long)]
    pub dry_run: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Table,
    Json,
    /// As kcat -J prints it
    Kcat,
    Csv,
    Parquet,
    /// Arrow's own file
    Arrow,
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
    /// beginning | end | OFFSET | -N (the last N of each partition) | s@TIME | e@TIME; TIME in milliseconds or RFC 3339. Twice: s@ and e@
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
    /// Exit after this many records: the first in the order of time; without an end, the first that are shown
    #[arg(short = 'c', long = "count", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,
    /// A SQL predicate: "value.revenue > 100"
    #[arg(long = "where", value_name = "SQL")]
    pub filter: Option<String>,
    /// Columns in SQL instead of whole records: "_key, value.revenue * 100 AS cents"
    #[arg(long, value_name = "SQL")]
    pub select: Option<String>,
    /// How keys are read: json, registry, avro, ...; default: as the cluster's file says, else found out
    #[arg(long, value_name = "FORMAT")]
    pub key_format: Option<String>,
    /// How values are read
    #[arg(long, value_name = "FORMAT")]
    pub value_format: Option<String>,
    /// The schema of values: a file of Avro's JSON or of Protobuf's text
    #[arg(long, value_name = "FILE", requires = "value_format")]
    pub schema: Option<String>,
    /// The schema of Protobuf values: a file of `protoc --descriptor_set_out`
    #[arg(
        long,
        value_name = "FILE",
        requires = "value_format",
        conflicts_with = "schema"
    )]
    pub descriptor_set: Option<String>,
    /// The full name of the Protobuf message that values are
    #[arg(long, value_name = "NAME", requires = "value_format")]
    pub message: Option<String>,
    /// What is written
    #[arg(long, value_enum)]
    pub format: Option<Format>,
    /// Writes to a file instead of the terminal
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Writes over a file that is there already
    #[arg(long, requires = "out")]
    pub force: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FileFormat {
    /// {"key", "value", "headers", "partition", "timestamp"} a line
    Jsonl,
    /// A value a line
    Values,
    /// With a header: key, value, partition, timestamp, header.NAME
    Csv,
}

#[derive(Debug, Args)]
pub struct Produce {
    pub cluster: String,
    pub topic: String,
    #[arg(long, short = 'k')]
    pub key: Option<String>,
    /// The value of the one record
    #[arg(long, short = 'v')]
    pub value: Option<String>,
    /// One record without a value
    #[arg(long, conflicts_with_all = ["value", "file"])]
    pub tombstone: bool,
    /// A header of the one record; may be given more than once
    #[arg(long = "header", short = 'H', value_name = "NAME=VALUE")]
    pub headers: Vec<String>,
    /// Default: chosen by the key
    #[arg(long, short = 'p')]
    pub partition: Option<i32>,
    /// Milliseconds since 1970, or RFC 3339; default: now
    #[arg(long, value_name = "TIME")]
    pub timestamp: Option<String>,
    /// Every record of a file, or of standard input with -
    #[arg(long, value_name = "FILE", conflicts_with_all = ["value", "key", "headers", "timestamp"])]
    pub file: Option<PathBuf>,
    /// Default: by the file's ending; of standard input a value a line
    #[arg(long, value_enum)]
    pub format: Option<FileFormat>,
    /// Values are JSON that is written by this subject of the schema registry, such as orders-value
    #[arg(long, value_name = "SUBJECT[@VERSION]")]
    pub schema: Option<String>,
    /// Keys are JSON that is written by this subject
    #[arg(long, value_name = "SUBJECT[@VERSION]")]
    pub key_schema: Option<String>,
    /// The Protobuf message of --schema; default: the first of its file
    #[arg(long, value_name = "NAME", requires = "schema")]
    pub message: Option<String>,
}

#[derive(Debug, Args)]
pub struct Copy {
    pub from_cluster: String,
    pub topic: String,
    pub to_cluster: String,
    /// Default: of the same name
    pub to_topic: Option<String>,
    /// A SQL predicate: "value.revenue > 100"
    #[arg(long = "where", value_name = "SQL")]
    pub filter: Option<String>,
    /// beginning | end | OFFSET | -N (the last N of each partition) | s@TIME | PARTITION:OFFSET,... as an interrupted copy says
    #[arg(
        short = 'o',
        long = "offset",
        allow_hyphen_values = true,
        default_value = "beginning"
    )]
    pub offset: String,
    /// Exit at the end that the partitions have now
    #[arg(short = 'e', long = "exit")]
    pub exit: bool,
    /// Exit at the first record at or after this time
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// Each record to the partition that it was in
    #[arg(long)]
    pub keep_partition: bool,
    /// Records keep their times
    #[arg(long)]
    pub keep_timestamps: bool,
    /// Goes on where the same copy was interrupted
    #[arg(long)]
    pub resume: bool,
    /// Begins anew where the same copy was interrupted
    #[arg(long, conflicts_with = "resume")]
    pub anew: bool,
}

#[derive(Debug, Subcommand)]
pub enum Connect {
    /// The connectors of a cluster's Connect clusters
    List { cluster: String },
    /// One connector: tasks, settings, and why a task failed
    Show(Connector),
    /// Restarts the connector and its tasks
    Restart {
        #[command(flatten)]
        of: Connector,
        /// This task alone
        #[arg(long, conflicts_with = "failed")]
        task: Option<u32>,
        /// Only what has failed
        #[arg(long)]
        failed: bool,
    },
    /// Pauses it: tasks stay, and do nothing
    Pause(Connector),
    /// Goes on after a pause or a stop
    Resume(Connector),
    /// Ends its tasks and keeps its settings (Kafka 3.5 and later)
    Stop(Connector),
}

#[derive(Debug, Args)]
pub struct Connector {
    pub cluster: String,
    pub name: String,
    /// The Connect cluster, where several have a connector of this name
    #[arg(long, value_name = "NAME")]
    pub connect: Option<String>,
}

#[derive(Debug, Subcommand)]
pub enum Groups {
    /// The groups of a cluster with their lag
    List { cluster: String },
    /// One group by partition and member
    Show { cluster: String, group: String },
    /// Moves the offsets of a group: shows what changes, and asks
    Reset(Reset),
    /// Deletes a group, or what it has committed of a topic
    Delete {
        cluster: String,
        group: String,
        /// Only what it has committed of this topic
        #[arg(long)]
        topic: Option<String>,
        /// Does not ask
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("to").required(true))]
pub struct Reset {
    pub cluster: String,
    pub group: String,
    /// TOPIC or TOPIC:0,1,2; several times for several; default: everything that the group has committed
    #[arg(long = "topic", value_name = "TOPIC[:PARTITIONS]")]
    pub topics: Vec<String>,
    /// The first record there is
    #[arg(long, group = "to")]
    pub to_earliest: bool,
    /// The end
    #[arg(long, group = "to")]
    pub to_latest: bool,
    #[arg(long, group = "to", value_name = "OFFSET", value_parser = clap::value_parser!(i64).range(0..))]
    pub to_offset: Option<i64>,
    /// The first record at or after a time, in RFC 3339 or milliseconds
    #[arg(long, group = "to", value_name = "TIME")]
    pub to_timestamp: Option<String>,
    /// So many records on, or back: 100, -100
    #[arg(long, group = "to", value_name = "N", allow_hyphen_values = true)]
    pub by_shift: Option<i64>,
    /// The first record of the last so long: "2 hours"
    #[arg(long, group = "to", value_name = "SPAN")]
    pub by_duration: Option<String>,
    /// Lines topic,partition,offset, as kafka-consumer-groups --export writes them
    #[arg(long, group = "to", value_name = "FILE")]
    pub from_file: Option<PathBuf>,
    /// Shows what would change and changes nothing
    #[arg(long, conflicts_with = "yes")]
    pub dry_run: bool,
    /// Does not ask
    #[arg(long)]
    pub yes: bool,
}

#[derive(Debug, Args)]
pub struct Lag {
    pub cluster: String,
    #[arg(long)]
    pub group: Option<String>,
    /// Samples until stopped
    #[arg(long)]
    pub watch: bool,
    /// Draws the history into a file that ends in .svg or .png
    #[arg(long, value_name = "FILE")]
    pub chart: Option<PathBuf>,
    /// What the chart shows
    #[arg(long, value_enum, default_value = "records")]
    pub metric: Metric,
    /// How far back the chart goes: "6 hours", "7 days", at most a year; default: an hour
    #[arg(long, value_name = "SPAN")]
    pub since: Option<String>,
    /// A line a partition; needs --group
    #[arg(long, requires = "group")]
    pub by_partition: bool,
    /// How long --chart samples before it draws, in seconds
    #[arg(long, default_value_t = 10)]
    pub seconds: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Metric {
    Records,
    Time,
    Rates,
}

#[derive(Debug, Args)]
pub struct Sql {
    pub sql: String,
    /// Default: a table, or as FILE ends; every row is written, however many
    #[arg(long, value_enum)]
    pub format: Option<SqlFormat>,
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Writes over a file that is there already
    #[arg(long, requires = "out")]
    pub force: bool,
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
        /// Writes over a file that is there already
        #[arg(long)]
        force: bool,
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

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn every_command_holds_together() {
        super::Cli::command().debug_assert();
    }
}
