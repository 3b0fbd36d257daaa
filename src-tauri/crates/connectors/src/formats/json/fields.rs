//! The fields of JSON objects and their types, as a tree.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field as ArrowField, Fields as ArrowFields};
use tailrace_model::api::Column;

/// The fields of an object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fields {
    pub list: Vec<Field>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    pub name: String,
    pub kind: Kind,
    /// Values that had it and where it was not null.
    pub count: u64,
}

/// What a field holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    Bool,
    Int64,
    Float64,
    Utf8,
    /// Lists, and objects nested deeper than is looked at: their JSON text.
    Json,
    /// Text as it is, anything else as its JSON text: of a field that was asked for and not seen.
    Any,
    Struct(Fields),
}

/// A field that is no object itself, by the names that lead to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldPath {
    pub path: Vec<String>,
    pub kind: Kind,
    pub count: u64,
}

impl Fields {
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub fn get(&self, name: &str) -> Option<&Field> {
        self.list.iter().find(|field| field.name == name)
    }

    /// The kind of the field at this path.
    pub fn find(&self, path: &[impl AsRef<str>]) -> Option<&Kind> {
        let (first, rest) = path.split_first()?;
        let kind = &self.get(first.as_ref())?.kind;
        match kind {
            _ if rest.is_empty() => Some(kind),
            Kind::Struct(fields) => fields.find(rest),
            _ => None,
        }
    }

    /// Every field that is no object, the most frequent first.
    pub fn paths(&self) -> Vec<FieldPath> {
        let mut paths = Vec::new();
        self.collect(&mut Vec::new(), &mut paths);
        paths.sort_by_key(|path: &FieldPath| std::cmp::Reverse(path.count));
        paths
    }

    fn collect(&self, prefix: &mut Vec<String>, into: &mut Vec<FieldPath>) {
        for field in &self.list {
            prefix.push(field.name.clone());
            match &field.kind {
                Kind::Struct(fields) => fields.collect(prefix, into),
                kind => into.push(FieldPath {
                    path: prefix.clone(),
                    kind: kind.clone(),
                    count: field.count,
                }),
            }
            prefix.pop();
        }
    }

    /// Only the fields at these paths; one that leads to an object selects all of it. Unknown paths are left out.
    pub fn select<P: AsRef<[S]>, S: AsRef<str>>(&self, paths: &[P]) -> Self {
        let paths: Vec<Vec<&str>> = paths
            .iter()
            .map(|path| path.as_ref().iter().map(AsRef::as_ref).collect())
            .collect();
        self.select_from(&paths.iter().map(Vec::as_slice).collect::<Vec<_>>())
    }

    fn select_from(&self, paths: &[&[&str]]) -> Self {
        let list = self.list.iter().filter_map(|field| {
            let rests: Vec<&[&str]> = paths
                .iter()
                .filter_map(|path| {
                    path.split_first()
                        .filter(|(first, _)| **first == field.name)
                        .map(|(_, rest)| rest)
                })
                .collect();
            if rests.is_empty() {
                return None;
            }
            let kind = match &field.kind {
                whole if rests.iter().any(|rest| rest.is_empty()) => whole.clone(),
                Kind::Struct(fields) => {
                    let within = fields.select_from(&rests);
                    if within.is_empty() {
                        return None;
                    }
                    Kind::Struct(within)
                }
                _ => return None,
            };
            Some(Field {
                name: field.name.clone(),
                kind,
                count: field.count,
            })
        });
        Self { list: list.collect() }
    }

    /// Adds a field that was not seen yet (a filter names it): it is null until it comes. `false` when something else
    /// stands in its way.
    pub fn require(&mut self, path: &[impl AsRef<str>], kind: Kind) -> bool {
        let Some((first, rest)) = path.split_first() else {
            return false;
        };
        let name = first.as_ref();
        let at = self.list.iter().position(|field| field.name == name);
        match (at, rest.is_empty()) {
            (Some(_), true) => true,
            (Some(at), false) => match &mut self.list[at].kind {
                Kind::Struct(fields) => fields.require(rest, kind),
                _ => false,
            },
            (None, last) => {
                let mut within = Self::default();
                if !last && !within.require(rest, kind.clone()) {
                    return false;
                }
                let kind = if last { kind } else { Kind::Struct(within) };
                self.list.push(Field {
                    name: name.to_owned(),
                    kind,
                    count: 0,
                });
                true
            }
        }
    }

    /// Gives a field that is there another kind.
    pub fn set(&mut self, path: &[impl AsRef<str>], kind: Kind) {
        let Some((first, rest)) = path.split_first() else {
            return;
        };
        let Some(field) = self.list.iter_mut().find(|field| field.name == first.as_ref()) else {
            return;
        };
        match &mut field.kind {
            found if rest.is_empty() => *found = kind,
            Kind::Struct(within) => within.set(rest, kind),
            _ => {}
        }
    }

    /// Columns for a table, a field each, named `a.b`, the most frequent first.
    pub fn columns(&self) -> Vec<Column> {
        let column = |path: FieldPath| {
            let (data_type, numeric) = path.kind.sql();
            Column {
                name: path.path.join("."),
                data_type: data_type.to_owned(),
                numeric,
            }
        };
        self.paths().into_iter().map(column).collect()
    }

    pub(crate) fn arrow(&self) -> ArrowFields {
        let field = |field: &Field| Arc::new(ArrowField::new(&field.name, field.kind.arrow(), true));
        self.list.iter().map(field).collect()
    }

    /// The type of the column `value`.
    pub fn data_type(&self) -> DataType {
        DataType::Struct(self.arrow())
    }
}

impl Kind {
    pub(crate) fn arrow(&self) -> DataType {
        match self {
            Self::Bool => DataType::Boolean,
            Self::Int64 => DataType::Int64,
            Self::Float64 => DataType::Float64,
            Self::Utf8 | Self::Json | Self::Any => DataType::Utf8,
            Self::Struct(fields) => fields.data_type(),
        }
    }

    /// As SQL names it, and whether it is a number.
    pub fn sql(&self) -> (&'static str, bool) {
        match self {
            Self::Bool => ("BOOLEAN", false),
            Self::Int64 => ("BIGINT", true),
            Self::Float64 => ("DOUBLE", true),
            Self::Utf8 | Self::Any => ("VARCHAR", false),
            Self::Json => ("LIST", false),
            Self::Struct(_) => ("STRUCT", false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(name: &str, kind: Kind, count: u64) -> Field {
        Field {
            name: name.into(),
            kind,
            count,
        }
    }

    fn sample() -> Fields {
        let inner = Fields {
            list: vec![field("x", Kind::Int64, 2), field("y", Kind::Json, 9)],
        };
        Fields {
            list: vec![
                field("a", Kind::Utf8, 3),
                field("b", Kind::Struct(inner), 9),
                field("c", Kind::Bool, 5),
            ],
        }
    }

    #[test]
    fn paths_come_most_frequent_first() {
        let names: Vec<String> = sample().columns().into_iter().map(|column| column.name).collect();
        assert_eq!(names, ["b.y", "c", "a", "b.x"]);
    }

    #[test]
    fn selections() {
        let check = |paths: &[&[&str]], expected: &[&str]| {
            let names: Vec<String> = sample()
                .select(paths)
                .columns()
                .into_iter()
                .map(|column| column.name)
                .collect();
            assert_eq!(names, expected, "{paths:?}");
        };
        check(&[&["a"]], &["a"]);
        check(&[&["b", "x"], &["c"]], &["c", "b.x"]);
        check(&[&["b"]], &["b.y", "b.x"]);
        check(&[&["nothing"], &["a", "deeper"], &["b", "z"]], &[]);
    }

    #[test]
    fn fields_not_seen_can_be_required() {
        let mut fields = sample();
        assert!(fields.require(&["b", "z", "w"], Kind::Float64));
        assert!(fields.require(&["a"], Kind::Int64));
        assert!(!fields.require(&["a", "b"], Kind::Int64));
        assert_eq!(fields.find(&["b", "z", "w"]), Some(&Kind::Float64));
        assert_eq!(fields.find(&["a"]), Some(&Kind::Utf8));
    }
}
