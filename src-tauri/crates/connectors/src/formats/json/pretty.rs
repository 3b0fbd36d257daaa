//! JSON text for reading: indented, and otherwise as it is (numbers keep every digit, names their order).

use super::scan::check;

/// Nests deeper than this stay on one line, so that the text cannot grow without measure.
const INDENTED_MAX: usize = 32;

/// The text indented by two spaces a level; `None` when it is not JSON.
pub fn pretty(text: &str) -> Option<String> {
    check(text).ok()?;
    let mut out = String::with_capacity(text.len() + text.len() / 4);
    let mut depth = 0usize;
    let mut rest = text.trim_start();
    while let Some(first) = rest.bytes().next() {
        match first {
            b'"' => {
                let end = string_end(rest);
                out.push_str(&rest[..end]);
                rest = &rest[end..];
                continue;
            }
            b'{' | b'[' => {
                let close = if first == b'{' { '}' } else { ']' };
                out.push(char::from(first));
                let after = rest[1..].trim_start();
                if let Some(after) = after.strip_prefix(close) {
                    out.push(close);
                    rest = after;
                    continue;
                }
                depth += 1;
                line(&mut out, depth);
            }
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                if depth < INDENTED_MAX {
                    line(&mut out, depth);
                }
                out.push(char::from(first));
            }
            b',' => {
                out.push(',');
                line(&mut out, depth);
            }
            b':' => out.push_str(": "),
            b' ' | b'\n' | b'\r' | b'\t' => {}
            other => out.push(char::from(other)),
        }
        rest = &rest[1..];
    }
    Some(out)
}

fn line(out: &mut String, depth: usize) {
    if depth > INDENTED_MAX {
        return;
    }
    out.push('\n');
    out.extend(std::iter::repeat_n("  ", depth));
}

/// Where the string that `text` begins with ends, its quote included.
fn string_end(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut at = 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn text_is_indented() {
        let check =
            |text: &str, expected: Option<&str>| assert_eq!(pretty(text).as_deref(), expected, "{text}");
        check("{}", Some("{}"));
        check("[ ]", Some("[]"));
        check("1", Some("1"));
        check(
            "{\"a\":1.50,\"b\":[1,{ }]}",
            Some("{\n  \"a\": 1.50,\n  \"b\": [\n    1,\n    {}\n  ]\n}"),
        );
        check("{\"a\\\"{\":\",:\"}", Some("{\n  \"a\\\"{\": \",:\"\n}"));
        check("{", None);
    }

    #[test]
    fn a_deep_nest_does_not_explode() {
        let text = format!(
            "{}{}{}",
            "[".repeat(500),
            "0,".repeat(10_000) + "0",
            "]".repeat(500)
        );
        assert!(pretty(&text).expect("JSON").len() < 3 * text.len());
    }

    proptest! {
        #[test]
        fn nothing_changes_but_space(value in super::super::values::object()) {
            let text = value.to_string();
            let indented = pretty(&text).expect("JSON");
            let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).expect("JSON");
            prop_assert_eq!(read(&indented), read(&text));
        }
    }
}
