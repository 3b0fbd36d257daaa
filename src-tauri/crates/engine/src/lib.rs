//! Everything that computes: the event log, identity, the SQL session, traits, audiences, membership and the evaluation
//! of lag. The only crate that plans or runs a query.
//!
//! Invariants: knows the model and Arrow, nothing of connectors and no network; the only files it touches are the event
//! log's segments and the exports it is asked for; time, ids and randomness are passed in.

pub mod audiences;
pub mod events;
pub mod identity;
pub mod lag;
pub mod log;
pub mod session;
pub mod traits;
