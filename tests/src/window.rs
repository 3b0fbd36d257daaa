//! The real window: a display of its own (Xvfb), WebKitWebDriver, and the program whose web view it drives. Every
//! wait has a deadline and says what was missing; what went wrong leaves a screenshot.
//!
//! Screenshots go to `target/screenshots/NAME.png` of the checkout.

mod display;
mod dragging;
pub(crate) mod processes;
mod webdriver;

use std::{
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime},
};

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tempfile::TempDir;

pub use self::webdriver::Element;
use self::webdriver::Session;
use crate::{
    Unavailable, eventually, free_port, on_path,
    process::{Process, Program},
    root,
};

const WHAT: &str = "the window";
const START_DEADLINE: Duration = Duration::from_secs(30);
/// Stands between the driver and the program, which would otherwise be the driver's child: nobody but its parent learns
/// a program's exit code. Arguments: FILE PROGRAM ARGUMENT...; the exit code goes to the file.
const BETWEEN: &str = "#!/bin/bash
file=$1
shift
( env --default-signal=INT,QUIT \"$@\"; echo $? >\"$file\" ) &
wait
";
/// WebDriver's own keys for the names that [`Window::press`] takes.
const KEYS: [(&str, char); 16] = [
    ("Control", '\u{E009}'),
    ("Shift", '\u{E008}'),
    ("Alt", '\u{E00A}'),
    ("Meta", '\u{E03D}'),
    ("Enter", '\u{E007}'),
    ("Escape", '\u{E00C}'),
    ("Tab", '\u{E004}'),
    ("Backspace", '\u{E003}'),
    ("Delete", '\u{E017}'),
    ("Home", '\u{E011}'),
    ("End", '\u{E010}'),
    ("ArrowUp", '\u{E013}'),
    ("ArrowDown", '\u{E015}'),
    ("ArrowLeft", '\u{E012}'),
    ("ArrowRight", '\u{E014}'),
    ("Space", ' '),
];

/// What to open and how.
#[derive(Debug, Clone)]
pub struct Options {
    pub program: PathBuf,
    pub args: Vec<String>,
    pub env: Vec<(String, String)>,
    /// Of the display.
    pub width: u32,
    pub height: u32,
}

impl Options {
    /// A display of 1280x800.
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            args: Vec::new(),
            env: Vec::new(),
            width: 1280,
            height: 800,
        }
    }

    pub fn size(mut self, width: u32, height: u32) -> Self {
        (self.width, self.height) = (width, height);
        self
    }

    pub fn arg(mut self, arg: impl Into<String>) -> Self {
        self.args.push(arg.into());
        self
    }

    pub fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.env.push((name.to_owned(), value.into()));
        self
    }
}

/// An open window; dropping it kills the program, the driver and the display.
pub struct Window {
    session: Session,
    /// The program's process.
    pid: Option<u32>,
    display_name: String,
    driver: Process,
    _display: Process,
    /// Last, so that everything that uses it is gone before it.
    home: TempDir,
}

/// The selector of an element by its `data-testid`.
pub fn testid(id: &str) -> String {
    format!("[data-testid=\"{id}\"]")
}

impl Window {
    pub async fn open(options: &Options) -> Result<Self, Unavailable> {
        let missing = |program: &str| Unavailable::new(WHAT, format!("{program} is not installed"));
        let xvfb = on_path("Xvfb").ok_or_else(|| missing("Xvfb"))?;
        let driver = on_path("WebKitWebDriver").ok_or_else(|| missing("WebKitWebDriver"))?;
        if !options.program.is_file() {
            return Err(Unavailable::new(
                WHAT,
                format!("there is no {}", options.program.display()),
            ));
        }
        Self::open_with(&xvfb, &driver, options)
            .await
            .map_err(|error| Unavailable::new(WHAT, format!("{error:#}")))
    }

    async fn open_with(xvfb: &Path, driver: &Path, options: &Options) -> Result<Self> {
        let home = TempDir::with_prefix("tailrace-window-")?;
        let (display, display_name) = start_display(xvfb, home.path(), options).await?;
        let port = free_port()?;
        let mut driver = start_driver(driver, home.path(), &display_name, port, options)?;
        let between = home.path().join("between.sh");
        std::fs::write(&between, BETWEEN)?;
        std::fs::set_permissions(&between, std::fs::Permissions::from_mode(0o755))?;
        let mut args = vec![
            exit_code_file(home.path()).display().to_string(),
            options.program.display().to_string(),
        ];
        args.extend(options.args.iter().cloned());
        let session = match Session::open(port, &between, &args, START_DEADLINE).await {
            Ok(session) => session,
            Err(error) => {
                let ended = driver
                    .ended()
                    .map(|status| format!(" (the driver ended with {status})"));
                let said = driver.said();
                return Err(error.context(format!("no session{}: {said}", ended.unwrap_or_default())));
            }
        };
        let pid = processes::running(&options.program, &display_name);
        Ok(Self {
            session,
            pid,
            display_name,
            driver,
            _display: display,
            home,
        })
    }

    /// Home folder of the program, gone with the window.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// What the program printed.
    pub fn said(&self) -> String {
        self.driver.said()
    }

    pub async fn url(&self) -> Result<String> {
        self.session.url().await
    }

    /// Goes to an address: for pages that are not the program's own.
    pub async fn go(&self, url: &str) -> Result<()> {
        self.session.go(url).await
    }

    pub async fn title(&self) -> Result<String> {
        self.session.title().await
    }

    /// The first element that matches, now.
    pub async fn find(&self, css: &str) -> Result<Element> {
        self.find_all(css)
            .await?
            .into_iter()
            .next()
            .with_context(|| format!("nothing matches {css}"))
    }

    pub async fn find_all(&self, css: &str) -> Result<Vec<Element>> {
        self.session.find_all(css).await
    }

    /// How many elements match.
    pub async fn count(&self, css: &str) -> Result<usize> {
        Ok(self.find_all(css).await?.len())
    }

    /// Waits until an element matches and is displayed.
    pub async fn wait_for(&self, css: &str, deadline: Duration) -> Result<Element> {
        let shown = || async {
            let element = self.find(css).await.ok()?;
            self.session.displayed(&element).await.ok()?.then_some(element)
        };
        self.explained(eventually(&format!("{css} to be shown"), deadline, shown).await)
            .await
    }

    /// Waits until nothing matches.
    pub async fn wait_gone(&self, css: &str, deadline: Duration) -> Result<()> {
        let gone = || async { (self.count(css).await.ok()? == 0).then_some(()) };
        self.explained(eventually(&format!("{css} to be gone"), deadline, gone).await)
            .await
    }

    /// Waits until an element that matches contains the text.
    pub async fn wait_for_text(&self, css: &str, text: &str, deadline: Duration) -> Result<Element> {
        let contains = || async {
            for element in self.find_all(css).await.ok()? {
                if self.session.text(&element).await.ok()?.contains(text) {
                    return Some(element);
                }
            }
            None
        };
        self.explained(eventually(&format!("{css} to say “{text}”"), deadline, contains).await)
            .await
    }

    /// Waits until the body of a function (`return ...`) gives something true, and returns that.
    pub async fn wait_until(&self, what: &str, script: &str, deadline: Duration) -> Result<Value> {
        let truthy = || async {
            let value = self.script(script, &[]).await.ok()?;
            let empty =
                matches!(&value, Value::Null | Value::Bool(false)) || value == json!(0) || value == json!("");
            (!empty).then_some(value)
        };
        self.explained(eventually(what, deadline, truthy).await).await
    }

    /// A failed wait leaves a picture, and says where.
    async fn explained<T>(&self, result: Result<T>) -> Result<T> {
        let Err(error) = result else { return result };
        let name = crate::unique("failed");
        let picture = match self.screenshot(&name).await {
            Ok(path) => format!("see {}", path.display()),
            Err(problem) => format!("no screenshot: {problem:#}"),
        };
        let url = self.url().await.unwrap_or_else(|_| "an unknown page".to_owned());
        Err(error.context(format!("on {url}, {picture}; the program said: {}", self.said())))
    }

    /// Clicks the first element that matches.
    pub async fn click(&self, css: &str) -> Result<()> {
        let element = self.find(css).await?;
        self.click_on(&element).await.with_context(|| css.to_owned())
    }

    pub async fn click_on(&self, element: &Element) -> Result<()> {
        self.session.click(element).await
    }

    /// Waits for it, then clicks it.
    pub async fn wait_and_click(&self, css: &str, deadline: Duration) -> Result<()> {
        let element = self.wait_for(css, deadline).await?;
        self.click_on(&element).await.with_context(|| css.to_owned())
    }

    /// Types text into the first element that matches, after what it holds.
    pub async fn type_into(&self, css: &str, text: &str) -> Result<()> {
        let element = self.find(css).await?;
        self.session
            .send_keys(&element, text)
            .await
            .with_context(|| css.to_owned())
    }

    /// Empties the first element that matches, then types.
    pub async fn fill(&self, css: &str, text: &str) -> Result<()> {
        let element = self.find(css).await?;
        self.session
            .clear(&element)
            .await
            .with_context(|| css.to_owned())?;
        self.session
            .send_keys(&element, text)
            .await
            .with_context(|| css.to_owned())
    }

    /// Presses keys together, to whatever has the focus: `Control+k`, `Escape`, `Shift+Enter`.
    pub async fn press(&self, keys: &str) -> Result<()> {
        let keys: Vec<String> = keys
            .split('+')
            .map(|key| {
                let named = KEYS
                    .iter()
                    .find(|(name, _)| *name == key)
                    .map(|(_, code)| code.to_string());
                named.unwrap_or_else(|| key.to_owned())
            })
            .collect();
        self.session.press(&keys).await
    }

    /// Types to whatever has the focus.
    pub async fn type_text(&self, text: &str) -> Result<()> {
        for key in text.chars() {
            self.session.press(&[key.to_string()]).await?;
        }
        Ok(())
    }

    pub async fn text(&self, css: &str) -> Result<String> {
        let element = self.find(css).await?;
        self.session.text(&element).await
    }

    pub async fn text_of(&self, element: &Element) -> Result<String> {
        self.session.text(element).await
    }

    pub async fn attribute(&self, css: &str, name: &str) -> Result<Option<String>> {
        let element = self.find(css).await?;
        self.session.attribute(&element, name).await
    }

    /// Runs the body of a function with `arguments`, and returns what it returns.
    pub async fn script(&self, body: &str, arguments: &[Value]) -> Result<Value> {
        self.session.script(body, arguments).await
    }

    /// Resizes the window, which may not outgrow its display.
    pub async fn resize(&self, width: u32, height: u32) -> Result<()> {
        self.session.resize(width, height).await
    }

    /// Drags files from outside onto the window's middle and lets them go.
    pub async fn drop_files(&self, files: &[PathBuf]) -> Result<()> {
        let (display, files) = (self.display_name.clone(), files.to_vec());
        let dropped = tokio::task::spawn_blocking(move || dragging::drop_files(&display, &files)).await?;
        self.explained(dropped).await
    }

    /// Writes what the window shows to `target/screenshots/NAME.png`.
    pub async fn screenshot(&self, name: &str) -> Result<PathBuf> {
        let folder = root().join("target/screenshots");
        std::fs::create_dir_all(&folder)?;
        let path = folder.canonicalize()?.join(format!("{name}.png"));
        std::fs::write(&path, self.session.screenshot().await?)?;
        Ok(path)
    }

    /// Memory resident in the program and its web processes, in bytes. Pages they share are counted once
    /// (proportional set size).
    pub fn memory_bytes(&self) -> Result<u64> {
        processes::memory_bytes(self.pid.context("the program's process was not found")?)
    }

    /// As [`Self::memory_bytes`], of the program alone.
    pub fn program_memory_bytes(&self) -> Result<u64> {
        processes::pss_bytes(self.pid.context("the program's process was not found")?)
    }

    /// When the program's process was started.
    pub fn started_at(&self) -> Result<SystemTime> {
        processes::started_at(self.pid.context("the program's process was not found")?)
    }

    /// Closes the window as its close button would, and waits for the end of the program and of all that it started.
    /// Says how long that took; an error unless its exit code is 0.
    pub async fn close(self, deadline: Duration) -> Result<Duration> {
        let family = self.family()?;
        let started = Instant::now();
        display::close_windows(&self.display_name)?;
        self.ended(&family, started, deadline).await
    }

    /// As [`Self::close`], by a signal to the program: `INT`, `TERM`.
    pub async fn signal(self, name: &str, deadline: Duration) -> Result<Duration> {
        let family = self.family()?;
        let pid = family.first().context("the program's process was not found")?;
        let started = Instant::now();
        let sent = std::process::Command::new("kill")
            .args(["-s", name, &pid.to_string()])
            .status()?;
        anyhow::ensure!(sent.success(), "kill -s {name} {pid}: {sent}");
        self.ended(&family, started, deadline).await
    }

    /// The program and all that it started.
    fn family(&self) -> Result<Vec<u32>> {
        Ok(processes::family(
            self.pid.context("the program's process was not found")?,
        ))
    }

    async fn ended(&self, family: &[u32], started: Instant, deadline: Duration) -> Result<Duration> {
        let code = exit_code_file(self.home.path());
        let gone = || async {
            let gone = !family.iter().any(|pid| processes::alive(*pid));
            let code = std::fs::read_to_string(&code)
                .ok()
                .filter(|text| text.ends_with('\n'));
            code.filter(|_| gone)
        };
        let code = eventually("the program and all that it started to end", deadline, gone)
            .await
            .with_context(|| self.said())?;
        let took = started.elapsed();
        anyhow::ensure!(code.trim() == "0", "exit code {}: {}", code.trim(), self.said());
        Ok(took)
    }

    /// The display's name, for programs that look at it from outside.
    pub fn display(&self) -> &str {
        &self.display_name
    }
}

fn exit_code_file(home: &Path) -> PathBuf {
    home.join("exit-code")
}

/// Starts a display on a free number and returns that, as `:7`.
async fn start_display(xvfb: &Path, home: &Path, options: &Options) -> Result<(Process, String)> {
    let screen = format!("{}x{}x24", options.width, options.height);
    let mut display = Program::new("xvfb", home, xvfb)
        .args([
            "-displayfd",
            "1",
            "-screen",
            "0",
            &screen,
            "-nolisten",
            "tcp",
            "-noreset",
            "-dpi",
            "96",
        ])
        .start()?;
    let number = eventually("the display to start", START_DEADLINE, || {
        let number = display
            .stdout()
            .lines()
            .next()
            .map(|line| Ok(line.trim().to_owned()));
        let ended = display
            .ended()
            .map(|status| Err(anyhow::anyhow!("it ended with {status}")));
        async move { number.or(ended) }
    });
    let number = number
        .await
        .and_then(|number| number)
        .with_context(|| display.said())?;
    Ok((display, format!(":{number}")))
}

/// Starts the driver; the program inherits its environment.
fn start_driver(driver: &Path, home: &Path, display: &str, port: u16, options: &Options) -> Result<Process> {
    let mut program = Program::new("driver", home, driver)
        .args([format!("--port={port}"), "--host=127.0.0.1".to_owned()])
        .env("DISPLAY", display)
        .env("GDK_BACKEND", "x11")
        .env("TAURI_WEBVIEW_AUTOMATION", "true")
        .env("HOME", home)
        // No session bus, no accessibility bus, no keyring of the machine's own.
        .env("NO_AT_BRIDGE", "1")
        .env("DBUS_SESSION_BUS_ADDRESS", "disabled:")
        .env("LIBGL_ALWAYS_SOFTWARE", "1")
        // Of a page that is painted the driver was seen to wait for a picture in vain.
        .env("WEBKIT_DISABLE_COMPOSITING_MODE", "0")
        .env("LC_ALL", "C.UTF-8")
        .env("TZ", "UTC");
    for (name, folder) in [
        ("XDG_CONFIG_HOME", "config"),
        ("XDG_DATA_HOME", "data"),
        ("XDG_CACHE_HOME", "cache"),
        ("XDG_STATE_HOME", "state"),
    ] {
        program = program.env(name, home.join(folder));
    }
    let runtime = home.join("runtime");
    std::fs::create_dir_all(&runtime)?;
    program = program.env("XDG_RUNTIME_DIR", runtime);
    for (name, value) in &options.env {
        program = program.env(name, value);
    }
    program.start()
}
