//! Formats: bytes to Arrow, and to text for a person.

pub mod json;
mod records;
mod text;

pub use records::{DecodedBatch, RecordDecoder};
pub use text::{Described, Format, describe, detect, preview, problem, text_of};
