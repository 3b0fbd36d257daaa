//! Clusters: where topics are.

pub mod kafka;
pub mod sandbox;
