//! Handing a client its token, with the extensions that the safe crate cannot pass on.

use std::ffi::{CString, c_char};

use rdkafka::{ClientContext, bindings as sys, client::Client};

use super::{Failure, c_text, check, text};
use crate::clusters::kafka::login::Token;

/// Bytes of librdkafka's own reason.
const REASON_BYTES_MAX: usize = 512;

/// Sets the token; connections that waited for one go on. The failure never repeats the token.
pub(in crate::clusters::kafka) fn set_token<C: ClientContext>(
    client: &Client<C>,
    token: &Token,
) -> Result<(), Failure> {
    let value = c_text(&token.value)?;
    let principal = c_text(&token.principal)?;
    let extensions = token
        .extensions
        .iter()
        .flat_map(|(name, value)| [name, value])
        .map(|part| c_text(part))
        .collect::<Result<Vec<CString>, _>>()?;
    let mut parts: Vec<*const c_char> = extensions.iter().map(|part| part.as_ptr()).collect();
    let mut reason = [0 as c_char; REASON_BYTES_MAX];
    // SAFETY: the client is alive; all texts end in 0, live during the call and are copied by it; the extensions are
    // pairs, counted by their parts; the reason is written within its size and ended.
    unsafe {
        let code = sys::rd_kafka_oauthbearer_set_token(
            client.native_ptr(),
            value.as_ptr(),
            token.expires_ms,
            principal.as_ptr(),
            parts.as_mut_ptr(),
            parts.len(),
            reason.as_mut_ptr(),
            reason.len(),
        );
        check(code).map_err(|failure| Failure {
            text: text(reason.as_ptr()),
            ..failure
        })
    }
}
