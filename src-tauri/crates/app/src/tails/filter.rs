//! The filter of a tail: a SQL predicate over fields whose types become known as records are seen.

use arrow::{
    array::{AsArray, BinaryArray, BooleanArray, RecordBatch},
    compute::filter_record_batch,
};
use tailrace_connectors::{
    clusters::kafka::{Sieve, TailRange},
    formats::{
        RecordDecoder,
        json::{Fields, Kind, Shape, ShapeLimits},
    },
};
use tailrace_engine::session::{RecordFilter, TopicRange, Used};
use tailrace_model::{Error, Result};

use crate::records::{near, unseen};

/// See the module's text. Only the fields that the predicate names are decoded.
pub struct Filter {
    predicate: RecordFilter,
    /// Paths below `value` that the predicate reads.
    paths: Vec<Vec<String>>,
    /// Those that it compares with literals, which say of what type they are meant.
    meant: Vec<(Vec<String>, Used)>,
    shape: Shape,
    decoder: RecordDecoder,
    /// Whether every path was seen: before that, each batch is looked through for them.
    complete: bool,
}

/// Every value is looked at: a field that is in one record of a million decides what the predicate means there.
const LOOK_AT_ALL: usize = usize::MAX;

impl Filter {
    pub fn parse(text: &str, now_ms: i64) -> Result<Self> {
        let predicate = RecordFilter::parse(text, now_ms)?;
        let below = predicate
            .paths()
            .iter()
            .filter(|path| path.first().is_some_and(|first| first == "value"));
        let paths: Vec<Vec<String>> = below.map(|path| path[1..].to_vec()).collect();
        let shape = Shape::new(ShapeLimits {
            values_max: LOOK_AT_ALL,
            ..ShapeLimits::default()
        });
        // `value` itself, not a field of it: values are text.
        let decoder = match paths.iter().any(Vec::is_empty) {
            true => RecordDecoder::text(),
            false => RecordDecoder::json(&shape.fields().select(&paths)),
        };
        let meant = predicate.named().paths.into_iter();
        let meant = meant.filter(|(_, used)| *used != Used::Anyhow).collect();
        let complete = paths.is_empty() || paths.iter().any(Vec::is_empty);
        Ok(Self {
            predicate,
            paths,
            meant,
            shape,
            decoder,
            complete,
        })
    }

    /// Holds back records of JSON or text on which the predicate can't hold, before they are copied. What the filter
    /// learns it learns from the others: a field that is compared with a literal is of the literal's type whatever was
    /// seen first.
    pub fn sieve(&self) -> Option<Sieve> {
        Sieve::new(&self.predicate.need())
    }

    /// Where in the topic the predicate can hold, when that is not everywhere. What only ends with a time is read on: a
    /// later record may be earlier.
    pub fn ranges(&self) -> Option<Vec<TailRange>> {
        let ranges = self.predicate.ranges();
        let range = |range: &TopicRange| TailRange {
            partitions: range
                .partitions
                .as_ref()
                .map(|these| these.iter().copied().collect()),
            from: range.offsets.0,
            to: range.offsets.1.saturating_add(1),
            from_ms: (range.times_ms.0 > i64::MIN).then_some(range.times_ms.0),
            until_ms: None,
            before_ms: None,
        };
        let sought: Vec<TailRange> = ranges.iter().map(range).collect();
        (!sought.contains(&TailRange::all())).then_some(sought)
    }

    /// The fields to decode.
    fn fields(&self) -> Fields {
        let mut fields = self.shape.fields().select(&self.paths);
        for (path, used) in &self.meant {
            let kind = match (used, fields.find(path)) {
                (Used::Number, Some(Kind::Bool | Kind::Utf8 | Kind::Json)) => Kind::Float64,
                (Used::Text, Some(Kind::Bool | Kind::Int64 | Kind::Float64)) => Kind::Utf8,
                (Used::Bool, Some(Kind::Int64 | Kind::Float64 | Kind::Utf8 | Kind::Json)) => Kind::Bool,
                _ => continue,
            };
            fields.set(path, kind);
        }
        fields
    }

    fn observe(&mut self, values: &BinaryArray) -> bool {
        let changed = self.shape.observe(values);
        if changed {
            let fields = self.shape.fields();
            self.complete = self.paths.iter().all(|path| fields.find(path).is_some());
            self.decoder = RecordDecoder::json(&self.fields());
        }
        changed
    }

    /// A field of the predicate that no record has had so far, and which field may have been meant.
    pub fn unseen(&self) -> Option<String> {
        if self.complete {
            return None;
        }
        let fields = self.shape.fields();
        let path = self.paths.iter().find(|path| fields.find(path).is_none())?;
        Some(unseen(
            "no record so far has",
            path,
            near(&fields, path).as_deref(),
        ))
    }

    /// Which rows satisfy the predicate, and how many values were not of their field's type.
    /// `values_are_text`: they have no fields, whatever is in them.
    pub fn mask(&mut self, raw: &RecordBatch, values_are_text: bool) -> Result<(BooleanArray, u64)> {
        let values = raw
            .column_by_name("value")
            .and_then(|values| values.as_binary_opt::<i32>())
            .ok_or_else(|| Error::internal("raw_batch", "a batch of records has no values"))?;
        if !self.complete && !values_are_text {
            self.observe(values);
        }
        let mut decoded = self.decoder.decode(raw)?;
        // A number with a fraction where there were whole ones: the type is widened and the batch is decoded again.
        if decoded.mistyped > 0 && !values_are_text && self.observe(values) {
            decoded = self.decoder.decode(raw)?;
        }
        let mask = self.predicate.evaluate(&decoded.records)?;
        Ok((mask, decoded.mistyped))
    }
}

/// The rows that a mask keeps.
pub fn kept(records: &RecordBatch, mask: &BooleanArray) -> Result<RecordBatch> {
    filter_record_batch(records, mask)
        .map_err(|error| Error::internal("filter", format!("records can't be filtered: {error}")))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::{
        array::{ArrayRef, Int32Array, Int64Array, ListArray, new_empty_array, new_null_array},
        buffer::OffsetBuffer,
        datatypes::{DataType, Field},
    };
    use tailrace_connectors::clusters::kafka::raw_schema;

    use super::*;

    fn raw(values: &[&str]) -> RecordBatch {
        let count = values.len();
        let column = |field: &Arc<Field>| -> ArrayRef {
            match field.data_type() {
                DataType::Int32 => Arc::new(Int32Array::from(vec![0; count])),
                DataType::Int64 => Arc::new(Int64Array::from(vec![0; count])),
                DataType::List(item) => Arc::new(ListArray::new(
                    item.clone(),
                    OffsetBuffer::new_zeroed(count),
                    new_empty_array(item.data_type()),
                    None,
                )),
                DataType::Binary if field.name() == "value" => {
                    Arc::new(BinaryArray::from_iter_values(values))
                }
                other => new_null_array(other, count),
            }
        };
        let columns = raw_schema().fields().iter().map(column).collect();
        RecordBatch::try_new(raw_schema(), columns).unwrap()
    }

    #[test]
    fn what_is_said_of_partition_offset_and_time_is_sought() {
        let check = |filter: &str, expected: Option<Vec<TailRange>>| {
            assert_eq!(
                Filter::parse(filter, 10_000).unwrap().ranges(),
                expected,
                "{filter}"
            );
        };
        let all = TailRange::all;
        check("value.total > 5", None);
        check("_offset > 5 or value.total > 5", None);
        check("_timestamp < to_timestamp_millis(5000)", None);
        let offsets = TailRange {
            from: 6,
            to: 9,
            ..all()
        };
        check(
            "_offset > 5 and _offset < 9 and value.total > 5",
            Some(vec![offsets]),
        );
        let of = TailRange {
            partitions: Some(vec![1]),
            from_ms: Some(9_000),
            ..all()
        };
        check(
            "_partition = 1 and _timestamp >= now() - interval '1 second'",
            Some(vec![of]),
        );
        check("_offset < 3 and _offset > 7", Some(vec![]));
    }

    #[test]
    fn a_field_that_no_record_has_is_told_with_the_one_that_may_be_meant() {
        let check = |filter: &str, values: &[&str], kept: usize, unseen: Option<&str>| {
            let mut filter = Filter::parse(filter, 0).unwrap();
            let (mask, _) = filter.mask(&raw(values), false).unwrap();
            assert_eq!((mask.true_count(), filter.unseen().as_deref()), (kept, unseen));
        };
        let order = r#"{"event":"Order","properties":{"revenue":120}}"#;
        check("value.properties.revenue > 100", &[order], 1, None);
        let meant = "no record so far has value.revenue; there is value.properties.revenue";
        check("value.revenue > 100", &[order], 0, Some(meant));
        let meant = "no record so far has value.properties.revenu; there is value.properties.revenue";
        check("value.properties.revenu > 100", &[order], 0, Some(meant));
        check(
            "value.total > 1",
            &[order],
            0,
            Some("no record so far has value.total"),
        );
        let meant = "no record so far has value.Properties.Revenue; there is value.properties.revenue";
        check("value.Properties.Revenue > 100", &[order], 0, Some(meant));
        check("value = 'x'", &["x", "y"], 1, None);
    }
}
