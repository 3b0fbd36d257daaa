//! Apache Kafka and whatever speaks its protocol, through librdkafka.
//!
//! Invariants: every call that asks the cluster has a time limit and none of them blocks the async runtime; librdkafka
//! writes nothing to the terminal, what it says becomes the reason in an error ([`context`]); unsafe code is in [`ffi`]
//! alone; a tail never joins a consumer group and commits nothing.

#![deny(unsafe_code)]

mod admin;
mod client;
mod config;
mod connection;
mod context;
#[allow(
    unsafe_code,
    reason = "the only module that speaks to librdkafka's C interface"
)]
mod ffi;
pub mod import;
mod lag;
mod login;
mod native;
mod near;
mod problem;
mod record;
#[cfg(test)]
mod sandbox_tests;
mod stretch;
mod tail;
#[cfg(test)]
mod tests;
mod topics;
mod wire;
mod writer;

pub use admin::{GroupDescription, GroupMember};
pub use client::{ClusterMarks, KafkaClient, TopicMarks, TopicPartition, Watermarks};
pub use config::check as check_properties;
pub use connection::test_connection;
pub use lag::{GroupSample, LagSampler};
pub use login::with_auth;
pub use record::RawRecord;
pub use tail::{
    MarkState, RawBatch, RawColumns, Sieve, Tail, TailFrom, TailLimits, TailMark, TailPhase, TailPlan,
    TailProgress, TailRange, TailSpec, TailWatch, raw_schema,
};
pub use topics::{ClusterShape, NewTopic};
pub use wire::BrokerLogs;
pub use writer::{Fate, OutRecord, Writer};
