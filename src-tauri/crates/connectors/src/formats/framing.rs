//! What stands before the payload of a record: the header of a schema registry.
//!
//! Confluent's wire format is a zero, the schema's id in four bytes (big-endian) and, for Protobuf, the place of the
//! message in its file: <https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/index.html>.
//! AWS Glue's is a three, a byte that says whether the rest is compressed by zlib (5) or not (0), and the schema
//! version's UUID: <https://github.com/awslabs/aws-glue-schema-registry>.

use std::{borrow::Cow, io::Read as _};

use serde::{Deserialize, Serialize};
use tailrace_model::Error;
use uuid::Uuid;

use super::write::{Input, Result, Wrong};

/// Bytes that a compressed payload may have when it is unpacked.
const UNPACKED_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Messages within one another in a file of Protobuf.
const INDEXES_MAX: i64 = 32;
/// Bytes before Confluent's payload.
pub(super) const CONFLUENT_BYTES: usize = 5;
/// Bytes before Glue's payload.
pub(super) const GLUE_BYTES: usize = 18;

/// What stands before a record's payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Framing {
    /// Nothing: the value is the payload.
    Plain,
    /// The header of a Confluent-compatible schema registry.
    Confluent,
    /// The header of AWS Glue's schema registry.
    Glue,
}

impl Framing {
    pub const ALL: [Self; 3] = [Self::Plain, Self::Confluent, Self::Glue];

    /// As it stands in a file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Confluent => "confluent",
            Self::Glue => "glue",
        }
    }

    pub fn parse(name: &str) -> tailrace_model::Result<Self> {
        Self::ALL
            .into_iter()
            .find(|framing| framing.name() == name)
            .ok_or_else(|| {
                Error::user(
                    "unknown_framing",
                    format!("there is no framing `{name}`: use plain, confluent or glue"),
                )
            })
    }
}

/// The id of the schema that Confluent's header names, and the rest.
pub(super) fn confluent(bytes: &[u8]) -> Result<(u32, &[u8])> {
    match bytes {
        [0, a, b, c, d, rest @ ..] => Ok((u32::from_be_bytes([*a, *b, *c, *d]), rest)),
        [0, ..] => Err(Wrong::at(
            "the header of the schema registry is cut short",
            bytes.len(),
        )),
        _ => Err(Wrong::at(
            "it does not begin as a schema registry's record does, with a zero and a schema's id",
            0,
        )),
    }
}

/// Glue's header: whether the rest is compressed, the schema version, and the rest.
pub(super) fn glue(bytes: &[u8]) -> Option<(bool, Uuid, &[u8])> {
    let (header, rest) = bytes.split_first_chunk::<GLUE_BYTES>()?;
    let id = Uuid::from_slice(&header[2..]).ok()?;
    match header {
        [3, 0, ..] => Some((false, id, rest)),
        [3, 5, ..] => Some((true, id, rest)),
        _ => None,
    }
}

/// The payload behind Glue's header.
pub(super) fn glue_payload(bytes: &[u8]) -> Result<Cow<'_, [u8]>> {
    let Some((compressed, _, rest)) = glue(bytes) else {
        return Err(Wrong::at(
            "it does not begin as a record of AWS Glue does, with 3, 0 or 5, and a schema version's id",
            0,
        ));
    };
    if !compressed {
        return Ok(Cow::Borrowed(rest));
    }
    let mut payload = Vec::new();
    flate2::read::ZlibDecoder::new(rest)
        .take(UNPACKED_BYTES_MAX as u64 + 1)
        .read_to_end(&mut payload)
        .map_err(|_| Wrong::at("its compressed part is broken", GLUE_BYTES))?;
    if payload.len() > UNPACKED_BYTES_MAX {
        return Err(Wrong::at("it is too long when it is unpacked", GLUE_BYTES));
    }
    Ok(Cow::Owned(payload))
}

/// The place of a Protobuf message in its file (the message, then the one within it, ...), and the rest. A single zero
/// is short for the first message.
pub(super) fn message_indexes(bytes: &[u8], indexes: &mut Vec<usize>) -> Result<usize> {
    indexes.clear();
    let mut input = Input::new(bytes);
    let count = zigzag(&mut input)?;
    if count == 0 {
        indexes.push(0);
        return Ok(input.at());
    }
    if !(0..=INDEXES_MAX).contains(&count) {
        return Err(Wrong::at("the place of its message in the schema is broken", 0));
    }
    for _ in 0..count {
        let index = zigzag(&mut input)?;
        let index = usize::try_from(index)
            .map_err(|_| input.wrong("the place of its message in the schema is broken"))?;
        indexes.push(index);
    }
    Ok(input.at())
}

/// A whole number as Avro and Confluent write it.
#[inline]
pub(super) fn zigzag(input: &mut Input<'_>) -> Result<i64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let byte = input.byte()?;
        if shift == 63 && byte > 1 {
            break;
        }
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok((value >> 1) as i64 ^ -((value & 1) as i64));
        }
    }
    Err(input.wrong("a number of more than 64 bits"))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn confluent_headers() {
        assert_eq!(confluent(b"\0\0\0\x01\x02xy"), Ok((258, &b"xy"[..])));
        assert!(confluent(b"\0\0\0\x01").is_err());
        assert!(confluent(b"{}").is_err());
        assert!(confluent(b"").is_err());
    }

    #[test]
    fn glue_headers() {
        let id = Uuid::from_u128(7);
        let header = |compression: u8| [&[3, compression][..], id.as_bytes()].concat();
        let plain = [header(0), b"{}".to_vec()].concat();
        assert_eq!(glue(&plain), Some((false, id, &b"{}"[..])));
        assert_eq!(glue_payload(&plain).as_deref(), Ok(&b"{}"[..]));
        let mut packed = flate2::write::ZlibEncoder::new(header(5), flate2::Compression::fast());
        packed.write_all(b"{\"a\":1}").expect("memory");
        let mut packed = packed.finish().expect("memory");
        assert_eq!(glue_payload(&packed).as_deref(), Ok(&b"{\"a\":1}"[..]));
        packed.truncate(packed.len() - 6);
        assert!(glue_payload(&packed).is_err());
        assert_eq!(glue(&header(1)), None);
        assert_eq!(glue(&plain[..17]), None);
    }

    #[test]
    fn a_bomb_does_not_go_off() {
        let header = [&[3, 5][..], Uuid::nil().as_bytes()].concat();
        let mut packed = flate2::write::ZlibEncoder::new(header, flate2::Compression::best());
        for _ in 0..65 {
            packed.write_all(&vec![0; 1024 * 1024]).expect("memory");
        }
        let error = glue_payload(&packed.finish().expect("memory"))
            .map(|payload| payload.len())
            .expect_err("too long");
        assert_eq!(error.what, "it is too long when it is unpacked");
    }

    #[test]
    fn places_of_messages() {
        let check = |bytes: &[u8], expected: Option<(&[usize], usize)>| {
            let mut indexes = Vec::new();
            let found = message_indexes(bytes, &mut indexes).ok();
            assert_eq!(
                found.map(|length| (indexes.as_slice(), length)),
                expected,
                "{bytes:?}"
            );
        };
        check(&[0, 9], Some((&[0], 1)));
        check(&[2, 4, 9], Some((&[2], 2)));
        check(&[4, 2, 0], Some((&[1, 0], 3)));
        check(&[4, 2], None);
        check(&[1], None);
        check(&[2, 1], None);
        check(&[0xff; 12], None);
        check(&[], None);
    }
}
