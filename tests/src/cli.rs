//! The command line as a person runs it: the built `tailrace`, its exit code and its two streams. Home and state
//! folders are of the caller's making, so that nothing of the machine's own is read or written.

use std::{ffi::OsString, path::Path, time::Duration};

use anyhow::{Context, Result};
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    Unavailable,
    process::{Process, Program},
    program,
};

pub struct Cli {
    program: std::path::PathBuf,
    home: TempDir,
    env: Vec<(OsString, OsString)>,
}

/// What one invocation left.
#[derive(Debug, Clone)]
pub struct Output {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Output {
    /// Standard output as one JSON object a line.
    pub fn json_lines(&self) -> Result<Vec<Value>> {
        self.stdout
            .lines()
            .map(|line| serde_json::from_str(line).with_context(|| format!("not JSON: {line}")))
            .collect()
    }

    /// Standard output as one JSON value.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_str(&self.stdout)
            .with_context(|| format!("not JSON: {}{}", self.stdout, self.stderr))
    }

    /// Itself, or an error that quotes both streams, unless the exit code is the wanted one.
    pub fn exits(self, code: i32) -> Result<Self> {
        anyhow::ensure!(
            self.code == code,
            "exit code {} instead of {code}\nstdout: {}\nstderr: {}",
            self.code,
            self.stdout,
            self.stderr
        );
        Ok(self)
    }
}

impl Cli {
    pub fn new() -> Result<Self, Unavailable> {
        let program = program("tailrace")?;
        let home =
            TempDir::with_prefix("tailrace-cli-").map_err(|error| Unavailable::new("tailrace", error))?;
        Ok(Self {
            program,
            home,
            env: Vec::new(),
        })
    }

    pub fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// A folder for the test's own files, gone with it.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Runs `tailrace ARGS` to its end.
    pub async fn run(&self, args: &[&str], deadline: Duration) -> Result<Output> {
        self.run_with_input(args, None, deadline).await
    }

    pub async fn run_with_input(
        &self,
        args: &[&str],
        input: Option<&Path>,
        deadline: Duration,
    ) -> Result<Output> {
        let mut running = self.start_with_input(args, input)?;
        running
            .wait(deadline)
            .await
            .with_context(|| format!("tailrace {}", args.join(" ")))
    }

    /// Starts `tailrace ARGS`, for commands that go on until they are told to stop.
    pub fn start(&self, args: &[&str]) -> Result<Running> {
        self.start_with_input(args, None)
    }

    fn start_with_input(&self, args: &[&str], input: Option<&Path>) -> Result<Running> {
        // A folder for each invocation, so that two at once do not share their output files.
        let folder = TempDir::with_prefix_in("run-", self.home.path())?;
        let mut program = Program::new("tailrace", folder.path(), &self.program)
            .args(args)
            .input(input)
            .env("HOME", self.home.path())
            .env("XDG_CONFIG_HOME", self.home.path().join("config"))
            .env("XDG_DATA_HOME", self.home.path().join("data"))
            .env("XDG_CACHE_HOME", self.home.path().join("cache"))
            .env("XDG_STATE_HOME", self.home.path().join("state"));
        program.env.extend(self.env.iter().cloned());
        Ok(Running {
            process: program.start()?,
            _folder: folder,
        })
    }
}

/// A command under way; dropping it kills it.
pub struct Running {
    process: Process,
    _folder: TempDir,
}

impl Running {
    pub async fn wait(&mut self, deadline: Duration) -> Result<Output> {
        let status = self.process.wait(deadline).await?;
        Ok(Output {
            code: status.code().unwrap_or(-1),
            stdout: self.process.stdout(),
            stderr: self.process.stderr(),
        })
    }

    /// Ctrl C, and the end that follows.
    pub async fn interrupt(&mut self, deadline: Duration) -> Result<Output> {
        self.process.signal("INT")?;
        self.wait(deadline).await
    }

    /// What it has printed so far.
    pub fn stdout(&self) -> String {
        self.process.stdout()
    }

    pub fn stderr(&self) -> String {
        self.process.stderr()
    }

    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }
}
