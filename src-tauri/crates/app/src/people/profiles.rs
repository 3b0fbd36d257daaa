//! Profiles as they are shown: found by any identifier, opened with their traits, audiences, events and merges.

use tailrace_model::{
    Error, Result,
    api::{Identifier, ProfileAudience, ProfileDetail, ProfileList, ProfileSummary},
};

use super::{People, timeline};
use crate::{core::now_ms, open::OpenWorkspace};

/// Events that an opened profile shows.
const EVENTS_MAX: u32 = 100;

/// Finds profiles by the beginning of any identifier; an empty text: the last seen.
pub fn search(people: &People, text: &str, offset: u64, limit: u32) -> ProfileList {
    let page = people.log.search(text, offset, limit);
    ProfileList {
        profiles: page.profiles.into_iter().map(summary).collect(),
        total: page.total,
    }
}

pub(super) fn summary(facts: tailrace_engine::identity::ProfileFacts) -> ProfileSummary {
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

fn unknown(profile_id: i64) -> Error {
    Error::user(
        "unknown_profile",
        format!("there is no profile {profile_id}: search it by an identifier"),
    )
}

/// The profile of this number, or the one that it was merged into.
pub fn known(people: &People, profile_id: i64) -> Result<i64> {
    let facts = people.log.facts(profile_id).ok_or_else(|| unknown(profile_id))?;
    Ok(facts.profile_id)
}

/// A profile, whole.
pub async fn show(open: &OpenWorkspace, people: &People, profile_id: i64) -> Result<ProfileDetail> {
    let found = people
        .log
        .profile(profile_id)
        .ok_or_else(|| unknown(profile_id))?;
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
        merges: found.merges.into_iter().map(super::identity::merge).collect(),
        summary: summary(found.facts),
        traits,
        audiences: audiences
            .map(|(audience, since_ms)| ProfileAudience { audience, since_ms })
            .collect(),
        events: timeline::page(people, &session, profile_id, None, EVENTS_MAX)
            .await?
            .events,
    })
}
