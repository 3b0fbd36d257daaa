//! Command bodies, by area: `name(&App, Request) -> Result<Response>`. The window and the terminal call these and nothing
//! else. The list is `tailrace_model::commands`.

mod clusters;
mod connect;
mod connect_workers;
mod deliver;
mod groups;
mod identity;
mod people;
mod produce;
mod quality;
mod schemas;
mod topics;
mod work;

pub use clusters::*;
pub use connect::*;
pub use connect_workers::*;
pub use deliver::*;
pub use groups::*;
pub use identity::*;
pub use people::*;
pub use produce::*;
pub use quality::*;
pub use schemas::*;
pub use topics::*;
pub use work::*;
