//! A connection tried step by step, so that the first step that fails says what to mend.
//!
//! Before librdkafka is asked, the port itself is: what it speaks ([`greet`]), which certificate it shows ([`tls`]) and
//! which logins it takes ([`wire`]). A client only learns that the connection was closed.

mod address;
mod greet;
mod tls;
mod wire;

use std::time::{Duration, Instant};

use address::Reached;
use openssl::ssl::SslStream;
use tailrace_model::{
    Error,
    api::{Broker, ConnectionStep, ConnectionTest},
};

use super::{
    client::KafkaClient,
    config::{self, Properties},
    ffi::admin::{Allowed, allowed},
    login,
};
use crate::destinations::reason;

/// The time that each step may take.
const STEP_MAX: Duration = Duration::from_secs(5);

type Step<T> = std::result::Result<(T, String), String>;

struct Steps(Vec<ConnectionStep>);

impl Steps {
    /// Runs a step; `Err` when it failed, and nothing more is to be tried.
    async fn step<T>(
        &mut self,
        name: &str,
        work: impl Future<Output = Step<T>>,
    ) -> std::result::Result<T, ()> {
        let started = Instant::now();
        let outcome = work.await;
        let took_ms = i64::try_from(started.elapsed().as_millis()).unwrap_or(i64::MAX);
        let (value, detail) = match outcome {
            Ok((value, detail)) => (Ok(value), detail),
            Err(detail) => (Err(()), detail),
        };
        self.0.push(ConnectionStep {
            step: name.to_owned(),
            ok: value.is_ok(),
            detail,
            took_ms,
        });
        value
    }
}

/// Tries to connect: `configuration`, `name lookup`, `tcp`, `tls` (where it is encrypted), `kafka`, `token` and `sasl`
/// (where it logs in), `metadata`, `brokers`, `authorisation`. The first step that fails is the last.
pub async fn test_connection(cluster: &str, properties: &Properties) -> ConnectionTest {
    let mut steps = Steps(Vec::new());
    let ok = run(&mut steps, cluster, properties).await.is_ok();
    ConnectionTest { ok, steps: steps.0 }
}

async fn run(steps: &mut Steps, cluster: &str, properties: &Properties) -> std::result::Result<(), ()> {
    let (config, servers) = steps
        .step("configuration", async {
            let config = config::base(cluster, properties).map_err(|error| error.message)?;
            let servers = address::bootstrap(properties).map_err(|error| error.message)?;
            let said = format!(
                "{}, {}",
                counted("bootstrap server", &servers),
                protocol(properties)
            );
            Ok(((config, servers), said))
        })
        .await?;
    let addresses = steps.step("name lookup", address::look_up(&servers)).await?;
    let reached = steps.step("tcp", address::connect(&addresses)).await?;
    greet_step(steps, reached, properties).await?;
    if protocol(properties).starts_with("sasl") && login::is_used(properties) {
        let now_ms = chrono::Utc::now().timestamp_millis();
        steps
            .step("token", async {
                let said = login::try_once(&config, now_ms).await?;
                Ok(((), said.unwrap_or_else(|| "from the properties".to_owned())))
            })
            .await?;
    }
    let (client, brokers) = ask(steps, cluster, properties).await?;
    steps.step("brokers", address::reach(&brokers)).await?;
    steps.step("authorisation", authorised(&client)).await
}

/// `tls` and `kafka`: what the port speaks, and whether it takes the login that is meant.
async fn greet_step(
    steps: &mut Steps,
    reached: Reached,
    properties: &Properties,
) -> std::result::Result<(), ()> {
    let place = format!("{}:{}", reached.host, reached.address.port());
    let given = properties.clone();
    if !protocol(properties).ends_with("ssl") {
        let (address, stream) = (reached.address, reached.stream);
        let work = async {
            let ((), said) = greet::greet(stream, &place).await?;
            let again = std::net::TcpStream::connect_timeout(&address, STEP_MAX);
            // What it said was enough, if it does not take another connection.
            let Ok(mut line) = again.and_then(patient) else {
                return Ok(((), said));
            };
            blocking(move || offered(&mut line, &given))
                .await
                .map(|more| ((), format!("{said}{more}")))
        };
        return steps.step("kafka", work).await;
    }
    let (address, host) = (reached.address, reached.host);
    let opened = async {
        let stream = reached
            .stream
            .into_std()
            .and_then(blocking_again)
            .map_err(|error| reason::of_io(&error))?;
        let settings = given.clone();
        let opened = blocking(move || tls::open(stream, &host, &settings)).await;
        match opened {
            Err(why) => Err(greet::unencrypted(address, &place).await.unwrap_or(why)),
            opened => opened,
        }
    };
    let mut line: SslStream<_> = steps.step("tls", opened).await?;
    let given = properties.clone();
    let work = blocking(move || {
        let answer = wire::exchange(&mut line, &greet::API_VERSIONS).map_err(|error| {
            tls::refused(&error, &given)
                .unwrap_or_else(|| format!("{place} speaks TLS, but not Kafka: {}", reason::of_io(&error)))
        })?;
        if !answer.starts_with(&[0, 0, 0, 7]) {
            return Err(format!(
                "{place} speaks TLS, but not Kafka. Check host and port in bootstrap.servers"
            ));
        }
        let more = offered(&mut line, &given)?;
        Ok(((), format!("{place} speaks Kafka over TLS{more}")))
    });
    steps.step("kafka", work).await
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> std::result::Result<T, String> + Send + 'static,
) -> std::result::Result<T, String> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|_| Err("the test was interrupted".to_owned()))
}

fn blocking_again(stream: std::net::TcpStream) -> std::io::Result<std::net::TcpStream> {
    stream.set_nonblocking(false)?;
    patient(stream)
}

fn patient(stream: std::net::TcpStream) -> std::io::Result<std::net::TcpStream> {
    stream.set_read_timeout(Some(STEP_MAX))?;
    stream.set_write_timeout(Some(STEP_MAX))?;
    Ok(stream)
}

/// Asks the listener which logins it takes, and compares them with the one that is meant. Whoever does not answer is
/// left to librdkafka.
fn offered(line: &mut dyn wire::Line, properties: &Properties) -> std::result::Result<String, String> {
    let wanted = protocol(properties)
        .starts_with("sasl")
        .then(|| mechanism(properties));
    let asked = wire::sasl_handshake(wanted.as_deref().unwrap_or("NONE"));
    let answer = wire::exchange(line, &asked).ok();
    let offer = answer.as_deref().and_then(wire::read_offer);
    let encrypted = protocol(properties).ends_with("ssl");
    match (offer, wanted) {
        (Some(wire::Offer::Others(others)), Some(wanted)) => Err(format!(
            "it takes no login by {wanted}, only by {}: set sasl.mechanism to one of these",
            others.join(", ")
        )),
        (Some(wire::Offer::NoLogin), Some(_)) => Err(format!(
            "it wants no login: set security.protocol to {}",
            if encrypted { "ssl" } else { "plaintext" }
        )),
        (Some(wire::Offer::Others(others)), None) => Err(format!(
            "it wants a login: set security.protocol to {} and sasl.mechanism to {}",
            if encrypted { "sasl_ssl" } else { "sasl_plaintext" },
            others.join(" or ")
        )),
        (Some(wire::Offer::Accepts), Some(wanted)) => Ok(format!(" and takes logins by {wanted}")),
        _ => Ok(String::new()),
    }
}

/// `sasl` and `metadata`: librdkafka logs in and asks.
async fn ask(
    steps: &mut Steps,
    cluster: &str,
    properties: &Properties,
) -> std::result::Result<(KafkaClient, Vec<Broker>), ()> {
    let asked = async {
        let client = KafkaClient::new(cluster, properties)?;
        let known = client.metadata(None).await?;
        Ok::<_, Error>((client, known))
    };
    let started = Instant::now();
    let outcome = asked.await;
    if protocol(properties).starts_with("sasl") {
        let refused = outcome
            .as_ref()
            .err()
            .filter(|error| error.code == "authentication");
        let ok = refused.is_none();
        let by = mechanism(properties);
        let detail = match (
            refused,
            properties
                .get("sasl.username")
                .filter(|_| !login::is_used(properties)),
        ) {
            (Some(error), _) => explain_login(&error.message, &by),
            (None, Some(user)) => format!("logged in as \"{user}\" by {by}"),
            (None, None) => format!("logged in by {by}"),
        };
        // That it could not even be tried is told by the next step.
        if ok && outcome.is_ok() || !ok {
            steps.0.push(ConnectionStep {
                step: "sasl".to_owned(),
                ok,
                detail,
                took_ms: i64::try_from(started.elapsed().as_millis()).unwrap_or(i64::MAX),
            });
        }
        if !ok {
            return Err(());
        }
    }
    steps
        .step("metadata", async {
            let (client, known) = outcome.map_err(|error| error.message)?;
            let brokers: Vec<String> = known
                .brokers
                .iter()
                .map(|broker| format!("{}:{}", broker.host, broker.port))
                .collect();
            let said = format!("{} ({})", counted("broker", &brokers), brokers.join(", "));
            let said = format!("{said}, {}", counted("topic", &known.topics));
            Ok(((client, known.brokers), said))
        })
        .await
}

/// What a failed login by this mechanism needs beyond the broker's reason.
fn explain_login(message: &str, mechanism: &str) -> String {
    let missing = ["No worthy mechs", "no mechanism available"];
    if mechanism == "GSSAPI" && missing.iter().any(|text| message.contains(text)) {
        return format!(
            "{message}. This machine has no Kerberos for SASL: install libsasl2-modules-gssapi-mit (Debian) or \
             cyrus-sasl-gssapi (Fedora)"
        );
    }
    message.to_owned()
}

/// What the login may do with the cluster itself. One that may do nothing and sees nothing is of no use.
async fn authorised(client: &KafkaClient) -> Step<()> {
    let asked = client.ask("asking what is allowed", allowed);
    let answer = tokio::time::timeout(STEP_MAX, asked).await;
    let known = client.metadata(None).await.map_err(|error| error.message)?;
    let operations = match answer {
        Ok(Ok(Allowed::Known(operations))) => operations,
        // Not every broker that speaks the protocol can be asked that.
        _ => return Ok(((), "the cluster does not say what this login may do".to_owned())),
    };
    match (operations.is_empty(), known.topics.len()) {
        (true, 0) => Err(
            "this login sees no topic and may do nothing with the cluster: ask the cluster's administrator \
                          for DESCRIBE and READ on the topics that you need, and DESCRIBE on the groups"
                .to_owned(),
        ),
        (true, _) => Ok((
            (),
            format!(
                "sees {}; of the cluster itself it may change and list nothing",
                counted("topic", &known.topics)
            ),
        )),
        (false, _) => Ok((
            (),
            format!(
                "sees {}; with the cluster itself it may {}",
                counted("topic", &known.topics),
                operations.join(", ")
            ),
        )),
    }
}

/// `1 broker`, `3 brokers`.
fn counted<T>(what: &str, of: &[T]) -> String {
    format!("{} {what}{}", of.len(), if of.len() == 1 { "" } else { "s" })
}

/// `security.protocol` in small letters.
fn protocol(properties: &Properties) -> String {
    properties
        .get("security.protocol")
        .map_or_else(|| "plaintext".to_owned(), |protocol| protocol.to_lowercase())
}

/// As the broker knows it; librdkafka's default is Kerberos.
fn mechanism(properties: &Properties) -> String {
    let written = properties
        .get("sasl.mechanism")
        .or_else(|| properties.get("sasl.mechanisms"));
    written.map_or_else(|| "GSSAPI".to_owned(), |mechanism| mechanism.to_uppercase())
}
