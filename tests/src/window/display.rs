//! Closes a window by its close button: where no window manager runs, the message that one would send has to be sent by
//! somebody else.

use anyhow::{Context, Result};
use x11rb::{
    connection::Connection as _,
    protocol::xproto::{ClientMessageEvent, ConnectionExt as _, EventMask, MapState},
};

/// Asks every window that is shown on a display (`:7`) to close.
pub fn close_windows(display: &str) -> Result<()> {
    let (connection, screen) = x11rb::connect(Some(display)).with_context(|| format!("display {display}"))?;
    let root = connection.setup().roots[screen].root;
    let atom = |name: &[u8]| anyhow::Ok(connection.intern_atom(false, name)?.reply()?.atom);
    let (protocols, delete) = (atom(b"WM_PROTOCOLS")?, atom(b"WM_DELETE_WINDOW")?);
    let mut closed = 0;
    for window in connection.query_tree(root)?.reply()?.children {
        // One that is gone meanwhile is closed.
        let Ok(attributes) = connection.get_window_attributes(window)?.reply() else {
            continue;
        };
        if attributes.map_state == MapState::VIEWABLE {
            let message = ClientMessageEvent::new(32, window, protocols, [delete, 0, 0, 0, 0]);
            connection
                .send_event(false, window, EventMask::NO_EVENT, message)?
                .check()?;
            closed += 1;
        }
    }
    anyhow::ensure!(closed > 0, "no window is shown on display {display}");
    Ok(())
}
