//! Tracking plans (`tracking-plans/NAME.json`) and the transformations of sources (`sources/NAME.sql`): read, and checked
//! with the line and column of what is wrong.

use std::path::Path;

use tailrace_connectors::formats::JsonSchema;
use tailrace_engine::events::json::{self, Token};
use tailrace_model::{Error, OnViolation, Result, SourceDefinition, TrackingPlanDefinition};

use super::{
    check::{check_name, names_of},
    definitions::{Kind, Loaded, Named, load_one, names},
    files::{cannot_write, line_column, read_text, remove, write_atomically},
    parse::{problem, sentence},
};

/// Events that one plan may name.
const EVENTS_MAX: usize = 5_000;

/// Reads a tracking plan. `file` is what errors call it.
pub(crate) fn parse(file: &str, text: &str) -> Result<TrackingPlanDefinition> {
    serde_json::from_str(text).map_err(|error| {
        let (line, column) = (
            u32::try_from(error.line()).unwrap_or(u32::MAX).max(1),
            u32::try_from(error.column()).unwrap_or(u32::MAX).max(1),
        );
        let message = error.to_string();
        let message = message.split(" at line ").next().unwrap_or_default();
        let said = match error.classify() {
            serde_json::error::Category::Data => sentence(message, "", "", None),
            _ => format!("not valid JSON: {message}"),
        };
        Error::user("definition_invalid", format!("{file}:{line}:{column}: {said}")).at(
            Some(file),
            line,
            column,
        )
    })
}

/// The plans of a workspace.
pub(super) fn load(dir: &Path, problems: &mut Vec<Error>) -> Named<TrackingPlanDefinition> {
    let folder = Kind::TrackingPlan.folder();
    let mut named = Named::new();
    for (name, _) in names(dir, Kind::TrackingPlan, problems) {
        let file = format!("{folder}/{name}.json");
        let mut loaded = Loaded {
            name: name.clone(),
            file: file.clone(),
            value: None,
            problems: Vec::new(),
            toml: String::new(),
        };
        match read_text(&dir.join(&file), &file) {
            Ok(text) => {
                match parse(&file, &text) {
                    Ok(plan) => loaded.value = Some(plan),
                    Err(error) => loaded.problems.push(error),
                }
                loaded.toml = text;
            }
            Err(error) => loaded.problems.push(error),
        }
        named.insert(name, loaded);
    }
    named
}

/// The sources of a workspace, with the transformations that stand in files of their own.
pub(super) fn load_sources(dir: &Path, problems: &mut Vec<Error>) -> Named<SourceDefinition> {
    let folder = Kind::Source.folder();
    let mut named = Named::new();
    for (name, files) in names(dir, Kind::Source, problems) {
        let sql_file = format!("{folder}/{name}.sql");
        if !files.toml {
            let sentence = format!(
                "a transformation of no source: write {folder}/{name}.toml with a cluster and a topic, or remove this file"
            );
            problems.push(problem(&sql_file, "", 0, "definition_invalid", &sentence));
            continue;
        }
        let mut loaded: Loaded<SourceDefinition> =
            load_one(dir, &name, Some(format!("{folder}/{name}.toml")));
        if files.sql {
            let sql = read_text(&dir.join(&sql_file), &sql_file);
            match (&mut loaded.value, sql) {
                (Some(source), Ok(_)) if source.transform.is_some() => {
                    let sentence = format!(
                        "the source has a transformation in {folder}/{name}.toml too: keep the key \"transform\" or this file, not both"
                    );
                    loaded
                        .problems
                        .push(problem(&sql_file, "", 0, "definition_invalid", &sentence));
                    loaded.value = None;
                }
                (Some(source), Ok(sql)) => source.transform = Some(sql),
                (_, Err(error)) => {
                    loaded.problems.push(error);
                    loaded.value = None;
                }
                (None, Ok(_)) => {}
            }
        }
        named.insert(name, loaded);
    }
    named
}

/// Adds to each plan what is wrong with its schemas.
pub(super) fn check_plans(plans: &mut Named<TrackingPlanDefinition>) {
    let all = names_of(plans);
    for (name, loaded) in plans.iter_mut() {
        debug_assert!(all.contains_key(name));
        if let Err(sentence) = check_name(Kind::TrackingPlan, name) {
            loaded
                .problems
                .push(problem(&loaded.file, "", 0, "definition_invalid", &sentence));
        }
        if let Some(plan) = &loaded.value {
            let found = problems_of(&loaded.file, &loaded.toml, plan);
            loaded.problems.extend(found);
        }
    }
}

/// What is wrong with a plan that parses.
pub(super) fn problems_of(file: &str, text: &str, plan: &TrackingPlanDefinition) -> Vec<Error> {
    let mut problems = Vec::new();
    let mut at = |path: &[&str], sentence: String| {
        let offset = offset_of(text, path);
        problems.push(problem(file, text, offset, "definition_invalid", &sentence));
    };
    if plan.unplanned == OnViolation::Omit {
        let sentence =
            "an event that the plan does not name has no field to omit: unplanned is \"allow\" or \"block\"";
        at(&["unplanned"], sentence.to_owned());
    }
    if plan.events.len() > EVENTS_MAX {
        at(
            &["events"],
            format!(
                "the plan names {} events, {EVENTS_MAX} are the most",
                plan.events.len()
            ),
        );
        return problems;
    }
    for (event, planned) in &plan.events {
        let Some(schema) = &planned.schema else { continue };
        let path = ["events", event.as_str(), "schema"];
        if !schema.is_object() && !schema.is_boolean() {
            at(
                &path,
                format!("the schema of \"{event}\" must be a JSON Schema, which is an object"),
            );
        } else if let Err(error) = JsonSchema::parse(&schema.to_string(), &[]) {
            at(&path, format!("event \"{event}\": {}", error.message));
        }
    }
    problems
}

/// Where the value of a path stands in a JSON text, or the nearest thing to it that has a place.
pub(super) fn offset_of(text: &str, path: &[&str]) -> usize {
    let begin = text.as_ptr() as usize;
    let (mut within, mut found) = (text, 0);
    for step in path {
        let mut next = None;
        let read = json::object(within, |name, token| {
            if name == *step {
                next = match token {
                    Token::Object(text) | Token::Array(text) | Token::Number(text) => Some(text),
                    Token::Text(std::borrow::Cow::Borrowed(text)) => Some(text),
                    _ => None,
                };
            }
            Ok::<_, json::NotJson>(())
        });
        match (read, next) {
            (Ok(()), Some(there)) => {
                found = (there.as_ptr() as usize).saturating_sub(begin);
                within = there;
            }
            _ => break,
        }
    }
    found.min(text.len())
}

impl super::Workspace {
    /// Saves a plan as it is written; what would be a problem is refused with the first of them.
    pub(crate) fn save_plan(&mut self, name: &str, text: &str, create: bool) -> Result<()> {
        check_name(Kind::TrackingPlan, name).map_err(|sentence| Error::user("definition_name", sentence))?;
        let file = format!("{}/{name}.json", Kind::TrackingPlan.folder());
        let path = self.dir.join(&file);
        if create && path.exists() {
            let sentence = format!(
                "there is a tracking plan \"{name}\" already ({file}): choose another name, or edit that one"
            );
            return Err(Error::user("plan_exists", sentence));
        }
        let plan = parse(&file, text)?;
        if let Some(problem) = problems_of(&file, text, &plan).into_iter().next() {
            return Err(problem);
        }
        let text = match text.ends_with('\n') {
            true => text.to_owned(),
            false => format!("{text}\n"),
        };
        write_atomically(&path, text.as_bytes()).map_err(|error| cannot_write(&path, &error))?;
        self.saved(Kind::TrackingPlan, name)
    }

    /// Saves a source's transformation where it stands: in `sources/NAME.sql` where there is one, else as a key of
    /// `sources/NAME.toml`.
    pub(crate) fn save_transform(&mut self, name: &str, sql: Option<&str>) -> Result<()> {
        let mut definition = self.definitions.source(name)?.clone();
        let sql_path = self.dir.join(format!("{}/{name}.sql", Kind::Source.folder()));
        if !sql_path.exists() {
            definition.transform = sql.map(str::to_owned);
            return self.save_source(name, &definition);
        }
        match sql {
            Some(sql) => {
                let text = format!("{}\n", sql.trim_end());
                write_atomically(&sql_path, text.as_bytes())
                    .map_err(|error| cannot_write(&sql_path, &error))?;
            }
            None => remove(&sql_path).map_err(|error| cannot_write(&sql_path, &error))?,
        }
        self.saved(Kind::Source, name)
    }

    /// A SQL error of a source's transformation, or of its `sql`, placed where that stands: `sources/x.toml:3:14: ...`.
    pub(crate) fn place_sql(&self, source: &str, key: &str, error: Error) -> Error {
        let Some(at) = error.position.clone() else {
            return self.definitions.place_in(Kind::Source, source, &[key], error);
        };
        let said = format!("line {}, column {}: ", at.line, at.column);
        let message = error
            .message
            .strip_prefix(&said)
            .unwrap_or(&error.message)
            .to_owned();
        let sql_file = format!("sources/{source}.sql");
        let (file, line, column) = match self.definitions.sources.get(source) {
            Some(loaded) if key != "transform" || !self.dir.join(&sql_file).is_file() => {
                let offset = super::locate::Locator::new(&loaded.toml).value(&[key]);
                let rest = loaded.toml.get(offset..).unwrap_or_default();
                let (line, column) = line_column(&loaded.toml, offset);
                let long = ["\"\"\"", "'''"].iter().any(|quotes| rest.starts_with(quotes));
                let (lines_before, columns_before) = match (long, at.line) {
                    // A line break right behind the quotes is none of the text's.
                    (true, _) if rest.get(3..).is_some_and(|rest| rest.starts_with(['\n', '\r'])) => (1, 0),
                    (true, 1) => (0, column + 2),
                    (false, 1) => (0, column),
                    _ => (0, 0),
                };
                (
                    loaded.file.clone(),
                    line + lines_before + at.line - 1,
                    at.column + columns_before,
                )
            }
            _ => (sql_file, at.line, at.column),
        };
        Error {
            message: format!("{file}:{line}:{column}: {message}"),
            ..error
        }
        .at(Some(&file), line, column)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_a_plan_has_its_place() {
        let check = |text: &str, expected: &[&str]| {
            let found = match parse("p.json", text) {
                Ok(plan) => problems_of("p.json", text, &plan),
                Err(error) => vec![error],
            };
            let found: Vec<&str> = found.iter().map(|error| error.message.as_str()).collect();
            assert_eq!(found, expected, "{text}");
        };
        check("{}", &[]);
        check(
            "{\n  \"events\": {\"A\": {\"schema\": {\"type\": \"object\"}}}\n}",
            &[],
        );
        check(
            "{\n  \"unplaned\": \"allow\"\n}",
            &["p.json:2:12: the key \"unplaned\" is not known here: did you mean \"unplanned\"?"],
        );
        check(
            "{\n  \"unplanned\": \"omit\"\n}",
            &[
                "p.json:2:17: an event that the plan does not name has no field to omit: unplanned is \"allow\" or \"block\"",
            ],
        );
        check(
            "{\"events\": {\"A\": {\n  \"schema\": {\"properties\": {\"b\": {\"type\": \"txt\"}}}\n}}}",
            &[
                "p.json:2:13: event \"A\": the JSON Schema cannot be used: properties.b.type in it: the text \"txt\" is none of the schema's \"array\", \"boolean\", \"integer\", \"null\", \"number\", \"object\", \"string\"",
            ],
        );
        check(
            "{\"events\": ",
            &["p.json:1:11: not valid JSON: EOF while parsing a value"],
        );
    }
}
