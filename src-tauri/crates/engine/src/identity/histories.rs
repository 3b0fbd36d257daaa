//! Identity on random histories, with merges undone and allowed again, checkpoints that fail and reopenings: it is what
//! the plain reference says, which is shown to matter by faults planted there.

use std::borrow::Cow;

use proptest::{prelude::*, test_runner::TestRunner};

use super::{
    reference::{Fault, Reference},
    tests::{Store, event},
    *,
};
use crate::events::{Cell, Event, EventKind};

#[derive(Debug, Clone)]
struct Step {
    identify: bool,
    identifiers: Vec<(&'static str, u8)>,
    timestamp_ms: i64,
    trait_value: u8,
    by_hand: ByHand,
    after: After,
}

/// What somebody does before the event: to one of the merges there were.
#[derive(Debug, Clone, Copy)]
enum ByHand {
    Nothing,
    Undo(prop::sample::Index),
    Allow(prop::sample::Index),
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum After {
    Nothing,
    Commit,
    FailedCommit,
    Reopen,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let identifier = (
        prop::sample::select(vec!["user_id", "email", "anonymous_id", "phone"]),
        0u8..8,
    );
    let by_hand = prop_oneof![
        6 => Just(ByHand::Nothing),
        2 => any::<prop::sample::Index>().prop_map(ByHand::Undo),
        1 => any::<prop::sample::Index>().prop_map(ByHand::Allow),
    ];
    let after = prop_oneof![
        6 => Just(After::Nothing),
        2 => Just(After::Commit),
        1 => Just(After::FailedCommit),
        1 => Just(After::Reopen),
    ];
    let step = (
        any::<bool>(),
        prop::collection::vec(identifier, 1..4),
        0i64..1_000,
        0u8..4,
        by_hand,
        after,
    )
        .prop_map(
            |(identify, identifiers, timestamp_ms, trait_value, by_hand, after)| Step {
                identify,
                identifiers,
                timestamp_ms,
                trait_value,
                by_hand,
                after,
            },
        );
    prop::collection::vec(step, 1..60)
}

fn settings() -> IdentitySettings {
    let mut settings = IdentitySettings::default();
    settings.limits.insert(
        "anonymous_id".to_owned(),
        Limit {
            count_max: 2,
            window_ms: Some(10),
        },
    );
    settings.limits.insert(
        "phone".to_owned(),
        Limit {
            count_max: 1,
            window_ms: None,
        },
    );
    settings.limits.insert(
        "email".to_owned(),
        Limit {
            count_max: 3,
            window_ms: None,
        },
    );
    settings
}

impl Step {
    fn event(&self, number: usize) -> Event<'static> {
        let kind = if self.identify {
            EventKind::Identify
        } else {
            EventKind::Track
        };
        let mut event = event(kind, &[], self.timestamp_ms);
        event.message_id = Cow::Owned(format!("m{number}"));
        for (kind, value) in &self.identifiers {
            // Value 0 is blocked.
            let value = if *value == 0 {
                "0".to_owned()
            } else {
                format!("{kind}{value}")
            };
            crate::events::push_identifier(&mut event.identifiers, *kind, Cow::Owned(value)).expect("few");
        }
        event
            .properties
            .push((Cow::Borrowed("plan"), Cell::Number(f64::from(self.trait_value))));
        event
    }
}

/// Everything that can be told apart of one profile.
type Seen = (i64, Vec<(String, String)>, i64, i64, u64, Vec<(String, String)>);

fn seen(identity: &Identity) -> Vec<Seen> {
    let list = identity.search("", 0, u32::MAX).profiles;
    let mut all: Vec<Seen> = list
        .iter()
        .map(|summary| {
            let facts = identity.profile(summary.profile_id).expect("listed");
            let mut identifiers: Vec<_> = facts
                .identifiers
                .into_iter()
                .map(|one| (one.kind, one.value))
                .collect();
            identifiers.sort();
            let traits = facts
                .traits
                .into_iter()
                .map(|one| (one.name, one.value))
                .collect();
            (
                summary.profile_id,
                identifiers,
                summary.first_seen_ms,
                summary.last_seen_ms,
                summary.events,
                traits,
            )
        })
        .collect();
    all.sort();
    all
}

fn expected(reference: &Reference) -> Vec<Seen> {
    let mut all: Vec<Seen> = reference
        .people()
        .iter()
        .map(|person| {
            let mut identifiers: Vec<_> = person
                .identifiers
                .iter()
                .map(|one| (one.0.clone(), one.1.clone()))
                .collect();
            identifiers.sort();
            let (first, last) = (person.seen.iter().min(), person.seen.iter().max());
            let traits = person
                .traits
                .iter()
                .map(|(name, (value, _))| (name.clone(), value.clone()))
                .collect();
            (
                person.id,
                identifiers,
                *first.expect("an event"),
                *last.expect("an event"),
                person.seen.len() as u64,
                traits,
            )
        })
        .collect();
    all.sort();
    all
}

fn by_hand(
    what: ByHand,
    identity: &mut Identity,
    reference: &mut Reference,
    now_ms: i64,
) -> Result<(), TestCaseError> {
    prop_assert_eq!(identity.merges().len(), reference.merges());
    if reference.merges() == 0 {
        return Ok(());
    }
    match what {
        ByHand::Nothing => {}
        ByHand::Undo(index) => {
            let merge = index.index(reference.merges());
            let preview = identity.split(merge as u64);
            let done = identity.undo(merge as u64, now_ms);
            prop_assert_eq!(done.is_ok(), reference.undo(merge));
            if let Ok(split) = done {
                prop_assert_eq!(Some(&split), preview.as_ref().ok(), "the preview is what happens");
                for side in [&split.stays, &split.leaves] {
                    let facts = identity.facts(side.facts.profile_id);
                    prop_assert_eq!(facts.as_ref(), Some(&side.facts));
                }
            }
        }
        ByHand::Allow(index) => {
            let merge = index.index(reference.merges());
            prop_assert_eq!(
                identity.allow(merge as u64, now_ms).is_ok(),
                reference.allow(merge)
            );
        }
    }
    Ok(())
}

fn compare(steps: &[Step], fault: Fault) -> Result<(), TestCaseError> {
    let mut reference = Reference::new(settings(), fault);
    let mut identity = Identity::new(settings()).expect("settings");
    let mut store = Store::default();
    // Changes whose transaction failed; they are given back before anything else is taken, as a checkpoint does it.
    let mut waiting: Option<IdentityChanges> = None;
    for (number, step) in steps.iter().enumerate() {
        // The clock jumps, so that windows end.
        let now_ms = (number as i64) * 4;
        by_hand(step.by_hand, &mut identity, &mut reference, now_ms)?;
        let event = step.event(number);
        let ours = identity
            .resolve("shop", &event, now_ms)
            .ok()
            .map(|found| (found.profile_id, found.demoted.len()));
        prop_assert_eq!(ours, reference.resolve(&event, now_ms), "step {}", number);
        if step.after == After::Nothing {
            continue;
        }
        if let Some(changes) = waiting.take() {
            identity.give_back(&changes);
        }
        let changes = identity.take_changes();
        if step.after == After::FailedCommit {
            waiting = Some(changes);
            continue;
        }
        store.commit(changes);
        if step.after == After::Reopen {
            identity = Identity::open(settings(), store.rows.clone()).expect("what was stored");
        }
    }
    if let Some(changes) = waiting.take() {
        identity.give_back(&changes);
    }
    prop_assert_eq!(seen(&identity), expected(&reference));
    store.commit(identity.take_changes());
    prop_assert!(identity.take_changes().is_empty());
    let mut reopened = Identity::open(settings(), store.rows).expect("what was stored");
    prop_assert_eq!(seen(&reopened), expected(&reference));
    prop_assert_eq!(reopened.merges(), identity.merges());
    let (one, other) = (
        reopened.snapshot().expect("a table"),
        identity.snapshot().expect("a table"),
    );
    prop_assert_eq!(&one.batches, &other.batches);
    Ok(())
}

proptest! {
    #[test]
    fn agrees_with_the_reference(steps in steps()) {
        compare(&steps, Fault::None)?;
    }
}

#[test]
fn the_comparison_finds_planted_faults() {
    for fault in [
        Fault::IgnoresTheWindow,
        Fault::KeepsTheNewest,
        Fault::DemotesTheFirst,
        Fault::TakesTheLastTrait,
        Fault::ForgetsRefusals,
        Fault::LeavesTheLaterBehind,
        Fault::PartsBySurvivor,
    ] {
        let found = TestRunner::deterministic().run(&steps(), |steps| compare(&steps, fault));
        assert!(found.is_err(), "{fault:?} was not found");
    }
}
