//! `GET /metrics`: the figures of sources and of the tracking API, and lag for Prometheus, under the names that users of
//! kafka-lag-exporter and of kminion have in their dashboards.
//!
//! <https://github.com/seglo/kafka-lag-exporter#metrics>, <https://github.com/redpanda-data/kminion/blob/master/docs/metrics.md>.
//! Both call what is unknown nothing or NaN; here it is absent, never 0. kminion knows one cluster: its metrics have the
//! label `cluster_name` besides. Lag is that of the last sample; the ends of all topics are asked for once in
//! [`TOPICS_MS`]. A lag in time has the label `source` besides: `record`, or `interpolated` where it is guessed.
//!
//! Invariants: what was not sampled for [`STALE_MS`] is left out, so that no number stays for ever as it was when the
//! cluster fell silent; `tailrace_cluster_up` tells of that from the first failure on. A cluster that was removed from
//! the workspace is gone.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    sync::Arc,
    time::Duration,
};

use axum::{Router, extract::State, http::header, response::IntoResponse, routing::get};
use tailrace_connectors::clusters::kafka::{ClusterMarks, TopicPartition};
use tailrace_engine::lag::LagRules;
use tailrace_model::api::{GroupPartition, LagTimeSource};
use tokio::sync::Mutex;

use super::Shared;
use crate::{
    clusters::Cluster,
    core::now_ms,
    lag::{LagState, Watched, rules},
};

/// The ends of all topics are asked for again after this.
const TOPICS_MS: i64 = 10_000;
/// A cluster that does not tell of its topics within this is left out of one scrape.
const TOPICS_MAX: Duration = Duration::from_secs(8);

/// Groups whose last sample is older than this, and than [`STALE_INTERVALS`] between two, are left out.
const STALE_MS: i64 = 60_000;
const STALE_INTERVALS: i64 = 10;

/// What was asked last, by cluster.
pub(super) type Cache = Mutex<BTreeMap<String, (i64, Arc<ClusterMarks>)>>;

pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/metrics", get(metrics))
}

async fn metrics(State(shared): State<Shared>) -> impl IntoResponse {
    let mut page = Page::default();
    let mut clusters = shared.open.clusters.made().await;
    clusters.retain(|cluster| {
        let workspace = shared.open.workspace();
        workspace.definitions.clusters.contains_key(&cluster.name)
    });
    clusters.sort_by(|left, right| left.name.cmp(&right.name));
    shared
        .metrics
        .lock()
        .await
        .retain(|name, _| clusters.iter().any(|cluster| cluster.name == *name));
    let mut up = true;
    for cluster in &clusters {
        let stale_ms = stale_ms(&rules(&shared.open, cluster));
        up &= groups(&mut page, &cluster.name, &cluster.lag(), (now_ms(), stale_ms));
        if let Some(marks) = marks(&shared, cluster).await {
            topics(&mut page, &cluster.name, &marks);
        }
    }
    page.add(
        "kminion_exporter_up",
        &[("version", env!("CARGO_PKG_VERSION"))],
        if up { 1.0 } else { 0.0 },
    );
    (
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
        page.text() + &super::sources::metrics(&shared.open).await + &super::tracking::metrics(&shared.open),
    )
}

/// How old a sample may be and still say how things are.
pub(super) fn stale_ms(rules: &LagRules) -> i64 {
    STALE_MS.max(rules.every_ms * STALE_INTERVALS)
}

/// One cluster at a time asks: two scrapes at once share the answer.
async fn marks(shared: &Shared, cluster: &Cluster) -> Option<Arc<ClusterMarks>> {
    let mut cache = shared.metrics.lock().await;
    if let Some((at_ms, marks)) = cache.get(&cluster.name)
        && now_ms() - at_ms < TOPICS_MS
    {
        return Some(Arc::clone(marks));
    }
    let asked = tokio::time::timeout(TOPICS_MAX, cluster.client.marks()).await;
    match asked {
        Ok(Ok(marks)) => {
            let marks = Arc::new(marks);
            cache.insert(cluster.name.clone(), (now_ms(), Arc::clone(&marks)));
            Some(marks)
        }
        Ok(Err(error)) => {
            tracing::debug!(cluster = cluster.name, %error, "the ends of its topics were not told");
            None
        }
        Err(_) => None,
    }
}

/// The names, with their help, in the order in which they are written.
const NAMES: [(&str, &str); 30] = [
    (
        "kafka_consumergroup_group_offset",
        "Last group consumed offset of a partition",
    ),
    ("kafka_consumergroup_group_lag", "Group offset lag of a partition"),
    (
        "kafka_consumergroup_group_lag_seconds",
        "Group time lag of a partition",
    ),
    ("kafka_consumergroup_group_max_lag", "Max group offset lag"),
    ("kafka_consumergroup_group_max_lag_seconds", "Max group time lag"),
    ("kafka_consumergroup_group_sum_lag", "Sum of group offset lag"),
    (
        "kafka_consumergroup_group_topic_sum_lag",
        "Sum of group offset lag across topic partitions",
    ),
    ("kafka_consumergroup_poll_time_ms", "Group time poll time"),
    ("kafka_partition_latest_offset", "Latest offset of a partition"),
    (
        "kafka_partition_earliest_offset",
        "Earliest offset of a partition",
    ),
    (
        "kminion_exporter_up",
        "Whether every cluster answered when it was asked last",
    ),
    ("kminion_kafka_broker_info", "Kafka broker information"),
    ("kminion_kafka_cluster_info", "Kafka cluster information"),
    ("kminion_kafka_topic_info", "Info labels for a given topic"),
    (
        "kminion_kafka_topic_partition_low_water_mark",
        "Partition Low Water Mark",
    ),
    (
        "kminion_kafka_topic_low_water_mark_sum",
        "Sum of all the topic's partition low water marks",
    ),
    (
        "kminion_kafka_topic_partition_high_water_mark",
        "Partition High Water Mark",
    ),
    (
        "kminion_kafka_topic_high_water_mark_sum",
        "Sum of all the topic's partition high water marks",
    ),
    (
        "kminion_kafka_consumer_group_info",
        "Whether the group is in the stable state",
    ),
    (
        "kminion_kafka_consumer_group_members",
        "Members of the consumer group",
    ),
    (
        "kminion_kafka_consumer_group_empty_members",
        "Members with no partition assigned",
    ),
    (
        "kminion_kafka_consumer_group_topic_members",
        "Members assigned on a given topic",
    ),
    (
        "kminion_kafka_consumer_group_topic_assigned_partitions",
        "Partitions of a topic that are assigned in the group",
    ),
    (
        "kminion_kafka_consumer_group_topic_offset_sum",
        "The sum of all committed group offsets across all partitions in a topic",
    ),
    (
        "kminion_kafka_consumer_group_topic_partition_lag",
        "Records that a group is behind the end of a partition",
    ),
    (
        "kminion_kafka_consumer_group_topic_lag",
        "Records that a group is behind across all partitions in a topic",
    ),
    (
        "tailrace_consumer_group_status",
        "1 for the status that the group has by Burrow's rules",
    ),
    (
        "tailrace_consumer_group_past_end_offsets",
        "How far a commit is past the end of its partition; its lag is then unknown",
    ),
    (
        "tailrace_cluster_up",
        "Whether the cluster told of its consumer groups when it was asked last",
    ),
    (
        "tailrace_cluster_last_sample_timestamp_seconds",
        "When the cluster last told of its consumer groups",
    ),
];

/// Samples by name, so that all of a name stand together, as the format wants it.
#[derive(Default)]
struct Page {
    samples: BTreeMap<&'static str, String>,
}

impl Page {
    fn add(&mut self, name: &'static str, labels: &[(&str, &str)], value: f64) {
        let out = self.samples.entry(name).or_default();
        out.push_str(name);
        for (index, (label, text)) in labels.iter().enumerate() {
            out.push(if index == 0 { '{' } else { ',' });
            // Writing to a text does not fail.
            let _ = write!(out, "{label}=\"{}\"", escaped(text));
        }
        if !labels.is_empty() {
            out.push('}');
        }
        let _ = writeln!(out, " {value}");
    }

    fn maybe(&mut self, name: &'static str, labels: &[(&str, &str)], value: Option<i64>) {
        if let Some(value) = value {
            self.add(name, labels, value as f64);
        }
    }

    fn text(mut self) -> String {
        let mut text = String::new();
        for (name, help) in NAMES {
            if let Some(samples) = self.samples.remove(name) {
                let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} gauge\n{samples}");
            }
        }
        text
    }
}

pub(super) fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

/// Whether the cluster answered when it was asked last.
fn groups(page: &mut Page, name: &str, state: &LagState, (now_ms, stale_ms): (i64, i64)) -> bool {
    let up = state.error().is_none();
    let of = [("cluster_name", name)];
    if state.sampled_ms().is_some() || !up {
        page.add("tailrace_cluster_up", &of, if up { 1.0 } else { 0.0 });
    }
    let Some(sampled_ms) = state.sampled_ms() else {
        return up;
    };
    page.add(
        "tailrace_cluster_last_sample_timestamp_seconds",
        &of,
        seconds(sampled_ms),
    );
    if now_ms - sampled_ms > stale_ms {
        return up;
    }
    page.add(
        "kafka_consumergroup_poll_time_ms",
        &[("cluster_name", name)],
        state.took_ms() as f64,
    );
    for watched in state.groups() {
        group_metrics(page, name, watched);
    }
    up
}

fn group_metrics(page: &mut Page, name: &str, watched: &Watched) {
    let sample = &watched.sample;
    let group = sample.group.as_str();
    for partition in &sample.partitions {
        partition_metrics(page, name, group, partition);
    }
    let simple = if sample.simple { "true" } else { "false" };
    let max = [
        ("cluster_name", name),
        ("group", group),
        ("is_simple_consumer", simple),
    ];
    page.maybe(
        "kafka_consumergroup_group_max_lag",
        &max,
        sample.partitions.iter().filter_map(|it| it.lag).max(),
    );
    if let Some((lag_ms, source)) = watched.lag_ms() {
        let labels = [max[0], max[1], max[2], ("source", named(source))];
        page.add(
            "kafka_consumergroup_group_max_lag_seconds",
            &labels,
            seconds(lag_ms),
        );
    }
    page.maybe("kafka_consumergroup_group_sum_lag", &max[..2], watched.judged.lag);
    let status = format!("{:?}", watched.judged.status).to_lowercase();
    let labels = [
        ("cluster_name", name),
        ("group", group),
        ("status", status.as_str()),
    ];
    page.add("tailrace_consumer_group_status", &labels, 1.0);
    let own = [("cluster_name", name), ("group_id", group)];
    let stable = sample.state == "Stable";
    page.add(
        "kminion_kafka_consumer_group_info",
        &[own[0], own[1], ("state", sample.state.as_str())],
        if stable { 1.0 } else { 0.0 },
    );
    let empty = sample
        .members
        .iter()
        .filter(|member| member.assignment.is_empty())
        .count();
    page.add(
        "kminion_kafka_consumer_group_members",
        &own,
        sample.members.len() as f64,
    );
    page.add("kminion_kafka_consumer_group_empty_members", &own, empty as f64);
    group_topics(page, name, group, &sample.partitions);
}

/// As the label `source` has it.
fn named(source: LagTimeSource) -> &'static str {
    match source {
        LagTimeSource::Record => "record",
        LagTimeSource::Interpolated => "interpolated",
    }
}

fn seconds(ms: i64) -> f64 {
    ms as f64 / 1_000.0
}

fn partition_metrics(page: &mut Page, cluster: &str, group: &str, it: &GroupPartition) {
    let number = it.partition.to_string();
    let labels = [
        ("cluster_name", cluster),
        ("group", group),
        ("topic", it.topic.as_str()),
        ("partition", number.as_str()),
        ("member_host", it.host.as_deref().unwrap_or_default()),
        ("consumer_id", it.member.as_deref().unwrap_or_default()),
        ("client_id", it.client.as_deref().unwrap_or_default()),
    ];
    page.maybe("kafka_consumergroup_group_offset", &labels, it.committed);
    page.maybe("kafka_consumergroup_group_lag", &labels, it.lag);
    if let (Some(lag_ms), Some(source)) = (it.lag_ms, it.lag_ms_source) {
        let mut labels = labels.to_vec();
        labels.push(("source", named(source)));
        page.add("kafka_consumergroup_group_lag_seconds", &labels, seconds(lag_ms));
    }
    let own = [
        ("cluster_name", cluster),
        ("group_id", group),
        ("partition_id", number.as_str()),
        ("topic_name", it.topic.as_str()),
    ];
    page.maybe("kminion_kafka_consumer_group_topic_partition_lag", &own, it.lag);
    let place = [labels[0], labels[1], labels[2], labels[3]];
    page.maybe("tailrace_consumer_group_past_end_offsets", &place, it.past_end);
}

fn group_topics(page: &mut Page, cluster: &str, group: &str, partitions: &[GroupPartition]) {
    let mut topics: BTreeMap<&str, Vec<&GroupPartition>> = BTreeMap::new();
    for partition in partitions {
        topics.entry(&partition.topic).or_default().push(partition);
    }
    for (topic, partitions) in topics {
        let sum = |of: fn(&GroupPartition) -> Option<i64>| {
            partitions
                .iter()
                .filter_map(|it| of(it))
                .reduce(|sum, value| sum + value)
        };
        let exporter = [("cluster_name", cluster), ("group", group), ("topic", topic)];
        page.maybe(
            "kafka_consumergroup_group_topic_sum_lag",
            &exporter,
            sum(|it| it.lag),
        );
        let own = [
            ("cluster_name", cluster),
            ("group_id", group),
            ("topic_name", topic),
        ];
        page.maybe("kminion_kafka_consumer_group_topic_lag", &own, sum(|it| it.lag));
        page.maybe(
            "kminion_kafka_consumer_group_topic_offset_sum",
            &own,
            sum(|it| it.committed),
        );
        let members: BTreeSet<&str> = partitions.iter().filter_map(|it| it.member.as_deref()).collect();
        let assigned = partitions.iter().filter(|it| it.member.is_some()).count();
        page.add(
            "kminion_kafka_consumer_group_topic_members",
            &own,
            members.len() as f64,
        );
        page.add(
            "kminion_kafka_consumer_group_topic_assigned_partitions",
            &own,
            assigned as f64,
        );
    }
}

fn topics(page: &mut Page, cluster: &str, marks: &ClusterMarks) {
    for broker in &marks.brokers {
        let (id, port) = (broker.id.to_string(), broker.port.to_string());
        let labels = [
            ("cluster_name", cluster),
            ("address", broker.host.as_str()),
            ("broker_id", id.as_str()),
            ("port", port.as_str()),
        ];
        page.add("kminion_kafka_broker_info", &labels, 1.0);
    }
    let count = marks.brokers.len().to_string();
    page.add(
        "kminion_kafka_cluster_info",
        &[("cluster_name", cluster), ("broker_count", count.as_str())],
        1.0,
    );
    for topic in &marks.topics {
        let (partitions, replication) = (topic.partitions.to_string(), topic.replication.to_string());
        let name = topic.name.as_str();
        let labels = [
            ("cluster_name", cluster),
            ("partition_count", partitions.as_str()),
            ("replication_factor", replication.as_str()),
            ("topic_name", name),
        ];
        page.add("kminion_kafka_topic_info", &labels, 1.0);
        let (mut low, mut high) = (Some(0), Some(0));
        for number in 0..i32::try_from(topic.partitions).unwrap_or(0) {
            let of = TopicPartition {
                topic: topic.name.clone(),
                partition: number,
            };
            let found = marks.marks.get(&of).copied();
            // A sum of which a part is unknown is unknown.
            low = low.zip(found).map(|(sum, it)| sum + it.start);
            high = high.zip(found).map(|(sum, it)| sum + it.end);
            let Some(found) = found else { continue };
            let number = number.to_string();
            let exporter = [
                ("cluster_name", cluster),
                ("topic", name),
                ("partition", number.as_str()),
            ];
            page.add("kafka_partition_latest_offset", &exporter, found.end as f64);
            page.add("kafka_partition_earliest_offset", &exporter, found.start as f64);
            let own = [
                ("cluster_name", cluster),
                ("partition_id", number.as_str()),
                ("topic_name", name),
            ];
            page.add(
                "kminion_kafka_topic_partition_low_water_mark",
                &own,
                found.start as f64,
            );
            page.add(
                "kminion_kafka_topic_partition_high_water_mark",
                &own,
                found.end as f64,
            );
        }
        let own = [("cluster_name", cluster), ("topic_name", name)];
        page.maybe("kminion_kafka_topic_low_water_mark_sum", &own, low);
        page.maybe("kminion_kafka_topic_high_water_mark_sum", &own, high);
    }
}

#[cfg(test)]
mod tests {
    use tailrace_engine::lag::LagRules;
    use tailrace_model::Error;

    use super::*;
    use crate::lag::tests::sample;

    #[test]
    fn what_was_not_sampled_for_long_is_left_out() {
        let mut state = LagState::default();
        let at_ms = 1_700_000_000_500;
        let page = |state: &LagState, now_ms: i64| {
            let mut page = Page::default();
            let up = groups(&mut page, "c", state, (now_ms, STALE_MS));
            (up, page.text())
        };
        assert_eq!(page(&state, at_ms), (true, String::new()), "never asked");
        let members: &[(&str, &[i32])] = &[("a", &[0, 1])];
        state.add(&LagRules::default(), vec![sample("Stable", members)], at_ms);
        let lag = "kafka_consumergroup_group_sum_lag{cluster_name=\"c\",group=\"g\"} 8";
        let last = "tailrace_cluster_last_sample_timestamp_seconds{cluster_name=\"c\"} 1700000000.5";
        let is_up = "tailrace_cluster_up{cluster_name=\"c\"} 1";
        let check = |(up, page): (bool, String), here: &[&str], gone: &[&str]| {
            assert_eq!(up, here.contains(&is_up));
            here.iter()
                .for_each(|line| assert!(page.contains(line), "{line} is not in {page}"));
            gone.iter()
                .for_each(|line| assert!(!page.contains(line), "{line} is in {page}"));
        };
        check(page(&state, at_ms + STALE_MS), &[lag, last, is_up], &[]);
        state.failed(Error::external("cluster_silent", "no answer"), 0);
        let is_down = "tailrace_cluster_up{cluster_name=\"c\"} 0";
        check(page(&state, at_ms + STALE_MS), &[lag, last, is_down], &[is_up]);
        check(
            page(&state, at_ms + STALE_MS + 1),
            &[last, is_down],
            &[lag, "kafka_consumergroup", "kminion", "status"],
        );
        // A group without members is not for that one that commits without a group.
        let mut empty = LagState::default();
        empty.add(&LagRules::default(), vec![sample("Empty", &[])], at_ms);
        let simple = "is_simple_consumer=\"false\"";
        let source = "kafka_consumergroup_group_max_lag_seconds{cluster_name=\"c\",group=\"g\",is_simple_consumer=\"false\",source=\"record\"} 1";
        check(page(&empty, at_ms), &[simple, source, is_up], &["past_end"]);
        let mut ahead = sample("Empty", &[]);
        (ahead.partitions[0].lag, ahead.partitions[0].past_end) = (None, Some(5));
        let mut state = LagState::default();
        state.add(&LagRules::default(), vec![ahead], at_ms);
        let past_end = "tailrace_consumer_group_past_end_offsets{cluster_name=\"c\",group=\"g\",topic=\"t\",partition=\"0\"} 5";
        let lag = "kafka_consumergroup_group_sum_lag{cluster_name=\"c\",group=\"g\"} 4";
        check(page(&state, at_ms), &[past_end, lag, is_up], &[]);
    }

    #[test]
    fn samples_of_a_name_stand_together_and_labels_are_escaped() {
        let mut page = Page::default();
        page.add("kafka_partition_latest_offset", &[("topic", "a\"b\\c\nd")], 7.0);
        page.add("kafka_consumergroup_group_lag", &[("group", "g")], 1.5);
        page.add("kafka_partition_latest_offset", &[("topic", "e")], 8.0);
        page.maybe("kafka_consumergroup_group_lag", &[("group", "unknown")], None);
        assert_eq!(
            page.text(),
            "# HELP kafka_consumergroup_group_lag Group offset lag of a partition\n\
             # TYPE kafka_consumergroup_group_lag gauge\n\
             kafka_consumergroup_group_lag{group=\"g\"} 1.5\n\
             # HELP kafka_partition_latest_offset Latest offset of a partition\n\
             # TYPE kafka_partition_latest_offset gauge\n\
             kafka_partition_latest_offset{topic=\"a\\\"b\\\\c\\nd\"} 7\n\
             kafka_partition_latest_offset{topic=\"e\"} 8\n"
        );
    }
}
