//! Requests and responses of the commands, by area. `Nothing` stands for an empty request or response.

mod clusters;
mod connect;
mod connect_workers;
mod deliver;
mod groups;
mod identity;
mod people;
mod produce;
mod quality;
mod records;
mod schemas;
mod topics;
mod work;

pub use clusters::*;
pub use connect::*;
pub use connect_workers::*;
pub use deliver::*;
pub use groups::*;
pub use identity::*;
pub use people::*;
pub use produce::*;
pub use quality::*;
pub use records::*;
pub use schemas::*;
use serde::{Deserialize, Serialize};
pub use topics::*;
use ts_rs::TS;
pub use work::*;

/// No fields.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Nothing {}

/// Names one definition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Named {
    pub name: String,
}

/// Names one open view (a tail, a result, the changes of an audience).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ViewRequest {
    pub view: u64,
}

/// A page of a view's rows; `limit` is at most [`crate::limits::ROWS_PAGE_MAX`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct RowsRequest {
    pub view: u64,
    pub offset: u64,
    pub limit: u32,
}

/// Rows of a tail, from one on, as much of each as a table shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct TailRowsRequest {
    pub view: u64,
    pub offset: u64,
    pub limit: u32,
    /// The fields that are wanted, by their names in the tail's columns: the others are not decoded. Absent: all.
    #[serde(default)]
    pub columns: Option<Vec<String>>,
}

/// A page of something that has a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct PageRequest {
    pub name: String,
    #[serde(default)]
    pub offset: u64,
    #[serde(default = "default_limit")]
    pub limit: u32,
}

fn default_limit() -> u32 {
    100
}

/// What a subscription sends, at most [`crate::limits::REVISIONS_PER_SECOND_MAX`] times a second: something changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Revision {
    pub revision: u64,
    pub total: u64,
}

/// What a subscription may follow.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Topic {
    /// A tail or SQL result, by its view.
    View(u64),
    /// Lag was sampled. `total` counts samples.
    Lag,
    /// An alert fired, was resolved, or told somebody. `total` counts these.
    Alerts,
    /// Topics of a cluster were asked for anew. `total` counts that.
    Topics,
    /// Events were collected, and a checkpoint written. `total` counts events.
    Events,
    /// Memberships were evaluated. `total` counts entered and exited.
    Memberships,
    /// A sync ran. `total` counts runs.
    Syncs,
    /// A definition file changed on disk. `total` counts changes.
    Definitions,
    /// Long work started, moved or ended.
    Activity,
}

/// One column of a table of rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Column {
    pub name: String,
    /// As SQL names it: `BIGINT`, `DOUBLE`, `VARCHAR`, `TIMESTAMP`, `BOOLEAN`, `STRUCT`, `LIST`.
    pub data_type: String,
    /// Whether it is right-aligned.
    pub numeric: bool,
}

/// Rows of cells; a null is `null`, everything else its text as SQL prints it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Rows {
    pub columns: Vec<Column>,
    pub rows: Vec<Vec<Option<String>>>,
    /// Rows in all, of which this is a page.
    pub total: u64,
}

/// A chart drawn in Rust. `svg` is a whole `<svg>` element.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Chart {
    pub svg: String,
}

/// How a chart shall be drawn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ChartStyle {
    pub width: u32,
    pub height: u32,
    pub dark: bool,
}

/// A file that was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct FileWritten {
    pub path: String,
    pub bytes: u64,
    pub rows: u64,
}
