//! Files of other clients read into a definition: a Java `client.properties`, a `kcat.conf` or any other file of
//! librdkafka's properties.
//!
//! Invariants: every setting of the file is told of, with what became of it; a secret is in no property and in no
//! sentence; nothing is read but what `look` is asked for, and nothing is written.

mod jaas;
mod java;
mod rules;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};

use java::Entry;
use tailrace_model::{
    ClusterAuth,
    api::{ImportLine, ImportOutcome},
};

/// What a file with certificates or keys begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Store {
    Pem,
    Pkcs12,
    Jks,
    Unknown,
    /// It can't be read.
    Missing,
}

impl Store {
    /// By its first bytes.
    pub fn of(bytes: &[u8]) -> Self {
        match bytes {
            [0xfe, 0xed, 0xfe, 0xed, ..] | [0xce, 0xce, 0xce, 0xce, ..] => Self::Jks,
            [0x30, 0x80..=0x84, ..] => Self::Pkcs12,
            _ if bytes.windows(11).any(|part| part == b"-----BEGIN ") => Self::Pem,
            _ => Self::Unknown,
        }
    }
}

/// What came of a file.
#[derive(Default)]
pub struct Imported {
    /// The file is a Java client's.
    pub java: bool,
    pub properties: BTreeMap<String, String>,
    /// Values of properties that are secrets; they are not in `properties`.
    pub secrets: BTreeMap<String, String>,
    /// Secrets that the file refers to and does not hold.
    pub missing_secrets: Vec<String>,
    pub auth: Option<ClusterAuth>,
    pub lines: Vec<ImportLine>,
    /// To be run by hand, before the cluster can be used.
    pub commands: Vec<String>,
}

/// Reads a file. `pem` is where the certificates of a store will be that has to be converted by hand; `look` tells what
/// kind of file a path is, and the path to write.
pub fn import(text: &str, pem: &str, look: &dyn Fn(&str) -> (Store, String)) -> Imported {
    let java = is_java(text);
    let entries = if java {
        java::read_java(text)
    } else {
        java::read_plain(text)
    };
    let last: HashMap<&str, u32> = entries
        .iter()
        .map(|entry| (entry.key.as_str(), entry.line))
        .collect();
    let values: HashMap<&str, &str> = entries
        .iter()
        .map(|entry| (entry.key.as_str(), entry.value.as_str()))
        .collect();
    let mut work = rules::Work {
        values: &values,
        pem,
        look,
        done: Imported {
            java,
            ..Imported::default()
        },
    };
    for entry in &entries {
        match last.get(entry.key.as_str()) {
            Some(line) if *line != entry.line => {
                let why = format!("said again on line {line}, which counts");
                work.done.tell(entry, ImportOutcome::LeftOut, why);
            }
            _ if java => work.java(entry),
            _ => work.plain(entry),
        }
    }
    work.done
}

/// Whether anything in it is known to Java's clients alone.
fn is_java(text: &str) -> bool {
    const JAVAS: [&str; 9] = [
        "sasl.jaas.config",
        "ssl.truststore.",
        "ssl.keystore.type",
        "serializer",
        "callback.handler.class",
        "ssl.enabled.protocols",
        "ssl.protocol",
        "client.dns.lookup",
        "ssl.keystore.certificate.chain",
    ];
    let keys = java::read_java(text);
    let kafkas = [
        "metadata.broker.list",
        "sasl.mechanisms",
        "sasl.username",
        "ssl.ca.",
        "sasl.password",
    ];
    let has = |names: &[&str]| {
        keys.iter()
            .any(|entry| names.iter().any(|name| entry.key.contains(name)))
    };
    has(&JAVAS) && !has(&kafkas)
}

impl Imported {
    fn tell(&mut self, entry: &Entry, outcome: ImportOutcome, detail: impl Into<String>) {
        self.lines.push(ImportLine {
            line: entry.line,
            key: entry.key.clone(),
            outcome,
            detail: detail.into(),
        });
    }

    fn set(&mut self, name: &str, value: impl Into<String>) {
        self.properties.insert(name.to_owned(), value.into());
    }
}
