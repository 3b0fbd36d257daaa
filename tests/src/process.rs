//! A child process that cannot outlive the test run: `guard.sh` stands between, holds one end of a pipe, and kills
//! the program's whole group when the other end closes, be that by drop, by panic or by `kill -9` of the tests.

use std::{
    ffi::OsString,
    fs::File,
    io::Write,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};

const GUARD: &str = include_str!("guard.sh");
/// How much of a log an error message quotes.
const LOG_TAIL_BYTES_MAX: usize = 2_000;

/// What to start. Output goes to `<folder>/<name>.out` and `.err`.
pub struct Program {
    pub name: &'static str,
    pub command: Vec<OsString>,
    pub env: Vec<(OsString, OsString)>,
    /// The program's own folder, removed when the test run dies. Dropping the process leaves it to its owner if the
    /// program had ended before.
    pub folder: PathBuf,
    /// A file to read as standard input.
    pub input: Option<PathBuf>,
}

impl Program {
    pub fn new(name: &'static str, folder: &Path, program: impl Into<OsString>) -> Self {
        Self {
            name,
            command: vec![program.into()],
            env: Vec::new(),
            folder: folder.to_owned(),
            input: None,
        }
    }

    pub fn args<A: Into<OsString>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.command.extend(args.into_iter().map(Into::into));
        self
    }

    pub fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    pub fn input(mut self, file: Option<&Path>) -> Self {
        self.input = file.map(Path::to_owned);
        self
    }

    pub fn start(self) -> Result<Process> {
        let stdout = self.folder.join(format!("{}.out", self.name));
        let stderr = self.folder.join(format!("{}.err", self.name));
        let mut guard = Command::new("bash")
            .args(["-c", GUARD, "guard"])
            .arg(&self.folder)
            .arg(self.input.as_deref().unwrap_or(Path::new("/dev/null")))
            .args(&self.command)
            .envs(self.env)
            .current_dir(&self.folder)
            .stdin(Stdio::piped())
            .stdout(File::create(&stdout)?)
            .stderr(File::create(&stderr)?)
            // Ctrl C at the terminal is for the tests; the guard sees their end.
            .process_group(0)
            .spawn()
            .with_context(|| format!("could not start {}", self.name))?;
        let line = guard.stdin.take();
        Ok(Process {
            name: self.name,
            guard,
            line,
            stdout,
            stderr,
            ended: None,
        })
    }

    /// Starts it and waits for its end; an error quotes its output unless the exit code is 0.
    pub async fn run(self, deadline: Duration) -> Result<()> {
        let mut process = self.start()?;
        let status = process.wait(deadline).await?;
        anyhow::ensure!(status.success(), "{} failed: {}", process.name, process.said());
        Ok(())
    }
}

pub struct Process {
    name: &'static str,
    guard: Child,
    line: Option<ChildStdin>,
    stdout: PathBuf,
    stderr: PathBuf,
    ended: Option<ExitStatus>,
}

impl Process {
    /// Sends a signal by its name: `TERM`, `INT`, `KILL`, `STOP`, `CONT`.
    pub fn signal(&mut self, name: &str) -> Result<()> {
        let line = self.line.as_mut().context("its line is closed")?;
        line.write_all(format!("{name}\n").as_bytes())
            .with_context(|| format!("{} has ended", self.name))
    }

    /// Memory of the program and of all that it started, the guard included: what is shared is counted in parts.
    pub fn memory_bytes(&self) -> Result<u64> {
        crate::window::processes::memory_bytes(self.guard.id())
    }

    /// The exit status, once it has ended. A shell's convention: 128 + signal where a signal ended it.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        if self.ended.is_none() {
            self.ended = self.guard.try_wait().ok().flatten();
        }
        self.ended
    }

    pub async fn wait(&mut self, deadline: Duration) -> Result<ExitStatus> {
        let started = Instant::now();
        loop {
            if let Some(status) = self.ended() {
                return Ok(status);
            }
            if started.elapsed() > deadline {
                anyhow::bail!(
                    "{} was still running after {:.0} s: {}",
                    self.name,
                    deadline.as_secs_f32(),
                    self.said()
                );
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Signals and waits; kills what does not obey, and says so as an error.
    pub async fn stop(&mut self, signal: &str, deadline: Duration) -> Result<ExitStatus> {
        if let Some(status) = self.ended() {
            return Ok(status);
        }
        self.signal(signal)?;
        match self.wait(deadline).await {
            Ok(status) => Ok(status),
            Err(error) => {
                self.signal("KILL")?;
                self.wait(Duration::from_secs(10)).await?;
                Err(error)
            }
        }
    }

    pub fn stdout(&self) -> String {
        read(&self.stdout)
    }

    pub fn stderr(&self) -> String {
        read(&self.stderr)
    }

    /// The end of what it printed, for an error message.
    pub fn said(&self) -> String {
        let all = format!("{}{}", self.stdout(), self.stderr());
        let mut from = all.len().saturating_sub(LOG_TAIL_BYTES_MAX);
        while !all.is_char_boundary(from) {
            from += 1;
        }
        match all[from..].trim() {
            "" => "it printed nothing".to_owned(),
            tail => tail.to_owned(),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.line.take());
        let started = Instant::now();
        while self.ended().is_none() && started.elapsed() < Duration::from_secs(10) {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Programs may print bytes that are no UTF-8.
fn read(path: &Path) -> String {
    std::fs::read(path)
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .unwrap_or_default()
}
