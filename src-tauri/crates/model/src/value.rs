//! A value as a definition writes it: a literal of TOML or JSON.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// A literal. Numbers are 64-bit floats: integers are exact up to 2^53.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(untagged)]
pub enum Value {
    Bool(bool),
    Number(f64),
    Text(String),
    List(Vec<Value>),
}

impl Value {
    /// The value as a person reads it: `pro`, `3`, `shoes, bags`.
    pub fn display(&self) -> String {
        match self {
            Self::Bool(value) => value.to_string(),
            Self::Number(value) => value.to_string(),
            Self::Text(value) => value.clone(),
            Self::List(values) => values.iter().map(Self::display).collect::<Vec<_>>().join(", "),
        }
    }
}
