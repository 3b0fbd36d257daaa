//! The HTTP side: one request, its answer within limits, and what an error says to a person.

use std::time::Duration;

use reqwest::{Client as Http, Method, RequestBuilder, Response, StatusCode, Url};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use tailrace_model::{Error, Result};

use crate::{
    destinations::reason,
    http::{self, Tls},
};

/// Bytes of an answer.
const ANSWER_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Characters of what the registry said that an error quotes.
const QUOTE_CHARS_MAX: usize = 300;
/// What the registry's API is versioned by.
const CONTENT: &str = "application/vnd.schemaregistry.v1+json";

/// How a registry is reached.
#[derive(Debug, Clone)]
pub struct RegistrySettings {
    /// `http://` or `https://`; a path before the API's own is kept (`/apis/ccompat/v7`).
    pub url: String,
    pub auth: RegistryAuth,
    pub tls: Tls,
    /// For each request.
    pub timeout_ms: u64,
}

/// Who asks.
#[derive(Clone, Default)]
pub enum RegistryAuth {
    #[default]
    None,
    Basic {
        user: String,
        password: String,
    },
    Bearer {
        token: String,
    },
}

impl std::fmt::Debug for RegistryAuth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Basic { .. } => "Basic",
            Self::Bearer { .. } => "Bearer",
        })
    }
}

impl RegistryAuth {
    fn secret(&self) -> Option<&str> {
        let secret = match self {
            Self::None => return None,
            Self::Basic { password, .. } => password,
            Self::Bearer { token } => token,
        };
        // Shorter ones would take ordinary words out of what is quoted.
        (secret.len() > 3).then_some(secret)
    }
}

pub(super) struct Client {
    http: Http,
    url: Url,
    auth: RegistryAuth,
    timeout_ms: u64,
    target: String,
}

/// What a registry says of an error.
#[derive(Deserialize, Default)]
struct Said {
    #[serde(default)]
    error_code: u32,
    #[serde(default)]
    message: String,
}

fn settings(what: impl std::fmt::Display) -> Error {
    Error::user(
        "registry_settings",
        format!("the schema registry's settings: {what}"),
    )
}

impl Client {
    pub fn new(of: &RegistrySettings) -> Result<Self> {
        let mut url = Url::parse(of.url.trim()).map_err(|error| settings(format_args!("url: {error}")))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(settings("url has to begin with http:// or https://"));
        }
        let mut auth = of.auth.clone();
        if !url.username().is_empty() || url.password().is_some() {
            if matches!(auth, RegistryAuth::None) {
                return Err(settings(
                    "url has a user in it: put the user and the password into their own settings",
                ));
            }
            // What is given on its own counts.
            let _ = url.set_username("");
            let _ = url.set_password(None);
        }
        if let RegistryAuth::Bearer { token } = &mut auth {
            *token = token.trim().to_owned();
        }
        let host = url.host_str().unwrap_or_default();
        let timeout = Duration::from_millis(of.timeout_ms.max(1));
        let http = http::client(&url, timeout, &of.tls)?;
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        let target = format!("the schema registry {}://{host}{port}", url.scheme());
        Ok(Self {
            http,
            url,
            auth,
            timeout_ms: of.timeout_ms,
            target,
        })
    }

    /// Without user and password: those are refused in it.
    pub fn url(&self) -> &str {
        self.url.as_str()
    }

    pub fn target(&self) -> &str {
        &self.target
    }

    pub async fn get<T: DeserializeOwned>(&self, path: &[&str], query: &[(&str, &str)]) -> Result<T> {
        let request = self.request(Method::GET, path, query);
        self.answer(request).await
    }

    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        body: &Value,
    ) -> Result<T> {
        let request = self
            .request(Method::POST, path, query)
            .header("Content-Type", CONTENT)
            .body(body.to_string());
        self.answer(request).await
    }

    pub async fn put<T: DeserializeOwned>(&self, path: &[&str], body: &Value) -> Result<T> {
        let request = self
            .request(Method::PUT, path, &[])
            .header("Content-Type", CONTENT)
            .body(body.to_string());
        self.answer(request).await
    }

    pub async fn delete<T: DeserializeOwned>(&self, path: &[&str]) -> Result<T> {
        let request = self.request(Method::DELETE, path, &[]);
        self.answer(request).await
    }

    fn request(&self, method: Method, path: &[&str], query: &[(&str, &str)]) -> RequestBuilder {
        let mut url = self.url.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            // Names of subjects may have slashes in them.
            segments.pop_if_empty().extend(path);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let request = self
            .http
            .request(method, url)
            .header("Accept", format!("{CONTENT}, application/json"));
        match &self.auth {
            RegistryAuth::None => request,
            RegistryAuth::Basic { user, password } => request.basic_auth(user, Some(password)),
            RegistryAuth::Bearer { token } => request.bearer_auth(token),
        }
    }

    async fn answer<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T> {
        let response = request.send().await.map_err(|error| self.lost(error))?;
        let status = response.status();
        let bytes = self.read(response).await?;
        if !status.is_success() {
            return Err(self.refusal(status, &bytes));
        }
        serde_json::from_slice(&bytes).map_err(|error| {
            Error::refused(
                "registry_answer",
                format!(
                    "{} answered with what its API does not have ({error}): check the url, its path included",
                    self.target
                ),
            )
        })
    }

    async fn read(&self, mut response: Response) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.lost(error))? {
            if bytes.len() + chunk.len() > ANSWER_BYTES_MAX {
                return Err(Error::refused(
                    "registry_answer",
                    format!("{} answered with more than {ANSWER_BYTES_MAX} bytes", self.target),
                ));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }

    fn lost(&self, error: reqwest::Error) -> Error {
        if error.is_builder() {
            // The only thing in a request that may be wrong: the user, the password or the token.
            return settings("the user, the password or the token has characters that a header cannot have");
        }
        let why = if error.is_timeout() {
            format!("it did not answer within {} ms", self.timeout_ms)
        } else {
            reason::of_chain(&error.without_url())
        };
        Error::external(
            "registry_unreachable",
            format!(
                "{} cannot be reached, {why}: check its url and that it runs",
                self.target
            ),
        )
    }

    fn refusal(&self, status: StatusCode, body: &[u8]) -> Error {
        let said: Said = serde_json::from_slice(body).unwrap_or_default();
        let quoted = self.quote(&said.message);
        let sentence = |what: &str, advice: &str| format!("{} {what}{quoted}{advice}", self.target);
        match (status.as_u16(), said.error_code) {
            (401 | 407, _) => Error::refused(
                "registry_login",
                sentence("refused the login", ": check its user and password or its token"),
            ),
            (403, _) => Error::refused(
                "registry_forbidden",
                sentence("does not allow this", ": ask for the right to read its subjects"),
            ),
            (404, 40401) => Error::refused("unknown_subject", sentence("has no such subject", "")),
            (404, 40402) => Error::refused("unknown_version", sentence("has no such version", "")),
            (404, 40408) => Error::refused("no_level", sentence("has no level of its own for it", "")),
            (404, 40403) => Error::refused("unknown_schema", sentence("has no such schema", "")),
            (404 | 405 | 410, _) => Error::refused(
                "registry_answer",
                sentence("does not know this call", ": check the url, its path included"),
            ),
            (422, 42206) => Error::refused(
                "schema_referenced",
                sentence("keeps the version, which other schemas refer to", ""),
            ),
            (409, _) => Error::refused(
                "incompatible_schema",
                sentence(
                    "refused the schema, which is not compatible with the versions before",
                    "",
                ),
            ),
            (422, _) => Error::refused("invalid_schema", sentence("refused what was sent", "")),
            (300..=399, _) => Error::refused(
                "registry_moved",
                sentence("has moved", ": put its new address in its url"),
            ),
            (408 | 425 | 429 | 500..=599, _) => {
                Error::external("registry_busy", sentence(&format!("answered {status}"), ""))
            }
            _ => Error::refused("registry_refused", sentence(&format!("answered {status}"), "")),
        }
    }

    /// What the registry said, on one line and without the secret that it may repeat.
    fn quote(&self, said: &str) -> String {
        let said = match self.auth.secret() {
            Some(secret) => said.replace(secret, "..."),
            None => said.to_owned(),
        };
        let line = said.split_whitespace().collect::<Vec<_>>().join(" ");
        if line.is_empty() {
            return String::new();
        }
        let mut quoted: String = line
            .chars()
            .filter(|c| !c.is_control())
            .take(QUOTE_CHARS_MAX)
            .collect();
        if quoted.len() < line.len() {
            quoted.push_str("...");
        }
        format!(" (\"{}\")", quoted.trim_end_matches('.'))
    }
}
