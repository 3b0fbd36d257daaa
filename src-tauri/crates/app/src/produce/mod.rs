//! Producing: one record, or those of a file.
//!
//! Invariants: nothing is sent before every record was read and fits its schema; a record is told as written only when it
//! was acknowledged; a read-only cluster is refused.

mod file;
mod lines;

use std::sync::Arc;

use tailrace_connectors::{
    clusters::kafka::{Fate, OutRecord},
    formats::{Encoder, registry::Registry},
};
use tailrace_model::{
    Error, Result,
    api::{ProduceRequest, ProduceSchema, Produced},
};
use tokio_util::sync::CancellationToken;

pub use file::file;

use crate::{
    clusters::{Cluster, refuse_read_only},
    open::OpenWorkspace,
};

/// What keys and values are written by.
pub struct Encoders {
    key: Option<Encoder>,
    value: Option<Encoder>,
}

impl Encoders {
    async fn new(
        open: &Arc<OpenWorkspace>,
        cluster: &Cluster,
        key: Option<&ProduceSchema>,
        value: Option<&ProduceSchema>,
    ) -> Result<Self> {
        if key.is_none() && value.is_none() {
            return Ok(Self {
                key: None,
                value: None,
            });
        }
        let registry = registry(open, cluster)?;
        let of = async |schema: Option<&ProduceSchema>| match schema {
            None => Ok(None),
            Some(schema) => Encoder::of_subject(
                &registry,
                &schema.subject,
                schema.version,
                schema.message.as_deref(),
            )
            .await
            .map(Some),
        };
        Ok(Self {
            key: of(key).await?,
            value: of(value).await?,
        })
    }

    /// The bytes of a key, or why it does not fit.
    fn key(&self, text: &str) -> Result<Vec<u8>, String> {
        bytes(self.key.as_ref(), "key", text)
    }

    /// The bytes of a value, or why it does not fit.
    fn value(&self, text: &str) -> Result<Vec<u8>, String> {
        bytes(self.value.as_ref(), "value", text)
    }
}

fn bytes(encoder: Option<&Encoder>, what: &str, text: &str) -> Result<Vec<u8>, String> {
    match encoder {
        None => Ok(text.as_bytes().to_vec()),
        Some(encoder) => encoder.encode(text).map_err(|misfit| {
            let path = misfit.path();
            let place = match (path.is_empty(), path.starts_with('[')) {
                (true, _) => what.to_owned(),
                (false, true) => format!("{what}{path}"),
                (false, false) => format!("{what}.{path}"),
            };
            format!("{place} does not fit the {}: {}", encoder.label(), misfit.reason)
        }),
    }
}

fn registry(open: &Arc<OpenWorkspace>, cluster: &Cluster) -> Result<Registry> {
    let definition = {
        let workspace = open.workspace();
        workspace.definitions.cluster(&cluster.name)?.registry.clone()
    };
    let registry = cluster.registry(open, definition.as_ref())?;
    registry.ok_or_else(|| {
        Error::user(
            "no_registry",
            format!(
                "cluster \"{0}\" has no schema registry: add [registry] with url = \"...\" to clusters/{0}.toml",
                cluster.name
            ),
        )
    })
}

/// Writes one record and waits until it is acknowledged.
pub async fn one(open: &Arc<OpenWorkspace>, request: ProduceRequest) -> Result<Produced> {
    refuse_read_only(open, &request.cluster, "nothing was written")?;
    let cluster = open.cluster(&request.cluster).await?;
    let (key, value) = (request.key_schema.as_ref(), request.value_schema.as_ref());
    let encoders = Encoders::new(open, &cluster, key, value).await?;
    let refused = |why: String| Error::user("record_refused", format!("the {why}; nothing was written"));
    let key = request.key.as_deref().map(|text| encoders.key(text)).transpose();
    let value = request
        .value
        .as_deref()
        .map(|text| encoders.value(text))
        .transpose();
    let headers = request.headers.into_iter();
    let record = OutRecord {
        partition: request.partition,
        key: key.map_err(refused)?,
        value: value.map_err(refused)?,
        headers: headers
            .map(|header| (header.name, header.value.map(String::into_bytes)))
            .collect(),
        timestamp_ms: request.timestamp_ms,
    };
    let value_bytes = record.value.as_ref().map_or(0, Vec::len) as u64;
    let writer = cluster.client.writer(&request.topic).await?;
    if let Some(partition) = record.partition {
        writer.check_partition(partition)?;
    }
    let fates = writer.write(vec![record], &CancellationToken::new()).await?;
    match fates.into_iter().next() {
        Some(Fate::Written { partition, offset }) => Ok(Produced {
            partition,
            offset,
            value_bytes,
        }),
        Some(Fate::Refused(error)) => Err(error),
        Some(Fate::Uncertain(error)) => Err(error.context("it may or may not be in the topic")),
        None => Err(Error::internal("writer", "nothing became of the record")),
    }
}
