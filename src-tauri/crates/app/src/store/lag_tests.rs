//! The history of lag: what is kept of it, how long, and alerts that outlive a restart.

use tailrace_model::{Error, api::AlertState};

use super::{lag::*, tests::store, *};

const START_MS: i64 = 1_800_000_000_000 - 1_800_000_000_000 % 86_400_000;

fn values(lag: Option<i64>, end: i64) -> LagValues {
    LagValues {
        lag,
        lag_ms: lag.map(|lag| lag * 10),
        guessed: false,
        committed: lag.map(|lag| end - lag),
        end: Some(end),
    }
}

fn row(at_ms: i64, lag: Option<i64>, end: i64) -> LagRow {
    LagRow {
        at_ms,
        total: values(lag, end),
        partitions: [(("orders".to_owned(), 3), values(lag, end))].into(),
    }
}

async fn add(store: &Store, group: &str, row: LagRow) {
    store.add_lag("c", &[(group.to_owned(), row)]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn lag_is_kept_by_group_and_unknown_stays_unknown() {
    let (_folder, store) = store().await;
    let rows = [
        ("a".to_owned(), row(START_MS, Some(3), 9)),
        ("b".to_owned(), row(START_MS, None, 9)),
    ];
    store.add_lag("c", &rows).await.unwrap();
    add(&store, "a", row(START_MS + 10_000, Some(4), 12)).await;
    let found = store.lag_since("c", Some("a"), 0, 0).await.unwrap();
    assert_eq!(
        found["a"],
        [row(START_MS, Some(3), 9), row(START_MS + 10_000, Some(4), 12)]
    );
    let all = store.lag_since("c", None, 0, 0).await.unwrap();
    assert_eq!(all["b"], [row(START_MS, None, 9)]);
    assert!(store.lag_since("other", None, 0, 0).await.unwrap().is_empty());
    let later = store.lag_since("c", None, START_MS + 1, 0).await.unwrap();
    assert_eq!(later.keys().collect::<Vec<_>>(), ["a"]);
    // A second point of the same ten seconds takes the place of the first.
    add(&store, "a", row(START_MS + 12_000, Some(7), 15)).await;
    let found = store.lag_since("c", Some("a"), 0, 0).await.unwrap();
    assert_eq!(found["a"].last(), Some(&row(START_MS + 12_000, Some(7), 15)));
    assert_eq!(found["a"].len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_minutes_that_are_over_become_one_point_with_their_peak() {
    let (_folder, store) = store().await;
    for (after_ms, lag) in [
        (0, Some(5)),
        (300_000, Some(90)),
        (590_000, None),
        (600_000, Some(1)),
    ] {
        add(&store, "a", row(START_MS + after_ms, lag, 100 + after_ms)).await;
    }
    let coarse = store.lag_since("c", Some("a"), 0, i64::MAX / 2).await.unwrap();
    let [point] = coarse["a"].as_slice() else {
        panic!("one point: {coarse:?}")
    };
    assert_eq!(point.at_ms, START_MS);
    assert_eq!((point.total.lag, point.total.lag_ms), (Some(90), Some(900)));
    assert_eq!(
        (point.total.end, point.total.committed),
        (Some(100 + 590_000), Some(300_010))
    );
    assert_eq!(point.partitions[&("orders".to_owned(), 3)], point.total);
    // Where there are finer points the coarse one says nothing more.
    let fine = store.lag_since("c", Some("a"), 0, 0).await.unwrap();
    assert_eq!(fine["a"].len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_week_and_a_year_are_kept_and_no_more() {
    let (_folder, store) = store().await;
    // A point every ten minutes of eight days, and one after a year.
    for step in 0..8 * 144 {
        add(&store, "a", row(START_MS + step * YEAR_STEP_MS, Some(step), step)).await;
    }
    let count = async |step_ms: i64| -> i64 {
        sqlx::query_scalar("SELECT count(*) FROM lag_chunks WHERE step_ms = ?")
            .bind(step_ms)
            .fetch_one(&store.pool)
            .await
            .unwrap()
    };
    let week = count(WEEK_STEP_MS).await;
    assert!((1_008..=1_010).contains(&week), "{week}");
    assert_eq!(count(YEAR_STEP_MS).await, 8);
    let all = store.lag_since("c", None, 0, 0).await.unwrap();
    assert_eq!(
        all["a"].len(),
        8 * 144,
        "what left the week is there as points of the year"
    );
    assert!(all["a"].is_sorted_by_key(|row| row.at_ms));
    add(&store, "a", row(START_MS + YEAR_MS + 6 * 86_400_000, Some(1), 1)).await;
    assert_eq!(count(WEEK_STEP_MS).await, 1);
    let kept = store.lag_since("c", None, 0, 0).await.unwrap();
    let first = kept["a"].first().unwrap().at_ms;
    assert!(
        (START_MS + 5 * 86_400_000..=START_MS + 6 * 86_400_000).contains(&first),
        "{first}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn rebalances_are_kept_newest_first() {
    let (_folder, store) = store().await;
    let mark = |at_ms, what: &str| LagMark {
        at_ms,
        what: what.to_owned(),
    };
    for at in 0..3 {
        store.add_lag_mark("c", "a", &mark(at, "x")).await.unwrap();
    }
    store.add_lag_mark("c", "b", &mark(9, "y")).await.unwrap();
    let found = store.lag_marks("c", "a", 1, 10).await.unwrap();
    assert_eq!(found, [mark(2, "x"), mark(1, "x")]);
    store
        .add_lag_mark("c", "a", &mark(YEAR_MS + 2, "z"))
        .await
        .unwrap();
    let found = store.lag_marks("c", "a", 0, 10).await.unwrap();
    assert_eq!(found.len(), 2, "a year is kept: {found:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn alerts_survive_and_owe_until_somebody_was_told() {
    let (folder, store) = store().await;
    let mut row = AlertRow {
        alert: "behind".to_owned(),
        cluster: "c".to_owned(),
        group: "g".to_owned(),
        state: AlertState::Firing,
        since_ms: 1,
        fired_ms: Some(2),
        resolved_ms: None,
        reason: "why".to_owned(),
        owed: vec!["{\"state\":\"firing\"}".to_owned()],
        error: None,
    };
    store.save_alerts(std::slice::from_ref(&row)).await.unwrap();
    store.close().await;
    let store = Store::open(folder.path()).await.unwrap();
    assert_eq!(store.alerts().await.unwrap(), [row.clone()]);
    row.state = AlertState::Resolved;
    row.resolved_ms = Some(5);
    row.owed = Vec::new();
    row.error = Some(Error::external("x", "no answer"));
    store.save_alerts(std::slice::from_ref(&row)).await.unwrap();
    assert_eq!(store.alerts().await.unwrap(), [row.clone()]);
    store.prune_alerts(6).await.unwrap();
    assert_eq!(store.alerts().await.unwrap().len(), 1);
    store.prune_alerts(8 * 86_400_000).await.unwrap();
    assert_eq!(store.alerts().await.unwrap().len(), 0);
}

#[test]
fn the_largest_lag_in_time_says_whether_it_is_guessed() {
    let one = |lag_ms: i64, guessed: bool| LagValues {
        lag_ms: Some(lag_ms),
        guessed,
        ..LagValues::default()
    };
    let check = |before: LagValues, later: LagValues, expected: LagValues| {
        assert_eq!(before.and_later(later), expected, "{before:?} {later:?}");
    };
    check(one(5, true), one(3, false), one(5, true));
    check(one(3, true), one(5, false), one(5, false));
    check(one(5, true), one(5, false), one(5, false));
    check(LagValues::default(), one(5, true), one(5, true));
}
