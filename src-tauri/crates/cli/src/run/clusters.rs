//! Clusters.

use tailrace_app::{App, commands as run};
use tailrace_model::api::*;

use crate::{
    Outcome,
    args::{Cluster, Import as ImportArgs},
    output::Output,
};

pub async fn cluster(app: &App, args: Cluster, output: &Output) -> anyhow::Result<Outcome> {
    match args {
        Cluster::List => {
            let clusters = run::cluster_list(app, Nothing {}).await?;
            output.list(&clusters, &["cluster", "kind", "bootstrap", "access"], |it| {
                let kind = serde_json::to_string(&it.kind)
                    .unwrap_or_default()
                    .replace('"', "");
                let access = if it.read_only {
                    "read only"
                } else {
                    "read and write"
                };
                let bootstrap = it
                    .bootstrap
                    .clone()
                    .unwrap_or_else(|| "in this process".to_owned());
                vec![it.name.clone(), kind, bootstrap, access.to_owned()]
            })?;
            Ok(Outcome::Done)
        }
        Cluster::Test { name } => {
            let test = run::cluster_test(app, ClusterRequest { cluster: name }).await?;
            if output.json {
                output.object(&test)?;
            } else {
                for step in &test.steps {
                    let mark = if step.ok { "ok    " } else { "FAILED" };
                    output.line(&format!(
                        "{mark}  {:<14} {:>6} ms  {}",
                        step.step, step.took_ms, step.detail
                    ))?;
                }
            }
            Ok(if test.ok { Outcome::Done } else { Outcome::Failed })
        }
    }
}

/// Says line by line what became of the file. What is left to be done by hand is partly done.
pub async fn import(app: &App, args: ImportArgs, output: &Output) -> anyhow::Result<Outcome> {
    let request = ImportRequest {
        path: args.file.display().to_string(),
        name: args.name,
        bootstrap: args.bootstrap_servers,
    };
    let done = match args.dry_run {
        true => run::import_preview(app, request).await?,
        false => run::import_run(app, request).await?,
    };
    let to_do = done.lines.iter().any(|line| line.outcome == ImportOutcome::ToDo);
    let outcome = match (&done.problem, to_do) {
        (Some(_), _) => Outcome::Failed,
        (None, true) => Outcome::Partly,
        (None, false) => Outcome::Done,
    };
    if output.json {
        output.object(&done)?;
        return Ok(outcome);
    }
    for line in &done.lines {
        let what = match line.outcome {
            ImportOutcome::Kept => "kept     ",
            ImportOutcome::Converted => "converted",
            ImportOutcome::Secret => "secret   ",
            ImportOutcome::LeftOut => "left out ",
            ImportOutcome::ToDo => "TO DO    ",
        };
        output.line(&format!(
            "{:>4}  {what}  {}: {}",
            line.line, line.key, line.detail
        ))?;
    }
    for command in &done.commands {
        output.line(&format!("run   {command}"))?;
    }
    for name in &done.missing_secrets {
        output.line(&format!("run   tailrace secret set {name}"))?;
    }
    match (&done.problem, done.written) {
        (Some(problem), _) => output.note(problem),
        (None, true) => output.note(&format!(
            "{} is written; try it with `tailrace cluster test {}`",
            done.file, done.name
        )),
        (None, false) => output.note(&format!("{} would be:\n\n{}", done.file, done.toml)),
    }
    Ok(outcome)
}
