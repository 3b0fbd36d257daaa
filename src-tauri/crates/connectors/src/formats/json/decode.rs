//! The fields that were asked for, as Arrow columns; the rest of each value is only checked.
//!
//! Invariants: a value that is no JSON object is null as a whole, its columns too, and marked; a field of another type
//! is null and counted; of a name that an object has twice, the last counts.

use arrow::{
    array::{Array, BinaryArray, BooleanBufferBuilder, StructArray},
    buffer::{BooleanBuffer, NullBuffer},
    datatypes::Fields as ArrowFields,
};
use tailrace_model::Result;

use super::{
    columns::{Columns, object},
    fields::Fields,
    scan::{Scanner, Wrong},
};

/// Decodes the same fields of any number of batches.
#[derive(Debug, Clone)]
pub struct Decoder {
    fields: Fields,
    arrow: ArrowFields,
}

/// A batch decoded.
#[derive(Debug, Clone)]
pub struct Decoded {
    /// A row a value; null where the value was null or is no JSON object.
    pub value: StructArray,
    /// Set where a value is no JSON object (nulls are not).
    pub undecoded: BooleanBuffer,
    pub undecoded_count: u64,
    /// Fields that were of another type.
    pub mistyped: u64,
}

impl Decoder {
    pub fn new(fields: &Fields) -> Self {
        Self {
            fields: fields.clone(),
            arrow: fields.arrow(),
        }
    }

    pub fn fields(&self) -> &Fields {
        &self.fields
    }

    pub fn decode(&self, values: &BinaryArray) -> Result<Decoded> {
        let rows = values.len();
        let mut columns = Columns::new(&self.fields, rows);
        let mut valid = BooleanBufferBuilder::new(rows);
        let mut undecoded = BooleanBufferBuilder::new(rows);
        let (mut undecoded_count, mut mistyped) = (0, 0);
        // Text is checked once for the whole batch, which is quicker than value by value.
        let all = all_text(values);
        for row in 0..rows {
            let before = mistyped;
            let decoded = values.is_valid(row)
                && text_at(values, all, row).is_some_and(|text| {
                    let decoded = decode_one(text, &mut columns, row, &mut mistyped).is_ok();
                    if !decoded {
                        columns.clear(row);
                        mistyped = before;
                    }
                    decoded
                });
            valid.append(decoded);
            undecoded.append(!decoded && values.is_valid(row));
            undecoded_count += u64::from(!decoded && values.is_valid(row));
        }
        let nulls = NullBuffer::new(valid.finish());
        let value = columns.finish(
            &self.arrow,
            rows,
            Some(nulls).filter(|nulls| nulls.null_count() > 0),
        )?;
        Ok(Decoded {
            value,
            undecoded: undecoded.finish(),
            undecoded_count,
            mistyped,
        })
    }
}

/// The text of the whole batch, when all of it is text and no value begins within a character.
fn all_text(values: &BinaryArray) -> Option<&str> {
    let offsets = values.value_offsets();
    let (first, last) = (*offsets.first()?, *offsets.last()?);
    let bytes = values
        .value_data()
        .get(usize::try_from(first).ok()?..usize::try_from(last).ok()?)?;
    let text = std::str::from_utf8(bytes).ok()?;
    offsets
        .iter()
        .all(|at| text.is_char_boundary(usize::try_from(at - first).unwrap_or(usize::MAX)))
        .then_some(text)
}

fn text_at<'a>(values: &'a BinaryArray, all: Option<&'a str>, row: usize) -> Option<&'a str> {
    let Some(all) = all else {
        return std::str::from_utf8(values.value(row)).ok();
    };
    let offsets = values.value_offsets();
    let from = |at: usize| usize::try_from(offsets[at] - offsets[0]).unwrap_or(0);
    all.get(from(row)..from(row + 1))
}

fn decode_one(
    text: &str,
    columns: &mut Columns,
    row: usize,
    mistyped: &mut u64,
) -> std::result::Result<(), Wrong> {
    let mut scanner = Scanner::new(text);
    scanner.space();
    object(&mut scanner, columns, row, mistyped)?;
    scanner.end()
}

#[cfg(test)]
mod tests {
    use arrow::json::ArrayWriter;
    use proptest::prelude::*;
    use serde_json::Value;

    use super::{
        super::{
            columns::EXACT,
            fields::Kind,
            shape::{Shape, ShapeLimits},
        },
        *,
    };

    fn rows(value: &StructArray) -> Vec<Value> {
        (0..value.len()).map(|row| cell(value, row)).collect()
    }

    /// What a row holds, nulls left out.
    fn cell(array: &dyn Array, row: usize) -> Value {
        use arrow::{
            array::AsArray,
            datatypes::{DataType, Float64Type, Int64Type},
        };
        if array.is_null(row) {
            return Value::Null;
        }
        match array.data_type() {
            DataType::Boolean => array.as_boolean().value(row).into(),
            DataType::Int64 => array.as_primitive::<Int64Type>().value(row).into(),
            DataType::Float64 => array.as_primitive::<Float64Type>().value(row).into(),
            DataType::Utf8 => array.as_string::<i32>().value(row).into(),
            DataType::Struct(fields) => {
                let columns = array.as_struct().columns();
                let pairs = fields
                    .iter()
                    .zip(columns)
                    .map(|(field, column)| (field.name().clone(), cell(column, row)));
                Value::Object(pairs.filter(|(_, value)| !value.is_null()).collect())
            }
            other => panic!("unexpected {other}"),
        }
    }

    /// The same, the slow way.
    fn expected(value: &Value, fields: &Fields, mistyped: &mut u64) -> Value {
        let Value::Object(object) = value else {
            return Value::Null;
        };
        let mut out = serde_json::Map::new();
        for field in &fields.list {
            let Some(found) = object.get(&field.name) else {
                continue;
            };
            let kept = match (&field.kind, found) {
                (_, Value::Null) => continue,
                (Kind::Bool, Value::Bool(_)) | (Kind::Utf8, Value::String(_)) => found.clone(),
                (Kind::Int64, Value::Number(number)) => match number.as_i64() {
                    Some(value) => value.into(),
                    None => match number.as_f64() {
                        Some(value) if value.fract() == 0.0 && value.abs() <= EXACT => (value as i64).into(),
                        _ => {
                            *mistyped += 1;
                            continue;
                        }
                    },
                },
                (Kind::Float64, Value::Number(number)) => number.as_f64().expect("finite").into(),
                (Kind::Json, found) => found.to_string().into(),
                (Kind::Struct(within), Value::Object(_)) => expected(found, within, mistyped),
                _ => {
                    *mistyped += 1;
                    continue;
                }
            };
            out.insert(field.name.clone(), kept);
        }
        Value::Object(out)
    }

    fn fields(of: &[&str]) -> Fields {
        Shape::infer(&BinaryArray::from_iter_values(of), ShapeLimits::default())
    }

    #[test]
    fn values_are_decoded() {
        let fields = fields(&[r#"{"i":1,"f":1.5,"s":"x","b":true,"o":{"i":1,"s":"x"},"l":[1]}"#]);
        let check = |value: &str, expected: &str, undecoded: bool, mistyped: u64| {
            // Neighbours show when a row spills over.
            let around = r#"{"i":7,"s":"n","o":{"s":"m"}}"#;
            let decoded = Decoder::new(&fields)
                .decode(&BinaryArray::from_iter_values([around, value, around]))
                .expect("decoded");
            let expected: Value = serde_json::from_str(expected).expect("a good test");
            let around: Value = serde_json::from_str(around).expect("a good test");
            assert_eq!(
                rows(&decoded.value),
                [around.clone(), expected, around],
                "{value}"
            );
            assert_eq!(decoded.undecoded.value(1), undecoded, "{value}");
            assert_eq!(
                (decoded.undecoded_count, decoded.mistyped),
                (u64::from(undecoded), mistyped),
                "{value}"
            );
        };
        check("{}", "{}", false, 0);
        check(
            " { \"i\" : -5 , \"s\" : \"a\\nb\" } ",
            r#"{"i":-5,"s":"a\nb"}"#,
            false,
            0,
        );
        check(
            r#"{"i":3.0,"f":3,"zz":{"i":9},"b":false}"#,
            r#"{"i":3,"f":3.0,"b":false}"#,
            false,
            0,
        );
        check(
            r#"{"i":3.5,"f":"x","s":5,"b":0,"o":1,"l":"x"}"#,
            r#"{"l":"\"x\""}"#,
            false,
            5,
        );
        check(r#"{"i":null,"o":null,"l":null}"#, "{}", false, 0);
        check(r#"{"i":9223372036854775808,"f":1e999}"#, "{}", false, 2);
        check(
            r#"{"o":{"i":2,"x":[{}],"s":"y"},"l":[1, 2]}"#,
            r#"{"o":{"i":2,"s":"y"},"l":"[1, 2]"}"#,
            false,
            0,
        );
        // The last of a name counts.
        check(
            r#"{"i":1,"i":2,"s":"long text","s":"b","o":{"i":1},"o":{"s":"t"}}"#,
            r#"{"i":2,"s":"b","o":{"s":"t"}}"#,
            false,
            0,
        );
        check(r#"{"s":"a","s":null,"o":{"s":"a"},"o":null}"#, "{}", false, 0);
        check(r#"{"\u0069":4}"#, r#"{"i":4}"#, false, 0);
        // Broken at the very end: nothing of it is kept.
        check(r#"{"i":1,"s":"long text","o":{"s":"t"},"b":"x""#, "null", true, 0);
        check(r#"{"i":1} x"#, "null", true, 0);
        check("[1]", "null", true, 0);
        check("", "null", true, 0);
        check("null", "null", true, 0);
    }

    #[test]
    fn nulls_and_bytes() {
        let fields = fields(&[r#"{"s":"x"}"#]);
        let values: Vec<Option<&[u8]>> = vec![
            None,
            Some(b"\xff\xfe"),
            Some("{\"s\":\"é\"}".as_bytes()),
            Some(b"{\"s\":\"\xc3\"}"),
        ];
        let decoded = Decoder::new(&fields)
            .decode(&BinaryArray::from_iter(values.clone()))
            .expect("decoded");
        assert_eq!(
            rows(&decoded.value),
            [
                Value::Null,
                Value::Null,
                serde_json::json!({"s": "é"}),
                Value::Null
            ]
        );
        assert_eq!(
            decoded.undecoded.iter().collect::<Vec<_>>(),
            [false, true, false, true]
        );
        // A slice of a batch begins somewhere else.
        let sliced = BinaryArray::from_iter(values).slice(2, 1);
        assert_eq!(
            rows(&Decoder::new(&fields).decode(&sliced).expect("decoded").value),
            [serde_json::json!({"s": "é"})]
        );
        // Two halves of a character in two values are no text, though their whole is.
        let halves = BinaryArray::from_iter_values([&b"{\"s\":\"\xc3"[..], &b"\xa9\"}"[..]]);
        assert_eq!(
            Decoder::new(&fields)
                .decode(&halves)
                .expect("decoded")
                .undecoded_count,
            2
        );
    }

    #[test]
    fn no_fields_at_all() {
        let decoded = Decoder::new(&Fields::default())
            .decode(&BinaryArray::from_iter_values(["{\"a\":1}", "x"]))
            .expect("decoded");
        assert_eq!(
            (
                decoded.value.len(),
                decoded.value.null_count(),
                decoded.undecoded_count
            ),
            (2, 1, 1)
        );
        // Arrow can write it out.
        ArrayWriter::new(Vec::new()).finish().expect("an array");
    }

    proptest! {
        #[test]
        fn agrees_with_serde(values in prop::collection::vec(super::super::values::object(), 1..12), asked in prop::collection::vec(any::<bool>(), 64)) {
            let texts: Vec<String> = values.iter().map(Value::to_string).collect();
            let array = BinaryArray::from_iter_values(&texts);
            let all = Shape::infer(&array, ShapeLimits::default());
            let paths: Vec<Vec<String>> = all.paths().into_iter().zip(asked).filter(|(_, asked)| *asked).map(|(path, _)| path.path).collect();
            for fields in [all.clone(), all.select(&paths)] {
                let decoded = Decoder::new(&fields).decode(&array).expect("decoded");
                let mut mistyped = 0;
                let wanted: Vec<Value> = values.iter().map(|value| expected(value, &fields, &mut mistyped)).collect();
                prop_assert_eq!(rows(&decoded.value), wanted);
                prop_assert_eq!(decoded.mistyped, mistyped);
                prop_assert_eq!(decoded.undecoded_count, 0);
            }
        }
    }
}
