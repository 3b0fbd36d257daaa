//! Subjects of a cluster's schema registry: versions, differences, what may follow them.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::ChangeLine;

/// The language of a schema.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum SchemaType {
    #[default]
    Avro,
    Protobuf,
    /// JSON Schema.
    Json,
}

/// Where a schema uses another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct SchemaLink {
    /// As the schema names it: a type in Avro, a file in Protobuf, a URL in JSON Schema.
    pub name: String,
    pub subject: String,
    pub version: i32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct SubjectListRequest {
    pub cluster: String,
    /// Asks for each subject, too. Without: names alone, at once.
    #[serde(default)]
    pub details: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct SubjectList {
    pub cluster: String,
    /// The registry's address.
    pub url: String,
    /// What every subject keeps to that has no level of its own: `BACKWARD`, ... Absent: the registry does not say.
    pub level: Option<String>,
    /// By name.
    pub subjects: Vec<SubjectSummary>,
    /// What is not known and why, a sentence each.
    pub missing: Vec<String>,
}

/// A subject. What was not asked for, or not answered, is absent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct SubjectSummary {
    pub subject: String,
    /// Of the latest version.
    pub schema_type: Option<SchemaType>,
    pub versions: Option<u32>,
    pub latest: Option<i32>,
    /// The schema's id, of the latest version.
    pub id: Option<u32>,
    pub references: Option<u32>,
    /// What a new version has to keep to.
    pub level: Option<String>,
    /// The level is the registry's own: none is set for the subject, or the same.
    pub level_is_global: Option<bool>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct SubjectRequest {
    pub cluster: String,
    pub subject: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct SubjectDetail {
    pub summary: SubjectSummary,
    /// The registry's own level.
    pub global_level: Option<String>,
    /// The oldest first.
    pub versions: Vec<i32>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct SchemaRequest {
    pub cluster: String,
    pub subject: String,
    /// Absent: the latest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub version: Option<i32>,
}

/// One version of a subject.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct SchemaVersion {
    pub subject: String,
    pub version: i32,
    pub id: u32,
    pub schema_type: SchemaType,
    /// Indented; Protobuf as it was registered.
    pub text: String,
    pub references: Vec<SchemaLink>,
    /// Versions of subjects that use this one. Absent: the registry does not say.
    pub referenced_by: Option<Vec<SchemaUseOf>>,
}

/// A version of a subject.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, TS)]
pub struct SchemaUseOf {
    pub subject: String,
    pub version: i32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct SchemaCompareRequest {
    pub cluster: String,
    pub left: SchemaUseOf,
    pub right: SchemaUseOf,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct SchemaComparison {
    pub left: SchemaVersion,
    pub right: SchemaVersion,
    pub difference: SchemaDifference,
}

/// What two schemas do not have in common.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct SchemaDifference {
    /// Both texts, line by line beside each other.
    pub rows: Vec<DifferenceRow>,
    /// Lines.
    pub added: u32,
    pub removed: u32,
    /// Fields that are only on one side, or of another type. Absent: one of the schemas could not be read.
    pub fields: Option<Vec<FieldDifference>>,
}

/// A line on the left, on the right, or on both sides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct DifferenceRow {
    pub change: DifferenceChange,
    /// Counted from 1.
    pub left_line: Option<u32>,
    pub left: Option<String>,
    pub right_line: Option<u32>,
    /// Absent where `change` is `same`: it is as on the left.
    pub right: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum DifferenceChange {
    Same,
    Added,
    Removed,
    /// One line for another.
    Changed,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct FieldDifference {
    /// `address.street`, `items[].price`, `Order.id`.
    pub path: String,
    pub change: DifferenceChange,
    /// Its type and what else is said of it; absent: it is not there.
    pub left: Option<String>,
    pub right: Option<String>,
}

/// A schema that is not registered yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct SchemaText {
    /// Absent: as the latest version of the subject; without one: found out from the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub schema_type: Option<SchemaType>,
    pub text: String,
    /// Absent: those of the latest version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub references: Option<Vec<SchemaLink>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct SchemaCheckRequest {
    pub cluster: String,
    pub subject: String,
    pub schema: SchemaText,
    /// Against every version, not the latest alone.
    #[serde(default)]
    pub all: bool,
}

/// Whether a schema may be the next version, as the registry judges.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct SchemaCheck {
    pub subject: String,
    pub schema_type: SchemaType,
    pub level: Option<String>,
    pub level_is_global: Option<bool>,
    /// With every version that it was checked against.
    pub compatible: bool,
    /// The newest first; none: the subject is new, and anything may be its first version.
    pub versions: Vec<SchemaVerdict>,
    /// The version that this schema is already.
    pub registered: Option<i32>,
    /// From the latest version to this schema.
    pub difference: Option<SchemaDifference>,
    /// What was not checked, or means less than it seems, a sentence each.
    pub notes: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct SchemaVerdict {
    pub version: i32,
    pub compatible: bool,
    /// As the registry says; it may give none.
    pub reasons: Vec<String>,
}

/// The text of a file on this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct SchemaFileRequest {
    pub path: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct SchemaFile {
    pub name: String,
    pub text: String,
    /// By the file's ending; absent: it does not say.
    pub schema_type: Option<SchemaType>,
}

/// A change of the registry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum SchemaChange {
    /// A schema becomes the next version.
    Register { subject: String, schema: SchemaText },
    SetLevel {
        /// Absent: the registry's own.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[ts(optional = nullable)]
        subject: Option<String>,
        /// Absent: the subject's own goes, and the registry's own holds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[ts(optional = nullable)]
        level: Option<String>,
    },
    /// A version, or the subject with all of them.
    Delete {
        subject: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[ts(optional = nullable)]
        version: Option<i32>,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct SchemaChangeRequest {
    pub cluster: String,
    pub change: SchemaChange,
}

/// What a change would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct SchemaChangePreview {
    /// As a question.
    pub title: String,
    pub lines: Vec<ChangeLine>,
    /// What should be known before, a sentence each.
    pub warnings: Vec<String>,
    /// Something is lost.
    pub destructive: bool,
    pub nothing: bool,
    /// The change with everything resolved: apply this.
    pub change: SchemaChange,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct SchemaChanged {
    /// What was done, as a sentence.
    pub done: String,
}
