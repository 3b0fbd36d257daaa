//! Profiles as they are shown: found by any identifier, opened with their traits, audiences, events and merges.

use arrow::array::{Array, AsArray, RecordBatch};
use tailrace_engine::session::cell;
use tailrace_model::{
    Error, Result,
    api::{Identifier, Merge, ProfileAudience, ProfileDetail, ProfileEvent, ProfileList, ProfileSummary},
};

use super::People;
use crate::{core::now_ms, open::OpenWorkspace};

/// Events that an opened profile shows.
const EVENTS_MAX: usize = 100;

/// Finds profiles by the beginning of any identifier; an empty text: the last seen.
pub fn search(people: &People, text: &str, offset: u64, limit: u32) -> ProfileList {
    let page = people.log.search(text, offset, limit);
    ProfileList {
        profiles: page.profiles.into_iter().map(summary).collect(),
        total: page.total,
    }
}

fn summary(facts: tailrace_engine::identity::ProfileFacts) -> ProfileSummary {
    ProfileSummary {
        profile_id: facts.profile_id,
        name: profile_name(
            facts.profile_id,
            facts.user_id.as_deref(),
            facts.email.as_deref(),
            facts.anonymous_id.as_deref(),
        ),
        user_id: facts.user_id,
        email: facts.email,
        first_seen_ms: facts.first_seen_ms,
        last_seen_ms: facts.last_seen_ms,
        events: facts.events,
    }
}

/// What to call a profile.
pub fn profile_name(
    id: i64,
    user_id: Option<&str>,
    email: Option<&str>,
    anonymous_id: Option<&str>,
) -> String {
    user_id
        .or(email)
        .or(anonymous_id)
        .map_or_else(|| format!("profile {id}"), str::to_owned)
}

/// A profile, whole.
pub async fn show(open: &OpenWorkspace, people: &People, profile_id: i64) -> Result<ProfileDetail> {
    let found = people.log.profile(profile_id).ok_or_else(|| {
        Error::user(
            "unknown_profile",
            format!("there is no profile {profile_id}: search it by an identifier"),
        )
    })?;
    let profile_id = found.facts.profile_id;
    let session = people.session(open).await?;
    let traits = tailrace_engine::traits::values(&session, profile_id, now_ms()).await?;
    let audiences = people.memberships(profile_id).into_iter();
    Ok(ProfileDetail {
        identifiers: found
            .identifiers
            .into_iter()
            .map(|it| Identifier {
                kind: it.kind,
                value: it.value,
                first_seen_ms: it.first_seen_ms,
            })
            .collect(),
        merges: found
            .merges
            .into_iter()
            .map(|it| Merge {
                merged_profile_id: it.merged_profile_id,
                message_id: it.message_id,
                evidence: it.evidence,
                merged_ms: it.merged_ms,
            })
            .collect(),
        summary: summary(found.facts),
        traits,
        audiences: audiences
            .map(|(audience, since_ms)| ProfileAudience { audience, since_ms })
            .collect(),
        events: events(people, &session, profile_id).await?,
    })
}

async fn events(
    people: &People,
    session: &tailrace_engine::session::Session,
    profile_id: i64,
) -> Result<Vec<ProfileEvent>> {
    let sql = format!(
        "SELECT * FROM events WHERE profile_id = {profile_id} ORDER BY \"timestamp\" DESC, message_id LIMIT {EVENTS_MAX}"
    );
    let mut query = session.query(&sql, now_ms()).await?;
    let mut events = Vec::new();
    while let Some(batch) = query.next().await? {
        let properties = people.log.snapshot().properties_json(&batch)?;
        for (row, properties) in properties.into_iter().enumerate() {
            events.push(event(&batch, row, properties));
        }
    }
    Ok(events)
}

fn event(batch: &RecordBatch, row: usize, properties: String) -> ProfileEvent {
    let text = |name: &str| {
        batch
            .column_by_name(name)
            .and_then(|column| cell(column, row))
            .unwrap_or_default()
    };
    let timestamp_ms = batch.column_by_name("timestamp").and_then(|column| {
        let column = column.as_primitive_opt::<arrow::datatypes::TimestampMillisecondType>()?;
        column.is_valid(row).then(|| column.value(row))
    });
    ProfileEvent {
        message_id: text("message_id"),
        kind: text("type"),
        event: text("event"),
        timestamp_ms: timestamp_ms.unwrap_or_default(),
        properties,
    }
}
