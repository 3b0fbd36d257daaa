//! JSON text being written, and bytes being read: what every decoder stands on.
//!
//! Invariants: an [`Out`] never grows past its limit, whatever is written; what is written between a successful begin and
//! end is JSON; an [`Input`] is never read past its end.

use std::{borrow::Cow, io::Write as _};

use base64::{Engine as _, engine::general_purpose::STANDARD};

/// Values within one another that a decoder follows: far more than people write, far less than a stack holds.
pub(super) const DEPTH_MAX: usize = 100;
/// Bytes of an object's name that is no text where it comes from.
const NAME_BYTES_MAX: usize = 64 * 1024;
/// Bytes that base64 turns into text at a time; a multiple of three.
const BASE64_CHUNK: usize = 3 * 256;

/// Why bytes are not of their format, in words for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wrong {
    pub what: Cow<'static, str>,
    /// Where, in bytes from the beginning of what was decoded.
    pub at: Option<usize>,
}

pub(super) type Result<T = (), E = Wrong> = std::result::Result<T, E>;

impl Wrong {
    pub fn new(what: impl Into<Cow<'static, str>>) -> Self {
        Self {
            what: what.into(),
            at: None,
        }
    }

    pub fn at(what: impl Into<Cow<'static, str>>, at: usize) -> Self {
        Self {
            what: what.into(),
            at: Some(at),
        }
    }

    /// The reason, the place counted from the beginning of the record's bytes: `before` of them were no payload.
    pub fn reason(&self, format: &str, before: usize) -> String {
        match self.at {
            Some(at) => format!("not {format}: {} at byte {}", self.what, at + before),
            None => format!("not {format}: {}", self.what),
        }
    }
}

/// JSON text that grows up to a limit.
#[derive(Debug, Default)]
pub(super) struct Out {
    bytes: Vec<u8>,
    limit: usize,
}

impl Out {
    /// For a name that is no text where it comes from.
    pub fn name() -> Self {
        Self {
            bytes: Vec::new(),
            limit: NAME_BYTES_MAX,
        }
    }

    /// Continues `bytes`, and may add this many to it.
    pub fn after(bytes: Vec<u8>, more_max: usize) -> Self {
        let limit = bytes.len().saturating_add(more_max);
        Self { bytes, limit }
    }

    /// How many more may be added from here on.
    pub fn allow(&mut self, more_max: usize) {
        self.limit = self.bytes.len().saturating_add(more_max);
    }

    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Takes back what was written after `len`.
    pub fn truncate(&mut self, len: usize) {
        self.bytes.truncate(len);
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// JSON as it is, or a part of it.
    #[inline]
    pub fn raw(&mut self, json: &[u8]) -> Result {
        if json.len() > self.limit - self.bytes.len().min(self.limit) {
            return Err(full());
        }
        self.bytes.extend_from_slice(json);
        Ok(())
    }

    #[inline]
    pub fn byte(&mut self, byte: u8) -> Result {
        self.raw(&[byte])
    }

    pub fn null(&mut self) -> Result {
        self.raw(b"null")
    }

    pub fn bool(&mut self, value: bool) -> Result {
        self.raw(if value { b"true" } else { b"false" })
    }

    /// Formats numbers without a text of their own.
    fn number(&mut self, number: std::fmt::Arguments<'_>) -> Result {
        let before = self.bytes.len();
        // Writing to memory cannot fail.
        let _ = self.bytes.write_fmt(number);
        if self.bytes.len() > self.limit {
            self.bytes.truncate(before);
            return Err(full());
        }
        Ok(())
    }

    pub fn integer(&mut self, value: impl Into<i128>) -> Result {
        self.number(format_args!("{}", value.into()))
    }

    /// What JSON has no number for is text, as in Protobuf's JSON.
    pub fn float(&mut self, value: f64) -> Result {
        if value.is_finite() {
            self.number(format_args!("{value:?}"))
        } else {
            self.not_finite(value)
        }
    }

    /// With no more digits than the smaller float has.
    pub fn float32(&mut self, value: f32) -> Result {
        if value.is_finite() {
            self.number(format_args!("{value:?}"))
        } else {
            self.not_finite(f64::from(value))
        }
    }

    fn not_finite(&mut self, value: f64) -> Result {
        self.raw(if value.is_nan() {
            b"\"NaN\""
        } else if value > 0.0 {
            b"\"Infinity\""
        } else {
            b"\"-Infinity\""
        })
    }

    pub fn string(&mut self, text: &str) -> Result {
        self.byte(b'"')?;
        self.escaped(text)?;
        self.byte(b'"')
    }

    /// What stands between a string's quotes.
    pub fn escaped(&mut self, text: &str) -> Result {
        let bytes = text.as_bytes();
        let mut from = 0;
        for (at, byte) in bytes.iter().enumerate() {
            let short = match byte {
                b'"' => b"\\\"",
                b'\\' => b"\\\\",
                b'\n' => b"\\n",
                b'\r' => b"\\r",
                b'\t' => b"\\t",
                0..0x20 => b"\\u",
                _ => continue,
            };
            self.raw(&bytes[from..at])?;
            from = at + 1;
            self.raw(short)?;
            if short == b"\\u" {
                self.number(format_args!("{byte:04x}"))?;
            }
        }
        self.raw(&bytes[from..])
    }

    /// Bytes as base64 with padding, as JSON's mappings have it.
    pub fn base64(&mut self, bytes: &[u8]) -> Result {
        self.byte(b'"')?;
        let mut chunk = [0; BASE64_CHUNK / 3 * 4];
        for bytes in bytes.chunks(BASE64_CHUNK) {
            let written = STANDARD
                .encode_slice(bytes, &mut chunk)
                .map_err(|_| Wrong::new("its bytes cannot be written as base64"))?;
            self.raw(&chunk[..written])?;
        }
        self.byte(b'"')
    }

    /// Bytes as hexadecimal text.
    pub fn hexadecimal(&mut self, bytes: &[u8]) -> Result {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        self.byte(b'"')?;
        for byte in bytes {
            self.raw(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]])?;
        }
        self.byte(b'"')
    }

    /// A value as the name of an object's field: text as it is, anything else as the text of its JSON.
    pub fn name_of(&mut self, value: &Out) -> Result {
        match value.as_bytes() {
            text @ [b'"', ..] => self.raw(text),
            other => self.string(&String::from_utf8_lossy(other)),
        }
    }

    /// `2026-03-01`, days counted from 1970; a number where RFC 3339 has no such year.
    pub fn date(&mut self, days: i64) -> Result {
        match civil(days) {
            Some((year, month, day)) => self.number(format_args!("\"{year:04}-{month:02}-{day:02}\"")),
            None => self.integer(days),
        }
    }

    /// RFC 3339 with so many digits of a second; `count` units of `per_second` since 1970. `zone` is `Z`, or nothing for
    /// a local time. A number where RFC 3339 has no such year.
    pub fn timestamp(&mut self, count: i64, per_second: i64, digits: usize, zone: &str) -> Result {
        let (seconds, fraction) = (count.div_euclid(per_second), count.rem_euclid(per_second));
        match Self::has_date(seconds) {
            true => self.moment(seconds, fraction as u32, digits, zone),
            false => self.integer(count),
        }
    }

    /// Whether RFC 3339 has the year of this second since 1970.
    pub fn has_date(seconds: i64) -> bool {
        civil(seconds.div_euclid(86_400)).is_some()
    }

    /// RFC 3339: a second since 1970 that has a date, and so many digits of it.
    pub fn moment(&mut self, seconds: i64, fraction: u32, digits: usize, zone: &str) -> Result {
        let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
        let Some((year, month, day)) = civil(days) else {
            return self.integer(seconds);
        };
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        let whole = format_args!("\"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
        match digits {
            0 => self.number(format_args!("{whole}{zone}\"")),
            _ => self.number(format_args!("{whole}.{fraction:0digits$}{zone}\"")),
        }
    }

    /// `23:59:59.999`; a number where it is no time of a day.
    pub fn time_of_day(&mut self, count: i64, per_second: i64, digits: usize) -> Result {
        if !(0..86_400 * per_second).contains(&count) {
            return self.integer(count);
        }
        let (second, fraction) = (count / per_second, count % per_second);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        self.number(format_args!(
            "\"{hour:02}:{minute:02}:{second:02}.{fraction:0digits$}\""
        ))
    }
}

fn full() -> Wrong {
    Wrong::new("it would be too long as JSON")
}

/// Serde writes through this, so that its text is bounded too.
impl std::io::Write for Out {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.raw(bytes)
            .map_err(|wrong| std::io::Error::other(wrong.what))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Year, month and day of a day counted from 1970; years that RFC 3339 can write.
fn civil(days: i64) -> Option<(i64, i64, i64)> {
    // From 0000-01-01 to 9999-12-31.
    if !(-719_528..=2_932_896).contains(&days) {
        return None;
    }
    // Years that begin in March put the leap day last; 400 of them always have the same number of days.
    let since = days + 719_468;
    let (era, day_of_era) = (since.div_euclid(146_097), since.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    Some((era * 400 + year_of_era + i64::from(month <= 2), month, day))
}

/// Bytes being read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Input<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Input<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// A part of `bytes` that is within them; places still count from their beginning.
    pub fn between(bytes: &'a [u8], from: usize, to: usize) -> Self {
        let to = to.min(bytes.len());
        Self {
            bytes: &bytes[..to],
            at: from.min(to),
        }
    }

    pub fn at(&self) -> usize {
        self.at
    }

    /// What was read since an earlier place.
    pub fn since(&self, before: usize) -> &'a [u8] {
        self.bytes.get(before..self.at).unwrap_or_default()
    }

    pub fn rest(&self) -> &'a [u8] {
        &self.bytes[self.at..]
    }

    pub fn wrong(&self, what: impl Into<Cow<'static, str>>) -> Wrong {
        Wrong::at(what, self.at)
    }

    #[inline]
    pub fn take(&mut self, length: usize) -> Result<&'a [u8]> {
        let taken = self.rest().get(..length).ok_or_else(|| self.cut())?;
        self.at += length;
        Ok(taken)
    }

    #[inline]
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let taken = *self.rest().first_chunk().ok_or_else(|| self.cut())?;
        self.at += N;
        Ok(taken)
    }

    #[inline]
    pub fn byte(&mut self) -> Result<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub fn text(&mut self, length: usize) -> Result<&'a str> {
        let before = self.at;
        std::str::from_utf8(self.take(length)?)
            .map_err(|error| Wrong::at("text that is not UTF-8", before + error.valid_up_to()))
    }

    /// Nothing is left.
    pub fn end(&self) -> Result {
        if self.at < self.bytes.len() {
            return Err(self.wrong("something follows the value"));
        }
        Ok(())
    }

    fn cut(&self) -> Wrong {
        Wrong::at("the value ends too early", self.bytes.len())
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, SecondsFormat};
    use proptest::prelude::*;

    use super::*;

    fn written(write: impl FnOnce(&mut Out) -> Result) -> String {
        let mut out = Out::after(Vec::new(), 1 << 20);
        write(&mut out).expect("room");
        String::from_utf8(out.into_bytes()).expect("text")
    }

    #[test]
    fn numbers() {
        let check = |value: f64, expected: &str| assert_eq!(written(|out| out.float(value)), expected);
        check(1.0, "1.0");
        check(1e300, "1e300");
        check(-0.1, "-0.1");
        check(f64::NAN, "\"NaN\"");
        check(f64::NEG_INFINITY, "\"-Infinity\"");
        assert_eq!(written(|out| out.float32(0.1)), "0.1");
        assert_eq!(written(|out| out.integer(u64::MAX)), u64::MAX.to_string());
    }

    #[test]
    fn times_of_a_day() {
        let check = |count: i64, expected: &str| {
            assert_eq!(written(|out| out.time_of_day(count, 1_000, 3)), expected)
        };
        check(0, "\"00:00:00.000\"");
        check(86_399_999, "\"23:59:59.999\"");
        check(86_400_000, "86400000");
        check(-1, "-1");
    }

    #[test]
    fn nothing_is_written_past_the_limit() {
        let mut out = Out::after(b"ab".to_vec(), 4);
        out.string("xy").expect("room for four");
        assert_eq!(out.integer(7), Err(full()));
        assert_eq!(out.byte(b'!'), Err(full()));
        assert_eq!(out.as_bytes(), b"ab\"xy\"");
    }

    proptest! {
        #[test]
        fn strings_are_json(text in any::<String>()) {
            let json = written(|out| out.string(&text));
            prop_assert_eq!(serde_json::from_str::<String>(&json).expect("JSON"), text);
        }

        #[test]
        fn floats_are_json(value in any::<f64>().prop_filter("finite", |value| value.is_finite())) {
            let json = written(|out| out.float(value));
            prop_assert_eq!(json.parse::<f64>().expect("a float"), value);
            prop_assert!(crate::formats::json::scan::check(&json).is_ok());
        }

        #[test]
        fn base64_in_pieces(bytes in prop::collection::vec(any::<u8>(), 0..3_000)) {
            prop_assert_eq!(written(|out| out.base64(&bytes)), format!("\"{}\"", STANDARD.encode(&bytes)));
        }

        #[test]
        fn times_agree(ms in -62_167_219_200_000i64..253_402_300_800_000) {
            let expected = DateTime::from_timestamp_millis(ms).expect("a time");
            prop_assert_eq!(
                written(|out| out.timestamp(ms, 1_000, 3, "Z")),
                format!("\"{}\"", expected.to_rfc3339_opts(SecondsFormat::Millis, true))
            );
            prop_assert_eq!(
                written(|out| out.date(ms.div_euclid(86_400_000))),
                format!("\"{}\"", expected.date_naive())
            );
        }

        #[test]
        fn any_count_is_json(count in any::<i64>()) {
            for (per_second, digits) in [(1_000, 3), (1_000_000, 6), (1_000_000_000, 9)] {
                for json in [
                    written(|out| out.timestamp(count, per_second, digits, "Z")),
                    written(|out| out.time_of_day(count, per_second, digits)),
                ] {
                    prop_assert!(crate::formats::json::scan::check(&json).is_ok(), "{}", json);
                }
            }
        }
    }
}
