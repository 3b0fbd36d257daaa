//! Clusters.

use tailrace_app::{App, commands as run};
use tailrace_model::api::*;

use crate::{
    Outcome,
    args::Cluster,
    output::Output,
};

pub async fn cluster(app: &App, args: Cluster, output: &Output) -> anyhow::Result<Outcome> {
    match args {
        Cluster::List => {
            let clusters = run::cluster_list(app, Nothing {}).await?;
            output.list(&clusters, &["cluster", "kind", "bootstrap", "access"], |it| {
                let kind = serde_json::to_string(&it.kind)
                    .unwrap_or_default()
                    .replace('"', "");
                let access = if it.read_only {
                    "read only"
                } else {
                    "read and write"
                };
                let bootstrap = it
                    .bootstrap
                    .clone()
                    .unwrap_or_else(|| "in this process".to_owned());
                vec![it.name.clone(), kind, bootstrap, access.to_owned()]
            })?;
            Ok(Outcome::Done)
        }
        Cluster::Test { name } => {
            let test = run::cluster_test(app, ClusterRequest { cluster: name }).await?;
            if output.json {
                output.object(&test)?;
            } else {
                for step in &test.steps {
                    let mark = if step.ok { "ok    " } else { "FAILED" };
                    output.line(&format!(
                        "{mark}  {:<14} {:>6} ms  {}",
                        step.step, step.took_ms, step.detail
                    ))?;
                }
            }
            Ok(if test.ok { Outcome::Done } else { Outcome::Failed })
        }
    }
}

