//! The definitions of a workspace, each with its problems. A file that does not parse is a problem, never the end of
//! the others.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, fs,
    path::Path,
};

use serde::de::DeserializeOwned;
use tailrace_model::{
    AlertDefinition, AudienceDefinition, ClusterDefinition, DestinationDefinition, Error, LagSettings,
    MaskDefinition, MaskWith, Result, SourceDefinition, SyncDefinition, TrackingPlanDefinition,
    TraitDefinition, WarehouseDefinition, WorkspaceDefinition,
};

use super::{
    check,
    files::{read_text, reason},
    locate::Locator,
    parse::{nearest, parse, problem},
    plans,
};

/// Definition files that one folder may hold.
pub const FILES_PER_FOLDER_MAX: usize = 5_000;
/// The file that makes a folder a workspace.
pub const WORKSPACE_FILE: &str = "tailrace.toml";

/// The kinds of definitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    Workspace,
    Cluster,
    Source,
    TrackingPlan,
    Warehouse,
    Trait,
    Audience,
    Destination,
    Sync,
    Alert,
}

impl Kind {
    /// Those that have a folder.
    pub const FOLDERS: [Self; 9] = [
        Self::Cluster,
        Self::Source,
        Self::TrackingPlan,
        Self::Warehouse,
        Self::Trait,
        Self::Audience,
        Self::Destination,
        Self::Sync,
        Self::Alert,
    ];

    pub fn noun(self) -> &'static str {
        match self {
            Self::Workspace => "workspace",
            Self::Cluster => "cluster",
            Self::Source => "source",
            Self::TrackingPlan => "tracking plan",
            Self::Warehouse => "warehouse",
            Self::Trait => "trait",
            Self::Audience => "audience",
            Self::Destination => "destination",
            Self::Sync => "sync",
            Self::Alert => "alert",
        }
    }

    /// The folder in the workspace; of the workspace itself: the workspace.
    pub fn folder(self) -> &'static str {
        match self {
            Self::Workspace => "",
            Self::Cluster => "clusters",
            Self::Source => "sources",
            Self::TrackingPlan => "tracking-plans",
            Self::Warehouse => "warehouses",
            Self::Trait => "traits",
            Self::Audience => "audiences",
            Self::Destination => "destinations",
            Self::Sync => "syncs",
            Self::Alert => "alerts",
        }
    }

    /// Whether a definition may have a `.sql` file; of a source it is the transformation.
    pub fn has_sql(self) -> bool {
        matches!(self, Self::Trait | Self::Audience | Self::Source)
    }

    /// What its files end in, beside `.sql`.
    pub fn ending(self) -> &'static str {
        match self {
            Self::TrackingPlan => "json",
            _ => "toml",
        }
    }

    /// Whether the name is a name in SQL, and so may not hold a `-`.
    pub fn is_sql_name(self) -> bool {
        matches!(self, Self::Trait | Self::Audience | Self::Warehouse)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.noun())
    }
}

/// Names one definition: `audience "pro"`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DefinitionRef {
    pub kind: Kind,
    pub name: String,
}

impl fmt::Display for DefinitionRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} \"{}\"", self.kind, self.name)
    }
}

/// One definition as it stands on disk.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded<T> {
    pub name: String,
    /// Relative to the workspace: the file that says most (`.sql` of a SQL trait or audience).
    pub file: String,
    /// Absent when a file of it does not parse.
    pub value: Option<T>,
    /// Those of its own files; each says file, line and column.
    pub problems: Vec<Error>,
    /// The text of its `.toml`, for the places of what is checked later.
    pub(super) toml: String,
}

impl<T> Loaded<T> {
    /// The text of its file that is no SQL.
    pub(crate) fn text(&self) -> &str {
        &self.toml
    }

    /// The `.toml` of it, if there is one.
    pub(super) fn toml_file(&self) -> String {
        match self.file.strip_suffix(".sql") {
            Some(stem) if !self.toml.is_empty() => format!("{stem}.toml"),
            _ => self.file.clone(),
        }
    }
}

/// Definitions of one kind, by name.
pub type Named<T> = BTreeMap<String, Loaded<T>>;

/// All definitions of a workspace.
#[derive(Debug, Clone, PartialEq)]
pub struct Definitions {
    pub workspace: Loaded<WorkspaceDefinition>,
    pub clusters: Named<ClusterDefinition>,
    pub sources: Named<SourceDefinition>,
    pub plans: Named<TrackingPlanDefinition>,
    pub warehouses: Named<WarehouseDefinition>,
    pub traits: Named<TraitDefinition>,
    pub audiences: Named<AudienceDefinition>,
    pub destinations: Named<DestinationDefinition>,
    pub syncs: Named<SyncDefinition>,
    pub alerts: Named<AlertDefinition>,
    /// Of the folders themselves: one that can't be read, one with too many files.
    pub problems: Vec<Error>,
}

macro_rules! lookups {
    ($($one:ident, $valid:ident, $field:ident, $kind:ident, $type:ty;)*) => {
        $(
            /// A definition by name, when its files parse.
            pub fn $one(&self, name: &str) -> Result<&$type> {
                find(Kind::$kind, &self.$field, name)
            }

            /// Those whose files parse, by name.
            pub fn $valid(&self) -> impl Iterator<Item = (&str, &$type)> {
                self.$field.iter().filter_map(|(name, loaded)| Some((name.as_str(), loaded.value.as_ref()?)))
            }
        )*
    };
}

impl Definitions {
    /// Reads every file and checks what they say of each other.
    pub(super) fn load(dir: &Path) -> Self {
        let mut problems = Vec::new();
        let mut definitions = Self {
            workspace: load_one(dir, "tailrace", Some(WORKSPACE_FILE.to_owned())),
            clusters: load_toml(dir, Kind::Cluster, &mut problems),
            sources: plans::load_sources(dir, &mut problems),
            plans: plans::load(dir, &mut problems),
            warehouses: load_toml(dir, Kind::Warehouse, &mut problems),
            traits: load_twins(dir, Kind::Trait, &mut problems),
            audiences: load_twins(dir, Kind::Audience, &mut problems),
            destinations: load_toml(dir, Kind::Destination, &mut problems),
            syncs: load_toml(dir, Kind::Sync, &mut problems),
            alerts: load_toml(dir, Kind::Alert, &mut problems),
            problems,
        };
        check::check(&mut definitions);
        definitions
    }

    lookups! {
        cluster, valid_clusters, clusters, Cluster, ClusterDefinition;
        source, valid_sources, sources, Source, SourceDefinition;
        plan, valid_plans, plans, TrackingPlan, TrackingPlanDefinition;
        warehouse, valid_warehouses, warehouses, Warehouse, WarehouseDefinition;
        trait_, valid_traits, traits, Trait, TraitDefinition;
        audience, valid_audiences, audiences, Audience, AudienceDefinition;
        destination, valid_destinations, destinations, Destination, DestinationDefinition;
        sync, valid_syncs, syncs, Sync, SyncDefinition;
        alert, valid_alerts, alerts, Alert, AlertDefinition;
    }

    /// Masks of the workspace, in their order. Where `tailrace.toml` can't be read, everything is masked: what was to be
    /// hidden is not shown because of a mistake.
    pub fn masks(&self) -> &[MaskDefinition] {
        static EVERYTHING: [MaskDefinition; 1] = [MaskDefinition {
            topic: None,
            column: None,
            pattern: None,
            with: MaskWith::Mask,
        }];
        match &self.workspace.value {
            Some(workspace) => &workspace.masks,
            None if self.workspace.toml.contains("masks") => &EVERYTHING,
            None => &[],
        }
    }

    /// The workspace's name; `workspace` when `tailrace.toml` does not parse.
    pub fn name(&self) -> &str {
        self.workspace
            .value
            .as_ref()
            .map_or("workspace", |workspace| &workspace.name)
    }

    /// The IANA name of the workspace's time zone; `UTC` when `tailrace.toml` does not parse.
    pub fn time_zone(&self) -> &str {
        self.workspace
            .value
            .as_ref()
            .map_or("UTC", |workspace| &workspace.time_zone)
    }

    /// How lag of a cluster is sampled and judged.
    pub fn lag_settings(&self, cluster: &str) -> LagSettings {
        let own = self.cluster(cluster).map(|it| it.lag.clone());
        let workspace = self.workspace.value.as_ref().map(|it| it.lag.clone());
        own.unwrap_or_default().or(&workspace.unwrap_or_default())
    }

    /// A problem found outside this module, at the value of a path in a definition's file, or where the nearest thing to
    /// it stands: `syncs/x.toml:3:8: ...`.
    pub fn problem_in(&self, kind: Kind, name: &str, path: &[&str], code: &str, sentence: &str) -> Error {
        let (file, text) = self.text_of(kind, name);
        problem(&file, &text, Locator::new(&text).value(path), code, sentence)
    }

    /// Places an error that came of a definition, and says so in front of its sentence: `warehouses/x.toml:3:8: ...`.
    pub fn place_in(&self, kind: Kind, name: &str, path: &[&str], error: Error) -> Error {
        let placed = self.problem_in(kind, name, path, &error.code, &error.message);
        Error {
            message: placed.message,
            position: placed.position,
            ..error
        }
    }

    /// The `.toml` of a definition and its text; of one that has none, the text is empty.
    fn text_of(&self, kind: Kind, name: &str) -> (String, String) {
        fn of<T>(named: &Named<T>, name: &str) -> Option<(String, String)> {
            named
                .get(name)
                .map(|loaded| (loaded.toml_file(), loaded.toml.clone()))
        }
        let found = match kind {
            Kind::Workspace => Some((self.workspace.file.clone(), self.workspace.toml.clone())),
            Kind::Cluster => of(&self.clusters, name),
            Kind::Source => of(&self.sources, name),
            Kind::TrackingPlan => of(&self.plans, name),
            Kind::Warehouse => of(&self.warehouses, name),
            Kind::Trait => of(&self.traits, name),
            Kind::Audience => of(&self.audiences, name),
            Kind::Destination => of(&self.destinations, name),
            Kind::Sync => of(&self.syncs, name),
            Kind::Alert => of(&self.alerts, name),
        };
        found.unwrap_or_else(|| {
            (
                format!("{}/{name}.{}", kind.folder(), kind.ending()),
                String::new(),
            )
        })
    }

    /// Every problem, by file and place.
    pub fn problems(&self) -> Vec<Error> {
        fn of<T>(named: &Named<T>) -> impl Iterator<Item = &Error> {
            named.values().flat_map(|loaded| &loaded.problems)
        }
        let mut all: Vec<Error> = self
            .problems
            .iter()
            .chain(&self.workspace.problems)
            .chain(of(&self.clusters))
            .chain(of(&self.sources))
            .chain(of(&self.plans))
            .chain(of(&self.warehouses))
            .chain(of(&self.traits))
            .chain(of(&self.audiences))
            .chain(of(&self.destinations))
            .chain(of(&self.syncs))
            .chain(of(&self.alerts))
            .cloned()
            .collect();
        all.sort_by_key(|error| {
            let position = error.position.as_ref();
            position.map(|position| (position.file.clone(), position.line, position.column))
        });
        all
    }

    /// The definitions that differ from before, those that came and those that went.
    pub(super) fn differences(&self, before: &Self) -> Vec<DefinitionRef> {
        let mut changed = Vec::new();
        if self.workspace != before.workspace {
            changed.push(DefinitionRef {
                kind: Kind::Workspace,
                name: self.name().to_owned(),
            });
        }
        differing(Kind::Cluster, &self.clusters, &before.clusters, &mut changed);
        differing(Kind::Source, &self.sources, &before.sources, &mut changed);
        differing(Kind::TrackingPlan, &self.plans, &before.plans, &mut changed);
        differing(
            Kind::Warehouse,
            &self.warehouses,
            &before.warehouses,
            &mut changed,
        );
        differing(Kind::Trait, &self.traits, &before.traits, &mut changed);
        differing(Kind::Audience, &self.audiences, &before.audiences, &mut changed);
        differing(
            Kind::Destination,
            &self.destinations,
            &before.destinations,
            &mut changed,
        );
        differing(Kind::Sync, &self.syncs, &before.syncs, &mut changed);
        differing(Kind::Alert, &self.alerts, &before.alerts, &mut changed);
        changed
    }
}

fn differing<T: PartialEq>(kind: Kind, now: &Named<T>, before: &Named<T>, changed: &mut Vec<DefinitionRef>) {
    let names: BTreeSet<&String> = now.keys().chain(before.keys()).collect();
    let differs = names
        .into_iter()
        .filter(|name| now.get(*name) != before.get(*name));
    changed.extend(differs.map(|name| DefinitionRef {
        kind,
        name: name.clone(),
    }));
}

fn find<'a, T>(kind: Kind, named: &'a Named<T>, name: &str) -> Result<&'a T> {
    match named.get(name) {
        Some(Loaded {
            value: Some(value), ..
        }) => Ok(value),
        Some(loaded) => Err(loaded
            .problems
            .first()
            .cloned()
            .unwrap_or_else(|| unknown(kind, named, name))),
        None => Err(unknown(kind, named, name)),
    }
}

fn unknown<T>(kind: Kind, named: &Named<T>, name: &str) -> Error {
    Error::user(
        &format!("unknown_{kind}").replace(' ', "_"),
        format!("there is no {kind} \"{name}\"{}", instead(kind, named, name)),
    )
}

/// What to write instead of a name that is not there: `: did you mean "pro"?`.
pub(super) fn instead<T>(kind: Kind, named: &Named<T>, name: &str) -> String {
    const LISTED_MAX: usize = 8;
    if let Some(near) = nearest(name, named.keys().map(String::as_str)) {
        return format!(": did you mean \"{near}\"?");
    }
    let folder = kind.folder();
    if named.is_empty() {
        return format!(
            ": the folder {folder} is empty; write {folder}/{name}.{}",
            kind.ending()
        );
    }
    let listed: Vec<&str> = named.keys().take(LISTED_MAX).map(String::as_str).collect();
    let more = if named.len() > LISTED_MAX { ", ..." } else { "" };
    format!(": there are {}{more}", listed.join(", "))
}

fn load_toml<T: DeserializeOwned>(dir: &Path, kind: Kind, problems: &mut Vec<Error>) -> Named<T> {
    let mut named = Named::new();
    for (name, files) in names(dir, kind, problems) {
        let file = files.toml.then(|| format!("{}/{name}.toml", kind.folder()));
        named.insert(name.clone(), load_one(dir, &name, file));
    }
    named
}

pub(super) fn load_one<T: DeserializeOwned>(dir: &Path, name: &str, file: Option<String>) -> Loaded<T> {
    let file = file.unwrap_or_default();
    let mut loaded = Loaded {
        name: name.to_owned(),
        file,
        value: None,
        problems: Vec::new(),
        toml: String::new(),
    };
    match read_text(&dir.join(&loaded.file), &loaded.file) {
        Ok(text) => {
            match parse(&loaded.file, &text) {
                Ok(value) => loaded.value = Some(value),
                Err(error) => loaded.problems.push(error),
            }
            loaded.toml = text;
        }
        Err(error) => loaded.problems.push(error),
    }
    loaded
}

/// What a trait and an audience have in common for their pair of files.
pub(super) trait Twin: DeserializeOwned {
    fn of_sql() -> Self;
    fn sql_mut(&mut self) -> &mut Option<String>;
}

impl Twin for TraitDefinition {
    fn of_sql() -> Self {
        Self {
            title: None,
            description: None,
            computed: None,
            sql: None,
        }
    }

    fn sql_mut(&mut self) -> &mut Option<String> {
        &mut self.sql
    }
}

impl Twin for AudienceDefinition {
    fn of_sql() -> Self {
        Self {
            title: None,
            description: None,
            condition: None,
            sql: None,
        }
    }

    fn sql_mut(&mut self) -> &mut Option<String> {
        &mut self.sql
    }
}

fn load_twins<T: Twin>(dir: &Path, kind: Kind, problems: &mut Vec<Error>) -> Named<T> {
    let mut named = Named::new();
    for (name, files) in names(dir, kind, problems) {
        named.insert(name.clone(), load_twin(dir, kind, &name, files));
    }
    named
}

/// A definition of `NAME.toml`, of `NAME.sql`, or of both: then the `.toml` has the title and description.
fn load_twin<T: Twin>(dir: &Path, kind: Kind, name: &str, files: Files) -> Loaded<T> {
    let sql_file = format!("{}/{name}.sql", kind.folder());
    let mut loaded: Loaded<T> = if files.toml {
        load_one(dir, name, Some(format!("{}/{name}.toml", kind.folder())))
    } else {
        let (name, value) = (name.to_owned(), Some(T::of_sql()));
        Loaded {
            name,
            file: sql_file.clone(),
            value,
            problems: Vec::new(),
            toml: String::new(),
        }
    };
    if let Some(value) = &mut loaded.value
        && value.sql_mut().take().is_some()
    {
        let sentence =
            format!("SQL has its own file: move the text of \"sql\" to {sql_file} and remove the key");
        let offset = Locator::new(&loaded.toml).key(&["sql"]);
        let problem = problem(
            &loaded.file,
            &loaded.toml,
            offset,
            "definition_invalid",
            &sentence,
        );
        loaded.problems.push(problem);
        loaded.value = None;
    }
    if files.sql {
        loaded.file = sql_file.clone();
        match read_text(&dir.join(&sql_file), &sql_file) {
            Ok(text) => {
                if let Some(value) = &mut loaded.value {
                    *value.sql_mut() = Some(text);
                }
            }
            Err(error) => {
                loaded.value = None;
                loaded.problems.push(error);
            }
        }
    }
    loaded
}

/// Which files a name has.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Files {
    pub toml: bool,
    pub sql: bool,
}

/// The definitions of a folder, by name. Hidden files and other endings are not ours.
pub(super) fn names(dir: &Path, kind: Kind, problems: &mut Vec<Error>) -> BTreeMap<String, Files> {
    let mut names: BTreeMap<String, Files> = BTreeMap::new();
    let folder = kind.folder();
    let entries = match fs::read_dir(dir.join(folder)) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return names,
        Err(error) => {
            let message = format!(
                "the folder {folder} can't be read ({}): check its permissions",
                reason(&error)
            );
            problems.push(Error::user("definition_unreadable", message).at(Some(folder), 1, 1));
            return names;
        }
    };
    for entry in entries.flatten() {
        let file = entry.file_name();
        let Some((name, ending)) = file.to_str().and_then(|file| file.rsplit_once('.')) else {
            continue;
        };
        if name.is_empty()
            || name.starts_with('.')
            || !(ending == kind.ending() || (ending == "sql" && kind.has_sql()))
        {
            continue;
        }
        if names.len() >= FILES_PER_FOLDER_MAX && !names.contains_key(name) {
            let message = format!(
                "the folder {folder} has more than {FILES_PER_FOLDER_MAX} definitions: some were not read"
            );
            problems.push(Error::user("too_many_definitions", message).at(Some(folder), 1, 1));
            break;
        }
        let files = names.entry(name.to_owned()).or_default();
        files.toml |= ending == kind.ending();
        files.sql |= ending == "sql";
    }
    names
}
