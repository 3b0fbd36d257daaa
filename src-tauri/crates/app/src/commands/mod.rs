//! Command bodies, by area: `name(&App, Request) -> Result<Response>`. The window and the terminal call these and nothing
//! else. The list is `tailrace_model::commands`.

mod clusters;
mod connect_workers;
mod connect;
mod deliver;
mod groups;
mod people;
mod topics;
mod produce;
mod work;

pub use clusters::*;
pub use connect_workers::*;
pub use connect::*;
pub use deliver::*;
pub use groups::*;
pub use people::*;
pub use topics::*;
pub use produce::*;
pub use work::*;
