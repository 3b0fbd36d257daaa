//! The published examples one by one, and what undoing, deleting and suppressing do.

use std::{borrow::Cow, collections::BTreeMap};

use super::*;
use crate::events::{Cell, Event, EventIdentifier, EventKind};
use arrow::array::{Array, AsArray};

pub(crate) fn event(kind: EventKind, identifiers: &[(&str, &str)], timestamp_ms: i64) -> Event<'static> {
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
        .resolve("shop", &event(EventKind::Track, identifiers, now_ms), now_ms)
        .expect("resolved")
}

fn identify(identity: &mut Identity, user: &str, at_ms: i64, traits: &[(&str, Cell<'static>)]) {
    let mut event = event(EventKind::Identify, &[("user_id", user)], at_ms);
    event.properties = traits
        .iter()
        .map(|(name, cell)| (Cow::Owned((*name).to_owned()), cell.clone()))
        .collect();
    identity.resolve("shop", &event, at_ms).expect("resolved");
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
    let merge = &facts.merges[0];
    assert_eq!(
        (merge.merge.source.as_str(), merge.merge.message_id.as_str()),
        ("shop", "m")
    );
    let named = |of: &[(&str, &str)]| {
        of.iter()
            .map(|(kind, value)| ((*kind).to_owned(), (*value).to_owned()))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        merge.before,
        (
            named(&[("anonymous_id", "a1")]),
            named(&[("user_id", "u1"), ("email", "e1")])
        )
    );
}

#[test]
fn an_undone_merge_parts_what_came_since_and_is_not_merged_again() {
    let mut identity = fresh();
    track(&mut identity, &[("anonymous_id", "a1")], 1);
    track(&mut identity, &[("user_id", "u1")], 2);
    track(&mut identity, &[("anonymous_id", "a1"), ("user_id", "u1")], 3);
    // Since the merge: by the identifiers of the one, and of the other.
    track(&mut identity, &[("anonymous_id", "a1"), ("phone", "p1")], 4);
    track(&mut identity, &[("user_id", "u1"), ("email", "e1")], 5);
    assert_eq!(identity.len(), 1);
    let split = identity.undo(0, 6).expect("undone");
    assert_eq!((split.together.profile_id, split.together.events), (1, 5));
    assert_eq!((identity.len(), identity.canonical(2)), (2, 2));
    let kinds = |id| {
        let found = identity.profile(id).expect("it");
        (
            found.facts.events,
            found
                .identifiers
                .into_iter()
                .map(|one| one.value)
                .collect::<Vec<_>>()
                .join(" "),
        )
    };
    assert_eq!(
        (kinds(1), kinds(2)),
        ((2, "a1 p1".to_owned()), (3, "u1 e1".to_owned()))
    );
    assert_eq!(identity.undo(0, 7).expect_err("once").code, "merge_undone");
    let refused = track(&mut identity, &[("anonymous_id", "a1"), ("user_id", "u1")], 8);
    assert_eq!(
        (refused.profile_id, refused.merged.len(), refused.demoted.len()),
        (2, 0, 1)
    );
    identity.allow(0, 9).expect("allowed");
    assert_eq!(identity.allow(0, 9).expect_err("once").code, "merge_allowed");
    let merged = track(&mut identity, &[("anonymous_id", "a1"), ("user_id", "u1")], 10);
    assert_eq!((merged.profile_id, merged.merged.len()), (1, 1));
    assert_eq!(identity.undo(7, 11).expect_err("none").code, "unknown_merge");
}

#[test]
fn a_deleted_person_leaves_nothing_but_numbers() {
    let mut identity = fresh();
    let mut store = Store::default();
    track(&mut identity, &[("anonymous_id", "a1")], 1);
    track(&mut identity, &[("user_id", "u1")], 2);
    track(&mut identity, &[("anonymous_id", "a1"), ("user_id", "u1")], 3);
    identify(
        &mut identity,
        "u1",
        4,
        &[("plan", Cell::Text(Cow::Borrowed("gold")))],
    );
    track(&mut identity, &[("user_id", "u2")], 5);
    store.commit(identity.take_changes());
    let forgotten = identity.forget(2).expect("forgotten");
    assert_eq!(
        (forgotten.profile_ids.clone(), forgotten.identifiers.len()),
        (vec![1, 2], 2)
    );
    let mut changes = identity.take_changes();
    changes.forgotten = forgotten;
    store.commit(changes);
    let shown = format!("{:?}", store.rows);
    for gone in ["a1", "u1\"", "gold"] {
        assert!(!shown.contains(gone), "{gone} in {shown}");
    }
    let mut again = Identity::open(IdentitySettings::default(), store.rows).expect("what is left");
    for identity in [&mut identity, &mut again] {
        assert_eq!((identity.len(), identity.search("", 0, 9).total), (1, 1));
        assert!(identity.profile(1).is_none() && identity.facts(2).is_none());
        let new = track(identity, &[("user_id", "u1")], 6);
        assert_eq!((new.profile_id, new.created), (4, true));
        assert_eq!(identity.snapshot().expect("a table").rows, 2);
    }
}

#[test]
fn suppressed_identifiers_are_told_without_being_kept() {
    let mut identity = fresh();
    let of = |value: &str| event(EventKind::Track, &[("anonymous_id", "a"), ("user_id", value)], 1);
    let who = [("user_id".to_owned(), "u1".to_owned())];
    assert!(!identity.drops(&of("u1")));
    assert_eq!(identity.suppress(&who, 5).expect("suppressed").len(), 1);
    assert_eq!(identity.suppress(&who, 6).expect("already").len(), 0);
    assert!(identity.drops(&of("u1")) && !identity.drops(&of("u2")));
    let mut store = Store::default();
    store.commit(identity.take_changes());
    assert!(!format!("{:?}", store.rows).contains("u1\""));
    let mut again = Identity::open(IdentitySettings::default(), store.rows.clone()).expect("rows");
    assert!(again.drops(&of("u1")));
    assert_eq!(again.suppressions()[0].dropped, 2);
    assert_eq!(again.unsuppress(&who, 9).len(), 1);
    assert!(!again.drops(&of("u1")));
    store.commit(again.take_changes());
    let mut again = Identity::open(IdentitySettings::default(), store.rows).expect("rows");
    assert!(!again.drops(&of("u1")));
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
        assert!(identity.resolve("shop", &event, 1).is_err(), "{value}");
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
        deleted: false,
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
        let mut undos: BTreeMap<_, UndoRow> =
            self.rows.undos.drain(..).map(|row| (row.sequence, row)).collect();
        undos.extend(changes.undos.into_iter().map(|row| (row.sequence, row)));
        self.rows.undos = undos.into_values().collect();
        let key = |row: &SuppressionRow| (row.kind.clone(), row.hash.clone());
        let mut rows: BTreeMap<_, SuppressionRow> = self
            .rows
            .suppressions
            .drain(..)
            .map(|row| (key(&row), row))
            .collect();
        rows.extend(changes.suppressions.into_iter().map(|row| (key(&row), row)));
        self.rows.suppressions = rows.into_values().collect();
        let forgotten = changes.forgotten;
        self.rows
            .traits
            .retain(|row| !forgotten.profile_ids.contains(&row.profile_id));
        self.rows
            .identifiers
            .retain(|row| !forgotten.identifiers.contains(&row.sequence));
        for merge in &mut self.rows.merges {
            if forgotten.merges.contains(&merge.sequence) {
                merge.message_id.clear();
                merge.evidence.clear();
            }
        }
        self.rows.trait_columns.extend(changes.trait_columns);
    }
}
