//! A file that always is the whole audience as it was last acknowledged.
//!
//! It is written beside its place under another name, synced to the disk and renamed, so that whoever reads it sees the
//! old audience or the new one and never a part. Rows are in the order of their keys: the same audience gives the same
//! bytes. The ending says the format: `.csv`, `.parquet`, `.json` (an array), `.jsonl` (an object a line).

mod config;
mod destination;
#[cfg(test)]
mod tests;
mod writer;

use tailrace_model::DestinationKind;

use super::Connector;

pub(super) const CONNECTOR: Connector = Connector {
    kind: DestinationKind::File,
    title: "File",
    settings: config::SETTINGS,
    options: config::OPTIONS,
    open: |settings, base| Ok(Box::new(destination::Files::open(settings, base)?)),
    place: destination::place,
};
