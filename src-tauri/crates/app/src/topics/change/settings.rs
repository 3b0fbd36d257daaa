//! Settings of a topic, set, reset and copied.

use std::collections::BTreeMap;

use tailrace_model::{
    Error, Result,
    api::{ChangeLine, ConfigEntry, ConfigSource, TopicChange, TopicChangePreview, TopicRef},
};

use super::{line, noted};
use crate::{clusters::Cluster, open::OpenWorkspace};

/// What is set on the topic itself and can be read.
pub fn own(config: &[ConfigEntry]) -> impl Iterator<Item = (String, String)> {
    config
        .iter()
        .filter(|entry| entry.source == ConfigSource::Topic && !entry.sensitive)
        .filter_map(|entry| Some((entry.name.clone(), entry.value.clone()?)))
}

/// As the client takes them.
pub fn changes(set: &BTreeMap<String, String>, reset: &[String]) -> Vec<(String, Option<String>)> {
    let set = set
        .iter()
        .map(|(name, value)| (name.clone(), Some(value.clone())));
    set.chain(reset.iter().map(|name| (name.clone(), None))).collect()
}

fn source(source: ConfigSource) -> &'static str {
    match source {
        ConfigSource::Topic => "set on the topic",
        ConfigSource::DynamicBroker => "set on the broker while it runs",
        ConfigSource::DynamicDefault => "set for all brokers while they run",
        ConfigSource::Static => "from the broker's file",
        ConfigSource::Default => "Kafka's default",
        ConfigSource::Unknown => "of unknown origin",
    }
}

pub async fn alter(
    cluster: &Cluster,
    topic: String,
    set: BTreeMap<String, String>,
    reset: Vec<String>,
) -> Result<TopicChangePreview> {
    if let Some(both) = reset.iter().find(|name| set.contains_key(*name)) {
        return Err(Error::user(
            "set_and_reset",
            format!("{both} is to be set and to be reset: choose one"),
        ));
    }
    let config = cluster.client.topic_config(&topic).await?;
    let plan = plan(&config, set, reset);
    let changes = changes(&plan.set, &plan.reset);
    if !changes.is_empty() {
        cluster.client.alter_topic(&topic, changes, true).await?;
    }
    Ok(TopicChangePreview {
        title: format!("Change the settings of topic \"{topic}\" of {}?", cluster.name),
        nothing: plan.lines.is_empty(),
        lines: plan.lines,
        warnings: plan.warnings,
        destructive: plan.destructive,
        change: TopicChange::AlterConfig {
            topic,
            set: plan.set,
            reset: plan.reset,
        },
    })
}

pub async fn copy(
    open: &OpenWorkspace,
    cluster: &Cluster,
    topic: String,
    from: TopicRef,
) -> Result<TopicChangePreview> {
    let other = open.cluster(&from.cluster).await?;
    let (theirs, ours) = tokio::try_join!(
        other.client.topic_config(&from.topic),
        cluster.client.topic_config(&topic)
    )?;
    let set: BTreeMap<String, String> = own(&theirs).collect();
    let reset = own(&ours)
        .map(|(name, _)| name)
        .filter(|name| !set.contains_key(name))
        .collect();
    let mut preview = alter(cluster, topic, set, reset).await?;
    if let TopicChange::AlterConfig { topic, .. } = &preview.change {
        preview.title = format!(
            "Copy the settings of topic \"{}\" of {} to topic \"{topic}\" of {}?",
            from.topic, from.cluster, cluster.name
        );
    }
    Ok(preview)
}

#[derive(Debug, Default)]
struct Plan {
    lines: Vec<ChangeLine>,
    warnings: Vec<String>,
    destructive: bool,
    /// What really changes.
    set: BTreeMap<String, String>,
    reset: Vec<String>,
}

fn plan(config: &[ConfigEntry], set: BTreeMap<String, String>, reset: Vec<String>) -> Plan {
    let mut plan = Plan::default();
    let entry = |name: &str| config.iter().find(|entry| entry.name == name);
    for (name, value) in set {
        let entry = entry(&name);
        let before = entry.and_then(|entry| entry.value.clone());
        let on_topic = entry.is_some_and(|entry| entry.source == ConfigSource::Topic);
        if on_topic && before.as_ref() == Some(&value) {
            continue;
        }
        plan.warn(&name, before.as_deref(), &value);
        let changed = line(&name, before, Some(value.clone()));
        plan.lines.push(match entry.map(|entry| entry.source) {
            Some(was) if was != ConfigSource::Topic => noted(changed, format!("was {}", source(was))),
            _ => changed,
        });
        plan.set.insert(name, value);
    }
    for name in reset {
        let Some(entry) = entry(&name).filter(|entry| entry.source == ConfigSource::Topic) else {
            plan.warnings.push(format!(
                "{name} is not set on the topic: there is nothing to reset."
            ));
            continue;
        };
        let after = entry.inherited.as_ref();
        let value = after.and_then(|after| after.value.clone());
        // Another name has another unit: only the value of the same setting can be compared.
        if let Some(value) = after
            .filter(|after| after.name == name)
            .and_then(|after| after.value.clone())
        {
            plan.warn(&name, entry.value.as_deref(), &value);
        }
        let changed = line(&name, entry.value.clone(), value);
        plan.lines.push(match after {
            Some(after) if after.name == name => noted(changed, source(after.source)),
            Some(after) => noted(changed, format!("{}, {}", after.name, source(after.source))),
            None => noted(changed, "what the cluster has for it"),
        });
        plan.reset.push(name);
    }
    plan
}

impl Plan {
    /// Records are lost when less is kept than before, or when only the last of each key is.
    fn warn(&mut self, name: &str, before: Option<&str>, after: &str) {
        let less = || {
            let limit = |text: &str| text.parse::<i64>().ok();
            let (before, after) = (before.and_then(limit)?, limit(after)?);
            Some(after >= 0 && (before < 0 || after < before))
        };
        match name {
            "retention.ms" | "retention.bytes" if less() == Some(true) => {
                self.destructive = true;
                self.warnings.push(format!(
                    "Less is kept than before: the brokers delete what is beyond {name} = {after} for good."
                ));
            }
            "cleanup.policy" if before != Some(after) => {
                self.destructive = true;
                self.warnings.push(match after.contains("compact") {
                    true => "Compaction keeps the last record of each key and deletes the others for good; records \
                             without a key are refused."
                        .to_owned(),
                    false => "Records beyond the retention are deleted for good, keys or not.".to_owned(),
                });
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use tailrace_model::api::InheritedConfig;

    use super::*;

    fn config() -> Vec<ConfigEntry> {
        vec![
            ConfigEntry {
                name: "retention.ms".into(),
                value: Some("1000".into()),
                source: ConfigSource::Topic,
                inherited: Some(InheritedConfig {
                    name: "log.retention.hours".into(),
                    value: Some("168".into()),
                    source: ConfigSource::Static,
                }),
                ..ConfigEntry::default()
            },
            ConfigEntry {
                name: "cleanup.policy".into(),
                value: Some("delete".into()),
                source: ConfigSource::Default,
                ..ConfigEntry::default()
            },
        ]
    }

    fn planned(set: &[(&str, &str)], reset: &[&str]) -> Plan {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let reset = reset.iter().map(|name| (*name).to_owned()).collect();
        plan(&config(), set.iter().map(owned).collect(), reset)
    }

    #[test]
    fn only_what_changes_is_shown_and_done() {
        let same = planned(&[("retention.ms", "1000")], &["cleanup.policy"]);
        assert!(same.lines.is_empty() && same.set.is_empty() && same.reset.is_empty());
        assert_eq!(
            same.warnings,
            ["cleanup.policy is not set on the topic: there is nothing to reset."]
        );
        // The same value, but now the topic's own.
        let pinned = planned(&[("cleanup.policy", "delete")], &[]);
        assert_eq!(pinned.lines[0].note.as_deref(), Some("was Kafka's default"));
        assert!(!pinned.destructive);
    }

    #[test]
    fn what_is_lost_is_said() {
        let check = |set: &[(&str, &str)], reset: &[&str], destructive: bool| {
            assert_eq!(planned(set, reset).destructive, destructive, "{set:?} {reset:?}");
        };
        check(&[("retention.ms", "10")], &[], true);
        check(&[("retention.ms", "-1")], &[], false);
        check(&[("retention.ms", "2000")], &[], false);
        check(&[("cleanup.policy", "compact")], &[], true);
        check(&[], &["retention.ms"], false);
    }

    #[test]
    fn a_reset_says_what_holds_then() {
        let line = &planned(&[], &["retention.ms"]).lines[0];
        assert_eq!(
            (line.before.as_deref(), line.after.as_deref()),
            (Some("1000"), Some("168"))
        );
        assert_eq!(
            line.note.as_deref(),
            Some("log.retention.hours, from the broker's file")
        );
    }
}
