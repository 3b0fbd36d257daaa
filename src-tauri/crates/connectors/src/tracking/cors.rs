//! Which pages' scripts may send, and what their browsers want to hear about it.
//! <https://fetch.spec.whatwg.org/#http-cors-protocol>

use axum::http::{HeaderMap, HeaderValue, header};

/// Headers that Segment's library for browsers, and programs in a page, send.
const HEADERS: HeaderValue =
    HeaderValue::from_static("authorization, content-type, content-encoding, x-retry-count");
const METHODS: HeaderValue = HeaderValue::from_static("POST, OPTIONS");
/// A browser asks again after this.
const AGE: HeaderValue = HeaderValue::from_static("7200");
const EXPOSED: HeaderValue = HeaderValue::from_static("retry-after");

/// The pages of a source.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origins {
    any: bool,
    named: Vec<String>,
}

impl Origins {
    /// Of what a definition lists: origins, or `*`.
    pub fn new<'a>(listed: impl IntoIterator<Item = &'a str>) -> Self {
        let mut origins = Self::default();
        for text in listed {
            match text {
                "*" => origins.any = true,
                text => origins.named.extend(origin(text)),
            }
        }
        origins
    }

    pub fn allow(&self, page: &str) -> bool {
        self.any || origin(page).is_some_and(|page| self.named.contains(&page))
    }
}

/// `scheme://host[:port]` in lower case; absent: it is something else.
pub fn origin(text: &str) -> Option<String> {
    let (scheme, host) = text.split_once("://")?;
    let named = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    let plain = !host.is_empty()
        && host
            .chars()
            .all(|c| !c.is_whitespace() && !matches!(c, '/' | '?' | '#' | '@' | '*' | '"'));
    (named && plain).then(|| text.to_ascii_lowercase())
}

/// The page that a request comes from, if a browser says so.
pub(super) fn page(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::ORIGIN)?.to_str().ok()
}

/// Lets the page's script read the answer.
pub(super) fn allow(headers: &mut HeaderMap, page: &str) {
    if let Ok(page) = HeaderValue::from_str(page) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, page);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    }
    headers.insert(header::VARY, HeaderValue::from_static("origin"));
}

/// Answers the question before the request.
pub(super) fn preflight(headers: &mut HeaderMap, page: &str) {
    allow(headers, page);
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HEADERS);
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, AGE);
}
