//! Sources, profiles, traits and audiences.

use tailrace_engine::{audiences, session, traits};
use tailrace_model::{AudienceDefinition, Error, Result, api::*};

use crate::{
    App,
    core::now_ms,
    masks::PeopleMasks,
    open::{Held, OpenWorkspace},
    people::{self, profiles, timeline},
    reports::{self, ChartSpec, ColorRole, Look, Series, Unit},
};

pub async fn source_list(app: &App, _: Nothing) -> Result<Vec<SourceSummary>> {
    let open = app.opened().await?;
    let held = open.held()?;
    let people = &held.people;
    let kept = held.store.quarantine_sizes().await?;
    let definitions: Vec<_> = {
        let workspace = open.workspace();
        workspace
            .definitions
            .valid_sources()
            .map(|(name, it)| (name.to_owned(), it.clone()))
            .collect()
    };
    Ok(definitions
        .into_iter()
        .map(|(name, definition)| {
            let (counts, checkpoint_ms) = people.counts(&name);
            let status = people.source(&name);
            let status = status.unwrap_or_else(people::SourceStatus::stopped);
            SourceSummary {
                quarantined: kept.get(&name).map_or(0, |it| it.records),
                name,
                definition,
                state: status.state,
                events: counts.events,
                duplicates: counts.duplicates,
                malformed: counts.malformed,
                blocked: counts.blocked,
                violations: counts.violations,
                left_out: counts.left_out,
                lost: counts.lost + status.lost,
                behind: status.behind,
                per_second: status.per_second,
                checkpoint_ms,
                error: status.error,
            }
        })
        .collect())
}

pub async fn malformed_list(app: &App, request: PageRequest) -> Result<Vec<MalformedRecord>> {
    let open = app.opened().await?;
    let store = &open.held()?.store;
    let mut records = store
        .malformed(&request.name, request.offset, request.limit)
        .await?;
    for record in &mut records {
        let cluster = {
            let workspace = open.workspace();
            let source = workspace.definitions.source(&record.source);
            source.map_or_else(|_| String::new(), |source| source.cluster.clone())
        };
        if let Some(masks) = open.masks(&cluster, &record.topic) {
            record.value = masks.beginning(&record.value);
        }
    }
    Ok(records)
}

pub async fn profile_search(app: &App, request: SearchRequest) -> Result<ProfileList> {
    let open = app.opened().await?;
    let people = &open.held()?.people;
    let mut found = profiles::search(people, &request.text, request.offset, request.limit);
    if let Some(masks) = open.people_masks() {
        found.profiles.iter_mut().for_each(|it| masks.summary(it));
    }
    Ok(found)
}

pub async fn profile_show(app: &App, request: ProfileRequest) -> Result<ProfileDetail> {
    let open = app.opened().await?;
    let mut profile = profiles::show(&open, &open.held()?.people, request.profile_id).await?;
    if let Some(masks) = open.people_masks() {
        masks.profile(&mut profile);
    }
    Ok(profile)
}

pub async fn profile_events(app: &App, request: ProfileEventsRequest) -> Result<ProfileEvents> {
    let open = app.opened().await?;
    let people = &open.held()?.people;
    let session = people.session(&open).await?;
    let profile_id = profiles::known(people, request.profile_id)?;
    let cursor = request.cursor.as_ref();
    let mut page = timeline::page(people, &session, profile_id, cursor, request.limit).await?;
    if let Some(masks) = open.people_masks() {
        masks.events(&mut page);
    }
    Ok(page)
}

pub async fn trait_history(app: &App, request: ProfileRequest) -> Result<TraitHistory> {
    let open = app.opened().await?;
    let people = &open.held()?.people;
    let session = people.session(&open).await?;
    let profile_id = profiles::known(people, request.profile_id)?;
    let mut history = timeline::trait_history(people, &session, profile_id).await?;
    if let Some(masks) = open.people_masks() {
        masks.history(&mut history);
    }
    Ok(history)
}

pub async fn observed_show(app: &App, _: Nothing) -> Result<Observed> {
    let open = app.opened().await?;
    let mut observed = people::observed(&open).await?;
    if let Some(masks) = open.people_masks() {
        masks.observed(&mut observed);
    }
    Ok(observed)
}

pub async fn trait_list(app: &App, _: Nothing) -> Result<Vec<TraitSummary>> {
    let open = app.opened().await?;
    let session = open.held()?.people.session(&open).await?;
    let definitions: Vec<_> = {
        let workspace = open.workspace();
        workspace
            .definitions
            .valid_traits()
            .map(|(name, it)| (name.to_owned(), it.clone()))
            .collect()
    };
    let mut summaries = Vec::with_capacity(definitions.len());
    for (name, definition) in definitions {
        let error = traits::validate(&session, &name, &definition).await.err();
        let kind = if definition.sql.is_some() {
            "sql"
        } else {
            "computed"
        };
        summaries.push(TraitSummary {
            name,
            title: definition.title,
            kind: kind.to_owned(),
            description: definition.description,
            error,
        });
    }
    Ok(summaries)
}

pub async fn trait_show(app: &App, request: Named) -> Result<TraitDetail> {
    let open = app.opened().await?;
    trait_detail(&open, &request.name).await
}

async fn trait_detail(open: &OpenWorkspace, name: &str) -> Result<TraitDetail> {
    let session = open.held()?.people.session(open).await?;
    let (definition, file) = {
        let workspace = open.workspace();
        let loaded = workspace.definitions.traits.get(name);
        (
            workspace.definitions.trait_(name)?.clone(),
            loaded.map(|it| it.file.clone()).unwrap_or_default(),
        )
    };
    let sql = traits::sql(&session, name, &definition)?;
    Ok(TraitDetail {
        name: name.to_owned(),
        definition,
        file,
        sql,
    })
}

pub async fn trait_preview(app: &App, request: TraitPreviewRequest) -> Result<TraitPreview> {
    let open = app.opened().await?;
    let session = open.held()?.people.session(&open).await?;
    let session = open.named(session);
    let mut preview = traits::preview(&session, &request.name, &request.definition, now_ms()).await?;
    if let Some(masks) = open.people_masks() {
        masks.trait_preview(&request.name, &mut preview);
    }
    Ok(preview)
}

pub async fn trait_save(app: &App, request: TraitSaveRequest) -> Result<TraitDetail> {
    let open = app.opened().await?;
    let session = open.held()?.people.session(&open).await?;
    traits::validate(&session, &request.name, &request.definition).await?;
    open.workspace_mut()
        .save_trait(&request.name, &request.definition)?;
    people::definitions_changed(&open);
    open.hub.add(&Topic::Definitions, 1);
    trait_detail(&open, &request.name).await
}

fn audience_summary(held: &Held, name: &str, definition: &AudienceDefinition) -> AudienceSummary {
    let state = held.people.audience(name);
    let kind = if definition.sql.is_some() {
        "sql"
    } else {
        "conditions"
    };
    AudienceSummary {
        name: name.to_owned(),
        title: definition.title.clone(),
        description: definition.description.clone(),
        kind: kind.to_owned(),
        members: state.as_ref().map(|it| it.membership.len() as u64),
        entered: state.as_ref().map_or(0, |it| it.entered),
        exited: state.as_ref().map_or(0, |it| it.exited),
        evaluated_ms: state.as_ref().and_then(|it| it.evaluated_ms),
        took_ms: state.as_ref().and_then(|it| it.took_ms),
        error: state.map_or_else(|| held.people.audience_error(name), |it| it.error),
    }
}

/// One whose files cannot be read says why; whoever was in it still is.
fn broken_audience(name: &str, error: Error) -> AudienceSummary {
    AudienceSummary {
        name: name.to_owned(),
        title: None,
        description: None,
        kind: BROKEN_AUDIENCE.to_owned(),
        members: None,
        entered: 0,
        exited: 0,
        evaluated_ms: None,
        took_ms: None,
        error: Some(error),
    }
}

pub async fn audience_list(app: &App, _: Nothing) -> Result<Vec<AudienceSummary>> {
    let open = app.opened().await?;
    let held = open.held()?;
    let workspace = open.workspace();
    let definitions = &workspace.definitions;
    let summary = |name: &str| match definitions.audience(name) {
        Ok(definition) => audience_summary(held, name, definition),
        Err(error) => broken_audience(name, error),
    };
    Ok(definitions.audiences.keys().map(|name| summary(name)).collect())
}

pub async fn audience_show(app: &App, request: Named) -> Result<AudienceDetail> {
    let open = app.opened().await?;
    audience_detail(&open, &request.name).await
}

async fn audience_detail(open: &OpenWorkspace, name: &str) -> Result<AudienceDetail> {
    let held = open.held()?;
    let session = held.people.session(open).await?;
    let (definition, file, syncs) = {
        let workspace = open.workspace();
        let loaded = workspace.definitions.audiences.get(name);
        let syncs = workspace
            .definitions
            .valid_syncs()
            .filter(|(_, sync)| sync.audience == name);
        (
            workspace.definitions.audience(name)?.clone(),
            loaded.map(|it| it.file.clone()).unwrap_or_default(),
            syncs.map(|(sync, _)| sync.to_owned()).collect(),
        )
    };
    Ok(AudienceDetail {
        summary: audience_summary(held, name, &definition),
        sql: audiences::sql(&session, &definition).await?,
        sentence: definition.condition.as_ref().map(audiences::sentence),
        definition,
        file,
        syncs,
    })
}

pub async fn audience_preview(app: &App, request: AudiencePreviewRequest) -> Result<AudiencePreview> {
    let open = app.opened().await?;
    let held = open.held()?;
    let session = held.people.session(&open).await?;
    let session = open.named(session);
    let published = held.people.members(&request.name).unwrap_or_default();
    let mut preview = audiences::preview(&session, &request.definition, &published, now_ms()).await?;
    if let Some(masks) = open.people_masks() {
        masks.audience_preview(&mut preview);
    }
    Ok(preview)
}

pub async fn audience_save(app: &App, request: AudienceSaveRequest) -> Result<AudienceDetail> {
    let open = app.opened().await?;
    let held = open.held()?;
    let session = held.people.session(&open).await?;
    audiences::validate(&session, &request.name, &request.definition)
        .await
        .into_result()?;
    open.workspace_mut()
        .save_audience(&request.name, &request.definition)?;
    // It is saved, whatever its evaluation says.
    let evaluated = people::evaluate(&open, &request.name).await;
    held.people.set_audience_error(&request.name, evaluated.err());
    people::definitions_changed(&open);
    open.hub.add(&Topic::Definitions, 1);
    audience_detail(&open, &request.name).await
}

/// Evaluates an audience now, and records who entered and exited.
pub async fn audience_run(app: &App, request: Named) -> Result<AudienceSummary> {
    let open = app.opened().await?;
    people::evaluate(&open, &request.name).await?;
    let definition = open.workspace().definitions.audience(&request.name)?.clone();
    Ok(audience_summary(open.held()?, &request.name, &definition))
}

pub async fn audience_members(app: &App, request: MembersRequest) -> Result<MemberList> {
    let open = app.opened().await?;
    let held = open.held()?;
    open.workspace().definitions.audience(&request.name)?;
    let rows = match held.people.audience(&request.name) {
        Some(state) => state.membership.members().to_vec(),
        None => held.store.members(&request.name).await?,
    };
    let masks = open.people_masks();
    let member = |it: &audiences::MemberSince| Member {
        profile_id: it.profile_id,
        name: name_of(held, masks.as_deref(), it.profile_id),
        since_ms: it.since_ms,
    };
    let (skip, take) = (request.offset as usize, request.limit as usize);
    if request.text.is_empty() {
        return Ok(MemberList {
            members: rows.iter().skip(skip).take(take).map(member).collect(),
            total: rows.len() as u64,
        });
    }
    let mut members: Vec<Member> = rows.iter().map(member).collect();
    members.retain(|it| matches(&it.name, &request.text));
    Ok(MemberList {
        total: members.len() as u64,
        members: members.into_iter().skip(skip).take(take).collect(),
    })
}

/// Whether a name has this part, whatever its case.
fn matches(name: &str, part: &str) -> bool {
    name.to_lowercase().contains(&part.trim().to_lowercase())
}

/// What to call a profile where it may be shown.
fn name_of(held: &Held, masks: Option<&PeopleMasks>, profile_id: i64) -> String {
    let Some(found) = held.people.log.facts(profile_id) else {
        return people::profile_name(profile_id, None, None, None);
    };
    let (user_id, email, anonymous_id) = (
        found.user_id.as_deref(),
        found.email.as_deref(),
        found.anonymous_id.as_deref(),
    );
    match masks {
        Some(masks) => masks.name(profile_id, [user_id, email, anonymous_id]),
        None => people::profile_name(profile_id, user_id, email, anonymous_id),
    }
}

pub async fn audience_changes(app: &App, request: MembersRequest) -> Result<MembershipChanges> {
    let open = app.opened().await?;
    let held = open.held()?;
    // Names are not in the store: whoever looks for one looks through all changes that are kept.
    let (offset, limit) = match request.text.is_empty() {
        true => (request.offset, request.limit),
        false => (0, u32::MAX),
    };
    let (rows, total) = held
        .store
        .membership_changes(&request.name, offset, limit)
        .await?;
    let masks = open.people_masks();
    let changes = rows.into_iter().map(|row| MembershipChange {
        name: name_of(held, masks.as_deref(), row.profile_id),
        audience: row.audience,
        profile_id: row.profile_id,
        entered: row.entered,
        at_ms: row.at_ms,
    });
    let mut changes: Vec<MembershipChange> = changes.collect();
    if request.text.is_empty() {
        return Ok(MembershipChanges { changes, total });
    }
    changes.retain(|it| matches(&it.name, &request.text));
    Ok(MembershipChanges {
        total: changes.len() as u64,
        changes: changes
            .into_iter()
            .skip(request.offset as usize)
            .take(request.limit as usize)
            .collect(),
    })
}

pub async fn audience_explain(app: &App, request: ExplainRequest) -> Result<Explanation> {
    let open = app.opened().await?;
    let held = open.held()?;
    let definition = open.workspace().definitions.audience(&request.name)?.clone();
    let session = held.people.session(&open).await?;
    let state = held.people.audience(&request.name);
    let since_ms = state.and_then(|state| state.membership.since_ms(request.profile_id));
    let session = open.named(session);
    let mut explanation =
        audiences::explain(&session, &definition, request.profile_id, since_ms, now_ms()).await?;
    if let Some(masks) = open.people_masks() {
        masks.explanation(&mut explanation);
    }
    Ok(explanation)
}

pub async fn audience_chart(app: &App, request: AudienceChartRequest) -> Result<Chart> {
    let open = app.opened().await?;
    let spec = audience_chart_spec(&open, &request.name).await?;
    Ok(Chart {
        svg: reports::line_chart(&spec, &Look::window(&request.style))?,
    })
}

/// How far back a chart of sizes goes.
const SIZES_MS: i64 = 30 * 86_400_000;

/// Sizes of an audience over time, as a chart.
pub async fn audience_chart_spec(open: &OpenWorkspace, name: &str) -> Result<ChartSpec> {
    open.workspace().definitions.audience(name)?;
    let now = now_ms();
    let sizes = open.held()?.store.audience_sizes(name, now - SIZES_MS).await?;
    let from_ms = sizes
        .first()
        .map_or(now - 60_000, |(at, _)| *at)
        .min(now - 60_000);
    let mut points: Vec<(i64, Option<f64>)> =
        sizes.iter().map(|(at, size)| (*at, Some(*size as f64))).collect();
    // The size holds until it changes.
    if let Some((_, size)) = sizes.last() {
        points.push((now, Some(*size as f64)));
    }
    Ok(ChartSpec {
        title: None,
        series: vec![Series {
            name: name.to_owned(),
            role: ColorRole::Accent,
            points,
            filled: true,
            guessed: Vec::new(),
        }],
        unit: Unit::Count,
        from_ms,
        to_ms: now,
        utc_offset_ms: open.utc_offset_ms(now),
        marks: Vec::new(),
        empty: "not evaluated yet".to_owned(),
    })
}

pub async fn audience_export(app: &App, request: AudienceExportRequest) -> Result<FileWritten> {
    let open = app.opened().await?;
    let definition = open.workspace().definitions.audience(&request.name)?.clone();
    if definition.condition.is_none() && definition.sql.is_none() {
        return Err(Error::user(
            "empty_audience",
            format!("audience \"{}\" has no conditions", request.name),
        ));
    }
    let people = &open.held()?.people;
    people.require_whole()?;
    let session = open.shown(people.session(&open).await?)?;
    let table = session::quote_path(&["audiences", &request.name]);
    let sql = format!(
        "SELECT p.* FROM profiles AS p WHERE p.profile_id IN (SELECT profile_id FROM {table}) ORDER BY p.profile_id"
    );
    let query = session.query(&sql, now_ms()).await?;
    session::export(query, &open.output_path(&request.path)).await
}
