//! A strict JSON scanner (RFC 8259) that hands out members as they lie in the text.
//!
//! Why not a tree: an event's nested values stay text, its scalars go straight into columns, and raw text must come
//! back exactly as it was sent. Invariants: accepts exactly what serde_json accepts as an object (a property test
//! compares them), except that a number keeps its text; nesting beyond [`DEPTH_MAX`] is refused, so the stack is safe.

use std::borrow::Cow;

/// Arrays and objects within one another.
pub const DEPTH_MAX: usize = 100;

/// Where and why a text is not JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotJson {
    /// Counted from 0.
    pub byte: usize,
    pub expected: &'static str,
}

impl NotJson {
    pub fn sentence(&self) -> String {
        format!("not JSON at byte {}: expected {}", self.byte, self.expected)
    }
}

/// A member's value.
#[derive(Debug, Clone, PartialEq)]
pub enum Token<'a> {
    Null,
    Bool(bool),
    /// As it is written.
    Number(&'a str),
    /// Unescaped.
    Text(Cow<'a, str>),
    /// The whole text of an object, from `{` to `}`.
    Object(&'a str),
    /// The whole text of an array.
    Array(&'a str),
}

/// Calls `member` for each member of the object that `text` is, in order; the caller's error ends it.
pub fn object<'a, E: From<NotJson>>(
    text: &'a str,
    mut member: impl FnMut(Cow<'a, str>, Token<'a>) -> Result<(), E>,
) -> Result<(), E> {
    let mut scanner = Scanner::new(text);
    scanner.members(|scanner, name| {
        let token = scanner.token()?;
        member(name, token)
    })?;
    Ok(scanner.end()?)
}

/// Calls `element` for each element of the array that `text` is.
pub fn array<'a, E: From<NotJson>>(
    text: &'a str,
    mut element: impl FnMut(Token<'a>) -> Result<(), E>,
) -> Result<(), E> {
    let mut scanner = Scanner::new(text);
    scanner.space();
    scanner.take(b'[', "an array")?;
    scanner.space();
    if scanner.peek() == Some(b']') {
        return Ok(());
    }
    loop {
        let token = scanner.token()?;
        element(token)?;
        scanner.space();
        match scanner.peek() {
            Some(b',') => scanner.at += 1,
            Some(b']') => return Ok(()),
            _ => return Err(scanner.fault("a comma or the end of the array").into()),
        }
    }
}

/// The one JSON value that `text` is, with white space around it.
pub fn value(text: &str) -> Result<Token<'_>, NotJson> {
    let mut scanner = Scanner::new(text);
    let token = scanner.token()?;
    scanner.end()?;
    Ok(token)
}

/// Appends `text` as a JSON string.
pub fn write_string(text: &str, out: &mut String) {
    out.push('"');
    let mut from = 0;
    for (at, byte) in text.bytes().enumerate() {
        let escape = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            0x00..=0x1f => "",
            _ => continue,
        };
        out.push_str(text.get(from..at).unwrap_or_default());
        if escape.is_empty() {
            out.push_str(&format!("\\u{byte:04x}"));
        } else {
            out.push_str(escape);
        }
        from = at + 1;
    }
    out.push_str(text.get(from..).unwrap_or_default());
    out.push('"');
}

/// Appends a number that is finite, whole ones without a fraction.
pub fn write_number(number: f64, out: &mut String) {
    use std::fmt::Write as _;
    let whole = number.trunc() == number
        && number.abs() <= WHOLE_MAX
        && !(number == 0.0 && number.is_sign_negative());
    // Writing to a String cannot fail.
    let _ = if whole {
        write!(out, "{}", number as i64)
    } else {
        write!(out, "{number:?}")
    };
}

/// Whole numbers up to 2^53 are exact in a 64-bit float.
pub const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;

/// The number that a literal of JSON means, when a 64-bit float says the same: absent for a whole number beyond 2^53
/// and for one that is too large.
pub fn number(literal: &str) -> Option<f64> {
    let bytes = literal.as_bytes();
    let digits = bytes.strip_prefix(b"-").unwrap_or(bytes);
    let whole = digits.iter().all(u8::is_ascii_digit);
    if whole && digits.len() <= 15 {
        let value = digits
            .iter()
            .fold(0i64, |value, digit| value * 10 + i64::from(digit - b'0'));
        return if digits.len() == bytes.len() {
            Some(value as f64)
        } else {
            Some(-(value as f64))
        };
    }
    let value: f64 = literal.parse().ok()?;
    (value.is_finite() && !(whole && value.abs() >= WHOLE_MAX)).then_some(value)
}

/// Where the reading stands in a text.
pub struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    pub fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// Calls `member` behind the name of each member of the object that comes next; it has to read exactly the value.
    pub fn members<E: From<NotJson>>(
        &mut self,
        mut member: impl FnMut(&mut Self, Cow<'a, str>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.space();
        self.take(b'{', "an object")?;
        self.space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(());
        }
        loop {
            self.space();
            let name = self.string()?;
            self.space();
            self.take(b':', "a colon")?;
            member(self, name)?;
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(());
                }
                _ => return Err(self.fault("a comma or the end of the object").into()),
            }
        }
    }

    /// Whether an object comes next.
    pub fn at_object(&mut self) -> bool {
        self.space();
        self.peek() == Some(b'{')
    }

    /// Nothing but white space may follow.
    pub fn end(&mut self) -> Result<(), NotJson> {
        self.space();
        if self.at == self.text.len() {
            Ok(())
        } else {
            Err(self.fault("nothing more"))
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn fault(&self, expected: &'static str) -> NotJson {
        NotJson {
            byte: self.at,
            expected,
        }
    }

    fn slice(&self, from: usize, to: usize) -> &'a str {
        self.text.get(from..to).unwrap_or_default()
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    fn take(&mut self, byte: u8, expected: &'static str) -> Result<(), NotJson> {
        if self.peek() == Some(byte) {
            self.at += 1;
            Ok(())
        } else {
            Err(self.fault(expected))
        }
    }

    /// The value that comes next.
    pub fn token(&mut self) -> Result<Token<'a>, NotJson> {
        self.space();
        let from = self.at;
        match self.peek() {
            Some(b'"') => self.string().map(Token::Text),
            Some(b'{') => {
                self.skip(0)?;
                Ok(Token::Object(self.slice(from, self.at)))
            }
            Some(b'[') => {
                self.skip(0)?;
                Ok(Token::Array(self.slice(from, self.at)))
            }
            Some(b't') => self.word("true").map(|()| Token::Bool(true)),
            Some(b'f') => self.word("false").map(|()| Token::Bool(false)),
            Some(b'n') => self.word("null").map(|()| Token::Null),
            Some(b'-' | b'0'..=b'9') => {
                self.number()?;
                Ok(Token::Number(self.slice(from, self.at)))
            }
            _ => Err(self.fault("a value")),
        }
    }

    fn word(&mut self, word: &'static str) -> Result<(), NotJson> {
        if self
            .text
            .as_bytes()
            .get(self.at..)
            .is_some_and(|rest| rest.starts_with(word.as_bytes()))
        {
            self.at += word.len();
            Ok(())
        } else {
            Err(self.fault("true, false or null"))
        }
    }

    fn digits(&mut self) -> Result<(), NotJson> {
        if !self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            return Err(self.fault("a digit"));
        }
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        Ok(())
    }

    fn number(&mut self) -> Result<(), NotJson> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    /// Moves to the next `"` or `\`, refusing control characters.
    fn plain(&mut self) -> Result<u8, NotJson> {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        match rest
            .iter()
            .position(|byte| matches!(byte, b'"' | b'\\' | 0x00..=0x1f))
        {
            Some(found) => {
                self.at += found;
                match rest.get(found) {
                    Some(byte @ (b'"' | b'\\')) => Ok(*byte),
                    _ => Err(self.fault("no control character in a string")),
                }
            }
            None => {
                self.at = self.text.len();
                Err(self.fault("the end of the string"))
            }
        }
    }

    fn string(&mut self) -> Result<Cow<'a, str>, NotJson> {
        self.take(b'"', "a string")?;
        let from = self.at;
        if self.plain()? == b'"' {
            let text = self.slice(from, self.at);
            self.at += 1;
            return Ok(Cow::Borrowed(text));
        }
        let mut text = self.slice(from, self.at).to_owned();
        loop {
            self.at += 1;
            text.push(self.escape()?);
            let from = self.at;
            let found = self.plain()?;
            text.push_str(self.slice(from, self.at));
            if found == b'"' {
                self.at += 1;
                return Ok(Cow::Owned(text));
            }
        }
    }

    /// The character of an escape, behind its backslash.
    fn escape(&mut self) -> Result<char, NotJson> {
        let simple = match self.peek() {
            Some(byte @ (b'"' | b'\\' | b'/')) => char::from(byte),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                self.at += 1;
                return self.unicode();
            }
            _ => return Err(self.fault("an escape")),
        };
        self.at += 1;
        Ok(simple)
    }

    fn unicode(&mut self) -> Result<char, NotJson> {
        let begin = self.at;
        let first = self.hex()?;
        let code = match first {
            0xd800..=0xdbff => {
                self.take(b'\\', "the second half of a surrogate pair")?;
                self.take(b'u', "the second half of a surrogate pair")?;
                match self.hex()? {
                    second @ 0xdc00..=0xdfff => 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00),
                    _ => {
                        return Err(NotJson {
                            byte: begin,
                            expected: "a surrogate pair",
                        });
                    }
                }
            }
            other => other,
        };
        char::from_u32(code).ok_or(NotJson {
            byte: begin,
            expected: "a character",
        })
    }

    fn hex(&mut self) -> Result<u32, NotJson> {
        let mut code = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(|byte| char::from(byte).to_digit(16));
            code = code * 16 + digit.ok_or_else(|| self.fault("four hexadecimal digits"))?;
            self.at += 1;
        }
        Ok(code)
    }

    /// Passes over a string without unescaping it.
    fn skip_string(&mut self) -> Result<(), NotJson> {
        self.take(b'"', "a string")?;
        while self.plain()? == b'\\' {
            self.at += 1;
            self.escape()?;
        }
        self.at += 1;
        Ok(())
    }

    /// Passes over any value, checking it.
    fn skip(&mut self, depth: usize) -> Result<(), NotJson> {
        if depth >= DEPTH_MAX {
            return Err(self.fault("fewer objects and arrays within one another (at most 100)"));
        }
        self.space();
        match self.peek() {
            Some(b'"') => self.skip_string(),
            Some(b'{') => self.skip_list(b'}', depth, true),
            Some(b'[') => self.skip_list(b']', depth, false),
            _ => self.token().map(drop),
        }
    }

    fn skip_list(&mut self, end: u8, depth: usize, named: bool) -> Result<(), NotJson> {
        self.at += 1;
        self.space();
        if self.peek() == Some(end) {
            self.at += 1;
            return Ok(());
        }
        loop {
            if named {
                self.space();
                self.skip_string()?;
                self.space();
                self.take(b':', "a colon")?;
            }
            self.skip(depth + 1)?;
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(byte) if byte == end => {
                    self.at += 1;
                    return Ok(());
                }
                _ => return Err(self.fault("a comma or the end of the list")),
            }
        }
    }
}
