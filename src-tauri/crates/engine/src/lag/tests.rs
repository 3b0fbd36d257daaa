use tailrace_model::{
    AlertDefinition,
    api::{AlertState, LagLevel, LagStatus},
};

use super::{alerts::*, reset::*, *};

const STEP_MS: i64 = 5_000;
const WINDOW_MS: i64 = 60_000;

fn rules() -> LagRules {
    LagRules {
        every_ms: STEP_MS,
        window_ms: WINDOW_MS,
        commits: 10,
        samples_min: 3,
    }
}

const TOO_FEW: &str = "too few commits were seen yet to judge its lag";

/// A row a sample, every five seconds, `(committed, end)` a partition of `orders`.
type Rows<'a> = &'a [&'a [(Option<i64>, i64)]];

fn window(members: u32, rows: Rows) -> GroupWindow {
    let mut window = GroupWindow::default();
    for (at, row) in rows.iter().enumerate() {
        let samples: Vec<PartitionSample> = row
            .iter()
            .enumerate()
            .map(|(partition, (committed, end))| PartitionSample {
                topic: "orders".to_owned(),
                partition: partition as i32,
                committed: *committed,
                end: Some(*end),
                lag: committed.map(|committed| (end - committed).max(0)),
                lost: committed.map(|_| 0),
                owned: members > 0,
                ..PartitionSample::default()
            })
            .collect();
        window.add(&rules(), at as i64 * STEP_MS, members, &samples);
    }
    window
}

fn check(members: u32, rows: Rows, status: LagStatus, reason: &str) -> GroupJudgement {
    let found = window(members, rows).judge(&rules());
    assert_eq!((found.status, found.reason.as_str()), (status, reason));
    found
}

/// One partition whose commits and ends are these.
fn one(members: u32, points: &[(i64, i64)], status: LagStatus, reason: &str) -> GroupJudgement {
    let rows: Vec<[(Option<i64>, i64); 1]> = points.iter().map(|(at, end)| [(Some(*at), *end)]).collect();
    let rows: Vec<&[(Option<i64>, i64)]> = rows.iter().map(|row| &row[..]).collect();
    check(members, &rows, status, reason)
}

#[test]
fn rules_1_and_5_no_lag_at_any_time_in_the_window_is_ok() {
    one(1, &[(5, 5)], LagStatus::Ok, "it has read everything");
    one(
        0,
        &[(5, 5), (5, 5), (5, 5), (5, 5)],
        LagStatus::Ok,
        "it has read everything",
    );
    // It had read everything 15 s ago: nothing is said against it yet.
    one(
        1,
        &[(5, 5), (5, 9), (5, 12), (5, 20)],
        LagStatus::Ok,
        "it is behind by 15 records and had none to read within the window",
    );
}

#[test]
fn a_time_without_lag_leaves_the_window() {
    let mut points = vec![(5, 5)];
    points.extend((1..=12).map(|at| (5, 5 + at)));
    one(
        1,
        &points,
        LagStatus::Ok,
        "it is behind by 12 records and had none to read within the window",
    );
    points.push((5, 18));
    one(
        1,
        &points,
        LagStatus::Stall,
        "no commit for 65 s in orders/0, where 13 records wait",
    );
}

#[test]
fn rule_4_a_commit_that_went_back_is_a_rewind_until_it_is_where_it_was() {
    one(
        1,
        &[(50, 60), (20, 60), (30, 60)],
        LagStatus::Rewind,
        "its commits went back by 30 records in orders/0",
    );
    // Two samples are enough, and a time without lag does not hide it.
    one(
        1,
        &[(60, 60), (0, 60)],
        LagStatus::Rewind,
        "its commits went back by 60 records in orders/0",
    );
    one(
        1,
        &[(50, 90), (20, 90), (40, 90), (55, 90)],
        LagStatus::Ok,
        "it is behind by 35 records and keeps up",
    );
    one(
        1,
        &[(50, 60), (20, 60), (60, 60)],
        LagStatus::Ok,
        "it has read everything",
    );
    let found = window(1, &[&[(Some(50), 60)], &[(Some(20), 60)]]).judge(&rules());
    assert_eq!(
        found.partitions[0].reason,
        "its commit went back from 50 to 20 0 s ago: 30 records are read again"
    );
    assert_eq!(found.out_per_second, None, "offsets that went back give no rate");
}

#[test]
fn rules_2_and_3_no_new_commit_is_a_stop_or_a_stall() {
    // Nobody was seen to commit: the whole window has to pass.
    let silent = |samples: i64| -> Vec<(i64, i64)> { (0..samples).map(|at| (3, 4 + at)).collect() };
    one(1, &silent(13), LagStatus::Unknown, TOO_FEW);
    one(
        0,
        &silent(14),
        LagStatus::Stop,
        "nobody is in the group, and 14 records wait in orders/0",
    );
    one(
        1,
        &silent(14),
        LagStatus::Stall,
        "no commit for 65 s in orders/0, where 14 records wait",
    );
    // One that commits every ten seconds may be silent for as long as its commits span, and no longer.
    let mut points = vec![(0, 10), (0, 12), (5, 14), (5, 16), (9, 18)];
    points.extend([(9, 20); 4]);
    one(
        1,
        &points,
        LagStatus::Ok,
        "it is behind by 11 records and keeps up",
    );
    points.push((9, 20));
    one(
        1,
        &points,
        LagStatus::Stall,
        "no commit for 25 s in orders/0, where 11 records wait",
    );
    points.push((20, 20));
    one(1, &points, LagStatus::Ok, "it has read everything");
}

#[test]
fn rule_6_lag_that_does_not_fall_is_a_warning() {
    one(
        1,
        &[(0, 10), (5, 16), (11, 23), (15, 30)],
        LagStatus::Warn,
        "it commits, but is behind by 4 records more than 10 s ago in orders/0",
    );
    one(
        1,
        &[(0, 10), (5, 15), (11, 21), (15, 25)],
        LagStatus::Warn,
        "it commits, but its lag of 10 records has not fallen for 10 s in orders/0",
    );
    // It fell once.
    one(
        1,
        &[(0, 10), (5, 16), (11, 20), (15, 30)],
        LagStatus::Ok,
        "it is behind by 15 records and keeps up",
    );
    // Between two commits lag always grows: only what it is after a commit counts.
    one(
        1,
        &[(0, 10), (0, 20), (15, 22), (15, 40), (36, 42), (36, 45)],
        LagStatus::Ok,
        "it is behind by 9 records and keeps up",
    );
}

#[test]
fn too_few_samples_judge_nothing() {
    one(1, &[(1, 5), (1, 6)], LagStatus::Unknown, TOO_FEW);
    check(
        1,
        &[&[(None, 5)]],
        LagStatus::Unknown,
        "it has committed nothing yet",
    );
    // A partition with lag that can't be judged yet is not hidden behind one that has none.
    let found = check(1, &[&[(Some(5), 5), (Some(1), 900)]], LagStatus::Unknown, TOO_FEW);
    assert_eq!(found.level, LagLevel::Unknown);
    assert_eq!(GroupWindow::default().judge(&rules()).status, LagStatus::Unknown);
}

#[test]
fn a_group_is_judged_by_its_worst_partition() {
    let rows: Vec<[(Option<i64>, i64); 2]> = (0..14)
        .map(|at| [(Some(at * 5), 10 + at * 5 - at % 2), (Some(3), 4 + at)])
        .collect();
    let rows: Vec<&[(Option<i64>, i64)]> = rows.iter().map(|row| &row[..]).collect();
    let found = check(
        2,
        &rows,
        LagStatus::Stall,
        "no commit for 65 s in orders/1, where 14 records wait",
    );
    assert_eq!(found.level, LagLevel::Err);
    assert_eq!(found.partitions[0].status, LagStatus::Ok);
    assert_eq!(found.slowest, Some(1));
    assert!((found.skew.unwrap() - 14.0 * 2.0 / 23.0).abs() < 1e-9);
    check(
        0,
        &[&[(Some(0), 9); 5][..]; 14],
        LagStatus::Stop,
        "nobody is in the group, and 45 records wait in all 5 partitions",
    );
}

#[test]
fn rates_and_the_time_to_drain() {
    let found = one(
        1,
        &[(0, 100), (30, 105), (60, 110)],
        LagStatus::Ok,
        "it is behind by 50 records and keeps up",
    );
    assert_eq!(
        (found.in_per_second, found.out_per_second),
        (Some(1.0), Some(6.0))
    );
    assert_eq!((found.lag, found.drained_in_ms), (Some(50), Some(10_000)));
    assert!((found.complete - 2.0 / 9.0).abs() < 1e-9);
    let never = window(1, &[&[(Some(0), 100)], &[(Some(1), 105)]]).judge(&rules());
    assert_eq!(never.drained_in_ms, None);
}

#[test]
fn unknown_counts_in_no_sum() {
    let found = window(1, &[&[(Some(5), 9), (None, 70)]]).judge(&rules());
    assert_eq!(
        (found.lag, found.partitions_unknown, found.lost),
        (Some(4), 1, Some(0))
    );
    let none = window(1, &[&[(None, 70)]]).judge(&rules());
    assert_eq!((none.lag, none.lost, none.skew), (None, None, None));
}

#[test]
fn lost_records_and_open_transactions_are_told() {
    let mut window = GroupWindow::default();
    let sample = PartitionSample {
        topic: "orders".to_owned(),
        committed: Some(5),
        end: Some(30),
        stable_end: Some(5),
        lag: Some(20),
        lost: Some(3),
        owned: true,
        ..PartitionSample::default()
    };
    for at in 0..14 {
        window.add(&rules(), at * STEP_MS, 1, std::slice::from_ref(&sample));
    }
    let found = window.judge(&rules());
    assert_eq!(
        found.reason,
        "no commit for 65 s in orders/0, where 20 records wait; an open transaction holds back readers of committed \
         records in orders/0; 3 records were deleted before they were read in orders/0"
    );
    assert_eq!(found.lost, Some(3));
}

#[test]
fn a_window_keeps_no_more_points_than_it_may() {
    let mut window = GroupWindow::default();
    let day = LagRules {
        window_ms: 86_400_000,
        ..rules()
    };
    for at in 0..50_000_i64 {
        let sample = PartitionSample {
            topic: "orders".to_owned(),
            committed: Some(at / 10),
            end: Some(at),
            lag: Some(at - at / 10),
            ..PartitionSample::default()
        };
        window.add(&day, at * 2_000, 1, &[sample]);
        assert!(window.points("orders", 0).count() <= POINTS_MAX);
    }
    let newest = window.points("orders", 0).last().unwrap();
    assert_eq!(newest.at_ms, 49_999 * 2_000);
}

#[test]
fn the_end_tells_when_a_record_was_written() {
    let point = |at_ms, end| LagPoint {
        at_ms,
        committed: None,
        end: Some(end),
        lag: None,
        lag_ms: None,
        guessed: false,
    };
    let points = [
        point(0, 100),
        point(10_000, 200),
        point(20_000, 200),
        point(30_000, 300),
    ];
    let check = |next: i64, expected: Option<i64>| {
        assert_eq!(
            interpolated_lag_ms(points.iter(), next, 40_000),
            expected,
            "{next}"
        );
    };
    check(100, Some(40_000));
    check(150, Some(35_000));
    check(200, Some(20_000));
    check(250, Some(15_000));
    // Before the oldest sample, and not written yet.
    check(99, None);
    check(300, None);
}

fn alert(text: &str) -> AlertDefinition {
    serde_json::from_str(text).unwrap()
}

#[test]
fn an_alert_holds_when_all_that_it_says_does() {
    let check = |text: &str, lag: Option<i64>, lag_ms: Option<i64>, status, expected: Option<bool>| {
        let observed = Observed { lag, lag_ms, status };
        assert_eq!(holds(&alert(text), &observed), expected, "{text} {observed:?}");
    };
    let lag = r#"{"lag": 10}"#;
    check(lag, Some(10), None, LagStatus::Unknown, Some(true));
    check(lag, Some(9), None, LagStatus::Unknown, Some(false));
    check(lag, None, Some(1), LagStatus::Ok, None);
    let both = r#"{"lag": 10, "lag_time": "1 minute"}"#;
    check(both, Some(10), Some(60_000), LagStatus::Ok, Some(true));
    check(both, Some(10), Some(59_999), LagStatus::Ok, Some(false));
    check(both, Some(9), None, LagStatus::Ok, Some(false));
    check(both, Some(10), None, LagStatus::Ok, None);
    let err = r#"{"status": ["err"]}"#;
    check(err, None, None, LagStatus::Rewind, Some(true));
    check(err, None, None, LagStatus::Stall, Some(true));
    check(err, None, None, LagStatus::Warn, Some(false));
    check(err, None, None, LagStatus::Unknown, None);
    check(
        r#"{"status": ["warn", "stop"]}"#,
        None,
        None,
        LagStatus::Stop,
        Some(true),
    );
    check("{}", Some(1), Some(1), LagStatus::Stop, Some(false));
}

#[test]
fn an_alert_fires_once_and_is_resolved_once() {
    let standing = |state, since_ms| Some(Standing { state, since_ms });
    let check = |before, holds, now_ms, expected: Step| {
        assert_eq!(
            step(before, holds, 1_000, now_ms),
            expected,
            "{before:?} {holds:?} {now_ms}"
        );
    };
    check(None, Some(true), 5_000, Step::Wait { since_ms: 5_000 });
    check(
        standing(AlertState::Pending, 5_000),
        Some(true),
        5_999,
        Step::Stay,
    );
    check(
        standing(AlertState::Pending, 5_000),
        Some(true),
        6_000,
        Step::Fire { since_ms: 5_000 },
    );
    check(
        standing(AlertState::Pending, 5_000),
        Some(false),
        6_000,
        Step::Forget,
    );
    check(
        standing(AlertState::Firing, 5_000),
        Some(true),
        90_000,
        Step::Stay,
    );
    check(standing(AlertState::Firing, 5_000), None, 90_000, Step::Stay);
    check(
        standing(AlertState::Firing, 5_000),
        Some(false),
        90_000,
        Step::Resolve,
    );
    check(
        standing(AlertState::Resolved, 5_000),
        Some(false),
        90_000,
        Step::Stay,
    );
    check(
        standing(AlertState::Resolved, 5_000),
        Some(true),
        90_000,
        Step::Wait { since_ms: 90_000 },
    );
    check(None, None, 1, Step::Stay);
    assert_eq!(step(None, Some(true), 0, 7), Step::Fire { since_ms: 7 });
}

#[test]
fn patterns_of_groups() {
    let check = |pattern: &str, name: &str, expected: bool| {
        assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
    };
    check("billing", "billing", true);
    check("billing", "billing-2", false);
    check("billing-*", "billing-2", true);
    check("*", "", true);
    check("*-eu", "a-eu", true);
    check("a*b*c", "aXbYbc", true);
    check("a*b*c", "acb", false);
    check("ab*b", "ab", false);
}

#[test]
fn a_reset_stays_within_the_partition_and_says_so() {
    let check = |current: Option<i64>, to: Target, new: i64, clamped: Option<i64>, change: Option<i64>| {
        let found = row(&Wanted {
            topic: "t".to_owned(),
            partition: 0,
            current,
            start: 100,
            end: 200,
            to,
        });
        assert_eq!(
            (found.new, found.clamped_from, found.change),
            (new, clamped, change),
            "{to:?}"
        );
        found
    };
    check(Some(150), Target::Start, 100, None, Some(-50));
    check(Some(150), Target::End, 200, None, Some(50));
    check(Some(150), Target::Offset(170), 170, None, Some(20));
    check(Some(150), Target::Offset(5), 100, Some(5), Some(-50));
    check(Some(150), Target::Offset(900), 200, Some(900), Some(50));
    check(Some(150), Target::Shift(-20), 130, None, Some(-20));
    check(Some(150), Target::Shift(i64::MAX), 200, Some(i64::MAX), Some(50));
    let found = check(None, Target::Shift(-20), 180, None, None);
    assert_eq!(
        found.note.as_deref(),
        Some("nothing is committed: counted from the end")
    );
    let found = check(Some(150), Target::Time(None), 200, None, Some(50));
    assert!(found.note.is_some());
    check(Some(150), Target::Time(Some(110)), 110, None, Some(-40));
}

#[test]
fn a_plan_counts_only_records_that_are_there() {
    let one = |partition, current, to| {
        row(&Wanted {
            topic: "t".to_owned(),
            partition,
            current,
            start: 100,
            end: 200,
            to,
        })
    };
    let found = plan(
        "c",
        "g",
        vec![
            one(2, None, Target::Start),
            one(1, Some(120), Target::End),
            // 90 was deleted: nothing is skipped or read again before 100.
            one(0, Some(10), Target::Start),
            one(3, Some(150), Target::Shift(-10)),
        ],
        None,
    );
    assert_eq!((found.skipped, found.again), (80, 10));
    let order: Vec<i32> = found.rows.iter().map(|row| row.partition).collect();
    assert_eq!(order, [0, 1, 2, 3]);
}

#[test]
fn files_of_offsets() {
    let read = |text: &str| {
        parse_csv(text, "mine").map(|all| {
            all.iter()
                .map(|one| format!("{}/{}@{}", one.topic, one.partition, one.offset))
                .collect::<Vec<_>>()
                .join(" ")
        })
    };
    let good = |text: &str, expected: &str| assert_eq!(read(text).unwrap(), expected);
    let bad = |text: &str, says: &str| {
        let error = read(text).unwrap_err();
        assert!(error.message.contains(says), "{}", error.message);
    };
    good("a,0,5\nb,1,7\n", "a/0@5 b/1@7");
    good(
        "\"topic\",\"partition\",\"offset\"\n\"a\",0,5\n\n# a comment\n",
        "a/0@5",
    );
    good("mine,a,0,5\nother,a,0,9\n", "a/0@5");
    bad("a,0,5\na,0\n", "line 2");
    bad("a,0,5\na,x,5\n", "line 2");
    bad("a,0,5\na,0,6\n", "twice");
    bad("a,0,-5\n", "line 1");
    bad("", "no line");
    bad("other,a,0,9\n", "no line");
}
