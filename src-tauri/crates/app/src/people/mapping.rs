//! The rows of a sync: members with the columns that its mapping names.

use std::collections::BTreeMap;

use arrow::{
    array::{AsArray, BooleanArray, RecordBatch},
    compute::{concat_batches, filter_record_batch},
    datatypes::Int64Type,
};
use tailrace_engine::session::{Session, quote_name, quote_path};
use tailrace_model::{Error, Result};

use super::People;
use crate::{core::now_ms, open::OpenWorkspace};

impl People {
    /// One row a member, by profile id, in the mapping's columns. A mapped value is a column of `profiles`, a trait, or
    /// `warehouse.table.column`. Members may be of an earlier checkpoint than the rows: one whose profile was merged
    /// since is the profile that it was merged into.
    pub async fn mapped_rows(
        &self,
        open: &OpenWorkspace,
        members: &[i64],
        mapping: &BTreeMap<String, String>,
    ) -> Result<RecordBatch> {
        self.warehouses.refresh(open).await;
        let snapshot = self.log.snapshot();
        let mut members: Vec<i64> = members.iter().map(|id| snapshot.canonical(*id)).collect();
        members.sort_unstable();
        members.dedup();
        let session = self.session_of(open, snapshot)?;
        let sql = self.mapping_sql(open, &session, mapping)?;
        let mut query = session.query(&sql, now_ms()).await?;
        let schema = query.schema().clone();
        let mut batches = Vec::new();
        while let Some(batch) = query.next().await? {
            let ids = batch.column(0).as_primitive::<Int64Type>();
            let mask: BooleanArray = ids
                .values()
                .iter()
                .map(|id| Some(members.binary_search(id).is_ok()))
                .collect();
            batches.push(filter_record_batch(&batch, &mask).map_err(arrow_error)?);
        }
        let all = concat_batches(&schema, &batches).map_err(arrow_error)?;
        let columns: Vec<usize> = (1..all.num_columns()).collect();
        all.project(&columns).map_err(arrow_error)
    }

    fn mapping_sql(
        &self,
        open: &OpenWorkspace,
        session: &Session,
        mapping: &BTreeMap<String, String>,
    ) -> Result<String> {
        let profiles = session.profiles_schema();
        let tables = self.warehouses.tables();
        let mut select = vec!["p.profile_id".to_owned()];
        let mut joins: BTreeMap<String, String> = BTreeMap::new();
        for (column, value) in mapping {
            let parts: Vec<&str> = value.split('.').collect();
            let expression = match parts.as_slice() {
                [name] if profiles.field_with_name(name).is_ok() => format!("p.{}", quote_name(name)),
                [name] if open.workspace().definitions.trait_(name).is_ok() => {
                    let alias = quote_name(&format!("trait_{name}"));
                    let table = quote_path(&["traits", name]);
                    joins.insert(
                        value.clone(),
                        format!("LEFT JOIN {table} AS {alias} ON {alias}.profile_id = p.profile_id"),
                    );
                    format!("{alias}.{}", quote_name(name))
                }
                [warehouse, table, field] => {
                    let found = tables
                        .iter()
                        .find(|it| it.warehouse == *warehouse && it.table == *table);
                    let found = found.ok_or_else(|| unknown(column, value))?;
                    let alias = quote_name(&format!("{warehouse}_{table}"));
                    let path = quote_path(&[warehouse, table]);
                    joins.insert(
                        format!("{warehouse}.{table}"),
                        format!(
                            "LEFT JOIN {path} AS {alias} ON {alias}.{} = p.{}",
                            quote_name(&found.key),
                            quote_name(&found.identifier)
                        ),
                    );
                    format!("{alias}.{}", quote_name(field))
                }
                _ => return Err(unknown(column, value)),
            };
            select.push(format!("{expression} AS {}", quote_name(column)));
        }
        let joins: Vec<String> = joins.into_values().collect();
        Ok(format!(
            "SELECT {} FROM profiles AS p {} ORDER BY p.profile_id",
            select.join(", "),
            joins.join(" ")
        ))
    }
}

fn unknown(column: &str, value: &str) -> Error {
    Error::user(
        "sync_mapping",
        format!(
            "the mapping of \"{column}\" names \"{value}\", which is no column of profiles, no trait and no \
             warehouse.table.column that was read"
        ),
    )
}

fn arrow_error(error: arrow::error::ArrowError) -> Error {
    Error::internal(
        "sync_rows",
        format!("the rows of a sync can't be computed: {error}"),
    )
}

#[cfg(test)]
impl People {
    /// Collects Segment events as if a source had read them, and writes a checkpoint.
    pub(crate) async fn collect_in_test(open: &std::sync::Arc<OpenWorkspace>, texts: &[&str]) {
        use tailrace_engine::events::segment::{RecordTimes, parse};
        let now_ms = now_ms();
        let times = |_: &&str| RecordTimes {
            timestamp_ms: Some(now_ms),
            now_ms,
        };
        let events: Vec<_> = texts
            .iter()
            .map(|text| parse(text.as_bytes(), times(text)).expect("an event"))
            .collect();
        let people = &open.held().expect("a state").people;
        let mut collecting = people.collecting.lock().await;
        let collected = collecting.collector.collect("shop", &events, now_ms);
        assert_eq!(collected.expect("collected").accepted, texts.len());
        let pending = collecting.pending.entry("shop".to_owned()).or_default();
        pending.source = "shop".to_owned();
        pending.set_positions(&[]);
        drop(collecting);
        super::checkpoint::write(open).await.expect("a checkpoint");
    }
}
