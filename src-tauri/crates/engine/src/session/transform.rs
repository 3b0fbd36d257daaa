//! A source's transformation: `SELECT ... FROM events WHERE ...`, one event in, one event out, or none.
//!
//! Columns: `message_id`, `type`, `event`, `timestamp`, `received_at`, `user_id`, `anonymous_id`, `context` (JSON), and
//! every property under its own name; one that is called as a column above is `properties_NAME`. What a property or the
//! context nests is `address.zip`, `context.page.url`. What is selected is what the event has then, null is absent; the columns above stay as they are where they are not selected, so that no
//! event loses who it is of: `NULL AS user_id` takes that away. Bytes become hexadecimal.
//!
//! Invariants: it works on each event alone, whatever else is in its batch: a column is of the type that this event's own
//! property has, and one that it does not have is null. An event that the SQL fails on (a text that is no number) is told
//! with the reason and stops none of the others. An email that was an identifier goes, or changes, with its property.

use std::{borrow::Cow, collections::BTreeSet, sync::Arc};

use arrow::{
    array::{
        ArrayRef, AsArray, BooleanArray, Float64Array, Int32Array, NullArray, RecordBatch, StringArray,
        TimestampMillisecondArray,
    },
    datatypes::{DataType, Field, Int32Type, Schema, SchemaRef, TimeUnit},
};
use datafusion::sql::parser::Statement;
use rustc_hash::FxHashMap;
use tailrace_model::{Error, Result};
use xxhash_rust::xxh3::xxh3_128;

use super::{
    errors::translate,
    json::member,
    projection::{Stage, refused, run},
    statement,
    transform_text::{compile, nested_of, one_table},
};
use crate::events::{
    Cell, Event, EventIdentifier, EventKind, Malformed, json,
    projection::{Times, Values},
};

/// Which event of the group a row is.
const ROW: &str = "_row";
/// Of the field of a column whose texts are JSON.
const JSON: &str = "tailrace:json";
/// Shapes of events that are remembered with their compiled SQL.
const SHAPES_MAX: usize = 512;
/// What a nested place that the SQL names is called as a column.
pub(super) const NESTED: &str = "_.";
/// Columns that are no properties.
const FIXED: [&str; 8] = [
    "message_id",
    "type",
    "event",
    "timestamp",
    "received_at",
    "user_id",
    "anonymous_id",
    "context",
];
const PREFIX: &str = "properties_";

/// What became of an event.
#[derive(Debug, Clone, PartialEq)]
pub enum Transformed {
    Kept(Box<Event<'static>>),
    /// `WHERE` does not hold.
    LeftOut,
    /// The SQL fails on it, or makes no event of it.
    Failed(String),
}

/// See the module's text.
pub struct EventTransform {
    ast: Statement,
    /// The places within properties that it names: all but the first name are members of JSON.
    nested: Vec<Vec<String>>,
    shapes: FxHashMap<u128, Compiled>,
    key: Vec<u8>,
}

/// An event with what it has at the nested places.
struct Row<'a> {
    event: &'a Event<'a>,
    nested: Vec<Option<Cell<'a>>>,
}

struct Compiled {
    schema: SchemaRef,
    stages: Result<Vec<Stage>>,
}

impl EventTransform {
    /// Reads the SQL and refuses what is not a projection of one event.
    pub fn parse(sql: &str) -> Result<Self> {
        let ast = statement::parse(sql)?;
        if !statement::is_query(&ast) {
            return Err(refused("this statement"));
        }
        one_table(&ast)?;
        // Finds what is wrong with the text before the first event arrives.
        compile(&ast, &schema_of(&[], &[], &[]))?;
        Ok(Self {
            nested: nested_of(&ast),
            ast,
            shapes: FxHashMap::default(),
            key: Vec::new(),
        })
    }

    /// What becomes of each event, in their order.
    pub fn apply(&mut self, events: &[Event<'_>]) -> Vec<Transformed> {
        let mut groups: FxHashMap<u128, Vec<(usize, Row<'_>)>> = FxHashMap::default();
        for (index, event) in events.iter().enumerate() {
            let nested = self.nested.iter().map(|path| within(event, path)).collect();
            let row = Row { event, nested };
            groups.entry(self.shape(&row)).or_default().push((index, row));
        }
        let mut done: Vec<Transformed> = vec![Transformed::LeftOut; events.len()];
        for (shape, members) in groups {
            if self.shapes.len() >= SHAPES_MAX && !self.shapes.contains_key(&shape) {
                self.shapes.clear();
            }
            let (indices, group): (Vec<usize>, Vec<Row<'_>>) = members.into_iter().unzip();
            for (index, outcome) in indices.into_iter().zip(self.group(shape, &group)) {
                if let Some(slot) = done.get_mut(index) {
                    *slot = outcome;
                }
            }
        }
        done
    }

    /// The names and types of the properties of an event, and the types of the nested places, in one number.
    fn shape(&mut self, row: &Row<'_>) -> u128 {
        self.key.clear();
        for (name, cell) in &row.event.properties {
            self.key.extend_from_slice(name.as_bytes());
            self.key.extend_from_slice(&[0, kind_of(cell)]);
        }
        self.key.push(0);
        self.key.extend(row.nested.iter().map(nested_kind));
        xxh3_128(&self.key)
    }

    fn group(&mut self, shape: u128, events: &[Row<'_>]) -> Vec<Transformed> {
        let Some(first) = events.first() else {
            return Vec::new();
        };
        let (ast, nested) = (&self.ast, &self.nested);
        let compiled = self.shapes.entry(shape).or_insert_with(|| {
            let schema = schema_of(&first.event.properties, nested, &first.nested);
            Compiled {
                stages: compile(ast, &schema),
                schema,
            }
        });
        let stages = match &compiled.stages {
            Ok(stages) => stages,
            Err(error) => return vec![Transformed::Failed(failed(error)); events.len()],
        };
        match evaluate(stages, &compiled.schema, events) {
            Ok(outcomes) => outcomes,
            // One of them is to blame: each is asked by itself.
            Err(_) if events.len() > 1 => {
                let alone = |event| evaluate(stages, &compiled.schema, std::slice::from_ref(event));
                let alone = events.iter().map(|event| match alone(event) {
                    Ok(mut outcome) => outcome.pop().unwrap_or(Transformed::LeftOut),
                    Err(error) => Transformed::Failed(failed(&error)),
                });
                alone.collect()
            }
            Err(error) => vec![Transformed::Failed(failed(&error))],
        }
    }
}

fn failed(error: &Error) -> String {
    format!("the transformation fails on it: {}", error.message)
}

fn kind_of(cell: &Cell<'_>) -> u8 {
    match cell {
        Cell::Bool(_) => 1,
        Cell::Number(_) => 2,
        Cell::Text(_) => 3,
        Cell::Json(text) if text == "null" => 4,
        Cell::Json(_) => 5,
    }
}

fn column_name(property: &str) -> Cow<'_, str> {
    let taken = FIXED.contains(&property)
        || property.starts_with('_')
        || property
            .strip_prefix(PREFIX)
            .is_some_and(|rest| FIXED.contains(&rest));
    match taken {
        true => Cow::Owned(format!("{PREFIX}{property}")),
        false => Cow::Borrowed(property),
    }
}

fn property_name(column: &str) -> &str {
    let rest = column.strip_prefix(PREFIX);
    let taken = |rest: &&str| column_name(rest).len() == column.len();
    rest.filter(taken).unwrap_or(column)
}

/// Of what is not there it is that of null.
fn nested_kind(cell: &Option<Cell<'_>>) -> u8 {
    cell.as_ref().map_or(4, kind_of)
}

/// What an event has at a nested place; absent: nothing, or null.
fn within<'a>(event: &'a Event<'_>, path: &[String]) -> Option<Cell<'a>> {
    let (first, rest) = path.split_first()?;
    let text = match first.as_str() {
        "context" => event.context.as_deref(),
        name => event.properties.iter().find_map(|(there, cell)| match cell {
            Cell::Json(text) if column_name(there) == name => Some(text.as_ref()),
            _ => None,
        }),
    };
    let mut token = json::value(text?).ok()?;
    for name in rest {
        token = member(token, name)?;
    }
    Some(match token {
        json::Token::Null => return None,
        json::Token::Bool(value) => Cell::Bool(value),
        json::Token::Number(literal) => match json::number(literal) {
            Some(number) => Cell::Number(number),
            None => Cell::Json(Cow::Borrowed(literal)),
        },
        json::Token::Text(text) => Cell::Text(text),
        json::Token::Object(text) | json::Token::Array(text) => Cell::Json(Cow::Borrowed(text)),
    })
}

/// The column of a nested place.
pub(super) fn nested_name(path: &[String]) -> String {
    format!("{NESTED}{}", path.join("."))
}

/// The columns of events of one shape.
fn schema_of(
    properties: &[(Cow<'_, str>, Cell<'_>)],
    nested: &[Vec<String>],
    cells: &[Option<Cell<'_>>],
) -> SchemaRef {
    let time = || DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()));
    let mut fields = vec![
        Field::new("message_id", DataType::Utf8, true),
        Field::new("type", DataType::Utf8, true),
        Field::new("event", DataType::Utf8, true),
        Field::new("timestamp", time(), true),
        Field::new("received_at", time(), true),
        Field::new("user_id", DataType::Utf8, true),
        Field::new("anonymous_id", DataType::Utf8, true),
        json_field("context"),
    ];
    let typed = |name: String, kind: u8| match kind {
        1 => Field::new(name, DataType::Boolean, true),
        2 => Field::new(name, DataType::Float64, true),
        3 => Field::new(name, DataType::Utf8, true),
        4 => Field::new(name, DataType::Null, true),
        _ => json_field(name),
    };
    let own = properties
        .iter()
        .map(|(name, cell)| typed(column_name(name).into_owned(), kind_of(cell)));
    fields.extend(own);
    let cells = cells.iter().map(nested_kind).chain(std::iter::repeat(4));
    fields.extend(
        nested
            .iter()
            .zip(cells)
            .map(|(path, kind)| typed(nested_name(path), kind)),
    );
    Arc::new(Schema::new(fields))
}

fn json_field(name: impl Into<String>) -> Field {
    let metadata = [(JSON.to_owned(), String::new())].into();
    Field::new(name, DataType::Utf8, true).with_metadata(metadata)
}

fn batch_of(schema: &SchemaRef, events: &[Row<'_>]) -> Result<RecordBatch> {
    let texts = |of: fn(&Event<'_>) -> Option<String>| -> ArrayRef {
        Arc::new(StringArray::from_iter(events.iter().map(|row| of(row.event))))
    };
    let times = |of: fn(&Event<'_>) -> i64| -> ArrayRef {
        let times = events.iter().map(|row| Some(of(row.event)));
        Arc::new(TimestampMillisecondArray::from_iter(times).with_timezone("UTC"))
    };
    let mut columns = vec![
        texts(|event| Some(event.message_id.to_string())),
        texts(|event| Some(event.kind.as_str().to_owned())),
        texts(|event| Some(event.event.to_string())),
        times(|event| event.timestamp_ms),
        times(|event| event.received_ms),
        texts(|event| event.identifier("user_id").map(str::to_owned)),
        texts(|event| event.identifier("anonymous_id").map(str::to_owned)),
        texts(|event| event.context.as_ref().map(ToString::to_string)),
    ];
    for place in 0..schema.fields().len().saturating_sub(FIXED.len()) {
        let cells = events.iter().map(|row| {
            let properties = &row.event.properties;
            match properties.get(place) {
                Some((_, cell)) => Some(cell),
                None => row.nested.get(place - properties.len())?.as_ref(),
            }
        });
        columns.push(match schema.field(place + FIXED.len()).data_type() {
            DataType::Boolean => Arc::new(BooleanArray::from_iter(cells.map(|cell| match cell {
                Some(Cell::Bool(value)) => Some(*value),
                _ => None,
            }))) as ArrayRef,
            DataType::Float64 => Arc::new(Float64Array::from_iter(cells.map(|cell| match cell {
                Some(Cell::Number(value)) => Some(*value),
                _ => None,
            }))),
            DataType::Utf8 => Arc::new(StringArray::from_iter(cells.map(|cell| match cell {
                Some(Cell::Text(text) | Cell::Json(text)) => Some(text.as_ref()),
                _ => None,
            }))),
            _ => Arc::new(NullArray::new(events.len())),
        });
    }
    RecordBatch::try_new(Arc::clone(schema), columns).map_err(broken)
}

fn broken(fault: arrow::error::ArrowError) -> Error {
    Error::internal(
        "transformation",
        format!("the events cannot be transformed: {fault}"),
    )
}

fn evaluate(stages: &[Stage], schema: &SchemaRef, events: &[Row<'_>]) -> Result<Vec<Transformed>> {
    let mut batch = batch_of(schema, events)?;
    let count = i32::try_from(events.len()).unwrap_or(i32::MAX);
    let rows: ArrayRef = Arc::new(Int32Array::from_iter_values(0..count));
    let rows_schema = Schema::new(vec![Field::new(ROW, DataType::Int32, false)]);
    let mut rows = RecordBatch::try_new(Arc::new(rows_schema), vec![rows]).map_err(broken)?;
    for stage in stages {
        (batch, rows) = run(stage, batch, rows).map_err(|error| translate(&error, &[]))?;
    }
    let mut done = vec![Transformed::LeftOut; events.len()];
    let selected = Selected::new(&batch)?;
    for (place, row) in rows
        .column(0)
        .as_primitive::<Int32Type>()
        .values()
        .iter()
        .enumerate()
    {
        let row = usize::try_from(*row).unwrap_or(usize::MAX);
        if let (Some(slot), Some(row)) = (done.get_mut(row), events.get(row)) {
            *slot = match selected.event(place, row.event) {
                Ok(event) => Transformed::Kept(Box::new(event)),
                Err(Malformed { reason }) => Transformed::Failed(reason),
            };
        }
    }
    Ok(done)
}

/// The columns of the result by what they mean.
#[derive(Default)]
struct Selected<'a> {
    message_id: Option<Values<'a>>,
    kind: Option<Values<'a>>,
    event: Option<Values<'a>>,
    timestamp: Option<Times<'a>>,
    user_id: Option<Values<'a>>,
    anonymous_id: Option<Values<'a>>,
    context: Option<Values<'a>>,
    /// Name, values, and whether the texts are JSON.
    properties: Vec<(&'a str, Values<'a>, bool)>,
}

impl<'a> Selected<'a> {
    fn new(batch: &'a RecordBatch) -> Result<Self> {
        let mut selected = Self::default();
        for (field, column) in batch.schema_ref().fields().iter().zip(batch.columns()) {
            let name = field.name().as_str();
            let values = || Values::new(name, column);
            match name {
                "message_id" => selected.message_id = Some(values()?),
                "type" => selected.kind = Some(values()?),
                "event" => selected.event = Some(values()?),
                "timestamp" => selected.timestamp = Some(Times::new(column)?),
                "user_id" => selected.user_id = Some(values()?),
                "anonymous_id" => selected.anonymous_id = Some(values()?),
                "context" => selected.context = Some(values()?),
                "received_at" => {}
                // It stands in the event already, within its property.
                nested if nested.starts_with(NESTED) => {}
                _ => selected.properties.push((
                    property_name(name),
                    values()?,
                    field.metadata().contains_key(JSON),
                )),
            }
        }
        Ok(selected)
    }

    fn event(&self, row: usize, before: &Event<'_>) -> Result<Event<'static>, Malformed> {
        let text = |values: &Option<Values<'_>>| {
            let values = values.as_ref()?;
            values
                .text(row)
                .map(|text| text.into_owned())
                .filter(|text| !text.is_empty())
        };
        let kind = match text(&self.kind) {
            None => before.kind,
            Some(name) => EventKind::parse(&name).ok_or_else(|| {
                Malformed::new(format!(
                    "the transformation gives it the type \"{name}\", which no event has"
                ))
            })?,
        };
        let timestamp_ms = match &self.timestamp {
            Some(times) => times.at(row)?.unwrap_or(before.timestamp_ms),
            None => before.timestamp_ms,
        };
        let properties = self.properties(row);
        let identifiers = self.identifiers(row, kind, before, &properties);
        if identifiers.is_empty() {
            return Err(Malformed::new(
                "the transformation leaves it no identifier: neither user_id nor anonymous_id nor an email",
            ));
        }
        let context = match &self.context {
            Some(values) => values.text(row).map(Cow::into_owned).filter(|text| {
                crate::events::json::value(text)
                    .is_ok_and(|token| matches!(token, crate::events::json::Token::Object(_)))
            }),
            None => before.context.as_ref().map(ToString::to_string),
        };
        Ok(Event {
            message_id: Cow::Owned(text(&self.message_id).unwrap_or_else(|| before.message_id.to_string())),
            kind,
            event: Cow::Owned(text(&self.event).unwrap_or_else(|| before.event.to_string())),
            timestamp_ms,
            received_ms: before.received_ms,
            identifiers,
            properties,
            context: context.map(Cow::Owned),
        })
    }

    fn properties(&self, row: usize) -> Vec<(Cow<'static, str>, Cell<'static>)> {
        let cell = |(name, values, json): &(&str, Values<'_>, bool)| {
            let cell = match values.cell(row)? {
                Cell::Text(text) if *json => Cell::Json(Cow::Owned(text.into_owned())),
                Cell::Text(text) => Cell::Text(Cow::Owned(text.into_owned())),
                Cell::Json(text) => Cell::Json(Cow::Owned(text.into_owned())),
                Cell::Bool(value) => Cell::Bool(value),
                Cell::Number(value) => Cell::Number(value),
            };
            Some((Cow::Owned((*name).to_owned()), cell))
        };
        self.properties.iter().filter_map(cell).collect()
    }

    fn identifiers(
        &self,
        row: usize,
        kind: EventKind,
        before: &Event<'_>,
        properties: &[(Cow<'static, str>, Cell<'static>)],
    ) -> Vec<EventIdentifier<'static>> {
        let email = |properties: &[(Cow<'_, str>, Cell<'_>)]| {
            let found = properties.iter().find(|(name, _)| name == "email");
            found.and_then(|(_, cell)| match cell {
                Cell::Text(text) if !text.is_empty() => Some(text.to_string()),
                _ => None,
            })
        };
        let (old_email, new_email) = (email(&before.properties), email(properties));
        let mut identifiers: Vec<EventIdentifier<'static>> = Vec::with_capacity(before.identifiers.len());
        let mut push = |kind: &str, value: String| {
            if !value.is_empty()
                && !identifiers
                    .iter()
                    .any(|one| one.kind == kind && one.value == value)
            {
                identifiers.push(EventIdentifier {
                    kind: Cow::Owned(kind.to_owned()),
                    value: Cow::Owned(value),
                });
            }
        };
        let mut replaced: BTreeSet<&str> = BTreeSet::new();
        for (name, values) in [("user_id", &self.user_id), ("anonymous_id", &self.anonymous_id)] {
            let Some(values) = values else { continue };
            replaced.insert(name);
            if let Some(value) = values.text(row) {
                push(name, value.into_owned());
            }
        }
        let mut email_was = false;
        let mut firsts: BTreeSet<&str> = BTreeSet::new();
        for one in &before.identifiers {
            // The column stands for the first of its kind; an alias has a second anonymous id.
            if replaced.contains(one.kind.as_ref()) && firsts.insert(one.kind.as_ref()) {
                continue;
            }
            if one.kind == "email" && Some(one.value.as_ref()) == old_email.as_deref() {
                email_was = true;
                continue;
            }
            push(&one.kind, one.value.to_string());
        }
        if let Some(email) = new_email
            && (email_was || kind == EventKind::Identify)
        {
            push("email", email);
        }
        identifiers
    }
}
