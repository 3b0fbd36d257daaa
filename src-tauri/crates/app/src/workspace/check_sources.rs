//! Checks of sources: each kind has its own keys, and none of another kind's.

use tailrace_connectors::tracking::{KEY_HASH_PREFIX, WriteKeyHash, origin};
use tailrace_model::{SourceDefinition, SourceKind, TrackingSettings};

use super::{
    check::{Found, Report, each},
    definitions::{Kind, Named, instead},
};
use crate::secrets;

pub(super) fn check_sources(sources: &mut Named<SourceDefinition>, found: &Found) {
    let clusters = &found.clusters;
    each(Kind::Source, sources, |report, name, source| {
        match source.kind {
            SourceKind::Kafka => check_kafka(report, source, clusters),
            SourceKind::Tracking => check_tracking(report, name, source, clusters),
        }
        if source.sql.as_ref().is_some_and(|sql| sql.trim().is_empty()) {
            report.at(
                &["sql"],
                "the SQL is empty: write a SELECT over the table records, or remove the key",
            );
        }
        if source.transform.as_ref().is_some_and(|sql| sql.trim().is_empty()) {
            let sentence = "the transformation is empty: write SELECT * FROM events with your changes, or remove the key";
            report.at(&["transform"], sentence);
        }
        if let Some(plan) = &source.plan
            && !found.plans.contains_key(plan)
        {
            let instead = instead(Kind::TrackingPlan, &found.plans, plan);
            report.at(
                &["plan"],
                format!("there is no tracking plan \"{plan}\"{instead}"),
            );
        }
    });
    one_key_a_source(sources);
}

fn check_kafka(report: &mut Report<'_>, source: &SourceDefinition, clusters: &Named<()>) {
    for key in ["cluster", "topic"] {
        if !report.locator.has(&[key]) {
            report.push(0, &format!("the key \"{key}\" is missing: add it"));
        }
    }
    if report.locator.has(&["tracking"]) {
        report.at_key(
            &["tracking"],
            "[tracking] is only for kind = \"tracking\": set the kind, or remove [tracking]",
        );
    }
    if report.locator.has(&["cluster"]) {
        check_cluster(report, &["cluster"], &source.cluster, clusters);
    }
    if report.locator.has(&["topic"]) {
        check_topic(report, &["topic"], &source.topic);
    }
}

fn check_tracking(report: &mut Report<'_>, name: &str, source: &SourceDefinition, clusters: &Named<()>) {
    for key in ["cluster", "topic", "group"] {
        if report.locator.has(&[key]) {
            report.at_key(
                &[key],
                format!("{key} is only for kind = \"kafka\": what is posted comes from no topic, remove it"),
            );
        }
    }
    let Some(settings) = &source.tracking else {
        report.push(
            0,
            &format!("the table [tracking] is missing: add it, with write_key = \"secret:{name}_write_key\""),
        );
        return;
    };
    check_write_key(report, name, settings);
    for page in &settings.cors_origins {
        if page != "*" && origin(page).is_none() {
            let sentence = format!(
                "\"{page}\" is no origin: write scheme, host and port alone, such as \"https://shop.example\", or \"*\""
            );
            report.at(&["tracking", "cors_origins"], sentence);
        }
    }
    if let Some(produce) = &settings.produce {
        let path = ["tracking", "produce"];
        check_cluster(report, &[path[0], path[1], "cluster"], &produce.cluster, clusters);
        check_topic(report, &[path[0], path[1], "topic"], &produce.topic);
    }
    if settings.events_per_second_max == Some(0) {
        report.at(
            &["tracking", "events_per_second_max"],
            "events_per_second_max is 0, which lets nothing in: write at least 1, or enabled = false for the source",
        );
    }
}

fn check_write_key(report: &mut Report<'_>, name: &str, settings: &TrackingSettings) {
    let path = ["tracking", "write_key"];
    match secrets::reference(&settings.write_key) {
        Some(Err(error)) => report.at(&path, error.message),
        Some(Ok(_)) => {}
        None if settings.write_key.starts_with(KEY_HASH_PREFIX) => {
            if WriteKeyHash::parse(&settings.write_key).is_none() {
                report.at(
                    &path,
                    "a hashed write key is \"sha256:\" and the 64 hexadecimal digits of the key's SHA-256",
                );
            }
        }
        // What stands there may be the key itself: it is not repeated.
        None => {
            let sentence = format!(
                "the write key stands here in the open: write \"secret:{name}_write_key\" and keep the value with `tailrace secret set {name}_write_key`, or write \"sha256:\" and the key's SHA-256"
            );
            report.at(&path, sentence);
        }
    }
}

fn check_cluster(report: &mut Report<'_>, path: &[&str], cluster: &str, clusters: &Named<()>) {
    if !clusters.contains_key(cluster) {
        let instead = instead(Kind::Cluster, clusters, cluster);
        report.at(path, format!("there is no cluster \"{cluster}\"{instead}"));
    }
}

fn check_topic(report: &mut Report<'_>, path: &[&str], topic: &str) {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if topic.is_empty() || topic.len() > 249 || !topic.chars().all(legal) {
        let sentence =
            format!("\"{topic}\" can't be a topic: its name is 1 to 249 letters, digits, '.', '_' and '-'");
        report.at(path, sentence);
    }
}

/// What is posted with a key has to belong to one source.
fn one_key_a_source(sources: &mut Named<SourceDefinition>) {
    let keys: Vec<(String, String)> = sources
        .iter()
        .filter_map(|(name, loaded)| {
            let settings = loaded.value.as_ref()?.tracking.as_ref()?;
            Some((name.clone(), settings.write_key.clone()))
        })
        .collect();
    each(Kind::Source, sources, |report, name, source| {
        let Some(settings) = &source.tracking else { return };
        let other = keys
            .iter()
            .find(|(other, key)| other.as_str() < name && *key == settings.write_key);
        if let Some((other, _)) = other {
            let sentence = format!("sources/{other}.toml has this write key too: give each source its own");
            report.at(&["tracking", "write_key"], sentence);
        }
    });
}
