//! The text of `.properties` files as `java.util.Properties` reads it, and of librdkafka's own files.

/// One setting and the line on which it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub line: u32,
    pub key: String,
    pub value: String,
}

/// Java's: `key=value`, `key: value` or `key value`; a backslash goes on in the next line or escapes a character.
pub(super) fn read_java(text: &str) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut lines = (1_u32..).zip(text.lines());
    while let Some((line, first)) = lines.next() {
        let first = first.trim_start_matches([' ', '\t', '\x0c']);
        if first.is_empty() || first.starts_with(['#', '!']) {
            continue;
        }
        let mut whole = first.to_owned();
        while goes_on(&whole) {
            whole.pop();
            match lines.next() {
                Some((_, more)) => whole.push_str(more.trim_start_matches([' ', '\t', '\x0c'])),
                None => break,
            }
        }
        let (key, value) = split(&whole);
        entries.push(Entry {
            line,
            key: unescaped(key),
            value: unescaped(value),
        });
    }
    entries
}

/// librdkafka's and kcat's: `key=value`, nothing is escaped.
pub(super) fn read_plain(text: &str) -> Vec<Entry> {
    let lines = (1_u32..).zip(text.lines());
    lines
        .filter_map(|(line, text)| {
            let text = text.trim();
            if text.is_empty() || text.starts_with('#') {
                return None;
            }
            let (key, value) = text.split_once('=').unwrap_or((text, ""));
            Some(Entry {
                line,
                key: key.trim().to_owned(),
                value: value.trim().to_owned(),
            })
        })
        .collect()
}

/// An odd number of backslashes at the end.
fn goes_on(line: &str) -> bool {
    line.chars().rev().take_while(|c| *c == '\\').count() % 2 == 1
}

/// The key ends at the first `=`, `:` or white space that is not escaped.
fn split(line: &str) -> (&str, &str) {
    let mut escaped = false;
    let end = line.find(|c: char| {
        let ends = !escaped && matches!(c, '=' | ':' | ' ' | '\t' | '\x0c');
        escaped = c == '\\' && !escaped;
        ends
    });
    let Some(end) = end else {
        return (line, "");
    };
    let (key, rest) = line.split_at(end);
    let white = [' ', '\t', '\x0c'];
    let rest = rest.trim_start_matches(white);
    let rest = rest.strip_prefix(['=', ':']).unwrap_or(rest);
    (key, rest.trim_start_matches(white))
}

fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match rest.next() {
            Some('t') => out.push('\t'),
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some('f') => out.push('\x0c'),
            Some('u') => {
                let digits = rest
                    .as_str()
                    .get(..4)
                    .filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
                let code = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
                if code.is_some() {
                    rest.by_ref().take(4).for_each(drop);
                }
                // Half of a pair stands for nothing by itself.
                out.push(
                    code.and_then(char::from_u32)
                        .unwrap_or(char::REPLACEMENT_CHARACTER),
                );
            }
            Some(other) => out.push(other),
            None => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pairs(entries: &[Entry]) -> Vec<(u32, &str, &str)> {
        entries
            .iter()
            .map(|it| (it.line, it.key.as_str(), it.value.as_str()))
            .collect()
    }

    #[test]
    fn javas_notations() {
        let text = "# a comment\n! another\n\n  a = 1  \nb:2\nc 3\nd\n e\\=f = g\\\n     h\\\\\ni=\\u00e9\\t\\q\nj=\\";
        assert_eq!(
            pairs(&read_java(text)),
            [
                (4, "a", "1  "),
                (5, "b", "2"),
                (6, "c", "3"),
                (7, "d", ""),
                (8, "e=f", "gh\\"),
                (10, "i", "é\tq"),
                (11, "j", ""),
            ]
        );
        assert_eq!(
            pairs(&read_plain("# x\nsasl.password=a\\b=c \n\nalone\n")),
            [(2, "sasl.password", "a\\b=c"), (4, "alone", "")]
        );
    }

    proptest! {
        #[test]
        fn any_text_is_read(text: String) {
            read_java(&text);
            read_plain(&text);
        }

        /// What Java's `Properties.store` writes is read back.
        #[test]
        fn what_java_writes_is_read_back(key in "[a-z.]{1,12}", value in "\\PC{0,40}") {
            let mut stored = String::new();
            for (at, c) in value.chars().enumerate() {
                match c {
                    ' ' if at == 0 => stored.push_str("\\ "),
                    '=' | ':' | '#' | '!' | '\\' => stored.extend(['\\', c]),
                    ' '..='~' => stored.push(c),
                    other => other.encode_utf16(&mut [0; 2]).iter().for_each(|unit| {
                        stored.push_str(&format!("\\u{unit:04X}"));
                    }),
                }
            }
            prop_assume!(value.chars().all(|c| c.len_utf16() == 1));
            let read = read_java(&format!("{key}={stored}\n"));
            prop_assert_eq!(pairs(&read), vec![(1, key.as_str(), value.as_str())]);
        }
    }
}
