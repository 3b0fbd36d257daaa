use serde_json::json;

use super::*;

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const DAY: i64 = 24 * 60 * MINUTE;
const START: i64 = 1_700_000_000_000;

fn sync(destination: &str, every: &str) -> Defined {
    let text = format!("audience = \"all\"\ndestination = \"{destination}\"\nevery = \"{every}\"\n");
    Defined {
        sync: toml::from_str(&text).unwrap(),
        destination: None,
    }
}

fn defined(syncs: &[(&str, &Defined)]) -> BTreeMap<String, Defined> {
    syncs
        .iter()
        .map(|(name, it)| ((*name).to_owned(), (*it).clone()))
        .collect()
}

fn started(schedule: &mut Schedule, now_ms: i64) -> Vec<String> {
    let started = schedule.start(now_ms, |_| true);
    started.into_iter().map(|(name, _)| name).collect()
}

fn end(schedule: &mut Schedule, name: &str, end: End, ended_ms: i64) {
    let ran = schedule.seen[name].clone();
    schedule.ended(Ended {
        sync: name.to_owned(),
        ran,
        end,
        ended_ms,
    });
}

#[test]
fn a_sync_runs_as_soon_as_its_audience_has_been_evaluated() {
    let mut schedule = Schedule::default();
    schedule.define(defined(&[("daily", &sync("crm", "1 day"))]));
    assert!(schedule.start(START, |_| false).is_empty());
    // It was evaluated and forgotten again before the run came to it: nothing is lost by that either.
    assert_eq!(started(&mut schedule, START + SECOND), ["daily"]);
    end(&mut schedule, "daily", End::NotYet, START + 2 * SECOND);
    assert!(schedule.start(START + 3 * SECOND, |_| false).is_empty());
    assert_eq!(started(&mut schedule, START + 4 * SECOND), ["daily"]);
    end(&mut schedule, "daily", End::Done, START + 5 * SECOND);
    assert!(started(&mut schedule, START + DAY).is_empty());
    assert_eq!(started(&mut schedule, START + DAY + 5 * SECOND), ["daily"]);
}

#[test]
fn a_destination_is_a_lane_and_no_lane_waits_for_another() {
    let mut schedule = Schedule::default();
    let (slow, quick) = (sync("slow", "5 seconds"), sync("quick", "5 seconds"));
    schedule.define(defined(&[("a", &slow), ("b", &slow), ("c", &quick)]));
    assert_eq!(started(&mut schedule, START), ["a", "c"]);
    end(&mut schedule, "c", End::Done, START + SECOND);
    assert!(started(&mut schedule, START + 2 * SECOND).is_empty());
    // The slow lane goes on; the other runs again and again beside it.
    assert_eq!(started(&mut schedule, START + 6 * SECOND), ["c"]);
    end(&mut schedule, "a", End::Done, START + 60 * SECOND);
    end(&mut schedule, "c", End::Done, START + 60 * SECOND);
    // In the lane, the one that never ran comes before the one that did.
    assert_eq!(started(&mut schedule, START + 70 * SECOND), ["b", "c"]);
}

#[test]
fn runs_at_once_are_bounded_and_the_one_that_waited_longest_comes_first() {
    let mut schedule = Schedule::default();
    let syncs: Vec<(String, Defined)> = (0..RUNS_MAX + 2)
        .map(|at| (format!("s{at}"), sync(&format!("d{at}"), "5 seconds")))
        .collect();
    schedule.define(syncs.iter().cloned().collect());
    assert_eq!(started(&mut schedule, START).len(), RUNS_MAX);
    assert!(started(&mut schedule, START).is_empty());
    end(&mut schedule, "s0", End::Done, START);
    let later = started(&mut schedule, START + MINUTE);
    assert_eq!(later, [format!("s{RUNS_MAX}")], "s0 ran already");
}

#[test]
fn a_change_of_definitions_takes_over_and_a_run_in_flight_ends_first() {
    let mut schedule = Schedule::default();
    let before = sync("crm", "1 day");
    schedule.define(defined(&[("x", &before)]));
    assert_eq!(started(&mut schedule, START), ["x"]);
    let now = sync("exports", "1 day");
    schedule.define(defined(&[("x", &now), ("y", &sync("crm", "1 day"))]));
    assert!(
        started(&mut schedule, START + SECOND).is_empty(),
        "x is in flight, and so is its lane"
    );
    schedule.ended(Ended {
        sync: "x".to_owned(),
        ran: before,
        end: End::Done,
        ended_ms: START + 2 * SECOND,
    });
    assert_eq!(started(&mut schedule, START + 2 * SECOND), ["x", "y"]);
    // One that is gone while it runs frees its lane at its end.
    schedule.define(defined(&[("y", &sync("crm", "1 day"))]));
    let gone = Ended {
        sync: "x".to_owned(),
        ran: now,
        end: End::Done,
        ended_ms: START + 3 * SECOND,
    };
    schedule.ended(gone);
    assert_eq!(schedule.running.keys().collect::<Vec<_>>(), ["y"]);
}

#[test]
fn a_failed_sync_runs_at_once_when_definitions_change() {
    let mut schedule = Schedule::default();
    let (x, y) = (sync("crm", "1 day"), sync("exports", "1 day"));
    schedule.define(defined(&[("x", &x), ("y", &y)]));
    assert_eq!(started(&mut schedule, START), ["x", "y"]);
    end(&mut schedule, "x", End::Failed { retry: false }, START);
    end(&mut schedule, "y", End::Done, START);
    assert!(started(&mut schedule, START + MINUTE).is_empty());
    schedule.define(defined(&[("x", &x), ("y", &y), ("z", &sync("z", "1 day"))]));
    assert_eq!(started(&mut schedule, START + MINUTE), ["x", "z"]);
}

#[test]
fn a_clock_set_back_stops_nothing() {
    let mut schedule = Schedule::default();
    schedule.define(defined(&[("x", &sync("crm", "5 seconds"))]));
    assert_eq!(started(&mut schedule, START), ["x"]);
    end(&mut schedule, "x", End::Done, START);
    assert_eq!(started(&mut schedule, START - DAY), ["x"]);
}

#[test]
fn waits_lengthen_with_failures() {
    let check = |every_ms, failures, retry, expected| {
        assert_eq!(
            wait_ms(every_ms, failures, retry),
            expected,
            "{every_ms} {failures}"
        );
    };
    check(5 * SECOND, 0, false, 5 * SECOND);
    check(5 * SECOND, 1, true, 10 * SECOND);
    check(5 * SECOND, 9, false, 160 * SECOND);
    // A daily one loses no day to a network that was away for a moment.
    check(DAY, 1, true, 2 * MINUTE);
    check(DAY, 9, true, 32 * MINUTE);
    check(DAY, 3, false, DAY);
    check(10 * MINUTE, 9, false, 60 * MINUTE);
}

#[test]
fn how_a_run_ended_says_what_comes_next() {
    let check = |outcome: Result<serde_json::Value>, expected: End| {
        let outcome = outcome.map(|run| {
            let empty = json!({ "columns": [], "rows": [], "total": 0 });
            let difference = json!({ "added": 0, "changed": 0, "removed": 0, "unchanged": 0, "without_key": 0, "sample": empty });
            serde_json::from_value(json!({ "difference": difference, "run": run })).unwrap()
        });
        assert_eq!(End::of(&outcome), expected, "{outcome:?}");
    };
    let run = |error: Option<Error>| {
        json!({ "id": 1, "sync": "x", "started_ms": 1, "ended_ms": 2, "state": "partial", "added": 1, "changed": 0,
            "removed": 0, "delivered": 0, "failed": 1, "error": error })
    };
    check(Ok(json!(null)), End::Done);
    check(Ok(run(None)), End::Done);
    check(
        Ok(run(Some(Error::refused("rows_refused", "no")))),
        End::Failed { retry: false },
    );
    check(
        Ok(run(Some(Error::external("gone", "away")))),
        End::Failed { retry: true },
    );
    check(Err(Error::user("audience_not_evaluated", "wait")), End::NotYet);
    check(Err(Error::external("cancelled", "stopped")), End::Done);
    check(
        Err(Error::user("sync_place_taken", "two")),
        End::Failed { retry: false },
    );
}
