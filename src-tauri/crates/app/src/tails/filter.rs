//! The filter of a tail: a SQL predicate over fields whose types become known as records are seen.

use arrow::{
    array::{AsArray, BinaryArray, RecordBatch},
    compute::filter_record_batch,
};
use tailrace_connectors::formats::{
    RecordDecoder,
    json::{Shape, ShapeLimits},
};
use tailrace_engine::session::RecordFilter;
use tailrace_model::{Error, Result};

/// See the module's text. Only the fields that the predicate names are decoded.
pub struct Filter {
    predicate: RecordFilter,
    /// Paths below `value` that the predicate reads.
    paths: Vec<Vec<String>>,
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
        let complete = paths.is_empty() || paths.iter().any(Vec::is_empty);
        Ok(Self {
            predicate,
            paths,
            shape,
            decoder,
            complete,
        })
    }

    fn observe(&mut self, values: &BinaryArray) -> bool {
        let changed = self.shape.observe(values);
        if changed {
            let fields = self.shape.fields();
            self.complete = self.paths.iter().all(|path| fields.find(path).is_some());
            self.decoder = RecordDecoder::json(&fields.select(&self.paths));
        }
        changed
    }

    /// The rows that satisfy the predicate, and how many values were not of their field's type.
    pub fn apply(&mut self, raw: &RecordBatch) -> Result<(RecordBatch, u64)> {
        let values = raw
            .column_by_name("value")
            .and_then(|values| values.as_binary_opt::<i32>())
            .ok_or_else(|| Error::internal("raw_batch", "a batch of records has no values"))?;
        if !self.complete {
            self.observe(values);
        }
        let mut decoded = self.decoder.decode(raw)?;
        // A number with a fraction where there were whole ones: the type is widened and the batch is decoded again.
        if decoded.mistyped > 0 && self.observe(values) {
            decoded = self.decoder.decode(raw)?;
        }
        let mask = self.predicate.evaluate(&decoded.records)?;
        let kept = filter_record_batch(raw, &mask)
            .map_err(|error| Error::internal("filter", format!("records can't be filtered: {error}")))?;
        Ok((kept, decoded.mistyped))
    }
}
