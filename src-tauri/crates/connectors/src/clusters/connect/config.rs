//! How a Kafka Connect cluster is reached, and which settings of its connectors are kept from sight.

use reqwest::Url;
use tailrace_model::{Error, Result};

use crate::http::Tls;

/// Words that make a setting's name that of a secret. Connect itself tells them all.
const SECRET_WORDS: [&str; 13] = [
    "password",
    "passphrase",
    "passwd",
    "secret",
    "token",
    "credential",
    "jaas",
    "api.key",
    "apikey",
    "private.key",
    "access.key",
    "auth.user.info",
    "ssl.key",
];
/// What a value that is kept from sight reads as.
pub const MASKED: &str = "********";
/// Shorter secrets would take ordinary words out of a trace.
const REDACT_CHARS_MIN: usize = 4;

/// A Kafka Connect cluster, reached through one of its workers.
#[derive(Clone)]
pub struct ConnectSettings {
    /// The name in the workspace: `connect.NAME`.
    pub name: String,
    pub url: String,
    pub user: Option<String>,
    /// The password itself, with its reference looked up.
    pub password: Option<String>,
    pub tls: Tls,
}

impl std::fmt::Debug for ConnectSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConnectSettings")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// The address of a worker; a path in it is kept. The sentence says what is wrong with it.
pub fn address(url: &str) -> std::result::Result<Url, String> {
    let read =
        Url::parse(url.trim()).map_err(|error| format!("\"{}\" is no address: {error}", unuser(url)))?;
    if !matches!(read.scheme(), "http" | "https") || read.host_str().is_none_or(str::is_empty) {
        return Err("the address has to begin with http:// or https:// and a host".to_owned());
    }
    if !read.username().is_empty() || read.password().is_some() {
        return Err(
            "the address has a user in it: write user = ... and password = \"secret:NAME\" instead"
                .to_owned(),
        );
    }
    if read.query().is_some() || read.fragment().is_some() {
        return Err("the address ends with a path: remove what follows the ? or #".to_owned());
    }
    Ok(read)
}

/// As [`address`], with an error that says which setting it is.
pub(super) fn checked(settings: &ConnectSettings) -> Result<Url> {
    address(&settings.url).map_err(|why| {
        Error::user(
            "connect_settings",
            format!("connect.{}.url: {why}", settings.name),
        )
    })
}

/// A text without a user and password in an address.
fn unuser(text: &str) -> String {
    let Some(scheme) = text.find("://") else {
        return text.to_owned();
    };
    let rest = &text[scheme + 3..];
    let end = rest.find(['/', '?', '#', ' ', '\t']).unwrap_or(rest.len());
    match rest[..end].rfind('@') {
        Some(at) => format!("{}{MASKED}{}", &text[..scheme + 3], &rest[at..]),
        None => text.to_owned(),
    }
}

/// Whether a setting's name is that of a secret.
fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace(['_', '-'], ".");
    SECRET_WORDS.iter().any(|word| name.contains(word))
}

/// `${file:/etc/x:password}` and the like stand for a secret that Connect looks up: they are none.
fn is_reference(value: &str) -> bool {
    value.starts_with("${") && value.ends_with('}') && value.matches("${").count() == 1
}

/// A setting as it may be shown, and whether something of it was kept from sight.
pub(super) fn shown(name: &str, value: &str) -> (String, bool) {
    if value.is_empty() || is_reference(value) {
        return (value.to_owned(), false);
    }
    if is_secret(name) {
        return (MASKED.to_owned(), true);
    }
    let open = unuser(value);
    let masked = open != value;
    (open, masked)
}

/// The secrets of a connector's settings, for taking them out of what its traces quote.
pub(super) fn secrets<'a>(settings: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<String> {
    let mut secrets = Vec::new();
    for (name, value) in settings {
        if value.len() < REDACT_CHARS_MIN || is_reference(value) {
            continue;
        }
        if is_secret(name) {
            secrets.push(value.to_owned());
            // The login module's own: `password="..."`.
            let quoted = value.split('"').skip(1).step_by(2);
            secrets.extend(
                quoted
                    .filter(|part| part.len() >= REDACT_CHARS_MIN)
                    .map(str::to_owned),
            );
        } else if unuser(value) != value {
            secrets.push(value.to_owned());
            if let Some((login, _)) = value
                .split_once("://")
                .and_then(|(_, rest)| rest.rsplit_once('@'))
            {
                let password = login.split_once(':').map_or(login, |(_, password)| password);
                secrets.extend((password.len() >= REDACT_CHARS_MIN).then(|| password.to_owned()));
            }
        }
    }
    // The longest first, so that a part of one does not spoil the whole.
    secrets.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
    secrets.dedup();
    secrets
}

pub(super) fn redact(text: &str, secrets: &[String]) -> String {
    secrets
        .iter()
        .fold(text.to_owned(), |text, secret| text.replace(secret, MASKED))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_kept_from_sight() {
        let check = |name: &str, value: &str, expected: &str| {
            let (found, masked) = shown(name, value);
            assert_eq!(found, expected, "{name}");
            assert_eq!(masked, value != expected, "{name}");
        };
        check("connection.password", "hunter22", MASKED);
        check("database_password", "hunter22", MASKED);
        check("aws.secret.access.key", "hunter22", MASKED);
        check("basic.auth.user.info", "me:hunter22", MASKED);
        check(
            "producer.override.sasl.jaas.config",
            "x password=\"hunter22\";",
            MASKED,
        );
        check(
            "connection.password",
            "${file:/etc/secrets:password}",
            "${file:/etc/secrets:password}",
        );
        check("connection.password", "${a:b} hunter22 ${c}", MASKED);
        check("connection.password", "", "");
        check(
            "connection.url",
            "jdbc:postgresql://db:5432/shop",
            "jdbc:postgresql://db:5432/shop",
        );
        check(
            "connection.uri",
            "mongodb://me:hunter22@db/shop",
            &format!("mongodb://{MASKED}@db/shop"),
        );
        check("file", "/tmp/in.txt", "/tmp/in.txt");
        check(
            "key.converter",
            "org.apache.kafka.connect.storage.StringConverter",
            "org.apache.kafka.connect.storage.StringConverter",
        );
    }

    #[test]
    fn traces_do_not_quote_secrets() {
        let settings = [
            ("connection.uri", "mongodb://me:hunter22@db/shop"),
            ("sasl.jaas.config", "x required password=\"swordfish\";"),
            ("topics", "orders"),
            ("api_key", "abc"),
        ];
        let secrets = secrets(settings.into_iter());
        let trace = "Failed: mongodb://me:hunter22@db/shop (hunter22), swordfish, orders, abc";
        let redacted = redact(trace, &secrets);
        assert_eq!(
            redacted,
            format!("Failed: {MASKED} ({MASKED}), {MASKED}, orders, abc")
        );
    }

    #[test]
    fn addresses_are_checked() {
        let check = |url: &str, ok: bool| assert_eq!(address(url).is_ok(), ok, "{url}");
        check("http://host:8083", true);
        check(" https://host/connect/a ", true);
        check("host:8083", false);
        check("ftp://host", false);
        check("http://me:pw@host", false);
        check("http://host?x=1", false);
        let said = address("http ://me:hunter22@host").expect_err("no address");
        assert!(!said.contains("hunter22"), "{said}");
    }
}
