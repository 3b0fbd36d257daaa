//! Kafka Connect: the connectors of a Connect cluster and their tasks, through the REST API of one of its workers.
//! <https://kafka.apache.org/documentation/#connect_rest>
//!
//! Invariants: no secret of a connector's settings leaves this folder, be it in the settings, in a trace or in an error;
//! whoever only looks sends only `GET`.

mod client;
mod config;
#[cfg(test)]
mod tests;

pub use client::ConnectClient;
pub use config::{ConnectSettings, MASKED, address};
