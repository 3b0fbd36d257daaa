//! The HTTP side: one request, its answer within limits, and what an error says to a person.

use std::{collections::BTreeMap, time::Duration};

use reqwest::{Client as Http, Method, Response, StatusCode, Url};
use serde::{Deserialize, de::DeserializeOwned};
use tailrace_model::{
    Error, Result,
    api::{ConnectorAct, ConnectorDetail, ConnectorSetting, ConnectorSummary, ConnectorTask},
};

use super::config::{ConnectSettings, checked, redact, secrets, shown};
use crate::{destinations::reason, http};

/// The time that one request may take. A worker asks the leader, which may be restarting a connector.
const REQUEST_MAX: Duration = Duration::from_secs(15);
/// Bytes of an answer.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Characters of what a worker said that an error quotes.
const QUOTE_CHARS_MAX: usize = 300;
/// Connectors can be stopped since this version (KIP-875).
const STOP_SINCE: (u32, u32) = (3, 5);

/// A Kafka Connect cluster, by one of its workers.
#[derive(Debug, Clone)]
pub struct ConnectClient {
    http: Http,
    url: Url,
    settings: ConnectSettings,
}

#[derive(Deserialize)]
struct Root {
    version: String,
}

/// `GET /connectors?expand=info&expand=status`, a connector.
#[derive(Deserialize)]
struct Expanded {
    info: Option<Info>,
    status: Option<Status>,
}

#[derive(Deserialize)]
struct Info {
    #[serde(default)]
    config: BTreeMap<String, Option<String>>,
    #[serde(default)]
    tasks: Vec<TaskId>,
    #[serde(rename = "type", default)]
    kind: Option<String>,
}

#[derive(Deserialize)]
struct TaskId {
    task: u32,
}

#[derive(Deserialize)]
struct Status {
    connector: State,
    #[serde(default)]
    tasks: Vec<TaskState>,
}

#[derive(Deserialize)]
struct State {
    state: String,
    worker_id: Option<String>,
    trace: Option<String>,
}

#[derive(Deserialize)]
struct TaskState {
    id: u32,
    #[serde(flatten)]
    state: State,
}

#[derive(Deserialize)]
struct Topics {
    #[serde(default)]
    topics: Vec<String>,
}

/// What a worker says of an error.
#[derive(Deserialize, Default)]
struct Said {
    #[serde(default)]
    message: String,
}

impl ConnectClient {
    /// Nothing is sent yet. `connect_settings` when the address cannot be used.
    pub fn new(settings: ConnectSettings) -> Result<Self> {
        let url = checked(&settings)?;
        let http = http::client(&url, REQUEST_MAX, &settings.tls)?;
        Ok(Self { http, url, settings })
    }

    /// The name in the workspace.
    pub fn name(&self) -> &str {
        &self.settings.name
    }

    /// The worker's version, such as `4.3.1`.
    pub async fn version(&self) -> Result<String> {
        let root: Root = self.get(&[], "").await?;
        Ok(root.version)
    }

    /// Every connector with its tasks, by name.
    pub async fn connectors(&self) -> Result<Vec<ConnectorSummary>> {
        let answer: BTreeMap<String, Expanded> =
            self.get(&["connectors"], "expand=info&expand=status").await?;
        let connectors = answer.into_iter();
        Ok(connectors
            .map(|(name, expanded)| self.summary(name, expanded))
            .collect())
    }

    /// One connector with its settings, without their secrets. Unknown: `unknown_connector`.
    pub async fn connector(&self, name: &str) -> Result<ConnectorDetail> {
        let info: Info = self.get(&["connectors", name], "").await?;
        let settings = info.config.iter().map(|(name, value)| {
            let (value, masked) = shown(name, value.as_deref().unwrap_or_default());
            ConnectorSetting {
                name: name.clone(),
                value,
                masked,
            }
        });
        let settings = settings.collect();
        // Before 2.5, and where it is switched off, topics are not told.
        let topics: Option<BTreeMap<String, Topics>> =
            match self.get(&["connectors", name, "topics"], "").await {
                Ok(topics) => Some(topics),
                Err(error) => {
                    tracing::debug!(%error, "the topics of a connector are not told");
                    None
                }
            };
        let expanded = Expanded {
            info: Some(info),
            status: self.status(name).await?,
        };
        Ok(ConnectorDetail {
            summary: self.summary(name.to_owned(), expanded),
            settings,
            topics: topics.map(|topics| topics.into_values().flat_map(|it| it.topics).collect()),
        })
    }

    /// Absent while the workers have not agreed on it yet.
    async fn status(&self, name: &str) -> Result<Option<Status>> {
        match self.get(&["connectors", name, "status"], "").await {
            Ok(status) => Ok(Some(status)),
            Err(error) if error.code == "unknown_connector" => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Does it; the worker may answer before it is done.
    pub async fn act(&self, name: &str, act: ConnectorAct) -> Result<()> {
        let at = |last: &'static str| vec!["connectors", name, last];
        let (method, path, query) = match act {
            ConnectorAct::Restart => (Method::POST, at("restart"), "includeTasks=true&onlyFailed=false"),
            ConnectorAct::RestartFailed => (Method::POST, at("restart"), "includeTasks=true&onlyFailed=true"),
            ConnectorAct::RestartTask(task) => {
                let task = task.to_string();
                let path = ["connectors", name, "tasks", &task, "restart"];
                return self.send(Method::POST, &path, "").await.map(drop);
            }
            ConnectorAct::Pause => (Method::PUT, at("pause"), ""),
            ConnectorAct::Resume => (Method::PUT, at("resume"), ""),
            ConnectorAct::Stop => {
                self.can_stop().await?;
                (Method::PUT, at("stop"), "")
            }
        };
        self.send(method, &path, query).await.map(drop)
    }

    async fn can_stop(&self) -> Result<()> {
        let version = self.version().await?;
        let mut parts = version
            .split(['.', '-'])
            .map(|part| part.parse::<u32>().unwrap_or(0));
        let found = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
        if found >= STOP_SINCE {
            return Ok(());
        }
        Err(Error::user(
            "connect_version",
            format!(
                "{} runs Kafka {version}, which cannot stop a connector (Kafka {}.{} and later can): pause it instead",
                self.place(),
                STOP_SINCE.0,
                STOP_SINCE.1
            ),
        ))
    }

    fn summary(&self, name: String, expanded: Expanded) -> ConnectorSummary {
        let Expanded { info, status } = expanded;
        let config = info.as_ref().map(|info| &info.config);
        let pairs = config
            .into_iter()
            .flatten()
            .map(|(name, value)| (name.as_str(), value.as_deref().unwrap_or_default()));
        let secrets = secrets(pairs);
        let without = |trace: Option<String>| {
            trace
                .filter(|trace| !trace.trim().is_empty())
                .map(|trace| redact(&trace, &secrets))
        };
        let class = config
            .and_then(|config| config.get("connector.class").cloned().flatten())
            .unwrap_or_default();
        let kind = info.as_ref().and_then(|info| info.kind.clone());
        let (connector, states) = match status {
            Some(status) => (Some(status.connector), status.tasks),
            None => (None, Vec::new()),
        };
        let mut tasks: BTreeMap<u32, ConnectorTask> = BTreeMap::new();
        for id in info.iter().flat_map(|info| &info.tasks) {
            let unsaid = ConnectorTask {
                task: id.task,
                state: None,
                worker: None,
                reason: None,
                trace: None,
            };
            tasks.insert(id.task, unsaid);
        }
        for TaskState { id, state } in states {
            let trace = without(state.trace);
            let task = ConnectorTask {
                task: id,
                state: Some(state.state),
                worker: state.worker_id,
                reason: trace.as_deref().map(first_line),
                trace,
            };
            tasks.insert(id, task);
        }
        let tasks: Vec<ConnectorTask> = tasks.into_values().collect();
        let (state, worker, trace) = match connector {
            Some(connector) => (
                Some(connector.state),
                connector.worker_id,
                without(connector.trace),
            ),
            None => (None, None, None),
        };
        let reason = trace
            .as_deref()
            .map(first_line)
            .or_else(|| tasks.iter().find_map(|task| task.reason.clone()));
        ConnectorSummary {
            connect: self.settings.name.clone(),
            name,
            kind: kind.unwrap_or_default(),
            class,
            state,
            worker,
            tasks,
            reason,
            trace,
        }
    }

    /// For a person: `Connect "main" (http://host:8083)`.
    fn place(&self) -> String {
        let url = self.url.as_str().trim_end_matches('/');
        format!("Connect \"{}\" ({url})", self.settings.name)
    }

    async fn get<T: DeserializeOwned>(&self, path: &[&str], query: &str) -> Result<T> {
        let bytes = self.send(Method::GET, path, query).await?;
        serde_json::from_slice(&bytes).map_err(|error| {
            Error::refused(
                "connect_answer",
                format!(
                    "{} answered something that Kafka Connect does not ({error}): check that the address is that of a worker's REST API",
                    self.place()
                ),
            )
        })
    }

    async fn send(&self, method: Method, path: &[&str], query: &str) -> Result<Vec<u8>> {
        let mut url = self.url.clone();
        if !path.is_empty()
            && let Ok(mut segments) = url.path_segments_mut()
        {
            segments.pop_if_empty().extend(path);
        }
        url.set_query((!query.is_empty()).then_some(query));
        let mut request = self
            .http
            .request(method, url)
            .header("Accept", "application/json");
        if let Some(user) = &self.settings.user {
            request = request.basic_auth(user, self.settings.password.as_deref());
        }
        let response = request.send().await.map_err(|error| self.lost(error))?;
        let status = response.status();
        let bytes = self.read(response).await?;
        match status.is_success() {
            true => Ok(bytes),
            false => Err(self.refusal(status, path, &bytes)),
        }
    }

    async fn read(&self, mut response: Response) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.lost(error))? {
            if bytes.len() + chunk.len() > ANSWER_BYTES_MAX {
                return Err(Error::refused(
                    "connect_answer",
                    format!(
                        "{} answered with more than {ANSWER_BYTES_MAX} bytes",
                        self.place()
                    ),
                ));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }

    fn lost(&self, error: reqwest::Error) -> Error {
        let why = match error.is_timeout() {
            true => format!("it did not answer within {} s", REQUEST_MAX.as_secs()),
            false => reason::of_chain(&error.without_url()),
        };
        Error::external(
            "connect_unreachable",
            format!(
                "{} cannot be reached, {why}: check connect.{}.url and that the worker runs",
                self.place(),
                self.settings.name
            ),
        )
    }

    fn refusal(&self, status: StatusCode, path: &[&str], body: &[u8]) -> Error {
        let said: Said = serde_json::from_slice(body).unwrap_or_default();
        let said = said.message.split_whitespace().collect::<Vec<_>>().join(" ");
        let mut quoted: String = said.chars().take(QUOTE_CHARS_MAX).collect();
        if quoted.len() < said.len() {
            quoted.push_str("...");
        }
        let quoted = match quoted.is_empty() {
            true => String::new(),
            false => format!(": {quoted}"),
        };
        let place = self.place();
        match (status.as_u16(), path) {
            (401 | 403, _) => Error::refused(
                "connect_login",
                format!(
                    "{place} refuses the login ({status}): check connect.{0}.user and connect.{0}.password",
                    self.settings.name
                ),
            ),
            (404, ["connectors", name, "tasks", task, ..]) if said.to_lowercase().contains("task") => {
                Error::user(
                    "unknown_task",
                    format!("{place}: connector \"{name}\" has no task {task}"),
                )
            }
            (404, ["connectors", name, ..]) => Error::user(
                "unknown_connector",
                format!("{place} has no connector \"{name}\""),
            ),
            (409, _) => Error::external(
                "connect_busy",
                format!("{place} is moving connectors between its workers{quoted}: try again in a moment"),
            ),
            (500..=599, _) => Error::external("connect_failed", format!("{place} answered {status}{quoted}")),
            _ => Error::refused("connect_refused", format!("{place} answered {status}{quoted}")),
        }
    }
}

/// The deepest cause says why; where there is none, the first line.
fn first_line(trace: &str) -> String {
    let line = |text: &str| text.lines().next().unwrap_or_default().trim().to_owned();
    let first = line(trace.trim_start());
    match trace.rfind("\nCaused by: ") {
        None => first,
        Some(at) => {
            let cause = line(&trace[at + "\nCaused by: ".len()..]);
            match cause.is_empty() || first.contains(&cause) {
                true => first,
                false => format!("{first} · caused by {cause}"),
            }
        }
    }
}
