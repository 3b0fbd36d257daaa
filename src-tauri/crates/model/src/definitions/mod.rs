//! Definitions: the text files of a workspace, as data. A definition's name is its file's name without the ending.
//!
//! Files: `tailrace.toml`, `clusters/*.toml`, `sources/*.{toml,sql}`, `tracking-plans/*.json`, `warehouses/*.toml`, `traits/*.{toml,sql}`,
//! `audiences/*.{toml,sql}`, `destinations/*.toml`, `syncs/*.toml`, `alerts/*.toml`. A `.sql` trait or audience may have a `.toml` of
//! the same name beside it with its title and description. Unknown keys are refused.

mod alert;
mod audience;
mod cluster;
mod condition;
mod destination;
mod format;
mod identity;
mod lag;
mod source;
mod tracking_plan;
mod r#trait;
mod warehouse;
mod workspace;

pub use alert::*;
pub use audience::*;
pub use cluster::*;
pub use condition::*;
pub use destination::*;
pub use format::*;
pub use identity::*;
pub use lag::*;
pub use source::*;
pub use tracking_plan::*;
pub use r#trait::*;
pub use warehouse::*;
pub use workspace::*;
