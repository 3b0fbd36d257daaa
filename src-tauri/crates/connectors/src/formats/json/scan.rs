//! A reader of JSON text that skips what nobody asked for as fast as it can, eight bytes at a time.
//!
//! Invariants: it accepts exactly what RFC 8259 calls JSON, nested up to [`DEPTH_MAX`]; it needs valid UTF-8 (its input
//! is `str`) and copies nothing but strings with escapes.

use std::borrow::Cow;

/// Objects and arrays within one another.
pub(crate) const DEPTH_MAX: usize = 512;

/// Why a text is not JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wrong {
    pub what: &'static str,
    /// Where, in bytes.
    pub at: usize,
}

type Result<T> = std::result::Result<T, Wrong>;

/// Stands somewhere in a text.
pub(crate) struct Scanner<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// The bytes of a word that end a run of plain characters in a string (quote, backslash, control character) have their
/// high bit set; the lowest of them is exact.
#[inline]
fn string_stops(word: u64) -> u64 {
    let quote = word ^ (ONES * b'"' as u64);
    let backslash = word ^ (ONES * b'\\' as u64);
    let zero = |word: u64| word.wrapping_sub(ONES) & !word;
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    (zero(quote) | zero(backslash) | control) & HIGH
}

impl<'a> Scanner<'a> {
    pub fn new(text: &'a str) -> Self {
        Self {
            text,
            bytes: text.as_bytes(),
            at: 0,
        }
    }

    pub fn wrong<T>(&self, what: &'static str) -> Result<T> {
        Err(Wrong { what, at: self.at })
    }

    /// The next byte, not taken; 0 at the end, which no JSON contains.
    #[inline]
    pub fn peek(&self) -> u8 {
        self.bytes.get(self.at).copied().unwrap_or(0)
    }

    #[inline]
    pub fn space(&mut self) {
        while let Some(b' ' | b'\n' | b'\t' | b'\r') = self.bytes.get(self.at) {
            self.at += 1;
        }
    }

    /// Takes this byte, or says what was expected.
    #[inline]
    pub fn expect(&mut self, byte: u8, what: &'static str) -> Result<()> {
        if self.peek() != byte {
            return self.wrong(what);
        }
        self.at += 1;
        Ok(())
    }

    /// Whether this byte comes next; takes it.
    #[inline]
    pub fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == byte;
        self.at += usize::from(found);
        found
    }

    /// Nothing but space is left.
    pub fn end(&mut self) -> Result<()> {
        self.space();
        if self.at < self.bytes.len() {
            return self.wrong("something follows the value");
        }
        Ok(())
    }

    /// Takes a string: what stands between its quotes, and whether it has escapes.
    #[inline]
    pub fn raw_string(&mut self) -> Result<(&'a str, bool)> {
        self.expect(b'"', "a string was expected")?;
        let start = self.at;
        let mut escaped = false;
        loop {
            while let Some(word) = self.bytes.get(self.at..self.at + 8) {
                let word = word.try_into().map_or(0, u64::from_le_bytes);
                let stops = string_stops(word);
                if stops != 0 {
                    self.at += stops.trailing_zeros() as usize / 8;
                    break;
                }
                self.at += 8;
            }
            match self.bytes.get(self.at) {
                Some(b'"') => {
                    let found = &self.text[start..self.at];
                    self.at += 1;
                    return Ok((found, escaped));
                }
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                Some(0..0x20) => return self.wrong("a control character stands in a string"),
                Some(_) => self.at += 1,
                None => return self.wrong("a string does not end"),
            }
        }
    }

    #[cold]
    fn escape(&mut self) -> Result<()> {
        self.at += 1;
        match self.peek() {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => self.at += 1,
            b'u' => {
                let digits = self.bytes.get(self.at + 1..self.at + 5);
                if !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) {
                    return self.wrong("\\u needs four hexadecimal digits");
                }
                self.at += 5;
            }
            _ => return self.wrong("an unknown escape stands in a string"),
        }
        Ok(())
    }

    /// Takes a string.
    pub fn string(&mut self) -> Result<Cow<'a, str>> {
        let (raw, escaped) = self.raw_string()?;
        Ok(if escaped {
            Cow::Owned(unescape(raw))
        } else {
            Cow::Borrowed(raw)
        })
    }

    /// Takes a number: its text, and whether it is written as an integer.
    #[inline]
    pub fn number(&mut self) -> Result<(&'a str, bool)> {
        let start = self.at;
        self.take(b'-');
        match self.peek() {
            b'0' => self.at += 1,
            b'1'..=b'9' => self.digits(),
            _ => return self.wrong("a number needs a digit"),
        }
        let mut integer = true;
        if self.take(b'.') {
            integer = false;
            if !self.peek().is_ascii_digit() {
                return self.wrong("a number needs a digit after its point");
            }
            self.digits();
        }
        if let b'e' | b'E' = self.peek() {
            integer = false;
            self.at += 1;
            if let b'+' | b'-' = self.peek() {
                self.at += 1;
            }
            if !self.peek().is_ascii_digit() {
                return self.wrong("a number needs a digit in its exponent");
            }
            self.digits();
        }
        Ok((&self.text[start..self.at], integer))
    }

    #[inline]
    fn digits(&mut self) {
        while self.peek().is_ascii_digit() {
            self.at += 1;
        }
    }

    /// Takes this word (`true`, `false`, `null`).
    #[inline]
    pub fn word(&mut self, word: &'static str) -> Result<()> {
        if !self.bytes[self.at..].starts_with(word.as_bytes()) {
            return self.wrong("a value was expected");
        }
        self.at += word.len();
        Ok(())
    }

    #[inline]
    fn skip_scalar(&mut self) -> Result<()> {
        match self.peek() {
            b'"' => self.raw_string().map(drop),
            b'-' | b'0'..=b'9' => self.number().map(drop),
            b't' => self.word("true"),
            b'f' => self.word("false"),
            b'n' => self.word("null"),
            _ => self.wrong("a value was expected"),
        }
    }

    /// Takes any value.
    #[inline]
    pub fn skip(&mut self) -> Result<()> {
        match self.peek() {
            b'{' | b'[' => self.skip_nested(),
            _ => self.skip_scalar(),
        }
    }

    /// Takes any value: its text.
    pub fn raw(&mut self) -> Result<&'a str> {
        let start = self.at;
        self.skip()?;
        Ok(&self.text[start..self.at])
    }

    fn key(&mut self) -> Result<()> {
        self.raw_string()?;
        self.space();
        self.expect(b':', "a colon was expected after a name")?;
        self.space();
        Ok(())
    }

    fn skip_nested(&mut self) -> Result<()> {
        let mut nest = Nest::default();
        loop {
            // Before a value, its name taken.
            if let open @ (b'{' | b'[') = self.peek() {
                let object = open == b'{';
                if !nest.open(object) {
                    return self.wrong("it is nested too deep");
                }
                self.at += 1;
                self.space();
                let close = if object { b'}' } else { b']' };
                if self.peek() != close {
                    if object {
                        self.key()?;
                    }
                    continue;
                }
            } else {
                self.skip_scalar()?;
            }
            // After a value, or before the end of an empty nest.
            loop {
                self.space();
                let object = nest.in_object();
                match self.peek() {
                    b',' => {
                        self.at += 1;
                        self.space();
                        if object {
                            self.key()?;
                        }
                        break;
                    }
                    b'}' if object => self.at += 1,
                    b']' if !object => self.at += 1,
                    _ => return self.wrong("a comma or an end was expected"),
                }
                if nest.close() {
                    return Ok(());
                }
            }
        }
    }
}

/// Which of the nests around us are objects, a bit each.
#[derive(Default)]
struct Nest {
    objects: [u64; DEPTH_MAX / 64],
    depth: usize,
}

impl Nest {
    #[inline]
    fn open(&mut self, object: bool) -> bool {
        let Some(word) = self.objects.get_mut(self.depth / 64) else {
            return false;
        };
        let bit = 1 << (self.depth % 64);
        *word = if object { *word | bit } else { *word & !bit };
        self.depth += 1;
        true
    }

    #[inline]
    fn in_object(&self) -> bool {
        let at = self.depth.saturating_sub(1);
        self.objects[at / 64] & (1 << (at % 64)) != 0
    }

    /// Whether it was the outermost.
    #[inline]
    fn close(&mut self) -> bool {
        self.depth = self.depth.saturating_sub(1);
        self.depth == 0
    }
}

/// What a string's text stands for; half a surrogate pair becomes U+FFFD. The escapes are known to be well formed.
pub(crate) fn unescape(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let kind = rest.as_bytes().get(at + 1).copied().unwrap_or(b'\\');
        rest = rest.get(at + 2..).unwrap_or("");
        match kind {
            b'b' => out.push('\u{8}'),
            b'f' => out.push('\u{c}'),
            b'n' => out.push('\n'),
            b'r' => out.push('\r'),
            b't' => out.push('\t'),
            b'u' => {
                let (code, left) = hex4(rest);
                rest = left;
                // A pair of surrogates is one character.
                let second = rest.strip_prefix("\\u").map(hex4);
                match (code, second) {
                    (0xD800..0xDC00, Some((low @ 0xDC00..0xE000, left))) => {
                        rest = left;
                        let joined = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
                        out.push(char::from_u32(joined).unwrap_or(char::REPLACEMENT_CHARACTER));
                    }
                    _ => out.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)),
                }
            }
            other => out.push(char::from(other)),
        }
    }
    out.push_str(rest);
    out
}

fn hex4(text: &str) -> (u32, &str) {
    let code = text
        .get(..4)
        .and_then(|digits| u32::from_str_radix(digits, 16).ok());
    (code.unwrap_or(0xFFFD), text.get(4..).unwrap_or(""))
}

/// Whether a text is JSON; if not, why and where.
pub(crate) fn check(text: &str) -> Result<()> {
    let mut scanner = Scanner::new(text);
    scanner.space();
    scanner.skip()?;
    scanner.end()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::de::IgnoredAny;

    use super::*;

    fn agrees(text: &str) {
        let expected = serde_json::from_str::<IgnoredAny>(text);
        assert_eq!(
            check(text).is_ok(),
            expected.is_ok(),
            "{text:?}: {:?} {expected:?}",
            check(text)
        );
    }

    #[test]
    fn accepts_json_and_nothing_else() {
        for text in [
            "{}",
            "[]",
            "1",
            "-0",
            "01",
            "1.",
            ".5",
            "1.5e",
            "1e5",
            "1E+05",
            "-",
            "--1",
            "true",
            "tru",
            "truex",
            "null",
            "nul",
            "\"a\"",
            "\"a",
            "\"\\n\"",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\\u12aZ\"",
            "\"\\u00e9\"",
            "\"\u{1}\"",
            "\"\t\"",
            "'a'",
            "",
            " ",
            " 1 ",
            "1 2",
            "[1,2]",
            "[1,]",
            "[,1]",
            "[1 2]",
            "[1}",
            "{\"a\":1}",
            "{\"a\":1,}",
            "{\"a\" 1}",
            "{\"a\":}",
            "{a:1}",
            "{1:1}",
            "{\"a\":1]",
            "{\"a\":{\"b\":[{},[]]}}",
            "[[[[]]]]",
            "[[[[]]]",
            "]",
            "}",
            "{\"a\":1}}",
            "nan",
            "Infinity",
            "\u{feff}{}",
            "[\"\\\"\"]",
            "\"01234567\\\\89\"",
            "{\"é\":\"日本語日本語日本語\"}",
            "+1",
            "1e999",
            "[1,[2,[3]],4]",
            "{ \"a\" : [ 1 , { } ] , \"b\" : { \"c\" : [ ] } }",
            "\"\\\"",
            "\"\\u\"",
            "\"12345678\\",
            "/**/1",
        ] {
            agrees(text);
        }
    }

    #[test]
    fn depth_is_limited() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(check(&nested(DEPTH_MAX)), Ok(()));
        assert_eq!(
            check(&nested(DEPTH_MAX + 1)),
            Err(Wrong {
                what: "it is nested too deep",
                at: DEPTH_MAX
            })
        );
    }

    #[test]
    fn strings_are_unescaped() {
        let check = |json: &str, expected: &str| {
            assert_eq!(Scanner::new(json).string().as_deref(), Ok(expected), "{json}")
        };
        check(r#""a""#, "a");
        check(r#""a\"\\\/\b\f\n\r\t\u00e9z""#, "a\"\\/\u{8}\u{c}\n\r\té\u{7a}");
        check(r#""\ud83d\ude00!""#, "😀!");
        check(r#""\ud83d!""#, "\u{fffd}!");
        check(r#""\ud83d\u0041""#, "\u{fffd}A");
        check(r#""\ude00""#, "\u{fffd}");
    }

    proptest! {
        #[test]
        fn agrees_on_anything(text in r#"[\[\]{}:,"\\ua0-9eE+.\- \n]{0,24}"#) {
            agrees(&text);
        }

        #[test]
        fn agrees_on_what_is_almost_json(value in super::super::values::object(), at in any::<prop::sample::Index>(), with in any::<char>()) {
            let text = value.to_string();
            agrees(&text);
            let mut characters: Vec<char> = text.chars().collect();
            let at = at.index(characters.len());
            characters[at] = with;
            agrees(&characters.into_iter().collect::<String>());
        }

        #[test]
        fn strings_come_back(text in any::<String>()) {
            let json = serde_json::Value::from(text.as_str()).to_string();
            let found = Scanner::new(&json).string().expect("a string");
            prop_assert_eq!(found.as_ref(), text.as_str());
        }
    }
}
