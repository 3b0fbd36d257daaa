//! Everything that speaks to another system, a folder each.
//!
//! Invariants: knows the model and nothing of the engine; what flows out of a source and into a destination is Arrow
//! record batches; no query is planned or run here.

pub mod clusters;
pub mod delivery;
pub mod destinations;
pub mod formats;
pub mod http;
pub mod warehouses;
