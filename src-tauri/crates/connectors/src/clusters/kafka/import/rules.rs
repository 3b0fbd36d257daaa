//! What each setting becomes.

use std::collections::HashMap;

use rdkafka::ClientConfig;
use tailrace_model::{ClusterAuth, api::ImportOutcome};

use super::{
    Imported, Store,
    jaas::{self, Jaas},
    java::Entry,
};

/// Settings of a connection that both clients call the same.
const SAME: [&str; 22] = [
    "bootstrap.servers",
    "client.id",
    "client.rack",
    "security.protocol",
    "sasl.mechanism",
    "sasl.kerberos.service.name",
    "sasl.oauthbearer.scope",
    "sasl.oauthbearer.assertion.file",
    "client.dns.lookup",
    "connections.max.idle.ms",
    "metadata.max.age.ms",
    "reconnect.backoff.ms",
    "reconnect.backoff.max.ms",
    "retry.backoff.ms",
    "retry.backoff.max.ms",
    "socket.connection.setup.timeout.ms",
    "isolation.level",
    "fetch.max.bytes",
    "fetch.min.bytes",
    "max.partition.fetch.bytes",
    "check.crcs",
    "allow.auto.create.topics",
];

/// The same setting by another name.
const RENAMED: [(&str, &str); 5] = [
    ("request.timeout.ms", "socket.timeout.ms"),
    (
        "sasl.oauthbearer.client.credentials.client.id",
        "sasl.oauthbearer.client.id",
    ),
    ("fetch.max.wait.ms", "fetch.wait.max.ms"),
    ("metadata.broker.list", "bootstrap.servers"),
    ("max.request.size", "message.max.bytes"),
];

/// Properties whose values go to the secret store.
pub(super) const SECRETS: [&str; 7] = [
    "sasl.password",
    "ssl.key.password",
    "ssl.keystore.password",
    "ssl.key.pem",
    "sasl.oauthbearer.client.secret",
    "sasl.oauthbearer.client.credentials.client.secret",
    "sasl.oauthbearer.assertion.private.key.passphrase",
];

/// What means nothing here: a part of the name, and why.
const MEANINGLESS: [(&str, &str); 27] = [
    ("serializer", "records are decoded by their own format here"),
    ("deserializer", "records are decoded by their own format here"),
    (
        "schema.registry.",
        "the schema registry is no property of the connection: write it under [registry]",
    ),
    (
        "basic.auth.",
        "the schema registry is no property of the connection: write it under [registry]",
    ),
    (
        "specific.avro.reader",
        "records are decoded by their own format here",
    ),
    ("group.", "nothing here joins a consumer group"),
    ("auto.offset.reset", "where reading starts is chosen each time"),
    ("enable.auto.", "nothing here commits offsets by itself"),
    ("auto.commit.", "nothing here commits offsets by itself"),
    ("max.poll.", "nothing here joins a consumer group"),
    ("session.timeout.ms", "nothing here joins a consumer group"),
    ("heartbeat.interval.ms", "nothing here joins a consumer group"),
    (
        "partition.assignment.strategy",
        "nothing here joins a consumer group",
    ),
    (
        "partitioner.",
        "records are partitioned as Kafka's own clients do",
    ),
    ("enable.partition.eof", "reading decides that by itself"),
    ("interceptor.classes", "a class of Java can't run here"),
    ("metric", "there are no Java metrics here"),
    ("security.providers", "a class of Java can't run here"),
    (
        "acks",
        "every record that is written here is acknowledged by all replicas",
    ),
    (
        "enable.idempotence",
        "every record that is written here is written once",
    ),
    ("transactional.id", "nothing here writes in transactions"),
    ("buffer.memory", "the memory of a Java producer"),
    (
        "default.api.timeout.ms",
        "every question here has its own time limit",
    ),
    (
        "debug",
        "what librdkafka says is kept for errors, and not printed",
    ),
    ("log", "what librdkafka says is kept for errors, and not printed"),
    ("plugin.library.paths", "an import loads no code"),
    ("enable.metrics.push", "nothing is pushed to the brokers"),
];

/// Java's own ways of doing what OpenSSL does by itself.
const OPENSSLS: [&str; 8] = [
    "ssl.protocol",
    "ssl.enabled.protocols",
    "ssl.provider",
    "ssl.trustmanager.algorithm",
    "ssl.keymanager.algorithm",
    "ssl.secure.random.implementation",
    "ssl.engine.factory.class",
    "ssl.cipher.suites",
];

pub(super) struct Work<'a> {
    pub values: &'a HashMap<&'a str, &'a str>,
    pub pem: &'a str,
    pub look: &'a dyn Fn(&str) -> (Store, String),
    pub done: Imported,
}

use ImportOutcome::{Converted, Kept, LeftOut, ToDo};

impl Work<'_> {
    /// A setting of librdkafka's own.
    pub fn plain(&mut self, entry: &Entry) {
        let key = entry.key.as_str();
        if let Some((_, name)) = RENAMED
            .iter()
            .find(|(from, _)| *from == key && key == "metadata.broker.list")
        {
            return self.convert(entry, name, &entry.value);
        }
        if let Some(why) = meaningless(key) {
            return self.done.tell(entry, LeftOut, why);
        }
        if key.starts_with("topic.") {
            return self.done.tell(entry, LeftOut, "a setting of kcat's topics");
        }
        if SECRETS.contains(&key) {
            return self.secret(entry, key, &entry.value);
        }
        if key.ends_with(".location") && entry.value != "probe" {
            let (store, place) = (self.look)(&entry.value);
            self.done.set(key, place.as_str());
            return match store {
                Store::Missing => self.done.tell(
                    entry,
                    ToDo,
                    format!("there is no file {place} that can be read: put it there"),
                ),
                _ => self.done.tell(entry, Kept, place),
            };
        }
        self.keep(entry);
    }

    /// A setting of a Java client.
    pub fn java(&mut self, entry: &Entry) {
        let key = entry.key.as_str();
        match key {
            "sasl.jaas.config" => self.jaas(entry),
            _ if key.starts_with("ssl.truststore.") => self.trust_store(entry),
            _ if key.starts_with("ssl.keystore.") || key == "ssl.key.password" => self.key_store(entry),
            "ssl.endpoint.identification.algorithm" if entry.value.trim().is_empty() => {
                self.convert(entry, key, "none");
            }
            "ssl.endpoint.identification.algorithm" => self.keep(entry),
            "sasl.oauthbearer.token.endpoint.url" => {
                self.done.set("sasl.oauthbearer.method", "oidc");
                self.keep(entry);
            }
            "sasl.oauthbearer.client.credentials.client.secret" => {
                self.secret(entry, "sasl.oauthbearer.client.secret", &entry.value);
            }
            "sasl.login.callback.handler.class" | "sasl.client.callback.handler.class" => self.handler(entry),
            "send.buffer.bytes" | "receive.buffer.bytes" => match entry.value.trim().parse::<i64>() {
                Ok(bytes) if bytes > 0 => self.convert(entry, &format!("socket.{key}"), &entry.value),
                _ => self
                    .done
                    .tell(entry, LeftOut, "the system's own size is the default"),
            },
            _ if SECRETS.contains(&key) => self.secret(entry, key, &entry.value),
            _ if OPENSSLS.contains(&key) => {
                self.done.tell(
                    entry,
                    LeftOut,
                    "Java's; here OpenSSL agrees with the broker on the best that both know",
                );
            }
            _ => {
                if let Some((_, name)) = RENAMED.iter().find(|(from, _)| *from == key) {
                    self.convert(entry, name, &entry.value);
                } else if SAME.contains(&key) {
                    self.keep(entry);
                } else {
                    let why = meaningless(key).unwrap_or("librdkafka has no such property");
                    self.done.tell(entry, LeftOut, why);
                }
            }
        }
    }

    /// Keeps it if librdkafka takes it.
    fn keep(&mut self, entry: &Entry) {
        let (key, value) = (entry.key.as_str(), entry.value.trim());
        let own = key.starts_with("sasl.oauthbearer.") || key.starts_with("https.ca.");
        match own || takes(key, value) {
            true => {
                self.done.set(key, value);
                self.done.tell(entry, Kept, value);
            }
            false => self.done.tell(
                entry,
                LeftOut,
                "librdkafka has no such property, or not with this value",
            ),
        }
    }

    fn convert(&mut self, entry: &Entry, name: &str, value: &str) {
        if !takes(name, value.trim()) && !name.starts_with("sasl.oauthbearer.") {
            return self
                .done
                .tell(entry, LeftOut, "librdkafka does not take this value");
        }
        self.done.set(name, value.trim());
        self.done
            .tell(entry, Converted, format!("{name} = {}", value.trim()));
    }

    fn secret(&mut self, entry: &Entry, name: &str, value: &str) {
        if value.is_empty() {
            return self.done.tell(entry, LeftOut, "it is empty");
        }
        self.keep_secret(name, value);
        match refers(value) {
            true => self.done.tell(
                entry,
                ToDo,
                format!("{name} refers to another place: set it with `tailrace secret set`"),
            ),
            false => self.done.tell(
                entry,
                ImportOutcome::Secret,
                format!("{name} goes to the secret store"),
            ),
        }
    }

    fn keep_secret(&mut self, name: &str, value: &str) {
        if refers(value) {
            self.done.missing_secrets.push(name.to_owned());
        } else {
            self.done.secrets.insert(name.to_owned(), value.to_owned());
        }
    }

    fn value(&self, key: &str) -> Option<&str> {
        self.values
            .get(key)
            .map(|value| value.trim())
            .filter(|value| !value.is_empty())
    }

    fn jaas(&mut self, entry: &Entry) {
        let Some(jaas) = jaas::parse(&entry.value) else {
            let why = "it can't be read: it is MODULE required NAME=\"VALUE\" ...;";
            return self.done.tell(entry, ToDo, why);
        };
        let option = |name: &str| jaas.options.get(name).cloned();
        match jaas.module.as_str() {
            "PlainLoginModule" | "ScramLoginModule" => self.user(entry, &jaas),
            "OAuthBearerLoginModule" => {
                let id = option("clientId").or_else(|| option("unsecuredLoginStringClaim_sub"));
                if let Some(id) = id {
                    self.done.set("sasl.oauthbearer.client.id", id);
                }
                if let Some(scope) = option("scope") {
                    self.done.set("sasl.oauthbearer.scope", scope);
                }
                let extensions: Vec<String> = jaas
                    .options
                    .iter()
                    .filter_map(|(name, value)| Some(format!("{}={value}", name.strip_prefix("extension_")?)))
                    .collect();
                if !extensions.is_empty() {
                    self.done.set("sasl.oauthbearer.extensions", extensions.join(","));
                }
                if let Some(secret) = option("clientSecret") {
                    self.keep_secret("sasl.oauthbearer.client.secret", &secret);
                }
                self.done.set("sasl.oauthbearer.method", "oidc");
                self.done.tell(
                    entry,
                    Converted,
                    "sasl.oauthbearer.client.id; its secret goes to the secret store",
                );
            }
            "IAMLoginModule" => self.msk(entry, option("awsProfileName"), option("awsRoleArn").is_some()),
            "Krb5LoginModule" => {
                let kept: Vec<String> = [
                    ("keyTab", "sasl.kerberos.keytab"),
                    ("principal", "sasl.kerberos.principal"),
                    ("serviceName", "sasl.kerberos.service.name"),
                ]
                .into_iter()
                .filter_map(|(from, name)| {
                    self.done.set(name, option(from)?);
                    Some(name.to_owned())
                })
                .collect();
                let what = if kept.is_empty() {
                    "the tickets of the session are used".to_owned()
                } else {
                    kept.join(", ")
                };
                self.done.tell(entry, Converted, what);
            }
            module => {
                let why = format!(
                    "{module} is a class of Java that can't run here: log in by PLAIN, SCRAM, OAUTHBEARER or GSSAPI"
                );
                self.done.tell(entry, ToDo, why);
            }
        }
    }

    /// PLAIN and SCRAM: a name and a password.
    fn user(&mut self, entry: &Entry, jaas: &Jaas) {
        let (Some(user), Some(password)) = (jaas.options.get("username"), jaas.options.get("password"))
        else {
            return self.done.tell(
                entry,
                ToDo,
                "it has no username or no password: set sasl.username and sasl.password",
            );
        };
        if jaas.options.get("tokenauth").is_some_and(|value| value == "true") {
            return self.done.tell(
                entry,
                ToDo,
                "delegation tokens are not supported by librdkafka: log in with a user",
            );
        }
        self.done.set("sasl.username", user.as_str());
        self.keep_secret("sasl.password", password);
        if refers(password) {
            let what = format!(
                "sasl.username = {user}; the password refers to another place: set it with `tailrace secret set`"
            );
            return self.done.tell(entry, ToDo, what);
        }
        let what = format!("sasl.username = {user}; sasl.password goes to the secret store");
        self.done.tell(entry, Converted, what);
    }

    fn msk(&mut self, entry: &Entry, profile: Option<String>, role: bool) {
        // The mechanism has another name in AWS's Java library: [auth] sets the right one.
        self.done.properties.remove("sasl.mechanism");
        self.done.auth = Some(ClusterAuth::MskIam {
            region: None,
            profile,
        });
        if role {
            let why = "[auth] kind = \"msk_iam\"; name a profile of ~/.aws/config that takes on the role";
            return self.done.tell(entry, ToDo, why);
        }
        self.done.tell(entry, Converted, "[auth] kind = \"msk_iam\"");
    }

    fn handler(&mut self, entry: &Entry) {
        let class = entry.value.rsplit('.').next().unwrap_or_default();
        match class {
            "IAMClientCallbackHandler" | "IAMOAuthBearerLoginCallbackHandler" => self.msk(entry, None, false),
            "OAuthBearerLoginCallbackHandler" => self.convert(entry, "sasl.oauthbearer.method", "oidc"),
            _ => self.done.tell(entry, LeftOut, "a class of Java can't run here"),
        }
    }

    fn trust_store(&mut self, entry: &Entry) {
        match entry.key.as_str() {
            "ssl.truststore.certificates" => {
                self.done.set("ssl.ca.pem", entry.value.as_str());
                self.done.tell(entry, Converted, "ssl.ca.pem");
            }
            "ssl.truststore.location" => {
                let (store, place) = (self.look)(&entry.value);
                let pem = store == Store::Pem || self.value("ssl.truststore.type") == Some("PEM");
                if pem {
                    self.done.set("ssl.ca.location", place.as_str());
                    let missing = store == Store::Missing;
                    let what = if missing {
                        format!("ssl.ca.location = {place}, which can't be read: put it there")
                    } else {
                        format!("ssl.ca.location = {place}")
                    };
                    return self
                        .done
                        .tell(entry, if missing { ToDo } else { Converted }, what);
                }
                self.done.set("ssl.ca.location", self.pem);
                // keytool reads both kinds of Java's stores, and asks for the password.
                self.done.commands.push(format!(
                    "keytool -list -rfc -keystore {} > {}",
                    quoted(&place),
                    quoted(&(self.look)(self.pem).1)
                ));
                let kind = kind_of(store, self.value("ssl.truststore.type"));
                let why = format!(
                    "a {kind} store can't be read by librdkafka: the command below makes PEM of it, for ssl.ca.location = {}",
                    self.pem
                );
                self.done.tell(entry, ToDo, why);
            }
            "ssl.truststore.password" => self.done.tell(
                entry,
                LeftOut,
                "PEM certificates have no password; keytool will ask for it",
            ),
            _ => self.done.tell(entry, LeftOut, "what kind of file it is, is seen"),
        }
    }

    fn key_store(&mut self, entry: &Entry) {
        let kind = self.value("ssl.keystore.type").map(str::to_uppercase);
        let place = self.value("ssl.keystore.location").map(str::to_owned);
        let store = place.as_deref().map(|place| (self.look)(place).0);
        let pem = kind.as_deref() == Some("PEM") || store == Some(Store::Pem);
        match entry.key.as_str() {
            "ssl.keystore.key" => self.secret(entry, "ssl.key.pem", &entry.value),
            "ssl.keystore.certificate.chain" => {
                self.done.set("ssl.certificate.pem", entry.value.as_str());
                self.done.tell(entry, Converted, "ssl.certificate.pem");
            }
            "ssl.keystore.location" if pem => {
                let (_, place) = (self.look)(&entry.value);
                self.done.set("ssl.certificate.location", place.as_str());
                self.done.set("ssl.key.location", place.as_str());
                self.done.tell(
                    entry,
                    Converted,
                    format!("ssl.certificate.location and ssl.key.location = {place}"),
                );
            }
            "ssl.keystore.location" => {
                let (store, place) = (self.look)(&entry.value);
                let known = store == Store::Pkcs12
                    || store != Store::Jks && (kind.as_deref() == Some("PKCS12") || ends_pkcs12(&place));
                if known {
                    self.done.set("ssl.keystore.location", place.as_str());
                    return self.done.tell(entry, Kept, place);
                }
                let target = format!(
                    "{}.p12",
                    place.trim_end_matches(".jks").trim_end_matches(".keystore")
                );
                self.done.set("ssl.keystore.location", target.as_str());
                self.done.commands.push(format!(
                    "keytool -importkeystore -srckeystore {} -destkeystore {} -deststoretype PKCS12",
                    quoted(&place),
                    quoted(&target)
                ));
                let why = format!(
                    "a {} store can't be read by librdkafka: the command below makes {target} of it",
                    kind_of(store, kind.as_deref())
                );
                self.done.tell(entry, ToDo, why);
            }
            "ssl.keystore.password" if pem => {
                self.done
                    .tell(entry, LeftOut, "PEM files have no password of their own")
            }
            "ssl.keystore.password" => self.secret(entry, "ssl.keystore.password", &entry.value),
            "ssl.key.password" if !pem && place.is_some() => {
                self.done
                    .tell(entry, LeftOut, "a PKCS#12 store has one password for all");
            }
            "ssl.key.password" => self.secret(entry, "ssl.key.password", &entry.value),
            _ => self.done.tell(entry, LeftOut, "what kind of file it is, is seen"),
        }
    }
}

fn meaningless(key: &str) -> Option<&'static str> {
    let exact = ["acks", "debug"];
    MEANINGLESS
        .iter()
        .find(|(part, _)| match exact.contains(part) {
            true => key == *part,
            false => key.starts_with(part) || key.ends_with(part),
        })
        .map(|(_, why)| *why)
}

/// A place of Java's config providers or a variable, and no value.
fn refers(value: &str) -> bool {
    value.starts_with("${") && value.ends_with('}')
}

fn takes(name: &str, value: &str) -> bool {
    ClientConfig::new()
        .set(name, value)
        .create_native_config()
        .is_ok()
}

fn ends_pkcs12(place: &str) -> bool {
    [".p12", ".pfx", ".pkcs12"]
        .iter()
        .any(|ending| place.to_lowercase().ends_with(ending))
}

fn kind_of(store: Store, written: Option<&str>) -> String {
    match (store, written) {
        (Store::Jks, _) => "JKS".to_owned(),
        (Store::Pkcs12, _) => "PKCS#12".to_owned(),
        (_, Some(written)) => written.to_owned(),
        _ => "Java".to_owned(),
    }
}

/// A path as a shell takes it.
fn quoted(path: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@".contains(c);
    match !path.is_empty() && path.chars().all(plain) {
        true => path.to_owned(),
        false => format!("'{}'", path.replace('\'', "'\\''")),
    }
}
