//! MessagePack as JSON: <https://github.com/msgpack/msgpack/blob/master/spec.md>.
//!
//! Bytes are base64; the timestamp extension is RFC 3339 with nanoseconds; any other extension is `{"type":…,"data":…}`;
//! a name that is no text is the text of its JSON.

use rmp::Marker;

use super::write::{DEPTH_MAX, Input, Out, Result};

/// The extension that is a timestamp.
const TIMESTAMP: i8 = -1;

/// Writes the value as JSON.
pub(super) fn decode(bytes: &[u8], out: &mut Out) -> Result {
    let mut input = Input::new(bytes);
    value(&mut input, out, 0)?;
    input.end()
}

/// Whether these bytes begin as a map or an array does, which is what records are.
pub(super) fn is_container(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(|first| {
        matches!(
            Marker::from_u8(*first),
            Marker::FixMap(_)
                | Marker::Map16
                | Marker::Map32
                | Marker::FixArray(_)
                | Marker::Array16
                | Marker::Array32
        )
    })
}

fn value(input: &mut Input<'_>, out: &mut Out, depth: usize) -> Result {
    if depth > DEPTH_MAX {
        return Err(input.wrong(format!("values nested deeper than {DEPTH_MAX}")));
    }
    let unused = input.wrong("a byte that MessagePack does not use");
    match Marker::from_u8(input.byte()?) {
        Marker::Null => out.null(),
        Marker::True => out.bool(true),
        Marker::False => out.bool(false),
        Marker::FixPos(value) => out.integer(value),
        Marker::FixNeg(value) => out.integer(value),
        Marker::U8 => out.integer(input.byte()?),
        Marker::U16 => out.integer(u16::from_be_bytes(input.array()?)),
        Marker::U32 => out.integer(u32::from_be_bytes(input.array()?)),
        Marker::U64 => out.integer(u64::from_be_bytes(input.array()?)),
        Marker::I8 => out.integer(i8::from_be_bytes(input.array()?)),
        Marker::I16 => out.integer(i16::from_be_bytes(input.array()?)),
        Marker::I32 => out.integer(i32::from_be_bytes(input.array()?)),
        Marker::I64 => out.integer(i64::from_be_bytes(input.array()?)),
        Marker::F32 => out.float32(f32::from_be_bytes(input.array()?)),
        Marker::F64 => out.float(f64::from_be_bytes(input.array()?)),
        Marker::FixStr(length) => text(length.into(), input, out),
        Marker::Str8 => length8(input).and_then(|length| text(length, input, out)),
        Marker::Str16 => length16(input).and_then(|length| text(length, input, out)),
        Marker::Str32 => length32(input).and_then(|length| text(length, input, out)),
        Marker::Bin8 => length8(input).and_then(|length| out.base64(input.take(length)?)),
        Marker::Bin16 => length16(input).and_then(|length| out.base64(input.take(length)?)),
        Marker::Bin32 => length32(input).and_then(|length| out.base64(input.take(length)?)),
        Marker::FixArray(length) => array(length.into(), input, out, depth),
        Marker::Array16 => length16(input).and_then(|length| array(length, input, out, depth)),
        Marker::Array32 => length32(input).and_then(|length| array(length, input, out, depth)),
        Marker::FixMap(length) => map(length.into(), input, out, depth),
        Marker::Map16 => length16(input).and_then(|length| map(length, input, out, depth)),
        Marker::Map32 => length32(input).and_then(|length| map(length, input, out, depth)),
        Marker::FixExt1 => extension(1, input, out),
        Marker::FixExt2 => extension(2, input, out),
        Marker::FixExt4 => extension(4, input, out),
        Marker::FixExt8 => extension(8, input, out),
        Marker::FixExt16 => extension(16, input, out),
        Marker::Ext8 => length8(input).and_then(|length| extension(length, input, out)),
        Marker::Ext16 => length16(input).and_then(|length| extension(length, input, out)),
        Marker::Ext32 => length32(input).and_then(|length| extension(length, input, out)),
        Marker::Reserved => Err(unused),
    }
}

fn length8(input: &mut Input<'_>) -> Result<usize> {
    input.byte().map(usize::from)
}

fn length16(input: &mut Input<'_>) -> Result<usize> {
    input.array().map(|bytes| u16::from_be_bytes(bytes).into())
}

fn length32(input: &mut Input<'_>) -> Result<usize> {
    let length = u32::from_be_bytes(input.array()?);
    usize::try_from(length).map_err(|_| input.wrong("a length that memory does not have"))
}

fn text(length: usize, input: &mut Input<'_>, out: &mut Out) -> Result {
    out.string(input.text(length)?)
}

fn array(length: usize, input: &mut Input<'_>, out: &mut Out, depth: usize) -> Result {
    out.byte(b'[')?;
    for at in 0..length {
        if at > 0 {
            out.byte(b',')?;
        }
        value(input, out, depth + 1)?;
    }
    out.byte(b']')
}

fn map(length: usize, input: &mut Input<'_>, out: &mut Out, depth: usize) -> Result {
    out.byte(b'{')?;
    for at in 0..length {
        if at > 0 {
            out.byte(b',')?;
        }
        name(input, out, depth + 1)?;
        out.byte(b':')?;
        value(input, out, depth + 1)?;
    }
    out.byte(b'}')
}

fn name(input: &mut Input<'_>, out: &mut Out, depth: usize) -> Result {
    match input.rest().first().map(|first| Marker::from_u8(*first)) {
        // Most names are short texts, which need no text of their own.
        Some(Marker::FixStr(_) | Marker::Str8) => value(input, out, depth),
        _ => {
            let mut other = Out::name();
            value(input, &mut other, depth)?;
            out.name_of(&other)
        }
    }
}

fn extension(length: usize, input: &mut Input<'_>, out: &mut Out) -> Result {
    let kind = i8::from_be_bytes(input.array()?);
    let data = input.take(length)?;
    if kind == TIMESTAMP
        && let Some((seconds, nanos)) = timestamp(data)
        && let Some(count) = seconds
            .checked_mul(1_000_000_000)
            .and_then(|count| count.checked_add(nanos.into()))
    {
        return out.timestamp(count, 1_000_000_000, 9, "Z");
    }
    out.raw(b"{\"type\":")?;
    out.integer(kind)?;
    out.raw(b",\"data\":")?;
    out.base64(data)?;
    out.byte(b'}')
}

fn timestamp(data: &[u8]) -> Option<(i64, u32)> {
    let (seconds, nanos) = match data.len() {
        4 => (u32::from_be_bytes(data.try_into().ok()?).into(), 0),
        8 => {
            let both = u64::from_be_bytes(data.try_into().ok()?);
            ((both & 0x3_ffff_ffff) as i64, (both >> 34) as u32)
        }
        12 => (
            i64::from_be_bytes(*data.last_chunk()?),
            u32::from_be_bytes(*data.first_chunk()?),
        ),
        _ => return None,
    };
    (nanos < 1_000_000_000).then_some((seconds, nanos))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rmp::encode as write;
    use serde_json::Value;

    use super::*;

    fn decoded(bytes: &[u8]) -> Result<String, String> {
        let mut out = Out::after(Vec::new(), 1 << 20);
        decode(bytes, &mut out).map_err(|wrong| wrong.reason("MessagePack", 0))?;
        Ok(String::from_utf8(out.into_bytes()).expect("text"))
    }

    /// By the crate's own encoder.
    fn encode(value: &Value, to: &mut Vec<u8>) {
        match value {
            Value::Null => write::write_nil(to).expect("memory"),
            Value::Bool(value) => write::write_bool(to, *value).expect("memory"),
            Value::Number(number) => match (number.as_i64(), number.as_u64()) {
                (Some(value), _) => {
                    write::write_sint(to, value).expect("memory");
                }
                (_, Some(value)) => {
                    write::write_uint(to, value).expect("memory");
                }
                _ => write::write_f64(to, number.as_f64().expect("a float")).expect("memory"),
            },
            Value::String(text) => write::write_str(to, text).expect("memory"),
            Value::Array(list) => {
                write::write_array_len(to, list.len() as u32).expect("memory");
                list.iter().for_each(|value| encode(value, to));
            }
            Value::Object(object) => {
                write::write_map_len(to, object.len() as u32).expect("memory");
                for (name, value) in object {
                    write::write_str(to, name).expect("memory");
                    encode(value, to);
                }
            }
        }
    }

    #[test]
    fn what_json_does_not_have() {
        let check =
            |bytes: &[u8], expected: &str| assert_eq!(decoded(bytes).as_deref(), Ok(expected), "{bytes:?}");
        check(&[0xc4, 2, 0, 255], "\"AP8=\"");
        check(&[0xca, 0x3d, 0xcc, 0xcc, 0xcd], "0.1");
        check(&[0x82, 1, 2, 0xc0, 0x90], r#"{"1":2,"null":[]}"#);
        check(&[0x81, 0x91, 0xa1, b'"', 1], r#"{"[\"\\\"\"]":1}"#);
        check(&[0xd4, 7, 1], r#"{"type":7,"data":"AQ=="}"#);
        check(&[0xd6, 0xff, 0, 0, 0, 1], "\"1970-01-01T00:00:01.000000000Z\"");
        check(
            &[0xd7, 0xff, 0, 0, 0, 4, 0, 0, 0, 1],
            "\"1970-01-01T00:00:01.000000001Z\"",
        );
        check(
            &[
                0xc7, 12, 0xff, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
            ],
            "\"1969-12-31T23:59:59.000000001Z\"",
        );
    }

    #[test]
    fn broken_values_are_refused() {
        let check = |bytes: &[u8], expected: &str| {
            assert_eq!(
                decoded(bytes),
                Err(format!("not MessagePack: {expected}")),
                "{bytes:?}"
            )
        };
        check(&[], "the value ends too early at byte 0");
        check(&[0xc1], "a byte that MessagePack does not use at byte 0");
        check(
            &[0xdd, 0xff, 0xff, 0xff, 0xff],
            "the value ends too early at byte 5",
        );
        check(&[0xa2, b'a'], "the value ends too early at byte 2");
        check(&[0xa1, 0xff], "text that is not UTF-8 at byte 1");
        check(&[0x01, 0x02], "something follows the value at byte 1");
        check(&[0x91; 200], "values nested deeper than 100 at byte 101");
    }

    proptest! {
        #[test]
        fn what_is_encoded_comes_back(value in crate::formats::json::values::object()) {
            let mut bytes = Vec::new();
            encode(&value, &mut bytes);
            let text = decoded(&bytes).expect("decoded");
            let found: Value = serde_json::from_str(&text).expect("JSON");
            prop_assert!(crate::formats::json::values::same(&found, &value), "{}", text);
            for length in 0..bytes.len() {
                prop_assert!(decoded(&bytes[..length]).is_err());
            }
        }

        #[test]
        fn any_bytes_are_json_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            if let Ok(text) = decoded(&bytes) {
                prop_assert!(crate::formats::json::scan::check(&text).is_ok(), "{}", text);
            }
        }
    }
}
