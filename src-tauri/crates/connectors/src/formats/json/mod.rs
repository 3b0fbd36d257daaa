//! JSON: the shape of values, learnt as they come, and the fields that were asked for as Arrow columns.

mod columns;
mod decode;
mod fields;
mod pretty;
pub(crate) mod scan;
mod shape;
#[cfg(test)]
pub(crate) mod values;

pub use decode::{Decoded, Decoder};
pub use fields::{Field, FieldPath, Fields, Kind};
pub use pretty::pretty;
pub use shape::{Shape, ShapeLimits};
