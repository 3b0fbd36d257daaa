//! Defining clusters: by a form, and from the files of other clients.
//!
//! Invariants: a secret that is typed or imported goes to the secret store and is referred to by the definition; a
//! definition is written only when a client could be made from it; an import writes over nothing.

mod import;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, sync::Arc};

pub(crate) use import::{preview, run};
use tailrace_connectors::clusters::kafka;
use tailrace_model::{ClusterDefinition, ClusterKind, Error, Result, api::*};

use crate::{
    OpenWorkspace, clusters, people,
    secrets::{SECRET_NAME_CHARS_MAX, Secret},
    workspace::Workspace,
};

/// The definition as it would be written: secrets that were typed are referred to.
fn referring(request: &ClusterSaveRequest) -> ClusterDefinition {
    let mut definition = request.definition.clone();
    for property in request.secrets.keys() {
        let name = secret_name(&request.name, property);
        definition
            .properties
            .insert(property.clone(), format!("secret:{name}"));
    }
    definition
}

/// `prod.sasl.password`: a cluster's own, and read as such in the list of secrets.
fn secret_name(cluster: &str, property: &str) -> String {
    let room = SECRET_NAME_CHARS_MAX.saturating_sub(property.len() + 1);
    let cluster: String = cluster
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || matches!(c, '_' | '-') {
                c
            } else {
                '_'
            }
        })
        .take(room)
        .collect();
    format!("{cluster}.{property}")
}

/// What librdkafka would be given for a form that is not saved yet.
fn properties(open: &OpenWorkspace, request: &ClusterSaveRequest) -> Result<BTreeMap<String, String>> {
    let mut definition = request.definition.clone();
    let mut typed = BTreeMap::new();
    for (property, value) in &request.secrets {
        definition.properties.remove(property);
        typed.insert(property.clone(), value.clone());
    }
    clusters::properties_with(open, &definition, typed)
}

/// Tries the connection of a form.
pub(crate) async fn try_out(open: &OpenWorkspace, request: &ClusterSaveRequest) -> Result<ConnectionTest> {
    let properties = properties(open, request)?;
    Ok(kafka::test_connection(&request.name, &properties).await)
}

/// Writes a form's definition into its file, whose comments stay.
pub(crate) fn save(open: &Arc<OpenWorkspace>, request: &ClusterSaveRequest) -> Result<ClusterDefinition> {
    if request.definition.kind == ClusterKind::Kafka {
        kafka::check_properties(&request.name, &properties(open, request)?)?;
    }
    let definition = referring(request);
    // A name that can't be a file is refused before a secret is kept.
    Workspace::cluster_text(&request.name, &definition)?;
    if request.create {
        refuse_existing(open, &request.name)?;
    }
    for (property, value) in &request.secrets {
        open.secrets
            .set(&secret_name(&request.name, property), &Secret::new(value.clone()))?;
    }
    open.workspace_mut().save_cluster(&request.name, &definition)?;
    people::definitions_changed(open);
    open.hub.add(&Topic::Definitions, 1);
    Ok(definition)
}

fn refuse_existing(open: &OpenWorkspace, name: &str) -> Result<()> {
    let file = format!("clusters/{name}.toml");
    match open.workspace().path(&file).exists() {
        false => Ok(()),
        true => Err(Error::user(
            "cluster_exists",
            format!("there is a cluster \"{name}\" already ({file}): choose another name, or edit that one"),
        )),
    }
}
