//! The schema registry of a cluster, and alerts.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

#[derive(Debug, Args)]
pub struct Schemas {
    #[arg(required = true)]
    pub cluster: Option<String>,
    pub subject: Option<String>,
    /// This version; default: the latest
    #[arg(long, requires = "subject", allow_negative_numbers = true)]
    pub version: Option<i32>,
    /// What version B has that A has not, and the other way round
    #[arg(long, value_name = "A..B", requires = "subject", conflicts_with = "version")]
    pub diff: Option<String>,
    #[command(subcommand)]
    pub verb: Option<SchemaVerb>,
}

/// What changes the registry is shown first and asked once; `--yes` asks nothing.
#[derive(Debug, Subcommand)]
pub enum SchemaVerb {
    /// Whether the schema of a file may be the next version, as the registry judges
    Check {
        cluster: String,
        subject: String,
        file: PathBuf,
        /// Against every version, not the latest alone
        #[arg(long)]
        all: bool,
        /// Default: as the file's ending says, else as the latest version
        #[arg(long = "type", value_enum)]
        schema_type: Option<TypeArg>,
    },
    /// Registers the schema of a file as the next version
    Register {
        cluster: String,
        subject: String,
        file: PathBuf,
        #[arg(long = "type", value_enum)]
        schema_type: Option<TypeArg>,
        #[arg(long)]
        yes: bool,
    },
    /// Sets what new versions have to keep to: BACKWARD, FULL_TRANSITIVE, NONE, ...; `default` as the registry's own
    SetLevel {
        cluster: String,
        level: String,
        /// Default: the registry's own level
        #[arg(long)]
        subject: Option<String>,
        #[arg(long)]
        yes: bool,
    },
    /// Deletes a version, or the subject with all of them
    #[command(disable_version_flag = true)]
    Delete {
        cluster: String,
        subject: String,
        #[arg(long)]
        version: Option<i32>,
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TypeArg {
    Avro,
    Protobuf,
    /// JSON Schema
    Json,
}

#[derive(Debug, Args)]
pub struct Alerts {
    #[command(subcommand)]
    pub verb: Option<AlertVerb>,
}

#[derive(Debug, Subcommand)]
pub enum AlertVerb {
    /// Whether it would fire as things are now, group by group
    Preview { name: String },
    /// Posts a notice that is marked as a test to its webhook
    Test { name: String },
}
