//! How events find their profiles: the rules of `tailrace.toml`, and the merges that are taken back.
//!
//! Invariant: an undo, and what allows a merge again, is true when its checkpoint is written, and waits for the next one
//! like everything collected when that one can't be.

use std::{collections::BTreeMap, sync::Arc};

use tailrace_engine::identity::{IdentitySettings, Limit, MergeDetails, Side, Split};
use tailrace_model::{
    Error, IdentityDefinition, IdentityLimit, Result,
    api::{
        ChangeLine, GraphOrigin, GraphTie, Identifier, KindValue, Merge, MergeSide, MergeUndoPreview,
        MergeUndone, ProfileGraph, Topic,
    },
};

use super::{People, checkpoint, profiles::summary};
use crate::{core::now_ms, open::OpenWorkspace, workspace::Definitions};

/// The rules that a definition sets.
pub fn settings(definition: &IdentityDefinition) -> IdentitySettings {
    let defaults = IdentitySettings::default();
    let limit = |limit: &IdentityLimit| Limit {
        count_max: limit.count as usize,
        window_ms: limit.window.map(|window| window.approximate_ms()),
    };
    let mut limits: BTreeMap<String, Limit> = defaults.limits;
    limits.extend(
        definition
            .limits
            .iter()
            .map(|(kind, it)| (kind.clone(), limit(it))),
    );
    IdentitySettings {
        priorities: definition.priorities.clone().unwrap_or(defaults.priorities),
        limits,
        limit_default: definition
            .other_limit
            .as_ref()
            .map_or(defaults.limit_default, limit),
        blocked_values: definition
            .blocked_values
            .clone()
            .unwrap_or(defaults.blocked_values),
        blocked_patterns: definition
            .blocked_patterns
            .clone()
            .unwrap_or(defaults.blocked_patterns),
        ..defaults
    }
}

/// The rules of a workspace. An error: `tailrace.toml` does not say them, so nothing may be collected.
pub(super) fn rules(definitions: &Definitions) -> Result<IdentitySettings> {
    let workspace = &definitions.workspace;
    let about_identity = |error: &&Error| error.message.contains("identity");
    let problem = match &workspace.value {
        None => workspace.problems.first(),
        Some(_) => workspace.problems.iter().find(about_identity),
    };
    match (problem, &workspace.value) {
        (None, Some(value)) => Ok(settings(&value.identity)),
        (problem, _) => Err(Error::user(
            "identity_rules",
            format!(
                "nothing is collected, because the rules of identity are not known: {}",
                problem.map_or("tailrace.toml can't be read", |error| &error.message)
            ),
        )),
    }
}

impl People {
    /// Why nothing may be collected.
    pub(super) fn rules_problem(&self) -> Option<Error> {
        Self::lock(&self.rules_unknown).clone()
    }

    /// Takes over the rules that the definitions say now; true: they are others than before.
    pub(super) fn follow_rules(&self, definitions: &Definitions) -> bool {
        let taken = rules(definitions).and_then(|rules| self.log.set_identity(rules));
        let (changed, problem) = match taken {
            Ok(changed) => (changed, None),
            Err(error) => (false, Some(error)),
        };
        *Self::lock(&self.rules_unknown) = problem;
        changed
    }
}

/// The merges that a profile had part in, newest first.
pub fn merges(people: &People, profile_id: i64) -> Result<Vec<Merge>> {
    super::profiles::known(people, profile_id)?;
    Ok(people.log.merges_of(profile_id).into_iter().map(merge).collect())
}

pub(super) fn merge(details: MergeDetails) -> Merge {
    let MergeDetails {
        merge,
        undo,
        profile_id,
        before: (survivor, merged),
    } = details;
    Merge {
        merge: merge.sequence,
        merged_profile_id: merge.merged_profile_id,
        surviving_profile_id: merge.surviving_profile_id,
        profile_id,
        message_id: merge.message_id,
        source: (!merge.source.is_empty()).then_some(merge.source),
        evidence: merge.evidence,
        merged_ms: merge.merged_ms,
        survivor_before: named(survivor),
        merged_before: named(merged),
        refused: undo.as_ref().is_some_and(|undo| undo.allowed_ms.is_none()),
        allowed_ms: undo.as_ref().and_then(|undo| undo.allowed_ms),
        undone_ms: undo.map(|undo| undo.undone_ms),
    }
}

fn named(identifiers: Vec<(String, String)>) -> Vec<KindValue> {
    let named = |(kind, value)| KindValue { kind, value };
    identifiers.into_iter().map(named).collect()
}

fn side(side: Side) -> MergeSide {
    MergeSide {
        profile: summary(side.facts),
        profile_ids: side.profile_ids,
        identifiers: named(side.identifiers),
    }
}

/// What undoing a merge would do, exactly.
pub fn preview_undo(people: &People, merge_number: u64) -> Result<MergeUndoPreview> {
    let split = people.log.split(merge_number)?;
    let details = people.log.merge_details(merge_number)?;
    let lines = lines(&split);
    let warnings = vec![
        "events that carry identifiers of both are kept apart from now on, until this is taken back (profile allow)"
            .to_owned(),
        "audiences and syncs follow with their next evaluation".to_owned(),
    ];
    Ok(MergeUndoPreview {
        merge: merge(details),
        together: summary(split.together),
        stays: side(split.stays),
        leaves: side(split.leaves),
        lines,
        warnings,
    })
}

fn lines(split: &Split) -> Vec<ChangeLine> {
    let shown = |side: &Side| {
        let identifiers = side
            .identifiers
            .iter()
            .map(|(kind, value)| format!("{kind}={value}"));
        identifiers.collect::<Vec<_>>().join(", ")
    };
    let of = |side: &Side, before: Option<String>, note: &str| ChangeLine {
        what: format!("profile {}", side.facts.profile_id),
        before,
        after: Some(format!("{} events, {}", side.facts.events, shown(side))),
        note: Some(note.to_owned()),
    };
    let together = format!("{} events", split.together.events);
    vec![
        of(&split.stays, Some(together), "keeps its number"),
        of(
            &split.leaves,
            Some(format!("merged into {}", split.together.profile_id)),
            "is a profile of its own again",
        ),
    ]
}

/// Takes a merge back, in a checkpoint of its own.
pub async fn undo(open: &Arc<OpenWorkspace>, merge_number: u64) -> Result<MergeUndone> {
    let people = &open.held()?.people;
    let split = people
        .collecting
        .lock()
        .await
        .collector
        .undo(merge_number, now_ms())?;
    checkpoint::write_all(open).await?;
    open.hub.add(&Topic::Events, 0);
    Ok(MergeUndone {
        merge: merge_number,
        stays: side(split.stays),
        leaves: side(split.leaves),
    })
}

/// Lets what an undo keeps apart be merged again by the next event that ties it.
pub async fn allow(open: &Arc<OpenWorkspace>, merge_number: u64) -> Result<Merge> {
    let people = &open.held()?.people;
    people
        .collecting
        .lock()
        .await
        .collector
        .allow(merge_number, now_ms())?;
    checkpoint::write_all(open).await?;
    people.log.merge_details(merge_number).map(merge)
}

/// A profile as it was put together.
pub fn graph(people: &People, profile_id: i64) -> Result<ProfileGraph> {
    super::profiles::known(people, profile_id)?;
    let details = people.log.profile(profile_id);
    let first_seen: BTreeMap<(String, String), i64> = details
        .into_iter()
        .flat_map(|details| details.identifiers)
        .map(|it| ((it.kind, it.value), it.first_seen_ms))
        .collect();
    let origins = people.log.origins(profile_id).into_iter();
    let origins = origins.map(|side| GraphOrigin {
        profile_id: side.facts.profile_id,
        events: side.facts.events,
        identifiers: side
            .identifiers
            .into_iter()
            .map(|key| Identifier {
                first_seen_ms: first_seen.get(&key).copied().unwrap_or_default(),
                kind: key.0,
                value: key.1,
            })
            .collect(),
    });
    let standing = people.log.merges_of(profile_id).into_iter();
    let standing = standing.filter(|details| details.undo.is_none());
    let ties = standing.map(|details| GraphTie {
        merge: details.merge.sequence,
        one: details.merge.surviving_origin_id,
        other: details.merge.merged_origin_id,
        evidence: details.merge.evidence,
        merged_ms: details.merge.merged_ms,
    });
    Ok(ProfileGraph {
        origins: origins.collect(),
        ties: ties.collect(),
    })
}
