//! A change of something on a cluster: shown, asked once, done as it was shown.
//!
//! Invariant: nothing is done without `--yes` or a "y" typed on a terminal.

use std::io::{BufRead as _, IsTerminal as _, Write as _};

use serde::Serialize;
use tailrace_model::{Error, Result, api::ChangeLine};

use crate::{Outcome, output::Output};

/// What a person sees of a preview.
pub struct Shown<'p> {
    pub title: &'p str,
    pub lines: &'p [ChangeLine],
    pub warnings: &'p [String],
    pub nothing: bool,
}

/// Shows what a change would do and, once agreed to, does it: `apply` says what was done.
pub async fn carry_out(
    shown: Shown<'_>,
    preview: &impl Serialize,
    apply: impl Future<Output = Result<String>>,
    yes: bool,
    output: &Output,
) -> anyhow::Result<Outcome> {
    show(&shown, output);
    if shown.nothing {
        if output.json {
            output.object(&serde_json::json!({ "done": null, "preview": preview }))?;
        }
        output.note("nothing to change");
        return Ok(Outcome::Done);
    }
    if !yes && !agreed("Do it?", output).await? {
        return Ok(Outcome::Failed);
    }
    let done = apply.await?;
    if output.json {
        output.object(&serde_json::json!({ "done": done, "preview": preview }))?;
    } else {
        output.line(&done)?;
    }
    Ok(Outcome::Done)
}

/// What will change, beside the result: a program that reads it gets it with the result.
pub fn show(shown: &Shown<'_>, output: &Output) {
    output.note(shown.title);
    for line in shown.lines {
        let value = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
        let note = line
            .note
            .as_ref()
            .map(|note| format!("  ({note})"))
            .unwrap_or_default();
        output.note(&format!(
            "  {}: {} -> {}{note}",
            line.what,
            value(&line.before),
            value(&line.after)
        ));
    }
    for warning in shown.warnings {
        output.note(&format!("  ! {warning}"));
    }
}

/// Refuses where there is nobody to ask.
pub fn require_somebody() -> Result<(), Error> {
    match std::io::stdin().is_terminal() && std::io::stderr().is_terminal() {
        true => Ok(()),
        false => Err(Error::user(
            "misuse",
            "nobody can be asked here, so nothing was changed: add --yes to do it",
        )),
    }
}

/// One question on the terminal.
pub async fn agreed(question: &str, output: &Output) -> anyhow::Result<bool> {
    require_somebody()?;
    let question = format!("{question} [y/N] ");
    // Reading waits for a person, which the async runtime must not.
    let answer = tokio::task::spawn_blocking(move || {
        let mut out = std::io::stderr().lock();
        // Nobody to tell: then nobody answers either.
        let _ = write!(out, "{question}").and_then(|()| out.flush());
        let mut answer = String::new();
        std::io::stdin().lock().read_line(&mut answer).map(|_| answer)
    })
    .await??;
    let yes = matches!(answer.trim().to_lowercase().as_str(), "y" | "yes");
    if !yes {
        output.note("nothing was changed");
    }
    Ok(yes)
}
