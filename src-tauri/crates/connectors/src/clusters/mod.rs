//! Clusters: where topics are.

mod aws;
pub mod connect;
pub mod kafka;
pub mod sandbox;
