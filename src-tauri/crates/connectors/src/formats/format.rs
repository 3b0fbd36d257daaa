//! Names of formats: what a key or a value is written in.
//!
//! Invariant: a format has one name, which stands in files, in the command line and in the window's requests.

use serde::{Deserialize, Serialize};
use tailrace_model::{Error, Result};

use super::framing::Framing;

/// What bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    Json,
    /// Whatever the schema registry says of the schema that the record names.
    Registry,
    Avro,
    Protobuf,
    /// JSON behind the header of a schema registry.
    JsonSchema,
    #[serde(rename = "messagepack")]
    MessagePack,
    Cbor,
    Csv,
    Text,
    /// Bytes, shown as hexadecimal.
    Hex,
    Int8,
    Int16,
    Int32,
    Int64,
    /// Values of `__consumer_offsets`, and its keys.
    ConsumerOffsets,
    ConsumerOffsetsKey,
    /// Values of `__transaction_state`, and its keys.
    TransactionState,
    TransactionStateKey,
}

impl Format {
    pub const ALL: [Self; 18] = [
        Self::Json,
        Self::Registry,
        Self::Avro,
        Self::Protobuf,
        Self::JsonSchema,
        Self::MessagePack,
        Self::Cbor,
        Self::Csv,
        Self::Text,
        Self::Hex,
        Self::Int8,
        Self::Int16,
        Self::Int32,
        Self::Int64,
        Self::ConsumerOffsets,
        Self::ConsumerOffsetsKey,
        Self::TransactionState,
        Self::TransactionStateKey,
    ];

    /// As it stands in a file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Registry => "registry",
            Self::Avro => "avro",
            Self::Protobuf => "protobuf",
            Self::JsonSchema => "json_schema",
            Self::MessagePack => "messagepack",
            Self::Cbor => "cbor",
            Self::Csv => "csv",
            Self::Text => "text",
            Self::Hex => "hex",
            Self::Int8 => "int8",
            Self::Int16 => "int16",
            Self::Int32 => "int32",
            Self::Int64 => "int64",
            Self::ConsumerOffsets => "consumer_offsets",
            Self::ConsumerOffsetsKey => "consumer_offsets_key",
            Self::TransactionState => "transaction_state",
            Self::TransactionStateKey => "transaction_state_key",
        }
    }

    /// As a person calls it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Json => "JSON",
            Self::Registry => "Schema registry",
            Self::Avro => "Avro",
            Self::Protobuf => "Protobuf",
            Self::JsonSchema => "JSON Schema",
            Self::MessagePack => "MessagePack",
            Self::Cbor => "CBOR",
            Self::Csv => "CSV",
            Self::Text => "Text",
            Self::Hex => "Hexadecimal",
            Self::Int8 => "Integer of 8 bits",
            Self::Int16 => "Integer of 16 bits",
            Self::Int32 => "Integer of 32 bits",
            Self::Int64 => "Integer of 64 bits",
            Self::ConsumerOffsets => "Consumer offsets",
            Self::ConsumerOffsetsKey => "Key of consumer offsets",
            Self::TransactionState => "Transaction state",
            Self::TransactionStateKey => "Key of transaction state",
        }
    }

    pub fn parse(name: &str) -> Result<Self> {
        Self::ALL
            .into_iter()
            .find(|format| format.name() == name)
            .ok_or_else(|| {
                let names: Vec<&str> = Self::ALL.into_iter().map(Self::name).collect();
                Error::user(
                    "unknown_format",
                    format!("there is no format `{name}`: use one of {}", names.join(", ")),
                )
            })
    }
}

/// A format and what it takes to read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormatSettings {
    pub format: Format,
    /// What stands before the payload. Absent: nothing where a schema is given here and for formats without schemas,
    /// else Confluent's header.
    pub framing: Option<Framing>,
    /// Of Avro the schema's JSON, of Protobuf the text of its file.
    pub schema: Option<String>,
    /// Of Protobuf, instead of a text.
    pub descriptor_set: Option<Vec<u8>>,
    /// The full name of the Protobuf message that each value is.
    pub message: Option<String>,
    /// Of CSV.
    pub delimiter: char,
    /// Names of CSV's fields.
    pub header: Vec<String>,
}

impl FormatSettings {
    pub fn new(format: Format) -> Self {
        Self {
            format,
            framing: None,
            schema: None,
            descriptor_set: None,
            message: None,
            delimiter: ',',
            header: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_in_files() {
        for format in Format::ALL {
            assert_eq!(Format::parse(format.name()).expect("its name"), format);
            let json = serde_json::to_value(format).expect("JSON");
            assert_eq!(json, format.name());
            assert_eq!(serde_json::from_value::<Format>(json).expect("its name"), format);
        }
        let error = Format::parse("xml").expect_err("unknown");
        assert!(error.message.starts_with("there is no format `xml`"), "{error}");
    }
}
