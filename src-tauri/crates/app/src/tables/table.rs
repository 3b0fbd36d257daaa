//! A topic of a Kafka cluster as the engine reads a table.

use std::sync::{
    Arc, Weak,
    atomic::{AtomicBool, Ordering},
};

use arrow::{
    array::{Array, AsArray, BooleanArray, RecordBatch},
    compute::filter_record_batch,
    datatypes::SchemaRef,
};
use async_trait::async_trait;
use tailrace_connectors::{
    clusters::kafka::{KafkaClient, RawColumns, Sieve, Tail, TailFrom, TailPlan, TailRange, TailSpec},
    formats::{TableColumn, TableDecoder, json::Fields},
};
use tailrace_engine::session::{
    DecodedRows, Named, RawRows, Stage, TopicPart, TopicRange, TopicRead, TopicReading, TopicRows,
    TopicTable, Wanted, quote_path,
};
use tailrace_model::{Error, Result, Span, TopicFormats};

use super::{closed, sample::Sample};
use crate::{
    clusters::Cluster,
    masks::Masks,
    open::OpenWorkspace,
    records::{self, TopicView},
};

/// Records of one batch.
const BATCH_RECORDS_MAX: usize = 8_192;
/// The least, when few rows are wanted.
const BATCH_RECORDS_MIN: usize = 64;

/// How the records of a topic are read: in their formats, and with what is masked taken out before a condition sees it.
pub(super) struct Reader {
    formats: TopicView,
    masks: Option<Masks>,
}

impl Reader {
    pub fn new(open: &OpenWorkspace, cluster: &Cluster, topic: &str, asked: &TopicFormats) -> Result<Self> {
        Ok(Self {
            formats: TopicView::new(open, cluster, topic, asked)?,
            masks: open.masks(&cluster.name, topic),
        })
    }

    pub async fn read(&mut self, raw: &RecordBatch, now_ms: i64) -> Result<RecordBatch> {
        let viewed = self.formats.view(raw, now_ms).await?;
        match &self.masks {
            Some(masks) => masks.batch(&viewed.records),
            None => Ok(viewed.records),
        }
    }

    /// What was found out of the formats.
    pub fn formats(&self) -> TopicFormats {
        self.formats.used()
    }

    /// Whether conditions hold on the bytes as they are in the topic.
    fn is_plain(&self) -> bool {
        self.formats.is_plain() && self.masks.is_none()
    }
}

/// Every column of a topic's table.
pub(super) fn columns(fields: Option<&Fields>) -> Vec<TableColumn> {
    let value = fields.map_or(TableColumn::Text, |fields| TableColumn::Fields(fields.clone()));
    vec![
        TableColumn::Partition,
        TableColumn::Offset,
        TableColumn::Timestamp,
        TableColumn::Key,
        TableColumn::Headers,
        value,
    ]
}

/// Paths that the sample lacked, and whether a record had them since.
#[derive(Debug)]
struct Unseen {
    path: Vec<String>,
    near: Option<String>,
    seen: AtomicBool,
}

/// See the module's text.
#[derive(Debug)]
pub struct KafkaTable {
    open: Weak<OpenWorkspace>,
    cluster: Arc<Cluster>,
    topic: String,
    /// As the sample was read.
    formats: TopicFormats,
    columns: Vec<TableColumn>,
    unseen: Arc<Vec<Unseen>>,
    stamped: bool,
    /// Of the cluster's file.
    lateness: Option<Span>,
    /// Whether an end in time could not end the reading.
    read_on: AtomicBool,
    now_ms: i64,
}

impl KafkaTable {
    pub fn new(
        open: &Arc<OpenWorkspace>,
        cluster: Arc<Cluster>,
        topic: &str,
        sample: &Sample,
        named: &Named,
        now_ms: i64,
    ) -> Self {
        let lateness = lateness(open, &cluster.name, topic);
        let (fields, unseen) = sample.fields(named);
        let unseen = unseen.into_iter().map(|path| Unseen {
            near: sample.near(&path),
            path,
            seen: AtomicBool::new(false),
        });
        Self {
            open: Arc::downgrade(open),
            cluster,
            topic: topic.to_owned(),
            formats: sample.formats.clone(),
            columns: columns(fields.as_ref()),
            unseen: Arc::new(unseen.collect()),
            stamped: sample.stamped,
            lateness,
            read_on: AtomicBool::new(false),
            now_ms,
        }
    }

    fn name(&self) -> String {
        quote_path(&[&self.cluster.name, &self.topic])
    }

    fn spec(&self, ranges: &[TopicRange]) -> TailSpec {
        let late_ms = self.lateness.map(Span::approximate_ms);
        let range = |range: &TopicRange| TailRange {
            partitions: range
                .partitions
                .as_ref()
                .map(|these| these.iter().copied().collect()),
            from: range.offsets.0,
            to: range.offsets.1.saturating_add(1),
            from_ms: (range.times_ms.0 > i64::MIN).then_some(range.times_ms.0),
            until_ms: (self.stamped && range.times_ms.1 < i64::MAX).then(|| range.times_ms.1 + 1),
            before_ms: late_ms
                .filter(|_| !self.stamped && range.times_ms.1 < i64::MAX)
                .map(|late_ms| range.times_ms.1.saturating_add(late_ms).saturating_add(1)),
        };
        let mut spec = TailSpec::new(&self.topic, TailFrom::Ranges(ranges.iter().map(range).collect()));
        spec.stop_at_end = true;
        spec.new_partitions = false;
        spec.limits.batch_records_max = BATCH_RECORDS_MAX;
        spec
    }
}

#[async_trait]
impl TopicTable for KafkaTable {
    fn schema(&self) -> SchemaRef {
        TableDecoder::new(&self.columns).schema()
    }

    fn schema_of(&self, wanted: &[Wanted]) -> SchemaRef {
        TableDecoder::new(&chosen(&self.columns, wanted)).schema()
    }

    async fn plan(&self, ranges: &[TopicRange], readers_max: usize) -> Result<Vec<Arc<dyn TopicPart>>> {
        let ends = ranges.iter().any(|range| range.times_ms.1 < i64::MAX);
        if ends && !self.stamped {
            self.read_on.store(true, Ordering::Relaxed);
        }
        let spec = self.spec(ranges);
        let plan = Tail::plan(&self.cluster.client, &spec).await?;
        let part = |plan| {
            Arc::new(KafkaPart {
                open: Weak::clone(&self.open),
                cluster: Arc::clone(&self.cluster),
                formats: self.formats.clone(),
                spec: spec.clone(),
                plan,
                columns: self.columns.clone(),
                unseen: Arc::clone(&self.unseen),
                now_ms: self.now_ms,
            }) as Arc<dyn TopicPart>
        };
        Ok(plan.divided(readers_max).into_iter().map(part).collect())
    }

    fn notes(&self) -> Vec<String> {
        let unseen = self.unseen.iter().filter(|it| !it.seen.load(Ordering::Relaxed));
        let mut notes: Vec<String> = unseen
            .map(|it| {
                let what = format!("no record read of {} has", self.name());
                records::unseen(&what, &it.path, it.near.as_deref())
            })
            .collect();
        if self.read_on.load(Ordering::Relaxed) {
            let (name, cluster) = (self.name(), &self.cluster.name);
            notes.push(match self.lateness {
                Some(late) => format!(
                    "producers set the times of {name}: records more than {late} late (lateness in \
                     clusters/{cluster}.toml) were not looked for"
                ),
                None => format!(
                    "producers set the times of {name}, so a later record may be earlier: it was read on to its end \
                     (lateness = \"1 hour\" under [topics.\"{}\"] in clusters/{cluster}.toml would end it sooner)",
                    self.topic
                ),
            });
        }
        notes
    }
}

fn lateness(open: &OpenWorkspace, cluster: &str, topic: &str) -> Option<Span> {
    let workspace = open.workspace();
    let definition = workspace.definitions.cluster(cluster).ok()?;
    definition.topics.get(topic)?.lateness
}

/// The columns that are wanted, in the order in which they are.
fn chosen(columns: &[TableColumn], wanted: &[Wanted]) -> Vec<TableColumn> {
    let find = |wanted: &Wanted| {
        let column = columns
            .iter()
            .find(|column| column.field().name() == &wanted.column)?;
        Some(match (column, &wanted.paths) {
            (TableColumn::Fields(fields), Some(paths)) => TableColumn::Fields(fields.select(paths)),
            _ => column.clone(),
        })
    };
    wanted.iter().filter_map(find).collect()
}

#[derive(Debug)]
struct KafkaPart {
    open: Weak<OpenWorkspace>,
    cluster: Arc<Cluster>,
    formats: TopicFormats,
    spec: TailSpec,
    plan: TailPlan,
    columns: Vec<TableColumn>,
    unseen: Arc<Vec<Unseen>>,
    now_ms: i64,
}

#[async_trait]
impl TopicPart for KafkaPart {
    fn records(&self) -> u64 {
        self.plan.records()
    }

    async fn read(&self, read: TopicRead) -> Result<Box<dyn TopicReading>> {
        let output = chosen(&self.columns, &read.output);
        let condition = read.condition.map(|wanted| chosen(&self.columns, &wanted));
        let open = self.open.upgrade().ok_or_else(closed)?;
        let reader = Reader::new(&open, &self.cluster, &self.spec.topic, &self.formats)?;
        let mut spec = self.spec.clone();
        let all = || output.iter().chain(condition.iter().flatten());
        let is_value = |column: &TableColumn| matches!(column, TableColumn::Fields(_) | TableColumn::Text);
        spec.columns = RawColumns {
            key: all().any(|column| *column == TableColumn::Key),
            headers: all().any(|column| *column == TableColumn::Headers),
            value: all().any(is_value),
        };
        if reader.is_plain() {
            spec.sieve = Sieve::new(&read.need).map(Arc::new);
        }
        if let Some(limit) = read.limit {
            spec.limits.batch_records_max = limit.clamp(BATCH_RECORDS_MIN, BATCH_RECORDS_MAX);
        }
        let client: &KafkaClient = &self.cluster.client;
        let tail = Tail::start_at(client, spec, self.plan.clone(), self.now_ms, &read.token)?;
        let decoders = Arc::new(Decoders {
            condition: condition.map(|columns| TableDecoder::new(&columns)),
            output: TableDecoder::new(&output),
            unseen: Arc::clone(&self.unseen),
        });
        Ok(Box::new(Reading {
            tail,
            reader,
            decoders,
            now_ms: self.now_ms,
        }))
    }
}

struct Decoders {
    condition: Option<TableDecoder>,
    output: TableDecoder,
    unseen: Arc<Vec<Unseen>>,
}

struct Reading {
    tail: Tail,
    reader: Reader,
    decoders: Arc<Decoders>,
    now_ms: i64,
}

#[async_trait]
impl TopicReading for Reading {
    async fn next(&mut self) -> Result<Option<TopicRows>> {
        let Some(batch) = self.tail.next().await? else {
            return Ok(None);
        };
        let raw = self.reader.read(&batch.records, self.now_ms).await?;
        Ok(Some(TopicRows {
            rows: Box::new(Rows {
                raw,
                decoders: Arc::clone(&self.decoders),
            }),
            scanned: batch.scanned,
            bytes: batch.scanned_bytes,
            lost: u64::try_from(batch.lost).unwrap_or(0),
        }))
    }
}

struct Rows {
    raw: RecordBatch,
    decoders: Arc<Decoders>,
}

impl RawRows for Rows {
    fn count(&self) -> usize {
        self.raw.num_rows()
    }

    fn decode(&mut self, stage: Stage) -> Result<DecodedRows> {
        let decoder = match stage {
            Stage::Condition => self.decoders.condition.as_ref().unwrap_or(&self.decoders.output),
            Stage::Output => &self.decoders.output,
        };
        let decoded = decoder.decode(&self.raw)?;
        for unseen in self.decoders.unseen.iter() {
            if !unseen.seen.load(Ordering::Relaxed) && has(&decoded.records, &unseen.path) {
                unseen.seen.store(true, Ordering::Relaxed);
            }
        }
        Ok(DecodedRows {
            records: decoded.records,
            mistyped: decoded.mistyped,
            undecoded: decoded.undecoded_count,
        })
    }

    fn keep(&mut self, rows: &BooleanArray) -> Result<()> {
        self.raw = filter_record_batch(&self.raw, rows)
            .map_err(|error| Error::internal("filter", format!("records can't be filtered: {error}")))?;
        Ok(())
    }
}

/// Whether a record has something at this path.
fn has(records: &RecordBatch, path: &[String]) -> bool {
    let Some(mut array) = records.column_by_name("value").cloned() else {
        return false;
    };
    for name in path {
        let Some(within) = array
            .as_struct_opt()
            .and_then(|it| it.column_by_name(name))
            .cloned()
        else {
            return false;
        };
        array = within;
    }
    array.null_count() < array.len()
}
