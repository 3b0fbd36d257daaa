use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::Span;

/// `[registry]` of a cluster: a schema registry that speaks Confluent's protocol.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct RegistryDefinition {
    /// `http://` or `https://`; a path before the API's own is kept.
    pub url: String,
    /// With `password`: basic authentication.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub user: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub password: Option<String>,
    /// Bearer authentication.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub token: Option<String>,
    /// Certificates in PEM that are trusted beside the machine's own; absent: the cluster's `ssl.ca.location`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub ca: Option<String>,
    /// For mutual TLS, with `key`: files in PEM, the key in PKCS #8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub certificate: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub key: Option<String>,
}

/// `[topics.NAME]` of a cluster: how the records of a topic are read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields, default)]
pub struct TopicFormats {
    /// Absent: found out from the records.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub key: Option<FormatDefinition>,
    /// Absent: found out from the records.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub value: Option<FormatDefinition>,
    /// How far the time of a record may be behind that of an earlier one, where producers set the times. A query for times
    /// reads on for so long after the last; absent: to the end of the topic, because any record may be late.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub lateness: Option<Span>,
}

/// What keys or values are written in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct FormatDefinition {
    /// `json`, `registry`, `avro`, `protobuf`, ...: a name of the command `format_list`.
    pub format: String,
    /// `plain`, `confluent` or `glue`: what stands before the payload. Absent: what is usual for the format.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub framing: Option<String>,
    /// The file of the schema, in the workspace: Avro's JSON, or Protobuf's text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub schema: Option<String>,
    /// Of Protobuf, instead of a text: a file that `protoc --descriptor_set_out` wrote, in the workspace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub descriptor_set: Option<String>,
    /// The full name of the Protobuf message that each value is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub message: Option<String>,
    /// Of CSV: one character.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub delimiter: Option<String>,
    /// Names of CSV's fields. Absent: `c1`, `c2`, ...
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[ts(optional, as = "Option<Vec<String>>")]
    pub header: Vec<String>,
}

impl FormatDefinition {
    /// A format that needs nothing beside its name.
    pub fn named(format: impl Into<String>) -> Self {
        Self {
            format: format.into(),
            framing: None,
            schema: None,
            descriptor_set: None,
            message: None,
            delimiter: None,
            header: Vec::new(),
        }
    }
}
