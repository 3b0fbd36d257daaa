//! A cluster's properties, by librdkafka's own names, as a client's configuration.
//!
//! Invariants: what the person wrote wins over every default here, but for the few properties on which correctness
//! rests ([`TAIL_FIXED`]); an unknown name or a bad value is refused with the name and never with the value, which may be
//! a secret.

use std::collections::BTreeMap;

use rdkafka::{ClientConfig, config::RDKafkaLogLevel, error::KafkaError};
use tailrace_model::{Error, Result};

use super::{
    login,
    near::{did_you_mean, near},
};

pub(super) type Properties = BTreeMap<String, String>;

/// What every client of ours starts from, each with its reason.
const DEFAULTS: [(&str, &str); 6] = [
    // So that a cluster's administrators know who asks.
    ("client.id", "tailrace"),
    // librdkafka waits up to 10 s before it tries a broker again: too long for somebody who watches.
    ("reconnect.backoff.max.ms", "1000"),
    // 30 s to learn that an address is black-holed is too long as well.
    ("socket.connection.setup.timeout.ms", "8000"),
    ("socket.keepalive.enable", "true"),
    ("allow.auto.create.topics", "false"),
    // Tells which brokers are away, a second after they are.
    ("statistics.interval.ms", "1000"),
];

/// What a tail reads with. Sizes hold per tail: one response, and what is queued ahead of the reader.
const TAIL_DEFAULTS: [(&str, &str); 8] = [
    ("fetch.min.bytes", "1"),
    ("fetch.wait.max.ms", "250"),
    ("fetch.message.max.bytes", "1048576"),
    ("fetch.max.bytes", "16777216"),
    ("queued.min.messages", "200000"),
    ("queued.max.messages.kbytes", "32768"),
    // After a full queue librdkafka looks again only after this long: its default of 1 s stalls a quick reader.
    ("fetch.queue.backoff.ms", "5"),
    ("fetch.error.backoff.ms", "200"),
];

/// What a tail's meaning rests on.
const TAIL_FIXED: [(&str, &str); 4] = [
    ("enable.auto.commit", "false"),
    ("enable.partition.eof", "true"),
    // A lost position is reported and decided here, never silently moved.
    ("auto.offset.reset", "error"),
    ("topic.metadata.refresh.interval.ms", "30000"),
];

/// What single records are read with: little ahead, and no long wait for a partition that has nothing.
const READER_FIXED: [(&str, &str); 8] = [
    ("enable.auto.commit", "false"),
    ("enable.partition.eof", "true"),
    ("auto.offset.reset", "error"),
    ("fetch.min.bytes", "1"),
    ("fetch.wait.max.ms", "10"),
    ("fetch.message.max.bytes", "16384"),
    ("fetch.queue.backoff.ms", "1"),
    ("queued.max.messages.kbytes", "4096"),
];

/// Where a property belongs to the other kind of client, or to Java's.
const ELSEWHERE: [(&str, &str); 5] = [
    ("sasl.jaas.config", "sasl.username and sasl.password"),
    ("ssl.truststore.location", "ssl.ca.location (PEM)"),
    (
        "ssl.truststore.password",
        "ssl.ca.location (PEM), which has no password",
    ),
    (
        "ssl.keystore.type",
        "ssl.keystore.location (PKCS#12) or ssl.certificate.location (PEM)",
    ),
    (
        "ssl.protocol",
        "nothing: the newest that both sides speak is used",
    ),
];

/// Names that people write; the rest is still accepted, only not proposed.
const COMMON: [&str; 46] = [
    "bootstrap.servers",
    "client.id",
    "client.rack",
    "security.protocol",
    "sasl.mechanism",
    "sasl.mechanisms",
    "sasl.username",
    "sasl.password",
    "sasl.kerberos.service.name",
    "sasl.kerberos.principal",
    "sasl.kerberos.keytab",
    "sasl.kerberos.kinit.cmd",
    "sasl.oauthbearer.method",
    "sasl.oauthbearer.config",
    "sasl.oauthbearer.client.id",
    "sasl.oauthbearer.client.secret",
    "sasl.oauthbearer.scope",
    "sasl.oauthbearer.token.endpoint.url",
    "ssl.ca.location",
    "ssl.ca.pem",
    "ssl.certificate.location",
    "ssl.certificate.pem",
    "ssl.key.location",
    "ssl.key.pem",
    "ssl.key.password",
    "ssl.keystore.location",
    "ssl.keystore.password",
    "ssl.cipher.suites",
    "ssl.endpoint.identification.algorithm",
    "enable.ssl.certificate.verification",
    "broker.address.family",
    "socket.timeout.ms",
    "socket.connection.setup.timeout.ms",
    "socket.keepalive.enable",
    "connections.max.idle.ms",
    "reconnect.backoff.ms",
    "reconnect.backoff.max.ms",
    "metadata.max.age.ms",
    "message.max.bytes",
    "receive.message.max.bytes",
    "fetch.max.bytes",
    "fetch.message.max.bytes",
    "fetch.wait.max.ms",
    "isolation.level",
    "compression.type",
    "linger.ms",
];

/// The configuration of a client that asks for metadata and does admin calls. Refuses unknown properties.
pub(super) fn base(cluster: &str, properties: &Properties) -> Result<ClientConfig> {
    let bootstrap = properties
        .get("bootstrap.servers")
        .or_else(|| properties.get("metadata.broker.list"));
    if bootstrap.is_none_or(|servers| servers.trim().is_empty()) {
        return Err(Error::user(
            "no_bootstrap_servers",
            format!(
                "cluster \"{cluster}\" has no bootstrap.servers: write at least one \"host:port\" under [properties] \
                 in clusters/{cluster}.toml"
            ),
        ));
    }
    let mut config = ClientConfig::new();
    // That a broker closes a connection is told at this level; nothing of it is printed.
    config.set_log_level(RDKafkaLogLevel::Info);
    extend(&mut config, &DEFAULTS);
    for (name, value) in properties {
        // A person's group.id is no business of ours: nothing here joins a group.
        if name != "group.id" {
            config.set(name, value);
        }
    }
    login::take_over(&mut config, properties)
        .map_err(|error| error.context(format!("cluster \"{cluster}\"")))?;
    match config.create_native_config() {
        Ok(_) => Ok(config),
        Err(error) => Err(refused(cluster, &error)),
    }
}

/// Refuses properties that no client could be made from.
pub fn check(cluster: &str, properties: &Properties) -> Result<()> {
    base(cluster, properties).map(drop)
}

/// As [`base`], for a tail.
pub(super) fn tail(base: &ClientConfig, properties: &Properties) -> ClientConfig {
    let mut config = base.clone();
    for (name, value) in TAIL_DEFAULTS {
        if !properties.contains_key(name) {
            config.set(name, value);
        }
    }
    // The response must fit what one connection may receive.
    extend(&mut config, &TAIL_FIXED);
    if !properties.contains_key("isolation.level") {
        config.set("isolation.level", "read_committed");
    }
    config
}

/// As [`base`], for reading single records.
pub(super) fn reader(base: &ClientConfig) -> ClientConfig {
    let mut config = base.clone();
    extend(&mut config, &READER_FIXED);
    // The record at an offset is wanted, whatever became of its transaction.
    config.set("isolation.level", "read_uncommitted");
    config
}

/// As [`base`], for producing.
pub(super) fn producer(base: &ClientConfig, properties: &Properties) -> ClientConfig {
    let mut config = base.clone();
    for (name, value) in [
        ("enable.idempotence", "true"),
        ("linger.ms", "5"),
        ("compression.type", "lz4"),
        ("message.timeout.ms", "30000"),
        ("queue.buffering.max.kbytes", "65536"),
        // As Java's clients choose; librdkafka's own default takes another partition for the same key.
        ("partitioner", "murmur2_random"),
    ] {
        if !properties.contains_key(name) {
            config.set(name, value);
        }
    }
    config.remove("allow.auto.create.topics");
    config
}

fn extend(config: &mut ClientConfig, values: &[(&str, &str)]) {
    for (name, value) in values {
        config.set(*name, *value);
    }
}

/// Names the property and what is wrong with it, without its value.
fn refused(cluster: &str, error: &KafkaError) -> Error {
    let KafkaError::ClientConfig(_, description, name, value) = error else {
        return Error::user(
            "bad_properties",
            format!("cluster \"{cluster}\": its properties cannot be used"),
        );
    };
    let place = format!("cluster \"{cluster}\" (clusters/{cluster}.toml)");
    if let Some((_, instead)) = ELSEWHERE.iter().find(|(java, _)| java == name) {
        return Error::user(
            "unknown_property",
            format!("{place}: \"{name}\" is a property of the Java client; librdkafka uses {instead}"),
        );
    }
    if description.starts_with("No such configuration property") {
        let guess = did_you_mean(&near(name, COMMON));
        return Error::user(
            "unknown_property",
            format!("{place}: there is no property \"{name}\".{guess}"),
        );
    }
    // librdkafka repeats the value in its description.
    let described = if value.is_empty() {
        description.clone()
    } else {
        description.replace(value, "...")
    };
    let described = described.trim().trim_end_matches('.');
    Error::user(
        "bad_property",
        format!("{place}: the value of \"{name}\" is refused: {described}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn properties(pairs: &[(&str, &str)]) -> Properties {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn properties_are_checked() {
        let check = |pairs: &[(&str, &str)], code: &str, says: &[&str], never: &str| {
            let error = base("prod", &properties(pairs)).expect_err(code);
            assert_eq!(error.code, code, "{}", error.message);
            for part in says {
                assert!(
                    error.message.contains(part),
                    "{:?} is not in {:?}",
                    part,
                    error.message
                );
            }
            assert!(
                never.is_empty() || !error.message.contains(never),
                "{}",
                error.message
            );
        };
        let servers = ("bootstrap.servers", "localhost:9092");
        check(&[], "no_bootstrap_servers", &["prod", "host:port"], "");
        check(&[("bootstrap.servers", " ")], "no_bootstrap_servers", &[], "");
        check(
            &[("bootstrap.server", "a:1"), servers],
            "unknown_property",
            &["\"bootstrap.servers\"?"],
            "",
        );
        check(
            &[servers, ("security.protocoll", "ssl")],
            "unknown_property",
            &["\"security.protocol\"?"],
            "",
        );
        check(
            &[servers, ("sasl.jaas.config", "hunter2")],
            "unknown_property",
            &["sasl.username"],
            "hunter2",
        );
        check(
            &[servers, ("security.protocol", "hunter2")],
            "bad_property",
            &["security.protocol"],
            "hunter2",
        );
        check(
            &[servers, ("socket.timeout.ms", "soon")],
            "bad_property",
            &["socket.timeout.ms"],
            "",
        );
    }

    #[test]
    fn what_the_person_wrote_wins() {
        let given = properties(&[
            ("bootstrap.servers", "a:1"),
            ("client.id", "mine"),
            ("group.id", "theirs"),
            ("fetch.max.bytes", "1000000"),
        ]);
        let config = base("prod", &given).expect("a good configuration");
        assert_eq!(config.get("client.id"), Some("mine"));
        assert_eq!(config.get("group.id"), None);
        let tail = tail(&config, &given);
        assert_eq!(tail.get("fetch.max.bytes"), Some("1000000"));
        assert_eq!(tail.get("enable.auto.commit"), Some("false"));
        for config in [tail, reader(&config), producer(&config, &given)] {
            config
                .create_native_config()
                .expect("librdkafka knows every property");
        }
    }
}
