//! Reading a definition from TOML, with an error that tells a person where and what: `file:line:column: sentence`.
//!
//! The TOML reader's and serde's own messages are turned into sentences; what is not known here is passed on as it
//! stands, with its place.

use std::ops::Range;

use serde::de::DeserializeOwned;
use tailrace_model::{Error, Result};
use toml_edit::{Document, TableLike};

use super::{
    files::line_column,
    locate::{Place, places},
};

/// Reads one definition. `file` is relative to the workspace.
pub(super) fn parse<T: DeserializeOwned>(file: &str, text: &str) -> Result<T> {
    let document = Document::parse(text).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start);
        problem(file, text, offset, "definition_syntax", &syntax(error.message()))
    })?;
    toml::from_str::<T>(text).map_err(|error| {
        let span = error.span().unwrap_or_default();
        let place = place_of(document.as_table(), &span);
        let (path, key) = place.as_ref().map_or(("", ""), |place| (&place.path, &place.key));
        let sentence = sentence(error.message(), path, key, text.get(span.clone()));
        problem(file, text, span.start, "definition_invalid", &sentence)
    })
}

/// A problem of a definition file: the message opens with the place.
pub(super) fn problem(file: &str, text: &str, offset: usize, code: &str, sentence: &str) -> Error {
    let (line, column) = line_column(text, offset);
    Error::user(code, format!("{file}:{line}:{column}: {sentence}")).at(Some(file), line, column)
}

fn syntax(message: &str) -> String {
    if message == "duplicate key" {
        return "this key is already set above: keep one of the two".to_owned();
    }
    if message.starts_with("string values must be quoted") {
        return "not valid TOML: a value is missing here, or a text is without its quotes".to_owned();
    }
    let message = message.replace('`', "");
    format!("not valid TOML: {message}")
}

pub(super) fn sentence(message: &str, path: &str, key: &str, written: Option<&str>) -> String {
    let names = quoted(message);
    if message.starts_with("unknown field ") {
        return unknown_key(&names);
    }
    if message.starts_with("unknown variant ") {
        return unknown_variant(&names, path, key);
    }
    if let Some(name) = message.strip_prefix("missing field ") {
        let name = name.trim_matches('`');
        let place = if path.is_empty() {
            String::new()
        } else {
            format!(" in {path}")
        };
        return format!("the key \"{name}\" is missing{place}: add it");
    }
    if let Some(rest) = message
        .strip_prefix("invalid type: ")
        .or(message.strip_prefix("invalid value: "))
    {
        return wrong_type(rest, path, key);
    }
    if message.starts_with("data did not match any variant of untagged enum Value") {
        return format!(
            "{} must be text, a number, true, false, or a list of these",
            or_value(path)
        );
    }
    if message.starts_with("wanted exactly 1 element") {
        let found = if written.is_some_and(|text| text.contains('=')) {
            "more than one"
        } else {
            "none"
        };
        return format!("a condition has exactly one of {CONDITIONS}; this one has {found}");
    }
    if message == "wanted string or table" {
        return format!(
            "{} must be a table such as {{ performed = {{ ... }} }}",
            or_value(path)
        );
    }
    message.to_owned()
}

const CONDITIONS: &str = "all, any, not, performed, attribute, trait, in_audience, sql";

fn unknown_key(names: &[&str]) -> String {
    let Some((unknown, known)) = names.split_first() else {
        return "there is a key that is not known here".to_owned();
    };
    match nearest(unknown, known.iter().copied()) {
        Some(near) => format!("the key \"{unknown}\" is not known here: did you mean \"{near}\"?"),
        None if known.is_empty() => format!("the key \"{unknown}\" is not known here: remove it"),
        None => format!(
            "the key \"{unknown}\" is not known here: the keys are {}",
            known.join(", ")
        ),
    }
}

fn unknown_variant(names: &[&str], path: &str, key: &str) -> String {
    let Some((unknown, known)) = names.split_first() else {
        return format!("{} is not one of the values", or_value(path));
    };
    let known_list = known.join(", ");
    // The name of a condition is a key of its table: then the path ends with it.
    if known_list == CONDITIONS {
        return match nearest(unknown, known.iter().copied()) {
            Some(near) => format!("\"{unknown}\" is no condition: did you mean \"{near}\"?"),
            None => format!("\"{unknown}\" is no condition: write one of {CONDITIONS}"),
        };
    }
    let key = if key.is_empty() { "this" } else { key };
    match nearest(unknown, known.iter().copied()) {
        Some(near) => format!(
            "{key} can't be \"{unknown}\": did you mean \"{near}\"? It may be {}",
            alternatives(known)
        ),
        None => format!("{key} can't be \"{unknown}\": it may be {}", alternatives(known)),
    }
}

fn alternatives(known: &[&str]) -> String {
    let known: Vec<String> = known.iter().map(|name| format!("\"{name}\"")).collect();
    match known.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    }
}

/// `string "yes", expected a boolean` becomes `read_only must be true or false, not the text "yes"`.
fn wrong_type(rest: &str, path: &str, key: &str) -> String {
    let (found, expected) = rest.rsplit_once(", expected ").unwrap_or((rest, ""));
    if expected == "newtype variant" {
        return format!(
            "{} must be a table such as {{ performed = {{ ... }} }}",
            or_value(path)
        );
    }
    if found == "map" && expected == "a string" && path.starts_with("properties.") {
        return format!("a property's name with dots is written in quotes: \"{key}.…\" = \"...\"");
    }
    let expected = match expected {
        "a boolean" => "true or false",
        "a string" => "text in quotes",
        "f64" => "a number",
        "u64" | "u32" | "u16" | "usize" => "a whole number of 0 or more",
        "i64" | "i32" => "a whole number",
        "a sequence" => "a list in [ ]",
        "a map" => "a table",
        other if other.starts_with("struct ") => "a table",
        other => other,
    };
    let found = match found {
        "map" => "a table".to_owned(),
        "sequence" => "a list".to_owned(),
        other => other
            .replacen("string ", "the text ", 1)
            .replacen("boolean ", "", 1)
            .replace("integer ", "")
            .replace("floating point ", "")
            .replace('`', ""),
    };
    format!("{} must be {expected}, not {found}", or_value(path))
}

fn or_value(path: &str) -> &str {
    if path.is_empty() { "the value" } else { path }
}

/// The parts of a message between back quotes.
fn quoted(message: &str) -> Vec<&str> {
    message.split('`').skip(1).step_by(2).collect()
}

/// The name that was probably meant, if one is near enough.
pub(crate) fn nearest<'a>(written: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // Of a word of one or two signs, every other is near.
    if written.chars().count() < 3 {
        return None;
    }
    let allowed = (written.chars().count() / 3).clamp(1, 3);
    known
        .map(|name| (distance(written, name), name))
        .filter(|(far, _)| *far <= allowed)
        .min()
        .map(|(_, name)| name)
}

/// Insertions, deletions, replacements and swaps of neighbours that turn one word into the other.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (
        a.to_lowercase().chars().collect(),
        b.to_lowercase().chars().collect(),
    );
    let mut rows = vec![vec![0_usize; b.len() + 1]; a.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    for (j, cell) in rows[0].iter_mut().enumerate() {
        *cell = j;
    }
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            let changed = usize::from(a[i - 1] != b[j - 1]);
            let mut best = (rows[i - 1][j] + 1)
                .min(rows[i][j - 1] + 1)
                .min(rows[i - 1][j - 1] + changed);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = best;
        }
    }
    rows[a.len()][b.len()]
}

/// The smallest value that holds a span.
fn place_of(root: &dyn TableLike, span: &Range<usize>) -> Option<Place> {
    places(root)
        .into_iter()
        .filter(|place| place.span.start <= span.start && span.end <= place.span.end)
        .min_by_key(|place| place.span.len())
}
