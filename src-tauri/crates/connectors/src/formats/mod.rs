//! Formats: bytes to JSON, to Arrow, and to text for a person.
//!
//! Values of every format become JSON text ([`Transcoder`]); what is behind reads JSON alone.

mod avro;
mod cbor;
mod csv;
mod detect;
mod encode;
mod format;
mod framing;
mod internal;
pub mod json;
mod json_schema;
mod messagepack;
mod protobuf;
mod records;
pub mod registry;
mod schemas;
mod table;
mod text;
mod transcode;
#[cfg(test)]
mod transcode_tests;
mod view;
mod write;

pub use avro::AvroSchema;
pub use detect::{Detected, Frame, detect, detect_values, frame};
pub use encode::{Encoder, Misfit};
pub use format::{Format, FormatSettings};
pub use framing::Framing;
pub use json_schema::JsonSchema;
pub use protobuf::ProtobufSchema;
pub use records::{DecodedBatch, RecordDecoder};
pub use table::{TableColumn, TableDecoder};
pub use text::{Described, describe, preview, problem, text_of};
pub use transcode::{Problem, Transcoded, Transcoder};
pub use view::{PROBLEM, RecordView, VALUE_BYTES, Viewed};
