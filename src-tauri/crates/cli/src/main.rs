//! `tailrace`, headless: the same command bodies as the window, a line each. Exit codes: 0 done, 1 failed, 2 misuse,
//! 3 partly done.

mod args;
mod output;
mod run;

use std::process::ExitCode;

use args::Cli;
use clap::Parser;
use output::Output;

/// What a command came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Done,
    Failed,
    Partly,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_env("TAILRACE_LOG")
                .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("off")),
        )
        .with_writer(std::io::stderr)
        .init();
    let output = Output { json: cli.json };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            output.note(&format!("tailrace: can't start: {error}"));
            return ExitCode::from(1);
        }
    };
    let ended = runtime.block_on(run::run(cli, &output));
    // Threads that wait in another system's library must not keep the process.
    runtime.shutdown_timeout(std::time::Duration::from_millis(500));
    match ended {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::Failed) => ExitCode::from(1),
        Ok(Outcome::Partly) => ExitCode::from(3),
        Err(error) => {
            report(&output, &error);
            ExitCode::from(if is_misuse(&error) { 2 } else { 1 })
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
        None => output.note(&format!("tailrace: {error:#}")),
    }
}

fn is_misuse(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<tailrace_model::Error>()
        .is_some_and(|error| error.code == "misuse")
}
