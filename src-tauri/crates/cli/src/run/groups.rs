//! Consumer groups: lag, offsets that are moved.

use std::{path::Path, time::Duration};

use tailrace_app::{App, ChartOf, commands as run};
use tailrace_model::{Error, Span, api::*};

use super::{changes::agreed, reset::reset};
use crate::{
    Outcome,
    args::{Groups, Lag, Metric},
    output::{Output, count, duration, maybe, time},
};

/// Between two samples of `lag --watch`.
const WATCH: Duration = Duration::from_secs(2);

pub async fn groups(app: &App, args: Groups, output: &Output) -> anyhow::Result<Outcome> {
    match args {
        Groups::List { cluster } => group_table(app, cluster, output).await?,
        Groups::Show { cluster, group } => group_detail(app, cluster, group, output).await?,
        Groups::Reset(args) => return reset(app, args, output).await,
        Groups::Delete {
            cluster,
            group,
            topic,
            yes,
        } => {
            let request = GroupDelete {
                cluster,
                group,
                topic,
            };
            return delete(app, request, yes, output).await;
        }
    }
    Ok(Outcome::Done)
}

async fn group_table(app: &App, cluster: String, output: &Output) -> anyhow::Result<()> {
    let groups = run::group_list(app, ClusterRequest { cluster }).await?;
    output.list(
        &groups,
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
            vec![
                it.group.clone(),
                status(it.status).to_owned(),
                it.members.to_string(),
                it.partitions.to_string(),
                lag(it.lag, it.lag_in_offsets),
                lag_time(it.lag_ms, it.lag_ms_source),
                rate(it.in_per_second),
                rate(it.out_per_second),
                duration(it.drained_in_ms),
            ]
        },
    )
}

fn rate(rate: Option<f64>) -> String {
    rate.map_or_else(|| "-".to_owned(), |rate| count(rate.round() as u64))
}

/// Where marks of transactions are in it, it says what it counts.
fn lag(lag: Option<i64>, in_offsets: bool) -> String {
    match in_offsets {
        true => format!("{} offsets", maybe(lag)),
        false => maybe(lag),
    }
}

/// What is guessed from samples has a sign.
pub(super) fn lag_time(ms: Option<i64>, source: Option<LagTimeSource>) -> String {
    match source {
        Some(LagTimeSource::Interpolated) => format!("~{}", duration(ms)),
        _ => duration(ms),
    }
}

pub fn status(status: LagStatus) -> &'static str {
    match status {
        LagStatus::Ok => "OK",
        LagStatus::Warn => "WARN",
        LagStatus::Stall => "STALL",
        LagStatus::Stop => "STOP",
        LagStatus::Rewind => "REWIND",
        LagStatus::Unknown => "?",
    }
}

async fn group_detail(app: &App, cluster: String, group: String, output: &Output) -> anyhow::Result<()> {
    let detail = run::group_show(app, GroupRequest { cluster, group }).await?;
    if output.json {
        return output.object(&detail);
    }
    let summary = &detail.summary;
    output.line(&format!(
        "{}  {}  {}",
        summary.group,
        status(summary.status),
        summary.reason
    ))?;
    if let Some(slowest) = &summary.slowest {
        let skew = summary.skew.map_or_else(String::new, |skew| {
            format!("; the largest lag is {skew:.1} times the mean")
        });
        output.line(&format!(
            "furthest behind: {}/{} by {} records ({}), read by {}{skew}",
            slowest.topic,
            slowest.partition,
            count(slowest.lag.unsigned_abs()),
            lag_time(slowest.lag_ms, slowest.lag_ms_source),
            owner(slowest.client.as_deref(), slowest.host.as_deref()),
        ))?;
    }
    output.list(
        &detail.partitions,
        &[
            "topic",
            "partition",
            "status",
            "committed",
            "end",
            "lag",
            "lag in time",
            "lost",
            "out /s",
            "member",
        ],
        |it| {
            vec![
                it.topic.clone(),
                it.partition.to_string(),
                status(it.status).to_owned(),
                maybe(it.committed),
                maybe(it.end),
                match it.past_end {
                    Some(by) => format!("{} past the end", count(by.unsigned_abs())),
                    None => lag(it.lag, it.lag_in_offsets),
                },
                lag_time(it.lag_ms, it.lag_ms_source),
                maybe(it.lost),
                rate(it.out_per_second),
                it.member.clone().unwrap_or_else(|| "no member".to_owned()),
            ]
        },
    )?;
    if detail.members.is_empty() {
        return Ok(());
    }
    output.line("")?;
    output.list(
        &detail.members,
        &[
            "member",
            "client",
            "host",
            "partitions",
            "lag",
            "lag in time",
            "out /s",
        ],
        |it| {
            vec![
                it.id.clone(),
                it.client.clone(),
                it.host.clone(),
                it.assignment.len().to_string(),
                maybe(it.lag),
                lag_time(it.lag_ms, it.lag_ms_source),
                rate(it.out_per_second),
            ]
        },
    )
}

fn owner(client: Option<&str>, host: Option<&str>) -> String {
    match (client, host) {
        (Some(client), Some(host)) => format!("{client} on {host}"),
        (Some(one), None) | (None, Some(one)) => one.to_owned(),
        (None, None) => "nobody".to_owned(),
    }
}

pub async fn watch(app: &App, args: Lag, output: &Output) -> anyhow::Result<Outcome> {
    if let Some(path) = &args.chart {
        // With the history that there is: a file that can't be written is told now, and not after the wait.
        chart(app, &args, path).await?;
        let samples = args.seconds.div_ceil(2).max(2);
        output.note(&format!("sampling the lag for {} s", samples * 2));
        for _ in 0..samples {
            let cluster = args.cluster.clone();
            run::group_list(app, ClusterRequest { cluster }).await?;
            tokio::time::sleep(WATCH).await;
        }
        let written = chart(app, &args, path).await?;
        if output.json {
            output.object(&written)?;
        } else {
            output.line(&format!("{} ({} bytes)", written.path, count(written.bytes)))?;
        }
        return Ok(Outcome::Done);
    }
    let mut sampled_before = false;
    loop {
        if args.watch && !output.json {
            heading(&args, output)?;
        }
        let sampled = match &args.group {
            None => group_table(app, args.cluster.clone(), output).await,
            Some(group) => group_detail(app, args.cluster.clone(), group.clone(), output).await,
        };
        if !args.watch {
            return sampled.map(|()| Outcome::Done);
        }
        match sampled {
            Ok(()) => sampled_before = true,
            // A broker that goes away later is waited for.
            Err(error) if sampled_before && is_transient(&error) => {
                output.note(&format!("tailrace: {error}"))
            }
            Err(error) => return Err(error),
        }
        tokio::time::sleep(WATCH).await;
    }
}

fn is_transient(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Error>().is_some_and(|error| error.retry)
}

/// On a terminal each sample takes the place of the last; in a pipe they follow each other.
fn heading(args: &Lag, output: &Output) -> anyhow::Result<()> {
    let now = time(chrono::Utc::now().timestamp_millis());
    if output.is_terminal() {
        return output.line(&format!(
            "\u{1b}[2J\u{1b}[Hlag of {} at {now}; Ctrl C ends it\n",
            args.cluster
        ));
    }
    output.line(&format!("\n{now}"))
}

async fn chart(app: &App, args: &Lag, path: &Path) -> anyhow::Result<FileWritten> {
    let of = ChartOf {
        cluster: &args.cluster,
        group: args.group.as_deref(),
        metric: match args.metric {
            Metric::Records => LagMetric::Records,
            Metric::Time => LagMetric::Time,
            Metric::Rates => LagMetric::Rates,
        },
        range_ms: args.since.as_deref().map(span_ms).transpose()?,
        by_partition: args.by_partition,
    };
    let drawn = tailrace_app::lag_chart_file(app, of, path).await;
    drawn.map_err(|error: Error| error.into())
}
pub(super) fn span_ms(text: &str) -> Result<i64, Error> {
    let span: Result<Span, Error> = text.parse();
    span.map(Span::approximate_ms)
        .map_err(|error| Error::user("misuse", error.message))
}

async fn delete(app: &App, request: GroupDelete, yes: bool, output: &Output) -> anyhow::Result<Outcome> {
    let what = match &request.topic {
        None => format!("group {} with all that it has committed", request.group),
        Some(topic) => format!("what group {} has committed of {topic}", request.group),
    };
    if !yes && !agreed(&format!("Delete {what}?"), output).await? {
        return Ok(Outcome::Failed);
    }
    run::group_delete(app, request).await?;
    output.note(&format!("{what}: deleted"));
    Ok(Outcome::Done)
}
