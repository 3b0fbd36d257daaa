//! Workspaces, SQL, secrets, ingest.

use std::{
    collections::BTreeMap,
    io::{IsTerminal, Read},
    path::{Path, PathBuf},
    time::Duration,
};

use tailrace_app::{App, Checked, OpenOptions, commands as run, secrets, workspace};
use tailrace_model::{Error, api::*};

use crate::{
    Outcome,
    args::Secret,
    output::{Output, count},
};

pub fn init(dir: &Path, output: &Output) -> anyhow::Result<Outcome> {
    workspace::init(dir)?;
    output.line(&format!(
        "{} is a workspace: see the examples in it, and rename those that you want",
        dir.display()
    ))?;
    Ok(Outcome::Done)
}

pub async fn check(folder: &Path, output: &Output) -> anyhow::Result<Outcome> {
    let Checked { problems, warnings } = tailrace_app::check(folder).await?;
    if output.json {
        for problem in &problems {
            output.object(problem)?;
        }
        for warning in &warnings {
            output.object(&Warning {
                level: "warning",
                warning,
            })?;
        }
    } else {
        for problem in &problems {
            output.line(&problem.message)?;
        }
        for warning in &warnings {
            output.line(&format!("warning: {}", warning.message))?;
        }
        match problems.len() {
            0 if warnings.is_empty() => output.line("every definition holds")?,
            0 => output.note(&format!(
                "every definition holds; {}",
                number(warnings.len(), "warning")
            )),
            many if warnings.is_empty() => output.note(&number(many, "problem")),
            many => output.note(&format!(
                "{}, {}",
                number(many, "problem"),
                number(warnings.len(), "warning")
            )),
        }
    }
    Ok(if problems.is_empty() {
        Outcome::Done
    } else {
        Outcome::Failed
    })
}

/// What does not hold on this machine alone.
#[derive(serde::Serialize)]
struct Warning<'a> {
    level: &'static str,
    #[serde(flatten)]
    warning: &'a Error,
}

fn number(number: usize, of: &str) -> String {
    match number {
        1 => format!("1 {of}"),
        many => format!("{many} {of}s"),
    }
}

pub fn secret(args: Secret, output: &Output) -> anyhow::Result<Outcome> {
    let store = secrets::SecretStore::open(&workspace::ConfigDir::from_env()?);
    match args {
        Secret::Set { name } => {
            if std::io::stdin().is_terminal() {
                output.note(
                    "Type the value and end it with Ctrl D; it is shown as you type, so better pipe it in.",
                );
            }
            let mut value = String::new();
            std::io::stdin().read_to_string(&mut value)?;
            let value = value.trim_end_matches(['\n', '\r']).to_owned();
            store.set(&name, &secrets::Secret::new(value))?;
            output.note(&format!("secret:{name} is set"));
        }
        Secret::List => {
            for entry in store.list()? {
                if output.json {
                    output.line(&serde_json::json!({ "name": entry.name }).to_string())?;
                } else {
                    output.line(&entry.name)?;
                }
            }
        }
        Secret::Delete { name } => {
            if !store.delete(&name)? {
                return Err(Error::user("unknown_secret", format!("there is no secret \"{name}\"")).into());
            }
        }
    }
    Ok(Outcome::Done)
}

pub async fn ingest(folder: PathBuf, until_caught_up: bool, output: &Output) -> anyhow::Result<Outcome> {
    let options = OpenOptions {
        state: true,
        sources: true,
        live: false,
        masked: false,
        holder: "tailrace ingest",
    };
    let app = App::open(folder, options).await?;
    let work = async {
        some_source(&app, output).await?;
        let mut ticks = 0_u32;
        let mut said = BTreeMap::new();
        loop {
            let sources = run::source_list(&app, Nothing {}).await?;
            if let Some(error) = failed_for_good(&sources) {
                return Err(anyhow::Error::from(error));
            }
            say_new(&sources, &mut said, output);
            if until_caught_up && tailrace_app::is_caught_up(&app).await? {
                return Ok(());
            }
            ticks += 1;
            if output.is_terminal() && !output.json && ticks.is_multiple_of(10) {
                let events: u64 = sources.iter().map(|it| it.events).sum();
                let behind: i64 = sources.iter().filter_map(|it| it.behind).sum();
                output.note(&format!("{} events, {} records behind", count(events), behind));
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let ended = tokio::select! {
        ended = work => ended.map(|()| Outcome::Done),
        // Whoever waits for the end has not got it.
        () = tailrace_app::stop_signal() => Ok(if until_caught_up { Outcome::Partly } else { Outcome::Done }),
    };
    let sources = run::source_list(&app, Nothing {}).await;
    app.close().await;
    let outcome = ended?;
    output.list(
        &sources?,
        &[
            "source",
            "events",
            "duplicates",
            "malformed",
            "blocked",
            "left out",
            "lost",
        ],
        |it| {
            vec![
                it.name.clone(),
                count(it.events),
                count(it.duplicates),
                count(it.malformed),
                count(it.blocked),
                count(it.left_out),
                count(it.lost),
            ]
        },
    )?;
    Ok(outcome)
}

/// Fails when there is nothing to collect from; says which definitions of sources do not hold.
async fn some_source(app: &App, output: &Output) -> anyhow::Result<()> {
    let sources = run::source_list(app, Nothing {}).await?;
    let problems = run::workspace_show(app, Nothing {}).await?.problems;
    let of_sources = |error: &&Error| {
        error
            .position
            .as_ref()
            .and_then(|at| at.file.as_deref())
            .is_some_and(|file| file.starts_with("sources/"))
    };
    let mut problems = problems.iter().filter(of_sources).peekable();
    let read = |it: &SourceSummary| it.definition.enabled && it.definition.kind.is_kafka();
    if sources.iter().any(read) {
        problems.for_each(|error| output.note(&format!("tailrace: {error}")));
        return Ok(());
    }
    let error = problems.next().cloned().unwrap_or_else(|| {
        Error::user(
            "no_source",
            "there is nothing to collect from: add sources/NAME.toml with a cluster and a topic, or set enabled = true in one; what is posted is taken by `tailrace serve`",
        )
    });
    Err(error.into())
}

/// Says what a source waits for, once for each reason.
fn say_new(sources: &[SourceSummary], said: &mut BTreeMap<String, String>, output: &Output) {
    for source in sources {
        match &source.error {
            Some(error) if said.get(&source.name) != Some(&error.message) => {
                output.note(&format!("tailrace: source \"{}\": {error}", source.name));
                said.insert(source.name.clone(), error.message.clone());
            }
            None => drop(said.remove(&source.name)),
            Some(_) => {}
        }
    }
}

/// An error that waiting does not mend.
fn failed_for_good(sources: &[SourceSummary]) -> Option<Error> {
    let failed = sources
        .iter()
        .filter_map(|source| source.error.as_ref().map(|error| (source, error)));
    failed
        .filter(|(_, error)| !error.retry)
        .map(|(source, error)| error.clone().context(format!("source \"{}\"", source.name)))
        .next()
}

pub async fn serve(folder: PathBuf, listen: &str, output: &Output) -> anyhow::Result<Outcome> {
    let options = OpenOptions {
        holder: "tailrace serve",
        ..OpenOptions::live()
    };
    let app = App::open(folder, options).await?;
    let serving = match app.opened().await {
        Ok(open) => tailrace_app::serve::start(&open, listen).await,
        Err(error) => Err(error),
    };
    let serving = match serving {
        Ok(serving) => serving,
        Err(error) => {
            app.close().await;
            return Err(error.into());
        }
    };
    output.note(&format!(
        "everything is kept live, metrics at http://{}/metrics; Ctrl C ends it",
        serving.address
    ));
    for error in &serving.problems {
        output.note(&format!("tailrace: {error}"));
    }
    if !serving.tracking.is_empty() {
        output.note(&format!(
            "the tracking API listens for {} at http://{}/v1/batch",
            serving.tracking.join(", "),
            serving.address
        ));
    }
    if serving.is_open() {
        output.note(
            "anybody in the network may ask this address, and nothing is encrypted: put a proxy with TLS before it",
        );
    }
    let notices = app.follow_notices(|notice| output.note(&format!("{}: {}", notice.title, notice.text)));
    tokio::select! {
        () = tailrace_app::stop_signal() => {}
        () = notices => {}
    }
    app.close().await;
    Ok(Outcome::Done)
}
