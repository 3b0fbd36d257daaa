//! What definitions say of each other, and what TOML alone can't refuse: names that lead nowhere, keys that exclude
//! each other, values that an operator can't take. Each problem has the place of the key that is wrong.
//!
//! SQL is not read here, and neither are a destination's settings: their own readers check them.

use std::collections::BTreeSet;

use tailrace_connectors::clusters::connect::address;
use tailrace_model::{
    ClusterKind, Condition, ConnectDefinition, DestinationDefinition, Error, SyncDefinition,
    WarehouseDefinition, WarehouseKind,
};

use super::{
    check_identity::{check_api_keys, check_identity},
    check_lag::{check_alerts, check_events, check_lag_settings},
    check_people::{ConditionCheck, check_computed},
    check_sources::check_sources,
    check_zone::check_time_zone,
    definitions::{Definitions, Kind, Loaded, Named, instead},
    locate::Locator,
    parse::problem,
    plans::check_plans,
};
use crate::{masks, secrets};

/// Characters of a definition's name.
pub const NAME_CHARS_MAX: usize = 64;
/// Names that SQL uses itself.
const SQL_NAMES_TAKEN: [&str; 6] = [
    "events",
    "profiles",
    "traits",
    "audiences",
    "public",
    "information_schema",
];
/// Properties of librdkafka whose value is a secret by nature.
const SECRET_PROPERTIES: [&str; 5] = [
    "sasl.password",
    "ssl.key.password",
    "ssl.keystore.password",
    "ssl.key.pem",
    "sasl.oauthbearer.client.secret",
];

/// Adds to each definition the problems that only show beside the others.
pub(super) fn check(definitions: &mut Definitions) {
    let found = Found::new(definitions);
    check_workspace(definitions);
    check_clusters(&mut definitions.clusters);
    check_plans(&mut definitions.plans);
    check_sources(&mut definitions.sources, &found);
    check_warehouses(&mut definitions.warehouses, &found);
    check_traits(definitions);
    check_audiences(definitions);
    check_destinations(&mut definitions.destinations);
    check_syncs(definitions);
    check_alerts(&mut definitions.alerts, &found.clusters);
}

/// Names that other definitions may refer to.
pub(super) struct Found {
    pub clusters: Named<()>,
    pub plans: Named<()>,
}

impl Found {
    fn new(definitions: &Definitions) -> Self {
        Self {
            clusters: names_of(&definitions.clusters),
            plans: names_of(&definitions.plans),
        }
    }
}

pub(super) fn names_of<T>(named: &Named<T>) -> Named<()> {
    let bare = |loaded: &Loaded<T>| Loaded {
        name: loaded.name.clone(),
        file: String::new(),
        value: None,
        problems: Vec::new(),
        toml: String::new(),
    };
    named
        .iter()
        .map(|(name, loaded)| (name.clone(), bare(loaded)))
        .collect()
}

/// Collects the problems of one file.
pub(super) struct Report<'a> {
    file: String,
    text: &'a str,
    pub locator: Locator,
    pub problems: Vec<Error>,
}

impl<'a> Report<'a> {
    fn of<T>(loaded: &'a Loaded<T>) -> Self {
        let text = &loaded.toml;
        Self {
            file: loaded.toml_file(),
            text,
            locator: Locator::new(text),
            problems: Vec::new(),
        }
    }

    /// At the value of a path, or where the nearest thing to it stands.
    pub fn at(&mut self, path: &[&str], sentence: impl AsRef<str>) {
        let offset = self.locator.value(path);
        self.push(offset, sentence.as_ref());
    }

    /// At the key itself.
    pub fn at_key(&mut self, path: &[&str], sentence: impl AsRef<str>) {
        let offset = self.locator.key(path);
        self.push(offset, sentence.as_ref());
    }

    pub fn push(&mut self, offset: usize, sentence: &str) {
        self.problems.push(problem(
            &self.file,
            self.text,
            offset,
            "definition_invalid",
            sentence,
        ));
    }

    /// At the beginning of the `.sql` of a trait or audience.
    fn at_sql(&mut self, kind: Kind, name: &str, sentence: &str) {
        let file = format!("{}/{name}.sql", kind.folder());
        self.problems
            .push(problem(&file, "", 0, "definition_invalid", sentence));
    }

    fn name(&mut self, kind: Kind, name: &str) {
        if let Err(sentence) = check_name(kind, name) {
            self.push(0, &sentence);
        }
    }
}

/// Whether a definition may have this name; the sentence says what it may be.
pub(super) fn check_name(kind: Kind, name: &str) -> Result<(), String> {
    let first = name.chars().next();
    let dash = !kind.is_sql_name();
    let good = first.is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '_' || (dash && c == '-'))
        && name.len() <= NAME_CHARS_MAX;
    if good {
        return Ok(());
    }
    let dashes = if dash {
        ", digits, _ and -"
    } else {
        ", digits and _"
    };
    Err(format!(
        "\"{name}\" can't name {} {kind}: a name is at most {NAME_CHARS_MAX} letters (a-z){dashes}, and begins with a letter",
        article(kind)
    ))
}

fn article(kind: Kind) -> &'static str {
    if matches!(kind, Kind::Audience | Kind::Alert) {
        "an"
    } else {
        "a"
    }
}

fn check_workspace(definitions: &mut Definitions) {
    let Some(workspace) = &definitions.workspace.value else {
        return;
    };
    let mut report = Report::of(&definitions.workspace);
    if workspace.name.trim().is_empty() {
        report.at(&["name"], "the name is empty: write what the window shall show");
    }
    if let Err(sentence) = check_time_zone(&workspace.time_zone) {
        report.at(&["time_zone"], sentence);
    }
    check_lag_settings(&mut report, &workspace.lag);
    check_events(&mut report, &workspace.events);
    check_identity(&mut report, &workspace.identity);
    check_api_keys(&mut report, &workspace.api_keys);
    for (at, mask) in workspace.masks.iter().enumerate() {
        if let Err(why) = masks::check(mask) {
            report.at(&["masks", &at.to_string()], format!("mask {}: {why}", at + 1));
        }
    }
    let problems = report.problems;
    definitions.workspace.problems.extend(problems);
}

/// Runs a check over every definition of a kind that parses.
pub(super) fn each<T>(kind: Kind, named: &mut Named<T>, mut run: impl FnMut(&mut Report<'_>, &str, &T)) {
    for (name, loaded) in named.iter_mut() {
        let mut report = Report::of(loaded);
        report.name(kind, name);
        if let Some(value) = &loaded.value {
            run(&mut report, name, value);
        }
        let problems = report.problems;
        loaded.problems.extend(problems);
    }
}

fn check_clusters(clusters: &mut Named<tailrace_model::ClusterDefinition>) {
    each(Kind::Cluster, clusters, |report, _, cluster| {
        let color = cluster.color.strip_prefix('#').unwrap_or_default();
        if color.len() != 6 || !color.chars().all(|c| c.is_ascii_hexdigit()) {
            report.at(
                &["color"],
                format!(
                    "\"{}\" is no colour: write #rrggbb, such as \"#6aa6f8\"",
                    cluster.color
                ),
            );
        }
        let has = |name: &str| {
            cluster
                .properties
                .get(name)
                .is_some_and(|value| !value.trim().is_empty())
        };
        match cluster.kind {
            ClusterKind::Kafka => {
                if !has("bootstrap.servers") && !has("metadata.broker.list") {
                    let sentence = "the property \"bootstrap.servers\" is missing: add it under [properties], such as \"broker-1:9092\"";
                    report.at(&["properties"], sentence);
                }
                if report.locator.has(&["sandbox"]) {
                    report.at_key(
                        &["sandbox"],
                        "[sandbox] is only for kind = \"sandbox\": remove it",
                    );
                }
            }
            ClusterKind::Sandbox if !cluster.properties.is_empty() => {
                report.at_key(
                    &["properties"],
                    "the sandbox has no properties: remove [properties]",
                );
            }
            ClusterKind::Sandbox if cluster.auth.is_some() => {
                report.at_key(&["auth"], "the sandbox wants no login: remove [auth]");
            }
            ClusterKind::Sandbox => {}
        }
        check_lag_settings(report, &cluster.lag);
        for (name, value) in &cluster.properties {
            check_secret(report, &["properties", name], name, value);
        }
        for (name, connect) in &cluster.connect {
            check_connect(report, name, connect);
        }
    });
}

fn check_connect(report: &mut Report<'_>, name: &str, connect: &ConnectDefinition) {
    if let Err(why) = address(&connect.url) {
        report.at(&["connect", name, "url"], format!("url: {why}"));
    }
    match (&connect.user, &connect.password) {
        (None, Some(_)) => report.at(
            &["connect", name, "password"],
            "a password needs a user: add user = ...",
        ),
        (Some(_), None) => report.at(
            &["connect", name, "user"],
            "a user needs a password: add password = \"secret:NAME\"",
        ),
        (Some(_), Some(password)) => match secrets::reference(password) {
            Some(Err(error)) => report.at(&["connect", name, "password"], error.message),
            Some(Ok(_)) => {}
            None => {
                let sentence = format!(
                    "the password stands here in the open: write \"secret:connect_{name}\" and keep the value with `tailrace secret set connect_{name}`"
                );
                report.at(&["connect", name, "password"], sentence);
            }
        },
        (None, None) => {}
    }
}

/// A reference that is not well written, and a secret that stands in the open.
fn check_secret(report: &mut Report<'_>, path: &[&str], name: &str, value: &str) {
    match secrets::reference(value) {
        Some(Err(error)) => report.at(path, error.message),
        Some(Ok(_)) => {}
        None if SECRET_PROPERTIES.contains(&name) && !value.is_empty() => {
            let suggestion = name.replace('.', "_");
            let sentence = format!(
                "{name} stands here in the open: write \"secret:{suggestion}\" and keep the value with `tailrace secret set {suggestion}`"
            );
            report.at(path, sentence);
        }
        None => {}
    }
}

fn check_warehouses(warehouses: &mut Named<WarehouseDefinition>, found: &Found) {
    each(Kind::Warehouse, warehouses, |report, name, warehouse| {
        if SQL_NAMES_TAKEN.contains(&name.to_ascii_lowercase().as_str()) {
            report.push(
                0,
                &format!(
                    "a warehouse can't be called \"{name}\", SQL uses that name itself: rename the file"
                ),
            );
        } else if found.clusters.contains_key(name) {
            report.push(0, &format!("a cluster is called \"{name}\" too, and SQL could not tell them apart: rename one of them"));
        }
        match warehouse.kind {
            WarehouseKind::Sqlite if warehouse.path.as_ref().is_none_or(|path| path.trim().is_empty()) => {
                report.at(&["path"], "the path of the SQLite file is missing: add path = \"FILE.db\", relative to the workspace");
            }
            WarehouseKind::Sqlite => {}
        }
        if warehouse.tables.is_empty() {
            report.at(
                &["tables"],
                "no table is named: add [tables.NAME] with the key column",
            );
        }
        for (name, table) in &warehouse.tables {
            if let Err(sentence) = check_name(Kind::Warehouse, name) {
                report.at_key(
                    &["tables", name],
                    sentence.replace("name a warehouse", "name a table here"),
                );
            }
            for (key, value) in [("key", &table.key), ("identifier", &table.identifier)] {
                if value.trim().is_empty() {
                    report.at(
                        &["tables", name, key],
                        format!("{key} is empty: write the name of a column"),
                    );
                }
            }
        }
    });
}

fn check_traits(definitions: &mut Definitions) {
    each(Kind::Trait, &mut definitions.traits, |report, name, one| {
        match (&one.computed, &one.sql) {
            (Some(_), Some(_)) => {
                report.at_key(
                    &["computed"],
                    format!("there is traits/{name}.sql too: keep [computed] or the SQL file, not both"),
                );
            }
            (None, None) => report.push(
                0,
                &format!("the trait says nothing: add [computed], or write traits/{name}.sql"),
            ),
            (None, Some(sql)) if sql.trim().is_empty() => {
                report.at_sql(
                    Kind::Trait,
                    name,
                    "the SQL is empty: write a SELECT of profile_id and the trait",
                );
            }
            (None, Some(_)) => {}
            (Some(computed), None) => check_computed(report, computed),
        }
    });
}

fn check_audiences(definitions: &mut Definitions) {
    let references = references(definitions);
    let check = ConditionCheck {
        warehouses: &definitions.warehouses,
        audiences: &names_of(&definitions.audiences),
        references: &references,
    };
    each(
        Kind::Audience,
        &mut definitions.audiences,
        |report, name, one| match (&one.condition, &one.sql) {
            (Some(_), Some(_)) => {
                let sentence = format!(
                    "there is audiences/{name}.sql too: keep the condition or the SQL file, not both"
                );
                report.at_key(&["condition"], sentence);
            }
            (None, None) => report.push(
                0,
                &format!("the audience says nothing: add [condition], or write audiences/{name}.sql"),
            ),
            (None, Some(sql)) if sql.trim().is_empty() => {
                report.at_sql(
                    Kind::Audience,
                    name,
                    "the SQL is empty: write a SELECT of profile_id",
                );
            }
            (None, Some(_)) => {}
            (Some(condition), None) => check.check(report, name, condition),
        },
    );
}

/// Which audiences refer to which, by `in_audience`.
fn references(definitions: &Definitions) -> Vec<(String, BTreeSet<String>)> {
    fn collect(condition: &Condition, into: &mut BTreeSet<String>) {
        match condition {
            Condition::All(parts) | Condition::Any(parts) => {
                parts.iter().for_each(|part| collect(part, into))
            }
            Condition::Not(part) => collect(part, into),
            Condition::InAudience(name) => {
                into.insert(name.clone());
            }
            Condition::Performed(_) | Condition::Attribute(_) | Condition::Trait(_) | Condition::Sql(_) => {}
        }
    }
    let of = |(name, audience): (&str, &tailrace_model::AudienceDefinition)| {
        let mut into = BTreeSet::new();
        audience
            .condition
            .iter()
            .for_each(|condition| collect(condition, &mut into));
        (name.to_owned(), into)
    };
    definitions.valid_audiences().map(of).collect()
}

fn check_destinations(destinations: &mut Named<DestinationDefinition>) {
    fn walk(report: &mut Report<'_>, path: &[&str], value: &serde_json::Value) {
        match value {
            serde_json::Value::String(text) => {
                if let Some(Err(error)) = secrets::reference(text) {
                    report.at(path, error.message);
                }
            }
            serde_json::Value::Array(values) => {
                for (index, value) in values.iter().enumerate() {
                    walk(report, &[path, &[&index.to_string()]].concat(), value);
                }
            }
            serde_json::Value::Object(values) => {
                for (key, value) in values {
                    walk(report, &[path, &[key.as_str()]].concat(), value);
                }
            }
            serde_json::Value::Null | serde_json::Value::Bool(_) | serde_json::Value::Number(_) => {}
        }
    }
    each(Kind::Destination, destinations, |report, _, destination| {
        for (key, value) in &destination.settings {
            walk(report, &["settings", key], value);
        }
    });
}

fn check_syncs(definitions: &mut Definitions) {
    let Definitions {
        audiences,
        destinations,
        warehouses,
        syncs,
        ..
    } = definitions;
    each(Kind::Sync, syncs, |report, _, sync| {
        if !audiences.contains_key(&sync.audience) {
            let instead = instead(Kind::Audience, audiences, &sync.audience);
            report.at(
                &["audience"],
                format!("there is no audience \"{}\"{instead}", sync.audience),
            );
        }
        if !destinations.contains_key(&sync.destination) {
            let instead = instead(Kind::Destination, destinations, &sync.destination);
            report.at(
                &["destination"],
                format!("there is no destination \"{}\"{instead}", sync.destination),
            );
        }
        check_mapping(report, sync, warehouses);
    });
}

fn check_mapping(report: &mut Report<'_>, sync: &SyncDefinition, warehouses: &Named<WarehouseDefinition>) {
    if !sync.mapping.contains_key(&sync.key) {
        let place: &[&str] = if report.locator.has(&["key"]) {
            &["key"]
        } else {
            &["mapping"]
        };
        let columns: Vec<&str> = sync.mapping.keys().map(String::as_str).collect();
        let mapped = if columns.is_empty() {
            "no column".to_owned()
        } else {
            columns.join(", ")
        };
        let sentence = format!(
            "the key \"{}\" is no column of the mapping, which has {mapped}: map it, or choose another key",
            sync.key
        );
        report.at(place, sentence);
    }
    for (column, from) in &sync.mapping {
        let path = ["mapping", column.as_str()];
        let parts: Vec<&str> = from.split('.').collect();
        match parts.as_slice() {
            [one] if !one.trim().is_empty() => {}
            [warehouse, table, field] if !field.is_empty() => {
                if let Err(sentence) = warehouse_table(warehouses, warehouse, table) {
                    report.at(&path, sentence);
                }
            }
            _ => {
                let sentence = format!(
                    "\"{from}\" is nothing to map: write an identifier (\"user_id\"), a trait, or \"warehouse.table.column\""
                );
                report.at(&path, sentence);
            }
        }
    }
}

/// Whether a warehouse's table is defined. Of a warehouse that does not parse, every table may be there.
pub(super) fn warehouse_table(
    warehouses: &Named<WarehouseDefinition>,
    warehouse: &str,
    table: &str,
) -> Result<(), String> {
    let Some(loaded) = warehouses.get(warehouse) else {
        return Err(format!(
            "there is no warehouse \"{warehouse}\"{}",
            instead(Kind::Warehouse, warehouses, warehouse)
        ));
    };
    match &loaded.value {
        Some(definition) if !definition.tables.contains_key(table) => {
            let tables: Vec<&str> = definition.tables.keys().map(String::as_str).collect();
            Err(format!(
                "the warehouse \"{warehouse}\" has no table \"{table}\": {} has {}",
                loaded.file,
                tables.join(", ")
            ))
        }
        _ => Ok(()),
    }
}
