//! The tracking API's part of the server: which sources listen, and its figures for Prometheus.

use std::fmt::Write as _;

use tailrace_model::{Error, Result, SourceKind};

use super::metrics::escaped;
use crate::{
    open::OpenWorkspace,
    people::{BUCKETS_S, Meter},
};

/// The sources that listen, and why others do not.
pub(super) fn sources(open: &OpenWorkspace) -> Result<(Vec<String>, Vec<Error>)> {
    let people = &open.held()?.people;
    let listening = people.intake.listening();
    let workspace = open.workspace();
    let sources = workspace.definitions.valid_sources();
    let silent = sources.filter(|(name, it)| {
        it.enabled && it.kind == SourceKind::Tracking && !listening.iter().any(|found| found == name)
    });
    let problems = silent.filter_map(|(name, _)| {
        let error = people.source(name)?.error?;
        Some(error.context(format!("source \"{name}\"")))
    });
    let problems = problems.collect();
    Ok((listening, problems))
}

/// Name, help and value of a counter.
type Counter = (&'static str, &'static str, fn(&Meter) -> u64);

/// The figures in Prometheus' text format; empty while nothing was posted and nobody listens.
pub(super) fn metrics(open: &OpenWorkspace) -> String {
    let Ok(held) = open.held() else {
        return String::new();
    };
    let intake = &held.people.intake;
    let mut meters = intake.meters();
    for source in intake.listening() {
        if !meters.iter().any(|(name, _)| *name == source) {
            meters.push((source, Meter::default()));
        }
    }
    if meters.is_empty() {
        return String::new();
    }
    meters.sort_by(|left, right| left.0.cmp(&right.0));
    let mut page = String::new();
    let counters: [Counter; 3] = [
        (
            "tailrace_tracking_requests_total",
            "Requests and messages that were answered",
            |it| it.requests,
        ),
        (
            "tailrace_tracking_events_accepted_total",
            "Events that were acknowledged",
            |it| it.accepted,
        ),
        (
            "tailrace_tracking_events_malformed_total",
            "Events that were kept as malformed, with their reason",
            |it| it.malformed,
        ),
    ];
    for (name, help, of) in counters {
        head(&mut page, name, help, "counter");
        for (source, meter) in &meters {
            let _ = writeln!(page, "{name}{{source=\"{}\"}} {}", escaped(source), of(meter));
        }
    }
    refused(&mut page, &meters);
    took(&mut page, &meters);
    let (events, bytes) = intake.backlog();
    let gauges = [
        (
            "tailrace_tracking_journal_events",
            "Events that no checkpoint has yet",
            events,
        ),
        (
            "tailrace_tracking_journal_bytes",
            "Bytes of what was posted and is kept",
            bytes,
        ),
    ];
    for (name, help, value) in gauges {
        head(&mut page, name, help, "gauge");
        let _ = writeln!(page, "{name} {value}");
    }
    page
}

// Writing to a text does not fail.
pub(super) fn head(page: &mut String, name: &str, help: &str, kind: &str) {
    let _ = writeln!(page, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn refused(page: &mut String, meters: &[(String, Meter)]) {
    let name = "tailrace_tracking_requests_refused_total";
    head(
        page,
        name,
        "Requests that were not taken, by their reason",
        "counter",
    );
    for (source, meter) in meters {
        for (code, count) in &meter.refused {
            let _ = writeln!(
                page,
                "{name}{{source=\"{}\",reason=\"{}\"}} {count}",
                escaped(source),
                code.as_str()
            );
        }
    }
}

fn took(page: &mut String, meters: &[(String, Meter)]) {
    let name = "tailrace_tracking_request_seconds";
    head(
        page,
        name,
        "From the head of a request to its answer",
        "histogram",
    );
    for (source, meter) in meters {
        let source = escaped(source);
        for (end, within) in BUCKETS_S.iter().zip(&meter.within) {
            let _ = writeln!(page, "{name}_bucket{{source=\"{source}\",le=\"{end}\"}} {within}");
        }
        let _ = writeln!(
            page,
            "{name}_bucket{{source=\"{source}\",le=\"+Inf\"}} {}",
            meter.requests
        );
        let _ = writeln!(page, "{name}_sum{{source=\"{source}\"}} {}", meter.took_s);
        let _ = writeln!(page, "{name}_count{{source=\"{source}\"}} {}", meter.requests);
    }
}
