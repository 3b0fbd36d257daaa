//! Topics, brokers, access rules and quotas, looked at.

use std::time::{Duration, Instant};

use tailrace_app::{App, commands as run};
use tailrace_model::api::*;

use super::topic_changes;
use crate::{
    Outcome,
    args::{Acls, TopicVerb, Topics},
    output::{Output, bytes, count, duration, maybe, rate},
};

/// How long the terminal waits for sizes and settings, which the window shows when they come.
const WHOLE_MAX: Duration = Duration::from_secs(10);
const LOOK_AGAIN: Duration = Duration::from_millis(100);

pub async fn topics(app: &App, args: Topics, output: &Output) -> anyhow::Result<Outcome> {
    if let Some(verb) = args.verb {
        return match verb {
            TopicVerb::Compare {
                cluster,
                topic,
                with,
                all,
            } => compare(app, TopicRef { cluster, topic }, &with, all, output).await,
            verb => topic_changes::change(app, verb, output).await,
        };
    }
    let cluster = args.cluster.unwrap_or_default();
    match args.topic {
        None => list(app, cluster, args.internal, output).await,
        Some(topic) if args.config => {
            let config = run::topic_config(app, TopicRequest { cluster, topic }).await?;
            configs(&config, output)
        }
        Some(topic) => show(app, TopicRequest { cluster, topic }, output).await,
    }
}

async fn list(app: &App, cluster: String, internal: bool, output: &Output) -> anyhow::Result<Outcome> {
    let started = Instant::now();
    let request = ClusterRequest { cluster };
    let mut list = run::topic_list(app, request.clone()).await?;
    while list.refreshing && started.elapsed() < WHOLE_MAX {
        tokio::time::sleep(LOOK_AGAIN).await;
        list = run::topic_list(app, request.clone()).await?;
    }
    // A program that reads JSON gets all, as before; `internal` tells it which.
    list.topics
        .retain(|topic| internal || output.json || !topic.internal);
    let header = [
        "topic",
        "partitions",
        "replication",
        "records",
        "size",
        "on disk",
        "cleanup",
        "retention",
        "not in sync",
    ];
    output.list(&list.topics, &header, |it| {
        vec![
            it.name.clone(),
            it.partitions.to_string(),
            it.replication.to_string(),
            maybe(it.records),
            bytes(it.bytes),
            bytes(it.bytes_on_disk),
            it.cleanup_policy.clone().unwrap_or_else(|| "-".to_owned()),
            retention(it.retention_ms),
            (it.under_replicated + it.leaderless).to_string(),
        ]
    })?;
    tell(&list.missing, output);
    Ok(Outcome::Done)
}

/// What is missing is said beside the result.
fn tell(missing: &[String], output: &Output) {
    for sentence in missing {
        output.note(&format!("tailrace: {sentence}"));
    }
}

fn retention(ms: Option<i64>) -> String {
    match ms {
        Some(..0) => "for ever".to_owned(),
        ms => duration(ms),
    }
}

async fn show(app: &App, request: TopicRequest, output: &Output) -> anyhow::Result<Outcome> {
    let detail = run::topic_show(app, request).await?;
    let header = [
        "partition",
        "leader",
        "replicas",
        "in sync",
        "start",
        "end",
        "size",
        "on disk",
        "in /s",
        "out /s",
    ];
    output.list(&detail.partitions, &header, |it| {
        let list = |ids: &[i32]| ids.iter().map(i32::to_string).collect::<Vec<_>>().join(",");
        let in_sync = list(&it.in_sync);
        vec![
            it.partition.to_string(),
            it.leader.to_string(),
            list(&it.replicas),
            if it.in_sync.len() < it.replicas.len() {
                format!("{in_sync} ({} of {})", it.in_sync.len(), it.replicas.len())
            } else {
                in_sync
            },
            maybe(it.start),
            maybe(it.end),
            bytes(it.bytes),
            bytes(it.bytes_on_disk),
            rate(it.in_per_second),
            rate(it.out_per_second),
        ]
    })?;
    tell(&detail.missing, output);
    Ok(Outcome::Done)
}

fn source(source: ConfigSource) -> &'static str {
    match source {
        ConfigSource::Topic => "topic",
        ConfigSource::DynamicBroker => "broker, while it runs",
        ConfigSource::DynamicDefault => "all brokers, while they run",
        ConfigSource::Static => "broker's file",
        ConfigSource::Default => "default",
        ConfigSource::Unknown => "unknown",
    }
}

fn configs(config: &[ConfigEntry], output: &Output) -> anyhow::Result<Outcome> {
    output.list(config, &["setting", "value", "from", "otherwise"], |it| {
        let value = match (&it.value, it.sensitive) {
            (Some(value), _) => value.clone(),
            (None, true) => "(secret)".to_owned(),
            (None, false) => "-".to_owned(),
        };
        let otherwise = it.inherited.as_ref().map_or_else(String::new, |below| {
            let value = below.value.as_deref().unwrap_or("-");
            match below.name == it.name {
                true => value.to_owned(),
                false => format!("{}={value}", below.name),
            }
        });
        vec![it.name.clone(), value, source(it.source).to_owned(), otherwise]
    })?;
    Ok(Outcome::Done)
}

async fn compare(
    app: &App,
    left: TopicRef,
    with: &str,
    all: bool,
    output: &Output,
) -> anyhow::Result<Outcome> {
    let right = topic_changes::topic_ref(with, &left);
    let compared = run::topic_compare(app, TopicCompareRequest { left, right }).await?;
    if output.json {
        output.object(&compared)?;
        return Ok(Outcome::Done);
    }
    let named = |of: &TopicRef| format!("{}/{}", of.cluster, of.topic);
    let rows: Vec<Vec<String>> = compared
        .rows
        .iter()
        .filter(|row| all || row.differs)
        .map(|row| {
            let value = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
            let mark = if row.differs { "differs" } else { "" };
            vec![
                row.name.clone(),
                value(&row.left),
                value(&row.right),
                mark.to_owned(),
            ]
        })
        .collect();
    if !rows.is_empty() {
        output.table(&["", &named(&compared.left), &named(&compared.right), ""], &rows)?;
    }
    output.note(&match compared.differences {
        0 => "no differences".to_owned(),
        1 => "1 difference".to_owned(),
        many => format!("{many} differences"),
    });
    Ok(Outcome::Done)
}

pub async fn brokers(
    app: &App,
    cluster: String,
    broker: Option<i32>,
    output: &Output,
) -> anyhow::Result<Outcome> {
    if let Some(broker) = broker {
        let config = run::broker_config(app, BrokerRequest { cluster, broker }).await?;
        return configs(&config, output);
    }
    let list = run::broker_list(app, ClusterRequest { cluster }).await?;
    let header = [
        "broker",
        "address",
        "rack",
        "controller",
        "leads",
        "holds",
        "behind",
        "on disk",
        "free",
    ];
    output.list(&list.brokers, &header, |it| {
        let controller = match it.controller {
            Some(true) => "yes",
            Some(false) => "",
            None => "-",
        };
        vec![
            it.id.to_string(),
            format!("{}:{}", it.host, it.port),
            it.rack.clone().unwrap_or_else(|| "-".to_owned()),
            controller.to_owned(),
            count(it.leads),
            count(it.holds),
            count(it.behind),
            bytes(it.bytes),
            bytes(it.disk_bytes_free),
        ]
    })?;
    tell(&list.missing, output);
    Ok(Outcome::Done)
}

pub async fn acls(app: &App, args: Acls, output: &Output) -> anyhow::Result<Outcome> {
    let request = AclRequest {
        cluster: args.cluster,
        resource_type: args.resource_type,
        resource: args.resource,
        principal: args.principal,
    };
    let acls = run::acl_list(app, request).await?;
    let header = [
        "type",
        "resource",
        "pattern",
        "principal",
        "host",
        "operation",
        "permission",
    ];
    output.list(&acls, &header, |it| {
        vec![
            it.resource_type.clone(),
            it.resource.clone(),
            it.pattern.clone(),
            it.principal.clone(),
            it.host.clone(),
            it.operation.clone(),
            it.permission.clone(),
        ]
    })?;
    Ok(Outcome::Done)
}

pub async fn quotas(app: &App, cluster: String, output: &Output) -> anyhow::Result<Outcome> {
    let quotas = run::quota_list(app, ClusterRequest { cluster }).await?;
    output.list(&quotas, &["of", "limits"], |it| {
        let entity = it.entity.iter().map(|entity| {
            let name = entity.name.as_deref().unwrap_or("(all others)");
            format!("{} {name}", entity.kind)
        });
        let limits = it
            .limits
            .iter()
            .map(|limit| format!("{}={}", limit.name, limit.value));
        vec![
            entity.collect::<Vec<_>>().join(", "),
            limits.collect::<Vec<_>>().join(", "),
        ]
    })?;
    Ok(Outcome::Done)
}
