//! Kafka Connect: its clusters, connectors and tasks.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::Error;

/// The Connect clusters of one cluster, each asked for itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ConnectOverview {
    pub cluster: String,
    pub connects: Vec<ConnectSummary>,
}

/// One `[connect.NAME]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ConnectSummary {
    pub name: String,
    /// The worker that is asked.
    pub url: String,
    /// Absent: it did not answer.
    pub version: Option<String>,
    /// By name.
    pub connectors: Vec<ConnectorSummary>,
    /// Why it did not answer.
    pub error: Option<Error>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ConnectorSummary {
    /// The Connect cluster's name.
    pub connect: String,
    pub name: String,
    /// `source` or `sink`.
    pub kind: String,
    /// `connector.class`, whole.
    pub class: String,
    /// As Connect names it: `RUNNING`, `PAUSED`, `STOPPED`, `FAILED`, `UNASSIGNED`, `RESTARTING`. Absent: not said yet.
    pub state: Option<String>,
    pub worker: Option<String>,
    pub tasks: Vec<ConnectorTask>,
    /// Why it, or the first task that did, failed: the first line of the trace.
    pub reason: Option<String>,
    /// The connector's own trace, whole; without secrets.
    pub trace: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ConnectorTask {
    pub task: u32,
    /// As Connect names it. Absent: not said yet.
    pub state: Option<String>,
    pub worker: Option<String>,
    /// The first line of the trace.
    pub reason: Option<String>,
    /// Whole; without secrets.
    pub trace: Option<String>,
}

/// A connector with its settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ConnectorDetail {
    pub summary: ConnectorSummary,
    /// By name.
    pub settings: Vec<ConnectorSetting>,
    /// Topics that it has used. Absent: the worker does not tell.
    pub topics: Option<Vec<String>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ConnectorSetting {
    pub name: String,
    pub value: String,
    /// The value, or a part of it, is a secret and is not told.
    pub masked: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ConnectorRequest {
    pub cluster: String,
    /// The Connect cluster; may be absent where only one has a connector of this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub connect: Option<String>,
    pub connector: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ConnectorActRequest {
    pub cluster: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub connect: Option<String>,
    pub connector: String,
    pub act: ConnectorAct,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum ConnectorAct {
    /// The connector and all its tasks.
    Restart,
    /// What of the connector and its tasks has failed.
    RestartFailed,
    RestartTask(u32),
    Pause,
    Resume,
    /// Ends its tasks and keeps its settings; from Kafka 3.5 on.
    Stop,
}
