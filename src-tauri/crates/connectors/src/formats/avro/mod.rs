//! Avro's binary encoding as JSON: <https://avro.apache.org/docs/1.12.0/specification/>.
//!
//! Values of a union are written as they are, without the name of their branch, so that a field has one path whatever
//! branch it is of. Bytes are base64, decimals numbers with every digit, times RFC 3339.

mod decimal;
mod decode;
mod encode;
mod schema;
#[cfg(test)]
mod tests;

pub use schema::AvroSchema;
