//! What a key or a value is, and how a person reads it.
//!
//! Invariants: a preview never copies more than it shows; what cannot be read as text is shown as hexadecimal, with the
//! reason.

use std::{borrow::Cow, fmt::Write as _};

use super::{
    detect::{Frame, detect, frame},
    format::Format,
    json::{pretty, scan},
};

/// Bytes that are shown as hexadecimal at most.
const HEX_BYTES_MAX: usize = 64 * 1024;

/// A value for reading, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
    /// The name of a [`Format`].
    pub format: &'static str,
    /// Indented.
    pub json: Option<String>,
    /// The text as it is; of bytes: hexadecimal. Absent: there is no value.
    pub text: Option<String>,
    /// Why it is not what it seems to be.
    pub problem: Option<String>,
}

/// A value as a person reads it; `None` is a tombstone.
pub fn describe(bytes: Option<&[u8]>) -> Described {
    let Some(bytes) = bytes else {
        return Described {
            format: "text",
            json: None,
            text: None,
            problem: Some("no value: a tombstone".to_owned()),
        };
    };
    let format = detect(bytes);
    let text = text_of(bytes).into_owned();
    let json = if format == Format::Json {
        pretty(&text)
    } else {
        None
    };
    Described {
        format: format.name(),
        json,
        text: Some(text),
        problem: problem(bytes, format),
    }
}

/// Why a value that seems to be JSON is none, and why one that is no text is none.
pub fn problem(bytes: &[u8], format: Format) -> Option<String> {
    match format {
        Format::Json => None,
        Format::Text => {
            let text = std::str::from_utf8(bytes).ok()?;
            if !matches!(text.trim_start().bytes().next(), Some(b'{' | b'[')) {
                return None;
            }
            let wrong = scan::check(text).err()?;
            Some(format!("not JSON: {} at byte {}", wrong.what, wrong.at))
        }
        _ => Some(match frame(bytes) {
            Some(Frame::Confluent { schema }) => {
                format!("not text: it begins as a schema registry's record does (schema {schema})")
            }
            Some(Frame::Glue { schema_version, .. }) => {
                format!("not text: it begins as a record of AWS Glue does (schema version {schema_version})")
            }
            None => match std::str::from_utf8(bytes) {
                Err(error) => format!("not text: byte {} is not UTF-8", error.valid_up_to()),
                Ok(_) => "not text: it has control characters".to_owned(),
            },
        }),
    }
}

/// Text as it is, anything else as hexadecimal.
pub fn text_of(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) if readable(text) => Cow::Borrowed(text),
        _ => Cow::Owned(hexadecimal(bytes, HEX_BYTES_MAX)),
    }
}

/// The beginning on one line, at most so many characters; a cut is marked by `…`.
pub fn preview(bytes: &[u8], chars_max: usize) -> String {
    // A character has at most four bytes, and space that is left out may be before it.
    let window = &bytes[..bytes.len().min(chars_max.saturating_mul(8).saturating_add(4))];
    let text = match std::str::from_utf8(window) {
        Ok(text) => text,
        // The window may end within a character.
        Err(error) if error.error_len().is_none() && window.len() < bytes.len() => {
            std::str::from_utf8(&window[..error.valid_up_to()]).unwrap_or("")
        }
        Err(_) => return hexadecimal(bytes, chars_max / 2),
    };
    if !readable(text) {
        return hexadecimal(bytes, chars_max / 2);
    }
    let mut out = String::with_capacity(text.len().min(chars_max));
    let (mut count, mut space) = (0, true);
    let mut rest = text.chars();
    for character in rest.by_ref() {
        let blank = matches!(character, '\n' | '\r' | '\t' | ' ');
        if blank && space {
            continue;
        }
        if count == chars_max {
            out.push('…');
            return out;
        }
        // Line breaks and the indentation after them are one space; spaces within a line stay.
        space = matches!(character, '\n' | '\r' | '\t') || (space && blank);
        out.push(if blank { ' ' } else { character });
        count += 1;
    }
    if window.len() < bytes.len() {
        out.push('…');
    } else {
        out.truncate(out.trim_end().len());
    }
    out
}

/// Text that a terminal or a table can show: control characters other than space are bytes.
pub(super) fn readable(text: &str) -> bool {
    !text
        .bytes()
        .any(|byte| byte < 0x20 && !matches!(byte, b'\n' | b'\r' | b'\t' | 0x1b | 0x0c))
}

fn hexadecimal(bytes: &[u8], bytes_max: usize) -> String {
    let shown = &bytes[..bytes.len().min(bytes_max)];
    let mut out = String::with_capacity(shown.len() * 2 + 24);
    for byte in shown {
        // Writing to a string cannot fail.
        let _ = write!(out, "{byte:02x}");
    }
    if shown.len() < bytes.len() {
        let _ = write!(out, "… {} more bytes", bytes.len() - shown.len());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_detected() {
        let check = |bytes: &[u8], format: &str, problem: Option<&str>| {
            let found = describe(Some(bytes));
            assert_eq!(found.format, format, "{bytes:?}");
            assert_eq!(found.problem.as_deref(), problem, "{bytes:?}");
        };
        check(b"{\"a\":1}", "json", None);
        check(b"42", "json", None);
        check(b"hello", "text", None);
        check(b"", "text", None);
        check("grüß".as_bytes(), "text", None);
        check(
            b"{\"a\":1",
            "text",
            Some("not JSON: a comma or an end was expected at byte 6"),
        );
        check(
            b"[INFO] started",
            "text",
            Some("not JSON: a value was expected at byte 1"),
        );
        check(b"\xff\x00", "hex", Some("not text: byte 0 is not UTF-8"));
        check(
            b"\x00\x00\x00\x00\x07\x02a",
            "hex",
            Some("not text: it begins as a schema registry's record does (schema 7)"),
        );
        check(b"a\x01b", "hex", Some("not text: it has control characters"));
        assert_eq!(describe(None).text, None);
        assert_eq!(describe(Some(b"\xff\x00")).text.as_deref(), Some("ff00"));
    }

    #[test]
    fn previews() {
        let check = |bytes: &[u8], chars_max: usize, expected: &str| {
            assert_eq!(preview(bytes, chars_max), expected, "{bytes:?} {chars_max}");
        };
        check(b"{\n  \"a\": 1,\n\t\"b\": 2\n}", 99, "{ \"a\": 1, \"b\": 2 }");
        check(b"abcdef", 6, "abcdef");
        check(b"abcdef", 3, "abc…");
        check("äöüäöü".as_bytes(), 4, "äöüä…");
        check(b"  a  b  ", 9, "a  b");
        check(b"", 5, "");
        check(b"\xff\xfe\xfd", 4, "fffe… 1 more bytes");
        check("😀".repeat(100).as_bytes(), 2, "😀😀…");
    }
}
