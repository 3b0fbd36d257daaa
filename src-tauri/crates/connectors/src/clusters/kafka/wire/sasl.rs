//! Logins: PLAIN (RFC 4616), SCRAM with SHA-256 or SHA-512 (RFC 5802, RFC 7677) and OAUTHBEARER (RFC 7628).
//!
//! Invariants: a password is sent as it is only by PLAIN; of SCRAM the broker has to prove that it knows it, too; what is
//! secret is in no sentence.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use kafka_protocol::{
    messages::{SaslAuthenticateRequest, SaslHandshakeRequest},
    protocol::StrBytes,
};
use rand::Rng as _;
use sha2::{Digest, Sha256, Sha512};

use super::{Connection, Said, Way, check, connect::protocol};
use crate::clusters::kafka::{config::Properties, login::Token};

/// Rounds of hashing that a broker may ask for; Kafka's own default is 4,096.
const ROUNDS_MAX: u32 = 1_000_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mechanism {
    Plain,
    Scram256,
    Scram512,
    Bearer,
}

impl Mechanism {
    fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::Scram256 => "SCRAM-SHA-256",
            Self::Scram512 => "SCRAM-SHA-512",
            Self::Bearer => "OAUTHBEARER",
        }
    }
}

/// The mechanism of a cluster that wants a login.
fn mechanism(properties: &Properties) -> Said<Option<Mechanism>> {
    if !protocol(properties).starts_with("sasl") {
        return Ok(None);
    }
    let named = properties
        .get("sasl.mechanism")
        .or_else(|| properties.get("sasl.mechanisms"))
        .map_or("GSSAPI", String::as_str)
        .to_uppercase();
    match named.as_str() {
        "PLAIN" => Ok(Some(Mechanism::Plain)),
        "SCRAM-SHA-256" => Ok(Some(Mechanism::Scram256)),
        "SCRAM-SHA-512" => Ok(Some(Mechanism::Scram512)),
        "OAUTHBEARER" => Ok(Some(Mechanism::Bearer)),
        other => Err(format!(
            "Tailrace asks this without librdkafka, and that way logs in with PLAIN, SCRAM or OAUTHBEARER only, not with \
             {other}"
        )),
    }
}

/// Whether the login is one that is known here.
pub(super) fn known(properties: &Properties) -> Said<()> {
    mechanism(properties).map(|_| ())
}

pub(super) async fn log_in(connection: &mut Connection, way: &Way<'_>) -> Said<()> {
    let Some(mechanism) = mechanism(way.properties)? else {
        return Ok(());
    };
    let given = |name: &str| way.properties.get(name).map(String::as_str).unwrap_or_default();
    let (user, password) = (given("sasl.username"), given("sasl.password"));
    let hello = SaslHandshakeRequest::default().with_mechanism(StrBytes::from_static_str(mechanism.name()));
    let answer = connection.send(&hello, 1).await?;
    check(answer.error_code, None).map_err(|_| format!("it knows no login {}", mechanism.name()))?;
    match mechanism {
        Mechanism::Plain => {
            let message = format!("\0{user}\0{password}");
            authenticate(connection, message.into_bytes()).await.map(|_| ())
        }
        Mechanism::Scram256 => scram::<Sha256>(connection, user, password).await,
        Mechanism::Scram512 => scram::<Sha512>(connection, user, password).await,
        Mechanism::Bearer => {
            let token = way.token.as_ref().ok_or("there is no token")?;
            bearer(connection, token).await
        }
    }
}

/// A broker that takes the token answers with nothing; one that does not, with why (section 3.2.2).
async fn bearer(connection: &mut Connection, token: &Token) -> Said<()> {
    let answer = authenticate(connection, introduction(token).into_bytes()).await?;
    if answer.is_empty() {
        return Ok(());
    }
    let said: serde_json::Value = serde_json::from_slice(&answer).unwrap_or_default();
    Err(format!(
        "it refuses the token: {}",
        said["status"].as_str().unwrap_or("it does not say why")
    ))
}

/// Section 3.1, with the extensions of KIP-342 behind the token.
fn introduction(token: &Token) -> String {
    let mut text = format!("n,,\u{1}auth=Bearer {}", token.value);
    for (name, value) in &token.extensions {
        text.push_str(&format!("\u{1}{name}={value}"));
    }
    text.push_str("\u{1}\u{1}");
    text
}

async fn authenticate(connection: &mut Connection, message: Vec<u8>) -> Said<Bytes> {
    let request = SaslAuthenticateRequest::default().with_auth_bytes(Bytes::from(message));
    let answer = connection.send(&request, 1).await?;
    check(answer.error_code, answer.error_message.as_deref())?;
    Ok(answer.auth_bytes)
}

/// The two hashes that differ between the mechanisms.
trait Hash: Digest {
    fn keyed(key: &[u8], parts: &[&[u8]]) -> Vec<u8>;
}

macro_rules! hash {
    ($of:ty) => {
        impl Hash for $of {
            fn keyed(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
                // A key of any length is taken.
                let Ok(mut mac) = Hmac::<$of>::new_from_slice(key) else {
                    return Vec::new();
                };
                for part in parts {
                    mac.update(part);
                }
                mac.finalize().into_bytes().to_vec()
            }
        }
    };
}
hash!(Sha256);
hash!(Sha512);

/// The password, salted: PBKDF2 with one block.
fn salted<H: Hash>(password: &[u8], salt: &[u8], rounds: u32) -> Vec<u8> {
    let mut block = H::keyed(password, &[salt, &1_u32.to_be_bytes()]);
    let mut sum = block.clone();
    for _ in 1..rounds {
        block = H::keyed(password, &[&block]);
        for (sum, byte) in sum.iter_mut().zip(&block) {
            *sum ^= byte;
        }
    }
    sum
}

/// A field of a message such as `r=...,s=...,i=4096`.
fn field<'a>(message: &'a str, name: &str) -> Option<&'a str> {
    message
        .split(',')
        .find_map(|part| part.strip_prefix(name)?.strip_prefix('='))
}

/// What the client sends last, and what the broker then has to answer.
struct Proof {
    message: String,
    signature: String,
}

fn proof<H: Hash>(user: &str, password: &str, nonce: &str, challenge: &str) -> Option<Proof> {
    let (theirs, salt, rounds) = (
        field(challenge, "r")?,
        STANDARD.decode(field(challenge, "s")?).ok()?,
        field(challenge, "i")?.parse::<u32>().ok()?,
    );
    if !theirs.starts_with(nonce) || !(1..=ROUNDS_MAX).contains(&rounds) {
        return None;
    }
    let salted = salted::<H>(password.as_bytes(), &salt, rounds);
    let client_key = H::keyed(&salted, &[b"Client Key"]);
    let without = format!("c=biws,r={theirs}");
    let signed = format!("n={},r={nonce},{challenge},{without}", escaped(user));
    let signature = H::keyed(&H::digest(&client_key), &[signed.as_bytes()]);
    let proof: Vec<u8> = client_key
        .iter()
        .zip(&signature)
        .map(|(key, byte)| key ^ byte)
        .collect();
    let server_key = H::keyed(&salted, &[b"Server Key"]);
    Some(Proof {
        message: format!("{without},p={}", STANDARD.encode(proof)),
        signature: STANDARD.encode(H::keyed(&server_key, &[signed.as_bytes()])),
    })
}

fn escaped(user: &str) -> String {
    user.replace('=', "=3D").replace(',', "=2C")
}

async fn scram<H: Hash>(connection: &mut Connection, user: &str, password: &str) -> Said<()> {
    let nonce = {
        let mut bytes = [0_u8; 18];
        rand::rng().fill(&mut bytes);
        STANDARD.encode(bytes)
    };
    let first = format!("n,,n={},r={nonce}", escaped(user));
    let answer = authenticate(connection, first.into_bytes()).await?;
    let unread = || "its part of the login cannot be read".to_owned();
    let challenge = std::str::from_utf8(&answer).map_err(|_| unread())?.to_owned();
    let (user, password, salted_nonce) = (user.to_owned(), password.to_owned(), nonce);
    // Thousands of rounds of hashing are no work for the async runtime.
    let proof = tokio::task::spawn_blocking(move || proof::<H>(&user, &password, &salted_nonce, &challenge))
        .await
        .ok()
        .flatten()
        .ok_or_else(unread)?;
    let answer = authenticate(connection, proof.message.into_bytes()).await?;
    let last = std::str::from_utf8(&answer).map_err(|_| unread())?;
    match field(last, "v") == Some(proof.signature.as_str()) {
        true => Ok(()),
        false => Err("it does not prove that it knows the password".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The exchange printed in RFC 7677.
    #[test]
    fn scram_as_the_rfc_has_it() {
        let challenge =
            "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
        let proof = proof::<Sha256>("user", "pencil", "rOprNGfwEbeRWgbNEkqO", challenge).expect("a proof");
        assert_eq!(
            proof.message,
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
        );
        assert_eq!(proof.signature, "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
    }

    #[test]
    fn a_challenge_that_is_none_is_refused() {
        for challenge in [
            "",
            "r=other,s=AA==,i=4096",
            "r=nonceX,s=?,i=4096",
            "r=nonceX,s=AA==,i=0",
            "r=nonceX,s=AA==,i=4000000000",
        ] {
            assert!(
                proof::<Sha256>("u", "p", "nonce", challenge).is_none(),
                "{challenge}"
            );
        }
    }

    #[test]
    fn logins_that_are_not_known_are_said() {
        let with = |mechanism: &str| {
            Properties::from([
                ("security.protocol".to_owned(), "SASL_SSL".to_owned()),
                ("sasl.mechanism".to_owned(), mechanism.to_owned()),
            ])
        };
        assert_eq!(known(&with("scram-sha-512")), Ok(()));
        assert_eq!(known(&Properties::new()), Ok(()));
        assert_eq!(known(&with("oauthbearer")), Ok(()));
        let why = known(&with("GSSAPI")).expect_err("unknown");
        assert!(why.ends_with("not with GSSAPI"), "{why}");
    }

    /// As the RFC has it in section 4.1, and with extensions.
    #[test]
    fn a_token_is_shown_as_the_rfc_has_it() {
        let mut token = Token {
            value: "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==".to_owned(),
            principal: "somebody".to_owned(),
            expires_ms: 0,
            extensions: Vec::new(),
        };
        assert_eq!(
            introduction(&token),
            "n,,\u{1}auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\u{1}\u{1}"
        );
        token.value = "t".to_owned();
        token.extensions = vec![("logicalCluster".to_owned(), "lkc-1".to_owned())];
        assert_eq!(
            introduction(&token),
            "n,,\u{1}auth=Bearer t\u{1}logicalCluster=lkc-1\u{1}\u{1}"
        );
    }
}
