//! The few requests that are spoken by hand, before librdkafka logs in: what a listener offers is in no error of a
//! client.

use std::io::{self, Read, Write};

/// Bytes of an answer that are read.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
const UNSUPPORTED_SASL_MECHANISM: i16 = 33;

/// A connection, in the clear or not.
pub(super) trait Line: Read + Write + Send {}

impl<T: Read + Write + Send> Line for T {}

/// Sends a request and reads its answer, without the size in front.
pub(super) fn exchange(line: &mut dyn Line, request: &[u8]) -> io::Result<Vec<u8>> {
    line.write_all(request)?;
    line.flush()?;
    let mut size = [0; 4];
    line.read_exact(&mut size)?;
    let size = usize::try_from(i32::from_be_bytes(size)).unwrap_or(usize::MAX);
    if size > ANSWER_BYTES_MAX {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "it is no answer of Kafka's",
        ));
    }
    let mut answer = vec![0; size];
    line.read_exact(&mut answer)?;
    Ok(answer)
}

/// Kafka's `SaslHandshake` request, version 1.
pub(super) fn sasl_handshake(mechanism: &str) -> Vec<u8> {
    let mut body = vec![0, 17, 0, 1, 0, 0, 0, 8, 0, 8];
    body.extend(b"tailrace");
    body.extend(i16::try_from(mechanism.len()).unwrap_or(0).to_be_bytes());
    body.extend(mechanism.as_bytes());
    let mut request = i32::try_from(body.len()).unwrap_or(0).to_be_bytes().to_vec();
    request.extend(body);
    request
}

/// What a listener says of logins.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Offer {
    Accepts,
    /// Only these.
    Others(Vec<String>),
    /// It wants no login.
    NoLogin,
}

/// The answer to [`sasl_handshake`]; `None`: it is none.
pub(super) fn read_offer(answer: &[u8]) -> Option<Offer> {
    let rest = answer.strip_prefix(&[0, 0, 0, 8])?;
    let (code, rest) = rest.split_first_chunk::<2>()?;
    let (count, mut rest) = rest.split_first_chunk::<4>()?;
    let mut mechanisms = Vec::new();
    for _ in 0..i32::from_be_bytes(*count).clamp(0, 64) {
        let (size, after) = rest.split_first_chunk::<2>()?;
        let (name, after) = after.split_at_checked(usize::try_from(i16::from_be_bytes(*size)).ok()?)?;
        mechanisms.push(String::from_utf8_lossy(name).into_owned());
        rest = after;
    }
    mechanisms.sort();
    Some(match i16::from_be_bytes(*code) {
        0 => Offer::Accepts,
        UNSUPPORTED_SASL_MECHANISM => Offer::Others(mechanisms),
        _ => Offer::NoLogin,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offers() {
        let check =
            |answer: &[u8], expected: Option<Offer>| assert_eq!(read_offer(answer), expected, "{answer:?}");
        check(b"\0\0\0\x08\0\0\0\0\0\x01\0\x05PLAIN", Some(Offer::Accepts));
        check(
            b"\0\0\0\x08\0\x21\0\0\0\x02\0\x05PLAIN\0\x06GSSAPI",
            Some(Offer::Others(vec!["GSSAPI".to_owned(), "PLAIN".to_owned()])),
        );
        check(b"\0\0\0\x08\0\x22\0\0\0\0", Some(Offer::NoLogin));
        check(b"\0\0\0\x08\0\x21\0\0\0\x02\0\x05PLA", None);
        check(b"", None);
    }

    proptest::proptest! {
        #[test]
        fn any_answer_is_read(answer: Vec<u8>) {
            read_offer(&[&[0, 0, 0, 8], answer.as_slice()].concat());
        }
    }
}
