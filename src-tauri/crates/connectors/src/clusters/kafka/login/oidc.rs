//! Client credentials of OAuth 2.0 (RFC 6749, section 4.4): an identity provider gives a token for an id and a secret.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use reqwest::{Certificate, StatusCode, Url, redirect::Policy};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tailrace_model::{Error, Result};

use super::{FETCH_MAX, Token};
use crate::{clusters::kafka::config::Properties, destinations::reason};

/// Bytes of an answer that are read: a token is a few kilobytes.
const ANSWER_BYTES_MAX: usize = 256 * 1024;
/// Characters that an error quotes.
const QUOTE_CHARS_MAX: usize = 200;
/// A provider that does not say how long its token is good for (RFC 6749 recommends that it does).
const LIFE_S_DEFAULT: i64 = 300;

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::clusters::kafka) struct Oidc {
    endpoint: String,
    client_id: String,
    client_secret: String,
    scope: Option<String>,
    extensions: Vec<(String, String)>,
    ca_location: Option<String>,
    ca_pem: Option<String>,
}

/// The answer of section 5.1.
#[derive(Deserialize)]
struct Answer {
    access_token: String,
    #[serde(default)]
    token_type: Option<String>,
    #[serde(default)]
    expires_in: Option<Value>,
}

/// The answer of section 5.2.
#[derive(Deserialize)]
struct Refusal {
    error: String,
    #[serde(default)]
    error_description: Option<String>,
}

impl Oidc {
    /// Of librdkafka's properties.
    pub fn of(properties: &Properties) -> Result<Self> {
        let text = |names: &[&str]| {
            let mut found = names.iter().filter_map(|name| properties.get(*name));
            found.find(|text| !text.trim().is_empty()).cloned()
        };
        let needed = |names: &[&str]| {
            text(names).ok_or_else(|| {
                let name = names.first().copied().unwrap_or_default();
                Error::user(
                    "no_token_source",
                    format!("{name} is missing: sasl.oauthbearer.method = \"oidc\" needs it"),
                )
            })
        };
        if let Some(grant) =
            text(&["sasl.oauthbearer.grant.type"]).filter(|grant| grant != "client_credentials")
        {
            return Err(unsupported(&format!("sasl.oauthbearer.grant.type = \"{grant}\"")));
        }
        if let Some(kind) =
            text(&["sasl.oauthbearer.metadata.authentication.type"]).filter(|kind| kind != "none")
        {
            return Err(unsupported(&format!(
                "sasl.oauthbearer.metadata.authentication.type = \"{kind}\""
            )));
        }
        let endpoint = needed(&["sasl.oauthbearer.token.endpoint.url"])?;
        if !Url::parse(&endpoint).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        {
            return Err(Error::user(
                "bad_property",
                "sasl.oauthbearer.token.endpoint.url is no address: write \"https://HOST/PATH\"",
            ));
        }
        Ok(Self {
            endpoint,
            client_id: needed(&[
                "sasl.oauthbearer.client.id",
                "sasl.oauthbearer.client.credentials.client.id",
            ])?,
            client_secret: needed(&[
                "sasl.oauthbearer.client.secret",
                "sasl.oauthbearer.client.credentials.client.secret",
            ])?,
            scope: text(&["sasl.oauthbearer.scope"]),
            extensions: extensions(&text(&["sasl.oauthbearer.extensions"]).unwrap_or_default())?,
            ca_location: text(&["https.ca.location"]).filter(|place| place != "probe"),
            ca_pem: text(&["https.ca.pem"]),
        })
    }

    /// Whom it asks: the endpoint without path and query.
    pub fn host(&self) -> String {
        Url::parse(&self.endpoint)
            .ok()
            .and_then(|url| url.host_str().map(str::to_owned))
            .unwrap_or_default()
    }

    pub async fn token(&self, now_ms: i64) -> Result<Token, String> {
        let host = self.host();
        let mut form = vec![("grant_type", "client_credentials")];
        if let Some(scope) = &self.scope {
            form.push(("scope", scope));
        }
        let body = form_text(&form);
        let request = self
            .client()?
            .post(&self.endpoint)
            .header("content-type", "application/x-www-form-urlencoded")
            .header("accept", "application/json")
            // Section 2.3.1: both are form-encoded before they become a login.
            .basic_auth(encoded(&self.client_id), Some(encoded(&self.client_secret)))
            .body(body);
        let response = request.send().await.map_err(|error| {
            format!(
                "{host} gives no token: {}. Check sasl.oauthbearer.token.endpoint.url",
                reason::of_chain(&error.without_url())
            )
        })?;
        let status = response.status();
        let answer = read(response)
            .await
            .map_err(|why| format!("{host} gives no token: {why}"))?;
        if !status.is_success() {
            return Err(self.refused(status, &answer));
        }
        self.read_token(&answer, now_ms)
    }

    fn client(&self) -> Result<reqwest::Client, String> {
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("tailrace/", env!("CARGO_PKG_VERSION")))
            .timeout(FETCH_MAX)
            // A secret is not carried to another address.
            .redirect(Policy::none());
        if matches!(self.host().as_str(), "localhost" | "127.0.0.1" | "[::1]") {
            builder = builder.no_proxy();
        }
        let pem = match (&self.ca_pem, &self.ca_location) {
            (Some(pem), _) => Some(pem.clone().into_bytes()),
            (None, Some(place)) => Some(
                std::fs::read(place)
                    .map_err(|error| format!("https.ca.location \"{place}\" can't be read: {error}"))?,
            ),
            (None, None) => None,
        };
        if let Some(pem) = pem {
            let certificates = Certificate::from_pem_bundle(&pem)
                .map_err(|_| "https.ca.location (or https.ca.pem) holds no PEM certificate".to_owned())?;
            builder = builder.tls_certs_only(certificates);
        }
        builder
            .build()
            .map_err(|error| format!("no HTTP client: {}", reason::of_chain(&error)))
    }

    fn refused(&self, status: StatusCode, answer: &[u8]) -> String {
        let host = self.host();
        let advice = match status {
            StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED => {
                ". Check sasl.oauthbearer.client.id, sasl.oauthbearer.client.secret and sasl.oauthbearer.scope"
            }
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => {
                ". Check sasl.oauthbearer.token.endpoint.url"
            }
            _ => "",
        };
        let why = match serde_json::from_slice::<Refusal>(answer) {
            Ok(refusal) => match refusal.error_description {
                Some(description) => format!("{} ({description})", refusal.error),
                None => refusal.error,
            },
            Err(_) => "and no reason".to_owned(),
        };
        let why: String = why.chars().take(QUOTE_CHARS_MAX).collect();
        let why = why.replace(&self.client_secret, "***");
        format!(
            "{host} gives no token: it answers {} {why}{advice}",
            status.as_u16()
        )
    }

    fn read_token(&self, answer: &[u8], now_ms: i64) -> Result<Token, String> {
        let host = self.host();
        let answer: Answer = serde_json::from_slice(answer).map_err(|_| {
            format!("{host} answers without an access_token. Check sasl.oauthbearer.token.endpoint.url")
        })?;
        if let Some(kind) = answer
            .token_type
            .filter(|kind| !kind.eq_ignore_ascii_case("bearer"))
        {
            return Err(format!(
                "{host} gives a token of type \"{kind}\", and Kafka takes bearer tokens only"
            ));
        }
        // Some providers write the number as a text.
        let life_s = answer.expires_in.and_then(|life| match life {
            Value::String(text) => text.parse().ok(),
            other => other.as_i64(),
        });
        let claims = claims(&answer.access_token);
        let expires_ms = claims
            .as_ref()
            .and_then(|claims| claims.get("exp")?.as_i64())
            .map_or_else(
                || now_ms + life_s.unwrap_or(LIFE_S_DEFAULT) * 1_000,
                |at| at * 1_000,
            );
        let principal = claims
            .as_ref()
            .and_then(|claims| claims.get("sub")?.as_str())
            .unwrap_or(&self.client_id);
        if expires_ms <= now_ms {
            return Err(format!(
                "{host} gives a token that has expired already: compare its clock with this machine's"
            ));
        }
        Ok(Token {
            value: answer.access_token,
            principal: principal.to_owned(),
            expires_ms,
            extensions: self.extensions.clone(),
        })
    }
}

fn unsupported(what: &str) -> Error {
    Error::user(
        "bad_property",
        format!("{what} is not supported: tokens are fetched by client credentials (an id and a secret)"),
    )
}

/// `a=b,c=d`.
fn extensions(text: &str) -> Result<Vec<(String, String)>> {
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    parts
        .map(|part| {
            let (name, value) = part.split_once('=').ok_or_else(|| {
                Error::user(
                    "bad_property",
                    "sasl.oauthbearer.extensions is a list such as \"logicalCluster=lkc-1,identityPoolId=pool-1\"",
                )
            })?;
            Ok((name.trim().to_owned(), value.trim().to_owned()))
        })
        .collect()
}

/// What a JSON web token says; an opaque token says nothing.
fn claims(token: &str) -> Option<Value> {
    let part = token.split('.').nth(1)?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part.trim_end_matches('=')).ok()?).ok()
}

async fn read(mut response: reqwest::Response) -> Result<Vec<u8>, String> {
    let mut answer = Vec::new();
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|error| reason::of_chain(&error.without_url()))?
    {
        answer.extend_from_slice(&chunk);
        if answer.len() > ANSWER_BYTES_MAX {
            return Err(format!("its answer is longer than {ANSWER_BYTES_MAX} bytes"));
        }
    }
    Ok(answer)
}

/// `application/x-www-form-urlencoded`.
pub(super) fn form_text(pairs: &[(&str, &str)]) -> String {
    let pairs = pairs
        .iter()
        .map(|(name, value)| format!("{}={}", encoded(name), encoded(value)));
    pairs.collect::<Vec<_>>().join("&")
}

/// Percent-encoded but for RFC 3986's unreserved characters.
pub(super) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            other => {
                const HEX: [u8; 16] = *b"0123456789ABCDEF";
                out.push('%');
                out.push(char::from(HEX[usize::from(other >> 4)]));
                out.push(char::from(HEX[usize::from(other & 15)]));
            }
        }
    }
    out
}
