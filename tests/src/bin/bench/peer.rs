//! DuckDB in a process of its own, asked line by line, so that both sides can take turns.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, Result};
use integration::root;
use serde::{Deserialize, de::DeserializeOwned};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
};

/// Loading five million events takes it half a minute.
const ANSWER_DEADLINE: Duration = Duration::from_secs(600);

/// What it says when the rows are in its tables.
#[derive(Debug, Deserialize)]
pub struct Loaded {
    pub version: String,
    pub rows: u64,
    pub seconds: f64,
}

/// What it says after each run of the query.
#[derive(Debug, Deserialize)]
pub struct Ran {
    pub seconds: f64,
    pub members: u64,
    pub ids: i64,
}

/// The process; dropping it ends it.
pub struct Duck {
    _process: Child,
    questions: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Duck {
    /// Has it load the rows of `folder`.
    pub async fn start(folder: &Path, threads: usize) -> Result<(Self, Loaded)> {
        let mut process = Command::new(python()?)
            .arg(root().join("tests/bench/duck.py"))
            .arg(folder)
            .arg(threads.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("Python could not be started")?;
        let questions = process.stdin.take().context("no standard input")?;
        let answers = process.stdout.take().context("no standard output")?;
        let answers = BufReader::new(answers).lines();
        let mut duck = Self {
            _process: process,
            questions,
            answers,
        };
        let loaded = duck.answer().await?;
        Ok((duck, loaded))
    }

    /// Runs the query once.
    pub async fn run(&mut self) -> Result<Ran> {
        self.questions.write_all(b"\n").await?;
        self.questions.flush().await?;
        self.answer().await
    }

    async fn answer<T: DeserializeOwned>(&mut self) -> Result<T> {
        let line = tokio::time::timeout(ANSWER_DEADLINE, self.answers.next_line())
            .await
            .context("DuckDB did not answer")??;
        let line = line.context("DuckDB ended; what it printed above says why")?;
        serde_json::from_str(&line).with_context(|| format!("not an answer: {line}"))
    }
}

/// The Python that has DuckDB: `scripts/venv.sh` makes it and prints where it is.
fn python() -> Result<PathBuf> {
    let named = std::env::var_os("TAILRACE_PYTHON").map(PathBuf::from);
    let python = named.unwrap_or_else(|| root().join("target/venv/bin/python"));
    anyhow::ensure!(
        python.is_file(),
        "there is no {}: run scripts/venv.sh, and set TAILRACE_PYTHON to what it prints",
        python.display()
    );
    Ok(python)
}
