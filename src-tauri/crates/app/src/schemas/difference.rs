//! What two schemas do not have in common: by line of their texts, and by field.

use std::collections::BTreeMap;

use tailrace_connectors::formats::registry::{NewSchema, OutlineField, SchemaKind, outline};
use tailrace_model::Result;
use tailrace_model::api::{DifferenceChange, DifferenceRow, FieldDifference, SchemaDifference};

use super::lines::{Run, runs};

/// The fields of a schema; `None` where they cannot be told.
pub type Fields = Option<Vec<OutlineField>>;

pub fn fields(kind: SchemaKind, text: &str, references: &[(String, String)]) -> Fields {
    outline(kind, text, references).ok()
}

/// Says why a new text is no schema.
pub fn outlined(schema: &NewSchema, references: &[(String, String)]) -> Result<()> {
    outline(schema.kind, &schema.text, references).map(|_| ())
}

pub fn difference(left: (&str, Fields), right: (&str, Fields)) -> SchemaDifference {
    let (a, b): (Vec<&str>, Vec<&str>) = (left.0.lines().collect(), right.0.lines().collect());
    let (mut rows, mut added, mut removed) = (Vec::new(), 0, 0);
    for run in runs(&a, &b) {
        match run {
            Run::Same { left, right } => {
                rows.extend(
                    left.zip(right)
                        .map(|(x, y)| row(DifferenceChange::Same, Some((x, a[x])), Some((y, "")))),
                );
            }
            Run::Changed { left, right } => {
                removed += left.len() as u32;
                added += right.len() as u32;
                beside(&a, &b, left, right, &mut rows);
            }
        }
    }
    SchemaDifference {
        rows,
        added,
        removed,
        fields: left.1.zip(right.1).map(|(left, right)| by_field(left, right)),
    }
}

/// Removed lines beside the lines that came for them.
fn beside(
    a: &[&str],
    b: &[&str],
    left: std::ops::Range<usize>,
    right: std::ops::Range<usize>,
    rows: &mut Vec<DifferenceRow>,
) {
    for step in 0..left.len().max(right.len()) {
        let at = |of: &std::ops::Range<usize>| Some(of.start + step).filter(|at| *at < of.end);
        let (x, y) = (at(&left), at(&right));
        let change = match (x, y) {
            (Some(_), Some(_)) => DifferenceChange::Changed,
            (Some(_), None) => DifferenceChange::Removed,
            _ => DifferenceChange::Added,
        };
        rows.push(row(change, x.map(|x| (x, a[x])), y.map(|y| (y, b[y]))));
    }
}

fn row(change: DifferenceChange, left: Option<(usize, &str)>, right: Option<(usize, &str)>) -> DifferenceRow {
    let number = |at: Option<(usize, &str)>| at.and_then(|(at, _)| u32::try_from(at + 1).ok());
    DifferenceRow {
        change,
        left_line: number(left),
        left: left.map(|(_, text)| text.to_owned()),
        right_line: number(right),
        right: right
            .filter(|_| change != DifferenceChange::Same)
            .map(|(_, text)| text.to_owned()),
    }
}

/// In the order of the right side; what is gone comes last.
fn by_field(left: Vec<OutlineField>, right: Vec<OutlineField>) -> Vec<FieldDifference> {
    let mut before: BTreeMap<String, String> =
        left.iter().map(|it| (it.path.clone(), it.what.clone())).collect();
    let mut found = Vec::new();
    for field in right {
        let left = before.remove(&field.path);
        let change = match &left {
            None => DifferenceChange::Added,
            Some(left) if *left == field.what => continue,
            Some(_) => DifferenceChange::Changed,
        };
        found.push(FieldDifference {
            path: field.path,
            change,
            left,
            right: Some(field.what),
        });
    }
    let gone = left.into_iter().filter(|it| before.contains_key(&it.path));
    found.extend(gone.map(|it| FieldDifference {
        path: it.path,
        change: DifferenceChange::Removed,
        left: Some(it.what),
        right: None,
    }));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn avro(fields: &str) -> String {
        let text = format!(r#"{{"type":"record","name":"R","fields":[{fields}]}}"#);
        tailrace_connectors::formats::json::pretty(&text).unwrap()
    }

    fn of(text: &str) -> (&str, Fields) {
        (text, fields(SchemaKind::Avro, text, &[]))
    }

    #[test]
    fn fields_and_lines() {
        let left = avro(r#"{"name":"id","type":"int"},{"name":"old","type":"string"}"#);
        let right =
            avro(r#"{"name":"id","type":"long"},{"name":"new","type":["null","string"],"default":null}"#);
        let found = difference(of(&left), of(&right));
        let told: Vec<_> = found.fields.unwrap();
        let told: Vec<(&str, DifferenceChange)> =
            told.iter().map(|it| (it.path.as_str(), it.change)).collect();
        assert_eq!(
            told,
            [
                ("id", DifferenceChange::Changed),
                ("new", DifferenceChange::Added),
                ("old", DifferenceChange::Removed)
            ]
        );
        // Both texts are there, whole.
        let side = |of: fn(&DifferenceRow) -> Option<&String>| {
            found.rows.iter().filter_map(of).cloned().collect::<Vec<_>>()
        };
        assert_eq!(side(|row| row.left.as_ref()), left.lines().collect::<Vec<_>>());
        let right_side = side(|row| {
            row.right
                .as_ref()
                .or(row.left.as_ref().filter(|_| row.change == DifferenceChange::Same))
        });
        assert_eq!(right_side, right.lines().collect::<Vec<_>>());
        assert_eq!(
            found.rows.last().unwrap().right_line,
            u32::try_from(right.lines().count()).ok()
        );
        assert!(
            found.added >= 3 && found.removed >= 2,
            "{} {}",
            found.added,
            found.removed
        );
    }

    #[test]
    fn the_same_twice_is_no_difference() {
        let text = avro(r#"{"name":"id","type":"int"}"#);
        let found = difference(of(&text), of(&text));
        assert_eq!(
            (found.added, found.removed, found.fields.map(|it| it.len())),
            (0, 0, Some(0))
        );
        assert!(difference(of("{"), of(&text)).fields.is_none());
    }
}
