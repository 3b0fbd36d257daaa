//! Passing over records that a predicate can't hold on, by looking at their bytes as they lie in librdkafka's memory:
//! nothing is copied or decoded.
//!
//! Invariant: a record on which the predicate holds is never held back. A field is looked for by its name wherever it
//! stands, so what is nested elsewhere or comes twice lets more through, never less; a name or a text may be written with
//! escapes, so a value that has `\u` anywhere, or a text with a backslash, passes. Only what looks like a JSON object is
//! looked into, and only a key that is text: what is written otherwise may be decoded into anything.

use memchr::{memchr_iter, memchr2, memmem::Finder};
use tailrace_model::need::{Need, Place};

/// What is known of a record before it is taken.
pub(super) struct Seen<'m> {
    pub partition: i32,
    pub offset: i64,
    pub timestamp_ms: Option<i64>,
    pub key: Option<&'m [u8]>,
    pub value: Option<&'m [u8]>,
}

/// A need made ready to be looked for.
#[derive(Debug)]
pub struct Sieve {
    test: Test,
}

#[derive(Debug)]
enum Test {
    All(Vec<Self>),
    OneOf(Vec<Self>),
    Place(Place, i64, i64),
    Key(Vec<String>),
    Field(Box<Finder<'static>>, Wanted),
}

/// What the value of a field must be.
#[derive(Debug)]
enum Wanted {
    Present,
    Number(Option<f64>, Option<f64>),
    Texts(Vec<String>),
}

impl Sieve {
    /// `None`: the need says nothing that can be looked for.
    pub fn new(need: &Need) -> Option<Self> {
        test(need).map(|test| Self { test })
    }

    /// Whether the predicate may hold on the record.
    #[inline]
    pub(super) fn may_hold(&self, record: &Seen<'_>) -> bool {
        self.test.may_hold(record)
    }
}

fn test(need: &Need) -> Option<Test> {
    let field = |name: &str, wanted| {
        // Such a name is always written with an escape, or may be.
        let plain = !name
            .bytes()
            .any(|byte| matches!(byte, b'"' | b'\\' | b'/' | ..0x20));
        plain.then(|| Test::Field(Box::new(Finder::new(&format!("\"{name}\"")).into_owned()), wanted))
    };
    match need {
        Need::Any => None,
        Need::All(needs) => {
            let mut tests: Vec<Test> = needs.iter().filter_map(test).collect();
            tests.sort_by_key(Test::cost);
            (!tests.is_empty()).then_some(Test::All(tests))
        }
        Need::OneOf(needs) => needs.iter().map(test).collect::<Option<_>>().map(Test::OneOf),
        Need::Present { name } => field(name, Wanted::Present),
        Need::Number {
            name,
            at_least,
            at_most,
        } => field(name, Wanted::Number(*at_least, *at_most)),
        Need::Text { name, texts } => field(name, Wanted::Texts(texts.clone())),
        Need::Key { texts } => Some(Test::Key(texts.clone())),
        Need::Place {
            column,
            at_least,
            at_most,
        } => Some(Test::Place(*column, *at_least, *at_most)),
    }
}

impl Test {
    /// What is cheap, or keeps little, is asked first.
    fn cost(&self) -> u8 {
        match self {
            Self::Place(..) => 0,
            Self::Key(_) => 1,
            Self::Field(_, Wanted::Texts(_)) => 2,
            Self::Field(_, Wanted::Number(..)) => 3,
            Self::Field(_, Wanted::Present) => 4,
            Self::All(_) | Self::OneOf(_) => 5,
        }
    }

    fn may_hold(&self, record: &Seen<'_>) -> bool {
        match self {
            Self::All(tests) => tests.iter().all(|test| test.may_hold(record)),
            Self::OneOf(tests) => tests.iter().any(|test| test.may_hold(record)),
            Self::Place(place, at_least, at_most) => {
                let at = match place {
                    Place::Partition => Some(i64::from(record.partition)),
                    Place::Offset => Some(record.offset),
                    Place::Timestamp => record.timestamp_ms,
                };
                at.is_some_and(|at| (*at_least..=*at_most).contains(&at))
            }
            Self::Key(texts) => record
                .key
                .is_some_and(|key| texts.iter().any(|text| is_key(key, text))),
            Self::Field(name, wanted) => record
                .value
                .is_some_and(|value| !is_object(value) || field(value, name, wanted)),
        }
    }
}

/// Keys that are no text are shown as hexadecimal, long ones cut.
fn is_key(key: &[u8], text: &str) -> bool {
    key == text.as_bytes()
        || key.iter().any(|byte| *byte < 0x20 || *byte >= 0x7f)
        || (text.len() == key.len() * 2 && text.bytes().all(|byte| byte.is_ascii_hexdigit()))
        || text.ends_with('…')
}

/// Whether the bytes begin and end as a JSON object does.
#[inline]
fn is_object(value: &[u8]) -> bool {
    let value = value.trim_ascii();
    value.first() == Some(&b'{') && value.last() == Some(&b'}')
}

#[inline]
fn field(value: &[u8], name: &Finder<'_>, wanted: &Wanted) -> bool {
    let quoted = name.needle().len();
    let mut from = 0;
    while let Some(found) = value.get(from..).and_then(|rest| name.find(rest)) {
        from += found + quoted;
        let rest = space(&value[from..]);
        if let Some((b':', rest)) = rest.split_first()
            && wanted.may_be(space(rest))
        {
            return true;
        }
        // Its closing quote may open the next text.
        from -= 1;
    }
    has_unicode_escape(value)
}

#[inline]
fn space(bytes: &[u8]) -> &[u8] {
    let blank = bytes
        .iter()
        .take_while(|byte| matches!(byte, b' ' | b'\n' | b'\t' | b'\r'))
        .count();
    &bytes[blank..]
}

#[inline]
fn has_unicode_escape(value: &[u8]) -> bool {
    memchr_iter(b'\\', value).any(|at| value.get(at + 1) == Some(&b'u'))
}

impl Wanted {
    /// Whether what begins here may be it.
    fn may_be(&self, value: &[u8]) -> bool {
        let Some(first) = value.first() else {
            return false;
        };
        match self {
            _ if *first == b'n' => false,
            Self::Present => true,
            Self::Number(at_least, at_most) if matches!(first, b'-' | b'0'..=b'9') => {
                // What can't be read here is decoded and looked at.
                number(value).is_none_or(|number| {
                    at_least.is_none_or(|least| number >= least) && at_most.is_none_or(|most| number <= most)
                })
            }
            Self::Number(..) => true,
            Self::Texts(texts) if *first == b'"' => {
                let text = &value[1..];
                match memchr2(b'"', b'\\', text) {
                    Some(end) if text[end] == b'"' => texts.iter().any(|it| it.as_bytes() == &text[..end]),
                    _ => true,
                }
            }
            // Lists and objects are compared as the text that they are.
            Self::Texts(_) => matches!(first, b'[' | b'{'),
        }
    }
}

/// Digits that a float holds exactly, and powers of ten that it does.
const DIGITS_MAX: usize = 15;
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    1e19, 1e20, 1e21, 1e22,
];

/// The number that begins here, rounded as every reader of floats does.
fn number(text: &[u8]) -> Option<f64> {
    let end = text
        .iter()
        .position(|byte| !matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E'))
        .unwrap_or(text.len());
    let text = &text[..end];
    let (negative, digits) = match text.strip_prefix(b"-") {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let (mut mantissa, mut count, mut fraction) = (0_u64, 0, None);
    for (at, byte) in digits.iter().enumerate() {
        match byte {
            b'0'..=b'9' if count < DIGITS_MAX => {
                mantissa = mantissa * 10 + u64::from(byte - b'0');
                count += 1;
            }
            b'.' if fraction.is_none() => fraction = Some(digits.len() - at - 1),
            _ => return std::str::from_utf8(text).ok()?.parse().ok(),
        }
    }
    // Exact in both parts, so that one division rounds once.
    let number = mantissa as f64 / POWERS[fraction.unwrap_or(0)];
    Some(if negative { -number } else { number })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn passes(need: &Need, value: &str) -> bool {
        let sieve = Sieve::new(need).expect("something to look for");
        sieve.may_hold(&Seen {
            partition: 3,
            offset: 7,
            timestamp_ms: Some(50),
            key: Some(b"u_1"),
            value: Some(value.as_bytes()),
        })
    }

    fn between(at_least: Option<f64>, at_most: Option<f64>) -> Need {
        Need::Number {
            name: "total".into(),
            at_least,
            at_most,
        }
    }

    fn text(texts: &[&str]) -> Need {
        Need::Text {
            name: "event".into(),
            texts: texts.iter().map(|&text| text.to_owned()).collect(),
        }
    }

    #[test]
    fn numbers_are_looked_at_where_they_lie() {
        let check = |value: &str, expected: bool| {
            assert_eq!(
                passes(&between(Some(100.0), Some(200.0)), value),
                expected,
                "{value}"
            );
        };
        check(r#"{"total":150}"#, true);
        check(r#"{"total" : 1.5e2}"#, true);
        check(r#"{"total":99.99}"#, false);
        check(r#"{"total":200}"#, true);
        check(r#"{"total":-150}"#, false);
        check(r#"{"total":null}"#, false);
        check(r#"{"other":150}"#, false);
        check(r#"{"event":"total","n":150}"#, false);
        // What is no number may become one.
        check(r#"{"total":"150"}"#, true);
        check(r#"{"total":true}"#, true);
        // Twice, nested, or with its name written another way.
        check(r#"{"total":1,"total":150}"#, true);
        check(r#"{"total":1,"o":{"total":150}}"#, true);
        check(r#"{"t\u006ftal":150}"#, true);
        check(r#"{"total":1,"note":"a \"total\" of 150"}"#, false);
        check(r#"{"x":"total","total":150}"#, true);
    }

    #[test]
    fn texts_are_looked_at_where_they_lie() {
        let check = |value: &str, expected: bool| {
            assert_eq!(passes(&text(&["Order", "Größe"]), value), expected, "{value}");
        };
        check(r#"{"event":"Order"}"#, true);
        check(r#"{"event":"Orders"}"#, false);
        check(r#"{"event":"Gr\u00f6\u00dfe"}"#, true);
        check(r#"{"event":"Größe"}"#, true);
        check(r#"{"event":"Ord\"er"}"#, true);
        check(r#"{"event":5}"#, false);
        check(r#"{"name":"Order"}"#, false);
        check(r#"{"event":["Order"]}"#, true);
        // What is no object may be decoded into one.
        check("Order", true);
        check("\u{0}\u{0}{}", true);
    }

    #[test]
    fn places_keys_and_what_is_made_of_them() {
        let key = |text: &str| Need::Key {
            texts: vec![text.to_owned()],
        };
        let offset = |at_least, at_most| Need::Place {
            column: Place::Offset,
            at_least,
            at_most,
        };
        let check = |need: Need, expected: bool| assert_eq!(passes(&need, "{}"), expected, "{need:?}");
        check(key("u_1"), true);
        check(key("u_2"), false);
        check(key("755f31"), true);
        check(offset(7, 7), true);
        check(offset(8, 9), false);
        check(Need::all([key("u_1"), offset(8, 9)]), false);
        check(Need::one_of([key("u_1"), offset(8, 9)]), true);
        assert!(Sieve::new(&Need::one_of([key("u_1"), Need::Any])).is_none());
        let slash = Need::Present { name: "a/b".into() };
        assert!(Sieve::new(&slash).is_none());
        assert!(Sieve::new(&Need::one_of([key("u_1"), slash])).is_none());
    }

    proptest! {
        #[test]
        fn numbers_are_read_as_everybody_reads_them(text in "-?(0|[1-9][0-9]{0,17})(\\.[0-9]{1,12})?([eE][+-]?[0-9]{1,2})?") {
            let expected: f64 = text.parse().expect("a number");
            prop_assert_eq!(number(format!("{text},").as_bytes()), Some(expected));
        }
    }
}
