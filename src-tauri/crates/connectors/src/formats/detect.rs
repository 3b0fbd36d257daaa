//! What bytes are, by themselves: one value, or a sample of the values of a topic.
//!
//! Invariant: a guess never asks anybody; a format that needs a schema of its own is never guessed, but a header that names
//! one is.

use arrow::array::{Array, BinaryArray};
use uuid::Uuid;

use super::{
    cbor, csv,
    format::Format,
    framing::{self, Framing},
    json::scan,
    messagepack,
    text::readable,
    write::Out,
};

/// Values of a batch that are looked at, spread over it.
const SAMPLE_MAX: usize = 200;
/// Longer values are not decoded for a guess.
const SAMPLE_BYTES_MAX: usize = 256 * 1024;
/// Lines that have to agree before they are taken for CSV, and fields that they have to have.
const CSV_LINES_MIN: usize = 4;
const CSV_FIELDS_MIN: usize = 3;
const DELIMITERS: [char; 4] = [',', ';', '\t', '|'];
/// Milliseconds from 2001 to 2100.
const MILLISECONDS: std::ops::Range<i64> = 978_307_200_000..4_102_444_800_000;
/// Schema ids of one topic.
const IDS_MAX: usize = 8;

/// What a sample is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Detected {
    pub format: Format,
    pub framing: Framing,
    /// Of CSV.
    pub delimiter: Option<char>,
}

/// The header that a value begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frame {
    Confluent { schema: u32 },
    Glue { schema_version: Uuid, compressed: bool },
}

/// The header of a schema registry, if the value begins with one. Other binary values may happen to begin so, too.
pub fn frame(bytes: &[u8]) -> Option<Frame> {
    if let Some((compressed, schema_version, _)) = framing::glue(bytes) {
        return Some(Frame::Glue {
            schema_version,
            compressed,
        });
    }
    match framing::confluent(bytes) {
        Ok((schema @ 1.., _)) => Some(Frame::Confluent { schema }),
        _ => None,
    }
}

/// JSON if it is JSON, text if it is UTF-8, else bytes.
pub fn detect(bytes: &[u8]) -> Format {
    match std::str::from_utf8(bytes) {
        Err(_) => Format::Hex,
        Ok(text) if readable(text) => {
            if scan::check(text).is_ok() {
                Format::Json
            } else {
                Format::Text
            }
        }
        Ok(_) => Format::Hex,
    }
}

/// What the values are, most of them; `None` when there is none. Nulls do not count.
pub fn detect_values(values: &BinaryArray) -> Option<Detected> {
    let step = values.len().div_ceil(SAMPLE_MAX).max(1);
    let sample: Vec<&[u8]> = (0..values.len())
        .step_by(step)
        .filter(|row| values.is_valid(*row))
        .map(|row| values.value(row))
        .collect();
    if sample.is_empty() {
        return None;
    }
    let plain = |format| Detected {
        format,
        framing: Framing::Plain,
        delimiter: None,
    };
    let formats: Vec<Format> = sample.iter().map(|value| detect(value)).collect();
    let objects = sample
        .iter()
        .zip(&formats)
        .filter(|(value, format)| **format == Format::Json && begins(value, b"{["))
        .count();
    let texts = formats.iter().filter(|format| **format != Format::Hex).count();
    // A few objects among other text still are what one looks for.
    if objects * 10 >= sample.len() && most(texts, sample.len()) {
        return Some(plain(Format::Json));
    }
    if most(texts, sample.len()) {
        if let Some(delimiter) = delimiter(&sample) {
            return Some(Detected {
                delimiter: Some(delimiter),
                ..plain(Format::Csv)
            });
        }
        let json = formats.iter().all(|format| *format == Format::Json);
        return Some(plain(if json { Format::Json } else { Format::Text }));
    }
    let found = framed(&sample).unwrap_or_else(|| plain(binary(&sample)));
    // Where the others are no format that is known, each is shown as what it is.
    Some(match found.format {
        Format::Hex if objects * 10 >= sample.len() => plain(Format::Json),
        Format::Hex if texts * 10 >= sample.len() => plain(Format::Text),
        _ => found,
    })
}

/// Nine in ten.
fn most(some: usize, all: usize) -> bool {
    some * 10 >= all * 9
}

fn begins(value: &[u8], with: &[u8]) -> bool {
    value
        .iter()
        .find(|byte| !byte.is_ascii_whitespace())
        .is_some_and(|first| with.contains(first))
}

/// The header of a registry before most values.
fn framed(sample: &[&[u8]]) -> Option<Detected> {
    let (mut ids, mut confluent, mut glue) = (Vec::new(), 0, 0);
    for value in sample {
        match frame(value) {
            Some(Frame::Confluent { schema }) => {
                confluent += 1;
                if !ids.contains(&schema) {
                    ids.push(schema);
                }
            }
            Some(Frame::Glue { .. }) => glue += 1,
            None => {}
        }
    }
    let of = |format, framing| Detected {
        format,
        framing,
        delimiter: None,
    };
    if most(glue, sample.len()) {
        let json = |value: &&[u8]| {
            framing::glue_payload(value).is_ok_and(|payload| detect(&payload) == Format::Json)
        };
        let json = most(
            sample.iter().copied().filter(|value| json(value)).count(),
            sample.len(),
        );
        let format = if json {
            Format::JsonSchema
        } else {
            Format::Registry
        };
        return Some(of(format, Framing::Glue));
    }
    // Eight bytes are also a number, which times are most often.
    let times = sample.iter().all(|value| {
        <[u8; 8]>::try_from(*value).is_ok_and(|bytes| MILLISECONDS.contains(&i64::from_be_bytes(bytes)))
    });
    (most(confluent, sample.len()) && ids.len() <= IDS_MAX && !times)
        .then(|| of(Format::Registry, Framing::Confluent))
}

fn binary(sample: &[&[u8]]) -> Format {
    let mut out = Out::default();
    let mut decoded = |format: fn(&[u8], &mut Out) -> super::write::Result, begins: fn(&[u8]) -> bool| {
        let count = sample.iter().filter(|value| {
            out.truncate(0);
            out.allow(4 * SAMPLE_BYTES_MAX);
            value.len() <= SAMPLE_BYTES_MAX && begins(value) && format(value, &mut out).is_ok()
        });
        most(count.count(), sample.len())
    };
    if decoded(messagepack::decode, messagepack::is_container) {
        return Format::MessagePack;
    }
    if decoded(cbor::decode, cbor::is_container) {
        return Format::Cbor;
    }
    let all = |length: usize| sample.iter().all(|value| value.len() == length);
    // Numbers that people give are small beside what random bytes are.
    let small = |zeros: usize| {
        sample
            .iter()
            .all(|value| value[..zeros].iter().all(|byte| *byte == value[0]) && matches!(value[0], 0 | 255))
    };
    if all(8) && small(2) {
        Format::Int64
    } else if all(4) && small(1) {
        Format::Int32
    } else {
        Format::Hex
    }
}

/// The delimiter by which every line has as many fields, and not few.
fn delimiter(sample: &[&[u8]]) -> Option<char> {
    if sample.len() < CSV_LINES_MIN || sample.iter().any(|value| value.len() > SAMPLE_BYTES_MAX) {
        return None;
    }
    DELIMITERS.into_iter().find(|delimiter| {
        let mut counts = sample.iter().map(|value| csv::fields(value, *delimiter));
        let first = counts.next().flatten();
        first.is_some_and(|first| first >= CSV_FIELDS_MIN) && counts.all(|count| count == first)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn samples() {
        let check = |sample: &[&[u8]], format: Format, framing: Framing| {
            let values = BinaryArray::from_iter_values(sample);
            let found = detect_values(&values).expect("values");
            assert_eq!((found.format, found.framing), (format, framing), "{sample:?}");
        };
        let plain = |sample: &[&[u8]], format: Format| check(sample, format, Framing::Plain);
        plain(&[b"{\"a\":1}", b"x", b" {}"], Format::Json);
        plain(&[b"1", b"2"], Format::Json);
        plain(&[b"1", b"x"], Format::Text);
        plain(&[b"a,b,c", b"1,2,3", b"\"x,y\",,"], Format::Text);
        plain(&[b"a,b,c", b"1,2,3", b"\"x,y\",,", b"7,8,9"], Format::Csv);
        plain(&[b"\x81\xa1a\xff", b"\x80"], Format::MessagePack);
        plain(&[b"\xa1\x61a\x20", b"\xbf\xff"], Format::Cbor);
        plain(&[&7i64.to_be_bytes(), &(-1i64).to_be_bytes()], Format::Int64);
        plain(&[&1_772_323_200_000i64.to_be_bytes()], Format::Int64);
        plain(&[&7i32.to_be_bytes(), &300i32.to_be_bytes()], Format::Int32);
        plain(&[b"\xff\x01\x02", b"\x03"], Format::Hex);
        plain(&[b"\x17\xff\x01\x02\x99\x88\x77\x66"], Format::Hex);
        check(
            &[b"\0\0\0\0\x07\x02a", b"\0\0\0\0\x08\x02b"],
            Format::Registry,
            Framing::Confluent,
        );
        let glue = [&[3, 0][..], &[7; 16], b"\x02a"].concat();
        check(&[&glue], Format::Registry, Framing::Glue);
        let glue = [&[3, 0][..], &[7; 16], b"{}"].concat();
        check(&[&glue], Format::JsonSchema, Framing::Glue);
        assert_eq!(detect_values(&BinaryArray::from(vec![None, None])), None);
    }

    #[test]
    fn headers() {
        assert_eq!(frame(b"\0\0\0\x01\0"), Some(Frame::Confluent { schema: 256 }));
        assert_eq!(frame(b"\0\0\0\0\0"), None);
        assert_eq!(frame(b"{}"), None);
        assert_eq!(
            frame(&[&[3, 5][..], &[0; 16]].concat()),
            Some(Frame::Glue {
                schema_version: Uuid::nil(),
                compressed: true
            })
        );
    }

    proptest! {
        #[test]
        fn any_bytes_have_a_guess(values in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 1..6)) {
            prop_assert!(detect_values(&BinaryArray::from_iter_values(&values)).is_some());
        }
    }
}
