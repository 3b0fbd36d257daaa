//! CBOR as JSON: <https://www.rfc-editor.org/rfc/rfc8949>.
//!
//! Bytes are base64; a tag is left out and what it tags is written, but for the seconds of an epoch (1), which are RFC 3339,
//! and large numbers (2 and 3), which keep their digits; `undefined` is null; other simple values are their number; a
//! name that is no text is the text of its JSON.

use ciborium_ll::{Decoder, Header, simple};

use super::write::{DEPTH_MAX, Input, Out, Result};

const TAG_EPOCH: u64 = 1;
const TAG_POSITIVE: u64 = 2;
const TAG_NEGATIVE: u64 = 3;
/// Bytes of a large number that still fits 128 bits with its sign.
const LARGE_BYTES_MAX: usize = 15;
/// The end of the year 9999, which is as far as RFC 3339 goes.
const SECONDS_MAX: u64 = 253_402_300_799;
/// A float holds every whole number up to here.
const MICROS_MAX: f64 = 9_007_199_254_740_992.0;

/// Writes the value as JSON.
pub(super) fn decode(bytes: &[u8], out: &mut Out) -> Result {
    let mut input = Input::new(bytes);
    let header = header(&mut input)?;
    value(header, &mut input, out, 0)?;
    input.end()
}

/// Whether these bytes begin as a map or an array does, which is what records are.
pub(super) fn is_container(bytes: &[u8]) -> bool {
    matches!(
        header(&mut Input::new(bytes)),
        Ok(Header::Map(_) | Header::Array(_) | Header::Tag(55_799))
    )
}

fn header(input: &mut Input<'_>) -> Result<Header> {
    let rest = input.rest();
    // The longest header has nine bytes.
    let mut decoder = Decoder::from(&rest[..rest.len().min(9)]);
    match decoder.pull() {
        Ok(header) => {
            let length = decoder.offset();
            input.take(length)?;
            Ok(header)
        }
        Err(ciborium_ll::Error::Syntax(_)) => Err(input.wrong("a byte that CBOR does not use")),
        Err(ciborium_ll::Error::Io(_)) => {
            // Says that the value ends too early.
            input.take(rest.len() + 1)?;
            Err(input.wrong("the value ends too early"))
        }
    }
}

fn value(header: Header, input: &mut Input<'_>, out: &mut Out, depth: usize) -> Result {
    if depth > DEPTH_MAX {
        return Err(input.wrong(format!("values nested deeper than {DEPTH_MAX}")));
    }
    match header {
        Header::Positive(value) => out.integer(value),
        Header::Negative(value) => out.integer(-1 - i128::from(value)),
        Header::Float(value) => out.float(value),
        Header::Simple(simple::TRUE) => out.bool(true),
        Header::Simple(simple::FALSE) => out.bool(false),
        Header::Simple(simple::NULL | simple::UNDEFINED) => out.null(),
        Header::Simple(other) => out.integer(other),
        Header::Tag(tag) => tagged(tag, input, out, depth),
        Header::Break => Err(input.wrong("an end without a beginning")),
        Header::Bytes(Some(length)) => out.base64(input.take(length)?),
        Header::Bytes(None) => {
            let mut bytes = Vec::new();
            pieces(input, |piece, input| match piece {
                Header::Bytes(Some(length)) => {
                    bytes.extend_from_slice(input.take(length)?);
                    Ok(())
                }
                _ => Err(input.wrong("a piece of bytes that is none")),
            })?;
            out.base64(&bytes)
        }
        Header::Text(Some(length)) => out.string(input.text(length)?),
        Header::Text(None) => {
            out.byte(b'"')?;
            pieces(input, |piece, input| match piece {
                Header::Text(Some(length)) => out.escaped(input.text(length)?),
                _ => Err(input.wrong("a piece of text that is none")),
            })?;
            out.byte(b'"')
        }
        Header::Array(length) => {
            out.byte(b'[')?;
            items(length, input, |at, header, input| {
                if at > 0 {
                    out.byte(b',')?;
                }
                value(header, input, out, depth + 1)
            })?;
            out.byte(b']')
        }
        Header::Map(length) => {
            out.byte(b'{')?;
            items(length, input, |at, header, input| {
                if at > 0 {
                    out.byte(b',')?;
                }
                name(header, input, out, depth + 1)?;
                out.byte(b':')?;
                let header = self::header(input)?;
                value(header, input, out, depth + 1)
            })?;
            out.byte(b'}')
        }
    }
}

/// As many items as the header says, or up to the end mark.
fn items(
    length: Option<usize>,
    input: &mut Input<'_>,
    mut item: impl FnMut(usize, Header, &mut Input<'_>) -> Result,
) -> Result {
    let mut at = 0;
    while length.is_none_or(|length| at < length) {
        let header = header(input)?;
        if length.is_none() && header == Header::Break {
            return Ok(());
        }
        item(at, header, input)?;
        at += 1;
    }
    Ok(())
}

fn pieces(input: &mut Input<'_>, mut piece: impl FnMut(Header, &mut Input<'_>) -> Result) -> Result {
    items(None, input, |_, header, input| piece(header, input))
}

fn name(header: Header, input: &mut Input<'_>, out: &mut Out, depth: usize) -> Result {
    if matches!(header, Header::Text(_)) {
        return value(header, input, out, depth);
    }
    let mut other = Out::name();
    value(header, input, &mut other, depth)?;
    out.name_of(&other)
}

fn tagged(tag: u64, input: &mut Input<'_>, out: &mut Out, depth: usize) -> Result {
    match (tag, header(input)?) {
        (TAG_EPOCH, Header::Positive(seconds)) if seconds <= SECONDS_MAX => {
            out.timestamp(seconds as i64 * 1_000, 1_000, 3, "Z")
        }
        (TAG_EPOCH, Header::Float(seconds)) if (seconds * 1e6).abs() <= MICROS_MAX => {
            out.timestamp((seconds * 1e6).round() as i64, 1_000_000, 6, "Z")
        }
        (TAG_POSITIVE | TAG_NEGATIVE, Header::Bytes(Some(length))) if length <= LARGE_BYTES_MAX => {
            let value = input
                .take(length)?
                .iter()
                .fold(0i128, |value, byte| value << 8 | i128::from(*byte));
            out.integer(if tag == TAG_POSITIVE { value } else { -1 - value })
        }
        (_, header) => value(header, input, out, depth + 1),
    }
}

#[cfg(test)]
mod tests {
    use ciborium::Value as Cbor;
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn decoded(bytes: &[u8]) -> Result<String, String> {
        let mut out = Out::after(Vec::new(), 1 << 20);
        decode(bytes, &mut out).map_err(|wrong| wrong.reason("CBOR", 0))?;
        Ok(String::from_utf8(out.into_bytes()).expect("text"))
    }

    /// The examples of the RFC's appendix A.
    #[test]
    fn examples_of_the_standard() {
        let check = |hex: &str, expected: &str| {
            let bytes: Vec<u8> = (0..hex.len() / 2)
                .map(|at| u8::from_str_radix(&hex[at * 2..at * 2 + 2], 16).expect("hex"))
                .collect();
            assert_eq!(decoded(&bytes).as_deref(), Ok(expected), "{hex}");
        };
        check("1bffffffffffffffff", "18446744073709551615");
        check("3bffffffffffffffff", "-18446744073709551616");
        check("c249010000000000000000", "18446744073709551616");
        check("c349010000000000000000", "-18446744073709551617");
        check("f90001", "5.960464477539063e-8");
        check("f97e00", "\"NaN\"");
        check("fb3ff199999999999a", "1.1");
        check("f7", "null");
        check("f8ff", "255");
        check("c11a514b67b0", "\"2013-03-21T20:04:00.000Z\"");
        check("c1fb41d452d9ec200000", "\"2013-03-21T20:04:00.500000Z\"");
        check(
            "c074323031332d30332d32315432303a30343a30305a",
            "\"2013-03-21T20:04:00Z\"",
        );
        check("4401020304", "\"AQIDBA==\"");
        check("62225c", "\"\\\"\\\\\"");
        check("a201020304", r#"{"1":2,"3":4}"#);
        check("a161418261426143", r#"{"A":["B","C"]}"#);
        check("5f42010243030405ff", "\"AQIDBAU=\"");
        check("7f657374726561646d696e67ff", "\"streaming\"");
        check("9f018202039f0405ffff", "[1,[2,3],[4,5]]");
        check("bf61610161629f0203ffff", r#"{"a":1,"b":[2,3]}"#);
        check("d9d9f7a0", "{}");
    }

    #[test]
    fn broken_values_are_refused() {
        let check = |bytes: &[u8], expected: &str| {
            assert_eq!(decoded(bytes), Err(format!("not CBOR: {expected}")), "{bytes:?}")
        };
        check(&[], "the value ends too early at byte 0");
        check(&[0x1c], "a byte that CBOR does not use at byte 0");
        check(&[0x62, b'a'], "the value ends too early at byte 2");
        check(&[0x19, 1], "the value ends too early at byte 2");
        check(&[0xff], "an end without a beginning at byte 1");
        check(&[0xbf, 1, 0xff], "an end without a beginning at byte 3");
        check(
            &[0x5f, 0x61, b'a', 0xff],
            "a piece of bytes that is none at byte 2",
        );
        check(&[0x61, 0xff], "text that is not UTF-8 at byte 1");
        check(&[1, 2], "something follows the value at byte 1");
        check(&[0x81; 200], "values nested deeper than 100 at byte 102");
        check(&[0xc6; 200], "values nested deeper than 100 at byte 102");
        check(
            &[0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            "the value ends too early at byte 9",
        );
    }

    proptest! {
        #[test]
        fn what_is_encoded_comes_back(value in crate::formats::json::values::object()) {
            let cbor = Cbor::serialized(&value).expect("a value");
            let mut bytes = Vec::new();
            ciborium::into_writer(&cbor, &mut bytes).expect("memory");
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
