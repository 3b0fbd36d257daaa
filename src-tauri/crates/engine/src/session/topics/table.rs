//! A topic as DataFusion reads it.

use std::{collections::BTreeMap, sync::Arc};

use arrow::{
    array::{AsArray, RecordBatch},
    datatypes::SchemaRef,
};
use async_trait::async_trait;
use datafusion::{
    catalog::{Session, TableProvider},
    common::{
        DFSchema, DataFusionError, Result,
        tree_node::{TreeNode, TreeNodeRecursion},
    },
    execution::{SendableRecordBatchStream, TaskContext},
    logical_expr::{Expr, TableProviderFilterPushDown, TableType, utils::conjunction},
    physical_expr::PhysicalExpr,
    physical_plan::{
        ExecutionPlan,
        empty::EmptyExec,
        stream::RecordBatchStreamAdapter,
        streaming::{PartitionStream, StreamingTableExec},
    },
};
use tailrace_model::{Error, need::Need};

use super::{
    RawRows, ScanCounters, Stage, TopicPart, TopicRead, TopicReading, TopicTable, Wanted, expr::path,
    is_safe, need, ranges::ranges,
};
use crate::session::filter::known;

/// See the module's text.
#[derive(Debug)]
pub(in crate::session) struct TopicProvider {
    pub table: Arc<dyn TopicTable>,
    pub counters: Arc<ScanCounters>,
}

#[async_trait]
impl TableProvider for TopicProvider {
    fn schema(&self) -> SchemaRef {
        self.table.schema()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        let one = |filter: &&Expr| match is_safe(filter) {
            true => TableProviderFilterPushDown::Exact,
            false => TableProviderFilterPushDown::Unsupported,
        };
        Ok(filters.iter().map(one).collect())
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let schema = self.table.schema();
        let schema = match projection {
            Some(columns) => Arc::new(schema.project(columns)?),
            None => schema,
        };
        let output: Vec<Wanted> = schema
            .fields()
            .iter()
            .map(|field| Wanted::whole(field.name()))
            .collect();
        let filters: Vec<Expr> = filters
            .iter()
            .map(|filter| datafusion::logical_expr::expr_rewriter::unnormalize_col(filter.clone()))
            .collect();
        let condition = match conjunction(filters.iter().cloned()) {
            Some(filter) => Some(self.condition(state, filter)?),
            None => None,
        };
        let ranges = ranges(&filters);
        let parts = match ranges.is_empty() {
            true => Vec::new(),
            false => self
                .table
                .plan(&ranges, state.config().target_partitions())
                .await
                .map_err(external)?,
        };
        if parts.is_empty() {
            return Ok(Arc::new(EmptyExec::new(schema)));
        }
        let total = parts.iter().map(|part| part.records()).sum();
        ScanCounters::add(&self.counters.total, total);
        ScanCounters::add(&self.counters.readers, parts.len() as u64);
        let partition = |part: Arc<dyn TopicPart>| {
            Arc::new(Partition {
                part,
                schema: Arc::clone(&schema),
                condition: condition.clone(),
                output: output.clone(),
                limit,
                counters: Arc::clone(&self.counters),
            }) as Arc<dyn PartitionStream>
        };
        let partitions = parts.into_iter().map(partition).collect();
        let exec = StreamingTableExec::try_new(Arc::clone(&schema), partitions, None, [], false, limit)?;
        Ok(Arc::new(exec))
    }
}

fn external(error: Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

/// A condition with what it looks at.
#[derive(Debug, Clone)]
struct Condition {
    wanted: Vec<Wanted>,
    holds: Arc<dyn PhysicalExpr>,
    need: Need,
}

impl TopicProvider {
    fn condition(&self, state: &dyn Session, filter: Expr) -> Result<Condition> {
        let wanted = wanted(&filter, &self.table.schema())?;
        let schema = DFSchema::try_from(self.table.schema_of(&wanted))?;
        Ok(Condition {
            need: need(&filter),
            holds: state.create_physical_expr(filter, &schema)?,
            wanted,
        })
    }
}

/// The columns that an expression looks at, in the table's order, and of a struct only the fields.
fn wanted(expr: &Expr, schema: &SchemaRef) -> Result<Vec<Wanted>> {
    let mut found: BTreeMap<String, Option<Vec<Vec<String>>>> = BTreeMap::new();
    expr.apply(|expr| {
        let Some(path) = path(expr) else {
            return Ok(TreeNodeRecursion::Continue);
        };
        if let Some((column, within)) = path.split_first() {
            let paths = found.entry(column.clone()).or_insert_with(|| Some(Vec::new()));
            match paths {
                Some(paths) if !within.is_empty() => paths.push(within.to_vec()),
                _ => *paths = None,
            }
        }
        Ok(TreeNodeRecursion::Jump)
    })?;
    let one = |name: &String| {
        let paths = found.remove(name)?;
        Some(Wanted {
            column: name.clone(),
            // A map is decoded whole.
            paths: paths.filter(|_| name == "value"),
        })
    };
    let names: Vec<String> = schema.fields().iter().map(|field| field.name().clone()).collect();
    Ok(names.iter().filter_map(one).collect())
}

/// What one reader of DataFusion reads.
#[derive(Debug)]
struct Partition {
    part: Arc<dyn TopicPart>,
    schema: SchemaRef,
    condition: Option<Condition>,
    output: Vec<Wanted>,
    limit: Option<usize>,
    counters: Arc<ScanCounters>,
}

impl PartitionStream for Partition {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let reader = Reader {
            part: Arc::clone(&self.part),
            condition: self.condition.clone(),
            read: TopicRead {
                condition: self.condition.as_ref().map(|condition| condition.wanted.clone()),
                output: self.output.clone(),
                need: self
                    .condition
                    .as_ref()
                    .map_or(Need::Any, |condition| condition.need.clone()),
                limit: self.limit,
                token: self.counters.halt.clone(),
            },
            reading: None,
            counters: Arc::clone(&self.counters),
            lost: 0,
        };
        let batches = futures::stream::try_unfold(reader, |mut reader| async move {
            let next = reader.next().await.map_err(external)?;
            Ok(next.map(|batch| (batch, reader)))
        });
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), batches))
    }
}

struct Reader {
    part: Arc<dyn TopicPart>,
    condition: Option<Condition>,
    read: TopicRead,
    reading: Option<Box<dyn TopicReading>>,
    counters: Arc<ScanCounters>,
    lost: u64,
}

impl Reader {
    /// The next rows that the condition keeps; `None` at the end, or when the reading is halted.
    async fn next(&mut self) -> tailrace_model::Result<Option<RecordBatch>> {
        let halt = self.counters.halt.clone();
        loop {
            if self.reading.is_none() {
                self.reading = Some(self.part.read(self.read.clone()).await?);
            }
            let Some(reading) = &mut self.reading else {
                return Ok(None);
            };
            let Some(rows) = halt.run_until_cancelled(reading.next()).await else {
                return Ok(None);
            };
            let Some(mut rows) = rows? else {
                // Halted meanwhile, it is not read to its end.
                if !halt.is_cancelled() {
                    ScanCounters::add(&self.counters.readers_done, 1);
                }
                return Ok(None);
            };
            ScanCounters::add(&self.counters.records, rows.scanned);
            ScanCounters::add(&self.counters.bytes, rows.bytes);
            ScanCounters::add(&self.counters.lost, rows.lost.saturating_sub(self.lost));
            self.lost = self.lost.max(rows.lost);
            if let Some(batch) = self.rows(rows.rows.as_mut())? {
                return Ok(Some(batch));
            }
        }
    }

    /// What the condition keeps, decoded.
    fn rows(&self, rows: &mut dyn RawRows) -> tailrace_model::Result<Option<RecordBatch>> {
        if rows.count() == 0 {
            return Ok(None);
        }
        let mut counted = 0;
        if let Some(condition) = &self.condition {
            let looked = rows.decode(Stage::Condition)?;
            ScanCounters::add(&self.counters.mistyped, looked.mistyped);
            ScanCounters::add(&self.counters.undecoded, looked.undecoded);
            let wrong = |error| super::super::errors::translate(&error, &[]);
            let holds = condition
                .holds
                .evaluate(&looked.records)
                .and_then(|holds| holds.into_array(looked.records.num_rows()))
                .map_err(wrong)?;
            let Some(holds) = holds.as_boolean_opt() else {
                return Ok(None);
            };
            let holds = known(holds);
            if holds.true_count() == 0 {
                return Ok(None);
            }
            rows.keep(&holds)?;
            // What both stages decode is counted once.
            if looked.mistyped > 0 {
                counted = rows.decode(Stage::Condition)?.mistyped;
            }
        }
        let decoded = rows.decode(Stage::Output)?;
        ScanCounters::add(&self.counters.mistyped, decoded.mistyped.saturating_sub(counted));
        if self.condition.is_none() {
            ScanCounters::add(&self.counters.undecoded, decoded.undecoded);
        }
        Ok(Some(decoded.records))
    }
}
