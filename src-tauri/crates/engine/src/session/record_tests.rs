//! Filters and projections over records.

use std::sync::Arc;

use arrow::{
    array::{
        Array, ArrayRef, AsArray, Int32Array, Int64Array, RecordBatch, StringArray, StructArray,
        TimestampMillisecondArray,
    },
    datatypes::{DataType, Field, Fields},
};

use super::{RecordFilter, RecordProjection, RecordSelect, rows_of, testing::T};

/// Records as a decoder gives them; `None`: the field was in no record of the batch.
fn records(revenue: Option<Vec<Option<i64>>>) -> RecordBatch {
    let rows = revenue.as_ref().map_or(3, Vec::len);
    let users: ArrayRef = Arc::new(
        (0..rows)
            .map(|row| Some(format!("u{row}")))
            .collect::<StringArray>(),
    );
    let mut fields = vec![(Arc::new(Field::new("userId", DataType::Utf8, true)), users)];
    if let Some(revenue) = revenue {
        let revenue: ArrayRef = Arc::new(Int64Array::from(revenue));
        let inner = Fields::from(vec![Field::new("revenue", DataType::Int64, true)]);
        let order: ArrayRef = Arc::new(StructArray::new(inner.clone(), vec![revenue], None));
        fields.push((
            Arc::new(Field::new("order", DataType::Struct(inner), true)),
            order,
        ));
    }
    let value: ArrayRef = Arc::new(StructArray::from(fields));
    let offsets: ArrayRef = Arc::new(Int64Array::from_iter_values(0..rows as i64));
    let partitions: ArrayRef = Arc::new(Int32Array::from(vec![1; rows]));
    let times: ArrayRef = Arc::new(TimestampMillisecondArray::from(vec![T; rows]).with_timezone("UTC"));
    let keys: ArrayRef = Arc::new(
        (0..rows)
            .map(|row| (row > 0).then(|| format!("k{row}")))
            .collect::<StringArray>(),
    );
    RecordBatch::try_from_iter_with_nullable([
        ("_partition", partitions, false),
        ("_offset", offsets, false),
        ("_timestamp", times, true),
        ("_key", keys, true),
        ("value", value, true),
    ])
    .unwrap()
}

fn some_records() -> RecordBatch {
    records(Some(vec![Some(50), Some(150), None, Some(200)]))
}

#[test]
fn filters_hold_on_records() {
    let check = |text: &str, expected: &[bool], missing: &[&str]| {
        let mut filter = RecordFilter::parse(text, T).unwrap();
        let holds = filter.evaluate(&some_records()).unwrap();
        assert_eq!(holds.values().iter().collect::<Vec<_>>(), expected, "{text}");
        assert_eq!(holds.null_count(), 0);
        assert_eq!(filter.missing(), missing, "{text}");
    };
    check(
        "where value.order.revenue > 100",
        &[false, true, false, true],
        &[],
    );
    check(
        "value.order.revenue>100 AND _offset < 3",
        &[false, true, false, false],
        &[],
    );
    check(
        "NOT (value.order.revenue > 100)",
        &[true, false, false, false],
        &[],
    );
    check("value.order.revenue IS NULL", &[false, false, true, false], &[]);
    check("value.userId IN ('u0', 'u3')", &[true, false, false, true], &[]);
    check("value['userId'] = 'u2'", &[false, false, true, false], &[]);
    check("_key IS NULL or _key = 'k2'", &[true, false, true, false], &[]);
    check("value.order.coupon = 'x'", &[false; 4], &["value.order.coupon"]);
    check(
        "value.order.coupon IS NULL AND value.a.b IS NULL",
        &[true; 4],
        &["value.a.b", "value.order.coupon"],
    );
    check(
        "value.price * value.quantity > 3",
        &[false; 4],
        &["value.price", "value.quantity"],
    );
    check(
        "lower(value.coupon) LIKE 'x%' OR value.order.revenue = 50",
        &[true, false, false, false],
        &["value.coupon"],
    );
    check("value.items[1].sku = 'a'", &[false; 4], &["value.items"]);
    check("_timestamp > now() - INTERVAL '5 minutes'", &[true; 4], &[]);
    check("_timestamp >= '2025-03-31T10:00:00Z'", &[true; 4], &[]);
    check(
        "regexp_like(value.userId, '^u[12]$')",
        &[false, true, true, false],
        &[],
    );
    check("NULL", &[false; 4], &[]);
}

#[test]
fn filters_name_what_they_read_and_follow_the_schema() {
    let mut filter = RecordFilter::parse(
        "WHERE value.order.revenue > 100 AND _key = 'a' AND value.items[1].sku = 'b'",
        T,
    )
    .unwrap();
    let paths: Vec<String> = filter.paths().iter().map(|path| path.join(".")).collect();
    assert_eq!(paths, ["_key", "value.items", "value.order.revenue"]);
    let _ = filter.evaluate(&some_records()).unwrap();
    let mut filter = RecordFilter::parse("value.order.revenue > 100", T).unwrap();
    assert_eq!(filter.evaluate(&records(None)).unwrap().true_count(), 0);
    assert_eq!(filter.missing(), ["value.order.revenue"]);
    assert_eq!(filter.evaluate(&some_records()).unwrap().true_count(), 2);
    assert!(filter.missing().is_empty());
}

#[test]
fn wrong_filters_are_refused_where_they_are_wrong() {
    let check = |text: &str, code: &str, message: &str| {
        let error = RecordFilter::parse(text, T)
            .and_then(|mut filter| filter.evaluate(&some_records()))
            .err();
        let found = error
            .as_ref()
            .map(|error| (error.code.as_str(), error.message.as_str()));
        assert_eq!(found, Some((code, message)), "{text}");
    };
    check(
        "where revenue > 100",
        "unknown_column",
        "line 1, column 7: there is no column \"revenue\". A record has value, _key, _offset, _partition, _timestamp, _headers: a field of its value is written value.revenue",
    );
    check(
        "where value.a >",
        "sql_syntax",
        "line 1, column 16: the SQL ends where an expression was expected",
    );
    check(
        "value.a = 1 value.b",
        "sql_syntax",
        "line 1, column 13: expected end of expression but found value",
    );
    check(
        "_offset",
        "sql_type",
        "the filter is a BIGINT, not true or false: compare it with something",
    );
    check(
        "  ",
        "sql_empty",
        "the filter is empty: write a condition such as value.revenue > 100",
    );
    check(
        "lenght(_key) > 1",
        "unknown_function",
        "line 1, column 1: there is no function \"lenght\". Did you mean \"length\"?",
    );
}

#[test]
fn a_projection_makes_events_of_records() {
    let check = |sql: &str, expected: &str| {
        let mut projection = RecordProjection::parse(sql).unwrap();
        let batch = projection.evaluate(&some_records()).unwrap();
        let names: Vec<&str> = batch
            .schema_ref()
            .fields()
            .iter()
            .map(|field| field.name().as_str())
            .collect();
        let rows = rows_of(&batch).into_iter().map(|row| {
            row.into_iter()
                .map(|cell| cell.unwrap_or_else(|| "NULL".to_owned()))
                .collect::<Vec<_>>()
                .join("|")
        });
        let found: Vec<String> = std::iter::once(names.join("|")).chain(rows).collect();
        assert_eq!(found.join("\n"), expected, "{sql}");
    };
    check(
        "SELECT value.userId AS user_id, 'Order' AS event, value.order.revenue * 2 AS revenue, value.coupon FROM records WHERE value.order.revenue > 100",
        "user_id|event|revenue|coupon|_partition|_offset|_timestamp\nu1|Order|300|NULL|1|1|2025-03-31T10:00:00.000Z\nu3|Order|400|NULL|1|3|2025-03-31T10:00:00.000Z",
    );
    check(
        "SELECT r.value.userId, _offset FROM records AS r WHERE _offset = 2",
        "userId|_offset|_partition|_timestamp\nu2|2|1|2025-03-31T10:00:00.000Z",
    );
    check(
        "SELECT total, upper(who) AS who FROM (SELECT value.order.revenue + 1 AS total, value.userId AS who, _offset AS o FROM records) x WHERE o < 1",
        "total|who|_partition|_offset|_timestamp\n51|U0|1|0|2025-03-31T10:00:00.000Z",
    );
    check(
        "SELECT _key FROM records WHERE false",
        "_key|_partition|_offset|_timestamp",
    );
    check(
        "SELECT value.price * value.quantity AS total, CAST(value.missing AS BIGINT) AS n FROM records WHERE _offset = 0",
        "total|n|_partition|_offset|_timestamp\nNULL|NULL|1|0|2025-03-31T10:00:00.000Z",
    );
}

#[test]
fn a_projection_follows_the_schema_and_survives_what_is_missing() {
    let mut projection =
        RecordProjection::parse("SELECT value.order.revenue AS revenue FROM records").unwrap();
    let before = projection.evaluate(&records(None)).unwrap();
    assert_eq!((before.num_rows(), before.column(0).logical_null_count()), (3, 3));
    assert_eq!(projection.missing(), ["value.order.revenue"]);
    let after = projection.evaluate(&some_records()).unwrap();
    assert_eq!(
        after
            .column(0)
            .as_primitive::<arrow::datatypes::Int64Type>()
            .value(1),
        150
    );
    assert_eq!(
        projection
            .paths()
            .iter()
            .map(|path| path.join("."))
            .collect::<Vec<_>>(),
        ["value.order.revenue"]
    );
}

#[test]
fn what_needs_more_than_one_record_is_refused() {
    let check = |sql: &str, what: &str| {
        let error = RecordProjection::parse(sql)
            .err()
            .map(|error| (error.code, error.message));
        let (code, message) = error.unwrap_or_default();
        assert!(
            code == "source_sql" && message.contains(&format!("so {what} can't be in it")),
            "{sql}: {code} {message}"
        );
    };
    check("SELECT count(*) FROM records", "GROUP BY or an aggregate");
    check(
        "SELECT value.a FROM records GROUP BY 1",
        "GROUP BY or an aggregate",
    );
    check("SELECT DISTINCT value.a FROM records", "DISTINCT");
    check("SELECT value.a FROM records ORDER BY 1", "ORDER BY");
    check("SELECT value.a FROM records LIMIT 3", "LIMIT");
    check(
        "SELECT a._key FROM records a JOIN records b ON a._key = b._key",
        "a join",
    );
    check(
        "SELECT _key FROM records UNION ALL SELECT _key FROM records",
        "UNION",
    );
    check("SELECT row_number() OVER () FROM records", "a window function");
    check("SELECT 1", "a SELECT without FROM records");
    check(
        "SELECT _key FROM records WHERE _offset IN (SELECT 1)",
        "a subquery",
    );
    check(
        "SELECT now() AS t FROM records",
        "now(), which would give another event each time the record is read,",
    );
    let error = RecordProjection::parse("SELECT value.a FROM record").err();
    assert_eq!(
        error.map(|error| error.message).as_deref(),
        Some("line 1, column 21: there is no table \"record\". Did you mean \"records\"?")
    );
}

#[test]
fn columns_are_selected_of_records() {
    let check = |text: &str, names: &[&str], rows: &[&[Option<&str>]]| {
        let select = RecordSelect::parse(text, T).unwrap();
        let columns = select.columns(&some_records().schema()).unwrap();
        let found = columns.evaluate(&some_records()).unwrap();
        let schema = found.schema();
        let found_names: Vec<&str> = schema
            .fields()
            .iter()
            .map(|field| field.name().as_str())
            .collect();
        assert_eq!(found_names, names, "{text}");
        let found = rows_of(&found);
        let found: Vec<Vec<Option<&str>>> = found
            .iter()
            .map(|row| row.iter().map(Option::as_deref).collect())
            .collect();
        assert_eq!(&found[..rows.len()], rows, "{text}");
    };
    check(
        "SELECT _key, value.order.revenue * 100 as cents, value.userId",
        &["_key", "cents", "userId"],
        &[
            &[None, Some("5000"), Some("u0")],
            &[Some("k1"), Some("15000"), Some("u1")],
            &[Some("k2"), None, Some("u2")],
        ],
    );
    check(
        "upper(value['userId']) u, value.order.coupon, value.price * value.quantity total, now() > _timestamp AS past",
        &["u", "coupon", "total", "past"],
        &[&[Some("U0"), None, None, Some("false")]],
    );
    check("_offset+1", &["_offset + 1"], &[&[Some("1")]]);
}

#[test]
fn columns_that_cannot_be_selected_are_explained() {
    let check = |text: &str, code: &str, message: &str| {
        let found = RecordSelect::parse(text, T).and_then(|select| select.columns(&some_records().schema()));
        let Err(error) = found else {
            panic!("{text} was selected");
        };
        assert_eq!(
            (error.code.as_str(), error.message.as_str()),
            (code, message),
            "{text}"
        );
    };
    check(
        "_key, revenue",
        "unknown_column",
        "line 1, column 7: there is no column \"revenue\". A record has value, _key, _offset, _partition, _timestamp, _headers: a field of its value is written value.revenue",
    );
    check(
        "_key, *",
        "select_all",
        "* can't be selected, because records differ in their fields: name the columns, such as _key, value.total",
    );
    check(
        "_key from orders",
        "sql_syntax",
        "line 1, column 6: \"from\" can't stand here: write columns alone, with commas between; --where and --count say which records",
    );
    check(
        "value.userId, value.order.userId",
        "duplicate_column",
        "two columns are named \"userId\": give one another name with AS",
    );
    check(
        "value, value.userId",
        "select_value",
        "value is text where it is selected whole, so value.userId can't be selected beside it: leave one of them out",
    );
    check(
        "sum(value.order.revenue) AS total",
        "select_one",
        "the column total needs more than one record: a tail shows each record by itself. Ask SQL over the topic as a table instead",
    );
    check(
        " ",
        "sql_empty",
        "there is no column: write those to show, such as _key, value.revenue * 100 AS cents",
    );
    let nearly = |text: &str, part: &str| {
        let found = RecordSelect::parse(text, T).and_then(|select| select.columns(&some_records().schema()));
        let message = found.err().map(|error| error.message).unwrap_or_default();
        assert!(message.contains(part), "{text}: {message}");
    };
    nearly("uper(value.userId)", "Did you mean \"upper\"?");
    nearly("value.order.", "line 1");
}
