//! The commands, by area.

mod alerts;
mod changes;
mod clusters;
mod columns;
mod connect;
mod deliver;
mod demo;
mod export;
mod groups;
mod identity;
mod people;
mod produce;
mod progress;
mod quality;
mod reset;
mod schemas;
mod sql;
mod tail;
mod topic_changes;
mod topics;
mod work;

use std::path::{Path, PathBuf};

use tailrace_app::{App, OpenOptions};
use tailrace_model::Error;

use crate::{
    Outcome,
    args::{Cli, Command, Plan, Source},
    output::Output,
};

pub async fn run(cli: Cli, output: &Output) -> anyhow::Result<Outcome> {
    let workspace = cli.workspace;
    let folder = || find_workspace(workspace.as_deref());
    match cli.command {
        Command::Demo(args) => demo::demo(workspace, &args, output).await,
        Command::Init { dir } => work::init(&dir, output),
        Command::Check => work::check(&folder()?, output).await,
        Command::Secret(secret) => work::secret(secret, output),
        Command::Ingest { until_caught_up } => work::ingest(folder()?, until_caught_up, output).await,
        Command::Serve { listen } => work::serve(folder()?, &listen, output).await,
        Command::Alerts(it) => {
            with(folder()?, OpenOptions::look(), async |app| {
                alerts::alerts(app, it, output).await
            })
            .await
        }
        Command::Source(it) => {
            let options = match it {
                Source::List => OpenOptions::command(),
                Source::Preview(_) => OpenOptions::look().masked(cli.masked),
            };
            with(folder()?, options, async |app| {
                quality::source(app, it, output).await
            })
            .await
        }
        Command::Replay(it) => {
            with(folder()?, OpenOptions::command(), async |app| {
                quality::replay(app, it, output).await
            })
            .await
        }
        Command::Quarantine(it) => {
            let options = OpenOptions::command().masked(cli.masked);
            with(folder()?, options, async |app| {
                quality::quarantine(app, it, output).await
            })
            .await
        }
        Command::Plan(it) => {
            // Versions that were used, and what was observed, are in the state.
            let state = match &it {
                Plan::List => false,
                Plan::Diff { from, to } => from.contains('@') || to.contains('@'),
                _ => true,
            };
            let options = match state {
                true => OpenOptions::command(),
                false => OpenOptions::look(),
            };
            with(folder()?, options, async |app| {
                quality::plan(app, it, output).await
            })
            .await
        }
        Command::Schemas(it) => {
            with(folder()?, OpenOptions::look(), async |app| {
                schemas::schemas(app, it, output).await
            })
            .await
        }
        Command::Cluster(it) => {
            with(folder()?, OpenOptions::look(), async |app| {
                clusters::cluster(app, it, output).await
            })
            .await
        }
        Command::Import(it) => {
            with(folder()?, OpenOptions::look(), async |app| {
                clusters::import(app, it, output).await
            })
            .await
        }
        Command::Topics(it) => {
            with(folder()?, OpenOptions::look(), async |app| {
                topics::topics(app, it, output).await
            })
            .await
        }
        Command::Brokers { cluster, broker } => {
            with(folder()?, OpenOptions::look(), async |app| {
                topics::brokers(app, cluster, broker, output).await
            })
            .await
        }
        Command::Acls(it) => {
            with(folder()?, OpenOptions::look(), async |app| {
                topics::acls(app, it, output).await
            })
            .await
        }
        Command::Quotas { cluster } => {
            with(folder()?, OpenOptions::look(), async |app| {
                topics::quotas(app, cluster, output).await
            })
            .await
        }
        Command::Tail(it) => {
            // It ends itself: with what it has, and a word on what it scanned.
            opened(folder()?, OpenOptions::look().masked(cli.masked), async |app| {
                tail::tail(app, *it, output).await
            })
            .await
        }
        // They end themselves: with what they did, exactly.
        Command::Produce(it) => {
            opened(folder()?, OpenOptions::look(), async |app| {
                produce::produce(app, it, output).await
            })
            .await
        }
        Command::Copy(it) => {
            opened(folder()?, OpenOptions::look(), async |app| {
                produce::copy(app, it, output).await
            })
            .await
        }
        Command::Connect(it) => {
            with(folder()?, OpenOptions::look(), async |app| {
                connect::connect(app, it, output).await
            })
            .await
        }
        Command::Groups(it) => {
            with(folder()?, OpenOptions::look(), async |app| {
                groups::groups(app, it, output).await
            })
            .await
        }
        Command::Lag(it) => {
            let options = if it.chart.is_some() {
                OpenOptions::command()
            } else {
                OpenOptions::look()
            };
            with(folder()?, options, async |app| {
                groups::watch(app, it, output).await
            })
            .await
        }
        Command::Sql(it) => {
            with(
                folder()?,
                OpenOptions::command().masked(cli.masked),
                async |app| sql::sql(app, it, output).await,
            )
            .await
        }
        Command::Profile(it) => {
            with(
                folder()?,
                OpenOptions::command().masked(cli.masked),
                async |app| people::profile(app, it, output).await,
            )
            .await
        }
        Command::Trait(it) => {
            with(
                folder()?,
                OpenOptions::command().masked(cli.masked),
                async |app| people::traits(app, it, output).await,
            )
            .await
        }
        Command::Audience(it) => {
            with(
                folder()?,
                OpenOptions::command().masked(cli.masked),
                async |app| people::audience(app, it, output).await,
            )
            .await
        }
        Command::Sync(it) => {
            with(folder()?, OpenOptions::command(), async |app| {
                deliver::sync(app, it, output).await
            })
            .await
        }
        Command::Destination(it) => {
            with(folder()?, OpenOptions::command(), async |app| {
                deliver::destination(app, it, output).await
            })
            .await
        }
    }
}

/// Opens the workspace, runs, and closes it whatever came of it; `Ctrl C` ends it in the same way.
async fn with(
    folder: PathBuf,
    options: OpenOptions,
    body: impl AsyncFnOnce(&App) -> anyhow::Result<Outcome>,
) -> anyhow::Result<Outcome> {
    let stoppable = async |app: &App| {
        tokio::select! {
            ended = body(app) => ended,
            () = tailrace_app::stop_signal() => Ok(Outcome::Partly),
        }
    };
    opened(folder, options, stoppable).await
}

/// Opens the workspace, runs, and closes it whatever came of it.
async fn opened(
    folder: PathBuf,
    options: OpenOptions,
    body: impl AsyncFnOnce(&App) -> anyhow::Result<Outcome>,
) -> anyhow::Result<Outcome> {
    let app = App::open(folder, options).await?;
    let ended = body(&app).await;
    app.close().await;
    ended
}

/// Refuses to write over a file that holds something, unless that is asked for.
fn not_over(path: &Path, force: bool) -> Result<(), Error> {
    let holds = std::fs::metadata(path).is_ok_and(|found| found.is_file() && found.len() > 0);
    match holds && !force {
        false => Ok(()),
        true => Err(Error::user(
            "file_exists",
            format!(
                "{} is there already and stays as it is: name another file, or add --force to write over it",
                path.display()
            ),
        )),
    }
}

/// The folder named, or this one, or the nearest one above that is a workspace.
fn find_workspace(named: Option<&Path>) -> anyhow::Result<PathBuf> {
    if let Some(named) = named {
        return Ok(named.to_owned());
    }
    let here = std::env::current_dir()?;
    let found = here
        .ancestors()
        .find(|folder| folder.join("tailrace.toml").exists());
    found.map(Path::to_owned).ok_or_else(|| {
        let message = format!(
            "{} is not in a workspace (no tailrace.toml here or above): name one with --workspace DIR, or make one with `tailrace init DIR`",
            here.display()
        );
        Error::user("no_workspace", message).into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_holds_something_is_not_written_over_unasked() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.csv");
        assert!(not_over(&path, false).is_ok(), "it is not there");
        std::fs::write(&path, "").unwrap();
        assert!(not_over(&path, false).is_ok(), "nothing is lost");
        std::fs::write(&path, "a,b\n").unwrap();
        let refused = not_over(&path, false).unwrap_err();
        assert_eq!(refused.code, "file_exists");
        assert!(refused.message.contains("--force"), "{}", refused.message);
        assert!(not_over(&path, true).is_ok());
        assert!(
            not_over(folder.path(), false).is_ok(),
            "what is no file is refused where it is opened"
        );
    }
}
