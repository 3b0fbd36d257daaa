//! Masks where records have become events: on profiles, in what SQL reads of events, profiles, traits and warehouses, and
//! wherever else the window shows a person.
//!
//! An event does not know its record, so a masked column is tied to it by the sources: of each topic that a mask is of and a
//! source reads, the last part of the mask's path names what is hidden (`value.properties.email` hides every property,
//! identifier, trait and column `email`); where a source has SQL, the columns that read the path. A pattern hides what it
//! finds everywhere, whatever its topic. Invariants: when in doubt, it is hidden; what a number is told from (counts, sums)
//! stays right, because only what is shown is masked.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use arrow::datatypes::DataType;
use serde_json::{Map, Value};
use tailrace_engine::session::{RecordPath, Screen, columns_read, is_text};
use tailrace_model::{
    MaskDefinition, MaskWith, SourceDefinition,
    api::{
        AudiencePreview, Explanation, Identifier, Observed, ObservedProperty, ProfileDetail, ProfileEvent,
        ProfileSummary, Rows, TraitPreview, TraitValue,
    },
};

use super::{Key, MASKED, Masks, check, glob, mask::of_text};
use crate::{people::profile_name, workspace::Definitions};

/// Columns that say nothing of a person but that there is one.
const NEVER: [&str; 11] = [
    "profile_id",
    "message_id",
    "type",
    "event",
    "timestamp",
    "received_at",
    "source",
    "first_seen",
    "last_seen",
    "events",
    "merged_profile_id",
];
/// A name that is shorter is looked for as a word only.
const PART_CHARS_MIN: usize = 4;

/// See the module's text.
#[derive(Debug)]
pub struct PeopleMasks {
    /// Patterns, and how a text is put in its place.
    masks: Masks,
    /// By the plain form of a name.
    names: BTreeMap<String, MaskWith>,
    everything: Option<MaskWith>,
    /// Traits that are made of what is hidden.
    traits: BTreeSet<String>,
}

/// Case, and what stands between words, do not tell two names apart.
fn plain(name: &str) -> String {
    // As columns are named whose name another one has.
    let prefixed = ["properties_", "traits_"]
        .iter()
        .find_map(|prefix| name.strip_prefix(prefix));
    let name = prefixed.unwrap_or(name);
    let letters = name.chars().filter(|letter| letter.is_alphanumeric());
    letters.flat_map(char::to_lowercase).collect()
}

/// Where a source's events come from, and by which SQL.
type Read<'d> = (Option<(&'d str, &'d str)>, Option<&'d str>);

fn read(source: &SourceDefinition) -> Read<'_> {
    let posted = source.tracking.as_ref().and_then(|it| it.produce.as_ref());
    let topic = match posted {
        Some(to) => Some((to.cluster.as_str(), to.topic.as_str())),
        None if source.topic.is_empty() => None,
        None => Some((source.cluster.as_str(), source.topic.as_str())),
    };
    (topic, source.sql.as_deref())
}

fn is_of(mask: &MaskDefinition, topic: Option<(&str, &str)>) -> bool {
    let Some(pattern) = &mask.topic else { return true };
    let Some((cluster, topic)) = topic else {
        return false;
    };
    let full = format!("{cluster}.{topic}");
    glob(pattern).map_or(true, |glob| glob.is_match(topic) || glob.is_match(&full))
}

/// Whether one is the other, or a part of it, from the outermost name on.
fn touches(mask: &[&str], path: &RecordPath) -> bool {
    std::iter::zip(mask, path).all(|(wanted, name)| *wanted == "*" || wanted == name)
}

impl PeopleMasks {
    /// `None`: nothing is hidden.
    pub fn of(definitions: &Definitions, key: &Arc<Key>) -> Option<Self> {
        let all = definitions.masks();
        if all.is_empty() {
            return None;
        }
        let mut masks = Self {
            masks: Masks {
                of_key: None,
                of_value: None,
                fields: Vec::new(),
                headers: Vec::new(),
                patterns: Vec::new(),
                key: Arc::clone(key),
            },
            names: BTreeMap::new(),
            everything: None,
            traits: BTreeSet::new(),
        };
        let sources: Vec<Read<'_>> = definitions
            .valid_sources()
            .map(|(_, source)| read(source))
            .collect();
        for mask in all {
            masks.add(mask, &sources);
        }
        masks.add_traits(definitions);
        Some(masks)
    }

    fn add(&mut self, mask: &MaskDefinition, sources: &[Read<'_>]) {
        let Some(column) = mask.column.as_deref().filter(|_| check(mask).is_ok()) else {
            // A pattern; or one that can't be used.
            self.masks.add(mask);
            if check(mask).is_err() {
                self.everything = Some(MaskWith::Mask);
            }
            return;
        };
        if mask.topic.is_none() {
            self.hide(column, None, mask.with);
        }
        let of = sources.iter().filter(|(topic, _)| is_of(mask, *topic));
        of.for_each(|(_, sql)| self.hide(column, *sql, mask.with));
    }

    /// What a column of records became in events.
    fn hide(&mut self, column: &str, sql: Option<&str>, with: MaskWith) {
        let path: Vec<&str> = column.split('.').collect();
        match (path.as_slice(), sql.map(columns_read)) {
            // What can't be followed through a source's SQL may be anywhere.
            (_, Some(None)) => self.everything = Some(with),
            (["header", _], Some(Some(columns))) => self.hide_read(&["_headers"], &columns, with),
            (path, Some(Some(columns))) => self.hide_read(path, &columns, with),
            // Events of Segment's spec are made of the value alone.
            (["_key"] | ["header", _], None) => {}
            (["value"] | [.., "*"], None) => self.everything = Some(with),
            ([.., last], None) => drop(self.names.insert(plain(last), with)),
            ([], None) => {}
        }
    }

    fn hide_read(&mut self, path: &[&str], columns: &[(String, BTreeSet<RecordPath>)], with: MaskWith) {
        for (name, reads) in columns {
            if reads.iter().any(|read| touches(path, read)) {
                self.names.insert(plain(name), with);
            }
        }
    }

    /// Traits whose definitions name what is hidden, and those that name these.
    fn add_traits(&mut self, definitions: &Definitions) {
        loop {
            let before = self.traits.len();
            for (name, definition) in definitions.valid_traits() {
                let sql = definition.sql.as_deref().unwrap_or_default();
                let computed = serde_json::to_string(&definition.computed).unwrap_or_default();
                if !self.traits.contains(name) && (self.mentions(sql) || self.mentions(&computed)) {
                    self.traits.insert(name.to_owned());
                }
            }
            if self.traits.len() == before {
                return;
            }
        }
    }

    /// Whether a text speaks of what is hidden.
    fn mentions(&self, text: &str) -> bool {
        if self.everything.is_some() {
            return !text.is_empty();
        }
        let is_word = |letter: char| letter.is_alphanumeric() || letter == '_';
        let words = text
            .split(|letter| !is_word(letter))
            .filter(|word| !word.is_empty());
        let mut words = words.map(plain);
        let whole = plain(text);
        let named = |name: &String| name.len() >= PART_CHARS_MIN && whole.contains(name.as_str());
        words.any(|word| self.names.contains_key(&word) || self.traits.iter().any(|it| plain(it) == word))
            || self.names.keys().any(named)
    }

    fn named(&self, column: &str) -> Option<MaskWith> {
        if NEVER.contains(&column) {
            return None;
        }
        let name = column.rsplit('.').next().unwrap_or(column);
        self.names.get(&plain(name)).copied().or(self.everything)
    }

    fn is_of_hidden(&self, name: &str) -> bool {
        let name = name.strip_prefix("traits.").unwrap_or(name);
        let first = name.split('.').next().unwrap_or(name);
        self.traits.contains(first)
    }

    /// A text that no name hides.
    pub(super) fn free(&self, text: &str) -> String {
        let outline = text.trim_start().starts_with(['{', '[']);
        if outline && let Ok(value) = serde_json::from_str::<Value>(text) {
            let shown = self.json(value.clone());
            return match shown == value {
                true => text.to_owned(),
                false => shown.to_string(),
            };
        }
        of_text(&self.masks, text)
    }

    pub(super) fn json(&self, value: Value) -> Value {
        match value {
            Value::Object(fields) => {
                let mut shown = Map::with_capacity(fields.len());
                for (name, field) in fields {
                    let field = match (self.named(&name), field) {
                        (Some(_), Value::Null) => Some(Value::Null),
                        (Some(with), Value::String(text)) => self.masks.put(with, &text).map(Value::String),
                        (Some(with), other) => self.masks.put(with, &other.to_string()).map(Value::String),
                        (None, other) => Some(self.json(other)),
                    };
                    if let Some(field) = field {
                        shown.insert(of_text(&self.masks, &name), field);
                    }
                }
                Value::Object(shown)
            }
            Value::Array(items) => Value::Array(items.into_iter().map(|item| self.json(item)).collect()),
            Value::String(text) => Value::String(self.free(&text)),
            Value::Number(number) => {
                let text = number.to_string();
                let shown = of_text(&self.masks, &text);
                match shown == text {
                    true => Value::Number(number),
                    false => Value::String(shown),
                }
            }
            other => other,
        }
    }
}

impl Screen for PeopleMasks {
    fn covers(&self, table: &str, column: &str, data_type: &DataType) -> bool {
        if NEVER.contains(&column) {
            return false;
        }
        let number = data_type.is_numeric();
        is_text(data_type)
            || data_type.is_nested()
            || self.named(column).is_some()
            || number && !self.masks.patterns.is_empty()
            || !number && self.is_of_hidden(table)
    }

    fn cell(&self, table: &str, column: &str, text: &str) -> Option<String> {
        if NEVER.contains(&column) {
            return Some(text.to_owned());
        }
        if let Some(with) = self.named(column) {
            return self.masks.put(with, text);
        }
        // Of a count of hidden things nobody learns the things.
        if self.is_of_hidden(table) && text.parse::<f64>().is_err() {
            return Some(MASKED.to_owned());
        }
        Some(self.free(text))
    }
}

/// What commands answer.
impl PeopleMasks {
    /// What to call a profile: the first of its identifiers that is not hidden.
    pub fn name(&self, profile_id: i64, identifiers: [Option<&str>; 3]) -> String {
        let kinds = ["user_id", "email", "anonymous_id"];
        let mut seen = std::iter::zip(kinds, identifiers).map(|(kind, value)| {
            value.filter(|value| self.cell("profiles", kind, value).as_deref() == Some(*value))
        });
        let mut next = || seen.next().flatten();
        let (user_id, email, anonymous_id) = (next(), next(), next());
        profile_name(profile_id, user_id, email, anonymous_id)
    }

    pub fn summary(&self, summary: &mut ProfileSummary) {
        let identifiers = [summary.user_id.as_deref(), summary.email.as_deref()];
        // Its name is the anonymous id where it has no other.
        let bare = profile_name(summary.profile_id, None, None, None);
        let other = Some(summary.name.as_str());
        let other = other.filter(|name| *name != bare && !identifiers.contains(&Some(name)));
        summary.name = self.name(summary.profile_id, [identifiers[0], identifiers[1], other]);
        let shown = |kind: &str, value: Option<String>| value.and_then(|it| self.cell("profiles", kind, &it));
        summary.user_id = shown("user_id", summary.user_id.take());
        summary.email = shown("email", summary.email.take());
    }

    pub fn profile(&self, profile: &mut ProfileDetail) {
        self.summary(&mut profile.summary);
        let identifier = |it: Identifier| {
            let value = self.cell("profiles", &it.kind, &it.value)?;
            Some(Identifier { value, ..it })
        };
        let identifiers = std::mem::take(&mut profile.identifiers).into_iter();
        profile.identifiers = identifiers.filter_map(identifier).collect();
        for TraitValue { name, value, .. } in &mut profile.traits {
            *value = value.take().and_then(|text| self.cell(name, name, &text));
        }
        for ProfileEvent { properties, .. } in &mut profile.events {
            *properties = self.free(properties);
        }
        for merge in &mut profile.merges {
            merge.evidence = self.evidence(&merge.evidence);
        }
    }

    /// A value that is hidden is not offered to choose from.
    pub fn observed(&self, observed: &mut Observed) {
        let retain = |table: &str, properties: &mut Vec<ObservedProperty>| {
            for property in properties {
                let shown = |value: &str| self.cell(table, &property.name, value).as_deref() == Some(value);
                property.values.retain(|it| shown(&it.value));
            }
        };
        for event in &mut observed.events {
            retain("events", &mut event.properties);
        }
        for table in &mut observed.tables {
            retain(&table.table, &mut table.columns);
        }
    }

    /// The first column is the profile's name, which the session gave as it is shown.
    pub fn trait_preview(&self, name: &str, preview: &mut TraitPreview) {
        let hidden = self.mentions(&preview.sql);
        let Rows { columns, rows, .. } = &mut preview.sample;
        for row in rows {
            for (column, cell) in std::iter::zip(columns.iter(), row.iter_mut()).skip(1) {
                let text = cell.take();
                *cell = text.and_then(|text| match hidden && !column.numeric {
                    true => Some(MASKED.to_owned()),
                    false => self.cell(name, &column.name, &text),
                });
            }
        }
    }

    pub fn audience_preview(&self, preview: &mut AudiencePreview) {
        for member in &mut preview.sample {
            member.why = match self.mentions(&member.why) {
                true => MASKED.to_owned(),
                false => self.free(&member.why),
            };
        }
    }

    pub fn explanation(&self, explanation: &mut Explanation) {
        for condition in &mut explanation.conditions {
            let hidden = self.mentions(&condition.sentence);
            let text = condition.value.take();
            condition.value = text.map(|text| match hidden && text.parse::<f64>().is_err() {
                true => MASKED.to_owned(),
                false => self.free(&text),
            });
        }
    }
}
