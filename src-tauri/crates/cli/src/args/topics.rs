//! Topics, their changes, and access rules.

use clap::{Args, Subcommand};

#[derive(Debug, Args)]
pub struct Topics {
    #[arg(required = true)]
    pub cluster: Option<String>,
    pub topic: Option<String>,
    /// The settings of the topic instead of its partitions, with where each comes from
    #[arg(long, requires = "topic")]
    pub config: bool,
    /// Those that Kafka keeps for itself, too
    #[arg(long)]
    pub internal: bool,
    #[command(subcommand)]
    pub verb: Option<TopicVerb>,
}

/// What changes a topic is shown first and asked once; `--yes` asks nothing.
#[derive(Debug, Subcommand)]
pub enum TopicVerb {
    /// Makes a topic
    Create {
        cluster: String,
        topic: String,
        #[arg(long, short = 'p')]
        partitions: Option<i32>,
        #[arg(long, short = 'r')]
        replication: Option<i32>,
        /// A setting, as NAME=VALUE; may be repeated
        #[arg(long = "config", value_name = "NAME=VALUE")]
        configs: Vec<String>,
        /// Takes what is not given from another topic: TOPIC, or CLUSTER/TOPIC
        #[arg(long, value_name = "TOPIC")]
        like: Option<String>,
        #[arg(long)]
        yes: bool,
    },
    /// Sets and resets settings; the others stay
    Alter {
        cluster: String,
        topic: String,
        /// NAME=VALUE; may be repeated
        #[arg(long, value_name = "NAME=VALUE")]
        set: Vec<String>,
        /// NAME; may be repeated
        #[arg(long, value_name = "NAME")]
        reset: Vec<String>,
        #[arg(long)]
        yes: bool,
    },
    /// Makes a topic have TOTAL partitions
    AddPartitions {
        cluster: String,
        topic: String,
        total: i32,
        #[arg(long)]
        yes: bool,
    },
    /// Deletes the oldest records
    #[command(group = clap::ArgGroup::new("point").required(true))]
    DeleteRecords {
        cluster: String,
        topic: String,
        /// An offset (that record stays), s@TIME (records from then on stay; milliseconds or RFC 3339), or end
        #[arg(long, value_name = "POINT", group = "point")]
        before: Option<String>,
        /// One partition's own offset, as PARTITION:OFFSET; may be repeated
        #[arg(long, value_name = "PARTITION:OFFSET", group = "point")]
        at: Vec<String>,
        /// Partitions, with commas; default: all
        #[arg(
            short = 'p',
            long = "partitions",
            value_delimiter = ',',
            conflicts_with = "at"
        )]
        partitions: Vec<i32>,
        #[arg(long)]
        yes: bool,
    },
    /// Deletes a topic with all its records
    Delete {
        cluster: String,
        topic: String,
        #[arg(long)]
        yes: bool,
    },
    /// Sets what is set on another topic and resets what is not
    CopySettings {
        cluster: String,
        topic: String,
        /// TOPIC, or CLUSTER/TOPIC
        #[arg(long, value_name = "TOPIC")]
        from: String,
        #[arg(long)]
        yes: bool,
    },
    /// Two topics side by side: shape, settings, partitions
    Compare {
        cluster: String,
        topic: String,
        /// TOPIC, CLUSTER/TOPIC, or CLUSTER/ for the same topic there
        with: String,
        /// Rows that are the same, too
        #[arg(long)]
        all: bool,
    },
}

#[derive(Debug, Args)]
pub struct Acls {
    pub cluster: String,
    /// topic | group | cluster | transactional_id
    #[arg(long = "type", value_name = "TYPE")]
    pub resource_type: Option<String>,
    /// Rules that hold for this name, by whatever pattern
    #[arg(long, value_name = "NAME")]
    pub resource: Option<String>,
    /// Rules of this principal: User:alice
    #[arg(long)]
    pub principal: Option<String>,
}
