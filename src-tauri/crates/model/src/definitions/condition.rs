//! What a condition means. The universe is every profile; a window `(T - span, T]` ends at the time of evaluation `T`
//! and is exact to the millisecond.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::{Span, Value};

/// A tree of conditions. In TOML: `condition.all = [...]`, `{ performed = { event = "...", ... } }`, ...
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// True when every one is; true when empty.
    All(Vec<Condition>),
    /// True when at least one is; false when empty.
    Any(Vec<Condition>),
    Not(Box<Condition>),
    Performed(Performed),
    /// A column of a warehouse table, in the row (or rows: any of them) of the profile.
    Attribute(AttributeCondition),
    Trait(TraitCondition),
    /// Membership of another audience, by name.
    InAudience(String),
    /// A SQL predicate over the columns of `profiles`.
    Sql(String),
}

/// Compares an aggregate over the profile's events with a value. A count of zero is a count.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct Performed {
    pub event: String,
    #[serde(default)]
    pub aggregate: Aggregate,
    /// The property aggregated; not for `count`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub property: Option<String>,
    pub op: NumberOperator,
    pub value: f64,
    #[serde(default, rename = "where", skip_serializing_if = "Vec::is_empty")]
    pub filter: Vec<PropertyCondition>,
    /// Absent: all of history.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub window: Option<Span>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Aggregate {
    #[default]
    Count,
    Sum,
    Min,
    Max,
    Avg,
    Distinct,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
pub enum NumberOperator {
    #[serde(rename = "=")]
    Equal,
    #[serde(rename = "!=")]
    NotEqual,
    #[serde(rename = "<")]
    Less,
    #[serde(rename = "<=")]
    LessOrEqual,
    #[serde(rename = ">")]
    Greater,
    #[serde(rename = ">=")]
    GreaterOrEqual,
}

/// Operators over a property, a column or a trait. Text is compared with its case; a null satisfies only `null`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
pub enum Operator {
    #[serde(rename = "=")]
    Equal,
    #[serde(rename = "!=")]
    NotEqual,
    #[serde(rename = "<")]
    Less,
    #[serde(rename = "<=")]
    LessOrEqual,
    #[serde(rename = ">")]
    Greater,
    #[serde(rename = ">=")]
    GreaterOrEqual,
    /// The value is a list.
    #[serde(rename = "in")]
    In,
    /// The value is a list of two: both ends included.
    #[serde(rename = "between")]
    Between,
    #[serde(rename = "contains")]
    Contains,
    #[serde(rename = "starts")]
    Starts,
    #[serde(rename = "ends")]
    Ends,
    /// A regular expression (the syntax of Rust's `regex`), found anywhere in the text.
    #[serde(rename = "matches")]
    Matches,
    #[serde(rename = "exists")]
    Exists,
    #[serde(rename = "null")]
    Null,
}

impl Operator {
    /// Whether the operator stands alone, without a value.
    pub fn is_unary(self) -> bool {
        matches!(self, Self::Exists | Self::Null)
    }
}

/// A comparison of an event's property.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct PropertyCondition {
    pub property: String,
    pub op: Operator,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub value: Option<Value>,
}

/// A comparison of a warehouse column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct AttributeCondition {
    /// `warehouse.table`.
    pub table: String,
    pub column: String,
    pub op: Operator,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub value: Option<Value>,
}

/// A comparison of a trait (computed, SQL, or learnt from `identify`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct TraitCondition {
    pub name: String,
    pub op: Operator,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub value: Option<Value>,
}
