//! What a record must have so that a predicate can hold on it: enough to pass over most records of a search without
//! decoding them.
//!
//! Invariant: a need is necessary and never sufficient: a record that does not meet it does not satisfy the predicate,
//! one that does is decoded and asked.

/// See the module's text.
#[derive(Debug, Clone, PartialEq)]
pub enum Need {
    /// Nothing is known: every record may hold.
    Any,
    All(Vec<Need>),
    OneOf(Vec<Need>),
    /// A field of this name, wherever it is in the value, that is not null.
    Present {
        name: String,
    },
    /// A field of this name that is a number between these, or something else that is not null.
    Number {
        name: String,
        at_least: Option<f64>,
        at_most: Option<f64>,
    },
    /// A field of this name that is one of these texts (which can't be read as numbers or as true and false).
    Text {
        name: String,
        texts: Vec<String>,
    },
    /// The key is one of these texts.
    Key {
        texts: Vec<String>,
    },
    /// A place or time between these, both included.
    Place {
        column: Place,
        at_least: i64,
        at_most: i64,
    },
}

/// The columns that say where and when a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Partition,
    Offset,
    /// In milliseconds.
    Timestamp,
}

impl Need {
    /// All of these; what says nothing is left out.
    pub fn all(needs: impl IntoIterator<Item = Self>) -> Self {
        let mut kept: Vec<Self> = Vec::new();
        for need in needs {
            match need {
                Self::Any => {}
                Self::All(more) => kept.extend(more),
                need => kept.push(need),
            }
        }
        match kept.len() {
            0 => Self::Any,
            1 => kept.swap_remove(0),
            _ => Self::All(kept),
        }
    }

    /// One of these; a single one that says nothing makes all say nothing.
    pub fn one_of(needs: impl IntoIterator<Item = Self>) -> Self {
        let mut kept = Vec::new();
        for need in needs {
            match need {
                Self::Any => return Self::Any,
                Self::OneOf(more) => kept.extend(more),
                need => kept.push(need),
            }
        }
        match kept.len() {
            1 => kept.swap_remove(0),
            _ => Self::OneOf(kept),
        }
    }
}
