//! A tracking plan made from events that were observed.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use tailrace_model::{PlannedEvent, TrackingPlanDefinition};

/// Different texts of one field that are remembered.
const VALUES_MAX: usize = 12;
/// Characters of a text that may be one of few.
const VALUE_CHARS_MAX: usize = 64;
/// A field has few values when each was seen so often on average.
const SEEN_TIMES_MIN: usize = 10;
/// Fewer events say nothing of what is always there.
const EVENTS_MIN: usize = 5;
/// Fewer whole numbers do not say that all are whole.
const WHOLE_MIN: usize = 100;
/// Objects within objects that are looked into.
const DEPTH_MAX: usize = 6;
/// Fields of one object.
const FIELDS_MAX: usize = 500;

/// What was seen of one place.
#[derive(Debug, Default)]
struct Seen {
    count: usize,
    nulls: usize,
    booleans: usize,
    whole: usize,
    fractions: usize,
    texts: usize,
    /// Absent: too many to be few.
    values: Option<BTreeMap<String, usize>>,
    lists: usize,
    items: Option<Box<Seen>>,
    objects: usize,
    fields: BTreeMap<String, Seen>,
}

impl Seen {
    fn nothing() -> Self {
        Self {
            values: Some(BTreeMap::new()),
            ..Self::default()
        }
    }

    fn add(&mut self, value: &Value, depth: usize) {
        self.count += 1;
        match value {
            Value::Null => self.nulls += 1,
            Value::Bool(_) => self.booleans += 1,
            Value::Number(number) if number.as_f64().is_some_and(|it| it.fract() == 0.0) => self.whole += 1,
            Value::Number(_) => self.fractions += 1,
            Value::String(text) => {
                self.texts += 1;
                let values = self
                    .values
                    .take()
                    .filter(|_| text.chars().count() <= VALUE_CHARS_MAX);
                self.values = values.and_then(|mut values| {
                    *values.entry(text.clone()).or_default() += 1;
                    (values.len() <= VALUES_MAX).then_some(values)
                });
            }
            Value::Array(items) => {
                self.lists += 1;
                if depth < DEPTH_MAX {
                    let seen = self.items.get_or_insert_with(|| Box::new(Seen::nothing()));
                    items.iter().for_each(|item| seen.add(item, depth + 1));
                }
            }
            Value::Object(fields) => {
                self.objects += 1;
                if depth < DEPTH_MAX {
                    self.add_fields(fields, depth);
                }
            }
        }
    }

    fn add_fields(&mut self, fields: &Map<String, Value>, depth: usize) {
        for (name, value) in fields {
            if self.fields.len() < FIELDS_MAX || self.fields.contains_key(name) {
                self.fields
                    .entry(name.clone())
                    .or_insert_with(Self::nothing)
                    .add(value, depth + 1);
            }
        }
    }

    fn schema(&self) -> Value {
        let numbers = self.whole + self.fractions;
        let number = match self.fractions == 0 && self.whole >= WHOLE_MIN {
            true => "integer",
            false => "number",
        };
        let kinds = [
            (self.texts, "string"),
            (numbers, number),
            (self.booleans, "boolean"),
            (self.objects, "object"),
            (self.lists, "array"),
            (self.nulls, "null"),
        ];
        let kinds: Vec<&str> = kinds
            .iter()
            .filter(|(seen, _)| *seen > 0)
            .map(|(_, kind)| *kind)
            .collect();
        let mut schema = Map::new();
        match kinds.as_slice() {
            [] => {}
            [one] => drop(schema.insert("type".to_owned(), json!(one))),
            several => drop(schema.insert("type".to_owned(), json!(several))),
        }
        if kinds == ["string"]
            && let Some(values) = &self.values
            && self.texts >= values.len() * SEEN_TIMES_MIN
        {
            let values: Vec<&String> = values.keys().collect();
            schema.insert("enum".to_owned(), json!(values));
        }
        if self.objects > 0 && !self.fields.is_empty() {
            self.put_fields(&mut schema, self.objects);
        }
        if let Some(items) = &self.items
            && items.count > 0
        {
            schema.insert("items".to_owned(), items.schema());
        }
        Value::Object(schema)
    }

    fn put_fields(&self, schema: &mut Map<String, Value>, of: usize) {
        let fields = self
            .fields
            .iter()
            .map(|(name, seen)| (name.clone(), seen.schema()));
        schema.insert("properties".to_owned(), Value::Object(fields.collect()));
        let always = |seen: &Seen| of >= EVENTS_MIN && seen.count - seen.nulls == of;
        let required: Vec<&String> = self
            .fields
            .iter()
            .filter(|(_, seen)| always(seen))
            .map(|(name, _)| name)
            .collect();
        if !required.is_empty() {
            schema.insert("required".to_owned(), json!(required));
        }
    }
}

/// Takes in events and makes a plan of them.
#[derive(Debug, Default)]
pub(super) struct Inference {
    events: BTreeMap<String, Seen>,
    pub count: u64,
}

impl Inference {
    /// `properties` is a JSON object.
    pub fn add(&mut self, event: &str, properties: &str) {
        let Ok(Value::Object(fields)) = serde_json::from_str(properties) else {
            return;
        };
        self.count += 1;
        let seen = self.events.entry(event.to_owned()).or_insert_with(Seen::nothing);
        seen.objects += 1;
        seen.add_fields(&fields, 0);
    }

    pub fn plan(&self) -> TrackingPlanDefinition {
        let planned = |seen: &Seen| {
            let mut schema = Map::new();
            schema.insert("type".to_owned(), json!("object"));
            if !seen.fields.is_empty() {
                seen.put_fields(&mut schema, seen.objects);
            }
            PlannedEvent {
                schema: Some(Value::Object(schema)),
                ..PlannedEvent::default()
            }
        };
        TrackingPlanDefinition {
            version: 1,
            events: self
                .events
                .iter()
                .map(|(event, seen)| (event.clone(), planned(seen)))
                .collect(),
            ..TrackingPlanDefinition::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tailrace_connectors::formats::JsonSchema;

    use super::*;

    #[test]
    fn types_what_is_always_there_and_few_values_are_found() {
        let mut inference = Inference::default();
        for at in 0..120 {
            let note = if at % 2 == 0 {
                json!(null)
            } else {
                json!(format!("note {at}"))
            };
            let plan = ["free", "pro"][at % 2];
            let event = json!({"plan": plan, "amount": at, "price": 0.5, "note": note,
                "lines": [{"sku": format!("s{at}")}]});
            inference.add("Order", &event.to_string());
        }
        inference.add("Order", r#"{"plan": "free", "price": 1, "lines": []}"#);
        let plan = inference.plan();
        assert_eq!(
            plan.events["Order"].schema,
            Some(json!({"type": "object",
                "properties": {
                    "amount": {"type": "integer"},
                    "lines": {"type": "array", "items": {"type": "object", "properties": {"sku": {"type": "string"}}, "required": ["sku"]}},
                    "note": {"type": ["string", "null"]},
                    "plan": {"type": "string", "enum": ["free", "pro"]},
                    "price": {"type": "number"}
                },
                "required": ["lines", "plan", "price"]
            }))
        );
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (-5i64..5).prop_map(Value::from),
            (-5i32..5).prop_map(|it| Value::from(f64::from(it) / 2.0)),
            "[a-c]{0,2}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 20, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                prop::collection::btree_map("[a-c]", inner, 0..3)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        /// Whatever it was made from fits.
        #[test]
        fn every_event_fits_the_plan_that_was_made_of_them(events in prop::collection::vec(
            prop::collection::btree_map("[a-d]", value(), 0..4), 1..30)
        ) {
            let events: Vec<Value> = events.into_iter().map(|map| Value::Object(map.into_iter().collect())).collect();
            let mut inference = Inference::default();
            events.iter().for_each(|event| inference.add("E", &event.to_string()));
            let plan = inference.plan();
            let schema = plan.events["E"].schema.as_ref().expect("a schema").to_string();
            let schema = JsonSchema::parse(&schema, &[]).expect(&schema);
            for event in &events {
                prop_assert!(schema.misfits(event, 5).is_empty(), "{event}");
            }
        }
    }
}
