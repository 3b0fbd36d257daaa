//! A line of JAAS: `org.apache...PlainLoginModule required username="me" password="...";`

use std::collections::BTreeMap;

/// The first login module of a `sasl.jaas.config`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Jaas {
    /// Without its package.
    pub module: String,
    pub options: BTreeMap<String, String>,
}

#[derive(Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    Is,
    End,
}

/// `None`: it is no such line.
pub(super) fn parse(text: &str) -> Option<Jaas> {
    let mut tokens = tokens(text)?.into_iter();
    let Some(Token::Word(class)) = tokens.next() else {
        return None;
    };
    // required, requisite, sufficient, optional: all the same for one module.
    let Some(Token::Word(_)) = tokens.next() else {
        return None;
    };
    let mut options = BTreeMap::new();
    loop {
        match tokens.next() {
            Some(Token::End) | None => break,
            Some(Token::Word(name)) => match (tokens.next(), tokens.next()) {
                (Some(Token::Is), Some(Token::Word(value))) => {
                    options.insert(name, value);
                }
                _ => return None,
            },
            Some(Token::Is) => return None,
        }
    }
    let module = class.rsplit('.').next().unwrap_or(&class).to_owned();
    Some(Jaas { module, options })
}

/// As Java's `StreamTokenizer` cuts it; `None`: a quote does not end.
fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '=' => tokens.push(Token::Is),
            ';' => tokens.push(Token::End),
            '"' | '\'' => tokens.push(Token::Word(quoted(c, &mut rest)?)),
            c if c.is_whitespace() => {}
            c => {
                let mut word = String::from(c);
                while let Some(more) =
                    rest.next_if(|more| !more.is_whitespace() && !matches!(more, '=' | ';' | '"' | '\''))
                {
                    word.push(more);
                }
                tokens.push(Token::Word(word));
            }
        }
    }
    Some(tokens)
}

fn quoted(quote: char, rest: &mut impl Iterator<Item = char>) -> Option<String> {
    let mut word = String::new();
    loop {
        match rest.next()? {
            c if c == quote => return Some(word),
            '\\' => word.push(match rest.next()? {
                'n' => '\n',
                't' => '\t',
                'r' => '\r',
                other => other,
            }),
            c => word.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn modules_and_their_options() {
        let check = |text: &str, expected: Option<(&str, &[(&str, &str)])>| {
            let found = parse(text);
            let found = found.as_ref().map(|jaas| {
                let options: Vec<(&str, &str)> = jaas
                    .options
                    .iter()
                    .map(|(name, value)| (name.as_str(), value.as_str()))
                    .collect();
                (jaas.module.as_str(), options)
            });
            assert_eq!(
                found,
                expected.map(|(module, options)| (module, options.to_vec())),
                "{text}"
            );
        };
        check(
            r#"org.apache.kafka.common.security.plain.PlainLoginModule required username="me" password="a\"b;=c" ;"#,
            Some(("PlainLoginModule", &[("password", "a\"b;=c"), ("username", "me")])),
        );
        check(
            "X required\n  useKeyTab=true\n  keyTab='/a b'",
            Some(("X", &[("keyTab", "/a b"), ("useKeyTab", "true")])),
        );
        check("X required;", Some(("X", &[])));
        check("X", None);
        check("", None);
        check(r#"X required a="b"#, None);
        check("X required a b;", None);
    }

    proptest! {
        #[test]
        fn any_text_is_read(text: String) {
            parse(&text);
        }

        #[test]
        fn what_is_quoted_is_read_back(password in "\\PC{0,40}") {
            let escaped = password.replace('\\', "\\\\").replace('"', "\\\"");
            let read = parse(&format!("a.b.M required password=\"{escaped}\";")).expect("a module");
            prop_assert_eq!(&read.options["password"], &password);
        }
    }
}
