//! What changed between two versions of a tracking plan, and whether events that fitted may not fit any more.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use tailrace_model::{
    OnViolation, PlannedEvent, TrackingPlanDefinition,
    api::{PlanChange, PlanChangeKind},
};

/// Fields within fields that are compared one by one.
const DEPTH_MAX: usize = 16;
/// Characters of a value that a change shows.
const SHOWN_CHARS_MAX: usize = 80;

/// Changes in the order of the plan: of itself, then event by event.
pub(super) fn changes(from: &TrackingPlanDefinition, to: &TrackingPlanDefinition) -> Vec<PlanChange> {
    let mut all = Vec::new();
    let mut plan = |what: String, stricter: bool| {
        all.push(PlanChange {
            kind: PlanChangeKind::Changed,
            event: None,
            field: None,
            what,
            stricter,
        });
    };
    if from.version != to.version {
        plan(format!("version {} is now {}", from.version, to.version), false);
    }
    if from.unplanned != to.unplanned {
        let what = format!(
            "events that the plan does not name: {} is now {}",
            name(from.unplanned),
            name(to.unplanned)
        );
        plan(what, to.unplanned == OnViolation::Block);
    }
    let events: BTreeSet<&String> = from.events.keys().chain(to.events.keys()).collect();
    for event in events {
        match (from.events.get(event), to.events.get(event)) {
            (Some(before), Some(after)) => {
                let (old, new) = (
                    before.on_violation.unwrap_or(from.on_violation),
                    after.on_violation.unwrap_or(to.on_violation),
                );
                if old != new {
                    all.push(PlanChange {
                        kind: PlanChangeKind::Changed,
                        event: Some(event.clone()),
                        field: None,
                        what: format!("on a violation: {} is now {}", name(old), name(new)),
                        stricter: new == OnViolation::Block,
                    });
                }
                schemas(event, before, after, &mut all);
            }
            (None, Some(after)) => {
                all.push(whole(
                    event,
                    PlanChangeKind::Added,
                    "the event is planned now",
                    after.schema.is_some(),
                ));
            }
            (Some(_), None) => {
                let stricter = to.unplanned == OnViolation::Block;
                all.push(whole(
                    event,
                    PlanChangeKind::Removed,
                    "the event is not planned any more",
                    stricter,
                ));
            }
            (None, None) => {}
        }
    }
    all
}

fn whole(event: &str, kind: PlanChangeKind, what: &str, stricter: bool) -> PlanChange {
    PlanChange {
        kind,
        event: Some(event.to_owned()),
        field: None,
        what: what.to_owned(),
        stricter,
    }
}

fn name(on_violation: OnViolation) -> &'static str {
    match on_violation {
        OnViolation::Allow => "allow",
        OnViolation::Omit => "omit",
        OnViolation::Block => "block",
    }
}

fn schemas(event: &str, before: &PlannedEvent, after: &PlannedEvent, all: &mut Vec<PlanChange>) {
    let everything = Value::Object(Map::new());
    let (before, after) = (
        before.schema.as_ref().unwrap_or(&everything),
        after.schema.as_ref().unwrap_or(&everything),
    );
    within(event, "", before, after, 0, all);
}

fn within(event: &str, path: &str, before: &Value, after: &Value, depth: usize, all: &mut Vec<PlanChange>) {
    if before == after {
        return;
    }
    let mut push = |kind, field: &str, what: String, stricter| {
        all.push(PlanChange {
            kind,
            event: Some(event.to_owned()),
            field: (!field.is_empty()).then(|| field.to_owned()),
            what,
            stricter,
        });
    };
    let (Some(old), Some(new)) = (before.as_object(), after.as_object()) else {
        push(
            PlanChangeKind::Changed,
            path,
            format!("{} is now {}", short(before), short(after)),
            true,
        );
        return;
    };
    if depth >= DEPTH_MAX {
        push(
            PlanChangeKind::Changed,
            path,
            "something deep within it changed".to_owned(),
            true,
        );
        return;
    }
    let under = |field: &str| match path.is_empty() {
        true => field.to_owned(),
        false => format!("{path}.{field}"),
    };
    let (was, is) = (required(old), required(new));
    for field in is.difference(&was) {
        push(
            PlanChangeKind::Changed,
            &under(field),
            "it is required now".to_owned(),
            true,
        );
    }
    for field in was.difference(&is) {
        push(
            PlanChangeKind::Changed,
            &under(field),
            "it is not required any more".to_owned(),
            false,
        );
    }
    let words: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    for word in words {
        if matches!(
            word.as_str(),
            "required" | "properties" | "items" | "description" | "title" | "$schema" | "examples"
        ) {
            continue;
        }
        let (was, is) = (old.get(word), new.get(word));
        if was != is {
            push(
                PlanChangeKind::Changed,
                path,
                worded(word, was, is),
                stricter(word, was, is),
            );
        }
    }
    let empty = Map::new();
    let fields = |of: &Map<String, Value>| of.get("properties").and_then(Value::as_object).cloned();
    let (old_fields, new_fields) = (
        fields(old).unwrap_or_else(|| empty.clone()),
        fields(new).unwrap_or_else(|| empty.clone()),
    );
    let closed = |of: &Map<String, Value>| of.get("additionalProperties") == Some(&Value::Bool(false));
    let names: BTreeSet<&String> = old_fields.keys().chain(new_fields.keys()).collect();
    for field in names {
        match (old_fields.get(field), new_fields.get(field)) {
            (Some(was), Some(is)) => within(event, &under(field), was, is, depth + 1, all),
            (None, Some(is)) => all.push(PlanChange {
                kind: PlanChangeKind::Added,
                event: Some(event.to_owned()),
                field: Some(under(field)),
                what: format!("the field is planned now: {}", short(is)),
                stricter: !closed(old) && is.as_object().is_none_or(|is| !is.is_empty()),
            }),
            (Some(_), None) => all.push(PlanChange {
                kind: PlanChangeKind::Removed,
                event: Some(event.to_owned()),
                field: Some(under(field)),
                what: "the field is not planned any more".to_owned(),
                stricter: closed(new),
            }),
            (None, None) => {}
        }
    }
    if let (Some(was), Some(is)) = (old.get("items"), new.get("items")) {
        within(event, &format!("{path}[]"), was, is, depth + 1, all);
    } else if old.get("items") != new.get("items") {
        let what = worded("items", old.get("items"), new.get("items"));
        all.push(PlanChange {
            kind: PlanChangeKind::Changed,
            event: Some(event.to_owned()),
            field: (!path.is_empty()).then(|| path.to_owned()),
            what,
            stricter: new.contains_key("items"),
        });
    }
}

fn required(schema: &Map<String, Value>) -> BTreeSet<String> {
    let names = schema.get("required").and_then(Value::as_array);
    let names = names.map_or(&[][..], Vec::as_slice);
    names
        .iter()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}

fn short(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

fn worded(word: &str, was: Option<&Value>, is: Option<&Value>) -> String {
    match (was, is) {
        (Some(was), Some(is)) => format!("{word}: {} is now {}", short(was), short(is)),
        (None, Some(is)) => format!("{word} is now {}", short(is)),
        (Some(was), None) => format!("{word} {} is gone", short(was)),
        (None, None) => word.to_owned(),
    }
}

/// Whether something that fitted may not fit any more; in doubt it may not.
fn stricter(word: &str, was: Option<&Value>, is: Option<&Value>) -> bool {
    let list = |value: Option<&Value>| match value {
        Some(Value::Array(values)) => values.clone(),
        Some(other) => vec![other.clone()],
        None => Vec::new(),
    };
    match (word, was, is) {
        (_, _, None) => word == "additionalProperties" && was != Some(&Value::Bool(false)),
        ("enum" | "type", Some(_), Some(_)) => {
            let allowed = list(is);
            let number = allowed.contains(&Value::from("number"));
            !list(was)
                .iter()
                .all(|one| allowed.contains(one) || (number && one.as_str() == Some("integer")))
        }
        ("minimum" | "minLength" | "minItems" | "exclusiveMinimum", Some(was), Some(is)) => {
            is.as_f64() > was.as_f64()
        }
        ("maximum" | "maxLength" | "maxItems" | "exclusiveMaximum", Some(was), Some(is)) => {
            is.as_f64() < was.as_f64()
        }
        ("additionalProperties", _, Some(is)) => *is != Value::Bool(true),
        ("default" | "$comment" | "format", ..) => false,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(schema: &str) -> TrackingPlanDefinition {
        serde_json::from_str(&format!(r#"{{"events": {{"Order": {{"schema": {schema}}}}}}}"#))
            .expect("a plan")
    }

    #[test]
    fn each_change_is_told_with_its_field_and_whether_it_is_stricter() {
        let check = |from: &str, to: &str, expected: &[(&str, &str, bool)]| {
            let found = changes(&plan(from), &plan(to));
            let found: Vec<(&str, &str, bool)> = found
                .iter()
                .map(|one| {
                    (
                        one.field.as_deref().unwrap_or(""),
                        one.what.as_str(),
                        one.stricter,
                    )
                })
                .collect();
            assert_eq!(found, expected, "{from} to {to}");
        };
        check("{}", "{}", &[]);
        check(
            r#"{"properties": {"a": {"type": "integer"}}}"#,
            r#"{"properties": {"a": {"type": "number"}}, "required": ["a"]}"#,
            &[
                ("a", "it is required now", true),
                ("a", "type: \"integer\" is now \"number\"", false),
            ],
        );
        check(
            r#"{"properties": {"a": {"enum": ["x", "y"]}, "b": {}}}"#,
            r#"{"properties": {"a": {"enum": ["x"]}, "c": {"type": "string"}}}"#,
            &[
                ("a", "enum: [\"x\",\"y\"] is now [\"x\"]", true),
                ("b", "the field is not planned any more", false),
                ("c", "the field is planned now: {\"type\":\"string\"}", true),
            ],
        );
        check(
            r#"{"properties": {"a": {"properties": {"z": {"minimum": 1}}}}}"#,
            r#"{"properties": {"a": {"properties": {"z": {"minimum": 0}}}}}"#,
            &[("a.z", "minimum: 1 is now 0", false)],
        );
        check(
            r#"{"properties": {"a": {"items": {"type": "string"}}}}"#,
            r#"{"properties": {"a": {"items": {"type": "number"}}}}"#,
            &[("a[]", "type: \"string\" is now \"number\"", true)],
        );
    }
}
