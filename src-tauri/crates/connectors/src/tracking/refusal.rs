//! What is answered to a request that is not taken.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

/// Why, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RefusalCode {
    Malformed,
    TooLarge,
    WriteKey,
    Origin,
    Encoding,
    Slow,
    Rate,
    Full,
    Stopped,
}

impl RefusalCode {
    pub const ALL: [Self; 9] = [
        Self::Malformed,
        Self::TooLarge,
        Self::WriteKey,
        Self::Origin,
        Self::Encoding,
        Self::Slow,
        Self::Rate,
        Self::Full,
        Self::Stopped,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::TooLarge => "too_large",
            Self::WriteKey => "write_key",
            Self::Origin => "origin",
            Self::Encoding => "encoding",
            Self::Slow => "slow",
            Self::Rate => "rate",
            Self::Full => "full",
            Self::Stopped => "stopped",
        }
    }

    pub const fn status(self) -> StatusCode {
        match self {
            Self::Malformed => StatusCode::BAD_REQUEST,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::WriteKey => StatusCode::UNAUTHORIZED,
            Self::Origin => StatusCode::FORBIDDEN,
            Self::Encoding => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Slow => StatusCode::REQUEST_TIMEOUT,
            Self::Rate => StatusCode::TOO_MANY_REQUESTS,
            Self::Full | Self::Stopped => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

/// One sentence for whoever reads a client's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub code: RefusalCode,
    pub message: String,
    /// When to come back, in seconds.
    pub retry_after_s: Option<u32>,
}

impl Refusal {
    pub fn new(code: RefusalCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            retry_after_s: None,
        }
    }

    pub fn malformed(message: impl Into<String>) -> Self {
        Self::new(RefusalCode::Malformed, message)
    }

    pub fn too_large(message: impl Into<String>) -> Self {
        Self::new(RefusalCode::TooLarge, message)
    }

    pub fn retry_after(self, seconds: u32) -> Self {
        Self {
            retry_after_s: Some(seconds),
            ..self
        }
    }

    /// `code` and `message` are what Segment's libraries read.
    pub fn json(&self) -> Value {
        json!({ "success": false, "code": self.code.as_str(), "message": self.message })
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = (self.code.status(), Json(self.json())).into_response();
        let headers = response.headers_mut();
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.code == RefusalCode::WriteKey {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Basic"));
        }
        response
    }
}
