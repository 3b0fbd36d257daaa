//! The calls over HTTP.

use std::{sync::Arc, time::Instant};

use axum::{
    Json, Router,
    extract::{Request, State, WebSocketUpgrade},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::{Value, json};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    Answered, Body, Call, Intake, Listening, MalformedEvent, Posted, REASONS_MAX, Refusal, RefusalCode,
    Stamp,
    budget::{self, Budget, Held},
    cors, keys,
    socket::{self, Sockets},
};

/// What every call needs.
#[derive(Clone)]
pub(super) struct Api {
    pub intake: Arc<dyn Intake>,
    pub budget: Budget,
    pub sockets: Sockets,
}

/// What a request came to.
pub(super) struct Done {
    pub source: Option<Arc<Listening>>,
    pub events: usize,
    pub outcome: Result<Vec<MalformedEvent>, Refusal>,
}

/// Every path of the tracking API. WebSockets, which outlive their request, are told to end by the token and counted by
/// the tracker.
pub fn routes(intake: Arc<dyn Intake>, stop: CancellationToken, tracker: TaskTracker) -> Router {
    let api = Api {
        intake,
        budget: Budget::new(),
        sockets: Sockets::new(stop, tracker),
    };
    let mut router = Router::new().route("/v1/ws", get(upgrade));
    for (name, call) in Call::PATHS {
        let handler =
            move |State(api): State<Api>, request: Request| async move { called(api, call, request).await };
        router = router.route(&format!("/v1/{name}"), post(handler).options(preflight));
    }
    router.with_state(api)
}

async fn preflight(State(api): State<Api>, headers: HeaderMap) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    if let Some(page) = cors::page(&headers)
        && api.intake.keys().allow(page)
    {
        cors::preflight(response.headers_mut(), page);
    }
    response
}

async fn called(api: Api, call: Call, request: Request) -> Response {
    let began = Instant::now();
    let page = cors::page(request.headers()).map(str::to_owned);
    let mut held = api.budget.none();
    let done = answer(&api, call, request, page.as_deref(), &mut held).await;
    drop(held);
    api.told(&done, began);
    let mut response = match &done.outcome {
        Ok(malformed) if malformed.len() == done.events => all_malformed(malformed).into_response(),
        Ok(malformed) => Json(success(malformed)).into_response(),
        Err(refusal) => refusal.clone().into_response(),
    };
    if let Some(page) = page {
        // Whose page may not send may not read why either, unless the key is what was wrong.
        let may = match &done.source {
            Some(source) => source.origins.allow(&page),
            None => api.intake.keys().allow(&page),
        };
        if may {
            cors::allow(response.headers_mut(), &page);
        }
    }
    response
}

async fn answer(api: &Api, call: Call, request: Request, page: Option<&str>, held: &mut Held) -> Done {
    let (parts, body) = request.into_parts();
    let header = |name| {
        parts
            .headers
            .get(name)
            .and_then(|value: &HeaderValue| value.to_str().ok())
    };
    let mut done = Done {
        source: None,
        events: 0,
        outcome: Ok(Vec::new()),
    };
    let outcome = async {
        // A key that is told before the body is judged before it is read.
        if let Some(key) = header(header::AUTHORIZATION).and_then(keys::basic) {
            done.source = Some(api.source(&key, page)?);
        }
        let declared = header(header::CONTENT_LENGTH).and_then(|length| length.parse().ok());
        let bytes = budget::read(body, declared, held).await?;
        let bytes = budget::unpack(header(header::CONTENT_ENCODING), bytes, held)?;
        let taken = api.take(call, &bytes, page, &mut done.source, held).await?;
        done.events = taken.0;
        Ok(taken.1)
    };
    let outcome = outcome.await;
    done.outcome = outcome;
    done
}

impl Api {
    /// The source of a key, if this page may send to it.
    pub fn source(&self, key: &str, page: Option<&str>) -> Result<Arc<Listening>, Refusal> {
        let source = self.intake.keys().find(key).ok_or_else(|| {
            Refusal::new(
                RefusalCode::WriteKey,
                "no source that listens has this write key: check it, and that its source is enabled",
            )
        })?;
        match page {
            Some(page) if !source.origins.allow(page) => {
                let shown: String = page.chars().take(200).collect();
                Err(Refusal::new(
                    RefusalCode::Origin,
                    format!("scripts of {shown} may not send here: name it in the source's cors_origins"),
                ))
            }
            _ => Ok(source),
        }
    }

    /// Takes the events of a body; how many there were, and which of them are none. A body of a known source that is no
    /// JSON is kept too, and refused.
    pub async fn take(
        &self,
        call: Call,
        bytes: &[u8],
        page: Option<&str>,
        source: &mut Option<Arc<Listening>>,
        held: &mut Held,
    ) -> Result<(usize, Vec<MalformedEvent>), Refusal> {
        let received_ms = self.intake.now_ms();
        let body = match Body::parse(bytes) {
            Ok(body) => body,
            Err(refusal) => return Err(self.keep(source.as_deref(), bytes, received_ms, refusal).await),
        };
        let listening = match (&source, body.write_key()) {
            (Some(source), _) => Arc::clone(source),
            (None, Some(key)) => self.source(&key, page)?,
            (None, None) => {
                let sentence = "no write key: send it as the user of basic authentication, or as \"writeKey\" in the body";
                return Err(Refusal::new(RefusalCode::WriteKey, sentence));
            }
        };
        *source = Some(Arc::clone(&listening));
        let posted = match self.stamped(&body, call, received_ms) {
            Ok(posted) => posted,
            Err(refusal) if refusal.code == RefusalCode::Malformed => {
                return Err(self.keep(Some(&listening), bytes, received_ms, refusal).await);
            }
            Err(refusal) => return Err(refusal),
        };
        held.take(posted.events.iter().map(Vec::len).sum())?;
        let count = posted.events.len();
        let malformed = self.intake.take(&listening, posted).await?;
        Ok((count, malformed))
    }

    fn stamped(&self, body: &Body<'_>, call: Call, received_ms: i64) -> Result<Posted, Refusal> {
        let mut stamp = Stamp {
            received_ms,
            message_id: &mut || self.intake.message_id(),
        };
        body.events(call, &mut stamp)
    }

    /// Keeps a body that is no JSON, with its reason, where its source is known. Returns what to answer.
    async fn keep(
        &self,
        source: Option<&Listening>,
        bytes: &[u8],
        received_ms: i64,
        refusal: Refusal,
    ) -> Refusal {
        let Some(source) = source else { return refusal };
        let posted = Posted {
            received_ms,
            events: vec![bytes.to_vec()],
        };
        match self.intake.take(source, posted).await {
            Ok(_) => refusal,
            // It comes again.
            Err(not_kept) => not_kept,
        }
    }

    pub fn told(&self, done: &Done, began: Instant) {
        let refused = match &done.outcome {
            Ok(malformed) if malformed.len() == done.events => Some(RefusalCode::Malformed),
            Ok(_) => None,
            Err(refusal) => Some(refusal.code),
        };
        self.intake.answered(Answered {
            source: done.source.as_ref().map(|source| &*source.source),
            refused,
            events: done.events,
            malformed: done.outcome.as_ref().map_or(0, Vec::len),
            took: began.elapsed(),
        });
    }
}

/// `{"success":true}`, and what was kept as malformed, if anything was.
pub(super) fn success(malformed: &[MalformedEvent]) -> Value {
    if malformed.is_empty() {
        return json!({ "success": true });
    }
    json!({ "success": true, "malformed": malformed.len(), "reasons": reasons(malformed) })
}

/// Nothing that was posted is an event.
pub(super) fn all_malformed(malformed: &[MalformedEvent]) -> AllMalformed {
    let first = malformed.first().map_or("", |event| event.reason.as_str());
    let message = match malformed.len() {
        1 => first.to_owned(),
        many => format!("none of the {many} events can be read; the first: {first}"),
    };
    AllMalformed {
        refusal: Refusal::malformed(message),
        reasons: reasons(malformed),
    }
}

pub(super) struct AllMalformed {
    refusal: Refusal,
    reasons: Value,
}

impl AllMalformed {
    pub fn json(&self) -> Value {
        let mut json = self.refusal.json();
        json["reasons"] = self.reasons.clone();
        json
    }
}

impl IntoResponse for AllMalformed {
    fn into_response(self) -> Response {
        (self.refusal.code.status(), Json(self.json())).into_response()
    }
}

fn reasons(malformed: &[MalformedEvent]) -> Value {
    let told = malformed.iter().take(REASONS_MAX);
    told.map(|event| json!({ "index": event.index, "reason": event.reason }))
        .collect()
}

async fn upgrade(
    State(api): State<Api>,
    headers: HeaderMap,
    uri: axum::http::Uri,
    upgrade: WebSocketUpgrade,
) -> Response {
    let page = cors::page(&headers).map(str::to_owned);
    let basic = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| keys::basic(value.to_str().ok()?));
    // A browser's script can't set a header here.
    let key = basic.or_else(|| socket::key_of(uri.query()?));
    let source = match key.map(|key| api.source(&key, page.as_deref())).transpose() {
        Ok(source) => source,
        Err(refusal) => return refusal.into_response(),
    };
    match api.sockets.enter() {
        Ok(place) => socket::serve(api, upgrade, source, page, place),
        Err(refusal) => refusal.into_response(),
    }
}
