//! `tailrace connect`.

use tailrace_app::{App, commands as run};
use tailrace_model::api::*;

use crate::{
    Outcome,
    args::{Connect, Connector},
    output::Output,
};

pub async fn connect(app: &App, command: Connect, output: &Output) -> anyhow::Result<Outcome> {
    let (of, act) = match command {
        Connect::List { cluster } => return list(app, cluster, output).await,
        Connect::Show(of) => return show(app, of, output).await,
        Connect::Restart { of, task, failed } => match (task, failed) {
            (Some(task), _) => (of, ConnectorAct::RestartTask(task)),
            (None, true) => (of, ConnectorAct::RestartFailed),
            (None, false) => (of, ConnectorAct::Restart),
        },
        Connect::Pause(of) => (of, ConnectorAct::Pause),
        Connect::Resume(of) => (of, ConnectorAct::Resume),
        Connect::Stop(of) => (of, ConnectorAct::Stop),
    };
    let request = ConnectorActRequest {
        cluster: of.cluster,
        connect: of.connect,
        connector: of.name,
        act,
    };
    let now = run::connector_act(app, request).await?;
    if output.json {
        output.object(&now)?;
    } else {
        output.table(&HEADER, &[row(&now)])?;
    }
    Ok(Outcome::Done)
}

const HEADER: [&str; 6] = ["connect", "connector", "kind", "state", "tasks", "why"];

fn row(it: &ConnectorSummary) -> Vec<String> {
    vec![
        it.connect.clone(),
        it.name.clone(),
        it.kind.clone(),
        it.state.clone().unwrap_or_else(|| "-".to_owned()),
        tasks(it),
        it.reason.clone().unwrap_or_default(),
    ]
}

/// `2 RUNNING, 1 FAILED`.
fn tasks(it: &ConnectorSummary) -> String {
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for task in &it.tasks {
        let state = task.state.as_deref().unwrap_or("unknown");
        match counts.iter_mut().find(|(name, _)| *name == state) {
            Some((_, count)) => *count += 1,
            None => counts.push((state, 1)),
        }
    }
    match counts.is_empty() {
        true => "none".to_owned(),
        false => {
            let counts = counts.iter().map(|(state, count)| format!("{count} {state}"));
            counts.collect::<Vec<_>>().join(", ")
        }
    }
}

/// Every connector; partly when a Connect cluster did not answer.
async fn list(app: &App, cluster: String, output: &Output) -> anyhow::Result<Outcome> {
    let overview = run::connect_list(app, ClusterRequest { cluster }).await?;
    if overview.connects.is_empty() {
        output.note(&format!(
            "tailrace: cluster \"{0}\" names no Kafka Connect: add [connect.NAME] with url = \"http://HOST:8083\" to clusters/{0}.toml",
            overview.cluster
        ));
    }
    let connectors: Vec<&ConnectorSummary> = overview
        .connects
        .iter()
        .flat_map(|connect| &connect.connectors)
        .collect();
    output.list(&connectors, &HEADER, |it| row(it))?;
    let errors: Vec<_> = overview
        .connects
        .iter()
        .filter_map(|connect| connect.error.as_ref())
        .collect();
    for error in &errors {
        output.note(&format!("tailrace: {}", error.message));
    }
    Ok(match errors.len() {
        0 => Outcome::Done,
        failed if failed == overview.connects.len() => Outcome::Failed,
        _ => Outcome::Partly,
    })
}

async fn show(app: &App, of: Connector, output: &Output) -> anyhow::Result<Outcome> {
    let request = ConnectorRequest {
        cluster: of.cluster,
        connect: of.connect,
        connector: of.name,
    };
    let detail = run::connector_show(app, request).await?;
    if output.json {
        output.object(&detail)?;
        return Ok(Outcome::Done);
    }
    let it = &detail.summary;
    output.table(&HEADER, &[row(it)])?;
    if let Some(topics) = &detail.topics {
        output.line(&format!("\ntopics: {}", topics.join(", ")))?;
    }
    output.line("")?;
    let tasks: Vec<Vec<String>> = it.tasks.iter().map(task_row).collect();
    output.table(&["task", "state", "worker", "why"], &tasks)?;
    output.line("")?;
    let settings = detail.settings.iter();
    let settings: Vec<Vec<String>> = settings
        .map(|it| vec![it.name.clone(), it.value.clone()])
        .collect();
    output.table(&["setting", "value"], &settings)?;
    let traces = [("connector".to_owned(), &it.trace)];
    let traces = traces.into_iter().chain(
        it.tasks
            .iter()
            .map(|task| (format!("task {}", task.task), &task.trace)),
    );
    for (what, trace) in traces {
        if let Some(trace) = trace {
            output.line(&format!("\n{what} failed:\n{}", trace.trim_end()))?;
        }
    }
    Ok(Outcome::Done)
}

fn task_row(task: &ConnectorTask) -> Vec<String> {
    vec![
        task.task.to_string(),
        task.state.clone().unwrap_or_else(|| "-".to_owned()),
        task.worker.clone().unwrap_or_else(|| "-".to_owned()),
        task.reason.clone().unwrap_or_default(),
    ]
}
