//! What may be handed to a delivery, and in which form it reaches the destination.

use super::*;

#[tokio::test]
async fn a_whole_state_is_one_batch() {
    let mut destination = Scripted::new(vec![]);
    destination.wants = Wants::WholeState;
    let mut log = Log::default();
    deliver(
        &destination,
        &FakeClock::default(),
        &mut log,
        changes(&["a", "b", "c"], &["x"]),
    )
    .await;
    assert_eq!(destination.requests(), ["-x a b c"]);
    let empty = deliver(&destination, &FakeClock::default(), &mut log, changes(&[], &[])).await;
    assert_eq!(
        (destination.requests().len(), empty.error),
        (2, None),
        "an empty audience is a state too"
    );
}

#[tokio::test]
async fn keys_are_checked_before_anything_is_sent() {
    let check = async |changes: Changes, expected: &str| {
        let (destination, mut log) = (Scripted::new(vec![]), Log::default());
        let delivered = deliver(&destination, &FakeClock::default(), &mut log, changes).await;
        let message = delivered.error.unwrap().message;
        assert!(message.starts_with(expected), "{message}");
        assert!(destination.requests().is_empty() && log.lines.is_empty());
    };
    let of = |name: &str, array: ArrayRef| {
        let upserts = RecordBatch::try_from_iter_with_nullable([(name, array, true)]).unwrap();
        Changes {
            upserts,
            removes: batch(&[]),
        }
    };
    check(changes(&["a", "a"], &[]), "two rows have the key \"a\" in \"id\"").await;
    check(changes(&["a"], &["a"]), "two rows have the key \"a\" in \"id\"").await;
    check(
        of("name", Arc::new(Int64Array::from(vec![1]))),
        "the key \"id\" is not a column",
    )
    .await;
    check(
        of("id", Arc::new(StringArray::from(vec![None::<&str>]))),
        "1 rows have no key \"id\"",
    )
    .await;
    let floats: ArrayRef = Arc::new(arrow::array::Float64Array::from(vec![0.5]));
    check(of("id", floats), "the key \"id\" holds Float64").await;
    let list =
        arrow::array::ListArray::from_iter_primitive::<arrow::datatypes::Int32Type, _, _>([Some([Some(1)])]);
    check(of("id", Arc::new(list)), "the column \"id\" holds List").await;
}
