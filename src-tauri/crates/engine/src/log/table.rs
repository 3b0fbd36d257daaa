//! The SQL table `events` over a snapshot of the log.
//!
//! Rows written before a merge carry the id of a profile that no longer is; they are mapped while they are read, and
//! only in segments that may hold one. No order is declared: segments are sorted each for itself.

use std::sync::Arc;

use arrow::{
    array::{AsArray, Int64Array},
    datatypes::{DataType, FieldRef, Int64Type, SchemaRef},
};
use async_trait::async_trait;
use datafusion::{
    catalog::{Session, TableProvider},
    common::{Result, Statistics, exec_err, stats::Precision},
    config::ConfigOptions,
    datasource::{
        TableType,
        listing::PartitionedFile,
        physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource},
        source::DataSourceExec,
    },
    execution::object_store::ObjectStoreUrl,
    logical_expr::{
        ColumnarValue, Expr, Operator, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
    },
    physical_expr::{
        PhysicalExpr, ScalarFunctionExpr,
        expressions::{BinaryExpr, Column},
        projection::ProjectionExpr,
    },
    physical_plan::{
        ExecutionPlan, empty::EmptyExec, filter::FilterExec, projection::ProjectionExec, union::UnionExec,
    },
};

use super::{merges::Merges, reader::SegmentReaders, schema, segment::Segment, snapshot::LogSnapshot};

/// See the module's text.
#[derive(Debug)]
pub struct EventsTable {
    snapshot: LogSnapshot,
}

impl EventsTable {
    pub fn new(snapshot: LogSnapshot) -> Self {
        Self { snapshot }
    }
}

#[async_trait]
impl TableProvider for EventsTable {
    fn schema(&self) -> SchemaRef {
        self.snapshot.schema()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn statistics(&self) -> Option<Statistics> {
        let rows = usize::try_from(self.snapshot.rows()).ok()?;
        let unknown = Statistics::new_unknown(&self.snapshot.schema());
        Some(unknown.with_num_rows(Precision::Exact(rows)))
    }

    /// Filters stay above the scan in the logical plan; the physical optimizer hands them to the files, where they pass
    /// over row groups and pages, but not through the mapping of profiles.
    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let scan = Scan {
            schema: self.snapshot.schema(),
            merges: self.snapshot.merges().clone(),
            projection: projection.cloned(),
            limit,
            partitions: state.config().target_partitions(),
        };
        scan.plan(self.snapshot.segments())
    }
}

/// How segments are read.
pub(super) struct Scan {
    pub schema: SchemaRef,
    pub merges: Arc<Merges>,
    pub projection: Option<Vec<usize>>,
    pub limit: Option<usize>,
    pub partitions: usize,
}

impl Scan {
    /// Reads all segments, with profiles mapped where it is needed.
    pub fn plan(&self, segments: &[Arc<Segment>]) -> Result<Arc<dyn ExecutionPlan>> {
        let (mapped, plain): (Vec<_>, Vec<_>) = segments
            .iter()
            .cloned()
            .partition(|segment| self.merges.touch(segment.row()));
        let mut inputs = Vec::with_capacity(2);
        if !plain.is_empty() {
            inputs.push(self.files(&plain)?);
        }
        if !mapped.is_empty() {
            inputs.push(self.mapped(&mapped)?);
        }
        match inputs.len() {
            0 => {
                let schema = match &self.projection {
                    Some(indices) => Arc::new(self.schema.project(indices)?),
                    None => self.schema.clone(),
                };
                Ok(Arc::new(EmptyExec::new(schema)))
            }
            _ => UnionExec::try_new(inputs),
        }
    }

    /// Files with profiles mapped, where the projection has them.
    fn mapped(&self, segments: &[Arc<Segment>]) -> Result<Arc<dyn ExecutionPlan>> {
        let profile = self.schema.index_of(schema::PROFILE_ID)?;
        if self
            .projection
            .as_ref()
            .is_some_and(|indices| !indices.contains(&profile))
        {
            return self.files(segments);
        }
        let origin = self.schema.fields().len();
        let with_origin = Self {
            schema: schema::with_origin(&self.schema),
            merges: self.merges.clone(),
            projection: self
                .projection
                .as_ref()
                .map(|indices| indices.iter().copied().chain([origin]).collect()),
            limit: self.limit,
            partitions: self.partitions,
        };
        with_origin.map_profiles(with_origin.files(segments)?, false)
    }

    pub fn files(&self, segments: &[Arc<Segment>]) -> Result<Arc<dyn ExecutionPlan>> {
        let source = ParquetSource::new(self.schema.clone())
            .with_parquet_file_reader_factory(Arc::new(SegmentReaders))
            .with_enable_page_index(true);
        let rows = segments.iter().map(|segment| segment.row().rows).sum::<u64>();
        let statistics = Statistics::new_unknown(&self.schema)
            .with_num_rows(usize::try_from(rows).map_or(Precision::Absent, Precision::Exact));
        let config = FileScanConfigBuilder::new(ObjectStoreUrl::local_filesystem(), Arc::new(source))
            .with_file_groups(groups(segments, self.partitions))
            .with_projection_indices(self.projection.clone())?
            .with_limit(self.limit)
            .with_statistics(statistics)
            .build();
        Ok(DataSourceExec::from_data_source(config))
    }

    /// Of rows as they are written, origins and all, those whose profile is still their own.
    pub fn stayed(&self, rows: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
        self.where_profile(Operator::Eq, rows)
    }

    /// Of rows as they are written, those whose profile was merged into another since, with that one.
    pub fn moved(&self, rows: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
        self.map_profiles(self.where_profile(Operator::NotEq, rows)?, true)
    }

    fn where_profile(
        &self,
        operator: Operator,
        rows: Arc<dyn ExecutionPlan>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let schema = rows.schema();
        let index = schema.index_of(schema::PROFILE_ID)?;
        let written: Arc<dyn PhysicalExpr> = Arc::new(Column::new(schema::PROFILE_ID, index));
        let now = self.told(Told::Profile, &schema)?;
        let predicate = Arc::new(BinaryExpr::new(written, operator, now));
        Ok(Arc::new(FilterExec::try_new(predicate, rows)?))
    }

    /// What a row's origin tells, by the merges and undos up to the checkpoint.
    fn told(&self, told: Told, rows: &SchemaRef) -> Result<Arc<dyn PhysicalExpr>> {
        let column = |name: &str| -> Result<Arc<dyn PhysicalExpr>> {
            Ok(Arc::new(Column::new_with_schema(name, rows)?))
        };
        let field = match told {
            Told::Profile => rows.field_with_name(schema::PROFILE_ID)?.clone(),
            Told::Origin => schema::origin_field(),
        };
        Ok(Arc::new(ScalarFunctionExpr::new(
            told.name(),
            Arc::new(ScalarUDF::from(Canonical::new(self.merges.clone(), told))),
            vec![column(schema::PROFILE_ID)?, column(schema::ORIGIN)?],
            FieldRef::new(field),
            Arc::new(ConfigOptions::default()),
        )))
    }

    /// Puts the mapping on top of the column `profile_id`; origins are written anew, or left out.
    fn map_profiles(&self, input: Arc<dyn ExecutionPlan>, origins: bool) -> Result<Arc<dyn ExecutionPlan>> {
        let rows = input.schema();
        let mut columns = Vec::with_capacity(rows.fields().len());
        for (index, field) in rows.fields().iter().enumerate() {
            let expr: Arc<dyn PhysicalExpr> = match field.name().as_str() {
                schema::PROFILE_ID => self.told(Told::Profile, &rows)?,
                schema::ORIGIN if origins => self.told(Told::Origin, &rows)?,
                schema::ORIGIN => continue,
                name => Arc::new(Column::new(name, index)),
            };
            columns.push(ProjectionExpr {
                expr,
                alias: field.name().clone(),
            });
        }
        Ok(Arc::new(ProjectionExec::try_new(columns, input)?))
    }
}

/// Files for each partition, about the same bytes in each; a file that outgrows its share is divided by row groups.
fn groups(segments: &[Arc<Segment>], partitions: usize) -> Vec<FileGroup> {
    let total: u64 = segments.iter().map(|segment| segment.row().bytes).sum();
    let share = total.div_ceil(partitions.max(1) as u64).max(1);
    let mut groups: Vec<Vec<PartitionedFile>> = vec![Vec::new()];
    let mut filled = 0;
    for segment in segments {
        let bytes = segment.row().bytes;
        let mut from = 0;
        while from < bytes {
            if filled >= share {
                groups.push(Vec::new());
                filled = 0;
            }
            // DataFusion gives a row group to the range that holds its middle; a sliver of a file is not worth a seek.
            let left = bytes - from;
            let room = share - filled;
            let take = if left <= room + share / 16 { left } else { room };
            let mut file = partitioned(segment);
            if take < bytes {
                file = file.with_range(from.cast_signed(), (from + take).cast_signed());
            }
            if let Some(group) = groups.last_mut() {
                group.push(file);
            }
            filled += take;
            from += take;
        }
    }
    groups.into_iter().map(FileGroup::new).collect()
}

fn partitioned(segment: &Arc<Segment>) -> PartitionedFile {
    PartitionedFile::new(segment.row().name.clone(), segment.row().bytes)
        .with_arrow_schema(segment.schema().clone())
        .with_extension(segment.clone())
}

/// What [`Canonical`] tells of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Told {
    /// The profile that it belongs to now.
    Profile,
    /// Its origin, where that is another one; null otherwise.
    Origin,
}

impl Told {
    fn name(self) -> &'static str {
        match self {
            Self::Profile => "canonical_profile",
            Self::Origin => "event_origin",
        }
    }
}

/// `canonical_profile(profile_id, origin)` and `event_origin(profile_id, origin)` of a row as it is written, where an
/// origin of null is the profile that the row is filed under.
#[derive(Debug)]
struct Canonical {
    merges: Arc<Merges>,
    told: Told,
    signature: Signature,
}

impl Canonical {
    fn new(merges: Arc<Merges>, told: Told) -> Self {
        Self {
            merges,
            told,
            signature: Signature::exact(vec![DataType::Int64; 2], Volatility::Immutable),
        }
    }
}

impl PartialEq for Canonical {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.merges, &other.merges) && self.told == other.told
    }
}

impl Eq for Canonical {}

impl std::hash::Hash for Canonical {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.merges).hash(state);
        self.told.hash(state);
    }
}

impl ScalarUDFImpl for Canonical {
    fn name(&self) -> &str {
        self.told.name()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int64)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [filed, origin] = args.args.as_slice() else {
            return exec_err!("{} takes a profile id and an origin", self.told.name());
        };
        let (filed, origin) = (
            filed.to_array(args.number_rows)?,
            origin.to_array(args.number_rows)?,
        );
        let (filed, origin) = (
            filed.as_primitive::<Int64Type>(),
            origin.as_primitive::<Int64Type>(),
        );
        let origins = filed
            .values()
            .iter()
            .zip(origin)
            .map(|(filed, origin)| origin.unwrap_or(*filed));
        let ids: Int64Array = match self.told {
            Told::Profile => origins
                .map(|origin| Some(self.merges.canonical(origin)))
                .collect(),
            Told::Origin => origins
                .map(|origin| (self.merges.canonical(origin) != origin).then_some(origin))
                .collect(),
        };
        Ok(ColumnarValue::Array(Arc::new(ids)))
    }
}
