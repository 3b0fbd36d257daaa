//! Clusters, topics, groups, lag.

use std::{path::Path, time::Duration};

use tailrace_app::{App, commands as run};
use tailrace_model::{Error, api::*};

use crate::{
    Outcome,
    args::{Cluster, Groups, Import as ImportArgs, Lag, Metric},
    output::{Output, count, duration, maybe},
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

pub async fn topics(
    app: &App,
    cluster: String,
    topic: Option<String>,
    output: &Output,
) -> anyhow::Result<Outcome> {
    match topic {
        None => {
            let topics = run::topic_list(app, ClusterRequest { cluster }).await?;
            output.list(
                &topics,
                &["topic", "partitions", "replication", "records"],
                |it| {
                    vec![
                        it.name.clone(),
                        it.partitions.to_string(),
                        it.replication.to_string(),
                        maybe(it.records),
                    ]
                },
            )?;
        }
        Some(topic) => {
            let detail = run::topic_show(app, TopicRequest { cluster, topic }).await?;
            output.list(
                &detail.partitions,
                &["partition", "leader", "replicas", "in sync", "start", "end"],
                |it| {
                    let list = |ids: &[i32]| ids.iter().map(i32::to_string).collect::<Vec<_>>().join(",");
                    vec![
                        it.partition.to_string(),
                        it.leader.to_string(),
                        list(&it.replicas),
                        list(&it.in_sync),
                        maybe(it.start),
                        maybe(it.end),
                    ]
                },
            )?;
        }
    }
    Ok(Outcome::Done)
}

pub async fn groups(app: &App, args: Groups, output: &Output) -> anyhow::Result<Outcome> {
    match args {
        Groups::List { cluster } => group_table(app, cluster, output).await?,
        Groups::Show { cluster, group } => group_detail(app, cluster, group, output).await?,
    }
    Ok(Outcome::Done)
}

async fn group_table(app: &App, cluster: String, output: &Output) -> anyhow::Result<()> {
    let groups = run::group_list(app, ClusterRequest { cluster }).await?;
    print_groups(&groups, output)
}

fn print_groups(groups: &[GroupSummary], output: &Output) -> anyhow::Result<()> {
    output.list(
        groups,
        &[
            "group",
            "status",
            "members",
            "partitions",
            "lag",
            "lag in time",
            "in /s",
            "out /s",
            "drained in",
        ],
        |it| {
            let rate =
                |rate: Option<f64>| rate.map_or_else(|| "-".to_owned(), |rate| count(rate.round() as u64));
            vec![
                it.group.clone(),
                status(it.status).to_owned(),
                it.members.to_string(),
                it.partitions.to_string(),
                maybe(it.lag),
                duration(it.lag_ms),
                rate(it.in_per_second),
                rate(it.out_per_second),
                duration(it.drained_in_ms),
            ]
        },
    )
}

pub fn status(status: LagStatus) -> &'static str {
    match status {
        LagStatus::Ok => "OK",
        LagStatus::Warn => "WARN",
        LagStatus::Stall => "STALL",
        LagStatus::Stop => "STOP",
        LagStatus::Unknown => "?",
    }
}

async fn group_detail(app: &App, cluster: String, group: String, output: &Output) -> anyhow::Result<()> {
    let detail = run::group_show(app, GroupRequest { cluster, group }).await?;
    if output.json {
        return output.object(&detail);
    }
    output.line(&format!(
        "{}  {}  {}",
        detail.summary.group,
        status(detail.summary.status),
        detail.summary.reason
    ))?;
    output.list(
        &detail.partitions,
        &[
            "topic",
            "partition",
            "committed",
            "end",
            "lag",
            "lag in time",
            "lost",
            "member",
        ],
        |it| {
            vec![
                it.topic.clone(),
                it.partition.to_string(),
                maybe(it.committed),
                maybe(it.end),
                maybe(it.lag),
                duration(it.lag_ms),
                maybe(Some(it.lost)),
                it.member.clone().unwrap_or_else(|| "no member".to_owned()),
            ]
        },
    )
}

pub async fn lag(app: &App, args: Lag, output: &Output) -> anyhow::Result<Outcome> {
    let every = Duration::from_secs(2);
    if let Some(path) = &args.chart {
        // With the history that there is: a file that can't be written is told now, and not after the wait.
        chart(app, &args, path).await?;
        let samples = args.seconds.div_ceil(2).max(2);
        output.note(&format!("sampling the lag for {} s", samples * 2));
        for _ in 0..samples {
            run::group_list(
                app,
                ClusterRequest {
                    cluster: args.cluster.clone(),
                },
            )
            .await?;
            tokio::time::sleep(every).await;
        }
        let written = chart(app, &args, path).await?;
        if output.json {
            output.object(&written)?;
        } else {
            output.line(&format!("{} ({} bytes)", written.path, count(written.bytes)))?;
        }
        return Ok(Outcome::Done);
    }
    loop {
        match &args.group {
            None => group_table(app, args.cluster.clone(), output).await?,
            Some(group) => group_detail(app, args.cluster.clone(), group.clone(), output).await?,
        }
        if !args.watch {
            return Ok(Outcome::Done);
        }
        tokio::time::sleep(every).await;
        if !output.json {
            output.line("")?;
        }
    }
}

async fn chart(app: &App, args: &Lag, path: &Path) -> anyhow::Result<FileWritten> {
    let metric = match args.metric {
        Metric::Records => LagMetric::Records,
        Metric::Time => LagMetric::Time,
    };
    let drawn = tailrace_app::lag_chart_file(app, &args.cluster, args.group.as_deref(), metric, path).await;
    drawn.map_err(|error: Error| error.into())
}
