//! Values of any format as JSON text, a batch at a time.
//!
//! Invariants: no bytes make it panic; what is written is bounded for a value and for a batch; every value is JSON, or null
//! where there was none, or a problem with its reason and the bytes as they were.

use std::borrow::Cow;

use arrow::{
    array::{Array, BinaryArray},
    buffer::{Buffer, OffsetBuffer},
};
use tailrace_model::{Error, Result};

use super::{
    avro::AvroSchema,
    cbor,
    csv::Csv,
    format::{Format, FormatSettings},
    framing::{self, CONFLUENT_BYTES, Framing, GLUE_BYTES},
    internal::Internal,
    json::{pretty, scan},
    messagepack,
    protobuf::ProtobufSchema,
    registry::{Registry, SchemaKind},
    schemas::{self, Schema, Schemas},
    text::{Described, describe, text_of},
    write::{Out, Wrong},
};

/// Bytes of one value as JSON: so many, and so many times those that it was.
const VALUE_JSON_BYTES_MIN: usize = 1024 * 1024;
const VALUE_JSON_TIMES_MAX: usize = 1024;
const VALUE_JSON_BYTES_MAX: usize = 128 * 1024 * 1024;
/// Bytes of a batch as JSON.
const BATCH_JSON_BYTES_MAX: usize = 1024 * 1024 * 1024;

/// Decodes values of one format.
#[derive(Debug)]
pub struct Transcoder {
    format: Format,
    framing: Framing,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Json,
    Text,
    Hex,
    Integer(usize),
    MessagePack,
    Cbor,
    Csv(Box<Csv>),
    Internal(Internal),
    Given(Box<Schema>),
    Registered(Schemas),
}

/// A value that is not of its format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub row: usize,
    /// One sentence.
    pub reason: String,
}

/// A batch of values.
#[derive(Debug, Clone)]
pub struct Transcoded {
    /// JSON; the bytes as they were where there is a problem; null where there was no value.
    pub values: BinaryArray,
    /// By row.
    pub problems: Vec<Problem>,
}

impl Transcoder {
    /// `registry` is asked by [`Transcoder::prepare`] when records name their schemas. Errors: a schema, a message or a
    /// delimiter that cannot be used.
    pub fn new(settings: &FormatSettings, registry: Option<&Registry>) -> Result<Self> {
        let kind = match settings.format {
            Format::Json | Format::JsonSchema => Kind::Json,
            Format::Text => Kind::Text,
            Format::Hex => Kind::Hex,
            Format::Int8 => Kind::Integer(1),
            Format::Int16 => Kind::Integer(2),
            Format::Int32 => Kind::Integer(4),
            Format::Int64 => Kind::Integer(8),
            Format::MessagePack => Kind::MessagePack,
            Format::Cbor => Kind::Cbor,
            Format::Csv => Kind::Csv(Box::new(Csv::new(settings.delimiter, &settings.header)?)),
            Format::ConsumerOffsets => Kind::Internal(Internal::Offsets),
            Format::ConsumerOffsetsKey => Kind::Internal(Internal::OffsetsKey),
            Format::TransactionState => Kind::Internal(Internal::Transactions),
            Format::TransactionStateKey => Kind::Internal(Internal::TransactionsKey),
            Format::Registry => Kind::Registered(Schemas::new(registry.cloned(), None)),
            Format::Avro => match &settings.schema {
                Some(text) => Kind::Given(Box::new(Schema::Avro(AvroSchema::parse(text, &[])?))),
                None => Kind::Registered(Schemas::new(registry.cloned(), Some(SchemaKind::Avro))),
            },
            Format::Protobuf => match protobuf(settings)? {
                Some(schema) => Kind::Given(Box::new(Schema::Protobuf(schema))),
                None => Kind::Registered(Schemas::new(registry.cloned(), Some(SchemaKind::Protobuf))),
            },
        };
        let framing = framing_of(settings, &kind)?;
        Ok(Self {
            format: settings.format,
            framing,
            kind,
        })
    }

    pub fn format(&self) -> Format {
        self.format
    }

    /// Asks the registry for the schemas that these values name and that are not known yet. What fails is a problem of the
    /// values, and is asked for again later when that may help.
    pub async fn prepare(&mut self, values: &BinaryArray, now_ms: i64) {
        if let Kind::Registered(schemas) = &mut self.kind {
            schemas.prepare(named(values), now_ms).await;
        }
    }

    /// The same for one value.
    pub async fn prepare_one(&mut self, value: &[u8], now_ms: i64) {
        if let (Kind::Registered(schemas), Ok((id, _))) = (&mut self.kind, framing::confluent(value)) {
            schemas.prepare(std::iter::once(id), now_ms).await;
        }
    }

    /// Why some of these values, though prepared, cannot be read now and may be later: the registry does not answer.
    pub fn owed(&self, values: &BinaryArray) -> Option<&str> {
        match &self.kind {
            Kind::Registered(schemas) => schemas.owed(named(values)),
            _ => None,
        }
    }

    pub fn transcode(&mut self, values: &BinaryArray) -> Transcoded {
        self.transcode_keyed(values, None)
    }

    /// The same with the keys of the records as they were written: in the topics that Kafka keeps for itself a key tells
    /// what its value is.
    pub fn transcode_keyed(&mut self, values: &BinaryArray, keys: Option<&BinaryArray>) -> Transcoded {
        if matches!((&self.kind, self.framing), (Kind::Json, Framing::Plain)) {
            return checked(values, self.format.label());
        }
        let mut out = Out::after(Vec::with_capacity(values.value_data().len()), 0);
        let mut offsets: Vec<i32> = Vec::with_capacity(values.len() + 1);
        let mut problems = Vec::new();
        offsets.push(0);
        for row in 0..values.len() {
            if values.is_valid(row) {
                let (value, before) = (values.value(row), out.len());
                out.allow(value_max(value.len()).min(BATCH_JSON_BYTES_MAX.saturating_sub(before)));
                let key = keys.filter(|keys| keys.len() > row && keys.is_valid(row));
                if let Err(mut reason) = self.value(key.map(|keys| keys.value(row)), value, &mut out) {
                    out.truncate(before);
                    out.allow(i32::MAX as usize - before);
                    if out.raw(value).is_err() {
                        reason.push_str("; its bytes are left out, the batch has too many");
                    }
                    problems.push(Problem { row, reason });
                }
            }
            // What was allowed never ends after the largest offset.
            offsets.push(out.len() as i32);
        }
        let values = BinaryArray::new(
            OffsetBuffer::new(offsets.into()),
            Buffer::from_vec(out.into_bytes()),
            values.nulls().cloned(),
        );
        Transcoded { values, problems }
    }

    /// One value as JSON, or why it is not of its format.
    pub fn transcode_one(&mut self, value: &[u8]) -> std::result::Result<String, String> {
        self.transcode_one_keyed(None, value)
    }

    /// The same with the key of its record, see [`Transcoder::transcode_keyed`].
    pub fn transcode_one_keyed(
        &mut self,
        key: Option<&[u8]>,
        value: &[u8],
    ) -> std::result::Result<String, String> {
        let mut out = Out::after(Vec::new(), value_max(value.len()));
        self.value(key, value, &mut out)?;
        String::from_utf8(out.into_bytes()).map_err(|_| "it is not UTF-8".to_owned())
    }

    /// A value as a person reads it; `None` is a tombstone.
    pub fn describe(&mut self, value: Option<&[u8]>) -> Described {
        self.describe_keyed(None, value)
    }

    /// The same with the key of its record, see [`Transcoder::transcode_keyed`].
    pub fn describe_keyed(&mut self, key: Option<&[u8]>, value: Option<&[u8]>) -> Described {
        let Some(bytes) = value else {
            return describe(None);
        };
        let (json, problem) = match self.transcode_one_keyed(key, bytes) {
            Ok(json) => (Some(json), None),
            Err(reason) => (None, Some(reason)),
        };
        Described {
            format: self.format.name(),
            text: Some(text_of(bytes).into_owned()),
            json: json.and_then(|json| pretty(&json)),
            problem,
        }
    }

    fn value(&mut self, key: Option<&[u8]>, bytes: &[u8], out: &mut Out) -> std::result::Result<(), String> {
        let framed = self.framing == Framing::Confluent;
        let named = |wrong: Wrong| wrong.reason(self.format.label(), 0);
        let (payload, id, before) = match self.framing {
            Framing::Plain => (Cow::Borrowed(bytes), None, 0),
            Framing::Confluent => {
                let (id, payload) = framing::confluent(bytes).map_err(named)?;
                (Cow::Borrowed(payload), Some(id), CONFLUENT_BYTES)
            }
            Framing::Glue => {
                let payload = framing::glue_payload(bytes).map_err(named)?;
                // Places in what was compressed are not places in the record.
                let before = match payload {
                    Cow::Borrowed(_) => GLUE_BYTES,
                    Cow::Owned(_) => 0,
                };
                (payload, None, before)
            }
        };
        let payload = payload.as_ref();
        let written = match &mut self.kind {
            Kind::Json => schemas::json(payload, out),
            Kind::Text => text(payload, out),
            Kind::Hex => out.hexadecimal(payload),
            Kind::Integer(length) => integer(payload, *length, out),
            Kind::MessagePack => messagepack::decode(payload, out),
            Kind::Cbor => cbor::decode(payload, out),
            Kind::Csv(csv) => csv.decode(payload, out),
            Kind::Internal(of) => of.decode(key, payload, out),
            Kind::Given(schema) => schema.decode(payload, framed, out),
            Kind::Registered(schemas) => {
                let Some(id) = id else {
                    return Err(without_glue(bytes));
                };
                let schema = schemas.get(id)?;
                return schema.decode(payload, framed, out).map_err(|wrong| {
                    let format = format!("{} of schema {id}", schema.kind().label());
                    wrong.reason(&format, before)
                });
            }
        };
        written.map_err(|wrong| wrong.reason(self.format.label(), before))
    }
}

/// The schemas that values name.
fn named(values: &BinaryArray) -> impl Iterator<Item = u32> {
    let framed = values
        .iter()
        .flatten()
        .filter_map(|value| framing::confluent(value).ok());
    framed.map(|(id, _)| id)
}

impl Transcoded {
    /// The values as they are shown and compared: text without its quotes, anything else as its JSON. Where there is a
    /// problem, the bytes as they were.
    pub fn unquoted(&self) -> BinaryArray {
        let mut problems = self.problems.iter().map(|problem| problem.row).peekable();
        let mut is_text = |row: usize, value: &[u8]| {
            let failed = problems.next_if_eq(&row).is_some();
            !failed && value.first() == Some(&b'"')
        };
        if !(0..self.values.len())
            .any(|row| self.values.is_valid(row) && self.values.value(row).starts_with(b"\""))
        {
            return self.values.clone();
        }
        self.values
            .iter()
            .enumerate()
            .map(|(row, value)| {
                value.map(|value| match std::str::from_utf8(value) {
                    Ok(json) if is_text(row, value) => match scan::Scanner::new(json).string() {
                        Ok(Cow::Borrowed(text)) => Cow::Borrowed(text.as_bytes()),
                        Ok(Cow::Owned(text)) => Cow::Owned(text.into_bytes()),
                        Err(_) => Cow::Borrowed(value),
                    },
                    _ => Cow::Borrowed(value),
                })
            })
            .collect()
    }
}

fn value_max(bytes: usize) -> usize {
    bytes
        .saturating_mul(VALUE_JSON_TIMES_MAX)
        .saturating_add(VALUE_JSON_BYTES_MIN)
        .min(VALUE_JSON_BYTES_MAX)
}

fn protobuf(settings: &FormatSettings) -> Result<Option<ProtobufSchema>> {
    let message = settings.message.as_deref();
    match (&settings.descriptor_set, &settings.schema, message) {
        (Some(set), _, Some(message)) => ProtobufSchema::from_descriptor_set(set, message).map(Some),
        (None, Some(text), _) if message.is_some() || settings.framing == Some(Framing::Confluent) => {
            ProtobufSchema::compile(text, &[], message).map(Some)
        }
        (None, None, None) => Ok(None),
        (None, None, Some(_)) => Err(Error::user(
            "format_settings",
            "a Protobuf message is named and no schema that has it: give a schema or a descriptor set",
        )),
        _ => Err(Error::user(
            "format_settings",
            "a Protobuf schema is given and not which of its messages values are: give the message's full name",
        )),
    }
}

fn framing_of(settings: &FormatSettings, kind: &Kind) -> Result<Framing> {
    let named = matches!(kind, Kind::Registered(_));
    let usual = match settings.format {
        Format::JsonSchema => Framing::Confluent,
        _ if named => Framing::Confluent,
        _ => Framing::Plain,
    };
    let framing = settings.framing.unwrap_or(usual);
    if named && framing == Framing::Plain {
        return Err(Error::user(
            "format_settings",
            format!(
                "values of {} without the header of a schema registry need a schema: give one",
                settings.format.label()
            ),
        ));
    }
    Ok(framing)
}

fn without_glue(bytes: &[u8]) -> String {
    match framing::glue(bytes) {
        Some((_, version, _)) => format!(
            "schema version {version} of AWS Glue is not known: give the schema in the topic's decoder"
        ),
        None => "it names no schema".to_owned(),
    }
}

/// JSON is its own JSON: nothing is copied.
fn checked(values: &BinaryArray, label: &str) -> Transcoded {
    let problem = |(row, value): (usize, Option<&[u8]>)| {
        let wrong = match std::str::from_utf8(value?) {
            Ok(text) => scan::check(text)
                .err()
                .map(|wrong| Wrong::at(wrong.what, wrong.at))?,
            Err(error) => Wrong::at("text that is not UTF-8", error.valid_up_to()),
        };
        let reason = wrong.reason(label, 0);
        Some(Problem { row, reason })
    };
    Transcoded {
        problems: values.iter().enumerate().filter_map(problem).collect(),
        values: values.clone(),
    }
}

fn text(bytes: &[u8], out: &mut Out) -> std::result::Result<(), Wrong> {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| Wrong::at("a byte that is not UTF-8", error.valid_up_to()))?;
    out.string(text)
}

fn integer(bytes: &[u8], length: usize, out: &mut Out) -> std::result::Result<(), Wrong> {
    if bytes.len() != length {
        return Err(Wrong::new(format!(
            "it has {} bytes instead of {length}",
            bytes.len()
        )));
    }
    let mut wide = [if bytes[0] >= 0x80 { 0xff } else { 0 }; 8];
    wide[8 - length..].copy_from_slice(bytes);
    out.integer(i64::from_be_bytes(wide))
}
