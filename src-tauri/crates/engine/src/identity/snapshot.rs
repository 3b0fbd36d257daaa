//! The profiles as the SQL table `profiles`, at one moment.
//!
//! Built in chunks of profiles; a chunk that no event touched since is taken over as it is.

use std::sync::Arc;

use arrow::{
    array::{
        ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringViewArray,
        TimestampMillisecondArray,
    },
    datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit},
};
use tailrace_model::Error;

use super::{Identity, ProfileIndex, id_of, profile::TraitCell};
use crate::events::columns::ColumnType;

/// Profiles of one batch.
const CHUNK_PROFILES: usize = 4_096;

/// The table `profiles`: `profile_id` (never null), `user_id`, `email`, `anonymous_id` (the latest of each),
/// `first_seen`, `last_seen` (UTC, milliseconds, never null), `events` (never null), then one nullable column for each
/// trait of identify events. A trait of another type than its column is null there.
#[derive(Debug, Clone)]
pub struct ProfilesSnapshot {
    pub schema: SchemaRef,
    pub batches: Vec<RecordBatch>,
    pub rows: usize,
}

/// What the last snapshot can lend to the next.
#[derive(Debug, Default)]
pub(super) struct Cache {
    columns: usize,
    chunks: Vec<Option<RecordBatch>>,
    last: Option<Arc<ProfilesSnapshot>>,
}

impl Cache {
    pub fn touch(&mut self, index: ProfileIndex) {
        if let Some(chunk) = self.chunks.get_mut(index as usize / CHUNK_PROFILES) {
            *chunk = None;
        }
        self.last = None;
    }
}

impl Identity {
    /// The profiles as they are now.
    pub fn snapshot(&mut self) -> Result<Arc<ProfilesSnapshot>, Error> {
        if let Some(last) = &self.snapshots.last {
            return Ok(last.clone());
        }
        let schema = self.profiles_schema();
        let mut chunks = std::mem::take(&mut self.snapshots.chunks);
        if self.snapshots.columns != self.trait_columns.len() {
            chunks.clear();
        }
        chunks.resize(self.profiles.len().div_ceil(CHUNK_PROFILES), None);
        for (number, chunk) in chunks.iter_mut().enumerate() {
            if chunk.is_none() {
                *chunk = Some(self.chunk(number, &schema)?);
            }
        }
        let batches: Vec<_> = chunks
            .iter()
            .flatten()
            .filter(|batch| batch.num_rows() > 0)
            .cloned()
            .collect();
        let rows = batches.iter().map(RecordBatch::num_rows).sum();
        let snapshot = Arc::new(ProfilesSnapshot {
            schema,
            batches,
            rows,
        });
        self.snapshots = Cache {
            columns: self.trait_columns.len(),
            chunks,
            last: Some(snapshot.clone()),
        };
        Ok(snapshot)
    }

    fn profiles_schema(&self) -> SchemaRef {
        let text = |name: &str| Field::new(name, DataType::Utf8View, true);
        let time = |name: &str| {
            Field::new(
                name,
                DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())),
                false,
            )
        };
        let mut fields = vec![
            Field::new("profile_id", DataType::Int64, false),
            text("user_id"),
            text("email"),
            text("anonymous_id"),
            time("first_seen"),
            time("last_seen"),
            Field::new("events", DataType::Int64, false),
        ];
        fields.extend(self.trait_columns.fields());
        Arc::new(Schema::new(fields))
    }

    fn chunk(&self, number: usize, schema: &SchemaRef) -> Result<RecordBatch, Error> {
        let from = number * CHUNK_PROFILES;
        let to = (from + CHUNK_PROFILES).min(self.profiles.len());
        let range = self.profiles.get(from..to).unwrap_or_default();
        let alive: Vec<ProfileIndex> = (from..to)
            .zip(range)
            .filter(|(_, profile)| profile.lives())
            .filter_map(|(index, _)| ProfileIndex::try_from(index).ok())
            .collect();
        let seen: Vec<_> = alive.iter().map(|index| self.seen(*index)).collect();
        let times = |time: fn(&(i64, i64, u64)) -> i64| -> ArrayRef {
            let times = TimestampMillisecondArray::from_iter_values(seen.iter().map(time));
            Arc::new(times.with_timezone("UTC"))
        };
        let latest = |kind: &str| -> ArrayRef {
            let values: StringViewArray = alive.iter().map(|index| self.latest(*index, kind)).collect();
            Arc::new(values)
        };
        let events = seen
            .iter()
            .map(|(.., events)| i64::try_from(*events).unwrap_or(i64::MAX));
        let mut arrays: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from_iter_values(alive.iter().copied().map(id_of))),
            latest("user_id"),
            latest("email"),
            latest("anonymous_id"),
            times(|(first, ..)| *first),
            times(|(_, last, _)| *last),
            Arc::new(Int64Array::from_iter_values(events)),
        ];
        arrays.extend(self.trait_arrays(&alive));
        RecordBatch::try_new(schema.clone(), arrays).map_err(|fault| {
            Error::internal(
                "profiles_table",
                format!("the table profiles cannot be built: {fault}"),
            )
        })
    }

    /// The identifier of a kind that was added last.
    pub(super) fn latest(&self, living: ProfileIndex, kind: &str) -> Option<&str> {
        let kind = self.kinds.iter().position(|one| *one.name == *kind)?;
        self.identifiers_of(living)
            .filter(|(_, known)| usize::from(known.kind) == kind)
            .max_by_key(|(index, _)| *index)
            .map(|(_, known)| known.value.as_ref())
    }

    fn trait_arrays(&self, alive: &[ProfileIndex]) -> Vec<ArrayRef> {
        let columns = self.trait_columns.rows();
        // From the name of a trait to its column.
        let places: Vec<Option<usize>> = self
            .names
            .names
            .iter()
            .map(|name| {
                self.trait_columns
                    .find(name)
                    .and_then(|row| self.trait_columns.index_of(&row.column))
            })
            .collect();
        let mut cells: Vec<Vec<Option<&super::profile::Trait>>> =
            vec![vec![None; alive.len()]; columns.len()];
        for (row, index) in alive.iter().enumerate() {
            for one in self.traits_of(*index) {
                let place = places.get(one.name as usize).copied().flatten();
                let Some(cell) = place.and_then(|place| cells.get_mut(place)?.get_mut(row)) else {
                    continue;
                };
                // Two spellings of one name: the later one counts.
                if cell.is_none_or(|there| there.updated_ms <= one.updated_ms) {
                    *cell = Some(one);
                }
            }
        }
        columns
            .iter()
            .zip(cells)
            .map(|(column, cells)| array(column.data_type, &cells))
            .collect()
    }
}

fn array(data_type: ColumnType, cells: &[Option<&super::profile::Trait>]) -> ArrayRef {
    let values = cells.iter().map(|cell| cell.map(|one| &one.value));
    match data_type {
        ColumnType::Boolean => Arc::new(BooleanArray::from_iter(values.map(|value| match value {
            Some(TraitCell::Bool(value)) => Some(*value),
            _ => None,
        }))),
        ColumnType::Number => Arc::new(Float64Array::from_iter(values.map(|value| match value {
            Some(TraitCell::Number(value)) => Some(*value),
            _ => None,
        }))),
        ColumnType::Text => Arc::new(StringViewArray::from_iter(values.map(|value| match value {
            Some(TraitCell::Text(value)) => Some(value.as_ref()),
            _ => None,
        }))),
    }
}
