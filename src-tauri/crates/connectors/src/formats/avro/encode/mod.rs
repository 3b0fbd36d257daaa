//! JSON as a value of an Avro schema: the way back of what is decoded.
//!
//! A value of a union is written as it is, or in Avro's own way as `{"name of the branch": value}`. What is not given has the
//! schema's default; what the schema does not have is refused, so that nothing is left out unsaid.

#[cfg(test)]
mod tests;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;

use super::{
    decimal,
    schema::{AvroSchema, Field, Type},
};
use crate::formats::{
    encode::{Misfit, kind_of},
    write::DEPTH_MAX,
};

/// Values looked at for one record: unions within unions are tried branch by branch.
const STEPS_MAX: usize = 5_000_000;

type Result<T = ()> = std::result::Result<T, Misfit>;

impl AvroSchema {
    /// The value in Avro's binary encoding. Behind the header of a schema registry, a value of the bare type `bytes` has
    /// no length of its own.
    pub(in crate::formats) fn encode(&self, value: &Value, framed: bool, out: &mut Vec<u8>) -> Result {
        let mut writer = Writer {
            schema: self,
            steps: 0,
            default: false,
        };
        let from = out.len();
        if framed && matches!(self.types[self.root], Type::Bytes) {
            let bytes = writer.bytes(value)?;
            out.extend(bytes);
            return Ok(());
        }
        writer
            .value(self.root, value, out, 0)
            .inspect_err(|_| out.truncate(from))
    }
}

struct Writer<'s> {
    schema: &'s AvroSchema,
    steps: usize,
    /// Within a default of the schema, where bytes are characters of one byte each.
    default: bool,
}

impl Writer<'_> {
    fn value(&mut self, kind: usize, value: &Value, out: &mut Vec<u8>, depth: usize) -> Result {
        self.steps += 1;
        if depth > DEPTH_MAX {
            return Err(Misfit::new(format!("values nest deeper than {DEPTH_MAX}")));
        }
        if self.steps > STEPS_MAX {
            return Err(Misfit::new(
                "its unions can be read in too many ways: name their branches",
            ));
        }
        let schema = self.schema;
        match &schema.types[kind] {
            Type::Null => match value.is_null() {
                true => Ok(()),
                false => Err(expected("null", value)),
            },
            Type::Boolean => {
                let value = value.as_bool().ok_or_else(|| expected("true or false", value))?;
                out.push(u8::from(value));
                Ok(())
            }
            Type::Int => whole(
                value,
                "a whole number of 32 bits",
                i32::MIN.into(),
                i32::MAX.into(),
                out,
            ),
            Type::Long => whole(value, "a whole number of 64 bits", i64::MIN, i64::MAX, out),
            Type::Float => {
                let wide = float(value)?;
                let narrow = wide as f32;
                if wide.is_finite() && narrow.is_infinite() {
                    return Err(Misfit::new(format!("{wide} is too large for a float")));
                }
                out.extend(narrow.to_le_bytes());
                Ok(())
            }
            Type::Double => {
                out.extend(float(value)?.to_le_bytes());
                Ok(())
            }
            Type::Bytes => {
                let bytes = self.bytes(value)?;
                counted(&bytes, out);
                Ok(())
            }
            Type::String => {
                let text = value.as_str().ok_or_else(|| expected("text", value))?;
                counted(text.as_bytes(), out);
                Ok(())
            }
            Type::Fixed(size) => {
                let bytes = self.bytes(value)?;
                if bytes.len() != *size {
                    return Err(Misfit::new(format!(
                        "it has {} bytes, and the schema wants {size}",
                        bytes.len()
                    )));
                }
                out.extend(bytes);
                Ok(())
            }
            Type::Enum(symbols) => symbol(symbols, value, out),
            Type::Array(items) => {
                let list = value.as_array().ok_or_else(|| expected("a list", value))?;
                if !list.is_empty() {
                    zigzag(list.len() as i64, out);
                }
                for (at, item) in list.iter().enumerate() {
                    self.value(*items, item, out, depth + 1)
                        .map_err(|misfit| misfit.at_index(at))?;
                }
                zigzag(0, out);
                Ok(())
            }
            Type::Map(values) => {
                let map = value.as_object().ok_or_else(|| expected("an object", value))?;
                if !map.is_empty() {
                    zigzag(map.len() as i64, out);
                }
                for (name, item) in map {
                    counted(name.as_bytes(), out);
                    self.value(*values, item, out, depth + 1)
                        .map_err(|misfit| misfit.within(name))?;
                }
                zigzag(0, out);
                Ok(())
            }
            Type::Union(branches) => self.union(branches, value, out, depth),
            Type::Record(fields) => self.record(fields, value, out, depth),
            logical => logical_value(logical, value, out),
        }
    }

    fn record(&mut self, fields: &[Field], value: &Value, out: &mut Vec<u8>, depth: usize) -> Result {
        let object = value.as_object().ok_or_else(|| expected("an object", value))?;
        if let Some(unknown) = object
            .keys()
            .find(|name| !fields.iter().any(|field| field.name == **name))
        {
            return Err(Misfit::new("the schema has no such field").within(unknown));
        }
        for field in fields {
            let written = match (object.get(&field.name), &field.default) {
                (Some(given), _) => self.value(field.kind, given, out, depth + 1),
                (None, Some(default)) => {
                    let before = std::mem::replace(&mut self.default, true);
                    let written = self.value(field.kind, default, out, depth + 1);
                    self.default = before;
                    written
                }
                (None, None) => Err(Misfit::new("it is missing, and the schema has no default for it")),
            };
            written.map_err(|misfit| misfit.within(&field.name))?;
        }
        Ok(())
    }

    fn union(&mut self, branches: &[usize], value: &Value, out: &mut Vec<u8>, depth: usize) -> Result {
        let from = out.len();
        // Named, in Avro's own way; a record or map may have a field of that name, so that the bare value is tried too.
        let mut named = None;
        if let Some((name, inner)) = value
            .as_object()
            .filter(|it| it.len() == 1)
            .and_then(|it| it.iter().next())
            && let Some(at) = branches.iter().position(|branch| self.is_named(*branch, name))
        {
            match self.branch(at, branches[at], inner, out, depth) {
                Ok(()) => return Ok(()),
                Err(misfit) => named = Some(misfit.within(name)),
            }
            out.truncate(from);
        }
        let mut misfits = Vec::new();
        for (at, branch) in branches.iter().enumerate() {
            if self.default && at > 0 {
                break;
            }
            match self.branch(at, *branch, value, out, depth) {
                Ok(()) => return Ok(()),
                Err(misfit) => misfits.push((*branch, misfit)),
            }
            out.truncate(from);
        }
        if let Some(misfit) = named {
            return Err(misfit);
        }
        // With one branch but null, what does not fit there is what is wrong.
        let mut real = misfits
            .into_iter()
            .filter(|(branch, _)| !matches!(self.schema.types[*branch], Type::Null));
        match (real.next(), real.next()) {
            (Some((_, misfit)), None) => Err(misfit),
            _ => {
                let names: Vec<&str> = branches.iter().map(|branch| self.name(*branch)).collect();
                Err(Misfit::new(format!(
                    "{} fits none of the schema's {}",
                    kind_of(value),
                    names.join(", ")
                )))
            }
        }
    }

    fn branch(&mut self, at: usize, branch: usize, value: &Value, out: &mut Vec<u8>, depth: usize) -> Result {
        zigzag(at as i64, out);
        self.value(branch, value, out, depth + 1)
    }

    /// Whether a branch goes by this name: its own, or that without its namespace.
    fn is_named(&self, branch: usize, name: &str) -> bool {
        let own = self.name(branch);
        own == name || own.rsplit('.').next() == Some(name)
    }

    fn name(&self, kind: usize) -> &str {
        if let Some(name) = self.schema.names.get(&kind) {
            return name;
        }
        match &self.schema.types[kind] {
            Type::Null => "null",
            Type::Boolean => "boolean",
            Type::Int | Type::Date => "int",
            Type::TimeOfDay {
                per_second: 1_000, ..
            } => "int",
            Type::Long | Type::TimeOfDay { .. } | Type::Timestamp { .. } => "long",
            Type::Float => "float",
            Type::Double => "double",
            Type::Bytes | Type::Decimal { .. } => "bytes",
            Type::String => "string",
            Type::Array(_) => "array",
            Type::Map(_) => "map",
            Type::Union(_) => "union",
            Type::Fixed(_) | Type::Uuid | Type::Duration => "fixed",
            Type::Enum(_) => "enum",
            Type::Record(_) => "record",
        }
    }

    /// Base64, as bytes are shown.
    fn bytes(&self, value: &Value) -> Result<Vec<u8>> {
        let text = value.as_str().ok_or_else(|| expected("bytes as base64", value))?;
        if self.default {
            let bytes: std::result::Result<Vec<u8>, _> =
                text.chars().map(|sign| u8::try_from(u32::from(sign))).collect();
            return bytes.map_err(|_| Misfit::new("the schema's default is no bytes"));
        }
        STANDARD
            .decode(text)
            .map_err(|_| Misfit::new(format!("{} is no base64, as bytes are written", kind_of(value))))
    }
}

fn expected(what: &str, found: &Value) -> Misfit {
    Misfit::new(format!("{what} is expected, and it is {}", kind_of(found)))
}

fn whole(value: &Value, what: &str, least: i64, most: i64, out: &mut Vec<u8>) -> Result {
    let number = value.as_i64().filter(|number| (least..=most).contains(number));
    zigzag(number.ok_or_else(|| expected(what, value))?, out);
    Ok(())
}

fn float(value: &Value) -> Result<f64> {
    match value {
        Value::Number(number) => number.as_f64().ok_or_else(|| expected("a number", value)),
        Value::String(text) => match text.as_str() {
            "NaN" => Ok(f64::NAN),
            "Infinity" => Ok(f64::INFINITY),
            "-Infinity" => Ok(f64::NEG_INFINITY),
            _ => Err(expected("a number", value)),
        },
        _ => Err(expected("a number", value)),
    }
}

fn symbol(symbols: &[Vec<u8>], value: &Value, out: &mut Vec<u8>) -> Result {
    let text = value.as_str().ok_or_else(|| expected("text", value))?;
    let known = symbols
        .iter()
        .map(|symbol| serde_json::from_slice::<String>(symbol).unwrap_or_default());
    let known: Vec<String> = known.collect();
    match known.iter().position(|symbol| symbol == text) {
        Some(at) => {
            zigzag(at as i64, out);
            Ok(())
        }
        None => Err(Misfit::new(format!(
            "\"{text}\" is none of the schema's symbols {}",
            known.join(", ")
        ))),
    }
}

fn logical_value(kind: &Type, value: &Value, out: &mut Vec<u8>) -> Result {
    match kind {
        Type::Date => {
            let days = match value {
                Value::String(text) => {
                    let date = chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d")
                        .map_err(|_| expected("a date such as 2026-01-31", value))?;
                    date.signed_duration_since(chrono::NaiveDate::default())
                        .num_days()
                }
                _ => {
                    return whole(
                        value,
                        "a date such as 2026-01-31",
                        i32::MIN.into(),
                        i32::MAX.into(),
                        out,
                    );
                }
            };
            zigzag(days, out);
            Ok(())
        }
        Type::TimeOfDay { per_second, .. } => {
            let what = "a time such as 12:30:00.000";
            let Value::String(text) = value else {
                return whole(value, what, 0, per_second * 86_400, out);
            };
            let time =
                chrono::NaiveTime::parse_from_str(text, "%H:%M:%S%.f").map_err(|_| expected(what, value))?;
            let since = time.signed_duration_since(chrono::NaiveTime::MIN);
            zigzag(
                units(since.num_seconds(), since.subsec_nanos(), *per_second)?,
                out,
            );
            Ok(())
        }
        Type::Timestamp { per_second, zone, .. } => {
            let what = match zone.is_empty() {
                true => "a time such as 2026-01-31T12:30:00.000",
                false => "a time such as 2026-01-31T12:30:00.000Z",
            };
            let Value::String(text) = value else {
                return whole(value, what, i64::MIN, i64::MAX, out);
            };
            let at = match zone.is_empty() {
                true => chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f")
                    .map(|at| at.and_utc())
                    .map_err(|_| expected(what, value))?,
                false => chrono::DateTime::parse_from_rfc3339(text)
                    .map(|at| at.to_utc())
                    .map_err(|_| expected(what, value))?,
            };
            let nanos = i32::try_from(at.timestamp_subsec_nanos()).unwrap_or(0);
            zigzag(units(at.timestamp(), nanos, *per_second)?, out);
            Ok(())
        }
        Type::Decimal { size, scale } => {
            let bytes = decimal::read(value, *scale)?;
            match size {
                None => counted(&bytes, out),
                Some(size) => {
                    let sign = if bytes.first().is_some_and(|first| *first >= 0x80) {
                        0xff
                    } else {
                        0
                    };
                    let more = size
                        .checked_sub(bytes.len())
                        .ok_or_else(|| Misfit::new(format!("it does not fit {size} bytes")))?;
                    out.extend(std::iter::repeat_n(sign, more));
                    out.extend(bytes);
                }
            }
            Ok(())
        }
        Type::Uuid => {
            let id = value.as_str().and_then(|text| uuid::Uuid::parse_str(text).ok());
            out.extend(id.ok_or_else(|| expected("a UUID", value))?.as_bytes());
            Ok(())
        }
        Type::Duration => {
            let parts = value.as_str().and_then(duration);
            let parts = parts.ok_or_else(|| expected("a span such as P1M2DT3.000S", value))?;
            parts.iter().for_each(|part| out.extend(part.to_le_bytes()));
            Ok(())
        }
        _ => Err(Misfit::new("the schema's type cannot be written")),
    }
}

/// Seconds and a fraction in units of which `per_second` make a second; what is finer than a unit is not dropped.
fn units(seconds: i64, nanos: i32, per_second: i64) -> Result<i64> {
    let each = 1_000_000_000 / per_second;
    if i64::from(nanos) % each != 0 {
        return Err(Misfit::new(format!(
            "it is finer than the schema's 1/{per_second} of a second"
        )));
    }
    seconds
        .checked_mul(per_second)
        .and_then(|units| units.checked_add(i64::from(nanos) / each))
        .ok_or_else(|| Misfit::new("it is too far from 1970"))
}

/// `P1M2DT3.004S`: months, days, milliseconds.
fn duration(text: &str) -> Option<[u32; 3]> {
    let (months, rest) = text.strip_prefix('P')?.split_once('M')?;
    let (days, rest) = rest.split_once("DT")?;
    let (seconds, ms) = rest.strip_suffix('S')?.split_once('.')?;
    let seconds: u32 = seconds.parse().ok()?;
    let ms: u32 = (ms.len() == 3).then(|| ms.parse().ok())??;
    Some([
        months.parse().ok()?,
        days.parse().ok()?,
        seconds.checked_mul(1_000)?.checked_add(ms)?,
    ])
}

/// A whole number as Avro writes it.
fn zigzag(value: i64, out: &mut Vec<u8>) {
    let mut left = (value << 1 ^ value >> 63) as u64;
    while left >= 0x80 {
        out.push(left as u8 | 0x80);
        left >>= 7;
    }
    out.push(left as u8);
}

fn counted(bytes: &[u8], out: &mut Vec<u8>) {
    zigzag(bytes.len() as i64, out);
    out.extend_from_slice(bytes);
}
