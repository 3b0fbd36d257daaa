//! Clusters defined by a form, and by files of other clients.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::ClusterDefinition;

/// What `clusters/NAME.toml` says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ClusterDefined {
    pub name: String,
    pub definition: ClusterDefinition,
}

/// A definition as a form has it: tried with `cluster_try`, written with `cluster_save`.
#[derive(Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ClusterSaveRequest {
    pub name: String,
    /// Refused when there is a cluster of this name already.
    pub create: bool,
    pub definition: ClusterDefinition,
    /// Values of properties that are secrets, just typed: kept in the secret store, and referred to by the definition.
    #[serde(default)]
    pub secrets: BTreeMap<String, String>,
}

impl std::fmt::Debug for ClusterSaveRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClusterSaveRequest")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// A Java `client.properties`, a `kcat.conf` or another file of librdkafka's properties.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ImportRequest {
    pub path: String,
    /// Of the cluster; absent: made from the file's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub name: Option<String>,
    /// `bootstrap.servers`, where the file does not say it: Java's tools are given it on their command line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub bootstrap: Option<String>,
}

/// What a file becomes, or became.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Import {
    /// Of the cluster.
    pub name: String,
    /// `clusters/NAME.toml`.
    pub file: String,
    /// Whose file it was: `java` or `librdkafka`.
    pub format: String,
    /// One for each setting of the file, in its order.
    pub lines: Vec<ImportLine>,
    /// The text of the definition.
    pub toml: String,
    /// Names of the secrets that are kept.
    pub secrets: Vec<String>,
    /// Names of the secrets that are still to be set.
    pub missing_secrets: Vec<String>,
    /// To be run by hand before the cluster can be used.
    pub commands: Vec<String>,
    /// Why it can't be written as it is, as a sentence.
    pub problem: Option<String>,
    pub written: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ImportLine {
    /// Of the file.
    pub line: u32,
    pub key: String,
    pub outcome: ImportOutcome,
    pub detail: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum ImportOutcome {
    Kept,
    /// Said in librdkafka's way.
    Converted,
    /// Its value is in the secret store.
    Secret,
    LeftOut,
    /// Something is left to do by hand.
    ToDo,
}
