//! The log by examples: once, nothing lost, no trace of a crash, merges, compaction, damage.

use arrow::{array::Array, datatypes::Int64Type};
use serde_json::json;

use super::{world::*, *};

#[test]
fn a_message_is_collected_once_across_openings() {
    let mut world = World::new();
    let texts: Vec<_> = (0..20).map(plain).collect();
    let events: Vec<_> = texts.iter().map(|text| event(text)).collect();
    assert_eq!(world.collect(&events[..12]).accepted, 12);
    assert_eq!(world.collect(&events[..12]).duplicates, 12, "while they wait");
    world.checkpoint();
    assert_eq!(
        world.collect(&events[6..12]).duplicates,
        6,
        "after the checkpoint"
    );
    assert!(world.reopen().is_empty());
    let again = world.collect(&events);
    assert_eq!((again.accepted, again.duplicates), (8, 12), "after the opening");
    world.checkpoint();
    assert_eq!(world.log().snapshot().rows(), 20);
    world.now_ms += World::settings().dedupe_window_ms * 2;
    assert!(world.reopen().is_empty());
    assert_eq!(world.collect(&events[..1]).accepted, 1, "the window is over");
}

#[test]
fn a_crash_before_the_commit_leaves_no_trace() {
    let mut world = World::new();
    let texts: Vec<_> = (0..10).map(plain).collect();
    let events: Vec<_> = texts.iter().map(|text| event(text)).collect();
    world.collect(&events[..5]);
    world.checkpoint();
    world.collect(&events[5..]);
    let change = world.seal().expect("something to write");
    assert_eq!(world.files().len(), 2, "the second one is written");
    fs::write(world.path().join("seg-000000000099.parquet.tmp"), "half").expect("written");
    fs::write(world.path().join("notes.txt"), "mine").expect("written");
    // The process ends here: nothing is installed, nothing is discarded.
    std::mem::forget(change);
    assert!(world.reopen().is_empty());
    assert_eq!(world.files(), ["notes.txt", "seg-000000000000.parquet"]);
    assert_eq!(world.log().snapshot().rows(), 5);
    let again = world.collect(&events);
    assert_eq!((again.accepted, again.duplicates), (5, 5));
    world.checkpoint();
    assert_eq!(content(&world.log().snapshot()).len(), 10);
}

#[test]
fn a_failed_commit_loses_nothing() {
    let mut world = World::new();
    let texts: Vec<_> = (0..10).map(plain).collect();
    let events: Vec<_> = texts.iter().map(|text| event(text)).collect();
    world.collect(&events[..5]);
    let change = world.seal().expect("something to write");
    let counts = change.counts.clone();
    world.collect(&events[5..]);
    assert_eq!(
        world.collector().seal(1).expect_err("one at a time").code,
        "checkpoint_open"
    );
    world.collector().discard(change);
    assert!(world.files().is_empty(), "its file is gone");
    assert_eq!(world.collector().buffered_rows(), 10);
    let change = world.seal().expect("something to write");
    assert_eq!(
        counts,
        [SourceCounts {
            source: "shop".to_owned(),
            events: 5,
            duplicates: 0,
            rejected: 0
        }]
    );
    assert_eq!(change.counts[0].events, 10);
    assert_eq!(change.columns_added.len(), 2);
    world.persist(&change);
    world.collector().install(change);
    assert_eq!(content(&world.log().snapshot()).len(), 10);
    assert!(world.seal().is_none(), "nothing new");
}

#[test]
fn blocked_events_are_rejected_and_counted() {
    let mut world = World::new();
    let text = r#"{"messageId":"m","type":"page","userId":"null"}"#;
    let collected = world.collect(&[event(text), event(text)]);
    assert_eq!(
        collected.rejected.iter().map(|one| one.index).collect::<Vec<_>>(),
        [0, 1]
    );
    assert_eq!(
        collected.rejected[0].reason,
        "no identifier that may be used: user_id=null is blocked or too long"
    );
    let change = world.seal().expect("counts");
    assert_eq!(change.counts[0].rejected, 2);
    assert!(change.segments_added.is_empty());
    world.collector().install(change);
}

#[test]
fn a_merge_moves_the_events_that_are_written_already() {
    let mut world = World::new();
    let page = |id: &str, who: &str| format!(r#"{{"messageId":"{id}","type":"page",{who}}}"#);
    let first = [
        page("m1", r#""anonymousId":"a""#),
        page("m2", r#""userId":"u""#),
        page("m3", r#""userId":"v""#),
    ];
    world.collect(&first.iter().map(|text| event(text)).collect::<Vec<_>>());
    world.checkpoint();
    let before = world.log().snapshot();
    let tie = page("m4", r#""anonymousId":"a","userId":"u""#);
    world.collect(&[event(&tie)]);
    world.checkpoint();
    let after = world.log().snapshot();
    let count = |snapshot: &LogSnapshot, what: &str| {
        let rows = query(
            snapshot,
            &format!("SELECT count(*) AS n FROM events WHERE {what}"),
        );
        rows.column(0).as_primitive::<Int64Type>().value(0)
    };
    assert_eq!(
        (count(&before, "profile_id = 1"), count(&before, "profile_id = 2")),
        (1, 1),
        "a snapshot stays"
    );
    assert_eq!(
        (count(&after, "profile_id = 1"), count(&after, "profile_id = 2")),
        (3, 0)
    );
    assert_eq!(
        (
            count(&after, "profile_id <> 1"),
            count(&after, "profile_id IN (1, 2)")
        ),
        (1, 3)
    );
    let grouped = query(
        &after,
        "SELECT profile_id, count(*) AS n FROM events GROUP BY profile_id ORDER BY profile_id",
    );
    assert_eq!(grouped.column(0).as_primitive::<Int64Type>().values(), &[1, 3]);
    let top = query(
        &after,
        "SELECT profile_id FROM events ORDER BY profile_id DESC LIMIT 2",
    );
    assert_eq!(top.column(0).as_primitive::<Int64Type>().values(), &[3, 1]);
    assert_eq!(after.canonical(2), 1);
    assert_eq!(after.profiles().rows, 2);
    assert!(world.reopen().is_empty());
    assert_eq!(content(&world.log().snapshot()), content(&after));
}

#[test]
fn compaction_keeps_what_is_there_and_readers_keep_their_files() {
    let mut world = World::new();
    let texts: Vec<_> = (0..60).map(plain).collect();
    for part in texts.chunks(20) {
        world.collect(&part.iter().map(|text| event(text)).collect::<Vec<_>>());
        world.checkpoint();
    }
    let before = world.log().snapshot();
    let expected = content(&before);
    assert!(world.compact(false), "discarded");
    assert_eq!(world.files().len(), 3);
    assert!(world.compact(true), "committed");
    let after = world.log().snapshot();
    assert_eq!(after.segments().len(), 1);
    assert_eq!(content(&after), expected);
    assert_eq!(world.files().len(), 4, "the old files are still read");
    assert_eq!(content(&before), expected);
    drop(before);
    assert_eq!(world.files().len(), 1, "the last reader let go");
    assert!(after.segments()[0].schema().index_of("amount").is_ok());
    let ids = query(&after, "SELECT profile_id, \"timestamp\", message_id FROM events");
    let sorted = query(
        &after,
        "SELECT profile_id, \"timestamp\", message_id FROM events ORDER BY 1, 2, 3",
    );
    assert_eq!(ids, sorted, "one file, in the log's order");
    assert!(world.log().verify(&CancellationToken::new()).is_empty());
    assert!(world.reopen().is_empty());
    assert_eq!(content(&world.log().snapshot()), expected);
}

#[test]
fn compaction_sorts_what_a_merge_moved() {
    let mut world = World::new();
    let page = |number: usize, who: &str| format!(r#"{{"messageId":"m{number}","type":"page",{who}}}"#);
    let people = [r#""anonymousId":"a""#, r#""userId":"u""#, r#""anonymousId":"b""#];
    for round in 0..3 {
        let texts: Vec<_> = (0..3)
            .map(|place| page(round * 3 + place, people[place]))
            .collect();
        world.collect(&texts.iter().map(|text| event(text)).collect::<Vec<_>>());
        world.checkpoint();
    }
    // The third becomes the first: it no longer stands where it was sorted to.
    let phone = |device: &str| {
        format!(r#"{device},"context":{{"externalIds":[{{"id":"7","type":"phone","collection":"users"}}]}}"#)
    };
    let ties = [page(20, &phone(people[0])), page(21, &phone(people[2]))];
    world.collect(&ties.iter().map(|text| event(text)).collect::<Vec<_>>());
    world.checkpoint();
    let expected = content(&world.log().snapshot());
    assert_eq!(world.log().snapshot().canonical(3), 1);
    assert!(world.compact(true));
    assert_eq!(content(&world.log().snapshot()), expected);
    assert_eq!(world.log().snapshot().segments()[0].row().merges_applied, 1);
}

#[test]
fn a_compaction_that_is_cancelled_changes_nothing() {
    let mut world = World::new();
    for number in 0..3 {
        world.collect(&[event(&plain(number))]);
        world.checkpoint();
    }
    let token = CancellationToken::new();
    token.cancel();
    let log = world.log();
    assert!(block_on(log.compact(1, &token)).expect("no fault").is_none());
    assert_eq!(world.files().len(), 3);
    assert!(world.compact(true), "the next one is not held up");
}

#[test]
fn a_damaged_segment_is_named_and_the_others_are_read() {
    let damage = |harm: &dyn Fn(&Path), expected: &str| {
        let mut world = World::new();
        for part in 0..2 {
            let texts: Vec<_> = (part * 10..part * 10 + 10).map(plain).collect();
            world.collect(&texts.iter().map(|text| event(text)).collect::<Vec<_>>());
            world.checkpoint();
        }
        harm(&world.path().join("seg-000000000000.parquet"));
        let problems = world.reopen();
        assert_eq!(problems.len(), 1, "{expected}");
        assert_eq!(problems[0].segment, "seg-000000000000.parquet");
        let sentence = problems[0].to_string();
        assert!(
            sentence.contains(expected) && sentence.contains("its 10 events are missing"),
            "{sentence}"
        );
        assert_eq!(problems[0].error.code, "segment_damaged");
        let snapshot = world.log().snapshot();
        assert_eq!(
            (snapshot.rows(), snapshot.missing()),
            (10, &["seg-000000000000.parquet".to_owned()][..])
        );
        assert_eq!(content(&snapshot).len(), 10);
    };
    let change = |path: &Path, change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = fs::read(path).expect("the segment");
        change(&mut bytes);
        fs::write(path, bytes).expect("written");
    };
    damage(&|path| fs::remove_file(path).expect("removed"), "is not there");
    damage(
        &|path| change(path, &|bytes| bytes.truncate(bytes.len() / 2)),
        "is damaged",
    );
    damage(
        &|path| change(path, &|bytes| bytes.clear()),
        "is damaged (0 bytes",
    );
    damage(
        &|path| {
            change(path, &|bytes| {
                let end = bytes.len() - 30;
                bytes[end..].fill(7)
            })
        },
        "is damaged",
    );
    damage(
        &|path| change(path, &|bytes| bytes[4..2_000].fill(0)),
        "is damaged",
    );
}

#[test]
fn a_changed_byte_is_found_when_files_are_verified() {
    let mut world = World::new();
    world.collect(&[event(&plain(1))]);
    world.checkpoint();
    let path = world.path().join("seg-000000000000.parquet");
    let mut bytes = fs::read(&path).expect("the segment");
    bytes[40] ^= 1;
    fs::write(&path, bytes).expect("written");
    let problems = world.log().verify(&CancellationToken::new());
    assert_eq!(problems.len(), 1);
    assert!(
        problems[0].to_string().contains("is not what was written"),
        "{}",
        problems[0]
    );
}

#[test]
fn an_empty_log_has_a_table() {
    let world = World::new();
    let snapshot = world.log().snapshot();
    assert_eq!(
        (snapshot.rows(), snapshot.bytes(), snapshot.checkpoint_ms()),
        (0, 0, None)
    );
    assert_eq!(
        query(
            &snapshot,
            "SELECT count(*) AS n FROM events WHERE \"event\" = 'x'"
        )
        .num_rows(),
        1
    );
    assert_eq!(query(&snapshot, "SELECT profile_id FROM events").num_rows(), 0);
}

#[test]
fn columns_that_a_segment_lacks_are_null() {
    let mut world = World::new();
    let record = |number, properties| record(number, Some(1), None, &properties);
    for (number, properties) in [
        (1, json!({"Order ID": "a"})),
        (2, json!({"orderId": "b", "total": 3})),
    ] {
        world.collect(&[event(&record(number, properties))]);
        world.checkpoint();
    }
    let rows = query(
        &world.log().snapshot(),
        "SELECT order_id, total FROM events ORDER BY order_id",
    );
    assert_eq!(
        rows.column(0).as_string_view().iter().collect::<Vec<_>>(),
        [Some("a"), Some("b")]
    );
    assert_eq!(
        (rows.column(1).is_null(0), rows.column(1).is_null(1)),
        (true, false)
    );
}
