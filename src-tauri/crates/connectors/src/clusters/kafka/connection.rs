//! A connection tried step by step, so that the first step that fails says what to mend.
//!
//! Before librdkafka is asked, the port itself is: whether it speaks Kafka in the clear, or TLS, or something else. A
//! client only learns that the connection was closed.

use std::time::{Duration, Instant};

use tailrace_model::{
    Error, Result,
    api::{ConnectionStep, ConnectionTest},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, lookup_host},
    time::timeout,
};

use super::{
    client::KafkaClient,
    config::{self, Properties},
};

/// The time that each step may take.
const STEP_MAX: Duration = Duration::from_secs(5);
/// Bytes of an answer that are looked at.
const ANSWER_MAX: usize = 256;

/// Kafka's `ApiVersions` request, version 0, from a client named `tailrace`: every Kafka since 0.10 answers it before
/// any login.
const API_VERSIONS: [u8; 22] = *b"\x00\x00\x00\x12\x00\x12\x00\x00\x00\x00\x00\x07\x00\x08tailrace";

/// What a port turned out to speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Speaks {
    Kafka,
    Tls,
    Http,
    /// It closed the connection without an answer.
    Nothing,
    Unknown,
}

struct Steps(Vec<ConnectionStep>);

impl Steps {
    /// Runs a step; `Err` when it failed, and nothing more is to be tried.
    async fn step<T>(
        &mut self,
        name: &str,
        work: impl Future<Output = std::result::Result<(T, String), String>>,
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

/// Tries to connect: `configuration`, `name lookup`, `tcp`, `kafka`, `metadata`. The first step that fails is the last.
pub async fn test_connection(cluster: &str, properties: &Properties) -> ConnectionTest {
    let mut steps = Steps(Vec::new());
    let ok = run(&mut steps, cluster, properties).await.is_ok();
    ConnectionTest { ok, steps: steps.0 }
}

async fn run(steps: &mut Steps, cluster: &str, properties: &Properties) -> std::result::Result<(), ()> {
    let servers = steps
        .step("configuration", async {
            config::base(cluster, properties).map_err(|error| error.message)?;
            let servers = bootstrap(properties).map_err(|error| error.message)?;
            let said = format!(
                "{}, {}",
                counted("bootstrap server", &servers),
                protocol(properties)
            );
            Ok((servers, said))
        })
        .await?;
    let addresses = steps.step("name lookup", look_up(&servers)).await?;
    let (stream, address) = steps.step("tcp", connect(&addresses)).await?;
    let encrypted = protocol(properties).ends_with("ssl");
    steps.step("kafka", greet(stream, &address, encrypted)).await?;
    steps
        .step("metadata", async {
            let client = KafkaClient::new(cluster, properties).map_err(|error| error.message)?;
            let known = client
                .metadata(None)
                .await
                .map_err(|error| explain(error, properties))?;
            let brokers: Vec<String> = known
                .brokers
                .iter()
                .map(|broker| format!("{}:{}", broker.host, broker.port))
                .collect();
            let said = format!("{} ({})", counted("broker", &brokers), brokers.join(", "));
            Ok(((), format!("{said}, {}", counted("topic", &known.topics))))
        })
        .await
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

/// A broker that wants a login closes the connection without a word.
fn explain(error: Error, properties: &Properties) -> String {
    if error.code == "cluster_unreachable" && protocol(properties) == "plaintext" {
        return format!(
            "{}. It answered a greeting but nothing more: it may want a login (security.protocol=sasl_plaintext with \
             sasl.mechanism, sasl.username and sasl.password), or its advertised.listeners name an address that cannot \
             be reached from here",
            error.message
        );
    }
    error.message
}

/// Hosts and ports of `bootstrap.servers`.
fn bootstrap(properties: &Properties) -> Result<Vec<(String, u16)>> {
    let servers = properties
        .get("bootstrap.servers")
        .or_else(|| properties.get("metadata.broker.list"))
        .map(String::as_str)
        .unwrap_or_default();
    servers
        .split(',')
        .map(str::trim)
        .filter(|server| !server.is_empty())
        .map(|server| {
            host_and_port(server).ok_or_else(|| {
                Error::user(
                    "bad_bootstrap_servers",
                    format!("\"{server}\" is no address: write \"host:port\""),
                )
            })
        })
        .collect()
}

/// `host`, `host:port`, `protocol://host:port`, `[::1]:port`; without a port Kafka's own, 9092.
fn host_and_port(server: &str) -> Option<(String, u16)> {
    let server = server.rsplit_once("://").map_or(server, |(_, rest)| rest);
    if let Some(rest) = server.strip_prefix('[') {
        let (host, rest) = rest.split_once(']')?;
        let port = match rest.strip_prefix(':') {
            Some(port) => port.parse().ok()?,
            None if rest.is_empty() => 9092,
            None => return None,
        };
        return Some((host.to_owned(), port));
    }
    match server.rsplit_once(':') {
        // An IPv6 address without brackets.
        Some((host, _)) if host.contains(':') => Some((server.to_owned(), 9092)),
        Some((host, port)) if !host.is_empty() => Some((host.to_owned(), port.parse().ok()?)),
        Some(_) => None,
        None if server.contains(char::is_whitespace) => None,
        None => Some((server.to_owned(), 9092)),
    }
}

type Addresses = Vec<(String, std::net::SocketAddr)>;

async fn look_up(servers: &[(String, u16)]) -> std::result::Result<(Addresses, String), String> {
    let mut found = Vec::new();
    let mut failures = Vec::new();
    for (host, port) in servers {
        match timeout(STEP_MAX, lookup_host((host.as_str(), *port))).await {
            Ok(Ok(addresses)) => {
                let before = found.len();
                found.extend(addresses.map(|address| (format!("{host}:{port}"), address)));
                if found.len() == before {
                    failures.push(format!("{host} has no address"));
                }
            }
            Ok(Err(_)) => failures.push(format!("there is no host \"{host}\"")),
            Err(_) => failures.push(format!("the name server does not answer for \"{host}\"")),
        }
    }
    if found.is_empty() {
        return Err(format!(
            "{}. Check the spelling in bootstrap.servers, and the network or VPN",
            failures.join("; ")
        ));
    }
    let mut said: Vec<String> = found
        .iter()
        .map(|(name, address)| format!("{name} is {}", address.ip()))
        .collect();
    said.dedup();
    said.extend(failures);
    Ok((found, said.join("; ")))
}

async fn connect(addresses: &Addresses) -> std::result::Result<((TcpStream, String), String), String> {
    let mut failures = Vec::new();
    for (name, address) in addresses {
        match timeout(STEP_MAX, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(((stream, name.clone()), format!("connected to {address}"))),
            Ok(Err(error)) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
                failures.push(format!("{address} refuses the connection: nothing listens on port {}", address.port()));
            }
            Ok(Err(error)) => failures.push(format!("{address}: {error}")),
            Err(_) => failures.push(format!(
                "{address} does not answer within {} s: a firewall, or a network that is not reachable from here",
                STEP_MAX.as_secs()
            )),
        }
    }
    failures.dedup();
    Err(format!(
        "{}. Check that the broker runs and the port in bootstrap.servers",
        failures.join("; ")
    ))
}

/// Finds out what the port speaks, and compares it with what the properties expect.
async fn greet(
    stream: TcpStream,
    address: &str,
    encrypted: bool,
) -> std::result::Result<((), String), String> {
    let peer = stream.peer_addr().map_err(|error| error.to_string())?;
    // The first greeting may have closed the connection: each is sent on a new one.
    let again = async |greeting: &[u8]| match timeout(STEP_MAX, TcpStream::connect(peer)).await {
        Ok(Ok(stream)) => ask(stream, greeting).await,
        _ => Speaks::Nothing,
    };
    let other = "Check host and port in bootstrap.servers";
    if encrypted {
        return match ask(stream, &client_hello()).await {
            Speaks::Tls => Ok(((), format!("{address} speaks TLS"))),
            _ if again(&API_VERSIONS).await == Speaks::Kafka => Err(format!(
                "{address} speaks Kafka without encryption: set security.protocol to plaintext or sasl_plaintext"
            )),
            _ => Err(format!(
                "{address} speaks no TLS, and is not a Kafka broker. {other}"
            )),
        };
    }
    match ask(stream, &API_VERSIONS).await {
        Speaks::Kafka => Ok(((), format!("{address} speaks Kafka"))),
        Speaks::Http => Err(format!("{address} is a web server, not a Kafka broker. {other}")),
        found => {
            if found == Speaks::Tls || again(&client_hello()).await == Speaks::Tls {
                Err(format!(
                    "{address} expects TLS: set security.protocol to ssl or sasl_ssl"
                ))
            } else if found == Speaks::Nothing {
                Err(format!(
                    "{address} does not answer as a Kafka broker does. {other}"
                ))
            } else {
                Err(format!("{address} answers something else than Kafka. {other}"))
            }
        }
    }
}

/// Sends a greeting and looks at how the answer begins.
async fn ask(mut stream: TcpStream, greeting: &[u8]) -> Speaks {
    let answer = timeout(STEP_MAX, async {
        stream.write_all(greeting).await.ok()?;
        let mut answer = [0; ANSWER_MAX];
        let mut got = 0;
        while got < 10 {
            match stream.read(&mut answer[got..]).await {
                Ok(0) | Err(_) => break,
                Ok(read) => got += read,
            }
        }
        Some(answer[..got].to_vec())
    });
    answer
        .await
        .ok()
        .flatten()
        .map_or(Speaks::Nothing, |answer| what_speaks(&answer))
}

fn what_speaks(answer: &[u8]) -> Speaks {
    match answer {
        [] => Speaks::Nothing,
        // A size, and then the number that the greeting had.
        [0, _, _, _, 0, 0, 0, 7, ..] => Speaks::Kafka,
        // A handshake or an alert of TLS 1.x.
        [0x16 | 0x15, 3, ..] => Speaks::Tls,
        _ if answer.starts_with(b"HTTP/") || answer.starts_with(b"<") => Speaks::Http,
        _ => Speaks::Unknown,
    }
}

/// The smallest greeting of TLS 1.2 to which every TLS server answers, if only with an alert.
fn client_hello() -> Vec<u8> {
    let suites: [u16; 6] = [0xC02F, 0xC030, 0xC02B, 0xC02C, 0x009C, 0x002F];
    // Groups and signatures, without which elliptic curves cannot be agreed on.
    let extensions: &[u8] = &[
        0x00, 0x0a, 0x00, 0x06, 0x00, 0x04, 0x00, 0x1d, 0x00,
        0x17, // supported groups: x25519, secp256r1
        0x00, 0x0b, 0x00, 0x02, 0x01, 0x00, // point formats: uncompressed
        0x00, 0x0d, 0x00, 0x0a, 0x00, 0x08, 0x04, 0x01, 0x04, 0x03, 0x08, 0x04, 0x05,
        0x01, // signatures
    ];
    let mut body = vec![3, 3];
    body.extend([0x54; 32]);
    body.push(0);
    body.extend(u16::try_from(suites.len() * 2).unwrap_or(0).to_be_bytes());
    body.extend(suites.iter().flat_map(|suite| suite.to_be_bytes()));
    body.extend([1, 0]);
    body.extend(u16::try_from(extensions.len()).unwrap_or(0).to_be_bytes());
    body.extend(extensions);
    let size = u16::try_from(body.len()).unwrap_or(0);
    let mut hello = vec![0x16, 3, 1];
    hello.extend((size + 4).to_be_bytes());
    hello.extend([1, 0]);
    hello.extend(size.to_be_bytes());
    hello.extend(body);
    hello
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let check = |server: &str, expected: Option<(&str, u16)>| {
            let found = host_and_port(server);
            assert_eq!(
                found.as_ref().map(|(host, port)| (host.as_str(), *port)),
                expected,
                "{server}"
            );
        };
        check("localhost:9093", Some(("localhost", 9093)));
        check("localhost", Some(("localhost", 9092)));
        check("SASL_SSL://b-1.example.com:9096", Some(("b-1.example.com", 9096)));
        check("[::1]:9094", Some(("::1", 9094)));
        check("[::1]", Some(("::1", 9092)));
        check("::1", Some(("::1", 9092)));
        check("localhost:port", None);
        check(":9092", None);
        check("two words", None);
        check("[::1]x", None);
    }

    #[test]
    fn answers_are_told_apart() {
        let check = |answer: &[u8], expected: Speaks| assert_eq!(what_speaks(answer), expected, "{answer:?}");
        check(b"\x00\x00\x01\x0a\x00\x00\x00\x07\x00\x00", Speaks::Kafka);
        check(b"\x15\x03\x03\x00\x02\x02\x28", Speaks::Tls);
        check(b"HTTP/1.1 400 Bad Request", Speaks::Http);
        check(b"SSH-2.0-OpenSSH", Speaks::Unknown);
        check(b"", Speaks::Nothing);
    }
}
