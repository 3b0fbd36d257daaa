//! Properties given back as they were sent: the inverse of what [`super::rows`] does.

use arrow::{
    array::{Array, ArrayRef, AsArray, RecordBatch, StringViewArray},
    compute::cast,
    datatypes::{DataType, Float64Type},
};
use tailrace_model::Error;

use super::schema;
use crate::events::{
    Cell,
    columns::{ColumnType, Columns, write_member},
    json,
};

pub(super) fn json_objects(columns: &Columns, batch: &RecordBatch) -> Result<Vec<String>, Error> {
    let rest = batch
        .column_by_name(schema::PROPERTIES_REST)
        .map(texts)
        .transpose()?;
    let mut values: Vec<(usize, &str, Values)> = Vec::new();
    for (field, array) in batch.schema_ref().fields().iter().zip(batch.columns()) {
        let Some(index) = columns.index_of(field.name()) else {
            continue;
        };
        let Some(row) = columns.rows().get(index) else {
            continue;
        };
        values.push((index, &row.property, Values::new(row.data_type, array)?));
    }
    let mut objects = Vec::with_capacity(batch.num_rows());
    for row in 0..batch.num_rows() {
        let rest = rest
            .as_ref()
            .filter(|rest| rest.is_valid(row))
            .map(|rest| rest.value(row));
        objects.push(object(columns, &values, rest, row)?);
    }
    Ok(objects)
}

fn object(
    columns: &Columns,
    values: &[(usize, &str, Values)],
    rest: Option<&str>,
    row: usize,
) -> Result<String, Error> {
    let mut hidden = Vec::new();
    let mut members = String::new();
    if let Some(rest) = rest {
        json::object(rest, |name, _| {
            hidden.extend(columns.find(&name).map(|found| found.position as usize));
            Ok::<_, json::NotJson>(())
        })
        .map_err(|fault| {
            Error::internal(
                "properties_rest",
                format!("properties_rest of an event is {}", fault.sentence()),
            )
        })?;
    }
    for (index, property, values) in values {
        if !hidden.contains(index)
            && let Some(cell) = values.cell(row)
        {
            write_member(property, &cell, &mut members);
        }
    }
    let inner = rest
        .and_then(|rest| rest.trim().strip_prefix('{')?.strip_suffix('}'))
        .unwrap_or_default();
    if !inner.is_empty() && !members.is_empty() {
        members.push(',');
    }
    Ok(format!("{{{members}{inner}}}"))
}

enum Values {
    Boolean(ArrayRef),
    Number(ArrayRef),
    Text(StringViewArray),
}

impl Values {
    fn new(data_type: ColumnType, array: &ArrayRef) -> Result<Self, Error> {
        Ok(match data_type {
            ColumnType::Boolean => Self::Boolean(converted(array, &DataType::Boolean)?),
            ColumnType::Number => Self::Number(converted(array, &DataType::Float64)?),
            ColumnType::Text => Self::Text(texts(array)?),
        })
    }

    fn cell(&self, row: usize) -> Option<Cell<'_>> {
        match self {
            Self::Boolean(array) => array
                .is_valid(row)
                .then(|| Cell::Bool(array.as_boolean().value(row))),
            Self::Number(array) => array
                .is_valid(row)
                .then(|| Cell::Number(array.as_primitive::<Float64Type>().value(row))),
            Self::Text(array) => array.is_valid(row).then(|| Cell::Text(array.value(row).into())),
        }
    }
}

/// A query may have made another form of text of it.
fn texts(array: &ArrayRef) -> Result<StringViewArray, Error> {
    Ok(converted(array, &DataType::Utf8View)?.as_string_view().clone())
}

fn converted(array: &ArrayRef, to: &DataType) -> Result<ArrayRef, Error> {
    if array.data_type() == to {
        return Ok(array.clone());
    }
    cast(array, to).map_err(|fault| {
        Error::internal(
            "properties_type",
            format!("a column of properties has another type than it was given: {fault}"),
        )
    })
}
