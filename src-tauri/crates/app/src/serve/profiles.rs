//! The profile API: what is known of a person, asked for by any identifier.
//!
//! `GET /v1/profiles/{kind}:{value}/{traits,events,audiences,identifiers}`, with a key of `[[api_keys]]` as a bearer token
//! or as the user name of basic authentication. Invariants: without a key nothing is told, not even whether somebody is
//! known; a key opens its scopes and nothing else; lists come in pages that end with a cursor, which stays good while
//! events arrive; what was not evaluated yet is said to be unknown.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use axum::{
    Json, Router,
    extract::{Path, RawQuery, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tailrace_engine::events::time::format_ms;
use tailrace_model::{ApiKeyDefinition, ApiScope, Domain, Error, api::EventCursor};

use super::Shared;
use crate::{
    core::now_ms,
    open::OpenWorkspace,
    people::{People, timeline},
};

/// Keys are read from their secrets again after this.
const KEYS_FRESH: Duration = Duration::from_secs(10);
/// Entries of a page, when nobody says.
const LIMIT: u32 = 100;

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/v1/profiles/{profile}/{part}", get(part))
        .route("/openapi.json", get(async || Json(super::openapi::document())))
}

/// The keys as their secrets last said.
#[derive(Debug, Default)]
pub(super) struct Keys {
    known: Mutex<Option<Known>>,
}

#[derive(Debug)]
struct Known {
    definitions: Vec<ApiKeyDefinition>,
    read: Instant,
    keys: Vec<Key>,
}

#[derive(Debug, Clone)]
struct Key {
    name: String,
    hash: [u8; 32],
    scopes: Vec<ApiScope>,
}

impl Keys {
    fn find(&self, open: &OpenWorkspace, given: &str) -> Option<Key> {
        let definitions = {
            let workspace = open.workspace();
            workspace
                .definitions
                .workspace
                .value
                .as_ref()
                .map_or_else(Vec::new, |workspace| workspace.api_keys.clone())
        };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh =
            |known: &&mut Known| known.definitions == definitions && known.read.elapsed() < KEYS_FRESH;
        let keys = match known.as_mut().filter(fresh) {
            Some(known) => &known.keys,
            None => {
                let keys = definitions.iter().filter_map(|it| read(open, it)).collect();
                let read = Instant::now();
                &known
                    .insert(Known {
                        definitions,
                        read,
                        keys,
                    })
                    .keys
            }
        };
        // Hashes are compared, so that how long it takes tells nothing of a key.
        let hash: [u8; 32] = Sha256::digest(given.as_bytes()).into();
        keys.iter().find(|key| key.hash == hash).cloned()
    }
}

fn read(open: &OpenWorkspace, definition: &ApiKeyDefinition) -> Option<Key> {
    match open.secrets.resolve_one(&definition.key) {
        Ok(key) if !key.is_empty() => Some(Key {
            name: definition.name.clone(),
            hash: Sha256::digest(key.as_bytes()).into(),
            scopes: definition.scopes.clone(),
        }),
        Ok(_) => None,
        Err(error) => {
            tracing::warn!(key = %definition.name, %error, "an API key opens nothing: its secret can't be read");
            None
        }
    }
}

/// An answer that is no answer: a status, a code and a sentence.
#[derive(Debug)]
struct Refusal {
    status: StatusCode,
    code: String,
    message: String,
}

impl Refusal {
    fn new(status: StatusCode, code: &str, message: impl Into<String>) -> Self {
        Self {
            status,
            code: code.to_owned(),
            message: message.into(),
        }
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        let status = match error.domain {
            Domain::User => StatusCode::BAD_REQUEST,
            Domain::External => StatusCode::SERVICE_UNAVAILABLE,
            Domain::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self::new(status, &error.code, error.message)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = Json(json!({ "error": { "code": self.code, "message": self.message } }));
        match self.status {
            StatusCode::UNAUTHORIZED => {
                (self.status, [(header::WWW_AUTHENTICATE, "Bearer")], body).into_response()
            }
            status => (status, body).into_response(),
        }
    }
}

/// The key of a request: `Authorization: Bearer KEY`, or basic authentication with the key as the user name.
fn given(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, rest) = text.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(rest.trim().to_owned());
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let plain = String::from_utf8(STANDARD.decode(rest.trim()).ok()?).ok()?;
    plain.split(':').next().map(str::to_owned)
}

fn allow(shared: &Shared, headers: &HeaderMap, scope: ApiScope) -> Result<(), Refusal> {
    let Some(given) = given(headers) else {
        return Err(Refusal::new(
            StatusCode::UNAUTHORIZED,
            "no_key",
            "a key is needed: send it as \"Authorization: Bearer KEY\"; keys are defined by [[api_keys]] in tailrace.toml",
        ));
    };
    let Some(key) = shared.keys.find(&shared.open, &given) else {
        return Err(Refusal::new(
            StatusCode::UNAUTHORIZED,
            "unknown_key",
            "this key is not known: keys are defined by [[api_keys]] in tailrace.toml",
        ));
    };
    if key.scopes.contains(&scope) {
        return Ok(());
    }
    Err(Refusal::new(
        StatusCode::FORBIDDEN,
        "scope",
        format!(
            "the key \"{}\" does not open {}: add \"{}\" to its scopes in tailrace.toml",
            key.name,
            scope.name(),
            scope.name()
        ),
    ))
}

#[derive(Debug, Default, PartialEq)]
struct Page {
    limit: Option<u32>,
    cursor: Option<String>,
    /// `defined`: traits that are computed, too.
    include: Option<String>,
}

impl Page {
    fn read(query: &str) -> Result<Self, Refusal> {
        let mut page = Self::default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let bad = |why: String| Refusal::new(StatusCode::BAD_REQUEST, "query", why);
            let value = decode(value).ok_or_else(|| bad(format!("{name} is not percent-encoded UTF-8")))?;
            match name {
                "limit" => {
                    let limit = value.parse();
                    page.limit = Some(limit.map_err(|_| bad(format!("the limit \"{value}\" is no number")))?);
                }
                "cursor" => page.cursor = Some(value),
                "include" => page.include = Some(value),
                _ => {
                    return Err(bad(format!(
                        "there is no parameter {name}: limit, cursor and include are known"
                    )));
                }
            }
        }
        Ok(page)
    }

    fn limit(&self) -> Result<u32, Refusal> {
        let limit = self.limit.unwrap_or(LIMIT);
        if (1..=timeline::PAGE_EVENTS_MAX).contains(&limit) {
            return Ok(limit);
        }
        Err(Refusal::new(
            StatusCode::BAD_REQUEST,
            "limit",
            format!("the limit is 1 to {}", timeline::PAGE_EVENTS_MAX),
        ))
    }

    /// The place in a list that does not move.
    fn offset(&self) -> Result<usize, Refusal> {
        self.cursor
            .as_ref()
            .map_or(Ok(0), |cursor| cursor.parse().map_err(|_| bad_cursor()))
    }
}

/// What a form wrote: `+` is a space, `%40` a byte. Absent: it is no text.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                u8::try_from(digit()? * 16 + digit()?).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

fn bad_cursor() -> Refusal {
    Refusal::new(
        StatusCode::BAD_REQUEST,
        "cursor",
        "the cursor is not one that a page ended with: leave it out to begin anew",
    )
}

async fn part(
    State(shared): State<Shared>,
    Path((profile, part)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    let scope = ApiScope::ALL.into_iter().find(|scope| scope.name() == part);
    let Some(scope) = scope else {
        let message = "a profile has traits, events, audiences and identifiers";
        return Err(Refusal::new(StatusCode::NOT_FOUND, "unknown_part", message));
    };
    allow(&shared, &headers, scope)?;
    let page = Page::read(query.as_deref().unwrap_or_default())?;
    let open = &shared.open;
    let people = &open.held()?.people;
    let Some((kind, value)) = profile.split_once(':') else {
        return Err(Refusal::new(
            StatusCode::BAD_REQUEST,
            "identifier",
            "a profile is asked for by kind and value, such as user_id:u_000001",
        ));
    };
    let Some(profile_id) = people.log.find(kind, value) else {
        let message = format!("nobody has the identifier {kind}:{value}");
        return Err(Refusal::new(StatusCode::NOT_FOUND, "unknown_profile", message));
    };
    match scope {
        ApiScope::Traits => traits(open, people, profile_id, &page).await,
        ApiScope::Events => events(open, people, profile_id, &page).await,
        ApiScope::Audiences => audiences(open, people, profile_id, &page),
        ApiScope::Identifiers => identifiers(people, profile_id, &page),
    }
}

/// A part of a list, and where it goes on.
fn listed(profile_id: i64, all: Vec<Value>, page: &Page) -> Result<Value, Refusal> {
    let (from, limit) = (page.offset()?, page.limit()? as usize);
    let to = from.saturating_add(limit);
    let next = (to < all.len()).then(|| to.to_string());
    let data: Vec<Value> = all.into_iter().skip(from).take(limit).collect();
    Ok(json!({ "profile_id": profile_id, "data": data, "next": next }))
}

async fn traits(
    open: &OpenWorkspace,
    people: &People,
    profile_id: i64,
    page: &Page,
) -> Result<Json<Value>, Refusal> {
    let details = people.log.profile(profile_id);
    let mut all: Vec<Value> = details
        .into_iter()
        .flat_map(|details| details.traits)
        .map(|it| {
            let value: Value = serde_json::from_str(&it.value).unwrap_or(Value::String(it.value));
            json!({ "name": it.name, "value": value, "origin": "identify", "updated": format_ms(it.updated_ms) })
        })
        .collect();
    match page.include.as_deref() {
        None => {}
        Some("defined") => {
            let session = people.session(open).await?;
            let values = tailrace_engine::traits::values(&session, profile_id, now_ms()).await?;
            let defined = values.into_iter().filter(|it| it.origin != "identify");
            all.extend(defined.map(|it| json!({ "name": it.name, "value": it.value, "origin": it.origin })));
        }
        Some(other) => {
            let message = format!("include can't be \"{other}\": it may be \"defined\"");
            return Err(Refusal::new(StatusCode::BAD_REQUEST, "include", message));
        }
    }
    listed(profile_id, all, page).map(Json)
}

async fn events(
    open: &OpenWorkspace,
    people: &People,
    profile_id: i64,
    page: &Page,
) -> Result<Json<Value>, Refusal> {
    let cursor = match &page.cursor {
        None => None,
        Some(text) => {
            let (at, id) = text.split_once('~').ok_or_else(bad_cursor)?;
            Some(EventCursor {
                timestamp_ms: at.parse().map_err(|_| bad_cursor())?,
                message_id: id.to_owned(),
            })
        }
    };
    let limit = page.limit()?;
    let session = people.lookup_session(open)?;
    let found = timeline::page(people, &session, profile_id, cursor.as_ref(), limit).await?;
    let data: Vec<Value> = found
        .events
        .into_iter()
        .map(|it| {
            let properties: Value = serde_json::from_str(&it.properties).unwrap_or_default();
            json!({
                "message_id": it.message_id, "type": it.kind, "event": it.event, "source": it.source,
                "timestamp": format_ms(it.timestamp_ms), "properties": properties,
            })
        })
        .collect();
    let next = found
        .next
        .map(|cursor| format!("{}~{}", cursor.timestamp_ms, cursor.message_id));
    Ok(Json(
        json!({ "profile_id": profile_id, "data": data, "next": next }),
    ))
}

fn audiences(
    open: &OpenWorkspace,
    people: &People,
    profile_id: i64,
    page: &Page,
) -> Result<Json<Value>, Refusal> {
    let members = people.memberships(profile_id).into_iter();
    let all =
        members.map(|(audience, since_ms)| json!({ "audience": audience, "since": format_ms(since_ms) }));
    let mut answer = listed(profile_id, all.collect(), page)?;
    let workspace = open.workspace();
    let unknown: Vec<&str> = workspace
        .definitions
        .valid_audiences()
        .map(|(name, _)| name)
        .filter(|name| people.audience(name).is_none())
        .collect();
    // Whether somebody is in these is not known yet.
    answer["not_evaluated"] = json!(unknown);
    Ok(Json(answer))
}

fn identifiers(people: &People, profile_id: i64, page: &Page) -> Result<Json<Value>, Refusal> {
    let details = people.log.profile(profile_id).into_iter();
    let all = details
        .flat_map(|details| details.identifiers)
        .map(|it| json!({ "kind": it.kind, "value": it.value, "first_seen": format_ms(it.first_seen_ms) }));
    listed(profile_id, all.collect(), page).map(Json)
}

/// Shared by all requests.
pub(super) type SharedKeys = Arc<Keys>;

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn a_page_is_what_the_query_says() {
        let page = Page::read("limit=5&cursor=12%7Em+1").unwrap();
        assert_eq!((page.limit, page.cursor.as_deref()), (Some(5), Some("12~m 1")));
        assert_eq!(Page::read("").unwrap(), Page::default());
        for wrong in ["limit=x", "limit=-1", "cursor=%zz", "cursor=%ff", "page=2"] {
            assert_eq!(
                Page::read(wrong).unwrap_err().status,
                StatusCode::BAD_REQUEST,
                "{wrong}"
            );
        }
    }

    #[test]
    fn a_key_is_a_bearer_token_or_a_user_name() {
        let check = |value: &str, expected: Option<&str>| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, HeaderValue::from_str(value).unwrap());
            assert_eq!(given(&headers).as_deref(), expected, "{value}");
        };
        check("Bearer abc", Some("abc"));
        check("bearer abc", Some("abc"));
        check(&format!("Basic {}", STANDARD.encode("abc:")), Some("abc"));
        check(&format!("Basic {}", STANDARD.encode("abc:def")), Some("abc"));
        check("Basic ???", None);
        check("Digest abc", None);
        check("abc", None);
        assert_eq!(given(&HeaderMap::new()), None);
    }
}
