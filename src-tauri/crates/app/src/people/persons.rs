//! What a person may ask for: to be deleted, to be left alone, to be told everything.
//!
//! Invariants: nothing is done that was not shown before; a deletion is one transaction over the event log, profiles,
//! memberships and whatever mentions the person; rows that destinations have are removed by the next difference, and
//! their keys are kept until that is acknowledged.

use std::{
    io::{BufWriter, Write},
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::json;
use tailrace_engine::{
    audiences::Membership, events::time::format_ms, identity::SuppressionRow, log::CheckpointChange,
};
use tailrace_model::{
    Error, Result,
    api::{
        ChangeLine, FileWritten, KindValue, PersonChanged, PersonPreview, ProfileDeleteRequest,
        ProfileExportRequest, ProfileSummary, SuppressRequest, Suppression, Topic,
    },
};

use super::{Collecting, People, checkpoint, identity, profiles, timeline};
use crate::{
    core::now_ms,
    open::{Held, OpenWorkspace},
    store::Mentions,
};

/// A deletion waits so long for a compaction of the event log.
const COMPACTION_WAIT_MAX: Duration = Duration::from_secs(60);
/// Between two looks whether it has ended.
const COMPACTION_LOOK: Duration = Duration::from_millis(100);

/// Everything that a deletion is about.
struct Person {
    profile_id: i64,
    summary: ProfileSummary,
    events: u64,
    profiles: usize,
    identifiers: Vec<KindValue>,
    traits: usize,
    merges: usize,
    audiences: Vec<String>,
    mentions: Mentions,
}

impl Person {
    async fn find(held: &Held, profile_id: i64) -> Result<Self> {
        let people = &held.people;
        let profile_id = profiles::known(people, profile_id)?;
        let unknown = || Error::user("unknown_profile", format!("there is no profile {profile_id}"));
        let details = people.log.profile(profile_id).ok_or_else(unknown)?;
        let (forgotten, identifiers) = people.log.forgettable(profile_id).ok_or_else(unknown)?;
        let texts: Vec<String> = identifiers.iter().map(|it| it.value.clone()).collect();
        let summary = profiles::summary(details.facts);
        Ok(Self {
            profile_id,
            events: summary.events,
            summary,
            profiles: forgotten.profile_ids.len(),
            identifiers: identifiers
                .into_iter()
                .map(|it| KindValue {
                    kind: it.kind,
                    value: it.value,
                })
                .collect(),
            traits: details.traits.len(),
            merges: forgotten.merges.len(),
            audiences: people
                .memberships(profile_id)
                .into_iter()
                .map(|(name, _)| name)
                .collect(),
            mentions: held.store.mentions(&texts).await?,
        })
    }

    fn lines(&self) -> Vec<ChangeLine> {
        let line = |what: &str, before: String, note: Option<String>| ChangeLine {
            what: what.to_owned(),
            before: Some(before),
            after: Some("deleted".to_owned()),
            note,
        };
        let identifiers = self
            .identifiers
            .iter()
            .map(|it| format!("{}={}", it.kind, it.value));
        let mut lines = vec![
            line(
                "events",
                self.events.to_string(),
                Some("the event log's files that hold them are written anew".to_owned()),
            ),
            line("identifiers", identifiers.collect::<Vec<_>>().join(", "), None),
            line("traits", self.traits.to_string(), None),
        ];
        if self.profiles > 1 {
            lines.push(line(
                "profiles",
                self.profiles.to_string(),
                Some("all that were merged".to_owned()),
            ));
        }
        if self.merges > 0 {
            lines.push(line("evidence of merges", self.merges.to_string(), None));
        }
        if !self.audiences.is_empty() {
            lines.push(line("memberships", self.audiences.join(", "), None));
        }
        if !self.mentions.quarantined.is_empty() {
            lines.push(line(
                "records in the quarantine",
                self.mentions.quarantined.len().to_string(),
                None,
            ));
        }
        for (sync, rows) in &self.mentions.delivered {
            lines.push(ChangeLine {
                what: format!("sync {sync}"),
                before: Some(rows.to_string()),
                after: Some("removed by its next run".to_owned()),
                note: Some("their keys are kept until the destination has removed them".to_owned()),
            });
        }
        lines
    }
}

/// What deleting a person would do.
pub async fn preview_delete(open: &OpenWorkspace, request: &ProfileDeleteRequest) -> Result<PersonPreview> {
    let person = Person::find(open.held()?, request.profile_id).await?;
    let mut shown = person.summary.clone();
    if let Some(masks) = open.people_masks() {
        masks.summary(&mut shown);
    }
    let mut warnings = vec!["this can't be undone".to_owned()];
    warnings.push(match request.suppress {
        true => {
            "events of these identifiers are dropped from then on; a hash of each is kept to know them by"
                .to_owned()
        }
        false => {
            "what sources still hold of this person comes back when it is read again: suppress to prevent it"
                .to_owned()
        }
    });
    Ok(PersonPreview {
        title: format!("delete {} (profile {})", shown.name, person.profile_id),
        lines: person.lines(),
        warnings,
        nothing: false,
    })
}

/// Deletes a person.
pub async fn delete(open: &Arc<OpenWorkspace>, request: &ProfileDeleteRequest) -> Result<PersonChanged> {
    let held = open.held()?;
    let person = Person::find(held, request.profile_id).await?;
    let activity = open
        .activities
        .start("delete", format!("Delete profile {}", person.profile_id), None);
    let done = delete_person(open, held, &person, request.suppress).await;
    activity.end(done.as_ref().map(drop).map_err(Clone::clone));
    done?;
    open.hub.add(&Topic::Events, 0);
    held.people.checkpointed.notify_waiters();
    Ok(PersonChanged {
        done: format!(
            "profile {} is deleted, with {} events and {} identifiers{}",
            person.profile_id,
            person.events,
            person.identifiers.len(),
            if request.suppress {
                ", which are suppressed"
            } else {
                ""
            }
        ),
        lines: person.lines(),
    })
}

async fn delete_person(
    open: &Arc<OpenWorkspace>,
    held: &Held,
    person: &Person,
    suppress: bool,
) -> Result<()> {
    let people = &held.people;
    let mut collecting = people.collecting.lock().await;
    if suppress {
        let identifiers = pairs(&person.identifiers);
        collecting.collector.suppress(&identifiers, now_ms())?;
    }
    checkpoint::write_pending(held, &mut collecting).await?;
    let change = forget(&mut collecting, person.profile_id).await?;
    // Looked for again: something may have been kept since.
    let texts: Vec<String> = person.identifiers.iter().map(|it| it.value.clone()).collect();
    let written = match held.store.mentions(&texts).await {
        Ok(mentions) => held.store.forget(&change, &mentions).await,
        Err(error) => Err(error),
    };
    if let Err(error) = written {
        collecting.collector.discard_forgotten(change);
        return Err(error);
    }
    collecting.collector.install_forgotten(change)?;
    drop(collecting);
    people.leave_audiences(person.profile_id);
    people.forget_observed();
    open.hub.add(&Topic::Memberships, 0);
    held.store.erase_deleted().await
}

/// Waits for a compaction that runs.
async fn forget(collecting: &mut Collecting, profile_id: i64) -> Result<CheckpointChange> {
    let until = Instant::now() + COMPACTION_WAIT_MAX;
    loop {
        let collector = &mut collecting.collector;
        match tokio::task::block_in_place(|| collector.forget(profile_id, now_ms())) {
            Err(error) if error.code == "compaction_runs" && Instant::now() < until => {
                tokio::time::sleep(COMPACTION_LOOK).await;
            }
            done => return done,
        }
    }
}

impl People {
    /// A profile is in no audience any more, and never was.
    fn leave_audiences(&self, profile_id: i64) {
        for state in Self::lock(&self.audiences).values_mut() {
            if state.membership.since_ms(profile_id).is_some() {
                let members = state.membership.members().iter().copied();
                let others = members.filter(|member| member.profile_id != profile_id);
                state.membership = Membership::restore(others.collect());
            }
        }
    }
}

fn pairs(identifiers: &[KindValue]) -> Vec<(String, String)> {
    let pair = |it: &KindValue| (it.kind.clone(), it.value.clone());
    identifiers.iter().map(pair).collect()
}

/// The identifiers that a request is about.
fn asked(people: &People, request: &SuppressRequest) -> Result<Vec<KindValue>> {
    let mut identifiers = request.identifiers.clone();
    if let Some(profile_id) = request.profile_id {
        profiles::known(people, profile_id)?;
        let found = people
            .log
            .forgettable(profile_id)
            .map(|(_, rows)| rows)
            .unwrap_or_default();
        identifiers.extend(found.into_iter().map(|it| KindValue {
            kind: it.kind,
            value: it.value,
        }));
    }
    identifiers.sort();
    identifiers.dedup();
    if identifiers
        .iter()
        .any(|it| it.kind.is_empty() || it.value.is_empty())
        || identifiers.is_empty()
    {
        return Err(Error::user(
            "suppress_identifiers",
            "say whom: an identifier such as user_id:u_000001, or the number of a profile",
        ));
    }
    Ok(identifiers)
}

/// What suppressing identifiers, or taking it back, would do.
pub fn preview_suppress(people: &People, request: &SuppressRequest) -> Result<PersonPreview> {
    let identifiers = asked(people, request)?;
    let holds = |it: &KindValue| {
        let hash = tailrace_engine::identity::suppress::hash(&it.kind, &it.value);
        let rows = people.log.suppressions();
        rows.into_iter()
            .find(|row| row.kind == it.kind && row.hash == hash && row.until_ms.is_none())
    };
    let lines: Vec<ChangeLine> = identifiers
        .iter()
        .filter_map(|it| {
            let held = holds(it);
            (held.is_some() == request.end).then(|| ChangeLine {
                what: format!("{}={}", it.kind, it.value),
                before: Some(if request.end { "suppressed" } else { "collected" }.to_owned()),
                after: Some(if request.end { "collected" } else { "suppressed" }.to_owned()),
                note: held.map(|row| format!("{} events were dropped", row.dropped)),
            })
        })
        .collect();
    let warnings = match request.end {
        true => vec!["events that were dropped meanwhile are not there".to_owned()],
        false => vec![
            "every event that carries any of them is dropped from now on, and counted; what is there already stays".to_owned(),
        ],
    };
    Ok(PersonPreview {
        title: if request.end {
            "collect events again"
        } else {
            "drop events"
        }
        .to_owned(),
        nothing: lines.is_empty(),
        lines,
        warnings,
    })
}

/// Suppresses identifiers, or takes it back, in a checkpoint of its own.
pub async fn suppress(open: &Arc<OpenWorkspace>, request: &SuppressRequest) -> Result<PersonChanged> {
    let people = &open.held()?.people;
    let preview = preview_suppress(people, request)?;
    let identifiers = pairs(&asked(people, request)?);
    let changed = {
        let collector = &mut people.collecting.lock().await.collector;
        match request.end {
            true => collector.unsuppress(&identifiers, now_ms()),
            false => collector.suppress(&identifiers, now_ms())?,
        }
    };
    checkpoint::write_all(open).await?;
    let what = if request.end {
        "collected again"
    } else {
        "suppressed"
    };
    Ok(PersonChanged {
        done: format!("{} identifiers are {what}", changed.len()),
        lines: preview.lines,
    })
}

/// What is, and was, suppressed.
pub fn suppressions(people: &People) -> Vec<Suppression> {
    let shown = |row: SuppressionRow| Suppression {
        kind: row.kind,
        hash: row.hash,
        since_ms: row.since_ms,
        dropped: row.dropped,
        until_ms: row.until_ms,
    };
    people.log.suppressions().into_iter().map(shown).collect()
}

/// Writes everything that is known of a person as one JSON document.
pub async fn export(open: &Arc<OpenWorkspace>, request: &ProfileExportRequest) -> Result<FileWritten> {
    if open.people_masks().is_some() {
        return Err(Error::user(
            "masked_export",
            "masks hide some of what is known of this person here, and an export tells all of it: \
             `tailrace profile export` does, without --masked",
        ));
    }
    let path = open.output_path(&request.path);
    let mut partial = path.clone().into_os_string();
    partial.push(".partial");
    let partial = std::path::PathBuf::from(partial);
    let written = write_export(open, request.profile_id, &partial).await;
    let moved = written.and_then(|rows| {
        std::fs::rename(&partial, &path).map_err(|fault| unwritten(&path, &fault))?;
        let bytes = std::fs::metadata(&path)
            .map_err(|fault| unwritten(&path, &fault))?
            .len();
        Ok(FileWritten {
            path: path.display().to_string(),
            bytes,
            rows,
        })
    });
    if moved.is_err() {
        // Half a document is none; when it can't be removed, the error that is told matters more.
        let _ = std::fs::remove_file(&partial);
    }
    moved
}

fn unwritten(path: &Path, fault: &std::io::Error) -> Error {
    Error::user(
        "not_written",
        format!("{} can't be written ({fault}): name another file", path.display()),
    )
}

async fn write_export(open: &OpenWorkspace, profile_id: i64, path: &Path) -> Result<u64> {
    let people = &open.held()?.people;
    let profile_id = profiles::known(people, profile_id)?;
    let fault = |fault: std::io::Error| unwritten(path, &fault);
    let session = people.session(open).await?;
    let detail = profiles::show(open, people, profile_id).await?;
    let history = timeline::trait_history(people, &session, profile_id).await?;
    let head = json!({
        "exported": format_ms(now_ms()),
        "profile_id": profile_id,
        "identifiers": detail.identifiers.iter().map(|it| json!({
            "kind": it.kind, "value": it.value, "first_seen": format_ms(it.first_seen_ms),
        })).collect::<Vec<_>>(),
        "traits": detail.traits,
        "trait_history": history.changes.iter().map(|it| json!({
            "name": it.name, "value": serde_json::from_str::<serde_json::Value>(&it.value).unwrap_or_default(),
            "time": format_ms(it.timestamp_ms), "message_id": it.message_id,
        })).collect::<Vec<_>>(),
        "audiences": detail.audiences.iter().map(|it| json!({
            "audience": it.audience, "since": format_ms(it.since_ms),
        })).collect::<Vec<_>>(),
        "merges": identity::merges(people, profile_id)?,
    });
    let file = std::fs::File::create(path).map_err(fault)?;
    let mut out = BufWriter::new(file);
    let head = head.to_string();
    // The events follow in the same object, however many there are.
    let open_object = head.strip_suffix('}').unwrap_or(&head);
    write!(out, "{open_object},\"events\":[").map_err(fault)?;
    let sql =
        format!("SELECT * FROM events WHERE profile_id = {profile_id} ORDER BY \"timestamp\", message_id");
    let mut query = session.query(&sql, now_ms()).await?;
    let mut rows = 0;
    while let Some(batch) = query.next().await? {
        let properties = people.log.snapshot().properties_json(&batch)?;
        for (row, properties) in properties.iter().enumerate() {
            let event = timeline::whole_event(&batch, row, properties)?;
            write!(out, "{}\n{event}", if rows == 0 { "" } else { "," }).map_err(fault)?;
            rows += 1;
        }
    }
    writeln!(out, "\n]}}").map_err(fault)?;
    out.flush().map_err(fault)?;
    Ok(rows)
}
