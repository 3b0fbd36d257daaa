//! One line of CSV a record, as an object: <https://www.rfc-editor.org/rfc/rfc4180>.
//!
//! Fields have the names of the header, those after it `cN`, counted from 1; a field without text is null; a field that is a
//! JSON number is one, so that it compares as one (`007` is text).

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};
use tailrace_model::{Error, Result};

use super::{
    json::scan,
    write::{Out, Result as Written, Wrong},
};

/// Fields of a line.
const FIELDS_MAX: usize = 4_096;

/// Reads lines one at a time.
#[derive(Debug, Clone)]
pub(super) struct Csv {
    delimiter: u8,
    reader: Reader,
    /// `"name":`
    names: Vec<Vec<u8>>,
    text: Vec<u8>,
    ends: Vec<usize>,
}

impl Csv {
    pub fn new(delimiter: char, header: &[String]) -> Result<Self> {
        let delimiter = u8::try_from(delimiter)
            .ok()
            .filter(|byte| byte.is_ascii() && !matches!(byte, b'"' | b'\r' | b'\n'))
            .ok_or_else(|| {
                Error::user(
                    "csv_settings",
                    format!("{delimiter:?} cannot separate the fields of a line: use one ASCII character"),
                )
            })?;
        if header.len() > FIELDS_MAX {
            return Err(Error::user(
                "csv_settings",
                format!("a header of CSV has at most {FIELDS_MAX} names"),
            ));
        }
        let names = header.iter().map(|name| {
            let mut out = Out::name();
            out.string(name)
                .and_then(|()| out.byte(b':'))
                .map_err(|_| Error::user("csv_settings", "a name in the header of CSV is too long"))?;
            Ok(out.into_bytes())
        });
        Ok(Self {
            names: names.collect::<Result<_>>()?,
            delimiter,
            reader: reader(delimiter),
            text: Vec::new(),
            ends: vec![0; 64],
        })
    }

    /// Writes the line as an object.
    pub fn decode(&mut self, bytes: &[u8], out: &mut Out) -> Written {
        let line = self.line(bytes);
        if line.is_err() {
            // A reader that stopped within a line does not begin the next one anew.
            self.reader = reader(self.delimiter);
        }
        let fields = line?;
        out.byte(b'{')?;
        let mut from = 0;
        for (at, end) in self.ends[..fields].iter().enumerate() {
            if at > 0 {
                out.byte(b',')?;
            }
            match self.names.get(at) {
                Some(name) => out.raw(name)?,
                None => {
                    out.raw(b"\"c")?;
                    out.integer(at as u64 + 1)?;
                    out.raw(b"\":")?;
                }
            }
            let text = std::str::from_utf8(&self.text[from..*end])
                .map_err(|_| Wrong::new(format!("field {} is not UTF-8", at + 1)))?;
            field(text, out)?;
            from = *end;
        }
        out.byte(b'}')
    }

    /// Splits the line into `text` and `ends`; how many fields it has.
    fn line(&mut self, bytes: &[u8]) -> Written<usize> {
        self.reader.reset();
        // Fields without their quotes are never longer than the line.
        self.text.resize(bytes.len().max(self.text.len()), 0);
        let (mut at, mut written, mut fields) = (0, 0, 0);
        loop {
            let (result, read, more, ends) =
                self.reader
                    .read_record(&bytes[at..], &mut self.text[written..], &mut self.ends[fields..]);
            (at, written, fields) = (at + read, written + more, fields + ends);
            match result {
                // The next call has no input, which ends the line.
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull => self.text.resize(self.text.len() * 2 + 64, 0),
                ReadRecordResult::OutputEndsFull => {
                    if fields >= FIELDS_MAX {
                        return Err(Wrong::new(format!("a line of more than {FIELDS_MAX} fields")));
                    }
                    self.ends.resize((self.ends.len() * 2).min(FIELDS_MAX), 0);
                }
                ReadRecordResult::Record => break,
                ReadRecordResult::End => return Err(Wrong::new("there is no line in it")),
            }
        }
        if bytes[at..].iter().any(|byte| !matches!(byte, b'\r' | b'\n')) {
            return Err(Wrong::at("more than one line", at));
        }
        Ok(fields)
    }
}

fn reader(delimiter: u8) -> Reader {
    ReaderBuilder::new().delimiter(delimiter).build()
}

fn field(text: &str, out: &mut Out) -> Written {
    match text.as_bytes() {
        [] => out.null(),
        [b'-' | b'0'..=b'9', .., b'0'..=b'9'] | [b'0'..=b'9'] if scan::check(text).is_ok() => {
            out.raw(text.as_bytes())
        }
        _ => out.string(text),
    }
}

/// How many fields the line has with this delimiter; absent when it is no line.
pub(super) fn fields(bytes: &[u8], delimiter: char) -> Option<usize> {
    let mut csv = Csv::new(delimiter, &[]).ok()?;
    std::str::from_utf8(bytes).ok()?;
    csv.line(bytes).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decoded(csv: &mut Csv, bytes: &[u8]) -> Result<String, String> {
        let mut out = Out::after(Vec::new(), 1 << 20);
        csv.decode(bytes, &mut out)
            .map_err(|wrong| wrong.reason("CSV", 0))?;
        Ok(String::from_utf8(out.into_bytes()).expect("text"))
    }

    #[test]
    fn lines_are_objects() {
        let names = ["a".to_owned(), "b\"".to_owned()];
        let mut csv = Csv::new(';', &names).expect("settings");
        let mut check = |line: &str, expected: Result<&str, &str>| {
            let found = decoded(&mut csv, line.as_bytes());
            assert_eq!(found.as_deref().map_err(String::as_str), expected, "{line:?}");
        };
        check("1;x", Ok(r#"{"a":1,"b\"":"x"}"#));
        check("1;x;-2.50\r\n", Ok(r#"{"a":1,"b\"":"x","c3":-2.50}"#));
        check("007", Ok(r#"{"a":"007"}"#));
        check(";1e5", Ok(r#"{"a":null,"b\"":1e5}"#));
        check(
            "\"a;\"\"b\"\"\nc\";true",
            Ok(r#"{"a":"a;\"b\"\nc","b\"":"true"}"#),
        );
        check("1 ", Ok(r#"{"a":"1 "}"#));
        check("a\nb", Err("not CSV: more than one line at byte 2"));
        check("", Err("not CSV: there is no line in it"));
        let many = "x;".repeat(200);
        assert!(decoded(&mut csv, many.as_bytes()).is_ok_and(|json| json.contains("\"c201\":null")));
        assert!(decoded(&mut csv, "x;".repeat(5_000).as_bytes()).is_err());
        assert!(decoded(&mut csv, b"a;\xff").is_err());
    }

    #[test]
    fn delimiters_that_cannot_be() {
        for delimiter in ['"', '\n', 'é'] {
            assert_eq!(
                Csv::new(delimiter, &[]).expect_err("refused").code,
                "csv_settings"
            );
        }
    }

    proptest! {
        #[test]
        fn fields_come_back(fields in prop::collection::vec("[a-z\",\n\r éx]{1,8}", 1..6)) {
            let quoted: Vec<String> = fields.iter().map(|field| format!("\"{}\"", field.replace('"', "\"\""))).collect();
            let mut csv = Csv::new(',', &[]).expect("settings");
            let json = decoded(&mut csv, quoted.join(",").as_bytes()).expect("decoded");
            let object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&json).expect("JSON");
            let found: Vec<&str> = object.values().filter_map(|value| value.as_str()).collect();
            prop_assert_eq!(found, fields);
        }

        #[test]
        fn any_bytes_are_json_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let mut csv = Csv::new(',', &[]).expect("settings");
            if let Ok(text) = decoded(&mut csv, &bytes) {
                prop_assert!(scan::check(&text).is_ok(), "{}", text);
            }
        }
    }
}
