//! Tracking plans as definitions: listed, shown, made from what was observed, saved, compared.

use std::{path::Path, sync::Arc};

use tailrace_model::{
    Error, Result, TrackingPlanDefinition,
    api::{
        PlanDetail, PlanDiffRequest, PlanDifference, PlanInferRequest, PlanInferred, PlanSaveRequest,
        PlanSummary, Topic,
    },
};

use super::{diff::changes, infer::Inference};
use crate::{
    core::now_ms,
    open::OpenWorkspace,
    people,
    workspace::{Definitions, FILE_BYTES_MAX, parse_plan},
};

/// The newest events of each name that a plan is made from.
const EVENTS_OF_EACH_MAX: usize = 5_000;
/// Names of events that a plan is made from.
const NAMES_MAX: usize = 500;

fn sources_of(definitions: &Definitions, plan: &str) -> Vec<String> {
    let named = definitions.valid_sources();
    let named = named.filter(|(_, source)| source.plan.as_deref() == Some(plan));
    named.map(|(name, _)| name.to_owned()).collect()
}

pub fn list(open: &OpenWorkspace) -> Vec<PlanSummary> {
    let workspace = open.workspace();
    let definitions = &workspace.definitions;
    let plans = definitions.valid_plans();
    plans
        .map(|(name, plan)| PlanSummary {
            name: name.to_owned(),
            title: plan.title.clone(),
            version: plan.version,
            events: plan.events.len() as u64,
            sources: sources_of(definitions, name),
        })
        .collect()
}

pub async fn show(open: &OpenWorkspace, name: &str) -> Result<PlanDetail> {
    let mut detail = {
        let workspace = open.workspace();
        let definitions = &workspace.definitions;
        let definition = definitions.plan(name)?.clone();
        let loaded = definitions.plans.get(name);
        PlanDetail {
            name: name.to_owned(),
            file: loaded.map(|it| it.file.clone()).unwrap_or_default(),
            text: loaded.map(|it| it.text().to_owned()).unwrap_or_default(),
            definition,
            sources: sources_of(definitions, name),
            versions: Vec::new(),
        }
    };
    if let Ok(held) = open.held() {
        detail.versions = held.store.plan_versions(name).await?;
    }
    Ok(detail)
}

/// A plan of the newest events of each name.
pub async fn infer(open: &OpenWorkspace, request: &PlanInferRequest) -> Result<PlanInferred> {
    let people = &open.held()?.people;
    let of = match &request.source {
        Some(source) => {
            open.workspace().definitions.source(source)?;
            format!("WHERE source = '{}'", source.replace('\'', "''"))
        }
        None => String::new(),
    };
    let snapshot = people.log.snapshot();
    let session = people.session(open).await?;
    let names = format!(
        "SELECT event FROM events {of} GROUP BY event ORDER BY count(*) DESC LIMIT {}",
        NAMES_MAX + 1
    );
    let mut events = Vec::new();
    let mut query = session.query(&names, now_ms()).await?;
    while let Some(batch) = query.next().await? {
        for row in tailrace_engine::session::rows_of(&batch) {
            events.extend(row.into_iter().flatten());
        }
    }
    let mut notes = Vec::new();
    if events.len() > NAMES_MAX {
        events.truncate(NAMES_MAX);
        notes.push(format!(
            "there are more than {NAMES_MAX} names of events: the most frequent are in the plan"
        ));
    }
    let mut inference = Inference::default();
    for event in &events {
        let of = match of.is_empty() {
            true => "WHERE".to_owned(),
            false => format!("{of} AND"),
        };
        let sql = format!(
            "SELECT * FROM events {of} event = '{}' ORDER BY timestamp DESC LIMIT {EVENTS_OF_EACH_MAX}",
            event.replace('\'', "''")
        );
        let mut query = session.query(&sql, now_ms()).await?;
        let mut seen = 0;
        while let Some(batch) = query.next().await? {
            seen += batch.num_rows();
            for properties in snapshot.properties_json(&batch)? {
                inference.add(event, &properties);
            }
        }
        if seen == EVENTS_OF_EACH_MAX {
            notes.push(format!("\"{event}\": of the newest {EVENTS_OF_EACH_MAX}"));
        }
    }
    if inference.count == 0 {
        let sentence = match &request.source {
            Some(source) => {
                format!("source \"{source}\" has collected no event yet: there is nothing to make a plan of")
            }
            None => "no event was collected yet: there is nothing to make a plan of".to_owned(),
        };
        return Err(Error::user("nothing_observed", sentence));
    }
    let definition = inference.plan();
    Ok(PlanInferred {
        text: text_of(&definition)?,
        definition,
        events: inference.count,
        notes,
    })
}

fn text_of(definition: &TrackingPlanDefinition) -> Result<String> {
    let text = serde_json::to_string_pretty(definition);
    let text =
        text.map_err(|error| Error::internal("plan_text", format!("the plan can't be written: {error}")))?;
    Ok(text + "\n")
}

/// Writes the file of a plan. Nothing is saved that would be a problem of the workspace.
pub async fn save(open: &Arc<OpenWorkspace>, request: &PlanSaveRequest) -> Result<PlanDetail> {
    open.workspace_mut()
        .save_plan(&request.name, &request.text, request.create)?;
    people::definitions_changed(open);
    open.hub.add(&Topic::Definitions, 1);
    show(open, &request.name).await
}

pub async fn diff(open: &OpenWorkspace, request: &PlanDiffRequest) -> Result<PlanDifference> {
    let from = named(open, &request.from).await?;
    let to = named(open, &request.to).await?;
    Ok(PlanDifference {
        from: request.from.clone(),
        to: request.to.clone(),
        changes: changes(&from, &to),
    })
}

/// A plan as it is, `NAME@VERSION` as it was used, or a file.
async fn named(open: &OpenWorkspace, name: &str) -> Result<TrackingPlanDefinition> {
    if let Some((plan, version)) = name.rsplit_once('@')
        && let Ok(version) = version.parse::<u32>()
    {
        let current = open.workspace().definitions.plan(plan).ok().cloned();
        let kept = match open.held() {
            Ok(held) => held.store.plan_version(plan, version).await?,
            Err(_) => None,
        };
        return match (kept, current) {
            (Some(text), _) => parse_plan(name, &text),
            (None, Some(current)) if current.version == version => Ok(current),
            (None, _) => Err(Error::user(
                "unknown_plan_version",
                format!(
                    "version {version} of the tracking plan \"{plan}\" was never used by a source here: take it from git into a \
                     file (git show REVISION:tracking-plans/{plan}.json > old.json) and name that file"
                ),
            )),
        };
    }
    let path = open.output_path(name);
    if name.ends_with(".json") || path.is_file() {
        return file(&path, name);
    }
    Ok(open.workspace().definitions.plan(name)?.clone())
}

fn file(path: &Path, name: &str) -> Result<TrackingPlanDefinition> {
    let cannot = |why: String| {
        Error::user(
            "plan_file",
            format!("{name} can't be read ({why}): name a tracking plan or a file of one"),
        )
    };
    let bytes = std::fs::metadata(path)
        .map_err(|error| cannot(crate::workspace::reason(&error)))?
        .len();
    if bytes > FILE_BYTES_MAX {
        return Err(cannot(format!("it is larger than {} KiB", FILE_BYTES_MAX / 1024)));
    }
    let text = std::fs::read_to_string(path).map_err(|error| cannot(crate::workspace::reason(&error)))?;
    parse_plan(name, &text)
}
