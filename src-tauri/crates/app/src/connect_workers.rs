//! Kafka Connect: the Connect clusters that a cluster's definition names. One that does not answer hides no other.

use std::{sync::Arc, time::Duration};

use futures::future::join_all;
use tailrace_connectors::clusters::connect::{ConnectClient, ConnectSettings};
use tailrace_model::{
    ConnectDefinition, Error, Result,
    api::{ConnectOverview, ConnectSummary, ConnectorAct, ConnectorActRequest, ConnectorSummary},
};

use crate::{
    clusters::{self, refuse_read_only},
    open::OpenWorkspace,
};

/// How long after an act the new state is waited for. It comes by itself later: nothing is lost by not waiting more.
const SETTLE_MAX: Duration = Duration::from_secs(3);
const SETTLE_STEP: Duration = Duration::from_millis(150);

pub async fn list(open: &Arc<OpenWorkspace>, cluster: &str) -> Result<ConnectOverview> {
    let asked = definitions(open, cluster)?
        .into_iter()
        .map(async |(name, definition)| {
            let url = definition.url.clone();
            let answer = async {
                let client = client(open, cluster, &name, &definition)?;
                Ok((client.version().await?, client.connectors().await?))
            };
            let (version, connectors, error) = match answer.await {
                Ok((version, connectors)) => (Some(version), connectors, None),
                Err(error) => (None, Vec::new(), Some(error)),
            };
            ConnectSummary {
                name,
                url,
                version,
                connectors,
                error,
            }
        });
    Ok(ConnectOverview {
        cluster: cluster.to_owned(),
        connects: join_all(asked).await,
    })
}

/// The Connect cluster that has this connector, and the connector.
pub async fn find(
    open: &Arc<OpenWorkspace>,
    cluster: &str,
    connect: Option<&str>,
    connector: &str,
) -> Result<(ConnectClient, ConnectorSummary)> {
    let definitions = definitions(open, cluster)?;
    let mut names: Vec<&str> = definitions.iter().map(|(name, _)| name.as_str()).collect();
    if let Some(wanted) = connect {
        if !names.contains(&wanted) {
            let sentence = format!(
                "cluster \"{cluster}\" has no Connect cluster \"{wanted}\": it has {}",
                names.join(", ")
            );
            return Err(Error::user("unknown_connect", sentence));
        }
        names = vec![wanted];
    }
    let asked = definitions
        .iter()
        .filter(|(name, _)| names.contains(&name.as_str()));
    let answers = join_all(asked.map(async |(name, definition)| {
        let client = client(open, cluster, name, definition)?;
        let found = client.connectors().await?;
        Ok((client, found))
    }));
    let (mut found, mut known, mut failed) = (Vec::new(), Vec::new(), None);
    for answer in answers.await {
        match answer {
            Ok((client, connectors)) => {
                known.extend(connectors.iter().map(|it| it.name.clone()));
                let wanted = connectors.into_iter().find(|it| it.name == connector);
                found.extend(wanted.map(|it| (client, it)));
            }
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    match (found.len(), failed) {
        (1, None) => found.pop().ok_or_else(|| unknown(cluster, connector, &known)),
        // Another one may have it too, or it alone.
        (_, Some(error)) => Err(error),
        (0, None) => Err(unknown(cluster, connector, &known)),
        _ => {
            let places: Vec<&str> = found.iter().map(|(client, _)| client.name()).collect();
            Err(Error::user(
                "ambiguous_connector",
                format!(
                    "connector \"{connector}\" is in several Connect clusters: name one of {}",
                    places.join(", ")
                ),
            ))
        }
    }
}

/// Does it, and answers with the state that came of it.
pub async fn act(open: &Arc<OpenWorkspace>, request: &ConnectorActRequest) -> Result<ConnectorSummary> {
    refuse_read_only(open, &request.cluster, "nothing was sent to Kafka Connect")?;
    let name = &request.connector;
    let (client, before) = find(open, &request.cluster, request.connect.as_deref(), name).await?;
    client.act(name, request.act).await?;
    let until = tokio::time::Instant::now() + SETTLE_MAX;
    loop {
        let detail = client.connector(name).await;
        let over = tokio::time::Instant::now() >= until;
        match detail {
            Ok(detail) if over || settled(request.act, &before, &detail.summary) => {
                return Ok(detail.summary);
            }
            // Workers that are moving connectors say so for a moment.
            Err(error) if over || !error.retry => return Err(error),
            Ok(_) | Err(_) => tokio::time::sleep(SETTLE_STEP).await,
        }
    }
}

/// Whether what was asked for shows.
fn settled(act: ConnectorAct, before: &ConnectorSummary, now: &ConnectorSummary) -> bool {
    let state = now.state.as_deref();
    let tasks = |wanted: &str| now.tasks.iter().all(|task| task.state.as_deref() == Some(wanted));
    match act {
        ConnectorAct::Pause => state == Some("PAUSED") && tasks("PAUSED"),
        ConnectorAct::Resume => {
            state == Some("RUNNING")
                && (tasks("RUNNING") || now.tasks.iter().any(|task| task.trace.is_some()))
        }
        ConnectorAct::Stop => state == Some("STOPPED"),
        // What has failed may fail again: a moment is waited for at most.
        ConnectorAct::Restart | ConnectorAct::RestartFailed | ConnectorAct::RestartTask(_) => {
            before.reason.is_some() && now.reason.is_none() && state == Some("RUNNING") && tasks("RUNNING")
        }
    }
}

fn unknown(cluster: &str, connector: &str, known: &[String]) -> Error {
    let known = match known.is_empty() {
        true => "there is none".to_owned(),
        false => format!("there is {}", known.join(", ")),
    };
    Error::user(
        "unknown_connector",
        format!("cluster \"{cluster}\" has no connector \"{connector}\": {known}"),
    )
}

fn definitions(open: &OpenWorkspace, cluster: &str) -> Result<Vec<(String, ConnectDefinition)>> {
    let workspace = open.workspace();
    let definition = workspace.definitions.cluster(cluster)?;
    let connects = definition.connect.iter();
    Ok(connects.map(|(name, it)| (name.clone(), it.clone())).collect())
}

fn client(
    open: &OpenWorkspace,
    cluster: &str,
    name: &str,
    definition: &ConnectDefinition,
) -> Result<ConnectClient> {
    let password = definition.password.iter();
    let password = password
        .map(|password| (format!("connect.{name}.password"), password.clone()))
        .collect();
    let password = open.secrets.resolve_properties(&password)?.into_inner();
    ConnectClient::new(ConnectSettings {
        name: name.to_owned(),
        url: definition.url.clone(),
        user: definition.user.clone(),
        password: password.into_values().next(),
        tls: clusters::tls(
            open,
            cluster,
            (&definition.ca, &definition.certificate, &definition.key),
        ),
    })
}
