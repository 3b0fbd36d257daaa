//! A table in PostgreSQL that holds the audience: upserts by key, and deletes of the keys that this sync wrote.
//!
//! One batch is one transaction. A table that is not there is made, with the key as its primary key and a comment that
//! names the sync; such a table also gains the columns that a mapping gains. A table that somebody else made is used as
//! it is, and what it lacks is said with the statement that adds it. Values are cast to the columns' own types.

mod client;
mod config;
mod destination;
mod sql;
#[cfg(test)]
mod tests;

use tailrace_model::DestinationKind;

use super::Connector;

pub(super) const CONNECTOR: Connector = Connector {
    kind: DestinationKind::Postgres,
    title: "PostgreSQL table",
    settings: config::SETTINGS,
    options: config::OPTIONS,
    open: |settings, _| Ok(Box::new(destination::Postgres::open(settings)?)),
    place: destination::place,
};
