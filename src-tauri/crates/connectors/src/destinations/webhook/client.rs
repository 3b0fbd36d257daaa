//! The HTTP side: one request, its answer within limits, and what the answer means for the batch.

use std::time::Duration;

use chrono::DateTime;
use reqwest::{
    Client as Http, Response, StatusCode, Url,
    header::{CONTENT_TYPE, DATE, HeaderMap, RETRY_AFTER},
    redirect::Policy,
};
use serde_json::Value;
use tailrace_model::{Error, Result};

use super::config::Config;
use crate::destinations::{Failure, reason};

/// Bytes of an answer that are read.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;
/// Characters of an answer that an error quotes.
const QUOTE_CHARS_MAX: usize = 200;
/// Shorter texts are found everywhere, and are no secret.
const SECRET_BYTES_MIN: usize = 4;
/// Shorter parts of a path are words, such as `webhook`.
const SEGMENT_BYTES_MIN: usize = 8;

pub(super) struct Client {
    http: Http,
    url: Url,
    timeout: Duration,
    target: String,
    secrets: Vec<String>,
}

impl Client {
    pub fn new(config: &Config) -> Result<Self> {
        let url = config.address()?;
        let timeout = Duration::from_millis(config.timeout_ms);
        let host = url.host_str().unwrap_or_default().to_owned();
        let mut builder = Http::builder()
            .user_agent(concat!("tailrace/", env!("CARGO_PKG_VERSION")))
            .default_headers(config.header_map()?)
            .timeout(timeout)
            // A redirected POST may turn into a GET that delivers nothing.
            .redirect(Policy::none());
        if matches!(host.as_str(), "localhost" | "127.0.0.1" | "[::1]") {
            builder = builder.no_proxy();
        }
        let http = builder.build().map_err(|error| {
            Error::internal(
                "http_client",
                format!("no HTTP client: {}", reason::of_chain(&error)),
            )
        })?;
        // Paths and queries of webhooks often are their secret.
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        let more = if url.path() == "/" { "/" } else { "/..." };
        let target = format!("{}://{host}{port}{more}", url.scheme());
        let secrets = secrets(config, &url);
        Ok(Self {
            http,
            url,
            timeout,
            target,
            secrets,
        })
    }

    /// The address without its path and query.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// The same for the same address alone, without telling its path and query.
    pub fn identity(&self) -> String {
        format!("{} {:016x}", self.target, fingerprint(self.url.as_str()))
    }

    /// Posts and reads a 2xx answer: its status and, when it is JSON, its body.
    pub async fn post(
        &self,
        body: &Value,
        idempotency_key: &str,
    ) -> Result<(StatusCode, Option<Value>), Failure> {
        let request = self
            .http
            .post(self.url.clone())
            .header("Idempotency-Key", idempotency_key)
            .json(body);
        let response = request.send().await.map_err(|error| self.lost(error))?;
        let status = response.status();
        let headers = response.headers().clone();
        let (bytes, whole) = self.read(response).await?;
        if !status.is_success() {
            return Err(self.refusal(status, &headers, &bytes));
        }
        if !is_json(&headers) {
            return Ok((status, None));
        }
        if !whole {
            return Err(Failure::stop(Error::refused(
                "destination_answer",
                format!(
                    "{} answered with more than {ANSWER_BYTES_MAX} bytes of JSON",
                    self.target
                ),
            )));
        }
        Ok((status, serde_json::from_slice(&bytes).ok()))
    }

    /// As much of the answer as is allowed, and whether that is all of it.
    async fn read(&self, mut response: Response) -> Result<(Vec<u8>, bool), Failure> {
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.lost(error))? {
            bytes.extend_from_slice(&chunk[..chunk.len().min(ANSWER_BYTES_MAX - bytes.len())]);
            if bytes.len() == ANSWER_BYTES_MAX {
                return Ok((bytes, false));
            }
        }
        Ok((bytes, true))
    }

    fn lost(&self, error: reqwest::Error) -> Failure {
        let why = if error.is_timeout() {
            format!("it did not answer within {} ms", self.timeout.as_millis())
        } else {
            reason::of_chain(&error.without_url())
        };
        Failure::retry(Error::external(
            "destination_unreachable",
            format!(
                "{} cannot be reached, {why}: check settings.url and that the server runs",
                self.target
            ),
        ))
    }

    fn refusal(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Failure {
        let said = self.quote(body);
        let sentence = |advice: &str| format!("{} answered {status}{said}{advice}", self.target);
        match status.as_u16() {
            408 | 425 | 429 | 500..=599 => Failure {
                retry_after: retry_after(headers),
                ..Failure::retry(Error::external("destination_busy", sentence("")))
            },
            300..=399 => Failure::stop(Error::refused(
                "destination_moved",
                sentence(": it has moved, put its new address in settings.url"),
            )),
            401 | 403 | 407 => Failure::stop(Error::refused(
                "destination_login",
                sentence(": check settings.headers"),
            )),
            402 | 404 | 405 | 410 | 411 | 415 | 421 | 426 | 451 => Failure::stop(Error::refused(
                "destination_refuses",
                sentence(": check settings.url"),
            )),
            _ => Failure::split(Error::refused("destination_refused", format!("{status}{said}"))),
        }
    }

    /// The beginning of an answer as one line, without the secrets that it may repeat.
    fn quote(&self, body: &[u8]) -> String {
        match self.said(&String::from_utf8_lossy(body)).as_str() {
            "" => String::new(),
            quoted => format!(" (\"{quoted}\")"),
        }
    }

    /// A text of the other side as an error may tell it: one line, not long, without the secrets that it may repeat.
    pub fn said(&self, text: &str) -> String {
        let text = self
            .secrets
            .iter()
            .fold(text.to_owned(), |text, secret| text.replace(secret, "..."));
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let mut quoted: String = text
            .chars()
            .filter(|c| !c.is_control())
            .take(QUOTE_CHARS_MAX)
            .collect();
        if quoted.len() < text.len() {
            quoted.push_str("...");
        }
        quoted
    }
}

/// What no error may tell, the longest first: the values of the headers, and of the address all but its host, whole and
/// in parts, as it was written and as it is sent.
fn secrets(config: &Config, url: &Url) -> Vec<String> {
    let written = config.url.0.trim();
    let rest = written.split_once("://").map_or("", |(_, rest)| rest);
    let written_path = rest.find(['/', '?', '#']).map_or("", |at| &rest[at..]);
    let query = url.query().unwrap_or_default();
    let whole = match query {
        "" => url.path().to_owned(),
        query => format!("{}?{query}", url.path()),
    };
    let bare = url.path().trim_matches('/').to_owned();
    let mut secrets: Vec<String> = config.headers.values().map(|it| it.0.clone()).collect();
    secrets.extend([written, url.as_str(), written_path, query, url.username()].map(str::to_owned));
    secrets.extend([whole, url.path().to_owned()]);
    secrets.extend(url.password().map(str::to_owned));
    for (name, value) in url.query_pairs() {
        secrets.extend([format!("{name}={value}"), value.into_owned()]);
    }
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    secrets.extend(pairs.map(|(_, value)| value.to_owned()));
    secrets.retain(|text| text.len() >= SECRET_BYTES_MIN);
    let segments = bare.split('/').chain(written_path.split(['/', '?', '#']));
    // `Bearer TOKEN` is told without its first word as well.
    let words = config.headers.values().flat_map(|it| it.0.split_whitespace());
    let segments = segments.chain(words).chain([bare.as_str()]).map(str::to_owned);
    secrets.extend(segments.filter(|text| text.len() >= SEGMENT_BYTES_MIN));
    secrets.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
    secrets.dedup();
    secrets
}

/// FNV-1a: it is persisted, so that it must not change with a toolchain.
/// <https://datatracker.ietf.org/doc/html/draft-eastlake-fnv>
fn fingerprint(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let kind = kind
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    kind == "application/json" || kind.ends_with("+json")
}

/// Seconds, or a date that is measured from the answer's own.
/// <https://www.rfc-editor.org/rfc/rfc9110#field.retry-after>
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .map(str::trim)
    };
    let after = text(RETRY_AFTER)?;
    if let Ok(seconds) = after.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let then = DateTime::parse_from_rfc2822(after).ok()?;
    let now = DateTime::parse_from_rfc2822(text(DATE)?).ok()?;
    Some((then - now).to_std().unwrap_or_default())
}
