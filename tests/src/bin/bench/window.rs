//! The window: from the start of its process to the first records on screen, and what is resident after a minute of
//! tailing; beside WebKit's own smallest browser with an empty page.
//!
//! The first window opens on nothing at all and makes the sample workspace; it is the one that tails. The later ones find
//! that workspace. All of them start their sandbox, are taken to a topic's records, and are measured from inside the page.
//! WebDriver's own start is within the time, so that the truth is a little better.

use std::{
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result};
use integration::{
    program,
    window::{Options, Window},
};
use serde_json::json;
use tempfile::TempDir;

use crate::{
    numbers::{bytes, median, seconds, spread},
    report::{Figure, note},
};

const RECORDS: &str = "#/topics/sandbox/shop.events?from=beginning";
const STARTS: usize = 3;
const DEADLINE: Duration = Duration::from_secs(60);
const MINI_BROWSERS: [&str; 3] = [
    "/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/MiniBrowser",
    "/usr/libexec/webkit2gtk-4.1/MiniBrowser",
    "/usr/lib/webkit2gtk-4.1/MiniBrowser",
];
/// Goes to the records, and remembers when the frame with the first row of them was drawn.
const WATCH: &str = "
    const wanted = '[data-testid=\"records\"] [data-testid=\"row\"][data-key]';
    const look = () => requestAnimationFrame(() => {
        if (document.querySelector(wanted) === null) look();
        else window.benchShownMs = performance.timeOrigin + performance.now();
    });
    window.location.hash = arguments[0];
    look();
";
const NOW: &str = "return performance.timeOrigin + performance.now()";

pub async fn measure(tailing_s: u64) -> Result<Vec<Figure>> {
    let folder = TempDir::with_prefix("tailrace-bench-window-")?;
    let options = studio(folder.path())?;
    let (first_s, memory) = first(&options, tailing_s).await?;
    note(&format!(
        "  first start {}, {} after {tailing_s} s",
        seconds(first_s),
        bytes(memory)
    ));
    let mut starts = Vec::new();
    for _ in 0..STARTS {
        let window = Window::open(&options).await?;
        starts.push(first_rows(&window).await?);
        window.signal("TERM", DEADLINE).await?;
    }
    note(&format!("  later starts {}", spread(&starts, seconds)));
    let blank = blank(tailing_s).await;
    if let Err(error) = &blank {
        note(&format!("  no MiniBrowser to compare with: {error:#}"));
    }
    Ok(figures(first_s, &starts, memory, tailing_s, blank.ok()))
}

fn figures(
    first_s: f64,
    starts: &[f64],
    memory: u64,
    tailing_s: u64,
    blank: Option<(f64, u64)>,
) -> Vec<Figure> {
    let none = || "not to be had".to_owned();
    let start = median(starts);
    vec![
        Figure {
            what: "Window: start to first records on screen".to_owned(),
            over: "from the start of the process, sandbox included, at 1280x800 in Xvfb".to_owned(),
            figure: match blank {
                Some((blank_s, _)) => format!("{}, {:.1} × an empty page", seconds(start), start / blank_s),
                None => seconds(start),
            },
            tailrace: format!(
                "{}; the very first start {}",
                spread(starts, seconds),
                seconds(first_s)
            ),
            peer: blank.map_or_else(none, |(blank_s, _)| {
                format!("WebKit's MiniBrowser, about:blank: {}", seconds(blank_s))
            }),
        },
        Figure {
            what: format!("Window: resident memory after {tailing_s} s of tailing"),
            over: "proportional set size, WebKit's processes included".to_owned(),
            figure: match blank {
                Some((_, blank)) => format!(
                    "{}, {:.1} × an empty page",
                    bytes(memory),
                    memory as f64 / blank as f64
                ),
                None => bytes(memory),
            },
            tailrace: bytes(memory),
            peer: blank.map_or_else(none, |(_, blank)| {
                format!("WebKit's MiniBrowser, about:blank: {}", bytes(blank))
            }),
        },
    ]
}

/// The window with nothing of the machine's own: sample workspace and settings in `folder`.
fn studio(folder: &Path) -> Result<Options> {
    let path = |name: &str| folder.join(name).display().to_string();
    Ok(Options::new(program("tailrace-studio")?)
        .env("TAILRACE_DATA", path("data"))
        .env("TAILRACE_CONFIG_DIR", path("config"))
        // As the program itself chooses on a machine without a GPU.
        .env("WEBKIT_DISABLE_COMPOSITING_MODE", "1"))
}

/// The first start, and the memory after so many seconds of tailing.
async fn first(options: &Options, tailing_s: u64) -> Result<(f64, u64)> {
    let window = Window::open(options).await?;
    let shown_s = first_rows(&window).await?;
    tokio::time::sleep(Duration::from_secs(tailing_s)).await;
    let memory = window.memory_bytes().with_context(|| window.said())?;
    window.screenshot("bench-tailing").await?;
    window.signal("TERM", DEADLINE).await?;
    Ok((shown_s, memory))
}

/// Seconds from the start of the process until a record was on screen.
async fn first_rows(window: &Window) -> Result<f64> {
    let started_ms = unix_ms(window.started_at()?)?;
    window.script(WATCH, &[json!(RECORDS)]).await?;
    let shown = window
        .wait_until(
            "the first record on screen",
            "return window.benchShownMs",
            DEADLINE,
        )
        .await?;
    let shown_ms = shown.as_f64().context("no time")?;
    Ok((shown_ms - started_ms) / 1_000.0)
}

/// WebKit's own browser with an empty page: seconds from its start until the page answers, and its memory.
async fn blank(settled_s: u64) -> Result<(f64, u64)> {
    let browser = MINI_BROWSERS
        .iter()
        .map(PathBuf::from)
        .find(|path| path.is_file())
        .context("it is not installed")?;
    let options = Options::new(browser).arg("--automation");
    let (mut starts, mut memory) = (Vec::new(), 0);
    for round in 0..STARTS {
        let window = Window::open(&options).await?;
        window.go("about:blank").await?;
        let shown = window.script(NOW, &[]).await?;
        let shown_ms = shown.as_f64().context("no time")?;
        starts.push((shown_ms - unix_ms(window.started_at()?)?) / 1_000.0);
        if round == 0 {
            tokio::time::sleep(Duration::from_secs(settled_s)).await;
            memory = window.memory_bytes()?;
        }
    }
    note(&format!(
        "  MiniBrowser {}, {}",
        spread(&starts, seconds),
        bytes(memory)
    ));
    Ok((median(&starts), memory))
}

fn unix_ms(at: SystemTime) -> Result<f64> {
    Ok(at.duration_since(UNIX_EPOCH)?.as_secs_f64() * 1_000.0)
}
