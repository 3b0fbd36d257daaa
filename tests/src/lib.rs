//! What the integration tests stand on: real servers, a real window and the real command line, each started by the
//! test that needs it and gone when that test, or the whole run however it ends, is gone.
//!
//! Invariants: every server listens on loopback ports of its own and keeps its files in a folder of its own; nothing
//! of the machine's (its databases, its display, its home folders) is used. A test that cannot have its server goes
//! through [`need!`], which records it in the file that `TAILRACE_SKIPPED` names, or fails where there is no such
//! file: there is no silent skip.

pub mod brokers;
pub mod cli;
pub mod connect;
pub mod http;
pub mod kafka;
pub mod listeners;
pub mod postgres;
pub mod process;
pub mod registry;
pub mod secure;
pub mod window;

use std::{
    fmt,
    fs::OpenOptions,
    io::Write,
    net::TcpListener,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

/// A server that this machine cannot give, or data that do not come with the checkout, and why.
#[derive(Debug, Clone)]
pub struct Unavailable {
    pub what: &'static str,
    pub why: String,
    optional: bool,
}

impl Unavailable {
    pub fn new(what: &'static str, why: impl fmt::Display) -> Self {
        Self {
            what,
            why: why.to_string(),
            optional: false,
        }
    }

    /// Something that a machine may be without, continuous integration too: `scripts/test.sh` goes by these words.
    pub fn optional(what: &'static str, why: impl fmt::Display) -> Self {
        Self {
            optional: true,
            ..Self::new(what, why)
        }
    }
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let could = if self.optional {
            "is not given"
        } else {
            "could not be had"
        };
        write!(f, "{} {could}: {}", self.what, self.why)
    }
}

impl std::error::Error for Unavailable {}

/// Unwraps `Result<T, Unavailable>` inside a test; where the server cannot be had the test is recorded as not run
/// and returns. The test returns `()` or a `Result<(), _>`.
#[macro_export]
macro_rules! need {
    ($server:expr) => {
        match $server {
            Ok(server) => server,
            Err(unavailable) => {
                fn here() {}
                if let Err(message) = $crate::record_skipped(std::any::type_name_of_val(&here), &unavailable)
                {
                    panic!("{message}");
                }
                return $crate::NotRun::not_run();
            }
        }
    };
}

/// What a test that did not run returns.
pub trait NotRun {
    fn not_run() -> Self;
}

impl NotRun for () {
    fn not_run() {}
}

impl<E> NotRun for Result<(), E> {
    fn not_run() -> Self {
        Ok(())
    }
}

/// Records the test in the file that `TAILRACE_SKIPPED` names. `inside` is the type name of something declared in
/// the test.
pub fn record_skipped(inside: &str, unavailable: &Unavailable) -> Result<(), String> {
    let file = std::env::var_os("TAILRACE_SKIPPED").map(PathBuf::from);
    record_skipped_in(file.as_deref(), inside, unavailable)
}

/// Adds one line for the test to the file. Without one nobody would read the line, so that is an error.
pub fn record_skipped_in(file: Option<&Path>, inside: &str, unavailable: &Unavailable) -> Result<(), String> {
    let parts = inside
        .split("::")
        .skip(1)
        .filter(|part| *part != "here" && *part != "{{closure}}");
    let test = parts.collect::<Vec<_>>().join("::");
    let line = format!("{test}: {}\n", unavailable.to_string().replace('\n', " "));
    let Some(file) = file else {
        return Err(format!(
            "{line}Set TAILRACE_SKIPPED to a file that records such tests to go on without it."
        ));
    };
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(file)
        .and_then(|mut file| file.write_all(line.as_bytes()))
        .map_err(|error| {
            format!(
                "{line}and it could not be recorded in {}: {error}",
                file.display()
            )
        })
}

/// The checkout.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A program that this workspace builds, from the folder of the running test binary's own profile.
pub fn program(name: &'static str) -> Result<PathBuf, Unavailable> {
    let here = std::env::current_exe().map_err(|error| Unavailable::new(name, error))?;
    let folder = here
        .ancestors()
        .nth(1)
        .filter(|folder| !folder.ends_with("deps"))
        .or(here.ancestors().nth(2));
    let path = folder.map(|folder| folder.join(name)).unwrap_or_default();
    if path.is_file() {
        return Ok(path);
    }
    Err(Unavailable::new(
        name,
        format!(
            "{} is not built: run cargo build --workspace --bins",
            path.display()
        ),
    ))
}

/// The first of the named programs' paths that exists on `PATH`.
pub fn on_path(name: &str) -> Option<PathBuf> {
    let paths = std::env::var_os("PATH")?;
    std::env::split_paths(&paths)
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
}

/// A loopback port that was free a moment ago.
pub fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

/// A name that nothing else in this run has: `orders` becomes `orders-7`.
pub fn unique(name: &str) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!("{name}-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Asks again and again until there is an answer; after `deadline` an error that says what was waited for.
pub async fn eventually<T, F>(what: &str, deadline: Duration, mut ask: impl FnMut() -> F) -> anyhow::Result<T>
where
    F: Future<Output = Option<T>>,
{
    let started = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return Ok(answer);
        }
        if started.elapsed() > deadline {
            anyhow::bail!("waited {:.1} s in vain for {what}", deadline.as_secs_f32());
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
}
