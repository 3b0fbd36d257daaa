//! Drags files onto a window as another program would: the source's side of the XDND protocol, version 5
//! (freedesktop.org, "Drag-and-Drop Protocol for the X Window System"). Nothing of the window under test is touched:
//! it sees what a file manager would send.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use x11rb::{
    COPY_FROM_PARENT, CURRENT_TIME, NONE,
    connection::Connection as _,
    protocol::{
        Event,
        xproto::{
            Atom, AtomEnum, ClientMessageEvent, ConnectionExt as _, CreateWindowAux, EventMask, MapState,
            PropMode, SELECTION_NOTIFY_EVENT, SelectionNotifyEvent, SelectionRequestEvent, Window,
            WindowClass,
        },
    },
    rust_connection::RustConnection,
    wrapper::ConnectionExt as _,
};

const VERSION: u32 = 5;
const DEADLINE: Duration = Duration::from_secs(20);
/// Between two looks at what the window answered.
const PAUSE: Duration = Duration::from_millis(10);
/// A pointer that is held over a window goes on telling where it is.
const REPEAT: Duration = Duration::from_millis(100);

x11rb::atom_manager! {
    Atoms: AtomsCookie {
        XdndAware,
        XdndEnter,
        XdndPosition,
        XdndStatus,
        XdndDrop,
        XdndFinished,
        XdndSelection,
        XdndActionCopy,
        UriList: b"text/uri-list",
        TARGETS,
    }
}

struct Drag {
    connection: RustConnection,
    atoms: Atoms,
    /// Ours.
    source: Window,
    target: Window,
    /// In the middle of the target.
    at: (i16, i16),
    uris: Vec<u8>,
}

/// Drags the files over the window that is shown on a display (`:7`) and lets them go once it takes them.
pub fn drop_files(display: &str, files: &[PathBuf]) -> Result<()> {
    let (connection, screen) = x11rb::connect(Some(display)).with_context(|| format!("display {display}"))?;
    let atoms = Atoms::new(&connection)?.reply()?;
    let root = connection.setup().roots[screen].root;
    let (target, at) = aware(&connection, &atoms, root)?.context("no window takes what is dragged")?;
    let source = connection.generate_id()?;
    connection.create_window(
        COPY_FROM_PARENT as u8,
        source,
        root,
        0,
        0,
        1,
        1,
        0,
        WindowClass::INPUT_OUTPUT,
        0,
        &CreateWindowAux::new(),
    )?;
    connection.set_selection_owner(source, atoms.XdndSelection, CURRENT_TIME)?;
    let drag = Drag {
        uris: uris(files),
        connection,
        atoms,
        source,
        target,
        at,
    };
    drag.send(
        drag.atoms.XdndEnter,
        [source, VERSION << 24, drag.atoms.UriList, NONE, NONE],
    )?;
    drag.hover()?;
    drag.send(drag.atoms.XdndDrop, [source, 0, CURRENT_TIME, 0, 0])?;
    drag.finished()
}

/// The window that announces that it takes what is dragged, and its middle.
fn aware(connection: &RustConnection, atoms: &Atoms, root: Window) -> Result<Option<(Window, (i16, i16))>> {
    for window in connection.query_tree(root)?.reply()?.children {
        // One that is gone meanwhile takes nothing.
        let Ok(attributes) = connection.get_window_attributes(window)?.reply() else {
            continue;
        };
        let aware = connection
            .get_property(false, window, atoms.XdndAware, AtomEnum::ANY, 0, 1)?
            .reply()?;
        if attributes.map_state == MapState::VIEWABLE && aware.length > 0 {
            let place = connection.get_geometry(window)?.reply()?;
            let middle = |at: i16, size: u16| at.saturating_add_unsigned(size / 2);
            return Ok(Some((
                window,
                (middle(place.x, place.width), middle(place.y, place.height)),
            )));
        }
    }
    Ok(None)
}

fn uris(files: &[PathBuf]) -> Vec<u8> {
    let uri = |file: &Path| {
        format!(
            "file://{}\r\n",
            file.display().to_string().replace('%', "%25").replace(' ', "%20")
        )
    };
    files
        .iter()
        .map(|file| uri(file))
        .collect::<String>()
        .into_bytes()
}

impl Drag {
    fn send(&self, kind: Atom, data: [u32; 5]) -> Result<()> {
        let message = ClientMessageEvent::new(32, self.target, kind, data);
        self.connection
            .send_event(false, self.target, EventMask::NO_EVENT, message)?;
        Ok(self.connection.flush()?)
    }

    /// Tells where the pointer is until the window says that it would take the files.
    fn hover(&self) -> Result<()> {
        let (x, y) = self.at;
        let at = (u32::from(x.unsigned_abs()) << 16) | u32::from(y.unsigned_abs());
        let started = Instant::now();
        let mut told = None::<Instant>;
        loop {
            if told.is_none_or(|told| told.elapsed() > REPEAT) {
                self.send(
                    self.atoms.XdndPosition,
                    [self.source, 0, at, CURRENT_TIME, self.atoms.XdndActionCopy],
                )?;
                told = Some(Instant::now());
            }
            if let Some(status) = self.answer(self.atoms.XdndStatus, started, "to take what is over it")?
                && status[1] & 1 == 1
            {
                return Ok(());
            }
        }
    }

    fn finished(&self) -> Result<()> {
        let started = Instant::now();
        loop {
            if let Some(finished) =
                self.answer(self.atoms.XdndFinished, started, "to have what was dropped")?
            {
                ensure!(finished[1] & 1 == 1, "the window refused what was dropped");
                return Ok(());
            }
        }
    }

    /// A message of that kind, if one is there; whoever asks for the files meanwhile gets them.
    fn answer(&self, kind: Atom, started: Instant, what: &str) -> Result<Option<[u32; 5]>> {
        ensure!(
            started.elapsed() < DEADLINE,
            "waited in vain for the window {what}"
        );
        match self.connection.poll_for_event()? {
            Some(Event::ClientMessage(message)) if message.type_ == kind => {
                return Ok(Some(message.data.as_data32()));
            }
            Some(Event::SelectionRequest(request)) => self.give(&request)?,
            Some(_) => {}
            None => std::thread::sleep(PAUSE),
        }
        Ok(None)
    }

    fn give(&self, request: &SelectionRequestEvent) -> Result<()> {
        let Atoms { UriList, TARGETS, .. } = self.atoms;
        let put = request.target == UriList || request.target == TARGETS;
        if request.target == UriList {
            self.connection.change_property8(
                PropMode::REPLACE,
                request.requestor,
                request.property,
                UriList,
                &self.uris,
            )?;
        } else if request.target == TARGETS {
            let all = [UriList, TARGETS];
            self.connection.change_property32(
                PropMode::REPLACE,
                request.requestor,
                request.property,
                AtomEnum::ATOM,
                &all,
            )?;
        }
        let told = SelectionNotifyEvent {
            response_type: SELECTION_NOTIFY_EVENT,
            sequence: 0,
            time: request.time,
            requestor: request.requestor,
            selection: request.selection,
            target: request.target,
            property: if put { request.property } else { NONE },
        };
        self.connection
            .send_event(false, request.requestor, EventMask::NO_EVENT, told)?;
        Ok(self.connection.flush()?)
    }
}
