//! What sources collected, for Prometheus: events, and all that became none.
//!
//! Invariant: the figures are those of the last checkpoint, and go on over restarts.

use std::{collections::BTreeMap, fmt::Write as _};

use super::{metrics::escaped, tracking::head};
use crate::{
    open::OpenWorkspace,
    store::{QuarantineSize, SourceCounts},
};

/// Name, help and value of a counter.
type Counter = (&'static str, &'static str, fn(&SourceCounts) -> u64);

const COUNTERS: [Counter; 6] = [
    (
        "tailrace_source_duplicates_total",
        "Events that were not collected again",
        |it| it.duplicates,
    ),
    (
        "tailrace_source_malformed_total",
        "Records that are no events, kept in the quarantine",
        |it| it.malformed,
    ),
    (
        "tailrace_source_blocked_total",
        "Events that the tracking plan blocks or the transformation fails on, kept in the quarantine",
        |it| it.blocked,
    ),
    (
        "tailrace_source_violations_total",
        "Fields, and events, that did not fit the tracking plan",
        |it| it.violations,
    ),
    (
        "tailrace_source_left_out_total",
        "Records that the source's SQL leaves out",
        |it| it.left_out,
    ),
    (
        "tailrace_source_lost_total",
        "Records that were deleted from the topic before they were read",
        |it| it.lost,
    ),
];

/// The figures in Prometheus' text format; empty without sources.
pub(super) async fn metrics(open: &OpenWorkspace) -> String {
    let Ok(held) = open.held() else {
        return String::new();
    };
    let names: Vec<String> = {
        let workspace = open.workspace();
        let sources = workspace.definitions.valid_sources();
        sources.map(|(name, _)| name.to_owned()).collect()
    };
    let counts: Vec<(String, SourceCounts)> = names
        .into_iter()
        .map(|name| {
            let (counts, _) = held.people.counts(&name);
            (name, counts)
        })
        .collect();
    // What is not known now is absent, never 0.
    let kept = held.store.quarantine_sizes().await.ok();
    page(&counts, kept.as_ref())
}

fn page(counts: &[(String, SourceCounts)], kept: Option<&BTreeMap<String, QuarantineSize>>) -> String {
    let mut page = String::new();
    if counts.is_empty() {
        return page;
    }
    let mut family = |name: &str, help: &str, kind: &str, of: &dyn Fn(&str, &SourceCounts) -> u64| {
        head(&mut page, name, help, kind);
        for (source, counts) in counts {
            // Writing to a text does not fail.
            let _ = writeln!(
                page,
                "{name}{{source=\"{}\"}} {}",
                escaped(source),
                of(source, counts)
            );
        }
    };
    // A replay may take some back.
    family(
        "tailrace_source_events",
        "Events of the source in the event log",
        "gauge",
        &|_, it| it.events,
    );
    for (name, help, of) in COUNTERS {
        family(name, help, "counter", &|_, it| of(it));
    }
    if let Some(kept) = kept {
        let of = |source: &str| kept.get(source).copied().unwrap_or_default();
        family(
            "tailrace_source_quarantined",
            "Records in the quarantine now",
            "gauge",
            &|source, _| of(source).records,
        );
        family(
            "tailrace_source_quarantine_evicted_total",
            "The oldest records of the quarantine, which had to leave because there were too many",
            "counter",
            &|source, _| of(source).evicted,
        );
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_source_has_its_figures_and_what_is_unknown_is_absent() {
        let counts = SourceCounts {
            events: 7,
            blocked: 2,
            ..SourceCounts::default()
        };
        let counts = [("a\"b".to_owned(), counts)];
        let size = QuarantineSize {
            records: 1,
            evicted: 3,
        };
        let text = page(&counts, Some(&BTreeMap::from([("a\"b".to_owned(), size)])));
        for line in [
            "# TYPE tailrace_source_events gauge\ntailrace_source_events{source=\"a\\\"b\"} 7\n",
            "# TYPE tailrace_source_blocked_total counter\ntailrace_source_blocked_total{source=\"a\\\"b\"} 2\n",
            "tailrace_source_malformed_total{source=\"a\\\"b\"} 0\n",
            "tailrace_source_quarantined{source=\"a\\\"b\"} 1\n",
            "tailrace_source_quarantine_evicted_total{source=\"a\\\"b\"} 3\n",
        ] {
            assert!(text.contains(line), "{line} is not in {text}");
        }
        assert!(!page(&counts, None).contains("quarantine_evicted"));
        assert_eq!(page(&[], None), "");
    }
}
