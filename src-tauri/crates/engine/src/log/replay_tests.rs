//! A replay against a map of what is to be there.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Replayed, world::*};

fn form(number: usize, form: u8) -> String {
    record(
        number,
        Some((number % 3) as u8),
        None,
        &json!({"form": form, "note": format!("number {number} in form {form}")}),
    )
}

impl World {
    fn replay(&mut self, texts: &[String], gone: &[String], commit: bool) -> Replayed {
        self.now_ms += 10;
        let now_ms = self.now_ms;
        let events: Vec<_> = texts.iter().map(|text| event(text)).collect();
        let (change, replayed) = self
            .collector()
            .replay("shop", &events, gone, now_ms, false)
            .expect("replayed");
        if let Some(change) = change {
            if commit {
                self.persist(&change);
                self.collector().install(change);
            } else {
                self.collector().discard(change);
            }
        }
        replayed
    }

    fn forms(&self) -> BTreeMap<String, Value> {
        let all = content(&self.log().snapshot()).into_iter();
        all.map(|(id, (_, _, properties))| (id, properties["form"].clone()))
            .collect()
    }

    /// Events that profiles count.
    fn counted(&mut self) -> i64 {
        let profiles = &self.identity.rows.profiles;
        profiles
            .iter()
            .filter(|row| row.merged_into.is_none())
            .map(|row| row.events as i64)
            .sum()
    }
}

#[test]
fn what_differs_is_replaced_what_is_the_same_stays_and_what_is_new_is_added() {
    let mut world = World::new();
    let first: Vec<String> = (0..6).map(|number| form(number, 1)).collect();
    for part in first.chunks(2) {
        world.collect(&part.iter().map(|text| event(text)).collect::<Vec<_>>());
        world.checkpoint();
    }
    let again = [form(1, 1), form(2, 2), form(3, 2), form(9, 2), form(9, 3)];
    let replayed = world.replay(&again, &["m0000".to_owned(), "unknown".to_owned()], true);
    let expected = Replayed {
        added: 1,
        replaced: 2,
        same: 1,
        removed: 1,
        suppressed: 0,
        identities: 1,
        rejected: Vec::new(),
    };
    assert_eq!(replayed, expected);
    let wanted: BTreeMap<String, Value> = [
        ("m0001", 1.0),
        ("m0002", 2.0),
        ("m0003", 2.0),
        ("m0004", 1.0),
        ("m0005", 1.0),
        ("m0009", 2.0),
    ]
    .map(|(id, form)| (id.to_owned(), json!(form)))
    .into();
    assert_eq!(world.forms(), wanted);
    assert_eq!(world.counted(), 6);
    assert!(world.reopen().is_empty());
    assert_eq!(world.forms(), wanted);
    let replayed = world.replay(&again, &[], true);
    assert_eq!(
        (replayed.same, replayed.replaced, replayed.added),
        (4, 0, 0),
        "once more changes nothing"
    );
    assert_eq!(
        world.collect(&[event(&form(9, 4))]).duplicates,
        1,
        "what was added is known"
    );
}

#[test]
fn what_named_people_otherwise_before_is_counted() {
    let mut world = World::new();
    let named =
        |number: usize, user: Option<u8>, form: u8| record(number, user, Some(1), &json!({"form": form}));
    let first = [
        named(0, Some(1), 1),
        named(1, Some(2), 1),
        named(2, None, 1),
        named(3, None, 1),
    ];
    world.collect(&first.iter().map(|text| event(text)).collect::<Vec<_>>());
    world.checkpoint();
    // One is of somebody else now, one has only other properties; of those that go one tied two identifiers together.
    let again = [named(0, Some(5), 1), named(3, None, 2)];
    let gone = ["m0001".to_owned(), "m0002".to_owned()];
    let replayed = world.replay(&again, &gone, true);
    assert_eq!(
        (replayed.replaced, replayed.removed, replayed.identities),
        (2, 2, 2)
    );
}

#[derive(Debug, Clone)]
enum Step {
    Collect(Vec<(usize, u8)>),
    Checkpoint,
    Crash,
    Compact(bool),
    Replay(Vec<(usize, u8)>, Vec<usize>, bool),
}

fn any_steps() -> impl Strategy<Value = Vec<Step>> {
    let events = || prop::collection::vec((0usize..12, 0u8..3), 1..8);
    let step = prop_oneof![
        4 => events().prop_map(Step::Collect),
        3 => Just(Step::Checkpoint),
        1 => Just(Step::Crash),
        2 => any::<bool>().prop_map(Step::Compact),
        3 => (events(), prop::collection::vec(0usize..12, 0..3), prop::bool::weighted(0.8))
            .prop_map(|(events, gone, commit)| Step::Replay(events, gone, commit)),
    ];
    prop::collection::vec(step, 0..25)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    /// Any interleaving of collecting, checkpoints, crashes, compaction and replay leaves what a map says: each event
    /// once, in the form that was committed last.
    #[test]
    fn the_log_holds_what_was_committed_last(steps in any_steps()) {
        let mut world = World::new();
        let (mut committed, mut pending): (BTreeMap<String, u8>, BTreeMap<String, u8>) = Default::default();
        let id = |number: usize| format!("m{number:04}");
        for step in steps {
            match step {
                Step::Collect(events) => {
                    let texts: Vec<_> = events.iter().map(|(number, of)| form(*number, *of)).collect();
                    world.collect(&texts.iter().map(|text| event(text)).collect::<Vec<_>>());
                    for (number, of) in events {
                        pending.entry(id(number)).or_insert(of);
                    }
                }
                Step::Checkpoint => {
                    world.checkpoint();
                    committed.clone_from(&pending);
                }
                Step::Crash => {
                    prop_assert!(world.reopen().is_empty());
                    pending.clone_from(&committed);
                }
                Step::Compact(commit) => drop(world.compact(commit)),
                Step::Replay(events, gone, commit) => {
                    world.checkpoint();
                    committed.clone_from(&pending);
                    let texts: Vec<_> = events.iter().map(|(number, of)| form(*number, *of)).collect();
                    let gone: Vec<_> = gone.into_iter().map(id).collect();
                    let before = world.forms();
                    world.replay(&texts, &gone, commit);
                    if !commit {
                        prop_assert_eq!(world.forms(), before);
                        continue;
                    }
                    let mut firsts = BTreeMap::new();
                    for (number, of) in events {
                        firsts.entry(id(number)).or_insert(of);
                    }
                    committed.retain(|id, _| !gone.contains(id) || firsts.contains_key(id));
                    committed.extend(firsts);
                    pending.clone_from(&committed);
                }
            }
        }
        world.checkpoint();
        let wanted: BTreeMap<String, Value> = pending.into_iter().map(|(id, of)| (id, json!(f64::from(of)))).collect();
        prop_assert_eq!(world.forms(), wanted);
        let events = world.log().snapshot().rows() as i64;
        prop_assert_eq!(world.counted(), events);
    }
}
