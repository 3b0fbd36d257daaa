//! The sample that a topic's columns come from.

use std::{sync::Arc, time::Duration};

use arrow::array::{AsArray, RecordBatch};
use tailrace_connectors::{
    clusters::kafka::{Tail, TailFrom, TailLimits, TailSpec},
    formats::{
        TableColumn,
        json::{Fields, Kind, Shape, ShapeLimits},
    },
};
use tailrace_engine::session::{self, Named, Used};
use tailrace_model::{
    Error, MaskDefinition, RegistryDefinition, Result, TopicFormats,
    api::{Column, TopicRef},
};
use tokio_util::sync::CancellationToken;

use super::table;
use crate::{clusters::Cluster, open::OpenWorkspace, records::near};

/// Records at each end of a partition, and in all.
const END_RECORDS_MAX: i64 = 200;
const RECORDS_MAX: i64 = 4_000;
const BYTES_MAX: usize = 16 * 1024 * 1024;
/// How long it is read for; what was read by then is the sample.
const TIME_MAX: Duration = Duration::from_secs(5);
/// How long a sample is planned with.
pub(super) const KEPT_MS: i64 = 30_000;

/// How records are read: a sample read in another way is no use.
#[derive(Debug, PartialEq)]
pub(super) struct Basis {
    registry: Option<RegistryDefinition>,
    formats: Option<TopicFormats>,
    masks: Vec<MaskDefinition>,
}

impl Basis {
    pub fn of(open: &OpenWorkspace, of: &TopicRef) -> Self {
        let workspace = open.workspace();
        let cluster = workspace.definitions.cluster(&of.cluster).ok();
        Self {
            registry: cluster.and_then(|it| it.registry.clone()),
            formats: cluster.and_then(|it| it.topics.get(&of.topic).cloned()),
            masks: workspace.definitions.masks().to_vec(),
        }
    }
}

/// A sample that is kept.
#[derive(Debug)]
pub(super) struct Kept {
    basis: Basis,
    sample: Arc<Sample>,
    taken_ms: i64,
}

impl Kept {
    pub fn new(basis: Basis, sample: Arc<Sample>, taken_ms: i64) -> Self {
        Self {
            basis,
            sample,
            taken_ms,
        }
    }

    pub fn is_young(&self, now_ms: i64) -> bool {
        (0..KEPT_MS).contains(&(now_ms - self.taken_ms))
    }

    pub fn at(&self, now_ms: i64, basis: &Basis) -> Option<Arc<Sample>> {
        (self.is_young(now_ms) && self.basis == *basis).then(|| Arc::clone(&self.sample))
    }
}

/// What was learnt of a topic.
#[derive(Debug, Clone)]
pub struct Sample {
    shape: Shape,
    pub records: u64,
    /// Whether every partition's last record has the broker's own time: then times never go back.
    pub stamped: bool,
    /// What keys and values turned out to be.
    pub formats: TopicFormats,
}

impl Sample {
    /// `asked`: how records are read; what is absent is as the cluster's file says.
    pub async fn take(
        open: &OpenWorkspace,
        cluster: &Cluster,
        topic: &str,
        asked: &TopicFormats,
        now_ms: i64,
    ) -> Result<Self> {
        let client = &cluster.client;
        let partitions = client.topic(topic).await?.partitions.len().max(1) as i64;
        let each = (RECORDS_MAX / 2 / partitions).clamp(1, END_RECORDS_MAX);
        let mut spec = TailSpec::new(topic, TailFrom::BothEnds(each));
        spec.leaderless_too = true;
        spec.stop_at_end = true;
        spec.new_partitions = false;
        spec.columns.headers = false;
        spec.limits = TailLimits {
            batch_bytes_max: BYTES_MAX,
            ..TailLimits::default()
        };
        let token = CancellationToken::new();
        let plan = Tail::plan(client, &spec).await?;
        let mut sample = Self {
            shape: Shape::new(ShapeLimits {
                values_max: usize::MAX,
                ..ShapeLimits::default()
            }),
            records: 0,
            stamped: false,
            formats: TopicFormats::default(),
        };
        if plan.records() == 0 {
            return Ok(sample);
        }
        let mut reader = table::Reader::new(open, cluster, topic, asked)?;
        let mut tail = Tail::start_at(client, spec, plan, now_ms, &token)?;
        let mut raw: Vec<RecordBatch> = Vec::new();
        let mut bytes = 0;
        let read = async {
            while let Some(batch) = tail.next().await? {
                bytes += batch.bytes;
                raw.push(batch.records);
                if bytes >= BYTES_MAX {
                    break;
                }
            }
            Ok::<(), Error>(())
        };
        if let Ok(read) = tokio::time::timeout(TIME_MAX, read).await {
            read?;
        }
        let progress = tail.progress();
        sample.stamped =
            !progress.partitions.is_empty() && progress.stamped.len() == progress.partitions.len();
        // All at once, so that what they are is found out from as many as there are.
        if let Some(first) = raw.first() {
            let all = arrow::compute::concat_batches(&first.schema(), &raw)
                .map_err(|error| Error::internal("arrow", format!("a sample of records: {error}")))?;
            sample.learn(&reader.read(&all, now_ms).await?);
            sample.formats = reader.formats();
        }
        Ok(sample)
    }

    /// All at once, so that a field's type is what most of its values are.
    fn learn(&mut self, all: &RecordBatch) {
        self.records = all.num_rows() as u64;
        if let Some(values) = all
            .column_by_name("value")
            .and_then(|it| it.as_binary_opt::<i32>())
        {
            self.shape.observe(values);
        }
    }

    /// The fields of `value`, with those that a query names; `None`: values are text. The paths that the sample lacks
    /// come second.
    pub fn fields(&self, named: &Named) -> (Option<Fields>, Vec<Vec<String>>) {
        let unknown = self.records == 0 && !named.paths.is_empty();
        if !self.shape.is_json() && !unknown {
            return (None, Vec::new());
        }
        let mut fields = self.shape.fields();
        let mut unseen = Vec::new();
        for (path, used) in &named.paths {
            if fields.find(path).is_some() {
                continue;
            }
            let kind = match used {
                Used::Number => Kind::Float64,
                Used::Bool => Kind::Bool,
                Used::Text | Used::Anyhow => Kind::Any,
            };
            if fields.require(path, kind) {
                unseen.push(path.clone());
            }
        }
        if !named.whole {
            let paths: Vec<&Vec<String>> = named.paths.keys().collect();
            fields = fields.select(&paths);
        }
        (Some(fields), unseen)
    }

    /// Every field that was seen.
    pub fn all_fields(&self) -> Fields {
        self.shape.fields()
    }

    /// A field that a name may have meant.
    pub fn near(&self, path: &[String]) -> Option<String> {
        near(&self.shape.fields(), path)
    }

    /// For completion: `value` field by field.
    pub fn columns(&self) -> Vec<Column> {
        let whole = Named {
            whole: true,
            ..Named::default()
        };
        let (fields, _) = self.fields(&whole);
        let table: Vec<_> = table::columns(fields.as_ref())
            .iter()
            .map(TableColumn::field)
            .collect();
        let mut columns = session::columns(&arrow::datatypes::Schema::new(table));
        let below = fields.map(|fields| fields.columns()).unwrap_or_default();
        columns.extend(below.into_iter().map(|column| Column {
            name: format!("value.{}", quoted(&column.name)),
            ..column
        }));
        columns
    }
}

fn quoted(path: &str) -> String {
    let parts: Vec<&str> = path.split('.').collect();
    session::quote_path(&parts)
}
