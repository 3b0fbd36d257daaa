//! The outline of a body: one event, or a batch of them, and what it says of all.
//!
//! An event is kept as it was sent, member by member, but for what the specification has the server do: its type is the
//! call's, `receivedAt` is ours, a missing `messageId` is made, what the batch says of all (`sentAt`, `context`,
//! `integrations`) is the event's where it says nothing itself, and the time of its device is `originalTimestamp`,
//! from which the time is corrected later. The write key stays outside.
//!
//! Invariants: what is no object is kept as it is, for whoever says that it is no event; the texts of all events
//! together are within [`STAMPED_BYTES_MAX`].

use std::{borrow::Cow, fmt};

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use super::{BATCH_EVENTS_MAX, EVENT_BYTES_MAX, Posted, Refusal, STAMPED_BYTES_MAX};

/// What is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// One event of this type.
    One(&'static str),
    /// A batch, each of whose events says its type.
    Batch,
    /// Either: a batch, or an event that says its type.
    Message,
}

impl Call {
    /// The last part of the path, and what it calls. The short ones are what the library for browsers calls.
    pub const PATHS: [(&'static str, Self); 15] = [
        ("track", Self::One("track")),
        ("identify", Self::One("identify")),
        ("page", Self::One("page")),
        ("screen", Self::One("screen")),
        ("group", Self::One("group")),
        ("alias", Self::One("alias")),
        ("batch", Self::Batch),
        ("import", Self::Batch),
        ("t", Self::One("track")),
        ("i", Self::One("identify")),
        ("p", Self::One("page")),
        ("s", Self::One("screen")),
        ("g", Self::One("group")),
        ("a", Self::One("alias")),
        ("b", Self::Batch),
    ];
}

/// What the server knows of an event.
pub struct Stamp<'a> {
    pub received_ms: i64,
    /// Of an event that has none.
    pub message_id: &'a mut dyn FnMut() -> String,
}

/// The members of an object, in order, their values as they are written.
struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::with_capacity(8);
                while let Some((Text(name), value)) = map.next_entry()? {
                    members.push((name, value));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Reader)
    }
}

impl<'a> Members<'a> {
    fn parse(text: &'a str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// The last of the name, as it counts in JSON; null is none.
    fn get(&self, name: &str) -> Option<&'a RawValue> {
        let found = self.0.iter().rev().find(|(found, _)| found == name);
        found
            .map(|(_, value)| *value)
            .filter(|value| value.get() != "null")
    }
}

/// Elements of an array, as they are written; more than a batch may have are counted.
struct Elements<'a> {
    kept: Vec<&'a RawValue>,
    count: usize,
}

impl<'de: 'a, 'a> Deserialize<'de> for Elements<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Elements<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Elements<'de>, A::Error> {
                let mut kept = Vec::new();
                while kept.len() < BATCH_EVENTS_MAX {
                    match list.next_element()? {
                        Some(element) => kept.push(element),
                        None => break,
                    }
                }
                let mut count = kept.len();
                while list.next_element::<IgnoredAny>()?.is_some() {
                    count += 1;
                }
                Ok(Elements { kept, count })
            }
        }
        deserializer.deserialize_seq(Reader)
    }
}

/// A body that is a JSON object.
pub struct Body<'a> {
    text: &'a str,
    members: Members<'a>,
}

impl<'a> Body<'a> {
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Refusal> {
        let text = std::str::from_utf8(bytes).map_err(|fault| {
            Refusal::malformed(format!("the body is not UTF-8 at byte {}", fault.valid_up_to()))
        })?;
        if text.trim_ascii().is_empty() {
            return Err(Refusal::malformed(
                "the body is empty: send an event, or a batch of them, as JSON",
            ));
        }
        let members = Members::parse(text).map_err(|error| {
            let place = format!("line {}, column {}", error.line(), error.column());
            Refusal::malformed(if error.is_data() {
                "the body is not a JSON object".to_owned()
            } else {
                format!("the body is not JSON ({place})")
            })
        })?;
        Ok(Self { text, members })
    }

    /// The write key that browsers send here.
    pub fn write_key(&self) -> Option<String> {
        let Text(key) = serde_json::from_str(self.members.get("writeKey")?.get()).ok()?;
        (!key.is_empty()).then(|| key.into_owned())
    }

    /// The events, each as one JSON text.
    pub fn events(&self, call: Call, stamp: &mut Stamp<'_>) -> Result<Posted, Refusal> {
        let received = DateTime::<Utc>::from_timestamp_millis(stamp.received_ms).unwrap_or_default();
        let received = received.to_rfc3339_opts(SecondsFormat::Millis, true);
        let mut out = Stamping {
            received: &received,
            stamp,
            bytes: 0,
            events: Vec::new(),
        };
        let kind = match call {
            Call::One(kind) => Some(kind),
            Call::Message if self.members.get("batch").is_none() => None,
            Call::Message | Call::Batch => {
                self.batch(&mut out)?;
                return Ok(out.posted());
            }
        };
        if self.text.len() > EVENT_BYTES_MAX {
            return Err(Refusal::too_large(format!(
                "the event has {} bytes, at most {EVENT_BYTES_MAX} are allowed",
                self.text.len()
            )));
        }
        out.object(&self.members, kind, &Common::default())?;
        Ok(out.posted())
    }

    fn batch(&self, out: &mut Stamping<'_, '_>) -> Result<(), Refusal> {
        let Some(batch) = self.members.get("batch") else {
            return Err(Refusal::malformed(
                "the body has no \"batch\": it has to be a list of events",
            ));
        };
        let elements: Elements<'_> = serde_json::from_str(batch.get())
            .map_err(|_| Refusal::malformed("\"batch\" has to be a list of events"))?;
        if elements.count == 0 {
            return Err(Refusal::malformed("\"batch\" is empty: send at least one event"));
        }
        if elements.count > BATCH_EVENTS_MAX {
            return Err(Refusal::too_large(format!(
                "the batch has {} events, at most {BATCH_EVENTS_MAX} are allowed: send smaller ones",
                elements.count
            )));
        }
        let context = self.members.get("context").filter(|value| is_object(value));
        let common = Common {
            sent_at: self.members.get("sentAt"),
            context: context.and_then(|value| Members::parse(value.get()).ok()),
            integrations: self.members.get("integrations"),
        };
        for element in elements.kept {
            match is_object(element).then(|| Members::parse(element.get())) {
                Some(Ok(members)) => out.object(&members, None, &common)?,
                _ => out.keep(element.get().as_bytes().to_vec())?,
            }
        }
        Ok(())
    }
}

fn is_object(value: &RawValue) -> bool {
    value.get().starts_with('{')
}

/// What a batch says of all its events.
#[derive(Default)]
struct Common<'a> {
    sent_at: Option<&'a RawValue>,
    context: Option<Members<'a>>,
    integrations: Option<&'a RawValue>,
}

struct Stamping<'a, 's> {
    received: &'a str,
    stamp: &'a mut Stamp<'s>,
    bytes: usize,
    events: Vec<Vec<u8>>,
}

impl Stamping<'_, '_> {
    fn posted(self) -> Posted {
        Posted {
            received_ms: self.stamp.received_ms,
            events: self.events,
        }
    }

    fn keep(&mut self, event: Vec<u8>) -> Result<(), Refusal> {
        self.bytes += event.len();
        if self.bytes > STAMPED_BYTES_MAX {
            return Err(Refusal::too_large(format!(
                "the batch's events, each with the batch's context, have more than {STAMPED_BYTES_MAX} bytes: send smaller batches"
            )));
        }
        self.events.push(event);
        Ok(())
    }

    fn object(
        &mut self,
        event: &Members<'_>,
        kind: Option<&str>,
        common: &Common<'_>,
    ) -> Result<(), Refusal> {
        let sent_at = event.get("sentAt").or(common.sent_at);
        // With the time of sending, the device's clock can be taken out of its time.
        let original = sent_at.is_some() && event.get("originalTimestamp").is_none();
        let has_id = event.get("messageId").is_some_and(|id| id.get() != "\"\"");
        let context = match (event.get("context"), &common.context) {
            (None, Some(all)) => Some(merged(all, None)),
            (Some(own), Some(all)) if is_object(own) => {
                Some(merged(all, Members::parse(own.get()).ok().as_ref()))
            }
            _ => None,
        };
        let mut out = Object::default();
        for (name, value) in &event.0 {
            let name = match name.as_ref() {
                "writeKey" | "receivedAt" | "sentAt" => continue,
                "type" if kind.is_some() => continue,
                "messageId" if !has_id => continue,
                "context" if context.is_some() => continue,
                "originalTimestamp" if original => continue,
                "timestamp" if original => "originalTimestamp",
                name => name,
            };
            out.member(name, value.get());
        }
        if let Some(kind) = kind {
            out.text("type", kind);
        }
        if !has_id {
            out.text("messageId", &(self.stamp.message_id)());
        }
        if let Some(context) = context {
            out.member("context", &context);
        }
        if let (None, Some(integrations)) = (event.get("integrations"), common.integrations) {
            out.member("integrations", integrations.get());
        }
        if let Some(sent_at) = sent_at {
            out.member("sentAt", sent_at.get());
        }
        out.text("receivedAt", self.received);
        self.keep(out.end().into_bytes())
    }
}

/// What the batch says, and the event's own over it.
fn merged(all: &Members<'_>, own: Option<&Members<'_>>) -> String {
    let mut out = Object::default();
    for (name, value) in &all.0 {
        if own.is_none_or(|own| own.get(name).is_none()) {
            out.member(name, value.get());
        }
    }
    for (name, value) in own.iter().flat_map(|own| &own.0) {
        out.member(name, value.get());
    }
    out.end()
}

/// A JSON object while it is written.
#[derive(Default)]
struct Object(String);

impl Object {
    fn member(&mut self, name: &str, value: &str) {
        self.0.push(if self.0.is_empty() { '{' } else { ',' });
        self.quoted(name);
        self.0.push(':');
        self.0.push_str(value);
    }

    fn text(&mut self, name: &str, value: &str) {
        self.member(name, "");
        self.quoted(value);
    }

    fn quoted(&mut self, text: &str) {
        // A text is always JSON.
        self.0
            .push_str(&serde_json::to_string(text).unwrap_or_else(|_| "\"\"".to_owned()));
    }

    fn end(mut self) -> String {
        if self.0.is_empty() {
            self.0.push('{');
        }
        self.0.push('}');
        self.0
    }
}
