//! What a port speaks, before librdkafka is asked: Kafka in the clear, TLS, or something else. A client only learns that
//! the connection was closed.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::STEP_MAX;

/// Bytes of an answer that are looked at.
const ANSWER_MAX: usize = 256;

/// Kafka's `ApiVersions` request, version 0, from a client named `tailrace`: every Kafka since 0.10 answers it before
/// any login.
pub(super) const API_VERSIONS: [u8; 22] =
    *b"\x00\x00\x00\x12\x00\x12\x00\x00\x00\x00\x00\x07\x00\x08tailrace";

/// What a port turned out to speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Speaks {
    Kafka,
    Tls,
    Http,
    /// It closed the connection without an answer.
    Nothing,
    Unknown,
}

/// Finds out what a port speaks that ought to speak Kafka in the clear.
pub(super) async fn greet(stream: TcpStream, place: &str) -> std::result::Result<((), String), String> {
    let peer = stream.peer_addr().map_err(|error| error.to_string())?;
    let other = "Check host and port in bootstrap.servers";
    match ask(stream, &API_VERSIONS).await {
        Speaks::Kafka => Ok(((), format!("{place} speaks Kafka"))),
        Speaks::Http => Err(format!("{place} is a web server, not a Kafka broker. {other}")),
        found => {
            if found == Speaks::Tls || again(peer, &client_hello()).await == Speaks::Tls {
                Err(format!(
                    "{place} expects TLS: set security.protocol to ssl or sasl_ssl"
                ))
            } else if found == Speaks::Nothing {
                Err(format!("{place} does not answer as a Kafka broker does. {other}"))
            } else {
                Err(format!("{place} answers something else than Kafka. {other}"))
            }
        }
    }
}

/// Why there is no TLS on a port: it speaks something else.
pub(super) async fn unencrypted(peer: SocketAddr, place: &str) -> Option<String> {
    if again(peer, &API_VERSIONS).await == Speaks::Kafka {
        return Some(format!(
            "{place} speaks Kafka without encryption: set security.protocol to plaintext or sasl_plaintext"
        ));
    }
    (again(peer, &client_hello()).await != Speaks::Tls).then(|| {
        format!("{place} speaks no TLS, and is not a Kafka broker. Check host and port in bootstrap.servers")
    })
}

/// The first greeting may have closed the connection: each is sent on a new one.
async fn again(peer: SocketAddr, greeting: &[u8]) -> Speaks {
    match timeout(STEP_MAX, TcpStream::connect(peer)).await {
        Ok(Ok(stream)) => ask(stream, greeting).await,
        _ => Speaks::Nothing,
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
    fn answers_are_told_apart() {
        let check = |answer: &[u8], expected: Speaks| assert_eq!(what_speaks(answer), expected, "{answer:?}");
        check(b"\x00\x00\x01\x0a\x00\x00\x00\x07\x00\x00", Speaks::Kafka);
        check(b"\x15\x03\x03\x00\x02\x02\x28", Speaks::Tls);
        check(b"HTTP/1.1 400 Bad Request", Speaks::Http);
        check(b"SSH-2.0-OpenSSH", Speaks::Unknown);
        check(b"", Speaks::Nothing);
    }
}
