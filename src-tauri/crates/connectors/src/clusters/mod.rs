//! Clusters: where topics are.

pub mod connect;
pub mod kafka;
pub mod sandbox;
