//! As much of the X11 protocol as it takes to close a window by its close button: where no window manager runs, the
//! message that one would send has to be sent by somebody else.
//!
//! Requests and answers are in the byte order of this machine, as the greeting says.

use std::{
    io::{Read, Write},
    os::unix::net::UnixStream,
    time::Duration,
};

use anyhow::{Context, Result};

const TIMEOUT: Duration = Duration::from_secs(10);
const VIEWABLE: u8 = 2;
/// Opcodes of requests, and the one message that is sent to a window.
const GET_WINDOW_ATTRIBUTES: u8 = 3;
const QUERY_TREE: u8 = 15;
const INTERN_ATOM: u8 = 16;
const SEND_EVENT: u8 = 25;
const GET_INPUT_FOCUS: u8 = 43;
const CLIENT_MESSAGE: u8 = 33;

/// Asks every window that is shown on a display (`:7`) to close.
pub fn close_windows(display: &str) -> Result<()> {
    let number = display.trim_start_matches(':');
    let mut display = Display::connect(number).with_context(|| format!("display :{number}"))?;
    let protocols = display.atom("WM_PROTOCOLS")?;
    let delete = display.atom("WM_DELETE_WINDOW")?;
    let mut closed = 0;
    for window in display.top_windows()? {
        if display.is_shown(window)? {
            display.send(window, protocols, delete)?;
            closed += 1;
        }
    }
    anyhow::ensure!(closed > 0, "no window is shown on display :{number}");
    // An answer says that all before it was read.
    display.ask(GET_INPUT_FOCUS, 0, &[]).map(drop)
}

struct Display {
    stream: UnixStream,
    root: u32,
}

impl Display {
    fn connect(number: &str) -> Result<Self> {
        let mut stream = UnixStream::connect(format!("/tmp/.X11-unix/X{number}"))?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        let order = if cfg!(target_endian = "little") {
            b'l'
        } else {
            b'B'
        };
        let mut greeting = vec![order, 0];
        // Version 11.0, and no authorisation.
        for word in [11_u16, 0, 0, 0, 0] {
            greeting.extend(word.to_ne_bytes());
        }
        stream.write_all(&greeting)?;
        let mut head = [0; 8];
        stream.read_exact(&mut head)?;
        let mut setup = vec![0; 4 * usize::from(u16_at(&head, 6)?)];
        stream.read_exact(&mut setup)?;
        anyhow::ensure!(head[0] == 1, "it refused: {}", String::from_utf8_lossy(&setup));
        // After the fixed part come the vendor's name, padded, and the picture formats; then the first screen, which
        // begins with its root window.
        let vendor = usize::from(u16_at(&setup, 16)?).next_multiple_of(4);
        let formats = 8 * usize::from(*setup.get(21).context("a short greeting")?);
        let root = u32_at(&setup, 32 + vendor + formats)?;
        Ok(Self { stream, root })
    }

    fn request(&mut self, opcode: u8, detail: u8, body: &[u8]) -> Result<()> {
        let units = u16::try_from(1 + body.len() / 4)?;
        let mut request = vec![opcode, detail];
        request.extend(units.to_ne_bytes());
        request.extend(body);
        Ok(self.stream.write_all(&request)?)
    }

    /// Sends a request and gives its whole answer; events before it are passed over.
    fn ask(&mut self, opcode: u8, detail: u8, body: &[u8]) -> Result<Vec<u8>> {
        self.request(opcode, detail, body)?;
        loop {
            let mut answer = vec![0; 32];
            self.stream.read_exact(&mut answer)?;
            match answer[0] {
                0 => anyhow::bail!("request {opcode} failed with error {}", answer[1]),
                1 => {
                    let more = 4 * usize::try_from(u32_at(&answer, 4)?)?;
                    answer.resize(32 + more, 0);
                    self.stream.read_exact(&mut answer[32..])?;
                    return Ok(answer);
                }
                _ => {}
            }
        }
    }

    fn atom(&mut self, name: &str) -> Result<u32> {
        let mut body = u16::try_from(name.len())?.to_ne_bytes().to_vec();
        body.extend([0; 2]);
        body.extend(name.bytes());
        body.resize(body.len().next_multiple_of(4), 0);
        u32_at(&self.ask(INTERN_ATOM, 0, &body)?, 8)
    }

    fn top_windows(&mut self) -> Result<Vec<u32>> {
        let root = self.root.to_ne_bytes();
        let answer = self.ask(QUERY_TREE, 0, &root)?;
        let count = usize::from(u16_at(&answer, 16)?);
        (0..count).map(|index| u32_at(&answer, 32 + 4 * index)).collect()
    }

    fn is_shown(&mut self, window: u32) -> Result<bool> {
        let answer = self.ask(GET_WINDOW_ATTRIBUTES, 0, &window.to_ne_bytes())?;
        Ok(answer.get(26) == Some(&VIEWABLE))
    }

    /// A client message of one atom.
    fn send(&mut self, window: u32, kind: u32, atom: u32) -> Result<()> {
        let format_bits = 32;
        let mut event = vec![CLIENT_MESSAGE, format_bits, 0, 0];
        for word in [window, kind, atom, 0, 0, 0, 0] {
            event.extend(word.to_ne_bytes());
        }
        let no_mask = 0_u32;
        let body = [&window.to_ne_bytes()[..], &no_mask.to_ne_bytes()[..], &event].concat();
        self.request(SEND_EVENT, 0, &body)
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Result<u16> {
    let found = bytes.get(at..at + 2).context("a short answer")?;
    Ok(u16::from_ne_bytes(found.try_into()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Result<u32> {
    let found = bytes.get(at..at + 4).context("a short answer")?;
    Ok(u32::from_ne_bytes(found.try_into()?))
}
