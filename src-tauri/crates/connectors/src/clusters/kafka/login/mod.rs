//! Logins with a token (OAUTHBEARER): where tokens come from, and when the next one is due.
//!
//! librdkafka is built without an HTTP client, and its Rust crate cannot hand over SASL extensions: so the source of the
//! tokens is taken out of the properties, travels in `sasl.oauthbearer.config` to every client that is made from them,
//! and each client's thread asks [`Login`] whether a new token is due.
//!
//! Invariants: a token and a client's secret are in no error and no log; a client that no token can be had for says
//! why; fetching blocks for at most [`FETCH_MAX`] and never on the async runtime.

mod msk_iam;
mod oidc;
#[cfg(test)]
mod tests;

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use msk_iam::MskIam;
use oidc::Oidc;
use rdkafka::{ClientConfig, ClientContext, client::Client};
use serde::{Deserialize, Serialize};
use tailrace_model::{ClusterAuth, Error, Result};

use super::{
    config::Properties,
    ffi::{self, Failure},
};

/// The time that one fetch of a token may take.
pub(super) const FETCH_MAX: Duration = Duration::from_secs(10);
/// How long a failed fetch rests.
const AGAIN_AFTER: Duration = Duration::from_secs(5);
/// The share of a token's life after which the next one is fetched, as librdkafka's own.
const RENEW_AT: f64 = 0.8;
/// Where the source travels.
const CARRIER: &str = "sasl.oauthbearer.config";
/// The properties of librdkafka's own fetching, which this takes over.
const TAKEN_OVER: [&str; 14] = [
    "sasl.oauthbearer.method",
    "sasl.oauthbearer.client.id",
    "sasl.oauthbearer.client.secret",
    "sasl.oauthbearer.client.credentials.client.id",
    "sasl.oauthbearer.client.credentials.client.secret",
    "sasl.oauthbearer.scope",
    "sasl.oauthbearer.extensions",
    "sasl.oauthbearer.token.endpoint.url",
    "sasl.oauthbearer.grant.type",
    "enable.sasl.oauthbearer.unsecure.jwt",
    "https.ca.location",
    "https.ca.pem",
    "sasl.oauthbearer.metadata.authentication.type",
    CARRIER,
];

/// What a broker is shown.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub value: String,
    /// Whom it speaks for; for logs of librdkafka's only.
    pub principal: String,
    pub expires_ms: i64,
    pub extensions: Vec<(String, String)>,
}

/// Where tokens come from.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "tailrace", rename_all = "snake_case")]
pub(super) enum Source {
    Oidc(Oidc),
    MskIam(MskIam),
    Unsecured(Unsecured),
}

/// A token that nobody signed, for brokers that are tried out: librdkafka's notation, `principal=NAME scope=a,b`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Unsecured {
    principal: String,
    scope: Vec<String>,
    life_s: i64,
}

/// The properties with what `[auth]` adds to them. What the person wrote wins.
pub fn with_auth(mut properties: Properties, auth: Option<&ClusterAuth>) -> Result<Properties> {
    let Some(ClusterAuth::MskIam { region, profile }) = auth else {
        return Ok(properties);
    };
    let servers = properties.get("bootstrap.servers").map_or("", String::as_str);
    let source = Source::MskIam(MskIam::new(region.as_deref(), profile.as_deref(), servers)?);
    for (name, value) in [
        ("security.protocol", "sasl_ssl"),
        ("sasl.mechanism", "OAUTHBEARER"),
    ] {
        let alias = (name == "sasl.mechanism" && properties.contains_key("sasl.mechanisms"))
            .then_some("sasl.mechanisms");
        properties
            .entry(alias.unwrap_or(name).to_owned())
            .or_insert_with(|| value.to_owned());
    }
    properties.insert(CARRIER.to_owned(), source.carried()?);
    Ok(properties)
}

/// Whether the properties log in with a token.
pub(super) fn is_used(properties: &Properties) -> bool {
    let mechanism = properties
        .get("sasl.mechanism")
        .or_else(|| properties.get("sasl.mechanisms"));
    mechanism.is_some_and(|name| name.eq_ignore_ascii_case("OAUTHBEARER"))
}

/// Takes the source of tokens out of the properties of a client-to-be. Refuses what would never give a token.
pub(super) fn take_over(config: &mut ClientConfig, properties: &Properties) -> Result<()> {
    if !is_used(properties) {
        return Ok(());
    }
    let source = Source::of_properties(properties)?;
    for name in TAKEN_OVER {
        config.remove(name);
    }
    if let Some(source) = source {
        config.set(CARRIER, source.carried()?);
    }
    Ok(())
}

impl Source {
    fn of_properties(properties: &Properties) -> Result<Option<Self>> {
        let text = |name: &str| {
            properties
                .get(name)
                .map(String::as_str)
                .filter(|text| !text.is_empty())
        };
        if let Some(carried) = text(CARRIER).and_then(|text| serde_json::from_str(text).ok()) {
            return Ok(Some(carried));
        }
        if text("sasl.oauthbearer.method").is_some_and(|method| method.eq_ignore_ascii_case("oidc")) {
            return Oidc::of(properties).map(|oidc| Some(Self::Oidc(oidc)));
        }
        if text("enable.sasl.oauthbearer.unsecure.jwt") == Some("true") {
            return Ok(Some(Self::Unsecured(Unsecured::of(
                text(CARRIER).unwrap_or_default(),
            ))));
        }
        Err(Error::user(
            "no_token_source",
            "sasl.mechanism is OAUTHBEARER, and nothing says where tokens come from: set sasl.oauthbearer.method to oidc \
             with sasl.oauthbearer.token.endpoint.url, sasl.oauthbearer.client.id and sasl.oauthbearer.client.secret, or \
             write [auth] with kind = \"msk_iam\"",
        ))
    }

    fn carried(&self) -> Result<String> {
        serde_json::to_string(self)
            .map_err(|_| Error::internal("login", "the source of tokens could not be written"))
    }

    fn of_config(config: &ClientConfig) -> Option<Self> {
        serde_json::from_str(config.get(CARRIER)?).ok()
    }

    /// A new token, or a sentence that says why there is none.
    pub async fn token(&self, now_ms: i64) -> Result<Token, String> {
        match self {
            Self::Oidc(oidc) => oidc.token(now_ms).await,
            Self::MskIam(msk) => msk.token(now_ms).await,
            Self::Unsecured(unsecured) => Ok(unsecured.token(now_ms)),
        }
    }
}

impl Unsecured {
    fn of(text: &str) -> Self {
        let mut unsecured = Self {
            principal: "tailrace".to_owned(),
            scope: Vec::new(),
            life_s: 3_600,
        };
        for (name, value) in text.split_whitespace().filter_map(|part| part.split_once('=')) {
            match name {
                "principal" => unsecured.principal = value.to_owned(),
                "scope" => unsecured.scope = value.split(',').map(str::to_owned).collect(),
                "lifeSeconds" => unsecured.life_s = value.parse().unwrap_or(unsecured.life_s),
                _ => {}
            }
        }
        unsecured
    }

    fn token(&self, now_ms: i64) -> Token {
        let expires = now_ms / 1_000 + self.life_s;
        let mut claims = serde_json::json!({ "sub": self.principal, "iat": now_ms / 1_000, "exp": expires });
        if !self.scope.is_empty() {
            claims["scope"] = self.scope.clone().into();
        }
        let part = |json: &serde_json::Value| URL_SAFE_NO_PAD.encode(json.to_string());
        Token {
            value: format!(
                "{}.{}.",
                part(&serde_json::json!({ "alg": "none" })),
                part(&claims)
            ),
            principal: self.principal.clone(),
            expires_ms: expires * 1_000,
            extensions: Vec::new(),
        }
    }
}

/// Fetches a token for the test of a connection, and says what it is.
pub(super) async fn try_once(config: &ClientConfig, now_ms: i64) -> Result<Option<String>, String> {
    let Some(source) = Source::of_config(config) else {
        return Ok(None);
    };
    let token = source.token(now_ms).await?;
    let life_s = (token.expires_ms - now_ms) / 1_000;
    let of = match &source {
        Source::Oidc(oidc) => format!("a token from {}", oidc.host()),
        Source::MskIam(msk) => format!(
            "a token for region {} signed with the credentials of AWS",
            msk.region()
        ),
        Source::Unsecured(_) => "a token that nobody signed".to_owned(),
    };
    Ok(Some(format!(
        "{of}, for \"{}\", good for {life_s} s",
        token.principal
    )))
}

/// A token for a connection without librdkafka.
pub(super) async fn token(properties: &Properties, now_ms: i64) -> Result<Token, String> {
    let source = Source::of_properties(properties).map_err(|error| error.message)?;
    let source = source.ok_or("nothing says where tokens come from")?;
    source.token(now_ms).await
}

/// The login of one client: nothing to do where it is not by token.
#[derive(Default)]
pub(super) struct Login {
    source: Option<Source>,
    /// When the next token is due; at once in the beginning.
    due: Mutex<Option<Instant>>,
}

impl Login {
    pub fn of(config: &ClientConfig) -> Self {
        Self {
            source: Source::of_config(config),
            due: Mutex::default(),
        }
    }

    /// Gives the client a new token when one is due. Blocks while it is fetched. The error says why there is none.
    pub fn renew<C: ClientContext>(&self, client: &Client<C>) -> Result<(), String> {
        let Some(source) = &self.source else {
            return Ok(());
        };
        let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        if due.is_some_and(|due| due > Instant::now()) {
            return Ok(());
        }
        let now_ms = chrono::Utc::now().timestamp_millis();
        let fetched = fetch(source.clone(), now_ms).and_then(|token| {
            ffi::login::set_token(client, &token).map_err(|Failure { text, .. }| text)?;
            Ok(token.expires_ms)
        });
        let rest = match &fetched {
            Ok(expires_ms) => {
                let life_ms = u64::try_from(expires_ms - now_ms).unwrap_or(0);
                Duration::from_millis(life_ms)
                    .mul_f64(RENEW_AT)
                    .max(Duration::from_secs(1))
            }
            Err(_) => AGAIN_AFTER,
        };
        *due = Some(Instant::now() + rest);
        fetched.map(drop)
    }
}

/// On a thread of its own: whoever calls may be inside a runtime or not.
fn fetch(source: Source, now_ms: i64) -> Result<Token, String> {
    let run = move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| format!("no token could be fetched: {error}"))?;
        runtime.block_on(async {
            tokio::time::timeout(FETCH_MAX, source.token(now_ms))
                .await
                .unwrap_or_else(|_| Err(format!("no token came within {} s", FETCH_MAX.as_secs())))
        })
    };
    std::thread::scope(|scope| scope.spawn(run).join())
        .unwrap_or_else(|_| Err("fetching a token was interrupted".to_owned()))
}
