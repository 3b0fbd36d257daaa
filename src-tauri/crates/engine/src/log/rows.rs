//! Events that wait to be written, column by column.
//!
//! A property's column holds only the rows that have a value, so that an event costs what it carries and not what the
//! table is wide. Invariant (what gives properties back exactly): a column alone gives back the property as it was
//! first spelled; whatever it would not give back exactly stands in `properties_rest`, and a name there hides its
//! column.

use std::sync::Arc;

use arrow::{
    array::{
        ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringViewArray,
        TimestampMillisecondArray,
    },
    buffer::{BooleanBuffer, Buffer, NullBuffer},
    datatypes::{Field, Schema},
};
use tailrace_model::Error;

use super::{schema, text::Texts};
use crate::events::{
    Cell, Event,
    columns::{ColumnRow, Columns, Place, write_member},
    json,
};

/// Values of the rows that have one, in the order of rows.
#[derive(Debug, Clone)]
struct Sparse<T> {
    rows: Vec<u32>,
    values: Vec<T>,
}

impl<T> Default for Sparse<T> {
    fn default() -> Self {
        Self {
            rows: Vec::new(),
            values: Vec::new(),
        }
    }
}

impl<T: Copy + Default> Sparse<T> {
    fn push(&mut self, row: u32, value: T) {
        self.rows.push(row);
        self.values.push(value);
    }

    fn has(&self, row: u32) -> bool {
        self.rows.last() == Some(&row)
    }

    /// A value for every row, each at its new place, and which rows have one.
    fn scatter(&self, places: &[u32]) -> (Vec<T>, NullBuffer) {
        let mut values = vec![T::default(); places.len()];
        let mut valid = vec![false; places.len()];
        for (row, value) in self.rows.iter().zip(&self.values) {
            let place = places
                .get(*row as usize)
                .map_or(usize::MAX, |place| *place as usize);
            if let (Some(slot), Some(flag)) = (values.get_mut(place), valid.get_mut(place)) {
                *slot = *value;
                *flag = true;
            }
        }
        (values, NullBuffer::new(BooleanBuffer::from(valid)))
    }
}

#[derive(Debug)]
enum Column {
    Absent,
    Boolean(Sparse<bool>),
    Number(Sparse<f64>),
    Text(Sparse<u128>),
}

impl Column {
    fn of(cell: &Cell<'_>) -> Self {
        match cell {
            Cell::Bool(_) => Self::Boolean(Sparse::default()),
            Cell::Number(_) => Self::Number(Sparse::default()),
            Cell::Text(_) => Self::Text(Sparse::default()),
            // Never asked for: the registry gives nested values no column.
            Cell::Json(_) => Self::Absent,
        }
    }
}

/// See the module's text.
#[derive(Debug, Default)]
pub struct Rows {
    /// The origins of the events.
    origin_ids: Vec<i64>,
    timestamps: Vec<i64>,
    received: Vec<i64>,
    message_ids: Vec<u128>,
    types: Vec<u128>,
    events: Vec<u128>,
    sources: Vec<u128>,
    user_ids: Sparse<u128>,
    anonymous_ids: Sparse<u128>,
    identifiers: Sparse<u128>,
    contexts: Sparse<u128>,
    rests: Sparse<u128>,
    /// By the position of the column in the registry.
    columns: Vec<Option<Column>>,
    texts: Texts,
    cells: usize,
    source: (String, u128),
    /// When the events were collected, first and last.
    pub collected_ms: Option<(i64, i64)>,
    /// Of the event at hand; kept to save their memory.
    rest: String,
    places: Vec<Place>,
    hidden: Vec<usize>,
}

/// The bytes of a row's fixed columns, views and numbers together.
const ROW_BYTES: usize = 7 * 16;
/// The bytes of one value in a sparse column.
const CELL_BYTES: usize = 20;

impl Rows {
    pub fn len(&self) -> usize {
        self.origin_ids.len()
    }

    pub fn is_empty(&self) -> bool {
        self.origin_ids.is_empty()
    }

    /// Memory that they take, about.
    pub fn bytes(&self) -> usize {
        self.len() * ROW_BYTES + self.cells * CELL_BYTES + self.texts.bytes()
    }

    pub fn push(
        &mut self,
        source: &str,
        origin_id: i64,
        event: &Event<'_>,
        columns: &mut Columns,
        now_ms: i64,
    ) {
        let row = u32::try_from(self.len()).unwrap_or(u32::MAX);
        self.origin_ids.push(origin_id);
        self.timestamps.push(event.timestamp_ms);
        self.received.push(event.received_ms);
        self.message_ids.push(self.texts.push(&event.message_id));
        self.types.push(self.texts.push(event.kind.as_str()));
        self.events.push(self.texts.push(&event.event));
        if self.source.0 != source || row == 0 {
            self.source = (source.to_owned(), self.texts.push(source));
        }
        self.sources.push(self.source.1);
        let (from, to) = self.collected_ms.unwrap_or((now_ms, now_ms));
        self.collected_ms = Some((from.min(now_ms), to.max(now_ms)));
        self.push_identifiers(row, event);
        if let Some(context) = &event.context {
            self.contexts.push(row, self.texts.push(context));
        }
        self.push_properties(row, event, columns);
        self.cells += event.properties.len() + 4;
    }

    fn push_identifiers(&mut self, row: u32, event: &Event<'_>) {
        let mut others = String::new();
        for (place, identifier) in event.identifiers.iter().enumerate() {
            match identifier.kind.as_ref() {
                "user_id" if !self.user_ids.has(row) => {
                    self.user_ids.push(row, self.texts.push(&identifier.value));
                }
                "anonymous_id" if !self.anonymous_ids.has(row) => {
                    self.anonymous_ids.push(row, self.texts.push(&identifier.value));
                }
                kind => {
                    let same = |one: &&crate::events::EventIdentifier<'_>| one.kind == identifier.kind;
                    let first = event
                        .identifiers
                        .iter()
                        .position(|one| one.kind == identifier.kind);
                    let fixed = matches!(kind, "user_id" | "anonymous_id");
                    let values: Vec<_> = event
                        .identifiers
                        .iter()
                        .filter(same)
                        .skip(usize::from(fixed))
                        .map(|one| &one.value)
                        .collect();
                    // All of one kind are written at its first place.
                    if first.map(|first| first + usize::from(fixed)) == Some(place) {
                        write_identifier(kind, &values, &mut others);
                    }
                }
            }
        }
        if !others.is_empty() {
            self.identifiers
                .push(row, self.texts.push(&format!("{{{others}}}")));
        }
    }

    fn push_properties(&mut self, row: u32, event: &Event<'_>, columns: &mut Columns) {
        self.find_places(event, columns);
        self.rest.clear();
        for ((name, cell), place) in event.properties.iter().zip(&self.places) {
            let Place::Column { index, .. } = *place else {
                write_member(name, cell, &mut self.rest);
                continue;
            };
            if self.hidden.contains(&index) {
                write_member(name, cell, &mut self.rest);
            }
            if index >= self.columns.len() {
                self.columns.resize_with(index + 1, || None);
            }
            let Some(slot) = self.columns.get_mut(index) else {
                continue;
            };
            match (slot.get_or_insert_with(|| Column::of(cell)), cell) {
                (Column::Boolean(column), Cell::Bool(value)) if !column.has(row) => column.push(row, *value),
                (Column::Number(column), Cell::Number(value)) if !column.has(row) => column.push(row, *value),
                (Column::Text(column), Cell::Text(value)) if !column.has(row) => {
                    column.push(row, self.texts.push(value));
                }
                // Another spelling of the same name in the same event: the rest has both.
                _ => {}
            }
        }
        if !self.rest.is_empty() {
            self.rest.insert(0, '{');
            self.rest.push('}');
            self.rests.push(row, self.texts.push(&self.rest));
        }
    }

    /// Where each property goes, and which columns a name in the rest will hide.
    fn find_places(&mut self, event: &Event<'_>, columns: &mut Columns) {
        loop {
            let known = columns.len();
            self.places.clear();
            self.hidden.clear();
            for (name, cell) in &event.properties {
                let place = columns.place(name, cell);
                match place {
                    Place::Column { exact: true, .. } | Place::Rest { beside: None } => {}
                    Place::Column { index, exact: false } | Place::Rest { beside: Some(index) } => {
                        self.hidden.push(index);
                    }
                }
                self.places.push(place);
            }
            // A column made for a later property may be that of an earlier one's name: look again, once.
            if columns.len() == known {
                return;
            }
        }
    }

    /// The rows as a batch in the order of the log (profile, time, message id), and nothing but the columns that have
    /// values. `canonical` tells the profile that an origin belongs to.
    pub fn batch(&mut self, columns: &Columns, canonical: impl Fn(i64) -> i64) -> Result<RecordBatch, Error> {
        let profile_ids: Vec<i64> = self.origin_ids.iter().map(|id| canonical(*id)).collect();
        let order = self.order(&profile_ids);
        let mut places = vec![0u32; order.len()];
        for (place, row) in order.iter().enumerate() {
            if let Some(slot) = places.get_mut(*row as usize) {
                *slot = u32::try_from(place).unwrap_or(u32::MAX);
            }
        }
        let buffers = self.texts.buffers();
        let build = Build {
            order: &order,
            places: &places,
            buffers: &buffers,
        };
        let mut arrays: Vec<(Field, ArrayRef)> = Vec::new();
        for field in schema::fixed_fields() {
            let array: Option<ArrayRef> = match field.name().as_str() {
                schema::PROFILE_ID => Some(Arc::new(Int64Array::from(build.taken(&profile_ids)))),
                schema::TIMESTAMP => Some(build.times(&self.timestamps)),
                schema::RECEIVED_AT => Some(build.times(&self.received)),
                schema::MESSAGE_ID => Some(build.texts(&self.message_ids)?),
                schema::TYPE => Some(build.texts(&self.types)?),
                schema::EVENT => Some(build.texts(&self.events)?),
                schema::SOURCE => Some(build.texts(&self.sources)?),
                schema::USER_ID => build.sparse_texts(&self.user_ids)?,
                schema::ANONYMOUS_ID => build.sparse_texts(&self.anonymous_ids)?,
                schema::IDENTIFIERS => build.sparse_texts(&self.identifiers)?,
                schema::CONTEXT => build.sparse_texts(&self.contexts)?,
                schema::PROPERTIES_REST => build.sparse_texts(&self.rests)?,
                _ => None,
            };
            arrays.extend(array.map(|array| (field, array)));
        }
        if profile_ids != self.origin_ids {
            let origins = build.taken(&self.origin_ids).into_iter();
            let filed = build.taken(&profile_ids);
            let moved = origins
                .zip(filed)
                .map(|(origin, filed)| (origin != filed).then_some(origin));
            arrays.push((schema::origin_field(), Arc::new(moved.collect::<Int64Array>())));
        }
        for (column, row) in self.columns.iter().zip(columns.rows()) {
            if let Some(array) = column
                .as_ref()
                .map(|column| build.column(column))
                .transpose()?
                .flatten()
            {
                arrays.push((property_field(row), array));
            }
        }
        let (fields, arrays): (Vec<_>, Vec<_>) = arrays.into_iter().unzip();
        RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).map_err(broken)
    }

    fn order(&self, profile_ids: &[i64]) -> Vec<u32> {
        let mut keys: Vec<(i64, i64, u32)> = (0u32..)
            .zip(profile_ids.iter().zip(&self.timestamps))
            .map(|(row, (profile, timestamp))| (*profile, *timestamp, row))
            .collect();
        let message_id = |row: u32| {
            self.message_ids
                .get(row as usize)
                .map(|view| self.texts.get(*view))
        };
        keys.sort_unstable_by(|one, other| {
            (one.0, one.1)
                .cmp(&(other.0, other.1))
                .then_with(|| message_id(one.2).cmp(&message_id(other.2)))
        });
        keys.into_iter().map(|(.., row)| row).collect()
    }
}

/// The columns as they are made.
struct Build<'a> {
    /// The row that comes to each place.
    order: &'a [u32],
    /// The place that each row comes to.
    places: &'a [u32],
    buffers: &'a [Buffer],
}

impl Build<'_> {
    fn taken<T: Copy + Default>(&self, values: &[T]) -> Vec<T> {
        self.order
            .iter()
            .map(|row| values.get(*row as usize).copied().unwrap_or_default())
            .collect()
    }

    fn times(&self, values: &[i64]) -> ArrayRef {
        Arc::new(TimestampMillisecondArray::from(self.taken(values)).with_timezone("UTC"))
    }

    fn texts(&self, views: &[u128]) -> Result<ArrayRef, Error> {
        let array = StringViewArray::try_new(self.taken(views).into(), self.buffers.to_vec(), None);
        Ok(Arc::new(array.map_err(broken)?))
    }

    fn sparse_texts(&self, column: &Sparse<u128>) -> Result<Option<ArrayRef>, Error> {
        if column.rows.is_empty() {
            return Ok(None);
        }
        let (views, valid) = column.scatter(self.places);
        let array =
            StringViewArray::try_new(views.into(), self.buffers.to_vec(), Some(valid)).map_err(broken)?;
        Ok(Some(Arc::new(array)))
    }

    fn column(&self, column: &Column) -> Result<Option<ArrayRef>, Error> {
        match column {
            Column::Absent => Ok(None),
            Column::Text(column) => self.sparse_texts(column),
            Column::Number(column) => {
                let (values, valid) = column.scatter(self.places);
                Ok(Some(Arc::new(Float64Array::new(values.into(), Some(valid)))))
            }
            Column::Boolean(column) => {
                let (values, valid) = column.scatter(self.places);
                Ok(Some(Arc::new(BooleanArray::new(
                    BooleanBuffer::from(values),
                    Some(valid),
                ))))
            }
        }
    }
}

fn property_field(row: &ColumnRow) -> Field {
    Field::new(&row.column, row.data_type.data_type(), true)
}

fn broken(fault: arrow::error::ArrowError) -> Error {
    Error::internal(
        "event_log_rows",
        format!("the collected events cannot be made into columns: {fault}"),
    )
}

fn write_identifier(kind: &str, values: &[&std::borrow::Cow<'_, str>], out: &mut String) {
    if !out.is_empty() {
        out.push(',');
    }
    json::write_string(kind, out);
    out.push(':');
    match values {
        [one] => json::write_string(one, out),
        several => {
            for (place, value) in several.iter().enumerate() {
                out.push(if place == 0 { '[' } else { ',' });
                json::write_string(value, out);
            }
            out.push(']');
        }
    }
}
