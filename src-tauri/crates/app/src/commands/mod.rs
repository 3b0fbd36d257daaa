//! Command bodies, by area: `name(&App, Request) -> Result<Response>`. The window and the terminal call these and nothing
//! else. The list is `tailrace_model::commands`.

mod clusters;
mod connect;
mod deliver;
mod people;
mod work;

pub use clusters::*;
pub use connect::*;
pub use deliver::*;
pub use people::*;
pub use work::*;
