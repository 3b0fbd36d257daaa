//! What every part of the app stands on: the owner of tasks, the list of long work, and the revisions that views send.

mod activity;
mod hub;
pub mod jobs;
pub mod memory;
mod runtime;
mod supervisor;
mod views;

pub use activity::{Activities, ActivityHandle};
pub use hub::Hub;
pub use runtime::runtime;
pub use supervisor::{Stage, Supervisor};
pub use views::Views;

/// Milliseconds since the epoch, now. The one place that reads the clock: everything below takes a time.
pub fn now_ms() -> i64 {
    chrono::Utc::now().timestamp_millis()
}
