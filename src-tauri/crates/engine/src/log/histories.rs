//! The log on random histories: whatever fails or is interrupted, what is collected is what one undisturbed run would
//! have collected, and its properties come back.

use arrow::array::RecordBatch;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{LogSnapshot, world::*};

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-1_000i32..1_000).prop_map(|number| json!(f64::from(number) / 4.0)),
        ".{0,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::hash_map(".{0,6}", inner, 0..3)
                .prop_map(|map| map.into_iter().collect::<Map<_, _>>().into()),
        ]
    })
}

/// Names that collide with one another and with the fixed columns.
fn any_properties() -> impl Strategy<Value = Value> {
    let known = [
        "orderId",
        "order_id",
        "Order ID",
        "event",
        "type",
        "properties_event",
        "a",
        "A",
        "",
        "-",
        "context",
    ];
    let name = prop_oneof![6 => prop::sample::select(known.to_vec()).prop_map(str::to_owned), 1 => ".{0,70}"];
    prop::collection::hash_map(name, any_value(), 0..8)
        .prop_map(|map| map.into_iter().collect::<Map<_, _>>().into())
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Collect(usize),
    Checkpoint,
    FailedCheckpoint,
    Crash,
    Compact(bool),
    /// Takes a merge back, as the app does it: between two checkpoints.
    Undo(prop::sample::Index),
}

fn any_steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        5 => (1usize..12).prop_map(Step::Collect),
        4 => Just(Step::Checkpoint),
        1 => Just(Step::FailedCheckpoint),
        1 => Just(Step::Crash),
        2 => any::<bool>().prop_map(Step::Compact),
        2 => any::<prop::sample::Index>().prop_map(Step::Undo),
    ];
    prop::collection::vec(step, 0..30)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn properties_come_back(all in prop::collection::vec(any_properties(), 1..12)) {
        let mut world = World::new();
        let texts: Vec<_> = all.iter().enumerate().map(|(n, properties)| record(n, Some(1), None, properties)).collect();
        for part in texts.chunks(4) {
            world.collect(&part.iter().map(|text| event(text)).collect::<Vec<_>>());
            world.checkpoint();
        }
        let expected: Vec<_> = all.into_iter().map(normal).collect();
        let found = |world: &World| content(&world.log().snapshot()).into_values().map(|row| row.2).collect::<Vec<_>>();
        prop_assert_eq!(found(&world), expected.clone());
        world.compact(true);
        prop_assert_eq!(found(&world), expected.clone());
        prop_assert!(world.reopen().is_empty());
        prop_assert_eq!(found(&world), expected);
    }

    /// Interrupted in any way, resumed from the last committed position, with records that come twice.
    #[test]
    fn resumed_is_uninterrupted(
        who in prop::collection::vec((prop::option::of(0u8..4), 0u8..5), 1..80),
        repeats in prop::collection::vec(any::<prop::sample::Index>(), 0..10),
        steps in any_steps(),
    ) {
        let one = |(number, (user, device)): (usize, &(Option<u8>, u8))| {
            record(number, *user, Some(*device), &json!({"n": number, "plan": format!("plan {}", number % 4)}))
        };
        let mut texts: Vec<_> = who.iter().enumerate().map(one).collect();
        for repeat in repeats {
            let text = texts[repeat.index(texts.len())].clone();
            texts.push(text);
        }
        let events: Vec<_> = texts.iter().map(|text| event(text)).collect();

        let mut world = World::new();
        let (mut at, mut committed) = (0, 0);
        let mut undone = Vec::new();
        for step in steps {
            match step {
                Step::Collect(count) => {
                    let to = (at + count).min(events.len());
                    world.collect(&events[at..to]);
                    at = to;
                }
                Step::Checkpoint => {
                    world.checkpoint();
                    committed = at;
                }
                Step::FailedCheckpoint => {
                    if let Some(change) = world.seal() {
                        world.collector().discard(change);
                    }
                }
                Step::Crash => {
                    prop_assert!(world.reopen().is_empty());
                    at = committed;
                }
                Step::Compact(commit) => {
                    world.compact(commit);
                }
                Step::Undo(index) => {
                    world.checkpoint();
                    committed = at;
                    let merges = world.identity.rows.merges.len();
                    if merges > 0 {
                        let merge = index.index(merges) as u64;
                        if world.collector().undo(merge, 7).is_ok() {
                            undone.push((at, merge));
                        }
                        world.checkpoint();
                    }
                }
            }
        }
        world.collect(&events[at..]);
        world.checkpoint();
        // The same, undisturbed: no segment is written before the end.
        let mut straight = World::new();
        let mut from = 0;
        for (at, merge) in undone {
            straight.collect(&events[from..at]);
            from = at;
            prop_assert!(straight.collector().undo(merge, 7).is_ok());
        }
        straight.collect(&events[from..]);
        straight.checkpoint();
        let (found, expected) = (world.log().snapshot(), straight.log().snapshot());
        prop_assert_eq!(content(&found), content(&expected));
        prop_assert_eq!(profiles(&found), profiles(&expected));
        prop_assert!(world.reopen().is_empty());
        let found = world.log().snapshot();
        prop_assert_eq!(content(&found), content(&expected));
        prop_assert_eq!(profiles(&found), profiles(&expected));
    }
}

fn profiles(snapshot: &LogSnapshot) -> RecordBatch {
    let profiles = snapshot.profiles();
    arrow::compute::concat_batches(&profiles.schema, &profiles.batches).expect("one schema")
}
