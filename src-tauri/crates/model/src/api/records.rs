//! How records are read: formats, schemas, bytes, and what two of them do not have in common.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::RecordRequest;
use crate::{FormatDefinition, TopicFormats};

/// What keys or values are read as.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct FormatUsed {
    pub definition: FormatDefinition,
    /// As a person calls it.
    pub label: String,
    /// Found out from the records, not chosen.
    pub detected: bool,
}

/// A format that records can be read as.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct FormatSummary {
    pub name: String,
    /// As a person calls it.
    pub label: String,
    /// Takes the file of a schema, or names its schemas to a registry.
    pub schema: bool,
}

/// Remembers how a topic is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct TopicFormatsRequest {
    pub cluster: String,
    pub topic: String,
    /// What is absent is found out from the records again.
    pub formats: TopicFormats,
}

/// The schema that a record names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct RecordSchema {
    /// As the registry counts them.
    pub id: u32,
    /// `Avro`, `Protobuf`, `JSON Schema`; absent: the registry did not say.
    pub kind: Option<String>,
    pub text: Option<String>,
    /// `orders-value, version 3`.
    pub uses: Vec<String>,
    pub problem: Option<String>,
}

/// A part of the bytes of a key or of a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct RecordBytesRequest {
    pub cluster: String,
    pub topic: String,
    pub partition: i32,
    pub offset: i64,
    /// Of the key, not of the value.
    #[serde(default)]
    pub key: bool,
    pub first: u64,
    /// At most [`crate::limits::RECORD_BYTES_PAGE_MAX`].
    pub limit: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct RecordBytes {
    /// Two digits a byte.
    pub hex: String,
    pub total: u64,
}

/// A part of a value as text, for one that is too large to be handed over at once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct RecordTextRequest {
    pub record: RecordRequest,
    /// A byte of the text; a character that it cuts is begun anew.
    pub first: u64,
    /// At most [`crate::limits::RECORD_TEXT_BYTES_MAX`].
    pub limit: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct RecordText {
    pub text: String,
    /// Where it begins, and where what follows begins, in bytes.
    pub first: u64,
    pub next: u64,
    pub total: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct RecordCompareRequest {
    pub left: RecordRequest,
    pub right: RecordRequest,
}

/// What two records do not have in common.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct RecordDifferences {
    /// At most [`crate::limits::DIFFERENCES_MAX`], in the order of the left record.
    pub differences: Vec<RecordDifference>,
    pub total: u64,
    /// Fields that are the same.
    pub same: u64,
}

/// A field, as JSON on both sides; absent: it is not there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct RecordDifference {
    /// `value.items[2].price`, `key`, `header trace-id`.
    pub path: String,
    pub left: Option<String>,
    pub right: Option<String>,
}
