//! Columns being filled, row after row, from the fields of JSON objects.
//!
//! Invariant: rows come in order; what a row has got can be taken back until the next one begins.

use std::sync::Arc;

use arrow::{
    array::{
        ArrayRef, BooleanArray, BooleanBufferBuilder, Float64Array, Int64Array, StringArray, StructArray,
    },
    buffer::{NullBuffer, OffsetBuffer, ScalarBuffer},
    datatypes::Fields as ArrowFields,
};
use tailrace_model::{Error, Result};

use super::{
    fields::{Fields, Kind},
    scan::{Scanner, Wrong, unescape},
};

/// Integers that a float holds exactly.
pub(super) const EXACT: f64 = 9_007_199_254_740_992.0;

/// The columns of an object's fields, by name.
pub(super) struct Columns {
    list: Vec<(String, Column)>,
}

enum Column {
    Bool {
        values: BooleanBufferBuilder,
        valid: BooleanBufferBuilder,
    },
    Int64 {
        values: Vec<i64>,
        valid: BooleanBufferBuilder,
    },
    Float64 {
        values: Vec<f64>,
        valid: BooleanBufferBuilder,
    },
    Text {
        values: Texts,
        valid: BooleanBufferBuilder,
        takes: Takes,
    },
    Struct {
        columns: Columns,
        fields: ArrowFields,
        valid: BooleanBufferBuilder,
    },
}

/// Which values a column of texts takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Takes {
    Texts,
    /// As their JSON text.
    Everything,
    /// Texts as they are, the rest as its JSON text.
    Either,
}

fn unset(rows: usize) -> BooleanBufferBuilder {
    let mut bits = BooleanBufferBuilder::new(rows);
    bits.append_n(rows, false);
    bits
}

impl Columns {
    pub fn new(fields: &Fields, rows: usize) -> Self {
        let column = |kind: &Kind| match kind {
            Kind::Bool => Column::Bool {
                values: unset(rows),
                valid: unset(rows),
            },
            Kind::Int64 => Column::Int64 {
                values: vec![0; rows],
                valid: unset(rows),
            },
            Kind::Float64 => Column::Float64 {
                values: vec![0.0; rows],
                valid: unset(rows),
            },
            Kind::Utf8 => Column::Text {
                values: Texts::new(rows),
                valid: unset(rows),
                takes: Takes::Texts,
            },
            Kind::Any => Column::Text {
                values: Texts::new(rows),
                valid: unset(rows),
                takes: Takes::Either,
            },
            Kind::Json => Column::Text {
                values: Texts::new(rows),
                valid: unset(rows),
                takes: Takes::Everything,
            },
            Kind::Struct(within) => Column::Struct {
                columns: Self::new(within, rows),
                fields: within.arrow(),
                valid: unset(rows),
            },
        };
        Self {
            list: fields
                .list
                .iter()
                .map(|field| (field.name.clone(), column(&field.kind)))
                .collect(),
        }
    }

    #[inline]
    fn find(&self, name: &str, guess: usize) -> Option<usize> {
        if self.list.get(guess).is_some_and(|(known, _)| known == name) {
            return Some(guess);
        }
        self.list.iter().position(|(known, _)| known == name)
    }

    /// Takes back what the row has got.
    #[cold]
    pub fn clear(&mut self, row: usize) {
        for (_, column) in &mut self.list {
            column.clear(row);
        }
    }

    pub fn finish(self, fields: &ArrowFields, rows: usize, nulls: Option<NullBuffer>) -> Result<StructArray> {
        if self.list.is_empty() {
            return Ok(StructArray::new_empty_fields(rows, nulls));
        }
        let columns = self
            .list
            .into_iter()
            .map(|(_, column)| column.finish(rows))
            .collect::<Result<_>>()?;
        StructArray::try_new(fields.clone(), columns, nulls).map_err(|error| wrong(&error))
    }
}

fn wrong(error: &arrow::error::ArrowError) -> Error {
    Error::internal("arrow", format!("decoding JSON: {error}"))
}

impl Column {
    #[inline]
    fn value(
        &mut self,
        scanner: &mut Scanner<'_>,
        row: usize,
        mistyped: &mut u64,
    ) -> std::result::Result<(), Wrong> {
        let first = scanner.peek();
        let set = match self {
            Self::Int64 { values, valid } if is_number(first) => {
                let (text, integer) = scanner.number()?;
                let value = integer_of(text, integer);
                values[row] = value.unwrap_or(0);
                valid.set_bit(row, value.is_some());
                value.is_some()
            }
            Self::Float64 { values, valid } if is_number(first) => {
                let value = scanner
                    .number()?
                    .0
                    .parse::<f64>()
                    .ok()
                    .filter(|value| value.is_finite());
                values[row] = value.unwrap_or(0.0);
                valid.set_bit(row, value.is_some());
                value.is_some()
            }
            Self::Text {
                values,
                valid,
                takes: Takes::Texts | Takes::Either,
            } if first == b'"' => {
                let (text, escaped) = scanner.raw_string()?;
                if escaped {
                    values.set(row, &unescape(text));
                } else {
                    values.set(row, text);
                }
                valid.set_bit(row, true);
                true
            }
            Self::Text {
                values,
                valid,
                takes: Takes::Everything | Takes::Either,
            } if first != b'n' => {
                values.set(row, scanner.raw()?);
                valid.set_bit(row, true);
                true
            }
            Self::Bool { values, valid } if first == b't' || first == b'f' => {
                scanner.skip()?;
                values.set_bit(row, first == b't');
                valid.set_bit(row, true);
                true
            }
            Self::Struct { columns, valid, .. } if first == b'{' => {
                if valid.get_bit(row) {
                    columns.clear(row);
                }
                valid.set_bit(row, true);
                return object(scanner, columns, row, mistyped);
            }
            other => {
                scanner.skip()?;
                other.clear(row);
                first == b'n'
            }
        };
        *mistyped += u64::from(!set);
        Ok(())
    }

    fn clear(&mut self, row: usize) {
        match self {
            Self::Bool { valid, .. } => valid.set_bit(row, false),
            Self::Int64 { values, valid } => {
                values[row] = 0;
                valid.set_bit(row, false);
            }
            Self::Float64 { values, valid } => {
                values[row] = 0.0;
                valid.set_bit(row, false);
            }
            Self::Text { values, valid, .. } => {
                values.clear(row);
                valid.set_bit(row, false);
            }
            Self::Struct { columns, valid, .. } => {
                valid.set_bit(row, false);
                columns.clear(row);
            }
        }
    }

    fn finish(self, rows: usize) -> Result<ArrayRef> {
        let nulls = |mut valid: BooleanBufferBuilder| {
            Some(NullBuffer::new(valid.finish())).filter(|nulls| nulls.null_count() > 0)
        };
        Ok(match self {
            Self::Bool { mut values, valid } => Arc::new(BooleanArray::new(values.finish(), nulls(valid))),
            Self::Int64 { values, valid } => Arc::new(Int64Array::new(values.into(), nulls(valid))),
            Self::Float64 { values, valid } => Arc::new(Float64Array::new(values.into(), nulls(valid))),
            Self::Text { values, valid, .. } => Arc::new(values.finish(rows, nulls(valid))?),
            Self::Struct {
                columns,
                fields,
                valid,
            } => Arc::new(columns.finish(&fields, rows, nulls(valid))?),
        })
    }
}

#[inline]
fn is_number(first: u8) -> bool {
    first == b'-' || first.is_ascii_digit()
}

/// `3`, and also `3.0` and `3e2`: JSON has but one kind of number.
#[inline]
fn integer_of(text: &str, integer: bool) -> Option<i64> {
    if integer {
        return text.parse().ok();
    }
    let value: f64 = text.parse().ok()?;
    (value.fract() == 0.0 && value.abs() <= EXACT).then_some(value as i64)
}

/// Texts of rows that come in order; rows may be left out, and the last may be replaced.
struct Texts {
    data: Vec<u8>,
    /// Where the rows so far begin, and where the last ends.
    offsets: Vec<i32>,
}

impl Texts {
    fn new(rows: usize) -> Self {
        let mut offsets = Vec::with_capacity(rows + 1);
        offsets.push(0);
        Self {
            data: Vec::new(),
            offsets,
        }
    }

    fn end(&self) -> i32 {
        // A batch of values has less than 2 GiB, and no text here is longer than the value that it was in.
        i32::try_from(self.data.len()).unwrap_or(i32::MAX)
    }

    #[inline]
    fn set(&mut self, row: usize, text: &str) {
        self.clear(row);
        let end = self.end();
        while self.offsets.len() <= row {
            self.offsets.push(end);
        }
        self.data.extend_from_slice(text.as_bytes());
        self.offsets.push(self.end());
    }

    #[inline]
    fn clear(&mut self, row: usize) {
        if self.offsets.len() == row + 2 {
            self.offsets.pop();
            self.data
                .truncate(usize::try_from(self.offsets[row]).unwrap_or(0));
        }
    }

    fn finish(mut self, rows: usize, nulls: Option<NullBuffer>) -> Result<StringArray> {
        let end = self.end();
        self.offsets.resize(rows + 1, end);
        let offsets = OffsetBuffer::new(ScalarBuffer::from(self.offsets));
        StringArray::try_new(offsets, self.data.into(), nulls).map_err(|error| wrong(&error))
    }
}

/// Takes an object: its fields that have a column are set, the others skipped.
pub(super) fn object(
    scanner: &mut Scanner<'_>,
    columns: &mut Columns,
    row: usize,
    mistyped: &mut u64,
) -> std::result::Result<(), Wrong> {
    scanner.expect(b'{', "it is not an object")?;
    scanner.space();
    if scanner.take(b'}') {
        return Ok(());
    }
    // Objects mostly have the same names in the same order.
    let mut next = 0;
    loop {
        let (name, escaped) = scanner.raw_string()?;
        scanner.space();
        scanner.expect(b':', "a colon was expected after a name")?;
        scanner.space();
        let found = if escaped {
            columns.find(&unescape(name), next)
        } else {
            columns.find(name, next)
        };
        match found {
            Some(at) => {
                next = at + 1;
                columns.list[at].1.value(scanner, row, mistyped)?;
            }
            None => scanner.skip()?,
        }
        scanner.space();
        if scanner.take(b'}') {
            return Ok(());
        }
        scanner.expect(b',', "a comma or an end was expected")?;
        scanner.space();
    }
}
