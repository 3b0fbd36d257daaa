//! From the bytes of a record to an [`Event`]: Segment's specification as it is ([`segment`]), or the rows that a
//! source's SQL projection produced ([`projection`]).
//!
//! Invariants: an event borrows from what it was read from, so that nothing is copied before the event log copies it
//! into a column; a property is a scalar or raw JSON text, never a tree; the names of an event's properties are unique
//! (the last value wins, as in JSON); a record that is no event is a [`Malformed`] with one reason, never a panic.

use std::borrow::Cow;

pub mod columns;
pub mod json;
#[cfg(test)]
mod json_tests;
pub mod projection;
pub mod segment;
#[cfg(test)]
mod segment_tests;
pub mod time;

/// Bytes that one event may have: 32 KiB as it was sent, as Segment limits it, and a little more for what the tracking
/// API writes into it (its type, its time of receipt, a message id).
pub const EVENT_BYTES_MAX: usize = 32 * 1024 + 512;
/// Identifiers that one event may carry.
pub const EVENT_IDENTIFIERS_MAX: usize = 32;

/// The calls of Segment's specification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventKind {
    Track,
    Identify,
    Page,
    Screen,
    Group,
    Alias,
}

impl EventKind {
    pub const ALL: [Self; 6] = [
        Self::Track,
        Self::Identify,
        Self::Page,
        Self::Screen,
        Self::Group,
        Self::Alias,
    ];

    /// As the `type` of a record and the column `type` of the event log have it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Track => "track",
            Self::Identify => "identify",
            Self::Page => "page",
            Self::Screen => "screen",
            Self::Group => "group",
            Self::Alias => "alias",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// The event's name where the record gives none; `track` has to give one.
    pub const fn default_name(self) -> Option<&'static str> {
        match self {
            Self::Track => None,
            Self::Identify => Some("Identify"),
            Self::Page => Some("Page"),
            Self::Screen => Some("Screen"),
            Self::Group => Some("Group"),
            Self::Alias => Some("Alias"),
        }
    }
}

/// The value of a property.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell<'a> {
    Bool(bool),
    /// Exactly what the record said: a whole number beyond 2^53 is [`Cell::Json`] instead.
    Number(f64),
    Text(Cow<'a, str>),
    /// Valid JSON text: null, an object, an array, or a number that a 64-bit float does not hold.
    Json(Cow<'a, str>),
}

/// `user_id`, `anonymous_id`, `email`, or the type of an external id, and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventIdentifier<'a> {
    pub kind: Cow<'a, str>,
    pub value: Cow<'a, str>,
}

/// What somebody did, or said about themselves.
#[derive(Debug, Clone, PartialEq)]
pub struct Event<'a> {
    pub message_id: Cow<'a, str>,
    pub kind: EventKind,
    /// Of `track` the event, of `page` and `screen` the name, else [`EventKind::default_name`].
    pub event: Cow<'a, str>,
    /// When it happened, corrected for the device's clock where the record allows it.
    pub timestamp_ms: i64,
    /// When it was received.
    pub received_ms: i64,
    /// At least one; unique.
    pub identifiers: Vec<EventIdentifier<'a>>,
    /// Of `identify` and `group`: the traits.
    pub properties: Vec<(Cow<'a, str>, Cell<'a>)>,
    /// The `context` of Segment's specification, an object as it was sent.
    pub context: Option<Cow<'a, str>>,
}

impl<'a> Event<'a> {
    pub fn identifier(&self, kind: &str) -> Option<&str> {
        self.identifiers
            .iter()
            .find(|identifier| identifier.kind == kind)
            .map(|found| found.value.as_ref())
    }
}

/// Adds an identifier unless it is empty or there already; one beyond [`EVENT_IDENTIFIERS_MAX`] is a fault.
pub(crate) fn push_identifier<'a>(
    identifiers: &mut Vec<EventIdentifier<'a>>,
    kind: impl Into<Cow<'a, str>>,
    value: Cow<'a, str>,
) -> Result<(), Malformed> {
    let kind = kind.into();
    if value.is_empty()
        || identifiers
            .iter()
            .any(|there| there.kind == kind && there.value == value)
    {
        return Ok(());
    }
    if identifiers.len() >= EVENT_IDENTIFIERS_MAX {
        return Err(Malformed::new(format!(
            "the event carries more than {EVENT_IDENTIFIERS_MAX} identifiers"
        )));
    }
    identifiers.push(EventIdentifier { kind, value });
    Ok(())
}

/// Why a record is no event: one sentence for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed {
    pub reason: String,
}

impl Malformed {
    pub fn new(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
        }
    }
}

/// A row of a batch that is no event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MalformedRow {
    pub row: usize,
    pub reason: String,
}

/// The events of one batch, in its order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Parsed<'a> {
    pub events: Vec<Event<'a>>,
    /// The row of the batch that each event came from.
    pub rows: Vec<usize>,
    pub malformed: Vec<MalformedRow>,
}

impl<'a> Parsed<'a> {
    pub(crate) fn with_capacity(rows: usize) -> Self {
        Self {
            events: Vec::with_capacity(rows),
            rows: Vec::with_capacity(rows),
            malformed: Vec::new(),
        }
    }

    pub(crate) fn push(&mut self, row: usize, parsed: Result<Event<'a>, Malformed>) {
        match parsed {
            Ok(event) => {
                self.events.push(event);
                self.rows.push(row);
            }
            Err(Malformed { reason }) => self.malformed.push(MalformedRow { row, reason }),
        }
    }
}

/// The properties of an event while they are read: names stay unique.
///
/// A 64-bit filter of the names seen makes the usual case, no name twice, cost nothing.
#[derive(Debug, Default)]
pub(crate) struct PropertiesBuilder<'a> {
    properties: Vec<(Cow<'a, str>, Cell<'a>)>,
    seen: u64,
}

impl<'a> PropertiesBuilder<'a> {
    pub fn push(&mut self, name: Cow<'a, str>, cell: Cell<'a>) {
        let bytes = name.as_bytes();
        let ends = bytes.first().copied().unwrap_or(0).wrapping_mul(31) ^ bytes.last().copied().unwrap_or(0);
        let bit = 1u64 << ((usize::from(ends) + bytes.len() * 7) % 64);
        if self.seen & bit != 0
            && let Some(there) = self.properties.iter_mut().find(|(other, _)| *other == name)
        {
            there.1 = cell;
            return;
        }
        self.seen |= bit;
        self.properties.push((name, cell));
    }

    pub fn finish(self) -> Vec<(Cow<'a, str>, Cell<'a>)> {
        self.properties
    }
}
