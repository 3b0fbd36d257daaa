//! What the rules of identity and the keys of the profile API can't say.

use std::collections::BTreeSet;

use regex::Regex;
use tailrace_model::{ApiKeyDefinition, IdentityDefinition, IdentityLimit};

use super::check::Report;
use crate::secrets;

/// Values of one kind that a limit may allow.
const COUNT_MAX: u32 = 10_000;
/// A window is no longer than this.
const WINDOW_MS_MAX: i64 = 10 * 365 * 86_400_000;

pub(super) fn check_identity(report: &mut Report<'_>, identity: &IdentityDefinition) {
    let mut seen = BTreeSet::new();
    for (at, kind) in identity.priorities.iter().flatten().enumerate() {
        if kind.trim().is_empty() {
            report.at(
                &["identity", "priorities", &at.to_string()],
                "identity: a priority is empty: write the kind of an identifier, such as \"user_id\"",
            );
        } else if !seen.insert(kind) {
            report.at(
                &["identity", "priorities", &at.to_string()],
                format!("identity: \"{kind}\" has a priority already: remove one of the two"),
            );
        }
    }
    for (kind, limit) in &identity.limits {
        check_limit(report, &["identity", "limits", kind], kind, limit);
    }
    if let Some(limit) = &identity.other_limit {
        check_limit(report, &["identity", "other_limit"], "every other kind", limit);
    }
    for (at, pattern) in identity.blocked_patterns.iter().flatten().enumerate() {
        if let Err(fault) = Regex::new(pattern) {
            let why = fault.to_string();
            let why = why
                .lines()
                .last()
                .unwrap_or_default()
                .trim_start_matches("error: ");
            report.at(
                &["identity", "blocked_patterns", &at.to_string()],
                format!("identity: the blocked pattern \"{pattern}\" is no regular expression: {why}"),
            );
        }
    }
}

fn check_limit(report: &mut Report<'_>, path: &[&str], kind: &str, limit: &IdentityLimit) {
    let below = |key: &'static str| path.iter().copied().chain([key]).collect::<Vec<_>>();
    if !(1..=COUNT_MAX).contains(&limit.count) {
        report.at(
            &below("count"),
            format!(
                "identity: the limit of {kind} can't be {}: a profile may have 1 to {COUNT_MAX} of them; block values instead of allowing none",
                limit.count
            ),
        );
    }
    if let Some(window) = limit
        .window
        .filter(|window| window.approximate_ms() > WINDOW_MS_MAX)
    {
        report.at(
            &below("window"),
            format!("identity: the window of {window} is too long: it is ten years at most; leave it out to count all"),
        );
    }
}

pub(super) fn check_api_keys(report: &mut Report<'_>, keys: &[ApiKeyDefinition]) {
    let mut names = BTreeSet::new();
    for (at, key) in keys.iter().enumerate() {
        let at = at.to_string();
        if key.name.trim().is_empty() {
            report.at(
                &["api_keys", &at, "name"],
                "an API key needs a name: say who has it",
            );
        } else if !names.insert(&key.name) {
            report.at(
                &["api_keys", &at, "name"],
                format!(
                    "there is another API key \"{}\": give one of them another name",
                    key.name
                ),
            );
        }
        match secrets::reference(&key.key) {
            Some(Ok(_)) => {}
            Some(Err(error)) => report.at(&["api_keys", &at, "key"], error.message),
            None => report.at(
                &["api_keys", &at, "key"],
                "an API key is never in a file: write key = \"secret:NAME\" and set it with `tailrace secret set NAME`",
            ),
        }
        if key.scopes.is_empty() {
            report.at(
                &["api_keys", &at, "scopes"],
                "an API key without scopes opens nothing: give it traits, events, audiences or identifiers",
            );
        }
    }
}
