//! Quality of events: what a source's transformation makes of them and what its tracking plan says of them, the
//! quarantine of those that became none, and replay.
//!
//! Invariants: every record of a source is an event, was left out by `WHERE`, or is in the quarantine with a reason, and
//! all of it is written in the checkpoint that moves its position; a source that names a plan never collects without it.

mod alerts;
mod diff;
mod infer;
mod judge;
mod plan;
mod plans;
mod preview;
mod quarantine;
mod shown;
mod violations;

pub use alerts::start as start_alerts;
pub(crate) use judge::{Judge, Judged, QUARANTINE_PENDING_BYTES_MAX, Refused, places_of, rows_of};
pub use plans::{diff, infer, list, save, show};
pub use preview::{preview, save_transform};
pub use quarantine::{list as quarantine_list, replay as quarantine_replay, show as quarantine_show};
pub use violations::{chart, list as violation_list};
