//! What every session shares: the memory pool, the functions and the settings of the planner.

use std::sync::{Arc, LazyLock};

use arrow::{
    array::{AsArray, StringArray},
    compute::cast,
    datatypes::{DataType, Field, FieldRef, TimeUnit},
};
use datafusion::{
    catalog::CatalogProviderList,
    common::{Result as DataFusionResult, ScalarValue, internal_err},
    execution::{
        SessionState, SessionStateBuilder,
        disk_manager::{DiskManagerBuilder, DiskManagerMode},
        memory_pool::FairSpillPool,
        runtime_env::{RuntimeEnv, RuntimeEnvBuilder},
    },
    logical_expr::{
        ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
        Volatility,
        simplify::{ExprSimplifyResult, SimplifyContext},
    },
    prelude::SessionConfig,
};
use tailrace_model::{Error, Result};

/// Bytes that all running queries together keep in memory; beyond it they spill to disk, and where that is not
/// possible the query fails with a sentence.
pub const SQL_MEMORY_BYTES_MAX: usize = 512 * 1024 * 1024;
/// Bytes that all running queries together spill to the system's temporary folder.
pub const SQL_SPILL_BYTES_MAX: u64 = 8 * 1024 * 1024 * 1024;
/// Partitions of one query's plan: how many cores it may use.
pub const SQL_PARTITIONS_MAX: usize = 2;
/// How deep SQL and conditions may be nested.
pub const SQL_DEPTH_MAX: usize = 100;

/// The catalog that holds everything, and its schema of `events` and `profiles`.
pub(super) const CATALOG: &str = "tailrace";
pub(super) const MAIN: &str = "main";

static RUNTIME: LazyLock<DataFusionResult<Arc<RuntimeEnv>>> = LazyLock::new(|| {
    let disk = DiskManagerBuilder::default()
        .with_mode(DiskManagerMode::OsTmpDirectory)
        .with_max_temp_directory_size(SQL_SPILL_BYTES_MAX);
    RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(FairSpillPool::new(SQL_MEMORY_BYTES_MAX)))
        .with_disk_manager_builder(disk)
        .build_arc()
});

/// The memory and the spill space that all sessions share.
pub(super) fn runtime() -> Result<Arc<RuntimeEnv>> {
    match &*RUNTIME {
        Ok(runtime) => Ok(Arc::clone(runtime)),
        Err(error) => Err(Error::internal(
            "sql_runtime",
            format!("the SQL engine could not be started: {error}"),
        )),
    }
}

/// The planner's state over `catalogs`; `now()` and calendar intervals follow `time_zone`.
pub(super) fn state(
    runtime: Arc<RuntimeEnv>,
    time_zone: &str,
    catalogs: Arc<dyn CatalogProviderList>,
) -> SessionState {
    let mut config = SessionConfig::new()
        .with_target_partitions(SQL_PARTITIONS_MAX)
        .with_information_schema(true)
        .with_default_catalog_and_schema(CATALOG, MAIN)
        .with_create_default_catalog_and_schema(false);
    let options = config.options_mut();
    options.sql_parser.enable_ident_normalization = false;
    options.sql_parser.collect_spans = true;
    options.sql_parser.map_string_types_to_utf8view = false;
    options.execution.time_zone = Some(time_zone.to_owned());
    let mut builder = SessionStateBuilder::new_with_default_features()
        .with_config(config)
        .with_runtime_env(runtime)
        .with_catalog_list(catalogs);
    // Later functions replace earlier ones of the same name.
    let functions = builder.scalar_functions().get_or_insert_with(Vec::new);
    functions.push(Arc::new(ScalarUDF::new_from_impl(Now::new(time_zone))));
    functions.push(Arc::new(ScalarUDF::new_from_impl(Sha256::new())));
    functions.extend(super::json::functions());
    if let Some(like) = functions
        .iter()
        .find(|function| function.name() == "regexp_like")
        .cloned()
    {
        // DuckDB's name for the same function, so that an audience's SQL runs in both.
        functions.push(Arc::new(like.as_ref().clone().with_aliases(["regexp_matches"])));
    }
    let planners = builder.expr_planners().get_or_insert_with(Vec::new);
    planners.insert(0, Arc::new(super::json::Arrows::new()));
    builder.build()
}

/// `now()`: the time of evaluation, to the millisecond, in the workspace's time zone. Milliseconds because the times of
/// events are: a window's bound then compares with the column as it is stored.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Now {
    signature: Signature,
    aliases: Vec<String>,
    time_zone: Arc<str>,
}

impl Now {
    fn new(time_zone: &str) -> Self {
        Self {
            signature: Signature::nullary(Volatility::Stable),
            aliases: vec!["current_timestamp".to_owned()],
            time_zone: Arc::from(time_zone),
        }
    }
}

impl ScalarUDFImpl for Now {
    fn name(&self) -> &str {
        "now"
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> DataFusionResult<DataType> {
        Ok(DataType::Timestamp(
            TimeUnit::Millisecond,
            Some(Arc::clone(&self.time_zone)),
        ))
    }

    fn return_field_from_args(&self, _: ReturnFieldArgs) -> DataFusionResult<FieldRef> {
        Ok(Arc::new(Field::new("now", self.return_type(&[])?, false)))
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> DataFusionResult<ColumnarValue> {
        internal_err!("now() was not replaced by the time of evaluation")
    }

    fn simplify(&self, args: Vec<Expr>, info: &SimplifyContext) -> DataFusionResult<ExprSimplifyResult> {
        let Some(now) = info.query_execution_start_time() else {
            return Ok(ExprSimplifyResult::Original(args));
        };
        let literal = ScalarValue::TimestampMillisecond(
            Some(now.timestamp_millis()),
            Some(Arc::clone(&self.time_zone)),
        );
        Ok(ExprSimplifyResult::Simplified(Expr::Literal(literal, None)))
    }
}

/// `sha256(text)`: its SHA-256 in hexadecimal digits, as everybody writes it; of other values that of their text.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Sha256 {
    signature: Signature,
}

impl Sha256 {
    fn new() -> Self {
        Self {
            signature: Signature::any(1, Volatility::Immutable),
        }
    }
}

impl ScalarUDFImpl for Sha256 {
    fn name(&self) -> &str {
        "sha256"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> DataFusionResult<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DataFusionResult<ColumnarValue> {
        let Some(values) = args.args.first() else {
            return internal_err!("sha256() has no argument");
        };
        let texts = cast(&values.to_array(args.number_rows)?, &DataType::Utf8)?;
        let texts = texts.as_string::<i32>().iter();
        let hashed: StringArray = texts.map(|text| text.map(hex_sha256)).collect();
        Ok(ColumnarValue::Array(Arc::new(hashed)))
    }
}

fn hex_sha256(text: &str) -> String {
    use sha2::Digest;
    let digest = sha2::Sha256::digest(text.as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
