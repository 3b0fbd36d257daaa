//! A tracking plan, compiled once: whether an event fits, and what is done where it does not.

use std::{borrow::Cow, fmt};

use rustc_hash::FxHashMap;
use serde_json::{Map, Number, Value};
use tailrace_connectors::formats::{JsonSchema, Misfit};
use tailrace_engine::events::{Cell, Event};
use tailrace_model::{Error, OnViolation, Result, TrackingPlanDefinition};

/// Misfits of one event that are counted.
const MISFITS_MAX: usize = 50;
/// Omitting a field may make another misfit: an event is looked at again so often.
const ROUNDS_MAX: usize = 4;
/// Misfits that a reason names.
const NAMED_MAX: usize = 3;

/// What of an event does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// `address.zip`; empty: the event itself.
    pub field: String,
    pub reason: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.field.is_empty() {
            true => f.write_str(&self.reason),
            false => write!(f, "{}: {}", self.field, self.reason),
        }
    }
}

/// What the plan says of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Fits,
    /// It is kept; fields that were to be omitted are gone from it.
    Kept(Vec<Violation>),
    /// With the reason in one sentence.
    Blocked(Vec<Violation>, String),
}

/// See the module's text.
pub struct Plan {
    name: String,
    version: u32,
    unplanned: OnViolation,
    events: FxHashMap<String, Planned>,
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "plan {} version {}", self.name, self.version)
    }
}

struct Planned {
    on_violation: OnViolation,
    schema: Option<JsonSchema>,
}

impl Plan {
    pub fn compile(name: &str, definition: &TrackingPlanDefinition) -> Result<Self> {
        let mut events = FxHashMap::default();
        for (event, planned) in &definition.events {
            let schema = planned
                .schema
                .as_ref()
                .map(|schema| JsonSchema::parse(&schema.to_string(), &[]))
                .transpose()
                .map_err(|error| {
                    let what = format!("tracking-plans/{name}.json, event \"{event}\"");
                    Error::user("plan_schema", error.message).context(what)
                })?;
            let on_violation = planned.on_violation.unwrap_or(definition.on_violation);
            events.insert(event.clone(), Planned { on_violation, schema });
        }
        Ok(Self {
            name: name.to_owned(),
            version: definition.version,
            unplanned: definition.unplanned,
            events,
        })
    }

    /// Looks at an event, and takes out of it what is to be omitted.
    pub fn judge(&self, event: &mut Event<'_>) -> Verdict {
        let Some(planned) = self.events.get(event.event.as_ref()) else {
            let violation = Violation {
                field: String::new(),
                reason: "the tracking plan does not name this event".to_owned(),
            };
            return self.verdict(self.unplanned, vec![violation]);
        };
        let Some(schema) = &planned.schema else {
            return Verdict::Fits;
        };
        let mut properties = object(event);
        let misfits = schema.misfits(&properties, MISFITS_MAX);
        if misfits.is_empty() {
            return Verdict::Fits;
        }
        let mut violations: Vec<Violation> = Vec::new();
        note(&misfits, &mut violations);
        if planned.on_violation == OnViolation::Omit {
            omit(event, &mut properties, schema, misfits, &mut violations);
        }
        self.verdict(planned.on_violation, violations)
    }

    fn verdict(&self, on_violation: OnViolation, violations: Vec<Violation>) -> Verdict {
        if on_violation != OnViolation::Block {
            return Verdict::Kept(violations);
        }
        let mut named: Vec<String> = violations
            .iter()
            .take(NAMED_MAX)
            .map(ToString::to_string)
            .collect();
        if violations.len() > NAMED_MAX {
            named.push(format!("and {} more", violations.len() - NAMED_MAX));
        }
        let reason = format!(
            "blocked by the tracking plan \"{}\" (version {}): {}",
            self.name,
            self.version,
            named.join("; ")
        );
        Verdict::Blocked(violations, reason)
    }
}

/// Each field once.
fn note(misfits: &[Misfit], violations: &mut Vec<Violation>) {
    for misfit in misfits {
        let field = misfit.fields().join(".");
        if violations.len() < MISFITS_MAX && !violations.iter().any(|one| one.field == field) {
            // Where the misfit is deeper than the field, it says where.
            let reason = match misfit.path() == field {
                true => misfit.reason.clone(),
                false => misfit.to_string(),
            };
            violations.push(Violation { field, reason });
        }
    }
}

fn omit(
    event: &mut Event<'_>,
    properties: &mut Value,
    schema: &JsonSchema,
    mut misfits: Vec<Misfit>,
    violations: &mut Vec<Violation>,
) {
    for _ in 0..ROUNDS_MAX {
        let mut gone = false;
        for misfit in &misfits {
            if let [first, below @ ..] = misfit.fields().as_slice() {
                gone |= remove(properties, first, below);
                take_over(event, properties, first);
            }
        }
        if !gone {
            return;
        }
        misfits = schema.misfits(properties, MISFITS_MAX);
        if misfits.is_empty() {
            return;
        }
        note(&misfits, violations);
    }
}

/// Whether there was something to remove.
fn remove(value: &mut Value, first: &str, below: &[&str]) -> bool {
    let Some(object) = value.as_object_mut() else {
        return false;
    };
    match below.split_first() {
        None => object.shift_remove(first).is_some(),
        Some((next, below)) => object
            .get_mut(first)
            .is_some_and(|value| remove(value, next, below)),
    }
}

/// Writes what is left of a property into the event.
fn take_over(event: &mut Event<'_>, properties: &Value, name: &str) {
    let Some(at) = event.properties.iter().position(|(there, _)| there == name) else {
        return;
    };
    match properties.get(name) {
        Some(value @ (Value::Object(_) | Value::Array(_))) => {
            event.properties[at].1 = Cell::Json(Cow::Owned(value.to_string()));
        }
        Some(_) => {}
        None => {
            let (_, cell) = event.properties.remove(at);
            // An email that does not fit ties nobody to anything.
            if let ("email", Cell::Text(email)) = (name, &cell) {
                let others = event.identifiers.len() > 1;
                event
                    .identifiers
                    .retain(|one| !others || one.kind != "email" || one.value != *email);
            }
        }
    }
}

/// The properties as the schema sees them.
fn object(event: &Event<'_>) -> Value {
    let mut object = Map::with_capacity(event.properties.len());
    for (name, cell) in &event.properties {
        object.insert(name.to_string(), value_of(cell));
    }
    Value::Object(object)
}

pub(super) fn value_of(cell: &Cell<'_>) -> Value {
    const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;
    match cell {
        Cell::Bool(value) => Value::Bool(*value),
        // Whole numbers are integers, however they were written.
        Cell::Number(value) if value.trunc() == *value && value.abs() <= WHOLE_MAX => {
            Value::Number(Number::from(*value as i64))
        }
        Cell::Number(value) => Number::from_f64(*value).map_or(Value::Null, Value::Number),
        Cell::Text(text) => Value::String(text.to_string()),
        Cell::Json(text) => serde_json::from_str(text).unwrap_or(Value::Null),
    }
}
