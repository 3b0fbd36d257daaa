//! A URL that takes batches of rows as JSON.
//!
//! `POST` of `{"sync", "audience", "key", "idempotency_key", "upserts": [{..}], "removes": [{..}]}`, with the header
//! `Idempotency-Key` saying the same for every attempt at a batch. Times are RFC 3339. A 2xx answer acknowledges every
//! row but those it names: `{"results": [{"key": .., "ok": false, "reason": "..", "retry": false}]}`. 408, 425, 429, any
//! 5xx and a lost connection are tried again, after `Retry-After` when there is one. 400, 409, 413, 422 and their like
//! refuse the batch, which is then sent in parts; 401, 403, 404 and their like refuse everything and stop the run.

mod client;
mod config;
mod destination;
mod notice;
#[cfg(test)]
mod tests;

use tailrace_model::DestinationKind;

use super::Connector;

pub use notice::Notices;

pub(super) const CONNECTOR: Connector = Connector {
    kind: DestinationKind::Webhook,
    title: "Webhook",
    settings: config::SETTINGS,
    options: &[],
    open: |settings, _| Ok(Box::new(destination::Webhook::open(settings)?)),
    place: destination::place,
};
