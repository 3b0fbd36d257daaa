//! AWS's signature of an address, version 4, as query parameters.
//!
//! Own code on OpenSSL, which is linked anyway: the signer crate of AWS brings 39 crates, a second TLS library and a C
//! build among them. The shapes are those of "Authenticating Requests: Using Query Parameters" in AWS's documentation.

use openssl::{
    hash::{MessageDigest, hash},
    pkey::PKey,
    sign::Signer,
};

use super::oidc::encoded;

/// What signs.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Credentials {
    pub access_key: String,
    pub secret_key: String,
    pub session_token: Option<String>,
}

/// What is signed: a GET without a body.
pub(super) struct Request<'a> {
    pub host: &'a str,
    pub path: &'a str,
    pub query: &'a [(&'a str, &'a str)],
    pub region: &'a str,
    pub service: &'a str,
    pub expires_s: i64,
    /// S3 signs `UNSIGNED-PAYLOAD`; absent: the digest of nothing.
    pub payload: Option<&'a str>,
}

/// The address with its signature. The error is OpenSSL's refusal.
pub(super) fn presign(
    request: &Request<'_>,
    credentials: &Credentials,
    now_ms: i64,
) -> Result<String, String> {
    let now = chrono::DateTime::from_timestamp_millis(now_ms).unwrap_or_default();
    let (day, at) = (
        now.format("%Y%m%d").to_string(),
        now.format("%Y%m%dT%H%M%SZ").to_string(),
    );
    let Request {
        host,
        path,
        region,
        service,
        ..
    } = request;
    let scope = format!("{day}/{region}/{service}/aws4_request");
    let mut query: Vec<(String, String)> = request
        .query
        .iter()
        .map(|(name, value)| (encoded(name), encoded(value)))
        .collect();
    let mut add = |name: &str, value: &str| query.push((encoded(name), encoded(value)));
    add("X-Amz-Algorithm", "AWS4-HMAC-SHA256");
    add("X-Amz-Credential", &format!("{}/{scope}", credentials.access_key));
    add("X-Amz-Date", &at);
    add("X-Amz-Expires", &request.expires_s.to_string());
    add("X-Amz-SignedHeaders", "host");
    if let Some(token) = &credentials.session_token {
        add("X-Amz-Security-Token", token);
    }
    query.sort();
    let pairs: Vec<String> = query
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let query = pairs.join("&");
    let nothing = digest(b"")?;
    let payload = request.payload.unwrap_or(&nothing);
    let canonical = format!("GET\n{path}\n{query}\nhost:{host}\n\nhost\n{payload}");
    let to_sign = format!(
        "AWS4-HMAC-SHA256\n{at}\n{scope}\n{}",
        digest(canonical.as_bytes())?
    );
    let mut key = format!("AWS4{}", credentials.secret_key).into_bytes();
    for part in [day.as_str(), region, service, "aws4_request", &to_sign] {
        key = keyed(&key, part)?;
    }
    Ok(format!(
        "https://{host}{path}?{query}&X-Amz-Signature={}",
        hex(&key)
    ))
}

fn digest(bytes: &[u8]) -> Result<String, String> {
    let digest = hash(MessageDigest::sha256(), bytes).map_err(|_| failed())?;
    Ok(hex(&digest))
}

fn keyed(key: &[u8], text: &str) -> Result<Vec<u8>, String> {
    let key = PKey::hmac(key).map_err(|_| failed())?;
    let mut signer = Signer::new(MessageDigest::sha256(), &key).map_err(|_| failed())?;
    signer.sign_oneshot_to_vec(text.as_bytes()).map_err(|_| failed())
}

fn failed() -> String {
    "OpenSSL could not sign the request to AWS".to_owned()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
