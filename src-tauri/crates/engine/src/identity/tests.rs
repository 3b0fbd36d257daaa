//! The published examples one by one, and a comparison with the plain reference on random histories, checkpoints that
//! fail and reopenings included.

use std::{borrow::Cow, collections::BTreeMap};

use arrow::array::{Array, AsArray};
use proptest::{prelude::*, test_runner::TestRunner};

use super::{
    reference::{Fault, Reference},
    *,
};
use crate::events::{Cell, Event, EventIdentifier, EventKind};

fn event(kind: EventKind, identifiers: &[(&str, &str)], timestamp_ms: i64) -> Event<'static> {
    let owned = |text: &str| Cow::Owned(text.to_owned());
    Event {
        message_id: owned("m"),
        kind,
        event: owned("x"),
        timestamp_ms,
        received_ms: timestamp_ms,
        identifiers: identifiers
            .iter()
            .map(|(kind, value)| EventIdentifier {
                kind: owned(kind),
                value: owned(value),
            })
            .collect(),
        properties: Vec::new(),
        context: None,
    }
}

fn track(identity: &mut Identity, identifiers: &[(&str, &str)], now_ms: i64) -> Resolution {
    identity
        .resolve(&event(EventKind::Track, identifiers, now_ms), now_ms)
        .expect("resolved")
}

fn identify(identity: &mut Identity, user: &str, at_ms: i64, traits: &[(&str, Cell<'static>)]) {
    let mut event = event(EventKind::Identify, &[("user_id", user)], at_ms);
    event.properties = traits
        .iter()
        .map(|(name, cell)| (Cow::Owned((*name).to_owned()), cell.clone()))
        .collect();
    identity.resolve(&event, at_ms).expect("resolved");
}

fn fresh() -> Identity {
    Identity::new(IdentitySettings::default()).expect("settings")
}

#[test]
fn creates_adds_and_merges() {
    let mut identity = fresh();
    let first = track(&mut identity, &[("anonymous_id", "a1")], 1);
    assert!(first.created && first.profile_id == 1);
    let second = track(&mut identity, &[("user_id", "u1")], 2);
    assert_eq!((second.profile_id, second.created), (2, true));
    let added = track(&mut identity, &[("user_id", "u1"), ("email", "e1")], 3);
    assert_eq!(
        (added.profile_id, added.added.len(), added.created),
        (2, 1, false)
    );
    let merged = track(&mut identity, &[("anonymous_id", "a1"), ("user_id", "u1")], 4);
    assert_eq!(merged.profile_id, 1, "the oldest survives");
    assert_eq!(merged.merged.len(), 1);
    assert_eq!(merged.merged[0].merged_profile_id, 2);
    assert_eq!(merged.merged[0].evidence, "user_id=u1, anonymous_id=a1");
    assert_eq!((identity.canonical(2), identity.len()), (1, 1));
    let facts = identity.profile(2).expect("the survivor");
    assert_eq!((facts.facts.profile_id, facts.facts.events), (1, 4));
    assert_eq!((facts.facts.first_seen_ms, facts.facts.last_seen_ms), (1, 4));
    assert_eq!(facts.merges.len(), 1);
}

/// The example of Segment's page on priorities.
#[test]
fn the_published_example_demotes_the_email() {
    let mut identity = fresh();
    track(
        &mut identity,
        &[("user_id", "abc123"), ("email", "jane@example1.com")],
        1,
    );
    let second = track(
        &mut identity,
        &[("user_id", "abc456"), ("email", "jane@example1.com")],
        2,
    );
    assert!(second.created);
    assert_eq!(second.demoted.len(), 1);
    assert_eq!(second.demoted[0].kind, "email");
    assert_eq!(
        identity.facts(1).expect("it").email.as_deref(),
        Some("jane@example1.com")
    );
    assert_eq!(identity.facts(2).expect("it").email, None);
}

#[test]
fn a_shared_device_does_not_merge_its_users() {
    let mut identity = fresh();
    let one = track(&mut identity, &[("user_id", "u1"), ("anonymous_id", "ipad")], 1);
    let two = track(&mut identity, &[("user_id", "u2"), ("anonymous_id", "ipad")], 2);
    assert_ne!(one.profile_id, two.profile_id);
    assert_eq!(
        track(&mut identity, &[("anonymous_id", "ipad")], 3).profile_id,
        one.profile_id
    );
}

#[test]
fn limits_end_with_their_window() {
    let mut settings = IdentitySettings::default();
    settings.limits.insert(
        "anonymous_id".to_owned(),
        Limit {
            count_max: 2,
            window_ms: Some(100),
        },
    );
    let mut identity = Identity::new(settings).expect("settings");
    for (at, device) in [(0, "a"), (1, "b")] {
        assert!(
            track(&mut identity, &[("user_id", "u"), ("anonymous_id", device)], at)
                .demoted
                .is_empty()
        );
    }
    assert_eq!(
        track(&mut identity, &[("user_id", "u"), ("anonymous_id", "c")], 50)
            .demoted
            .len(),
        1
    );
    assert_eq!(
        track(&mut identity, &[("user_id", "u"), ("anonymous_id", "c")], 101)
            .demoted
            .len(),
        0
    );
}

#[test]
fn blocked_values_identify_nobody() {
    let mut identity = fresh();
    for value in ["0000-0000", "", "-1", "null", "anonymous", &"x".repeat(600)] {
        let event = event(EventKind::Track, &[("user_id", value)], 1);
        assert!(identity.resolve(&event, 1).is_err(), "{value}");
    }
    let resolved = track(&mut identity, &[("user_id", "null"), ("anonymous_id", "a")], 1);
    assert!(resolved.created);
    let wrong = IdentitySettings {
        blocked_patterns: vec!["(".to_owned()],
        ..IdentitySettings::default()
    };
    assert_eq!(
        Identity::new(wrong).expect_err("a pattern").code,
        "blocked_pattern"
    );
}

#[test]
fn priorities_follow_the_settings() {
    let settings = IdentitySettings::default();
    let mut kinds = ["ga_client_id", "anonymous_id", "email", "android.id", "user_id"];
    kinds.sort_by(|one, other| settings.compare(one, other));
    assert_eq!(
        kinds,
        ["user_id", "email", "android.id", "anonymous_id", "ga_client_id"]
    );
}

#[test]
fn traits_become_columns() {
    let mut identity = fresh();
    let text = |value: &'static str| Cell::Text(Cow::Borrowed(value));
    identify(
        &mut identity,
        "u1",
        10,
        &[
            ("plan", text("pro")),
            ("Total Spend", Cell::Number(5.0)),
            ("email", text("x")),
        ],
    );
    identify(
        &mut identity,
        "u2",
        20,
        &[
            ("plan", Cell::Number(3.0)),
            ("tags", Cell::Json(Cow::Borrowed("[1]"))),
        ],
    );
    identify(&mut identity, "u1", 5, &[("plan", text("an older event"))]);
    let snapshot = identity.snapshot().expect("a table");
    let names: Vec<_> = snapshot
        .schema
        .fields()
        .iter()
        .skip(7)
        .map(|field| field.name().clone())
        .collect();
    assert_eq!(names, ["plan", "total_spend", "traits_email"]);
    let batch = &snapshot.batches[0];
    let plan = batch.column_by_name("plan").expect("plan").as_string_view();
    assert_eq!((plan.value(0), plan.is_null(1)), ("pro", true));
    let again = identity.snapshot().expect("a table");
    assert!(Arc::ptr_eq(&snapshot, &again), "nothing changed");
    identify(&mut identity, "u3", 5, &[("vip", Cell::Bool(true))]);
    assert_eq!(identity.snapshot().expect("a table").rows, 3);
    let traits = identity.profile(2).expect("it").traits;
    assert_eq!(
        traits.iter().map(|one| one.value.as_str()).collect::<Vec<_>>(),
        ["3", "[1]"]
    );
}

#[test]
fn search_finds_by_any_beginning() {
    let mut identity = fresh();
    track(
        &mut identity,
        &[("user_id", "anna"), ("email", "anna@shop.test")],
        1,
    );
    track(&mut identity, &[("user_id", "annabel")], 2);
    track(&mut identity, &[("user_id", "bert")], 3);
    let names = |text: &str, offset, limit| {
        let list = identity.search(text, offset, limit);
        (
            list.profiles
                .into_iter()
                .filter_map(|one| one.user_id)
                .collect::<Vec<_>>(),
            list.total,
        )
    };
    assert_eq!(
        names("ANNA", 0, 10),
        (vec!["anna".to_owned(), "annabel".to_owned()], 2)
    );
    assert_eq!(names("anna@", 0, 10), (vec!["anna".to_owned()], 1));
    assert_eq!(
        names("", 0, 2),
        (vec!["bert".to_owned(), "annabel".to_owned()], 3)
    );
    assert_eq!(names("", 2, 2), (vec!["anna".to_owned()], 3));
    assert_eq!(names("3", 0, 10), (vec!["bert".to_owned()], 1));
    assert_eq!(names("zoe", 0, 10), (Vec::new(), 0));
    assert_eq!(names("", 9, 2), (Vec::new(), 3));
}

#[test]
fn rows_that_contradict_one_another_are_refused() {
    let profile = |profile_id, merged_into| ProfileRow {
        profile_id,
        first_seen_ms: 0,
        last_seen_ms: 0,
        events: 1,
        merged_into,
    };
    let identifier = |sequence, profile_id| IdentifierRow {
        sequence,
        kind: "user_id".to_owned(),
        value: format!("u{sequence}"),
        profile_id,
        first_seen_ms: 0,
    };
    let check = |profiles: Vec<ProfileRow>, identifiers: Vec<IdentifierRow>| {
        let rows = IdentityRows {
            profiles,
            identifiers,
            ..IdentityRows::default()
        };
        assert_eq!(
            Identity::open(IdentitySettings::default(), rows)
                .expect_err("refused")
                .code,
            "identity_state"
        );
    };
    check(vec![profile(2, None)], vec![]);
    check(vec![profile(1, Some(1))], vec![]);
    check(vec![profile(1, None)], vec![identifier(0, 2)]);
    check(vec![profile(1, None)], vec![identifier(1, 1)]);
    check(
        vec![profile(1, None)],
        vec![
            identifier(0, 1),
            IdentifierRow {
                sequence: 1,
                ..identifier(0, 1)
            },
        ],
    );
}

/// What a database would hold.
#[derive(Debug, Clone, Default)]
pub(crate) struct Store {
    pub rows: IdentityRows,
}

impl Store {
    pub fn commit(&mut self, changes: IdentityChanges) {
        let mut profiles: BTreeMap<i64, ProfileRow> = self
            .rows
            .profiles
            .drain(..)
            .map(|row| (row.profile_id, row))
            .collect();
        profiles.extend(changes.profiles.into_iter().map(|row| (row.profile_id, row)));
        self.rows.profiles = profiles.into_values().collect();
        let key = |row: &TraitRow| (row.profile_id, row.name.clone());
        let mut traits: BTreeMap<_, TraitRow> =
            self.rows.traits.drain(..).map(|row| (key(&row), row)).collect();
        traits.extend(changes.traits.into_iter().map(|row| (key(&row), row)));
        self.rows.traits = traits.into_values().collect();
        self.rows.identifiers.extend(changes.identifiers);
        self.rows.merges.extend(changes.merges);
        self.rows.trait_columns.extend(changes.trait_columns);
    }
}

#[derive(Debug, Clone)]
struct Step {
    identify: bool,
    identifiers: Vec<(&'static str, u8)>,
    timestamp_ms: i64,
    trait_value: u8,
    after: After,
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
        after,
    )
        .prop_map(|(identify, identifiers, timestamp_ms, trait_value, after)| Step {
            identify,
            identifiers,
            timestamp_ms,
            trait_value,
            after,
        });
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
    let alive = reference.people.iter().filter(|person| !person.merged);
    let mut all: Vec<Seen> = alive
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

fn compare(steps: &[Step], fault: Fault) -> Result<(), TestCaseError> {
    let mut reference = Reference {
        settings: settings(),
        people: Vec::new(),
        fault,
    };
    let mut identity = Identity::new(settings()).expect("settings");
    let mut store = Store::default();
    // Changes whose transaction failed; they are given back before anything else is taken, as a checkpoint does it.
    let mut waiting: Option<IdentityChanges> = None;
    for (number, step) in steps.iter().enumerate() {
        // The clock jumps, so that windows end.
        let now_ms = (number as i64) * 4;
        let event = step.event(number);
        let ours = identity
            .resolve(&event, now_ms)
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
    ] {
        let found = TestRunner::deterministic().run(&steps(), |steps| compare(&steps, fault));
        assert!(found.is_err(), "{fault:?} was not found");
    }
}
