//! A record whose value is an event of Segment's specification, as JSON.
//!
//! Time follows the specification: `receivedAt - (sentAt - originalTimestamp)` where all three are there, which takes
//! the device's wrong clock out; else `timestamp`, else `originalTimestamp`, else the record's own time.
//! Identifiers follow Segment's defaults: `userId`, `anonymousId`, `traits.email` of an identify, `context.traits.email`
//! and the user-level `context.externalIds`. An alias ties its `previousId` as an anonymous id.

use std::borrow::Cow;

use arrow::{
    array::{Array, AsArray, RecordBatch},
    datatypes::{DataType, TimestampMillisecondType},
};
use tailrace_model::Error;

use super::{
    Cell, EVENT_BYTES_MAX, Event, EventIdentifier, EventKind, Malformed, Parsed, PropertiesBuilder,
    columns::cell_of,
    json::{self, NotJson, Token},
    push_identifier,
    time::parse_ms,
};

/// Characters of a wrong value that a reason shows.
const SHOWN_CHARS_MAX: usize = 40;

/// What the record says about time.
#[derive(Debug, Clone, Copy)]
pub struct RecordTimes {
    pub timestamp_ms: Option<i64>,
    /// Stands in where neither the event nor the record has a time.
    pub now_ms: i64,
}

impl From<NotJson> for Malformed {
    fn from(fault: NotJson) -> Self {
        Self::new(fault.sentence())
    }
}

/// Reads one event.
pub fn parse(value: &[u8], times: RecordTimes) -> Result<Event<'_>, Malformed> {
    if value.len() > EVENT_BYTES_MAX {
        return Err(Malformed::new(format!(
            "too large: {} bytes, at most {EVENT_BYTES_MAX} are allowed",
            value.len()
        )));
    }
    let text = std::str::from_utf8(value)
        .map_err(|fault| Malformed::new(format!("not UTF-8 at byte {}", fault.valid_up_to())))?;
    if text.trim_ascii().is_empty() {
        return Err(Malformed::new("empty: a record of an event has a value"));
    }
    let mut fields = Fields::default();
    let mut scanner = json::Scanner::new(text);
    if !scanner.at_object() {
        json::value(text)?;
        return Err(Malformed::new("not a JSON object"));
    }
    scanner.members(|scanner, name| fields.read(scanner, name))?;
    scanner.end()?;
    fields.event(times)
}

/// Reads the events of a batch in its raw form: `value` (Binary or Utf8) and, where known, `_timestamp`.
pub fn parse_batch(batch: &RecordBatch, now_ms: i64) -> Result<Parsed<'_>, Error> {
    let values = batch.column_by_name("value").ok_or_else(|| {
        Error::internal(
            "records_without_value",
            "the records have no column value: events cannot be read",
        )
    })?;
    let times = batch
        .column_by_name("_timestamp")
        .and_then(|column| column.as_primitive_opt::<TimestampMillisecondType>());
    let mut parsed = Parsed::with_capacity(batch.num_rows());
    for row in 0..batch.num_rows() {
        let timestamp_ms = times
            .filter(|times| times.is_valid(row))
            .map(|times| times.value(row));
        let times = RecordTimes { timestamp_ms, now_ms };
        parsed.push(
            row,
            bytes_at(values.as_ref(), row)?.map_or_else(
                || Err(Malformed::new("empty: a record of an event has a value")),
                |value| parse(value, times),
            ),
        );
    }
    Ok(parsed)
}

fn bytes_at(values: &dyn Array, row: usize) -> Result<Option<&[u8]>, Error> {
    if values.is_null(row) {
        return Ok(None);
    }
    Ok(Some(match values.data_type() {
        DataType::Binary => values.as_binary::<i32>().value(row),
        DataType::LargeBinary => values.as_binary::<i64>().value(row),
        DataType::BinaryView => values.as_binary_view().value(row),
        DataType::Utf8 => values.as_string::<i32>().value(row).as_bytes(),
        DataType::LargeUtf8 => values.as_string::<i64>().value(row).as_bytes(),
        DataType::Utf8View => values.as_string_view().value(row).as_bytes(),
        other => {
            return Err(Error::internal(
                "records_of_wrong_type",
                format!("the records' column value is {other}: events are read from bytes or text"),
            ));
        }
    }))
}

/// The fields of the specification that matter, as they are found.
#[derive(Default)]
struct Fields<'a> {
    kind: Option<EventKind>,
    message_id: Option<Cow<'a, str>>,
    event: Option<Cow<'a, str>>,
    name: Option<Cow<'a, str>>,
    category: Option<Cow<'a, str>>,
    user_id: Option<Cow<'a, str>>,
    anonymous_id: Option<Cow<'a, str>>,
    previous_id: Option<Cow<'a, str>>,
    group_id: Option<Cow<'a, str>>,
    timestamp_ms: Option<i64>,
    original_ms: Option<i64>,
    sent_ms: Option<i64>,
    received_ms: Option<i64>,
    properties: PropertiesBuilder<'a>,
    traits: PropertiesBuilder<'a>,
    context: Option<&'a str>,
}

impl<'a> Fields<'a> {
    fn read(&mut self, scanner: &mut json::Scanner<'a>, name: Cow<'a, str>) -> Result<(), Malformed> {
        match name.as_ref() {
            "properties" if scanner.at_object() => return read_properties(scanner, &mut self.properties),
            "traits" if scanner.at_object() => return read_properties(scanner, &mut self.traits),
            _ => {}
        }
        let token = scanner.token()?;
        match name.as_ref() {
            "type" => self.kind = Some(kind(&token)?),
            "messageId" => self.message_id = text("messageId", token)?,
            "event" => self.event = text("event", token)?,
            "name" => self.name = text("name", token)?,
            "category" => self.category = text("category", token)?,
            "userId" => self.user_id = text("userId", token)?,
            "anonymousId" => self.anonymous_id = text("anonymousId", token)?,
            "previousId" => self.previous_id = text("previousId", token)?,
            "groupId" => self.group_id = text("groupId", token)?,
            "timestamp" => self.timestamp_ms = time("timestamp", token)?,
            "originalTimestamp" => self.original_ms = time("originalTimestamp", token)?,
            "sentAt" => self.sent_ms = time("sentAt", token)?,
            "receivedAt" => self.received_ms = time("receivedAt", token)?,
            "properties" | "traits" | "context" => match token {
                Token::Null => {}
                Token::Object(text) => self.context = Some(text),
                other => {
                    return Err(Malformed::new(format!(
                        "{name} is {}: it has to be an object",
                        shown(&other)
                    )));
                }
            },
            _ => {}
        }
        Ok(())
    }

    fn event(self, times: RecordTimes) -> Result<Event<'a>, Malformed> {
        let kind = self.kind.ok_or_else(|| {
            Malformed::new("no type: it has to be track, identify, page, screen, group or alias")
        })?;
        let message_id = self.message_id.ok_or_else(|| Malformed::new("no messageId"))?;
        let event = match kind {
            EventKind::Track => self.event,
            EventKind::Page | EventKind::Screen => self.name,
            _ => None,
        };
        let event = event
            .or(kind.default_name().map(Cow::Borrowed))
            .ok_or_else(|| Malformed::new("a track without the name of its event"))?;
        let received_ms = self.received_ms.or(times.timestamp_ms).unwrap_or(times.now_ms);
        let corrected = match (self.received_ms, self.sent_ms, self.original_ms) {
            (Some(received), Some(sent), Some(original)) => Some(received - (sent - original)),
            _ => None,
        };
        let timestamp_ms = corrected
            .or(self.timestamp_ms)
            .or(self.original_ms)
            .or(times.timestamp_ms)
            .unwrap_or(times.now_ms);

        let mut properties = match kind {
            EventKind::Identify | EventKind::Group => self.traits,
            _ => self.properties,
        };
        for (name, value) in [
            ("category", self.category),
            ("previousId", self.previous_id.clone()),
            ("groupId", self.group_id),
        ] {
            if let Some(value) = value {
                properties.push(Cow::Borrowed(name), Cell::Text(value));
            }
        }
        let properties = properties.finish();

        let mut identifiers = Vec::with_capacity(3);
        for (kind, value) in [
            ("user_id", self.user_id),
            ("anonymous_id", self.anonymous_id),
            ("anonymous_id", self.previous_id),
        ] {
            if let Some(value) = value {
                push_identifier(&mut identifiers, kind, value)?;
            }
        }
        if kind == EventKind::Identify
            && let Some((_, Cell::Text(email))) = properties.iter().find(|(name, _)| name == "email")
        {
            push_identifier(&mut identifiers, "email", email.clone())?;
        }
        if let Some(context) = self.context {
            context_identifiers(context, &mut identifiers)?;
        }
        if identifiers.is_empty() {
            return Err(Malformed::new(
                "no identifier: neither userId nor anonymousId nor an email",
            ));
        }
        let context = self.context.filter(|text| *text != "{}").map(Cow::Borrowed);
        Ok(Event {
            message_id,
            kind,
            event,
            timestamp_ms,
            received_ms,
            identifiers,
            properties,
            context,
        })
    }
}

fn read_properties<'a>(
    scanner: &mut json::Scanner<'a>,
    properties: &mut PropertiesBuilder<'a>,
) -> Result<(), Malformed> {
    scanner.members(|scanner, name| {
        let token = scanner.token()?;
        properties.push(name, cell_of(token));
        Ok::<_, Malformed>(())
    })
}

/// `context.traits.email` and the `context.externalIds` of the collection `users`.
fn context_identifiers<'a>(
    context: &'a str,
    identifiers: &mut Vec<EventIdentifier<'a>>,
) -> Result<(), Malformed> {
    // Most contexts have neither, and a search for a word is much cheaper than a second reading.
    if !context.contains("email") && !context.contains("externalIds") {
        return Ok(());
    }
    json::object(context, |name, token| match (name.as_ref(), token) {
        ("traits", Token::Object(traits)) => json::object(traits, |name, token| {
            if let ("email", Token::Text(email)) = (name.as_ref(), token) {
                push_identifier(identifiers, "email", email)?;
            }
            Ok::<_, Malformed>(())
        }),
        ("externalIds", Token::Array(ids)) => json::array(ids, |token| match token {
            Token::Object(id) => external_id(id, identifiers),
            _ => Ok(()),
        }),
        _ => Ok(()),
    })
}

fn external_id<'a>(id: &'a str, identifiers: &mut Vec<EventIdentifier<'a>>) -> Result<(), Malformed> {
    let (mut kind, mut value, mut users) = (None, None, true);
    json::object(id, |name, token| {
        match (name.as_ref(), token) {
            ("type", Token::Text(text)) => kind = Some(text),
            ("id", Token::Text(text)) => value = Some(text),
            ("id", Token::Number(text)) => value = Some(Cow::Borrowed(text)),
            ("collection", Token::Text(text)) => users = text == "users",
            _ => {}
        }
        Ok::<_, Malformed>(())
    })?;
    match (kind, value) {
        (Some(kind), Some(value)) if users && !kind.is_empty() => push_identifier(identifiers, kind, value),
        _ => Ok(()),
    }
}

fn kind(token: &Token<'_>) -> Result<EventKind, Malformed> {
    match token {
        Token::Text(text) => EventKind::parse(text).ok_or_else(|| {
            Malformed::new(format!(
                "unknown type {}: it has to be track, identify, page, screen, group or alias",
                shown(token)
            ))
        }),
        other => Err(Malformed::new(format!(
            "type is {}: it has to be text",
            shown(other)
        ))),
    }
}

/// Text, or a number as text; null and empty text are absent.
fn text<'a>(field: &str, token: Token<'a>) -> Result<Option<Cow<'a, str>>, Malformed> {
    match token {
        Token::Text(text) => Ok((!text.is_empty()).then_some(text)),
        Token::Number(text) => Ok(Some(Cow::Borrowed(text))),
        Token::Null => Ok(None),
        other => Err(Malformed::new(format!(
            "{field} is {}: it has to be text",
            shown(&other)
        ))),
    }
}

fn time(field: &str, token: Token<'_>) -> Result<Option<i64>, Malformed> {
    match &token {
        Token::Text(text) => match parse_ms(text) {
            Some(ms) => Ok(Some(ms)),
            None => Err(Malformed::new(format!(
                "{field} {} is not an ISO 8601 time",
                shown(&token)
            ))),
        },
        Token::Null => Ok(None),
        other => Err(Malformed::new(format!(
            "{field} is {}: it has to be an ISO 8601 time",
            shown(other)
        ))),
    }
}

fn shown(token: &Token<'_>) -> String {
    let text = match token {
        Token::Null => return "null".to_owned(),
        Token::Bool(value) => return value.to_string(),
        Token::Object(_) => return "an object".to_owned(),
        Token::Array(_) => return "an array".to_owned(),
        Token::Number(text) => return short(text),
        Token::Text(text) => text,
    };
    format!("\"{}\"", short(text))
}

fn short(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
