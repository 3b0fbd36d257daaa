//! When an alert fires and when it is resolved. Pure: times are passed in, and what stood before is.

use tailrace_model::{
    AlertDefinition, AlertStatus,
    api::{AlertState, LagLevel, LagStatus},
};

/// A group, as far as alerts look at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Observed {
    pub lag: Option<i64>,
    pub lag_ms: Option<i64>,
    pub status: LagStatus,
}

/// An alert for one group, as it stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    pub state: AlertState,
    /// Since when the condition holds.
    pub since_ms: i64,
}

/// What is to be done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Nothing changes.
    Stay,
    /// It holds, and waits to hold long enough.
    Wait { since_ms: i64 },
    /// It has held long enough: somebody is told, once.
    Fire { since_ms: i64 },
    /// It held, and does not any more: whoever was told is told again.
    Resolve,
    /// It held, never for long enough.
    Forget,
}

/// Whether every condition that is written holds. `None`: something that it asks for is unknown.
pub fn holds(alert: &AlertDefinition, observed: &Observed) -> Option<bool> {
    let lag = alert.lag.map(|least| {
        observed
            .lag
            .map(|lag| lag >= i64::try_from(least).unwrap_or(i64::MAX))
    });
    let time = alert
        .lag_time
        .map(|least| observed.lag_ms.map(|lag_ms| lag_ms >= least.approximate_ms()));
    let status = (!alert.status.is_empty()).then(|| match observed.status {
        LagStatus::Unknown => None,
        status => Some(alert.status.iter().any(|one| is(*one, status))),
    });
    let conditions = [lag, time, status];
    // One that does not hold decides, whatever is not known of the others.
    if conditions.contains(&Some(Some(false))) {
        return Some(false);
    }
    match conditions.contains(&Some(None)) {
        true => None,
        false => Some(conditions.iter().any(Option::is_some)),
    }
}

fn is(wanted: AlertStatus, status: LagStatus) -> bool {
    match wanted {
        AlertStatus::Warn => status == LagStatus::Warn,
        AlertStatus::Stall => status == LagStatus::Stall,
        AlertStatus::Stop => status == LagStatus::Stop,
        AlertStatus::Rewind => status == LagStatus::Rewind,
        AlertStatus::Err => status.level() == LagLevel::Err,
    }
}

/// The next step for one group. What is unknown changes nothing: it neither fires nor resolves.
pub fn step(before: Option<Standing>, holds: Option<bool>, hold_ms: i64, now_ms: i64) -> Step {
    let active = before.filter(|standing| standing.state != AlertState::Resolved);
    match (active, holds) {
        (_, None) => Step::Stay,
        (None, Some(false)) => Step::Stay,
        (None, Some(true)) if hold_ms <= 0 => Step::Fire { since_ms: now_ms },
        (None, Some(true)) => Step::Wait { since_ms: now_ms },
        (Some(standing), Some(true)) => match standing.state {
            AlertState::Pending if now_ms - standing.since_ms >= hold_ms => Step::Fire {
                since_ms: standing.since_ms,
            },
            _ => Step::Stay,
        },
        (Some(standing), Some(false)) => match standing.state {
            AlertState::Firing => Step::Resolve,
            _ => Step::Forget,
        },
    }
}

/// Whether the alert watches this group of this cluster.
pub fn watches(alert: &AlertDefinition, cluster: &str, group: &str) -> bool {
    let clusters = &alert.clusters;
    alert.enabled
        && alert.violations.is_none()
        && (clusters.is_empty() || clusters.iter().any(|name| name == cluster))
        && (alert.groups.is_empty() || alert.groups.iter().any(|pattern| matches(pattern, group)))
}

/// Whether the alert watches the violations of this source.
pub fn watches_source(alert: &AlertDefinition, source: &str) -> bool {
    alert.enabled
        && alert.violations.is_some()
        && (alert.sources.is_empty() || alert.sources.iter().any(|pattern| matches(pattern, source)))
}

/// Whether a name is what a pattern with `*` for any signs says.
pub fn matches(pattern: &str, name: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else {
        return pattern == name;
    };
    let Some(mut left) = name.strip_prefix(first) else {
        return false;
    };
    let parts: Vec<&str> = rest.split('*').collect();
    let Some((last, between)) = parts.split_last() else {
        return true;
    };
    for part in between {
        match left.find(part) {
            Some(at) => left = &left[at + part.len()..],
            None => return false,
        }
    }
    left.ends_with(last)
}

/// What an alert watches for: `lag of at least 1000 records and status STOP for 5 minutes, groups billing-*`.
pub fn sentence(alert: &AlertDefinition) -> String {
    if let Some(violations) = alert.violations {
        let sources = match alert.sources.as_slice() {
            [] => "any source".to_owned(),
            names => format!("sources {}", names.join(", ")),
        };
        return format!(
            "at least {violations} violations of the tracking plan within an hour of the clock, {sources}"
        );
    }
    let mut conditions = Vec::new();
    conditions.extend(alert.lag.map(|lag| format!("lag of at least {lag} records")));
    conditions.extend(
        alert
            .lag_time
            .map(|span| format!("lag in time of at least {span}")),
    );
    if !alert.status.is_empty() {
        let names: Vec<&str> = alert.status.iter().map(|status| name(*status)).collect();
        conditions.push(format!("status {}", names.join(" or ")));
    }
    let groups = match alert.groups.as_slice() {
        [] => "any group".to_owned(),
        names => format!("groups {}", names.join(", ")),
    };
    let clusters = match alert.clusters.as_slice() {
        [] => "any cluster".to_owned(),
        names => names.join(", "),
    };
    format!(
        "{} for {}, {groups} of {clusters}",
        conditions.join(" and "),
        alert.hold
    )
}

fn name(status: AlertStatus) -> &'static str {
    match status {
        AlertStatus::Warn => "WARN",
        AlertStatus::Stall => "STALL",
        AlertStatus::Stop => "STOP",
        AlertStatus::Rewind => "REWIND",
        AlertStatus::Err => "ERR",
    }
}
