//! `tailrace`, headless: the same command bodies as the window, a line each. Exit codes: 0 done, 1 failed, 2 misuse,
//! 3 partly done.

mod args;
mod output;
mod run;

use std::{io::Write as _, process::ExitCode};

use args::Cli;
use clap::Parser;
use output::Output;
use tailrace_model::plain_words;

/// What a command came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Done,
    Failed,
    Partly,
}

fn main() -> ExitCode {
    let code = ended();
    let _ = std::io::stdout().flush();
    leave(code)
}

/// Ends the process at once. Threads of librdkafka may still be closing connections: the handlers that C libraries run at
/// an ordinary end would take OpenSSL's tables from under them.
#[cfg(unix)]
fn leave(code: u8) -> ExitCode {
    // SAFETY: everything was written and closed; nothing of this process is looked at afterwards.
    unsafe { libc::_exit(i32::from(code)) }
}

#[cfg(not(unix))]
fn leave(code: u8) -> ExitCode {
    ExitCode::from(code)
}

/// Does what was asked for; the exit code.
fn ended() -> u8 {
    let cli = Cli::parse();
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_env("TAILRACE_LOG")
                .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("off")),
        )
        .with_writer(std::io::stderr)
        .init();
    let output = Output { json: cli.json };
    let runtime = match tailrace_app::core::runtime() {
        Ok(runtime) => runtime,
        Err(error) => {
            output.note(&format!("tailrace: can't start: {error}"));
            return 1;
        }
    };
    let ended = runtime.block_on(run::run(cli, &output));
    // Threads that wait in another system's library must not keep the process.
    runtime.shutdown_timeout(std::time::Duration::from_millis(500));
    match ended {
        Ok(Outcome::Done) => 0,
        Ok(Outcome::Failed) => 1,
        Ok(Outcome::Partly) => 3,
        Err(error) => {
            report(&output, &error);
            if is_misuse(&error) { 2 } else { 1 }
        }
    }
}

fn report(output: &Output, error: &anyhow::Error) {
    match error.downcast_ref::<tailrace_model::Error>() {
        Some(error) if output.json => {
            output.note(&serde_json::json!({ "error": error }).to_string());
        }
        // The message says where in the text the error lies.
        Some(error) => output.note(&format!("tailrace: {}", error.message)),
        None => output.note(&plain_words(format!("tailrace: {error:#}"))),
    }
}

fn is_misuse(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<tailrace_model::Error>()
        .is_some_and(|error| error.code == "misuse")
}
