//! Saving definitions: edited in place (see [`super::edit`]) from what stands on disk now, written atomically.

use std::path::Path;

use serde::{Serialize, de::DeserializeOwned};
use tailrace_model::{
    AlertDefinition, AudienceDefinition, ClusterDefinition, DestinationDefinition, Error, Result,
    SourceDefinition, SyncDefinition, TraitDefinition, WarehouseDefinition,
};

use super::{
    Workspace,
    check::{check_name, names_of},
    check_lag::problems_of,
    definitions::Kind,
    edit::edit,
    files::{cannot_write, read_text, remove, write_atomically},
};

impl Workspace {
    /// Saves a trait: `computed` in `NAME.toml`, `sql` in `NAME.sql` with title and description in `NAME.toml`.
    pub fn save_trait(&mut self, name: &str, definition: &TraitDefinition) -> Result<()> {
        let TraitDefinition {
            title,
            description,
            computed,
            sql,
        } = definition;
        one_of(Kind::Trait, name, computed.is_some(), sql.as_deref())?;
        let bare = title.is_none() && description.is_none() && computed.is_none();
        let toml = TraitDefinition {
            sql: None,
            ..definition.clone()
        };
        self.save_twins(Kind::Trait, name, &toml, bare, sql.as_deref())
    }

    /// Saves an audience: `condition` in `NAME.toml`, `sql` in `NAME.sql` with title and description in `NAME.toml`.
    pub fn save_audience(&mut self, name: &str, definition: &AudienceDefinition) -> Result<()> {
        let AudienceDefinition {
            title,
            description,
            condition,
            sql,
        } = definition;
        one_of(Kind::Audience, name, condition.is_some(), sql.as_deref())?;
        let bare = title.is_none() && description.is_none() && condition.is_none();
        let toml = AudienceDefinition {
            sql: None,
            ..definition.clone()
        };
        self.save_twins(Kind::Audience, name, &toml, bare, sql.as_deref())
    }

    pub fn save_cluster(&mut self, name: &str, definition: &ClusterDefinition) -> Result<()> {
        self.save_toml(Kind::Cluster, name, definition)
    }

    /// The text that a cluster's new file would have.
    pub fn cluster_text(name: &str, definition: &ClusterDefinition) -> Result<String> {
        named(Kind::Cluster, name)?;
        edit(&format!("{}/{name}.toml", Kind::Cluster.folder()), "", definition)
    }

    /// A transformation that stands in `sources/NAME.sql` stays there.
    pub fn save_source(&mut self, name: &str, definition: &SourceDefinition) -> Result<()> {
        let mut definition = definition.clone();
        if self
            .dir
            .join(format!("{}/{name}.sql", Kind::Source.folder()))
            .exists()
        {
            definition.transform = None;
        }
        self.save_toml(Kind::Source, name, &definition)
    }

    pub fn save_warehouse(&mut self, name: &str, definition: &WarehouseDefinition) -> Result<()> {
        self.save_toml(Kind::Warehouse, name, definition)
    }

    pub fn save_destination(&mut self, name: &str, definition: &DestinationDefinition) -> Result<()> {
        self.save_toml(Kind::Destination, name, definition)
    }

    pub fn save_sync(&mut self, name: &str, definition: &SyncDefinition) -> Result<()> {
        self.save_toml(Kind::Sync, name, definition)
    }

    /// Refused with the first thing that is wrong with it.
    pub fn save_alert(&mut self, name: &str, definition: &AlertDefinition) -> Result<()> {
        self.check_alert(name, definition)?;
        self.save_toml(Kind::Alert, name, definition)
    }

    /// What is wrong with an alert, saved or not.
    pub fn check_alert(&self, name: &str, definition: &AlertDefinition) -> Result<()> {
        named(Kind::Alert, name)?;
        let clusters = names_of(&self.definitions.clusters);
        let problems = problems_of(name, definition, &clusters);
        problems.into_iter().next().map_or(Ok(()), Err)
    }

    /// The file goes, with its comments.
    pub fn delete_alert(&mut self, name: &str) -> Result<()> {
        named(Kind::Alert, name)?;
        let path = self.dir.join(format!("{}/{name}.toml", Kind::Alert.folder()));
        if !path.exists() {
            let sentence = format!("there is no alert \"{name}\": `tailrace alerts` lists them");
            return Err(Error::user("unknown_alert", sentence));
        }
        remove(&path).map_err(|error| cannot_write(&path, &error))?;
        self.saved(Kind::Alert, name)
    }

    fn save_toml<T>(&mut self, kind: Kind, name: &str, definition: &T) -> Result<()>
    where
        T: Serialize + DeserializeOwned + PartialEq,
    {
        named(kind, name)?;
        write_definition(&self.dir, &format!("{}/{name}.toml", kind.folder()), definition)?;
        self.saved(kind, name)
    }

    /// What else differs by now was changed outside, and is told of by the next reload.
    pub(super) fn saved(&mut self, kind: Kind, name: &str) -> Result<()> {
        let changed = self.read_again()?;
        self.unseen.extend(
            changed
                .into_iter()
                .filter(|one| one.kind != kind || one.name != name),
        );
        Ok(())
    }

    /// The file that stays is written before the one that is left over goes: a crash in between shows as a problem
    /// that names both, and loses nothing.
    fn save_twins<T>(&mut self, kind: Kind, name: &str, toml: &T, bare: bool, sql: Option<&str>) -> Result<()>
    where
        T: Serialize + DeserializeOwned + PartialEq,
    {
        let (toml_file, sql_file) = (
            format!("{}/{name}.toml", kind.folder()),
            format!("{}/{name}.sql", kind.folder()),
        );
        let sql_path = self.dir.join(&sql_file);
        if let Some(sql) = sql {
            let sql = if sql.ends_with('\n') {
                sql.to_owned()
            } else {
                format!("{sql}\n")
            };
            if read_text(&sql_path, &sql_file).ok().as_ref() != Some(&sql) {
                write_atomically(&sql_path, sql.as_bytes())
                    .map_err(|error| cannot_write(&sql_path, &error))?;
            }
        }
        let toml_path = self.dir.join(&toml_file);
        // Of a SQL definition the .toml is only made when it says something, and kept when it has comments.
        if !bare || (toml_path.exists() && !edited_is_empty(&self.dir, &toml_file, toml)) {
            write_definition(&self.dir, &toml_file, toml)?;
        } else {
            remove(&toml_path).map_err(|error| cannot_write(&toml_path, &error))?;
        }
        if sql.is_none() {
            remove(&sql_path).map_err(|error| cannot_write(&sql_path, &error))?;
        }
        self.saved(kind, name)
    }
}

fn write_definition<T>(dir: &Path, file: &str, definition: &T) -> Result<()>
where
    T: Serialize + DeserializeOwned + PartialEq,
{
    let path = dir.join(file);
    let before = if path.exists() {
        read_text(&path, file)?
    } else {
        String::new()
    };
    let after = edit(file, &before, definition)?;
    if after == before {
        return Ok(());
    }
    write_atomically(&path, after.as_bytes()).map_err(|error| cannot_write(&path, &error))
}

fn edited_is_empty<T>(dir: &Path, file: &str, definition: &T) -> bool
where
    T: Serialize + DeserializeOwned + PartialEq,
{
    let Ok(before) = read_text(&dir.join(file), file) else {
        return false;
    };
    edit(file, &before, definition).is_ok_and(|after| after.trim().is_empty())
}

fn named(kind: Kind, name: &str) -> Result<()> {
    check_name(kind, name).map_err(|sentence| Error::user("definition_name", sentence))
}

fn one_of(kind: Kind, name: &str, structured: bool, sql: Option<&str>) -> Result<()> {
    named(kind, name)?;
    let what = if kind == Kind::Trait {
        "a computed trait"
    } else {
        "conditions"
    };
    match (structured, sql) {
        (true, Some(_)) => Err(Error::user(
            "definition_invalid",
            format!("the {kind} \"{name}\" can't be {what} and SQL at once: choose one"),
        )),
        (false, None) => Err(Error::user(
            "definition_invalid",
            format!("the {kind} \"{name}\" says nothing: give it {what} or SQL"),
        )),
        (false, Some(sql)) if sql.trim().is_empty() => Err(Error::user(
            "definition_invalid",
            format!("the SQL of the {kind} \"{name}\" is empty: write a SELECT"),
        )),
        _ => Ok(()),
    }
}
