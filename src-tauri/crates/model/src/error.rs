//! The one error that crosses a boundary (engine to app, app to window or terminal).
//!
//! `message` is one sentence for a person: what went wrong, where (file and line, topic, table, offset) and what to do.
//! `code` is stable and machine readable. `domain` says who can mend it, `retry` whether trying again may help.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Who can mend the error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Domain {
    /// The person: a wrong name, a wrong definition, a wrong query.
    User,
    /// Another system: a broker, a database, a vendor.
    External,
    /// Tailrace itself.
    Internal,
}

/// See the module's text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    pub domain: Domain,
    /// Whether the same call may succeed later with nothing changed by the person.
    pub retry: bool,
    /// Stable, snake_case: `unknown_topic`, `sql_syntax`, `workspace_locked`, ...
    pub code: String,
    pub message: String,
    /// Where in a text the error lies, when it lies in one (SQL or a definition file).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub position: Option<Box<Position>>,
    /// The file or folder that the error is about as a whole, absolute: a workspace that can't be opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub path: Option<Box<str>>,
}

/// A place in a text: `line` and `column` count from 1. `file` is relative to the workspace when it is in one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Position {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub file: Option<String>,
    pub line: u32,
    pub column: u32,
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What libraries say in their own terms, and how a person reads it.
const TERMS: [(&str, &str); 6] = [
    ("expected ident at", "an unknown word stands at"),
    ("expected value at", "no value stands at"),
    ("EOF while parsing a value at", "it ends too soon, at"),
    ("EOF while parsing a string at", "it ends within a text, at"),
    ("EOF while parsing an object at", "it ends within an object, at"),
    ("EOF while parsing a list at", "it ends within a list, at"),
];

/// A sentence without the numbers of the operating system's errors and the terms of parsers.
pub fn plain_words(text: String) -> String {
    const NUMBER: &str = " (os error ";
    let mut text = text;
    while let Some(from) = text.find(NUMBER) {
        let rest = &text[from + NUMBER.len()..];
        let digits = rest.len() - rest.trim_start_matches(|sign: char| sign.is_ascii_digit()).len();
        if digits == 0 || !rest[digits..].starts_with(')') {
            break;
        }
        text.replace_range(from..from + NUMBER.len() + digits + 1, "");
    }
    for (term, words) in TERMS {
        if text.contains(term) {
            text = text.replace(term, words);
        }
    }
    text
}

impl Error {
    fn new(domain: Domain, retry: bool, code: &str, message: impl Into<String>) -> Self {
        Self {
            domain,
            retry,
            code: code.to_owned(),
            message: plain_words(message.into()),
            position: None,
            path: None,
        }
    }

    /// The person has to change something.
    pub fn user(code: &str, message: impl Into<String>) -> Self {
        Self::new(Domain::User, false, code, message)
    }

    /// Another system failed, and the same call may succeed later.
    pub fn external(code: &str, message: impl Into<String>) -> Self {
        Self::new(Domain::External, true, code, message)
    }

    /// Another system refused for good (authorisation, a constraint): trying again is no use.
    pub fn refused(code: &str, message: impl Into<String>) -> Self {
        Self::new(Domain::External, false, code, message)
    }

    /// A fault of Tailrace.
    pub fn internal(code: &str, message: impl Into<String>) -> Self {
        Self::new(Domain::Internal, false, code, message)
    }

    /// Places the error in a text.
    pub fn at(mut self, file: Option<&str>, line: u32, column: u32) -> Self {
        self.position = Some(Box::new(Position {
            file: file.map(str::to_owned),
            line,
            column,
        }));
        self
    }

    /// Says which file or folder the error is about.
    pub fn about(mut self, path: impl AsRef<std::path::Path>) -> Self {
        self.path = Some(path.as_ref().to_string_lossy().into());
        self
    }

    /// Adds what the caller knows in front of the sentence: `audience "pro": ...`.
    pub fn context(mut self, what: impl std::fmt::Display) -> Self {
        self.message = format!("{what}: {}", self.message);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_speak_plainly() {
        let check = |given: &str, expected: &str| assert_eq!(Error::user("x", given).message, expected);
        check(
            "a.csv can't be read (No such file or directory (os error 2)): look",
            "a.csv can't be read (No such file or directory): look",
        );
        check(
            "line 3: expected ident at line 1 column 2",
            "line 3: an unknown word stands at line 1 column 2",
        );
        check("an (os error of its own", "an (os error of its own");
        check("it holds", "it holds");
    }
}
