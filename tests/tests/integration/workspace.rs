//! A workspace in a folder of its own, and the command line pointed at it.

use std::{io::Write, path::PathBuf, time::Duration};

use anyhow::{Context, Result};
use integration::{
    Unavailable,
    cli::{Cli, Output, Running},
};
use serde_json::Value;

/// The programs under test are built without optimisation, and share two cores with each other.
pub const DEADLINE: Duration = Duration::from_secs(90);
/// What `Ctrl C` may take at most.
pub const STOP_DEADLINE: Duration = Duration::from_secs(5);

pub struct Workspace {
    cli: Cli,
    folder: PathBuf,
}

impl Workspace {
    /// A workspace with nothing in it.
    pub fn new() -> Result<Self, Unavailable> {
        let cli = Cli::new()?;
        let folder = cli.home().join("workspace");
        let workspace = Self { cli, folder };
        workspace
            .write("tailrace.toml", "name = \"test\"\n")
            .map_err(|error| Unavailable::new("a workspace", error))?;
        Ok(workspace)
    }

    /// A variable in the environment of every command.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.cli = self.cli.env(name, value);
        self
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.folder.join(path)
    }

    /// Writes a definition, or any other file in it.
    pub fn write(&self, path: &str, text: impl AsRef<[u8]>) -> Result<()> {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().context("a path in the workspace")?)?;
        std::fs::write(&path, text).with_context(|| path.display().to_string())
    }

    /// Writes `clusters/test.toml`.
    pub fn cluster(&self, bootstrap: &str) -> Result<()> {
        let text = format!("kind = \"kafka\"\n\n[properties]\n\"bootstrap.servers\" = \"{bootstrap}\"\n");
        self.write("clusters/test.toml", text)
    }

    fn args<'a>(&'a self, args: &[&'a str]) -> Result<Vec<&'a str>> {
        let folder = self.folder.to_str().context("a folder's name in UTF-8")?;
        Ok([&["--workspace", folder], args].concat())
    }

    /// Runs `tailrace ARGS` to its end, whatever that is.
    pub async fn run(&self, args: &[&str]) -> Result<Output> {
        self.cli.run(&self.args(args)?, DEADLINE).await
    }

    /// As [`Self::run`], with a text as standard input.
    pub async fn run_with_input(&self, args: &[&str], input: &str) -> Result<Output> {
        let mut file = tempfile::NamedTempFile::new()?;
        file.write_all(input.as_bytes())?;
        self.cli
            .run_with_input(&self.args(args)?, Some(file.path()), DEADLINE)
            .await
    }

    /// Runs `tailrace ARGS --json`, which has to succeed with one object.
    pub async fn json(&self, args: &[&str]) -> Result<Value> {
        self.json_with(args, 0).await
    }

    /// Runs `tailrace ARGS --json`, which has to end with `code` and one object.
    pub async fn json_with(&self, args: &[&str], code: i32) -> Result<Value> {
        let output = self.run(&[args, &["--json"]].concat()).await?;
        output
            .exits(code)
            .and_then(|output| output.json())
            .with_context(|| args.join(" "))
    }

    /// Runs `tailrace ARGS --json`, which has to succeed with one object a line.
    pub async fn lines(&self, args: &[&str]) -> Result<Vec<Value>> {
        let output = self.run(&[args, &["--json"]].concat()).await?;
        output
            .exits(0)
            .and_then(|output| output.json_lines())
            .with_context(|| args.join(" "))
    }

    /// Runs `tailrace ARGS`, which has to fail with `code` and one sentence. Returns the sentence.
    pub async fn sentence(&self, args: &[&str], code: i32) -> Result<String> {
        let output = self
            .run(args)
            .await?
            .exits(code)
            .with_context(|| args.join(" "))?;
        one_sentence(&output.stderr).with_context(|| args.join(" "))
    }

    /// Starts `tailrace ARGS`, for commands that go on until they are told to stop.
    pub fn start(&self, args: &[&str]) -> Result<Running> {
        self.cli.start(&self.args(args)?)
    }

    /// Collects all there is; the source's counts.
    pub async fn ingest(&self) -> Result<Value> {
        let mut sources = self.lines(&["ingest", "--until-caught-up"]).await?;
        anyhow::ensure!(sources.len() == 1, "one source: {sources:?}");
        Ok(sources.remove(0))
    }

    /// The rows of a query, each a list of its values.
    pub async fn sql(&self, sql: &str) -> Result<Vec<Vec<Value>>> {
        let rows = self.lines(&["sql", sql]).await?;
        rows.into_iter()
            .map(|row| match row {
                Value::Object(fields) => Ok(fields.into_iter().map(|(_, value)| value).collect()),
                other => anyhow::bail!("not an object: {other}"),
            })
            .collect()
    }

    /// Evaluates an audience and lists the names of its members, sorted.
    pub async fn members(&self, audience: &str) -> Result<Vec<String>> {
        let run = self.json(&["audience", "run", audience]).await?;
        let members = self
            .lines(&["audience", "members", audience, "--limit", "1000000"])
            .await?;
        let mut names: Vec<String> = members.iter().map(|member| text(&member["name"])).collect();
        anyhow::ensure!(run["members"] == names.len(), "{run} and {} members", names.len());
        names.sort();
        Ok(names)
    }
}

/// Checks what a person is told: one line, from this program, in words.
pub fn one_sentence(stderr: &str) -> Result<String> {
    let lines: Vec<&str> = stderr.lines().collect();
    let [line] = lines.as_slice() else {
        anyhow::bail!("not one line but {}: {stderr}", lines.len())
    };
    let sentence = line
        .strip_prefix("tailrace: ")
        .with_context(|| format!("not from tailrace: {line}"))?;
    for sign in ["Some(", "Err(", "{ ", "panicked", "::"] {
        anyhow::ensure!(!sentence.contains(sign), "{sign} in: {sentence}");
    }
    Ok(sentence.to_owned())
}

/// A JSON text as text; of other values their JSON.
pub fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
