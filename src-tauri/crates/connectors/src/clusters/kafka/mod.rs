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
mod lag;
mod native;
mod near;
mod problem;
mod produce;
mod record;
#[cfg(test)]
mod sandbox_tests;
mod tail;
#[cfg(test)]
mod tests;

pub use admin::{GroupDescription, GroupMember};
pub use client::{KafkaClient, TopicPartition, Watermarks};
pub use connection::test_connection;
pub use lag::{GroupSample, LagSampler};
pub use produce::OutRecord;
pub use record::RawRecord;
pub use tail::{
    RawBatch, RawColumns, Sieve, Tail, TailFrom, TailLimits, TailPhase, TailPlan, TailProgress, TailRange,
    TailSpec, TailWatch, raw_schema,
};
