//! Topics, brokers, access rules and quotas of Apache Kafka: looked at, compared and changed by the command line.

mod change;
mod internal;
mod look;
mod wire;

use anyhow::Result;
use integration::{kafka::Kafka, unique};

use crate::workspace::Workspace;

/// A workspace with the broker as `test`, as `other`, and as `locked`, which is read-only.
fn workspace(kafka: &Kafka) -> Result<Workspace> {
    let workspace = Workspace::new()?;
    let bootstrap = kafka.bootstrap();
    workspace.cluster(&bootstrap)?;
    let properties = format!("[properties]\n\"bootstrap.servers\" = \"{bootstrap}\"\n");
    workspace.write("clusters/other.toml", format!("kind = \"kafka\"\n\n{properties}"))?;
    workspace.write(
        "clusters/locked.toml",
        format!("kind = \"kafka\"\nread_only = true\n\n{properties}"),
    )?;
    Ok(workspace)
}

/// A topic of two partitions with ten records in each.
async fn filled(kafka: &Kafka, settings: &[(&str, &str)]) -> Result<String> {
    let topic = unique("topics");
    kafka.create_topic_with(&topic, 2, settings).await?;
    let records = (0..20).map(|n: i64| {
        integration::kafka::Record::new(format!("k{n}"), "x".repeat(100))
            .at(1_700_000_000_000 + n * 1_000)
            .on_partition(i32::try_from(n % 2).unwrap_or(0))
    });
    kafka.produce(&topic, records).await?;
    Ok(topic)
}
